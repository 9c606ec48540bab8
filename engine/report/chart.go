package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators"
)

// The drawing, in its own units: on a phone a unit is about a pixel, so that its letters can be read there.
const (
	chartWide, chartHigh = 360.0, 290.0
	plotLeft, plotRight  = 48.0, 348.0
	plotTop, plotBottom  = 26.0, 246.0
)

// chart is a picture with axes. Its colours are classes of the style sheet, so that it follows light and dark.
type chart struct {
	ID, Title, Desc string
	XLabel, YLabel  string
	XTicks, YTicks  []tick
	Areas, Lines    []line
	Bars            []rect
	Dots            []dot
	Legend          []key

	x, y axis
}

type tick struct{ At, Text string }

type line struct{ Class, Points string }

type rect struct{ X, Y, Wide, High, Title string }

type dot struct{ X, Y, Class, Title string }

type key struct{ Class, Text string }

// axis maps values to places.
type axis struct{ lo, hi, from, to float64 }

func (a axis) at(v float64) float64 { return a.from + float64((a.to-a.from)*((v-a.lo)/(a.hi-a.lo))) }

// newChart draws the axes over a range of values; a range without width gets some.
func newChart(title, xLabel, yLabel string, x, y [2]float64) *chart {
	c := &chart{Title: title, XLabel: xLabel, YLabel: yLabel}
	c.x = axis{x[0], x[1], plotLeft, plotRight}
	c.y = axis{y[0], y[1], plotBottom, plotTop}
	for _, a := range []*axis{&c.x, &c.y} {
		if !(a.hi > a.lo) {
			wide := math.Max(1e-9, math.Abs(a.lo)/10)
			a.lo, a.hi = a.lo-wide, a.hi+wide
		}
	}
	for _, v := range ticks(c.x.lo, c.x.hi) {
		c.XTicks = append(c.XTicks, tick{coordinate(c.x.at(v.v)), v.text})
	}
	for _, v := range ticks(c.y.lo, c.y.hi) {
		c.YTicks = append(c.YTicks, tick{coordinate(c.y.at(v.v)), v.text})
	}
	return c
}

type mark struct {
	v    float64
	text string
}

// ticks are about six round values inside a range.
func ticks(lo, hi float64) (out []mark) {
	raw := (hi - lo) / 6
	if !(raw > 0) || math.IsInf(raw, 0) {
		return nil
	}
	exp := int(math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		step := m * math.Pow(10, float64(exp))
		if step*1.000001 < raw {
			continue
		}
		digits := max(0, -exp)
		if m == 10 {
			digits = max(0, -exp-1)
		}
		for i := math.Ceil(lo/step - 1e-9); i <= math.Floor(hi/step+1e-9); i++ {
			out = append(out, mark{i * step, tickText(i*step, digits)})
		}
		return out
	}
	return nil
}

func tickText(v float64, digits int) string {
	a := math.Abs(v)
	switch {
	case a < 1e-300:
		return "0"
	case a >= 1e15:
		return minus(strconv.FormatFloat(v, 'g', 3, 64))
	case a >= 1e9:
		return sign(v) + strings.TrimSuffix(strconv.FormatFloat(a/1e9, 'f', 1, 64), ".0") + "G"
	case a >= 1e6:
		return sign(v) + strings.TrimSuffix(strconv.FormatFloat(a/1e6, 'f', 1, 64), ".0") + "M"
	case a >= 1e4:
		return sign(v) + strings.TrimSuffix(strconv.FormatFloat(a/1e3, 'f', 1, 64), ".0") + "k"
	case digits > 5:
		return minus(strconv.FormatFloat(v, 'g', 3, 64))
	}
	return minus(strconv.FormatFloat(v, 'f', digits, 64))
}

// points is a line; what is no number is left out.
func (c *chart) points(xs, ys []float64) string {
	var b strings.Builder
	for i := range min(len(xs), len(ys)) {
		if !finite(xs[i]) || !finite(ys[i]) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(coordinate(c.x.at(xs[i])) + "," + coordinate(c.y.at(ys[i])))
	}
	return b.String()
}

func (c *chart) line(class string, xs, ys []float64) {
	if p := c.points(xs, ys); p != "" {
		c.Lines = append(c.Lines, line{class, p})
	}
}

func (c *chart) dots(class string, xs, ys []float64, what string) {
	for i := range min(len(xs), len(ys)) {
		if finite(xs[i]) && finite(ys[i]) {
			c.Dots = append(c.Dots, dot{coordinate(c.x.at(xs[i])), coordinate(c.y.at(ys[i])), class, fmt.Sprintf(what, number(xs[i]), number(ys[i]))})
		}
	}
}

// named gives a line its entry in the legend and its share of the description.
func (c *chart) named(class, text string) {
	c.Legend = append(c.Legend, key{class, text})
	if c.Desc != "" {
		c.Desc += "; "
	}
	c.Desc += text
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// series is a model's curve.
type series struct {
	class, name string
	model       operators.ModelResult
	curve       operators.Curve
}

// curvesOf are the curves of that name, the champion's first, so that the new one lies above it.
func curvesOf(name string, fresh operators.ModelResult, champion *operators.ModelResult) (out []series) {
	add := func(class, who string, m operators.ModelResult) {
		for _, c := range m.Curves {
			if c.Name == name && min(len(c.X), len(c.Y)) > 0 {
				out = append(out, series{class, who, m, c})
			}
		}
	}
	if champion != nil {
		add("old", "champion", *champion)
	}
	add("new", "new model", fresh)
	return out
}

// evaluationCharts are those that the curves allow.
func evaluationCharts(fresh operators.ModelResult, champion *operators.ModelResult) (out []*chart) {
	for _, draw := range []func(operators.ModelResult, *operators.ModelResult) *chart{roc, precisionRecall, calibration, predictedVsActual, residuals, scores} {
		if c := draw(fresh, champion); c != nil {
			out = append(out, c)
		}
	}
	return out
}

var unit = [2]float64{0, 1}

func roc(fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	all := curvesOf("roc", fresh, champion)
	if all == nil {
		return nil
	}
	c := newChart("ROC", "false positive rate", "true positive rate", unit, unit)
	c.line("rule", unit[:], unit[:])
	for _, s := range all {
		if s.class == "new" {
			c.Areas = append(c.Areas, line{"new", c.points(append([]float64{0}, append(s.curve.X, 1)...), append([]float64{0}, append(s.curve.Y, 0)...))})
		}
		c.line(s.class, s.curve.X, s.curve.Y)
	}
	c.legend(all, "auc", "AUC")
	c.named("rule", "no better than chance")
	return c
}

// legend names the series, the new model first, with a metric of each.
func (c *chart) legend(all []series, metric, text string) {
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		name := s.name
		if v := value(s.model.Metrics, metric); !math.IsNaN(v) {
			name += ", " + text + " " + number(v)
		}
		c.named(s.class, name)
	}
}

func precisionRecall(fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	all := curvesOf("precision_recall", fresh, champion)
	if all == nil {
		return nil
	}
	c := newChart("Precision and recall", "recall", "precision", unit, unit)
	base := math.NaN() // the precision of taking every row: what a model has to be above of
	for _, s := range all {
		if n := min(len(s.curve.X), len(s.curve.Y)); s.class == "new" && s.curve.X[n-1] == 1 {
			base = s.curve.Y[n-1]
		}
	}
	if finite(base) {
		c.line("rule", unit[:], []float64{base, base})
	}
	for _, s := range all {
		c.line(s.class, s.curve.X, s.curve.Y)
	}
	c.legend(all, "average_precision", "average")
	if finite(base) {
		c.named("rule", "taking every row, "+number(base))
	}
	return c
}

func calibration(fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	all := curvesOf("calibration", fresh, champion)
	if all == nil {
		return nil
	}
	c := newChart("Calibration", "predicted probability", "share of positives", unit, unit)
	c.line("rule", unit[:], unit[:])
	for _, s := range all {
		c.line(s.class, s.curve.X, s.curve.Y)
		c.dots(s.class, s.curve.X, s.curve.Y, s.name+": predicted %s, is %s")
	}
	c.legend(all, "brier", "Brier")
	c.named("rule", "as predicted")
	return c
}

func predictedVsActual(fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	all := curvesOf("predicted_vs_actual", fresh, champion)
	if all == nil {
		return nil
	}
	r := span(all, true)
	c := newChart("Predicted and actual", "mean prediction", "mean label", r, r)
	whole := []float64{c.x.lo, c.x.hi}
	c.line("rule", whole, whole)
	for _, s := range all {
		c.line(s.class, s.curve.X, s.curve.Y)
		c.dots(s.class, s.curve.X, s.curve.Y, s.name+": predicted %s, is %s")
	}
	c.legend(all, "r2", "R²")
	c.named("rule", "as predicted")
	return c
}

// span is the range of the curves' xs, and of their ys where both is set, with a little room.
func span(all []series, both bool) [2]float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	take := func(vs []float64) {
		for _, v := range vs {
			if finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	for _, s := range all {
		take(s.curve.X)
		if both {
			take(s.curve.Y)
		}
	}
	if lo > hi {
		return unit
	}
	room := (hi - lo) / 25
	return [2]float64{lo - room, hi + room}
}

func residuals(fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	c := histogram("residuals", "Residuals", "label less prediction", fresh, champion)
	if c == nil {
		return nil
	}
	if c.x.lo < 0 && c.x.hi > 0 {
		c.line("rule", []float64{0, 0}, []float64{c.y.lo, c.y.hi})
	}
	c.barLegend(curvesOf("residuals", fresh, champion), "rmse", "RMSE")
	return c
}

func scores(fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	c := histogram("scores", "Scores", "score", fresh, champion)
	if c != nil {
		c.barLegend(curvesOf("scores", fresh, champion), "flagged", "flagged")
	}
	return c
}

// barLegend names the series of a histogram.
func (c *chart) barLegend(all []series, metric, text string) {
	c.legend(all, metric, text)
	for i := range c.Legend {
		if c.Legend[i].Class == "new" {
			c.Legend[i].Class = "bar"
		}
	}
}

// histogram draws the new model's as bars and the champion's as steps over it. Bins of another width hold other shares,
// so that the champion's are scaled to the width of the new model's.
func histogram(name, title, what string, fresh operators.ModelResult, champion *operators.ModelResult) *chart {
	all := curvesOf(name, fresh, champion)
	if all == nil || all[len(all)-1].class != "new" {
		return nil
	}
	wide := func(s series) float64 {
		if x := s.curve.X; len(x) > 1 {
			return x[1] - x[0]
		}
		return math.Max(1e-9, math.Abs(s.curve.X[0])/10)
	}
	own := wide(all[len(all)-1])
	top, lo, hi := 0.0, math.Inf(1), math.Inf(-1)
	for i := range all {
		s := &all[i]
		w := wide(*s)
		ys := make([]float64, len(s.curve.Y))
		for j, y := range s.curve.Y {
			ys[j] = y * (own / w)
			top = math.Max(top, ys[j])
		}
		s.curve.Y = ys
		lo, hi = math.Min(lo, s.curve.X[0]-w/2), math.Max(hi, s.curve.X[len(s.curve.X)-1]+w/2)
	}
	if !finite(lo) || !finite(hi) || !finite(top) || top == 0 {
		return nil
	}
	c := newChart(title, what, "share of rows", [2]float64{lo, hi}, [2]float64{0, top * 1.05})
	for _, s := range all {
		if w := wide(s); s.class == "old" {
			c.line("old", stairs(s.curve.X, w), twice(s.curve.Y))
		} else {
			c.bars(s.curve, w)
		}
	}
	return c
}

func (c *chart) bars(v operators.Curve, wide float64) {
	for i := range min(len(v.X), len(v.Y)) {
		if !finite(v.Y[i]) || v.Y[i] <= 0 {
			continue
		}
		x, to, y := c.x.at(v.X[i]-wide/2), c.x.at(v.X[i]+wide/2), c.y.at(v.Y[i])
		c.Bars = append(c.Bars, rect{coordinate(x + 0.5), coordinate(y), coordinate(math.Max(0.5, to-x-1)), coordinate(plotBottom - y),
			fmt.Sprintf("%s to %s: %s of rows", number(v.X[i]-wide/2), number(v.X[i]+wide/2), percent(v.Y[i]))})
	}
}

func stairs(x []float64, wide float64) (out []float64) {
	for _, v := range x {
		out = append(out, v-wide/2, v+wide/2)
	}
	return out
}

func twice(y []float64) (out []float64) {
	for _, v := range y {
		out = append(out, v, v)
	}
	return out
}

// learningMax is how many curves of a fit are drawn.
const learningMax = 4

// learning draws what a fit tells of its progress. A metric known to be better up or down has its best point marked.
func learning(curves []operators.Curve) *chart {
	var all []series
	for _, c := range curves {
		if len(c.X) == 0 { // points without places are numbered
			for i := range c.Y {
				c.X = append(c.X, float64(i+1))
			}
		}
		if min(len(c.X), len(c.Y)) > 1 && len(all) < learningMax {
			all = append(all, series{class: [...]string{"new", "old", "third", "fourth"}[len(all)], name: Visible(c.Name), curve: c})
		}
	}
	if all == nil {
		return nil
	}
	x := span(all, false)
	first, last := all[0].curve.X[0], x[1]
	x = [2]float64{math.Min(first, x[1]), last}
	ys := make([]series, len(all))
	for i, s := range all {
		ys[i].curve.X = s.curve.Y
	}
	c := newChart("Learning", "rounds", "metric", x, span(ys, false))
	if len(all) == 1 && len(all[0].name) <= 40 { // what is longer has room in the legend only
		c.YLabel = all[0].name
	}
	for _, s := range all {
		c.line(s.class, s.curve.X, s.curve.Y)
		text := s.name
		if k := best(s.name, s.curve.Y); k >= 0 && k < len(s.curve.X) {
			text += ", best " + number(s.curve.Y[k]) + " at " + number(s.curve.X[k])
			c.dots(s.class, s.curve.X[k:k+1], s.curve.Y[k:k+1], s.name+": at %s best %s")
		}
		c.named(s.class, text)
	}
	return c
}

// best is the place of the best value, the first of equal ones; -1 where better has no meaning. The metric is the last word of a
// curve's name.
func best(name string, ys []float64) int {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '/' || r == '.' || r == ':' })
	if len(words) == 0 {
		return -1
	}
	up := Better(words[len(words)-1])
	at := -1
	for i, y := range ys {
		if up != 0 && finite(y) && (at < 0 || up*y > up*ys[at]) {
			at = i
		}
	}
	return at
}
