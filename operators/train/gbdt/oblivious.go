package gbdt

import (
	"slices"

	"github.com/headrace/headrace/kernels/hash"
)

// levels grows an oblivious tree: as long as there are levels to come, the leaves are split alike. A leaf that the split would leave a
// side of too few rows, or of too small hessians, stays whole and is asked again at the next level.
func (g *grower) levels(t *grown) {
	for level := 1; level <= g.depth; level++ {
		leaves := slices.DeleteFunc(slices.Clone(t.leaves), func(n *node) bool { return n.hist.none() })
		if !g.splitLevel(level, leaves) {
			break
		}
		var small []*node
		search := level < g.depth
		for _, n := range leaves {
			switch {
			case !n.best.ok:
			case g.large(n):
				g.expand(n, search)
			default:
				small = append(small, n)
			}
		}
		g.team.Each(len(small), func(w, i int) {
			small[i].kids = g.children(g.local(w), small[i], search)
		})
		for _, n := range leaves {
			if n.best.ok {
				t.commit(n)
			}
		}
	}
	for _, n := range t.leaves {
		g.drop(n)
	}
}

// splitLevel sets the split of all leaves of a level: of one column at one place, the one of the greatest gain in sum. It reports
// false where there is none.
func (g *grower) splitLevel(number int, leaves []*node) bool {
	l := &level{g: g}
	for _, n := range leaves {
		n.best = split{}
		l.add(n, g.finder(n))
	}
	var drawn []uint64
	if g.share < 1 {
		drawn = g.drawColumns(hash.Draw(g.seed, uint64(number), drawNode), func(c int) bool {
			return slices.ContainsFunc(leaves, func(n *node) bool { return g.may(n, c) })
		})
	}
	g.team.Each(len(g.cols), func(_, c int) {
		g.found[0][c] = split{}
		if g.use[c] && (drawn == nil || drawn[c/64]>>(c%64)&1 != 0) {
			g.found[0][c] = l.by(c).column(c)
		}
	})
	var best split
	for _, s := range g.found[0] {
		best = better(best, s)
	}
	if best.ok {
		l.by(best.feature).take(best)
	}
	return best.ok
}

// level is the leaves that are to be split alike, in the order of their numbers, in which their gains are summed.
type level struct {
	g       *grower
	leaves  []*node
	finders []finder
	all     sums
	base    float64
}

func (l *level) add(n *node, f finder) {
	l.leaves, l.finders = append(l.leaves, n), append(l.finders, f)
	l.all.add(n.total)
	l.base += f.base
}

// by is the leaves that may be split by a column, ready for it.
func (l *level) by(c int) *level {
	g := l.g
	if g.signs == nil && g.paths == nil {
		return l
	}
	out := &level{g: g}
	for i, n := range l.leaves {
		if !g.may(n, c) {
			continue
		}
		f := l.finders[i]
		if g.signs != nil {
			f.by(g.signs[c])
		}
		out.add(n, f)
	}
	return out
}

// hist is the part of leaf i's histogram that is a column's.
func (l *level) hist(i, column int) hist {
	return l.leaves[i].hist.of(l.g.off[column], l.g.off[column+1])
}

// column is the best split by one column.
func (l *level) column(c int) split {
	if len(l.leaves) == 0 {
		return split{}
	}
	col := &l.g.cols[c]
	f := newFinder(l.g.o, &l.g.packed, l.all)
	f.base = l.base
	var s split
	if col.Levels > 0 {
		s = l.categories(&f, c, col.Slots())
	} else {
		s = l.numeric(&f, c, col.Bins)
	}
	s.feature = c
	return s
}

// numeric finds the best split by an ordered column of so many bins. Of equal gains the lowest bin wins, then missing to the right.
func (l *level) numeric(f *finder, c, bins int) split {
	missing := false
	for i := range l.leaves {
		missing = missing || l.hist(i, c).n[bins] > 0
	}
	last := bins - 1
	if missing {
		last = bins // all values left, missing alone on the right
	}
	var right, left [256]float64 // gain of each cut, by where missing goes
	for i := range l.leaves {
		h := l.hist(i, c)
		l.finders[i].cuts(right[:last], bins, h, sums{})
		if missing {
			l.finders[i].cuts(left[:bins-1], bins, h, h.at(bins))
		}
	}
	var s split
	top := 0.0
	for at := range last {
		if right[at] > top {
			top, s = right[at], split{at: at}
		}
		if left[at] > top {
			top, s = left[at], split{at: at, missingLeft: true}
		}
	}
	if s = f.chosen(s, l.base+top); s.ok && !missing {
		// Nothing was learnt of missing: it follows the larger side.
		n := int64(0)
		for i := range l.leaves {
			for _, k := range l.hist(i, c).n[:s.at+1] {
				n += k
			}
		}
		s.missingLeft = 2*n >= l.all.n
	}
	return s
}

// cuts adds to gain what a cut behind each bin would gain. Left is what is left of all of them; the cut behind the last of bins has
// no sign. The finder is a copy: workers look at other columns of the same leaves meanwhile.
func (f finder) cuts(gain []float64, bins int, h hist, left sums) {
	worth, sign := f.worth(left, f.L2), f.lim.sign
	for at := range gain {
		left.add(h.at(at))
		if at == bins-1 {
			f.lim.sign = 0
		}
		if h.n[at] > 0 || f.lim.sign != sign {
			worth = f.worth(left, f.L2)
		}
		gain[at] += worth
	}
}

// worth is what parting the node so gains, in the units of scores, be it below 0; and 0 if the node may not be parted so.
func (f *finder) worth(left sums, l2 float64) float64 {
	if score := f.apart(left, l2); score > 0 {
		return score - f.base
	}
	return 0
}

// categories finds the best set of levels. Which sets are tried follows from the sums over all leaves.
func (l *level) categories(f *finder, c, slots int) split {
	var buffer [3][256]int64
	all := hist{buffer[0][:slots], buffer[1][:slots], buffer[2][:slots]}
	if h := l.hist(0, c); h.even() {
		all.h = all.n
	}
	for i := range l.leaves {
		h := l.hist(i, c)
		all.add(h.of(0, slots))
	}
	f.sum = func(set [4]uint64, l2 float64) float64 {
		gain := 0.0
		for i := range l.leaves {
			gain += l.finders[i].worth(l.left(i, c, slots, &split{cat: true, set: set}), l2)
		}
		return l.base + gain
	}
	return f.categories(all, slots)
}

// left is the sums of leaf i's rows that a split sends left.
func (l *level) left(i, c, slots int, s *split) (left sums) {
	h := l.hist(i, c)
	for b := range slots {
		if s.goesLeft(b, slots-1) {
			left.add(h.at(b))
		}
	}
	return left
}

// take gives each leaf the split with what it gains there.
func (l *level) take(s split) {
	for i, n := range l.leaves {
		f := l.finders[i]
		f.lim.sign = l.g.sign(&s)
		n.best = s
		n.best.left = l.left(i, s.feature, l.g.cols[s.feature].Slots(), &s)
		l2 := f.L2
		if s.l2 > 0 {
			l2 = f.catL2
		}
		score := f.apart(n.best.left, l2)
		n.best.ok, n.best.gain = score > 0, float64((score-f.base)*f.scale)/2
	}
}
