package program

import (
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/elem"
	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
)

// strict computes an operation through which null and failure travel.
func (r *exprRun) strict(nd *ExprNode, v *exprVec, g *exprReg) {
	var a [3]*exprVec
	for j, x := range nd.Args {
		p := &r.st.vecs[x]
		a[j] = p
		switch {
		case j == 0:
			v.valid, v.bad = p.valid, p.bad
			continue
		case v.valid == nil:
			v.valid = p.valid
		case p.valid != nil:
			d := words(&g.valid, r.n)
			for w := range d {
				d[w] = v.valid[w] & p.valid[w]
			}
			v.valid = d
		}
		v.bad = r.orBad(v.bad, p.bad, g)
	}
	t := r.e.Nodes[nd.Args[0]].Type
	if !r.fast(nd, t, a[0], a[1], v, g) {
		r.slow(nd, t, a[:len(nd.Args)], v, g)
	}
}

// failing marks rows of the chunk as failed; a null or earlier failure goes before. It owns fresh.
func (r *exprRun) failing(v *exprVec, g *exprReg, fresh []uint64) {
	if v.valid != nil {
		bits.And(fresh, fresh, v.valid)
	}
	if v.bad == nil {
		if bits.Any(fresh) {
			v.bad = words(&g.bd, r.n)
			copy(v.bad, fresh)
		}
		return
	}
	v.bad = r.orBad(v.bad, fresh, g)
}

// fast has loops for what is done to millions of rows. False: there is none.
func (r *exprRun) fast(nd *ExprNode, t batch.Type, x, y, v *exprVec, g *exprReg) bool {
	n := r.n
	switch nd.op {
	case opNot:
		v.b = words(&g.b, n)
		bits.Not(v.b, x.b, n)
	case opEq, opNe, opLt, opLe:
		v.b = words(&g.b, n)
		r.compare(nd, x, y, v.b)
	case opIn:
		v.b = words(&g.b, n)
		r.member(nd, x, v.b, g)
	case opAdd, opSub, opMul, opMin, opMax:
		if nd.Type.Kind == batch.Int64 {
			r.integers(nd.op, x.i, y.i, v, g)
			break
		}
		v.f = g.floats(n)
		floatLoop(nd.op, v.f, x.f, y.f)
	case opDivide:
		v.f = g.floats(n)
		elem.Div(v.f, x.f, y.f)
	case opPow:
		v.f = g.floats(n)
		fmath.PowSlice(v.f, x.f, y.f)
	case opIdiv, opMod:
		r.integers(nd.op, x.i, y.i, v, g)
	case opNeg, opAbs, opFloor, opCeil, opRound, opSqrt, opExp, opLog, opLog2, opLog10, opLog1p, opExpm1, opSin, opCos:
		if nd.Type.Kind == batch.Int64 {
			return false
		}
		v.f = g.floats(n)
		mapLoop(nd.op, v.f, x.f)
	case opToFloat:
		v.f = g.floats(n)
		switch {
		case t.Float():
			v.f = x.f
		case t.Integer():
			elem.Convert(v.f, x.i)
		case t.Kind == batch.Decimal:
			elem.Convert(v.f, x.i)
			elem.DivScalar(v.f, v.f, float64(pow10[t.Scale]))
		default:
			elem.BoolTo(v.f, x.b)
		}
	case opToFloat32:
		v.f = g.floats(n)
		for i, p := range x.f {
			v.f[i] = float64(float32(p))
		}
	case opRaw:
		v.i = x.i
	case opYear, opMonth, opDay, opWeekday, opYearday:
		v.i = g.ints(n)
		days := x.i
		if t.Kind == batch.Timestamp {
			days = v.i
			daysLoop(days, x.i, t.Unit)
		}
		dateLoop(nd.op, v.i, days)
	case opToDate:
		v.i = x.i
		if t.Kind == batch.Timestamp {
			v.i = g.ints(n)
			daysLoop(v.i, x.i, t.Unit)
		}
		if fresh := words(&g.tmp, n); beyondInt32(fresh, v.i) {
			r.failing(v, g, fresh)
		}
	case opHour, opMinute, opSecond:
		v.i = g.ints(n)
		timeLoop(nd.op, v.i, x.i, t.Unit)
	case opInZone:
		v.i = g.ints(n)
		fresh := words(&g.tmp, n)
		clear(fresh)
		if nd.zone.walls(v.i, x.i, t.Unit, fresh) {
			r.failing(v, g, fresh)
		}
	default:
		return false
	}
	return true
}

// integers is intOp over slices. From the first row that fails on, all are computed one by one.
func (r *exprRun) integers(op exprOp, x, y []int64, v *exprVec, g *exprReg) {
	v.i = g.ints(r.n)
	first := -1
	switch op {
	case opAdd:
		first = elem.AddI64(v.i, x, y)
	case opSub:
		first = elem.SubI64(v.i, x, y)
	case opMul:
		first = elem.MulI64(v.i, x, y)
	case opIdiv:
		first = elem.DivI64(v.i, x, y)
	case opMod:
		first = elem.ModI64(v.i, x, y)
	case opMin:
		elem.Min(v.i, x, y)
	case opMax:
		elem.Max(v.i, x, y)
	}
	if first < 0 {
		return
	}
	fresh := words(&g.tmp, r.n)
	clear(fresh)
	for i := first; i < r.n; i++ {
		s, ok := intOp(op, x[i], y[i])
		v.i[i] = s
		fresh[i>>6] |= uint64(b2i(!ok)) << (i & 63)
	}
	r.failing(v, g, fresh)
}

func floatLoop(op exprOp, dst, x, y []float64) {
	switch op {
	case opAdd:
		elem.Add(dst, x, y)
	case opSub:
		elem.Sub(dst, x, y)
	case opMul:
		elem.Mul(dst, x, y)
	case opMin:
		elem.Min(dst, x, y)
	case opMax:
		elem.Max(dst, x, y)
	}
}

func mapLoop(op exprOp, dst, x []float64) {
	switch op {
	case opNeg:
		elem.Neg(dst, x)
	case opAbs:
		elem.Abs(dst, x)
	case opFloor:
		elem.Floor(dst, x)
	case opCeil:
		elem.Ceil(dst, x)
	case opRound:
		elem.Round(dst, x)
	case opSqrt:
		elem.Sqrt(dst, x)
	case opExp:
		fmath.ExpSlice(dst, x)
	case opLog:
		fmath.LogSlice(dst, x)
	case opLog2:
		fmath.Log2Slice(dst, x)
	case opLog10:
		fmath.Log10Slice(dst, x)
	case opLog1p:
		fmath.Log1pSlice(dst, x)
	case opExpm1:
		fmath.Expm1Slice(dst, x)
	case opSin:
		fmath.SinSlice(dst, x)
	case opCos:
		fmath.CosSlice(dst, x)
	}
}

var elemOps = [...]elem.Op{elem.Eq, opNe - opEq: elem.Ne, opLt - opEq: elem.Lt, opLe - opEq: elem.Le}

// compare writes a bitmap; a constant side is a scalar to the kernel.
func (r *exprRun) compare(nd *ExprNode, x, y *exprVec, dst []uint64) {
	op := elemOps[nd.op-opEq]
	left, right := &r.e.Nodes[nd.Args[0]], &r.e.Nodes[nd.Args[1]]
	switch {
	case x.i != nil && right.op == opInt:
		elem.CompareScalar(dst, op, x.i, right.I)
	case x.i != nil && left.op == opInt:
		elem.CompareScalar(dst, op.Swap(), y.i, left.I)
	case x.i != nil:
		elem.Compare(dst, op, x.i, y.i)
	case x.f != nil && right.op == opFloat:
		elem.CompareScalar(dst, op, x.f, right.F)
	case x.f != nil && left.op == opFloat:
		elem.CompareScalar(dst, op.Swap(), y.f, left.F)
	case x.f != nil:
		elem.Compare(dst, op, x.f, y.f)
	case x.s != nil:
		for j := range dst {
			var w uint64
			for i := j * 64; i < min(r.n, j*64+64); i++ {
				w |= uint64(b2i(compare(nd.op, x.s[i], y.s[i]))) << (i & 63)
			}
			dst[j] = w
		}
	default:
		var in [chunkRows / 64]uint64
		bits.Fill(in[:len(dst)], r.n)
		for j := range dst {
			p, q := x.b[j], y.b[j]
			switch nd.op {
			case opEq:
				p = ^(p ^ q)
			case opNe:
				p ^= q
			case opLt:
				p = ^p & q
			case opLe:
				p = ^p | q
			}
			dst[j] = p & in[j]
		}
	}
}

// shortList: so many comparisons of a whole column take less than a search of the list for each row.
const shortList = 8

func (r *exprRun) member(nd *ExprNode, x *exprVec, dst []uint64, g *exprReg) {
	if max(len(nd.Ints), len(nd.Floats)) <= shortList && len(nd.Strings) == 0 {
		one := words(&g.tmp, r.n)
		clear(dst)
		for _, c := range nd.Ints {
			elem.CompareScalar(one, elem.Eq, x.i, c)
			bits.Or(dst, dst, one)
		}
		for _, c := range nd.Floats {
			elem.CompareScalar(one, elem.Eq, x.f, c)
			bits.Or(dst, dst, one)
		}
		return
	}
	cls := byte('s')
	if x.i != nil {
		cls = 'i'
	} else if x.f != nil {
		cls = 'f'
	}
	var v exprVal
	for j := range dst {
		var w uint64
		for i := j * 64; i < min(r.n, j*64+64); i++ {
			switch cls {
			case 'i':
				v.i = x.i[i]
			case 'f':
				v.f = x.f[i]
			default:
				v.s = x.s[i]
			}
			w |= uint64(b2i(nd.contains(cls, &v))) << (i & 63)
		}
		dst[j] = w
	}
}

// slow computes row by row with scalar, for the rows that are present.
func (r *exprRun) slow(nd *ExprNode, t batch.Type, a []*exprVec, v *exprVec, g *exprReg) {
	n := r.n
	switch class(nd.Type) {
	case 'b':
		v.b = words(&g.b, n)
		clear(v.b)
	case 'i':
		v.i = g.ints(n)
	case 'f':
		v.f = g.floats(n)
	case 's':
		v.s = g.texts(n)
	}
	var arg [3]exprVal
	var o exprVal
	valid, bad := v.valid, v.bad
	owned := false // the bitmaps of v are g's own from the first row on that changes them
	own := func() {
		if owned {
			return
		}
		owned = true
		w := words(&g.valid, n)
		if valid == nil {
			bits.Fill(w, n)
		} else {
			copy(w, valid)
		}
		v.valid = w
		w = words(&g.bd, n)
		if bad == nil {
			clear(w)
		} else {
			copy(w, bad)
		}
		v.bad = w
	}
	for i := range n {
		w, m := i>>6, uint64(1)<<(i&63)
		if word(v.valid, w, m)&m == 0 || word(v.bad, w, 0)&m != 0 {
			continue
		}
		for j, p := range a {
			switch {
			case p.i != nil:
				arg[j].i = p.i[i]
			case p.f != nil:
				arg[j].f = p.f[i]
			case p.s != nil:
				arg[j].s = p.s[i]
			default:
				arg[j].i = int64(p.b[w] >> (i & 63) & 1)
			}
		}
		o.st = present
		nd.scalar(t, &arg[0], &arg[1], &arg[2], &o, &r.st.text)
		switch {
		case o.st == null:
			own()
			v.valid[w] &^= m
		case o.st == failed:
			own()
			v.bad[w] |= m
		case v.i != nil:
			v.i[i] = o.i
		case v.f != nil:
			v.f[i] = o.f
		case v.s != nil:
			v.s[i] = o.s
		case o.i != 0:
			v.b[w] |= m
		}
	}
}
