package gbdt

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/kernels/tree"
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

// packSmooth makes words in one pass, beside the bins or in fine where they are apart, on the grid that the last gradients
// asked for. Only where it turns out too coarse or too fine by two bits, which
// follows from the scores alone, are they written again on their own.
func (l *loss) packSmooth(fine []uint64, p packed) (packed, bool) {
	p.final, p.put = true, !l.beside.apart()
	for {
		// Below 1<<bits, one less as rounding may carry.
		shiftG, shiftH := p.g-l.smoothG, p.h-l.smoothH
		p.gs, p.hs = math.Ldexp(1, -shiftG), math.Ldexp(1, -shiftH)
		sg, sh := math.Ldexp(1, shiftG), math.Ldexp(1, shiftH)
		l.team.Blocks(l.d.N, func(b, begin, end int) {
			var words [putRows]uint64
			var topG, topH int64
			for at := begin; at < end; at += putRows {
				to := min(end, at+putRows)
				words := words[:to-at]
				if !p.put {
					words = fine[at:to]
				}
				g, h := tree.Logistic(words, l.score[0][at:to], l.d.Label[at:to], sg, sh, p.Fields)
				topG, topH = max(topG, g), max(topH, h)
				if p.put {
					l.beside.put(at, words)
				}
			}
			l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
		})
		topG, topH := l.peak(0)
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

// packRare is packFine of equal weights.
func (l *loss) packRare(fine []uint64) {
	sg, sh := math.Ldexp(1, l.fineG[0]), math.Ldexp(1, l.fineH[0])
	l.team.Blocks(l.d.N, func(b, begin, end int) {
		topG, topH := tree.Logistic(fine[begin:end], l.score[0][begin:end], l.d.Label[begin:end], sg, sh, tree.Fine)
		l.peaks[2*b], l.peaks[2*b+1] = uint64(topG), uint64(topH)
	})
}
