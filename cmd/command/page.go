package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/param"
)

// pageMost is how wide text is that people read.
const pageMost = 100

// page writes an operator or a format for a terminal; the reference has the same in Markdown.
type page struct {
	w     io.Writer
	width int
}

func (a *app) page() *page { return &page{a.out, min(width(a.out), pageMost)} }

// line writes words, indented and wrapped.
func (p *page) line(indent int, words string) {
	for _, l := range wrap(words, p.width-indent) {
		fmt.Fprintf(p.w, "%*s%s\n", indent, "", l)
	}
}

// itemLeast is how wide the column must be that a meaning stands in.
const itemLeast = 24

// item writes a name and what it means, which begins at a column of the page; below the name where the page is too narrow for two columns.
func (p *page) item(name, doc string, at int) {
	if p.width-at < itemLeast {
		fmt.Fprintln(p.w, name)
		p.line(4, doc)
		return
	}
	for i, l := range wrap(doc, p.width-at) {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(p.w, "%-*s%s\n", at, name, l)
	}
}

func (p *page) operator(s operators.Spec) {
	fmt.Fprintln(p.w, s.Name)
	p.line(2, s.Doc)
	if len(s.Inputs) > 0 {
		fmt.Fprint(p.w, "\nInputs\n")
		for _, in := range s.Inputs {
			p.line(2, inputName(in, "")+": "+in.Doc)
		}
	}
	p.options(param.Describe(s.New()), s.Main)
	for i, e := range s.Example {
		if i == 0 {
			fmt.Fprint(p.w, "\nExamples\n")
		} else {
			fmt.Fprintln(p.w)
		}
		if e.Doc != "" {
			p.line(2, e.Doc+":")
		}
		fmt.Fprintf(p.w, "\n%s\n", indented(exampleSteps(s.Name, e)))
		for j, in := range e.In {
			fmt.Fprintf(p.w, "\n    %s\n%s\n", inputTitle(s, e, j), indented(rowsText(in)))
		}
		fmt.Fprintf(p.w, "\n    out\n%s\n", indented(rowsText(e.Out)))
	}
}

func (p *page) format(f connectors.Format) {
	fmt.Fprintln(p.w, f.Name)
	p.line(2, f.Doc)
	p.line(2, "Files: "+strings.Join(f.Extensions, ", "))
	p.options(param.Describe(f.Options()), "")
}

func (p *page) options(opts []param.Option, main string) {
	if len(opts) > 0 {
		if opts[0].Group == "" {
			fmt.Fprint(p.w, "\nOptions\n")
		}
		p.list(opts, main)
	}
}

// list writes options, those of each group under its head.
func (p *page) list(opts []param.Option, main string) {
	group := ""
	for _, o := range describe(opts, main, "", "") {
		if o.group != group {
			group = o.group
			fmt.Fprintf(p.w, "\nOptions: %s\n", group)
		}
		head := o.name + ": " + o.typ
		if o.required {
			head += ", must be given"
		} else if o.def != "" {
			head += ", default " + o.def
		}
		if o.bounds != "" {
			head += ", " + o.bounds
		}
		p.line(2, head)
		p.line(6, o.doc)
	}
}

func indented(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }

func wrap(words string, width int) []string { return dags.Wrap(strings.Fields(words), width) }

// columns writes names and what belongs to each after a lead: in one line for programs, on a terminal wrapped between two of them.
func (a *app) columns(lead string, cols []string) {
	s := lead + " " + strings.Join(cols, ", ")
	wide, ok := terminalWidth(a.out)
	if !ok || runewidth.StringWidth(s) <= wide {
		fmt.Fprintln(a.out, s)
		return
	}
	cols = slices.Clone(cols)
	for i := range len(cols) - 1 {
		cols[i] += ","
	}
	fmt.Fprintln(a.out, lead)
	for _, l := range dags.Wrap(cols, wide-2) {
		fmt.Fprintf(a.out, "  %s\n", l)
	}
}

// cut writes the lines of a table, on a terminal those that are too wide cut off: what counts stands first, and --json has it all.
func (a *app) cut(table string) {
	if wide, ok := terminalWidth(a.out); ok {
		lines := strings.Split(table, "\n")
		for i, l := range lines {
			lines[i] = runewidth.Truncate(l, wide, "…")
		}
		table = strings.Join(lines, "\n")
	}
	fmt.Fprint(a.out, table)
}

// fitted are the columns of a table that a terminal has room for, their cells cut at cellMax, and the names of the others. The first
// column is always there.
func fitted(lines [][]string, wide int) (shown [][]string, left []string) {
	shown = make([][]string, len(lines))
	at := 0
	for j, name := range lines[0] {
		most := 0
		for i := range lines {
			lines[i][j] = runewidth.Truncate(lines[i][j], cellMax, "…")
			most = max(most, runewidth.StringWidth(lines[i][j]))
		}
		if j > 0 && (len(left) > 0 || at+len(operators.CellGap)+most > wide) {
			left = append(left, name)
			continue
		}
		at += len(operators.CellGap) + most
		for i := range lines {
			shown[i] = append(shown[i], lines[i][j])
		}
	}
	return shown, left
}

// cellMax is how wide a cell of peek is on a terminal.
const cellMax = 24
