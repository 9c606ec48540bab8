package batch

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// value is what a row of a column holds, for comparison with the naive model; nil for a null.
func value(c *Column, i int) any {
	if c.Null(i) {
		return nil
	}
	switch c.Type.Kind {
	case Bool:
		return c.Bit(i)
	case Int32, Date:
		return c.Int32s()[i]
	case Int64, Timestamp, Decimal:
		return c.Int64s()[i]
	case Float32:
		return math.Float32bits(c.Float32s()[i])
	case Float64:
		return math.Float64bits(c.Float64s()[i])
	case String, Bytes:
		return string(c.Text(i))
	case Vector:
		s := ""
		for j := range c.Wide {
			s += fmt.Sprintf("%x ", math.Float64bits(c.Member(j)[i]))
		}
		return s
	}
	panic(c.Type.String())
}

func values(c *Column) []any {
	v := make([]any, c.N)
	for i := range v {
		v[i] = value(c, i)
	}
	return v
}

// wellFormed checks what every column promises.
func wellFormed(t *testing.T, c *Column) {
	t.Helper()
	tail := func(what string, w []uint64) {
		if len(w) != Words(c.N) {
			t.Fatalf("%s of %d words for %d rows", what, len(w), c.N)
		}
		if c.N&63 != 0 && w[len(w)-1]>>(c.N&63) != 0 {
			t.Fatalf("%s of %d rows is set past its end: %x", what, c.N, w[len(w)-1])
		}
	}
	if c.Valid != nil {
		tail("valid", c.Valid)
	}
	switch {
	case c.Dict != nil:
		if c.Dict.Valid != nil || c.Dict.Dict != nil || len(c.Codes()) != c.N {
			t.Fatal("malformed dictionary")
		}
	case c.Type.Kind == Bool:
		tail("bits", c.Bits())
	case c.Type.Text():
		if len(c.Offsets) != c.N+1 || c.Offsets[0] != 0 || int(c.Offsets[c.N]) > len(c.Values) {
			t.Fatalf("malformed offsets %v over %d bytes", c.Offsets, len(c.Values))
		}
	case c.Type.Width() > 0 && len(c.Values) != c.N*c.Type.Width()*max(1, c.Wide):
		t.Fatalf("%d bytes for %d rows", len(c.Values), c.N)
	}
}

var dictA = OfStrings([]string{"", "b", "a long entry of a dictionary", "d"})
var dictB = OfStrings([]string{"d", "e", ""})

// makers make random columns; what stands under a null is garbage.
var makers = map[string]func(r *rand.Rand, n int) Column{
	"bool": func(r *rand.Rand, n int) Column {
		v := make([]bool, n)
		for i := range v {
			v[i] = r.IntN(2) == 0
		}
		return OfBools(v)
	},
	"int32": func(r *rand.Rand, n int) Column {
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(r.Uint32())
		}
		return OfInt32s(v)
	},
	"int64": func(r *rand.Rand, n int) Column {
		v := make([]int64, n)
		for i := range v {
			v[i] = int64(r.Uint64())
		}
		return OfInt64s(v)
	},
	"float32": func(r *rand.Rand, n int) Column {
		v := make([]float32, n)
		for i := range v {
			v[i] = r.Float32()
		}
		return OfFloat32s(v)
	},
	"float64": func(r *rand.Rand, n int) Column {
		v := make([]float64, n)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		return OfFloat64s(v)
	},
	"string": func(r *rand.Rand, n int) Column {
		v := make([]string, n)
		for i := range v {
			v[i] = strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(40))
		}
		return OfStrings(v)
	},
	"dict":  func(r *rand.Rand, n int) Column { return ofDict(r, n, &dictA) },
	"dictB": func(r *rand.Rand, n int) Column { return ofDict(r, n, &dictB) },
	"vector": func(r *rand.Rand, n int) Column {
		c := (*Ctx)(nil).NewVector(n, []string{"x", "y", "z"})
		for j := range 3 {
			for i := range n {
				c.Member(j)[i] = r.NormFloat64()
			}
		}
		return c
	},
}

func ofDict(r *rand.Rand, n int, d *Column) Column {
	v := make([]int32, n)
	for i := range v {
		v[i] = int32(r.IntN(d.N))
	}
	return OfCodes(v, d)
}

func nulled(r *rand.Rand, c Column) Column {
	null := make([]bool, c.N)
	for i := range null {
		if null[i] = r.IntN(4) == 0; null[i] && c.Dict != nil {
			c.Codes()[i] = -1 << 20
		}
	}
	return c.WithNulls(null)
}

var lengths = []int{0, 1, 2, 63, 64, 65, 127, 128, 129, 200}

// eachColumn runs f with every kind of column, with and without nulls, at every length, in the arena and on the heap.
func eachColumn(t *testing.T, f func(t *testing.T, c *Ctx, r *rand.Rand, col Column)) {
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			for _, n := range lengths {
				for _, nulls := range []bool{false, true} {
					for _, c := range []*Ctx{nil, {Poison: true}} {
						r := rand.New(rand.NewPCG(uint64(n), 7))
						col := make(r, n)
						if nulls {
							col = nulled(r, col)
						}
						if c != nil { // dirty memory first
							c.AllocDirty(1 << 18)
							c.Reset()
						}
						before := fmt.Sprint(values(&col))
						f(t, c, r, col)
						if got := fmt.Sprint(values(&col)); got != before {
							t.Fatalf("the input was changed: %s, was %s", got, before)
						}
					}
				}
			}
		})
	}
}

func equal(t *testing.T, what string, got *Column, want []any) {
	t.Helper()
	wellFormed(t, got)
	if g := values(got); !reflect.DeepEqual(g, want) {
		t.Fatalf("%s of %s:\n got %v\nwant %v", what, got.Type, g, want)
	}
}

func TestTake(t *testing.T) {
	eachColumn(t, func(t *testing.T, c *Ctx, r *rand.Rand, col Column) {
		for _, m := range lengths {
			for _, none := range []bool{false, true} {
				idx, want := make([]int32, m), make([]any, m)
				for i := range idx {
					if idx[i] = -1; col.N > 0 && (!none || r.IntN(3) > 0) {
						idx[i] = int32(r.IntN(col.N))
						want[i] = value(&col, int(idx[i]))
					}
				}
				got := col.Take(c, idx)
				equal(t, "take", &got, want)
			}
		}
	})
}

func TestFilter(t *testing.T) {
	eachColumn(t, func(t *testing.T, c *Ctx, r *rand.Rand, col Column) {
		for _, share := range []int{0, 1, 5, 9, 10} {
			keep, kept, want := make([]uint64, Words(col.N)), 0, []any{}
			for i := range col.N {
				if r.IntN(10) < share {
					keep[i>>6] |= 1 << (i & 63)
					kept++
					want = append(want, value(&col, i))
				}
			}
			got := col.Filter(c, keep, kept)
			equal(t, "filter", &got, want)
		}
	})
}

func TestSlice(t *testing.T) {
	eachColumn(t, func(t *testing.T, c *Ctx, r *rand.Rand, col Column) {
		for _, lo := range append(lengths, 3, 66) {
			for _, n := range lengths {
				if lo+n > col.N {
					continue
				}
				got := col.Slice(c, lo, lo+n)
				equal(t, "slice", &got, values(&col)[lo:lo+n])
				if col.Type.Kind == Int64 && lo&63 == 0 && n > 0 && &got.Values[0] != &col.Values[lo*8] {
					t.Fatal("values at a multiple of 64 were copied")
				}
				deep := got.Slice(c, n/2, n)
				equal(t, "slice of a slice", &deep, values(&col)[lo+n/2:lo+n])
			}
		}
	})
}

func TestConcat(t *testing.T) {
	eachColumn(t, func(t *testing.T, c *Ctx, r *rand.Rand, col Column) {
		others := []Column{col}
		for _, n := range []int{0, 1, 64, 65, 3} {
			for _, name := range slices.Sorted(maps.Keys(makers)) {
				make := makers[name]
				o := make(r, n)
				if o.Type != col.Type || o.Wide != col.Wide {
					continue
				}
				if n != 3 || name == "dict" {
					others = append(others, o, nulled(r, make(r, n)))
				}
			}
		}
		for _, k := range []int{1, 2, 5, len(others)} {
			k = min(k, len(others))
			for range 4 {
				r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
				want := []any{}
				for i := range k {
					want = append(want, values(&others[i])...)
				}
				got, err := Concat(c, others[:k])
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "concat", &got, want)
			}
		}
	})
	if got, err := Concat(nil, nil); err != nil || got.N != 0 {
		t.Fatal(got, err)
	}
}

func TestConcatDictionaries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	one := []Column{ofDict(r, 5, &dictA), ofDict(r, 9, &dictA)}
	got, err := Concat(nil, one)
	if err != nil || got.Dict != &dictA {
		t.Fatal("columns of one dictionary do not keep it", err)
	}
	two := []Column{ofDict(r, 50, &dictA), ofDict(r, 9, &dictB), ofDict(r, 0, &dictA)}
	if got, err = Concat(nil, two); err != nil || got.Dict == nil || got.Dict.N != 5 {
		t.Fatalf("merged dictionary: %v %v, want 5 entries", got.Dict, err)
	}
	short := []Column{ofDict(r, 1, &dictA), ofDict(r, 1, &dictB)}
	if got, err = Concat(nil, short); err != nil || got.Dict != nil {
		t.Fatal("a merged dictionary longer than its column", err)
	}
}

func TestTextTooLong(t *testing.T) {
	long := OfStrings([]string{strings.Repeat("x", 16<<20)})
	idx := make([]int32, 128) // 2^31 bytes, one too many
	got := long.Take(nil, idx)
	wellFormed(t, &got)
	if got.Dict == nil || len(got.Text(127)) != 16<<20 {
		t.Fatal("take of more than 2 GiB is not coded")
	}
	if p := got.Plain(nil); p.Dict == nil {
		t.Fatal("2 GiB of plain text")
	}
	cols := make([]Column, 128)
	for i := range cols {
		cols[i] = long
	}
	if _, err := Concat(nil, cols); !errors.Is(err, ErrTextTooLong) {
		t.Fatalf("concat of 2 GiB: %v", err)
	}
	if _, err := Concat(nil, []Column{got, long}); !errors.Is(err, ErrTextTooLong) {
		t.Fatalf("concat of 2 GiB: %v", err)
	}
	bs := []Batch{{N: 128, Cols: []Column{got}}, {N: 1, Cols: []Column{long}}}
	if _, err := ConcatBatches(nil, bs); !errors.Is(err, ErrTextTooLong) {
		t.Fatalf("concat of batches: %v", err)
	}
}

func TestPlainAndClone(t *testing.T) {
	eachColumn(t, func(t *testing.T, c *Ctx, r *rand.Rand, col Column) {
		p := col.Plain(c)
		equal(t, "plain", &p, values(&col))
		if p.Dict != nil {
			t.Fatal("plain with a dictionary")
		}
		// A clone outlives what it was made of.
		arena := &Ctx{Poison: true}
		idx := make([]int32, col.N)
		for i := range idx {
			idx[i] = int32(i)
		}
		in := col.Take(arena, idx)
		if in.Dict != nil {
			d := in.Dict.Take(arena, []int32{0, 1, 2, 3}[:in.Dict.N])
			in.Dict = &d
		}
		want := values(&in)
		clone := in.Clone()
		arena.Reset()
		equal(t, "clone", &clone, want)
	})
}

func TestFloats(t *testing.T) {
	c := &Ctx{}
	null := []bool{false, true, false}
	date, decimal, stamp := OfInt32s([]int32{-1, 7, 3}), OfInt64s([]int64{-12345, 7, 30}), OfInt64s([]int64{1, 7, 1 << 60})
	date.Type, decimal.Type, stamp.Type = T(Date), Type{Kind: Decimal, Precision: 9, Scale: 2}, Type{Kind: Timestamp, Unit: Nano}
	for _, x := range []struct {
		col  Column
		want []float64
	}{
		{OfFloat64s([]float64{1.5, 2, math.Inf(1)}), []float64{1.5, 2, math.Inf(1)}},
		{OfFloat32s([]float32{1.5, 2, -3}), []float64{1.5, 2, -3}},
		{OfInt32s([]int32{1, 2, -3}), []float64{1, 2, -3}},
		{OfInt64s([]int64{1, 2, -3}), []float64{1, 2, -3}},
		{OfBools([]bool{true, true, false}), []float64{1, 1, 0}},
		{date, []float64{-1, 7, 3}},
		{decimal, []float64{-123.45, 0.07, 0.3}},
		{stamp, []float64{1, 7, 1 << 60}},
	} {
		got := c.Floats(x.col)
		if !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: %v, want %v", x.col.Type, got, x.want)
		}
		got = c.Floats(x.col.WithNulls(null))
		if !math.IsNaN(got[1]) || got[0] != x.want[0] || got[2] != x.want[2] {
			t.Errorf("%s with a null: %v", x.col.Type, got)
		}
	}
	v := []float64{1}
	if got := c.Floats(OfFloat64s(v)); &got[0] != &v[0] {
		t.Error("a plain float64 column was copied")
	}
	eachColumn(t, func(t *testing.T, c *Ctx, r *rand.Rand, col Column) {
		if !col.Type.Numeric() && col.Type.Kind != Bool {
			return
		}
		for i, x := range c.Floats(col) {
			if col.Null(i) != math.IsNaN(x) {
				t.Fatalf("row %d is %v, null: %v", i, x, col.Null(i))
			}
		}
		all := c.Floats(col)
		for range 20 {
			from := r.IntN(col.N + 1)
			part := make([]float64, r.IntN(col.N-from+1))
			col.ReadFloats(part, from)
			for i, x := range part {
				if x != all[from+i] && !(math.IsNaN(x) && math.IsNaN(all[from+i])) {
					t.Fatalf("from %d: row %d is %v, want %v", from, from+i, x, all[from+i])
				}
			}
		}
	})
}

// identity is all that a batch says of a row.
func identity(b *Batch, i int) string {
	s := fmt.Sprint(b.ID.At(i), b.PartAt(i), b.KeyAt(i))
	for j := range b.Cols {
		s += fmt.Sprint(" ", value(&b.Cols[j], i))
	}
	return s
}

func rows(b *Batch) (s []string) {
	for i := range b.N {
		s = append(s, identity(b, i))
	}
	return s
}

func someBatch(r *rand.Rand, n, what int) Batch {
	b := Batch{N: n, ID: IDs{Base: 1000}, Cols: []Column{makers["int64"](r, n), nulled(r, makers["dict"](r, n))}}
	for i := range n {
		if what&1 != 0 {
			b.ID.Ordinals = append(b.ID.Ordinals, r.Uint64())
		}
		if what&2 != 0 {
			b.ID.Copies = append(b.ID.Copies, uint32(i%3))
		}
		if what&4 != 0 {
			b.Part = append(b.Part, uint8(i%3))
		}
		if what&8 != 0 {
			b.Key = append(b.Key, r.Uint64())
		}
	}
	return b
}

func TestBatchSelection(t *testing.T) {
	for what := range 16 {
		for _, n := range lengths {
			r := rand.New(rand.NewPCG(uint64(n), uint64(what)))
			c := &Ctx{}
			b := someBatch(r, n, what)
			all := rows(&b)
			idx, want := []int32{}, []string(nil)
			keep, kept, wantKept := make([]uint64, Words(n)), 0, []string(nil)
			for i := range n {
				j := r.IntN(n)
				idx, want = append(idx, int32(j)), append(want, all[j])
				if r.IntN(2) == 0 {
					keep[i>>6] |= 1 << (i & 63)
					kept, wantKept = kept+1, append(wantKept, all[i])
				}
			}
			same := func(op string, got Batch, want []string) {
				t.Helper()
				if g := rows(&got); !reflect.DeepEqual(g, want) {
					t.Fatalf("%s of %d rows:\n got %v\nwant %v", op, n, g, want)
				}
			}
			same("take", b.Take(c, idx), want)
			same("filter", b.Filter(c, keep, kept), wantKept)
			parts, whole := []Batch{}, []string(nil)
			for lo := 0; lo < n; {
				hi := min(n, lo+1+r.IntN(70))
				p := b.Slice(c, lo, hi)
				same("slice", p, all[lo:hi])
				parts, lo = append(parts, p), hi
			}
			got, err := ConcatBatches(c, parts)
			if err != nil {
				t.Fatal(err)
			}
			same("concat of slices", got, all)
			if n > 0 && what&1 == 0 && got.ID.Ordinals != nil {
				t.Fatal("dense identities were spelt out")
			}
			parts, whole = append(parts, someBatch(r, 65, 15-what), b), append(whole, all...)
			whole = append(append(whole, rows(&parts[len(parts)-2])...), all...)
			if got, err = ConcatBatches(c, parts); err != nil {
				t.Fatal(err)
			}
			same("concat", got, whole)
		}
	}
	if b, err := ConcatBatches(nil, nil); err != nil || b.N != 0 {
		t.Fatal(b, err)
	}
}

func TestCopyText(t *testing.T) {
	for n := range 40 {
		src, dst := bytes.Repeat([]byte{7}, n), make([]byte, 50)
		copyText(dst, 3, src)
		if want := append(append(make([]byte, 3), src...), make([]byte, 47-n)...); !bytes.Equal(dst, want) {
			t.Fatal(n, dst)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 65536
	idx := make([]int32, n)
	for i := range idx {
		idx[i] = int32(r.IntN(n))
	}
	for _, kind := range []string{"int64", "dict", "string", "bool"} {
		b.Run(kind, func(b *testing.B) {
			col, c := makers[kind](r, n), &Ctx{}
			for b.Loop() {
				c.Reset()
				col.Take(c, idx)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
