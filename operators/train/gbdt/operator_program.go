package gbdt

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// programOf is the fitted model: its inputs, the trees, and for a binary task the decision, for one of many classes the choice. It
// predicts what m.Predict does, to the bit.
func programOf(m *Model, v trees.Vocabularies, r model.Roles, train operators.Table, classes model.Classes, threshold float64) program.Graph {
	var g program.Graph
	in := v.Inputs(&g, r.Features, train.Cols, m.Features, m.Trees)
	add := func(output int, score string) { ensemble(&g, in, m, output, linkOf(m.Objective), score) }
	switch r.Kind {
	case operators.Binary:
		add(0, model.P)
		return model.Decide(g, threshold)
	case operators.Multiclass:
		for c := range classes {
			add(c, model.RawScore(c))
		}
		return model.Classify(g, classes)
	case operators.Ranking:
		add(0, model.Score)
		return g
	}
	add(0, model.Pred)
	return g
}

// ensemble adds the trees of an output to a program, and what they say under a name.
func ensemble(g *program.Graph, in *trees.Inputs, m *Model, output int, link program.Link, score string) {
	k := &program.Trees{Base: m.Base[output], Link: link, Levels: in.Levels, Names: in.Names}
	for i := output; i < len(m.Trees); i += len(m.Base) {
		k.Trees = append(k.Trees, in.Tree(&m.Trees[i]))
	}
	g.Output(score, g.Add(program.One(k, in.Named, []program.Named{{Name: score, Type: batch.T(batch.Float64)}}), in.At)[score])
}
