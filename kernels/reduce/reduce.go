// Package reduce makes one value of a column.
//
// All of it is free of order: any cut of the rows, combined, gives the same. Sums of floats are package exact's. A masked
// form looks at the rows whose bit in valid is set and at no others; valid has the words of a bitmap of the column's length,
// nil means all.
package reduce

//go:generate go run -C ../_gen ./asm -group reduce -out ../reduce/zz_minmax_amd64.s -stubs ../reduce/zz_minmax_amd64.go -pkg reduce
//go:generate go run -C ../_gen ./asm -group masks -out ../reduce/zz_masks_amd64.s -stubs ../reduce/zz_masks_amd64.go -pkg reduce

import (
	"math"
	"math/bits"
	"unsafe"
)

const block = 512 // rows of a masked form's buffer

// MinMaxF64 is the least and the greatest of xs; NaN is passed over, and a zero comes back as +0, so that the order of the
// rows does not show. ok is false where nothing but NaN is there; then lo is +Inf and hi -Inf, which combine with others by
// min and max.
func MinMaxF64(xs []float64) (lo, hi float64, ok bool) {
	lo, hi = minMax(xs)
	return lo + 0, hi + 0, lo <= hi // -0 + 0 is +0
}

// MinMaxF64Masked is MinMaxF64 of the valid rows.
func MinMaxF64Masked(xs []float64, valid []uint64) (lo, hi float64, ok bool) {
	if valid == nil {
		return MinMaxF64(xs)
	}
	lo, hi = minMaxMasked(xs, valid[:(len(xs)+63)/64])
	return lo + 0, hi + 0, lo <= hi
}

// maskedDense is minMax of the valid rows by the dense kernel: what is masked becomes a NaN in a buffer.
func maskedDense(xs []float64, valid []uint64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	var buf [block]float64
	for o := 0; o < len(xs); o += block {
		part := xs[o:min(len(xs), o+block)]
		for i, x := range part {
			off := valid[uint(o+i)>>6]>>(uint(i)&63)&1 - 1
			buf[i] = math.Float64frombits(math.Float64bits(x) | off)
		}
		l, h := minMax(buf[:len(part)])
		lo, hi = min(lo, l), max(hi, h)
	}
	return lo, hi
}

// minMaxGo is the reference: for x in xs that is not NaN { lo, hi = min(lo, x), max(hi, x) } from +Inf and -Inf. Which zero a
// level gives is open.
func minMaxGo(xs []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range xs {
		if x < lo {
			lo = x
		}
		if x > hi {
			hi = x
		}
	}
	return lo, hi
}

// CountNaN is the number of NaN among the valid rows.
func CountNaN(xs []float64, valid []uint64) int {
	n := 0
	for i, x := range xs {
		if x != x && (valid == nil || valid[uint(i)>>6]>>(uint(i)&63)&1 != 0) {
			n++
		}
	}
	return n
}

// Int is the integer columns' elements.
type Int interface{ ~int32 | ~int64 }

// MinMaxInt is the least and the greatest of the valid rows; ok is false where there are none.
func MinMaxInt[T Int](xs []T, valid []uint64) (lo, hi T, ok bool) {
	if valid != nil {
		valid = valid[:(len(xs)+63)/64]
	}
	switch xs := any(xs).(type) {
	case []int64:
		l, h := minMaxI64(xs, valid)
		lo, hi = T(l), T(h)
	case []int32:
		l, h := minMaxI32(xs, valid)
		lo, hi = T(l), T(h)
	default:
		lo, hi = minMaxIntGo(xs.([]T), valid)
	}
	if lo > hi {
		return 0, 0, false
	}
	return lo, hi, true
}

// minMaxIntGo is the reference; of no rows it gives the greatest integer and the least.
func minMaxIntGo[T Int](xs []T, valid []uint64) (lo, hi T) {
	lo, hi = limits[T]()
	if valid == nil {
		for _, x := range xs {
			lo, hi = min(lo, x), max(hi, x)
		}
		return lo, hi
	}
	for i, x := range xs {
		if valid[uint(i)>>6]>>(uint(i)&63)&1 != 0 {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	return lo, hi
}

// limits are the greatest integer and the least.
func limits[T Int]() (greatest, least T) {
	least = T(-1) << (8*unsafe.Sizeof(T(0)) - 1)
	return ^least, least
}

// SumInt is a sum of integers in 128 bits, which 2^64 values cannot overflow. It is comparable; zero is the empty sum.
type SumInt struct {
	Hi int64
	Lo uint64
}

// Add adds one value.
func (s *SumInt) Add(x int64) {
	var carry uint64
	s.Lo, carry = bits.Add64(s.Lo, uint64(x), 0)
	s.Hi += x>>63 + int64(carry)
}

// Merge adds another sum.
func (s *SumInt) Merge(o SumInt) {
	var carry uint64
	s.Lo, carry = bits.Add64(s.Lo, o.Lo, 0)
	s.Hi += o.Hi + int64(carry)
}

// Int64 is the sum, and whether it is one.
func (s SumInt) Int64() (sum int64, ok bool) {
	return int64(s.Lo), s.Hi == int64(s.Lo)>>63
}

// Float64 is the sum, rounded to nearest, ties to even.
func (s SumInt) Float64() float64 {
	hi, lo := uint64(s.Hi), s.Lo
	if s.Hi < 0 {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	var f float64
	if hi == 0 {
		f = float64(lo)
	} else {
		// The upper 64 bits, the last of them standing for all below, round as the whole does.
		n := uint(bits.LeadingZeros64(hi))
		top, rest := hi<<n|lo>>(64-n), lo<<n
		if rest != 0 {
			top |= 1
		}
		f = math.Ldexp(float64(top), int(64-n))
	}
	if s.Hi < 0 {
		return -f
	}
	return f
}

// AddInts adds the valid rows of xs to s.
func AddInts[T Int](s *SumInt, xs []T, valid []uint64) {
	if valid != nil {
		valid = valid[:(len(xs)+63)/64]
	}
	switch xs := any(xs).(type) {
	case []int64:
		addI64(s, xs, valid)
	case []int32:
		addI32(s, xs, valid)
	default:
		addIntsGo(s, xs.([]T), valid)
	}
}

// addIntsGo is the reference.
func addIntsGo[T Int](s *SumInt, xs []T, valid []uint64) {
	// The halves are added apart, so that a row costs no carry: 2^31 rows of 32 bits fit into a word.
	for len(xs) > 0 {
		n := min(len(xs), 1<<16)
		var hi, lo int64
		if valid == nil {
			for _, x := range xs[:n] {
				hi += int64(x) >> 32
				lo += int64(x) & (1<<32 - 1)
			}
		} else {
			for i, x := range xs[:n] {
				v := int64(x) & -int64(valid[uint(i)>>6]>>(uint(i)&63)&1)
				hi += v >> 32
				lo += v & (1<<32 - 1)
			}
			valid = valid[(n+63)/64:]
		}
		s.addHalves(hi, lo)
		xs = xs[n:]
	}
}

// addHalves adds hi*2^32 + lo.
func (s *SumInt) addHalves(hi, lo int64) {
	s.Merge(SumInt{Hi: hi >> 32, Lo: uint64(hi) << 32})
	s.Add(lo)
}
