package gbdt

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/internal/trees"
)

// The rows of the greatest gradients are all there as they are, of equal ones a draw; of the others there is the share asked for,
// multiplied to stand for all and rounded once; and what comes of it fits the fields.
func TestGossPicks(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression} {
		for _, weight := range []func(*rand.Rand) float64{nil, func(r *rand.Rand) float64 { return math.Pow(10, 4*r.Float64()) * float64(r.IntN(5)) }} {
			for _, share := range []Goss{{0.2, 0.1}, {0.02, 0.01}, {0.5, 0.5}, {0.9, 0.004}} {
				d := synth(1, 40_000, kind)
				if weight != nil {
					d = weighted(d, 3, weight)
				}
				o := options(kind, func(o *Options) { o.Goss = share })
				trees.Lead(workers(3, 1), func(team *trees.Team) {
					b, err := newBooster(team, Env{}, d, nil, o)
					if err != nil {
						t.Fatal(err)
					}
					b.all = b.all[:0]
					for i := range d.N {
						if d.WeightOf(i) > 0 {
							b.all = append(b.all, int32(i))
						}
					}
					g := b.grower
					p, _ := b.loss.pack(b.grad)
					was, fine := slices.Clone(g.grad), b.loss.fineG[0]
					order := slices.Clone(b.all)
					slices.SortStableFunc(order, func(a, b int32) int { return int(magnitude([][]uint64{was}, b)) - int(magnitude([][]uint64{was}, a)) })
					b.oneSide.pick(b, 7, p)
					g.packed = p[0]
					n := len(b.all)
					cut := magnitude([][]uint64{was}, order[int(math.Ceil(share.Top*float64(n)))-1])
					top, first := 0, 0 // those at the cut are of the top by lot
					for _, r := range order {
						switch of := b.oneSide.top([][]uint64{was}, r); {
						case magnitude([][]uint64{was}, r) > cut && !of, magnitude([][]uint64{was}, r) < cut && of:
							t.Fatalf("%v: a row of %d is of the top: %v; the cut is %d", share, magnitude([][]uint64{was}, r), of, cut)
						case of:
							top++
							if int(r) < d.N/2 {
								first++
							}
						}
					}
					if want := share.Top * float64(n); math.Abs(float64(top)-want) > 5*math.Sqrt(want)+1 || math.Abs(float64(2*first-top)) > 5*math.Sqrt(want)+1 {
						t.Errorf("%v: %d rows of the top, %d of them of the first half, want about %v and as many in each", share, top, first, want)
					}
					drawn := map[int32]bool{}
					for _, r := range b.rows {
						drawn[r] = true
					}
					if !slices.IsSorted(b.rows) || !slices.IsSorted(b.rest) || len(b.rows)+len(b.rest) != n {
						t.Errorf("%v: %d rows and %d others of %d", share, len(b.rows), len(b.rest), n)
					}
					unit := math.Ldexp(1, b.loss.fineG[0]-fine)
					others := len(b.rows) - top
					factor := float64(n-top) / float64(others)
					for _, r := range order {
						f := 1.0
						if of := b.oneSide.top([][]uint64{was}, r); !of {
							f = factor
						} else if !drawn[r] {
							t.Fatalf("%v: row %d is of the top, and not drawn", share, r)
						}
						if !drawn[r] {
							continue
						}
						got, want := float64(int64(g.grad[r])>>32), float64(int64(was[r])>>32)*f*unit
						if math.Abs(got-want) > 0.5000001 {
							t.Fatalf("%v: gradient %v, want %v", share, got, want)
						}
						word := [1]uint64{g.grad[r]}
						g.packed.Round(word[:], word[:])
						h := int64(word[0]) >> g.packed.H & (1<<(g.packed.G-g.packed.H) - 1)
						if v := int64(word[0]) >> g.packed.G; v >= 1<<g.packed.g || v <= -1<<g.packed.g || h < 1 || h >= 1<<g.packed.h {
							t.Fatalf("%v: %d and %d do not fit their fields", share, v, h)
						}
					}
					want := share.Other * float64(n)
					if math.Abs(float64(others)-want) > 5*math.Sqrt(want)+1 {
						t.Errorf("%v: %d others drawn, want about %v", share, others, want)
					}
				})
			}
		}
	}
}

// All rows at first; then so many, others for each tree. Sums stay what they are of all rows, about.
func TestGossSamples(t *testing.T) {
	d := synth(1, 30_000, Binary)
	var rows []int
	var sums []float64
	o := options(Binary, func(o *Options) { o.Goss, o.LearningRate, o.Leaves = Goss{Top: 0.2, Other: 0.1}, 0.25, 2 })
	growBooster(t, single(), d, nil, o, func(g *grower, n *node) {
		if n.parent < 0 {
			rows = append(rows, len(n.rows))
			sums = append(sums, float64(n.total.h)*g.packed.hs)
		}
	})
	for i, n := range rows {
		if i < 4 && n != d.N || i >= 4 && math.Abs(float64(n)-0.3*float64(d.N)) > 300 {
			t.Errorf("tree %d sees %d rows", i, n)
		}
		if math.Abs(sums[i]/sums[max(0, i-1)]-1) > 0.06 {
			t.Errorf("hessians of tree %d sum to %v, of the one before to %v", i, sums[i], sums[max(0, i-1)])
		}
	}
}

// Leaves whose values come of the rows and not of gradients come of all rows: those drawn lie on one side more than on the other. The rows
// are sorted by label, as those of a trend are, and have nothing to be told apart by.
func TestGossAims(t *testing.T) {
	d := Data{N: 4000, Features: []Feature{{Name: "flat", Values: make([]float64, 4000)}}}
	for i := range d.N {
		d.Label = append(d.Label, float64(i)/float64(d.N))
	}
	squares := func(y float64) float64 { return y * y }
	for _, c := range []struct {
		kind  Objective
		share float64 // of the quantile
		of    func(y float64) float64
		want  float64
	}{
		{Quantile, 0.9, nil, 0.9}, {Quantile, 0.1, nil, 0.1}, {AbsoluteError, 0.5, nil, 0.5}, {AbsoluteError, 0.5, squares, 0.25},
		{Huber, 0.5, nil, 0.5}, {Huber, 0.5, squares, 0.2533}, // where errors of squares, cut at 0.1, sum to 0
	} {
		e := d
		if c.of != nil {
			e.Label = make([]float64, d.N)
			for i, y := range d.Label {
				e.Label[i] = c.of(y)
			}
		}
		o := options(c.kind, func(o *Options) {
			o.Trees, o.Quantile, o.HuberDelta, o.Goss = 60, c.share, 0.1, Goss{Top: 0.2, Other: 0.1}
		})
		plain := o
		plain.Goss = Goss{}
		got, want := predict(fit(t, e, nil, o), e)[0], predict(fit(t, e, nil, plain), e)[0]
		if math.Abs(got-want) > 0.01 || math.Abs(want-c.want) > 0.001 {
			t.Errorf("%v of %v: %v, without sampling %v, want %v", c.kind, c.share, got, want, c.want)
		}
	}
}

// Scores after every tree are those that the trees as they are then predict, and each tree's share is as LightGBM has it.
func TestDartScores(t *testing.T) {
	d, v := synth(1, 3000, Regression), synth(2, 1000, Regression)
	o := options(Regression, func(o *Options) {
		o.Trees, o.Dart, o.L2, o.LearningRate = 25, Dart{Drop: 0.3, Skip: 0.3, Max: 4}, 0, 0.4
	})
	b, err := newBooster(single(), Env{}, d, &v, o)
	if err != nil {
		t.Fatal(err)
	}
	var share []float64 // of each tree's step
	hits, skipped := 0, 0
	b.env.Progress = func(done, _ int, _ string, value float64) {
		k := o.Dart.drops(o.Seed, done-1)
		for _, i := range k {
			share[i] *= float64(len(k)) / float64(len(k)+1)
		}
		if len(k) > 4 {
			t.Errorf("%d trees dropped", len(k))
		}
		if hits += len(k); len(k) == 0 {
			skipped++
		}
		share = append(share, o.LearningRate/float64(len(k)+1))
		if !slices.Equal(predict(b.m, d), b.loss.score[0]) {
			t.Errorf("%d trees: training scores differ", done)
		}
		if !slices.Equal(predict(b.m, v), b.val.meter.score[0]) || measureOf(t, b.m, v, RMSE) != value {
			t.Errorf("%d trees: validation scores differ", done)
		}
	}
	if err := b.run(); err != nil {
		t.Fatal(err)
	}
	if hits < 20 || skipped < 4 {
		t.Errorf("%d trees dropped in all, none %d times: the test shows little", hits, skipped)
	}
	// A tree is the step that a tree of that sample would take, times its share: fitted anew on what was left without the dropped.
	for _, at := range []int{7, 18} {
		k := o.Dart.drops(o.Seed, at)
		short := *b.m
		e := d
		e.Label = slices.Clone(d.Label)
		before := fit(t, d, nil, options(Regression, func(p *Options) { *p = o; p.Trees = at }))
		short.Trees = nil
		for i := range before.Trees {
			if !slices.Contains(k, i) {
				short.Trees = append(short.Trees, before.Trees[i])
			}
		}
		for i, s := range predict(&short, d) {
			e.Label[i] -= s
		}
		one := fit(t, e, nil, options(Regression, func(p *Options) { p.Trees, p.LearningRate, p.L2 = 1, 1, 0 }))
		mean := 0.0
		for _, y := range e.Label {
			mean += y / float64(len(e.Label))
		}
		want, got := predict(one, d), predict(&Model{Base: []float64{0}, Features: b.m.Features, Trees: b.m.Trees[at : at+1]}, d)
		off := 0
		for i := range want {
			if math.Abs(got[i]-want[i]*share[at]) > 0.02*math.Abs(want[i])*share[at]+math.Abs(mean)+1e-3 {
				off++
			}
		}
		if off > len(want)/20 {
			t.Errorf("tree %d, %d dropped: %d of %d rows are not at %v of a whole step", at, len(k), off, len(want), share[at])
		}
	}
}

// Where scores outgrow the grid that leaves are on they are summed anew, and are what the model predicts still.
func TestDartOutgrows(t *testing.T) {
	d, v := synth(1, 2000, Binary), synth(2, 500, Binary)
	for round, o := range []Options{
		options(Binary, func(o *Options) { o.Trees, o.Dart = 12, Dart{Drop: 0.4, Max: 50} }),
		options(Multiclass, func(o *Options) { o.Trees, o.Dart, o.Goss, o.LearningRate = 12, Dart{Drop: 0.4}, Goss{0.3, 0.2}, 0.5 }),
	} {
		if o.Objective == Multiclass {
			d, v = synth(1, 2000, Multiclass), synth(2, 500, Multiclass)
		}
		for _, unit := range []float64{0, 0x1p-45, 0x1p-54} { // 0 is the unit as it comes
			b, err := newBooster(single(), Env{}, d, &v, o)
			if err != nil {
				t.Fatal(err)
			}
			for k := range b.loss.unit {
				if unit > 0 {
					b.loss.unit[k] = unit
				}
			}
			b.env.Progress = func(done, _ int, _ string, _ float64) {
				if !slices.Equal(predict(b.m, d), slices.Concat(b.loss.score...)) || !slices.Equal(predict(b.m, v), slices.Concat(b.val.meter.score...)) {
					t.Errorf("%v, unit %v: scores differ after %d trees", o.Objective, unit, done)
				}
			}
			if err := b.run(); err != nil {
				t.Fatal(err)
			}
			if b.dropout.inexact != (unit == 0x1p-54) {
				t.Errorf("case %d, unit %v: inexact is %v, scores to %v", round, unit, b.dropout.inexact, b.dropout.size)
			}
		}
	}
}

// The model ends at the best round as it was then: later rounds have changed its trees.
func TestDartEarlyStop(t *testing.T) {
	d, v := synth(1, 1500, Binary), synth(2, 1500, Binary)
	o := options(Binary, func(o *Options) {
		o.Trees, o.LearningRate, o.EarlyRounds, o.MinRows, o.Dart = 200, 0.5, 15, 5, Dart{Drop: 0.2, Skip: 0.2, Max: 10}
	})
	m := fit(t, d, &v, o)
	if m.Best < 3 || len(m.Curve) != m.Best+15 || measureOf(t, m, v, LogLoss) != m.Curve[m.Best-1] || slices.Min(m.Curve) != m.Curve[m.Best-1] {
		t.Errorf("best of %d rounds is %d: %v, measured %v", len(m.Curve), m.Best, m.Curve[m.Best-1], measureOf(t, m, v, LogLoss))
	}
	o.Trees, o.EarlyRounds = m.Best, 0
	if !slices.Equal(predict(fit(t, d, &v, o), v), predict(m, v)) {
		t.Error("a fit of so many trees is another model")
	}
}

func TestSamplingRefused(t *testing.T) {
	d := synth(1, 200, Binary)
	for want, change := range map[string]func(o *Options){
		"goss is 0.6 and 0.5":  func(o *Options) { o.Goss = Goss{Top: 0.6, Other: 0.5} },
		"goss is 0 and 0.5":    func(o *Options) { o.Goss = Goss{Other: 0.5} },
		"the other one 0.0001": func(o *Options) { o.Goss = Goss{Top: 0.2, Other: 1e-5} },
		"leaves is 65537":      func(o *Options) { o.Leaves, o.Dart = 1<<16+1, Dart{Drop: 0.1} },
		"both draw rows":       func(o *Options) { o.Goss, o.RowSample = Goss{Top: 0.6, Other: 0.1}, 0.5 },
		"dart is 0, 0.5":       func(o *Options) { o.Dart = Dart{Skip: 0.5} },
		"dart is 0.1, 1":       func(o *Options) { o.Dart = Dart{Drop: 0.1, Skip: 1} },
	} {
		if _, err := Fit(Env{}, d, nil, options(Binary, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestOperatorSamples(t *testing.T) {
	in, b, task := opTable(8, 2000, operators.Binary)
	plain := string(opFit(t, "{trees: 15}", operators.TestEnv(), in, b, task).Program.Marshal())
	seen := map[string]bool{plain: true}
	for _, options := range []string{"{trees: 15, goss: {}}", "{trees: 15, goss: {top: 0.5, other: 0.2}}", "{trees: 15, dart: {skip: 0}}", "{trees: 15, dart: {drop: 0.5}}"} {
		text := string(opFit(t, options, operators.TestEnv(), in, b, task).Program.Marshal())
		if seen[text] {
			t.Errorf("%s changes nothing", options)
		}
		seen[text] = true
	}
	checkSays(t, "{goss: {}, row_sample: 0.5}", in, task, "row_sample: goss draws the rows")
	checkSays(t, "{goss: {top: 0.7, other: 0.4}}", in, task, "goss.other: goss takes 0.7 of the rows")
	checkSays(t, "{goss: {}, dart: {max: 0}, early_stop: {}}", in, task, "")
}
