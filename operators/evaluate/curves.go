package evaluate

import (
	"math"
	"slices"

	"github.com/headrace/headrace/operators"
)

// pointsMax is how many points a curve has at most.
const pointsMax = 200

// thin picks at most pointsMax of n points, evenly, the first and the last among them.
func thin(n int) []int {
	k := min(n, pointsMax)
	at := make([]int, k)
	for i := range at {
		at[i] = i
		if n > k {
			at[i] = i * (n - 1) / (k - 1)
		}
	}
	return at
}

// roc is the share of ones that are found over the share of zeros that are taken for ones.
func (t *tallies) roc() operators.Curve {
	c := operators.Curve{Name: "roc"}
	if t.zeros == 0 || t.ones == 0 {
		return c
	}
	for _, i := range thin(len(t.fp)) {
		c.X, c.Y = append(c.X, t.fp[i]/t.zeros), append(c.Y, t.tp[i]/t.ones)
	}
	return c
}

// precisionRecall is the precision over the recall.
func (t *tallies) precisionRecall() operators.Curve {
	c := operators.Curve{Name: "precision_recall"}
	if t.ones == 0 {
		return c
	}
	for _, i := range thin(len(t.fp) - 1) {
		fp, tp := t.fp[i+1], t.tp[i+1]
		if fp+tp > 0 {
			c.X, c.Y = append(c.X, tp/t.ones), append(c.Y, tp/(tp+fp))
		}
	}
	return c
}

const calibrationBins = 10

// calibration is the share of ones over the mean p, in bins of p of equal width; empty bins are left out.
func (r *rows) calibration(m int) operators.Curve {
	var p, y [calibrationBins]total
	var n [calibrationBins]mass
	weighted := r.w != nil
	for k := range p {
		p[k].weighted, y[k].weighted = weighted, weighted
	}
	for i, v := range r.scores[m] {
		w := r.weightAt(uint32(i))
		k := int(min(max(v, 0)*calibrationBins, calibrationBins-1))
		p[k].add(v, w)
		y[k].add(float64(r.flags[i]&1), w)
		n[k].add(w, weighted)
	}
	c := operators.Curve{Name: "calibration"}
	for k := range p {
		if all := n[k].value(weighted); all > 0 {
			c.X, c.Y = append(c.X, p[k].value()/all), append(c.Y, y[k].value()/all)
		}
	}
	return c
}

const (
	actualBins    = 20
	histogramBins = 40
)

// predictedVsActual is the mean label over the mean prediction, in bins of equally many rows by prediction. Rows are ordered by all
// that is read of them, so that ties at the edge of a bin do not depend on how the rows came.
func (r *rows) predictedVsActual(m int, order []uint32) operators.Curve {
	pred := r.scores[m]
	order = slices.Clone(order)
	slices.SortFunc(order, func(a, b uint32) int {
		for _, v := range [...][2]float64{{pred[a], pred[b]}, {r.y[a], r.y[b]}, {r.weightAt(a), r.weightAt(b)}} {
			if v[0] != v[1] {
				if v[0] < v[1] {
					return -1
				}
				return 1
			}
		}
		return 0
	})
	c := operators.Curve{Name: "predicted_vs_actual"}
	bins := min(actualBins, len(order))
	for k := range bins {
		x, y := total{weighted: r.w != nil}, total{weighted: r.w != nil}
		var n mass
		for _, i := range order[k*len(order)/bins : (k+1)*len(order)/bins] {
			w := r.weightAt(i)
			x.add(pred[i], w)
			y.add(r.y[i], w)
			n.add(w, r.w != nil)
		}
		if all := n.value(r.w != nil); all > 0 {
			c.X, c.Y = append(c.X, x.value()/all), append(c.Y, y.value()/all)
		}
	}
	return c
}

// residuals is a histogram of label less prediction.
func (r *rows) residuals(m int, order []uint32) operators.Curve {
	return r.histogram("residuals", order, func(i uint32) float64 { return r.y[i] - r.scores[m][i] })
}

// histogram is the middle of each bin of a value, and the share of the rows' weight in it.
func (r *rows) histogram(name string, order []uint32, value func(i uint32) float64) operators.Curve {
	c := operators.Curve{Name: name}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, i := range order {
		d := value(i)
		lo, hi = min(lo, d), max(hi, d)
	}
	wide := (hi - lo) / histogramBins
	if math.IsNaN(wide) || math.IsInf(wide, 0) {
		return c
	}
	bins := histogramBins
	if wide == 0 {
		bins = 1
	}
	n := make([]mass, bins)
	var all mass
	for _, i := range order {
		k := 0
		if bins > 1 {
			k = int(min((value(i)-lo)/wide, histogramBins-1))
		}
		w := r.weightAt(i)
		n[k].add(w, r.w != nil)
		all.add(w, r.w != nil)
	}
	sum := all.value(r.w != nil)
	if sum == 0 {
		return c
	}
	for k := range n {
		c.X = append(c.X, lo+float64(wide*(float64(k)+0.5)))
		c.Y = append(c.Y, n[k].value(r.w != nil)/sum)
	}
	return c
}
