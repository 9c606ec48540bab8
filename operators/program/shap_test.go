package program

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/headrace/headrace/operators/batch"
)

// coveredTree is a random tree with a cover.
func coveredTree(r *rand.Rand, leaves int, levels []int32) Tree {
	t := randomTree(r, leaves, levels)
	for range t.Leaf {
		t.Cover = append(t.Cover, 1+int64(r.IntN(50)))
	}
	return t
}

func names(n int) (s []string) {
	for i := range n {
		s = append(s, string(rune('a'+i)))
	}
	return s
}

// shapley computes the values by their definition, from all subsets of features: exponential, and nothing in common with the kind.
func (k *Trees) shapley(in []batch.Column, row int) []float64 {
	n := len(k.Levels)
	value := make([]float64, 1<<n) // the score where the features of a set are known
	for set := range value {
		value[set] = k.Base
		for i := range k.Trees {
			t := &k.Trees[i]
			var cover func(c int32) float64
			cover = func(c int32) float64 {
				if c < 0 {
					return float64(t.Cover[^c])
				}
				return cover(t.Left[c]) + cover(t.Right[c])
			}
			var visit func(c int32) float64
			visit = func(c int32) float64 {
				if c < 0 {
					return t.Leaf[^c]
				}
				if set>>t.Feature[c]&1 == 0 {
					l, r := cover(t.Left[c]), cover(t.Right[c])
					return (l*visit(t.Left[c]) + r*visit(t.Right[c])) / (l + r)
				}
				one := Trees{Levels: k.Levels, Trees: []Tree{{Feature: t.Feature[c : c+1], Threshold: t.Threshold[c : c+1], Left: []int32{^0}, Right: []int32{^1},
					MissingLeft: t.MissingLeft[c : c+1], Cat: t.Cat[c : c+1], Bits: t.Bits, Leaf: []float64{1, 0}}}}
				if one.score(in, row) == 1 {
					return visit(t.Left[c])
				}
				return visit(t.Right[c])
			}
			if len(t.Feature) == 0 {
				value[set] += t.Leaf[0]
			} else {
				value[set] += visit(0)
			}
		}
	}
	factorial := func(n int) float64 { return math.Gamma(float64(n + 1)) }
	phi := make([]float64, n+1)
	for j := range n {
		for set := range value {
			if s := bits.OnesCount(uint(set)); set>>j&1 == 0 {
				phi[j] += factorial(s) * factorial(n-s-1) / factorial(n) * (value[set|1<<j] - value[set])
			}
		}
	}
	phi[n] = value[0]
	return phi
}

// shapCases are ensembles over every type of feature.
func shapCases(r *rand.Rand) (out []struct {
	in []batch.Type
	k  *Trees
}) {
	numbers := typesOf(batch.Float64, batch.Float32, batch.Int32, batch.Bool)
	codes := typesOf(batch.Int32, batch.Int64)
	for _, x := range []struct {
		in     []batch.Type
		levels []int32
		leaves []int
	}{
		{numbers, make([]int32, 4), []int{2, 3, 9, 40}},
		{append(slices.Clone(codes), numbers[:2]...), []int32{5, 65, 0, 0}, []int{1, 2, 20, 60}},
		{codes[:1], []int32{130}, []int{9}},
		{typesOf(batch.Float64), []int32{0}, []int{1, 30}},
		{typesOf(batch.Float64), []int32{0}, nil},
	} {
		k := &Trees{Base: 0.5, Levels: x.levels, Names: names(len(x.in))}
		for _, l := range x.leaves {
			k.Trees = append(k.Trees, coveredTree(r, l, x.levels))
		}
		out = append(out, struct {
			in []batch.Type
			k  *Trees
		}{x.in, k})
	}
	return out
}

func TestShap(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for _, x := range shapCases(r) {
		var cols []batch.Column
		for _, ty := range x.in {
			cols = append(cols, lawColumn(r, ty, true))
		}
		shap := func() Graph {
			return One(&Shap{Of: []Ensemble{{Trees: x.k}}}, named("x", x.in), []Named{{"p", batch.T(batch.Vector)}})
		}
		wide := len(x.in) + 1
		laws(t, apart(shap(), wide), cols)
		out := lawBatch(t, shap(), lawSize, cols)[0]
		for i := range lawSize {
			sum, size := 0.0, 0.0
			for j := range wide {
				sum, size = sum+out.Member(j)[i], size+math.Abs(out.Member(j)[i])
			}
			if raw := x.k.score(cols, i); math.Abs(sum-raw) > 1e-12*size {
				t.Fatalf("row %d sums to %v, the score is %v", i, sum, raw)
			}
			if i%10 != 0 {
				continue
			}
			for j, want := range x.k.shapley(cols, i) {
				if got := out.Member(j)[i]; math.Abs(got-want) > 1e-12*size {
					t.Fatalf("row %d, member %d is %v, want %v", i, j, got, want)
				}
			}
		}
	}
}

// Leaves that no row came to, and nodes above such leaves only, weigh nothing: what is left is the tree without them.
func TestShapOfNoRows(t *testing.T) {
	k := &Trees{Levels: []int32{0, 0}, Names: names(2), Trees: []Tree{{
		Feature: []int32{0, 1, 1}, Threshold: []float64{0, 0, 0}, Left: []int32{1, ^0, ^2}, Right: []int32{2, ^1, ^3}, MissingLeft: make([]bool, 3),
		Cat: []int32{-1, -1, -1}, Leaf: []float64{1, 2, 3, 4}, Cover: []int64{0, 0, 3, 1}}}}
	g := One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", typesOf(batch.Float64, batch.Float64)), []Named{{"p", batch.T(batch.Vector)}})
	out, err := g.Batch(nil, 1, []batch.Column{batch.OfFloat64s([]float64{-1}), batch.OfFloat64s([]float64{1})})
	if err != nil {
		t.Fatal(err)
	}
	// v() = 3.25, v(a) = 1.5 as either side of a node without rows is as good, v(b) = 4, v(a, b) = 2
	for j, want := range []float64{((1.5 - 3.25) + (2 - 4)) / 2, ((4 - 3.25) + (2 - 1.5)) / 2, 3.25} {
		if got := out[0].Member(j)[0]; math.Abs(got-want) > 1e-14 {
			t.Errorf("member %d is %v, want %v", j, got, want)
		}
	}
}

// A path of many features: the terms of the sum by subsets would cancel, here nothing does.
func TestShapOfLongPath(t *testing.T) {
	const n = 60
	k := &Trees{Levels: make([]int32, n)}
	tree := Tree{Leaf: make([]float64, n+1), Cover: make([]int64, n+1)}
	var in []batch.Type
	var cols []batch.Column
	for j := range n {
		k.Names = append(k.Names, strings.Repeat("x", j+1))
		next := int32(j + 1)
		if j == n-1 {
			next = ^int32(n)
		}
		tree.Feature, tree.Threshold, tree.Cat = append(tree.Feature, int32(j)), append(tree.Threshold, 0), append(tree.Cat, -1)
		tree.Left, tree.Right, tree.MissingLeft = append(tree.Left, ^int32(j)), append(tree.Right, next), append(tree.MissingLeft, false)
		tree.Cover[j] = 1
		in, cols = append(in, batch.T(batch.Float64)), append(cols, batch.OfFloat64s([]float64{1}))
	}
	tree.Leaf[n], tree.Cover[n] = 1, 1
	k.Trees = []Tree{tree}
	g := One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", in), []Named{{"p", batch.T(batch.Vector)}})
	out, err := g.Batch(nil, 1, cols)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for j := range n + 1 {
		v := out[0].Member(j)[0]
		if sum += v; j < n && (v <= 0 || j > 0 && v <= out[0].Member(j - 1)[0]) {
			t.Errorf("feature %d gives %v: each lets fewer rows pass than the one before, and gives more", j, v)
		}
	}
	if math.Abs(sum-1) > 1e-14 {
		t.Errorf("they sum to %v, want 1", sum)
	}
}

// The rule for q points is exact for powers below 2q.
// Who asks a model to explain itself does not disturb who scores with it.
func TestExplainSharesTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	levels := []int32{0, 7}
	k, forest := &Trees{Levels: levels, Names: names(2)}, randomForest(r, nil, levels, 3)
	forest.Names = names(2)
	for range 20 {
		tree := coveredTree(r, 31, levels)
		k.Trees = append(k.Trees, tree)
		tree.Leaf = slices.Clone(tree.Leaf)
		for i := range tree.Leaf {
			tree.Leaf[i] = float64(r.IntN(len(forest.Shares.At) - 1))
		}
		forest.Trees = append(forest.Trees, tree)
	}
	in := typesOf(batch.Float64, batch.Int32)
	cols := []batch.Column{lawColumn(r, in[0], true), lawColumn(r, in[1], true)}
	for _, x := range []struct {
		g    Graph
		made *ensemble
	}{
		{One(k, named("x", in), []Named{{"p", batch.T(batch.Float64)}}), &k.ensemble},
		{One(forest, named("x", in), []Named{{"p", batch.T(batch.Vector)}}), &forest.ensemble},
	} {
		out, err := x.g.Batch(nil, lawSize, cols)
		if err != nil {
			t.Fatal(err)
		}
		want, packed := slices.Clone(out[0].Values), unsafe.SliceData(x.made.nodes)
		done := make(chan error)
		for range 2 {
			go func() {
				for range 20 {
					if _, err := Explain(x.g, "p", "shap"); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		f := x.g.Frame() // beside them a batch, and rows
		for i := range 20 {
			out, err := x.g.Batch(nil, lawSize, cols)
			if err != nil || !slices.Equal(out[0].Values, want) {
				t.Errorf("another score meanwhile, error %v", err)
			}
			for j, p := range x.g.In {
				f.SetRow(p.Slot, &cols[j], i)
			}
			if err := x.g.Row(f); err != nil {
				t.Error(err)
			}
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if unsafe.SliceData(x.made.nodes) != packed {
			t.Error("the trees were packed again")
		}
	}
}

func TestGaussLegendre(t *testing.T) {
	rules := &shapRules{}
	for _, q := range append(upTo(40), 100, pointsMax) {
		rule := rules.of(q)
		x, w := rule.t, rule.w
		for power := range 2 * q {
			sum := 0.0
			for i := range x {
				sum += w[i] * math.Pow(x[i], float64(power))
			}
			if want := 1 / float64(power+1); math.Abs(sum-want) > 1e-14 {
				t.Errorf("%d points: the integral of x^%d is %v, want %v", q, power, sum, want)
			}
		}
	}
}

// XGBoost computes in 32-bit floats: its contributions are ours but for their rounding.
func upTo(n int) (s []int) {
	for i := range n {
		s = append(s, i+1)
	}
	return s
}

func TestShapOfXGBoost(t *testing.T) {
	data, err := os.ReadFile("../../testing/peers/shap.json")
	if err != nil {
		t.Fatal(err)
	}
	var peer struct {
		Cases []struct {
			Name     string
			Base     float64
			Rows     [][]*float64
			Contribs [][]float64
			Trees    []struct {
				Feature, Left, Right, Missing []int32
				Threshold, Value, Cover       []float64
			}
		}
	}
	if err := json.Unmarshal(data, &peer); err != nil {
		t.Fatal(err)
	}
	for _, c := range peer.Cases {
		wide := len(c.Rows[0])
		k := &Trees{Base: c.Base, Levels: make([]int32, wide), Names: names(wide)}
		for _, x := range c.Trees {
			var t Tree
			at := make([]int32, len(x.Feature))
			for i, f := range x.Feature {
				if f < 0 {
					at[i] = ^int32(len(t.Leaf))
					// hessians are no whole numbers: only their ratios count
					t.Leaf, t.Cover = append(t.Leaf, x.Value[i]), append(t.Cover, int64(math.Round(math.Ldexp(x.Cover[i], 30))))
					continue
				}
				at[i] = int32(len(t.Feature))
				t.Feature = append(t.Feature, f)
				t.Threshold, t.Cat = append(t.Threshold, math.Nextafter(x.Threshold[i], math.Inf(-1))), append(t.Cat, -1)
				t.Left, t.Right, t.MissingLeft = append(t.Left, x.Left[i]), append(t.Right, x.Right[i]), append(t.MissingLeft, x.Missing[i] == x.Left[i])
			}
			for i := range t.Left {
				t.Left[i], t.Right[i] = at[t.Left[i]], at[t.Right[i]]
			}
			k.Trees = append(k.Trees, t)
		}
		cols := make([]batch.Column, wide)
		for j := range cols {
			v := make([]float64, len(c.Rows))
			for i, row := range c.Rows {
				if v[i] = math.NaN(); row[j] != nil {
					v[i] = *row[j]
				}
			}
			cols[j] = batch.OfFloat64s(v)
		}
		g := One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", repeat(batch.T(batch.Float64), wide)), []Named{{"p", batch.T(batch.Vector)}})
		out, err := g.Batch(nil, len(c.Rows), cols)
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		for i, row := range c.Contribs {
			for j, want := range row {
				got := out[0].Member(j)[i]
				if most = max(most, math.Abs(want)); math.Abs(got-want) > 3e-6 {
					t.Errorf("%s: row %d, feature %d is %v, XGBoost says %v", c.Name, i, j, got, want)
				}
			}
		}
		if most < 0.5 {
			t.Errorf("%s: all contributions are small: nothing is shown", c.Name)
		}
	}
}

func TestExplain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f64 := batch.T(batch.Float64)
	x := []Named{{"a", f64}, {"b", f64}}
	trees := func() *Trees {
		return &Trees{Levels: []int32{0, 0}, Names: names(2), Trees: []Tree{coveredTree(r, 9, []int32{0, 0})}}
	}
	// two classes, the second of which reads the features the other way round
	g := One(trees(), x, []Named{{"s0", f64}}).Beside(One(trees(), []Named{x[1], x[0]}, []Named{{"s1", f64}}))
	at := map[string]int{}
	for _, p := range g.Out {
		at[p.Name] = p.Slot
	}
	p := g.Add(One(&Softmax{Members: []string{"cat", "dog"}}, []Named{{"s0", f64}, {"s1", f64}}, []Named{{"p", batch.T(batch.Vector)}}), at)["p"]
	g.Output("p", p)
	e, err := Explain(g, "p", "shap")
	if err != nil {
		t.Fatal(err)
	}
	if e, err = Unmarshal(e.Narrow([]string{"s0", "s1", "shap"}).Marshal()); err != nil {
		t.Fatal(err)
	}
	cols := []batch.Column{batch.OfFloat64s([]float64{0.3, math.NaN()}), batch.OfFloat64s([]float64{-0.2, 2})}
	out, err := e.Batch(nil, 2, cols)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"shap_cat_a", "shap_cat_b", "shap_cat_base", "shap_dog_a", "shap_dog_b", "shap_dog_base"}; !slices.Equal(out[2].Members, want) {
		t.Errorf("members %q", out[2].Members)
	}
	for i := range 2 {
		for class, in := range [][]batch.Column{cols, {cols[1], cols[0]}} {
			sum := 0.0
			for j, want := range g.Nodes[class].Kind.(*Trees).shapley(in, i) {
				got := out[2].Member(3*class + j)[i]
				if sum += got; math.Abs(got-want) > 1e-13 {
					t.Errorf("row %d, class %d, member %d: %v, want %v", i, class, j, got, want)
				}
			}
			if s := out[class].Float64s()[i]; math.Abs(s-sum) > 1e-13 {
				t.Errorf("row %d, class %d: %v, the score is %v", i, class, sum, s)
			}
		}
	}
	for what, score := range map[string]string{"no output": "q", "an input": "a"} {
		g := g
		g.Out = append(slices.Clone(g.Out), Port{"a", g.In[0].Slot})
		if _, err := Explain(g, score, "shap"); err == nil {
			t.Errorf("%s is explained", what)
		}
	}
	old := trees()
	old.Names, old.Trees[0].Cover = nil, nil
	if _, err := Explain(One(old, x, []Named{{"p", f64}}), "p", "shap"); err == nil || !strings.Contains(err.Error(), "how many rows") {
		t.Errorf("trees without covers: %v", err)
	}
	if _, err := Explain(One(&Linear{W: []float64{1, 2}}, x, []Named{{"p", f64}}), "p", "shap"); err == nil || !strings.Contains(err.Error(), "only trees") {
		t.Errorf("a linear model: %v", err)
	}
}

// A feature may be called as the mean is.
func TestShapMembers(t *testing.T) {
	k := &Shap{Of: []Ensemble{{Trees: &Trees{Levels: []int32{0}, Names: []string{"base"}}}}}
	if err := k.Init(typesOf(batch.Float64), typesOf(batch.Vector)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(k.members, []string{"shap_base", "shap_base_"}) {
		t.Errorf("members %q", k.members)
	}
}

// A path of very many features is gone down once: each edge must not look for the one before it all the way up.
func TestShapOfALongPath(t *testing.T) {
	const n = 200_000
	tree := chain(n, n)
	tree.Feature[n-1] = 7 // an edge far above is the one before it
	var s shapTree
	start := time.Now()
	s.init(&tree, &shapRules{rules: slices.Repeat([]shapRule{{t: make([]float64, pointsMax)}}, pointsMax)})
	if d := time.Since(start); d > 5*time.Second { // it takes 0.1 s, and took minutes
		t.Errorf("%v", d)
	}
	if e := s.edges[2*(n-1)]; s.levels != n || e.before != 7 || e.was != s.edges[15].share || s.edges[2*(n-2)].before != -1 {
		t.Errorf("%d levels, %+v", s.levels, e)
	}
	if err := new(shapSize).fit(&s, 1); err == nil {
		t.Error("it is not refused")
	}
}

// normal are columns of normal numbers.
func normal(r *rand.Rand, columns, rows int) []batch.Column {
	cols := make([]batch.Column, columns)
	for j := range cols {
		v := make([]float64, rows)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		cols[j] = batch.OfFloat64s(v)
	}
	return cols
}

func BenchmarkShap(b *testing.B) {
	const n, features = 1024, 20
	for _, size := range [][2]int{{31, 100}, {255, 100}, {31, 1000}, {255, 1000}} {
		r := rand.New(rand.NewPCG(1, 1))
		k := &Trees{Levels: make([]int32, features)}
		cols := normal(r, features, n)
		for j := range cols {
			k.Names = append(k.Names, string(rune('a'+j)))
		}
		for range size[1] {
			t := coveredTree(r, size[0], k.Levels)
			for i := range t.Threshold {
				t.Threshold[i] = r.NormFloat64()
			}
			k.Trees = append(k.Trees, t)
		}
		g := One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", repeat(batch.T(batch.Float64), features)), []Named{{"p", batch.T(batch.Vector)}})
		name := fmt.Sprintf("%d/%d", size[0], size[1])
		b.Run("batch/"+name, func(b *testing.B) {
			c := &batch.Ctx{}
			for b.Loop() {
				c.Reset()
				if _, err := g.Batch(c, 256, cols); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(256*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("row/"+name, func(b *testing.B) { benchRows(b, g, cols, n) })
	}
}

// A row alone, rows in blocks that are not whole, and rows through a tree that is too deep for calls have the same bits.
func TestShapWalks(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	levels := []int32{0, 0, 70}
	in := typesOf(batch.Float64, batch.Float64, batch.Int64)
	deep := chain(2*shapOneLevels, 2)
	for i := range deep.Leaf {
		deep.Leaf[i], deep.Threshold[max(i-1, 0)] = r.NormFloat64(), r.NormFloat64()-1
	}
	for _, tree := range []Tree{coveredTree(r, 200, levels), deep} {
		k := &Trees{Levels: levels, Names: names(3), Trees: []Tree{tree, coveredTree(r, 2, levels)}}
		g := apart(One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", in), []Named{{"p", batch.T(batch.Vector)}}), 4)
		var cols []batch.Column
		for _, ty := range in {
			cols = append(cols, lawColumn(r, ty, true))
		}
		want := lawBatch(t, g, lawSize, cols)
		for _, n := range []int{1, 2, shapBlock - 1, shapBlock, shapBlock + 1, 40} {
			var part []batch.Column
			for _, c := range cols {
				part = append(part, c.Slice(nil, 0, n))
			}
			out := lawBatch(t, g, n, part)
			for j := range out {
				lawSame(t, "a part of the rows", out[j:j+1], []batch.Column{want[j].Slice(nil, 0, n)})
			}
		}
		laws(t, g, cols)
	}
}

// What a file of trees takes when it is read is in proportion to its bytes, whatever the paths are: here chains of ever more features, each with a
// rule of its own.
func TestShapReadsInProportion(t *testing.T) {
	const features = 80
	in := repeat(batch.T(batch.Float64), features)
	k := &Trees{Levels: make([]int32, features)}
	for j := range features {
		k.Names = append(k.Names, strings.Repeat("x", j+1))
	}
	for n := 1; n <= features; n++ {
		k.Trees = append(k.Trees, chain(4*n, n))
	}
	data := One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", in), []Named{{"p", batch.T(batch.Vector)}}).Marshal()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	g, err := Unmarshal(data)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err != nil || got > 1<<20+20*uint64(len(data)) {
		t.Errorf("%d bytes of input took %d of memory, error %v", len(data), got, err)
	}
	if z := g.Nodes[0].Kind.(*Shap).size; z.floats > 4*features*(9*features/2+1) {
		t.Errorf("a worker takes %d numbers", z.floats)
	}
	long := One(&Shap{Of: []Ensemble{{Trees: &Trees{Levels: k.Levels, Names: k.Names, Trees: []Tree{chain(100, features)}}}}}, named("x", in), []Named{{"p", batch.T(batch.Vector)}})
	long.Nodes[0].Kind.(*Shap).Of[0].Trees.Trees[0] = chain(20_000, features)
	if _, err := Unmarshal(long.Marshal()); err == nil || !strings.Contains(err.Error(), "numbers to explain") {
		t.Errorf("a path of 20,000 splits: %v", err)
	}
}

// chain is a tree whose left children are leaves, by so many features in turn.
func chain(nodes, features int) Tree {
	t := Tree{Leaf: make([]float64, nodes+1), Cover: slices.Repeat([]int64{1}, nodes+1)}
	for i := range int32(nodes) {
		t.Feature, t.Threshold, t.Cat = append(t.Feature, i%int32(features)), append(t.Threshold, 0), append(t.Cat, -1)
		t.Left, t.Right, t.MissingLeft = append(t.Left, ^i), append(t.Right, i+1), append(t.MissingLeft, false)
	}
	t.Right[nodes-1] = ^int32(nodes)
	return t
}

// A row takes no memory once the frame has what it needs.
func TestShapRowTakesNoMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	in := typesOf(batch.Float64, batch.Float64)
	levels := []int32{0, 0}
	k := &Trees{Levels: levels, Names: names(2), Trees: []Tree{coveredTree(r, 30, levels), chain(2*shapOneLevels, 2)}}
	p := []Named{{"p", batch.T(batch.Vector)}}
	for _, g := range []Graph{One(&Shap{Of: []Ensemble{{Trees: k}}}, named("x", in), p),
		One(&ForestShap{Classes: []string{"a", "b"}, Forest: coveredForest(r, []int{30}, levels, 2)}, named("x", in), p)} {
		f := g.Frame()
		if n := testing.AllocsPerRun(20, func() {
			if err := g.Row(f); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations a row", n)
		}
	}
}
