package program

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// coveredForest is a random forest that knows the rows of its leaves.
func coveredForest(r *rand.Rand, leaves []int, levels []int32, classes int) *Forest {
	k := randomForest(r, leaves, levels, classes)
	k.Names = names(len(levels))
	for t := range k.Trees {
		for range k.Trees[t].Leaf {
			k.Trees[t].Cover = append(k.Trees[t].Cover, 1+int64(r.IntN(50)))
		}
	}
	return k
}

// ofClass is the forest as trees whose leaves are the shares of a class.
func (k *Forest) ofClass(class int) *Trees {
	out := &Trees{Levels: k.Levels, Names: k.Names}
	for _, t := range k.Trees {
		leaf := make([]float64, len(t.Leaf))
		for i, d := range t.Leaf {
			for at := k.Shares.At[int(d)]; at < k.Shares.At[int(d)+1]; at++ {
				if int(k.Shares.Class[at]) == class {
					leaf[i] = k.Shares.Share[at] / float64(len(k.Trees))
				}
			}
		}
		t.Leaf = leaf
		out.Trees = append(out.Trees, t)
	}
	return out
}

// Contributions are the Shapley values of each class by their definition, sum to its probability, and are those of as many ensembles.
func TestForestShap(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 9))
	for _, x := range shapCases(r) {
		for _, classes := range []int{1, 2, 5} {
			var leaves []int
			for _, tree := range x.k.Trees {
				leaves = append(leaves, len(tree.Leaf))
			}
			if leaves == nil {
				leaves = []int{1}
			}
			f := coveredForest(r, leaves, x.k.Levels, classes)
			var cols []batch.Column
			for _, ty := range x.in {
				cols = append(cols, lawColumn(r, ty, true))
			}
			p := []Named{{"p", batch.T(batch.Vector)}}
			graph := func() Graph { return One(&ForestShap{Classes: f.Members, Forest: f}, named("x", x.in), p) }
			wide := len(x.in) + 1
			laws(t, apart(graph(), classes*wide), cols)
			out := lawBatch(t, graph(), lawSize, cols)[0]
			said := lawBatch(t, One(f, named("x", x.in), p), lawSize, cols)[0]
			for class := range classes {
				one := f.ofClass(class)
				alone := lawBatch(t, One(&Shap{Of: []Ensemble{{Trees: one}}}, named("x", x.in), p), lawSize, cols)[0]
				for i := range lawSize {
					sum := 0.0
					for j := range wide {
						got := out.Member(class*wide + j)[i]
						sum += got
						if want := alone.Member(j)[i]; math.Abs(got-want) > 1e-12 {
							t.Fatalf("%d classes, row %d, class %d, member %d is %v, of trees of that class %v", classes, i, class, j, got, want)
						}
					}
					if want := said.Member(class)[i]; math.Abs(sum-want) > 1e-12 {
						t.Fatalf("%d classes, row %d, class %d: contributions sum to %v, the forest says %v", classes, i, class, sum, want)
					}
					if i%20 != 0 {
						continue
					}
					for j, want := range one.shapley(cols, i) {
						if got := out.Member(class*wide + j)[i]; math.Abs(got-want) > 1e-12 {
							t.Fatalf("%d classes, row %d, class %d, member %d is %v, want %v", classes, i, class, j, got, want)
						}
					}
				}
			}
		}
	}
}

// A forest is explained by class, whose names lose what begins those of the members; one that does not know its leaves' rows is not.
func TestExplainForest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	f64 := batch.T(batch.Float64)
	f := coveredForest(r, []int{9, 20}, []int32{0, 0}, 2)
	f.Members = []string{"p_cat", "dog"}
	g := One(f, []Named{{"a", f64}, {"b", f64}}, []Named{{"p", batch.T(batch.Vector)}})
	e, err := Explain(g, "p", "shap")
	if err != nil {
		t.Fatal(err)
	}
	if e, err = Unmarshal(e.Marshal()); err != nil {
		t.Fatal(err)
	}
	out, err := e.Batch(nil, 1, []batch.Column{batch.OfFloat64s([]float64{0.3}), batch.OfFloat64s([]float64{math.NaN()})})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"shap_cat_a", "shap_cat_b", "shap_cat_base", "shap_dog_a", "shap_dog_b", "shap_dog_base"}; !slices.Equal(out[1].Members, want) {
		t.Errorf("members %q", out[1].Members)
	}
	f.Names = nil
	for i := range f.Trees {
		f.Trees[i].Cover = nil
	}
	if _, err := Explain(g, "p", "shap"); err == nil || !strings.Contains(err.Error(), "how many rows") {
		t.Errorf("a forest without covers: %v", err)
	}
}

func TestForestShapRefuses(t *testing.T) {
	f64, vector := typesOf(batch.Float64), typesOf(batch.Vector)
	for want, bad := range map[string]func(k *ForestShap){
		"do not say how many rows":  func(k *ForestShap) { k.Forest.Names, k.Forest.Trees[0].Cover = nil, nil },
		"names of 1 features":       func(k *ForestShap) { k.Forest.Names = names(2) },
		"the rows of 3 leaves of 4": func(k *ForestShap) { k.Forest.Trees[0].Cover = k.Forest.Trees[0].Cover[:3] },
		"1 names of 2 classes":      func(k *ForestShap) { k.Classes = k.Classes[:1] },
	} {
		k := &ForestShap{Classes: []string{"a", "b"}, Forest: coveredForest(rand.New(rand.NewPCG(1, 2)), []int{4}, []int32{0}, 2)}
		bad(k)
		if err := k.Init(f64, vector); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	const features, classes = 255, 256
	k := &ForestShap{Forest: coveredForest(rand.New(rand.NewPCG(1, 2)), []int{4}, make([]int32, features), 2)}
	for i := range classes + 1 {
		k.Classes = append(k.Classes, strconv.Itoa(i))
	}
	k.Forest.Members = k.Classes
	if err := k.Init(repeat(f64[0], features), vector); err == nil || !strings.Contains(err.Error(), "more than 65536") {
		t.Errorf("%v of %d features and %d classes", err, features, classes+1)
	}
	k.Classes = k.Classes[:classes]
	k.Forest.Members = k.Classes
	if err := k.Init(repeat(f64[0], features), vector); err != nil {
		t.Error(err)
	}
}

// A feature of one class may be called as another's of another.
func TestShapMembersOfClasses(t *testing.T) {
	got := shapMembers([]string{"a", "a_b"}, [][]string{{"b_c"}, {"c"}})
	if want := []string{"shap_a_b_c", "shap_a_base", "shap_a_b_c_", "shap_a_b_base"}; !slices.Equal(got, want) {
		t.Errorf("members %q", got)
	}
}

func BenchmarkForestShap(b *testing.B) {
	const n, features, classes = 256, 20, 5
	r := rand.New(rand.NewPCG(1, 1))
	k := coveredForest(r, slices.Repeat([]int{300}, 20), make([]int32, features), classes)
	cols := normal(r, features, n)
	g := One(&ForestShap{Classes: k.Members, Forest: k}, named("x", repeat(batch.T(batch.Float64), features)), []Named{{"p", batch.T(batch.Vector)}})
	c := &batch.Ctx{}
	for b.Loop() {
		c.Reset()
		if _, err := g.Batch(c, n, cols); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
