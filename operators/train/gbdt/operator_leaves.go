package gbdt

import "github.com/headrace/headrace/operators/internal/trees"

// Categories is train.gbdt's option categories.
type Categories struct {
	OneHot    int     `param:"one_hot" doc:"with so many values in a node or fewer, one is split off instead (LightGBM's max_cat_to_onehot)" default:"4" min:"0"`
	MinGroup  *int    `param:"min_group" doc:"rows on each side of a split, and per group of values that a cut moves, at least (min_data_per_group); if not given, a twentieth of the train rows, at least min_rows and at most 100" min:"1"`
	MaxValues int     `param:"max_values" doc:"values on the listed side of a split at most (max_cat_threshold)" default:"32" min:"1" max:"254"`
	Smooth    float64 `param:"smooth" doc:"added to the hessian sum of a value where values are ordered (cat_smooth); a value with fewer rows in the node is on the side that is not listed" default:"10" min:"0"`
	L2        float64 `param:"l2" doc:"added to l2 for leaves of such a split (cat_l2)" default:"10" min:"0"`
}

// groupRows is min_group in tables of so many rows and more that a twentieth of them is not less. It is LightGBM's; in a table of less than
// twice as many rows no text column would be split at all.
const groupRows, groupShare = 100, 20

// ofTable sets what follows from the train rows where it is not given.
func (o *Operator) ofTable(c *Options, d *Data) {
	c.CatMinGroup = min(groupRows, max(c.MinRows, d.N/groupShare))
	if k := o.Categories; k != nil && k.MinGroup != nil {
		c.CatMinGroup = *k.MinGroup
	}
	if c.Objective == Multiclass && o.MinChildWeight == nil {
		c.MinHessian = hessianOfClasses * rowWeight(d)
	}
}

// rowsOfLogs is min_rows of objectives whose scores are logarithms. What a leaf of few rows says is bounded there, by penalties and by the
// length of a step, while in the label's unit one row far off is learnt by heart.
const rowsOfLogs = 5

// hessianOfClasses is min_child_weight of many classes, for rows of weight 1: of most of them a row's score is far out, and leaves of such rows
// have great values of small sums.
const hessianOfClasses = 1

// least sets what a leaf has at least, by the objective, and how levels are split.
func (o *Operator) least(c *Options) {
	if _, ok := newObjective(c).(flat); !ok && c.Objective != LambdaRank {
		c.MinRows = rowsOfLogs
	}
	if o.MinRows != nil {
		c.MinRows = *o.MinRows
	}
	if o.MinChildWeight != nil {
		c.MinHessian = *o.MinChildWeight
	}
	if k := o.Categories; k != nil {
		c.CatOneHot, c.CatMax, c.CatSmooth, c.CatL2 = k.OneHot, k.MaxValues, k.Smooth, k.L2
	}
}

// rowWeight is the mean of the rows of weight.
func rowWeight(d *Data) (mean float64) {
	if d.Weight == nil {
		return 1
	}
	n := 0
	for _, w := range d.Weight {
		if w > 0 {
			n++
		}
	}
	trees.Lead(nil, func(t *trees.Team) { mean = t.Sum(d.Weight) / float64(max(1, n)) })
	return mean
}
