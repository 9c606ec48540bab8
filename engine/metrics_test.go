package engine

import (
	"slices"
	"testing"

	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/param"
)

// facts are metrics that say what the rows are like, and not how good a model is.
var facts = []string{"positives", "coverage", "flagged", "groups", "groups_relevant", "score_mean", "score_max", "score_p50", "score_p90", "score_p95", "score_p99"}

// Of every metric that an operator measures, stops by or gives, it is known which way it is better: gates on the worst slice, the line of
// a fit and the report's marks hang on it.
func TestMetricDirections(t *testing.T) {
	from := map[string]string{} // a metric, and who has it
	for _, spec := range operators.Catalogue() {
		choices(param.Describe(spec.New()), func(metric string) { from[metric] = spec.Name })
		for _, e := range spec.Example {
			schema, b, err := operators.ParseRows(e.Out)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(schema.Fields, func(f operators.Field) bool { return f.Name == "metric" })
			for i := range b.N {
				if at >= 0 {
					from[string(b.Cols[at].Text(i))] = spec.Name
				}
			}
		}
	}
	for _, known := range []string{"auc", "positives", "rmse", "unknown", "pinball_loss"} {
		if from[known] == "" {
			t.Errorf("no operator has %s: the test does not see what it should", known)
		}
	}
	for metric, who := range from {
		if (report.Better(metric) == 0) != slices.Contains(facts, metric) {
			t.Errorf("%s of %s is better in direction %g", metric, who, report.Better(metric))
		}
	}
}

// choices walks the choices of all options that name a metric.
func choices(all []param.Option, metric func(string)) {
	for _, o := range all {
		if o.Name == "metric" {
			for _, c := range o.Enum {
				metric(c)
			}
		}
		choices(o.Sub, metric)
	}
}
