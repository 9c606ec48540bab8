//go:build !amd64 || headrace_noasm

package reduce

func minMax(xs []float64) (lo, hi float64) { return minMaxGo(xs) }

func minMaxMasked(xs []float64, valid []uint64) (lo, hi float64) { return maskedDense(xs, valid) }

func minMaxI64(xs []int64, valid []uint64) (lo, hi int64) { return minMaxIntGo(xs, valid) }

func minMaxI32(xs []int32, valid []uint64) (lo, hi int32) { return minMaxIntGo(xs, valid) }

func addI64(s *SumInt, xs []int64, valid []uint64) { addIntsGo(s, xs, valid) }

func addI32(s *SumInt, xs []int32, valid []uint64) { addIntsGo(s, xs, valid) }
