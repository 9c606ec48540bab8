package trees

import (
	"math"
	"math/bits"
)

// Wide is a 128-bit signed integer: a sum of int64 that cannot overflow and
// does not depend on the order of its terms.
type Wide struct {
	hi int64
	lo uint64
}

// Add adds x.
func (w *Wide) Add(x int64) { w.Merge(Wide{x >> 63, uint64(x)}) }

// Merge adds o.
func (w *Wide) Merge(o Wide) {
	var c uint64
	w.lo, c = bits.Add64(w.lo, o.lo, 0)
	w.hi += o.hi + int64(c)
}

// Float is w * 2^-scale. The sign is taken off first: the low word of a small
// negative number is nearly 2^64 and would swallow it.
func (w Wide) Float(scale int) float64 {
	hi, lo, sign := uint64(w.hi), w.lo, 1.0
	if w.hi < 0 {
		var b uint64
		lo, b = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, b)
		sign = -1
	}
	return sign * (math.Ldexp(float64(hi), 64-scale) + math.Ldexp(float64(lo), -scale))
}

// Exponent is the least e with |x| < 2^e for finite x.
func Exponent(x float64) int {
	_, e := math.Frexp(x)
	return e
}

// Sum is the sum of x rounded towards zero to 2^-62 of the power of two above
// its largest magnitude: exact enough to be the float sum, and the same for any
// order of x.
func (t *Team) Sum(x []float64) float64 {
	n := BlockCount(len(x))
	peaks := make([]float64, n)
	t.Blocks(len(x), func(b, begin, end int) {
		m := 0.0
		for _, v := range x[begin:end] {
			m = max(m, math.Abs(v))
		}
		peaks[b] = m
	})
	peak := 0.0
	for _, p := range peaks {
		peak = max(peak, p)
	}
	if peak == 0 {
		return 0
	}
	if math.IsInf(peak, 0) || math.IsNaN(peak) {
		return math.NaN()
	}
	scale := 62 - Exponent(peak)
	// In two steps: for the smallest numbers 2^scale itself is not a number.
	first, second := math.Ldexp(1, scale/2), math.Ldexp(1, scale-scale/2)
	parts := make([]Wide, n)
	t.Blocks(len(x), func(b, begin, end int) {
		var w Wide
		for _, v := range x[begin:end] {
			w.Add(int64(v * first * second))
		}
		parts[b] = w
	})
	var w Wide
	for _, p := range parts {
		w.Merge(p)
	}
	return w.Float(scale)
}

// roundMagic moves the units digit of a float to the last bit of its mantissa.
const roundMagic = 3 << 51

// Nearest rounds |x| < 2^50 to the nearest integer, ties to even, without the
// branch on the processor that math.RoundToEven has at GOAMD64=v1.
func Nearest(x float64) int64 {
	return int64(math.Float64bits(x+roundMagic)) - int64(math.Float64bits(roundMagic))
}
