package program

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"github.com/headrace/headrace/kernels/elem"
	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
)

// chunkRows is how many rows are computed at a time: registers of that length stay in the nearest caches, whatever the batch.
// The first chunk is shorter, and the others where the texts that are made turn out to be long.
const (
	chunkRows = 1024
	firstRows = 64
)

// exprVec is a value of each row of a chunk, in the slice of its class. What stands under a null or a failure is unspecified.
// valid nil: no nulls; bad nil: no failures. Bits past the rows are 0 in every bitmap.
type exprVec struct {
	i     []int64
	f     []float64
	b     []uint64
	s     []string
	valid []uint64
	bad   []uint64
}

// exprReg is the memory that a node's vec may use.
type exprReg struct {
	i            []int64
	f            []float64
	s            []string
	b, valid, bd []uint64
	tmp          []uint64
}

func (r *exprReg) ints(n int) []int64 {
	if cap(r.i) < n {
		r.i = make([]int64, n)
	}
	return r.i[:n]
}

func (r *exprReg) floats(n int) []float64 {
	if cap(r.f) < n {
		r.f = make([]float64, n)
	}
	return r.f[:n]
}

func (r *exprReg) texts(n int) []string {
	if cap(r.s) < n {
		r.s = make([]string, n)
	}
	r.s = r.s[:max(n, len(r.s))] // what was used is remembered, to be cleared
	return r.s[:n]
}

func words(p *[]uint64, n int) []uint64 {
	if cap(*p) < batch.Words(n) {
		*p = make([]uint64, batch.Words(n))
	}
	return (*p)[:batch.Words(n)]
}

// How a node gets its values in a batch.
const (
	modeSkip  uint8 = iota // nobody asks for it
	modeEval               // computed from its arguments
	modeTable              // looked up by the code of a dictionary
)

// exprTable is a node's value for each entry of a dictionary, then for null.
type exprTable struct {
	col  batch.Column
	bad  []uint64
	bits []uint8 // of a Bool: 1 the value, 2 valid, 4 failed
}

// exprRun is one call of Batch, or one look at a dictionary inside it.
type exprRun struct {
	e    *Expr
	st   *exprState
	c    *batch.Ctx
	in   []batch.Column
	dict int32 // the input that stands for its dictionary's entries and a null behind them, -1 for none
	lo   int   // the chunk
	n    int
}

// Batch implements Kind.
func (e *Expr) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	root := len(e.Nodes) - 1
	if nd := &e.Nodes[root]; nd.op == opCol {
		out[0] = in[nd.I]
		return nil
	}
	st := getState(e)
	defer e.release(st)
	st.vecs, st.regs = grow(st.vecs, root+1), grow(st.regs, root+1)
	st.tabs, st.idx = grow(st.tabs, root+1), grow(st.idx, len(in))
	st.mode = grow(st.mode, root+1)
	e.plan(st, root, n, in)
	for k, m := range st.mode {
		if m != modeTable {
			continue
		}
		if err := e.tabulate(c, st, k, in); err != nil {
			return err
		}
		if k == root && class(e.Nodes[root].Type) == 's' {
			return e.coded(c, st, n, in, &out[0])
		}
	}
	r := exprRun{e: e, st: st, c: c, in: in, dict: -1}
	sink := exprSink{col: &out[0]}
	if err := r.all(root, n, &sink); err != nil {
		return err
	}
	if sink.bad != nil {
		return e.blame(st, in, sink.bad)
	}
	return nil
}

func (e *Expr) release(st *exprState) {
	for k := range min(len(st.regs), len(st.vecs)) {
		clear(st.regs[k].s)
		st.regs[k].s = st.regs[k].s[:0]
		st.vecs[k] = exprVec{}
		st.tabs[k] = exprTable{}
	}
	st.text = st.text[:0]
	if len(st.vecs) <= 1<<12 {
		putState(st)
	}
}

// plan says how each node below root gets its values. A node that depends on one dictionary-coded column alone is computed once
// an entry, where there are fewer entries than rows.
func (e *Expr) plan(st *exprState, root, n int, in []batch.Column) {
	clear(st.mode)
	st.mode[root] = modeEval
	for k := root; k >= 0; k-- {
		if st.mode[k] == modeSkip {
			continue
		}
		nd := &e.Nodes[k]
		if d := e.dep[k]; nd.op != opCol && d >= 0 && in[d].Dict != nil && in[d].Dict.N < n {
			st.mode[k] = modeTable
			continue
		}
		for _, a := range nd.Args {
			st.mode[a] = modeEval
		}
	}
}

// tabulate computes node k for every entry of its column's dictionary.
func (e *Expr) tabulate(c *batch.Ctx, st *exprState, k int, in []batch.Column) error {
	saved := append([]uint8(nil), st.mode...)
	defer copy(st.mode, saved)
	clear(st.mode)
	st.mode[k] = modeEval
	for j := k; j >= 0; j-- {
		if st.mode[j] != modeSkip {
			for _, a := range e.Nodes[j].Args {
				st.mode[a] = modeEval
			}
		}
	}
	t := &st.tabs[k]
	n := in[e.dep[k]].Dict.N + 1
	t.col = batch.Column{Type: e.Nodes[k].Type, N: n}
	r := exprRun{e: e, st: st, c: c, in: in, dict: e.dep[k]}
	sink := exprSink{col: &t.col, keep: true}
	if err := r.all(k, n, &sink); err != nil {
		return err
	}
	t.bad = sink.bad
	if t.col.Type.Kind == batch.Bool {
		t.bits = c.Uint8s(n)
		for i := range n {
			v := uint8(2)
			if t.col.Null(i) {
				v = 0
			}
			if t.bad != nil {
				v |= uint8(t.bad[i>>6]>>(i&63)&1) << 2
			}
			t.bits[i] = v | uint8(b2i(t.col.Bit(i)))
		}
	}
	return nil
}

// coded is the outcome where it is a text that was computed once an entry: a dictionary again.
func (e *Expr) coded(c *batch.Ctx, st *exprState, n int, in []batch.Column, out *batch.Column) error {
	t := &st.tabs[len(e.Nodes)-1]
	src := &in[e.dep[len(e.Nodes)-1]]
	codes := c.Int32s(n)
	codesOf(codes, src, 0)
	var valid, bad []uint64
	if t.col.Valid != nil {
		valid = c.Bitmap(n)
		gatherBits(valid, t.col.Valid, codes)
	}
	if t.bad != nil {
		bad = c.Bitmap(n)
		if gatherBits(bad, t.bad, codes); anyBit(bad) {
			return e.blame(st, in, bad)
		}
	}
	dict := new(batch.Column)
	*dict = t.col
	dict.Valid = nil
	*out = batch.OfCodes(codes, dict)
	out.Type, out.Valid = t.col.Type, valid
	return nil
}

// codesOf are the codes of a chunk; a null's is the one behind the last entry.
func codesOf(dst []int32, src *batch.Column, lo int) {
	copy(dst, src.Codes()[lo:lo+len(dst)])
	if src.Valid == nil {
		return
	}
	null := int32(src.Dict.N)
	for i := range dst {
		if src.Null(lo + i) {
			dst[i] = null
		}
	}
}

func gatherBits(dst, src []uint64, at []int32) {
	clear(dst)
	for i, x := range at {
		dst[i>>6] |= src[x>>6] >> (x & 63) & 1 << (i & 63)
	}
}

func anyBit(w []uint64) bool {
	for _, x := range w {
		if x != 0 {
			return true
		}
	}
	return false
}

// blame computes the first of the bad rows again, to say what was wrong with it.
func (e *Expr) blame(st *exprState, in []batch.Column, bad []uint64) error {
	row := 0
	for bad[row>>6] == 0 {
		row += 64
	}
	row += bits.TrailingZeros64(bad[row>>6])
	for j := range in {
		v := &st.in[j]
		v.st = present
		if in[j].Null(row) {
			v.st = null
			continue
		}
		switch in[j].Type.Kind {
		case batch.Bool:
			v.i = b2i(in[j].Bit(row))
		case batch.Int32, batch.Date:
			v.i = int64(in[j].Int32s()[row])
		case batch.Int64, batch.Timestamp, batch.Decimal:
			v.i = in[j].Int64s()[row]
		case batch.Float32:
			v.f = float64(in[j].Float32s()[row])
		case batch.Float64:
			v.f = in[j].Float64s()[row]
		case batch.String, batch.Bytes:
			v.s = in[j].Str(row)
		}
	}
	var text []byte
	v := e.eval(st, &text)
	return &RowError{Row: row, Err: e.failure(st.vals, v.org)}
}

// all runs the chunks and puts node root's values into the sink.
func (r *exprRun) all(root, n int, sink *exprSink) error {
	sink.begin(r.c, n)
	filled := 0 // rows that constants' registers hold
	step := firstRows
	for r.lo = 0; r.lo < n; r.lo += r.n {
		r.n = min(step, n-r.lo)
		r.st.text = r.st.text[:0]
		for k := 0; k <= root; k++ {
			switch r.st.mode[k] {
			case modeEval:
				if r.n <= filled && r.constant(k) {
					r.shorten(k)
					continue
				}
				r.node(k)
			case modeTable:
				r.lookup(k)
			}
		}
		if err := sink.put(r.c, r.e, &r.st.vecs[root], r.lo, r.n); err != nil {
			return err
		}
		filled = max(filled, r.n)
		if step = r.e.chunk; len(r.st.text) > 1<<20 {
			step = firstRows
		}
	}
	return nil
}

// constant says whether node k has the same value for all rows, which then stand in its register from the first chunk on.
func (r *exprRun) constant(k int) bool {
	return r.e.Nodes[k].op >= opBool && r.e.Nodes[k].op <= opNull
}

// shorten cuts a constant's vec to the rows of the last chunk.
func (r *exprRun) shorten(k int) {
	v, n := &r.st.vecs[k], r.n
	if v.i != nil {
		v.i = v.i[:n]
	}
	if v.f != nil {
		v.f = v.f[:n]
	}
	if v.s != nil {
		v.s = v.s[:n]
	}
	if v.b != nil {
		v.b = v.b[:batch.Words(n)]
		if v.b[0] != 0 {
			ones(v.b, n)
		}
	}
	if v.valid != nil {
		v.valid = v.valid[:batch.Words(n)]
	}
}

// ones sets n bits.
func ones(w []uint64, n int) {
	for j := range w {
		w[j] = ^uint64(0)
	}
	if n&63 != 0 {
		w[n>>6] = 1<<(n&63) - 1
	}
}

// node computes node k for the chunk.
func (r *exprRun) node(k int) {
	nd, v, g, n := &r.e.Nodes[k], &r.st.vecs[k], &r.st.regs[k], r.n
	*v = exprVec{}
	switch nd.op {
	case opCol:
		r.load(nd, v, g)
	case opBool:
		v.b = words(&g.b, n)
		clear(v.b)
		if nd.I != 0 {
			ones(v.b, n)
		}
	case opInt:
		v.i = g.ints(n)
		elem.Fill(v.i, nd.I)
	case opFloat:
		v.f = g.floats(n)
		elem.Fill(v.f, nd.F)
	case opText:
		v.s = g.texts(n)
		elem.Fill(v.s, nd.S)
	case opNull:
		v.valid = words(&g.valid, n)
		clear(v.valid)
		switch class(nd.Type) {
		case 'b':
			v.b = v.valid
		case 'i':
			v.i = g.ints(n)
		case 'f':
			v.f = g.floats(n)
		case 's':
			v.s = g.texts(n)
		}
	case opIsNull, opNotNull:
		a := &r.st.vecs[nd.Args[0]]
		v.b, v.bad = words(&g.b, n), a.bad
		switch {
		case a.valid == nil:
			clear(v.b)
			if nd.op == opNotNull {
				ones(v.b, n)
			}
		case nd.op == opNotNull:
			copy(v.b, a.valid)
		default:
			flip(v.b, a.valid, n)
		}
	case opAnd, opOr:
		r.kleene(nd, v, g)
	case opSelect:
		r.pick(nd, v, g)
	case opCoalesce:
		r.coalesce(nd, v, g)
	default:
		r.strict(nd, v, g)
	}
}

func flip(dst, src []uint64, n int) {
	for j := range dst {
		dst[j] = ^src[j]
	}
	if n&63 != 0 {
		dst[n>>6] &= 1<<(n&63) - 1
	}
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
		for i, x := range col.Int32s()[lo : lo+n] {
			v.i[i] = int64(x)
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		v.i = col.Int64s()[lo : lo+n]
	case batch.Float32:
		v.f = g.floats(n)
		for i, x := range col.Float32s()[lo : lo+n] {
			v.f[i] = float64(x)
		}
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
		ones(v.valid, r.n)
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
	if t.bits != nil {
		v.b, v.valid, v.bad = words(&g.b, n), words(&g.valid, n), words(&g.bd, n)
		for j := range v.b {
			part := at[j*64 : min(n, j*64+64)]
			var b, ok, bad uint64
			for i, x := range part {
				w := uint64(t.bits[x])
				b |= w & 1 << i
				ok |= w >> 1 & 1 << i
				bad |= w >> 2 << i
			}
			v.b[j], v.valid[j], v.bad[j] = b, ok, bad
		}
		if t.bad == nil {
			v.bad = nil
		}
		return
	}
	switch class(t.col.Type) {
	case 'i':
		v.i = g.ints(n)
		if t.col.Type.Width() == 4 {
			for i, x := range at {
				v.i[i] = int64(t.col.Int32s()[x])
			}
			break
		}
		tab := t.col.Int64s()
		for i, x := range at {
			v.i[i] = tab[x]
		}
	case 'f':
		v.f = g.floats(n)
		if t.col.Type.Width() == 4 {
			for i, x := range at {
				v.f[i] = float64(t.col.Float32s()[x])
			}
			break
		}
		tab := t.col.Float64s()
		for i, x := range at {
			v.f[i] = tab[x]
		}
	case 's':
		v.s = g.texts(n)
		for i, x := range at {
			v.s[i] = t.col.Str(int(x))
		}
	}
	if t.col.Valid != nil {
		v.valid = words(&g.valid, n)
		gatherBits(v.valid, t.col.Valid, at)
	}
	if t.bad != nil {
		v.bad = words(&g.bd, n)
		gatherBits(v.bad, t.bad, at)
	}
}

// word is a word of a bitmap that may not be there.
func word(w []uint64, j int, none uint64) uint64 {
	if w == nil {
		return none
	}
	return w[j]
}

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
			and(v.valid, c.valid)
		}
	}
	// a null condition hides what the branches fail of
	if v.bad != nil && c.valid != nil {
		and(v.bad, c.valid)
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

// and: dst &= w
func and(dst, w []uint64) {
	for j := range dst {
		dst[j] &= w[j]
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
		and(fresh, v.valid)
	}
	if v.bad == nil {
		if anyBit(fresh) {
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
		flip(v.b, x.b, n)
	case opEq, opNe, opLt, opLe:
		v.b = words(&g.b, n)
		r.compare(nd, x, y, v.b)
	case opIn:
		v.b = words(&g.b, n)
		r.member(nd, x, v.b)
	case opAdd, opSub, opMul, opMin, opMax:
		if nd.Type.Kind == batch.Int64 {
			v.i = g.ints(n)
			if intLoop(nd.op, v.i, x.i, y.i) {
				r.overflown(nd.op, x.i, y.i, v, g)
			}
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
		v.i = g.ints(n)
		fail := false
		for i, p := range x.i {
			q, ok := intOp(nd.op, p, y.i[i])
			v.i[i] = q
			fail = fail || !ok
		}
		if fail {
			r.overflown(nd.op, x.i, y.i, v, g)
		}
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
			d := float64(pow10[t.Scale])
			for i, p := range x.i {
				v.f[i] = float64(p) / d
			}
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

// overflown marks the rows where integer arithmetic failed.
func (r *exprRun) overflown(op exprOp, x, y []int64, v *exprVec, g *exprReg) {
	fresh := words(&g.tmp, r.n)
	clear(fresh)
	for i, p := range x {
		if _, ok := intOp(op, p, y[i]); !ok {
			fresh[i>>6] |= 1 << (i & 63)
		}
	}
	r.failing(v, g, fresh)
}

// intLoop is intOp over slices; true where a row overflowed.
func intLoop(op exprOp, dst, x, y []int64) bool {
	x, y = x[:len(dst)], y[:len(dst)]
	var over int64
	switch op {
	case opAdd:
		for i, p := range x {
			q := y[i]
			s := p + q
			dst[i] = s
			over |= (p ^ s) & (q ^ s)
		}
	case opSub:
		for i, p := range x {
			q := y[i]
			s := p - q
			dst[i] = s
			over |= (p ^ q) & (p ^ s)
		}
	case opMul:
		ok := true
		for i, p := range x {
			s, fit := mulInt(p, y[i])
			dst[i] = s
			ok = ok && fit
		}
		return !ok
	case opMin:
		elem.Min(dst, x, y)
	case opMax:
		elem.Max(dst, x, y)
	}
	return over < 0
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

// daysLoop: for i { dst[i] = the day of src[i] }. The divisors are constants in the loops, which the compiler turns into products.
func daysLoop(dst, src []int64, u batch.Unit) {
	switch u {
	case batch.Second:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400)
		}
	case batch.Milli:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400*1e3)
		}
	case batch.Micro:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400*1e6)
		}
	case batch.Nano:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400*1e9)
		}
	}
}

func dateLoop(op exprOp, dst, days []int64) {
	switch op {
	case opYear:
		for i, d := range days {
			dst[i], _, _ = fromDays(d)
		}
	case opMonth:
		for i, d := range days {
			_, dst[i], _ = fromDays(d)
		}
	case opDay:
		for i, d := range days {
			_, _, dst[i] = fromDays(d)
		}
	default:
		for i, d := range days {
			dst[i] = datePart(op, d)
		}
	}
}

// timeLoop is timePart of times in unit u.
func timeLoop(op exprOp, dst, src []int64, u batch.Unit) {
	switch u {
	case batch.Second:
		copy(dst, src)
	case batch.Milli:
		for i, x := range src {
			dst[i] = floorDiv(x, 1e3)
		}
	case batch.Micro:
		for i, x := range src {
			dst[i] = floorDiv(x, 1e6)
		}
	case batch.Nano:
		for i, x := range src {
			dst[i] = floorDiv(x, 1e9)
		}
	}
	switch op {
	case opHour:
		for i, s := range dst {
			dst[i] = int64(uint32(s-floorDiv(s, 86400)*86400) / 3600)
		}
	case opMinute:
		for i, s := range dst {
			dst[i] = int64(uint32(s-floorDiv(s, 3600)*3600) / 60)
		}
	case opSecond:
		for i, s := range dst {
			dst[i] = s - floorDiv(s, 60)*60
		}
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
		ones(in[:len(dst)], r.n)
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

func (r *exprRun) member(nd *ExprNode, x *exprVec, dst []uint64) {
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
			ones(w, n)
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

// exprSink collects a node's chunks into a column.
type exprSink struct {
	col  *batch.Column
	bad  []uint64 // rows that failed; nil: none
	keep bool     // go on after a failure
	data []byte
	n    int
}

func (s *exprSink) begin(c *batch.Ctx, n int) {
	t := s.col.Type
	*s.col = c.New(t, n)
	s.n = n
}

// put appends a chunk.
func (s *exprSink) put(c *batch.Ctx, e *Expr, v *exprVec, lo, n int) error {
	col := s.col
	if v.valid != nil && col.Valid == nil {
		col.Valid = c.Bitmap(s.n)
		ones(col.Valid, lo)
		if lo&63 == 0 {
			clear(col.Valid[lo>>6:])
		}
	}
	if col.Valid != nil {
		w := col.Valid[lo>>6 : batch.Words(lo+n)]
		if v.valid == nil {
			ones(w, n)
		} else {
			copy(w, v.valid)
		}
	}
	if v.bad != nil && anyBit(v.bad) {
		if s.bad == nil {
			s.bad = c.Bitmap(s.n)
		}
		copy(s.bad[lo>>6:], v.bad)
	}
	switch col.Type.Kind {
	case batch.Bool:
		copy(col.Bits()[lo>>6:], v.b)
		if v.valid != nil { // what stands under a null is 0, so that equal batches are equal bytes
			and(col.Bits()[lo>>6:batch.Words(lo+n)], v.valid)
		}
	case batch.Int32, batch.Date:
		dst := col.Int32s()[lo : lo+n]
		for i, x := range v.i {
			dst[i] = int32(x)
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		copy(col.Int64s()[lo:], v.i)
	case batch.Float32:
		dst := col.Float32s()[lo : lo+n]
		for i, x := range v.f {
			if x != x {
				x = math.NaN()
			}
			dst[i] = float32(x)
		}
	case batch.Float64:
		dst := col.Float64s()[lo : lo+n]
		for i, x := range v.f {
			if x != x {
				x = math.NaN()
			}
			dst[i] = x
		}
	case batch.String, batch.Bytes:
		return s.putTexts(c, v, lo, n)
	}
	return nil
}

func (s *exprSink) putTexts(c *batch.Ctx, v *exprVec, lo, n int) error {
	off := s.col.Offsets[lo : lo+n+1]
	off[0] = int32(len(s.data))
	for i, t := range v.s[:n] {
		m := uint64(1) << (i & 63)
		if word(v.valid, i>>6, m)&m == 0 || word(v.bad, i>>6, 0)&m != 0 {
			t = ""
		}
		if len(s.data)+len(t) > cap(s.data) {
			size := max(len(s.data)+len(t), min(2*cap(s.data), math.MaxInt32), 16*s.n, 64)
			if len(s.data)+len(t) > math.MaxInt32 {
				return fmt.Errorf("expr: a batch of %d rows makes more than 2 GiB of text", s.n)
			}
			s.data = append(c.AllocDirty(size)[:0], s.data...)
		}
		s.data = append(s.data, t...)
		off[i+1] = int32(len(s.data))
	}
	s.col.Values = s.data
	return nil
}
