// Package model holds what learners share: which columns are features, what a label may be, and the scores that a model step adds.
package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// The columns that model steps add.
const (
	P    = "p"    // binary: the probability of 1; multiclass: of each class, a wide column
	Pred = "pred" // binary: whether p reaches the threshold; multiclass: the likeliest class; regression: the estimate; anomaly: whether it is one

	Score = "score" // anomaly: how much of one a row is; ranking: what the rows of a group are in the order of, the greatest first
)

// Scores are the columns that a model of a kind of task adds, the one that metrics use first. A class is a value of the label.
func Scores(kind operators.TaskKind, label operators.Field) []operators.Field {
	switch kind {
	case operators.Binary:
		return []operators.Field{{Name: P, Type: batch.T(batch.Float64)}, {Name: Pred, Type: batch.T(batch.Bool)}}
	case operators.Multiclass:
		return []operators.Field{{Name: P, Type: batch.T(batch.Vector)}, {Name: Pred, Type: label.Type, Categories: label.Categories}}
	case operators.Anomaly:
		return []operators.Field{{Name: Score, Type: batch.T(batch.Float64)}, {Name: Pred, Type: batch.T(batch.Bool)}}
	case operators.Ranking:
		return []operators.Field{{Name: Score, Type: batch.T(batch.Float64)}}
	}
	return []operators.Field{{Name: Pred, Type: batch.T(batch.Float64)}}
}

// Learner says what a learner takes. Numbers, bools and wide columns every learner takes.
type Learner struct {
	Name  string // the operator's
	Tasks []operators.TaskKind
	Nulls bool // a missing value is a value to it
	Text  bool // it takes strings as they are
	Valid bool // it reads valid rows too
}

// Roles are the columns of a model step's input by what they are to it.
type Roles struct {
	Kind     operators.TaskKind
	Features []operators.Field
	Target   Target
	Weight   string // "" for none
	Group    string // of a ranking
}

// Cols are the columns that a fit reads, in order: the features, the label unless nothing is learnt from one, the weight, the group.
func (r Roles) Cols() []string {
	c := operators.FieldNames(r.Features)
	if r.Kind != operators.Anomaly {
		c = append(c, r.Target.Name)
	}
	if r.Weight != "" {
		c = append(c, r.Weight)
	}
	if r.Group != "" {
		c = append(c, r.Group)
	}
	return c
}

// RolesOf sorts the columns of a checked site: features are all that are not the label, the weight, the group or an id.
func RolesOf(s operators.Site) Roles {
	t := s.Task
	label, _ := s.In[0].Field(t.Label)
	r := Roles{Kind: t.Kind, Target: Target{Field: label, Task: t}, Weight: t.Weight}
	if t.Kind == operators.Ranking {
		r.Group = t.Group
	}
	for _, f := range s.In[0].Fields {
		if f.Name != t.Label && f.Name != t.Weight && f.Name != t.Group && !slices.Contains(t.IDs, f.Name) {
			r.Features = append(r.Features, f)
		}
	}
	return r
}

// Check is what a learner's Check says.
func (l Learner) Check(s operators.Site) (operators.Output, diag.List) {
	r := RolesOf(s)
	found := CheckTask(l.Name, s.Task, l.Tasks)
	if found == nil {
		if r.Kind != operators.Anomaly {
			found = r.Target.Check(s.In[0])
		}
		found.Add(CheckWeight(s)...)
		if r.Kind == operators.Ranking {
			found.Add(CheckGroup(s)...)
		}
		found.Add(l.features(s, r)...)
	}
	names := operators.FieldNames(r.Features)
	kind := r.Kind
	if !slices.Contains(l.Tasks, kind) {
		kind = l.Tasks[0] // so that what follows has columns to name
	}
	o := operators.Output{Model: &operators.Model{Kind: kind, Features: names}, Reads: operators.Reads{Parts: batch.TrainRows, Cols: r.Cols()}}
	if l.Valid {
		o.Reads.Parts |= batch.ValidRows
	}
	for _, f := range Scores(kind, r.Target.Field) {
		if s.In[0].Has(f.Name) {
			found.Add(diag.New(diag.ColumnTwice, diag.At{}, "the model adds a column %q, and there is one already", f.Name).
				WithHelp("clean.rename it first, or clean.drop it"))
		}
		o.Made = append(o.Made, operators.Made{Field: f, Apply: names})
		o.Model.Scores = append(o.Model.Scores, f.Name)
	}
	return o, found
}

// CheckTask reports a task block that is missing or of another kind.
func CheckTask(operator string, t operators.Task, kinds []operators.TaskKind) diag.List {
	if slices.Contains(kinds, t.Kind) && (t.Label != "" || t.Kind == operators.Anomaly) {
		return nil
	}
	var want []string
	for _, k := range kinds {
		want = append(want, string(k))
	}
	help := fmt.Sprintf("write task: {kind: %s, label: COLUMN}", want[0])
	if kinds[0] == operators.Anomaly {
		help = "write task: {kind: anomaly}, with label: COLUMN if one says which rows are anomalies: it is no feature then"
	}
	what := "and there is no task block"
	switch {
	case t.Kind == operators.Multiclass && !slices.Contains(kinds, t.Kind) && strings.HasPrefix(operator, "train."):
		what = "the task is multiclass"
		help = "train.gbdt, train.forest, train.tree and train.logistic learn many classes; kind: binary with positive: VALUE tells one of them from the others"
	case t.Kind != operators.NoTask && t.Kind != "" && !slices.Contains(kinds, t.Kind):
		what = fmt.Sprintf("the task is %s", t.Kind)
		if fits := "evaluate." + string(t.Kind); operator == "evaluate."+string(kinds[0]) {
			if _, ok := operators.Lookup(fits); ok {
				help = "write " + fits
			}
		}
	case t.Kind != operators.NoTask && t.Kind != "":
		what = "and the task names no label"
	}
	return diag.List{diag.New(diag.TaskMissing, diag.At{}, "%s is for tasks of kind %s, %s", operator, strings.Join(want, " or "), what).WithHelp("%s", help)}
}

// CheckWeight checks the column that task.weight names.
func CheckWeight(s operators.Site) diag.List {
	name := s.Task.Weight
	if name == "" {
		return nil
	}
	f, l := s.In[0].Want(name, diag.At{})
	switch {
	case l != nil:
		l[0].Message = fmt.Sprintf("the weight %q does not reach this step", name)
	case f.Type.Kind == batch.Unknown:
	case !f.Type.Numeric():
		l.Add(diag.New(diag.ColumnType, diag.At{}, "the weight %q is %s, not a number", name, f.Type).WithHelp("clean.cast it"))
	case f.Nullable:
		l.Add(diag.New(diag.Nullable, diag.At{}, "the weight %q may be null", name).
			WithHelp("clean.fill it, or keep the rows that have it: clean.filter: \"%s != nil\"", name))
	}
	return l
}

// nullableMax is how many features that may be null are reported each.
const nullableMax = 3

// features reports the features that the learner cannot take.
func (l Learner) features(s operators.Site, r Roles) (found diag.List) {
	var nullable []string
	bad := func(code diag.Code, help, format string, args ...any) {
		found.Add(diag.New(code, diag.At{}, format, args...).WithHelp("%s", help))
	}
	for _, f := range r.Features {
		switch k := f.Type.Kind; {
		case k == batch.Unknown:
			continue
		case f.Type.Text() && k == batch.String:
			if !l.Text {
				bad(diag.FeatureType, fmt.Sprintf("feature.encode: {columns: [%s]} makes numbers of it; clean.drop leaves it out", f.Name),
					"feature %q is string, which %s cannot take", f.Name, l.Name)
			}
			continue // a missing text is a level that nobody has
		case f.Type.Temporal():
			bad(diag.FeatureType, fmt.Sprintf("feature.derive makes numbers of it (\"hour(%s)\", \"weekday(%s)\"); clean.drop leaves it out", f.Name, f.Name),
				"feature %q is %s, which %s cannot take", f.Name, f.Type, l.Name)
			continue
		case k == batch.Bytes || k == batch.List:
			bad(diag.FeatureType, fmt.Sprintf("clean.drop: [%s] leaves it out", f.Name), "feature %q is %s, which %s cannot take", f.Name, f.Type, l.Name)
			continue
		}
		if f.Nullable && !l.Nulls {
			nullable = append(nullable, f.Name)
		}
	}
	if n := len(nullable); n > nullableMax { // they are so for one reason mostly: a file whose columns say nothing of nulls
		bad(diag.Nullable, fmt.Sprintf("clean.fill: {columns: [numeric(), -%s], method: median} gives them values; clean.drop_missing drops the rows", s.Task.Label),
			"%d features may be null, which %s cannot take: %s and %d more", n, l.Name, strings.Join(nullable[:nullableMax], ", "), n-nullableMax)
		nullable = nil
	}
	for _, name := range nullable {
		bad(diag.Nullable, fmt.Sprintf("clean.fill: {columns: [%s]} gives it a value; clean.drop_missing drops the rows", name),
			"feature %q may be null, which %s cannot take", name, l.Name)
	}
	if len(r.Features) == 0 && !s.In[0].Open {
		bad(diag.NoColumns, "features are all columns that reach the step but the label, the weight, the group and the ids", "no column is left to learn from")
	}
	return found
}
