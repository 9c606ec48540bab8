package gbdt

import (
	"math"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/internal/trees"
)

// renewer is an objective whose leaf values come of the residuals of their rows, labels less scores, and not of gradients: those say
// on which side a label lies, not how far. Penalties do not shrink them.
type renewer interface {
	renew(r []residual) float64
}

// residual is what is left of a label, with the row's weight as an integer, so that sums of weights have no order.
type residual struct {
	value float64
	units uint64
}

// quantile is the pinball loss of a share of the labels that is to lie below, times a factor; of a half and a factor of 2 it is the
// absolute error.
type quantile struct {
	share, factor float64
	name          string // of the metric
}

func (quantile) flat() {}

func (quantile) outputs() int { return 1 }

func (quantile) label(y float64) (string, bool) { return squaredError{}.label(y) }

func (k quantile) metric() string { return k.name }

func (k quantile) most() (g, h float64) { return k.factor * max(k.share, 1-k.share), 1 }

func (k quantile) base(l *loss) ([]float64, bool) { return l.renewedBase(k) }

func (k quantile) gradient(g, _, score [][]float64, label []float64) {
	out, s := g[0][:len(label)], score[0][:len(label)]
	above, below := k.factor*(1-k.share), -k.factor*k.share
	for i, y := range label {
		switch {
		case s[i] > y:
			out[i] = above
		case s[i] < y:
			out[i] = below
		default:
			out[i] = 0
		}
	}
}

func (k quantile) renew(r []residual) float64 { return quantileOf(r, k.share) }

// huber is half the squared error up to a distance, from there on the distance times the error less its half (Huber 1964).
type huber float64

func (huber) flat() {}

func (huber) outputs() int { return 1 }

func (huber) label(y float64) (string, bool) { return squaredError{}.label(y) }

func (huber) metric() string { return HuberLoss }

// most leaves |g| to be measured: the distance may be far beyond the errors that there are.
func (huber) most() (g, h float64) { return 0, 1 }

func (d huber) base(l *loss) ([]float64, bool) { return l.renewedBase(d) }

func (d huber) gradient(g, _, score [][]float64, label []float64) {
	out, s := g[0][:len(label)], score[0][:len(label)]
	for i, y := range label {
		out[i] = min(max(s[i]-y, -float64(d)), float64(d))
	}
}

// renew is where the loss is least: where the errors, each cut at the distance, sum to 0. From the median on it takes Newton's steps, and
// halves what is left where one leads out of that. Friedman's (2001) single step of the mean cut error stays short of it in every tree.
func (d huber) renew(r []residual) float64 {
	if len(r) == 0 {
		return 0
	}
	lo, hi := least(r), most(r)
	first, last := lo, hi
	near := 1e-9 * min(float64(d), hi-lo)
	at := quantileOf(r, 0.5)
	for range stepsMax {
		slope, inside := d.slope(r, at, max(last-at, at-first))
		switch {
		case slope > 0:
			lo = at
		case slope < 0:
			hi = at
		default:
			return at
		}
		was := at
		if at += slope / inside; !(at > lo && at < hi) { // without an error that is not cut, too
			at = middle(lo, hi)
		}
		if math.Abs(at-was) <= near {
			break
		}
	}
	return at
}

// stepsMax is more than halving takes to come near enough.
const stepsMax = 100

// slope is the sum of the cut errors, none of which is greater than most, and the weight of those that are not cut. Sums are of integers,
// for any order of the rows.
func (d huber) slope(r []residual, at, most float64) (sum, inside float64) {
	distance := float64(d)
	scale := 30 - trees.Exponent(min(distance, most))
	var cut trees.Wide
	uncut := uint64(0)
	for _, x := range r {
		e := x.value - at
		if math.Abs(e) < distance {
			uncut += x.units
		}
		cut.Add(trees.Nearest(math.Ldexp(min(max(e, -distance), distance), scale)) * int64(x.units))
	}
	return cut.Float(scale), float64(uncut)
}

// renewedBase is what renew says of the labels.
func (l *loss) renewedBase(k renewer) ([]float64, bool) {
	_, lo, hi := l.mean()
	l.rest = make([]residual, 0, l.d.N)
	for i, y := range l.d.Label {
		if u := l.units(i); u > 0 {
			l.rest = append(l.rest, residual{y, u})
		}
	}
	return []float64{k.renew(l.rest)}, lo == hi
}

// units is the weight of a row in units of 2^-30 of the power of two above the greatest: of as many rows as there can be they sum below 2^62.
func (l *loss) units(row int) uint64 {
	if l.d.Weight == nil {
		return 1
	}
	w := l.d.Weight[row]
	if w == 0 {
		return 0
	}
	return max(1, uint64(math.Ldexp(w, 30-trees.Exponent(l.weight))))
}

// renewed are the values of the leaves by the residuals of their rows. Rows drawn by their gradients are no sample of those: then all rows
// of a leaf count.
func (b *booster) renewed(k renewer, t *grown, o *Options) []float64 {
	l, left := b.loss, b.rest
	if !l.drawn {
		left = nil
	}
	groups := l.residuals(t, left, b.where)
	return l.renew(k, groups, o, func(values []float64) {
		if b.grower.signs != nil {
			b.grower.order(k, t, groups, values)
		}
	})
}

// renew is what k makes of groups of residuals, arranged, times the rate.
func (l *loss) renew(k renewer, groups [][]residual, o *Options, arrange func(values []float64)) []float64 {
	values := make([]float64, len(groups))
	l.team.Each(len(groups), func(_, i int) { values[i] = k.renew(groups[i]) })
	if arrange != nil {
		arrange(values)
	}
	for i := range values {
		values[i] *= o.LearningRate
	}
	return values
}

// residuals are those of the rows of each leaf, and of further rows whose leaves are where.
func (l *loss) residuals(t *grown, rows, where []int32) [][]residual {
	at := make([]int, len(t.leaves)+1)
	for i, n := range t.leaves {
		at[i+1] = len(n.rows)
	}
	for i := range rows {
		at[where[i]+1]++
	}
	for i := range t.leaves {
		at[i+1] += at[i]
	}
	if n := at[len(t.leaves)]; cap(l.rest) < n {
		l.rest = make([]residual, n)
	}
	groups, more := make([][]residual, len(t.leaves)), make([][]residual, len(t.leaves))
	for i, n := range t.leaves {
		groups[i] = l.rest[at[i]:at[i+1]]
		more[i] = groups[i][len(n.rows):]
	}
	label, score := l.d.Label, l.score[0]
	l.team.Each(len(t.leaves), func(_, i int) {
		for j, row := range t.leaves[i].rows {
			groups[i][j] = residual{label[row] - score[row], l.units(int(row))}
		}
	})
	for i, row := range rows {
		to := &more[where[i]]
		(*to)[0] = residual{label[row] - score[row], l.units(int(row))}
		*to = (*to)[1:]
	}
	return groups
}

// order holds renewed values to the bounds of monotone splits, half way between what the rows of their sides come to. Those that hold sets
// while the tree grows are of gradients, which are not of the labels' size.
func (g *grower) order(k renewer, t *grown, groups [][]residual, values []float64) {
	var signed []int
	for i := range t.splits {
		if g.sign(&t.splits[i]) != 0 {
			signed = append(signed, i)
		}
	}
	sides := make([][2]float64, len(t.splits))
	g.team.Each(2*len(signed), func(_, i int) {
		split, side := signed[i/2], i%2
		sides[split][side] = k.renew(t.under([2]int32{t.left[split], t.right[split]}[side], groups, nil))
	})
	var bound func(n int32, lo, hi float64)
	bound = func(n int32, lo, hi float64) {
		if n < 0 {
			values[^n] = min(max(values[^n], lo), hi)
			return
		}
		left, right := [2]float64{lo, hi}, [2]float64{lo, hi}
		if sign := g.sign(&t.splits[n]); sign != 0 {
			mid := middle(min(max(sides[n][0], lo), hi), min(max(sides[n][1], lo), hi))
			if sign > 0 {
				left[1], right[0] = mid, mid
			} else {
				left[0], right[1] = mid, mid
			}
		}
		bound(t.left[n], left[0], left[1])
		bound(t.right[n], right[0], right[1])
	}
	if len(signed) > 0 {
		bound(0, math.Inf(-1), math.Inf(1))
	}
}

// under adds the residuals of the leaves below n.
func (t *grown) under(n int32, groups [][]residual, to []residual) []residual {
	if n < 0 {
		return append(to, groups[^n]...)
	}
	return t.under(t.right[n], groups, t.under(t.left[n], groups, to))
}

// quantileOf is the least value that a share of the weight is at or below; where that is just the share, the middle between it and the
// next. It reorders r, whose order does not matter. Of no values it is 0.
func quantileOf(r []residual, share float64) float64 {
	if len(r) == 0 {
		return 0
	}
	total := uint64(0)
	for _, x := range r {
		total += x.units
	}
	target := share * float64(total)
	below := uint64(0) // the weight of what lies below r
	next := math.NaN() // the least value above r
	for {
		// A pivot by lot: no order of the rows is a slow one.
		pivot := r[hash.Draw(uint64(len(r)), below, 0)%uint64(len(r))].value
		less, upper := 0, len(r)
		var lessUnits, sameUnits uint64
		for i := 0; i < upper; {
			switch x := r[i]; {
			case x.value < pivot:
				r[less], r[i] = x, r[less]
				lessUnits += x.units
				less++
				i++
			case x.value > pivot:
				upper--
				r[i], r[upper] = r[upper], x
			default:
				sameUnits += x.units
				i++
			}
		}
		switch at := float64(below + lessUnits); {
		case less > 0 && at == target:
			return middle(most(r[:less]), pivot)
		case less > 0 && at > target:
			r, next = r[:less], pivot
			continue
		}
		switch at := float64(below + lessUnits + sameUnits); {
		case at > target || upper == len(r) && math.IsNaN(next):
			return pivot
		case at == target && upper == len(r):
			return middle(pivot, next)
		case at == target:
			return middle(pivot, least(r[upper:]))
		case upper == len(r): // rounding
			return pivot
		}
		below += lessUnits + sameUnits
		r = r[upper:]
	}
}

func most(r []residual) float64 {
	m := r[0].value
	for _, x := range r {
		m = max(m, x.value)
	}
	return m
}

func least(r []residual) float64 {
	m := r[0].value
	for _, x := range r {
		m = min(m, x.value)
	}
	return m
}

func middle(a, b float64) float64 { return a + float64((b-a)/2) }
