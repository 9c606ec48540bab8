package evaluate

import (
	"math"
	"slices"
	"strconv"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
)

// Losses is evaluate.regression's options of what is measured besides.
type Losses struct {
	Quantile     *float64 `param:"quantile" doc:"adds pinball_loss and coverage of this quantile; if not given, of the model's, where it aims at one" min:">0" max:"<1"`
	Deviances    []string `param:"deviances" doc:"adds mean deviances; if not given, the one that the model makes small, if it is one of them" enum:"poisson|gamma|tweedie"`
	TweediePower *float64 `param:"tweedie_power" doc:"of the deviance tweedie: the power of the mean that the variance grows with; if not given, the model's, or 1.5" min:">1" max:"<2"`
}

// loss is a metric that is a mean over the rows.
type loss struct {
	name  string
	of    func(y, pred float64) float64
	power float64 // of a deviance, which has a domain; 0 of others
}

const tweedie = "tweedie"

// chosen are the deviances that are measured, and the power of Tweedie's.
func (o *Losses) chosen(s operators.Site) (names []string, power float64) {
	var aim operators.Aim
	if s.Model != nil {
		aim = s.Model.Aim
	}
	of := ""
	switch power = 1.5; aim.Power {
	case 0:
	case 1:
		of = "poisson"
	case 2:
		of = "gamma"
	default:
		of, power = tweedie, aim.Power
	}
	if names = o.Deviances; names == nil && of != "" {
		names = []string{of}
	}
	if o.TweediePower != nil {
		power = *o.TweediePower
	}
	return names, power
}

// measures are the losses in the order that they are told in.
func (o *Losses) measures(s operators.Site) (out []loss) {
	q := 0.0
	if s.Model != nil {
		q = s.Model.Aim.Quantile
	}
	if o.Quantile != nil {
		q = *o.Quantile
	}
	if q > 0 {
		out = append(out, loss{name: "pinball_loss", of: func(y, pred float64) float64 { return max(q*(y-pred), (q-1)*(y-pred)) }},
			loss{name: "coverage", of: func(y, pred float64) float64 {
				if y <= pred {
					return 1
				}
				return 0
			}})
	}
	names, power := o.chosen(s)
	for _, x := range []loss{{"mean_poisson_deviance", poisson, 1}, {"mean_gamma_deviance", gamma, 2},
		{"mean_tweedie_deviance", func(y, pred float64) float64 { return tweedieOf(y, pred, power) }, power}} {
		if slices.ContainsFunc(names, func(name string) bool { return x.name == "mean_"+name+"_deviance" }) {
			out = append(out, x)
		}
	}
	return out
}

// The deviances of scikit-learn, in its terms.

func poisson(y, pred float64) float64 {
	if y == 0 {
		return 2 * pred
	}
	return 2 * (float64(y*fmath.Log(y/pred)) - y + pred)
}

func gamma(y, pred float64) float64 { return 2 * (fmath.Log(pred/y) + y/pred - 1) }

func tweedieOf(y, pred, p float64) float64 {
	return 2 * (fmath.Pow(y, 2-p)/((1-p)*(2-p)) - y*fmath.Pow(pred, 1-p)/(1-p) + fmath.Pow(pred, 2-p)/(2-p))
}

// conflicts are of options that say a thing twice, or of nothing.
func (o *Losses) conflicts(s operators.Site) (l diag.List) {
	for i, name := range o.Deviances {
		if slices.Contains(o.Deviances[:i], name) {
			l.Add(diag.New(diag.OptionConflict, diag.Option("deviances", strconv.Itoa(i)), "deviance %s twice", name))
		}
	}
	if names, _ := o.chosen(s); o.TweediePower != nil && !slices.Contains(names, tweedie) {
		l.Add(diag.New(diag.OptionConflict, diag.Option("tweedie_power"), "tweedie_power is of the deviance tweedie, which is not measured").
			WithHelp("write deviances: [tweedie], or leave it out"))
	}
	return l
}

// domain refuses labels that a deviance is not defined on, and predictions of the new model. Rows that weigh nothing may have any. Of several
// the least is told, so that no order of the rows has a say.
func (r *rows) domain(x loss, models []string) error {
	if x.power == 0 {
		return nil
	}
	least := func(values []float64) float64 {
		v := math.Inf(1)
		for i, y := range values {
			if r.weightAt(uint32(i)) > 0 && y < v { // NaN is told as a row without a score
				v = y
			}
		}
		return v
	}
	switch y := least(r.y); {
	case x.power == 2 && y <= 0:
		return model.DataError("%s is of labels above 0, and %q is %v in a row", x.name, r.target.Name, y)
	case y < 0:
		return model.DataError("%s is of labels from 0 on, and %q is %v in a row", x.name, r.target.Name, y)
	}
	for m, name := range models {
		if p := least(r.scores[m]); name == "" && p <= 0 {
			return model.DataError("%s is of predictions above 0, and pred is %v in a row", x.name, p)
		}
	}
	return nil
}

// meanLoss is the mean of a loss over rows; NaN where it is not defined on one that weighs something.
func (r *rows) meanLoss(m int, order []uint32, x loss) float64 {
	weighted := r.w != nil
	var n mass
	sum := total{weighted: weighted}
	for _, i := range order {
		w, pred := r.weightAt(i), r.scores[m][i]
		if w == 0 {
			continue
		}
		if x.power > 0 && pred <= 0 {
			return nan
		}
		n.add(w, weighted)
		sum.add(x.of(r.y[i], pred), w)
	}
	return ratio(sum.value(), n.value(weighted), nan)
}
