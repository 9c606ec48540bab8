package elem

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

var (
	nan = math.NaN()
	inf = math.Inf(1)
	neg = math.Copysign(0, -1)

	special = []float64{0, neg, 1, -1, nan, inf, -inf, 0.5, -0.5, 1.5, 2.5, -2.5, 0x1p-1074, -0x1p-1074, math.MaxFloat64, 1e-300,
		math.Nextafter(0.5, 0), 0x1p52 + 0.5, 0x1p53, -0x1p63, 0x1p63, math.Float64frombits(0xfff8000000000001)}

	// lengths are the ends of a vector of 4, 8, 16, 32 and of a word, and around them.
	lengths = []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 127, 128, 129, 200, 257}
)

const poison = 0xdeadbeefdeadbeef

// wall returns n elements that end where poisoned words begin, from an odd offset, and a check of the poison.
func wall(n, offset int) ([]uint64, func() bool) {
	buf := make([]uint64, offset+n+16)
	for i := range buf {
		buf[i] = poison
	}
	return buf[offset : offset+n : offset+n], func() bool {
		for _, w := range append(slices.Clone(buf[:offset]), buf[offset+n:]...) {
			if w != poison {
				return false
			}
		}
		return true
	}
}

func number(r *rand.Rand) float64 {
	if r.IntN(3) == 0 {
		return special[r.IntN(len(special))]
	}
	return math.Round(r.NormFloat64()*4) / 2
}

func holds(op Op, a, b float64) bool { return holdsOf(op, a, b) }

func holdsOf[T Number](op Op, a, b T) bool {
	switch op {
	case Eq:
		return a == b
	case Ne:
		return a != b
	case Lt:
		return a < b
	case Le:
		return a <= b
	case Gt:
		return a > b
	}
	return a >= b
}

// TestCompareF64 is the variants test of the comparison with a scalar: every level, length, operator and offset.
func TestCompareF64(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			r := rand.New(rand.NewPCG(1, 1))
			for _, n := range lengths {
				for offset := range 9 {
					buf := make([]float64, offset+n+9) // what follows the column would compare true
					for i := range buf {
						buf[i] = 1
					}
					xs := buf[offset : offset+n]
					for op := Eq; op <= Ge; op++ {
						for i := range xs {
							xs[i] = number(r)
						}
						s := 1.0
						if r.IntN(2) == 0 {
							s = number(r)
						}
						want := make([]uint64, (n+63)/64)
						for i, x := range xs {
							if holds(op, x, s) {
								want[i/64] |= 1 << (i % 64)
							}
						}
						dst, whole := wall(len(want), offset)
						CompareScalar(dst, op, xs, s)
						if !slices.Equal(dst, want) || !whole() {
							t.Fatalf("%v %v %v: %x, want %x; walls whole: %v", xs, op, s, dst, want, whole())
						}
					}
				}
			}
			for lane := range 64 { // every lane alone
				xs := make([]float64, 70)
				xs[lane] = 3
				dst := make([]uint64, 2)
				if CompareScalar(dst, Gt, xs, 2); dst[0] != 1<<lane || dst[1] != 0 {
					t.Errorf("lane %d: %x", lane, dst)
				}
			}
		})
	}
}

// TestCompare is the variants test of the types and of the form with two columns.
func TestCompare(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			compareType(t, func(x float64) float64 { return x })
			compareType(t, func(x float64) float32 { return float32(x) })
			compareType(t, func(x float64) int64 { return int64(math.Float64bits(x)%7) << 40 })
			compareType(t, func(x float64) int64 { return int64(math.Float64bits(x)%3) + math.MaxInt64 - 1 }) // some turn negative
			compareType(t, func(x float64) int32 { return int32(math.Float64bits(x)>>40) % 7 })
			compareType(t, func(x float64) int32 { return int32(math.Float64bits(x)>>50%3) + math.MaxInt32 - 1 })
		})
	}
}

func compareType[T Number](t *testing.T, from func(float64) T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		for offset := range 5 {
			a, b := make([]T, offset+n)[offset:], make([]T, offset+2+n)[offset+2:]
			for i := range a {
				a[i], b[i] = from(number(r)), from(number(r))
			}
			s := from(number(r))
			for op := Eq; op <= Ge; op++ {
				two, one := make([]uint64, (n+63)/64), make([]uint64, (n+63)/64)
				for i := range a {
					if holdsOf(op, a[i], b[i]) {
						two[i/64] |= 1 << (i % 64)
					}
					if holdsOf(op, a[i], s) {
						one[i/64] |= 1 << (i % 64)
					}
				}
				dst, whole := wall(len(two), offset)
				if Compare(dst, op, a, b); !slices.Equal(dst, two) || !whole() {
					t.Errorf("%T %v: %x, want %x; walls whole: %v", a, op, dst, two, whole())
				}
				if Compare(dst, op.Swap(), b, a); !slices.Equal(dst, two) || !whole() {
					t.Errorf("%T %v swapped: %x, want %x; walls whole: %v", a, op, dst, two, whole())
				}
				if CompareScalar(dst, op, a, s); !slices.Equal(dst, one) || !whole() {
					t.Errorf("%T %v %v: %x, want %x; walls whole: %v", a, op, s, dst, one, whole())
				}
			}
		}
	}
}

// TestArithmetic is the variants test of the forms with two columns: every level, length and offset, with dst apart and in the
// place of a source, and an overflow in every lane.
func TestArithmetic(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			r := rand.New(rand.NewPCG(1, 1))
			for _, n := range lengths {
				for offset := range 9 {
					a, b := make([]float64, offset+n)[offset:], make([]float64, n+1)[1:]
					for i := range a {
						a[i], b[i] = number(r), number(r)
					}
					for name, c := range map[string]struct {
						f    func(dst, a, b []float64)
						want func(x, y float64) float64
					}{
						"Add": {Add[float64], func(x, y float64) float64 { return x + y }},
						"Sub": {Sub[float64], func(x, y float64) float64 { return x - y }},
						"Mul": {Mul[float64], func(x, y float64) float64 { return x * y }},
					} {
						words, whole := wall(n, offset)
						dst := unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(words))), n)
						own := slices.Clone(b)
						c.f(dst, a, b)
						c.f(own, a, own)
						for i := range dst {
							if want := c.want(a[i], b[i]); !sameBits(dst[i], want) || !sameBits(own[i], want) || !whole() {
								t.Fatalf("%s, row %d of %d: %v and %v, want %v; walls whole: %v", name, i, n, dst[i], own[i], want, whole())
							}
						}
					}
				}
			}
			for _, n := range lengths {
				for lane := -1; lane < n; lane++ { // -1: no overflow
					a, b := make([]int64, n), make([]int64, n)
					for i := range a {
						a[i], b[i] = r.Int64N(1<<62), r.Int64N(1<<62)
					}
					add, sub := slices.Clone(b), make([]int64, n)
					checkMul(t, a, lane)
					if lane >= 0 {
						a[lane], b[lane], add[lane] = math.MinInt64, 1, -1
					}
					whole := slices.Clone(add)
					if got := AddI64(add, a, add); got != lane {
						t.Fatalf("AddI64 of %d rows: %d, want overflow at %d", n, got, lane)
					}
					if got := SubI64(sub, a, b); got != lane {
						t.Fatalf("SubI64 of %d rows: %d, want overflow at %d", n, got, lane)
					}
					if lane < 0 {
						lane = n
					}
					for i := range lane {
						if add[i] != a[i]+whole[i] || sub[i] != a[i]-b[i] {
							t.Fatalf("row %d of %d: %d and %d of %d and %d", i, n, add[i], sub[i], a[i], b[i])
						}
					}
					if lane == n {
						lane = -1
					}
				}
			}
		})
	}
}

// checkMul multiplies a by factors that just fit, and at lane, unless it is -1, by one that does not.
func checkMul(t *testing.T, a []int64, lane int) {
	t.Helper()
	b := make([]int64, len(a))
	for i, x := range a {
		b[i] = math.MaxInt64 / max(x, 1)
		if i%3 == 0 { // far from the bound
			b[i] = 1
		}
	}
	if lane >= 0 {
		a, b[lane] = slices.Clone(a), 3
		a[lane] = math.MaxInt64/3 + 1
	}
	dst := slices.Clone(b)
	if got := MulI64(dst, a, dst); got != lane {
		t.Fatalf("MulI64 of %d rows: %d, want overflow at %d", len(a), got, lane)
	}
	if lane < 0 {
		lane = len(a)
	}
	for i := range lane {
		if dst[i] != a[i]*b[i] {
			t.Fatalf("row %d: %d of %d and %d", i, dst[i], a[i], b[i])
		}
	}
}

func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// TestFloats is the variants test of maps of floats.
func TestFloats(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			for _, n := range lengths {
				for offset := range 5 {
					checkFloats(t, n, offset)
				}
			}
		})
	}
}

func checkFloats(t *testing.T, n, offset int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(offset)))
	a, b := make([]float64, offset+n)[offset:], make([]float64, n+1)[1:]
	for i := range a {
		a[i], b[i] = number(r), number(r)
	}
	s := number(r)
	cond := make([]uint64, (n+63)/64)
	for i := range cond {
		cond[i] = r.Uint64()
	}
	for name, c := range map[string]struct {
		f    func(dst []float64)
		want func(x, y float64, i int) float64
	}{
		"Add":       {func(d []float64) { Add(d, a, b) }, func(x, y float64, _ int) float64 { return x + y }},
		"Sub":       {func(d []float64) { Sub(d, a, b) }, func(x, y float64, _ int) float64 { return x - y }},
		"Mul":       {func(d []float64) { Mul(d, a, b) }, func(x, y float64, _ int) float64 { return x * y }},
		"Div":       {func(d []float64) { Div(d, a, b) }, func(x, y float64, _ int) float64 { return x / y }},
		"AddScalar": {func(d []float64) { AddScalar(d, a, s) }, func(x, _ float64, _ int) float64 { return x + s }},
		"SubScalar": {func(d []float64) { SubScalar(d, a, s) }, func(x, _ float64, _ int) float64 { return x - s }},
		"ScalarSub": {func(d []float64) { ScalarSub(d, s, a) }, func(x, _ float64, _ int) float64 { return s - x }},
		"MulScalar": {func(d []float64) { MulScalar(d, a, s) }, func(x, _ float64, _ int) float64 { return x * s }},
		"DivScalar": {func(d []float64) { DivScalar(d, a, s) }, func(x, _ float64, _ int) float64 { return x / s }},
		"ScalarDiv": {func(d []float64) { ScalarDiv(d, s, a) }, func(x, _ float64, _ int) float64 { return s / x }},
		"Affine":    {func(d []float64) { Affine(d, a, s, 3) }, func(x, _ float64, _ int) float64 { v := x - s; return v * 3 }},
		"Neg":       {func(d []float64) { Neg(d, a) }, func(x, _ float64, _ int) float64 { return -x }},
		"Abs":       {func(d []float64) { Abs(d, a) }, func(x, _ float64, _ int) float64 { return math.Abs(x) }},
		"Floor":     {func(d []float64) { Floor(d, a) }, func(x, _ float64, _ int) float64 { return math.Floor(x) }},
		"Ceil":      {func(d []float64) { Ceil(d, a) }, func(x, _ float64, _ int) float64 { return math.Ceil(x) }},
		"Trunc":     {func(d []float64) { Trunc(d, a) }, func(x, _ float64, _ int) float64 { return math.Trunc(x) }},
		"Round":     {func(d []float64) { Round(d, a) }, func(x, _ float64, _ int) float64 { return math.Round(x) }},
		"Sqrt":      {func(d []float64) { Sqrt(d, a) }, func(x, _ float64, _ int) float64 { return math.Sqrt(x) }},
		"Min":       {func(d []float64) { Min(d, a, b) }, func(x, y float64, _ int) float64 { return math.Min(x, y) }},
		"Max":       {func(d []float64) { Max(d, a, b) }, func(x, y float64, _ int) float64 { return math.Max(x, y) }},
		"MinScalar": {func(d []float64) { MinScalar(d, a, s) }, func(x, _ float64, _ int) float64 { return min(x, s) }},
		"MaxScalar": {func(d []float64) { MaxScalar(d, a, s) }, func(x, _ float64, _ int) float64 { return max(x, s) }},
		"Clip": {func(d []float64) { Clip(d, a, -1, 1) }, func(x, _ float64, _ int) float64 {
			switch {
			case x < -1:
				return -1
			case x > 1:
				return 1
			}
			return x
		}},
		"Fill": {func(d []float64) { Fill(d, s) }, func(_, _ float64, _ int) float64 { return s }},
		"Select": {func(d []float64) { Select(d, cond, a, b) }, func(x, y float64, i int) float64 {
			if cond[i/64]>>(i%64)&1 != 0 {
				return x
			}
			return y
		}},
		"SelectScalar": {func(d []float64) { SelectScalar(d, cond, a, s) }, func(x, _ float64, i int) float64 {
			if cond[i/64]>>(i%64)&1 != 0 {
				return x
			}
			return s
		}},
	} {
		buf, whole := wall(n, offset)
		dst := unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(buf))), n)
		c.f(dst)
		for i := range n {
			// Min and Max of two NaN-free values and all else must agree in sign too
			if want := c.want(a[i], b[i], i); !sameBits(dst[i], want) && !(name == "Min" || name == "Max") ||
				(name == "Min" || name == "Max") && !propagates(name, a[i], b[i], dst[i], want) {
				t.Errorf("%s(%v, %v; %v) = %v, want %v", name, a[i], b[i], s, dst[i], want)
			}
		}
		if !whole() {
			t.Errorf("%s: written past the ends", name)
		}
	}
}

// propagates: math.Min lets an infinity win over NaN, the kernels do not.
func propagates(_ string, x, y, got, want float64) bool {
	if x != x || y != y {
		return got != got
	}
	return sameBits(got, want)
}

func TestInts(t *testing.T) {
	edges := []int64{0, 1, -1, 2, -2, 3, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, 1 << 32, -1 << 32, 1 << 31, 3037000500}
	for _, x := range edges {
		for _, y := range edges {
			bx, by := big.NewInt(x), big.NewInt(y)
			pair := func(name string, f, fs func(dst []int64) int, want *big.Int) {
				for form, f := range map[string]func([]int64) int{"": f, " scalar": fs} {
					if f == nil {
						continue
					}
					dst := []int64{55, 55}
					i := f(dst)
					switch {
					case want == nil || !want.IsInt64():
						if i != 1 {
							t.Errorf("%s%s(%d, %d): %d, want overflow at 1", name, form, x, y, i)
						}
					case i != -1 || dst[1] != want.Int64():
						t.Errorf("%s%s(%d, %d) = %d, %d, want %v", name, form, x, y, dst[1], i, want)
					}
				}
			}
			// row 0 never overflows
			a, b := []int64{0, x}, []int64{0, y}
			pair("Add", func(d []int64) int { return AddI64(d, a, b) }, func(d []int64) int { return AddI64Scalar(d, a, y) }, new(big.Int).Add(bx, by))
			if y != math.MinInt64 {
				pair("Sub", func(d []int64) int { return SubI64(d, a, b) }, func(d []int64) int { return SubI64Scalar(d, a, y) }, new(big.Int).Sub(bx, by))
			}
			if x >= 0 {
				pair("ScalarSub", func(d []int64) int { return ScalarSubI64(d, x, b) }, nil, new(big.Int).Sub(bx, by))
			}
			pair("Mul", func(d []int64) int { return MulI64(d, a, b) }, func(d []int64) int { return MulI64Scalar(d, a, y) }, new(big.Int).Mul(bx, by))
			var quo, rem *big.Int
			if y != 0 {
				quo, rem = new(big.Int).QuoRem(bx, by, new(big.Int))
			}
			d := []int64{1, y}
			pair("Div", func(dst []int64) int { return DivI64(dst, a, d) }, nil, quo)
			pair("Mod", func(dst []int64) int { return ModI64(dst, a, d) }, nil, rem)
			pair("Neg", func(dst []int64) int { return NegI64(dst, a) }, nil, new(big.Int).Neg(bx))
			pair("Abs", func(dst []int64) int { return AbsI64(dst, a) }, nil, new(big.Int).Abs(bx))
		}
	}
	// what a null's slot holds does not overflow
	const m = math.MaxInt64
	a := []int64{m, 1, m, 2, m}
	dst := make([]int64, 5)
	add := func(o int) int { return AddI64Scalar(dst[o:], a[o:], 1) }
	if i := FirstValid([]uint64{0b01010}, 5, add); i != -1 || dst[1] != 2 || dst[3] != 3 {
		t.Errorf("FirstValid: %d, %v", i, dst)
	}
	if i := FirstValid([]uint64{0b01110}, 5, add); i != 2 {
		t.Errorf("FirstValid: %d, want 2", i)
	}
	if i := FirstValid(nil, 5, add); i != 0 {
		t.Errorf("FirstValid: %d, want 0", i)
	}
}

func TestConvert(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			for _, n := range lengths {
				for offset := range 5 {
					convertType(t, n, offset, func(x float64) float64 { return x }, func(x int64) float64 { return float64(x) })
					convertType(t, n, offset, func(x float64) float64 { return x }, func(x int32) float64 { return float64(x) })
					convertType(t, n, offset, func(x float64) float64 { return x }, func(x float32) float64 { return float64(x) })
					convertType(t, n, offset, func(x int64) float64 { return float64(x) }, func(x int32) float64 { return float64(x) })
				}
				checkOneNaN(t, n)
				checkSelect(t, n)
			}
		})
	}
	wide := make([]float64, 3)
	if Convert(wide, []int32{1, -2, math.MaxInt32}); !slices.Equal(wide, []float64{1, -2, math.MaxInt32}) {
		t.Error(wide)
	}
	if Convert(wide, []int64{1, -2, math.MaxInt64}); !slices.Equal(wide, []float64{1, -2, 0x1p63}) {
		t.Error(wide)
	}
	narrow := make([]float32, 3)
	if Convert(narrow, []float64{0.1, 1e300, -1e-300}); narrow[0] != 0.1 || narrow[1] != float32(inf) || narrow[2] != 0 {
		t.Error(narrow)
	}
	for _, c := range []struct {
		x        float64
		is, is32 bool
		want     int64
	}{
		{1.9, true, true, 1}, {-1.9, true, true, -1}, {nan, false, false, 0}, {inf, false, false, 0}, {-inf, false, false, 0},
		{0x1p63, false, false, 0}, {-0x1p63, true, false, math.MinInt64}, {math.Nextafter(0x1p63, 0), true, false, 0x7ffffffffffffc00},
		{math.MaxInt32 + 0.9, true, true, math.MaxInt32}, {math.MaxInt32 + 1, true, false, math.MaxInt32 + 1},
		{math.MinInt32 - 0.9, true, true, math.MinInt32}, {math.MinInt32 - 1, true, false, math.MinInt32 - 1}, {neg, true, true, 0},
	} {
		src := []float64{7, c.x}
		d64, d32 := make([]int64, 2), make([]int32, 2)
		if i := F64ToI64(d64, src); (i == -1) != c.is || !c.is && i != 1 || c.is && d64[1] != c.want {
			t.Errorf("F64ToI64(%v) = %d, %d", c.x, d64[1], i)
		}
		if i := F64ToI32(d32, src); (i == -1) != c.is32 || !c.is32 && i != 1 || c.is32 && int64(d32[1]) != c.want {
			t.Errorf("F64ToI32(%v) = %d, %d", c.x, d32[1], i)
		}
	}
	d32 := make([]int32, 2)
	if i := I64ToI32(d32, []int64{5, 1 << 31}); i != 1 || d32[0] != 5 {
		t.Errorf("I64ToI32: %d", i)
	}
	if i := I64ToI32(d32, []int64{math.MinInt32, math.MaxInt32}); i != -1 || d32[0] != math.MinInt32 || d32[1] != math.MaxInt32 {
		t.Errorf("I64ToI32: %d", i)
	}
	ones := make([]float64, 66)
	BoolTo(ones, []uint64{0b101, 0b10})
	for i, x := range ones {
		if want := i == 0 || i == 2 || i == 65; (x == 1) != want || x != 0 && x != 1 {
			t.Errorf("BoolTo: %d is %v", i, x)
		}
	}
	isNaN := make([]uint64, 2)
	xs := make([]float64, 66)
	xs[3], xs[65] = nan, nan
	if IsNaN(isNaN, xs); isNaN[0] != 8 || isNaN[1] != 2 {
		t.Errorf("IsNaN: %x", isNaN)
	}
}

// convertType compares as floats, in which all results of the test are whole.
func convertType[D, S Number](t *testing.T, n, offset int, see func(D) float64, want func(S) float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 1))
	src, buf := make([]S, offset+n)[offset:], make([]D, n+9)
	for i := range src {
		src[i] = S(r.Int64N(1<<41) - 1<<40)
	}
	for i := range buf {
		buf[i] = 77
	}
	dst := buf[1 : 1+n]
	Convert(dst, src)
	for i, x := range src {
		if see(dst[i]) != want(x) {
			t.Fatalf("%T of %v, row %d of %d: %v", dst[i], x, i, n, dst[i])
		}
	}
	if buf[0] != 77 || buf[n+1] != 77 {
		t.Fatalf("%T of %T: written past the ends", dst, src)
	}
}

func checkOneNaN(t *testing.T, n int) {
	t.Helper()
	odd := math.Float64frombits(0xfff8000000000123)
	for lane := -1; lane < n; lane++ { // -1: none
		buf, whole := wall(n, 1)
		xs := unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(buf))), n)
		for i := range xs {
			xs[i] = float64(i)
		}
		if lane >= 0 {
			xs[lane] = odd
		}
		OneNaN(xs)
		for i, x := range xs {
			if i == lane && math.Float64bits(x) != math.Float64bits(math.NaN()) || i != lane && x != float64(i) {
				t.Fatalf("OneNaN, row %d of %d, NaN at %d: %x", i, n, lane, math.Float64bits(x))
			}
		}
		if !whole() {
			t.Fatal("OneNaN: written past the ends")
		}
	}
}

func checkSelect(t *testing.T, n int) {
	t.Helper()
	a, b, cond := make([]int64, n), make([]int64, n), make([]uint64, (n+63)/64)
	for i := range a {
		a[i], b[i] = int64(i), int64(-1-i)
	}
	for lane := -1; lane < n; lane++ {
		clear(cond)
		if lane >= 0 {
			cond[lane/64] = 1 << (lane % 64)
		}
		buf, whole := wall(n, 1)
		dst := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(buf))), n)
		Select(dst, cond, a, b)
		for i, x := range dst {
			if i == lane && x != a[i] || i != lane && x != b[i] {
				t.Fatalf("Select, row %d of %d, set %d: %d", i, n, lane, x)
			}
		}
		if !whole() {
			t.Fatal("Select: written past the ends")
		}
	}
}

func BenchmarkElem(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 1))
	xs, ys, dst, bitmap := make([]float64, n), make([]float64, n), make([]float64, n), make([]uint64, n/64)
	is, js, ds := make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range xs {
		xs[i], ys[i], is[i], js[i] = r.NormFloat64(), r.NormFloat64(), r.Int64N(1000), r.Int64N(1000)
	}
	is4, js4 := make([]int32, n), make([]int32, n)
	for i := range is4 {
		is4[i], js4[i] = int32(is[i]), int32(js[i])
	}
	for _, c := range []struct {
		name    string
		touched int
		f       func()
	}{
		{"compareScalar", 8 * n, func() { CompareScalar(bitmap, Lt, xs, 0.1) }},
		{"compareScalarI64", 8 * n, func() { CompareScalar(bitmap, Lt, is, 500) }},
		{"compareScalarI32", 4 * n, func() { CompareScalar(bitmap, Lt, is4, 500) }},
		{"compare", 16 * n, func() { Compare(bitmap, Lt, xs, ys) }},
		{"compareI64", 16 * n, func() { Compare(bitmap, Lt, is, js) }},
		{"compareI32", 8 * n, func() { Compare(bitmap, Lt, is4, js4) }},
		{"add", 24 * n, func() { Add(dst, xs, ys) }},
		{"mul", 24 * n, func() { Mul(dst, xs, ys) }},
		{"addI64", 24 * n, func() { AddI64(ds, is, js) }},
		{"mulI64", 24 * n, func() { MulI64(ds, is, js) }},
		{"div", 24 * n, func() { Div(dst, xs, ys) }},
		{"floor", 16 * n, func() { Floor(dst, xs) }},
		{"round", 16 * n, func() { Round(dst, xs) }},
		{"sqrt", 16 * n, func() { Sqrt(dst, xs) }},
		{"convertI64", 16 * n, func() { Convert(dst, is) }},
		{"convertI32", 12 * n, func() { Convert(dst, is4) }},
		{"oneNaN", 8 * n, func() { OneNaN(xs) }},
		{"select", 24 * n, func() { Select(dst, bitmap, xs, ys) }},
	} {
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("%s/%v", c.name, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				bench.Least(b, n, c.touched, c.f)
			})
		}
	}
}
