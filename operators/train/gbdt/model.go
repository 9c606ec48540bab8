package gbdt

import (
	"slices"

	"github.com/headrace/headrace/operators/internal/trees"
)

// Model is a fitted ensemble. A row has a raw score for each output, one but
// for a multiclass model, which has one a class: Base of that output plus, in
// the order of its trees, the leaf that the row reaches in each. Binary scores
// are log-odds.
type Model struct {
	Objective Objective
	Features  []Meta
	Base      []float64
	Trees     []Tree // of each round, a tree an output
	// Best is the number of rounds kept, behind those of the model before:
	// len(Trees) / len(Base) - Before.
	Best, Before int
	// Gain and Splits are, for every feature, the sum of the gains and the
	// number of the splits on it in the trees kept; no gain is known of those
	// of the model before.
	Gain   []float64
	Splits []int64
	// Metric names what Curve holds: Curve[i] is the metric on the validation
	// data after i+1 rounds, also of trees that were then dropped. Empty without
	// validation data.
	Metric string
	Curve  []float64
	Start  float64 // the metric of the model before
}

// Meta is what a model needs to know of a feature.
type Meta = trees.Meta

func metaOf(d *Data) (meta []Meta) {
	for _, f := range d.Features {
		meta = append(meta, Meta{Name: f.Name, Levels: f.Levels})
	}
	return meta
}

// Tree is one of a model's.
type Tree = trees.Tree

// Predict writes the raw scores of the rows of features, which must be those of
// the fit in the same order, to out: those of the first output, then those of
// the next. It is the reference that faster forms must equal to the bit: one
// addition a tree, in order.
func (m *Model) Predict(features []Feature, out []float64) {
	outputs := len(m.Base)
	rows := len(out) / outputs
	features = slices.Clone(features)
	for i := range features {
		if f := &features[i]; f.Read != nil {
			f.Values = make([]float64, rows)
			f.Read(f.Values, 0)
		}
	}
	for k, base := range m.Base {
		for r := range rows {
			s := base
			for t := k; t < len(m.Trees); t += outputs {
				s += m.Trees[t].Leaf[m.Trees[t].Find(m.Features, features, r)]
			}
			out[k*rows+r] = s
		}
	}
}
