//go:build !amd64 || headrace_noasm

package reduce

func minMax(xs []float64) (lo, hi float64) { return minMaxGo(xs) }
