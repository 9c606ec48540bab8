package gbdt

import (
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Losses is train.gbdt's options of what the trees make small.
type Losses struct {
	Objective    string   `param:"objective" doc:"the loss that is minimised; if not given, log_loss for classes, squared_error for numbers, lambdarank of a ranking, which is the only one there. absolute_error aims at the median, quantile at another share, huber at the mean of what is no outlier. poisson (counts), gamma (amounts above 0) and tweedie (amounts, 0 among them) are deviances, whose pred is e to the raw score" enum:"log_loss|squared_error|absolute_error|huber|quantile|poisson|gamma|tweedie|lambdarank"`
	Quantile     *float64 `param:"quantile" doc:"for objective quantile: the share of labels that should lie below pred; 0.5 if not given" min:">0" max:"<1"`
	HuberDelta   *float64 `param:"huber_delta" doc:"for objective huber: errors larger than this, in the label's unit, count linearly; 1 if not given" min:">0" max:"1e100"`
	TweediePower *float64 `param:"tweedie_power" doc:"for objective tweedie: the variance grows as this power of the mean, near 1 as poisson, near 2 as gamma; 1.5 if not given" min:">1" max:"<2"`
}

// losses are the objectives of a regression by their names.
var losses = map[string]Objective{"": Regression, "squared_error": Regression, "absolute_error": AbsoluteError, "huber": Huber, "quantile": Quantile,
	"poisson": Poisson, "gamma": Gamma, "tweedie": Tweedie}

// objective sets what the trees make small.
func (o *Operator) objective(s operators.Site, c *Options) {
	switch s.Task.Kind {
	case operators.Multiclass:
		c.Objective = Multiclass
	case operators.Regression:
		c.Objective = losses[o.Objective]
	case operators.Ranking:
		c.Objective = LambdaRank
	}
	for _, x := range []struct{ to, from *float64 }{{&c.Quantile, o.Quantile}, {&c.HuberDelta, o.HuberDelta}, {&c.TweediePower, o.TweediePower}} {
		if x.from != nil {
			*x.to = *x.from
		}
	}
}

// aim is what pred stands for.
func (o *Operator) aim(s operators.Site) (a operators.Aim) {
	c := Defaults()
	o.objective(s, &c)
	switch c.Objective {
	case Quantile:
		a.Quantile = c.Quantile
	case Poisson:
		a.Power = 1
	case Gamma:
		a.Power = 2
	case Tweedie:
		a.Power = c.TweediePower
	}
	return a
}

// checkObjective reports an objective of another kind of task, and options and a metric of another objective.
func (o *Operator) checkObjective(s operators.Site, l *diag.List) {
	var c Options
	o.objective(s, &c)
	regression := s.Task.Kind == operators.Regression
	switch {
	case o.Objective == "lambdarank" && c.Objective != LambdaRank:
		l.Add(diag.New(diag.OptionConflict, diag.Option("objective"), "lambdarank is of rankings, the task is %s", s.Task.Kind).
			WithHelp("write task: {kind: ranking, label: COLUMN, group: COLUMN}, or leave it out"))
		return // the rest is of what it was meant to be
	case c.Objective == LambdaRank && o.Objective != "" && o.Objective != "lambdarank":
		l.Add(diag.New(diag.OptionConflict, diag.Option("objective"), "%s is of single rows, the task is a ranking", o.Objective).
			WithHelp("leave it out: the objective is lambdarank"))
		return
	case c.Objective == LambdaRank:
	case regression && o.Objective == "log_loss":
		l.Add(diag.New(diag.OptionConflict, diag.Option("objective"), "log_loss is of classes, the task is a regression").
			WithHelp("there are squared_error, absolute_error, huber, quantile, poisson, gamma, tweedie"))
	case !regression && o.Objective != "" && o.Objective != "log_loss":
		l.Add(diag.New(diag.OptionConflict, diag.Option("objective"), "%s is of regressions, the task is %s", o.Objective, s.Task.Kind).
			WithHelp("leave it out: the objective is log_loss"))
		return // the rest is of what it was meant to be
	}
	for _, x := range []struct {
		option    string
		value     *float64
		objective Objective
	}{{"quantile", o.Quantile, Quantile}, {"huber_delta", o.HuberDelta, Huber}, {"tweedie_power", o.TweediePower, Tweedie}} {
		if x.value != nil && c.Objective != x.objective {
			l.Add(diag.New(diag.OptionConflict, diag.Option(x.option), "%s is of objective %s, which is not chosen", x.option, x.objective).
				WithHelp("write objective: %s, or leave it out", x.objective))
		}
	}
	if e := o.EarlyStop; e != nil && e.Metric != "" && !metricOf(e.Metric).of(c.Objective) {
		l.Add(diag.New(diag.OptionConflict, diag.Option("early_stop", "metric"), "%s is no metric of the objective %s", e.Metric, c.Objective).
			WithHelp("there are %s", strings.Join(metricsOf(c.Objective), ", ")))
	}
}
