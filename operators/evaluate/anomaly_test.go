package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// anomalyTable is the table of a task of two classes whose p is a score, with its label or without one.
func anomalyTable(two table, label bool) table {
	o := &Anomaly{Options: Options{Part: "test"}}
	if len(two.names) > 1 {
		o.Slices = []string{"t", "n"}
	}
	two.op = o
	if two.site.Task.Kind = operators.Anomaly; !label {
		two.site.Task.Label = ""
		two.b.Cols = two.b.Cols[1:]
	}
	return two
}

// slicedAnomalies is sliced as anomalies.
func slicedAnomalies(seed uint64, n int, label bool) table {
	return anomalyTable(sliced(seed, n), label)
}

// What both have is what evaluate.binary says; what needs no label is the same without one.
func TestAnomaliesAreTwoClasses(t *testing.T) {
	two := sliced(5, 500)
	binary, labelled, blind := two.run(t).Models, anomalyTable(two, true).run(t).Models, anomalyTable(two, false).run(t).Models
	for m := range binary {
		for _, name := range []string{"auc", "average_precision", "precision", "recall", "f1", "positives"} {
			if got, want := metric(labelled[m].Metrics, name), metric(binary[m].Metrics, name); got != want {
				t.Errorf("model %d: %s is %v, and %v of two classes", m, name, got, want)
			}
		}
		for i, name := range anomalyScores {
			got, want := blind[m].Metrics[i], metric(labelled[m].Metrics, name)
			if got.Name != name || got.Value != want {
				t.Errorf("model %d: %s is %v without a label, with one %v", m, name, got, want)
			}
		}
		if len(blind[m].Metrics) != len(anomalyScores) || blind[m].Confusion != nil || len(blind[m].Curves) != 1 || len(labelled[m].Curves) != 3 {
			t.Errorf("model %d: %+v", m, blind[m])
		}
	}
}

// The first k of rows that are mixed before they are sorted hold so many anomalies in the mean: that is what ties count for.
func TestTop(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	const n, draws = 60, 4000
	y, p := make([]int, n), make([]float64, n)
	for i := range y {
		y[i], p[i] = r.IntN(3)/2, float64(r.IntN(6))
	}
	for _, k := range []int{1, 7, 20, 59, 60, 100} {
		tb := anomalyTable(binaryTable(y, p, 3, nil), true)
		tb.op = &Anomaly{Options{Part: "test"}, k}
		got := metric(tb.run(t).Models[0].Metrics, "precision_at_k")
		order, sum := make([]int, n), 0.0
		for range draws {
			for i, j := range r.Perm(n) {
				order[i] = j
			}
			slices.SortStableFunc(order, func(a, b int) int { return int(p[b] - p[a]) })
			for _, i := range order[:min(k, n)] {
				sum += float64(y[i])
			}
		}
		if want := sum / draws / float64(min(k, n)); math.Abs(got-want) > 0.03 {
			t.Errorf("precision at %d is %v, of draws %v", k, got, want)
		}
	}
	// as many as are anomalies: of those that are found and those that are flagged the same share
	ms := anomalyTable(binaryTable(y, p, 3, nil), true).run(t).Models[0].Metrics
	if a, b := metric(ms, "precision_at_k"), metric(ms, "recall_at_k"); !near(a, b) || !(a > 0 && a < 1) {
		t.Errorf("precision %v and recall %v at as many rows as are anomalies", a, b)
	}
}

// A row of weight w is w rows, and one of weight 0 none, also at the k-th place.
func TestAnomaliesByWeight(t *testing.T) {
	y, p := []int{1, 0, 1, 0, 1, 0, 0}, []float64{0.9, 0.8, 0.7, 0.7, 0.6, 0.95, 0.2}
	w := []float64{2, 1, 2, 3, 1, 0, 1}
	var many []int
	var scores []float64
	for i := range y {
		for range int(w[i]) {
			many, scores = append(many, y[i]), append(scores, p[i])
		}
	}
	got := anomalyTable(binaryTable(y, p, 0.75, w), true).run(t).Models[0].Metrics
	want := anomalyTable(binaryTable(many, scores, 0.75, nil), true).run(t).Models[0].Metrics
	for _, m := range want {
		if strings.HasSuffix(m.Name, "_at_k") || m.Name == "positives" {
			continue // which count rows
		}
		if v := metric(got, m.Name); !near(v, m.Value) {
			t.Errorf("%s is %v by weight, of as many rows %v", m.Name, v, m.Value)
		}
	}
	// three anomalies: the first two rows that weigh something, and half of the two that share the third place
	if v := metric(got, "precision_at_k"); !near(v, (2+1)/(3+2.5)) {
		t.Errorf("precision at 3 is %v", v)
	}
	if v := metric(got, "score_max"); v != 0.9 {
		t.Errorf("the greatest score is %v, and 0.95 weighs nothing", v)
	}
}

// A quantile is the least score that so many rows do not exceed (inverted_cdf of NumPy).
func TestScoreQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{1, 2, 10, 100, 101, 999} {
		y, p := make([]int, n), make([]float64, n)
		for i := range p {
			p[i] = math.Round(50*r.ExpFloat64()) / 50
		}
		ms := anomalyTable(binaryTable(y, p, 0.5, nil), false).run(t).Models[0].Metrics
		slices.Sort(p)
		for name, per := range map[string]int{"score_p50": 50, "score_p90": 90, "score_p95": 95, "score_p99": 99, "score_max": 100} {
			if got, want := metric(ms, name), p[(n*per+99)/100-1]; got != want {
				t.Errorf("%s of %d rows is %v, want %v", name, n, got, want)
			}
		}
	}
	ms := anomalyTable(binaryTable([]int{0, 1}, []float64{1, 2}, 0.5, []float64{0, 0}), true).run(t).Models[0].Metrics
	for _, m := range ms {
		if m.Name != "positives" && !math.IsNaN(m.Value) {
			t.Errorf("%s is %v of rows that weigh nothing", m.Name, m.Value)
		}
	}
}

func TestAnomalyCheck(t *testing.T) {
	score, pred := operators.Field{Name: "score", Type: batch.T(batch.Float64)}, operators.Field{Name: "pred", Type: batch.T(batch.Bool)}
	bad, text := operators.Field{Name: "bad", Type: batch.T(batch.Bool)}, operators.Field{Name: "text", Type: batch.T(batch.String)}
	in := operators.Of(bad, text, score, pred)
	for _, c := range []struct {
		task  operators.Task
		k     int
		in    operators.Schema
		want  string
		first string // metric
	}{
		{operators.Task{Kind: operators.Anomaly}, 0, in, "", "flagged"},
		{operators.Task{Kind: operators.Anomaly, Label: "bad"}, 10, in, "", "auc"},
		{operators.Task{Kind: operators.Anomaly, Label: "text", Positive: "yes"}, 0, in, "", "auc"},
		{operators.Task{Kind: operators.Anomaly}, 10, in, "the task names none", "flagged"},
		{operators.Task{Kind: operators.Anomaly, Label: "text"}, 0, in, "nothing says which value counts as 1", "auc"},
		{operators.Task{Kind: operators.Anomaly, Label: "bade"}, 0, in, "does not reach this step", "auc"},
		{operators.Task{Kind: operators.Binary, Label: "bad"}, 0, in, "evaluate.anomaly is for tasks of kind anomaly", "auc"},
		{operators.Task{Kind: operators.Anomaly}, 0, operators.Of(bad), `column "score"`, "flagged"},
	} {
		out, l := (&Anomaly{Options{Part: "test"}, c.k}).Check(operators.Site{In: []operators.Schema{c.in}, Task: c.task})
		var texts []string
		for _, d := range l {
			texts = append(texts, d.Error())
		}
		if got := strings.Join(texts, "\n"); c.want == "" && l != nil || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s, want %q", c.task, got, c.want)
		}
		if out.Eval.Metrics[0] != c.first || !slices.Equal(out.Eval.Scores, []string{"score", "pred"}) {
			t.Errorf("%+v: %+v", c.task, out.Eval)
		}
	}
}
