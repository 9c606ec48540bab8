package exec

import (
	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// never says whether no row of the unit reaches a sink, by what the file says of its columns.
func (f *flow) never(u connectors.Unit, schema operators.Schema) bool {
	if u.Bounds == nil || u.Rows < 0 || f.base.Source == nil { // who is not counted must be read, for the numbers of the rows behind it
		return false
	}
	bounds := func(n *plan.Node) func(string) (any, any, int64, bool) {
		return func(col string) (any, any, int64, bool) {
			for n != f.base { // the column as the file has it, or none
				i, from, ok := n.Passes(col)
				if e := n.Out; !ok && len(e.Made) > 0 && n.In[0] == f.base && n.Step == nil {
					i, from, ok = 0, col, true // a source's contract passes its columns on
				}
				if !ok {
					return nil, nil, -1, false
				}
				n, col = n.In[i], from
			}
			j := schema.Index(col)
			if j < 0 {
				return nil, nil, -1, false
			}
			b, ok := u.Bounds(j)
			return b.Min, b.Max, b.Nulls, ok
		}
	}
	var dead func(s *stream) bool
	dead = func(s *stream) bool {
		if n := s.effect; n != nil && n.Op != nil && (n.Only == 0 || n.Only == batch.AllRows) {
			if p, ok := n.Op.(operators.Pruner); ok && p.Never(n.Site, bounds(n.In[0])) {
				return true
			}
		}
		if len(s.sinks) > 0 {
			return false
		}
		for _, k := range s.kids {
			if !dead(k) {
				return false
			}
		}
		return true
	}
	return dead(f.root)
}
