// Package plan turns a declared pipeline into nodes that can run, having checked all that can be known before a row is read.
//
// A plan is a graph of nodes. Columns are carried by the engine: a node says what it makes, and every other column passes, so that
// lineage, leakage, moments, serving and narrowing are walks over (node, column).
package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// Node is a place in the plan: a source, a step, a copy of a step in a fold, or a fold scope.
type Node struct {
	ID     string     // the step's, with the fold's copy: "encode#2"
	Path   string     // without copies: seeds hang on it
	Step   *dags.Step // nil for sources and what a macro makes
	Source *Source    // a source
	Op     operators.Op
	Site   operators.Site
	In     []*Node
	Out    operators.Output
	Sch    operators.Schema
	Only   batch.Parts // an effect on these parts alone; 0: all
	Pick   batch.Parts // a selection of parts ("split.test"); 0: none
	Nots   []Not
	Folds  *Folds          // a fold scope: In[0] is where the copies begin
	Here   batch.Parts     // which parts its rows may have
	Notes  operators.Notes // after the fit
	Prog   *program.Graph  // of a Row from the start, of a fit once it is done
	Place  bool            // serving begins here
	Live   bool            // something asks for it: set by Narrow
	Wanted []string        // of its columns, what is asked for, sorted: set by Narrow
	index  int
	sides  map[string]int // of a zip: the input that each of its columns is taken from
}

// Source is an opened source.
type Source struct {
	Decl *dags.Source
	Data connectors.Dataset
	Want []string // the columns to read, after narrowing; nil before
}

// Folds is a scope of k folds: Alts[f] was fitted without fold f's train rows, Alts[K] with all.
type Folds struct {
	K     int
	Seed  uint64
	Start *Node
	Alts  []*Node
}

// Of is the fold of a row, a pure function of its key.
func (f *Folds) Of(key uint64) int { return int(hash.Draw(f.Seed, key, 0) % uint64(f.K)) }

// Not bars a fold's train rows from a fit. Scopes nest.
type Not struct {
	Folds *Folds
	Is    int
	At    *Node // where the scope begins: rows from elsewhere (a joined table) are not barred
}

// Schema is the node's output schema.
func (n *Node) Schema() operators.Schema { return n.Sch }

// Learns says whether the node is fitted from rows.
func (n *Node) Learns() bool {
	switch n.Op.(type) {
	case operators.Learn, operators.Gather:
		return true
	}
	return false
}

// Relational says whether the engine makes its rows as a whole.
func (n *Node) Relational() bool { return n.lowers() && n.Out.Keep == "" }

// Sifts says whether the engine looks at all rows to find the ones that stay: they stay where they are, as behind a filter.
func (n *Node) Sifts() bool { return n.lowers() && n.Out.Keep != "" }

func (n *Node) lowers() bool { _, ok := n.Op.(operators.Rel); return ok }

// Stacked says whether rows of every input are rows of the node, under one another: a column that passes then comes from each.
func (n *Node) Stacked() bool { return n.Out.Union }

// Carries says whether a column of the serving place, on its way to an evaluation, goes through the table that the node makes.
func (n *Node) Carries(name string) bool {
	return strings.HasPrefix(name, RawPrefix) && n.Relational() && n.Out.Class == operators.Rows
}

// Ends says whether one row of the node cannot be traced to one row above it: walks from a row to its origin end here.
func (n *Node) Ends() bool {
	return n.Source != nil || n.Relational() && (n.Out.Class == operators.Break || n.Out.Union)
}

// Reduces says whether it gives a result and no rows.
func (n *Node) Reduces() bool {
	switch n.Op.(type) {
	case operators.Reduce, operators.Probe:
		return true
	}
	return false
}

// Modelled is the node itself without a selection of parts: what a step that measures a model stands behind.
func (n *Node) Modelled() *Node {
	for n.Pick != 0 {
		n = n.In[0]
	}
	return n
}

// Full is the node that serves: of a fold scope its full fit.
func (n *Node) Full() *Node {
	for n.Folds != nil {
		n = n.Folds.Alts[n.Folds.K]
	}
	return n
}

// Base says whether rows begin at the node: a source, or a table that the engine makes.
func (n *Node) Base() bool { return n.Source != nil || n.Relational() || len(n.In) == 0 }

// Effect says whether the node changes which rows there are, or their parts.
func (n *Node) Effect() bool {
	o := &n.Out
	return n.Pick != 0 || o.Keep != "" || o.Tag != "" || o.Key != "" || o.Times != "" || n.Folds != nil && n.Folds.effects()
}

// effects says whether rows are dropped inside the scope.
func (f *Folds) effects() bool {
	for m := f.Alts[f.K]; m != f.Start && !m.Base(); m = m.In[0] {
		if m.Effect() {
			return true
		}
	}
	return false
}

// Through says which column of Start a column of the scope is, where the scope does not make it.
func (f *Folds) Through(name string) (string, bool) {
	return f.Alts[f.K].through(f.Start, name)
}

func (n *Node) through(start *Node, name string) (string, bool) {
	for n != start {
		i, c, ok := n.Passes(name)
		if !ok {
			return "", false
		}
		n, name = n.In[i], c
	}
	return name, true
}

// Fitted says whether the node can be applied: it has its program, or needs none.
func (n *Node) Fitted() bool { return !n.Learns() && !n.Sifts() || n.Prog != nil }

// Plan is the nodes in topological order, with the places that matter.
type Plan struct {
	Pipeline *dags.Pipeline
	Nodes    []*Node
	ByID     map[string]*Node // sources and steps, by the ids that references use; a name stands for its last item
	Model    *Node            // what is published; nil: nothing
	Report   *Node            // what the gates read; nil: none
	Evals    []*Evaluation
	Sinks    []*Sink
	Gates    []Gate
	Serving  *Serving // of Model
	Seed     uint64
}

// Sink is a declared sink, or what --to asks for.
type Sink struct {
	ID   string
	From *Node
	Decl *dags.Sink
	Cols []string
}

// Evaluation is an evaluate step with what it scores.
type Evaluation struct {
	Node    *Node
	Model   *Node
	Serving *Serving
	// Champion are the columns of the serving place that the champion's bundle reads, and the split of the model that the new one goes on
	// from: set before Narrow.
	Champion []string
}

// Split is the name of the step that parts the rows that are measured from those that are learnt from.
func (e *Evaluation) Split() string { return splitName(e.Node) }

// Options say how a plan is made.
type Options struct {
	Open func(s *dags.Source, want []connectors.Want) (connectors.Dataset, diag.List)
	To   []string // steps whose rows are asked for: they count as used
	// Published finds a model of the registry; nil: there is no registry. See operators.Site.
	Published func(ref string) (*operators.Published, error)
}

// pass is one step of making a plan.
type pass struct {
	name string
	run  func(*maker)
}

// passes, in order. Each adds to the plan or to the diagnostics and needs only what stands before it.
var passes = []pass{
	{"sources", (*maker).sources},
	{"steps", (*maker).steps},
	{"parts", (*maker).parts},
	{"leaks", (*maker).leaks},
	{"models", (*maker).models},
	{"continued", (*maker).continued},
	{"gates", (*maker).gates},
	{"publish", (*maker).publish},
	{"sinks", (*maker).sinks},
	{"serving", (*maker).serving},
	{"unused", (*maker).unused},
}

type maker struct {
	*Plan
	opt   Options
	diags diag.List
	nots  []Not
	path  []string // of macros
	copy_ []string // of macros and folds
	step  *dags.Step
	// labelTold: that the label is nowhere was reported
	labelTold bool
	unfit     map[*dags.Step]bool // steps for which the task or its label is not there, or is of another kind
	bad       map[*Node]bool      // reported already: silent from here on
	looked    map[string]looked   // published models by their references
}

// Make checks a pipeline and plans it. The plan is good to run only if the diagnostics hold no error.
func Make(p *dags.Pipeline, opt Options) (*Plan, diag.List) {
	m := &maker{Plan: &Plan{Pipeline: p, ByID: map[string]*Node{}, Seed: hash.Seed(p.Name)}, opt: opt, bad: map[*Node]bool{}, unfit: map[*dags.Step]bool{},
		looked: map[string]looked{}}
	for _, pass := range passes {
		pass.run(m)
	}
	return m.Plan, m.diags
}

// report adds a finding at a place of the file.
func (m *maker) report(d diag.Diagnostic, place diag.Place, line string) {
	d.Place, d.Source = place, line
	m.diags.Add(d)
}

// at locates findings in a step's options.
func (m *maker) at(s *dags.Step, l diag.List) { m.diags.Add(m.Pipeline.Locate(s, l)...) }

func (m *maker) add(n *Node) *Node {
	n.index = len(m.Nodes)
	m.Nodes = append(m.Nodes, n)
	return n
}

// ancestors are the nodes that n is made from, itself included; rowsOnly follows only the inputs whose rows become n's.
func ancestors(n *Node, rowsOnly bool) map[*Node]bool {
	seen := map[*Node]bool{}
	var visit func(*Node)
	visit = func(n *Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		in := n.In
		if rowsOnly && len(in) > 1 && !n.Out.Zip && !n.Relational() {
			in = in[:1]
		}
		for _, i := range in {
			visit(i)
		}
		if n.Folds != nil {
			for _, a := range n.Folds.Alts {
				visit(a)
			}
		}
	}
	visit(n)
	return seen
}

// name is how messages call a node.
func (n *Node) name() string {
	if n.Source != nil {
		return fmt.Sprintf("source %q", n.ID)
	}
	if n.Step != nil {
		return fmt.Sprintf("step %q", n.Step.ID)
	}
	return fmt.Sprintf("step %q", n.ID)
}

func has(s []string, x string) bool { return slices.Contains(s, x) }

// Index is the node's place in the plan's order.
func (n *Node) Index() int { return n.index }

// Column is the name under which a column stands at the node: a column of the serving place that is carried on for evaluation has
// its own name there.
func (n *Node) Column(name string) string {
	if raw, ok := strings.CutPrefix(name, RawPrefix); ok && (n.Place || n.Ends()) {
		return raw
	}
	return name
}

// Find gives the node that a person means by a step's id, "step.part" included.
func (p *Plan) Find(id string) (*Node, error) {
	if n := p.ByID[id]; n != nil {
		return n, nil
	}
	name, part, ok := strings.Cut(id, ".")
	n := p.ByID[name]
	at := slices.Index(batch.PartNames[:], part)
	if ok && n != nil && at >= 0 && !n.Here.Has(batch.Part(at)) {
		return nil, diag.List{diag.New(diag.NoPart, diag.At{}, "%s has no %s rows in %s", n.name(), part, p.Pipeline.File).WithHelp("%s", partsHelp(n.Here))}.Err()
	}
	if !ok || n == nil || at < 0 {
		return nil, diag.List{diag.New(diag.UnknownReference, diag.At{}, "no step or source %q in %s", id, p.Pipeline.File).
			WithHelp("%s", diag.DidYouMean(id, "steps", slices.Sorted(maps.Keys(p.ByID))))}.Err()
	}
	pick := &Node{ID: id, Path: id, In: []*Node{n}, Sch: n.Sch, Pick: 1 << at, Out: operators.Output{Class: operators.Rows}, Here: 1 << at, index: len(p.Nodes)}
	p.Nodes = append(p.Nodes, pick)
	p.ByID[id] = pick
	return pick, nil
}

// Above says whether a is n or one of the nodes that n is made from.
func Above(a, n *Node) bool { return ancestors(n, false)[a] }
