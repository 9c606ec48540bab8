// Package logistic fits logistic regressions.
package logistic

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/model/dense"
	"github.com/headrace/headrace/operators/program"
)

// Operator is train.logistic.
type Operator struct {
	L2        float64 `param:"l2" doc:"penalty on half the squares of the coefficients, but not of the intercept; 1/C of scikit-learn's LogisticRegression" default:"1" min:">0"`
	Threshold float64 `param:"threshold" doc:"for a binary task: pred is true where p is at least this" default:"0.5" min:"0" max:"1"`

	model.ByClass `param:",inline"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "train.logistic", Version: 2, New: func() operators.Op { return &Operator{} },
		Doc: "Fits a logistic regression, for two classes or, by softmax, for many. Rows are weighted by task.weight. The penalty is on " +
			"the coefficients of the columns as they are: feature.scale them first where their units differ much. Of many classes each has " +
			"coefficients, whose squares are penalised together, as scikit-learn's multinomial has them.",
		Example: []operators.Example{{
			Doc:     "classes that a line parts: the penalty keeps the slope finite",
			Options: "{l2: 1}",
			Task:    operators.Task{Kind: operators.Binary, Label: "late"},
			In: []string{`
				_part | hour float64 | late bool
				train | -1           | false
				train | 1            | true
				test  | 0            | true`},
			Out: `
				_part | hour float64 | late bool | p float64          | pred bool
				train | -1           | false     | 0.3374158071711997 | false
				train | 1            | true      | 0.6625841928288004 | true
				test  | 0            | true      | 0.5                | true`,
		}, {
			Doc:     "three kinds, told apart by softmax: p has one member per class, pred is the likeliest",
			Options: "{l2: 1}",
			Task:    operators.Task{Kind: operators.Multiclass, Label: "kind"},
			In: []string{`
				_part | size float64 | kind string
				train | -2           | ant
				train | 0            | bee
				train | 2            | cat
				test  | 3            | dog`},
			Out: `
				_part | size float64 | kind string | p vector[p_ant, p_bee, p_cat]                                  | pred string
				train | -2           | ant         | [0.6857603703173099, 0.27400481379291014, 0.04023481588978008] | ant
				train | 0            | bee         | [0.2740048137929102, 0.4519903724141798, 0.2740048137929101]   | bee
				train | 2            | cat         | [0.04023481588978011, 0.27400481379291014, 0.6857603703173097] | cat
				test  | 3            | dog         | [0.01173680926346747, 0.1624047818787755, 0.825858408857757]   | cat`,
		}},
	})
}

var learner = model.Learner{Name: "train.logistic", Tasks: []operators.TaskKind{operators.Binary, operators.Multiclass}}

const half = 0.5 // the threshold where none is chosen

// Check says what is learnt from what.
func (o *Operator) Check(s operators.Site) (operators.Output, diag.List) {
	out, found := learner.Check(s)
	if s.Task.Kind == operators.Multiclass && o.Threshold != half {
		found.Add(diag.New(diag.OptionConflict, diag.Option("threshold"), "threshold is for binary tasks, the task is multiclass").
			WithHelp("leave it out: pred is the likeliest class"))
	}
	found.Add(o.CheckClasses(s)...)
	return out, found
}

// Narrow gives itself: what it makes is one thing.
func (o *Operator) Narrow(operators.Site, []string) operators.Op { return o }

// Fit learns from the train rows.
func (o *Operator) Fit(s operators.Site, env operators.Env, train, _ operators.Table) (operators.Fitted, error) {
	r := model.RolesOf(s)
	var out operators.Fitted
	if train.N == 0 {
		return out, &operators.ErrData{Err: operators.ErrNoRows}
	}
	k := len(r.Features)
	var w []float64
	var err error
	if r.Weight != "" {
		if w, err = model.Weights(nil, r.Weight, &train.Cols[k+1], true); err != nil {
			return out, err
		}
	}
	var m objective
	var classes model.Classes
	var weights model.ClassWeights
	if label := &train.Cols[k]; r.Kind == operators.Multiclass {
		var code []int32
		if classes, code, err = r.Target.Classes(label, w); err == nil {
			m = &multinomial{code: code, classes: len(classes), l2: o.L2, env: env}
			weights, w, err = model.WeighClasses(&o.ClassWeight, r.Target, classes, label, code, w)
		}
	} else {
		var y []float64
		if y, err = r.Target.Learn(label, w); err == nil {
			m = &binomial{y: y, l2: o.L2, parallel: env.Parallel}
			weights, w, err = model.WeighClasses(&o.ClassWeight, r.Target, nil, label, y, w)
		}
	}
	if err != nil {
		return out, err
	}
	x := model.Numbers(r.Features, train.Cols[:k])
	if err := model.Finite(x); err != nil {
		return out, err
	}
	if err := env.Grant(dense.Bytes(train.N, len(x)) + m.bytes(train.N, len(x))); err != nil {
		return out, fmt.Errorf("train.logistic: %w", err)
	}
	c := dense.Scale(env.Parallel, train.N, x, w)
	n := &newton{ctx: env.Context, progress: env.Progress}
	v, err := n.run(m.begin(c), m.at)
	if err != nil {
		return out, err
	}
	scores := m.scores(v)
	out.Program = o.program(r.Features, train.Cols[:k], scores, classes)
	names, effect := make([]string, len(x)), make([]float64, len(x))
	for j := range x {
		names[j] = x[j].Name
		for _, s := range scores {
			effect[j] += float64(math.Abs(s.w[j]) * c.Spread[j])
		}
	}
	out.Notes.Importance = model.Shares(names, effect)
	fact := func(name, text string) {
		out.Notes.Facts = append(out.Notes.Facts, operators.Fact{Name: name, Text: text})
	}
	fact("rows", strconv.Itoa(train.N))
	fact("features", strconv.Itoa(len(x)))
	if classes == nil {
		fact("intercept", fmt.Sprintf("%.6g", scores[0].b))
	} else {
		fact("classes", strconv.Itoa(len(classes)))
	}
	fact("iterations", strconv.Itoa(n.iterations))
	if !n.converged {
		fact("not converged", fmt.Sprintf("after %d iterations", n.iterations))
	}
	var left []string
	for _, j := range n.left {
		if j %= len(x) + 1; j > 0 && !slices.Contains(left, names[j-1]) { // of many classes, in one of them
			left = append(left, names[j-1])
		}
	}
	if left != nil {
		fact("left out", strings.Join(left, ", "))
	}
	out.Notes.Facts = append(out.Notes.Facts, weights.Facts()...)
	return out, nil
}

// score is a raw score: coefficients of the columns as they are, and the intercept.
type score struct {
	w []float64
	b float64
}

// program is the fitted model of two classes, with one score, or of many, with one each.
func (o *Operator) program(features []operators.Field, cols []batch.Column, scores []score, classes model.Classes) program.Graph {
	if classes == nil {
		return model.Decide(model.Linear(features, cols, scores[0].w, scores[0].b, program.Sigmoid, model.P), o.Threshold)
	}
	var g program.Graph
	for j, s := range scores {
		g = g.Beside(model.Linear(features, cols, s.w, s.b, program.NoLink, model.RawScore(j)))
	}
	return model.Classify(g, classes)
}

// objective is what a fit makes small: the penalised log-loss over the coefficients of scaled columns, of each score the constant first.
type objective interface {
	bytes(rows, columns int) int64    // held besides what dense.Bytes says
	begin(c *dense.Columns) []float64 // coefficients to begin with
	at(v []float64) point
	scores(v []float64) []score // what the coefficients say of the columns as they are
}

// binomial is the objective of two classes.
type binomial struct {
	parallel dense.Parallel
	c        *dense.Columns
	y        []float64
	l2       float64
}

func (*binomial) bytes(int, int) int64 { return 0 }

func (m *binomial) begin(c *dense.Columns) []float64 {
	m.c = c
	ones := dense.Sum(m.parallel, c.N, 1, func(lo, hi int, out []float64) {
		for i := lo; i < hi; i++ {
			if m.y[i] == 1 {
				out[0] += weight(c, i)
			}
		}
	})[0]
	v := make([]float64, len(c.X)+1)
	v[0] = fmath.Log(ones / (c.Weight - ones))
	return v
}

func weight(c *dense.Columns, i int) float64 {
	if c.W == nil {
		return 1
	}
	return c.W[i]
}

func (m *binomial) scores(v []float64) []score {
	w, b := m.c.Original(v)
	return []score{{w, b}}
}

func (m *binomial) at(v []float64) point {
	size := len(v)
	sums := dense.Sum(m.parallel, m.c.N, 1+size+size*(size+1)/2, func(lo, hi int, out []float64) {
		b := m.c.Block(lo, hi)
		score, p, loss, h := b.Scratch[0], b.Scratch[1], b.Scratch[2], b.Scratch[3]
		b.Scores(v, score)
		fmath.SigmoidSlice(p, score)
		for i, s := range score {
			loss[i] = -math.Abs(s)
		}
		fmath.ExpSlice(loss, loss)
		fmath.Log1pSlice(loss, loss)
		y := m.y[lo:hi]
		sum := 0.0
		for i, s := range score {
			// log(1+e^s) - y*s, without overflow
			if y[i] == 1 {
				s = -s
			}
			w := b.W[i]
			sum += float64(w * (max(s, 0) + loss[i]))
			h[i] = w * (p[i] * (1 - p[i]))
			p[i] = w * (p[i] - y[i])
		}
		out[0] += sum
		b.Apply(p, out[1:])
		b.Cross(h, out[1+size:])
		m.c.Free(b)
	})
	at := point{loss: sums[0], gradient: sums[1 : 1+size]}
	hessian := sums[1+size:]
	for j, inv := range m.c.Inverse {
		penalty := float64(float64(m.l2*inv) * inv)
		x := v[j+1]
		at.loss += float64(float64(penalty*x) * x / 2)
		at.gradient[j+1] += float64(penalty * x)
		hessian[(j+1)*(j+2)/2+j+1] += penalty
	}
	at.step = func() ([]float64, []int) { return direct(hessian, at.gradient) }
	return at
}
