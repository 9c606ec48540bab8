package hash

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/testing/race"
)

func sample(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 3)
	}
	return b
}

// TestGolden holds the functions fixed: published folds and models depend on these values. They are never to be changed.
func TestGolden(t *testing.T) {
	var all uint64
	for n := range 200 {
		all = Combine(all, BytesSeed(sample(n), uint64(n)*k1))
	}
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"U64(0)", U64(0), 0},
		{"U64(1)", U64(1), goldenU64},
		{"Bytes()", Bytes(nil), goldenEmpty},
		{"String(headrace)", String("headrace"), goldenName},
		{"Combine(1, 2)", Combine(1, 2), goldenCombine},
		{"Seed(split)", Seed("split"), goldenSeed},
		{"Draw(1, 2, 3)", Draw(1, 2, 3), goldenDraw},
		{"every length", all, goldenAll},
	} {
		if c.got != c.want {
			t.Errorf("%s = %#x, want %#x", c.name, c.got, c.want)
		}
	}
	if String("abc") != Bytes([]byte("abc")) {
		t.Error("String and Bytes differ")
	}
	long := string(sample(1000))
	if n := testing.AllocsPerRun(10, func() { sink = String(long) }); n != 0 {
		t.Errorf("String allocates %v times", n)
	}
}

// TestAvalanche: every input bit changes every output bit about half the time.
func TestAvalanche(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const rounds = 2000
	check := func(name string, bitsIn int, f func(flip int, x [40]byte) uint64) {
		var flips [320][64]int
		for range rounds {
			var x [40]byte
			for i := range x {
				x[i] = byte(r.Uint32())
			}
			h := f(-1, x)
			for i := range bitsIn {
				d := h ^ f(i, x)
				for ; d != 0; d &= d - 1 {
					flips[i][bits.TrailingZeros64(d)]++
				}
			}
		}
		for i := range bitsIn {
			for j, n := range flips[i] {
				if p := float64(n) / rounds; math.Abs(p-0.5) > 0.07 { // 6 sigma
					t.Errorf("%s: input bit %d flips output bit %d with %.3f", name, i, j, p)
				}
			}
		}
	}
	flipped := func(x [40]byte, i int) [40]byte {
		if i >= 0 {
			x[i>>3] ^= 1 << (i & 7)
		}
		return x
	}
	word := func(x [40]byte, i int) uint64 { return binary.LittleEndian.Uint64(x[8*i:]) }
	for _, n := range []int{1, 3, 4, 7, 8, 15, 16, 17, 24, 31, 32} {
		check(fmt.Sprintf("Bytes of %d", n), 8*n, func(i int, x [40]byte) uint64 {
			x = flipped(x, i)
			return BytesSeed(x[:n], word(x, 4)) // of short keys there are too few to judge by without a seed
		})
	}
	check("Bytes of 40", 320, func(i int, x [40]byte) uint64 { x = flipped(x, i); return Bytes(x[:]) })
	check("U64", 64, func(i int, x [40]byte) uint64 { return U64(word(flipped(x, i), 0)) })
	check("Combine", 128, func(i int, x [40]byte) uint64 { x = flipped(x, i); return Combine(word(x, 0), word(x, 1)) })
	check("Draw", 160, func(i int, x [40]byte) uint64 {
		x = flipped(x, i)
		return Draw(word(x, 0), word(x, 1), uint32(word(x, 2)))
	})
}

// TestCollisions: regular keys, as tables have them, collide no more than random words would, also in the low and high bits.
func TestCollisions(t *testing.T) {
	n := race.Few(1 << 16)
	for name, f := range map[string]func(i int) uint64{
		"u64":      func(i int) uint64 { return U64(uint64(i)) },
		"u64 high": func(i int) uint64 { return U64(uint64(i) << 48) },
		"float":    func(i int) uint64 { return U64(math.Float64bits(float64(i))) },
		"decimal":  func(i int) uint64 { return Bytes(fmt.Appendf(nil, "%d", i)) },
		"padded":   func(i int) uint64 { return Bytes(fmt.Appendf(nil, "customer-%012d", i)) },
		"long":     func(i int) uint64 { return Bytes(fmt.Appendf(sample(60), "%d", i)) },
		"zeros":    func(i int) uint64 { return Bytes(make([]byte, i)) },
		"one byte set": func(i int) uint64 {
			b := make([]byte, 1+i>>8)
			b[len(b)/2] = byte(1 + i&127)
			return BytesSeed(b, uint64(i>>7&1))
		},
		"combine":       func(i int) uint64 { return Combine(uint64(i>>8), uint64(i&255)) },
		"draw ordinals": func(i int) uint64 { return Draw(7, uint64(i), 0) },
		"draw copies":   func(i int) uint64 { return Draw(7, uint64(i>>8), uint32(i&255)) },
		"draw seeds":    func(i int) uint64 { return Draw(uint64(i), 1, 0) },
	} {
		for part, cut := range map[string]func(uint64) uint64{
			"low 32": func(h uint64) uint64 { return h & (1<<32 - 1) }, "high 32": func(h uint64) uint64 { return h >> 32 },
		} {
			seen := map[uint64]bool{}
			for i := range n {
				seen[cut(f(i))] = true
			}
			// n(n-1)/2^33 = 0.5 pairs are expected of random words
			if lost := n - len(seen); lost > 8 {
				t.Errorf("%s: %s bits: %d collisions", name, part, lost)
			}
		}
	}
}

// TestDraw: uniform over 64 cells (chi squared), and independent between seeds, copies and neighbours.
func TestDraw(t *testing.T) {
	const n, cells = 1 << 16, 64
	chi := func(name string, f func(i uint64) float64) {
		var count [cells]int
		for i := range uint64(n) {
			u := f(i)
			if u < 0 || u >= 1 {
				t.Fatalf("%s: %v is outside [0, 1)", name, u)
			}
			count[int(u*cells)]++
		}
		x := 0.0
		for _, c := range count {
			d := float64(c) - n/cells
			x += d * d / (n / cells)
		}
		if x < 25 || x > 120 { // 63 expected, deviation 11
			t.Errorf("%s: chi squared %.1f of 63", name, x)
		}
	}
	for _, seed := range []uint64{0, 1, 2, Seed("split")} {
		chi("draw", func(i uint64) float64 { return Unit(Draw(seed, i, 0)) })
		chi("copy", func(i uint64) float64 { return Unit(Draw(seed, 5, uint32(i))) })
		chi("seeds", func(i uint64) float64 { return Unit(Draw(seed, i, 0) ^ Draw(seed+1, i, 0)) })
		chi("neighbours", func(i uint64) float64 { return Unit(Draw(seed, i, 0) - Draw(seed, i+1, 0)) })
		chi("copies", func(i uint64) float64 { return Unit(Draw(seed, i, 0) - Draw(seed, i, 1)) })
		chi("below", func(i uint64) float64 { return float64(Below(Draw(seed, i, 0), cells)) / cells })
	}
	if Unit(math.MaxUint64) >= 1 || Unit(0) != 0 {
		t.Error("Unit's ends")
	}
}

func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var table Table
	if table.Find([]byte("x")) != -1 {
		t.Fatal("found in an empty table")
	}
	want := map[string]int32{}
	var keys []string
	for range 30000 {
		key := fmt.Appendf(nil, "%x", r.Uint64N(1<<(4*r.Uint64N(8))))[r.IntN(2):]
		code, old := want[string(key)]
		if !old {
			if table.Find(key) != -1 {
				t.Fatalf("%q found before it was inserted", key)
			}
			code = int32(len(keys))
			want[string(key)], keys = code, append(keys, string(key))
		}
		if got := table.Insert(key); got != code {
			t.Fatalf("Insert(%q) = %d, want %d", key, got, code)
		}
		clear(key) // the table must have copied it
	}
	if table.Len() != len(keys) {
		t.Fatalf("Len %d, want %d", table.Len(), len(keys))
	}
	for i, k := range keys {
		if string(table.Key(i)) != k || table.Find([]byte(k)) != int32(i) {
			t.Fatalf("key %d: %q, want %q", i, table.Key(i), k)
		}
	}
	order := table.Sorted()
	slices.Sort(keys)
	for i, c := range order {
		if string(table.Key(int(c))) != keys[i] {
			t.Fatalf("sorted %d: %q, want %q", i, table.Key(int(c)), keys[i])
		}
	}
	if b := table.Bytes(); b < int64(len(keys)*8) {
		t.Errorf("Bytes() = %d", b)
	}
}

func TestTableAll(t *testing.T) {
	var table Table
	data, offsets := []byte("abcabxab"), []int32{0, 2, 3, 3, 5, 6, 8}
	codes := make([]int32, 6)
	table.InsertAll(codes, offsets, data, []uint64{0b101111})
	if want := []int32{0, 1, 2, 0, -1, 0}; !slices.Equal(codes, want) {
		t.Errorf("InsertAll: %v, want %v", codes, want)
	}
	table.FindAll(codes, offsets, data, nil)
	if want := []int32{0, 1, 2, 0, -1, 0}; !slices.Equal(codes, want) {
		t.Errorf("FindAll: %v, want %v", codes, want)
	}
	if !bytes.Equal(table.Key(2), nil) {
		t.Error("the empty key")
	}
}

func TestTableU64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var table TableU64
	if table.Find(0) != -1 {
		t.Fatal("found in an empty table")
	}
	want := map[uint64]int32{}
	for range 30000 {
		key := r.Uint64N(1<<r.Uint64N(64)) << r.Uint64N(3)
		code, old := want[key]
		if !old {
			code = int32(len(want))
			want[key] = code
		}
		if got := table.Insert(key); got != code {
			t.Fatalf("Insert(%d) = %d, want %d", key, got, code)
		}
	}
	for k, c := range want {
		if table.Key(int(c)) != k || table.Find(k) != c {
			t.Fatalf("key %d: code %d", k, c)
		}
	}
	order := table.Sorted()
	if len(order) != len(want) || !slices.IsSortedFunc(order, func(a, b int32) int {
		return int(table.Key(int(a))>>1) - int(table.Key(int(b))>>1)
	}) {
		t.Error("Sorted")
	}
	codes := make([]int32, 3)
	var small TableU64
	small.InsertAll(codes, []uint64{5, 6, 5}, []uint64{0b101})
	if !slices.Equal(codes, []int32{0, -1, 0}) {
		t.Errorf("InsertAll: %v", codes)
	}
}

var sink uint64

func BenchmarkHash(b *testing.B) {
	for _, n := range []int{4, 8, 16, 32, 64, 1024} {
		key := sample(n)
		b.Run(fmt.Sprint("bytes/", n), func(b *testing.B) {
			const n = 4096
			bench.Least(b, n, 0, func() {
				for range n {
					sink += Bytes(key)
				}
			})
		})
	}
	b.Run("u64", func(b *testing.B) {
		for b.Loop() {
			sink = U64(sink)
		}
	})
	b.Run("draw", func(b *testing.B) {
		i := uint64(0)
		for b.Loop() {
			sink += Draw(1, i, 0)
			i++
		}
	})
	var table Table
	keys := make([][]byte, 4096)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key-%d", i)
		table.Insert(keys[i])
	}
	b.Run("find", func(b *testing.B) {
		bench.Least(b, len(keys), 0, func() {
			for _, k := range keys {
				sink += uint64(table.Find(k))
			}
		})
	})
}
