package pick

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/cpu"
)

var lengths = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 193, 500}

func bitmap(r *rand.Rand, n, kind int) []uint64 {
	keep := make([]uint64, (n+63)/64)
	for i := range n {
		var b uint64
		switch kind {
		case 0:
			b = r.Uint64N(2)
		case 1:
			b = 1
		case 2: // one of 20
			b = (1 + uint64(r.IntN(20))) / 20
		case 3: // runs
			b = uint64(i / 5 & 1)
		case 4: // whole words
			b = uint64(i / 64 & 1)
		}
		keep[i/64] |= b << (i % 64)
	}
	return keep
}

// TestFilter is the variants test: every level, width, length, density and offset; dst longer and exact.
func TestFilter(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			filterType(t, func(x uint64) uint8 { return uint8(x) })
			filterType(t, func(x uint64) int16 { return int16(x) })
			filterType(t, func(x uint64) int32 { return int32(x) })
			filterType(t, func(x uint64) float32 { return float32(int32(x)) })
			filterType(t, func(x uint64) uint64 { return x })
			filterType(t, func(x uint64) int64 { return int64(x) })
			filterType(t, func(x uint64) float64 { return float64(int64(x)) })
			for lane := range 130 { // every lane alone, and all but it
				xs, keep, but := make([]uint64, 130), make([]uint64, 3), []uint64{math.MaxUint64, math.MaxUint64, 3}
				for i := range xs {
					xs[i] = uint64(i)
				}
				keep[lane/64] = 1 << (lane % 64)
				but[lane/64] &^= keep[lane/64]
				dst := make([]uint64, 1)
				if n := Filter(dst, xs, keep); n != 1 || dst[0] != uint64(lane) {
					t.Errorf("lane %d: %d, %d", lane, n, dst[0])
				}
				dst = make([]uint64, 129)
				if n := Filter(dst, xs, but); n != 129 || !slices.Equal(dst, slices.Delete(xs, lane, lane+1)) {
					t.Errorf("all but lane %d: %d, %d", lane, n, dst)
				}
			}
			// bits move as they are, NaN's too
			odd := []float64{math.Float64frombits(0x7ff0000000000001), math.Copysign(0, -1), math.Float64frombits(0xfff8000000000123)}
			src, got := slices.Repeat(odd, 40), make([]float64, 120)
			FilterF64(got, src, []uint64{math.MaxUint64 - 1, 1<<56 - 1})
			for i := range 119 {
				if math.Float64bits(got[i]) != math.Float64bits(src[i+1]) {
					t.Errorf("row %d: %x, want %x", i, math.Float64bits(got[i]), math.Float64bits(src[i+1]))
				}
			}
		})
	}
}

func filterType[T Fixed](t *testing.T, from func(uint64) T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		for offset := range 9 {
			for kind := range 6 {
				src := make([]T, offset+n)[offset:]
				for i := range src {
					src[i] = from(r.Uint64())
				}
				keep := bitmap(r, n, kind)
				var want []T
				for i, x := range src {
					if keep[i/64]>>(i%64)&1 != 0 {
						want = append(want, x)
					}
				}
				for _, more := range []int{0, 1, 7, 8, 63, 64, 200} { // dst longer than what is kept
					size := len(want) + more
					buf := make([]T, offset+size+80)
					for i := range buf {
						buf[i] = from(0xdeadbeefdeadbeef)
					}
					dst := buf[offset : offset+size : offset+size]
					got := Filter(dst, src, keep)
					if got != len(want) || !slices.Equal(dst[:got], want) {
						t.Fatalf("%T, %d rows: %v, want %v", src, n, dst[:got], want)
					}
					for _, x := range append(slices.Clone(buf[:offset]), buf[offset+size:]...) {
						if x != from(0xdeadbeefdeadbeef) {
							t.Fatalf("%T, %d rows: written outside dst of %d", src, n, size)
						}
					}
				}
				own := slices.Clone(src)
				if got := Filter(own, own, keep); !slices.Equal(own[:got], want) {
					t.Fatalf("%T in place: %v, want %v", src, own[:got], want)
				}
			}
		}
	}
}

func TestFilterTooShort(t *testing.T) {
	for _, l := range cpu.Levels() {
		restore := cpu.Lower(l)
		for _, n := range []int{10, 64, 200} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: %d rows into %d did not panic", l, n, n-1)
					}
				}()
				Filter(make([]uint64, n-1), make([]uint64, n), bitmap(nil, n, 1))
			}()
		}
		restore()
	}
}

// TestTake is the variants test: every level, width, length and offset, rows of none among the indexes, nothing written past
// them, and a panic for a row that src does not have, wherever it stands.
func TestTake(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			takeType(t, func(x uint64) int8 { return int8(x) })
			takeType(t, func(x uint64) uint16 { return uint16(x) })
			takeType(t, func(x uint64) int32 { return int32(x) })
			takeType(t, func(x uint64) float32 { return float32(int32(x)) })
			takeType(t, func(x uint64) uint64 { return x })
			takeType(t, func(x uint64) float64 { return float64(int64(x)) })
		})
	}
}

func takeType[T Fixed](t *testing.T, from func(uint64) T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		for offset := range 5 {
			src := make([]T, offset+n)[offset:]
			for i := range src {
				src[i] = from(r.Uint64())
			}
			index := make([]int32, offset+r.IntN(2*n+3))[offset:]
			for i := range index {
				index[i] = int32(r.IntN(n+1)) - 1
				if index[i] < 0 && r.IntN(2) == 0 {
					index[i] = math.MinInt32
				}
			}
			buf := make([]T, offset+len(index)+20)
			for i := range buf {
				buf[i] = from(0xdeadbeefdeadbeef)
			}
			dst := buf[offset : offset+len(index)]
			Take(dst, src, index)
			for i, x := range index {
				var want T
				if x >= 0 {
					want = src[x]
				}
				if dst[i] != want {
					t.Fatalf("%T, row %d of %d: %v, want %v", src, i, len(index), dst[i], want)
				}
			}
			for _, x := range append(slices.Clone(buf[:offset]), buf[offset+len(index):]...) {
				if x != from(0xdeadbeefdeadbeef) {
					t.Fatalf("%T, %d rows: written outside dst", src, len(index))
				}
			}
			if len(index) == 0 {
				continue
			}
			index[r.IntN(len(index))] = int32(n)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%T: row %d of %d did not panic", src, n, n)
					}
				}()
				Take(dst, src, index)
			}()
		}
	}
}

func TestStrings(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		for kind := range 6 {
			offsets, data := []int32{5}, []byte("-----") // the first string need not begin at 0
			var all []string
			for range n {
				s := ""
				if r.IntN(4) > 0 {
					s = fmt.Sprintf("%x", r.Uint64N(1<<(4*r.Uint64N(12))))
				}
				all, data = append(all, s), append(data, s...)
				offsets = append(offsets, int32(len(data)))
			}
			check := func(name string, want []string, o []int32, d []byte) {
				t.Helper()
				if len(o) != len(want)+1 || o[0] != 0 {
					t.Fatalf("%s: %d offsets from %d, want %d", name, len(o), o[0], len(want)+1)
				}
				for i, w := range want {
					if string(d[o[i]:o[i+1]]) != w {
						t.Fatalf("%s: string %d is %q, want %q", name, i, d[o[i]:o[i+1]], w)
					}
				}
				if int(o[len(want)]) != len(d) {
					t.Fatalf("%s: %d bytes, want %d", name, o[len(want)], len(d))
				}
			}
			keep := bitmap(r, n, kind)
			var want []string
			for i, s := range all {
				if keep[i/64]>>(i%64)&1 != 0 {
					want = append(want, s)
				}
			}
			size := FilterStringsBytes(offsets, keep)
			o, d := make([]int32, len(want)+1), make([]byte, size)
			if k, b := FilterStrings(o, d, offsets, data, keep); k != len(want) || b != size {
				t.Fatalf("FilterStrings: %d strings of %d bytes, want %d of %d", k, b, len(want), size)
			}
			check("filter", want, o, d)

			index := make([]int32, r.IntN(n+3))
			want = make([]string, len(index))
			for i := range index {
				if index[i] = int32(r.IntN(n+1)) - 1; index[i] >= 0 {
					want[i] = all[index[i]]
				}
			}
			size = TakeStringsBytes(offsets, index)
			o, d = make([]int32, len(index)+1), bytes.Repeat([]byte{0xee}, size)
			if b := TakeStrings(o, d, offsets, data, index); b != size {
				t.Fatalf("TakeStrings: %d bytes, want %d", b, size)
			}
			check("take", want, o, d)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 1))
	xs, dst, index := make([]float64, n), make([]float64, n+64), make([]int32, n)
	for i := range xs {
		xs[i], index[i] = r.NormFloat64(), int32(r.IntN(n))
	}
	for _, c := range []struct {
		name string
		kind int
	}{{"half", 0}, {"twentieth", 2}, {"runs", 3}} {
		keep := bitmap(r, n, c.kind)
		kept := bits.Count(keep)
		for _, l := range cpu.Levels() {
			restore := cpu.Lower(l)
			b.Run(fmt.Sprintf("filter/%s/%v", c.name, l), func(b *testing.B) {
				bench.Least(b, n, n/8+8*n+8*kept, func() { FilterF64(dst, xs, keep) })
			})
			restore()
		}
	}
	narrow, from, low, half := make([]float32, n), make([]float32, n), make([]int32, n), bitmap(r, n, 0)
	for i := range low {
		low[i] = int32(r.IntN(30))
	}
	for _, l := range cpu.Levels() {
		restore := cpu.Lower(l)
		b.Run(fmt.Sprint("take8 of 30/", l), func(b *testing.B) { bench.Least(b, n, 12*n, func() { Take(dst, xs[:30], low) }) })
		b.Run(fmt.Sprint("filter4/half/", l), func(b *testing.B) { bench.Least(b, n, n/8+6*n, func() { Filter(narrow, from, half) }) })
		b.Run(fmt.Sprint("take8/", l), func(b *testing.B) { bench.Least(b, n, 20*n, func() { Take(dst, xs, index) }) })
		b.Run(fmt.Sprint("take4/", l), func(b *testing.B) { bench.Least(b, n, 12*n, func() { Take(narrow, from, index) }) })
		restore()
	}
}
