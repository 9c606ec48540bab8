package program

import (
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// HashOuts says which outputs a HashPart has.
type HashOuts uint8

// The sets of outputs. Their numbers are stored: append only.
const (
	KeyAndPart HashOuts = iota
	KeyOnly
	PartOnly
)

// HashPart draws a part by what columns hold, so that equal rows fall alike and a row keeps its part when others are added:
//
//	for i { key[i] = hash of in[0][i], in[1][i], …; part[i] = number of Cut <= hash.Unit(hash.Draw(Seed, key[i], 0)) }
//
// In are of any type but Vector and List; out are Int64 and never null: the key's bits, the part, or one of them. The key does not
// depend on Seed. Equal values hash alike in Int32 and Int64, in Float32 and Float64, in String and Bytes, plain or coded; -0 as 0,
// all NaN as one, a null as a value of its own. Dates, timestamps (in their unit), decimals (unscaled) and bools each hash apart.
type HashPart struct {
	Seed  uint64
	Cut   []float64 // rising: the shares of the parts but the last, summed up
	Outs  HashOuts
	types []batch.Type
}

func init() { Register(func() Kind { return &HashPart{} }) }

// ID is "hash_part".
func (*HashPart) ID() string { return "hash_part" }

// Init checks the types and that the cuts rise.
func (k *HashPart) Init(in, out []batch.Type) error {
	outs := 1
	switch {
	case k.Outs > PartOnly:
		return fmt.Errorf("no set of outputs %d", k.Outs)
	case k.Outs == KeyAndPart:
		outs = 2
	case len(in) == 0:
		return fmt.Errorf("no columns to hash")
	}
	if err := slots(in, out, max(len(in), 1), outs); err != nil {
		return err
	}
	for j, t := range in {
		if _, ok := cellTag(t); !ok {
			return fmt.Errorf("column %d is %s, which has no hash", j, t)
		}
	}
	for _, t := range out {
		if err := wantKind("an output", t, batch.Int64); err != nil {
			return err
		}
	}
	last := math.Inf(-1)
	for _, c := range k.Cut {
		if !(c >= last) {
			return fmt.Errorf("the cuts do not rise")
		}
		last = c
	}
	k.types = in
	return nil
}

// The tags keep values of different meaning apart. They are stored in every split ever drawn: never change one.
const (
	tagNull = iota + 1
	tagBool
	tagInt
	tagFloat
	tagDate
	tagTimestamp
	tagDecimal
	tagText // bytes are hashed without it
)

func cellTag(t batch.Type) (uint64, bool) {
	switch t.Kind {
	case batch.Bool:
		return tagBool, true
	case batch.Int32, batch.Int64:
		return tagInt, true
	case batch.Float32, batch.Float64:
		return tagFloat, true
	case batch.Date:
		return tagDate, true
	case batch.Timestamp:
		return tagTimestamp, true
	case batch.Decimal:
		return tagDecimal, true
	case batch.String, batch.Bytes:
		return tagText, true
	}
	return 0, false
}

var nullHash = hash.Combine(tagNull, 0)

// floatWord is the bits by which floats are equal: -0 is 0, all NaN are one.
func floatWord(x float64) uint64 {
	switch {
	case x == 0:
		return 0
	case x != x:
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(x)
}

// CellWords gives the words by which the values of a column of fixed width are equal; any word under a null.
func CellWords(c *batch.Ctx, col *batch.Column) []uint64 {
	w := c.Uint64s(col.N)
	switch col.Type.Kind {
	case batch.Bool:
		b := col.Bits()
		for i := range w {
			w[i] = b[i>>6] >> (i & 63) & 1
		}
	case batch.Int32, batch.Date:
		for i, x := range col.Int32s() {
			w[i] = uint64(x)
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		for i, x := range col.Int64s() {
			w[i] = uint64(x)
		}
	case batch.Float32:
		for i, x := range col.Float32s() {
			w[i] = floatWord(float64(x))
		}
	case batch.Float64:
		for i, x := range col.Float64s() {
			w[i] = floatWord(x)
		}
	default:
		panic("program: words of " + col.Type.String())
	}
	return w
}

// frameWord is CellWords for a slot that is not null.
func frameWord(f *Frame, t batch.Type, s int) uint64 {
	if t.Float() {
		return floatWord(f.F[s])
	}
	return uint64(f.I[s])
}

// cellHashes hashes a column's values.
func cellHashes(c *batch.Ctx, col *batch.Column) []uint64 {
	var h []uint64
	if !col.Type.Text() {
		h = CellWords(c, col)
		tag, _ := cellTag(col.Type)
		for i, x := range h {
			h[i] = hash.Combine(tag, x)
		}
	} else if h = c.Uint64s(col.N); col.Dict != nil && col.Dict.N <= col.N {
		d := c.Uint64s(col.Dict.N)
		for i := range d {
			d[i] = hash.Bytes(col.Dict.Text(i))
		}
		for i, x := range col.Codes() {
			if uint(x) < uint(len(d)) { // a code under a null may be anything
				h[i] = d[x]
			}
		}
	} else {
		for i := range h {
			if !col.Null(i) {
				h[i] = hash.Bytes(col.Text(i))
			}
		}
	}
	fillNulls(h, col.Valid, nullHash)
	return h
}

func (k *HashPart) part(key uint64) int64 {
	return interval(hash.Unit(hash.Draw(k.Seed, key, 0)), k.Cut)
}

// Batch hashes column by column, a dictionary entry once.
func (k *HashPart) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	key := cellHashes(c, &in[0])
	for j := range in[1:] {
		for i, x := range cellHashes(c, &in[1+j]) {
			key[i] = hash.Combine(key[i], x)
		}
	}
	v := c.Int64s(n)
	if k.Outs != KeyOnly {
		for i, x := range key {
			v[i] = k.part(x)
		}
		out[len(out)-1] = batch.OfInt64s(v)
		v = c.Int64s(n)
	}
	if k.Outs != PartOnly {
		for i, x := range key {
			v[i] = int64(x)
		}
		out[0] = batch.OfInt64s(v)
	}
	return nil
}

// Row hashes a row.
func (k *HashPart) Row(f *Frame, in, out []int) error {
	var key uint64
	for j, s := range in {
		h := nullHash
		switch t := k.types[j]; {
		case f.Null[s]:
		case t.Text():
			h = hash.String(f.S[s])
		default:
			tag, _ := cellTag(t)
			h = hash.Combine(tag, frameWord(f, t, s))
		}
		if j == 0 {
			key = h
		} else {
			key = hash.Combine(key, h)
		}
	}
	for _, o := range out {
		f.Null[o] = false
	}
	if k.Outs != KeyOnly {
		f.I[out[len(out)-1]] = k.part(key)
	}
	if k.Outs != PartOnly {
		f.I[out[0]] = int64(key)
	}
	return nil
}

// Narrow keeps one of the two outputs; all columns are still read.
func (k *HashPart) Narrow(keep []bool) (Kind, []int) {
	in := make([]int, len(k.types))
	for j := range in {
		in[j] = j
	}
	switch {
	case k.Outs != KeyAndPart || keep[0] && keep[1]:
		return &HashPart{Seed: k.Seed, Cut: k.Cut, Outs: k.Outs}, in
	case keep[0]:
		return &HashPart{Outs: KeyOnly}, in
	}
	return &HashPart{Seed: k.Seed, Cut: k.Cut, Outs: PartOnly}, in
}

// Encode writes the draw.
func (k *HashPart) Encode(w *canon.Writer) {
	w.Word(k.Seed)
	w.Floats(k.Cut)
	w.Uint(uint64(k.Outs))
}

// Decode reads the draw.
func (k *HashPart) Decode(r *canon.Reader) {
	k.Seed, k.Cut = r.Word(), r.Floats()
	k.Outs = HashOuts(min(r.Uint(), 255))
}
