package gbdt

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/race"
)

func options(kind Objective, change ...func(*Options)) Options {
	o := Defaults()
	o.Objective, o.Trees = kind, 12
	if kind == Multiclass {
		o.Classes = 4
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func TestSameBitsForAnyWorkers(t *testing.T) {
	sampled := func(o *Options) { o.RowSample, o.ColumnSample, o.EarlyRounds = 0.7, 0.6, 5 }
	cases := map[string]struct {
		kind   Objective
		rows   int // 0 is more than the sample that bins are cut from; of any number the root is shared out
		weight func(*rand.Rand) float64
		change []func(*Options)
	}{
		"binary":              {kind: Binary},
		"binary sampled":      {kind: Binary, change: []func(*Options){sampled, func(o *Options) { o.EarlyMetric = AUC }}},
		"regression":          {kind: Regression},
		"regression weighted": {kind: Regression, weight: (*rand.Rand).Float64, change: []func(*Options){sampled}},
		"multiclass":          {kind: Multiclass, rows: 70_000, change: []func(*Options){sampled}},
		"absolute error":      {kind: AbsoluteError, rows: 70_000},
		"quantile":            {kind: Quantile, rows: 70_000, change: []func(*Options){sampled}},
		"huber weighted":      {kind: Huber, rows: 70_000, weight: (*rand.Rand).Float64, change: []func(*Options){sampled}},
		"poisson weighted":    {kind: Poisson, rows: 70_000, weight: (*rand.Rand).Float64},
		"gamma":               {kind: Gamma, rows: 70_000},
		"tweedie":             {kind: Tweedie, rows: 70_000, change: []func(*Options){sampled}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rows := cmp.Or(c.rows, 210_000)
			if race.On {
				rows = min(rows, 70_000)
			}
			d, v := synth(1, rows, c.kind), synth(2, 20_000, c.kind)
			if c.weight != nil {
				d = weighted(d, 3, c.weight)
				v = weighted(v, 4, c.weight)
			}
			o := options(c.kind, append([]func(*Options){func(o *Options) { o.Trees = 4 }}, c.change...)...)
			var want []byte
			for _, level := range cpu.Levels() {
				restore := cpu.Lower(level)
				for _, n := range []int{0, 1, 2, 3, 7, 16} { // 0 is without Parallel
					if level < cpu.Best() && n != 2 && n != 3 {
						continue
					}
					// The race detector sees what Go touches, not assembly.
					if race.On && !(level == cpu.Go && n == 3 || level == cpu.Best() && n == 16) {
						continue
					}
					var env Env
					if n > 0 {
						env.Parallel = workers(n, uint64(n))
					}
					m, err := Fit(env, d, &v, o)
					if err != nil {
						t.Fatal(err)
					}
					got := encode(t, m)
					if want == nil {
						want = got
						if len(m.Trees) == 0 || len(m.Trees[0].Leaf) != o.Leaves {
							t.Fatal("the trees are not full: the test shows nothing")
						}
					}
					if !bytes.Equal(got, want) {
						t.Errorf("%s, %d workers: another model", level, n)
					}
				}
				restore()
			}
		})
	}
}

// At the size of the benchmark, where nodes are shared out among all workers
// and where each worker has its own.
func TestSameBitsOfAMillionRows(t *testing.T) {
	rows, trees := race.Few(60_000), 2
	if os.Getenv("HEADRACE_TORTURE") != "" {
		rows, trees = 1_000_000, 20
	}
	d := Data{N: rows}
	x, label := gen.Dense(0, rows)
	d.Label = label
	for j, c := range x {
		f := Feature{Name: fmt.Sprint(j), Values: make([]float64, rows)}
		for i, v := range c {
			f.Values[i] = float64(v)
		}
		d.Features = append(d.Features, f)
	}
	o := options(Binary, func(o *Options) { o.Trees, o.Leaves = trees, 255 })
	var want []byte
	for _, level := range cpu.Levels() {
		restore := cpu.Lower(level)
		for _, n := range []int{1, 2, 3, 7, 16} {
			m, err := Fit(Env{Parallel: workers(n, uint64(n))}, d, nil, o)
			if err != nil {
				t.Fatal(err)
			}
			got := encode(t, m)
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) || len(m.Trees) != trees || len(m.Trees[0].Leaf) != 255 {
				t.Errorf("%s, %d workers: another model", level, n)
			}
		}
		restore()
	}
}

func TestRowOrderDoesNotMatter(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression, Multiclass, Quantile, Huber, Gamma} {
		for _, weight := range []func(*rand.Rand) float64{nil, (*rand.Rand).Float64} {
			d, v := synth(1, race.Few(20_000), kind), synth(2, 3000, kind)
			if weight != nil {
				d, v = weighted(d, 1, weight), weighted(v, 1, weight)
			}
			o := options(kind, func(o *Options) { o.EarlyRounds = 3 })
			want := encode(t, fit(t, d, &v, o))
			r := rand.New(rand.NewPCG(9, 9))
			d, v = take(d, r.Perm(d.N)), take(v, r.Perm(v.N))
			if !bytes.Equal(encode(t, fit(t, d, &v, o)), want) {
				t.Errorf("%v, weights %v: another model", kind, weight != nil)
			}
		}
	}
}

// A weight of 2 is a row twice: as near as rounding allows. The sums are the
// same real numbers, but the grid of the rounded gradients follows the greatest
// weight, and quantiles count rows; so bins are kept equal by few values, and
// gains close to each other may still be told apart otherwise. Asked for are
// predictions within 1% of the labels' spread for all but 1 in 100 rows.
func TestWeightTwoIsRowTwice(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression, Multiclass, AbsoluteError, Poisson} {
		d := synth(1, 6000, kind)
		for _, f := range d.Features[:2] {
			for i, x := range f.Values {
				f.Values[i] = math.Round(x*20) / 20
			}
		}
		d.Weight = make([]float64, d.N)
		var twice []int
		for i := range d.N {
			d.Weight[i] = 1
			twice = append(twice, i)
			if i%3 == 0 {
				d.Weight[i] = 2
				twice = append(twice, i)
			}
		}
		e := take(d, twice)
		e.Weight = nil
		// Rows and hessians are counted differently; categories count rows.
		d.Features, e.Features = d.Features[:4], e.Features[:4]
		o := options(kind, func(o *Options) { o.MinRows, o.MinHessian = 1, 20 })
		x, y := predict(fit(t, d, nil, o), d), predict(fit(t, e, nil, o), d)
		far := 0
		for i := range x {
			if math.Abs(x[i]-y[i]) > 0.01 {
				far++
			}
		}
		if far > d.N/100 {
			t.Errorf("%v: %d of %d rows differ", kind, far, d.N)
		}
	}
}

func TestWeightZeroIsNoRow(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression, Multiclass, Quantile, Huber, Gamma} {
		for _, other := range []func(*rand.Rand) float64{nil, (*rand.Rand).Float64} {
			d := weighted(synth(1, race.Few(20_000), kind), 5, func(r *rand.Rand) float64 {
				w := 1.0
				if other != nil {
					w = other(r)
				}
				return w * float64(r.IntN(2))
			})
			var rows []int
			for i, w := range d.Weight {
				if w > 0 {
					rows = append(rows, i)
				} else {
					// What is not looked at may be anything.
					d.Label[i] = math.NaN()
					d.Features[0].Values[i] = 1e9
				}
			}
			o := options(kind)
			a, b := fit(t, d, nil, o), fit(t, take(d, rows), nil, o)
			if !bytes.Equal(encode(t, a), encode(t, b)) {
				t.Errorf("%v: rows of weight 0 change the model", kind)
			}
		}
	}
}

func TestMonotoneTransformKeepsStructure(t *testing.T) {
	d := synth(1, 20_000, Regression)
	a := fit(t, d, nil, options(Regression))
	e := take(d, seq(d.N))
	for i, x := range e.Features[0].Values {
		e.Features[0].Values[i] = x*x*x + 7*x
	}
	for i, x := range e.Features[1].Values {
		e.Features[1].Values[i] = math.Exp(3 * x)
	}
	b := fit(t, e, nil, options(Regression))
	if !reflect.DeepEqual(structure(a), structure(b)) {
		t.Error("other splits")
	}
	if !slices.Equal(predict(a, d), predict(b, e)) {
		t.Error("other predictions")
	}
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestConstantColumnChangesNothing(t *testing.T) {
	d := synth(1, 20_000, Binary)
	e := d
	e.Features = slices.Delete(slices.Clone(d.Features), 3, 4) // flat
	a, b := fit(t, d, nil, options(Binary)), fit(t, e, nil, options(Binary))
	if a.Splits[3] != 0 || a.Gain[3] != 0 {
		t.Error("the constant column was split on")
	}
	if !slices.Equal(predict(a, d), predict(b, e)) {
		t.Error("other predictions")
	}
}

// A row must reach the same leaf by its bins, while training, and by its
// values, ever after: the scores are then the same sums to the bit.
func TestTrainingLeafIsPredictedLeaf(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression, Multiclass, Quantile, Huber, Gamma} {
		for _, share := range []float64{1, 0.5} {
			d, v := synth(1, race.Few(30_000), kind), synth(2, race.Few(30_000), kind)
			// Codes that training did not know, and values outside its range.
			v.Features[6].Codes[0], v.Features[6].Codes[1] = 400, math.MaxInt32
			v.Features[0].Values[2], v.Features[0].Values[3] = 1e300, -1e300
			v.Features[3].Values[4] = math.NaN() // never missing in training
			v.Features[2].Values[5] = 2.5
			o := options(kind, func(o *Options) { o.RowSample, o.Leaves = share, 63 })
			b, err := newBooster(single(), Env{}, d, &v, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.run(); err != nil {
				t.Fatal(err)
			}
			b.finish()
			if !slices.Equal(predict(b.m, d), slices.Concat(b.loss.score...)) {
				t.Errorf("%v, share %v: training rows differ", kind, share)
			}
			if !slices.Equal(predict(b.m, v), slices.Concat(b.val.meter.score...)) {
				t.Errorf("%v, share %v: validation rows differ", kind, share)
			}
		}
	}
}

// Where nothing is left to learn, rounds end, whatever is drawn for them.
func TestLearntEnds(t *testing.T) {
	d := Data{N: 600, Features: []Feature{{Name: "x"}}, Weight: make([]float64, 600)}
	for i := range d.N {
		x := float64(i / 2 % 3)
		d.Features[0].Values, d.Label = append(d.Features[0].Values, x), append(d.Label, 4*x)
		if d.Weight[i] = 2; i%2 == 1 { // rows that do not count are not waited for
			d.Weight[i], d.Label[i] = 0, -1
		}
	}
	for _, kind := range []Objective{Regression, AbsoluteError, Quantile, Huber} {
		o := options(kind, func(o *Options) {
			o.Trees, o.LearningRate, o.RowSample, o.MinRows, o.L2, o.Quantile, o.HuberDelta = 90, 1, 0.5, 5, 0, 0.8, 100
		})
		if m := fit(t, d, nil, o); len(m.Trees) == 0 || len(m.Trees) > 10 {
			t.Errorf("%v: %d trees", kind, len(m.Trees))
		}
	}
}

func TestEarlyStopReplaysCurve(t *testing.T) {
	cases := []struct {
		kind   Objective
		metric string
	}{{Binary, LogLoss}, {Binary, AUC}, {Binary, RMSE}, {Binary, MAE}, {Binary, Accuracy}, {Multiclass, LogLoss}, {Multiclass, Accuracy}, {Quantile, PinballLoss}, {Huber, HuberLoss}, {Gamma, GammaDeviance}}
	for _, c := range cases[:race.Few(len(cases))] {
		metric := c.metric
		d, v := synth(1, 1500, c.kind), synth(2, 1500, c.kind)
		o := options(c.kind, func(o *Options) {
			o.Trees, o.LearningRate, o.EarlyRounds, o.EarlyMetric, o.MinRows = 300, 0.3, 7, metric, 5
		})
		var told []float64
		env := Env{Progress: func(done, total int, name string, value float64) {
			told = append(told, value)
			if done != len(told) || total != 300 || name != metric {
				t.Errorf("%s: told %d of %d, %q", metric, done, total, name)
			}
		}}
		m, err := Fit(env, d, &v, o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, m.Curve) || m.Metric != metric {
			t.Errorf("%s: progress is not the curve", metric)
		}
		best := 0
		for i, x := range m.Curve {
			if higher := metricOf(metric).higher; higher && x > m.Curve[best] || !higher && x < m.Curve[best] {
				best = i
			}
		}
		if m.Best != best+1 || len(m.Trees) != m.Best*len(m.Base) || len(m.Curve) != m.Best+o.EarlyRounds {
			t.Errorf("%s: %d trees, best %d, curve of %d with its best at %d", metric, len(m.Trees), m.Best, len(m.Curve), best+1)
		}
		// The curve is what the kept trees score, tree by tree.
		short := *m
		for i := range m.Best {
			short.Trees = m.Trees[:(i+1)*len(m.Base)]
			if got := measureOf(t, &short, v, metric); got != m.Curve[i] {
				t.Errorf("%s: curve[%d] is %v, the trees give %v", metric, i, m.Curve[i], got)
			}
		}
		// A fit of just so many trees is the same model.
		o.Trees, o.EarlyRounds = m.Best, 0
		again := fit(t, d, &v, o)
		if !reflect.DeepEqual(again.Trees, m.Trees) || !reflect.DeepEqual(again.Gain, m.Gain) {
			t.Errorf("%s: stopping early changed the trees", metric)
		}
	}
}

// An identifier says nothing of a random label: what is learnt from it must not
// show on other rows.
func TestRandomLabelManyLevels(t *testing.T) {
	make1 := func(seed uint64) Data {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 20_000
		d := Data{N: n, Label: make([]float64, n), Features: []Feature{{Name: "id", Codes: make([]int32, n), Levels: 2000}, {Name: "x", Values: make([]float64, n)}}}
		for i := range n {
			d.Label[i] = float64(r.IntN(2))
			d.Features[0].Codes[i] = int32(r.IntN(2000))
			d.Features[1].Values[i] = r.Float64()
		}
		return d
	}
	m := fit(t, make1(1), nil, options(Binary, func(o *Options) { o.Trees = 50 }))
	if got := measureOf(t, m, make1(2), AUC); math.Abs(got-0.5) > 0.015 {
		t.Errorf("AUC on other rows is %v", got)
	}
}

func TestLearnsWhereMissingGoes(t *testing.T) {
	// Large values are the missing ones, so missing is a strong sign of 1.
	r := rand.New(rand.NewPCG(1, 1))
	n := 20_000
	d := Data{N: n, Label: make([]float64, n), Features: []Feature{{Name: "x", Values: make([]float64, n)}}}
	for i := range n {
		x := r.NormFloat64()
		if r.Float64() < 1/(1+math.Exp(-4*x)) {
			d.Label[i] = 1
		}
		if x > 0.5 && r.Float64() < 0.9 {
			x = math.NaN()
		}
		d.Features[0].Values[i] = x
	}
	for _, flip := range []float64{1, -1} {
		e := take(d, seq(n))
		for i := range n {
			e.Features[0].Values[i] *= flip
		}
		m := fit(t, e, nil, options(Binary))
		out := make([]float64, 3)
		m.Predict([]Feature{{Values: []float64{math.NaN(), flip * -3, flip * 0.4}}}, out)
		if !(out[0] > out[2] && out[2] > out[1] && out[0] > 0) {
			t.Errorf("flip %v: missing, low, middle score %v", flip, out)
		}
		if got := measureOf(t, m, e, AUC); got < 0.9 {
			t.Errorf("flip %v: AUC %v", flip, got)
		}
	}
}

// What a value is says nothing, that it is missing says all: all values, one or many, part from missing.
func TestLearnsThatOneIsMissing(t *testing.T) {
	for _, values := range []int{1, 2, 20} {
		for _, constraint := range []int{0, 1} {
			d := Data{N: 120, Features: []Feature{{Name: "x"}}}
			for i := range d.N {
				x := float64(i % values)
				if i%3 == 0 {
					x = math.NaN()
				}
				d.Features[0].Values = append(d.Features[0].Values, x)
				d.Label = append(d.Label, float64(min(1, i%3)*9))
			}
			m := fit(t, d, nil, options(Regression, func(o *Options) {
				o.L2, o.LearningRate, o.MinRows, o.Trees = 0, 1, 1, 3
				if constraint != 0 {
					o.Monotone = []int8{int8(constraint)}
				}
			}))
			if got := predict(m, d); !slices.Equal(got, d.Label) {
				t.Errorf("%d values, constraint %d: %v", values, constraint, got[:6])
			}
		}
	}
}

func TestLearnsNonLinear(t *testing.T) {
	d := synth(1, 40_000, Binary)
	v, truth := synthTruth(2, 10_000, Binary)
	m := fit(t, d, nil, options(Binary, func(o *Options) { o.Trees = 100 }))
	got := measureOf(t, m, v, AUC)
	best, err := newMeter(single(), &v, &Options{EarlyMetric: AUC}, []float64{0})
	if err != nil {
		t.Fatal(err)
	}
	best.score[0] = truth
	if top := best.value(); got < top-0.03 {
		t.Errorf("AUC %v, of the truth %v", got, top)
	}
	// Explained variance: noise is 3% of the label's, missing b and the rarer
	// half of the 400 levels cost the rest.
	d, v = synth(1, 40_000, Regression), synth(2, 10_000, Regression)
	flat := fit(t, take(d, seq(50)), nil, options(Regression, func(o *Options) { o.Trees = 1 }))
	m = fit(t, d, nil, options(Regression, func(o *Options) { o.Trees = 100 }))
	got, none := measureOf(t, m, v, RMSE), measureOf(t, flat, v, RMSE)
	if got > 0.45*none {
		t.Errorf("RMSE %v, of a constant %v", got, none)
	}
}

func TestCategories(t *testing.T) {
	// 10,000 levels, of which 20 are frequent and half of those mean 1.
	r := rand.New(rand.NewPCG(1, 1))
	n := 40_000
	d := Data{N: n, Label: make([]float64, n), Features: []Feature{{Name: "c", Codes: make([]int32, n), Levels: 10_000}}}
	for i := range n {
		c, p := int32(r.IntN(10_000)), 0.5
		if r.IntN(10) > 0 {
			c = int32(r.IntN(20)) * 500
			p = 0.2 + 0.6*float64(c/500%2)
		}
		d.Features[0].Codes[i] = c
		if r.Float64() < p {
			d.Label[i] = 1
		}
	}
	m := fit(t, d, nil, options(Binary))
	codes := []int32{0, 500, 1000, 1500, -1, 10_000, math.MaxInt32, 7}
	out := make([]float64, len(codes))
	m.Predict([]Feature{{Codes: codes}}, out)
	for i := range 4 {
		if (i%2 == 1) != (out[i] > 0.3) || (i%2 == 0) != (out[i] < -0.3) {
			t.Errorf("level %d scores %v", codes[i], out[i])
		}
	}
	if out[4] != out[5] || out[5] != out[6] || math.Abs(out[4]) > 0.5 {
		t.Errorf("missing and unknown score %v", out[4:7])
	}

	// Three levels: one is split off, whichever it is.
	for _, odd := range []int32{0, 1, 2} {
		for i := range n {
			d.Features[0].Codes[i] = int32(r.IntN(3))
			d.Label[i] = 0
			if d.Features[0].Codes[i] == odd {
				d.Label[i] = 1
			}
		}
		d.Features[0].Levels = 3
		m = fit(t, d, nil, options(Binary, func(o *Options) { o.Leaves = 2 }))
		if got := measureOf(t, m, d, AUC); got != 1 {
			t.Errorf("level %d of 3: AUC %v", odd, got)
		}
	}
}

// Two levels of six part from the others, the two of least or of most: a set has half of the levels at most, so that each is a cut from one end
// of their order alone. And both leaves pay for it.
func TestCategoriesFromEitherEnd(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		d := Data{N: 120, Features: []Feature{{Name: "c", Levels: 6}}}
		for i := range d.N {
			level := i % 6
			d.Features[0].Codes = append(d.Features[0].Codes, int32(level))
			d.Label = append(d.Label, sign*float64(level/4*9-3)) // the mean is 0
		}
		got := predict(fit(t, d, nil, options(Regression, func(o *Options) {
			o.L2, o.LearningRate, o.MinRows, o.Trees, o.Leaves = 0, 1, 1, 1, 2
			o.CatOneHot, o.CatSmooth, o.CatMinGroup, o.CatL2 = 1, 1, 1, 10
		})), d)
		for i, y := range d.Label {
			n := 80.0
			if i%6 >= 4 {
				n = 40
			}
			if want := n * y / (n + 10); math.Abs(got[i]-want) > 1e-6 {
				t.Fatalf("sign %v, level %d: %v, want %v", sign, i%6, got[i], want)
			}
		}
	}
}

func TestLimitsHold(t *testing.T) {
	d := weighted(synth(1, 5000, Binary), 1, (*rand.Rand).Float64)
	o := options(Binary, func(o *Options) { o.MinRows, o.MinHessian, o.MaxDepth, o.Leaves, o.MinGain = 40, 3, 4, 31, 0.5 })
	b, err := newBooster(single(), Env{}, d, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	packs, _ := b.loss.pack(b.grad)
	p := packs[0]
	b.grower.packed = p
	b.all = make([]int32, d.N)
	for i := range b.all {
		b.all[i] = int32(i)
	}
	b.draw(0, nil)
	g := b.grower.grow(b.rows)
	if len(g.leaves) < 8 || len(g.leaves) > 16 {
		t.Errorf("%d leaves at depth 4", len(g.leaves))
	}
	for _, l := range g.leaves {
		if len(l.rows) < 40 || float64(l.total.h)*p.hs < 3 || l.depth > 4 {
			t.Errorf("leaf of %d rows, hessian %v, depth %d", len(l.rows), float64(l.total.h)*p.hs, l.depth)
		}
		if !slices.IsSorted(l.rows) {
			t.Error("rows of a leaf changed their order")
		}
	}
	for _, s := range g.splits {
		if s.gain <= 0.5 {
			t.Errorf("gain %v", s.gain)
		}
	}
}

// Every complete histogram has the node's sums in every column, the node's rows
// in its counts, and the sums that adding its rows one by one gives, be it
// built or what a subtraction left.
func TestHistogramInvariants(t *testing.T) {
	for _, even := range []bool{true, false} {
		kind := Binary
		if even {
			kind = Regression
		}
		d := synth(1, 150_000, kind)
		var seen atomic.Int32
		trees.Lead(workers(3, 1), func(team *trees.Team) {
			b, err := newBooster(team, Env{}, d, nil, options(kind))
			if err != nil {
				t.Fatal(err)
			}
			g := b.grower
			g.watch = func(n *node) {
				seen.Add(1)
				want := g.free.get(&g.builder)
				g.direct(want, g.bytes, n.rows)
				if !slices.Equal(n.hist.g, want.g) || !slices.Equal(n.hist.h, want.h) || !slices.Equal(n.hist.n, want.n) {
					t.Errorf("even %v: histogram of %d rows is wrong", even, len(n.rows))
				}
				g.free.put(want)
				for f := range g.cols {
					var sum sums
					for b := g.off[f]; b < g.off[f+1]; b++ {
						sum.add(n.hist.at(b))
					}
					if sum != n.total || sum.n != int64(len(n.rows)) {
						t.Errorf("even %v: column %d sums to %v, node %v of %d rows", even, f, sum, n.total, len(n.rows))
					}
				}
			}
			b.o.Trees = 2
			if err := b.run(); err != nil {
				t.Fatal(err)
			}
		})
		if n := seen.Load(); n < 40 {
			t.Errorf("%d histograms seen", n)
		}
	}
}

// Few columns have two tables, for rows in turn: one may be full of a bin while the other has a little of each.
func TestBothTablesAreFlushed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	d := Data{N: 12_000, Features: []Feature{{Name: "x"}}}
	for i := range d.N {
		x := float64(i / 2 % 32)
		if i%2 == 1 {
			x = 40
		}
		d.Features[0].Values = append(d.Features[0].Values, x)
		d.Label = append(d.Label, float64(r.IntN(2)))
	}
	m, err := Fit(Env{}, d, nil, options(Binary, func(o *Options) { o.Leaves, o.MinRows, o.Trees = 40, 1, 1 }))
	if err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	for _, n := range m.Trees[0].Cover {
		rows += n
	}
	if rows != int64(d.N) || slices.Max(m.Trees[0].Cover) != int64(d.N/2) {
		t.Errorf("leaves of %v rows", m.Trees[0].Cover)
	}
}

func TestNothingToLearn(t *testing.T) {
	x := []Feature{{Name: "x", Values: []float64{1, 2, 3, math.NaN()}}}
	nan := math.NaN()
	cases := map[string]struct {
		d    Data
		o    Options
		base float64
	}{
		"all one class":    {Data{Features: x, Label: []float64{1, 1, 1, 1}, N: 4}, options(Binary), 34.5},
		"no positive":      {Data{Features: x, Label: []float64{0, 0, 0, 0}, N: 4}, options(Binary), -34.5},
		"one label":        {Data{Features: x, Label: []float64{.1, .1, .1, .1}, N: 4}, options(Regression), .1},
		"no features":      {Data{Label: []float64{1, 2, 3, 6}, N: 4}, options(Regression), 3},
		"weighted base":    {Data{Label: []float64{1, 2, 3, 6}, Weight: []float64{1, 0, 0, 3}, N: 4}, options(Regression), 4.75},
		"one row":          {Data{Features: []Feature{{Values: []float64{1}}}, Label: []float64{5}, N: 1}, options(Regression), 5},
		"all missing":      {Data{Features: []Feature{{Values: []float64{nan, nan}}}, Label: []float64{1, 3}, N: 2}, options(Regression, func(o *Options) { o.MinRows = 1 }), 2},
		"all codes absent": {Data{Features: []Feature{{Codes: []int32{-1, -1}, Levels: 2}}, Label: []float64{1, 3}, N: 2}, options(Regression, func(o *Options) { o.MinRows = 1 }), 2},
		"no penalty":       {Data{Features: x, Label: []float64{1, 2, 3, 6}, N: 4}, options(Regression, func(o *Options) { o.L2 = 0 }), 3},
	}
	for name, c := range cases {
		m, err := Fit(Env{}, c.d, nil, c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(m.Trees) != 0 || m.Best != 0 || math.Abs(m.Base[0]-c.base) > 0.05 || c.o.Objective == Regression && m.Base[0] != c.base {
			t.Errorf("%s: %d trees, base %v, want %v", name, len(m.Trees), m.Base, c.base)
		}
	}
	// Drawn rows may be none at all: defined, and no NaN.
	m, err := Fit(Env{}, cases["no penalty"].d, nil, options(Regression, func(o *Options) { o.L2, o.RowSample = 0, 0.1 }))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range predict(m, cases["no penalty"].d) {
		if math.IsNaN(p) {
			t.Error("NaN from a tree without rows")
		}
	}
}

func TestFitsExactlyWhatTreesCan(t *testing.T) {
	// One split of two equal halves, no penalty, full rate: the labels.
	d := Data{N: 40, Features: []Feature{{Name: "x"}}}
	for i := range d.N {
		d.Features[0].Values = append(d.Features[0].Values, float64(i))
		d.Label = append(d.Label, float64(i/20)*10)
	}
	o := options(Regression, func(o *Options) { o.L2, o.LearningRate, o.MinRows, o.Trees = 0, 1, 1, 3 })
	m := fit(t, d, nil, o)
	if !slices.Equal(predict(m, d), d.Label) {
		t.Error("a step was not learnt exactly")
	}
	if len(m.Trees) != 1 || m.Trees[0].Threshold[0] != 19.5 {
		t.Errorf("%d trees, threshold %v", len(m.Trees), m.Trees[0].Threshold)
	}
	if !m.Trees[0].MissingLeft[0] {
		t.Error("of equal halves, missing does not go left")
	}
}

// Labels and weights of any size that is taken are told apart as well: by powers of two, to the bit.
func TestSizesDoNotMatter(t *testing.T) {
	d := synth(1, 3000, Regression)
	d.Features = d.Features[:5] // penalties on categories are of a size
	for _, weight := range []func(*rand.Rand) float64{func(*rand.Rand) float64 { return 1 }, func(r *rand.Rand) float64 { return 0.5 + r.Float64() }} {
		d := weighted(d, 1, weight)
		o := options(Regression, func(o *Options) { o.L2, o.MinHessian = 0, 0 })
		want := predict(fit(t, d, nil, o), d)
		for _, by := range [][2]int{{-250, -260}, {320, -260}, {-250, 320}, {150, 320}, {-250, 0}} {
			e := d
			e.Label, e.Weight = make([]float64, d.N), make([]float64, d.N)
			for i := range d.N {
				e.Label[i], e.Weight[i] = math.Ldexp(d.Label[i], by[0]), math.Ldexp(d.Weight[i], by[1])
			}
			got := predict(fit(t, e, nil, o), e)
			for i := range got {
				if got[i] != math.Ldexp(want[i], by[0]) {
					t.Fatalf("labels by 2^%d and weights by 2^%d: row %d is %v, want %v by as much", by[0], by[1], i, got[i], want[i])
				}
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	ok := func() Data {
		return Data{Features: []Feature{{Name: "x", Values: []float64{1, 2}}, {Name: "c", Codes: []int32{0, -1}, Levels: 1}}, Label: []float64{0, 1}, Weight: []float64{1, 1}, N: 2}
	}
	cases := map[string]func(d *Data, o *Options){
		"3 labels for 2 rows":           func(d *Data, o *Options) { d.Label = []float64{0, 1, 1} },
		"1 weights for 2 rows":          func(d *Data, o *Options) { d.Weight = d.Weight[:1] },
		"has 1 values":                  func(d *Data, o *Options) { d.Features[0].Values = d.Features[0].Values[:1] },
		"has 1 codes":                   func(d *Data, o *Options) { d.Features[1].Codes = d.Features[1].Codes[:1] },
		"has code 1 of 1 levels":        func(d *Data, o *Options) { d.Features[1].Codes[1] = 1 },
		"both values and codes":         func(d *Data, o *Options) { d.Features[0].Codes = d.Features[1].Codes },
		"0 levels":                      func(d *Data, o *Options) { d.Features[1].Levels = 0 },
		"label 2 in row 1":              func(d *Data, o *Options) { d.Label[1] = 2 },
		"label NaN in row 1":            func(d *Data, o *Options) { d.Label[1], o.Objective = math.NaN(), Regression },
		"label 2 in row 1, want the nu": func(d *Data, o *Options) { d.Label[1], o.Objective, o.Classes = 2, Multiclass, 2 },
		"classes is 1":                  func(d *Data, o *Options) { o.Objective, o.Classes = Multiclass, 1 },
		"label 1e+200":                  func(d *Data, o *Options) { d.Label[1], o.Objective = 1e200, Regression },
		"weight -1":                     func(d *Data, o *Options) { d.Weight[0] = -1 },
		"weight NaN":                    func(d *Data, o *Options) { d.Weight[0] = math.NaN() },
		"weight 1e-90 in row 1, want 0": func(d *Data, o *Options) { d.Weight[1] = 1e-90 },
		"1e-80 apart at least":          func(d *Data, o *Options) { d.Label[0], d.Label[1], o.Objective = 1e-90, 0, Regression },
		"no row has a weight":           func(d *Data, o *Options) { d.Weight = []float64{0, 0} },
		"0 rows":                        func(d *Data, o *Options) { *d = Data{} },
		"trees is 0":                    func(d *Data, o *Options) { o.Trees = 0 },
		"leaves is 1":                   func(d *Data, o *Options) { o.Leaves = 1 },
		"bins is 256":                   func(d *Data, o *Options) { o.Bins = 256 },
		"learning rate is NaN":          func(d *Data, o *Options) { o.LearningRate = math.NaN() },
		"row sample is 1.5":             func(d *Data, o *Options) { o.RowSample = 1.5 },
		"l2 is -1":                      func(d *Data, o *Options) { o.L2 = -1 },
		"unknown metric \"gini\"":       func(d *Data, o *Options) { o.EarlyMetric = "gini" },
		"auc is not of the objective":   func(d *Data, o *Options) { o.EarlyMetric, o.Objective = AUC, Regression },
		"unknown objective 77":          func(d *Data, o *Options) { o.Objective = 77 },
		"min rows is 0":                 func(d *Data, o *Options) { o.MinRows = 0 },
		"early rounds is -1":            func(d *Data, o *Options) { o.EarlyRounds = -1 },
		"cat max is 0":                  func(d *Data, o *Options) { o.CatMax = 0 },
		"column sample is 0, want mo":   func(d *Data, o *Options) { o.ColumnSample = 0 },
	}
	for want, change := range cases {
		d, o := ok(), options(Binary)
		change(&d, &o)
		if _, err := Fit(Env{}, d, nil, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	v := ok()
	v.Label = []float64{1, 1}
	_, err := Fit(Env{}, ok(), &v, options(Binary, func(o *Options) { o.EarlyMetric = AUC }))
	if err == nil || !strings.Contains(err.Error(), "needs both labels") {
		t.Errorf("AUC of one class: %v", err)
	}
	v = ok()
	v.Features = v.Features[:1]
	if _, err = Fit(Env{}, ok(), &v, options(Binary)); err == nil || !strings.Contains(err.Error(), "1 features") {
		t.Errorf("features missing: %v", err)
	}
	stop := errors.New("enough")
	calls := 0
	_, err = Fit(Env{Stop: func() error {
		if calls++; calls > 2 {
			return stop
		}
		return nil
	}}, synth(1, 2000, Binary), nil, options(Binary))
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "after 2 trees") {
		t.Errorf("stopped: %v", err)
	}
}

// Of equal gains the lowest feature, then the lowest threshold, then missing to
// the right: sums are integers, so mirror images do have equal gains.
func TestTies(t *testing.T) {
	var x []float64
	d := Data{N: 90}
	for i := range d.N {
		x = append(x, float64(i%3))
		d.Label = append(d.Label, float64(i%3))
	}
	d.Features = []Feature{{Name: "a", Values: x}, {Name: "b", Values: slices.Clone(x)}}
	o := options(Regression, func(o *Options) { o.Trees, o.Leaves, o.MinRows = 1, 2, 1 })
	tree := fit(t, d, nil, o).Trees[0]
	if tree.Feature[0] != 0 || tree.Threshold[0] != 0.5 {
		t.Errorf("feature %d, threshold %v", tree.Feature[0], tree.Threshold[0])
	}
	// The middle group missing: with it on the left the cut at 0.5 gains as
	// much as with it on the right.
	for i := range x {
		if x[i] == 1 {
			x[i] = math.NaN()
		}
	}
	d.Features = d.Features[:1]
	if tree = fit(t, d, nil, o).Trees[0]; tree.Threshold[0] != 1 || tree.MissingLeft[0] {
		t.Errorf("threshold %v, missing left %v", tree.Threshold[0], tree.MissingLeft[0])
	}
}

// Where all labels of a node are the same there is nothing to gain, though
// rounding may say that there is a little.
func TestPureNodesStayWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	d := Data{N: 997, Features: []Feature{{Name: "x"}, {Name: "noise"}}}
	for i := range d.N {
		d.Features[0].Values = append(d.Features[0].Values, float64(i/4))
		d.Features[1].Values = append(d.Features[1].Values, r.Float64())
		d.Label = append(d.Label, []float64{0.1, 0.7, 0.3}[min(2, i/4/70)])
	}
	o := options(Regression, func(o *Options) { o.Trees, o.MinRows, o.L2, o.LearningRate = 1, 1, 0, 1 })
	m := fit(t, d, nil, o)
	if n := len(m.Trees[0].Leaf); n != 3 {
		t.Errorf("%d leaves for 3 values", n)
	}
	// With weights the gradients of equal labels round apart, and a split that
	// gains a billionth may stand; it must not move a value.
	e := weighted(d, 1, func(r *rand.Rand) float64 { return float64(1 + r.IntN(2)) })
	for _, m := range []*Model{m, fit(t, e, nil, o)} {
		for i, p := range predict(m, d) {
			if math.Abs(p-d.Label[i]) > 1e-8 {
				t.Fatalf("row %d is %v, want %v", i, p, d.Label[i])
			}
		}
	}
}
