package evaluate

import (
	"math"

	"github.com/headrace/headrace/kernels/exact"
)

// total is an exact sum of terms times weights, so that no order of the rows reaches a metric.
type total struct {
	weighted bool
	sum      exact.Sum
	n        int
	x, w     [512]float64
}

func (t *total) add(x, w float64) {
	t.x[t.n], t.w[t.n] = x, w
	if t.n++; t.n == len(t.x) {
		t.flush()
	}
}

func (t *total) flush() {
	if t.weighted {
		t.sum.AddProducts(t.x[:t.n], t.w[:t.n])
	} else {
		t.sum.AddSlice(t.x[:t.n])
	}
	t.n = 0
}

func (t *total) value() float64 {
	t.flush()
	return t.sum.Value()
}

// mass is the weight of rows: an integer without weights, an exact sum with them.
type mass struct {
	n int64
	s exact.Sum
}

func (m *mass) add(w float64, weighted bool) {
	m.n++
	if weighted {
		m.s.Add(w)
	}
}

func (m *mass) value(weighted bool) float64 {
	if weighted {
		return m.s.Value()
	}
	return float64(m.n)
}

// plus gives the mass of both.
func (m mass) plus(o mass) mass {
	m.n += o.n
	m.s.Merge(&o.s)
	return m
}

// ratio is a/b, and ifNone where b is 0.
func ratio(a, b, ifNone float64) float64 {
	if b == 0 {
		return ifNone
	}
	return a / b
}

var nan = math.NaN()
