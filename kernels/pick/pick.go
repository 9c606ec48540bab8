// Package pick chooses rows: by a bitmap (Filter) or by a list of them (Take).
//
// A bitmap has exactly the words of its length. dst may be longer than what is chosen; of its elements past that, up to
// len(dst), some may be overwritten, so that whole vectors can be stored, and nothing is written past len(dst). dst must not
// be a source unless a function says so; a dst that is too short panics.
package pick

//go:generate go run -C ../_gen ./asm -group pick -out ../pick/zz_filter_amd64.s -stubs ../pick/zz_filter_amd64.go -pkg pick
//go:generate go run -C ../_gen ./asm -group take -out ../pick/zz_take_amd64.s -stubs ../pick/zz_take_amd64.go -pkg pick
//go:generate go run -C ../_gen ./asm -group filter4 -out ../pick/zz_filter4_amd64.s -stubs ../pick/zz_filter4_amd64.go -pkg pick

import (
	"math/bits"
	"unsafe"
)

// Fixed is the elements of fixed width.
type Fixed interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~float32 | ~int64 | ~uint64 | ~float64
}

// Filter is the loop for i where keep[i] is set { dst[n] = src[i]; n++ }, and returns n. dst may be src.
func Filter[T Fixed](dst, src []T, keep []uint64) int {
	keep = keep[:(len(src)+63)/64]
	switch unsafe.Sizeof(*new(T)) {
	case 1:
		return filterGo(as[uint8](dst), as[uint8](src), keep)
	case 2:
		return filterGo(as[uint16](dst), as[uint16](src), keep)
	case 4:
		return filter4(as[uint32](dst), as[uint32](src), keep)
	}
	return filter8(as[uint64](dst), as[uint64](src), keep)
}

// FilterF64 is Filter of float64.
func FilterF64(dst, src []float64, keep []uint64) int { return Filter(dst, src, keep) }

// as sees the elements as others of the same width.
func as[D, S Fixed](s []S) []D {
	return unsafe.Slice((*D)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// filterGo is the reference.
func filterGo[T Fixed](dst, src []T, keep []uint64) int {
	n := 0
	for j, w := range keep {
		part := src[64*j : min(len(src), 64*j+64)]
		if w == ^uint64(0) {
			n += copy(dst[n:n+64], part)
			continue
		}
		for ; w != 0; w &= w - 1 {
			dst[n] = part[bits.TrailingZeros64(w)]
			n++
		}
	}
	return n
}

// Take is the loop for i < len(index) { dst[i] = src[index[i]] }; an index below zero stands for no row and gives zero, one
// past src panics. dst has at least len(index) elements and is not src.
func Take[T Fixed](dst, src []T, index []int32) {
	dst = dst[:len(index)]
	switch unsafe.Sizeof(*new(T)) {
	case 1:
		takeGo(as[uint8](dst), as[uint8](src), index)
	case 2:
		takeGo(as[uint16](dst), as[uint16](src), index)
	case 4:
		take4(as[uint32](dst), as[uint32](src), index)
	default:
		take8(as[uint64](dst), as[uint64](src), index)
	}
}

// takeGo is the reference.
func takeGo[T Fixed](dst, src []T, index []int32) {
	dst = dst[:len(index)]
	for i, x := range index {
		var v T
		if x >= 0 {
			v = src[x]
		}
		dst[i] = v
	}
}

// Strings are a column of byte strings: string i is data[offsets[i]:offsets[i+1]], as Arrow has it. offsets has one element
// more than there are strings.

// FilterStringsBytes is the number of bytes that FilterStrings needs.
func FilterStringsBytes(offsets []int32, keep []uint64) int {
	n := 0
	for j, w := range keep {
		for ; w != 0; w &= w - 1 {
			i := 64*j + bits.TrailingZeros64(w)
			n += int(offsets[i+1] - offsets[i])
		}
	}
	return n
}

// FilterStrings writes the strings where keep is set, in order, to dstData and their offsets, from 0 on, to dstOffsets, and
// returns how many strings and bytes they are. dstOffsets has at least one element more than the strings, dstData at least
// FilterStringsBytes. Runs of kept strings are copied at once.
func FilterStrings(dstOffsets []int32, dstData []byte, offsets []int32, data []byte, keep []uint64) (n, size int) {
	rows := len(offsets) - 1
	keep = keep[:(rows+63)/64]
	dstOffsets[0] = 0
	for j, w := range keep {
		for w != 0 {
			first := bits.TrailingZeros64(w)
			run := bits.TrailingZeros64(^(w >> first))
			run = min(run, 64-first)
			lo := 64*j + first
			at := offsets[lo : lo+run+1]
			if bytes := data[at[0]:at[run]]; copy(dstData[size:], bytes) < len(bytes) {
				panic("pick: dstData is too short")
			}
			move := int32(size) - at[0]
			for i, o := range at[1:] {
				dstOffsets[n+1+i] = o + move
			}
			n += run
			size += int(at[run] - at[0])
			if first+run == 64 {
				break
			}
			w &= ^uint64(0) << (first + run)
		}
	}
	return n, size
}

// TakeStringsBytes is the number of bytes that TakeStrings needs; it may be above 2^31-1, which offsets cannot hold: the
// caller cuts index then.
func TakeStringsBytes(offsets []int32, index []int32) int {
	n := 0
	for _, x := range index {
		if x >= 0 {
			n += int(offsets[x+1] - offsets[x])
		}
	}
	return n
}

// TakeStrings is the loop for i < len(index) { string i of dst = string index[i] of src }; an index below zero gives an
// empty string. It returns the bytes written. dstOffsets has at least len(index)+1 elements, dstData at least
// TakeStringsBytes.
func TakeStrings(dstOffsets []int32, dstData []byte, offsets []int32, data []byte, index []int32) (size int) {
	dstOffsets = dstOffsets[:len(index)+1]
	dstOffsets[0] = 0
	for i, x := range index {
		if x >= 0 {
			s := data[offsets[x]:offsets[x+1]]
			if copy(dstData[size:], s) < len(s) {
				panic("pick: dstData is too short")
			}
			size += len(s)
		}
		dstOffsets[i+1] = int32(size)
	}
	return size
}
