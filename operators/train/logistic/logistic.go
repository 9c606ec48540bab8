// Package logistic fits logistic regressions.
package logistic

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/model/dense"
	"github.com/headrace/headrace/operators/program"
)

// Operator is train.logistic.
type Operator struct {
	L2        float64 `param:"l2" doc:"penalty on half the squares of the coefficients, but not of the intercept; 1/C of scikit-learn's LogisticRegression" default:"1" min:">0"`
	Threshold float64 `param:"threshold" doc:"pred is true where p is at least this" default:"0.5" min:"0" max:"1"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "train.logistic", Version: 1, New: func() operators.Op { return &Operator{} },
		Doc: "Fits a logistic regression of two classes by Newton's method, weighted by task.weight. The penalty is on the coefficients of " +
			"the columns as they are: feature.scale them first where their units differ much.",
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
		}},
	})
}

var learner = model.Learner{Name: "train.logistic", Tasks: []operators.TaskKind{operators.Binary}}

// Check says what is learnt from what.
func (o *Operator) Check(s operators.Site) (operators.Output, diag.List) { return learner.Check(s) }

// Narrow gives itself: what it makes is one thing.
func (o *Operator) Narrow(operators.Site, []string) operators.Op { return o }

// Fit learns from the train rows.
func (o *Operator) Fit(s operators.Site, env operators.Env, train, _ operators.Table) (operators.Fitted, error) {
	r := model.RolesOf(s)
	var out operators.Fitted
	if train.N == 0 {
		return out, model.DataError("there are no rows to learn from")
	}
	k := len(r.Features)
	var w []float64
	var err error
	if r.Weight != "" {
		if w, err = model.Weights(nil, r.Weight, &train.Cols[k+1], true); err != nil {
			return out, err
		}
	}
	y, err := r.Target.Learn(&train.Cols[k], w)
	if err != nil {
		return out, err
	}
	x := model.Numbers(r.Features, train.Cols[:k])
	if err := model.Finite(x); err != nil {
		return out, err
	}
	if err := env.Grant(dense.Bytes(train.N, len(x))); err != nil {
		return out, fmt.Errorf("train.logistic: %w", err)
	}
	n := &newton{parallel: env.Parallel, ctx: env.Context, c: dense.Scale(env.Parallel, train.N, x, w), y: y, l2: o.L2, progress: env.Progress}
	v, err := n.run()
	if err != nil {
		return out, err
	}
	coef, intercept := n.c.Original(v)
	out.Program = model.Decide(model.Linear(r.Features, train.Cols[:k], coef, intercept, program.Sigmoid, model.P), o.Threshold)
	names, effect := make([]string, len(x)), make([]float64, len(x))
	for j := range x {
		names[j], effect[j] = x[j].Name, math.Abs(coef[j])*n.c.Spread[j]
	}
	out.Notes = operators.Notes{
		Importance: model.Shares(names, effect),
		Facts: []operators.Fact{{Name: "rows", Text: strconv.Itoa(train.N)}, {Name: "features", Text: strconv.Itoa(len(x))},
			{Name: "intercept", Text: fmt.Sprintf("%.6g", intercept)}, {Name: "iterations", Text: strconv.Itoa(n.iterations)}},
	}
	if !n.converged {
		out.Notes.Facts = append(out.Notes.Facts, operators.Fact{Name: "not converged", Text: fmt.Sprintf("after %d iterations", n.iterations)})
	}
	var left []string
	for _, j := range n.left {
		if j > 0 {
			left = append(left, names[j-1])
		}
	}
	if left != nil {
		out.Notes.Facts = append(out.Notes.Facts, operators.Fact{Name: "left out", Text: strings.Join(left, ", ")})
	}
	return out, nil
}

const (
	iterationsMax = 200
	// small is the step, against the greatest coefficient of the scaled columns, at which the fit ends. Newton's steps square: the
	// next one would change nothing.
	small = 1e-10
)

// newton minimises the penalised log-loss over the coefficients of scaled columns, the constant first.
//
// A step solves (H + d*diag(H)) s = -g with the gradient g and the Hessian H. The damping d is 0 as long as steps take the loss down,
// as they do but far from the solution; a step that does not is taken back and tried with more damping, which turns it towards
// the gradient and shortens it (Levenberg 1944, Marquardt 1963).
type newton struct {
	parallel dense.Parallel
	ctx      context.Context
	c        *dense.Columns
	y        []float64
	l2       float64
	progress func(done, total int)

	iterations int
	converged  bool
	left       []int
}

func (n *newton) run() ([]float64, error) {
	size := len(n.c.X) + 1
	v := make([]float64, size)
	ones := dense.Sum(n.parallel, n.c.N, 1, func(lo, hi int, out []float64) {
		for i := lo; i < hi; i++ {
			if n.y[i] == 1 {
				out[0] += n.weight(i)
			}
		}
	})[0]
	v[0] = fmath.Log(ones / (n.c.Weight - ones))
	at := n.at(v)
	damping := 0.0
	for n.iterations < iterationsMax {
		if err := n.ctx.Err(); err != nil {
			return nil, err
		}
		n.iterations++
		n.progress(n.iterations, iterationsMax)
		h := at.hessian
		if damping > 0 {
			h = append([]float64(nil), h...)
			for j := range size {
				h[j*(j+1)/2+j] += float64(damping * h[j*(j+1)/2+j])
			}
		}
		f := dense.Cholesky(size, h)
		step := f.Solve(at.gradient)
		next, most, moved := make([]float64, size), 0.0, 0.0
		for j := range next {
			next[j] = v[j] - step[j]
			most, moved = max(most, math.Abs(next[j])), max(moved, math.Abs(step[j]))
		}
		to := n.at(next)
		if !(to.loss <= at.loss+float64(1e-12*math.Abs(at.loss))) { // NaN is no step down either
			if moved <= small*(1+most) {
				n.converged = true // nothing is left but the rounding of the loss
				return v, nil
			}
			damping = max(1e-4, damping*8)
			continue
		}
		v, at, n.left = next, to, f.Left
		if moved <= small*(1+most) && damping == 0 {
			n.converged = true
			return v, nil
		}
		if damping /= 8; damping < 1e-6 {
			damping = 0
		}
	}
	return v, nil
}

func (n *newton) weight(i int) float64 {
	if n.c.W == nil {
		return 1
	}
	return n.c.W[i]
}

// point is the penalised loss somewhere, with its first and second derivatives.
type point struct {
	loss              float64
	gradient, hessian []float64
}

// at goes through all rows once.
func (n *newton) at(v []float64) point {
	size := len(v)
	sums := dense.Sum(n.parallel, n.c.N, 1+size+size*(size+1)/2, func(lo, hi int, out []float64) {
		b := n.c.Block(lo, hi)
		score, p, loss, h := b.Scratch[0], b.Scratch[1], b.Scratch[2], b.Scratch[3]
		b.Scores(v, score)
		fmath.SigmoidSlice(p, score)
		for i, s := range score {
			loss[i] = -math.Abs(s)
		}
		fmath.ExpSlice(loss, loss)
		fmath.Log1pSlice(loss, loss)
		y := n.y[lo:hi]
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
		n.c.Free(b)
	})
	at := point{sums[0], sums[1 : 1+size], sums[1+size:]}
	for j, inv := range n.c.Inverse {
		penalty := float64(float64(n.l2*inv) * inv)
		x := v[j+1]
		at.loss += float64(float64(penalty*x) * x / 2)
		at.gradient[j+1] += float64(penalty * x)
		at.hessian[(j+1)*(j+2)/2+j+1] += penalty
	}
	return at
}
