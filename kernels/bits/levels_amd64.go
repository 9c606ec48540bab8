//go:build !headrace_noasm

package bits

import (
	"math"

	"github.com/headrace/headrace/kernels/cpu"
)

// small: so many words lie in a register, whence bits are taken without a gather.
const small = 8

func toIndex(dst []int32, src []uint64) int {
	var done, n int
	if len(src) > 0 && len(dst) >= 64 && cpu.Now() != cpu.Go {
		done, n = toIndexAVX2(&dst[0], len(dst), &src[0], len(src))
	}
	return n + toIndexGo(dst[n:], src[done:], 64*done)
}

func filter(dst, src, keep []uint64) int {
	if len(keep) == 0 || cpu.Now() == cpu.Go {
		return filterGo(dst, src, keep)
	}
	kept := Words(Count(keep))
	if kept == 0 {
		return 0
	}
	dst = dst[:kept]
	return filterBMI2(&dst[0], &src[0], &keep[0], len(keep))
}

func take(dst, src []uint64, index []int32) {
	words, done := len(index)/64, 0
	switch {
	case words == 0 || len(src) == 0 || cpu.Now() != cpu.AVX512:
	case len(src) <= small:
		var few [small]uint64
		copy(few[:], src)
		done = takeSmallAVX512(&dst[0], &few, 64*len(src), &index[0], words)
	default:
		done = takeAVX512(&dst[0], &src[0], min(64*len(src), math.MaxInt32), &index[0], words)
	}
	takeGo(dst[done:], src, index[64*done:])
}
