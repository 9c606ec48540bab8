package bench

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/bench/stats"
)

var (
	ink    = color.NRGBA{0x22, 0x2b, 0x33, 0xff}
	faint  = color.NRGBA{0xe3, 0xe7, 0xea, 0xff}
	shade  = color.NRGBA{0xea, 0xf4, 0xee, 0xff}
	colors = []color.Color{color.NRGBA{0xd9, 0x83, 0x1a, 0xff}, color.NRGBA{0x1f, 0x6f, 0xb4, 0xff}, color.NRGBA{0x7a, 0x4f, 0x9e, 0xff}, color.NRGBA{0x2a, 0x8f, 0x82, 0xff}}
)

// line is a peer's interval in a row of the plot.
type line struct {
	y float64
	stats.Interval
}

// Plot draws the ratios of wall time, a row for each query, one more for what it is about, and a line for each peer, on a logarithmic scale.
func (r *Report) Plot(path string, engines []Engine) error {
	var names []string
	lines := make([][]line, len(engines)-1)
	low, high := 0.5, 1.25
	for _, one := range r.Results {
		if one.Ratios == nil {
			continue
		}
		nth, told := 0, 1 // rows of the plot: the whole and, where it was told, what it is about
		for i, e := range engines[1:] {
			ratio, ok := one.Ratios[e.Name]
			if !ok {
				continue
			}
			times := ratio.times(one.Name, one.Core)
			for j, x := range times {
				// Peers stand under one another within their query's row.
				y := -float64(len(names)+j) - 0.26*(float64(nth)-float64(len(one.Ratios)-1)/2)
				lines[i] = append(lines[i], line{y, x.Interval})
				low, high = min(low, x.Low), max(high, x.High)
			}
			nth, told = nth+1, len(times)
		}
		names = append(names, []string{one.Name, one.Core}[:told]...)
	}
	p := plot.New()
	r.decorate(p, engines[0].Name)
	p.X.Min, p.X.Max = math.Log2(low/1.1), math.Log2(high*1.1)
	p.Y.Min, p.Y.Max = -float64(len(names))+0.4, 0.6
	p.X.Tick.Marker = plot.ConstantTicks(powers(low/1.1, high*1.1))
	p.Y.Tick.Marker = plot.ConstantTicks(labels(names))
	p.Add(field{len(names)})
	above := vg.Length(4)
	for i, e := range engines[1:] {
		if lines[i] == nil {
			continue // nothing of its was measured
		}
		s := series{lines[i], colors[i%len(colors)]}
		p.Add(s)
		p.Legend.Add(e.Name, s)
		above += 12
	}
	p.Title.Padding, p.Legend.YOffs = max(8, above-18), above // beside the title, not on the plot
	return save(p, 18*vg.Centimeter, vg.Length(3.4+0.85*float64(len(names)))*vg.Centimeter, path)
}

// save draws the plot with a margin, in the format that the end of the path names.
func save(p *plot.Plot, width, height vg.Length, path string) error {
	c, err := draw.NewFormattedCanvas(width, height, strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil {
		return err
	}
	p.Draw(draw.Crop(draw.New(c), 8, -14, 6, -10))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = c.WriteTo(f)
	return errors.Join(err, f.Close())
}

// decorate sets what is the same in every plot: words, fonts, colours.
func (r *Report) decorate(p *plot.Plot, first string) {
	style := func(s *text.Style, size vg.Length, bold bool) {
		s.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
		if bold {
			s.Font.Weight = xfont.WeightBold
		}
		s.Color = ink
	}
	p.Title.Text = fmt.Sprintf("%s's wall time as a part of its peers'", first)
	p.X.Label.Text = fmt.Sprintf("below 1: %s is faster      %s rows, %s, %d threads, medians of %d rounds", first, gen.Size(r.Rows), r.Codec, r.Threads, r.Rounds)
	style(&p.Title.TextStyle, 12, true)
	style(&p.X.Label.TextStyle, 9, false)
	style(&p.X.Tick.Label, 9, false)
	style(&p.Y.Tick.Label, 9, false)
	style(&p.Legend.TextStyle, 9, false)
	p.X.Label.Padding = 6
	p.X.LineStyle.Width, p.Y.LineStyle.Width = 0, 0
	p.X.Tick.LineStyle.Width, p.Y.Tick.LineStyle.Width = 0, 0
	p.X.Padding, p.Y.Padding = 2, 6
	p.Y.Tick.Label.XAlign, p.Y.Tick.Label.YAlign = text.XRight, text.YCenter
	p.Legend.Top, p.Legend.ThumbnailWidth, p.Legend.Padding = true, 22, 2
	p.Legend.XOffs = -4
}

func powers(low, high float64) (ticks []plot.Tick) {
	for e := math.Ceil(math.Log2(low)); e <= math.Log2(high); e++ {
		ticks = append(ticks, plot.Tick{Value: e, Label: fmt.Sprintf("%.4g", math.Exp2(e))})
	}
	return ticks
}

func labels(names []string) (ticks []plot.Tick) {
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: name})
	}
	return ticks
}

// field is what lies under the lines: the half where the first engine is faster, powers of two, and rules between the rows.
type field struct{ rows int }

// Plot draws the field.
func (f field) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	one := min(toX(0), c.Max.X)
	c.FillPolygon(shade, []vg.Point{c.Min, {X: one, Y: c.Min.Y}, {X: one, Y: c.Max.Y}, {X: c.Min.X, Y: c.Max.Y}})
	thin := draw.LineStyle{Color: faint, Width: 0.6}
	for e := math.Ceil(p.X.Min); e <= p.X.Max; e++ {
		c.StrokeLine2(thin, toX(e), c.Min.Y, toX(e), c.Max.Y)
	}
	for i := range f.rows + 1 {
		y := toY(0.5 - float64(i))
		c.StrokeLine2(thin, c.Min.X, y, c.Max.X, y)
	}
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, one, c.Min.Y, one, c.Max.Y)
}

// series is a peer's lines.
type series struct {
	lines []line
	color color.Color
}

var _ = []plot.Plotter{field{}, series{}}
var _ plot.Thumbnailer = series{}

// Plot draws an interval as a line, its middle as a dot.
func (s series) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	for _, l := range s.lines {
		s.mark(&c, toX(math.Log2(l.Low)), toX(math.Log2(l.High)), toX(math.Log2(l.Mid)), toY(l.y))
	}
}

// Thumbnail draws the same for the legend.
func (s series) Thumbnail(c *draw.Canvas) {
	s.mark(c, c.Min.X, c.Max.X, c.Center().X, c.Center().Y)
}

func (s series) mark(c *draw.Canvas, low, high, mid, y vg.Length) {
	c.StrokeLine2(draw.LineStyle{Color: s.color, Width: 1.6}, low, y, high, y)
	c.DrawGlyph(draw.GlyphStyle{Color: s.color, Radius: 2.8, Shape: draw.CircleGlyph{}}, vg.Point{X: mid, Y: y})
}
