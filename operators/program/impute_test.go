package program

import (
	"math"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestImpute(t *testing.T) {
	in := typesOf(batch.Bool, batch.Int32, batch.Float32, batch.Float64, batch.String)
	for _, nan := range []bool{false, true} {
		for _, s := range []string{"a", "new", ""} {
			lawCase(t, func() Kind {
				return &Impute{NaN: nan, Values: []Value{{Kind: batch.Bool, I: 1}, {Kind: batch.Int32, I: -7}, {Kind: batch.Float32, F: 0.5},
					{Kind: batch.Float64, F: 0.1}, {Kind: batch.String, S: s}}}
			}, in, in)
		}
	}
	rest := typesOf(batch.Int64, batch.Bytes, batch.Date, batch.Timestamp, batch.Decimal)
	g := lawCase(t, func() Kind {
		return &Impute{Values: []Value{{Kind: batch.Int64, I: math.MinInt64}, {Kind: batch.Bytes, S: "\xff"}, {Kind: batch.Date, I: 1},
			{Kind: batch.Timestamp, I: 2}, {Kind: batch.Decimal, I: 3}}}
	}, rest, rest)
	none := repeat(Value{}, len(in))
	lawCase(t, func() Kind { return &Impute{Values: none, NaN: true} }, in, in)

	// nothing is null any more, and what had no null is shared
	col := batch.OfInt64s([]int64{5, 6}).WithNulls([]bool{true, false})
	text := batch.OfStrings([]string{"x", "y"})
	text.Type = batch.T(batch.Bytes)
	h := g.Narrow([]string{"out0", "out1"})
	out, err := h.Batch(nil, 2, []batch.Column{col, text})
	if err != nil || out[0].Valid != nil || out[0].Int64s()[0] != math.MinInt64 || out[0].Int64s()[1] != 6 {
		t.Fatal(out, err)
	}
	if !sameMemory(out[1].Values, text.Values) {
		t.Error("a column without nulls was copied")
	}

	i64 := typesOf(batch.Int64)
	refuses(t, "a float for an integer", &Impute{Values: []Value{{Kind: batch.Float64}}}, i64, i64)
	refuses(t, "another type", &Impute{Values: []Value{{Kind: batch.Int64}}}, i64, typesOf(batch.Float64))
	refuses(t, "too few values", &Impute{}, i64, i64)
	refuses(t, "an int32 too large", &Impute{Values: []Value{{Kind: batch.Int32, I: 1 << 40}}}, typesOf(batch.Int32), typesOf(batch.Int32))
	refuses(t, "a vector", &Impute{Values: none[:1]}, typesOf(batch.Vector), typesOf(batch.Vector))
}
