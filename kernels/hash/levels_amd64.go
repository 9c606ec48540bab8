//go:build !headrace_noasm

package hash

import "github.com/headrace/headrace/kernels/cpu"

func rows(dst, keys []uint64, w int) {
	if cpu.Now() != cpu.AVX512 || w == 0 {
		rowsGo(dst, keys, w)
		return
	}
	n := len(dst) &^ 15
	switch {
	case n == 0:
	case w == 1:
		rows1AVX512(&dst[0], n, &keys[0])
	case w == 2:
		rows2AVX512(&dst[0], n, &keys[0])
	default:
		rowsAVX512(&dst[0], n, &keys[0], w)
	}
	rowsGo(dst[n:], keys[n*w:], w)
}
