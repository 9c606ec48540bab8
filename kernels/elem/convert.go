package elem

import "math"

// Convert is the loop for i { dst[i] = D(src[i]) }, for conversions that every value survives: to a wider integer, from an
// integer to a float (rounded to nearest) and between floats (rounded, to an infinity if too large). Narrowing to integers
// has functions of its own, as Go leaves to the processor what comes of values that do not fit.
func Convert[D, S Number](dst []D, src []S) {
	src = src[:len(dst)]
	done := 0
	switch d := any(dst).(type) {
	case []float64:
		switch s := any(src).(type) {
		case []int64:
			done = i64ToF64(d, s)
		case []int32:
			done = i32ToF64(d, s)
		case []float32:
			done = f32ToF64(d, s)
		}
	case []int64:
		if s, ok := any(src).([]int32); ok {
			done = i32ToI64(d, s)
		}
	}
	for i, x := range src[done:] {
		dst[done+i] = D(x)
	}
}

// F64ToI64 is the loop for i { dst[i] = src[i] without its fraction }; it returns the first row that is NaN or outside
// int64, or -1, and from there on dst may hold anything.
func F64ToI64(dst []int64, src []float64) int {
	src = src[:len(dst)]
	for i, x := range src {
		if !(x >= -0x1p63 && x < 0x1p63) {
			return i
		}
		dst[i] = int64(x)
	}
	return -1
}

// F64ToI32 is the loop for i { dst[i] = src[i] without its fraction }; it returns the first row that is NaN or whose whole
// part is outside int32, or -1, and from there on dst may hold anything.
func F64ToI32(dst []int32, src []float64) int {
	src = src[:len(dst)]
	for i, x := range src {
		if !(x > math.MinInt32-1 && x < math.MaxInt32+1) {
			return i
		}
		dst[i] = int32(x)
	}
	return -1
}

// I64ToI32 is the loop for i { dst[i] = src[i] }; it returns the first row outside int32, or -1, and from there on dst may
// hold anything.
func I64ToI32(dst []int32, src []int64) int {
	src = src[:len(dst)]
	for i, x := range src {
		if x != int64(int32(x)) {
			return i
		}
		dst[i] = int32(x)
	}
	return -1
}

// BoolTo is the loop for i { dst[i] = 1 where src[i] is set, or 0 }
func BoolTo[D Number](dst []D, src []uint64) {
	src = src[:(len(dst)+63)/64]
	for i := range dst {
		dst[i] = D(src[uint(i)>>6] >> (uint(i) & 63) & 1)
	}
}
