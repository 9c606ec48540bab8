//go:build !amd64 || headrace_noasm

package elem

func compareF64(dst []uint64, op Op, a []float64, s float64) { compareGo(dst, op, a, s) }

func columnsF64(dst []uint64, op Op, a, b []float64) { columnsGo(dst, op, a, b) }

func columnsI64(dst []uint64, op Op, a, b []int64) { columnsGo(dst, op, a, b) }

func compareI64(dst []uint64, op Op, a []int64, s int64) { compareGo(dst, op, a, s) }

func columnsI32(dst []uint64, op Op, a, b []int32) { columnsGo(dst, op, a, b) }

func compareI32(dst []uint64, op Op, a []int32, s int32) { compareGo(dst, op, a, s) }

func addF64(dst, a, b []float64) { addGo(dst, a, b) }

func subF64(dst, a, b []float64) { subGo(dst, a, b) }

func mulF64(dst, a, b []float64) { mulGo(dst, a, b) }

func addI64(dst, a, b []int64) int { return addI64Go(dst, a, b) }

func subI64(dst, a, b []int64) int { return subI64Go(dst, a, b) }
