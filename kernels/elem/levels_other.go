//go:build !amd64 || headrace_noasm

package elem

func compareF64(dst []uint64, op Op, a []float64, s float64) { compareGo(dst, op, a, s) }
