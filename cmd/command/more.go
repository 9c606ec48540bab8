package command

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/inspect"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

func (a *app) test() *cobra.Command {
	c := &cobra.Command{Use: "test FILE", Short: "Run the tests that stand in a DAG file", Args: oneFile(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, l, err := a.load(args)
			if err != nil {
				return err
			}
			if p == nil || l.Failed() {
				return l.Err()
			}
			results, more := engine.Test(c.Context(), p, a.config())
			if l = append(l, more...); l.Failed() {
				return l.Err()
			}
			failed := 0
			for _, r := range results {
				if r.Failed == "" {
					fmt.Fprintf(a.out, "ok    %s\n", r.Name)
					continue
				}
				failed++
				fmt.Fprintf(a.out, "FAIL  %s: %s\n", r.Name, r.Failed)
				a.render(r.List)
			}
			fmt.Fprintf(a.out, "%d passed, %d failed\n", len(results)-failed, failed)
			if failed > 0 {
				return done{engine.ExitInvalid}
			}
			return nil
		}}
	a.dagFlags(c)
	return c
}

func (a *app) inspect() *cobra.Command {
	var label, plot string
	c := &cobra.Command{Use: "inspect FILE", Short: "Show a file's schema and statistics", Args: exactly(1),
		Long: `Inspect reads a data file once, on all cores, and shows each column: type, nulls, distinct values, least, greatest,
mean, deviation, quartiles, most frequent values; and what to be wary of. With --label it also shows how much each
column says of that one: what says nearly all is a leak more often than luck.`,
		RunE: func(c *cobra.Command, args []string) error {
			if plot != "" {
				if err := inspect.PlotName(plot); err != nil {
					return usage{fmt.Errorf("--plot %s: %w", plot, err)}
				}
			}
			in, err := inspect.Read(c.Context(), args[0], inspect.Options{Workers: a.cores, Label: label})
			if err != nil {
				return err
			}
			if plot != "" {
				if err := in.Plot(plot); err != nil {
					return fmt.Errorf("--plot: %w", err)
				}
			}
			if a.jsonOut {
				return a.json(map[string]any{"version": inspect.Version, "file": in})
			}
			if err := in.Print(a.out, min(width(a.out), 120)); err != nil {
				return err
			}
			if plot != "" {
				fmt.Fprintf(a.out, "\nplots  %s\n", plot)
			}
			return nil
		}}
	c.Flags().BoolVar(&a.jsonOut, "json", false, "print JSON")
	c.Flags().StringVar(&label, "label", "", "compare every column with this one")
	c.Flags().StringVar(&plot, "plot", "", "draw every column into this file (.svg or .png)")
	c.Flags().IntVar(&a.cores, "cores", 0, "cores to use; 0: all")
	return c
}

func (a *app) new() *cobra.Command {
	var label, output string
	var d inspect.Draft
	c := &cobra.Command{Use: "new FILE --label COLUMN", Short: "Write a DAG file for a data file", Args: exactly(1),
		Long: `New looks at a data file and writes a DAG file that learns the label from its other columns: with a split, a
model, an evaluation and a gate. It runs as it is, and says in comments what was decided and why. It is a place to
start from; read it before you trust what it learns. With --group it learns to order the rows of each group.`,
		RunE: func(c *cobra.Command, args []string) error {
			if label == "" {
				return usage{errors.New("--label COLUMN is missing")}
			}
			if d.Path = args[0]; output != "" { // a path in a DAG file starts from the file's folder
				abs, err := filepath.Abs(d.Path)
				if err != nil {
					return err
				}
				dir, err := filepath.Abs(filepath.Dir(output))
				if err != nil {
					return err
				}
				if rel, err := filepath.Rel(dir, abs); err == nil {
					d.Path = rel
				}
			}
			in, err := inspect.Read(c.Context(), args[0], inspect.Options{Workers: a.cores, Label: label})
			if err != nil {
				return err
			}
			text, err := in.DraftDAG(d)
			if err != nil {
				return err
			}
			if output == "" {
				_, err := fmt.Fprint(a.out, text)
				return err
			}
			f, err := os.OpenFile(output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
			if err != nil {
				return usage{err}
			}
			if _, err := f.WriteString(text); err != nil {
				f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "wrote %s: try headrace check %s\n", output, output)
			return nil
		}}
	c.Flags().StringVar(&label, "label", "", "the column to learn")
	c.Flags().StringVarP(&output, "output", "o", "", "file to write; it must not be there yet (default: print)")
	c.Flags().StringVar(&d.Name, "name", "", "name of the DAG and the model (default: from the label)")
	c.Flags().StringVar(&d.Task, "task", "", "binary, multiclass, regression or ranking (default: as the label looks)")
	c.Flags().StringVar(&d.Group, "group", "", "of a ranking: the column whose equal values make rows a group")
	c.Flags().StringVar(&d.Positive, "positive", "", "of a label: the value to tell from all others")
	c.Flags().IntVar(&a.cores, "cores", 0, "cores to use; 0: all")
	return c
}

func (a *app) ops() *cobra.Command {
	var docs string
	c := &cobra.Command{Use: "ops [NAME]", Short: "List operators and formats, or describe one", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case docs != "":
				return writeDocs(docs)
			case len(args) == 1:
				return a.describe(args[0])
			}
			a.list()
			return nil
		}}
	c.Flags().StringVar(&docs, "docs", "", "write the reference into this folder")
	return c
}

// list lists operators and formats: a line each for programs, wrapped on a terminal.
func (a *app) list() {
	p := a.page()
	if !isTerminal(a.out) {
		p.width = math.MaxInt
	}
	var names, docs []string
	for _, s := range operators.Catalogue() {
		names, docs = append(names, s.Name), append(docs, s.Doc)
	}
	for _, f := range connectors.Formats() {
		names, docs = append(names, f.Name), append(docs, f.Doc)
	}
	at := 0
	for _, n := range names {
		at = max(at, len(n)+2)
	}
	for i, n := range names {
		p.item(n, firstSentence(docs[i]), at)
	}
}

func firstSentence(doc string) string {
	s, _, _ := strings.Cut(doc, ". ")
	return strings.TrimSuffix(strings.ReplaceAll(s, "\n", " "), ".")
}

func (a *app) describe(name string) error {
	if s, ok := operators.Lookup(name); ok {
		if isTerminal(a.out) {
			a.page().operator(s)
			return nil
		}
		_, err := fmt.Fprint(a.out, operatorText(s, ""))
		return err
	}
	if f, ok := connectors.Lookup(name); ok {
		if isTerminal(a.out) {
			a.page().format(f)
			return nil
		}
		_, err := fmt.Fprint(a.out, formatText(f, ""))
		return err
	}
	names := operators.Names()
	for _, f := range connectors.Formats() {
		names = append(names, f.Name)
	}
	return diag.List{diag.New(diag.UnknownOperator, diag.At{}, "no operator or format %q", name).WithHelp("%s", diag.DidYouMean(name, "names", names))}.Err()
}

// operatorText is an operator's page of the reference.
func operatorText(s operators.Spec, types string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", s.Name, s.Doc)
	if len(s.Inputs) > 0 {
		b.WriteString("\n## Inputs\n\n")
		for _, in := range s.Inputs {
			fmt.Fprintf(&b, "- %s: %s\n", inputName(in, "`"), in.Doc)
		}
	}
	options(&b, param.Describe(s.New()), s.Main, types)
	for i, e := range s.Example {
		if i == 0 {
			b.WriteString("\n## Examples\n")
		}
		if e.Doc != "" {
			fmt.Fprintf(&b, "\n%s\n", e.Doc)
		}
		fmt.Fprintf(&b, "\n```yaml\n%s\n```\n", exampleSteps(s.Name, e))
		for j, in := range e.In {
			fmt.Fprintf(&b, "\n```\n%s:\n%s\n```\n", inputTitle(s, e, j), rowsText(in))
		}
		fmt.Fprintf(&b, "\n```\nout:\n%s\n```\n", rowsText(e.Out))
	}
	return b.String()
}

// exampleText is an operator with its options as they stand in a DAG file.
func exampleText(name, options string) string {
	opt := strings.TrimSpace(options)
	if strings.Contains(opt, "\n") {
		return name + ":\n  " + strings.ReplaceAll(opt, "\n", "\n  ")
	}
	return name + ": " + opt
}

// exampleSteps is an example's operator, below the model step that it stands behind where there is one.
func exampleSteps(name string, e operators.Example) string {
	if e.Behind == "" {
		return exampleText(name, e.Options)
	}
	return "model: {" + e.Behind + "}\n" + exampleText("importance: {from: model, "+name, e.Options) + "}"
}

// inputName is an input as people read of it: many have no names.
func inputName(in operators.Input, quote string) string {
	if in.Name == "" {
		return "any number of inputs"
	}
	return quote + in.Name + quote
}

// inputTitle names an input of an example.
func inputTitle(s operators.Spec, e operators.Example, input int) string {
	switch {
	case len(e.In) == 1:
		return "in"
	case len(s.Inputs) > input && s.Inputs[input].Name != "":
		return s.Inputs[input].Name
	}
	return fmt.Sprintf("in %d", input+1)
}

var manyDigits = regexp.MustCompile(`-?[0-9]+\.[0-9]{7,}`)

// rowsText aligns the rows of an example, and cuts numbers to six digits.
func rowsText(s string) string {
	s = manyDigits.ReplaceAllStringFunc(s, func(n string) string { // what is compared has them all
		v, err := strconv.ParseFloat(n, 64)
		if err != nil {
			return n
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	})
	if schema, b, err := operators.ParseRows(s); err == nil {
		s = operators.FormatRows(schema, b)
	}
	return strings.TrimSpace(s)
}

func formatText(f connectors.Format, types string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nFiles: %s\n", f.Name, f.Doc, strings.Join(f.Extensions, ", "))
	options(&b, param.Describe(f.Options()), "", types)
	return b.String()
}

func options(b *strings.Builder, opts []param.Option, main, types string) {
	if len(opts) > 0 {
		b.WriteString("\n## Options\n")
		optionTable(b, opts, main, types)
	}
}

// optionTable is a line an option. types is where the page of types lies, "" where links lead nowhere.
func optionTable(b *strings.Builder, opts []param.Option, main, types string) {
	group := ""
	for i, o := range describe(opts, main, "", "") {
		if o.group != group {
			group = o.group
			fmt.Fprintf(b, "\n### %s\n", capital(group))
			i = 0
		}
		if i == 0 {
			b.WriteString("\n| option | type | default | |\n|---|---|---|---|\n")
		}
		name, def := "`"+o.name+"`", o.def
		if o.inline {
			name = o.name
		}
		switch {
		case o.required:
			def = "must be given"
		case def != "":
			def = "`" + def + "`"
		case !o.inline:
			def = "not set"
		}
		typ := cell(o.typ)
		if types != "" {
			typ = fmt.Sprintf("[%s](%s#%s)", typ, types, anchor(o.leaf))
		}
		if o.bounds != "" {
			typ += ", " + o.bounds
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, typ, cell(def), cell(o.doc))
	}
}

// anchor is what a heading is linked by.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ReplaceAll(heading, ",", ""), " ", "-")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// described is an option as people read it.
type described struct {
	name, group, typ, leaf, bounds, def, doc string
	required, inline                         bool
}

// describe lists options, those of an option behind it.
func describe(opts []param.Option, main, prefix, group string) (out []described) {
	for _, o := range opts {
		if len(o.Enum) == 1 && o.HasDefault {
			continue // it has one value, and has it already
		}
		group := cmp.Or(o.Group, group)
		d := described{name: prefix + o.Name, group: group, bounds: bounds(o.Min, o.Max), typ: o.Type, leaf: o.Leaf.Name, def: o.Default, doc: o.Doc, required: o.Required, inline: o.Inline}
		if o.Inline {
			d.name = "any other key"
		}
		if d.doc != "" && !strings.HasSuffix(d.doc, ".") {
			d.doc += "."
		}
		if len(o.Enum) > 0 {
			d.doc += " One of " + strings.Join(o.Enum, ", ") + "."
		}
		if o.Name == main && main != "" {
			d.doc += " May stand bare."
		}
		out = append(append(out, d), describe(o.Sub, "", prefix+o.Name+".", group)...)
	}
	return out
}

// bounds says where a value may lie: 1 to 255, above 0 to 1, at least 1; "" where there are no bounds.
func bounds(lo, hi string) string {
	lowest, open := strings.CutPrefix(lo, ">")
	highest, short := strings.CutPrefix(hi, "<")
	switch {
	case open:
		lowest = "above " + lowest
	case lo != "" && hi == "":
		lowest = "at least " + lowest
	}
	switch {
	case short:
		highest = "below " + highest
	case hi != "" && lo == "":
		highest = "at most " + highest
	}
	if lo != "" && hi != "" {
		return lowest + " to " + highest
	}
	return lowest + highest
}

func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ") }

func (a *app) schema() *cobra.Command {
	return &cobra.Command{Use: "schema", Short: "Print the JSON Schema of DAG files, for editors", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error { return a.json(dags.JSONSchema()) }}
}

func (a *app) graph() *cobra.Command {
	format := "mermaid"
	c := &cobra.Command{Use: "graph FILE", Short: "Draw a DAG file (Mermaid or DOT)", Args: oneFile(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, l, err := a.load(args)
			if err != nil {
				return err
			}
			if p == nil || l.Failed() {
				return l.Err()
			}
			switch format {
			case "mermaid":
				_, err = fmt.Fprint(a.out, p.Drawing().Mermaid())
			case "dot":
				_, err = fmt.Fprint(a.out, p.Drawing().DOT())
			default:
				return usage{fmt.Errorf("--format %s: mermaid or dot", format)}
			}
			return err
		}}
	a.dagFlags(c)
	c.Flags().StringVar(&format, "format", format, "mermaid or dot")
	return c
}
