package program

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
)

// apart lets the laws see the members of the vector that g puts out as p.
func apart(g Graph, wide int) Graph {
	h, names := TakeApart("p", wide, "m")
	at := map[string]int{}
	for _, p := range g.Out {
		at[p.Name] = p.Slot
	}
	out := g.Add(h, at)
	g.Out = nil
	for _, n := range names {
		g.Output(n, out[n])
	}
	return g
}

func TestSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, nulls := range []bool{false, true} {
		for _, wide := range []int{1, 2, 5} {
			f64, names := repeat(batch.T(batch.Float64), wide), []string{"a", "b", "c", "d", "e"}[:wide]
			g := One(&Softmax{Members: names}, named("x", f64), []Named{{"p", batch.T(batch.Vector)}})
			cols := make([]batch.Column, wide)
			for j := range cols {
				cols[j] = lawColumn(r, f64[0], nulls)
			}
			laws(t, apart(g, wide), cols)
			out, err := g.Batch(nil, lawSize, cols)
			if err != nil {
				t.Fatal(err)
			}
			for i := range lawSize {
				null, most := false, math.Inf(-1)
				for j := range cols {
					null = null || cols[j].Null(i)
					most = max(most, cols[j].Float64s()[i])
				}
				if out[0].Null(i) != null {
					t.Fatalf("row %d is null: %v, want %v", i, out[0].Null(i), null)
				}
				if null {
					continue
				}
				sum, e := 0.0, make([]float64, wide)
				for j := range cols {
					e[j] = fmath.Exp(cols[j].Float64s()[i] - most)
					sum += e[j]
				}
				all := 0.0
				for j := range cols {
					p := out[0].Member(j)[i]
					if floatBits(p) != floatBits(e[j]/sum) {
						t.Fatalf("row %d, member %d is %v, want %v", i, j, p, e[j]/sum)
					}
					all += p
				}
				if !math.IsInf(most, 0) && most == most && math.Abs(all-1) > 1e-15*float64(wide) {
					t.Fatalf("row %d sums to %v", i, all)
				}
			}
		}
	}
	// scores far from 0 neither overflow nor vanish
	g := One(&Softmax{Members: []string{"a", "b"}}, named("x", typesOf(batch.Float64, batch.Float64)), []Named{{"p", batch.T(batch.Vector)}})
	out, err := g.Batch(nil, 2, []batch.Column{batch.OfFloat64s([]float64{1e6, -1e6}), batch.OfFloat64s([]float64{1e6, -2e6})})
	if err != nil || out[0].Member(0)[0] != 0.5 || out[0].Member(0)[1] != 1 || out[0].Member(1)[1] != 0 {
		t.Errorf("%v %v %v", err, out[0].Member(0), out[0].Member(1))
	}

	f64, vec := typesOf(batch.Float64), typesOf(batch.Vector)
	refuses(t, "no class", &Softmax{}, nil, vec)
	refuses(t, "too few scores", &Softmax{Members: []string{"a", "b"}}, f64, vec)
	refuses(t, "a name twice", &Softmax{Members: []string{"a", "a"}}, append(f64, f64...), vec)
	refuses(t, "integers", &Softmax{Members: []string{"a"}}, typesOf(batch.Int64), vec)
	refuses(t, "a number out", &Softmax{Members: []string{"a"}}, f64, f64)
}

func TestChoice(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, v := range [][]Value{
		{{Kind: batch.String, S: "b"}, {Kind: batch.String, S: ""}, {Kind: batch.String, S: "a"}},
		{{Kind: batch.Int32, I: -7}, {Kind: batch.Int32, I: 3}, {Kind: batch.Int32, I: 5}},
		{{Kind: batch.Int64, I: 1 << 60}, {Kind: batch.Int64}, {Kind: batch.Int64, I: -1}},
		{{Kind: batch.Bool, I: 1}, {Kind: batch.Bool}, {Kind: batch.Bool, I: 1}},
		{{Kind: batch.Float32, F: 0.5}, {Kind: batch.Float32, F: math.Inf(1)}, {Kind: batch.Float32}},
		{{Kind: batch.Float64, F: 0.1}, {Kind: batch.Float64, F: math.NaN()}, {Kind: batch.Float64}},
	} {
		typ := batch.T(v[0].Kind)
		g := One(&Choice{Values: v}, named("p", typesOf(batch.Vector)), []Named{{"pred", typ}})
		vec := (*batch.Ctx)(nil).NewVector(lawSize, []string{"a", "b", "c"})
		for m := range 3 {
			for i := range lawSize {
				if vec.Member(m)[i] = float64(r.IntN(3)); r.IntN(9) == 0 {
					vec.Member(m)[i] = math.NaN()
				}
			}
		}
		null := make([]bool, lawSize)
		null[5] = true
		vec = vec.WithNulls(null)
		laws(t, g, []batch.Column{vec})
		out, err := g.Batch(nil, lawSize, []batch.Column{vec})
		if err != nil {
			t.Fatal(err)
		}
		for i := range lawSize {
			best := 0
			for m := range 3 {
				if vec.Member(m)[i] > vec.Member(best)[i] {
					best = m
				}
			}
			if got := ValueOf(&out[0], i); i != 5 && got.String() != v[best].String() || got.IsNull() != (i == 5) {
				t.Fatalf("%s, row %d: %s, want %s", typ, i, got, v[best])
			}
		}
		if _, err := g.Batch(nil, 1, []batch.Column{(*batch.Ctx)(nil).NewVector(1, []string{"a"})}); err == nil {
			t.Error("a vector of another width: no error")
		}
	}
	vec, str := typesOf(batch.Vector), typesOf(batch.String)
	refuses(t, "no value", &Choice{}, vec, str)
	refuses(t, "a null", &Choice{Values: []Value{{}}}, vec, str)
	refuses(t, "a value of another type", &Choice{Values: []Value{{Kind: batch.Int64}}}, vec, str)
	refuses(t, "a number in", &Choice{Values: []Value{{Kind: batch.String}}}, typesOf(batch.Float64), str)
}
