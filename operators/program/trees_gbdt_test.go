package program_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/train/gbdt"
)

// What the learner learns and what the kind computes must be the same to the bit.
func TestTreesOfLearner(t *testing.T) {
	const n = 4000
	r := rand.New(rand.NewPCG(2, 3))
	a, b, c, y := make([]float64, n), make([]float64, n), make([]int32, n), make([]float64, n)
	null := make([]bool, n)
	for i := range n {
		a[i], b[i], c[i] = r.NormFloat64(), float64(r.IntN(10)), int32(r.IntN(70))
		y[i] = a[i]*b[i] + float64(c[i]%7)*3 + r.NormFloat64()
		if null[i] = r.IntN(10) == 0; null[i] {
			a[i], c[i], y[i] = math.NaN(), -1, y[i]+5
		}
	}
	features := []gbdt.Feature{{Name: "a", Values: a}, {Name: "b", Values: b}, {Name: "c", Codes: c, Levels: 70}}
	o := gbdt.Defaults()
	o.Objective = gbdt.Regression
	o.Trees = 20
	m, err := gbdt.Fit(gbdt.Env{}, gbdt.Data{Features: features, Label: y, N: n}, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, n)
	m.Predict(features, want)

	k := &program.Trees{Base: m.Base[0]}
	for _, f := range m.Features {
		k.Levels = append(k.Levels, int32(f.Levels))
	}
	cats := 0
	for _, x := range m.Trees {
		k.Trees = append(k.Trees, program.Tree{Feature: x.Feature, Threshold: x.Threshold, Left: x.Left, Right: x.Right,
			MissingLeft: x.MissingLeft, Cat: x.Cat, Bits: x.Bits, Leaf: x.Leaf})
		cats += len(x.Bits)
	}
	if cats == 0 {
		t.Fatal("no split on categories")
	}
	f64 := batch.T(batch.Float64)
	g := program.One(k, []program.Named{{Name: "a", Type: f64}, {Name: "b", Type: f64}, {Name: "c", Type: batch.T(batch.Int32)}},
		[]program.Named{{Name: "pred", Type: f64}})
	out, err := g.Batch(nil, n, []batch.Column{batch.OfFloat64s(a).WithNulls(null), batch.OfFloat64s(b), batch.OfInt32s(c).WithNulls(null)})
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range out[0].Float64s() {
		if x != want[i] {
			t.Fatalf("row %d is %v, the learner says %v", i, x, want[i])
		}
	}
}
