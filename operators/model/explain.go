package model

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// Shap is the column of what each feature adds to a row's raw score.
const Shap = "shap"

// Explains adds the column to what a learner of trees says that it makes.
func Explains(s operators.Site, o *operators.Output) (found diag.List) {
	if s.In[0].Has(Shap) {
		found.Add(diag.New(diag.ColumnTwice, diag.Option("explain"), "the model adds a column %q, and there is one already", Shap).
			WithHelp("clean.rename it first, or clean.drop it"))
	}
	o.Made = append(o.Made, operators.Made{Field: operators.Field{Name: Shap, Type: batch.T(batch.Vector)}, Apply: o.Model.Features})
	return found
}

// Explain adds the column to a program that makes the scores of a kind of task.
func Explain(g program.Graph, kind operators.TaskKind) (program.Graph, error) {
	return program.Explain(g, Scores(kind, operators.Field{})[0].Name, Shap)
}
