package program

import (
	mathbits "math/bits"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/elem"
	"github.com/headrace/headrace/operators/batch"
)

// chunkRows is how many rows are computed at a time: registers of that length stay in the nearest caches, whatever the batch.
// The first chunk is shorter, and the others where the texts that are made turn out to be long.
const (
	chunkRows = 1024
	firstRows = 64
)

// How a node gets its values in a batch.
const (
	modeSkip  uint8 = iota // nobody asks for it
	modeEval               // computed from its arguments
	modeTable              // looked up by the code of a dictionary
	modeTexts              // compared with constants where a column's texts lie
)

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
	if e.pairs != nil {
		if done, err := e.paired(c, st, n, in, &out[0]); done || err != nil {
			return err
		}
	}
	sink := exprSink{col: &out[0]}
	if err := e.compute(c, st, root, n, in, &sink); err != nil {
		return err
	}
	if st.mode[root] == modeTable && class(e.Nodes[root].Type) == 's' {
		return e.coded(c, st, n, in, &out[0])
	}
	if sink.bad != nil {
		return e.blame(st, in, sink.bad)
	}
	return nil
}

// compute puts the values of node k into the sink; not those of a text that goes by the entries of a dictionary: its table has them.
func (e *Expr) compute(c *batch.Ctx, st *exprState, k, n int, in []batch.Column, sink *exprSink) error {
	e.plan(st, k, n, in)
	for j, m := range st.mode {
		if m != modeTable {
			continue
		}
		if err := e.tabulate(c, st, j, in); err != nil {
			return err
		}
	}
	if st.mode[k] == modeTable && class(e.Nodes[k].Type) == 's' {
		return nil
	}
	r := exprRun{e: e, st: st, c: c, in: in, dict: -1}
	return r.all(k, n, sink)
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
		if e.comparesTexts(nd, in) {
			st.mode[k] = modeTexts
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
		bits.Take(valid, t.col.Valid, codes)
	}
	if t.bad != nil {
		bad = c.Bitmap(n)
		if bits.Take(bad, t.bad, codes); bits.Any(bad) {
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

// blame computes the first of the bad rows again, to say what was wrong with it.
func (e *Expr) blame(st *exprState, in []batch.Column, bad []uint64) error {
	row := 0
	for bad[row>>6] == 0 {
		row += 64
	}
	row += mathbits.TrailingZeros64(bad[row>>6])
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
	g := &r.st.regs[root]
	ints, floats := g.i, g.f
	filled := 0 // rows that constants' registers hold
	step := firstRows
	for r.lo = 0; r.lo < n; r.lo += r.n {
		r.n = min(step, n-r.lo)
		r.st.text = r.st.text[:0]
		if !r.constant(root) {
			sink.lend(g, r.lo, r.n)
		}
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
			case modeTexts:
				r.compareTexts(k)
			}
		}
		if err := sink.put(r.c, &r.st.vecs[root], r.lo, r.n); err != nil {
			return err
		}
		filled = max(filled, r.n)
		if step = r.e.chunk; len(r.st.text) > 1<<20 {
			step = firstRows
		}
	}
	g.i, g.f = ints, floats
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
			bits.Fill(v.b, n)
		}
	}
	if v.valid != nil {
		v.valid = v.valid[:batch.Words(n)]
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
			bits.Fill(v.b, n)
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
				bits.Fill(v.b, n)
			}
		case nd.op == opNotNull:
			copy(v.b, a.valid)
		default:
			bits.Not(v.b, a.valid, n)
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
