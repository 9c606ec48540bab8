package gbdt

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
)

// Operator is train.gbdt.
type Operator struct {
	Trees        int        `param:"trees" doc:"boosting rounds at most; a multiclass task grows one tree per class in each" default:"100" min:"1" max:"100000" group:"boosting"`
	LearningRate float64    `param:"learning_rate" doc:"by how much each tree's leaf values are multiplied (shrinkage)" default:"0.1" min:">0" max:"1"`
	EarlyStop    *EarlyStop `param:"early_stop" doc:"stop once the metric on the valid rows has not improved for a number of rounds, and keep the trees up to the best; off if not given"`
	Dart         *Dart      `param:"dart" doc:"dropout of earlier trees: some are left out while a tree is fitted, and share its place: of k dropped each keeps k/(k+1), and the new one takes 1/(k+1) of its step; off if not given"`

	Losses        `param:",inline" group:"objective"`
	Orders        `param:",inline"`
	model.ByClass `param:",inline"`
	Growing       `param:",inline" group:"trees"`
	Sampling      `param:",inline" group:"sampling"`
	Constraints   `param:",inline" group:"constraints"`

	Continue *Continue `param:"continue" doc:"go on from a published model: its trees stay, and more are added that learn what it leaves; or its leaves are refitted. With dart their values are rounded, which may move what they say from the tenth digit on. Task, label, positive value and the scale of raw scores are as they were, and so are the features that it splits on, by name and type; others may come. What importance by gain says is of the added trees. Off if not given" group:"continuation"`

	Threshold float64 `param:"threshold" doc:"for a binary task: pred is true where p is at least this" default:"0.5" min:"0" max:"1" group:"results"`
	Explain   bool    `param:"explain" doc:"add a vector column shap: what each feature adds to the raw score of a row (exact TreeSHAP). In a file it is one column shap_FEATURE per feature, and shap_base, the mean raw score of the train rows; together they are the raw score: of a binary task the log-odds, of poisson, gamma and tweedie the logarithm of pred. Of many classes there are such columns for each, shap_CLASS_FEATURE and shap_CLASS_base, of the score whose softmax p is" default:"false"`
}

// EarlyStop is train.gbdt's option early_stop.
type EarlyStop struct {
	Part   string `param:"part" doc:"the rows that are measured" enum:"valid" default:"valid"`
	Metric string `param:"metric" doc:"what is measured, on rows weighted as train rows are; if not given, the objective's own loss" enum:"log_loss|auc|accuracy|rmse|mae|pinball_loss|huber_loss|mean_poisson_deviance|mean_gamma_deviance|mean_tweedie_deviance|ndcg"`
	At     *int   `param:"at" doc:"for metric ndcg: so many places at the top of a group count; 10 if not given" min:"1" max:"1000000"`
	Rounds int    `param:"rounds" doc:"rounds without improvement before it stops; 0: measure nothing and never stop" default:"20" min:"0"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "train.gbdt", Version: 7, New: func() operators.Op { return &Operator{} },
		Doc: "Fits gradient-boosted trees, for classification, regression or ranking. Rows are weighted by task.weight. Strings are learnt as categories and " +
			"need no encoding, missing values need no filling; values that train rows do not have count as missing. In a multiclass task every round grows " +
			"one tree per class, and p, the softmax of their scores, is a vector column with one member per class. A ranking (LambdaMART) learns a score that " +
			"has the rows of each group in the order of their labels, the greatest first: task.group names the column, whose rows need not stand together. " +
			"Rows of equal scores count as if they stood in every order, so that the order of the table is not learnt from.",
		Example: []operators.Example{{
			Doc:     "a step in a number",
			Options: "{trees: 1, leaves: 4, learning_rate: 1, min_rows: 1, l2: 0}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | rooms int64? | price float64
				train | 1            | 10
				train | 1            | 10
				train | 1            | 10
				train | 5            | 30
				train | 5            | 30
				train | 5            | 30
				test  | 2            | 0
				test  | 4            | 0`},
			Out: `
				_part | rooms int64? | price float64 | pred float64
				train | 1            | 10            | 10
				train | 1            | 10            | 10
				train | 1            | 10            | 10
				train | 5            | 30            | 30
				train | 5            | 30            | 30
				train | 5            | 30            | 30
				test  | 2            | 0             | 10
				test  | 4            | 0             | 30`,
		}, {
			Doc:     "a level of a category that is mostly late; a value that train rows do not have counts as missing",
			Options: "{trees: 1, leaves: 2, learning_rate: 1, min_rows: 1, l2: 0}",
			Task:    operators.Task{Kind: operators.Binary, Label: "late"},
			In: []string{`
				_part | origin string? | late bool
				train | SFO            | true
				train | SFO            | true
				train | SFO            | true
				train | SFO            | false
				train | LAX            | false
				train | LAX            | false
				train | LAX            | false
				train | LAX            | true
				test  | SFO            | true
				test  | OAK            | true
				test  | nil            | true`},
			Out: `
				_part | origin string? | late bool | p float64           | pred bool
				train | SFO            | true      | 0.7310585786300049  | true
				train | SFO            | true      | 0.7310585786300049  | true
				train | SFO            | true      | 0.7310585786300049  | true
				train | SFO            | false     | 0.7310585786300049  | true
				train | LAX            | false     | 0.2689414213699951  | false
				train | LAX            | false     | 0.2689414213699951  | false
				train | LAX            | false     | 0.2689414213699951  | false
				train | LAX            | true      | 0.2689414213699951  | false
				test  | SFO            | true      | 0.7310585786300049  | true
				test  | OAK            | true      | 0.7310585786300049  | true
				test  | nil            | true      | 0.7310585786300049  | true`,
		}, {
			Doc:     "what a feature adds to the mean: with it, it is the estimate",
			Options: "{trees: 1, learning_rate: 1, min_rows: 1, l2: 0, explain: true}",
			Task:    operators.Task{Kind: operators.Regression, Label: "y"},
			In: []string{`
				_part | a int64 | y float64
				train | 1       | 10
				train | 1       | 10
				train | 5       | 30
				train | 5       | 30
				test  | 4       | 0`},
			Out: `
				_part | a int64 | y float64 | pred float64 | shap vector[shap_a, shap_base]
				train | 1       | 10        | 10           | [-10, 20]
				train | 1       | 10        | 10           | [-10, 20]
				train | 5       | 30        | 30           | [10, 20]
				train | 5       | 30        | 30           | [10, 20]
				test  | 4       | 0         | 30           | [10, 20]`,
		}, {
			Doc:     "classes: p is the softmax of their scores, of which each has trees of its own",
			Options: "{trees: 1, learning_rate: 1, min_rows: 1, l2: 0}",
			Task:    operators.Task{Kind: operators.Multiclass, Label: "y"},
			In: []string{`
				x int64 | y string
				2       | a
				2       | a
				4       | b
				4       | b`},
			Out: `
				x int64 | y string | p vector[p_a, p_b]                        | pred string
				2       | a        | [0.8807970779778823, 0.11920292202211755] | a
				2       | a        | [0.8807970779778823, 0.11920292202211755] | a
				4       | b        | [0.11920292202211755, 0.8807970779778823] | b
				4       | b        | [0.11920292202211755, 0.8807970779778823] | b`,
		}, {
			Doc:     "counts: pred is their mean, whose logarithm the trees learn",
			Options: "{objective: poisson, trees: 1, learning_rate: 1, min_rows: 1}",
			Task:    operators.Task{Kind: operators.Regression, Label: "calls"},
			In: []string{`
				hour int64 | calls int64
				3          | 1
				3          | 3
				9          | 4
				9          | 8`},
			Out: `
				hour int64 | calls int64 | pred float64
				3          | 1           | 2.5647215537198185
				3          | 3           | 2.5647215537198185
				9          | 4           | 5.777777777777778
				9          | 8           | 5.777777777777778`,
		}, {
			Doc:     "an order: in each query the new page was clicked, wherever its rows stand",
			Options: "{trees: 1, leaves: 2, learning_rate: 1, min_rows: 1, l2: 0}",
			Task:    operators.Task{Kind: operators.Ranking, Label: "clicks", Group: "query"},
			In: []string{`
				query string | age int64 | clicks int64
				kiwi         | 9         | 0
				plum         | 1         | 1
				kiwi         | 2         | 1
				plum         | 8         | 0`},
			Out: `
				query string | age int64 | clicks int64 | score float64
				kiwi         | 9         | 0            | -2
				plum         | 1         | 1            | 2
				kiwi         | 2         | 1            | 2
				plum         | 8         | 0            | -2`,
		}},
	})
}

// learner says what the trees take.
func (o *Operator) learner() model.Learner {
	return model.Learner{Name: "train.gbdt", Tasks: []operators.TaskKind{operators.Binary, operators.Multiclass, operators.Regression, operators.Ranking}, Nulls: true, Text: true, Valid: o.stops()}
}

const half = 0.5 // the threshold where none is chosen

// stops says whether the fit reads valid rows.
func (o *Operator) stops() bool { return o.EarlyStop != nil && o.EarlyStop.Rounds > 0 }

// Check says what is learnt from what.
func (o *Operator) Check(s operators.Site) (operators.Output, diag.List) {
	out, l := o.learner().Check(s)
	out.Model.Aim = o.aim(s)
	o.checkObjective(s, &l)
	o.checkOrders(s, &l)
	if s.Task.Kind == operators.Multiclass && o.Threshold != half {
		l.Add(diag.New(diag.OptionConflict, diag.Option("threshold"), "threshold is for binary tasks, the task is multiclass").
			WithHelp("leave it out: pred is the likeliest class"))
	}
	l.Add(o.CheckClasses(s)...)
	o.checkGrowth(&l)
	o.checkConstraints(s, &l)
	o.checkContinue(s, out.Model, &l)
	if o.Explain {
		l.Add(model.Explains(s, &out)...)
	}
	return out, l
}

// Narrow gives itself: what it makes is one thing.
func (o *Operator) Narrow(operators.Site, []string) operators.Op { return o }

// options are the core's.
func (o *Operator) options(s operators.Site) Options {
	c := Defaults()
	c.Trees, c.LearningRate, c.Bins, c.MinGain = o.Trees, o.LearningRate, o.Bins, o.MinGain
	o.growth(&c)
	c.L1, c.L2, c.RowSample, c.ColumnSample, c.ColumnSampleNode = o.L1, o.L2, o.RowSample, o.ColumnSample, o.ColumnSampleNode
	c.Seed = hash.Combine(s.Seed, uint64(o.Seed))
	o.objective(s, &c)
	o.order(&c)
	o.least(&c)
	if o.stops() {
		c.EarlyRounds, c.EarlyMetric = o.EarlyStop.Rounds, o.EarlyStop.Metric
	}
	return c
}

// Fit learns from the train rows, and measures on the valid ones if it may stop early.
func (o *Operator) Fit(s operators.Site, env operators.Env, train, valid operators.Table) (out operators.Fitted, err error) {
	r := model.RolesOf(s)
	switch {
	case train.N == 0:
		return out, &operators.ErrData{Err: operators.ErrNoRows}
	case o.stops() && valid.N == 0:
		return out, model.DataError("early_stop measures on valid rows, and there are none")
	}
	opt := o.options(s)
	o.constrain(&opt, r.Features, train.Cols)
	from, anew, err := o.before(s)
	if err != nil {
		return out, fmt.Errorf("train.gbdt: continue: %w", err)
	}
	if from != nil {
		opt.Trees = o.added()
	}
	memory := grants{env: env}
	ofTrain, ofValid := opt.rowBytes(r, train.Cols)
	bytes := int64(train.N)*ofTrain + int64(valid.N)*ofValid
	if o.refits(from) {
		bytes += 8 * int64(train.N) * int64(len(r.Features)) // numbers, for trees to ask for them
	}
	if from != nil && !o.refits(from) {
		bytes += 8 * int64(train.N+valid.N) * int64(len(from.trees.Ensembles)) // what the model says of them
	}
	if o.ClassWeight.Given() {
		bytes += 8 * int64(train.N+valid.N)
	}
	if err := memory.more(bytes); err != nil {
		return out, fmt.Errorf("train.gbdt: %w", err)
	}
	weight, err := weightsOf(r, train, true)
	if err != nil {
		return out, err
	}
	v := trees.NewVocabularies(r.Features, train, weight, from.texts(r.Features)...)
	data, classes, err := tableData(v, r, train, nil, true)
	if err == nil && from != nil && r.Kind == operators.Multiclass {
		classes, err = from.classes(r, &train.Cols[len(r.Features)], &data, classes)
	}
	if err != nil {
		return out, err
	}
	var weights model.ClassWeights
	if weights, data.Weight, err = model.WeighClasses(&o.ClassWeight, r.Target, classes, &train.Cols[len(r.Features)], data.Label, data.Weight); err != nil {
		return out, err
	}
	opt.Classes = len(classes)
	o.ofTable(&opt, &data)
	if more := int64(opt.Classes) - 1; more > 0 {
		if err := memory.more(int64(train.N+valid.N) * opt.outputBytes() * more); err != nil {
			return out, fmt.Errorf("train.gbdt: %d classes: %w", opt.Classes, err)
		}
	}
	var held *Data
	if o.stops() {
		d, _, err := tableData(v, r, valid, classes, false)
		if err == nil {
			d.Weight, err = model.Weigh(weights, d.Label, d.Weight)
		}
		if err != nil {
			return out, fmt.Errorf("valid rows: %w", err)
		}
		held = &d
	}
	if err := grouped(r, train, valid, &data, held); err != nil {
		return out, err
	}
	if r.Group != "" {
		if err := memory.more(groupBytes(&data)); err != nil {
			return out, fmt.Errorf("train.gbdt: groups: %w", err)
		}
	}
	lent := Env{
		Parallel: env.Parallel,
		Stop:     env.Context.Err,
		Grant:    memory.more,
		Progress: func(done, total int, metric string, value float64) {
			env.Progress(done, total)
			if metric != "" {
				env.Log(metric, done, value)
			}
		},
	}
	if from != nil {
		opt.Before = from.over(v, r)
	}
	if from != nil && !o.refits(from) {
		if opt.Dart.on() {
			opt.Before.onGrid(&opt, &data)
		}
		if err := opt.Before.score(env, v, r, train, valid, data); err != nil {
			return out, fmt.Errorf("train.gbdt: continue: %w", err)
		}
	}
	var m *Model
	if o.refits(from) {
		m, err = Refit(lent, data, opt, *o.Continue.Refit)
	} else {
		m, err = Fit(lent, data, held, opt)
	}
	if err != nil {
		switch {
		case env.Context.Err() != nil:
			return out, err
		case memory.denied != nil:
			return out, fmt.Errorf("train.gbdt: histograms: %w", memory.denied)
		}
		// the options are checked: what is left to refuse is in the data
		return out, &operators.ErrData{Err: err}
	}
	out.Program = programOf(m, v, r, train, classes, o.Threshold)
	if o.Explain {
		if out.Program, err = model.Explain(out.Program, r.Kind); err != nil {
			return out, fmt.Errorf("train.gbdt: explain: %w", err)
		}
	}
	out.Notes = notes(m, opt, train.N, valid.N, o.start(from, anew))
	out.Notes.Facts = append(out.Notes.Facts, weights.Facts()...)
	return out, nil
}

// splitsShown is how many features the fact of splits names.
const splitsShown = 8

// splitsText is how often trees split on each feature: the most frequent first, of equal ones in the order of the features.
func splitsText(names []string, splits []int64) string {
	var order []int
	for j, n := range splits {
		if n > 0 {
			order = append(order, j)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(splits[b], splits[a]) })
	var out []string
	for _, j := range order[:min(len(order), splitsShown)] {
		out = append(out, fmt.Sprintf("%d by %s", splits[j], names[j]))
	}
	if more := len(order) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("others by %d more", more))
	}
	return strings.Join(out, ", ")
}

// notes are the importance of the features, the curve of the metric, and how many trees there are.
func notes(m *Model, o Options, train, valid int, start string) (n operators.Notes) {
	names := make([]string, len(m.Features))
	for j, f := range m.Features {
		names[j] = f.Name
	}
	n.Importance = model.Shares(names, m.Gain)
	fact := func(name, format string, args ...any) {
		n.Facts = append(n.Facts, operators.Fact{Name: name, Text: fmt.Sprintf(format, args...)})
	}
	grows := o.Before == nil || o.Before.Train != nil
	if o.Before != nil && grows {
		start += fmt.Sprintf(": %d of %d more", m.Best, o.Trees)
	}
	if n.Start = start; start != "" {
		fact("start", "%s", start)
	}
	fact("rows", "%d", train)
	fact("features", "%d", len(names))
	if o.Classes > 0 {
		fact("classes", "%d", o.Classes)
	}
	if grows {
		if o.Classes > 0 {
			fact("rounds", "%d of %d", m.Best, o.Trees)
		}
		fact("trees", "%d of %d", m.Best*len(m.Base), max(1, o.Classes)*o.Trees)
	}
	if s := splitsText(names, m.Splits); s != "" {
		fact("splits", "%s", s)
	}
	if len(m.Curve) > 0 {
		c := operators.Curve{Name: "valid " + m.Metric, Y: m.Curve}
		first := 1
		if o.Before != nil { // which is round 0
			c.Y, first = slices.Concat([]float64{m.Start}, m.Curve), 0
		}
		for i := range c.Y {
			c.X = append(c.X, float64(first+i))
		}
		n.Curves = append(n.Curves, c)
		fact("valid rows", "%d", valid)
		if at := m.Best - first; at >= 0 {
			fact("best round", "%d", m.Best)
			fact("best "+m.Metric, "%s", strconv.FormatFloat(c.Y[at], 'g', 6, 64))
		}
	}
	return n
}

// weightsOf are the weights of a table's rows; nil where the task has none.
func weightsOf(r model.Roles, t operators.Table, fit bool) ([]float64, error) {
	if r.Weight == "" {
		return nil, nil
	}
	return model.Weights(nil, r.Weight, &t.Cols[len(r.Features)+1], fit)
}

// tableData is a table as the core reads it. The classes of a multiclass label are learnt in a fit, else given.
func tableData(v trees.Vocabularies, r model.Roles, t operators.Table, classes model.Classes, fit bool) (Data, model.Classes, error) {
	d := Data{N: t.N}
	var err error
	if d.Weight, err = weightsOf(r, t, fit); err != nil {
		return d, nil, err
	}
	label := &t.Cols[len(r.Features)]
	switch {
	case r.Kind == operators.Multiclass:
		var code []int32
		if fit {
			classes, code, err = r.Target.Classes(label, d.Weight)
		} else {
			code, err = r.Target.Codes(classes, label)
		}
		d.Label = make([]float64, len(code))
		for i, c := range code {
			d.Label[i] = float64(c)
		}
	case fit:
		d.Label, err = r.Target.Learn(label, d.Weight)
	default:
		d.Label, err = r.Target.Values(nil, label)
	}
	if err != nil {
		return d, nil, err
	}
	d.Features = v.Features(r.Features, t)
	return d, classes, nil
}
