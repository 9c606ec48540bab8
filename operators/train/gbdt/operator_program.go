package gbdt

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// programOf is the fitted model: its inputs, the trees, and for a binary task the decision. It predicts what m.Predict does, to the bit.
func programOf(m *Model, v trees.Vocabularies, r model.Roles, train operators.Table, threshold float64) program.Graph {
	var g program.Graph
	in := v.Inputs(&g, r.Features, train.Cols, m.Features, m.Trees)
	k := &program.Trees{Base: m.Base, Levels: in.Levels, Names: in.Names}
	for i := range m.Trees {
		k.Trees = append(k.Trees, in.Tree(&m.Trees[i]))
	}
	score := model.Pred
	if r.Kind == operators.Binary {
		k.Link, score = program.Sigmoid, model.P
	}
	g.Output(score, g.Add(program.One(k, in.Named, []program.Named{{Name: score, Type: batch.T(batch.Float64)}}), in.At)[score])
	if r.Kind == operators.Binary {
		return model.Decide(g, threshold)
	}
	return g
}
