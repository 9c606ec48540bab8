package evaluate

import (
	"math"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Regression is evaluate.regression.
type Regression struct {
	Options `param:",inline"`
}

var regressionMetrics = []string{"rmse", "mae", "r2"}

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.regression", Version: 1, New: func() operators.Op { return &Regression{} },
		Doc: "Measures a model that estimates a number: rmse, mae and r2, weighted by task.weight. r2 is NaN where the labels are all the same.",
		Example: []operators.Example{{
			Doc:     "off by one, and by two",
			Options: "{part: valid}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | price int64 | pred float64
				test  | 9           | 0
				valid | 1           | 1
				valid | 2           | 3
				valid | 3           | 1
				valid | 4           | 4`},
			Out: `
				metric string | value float64
				rmse          | 1.118033988749895
				mae           | 0.75
				r2            | 0`,
		}},
	})
}

// Check says what the evaluation reads and gives.
func (e *Regression) Check(s operators.Site) (operators.Output, diag.List) {
	return e.check(s, "evaluate.regression", operators.Regression, regressionMetrics)
}

// Narrow gives itself: it makes no columns.
func (e *Regression) Narrow(operators.Site, []string) operators.Op { return e }

// Start makes an empty accumulator.
func (e *Regression) Start(s operators.Site, models []string) operators.Acc {
	return e.start(s, models)
}

// Finish measures the models.
func (e *Regression) Finish(_ operators.Site, models []string, env operators.Env, a operators.Acc) (operators.Result, error) {
	r := a.(*rows)
	return r.finish(models, env, func(m int, order []uint32, whole bool) operators.ModelResult {
		if r.missing[m] > 0 {
			return nothing(regressionMetrics)
		}
		res := operators.ModelResult{Metrics: r.errors(m, order)}
		if whole {
			res.Curves = []operators.Curve{r.predictedVsActual(m, order), r.residuals(m, order)}
		}
		return res
	})
}

// errors computes the metrics in two passes: the mean of the labels first, so that the spread about it does not cancel.
func (r *rows) errors(m int, order []uint32) []operators.Metric {
	weighted := r.w != nil
	var n mass
	labels, squares, sizes, spread := total{weighted: weighted}, total{weighted: weighted}, total{weighted: weighted}, total{weighted: weighted}
	for _, i := range order {
		w := r.weightAt(i)
		n.add(w, weighted)
		labels.add(r.y[i], w)
		d := r.y[i] - r.scores[m][i]
		squares.add(float64(d*d), w)
		sizes.add(math.Abs(d), w)
	}
	all := n.value(weighted)
	mean := ratio(labels.value(), all, nan)
	same := true
	for _, i := range order {
		d := r.y[i] - mean
		spread.add(float64(d*d), r.weightAt(i))
		same = same && r.y[i] == r.y[order[0]]
	}
	s, r2 := squares.value(), nan
	if !same { // a mean that is rounded leaves a spread where there is none
		r2 = 1 - ratio(s, spread.value(), nan)
	}
	return []operators.Metric{{Name: "rmse", Value: math.Sqrt(ratio(s, all, nan))}, {Name: "mae", Value: ratio(sizes.value(), all, nan)}, {Name: "r2", Value: r2}}
}
