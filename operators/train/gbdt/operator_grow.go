package gbdt

import "github.com/headrace/headrace/operators/diag"

// growths are the names of the ways to grow.
var growths = map[string]Growth{"leaf_wise": LeafWise, "depth_wise": DepthWise, "oblivious": Oblivious}

// checkGrowth reports limits that do not go with the way to grow.
func (o *Operator) checkGrowth(l *diag.List) {
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
	switch {
	case o.Leaves != nil:
		c.Leaves = *o.Leaves
	case c.Growth != LeafWise:
		c.Leaves = 1 << min(c.depth(), obliviousMax)
	}
}
