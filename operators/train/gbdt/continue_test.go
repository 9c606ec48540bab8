package gbdt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/race"
)

// narrow is opTable without its wide column.
func narrow(seed uint64, n int, kind operators.TaskKind) (operators.Schema, batch.Batch, operators.Task) {
	in, b, task := opTable(seed, n, kind)
	j := in.Index("v")
	in.Fields, b.Cols = slices.Delete(in.Fields, j, j+1), slices.Delete(b.Cols, j, j+1)
	return in, b, task
}

// registry holds one model.
func registry(g program.Graph, task operators.Task) func(string) (*operators.Published, error) {
	p := &operators.Published{Name: "m", Version: 3, Hash: "0123456789abcdef", Task: task, Graph: g}
	return func(string) (*operators.Published, error) { return p, nil }
}

// goOnFrom fits on from a model, as the engine does.
func goOnFrom(t testing.TB, g program.Graph, options string, env operators.Env, in operators.Schema, b batch.Batch, task operators.Task) (operators.Fitted, error) {
	t.Helper()
	o := &Operator{}
	modeltest.Options(t, options, o)
	s := modeltest.Site(in, task)
	s.Published = registry(g, task)
	out, l := o.Check(s)
	if l.Failed() {
		t.Fatal(l.Err())
	}
	if out.Model.Before == nil {
		t.Fatal("the check says that it begins anew")
	}
	r := out.Reads
	return o.Fit(s, env, modeltest.Pick(in, b, r.Parts&batch.TrainRows, r.Cols), modeltest.Pick(in, b, r.Parts&batch.ValidRows, r.Cols))
}

// On the rows that it was learnt from, going on adds the very trees that would have come next: to the bit, strings, missing values and
// classes included. The rows have weights: without them the grid of gradients may be that of the round before.
func TestContinueIsOneGo(t *testing.T) {
	for _, kind := range []operators.TaskKind{operators.Binary, operators.Regression, operators.Multiclass} {
		in, b, task := narrow(1, 3000, kind)
		for _, more := range []string{"", ", max_depth: 3, grow: oblivious", ", monotone: {x: increasing}"} {
			if kind == operators.Multiclass && strings.Contains(more, "monotone") {
				continue
			}
			whole := opFit(t, "{trees: 12, min_rows: 5"+more+"}", operators.TestEnv(), in, b, task)
			half := opFit(t, "{trees: 7, min_rows: 5"+more+"}", operators.TestEnv(), in, b, task)
			f, err := goOnFrom(t, half.Program, "{trees: 99, min_rows: 5, continue: {model: models://m, trees: 5}"+more+"}", operators.TestEnv(), in, b, task)
			if err != nil {
				t.Fatal(err)
			}
			if string(f.Program.Marshal()) != string(whole.Program.Marshal()) {
				t.Errorf("%s%s: 7 rounds and 5 are not 12", kind, more)
			}
			if want := "goes on from m version 3 (0123456789ab), of 7 rounds: 5 of 5 more"; f.Notes.Start != want {
				t.Errorf("%q, want %q", f.Notes.Start, want)
			}
		}
	}
}

// other are other rows: of the categories some are gone and some are new.
func other(seed uint64, n int, kind operators.TaskKind) (operators.Schema, batch.Batch, operators.Task) {
	in, b, task := narrow(seed, n, kind)
	few := &b.Cols[in.Index("few")]
	words := make([]string, n)
	null := make([]bool, n)
	for i := range words {
		words[i], null[i] = strings.Replace(few.Str(i), "level 1", "other 1", 1), few.Null(i)
	}
	*few = batch.OfStrings(words).WithNulls(null)
	return in, b, task
}

// A model that goes on says of a row what the one before said, and what its own trees add: whatever becomes of the categories. The bits
// do not depend on the workers.
func TestContinueOnOtherRows(t *testing.T) {
	for i, kind := range []operators.TaskKind{operators.Binary, operators.Regression, operators.Multiclass} {
		if race.On && i > 0 {
			break // the workers do the same of each
		}
		in, b, task := narrow(1, 1500, kind)
		before := opFit(t, "{trees: 10, min_rows: 5, explain: "+fmt.Sprint(kind != operators.Multiclass)+"}", operators.TestEnv(), in, b, task)
		_, rows, _ := other(2, 1200, kind)
		for _, more := range []string{"", ", early_stop: {rounds: 3}", ", row_sample: 0.5, column_sample: 0.5", ", goss: {}", ", dart: {skip: 0}, early_stop: {rounds: 3}"} {
			options := "{min_rows: 5, continue: {model: models://m, trees: 8}" + more + "}"
			first, err := goOnFrom(t, before.Program, options, operators.TestEnv(), in, rows, task)
			if err != nil {
				t.Fatal(err)
			}
			f, err := goOnFrom(t, before.Program, options, modeltest.Workers(7, 2), in, rows, task)
			if err != nil {
				t.Fatal(err)
			}
			if string(f.Program.Marshal()) != string(first.Program.Marshal()) {
				t.Errorf("%s%s: other workers give another model", kind, more)
			}
			// Without the added trees it is the model before, on old rows and on new; with dart, nearly.
			for _, b := range []batch.Batch{b, rows} {
				want, got := modeltest.Score(t, before.Program, in, b), modeltest.Score(t, cutShort(t, first.Program, 10), in, b)
				if strings.Contains(more, "dart") {
					moved := 0.0
					for k := range max(1, len(want[0].Members)) {
						x, y := member(&want[0], k), member(&got[0], k)
						moved = max(moved, farthest(x, y))
					}
					if !(moved > 0 && moved < 1e-9) {
						t.Errorf("%s%s: the first 10 rounds and the model before are %v apart", kind, more, moved)
					}
					continue
				}
				for i := range b.N {
					if x, y := operators.FormatValue(&want[0], i), operators.FormatValue(&got[0], i); x != y {
						t.Fatalf("%s%s: row %d: the first 10 rounds say %s, the model before %s", kind, more, i, y, x)
					}
				}
			}
		}
	}
}

// member is a member of a wide column, or a column that is not wide.
func member(c *batch.Column, k int) []float64 {
	if len(c.Members) > 0 {
		return c.Member(k)
	}
	return c.Float64s()
}

// cutShort is a program with so many of its trees.
func cutShort(t testing.TB, g program.Graph, rounds int) program.Graph {
	t.Helper()
	g, err := program.Unmarshal(g.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		k, ok := n.Kind.(*program.Trees)
		if !ok {
			continue
		}
		if len(k.Trees) < rounds {
			t.Fatalf("%d trees, want at least %d", len(k.Trees), rounds)
		}
		k.Trees = k.Trees[:rounds]
		types := make([]batch.Type, len(n.In))
		for j, s := range n.In {
			types[j] = g.Types[s]
		}
		if err := k.Init(types, []batch.Type{batch.T(batch.Float64)}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// scoresOf are a model's scores as a fit that goes on from it takes them.
func scoresOf(m *Model, d Data) (out [][]float64) {
	flat := predict(m, d)
	for k := range m.Base {
		out = append(out, flat[k*d.N:(k+1)*d.N:(k+1)*d.N])
	}
	return out
}

// What early stopping measures is what the model predicts, to the bit; the model before counts as round 0, so that it stays as it is
// where no round does better.
func TestContinueMeasures(t *testing.T) {
	stayed := 0
	for _, kind := range []Objective{Binary, Regression, Multiclass, Poisson, AbsoluteError} {
		d, v := synth(1, 3000, kind), synth(2, 2000, kind)
		for name, change := range map[string]func(*Options){
			"plain": func(*Options) {},
			"dart":  func(o *Options) { o.Dart = Dart{Drop: 0.3, Max: 50} },
			"goss":  func(o *Options) { o.Goss = Goss{Top: 0.2, Other: 0.1} },
			"rows":  func(o *Options) { o.RowSample = 0.5 },
			"worse": func(o *Options) { o.LearningRate, o.MinRows, o.L2 = 1, 1, 0 }, // learns the rows by heart
		} {
			before := fit(t, d, nil, options(kind, func(o *Options) { o.Trees = 15 }))
			o := options(kind, change, func(o *Options) {
				o.Trees, o.EarlyRounds = 12, 4
				o.Before = &Before{Base: before.Base, Trees: before.Trees, Train: scoresOf(before, d), Valid: scoresOf(before, v)}
			})
			start := measureOf(t, before, v, o.metric())
			m := fit(t, d, &v, o)
			if m.Before != 15 || len(m.Trees) != (15+m.Best)*len(m.Base) {
				t.Fatalf("%s, %s: %d rounds before, %d more, %d trees", kind, name, m.Before, m.Best, len(m.Trees))
			}
			if m.Start != start {
				t.Errorf("%s, %s: the model before measures %v, the fit said %v", kind, name, start, m.Start)
			}
			curve := append([]float64{start}, m.Curve...)
			best := 0
			for i, x := range curve {
				if x < curve[best] {
					best = i
				}
			}
			if best == 0 {
				stayed++
			}
			if best != m.Best {
				t.Errorf("%s, %s: %d rounds are kept, the best is %d of %v", kind, name, m.Best, best, curve)
			}
			if got := measureOf(t, m, v, o.metric()); got != curve[best] {
				t.Errorf("%s, %s: the model measures %v, its fit said %v", kind, name, got, curve[best])
			}
		}
	}
	if stayed == 0 {
		t.Error("some round did better every time")
	}
}

// Dropout sums exactly behind a model too, whatever it is: in every round its scores are what is predicted, without summing all trees anew.
// A model of dropout over the same labels stays what it is, to the bit.
func TestContinueDart(t *testing.T) {
	dart := func(o *Options) { o.Trees, o.LearningRate, o.Dart = 12, 0.4, Dart{Drop: 0.4, Skip: 0.2} }
	for i, kind := range []Objective{Binary, Regression, Multiclass, Poisson, AbsoluteError} {
		if race.On && i > 0 {
			break // one goroutine shows the detector nothing
		}
		d, v := synth(1, 1500, kind), synth(2, 700, kind)
		for name, change := range map[string]func(*Options){"plain": func(*Options) {}, "dart": dart, "huge": dart} {
			before := fit(t, d, nil, options(kind, func(o *Options) { o.Trees = 8 }, change))
			if name == "huge" { // leaves of no sum that fits the grid
				leaf := before.Trees[0].Leaf
				leaf[0], leaf[1] = 0x1p60, -0x1p60
			}
			o := options(kind, dart)
			o.Before = &Before{Base: before.Base, Trees: before.Trees}
			o.Before.onGrid(&o, &d)
			if name == "huge" && &o.Before.Trees[0].Leaf[0] != &before.Trees[0].Leaf[0] {
				t.Errorf("%s: leaves that cannot be on the grid are other ones", kind)
			}
			at := &Model{Objective: kind, Base: o.Before.Base, Features: before.Features, Trees: o.Before.Trees}
			if moved := farthest(predict(at, v), predict(before, v)); moved > 1e-9 || (moved == 0) != (name != "plain") {
				t.Errorf("%s, %s: the grid moves scores by %v", kind, name, moved)
			}
			o.Before.Train, o.Before.Valid = scoresOf(at, d), scoresOf(at, v)
			b, err := newBooster(single(), Env{}, d, &v, o)
			if err != nil {
				t.Fatal(err)
			}
			back := 0
			b.env.Progress = func(done, _ int, _ string, _ float64) {
				back += len(o.Dart.drops(o.Seed, done-1))
				m := *b.m
				m.Trees = slices.Concat(o.Before.Trees, m.Trees)
				if !slices.Equal(predict(&m, d), slices.Concat(b.loss.score...)) || !slices.Equal(predict(&m, v), slices.Concat(b.val.meter.score...)) {
					t.Errorf("%s, %s: scores differ after %d trees", kind, name, done)
				}
			}
			if err := b.run(); err != nil {
				t.Fatal(err)
			}
			if b.dropout.inexact != (name == "huge") || back == 0 {
				t.Errorf("%s, %s: inexact is %v, %d trees came back", kind, name, b.dropout.inexact, back)
			}
		}
	}
}

// farthest is how far numbers are from each other at most.
func farthest(a, b []float64) (most float64) {
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// Labels that are all one are no reason to stop where the model before said another.
func TestContinueOneLabel(t *testing.T) {
	d := synth(1, 500, Regression)
	before := fit(t, d, nil, options(Regression, func(o *Options) { o.Trees = 3 }))
	for i := range d.Label {
		d.Label[i] = 7
	}
	m := fit(t, d, nil, options(Regression, func(o *Options) {
		o.Trees, o.LearningRate, o.L2, o.MinRows = 60, 0.5, 0, 1
		o.Before = &Before{Base: before.Base, Trees: before.Trees, Train: scoresOf(before, d)}
	}))
	for i, p := range predict(m, d) {
		if math.Abs(p-7) > 0.3 {
			t.Fatalf("row %d: %v, want 7", i, p)
		}
	}
}

// slowRefit is Refit in floats, for squared error and log-loss.
func slowRefit(m *Model, d Data, rate, l2, keep float64) []Tree {
	score := slices.Repeat(m.Base[:1], d.N)
	var out []Tree
	for _, tree := range m.Trees {
		g, h, rows := make([]float64, len(tree.Leaf)), make([]float64, len(tree.Leaf)), make([]int, len(tree.Leaf))
		at := make([]int, d.N)
		for i := range d.N {
			at[i] = tree.Find(m.Features, d.Features, i)
			slope, bend := score[i]-d.Label[i], 1.0
			if m.Objective == Binary {
				p := 1 / (1 + math.Exp(-score[i]))
				slope, bend = p-d.Label[i], p*(1-p)
			}
			w := d.WeightOf(i)
			if w == 0 {
				continue
			}
			g[at[i]] += w * slope
			h[at[i]] += w * bend
			rows[at[i]]++
		}
		leaf := slices.Clone(tree.Leaf)
		for l := range leaf {
			if rows[l] > 0 {
				leaf[l] = keep*leaf[l] - (1-keep)*rate*g[l]/(h[l]+l2)
			}
		}
		for i := range d.N {
			score[i] += leaf[at[i]]
		}
		tree.Leaf = leaf
		out = append(out, tree)
	}
	return out
}

func TestRefit(t *testing.T) {
	for _, kind := range []Objective{Binary, Regression} {
		d := synth(1, 3000, kind)
		before := fit(t, d, nil, options(kind, func(o *Options) { o.Trees = 10 }))
		now := synth(2, 700, kind)
		weighted := weighted(now, 3, func(r *rand.Rand) float64 { return max(0, r.Float64()-0.2) })
		for name, now := range map[string]Data{"": now, " weighted": weighted} {
			for _, keep := range []float64{0, 0.9} {
				o := options(kind, func(o *Options) {
					o.LearningRate, o.L2 = 0.3, 2
					o.Before = &Before{Base: before.Base, Trees: before.Trees}
				})
				m, err := Refit(Env{Parallel: workers(2, 1)}, now, o, keep)
				if err != nil {
					t.Fatal(err)
				}
				again, err := Refit(Env{Parallel: workers(7, 2)}, now, o, keep)
				if err != nil || string(encode(t, m)) != string(encode(t, again)) {
					t.Errorf("%s%s: other workers give another model (%v)", kind, name, err)
				}
				want := slowRefit(before, now, 0.3, 2, keep)
				for i := range want {
					for l := range want[i].Leaf {
						if x, y := m.Trees[i].Leaf[l], want[i].Leaf[l]; math.Abs(x-y) > 1e-6*max(1, math.Abs(y)) {
							t.Fatalf("%s%s, keep %v: leaf %d of tree %d is %v, want %v", kind, name, keep, l, i, x, y)
						}
					}
				}
			}
		}
		// A refit on the rows of the fit that keeps nothing finds the leaves that there are, but for the penalty on ordered categories.
		d.Features = d.Features[:6]
		before = fit(t, d, nil, options(kind, func(o *Options) { o.Trees = 10 }))
		o := options(kind, func(o *Options) { o.Before = &Before{Base: before.Base, Trees: before.Trees} })
		m, err := Refit(Env{}, d, o, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Trees {
			for l, x := range m.Trees[i].Leaf {
				if y := before.Trees[i].Leaf[l]; math.Abs(x-y) > 1e-3*max(1, math.Abs(y)) {
					t.Fatalf("%s: leaf %d of tree %d is %v, it was %v", kind, l, i, x, y)
				}
			}
		}
	}
}

// Rows that the model is too sure of have no hessian to divide by: a leaf of such rows stays.
func TestRefitOfNoHessian(t *testing.T) {
	d := Data{N: 4, Features: []Feature{{Name: "x", Values: []float64{1, 1, 2, 2}}}, Label: []float64{0, 0, 0, 1}}
	tree := Tree{Feature: []int32{0}, Threshold: []float64{1.5}, Left: []int32{-1}, Right: []int32{-2}, MissingLeft: []bool{true}, Cat: []int32{-1},
		Gain: []float64{0}, Leaf: []float64{1, -99}, Cover: []int64{2, 2}}
	o := options(Binary, func(o *Options) {
		o.L2, o.MinHessian = 0, 0
		o.Before = &Before{Base: []float64{100}, Trees: []Tree{tree}}
	})
	m, err := Refit(Env{}, d, o, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Trees[0].Leaf, tree.Leaf) { // each is of what the base says, which is sure of all rows
		t.Errorf("leaves %v, want %v", m.Trees[0].Leaf, tree.Leaf)
	}
}

// Rankings go on and are refitted as others are.
func TestContinueRanking(t *testing.T) {
	d := queries(1, 3000, 60)
	o := options(LambdaRank, func(o *Options) { o.Trees, o.MinRows = 12, 5 })
	whole := fit(t, d, nil, o)
	o.Trees = 7
	half := fit(t, d, nil, o)
	o.Trees = 5
	o.Before = &Before{Base: half.Base, Trees: half.Trees, Train: scoresOf(half, d)}
	m := fit(t, d, nil, o)
	for i, tree := range m.Trees {
		if want := whole.Trees[i]; i >= 7 && (!slices.Equal(tree.Leaf, want.Leaf) || !slices.Equal(tree.Feature, want.Feature)) {
			t.Fatalf("tree %d is another", i)
		}
	}
	turned := queries(2, 3000, 60)
	for i, y := range turned.Label {
		turned.Label[i] = 4 - y
	}
	o.Before = &Before{Base: whole.Base, Trees: whole.Trees}
	refitted, err := Refit(Env{}, turned, o, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	if was, is := measureOf(t, whole, turned, NDCG), measureOf(t, refitted, turned, NDCG); !(is > was+0.1) {
		t.Errorf("ndcg was %v, and is %v", was, is)
	}
}

// Objectives whose leaves are no steps of Newton's, and many classes: a refit lowers the loss on rows of another kind.
func TestRefitLowersTheLoss(t *testing.T) {
	for _, kind := range []Objective{Multiclass, AbsoluteError, Quantile, Huber, Poisson, Gamma, Tweedie} {
		d, now := synth(1, 2000, kind), synth(2, 2000, kind)
		for i, y := range now.Label { // the same shape, elsewhere
			if kind == Multiclass {
				now.Label[i] = math.Mod(y+1, 4)
			} else {
				now.Label[i] = 2*y + 0.5
			}
		}
		before := fit(t, d, nil, options(kind, func(o *Options) { o.Trees = 20 }))
		o := options(kind, func(o *Options) { o.LearningRate, o.Before = 0.3, &Before{Base: before.Base, Trees: before.Trees} })
		m, err := Refit(Env{}, now, o, 0.2)
		if err != nil {
			t.Fatal(err)
		}
		if was, is := measureOf(t, before, now, o.metric()), measureOf(t, m, now, o.metric()); !(is < 0.95*was) {
			t.Errorf("%s: the loss was %v, and is %v", kind, was, is)
		}
	}
}

// What a model cannot go on from is said before a row is read, each with its reason.
func TestContinueMisfits(t *testing.T) {
	in, b, task := narrow(1, 500, operators.Binary)
	before := opFit(t, "{trees: 5}", operators.TestEnv(), in, b, task).Program
	none := func(string) (*operators.Published, error) { return nil, nil }
	with := func(change func(*operators.Schema)) operators.Schema {
		s := operators.Schema{Fields: slices.Clone(in.Fields)}
		change(&s)
		return s
	}
	number := task
	number.Kind, number.Label, number.Positive = operators.Regression, "x", ""
	negative := task
	negative.Positive = "no"
	for _, c := range []struct {
		name, options string
		in            operators.Schema
		task          operators.Task
		published     func(string) (*operators.Published, error)
		code          diag.Code
		want          string
	}{
		{"task", "", in, number, registry(before, task), diag.ContinueBad, `binary of "y" being "yes", this one is regression of "x"`},
		{"positive", "", in, negative, registry(before, task), diag.ContinueBad, `being "yes", this one is binary of "y" being "no"`},
		{"gone", "", with(func(s *operators.Schema) { s.Fields = slices.Delete(s.Fields, 0, 1) }), task, registry(before, task), diag.ContinueBad,
			`its trees ask for what does not reach this step: "x"`},
		{"type", "", with(func(s *operators.Schema) { s.Fields[0].Type = batch.T(batch.Int64) }), task, registry(before, task), diag.ContinueBad,
			`feature "x" was float64, and is int64 now`},
		{"text", "", with(func(s *operators.Schema) { s.Fields[0].Type = batch.T(batch.String) }), task, registry(before, task), diag.ContinueBad,
			`feature "x" was float64, and is string now`},
		{"wide", "", with(func(s *operators.Schema) {
			s.Fields = append(s.Fields, operators.Field{Name: "v", Type: batch.T(batch.Vector)})
		}), task, none, diag.OptionConflict, `feature "v" is a wide column`},
		{"monotone", ", monotone: {x: decreasing}", in, task, registry(before, task), diag.ContinueBad, `its trees are not monotone in "x"`},
		{"interactions", ", interactions: [[x]]", in, task, registry(before, task), diag.ContinueBad, "on a way through its trees"},
		{"refit monotone", ", monotone: {x: increasing}; refit: 0.5", in, task, none, diag.OptionConflict, "refit moves each leaf by itself"},
		{"refit trees", "; refit: 0.5, trees: 3", in, task, none, diag.OptionConflict, "refit grows no trees"},
		{"first run", "; first_run: fail", in, task, none, diag.ContinueBad, "nothing is published as models://m yet, and first_run is fail"},
		{"registry", "", in, task, func(string) (*operators.Published, error) { return nil, errors.New("there is no model m") }, diag.ContinueBad, "there is no model m"},
		{"fits", "", in, task, registry(before, task), "", ""},
		{"more", "", with(func(s *operators.Schema) {
			s.Fields = append(s.Fields, operators.Field{Name: "fresh", Type: batch.T(batch.Float64), Nullable: true})
		}), task, registry(before, task), "", ""},
	} {
		more, inside, _ := strings.Cut(c.options, ";")
		if inside != "" {
			inside = "," + inside
		}
		o := &Operator{}
		modeltest.Options(t, "{continue: {model: models://m"+inside+"}"+more+"}", o)
		s := modeltest.Site(c.in, c.task)
		s.Published = c.published
		_, l := o.Check(s)
		i := slices.IndexFunc(l, func(d diag.Diagnostic) bool { return d.Code == c.code && strings.Contains(d.Message, c.want) })
		if c.code == "" && l.Failed() || c.code != "" && i < 0 {
			t.Errorf("%s: want %s %q, got %v", c.name, c.code, c.want, l)
		}
		if i >= 0 && (c.code == "" || l[i].At.Path == nil || l[i].At.Path[0] != "continue") {
			t.Errorf("%s: it stands at %v", c.name, l[i].At)
		}
	}
}

// The scale of raw scores is known, and which loss of that scale it was is not: going on with another is allowed.
func TestContinueScale(t *testing.T) {
	in, b, task := narrow(1, 500, operators.Regression)
	y := &b.Cols[in.Index("y")]
	for i, v := range y.Float64s() {
		y.Float64s()[i] = math.Abs(v) + 0.1
	}
	amounts := opFit(t, "{objective: gamma, trees: 5}", operators.TestEnv(), in, b, task).Program
	for objective, want := range map[string]string{"squared_error": "its raw scores are logarithms of what is predicted, those of the objective squared_error are what is predicted itself",
		"poisson": "", "gamma": ""} {
		o := &Operator{}
		modeltest.Options(t, "{continue: {model: models://m}, objective: "+objective+"}", o)
		s := modeltest.Site(in, task)
		s.Published = registry(amounts, task)
		if _, l := o.Check(s); l.Failed() != (want != "") || want != "" && !strings.Contains(l.Err().Error(), want) {
			t.Errorf("%s: %v", objective, l)
		}
	}
}

// Where rounds would be more than trees_max, and where nothing is published yet, the fit begins anew, with as many trees as such a fit has,
// and says why.
func TestContinueBeginsAnew(t *testing.T) {
	in, b, task := narrow(1, 500, operators.Binary)
	before := opFit(t, "{trees: 5}", operators.TestEnv(), in, b, task)
	for _, c := range []struct {
		more, why string
		published func(string) (*operators.Published, error)
	}{
		{", trees: 2, trees_max: 6", "begins anew: m version 3 has 5 rounds, 2 more are above trees_max 6", registry(before.Program, task)},
		{"", "begins anew: nothing is published as models://m yet", func(string) (*operators.Published, error) { return nil, nil }},
		{", refit: 0.5", "begins anew: nothing is published as models://m yet", func(string) (*operators.Published, error) { return nil, nil }},
		{"", "begins anew: there is no registry here", nil},
	} {
		o := &Operator{}
		modeltest.Options(t, "{trees: 5, continue: {model: models://m"+c.more+"}}", o)
		s := modeltest.Site(in, task)
		s.Published = c.published
		out, l := o.Check(s)
		if l.Failed() || out.Model.Before != nil {
			t.Fatal(l.Err(), out.Model.Before)
		}
		r := out.Reads
		f, err := o.Fit(s, operators.TestEnv(), modeltest.Pick(in, b, r.Parts&batch.TrainRows, r.Cols), operators.Table{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Notes.Start != c.why || string(f.Program.Marshal()) != string(before.Program.Marshal()) {
			t.Errorf("%q, want %q", f.Notes.Start, c.why)
		}
	}
}

// A class that the model does not know is an error of the data; one that no row has any more stays.
func TestContinueClasses(t *testing.T) {
	in, b, task := narrow(1, 600, operators.Multiclass)
	before := opFit(t, "{trees: 4}", operators.TestEnv(), in, b, task).Program
	j := in.Index("y")
	words := make([]string, b.N)
	relabel := func(from, to string) batch.Batch {
		for i := range words {
			if words[i] = b.Cols[j].Str(i); words[i] == from {
				words[i] = to
			}
		}
		rows := b
		rows.Cols = slices.Clone(b.Cols)
		rows.Cols[j] = batch.OfStrings(slices.Clone(words))
		return rows
	}
	const options = "{continue: {model: models://m, trees: 3}}"
	f, err := goOnFrom(t, before, options, operators.TestEnv(), in, relabel("middle", "low"), task)
	if err != nil {
		t.Fatal(err)
	}
	if p := modeltest.Score(t, f.Program, in, b)[0]; !slices.Equal(p.Members, []string{"p_high", "p_low", "p_middle"}) {
		t.Errorf("classes %v", p.Members)
	}
	_, err = goOnFrom(t, before, options, operators.TestEnv(), in, relabel("middle", "odd"), task)
	var data *operators.ErrData
	if !errors.As(err, &data) || !strings.Contains(err.Error(), `m version 3 (0123456789ab) does not know a class of the label "y": odd`) {
		t.Errorf("a class that is new: %v", err)
	}
}

// night is the rows of one night, a null where a value is missing.
func night(rows [][]*float64, labels []float64) Data {
	d := Data{N: len(rows), Label: labels}
	for j := range rows[0] {
		v := make([]float64, len(rows))
		for i, row := range rows {
			if v[i] = math.NaN(); row[j] != nil {
				v[i] = *row[j]
			}
		}
		d.Features = append(d.Features, Feature{Name: fmt.Sprint("x", j), Values: v})
	}
	return d
}

// XGBoost going on from its own model on other rows, and refreshing its leaves there, comes to the scores that we come to from that model.
func TestContinueOfXGBoost(t *testing.T) {
	data, err := os.ReadFile("../../../testing/peers/continue.json")
	if err != nil {
		t.Fatal(err)
	}
	var peer struct {
		Eta, Lambda float64
		Depth       int
		Cases       []struct {
			Name                     string
			Base                     float64
			Rows                     [2][][]*float64
			Labels                   [2][]float64
			Before, After, Refreshed []float64
			Trees                    []struct {
				Feature, Left, Right, Missing []int32
				Threshold, Value              []float64
			}
		}
	}
	if err := json.Unmarshal(data, &peer); err != nil {
		t.Fatal(err)
	}
	for _, c := range peer.Cases {
		kind := Regression
		if c.Name == "binary" {
			kind = Binary
		}
		second := night(c.Rows[1], c.Labels[1])
		before := &Model{Objective: kind, Base: []float64{c.Base}, Features: metaOf(&second)}
		for _, x := range c.Trees {
			var tree Tree
			at := make([]int32, len(x.Feature))
			for i, f := range x.Feature {
				if f < 0 {
					at[i] = ^int32(len(tree.Leaf))
					tree.Leaf, tree.Cover = append(tree.Leaf, x.Value[i]), append(tree.Cover, 1)
					continue
				}
				at[i] = int32(len(tree.Feature))
				tree.Feature = append(tree.Feature, f)
				// its rows go left below a threshold, ours at it too
				tree.Threshold, tree.Cat = append(tree.Threshold, math.Nextafter(x.Threshold[i], math.Inf(-1))), append(tree.Cat, -1)
				tree.Left, tree.Right, tree.MissingLeft = append(tree.Left, x.Left[i]), append(tree.Right, x.Right[i]), append(tree.MissingLeft, x.Missing[i] == x.Left[i])
			}
			for i := range tree.Left {
				tree.Left[i], tree.Right[i] = at[tree.Left[i]], at[tree.Right[i]]
			}
			before.Trees = append(before.Trees, tree)
		}
		o := options(kind, func(o *Options) {
			o.Trees, o.Growth, o.MaxDepth, o.Leaves, o.MinRows = 4, DepthWise, peer.Depth, 1<<peer.Depth, 1
			o.LearningRate, o.L2 = peer.Eta, peer.Lambda
			o.Before = &Before{Base: before.Base, Trees: before.Trees, Train: scoresOf(before, second)}
		})
		refitted, err := Refit(Env{}, second, o, 0)
		if err != nil {
			t.Fatal(err)
		}
		for name, x := range map[string]struct {
			m    *Model
			want []float64
		}{"before": {before, c.Before}, "refreshed": {refitted, c.Refreshed}, "after": {fit(t, second, nil, o), c.After}} {
			moved := 0.0
			for i, got := range predict(x.m, second) {
				moved = max(moved, math.Abs(x.want[i]-c.Before[i]))
				if math.Abs(got-x.want[i]) > 1e-3 {
					t.Fatalf("%s, %s: row %d is %v, XGBoost says %v", c.Name, name, i, got, x.want[i])
				}
			}
			if name != "before" && moved < 0.3 {
				t.Errorf("%s, %s: nothing has moved: nothing is shown", c.Name, name)
			}
		}
	}
}
