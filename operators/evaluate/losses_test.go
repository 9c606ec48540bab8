package evaluate

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// What is measured besides is what the options say, else what the model aims at.
func TestLossesOfModel(t *testing.T) {
	q, p := 0.9, 1.7
	number := operators.Field{Name: "y", Type: batch.T(batch.Float64)}
	pred := operators.Field{Name: "pred", Type: batch.T(batch.Float64)}
	for _, c := range []struct {
		losses Losses
		aim    *operators.Aim
		want   []string
		power  float64 // of the last
		bad    string
	}{
		{Losses{}, nil, nil, 0, ""},
		{Losses{}, &operators.Aim{}, nil, 0, ""},
		{Losses{}, &operators.Aim{Quantile: 0.1}, []string{"pinball_loss", "coverage"}, 0, ""},
		{Losses{}, &operators.Aim{Power: 1}, []string{"mean_poisson_deviance"}, 1, ""},
		{Losses{}, &operators.Aim{Power: 2}, []string{"mean_gamma_deviance"}, 2, ""},
		{Losses{}, &operators.Aim{Power: 1.2}, []string{"mean_tweedie_deviance"}, 1.2, ""},
		{Losses{TweediePower: &p}, &operators.Aim{Power: 1.2}, []string{"mean_tweedie_deviance"}, 1.7, ""},
		{Losses{Deviances: []string{}}, &operators.Aim{Power: 1.2}, nil, 0, ""},
		{Losses{Quantile: &q, Deviances: []string{"tweedie", "poisson"}}, nil, []string{"pinball_loss", "coverage", "mean_poisson_deviance", "mean_tweedie_deviance"}, 1.5, ""},
		{Losses{TweediePower: &p}, &operators.Aim{Power: 1}, []string{"mean_poisson_deviance"}, 1, "which is not measured"},
		{Losses{Deviances: []string{"gamma", "gamma"}}, nil, []string{"mean_gamma_deviance"}, 2, "deviance gamma twice"},
	} {
		s := operators.Site{In: []operators.Schema{operators.Of(number, pred)}, Task: operators.Task{Kind: operators.Regression, Label: "y"}}
		if c.aim != nil {
			s.Model = &operators.Model{Aim: *c.aim}
		}
		e := &Regression{Options: Options{Part: "test"}, Losses: c.losses}
		out, l := e.Check(s)
		if got := out.Eval.Metrics; !slices.Equal(got, append(slices.Clone(regressionMetrics), c.want...)) {
			t.Errorf("%+v of %+v: %v, want %v", c.losses, c.aim, got, c.want)
		}
		if ms := e.measures(s); c.power > 0 && ms[len(ms)-1].power != c.power {
			t.Errorf("%+v of %+v: the power is %v, want %v", c.losses, c.aim, ms[len(ms)-1].power, c.power)
		}
		switch {
		case c.bad == "" && l != nil:
			t.Errorf("%+v of %+v: %v", c.losses, c.aim, l)
		case c.bad != "" && (len(l) != 1 || !strings.Contains(l[0].Message, c.bad)):
			t.Errorf("%+v of %+v: %v, want %s", c.losses, c.aim, l, c.bad)
		}
	}
}

// Labels and predictions that a deviance is not defined on fail the step, and of a champion its metric alone. Rows that weigh nothing may
// have any.
func TestDeviancesRefuse(t *testing.T) {
	run := func(y, pred, w []float64, deviances ...string) (operators.Result, error) {
		tb := regressionTable(y, pred, w)
		tb.op.(*Regression).Deviances = deviances
		a := tb.op.Start(tb.site, tb.names)
		if err := a.Add(nil, tb.b); err != nil {
			t.Fatal(err)
		}
		return tb.op.Finish(tb.site, tb.names, operators.TestEnv(), a)
	}
	ones := []float64{1, 1, 1}
	for _, c := range []struct {
		y, pred   []float64
		deviances []string
		want      string
	}{
		{[]float64{1, -2, -1}, ones, []string{"poisson"}, `mean_poisson_deviance is of labels from 0 on, and "y" is -2 in a row`},
		{[]float64{1, -2, 1}, ones, []string{"tweedie"}, "mean_tweedie_deviance is of labels from 0 on"},
		{[]float64{1, 0, 1}, ones, []string{"gamma"}, `mean_gamma_deviance is of labels above 0, and "y" is 0 in a row`},
		{ones, []float64{1, 0, 1}, []string{"poisson"}, "mean_poisson_deviance is of predictions above 0, and pred is 0 in a row"},
		{ones, []float64{1, math.NaN(), 1}, []string{"gamma"}, "gives no score"},
	} {
		_, err := run(c.y, c.pred, nil, c.deviances...)
		var data *operators.ErrData
		if !errors.As(err, &data) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	res, err := run([]float64{2, -1, 3}, []float64{2, 0, 3}, []float64{1, 0, 5}, "poisson", "gamma", "tweedie")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.Models[0].Metrics[3:] {
		if !near(m.Value, 0) {
			t.Errorf("%s is %v of rows that are right", m.Name, m.Value)
		}
	}
	tb := regressionTable(ones, []float64{1, 2, 0}, nil)
	tb.names = []string{"champion"}
	tb.op.(*Regression).Deviances = []string{"gamma"}
	ms := tb.run(t).Models[0].Metrics
	if !math.IsNaN(metric(ms, "mean_gamma_deviance")) || math.IsNaN(metric(ms, "rmse")) {
		t.Errorf("%v of a champion that is out of the domain", ms)
	}
}

// The least pinball loss of a constant is at the quantile, which its coverage tells.
func TestPinballAtQuantile(t *testing.T) {
	y := make([]float64, 101)
	for i := range y {
		y[i] = float64(i * i)
	}
	q := 0.25
	losses, coverage := make([]float64, len(y)), make([]float64, len(y))
	for i := range y {
		tb := regressionTable(y, slices.Repeat(y[i:i+1], len(y)), nil)
		tb.op.(*Regression).Quantile = &q
		ms := tb.run(t).Models[0].Metrics
		losses[i], coverage[i] = metric(ms, "pinball_loss"), metric(ms, "coverage")
	}
	if at := slices.Index(losses, slices.Min(losses)); at != 25 || !near(coverage[at], 26.0/101) {
		t.Errorf("the least pinball loss is at %d, whose coverage is %v", at, coverage[at])
	}
}
