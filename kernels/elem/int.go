package elem

import (
	"math"
	"math/bits"
)

// Integer arithmetic says where it overflows: the functions return the index of the first row whose result is not an int64,
// or -1. From that row on dst may hold anything. A row that is null may overflow by what its slot holds by chance; FirstValid
// goes on after it.

// FirstValid is the first overflow at a valid row, or -1: f(o) runs a kernel on the rows from o on and returns what it does.
func FirstValid(valid []uint64, n int, f func(o int) int) int {
	for o := 0; o < n; {
		i := f(o)
		if i < 0 {
			return -1
		}
		if o += i; valid == nil || valid[uint(o)>>6]>>(uint(o)&63)&1 != 0 {
			return o
		}
		o++
	}
	return -1
}

// AddI64 is the loop for i { dst[i] = a[i] + b[i] }
func AddI64(dst, a, b []int64) int { return addI64(dst, a[:len(dst)], b[:len(dst)]) }

// addI64Go is the reference.
func addI64Go(dst, a, b []int64) int {
	for i, x := range a {
		y := b[i]
		s := x + y
		if (x^s)&(y^s) < 0 {
			return i
		}
		dst[i] = s
	}
	return -1
}

// SubI64 is the loop for i { dst[i] = a[i] - b[i] }
func SubI64(dst, a, b []int64) int { return subI64(dst, a[:len(dst)], b[:len(dst)]) }

// subI64Go is the reference.
func subI64Go(dst, a, b []int64) int {
	for i, x := range a {
		y := b[i]
		s := x - y
		if (x^y)&(x^s) < 0 {
			return i
		}
		dst[i] = s
	}
	return -1
}

// MulI64 is the loop for i { dst[i] = a[i] * b[i] }
func MulI64(dst, a, b []int64) int {
	return mulI64(dst, a[:len(dst)], b[:len(dst)])
}

// mulI64Go is the reference.
func mulI64Go(dst, a, b []int64) int {
	b = b[:len(a)]
	for i, x := range a {
		p, ok := mul(x, b[i])
		if !ok {
			return i
		}
		dst[i] = p
	}
	return -1
}

func mul(x, y int64) (p int64, ok bool) {
	h, l := bits.Mul64(uint64(x), uint64(y))
	high := int64(h) - x>>63&y - y>>63&x
	return int64(l), high == int64(l)>>63
}

// AddI64Scalar is the loop for i { dst[i] = a[i] + s }
func AddI64Scalar(dst, a []int64, s int64) int {
	a = a[:len(dst)]
	for i, x := range a {
		t := x + s
		if (x^t)&(s^t) < 0 {
			return i
		}
		dst[i] = t
	}
	return -1
}

// SubI64Scalar is the loop for i { dst[i] = a[i] - s }
func SubI64Scalar(dst, a []int64, s int64) int {
	a = a[:len(dst)]
	for i, x := range a {
		t := x - s
		if (x^s)&(x^t) < 0 {
			return i
		}
		dst[i] = t
	}
	return -1
}

// ScalarSubI64 is the loop for i { dst[i] = s - a[i] }
func ScalarSubI64(dst []int64, s int64, a []int64) int {
	a = a[:len(dst)]
	for i, x := range a {
		t := s - x
		if (s^x)&(s^t) < 0 {
			return i
		}
		dst[i] = t
	}
	return -1
}

// MulI64Scalar is the loop for i { dst[i] = a[i] * s }
func MulI64Scalar(dst, a []int64, s int64) int {
	a = a[:len(dst)]
	for i, x := range a {
		p, ok := mul(x, s)
		if !ok {
			return i
		}
		dst[i] = p
	}
	return -1
}

// DivI64 is the loop for i { dst[i] = a[i] / b[i] }, towards zero; a division by zero, and the least int64 by -1, count as
// overflow.
func DivI64(dst, a, b []int64) int {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		y := b[i]
		if y == 0 || y == -1 && x == math.MinInt64 {
			return i
		}
		dst[i] = x / y
	}
	return -1
}

// ModI64 is the loop for i { dst[i] = a[i] % b[i] }, with the sign of a[i]; a division by zero counts as overflow.
func ModI64(dst, a, b []int64) int {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		if b[i] == 0 {
			return i
		}
		dst[i] = x % b[i]
	}
	return -1
}

// NegI64 is the loop for i { dst[i] = -a[i] }
func NegI64(dst, a []int64) int {
	a = a[:len(dst)]
	for i, x := range a {
		if x == math.MinInt64 {
			return i
		}
		dst[i] = -x
	}
	return -1
}

// AbsI64 is the loop for i { dst[i] = |a[i]| }
func AbsI64(dst, a []int64) int {
	a = a[:len(dst)]
	for i, x := range a {
		if x == math.MinInt64 {
			return i
		}
		if x < 0 {
			x = -x
		}
		dst[i] = x
	}
	return -1
}
