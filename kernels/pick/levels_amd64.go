//go:build !headrace_noasm

package pick

import (
	"math"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/cpu"
)

// sparse: where fewer than one row of sparse is kept, walking the set bits is faster than compressing every vector.
const sparse = 12

// small: so many elements of 8 bytes lie in registers, whence they are taken without a gather.
const small = 32

func filter8(dst, src []uint64, keep []uint64) int {
	words := len(src) / 64
	level := cpu.Now()
	if words == 0 || len(dst) < 64 || level == cpu.Go || bits.Count(keep)*sparse < len(src) {
		return filterGo(dst, src, keep)
	}
	var done, n int
	if level == cpu.AVX512 {
		done, n = filter8AVX512(&dst[0], len(dst), &src[0], &keep[0], words)
	} else {
		done, n = filter8AVX2(&dst[0], len(dst), &src[0], &keep[0], words)
	}
	return n + filterGo(dst[n:], src[64*done:], keep[done:])
}

func filter4(dst, src []uint32, keep []uint64) int {
	words := len(src) / 64
	level := cpu.Now()
	if words == 0 || len(dst) < 64 || level == cpu.Go || bits.Count(keep)*sparse < len(src) {
		return filterGo(dst, src, keep)
	}
	var done, n int
	if level == cpu.AVX512 {
		done, n = filter4AVX512(&dst[0], len(dst), &src[0], &keep[0], words)
	} else {
		done, n = filter4AVX2(&dst[0], len(dst), &src[0], &keep[0], words)
	}
	return n + filterGo(dst[n:], src[64*done:], keep[done:])
}

func take4(dst, src []uint32, index []int32) {
	n, done := len(index)&^15, 0
	if n > 0 && len(src) > 0 && cpu.Now() == cpu.AVX512 {
		done = take4AVX512(&dst[0], &src[0], min(len(src), math.MaxInt32), &index[0], n)
	}
	takeGo(dst[done:], src, index[done:])
}

func take8(dst, src []uint64, index []int32) {
	n, done := len(index)&^15, 0
	switch {
	case n == 0 || len(src) == 0 || cpu.Now() != cpu.AVX512:
	case len(src) <= small:
		var few [small]uint64
		copy(few[:], src)
		done = takeSmall8AVX512(&dst[0], &few, len(src), &index[0], n)
	default:
		done = take8AVX512(&dst[0], &src[0], min(len(src), math.MaxInt32), &index[0], n)
	}
	takeGo(dst[done:], src, index[done:])
}
