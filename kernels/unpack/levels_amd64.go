//go:build !headrace_noasm

package unpack

import "github.com/headrace/headrace/kernels/cpu"

func most(v []uint32) uint32 {
	n := len(v) &^ 31
	if n == 0 {
		return maxGo(v)
	}
	switch cpu.Now() {
	case cpu.AVX512:
		return max(maxAVX512(&v[0], n), maxGo(v[n:]))
	case cpu.AVX2:
		return max(maxAVX2(&v[0], n), maxGo(v[n:]))
	}
	return maxGo(v)
}

func words4(v []uint32, row, k int, valid []uint64) int {
	switch cpu.Now() {
	case cpu.AVX512:
		return spread4AVX512(&v[0], row, k, &valid[0], len(valid))
	case cpu.AVX2:
		return spread4AVX2(&v[0], row, k, &valid[0], len(valid))
	}
	return words4Go(v, row, k, valid)
}

func words8(v []uint64, row, k int, valid []uint64) int {
	switch cpu.Now() {
	case cpu.AVX512:
		return spread8AVX512(&v[0], row, k, &valid[0], len(valid))
	case cpu.AVX2:
		return spread8AVX2(&v[0], row, k, &valid[0], len(valid))
	}
	return words8Go(v, row, k, valid)
}
