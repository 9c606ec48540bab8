package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/headrace/headrace/connectors"
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

// wrap cuts words into lines of a width; a word that is wider has a line of its own. There is one line at least.
func wrap(words string, width int) []string {
	lines := []string{""}
	for w := range strings.FieldsSeq(words) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = w
		case runewidth.StringWidth(*last)+1+runewidth.StringWidth(w) <= width:
			*last += " " + w
		default:
			lines = append(lines, w)
		}
	}
	return lines
}
