package gbdt

import (
	"math"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// Goss is gradient-based one-side sampling (Ke et al. 2017): a tree sees the share Top of the rows, those of the greatest gradients,
// and a draw of the share Other from the rest, which count for all of it. The zero Goss is none.
type Goss struct {
	Top   float64 `param:"top" doc:"share of the rows, those of the greatest gradients" default:"0.2" min:">0" max:"<1"`
	Other float64 `param:"other" doc:"share of the rows, drawn from the others, which count for all of them" default:"0.1" min:"0.0001" max:"<1"`
}

// otherMin keeps what a row counts for, 1 over it at most, in the bits of its gradient.
const otherMin = 1e-4

func (g Goss) on() bool { return g.Top > 0 }

// warm is how many trees see all rows: as in LightGBM, gradients say little of rows before the scores have moved by a whole step.
func (o *Options) warm() int { return int(1 / o.LearningRate) }

// oneSide draws rows by |g|, as the paper has it; LightGBM multiplies by the hessian, which takes a row out of the top the surer its score
// is, however wrong. It works on gradients of tree.Fine, which are integers: which rows have the greatest does not depend on the order in
// which workers look at them.
type oneSide struct {
	seed   uint64
	cut    uint64 // rows above it are of the top
	ties   uint64 // and those at it, whose draw is below this: the first ones would be the same rows in every tree
	counts [trees.WorkersMax][]uint32
}

// magnitude is |g| of a row, in sum over its outputs, which share a bound and so a grid; below 2^32 for one output, and for those of
// softmax, whose gradients are 2 together at most.
func magnitude(grad [][]uint64, row int32) (m uint64) {
	for _, grad := range grad {
		g := int64(grad[row]) >> 32
		m += uint64(max(g, -g))
	}
	return min(m, math.MaxUint32)
}

// top says that a row is of the top.
func (s *oneSide) top(grad [][]uint64, row int32) bool {
	m := magnitude(grad, row)
	return m > s.cut || m == s.cut && hash.Draw(s.seed, uint64(row), drawTie) < s.ties
}

// pick draws the rows of a tree, and makes the gradients of those from the rest stand for all of it: multiplied by the rows that there are
// of it over those that are drawn, rounded once.
func (s *oneSide) pick(b *booster, seed uint64, p []packed) {
	grad, o, l := b.grad, b.o.Goss, b.loss
	s.seed = seed
	s.find(b.team, b.all, grad, int(math.Ceil(o.Top*float64(len(b.all)))))
	limit := share(o.Other / (1 - o.Top))
	tops := make([]int, trees.BlockCount(len(b.all)))
	b.part(func(block int, rows []int32, sides []uint64) {
		for i, r := range rows {
			top := s.top(grad, r)
			if top {
				tops[block]++
			}
			if top || hash.Draw(seed, uint64(r), drawRow) < limit {
				sides[i/64] |= 1 << (i % 64)
			}
		}
	})
	top := 0
	for _, n := range tops {
		top += n
	}
	factor := float64(len(b.all)-top) / float64(max(1, len(b.rows)-top))
	// What is rounded must stay below 2^31: no gradient of the rest is above the cut.
	unitG, unitH := make([]float64, len(grad)), make([]float64, len(grad))
	for k := range grad {
		topG, topH := l.peak(k)
		downG := max(0, bits.Len64(max(topG, uint64(float64(min(s.cut, topG))*factor)+1))-30)
		downH := max(0, bits.Len64(uint64(float64(topH)*max(1, factor))+1)-30)
		unitG[k], unitH[k] = math.Ldexp(1, -downG), math.Ldexp(1, -downH)
		l.fineG[k], l.fineH[k] = l.fineG[k]-downG, l.fineH[k]-downH
	}
	blocks := trees.BlockCount(len(b.rows))
	peaks := make([]uint64, 2*blocks*len(grad))
	b.team.Blocks(len(b.rows), func(block, begin, end int) {
		for _, r := range b.rows[begin:end] {
			f := 1.0
			if !s.top(grad, r) {
				f = factor
			}
			for k, grad := range grad {
				g := trees.Nearest(float64(float64(int64(grad[r])>>32) * (f * unitG[k])))
				h := max(trees.Nearest(float64(float64(uint32(grad[r]))*(f*unitH[k]))), 1)
				grad[r] = tree.Fine.Word(g, h)
				peak := peaks[2*(k*blocks+block):][:2]
				peak[0], peak[1] = max(peak[0], uint64(max(g, -g))), max(peak[1], uint64(h))
			}
		}
	})
	for k := range grad {
		topG, topH := uint64(0), uint64(0)
		for i := 2 * k * blocks; i < 2*(k+1)*blocks; i += 2 {
			topG, topH = max(topG, peaks[i]), max(topH, peaks[i+1])
		}
		l.round(k, &p[k], topG, topH)
	}
}

// share is the number that a draw is below with this chance.
func share(p float64) uint64 {
	if p >= 1 {
		return math.MaxUint64
	}
	return uint64(math.Ldexp(p, 64))
}

// find finds the top-th greatest |g|: all greater ones are of the top, and of those that equal it the chance that takes as many as are left.
func (s *oneSide) find(t *trees.Team, all []int32, grad [][]uint64, top int) {
	// Of 32 bits the upper half first, then the lower half of those that share it.
	const half = 16
	upper, left, _ := s.digit(t, all, grad, top, func(m uint64) int { return int(m >> half) })
	lower, left, same := s.digit(t, all, grad, left, func(m uint64) int {
		if int(m>>half) != upper {
			return -1
		}
		return int(m & (1<<half - 1))
	})
	s.cut, s.ties = uint64(upper)<<half|uint64(lower), share(float64(left)/float64(same))
}

// digit finds the digit of the top-th greatest, and which one it is of how many with that digit. Rows of a digit below 0 are left out.
func (s *oneSide) digit(t *trees.Team, all []int32, grad [][]uint64, top int, of func(m uint64) int) (digit, left, same int) {
	for _, c := range s.counts {
		clear(c)
	}
	blocks := trees.BlockCount(len(all))
	t.Each(blocks, func(w, block int) {
		if s.counts[w] == nil {
			s.counts[w] = make([]uint32, 1<<16)
		}
		c := s.counts[w]
		for _, r := range all[block*trees.BlockRows : min(len(all), (block+1)*trees.BlockRows)] {
			if d := of(magnitude(grad, r)); d >= 0 {
				c[d]++
			}
		}
	})
	counts := slices.DeleteFunc(slices.Clone(s.counts[:]), func(c []uint32) bool { return c == nil })
	for digit = 1<<16 - 1; digit >= 0; digit-- {
		n := 0
		for _, c := range counts {
			n += int(c[digit])
		}
		if n >= top {
			return digit, top, n
		}
		top -= n
	}
	panic("gbdt: fewer rows than are asked for")
}
