package gbdt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// Continue is train.gbdt's option continue.
type Continue struct {
	Model    string   `param:"model" doc:"the published model, as models://NAME@ALIAS: an alias, the number of a version, or latest, the newest, be it taken back or not; without @ it is champion" required:"true"`
	Trees    *int     `param:"trees" doc:"rounds that are added at most; if not given, as many as the step's trees, which is what a fit that begins anew has" min:"1" max:"100000"`
	TreesMax int      `param:"trees_max" doc:"rounds of the model and of the fit together at most: where they would be more, the fit begins anew; 0 is no limit" default:"1000" min:"0"`
	Refit    *float64 `param:"refit" doc:"grow no trees: keep those of the model, and give each leaf this share of its old value and the rest of what the rows say now, learning_rate included. A leaf stays as it is where no row comes to it, or rows of less than min_child_weight" min:"0" max:"<1"`
	FirstRun string   `param:"first_run" doc:"while nothing is published yet by that name, which must be the one that this DAG publishes: train begins anew, fail is an error" enum:"train|fail" default:"train"`
}

var modelText = regexp.MustCompile(`^models://[A-Za-z0-9][A-Za-z0-9_.-]*(@[A-Za-z0-9][A-Za-z0-9_.-]*)?$`)

// before is the published model that a fit goes on from.
type before struct {
	*operators.Published
	trees *trees.Stored
}

// added is how many rounds are added at most.
func (o *Operator) added() int {
	if c := o.Continue; c != nil && c.Trees != nil {
		return *c.Trees
	}
	return o.Trees
}

// refits says whether leaves are fitted again, and no trees grown.
func (o *Operator) refits(b *before) bool { return b != nil && o.Continue.Refit != nil }

// before finds the model that the fit goes on from. It is nil where the fit begins anew, and anew says why; that is "" where the option
// is not given.
func (o *Operator) before(s operators.Site) (b *before, anew string, err error) {
	c := o.Continue
	if c == nil {
		return nil, "", nil
	}
	if s.Published == nil {
		return nil, "there is no registry here", nil
	}
	p, err := s.Published(c.Model)
	if err != nil {
		return nil, "", err
	}
	if p == nil {
		return nil, fmt.Sprintf("nothing is published as %s yet", c.Model), nil
	}
	b = &before{Published: p}
	if b.trees, err = trees.Read(p.Graph, model.Scores(s.Task.Kind, operators.Field{})[0].Name); err != nil {
		return nil, "", fmt.Errorf("%s: %w", p, err)
	}
	if (s.Task.Kind == operators.Multiclass) != (b.trees.Classes != nil) {
		return nil, "", fmt.Errorf("%s: its scores are not those of a %s task", p, s.Task.Kind)
	}
	if n := b.trees.Rounds() + o.added(); c.Refit == nil && c.TreesMax > 0 && n > c.TreesMax {
		return nil, fmt.Sprintf("%s version %d has %d rounds, %d more are above trees_max %d", p.Name, p.Version, b.trees.Rounds(), o.added(), c.TreesMax), nil
	}
	return b, "", nil
}

// checkContinue finds the model that the step goes on from, and reports one that is not there or that it cannot go on from.
func (o *Operator) checkContinue(s operators.Site, m *operators.Model, l *diag.List) {
	c := o.Continue
	if c == nil {
		return
	}
	at := diag.Option("continue", "model")
	if c.Refit != nil && c.Trees != nil {
		l.Add(diag.New(diag.OptionConflict, diag.Option("continue", "trees"), "refit grows no trees").WithHelp("leave one of the two out"))
	}
	if c.Refit != nil && len(o.Monotone) > 0 {
		l.Add(diag.New(diag.OptionConflict, diag.Option("continue", "refit"), "refit moves each leaf by itself, and what monotone asks for would be lost").
			WithHelp("leave one of the two out; without refit the trees that are added keep to monotone"))
	}
	for _, f := range model.RolesOf(s).Features { // the first night too: the next would be refused
		if f.Type.Kind == batch.Vector {
			l.Add(diag.New(diag.OptionConflict, diag.Option("continue"), "feature %q is a wide column: which members it has is known only when rows are read, and may be others every night", f.Name).
				WithHelp("leave strings as they are, and numbers in columns of their own"))
		}
	}
	if c.Model == "" {
		return // reported as missing
	}
	if !modelText.MatchString(c.Model) {
		l.Add(diag.New(diag.OptionType, at, "%q is no model", c.Model).WithHelp("write models://NAME@ALIAS"))
		return
	}
	if s.Published == nil || !slices.Contains(o.learner().Tasks, s.Task.Kind) {
		return
	}
	p, err := s.Published(c.Model)
	switch {
	case err != nil:
		l.Add(diag.New(diag.ContinueBad, at, "%v", err).WithHelp("headrace models lists what is published, and headrace models promote moves an alias"))
		return
	case p == nil && c.FirstRun == "fail":
		l.Add(diag.New(diag.ContinueBad, at, "nothing is published as %s yet, and first_run is fail", c.Model).
			WithHelp("first_run: train begins anew; or publish a model first"))
		return
	}
	if p != nil && !alike(p.Task, s.Task) {
		l.Add(diag.New(diag.ContinueBad, at, "%s is of another task: %s, this one is %s", p, taskText(p.Task), taskText(s.Task)).
			WithHelp("train it anew: leave continue out"))
		return
	}
	b, anew, err := o.before(s)
	if err != nil {
		l.Add(diag.New(diag.ContinueBad, at, "%v", err).WithHelp("continue goes on from what train.gbdt has made, with nothing behind it"))
		return
	}
	m.Start = o.start(b, anew)
	if b == nil {
		return
	}
	m.Before = p
	for _, why := range b.misfits(o, s) {
		l.Add(diag.New(diag.ContinueBad, at, "%s: %s", p, why).WithHelp("make it what it was; or train anew: leave continue out"))
	}
}

// alike says whether tasks are of one label.
func alike(a, b operators.Task) bool {
	return a.Kind == b.Kind && a.Label == b.Label && a.Positive == b.Positive
}

func taskText(t operators.Task) string {
	s := fmt.Sprintf("%s of %q", t.Kind, t.Label)
	if t.Positive != "" {
		s += fmt.Sprintf(" being %q", t.Positive)
	}
	return s
}

// misfits are the reasons why the trees mean nothing, or something else, where the step stands.
func (b *before) misfits(o *Operator, s operators.Site) (why []string) {
	var opt Options
	o.objective(s, &opt)
	no := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	r := model.RolesOf(s)
	if label := r.Target.Type; b.trees.Classes != nil && b.trees.Classes[0].Kind != label.Kind && label.Kind != batch.Unknown {
		no("the label was %s, and is %s now", batch.T(b.trees.Classes[0].Kind), label)
	}
	if was, link := b.trees.Ensembles[0].Link, linkOf(opt.Objective); was != link {
		no("its raw scores are %s, those of the objective %s are %s", scale(was), opt.Objective, scale(link))
	}
	features := r.Features
	at := make([]int, len(b.trees.Features)) // where the features of before are
	var gone []string
	for i, was := range b.trees.Features {
		at[i] = slices.IndexFunc(features, func(f operators.Field) bool { return f.Name == was.Name })
		switch {
		case !was.Asked:
		case at[i] < 0 && !s.In[0].Open:
			gone = append(gone, strconv.Quote(was.Name))
		case at[i] >= 0 && features[at[i]].Type != was.Type && features[at[i]].Type.Kind != batch.Unknown:
			no("feature %q was %s, and is %s now", was.Name, was.Type, features[at[i]].Type)
		}
	}
	if gone != nil {
		no("its trees ask for what does not reach this step: %s", strings.Join(gone, ", "))
	}
	if why != nil || s.In[0].Open || len(o.Monotone) == 0 && len(o.Interactions) == 0 {
		return why
	}
	o.constrain(&opt, features, nil)
	for _, k := range b.trees.Ensembles {
		if err := keeps(&opt, k, at); err != nil {
			no("%v", err)
			break
		}
	}
	return why
}

// scale says what raw scores a link is put on.
func scale(l program.Link) string {
	switch l {
	case program.Sigmoid:
		return "log-odds"
	case program.Exp:
		return "logarithms of what is predicted"
	}
	return "what is predicted itself"
}

// texts are the values of the features that the trees tell apart.
func (b *before) texts(features []operators.Field) [][]string {
	if b == nil {
		return nil
	}
	return b.trees.Texts(features)
}

// classes are those of the model, with the train rows' labels as their numbers. A class that the model does not know is an error: it
// has no trees for it.
func (b *before) classes(r model.Roles, label *batch.Column, d *Data, now model.Classes) (model.Classes, error) {
	classes := model.Classes(b.trees.Classes)
	var fresh []string
	for _, v := range now {
		if !slices.Contains(classes, v) {
			fresh = append(fresh, model.ClassName(v))
		}
	}
	if fresh != nil {
		return nil, model.DataError("%s does not know a class of the label %q: %s; train anew to learn it: leave continue out", b, r.Target.Name, strings.Join(fresh, ", "))
	}
	codes, err := r.Target.Codes(classes, label)
	for i, c := range codes {
		d.Label[i] = float64(c)
	}
	return classes, err
}

// over is the model over the features of a fit, its scores of the rows left out.
func (b *before) over(v trees.Vocabularies, r model.Roles) *Before {
	return &Before{Base: b.trees.Base(), Trees: b.trees.Trees(r.Features, v)}
}

// score fills in what the model says of the rows, by the program that it would be now. valid has no rows where they are not measured.
func (b *Before) score(env operators.Env, v trees.Vocabularies, r model.Roles, train, valid operators.Table, d Data) (err error) {
	m := &Model{Base: b.Base, Features: metaOf(&d), Trees: b.Trees}
	if b.Train, err = rawScores(env, m, v, r, train); err == nil && valid.N > 0 {
		b.Valid, err = rawScores(env, m, v, r, valid)
	}
	return err
}

// scoredRows is how many rows are scored at a time, a multiple of 64.
const scoredRows = 1 << 14

// rawScores are what a model's program says of the rows of a table before the link, a list an output.
func rawScores(env operators.Env, m *Model, v trees.Vocabularies, r model.Roles, t operators.Table) ([][]float64, error) {
	var g program.Graph
	in := v.Inputs(&g, r.Features, t.Cols, m.Features, m.Trees)
	out := make([][]float64, len(m.Base))
	for k := range out {
		ensemble(&g, in, m, k, program.NoLink, model.RawScore(k))
		out[k] = make([]float64, t.N)
	}
	rows := batch.Batch{N: t.N, Cols: t.Cols[:len(r.Features)]}
	blocks := (t.N + scoredRows - 1) / scoredRows
	errs := make([]error, blocks)
	env.Parallel(blocks, func(i int) {
		lo, hi := i*scoredRows, min(t.N, (i+1)*scoredRows)
		cols, err := g.Batch(&batch.Ctx{}, hi-lo, rows.Slice(nil, lo, hi).Cols)
		if err != nil {
			errs[i] = err
			return
		}
		for k := range out {
			copy(out[k][lo:hi], cols[k].Float64s())
		}
	})
	return out, errors.Join(errs...)
}

// start says which model the fit went on from, or why it began anew.
func (o *Operator) start(b *before, anew string) string {
	switch {
	case o.refits(b):
		return fmt.Sprintf("refits %s: leaves of %d rounds keep %v", b.Published, b.trees.Rounds(), *o.Continue.Refit)
	case b != nil:
		return fmt.Sprintf("goes on from %s, of %d rounds", b.Published, b.trees.Rounds())
	case anew != "":
		return "begins anew: " + anew
	}
	return ""
}
