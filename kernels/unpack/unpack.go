// Package unpack lays out what files hold densely: values without their nulls, codes whose range is not yet known.
package unpack

//go:generate go run -C ../_gen ./asm -group unpack -out ../unpack/zz_unpack_amd64.s -stubs ../unpack/zz_unpack_amd64.go -pkg unpack

import (
	"math/bits"
	"unsafe"
)

// Fixed is the elements that are spread: whole words and halves of them.
type Fixed interface {
	~int32 | ~uint32 | ~float32 | ~int64 | ~uint64 | ~float64
}

// Max is the greatest of v, 0 where there is none.
func Max(v []uint32) uint32 { return most(v) }

func maxGo(v []uint32) uint32 {
	m := uint32(0)
	for _, x := range v {
		m = max(m, x)
	}
	return m
}

// Spread moves the first k values of v to where bitmap valid, from bit at on, has its ones, and clears the rest: the loop
//
//	for i := len(v)-1; i >= 0; i-- { if valid[at+i] { k--; v[i] = v[k] } else { v[i] = 0 } }
//
// It panics where k is not the number of ones among the bits at..at+len(v), and touches nothing outside v.
func Spread[T Fixed](v []T, k int, valid []uint64, at int) {
	if k != count(valid, at, len(v)) {
		panic("unpack: a count that is not the bitmap's")
	}
	if k == len(v) {
		return
	}
	if unsafe.Sizeof(v[0]) == 4 {
		spread(as[uint32](v), k, valid, at, words4)
	} else {
		spread(as[uint64](v), k, valid, at, words8)
	}
}

// count is the ones among n bits from bit at on.
func count(valid []uint64, at, n int) (ones int) {
	for n > 0 {
		o := at & 63
		m := min(n, 64-o)
		ones += bits.OnesCount64(valid[at>>6] >> o << (64 - m))
		at, n = at+m, n-m
	}
	return ones
}

// spread does the parts of words at the ends by the reference and gives the whole words between them to words.
func spread[T uint32 | uint64](v []T, k int, valid []uint64, at int, words func(v []T, row, k int, valid []uint64) int) {
	n := len(v)
	first, last := (at+63)>>6, (at+n)>>6
	if first >= last {
		spreadGo(v, 0, n, k, valid, at)
		return
	}
	head, tail := first<<6-at, last<<6-at
	k = spreadGo(v, tail, n, k, valid, at)
	k = words(v, tail, k, valid[first:last])
	spreadGo(v, 0, head, min(k, head), valid, at) // words may stop early: then all rows before are in place, these too
}

// spreadGo is the reference for rows from..to, of which and of the rows before there are k values; it gives the values of the rows before.
func spreadGo[T uint32 | uint64](v []T, from, to, k int, valid []uint64, at int) int {
	for i := to; i > from; {
		if k == i { // as many values as rows: they are in place
			return from
		}
		b := at + i - 1 // the last bit of a word, or part of one
		o := b & 63
		m := min(i-from, o+1)
		w := valid[b>>6] << (63 - o) // the last row's bit is the top
		switch ones := bits.OnesCount64(w >> (64 - m)); ones {
		case m:
			copy(v[i-m:i], v[k-m:k])
			k -= m
		case 0:
			clear(v[i-m : i])
		default:
			for j := i - 1; j >= i-m; j-- {
				one := int(w >> 63)
				w <<= 1
				k -= one
				v[j] = v[min(k, j)] & -T(one)
			}
		}
		i -= m
	}
	return k
}

// words4 and words8 are spread for the rows before row, which end and begin with whole words of valid: of 4 and of 8 bytes.
func words4Go(v []uint32, row, k int, valid []uint64) int {
	return spreadGo(v, row-64*len(valid), row, k, valid, 64*len(valid)-row)
}

func words8Go(v []uint64, row, k int, valid []uint64) int {
	return spreadGo(v, row-64*len(valid), row, k, valid, 64*len(valid)-row)
}

// as sees the elements as others of the same width.
func as[D, S Fixed](s []S) []D {
	return unsafe.Slice((*D)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}
