package program

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Lookup finds a row's key in a table: for i { r := row of (in[0][i], in[1][i], …) in Keys; out[j][i] = r there ? Outs[j][r] :
// Miss[j] }. In are of any type but Vector and List, out of the types of Outs. Keys are equal as HashPart hashes them: -0 is 0, NaN
// is NaN. A null in a key is found only if the table holds a null in that place.
//
// Make one with NewLookup; the fields are its stored form.
type Lookup struct {
	// Keys are Bytes, plain, without nulls, strictly rising, one a row of the table. A single text column is its bytes, a single
	// other column its word in 8 bytes; of several columns, each is a byte 0 for a null, or 1 and 8 bytes, or 1, the length in 4
	// bytes and the text. Words and lengths are big-endian.
	Keys batch.Column
	// HasNull says that there is a single column and the last row of Outs, which has then no entry in Keys, is a null's.
	HasNull bool
	Outs    []batch.Column // plain
	Miss    []Value        // one an output

	types []batch.Type
	words hash.TableU64 // of a single column that is no text
	many  *wordIndex    // of several columns; nil where they are too many
	index keyIndex      // else
	memo  dictMemo      // of a single text column
	table []batch.Column
	dicts []*batch.Column // of the text columns, the table's as a dictionary: the same for every batch
	null  int32           // row of a null, or miss
	miss  int32           // -1 where every miss is a null: no row
}

func init() { Register(func() Kind { return &Lookup{} }) }

// NewLookup makes a table of rows: keys and outs are columns of one length. Miss is one an output, or nil for nulls. A key that is
// there twice is an error, and so is text of more than 2 GiB. The columns are copied.
func NewLookup(keys, outs []batch.Column, miss []Value) (*Lookup, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("lookup without a key")
	}
	n := keys[0].N
	order, null, err := keyOrder(keys)
	if err != nil {
		return nil, err
	}
	k := &Lookup{HasNull: null >= 0, Miss: miss}
	var c *batch.Ctx
	k.Keys = c.New(batch.T(batch.Bytes), len(order))
	e := newKeyEncoder(nil, keys)
	for i, r := range order {
		if k.Keys.Values = e.append(k.Keys.Values, int(r)); len(k.Keys.Values) > 1<<31-1 {
			return nil, fmt.Errorf("lookup: keys: %w", batch.ErrTextTooLong)
		}
		k.Keys.Offsets[i+1] = int32(len(k.Keys.Values))
	}
	if k.HasNull {
		order = append(order, null)
	}
	for j := range outs {
		if outs[j].N != n {
			return nil, fmt.Errorf("lookup: %d keys and %d rows of column %d", n, outs[j].N, j)
		}
		o := outs[j].Take(c, order)
		if o = o.Plain(c); o.Type.Text() && o.Dict != nil {
			return nil, fmt.Errorf("lookup: column %d: %w", j, batch.ErrTextTooLong)
		}
		k.Outs = append(k.Outs, o)
	}
	if miss == nil {
		k.Miss = make([]Value, len(outs))
	}
	return k, nil
}

// ID is "lookup".
func (*Lookup) ID() string { return "lookup" }

// Init checks the table and builds what finds keys in it.
func (k *Lookup) Init(in, out []batch.Type) error {
	rows := k.Keys.N
	if k.HasNull {
		rows++
	}
	if len(in) == 0 || k.HasNull && len(in) > 1 {
		return fmt.Errorf("%d key columns", len(in))
	}
	if len(out) == 0 {
		return fmt.Errorf("no column to give")
	}
	if err := slots(in, out, len(in), len(k.Outs)); err != nil {
		return err
	}
	if len(k.Miss) != len(k.Outs) {
		return fmt.Errorf("%d values for a miss and %d columns", len(k.Miss), len(k.Outs))
	}
	for j, t := range in {
		if _, ok := cellTag(t); !ok {
			return fmt.Errorf("key column %d is %s, which cannot be looked up", j, t)
		}
	}
	k.miss = -1
	for j := range k.Outs {
		o, v := &k.Outs[j], k.Miss[j]
		switch {
		case o.Type != out[j]:
			return fmt.Errorf("column %d is %s, its slot %s", j, o.Type, out[j])
		case o.N != rows || o.Dict != nil:
			return fmt.Errorf("column %d has %d rows of %d", j, o.N, rows)
		}
		if err := v.Check(o.Type); err != nil {
			return fmt.Errorf("column %d: %w", j, err)
		}
		if !v.IsNull() {
			k.miss = int32(rows)
		}
	}
	k.null = k.miss
	if k.HasNull {
		k.null = int32(k.Keys.N)
	}
	k.types = in
	if err := k.build(len(in) == 1 && !in[0].Text()); err != nil {
		return err
	}
	k.table = slices.Clone(k.Outs)
	if k.miss >= 0 {
		for j, v := range k.Miss {
			t, err := batch.Concat(nil, []batch.Column{k.Outs[j], v.column(k.Outs[j].Type)})
			if err != nil {
				return fmt.Errorf("column %d: %w", j, err)
			}
			k.table[j] = t
		}
	}
	k.dicts = make([]*batch.Column, len(k.table))
	for j, t := range k.table {
		if t.Type.Text() {
			t.Valid, t.Lasts = nil, true
			k.dicts[j] = &t
		}
	}
	return nil
}

func (k *Lookup) build(words bool) error {
	if k.Keys.Type.Kind != batch.Bytes || k.Keys.Dict != nil || k.Keys.Valid != nil {
		return fmt.Errorf("malformed keys")
	}
	for i := range k.Keys.N {
		key := k.Keys.Text(i)
		if i > 0 && bytes.Compare(k.Keys.Text(i-1), key) >= 0 {
			return fmt.Errorf("the keys do not rise")
		}
		if words && len(key) != 8 {
			return fmt.Errorf("a key of %d bytes, want 8", len(key))
		}
	}
	if k.many = nil; len(k.types) > 1 {
		var err error
		if k.many, err = newWordIndex(k.types, &k.Keys); k.many != nil || err != nil {
			return err
		}
	}
	if !words {
		k.index.build(&k.Keys)
		return nil
	}
	k.words = hash.TableU64{}
	for i := range k.Keys.N {
		k.words.Insert(binary.BigEndian.Uint64(k.Keys.Text(i))) // in rising order, so that the code is the row
	}
	return nil
}

// Batch finds the rows, then gathers; text comes out coded, with the table as its dictionary.
func (k *Lookup) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	row := c.Int32s(n)
	switch {
	case k.many != nil:
		k.many.find(c, row, in)
	case len(in) > 1:
		k.findMany(c, row, in)
	case in[0].Type.Text():
		k.findText(c, row, &in[0])
	default:
		for i, w := range CellWords(c, &in[0]) {
			row[i] = k.words.Find(w)
		}
	}
	if k.miss >= 0 {
		for i, r := range row {
			if r < 0 {
				row[i] = k.miss
			}
		}
	}
	if len(in) == 1 && in[0].Valid != nil {
		fillNulls(row, in[0].Valid, k.null)
	}
	for j := range out {
		t := &k.table[j]
		if k.dicts[j] == nil {
			out[j] = t.Take(c, row)
			continue
		}
		out[j] = batch.OfCodes(row, k.dicts[j])
		out[j].Valid = rowsValid(c, t.Valid, row)
	}
	return nil
}

// rowsValid is the bitmap of the rows that are there and valid; nil if all are.
func rowsValid(c *batch.Ctx, valid []uint64, row []int32) []uint64 {
	least := int32(0)
	for _, r := range row {
		least = min(least, r)
	}
	if valid == nil && least >= 0 {
		return nil
	}
	w := c.Bitmap(len(row))
	if valid != nil {
		bits.Take(w, valid, row)
		return w
	}
	for i, r := range row {
		if r >= 0 {
			w[i>>6] |= 1 << (i & 63)
		}
	}
	return w
}

// findText finds the rows of texts.
func (k *Lookup) findText(c *batch.Ctx, row []int32, col *batch.Column) {
	if col.Dict == nil {
		off := col.Offsets[:len(row)+1]
		for i := range row {
			row[i] = k.index.find(col.Values[off[i]:off[i+1]])
		}
		return
	}
	found := c.Uint64s(len(row))
	k.memo.words(found, col, func(text []byte) uint64 { return uint64(k.index.find(text) + 2) })
	for i, w := range found {
		row[i] = int32(w) - 2
	}
}

func (k *Lookup) findMany(c *batch.Ctx, row []int32, in []batch.Column) {
	e := newKeyEncoder(c, in)
	key := c.AllocDirty(256)[:0]
	for i := range row {
		key = e.append(key[:0], i)
		row[i] = k.index.find(key)
	}
}

// keyEncoder writes the keys of rows.
type keyEncoder struct {
	cols  []batch.Column
	words [][]uint64 // of the columns that are no text
}

func newKeyEncoder(c *batch.Ctx, cols []batch.Column) *keyEncoder {
	e := &keyEncoder{cols: cols, words: make([][]uint64, len(cols))}
	for j := range cols {
		if !cols[j].Type.Text() {
			e.words[j] = CellWords(c, &cols[j])
		}
	}
	return e
}

func (e *keyEncoder) append(b []byte, i int) []byte {
	for j := range e.cols {
		col := &e.cols[j]
		switch one := len(e.cols) == 1; {
		case col.Null(i):
			if !one {
				b = append(b, 0)
			}
		case e.words[j] != nil:
			b = appendKeyWord(b, e.words[j][i], one)
		default:
			b = appendKeyText(b, col.Str(i), one)
		}
	}
	return b
}

func appendKeyWord(b []byte, w uint64, one bool) []byte {
	if !one {
		b = append(b, 1)
	}
	return binary.BigEndian.AppendUint64(b, w)
}

func appendKeyText(b []byte, s string, one bool) []byte {
	if !one {
		b = binary.BigEndian.AppendUint32(append(b, 1), uint32(len(s)))
	}
	return append(b, s...)
}

// Row finds a row's key. Texts that it gives are the table's.
func (k *Lookup) Row(f *Frame, in, out []int) error {
	var row int32
	switch t, s := k.types[0], in[0]; {
	case k.many != nil:
		row = k.many.row(f, k.types, in)
	case len(in) > 1:
		key := f.Text[out[0]][:0]
		for j, s := range in {
			switch {
			case f.Null[s]:
				key = append(key, 0)
			case k.types[j].Text():
				key = appendKeyText(key, f.S[s], false)
			default:
				key = appendKeyWord(key, frameWord(f, k.types[j], s), false)
			}
		}
		f.Text[out[0]] = key
		row = k.index.find(key)
	case f.Null[s]:
		row = k.null
	case t.Text():
		row = k.index.find(unsafe.Slice(unsafe.StringData(f.S[s]), len(f.S[s])))
	default:
		row = k.words.Find(frameWord(f, t, s))
	}
	if row < 0 {
		row = k.miss
	}
	for j, o := range out {
		if row < 0 {
			f.Null[o] = true
			continue
		}
		f.SetRow(o, &k.table[j], int(row))
	}
	return nil
}

// Narrow keeps the columns wanted; all keys are still read.
func (k *Lookup) Narrow(keep []bool) (Kind, []int) {
	n := &Lookup{Keys: k.Keys, HasNull: k.HasNull}
	n.Outs, _ = kept(k.Outs, keep)
	n.Miss, _ = kept(k.Miss, keep)
	in := make([]int, len(k.types))
	for j := range in {
		in[j] = j
	}
	return n, in
}

// Encode writes the table.
func (k *Lookup) Encode(w *canon.Writer) {
	WriteColumn(w, &k.Keys)
	w.Bool(k.HasNull)
	w.Uint(uint64(len(k.Outs)))
	for j := range k.Outs {
		WriteColumn(w, &k.Outs[j])
	}
	writeValues(w, k.Miss)
}

// Decode reads the table.
func (k *Lookup) Decode(r *canon.Reader) {
	k.Keys, k.HasNull = ReadColumn(r), r.Bool()
	for n := r.Len(3); n > 0 && r.Err() == nil; n-- {
		k.Outs = append(k.Outs, ReadColumn(r))
	}
	k.Miss = readValues(r)
}

// keyIndex finds byte keys by open addressing over the column that holds them.
type keyIndex struct {
	slots []uint64 // upper half: of the hash; lower half: row+1, 0 is free; at most half are taken
	keys  *batch.Column
}

func (x *keyIndex) build(keys *batch.Column) {
	size := 2
	for size < 2*keys.N {
		size *= 2
	}
	x.slots, x.keys = make([]uint64, size), keys
	for i := range keys.N {
		h := hash.Bytes(keys.Text(i))
		at := h & uint64(size-1)
		for x.slots[at] != 0 {
			at = (at + 1) & uint64(size-1)
		}
		x.slots[at] = h>>32<<32 | uint64(i+1)
	}
}

// find is the row of a key, -1 where it is not there.
func (x *keyIndex) find(key []byte) int32 {
	h := hash.Bytes(key)
	mask := uint64(len(x.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		s := x.slots[at]
		if uint32(s) == 0 {
			return -1
		}
		if i := int32(uint32(s)) - 1; s>>32 == h>>32 {
			o := x.keys.Offsets[i : i+2]
			if string(x.keys.Values[o[0]:o[1]]) == string(key) {
				return i
			}
		}
	}
}
