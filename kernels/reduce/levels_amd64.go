//go:build !headrace_noasm

package reduce

import "github.com/headrace/headrace/kernels/cpu"

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
