package table

import (
	"bytes"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/group"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/program"
)

// joinAcc holds a row a key: that of least identity. Rows lie in chunks as they came, of every batch those that were new or took
// another's place; keys are found as words, a text being its number among those that the accumulator met.
type joinAcc struct {
	types  []batch.Type // of the key's columns, then of those taken along
	keys   []joinKey
	table  *group.Table
	ids    []batch.ID // by key
	at     []int32    // by key: its row of the chunks, counted through
	chunks [][]batch.Column
	rows   int   // of the chunks
	held   int64 // their bytes
}

// joinKey is where a column lies in a key's words.
type joinKey struct {
	word, shift int
	texts       *counts.Keys // of a text column
}

func newJoinAcc(types []batch.Type, keys int) *joinAcc {
	a := &joinAcc{types: types}
	words, half := 0, -1 // a word of which the upper half is free
	for _, t := range types[:keys] {
		k := joinKey{word: words}
		if t.Text() {
			k.texts = &counts.Keys{Type: t}
		}
		switch narrow := t.Text() || t.Kind == batch.Bool || t.Kind == batch.Date || t.Kind == batch.Int32; {
		case narrow && half >= 0:
			k.word, k.shift, half = half, 32, -1
		case narrow:
			half = words
			words++
		default:
			words++
		}
		a.keys = append(a.keys, k)
	}
	a.table = group.New(words)
	return a
}

// Add takes the rows in whose key nothing is null.
func (a *joinAcc) Add(c *batch.Ctx, b batch.Batch) error {
	b = withKeys(c, b, len(a.keys))
	if b.N == 0 {
		return nil
	}
	n, w := b.N, a.table.Words()
	words, hashes, keys := c.Uint64s(n*w), c.Uint64s(n), c.Int32s(n)
	a.words(c, words, b.Cols)
	hash.Rows(hashes, words, w)
	a.table.Insert(keys, hashes, words)
	take := c.Int32s(n)[:0]
	for i, k := range keys {
		id, at := b.ID.At(i), int32(a.rows+len(take))
		switch {
		case int(k) == len(a.ids):
			a.ids, a.at = append(a.ids, id), append(a.at, at)
		case batch.Compare(id, a.ids[k]) < 0:
			a.ids[k], a.at[k] = id, at
		default:
			continue
		}
		take = append(take, int32(i))
	}
	if len(take) == 0 {
		return nil
	}
	chunk := make([]batch.Column, len(a.types))
	for j := range chunk {
		if !a.coded(j) {
			chunk[j] = b.Cols[j].Take(nil, take)
		}
	}
	return a.put(chunk, len(take))
}

// withKeys are the rows that have no null in the first columns.
func withKeys(c *batch.Ctx, b batch.Batch, columns int) batch.Batch {
	var all []uint64
	for j := range columns {
		switch valid := b.Cols[j].Valid; {
		case valid == nil:
		case all == nil:
			all = c.Uint64s(len(valid))
			copy(all, valid)
		default:
			for i, w := range valid {
				all[i] &= w
			}
		}
	}
	if all == nil {
		return b
	}
	return b.Filter(c, all, b.N-(&batch.Column{N: b.N, Valid: all}).Nulls())
}

// words writes the keys of rows.
func (a *joinAcc) words(c *batch.Ctx, dst []uint64, cols []batch.Column) {
	clear(dst)
	w := a.table.Words()
	for j, k := range a.keys {
		at := k.word
		if k.texts != nil {
			for _, code := range k.texts.Codes(c, &cols[j]) {
				dst[at] |= uint64(code) << (k.shift & 63)
				at += w
			}
			continue
		}
		mask := ^uint64(0)
		if t := a.types[j]; t.Kind == batch.Int32 || t.Kind == batch.Date {
			mask = 1<<32 - 1
		}
		for _, x := range program.CellWords(c, &cols[j]) {
			dst[at] |= x & mask << (k.shift & 63)
			at += w
		}
	}
}

// chunksMax is how many chunks there are at most; tidyBytes is up to how many bytes rows that gave way may stay.
const (
	chunksMax = 1 << 10
	tidyBytes = 1 << 20
)

// coded says whether column j is a text of the key, which the words of keys have by number and chunks leave out.
func (a *joinAcc) coded(j int) bool { return j < len(a.keys) && a.keys[j].texts != nil }

// put takes a chunk of n rows, which at counts already.
func (a *joinAcc) put(chunk []batch.Column, n int) error {
	for j := range chunk {
		chunk[j] = chunk[j].Plain(nil)
		oneNaN(&chunk[j])
		a.held += chunk[j].Bytes()
	}
	a.chunks, a.rows = append(a.chunks, chunk), a.rows+n
	if len(a.chunks) > chunksMax || a.rows > 2*len(a.ids) && a.held > tidyBytes {
		return a.tidy()
	}
	return nil
}

// oneNaN makes all NaN of a column the one that state has.
func oneNaN(col *batch.Column) {
	switch col.Type.Kind {
	case batch.Float32:
		for i, x := range col.Float32s() {
			if x != x {
				col.Float32s()[i] = float32(math.NaN())
			}
		}
	case batch.Float64:
		for i, x := range col.Float64s() {
			if x != x {
				col.Float64s()[i] = math.NaN()
			}
		}
	}
}

// tidy leaves one chunk, of the rows of the keys in the order of their numbers.
func (a *joinAcc) tidy() error {
	if len(a.chunks) == 0 {
		return nil
	}
	one := make([]batch.Column, len(a.types))
	a.held = 0
	for j := range one {
		if a.coded(j) {
			continue
		}
		parts := make([]batch.Column, len(a.chunks))
		for i, c := range a.chunks {
			parts[i] = c[j]
			c[j] = batch.Column{}
		}
		all, err := batch.Concat(nil, parts)
		if err != nil {
			return &operators.ErrData{Err: err}
		}
		if one[j] = all; a.rows > len(a.at) { // else no row gave way, and they are in that order
			one[j] = all.Take(nil, a.at)
		}
		a.held += one[j].Bytes()
	}
	a.chunks, a.rows = append(a.chunks[:0], one), len(a.at)
	for i := range a.at {
		a.at[i] = int32(i)
	}
	return nil
}

// columns are the rows as columns.
func (a *joinAcc) columns() ([]batch.Column, error) {
	if err := a.tidy(); err != nil {
		return nil, err
	}
	out := make([]batch.Column, len(a.types))
	for j, t := range a.types {
		switch {
		case len(a.chunks) == 0:
			out[j] = counts.Column(t, nil)
		case !a.coded(j):
			out[j] = a.chunks[0][j]
		default:
			texts, err := a.keys[j].texts.Texts()
			if err != nil {
				return nil, &operators.ErrData{Err: err}
			}
			codes, w := make([]int32, len(a.ids)), a.table.Words()
			for i := range codes {
				codes[i] = int32(a.table.Keys()[i*w+a.keys[j].word] >> a.keys[j].shift)
			}
			out[j] = batch.OfCodes(codes, &texts)
		}
	}
	return out, nil
}

// Merge takes the other's rows; of equal keys the least identity stays.
func (a *joinAcc) Merge(o operators.Acc) error {
	p := o.(*joinAcc)
	cols, err := p.columns()
	if err != nil {
		return err
	}
	b := batch.Batch{N: len(p.ids), Cols: cols}
	for _, id := range p.ids {
		b.ID.Ordinals, b.ID.Copies = append(b.ID.Ordinals, id.Ordinal), append(b.ID.Copies, id.Copy)
	}
	return a.Add(nil, b)
}

func (a *joinAcc) Bytes() int64 {
	n := a.table.Bytes() + int64(16*cap(a.ids)+4*cap(a.at)) + a.held
	for _, k := range a.keys {
		if k.texts != nil {
			n += k.texts.Bytes()
		}
	}
	return n
}

// MarshalBinary writes the rows in the order of their keys. A row is its key, its identity and the rest, values written as program.Value
// writes them.
func (a *joinAcc) MarshalBinary() ([]byte, error) {
	cols, err := a.columns()
	if err != nil {
		return nil, err
	}
	type row struct {
		i          int
		key, cells []byte
	}
	rows := make([]row, len(a.ids))
	for i := range rows {
		var key, cells canon.Writer
		for j := range cols {
			v := program.ValueOf(&cols[j], i)
			if j >= len(a.keys) {
				v.Write(&cells)
				continue
			}
			if v.F == 0 {
				v.F = 0 // -0 is the key 0
			}
			v.Write(&key)
		}
		rows[i] = row{i, key.Buf, cells.Buf}
	}
	slices.SortFunc(rows, func(x, y row) int { return bytes.Compare(x.key, y.key) })
	var w canon.Writer
	w.Uint(uint64(len(rows)))
	for _, r := range rows {
		w.Bytes(r.key)
		w.Uint(a.ids[r.i].Ordinal)
		w.Uint(uint64(a.ids[r.i].Copy))
		w.Bytes(r.cells)
	}
	return w.Buf, nil
}

// UnmarshalBinary reads rows, each once and of the right types.
func (a *joinAcc) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	var b batch.Batch
	values := make([][]program.Value, len(a.types))
	for n := r.Len(4); n > 0; n-- {
		key, id := r.Bytes(), r.Uint()
		copied, cells := r.Uint(), r.Bytes()
		if r.Err() != nil {
			break
		}
		if uint64(uint32(copied)) != copied {
			r.Fail("copy %d", copied)
			break
		}
		row, err := a.values(key, cells)
		if err != nil {
			r.Fail("%v", err)
			break
		}
		for j, v := range row {
			values[j] = append(values[j], v)
		}
		b.N, b.ID.Ordinals, b.ID.Copies = b.N+1, append(b.ID.Ordinals, id), append(b.ID.Copies, uint32(copied))
	}
	if err := r.End(); err != nil {
		return err
	}
	for j, t := range a.types {
		b.Cols = append(b.Cols, counts.Column(t, values[j]))
	}
	if err := a.Add(nil, b); err != nil {
		return err
	}
	if len(a.ids) != b.N {
		r.Fail("a key twice, or null")
	}
	return r.Err()
}

// values reads a row.
func (a *joinAcc) values(key, cells []byte) ([]program.Value, error) {
	r := canon.NewReader(slices.Concat(key, cells))
	out := make([]program.Value, len(a.types))
	for j, t := range a.types {
		if out[j] = program.ReadValue(r); r.Err() == nil {
			if err := out[j].Check(t); err != nil {
				return nil, err
			}
		}
	}
	return out, r.End()
}
