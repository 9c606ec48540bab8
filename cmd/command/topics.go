package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/examples/flights"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/param"
)

// topic is a page of the reference that is of no operator: headrace help NAME prints it.
type topic struct {
	name, title, short string
	text               string // paragraphs; one that is indented stands as it is
	example            string // shown by the page alone: its lines are wider than a terminal
	sections           []section
}

// section is a part of a topic.
type section struct {
	title, text string
	options     []param.Option
	rows        [][2]string // a name, as code, and what it means
}

func topics() []topic { return []topic{dagTopic(), expressionTopic(), typeTopic()} }

func dagTopic() topic {
	t := topic{name: "dag", title: "The DAG file", short: "What a DAG file may hold, key by key", example: flights.DAG,
		text: "A pipeline is one YAML file: what is read, what is done to it, what is learnt, and what must hold before it is published. " +
			"headrace new FILE --label COLUMN writes one to start from, headrace check says what is wrong with one, and headrace ops lists the operators."}
	for _, b := range dags.Reference() {
		t.sections = append(t.sections, section{title: b.Title, text: b.Text, options: b.Options})
	}
	return t
}

func expressionTopic() topic {
	t := topic{name: "expressions", title: "Expressions", short: "The language of conditions, derived columns and gates",
		text:     "Conditions, derived columns, gate lines and ${{ … }} are expressions. Their types are checked before a row is read.\n\n- " + strings.Join(expr.Rules(), "\n- "),
		sections: []section{{title: "Operators"}, {title: "Functions"}}}
	for i, list := range [][]expr.Function{expr.Operators(), expr.Functions()} {
		for _, f := range list {
			t.sections[i].rows = append(t.sections[i].rows, [2]string{f.Signature, f.Doc})
		}
	}
	return t
}

func typeTopic() topic {
	t := topic{name: "types", title: "Types of options", short: "What the types of options mean",
		text: "A scalar is read by the option that it is for, from what was written. Any value may also be ${{ … }}, whose result is read in its place."}
	for _, typ := range optionTypes() {
		t.sections = append(t.sections, section{title: typ.Name, text: typ.Doc})
	}
	return t
}

// optionTypes are the types of all options: those that are built in, then those that read themselves, by name.
func optionTypes() []param.Type {
	types := param.Types()
	own := map[string]param.Type{}
	var walk func([]param.Option)
	walk = func(opts []param.Option) {
		for _, o := range opts {
			if !slices.ContainsFunc(types, func(t param.Type) bool { return t.Name == o.Leaf.Name }) {
				own[o.Leaf.Name] = o.Leaf
			}
			walk(o.Sub)
		}
	}
	for _, s := range operators.Catalogue() {
		walk(param.Describe(s.New()))
	}
	for _, f := range connectors.Formats() {
		walk(param.Describe(f.Options()))
	}
	for _, b := range dags.Reference() {
		walk(b.Options)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		types = append(types, own[name])
	}
	return types
}

// markdown is a topic's page of the reference.
func (t topic) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", t.title, t.text)
	if t.example != "" {
		fmt.Fprintf(&b, "\n```yaml\n%s```\n", t.example)
	}
	for _, s := range t.sections {
		fmt.Fprintf(&b, "\n## %s\n", s.title)
		if s.text != "" {
			fmt.Fprintf(&b, "\n%s\n", s.text)
		}
		optionTable(&b, s.options, "", "types.md")
		for i, r := range s.rows {
			if i == 0 {
				b.WriteString("\n| | |\n|---|---|\n")
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", cell(r[0]), cell(r[1]))
		}
	}
	return b.String()
}

// topic writes a topic for a terminal.
func (p *page) topic(t topic) {
	fmt.Fprintln(p.w, t.title)
	p.text(t.text)
	for _, s := range t.sections {
		fmt.Fprintf(p.w, "\n%s\n", s.title)
		p.text(s.text)
		if s.text != "" && len(s.options) > 0 {
			fmt.Fprintln(p.w)
		}
		p.list(s.options, "")
		for _, r := range s.rows {
			p.line(2, r[0])
			p.line(6, plain(r[1]))
		}
	}
}

// text writes paragraphs, and the items of lists.
func (p *page) text(s string) {
	for i, para := range strings.Split(s, "\n\n") {
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		switch {
		case strings.HasPrefix(para, "    "):
			fmt.Fprintln(p.w, para)
		case para != "":
			for _, l := range strings.Split(para, "\n") {
				p.line(2, plain(l))
			}
		}
	}
}

// plain is a text without the marks of code.
func plain(s string) string { return strings.ReplaceAll(s, "`", "") }

// topics are the commands that only help knows.
func (a *app) topics() (all []*cobra.Command) {
	for _, t := range topics() {
		c := &cobra.Command{Use: t.name, Short: t.short}
		c.SetHelpFunc(func(*cobra.Command, []string) {
			if isTerminal(a.out) {
				a.page().topic(t)
				return
			}
			fmt.Fprint(a.out, t.markdown())
		})
		all = append(all, c)
	}
	return all
}
