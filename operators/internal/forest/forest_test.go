package forest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/internal/trees"
)

// table is rows of a few values each, so that splits tie and leaves hold many rows; label is 0 and 1, a class, or a number.
func table(seed uint64, n, classes int) (*trees.Data, *Label) {
	r := rand.New(rand.NewPCG(seed, 3))
	d := &trees.Data{N: n, Features: []trees.Feature{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	l := &Label{Classes: classes}
	for range n {
		a, b, c := float64(r.IntN(12)), r.NormFloat64(), float64(r.IntN(3))
		y := a/4 + b*c + r.NormFloat64()/3
		if r.IntN(9) == 0 {
			b, y = math.NaN(), y+1
		}
		for j, x := range []float64{a, b, c} {
			d.Features[j].Values = append(d.Features[j].Values, x)
		}
		switch classes {
		case 0:
			l.Values = append(l.Values, y)
		case 2:
			l.Values = append(l.Values, float64(min(1, max(0, int(y)))))
		default:
			l.Class = append(l.Class, int32(min(classes-1, max(0, int(y)))))
		}
	}
	return d, l
}

func plain(o Options) Options {
	o.Trees, o.Columns, o.Bins, o.RowSample = 1, 3, 255, 1
	o.MinRows = max(1, o.MinRows)
	return o
}

func fitted(t testing.TB, d *trees.Data, l *Label, o Options) *Model {
	t.Helper()
	m, err := Fit(Env{}, d, l, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// impurity is that of rows times their weight, word for word.
func impurity(d *trees.Data, l *Label, o *Options, rows []int) float64 {
	total, mass := 0.0, map[int]float64{}
	mean := 0.0
	for _, r := range rows {
		w := d.WeightOf(r)
		total += w
		switch {
		case l.Classes > 2:
			mass[int(l.Class[r])] += w
		case l.Classes == 2:
			mass[int(l.Values[r])] += w
		default:
			mean += w * l.Values[r]
		}
	}
	if total == 0 {
		return 0
	}
	out := 0.0
	if l.Classes == 0 {
		mean /= total
		for _, r := range rows {
			out += d.WeightOf(r) * (l.Values[r] - mean) * (l.Values[r] - mean)
		}
		return out
	}
	for _, w := range mass {
		p := w / total
		if o.Criterion == Entropy {
			out -= w * math.Log(p)
		} else {
			out += w * (1 - p)
		}
	}
	return out
}

// The root splits the rows as the best of all cuts of all columns, missing on either side, does.
func TestBestSplit(t *testing.T) {
	for _, classes := range []int{0, 2, 5} {
		for _, criterion := range []Criterion{Squares, Entropy} {
			for _, weighted := range []bool{false, true} {
				if classes == 0 && criterion == Entropy {
					continue
				}
				d, l := table(uint64(classes), 200, classes)
				if weighted {
					r := rand.New(rand.NewPCG(5, 5))
					for range d.N {
						d.Weight = append(d.Weight, math.Exp(2*r.NormFloat64())*float64(min(1, r.IntN(5))))
					}
				}
				o := plain(Options{Criterion: criterion, MaxDepth: 1, MinRows: 5})
				m := fitted(t, d, l, o)
				var all []int
				for r := range d.N {
					if d.WeightOf(r) > 0 {
						all = append(all, r)
					}
				}
				whole := impurity(d, l, &o, all)
				gain := func(goes func(r int) bool) float64 {
					var side [2][]int
					for _, r := range all {
						if goes(r) {
							side[0] = append(side[0], r)
						} else {
							side[1] = append(side[1], r)
						}
					}
					if len(side[0]) < o.MinRows || len(side[1]) < o.MinRows {
						return 0
					}
					return whole - impurity(d, l, &o, side[0]) - impurity(d, l, &o, side[1])
				}
				best := 0.0
				for _, f := range d.Features {
					for _, at := range append(slices.Clone(f.Values), math.Inf(1)) {
						for _, missing := range []bool{false, true} {
							best = max(best, gain(func(r int) bool { return f.Values[r] <= at || missing && f.Values[r] != f.Values[r] }))
						}
					}
				}
				tree := &m.Trees[0]
				got := gain(func(r int) bool { return tree.Find(m.Features, d.Features, r) == 0 })
				if len(tree.Leaf) != 2 || math.Abs(got-best) > 1e-6*best {
					t.Errorf("%d classes, criterion %d, weights %v: a gain of %v, the best is %v", classes, criterion, weighted, got, best)
				}
			}
		}
	}
}

// Leaves say what their rows do, and hold no fewer than they may; a full tree parts all rows that differ.
func TestLeaves(t *testing.T) {
	for _, classes := range []int{0, 2, 4} {
		for _, o := range []Options{{}, {MinRows: 7}, {Leaves: 9}, {MaxDepth: 3}, {Random: true}, {Prune: 0.01}, {Random: true, Leaves: 20, MinRows: 3}} {
			d, l := table(7, 500, classes)
			o = plain(o)
			m := fitted(t, d, l, o)
			tree := &m.Trees[0]
			rows := make([][]int, len(tree.Leaf))
			for r := range d.N {
				at := tree.Find(m.Features, d.Features, r)
				rows[at] = append(rows[at], r)
			}
			if o.Leaves > 0 && len(rows) != o.Leaves || o.MaxDepth > 0 && tree.Depth() > o.MaxDepth || len(rows) < 3 {
				t.Errorf("%+v: %d leaves, depth %d", o, len(rows), tree.Depth())
			}
			for i, in := range rows {
				if len(in) < o.MinRows || int64(len(in)) != m.Trees[0].Cover[i] {
					t.Fatalf("%+v: leaf %d has %d rows, says %d", o, i, len(in), m.Trees[0].Cover[i])
				}
				if classes > 2 {
					count := make([]float64, classes)
					for _, r := range in {
						count[l.Class[r]]++
					}
					s := int(tree.Leaf[i])
					for at := m.Shares.At[s]; at < m.Shares.At[s+1]; at++ {
						if c := m.Shares.Class[at]; m.Shares.Share[at] != count[c]/float64(len(in)) {
							t.Fatalf("%+v: leaf %d says %v of class %d, want %v of %d", o, i, m.Shares.Share[at], c, count[c], len(in))
						}
					}
					continue
				}
				sum := 0.0
				for _, r := range in {
					sum += l.Values[r]
				}
				if want := sum / float64(len(in)); math.Abs(tree.Leaf[i]-want) > 1e-9 {
					t.Fatalf("%+v: leaf %d says %v, want %v", o, i, tree.Leaf[i], want)
				}
			}
		}
	}
}

// A weight of 2 is the row twice, a weight of 0 no row.
func TestWeights(t *testing.T) {
	for _, classes := range []int{0, 2, 4} {
		d, l := table(8, 250, classes) // of more values bins would be cut, by rows and not by weights
		twice, more := *d, *l
		twice.Features = slices.Clone(d.Features)
		add := func(r int) {
			for j := range twice.Features {
				f := &twice.Features[j]
				f.Values = append(slices.Clip(f.Values), d.Features[j].Values[r])
			}
			if classes > 2 {
				more.Class = append(slices.Clip(more.Class), l.Class[r])
			} else {
				more.Values = append(slices.Clip(more.Values), l.Values[r])
			}
			twice.N++
		}
		d.Weight = make([]float64, d.N)
		for r := range d.N {
			d.Weight[r] = float64(1 + r%2)
			if r%2 == 1 {
				add(r)
			}
		}
		o := plain(Options{MaxDepth: 4}) // without a limit rows that are there twice are never alone
		a, b := fitted(t, d, l, o), fitted(t, &twice, &more, o)
		x, y := &a.Trees[0], &b.Trees[0]
		if !slices.Equal(x.Feature, y.Feature) || !slices.Equal(x.Left, y.Left) || !slices.Equal(x.Right, y.Right) {
			t.Errorf("%d classes: other trees", classes)
			continue
		}
		for r := range d.N {
			p, q := x.Leaf[x.Find(a.Features, d.Features, r)], y.Leaf[y.Find(b.Features, d.Features, r)]
			if classes <= 2 && math.Abs(p-q) > 1e-9 {
				t.Fatalf("row %d: %v and %v", r, p, q)
			}
		}
	}
}

// A strictly rising function of a column changes nothing but thresholds; a constant column changes nothing.
func TestMonotone(t *testing.T) {
	d, l := table(9, 400, 2)
	o := plain(Options{})
	want := fitted(t, d, l, o)
	e := *d
	e.Features = append(slices.Clone(d.Features), trees.Feature{Name: "flat", Values: make([]float64, d.N)})
	e.Features[0].Values = slices.Clone(d.Features[0].Values)
	for i, x := range e.Features[0].Values {
		e.Features[0].Values[i] = x*x*x + 5
	}
	o.Columns = 4
	got := fitted(t, &e, l, o)
	for r := range d.N {
		if a, b := want.Trees[0].Find(want.Features, d.Features, r), got.Trees[0].Find(got.Features, e.Features, r); a != b {
			t.Fatalf("row %d is in leaf %d, was in %d", r, b, a)
		}
	}
}

// How often rows are drawn has the mean and the share of none of Poisson's distribution.
func TestDraws(t *testing.T) {
	for _, rate := range []float64{1, 0.3} {
		d := newDraw(&Options{Bootstrap: true, RowSample: rate, Seed: 3})
		sum, none, most := 0, 0, 0
		const n = 200_000
		for r := range n {
			x := d.times(d.tree(5), r)
			sum, most = sum+x, max(most, x)
			if x == 0 {
				none++
			}
		}
		if math.Abs(float64(sum)/n-rate) > 0.01 || math.Abs(float64(none)/n-math.Exp(-rate)) > 0.005 || most > 15 {
			t.Errorf("rate %v: mean %v, none %v, at most %d", rate, float64(sum)/n, float64(none)/n, most)
		}
	}
	d := newDraw(&Options{RowSample: 0.25})
	some := 0
	for r := range 10_000 {
		some += d.times(d.tree(1), r)
	}
	if some < 2300 || some > 2700 {
		t.Errorf("%d of 10000 rows, want a quarter", some)
	}
}

// A category whose levels say nothing tells nothing out of bag, however many there are.
func TestNoLeak(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for _, levels := range []int{40, 10_000} {
		const n = 4000
		d := &trees.Data{N: n, Features: []trees.Feature{{Name: "id", Codes: make([]int32, n), Levels: levels}}}
		l := &Label{Values: make([]float64, n), Classes: 2}
		for i := range n {
			d.Features[0].Codes[i], l.Values[i] = int32(r.IntN(levels)), float64(r.IntN(2))
		}
		m := fitted(t, d, l, Options{Trees: 40, Columns: 1, Bins: 255, MinRows: 1, Bootstrap: true, RowSample: 1})
		if a := m.OutOfBag.AUC; math.Abs(a-0.5) > 0.03 {
			t.Errorf("%d levels: AUC %v out of bag", levels, a)
		}
	}
}

// Labels far from 0 are learnt as those near it are: a full tree says each row's to the bit.
func TestFarLabels(t *testing.T) {
	d, l := table(12, 250, 0) // each value has its own bin
	for i, y := range l.Values {
		l.Values[i] = math.Round(y*1024) / 1024
	}
	for _, weight := range [][]float64{nil, slices.Repeat([]float64{1, 2, 4, 0.5, 1}, 50)} {
		d.Weight = weight
		for _, far := range []float64{0, 1 << 40, -(1 << 40), 3 << 41} {
			moved := &Label{}
			for _, y := range l.Values {
				moved.Values = append(moved.Values, y+far)
			}
			m := fitted(t, d, moved, plain(Options{}))
			for r, want := range moved.Values {
				if d.Features[1].Values[r] != d.Features[1].Values[r] {
					continue // rows without their own value may be alike
				}
				if got := m.Trees[0].Leaf[m.Trees[0].Find(m.Features, d.Features, r)]; got != want {
					t.Fatalf("moved by %v, row %d: %v, want %v", far, r, got, want)
				}
			}
		}
	}
	l.Values[3] = -1e101
	if _, err := Fit(Env{}, d, l, plain(Options{})); err == nil || err.Error() != "label -1e+101 in row 3, want a number within 1e+100 of 0" {
		t.Errorf("%v", err)
	}
}

// Where labels are counted from may be taken off them and added again.
func TestOrigin(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 20_000 {
		lo := r.NormFloat64() * math.Exp(20*r.NormFloat64())
		hi := lo + math.Abs(lo)*math.Exp(10*r.NormFloat64())
		at := origin(lo, hi)
		for range 10 {
			y := min(max(lo, lo+float64(r.Float64()*(hi-lo))), hi)
			if y-at+at != y || math.Abs(y-at) > 2.5*(hi-lo) && at != 0 {
				t.Fatalf("from %v to %v: %v from %v is %v", lo, hi, y, at, y-at)
			}
		}
	}
}

// Pruning leaves as many leaves as scikit-learn's ccp_alpha does, by either criterion.
func TestPrune(t *testing.T) {
	data, err := os.ReadFile("../../../testing/peers/prune.json")
	if err != nil {
		t.Fatal(err)
	}
	var peer struct {
		X    [][]float64
		Y    []int32
		Want map[string][][2]float64
	}
	if err := json.Unmarshal(data, &peer); err != nil {
		t.Fatal(err)
	}
	d, l := &trees.Data{N: len(peer.Y)}, &Label{Class: peer.Y, Classes: 3}
	for _, x := range peer.X {
		d.Features = append(d.Features, trees.Feature{Values: x})
	}
	for name, criterion := range map[string]Criterion{"gini": Squares, "entropy": Entropy} {
		if len(peer.Want[name]) < 8 {
			t.Fatalf("%s: %v", name, peer.Want[name])
		}
		for _, x := range peer.Want[name] {
			m := fitted(t, d, l, plain(Options{Criterion: criterion, MinRows: 8, Prune: x[0]}))
			if got := len(m.Trees[0].Leaf); got != int(x[1]) {
				t.Errorf("%s, a leaf costs %v: %d leaves, scikit-learn has %v", name, x[0], got, x[1])
			}
		}
	}
}

// A tree whose draw is of no row has them all, and says nothing of any of them out of bag.
func TestNoneDrawn(t *testing.T) {
	for _, classes := range []int{0, 2, 4} {
		d, l := table(3, 40, classes)
		for _, bootstrap := range []bool{false, true} {
			m := fitted(t, d, l, Options{Trees: 5, Columns: 3, Bins: 255, MinRows: 1, Bootstrap: bootstrap, RowSample: 1e-9, Prune: 1e-9})
			if m.OutOfBag != nil || len(m.Trees[0].Leaf) < 3 {
				t.Errorf("%d classes: %+v of %d leaves", classes, m.OutOfBag, len(m.Trees[0].Leaf))
			}
		}
	}
}

func BenchmarkFit(b *testing.B) {
	for _, classes := range []int{0, 2, 5} {
		b.Run(fmt.Sprint(classes), func(b *testing.B) {
			d, l := table(1, 20_000, classes)
			for b.Loop() {
				fitted(b, d, l, Options{Trees: 10, Columns: 1, Bins: 255, MinRows: 1, Bootstrap: true, RowSample: 1})
			}
		})
	}
}
