package program

import "github.com/headrace/headrace/operators/batch"

// daysLoop: for i { dst[i] = the day of src[i] }. The divisors are constants in the loops, which the compiler turns into products.
func daysLoop(dst, src []int64, u batch.Unit) {
	switch u {
	case batch.Second:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400)
		}
	case batch.Milli:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400*1e3)
		}
	case batch.Micro:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400*1e6)
		}
	case batch.Nano:
		for i, x := range src {
			dst[i] = floorDiv(x, 86400*1e9)
		}
	}
}

func dateLoop(op exprOp, dst, days []int64) {
	switch op {
	case opYear:
		for i, d := range days {
			dst[i], _, _ = fromDays(d)
		}
	case opMonth:
		for i, d := range days {
			_, dst[i], _ = fromDays(d)
		}
	case opDay:
		for i, d := range days {
			_, _, dst[i] = fromDays(d)
		}
	default:
		for i, d := range days {
			dst[i] = datePart(op, d)
		}
	}
}

// timeLoop is timePart of times in unit u.
func timeLoop(op exprOp, dst, src []int64, u batch.Unit) {
	switch u {
	case batch.Second:
		copy(dst, src)
	case batch.Milli:
		for i, x := range src {
			dst[i] = floorDiv(x, 1e3)
		}
	case batch.Micro:
		for i, x := range src {
			dst[i] = floorDiv(x, 1e6)
		}
	case batch.Nano:
		for i, x := range src {
			dst[i] = floorDiv(x, 1e9)
		}
	}
	switch op {
	case opHour:
		for i, s := range dst {
			dst[i] = int64(uint32(s-floorDiv(s, 86400)*86400) / 3600)
		}
	case opMinute:
		for i, s := range dst {
			dst[i] = int64(uint32(s-floorDiv(s, 3600)*3600) / 60)
		}
	case opSecond:
		for i, s := range dst {
			dst[i] = s - floorDiv(s, 60)*60
		}
	}
}
