package program

import (
	"math/bits"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
)

// pairs are two texts put together of which each is one of few: of an entry of a dictionary, or a small number. There are few of them,
// then, and they are made once and not once a row: the outcome is coded, by a dictionary that the batches share and that grows with what
// they hold. Its order hangs on which worker came first, which nobody may let reach a result. Any number of goroutines may use it.
type pairs struct {
	leaf  [2]int  // the nodes that are put together
	coded [2]bool // by the dictionary of the column that the leaf depends on; else it is a number
	mu    sync.Mutex
	texts [2]hash.Table // texts of a leaf by number; mu guards them
	codes atomic.Pointer[pairCodes]
}

// pairCodes is what is known; it never changes.
type pairCodes struct {
	off   bool          // there are too many: texts are made row by row
	dicts [2][]leafDict // that came last, the newest first
	shift uint          // number of the first leaf << shift | number of the second is the place
	at    []int32       // the code of a pair by its place, -1 for none yet
	dict  *batch.Column // the texts
}

// leafDict says which numbers the entries of a dictionary have.
type leafDict struct {
	dict   *batch.Column
	number []int32
}

const (
	pairNumbers = 1 << 10 // a leaf that is a number must be below
	pairEntries = 1 << 13 // of a dictionary
	pairPlaces  = 1 << 18
	pairTexts   = 1 << 14
	pairBytes   = 1 << 20
	pairDicts   = 8
)

// newPairs gives nil where the result is none of two such texts.
func (e *Expr) newPairs() *pairs {
	nd := &e.Nodes[len(e.Nodes)-1]
	if nd.op != opConcat || e.dep[len(e.Nodes)-1] != manyInputs {
		return nil
	}
	p := &pairs{}
	for s, k := range nd.Args {
		if e.dep[k] < 0 {
			return nil
		}
		if p.leaf[s], p.coded[s] = k, e.in[e.dep[k]].Text(); p.coded[s] && !e.nullWith(k) || !p.coded[s] && !e.writesNumber(k) {
			return nil
		}
	}
	p.codes.Store(&pairCodes{})
	return p
}

// nullWith says whether node k, which depends on one column, is null in every row where that is: entries have no null to say otherwise.
func (e *Expr) nullWith(k int) bool {
	switch nd := &e.Nodes[k]; nd.op {
	case opCol:
		return true
	case opIsNull, opNotNull, opAnd, opOr, opSelect, opCoalesce:
		return false
	default: // null travels through it
		return slices.ContainsFunc(nd.Args, e.nullWith)
	}
}

// writesNumber says whether node k is the text of an integer.
func (e *Expr) writesNumber(k int) bool {
	nd := &e.Nodes[k]
	return nd.op == opToText && e.Nodes[nd.Args[0]].Type.Integer()
}

// leafRows is what the rows of a batch hold of a leaf.
type leafRows struct {
	dict   *batch.Column // nil: numbers
	codes  []int32       // into dict, or the numbers themselves; any under a null
	valid  []uint64
	number []int32 // of the entries
}

// paired computes the result as pairs. False: texts must be made row by row.
func (e *Expr) paired(c *batch.Ctx, st *exprState, n int, in []batch.Column, out *batch.Column) (bool, error) {
	p := e.pairs
	known := p.codes.Load()
	if known.off {
		return false, nil
	}
	var rows [2]leafRows
	for s, k := range p.leaf {
		if col := &in[e.dep[k]]; p.coded[s] {
			if col.Dict == nil || col.Dict.N > pairEntries {
				return false, nil
			}
			rows[s] = leafRows{dict: col.Dict, codes: col.Codes(), valid: col.Valid}
		} else if ok, err := e.numbers(c, st, k, n, in, &rows[s]); !ok {
			return false, err
		}
	}
	for s := range rows {
		if rows[s].dict == nil {
			continue
		}
		if rows[s].number = known.numbers(s, rows[s].dict); rows[s].number == nil {
			if rows[s].dict.N >= n {
				return false, nil // as plan has it
			}
			var err error
			if known, err = e.learnDict(c, st, s, in, rows[s].dict); known.off || err != nil {
				return false, err
			}
			rows[s].number = known.numbers(s, rows[s].dict)
		}
	}
	valid := rows[0].valid
	if other := rows[1].valid; valid == nil {
		valid = other
	} else if other != nil {
		valid = c.Bitmap(n)
		for w := range valid {
			valid[w] = rows[0].valid[w] & other[w]
		}
	}
	first, second := rows[0].numbers(c, valid), rows[1].numbers(c, valid)
	codes := c.Int32s(n)
	if missing := known.find(codes, first, second, valid); missing > 0 {
		if known = p.learn(first, second, codes); known.off {
			return false, nil
		}
		known.find(codes, first, second, valid)
	}
	*out = batch.OfCodes(codes, known.dict)
	out.Valid = valid
	return true, nil
}

// numbers computes the integers of a leaf that writes them.
func (e *Expr) numbers(c *batch.Ctx, st *exprState, leaf, n int, in []batch.Column, rows *leafRows) (bool, error) {
	k := e.Nodes[leaf].Args[0]
	col := batch.Column{Type: e.Nodes[k].Type, N: n}
	sink := exprSink{col: &col, keep: true}
	if err := e.compute(c, st, k, n, in, &sink); err != nil || sink.bad != nil {
		return false, err
	}
	rows.codes, rows.valid = c.Int32s(n), col.Valid
	var wide uint64
	for i := range rows.codes {
		v := int64(0)
		switch {
		case col.Null(i):
		case col.Type.Width() == 4:
			v = int64(col.Int32s()[i])
		default:
			v = col.Int64s()[i]
		}
		rows.codes[i] = int32(v)
		wide |= uint64(v)
	}
	return wide < pairNumbers, nil
}

// numbers are a leaf's numbers by row; 0 where the pair is null.
func (r *leafRows) numbers(c *batch.Ctx, valid []uint64) []int32 {
	if r.dict == nil {
		return r.codes
	}
	out := c.Int32s(len(r.codes))
	if valid == nil {
		for i, x := range r.codes {
			out[i] = r.number[x]
		}
		return out
	}
	for i, x := range r.codes {
		if out[i] = 0; valid[i>>6]>>(i&63)&1 == 1 {
			out[i] = r.number[x]
		}
	}
	return out
}

// numbers are those of a dictionary's entries, nil where it is new.
func (k *pairCodes) numbers(side int, dict *batch.Column) []int32 {
	for _, d := range k.dicts[side] {
		if d.dict == dict {
			return d.number
		}
	}
	return nil
}

// place is where the code of a pair stands, at or past the end where it stands nowhere.
func (k *pairCodes) place(a, b int32) int {
	if b>>k.shift != 0 {
		return len(k.at)
	}
	return int(a)<<k.shift | int(b)
}

// find gives the codes, -1 where there is none yet, and how many of those there are.
func (k *pairCodes) find(codes, first, second []int32, valid []uint64) (missing int) {
	for i, a := range first {
		x := int32(-1)
		if at := k.place(a, second[i]); at < len(k.at) {
			x = k.at[at]
		}
		if x < 0 && valid != nil && valid[i>>6]>>(i&63)&1 == 0 {
			x = 0
		}
		missing += int(uint32(x) >> 31)
		codes[i] = x
	}
	return missing
}

// learnDict numbers the texts that a leaf has for the entries of a dictionary.
func (e *Expr) learnDict(c *batch.Ctx, st *exprState, side int, in []batch.Column, dict *batch.Column) (*pairCodes, error) {
	p, k := e.pairs, e.pairs.leaf[side]
	col := dict
	if e.Nodes[k].op != opCol {
		if err := e.tabulate(c, st, k, in); err != nil {
			return p.codes.Load(), err
		}
		t := st.tabs[k]
		st.tabs[k] = exprTable{}
		if col = &t.col; t.bad != nil {
			return &pairCodes{off: true}, nil // of this batch: rows say what is wrong
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := *p.codes.Load()
	if known.numbers(side, dict) != nil {
		return &known, nil
	}
	number := make([]int32, dict.N)
	for i := range number {
		if col.Null(i) {
			return &pairCodes{off: true}, nil
		}
		number[i] = p.texts[side].Insert(col.Text(i))
	}
	known.dicts[side] = append([]leafDict{{dict, number}}, known.dicts[side][:min(len(known.dicts[side]), pairDicts-1)]...)
	known.off = known.off || p.texts[side].Bytes() > pairBytes
	p.codes.Store(&known)
	return &known, nil
}

// learn makes the texts of the pairs whose code is -1. Where all that may come are few they are made at once: a dictionary that grows is
// another one to all who remember what they found for its entries.
func (p *pairs) learn(first, second, codes []int32) *pairCodes {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := *p.codes.Load()
	ends := [2]int{p.texts[0].Len(), p.texts[1].Len()}
	for i := range codes {
		ends[0], ends[1] = max(ends[0], int(first[i])+1), max(ends[1], int(second[i])+1)
	}
	known.lay(ends)
	d := batch.Column{Type: batch.T(batch.String), Offsets: []int32{0}, Lasts: true}
	if known.dict != nil {
		d = *known.dict
	}
	add := func(a, b int32) {
		at := known.place(a, b)
		if known.off || known.at[at] >= 0 {
			return
		}
		before := len(d.Values)
		// what is behind the last text of an older dictionary is no part of it, so that they may share their memory
		d.Values = p.append(p.append(d.Values, 0, a), 1, b)
		d.Offsets = append(d.Offsets, int32(len(d.Values)))
		known.at[at] = int32(d.N)
		d.N++
		known.off = d.N > pairTexts || len(d.Values) > pairBytes || len(d.Values)-before > ExprTextMax
	}
	if ends[0]*ends[1] <= pairTexts {
		for a := range ends[0] {
			for b := range ends[1] {
				add(int32(a), int32(b))
			}
		}
	} else {
		for i, x := range codes {
			if x < 0 {
				add(first[i], second[i])
			}
		}
	}
	if known.dict = &d; known.off {
		known = pairCodes{off: true}
	}
	p.codes.Store(&known)
	return &known
}

// lay makes a new list of places, which has one for every pair of numbers below ends.
func (k *pairCodes) lay(ends [2]int) {
	rows := max(ends[0], len(k.at)>>k.shift)
	shift := max(k.shift, uint(bits.Len32(uint32(ends[1]-1))))
	if k.off = k.off || rows<<shift > pairPlaces; k.off {
		return
	}
	at := make([]int32, rows<<shift)
	for i := range at {
		at[i] = -1
	}
	for i, x := range k.at {
		at[i>>k.shift<<shift|i&(1<<k.shift-1)] = x
	}
	k.at, k.shift = at, shift
}

// append appends the text that a leaf has by number.
func (p *pairs) append(b []byte, side int, number int32) []byte {
	if !p.coded[side] {
		return strconv.AppendInt(b, int64(number), 10)
	}
	return append(b, p.texts[side].Key(int(number))...)
}
