package gbdt

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// loss holds the training rows' scores and what is derived from them.
type loss struct {
	team  *trees.Team
	d     *Data
	kind  Objective
	score []float64
	// even: all hessians are the same (regression, equal weights), so that
	// counting rows is summing hessians, and g has the bits that h would take.
	even   bool
	weight float64 // the greatest; every row's where even
	smooth bool    // gradients are of a size, see smoothRows
	// Unless even or smooth, gradients are rounded to 31 bits: what leaf values
	// are computed from. Histograms have fewer bits, which is enough to choose a
	// split and not enough to state a value.
	fineG, fineH int // value = integer * 2^-fine
	peaks        []uint64
	// smoothG and smoothH are the powers of two that smooth gradients and
	// hessians were below before, and so will be, or nearly, again.
	smoothG, smoothH int
}

func newLoss(t *trees.Team, d *Data, o *Options) *loss {
	l := &loss{team: t, d: d, kind: o.Objective, score: make([]float64, d.N)}
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
	l.even = equal && l.kind == Regression
	l.smooth = d.Weight == nil && l.kind == Binary
	l.smoothH = -2 // a hessian is at most a quarter
	l.peaks = make([]uint64, 2*trees.BlockCount(d.N))
	return l
}

// base is the best constant score: the weighted mean of the labels, or its
// log-odds. single reports that all labels are the same, so that there is
// nothing to learn.
func (l *loss) base() (base float64, single bool) {
	d := l.d
	lo, hi := math.Inf(1), math.Inf(-1)
	num, den := d.Label, d.Weight
	if d.Weight != nil {
		num, den = make([]float64, d.N), make([]float64, d.N)
	}
	for i, y := range d.Label {
		if d.Weight != nil {
			w := d.Weight[i]
			if w == 0 {
				continue
			}
			num[i], den[i] = w*y, w
		}
		lo, hi = min(lo, y), max(hi, y)
	}
	mean := lo
	if lo < hi {
		weight := float64(d.N)
		if d.Weight != nil {
			weight = l.team.Sum(den)
		}
		mean = l.team.Sum(num) / weight
	}
	if l.kind == Binary {
		// Certainty has infinite odds; 1e-15 is what log-loss is clipped at.
		p := min(max(mean, 1e-15), 1-1e-15)
		// A rare label has most rows at gradients far below the others'.
		l.smooth = l.smooth && p > rare && p < 1-rare
		return fmath.Log(p / (1 - p)), lo == hi
	}
	return mean, lo == hi
}

// rare is the share of a label below which its rows dwarf the others.
const rare = 0.02

// sized is how many bits the gradients have in histograms.
func (l *loss) sized() packed {
	switch {
	case l.even:
		return sized(evenRows, min(evenG, 62-bits.Len(uint(l.d.N))), 0)
	case l.smooth:
		return sized(smoothRows, smoothG, smoothH)
	}
	return sized(unevenRows, unevenG, unevenH)
}

// pack computes every row's gradient from its score, rounds it and writes it to
// grad. It reports false if all gradients are 0: nothing is left to learn.
func (l *loss) pack(grad []uint64) (packed, bool) {
	p := l.sized()
	switch {
	case l.even:
		return l.packEven(grad, p)
	case l.smooth:
		return l.packSmooth(grad, p)
	}
	// Powers of two below 2^31 over the greatest |g| and h that there can be;
	// one less, as rounding may carry into the next bit.
	e := trees.Exponent(l.weight)
	if l.kind == Regression {
		peak := l.peak()
		if peak == 0 {
			return p, false
		}
		l.fineG, l.fineH = 30-trees.Exponent(peak), 30-e
		l.packRegression(grad)
	} else {
		l.fineG, l.fineH = 30-e, 32-e // h is at most a quarter of the weight
		l.packBinary(grad)
	}
	topG, topH := l.tops()
	if topG == 0 {
		return p, false
	}
	p.DownG, p.DownH = down(topG, p.g), down(topH, p.h)
	p.gs = math.Ldexp(1, int(p.DownG)-l.fineG)
	p.hs = math.Ldexp(1, int(p.DownH)-l.fineH)
	return p, true
}

// tops are the greatest |g| and h of all blocks.
func (l *loss) tops() (topG, topH uint64) {
	for i := 0; i < len(l.peaks); i += 2 {
		topG, topH = max(topG, l.peaks[i]), max(topH, l.peaks[i+1])
	}
	return topG, topH
}

// packSmooth writes words in one pass, on the grid that the last gradients
// asked for. Only where it turns out too coarse or too fine by two bits, which
// follows from the scores alone, are they written again on their own.
func (l *loss) packSmooth(grad []uint64, p packed) (packed, bool) {
	p.final = true
	for {
		// Below 1<<bits, one less as rounding may carry.
		shiftG, shiftH := p.g-l.smoothG, p.h-l.smoothH
		p.gs, p.hs = math.Ldexp(1, -shiftG), math.Ldexp(1, -shiftH)
		sg, sh := math.Ldexp(1, shiftG), math.Ldexp(1, shiftH)
		l.team.Blocks(len(grad), func(b, begin, end int) {
			topG, topH := tree.Logistic(grad[begin:end], l.score[begin:end], l.d.Label[begin:end], sg, sh, p.Fields)
			l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
		})
		topG, topH := l.tops()
		byG, byH := bits.Len64(topG)-p.g, bits.Len64(topH)-p.h
		if topG == 0 && shiftG >= 30 {
			return p, false
		}
		fits := byG <= 0 && byH <= 0
		coarse := byG <= -2 && shiftG < 30 || byH <= -2 && shiftH < 30
		if fits && !coarse {
			return p, true
		}
		l.smoothG, l.smoothH = max(l.smoothG+byG, p.g-30), max(l.smoothH+byH, p.h-30)
	}
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
	peak := l.peak()
	if peak == 0 {
		return p, false
	}
	// One bit to spare for rounding.
	shift := p.g - 1 - trees.Exponent(peak)
	scale := math.Ldexp(1, shift)
	label, w := l.d.Label, l.weight
	l.team.Blocks(len(grad), func(_, begin, end int) {
		label := label[begin:end]
		score := l.score[begin:end]
		score = score[:len(label)]
		out := grad[begin:end]
		out = out[:len(label)]
		for i, y := range label {
			g := (score[i] - y) * w
			out[i] = p.Word(trees.Nearest(float64(g*scale)), 0)
		}
	})
	p.gs, p.hs, p.final = math.Ldexp(1, -shift), w, true
	return p, true
}

// peak is the greatest |gradient| of a regression over rows of weight.
func (l *loss) peak() float64 {
	n := trees.BlockCount(l.d.N)
	peaks := make([]float64, n)
	l.team.Blocks(l.d.N, func(b, begin, end int) {
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

// packRegression and packBinary write grad and, for each block, the greatest |g|
// and h in it. A hessian never rounds to 0: a leaf of such rows would divide by
// nothing.
func (l *loss) packRegression(grad []uint64) {
	sg, sh := math.Ldexp(1, l.fineG), math.Ldexp(1, l.fineH)
	l.team.Blocks(l.d.N, func(b, begin, end int) {
		n := end - begin
		fine, label, score := grad[begin:end], l.d.Label[begin:end][:n], l.score[begin:end][:n]
		weight := l.d.Weight[begin:end][:n] // not nil, or the hessians would be even
		var topG, topH int64
		for i := range fine {
			w := weight[i]
			if w == 0 {
				fine[i] = 1
				continue
			}
			g, h := trees.Nearest(float64((score[i]-label[i])*w*sg)), max(trees.Nearest(float64(w*sh)), 1)
			fine[i] = uint64(g)<<32 | uint64(h)
			topG, topH = max(topG, g, -g), max(topH, h)
		}
		l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
	})
}

func (l *loss) packBinary(grad []uint64) {
	sg, sh := math.Ldexp(1, l.fineG), math.Ldexp(1, l.fineH)
	l.team.Blocks(l.d.N, func(b, begin, end int) {
		fine, label, score := grad[begin:end], l.d.Label[begin:end], l.score[begin:end]
		if l.d.Weight == nil {
			topG, topH := tree.Logistic(fine, score, label, sg, sh, tree.Fine)
			l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
			return
		}
		var buffer [1024]float64
		var topG, topH int64
		for at := 0; at < len(fine); at += len(buffer) {
			p := buffer[:min(len(buffer), len(fine)-at)]
			fmath.SigmoidSlice(p, score[at:at+len(p)])
			weight := l.d.Weight[begin+at:][:len(p)]
			for i, p := range p {
				w := weight[i]
				if w == 0 {
					fine[at+i] = 1 // the label may be anything
					continue
				}
				g, h := trees.Nearest(float64((p-label[at+i])*w*sg)), max(trees.Nearest(float64(p*(1-p)*w*sh)), 1)
				fine[at+i] = uint64(g)<<32 | uint64(h)
				topG, topH = max(topG, g, -g), max(topH, h)
			}
		}
		l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
	})
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
func (l *loss) leaves(gr *grower, t *grown, pieces []span, o *Options) []float64 {
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
			g[i] = math.Ldexp(float64(s[0]), -l.fineG)
			h[i] = math.Ldexp(float64(s[1]), -l.fineH)
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
func (l *loss) add(pieces []span, values []float64) {
	l.team.Each(len(pieces), func(_, i int) {
		v := values[pieces[i].leaf]
		for _, r := range pieces[i].rows {
			l.score[r] += v
		}
	})
}
