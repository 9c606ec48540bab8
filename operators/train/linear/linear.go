// Package linear fits linear regressions.
package linear

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/model/dense"
	"github.com/headrace/headrace/operators/program"
)

// Operator is train.linear.
type Operator struct {
	L2 float64 `param:"l2" doc:"penalty on the squares of the coefficients, but not of the intercept; as alpha of scikit-learn's Ridge" default:"0" min:"0"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "train.linear", Version: 1, New: func() operators.Op { return &Operator{} },
		Doc: "Fits a linear regression by least squares; with l2 it is a ridge regression. Rows are weighted by task.weight. Features that are " +
			"combinations of others are left out, and named in the report.",
		Example: []operators.Example{{
			Doc:     "a line through points",
			Options: "{}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | rooms int64 | price float64
				train | 1           | 3
				train | 2           | 5
				train | 3           | 7
				test  | 10          | 0`},
			Out: `
				_part | rooms int64 | price float64 | pred float64
				train | 1           | 3             | 3
				train | 2           | 5             | 5
				train | 3           | 7             | 7
				test  | 10          | 0             | 21`,
		}, {
			Doc:     "a penalty draws the slope towards 0",
			Options: "{l2: 2}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				rooms int64 | price float64
				1           | 3
				2           | 5
				3           | 7`},
			Out: `
				rooms int64 | price float64 | pred float64
				1           | 3             | 4
				2           | 5             | 5
				3           | 7             | 6`,
		}},
	})
}

var learner = model.Learner{Name: "train.linear", Tasks: []operators.TaskKind{operators.Regression}}

// Check says what is learnt from what.
func (o *Operator) Check(s operators.Site) (operators.Output, diag.List) { return learner.Check(s) }

// Narrow gives itself: what it makes is one thing.
func (o *Operator) Narrow(operators.Site, []string) operators.Op { return o }

// Fit solves the normal equations of the centred and scaled columns and refines the solution by its residuals, which makes up for the
// digits that squaring the columns loses.
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
	y, err := r.Target.Learn(&train.Cols[k], w)
	if err != nil {
		return out, err
	}
	x := model.Numbers(r.Features, train.Cols[:k])
	if err := model.Finite(append(x[:len(x):len(x)], model.Number{Name: r.Target.Name, Values: y})); err != nil {
		return out, err
	}
	if err := env.Grant(dense.Bytes(train.N, len(x))); err != nil {
		return out, fmt.Errorf("train.linear: %w", err)
	}
	f := solve(env.Parallel, x, y, w, o.L2)
	if err := env.Context.Err(); err != nil {
		return out, err
	}
	out.Program = model.Linear(r.Features, train.Cols[:k], f.w, f.intercept, program.NoLink, model.Pred)
	out.Notes = operators.Notes{
		Importance: model.Shares(f.names, f.effect),
		Facts: []operators.Fact{{Name: "rows", Text: strconv.Itoa(train.N)}, {Name: "features", Text: strconv.Itoa(len(x))},
			{Name: "intercept", Text: fmt.Sprintf("%.6g", f.intercept)}},
	}
	if f.left != nil {
		out.Notes.Facts = append(out.Notes.Facts, operators.Fact{Name: "left out", Text: strings.Join(f.left, ", ")})
	}
	return out, nil
}

// fit is a solution: effect is how much a coefficient moves the estimate over one standard deviation.
type fit struct {
	w         []float64
	intercept float64
	names     []string
	effect    []float64
	left      []string
}

// refinements are steps of iterative refinement; each gives back about as many digits as the conditioning takes.
const refinements = 2

func solve(parallel dense.Parallel, x []model.Number, y, w []float64, l2 float64) fit {
	n, p := len(y), len(x)
	c := dense.Scale(parallel, n, x, w)
	size := p + 1
	a := dense.Sum(parallel, n, size*(size+1)/2, func(lo, hi int, out []float64) {
		b := c.Block(lo, hi)
		b.Cross(b.W, out)
		c.Free(b)
	})
	penalty := make([]float64, size)
	for j := range p {
		penalty[j+1] = float64(float64(l2*c.Inverse[j]) * c.Inverse[j])
		a[(j+1)*(j+2)/2+j+1] += penalty[j+1]
	}
	f := dense.Cholesky(size, a)
	v := make([]float64, size)
	for range 1 + refinements {
		g := dense.Sum(parallel, n, size, func(lo, hi int, out []float64) {
			b := c.Block(lo, hi)
			r := b.Scratch[0]
			b.Scores(v, r)
			for i, s := range r {
				r[i] = (y[lo+i] - s) * b.W[i]
			}
			b.Apply(r, out)
			c.Free(b)
		})
		for j := range g {
			g[j] -= float64(penalty[j] * v[j])
		}
		for j, d := range f.Solve(g) {
			v[j] += d
		}
	}
	var out fit
	out.w, out.intercept = c.Original(v)
	for j := range x {
		out.names = append(out.names, x[j].Name)
		out.effect = append(out.effect, math.Abs(out.w[j])*c.Spread[j])
	}
	for _, j := range f.Left {
		if j > 0 {
			out.left = append(out.left, x[j-1].Name)
		}
	}
	return out
}

var _ operators.Gather = (*Operator)(nil)
