package gbdt

import (
	"slices"
	"strconv"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/param"
)

// Growing is train.gbdt's options of how trees grow, and how large.
type Growing struct {
	Grow           string      `param:"grow" doc:"leaf_wise: the leaf with the largest gain first; depth_wise: level by level; oblivious: one split for all leaves of a level (symmetric trees), except leaves where a side would have too few rows" enum:"leaf_wise|depth_wise|oblivious" default:"leaf_wise"`
	Leaves         *int        `param:"leaves" doc:"leaves per tree at most; if not given, 31 leaf_wise, else as many as max_depth allows" min:"2" max:"65536"`
	MaxDepth       int         `param:"max_depth" doc:"splits from root to leaf at most; 0: no limit leaf_wise, 6 otherwise" default:"0" min:"0" max:"1000"`
	Bins           int         `param:"bins" doc:"histogram bins per column at most" default:"255" min:"2" max:"255"`
	MinRows        *int        `param:"min_rows" doc:"rows per leaf at least; if not given, 5 for log_loss, poisson, gamma and tweedie, else 20" min:"1"`
	MinChildWeight *float64    `param:"min_child_weight" doc:"sum of hessians per leaf at least: a row's is its weight, for classes times p(1-p), for poisson times the mean. If not given, 0.001, of a multiclass task the mean weight" min:"0"`
	MinGain        float64     `param:"min_gain" doc:"a split must lower the loss by more than this" default:"0" min:"0"`
	L1             float64     `param:"l1" doc:"L1 penalty on leaf values" default:"0" min:"0"`
	L2             float64     `param:"l2" doc:"L2 penalty: this times half the sum of the squared leaf values" default:"1" min:"0"`
	Categories     *Categories `param:"categories" doc:"how text columns are split: a node's values, in the order of their gradients, are cut in two"`
}

// Sampling is train.gbdt's options of what a tree sees.
type Sampling struct {
	RowSample        float64 `param:"row_sample" doc:"share of the train rows that each tree sees: each row is drawn by itself, so it is the share on average" default:"1" min:">0" max:"1"`
	ColumnSample     float64 `param:"column_sample" doc:"share of the columns that each tree sees" default:"1" min:">0" max:"1"`
	ColumnSampleNode float64 `param:"column_sample_node" doc:"share of a tree's columns that each node sees, or each level of an oblivious tree" default:"1" min:">0" max:"1"`
	Goss             *Goss   `param:"goss" doc:"gradient-based one-side sampling, instead of row_sample: each tree sees the rows with the largest gradients and a draw of the others, but for the first 1/learning_rate trees, which see all; off if not given"`
	Seed             int64   `param:"seed" doc:"seed of the random draws; the same seed gives the same result" default:"0"`
}

// Constraints is train.gbdt's options of what trees may not learn.
type Constraints struct {
	Monotone     param.Pairs[string] `param:"monotone" doc:"columns whose score may only rise (increasing) or fall (decreasing) with the value, all else equal; missing values are exempt" enum:"increasing|decreasing"`
	Interactions [][]string          `param:"interactions" doc:"groups of columns that may meet on one path from root to leaf; a column in no group meets no other; no constraint if not given"`
}

// growths are the names of the ways to grow.
var growths = map[string]Growth{"leaf_wise": LeafWise, "depth_wise": DepthWise, "oblivious": Oblivious}

// checkGrowth reports options that do not go together.
func (o *Operator) checkGrowth(l *diag.List) {
	if g := o.Goss; g != nil {
		if o.RowSample < 1 {
			l.Add(diag.New(diag.OptionConflict, diag.Option("row_sample"), "goss draws the rows of a tree, and so does row_sample").WithHelp("leave one of them out"))
		}
		if g.Top+g.Other > 1 {
			l.Add(diag.New(diag.OptionConflict, diag.Option("goss", "other"), "goss takes %v of the rows, and %v from the others: more than there are", g.Top, g.Other).
				WithHelp("top and other are 1 together at most; 0.2 and 0.1 do well"))
		}
	}
	if growths[o.Grow] != Oblivious {
		return
	}
	if o.Leaves != nil {
		l.Add(diag.New(diag.OptionConflict, diag.Option("leaves"), "an oblivious tree has as many leaves as its levels make").
			WithHelp("leave it out, and give max_depth: a tree of 5 levels has 32 leaves"))
	}
	if o.MaxDepth > obliviousMax {
		l.Add(diag.New(diag.OptionConflict, diag.Option("max_depth"), "the leaves of an oblivious tree double with each level, and there may be %d levels, not %d", obliviousMax, o.MaxDepth).
			WithHelp("6 to 10 do well; grow: depth_wise has no such limit"))
	}
}

// growth sets how trees grow, and how large.
func (o *Operator) growth(c *Options) {
	c.Growth, c.MaxDepth = growths[o.Grow], o.MaxDepth
	if o.Goss != nil {
		c.Goss = *o.Goss
	}
	if o.Dart != nil {
		c.Dart = *o.Dart
	}
	switch {
	case o.Leaves != nil:
		c.Leaves = *o.Leaves
	case c.Growth != LeafWise:
		c.Leaves = 1 << min(c.depth(), obliviousMax)
	}
}

// checkConstraints reports columns in monotone and interactions that are not there, are no features, or have no order.
func (o *Operator) checkConstraints(s operators.Site, l *diag.List) {
	features := operators.FieldNames(model.RolesOf(s).Features)
	find := func(name string, at diag.At) (operators.Field, bool) {
		f, ok := s.In[0].Field(name)
		switch {
		case slices.Contains(features, name):
		case ok:
			l.Add(diag.New(diag.NoColumn, at, "column %q is no feature: it is the label, the weight, the group or an id", name).
				WithHelp("%s", diag.DidYouMean(name, "features", features)))
		case !s.In[0].Open:
			_, bad := s.In[0].Want(name, at)
			l.Add(bad...)
		}
		return f, ok
	}
	if len(o.Monotone) > 0 && s.Task.Kind == operators.Multiclass {
		l.Add(diag.New(diag.OptionConflict, diag.Option("monotone"), "a model of many classes has a score for each, and which of them should rise is not said").
			WithHelp("leave it out; or write kind: binary, which tells one class from all others"))
	}
	for _, p := range o.Monotone {
		f, ok := find(p.Key, diag.At{Path: []string{"monotone", p.Key}, Key: true})
		if ok && f.Type.Text() {
			l.Add(diag.New(diag.ColumnType, diag.At{Path: []string{"monotone", p.Key}, Key: true}, "column %q is %s, whose values have no order", f.Name, f.Type).
				WithHelp("leave it out; or make a number of it: feature.derive, feature.encode"))
		}
	}
	for i, group := range o.Interactions {
		for j, name := range group {
			find(name, diag.Option("interactions", strconv.Itoa(i), strconv.Itoa(j)))
		}
	}
}

// constrain sets what is asked of columns, of the core's features: a wide column is as many of them as it has members.
func (o *Operator) constrain(c *Options, features []operators.Field, cols []batch.Column) {
	if len(o.Monotone) == 0 && len(o.Interactions) == 0 {
		return
	}
	at := map[string][]int{}
	n := 0
	for j, f := range features {
		members := 1
		if f.Type.Kind == batch.Vector {
			members = len(cols[j].Members)
		}
		for range members {
			at[f.Name] = append(at[f.Name], n)
			n++
		}
	}
	c.Monotone = make([]int8, n)
	for _, p := range o.Monotone {
		for _, i := range at[p.Key] {
			c.Monotone[i] = 1
			if p.Value == "decreasing" {
				c.Monotone[i] = -1
			}
		}
	}
	for _, group := range o.Interactions {
		var g []int
		for _, name := range group {
			g = append(g, at[name]...)
		}
		c.Interactions = append(c.Interactions, g)
	}
}
