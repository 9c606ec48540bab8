package program

import (
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/texts"
	"github.com/headrace/headrace/operators/batch"
)

// comparesTexts says whether a node compares the texts of a column that has no dictionary with constants: they are not loaded
// for it.
func (e *Expr) comparesTexts(nd *ExprNode, in []batch.Column) bool {
	switch nd.op {
	case opEq, opNe, opContains, opStartsWith, opEndsWith:
		if e.Nodes[nd.Args[1]].op != opText {
			return false
		}
	case opIn:
		if len(nd.Strings) > shortList {
			return false
		}
	default:
		return false
	}
	a := &e.Nodes[nd.Args[0]]
	return a.op == opCol && in[a.I].Type.Text() && in[a.I].Dict == nil
}

// compareTexts computes a node that comparesTexts chose.
func (r *exprRun) compareTexts(k int) {
	nd, v, n := &r.e.Nodes[k], &r.st.vecs[k], r.n
	col := &r.in[r.e.Nodes[nd.Args[0]].I]
	*v = exprVec{b: words(&r.st.regs[k].b, n)}
	if col.Valid != nil {
		v.valid = col.Valid[r.lo>>6 : batch.Words(r.lo+n)]
	}
	offsets := col.Offsets[r.lo : r.lo+n+1]
	if nd.op == opIn {
		texts.In(v.b, offsets, col.Values, nd.Strings)
		return
	}
	switch s := r.e.Nodes[nd.Args[1]].S; nd.op {
	case opEq:
		texts.Equal(v.b, offsets, col.Values, s)
	case opNe:
		texts.Equal(v.b, offsets, col.Values, s)
		bits.Not(v.b, v.b, n)
	case opContains:
		texts.Contains(v.b, offsets, col.Values, s)
	case opStartsWith:
		texts.HasPrefix(v.b, offsets, col.Values, s)
	case opEndsWith:
		texts.HasSuffix(v.b, offsets, col.Values, s)
	}
}
