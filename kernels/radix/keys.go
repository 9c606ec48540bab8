package radix

import "math"

const sign = 1 << 63

// nanKey is the key of every NaN.
const nanKey = 0x7ff8000000000001 | sign

// Float64Key is a word whose order is that of the floats: NaN comes last, the zeros are one.
func Float64Key(x float64) uint64 {
	if x != x {
		return nanKey
	}
	b := math.Float64bits(x + 0) // -0 + 0 is +0
	return b ^ (uint64(int64(b)>>63) | sign)
}

// Float64 is the float of a key; its bits are those that Float64Key was given, but for -0 and odd NaN.
func Float64(key uint64) float64 {
	return math.Float64frombits(key ^ (uint64(int64(^key)>>63) | sign))
}

// Int64Key is a word whose order is that of the integers.
func Int64Key(x int64) uint64 { return uint64(x) ^ sign }

// Int64 is the integer of a key.
func Int64(key uint64) int64 { return int64(key ^ sign) }

// FloatKeys is the loop for i { dst[i] = Float64Key(src[i]) }; one length.
func FloatKeys(dst []uint64, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Float64Key(x)
	}
}

// Floats is the loop for i { dst[i] = Float64(src[i]) }; one length.
func Floats(dst []float64, src []uint64) {
	src = src[:len(dst)]
	for i, k := range src {
		dst[i] = Float64(k)
	}
}

// IntKeys is the loop for i { dst[i] = Int64Key(int64(src[i])) }; one length.
func IntKeys[T ~int32 | ~int64](dst []uint64, src []T) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Int64Key(int64(x))
	}
}

// Ints is the loop for i { dst[i] = T(Int64(src[i])) }; one length.
func Ints[T ~int32 | ~int64](dst []T, src []uint64) {
	src = src[:len(dst)]
	for i, k := range src {
		dst[i] = T(Int64(k))
	}
}
