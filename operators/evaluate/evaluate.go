// Package evaluate measures models on rows that they have not learnt from.
package evaluate

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
)

// Options are what all evaluations have.
type Options struct {
	Part     string   `param:"part" doc:"the rows that are measured" enum:"train|valid|test" default:"test"`
	Slices   []string `param:"slices" doc:"source columns by whose values the metrics are also given; they need not be features"`
	Champion string   `param:"champion" doc:"a published model that is measured on the same rows, as models://NAME@ALIAS"`
}

var championText = regexp.MustCompile(`^models://[A-Za-z0-9][A-Za-z0-9_.-]*(@[A-Za-z0-9][A-Za-z0-9_.-]*)?$`)

// check is what the Check of every evaluation says.
func (o *Options) check(s operators.Site, name string, kind operators.TaskKind, metrics []string) (operators.Output, diag.List) {
	t, in := s.Task, s.In[0]
	out := operators.Output{Eval: &operators.Eval{Raw: o.Slices, Champion: o.Champion, Metrics: metrics}}
	for i, part := range batch.PartNames {
		if part == o.Part {
			out.Reads.Parts = 1 << i
		}
	}
	if t.Label != "" {
		out.Reads.Cols = append(out.Reads.Cols, t.Label)
	}
	if t.Weight != "" {
		out.Reads.Cols = append(out.Reads.Cols, t.Weight)
	}
	if kind == operators.Ranking && t.Group != "" {
		out.Reads.Cols = append(out.Reads.Cols, t.Group)
	}
	found := model.CheckTask(name, t, []operators.TaskKind{kind})
	if found == nil {
		if t.Label != "" {
			found = targetOf(s).Check(in)
		}
		found.Add(model.CheckWeight(s)...)
		if kind == operators.Ranking {
			found.Add(model.CheckGroup(s)...)
		}
	}
	for _, f := range model.Scores(kind, model.TargetOf(s).Field) {
		out.Eval.Scores = append(out.Eval.Scores, f.Name)
		if have, ok := in.Field(f.Name); found == nil && (!ok || have.Type != f.Type && have.Type.Kind != batch.Unknown) {
			found.Add(diag.New(diag.NotAModel, diag.At{}, "%s measures a column %q of type %s, which does not come from its input", name, f.Name, f.Type).
				WithHelp("from: names a model step of a task of kind %s", kind))
		}
	}
	seen := map[string]bool{}
	for i, c := range o.Slices {
		at := diag.Option("slices", strconv.Itoa(i))
		out.Eval.RawAt = append(out.Eval.RawAt, at)
		if seen[c] {
			found.Add(diag.New(diag.ColumnTwice, at, "column %q twice", c))
		}
		seen[c] = true
		// what stands where serving begins is not seen here; a column of that name mostly is the same
		if i := in.Index(c); i >= 0 && !sliceable(in.Fields[i].Type) {
			found.Add(diag.New(diag.ColumnType, at, "column %q is %s, which has no values to slice by", c, in.Fields[i].Type))
		}
	}
	if o.Champion != "" && !championText.MatchString(o.Champion) {
		found.Add(diag.New(diag.OptionType, diag.Option("champion"), "%q is no model", o.Champion).WithHelp("write models://NAME@ALIAS"))
	}
	return out, found
}

// targetOf is the label that models are measured by: that of anomalies tells two classes apart.
func targetOf(s operators.Site) model.Target {
	t := model.TargetOf(s)
	if t.Task.Kind == operators.Anomaly {
		t.Task.Kind = operators.Binary
	}
	return t
}

func sliceable(t batch.Type) bool { return t.Kind != batch.List && t.Kind != batch.Vector }

// start makes the accumulator of an evaluation.
func (o *Options) start(s operators.Site, models []string) *rows {
	r := &rows{target: targetOf(s), blind: s.Task.Label == "", weight: s.Task.Weight, group: coded{column: s.Task.Group}, slices: make([]coded, len(o.Slices)), scores: make([][]float64, len(models)),
		missing: make([]int64, len(models))}
	if r.multiclass() {
		r.preds, r.members = make([]coded, len(models)), make([][]string, len(models))
	}
	for i, c := range o.Slices {
		r.slices[i].column = c
	}
	return r
}

// begin refuses rows that cannot be measured, and asks for the memory that each of models at work takes.
func (r *rows) begin(models []string, env operators.Env, atWork int) (operators.Result, error) {
	n := r.len()
	if n == 0 {
		return operators.Result{}, model.DataError("there are no rows to evaluate")
	}
	for m, name := range models {
		if name == "" && r.missing[m] > 0 {
			return operators.Result{}, model.DataError("the model gives no score, or NaN, for %d of %d rows", r.missing[m], n)
		}
	}
	if err := env.Grant(int64(n) * 40 * int64(atWork)); err != nil {
		return operators.Result{}, fmt.Errorf("evaluate: %w", err)
	}
	res := operators.Result{Models: make([]operators.ModelResult, len(models))}
	for m, name := range models {
		res.Models[m].Name, res.Models[m].Rows = name, int64(n)
	}
	return res, nil
}

// finish measures every model with one, on all rows and on those of each slice. one is given the rows by the order of their scores.
func (r *rows) finish(models []string, env operators.Env, one func(m int, order []uint32, whole bool) operators.ModelResult) (operators.Result, error) {
	res, err := r.begin(models, env, len(models))
	if err != nil {
		return res, err
	}
	env.Parallel(len(models), func(m int) {
		order := r.order(m)
		all := one(m, order, true)
		all.Name, all.Rows = res.Models[m].Name, res.Models[m].Rows
		for k := range r.slices {
			s := &r.slices[k]
			for _, g := range s.groups(order) {
				v := one(m, g.order, false)
				all.Slices = append(all.Slices, operators.Slice{Column: s.column, Value: g.value, Rows: int64(len(g.order)), Metrics: v.Metrics})
			}
		}
		res.Models[m] = all
	})
	return res, nil
}
