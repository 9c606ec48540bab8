package report

import (
	"math"
	"strconv"

	"github.com/headrace/headrace/operators"
)

// influenceTable is the permutation importance of the features: by how much a metric gets worse without what each says.
type influenceTable struct {
	Metric string
	Shap   bool // the model says what each feature adds
	Zero   string
	Rows   []influence
	Rest   string
}

// influence is a line of the table, with bars from 0 to 100.
type influence struct {
	Name, Drop, Spread, Shap string
	At, Wide                 string // of the bar of the drop
	From, Span               string // of the line of its spread
	ShapWide                 string
}

// Deviation is a number beside a larger one: it needs no digits that those do not show.
func Deviation(v float64) string {
	if v >= 5e-5 && v < 1e-3 {
		return strconv.FormatFloat(v, 'f', 4, 64)
	}
	return number(v)
}

// probed says whether an evaluation ran the model without each of its features; what else it says of it others say.
func probed(e Evaluation) bool {
	fresh, _ := models(e.Result)
	return fresh.Influence != nil
}

func influences(m operators.ModelResult) *influenceTable {
	all := m.Influence
	if len(all) == 0 {
		return nil
	}
	t := &influenceTable{Metric: "the metric", Shap: !math.IsNaN(all[0].Shap)}
	if len(m.Metrics) > 0 {
		t.Metric = Visible(m.Metrics[0].Name)
	}
	shown := all[:min(len(all), importanceMax)]
	low, high, shap := 0.0, 1e-300, 1e-300
	for _, f := range shown {
		low, high, shap = min(low, f.Drop-f.Spread), max(high, f.Drop+f.Spread), max(shap, f.Shap)
	}
	share := func(x float64) string { return coordinate(100 * x / (high - low)) }
	t.Zero = share(-low)
	for _, f := range shown {
		t.Rows = append(t.Rows, influence{Name: Visible(f.Feature), Drop: number(f.Drop), Spread: Deviation(f.Spread), Shap: number(f.Shap),
			At: share(min(f.Drop, 0) - low), Wide: share(math.Abs(f.Drop)), From: share(f.Drop - f.Spread - low), Span: share(2 * f.Spread),
			ShapWide: coordinate(100 * f.Shap / shap)})
	}
	if more := len(all) - len(shown); more > 0 {
		t.Rest = "and " + Plural(int64(more), "more feature") + " of less"
	}
	return t
}
