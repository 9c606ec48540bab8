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

// Growing is train.gbdt's options of how trees grow.
type Growing struct {
	Grow             string              `param:"grow" doc:"the order in which leaves are split: the one of the greatest gain first; level by level; or all of a level by one split, where a leaf that this would leave a side too small stays whole" enum:"leaf_wise|depth_wise|oblivious" default:"leaf_wise"`
	MinChildWeight   float64             `param:"min_child_weight" doc:"sum of hessians in a leaf at least" default:"0.001" min:"0"`
	ColumnSampleNode float64             `param:"column_sample_node" doc:"share of a tree's columns that each node sees, or each level of an oblivious tree" default:"1" min:">0" max:"1"`
	Monotone         param.Pairs[string] `param:"monotone" doc:"a column of numbers, then where the score may go as it grows, all else equal; missing values are outside the order" enum:"increasing|decreasing"`
	Goss             *Goss               `param:"goss" doc:"one-side sampling: each tree sees the rows of the greatest gradients and a draw of the others, but for the first 1/learning_rate trees, which see all; instead of row_sample"`
	Dart             *Dart               `param:"dart" doc:"dropout: some earlier trees are away while a tree is fitted, and share its place: of k each keeps k/(k+1), and the new one takes 1/(k+1) of its step"`
	Interactions     [][]string          `param:"interactions" doc:"groups of columns: those on the way from a root to a leaf are all in one group; a column in none meets no other"`
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

// keptBytes is what sampling, dropout and rankings keep of a row.
func (o *Options) keptBytes() (n int64) {
	if o.Goss.on() {
		n += 9
	}
	if o.Dart.on() {
		leaf := int64(1)
		if o.leaves() > 1<<8 {
			leaf = 2
		}
		n += leaf * int64(o.Trees)
	}
	if o.Objective == LambdaRank {
		n += 24 // the number of its group, its place in it, two derivatives
	}
	return n
}
