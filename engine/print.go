package engine

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

const (
	printWide = 80 // columns of the terminal
	namesMax  = 40 // of a list of columns: the rest is counted
)

// PrintPlan writes what a run would do as text for a terminal of 80 columns: sources, steps, stages, the model, the bundle, gates,
// sinks, and the memory that can be proved to be needed. The plan must be without errors and narrowed; no row is read. The same
// plan gives the same text. The error is w's.
func PrintPlan(w io.Writer, pl *plan.Plan) error {
	p := &planPrinter{pl: pl}
	p.text("", report.Visible(pl.Pipeline.Name)+": "+report.Visible(pl.Pipeline.File))
	if pl.Pipeline.Doc != "" {
		p.text("", report.Visible(pl.Pipeline.Doc))
	}
	p.sources()
	p.steps()
	p.stages()
	p.model()
	p.bundle()
	p.gates()
	p.sinks()
	p.memory()
	_, err := w.Write(p.buf.Bytes())
	return err
}

type planPrinter struct {
	pl  *plan.Plan
	buf bytes.Buffer
}

// text writes words after a lead, broken so that they fit.
func (p *planPrinter) text(lead, s string) { p.list(lead, strings.Fields(s), " ") }

// leadMax is how wide a lead is that the lines below the first stand under its end: below a wider one they are indented by two.
const leadMax = 16

// list is text whose pieces are not broken; one that is too long for a line is cut.
func (p *planPrinter) list(lead string, pieces []string, sep string) {
	at := runewidth.StringWidth(lead)
	indent := at
	if at > leadMax {
		indent = len(lead) - len(strings.TrimLeft(lead, " ")) + 2
	}
	p.buf.WriteString(lead)
	first := true // on its line
	for i, s := range pieces {
		if i+1 < len(pieces) {
			s += strings.TrimRight(sep, " ")
		}
		wide := runewidth.StringWidth(s)
		switch {
		case first:
		case at+1+wide > printWide:
			p.buf.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			p.buf.WriteByte(' ')
			at++
		}
		if room := printWide - at; wide > room {
			s = runewidth.Truncate(s, max(room, 8), "…")
			wide = runewidth.StringWidth(s)
		}
		p.buf.WriteString(s)
		at, first = at+wide, false
	}
	p.buf.WriteByte('\n')
}

func (p *planPrinter) head(s string) { fmt.Fprintf(&p.buf, "\n%s\n", s) }

// names are columns, as many as a person reads.
func names(cols []string) []string {
	var out []string
	for _, c := range cols[:min(len(cols), namesMax)] {
		out = append(out, report.Visible(c))
	}
	if more := len(cols) - len(out); more > 0 {
		out = append(out, "and "+report.Count(int64(more))+" more")
	}
	return out
}

func typed(fields []operators.Field) []string {
	var cols []string
	for _, f := range fields {
		cols = append(cols, f.Name+" "+f.Type.String())
	}
	return names(cols)
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Count(n) + " " + what + "s"
}

// partList are the names of parts.
func partList(s batch.Parts) (out []string) {
	for i, n := range batch.PartNames {
		if s.Has(batch.Part(i)) {
			out = append(out, n)
		}
	}
	return out
}

// rowsOfParts says which rows are read: "train rows".
func rowsOfParts(s batch.Parts) string {
	if s == batch.AllRows {
		return "all rows"
	}
	return strings.Join(partList(s), " and ") + " rows"
}

func (p *planPrinter) sources() {
	p.head("sources")
	for _, n := range p.pl.Nodes {
		if n.Source == nil || n.Source.Data == nil {
			continue
		}
		d := n.Source.Data
		lead := "  " + report.Visible(n.ID) + "  "
		indent := "    "
		size, units := sizes(d)
		p.text(lead, strings.Join([]string{n.Source.Decl.Format + ",", rowsText(d) + ",", size + ",", units}, " "))
		files := d.Files()
		for _, f := range files[:min(len(files), 5)] {
			p.list(indent, []string{report.Visible(f.Path)}, "")
		}
		if more := len(files) - 5; more > 0 {
			p.text(indent, "and "+counted(int64(more), "more file"))
		}
		if !n.Live {
			p.text(indent, "nothing asks for it: it is not read")
			continue
		}
		p.list(fmt.Sprintf("%sreads %d of %s: ", indent, len(n.Source.Want), counted(int64(len(n.Sch.Fields)), "column")), names(n.Source.Want), ", ")
	}
}

// rowsText is how many rows a data set has, where its files say it.
func rowsText(d connectors.Dataset) string {
	rows, known := rowsOf(d)
	if !known {
		return "rows not known before they are read"
	}
	return counted(rows, "row")
}

func rowsOf(d connectors.Dataset) (rows int64, known bool) {
	for _, u := range d.Units() {
		if u.Rows < 0 {
			return 0, false
		}
		rows += u.Rows
	}
	return rows, true
}

func sizes(d connectors.Dataset) (bytes, units string) {
	var b int64
	for _, u := range d.Units() {
		b += u.Bytes
	}
	return size(b), counted(int64(len(d.Units())), "unit")
}

// steps has a line a step, and below it what it makes and what it learns from.
func (p *planPrinter) steps() {
	p.head("steps")
	wide, ops := 0, 0
	for _, s := range p.pl.Pipeline.Steps {
		wide, ops = max(wide, len(s.ID)), max(ops, len(s.Spec.Name))
	}
	for _, s := range p.pl.Pipeline.Steps {
		made := p.nodesOf(s)
		line := fmt.Sprintf("  %-*s  %-*s  ", min(wide, 30), report.Visible(s.ID), min(ops, 30), report.Visible(s.Spec.Name))
		if len(made) == 0 {
			p.text(line, "nothing asks for it")
			continue
		}
		p.text(line, kind(made[0][0]))
		for _, group := range made {
			lead := "    "
			if len(made) > 1 { // a macro: its own steps by their names
				p.text(lead, report.Visible(group[0].Path))
				lead += "  "
			}
			p.step(lead, s, group)
		}
	}
}

// kind is what a step does to rows.
func kind(n *plan.Node) string {
	only := ""
	if n.Only != 0 && n.Only != batch.AllRows {
		only = ", of " + rowsOfParts(n.Only) + " only"
	}
	o := &n.Out
	switch {
	case n.Reduces():
		return "a result"
	case o.Splits:
		return "parts rows into " + strings.Join(partList(o.PartsOut), ", ")
	case o.Keep != "":
		return "leaves rows out" + only
	case o.Times != "":
		return "repeats rows" + only
	case o.Zip:
		return "puts its inputs side by side"
	case n.Relational():
		return "a table, made in memory" + only
	case o.Class == operators.PerRow:
		return "row by row"
	case o.Class == operators.Rows:
		return "changes which rows there are" + only
	}
	return "gives other rows"
}

// nodesOf are the operators that a step became, the copies of each in folds together.
func (p *planPrinter) nodesOf(s *dags.Step) (out [][]*plan.Node) {
	at := map[string]int{}
	for _, n := range p.pl.Nodes {
		if n.Step != s || n.Op == nil || !n.Live {
			continue
		}
		i, seen := at[n.Path]
		if !seen {
			i = len(out)
			at[n.Path] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], n)
	}
	return out
}

func (p *planPrinter) step(lead string, s *dags.Step, group []*plan.Node) {
	n := group[len(group)-1] // the full fit stands last
	o := &n.Out
	var made []operators.Field
	for _, m := range o.Made {
		made = append(made, m.Field)
	}
	if _, macro := s.Op.(operators.Macro); !macro && reflect.TypeOf(n.Op) != reflect.TypeOf(s.Op) {
		p.text(lead, "nothing of what it makes is used: it only passes rows on")
		return
	}
	if len(made) > 0 {
		p.list(lead+"makes ", typed(made), ", ")
	}
	if o.Only != nil {
		p.list(lead+"passes ", names(o.Only), ", ")
	}
	for _, from := range slices.Sorted(maps.Keys(o.Renamed)) {
		p.text(lead, "renames "+report.Visible(from)+" to "+report.Visible(o.Renamed[from]))
	}
	cols := names(o.Reads.Cols)
	parts := rowsOfParts(o.Reads.Parts)
	if i := o.Reads.Input; i > 0 && i < len(n.In) {
		parts += " of " + report.Visible(n.In[i].Label())
	}
	switch n.Op.(type) {
	case operators.Learn:
		if len(cols) == 0 {
			p.text(lead, "needs no rows to be fitted"+copies(group))
			return
		}
		p.list(fmt.Sprintf("%slearns from %s%s: ", lead, parts, copies(group)), cols, ", ")
	case operators.Gather:
		p.list(fmt.Sprintf("%sgathers %s%s: ", lead, parts, copies(group)), cols, ", ")
		if m := o.Model; m != nil && m.Start != "" {
			p.text(lead, report.Visible(m.Start))
		}
	case operators.Probe:
		p.list(fmt.Sprintf("%sruns the model on %s: ", lead, parts), cols, ", ")
	case operators.Reduce:
		p.list(fmt.Sprintf("%smeasures %s: ", lead, parts), slices.Concat(cols, names(o.Eval.Raw)), ", ")
		if o.Eval.Champion != "" {
			p.text(lead, "beside "+report.Visible(o.Eval.Champion))
		}
	}
}

// copies says how often a step is fitted.
func copies(group []*plan.Node) string {
	if len(group) == 1 {
		return ""
	}
	folds := 0
	for _, n := range group {
		if len(n.Nots) > 0 {
			folds++
		}
	}
	if full := len(group) - folds; full > 0 {
		return fmt.Sprintf(", in %d folds and in full", folds)
	}
	return fmt.Sprintf(", in %d folds", folds)
}

// stages are what is done one after another; what stands in one of them shares a scan.
func (p *planPrinter) stages() {
	p.head("stages")
	k := 0
	stage := func(lines ...string) {
		k++
		for i, l := range lines {
			lead := fmt.Sprintf("  %2d  ", k)
			if i > 0 {
				lead = "      "
			}
			p.text(lead, l)
		}
	}
	for _, nodes := range exec.Stages(p.pl) {
		first := nodes[0]
		switch {
		case first.Relational():
			lines := []string{"make table " + report.Visible(first.Label())}
			for _, in := range first.In {
				lines = append(lines, "from "+scanText(exec.Base(in)))
			}
			stage(lines...)
		case first.Sifts():
			stage("scan "+scanText(exec.Base(first.In[0])), "find the rows of "+report.Visible(first.Label())+" that stay")
		case len(first.Out.Reads.Cols) == 0:
			stage("fit " + report.Visible(first.Label()) + ", no rows needed")
		default:
			stage(append([]string{"scan " + scanText(exec.Base(first.In[first.Out.Reads.Input]))}, fitLines(nodes)...)...)
		}
	}
	for _, evals := range p.evalStages() {
		lines := []string{"scan " + scanText(exec.Base(evals[0].Node.In[0]))}
		for _, e := range evals {
			lines = append(lines, "evaluate "+report.Visible(e.Node.Label())+" on "+rowsOfParts(e.Node.Out.Reads.Parts))
		}
		stage(lines...)
	}
	if len(p.pl.Gates) > 0 {
		stage("decide " + counted(int64(len(p.pl.Gates)), "gate"))
	}
	for _, s := range p.pl.Sinks {
		stage("scan "+scanText(exec.Base(s.From)), "write sink "+report.Visible(s.ID))
	}
	if pub := p.pl.Pipeline.Publish; pub != nil && p.pl.Serving != nil {
		line := "publish " + report.Visible(pub.As)
		if pub.Alias != "" {
			line += ", alias " + report.Visible(pub.Alias)
		}
		stage(line)
	}
	if k == 0 {
		p.text("  ", "nothing to do")
	}
}

func scanText(n *plan.Node) string {
	if n.Source != nil && n.Source.Data != nil {
		return report.Visible(n.ID) + ", " + rowsText(n.Source.Data)
	}
	return "table " + report.Visible(n.Label())
}

// fitLines has a line a step: copies of one step are fitted on the same pass.
func fitLines(nodes []*plan.Node) (out []string) {
	var paths []string
	by := map[string][]*plan.Node{}
	for _, n := range nodes {
		if by[n.Path] == nil {
			paths = append(paths, n.Path)
		}
		by[n.Path] = append(by[n.Path], n)
	}
	for _, path := range paths {
		n := by[path][0]
		verb := "fit "
		if _, ok := n.Op.(operators.Gather); ok {
			verb = "gather and fit "
		}
		out = append(out, verb+report.Visible(n.Label())+" on "+rowsOfParts(n.Out.Reads.Parts)+copies(by[path]))
	}
	return out
}

// evalStages are the evaluations of each scan.
func (p *planPrinter) evalStages() (out [][]*plan.Evaluation) {
	at := map[*plan.Node]int{}
	for _, e := range p.pl.Evals {
		from := exec.Base(e.Node.In[0])
		i, seen := at[from]
		if !seen {
			i = len(out)
			at[from] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

// model tells of the published model, else of those that are evaluated.
func (p *planPrinter) model() {
	var models []*plan.Node
	add := func(n *plan.Node) {
		if n != nil && n.Out.Model != nil && !slices.Contains(models, n) {
			models = append(models, n)
		}
	}
	add(p.pl.Model)
	for _, e := range p.pl.Evals {
		add(e.Model)
	}
	for _, n := range models {
		m := n.Out.Model
		p.head("model " + report.Visible(n.Label()))
		what := string(m.Kind)
		if t := p.pl.Pipeline.Task; t != nil && t.Label != "" {
			what += ", label " + report.Visible(t.Label)
		}
		p.text("  ", what)
		var fields []operators.Field
		for _, c := range m.Features {
			f, _ := n.Sch.Field(c)
			if len(n.In) > 0 {
				f, _ = n.In[0].Sch.Field(c)
			}
			fields = append(fields, f)
		}
		p.list("  "+counted(int64(len(fields)), "feature")+": ", typed(fields), ", ")
	}
}

// bundle tells what one row needs when the model is served, and what it gets.
func (p *planPrinter) bundle() {
	s := p.pl.Serving
	if s == nil {
		return
	}
	p.head("bundle, serving begins at " + report.Visible(s.Place.Label()))
	wide := 0
	for _, f := range s.Inputs {
		wide = max(wide, runewidth.StringWidth(report.Visible(f.Name)))
	}
	wide = min(wide, 32)
	for i, f := range s.Inputs {
		word := "       "
		if i == 0 {
			word = "in     "
		}
		name := report.Visible(f.Name)
		pad := strings.Repeat(" ", max(0, wide-runewidth.StringWidth(name)))
		p.text("  "+word+name+pad+"  ", strings.Join(append([]string{f.Type.String()}, contract(s.Place, f)...), ", "))
	}
	var out []operators.Field
	for _, c := range s.Want {
		f, _ := s.Model.Sch.Field(c)
		out = append(out, f)
	}
	p.list("  out    ", typed(out), ", ")
	var run []string
	for _, n := range s.Steps() {
		if l := report.Visible(n.Label()); !slices.Contains(run, l) {
			run = append(run, l)
		}
	}
	p.list("  runs   ", run, ", ")
}

// contract is what the DAG file promises of a column that serving reads.
func contract(place *plan.Node, f operators.Field) (out []string) {
	nullable := f.Nullable
	if place.Source != nil {
		for _, c := range place.Source.Decl.Columns {
			if c.Name != f.Name {
				continue
			}
			nullable = c.Nullable
			if c.Min != nil {
				out = append(out, ">= "+strconv.FormatFloat(*c.Min, 'g', -1, 64))
			}
			if c.Max != nil {
				out = append(out, "<= "+strconv.FormatFloat(*c.Max, 'g', -1, 64))
			}
			if c.Categories != nil {
				out = append(out, "one of "+strings.Join(names(c.Categories), ", "))
			}
		}
	}
	if nullable {
		out = append(out, "may be null")
	}
	return out
}

func (p *planPrinter) gates() {
	g := p.pl.Pipeline.Gates
	if g == nil || p.pl.Report == nil {
		return
	}
	p.head("gates, from " + report.Visible(p.pl.Report.Label()))
	champion := false
	for _, l := range p.pl.Gates {
		p.text("  ", report.Visible(l.Line.Text))
		champion = champion || l.Champion
	}
	if champion {
		p.text("  ", "first_run: "+firstRun(g.FirstRun)+" (of the lines that name champion, while there is none)")
	}
}

func (p *planPrinter) sinks() {
	if len(p.pl.Sinks) == 0 {
		return
	}
	p.head("sinks")
	for _, s := range p.pl.Sinks {
		p.text("  ", fmt.Sprintf("%s: %s, from %s", report.Visible(s.ID), s.Decl.Format, report.Visible(s.From.Label())))
		p.list("    ", names(s.Cols), ", ")
	}
}

// memory tells what steps that gather rows hold at least.
func (p *planPrinter) memory() {
	p.head("memory")
	budget := "no budget is declared"
	if b := p.pl.Pipeline.Resources.MemoryBytes; b > 0 {
		budget = "budget " + size(b)
	}
	p.text("  ", budget)
	seen := map[string]bool{}
	for _, n := range p.pl.Nodes {
		if _, ok := n.Op.(operators.Gather); !ok || !n.Live || seen[n.Path] {
			continue
		}
		seen[n.Path] = true
		rows, wide := gathered(n)
		if rows == 0 {
			p.text("  ", report.Visible(n.Label())+" gathers rows of "+counted(wide, "byte")+"; how many is not known before they are read")
			continue
		}
		line := fmt.Sprintf("%s gathers up to %s of %s", report.Visible(n.Label()), counted(rows, "row"), counted(wide, "byte"))
		if low := lower(n); low > 0 {
			line += ", certainly " + size(low)
		} else {
			line += ", " + size(rows*wide) + " at most; no least figure can be proved, for rows are left out above it"
		}
		p.text("  ", line)
	}
}

// gathered is how many rows can reach a step that gathers them, 0 where it is not known, and the bytes of a row of what it reads.
func gathered(n *plan.Node) (rows, wide int64) {
	in := n.In[n.Out.Reads.Input]
	for _, c := range n.Out.Reads.Cols {
		if f, ok := in.Sch.Field(c); ok {
			wide += int64(max(f.Type.Width(), 1))
		}
	}
	if b := exec.Base(in); b.Source != nil && b.Source.Data != nil {
		rows, _ = rowsOf(b.Source.Data)
	}
	return rows, wide
}
