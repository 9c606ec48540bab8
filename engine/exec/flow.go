package exec

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

// A flow is what is done to a morsel of a base's rows for everybody who wants rows that come from them: a tree of streams, each
// with one composed graph. A stream begins where rows are dropped, tagged or repeated; what is computed once is shared.
type flow struct {
	base *plan.Node
	cols []string // of the base, that are read
	root *stream
}

// A stream is a set of rows with the columns computed on them.
type stream struct {
	effect *plan.Node // how its rows come of the parent's; nil for the root
	keep   int        // parent's output that says so, -1: none
	tag    int
	key    int
	times  int
	carry  []int // the parent's outputs that come along: the inputs of graph
	graph  program.Graph
	in     []int // of each input of graph: an index into the batch's columns, or a hidden column
	kids   []*stream
	sinks  []*sink
	parts  batch.Parts    // of the rows that somebody looks at, here or below
	hidden map[string]int // slots of hidden inputs while building
	names  map[string]int // outputs by slot while building
}

// Hidden inputs of a graph, as the engine feeds them.
const (
	hideOrdinal = -1 - iota
	hideCopy
	hideKey
	hidePart
)

// want is a request for rows of a node with some of its columns.
type want struct {
	n    *plan.Node
	cols []string
	sink *sink
}

// position is a column of a base that a fold scope adds: where the row was.
const position = "@position"

// compile makes the flow of all wants that start at one base. Every fit on the way must be done.
func compile(base *plan.Node, wants []want) *flow {
	asked := map[*plan.Node][]string{}
	var nodes []*plan.Node
	ask := func(n *plan.Node, cols ...string) {
		if _, seen := asked[n]; !seen {
			asked[n] = []string{}
			nodes = append(nodes, n)
		}
		for _, c := range cols {
			if c = n.Column(c); !slices.Contains(asked[n], c) {
				asked[n] = append(asked[n], c)
			}
		}
	}
	for _, w := range wants {
		ask(w.n, w.cols...)
	}
	// from the wants up to the base: nodes in falling order of their place in the plan
	programs := map[*plan.Node]*program.Graph{}
	folds := map[*plan.Node]*folded{}
	for done := 0; done < len(nodes); done++ {
		slices.SortStableFunc(nodes[done:], func(a, b *plan.Node) int { return b.Index() - a.Index() })
		n := nodes[done]
		if n == base {
			continue
		}
		if n.Folds != nil {
			var made []string
			for _, c := range asked[n] {
				if _, from, ok := n.Passes(c); ok {
					ask(n.In[0], from)
				} else {
					made = append(made, c)
				}
			}
			ask(n.In[0])
			if len(made) > 0 || n.Effect() {
				f := newFolded(n, made)
				folds[n] = f
				ask(n.In[0], f.cols...)
			}
			continue
		}
		var made []string
		for _, c := range asked[n] {
			if i, from, ok := n.Passes(c); ok {
				ask(n.In[i], from)
			} else {
				made = append(made, c)
			}
		}
		for _, in := range n.In[:rowInputs(n)] {
			ask(in)
		}
		for _, e := range []string{n.Out.Keep, n.Out.Tag, n.Out.Key, n.Out.Times} {
			if e != "" {
				made = append(made, e)
			}
		}
		if len(made) > 0 {
			g := n.Prog.Narrow(made).Of(n.Label())
			programs[n] = &g
			for _, p := range g.In {
				if !strings.HasPrefix(p.Name, "@") || strings.HasPrefix(p.Name, plan.RawPrefix) {
					ask(n.In[0], p.Name)
				}
			}
		}
	}
	// from the base down
	slices.SortFunc(nodes, func(a, b *plan.Node) int { return a.Index() - b.Index() })
	f := &flow{base: base, root: newStream(nil)}
	at := map[*plan.Node]map[string]int{}
	where := map[*plan.Node]*stream{}
	for _, n := range nodes {
		if n == base {
			f.cols = slices.Sorted(slices.Values(asked[n]))
			at[n], where[n] = map[string]int{}, f.root
			for _, c := range f.cols {
				at[n][c] = f.root.graph.Input(c, columnType(n, c))
			}
			continue
		}
		s := where[n.In[0]]
		slots := map[string]int{}
		if g := programs[n]; g != nil {
			in := map[string]int{}
			for k, v := range at[n.In[0]] {
				in[k] = v
			}
			slots = s.add(*g, in)
		}
		if k := folds[n]; k != nil {
			in := map[string]int{}
			for k, v := range at[n.In[0]] {
				in[k] = v
			}
			slots = s.add(k.graph(), in)
		}
		for _, c := range asked[n] {
			if _, ok := slots[c]; !ok {
				i, from, _ := n.Passes(c)
				slots[c] = at[n.In[i]][n.In[i].Column(from)]
			}
		}
		if n.Effect() {
			s, slots = s.child(n, slots, asked[n])
		}
		at[n], where[n] = slots, s
	}
	for _, w := range wants {
		w.sink.cols = nil
		s := where[w.n]
		for _, c := range w.cols {
			w.sink.cols = append(w.sink.cols, s.out(at[w.n][w.n.Column(c)]))
		}
		s.sinks = append(s.sinks, w.sink)
	}
	f.root.finish(f.cols)
	return f
}

// rowInputs is how many of a node's inputs its rows come from.
func rowInputs(n *plan.Node) int {
	if n.Out.Zip {
		return len(n.In)
	}
	return min(1, len(n.In))
}

func columnType(n *plan.Node, name string) batch.Type {
	if name == position {
		return batch.T(batch.Int64)
	}
	if raw, ok := strings.CutPrefix(name, plan.RawPrefix); ok { // carried through a table: its type is where it came from
		for m := n; ; m = m.In[0] {
			if f, ok := m.Sch.Field(raw); ok && (m.Source != nil || len(m.In) == 0) {
				return f.Type
			} else if m.Ends() {
				return f.Type
			}
		}
	}
	f, _ := n.Sch.Field(name)
	return f.Type
}

func newStream(effect *plan.Node) *stream {
	return &stream{effect: effect, keep: -1, tag: -1, key: -1, times: -1, hidden: map[string]int{}, names: map[string]int{}}
}

// add puts a program into the stream's graph; hidden inputs are shared.
func (s *stream) add(g program.Graph, in map[string]int) map[string]int {
	for _, p := range g.In {
		if _, ok := in[p.Name]; ok {
			continue
		}
		if _, ok := s.hidden[p.Name]; !ok {
			s.hidden[p.Name] = s.graph.Input(p.Name, g.Types[p.Slot])
		}
		in[p.Name] = s.hidden[p.Name]
	}
	return s.graph.Add(g, in)
}

// out makes a slot an output of the stream's graph and gives its index.
func (s *stream) out(slot int) int {
	name := strconv.Itoa(slot)
	if i, ok := s.names[name]; ok {
		return i
	}
	s.names[name] = len(s.graph.Out)
	s.graph.Output(name, slot)
	return len(s.graph.Out) - 1
}

// child begins a stream below an effect, with the columns wanted below it.
func (s *stream) child(n *plan.Node, slots map[string]int, wanted []string) (*stream, map[string]int) {
	c := newStream(n)
	if o := n.Out; n.Folds == nil {
		for _, e := range []struct {
			name string
			to   *int
		}{{o.Keep, &c.keep}, {o.Tag, &c.tag}, {o.Key, &c.key}, {o.Times, &c.times}} {
			if e.name != "" {
				*e.to = s.out(slots[e.name])
			}
		}
	} else {
		c.keep = s.out(slots[foldKeep])
	}
	below := map[string]int{}
	for _, w := range wanted {
		below[w] = c.graph.Input(strconv.Itoa(len(c.carry)), s.graph.Types[slots[w]])
		c.carry = append(c.carry, s.out(slots[w]))
	}
	s.kids = append(s.kids, c)
	return c, below
}

// finish binds the inputs of the graph to columns and drops what nobody reads.
func (s *stream) finish(cols []string) {
	outs := make([]string, len(s.graph.Out))
	for i, p := range s.graph.Out {
		outs[i] = p.Name
	}
	s.graph = s.graph.Narrow(outs)
	for _, p := range s.graph.In {
		switch p.Name {
		case program.Ordinal:
			s.in = append(s.in, hideOrdinal)
		case program.Copy:
			s.in = append(s.in, hideCopy)
		case program.Key:
			s.in = append(s.in, hideKey)
		case program.PartCol:
			s.in = append(s.in, hidePart)
		default:
			i := slices.Index(cols, p.Name)
			if i < 0 {
				panic("exec: no column " + p.Name)
			}
			s.in = append(s.in, i)
		}
	}
	for _, k := range s.kids {
		names := make([]string, len(k.carry))
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		k.finish(names)
		s.parts |= k.reads()
	}
	for _, k := range s.sinks {
		s.parts |= cmp.Or(k.parts, batch.AllRows)
	}
	s.hidden, s.names = nil, nil
}

// reads are the parts of the parent's rows that somebody looks at in the stream or below.
func (s *stream) reads() batch.Parts {
	switch {
	case s.tag >= 0:
		return batch.AllRows // they get their parts here
	case s.effect.Pick != 0:
		return s.parts & s.effect.Pick
	}
	return s.parts
}

// run takes a morsel through the stream and those below it, and gives each sink its rows. An error about a row is about one of b.
func (s *stream) run(c *batch.Ctx, b batch.Batch, give func(*sink, batch.Batch) error) error {
	cols, err := s.compute(c, &b)
	if err != nil {
		return err
	}
	for _, k := range s.sinks {
		sub := b
		sub.Cols = make([]batch.Column, len(k.cols))
		for i, j := range k.cols {
			sub.Cols[i] = cols[j]
		}
		if err := give(k, sub); err != nil {
			return err
		}
	}
	for _, k := range s.kids {
		below, err := k.below(c, b, cols)
		if err != nil {
			return err
		}
		if below.N == 0 {
			continue
		}
		if err := k.run(c, below, give); err != nil {
			return relocate(err, rowOf(&below, &b))
		}
	}
	return nil
}

func (s *stream) compute(c *batch.Ctx, b *batch.Batch) (out []batch.Column, err error) {
	in := make([]batch.Column, len(s.in))
	for i, j := range s.in {
		if j >= 0 {
			in[i] = b.Cols[j]
		} else {
			in[i] = hiddenColumn(c, b, j)
		}
	}
	err = Guard(func() error {
		out, err = s.graph.Batch(c, b.N, in)
		return err
	})
	if _, ok := err.(*PanicError); ok {
		err = &StepError{Step: panicked(s.graph, c, b.N, in), Err: err}
	}
	return out, err
}

// panicked gives the step of the node of a graph that panics on a batch: the last of the shortest run of nodes that does.
func panicked(g program.Graph, c *batch.Ctx, n int, in []batch.Column) string {
	nodes := g.Nodes
	g.Out = nil
	for k := range nodes {
		g.Nodes = nodes[:k+1]
		err := Guard(func() error {
			_, err := g.Batch(c, n, in)
			return err
		})
		if _, ok := err.(*PanicError); ok {
			return nodes[k].Step
		}
	}
	return ""
}

func hiddenColumn(c *batch.Ctx, b *batch.Batch, which int) batch.Column {
	v := c.Int64s(b.N)
	switch {
	case (which == hideOrdinal || which == hideKey && b.Key == nil) && b.ID.Ordinals == nil:
		for i := range v {
			v[i] = int64(b.ID.Base + uint64(i))
		}
	case which == hideOrdinal || which == hideKey && b.Key == nil:
		for i, o := range b.ID.Ordinals[:b.N] {
			v[i] = int64(o)
		}
	case which == hideKey:
		for i, k := range b.Key {
			v[i] = int64(k)
		}
	case which == hideCopy && b.ID.Copies != nil:
		for i, k := range b.ID.Copies {
			v[i] = int64(k)
		}
	case which == hidePart && b.Part != nil:
		for i, p := range b.Part {
			v[i] = int64(p)
		}
	default: // the first copy, the train part
		clear(v)
	}
	return batch.OfInt64s(v)
}

// below makes the rows of the stream from its parent's rows and computed columns.
func (s *stream) below(c *batch.Ctx, b batch.Batch, cols []batch.Column) (batch.Batch, error) {
	n := s.effect
	o := b
	o.Cols = make([]batch.Column, len(s.carry))
	for i, j := range s.carry {
		o.Cols[i] = cols[j]
	}
	if s.tag >= 0 {
		part := c.Uint8s(b.N)
		for i, v := range cols[s.tag].Int64s() {
			part[i] = uint8(v)
		}
		o.Part = part
	}
	if s.key >= 0 {
		key := c.Uint64s(b.N)
		for i, v := range cols[s.key].Int64s() {
			key[i] = uint64(v)
		}
		o.Key = key
	}
	switch {
	case n.Pick != 0:
		return choose(c, o, inParts(c, &o, n.Pick)), nil
	case s.keep >= 0:
		k := cols[s.keep]
		keep := k.Bits()
		if k.Valid != nil {
			and := c.Uint64s(len(keep))
			bits.And(and, keep, k.Valid)
			keep = and
		}
		if n.Only != 0 && n.Only != batch.AllRows {
			or := inParts(c, &b, batch.AllRows&^n.Only)
			bits.Or(or, or, keep)
			keep = or
		}
		return s.read(c, choose(c, o, keep)), nil
	case s.times >= 0:
		return repeat(c, o, &cols[s.times], n)
	}
	return s.read(c, o), nil
}

// read leaves out the rows that nobody looks at, where they have got their parts: nothing below is computed for them.
func (s *stream) read(c *batch.Ctx, b batch.Batch) batch.Batch {
	if s.tag < 0 || s.parts == batch.AllRows {
		return b
	}
	return choose(c, b, inParts(c, &b, s.parts))
}

// inParts is the bitmap of the rows whose part is in the set.
func inParts(c *batch.Ctx, b *batch.Batch, set batch.Parts) []uint64 {
	out := c.Bitmap(b.N)
	if b.Part == nil { // all in one
		if set.Has(batch.Train) {
			bits.Fill(out, b.N)
		}
		return out
	}
	for j := range out {
		w := uint64(0)
		for i, p := range b.Part[64*j : min(b.N, 64*j+64)] {
			w |= uint64(set>>p&1) << (i & 63)
		}
		out[j] = w
	}
	return out
}

// pick keeps the rows that ok names.
func pick(c *batch.Ctx, b batch.Batch, ok func(i int) bool) batch.Batch {
	keep := c.Bitmap(b.N)
	for i := range b.N {
		if ok(i) {
			keep[i>>6] |= 1 << (i & 63)
		}
	}
	return choose(c, b, keep)
}

// copiesMax is how often a row can be repeated at once, so that a copy of a copy of a copy still has a number of its own.
const copiesMax = 1 << 15

// repeat makes each row as often as times says; the copies are numbered.
func repeat(c *batch.Ctx, b batch.Batch, times *batch.Column, n *plan.Node) (batch.Batch, error) {
	var idx []int32
	var copies []uint32
	for i, t := range times.Int64s() {
		if times.Null(i) || n.Only != 0 && !n.Only.Has(b.PartAt(i)) {
			t = 1
		}
		old := b.ID.At(i).Copy
		if t > copiesMax || t > 0 && old > copiesMax<<1 {
			return b, &program.RowError{Row: i, Step: n.Label(), Err: fmt.Errorf("it is repeated more than %d times, or again after being repeated twice", copiesMax)}
		}
		for k := range t {
			idx = append(idx, int32(i))
			copies = append(copies, old<<15|uint32(k))
		}
	}
	o := b.Take(c, idx)
	o.ID.Copies = copies
	return o, nil
}

// foldKeep is the output of a folded scope that says which rows are still there.
const foldKeep = "@keep"

// folded is a fold scope as a node of a graph: train rows go through the alternative of their fold, all others through the full one.
type folded struct {
	n     *plan.Node
	made  []string
	cols  []string // of Start, that any alternative reads; the inputs, before the part and the key
	flows []*flow
	outs  []*sink
	types []batch.Type
}

func newFolded(n *plan.Node, made []string) *folded {
	k := &folded{n: n, made: made}
	for _, alt := range n.Folds.Alts {
		s := &sink{}
		// the position comes along only where rows can be dropped; else rows stay in their order
		cols := made
		if n.Effect() {
			cols = append(slices.Clone(made), position)
		}
		f := compile(n.Folds.Start, []want{{alt, cols, s}})
		k.flows, k.outs = append(k.flows, f), append(k.outs, s)
		for _, c := range f.cols {
			if c != position && !slices.Contains(k.cols, c) {
				k.cols = append(k.cols, c)
			}
		}
	}
	slices.Sort(k.cols)
	for _, c := range made {
		k.types = append(k.types, columnType(n, c))
	}
	return k
}

func (k *folded) graph() program.Graph {
	var in, out []program.Named
	for _, c := range k.cols {
		in = append(in, program.Named{Name: c, Type: columnType(k.n.In[0], c)})
	}
	i64 := batch.T(batch.Int64)
	in = append(in, program.Named{Name: program.PartCol, Type: i64}, program.Named{Name: program.Key, Type: i64},
		program.Named{Name: program.Ordinal, Type: i64}, program.Named{Name: program.Copy, Type: i64})
	for i, c := range k.made {
		out = append(out, program.Named{Name: c, Type: k.types[i]})
	}
	if k.n.Effect() {
		out = append(out, program.Named{Name: foldKeep, Type: batch.T(batch.Bool)})
	}
	return program.One(k, in, out)
}

// Fails is of what stands in a scope, which is not looked at.
func (*folded) Fails() int { return 1 }

// ID, Init, Encode, Decode, Row: a folded scope lives inside a run only. What is published is its full alternative.
func (*folded) ID() string                   { return "folded" }
func (*folded) Init(_, _ []batch.Type) error { return nil }
func (*folded) Encode(*canon.Writer)         { panic("exec: a fold scope is not stored") }
func (*folded) Decode(*canon.Reader)         { panic("exec: a fold scope is not stored") }
func (*folded) Row(*program.Frame, []int, []int) error {
	panic("exec: a fold scope is not served")
}

// Batch sends each row through its alternative and puts the rows back where they were.
func (k *folded) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	nc := len(k.cols)
	part, key, ord, cop := in[nc].Int64s(), in[nc+1].Int64s(), in[nc+2].Int64s(), in[nc+3].Int64s()
	f, effect := k.n.Folds, k.n.Effect()
	fold := c.Int32s(n)
	for i := range fold {
		if fold[i] = int32(f.K); batch.Part(part[i]) == batch.Train {
			fold[i] = int32(f.Of(uint64(key[i])))
		}
	}
	b := batch.Batch{N: n, Cols: in[:nc]}
	b.ID.Ordinals, b.ID.Copies, b.Part, b.Key = c.Uint64s(n), c.Uint32s(n), c.Uint8s(n), c.Uint64s(n)
	for i := range n {
		b.ID.Ordinals[i], b.ID.Copies[i], b.Part[i], b.Key[i] = uint64(ord[i]), uint32(cop[i]), uint8(part[i]), uint64(key[i])
	}
	made := make([][]batch.Column, len(k.made))
	from := c.Int32s(n) // of each row, where it stands in the results put behind one another
	clear(from)
	kept := c.Bitmap(n)
	at := int32(0)
	for a, idx := range byFold(c, fold, f.K+1) {
		if len(idx) == 0 {
			continue
		}
		fl := k.flows[a]
		sub := b.Take(c, idx)
		cols := make([]batch.Column, len(fl.cols))
		for i, name := range fl.cols {
			if name == position {
				pos := c.Int64s(len(idx))
				for j, p := range idx {
					pos[j] = int64(p)
				}
				cols[i] = batch.OfInt64s(pos)
				continue
			}
			cols[i] = sub.Cols[slices.Index(k.cols, name)]
		}
		sub.Cols = cols
		err := fl.root.run(c, sub, func(to *sink, r batch.Batch) error {
			if to != k.outs[a] {
				return nil // of a scope within
			}
			for i := range k.made {
				made[i] = append(made[i], r.Cols[i])
			}
			for j := range r.N {
				p := idx[j]
				if effect {
					p = int32(r.Cols[len(k.made)].Int64s()[j])
				}
				from[p] = at
				kept[p>>6] |= 1 << (p & 63)
				at++
			}
			return nil
		})
		if err != nil {
			return relocate(err, func(row int) int { return int(idx[row]) })
		}
	}
	for i := range k.made {
		if at == 0 {
			out[i] = c.New(k.types[i], n)
			clear(out[i].Values)
			clear(out[i].Offsets)
			continue
		}
		all, err := batch.Concat(c, made[i])
		if err != nil {
			return err
		}
		out[i] = all.Take(c, from)
	}
	if effect {
		out[len(k.made)] = batch.OfBits(kept, n)
	}
	return nil
}
