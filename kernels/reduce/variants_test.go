package reduce

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

var lengths = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1030}

// TestMinMax is the variants test: every level, length, lane and offset, against a loop that knows the rules.
func TestMinMax(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 0x1p-1074, -0x1p-1074, math.MaxFloat64}
	for _, level := range cpu.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			defer cpu.Lower(level)()
			r := rand.New(rand.NewPCG(1, 1))
			check := func(xs []float64, valid []uint64) {
				t.Helper()
				lo, hi, ok, nans := math.Inf(1), math.Inf(-1), false, 0
				for i, x := range xs {
					if valid != nil && valid[i/64]>>(i%64)&1 == 0 {
						continue
					}
					if x != x {
						nans++
						continue
					}
					ok = true
					if x == 0 {
						x = 0 // and not -0
					}
					lo, hi = math.Min(lo, x), math.Max(hi, x)
				}
				l, h, is := MinMaxF64Masked(xs, valid)
				if math.Float64bits(l) != math.Float64bits(lo) || math.Float64bits(h) != math.Float64bits(hi) || is != ok {
					t.Fatalf("%d rows: %v, %v, %v, want %v, %v, %v", len(xs), l, h, is, lo, hi, ok)
				}
				if n := CountNaN(xs, valid); n != nans {
					t.Fatalf("%d NaN, want %d", n, nans)
				}
			}
			for _, n := range lengths {
				for offset := range 9 {
					buf := make([]float64, offset+n+17) // what lies around would win
					for i := range buf {
						buf[i] = math.Inf(1 - 2*(i&1))
					}
					xs := buf[offset : offset+n]
					for kind := range 5 {
						for i := range xs {
							xs[i] = r.NormFloat64()
							switch {
							case kind == 1 && r.IntN(2) == 0, kind == 2:
								xs[i] = special[r.IntN(len(special))]
							case kind == 3:
								xs[i] = math.NaN()
							case kind == 4: // zeros of both signs
								xs[i] = special[r.IntN(2)]
							}
						}
						check(xs, nil)
						valid := make([]uint64, (n+63)/64)
						for i := range valid {
							valid[i] = r.Uint64() & r.Uint64()
						}
						if n&63 != 0 {
							valid[n/64] &= 1<<(n%64) - 1
						}
						check(xs, valid)
						clear(valid)
						check(xs, valid)
					}
				}
			}
			for lane := range 70 {
				xs := make([]float64, 70)
				xs[lane] = -3
				check(xs, nil)
				xs[lane] = 3
				check(xs, nil)
			}
		})
	}
}

// TestInts is the variants test of the integers; what lies around a column would win, and spoil its sum.
func TestInts(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			defer cpu.Lower(level)()
			testInts(t)
			testBlocks(t)
		})
	}
}

func testInts(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		for kind := range 3 {
			wide, narrow, valid := make([]int64, n+30), make([]int32, n+30), make([]uint64, (n+63)/64)
			for i := range wide {
				wide[i], narrow[i] = math.MinInt64^-int64(i&1), math.MinInt32^-int32(i&1)
			}
			xs, small := wide[n%9:][:n], narrow[n%5:][:n]
			for i := range xs {
				xs[i], small[i] = int64(r.Uint64()), int32(r.Uint32())
				if kind == 1 {
					xs[i] = math.MinInt64 + int64(r.IntN(2)) // the sum leaves 64 bits
				}
				if r.IntN(3) == 0 {
					valid[i/64] |= 1 << (i % 64)
				}
			}
			if kind == 2 {
				valid = nil
			}
			checkInts(t, xs, valid)
			checkInts(t, small, valid)
		}
	}
	for _, v := range []string{"0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"170141183460469231731687303715884105727", "-170141183460469231731687303715884105728", "9007199254740993", "18446744073709551615",
		"36893488147419103233", "36893488147419107329", "36893488147419111425", "-36893488147419107329"} {
		b, _ := new(big.Int).SetString(v, 10)
		s := SumInt{Hi: new(big.Int).Rsh(b, 64).Int64(), Lo: new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64)).Uint64()}
		if want, _ := new(big.Float).SetInt(b).Float64(); s.Float64() != want {
			t.Errorf("Float64 of %s: %v, want %v", v, s.Float64(), want)
		}
		if x, ok := s.Int64(); ok != b.IsInt64() || ok && x != b.Int64() {
			t.Errorf("Int64 of %s: %d, %v", v, x, ok)
		}
	}
}

func checkInts[T Int](t *testing.T, xs []T, valid []uint64) {
	t.Helper()
	sum := new(big.Int)
	var lo, hi T
	var one SumInt
	any := false
	for i, x := range xs {
		if valid != nil && valid[i/64]>>(i%64)&1 == 0 {
			continue
		}
		if !any {
			lo, hi, any = x, x, true
		}
		lo, hi = min(lo, x), max(hi, x)
		sum.Add(sum, big.NewInt(int64(x)))
		one.Add(int64(x))
	}
	if l, h, ok := MinMaxInt(xs, valid); l != lo || h != hi || ok != any {
		t.Fatalf("%d, %d, %v, want %d, %d, %v", l, h, ok, lo, hi, any)
	}
	var s SumInt
	AddInts(&s, xs, valid)
	if s != one {
		t.Fatalf("AddInts %v, Add %v", s, one)
	}
	got := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(s.Hi), 64), new(big.Int).SetUint64(s.Lo))
	if got.Cmp(sum) != 0 {
		t.Fatalf("sum %v, want %v", got, sum)
	}
	twice := s
	twice.Merge(s)
	if want := sum.Lsh(sum, 1); new(big.Int).Add(new(big.Int).Lsh(big.NewInt(twice.Hi), 64), new(big.Int).SetUint64(twice.Lo)).Cmp(want) != 0 {
		t.Fatal("Merge")
	}
}

// testBlocks: longer than one block of AddInts, with a mask.
func testBlocks(t *testing.T) {
	t.Helper()
	n := 3<<19 + 77
	xs, valid := make([]int64, n), make([]uint64, (n+63)/64)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range xs {
		xs[i] = int64(r.Uint64())
		valid[i/64] |= r.Uint64N(2) << (i % 64)
	}
	checkInts(t, xs, valid)
	checkInts(t, xs, nil)
}

var sink float64

func BenchmarkReduce(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 1))
	xs, is, valid := make([]float64, n), make([]int64, n), make([]uint64, n/64)
	for i := range xs {
		xs[i], is[i] = r.NormFloat64(), r.Int64()
		valid[i/64] |= r.Uint64N(2) << (i % 64)
	}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"minMax", func() { sink, _, _ = MinMaxF64(xs) }},
		{"minMaxMasked", func() { sink, _, _ = MinMaxF64Masked(xs, valid) }},
		{"minMaxInt", func() { l, _, _ := MinMaxInt(is, nil); sink = float64(l) }},
		{"minMaxIntMasked", func() { l, _, _ := MinMaxInt(is, valid); sink = float64(l) }},
		{"sumInt", func() { var s SumInt; AddInts(&s, is, nil); sink = float64(s.Lo) }},
		{"sumIntMasked", func() { var s SumInt; AddInts(&s, is, valid); sink = float64(s.Lo) }},
	} {
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("%s/%v", c.name, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				bench.Least(b, n, 8*n, c.f)
			})
		}
	}
}
