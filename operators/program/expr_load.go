package program

import (
	mathbits "math/bits"
	"unsafe"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/elem"
	"github.com/headrace/headrace/kernels/pick"
	"github.com/headrace/headrace/operators/batch"
)

// exprTable is a node's value for each entry of a dictionary, then for null.
type exprTable struct {
	col batch.Column
	bad []uint64
}

// load gives the chunk of a column: as it lies there, or widened.
func (r *exprRun) load(nd *ExprNode, v *exprVec, g *exprReg) {
	col, lo, n := &r.in[nd.I], r.lo, r.n
	if r.dict == int32(nd.I) {
		r.entries(col.Dict, v, g)
		return
	}
	if col.Valid != nil {
		v.valid = col.Valid[lo>>6 : batch.Words(lo+n)]
	}
	switch col.Type.Kind {
	case batch.Bool:
		v.b = col.Bits()[lo>>6 : batch.Words(lo+n)]
	case batch.Int32, batch.Date:
		v.i = g.ints(n)
		elem.Convert(v.i, col.Int32s()[lo:lo+n])
	case batch.Int64, batch.Timestamp, batch.Decimal:
		v.i = col.Int64s()[lo : lo+n]
	case batch.Float32:
		v.f = g.floats(n)
		elem.Convert(v.f, col.Float32s()[lo:lo+n])
	case batch.Float64:
		v.f = col.Float64s()[lo : lo+n]
	case batch.String, batch.Bytes:
		v.s = g.texts(n)
		loadTexts(v.s, col, lo)
	}
}

func loadTexts(dst []string, col *batch.Column, lo int) {
	if col.Dict != nil {
		codes := col.Codes()[lo : lo+len(dst)]
		for i, x := range codes {
			if dst[i] = ""; !col.Null(lo + i) {
				dst[i] = col.Dict.Str(int(x))
			}
		}
		return
	}
	off := col.Offsets[lo : lo+len(dst)+1]
	for i := range dst {
		b := col.Values[off[i]:off[i+1]]
		dst[i] = unsafe.String(unsafe.SliceData(b), len(b))
	}
}

// entries loads a chunk of a dictionary with the null behind its last entry.
func (r *exprRun) entries(d *batch.Column, v *exprVec, g *exprReg) {
	v.s = g.texts(r.n)
	m := min(r.n, d.N-r.lo)
	loadTexts(v.s[:m], d, r.lo)
	if m < r.n {
		v.s[m] = ""
		v.valid = words(&g.valid, r.n)
		bits.Fill(v.valid, r.n)
		v.valid[m>>6] &^= 1 << (m & 63)
	}
}

// lookup takes the chunk's values of a node from its table.
func (r *exprRun) lookup(k int) {
	t, v, g, n := &r.st.tabs[k], &r.st.vecs[k], &r.st.regs[k], r.n
	*v = exprVec{}
	src := &r.in[r.e.dep[k]]
	var at []int32
	if src.Valid == nil {
		at = src.Codes()[r.lo : r.lo+n]
	} else {
		p := &r.st.idx[r.e.dep[k]]
		*p = grow(*p, chunkRows)[:n]
		codesOf(*p, src, r.lo)
		at = *p
	}
	switch class(t.col.Type) {
	case 'b':
		v.b = words(&g.b, n)
		bits.Take(v.b, t.col.Bits(), at)
	case 'i':
		v.i = g.ints(n)
		if t.col.Type.Width() == 4 {
			for i, x := range at {
				v.i[i] = int64(t.col.Int32s()[x])
			}
			break
		}
		pick.Take(v.i, t.col.Int64s(), at)
	case 'f':
		v.f = g.floats(n)
		if t.col.Type.Width() == 4 {
			for i, x := range at {
				v.f[i] = float64(t.col.Float32s()[x])
			}
			break
		}
		pick.Take(v.f, t.col.Float64s(), at)
	case 's':
		v.s = g.texts(n)
		for i, x := range at {
			v.s[i] = t.col.Str(int(x))
		}
	}
	if t.col.Valid != nil {
		v.valid = words(&g.valid, n)
		bits.Take(v.valid, t.col.Valid, at)
	}
	if t.bad != nil {
		v.bad = words(&g.bd, n)
		bits.Take(v.bad, t.bad, at)
	}
}

// codesOf are the codes of a chunk; a null's is the one behind the last entry.
func codesOf(dst []int32, src *batch.Column, lo int) {
	copy(dst, src.Codes()[lo:lo+len(dst)])
	if src.Valid == nil {
		return
	}
	null := int32(src.Dict.N)
	for j, w := range src.Valid[lo>>6 : batch.Words(lo+len(dst))] {
		for w = ^w; w != 0; w &= w - 1 {
			i := 64*j + mathbits.TrailingZeros64(w)
			if i >= len(dst) {
				break
			}
			dst[i] = null
		}
	}
}
