//go:build !headrace_noasm

package reduce

import (
	"math"

	"github.com/headrace/headrace/kernels/cpu"
)

func minMax(xs []float64) (lo, hi float64) {
	n := len(xs) &^ 31
	level := cpu.Now()
	if n == 0 || level == cpu.Go {
		return minMaxGo(xs)
	}
	var head [2]float64
	if level == cpu.AVX512 {
		minMaxAVX512(&xs[0], n, &head)
	} else {
		minMaxAVX2(&xs[0], n, &head)
	}
	lo, hi = minMaxGo(xs[n:])
	return min(lo, head[0]), max(hi, head[1])
}

// allValid is what masked kernels read, without moving, where there is no bitmap.
var allValid uint64 = math.MaxUint64

func bitmap(valid []uint64) (words *uint64, step int) {
	if valid == nil {
		return &allValid, 0
	}
	return &valid[0], 8
}

// after is what is left of a bitmap after whole words.
func after(valid []uint64, words int) []uint64 {
	if valid == nil {
		return nil
	}
	return valid[words:]
}

func minMaxMasked(xs []float64, valid []uint64) (lo, hi float64) {
	words := len(xs) / 64
	if words == 0 || cpu.Now() != cpu.AVX512 {
		return maskedDense(xs, valid)
	}
	var out [2]float64
	minMaxMaskedF64AVX512(&xs[0], words, &valid[0], 8, &out)
	lo, hi = maskedDense(xs[64*words:], valid[words:])
	return min(lo, out[0]), max(hi, out[1])
}

func minMaxI64(xs []int64, valid []uint64) (lo, hi int64) {
	words, level := len(xs)/64, cpu.Now()
	var out [2]int64
	switch {
	case words == 0 || level == cpu.Go || level == cpu.AVX2 && valid != nil:
		return minMaxIntGo(xs, valid)
	case level == cpu.AVX512:
		bits, step := bitmap(valid)
		minMaxMaskedI64AVX512(&xs[0], words, bits, step, &out)
	default:
		minMaxI64AVX2(&xs[0], words, &out)
	}
	lo, hi = minMaxIntGo(xs[64*words:], after(valid, words))
	return min(lo, out[0]), max(hi, out[1])
}

func minMaxI32(xs []int32, valid []uint64) (lo, hi int32) {
	words, level := len(xs)/64, cpu.Now()
	var out [4]int32
	switch {
	case words == 0 || level == cpu.Go || level == cpu.AVX2 && valid != nil:
		return minMaxIntGo(xs, valid)
	case level == cpu.AVX512:
		bits, step := bitmap(valid)
		minMaxMaskedI32AVX512(&xs[0], words, bits, step, &out)
	default:
		minMaxI32AVX2(&xs[0], words, &out)
	}
	lo, hi = minMaxIntGo(xs[64*words:], after(valid, words))
	return min(lo, out[0], out[1]), max(hi, out[2], out[3])
}

// sumWords is how many words of rows a kernel adds before the halves are carried: 2^20 rows of 32 bits are far from a word.
const sumWords = 1 << 14

func addI64(s *SumInt, xs []int64, valid []uint64) {
	if cpu.Now() != cpu.AVX512 {
		addIntsGo(s, xs, valid)
		return
	}
	for len(xs) >= 64 {
		words := min(len(xs)/64, sumWords)
		bits, step := bitmap(valid)
		var out [2]int64
		sumI64AVX512(&xs[0], words, bits, step, &out)
		s.addHalves(out[0], out[1])
		xs, valid = xs[64*words:], after(valid, words)
	}
	addIntsGo(s, xs, valid)
}

func addI32(s *SumInt, xs []int32, valid []uint64) {
	if cpu.Now() != cpu.AVX512 {
		addIntsGo(s, xs, valid)
		return
	}
	for len(xs) >= 64 {
		words := min(len(xs)/64, sumWords)
		bits, step := bitmap(valid)
		var out [2]int64
		sumI32AVX512(&xs[0], words, bits, step, &out)
		s.addHalves(out[0], out[1])
		xs, valid = xs[64*words:], after(valid, words)
	}
	addIntsGo(s, xs, valid)
}
