package inspect

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Print writes what a person reads first, in lines of at most wide columns (80 at least).
func (in *File) Print(w io.Writer, wide int) error {
	p := &printer{w: bufio.NewWriter(w), wide: max(wide, 80)}
	p.name = p.nameWidth(in)
	head := fmt.Sprintf("%s rows, %d columns, %s bytes, %s", thousands(in.Rows), len(in.Columns), thousands(in.Bytes), in.Format)
	if in.Files > 1 {
		head += fmt.Sprintf(" in %d files", in.Files)
	}
	if width(in.Path)+2+len(head) > p.wide {
		p.line("%s", tail(in.Path, p.wide))
		p.wrap("", head)
	} else {
		p.line("%s: %s", in.Path, head)
	}
	if in.SampleRows < in.Rows {
		p.wrap("", fmt.Sprintf("Quartiles, skews%s are of a sample of %s rows, drawn by a hash of the row; all else is of all rows.",
			map[bool]string{true: " and associations"}[in.Label != ""], thousands(in.SampleRows)))
	}
	p.columns(in)
	p.numbers(in)
	p.times(in)
	p.frequent(in)
	p.associations(in)
	p.warnings(in)
	for i, u := range in.Unreadable {
		if i == 0 {
			p.line("\nnot readable")
		}
		p.line("  %s  %s", p.cell(u.Name), cut(u.Why, p.wide-p.name-4))
	}
	return p.w.Flush()
}

type printer struct {
	w          *bufio.Writer
	wide, name int
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// nameWidth is what the first column takes: at most what the seven numbers beside it leave.
func (p *printer) nameWidth(in *File) int {
	n := 6
	for _, c := range in.Columns {
		n = max(n, width(clip(c.Name)))
	}
	return min(n, p.wide-2-numberColumns*(numberWide+1))
}

const (
	numberWide    = 7
	numberColumns = 7
)

func (p *printer) cell(name string) string { return pad(cut(clip(name), p.name), p.name) }

func (p *printer) columns(in *File) {
	typeWide := len("type")
	for _, c := range in.Columns {
		typeWide = max(typeWide, width(c.Type))
	}
	typeWide = min(typeWide, 20)
	p.line("\n  %s  %s %12s %6s %12s", p.cell("column"), pad("type", typeWide), "nulls", "", "distinct")
	for _, c := range in.Columns {
		share, distinct := "", thousands(c.Distinct)
		if c.Nulls > 0 {
			share = percent(c.Nulls, in.Rows)
		}
		if c.DistinctEstimated {
			distinct = "~" + thousands(round(c.Distinct, 3))
		}
		p.line("  %s  %s %12s %6s %12s", p.cell(c.Name), pad(cut(c.Type, typeWide), typeWide), thousands(c.Nulls), share, distinct)
	}
}

func (p *printer) numbers(in *File) {
	first := true
	for _, c := range in.Columns {
		if !c.field.Type.Numeric() || c.Min == nil {
			continue
		}
		if first {
			p.line("\n  %s %7s %7s %7s %7s %7s %7s %7s", p.cell("number"), "min", "25%", "50%", "75%", "max", "mean", "std")
			first = false
		}
		p.line("  %s %7s %7s %7s %7s %7s %7s %7s", p.cell(c.Name), value(c.Min), value(c.Q1), value(c.Median), value(c.Q3), value(c.Max),
			number(c.Mean), number(c.Std))
	}
}

func (p *printer) times(in *File) {
	first := true
	for _, c := range in.Columns {
		if !c.field.Type.Temporal() || c.Min == nil {
			continue
		}
		if first {
			p.line("\n  %s %19s %19s %19s", pad(cut("time", p.name), min(p.name, p.wide-62)), "first", "middle", "last")
			first = false
		}
		name := min(p.name, p.wide-62)
		p.line("  %s %19s %19s %19s", pad(cut(clip(c.Name), name), name), short(c.Min.Text), short(c.Median.Text), short(c.Max.Text))
	}
}

// short is a time to the second.
func short(t string) string { return cut(strings.SplitN(strings.TrimSuffix(t, "Z"), ".", 2)[0], 19) }

func (p *printer) frequent(in *File) {
	first := true
	for _, c := range in.Columns {
		if len(c.Top) == 0 || !(c.category() || c.Distinct <= classesMax) || c.Distinct < 2 {
			continue
		}
		if first {
			p.line("\n  %s  most frequent", p.cell("category"))
			first = false
		}
		total := in.Rows
		if c.TopSampled {
			total = in.SampleRows
		}
		line, shown, room := "", 0, p.wide-p.name-4
		for i, t := range c.Top {
			item := fmt.Sprintf("%s %s", cut(t.Value, 24), percent(t.Rows, total))
			if line != "" {
				item = ", " + item
			}
			left := width(item)
			if i < len(c.Top)-1 || c.Distinct > int64(len(c.Top)) {
				left += len(", …")
			}
			if width(line)+left > room {
				break
			}
			line += item
			shown++
		}
		switch {
		case shown == 0:
			line = cut(c.Top[0].Value, room-7) + " " + percent(c.Top[0].Rows, total)
		case int64(shown) < c.Distinct:
			line += ", …"
		}
		p.line("  %s  %s", p.cell(c.Name), line)
	}
}

func (p *printer) associations(in *File) {
	if in.Label == "" {
		return
	}
	all := in.Associated()
	if len(all) == 0 {
		return
	}
	p.line("\n  %s  %6s  %-20s  %s", p.cell("column"), "", "with "+cut(clip(in.Label), 15), "measure")
	for i, c := range all {
		if i == 40 {
			p.line("  and %d more, each below %.2f", len(all)-i, all[i-1].Association.Strength()+0.005)
			break
		}
		hint := ""
		switch {
		case c.Leak:
			hint = "leak?"
		case c.Identifier:
			hint = "id"
		}
		a := c.Association
		sign := ""
		if a.Value < 0 {
			sign = "-"
		}
		p.line("  %s  %6s  %s  %-17s %s", p.cell(c.Name), sign+strconv.FormatFloat(a.Strength(), 'f', 3, 64), bar(a.Strength(), 20), a.Measure, hint)
	}
}

// bar is a share as a bar of eighths.
func bar(v float64, cells int) string {
	n := int(math.Round(math.Min(1, v) * float64(cells) * 8))
	s := strings.Repeat("█", n/8)
	if n%8 > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[n%8-1])
	}
	return pad(s, cells)
}

func (p *printer) warnings(in *File) {
	if len(in.Warnings) > 0 {
		p.line("\nwarnings")
	}
	for _, w := range in.Warnings {
		var names []string
		for i, c := range w.Columns {
			if i == 12 && len(w.Columns) > 13 {
				names = append(names, fmt.Sprintf("and %d more", len(w.Columns)-i))
				break
			}
			names = append(names, cut(clip(c), 40))
		}
		p.wrap("  ", w.Text+": "+strings.Join(names, ", "))
	}
}

// wrap writes words in lines of at most p.wide columns, the second and later ones set in.
func (p *printer) wrap(indent, text string) {
	line := indent
	for _, w := range strings.Fields(text) {
		switch {
		case strings.TrimSpace(line) == "":
			line += w
		case width(line)+1+width(w) > p.wide:
			p.line("%s", line)
			line = indent + "  " + w
		default:
			line += " " + w
		}
	}
	p.line("%s", line)
}

func width(s string) int { return runewidth.StringWidth(s) }

// cut shortens text to n columns, the last being an ellipsis.
func cut(s string, n int) string { return runewidth.Truncate(s, max(n, 1), "…") }

// tail shortens text to n columns at its front.
func tail(s string, n int) string {
	if width(s) <= n {
		return s
	}
	r := []rune(s)
	for len(r) > 1 && width(string(r)) > max(n, 8)-1 {
		r = r[1:]
	}
	return "…" + string(r)
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// thousands is a number of rows with thousands set apart.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// round keeps the first digits of an estimate.
func round(n int64, digits int) int64 {
	unit := int64(1)
	for v := n; v >= int64(math.Pow10(digits)); v /= 10 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

func percent(n, of int64) string {
	if of == 0 {
		return "0%"
	}
	v := 100 * float64(n) / float64(of)
	switch {
	case n > 0 && v < 0.1:
		return "<0.1%"
	case n < of && v > 99.9:
		return ">99.9%"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + "%"
}

func value(v *Value) string {
	if v == nil {
		return ""
	}
	x, err := strconv.ParseFloat(v.Text, 64)
	if err != nil {
		return cut(v.Text, numberWide)
	}
	return number(&x)
}

// significant counts the digits from the first that is not 0.
func significant(s string) int {
	return len(strings.ReplaceAll(strings.TrimLeft(s, "-0."), ".", ""))
}

// number is a number in at most seven characters, with four digits where they fit.
func number(v *float64) string {
	if v == nil {
		return ""
	}
	x := *v
	if math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e6 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	if a := math.Abs(x); a >= 1e-3 && a < 1e6 {
		for digits := 5; digits >= 0; digits-- {
			s := strconv.FormatFloat(x, 'f', digits, 64)
			if digits > 0 && significant(s) > 4 {
				continue
			}
			if strings.Contains(s, ".") {
				s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
			}
			if len(s) <= numberWide {
				return s
			}
		}
	}
	for digits := 3; ; digits-- {
		s := strings.Replace(strings.Replace(strconv.FormatFloat(x, 'e', digits, 64), "e+0", "e", 1), "e-0", "e-", 1)
		s = strings.Replace(s, "e+", "e", 1)
		if len(s) <= numberWide || digits == 0 {
			return s
		}
	}
}
