package inspect

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/headrace/headrace/operators/batch"
)

// The sheet. A tile is read beside others, so that its letters are small and its lines thin.
const (
	acrossMax           = 6
	tilesMax            = 60 // columns drawn; of more, those that tell most of the label, else the first
	tileWide, tileHigh  = 3.1 * vg.Inch, 2.15 * vg.Inch
	sheetMargin         = 0.3 * vg.Inch
	headHigh            = 0.62 * vg.Inch
	tileGap             = 0.22 * vg.Inch
	dotsPerInch         = 144
	histogramBins       = 28
	categoriesMax       = 7
	groupsMax           = 5 // of the label
	tailShare           = 0.005
	tailFactor          = 1.6 // how much longer the axis would be with the tails, from which on they are left out
	barShare            = 0.86
	axisMax             = 1e300 // infinities, and what is as good as they, are not drawn
	titleRunes, keyRune = 34, 18
)

var (
	ink     = color.NRGBA{0x1b, 0x26, 0x33, 0xff}
	soft    = color.NRGBA{0x5d, 0x69, 0x78, 0xff}
	gridInk = color.NRGBA{0xe6, 0xe9, 0xee, 0xff}
	page    = color.White
	// distinguishable by those who do not tell red from green (after Okabe and Ito, darkened for white paper)
	palette = []color.NRGBA{{0x2f, 0x6f, 0xb2, 0xff}, {0xd9, 0x6c, 0x1e, 0xff}, {0x1f, 0x8f, 0x72, 0xff}, {0xb0, 0x4f, 0x96, 0xff}, {0x8a, 0x8f, 0x98, 0xff}}
)

// PlotName says whether a picture can be written under that name.
func PlotName(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg", ".png":
		return nil
	}
	return fmt.Errorf("the name ends in .svg or .png")
}

// Plot draws every column of the sample into an SVG or PNG file: a histogram of numbers and times, bars of all else, split by the label
// where there is one. The file appears whole or not at all.
func (in *File) Plot(path string) error {
	if err := PlotName(path); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".plot-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // once renamed, there is none
	if err := in.drawTo(f, strings.ToLower(filepath.Ext(path)) == ".png"); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (in *File) drawTo(w io.Writer, png bool) error {
	shown := in.drawn()
	across := max(1, min(acrossMax, int(math.Ceil(math.Sqrt(float64(len(shown)))))))
	down := max(1, (len(shown)+across-1)/across)
	wide := 2*sheetMargin + vg.Length(across)*tileWide + vg.Length(across-1)*tileGap
	high := 2*sheetMargin + headHigh + vg.Length(down)*tileHigh + vg.Length(down-1)*tileGap
	var c vg.CanvasSizer
	var out io.WriterTo
	if png {
		img := vgimg.NewWith(vgimg.UseWH(wide, high), vgimg.UseDPI(dotsPerInch), vgimg.UseBackgroundColor(page))
		c, out = img, vgimg.PngCanvas{Canvas: img}
	} else {
		svg := vgsvg.NewWith(vgsvg.UseWH(wide, high))
		c, out = svg, svg
	}
	dc := draw.New(c)
	dc.FillPolygon(page, []vg.Point{{}, {X: wide}, {X: wide, Y: high}, {Y: high}})
	dc = draw.Crop(dc, sheetMargin, -sheetMargin, sheetMargin, -sheetMargin)
	groups := in.groups()
	in.head(dc, len(shown), groups)
	for i, j := range shown {
		x := dc.Min.X + vg.Length(i%across)*(tileWide+tileGap)
		y := dc.Max.Y - headHigh - vg.Length(i/across)*(tileHigh+tileGap)
		in.tile(draw.Canvas{Canvas: dc.Canvas, Rectangle: vg.Rectangle{Min: vg.Point{X: x, Y: y - tileHigh}, Max: vg.Point{X: x + tileWide, Y: y}}}, j, groups)
	}
	_, err := out.WriteTo(w)
	return err
}

// drawn are the columns that get a tile, in the order of the file.
func (in *File) drawn() []int {
	var all []int
	for i, c := range in.Columns {
		if c.Min != nil { // what has no value has no picture
			all = append(all, i)
		}
	}
	if len(all) <= tilesMax {
		return all
	}
	if in.Label != "" {
		slices.SortStableFunc(all, func(a, b int) int {
			rank := func(i int) float64 {
				if in.Columns[i].Name == in.Label {
					return 2
				}
				return in.Columns[i].Association.Strength()
			}
			switch {
			case rank(a) > rank(b):
				return -1
			case rank(a) < rank(b):
				return 1
			}
			return 0
		})
	}
	all = all[:tilesMax]
	slices.Sort(all)
	return all
}

// grouping is the rows of the sample by the label: -1 is in no group.
type grouping struct {
	names []string
	of    []int32
}

// groups are the label's classes, the most frequent first, or the two halves of its numbers.
func (in *File) groups() grouping {
	g := grouping{of: make([]int32, in.sample.n)}
	label := in.schema.Index(in.Label)
	if label < 0 {
		g.names = []string{""}
		return g
	}
	c, s := &in.Columns[label], &in.sample.cols[label]
	if in.LabelKind == Numbers && len(s.sorted) > 0 {
		middle := stat.Quantile(0.5, stat.Empirical, s.sorted, nil)
		at := number(&middle)
		if c.Median != nil && c.field.Type.Temporal() {
			at = short(c.Median.Text)
		}
		g.names = []string{"≤ " + at, "> " + at}
		for i, v := range s.nums {
			switch {
			case v <= middle:
			case v > middle:
				g.of[i] = 1
			default:
				g.of[i] = -1
			}
		}
		return g
	}
	values, names := s.named(c)
	keep := min(len(names), groupsMax)
	if len(names) > groupsMax {
		keep = groupsMax - 1
	}
	g.names = slices.Clone(names[:keep])
	if keep < len(names) {
		g.names = append(g.names, "others")
	}
	for i, v := range values {
		g.of[i] = min(v, int32(len(g.names)-1))
	}
	return g
}

// named are a column's values as codes in the order of how often they are there, with their names; -1 is none.
func (s *sampleColumn) named(c *Column) ([]int32, []string) {
	codes, k := s.codes, len(s.names)
	name := func(i int) string { return clip(s.names[i]) }
	if !s.text {
		distinct := slices.Compact(slices.Clone(s.sorted))
		k = len(distinct)
		codes = make([]int32, len(s.nums))
		for i, v := range s.nums {
			codes[i] = -1
			if v == v {
				at, _ := slices.BinarySearch(distinct, v)
				codes[i] = int32(at)
			}
		}
		t := tally{f: c.field}
		name = func(i int) string { return t.value(distinct[i]).Text }
	}
	count, order := make([]int, k), make([]int, k)
	for _, v := range codes {
		if v >= 0 {
			count[v]++
		}
	}
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return count[b] - count[a] })
	rank, names := make([]int32, k), make([]string, k)
	for r, i := range order {
		rank[i], names[r] = int32(r), name(i)
	}
	out := make([]int32, len(codes))
	for i, v := range codes {
		out[i] = -1
		if v >= 0 {
			out[i] = rank[v]
		}
	}
	return out, names
}

func style(size vg.Length, weight bool, c color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if weight {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: c, Font: f, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// head is the sheet's title with what the colours mean.
func (in *File) head(c draw.Canvas, shown int, g grouping) {
	c.FillText(style(15, true, ink, draw.XLeft, draw.YTop), vg.Point{X: c.Min.X, Y: c.Max.Y}, base(in.Path))
	what := fmt.Sprintf("%s rows, %d columns", thousands(in.Rows), len(in.Columns))
	if in.SampleRows < in.Rows {
		what += fmt.Sprintf(", drawn from a sample of %s", thousands(in.SampleRows))
	}
	if shown < len(in.Columns) {
		what += fmt.Sprintf("; %d are shown", shown)
	}
	quiet := style(9.5, false, soft, draw.XLeft, draw.YTop)
	x, y := c.Min.X, c.Max.Y-21
	c.FillText(quiet, vg.Point{X: x, Y: y}, what)
	if in.Label == "" {
		return
	}
	x += quiet.Width(what) + 16
	by := style(9.5, true, ink, draw.XLeft, draw.YTop)
	c.FillText(by, vg.Point{X: x, Y: y}, cut(clip(in.Label), titleRunes))
	x += by.Width(cut(clip(in.Label), titleRunes)) + 8
	for i, n := range g.names {
		n = cut(n, keyRune)
		c.FillPolygon(palette[i], box(x, y-9, x+8, y-1))
		c.FillText(quiet, vg.Point{X: x + 11, Y: y}, n)
		x += quiet.Width(n) + 22
	}
}

func box(x0, y0, x1, y1 vg.Length) []vg.Point {
	return []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

// tile draws one column.
func (in *File) tile(c draw.Canvas, j int, g grouping) {
	col, s := &in.Columns[j], &in.sample.cols[j]
	isLabel := col.Name == in.Label
	if isLabel { // by itself it would be split into nothing and all
		g = grouping{names: []string{""}, of: make([]int32, in.sample.n)}
	}
	p := plot.New()
	p.BackgroundColor = page
	title := style(10, true, ink, draw.XLeft, draw.YTop)
	c.FillText(title, vg.Point{X: c.Min.X, Y: c.Max.Y}, cut(clip(col.Name), titleRunes))
	note := ""
	if col.Nulls > 0 {
		note = percent(col.Nulls, in.Rows) + " null"
	}
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Label.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 7.5}
		a.Tick.Label.Color = soft
		a.Tick.LineStyle.Width = 0
		a.Tick.Length = 2
		a.LineStyle.Width = 0
		a.Padding = 0
	}
	if col.Identifier {
		c.FillText(style(8, false, soft, draw.XLeft, draw.YTop), vg.Point{X: c.Min.X, Y: c.Max.Y - 20},
			fmt.Sprintf("an identifier: %s values in %s rows", thousands(col.Distinct), thousands(in.values(col))))
		return
	}
	if col.category() || isLabel && in.LabelKind == Classes || !s.text && len(slices.Compact(slices.Clone(s.sorted))) <= 2 {
		b := newBars(s, col, g)
		b.byValue = isLabel && in.LabelKind == Classes
		p.Add(b)
		p.HideX()
		p.HideY()
	} else {
		h := newHistogram(s, col, g)
		if h.left {
			if note != "" {
				note += ", "
			}
			note += "middle 99%"
		}
		p.Add(h)
		p.HideY()
		p.X.LineStyle = draw.LineStyle{Color: soft, Width: 0.6}
		p.X.Tick.LineStyle = draw.LineStyle{Color: soft, Width: 0.6}
		p.X.Tick.Marker = marks{col}
	}
	c.FillText(style(8, false, soft, draw.XRight, draw.YTop), vg.Point{X: c.Max.X, Y: c.Max.Y - 1}, note)
	p.Draw(draw.Crop(c, 0, 0, 0, -17))
}

// histogram is numbers by size: of each group the share of its rows a bin, so that a rare group is seen beside a frequent one.
type histogram struct {
	lo, hi float64
	share  [][]float64 // group, bin
	left   bool        // tails were left out
}

func newHistogram(s *sampleColumn, c *Column, g grouping) *histogram {
	sorted := s.sorted // less what no axis reaches
	for len(sorted) > 0 && math.Abs(sorted[0]) > axisMax {
		sorted = sorted[1:]
	}
	for len(sorted) > 0 && math.Abs(sorted[len(sorted)-1]) > axisMax {
		sorted = sorted[:len(sorted)-1]
	}
	if len(sorted) == 0 {
		sorted = []float64{0}
	}
	h := &histogram{lo: sorted[0], hi: sorted[len(sorted)-1]}
	lo, hi := stat.Quantile(tailShare, stat.Empirical, sorted, nil), stat.Quantile(1-tailShare, stat.Empirical, sorted, nil)
	if hi > lo && h.hi-h.lo > tailFactor*(hi-lo) {
		h.lo, h.hi, h.left = lo, hi, true
	}
	bins := histogramBins
	fraction := func(v float64) bool { return v != math.Trunc(v) || math.Abs(v) > 1e9 }
	if c.field.Type.Kind == batch.Date || c.field.Type.Numeric() && !slices.ContainsFunc(sorted, fraction) {
		if n := int(min(h.hi-h.lo+1, 1e6)); n <= 2*histogramBins {
			bins = n // a bin a number
			h.lo, h.hi = h.lo-0.5, h.hi+0.5
		} else { // bins of equally many whole numbers, or the picture shows combs that the data have not
			step := math.Ceil((h.hi - h.lo + 1) / histogramBins)
			bins = int(math.Ceil((h.hi - h.lo + 1) / step))
			h.lo -= 0.5
			h.hi = h.lo + float64(step*float64(bins))
		}
	}
	if !(h.hi > h.lo) {
		half := max(0.5, math.Abs(h.lo)*1e-6)
		h.lo, h.hi = h.lo-half, h.lo+half
	}
	total := make([]float64, len(g.names))
	h.share = make([][]float64, len(g.names))
	for k := range h.share {
		h.share[k] = make([]float64, bins)
	}
	for i, v := range s.nums {
		k := g.of[i]
		if k < 0 || v != v {
			continue
		}
		total[k]++
		if v < h.lo || v > h.hi {
			continue
		}
		h.share[k][min(bins-1, int((v-h.lo)/(h.hi-h.lo)*float64(bins)))]++
	}
	for k := range h.share {
		for b := range h.share[k] {
			h.share[k][b] /= max(total[k], 1)
		}
	}
	return h
}

// DataRange is the axes' range.
func (h *histogram) DataRange() (x0, x1, y0, y1 float64) {
	for _, s := range h.share {
		y1 = max(y1, slices.Max(s))
	}
	return h.lo, h.hi, 0, max(y1*1.04, 1e-9)
}

// Plot fills the groups one over the other, the outline of each on top.
func (h *histogram) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, t := range p.X.Tick.Marker.Ticks(h.lo, h.hi) {
		if !t.IsMinor() {
			c.StrokeLine2(draw.LineStyle{Color: gridInk, Width: 0.6}, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		}
	}
	for pass := range 2 {
		for k, s := range h.share {
			fill := palette[k]
			w := (h.hi - h.lo) / float64(len(s))
			var top []vg.Point
			for b, v := range s {
				x0, x1 := x(h.lo+float64(float64(b)*w)), x(h.lo+float64(float64(b+1)*w))
				top = append(top, vg.Point{X: x0, Y: y(v)}, vg.Point{X: x1, Y: y(v)})
			}
			if pass == 0 {
				fill.A = [...]uint8{0xb0, 0x50, 0x30, 0x24, 0x20}[len(h.share)-1]
				c.FillPolygon(fill, slices.Concat([]vg.Point{{X: top[0].X, Y: y(0)}}, top, []vg.Point{{X: top[len(top)-1].X, Y: y(0)}}))
				continue
			}
			c.StrokeLines(draw.LineStyle{Color: fill, Width: 1.1}, top)
		}
	}
}

// bars are values by how often they are there, the most frequent first: of each group the share of its rows.
type bars struct {
	names   []string
	share   [][]float64 // group, value
	others  bool        // the last row stands for all other values: it has no bar, which would dwarf the rest
	byValue bool        // it is the label, and its values have colours
}

func newBars(s *sampleColumn, c *Column, g grouping) *bars {
	codes, names := s.named(c)
	rest := 0
	if len(names) > categoriesMax {
		rest = len(names) - categoriesMax + 1
		names = names[: categoriesMax-1 : categoriesMax-1]
		names = append(names, fmt.Sprintf("%s others", thousands(int64(rest))))
	}
	b := &bars{names: names, share: make([][]float64, len(g.names)), others: rest > 0}
	total := make([]float64, len(g.names))
	for k := range b.share {
		b.share[k] = make([]float64, len(names))
	}
	for i, v := range codes {
		if k := g.of[i]; k >= 0 && v >= 0 {
			total[k]++
			b.share[k][min(int(v), len(names)-1)]++
		}
	}
	for k := range b.share {
		for v := range b.share[k] {
			b.share[k][v] /= max(total[k], 1)
		}
	}
	return b
}

// DataRange is the axes' range: a row a value, from the top.
func (b *bars) DataRange() (x0, x1, y0, y1 float64) {
	for _, s := range b.share {
		if b.others {
			s = s[:len(s)-1]
		}
		x1 = max(x1, slices.Max(s))
	}
	return 0, max(x1, 1e-9), 0, float64(max(len(b.names), 4))
}

// Plot draws names at the left, bars beside them, and the share behind each.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	name := style(8, false, ink, draw.XRight, draw.YCenter)
	number := style(7, false, soft, draw.XLeft, draw.YCenter)
	left := vg.Length(0)
	short := make([]string, len(b.names))
	for i, n := range b.names {
		short[i] = cut(n, keyRune)
		left = max(left, name.Width(short[i]))
	}
	_, y := p.Transforms(&c)
	_, most, _, rows := b.DataRange()
	x0 := c.Min.X + left + 5
	scale := (c.Max.X - x0 - 24) / vg.Length(most)
	for v := range b.names {
		top, bottom := y(rows-float64(v)), y(rows-float64(v)-1)
		pad := (top - bottom) * (1 - barShare) / 2
		top, bottom = top-pad, bottom+pad
		c.FillText(name, vg.Point{X: x0 - 5, Y: (top + bottom) / 2}, short[v])
		high := (top - bottom) / vg.Length(len(b.share))
		if b.others && v == len(b.names)-1 {
			var all []string
			for _, s := range b.share {
				all = append(all, percent(int64(math.Round(s[v]*1e6)), 1e6))
			}
			c.FillText(number, vg.Point{X: x0 + 3, Y: (top + bottom) / 2}, strings.Join(all, ", "))
			continue
		}
		for k, s := range b.share {
			t := top - vg.Length(k)*high
			end := x0 + vg.Length(s[v])*scale
			fill := palette[k]
			if b.byValue {
				fill = palette[min(v, groupsMax-1)]
			}
			fill.A = 0xd0
			c.FillPolygon(fill, box(x0, t-high*0.94, max(end, x0+0.6), t))
			if high >= 6 {
				c.FillText(number, vg.Point{X: end + 3, Y: t - high/2}, percent(int64(math.Round(s[v]*1e6)), 1e6))
			}
		}
	}
}

// marks are a few round places on an axis.
type marks struct{ c *Column }

// Ticks gives them with their names.
func (m marks) Ticks(lo, hi float64) (out []plot.Tick) {
	if m.c.field.Type.Temporal() {
		// the ends and the middle, to the day: the ends set in, so that their names stay within the tile
		t := tally{f: m.c.field}
		for _, at := range []float64{0.12, 0.5, 0.88} {
			v := lo + float64(at*(hi-lo))
			name := t.value(v).Text
			if day := float64(86400 * m.c.field.Type.Unit.PerSecond()); m.c.field.Type.Kind == batch.Timestamp && hi-lo < 3*day {
				name = strings.Replace(short(name), "T", " ", 1)[5:]
			} else {
				name = strings.SplitN(name, "T", 2)[0]
			}
			out = append(out, plot.Tick{Value: v, Label: name})
		}
		return out
	}
	step := (hi - lo) / 4
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, k := range []float64{1, 2, 2.5, 5, 10} {
		if k*unit >= step*0.8 {
			step = k * unit
			break
		}
	}
	if m.c.field.Type.Integer() {
		step = max(1, math.Round(step))
	}
	for i := math.Ceil(lo / step); float64(i*step) <= hi && len(out) < 12; i++ {
		v := float64(i * step)
		out = append(out, plot.Tick{Value: v, Label: brief(v)})
	}
	return out
}

// brief is a number as an axis has it: 12k, 1.5M.
func brief(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= u.size {
			if u.name == "k" {
				u.size = 1e3
			}
			v /= u.size
			return number(&v) + u.name
		}
	}
	v = math.Round(v*1e9)/1e9 + 0 // no -0
	return number(&v)
}
