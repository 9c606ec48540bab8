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

// beyondInt32 is the bitmap of the numbers that are no int32, and says whether there is one.
func beyondInt32(dst []uint64, src []int64) bool {
	var any int64
	for _, x := range src {
		any |= x ^ int64(int32(x))
	}
	if any == 0 {
		return false
	}
	clear(dst)
	for i, x := range src {
		if x != int64(int32(x)) {
			dst[i>>6] |= 1 << (i & 63)
		}
	}
	return true
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
