package program

import (
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestIsNull(t *testing.T) {
	lawCase(t, func() Kind { return &IsNull{} }, typesOf(batch.String, batch.Float64, batch.Bool), repeat(batch.T(batch.Bool), 3))
	in := batch.OfInt64s([]int64{1, 2}).WithNulls([]bool{false, true})
	g := One(&IsNull{}, named("x", typesOf(batch.Int64)), named("y", typesOf(batch.Bool)))
	out, err := g.Batch(nil, 2, []batch.Column{in})
	if err != nil || out[0].Bit(0) || !out[0].Bit(1) || out[0].Valid != nil {
		t.Fatal(out, err)
	}
	refuses(t, "an output of int64", &IsNull{}, typesOf(batch.Int64), typesOf(batch.Int64))
	refuses(t, "two outputs of one input", &IsNull{}, typesOf(batch.Int64), typesOf(batch.Bool, batch.Bool))
}
