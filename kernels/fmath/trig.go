package fmath

import (
	"math"
	"math/big"
	"sync"
)

// Sin is the sine of x radians. Beyond 2^20 the reduction is exact but slow (microseconds).
func Sin(x float64) float64 {
	if x == 0 {
		return x // keeps -0
	}
	q, r, t := reduce(x)
	return quarter(q, r, t)
}

// Cos is the cosine of x radians. Beyond 2^20 the reduction is exact but slow (microseconds).
func Cos(x float64) float64 {
	q, r, t := reduce(x)
	return quarter(q+1, r, t)
}

// quarter is sin(q*pi/2 + r + t).
func quarter(q int, r, t float64) float64 {
	var v float64
	if q&1 == 0 {
		v = sinPoly(r, t)
	} else {
		v = cosPoly(r, t)
	}
	if q&2 != 0 {
		return -v
	}
	return v
}

// reduce cuts x into q*pi/2 + r + t, |r| <= pi/4 (and a little), t far below r. NaN and infinities give NaN.
func reduce(x float64) (q int, r, t float64) {
	switch a := math.Abs(x); {
	case a <= 0.75:
		return 0, x, 0
	case a > math.MaxFloat64 || x != x:
		return 0, math.NaN(), 0
	case a > 1<<20:
		return reduceBig(x)
	}
	kd := float64(x*quartersPerOne) + shifter - shifter
	// pi/2 in pieces of 33 bits, so that each product with the 20 bits of kd is exact
	r = x - float64(kd*quarterA)
	r, t = twoSum(r, -float64(kd*quarterB))
	u, v := twoSum(r, -float64(kd*quarterC))
	t += v
	t -= float64(kd * quarterD)
	r = u + t
	return int(kd), r, (u - r) + t
}

// twoSum is a+b and the error of its rounding.
func twoSum(a, b float64) (s, e float64) {
	s = a + b
	v := s - a
	return s, (a - (s - v)) + (b - v)
}

// wide is pi/2 with 1300 bits, by Machin's formula: enough for the largest float64.
var wide = sync.OnceValue(func() *big.Int {
	const bits = 1300
	atan := func(d int64) *big.Int { // atan(1/d)
		square := big.NewInt(d * d)
		power := new(big.Int).Lsh(big.NewInt(1), bits+20)
		power.Quo(power, big.NewInt(d))
		sum, term := new(big.Int), new(big.Int)
		for i := int64(1); power.Sign() != 0; i += 2 {
			term.Quo(power, big.NewInt(i))
			if i&2 != 0 {
				term.Neg(term)
			}
			sum.Add(sum, term)
			power.Quo(power, square)
		}
		return sum
	}
	a, b := atan(5), atan(239)
	a.Sub(a.Mul(a, big.NewInt(8)), b.Mul(b, big.NewInt(2)))
	return a.Rsh(a, 20)
})

func reduceBig(x float64) (q int, r, t float64) {
	const bits = 1300
	half := wide()
	n, _ := new(big.Float).SetMantExp(big.NewFloat(x), bits).Int(nil)
	k, rest := new(big.Int).DivMod(n, half, new(big.Int))
	if twice := new(big.Int).Lsh(rest, 1); twice.Cmp(half) > 0 {
		rest.Sub(rest, half)
		k.Add(k, big.NewInt(1))
	}
	f := new(big.Float).SetInt(rest)
	f.SetMantExp(f, -bits)
	r, _ = f.Float64()
	t, _ = f.Sub(f, big.NewFloat(r)).Float64()
	return int(k.And(k, big.NewInt(3)).Int64()), r, t
}

func sinPoly(r, t float64) float64 {
	z := float64(r * r)
	p := float64(float64(r*z) * horner(z, sines[:]))
	return r + (p + float64(t*(1-float64(0.5*z))))
}

func cosPoly(r, t float64) float64 {
	z := float64(r * r)
	h := float64(0.5 * z)
	w := 1 - h
	return w + (((1 - w) - h) + (float64(float64(z*z)*horner(z, cosines[:])) - float64(r*t)))
}

// horner is c[0] + z*(c[1] + z*(c[2] + …)).
func horner(z float64, c []float64) float64 {
	p := 0.0
	for i := len(c) - 1; i >= 0; i-- {
		p = c[i] + float64(p*z)
	}
	return p
}

var (
	sines = [...]float64{-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800,
		-1.0 / 1307674368000, 1.0 / 355687428096000}
	cosines = [...]float64{1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200,
		1.0 / 20922789888000, -1.0 / 6402373705728000}
)
