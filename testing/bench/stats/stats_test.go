package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("Median(%v) is %v, not %v", c.values, got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

// The coverages are those of the tables of the sign test: 0.984375 of [1st, 7th] of 7, 0.9785 of [2nd, 9th] of 10, 0.9586 of [6th,
// 15th] of 20.
func TestIntervalsOfKnownData(t *testing.T) {
	for _, c := range []struct {
		n              int
		mid, low, high float64
		coverage       float64
	}{
		{1, 1, 1, 1, 0},
		{3, 2, 1, 3, 0.75},
		{5, 3, 1, 5, 0.9375},
		{6, 3.5, 1, 6, 0.96875},
		{7, 4, 1, 7, 0.984375},
		{8, 4.5, 1, 8, 0.9921875},
		{9, 5, 2, 8, 0.9609375},
		{10, 5.5, 2, 9, 1 - 2*11.0/1024},
		{20, 10.5, 6, 15, 1 - 2*21700.0/1048576},
	} {
		var values []float64
		for i := range c.n {
			values = append(values, float64((i*7+3)%c.n+1))
		}
		if c.n%7 == 0 { // 7 is no generator of 7
			values = []float64{3, 1, 7, 5, 2, 6, 4}
		}
		got := Of(values)
		if got.Mid != c.mid || got.Low != c.low || got.High != c.high || !near(got.Coverage, c.coverage) {
			t.Errorf("of 1 to %d: %+v, not %+v", c.n, got, c)
		}
	}
}

func TestRatiosArePaired(t *testing.T) {
	// The machine gets slower from round to round, and a takes half of b's time in every round: no doubt is left.
	a, b := []float64{1, 2, 4, 8, 16, 32, 64}, []float64{2, 4, 8, 16, 32, 64, 128}
	got := Ratios(a, b)
	if !near(got.Mid, 0.5) || !near(got.Low, 0.5) || !near(got.High, 0.5) {
		t.Errorf("%+v, not 0.5", got)
	}
	x, y := []float64{1, 5, 2, 9}, []float64{3, 1, 4, 2}
	one, other := Ratios(x, y), Ratios(y, x)
	if !near(one.Mid*other.Mid, 1) || !near(one.Low*other.High, 1) {
		t.Errorf("%+v and %+v are not each other's inverse", one, other)
	}
}

// An interval that says 95 % holds the true median that often: of seven draws of a crooked distribution.
func TestCoverageHolds(t *testing.T) {
	for _, n := range []int{7, 9, 15} {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		const times = 20000
		in, stated := 0, 0.0
		for range times {
			values := make([]float64, n)
			for i := range values {
				values[i] = math.Exp(2 * r.NormFloat64()) // the median is 1
			}
			i := Of(values)
			stated = i.Coverage
			if i.Low <= 1 && 1 <= i.High {
				in++
			}
		}
		if share := float64(in) / times; math.Abs(share-stated) > 0.006 || share < Level {
			t.Errorf("%d values: %.4f of the intervals hold the median, stated %.4f", n, share, stated)
		}
	}
}
