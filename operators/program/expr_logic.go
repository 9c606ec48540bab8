package program

import (
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/elem"
)

// kleene is and, or or: see kleene on values. Or is and with the truth values the other way round.
func (r *exprRun) kleene(nd *ExprNode, v *exprVec, g *exprReg) {
	a, b := &r.st.vecs[nd.Args[0]], &r.st.vecs[nd.Args[1]]
	v.b = words(&g.b, r.n)
	if a.valid == nil && b.valid == nil && a.bad == nil && b.bad == nil {
		for j := range v.b {
			if nd.op == opAnd {
				v.b[j] = a.b[j] & b.b[j]
			} else {
				v.b[j] = a.b[j] | b.b[j]
			}
		}
		return
	}
	v.valid, v.bad = words(&g.valid, r.n), words(&g.bd, r.n)
	var inv, some uint64
	if nd.op == opOr {
		inv = ^uint64(0)
	}
	for j := range v.b {
		va, vb := word(a.valid, j, ^uint64(0)), word(b.valid, j, ^uint64(0))
		ba, bb := word(a.bad, j, 0), word(b.bad, j, 0)
		xa, xb := a.b[j]^inv, b.b[j]^inv
		stop := va &^ ba &^ xa // the left side decides
		zero := stop | vb&^bb&^xb
		one := va & vb & xa & xb
		in := ^uint64(0)
		if j == len(v.b)-1 && r.n&63 != 0 {
			in = 1<<(r.n&63) - 1
		}
		v.valid[j] = (zero | one) & in
		v.b[j] = (one ^ inv) & v.valid[j]
		if inv != 0 {
			v.b[j] = zero & in
		}
		v.bad[j] = (ba | bb&^stop) & in
		some |= v.bad[j]
	}
	if some == 0 {
		v.bad = nil
	}
}

// pick is select.
func (r *exprRun) pick(nd *ExprNode, v *exprVec, g *exprReg) {
	c, a, b := &r.st.vecs[nd.Args[0]], &r.st.vecs[nd.Args[1]], &r.st.vecs[nd.Args[2]]
	r.choose(c.b, a, b, v, g)
	if c.valid != nil {
		if v.valid == nil {
			v.valid = c.valid
		} else {
			bits.And(v.valid, v.valid, c.valid)
		}
	}
	// a null condition hides what the branches fail of
	if v.bad != nil && c.valid != nil {
		bits.And(v.bad, v.bad, c.valid)
	}
	v.bad = r.orBad(v.bad, c.bad, g)
}

// choose takes a's rows where c is set, b's elsewhere. Bitmaps of v are in g or nil, never shared.
func (r *exprRun) choose(c []uint64, a, b *exprVec, v *exprVec, g *exprReg) {
	n := r.n
	switch {
	case a.i != nil:
		v.i = g.ints(n)
		elem.Select(v.i, c, a.i, b.i)
	case a.f != nil:
		v.f = g.floats(n)
		elem.Select(v.f, c, a.f, b.f)
	case a.s != nil:
		v.s = g.texts(n)
		elem.Select(v.s, c, a.s, b.s)
	default:
		v.b = words(&g.b, n)
		for j := range v.b {
			v.b[j] = a.b[j]&c[j] | b.b[j]&^c[j]
		}
	}
	if a.valid != nil || b.valid != nil {
		v.valid = words(&g.valid, n)
		for j := range v.valid {
			v.valid[j] = word(a.valid, j, ^uint64(0))&c[j] | word(b.valid, j, ^uint64(0))&^c[j]
		}
		if n&63 != 0 {
			v.valid[n>>6] &= 1<<(n&63) - 1
		}
	}
	if a.bad != nil || b.bad != nil {
		v.bad = words(&g.bd, n)
		for j := range v.bad {
			v.bad[j] = word(a.bad, j, 0)&c[j] | word(b.bad, j, 0)&^c[j]
		}
	}
}

// coalesce takes the second where the first is null and has not failed.
func (r *exprRun) coalesce(nd *ExprNode, v *exprVec, g *exprReg) {
	a, b := &r.st.vecs[nd.Args[0]], &r.st.vecs[nd.Args[1]]
	if a.valid == nil {
		*v = *a
		return
	}
	c := a.valid
	if a.bad != nil {
		c = words(&g.tmp, r.n)
		for j := range c {
			c[j] = a.valid[j] | a.bad[j]
		}
	}
	r.choose(c, a, b, v, g)
	if a.bad != nil {
		// what failed is neither null nor present: the state of its row is bad alone
		v.bad = r.orBad(v.bad, a.bad, g)
	}
}

// orBad is the union of two bitmaps of failures, in g's memory where it is none of the two; x may be g's.
func (r *exprRun) orBad(x, y []uint64, g *exprReg) []uint64 {
	switch {
	case y == nil:
		return x
	case x == nil:
		return y
	}
	d := words(&g.bd, r.n)
	for j := range d {
		d[j] = x[j] | y[j]
	}
	return d
}
