package fmath

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/testing/race"
)

// The references are series in 300 bits, written apart from the code that they judge.
const prec = 300

func num(x float64) *big.Float       { return new(big.Float).SetPrec(prec).SetFloat64(x) }
func zero() *big.Float               { return new(big.Float).SetPrec(prec) }
func add(a, b *big.Float) *big.Float { return zero().Add(a, b) }
func quo(a, b *big.Float) *big.Float { return zero().Quo(a, b) }
func mul(a, b *big.Float) *big.Float { return zero().Mul(a, b) }

// bigExp halves x until Taylor's series is short, and squares back.
func bigExp(x *big.Float) *big.Float {
	halvings := max(0, x.MantExp(nil)+10)
	y := zero().SetMantExp(x, -halvings)
	term, sum := num(1), num(1)
	for i := 1; i < 40; i++ {
		term = quo(mul(term, y), num(float64(i)))
		sum = add(sum, term)
	}
	for range halvings {
		sum = mul(sum, sum)
	}
	return sum
}

// bigLog is Newton's iteration on bigExp.
func bigLog(x *big.Float) *big.Float {
	if x.Cmp(num(1)) == 0 {
		return zero()
	}
	e := x.MantExp(nil)
	f, _ := zero().SetMantExp(x, -e).Float64()
	m := zero().SetMantExp(x, -e)
	y := num(math.Log(f))
	for range 3 { // 50, 150, 450 bits
		ex := bigExp(y)
		y = add(y, mul(num(2), quo(zero().Sub(m, ex), add(m, ex))))
	}
	return add(y, mul(num(float64(e)), ln2Big()))
}

var ln2Cache *big.Float

func ln2Big() *big.Float {
	if ln2Cache == nil {
		sum := zero() // sum of 1/(n 2^n)
		for n := 1; n < 320; n++ {
			sum = add(sum, zero().SetMantExp(quo(num(1), num(float64(n))), -n))
		}
		ln2Cache = sum
	}
	return ln2Cache
}

// bigSin is Taylor's series, with as many bits as the size of x needs.
func bigSin(x float64, quarter bool) *big.Float {
	const p = 4000
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(p).SetFloat64(v) }
	y := f(x)
	// reduce by pi from Gauss and Legendre
	a, b, t, q := f(1), new(big.Float).SetPrec(p).Sqrt(f(0.5)), f(0.25), f(1)
	if piCache == nil {
		for range 12 {
			m := new(big.Float).SetPrec(p).Add(a, b)
			m.Quo(m, f(2))
			b = new(big.Float).SetPrec(p).Sqrt(new(big.Float).SetPrec(p).Mul(a, b))
			d := new(big.Float).SetPrec(p).Sub(a, m)
			t = new(big.Float).SetPrec(p).Sub(t, d.Mul(q, d.Mul(d, d)))
			q = new(big.Float).SetPrec(p).Mul(q, f(2))
			a = m
		}
		s := new(big.Float).SetPrec(p).Add(a, b)
		piCache = s.Quo(s.Mul(s, s), t.Mul(t, f(4)))
	}
	if quarter {
		y.Add(y, new(big.Float).SetPrec(p).Quo(piCache, f(2)))
	}
	two := new(big.Float).SetPrec(p).Mul(piCache, f(2))
	k, _ := new(big.Float).SetPrec(p).Quo(y, two).Int(nil)
	y.Sub(y, two.Mul(two, new(big.Float).SetPrec(p).SetInt(k)))
	term, sum, square := zero().Set(y), zero().Set(y), mul(y, y)
	for i := 2; i < 120; i += 2 {
		term = quo(mul(term, square), num(-float64(i*(i+1))))
		sum = add(sum, term)
	}
	return sum
}

var piCache *big.Float

// off is the distance of got from want in units in the last place of want.
func off(got float64, want *big.Float) float64 {
	w, _ := want.Float64()
	if math.IsInf(w, 0) || w == 0 || math.IsInf(got, 0) || got != got {
		if got == w {
			return 0
		}
		if math.IsInf(w, 0) && math.Abs(got) == math.MaxFloat64 || math.IsInf(got, 0) && math.Abs(w) == math.MaxFloat64 {
			return 0.5
		}
		return math.Inf(1)
	}
	e := math.Float64bits(math.Abs(w)) >> 52
	unit := math.Ldexp(1, max(int(e), 1)-1075)
	d, _ := quo(zero().Sub(num(got), want), num(unit)).Float64()
	return math.Abs(d)
}

func uniform(lo, hi float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return lo + (hi-lo)*r.Float64() }
}

func wideUp(lo, hi int) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 { return math.Ldexp(1+r.Float64(), lo+r.IntN(hi-lo)) }
}

func signed(f func(*rand.Rand) float64) func(*rand.Rand) float64 {
	return func(r *rand.Rand) float64 {
		if r.IntN(2) == 0 {
			return -f(r)
		}
		return f(r)
	}
}

// TestError holds the bounds of the package comment.
func TestError(t *testing.T) {
	exp := func(x float64) *big.Float { return bigExp(num(x)) }
	log := func(x float64) *big.Float { return bigLog(num(x)) }
	one := num(1)
	for _, c := range []struct {
		name  string
		f     func(float64) float64
		ref   func(float64) *big.Float
		draw  func(*rand.Rand) float64
		bound float64
	}{
		{"Exp", Exp, exp, uniform(-708, 709.7), 0.51},
		{"Exp small", Exp, exp, signed(wideUp(-60, 1)), 0.51},
		{"Exp denormal", Exp, exp, uniform(-745, -708.5), 1.01},
		{"Expm1", Expm1, func(x float64) *big.Float { return zero().Sub(exp(x), one) }, uniform(-2, 2), 0.6},
		{"Expm1 small", Expm1, func(x float64) *big.Float { return zero().Sub(exp(x), one) }, signed(wideUp(-60, -1)), 0.6},
		{"Expm1 wide", Expm1, func(x float64) *big.Float { return zero().Sub(exp(x), one) }, uniform(-45, 700), 0.6},
		{"Log", Log, log, wideUp(-1070, 1023), 0.51},
		{"Log near 1", Log, log, uniform(0.7, 1.5), 0.51},
		{"Log at 1", Log, log, uniform(0.99, 1.01), 0.51},
		{"Log1p", Log1p, func(x float64) *big.Float { return bigLog(add(num(x), one)) }, uniform(-0.999, 3), 0.51},
		{"Log1p small", Log1p, func(x float64) *big.Float { return bigLog(add(num(x), one)) }, signed(wideUp(-60, -2)), 0.51},
		{"Log1p wide", Log1p, func(x float64) *big.Float { return bigLog(add(num(x), one)) }, wideUp(0, 1000), 0.51},
		{"Log2", Log2, func(x float64) *big.Float { return quo(log(x), ln2Big()) }, wideUp(-1000, 1000), 0.51},
		{"Log2 near 1", Log2, func(x float64) *big.Float { return quo(log(x), ln2Big()) }, uniform(0.7, 1.5), 0.51},
		{"Log10", Log10, func(x float64) *big.Float { return quo(log(x), log(10)) }, wideUp(-1000, 1000), 0.51},
		{"Log10 near 1", Log10, func(x float64) *big.Float { return quo(log(x), log(10)) }, uniform(0.7, 1.5), 0.51},
		{"Sigmoid", Sigmoid, func(x float64) *big.Float { return quo(one, add(one, exp(-x))) }, uniform(-40, 40), 2},
		{"Sigmoid low", Sigmoid, func(x float64) *big.Float { return quo(one, add(one, exp(-x))) }, uniform(-708, 0), 2},
		{"Tanh", Tanh, func(x float64) *big.Float { e := exp(2 * x); return quo(zero().Sub(e, one), add(e, one)) }, uniform(-3, 3), 2},
		{"Tanh small", Tanh, func(x float64) *big.Float { e := exp(2 * x); return quo(zero().Sub(e, one), add(e, one)) }, signed(wideUp(-40, 0)), 2},
		{"Sin", Sin, func(x float64) *big.Float { return bigSin(x, false) }, uniform(-10, 10), 0.75},
		{"Sin 1e6", Sin, func(x float64) *big.Float { return bigSin(x, false) }, uniform(-1.1e6, 1.1e6), 0.75},
		{"Sin huge", Sin, func(x float64) *big.Float { return bigSin(x, false) }, signed(wideUp(20, 1023)), 0.75},
		{"Cos", Cos, func(x float64) *big.Float { return bigSin(x, true) }, uniform(-10, 10), 0.75},
		{"Cos 1e6", Cos, func(x float64) *big.Float { return bigSin(x, true) }, uniform(-1.1e6, 1.1e6), 0.75},
		{"Cos huge", Cos, func(x float64) *big.Float { return bigSin(x, true) }, signed(wideUp(20, 1023)), 0.75},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		worst, at := 0.0, 0.0
		for range samples {
			x := c.draw(r)
			if d := off(c.f(x), c.ref(x)); d > worst {
				worst, at = d, x
			}
		}
		t.Logf("%-13s %.3f at %v", c.name, worst, at)
		if worst > c.bound {
			t.Errorf("%s is off by %.3f units at %v (%x), the bound is %v: %v, want %v", c.name, worst, at, at, c.bound, c.f(at), c.ref(at))
		}
	}
}

var samples = race.Few(1500)

func TestPowError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	worst, atX, atY := 0.0, 0.0, 0.0
	for i := range 3 * samples {
		var x, y float64
		switch i % 3 {
		case 0: // anything that stays finite
			x = math.Ldexp(1+r.Float64(), r.IntN(2000)-1000)
			y = (r.Float64()*2 - 1) * 700 / math.Max(math.Abs(math.Log(x)), 1e-3)
		case 1: // near 1, large exponents
			x = 1 + (r.Float64()-0.5)*math.Ldexp(1, -r.IntN(40))
			y = (r.Float64()*2 - 1) * 700 / math.Max(math.Abs(math.Log(x)), 1e-16)
		case 2: // everyday
			x, y = r.Float64()*100, float64(r.IntN(20))/2
		}
		want := bigExp(mul(num(y), bigLog(num(x))))
		if w, _ := want.Float64(); w < 1e-300 || w > 1e300 {
			continue
		}
		if d := off(Pow(x, y), want); d > worst {
			worst, atX, atY = d, x, y
		}
	}
	t.Logf("Pow %.3f at %v, %v", worst, atX, atY)
	if worst > 0.51 {
		t.Errorf("Pow is off by %.3f units at %v, %v", worst, atX, atY)
	}
	for _, x := range []float64{2, 3, 10, 0.5, -2, -3} { // whole results are exact
		v := 1.0
		for n := range 15 {
			if got := Pow(x, float64(n)); got != v {
				t.Errorf("Pow(%v, %d) = %v, want %v", x, n, got, v)
			}
			v *= x
		}
	}
}

var specials = []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1.5, -1.5, 1e-320, -1e-320, 0x1p-1074, 1e308, -1e308,
	math.MaxFloat64, -math.MaxFloat64, 1e18, -1e18, 0x1p53, 0x1p53 - 1, -(0x1p53 - 1), 0x1p52 + 1, 746, -746, 800, -800, 1e-10, -1e-10,
	math.Nextafter(1, 0), math.Nextafter(1, 2), math.Nextafter(-1, 0), math.Inf(1), math.Inf(-1), math.NaN()}

// TestSpecial: zeros, infinities and NaN are as package math has them.
func TestSpecial(t *testing.T) {
	class := func(x float64) string {
		switch {
		case x != x:
			return "NaN"
		case x == 0, math.IsInf(x, 0):
			return fmt.Sprintf("%v %v", x, math.Signbit(x))
		}
		return fmt.Sprintf("finite %v", math.Signbit(x))
	}
	for name, f := range map[string][2]func(float64) float64{
		"Exp": {Exp, math.Exp}, "Expm1": {Expm1, math.Expm1}, "Log": {Log, math.Log}, "Log1p": {Log1p, math.Log1p}, "Log2": {Log2, math.Log2},
		"Log10": {Log10, math.Log10}, "Tanh": {Tanh, math.Tanh}, "Sin": {Sin, math.Sin}, "Cos": {Cos, math.Cos},
	} {
		for _, x := range specials {
			if got, want := f[0](x), f[1](x); class(got) != class(want) {
				t.Errorf("%s(%v) = %v, want %v", name, x, got, want)
			}
		}
	}
	for _, x := range specials {
		for _, y := range specials {
			if got, want := Pow(x, y), math.Pow(x, y); class(got) != class(want) {
				t.Errorf("Pow(%v, %v) = %v, want %v", x, y, got, want)
			}
		}
	}
	if Sigmoid(math.Inf(1)) != 1 || Sigmoid(math.Inf(-1)) != 0 || Sigmoid(0) != 0.5 || !math.IsNaN(Sigmoid(math.NaN())) {
		t.Error("Sigmoid's special cases")
	}
	for e := -1074; e < 1024; e++ {
		if got := Log2(math.Ldexp(1, e)); got != float64(e) {
			t.Errorf("Log2(2^%d) = %v", e, got)
		}
	}
}

// TestMonotone: no step down between neighbours at the seams of the tables.
func TestMonotone(t *testing.T) {
	for i := range 129 {
		x := (1 + (float64(i)+0.5)/128)
		for range 50 {
			x = math.Nextafter(x, 0)
		}
		for range 100 {
			y := math.Nextafter(x, 3)
			if Log(y) < Log(x) {
				t.Errorf("Log falls at %x", x)
			}
			x = y
		}
		x = (float64(i) - 63.5) * stepHi
		for range 50 {
			x = math.Nextafter(x, -9)
		}
		for range 100 {
			y := math.Nextafter(x, 9)
			if Exp(y) < Exp(x) {
				t.Errorf("Exp falls at %x", x)
			}
			x = y
		}
	}
}

// TestGolden: one digest of many values, the same on every architecture and GOAMD64 level. It changes only with a
// deliberate change of an algorithm, which changes models.
func TestGolden(t *testing.T) {
	h := fnv.New64a()
	put := func(f func(float64) float64, x float64) {
		v := f(x)
		if v != v {
			v = math.NaN() // one NaN: its payload is the processor's own
		}
		h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
	}
	r := rand.New(rand.NewPCG(7, 7))
	for range 20000 {
		x := (r.Float64() - 0.5) * math.Ldexp(1, r.IntN(30)-15)
		for _, f := range []func(float64) float64{Exp, Expm1, Log, Log1p, Log2, Log10, Sigmoid, Tanh, Sin, Cos} {
			put(f, x)
		}
		put(func(y float64) float64 { return Pow(math.Abs(x), y) }, (r.Float64()-0.5)*20)
	}
	for _, x := range specials {
		for _, f := range []func(float64) float64{Exp, Expm1, Log, Log1p, Log2, Log10, Sigmoid, Tanh, Sin, Cos} {
			put(f, x)
		}
	}
	if got := h.Sum64(); got != golden {
		t.Errorf("digest %#x, want %#x", got, golden)
	}
}

func TestSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 7, 8, 9, 100} {
		xs, ys := make([]float64, n), make([]float64, n)
		for i := range xs {
			xs[i], ys[i] = r.Float64()*5, r.Float64()*5
		}
		for name, f := range map[string]struct {
			slice func(dst, src []float64)
			one   func(i int) float64
		}{
			"Exp": {ExpSlice, func(i int) float64 { return Exp(xs[i]) }}, "Expm1": {Expm1Slice, func(i int) float64 { return Expm1(xs[i]) }},
			"Log": {LogSlice, func(i int) float64 { return Log(xs[i]) }}, "Log1p": {Log1pSlice, func(i int) float64 { return Log1p(xs[i]) }},
			"Log2": {Log2Slice, func(i int) float64 { return Log2(xs[i]) }}, "Log10": {Log10Slice, func(i int) float64 { return Log10(xs[i]) }},
			"Sigmoid": {SigmoidSlice, func(i int) float64 { return Sigmoid(xs[i]) }}, "Tanh": {TanhSlice, func(i int) float64 { return Tanh(xs[i]) }},
			"Sin": {SinSlice, func(i int) float64 { return Sin(xs[i]) }}, "Cos": {CosSlice, func(i int) float64 { return Cos(xs[i]) }},
			"Sqrt":      {SqrtSlice, func(i int) float64 { return math.Sqrt(xs[i]) }},
			"Pow":       {func(d, s []float64) { PowSlice(d, s, ys) }, func(i int) float64 { return Pow(xs[i], ys[i]) }},
			"PowScalar": {func(d, s []float64) { PowScalar(d, s, 2.5) }, func(i int) float64 { return Pow(xs[i], 2.5) }},
			"ScalarPow": {func(d, s []float64) { ScalarPow(d, 2.5, s) }, func(i int) float64 { return Pow(2.5, xs[i]) }},
		} {
			dst := make([]float64, n+1)
			dst[n] = 77
			f.slice(dst[:n], xs)
			for i := range n {
				if dst[i] != f.one(i) {
					t.Errorf("%s: %d of %d: %v, want %v", name, i, n, dst[i], f.one(i))
				}
			}
			if dst[n] != 77 {
				t.Errorf("%s: written past the end", name)
			}
		}
	}
}

func BenchmarkFmath(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	xs, dst := make([]float64, 4096), make([]float64, 4096)
	for i := range xs {
		xs[i] = r.Float64() * 20
	}
	for _, c := range []struct {
		name string
		f    func(dst, src []float64)
	}{
		{"exp", ExpSlice}, {"exp/math", func(d, s []float64) {
			for i, x := range s {
				d[i] = math.Exp(x)
			}
		}}, {"log", LogSlice}, {"log/math", func(d, s []float64) {
			for i, x := range s {
				d[i] = math.Log(x)
			}
		}}, {"log1p", Log1pSlice}, {"expm1", Expm1Slice}, {"sigmoid", SigmoidSlice}, {"tanh", TanhSlice}, {"sin", SinSlice}, {"cos", CosSlice},
		{"log2", Log2Slice}, {"pow", func(d, s []float64) { PowScalar(d, s, 1.7) }}, {"pow/math", func(d, s []float64) {
			for i, x := range s {
				d[i] = math.Pow(x, 1.7)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) { bench.Least(b, len(xs), 0, func() { c.f(dst, xs) }) })
	}
}
