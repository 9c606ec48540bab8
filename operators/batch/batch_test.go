package batch

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// everyType is a type of every kind, and what it is spelled like.
var everyType = []struct {
	t Type
	s string
}{
	{T(Bool), "bool"}, {T(Int32), "int32"}, {T(Int64), "int64"}, {T(Float32), "float32"}, {T(Float64), "float64"}, {T(String), "string"},
	{T(Bytes), "bytes"}, {T(Date), "date"},
	{Type{Kind: Timestamp, Unit: Second}, "timestamp[s]"}, {Type{Kind: Timestamp, Unit: Milli}, "timestamp[ms]"},
	{Type{Kind: Timestamp, Unit: Micro, Zone: "UTC"}, "timestamp[us, UTC]"},
	{Type{Kind: Timestamp, Unit: Nano, Zone: "America/Argentina/Buenos_Aires"}, "timestamp[ns, America/Argentina/Buenos_Aires]"},
	{Type{Kind: Timestamp, Unit: Second, Zone: "+05:30"}, "timestamp[s, +05:30]"},
	{Type{Kind: Decimal, Precision: 1}, "decimal(1, 0)"}, {Type{Kind: Decimal, Precision: 18, Scale: 18}, "decimal(18, 18)"},
	{Type{Kind: List, Elem: Int64}, "list[int64]"}, {Type{Kind: List, Elem: String}, "list[string]"},
	{Type{Kind: List}, "list"}, {Type{Kind: List, Elem: List}, "list[list]"}, {Type{Kind: List, Elem: Decimal}, "list[decimal]"},
}

func TestTypeRoundTrip(t *testing.T) {
	kinds := map[Kind]bool{}
	for _, c := range everyType {
		kinds[c.t.Kind] = true
		if got := c.t.String(); got != c.s {
			t.Errorf("%+v is spelled %q, want %q", c.t, got, c.s)
		}
		if got, err := ParseType(c.s); err != nil || got != c.t {
			t.Errorf("%q was read as %+v, %v", c.s, got, err)
		}
		if got, err := ParseType("  " + strings.ReplaceAll(c.s, ", ", ",") + " "); err != nil || got != c.t {
			t.Errorf("%q with other blanks was read as %+v, %v", c.s, got, err)
		}
	}
	for k := Bool; k < Vector; k++ {
		if !kinds[k] {
			t.Errorf("no type of kind %s", k)
		}
	}
	for s, want := range map[string]Type{
		"timestamp":  {Kind: Timestamp, Unit: Micro},
		"decimal":    {Kind: Decimal, Precision: 18},
		"decimal(7)": {Kind: Decimal, Precision: 7},
		// a list tells its elements' kind only
		"list[decimal(4, 2)]":      {Kind: List, Elem: Decimal},
		"list[timestamp[ms, UTC]]": {Kind: List, Elem: Timestamp},
	} {
		if got, err := ParseType(s); err != nil || got != want {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
}

func TestParseTypeErrors(t *testing.T) {
	for s, want := range map[string]string{
		"":                     "no type",
		"integer":              "there are bool, int32",
		"Int64":                "no type",
		"unknown":              "no type",
		"vector":               "no type", // a column is wide by what makes it, not by declaration
		"int64[3]":             "takes no arguments",
		"timestamp[m]":         "unit",
		"timestamp[s, UTC, x]": "unit",
		"decimal(0)":           "1 to 18 digits",
		"decimal(19)":          "1 to 18 digits",
		"decimal(x)":           "1 to 18 digits",
		"decimal(4, 5)":        "the scale",
		"decimal(4, -1)":       "the scale",
		"decimal(4, 300)":      "the scale",
		"list[nope]":           "no type",
		"int64[]":              "between brackets",
		"timestamp[ms":         "between brackets",
		"timestamp[ms)":        "between brackets",
		"timestamp[ms]]":       "unit",
		"decimal(4":            "between brackets",
		"list[int64":           "between brackets",
	} {
		if got, err := ParseType(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, error %v, want %q", s, got, err, want)
		}
	}
}

func TestTypeSets(t *testing.T) {
	for _, c := range []struct {
		what string
		has  func(Type) bool
		want []Kind
	}{
		{"numeric", Type.Numeric, []Kind{Int32, Int64, Float32, Float64, Decimal}},
		{"integer", Type.Integer, []Kind{Int32, Int64}},
		{"float", Type.Float, []Kind{Float32, Float64}},
		{"temporal", Type.Temporal, []Kind{Date, Timestamp}},
		{"text", Type.Text, []Kind{String, Bytes}},
		{"4 wide", func(t Type) bool { return t.Width() == 4 }, []Kind{Int32, Float32, Date}},
		{"8 wide", func(t Type) bool { return t.Width() == 8 }, []Kind{Int64, Float64, Timestamp, Decimal, Vector}},
	} {
		var got []Kind
		for k := Unknown; k <= Vector; k++ {
			if c.has(T(k)) {
				got = append(got, k)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	for u, want := range []int64{1, 1e3, 1e6, 1e9} {
		if got := Unit(u).PerSecond(); got != want {
			t.Errorf("%s: %d a second", Unit(u), got)
		}
	}
}

func aligned(b []byte) bool { return uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(Align-1) == 0 }

// Every block starts at a multiple of 64, has 64 bytes behind it, and shares nothing with the others; after a Reset the same memory
// is given again. On the Go heap it is so too.
func TestArena(t *testing.T) {
	sizes := []int{0, 1, 7, 8, 63, 64, 65, 4096, 1 << 16, slabBytes - Pad - Align, slabBytes - Pad, slabBytes, slabBytes + 1, 3 * slabBytes, 1, 100}
	for _, c := range []*Ctx{nil, {}, {Poison: true}} {
		var held int64
		for round := range 3 {
			var blocks [][]byte
			for i, n := range sizes {
				b := c.Alloc(n)
				if len(b) != n || !aligned(b) {
					t.Fatalf("a block of %d is %d bytes at %p", n, len(b), unsafe.SliceData(b))
				}
				for j, x := range b {
					if x != 0 {
						t.Fatalf("round %d: byte %d of a block of %d is %x", round, j, n, x)
					}
				}
				if c != nil {
					if cap(b) < n+Pad {
						t.Fatalf("a block of %d has %d bytes behind it", n, cap(b)-n)
					}
				}
				padded := unsafe.Slice(unsafe.SliceData(b), n+Pad) // a kernel may store a whole vector
				for j := range padded {
					padded[j] = byte(i + 1)
				}
				blocks = append(blocks, padded)
			}
			for i, b := range blocks {
				for j, x := range b {
					if x != byte(i+1) {
						t.Fatalf("round %d: byte %d of block %d was overwritten by block %d", round, j, i, x-1)
					}
				}
			}
			if c == nil {
				continue
			}
			if round > 0 && c.Bytes() != held {
				t.Fatalf("round %d: the arena grew from %d to %d bytes", round, held, c.Bytes())
			}
			held = c.Bytes()
			c.Reset()
			for i, b := range blocks {
				if c.Poison && slices.ContainsFunc(b[:sizes[i]], func(x byte) bool { return x != 0xa5 }) {
					t.Fatalf("block %d was not poisoned", i)
				}
			}
		}
	}
}

// What an arena gave first it gives first again, dirty where that was asked for.
func TestArenaReuse(t *testing.T) {
	c := &Ctx{}
	a := c.AllocDirty(100)
	for i := range a {
		a[i] = 7
	}
	c.Reset()
	if b := c.AllocDirty(100); unsafe.SliceData(a) != unsafe.SliceData(b) || b[99] != 7 {
		t.Error("the memory was not used again, or was cleared")
	}
	c.Reset()
	if b := c.Alloc(100); unsafe.SliceData(a) != unsafe.SliceData(b) || slices.Max(b) != 0 {
		t.Error("the memory was not used again, or not cleared")
	}
	c.Reset()
	if n := testing.AllocsPerRun(100, func() { c.Reset(); c.Float64s(1000); c.Bitmap(1000); c.New(T(String), 100) }); n != 0 {
		t.Errorf("a warm arena allocates %v times", n)
	}
}

// A request that no slab holds gets its own, which later ones use.
func TestArenaBig(t *testing.T) {
	c := &Ctx{}
	c.Alloc(1)
	big := c.Alloc(10 * slabBytes)
	after := c.Alloc(1)
	if len(big) != 10*slabBytes || !aligned(big) || !aligned(after) {
		t.Error("a big block")
	}
	before := c.Bytes()
	c.Reset()
	for range 9 {
		c.Alloc(slabBytes - Pad)
	}
	if c.Bytes() != before {
		t.Errorf("%d bytes held, then %d", before, c.Bytes())
	}
}

func TestTypedSlices(t *testing.T) {
	for _, c := range []*Ctx{nil, {Poison: true}} {
		for _, n := range []int{0, 1, 63, 64, 65, 1000} {
			lens := []int{len(c.Float64s(n)), len(c.Float32s(n)), len(c.Int64s(n)), len(c.Int32s(n)), len(c.Uint64s(n)), len(c.Uint32s(n)), len(c.Uint8s(n))}
			if slices.Max(lens) != n || slices.Min(lens) != n {
				t.Errorf("%d: %v", n, lens)
			}
			if b := c.Bitmap(n); len(b) != Words(n) || n > 0 && slices.Max(b) != 0 {
				t.Errorf("a bitmap of %d is %d words", n, len(b))
			}
			for k := Bool; k <= Vector; k++ {
				if k == List || k == Vector {
					continue
				}
				col := c.New(T(k), n)
				if col.N != n || col.Type != T(k) || col.Nulls() != 0 || col.Valid != nil {
					t.Errorf("%s of %d: %+v", k, n, col)
				}
				if k == Bool {
					for i := range n {
						if col.Bit(i) {
							t.Errorf("bit %d of a new column is set", i)
						}
					}
				}
				if T(k).Text() && (len(col.Offsets) != n+1 || col.Offsets[0] != 0) {
					t.Errorf("%s of %d: offsets %v", k, n, col.Offsets)
				}
			}
			v := c.NewVector(n, []string{"a", "b", "c"})
			for j := range v.Wide {
				for i := range v.Member(j) {
					v.Member(j)[i] = float64(10*i + j)
				}
			}
			for j := range v.Wide {
				for i, x := range v.Member(j) {
					if x != float64(10*i+j) {
						t.Fatalf("member %d of row %d is %v", j, i, x)
					}
				}
			}
		}
		if c != nil {
			c.Reset()
		}
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 63: 1, 64: 1, 65: 2, 128: 2, 129: 3} {
		if got := Words(n); got != want {
			t.Errorf("Words(%d) = %d", n, got)
		}
	}
}

func TestNullsAndBits(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 129} {
		null, bit := make([]bool, n), make([]bool, n)
		nulls := 0
		for i := range n {
			null[i], bit[i] = i%3 == 0, i%5 == 0
			if null[i] {
				nulls++
			}
		}
		plain := OfBools(bit)
		c := plain.WithNulls(null)
		if plain.Valid != nil || plain.Nulls() != 0 || c.Nulls() != nulls {
			t.Errorf("%d rows: %d nulls, want %d", n, c.Nulls(), nulls)
		}
		for i := range n {
			if c.Null(i) != null[i] || c.Bit(i) != bit[i] || plain.Null(i) {
				t.Errorf("row %d of %d", i, n)
			}
		}
		for what, w := range map[string][]uint64{"valid": c.Valid, "bits": c.Bits()} {
			if len(w) != Words(n) || n&63 != 0 && w[len(w)-1]>>(n&63) != 0 {
				t.Errorf("%s of %d rows: %x", what, n, w)
			}
		}
	}
}

func TestText(t *testing.T) {
	v := []string{"", "a", "é\x00\xff", strings.Repeat("long ", 100), ""}
	c := OfStrings(v)
	dict := OfStrings([]string{"x", "", "zz"})
	dict.Type = T(Bytes)
	codes := OfCodes([]int32{2, 0, 1, 2}, &dict)
	for i, s := range v {
		if c.Str(i) != s || string(c.Text(i)) != s {
			t.Errorf("row %d is %q", i, c.Str(i))
		}
	}
	for i, s := range []string{"zz", "x", "", "zz"} {
		if codes.Str(i) != s {
			t.Errorf("coded row %d is %q", i, codes.Str(i))
		}
	}
	if codes.Type != T(Bytes) || codes.N != 4 {
		t.Errorf("%+v", codes)
	}
	if got, want := codes.Bytes(), int64(4*4+4*4+3); got != want {
		t.Errorf("codes reach %d bytes, want %d", got, want)
	}
	if got, want := c.WithNulls(make([]bool, 5)).N, 5; got != want {
		t.Errorf("%d rows", got)
	}
}

func TestIDs(t *testing.T) {
	dense := IDs{Base: 7}
	if dense.At(3) != (ID{Ordinal: 10}) {
		t.Errorf("%+v", dense.At(3))
	}
	full := IDs{Base: 99, Ordinals: []uint64{5, math.MaxUint64}, Copies: []uint32{0, 2}}
	if full.At(1) != (ID{math.MaxUint64, 2}) || full.At(0) != (ID{5, 0}) {
		t.Errorf("%+v", full.At(1))
	}
	order := []ID{{0, 0}, {0, 1}, {0, math.MaxUint32}, {1, 0}, {math.MaxUint64, 0}}
	for i, a := range order {
		for j, b := range order {
			if got, want := Compare(a, b), min(max(i-j, -1), 1); got != want {
				t.Errorf("Compare(%v, %v) = %d", a, b, got)
			}
		}
	}
	b := Batch{N: 2, ID: full}
	if b.PartAt(1) != Train || b.KeyAt(0) != 5 {
		t.Error("a batch without parts and keys")
	}
	b.Part, b.Key = []uint8{0, 2}, []uint64{1, 8}
	if b.PartAt(1) != Test || b.KeyAt(1) != 8 || b.PartAt(1).String() != "test" {
		t.Error("parts and keys")
	}
	if !AllRows.Has(Valid) || TrainRows.Has(Test) || (TrainRows | TestRows).Has(Valid) || !(TrainRows | TestRows).Has(Test) {
		t.Error("sets of parts")
	}
}

// A clone shares nothing with what it was made of.
func TestClone(t *testing.T) {
	c := &Ctx{Poison: true}
	f := c.Float64s(3)
	copy(f, []float64{1, 2, 3})
	ord := c.Uint64s(3)
	copy(ord, []uint64{4, 5, 6})
	dict := OfStrings([]string{"a", "b"})
	codes := c.Int32s(3)
	copy(codes, []int32{1, 0, 1})
	b := Batch{N: 3, ID: IDs{Ordinals: ord}, Part: []uint8{0, 1, 2}, Cols: []Column{OfFloat64s(f).WithNulls([]bool{false, true, false}), OfCodes(codes, &dict)}}
	k := b.Clone()
	c.Reset()
	b.Part[0], dict.Values[0] = 9, 'z'
	if !slices.Equal(k.Cols[0].Float64s(), []float64{1, 2, 3}) || !k.Cols[0].Null(1) || k.ID.At(2).Ordinal != 6 || k.PartAt(0) != Train || k.Cols[1].Str(1) != "a" {
		t.Errorf("%+v", k)
	}
}

// A dictionary that lasts is shared by copies, so that rows that are put together of them are coded by it still; a clone's lasts, that in
// an arena does not, and neither does one that was taken of it.
func TestCloneSharesWhatLasts(t *testing.T) {
	c := &Ctx{Poison: true}
	dict := OfStrings([]string{"a", "b", "c"})
	dict.Lasts = true
	col := OfCodes([]int32{1, 0, 2}, &dict)
	first, second := col.Clone(), col.Copy(c)
	if first.Dict != &dict || second.Dict != &dict {
		t.Error("a dictionary that lasts is copied")
	}
	if all, err := Concat(nil, []Column{first, second}); err != nil || all.Dict != &dict {
		t.Errorf("of copies the rows have another dictionary: %v", err)
	}
	d := dict.Take(c, []int32{2, 1, 0})
	short := OfCodes([]int32{0, 2}, &d)
	in, out := short.Copy(c), short.Clone()
	if d.Lasts || in.Dict == &d || in.Dict.Lasts {
		t.Error("a dictionary of an arena is said to last")
	}
	if again := out.Clone(); !out.Dict.Lasts || out.Dict == &d || again.Dict != out.Dict {
		t.Error("a clone's dictionary does not last")
	}
	if c.Reset(); out.Str(0) != "c" || out.Str(1) != "a" {
		t.Errorf("after the arena's reset it is %q, %q", out.Str(0), out.Str(1))
	}
}

// A column that is shorter than it says is a programmer's mistake: it panics, and says so.
func TestShortBuffers(t *testing.T) {
	short := Column{N: 100, Wide: 2, Values: make([]byte, 8)}
	for what, f := range map[string]func(){
		"bits":     func() { short.Bits() },
		"int32s":   func() { short.Int32s() },
		"codes":    func() { short.Codes() },
		"int64s":   func() { short.Int64s() },
		"float32s": func() { short.Float32s() },
		"float64s": func() { short.Float64s() },
		"member":   func() { short.Member(1) },
		"bit":      func() { short.Bit(99) },
		"empty":    func() { (&Column{N: 1}).Int64s() },
	} {
		func() {
			defer func() {
				if s := fmt.Sprint(recover()); !strings.HasPrefix(s, "batch: column of") {
					t.Errorf("%s: panicked with %q", what, s)
				}
			}()
			f()
		}()
	}
	none := Column{}
	if none.Int64s() != nil || none.Bits() != nil || none.Float64s() != nil {
		t.Error("a column of no rows has values")
	}
}
