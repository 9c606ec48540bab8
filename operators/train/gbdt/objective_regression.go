package gbdt

import "math"

// squaredError is half the squared error; the score is in the label's unit.
type squaredError struct{}

func (squaredError) flat() {}

func (squaredError) outputs() int { return 1 }

func (squaredError) label(y float64) (string, bool) {
	return "a number within 1e100 of 0", math.Abs(y) <= 1e100
}

func (squaredError) metric() string { return RMSE }

func (squaredError) most() (g, h float64) { return 0, 1 }

// base is the mean of the labels.
func (squaredError) base(l *loss) ([]float64, bool) {
	mean, lo, hi := l.mean()
	return []float64{mean}, lo == hi
}

func (squaredError) gradient(g, _, score [][]float64, label []float64) {
	out, s := g[0][:len(label)], score[0][:len(label)]
	for i, y := range label {
		out[i] = s[i] - y
	}
}
