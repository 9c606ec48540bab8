package forest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/forest"
	"github.com/headrace/headrace/operators/model"
)

// Tree is train.tree.
type Tree struct {
	Criterion string  `param:"criterion" doc:"the impurity that a split lowers, for classes; for numbers it is the variance, and this is not used" enum:"gini|entropy" default:"gini"`
	MaxDepth  int     `param:"max_depth" doc:"splits from root to leaf at most; 0: no limit" default:"0" min:"0" max:"1000"`
	MinRows   int     `param:"min_rows" doc:"rows per leaf at least" default:"1" min:"1"`
	Leaves    int     `param:"leaves" doc:"leaves at most, the leaf with the largest gain split first; 0: no limit" default:"0" min:"0"`
	Prune     float64 `param:"prune" doc:"by how much each further leaf must lower the impurity of all rows; splits that gain less are taken back (minimal cost-complexity pruning; ccp_alpha of scikit-learn)" default:"0" min:"0"`
	Bins      int     `param:"bins" doc:"histogram bins per column at most" default:"255" min:"2" max:"255"`
	Threshold float64 `param:"threshold" doc:"for a binary task: pred is true where p is at least this" default:"0.5" min:"0" max:"1"`
	Explain   bool    `param:"explain" doc:"add a vector column shap: what each feature adds to p, or to pred of a regression, in a row (exact TreeSHAP). In a file it is one column shap_FEATURE per feature, and shap_base, the mean over the rows that the tree learnt from; together they are p, or pred. Of many classes there are such columns for each, shap_CLASS_FEATURE and shap_CLASS_base" default:"false"`

	model.ByClass `param:",inline"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "train.tree", Version: 4, New: func() operators.Op { return &Tree{} },
		Doc: "Fits one decision tree, for classification or regression. Rows are weighted by task.weight. People can read one tree: the " +
			"report lists its rules where they are few. Strings are learnt as categories and need no encoding, missing values need no filling; values " +
			"that train rows do not have count as missing.",
		Example: []operators.Example{{
			Doc:     "two splits",
			Options: "{max_depth: 2}",
			Task:    operators.Task{Kind: operators.Binary, Label: "late"},
			In: []string{`
				_part | hour int64 | origin string? | late bool
				train | 6          | SFO            | false
				train | 7          | LAX            | false
				train | 8          | SFO            | false
				train | 18         | SFO            | true
				train | 19         | LAX            | false
				train | 20         | SFO            | true
				train | 21         | LAX            | false
				train | 22         | LAX            | false
				train | 23         | SFO            | true
				test  | 22         | SFO            | true
				test  | 22         | LAX            | false
				test  | 5          | nil            | false`},
			Out: `
				_part | hour int64 | origin string? | late bool | p float64 | pred bool
				train | 6          | SFO            | false     | 0         | false
				train | 7          | LAX            | false     | 0         | false
				train | 8          | SFO            | false     | 0         | false
				train | 18         | SFO            | true      | 1         | true
				train | 19         | LAX            | false     | 0         | false
				train | 20         | SFO            | true      | 1         | true
				train | 21         | LAX            | false     | 0         | false
				train | 22         | LAX            | false     | 0         | false
				train | 23         | SFO            | true      | 1         | true
				test  | 22         | SFO            | true      | 1         | true
				test  | 22         | LAX            | false     | 0         | false
				test  | 5          | nil            | false     | 0         | false`,
		}, {
			Doc:     "a split that gains less than a leaf costs is taken back",
			Options: "{prune: 0.5}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | rooms int64 | price float64
				train | 1           | 10
				train | 2           | 11
				train | 3           | 30
				train | 4           | 31
				test  | 2           | 0`},
			Out: `
				_part | rooms int64 | price float64 | pred float64
				train | 1           | 10            | 10.5
				train | 2           | 11            | 10.5
				train | 3           | 30            | 30.5
				train | 4           | 31            | 30.5
				test  | 2           | 0             | 10.5`,
		}, {
			Doc:     "what the feature adds to the mean of each class: with it, it is p",
			Options: "{explain: true}",
			Task:    operators.Task{Kind: operators.Multiclass, Label: "kind"},
			In: []string{`
				_part | size int64 | kind string
				train | 1          | ant
				train | 1          | ant
				train | 5          | bee
				train | 9          | cat
				test  | 2          | bee`},
			Out: `
				_part | size int64 | kind string | p vector[p_ant, p_bee, p_cat] | pred string | shap vector[shap_ant_size, shap_ant_base, shap_bee_size, shap_bee_base, shap_cat_size, shap_cat_base]
				train | 1          | ant         | [1, 0, 0]                     | ant         | [0.5, 0.5, -0.25, 0.25, -0.25, 0.25]
				train | 1          | ant         | [1, 0, 0]                     | ant         | [0.5, 0.5, -0.25, 0.25, -0.25, 0.25]
				train | 5          | bee         | [0, 1, 0]                     | bee         | [-0.5, 0.5, 0.75, 0.25, -0.25, 0.25]
				train | 9          | cat         | [0, 0, 1]                     | cat         | [-0.5, 0.5, -0.25, 0.25, 0.75, 0.25]
				test  | 2          | bee         | [1, 0, 0]                     | ant         | [0.5, 0.5, -0.25, 0.25, -0.25, 0.25]`,
		}, {
			Doc:     "a late row counts as nine: p is of rows so weighted",
			Options: "{class_weight: {true: 9}}",
			Task:    operators.Task{Kind: operators.Binary, Label: "late"},
			In: []string{`
				_part | hour int64 | late bool
				train | 8          | false
				train | 8          | false
				train | 8          | false
				train | 8          | true
				test  | 9          | false`},
			Out: `
				_part | hour int64 | late bool | p float64 | pred bool
				train | 8          | false     | 0.75      | true
				train | 8          | false     | 0.75      | true
				train | 8          | false     | 0.75      | true
				train | 8          | true      | 0.75      | true
				test  | 9          | false     | 0.75      | true`,
		}},
	})
}

var treeLearner = model.Learner{Name: "train.tree", Tasks: learner.Tasks, Nulls: true, Text: true}

// Check says what is learnt from what.
func (o *Tree) Check(s operators.Site) (operators.Output, diag.List) {
	out, l := treeLearner.Check(s)
	l.Add(conflicts(s.Task.Kind, o.Criterion, o.Threshold)...)
	l.Add(o.CheckClasses(s)...)
	if o.Explain {
		l.Add(model.Explains(s, &out)...)
	}
	if o.Leaves == 1 {
		l.Add(oneLeaf())
	}
	return out, l
}

// Narrow gives itself: what it makes is one thing.
func (o *Tree) Narrow(operators.Site, []string) operators.Op { return o }

// Fit learns from the train rows.
func (o *Tree) Fit(s operators.Site, env operators.Env, train, _ operators.Table) (operators.Fitted, error) {
	out, l, m, err := fit("train.tree", s, env, train, func(columns int) forest.Options {
		return forest.Options{
			Criterion: criterion(o.Criterion), Trees: 1, Columns: max(1, columns), Bins: o.Bins, MaxDepth: o.MaxDepth, MinRows: o.MinRows,
			Leaves: o.Leaves, RowSample: 1, Prune: o.Prune, Seed: hash.Combine(s.Seed, 0),
		}
	}, around{&o.ClassWeight, o.Threshold, o.Explain})
	if err == nil {
		out.Notes.Facts = append(out.Notes.Facts, rules(m, l)...)
	}
	return out, err
}

const (
	rulesMax  = 32 // leaves of a tree whose rules are told
	levelsMax = 6  // levels that a rule names
)

const orMissing = " or missing"

// rules are the leaves of a tree, each with the way to it: rows, and what they are taken for.
func rules(m *forest.Model, l *forest.Learnt) (out []operators.Fact) {
	t := &m.Trees[0]
	if len(t.Leaf) < 2 || len(t.Leaf) > rulesMax {
		return nil
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	var walk func(c int32, way []string)
	walk = func(c int32, way []string) {
		if c < 0 {
			leaf := int(^c)
			says := number(t.Leaf[leaf])
			if l.Label.Classes > 2 {
				class, share := m.Shares.Likeliest(int(t.Leaf[leaf]))
				says = fmt.Sprintf("%s (%s)", model.ClassName(l.Classes[class]), number(share))
			}
			out = append(out, operators.Fact{Name: "if " + strings.Join(way, " and "), Text: fmt.Sprintf("%s, %d rows", says, t.Cover[leaf])})
			return
		}
		name := m.Features[t.Feature[c]].Name
		yes, no := fmt.Sprintf("%s <= %s", name, number(t.Threshold[c])), fmt.Sprintf("%s > %s", name, number(t.Threshold[c]))
		if t.Cat[c] >= 0 {
			in, rest := l.Levels(t, int(c), levelsMax)
			yes, no = fmt.Sprintf("%s in (%s)", name, in), fmt.Sprintf("%s in (%s)", name, rest)
		}
		if t.MissingLeft[c] {
			yes += orMissing
		} else {
			no += orMissing
		}
		walk(t.Left[c], append(way[:len(way):len(way)], yes))
		walk(t.Right[c], append(way[:len(way):len(way)], no))
	}
	walk(0, nil)
	return out
}
