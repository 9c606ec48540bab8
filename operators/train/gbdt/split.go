package gbdt

import (
	"cmp"
	"slices"
)

// split is a way to part the rows of a node. The zero split is none.
type split struct {
	ok      bool
	feature int
	gain    float64
	left    bin // sums of the rows that go left

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
// there is nothing but the rounding of two divisions and three sums.
const noise = 1e-12

// finder looks for the best split of one node.
type finder struct {
	o      *Options
	packed *packed
	total  bin
	base   float64 // score of the node as one leaf
}

// score is twice what a leaf of these sums takes off the loss.
func (f *finder) score(b bin, l2 float64) float64 {
	h := float64(float64(b.h)*f.packed.hs) + l2
	t := soft(float64(float64(b.g)*f.packed.gs), f.o.L1)
	return t * t / h
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

// allowed reports whether a leaf may have these sums.
func (f *finder) allowed(b bin) bool {
	return b.n >= int64(f.o.MinRows) && float64(b.h)*f.packed.hs >= f.o.MinHessian
}

// gain is what parting the node so takes off the loss; 0 if it may not be.
func (f *finder) gain(left bin, l2 float64) float64 {
	right := f.total.minus(left)
	if !f.allowed(left) || !f.allowed(right) {
		return 0
	}
	// One sum, so that a split and its mirror image have the same gain and the
	// tie rule decides between them, not rounding.
	both := f.score(left, l2) + f.score(right, l2)
	gain := both - f.base
	if gain <= noise*both || gain <= 2*f.o.MinGain {
		return 0
	}
	return gain / 2
}

// numeric finds the best split of an ordered column. Of equal gains the lowest
// bin wins, then missing to the right.
func (f *finder) numeric(hist []bin) split {
	var best split
	bins := len(hist) - 1
	missing := hist[bins]
	try := func(left bin, at int, missingLeft bool) {
		if gain := f.gain(left, f.o.L2); gain > best.gain || gain == best.gain && best.ok && at < best.at {
			best = split{ok: true, gain: gain, left: left, at: at, missingLeft: missingLeft}
		}
	}
	enough := int64(f.o.MinRows)
	last := bins - 2
	if missing.n > 0 {
		last = bins - 1 // all values left, missing alone on the right
	}
	var left bin
	for at := 0; at <= last && f.total.n-left.n >= enough; at++ {
		if hist[at].n == 0 {
			continue // the same rows as before
		}
		left.add(hist[at])
		if left.n >= enough {
			try(left, at, false)
		}
	}
	if missing.n == 0 {
		// Nothing was learnt of missing: it follows the larger child.
		best.missingLeft = best.ok && 2*best.left.n >= f.total.n
		return best
	}
	left = missing
	for at := 0; at <= bins-2 && f.total.n-left.n >= enough; at++ {
		if hist[at].n == 0 {
			continue
		}
		left.add(hist[at])
		if left.n >= enough {
			try(left, at, true)
		}
	}
	return best
}

// categories finds the best split of levels. Missing counts as a level; a level
// that is not in the set that it returns, or not in the node, goes right.
func (f *finder) categories(hist []bin) split {
	var present [256]uint8
	n := 0
	for b := range hist {
		if hist[b].n > 0 {
			present[n] = uint8(b)
			n++
		}
	}
	if n <= f.o.CatOneHot {
		return f.oneLevel(hist, present[:n])
	}
	return f.levels(hist, present[:n])
}

// oneLevel splits off the one best level.
func (f *finder) oneLevel(hist []bin, present []uint8) split {
	var best split
	for _, b := range present {
		if gain := f.gain(hist[b], f.o.L2); gain > best.gain {
			best = split{ok: true, gain: gain, left: hist[b], cat: true}
			best.set[b/64] = 1 << (b % 64)
		}
	}
	return best
}

// levels orders the levels by their smoothed gradient and cuts the order, from
// either end: for a convex loss the best of all subsets is such a cut (Fisher
// 1958). The limits on rows and levels and the larger penalty keep it from
// learning rare levels by heart.
func (f *finder) levels(hist []bin, present []uint8) split {
	var key [256]float64
	order := present[:0]
	for _, b := range present {
		if h := hist[b]; float64(h.n) >= f.o.CatSmooth {
			key[b] = float64(h.g) * f.packed.gs / (float64(float64(h.h)*f.packed.hs) + f.o.CatSmooth)
			order = append(order, b)
		}
	}
	slices.SortFunc(order, func(a, b uint8) int {
		return cmp.Or(cmp.Compare(key[a], key[b]), cmp.Compare(a, b))
	})
	most := min(f.o.CatMax, (len(order)+1)/2)
	l2 := f.o.L2 + f.o.CatL2
	var best split
	for _, fromEnd := range []bool{false, true} {
		var left bin
		var set [4]uint64
		group := int64(0)
		for i := 0; i < most; i++ {
			b := order[i]
			if fromEnd {
				b = order[len(order)-1-i]
			}
			left.add(hist[b])
			set[b/64] |= 1 << (b % 64)
			group += hist[b].n
			if f.total.n-left.n < int64(max(f.o.MinRows, f.o.CatMinGroup)) {
				break
			}
			if group < int64(f.o.CatMinGroup) || !f.allowed(left) {
				continue
			}
			group = 0
			if gain := f.gain(left, l2); gain > best.gain {
				best = split{ok: true, gain: gain, left: left, cat: true, set: set, l2: f.o.CatL2}
			}
		}
	}
	return best
}

// find is the best split of a node with the given histogram: of equal gains the
// lowest feature, then the lowest threshold.
func (g *grower) find(hist []bin, total bin) split {
	f := finder{o: g.o, packed: &g.packed, total: total}
	f.base = f.score(total, g.o.L2)
	found := g.found
	// Few columns are scanned sooner than they are shared out.
	const share = 8
	one := func(i int) {
		found[i] = split{}
		if !g.use[i] {
			return
		}
		h := hist[g.off[i]:g.off[i+1]]
		if g.cols[i].levels > 0 {
			found[i] = f.categories(h)
		} else {
			found[i] = f.numeric(h)
		}
		found[i].feature = i
	}
	if len(g.cols) < 4*share {
		for i := range g.cols {
			one(i)
		}
	} else {
		g.env.each((len(g.cols)+share-1)/share, func(t int) {
			for i := t * share; i < min(len(g.cols), (t+1)*share); i++ {
				one(i)
			}
		})
	}
	var best split
	for i := range found {
		if found[i].ok && found[i].gain > best.gain {
			best = found[i]
		}
	}
	return best
}
