//go:build !headrace_noasm

package elem

import (
	"math"

	"github.com/headrace/headrace/kernels/cpu"
)

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

// The kernels of integers and of two columns know Eq, Lt and what cannot be made of them by exchanging the sides or by turning
// the bits over; flip turns them.
const turned = ^uint64(0)

func columnsF64(dst []uint64, op Op, a, b []float64) {
	words, level := len(a)/64, cpu.Now()
	if words == 0 || level == cpu.Go {
		columnsGo(dst, op, a, b)
		return
	}
	switch op {
	case Gt, Ge:
		a, b, op = b, a, op.Swap()
	}
	d, x, y := &dst[0], &a[0], &b[0]
	switch {
	case op == Eq && level == cpu.AVX512:
		columnsF64EqAVX512(d, words, x, y, 0)
	case op == Eq:
		columnsF64EqAVX2(d, words, x, y, 0)
	case op == Ne && level == cpu.AVX512:
		columnsF64EqAVX512(d, words, x, y, turned)
	case op == Ne:
		columnsF64EqAVX2(d, words, x, y, turned)
	case op == Lt && level == cpu.AVX512:
		columnsF64LtAVX512(d, words, x, y, 0)
	case op == Lt:
		columnsF64LtAVX2(d, words, x, y, 0)
	case op == Le && level == cpu.AVX512:
		columnsF64LeAVX512(d, words, x, y, 0)
	case op == Le:
		columnsF64LeAVX2(d, words, x, y, 0)
	}
	columnsGo(dst[words:], op, a[64*words:], b[64*words:])
}

func columnsI64(dst []uint64, op Op, a, b []int64) {
	words, level := len(a)/64, cpu.Now()
	if words == 0 || level == cpu.Go {
		columnsGo(dst, op, a, b)
		return
	}
	switch op {
	case Gt, Ge:
		a, b, op = b, a, op.Swap()
	}
	d, x, y := &dst[0], &a[0], &b[0]
	switch {
	case op == Eq && level == cpu.AVX512:
		columnsI64EqAVX512(d, words, x, y, 0)
	case op == Eq:
		columnsI64EqAVX2(d, words, x, y, 0)
	case op == Ne && level == cpu.AVX512:
		columnsI64EqAVX512(d, words, x, y, turned)
	case op == Ne:
		columnsI64EqAVX2(d, words, x, y, turned)
	case op == Lt && level == cpu.AVX512:
		columnsI64LtAVX512(d, words, x, y, 0)
	case op == Lt:
		columnsI64LtAVX2(d, words, x, y, 0)
	case op == Le && level == cpu.AVX512:
		columnsI64LtAVX512(d, words, y, x, turned)
	case op == Le:
		columnsI64LtAVX2(d, words, y, x, turned)
	}
	columnsGo(dst[words:], op, a[64*words:], b[64*words:])
}

func columnsI32(dst []uint64, op Op, a, b []int32) {
	words, level := len(a)/64, cpu.Now()
	if words == 0 || level == cpu.Go {
		columnsGo(dst, op, a, b)
		return
	}
	switch op {
	case Gt, Ge:
		a, b, op = b, a, op.Swap()
	}
	d, x, y := &dst[0], &a[0], &b[0]
	switch {
	case op == Eq && level == cpu.AVX512:
		columnsI32EqAVX512(d, words, x, y, 0)
	case op == Eq:
		columnsI32EqAVX2(d, words, x, y, 0)
	case op == Ne && level == cpu.AVX512:
		columnsI32EqAVX512(d, words, x, y, turned)
	case op == Ne:
		columnsI32EqAVX2(d, words, x, y, turned)
	case op == Lt && level == cpu.AVX512:
		columnsI32LtAVX512(d, words, x, y, 0)
	case op == Lt:
		columnsI32LtAVX2(d, words, x, y, 0)
	case op == Le && level == cpu.AVX512:
		columnsI32LtAVX512(d, words, y, x, turned)
	case op == Le:
		columnsI32LtAVX2(d, words, y, x, turned)
	}
	columnsGo(dst[words:], op, a[64*words:], b[64*words:])
}

func compareI64(dst []uint64, op Op, a []int64, s int64) {
	words, level := len(a)/64, cpu.Now()
	if words == 0 || level == cpu.Go {
		compareGo(dst, op, a, s)
		return
	}
	d, x := &dst[0], &a[0]
	var flip uint64
	switch op {
	case Ne, Le, Ge:
		flip = turned
	}
	switch op {
	case Eq, Ne:
		if level == cpu.AVX512 {
			scalarI64EqAVX512(d, words, x, s, flip)
		} else {
			scalarI64EqAVX2(d, words, x, s, flip)
		}
	case Lt, Ge:
		if level == cpu.AVX512 {
			scalarI64LtAVX512(d, words, x, s, flip)
		} else {
			scalarI64LtAVX2(d, words, x, s, flip)
		}
	case Gt, Le:
		if level == cpu.AVX512 {
			scalarI64GtAVX512(d, words, x, s, flip)
		} else {
			scalarI64GtAVX2(d, words, x, s, flip)
		}
	}
	compareGo(dst[words:], op, a[64*words:], s)
}

func compareI32(dst []uint64, op Op, a []int32, s int32) {
	words, level := len(a)/64, cpu.Now()
	if words == 0 || level == cpu.Go {
		compareGo(dst, op, a, s)
		return
	}
	d, x := &dst[0], &a[0]
	var flip uint64
	switch op {
	case Ne, Le, Ge:
		flip = turned
	}
	switch op {
	case Eq, Ne:
		if level == cpu.AVX512 {
			scalarI32EqAVX512(d, words, x, s, flip)
		} else {
			scalarI32EqAVX2(d, words, x, s, flip)
		}
	case Lt, Ge:
		if level == cpu.AVX512 {
			scalarI32LtAVX512(d, words, x, s, flip)
		} else {
			scalarI32LtAVX2(d, words, x, s, flip)
		}
	case Gt, Le:
		if level == cpu.AVX512 {
			scalarI32GtAVX512(d, words, x, s, flip)
		} else {
			scalarI32GtAVX2(d, words, x, s, flip)
		}
	}
	compareGo(dst[words:], op, a[64*words:], s)
}

func addF64(dst, a, b []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		addAVX512(&dst[0], &a[0], &b[0], n)
	default:
		addAVX2(&dst[0], &a[0], &b[0], n)
	}
	addGo(dst[n:], a[n:], b[n:])
}

func subF64(dst, a, b []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		subAVX512(&dst[0], &a[0], &b[0], n)
	default:
		subAVX2(&dst[0], &a[0], &b[0], n)
	}
	subGo(dst[n:], a[n:], b[n:])
}

func mulF64(dst, a, b []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		mulAVX512(&dst[0], &a[0], &b[0], n)
	default:
		mulAVX2(&dst[0], &a[0], &b[0], n)
	}
	mulGo(dst[n:], a[n:], b[n:])
}

func addI64(dst, a, b []int64) int {
	n, done := len(dst)&^15, 0
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
	case level == cpu.AVX512:
		done = addI64AVX512(&dst[0], &a[0], &b[0], n)
	default:
		done = addI64AVX2(&dst[0], &a[0], &b[0], n)
	}
	if i := addI64Go(dst[done:], a[done:], b[done:]); i >= 0 {
		return done + i
	}
	return -1
}

func subI64(dst, a, b []int64) int {
	n, done := len(dst)&^15, 0
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
	case level == cpu.AVX512:
		done = subI64AVX512(&dst[0], &a[0], &b[0], n)
	default:
		done = subI64AVX2(&dst[0], &a[0], &b[0], n)
	}
	if i := subI64Go(dst[done:], a[done:], b[done:]); i >= 0 {
		return done + i
	}
	return -1
}

func divF64(dst, a, b []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		divAVX512(&dst[0], &a[0], &b[0], n)
	default:
		divAVX2(&dst[0], &a[0], &b[0], n)
	}
	divGo(dst[n:], a[n:], b[n:])
}

func floorF64(dst, a []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		floorAVX512(&dst[0], &a[0], n)
	default:
		floorAVX2(&dst[0], &a[0], n)
	}
	floorGo(dst[n:], a[n:])
}

func ceilF64(dst, a []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		ceilAVX512(&dst[0], &a[0], n)
	default:
		ceilAVX2(&dst[0], &a[0], n)
	}
	ceilGo(dst[n:], a[n:])
}

func truncF64(dst, a []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		truncAVX512(&dst[0], &a[0], n)
	default:
		truncAVX2(&dst[0], &a[0], n)
	}
	truncGo(dst[n:], a[n:])
}

func sqrtF64(dst, a []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		sqrtAVX512(&dst[0], &a[0], n)
	default:
		sqrtAVX2(&dst[0], &a[0], n)
	}
	sqrtGo(dst[n:], a[n:])
}

// The conversions return how many rows they did.

func i64ToF64(dst []float64, src []int64) int {
	n := len(dst) &^ 31
	if n == 0 || cpu.Now() != cpu.AVX512 {
		return 0
	}
	i64ToF64AVX512(&dst[0], &src[0], n)
	return n
}

func i32ToF64(dst []float64, src []int32) int {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		return 0
	case level == cpu.AVX512:
		i32ToF64AVX512(&dst[0], &src[0], n)
	default:
		i32ToF64AVX2(&dst[0], &src[0], n)
	}
	return n
}

func f32ToF64(dst []float64, src []float32) int {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		return 0
	case level == cpu.AVX512:
		f32ToF64AVX512(&dst[0], &src[0], n)
	default:
		f32ToF64AVX2(&dst[0], &src[0], n)
	}
	return n
}

func i32ToI64(dst []int64, src []int32) int {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		return 0
	case level == cpu.AVX512:
		i32ToI64AVX512(&dst[0], &src[0], n)
	default:
		i32ToI64AVX2(&dst[0], &src[0], n)
	}
	return n
}

func select8(dst, cond, a, b []uint64) {
	whole := len(dst) / 64
	if whole == 0 || cpu.Now() != cpu.AVX512 {
		selectGo(dst, cond, a, b)
		return
	}
	select8AVX512(&dst[0], &cond[0], &a[0], &b[0], whole)
	selectGo(dst[64*whole:], cond[whole:], a[64*whole:], b[64*whole:])
}

func mulI64(dst, a, b []int64) int {
	done := 0
	if cpu.Now() == cpu.AVX512 {
		for len(dst)-done >= 16 {
			done += mulI64AVX512(&dst[done], &a[done], &b[done], (len(dst)-done)&^15)
			if len(dst)-done < 16 {
				break
			}
			// One of these might not fit.
			if i := mulI64Go(dst[done:done+16], a[done:done+16], b[done:done+16]); i >= 0 {
				return done + i
			}
			done += 16
		}
	}
	if i := mulI64Go(dst[done:], a[done:], b[done:]); i >= 0 {
		return done + i
	}
	return -1
}

func oneNaN(x []float64) {
	n := len(x) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		oneNaNAVX512(&x[0], n, math.NaN())
	default:
		oneNaNAVX2(&x[0], n, math.NaN())
	}
	oneNaNGo(x[n:])
}

func roundF64(dst, a []float64) {
	n := len(dst) &^ 31
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX512:
		roundAVX512(&dst[0], &a[0], n)
	default:
		roundAVX2(&dst[0], &a[0], n)
	}
	roundGo(dst[n:], a[n:])
}
