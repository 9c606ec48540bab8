package elem

//go:generate go run -C ../_gen ./asm -group elem -out ../elem/zz_compare_amd64.s -stubs ../elem/zz_compare_amd64.go -pkg elem
//go:generate go run -C ../_gen ./asm -group arithmetic -out ../elem/zz_arithmetic_amd64.s -stubs ../elem/zz_arithmetic_amd64.go -pkg elem
//go:generate go run -C ../_gen ./asm -group compares -out ../elem/zz_compares_amd64.s -stubs ../elem/zz_compares_amd64.go -pkg elem
//go:generate go run -C ../_gen ./asm -group maps -out ../elem/zz_maps_amd64.s -stubs ../elem/zz_maps_amd64.go -pkg elem

// Op is a comparison.
type Op uint8

// The comparisons are IEEE 754's: a NaN is unequal to all, itself included, so that Ne is true of it and all else is false;
// -0 equals +0.
const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// String is the operator as it is written.
func (o Op) String() string { return [...]string{"==", "!=", "<", "<=", ">", ">="}[o] }

// Swap is the comparison with its sides exchanged: a o b is b o.Swap() a.
func (o Op) Swap() Op { return [...]Op{Eq, Ne, Gt, Ge, Lt, Le}[o] }

// Compare is the loop for i { dst[i] = a[i] op b[i] }; a and b have one length, dst the words of a bitmap of it.
func Compare[T Number](dst []uint64, op Op, a, b []T) {
	dst, b = dst[:(len(a)+63)/64], b[:len(a)]
	switch a := any(a).(type) {
	case []float64:
		columnsF64(dst, op, a, any(b).([]float64))
	case []int64:
		columnsI64(dst, op, a, any(b).([]int64))
	case []int32:
		columnsI32(dst, op, a, any(b).([]int32))
	default:
		columnsGo(dst, op, a.([]T), b)
	}
}

// columnsGo is the reference of all levels.
func columnsGo[T Number](dst []uint64, op Op, a, b []T) {
	switch op {
	case Gt, Ge:
		a, b, op = b, a, op.Swap()
	}
	for j := range dst {
		x, y := a[64*j:min(len(a), 64*j+64)], b[64*j:min(len(a), 64*j+64)]
		switch op {
		case Eq:
			dst[j] = eqWord(x, y)
		case Ne:
			dst[j] = neWord(x, y)
		case Lt:
			dst[j] = ltWord(x, y)
		case Le:
			dst[j] = leWord(x, y)
		}
	}
}

// CompareScalar is the loop for i { dst[i] = a[i] op s }; dst has the words of a bitmap of len(a).
func CompareScalar[T Number](dst []uint64, op Op, a []T, s T) {
	dst = dst[:(len(a)+63)/64]
	switch a := any(a).(type) {
	case []float64:
		compareF64(dst, op, a, float64(s))
	case []int64:
		compareI64(dst, op, a, int64(s))
	case []int32:
		compareI32(dst, op, a, int32(s))
	default:
		compareGo(dst, op, a.([]T), s)
	}
}

// compareGo is the reference of all levels.
func compareGo[T Number](dst []uint64, op Op, a []T, s T) {
	for j := range dst {
		x := a[64*j : min(len(a), 64*j+64)]
		switch op {
		case Eq:
			dst[j] = eqScalar(x, s)
		case Ne:
			dst[j] = neScalar(x, s)
		case Lt:
			dst[j] = ltScalar(x, s)
		case Le:
			dst[j] = leScalar(x, s)
		case Gt:
			dst[j] = gtScalar(x, s)
		case Ge:
			dst[j] = geScalar(x, s)
		}
	}
}

// IsNaN is the loop for i { dst[i] = a[i] is NaN }
func IsNaN[T Float](dst []uint64, a []T) {
	dst = dst[:(len(a)+63)/64]
	for j := range dst {
		x := a[64*j : min(len(a), 64*j+64)]
		dst[j] = neWord(x, x)
	}
}

// The words below are written out, as a comparison passed as a function would not be inlined.

func eqWord[T Number](a, b []T) (w uint64) {
	b = b[:len(a)]
	for i, x := range a {
		var c uint64
		if x == b[i] {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func neWord[T Number](a, b []T) (w uint64) {
	b = b[:len(a)]
	for i, x := range a {
		var c uint64
		if x != b[i] {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func ltWord[T Number](a, b []T) (w uint64) {
	b = b[:len(a)]
	for i, x := range a {
		var c uint64
		if x < b[i] {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func leWord[T Number](a, b []T) (w uint64) {
	b = b[:len(a)]
	for i, x := range a {
		var c uint64
		if x <= b[i] {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func eqScalar[T Number](a []T, s T) (w uint64) {
	for i, x := range a {
		var c uint64
		if x == s {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func neScalar[T Number](a []T, s T) (w uint64) {
	for i, x := range a {
		var c uint64
		if x != s {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func ltScalar[T Number](a []T, s T) (w uint64) {
	for i, x := range a {
		var c uint64
		if x < s {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func leScalar[T Number](a []T, s T) (w uint64) {
	for i, x := range a {
		var c uint64
		if x <= s {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func gtScalar[T Number](a []T, s T) (w uint64) {
	for i, x := range a {
		var c uint64
		if x > s {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}

func geScalar[T Number](a []T, s T) (w uint64) {
	for i, x := range a {
		var c uint64
		if x >= s {
			c = 1
		}
		w |= c << (uint(i) & 63)
	}
	return w
}
