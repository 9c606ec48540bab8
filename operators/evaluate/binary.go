package evaluate

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Binary is evaluate.binary.
type Binary struct {
	Options `param:",inline"`
}

var binaryMetrics = []string{"auc", "average_precision", "log_loss", "brier", "accuracy", "precision", "recall", "f1", "positives"}

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.binary", Version: 1, New: func() operators.Op { return &Binary{} },
		Doc: "Measures a binary classifier: AUC, log-loss, accuracy and more. The metrics are auc, average_precision, log_loss, brier, and at the model's threshold accuracy, " +
			"precision, recall and f1; positives is the number of rows whose label is 1. All but that are weighted by task.weight. Equal " +
			"probabilities count as one step; a metric that is not defined on the rows, as auc where they have one class, is NaN, and " +
			"precision, recall and f1 are 0 where they would divide by 0.",
		Example: []operators.Example{{
			Doc:     "two rows of four are predicted rightly, three pairs of four are in order",
			Options: "{part: test}",
			Task:    operators.Task{Kind: operators.Binary, Label: "late"},
			In: []string{`
				_part | late bool | p float64 | pred bool
				train | true      | 0.1       | false
				test  | false     | 0.25      | false
				test  | true      | 0.75      | true
				test  | false     | 0.5       | true
				test  | true      | 0.375     | false`},
			Out: `
				metric string     | value float64
				auc               | 0.75
				average_precision | 0.8333333333333333
				log_loss          | 0.5623351446188083
				brier             | 0.19140625
				accuracy          | 0.5
				precision         | 0.5
				recall            | 0.5
				f1                | 0.5
				positives         | 2`,
		}},
	})
}

// Check says what the evaluation reads and gives.
func (e *Binary) Check(s operators.Site) (operators.Output, diag.List) {
	return e.check(s, "evaluate.binary", operators.Binary, binaryMetrics)
}

// Narrow gives itself: it makes no columns.
func (e *Binary) Narrow(operators.Site, []string) operators.Op { return e }

// Start makes an empty accumulator.
func (e *Binary) Start(s operators.Site, models []string) operators.Acc { return e.start(s, models) }

// Finish measures the models.
func (e *Binary) Finish(_ operators.Site, models []string, env operators.Env, a operators.Acc) (operators.Result, error) {
	r := a.(*rows)
	return r.finish(models, env, func(m int, order []uint32, whole bool) operators.ModelResult {
		if r.missing[m] > 0 {
			return nothing(binaryMetrics)
		}
		t := r.ranks(m, order, whole)
		if whole {
			order = nil // what needs no order goes through memory in its own
		}
		t.rest(r, m, order)
		res := operators.ModelResult{Metrics: t.metrics()}
		if whole {
			res.Confusion = [][]int64{{t.cell[0][0].n, t.cell[0][1].n}, {t.cell[1][0].n, t.cell[1][1].n}}
			res.Curves = []operators.Curve{t.roc(), t.precisionRecall(), r.calibration(m)}
		}
		return res
	})
}

// nothing is the result of a model that does not score all rows: its lines fail, and the others still tell.
func nothing(metrics []string) (res operators.ModelResult) {
	for _, name := range metrics {
		res.Metrics = append(res.Metrics, operators.Metric{Name: name, Value: nan})
	}
	return res
}

// tallies are what the metrics of rows are made of.
type tallies struct {
	weighted       bool
	zeros, ones    float64 // masses of the classes
	positives      int64
	hits           float64 // mass of pairs in order, ties half
	steps          float64 // sum over the steps of p of the mass of ones at it times the precision from it on
	cell           [2][2]mass
	logLoss, brier float64 // sums
	fp, tp         []float64
}

// ranks goes through the scores from high to low, a group of equal ones at a time.
//
// AUC is the share of pairs of a 1 and a 0 that the scores put in order, ties counted half (Mann and Whitney 1947); without weights it
// is a ratio of integers. Average precision is the sum of the precisions at each step, weighted by the step in recall.
func (r *rows) ranks(m int, order []uint32, curve bool) *tallies {
	t := &tallies{weighted: r.w != nil}
	score := r.scores[m]
	var all [2]mass     // of labels 0 and 1, at or above the present score
	var pairs [2]uint64 // twice the pairs in order: high, low
	var weightedPairs total
	var precisions total
	weightedPairs.weighted, precisions.weighted = true, true
	if curve {
		t.fp, t.tp = []float64{0}, []float64{0}
	}
	for i := len(order) - 1; i >= 0; {
		var tied [2]mass
		above := all
		for p := score[order[i]]; i >= 0 && score[order[i]] == p; i-- {
			row := order[i]
			tied[r.flags[row]&1].add(r.weightAt(row), t.weighted)
		}
		all[0], all[1] = all[0].plus(tied[0]), all[1].plus(tied[1])
		zeros, ones := tied[0].value(t.weighted), tied[1].value(t.weighted)
		if t.weighted {
			weightedPairs.add(above[1].value(true)+float64(ones/2), zeros)
		} else {
			hi, lo := bits.Mul64(uint64(tied[0].n), uint64(2*above[1].n+tied[1].n))
			var c uint64
			pairs[1], c = bits.Add64(pairs[1], lo, 0)
			pairs[0] += hi + c
		}
		fp, tp := all[0].value(t.weighted), all[1].value(t.weighted)
		if ones > 0 {
			precisions.add(tp/(tp+fp), ones)
		}
		if curve {
			t.fp, t.tp = append(t.fp, fp), append(t.tp, tp)
		}
	}
	t.zeros, t.ones, t.positives = all[0].value(t.weighted), all[1].value(t.weighted), all[1].n
	t.steps = precisions.value()
	t.hits = weightedPairs.value()
	if !t.weighted {
		t.hits = (math.Ldexp(float64(pairs[0]), 64) + float64(pairs[1])) / 2
	}
	return t
}

// clip is what log-loss holds probabilities from 0 and 1 by, as scikit-learn does.
const clip = 0x1p-52

// rest sums what needs no order, of some rows, or of all where order is nil.
func (t *tallies) rest(r *rows, m int, order []uint32) {
	loss, brier := total{weighted: t.weighted}, total{weighted: t.weighted}
	for k := range r.count(order) {
		i := at(order, k)
		p, w, y := r.scores[m][i], r.weightAt(i), r.flags[i]&1
		t.cell[y][r.flags[i]>>(m+1)&1].add(w, t.weighted)
		q := min(max(p, clip), 1-clip)
		if y == 0 {
			q = 1 - q
		}
		loss.add(-fmath.Log(q), w)
		d := p - float64(y)
		brier.add(float64(d*d), w)
	}
	t.logLoss, t.brier = loss.value(), brier.value()
}

func (t *tallies) metrics() []operators.Metric {
	n := t.cell[0][0].plus(t.cell[0][1]).plus(t.cell[1][0]).plus(t.cell[1][1])
	all := n.value(t.weighted)
	fp, fn, tp := t.cell[0][1].value(t.weighted), t.cell[1][0].value(t.weighted), t.cell[1][1].value(t.weighted)
	right := t.cell[0][0].plus(t.cell[1][1])
	zero := 0.0 // of a metric that divides by nothing
	if all == 0 {
		zero = nan
	}
	values := []float64{
		ratio(t.hits, float64(t.zeros*t.ones), nan),
		ratio(t.steps, t.ones, nan),
		ratio(t.logLoss, all, nan),
		ratio(t.brier, all, nan),
		ratio(right.value(t.weighted), all, nan),
		ratio(tp, tp+fp, zero),
		ratio(tp, tp+fn, zero),
		ratio(2*tp, float64(2*tp)+fp+fn, zero),
		float64(t.positives),
	}
	out := make([]operators.Metric, len(values))
	for i, v := range values {
		out[i] = operators.Metric{Name: binaryMetrics[i], Value: v}
	}
	return out
}
