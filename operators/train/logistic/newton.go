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
	// promised is the share of what the slope promises that a step must bring; rounding is what a loss is off by, of its size.
	promised, rounding = 1e-4, 1e-12
	shareMin           = 1e-12
)

// point is an objective somewhere, with its slope and the way down.
type point struct {
	loss     float64
	gradient []float64
	// step solves H s = gradient with the Hessian H, and lists the coefficients that depend on others, left at 0. It is asked for where
	// the point is gone on from.
	step func() (s []float64, left []int)
}

// newton minimises an objective, which is convex.
//
// A step is that of Newton's method where the loss falls by it as much as its slope promises, near enough; else it is shortened until it
// does (Armijo 1966), each time to where the parabola through what is known has its bottom. Far from the solution most steps are shortened, near
// to it none.
type newton struct {
	ctx      context.Context
	progress func(done, total int)

	iterations int
	converged  bool
	left       []int
}

func (n *newton) run(v []float64, f func(v []float64) point) ([]float64, error) {
	at := f(v)
	for n.iterations < iterationsMax {
		if err := n.ctx.Err(); err != nil {
			return nil, err
		}
		n.iterations++
		n.progress(n.iterations, iterationsMax)
		step, left := at.step()
		slope, moved := 0.0, 0.0
		for j, s := range step {
			slope += float64(at.gradient[j] * s)
			moved = max(moved, math.Abs(s))
		}
		next, most, share := make([]float64, len(v)), 0.0, 1.0
		var to point
		for {
			most = 0
			for j := range next {
				next[j] = v[j] - float64(share*step[j])
				most = max(most, math.Abs(next[j]))
			}
			to = f(next)
			if to.loss <= at.loss-float64(float64(promised*share)*slope)+float64(rounding*math.Abs(at.loss)) { // NaN is no step down
				break
			}
			if share*moved <= small*(1+most) || share < shareMin {
				n.converged = moved <= small*(1+most) // nothing is left but the rounding of the loss
				return v, nil
			}
			bottom := slope * share / (2 * (to.loss - at.loss + float64(slope*share))) // of share
			if !(bottom > 0.1) {
				bottom = 0.1
			}
			share *= min(bottom, 0.5)
		}
		v, at, n.left = next, to, left
		if share == 1 && moved <= small*(1+most) {
			n.converged = true
			return v, nil
		}
	}
	return v, nil
}

// direct solves for a step by a Cholesky factor of the Hessian, the lower triangle by rows.
func direct(hessian, gradient []float64) (step []float64, left []int) {
	f := dense.Cholesky(len(gradient), hessian)
	return f.Solve(gradient), f.Left
}
