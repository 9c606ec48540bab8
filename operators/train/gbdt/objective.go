package gbdt

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/fmath"
)

// loss holds the training rows' scores and what is derived from them.
type loss struct {
	env   Env
	d     *Data
	kind  Objective
	score []float64
	// even: all hessians are the same (regression, equal weights), so that
	// counting rows is summing hessians, and g has the bits that h would take.
	even   bool
	weight float64 // the greatest; every row's where even
	// fine holds the gradients rounded to 31 bits, g above h, unless even: what
	// leaf values are computed from. Histograms have fewer bits, which is
	// enough to choose a split and not enough to state a value.
	fine               []uint64
	fineShiftG, fineSH int // value = integer * 2^-shift
	peaks              []uint64
}

func newLoss(env Env, d *Data, o *Options) *loss {
	l := &loss{env: env, d: d, kind: o.Objective, score: make([]float64, d.N)}
	equal := true
	for i := 0; i < d.N; i++ {
		switch w := d.weight(i); {
		case w == 0 || w == l.weight:
		case l.weight == 0:
			l.weight = w
		default:
			equal = false
			l.weight = max(l.weight, w)
		}
	}
	l.even = equal && l.kind == Regression
	if !l.even {
		l.fine = make([]uint64, d.N)
	}
	l.peaks = make([]uint64, 2*blockCount(d.N))
	return l
}

// base is the best constant score: the weighted mean of the labels, or its
// log-odds. single reports that all labels are the same, so that there is
// nothing to learn.
func (l *loss) base() (base float64, single bool) {
	d := l.d
	lo, hi := math.Inf(1), math.Inf(-1)
	num, den := make([]float64, d.N), make([]float64, d.N)
	for i, y := range d.Label {
		w := d.weight(i)
		if w == 0 {
			continue
		}
		lo, hi = min(lo, y), max(hi, y)
		num[i], den[i] = w*y, w
	}
	mean := lo
	if lo < hi {
		mean = l.env.sum(num) / l.env.sum(den)
	}
	if l.kind == Binary {
		// Certainty has infinite odds; 1e-15 is what log-loss is clipped at.
		p := min(max(mean, 1e-15), 1-1e-15)
		return fmath.Log(p / (1 - p)), lo == hi
	}
	return mean, lo == hi
}

// pack computes every row's gradient from its score, rounds it and writes it to
// grad. It reports false if all gradients are 0: nothing is left to learn.
func (l *loss) pack(grad []uint64) (packed, bool) {
	if l.even {
		return l.packEven(grad)
	}
	// Powers of two below 2^31 over the greatest |g| and h that there can be;
	// one less, as rounding may carry into the next bit.
	e := exponent(l.weight)
	if l.kind == Regression {
		peak := l.peak()
		if peak == 0 {
			return packed{}, false
		}
		l.fineShiftG, l.fineSH = 30-exponent(peak), 30-e
		l.packRegression()
	} else {
		l.fineShiftG, l.fineSH = 30-e, 32-e // h is at most a quarter of the weight
		l.packBinary()
	}
	topG, topH := uint64(0), uint64(0)
	for i := 0; i < len(l.peaks); i += 2 {
		topG, topH = max(topG, l.peaks[i]), max(topH, l.peaks[i+1])
	}
	if topG == 0 {
		return packed{}, false
	}
	downG := max(0, bits.Len64(topG)-gradBits)
	downH := max(0, bits.Len64(topH)-hessBits)
	l.env.blocks(len(grad), func(_, begin, end int) { coarsen(grad[begin:end], l.fine[begin:end], downG, downH) })
	return packed{
		shift: 32, counted: true,
		gs: math.Ldexp(1, downG-l.fineShiftG),
		hs: math.Ldexp(1, downH-l.fineSH),
	}, true
}

// coarsen rounds both fields of fine to fewer bits: half a step up, then down,
// but never a hessian to 0, nor either beyond its bits.
func coarsen(grad, fine []uint64, downG, downH int) {
	halfG, halfH := int64(1)<<downG>>1, int64(1)<<downH>>1
	for i, v := range fine[:len(grad)] {
		g := min((int64(v)>>32+halfG)>>downG, 1<<gradBits-1)
		h := min(max((int64(uint32(v))+halfH)>>downH, 1), 1<<hessBits-1)
		grad[i] = uint64(g)<<32 + uint64(h)
	}
}

// packEven is for equal hessians: the word is g above a count of 1.
func (l *loss) packEven(grad []uint64) (packed, bool) {
	peak := l.peak()
	if peak == 0 {
		return packed{}, false
	}
	// Below 2^35 before rounding, so at most 2^35 after: one bit to spare.
	shift := evenGradBits - 1 - exponent(peak)
	scale := math.Ldexp(1, shift)
	label, w := l.d.Label, l.weight
	l.env.blocks(len(grad), func(_, begin, end int) {
		label := label[begin:end]
		score := l.score[begin:end]
		score = score[:len(label)]
		out := grad[begin:end]
		out = out[:len(label)]
		for i, y := range label {
			g := (score[i] - y) * w
			out[i] = uint64(nearest(float64(g*scale)))<<evenShift + 1
		}
	})
	return packed{shift: evenShift, gs: math.Ldexp(1, -shift), hs: w}, true
}

// peak is the greatest |gradient| of a regression over rows of weight.
func (l *loss) peak() float64 {
	n := blockCount(l.d.N)
	peaks := make([]float64, n)
	l.env.blocks(l.d.N, func(b, begin, end int) {
		label, score := l.d.Label[begin:end], l.score[begin:end]
		m := 0.0
		for i, y := range label {
			w := l.weight
			if l.d.Weight != nil {
				w = l.d.Weight[begin+i]
			}
			if w != 0 {
				m = max(m, math.Abs((score[i]-y)*w))
			}
		}
		peaks[b] = m
	})
	m := 0.0
	for _, p := range peaks {
		m = max(m, p)
	}
	return m
}

// packRegression and packBinary write fine and, for each block, the greatest |g|
// and h in it. A hessian never rounds to 0: a leaf of such rows would divide by
// nothing.
func (l *loss) packRegression() {
	sg, sh := math.Ldexp(1, l.fineShiftG), math.Ldexp(1, l.fineSH)
	l.env.blocks(l.d.N, func(b, begin, end int) {
		n := end - begin
		fine, label, score := l.fine[begin:end], l.d.Label[begin:end][:n], l.score[begin:end][:n]
		weight := l.d.Weight[begin:end][:n] // not nil, or the hessians would be even
		var topG, topH int64
		for i := range fine {
			w := weight[i]
			if w == 0 {
				fine[i] = 1
				continue
			}
			g, h := nearest(float64((score[i]-label[i])*w*sg)), max(nearest(float64(w*sh)), 1)
			fine[i] = uint64(g)<<32 | uint64(h)
			topG, topH = max(topG, g, -g), max(topH, h)
		}
		l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
	})
}

func (l *loss) packBinary() {
	sg, sh := math.Ldexp(1, l.fineShiftG), math.Ldexp(1, l.fineSH)
	l.env.blocks(l.d.N, func(b, begin, end int) {
		var buffer [1024]float64
		var topG, topH int64
		for ; begin < end; begin += len(buffer) {
			n := min(len(buffer), end-begin)
			p := buffer[:n]
			fmath.SigmoidSlice(p, l.score[begin:begin+n])
			fine, label := l.fine[begin:][:n], l.d.Label[begin:][:n]
			if l.d.Weight == nil {
				for i, p := range p {
					g, h := nearest(float64((p-label[i])*sg)), max(nearest(float64(p*(1-p)*sh)), 1)
					fine[i] = uint64(g)<<32 | uint64(h)
					topG, topH = max(topG, g, -g), max(topH, h)
				}
				continue
			}
			weight := l.d.Weight[begin:][:n]
			for i, p := range p {
				w := weight[i]
				if w == 0 {
					fine[i] = 1 // the label may be anything
					continue
				}
				g, h := nearest(float64((p-label[i])*w*sg)), max(nearest(float64(p*(1-p)*w*sh)), 1)
				fine[i] = uint64(g)<<32 | uint64(h)
				topG, topH = max(topG, g, -g), max(topH, h)
			}
		}
		l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
	})
}

// span is a stretch of the rows of one leaf.
type span struct{ leaf, begin, end int }

// spans cuts the rows of the leaves into pieces to share out.
func spans(leaves []node) []span {
	var s []span
	for i := range leaves {
		for b := leaves[i].begin; b < leaves[i].end; b += blockRows {
			s = append(s, span{i, b, min(b+blockRows, leaves[i].end)})
		}
	}
	return s
}

// leaves computes the leaf values from exact sums over their rows.
func (l *loss) leaves(t *grown, rows []int32, pieces []span, p packed, o *Options) []float64 {
	g := make([]float64, len(t.leaves))
	h := make([]float64, len(t.leaves))
	if l.even {
		for i := range t.leaves {
			g[i] = float64(t.leaves[i].total.g) * p.gs
			h[i] = float64(t.leaves[i].total.n) * p.hs
		}
	} else {
		// At most 2^31 rows of 31 bits: no sum overflows.
		part := make([][2]int64, len(pieces))
		l.env.each(len(pieces), func(i int) {
			var sg, sh int64
			for _, r := range rows[pieces[i].begin:pieces[i].end] {
				v := l.fine[r]
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
			g[i] = math.Ldexp(float64(s[0]), -l.fineShiftG)
			h[i] = math.Ldexp(float64(s[1]), -l.fineSH)
		}
	}
	values := make([]float64, len(t.leaves))
	for i := range values {
		// A leaf without rows (a draw of none) has no hessian to divide by.
		if top := soft(g[i], o.L1); top != 0 {
			values[i] = -o.LearningRate * top / (h[i] + o.L2 + t.leaves[i].l2)
		}
	}
	return values
}

// add moves the scores of the rows of the leaves.
func (l *loss) add(rows []int32, pieces []span, values []float64) {
	l.env.each(len(pieces), func(i int) {
		v := values[pieces[i].leaf]
		for _, r := range rows[pieces[i].begin:pieces[i].end] {
			l.score[r] += v
		}
	})
}
