package gbdt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/operators/program"
)

func TestExamples(t *testing.T) { modeltest.Examples(t, "train.gbdt") }

// opTable is rows with everything that the operator takes: numbers with nulls, NaN and infinities, bools, a category of few values with
// nulls, one of many, a wide column, and an id.
func opTable(seed uint64, n int, kind operators.TaskKind) (operators.Schema, batch.Batch, operators.Task) {
	r := rand.New(rand.NewPCG(seed, 11))
	x, u := make([]float64, n), make([]int32, n)
	flag, few, many, id := make([]bool, n), make([]string, n), make([]string, n), make([]string, n)
	null, null2 := make([]bool, n), make([]bool, n)
	w, y := make([]float64, n), make([]float64, n)
	v := (*batch.Ctx)(nil).NewVector(n, []string{"a", "b", "c"})
	b := batch.Batch{N: n, Part: make([]uint8, n)}
	for i := range n {
		x[i], u[i], flag[i] = r.NormFloat64(), int32(r.IntN(20)), r.IntN(3) == 0
		level := r.IntN(12)
		few[i], many[i], id[i] = fmt.Sprint("level ", level), "", fmt.Sprint(i)
		rare := int(math.Exp(7 * r.Float64()))
		many[i] = fmt.Sprint("rare ", rare)
		null[i], null2[i] = r.IntN(7) == 0, r.IntN(9) == 0
		for j := range 3 {
			v.Member(j)[i] = r.Float64()
		}
		w[i] = r.ExpFloat64()
		y[i] = 2*math.Sin(2*x[i]) + float64(u[i]%5)/3 + 4*v.Member(1)[i]
		if rare < 4 || rare%2 == 0 {
			y[i] += 2
		}
		if flag[i] {
			y[i]++
		}
		if !null2[i] {
			y[i] += float64(level*5%12) / 4
		}
		switch r.IntN(20) {
		case 0:
			x[i] = math.NaN()
		case 1:
			x[i] = math.Inf(1 - 2*r.IntN(2))
		}
		b.Part[i] = uint8(i % 10 / 8) // a fifth is valid
	}
	b.Cols = []batch.Column{batch.OfFloat64s(x), batch.OfInt32s(u).WithNulls(null), batch.OfBools(flag), batch.OfStrings(few).WithNulls(null2),
		batch.OfStrings(many), v, batch.OfStrings(id), batch.OfFloat64s(w)}
	in := operators.Schema{}
	for j, name := range []string{"x", "u", "flag", "few", "many", "v", "id", "w"} {
		in.Fields = append(in.Fields, operators.Field{Name: name, Type: b.Cols[j].Type, Nullable: b.Cols[j].Valid != nil})
	}
	task := operators.Task{Kind: kind, Label: "y", Weight: "w", IDs: []string{"id"}}
	in.Fields = append(in.Fields, operators.Field{Name: "y", Type: batch.T(batch.Float64)})
	switch kind {
	case operators.Binary:
		words := make([]string, n)
		for i := range y {
			words[i] = "no"
			if r.Float64() < 1/(1+math.Exp(4-y[i])) {
				words[i] = "yes"
			}
		}
		in.Fields[8].Type, task.Positive = batch.T(batch.String), "yes"
		b.Cols = append(b.Cols, batch.OfStrings(words))
	case operators.Multiclass:
		words := make([]string, n)
		for i := range y {
			words[i] = []string{"low", "middle", "high"}[int(min(max(y[i]/2-1, 0), 2))]
		}
		in.Fields[8].Type = batch.T(batch.String)
		b.Cols = append(b.Cols, batch.OfStrings(words))
	default:
		b.Cols = append(b.Cols, batch.OfFloat64s(y))
	}
	return in, b, task
}

func opFit(t *testing.T, options string, env operators.Env, in operators.Schema, b batch.Batch, task operators.Task) operators.Fitted {
	t.Helper()
	o := &Operator{}
	modeltest.Options(t, options, o)
	f, err := modeltest.Fit(t, o, env, in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The program predicts what the core's own Predict does, to the bit, on train rows and on others, by batch and row by row.
func TestProgramIsPredict(t *testing.T) {
	for _, kind := range []operators.TaskKind{operators.Binary, operators.Regression, operators.Multiclass} {
		in, b, task := opTable(1, 3000, kind)
		o := &Operator{}
		modeltest.Options(t, "{trees: 20, min_rows: 5}", o)
		s := modeltest.Site(in, task)
		out, _ := o.Check(s)
		all := modeltest.Pick(in, b, batch.TrainRows, out.Reads.Cols)
		f, err := o.Fit(s, operators.TestEnv(), all, operators.Table{})
		if err != nil {
			t.Fatal(err)
		}
		scored := modeltest.Score(t, f.Program, in, b)

		r := model.RolesOf(s)
		v := trees.NewVocabularies(r.Features, all, nil)
		train, classes, err := tableData(v, r, all, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		opt := o.options(s)
		opt.Classes = len(classes)
		o.ofTable(&opt, &train)
		m, err := Fit(Env{}, train, nil, opt)
		if err != nil {
			t.Fatal(err)
		}
		every, _, err := tableData(v, r, modeltest.Pick(in, b, batch.AllRows, out.Reads.Cols), classes, false)
		if err != nil {
			t.Fatal(err)
		}
		raw := predict(m, every)
		want, got := [][]float64{raw}, [][]float64{nil}
		switch kind {
		case operators.Binary:
			got[0] = scored[0].Float64s()
			fmath.SigmoidSlice(raw, raw)
		case operators.Multiclass: // by the softmax that the fit used
			n := every.N
			want = [][]float64{raw[:n], raw[n : 2*n], raw[2*n:]}
			got = [][]float64{scored[0].Member(0), scored[0].Member(1), scored[0].Member(2)}
			softmax(want, make([]float64, n), make([]float64, n), [][]float64{slices.Clone(want[0]), slices.Clone(want[1]), slices.Clone(want[2])})
		default:
			got[0] = scored[0].Float64s()
		}
		unseen := 0
		for i := range every.N {
			for k := range want {
				if math.Float64bits(got[k][i]) != math.Float64bits(want[k][i]) {
					t.Fatalf("%s: row %d: the program has %v, the core %v", kind, i, got[k][i], want[k][i])
				}
			}
			if every.Features[4].Codes[i] < 0 {
				unseen++
			}
		}
		if unseen == 0 || len(m.Features) != 8 || m.Best != 20 {
			t.Fatalf("%d unseen values, %d features, %d trees: the test tests little", unseen, len(m.Features), len(m.Trees))
		}
		// the many rare values are not stored
		if k := f.Program.Nodes[1].Kind.(*program.Lookup); k.Keys.N > 256 || k.Keys.N == 0 {
			t.Errorf("%d values stored", k.Keys.N)
		}
	}
}

func opAUC(y []bool, p []float64, rows []int) float64 {
	hits, all := 0.0, 0.0
	for _, i := range rows {
		for _, j := range rows {
			if y[i] && !y[j] {
				all++
				if p[i] > p[j] {
					hits++
				} else if p[i] == p[j] {
					hits += 0.5
				}
			}
		}
	}
	return hits / all
}

func TestOperatorQuality(t *testing.T) {
	in, b, task := opTable(2, 6000, operators.Binary)
	f := opFit(t, "{early_stop: {rounds: 10}, trees: 500}", operators.TestEnv(), in, b, task)
	p := modeltest.Score(t, f.Program, in, b)
	var valid []int
	y := make([]bool, b.N)
	for i := range y {
		y[i] = b.Cols[8].Str(i) == "yes"
		if b.PartAt(i) == batch.Valid {
			valid = append(valid, i)
		}
		if p[1].Bit(i) != (p[0].Float64s()[i] >= 0.5) {
			t.Fatal("pred is not p at the threshold")
		}
	}
	if auc := opAUC(y, p[0].Float64s(), valid); auc < 0.8 {
		t.Errorf("auc %v on valid rows", auc)
	}
	n := f.Notes
	if len(n.Curves) != 1 || n.Curves[0].Name != "valid log_loss" || len(n.Curves[0].Y) < 20 || n.Curves[0].X[0] != 1 {
		t.Errorf("curves %v", n.Curves)
	}
	if facts := fmt.Sprint(n.Facts); !strings.Contains(facts, "best round") || !strings.Contains(facts, "of 500") || !strings.Contains(facts, "{splits ") {
		t.Errorf("facts %s", facts)
	}
	sum := 0.0
	for i, g := range n.Importance {
		sum += g.Gain
		if i > 0 && g.Gain > n.Importance[i-1].Gain {
			t.Error("importance is not in order")
		}
		if g.Feature == "id" || g.Feature == "w" || g.Feature == "y" {
			t.Errorf("%s is a feature", g.Feature)
		}
	}
	if math.Abs(sum-1) > 1e-12 || len(n.Importance) < 5 {
		t.Errorf("importance %v", n.Importance)
	}

	in, b, task = opTable(3, 6000, operators.Regression)
	f = opFit(t, "{trees: 200}", operators.TestEnv(), in, b, task)
	pred := modeltest.Score(t, f.Program, in, b)[0].Float64s()
	var res, spread, mean float64
	for i := 8; i < b.N; i += 10 {
		mean += b.Cols[8].Float64s()[i] / float64(b.N/10)
	}
	for i := 8; i < b.N; i += 10 {
		v := b.Cols[8].Float64s()[i]
		res, spread = res+(v-pred[i])*(v-pred[i]), spread+(v-mean)*(v-mean)
	}
	if r2 := 1 - res/spread; r2 < 0.85 {
		t.Errorf("r2 %v on valid rows", r2)
	}
}

// Rows of a class that train rows do not have are measured and not learnt.
func TestOperatorUnknownClass(t *testing.T) {
	in, b, task := opTable(6, 3000, operators.Multiclass)
	words := make([]string, b.N)
	for i := range words {
		if words[i] = b.Cols[8].Str(i); b.PartAt(i) == batch.Valid && i%40 == 9 {
			words[i] = "other"
		}
	}
	b.Cols[8] = batch.OfStrings(words)
	f := opFit(t, "{early_stop: {rounds: 5}, trees: 200}", operators.TestEnv(), in, b, task)
	scored := modeltest.Score(t, f.Program, in, b)
	if got := strings.Join(scored[0].Members, " "); got != "p_high p_low p_middle" {
		t.Fatalf("members %s", got)
	}
	hits, rows := 0, 0
	for i := range words {
		if b.PartAt(i) == batch.Valid && words[i] != "other" {
			rows++
			if scored[1].Str(i) == words[i] {
				hits++
			}
		}
	}
	if share := float64(hits) / float64(rows); share < 0.6 {
		t.Errorf("%v of the valid rows are told rightly", share)
	}
	facts := fmt.Sprint(f.Notes.Facts)
	if curve := f.Notes.Curves[0]; curve.Name != "valid log_loss" || curve.Y[0] < 36/20.0 || !strings.Contains(facts, "{classes 3}") || !strings.Contains(facts, "best round") {
		t.Errorf("%s from %v, facts %s", curve.Name, curve.Y[0], facts)
	}
}

// Workers do not change the bundle; the seed changes samples; Env is told of trees and metrics.
func TestOperatorEnv(t *testing.T) {
	in, b, task := opTable(4, 20000, operators.Binary)
	options := "{trees: 8, row_sample: 0.5, column_sample: 0.7, early_stop: {metric: auc}}"
	env := operators.TestEnv()
	var done []int
	var logged []string
	env.Progress = func(d, total int) { done = append(done, d) }
	env.Log = func(m string, step int, v float64) { logged = append(logged, fmt.Sprint(m, step)) }
	want := opFit(t, options, env, in, b, task).Program.Marshal()
	if len(done) != 8 || len(logged) != 8 || logged[7] != "auc8" {
		t.Errorf("told of %v, %v", done, logged)
	}
	if !bytes.Equal(want, opFit(t, options, modeltest.Workers(3, 1), in, b, task).Program.Marshal()) {
		t.Error("three workers give another model")
	}
	if bytes.Equal(want, opFit(t, strings.Replace(options, "{", "{seed: 5, ", 1), env, in, b, task).Program.Marshal()) {
		t.Error("another seed gives the same samples")
	}
	coded := b
	coded.Cols = append([]batch.Column(nil), b.Cols...)
	dict := batch.OfStrings([]string{"unused", "level 3", "level 7"})
	codes, plain := make([]int32, b.N), make([]string, b.N)
	for i := range codes {
		codes[i] = int32(1 + i%2)
		plain[i] = dict.Str(1 + i%2)
	}
	coded.Cols[3] = batch.OfCodes(codes, &dict)
	b.Cols[3] = batch.OfStrings(plain)
	if !bytes.Equal(opFit(t, options, env, in, coded, task).Program.Marshal(), opFit(t, options, env, in, b, task).Program.Marshal()) {
		t.Error("a dictionary gives another model")
	}
}

func TestOperatorRefuses(t *testing.T) {
	in, _, task := opTable(5, 100, operators.Binary)
	check := func(name, want string, o *Operator, in operators.Schema, task operators.Task) {
		t.Helper()
		_, l := o.Check(modeltest.Site(in, task))
		text := ""
		for _, d := range l {
			text += d.Error() + " / " + d.Help + "\n"
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q, want %q", name, text, want)
		}
	}
	with := func(f operators.Field) operators.Schema {
		return operators.Schema{Fields: append(in.Fields[:len(in.Fields):len(in.Fields)], f)}
	}
	o := &Operator{}
	modeltest.Options(t, "{trees: 3}", o)
	check("timestamp", "feature.derive", o, with(operators.Field{Name: "at", Type: batch.Type{Kind: batch.Timestamp}}), task)
	check("list", "clean.drop", o, with(operators.Field{Name: "l", Type: batch.Type{Kind: batch.List, Elem: batch.Int32}}), task)
	check("clash", `column "p"`, o, with(operators.Field{Name: "p", Type: batch.T(batch.Float64)}), task)
	none := task
	none.Kind = operators.NoTask
	check("task", "task: {kind: binary", o, in, none)
	word := task
	word.Positive = ""
	check("positive", "task.positive: VALUE", o, in, word)
	late := operators.Schema{Fields: append([]operators.Field(nil), in.Fields...)}
	late.Fields[8].Nullable = true
	check("nullable label", `clean.filter: "y != nil"`, o, late, task)
	e := &Operator{EarlyStop: &EarlyStop{Metric: "auc", Rounds: 3}}
	check("metric", "auc is no metric of the objective squared_error / there are rmse, mae", e, in, operators.Task{Kind: operators.Regression, Label: "x"})

	in, _, task = opTable(5, 100, operators.Multiclass)
	check("threshold", "threshold is for binary tasks", &Operator{Threshold: 0.4}, in, task)
	most := 0.9
	check("objective of many classes", "poisson is of regressions, the task is multiclass / leave it out: the objective is log_loss",
		&Operator{Threshold: half, Losses: Losses{Objective: "poisson"}}, in, task)
	number := operators.Task{Kind: operators.Regression, Label: "x"}
	check("log_loss", "log_loss is of classes, the task is a regression", &Operator{Losses: Losses{Objective: "log_loss"}}, in, number)
	check("quantile", "quantile is of objective quantile, which is not chosen / write objective: quantile, or leave it out",
		&Operator{Losses: Losses{Objective: "huber", Quantile: &most}}, in, number)
	check("huber_delta", "huber_delta is of objective huber, which is not chosen", &Operator{Losses: Losses{HuberDelta: &most}}, in, number)
	check("tweedie_power", "tweedie_power is of objective tweedie", &Operator{Losses: Losses{TweediePower: &most}}, in, number)
	check("metric of another objective", "mean_gamma_deviance is no metric of the objective poisson / there are rmse, mae, mean_poisson_deviance",
		&Operator{Losses: Losses{Objective: "poisson"}, EarlyStop: &EarlyStop{Metric: "mean_gamma_deviance"}}, in, number)
	check("metric of many classes", "auc is no metric of the objective multiclass / there are log_loss, accuracy",
		&Operator{Threshold: half, EarlyStop: &EarlyStop{Metric: "auc"}}, in, task)
	var b batch.Batch
	in, b, task = opTable(5, 100, operators.Binary)
	same := b
	same.Cols = append([]batch.Column(nil), b.Cols...)
	words := make([]string, b.N)
	for i := range words {
		words[i] = "yes"
	}
	same.Cols[8] = batch.OfStrings(words)
	_, err := modeltest.Fit(t, o, operators.TestEnv(), in, same, task)
	var data *operators.ErrData
	if !errors.As(err, &data) || !strings.Contains(err.Error(), "one class only") {
		t.Errorf("one class: %v", err)
	}
	words[1], words[2] = "no", "maybe"
	same.Cols[8] = batch.OfStrings(words)
	if _, err = modeltest.Fit(t, o, operators.TestEnv(), in, same, task); !errors.As(err, &data) || !strings.Contains(err.Error(), "more than two values: no and maybe besides yes") {
		t.Errorf("three classes: %v", err)
	}
	amounts, rows, numbers := opTable(5, 100, operators.Regression)
	o = &Operator{}
	modeltest.Options(t, "{objective: gamma}", o)
	rows.Cols[8].Float64s()[3] = -2
	if _, err = modeltest.Fit(t, o, operators.TestEnv(), amounts, rows, numbers); !errors.As(err, &data) || !strings.Contains(err.Error(), "label -2 in row 3, want a number above 0") {
		t.Errorf("an amount below 0: %v", err)
	}
	b.Part = nil
	o = &Operator{}
	modeltest.Options(t, "{early_stop: {}}", o)
	if _, err = modeltest.Fit(t, o, operators.TestEnv(), in, b, task); !errors.As(err, &data) || !strings.Contains(err.Error(), "there are none") {
		t.Errorf("no valid rows: %v", err)
	}
}

// A constant column, a column of nulls and no tree at all are no reason to fail.
func TestOperatorDegenerate(t *testing.T) {
	in, b, err := operators.ParseRows(`
		s string? | c int64 | n float64? | y bool
		nil       | 1       | nil        | true
		nil       | 1       | nil        | false
		nil       | 1       | nil        | true
		nil       | 1       | nil        | true`)
	if err != nil {
		t.Fatal(err)
	}
	// Leaves of one row are allowed, so that the columns are searched.
	for _, options := range []string{"{min_rows: 1}", "{min_rows: 1, grow: depth_wise}", "{min_rows: 1, grow: oblivious}"} {
		f := opFit(t, options, operators.TestEnv(), in, b, operators.Task{Kind: operators.Binary, Label: "y"})
		if p := modeltest.Score(t, f.Program, in, b)[0].Float64s(); math.Abs(p[0]-0.75) > 1e-12 || p[0] != p[3] {
			t.Errorf("%s: p %v", options, p)
		}
		if f.Notes.Importance != nil {
			t.Errorf("%s: importance %v", options, f.Notes.Importance)
		}
	}
}

// Text columns are split in small tables too, and within what categories says.
func TestOperatorCategories(t *testing.T) {
	table := func(rows int) (in operators.Schema, b batch.Batch) {
		text, y := make([]string, rows), make([]bool, rows)
		for i := range rows {
			text[i], y[i] = fmt.Sprint("value ", i%6), i%6 > 2
		}
		return operators.Of(operators.Field{Name: "s", Type: batch.T(batch.String)}, operators.Field{Name: "y", Type: batch.T(batch.Bool)}),
			batch.Batch{N: rows, Cols: []batch.Column{batch.OfStrings(text), batch.OfBools(y)}}
	}
	task := operators.Task{Kind: operators.Binary, Label: "y"}
	for _, c := range []struct {
		options string
		rows    int
		learns  bool
	}{
		{"{trees: 50}", 60, true}, {"{trees: 50}", 180, true}, {"{trees: 50}", 3000, true},
		{"{trees: 50, min_rows: 20}", 60, true},
		{"{trees: 50, categories: {min_group: 100}}", 180, false}, {"{trees: 50, categories: {min_group: 90}}", 180, true},
		{"{trees: 50, categories: {smooth: 31}}", 180, false},
		{"{trees: 50, categories: {one_hot: 6, min_group: 100}}", 180, true},
		{"{trees: 1, leaves: 2, categories: {max_values: 1}}", 180, false}, {"{trees: 1, leaves: 2}", 180, true},
	} {
		in, b := table(c.rows)
		p := modeltest.Score(t, opFit(t, c.options, operators.TestEnv(), in, b, task).Program, in, b)[0].Float64s()
		wrong := 0
		for i, p := range p {
			if (p > 0.5) != (i%6 > 2) {
				wrong++
			}
		}
		if (wrong == 0) != c.learns {
			t.Errorf("%s, %d rows: %d are told wrongly", c.options, c.rows, wrong)
		}
	}
}

// What leaves have at least follows from the objective, and of many classes from the weights.
func TestOperatorLeast(t *testing.T) {
	for options, want := range map[string]struct {
		task    operators.TaskKind
		rows    int
		hessian float64
	}{
		"{}": {operators.Binary, 5, 1e-3}, "{trees: 7}": {operators.Regression, 20, 1e-3}, "{objective: huber}": {operators.Regression, 20, 1e-3},
		"{objective: gamma}": {operators.Regression, 5, 1e-3}, "{min_rows: 9}": {operators.Binary, 9, 1e-3},
		"{min_child_weight: 3, min_rows: 4}": {operators.Regression, 4, 3},
	} {
		in, _, task := opTable(3, 10, want.task)
		o := &Operator{}
		modeltest.Options(t, options, o)
		if c := o.options(modeltest.Site(in, task)); c.MinRows != want.rows || c.MinHessian != want.hessian {
			t.Errorf("%s: %d rows and hessians of %v, want %v", options, c.MinRows, c.MinHessian, want)
		}
	}
	// The size of weights says nothing, be they shares of one.
	in, b, task := opTable(3, 3000, operators.Multiclass)
	fit := func(factor float64) []string {
		heavy := b
		heavy.Cols = slices.Clone(b.Cols)
		at := slices.IndexFunc(in.Fields, func(f operators.Field) bool { return f.Name == "w" })
		w := slices.Clone(b.Cols[at].Float64s())
		for i := range w {
			w[i] *= factor
		}
		heavy.Cols[at] = batch.OfFloat64s(w)
		pred := modeltest.Score(t, opFit(t, "{trees: 20, l2: 0, categories: {l2: 0, smooth: 0}}", operators.TestEnv(), in, heavy, task).Program, in, heavy)[1]
		out := make([]string, b.N)
		for i := range out {
			out[i] = pred.Str(i)
		}
		return out
	}
	if task.Weight != "w" {
		t.Fatal("the table has no weights")
	}
	if one, small := fit(1), fit(0x1p-20); !slices.Equal(one, small) || len(slices.Compact(slices.Sorted(slices.Values(one)))) < 3 {
		t.Error("other predictions of weights a millionth as great")
	}
}

func TestSplitsText(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	if got, want := splitsText(names, []int64{1, 0, 7, 7}), "7 by c, 7 by d, 1 by a"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := splitsText(names, []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 9}); !strings.HasPrefix(got, "9 by j, 1 by a, ") || !strings.HasSuffix(got, "1 by g, others by 2 more") {
		t.Errorf("%q", got)
	}
	if got := splitsText(names, nil); got != "" {
		t.Errorf("%q of no splits", got)
	}
}

// The column that explain adds sums to the raw score, over every type of feature, and changes neither p nor pred.
func TestOperatorExplains(t *testing.T) {
	for more, kind := range map[string]operators.TaskKind{"row_sample: 1": operators.Binary, "l2: 1": operators.Regression,
		"row_sample: 0.3": operators.Regression, "goss: {}": operators.Binary, "goss: {}, learning_rate: 0.5": operators.Regression, "dart: {}": operators.Binary} {
		in, b, task := opTable(4, 2000, kind)
		plain := modeltest.Score(t, opFit(t, "{trees: 20, "+more+"}", operators.TestEnv(), in, b, task).Program, in, b)
		out := modeltest.Score(t, opFit(t, "{trees: 20, explain: true, "+more+"}", operators.TestEnv(), in, b, task).Program, in, b)
		shap := out[len(plain)]
		mean := shap.Member(shap.Wide - 1)[0]
		trains, scores := 0.0, 0.0
		for i := range b.N {
			sum, size := 0.0, 0.0
			for j := range shap.Wide {
				sum, size = sum+shap.Member(j)[i], size+math.Abs(shap.Member(j)[i])
			}
			got, want := sum, out[0].Float64s()[i]
			if want != plain[0].Float64s()[i] {
				t.Fatalf("row %d: %v, and unexplained %v", i, want, plain[0].Float64s()[i])
			}
			if kind == operators.Binary {
				want = math.Log(want / (1 - want))
			}
			if math.Abs(got-want) > 1e-10*(1+size) {
				t.Fatalf("%s, row %d: contributions sum to %v, the raw score is %v", kind, i, got, want)
			}
			if b.PartAt(i) == batch.Train {
				trains, scores = trains+1, scores+want
			}
		}
		if math.Abs(scores/trains-mean) > 1e-8*math.Abs(mean) {
			t.Errorf("%s, %s: the mean raw score of the rows learnt from is %v, the base %v", kind, more, scores/trains, mean)
		}
	}
}

// Of many classes there are contributions to each score, whose softmax is p.
func TestOperatorExplainsClasses(t *testing.T) {
	in, b, task := opTable(4, 1000, operators.Multiclass)
	plain := modeltest.Score(t, opFit(t, "{trees: 8}", operators.TestEnv(), in, b, task).Program, in, b)
	out := modeltest.Score(t, opFit(t, "{trees: 8, explain: true}", operators.TestEnv(), in, b, task).Program, in, b)
	p, shap := &out[0], &out[2]
	features := shap.Wide/3 - 1 // of a class, without the base
	for class, name := range []string{"high", "low", "middle"} {
		if got := shap.Members[class*(features+1)]; got != "shap_"+name+"_x" {
			t.Errorf("class %s begins with %s", name, got)
		}
		if got := shap.Members[(class+1)*(features+1)-1]; got != "shap_"+name+"_base" {
			t.Errorf("class %s ends in %s", name, got)
		}
	}
	scores := make([]float64, 3)
	for i := range b.N {
		all := 0.0
		for class := range scores {
			score := 0.0
			for j := range features + 1 {
				score += shap.Member(class*(features+1) + j)[i]
			}
			scores[class] = math.Exp(score)
			all += scores[class]
		}
		for class := range scores {
			got, want := scores[class]/all, p.Member(class)[i]
			if want != plain[0].Member(class)[i] {
				t.Fatalf("row %d: %v, and unexplained %v", i, want, plain[0].Member(class)[i])
			}
			if math.Abs(got-want) > 1e-10 {
				t.Fatalf("row %d, class %d: the softmax of the contributions is %v, p is %v", i, class, got, want)
			}
		}
	}
}

// A model step says what its pred stands for.
func TestAim(t *testing.T) {
	in, _, task := opTable(5, 10, operators.Regression)
	for options, want := range map[string]operators.Aim{
		"{trees: 1}":                               {},
		"{objective: absolute_error}":              {},
		"{objective: quantile}":                    {Quantile: 0.5},
		"{objective: quantile, quantile: 0.9}":     {Quantile: 0.9},
		"{objective: poisson}":                     {Power: 1},
		"{objective: gamma}":                       {Power: 2},
		"{objective: tweedie}":                     {Power: 1.5},
		"{objective: tweedie, tweedie_power: 1.2}": {Power: 1.2},
	} {
		o := &Operator{}
		modeltest.Options(t, options, o)
		if out, _ := o.Check(modeltest.Site(in, task)); out.Model.Aim != want {
			t.Errorf("%s: %+v, want %+v", options, out.Model.Aim, want)
		}
	}
}
