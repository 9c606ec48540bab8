package program

import (
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
)

func TestLinear(t *testing.T) {
	in := typesOf(batch.Float64, batch.Float32, batch.Int32, batch.Int64, batch.Decimal, batch.Bool)
	for _, link := range []Link{NoLink, Sigmoid, Exp} {
		lawCase(t, func() Kind {
			return &Linear{W: []float64{0.1, -0.2, 1e-10, 1e-19, 1e-16, 0.7}, B: 0.3, Link: link}
		}, in, typesOf(batch.Float64))
	}
	lawCase(t, func() Kind { return &Linear{B: 3} }, nil, typesOf(batch.Float64))

	// a vector takes a weight a member, in its place
	r := rand.New(rand.NewPCG(1, 1))
	k := &Linear{W: []float64{0.1, 0.2, 0.3, 0.4, 0.5}, B: 1, Link: Sigmoid, Wide: []int{1, 3, 1}}
	g := One(k, named("x", typesOf(batch.Float64, batch.Vector, batch.Int32)), named("y", typesOf(batch.Float64)))
	v := (*batch.Ctx)(nil).NewVector(lawSize, []string{"a", "b", "c"})
	for m := range 3 {
		for i := range lawSize {
			v.Member(m)[i] = r.NormFloat64()
		}
	}
	null := make([]bool, lawSize)
	null[5] = true
	cols := []batch.Column{lawColumn(r, in[0], false), v.WithNulls(null), lawColumn(r, in[2], false)}
	laws(t, g, cols)
	out, err := g.Batch(nil, lawSize, cols)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lawSize {
		s := 1.0
		for j, x := range []float64{cols[0].Float64s()[i], v.Member(0)[i], v.Member(1)[i], v.Member(2)[i], float64(cols[2].Int32s()[i])} {
			s = float64(k.W[j]*x) + s
		}
		if want := fmath.Sigmoid(s); floatBits(out[0].Float64s()[i]) != floatBits(want) && i != 5 {
			t.Fatalf("row %d is %v, want %v", i, out[0].Float64s()[i], want)
		}
	}
	if !out[0].Null(5) || out[0].Nulls() != 1 {
		t.Fatal("a null vector does not give a null")
	}

	narrow := (*batch.Ctx)(nil).NewVector(lawSize, []string{"a", "b"})
	if _, err := g.Batch(nil, lawSize, []batch.Column{cols[0], narrow, cols[2]}); err == nil {
		t.Error("a vector of another width: no error")
	}
	f := g.Frame()
	f.V[g.In[1].Slot] = []float64{1, 2}
	if err := g.Row(f); err == nil {
		t.Error("a row with a vector of another width: no error")
	}

	f64, vec := typesOf(batch.Float64), typesOf(batch.Vector)
	refuses(t, "too few weights", &Linear{}, f64, f64)
	refuses(t, "a vector of unknown width", &Linear{W: []float64{1}}, vec, f64)
	refuses(t, "a vector of too many members", &Linear{W: []float64{1}, Wide: []int{2}}, vec, f64)
	refuses(t, "a vector of too few members", &Linear{W: []float64{1}, Wide: []int{-1}}, vec, f64)
	refuses(t, "widths without a vector", &Linear{W: []float64{1}, Wide: []int{1}}, f64, f64)
	refuses(t, "text", &Linear{W: []float64{1}}, typesOf(batch.String), f64)
	refuses(t, "no such link", &Linear{W: []float64{1}, Link: 7}, f64, f64)
}
