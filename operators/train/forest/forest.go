// Package forest fits random forests and single trees.
package forest

import (
	"fmt"
	"math"
	"strconv"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/forest"
	"github.com/headrace/headrace/operators/model"
)

// Operator is train.forest.
type Operator struct {
	Method    string   `param:"method" doc:"random_forest: the best threshold of each column drawn; extra_trees: one threshold per column, drawn at random, and no bootstrap unless it is set" enum:"random_forest|extra_trees" default:"random_forest" group:"trees"`
	Trees     int      `param:"trees" doc:"how many trees" default:"100" min:"1" max:"100000"`
	Criterion string   `param:"criterion" doc:"the impurity that a split lowers, for classes; for numbers it is the variance, and this is not used" enum:"gini|entropy" default:"gini"`
	MaxDepth  int      `param:"max_depth" doc:"splits from root to leaf at most; 0: no limit" default:"0" min:"0" max:"1000"`
	MinRows   int      `param:"min_rows" doc:"rows per leaf at least, each counted as often as it was drawn" default:"1" min:"1"`
	Leaves    int      `param:"leaves" doc:"leaves per tree at most, the leaf with the largest gain split first; 0: no limit" default:"0" min:"0"`
	Bins      int      `param:"bins" doc:"histogram bins per column at most" default:"255" min:"2" max:"255"`
	Columns   string   `param:"columns_node" doc:"how many columns are drawn at each node; auto: the square root for classes, a third for numbers" enum:"auto|sqrt|third|all" default:"auto" group:"sampling"`
	Share     *float64 `param:"column_sample_node" doc:"share of the columns that are drawn at each node, in place of columns_node" min:">0" max:"1"`
	Bootstrap *bool    `param:"bootstrap" doc:"whether each tree draws its rows with replacement; if not given, true for random_forest, false for extra_trees"`
	RowSample float64  `param:"row_sample" doc:"share of the train rows that each tree draws" default:"1" min:">0" max:"1"`
	Seed      int64    `param:"seed" doc:"seed of the random draws; the same seed gives the same result" default:"0"`
	Threshold float64  `param:"threshold" doc:"for a binary task: pred is true where p is at least this" default:"0.5" min:"0" max:"1" group:"results"`
	Explain   bool     `param:"explain" doc:"add a vector column shap: what each feature adds to p, or to pred of a regression, in a row (exact TreeSHAP). In a file it is one column shap_FEATURE per feature, and shap_base, the mean over the rows that the trees learnt from; together they are p, or pred. Of many classes there are such columns for each, shap_CLASS_FEATURE and shap_CLASS_base" default:"false"`

	model.ByClass `param:",inline" group:"sampling"`
}

const extraTrees = "extra_trees"

func init() {
	operators.Register(operators.Spec{
		Name: "train.forest", Version: 4, New: func() operators.Op { return &Operator{} },
		Doc: "Fits a random forest, or extremely randomised trees, for classification or regression. Rows are weighted by task.weight. Each " +
			"tree grows by itself on rows and columns drawn for it, and the forest gives the mean of their leaves. Strings are learnt as categories " +
			"and need no encoding: each tree orders them by the mean label of its rows, or by the first principal component of their classes. " +
			"Missing values need no filling; values that train rows do not have count as missing. The report says how the forest does out of bag: on " +
			"each train row, by the trees that did not draw it.",
		Example: []operators.Example{{
			Doc:     "two trees of all rows and columns: both are the same",
			Options: "{trees: 2, bootstrap: false, columns_node: all}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | rooms int64? | kind string | price float64
				train | 1            | flat        | 10
				train | 1            | house       | 20
				train | 5            | flat        | 30
				train | 5            | house       | 60
				test  | 2            | house       | 0
				test  | nil          | flat        | 0`},
			Out: `
				_part | rooms int64? | kind string | price float64 | pred float64
				train | 1            | flat        | 10            | 15
				train | 1            | house       | 20            | 15
				train | 5            | flat        | 30            | 45
				train | 5            | house       | 60            | 45
				test  | 2            | house       | 0             | 15
				test  | nil          | flat        | 0             | 15`,
		}, {
			Doc:     "three kinds, told apart by size: p has one member per class, the mean of the trees' leaves",
			Options: "{trees: 10, seed: 1}",
			Task:    operators.Task{Kind: operators.Multiclass, Label: "kind"},
			In: []string{`
				_part | size float64 | kind string
				train | 1            | ant
				train | 1.2          | ant
				train | 2            | bee
				train | 2.2          | bee
				train | 9            | cat
				train | 9.5          | cat
				test  | 1.7          | bee
				test  | nan          | cat`},
			Out: `
				_part | size float64 | kind string | p vector[p_ant, p_bee, p_cat] | pred string
				train | 1            | ant         | [0.8, 0.2, 0]                 | ant
				train | 1.2          | ant         | [0.8, 0.2, 0]                 | ant
				train | 2            | bee         | [0.5, 0.5, 0]                 | ant
				train | 2.2          | bee         | [0, 1, 0]                     | bee
				train | 9            | cat         | [0, 0.4, 0.6]                 | cat
				train | 9.5          | cat         | [0, 0.3, 0.7]                 | cat
				test  | 1.7          | bee         | [0.5, 0.5, 0]                 | ant
				test  | nan          | cat         | [0.1, 0.6, 0.3]               | bee`,
		}},
	})
}

var learner = model.Learner{Name: "train.forest", Tasks: []operators.TaskKind{operators.Binary, operators.Multiclass, operators.Regression},
	Nulls: true, Text: true}

// Check says what is learnt from what.
func (o *Operator) Check(s operators.Site) (operators.Output, diag.List) {
	out, l := learner.Check(s)
	l.Add(conflicts(s.Task.Kind, o.Criterion, o.Threshold)...)
	l.Add(o.CheckClasses(s)...)
	if o.Explain {
		l.Add(model.Explains(s, &out)...)
	}
	if o.Leaves == 1 {
		l.Add(oneLeaf())
	}
	if o.Share != nil && o.Columns != "auto" {
		l.Add(diag.New(diag.OptionConflict, diag.Option("column_sample_node"), "columns_node and column_sample_node both say how many columns are drawn").
			WithHelp("leave one of them out"))
	}
	return out, l
}

func oneLeaf() diag.Diagnostic {
	return diag.New(diag.OptionConflict, diag.Option("leaves"), "a tree of one leaf splits nothing").WithHelp("0 is no limit; else at least 2")
}

const half = 0.5 // the threshold where none is chosen

// conflicts are of options that a kind of task has no use for.
func conflicts(kind operators.TaskKind, criterion string, threshold float64) (l diag.List) {
	if kind == operators.Regression && criterion == "entropy" {
		l.Add(diag.New(diag.OptionConflict, diag.Option("criterion"), "entropy is of classes, this is a regression").
			WithHelp("leave it out: a regression makes the variance small"))
	}
	if kind == operators.Multiclass && threshold != half {
		l.Add(diag.New(diag.OptionConflict, diag.Option("threshold"), "threshold is for binary tasks, the task is multiclass").
			WithHelp("leave it out: pred is the likeliest class"))
	}
	return l
}

// Narrow gives itself: what it makes is one thing.
func (o *Operator) Narrow(operators.Site, []string) operators.Op { return o }

// options are the core's.
func (o *Operator) options(s operators.Site, columns int) forest.Options {
	c := forest.Options{
		Criterion: criterion(o.Criterion), Trees: o.Trees, Columns: o.columns(s.Task.Kind, columns), Bins: o.Bins,
		MaxDepth: o.MaxDepth, MinRows: o.MinRows, Leaves: o.Leaves,
		Bootstrap: o.Method != extraTrees, RowSample: o.RowSample, Random: o.Method == extraTrees, Seed: hash.Combine(s.Seed, uint64(o.Seed)),
	}
	if o.Bootstrap != nil {
		c.Bootstrap = *o.Bootstrap
	}
	return c
}

func criterion(name string) forest.Criterion {
	if name == "entropy" {
		return forest.Entropy
	}
	return forest.Squares
}

// columns is how many of n a node draws.
func (o *Operator) columns(kind operators.TaskKind, n int) int {
	share, how := 1.0, o.Columns
	if how == "auto" {
		if how = "sqrt"; kind == operators.Regression {
			how = "third"
		}
	}
	switch {
	case o.Share != nil:
		share = *o.Share
	case how == "sqrt":
		return max(1, int(math.Sqrt(float64(n))))
	case how == "third":
		share = 1.0 / 3
	}
	return max(1, int(math.Ceil(float64(share*float64(n))-1e-9)))
}

// Fit learns from the train rows.
func (o *Operator) Fit(s operators.Site, env operators.Env, train, _ operators.Table) (out operators.Fitted, err error) {
	out, _, _, err = fit("train.forest", s, env, train, func(columns int) forest.Options { return o.options(s, columns) },
		around{&o.ClassWeight, o.Threshold, o.Explain})
	return out, err
}

// around is what is asked for besides the trees.
type around struct {
	weight    *model.ClassWeight
	threshold float64
	explain   bool
}

// fit learns a forest; options are asked for with the number of columns.
func fit(name string, s operators.Site, env operators.Env, train operators.Table, options func(columns int) forest.Options, a around,
) (out operators.Fitted, l *forest.Learnt, m *forest.Model, err error) {
	r := model.RolesOf(s)
	columns := model.Wide(train.Cols[:len(r.Features)])
	o := options(columns)
	grant := func(bytes int64) error {
		if err := env.Grant(bytes); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	if err := grant(o.Bytes(train.N, columns)); err != nil {
		return out, nil, nil, err
	}
	if l, err = forest.Learn(r, train); err != nil {
		return out, nil, nil, err
	}
	var weights model.ClassWeights
	if weights, err = l.Weigh(a.weight); err != nil {
		return out, nil, nil, err
	}
	m, err = forest.Fit(forest.Env{Parallel: env.Parallel, Stop: env.Context.Err, Progress: env.Progress, Grant: grant}, &l.Data, &l.Label, o)
	if err != nil {
		return out, nil, nil, err
	}
	out.Program = l.Program(m, a.threshold)
	if a.explain {
		if out.Program, err = model.Explain(out.Program, s.Task.Kind); err != nil {
			return out, nil, nil, fmt.Errorf("%s: explain: %w", name, err)
		}
	}
	out.Notes = notes(m, l, train.N)
	out.Notes.Facts = append(out.Notes.Facts, weights.Facts()...)
	return out, l, m, nil
}

// notes are the importance of the features, the size of the trees, and how the forest does out of bag.
func notes(m *forest.Model, l *forest.Learnt, rows int) (n operators.Notes) {
	names := make([]string, len(m.Features))
	for j, f := range m.Features {
		names[j] = f.Name
	}
	n.Importance = model.Shares(names, m.Gain)
	fact := func(name, format string, args ...any) {
		n.Facts = append(n.Facts, operators.Fact{Name: name, Text: fmt.Sprintf(format, args...)})
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	fact("rows", "%d", rows)
	fact("features", "%d", len(names))
	if l.Classes != nil {
		fact("classes", "%d", len(l.Classes))
	}
	leaves, depth := 0, 0
	for i := range m.Trees {
		leaves += len(m.Trees[i].Leaf)
		depth = max(depth, m.Trees[i].Depth())
	}
	if len(m.Trees) > 1 {
		fact("trees", "%d", len(m.Trees))
	}
	fact("leaves", "%d", leaves)
	fact("depth", "%d", depth)
	b := m.OutOfBag
	switch {
	case b == nil:
		return n
	case l.Label.Classes == 0:
		fact("out-of-bag RMSE", "%s", number(b.RMSE))
		fact("out-of-bag R2", "%s", number(b.R2))
	default:
		fact("out-of-bag accuracy", "%s", number(b.Accuracy))
		if l.Classes == nil {
			fact("out-of-bag AUC", "%s", number(b.AUC))
		}
	}
	fact("out-of-bag rows", "%d", b.Rows)
	return n
}
