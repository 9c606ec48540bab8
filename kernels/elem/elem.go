// Package elem maps columns to columns, row by row.
//
// Slices of one call have one length, the length of dst; a shorter source panics. dst may be one of the sources. Nulls are
// the caller's: every row is computed, the ones that its bitmap calls null have any value. Arithmetic on floats is IEEE
// 754's, and each operation is rounded by itself, so that no compiler fuses two of them.
package elem

import (
	"math"
	"unsafe"
)

// Float is the float columns' elements.
type Float interface{ ~float32 | ~float64 }

// Number is the numeric columns' elements.
type Number interface {
	~int32 | ~int64 | ~float32 | ~float64
}

// Add is the loop for i { dst[i] = a[i] + b[i] }
func Add[T Float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		addF64(d, any(a).([]float64), any(b).([]float64))
		return
	}
	addGo(dst, a, b)
}

// addGo is the reference.
func addGo[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// Sub is the loop for i { dst[i] = a[i] - b[i] }
func Sub[T Float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		subF64(d, any(a).([]float64), any(b).([]float64))
		return
	}
	subGo(dst, a, b)
}

// subGo is the reference.
func subGo[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

// Mul is the loop for i { dst[i] = a[i] * b[i] }
func Mul[T Float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		mulF64(d, any(a).([]float64), any(b).([]float64))
		return
	}
	mulGo(dst, a, b)
}

// mulGo is the reference.
func mulGo[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = T(a[i] * b[i])
	}
}

// Div is the loop for i { dst[i] = a[i] / b[i] }; by zero it gives infinities or NaN.
func Div[T Float](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		divF64(d, any(a).([]float64), any(b).([]float64))
		return
	}
	divGo(dst, a, b)
}

// divGo is the reference.
func divGo[T Float](dst, a, b []T) {
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

// AddScalar is the loop for i { dst[i] = a[i] + s }
func AddScalar[T Float](dst, a []T, s T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = x + s
	}
}

// SubScalar is the loop for i { dst[i] = a[i] - s }
func SubScalar[T Float](dst, a []T, s T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = x - s
	}
}

// ScalarSub is the loop for i { dst[i] = s - a[i] }
func ScalarSub[T Float](dst []T, s T, a []T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = s - x
	}
}

// MulScalar is the loop for i { dst[i] = a[i] * s }
func MulScalar[T Float](dst, a []T, s T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T(x * s)
	}
}

// DivScalar is the loop for i { dst[i] = a[i] / s }
func DivScalar[T Float](dst, a []T, s T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = x / s
	}
}

// ScalarDiv is the loop for i { dst[i] = s / a[i] }
func ScalarDiv[T Float](dst []T, s T, a []T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = s / x
	}
}

// Affine is the loop for i { dst[i] = (a[i] - shift) * scale }, rounded after each step.
func Affine[T Float](dst, a []T, shift, scale T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T((x - shift) * scale)
	}
}

// Neg is the loop for i { dst[i] = -a[i] }, which turns the sign of zeros and NaN too.
func Neg[T Float](dst, a []T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = -x
	}
}

// Abs is the loop for i { dst[i] = |a[i]| }
func Abs[T Float](dst, a []T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T(math.Abs(float64(x)))
	}
}

// Floor is the loop for i { dst[i] = the largest whole number <= a[i] }; zeros, infinities and NaN stay.
func Floor[T Float](dst, a []T) {
	a = a[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		floorF64(d, any(a).([]float64))
		return
	}
	floorGo(dst, a)
}

// floorGo is the reference.
func floorGo[T Float](dst, a []T) {
	for i, x := range a {
		dst[i] = T(math.Floor(float64(x)))
	}
}

// Ceil is the loop for i { dst[i] = the least whole number >= a[i] }; zeros, infinities and NaN stay.
func Ceil[T Float](dst, a []T) {
	a = a[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		ceilF64(d, any(a).([]float64))
		return
	}
	ceilGo(dst, a)
}

// ceilGo is the reference.
func ceilGo[T Float](dst, a []T) {
	for i, x := range a {
		dst[i] = T(math.Ceil(float64(x)))
	}
}

// Trunc is the loop for i { dst[i] = a[i] without its fraction }; zeros, infinities and NaN stay.
func Trunc[T Float](dst, a []T) {
	a = a[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		truncF64(d, any(a).([]float64))
		return
	}
	truncGo(dst, a)
}

// truncGo is the reference.
func truncGo[T Float](dst, a []T) {
	for i, x := range a {
		dst[i] = T(math.Trunc(float64(x)))
	}
}

// Round is the loop for i { dst[i] = the nearest whole number to a[i] }, halves away from zero, as SQL's ROUND has it.
func Round[T Float](dst, a []T) {
	a = a[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		roundF64(d, any(a).([]float64))
		return
	}
	roundGo(dst, a)
}

// roundGo is the reference.
func roundGo[T Float](dst, a []T) {
	for i, x := range a {
		dst[i] = T(math.Round(float64(x)))
	}
}

// Sqrt is the loop for i { dst[i] = the square root of a[i], exactly rounded }; NaN below zero, -0 of -0.
func Sqrt[T Float](dst, a []T) {
	a = a[:len(dst)]
	if d, ok := any(dst).([]float64); ok {
		sqrtF64(d, any(a).([]float64))
		return
	}
	sqrtGo(dst, a)
}

// sqrtGo is the reference.
func sqrtGo[T Float](dst, a []T) {
	for i, x := range a {
		dst[i] = T(math.Sqrt(float64(x)))
	}
}

// Min is the loop for i { dst[i] = the lesser of a[i] and b[i] }; NaN if either is, and -0 is less than +0.
func Min[T Number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = min(x, b[i])
	}
}

// Max is the loop for i { dst[i] = the greater of a[i] and b[i] }; NaN if either is, and +0 is greater than -0.
func Max[T Number](dst, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = max(x, b[i])
	}
}

// MinScalar is Min with one b.
func MinScalar[T Number](dst, a []T, s T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = min(x, s)
	}
}

// MaxScalar is Max with one b.
func MaxScalar[T Number](dst, a []T, s T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = max(x, s)
	}
}

// Clip is the loop for i { dst[i] = min(max(a[i], lo), hi) }; NaN stays NaN.
func Clip[T Number](dst, a []T, lo, hi T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = min(max(x, lo), hi)
	}
}

// Fill is the loop for i { dst[i] = v }
func Fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// Select is the loop for i { dst[i] = a[i] where cond[i] is set, or b[i] }
func Select[T any](dst []T, cond []uint64, a, b []T) {
	a, b = a[:len(dst)], b[:len(dst)]
	cond = cond[:(len(dst)+63)/64]
	switch d := any(dst).(type) {
	case []float64:
		select8(words(d), cond, words(any(a).([]float64)), words(any(b).([]float64)))
	case []int64:
		select8(words(d), cond, words(any(a).([]int64)), words(any(b).([]int64)))
	default:
		selectGo(dst, cond, a, b)
	}
}

// words sees the elements as words.
func words[T float64 | int64](s []T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// selectGo is the reference.
func selectGo[T any](dst []T, cond []uint64, a, b []T) {
	for i := range dst {
		v := b[i]
		if cond[uint(i)>>6]>>(uint(i)&63)&1 != 0 {
			v = a[i]
		}
		dst[i] = v
	}
}

// SelectScalar is the loop for i { dst[i] = a[i] where cond[i] is set, or s }
func SelectScalar[T any](dst []T, cond []uint64, a []T, s T) {
	a = a[:len(dst)]
	cond = cond[:(len(dst)+63)/64]
	for i := range dst {
		v := s
		if cond[uint(i)>>6]>>(uint(i)&63)&1 != 0 {
			v = a[i]
		}
		dst[i] = v
	}
}

// OneNaN is the loop for i { if x[i] is NaN { x[i] = math.NaN() } }: which NaN an operation gives depends on the processor.
func OneNaN(x []float64) {
	oneNaN(x)
}

// oneNaNGo is the reference.
func oneNaNGo(x []float64) {
	for i, v := range x {
		if v != v {
			x[i] = math.NaN()
		}
	}
}
