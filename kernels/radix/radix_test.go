package radix

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
)

var lengths = []int{0, 1, 2, 3, 47, 48, 49, 255, 256, 257, 1000, 5000, 70000}

// kinds of keys: what digits differ, and how many rows are equal.
var kinds = map[string]func(r *rand.Rand, i int) uint64{
	"random":   func(r *rand.Rand, _ int) uint64 { return r.Uint64() },
	"small":    func(r *rand.Rand, _ int) uint64 { return r.Uint64N(1000) },
	"one":      func(*rand.Rand, int) uint64 { return 42 },
	"two":      func(r *rand.Rand, _ int) uint64 { return r.Uint64N(2) << 63 },
	"rising":   func(_ *rand.Rand, i int) uint64 { return uint64(i / 3) },
	"falling":  func(_ *rand.Rand, i int) uint64 { return math.MaxUint64 - uint64(i/3) },
	"floats":   func(r *rand.Rand, _ int) uint64 { return Float64Key(r.NormFloat64()) },
	"sparse":   func(r *rand.Rand, _ int) uint64 { return r.Uint64() & 0x8000010000000101 },
	"middle":   func(r *rand.Rand, _ int) uint64 { return r.Uint64N(1<<30) << 17 },
	"times":    func(r *rand.Rand, _ int) uint64 { return Int64Key(1.7e18 + r.Int64N(1e15)) },
	"last one": func(_ *rand.Rand, i int) uint64 { return uint64(i) &^ (uint64(i) >> 2 & 1) },
}

// TestSort: the order of a stable sort by comparison, keys and rows, and nothing written past them.
func TestSort(t *testing.T) {
	for name, kind := range kinds {
		for _, n := range lengths {
			r := rand.New(rand.NewPCG(1, 1))
			keys, rows := make([]uint64, n), make([]uint32, n+3)
			for i := range keys {
				keys[i] = kind(r, i)
			}
			for i := range rows {
				rows[i] = uint32(i) * 7
			}
			want := make([]int, n)
			for i := range want {
				want[i] = i
			}
			sort.SliceStable(want, func(a, b int) bool { return keys[want[a]] < keys[want[b]] })
			got := slices.Clone(keys)
			Sort(got, rows, make([]uint64, n), make([]uint32, n))
			alone := slices.Clone(keys)
			if SortKeys(alone, make([]uint64, n)); !slices.Equal(alone, got) {
				t.Fatalf("%s, %d keys: without rows they come in another order", name, n)
			}
			for i, from := range want {
				if got[i] != keys[from] || rows[i] != uint32(from)*7 {
					t.Fatalf("%s, %d rows: place %d has %x of row %d, want %x of row %d", name, n, i, got[i], rows[i]/7, keys[from], from)
				}
			}
			for i := n; i < len(rows); i++ {
				if rows[i] != uint32(i)*7 {
					t.Fatalf("%s: rows written past the keys", name)
				}
			}
		}
	}
}

// TestPartition: all rows, each in its own partition, in order.
func TestPartition(t *testing.T) {
	for name, kind := range kinds {
		for _, n := range lengths {
			for _, bits := range []uint{0, 1, 2, 5, 8, 12} {
				r := rand.New(rand.NewPCG(1, 1))
				hashes, order, starts := make([]uint64, n), make([]uint32, n), make([]int32, 1<<bits+1)
				for i := range hashes {
					hashes[i] = kind(r, i)
				}
				for i := range starts {
					starts[i] = -5
				}
				Partition(order, starts, hashes, bits)
				var want []uint32
				for i := range hashes {
					want = append(want, uint32(i))
				}
				part := func(row uint32) uint64 { return hashes[row] >> (64 - bits) }
				slices.SortStableFunc(want, func(a, b uint32) int { return int(part(a)) - int(part(b)) })
				if !slices.Equal(order, want) || starts[0] != 0 || int(starts[1<<bits]) != n {
					t.Fatalf("%s, %d rows, %d bits: another order", name, n, bits)
				}
				for p := range 1 << bits {
					for _, row := range order[starts[p]:starts[p+1]] {
						if part(row) != uint64(p) {
							t.Fatalf("%s, %d rows, %d bits: row %d in partition %d", name, n, bits, row, p)
						}
					}
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	floats := []float64{
		math.Inf(-1), -math.MaxFloat64, -1.5, -1, -0x1p-1022, -0x1p-1074, 0, 0x1p-1074, 0x1p-1022, 1, math.Pi, math.MaxFloat64, math.Inf(1), math.NaN(),
	}
	keys, back := make([]uint64, len(floats)), make([]float64, len(floats))
	FloatKeys(keys, floats)
	Floats(back, keys)
	for i, x := range floats {
		if i > 0 && keys[i-1] >= keys[i] {
			t.Errorf("%v does not lie before %v", floats[i-1], x)
		}
		if math.Float64bits(back[i]) != math.Float64bits(x) {
			t.Errorf("%v came back as %v", x, back[i])
		}
	}
	if Float64Key(math.Copysign(0, -1)) != Float64Key(0) {
		t.Error("the zeros differ")
	}
	for _, b := range []uint64{0xfff8000000000000, 0x7ff0000000000001, math.MaxUint64, 0xfff0000000000001} {
		if Float64Key(math.Float64frombits(b)) != Float64Key(math.NaN()) {
			t.Errorf("NaN %x has a key of its own", b)
		}
	}
	ints := []int64{math.MinInt64, -5, -1, 0, 1, 1 << 40, math.MaxInt64}
	keys, again := make([]uint64, len(ints)), make([]int64, len(ints))
	IntKeys(keys, ints)
	Ints(again, keys)
	if !slices.IsSorted(keys) || !slices.Equal(ints, again) {
		t.Errorf("%v came back as %v over %x", ints, again, keys)
	}
	small, from := []int32{math.MinInt32, -1, 0, math.MaxInt32}, make([]int32, 4)
	IntKeys(keys[:4], small)
	Ints(from, keys[:4])
	if !slices.IsSorted(keys[:4]) || !slices.Equal(small, from) {
		t.Errorf("%v came back as %v", small, from)
	}
}

func BenchmarkRadix(b *testing.B) {
	for _, name := range []string{"random", "small", "floats", "times"} {
		for _, n := range []int{1000, 30_000, 1_000_000} {
			r := rand.New(rand.NewPCG(1, 1))
			keys := make([]uint64, n)
			for i := range keys {
				keys[i] = kinds[name](r, i)
			}
			k, rows, tk, tr := make([]uint64, n), make([]uint32, n), make([]uint64, n), make([]uint32, n)
			b.Run(fmt.Sprintf("sort/%s/rows=%d", name, n), func(b *testing.B) {
				bench.Least(b, n, 0, func() {
					copy(k, keys)
					Sort(k, rows, tk, tr)
				})
			})
		}
	}
	for _, bits := range []uint{4, 6, 8, 10} {
		const n = 65536
		r := rand.New(rand.NewPCG(1, 1))
		hashes, order, starts := make([]uint64, n), make([]uint32, n), make([]int32, 1<<bits+1)
		for i := range hashes {
			hashes[i] = r.Uint64()
		}
		b.Run(fmt.Sprintf("partition/bits=%d", bits), func(b *testing.B) {
			bench.Least(b, n, 0, func() { Partition(order, starts, hashes, bits) })
		})
	}
}
