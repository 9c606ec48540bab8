package program

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// randomForest has leaves that are places of distributions over so many classes.
func randomForest(r *rand.Rand, leaves []int, levels []int32, classes int) *Forest {
	k := &Forest{Levels: levels, Members: strings.Split("abcdefghij", "")[:classes], Shares: Shares{At: []int32{0}}}
	const distributions = 7
	for range distributions {
		for c := range classes {
			if r.IntN(2) == 0 {
				k.Shares.Class, k.Shares.Share = append(k.Shares.Class, int32(c)), append(k.Shares.Share, r.Float64())
			}
		}
		k.Shares.At = append(k.Shares.At, int32(len(k.Shares.Class)))
	}
	for _, n := range leaves {
		t := randomTree(r, n, levels)
		for i := range t.Leaf {
			t.Leaf[i] = float64(r.IntN(distributions))
		}
		k.Trees = append(k.Trees, t)
	}
	return k
}

// mean is what the doc comment of Forest says, word for word.
func (k *Forest) mean(in []batch.Column, i int) []float64 {
	p := make([]float64, len(k.Members))
	for _, tree := range k.Trees {
		one := Trees{Levels: k.Levels, Trees: []Tree{tree}}
		d := int(one.score(in, i))
		for at := k.Shares.At[d]; at < k.Shares.At[d+1]; at++ {
			p[k.Shares.Class[at]] += k.Shares.Share[at]
		}
	}
	for c := range p {
		p[c] /= float64(len(k.Trees))
	}
	return p
}

// Small trees are compared, few classes by tables and many by distributions, and others are walked.
func TestForestCompared(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, c := range comparedCases(r) {
		for _, classes := range []int{1, 3, tableClasses + 1} {
			k := randomForest(r, nil, c.levels, classes)
			for _, tree := range c.trees {
				tree.Leaf = slices.Clone(tree.Leaf)
				for i := range tree.Leaf {
					tree.Leaf[i] = float64(r.IntN(len(k.Shares.At) - 1))
				}
				k.Trees = append(k.Trees, tree)
			}
			want := make([][]float64, comparedCaseRows)
			for i := range want {
				want[i] = k.mean(c.cols, i)
			}
			c.check(t, apart(One(k, named("x", c.types), []Named{{"p", batch.T(batch.Vector)}}), classes), want)
		}
	}
}

func TestForest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, x := range treeShapes() {
		for _, classes := range []int{1, 3, 5} {
			k := randomForest(r, x.leaves, x.levels, classes)
			g := One(k, named("x", x.in), []Named{{"p", batch.T(batch.Vector)}})
			for _, nulls := range []bool{false, true} {
				cols := make([]batch.Column, len(x.in))
				for j := range cols {
					cols[j] = lawColumn(r, x.in[j], nulls)
				}
				laws(t, apart(g, classes), cols)
				out, err := g.Batch(nil, lawSize, cols)
				if err != nil {
					t.Fatal(err)
				}
				for i := range lawSize {
					for c, want := range k.mean(cols, i) {
						if got := out[0].Member(c)[i]; got != want {
							t.Fatalf("row %d, class %d is %v, want %v", i, c, got, want)
						}
					}
				}
			}
		}
	}
}

// oneShare is a distribution of one class.
func oneShare(x float64) Shares {
	return Shares{At: []int32{0, 1}, Class: []int32{0}, Share: []float64{x}}
}

func TestForestRefuses(t *testing.T) {
	f64, vector := typesOf(batch.Float64), typesOf(batch.Vector)
	for want, bad := range map[string]func(k *Forest){
		"0 trees of 2 classes":       func(k *Forest) { k.Trees = nil },
		`two members "a"`:            func(k *Forest) { k.Members[1] = "a" },
		"no distribution 7":          func(k *Forest) { k.Trees[0].Leaf[0] = 7 },
		"no distribution 0.5":        func(k *Forest) { k.Trees[0].Leaf[0] = 0.5 },
		"do not fit":                 func(k *Forest) { k.Trees[0].Leaf = nil },
		"distribution 0: class":      func(k *Forest) { k.Shares = Shares{At: []int32{0, 2}, Class: []int32{1, 1}, Share: []float64{1, 1}} },
		"distribution 0: share -0.5": func(k *Forest) { k.Shares = oneShare(-0.5) },
		"distribution 0: share 1.5":  func(k *Forest) { k.Shares = oneShare(1.5) },
		"distribution 0: share NaN":  func(k *Forest) { k.Shares = oneShare(math.NaN()) },
		"distribution 0: share +Inf": func(k *Forest) { k.Shares = oneShare(math.Inf(1)) },
		"shares of distribution":     func(k *Forest) { k.Shares.At = []int32{0, 3, 2} },
	} {
		k := randomForest(rand.New(rand.NewPCG(1, 2)), []int{4}, []int32{0}, 2)
		k.Members = []string{"a", "b"}
		for i := range k.Trees[0].Leaf {
			k.Trees[0].Leaf[i] = 0
		}
		bad(k)
		if err := k.Init(f64, vector); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func BenchmarkForest(b *testing.B) {
	const n, features, trees = 16384, 20, 100
	for _, x := range []struct{ leaves, classes int }{{31, 3}, {31, 7}, {31, 30}, {255, 7}, {2000, 7}} {
		r := rand.New(rand.NewPCG(1, 1))
		k := &Forest{Levels: make([]int32, features), Shares: Shares{At: []int32{0}}}
		for c := range x.classes {
			k.Members = append(k.Members, string(rune('A'+c)))
			k.Shares.Class, k.Shares.Share, k.Shares.At = append(k.Shares.Class, int32(c)), append(k.Shares.Share, 1), append(k.Shares.At, int32(c+1))
		}
		for c := 1; c < x.classes; c++ { // a leaf of two classes, as one in eight is
			k.Shares.Class, k.Shares.Share = append(k.Shares.Class, 0, int32(c)), append(k.Shares.Share, 0.25, 0.75)
			k.Shares.At = append(k.Shares.At, int32(len(k.Shares.Class)))
		}
		var cols []batch.Column
		for range features {
			v := make([]float64, n)
			for i := range v {
				v[i] = r.NormFloat64()
			}
			cols = append(cols, batch.OfFloat64s(v))
		}
		for range trees {
			t := randomTree(r, x.leaves, k.Levels)
			for i := range t.Threshold {
				t.Threshold[i] = r.NormFloat64()
			}
			for i := range t.Leaf {
				if t.Leaf[i] = float64(r.IntN(x.classes)); r.IntN(8) == 0 {
					t.Leaf[i] = float64(r.IntN(2*x.classes - 1))
				}
			}
			k.Trees = append(k.Trees, t)
		}
		g := One(k, named("x", repeat(batch.T(batch.Float64), features)), []Named{{"p", batch.T(batch.Vector)}})
		name := fmt.Sprintf("%d leaves, %d classes", x.leaves, x.classes)
		b.Run(name, func(b *testing.B) {
			c := &batch.Ctx{}
			for b.Loop() {
				c.Reset()
				if _, err := g.Batch(c, n, cols); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
		b.Run(name+"/row", func(b *testing.B) { benchRows(b, g, cols, n) })
	}
}
