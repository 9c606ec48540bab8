package gbdt

import (
	"cmp"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/tree"
)

// split is a way to part the rows of a node. The zero split is none.
type split struct {
	ok      bool
	feature int
	gain    float64
	left    sums // of the rows that go left

	// Numeric: bins up to at go left.
	at          int
	missingLeft bool

	// Categorical: the bins of the bitset go left, the missing bin among them
	// if it is in it. l2 is what the split added to the penalty on its leaves.
	cat bool
	set [4]uint64
	l2  float64
}

// goesLeft is the decision for one bin of a column with the given number of
// value bins.
func (s *split) goesLeft(b, bins int) bool {
	switch {
	case s.cat:
		return s.set[b/64]>>(b%64)&1 != 0
	case b == bins:
		return s.missingLeft
	}
	return b <= s.at
}

// noise is the share of a node's own score that a gain must exceed: below it
// there is nothing but the rounding of a division and a few sums.
const noise = 1e-12

// finder looks for the best split of one node. Scores are in the units of the rounded sums, where no product of them overflows; scale
// makes a gain of one.
type finder struct {
	tree.Search
	o      *Options
	base   float64 // score of the node as one leaf
	scale  float64
	smooth float64 // CatSmooth in these units
	catL2  float64 // the penalty where levels were ordered
	// sum, where several nodes are split alike, is the score of parting all of them by a set of levels.
	sum func(set [4]uint64, l2 float64) float64
	lim limits
}

// l2Most keeps products of hessians and penalties finite. Weights that it bounds the penalty for come to nothing against it.
const l2Most = 1e150

func newFinder(o *Options, p *packed, total sums) finder {
	f := finder{o: o, scale: p.gs / p.hs * p.gs}
	f.G, f.H, f.N = total.g, total.h, total.n
	f.RowsMin = int64(o.MinRows)
	f.HessMin = int64(min(math.Ceil(o.MinHessian/p.hs), 1<<62))
	f.L1 = o.L1 / p.gs
	f.L2 = min(o.L2/p.hs, l2Most)
	f.smooth, f.catL2 = min(o.CatSmooth/p.hs, l2Most), min((o.L2+o.CatL2)/p.hs, l2Most)
	f.base = f.Whole()
	return f
}

// finder is that of a node.
func (g *grower) finder(n *node) finder {
	f := newFinder(g.o, &g.packed, n.total)
	if g.signs != nil {
		f.limit(n.held, g.step, &g.packed)
	}
	return f
}

// soft moves x towards 0 by l1.
func soft(x, l1 float64) float64 {
	switch {
	case x > l1:
		return x - l1
	case x < -l1:
		return x + l1
	}
	return 0
}

// gain is what a split of this score takes off the loss; 0 if that is not enough.
func (f *finder) gain(score float64) float64 {
	gain := score - f.base
	if !(gain > noise*score) {
		return 0
	}
	if gain = gain * f.scale / 2; gain <= f.o.MinGain {
		return 0
	}
	return gain
}

// apart is the score of parting the node so; 0 if it may not be.
func (f *finder) apart(left sums, l2 float64) float64 {
	if !f.Allowed(left.h, left.n) {
		return 0
	}
	if f.lim.on {
		return f.within(left, l2)
	}
	return f.Of(left.g, left.h, l2)
}

// parted is the score of parting the rows by a set of levels, which are these in sum; 0 if that may not be.
func (f *finder) parted(left sums, set [4]uint64, l2 float64) float64 {
	if f.sum != nil {
		return f.sum(set, l2)
	}
	return f.apart(left, l2)
}

// numeric finds the best split of an ordered column of so many bins, without what parts adds. Of equal scores the lowest bin wins, then missing
// to the right.
func (f *finder) numeric(h hist, bins int) split {
	missing := h.at(bins)
	last := bins - 1
	if missing.n > 0 {
		last = bins // all values left, missing alone on the right
	}
	score, at := f.cut(h, last, bins, sums{})
	s := split{at: at}
	if missing.n > 0 {
		if other, to := f.cut(h, bins-1, bins, missing); other > score || other == score && to < at {
			score = other
			s = split{at: to, missingLeft: true}
		}
	}
	if s.gain = f.gain(score); s.gain == 0 {
		return split{}
	}
	s.ok = true
	return s
}

// parts sums up what goes left of a node of so many rows by a split of an ordered column, once it is the best of all columns.
func (s *split) parts(h hist, bins int, rows int64) {
	missing := h.at(bins)
	if s.missingLeft {
		s.left = missing
	}
	for b := 0; b <= s.at; b++ {
		s.left.add(h.at(b))
	}
	if missing.n == 0 {
		// Nothing was learnt of missing: it follows the larger child.
		s.missingLeft = 2*s.left.n >= rows
	}
}

// categories finds the best split of levels. Missing counts as a level; a level
// that is not in the set that it returns, or not in the node, goes right.
func (f *finder) categories(h hist, slots int) split {
	var present [256]uint8
	n := 0
	for b := range slots {
		if h.n[b] > 0 {
			present[n] = uint8(b)
			n++
		}
	}
	if n <= f.o.CatOneHot {
		return f.oneLevel(h, present[:n])
	}
	return f.levels(h, present[:n])
}

// oneLevel splits off the one best level.
func (f *finder) oneLevel(h hist, present []uint8) split {
	var best split
	top := 0.0
	for _, b := range present {
		left := h.at(int(b))
		var set [4]uint64
		set[b/64] = 1 << (b % 64)
		if score := f.parted(left, set, f.L2); score > top {
			top = score
			best = split{left: left, cat: true, set: set}
		}
	}
	return f.chosen(best, top)
}

// chosen is the split of the greatest score, if that gains anything.
func (f *finder) chosen(s split, score float64) split {
	if s.gain = f.gain(score); s.gain == 0 {
		return split{}
	}
	s.ok = true
	return s
}

// levels orders the levels by their smoothed gradient and cuts the order, from
// either end: for a convex loss the best of all subsets is such a cut (Fisher
// 1958). The limits on rows and levels and the larger penalty keep it from
// learning rare levels by heart.
func (f *finder) levels(h hist, present []uint8) split {
	var key [256]float64
	order := present[:0]
	for _, b := range present {
		if l := h.at(int(b)); float64(l.n) >= f.o.CatSmooth {
			key[b] = float64(l.g) / (float64(l.h) + f.smooth)
			order = append(order, b)
		}
	}
	slices.SortFunc(order, func(a, b uint8) int {
		return cmp.Or(cmp.Compare(key[a], key[b]), cmp.Compare(a, b))
	})
	most := min(f.o.CatMax, (len(order)+1)/2)
	var best split
	top := 0.0
	for _, fromEnd := range []bool{false, true} {
		var left sums
		var set [4]uint64
		group := int64(0)
		for i := 0; i < most; i++ {
			b := order[i]
			if fromEnd {
				b = order[len(order)-1-i]
			}
			level := h.at(int(b))
			left.add(level)
			set[b/64] |= 1 << (b % 64)
			group += level.n
			if f.N-left.n < int64(max(f.o.MinRows, f.o.CatMinGroup)) {
				break
			}
			if group < int64(f.o.CatMinGroup) || left.n < f.RowsMin || left.h < f.HessMin {
				continue
			}
			group = 0
			if score := f.parted(left, set, f.catL2); score > top {
				top = score
				best = split{left: left, cat: true, set: set, l2: f.o.CatL2}
			}
		}
	}
	// The rows as one leaf have no penalty for levels, as if there were none.
	return f.chosen(best, top)
}

// column is the best split by one column.
func (g *grower) column(f *finder, h hist, at int) split {
	h = h.of(g.off[at], g.off[at+1])
	c := &g.cols[at]
	if g.signs != nil {
		f.by(g.signs[at])
	}
	var s split
	if c.Levels > 0 {
		s = f.categories(h, c.Slots())
	} else {
		s = f.numeric(h, c.Bins)
	}
	s.feature = at
	return s
}

// better is the better of two splits of a node, of equal gains the one by the lower column.
func better(a, b split) split {
	if b.ok && (!a.ok || b.gain > a.gain || b.gain == a.gain && b.feature < a.feature) {
		return b
	}
	return a
}
