package bits

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

// lengths are the ends of a word and around them.
var lengths = []int{0, 1, 2, 31, 62, 63, 64, 65, 66, 127, 128, 129, 191, 192, 193, 1000}

func random(r *rand.Rand, n, kind int) []bool {
	v := make([]bool, n)
	for i := range v {
		switch kind {
		case 0:
			v[i] = r.IntN(2) == 0
		case 1:
			v[i] = r.IntN(20) == 0
		case 2:
			v[i] = true
		case 3: // whole words on, whole words off
			v[i] = i>>6&1 == 0
		}
	}
	return v
}

func pack(v []bool) []uint64 {
	w := make([]uint64, Words(len(v)))
	for i, b := range v {
		Set(w, i, b)
	}
	return w
}

// same checks the bits and that those past n are zero.
func same(t *testing.T, what string, got []uint64, want []bool) {
	t.Helper()
	if !slices.Equal(got, pack(want)) {
		t.Fatalf("%s: length %d: got %x, want %x", what, len(want), got, pack(want))
	}
}

const poison = 0xdeadbeefdeadbeef

// guarded is a dst of n bits, full of ones, with a poisoned word after it.
func guarded(t *testing.T, n int) []uint64 {
	buf := make([]uint64, Words(n)+1)
	for i := range buf {
		buf[i] = ^uint64(0)
	}
	buf[Words(n)] = poison
	t.Cleanup(func() {
		if buf[Words(n)] != poison {
			t.Errorf("written past %d bits", n)
		}
	})
	return buf[:Words(n)]
}

func TestMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		for kind := range 4 {
			a, b := random(r, n, kind), random(r, n, 0)
			pa, pb := pack(a), pack(b)
			two := func(name string, f func(dst, a, b []uint64), g func(a, b bool) bool) {
				want := make([]bool, n)
				for i := range want {
					want[i] = g(a[i], b[i])
				}
				dst := guarded(t, n)
				f(dst, pa, pb)
				same(t, name, dst, want)
				own := slices.Clone(pa)
				f(own, own, pb)
				same(t, name+" in place", own, want)
			}
			two("And", And, func(a, b bool) bool { return a && b })
			two("Or", Or, func(a, b bool) bool { return a || b })
			two("Xor", Xor, func(a, b bool) bool { return a != b })
			two("AndNot", AndNot, func(a, b bool) bool { return a && !b })
			two("Not", func(d, a, _ []uint64) { Not(d, a, n) }, func(a, _ bool) bool { return !a })
			two("Fill", func(d, _, _ []uint64) { Fill(d, n) }, func(_, _ bool) bool { return true })

			var on []int32
			both := 0
			for i := range a {
				if a[i] {
					on = append(on, int32(i))
				}
				if a[i] && b[i] {
					both++
				}
				if Get(pa, i) != a[i] {
					t.Fatal("Get")
				}
			}
			if Count(pa) != len(on) || CountAnd(pa, pb) != both || Any(pa) != (len(on) > 0) || All(pa, n) != (len(on) == n) {
				t.Fatalf("count, any, all: %d %d %v %v, length %d, %d set", Count(pa), CountAnd(pa, pb), Any(pa), All(pa, n), n, len(on))
			}
			at := make([]int32, len(on))
			if got := ToIndex(at, pa); got != len(on) || !slices.Equal(at, on) {
				t.Fatalf("ToIndex: %v, want %v", at, on)
			}
			var each []int32
			ForEach(pa, func(i int) { each = append(each, int32(i)) })
			if !slices.Equal(each, on) {
				t.Fatalf("ForEach: %v, want %v", each, on)
			}
			dst := guarded(t, n)
			FromIndex(dst, on, n)
			same(t, "FromIndex", dst, a)
			dst = guarded(t, n)
			FromBools(dst, a)
			same(t, "FromBools", dst, a)
			back := make([]bool, n)
			ToBools(back, pa)
			if !slices.Equal(back, a) {
				t.Fatal("ToBools")
			}
		}
	}
}

func TestSliceAndPaste(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for _, n := range lengths {
		for off := range 70 {
			v := random(r, off+n+r.IntN(70), 0)
			p := pack(v)
			dst := guarded(t, n)
			Slice(dst, p, off, n)
			same(t, "Slice", dst, v[off:off+n])

			part := random(r, n, 0)
			want := slices.Clone(v)
			copy(want[off:], part)
			into := slices.Clone(p)
			Paste(into, off, pack(part), n)
			same(t, "Paste", into, want)

			Slice(p[:Words(n)], p, off, n)
			same(t, "Slice in place", p[:Words(n)], v[off:off+n])
		}
	}
}

// TestLevels is the variants test of what has assembly: every level, length, density and lane, dst exact and longer.
func TestLevels(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			r := rand.New(rand.NewPCG(3, 1))
			for _, n := range lengths {
				for kind := range 4 {
					v, keep := random(r, n, 0), random(r, n, kind)
					checkFilter(t, v, keep)
					checkIndex(t, keep)
					for _, rows := range []int{0, 1, 63, 64, 65, 127, 128, 129, r.IntN(1000)} {
						checkTake(t, v, rows, r)
					}
				}
			}
			for lane := range 256 { // every lane alone, and all but it
				one, but := make([]bool, 256), random(r, 256, 2)
				one[lane], but[lane] = true, false
				for _, keep := range [][]bool{one, but} {
					checkFilter(t, random(r, 256, 0), keep)
					checkIndex(t, keep)
				}
			}
		})
	}
}

func checkFilter(t *testing.T, v, keep []bool) {
	t.Helper()
	var want []bool
	for i, k := range keep {
		if k {
			want = append(want, v[i])
		}
	}
	dst := guarded(t, len(want))
	if got := Filter(dst, pack(v), pack(keep)); got != len(want) {
		t.Fatalf("Filter: %d, want %d", got, len(want))
	}
	same(t, "Filter", dst, want)
	long := guarded(t, len(want)+200)
	Filter(long, pack(v), pack(keep))
	same(t, "Filter into more", long[:Words(len(want))], want)
	for _, w := range long[Words(len(want)):] {
		if w != ^uint64(0) {
			t.Fatal("Filter: a word past the kept ones was written")
		}
	}
	own := pack(v)
	Filter(own, own, pack(keep))
	same(t, "Filter in place", own[:Words(len(want))], want)
}

func checkIndex(t *testing.T, set []bool) {
	t.Helper()
	var want []int32
	for i, k := range set {
		if k {
			want = append(want, int32(i))
		}
	}
	const poison = -7
	for _, more := range []int{0, 1, 15, 16, 63, 64, 200} {
		buf := slices.Repeat([]int32{poison}, len(want)+more+80)
		dst := buf[1 : 1+len(want)+more]
		if n := ToIndex(dst, pack(set)); n != len(want) || !slices.Equal(dst[:n], want) {
			t.Fatalf("ToIndex: %v, want %v", dst, want)
		}
		if buf[0] != poison || slices.Max(buf[1+len(dst):]) != poison || slices.Min(buf[1+len(dst):]) != poison {
			t.Fatalf("ToIndex: written outside dst of %d", len(dst))
		}
	}
}

func checkTake(t *testing.T, v []bool, rows int, r *rand.Rand) {
	t.Helper()
	index, want := make([]int32, rows), make([]bool, rows)
	for i := range index {
		if index[i] = int32(r.IntN(len(v)+1)) - 1; index[i] >= 0 {
			want[i] = v[index[i]]
		} else if r.IntN(2) == 0 {
			index[i] = math.MinInt32
		}
	}
	dst := guarded(t, rows)
	Take(dst, pack(v), index)
	same(t, "Take", dst, want)
	if rows == 0 {
		return
	}
	index[r.IntN(rows)] = int32(64 * Words(len(v)))
	defer func() {
		if recover() == nil {
			t.Fatal("Take: a row past the end did not panic")
		}
	}()
	Take(dst, pack(v), index)
}

func TestMismatchPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"And":       func() { And(make([]uint64, 2), make([]uint64, 2), make([]uint64, 1)) },
		"Not":       func() { Not(make([]uint64, 1), make([]uint64, 2), 65) },
		"Slice":     func() { Slice(make([]uint64, 1), make([]uint64, 1), 60, 10) },
		"FromIndex": func() { FromIndex(make([]uint64, 1), []int32{10}, 10) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a wrong length did not panic", name)
				}
			}()
			f()
		}()
	}
}

var sink int

func BenchmarkBits(b *testing.B) {
	const n = 1 << 14
	r := rand.New(rand.NewPCG(1, 1))
	v, half, few := pack(random(r, n, 0)), pack(random(r, n, 0)), pack(random(r, n, 1))
	index, dst, at := make([]int32, n), make([]uint64, Words(n)), make([]int32, n)
	low := make([]int32, n)
	for i := range at {
		at[i], low[i] = int32(r.IntN(n)), int32(r.IntN(512))
	}
	for _, c := range []struct {
		name    string
		touched int
		f       func()
	}{
		{"toIndex/half", n/8 + 2*n, func() { ToIndex(index, half) }},
		{"toIndex/twentieth", n/8 + n/5, func() { ToIndex(index, few) }},
		{"filter/half", n/4 + n/16, func() { Filter(dst, v, half) }},
		{"filter/twentieth", n/4 + n/160, func() { Filter(dst, v, few) }},
		{"take", 4*n + n/4, func() { Take(dst, v, at) }},
		{"take/512", 4*n + n/4, func() { Take(dst, v[:8], low) }},
		{"and", 3 * n / 8, func() { And(dst, v, half) }},
		{"count", n / 8, func() { sink = Count(v) }},
		{"slice", n / 4, func() { Slice(dst, v, 3, n-3) }},
	} {
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("%s/%v", c.name, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				bench.Least(b, n, c.touched, c.f)
			})
		}
	}
}
