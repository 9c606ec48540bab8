package evaluate

import (
	"math"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Regression is evaluate.regression.
type Regression struct {
	Options `param:",inline"`
	Losses  `param:",inline"`
}

var regressionMetrics = []string{"rmse", "mae", "r2"}

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.regression", Version: 2, New: func() operators.Op { return &Regression{} },
		Doc: "Measures a regression: rmse, mae and r2, weighted by task.weight. r2 is NaN where the labels are all the same. Of a quantile, " +
			"the model's or the option's, also pinball_loss and coverage, the share of the rows whose label is at most pred: of a model of the quantile 0.9 " +
			"about 0.9. Of a deviance, mean_poisson_deviance, mean_gamma_deviance or mean_tweedie_deviance. These take labels of at least 0, the gamma " +
			"deviance above 0, and pred above 0: other labels, and other predictions of the new model, fail the step; of a champion the metric is NaN.",
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
		}, {
			Doc:     "a quantile of 0.75: what lies above pred counts thrice as much as what lies below",
			Options: "{part: test, quantile: 0.75}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | price int64 | pred float64
				test  | 1           | 2
				test  | 2           | 2
				test  | 3           | 5
				test  | 9           | 5`},
			Out: `
				metric string | value float64
				rmse          | 2.29128784747792
				mae           | 1.75
				r2            | 0.4580645161290322
				pinball_loss  | 0.9375
				coverage      | 0.75`,
		}, {
			Doc:     "counts: a model that is right has a deviance of 0",
			Options: "{part: test, deviances: poisson}",
			Task:    operators.Task{Kind: operators.Regression, Label: "calls"},
			In: []string{`
				_part | calls int64 | pred float64
				test  | 0           | 1
				test  | 2           | 2
				test  | 1           | 1`},
			Out: `
				metric string         | value float64
				rmse                  | 0.5773502691896257
				mae                   | 0.3333333333333333
				r2                    | 0.5
				mean_poisson_deviance | 0.6666666666666666`,
		}},
	})
}

// Check says what the evaluation reads and gives.
func (e *Regression) Check(s operators.Site) (operators.Output, diag.List) {
	names := regressionMetrics
	for _, x := range e.measures(s) {
		names = append(names[:len(names):len(names)], x.name)
	}
	out, found := e.check(s, "evaluate.regression", operators.Regression, names)
	found.Add(e.conflicts(s)...)
	return out, found
}

// Narrow gives itself: it makes no columns.
func (e *Regression) Narrow(operators.Site, []string) operators.Op { return e }

// Start makes an empty accumulator.
func (e *Regression) Start(s operators.Site, models []string) operators.Acc {
	return e.start(s, models)
}

// Finish measures the models.
func (e *Regression) Finish(s operators.Site, models []string, env operators.Env, a operators.Acc) (operators.Result, error) {
	r := a.(*rows)
	besides := e.measures(s)
	names := slices.Clone(regressionMetrics)
	for _, x := range besides {
		names = append(names, x.name)
		if err := r.domain(x, models); err != nil {
			return operators.Result{}, err
		}
	}
	return r.finish(models, env, func(m int, order []uint32, whole bool) operators.ModelResult {
		if r.missing[m] > 0 {
			return nothing(names)
		}
		res := operators.ModelResult{Metrics: r.errors(m, order)}
		for _, x := range besides {
			res.Metrics = append(res.Metrics, operators.Metric{Name: x.name, Value: r.meanLoss(m, order, x)})
		}
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
