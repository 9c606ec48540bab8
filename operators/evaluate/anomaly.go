package evaluate

import (
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Anomaly is evaluate.anomaly.
type Anomaly struct {
	Options `param:",inline"`
	K       int `param:"k" doc:"how many rows of the highest scores precision_at_k and recall_at_k look at, all where there are fewer; 0 is as many as are anomalies" default:"0" min:"0"`
}

// anomalyRanks are of rows that a label tells of, anomalyScores of any.
var (
	anomalyRanks  = []string{"auc", "average_precision", "precision_at_k", "recall_at_k", "precision", "recall", "f1", "positives"}
	anomalyScores = []string{"flagged", "score_mean", "score_p50", "score_p90", "score_p95", "score_p99", "score_max"}
)

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.anomaly", Version: 1, New: func() operators.Op { return &Anomaly{} },
		Doc: "Measures a model that finds rows unlike the others. Where the task names a label, which says what rows are anomalies: auc, average_precision, " +
			"precision_at_k and recall_at_k of the rows with the highest scores, and of pred precision, recall and f1; positives is the number of anomalies. " +
			"In any case: flagged, the share of the rows whose pred is true, score_mean, score_max, and the scores that 50, 90, 95 and 99 of 100 rows do not " +
			"exceed. All but positives are weighted by task.weight, and k counts rows that weigh something. Equal scores count as one step; of rows that share " +
			"the k-th score each counts for as much as there are places left. A metric that is not defined on the rows is NaN, and precision, recall and f1 are 0 " +
			"where they would divide by 0.",
		Example: []operators.Example{{
			Doc:     "an anomaly of two has the highest score",
			Options: "{part: test}",
			Task:    operators.Task{Kind: operators.Anomaly, Label: "fraud"},
			In: []string{`
				_part | fraud bool | score float64 | pred bool
				train | false      | 0.9           | true
				test  | false      | 0.25          | false
				test  | true       | 0.75          | true
				test  | false      | 0.5           | true
				test  | true       | 0.375         | false`},
			Out: `
				metric string     | value float64
				auc               | 0.75
				average_precision | 0.8333333333333333
				precision_at_k    | 0.5
				recall_at_k       | 0.5
				precision         | 0.5
				recall            | 0.5
				f1                | 0.5
				positives         | 2
				flagged           | 0.5
				score_mean        | 0.46875
				score_p50         | 0.375
				score_p90         | 0.75
				score_p95         | 0.75
				score_p99         | 0.75
				score_max         | 0.75`,
		}, {
			Doc:     "without a label, what the scores are like",
			Options: "{part: test}",
			Task:    operators.Task{Kind: operators.Anomaly},
			In: []string{`
				_part | score float64 | pred bool
				test  | 0.25          | false
				test  | 0.75          | true
				test  | 0.5           | true
				test  | 0.375         | false`},
			Out: `
				metric string | value float64
				flagged       | 0.5
				score_mean    | 0.46875
				score_p50     | 0.375
				score_p90     | 0.75
				score_p95     | 0.75
				score_p99     | 0.75
				score_max     | 0.75`,
		}},
	})
}

// anomalyMetrics are those of rows with a label or without one.
func anomalyMetrics(label bool) []string {
	if label {
		return slices.Concat(anomalyRanks, anomalyScores)
	}
	return anomalyScores
}

// Check says what the evaluation reads and gives.
func (e *Anomaly) Check(s operators.Site) (operators.Output, diag.List) {
	out, found := e.check(s, "evaluate.anomaly", operators.Anomaly, anomalyMetrics(s.Task.Label != ""))
	if e.K > 0 && s.Task.Label == "" {
		found.Add(diag.New(diag.OptionConflict, diag.Option("k"), "k is of rows that a label tells of, and the task names none").
			WithHelp("write task.label: COLUMN, or leave it out"))
	}
	return out, found
}

// Narrow gives itself: it makes no columns.
func (e *Anomaly) Narrow(operators.Site, []string) operators.Op { return e }

// Start makes an empty accumulator.
func (e *Anomaly) Start(s operators.Site, models []string) operators.Acc { return e.start(s, models) }

// Finish measures the models.
func (e *Anomaly) Finish(_ operators.Site, models []string, env operators.Env, a operators.Acc) (operators.Result, error) {
	r := a.(*rows)
	names := anomalyMetrics(!r.blind)
	return r.finish(models, env, func(m int, order []uint32, whole bool) (res operators.ModelResult) {
		if r.missing[m] > 0 {
			return nothing(names)
		}
		weighted := r.w != nil
		var cell [2][2]mass
		sum := total{weighted: weighted}
		for _, i := range order {
			w := r.weightAt(i)
			cell[r.flags[i]&1][r.flags[i]>>(m+1)&1].add(w, weighted)
			sum.add(r.scores[m][i], w)
		}
		var values []float64
		if !r.blind {
			t := r.ranks(m, order, whole)
			values = e.found(r, m, order, t, &cell)
			if whole {
				res.Confusion = [][]int64{{cell[0][0].n, cell[0][1].n}, {cell[1][0].n, cell[1][1].n}}
				res.Curves = []operators.Curve{t.roc(), t.precisionRecall()}
			}
		}
		flagged := cell[0][1].plus(cell[1][1])
		every := flagged.plus(cell[0][0]).plus(cell[1][0])
		all := every.value(weighted)
		values = append(values, ratio(flagged.value(weighted), all, nan), ratio(sum.value(), all, nan))
		values = append(values, r.quantiles(m, order, all, 0.5, 0.9, 0.95, 0.99, 1)...)
		for i, v := range values {
			res.Metrics = append(res.Metrics, operators.Metric{Name: names[i], Value: v})
		}
		if whole {
			res.Curves = append(res.Curves, r.histogram("scores", order, func(i uint32) float64 { return r.scores[m][i] }))
		}
		return res
	})
}

// found are the metrics anomalyRanks.
func (e *Anomaly) found(r *rows, m int, order []uint32, t *tallies, cell *[2][2]mass) []float64 {
	fp, fn, tp := cell[0][1].value(t.weighted), cell[1][0].value(t.weighted), cell[1][1].value(t.weighted)
	zero := 0.0 // of a metric that divides by nothing
	if t.zeros+t.ones == 0 {
		zero = nan
	}
	ones, all := r.top(m, order, e.K)
	return []float64{
		ratio(t.hits, float64(t.zeros*t.ones), nan),
		ratio(t.steps, t.ones, nan),
		ratio(ones, all, nan),
		ratio(ones, t.ones, nan),
		ratio(tp, tp+fp, zero),
		ratio(tp, tp+fn, zero),
		ratio(2*tp, float64(2*tp)+fp+fn, zero),
		float64(t.positives),
	}
}

// top is the weight of the anomalies, and of all, among the k rows of the highest scores, or among as many as there are anomalies where k
// is 0. Rows that weigh nothing take no place.
func (r *rows) top(m int, order []uint32, k int) (ones, all float64) {
	weighted, score := r.w != nil, r.scores[m]
	if k == 0 {
		for _, i := range order {
			if r.flags[i]&1 == 1 && r.weightAt(i) > 0 {
				k++
			}
		}
	}
	var in [2]mass // of the rows that have a place whole
	for i := len(order) - 1; i >= 0 && k > 0; {
		var tied [2]mass
		for s := score[order[i]]; i >= 0 && score[order[i]] == s; i-- {
			if w := r.weightAt(order[i]); w > 0 {
				tied[r.flags[order[i]]&1].add(w, weighted)
			}
		}
		n := int(tied[0].n + tied[1].n)
		if n > k {
			share := float64(k) / float64(n)
			ones = in[1].value(weighted) + float64(share*tied[1].value(weighted))
			return ones, ones + in[0].value(weighted) + float64(share*tied[0].value(weighted))
		}
		in[0], in[1] = in[0].plus(tied[0]), in[1].plus(tied[1])
		k -= n
	}
	ones = in[1].value(weighted)
	return ones, ones + in[0].value(weighted)
}

// quantiles are, of shares that rise, the least score that so much of all weight does not exceed; NaN where nothing weighs anything.
func (r *rows) quantiles(m int, order []uint32, all float64, shares ...float64) []float64 {
	weighted, score := r.w != nil, r.scores[m]
	out := make([]float64, 0, len(shares))
	var below mass
	for i := 0; i < len(order) && len(out) < len(shares) && all > 0; {
		s := score[order[i]]
		for ; i < len(order) && score[order[i]] == s; i++ {
			below.add(r.weightAt(order[i]), weighted)
		}
		for at := below.value(weighted); len(out) < len(shares) && at >= float64(shares[len(out)]*all); {
			out = append(out, s)
		}
	}
	return append(out, slices.Repeat([]float64{nan}, len(shares)-len(out))...)
}
