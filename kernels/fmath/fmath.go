// Package fmath is the elementary functions with the same bits everywhere.
//
// The standard library's Exp, Log and Pow have assembly on some machines and leave x*y+z to the compiler, which fuses it on
// arm64, and on amd64 from GOAMD64=v3 on; what they give then depends on where they ran. Here every product that feeds a
// sum is rounded by an explicit conversion, no fused operation is used, and the tables are constants, so that a feature, a
// gradient or a metric has one value. Special cases are those of package math.
//
// Errors measured against 300-bit references, in units in the last place (a test holds the bounds; normal results):
// Exp, Log, Log2, Log10, Log1p, Pow 0.51; Expm1 0.6; Sin, Cos 0.75; Sigmoid, Tanh 2. A denormal result may be off by
// half a unit more.
package fmath

//go:generate go run -C ../_gen ./tables -out ../fmath/zz_tables.go

import "math"

const (
	shifter = 0x1.8p52 // x + shifter - shifter rounds |x| < 2^51 to an integer
	high26  = ^uint64(1<<27 - 1)
)

// split cuts x into its upper 26 bits and the rest, so that products of upper halves are exact.
func split(x float64) (hi, lo float64) {
	hi = math.Float64frombits(math.Float64bits(x) & high26)
	return hi, x - hi
}

// product is x*y and the error of its rounding (to about 2^-106 of it), unless something over- or underflows.
func product(x, y float64) (p, e float64) {
	xh, xl := split(x)
	yh, yl := split(y)
	p = float64(x * y)
	e = float64(xh*yh) - p + float64(xh*yl)
	e = e + float64(xl*yh) + float64(xl*yl)
	return p, e
}

// scale is x * 2^e, rounded once; e is within ±2000.
func scale(x float64, e int) float64 {
	if e > -1000 && e < 1000 {
		return float64(x * pow2(e))
	}
	h := e / 2
	return float64(float64(x*pow2(h)) * pow2(e-h))
}

// pow2 is 2^e, -1022 <= e <= 1023.
func pow2(e int) float64 { return math.Float64frombits(uint64(e+1023) << 52) }

// Exp is e^x.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 710:
		return math.Inf(1)
	case x < -746:
		return 0
	}
	return expPair(x, 0)
}

// expPair is e^(x+t) for |x| < 750 and a t far below x.
func expPair(x, t float64) float64 {
	e, hi, tail := expParts(x, t)
	return scale(hi+tail, e)
}

// expParts gives e^(x+t) as 2^e*(hi+tail): x+t = k*ln2/128 + r, and 2^(k/128) from the table.
func expParts(x, t float64) (e int, hi, tail float64) {
	kd := float64(x*stepsPerOne) + shifter - shifter
	k := int(kd)
	r := x - float64(kd*stepHi) // exact: both have few enough bits
	r = r - float64(kd*stepLo) + t
	// e^r - 1, |r| < 0.0028: the next term is below 2^-60
	q := float64(float64(r*r) * (0.5 + float64(r*(1.0/6+float64(r*(1.0/24+float64(r*(1.0/120))))))))
	c := &expTable[k&127]
	return k >> 7, c.hi, c.lo + float64(c.hi*(r+q))
}

// Expm1 is e^x - 1, accurate near 0.
func Expm1(x float64) float64 {
	switch {
	case x != x || x == 0:
		return x
	case x > 40:
		return Exp(x)
	case x < -40:
		return -1
	case math.Abs(x) < 0.25:
		return x + float64(float64(x*x)*(0.5+float64(x*horner(x, factorials[:]))))
	}
	e, hi, tail := expParts(x, 0)
	p := pow2(e)
	hi = float64(hi * p)
	a := hi - 1
	lost := hi - (a + 1)
	if hi >= 1 {
		lost = (hi - a) - 1
	}
	return a + (lost + float64(tail*p))
}

// factorials are 1/3!, 1/4!, …
var factorials = [...]float64{1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
	1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800, 1.0 / 87178291200}

// Sigmoid is 1 / (1 + e^-x).
func Sigmoid(x float64) float64 {
	if x < 0 {
		e := Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + Exp(-x))
}

// Tanh is the hyperbolic tangent.
func Tanh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || x == 0:
		return x
	case a > 20:
		return math.Copysign(1, x)
	}
	t := Expm1(a + a)
	return math.Copysign(t/(t+2), x)
}

// logParts cuts a positive finite x*(1+d), |d| < 2^-52, into 2^k*c*(1+r): s+lo is k*ln2 + log c, and rh+rl is r. c is such
// that 1/c has 12 bits, which makes r exact; |r| < 2^-7.9. Near 1, c is 1 and s is 0.
func logParts(x, d float64) (s, lo, r, rl float64) {
	k := 0
	b := math.Float64bits(x)
	if b>>52 == 0 {
		b = math.Float64bits(float64(x * 0x1p54))
		k = -54
	}
	k += int(b>>52) - 1023
	b &= 1<<52 - 1
	j := (b + 1<<44) >> 45
	c := &logTable[j]
	if j >= logSplit {
		k++
	}
	m := math.Float64frombits(b | 1023<<52)
	mh := math.Float64frombits(math.Float64bits(m) &^ (1<<21 - 1))
	r, rl = float64(mh*c.inv)-1, float64((m-mh)*c.inv)+float64(d*float64(m*c.inv))
	sum := r + rl
	rl = (r - sum) + rl
	kd := float64(k)
	return float64(kd*ln2Hi) + c.hi, float64(kd*ln2Lo) + c.lo, sum, rl
}

// tail3 is (log(1+r) - r + r*r/2) / r^3, |r| < 2^-7.9.
func tail3(r float64) float64 {
	p := 1.0/7 + float64(r*(-1.0/8+float64(r*(1.0/9))))
	p = 1.0/5 + float64(r*(-1.0/6+float64(r*p)))
	return 1.0/3 + float64(r*(-1.0/4+float64(r*p)))
}

// special answers for what logParts does not take.
func logSpecial(x float64) (float64, bool) {
	switch {
	case x != x || x < 0:
		return math.NaN(), true
	case x == 0:
		return math.Inf(-1), true
	case x > math.MaxFloat64:
		return x, true
	}
	return 0, false
}

// Log is the natural logarithm.
func Log(x float64) float64 {
	if v, is := logSpecial(x); is {
		return v
	}
	return logSum(logParts(x, 0))
}

func logSum(s, lo, r, rl float64) float64 {
	hi := s + r
	rest := (s - hi) + r
	rr := float64(r * r)
	return hi + (rest + lo + rl + float64(rr*(float64(r*tail3(r))-0.5)))
}

// Log1p is log(1+x), accurate near 0.
func Log1p(x float64) float64 {
	switch {
	case x == 0 || x != x:
		return x // keeps -0
	case x <= -1 || x > math.MaxFloat64:
		return Log(1 + x)
	case math.Abs(x) < 0x1p-8:
		return logSum(0, 0, x, 0)
	}
	u := 1 + x
	lost := x - (u - 1)
	if x > 1 {
		lost = 1 - (u - x)
	}
	return logSum(logParts(u, lost/u))
}

// logPair is log x in two words, to about 2^-67 of it.
func logPair(x float64) (hi, lo float64) {
	s, l, r, rl := logParts(x, 0)
	p, e := product(r, r)
	p, e = float64(0.5*p), float64(0.5*e)
	a := s + r
	at := (s - a) + r
	b := a - p
	bt := (a - b) - p
	cube := float64(float64(p*r) * float64(2*tail3(r)))
	l = at + bt + (rl + l + (cube - e - float64(r*rl)))
	hi = b + l
	return hi, (b - hi) + l
}

// Log2 is the binary logarithm; exact for powers of two.
func Log2(x float64) float64 { return logBase(x, log2eHi, log2eLo) }

// Log10 is the decimal logarithm.
func Log10(x float64) float64 { return logBase(x, log10eHi, log10eLo) }

func logBase(x, fHi, fLo float64) float64 {
	if v, is := logSpecial(x); is {
		return v
	}
	hi, lo := logPair(x)
	p, e := product(hi, fHi)
	return p + (e + float64(hi*fLo) + float64(lo*fHi))
}

// Pow is x^y.
func Pow(x, y float64) float64 {
	whole, odd := integer(y)
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	case math.IsInf(y, 0):
		a := math.Abs(x)
		switch {
		case a == 1:
			return 1
		case (a > 1) == (y > 0):
			return math.Inf(1)
		}
		return 0
	case x == 0 || math.IsInf(x, 0):
		v := 0.0
		if (x == 0) == (y < 0) {
			v = math.Inf(1)
		}
		if odd {
			v = math.Copysign(v, x)
		}
		return v
	case x < 0 && !whole:
		return math.NaN()
	}
	hi, lo := logPair(math.Abs(x))
	p, e := product(hi, y)
	var v float64
	switch {
	case p > 710:
		v = math.Inf(1)
	case p < -746:
	default:
		v = expPair(p, e+float64(lo*y))
	}
	if x < 0 && odd {
		return -v
	}
	return v
}

// integer says whether y is a whole number, and an odd one.
func integer(y float64) (whole, odd bool) {
	a := math.Abs(y)
	switch {
	case a >= 0x1p53:
		return a <= math.MaxFloat64, false
	case a != math.Floor(a) || y != y:
		return false, false
	}
	return true, int64(a)&1 == 1
}
