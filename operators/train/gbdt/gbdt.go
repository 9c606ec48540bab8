// Package gbdt fits gradient-boosted trees on histograms of binned columns.
//
// Fit is the learner alone, on plain slices: no batches, no files, no
// goroutines of its own. Operator is what makes slices of a table, and a program
// of the model. What Fit promises:
//
//   - The model is the same to the bit for any number of workers and any order
//     in which they run, because every sum that workers share is an integer:
//     gradients are rounded once to a grid whose step is a power of two, and
//     integer addition is associative.
//   - With RowSample 1, without Goss and at most 200,000 rows (the size of the sample that
//     bins are cut from) it does not depend on the order of the rows either.
//   - A row ends in the same leaf while training and while predicting: a stored
//     threshold is the very number that cut the bins, compared the same way.
//
// The method is that of XGBoost (Chen and Guestrin 2016: second-order gain,
// learnt direction for missing values) grown best leaf first on histograms with
// sibling subtraction as in LightGBM (Ke et al. 2017), with Fisher's (1958)
// ordering for splits on categories.
package gbdt

import (
	"errors"
	"fmt"
	"math"

	"github.com/headrace/headrace/operators/internal/ranks"
	"github.com/headrace/headrace/operators/internal/trees"
)

// Objective is what the trees minimise.
type Objective uint8

const (
	// Binary is log-loss of labels 0 and 1; raw scores are log-odds.
	Binary Objective = iota
	// Regression is half the squared error; raw scores are in the label's unit.
	Regression
	// Multiclass is log-loss of labels that are the numbers of classes; the
	// softmax of a row's raw scores, one a class, is their probabilities.
	Multiclass
	// AbsoluteError aims at the median of the labels. Its leaf values, as those
	// of Quantile and Huber, come of the residuals: penalties choose the splits,
	// and do not shrink them.
	AbsoluteError
	// Quantile is the pinball loss: Options.Quantile of the labels lie below.
	Quantile
	// Huber is squared up to Options.HuberDelta, beyond it absolute.
	Huber
	// Poisson is the deviance of counts; raw scores are logarithms of means, as
	// those of Gamma and Tweedie.
	Poisson
	// Gamma is the deviance of amounts above 0.
	Gamma
	// Tweedie is that of amounts, 0 among them, of Options.TweediePower.
	Tweedie
	// LambdaRank orders the rows of each of Data.Group by their labels, the
	// greatest first, where NDCG is what an order is worth.
	LambdaRank

	objectives = iota
)

var objectiveNames = [objectives]string{"binary", "squared_error", "multiclass", "absolute_error", "quantile", "huber",
	"poisson", "gamma", "tweedie", "lambdarank"}

// String names the objective.
func (o Objective) String() string {
	if o < objectives {
		return objectiveNames[o]
	}
	return fmt.Sprintf("objective(%d)", uint8(o))
}

// Growth is the order in which the leaves of a tree are split.
type Growth uint8

// What there is of Growth.
const (
	LeafWise  Growth = iota // the one of the greatest gain first
	DepthWise               // level by level, in a level the one of the greatest gain first
	Oblivious               // all of a level by one split
)

// depthDefault is how deep trees grow that grow in levels, if nothing is said.
const depthDefault = 6

// obliviousMax is how deep oblivious trees are at most: their leaves double with each level, to leavesMax, which two bytes tell apart.
const (
	obliviousMax = 16
	leavesMax    = 1 << obliviousMax
)

// Feature is one column.
type Feature = trees.Feature

// unknown is the label of rows of validation data that are of a class that
// training has not.
const unknown = -1

// Data is a table.
type Data = trees.Data

// Options of Fit. Start from Defaults; a zero Options is not valid.
type Options struct {
	Objective    Objective
	Classes      int     // of a multiclass label
	Quantile     float64 // in (0, 1)
	HuberDelta   float64 // above 0, in the label's unit
	TweediePower float64 // in (1, 2)
	Truncation   int     // of LambdaRank: pairs count of which a row is among so many at the top of its group, at least 1
	Norm         bool    // of LambdaRank: a pair counts less the farther its scores are apart, and a group by the logarithm of its pairs
	Places       int     // of NDCG: so many at the top of a group count, at least 1
	Trees        int     // at most this many, at least 1
	Leaves       int     // of one tree at most, at least 2; an Oblivious tree has 1<<MaxDepth at most
	LearningRate float64 // factor on every leaf, in (0, 1]
	Bins         int     // of a column at most, 2 to 255; missing has its own besides
	MinRows      int     // in a leaf, at least 1
	MinHessian   float64 // sum in a leaf, at least
	MinGain      float64 // of a split, more than
	L1, L2       float64 // penalties on leaf values
	MaxDepth     int     // splits from root to leaf at most; 0 is no limit, or 6 unless LeafWise
	Growth       Growth
	RowSample    float64 // share of the rows drawn for each tree, in (0, 1]
	ColumnSample float64 // share of the columns drawn for each tree, in (0, 1]
	// ColumnSampleNode is the share of those that is drawn for each node, or for each level of an Oblivious tree, in (0, 1].
	ColumnSampleNode float64
	Gain             ranks.Gain // of LambdaRank and NDCG: what a label is worth
	Goss             Goss       // draws rows, instead of RowSample
	Dart             Dart
	Seed             uint64
	Before           *Before // the model that the fit goes on from; nil is none

	// Monotone is of each feature 1 where scores may only rise with it, all else equal, -1 where they may only fall, and 0 otherwise.
	// Missing values are outside the order. Nil is 0 for all.
	Monotone []int8
	// Interactions are groups of features: those on the way from a root to a leaf are all in one of them. A feature in none is a group
	// by itself. Nil lets all meet.
	Interactions [][]int

	CatSmooth   float64 // added to the hessian when levels are ordered; a level with fewer rows in the node is not ordered
	CatL2       float64 // added to L2 where levels were ordered
	CatMax      int     // levels on the listed side of a split at most
	CatMinGroup int     // rows that a group of levels needs
	CatOneHot   int     // with at most so many levels, one is split off instead

	// EarlyRounds stops after so many trees without a better metric on the
	// validation data, and keeps the best; 0 keeps all trees.
	EarlyRounds int
	EarlyMetric string // one of the metric names; empty is that of the objective
}

// Defaults is what does well on most tables.
func Defaults() Options {
	return Options{
		Quantile: 0.5, HuberDelta: 1, TweediePower: 1.5, Truncation: 30, Norm: true, Places: 10, Trees: 100, Leaves: 31, LearningRate: 0.1, Bins: 255,
		MinRows: 20, MinHessian: 1e-3, L2: 1,
		RowSample: 1, ColumnSample: 1, ColumnSampleNode: 1, Seed: 1,
		CatSmooth: 10, CatL2: 10, CatMax: 32, CatMinGroup: 100, CatOneHot: 4,
	}
}

// Validate says what is wrong with the options, all at once.
func (o Options) Validate() error {
	var errs []error
	no := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	nonNegative := func(name string, v float64) {
		no(!(v >= 0) || math.IsInf(v, 0), "%s is %v, want a number of at least 0", name, v)
	}
	share := func(name string, v float64) {
		no(!(v > 0 && v <= 1), "%s is %v, want more than 0 and at most 1", name, v)
	}
	no(o.Objective >= objectives, "unknown objective %d", o.Objective)
	no(o.Objective == Multiclass && o.Classes < 2, "classes is %d, want at least 2", o.Classes)
	no(!(o.Quantile > 0 && o.Quantile < 1), "quantile is %v, want more than 0 and less than 1", o.Quantile)
	no(!(o.HuberDelta > 0 && o.HuberDelta <= 1e100), "huber delta is %v, want more than 0 and at most 1e100", o.HuberDelta)
	no(!(o.TweediePower > 1 && o.TweediePower < 2), "tweedie power is %v, want more than 1 and less than 2", o.TweediePower)
	no(o.Gain > ranks.Linear, "unknown gain %d", o.Gain)
	no(o.Truncation < 1, "truncation is %d, want at least 1", o.Truncation)
	no(o.Places < 1, "places is %d, want at least 1", o.Places)
	no(o.Trees < 1, "trees is %d, want at least 1", o.Trees)
	no(o.Leaves < 2 || o.Leaves > leavesMax, "leaves is %d, want 2 to %d", o.Leaves, leavesMax)
	share("learning rate", o.LearningRate)
	no(o.Bins < 2 || o.Bins > 255, "bins is %d, want 2 to 255", o.Bins)
	no(o.MinRows < 1, "min rows is %d, want at least 1", o.MinRows)
	nonNegative("min hessian", o.MinHessian)
	nonNegative("min gain", o.MinGain)
	nonNegative("l1", o.L1)
	nonNegative("l2", o.L2)
	no(o.MaxDepth < 0, "max depth is %d, want at least 0", o.MaxDepth)
	no(o.Growth > Oblivious, "unknown growth %d", o.Growth)
	no(o.Growth == Oblivious && o.MaxDepth > obliviousMax, "max depth of an oblivious tree is %d, want at most %d", o.MaxDepth, obliviousMax)
	share("row sample", o.RowSample)
	share("column sample", o.ColumnSample)
	share("column sample of a node", o.ColumnSampleNode)
	if g := o.Goss; g != (Goss{}) {
		no(!(g.Top > 0 && g.Other >= otherMin && g.Top+g.Other <= 1), "goss is %v and %v, want two shares of at most 1 together, the other one %v at least", g.Top, g.Other, otherMin)
		no(o.RowSample < 1, "goss and row sample both draw rows")
	}
	if d := o.Dart; d != (Dart{}) {
		no(!(d.Drop > 0 && d.Drop <= 1 && d.Skip >= 0 && d.Skip < 1 && d.Max >= 0), "dart is %v, %v and %v, want a chance to drop above 0, one to skip below 1, and a number of trees", d.Drop, d.Skip, d.Max)
	}
	nonNegative("cat smooth", o.CatSmooth)
	nonNegative("cat l2", o.CatL2)
	no(o.CatMax < 1, "cat max is %d, want at least 1", o.CatMax)
	no(o.CatMinGroup < 1, "cat min group is %d, want at least 1", o.CatMinGroup)
	no(o.CatOneHot < 0, "cat one hot is %d, want at least 0", o.CatOneHot)
	no(o.EarlyRounds < 0, "early rounds is %d, want at least 0", o.EarlyRounds)
	if m := metricOf(o.metric()); m == nil {
		no(true, "unknown metric %q", o.EarlyMetric)
	} else {
		no(!m.of(o.Objective), "metric %s is not of the objective %s", o.EarlyMetric, o.Objective)
	}
	return errors.Join(errs...)
}

// depth is MaxDepth with its default filled in.
func (o Options) depth() int {
	if o.MaxDepth == 0 && o.Growth != LeafWise {
		return depthDefault
	}
	return o.MaxDepth
}

// leaves is how many a tree has at most.
func (o Options) leaves() int {
	if o.Growth == Oblivious {
		return 1 << o.depth()
	}
	return o.Leaves
}

// metric is the name with its default filled in.
func (o Options) metric() string {
	if o.EarlyMetric != "" {
		return o.EarlyMetric
	}
	return newObjective(&o).metric()
}

// Env is what Fit asks of its caller; a nil field is done without.
type Env struct {
	// Parallel calls f(0) to f(n-1) once each, in any order, on any number of
	// workers, and returns when all are done. Nil runs them in turn.
	Parallel func(n int, f func(i int))
	// Progress is told of every tree: the metric is on the validation data, its
	// name empty when there is none.
	Progress func(done, total int, metric string, value float64)
	// Stop is asked before every tree; its error ends Fit.
	Stop func() error
	// Grant is asked once, when bins are known, for the bytes that histograms
	// come to; its error ends Fit.
	Grant func(bytes int64) error
}

// scaleMin is the least that weights and the spread of labels may be, unless they are 0: the square of the one times the other is a number
// with all its bits.
const scaleMin = 1e-80

// check says what is wrong with the table. Training data may not have codes
// beyond the levels; validation data may.
func check(d *Data, o Options, what string, training bool) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("gbdt: %s data: %w", what, fmt.Errorf(format, args...))
	}
	if d.N < 1 || int64(d.N) > math.MaxInt32 {
		return bad("%d rows, want 1 to %d", d.N, math.MaxInt32)
	}
	if len(d.Label) != d.N {
		return bad("%d labels for %d rows", len(d.Label), d.N)
	}
	if d.Weight != nil && len(d.Weight) != d.N {
		return bad("%d weights for %d rows", len(d.Weight), d.N)
	}
	for _, f := range d.Features {
		switch {
		case f.Numeric() && f.Codes != nil, f.Values != nil && f.Read != nil:
			return bad("feature %q has both values and codes, or values twice", f.Name)
		case f.Codes != nil || f.Levels != 0:
			if f.Levels < 1 {
				return bad("feature %q has %d levels, want at least 1", f.Name, f.Levels)
			}
			if len(f.Codes) != d.N {
				return bad("feature %q has %d codes for %d rows", f.Name, len(f.Codes), d.N)
			}
			if training {
				for i, c := range f.Codes {
					if int(c) >= f.Levels {
						return bad("feature %q has code %d of %d levels in row %d", f.Name, c, f.Levels, i)
					}
				}
			}
		case f.Read == nil && len(f.Values) != d.N:
			return bad("feature %q has %d values for %d rows", f.Name, len(f.Values), d.N)
		}
	}
	if o.Objective == LambdaRank {
		if len(d.Group) != d.N {
			return bad("groups of %d rows, and %d rows", len(d.Group), d.N)
		}
		for i, g := range d.Group {
			if g < 0 || int(g) >= d.N {
				return bad("group %d in row %d, want 0 to %d", g, i, d.N-1)
			}
		}
	}
	positive, loss := false, newObjective(&o)
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, y := range d.Label {
		w := d.WeightOf(i)
		// The bounds keep squares and sums of what follows finite, and above 0.
		if !(w == 0 || w >= scaleMin && w <= 1e100) {
			return bad("weight %v in row %d, want 0, or %v to 1e100", w, i, scaleMin)
		}
		if w == 0 {
			continue
		}
		positive = true
		if want, ok := loss.label(y); !ok && (training || o.Objective != Multiclass || y != unknown) {
			return bad("label %v in row %d, want %s", y, i, want)
		}
		lo, hi = min(lo, y), max(hi, y)
	}
	switch {
	case !positive:
		return bad("no row has a weight above 0")
	case training && lo < hi && hi-lo < scaleMin:
		return bad("all labels are between %v and %v, want them %v apart at least, or all alike", lo, hi, scaleMin)
	}
	return nil
}

// same says how the columns of valid differ from those of train.
func same(d, valid *Data) error {
	if len(valid.Features) != len(d.Features) {
		return fmt.Errorf("gbdt: validation data: %d features, training has %d", len(valid.Features), len(d.Features))
	}
	for i, f := range d.Features {
		v := valid.Features[i]
		if v.Name != f.Name {
			return fmt.Errorf("gbdt: validation data: feature %d is %q, in training %q", i, v.Name, f.Name)
		}
		if (v.Levels > 0) != (f.Levels > 0) {
			return fmt.Errorf("gbdt: validation data: feature %q is numeric in one and categorical in the other", f.Name)
		}
	}
	return nil
}
