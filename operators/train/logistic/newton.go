package logistic

import (
	"context"
	"math"

	"github.com/headrace/headrace/operators/model/dense"
)

const (
	iterationsMax = 200
	// small is the step, against the greatest coefficient of the scaled columns, at which the fit ends. Newton's steps square: the
	// next one would change nothing.
	small = 1e-10
)

// point is an objective somewhere, with its slope and the way down.
type point struct {
	loss     float64
	gradient []float64
	// step solves (H + damping*diag(H)) s = gradient with the Hessian H, and lists the coefficients that depend on others, left at 0
	step func(damping float64) (s []float64, left []int)
}

// newton minimises an objective.
//
// A step solves (H + d*diag(H)) s = -g with the gradient g and the Hessian H. The damping d is 0 as long as steps take the loss down,
// as they do but far from the solution; a step that does not is taken back and tried with more damping, which turns it towards
// the gradient and shortens it (Levenberg 1944, Marquardt 1963).
type newton struct {
	ctx      context.Context
	progress func(done, total int)

	iterations int
	converged  bool
	left       []int
}

func (n *newton) run(v []float64, f func(v []float64) point) ([]float64, error) {
	at := f(v)
	damping := 0.0
	for n.iterations < iterationsMax {
		if err := n.ctx.Err(); err != nil {
			return nil, err
		}
		n.iterations++
		n.progress(n.iterations, iterationsMax)
		step, left := at.step(damping)
		next, most, moved := make([]float64, len(v)), 0.0, 0.0
		for j := range next {
			next[j] = v[j] - step[j]
			most, moved = max(most, math.Abs(next[j])), max(moved, math.Abs(step[j]))
		}
		to := f(next)
		if !(to.loss <= at.loss+float64(1e-12*math.Abs(at.loss))) { // NaN is no step down either
			if moved <= small*(1+most) {
				n.converged = true // nothing is left but the rounding of the loss
				return v, nil
			}
			damping = max(1e-4, damping*8)
			continue
		}
		v, at, n.left = next, to, left
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

// direct solves for a step by a Cholesky factor of the Hessian, the lower triangle by rows.
func direct(hessian, gradient []float64) func(damping float64) ([]float64, []int) {
	return func(damping float64) ([]float64, []int) {
		h := hessian
		if damping > 0 {
			h = append([]float64(nil), h...)
			for j := range gradient {
				h[j*(j+1)/2+j] += float64(damping * h[j*(j+1)/2+j])
			}
		}
		f := dense.Cholesky(len(gradient), h)
		return f.Solve(gradient), f.Left
	}
}
