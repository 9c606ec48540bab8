package gbdt

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/testing/race"
)

// ways are the ways to grow and to sample: what holds of trees holds of them all.
var ways = map[string]func(o *Options){
	"leaf-wise":        func(o *Options) { o.Leaves = 24 },
	"depth-wise":       func(o *Options) { o.Growth, o.Leaves = DepthWise, 24 },
	"oblivious":        func(o *Options) { o.Growth, o.MaxDepth = Oblivious, 5 },
	"goss":             func(o *Options) { o.LearningRate, o.Goss = 0.5, Goss{Top: 0.2, Other: 0.1} },
	"goss, depth-wise": func(o *Options) { o.LearningRate, o.Goss, o.Growth = 0.5, Goss{Top: 0.01, Other: 0.3}, DepthWise },
	"dart":             func(o *Options) { o.LearningRate, o.Dart = 0.3, Dart{Drop: 0.5, Skip: 0.2, Max: 3} },
	"dart, all": func(o *Options) {
		o.LearningRate, o.Leaves, o.Dart, o.RowSample, o.ColumnSample = 0.3, 300, Dart{Drop: 0.2}, 0.6, 0.8
	},
	"dart, goss": func(o *Options) {
		o.LearningRate, o.Growth, o.Dart, o.Goss = 0.5, Oblivious, Dart{Drop: 0.4, Skip: 0.1, Max: 50}, Goss{Top: 0.3, Other: 0.2}
	},
	"constrained": func(o *Options) {
		o.Leaves, o.ColumnSampleNode, o.Monotone, o.Interactions = 24, 0.8, []int8{0, 1, 1, 0, -1, 0, 0}, [][]int{{0, 2, 6}, {0, 1, 2, 5}}
	},
	"constrained, oblivious": func(o *Options) {
		o.Growth, o.ColumnSampleNode, o.Monotone, o.Interactions = Oblivious, 0.8, []int8{0, 1, 1, 0, -1, 0, 0}, [][]int{{0, 2, 6}, {0, 1, 2, 5}}
	},
}

// growBooster runs a fit and keeps what it was made with.
func growBooster(t *testing.T, team *trees.Team, d Data, v *Data, o Options, watch func(g *grower, n *node)) *booster {
	t.Helper()
	b, err := newBooster(team, Env{}, d, v, o)
	if err != nil {
		t.Fatal(err)
	}
	if watch != nil {
		b.grower.watch = func(n *node) { watch(b.grower, n) }
	}
	if err := b.run(); err != nil {
		t.Fatal(err)
	}
	b.finish()
	return b
}

// Enough binary rows that some nodes are shared out among all workers and others are not.
func TestWaysSameBits(t *testing.T) {
	for _, c := range []struct {
		kind    Objective
		rows    int
		workers []int
	}{{Binary, 152_000, []int{1, 2, 7, 16}}, {Regression, 20_000, []int{1, 3}}, {Multiclass, 6000, []int{1, 3}}} {
		d, v := synth(1, c.rows, c.kind), synth(2, 2000, c.kind)
		if c.kind == Regression {
			d = weighted(d, 3, (*rand.Rand).Float64)
		}
		for name, way := range ways {
			o := options(c.kind, way, func(o *Options) { o.Trees = 4 })
			var want []byte
			try := func(n int) {
				m, err := Fit(Env{Parallel: workers(n, uint64(n))}, d, &v, o)
				if err != nil {
					t.Fatal(err)
				}
				got := encode(t, m)
				if want == nil {
					want = got
					if len(m.Trees) < 4 || len(m.Trees[0].Leaf)+len(m.Trees[3].Leaf) < 20 {
						t.Fatalf("%s: the trees are small: the test shows nothing", name)
					}
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s, %v: %d workers: another model", name, c.kind, n)
				}
			}
			for i, n := range c.workers {
				if !race.On || i >= len(c.workers)-2 {
					try(n)
				}
			}
			if c.kind == Regression && !race.On {
				for _, level := range cpu.Levels() {
					restore := cpu.Lower(level)
					try(2)
					restore()
				}
			}
		}
	}
}

// A row reaches the same leaf by its bins, while training, and by its values, ever after.
func TestWaysLeafIsPredictedLeaf(t *testing.T) {
	for i, kind := range []Objective{Binary, Regression, Multiclass} {
		if race.On && i > 0 {
			break // one goroutine shows the detector nothing
		}
		d, v := synth(1, race.Few(8000), kind), synth(2, race.Few(8000), kind)
		v.Features[6].Codes[0], v.Features[6].Codes[1] = 400, math.MaxInt32
		v.Features[3].Values[4] = math.NaN() // never missing in training
		for name, way := range ways {
			b := growBooster(t, single(), d, &v, options(kind, way), nil)
			if !slices.Equal(predict(b.m, d), slices.Concat(b.loss.score...)) {
				t.Errorf("%s, %v: training rows differ", name, kind)
			}
			if !slices.Equal(predict(b.m, v), slices.Concat(b.val.meter.score...)) {
				t.Errorf("%s, %v: validation rows differ", name, kind)
			}
		}
	}
}

// Sums over the bins of a column are the node's, of every column that is looked at.
func TestWaysHistograms(t *testing.T) {
	for name, way := range ways {
		d := synth(1, 150_000, Binary)
		var seen atomic.Int32
		trees.Lead(workers(3, 1), func(team *trees.Team) {
			growBooster(t, team, d, nil, options(Binary, way, func(o *Options) { o.Trees = 2 }), func(g *grower, n *node) {
				seen.Add(1)
				for f := range g.cols {
					if !g.use[f] {
						continue
					}
					var sum sums
					for b := g.off[f]; b < g.off[f+1]; b++ {
						sum.add(n.hist.at(b))
					}
					if sum != n.total || sum.n != int64(len(n.rows)) {
						t.Errorf("%s: column %d sums to %v, node %v of %d rows", name, f, sum, n.total, len(n.rows))
					}
				}
			})
		})
		if n := seen.Load(); n < 20 {
			t.Errorf("%s: %d histograms seen", name, n)
		}
	}
}

func TestWaysLearn(t *testing.T) {
	d := synth(1, 20_000, Binary)
	v, truth := synthTruth(2, 10_000, Binary)
	best, err := newMeter(single(), &v, &Options{EarlyMetric: AUC}, []float64{0})
	if err != nil {
		t.Fatal(err)
	}
	best.score[0] = truth
	for name, way := range ways {
		if strings.HasPrefix(name, "constrained") {
			continue // what holds them back is not true of these data
		}
		if race.On && name != "leaf-wise" {
			continue // TestWaysSameBits has them all with more workers
		}
		m := fit(t, d, nil, options(Binary, way, func(o *Options) {
			o.Trees, o.LearningRate = 60, 0.1
			o.Dart.Drop = min(o.Dart.Drop, 0.1) // which learns more slowly the more trees are away
		}))
		if got, top := measureOf(t, m, v, AUC), best.value(); got < top-0.05 {
			t.Errorf("%s: AUC %v, of the truth %v", name, got, top)
		}
	}
}

// With leaves to spare the order in which leaves are split does not matter.
func TestDepthWiseIsLeafWiseOfThatDepth(t *testing.T) {
	d := synth(1, 10_000, Binary)
	leaf := fit(t, d, nil, options(Binary, func(o *Options) { o.Leaves, o.MaxDepth = 64, 6 }))
	depth := fit(t, d, nil, options(Binary, func(o *Options) { o.Leaves, o.Growth = 64, DepthWise }))
	if !slices.Equal(predict(leaf, d), predict(depth, d)) {
		t.Error("other predictions")
	}
	// Where leaves are short, those of a level come before those of the next, by their gains.
	b := growBooster(t, single(), d, nil, options(Binary, func(o *Options) { o.Growth, o.Leaves, o.Trees = DepthWise, 21, 1 }), nil)
	tree := b.m.Trees[0]
	at := make([]int, len(tree.Feature))
	for i := range tree.Feature {
		for _, c := range []int32{tree.Left[i], tree.Right[i]} {
			if c >= 0 {
				at[c] = at[i] + 1
			}
		}
	}
	if len(tree.Leaf) != 21 || !slices.IsSorted(at) || at[19] != 4 {
		t.Errorf("%d leaves, depths of splits %v", len(tree.Leaf), at)
	}
	for i := 1; i < len(at); i++ {
		if at[i] == at[i-1] && tree.Gain[i] > tree.Gain[i-1] {
			t.Errorf("split %d gains %v, the one before it %v", i, tree.Gain[i], tree.Gain[i-1])
		}
	}
}

// rule is a split without what it is to one node.
func rule(s split) string { return fmt.Sprint(s.feature, s.at, s.missingLeft, s.cat, s.set) }

// Every level has one split. What it gains is the most that any cut of a column gains in sum over the leaves, tried one by one.
func TestObliviousLevels(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression} {
		d := synth(3, 4000, kind)
		o := options(kind, func(o *Options) { o.Growth, o.MaxDepth, o.MinRows = Oblivious, 4, 50 })
		b, err := newBooster(single(), Env{}, d, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		g := b.grower
		packs, _ := b.loss.pack(b.grad)
		g.packed = packs[0]
		b.all = make([]int32, d.N)
		for i := range b.all {
			b.all[i] = int32(i)
		}
		b.draw(0, nil)
		grown := g.grow(b.rows)
		var levels []string
		first := map[string]split{}
		gain := map[string]float64{}
		for _, s := range grown.splits {
			if _, ok := first[rule(s)]; !ok {
				levels = append(levels, rule(s))
				first[rule(s)] = s
			}
			gain[rule(s)] += s.gain
		}
		if len(levels) != 4 {
			t.Fatalf("%v: %d different splits in a tree of 4 levels", kind, len(levels))
		}
		for _, n := range grown.leaves {
			if len(n.rows) < 50 {
				t.Errorf("%v: a leaf of %d rows", kind, len(n.rows))
			}
		}
		leaves := [][]int32{b.rows}
		whole := 0
		for _, l := range levels {
			best := 0.0
			for c := range g.cols {
				for _, s := range everySplit(g, c) {
					sum := 0.0
					for _, rows := range leaves {
						if gain, _, _ := halve(g, rows, s); gain != 0 {
							sum += gain
						}
					}
					best = max(best, sum)
				}
			}
			// Sets of levels that are tried are not all that there are.
			if s := first[l]; math.Abs(gain[l]-best) > 1e-9*best && !(s.cat && gain[l] > best) {
				t.Errorf("%v: a level gains %v, the best %v", kind, gain[l], best)
			}
			var next [][]int32
			for _, rows := range leaves {
				if gain, left, right := halve(g, rows, first[l]); gain != 0 {
					next = append(next, left, right)
				} else {
					next = append(next, rows)
					whole++
				}
			}
			leaves = next
		}
		if whole == 0 {
			t.Errorf("%v: no leaf stayed whole: the test shows little", kind)
		}
		var want, got []string
		for _, rows := range leaves {
			want = append(want, fmt.Sprint(rows))
		}
		for _, n := range grown.leaves {
			got = append(got, fmt.Sprint(n.rows))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%v: other leaves", kind)
		}
	}
}

// everySplit is all cuts of a numeric column, and every level of another alone.
func everySplit(g *grower, c int) (all []split) {
	col := &g.cols[c]
	for at := range col.Bins {
		if col.Levels > 0 {
			s := split{feature: c, cat: true}
			s.set[at/64] = 1 << (at % 64)
			if col.Bins <= g.o.CatOneHot {
				all = append(all, s)
			}
			continue
		}
		all = append(all, split{feature: c, at: at}, split{feature: c, at: at, missingLeft: true})
	}
	return all
}

// halve parts rows and says what that gains; 0 if it may not be.
func halve(g *grower, rows []int32, s split) (gain float64, left, right []int32) {
	var sum [2][2]float64
	for _, r := range rows {
		word := g.word(r)
		side := 1
		if s.goesLeft(int(g.bytes[s.feature][r]), g.cols[s.feature].Bins) {
			side = 0
			left = append(left, r)
		} else {
			right = append(right, r)
		}
		sum[side][0] += float64(int64(word)>>g.packed.G) * g.packed.gs
		h := 1.0
		if !g.packed.even() {
			h = float64(int64(word) >> g.packed.H & (1<<(g.packed.G-g.packed.H) - 1))
		}
		sum[side][1] += h * g.packed.hs
	}
	if len(left) < g.o.MinRows || len(right) < g.o.MinRows {
		return 0, nil, nil
	}
	score := func(g, h, l2 float64) float64 { return g * g / (h + l2) }
	l2 := g.o.L2 + s.l2
	l, r := sum[0], sum[1]
	return (score(l[0], l[1], l2) + score(r[0], r[1], l2) - score(l[0]+r[0], l[1]+r[1], g.o.L2)) / 2, left, right
}

// The operator's options reach the core, and their limits are told where they stand.
func TestOperatorGrows(t *testing.T) {
	in, b, task := opTable(6, 2000, operators.Binary)
	models := map[string]string{}
	for _, options := range []string{
		"{trees: 3}", "{trees: 3, grow: depth_wise}", "{trees: 3, grow: oblivious}", "{trees: 3, grow: oblivious, max_depth: 3}",
		"{trees: 3, grow: depth_wise, leaves: 9}", "{trees: 3, min_child_weight: 40}",
	} {
		f := opFit(t, options, operators.TestEnv(), in, b, task)
		key := string(f.Program.Marshal())
		if other, ok := models[key]; ok {
			t.Errorf("%s and %s give one model", options, other)
		}
		models[key] = options
	}
	same := opFit(t, "{trees: 3, grow: leaf_wise, leaves: 31, min_child_weight: 0.001}", operators.TestEnv(), in, b, task)
	if models[string(same.Program.Marshal())] != "{trees: 3}" {
		t.Error("the defaults written out give another model")
	}
	for options, want := range map[string]string{
		"{grow: oblivious, leaves: 20}":    "leaves: an oblivious tree has as many",
		"{grow: oblivious, max_depth: 17}": "max_depth: the leaves of an oblivious tree double",
		"{grow: depth_wise, leaves: 20}":   "",
	} {
		checkSays(t, options, in, task, want)
	}
}

// checkSays holds that the check of some options has one diagnostic, at the option that want begins with; or none.
func checkSays(t *testing.T, options string, in operators.Schema, task operators.Task, want string) {
	t.Helper()
	o := &Operator{}
	modeltest.Options(t, options, o)
	_, l := o.Check(modeltest.Site(in, task))
	var got []string
	for _, d := range l {
		got = append(got, strings.Join(d.At.Path, ".")+": "+d.Message+" / "+d.Help)
	}
	if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
		t.Errorf("%s: %q, want %q", options, got, want)
	}
}
