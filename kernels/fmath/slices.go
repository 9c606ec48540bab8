package fmath

import "math"

// The slice forms are the loops that they name; dst and src have one length and may be the same slice.

// ExpSlice is the loop for i { dst[i] = Exp(src[i]) }
func ExpSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Exp(x)
	}
}

// Expm1Slice is the loop for i { dst[i] = Expm1(src[i]) }
func Expm1Slice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Expm1(x)
	}
}

// LogSlice is the loop for i { dst[i] = Log(src[i]) }
func LogSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Log(x)
	}
}

// Log1pSlice is the loop for i { dst[i] = Log1p(src[i]) }
func Log1pSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Log1p(x)
	}
}

// Log2Slice is the loop for i { dst[i] = Log2(src[i]) }
func Log2Slice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Log2(x)
	}
}

// Log10Slice is the loop for i { dst[i] = Log10(src[i]) }
func Log10Slice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Log10(x)
	}
}

// SigmoidSlice is the loop for i { dst[i] = Sigmoid(src[i]) }
func SigmoidSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Sigmoid(x)
	}
}

// TanhSlice is the loop for i { dst[i] = Tanh(src[i]) }
func TanhSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Tanh(x)
	}
}

// SinSlice is the loop for i { dst[i] = Sin(src[i]) }
func SinSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Sin(x)
	}
}

// CosSlice is the loop for i { dst[i] = Cos(src[i]) }
func CosSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Cos(x)
	}
}

// SqrtSlice is the loop for i { dst[i] = math.Sqrt(src[i]) }, which IEEE 754 rounds exactly.
func SqrtSlice(dst, src []float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = math.Sqrt(x)
	}
}

// PowSlice is the loop for i { dst[i] = Pow(a[i], b[i]) }; one length.
func PowSlice(dst, a, b []float64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = Pow(x, b[i])
	}
}

// PowScalar is the loop for i { dst[i] = Pow(src[i], y) }
func PowScalar(dst, src []float64, y float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = Pow(x, y)
	}
}

// ScalarPow is the loop for i { dst[i] = Pow(x, src[i]) }
func ScalarPow(dst []float64, x float64, src []float64) {
	src = src[:len(dst)]
	for i, y := range src {
		dst[i] = Pow(x, y)
	}
}
