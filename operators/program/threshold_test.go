package program

import (
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestThreshold(t *testing.T) {
	lawCase(t, func() Kind { return &Threshold{At: 0.5} }, typesOf(batch.Float64), typesOf(batch.Bool))
	g := One(&Threshold{At: 0.5}, named("x", typesOf(batch.Float64)), named("y", typesOf(batch.Bool)))
	out, err := g.Batch(nil, 3, []batch.Column{batch.OfFloat64s([]float64{0.4999, 0.5, 0.6})})
	if err != nil || out[0].Bits()[0] != 6 {
		t.Fatal(out, err)
	}
	refuses(t, "an integer", &Threshold{}, typesOf(batch.Int64), typesOf(batch.Bool))
	refuses(t, "an output of float64", &Threshold{}, typesOf(batch.Float64), typesOf(batch.Float64))
}
