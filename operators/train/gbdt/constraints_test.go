package gbdt

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/testing/race"
)

// wavy is labels that go up and down with every column, so that what may only rise or fall is held back all the time.
func wavy(seed uint64, n int, kind Objective) Data {
	r := rand.New(rand.NewPCG(seed, 21))
	d := Data{N: n, Label: make([]float64, n), Features: []Feature{
		{Name: "up", Values: make([]float64, n)}, {Name: "down", Values: make([]float64, n)}, {Name: "free", Values: make([]float64, n)},
		{Name: "few", Codes: make([]int32, n), Levels: 3}, {Name: "many", Codes: make([]int32, n), Levels: 40},
	}}
	for i := range n {
		up, down, free, few, many := r.NormFloat64(), math.Round(r.Float64()*12), r.Float64(), int32(r.IntN(3)), int32(r.IntN(40))
		s := math.Sin(3*up) + 0.4*up + math.Cos(down) - 0.1*down + 2*free*math.Sin(2*up) + float64(few)*0.5*math.Cos(2*down) + math.Sin(float64(many))*up
		if r.IntN(8) == 0 {
			up = math.NaN()
		}
		if r.IntN(50) == 0 {
			up = math.Inf(1 - 2*r.IntN(2))
		}
		d.Features[0].Values[i], d.Features[1].Values[i], d.Features[2].Values[i] = up, down, free
		d.Features[3].Codes[i], d.Features[4].Codes[i] = few, many
		d.Label[i] = s + 0.3*r.NormFloat64()
		switch kind {
		case Binary:
			d.Label[i] = 0
			if r.Float64() < 1/(1+math.Exp(-2*s)) {
				d.Label[i] = 1
			}
		case Poisson, Gamma, Tweedie:
			d.Label[i] = math.Exp(d.Label[i])
		case AbsoluteError, Quantile, Huber: // of another size than their gradients
			d.Label[i] *= 1e5
		case LambdaRank:
			d.Label[i], d.Group = min(max(math.Floor(d.Label[i]+2), 0), 4), append(d.Group, int32(r.IntN(n/20)))
		}
	}
	return d
}

// violations counts how often the score goes the wrong way as one column of some rows goes over a grid.
func violations(m *Model, d Data, signs []int8, rows int) (bad, steps int) {
	var grid []float64
	grid = append(grid, math.Inf(-1))
	for x := -4.0; x <= 13; x += 0.17 {
		grid = append(grid, x)
	}
	for _, t := range m.Trees {
		for i, c := range t.Cat {
			if x := t.Threshold[i]; c < 0 && !math.IsInf(x, 0) {
				grid = append(grid, x, math.Nextafter(x, 99))
			}
		}
	}
	grid = append(grid, math.Inf(1))
	slices.Sort(grid)
	grid = slices.Compact(grid)
	if len(grid) > 400 {
		for i := range 400 {
			grid[i] = grid[i*len(grid)/400]
		}
		grid = append(grid[:399], math.Inf(1))
	}
	for f, sign := range signs {
		if sign == 0 {
			continue
		}
		for r := range rows {
			all := make([]int, len(grid))
			for i := range all {
				all[i] = r
			}
			e := take(d, all)
			copy(e.Features[f].Values, grid)
			out := predict(m, e)
			for i := 1; i < len(out); i++ {
				steps++
				if float64(sign)*(out[i]-out[i-1]) < 0 {
					bad++
				}
			}
		}
	}
	return bad, steps
}

func TestMonotoneHolds(t *testing.T) {
	signs := []int8{1, -1, 0, 0, 0}
	ways := []struct {
		name   string
		change func(o *Options)
	}{
		{"leaf-wise", func(o *Options) { o.Leaves = 63 }},
		{"stumps", func(o *Options) { o.Leaves, o.LearningRate = 2, 0.5 }},
		{"depth-wise", func(o *Options) { o.Growth, o.MaxDepth, o.Leaves = DepthWise, 8, 256 }},
		{"oblivious", func(o *Options) { o.Growth, o.MaxDepth = Oblivious, 7 }},
		{"l1, no l2", func(o *Options) { o.L1, o.L2 = 3, 0 }},
		{"sampled", func(o *Options) { o.RowSample, o.ColumnSample, o.ColumnSampleNode = 0.5, 0.8, 0.7 }},
	}
	for kind := Binary; kind < objectives; kind++ {
		if kind == Multiclass {
			continue // of many scores none is to rise
		}
		for _, weight := range []func(*rand.Rand) float64{nil, func(r *rand.Rand) float64 { return math.Pow(10, 3*r.Float64()) }} {
			for seed, way := range ways {
				if kind > Regression && (weight != nil) != (seed%2 == int(kind)%2) {
					continue // half of the ways with weights, half without
				}
				if race.On && seed%3 != int(kind)%3 {
					continue
				}
				d := wavy(uint64(seed), 4000, kind)
				if weight != nil {
					d = weighted(d, uint64(seed), weight)
				}
				o := options(kind, func(o *Options) { o.Trees, o.MinRows, o.CatMinGroup, o.Quantile, o.HuberDelta = 15, 5, 20, 0.7, 5e4 }, way.change)
				loose := fit(t, d, nil, o)
				if bad, _ := violations(loose, d, signs, 5); bad == 0 {
					t.Errorf("%s, %v: without a constraint nothing is violated: the test shows nothing", way.name, kind)
				}
				o.Monotone = signs
				m := fit(t, d, nil, o)
				for _, tree := range m.Trees {
					if most := largest(tree.Leaf); kind >= Poisson && kind <= Tweedie && most > stepMost*o.LearningRate {
						t.Errorf("%s, %v: a leaf of %v, the step is %v at most", way.name, kind, most, stepMost*o.LearningRate)
					}
				}
				if bad, steps := violations(m, d, signs, 30); bad > 0 || steps < 1000 {
					t.Errorf("%s, %v, weights %v: %d of %d steps go the wrong way", way.name, kind, weight != nil, bad, steps)
				}
				if m.Splits[0] == 0 || m.Splits[1] == 0 {
					t.Errorf("%s, %v: splits by the columns with a sign: %v", way.name, kind, m.Splits)
				}
			}
		}
	}
}

// A constraint that the truth meets costs nothing, or little.
func TestMonotoneLearns(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	n := 10_000
	d := Data{N: n, Label: make([]float64, n), Features: []Feature{{Name: "x", Values: make([]float64, n)}, {Name: "y", Values: make([]float64, n)}}}
	for i := range n {
		x, y := r.Float64(), r.Float64()
		d.Features[0].Values[i], d.Features[1].Values[i] = x, y
		d.Label[i] = math.Floor(5*x) + 3*math.Sin(7*y)*x + 3*x - 2*math.Exp(y) + 0.5*r.NormFloat64()
	}
	rows := seq(n)
	train, test := take(d, rows[:n/2]), take(d, rows[n/2:])
	o := options(Regression, func(o *Options) { o.Trees = 100 })
	loose := measureOf(t, fit(t, train, nil, o), test, RMSE)
	o.Monotone = []int8{1, 0}
	if tight := measureOf(t, fit(t, train, nil, o), test, RMSE); tight > loose*1.05 {
		t.Errorf("RMSE %v, without the constraint %v", tight, loose)
	}
	// Nor where values of leaves are of the label's size and gradients are not.
	for _, kind := range []Objective{AbsoluteError, Quantile, Huber} {
		big := d
		big.Label = make([]float64, n)
		for i, y := range d.Label {
			big.Label[i] = 1e5 * y
		}
		train, test := take(big, rows[:n/2]), take(big, rows[n/2:])
		o := options(kind, func(o *Options) { o.Trees, o.Quantile, o.HuberDelta = 100, 0.8, 1e5 })
		metric := newObjective(&o).metric()
		loose := fit(t, train, &test, o)
		o.Monotone = []int8{1, 0}
		tight := fit(t, train, &test, o)
		if a, b := tight.Curve[99], loose.Curve[99]; a > b*1.05 || loose.Metric != metric {
			t.Errorf("%v: %s %v, without the constraint %v", kind, metric, a, b)
		}
	}
	// Few rows of great counts do not take the leaves out of reach.
	c := Data{Features: []Feature{{Name: "x"}}}
	for x, rows := range []int{9900, 50, 50} {
		for i := range rows {
			c.Features[0].Values = append(c.Features[0].Values, float64(x))
			c.Label = append(c.Label, [3]float64{float64(i % 100 / 99), 20, 100}[x])
		}
	}
	c.N = len(c.Label)
	o = options(Poisson, func(o *Options) { o.Trees, o.Monotone = 1, []int8{1} })
	base := fit(t, c, nil, o).Base[0]
	for _, trees := range []int{1, 200} {
		o.Trees = trees
		raw := predict(fit(t, c, nil, o), c)
		for x, row := range []int{0, 9900, 9950} {
			want := math.Log([3]float64{0.01, 20, 100}[x])
			if d := raw[row] - base; trees == 1 && math.Abs(d) > stepMost*o.LearningRate+1e-9 || trees > 1 && math.Abs(raw[row]-want) > 0.05 {
				t.Errorf("%d trees, x %d: the logarithm of the mean is %v, from %v; of the labels it is %v", trees, x, raw[row], base, want)
			}
		}
	}
}

// Without bounds limited search finds what the other finds; the value of a leaf within bounds is the best there is within them.
func TestLimitedScores(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		n := 2 + r.IntN(30)
		h := hist{make([]int64, n+1, 64), make([]int64, n+1, 64), make([]int64, n+1, 64)}
		var f finder
		for b := range n + 1 {
			h.n[b] = int64(r.IntN(3)) * int64(r.IntN(40))
			h.h[b] = h.n[b] * int64(1+r.IntN(9))
			h.g[b] = h.n[b] * int64(r.IntN(21)-10)
			f.G, f.H, f.N = f.G+h.g[b], f.H+h.h[b], f.N+h.n[b]
		}
		f.Search = tree.Search{G: f.G, H: f.H, N: f.N, RowsMin: 1, HessMin: 1, L1: float64(r.IntN(2)), L2: 1}
		f.o, f.scale, f.base = &Options{}, 1, f.Whole()
		missing := h.at(n)
		score, at := f.cut(h, n-1, n, missing)
		l := f
		l.limit(free(), nil, &packed{})
		l.by(0)
		l.lim.on = true
		l.base += l.lim.size
		other, to := l.cut(h, n-1, n, missing)
		if f.gain(score) != 0 && (at != to || math.Abs(f.gain(score)-l.gain(other)) > 1e-9*score) {
			t.Errorf("cut %d gains %v, with limits %d and %v", at, f.gain(score), to, l.gain(other))
		}
		l.lim.lo, l.lim.hi = -r.Float64(), r.Float64()
		s := h.at(r.IntN(n))
		best := l.off(s, l.value(s, 1), 1)
		for w := l.lim.lo; w <= l.lim.hi; w += 0.01 {
			if l.off(s, w, 1) > best+1e-9*math.Abs(best) {
				t.Errorf("%v within %v: %v is worth %v, %v more", s, l.lim, l.value(s, 1), best, w)
			}
		}
	}
}

// paths calls f with the columns of every way from the root to a leaf.
func paths(t *Tree, f func(columns []int32)) {
	var walk func(n int32, above []int32)
	walk = func(n int32, above []int32) {
		if n < 0 {
			f(above)
			return
		}
		above = append(slices.Clone(above), t.Feature[n])
		walk(t.Left[n], above)
		walk(t.Right[n], above)
	}
	if len(t.Feature) > 0 {
		walk(0, nil)
	}
}

func TestInteractionsHold(t *testing.T) {
	d := synth(4, 6000, Binary)
	groups := [][]int32{{0, 1}, {1, 2, 5}, {5, 6}, {4}} // 3 is constant; what is in no group is alone
	allowed := func(columns []int32) bool {
		if len(slices.Compact(slices.Sorted(slices.Values(columns)))) <= 1 {
			return true
		}
		return slices.ContainsFunc(groups, func(g []int32) bool {
			return !slices.ContainsFunc(columns, func(c int32) bool { return !slices.Contains(g, c) })
		})
	}
	for name, growth := range map[string]Growth{"leaf-wise": LeafWise, "depth-wise": DepthWise, "oblivious": Oblivious} {
		for _, bound := range []bool{false, true} {
			o := options(Binary, func(o *Options) { o.Growth, o.MaxDepth, o.MinRows = growth, 6, 10 })
			if bound {
				o.Interactions = [][]int{{0, 1}, {1, 2, 5}, {5, 6}}
			}
			m := fit(t, d, nil, o)
			bad, all, deep := 0, 0, 0
			for i := range m.Trees {
				paths(&m.Trees[i], func(columns []int32) {
					all++
					if !allowed(columns) {
						bad++
					}
					if len(slices.Compact(slices.Sorted(slices.Values(columns)))) > 1 {
						deep++
					}
				})
			}
			if (bad > 0) == bound || all < 50 || deep == 0 {
				t.Errorf("%s, constrained %v: %d of %d paths are not within a group, %d of several columns", name, bound, bad, all, deep)
			}
		}
	}
}

// Each node has a draw of its own, of the size asked for, and is split by what it drew.
func TestColumnSampleNode(t *testing.T) {
	d := synth(4, 6000, Binary)
	for name, growth := range map[string]Growth{"leaf-wise": LeafWise, "oblivious": Oblivious} {
		o := options(Binary, func(o *Options) { o.ColumnSampleNode, o.ColumnSample, o.Growth = 0.5, 0.8, growth }) // 6 of 7, then 3 of 6
		draws := map[string]int{}
		b := growBooster(t, single(), d, nil, o, func(g *grower, n *node) {
			if growth == Oblivious {
				return
			}
			size := 0
			for _, w := range n.drawn {
				size += bits.OnesCount64(w)
			}
			if size != 3 || n.best.ok && n.drawn[0]>>n.best.feature&1 == 0 {
				t.Errorf("%d columns drawn, split by %d", size, n.best.feature)
			}
			draws[fmt.Sprint(n.drawn)]++
		})
		if growth == LeafWise && len(draws) < 20 {
			t.Errorf("%d different draws", len(draws))
		}
		roots := map[int32]bool{}
		for _, t := range b.m.Trees {
			roots[t.Feature[0]] = true
		}
		o.ColumnSampleNode = 1
		all := map[int32]bool{}
		for _, t := range fit(t, d, nil, o).Trees {
			all[t.Feature[0]] = true
		}
		if len(roots) <= len(all) {
			t.Errorf("%s: roots split by %d columns, without draws by %d", name, len(roots), len(all))
		}
	}
}

func TestConstraintsRefused(t *testing.T) {
	d := synth(1, 200, Binary)
	for want, change := range map[string]func(o *Options){
		"2 monotone constraints for 7 features": func(o *Options) { o.Monotone = []int8{1, 0} },
		"constraint 2 of feature \"a\"":         func(o *Options) { o.Monotone = []int8{2, 0, 0, 0, 0, 0, 0} },
		"feature \"small\", whose levels":       func(o *Options) { o.Monotone = []int8{0, 0, 0, 0, 0, 1, 0} },
		"interaction of feature 7 of 7":         func(o *Options) { o.Interactions = [][]int{{0, 7}} },
		"column sample of a node is 0":          func(o *Options) { o.ColumnSampleNode = 0 },
	} {
		if _, err := Fit(Env{}, d, nil, options(Binary, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// The operator names columns; a wide one is all its members.
func TestOperatorConstrains(t *testing.T) {
	in, b, task := opTable(7, 3000, operators.Regression)
	o := &Operator{}
	for options, want := range map[string]string{
		"{monotone: {x: increasing, u: decreasing, v: increasing}}": "",
		"{monotone: {flg: increasing}}":                             `monotone.flg: no column "flg" / did you mean "flag"?`,
		"{monotone: {few: increasing}}":                             `monotone.few: column "few" is string`,
		"{monotone: {w: increasing}}":                               `monotone.w: column "w" is no feature`,
		"{interactions: [[x, u], [flag, fex]]}":                     `interactions.1.1: no column "fex" / did you mean "few"?`,
		"{interactions: [[x, y]]}":                                  `interactions.0.1: column "y" is no feature`,
		"{interactions: [[x, few], [v, many]]}":                     "",
	} {
		checkSays(t, options, in, task, want)
	}
	classes := operators.Task{Kind: operators.Multiclass, Label: "many"}
	checkSays(t, "{monotone: {x: increasing}}", in, classes, "monotone: a model of many classes")
	o.Interactions = [][]string{{"v", "x"}, {"few"}}
	cols := b.Cols
	var c Options
	o.constrain(&c, in.Fields[:6], cols)
	if !slices.Equal(c.Interactions[0], []int{5, 6, 7, 0}) || !slices.Equal(c.Interactions[1], []int{3}) || len(c.Monotone) != 8 {
		t.Errorf("features %v, %v", c.Interactions, c.Monotone)
	}
	plain := string(opFit(t, "{trees: 5}", operators.TestEnv(), in, b, task).Program.Marshal())
	for _, options := range []string{"{trees: 5, monotone: {v: decreasing}}", "{trees: 5, interactions: [[x, u]]}", "{trees: 5, column_sample_node: 0.5}"} {
		if string(opFit(t, options, operators.TestEnv(), in, b, task).Program.Marshal()) == plain {
			t.Errorf("%s changes nothing", options)
		}
	}
}
