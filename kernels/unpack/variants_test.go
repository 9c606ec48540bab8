package unpack

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

var lengths = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257, 1000}

// valid makes a bitmap of n bits in one of several patterns.
func valid(r *rand.Rand, n, kind int) []uint64 {
	b := make([]uint64, (n+63)/64)
	for i := range n {
		on := false
		switch kind {
		case 0:
			on = r.IntN(2) == 0
		case 1:
			on = true
		case 2: // few nulls
			on = r.IntN(20) > 0
		case 3: // many
			on = r.IntN(20) == 0
		case 4: // whole words, the first all ones
			on = i/64%2 == 0
		case 5: // ones, then one null, so that all before it is in place
			on = i != n-1
		case 6:
			on = i != 0
		}
		if on {
			b[i/64] |= 1 << (i % 64)
		}
	}
	return b
}

func levels(t *testing.T, do func(t *testing.T)) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			do(t)
		})
	}
}

const (
	kinds = 8 // the last: no value at all
	guard = 20
)

// TestSpread holds every level to the loop of the comment: lengths, offsets into the bitmap, patterns, nothing written outside.
func TestSpread(t *testing.T) {
	levels(t, func(t *testing.T) {
		spreadType(t, func(x uint64) uint32 { return uint32(x) })
		spreadType(t, func(x uint64) float32 { return float32(uint16(x)) })
		spreadType(t, func(x uint64) int64 { return int64(x) })
		spreadType(t, func(x uint64) float64 { return float64(x) })
	})
}

func spreadType[T Fixed](t *testing.T, of func(uint64) T) {
	r := rand.New(rand.NewPCG(7, 1))
	for _, n := range lengths {
		for _, at := range []int{0, 1, 37, 63, 64, 100} {
			for kind := range kinds {
				bits := valid(r, at+n, kind)
				mem := make([]T, n+2*guard)
				for i := range mem {
					mem[i] = of(r.Uint64() | 1)
				}
				v := mem[guard : guard+n : guard+n]
				k := count(bits, at, n)
				want := slices.Clone(mem)
				w := want[guard : guard+n]
				for i, j := n-1, k; i >= 0; i-- {
					if b := at + i; bits[b/64]>>(b%64)&1 == 1 {
						j--
						w[i] = w[j]
					} else {
						w[i] = 0
					}
				}
				Spread(v, k, bits, at)
				if !slices.Equal(mem, want) {
					t.Fatalf("%T: %d rows at %d, kind %d: %v, want %v", v, n, at, kind, mem, want)
				}
			}
		}
	}
}

// TestSpreadWrongCount: a count that is not the bitmap's would read and write elsewhere.
func TestSpreadWrongCount(t *testing.T) {
	for _, k := range []int{-1, 0, 9, 11, 1000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d values for ten rows passed", k)
				}
			}()
			Spread(make([]int64, 20), k, []uint64{0b1111111111}, 0)
		}()
	}
}

// TestMax puts the greatest into every place of every length.
func TestMax(t *testing.T) {
	levels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 2))
		for _, n := range lengths {
			v := make([]uint32, n)
			for i := range v {
				v[i] = r.Uint32N(1 << 30)
			}
			want := uint32(0)
			if n > 0 {
				want = slices.Max(v)
			}
			if got := Max(v); got != want {
				t.Fatalf("%d values: %d, want %d", n, got, want)
			}
			for i := range v {
				was := v[i]
				v[i] = 1<<31 + uint32(i) // above what is signed
				if got := Max(v); got != 1<<31+uint32(i) {
					t.Fatalf("%d values, the greatest at %d: %d", n, i, got)
				}
				v[i] = was
			}
		}
	})
}

func BenchmarkSpread(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(7, 3))
	for _, nulls := range []int{2, 50} {
		bits := make([]uint64, n/64)
		for i := range n {
			if r.IntN(100) >= nulls {
				bits[i/64] |= 1 << (i % 64)
			}
		}
		k := count(bits, 0, n)
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("8 bytes, %d%% null/%s", nulls, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				v := make([]float64, n)
				bench.Least(b, n, n/8+8*k+8*n, func() { Spread(v, k, bits, 0) })
			})
		}
	}
}

func BenchmarkMax(b *testing.B) {
	v := make([]uint32, 2048)
	for _, l := range cpu.Levels() {
		b.Run(l.String(), func(b *testing.B) {
			defer cpu.Lower(l)()
			bench.Least(b, len(v), 4*len(v), func() { Max(v) })
		})
	}
}
