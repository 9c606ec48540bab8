package model

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// Linear is the program of a linear model: w has a weight for each number that Numbers gives of the features, as they were learnt from
// cols.
func Linear(features []operators.Field, cols []batch.Column, w []float64, intercept float64, link program.Link, out string) program.Graph {
	k := &program.Linear{W: w, B: intercept, Link: link}
	in := make([]program.Named, len(features))
	wide, vectors := make([]int, len(features)), false
	for j, f := range features {
		in[j], wide[j] = program.Named{Name: f.Name, Type: f.Type}, 1
		if f.Type.Kind == batch.Vector {
			wide[j], vectors = cols[j].Wide, true
		}
	}
	if vectors {
		k.Wide = wide
	}
	return program.One(k, in, []program.Named{{Name: out, Type: batch.T(batch.Float64)}})
}

// Decide adds the column pred to the program of p: whether p reaches the threshold.
func Decide(g program.Graph, threshold float64) program.Graph {
	h := program.One(&program.Threshold{At: threshold}, []program.Named{{Name: P, Type: batch.T(batch.Float64)}},
		[]program.Named{{Name: Pred, Type: batch.T(batch.Bool)}})
	at := map[string]int{}
	for _, p := range g.Out {
		at[p.Name] = p.Slot
	}
	g.Output(Pred, g.Add(h, at)[Pred])
	return g
}
