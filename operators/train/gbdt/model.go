package gbdt

import (
	"slices"

	"github.com/headrace/headrace/operators/internal/trees"
)

// Model is a fitted ensemble: the raw score of a row is Base plus, in the order
// of the trees, the leaf it reaches in each. Binary scores are log-odds.
type Model struct {
	Objective Objective
	Features  []Meta
	Base      float64
	Trees     []Tree
	// Best is the number of trees kept: len(Trees).
	Best int
	// Gain and Splits are, for every feature, the sum of the gains and the
	// number of the splits on it in the trees kept.
	Gain   []float64
	Splits []int64
	// Metric names what Curve holds: Curve[i] is the metric on the validation
	// data after i+1 trees, also of trees that were then dropped. Empty without
	// validation data.
	Metric string
	Curve  []float64
}

// Meta is what a model needs to know of a feature.
type Meta = trees.Meta

// Tree is one of a model's.
type Tree = trees.Tree

// Predict writes the raw scores of the rows of features, which must be those of
// the fit in the same order, to out (one element a row). It is the reference
// that faster forms must equal to the bit: one addition a tree, in order.
func (m *Model) Predict(features []Feature, out []float64) {
	features = slices.Clone(features)
	for i := range features {
		if f := &features[i]; f.Read != nil {
			f.Values = make([]float64, len(out))
			f.Read(f.Values, 0)
		}
	}
	for r := range out {
		s := m.Base
		for t := range m.Trees {
			s += m.Trees[t].Leaf[m.Trees[t].Find(m.Features, features, r)]
		}
		out[r] = s
	}
}
