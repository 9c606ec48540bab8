package program

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// randomForest has leaves that are places of distributions over so many classes.
func randomForest(r *rand.Rand, leaves []int, levels []int32, classes int) *Forest {
	k := &Forest{Levels: levels, Members: []string{"a", "b", "c", "d", "e"}[:classes], Shares: Shares{At: []int32{0}}}
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
					want := make([]float64, classes)
					for _, tree := range k.Trees {
						one := Trees{Levels: k.Levels, Trees: []Tree{tree}}
						d := int(one.score(cols, i))
						for at := k.Shares.At[d]; at < k.Shares.At[d+1]; at++ {
							want[k.Shares.Class[at]] += k.Shares.Share[at]
						}
					}
					for c := range want {
						if got := out[0].Member(c)[i]; got != want[c]/float64(len(k.Trees)) {
							t.Fatalf("row %d, class %d is %v, want %v of %d trees", i, c, got, want[c], len(k.Trees))
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
