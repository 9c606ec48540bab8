package gbdt

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/operators/internal/trees"
)

// objective is what the trees make small: a sum over the rows of a loss of their scores, which is convex in each.
type objective interface {
	// outputs is how many scores a row has, each with a tree of its own in every round.
	outputs() int
	// label says what is wanted of a label, and whether y is that.
	label(y float64) (want string, ok bool)
	// base is the constant scores that do best, and whether nothing is left to learn.
	base(l *loss) (base []float64, single bool)
	// most are bounds on |g| and h, 0 where there is none.
	most() (g, h float64)
	// gradient writes the first and second derivatives by each score for a few rows, a list an output; the labels of rows of weight 0
	// may be anything, as may what it writes for them. h is nil for objectives that are flat.
	gradient(g, h, score [][]float64, label []float64)
	// metric is what early stopping looks at unless told otherwise.
	metric() string
}

// flat is an objective whose second derivative is 1 everywhere.
type flat interface{ flat() }

// stepper is an objective whose leaves take another step than Newton's, -g/h, by the sums over their rows.
type stepper interface{ step(g, h float64) float64 }

// newObjective is the objective of the options.
func newObjective(o *Options) objective {
	switch o.Objective {
	case Binary:
		return binary{}
	case Multiclass:
		return multiclass(o.Classes)
	case AbsoluteError:
		return quantile{0.5, 2, MAE}
	case Quantile:
		return quantile{o.Quantile, 1, PinballLoss}
	case Huber:
		return huber(o.HuberDelta)
	case Poisson:
		return deviance{1, PoissonDeviance}
	case Gamma:
		return deviance{2, GammaDeviance}
	case Tweedie:
		return deviance{o.TweediePower, TweedieDeviance}
	case LambdaRank:
		return lambdarank{o.Gain}
	}
	return squaredError{}
}

// loss holds the training rows' scores and what is derived from them.
type loss struct {
	team      *trees.Team
	d         *Data
	objective objective
	score     [][]float64 // of each output
	// even: all hessians are the same (a flat objective, equal weights), so that
	// counting rows is summing hessians, and g has the bits that h would take.
	even   bool
	weight float64 // the greatest; every row's where even
	smooth []bool  // of each output, gradients are of a size, see smoothRows
	// Unless even or smooth, gradients are rounded to 31 bits: what leaf values
	// are computed from. Histograms have fewer bits, which is enough to choose a
	// split and not enough to state a value.
	fineG, fineH []int // of each output, value = integer * 2^-fine
	peaks        []uint64
	beside       *builder // whose bins packSmooth puts words beside
	tops         []float64
	// smoothG and smoothH are the powers of two that smooth gradients and
	// hessians were below before, and so will be, or nearly, again.
	smoothG, smoothH int
	all              []int32 // the rows, where every tree is of all rows and columns
	ahead            bool    // the gradients are those of the scores as they are
	buffers          [trees.WorkersMax][]float64
	rest             []residual // room for those of all rows
	drawn            bool       // by their gradients, see oneSide
	unit             []float64  // of each output's leaves, with dropout alone
	lambdas          *lambdas   // nil unless derivatives hang on other rows' scores
}

func newLoss(t *trees.Team, d *Data, o *Options) *loss {
	l := &loss{team: t, d: d, objective: newObjective(o), drawn: o.Goss.on()}
	if _, ok := l.objective.(lambdarank); ok {
		l.lambdas = newLambdas(t, d, o)
	}
	n := l.objective.outputs()
	if o.Dart.on() {
		l.unit = make([]float64, n)
	}
	l.score = make([][]float64, n)
	for k := range l.score {
		l.score[k] = trees.Make[float64](d.N)
	}
	equal := true
	for i := range d.Weight {
		switch w := d.Weight[i]; {
		case w == 0 || w == l.weight:
		case l.weight == 0:
			l.weight = w
		default:
			equal = false
			l.weight = max(l.weight, w)
		}
	}
	if d.Weight == nil {
		l.weight = 1
	}
	_, same := l.objective.(flat)
	l.even = equal && same && !l.drawn
	l.smooth = make([]bool, n)
	l.smoothH = -2 // a hessian is at most a quarter
	l.fineG, l.fineH = make([]int, n), make([]int, n)
	l.peaks = make([]uint64, 2*n*trees.BlockCount(d.N))
	l.tops = make([]float64, 2*n*trees.BlockCount(d.N))
	return l
}

// begin gives all rows the base scores.
func (l *loss) begin() (base []float64, single bool) {
	base, single = l.objective.base(l)
	if l.drawn {
		clear(l.smooth) // a row may stand for many
	}
	for k, score := range l.score {
		if l.unit != nil {
			l.unit[k] = gridOf(l.objective, l.d, base[k])
			base[k] = round(base[k], l.unit[k])
		}
		for i := range score {
			score[i] = base[k]
		}
	}
	return base, single
}

// startAt gives all rows the scores of the model before.
func (l *loss) startAt(from *Before) {
	for k, score := range l.score {
		copy(score, from.Train[k])
		if l.unit != nil {
			l.unit[k] = gridOf(l.objective, l.d, from.Base[k])
		}
	}
}

// labels are the least and the greatest label of rows of weight.
func labels(d *Data) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for i, y := range d.Label {
		if d.WeightOf(i) != 0 {
			lo, hi = min(lo, y), max(hi, y)
		}
	}
	return lo, hi
}

// mean is the weighted mean of the labels, and the least and the greatest of them.
func (l *loss) mean() (mean, lo, hi float64) {
	d := l.d
	lo, hi = labels(d)
	num, den := d.Label, d.Weight
	if d.Weight != nil {
		num, den = make([]float64, d.N), make([]float64, d.N)
		for i, w := range d.Weight {
			if w != 0 {
				num[i], den[i] = w*d.Label[i], w
			}
		}
	}
	mean = lo
	if lo < hi {
		weight := float64(d.N)
		if d.Weight != nil {
			weight = l.team.Sum(den)
		}
		mean = l.team.Sum(num) / weight
	}
	return mean, lo, hi
}

// rare is the share of a label below which its rows dwarf the others.
const rare = 0.02

// common is of a label that is neither rare nor nearly all.
func common(p float64) bool { return p > rare && p < 1-rare }

// sized is how many bits the gradients of an output have in histograms.
func (l *loss) sized(output int) packed {
	switch {
	case l.even:
		return sized(evenRows, min(evenG, 62-bits.Len(uint(l.d.N))), 0)
	case l.smooth[output]:
		return sized(smoothRows, smoothG, smoothH)
	}
	return sized(unevenRows, unevenG, unevenH)
}

// pack computes every row's gradients from its scores, rounds them and writes
// them to grad, a list an output. It reports false if all gradients are 0:
// nothing is left to learn.
func (l *loss) pack(grad [][]uint64) ([]packed, bool) {
	if l.lambdas != nil {
		l.lambdas.derive(l.team, l.score[0])
	}
	_, two := l.objective.(binary)
	p, any := make([]packed, len(grad)), false
	switch {
	case l.passes():
		p[0], any = l.packSmooth(grad[0])
		return p, any
	case l.even:
		p[0], any = l.packEven(grad[0], l.sized(0))
		return p, any
	}
	most := l.most()
	for k := range grad {
		// Powers of two below 2^31 over the greatest |g| and h that there can
		// be; one less, as rounding may carry into the next bit.
		l.fineG[k], l.fineH[k] = 30-trees.Exponent(most[2*k]), 30-trees.Exponent(most[2*k+1])
	}
	if two && l.d.Weight == nil {
		l.packRare(grad[0])
	} else {
		l.packFine(grad)
	}
	for k := range grad {
		p[k] = l.sized(k)
		topG, topH := l.peak(k)
		any = any || topG > 0
		l.round(k, &p[k], topG, topH)
	}
	return p, any
}

// round sets the grid on which gradients of an output up to these come to the bits of p.
func (l *loss) round(output int, p *packed, topG, topH uint64) {
	p.DownG, p.DownH = down(topG, p.g), down(topH, p.h)
	p.gs = math.Ldexp(1, int(p.DownG)-l.fineG[output])
	p.hs = math.Ldexp(1, int(p.DownH)-l.fineH[output])
}

// peak is the greatest |g| and h of an output, as they were packed last.
func (l *loss) peak(output int) (topG, topH uint64) {
	n := 2 * trees.BlockCount(l.d.N)
	peaks := l.peaks[output*n:][:n]
	for i := 0; i < n; i += 2 {
		topG, topH = max(topG, peaks[i]), max(topH, peaks[i+1])
	}
	return topG, topH
}

// peakAt is where a block keeps its peaks of an output.
func (l *loss) peakAt(output, block int) int { return 2 * (output*trees.BlockCount(l.d.N) + block) }

// blocks is Blocks of all rows, whose f is also told the worker.
func (l *loss) blocks(f func(worker, block, begin, end int)) {
	l.team.Each(trees.BlockCount(l.d.N), func(w, b int) {
		f(w, b, b*trees.BlockRows, min(l.d.N, (b+1)*trees.BlockRows))
	})
}

// few is about how many numbers the gradients of the rows at work take.
const few = 8192

// gradients calls f for a few rows of a block after the other, with their derivatives.
func (l *loss) gradients(worker, begin, end int, f func(begin, end int, g, h [][]float64)) {
	if k := l.lambdas; k != nil {
		f(begin, end, [][]float64{k.g[begin:end]}, [][]float64{k.h[begin:end]})
		return
	}
	n := len(l.score)
	_, same := l.objective.(flat)
	rows := min(max(few/(2*n), 64), trees.BlockRows)
	if l.buffers[worker] == nil {
		l.buffers[worker] = make([]float64, 2*n*rows)
	}
	lists := make([][]float64, 3*n)
	g, h, score := lists[:n:n], lists[n:2*n:2*n], lists[2*n:]
	for at := begin; at < end; at += rows {
		to := min(at+rows, end)
		for k := range g {
			g[k] = l.buffers[worker][2*k*rows:][:to-at]
			h[k] = l.buffers[worker][(2*k+1)*rows:][:to-at]
			score[k] = l.score[k][at:to]
		}
		if same {
			l.objective.gradient(g, nil, score, l.d.Label[at:to])
			for i := range h[0] {
				h[0][i] = 1
			}
		} else {
			l.objective.gradient(g, h, score, l.d.Label[at:to])
		}
		f(at, to, g, h)
	}
}

// most are, of each output, the greatest |g| and h times weight that there are, or bounds on them.
func (l *loss) most() []float64 {
	n := len(l.score)
	out := make([]float64, 2*n)
	boundG, boundH := l.objective.most()
	for k := range n {
		out[2*k], out[2*k+1] = boundG*l.weight, boundH*l.weight
	}
	if boundG > 0 && boundH > 0 {
		return out
	}
	l.blocks(func(w, b, begin, end int) {
		for k := range n {
			clear(l.tops[l.peakAt(k, b):][:2])
		}
		l.gradients(w, begin, end, func(begin, end int, g, h [][]float64) {
			for k := range n {
				top := l.tops[l.peakAt(k, b):][:2]
				for i, g := range g[k] {
					if w := l.d.WeightOf(begin + i); w != 0 {
						top[0], top[1] = max(top[0], math.Abs(g*w)), max(top[1], h[k][i]*w)
					}
				}
			}
		})
	})
	for k := range n {
		top := l.tops[l.peakAt(k, 0):l.peakAt(k+1, 0)]
		for i := 0; i < len(top); i += 2 {
			if boundG == 0 {
				out[2*k] = max(out[2*k], top[i])
			}
			if boundH == 0 {
				out[2*k+1] = max(out[2*k+1], top[i+1])
			}
		}
	}
	return out
}

// packFine writes grad and, for each block, the greatest |g| and h in it. A
// hessian never rounds to 0: a leaf of such rows would divide by nothing.
func (l *loss) packFine(grad [][]uint64) {
	l.blocks(func(w, b, begin, end int) {
		for k := range grad {
			clear(l.peaks[l.peakAt(k, b):][:2])
		}
		l.gradients(w, begin, end, func(begin, end int, g, h [][]float64) {
			for k, grad := range grad {
				sg, sh := math.Ldexp(1, l.fineG[k]), math.Ldexp(1, l.fineH[k])
				fine, g, h := grad[begin:end], g[k][:end-begin], h[k][:end-begin]
				var topG, topH int64
				for i := range fine {
					w := 1.0
					if l.d.Weight != nil {
						if w = l.d.Weight[begin+i]; w == 0 {
							fine[i] = 1
							continue
						}
					}
					g, h := trees.Nearest(float64(g[i]*w*sg)), max(trees.Nearest(float64(h[i]*w*sh)), 1)
					fine[i] = uint64(g)<<32 | uint64(h)
					topG, topH = max(topG, g, -g), max(topH, h)
				}
				p := l.peaks[l.peakAt(k, b):][:2]
				p[0], p[1] = max(p[0], uint64(topG)), max(p[1], uint64(topH))
			}
		})
	})
}

// down is by how many bits numbers up to top are rounded to have so many bits.
func down(top uint64, to int) (by uint) {
	for (top+1<<by>>1)>>by >= 1<<to {
		by++
	}
	return by
}

// packEven is for equal hessians: the word is g above a count of 1.
func (l *loss) packEven(grad []uint64, p packed) (packed, bool) {
	peak := l.most()[0]
	if peak == 0 || l.learnt() { // the peak may be a bound
		return p, false
	}
	// One bit to spare for rounding.
	shift := p.g - 1 - trees.Exponent(peak)
	scale := math.Ldexp(1, shift)
	w := l.weight
	l.blocks(func(worker, _, begin, end int) {
		l.gradients(worker, begin, end, func(begin, end int, g, _ [][]float64) {
			out := grad[begin:end]
			for i, g := range g[0][:len(out)] {
				out[i] = p.Word(trees.Nearest(float64(g*w*scale)), 0)
			}
		})
	})
	p.gs, p.hs, p.final = math.Ldexp(1, -shift), w, true
	return p, true
}

// learnt says whether every row has the score that is its label.
func (l *loss) learnt() bool {
	for i, y := range l.d.Label {
		if l.score[0][i] != y && l.d.WeightOf(i) != 0 {
			return false
		}
	}
	return true
}

// span is a stretch of the rows of one leaf.
type span struct {
	leaf int
	rows []int32
}

// spans cuts the rows of the leaves into pieces to share out.
func spans(leaves []*node) []span {
	var s []span
	for i, n := range leaves {
		for rows := n.rows; len(rows) > 0; rows = rows[min(len(rows), trees.BlockRows):] {
			s = append(s, span{i, rows[:min(len(rows), trees.BlockRows)]})
		}
	}
	return s
}

// leaves computes the leaf values from exact sums over their rows.
func (l *loss) leaves(gr *grower, t *grown, pieces []span, output int, o *Options) []float64 {
	g := make([]float64, len(t.leaves))
	h := make([]float64, len(t.leaves))
	if gr.packed.final {
		for i, n := range t.leaves {
			g[i] = float64(n.total.g) * gr.packed.gs
			h[i] = float64(n.total.h) * gr.packed.hs
		}
	} else {
		// At most 2^31 rows of 31 bits: no sum overflows.
		part := make([][2]int64, len(pieces))
		l.team.Each(len(pieces), func(_, i int) {
			var sg, sh int64
			for _, r := range pieces[i].rows {
				v := gr.grad[r]
				sg += int64(v) >> 32
				sh += int64(uint32(v))
			}
			part[i] = [2]int64{sg, sh}
		})
		sums := make([][2]int64, len(t.leaves))
		for i, s := range pieces {
			sums[s.leaf][0] += part[i][0]
			sums[s.leaf][1] += part[i][1]
		}
		for i, s := range sums {
			g[i] = math.Ldexp(float64(s[0]), -l.fineG[output])
			h[i] = math.Ldexp(float64(s[1]), -l.fineH[output])
		}
	}
	values := make([]float64, len(t.leaves))
	for i := range values {
		values[i] = l.value(g[i], h[i]+o.L2+t.leaves[i].l2, o)
	}
	return values
}

// value is that of a leaf by the sums of its rows, the penalty on its size in h.
func (l *loss) value(g, h float64, o *Options) float64 {
	k, steps := l.objective.(stepper)
	switch top := soft(g, o.L1); {
	case top == 0: // a leaf without rows (a draw of none) has no hessian to divide by
		return 0
	case steps:
		return o.LearningRate * k.step(top, h)
	default:
		return -o.LearningRate * top / h
	}
}
