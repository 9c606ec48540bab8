// Package program is the small graph that everything row-wise is made of: a derived column, a scaler, a vocabulary, boosted
// trees.
//
// A graph holds nodes of a dozen kinds over slots. A kind has a batch form, a row form that does not allocate, and a canonical
// encoding; the graph is the stored form of a fitted step, and a published bundle is one composed graph.
package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Kind is what a node computes. A kind is immutable after Init and may be used by many goroutines at once; in and out are
// positional, and the types of the out columns are the slots'.
//
// Law: Batch and Row give the same bits, nulls included; what stands under a null of an input never reaches an output.
type Kind interface {
	// ID is the kind's stored name, in lower case: "affine".
	ID() string
	// Init checks a decoded kind against the types of its slots and builds its tables. It is called before any other use.
	Init(in, out []batch.Type) error
	// Batch fills out, whose columns have Type and N set and no memory yet. An error about a row is a *RowError.
	Batch(c *batch.Ctx, n int, in, out []batch.Column) error
	// Row computes one row between the frame's slots.
	Row(f *Frame, in, out []int) error
	// Encode and Decode write and read the kind's state; a decoded kind is then given to Init.
	Encode(w *canon.Writer)
	Decode(r *canon.Reader)
}

// Narrower is a kind that can make some of its outputs for less. keep has one entry an output, at least one of them true; in is
// the inputs that the narrowed kind still reads, as indexes into the old ones.
type Narrower interface {
	Narrow(keep []bool) (k Kind, in []int)
}

// Failing is a kind that may fail on a row; Fails gives in how many ways.
type Failing interface{ Fails() int }

// RowError is an error that one row of a batch gave: an integer overflow, a cast that does not fit.
type RowError struct {
	Row  int    // in the batch; -1 from a row form
	Step string // filled by the graph
	Err  error
}

func (e *RowError) Error() string { return e.Err.Error() }
func (e *RowError) Unwrap() error { return e.Err }

var kinds = map[string]func() Kind{}

// Register makes a kind known to Decode. It is called from init; a name registered twice panics.
func Register(f func() Kind) {
	id := f().ID()
	if kinds[id] != nil {
		panic("program: kind " + id + " registered twice")
	}
	kinds[id] = f
}

// Kinds are the registered kinds' names, sorted.
func Kinds() []string {
	var s []string
	for k := range kinds {
		s = append(s, k)
	}
	slices.Sort(s)
	return s
}

// NewKind makes an empty kind to decode into.
func NewKind(id string) (Kind, bool) {
	f, ok := kinds[id]
	if !ok {
		return nil, false
	}
	return f(), true
}

// Port is a name for a slot, at the edges of a graph.
type Port struct {
	Name string
	Slot int
}

// Node is a kind with its slots. Step is the step that made it, for messages and for a bundle's files.
type Node struct {
	Kind    Kind
	In, Out []int
	Step    string
}

// Graph is nodes in topological order. Values are slots, each written once; names stand at the ports only. A Graph is a value:
// its methods leave the receiver's slices alone, but for the ones with a pointer receiver.
type Graph struct {
	In, Out []Port
	Nodes   []Node
	Types   []batch.Type // of each slot
}

// Reserved names of inputs that the engine feeds: the row's identity, its fold key, its part. A name of a column cannot begin
// with @.
const (
	Ordinal = "@ordinal" // Int64: the identity's ordinal
	Copy    = "@copy"    // Int64: the identity's copy number
	Key     = "@key"     // Int64: the bits of what folds are drawn by
	PartCol = "@part"    // Int64: the batch.Part
)

// One makes a graph of one node. Its ports are named; in[i] and out[i] give the types.
func One(k Kind, in, out []Named) Graph {
	var g Graph
	slots := func(ps []Named, to *[]Port) (s []int) {
		for _, p := range ps {
			i := slices.IndexFunc(*to, func(q Port) bool { return q.Name == p.Name })
			if i < 0 {
				i = len(*to)
				*to = append(*to, Port{p.Name, g.slot(p.Type)})
			}
			s = append(s, (*to)[i].Slot)
		}
		return s
	}
	n := Node{Kind: k, In: slots(in, &g.In)}
	n.Out = slots(out, &g.Out)
	g.Nodes = []Node{n}
	if err := g.init(n); err != nil {
		panic(fmt.Sprintf("program: %s: %v", k.ID(), err))
	}
	return g
}

// Named is a port to be: a name with its type.
type Named struct {
	Name string
	Type batch.Type
}

func (g *Graph) slot(t batch.Type) int {
	g.Types = append(g.Types, t)
	return len(g.Types) - 1
}

func (g *Graph) types(slots []int) []batch.Type {
	t := make([]batch.Type, len(slots))
	for i, s := range slots {
		t[i] = g.Types[s]
	}
	return t
}

func (g *Graph) init(n Node) error { return n.Kind.Init(g.types(n.In), g.types(n.Out)) }

// Input adds an input port and gives its slot.
func (g *Graph) Input(name string, t batch.Type) int {
	s := g.slot(t)
	g.In = append(g.In, Port{name, s})
	return s
}

// Output names a slot at the edge.
func (g *Graph) Output(name string, slot int) { g.Out = append(g.Out, Port{name, slot}) }

// Add puts h's nodes behind g's, h's inputs fed from the slots that at names; an input that at lacks becomes an input of g, and is
// put into at. It gives the slots of h's outputs. All composition is this.
func (g *Graph) Add(h Graph, at map[string]int) map[string]int {
	slot := make([]int, len(h.Types))
	for i := range slot {
		slot[i] = -1
	}
	for _, p := range h.In {
		s, ok := at[p.Name]
		if !ok {
			s = g.Input(p.Name, h.Types[p.Slot])
			at[p.Name] = s
		}
		if g.Types[s] != h.Types[p.Slot] { // h's kinds have been set up for their types
			panic(fmt.Sprintf("program: input %q is %s, fed from %s", p.Name, h.Types[p.Slot], g.Types[s]))
		}
		slot[p.Slot] = s
	}
	to := func(s []int) []int {
		t := make([]int, len(s))
		for i, x := range s {
			if slot[x] < 0 {
				slot[x] = g.slot(h.Types[x])
			}
			t[i] = slot[x]
		}
		return t
	}
	for _, n := range h.Nodes {
		g.Nodes = append(g.Nodes, Node{n.Kind, to(n.In), to(n.Out), n.Step})
	}
	out := map[string]int{}
	for _, p := range h.Out {
		out[p.Name] = slot[p.Slot]
	}
	return out
}

// Beside runs h on the same inputs as g, not on g's outputs: the entries of one operator see its input only.
func (g Graph) Beside(h Graph) Graph {
	g.In, g.Out, g.Nodes, g.Types = slices.Clone(g.In), slices.Clone(g.Out), slices.Clone(g.Nodes), slices.Clone(g.Types)
	at := map[string]int{}
	for _, p := range g.In {
		at[p.Name] = p.Slot
	}
	slots := g.Add(h, at)
	for _, p := range h.Out {
		g.Output(p.Name, slots[p.Name])
	}
	return g
}

// Of gives the graph with the step of its nodes set where it is not.
func (g Graph) Of(step string) Graph {
	g.Nodes = slices.Clone(g.Nodes)
	for i := range g.Nodes {
		if g.Nodes[i].Step == "" {
			g.Nodes[i].Step = step
		}
	}
	return g
}

// Renamed gives the graph with ports named anew; names that the maps lack stay.
func (g Graph) Renamed(in, out map[string]string) Graph {
	ren := func(ps []Port, m map[string]string) []Port {
		ps = slices.Clone(ps)
		for i := range ps {
			if n, ok := m[ps[i].Name]; ok {
				ps[i].Name = n
			}
		}
		return ps
	}
	g.In, g.Out = ren(g.In, in), ren(g.Out, out)
	return g
}

// Narrow keeps what the wanted outputs need, in the order wanted: dead nodes and unused inputs go, slots are numbered anew.
func (g Graph) Narrow(want []string) Graph {
	live := make([]bool, len(g.Types))
	var out []Port
	for _, w := range want {
		i := slices.IndexFunc(g.Out, func(p Port) bool { return p.Name == w })
		if i < 0 {
			panic("program: no output " + w + " among " + g.String())
		}
		out = append(out, g.Out[i])
		live[g.Out[i].Slot] = true
	}
	var nodes []Node
	var fresh []bool
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		keep, any, all := make([]bool, len(n.Out)), false, true
		for j, s := range n.Out {
			keep[j] = live[s]
			any, all = any || keep[j], all && keep[j]
		}
		if !any {
			continue
		}
		isNew := false
		if k, ok := n.Kind.(Narrower); ok && !all {
			kind, in := k.Narrow(keep)
			m := Node{Kind: kind, Step: n.Step}
			for _, j := range in {
				m.In = append(m.In, n.In[j])
			}
			for j, s := range n.Out {
				if keep[j] {
					m.Out = append(m.Out, s)
				}
			}
			n, isNew = m, true
		}
		for _, s := range n.In {
			live[s] = true
		}
		nodes, fresh = append(nodes, n), append(fresh, isNew)
	}
	slices.Reverse(nodes)
	slices.Reverse(fresh)
	// number the slots anew, in the order of first use, so that the encoding does not depend on what was dropped
	o := Graph{}
	slot := make([]int, len(g.Types))
	for i := range slot {
		slot[i] = -1
	}
	at := func(s int) int {
		if slot[s] < 0 {
			slot[s] = o.slot(g.Types[s])
		}
		return slot[s]
	}
	for _, p := range g.In {
		if live[p.Slot] {
			o.In = append(o.In, Port{p.Name, at(p.Slot)})
		}
	}
	for i, n := range nodes {
		m := Node{Kind: n.Kind, Step: n.Step}
		for _, s := range n.In {
			m.In = append(m.In, at(s))
		}
		for _, s := range n.Out {
			m.Out = append(m.Out, at(s))
		}
		o.Nodes = append(o.Nodes, m)
		if fresh[i] {
			if err := o.init(m); err != nil {
				panic(fmt.Sprintf("program: narrowed %s: %v", m.Kind.ID(), err))
			}
		}
	}
	for _, p := range out {
		o.Output(p.Name, at(p.Slot))
	}
	return o
}

// Has says whether there is an output of that name.
func (g Graph) Has(name string) bool {
	return slices.ContainsFunc(g.Out, func(p Port) bool { return p.Name == name })
}

// String is the graph in a line: its ports and kinds.
func (g Graph) String() string {
	var b strings.Builder
	for i, p := range g.In {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%s", p.Name, g.Types[p.Slot])
	}
	b.WriteString(" ->")
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, " %s", n.Kind.ID())
	}
	b.WriteString(" ->")
	for _, p := range g.Out {
		fmt.Fprintf(&b, " %s:%s", p.Name, g.Types[p.Slot])
	}
	return b.String()
}
