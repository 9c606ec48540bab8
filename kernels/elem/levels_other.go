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

func divF64(dst, a, b []float64) { divGo(dst, a, b) }

func floorF64(dst, a []float64) { floorGo(dst, a) }

func ceilF64(dst, a []float64) { ceilGo(dst, a) }

func truncF64(dst, a []float64) { truncGo(dst, a) }

func sqrtF64(dst, a []float64) { sqrtGo(dst, a) }

func i64ToF64([]float64, []int64) int { return 0 }

func i32ToF64([]float64, []int32) int { return 0 }

func f32ToF64([]float64, []float32) int { return 0 }

func i32ToI64([]int64, []int32) int { return 0 }

func select8(dst, cond, a, b []uint64) { selectGo(dst, cond, a, b) }

func mulI64(dst, a, b []int64) int { return mulI64Go(dst, a, b) }

func oneNaN(x []float64) { oneNaNGo(x) }

func roundF64(dst, a []float64) { roundGo(dst, a) }
