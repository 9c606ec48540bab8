package program

import (
	"math"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestBucket(t *testing.T) {
	many := make([]int64, 40)
	for i := range many {
		many[i] = int64(i) - 10
	}
	for _, k := range []batch.Kind{batch.Int32, batch.Int64, batch.Date, batch.Timestamp, batch.Decimal} {
		for _, cuts := range [][]int64{nil, {0}, {-1, 3, 3, 8}, many} {
			lawCase(t, func() Kind { return &Bucket{Cuts: cuts} }, typesOf(k), typesOf(batch.Int64))
		}
	}
	for _, k := range []batch.Kind{batch.Float32, batch.Float64} {
		lawCase(t, func() Kind { return &Bucket{FloatCuts: []float64{math.Inf(-1), 0, 0.5}, Out: []int64{9, -1, 3, 4}} }, typesOf(k), typesOf(batch.Int64))
	}

	// a gap between the parts is -1
	g := One(&Bucket{Cuts: []int64{10, 20}, Out: []int64{0, -1, 1}}, named("x", typesOf(batch.Int64)), named("y", typesOf(batch.Int64)))
	out, err := g.Batch(nil, 4, []batch.Column{batch.OfInt64s([]int64{9, 10, 19, 20})})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{0, -1, -1, 1} {
		if got := out[0].Int64s()[i]; got != want {
			t.Errorf("row %d is %d, want %d", i, got, want)
		}
	}
	// few and many cuts count alike
	for x := int64(-20); x < 40; x++ {
		want := int64(0)
		for _, c := range many {
			if c <= x {
				want++
			}
		}
		if got := interval(x, many); got != want {
			t.Errorf("%d has %d cuts below, want %d", x, got, want)
		}
	}

	i64 := typesOf(batch.Int64)
	refuses(t, "cuts that fall", &Bucket{Cuts: []int64{2, 1}}, i64, i64)
	refuses(t, "a cut that is NaN", &Bucket{FloatCuts: []float64{math.NaN()}}, typesOf(batch.Float64), i64)
	refuses(t, "cuts of floats for integers", &Bucket{FloatCuts: []float64{1}}, i64, i64)
	refuses(t, "cuts of integers for floats", &Bucket{Cuts: []int64{1}}, typesOf(batch.Float64), i64)
	refuses(t, "too few numbers", &Bucket{Cuts: []int64{1}, Out: []int64{1}}, i64, i64)
	refuses(t, "text", &Bucket{}, typesOf(batch.String), i64)
}
