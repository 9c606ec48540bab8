package exec

import (
	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// prunes gives the function that says of rows of a source whether none of them reaches a sink, by what is known of their columns. Many
// goroutines may call it.
func (f *flow) prunes(schema operators.Schema) func(bounds func(col int) (batch.Bounds, bool)) bool {
	never := map[*stream]func(func(string) (batch.Bounds, bool)) bool{}
	var find func(s *stream)
	find = func(s *stream) {
		own := 0 // what a Pruner answers for
		for _, k := range s.kids {
			if n := k.effect; pruner(n) != nil {
				own += fails(n.Prog.Narrow([]string{n.Out.Keep}), false)
			}
		}
		if fails(s.graph, false) > own { // what else fails in a row on its way must be found wherever a unit ends
			return
		}
		for _, k := range s.kids {
			if p := pruner(k.effect); p != nil {
				never[k] = p.Never(k.effect.Site)
			}
			find(k)
		}
	}
	find(f.root)
	return func(bounds func(int) (batch.Bounds, bool)) bool {
		if len(never) == 0 {
			return false
		}
		return f.dead(f.root, func(s *stream) bool {
			never := never[s]
			return never != nil && never(func(col string) (batch.Bounds, bool) {
				if i := schema.Index(f.columnOf(s.effect.In[0], col)); i >= 0 {
					return bounds(i)
				}
				return batch.Bounds{}, false
			})
		})
	}
}

// pruner gives what says of an effect that it keeps no row; nil where nothing does.
func pruner(n *plan.Node) operators.Pruner {
	if n.Op == nil || n.Only != 0 && n.Only != batch.AllRows {
		return nil
	}
	p, _ := n.Op.(operators.Pruner)
	return p
}

// dead says whether no row of a stream reaches a sink, where none says of which streams there is no row.
func (f *flow) dead(s *stream, none func(*stream) bool) bool {
	if none(s) {
		return true
	}
	if len(s.sinks) > 0 {
		return false
	}
	for _, k := range s.kids {
		if !f.dead(k, none) {
			return false
		}
	}
	return true
}

// columnOf gives the column of the base that a column of a node is, "" where it is none.
func (f *flow) columnOf(n *plan.Node, col string) string {
	for n != f.base {
		i, from, ok := n.Passes(col)
		if e := n.Out; !ok && len(e.Made) > 0 && n.In[0] == f.base && n.Step == nil {
			i, from, ok = 0, col, true // a source's contract passes its columns on
		}
		if !ok {
			return ""
		}
		n, col = n.In[i], from
	}
	return col
}

// selection says which rows of a source reach a sink, as far as that can be told before all columns are read; nil where it cannot, or where
// a row that does not reach one may fail on its way: whether it does must not hang on how a file is cut.
func (f *flow) selection(schema operators.Schema, never func(func(int) (batch.Bounds, bool)) bool, cols []int, rowsMax int) *connectors.Selection {
	first := f.drops()
	if len(first) == 0 {
		return nil
	}
	s := &connectors.Selection{Cols: cols, RowsMax: rowsMax, Never: never}
	var wants []want
	for _, n := range first {
		wants = append(wants, want{n, nil, &sink{}})
	}
	early := compile(f.base, wants)
	if len(early.cols) >= len(f.cols) {
		return s
	}
	for _, c := range early.cols {
		s.Early = append(s.Early, schema.Index(c))
	}
	s.Wanted = func(c *batch.Ctx, b batch.Batch) ([]uint64, error) {
		keep := c.Bitmap(b.N)
		return keep, early.root.run(c, b, func(_ *sink, kept batch.Batch) error {
			for i := range kept.N {
				j := kept.ID.At(i).Ordinal - b.ID.Base
				keep[j>>6] |= 1 << (j & 63)
			}
			return nil
		})
	}
	return s
}

// drops gives the nodes behind which a row must come to reach a sink: of each stream of the base the last of the effects that follow from
// it one by one, as long as nothing but them is computed that may fail, a source's contract included. None where some sink takes all rows.
func (f *flow) drops() (first []*plan.Node) {
	if len(f.root.sinks) > 0 || !f.root.sifts() {
		return nil
	}
	for _, s := range f.root.kids {
		drops := false
		for {
			drops = drops || s.keep >= 0 || s.effect.Pick != 0
			if len(s.sinks) > 0 || len(s.kids) != 1 || !s.sifts() {
				break
			}
			s = s.kids[0]
		}
		if !drops {
			return nil
		}
		first = append(first, s.effect)
	}
	return first
}

// sifts says whether all that may fail in a stream is what decides the rows of those below it, which neither repeat rows nor fold them.
func (s *stream) sifts() bool {
	var outs []string
	for _, k := range s.kids {
		if k.times >= 0 || k.effect.Folds != nil {
			return false
		}
		for _, i := range []int{k.keep, k.tag, k.key} {
			if i >= 0 {
				outs = append(outs, s.graph.Out[i].Name)
			}
		}
	}
	return fails(s.graph.Narrow(outs), true) == fails(s.graph, true)
}

// fails counts the ways in which a graph may fail on a row, with or without the contract of the source.
func fails(g program.Graph, contract bool) (n int) {
	for i := range g.Nodes {
		_, is := g.Nodes[i].Kind.(*program.Expect)
		if k, ok := g.Nodes[i].Kind.(program.Failing); ok && (contract || !is) {
			n += k.Fails()
		}
	}
	return n
}
