package gbdt

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// binary is log-loss of labels 0 and 1; the score is the log-odds.
type binary struct{}

func (binary) outputs() int { return 1 }

func (binary) label(y float64) (string, bool) { return "0 or 1", y == 0 || y == 1 }

func (binary) metric() string { return LogLoss }

func (binary) most() (g, h float64) { return 1, 0.25 }

// base is the log-odds of the labels.
func (binary) base(l *loss) ([]float64, bool) {
	mean, lo, hi := l.mean()
	// Certainty has infinite odds; 1e-15 is what log-loss is clipped at.
	p := min(max(mean, 1e-15), 1-1e-15)
	// A rare label has most rows at gradients far below the others'.
	l.smooth[0] = l.d.Weight == nil && common(p)
	return []float64{fmath.Log(p / (1 - p))}, lo == hi
}

func (binary) gradient(g, h, score [][]float64, label []float64) {
	p, slope := g[0], h[0]
	fmath.SigmoidSlice(p, score[0])
	for i, x := range p {
		slope[i], p[i] = x*(1-x), x-label[i]
	}
}

// passes says that words are made in one pass.
func (l *loss) passes() bool {
	_, two := l.objective.(binary)
	return two && l.smooth[0]
}

// smoothed is the grid that the last gradients asked for.
func (l *loss) smoothed() packed {
	p := l.sized(0)
	p.final, p.put = true, !l.beside.apart()
	// Below 1<<bits, one less as rounding may carry.
	p.gs, p.hs = math.Ldexp(1, l.smoothG-p.g), math.Ldexp(1, l.smoothH-p.h)
	return p
}

// packSmooth makes words in one pass. Only where the grid turns out too coarse or too fine by two bits, which follows from the scores alone, are
// they written again on their own.
func (l *loss) packSmooth(fine []uint64) (packed, bool) {
	for {
		p := l.smoothed()
		if !l.ahead {
			l.pass(fine, p, func(int) {})
		}
		l.ahead = false
		topG, topH := l.peak(0)
		byG, byH := bits.Len64(topG)-p.g, bits.Len64(topH)-p.h
		shiftG, shiftH := p.g-l.smoothG, p.h-l.smoothH
		if topG == 0 && shiftG >= 30 {
			return p, false
		}
		fits := byG <= 0 && byH <= 0
		coarse := byG <= -2 && shiftG < 30 || byH <= -2 && shiftH < 30
		if fits && !coarse {
			return p, true
		}
		l.beside.forget()
		l.smoothG, l.smoothH = max(l.smoothG+byG, p.g-30), max(l.smoothH+byH, p.h-30)
	}
}

// advance moves the scores of all rows by a tree, and makes the words of the next.
func (l *loss) advance(fine []uint64, leaves []*node, values []float64) {
	l.pass(fine, l.smoothed(), func(stretch int) { move(l.score[0], leaves, values, stretch) })
	l.ahead = true
}

// pass goes through the scores once, a stretch after another while it is near: before has moved them, their words go beside the bins, or to fine
// where they are apart, and if every tree is of all rows, from there to the shares of the next root.
func (l *loss) pass(fine []uint64, p packed, before func(stretch int)) {
	b := l.beside
	if l.all != nil {
		b.packed, b.filled = p, true
		b.builds++
	}
	b.grad = fine
	l.team.Each(stretches(l.d.N), func(w, i int) {
		before(i)
		for at := i * stretchRows; at < min(l.d.N, (i+1)*stretchRows); at += chunkRows {
			to := min(l.d.N, at+chunkRows)
			l.words(fine, p, at, to)
			if l.all != nil {
				s := b.mine(w)
				b.fill(s, s.sums, l.all[at:to], false)
			}
		}
	})
}

// words makes the words of some rows of a block.
func (l *loss) words(fine []uint64, p packed, at, end int) {
	peaks := l.peaks[at/trees.BlockRows*2:][:2]
	if at%trees.BlockRows == 0 {
		clear(peaks)
	}
	var buffer [putRows]uint64
	for ; at < end; at += putRows {
		to := min(end, at+putRows)
		words := buffer[:to-at]
		if !p.put {
			words = fine[at:to]
		}
		topG, topH := tree.Logistic(words, l.score[0][at:to], l.d.Label[at:to], 1/p.gs, 1/p.hs, p.Fields)
		if p.put {
			l.beside.put(at, words)
		}
		peaks[0], peaks[1] = max(peaks[0], uint64(topG)), max(peaks[1], uint64(topH))
	}
}

// packRare is packFine of equal weights.
func (l *loss) packRare(fine []uint64) {
	sg, sh := math.Ldexp(1, l.fineG[0]), math.Ldexp(1, l.fineH[0])
	l.team.Blocks(l.d.N, func(b, begin, end int) {
		topG, topH := tree.Logistic(fine[begin:end], l.score[0][begin:end], l.d.Label[begin:end], sg, sh, tree.Fine)
		l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
	})
}
