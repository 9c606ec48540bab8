package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// linearStep is a model step of given weights: its program, and the site of what stands behind it.
func linearStep(kind operators.TaskKind, names []string, w []float64) (program.Graph, operators.Site) {
	f64 := batch.T(batch.Float64)
	var fields []operators.Field
	for _, n := range names {
		fields = append(fields, operators.Field{Name: n, Type: f64})
	}
	s := operators.Site{Task: operators.Task{Kind: kind, Label: "y"}, Seed: 5, Model: &operators.Model{Kind: kind, Features: names}}
	label := operators.Field{Name: "y", Type: f64}
	s.In = []operators.Schema{operators.Of(append(slices.Clone(fields), label)...)}
	for _, f := range model.Scores(kind, label) {
		s.Model.Scores = append(s.Model.Scores, f.Name)
		s.In[0].Fields = append(s.In[0].Fields, f)
	}
	// a feature without a weight is not read
	var read []operators.Field
	var weights []float64
	for j, f := range fields {
		if w[j] != 0 {
			read, weights = append(read, f), append(weights, w[j])
		}
	}
	if kind == operators.Binary {
		return model.Decide(model.Linear(read, nil, weights, 0, program.Sigmoid, model.P), 0.5), s
	}
	return model.Linear(read, nil, weights, 0, program.NoLink, s.Model.Scores[0]), s
}

func tableOf(cols ...[]float64) operators.Table {
	t := operators.Table{N: len(cols[0])}
	for _, c := range cols {
		t.Cols = append(t.Cols, batch.OfFloat64s(c))
	}
	return t
}

func influenceOf(t *testing.T, m operators.ModelResult, name string) operators.Influence {
	t.Helper()
	i := slices.IndexFunc(m.Influence, func(f operators.Influence) bool { return f.Feature == name })
	if i < 0 {
		t.Fatalf("nothing of %q", name)
	}
	return m.Influence[i]
}

// scikit-learn shuffles otherwise: its means and deviations over 2,000 repeats are ours over 400 as near as chance lets them be.
func TestImportanceOfScikitLearn(t *testing.T) {
	data, err := os.ReadFile("../../testing/peers/importance.json")
	if err != nil {
		t.Fatal(err)
	}
	type found struct{ Mean, Std []float64 }
	var peer struct {
		Weights  []float64
		X        [][]float64
		Y        []float64
		Repeats  int
		RMSE, R2 found
	}
	if err := json.Unmarshal(data, &peer); err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "c", "d"}
	cols := make([][]float64, len(names)+1)
	for i, row := range peer.X {
		for j, v := range row {
			cols[j] = append(cols[j], v)
		}
		cols[len(names)] = append(cols[len(names)], peer.Y[i])
	}
	g, s := linearStep(operators.Regression, names, peer.Weights)
	for metric, want := range map[string]found{"rmse": peer.RMSE, "r2": peer.R2} {
		const repeats = 400
		op := &Importance{Part: "test", Metric: metric, Repeats: repeats}
		res, err := op.Measure(s, operators.TestEnv(), g, tableOf(cols...))
		if err != nil {
			t.Fatal(err)
		}
		for j, name := range names {
			f := influenceOf(t, res.Models[0], name)
			near := 5 * want.Std[j] * math.Sqrt(1/float64(repeats)+1/float64(peer.Repeats))
			if math.Abs(f.Drop-want.Mean[j]) > near || math.Abs(f.Spread-want.Std[j]) > 0.12*want.Std[j] {
				t.Errorf("%s, %s: %v +- %v, scikit-learn says %v +- %v", metric, name, f.Drop, f.Spread, want.Mean[j], want.Std[j])
			}
			if !math.IsNaN(f.Shap) {
				t.Errorf("%s: a linear model is explained: %v", name, f.Shap)
			}
		}
	}
}

// What is measured of every metric of a binary task: the label hangs on a, less on b, not on noise; the model does not read unused.
func TestImportanceOfMetrics(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	const n = 6000
	a, b, noise, y := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		a[i], b[i], noise[i] = r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		if 2*a[i]+b[i]+r.NormFloat64() > 0 {
			y[i] = 1
		}
	}
	names := []string{"noise", "b", "unused", "a"}
	g, s := linearStep(operators.Binary, names, []float64{1e-3, 1, 0, 2})
	rows := tableOf(noise, b, noise, a, y)
	for _, metric := range []string{"", "average_precision", "log_loss", "brier", "accuracy", "f1"} {
		op := &Importance{Part: "test", Metric: metric, Repeats: 4, Rows: 5000}
		res, err := op.Measure(s, operators.TestEnv(), g, rows)
		if err != nil {
			t.Fatal(err)
		}
		m := res.Models[0]
		if want := []string{op.metric(operators.Binary)}; m.Rows != 5000 || len(m.Metrics) != 1 || m.Metrics[0].Name != want[0] {
			t.Errorf("%d rows, metrics %v", m.Rows, m.Metrics)
		}
		if m.Influence[0].Feature != "a" || m.Influence[1].Feature != "b" || m.Influence[1].Drop < 0.02 || m.Influence[0].Drop < 2*m.Influence[1].Drop {
			t.Errorf("%s: %+v", metric, m.Influence)
		}
		if f := influenceOf(t, m, "noise"); math.Abs(f.Drop) > 1e-3 || f.Spread > 1e-3 {
			t.Errorf("%s: noise makes it worse by %v +- %v", metric, f.Drop, f.Spread)
		}
		if f := influenceOf(t, m, "unused"); f.Drop != 0 || f.Spread != 0 {
			t.Errorf("%s: what is not read makes it worse by %v +- %v", metric, f.Drop, f.Spread)
		}
	}
	// another seed shuffles otherwise, and finds about the same
	one, err := (&Importance{Repeats: 4}).Measure(s, operators.TestEnv(), g, rows)
	two, otherErr := (&Importance{Repeats: 4, Seed: 1}).Measure(s, operators.TestEnv(), g, rows)
	if err := errors.Join(err, otherErr); err != nil {
		t.Fatal(err)
	}
	if x, y := one.Models[0].Influence[0], two.Models[0].Influence[0]; x.Drop == y.Drop || math.Abs(x.Drop-y.Drop) > 0.02 {
		t.Errorf("%+v and %+v", x, y)
	}
}

// A feature and its double: shuffling one leaves the other, so that each has less than both would have, where a model leans on the two.
func TestImportanceOfDouble(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	const n = 4000
	a, y := make([]float64, n), make([]float64, n)
	for i := range n {
		a[i] = r.NormFloat64()
		y[i] = 2*a[i] + 0.1*r.NormFloat64()
	}
	drop := func(w ...float64) float64 {
		names, cols := []string{"a", "double"}[:len(w)], [][]float64{a, a}[:len(w)]
		g, s := linearStep(operators.Regression, names, w)
		res, err := (&Importance{Repeats: 3}).Measure(s, operators.TestEnv(), g, tableOf(append(slices.Clone(cols), y)...))
		if err != nil {
			t.Fatal(err)
		}
		return influenceOf(t, res.Models[0], "a").Drop
	}
	// rmse of w*(a - another a) is w*sqrt(2)
	if one, half := drop(2), drop(1, 1); math.Abs(one-(2*math.Sqrt2-0.1)) > 0.1 || math.Abs(half-(math.Sqrt2-0.1)) > 0.1 {
		t.Errorf("alone %v, beside its double %v", one, half)
	}
}

// Contributions of trees are summed by column: a wide column is one feature.
func TestImportanceOfTrees(t *testing.T) {
	f64, vector := batch.T(batch.Float64), batch.T(batch.Vector)
	k := &program.Trees{Levels: make([]int32, 3), Names: []string{"a", "m0", "m1"}, Trees: []program.Tree{stump(0, 1), stump(1, 3), stump(2, 2)}}
	g, names := program.TakeApart("w", 2, "@m")
	at := map[string]int{"a": g.Input("a", f64)}
	for i, n := range names {
		at[n] = g.Out[i].Slot
	}
	g.Out = nil
	trees := program.One(k, []program.Named{{Name: "a", Type: f64}, {Name: names[0], Type: f64}, {Name: names[1], Type: f64}}, []program.Named{{Name: "pred", Type: f64}})
	g.Output("pred", g.Add(trees, at)["pred"])
	wide := (*batch.Ctx)(nil).NewVector(700, []string{"m0", "m1"})
	a, y := make([]float64, 700), make([]float64, 700)
	for i := range a {
		a[i], y[i], wide.Member(0)[i], wide.Member(1)[i] = 1, float64(i%2), 1, -1
	}
	s := operators.Site{Task: operators.Task{Kind: operators.Regression, Label: "y"}, Model: &operators.Model{Features: []string{"w", "a"}, Scores: []string{"pred"}},
		In: []operators.Schema{operators.Of(operators.Field{Name: "w", Type: vector}, operators.Field{Name: "a", Type: f64}, operators.Field{Name: "y", Type: f64})}}
	rows := operators.Table{N: 700, Cols: []batch.Column{wide, batch.OfFloat64s(a), batch.OfFloat64s(y)}}
	res, err := (&Importance{Repeats: 1}).Measure(s, operators.TestEnv(), g, rows)
	if err != nil {
		t.Fatal(err)
	}
	// m0 adds 3 and m1 takes 2 in every row: the column adds 1
	for name, want := range map[string]float64{"w": 1, "a": 1} {
		if f := influenceOf(t, res.Models[0], name); math.Abs(f.Shap-want) > 1e-12 || f.Drop != 0 {
			t.Errorf("%+v, want %v", f, want)
		}
	}
}

// treeStep is a model step of trees over columns of numbers.
func treeStep(names []string, trees ...program.Tree) (program.Graph, operators.Site) {
	s := operators.Site{Task: operators.Task{Kind: operators.Regression, Label: "y"}, Model: &operators.Model{Features: names, Scores: []string{"pred"}}}
	var in []program.Named
	var fields []operators.Field
	for _, n := range names {
		in = append(in, program.Named{Name: n, Type: batch.T(batch.Float64)})
		fields = append(fields, operators.Field{Name: n, Type: batch.T(batch.Float64)})
	}
	s.In = []operators.Schema{operators.Of(fields...)}
	k := &program.Trees{Levels: make([]int32, len(names)), Names: names, Trees: trees}
	return program.One(k, in, []program.Named{{Name: "pred", Type: batch.T(batch.Float64)}}), s
}

// stump adds by where feature f is above 0, and takes as much away elsewhere.
func stump(f int32, by float64) program.Tree {
	return program.Tree{Feature: []int32{f}, Threshold: []float64{0}, Left: []int32{^0}, Right: []int32{^1}, MissingLeft: []bool{false}, Cat: []int32{-1},
		Leaf: []float64{-by, by}, Cover: []int64{1, 1}}
}

// What explains rows is asked for as what scores them: a run that has less is told, before either is done.
func TestImportanceAsksForMemory(t *testing.T) {
	const n = 600
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(i%3) - 1
	}
	g, s := treeStep([]string{"a"}, stump(0, 1))
	asked := func(of program.Graph) (sum int64) {
		env := operators.TestEnv()
		env.Grant = func(bytes int64) error { sum += bytes; return nil }
		if _, err := (&Importance{Repeats: 1}).Measure(s, env, of, tableOf(v, v)); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	plain := *g.Nodes[0].Kind.(*program.Trees)
	plain.Names, plain.Trees = nil, slices.Clone(plain.Trees)
	plain.Trees[0].Cover = nil // it cannot be explained
	f64 := batch.T(batch.Float64)
	scores := asked(program.One(&plain, []program.Named{{Name: "a", Type: f64}}, []program.Named{{Name: "pred", Type: f64}}))
	if all := asked(g); scores < importanceRow*n || all < scores+4*n+8*3*38 {
		t.Errorf("%d bytes to score and %d to explain too", scores, all)
	}
	env, denied, worked := operators.TestEnv(), errors.New("no memory"), false
	env.Parallel = func(n int, f func(int)) { worked = true }
	env.Grant = func(bytes int64) error { return denied }
	if _, err := (&Importance{Repeats: 1}).Measure(s, env, g, tableOf(v, v)); !errors.Is(err, denied) || worked {
		t.Errorf("error %v, work done: %v", err, worked)
	}
}

// Contributions are of rows from everywhere, each by its weight, and only what the model looks at is shuffled.
func TestImportanceDrawsRows(t *testing.T) {
	const n = 12000
	late, always, none, y, w := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		if late[i] = -1; i >= n/2 {
			late[i] = float64(i%2*2 - 1)
		}
		always[i], y[i], w[i] = float64(i%3), late[i], 1
	}
	// what late adds is of its size 2 in the first half, and 4 or 0 in the second
	k := program.Tree{Feature: []int32{0}, Threshold: []float64{0}, Left: []int32{^0}, Right: []int32{^1}, MissingLeft: []bool{false}, Cat: []int32{-1},
		Leaf: []float64{0, 4}, Cover: []int64{3, 1}}
	g, s := treeStep([]string{"late", "none", "always"}, k, stump(2, 3))
	env, tasks := operators.TestEnv(), 0
	parallel := env.Parallel
	env.Parallel = func(n int, f func(int)) { tasks += n; parallel(n, f) }
	of := func(rows operators.Table) (late, none operators.Influence) {
		t.Helper()
		res, err := (&Importance{Repeats: 2}).Measure(s, env, g, rows)
		if err != nil {
			t.Fatal(err)
		}
		return influenceOf(t, res.Models[0], "late"), influenceOf(t, res.Models[0], "none")
	}
	// 1 in the first half and of the second's smaller values, 3 of its greater ones
	f, unread := of(tableOf(late, none, always, y))
	if math.Abs(f.Shap-1.5) > 0.05 {
		t.Errorf("%+v: not of rows from everywhere", f)
	}
	if unread.Drop != 0 || unread.Spread != 0 || unread.Shap != 0 || tasks != 1+2*2+(shapRows+shapChunk-1)/shapChunk {
		t.Errorf("%+v in %d tasks", unread, tasks)
	}
	for i := range n / 2 {
		w[i] = 0
	}
	s.Task.Weight = "w"
	if f, _ = of(tableOf(late, none, always, y, w)); math.Abs(f.Shap-2) > 0.05 {
		t.Errorf("%+v: rows of no weight have a say", f)
	}
}

// A wide column's member may have the name of a column, or of another's member: what it adds is its own column's.
func TestImportanceOfEqualNames(t *testing.T) {
	f64, vector := batch.T(batch.Float64), batch.T(batch.Vector)
	k := &program.Trees{Levels: make([]int32, 4), Names: []string{"b_c", "b_c", "d", "b_c"}, Trees: []program.Tree{stump(0, 1), stump(1, 2), stump(2, 4), stump(3, 8)}}
	g, at := program.Graph{}, map[string]int{}
	in := []program.Named{{Name: "b_c", Type: f64}}
	at["b_c"] = g.Input("b_c", f64)
	for _, wide := range []struct {
		name    string
		members int
	}{{"a", 2}, {"a_b", 1}} {
		apart, names := program.TakeApart(wide.name, wide.members, "@"+wide.name)
		slots := g.Add(apart, at)
		for _, n := range names {
			at[n] = slots[n]
			in = append(in, program.Named{Name: n, Type: f64})
		}
	}
	g.Output("pred", g.Add(program.One(k, in, []program.Named{{Name: "pred", Type: f64}}), at)["pred"])
	const n = 40
	ones, y := make([]float64, n), make([]float64, n)
	two, one := (*batch.Ctx)(nil).NewVector(n, []string{"b_c", "d"}), (*batch.Ctx)(nil).NewVector(n, []string{"b_c"})
	for i := range n {
		ones[i], y[i], two.Member(0)[i], two.Member(1)[i], one.Member(0)[i] = 1, float64(i%2), 1, 1, 1
	}
	s := operators.Site{Task: operators.Task{Kind: operators.Regression, Label: "y"}, Model: &operators.Model{Features: []string{"a_b", "a", "b_c"}, Scores: []string{"pred"}},
		In: []operators.Schema{operators.Of(operators.Field{Name: "a_b", Type: vector}, operators.Field{Name: "a", Type: vector}, operators.Field{Name: "b_c", Type: f64}, operators.Field{Name: "y", Type: f64})}}
	res, err := (&Importance{Repeats: 1}).Measure(s, operators.TestEnv(), g, operators.Table{N: n, Cols: []batch.Column{one, two, batch.OfFloat64s(ones), batch.OfFloat64s(y)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"b_c": 1, "a": 6, "a_b": 8} {
		if f := influenceOf(t, res.Models[0], name); math.Abs(f.Shap-want) > 1e-12 {
			t.Errorf("%s adds %v, want %v", name, f.Shap, want)
		}
	}
}

// A model that aims at counts is measured by their deviance where that is asked for, and else whether it is defined or not.
func TestImportanceOfAim(t *testing.T) {
	g, s := linearStep(operators.Regression, []string{"a", "b"}, []float64{1, 0.01})
	s.Model.Aim.Power = 1
	a, b, y := make([]float64, 300), make([]float64, 300), make([]float64, 300)
	for i := range a {
		a[i], b[i] = 1+float64(i%7), float64(i%3)
		y[i] = a[i]
	}
	op := &Importance{Part: "test", Metric: "mean_poisson_deviance", Repeats: 2}
	if _, l := op.Check(s); l != nil {
		t.Fatal(l)
	}
	res, err := op.Measure(s, operators.TestEnv(), g, tableOf(a, b, y))
	if err != nil {
		t.Fatal(err)
	}
	if m := res.Models[0]; m.Metrics[0].Name != op.Metric || m.Influence[0].Feature != "a" || m.Influence[0].Drop < 0.5 {
		t.Errorf("%+v", m)
	}
	y[3] = -1
	if _, err := (&Importance{Repeats: 1}).Measure(s, operators.TestEnv(), g, tableOf(a, b, y)); err != nil {
		t.Errorf("rmse of labels below 0: %v", err)
	}
	var data *operators.ErrData
	if _, err := op.Measure(s, operators.TestEnv(), g, tableOf(a, b, y)); !errors.As(err, &data) {
		t.Errorf("a deviance of labels below 0: %v", err)
	}
	s.Model.Aim = operators.Aim{}
	if _, l := op.Check(s); len(l) != 1 || !strings.Contains(l[0].Message, "no metric of a regression task") {
		t.Errorf("a deviance that the model does not aim at: %v", l)
	}
}

// What finds anomalies is measured where a label says what they are.
func TestImportanceOfAnomalies(t *testing.T) {
	f64 := batch.T(batch.Float64)
	s := operators.Site{Task: operators.Task{Kind: operators.Anomaly, Label: "y"}, Seed: 5,
		Model: &operators.Model{Kind: operators.Anomaly, Features: []string{"a", "b"}, Scores: []string{model.Score, model.Pred}},
		In:    []operators.Schema{operators.Of(operators.Field{Name: "a", Type: f64}, operators.Field{Name: "b", Type: f64}, operators.Field{Name: "y", Type: f64})}}
	g := model.Linear(s.In[0].Fields[:2], nil, []float64{1, 0.001}, 0, program.NoLink, model.Score)
	decide := program.One(&program.Threshold{At: 5}, []program.Named{{Name: model.Score, Type: f64}}, []program.Named{{Name: model.Pred, Type: batch.T(batch.Bool)}})
	g.Output(model.Pred, g.Add(decide, map[string]int{model.Score: g.Out[0].Slot})[model.Pred])
	r := rand.New(rand.NewPCG(3, 4))
	a, b, y := make([]float64, 500), make([]float64, 500), make([]float64, 500)
	for i := range a {
		if a[i], b[i] = r.NormFloat64(), r.NormFloat64(); i%10 == 0 {
			a[i], y[i] = 4+a[i], 1
		}
	}
	for _, metric := range []string{"", "precision_at_k", "average_precision"} {
		op := &Importance{Part: "test", Metric: metric, Repeats: 3}
		if _, l := op.Check(s); l != nil {
			t.Fatal(l)
		}
		res, err := op.Measure(s, operators.TestEnv(), g, tableOf(a, b, y))
		if err != nil {
			t.Fatal(err)
		}
		if m := res.Models[0]; m.Metrics[0].Name != op.metric(operators.Anomaly) || m.Influence[0].Feature != "a" || m.Influence[0].Drop < 0.3 {
			t.Errorf("%+v", m)
		}
	}
	s.Task.Label = ""
	if _, l := (&Importance{}).Check(s); len(l) != 1 || !strings.Contains(l[0].Message, "measures by a label") {
		t.Errorf("without a label: %v", l)
	}
}

func TestImportanceRefuses(t *testing.T) {
	g, s := linearStep(operators.Binary, []string{"a"}, []float64{1})
	_, err := (&Importance{Repeats: 1}).Measure(s, operators.TestEnv(), g, tableOf([]float64{1, 2}, []float64{1, 1}))
	var data *operators.ErrData
	if !errors.As(err, &data) || !strings.Contains(err.Error(), "auc is not defined") {
		t.Errorf("one class: %v", err)
	}
	_, err = (&Importance{Repeats: 1}).Measure(s, operators.TestEnv(), g, tableOf([]float64{1, math.NaN()}, []float64{1, 0}))
	if !errors.As(err, &data) || !strings.Contains(err.Error(), "no score") {
		t.Errorf("a row without a score: %v", err)
	}
	for what, c := range map[string]struct {
		op   Importance
		site func(s *operators.Site)
		want string
	}{
		"good":           {Importance{Metric: "brier"}, func(*operators.Site) {}, ""},
		"another's":      {Importance{Metric: "rmse"}, func(*operators.Site) {}, "rmse is no metric of a binary task"},
		"no model":       {Importance{}, func(s *operators.Site) { s.Model = nil }, "its input is none"},
		"no task":        {Importance{}, func(s *operators.Site) { s.Task = operators.Task{} }, "there is no task block"},
		"a weight":       {Importance{}, func(s *operators.Site) { s.Task.Weight = "w" }, `the weight "w" does not reach`},
		"label not here": {Importance{}, func(s *operators.Site) { s.Task.Label = "z" }, `the label "z" does not reach`},
	} {
		site := s
		c.site(&site)
		_, l := c.op.Check(site)
		text := ""
		for _, d := range l {
			text += d.Error() + "\n"
		}
		if c.want == "" && l != nil || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", what, text, c.want)
		}
	}
}

// Whoever ends the run ends the measurement.
func TestImportanceStops(t *testing.T) {
	g, s := linearStep(operators.Regression, []string{"a"}, []float64{1})
	env := operators.TestEnv()
	ctx, stop := context.WithCancel(env.Context)
	env.Context = ctx
	stop()
	if _, err := (&Importance{Repeats: 1}).Measure(s, env, g, tableOf([]float64{1, 2}, []float64{1, 3})); !errors.Is(err, ctx.Err()) {
		t.Errorf("error %v", err)
	}
}
