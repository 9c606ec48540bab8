package program

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
)

// randomTree grows a tree of random splits, best leaf first or not at all in order.
func randomTree(r *rand.Rand, leaves int, levels []int32) Tree {
	t := Tree{}
	type side struct {
		node  int
		right bool
	}
	leaf := []side{{-1, false}} // by leaf, where it hangs
	for len(leaf) < leaves {
		f := int32(r.IntN(len(levels)))
		node := len(t.Feature)
		t.Feature = append(t.Feature, f)
		threshold := float64(r.IntN(12)-2) / 4
		cat := int32(-1)
		if l := levels[f]; l > 0 {
			cat, threshold = int32(len(t.Bits)), 0
			for range (l + 63) / 64 {
				t.Bits = append(t.Bits, r.Uint64())
			}
			if l%64 != 0 {
				t.Bits[len(t.Bits)-1] &= 1<<(l%64) - 1
			}
		} else if r.IntN(8) == 0 {
			threshold = []float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, -5e-324, 0, math.Copysign(0, -1)}[r.IntN(6)]
		}
		t.Threshold, t.Cat = append(t.Threshold, threshold), append(t.Cat, cat)
		t.MissingLeft = append(t.MissingLeft, r.IntN(2) == 0)
		at := r.IntN(len(leaf))
		t.hang(leaf[at], int32(node))
		leaf[at] = side{node, false}
		leaf = append(leaf, side{node, true})
		t.Left, t.Right = append(t.Left, 0), append(t.Right, 0)
	}
	for i, s := range leaf {
		if s.node >= 0 {
			t.hang(s, ^int32(i))
		}
		t.Leaf = append(t.Leaf, r.NormFloat64())
	}
	return t
}

func (t *Tree) hang(at struct {
	node  int
	right bool
}, child int32) {
	switch {
	case at.node < 0:
	case at.right:
		t.Right[at.node] = child
	default:
		t.Left[at.node] = child
	}
}

// score is what the doc comment of Trees says, word for word.
func (k *Trees) score(in []batch.Column, i int) float64 {
	s := k.Base
	for _, t := range k.Trees {
		c := int32(0)
		if len(t.Feature) == 0 {
			c = ^0
		}
		for c >= 0 {
			n, f := c, t.Feature[c]
			v := ValueOf(&in[f], i)
			left := t.MissingLeft[n]
			if t.Cat[n] >= 0 {
				if !v.IsNull() && v.I >= 0 && v.I < int64(k.Levels[f]) {
					left = t.Bits[int64(t.Cat[n])+v.I/64]>>(v.I%64)&1 == 1
				}
			} else {
				x := v.F
				switch v.Kind {
				case batch.Unknown:
					x = math.NaN()
				case batch.Bool, batch.Int32, batch.Int64:
					x = float64(v.I)
				case batch.Decimal:
					x = float64(v.I) / 1000
				}
				if x == x {
					left = x <= t.Threshold[n]
				}
			}
			if c = t.Right[n]; left {
				c = t.Left[n]
			}
		}
		s += t.Leaf[^c]
	}
	switch k.Link {
	case Sigmoid:
		return fmath.Sigmoid(s)
	case Exp:
		return fmath.Exp(s)
	}
	return s
}

// treeShape is what trees to try read, and how many leaves they have.
type treeShape struct {
	in     []batch.Type
	levels []int32
	leaves []int
}

// treeShapes are numbers of every type, categories of few and of many words, both, and as little as there may be.
func treeShapes() []treeShape {
	numbers := typesOf(batch.Float64, batch.Float32, batch.Int32, batch.Int64, batch.Decimal, batch.Bool)
	codes := typesOf(batch.Int32, batch.Int64, batch.Int64)
	return []treeShape{
		{numbers, make([]int32, 6), []int{1, 2, 3, 31, 64, 200}},
		{append(codes, numbers...), append([]int32{5, 64, 65}, make([]int32, 6)...), []int{2, 3, 31, 40, 1}},
		{codes[:1], []int32{130}, []int{9}},
		{typesOf(batch.Float64), []int32{0}, []int{1}},
	}
}

func TestTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, x := range append(treeShapes(), treeShape{typesOf(batch.Float64), []int32{0}, nil}) {
		for _, link := range []Link{NoLink, Sigmoid, Exp} {
			k := &Trees{Base: 0.5, Link: link, Levels: x.levels}
			for range 3 {
				for _, l := range x.leaves {
					k.Trees = append(k.Trees, randomTree(r, l, x.levels))
				}
			}
			g := lawCase(t, func() Kind { return k }, x.in, typesOf(batch.Float64))
			var cols []batch.Column
			for _, ty := range x.in {
				cols = append(cols, lawColumn(r, ty, true))
			}
			out := lawBatch(t, g, lawSize, cols)
			for i := range lawSize {
				if got, want := out[0].Float64s()[i], k.score(cols, i); floatBits(got) != floatBits(want) {
					t.Fatalf("row %d is %v, want %v", i, got, want)
				}
			}
		}
	}
	lawCase(t, func() Kind { return &Trees{Base: 1, Trees: []Tree{{Leaf: []float64{2}}}} }, nil, typesOf(batch.Float64))
}

// comparedCase is trees some of which are compared and others walked, and rows for them.
type comparedCase struct {
	name   string
	levels []int32
	types  []batch.Type
	trees  []Tree
	cols   []batch.Column
}

const comparedCaseRows = 700

// comparedCases have cuts for several columns, sizes of every kind, and as many categories as are a code of a byte and more.
func comparedCases(r *rand.Rand) (out []comparedCase) {
	levels := []int32{0, 0, 0, 255, 3, 256}
	in := typesOf(batch.Float64, batch.Float32, batch.Int64, batch.Int32, batch.Int64, batch.Int32)
	for _, x := range []struct {
		name   string
		levels []int32 // the first features
		leaves []int
	}{
		{"cuts for several columns", levels[:3], []int{31, 256, 255, 2, 1, 256, 256, 17, 33, 65, 256, 100, 256}},
		{"numbers of a row", levels[:3], []int{31, 32, 1, 2, 3, 31, 32, 31, 31, 30, 9}},
		{"categories of a row", levels[:5], slices.Repeat([]int{31, 32, 1, 2, 9}, 8)},
		{"categories", levels[:5], []int{31, 64, 255, 8, 3}},
		{"some too large", levels[:5], []int{31, 257, 1, 600, 2}},
		{"all too large", levels[:3], slices.Repeat([]int{300}, 11)},
		{"some of too many categories", levels, []int{31, 2, 30, 9, 5}},
		{"all of too many categories", levels[5:], []int{5, 6}},
		{"a feature of three", levels[:3], []int{2, 1}},
	} {
		c := comparedCase{name: x.name, levels: x.levels, types: in[len(in)-len(x.levels):]}
		if x.levels[0] == 0 {
			c.types = in[:len(x.levels)]
		}
		for _, l := range x.leaves {
			tree := randomTree(r, l, x.levels)
			for i := range tree.Threshold {
				if tree.Cat[i] < 0 && r.IntN(8) > 0 {
					tree.Threshold[i] = r.NormFloat64()
				}
			}
			c.trees = append(c.trees, tree)
		}
		var cuts []float64 // of the first feature
		for t := range c.trees {
			for i, f := range c.trees[t].Feature {
				if f == 0 {
					cuts = append(cuts, c.trees[t].Threshold[i])
				}
			}
		}
		for j, ty := range c.types {
			col, null := (*batch.Ctx)(nil).New(ty, comparedCaseRows), make([]bool, comparedCaseRows)
			for i := range comparedCaseRows {
				null[i] = r.IntN(20) == 0
				code := int64(r.IntN(int(x.levels[j])+4)) - 2
				switch ty.Kind {
				case batch.Float64:
					switch col.Float64s()[i] = r.NormFloat64(); {
					case r.IntN(4) == 0 && len(cuts) > 0:
						col.Float64s()[i] = cuts[r.IntN(len(cuts))] // just at a cut
					case r.IntN(8) == 0:
						col.Float64s()[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 5e-324}[r.IntN(6)]
					}
				case batch.Float32:
					col.Float32s()[i] = float32(r.NormFloat64())
				case batch.Int32:
					col.Int32s()[i] = int32(code)
				case batch.Int64:
					col.Int64s()[i] = code
				}
			}
			if j != 1 {
				col = col.WithNulls(null)
			}
			c.cols = append(c.cols, col)
		}
		out = append(out, c)
	}
	return out
}

// check holds a graph with one output to want, the bits of each row, at each level and up to any end of a batch.
func (c *comparedCase) check(t *testing.T, g Graph, want [][]float64) {
	for _, l := range cpu.Levels() {
		t.Run(c.name+"/"+l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			for _, n := range []int{1, 31, 32, 33, 255, 256, 257, 287, 288, 289, 512, comparedCaseRows} {
				lo := (comparedCaseRows - n) / 2
				part := make([]batch.Column, len(c.cols))
				for j := range part {
					part[j] = c.cols[j].Slice(nil, lo, lo+n)
				}
				for j, o := range lawBatch(t, g, n, part) {
					for i, got := range o.Float64s() {
						if floatBits(got) != floatBits(want[lo+i][j]) {
							t.Fatalf("%d rows: row %d, output %d is %v, want %v", n, i, j, got, want[lo+i][j])
						}
					}
				}
			}
			f := g.Frame()
			for i := range comparedCaseRows {
				for j, p := range g.In {
					f.SetRow(p.Slot, &c.cols[j], i)
				}
				if err := g.Row(f); err != nil {
					t.Fatal(err)
				}
				for j, p := range g.Out {
					if floatBits(f.F[p.Slot]) != floatBits(want[i][j]) {
						t.Fatalf("row %d alone, output %d is %v, want %v", i, j, f.F[p.Slot], want[i][j])
					}
				}
			}
			lawNoAllocs(t, g, c.cols)
		})
	}
}

// Small trees are compared, others walked, at each level and up to any end of a batch: the bits are those of a loop over the trees.
func TestTreesCompared(t *testing.T) {
	for _, c := range comparedCases(rand.New(rand.NewPCG(7, 8))) {
		k := &Trees{Base: 0.25, Levels: c.levels, Trees: c.trees}
		want := make([][]float64, comparedCaseRows)
		for i := range want {
			want[i] = []float64{k.score(c.cols, i)}
		}
		c.check(t, One(k, named("x", c.types), named("y", typesOf(batch.Float64))), want)
	}
}

// bombTrees are trees of nothing but a leaf behind one that splits on categories: a few bytes each.
func bombTrees(trees int) *Trees {
	k := &Trees{Levels: slices.Repeat([]int32{255}, 16), Trees: []Tree{{Leaf: []float64{0}}}}
	for f := range k.Levels {
		t := &k.Trees[0]
		t.Feature, t.Threshold, t.MissingLeft = append(t.Feature, int32(f)), append(t.Threshold, 0), append(t.MissingLeft, false)
		t.Left, t.Right = append(t.Left, ^int32(f)), append(t.Right, int32(f)+1)
		t.Cat, t.Bits, t.Leaf = append(t.Cat, int32(4*f)), append(t.Bits, 1, 0, 0, 0), append(t.Leaf, 1)
	}
	t := &k.Trees[0]
	t.Right[len(t.Right)-1] = ^int32(len(t.Right))
	for range trees {
		k.Trees = append(k.Trees, Tree{Leaf: []float64{1}})
	}
	return k
}

// What is made ready to score by keeps to the size of the file.
func TestTreesBomb(t *testing.T) {
	data := One(bombTrees(20_000), named("x", repeat(batch.T(batch.Int32), 16)), named("y", typesOf(batch.Float64))).Marshal()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Unmarshal(data); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(150*len(data)) {
		t.Errorf("%d bytes took %d of memory", len(data), got)
	}
}

func TestTreesRefuses(t *testing.T) {
	in, out := typesOf(batch.Float64, batch.Int32), typesOf(batch.Float64)
	good := func() *Trees {
		return &Trees{Levels: []int32{0, 70}, Trees: []Tree{{
			Feature: []int32{0, 1}, Threshold: []float64{1, 0}, Left: []int32{1, ^1}, Right: []int32{^0, ^2}, MissingLeft: []bool{false, true},
			Cat: []int32{-1, 0}, Bits: []uint64{1, 2}, Leaf: []float64{1, 2, 3}}}}
	}
	if err := good().Init(in, out); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(k *Trees, t *Tree){
		"a way round":              func(k *Trees, t *Tree) { t.Left[1] = 0 },
		"a node that is its child": func(k *Trees, t *Tree) { t.Left[0] = 0 },
		"no such node":             func(k *Trees, t *Tree) { t.Left[0] = 2 },
		"no such leaf":             func(k *Trees, t *Tree) { t.Left[1] = ^3 },
		"a leaf far away":          func(k *Trees, t *Tree) { t.Left[1] = math.MinInt32 },
		"a leaf twice":             func(k *Trees, t *Tree) { t.Left[1] = ^0 },
		"no such feature":          func(k *Trees, t *Tree) { t.Feature[0] = 2 },
		"a feature below 0":        func(k *Trees, t *Tree) { t.Feature[0] = -1 },
		"a number for codes":       func(k *Trees, t *Tree) { t.Cat[1] = -1 },
		"codes for a number":       func(k *Trees, t *Tree) { t.Cat[0] = 0 },
		"a bitset elsewhere":       func(k *Trees, t *Tree) { t.Cat[1] = 1 },
		"a bitset cut short":       func(k *Trees, t *Tree) { t.Bits = t.Bits[:1] },
		"bits too many":            func(k *Trees, t *Tree) { t.Bits = append(t.Bits, 1) },
		"too few leaves":           func(k *Trees, t *Tree) { t.Leaf = t.Leaf[:2] },
		"too few thresholds":       func(k *Trees, t *Tree) { t.Threshold = t.Threshold[:1] },
		"a threshold of NaN":       func(k *Trees, t *Tree) { t.Threshold[0] = math.NaN() },
		"levels below 0":           func(k *Trees, t *Tree) { k.Levels[1] = -1 },
		"a feature too many":       func(k *Trees, t *Tree) { k.Levels = append(k.Levels, 0) },
		"no such link":             func(k *Trees, t *Tree) { k.Link = 9 },
		"names without covers":     func(k *Trees, t *Tree) { k.Names = []string{"a", "b"} },
		"covers without names":     func(k *Trees, t *Tree) { t.Cover = []int64{1, 2, 3} },
		"a cover cut short":        func(k *Trees, t *Tree) { k.Names, t.Cover = []string{"a", "b"}, []int64{1, 2} },
		"a cover below 0":          func(k *Trees, t *Tree) { k.Names, t.Cover = []string{"a", "b"}, []int64{1, 2, -1} },
		"a cover beyond floats":    func(k *Trees, t *Tree) { k.Names, t.Cover = []string{"a", "b"}, []int64{1 << 53, 1, 1} },
		"covers that wrap around":  func(k *Trees, t *Tree) { k.Names, t.Cover = []string{"a", "b"}, []int64{1 << 53, math.MaxInt64, 0} },
		"a name too many":          func(k *Trees, t *Tree) { k.Names, t.Cover = []string{"a", "b", "c"}, []int64{1, 2, 3} },
	} {
		k := good()
		change(k, &k.Trees[0])
		refuses(t, what, k, in, out)
	}
	refuses(t, "text", good(), typesOf(batch.String, batch.Int32), out)
	refuses(t, "codes of floats", good(), typesOf(batch.Float64, batch.Float64), out)
	refuses(t, "an output of int64", good(), in, typesOf(batch.Int64))
}

// BenchmarkWideTrees is of deep trees that split on a few columns of many.
func BenchmarkWideTrees(b *testing.B) {
	const n, features, used = 4096, 1000, 30
	r := rand.New(rand.NewPCG(1, 1))
	k := &Trees{Levels: make([]int32, features)}
	for range 20 {
		t := randomTree(r, 400, k.Levels)
		for i := range t.Threshold {
			t.Feature[i], t.Threshold[i] = int32(r.IntN(used)*features/used), r.NormFloat64()
		}
		k.Trees = append(k.Trees, t)
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	g := One(k, named("x", repeat(batch.T(batch.Float64), features)), named("p", typesOf(batch.Float64)))
	cols, c := repeat(batch.OfFloat64s(v), features), &batch.Ctx{}
	for b.Loop() {
		c.Reset()
		if _, err := g.Batch(c, n, cols); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrees(b *testing.B) {
	const n, features = 16384, 20
	for _, x := range []struct {
		name   string
		codes  int // features that are categorical
		levels int
	}{{"numeric", 0, 0}, {"categorical", 4, 30}, {"of many categories", 16, 200}} {
		r := rand.New(rand.NewPCG(1, 1))
		k := &Trees{Levels: make([]int32, features), Link: Sigmoid}
		var in []batch.Type
		var cols []batch.Column
		for j := range features {
			if j < x.codes {
				k.Levels[j] = int32(x.levels)
				v := make([]int32, n)
				for i := range v {
					v[i] = int32(r.IntN(x.levels))
				}
				cols = append(cols, batch.OfInt32s(v))
			} else {
				v := make([]float64, n)
				for i := range v {
					v[i] = r.NormFloat64()
				}
				cols = append(cols, batch.OfFloat64s(v))
			}
			in = append(in, cols[j].Type)
		}
		for range 100 {
			t := randomTree(r, 31, k.Levels)
			for i := range t.Threshold {
				t.Threshold[i] = r.NormFloat64()
			}
			k.Trees = append(k.Trees, t)
		}
		g := One(k, named("x", in), named("p", typesOf(batch.Float64)))
		b.Run(fmt.Sprint(x.name), func(b *testing.B) {
			c := &batch.Ctx{}
			for b.Loop() {
				c.Reset()
				if _, err := g.Batch(c, n, cols); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
		b.Run(x.name+"/row", func(b *testing.B) { benchRows(b, g, cols, n) })
	}
}

// benchRows scores rows alone, one after another.
func benchRows(b *testing.B, g Graph, cols []batch.Column, n int) {
	f, i := g.Frame(), 0
	b.ReportAllocs()
	for b.Loop() {
		for j, p := range g.In {
			f.SetRow(p.Slot, &cols[j], i%n)
		}
		if err := g.Row(f); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
