//go:build !headrace_noasm

package elem

import "github.com/headrace/headrace/kernels/cpu"

func compareF64(dst []uint64, op Op, a []float64, s float64) {
	words := len(a) / 64
	level := cpu.Now()
	if words == 0 || level == cpu.Go {
		compareGo(dst, op, a, s)
		return
	}
	d, x := &dst[0], &a[0]
	if level == cpu.AVX512 {
		switch op {
		case Eq:
			compareEqAVX512(d, words, x, s)
		case Ne:
			compareNeAVX512(d, words, x, s)
		case Lt:
			compareLtAVX512(d, words, x, s)
		case Le:
			compareLeAVX512(d, words, x, s)
		case Gt:
			compareGtAVX512(d, words, x, s)
		case Ge:
			compareGeAVX512(d, words, x, s)
		}
	} else {
		switch op {
		case Eq:
			compareEqAVX2(d, words, x, s)
		case Ne:
			compareNeAVX2(d, words, x, s)
		case Lt:
			compareLtAVX2(d, words, x, s)
		case Le:
			compareLeAVX2(d, words, x, s)
		case Gt:
			compareGtAVX2(d, words, x, s)
		case Ge:
			compareGeAVX2(d, words, x, s)
		}
	}
	compareGo(dst[words:], op, a[64*words:], s)
}
