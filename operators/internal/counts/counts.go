// Package counts numbers and counts the distinct values of a column.
package counts

import (
	"fmt"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

// Keys numbers the distinct values of a column in the order of their coming. Fixed-width values are held as words that sort as
// the values do; -0 is 0; nulls and NaN are no values. Open addressing, no pointer a value.
type Keys struct {
	Type  batch.Type
	words hash.TableU64
	texts hash.Table
	dict  *batch.Column // the dictionary that came last
	at    []int32       // the codes of its entries, -1 where no row held one yet
}

// Takes says whether values of the type can be numbered.
func Takes(t batch.Type) bool {
	return t.Kind == batch.Bool || t.Width() > 0 && t.Kind != batch.Vector || t.Text()
}

// Len is the number of distinct values.
func (k *Keys) Len() int {
	if k.Type.Text() {
		return k.texts.Len()
	}
	return k.words.Len()
}

// Bytes is the memory held.
func (k *Keys) Bytes() int64 { return k.words.Bytes() + k.texts.Bytes() + int64(4*cap(k.at)) }

// Codes numbers the rows of a column of type k.Type: -1 for nulls and NaN. The codes are in c's arena.
func (k *Keys) Codes(c *batch.Ctx, col *batch.Column) []int32 {
	codes := c.Int32s(col.N)
	switch {
	case col.Dict != nil:
		k.coded(codes, col)
	case k.Type.Text():
		k.texts.InsertAll(codes, col.Offsets, col.Values, col.Valid)
	default:
		words := c.Uint64s(col.N)
		valid := Words(c, words, col)
		k.words.InsertAll(codes, words, valid)
	}
	return codes
}

// coded is Codes of a column with a dictionary, which comes with many batches: an entry is numbered once, and only if a row holds it.
func (k *Keys) coded(codes []int32, col *batch.Column) {
	if col.Dict != k.dict {
		k.dict, k.at = col.Dict, slices.Grow(k.at[:0], col.Dict.N)[:col.Dict.N]
		for i := range k.at {
			k.at[i] = -1
		}
	}
	at := k.at
	for i, d := range col.Codes() {
		if codes[i] = -1; col.Null(i) {
			continue
		}
		if at[d] < 0 {
			at[d] = k.texts.Insert(col.Dict.Text(int(d)))
		}
		codes[i] = at[d]
	}
}

const sign = 1 << 63

// Words gives the values of a column without text as words that sort as they do, and the bitmap of those that are values: neither
// null nor NaN; nil for all.
func Words(c *batch.Ctx, words []uint64, col *batch.Column) (valid []uint64) {
	switch col.Type.Kind {
	case batch.Bool:
		for i := range words {
			words[i] = col.Bits()[i>>6] >> (i & 63) & 1
		}
	case batch.Int32, batch.Date:
		for i, v := range col.Int32s() {
			words[i] = uint64(v) ^ sign
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		for i, v := range col.Int64s() {
			words[i] = uint64(v) ^ sign
		}
	case batch.Float32, batch.Float64:
		xs, valid := Numbers(c, col)
		for i, x := range xs {
			words[i] = floatWord(x)
		}
		return valid
	default:
		panic("counts: no words of " + col.Type.String())
	}
	return col.Valid
}

func floatWord(v float64) uint64 {
	if v == 0 {
		v = 0 // of -0 too
	}
	b := math.Float64bits(v)
	if b&sign != 0 {
		return ^b
	}
	return b | sign
}

// Word is the word of a code, where the type is no text.
func (k *Keys) Word(code int32) uint64 { return k.words.Key(int(code)) }

// Int is the value of a code: a bool is 0 or 1.
func (k *Keys) Int(code int32) int64 {
	if k.Type.Kind == batch.Bool {
		return int64(k.Word(code))
	}
	return int64(k.Word(code) ^ sign)
}

// Float is the value of a code of a float type.
func (k *Keys) Float(code int32) float64 {
	w := k.Word(code)
	if w&sign != 0 {
		return math.Float64frombits(w ^ sign)
	}
	return math.Float64frombits(^w)
}

// Text is the value of a code of a text type.
func (k *Keys) Text(code int32) string { return string(k.texts.Key(int(code))) }

// Texts is a column of all values of a text type, by code.
func (k *Keys) Texts() (batch.Column, error) {
	n, total := k.texts.Len(), 0
	for i := range n {
		total += len(k.texts.Key(i))
	}
	if total > math.MaxInt32 {
		return batch.Column{}, batch.ErrTextTooLong
	}
	c := (*batch.Ctx)(nil).New(k.Type, n)
	c.Values = make([]byte, 0, total)
	for i := range n {
		c.Values = append(c.Values, k.texts.Key(i)...)
		c.Offsets[i+1] = int32(len(c.Values))
	}
	return c, nil
}

// Value is the value of a code.
func (k *Keys) Value(code int32) program.Value {
	v := program.Value{Kind: k.Type.Kind}
	switch {
	case k.Type.Text():
		v.S = k.Text(code)
	case k.Type.Float():
		v.F = k.Float(code)
	default:
		v.I = k.Int(code)
	}
	return v
}

// Sorted lists the codes in the order of their values.
func (k *Keys) Sorted() []int32 {
	if k.Type.Text() {
		return k.texts.Sorted()
	}
	return k.words.Sorted()
}

// Join numbers o's values too, and gives k's code of each of o's codes. o is not changed.
func (k *Keys) Join(o *Keys) []int32 {
	at := make([]int32, o.Len())
	for i := range at {
		if k.Type.Text() {
			at[i] = k.texts.Insert(o.texts.Key(i))
		} else {
			at[i] = k.words.Insert(o.words.Key(i))
		}
	}
	return at
}

// Encode writes the values in their order, and gives that order.
func (k *Keys) Encode(w *canon.Writer) []int32 {
	order := k.Sorted()
	w.Uint(uint64(len(order)))
	for _, c := range order {
		if k.Type.Text() {
			w.Bytes(k.texts.Key(int(c)))
		} else {
			w.Word(k.words.Key(int(c)))
		}
	}
	return order
}

// Decode reads what Encode wrote into an empty Keys of the same type; codes are then in the order of the values.
func (k *Keys) Decode(r *canon.Reader) {
	n := r.Len(1)
	for i := range n {
		before := k.Len()
		if k.Type.Text() {
			k.texts.Insert(r.Bytes())
		} else {
			k.words.Insert(r.Word())
		}
		if r.Err() != nil {
			return
		}
		if k.Len() == before {
			r.Fail("value %d is there twice", i)
			return
		}
	}
}

// Counts counts the values of a column.
type Counts struct {
	Keys
	n     []int64
	total int64
}

// New makes an empty one.
func New(t batch.Type) *Counts { return &Counts{Keys: Keys{Type: t}} }

// Add counts the rows of a column.
func (c *Counts) Add(ctx *batch.Ctx, col *batch.Column) {
	codes := c.Codes(ctx, col)
	c.grow()
	for _, k := range codes {
		if k >= 0 {
			c.n[k]++
			c.total++
		}
	}
}

func (c *Counts) grow() {
	if d := c.Len() - len(c.n); d > 0 {
		c.n = append(c.n, make([]int64, d)...)
	}
}

// Merge adds o's counts; o is not changed.
func (c *Counts) Merge(o *Counts) {
	at := c.Join(&o.Keys)
	c.grow()
	for i, k := range at {
		c.n[k] += o.n[i]
	}
	c.total += o.total
}

// N is how often the value of a code is there.
func (c *Counts) N(code int32) int64 { return c.n[code] }

// Total is how many values there are.
func (c *Counts) Total() int64 { return c.total }

// Bytes is the memory held.
func (c *Counts) Bytes() int64 { return c.Keys.Bytes() + int64(8*cap(c.n)) }

// Encode writes the values with their counts, in the order of the values.
func (c *Counts) Encode(w *canon.Writer) {
	for _, k := range c.Keys.Encode(w) {
		w.Uint(uint64(c.n[k]))
	}
}

// Decode reads what Encode wrote into an empty one of the same type.
func (c *Counts) Decode(r *canon.Reader) {
	c.Keys.Decode(r)
	c.grow()
	for i := range c.n {
		v := r.Uint()
		if v == 0 || v > math.MaxInt64-uint64(c.total) {
			r.Fail("count %d of a value", v)
			return
		}
		c.n[i] = int64(v)
		c.total += int64(v)
	}
}

// Rank gives the value that stands at a place of all the values in their order, 0 <= place < Total.
func (c *Counts) Rank(place int64) int32 {
	for _, k := range c.Sorted() {
		if place -= c.n[k]; place < 0 {
			return k
		}
	}
	panic(fmt.Sprintf("counts: no place %d among %d values", place, c.total))
}

// Mode is the most frequent value, of equally frequent ones the least; -1 where there is none.
func (c *Counts) Mode() int32 {
	best := int32(-1)
	for _, k := range c.Sorted() {
		if best < 0 || c.n[k] > c.n[best] {
			best = k
		}
	}
	return best
}

// Numbers gives a column of numbers, dates, times or bools as floats, and the bitmap of those that are values: neither null nor NaN;
// nil for all. Elsewhere stands a NaN.
func Numbers(c *batch.Ctx, col *batch.Column) (xs []float64, valid []uint64) {
	xs = c.Floats(*col)
	if !slices.ContainsFunc(xs, func(x float64) bool { return x != x }) {
		return xs, nil
	}
	valid = c.Bitmap(col.N)
	for i, x := range xs {
		if x == x {
			valid[i>>6] |= 1 << (i & 63)
		}
	}
	return xs, valid
}

// Column makes a column of type t, in Go memory, of values that Check finds fit for it.
func Column(t batch.Type, values []program.Value) batch.Column {
	var c *batch.Ctx
	var texts []string
	col := c.New(t, len(values))
	null := make([]bool, len(values))
	nulls := false
	for i, v := range values {
		if null[i] = v.IsNull(); null[i] {
			nulls = true
		}
		switch {
		case t.Text():
			texts = append(texts, v.S)
		case t.Kind == batch.Bool:
			col.Bits()[i>>6] |= uint64(v.I) << (i & 63)
		case t.Kind == batch.Float32:
			col.Float32s()[i] = float32(v.F)
		case t.Kind == batch.Float64:
			col.Float64s()[i] = v.F
		case t.Width() == 4:
			col.Int32s()[i] = int32(v.I)
		default:
			col.Int64s()[i] = v.I
		}
	}
	if t.Text() {
		col = batch.OfStrings(texts)
		col.Type = t
	}
	if nulls {
		col = col.WithNulls(null)
	}
	return col
}
