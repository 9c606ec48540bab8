package gbdt

import (
	"errors"
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/hash"
)

// checkConstraints says which constraints do not fit the features.
func (o *Options) checkConstraints(d *Data) error {
	var errs []error
	if o.Monotone != nil && len(o.Monotone) != len(d.Features) {
		errs = append(errs, fmt.Errorf("gbdt: options: %d monotone constraints for %d features", len(o.Monotone), len(d.Features)))
	}
	for i, sign := range o.Monotone[:min(len(o.Monotone), len(d.Features))] {
		switch {
		case sign < -1 || sign > 1:
			errs = append(errs, fmt.Errorf("gbdt: options: monotone constraint %d of feature %q, want -1, 0 or 1", sign, d.Features[i].Name))
		case sign != 0 && d.Features[i].Levels > 0:
			errs = append(errs, fmt.Errorf("gbdt: options: monotone constraint of feature %q, whose levels have no order", d.Features[i].Name))
		}
	}
	for _, group := range o.Interactions {
		for _, f := range group {
			if f < 0 || f >= len(d.Features) {
				errs = append(errs, fmt.Errorf("gbdt: options: interaction of feature %d of %d", f, len(d.Features)))
			}
		}
	}
	return errors.Join(errs...)
}

// constraints are what a node's splits are held to besides their gain.
type constraints struct {
	signs []int8     // Options.Monotone; nil if no feature has one
	paths [][]uint64 // of each feature, the groups that it is in; nil without interactions
	share float64    // of the columns that each node draws
	step  stepper    // of the objective; nil where leaves take Newton's
}

func newConstraints(o *Options, features int) constraints {
	c := constraints{share: o.ColumnSampleNode}
	c.step, _ = newObjective(o).(stepper)
	for _, sign := range o.Monotone {
		if sign != 0 {
			c.signs = o.Monotone
		}
	}
	if len(o.Interactions) == 0 {
		return c
	}
	c.paths = make([][]uint64, features)
	words := (len(o.Interactions) + features + 63) / 64
	for f := range c.paths {
		c.paths[f] = make([]uint64, words)
	}
	for i, group := range o.Interactions {
		for _, f := range group {
			c.paths[f][i/64] |= 1 << (i % 64)
		}
	}
	for f, in := range c.paths {
		if !meet(in, in) { // a group of its own
			i := len(o.Interactions) + f
			in[i/64] |= 1 << (i % 64)
		}
	}
	return c
}

// held is what holds of a node.
type held struct {
	lo, hi float64  // its values stay between, in units of rounded sums: g over h
	groups []uint64 // that have all columns of its path; nil is all
	drawn  []uint64 // the columns that it may be split by; nil is all
	key    uint64   // of its draws: it follows from the path
}

// free is a root's.
func free() held { return held{lo: math.Inf(-1), hi: math.Inf(1)} }

// may says whether a node may be split by a column.
func (c *constraints) may(n *node, column int) bool {
	if n.groups != nil && !meet(n.groups, c.paths[column]) {
		return false
	}
	return n.drawn == nil || n.drawn[column/64]>>(column%64)&1 != 0
}

// meet says whether two sets have a member in common.
func meet(a, b []uint64) bool {
	for i, w := range a {
		if w&b[i] != 0 {
			return true
		}
	}
	return false
}

// hold sets what holds of the children of a node. A monotone split puts a bound between them, half way between their values: whatever
// they are split into, no value on one side passes it. So a path through a column with a sign never sees a value fall where it should
// rise, whatever the other columns are.
func (g *grower) hold(n, left, right *node) {
	left.held, right.held = n.held, n.held
	if g.paths != nil {
		of := g.paths[n.best.feature]
		if n.groups != nil {
			both := make([]uint64, len(of))
			for i := range both {
				both[i] = of[i] & n.groups[i]
			}
			of = both
		}
		left.groups, right.groups = of, of
	}
	if sign := g.sign(&n.best); sign != 0 {
		f := g.finder(n)
		mid := float64(f.value(left.total, f.L2)/2) + float64(f.value(right.total, f.L2)/2)
		if sign > 0 {
			left.hi, right.lo = mid, mid
		} else {
			left.lo, right.hi = mid, mid
		}
	}
	if g.share < 1 && !g.alike() {
		for side, n := range []*node{left, right} {
			n.key = hash.Draw(n.key, uint64(side), drawChild)
			n.drawn = g.columnsOf(n)
		}
	}
}

// sign is the direction in which a split must lead. One that parts missing values from all others has none.
func (g *grower) sign(s *split) int8 {
	if g.signs == nil || !s.cat && s.at >= g.cols[s.feature].Bins-1 {
		return 0
	}
	return g.signs[s.feature]
}

// clip makes values of leaves keep to their bounds.
func (g *grower) clip(t *grown, values []float64, rate float64) {
	if g.signs == nil {
		return
	}
	unit := rate * g.packed.gs / g.packed.hs
	for i, n := range t.leaves {
		values[i] = min(max(values[i], n.lo*unit), n.hi*unit)
	}
}

// limits are what a finder keeps to in a node with bounds, or by a column with a sign.
type limits struct {
	on     bool
	sign   int8
	lo, hi float64
	whole  float64 // score of the node as one leaf of a value within the bounds
	size   float64 // how much the terms of it come to
	open   float64 // score of the node without bounds
	step   stepper // of the objective, if it has one, and the units of its sums
	gs, hs float64
}

// limit prepares a finder of a node for limits.
func (f *finder) limit(h held, step stepper, p *packed) {
	f.lim = limits{lo: h.lo, hi: h.hi, open: f.base, step: step, gs: p.gs, hs: p.hs}
	all := sums{f.G, f.H, f.N}
	w := f.value(all, f.L2)
	f.lim.whole = f.off(all, w, f.L2)
	f.lim.size = float64(2*math.Abs(float64(f.G)*w)) + float64((float64(f.H)+f.L2)*w*w)
}

// by turns to a column with a sign, or without one (0).
func (f *finder) by(sign int8) {
	l := &f.lim
	l.sign, l.on = sign, sign != 0 || !math.IsInf(l.lo, -1) || !math.IsInf(l.hi, 1)
	f.base = l.open
	if l.on {
		f.base += l.size // any number would do: scores are above 0, and noise is in proportion to what it comes from
	}
}

// value is that of a leaf, within bounds: the step that its objective takes, so that bounds are of values that leaves can have.
func (f *finder) value(s sums, l2 float64) float64 {
	g, h := soft(float64(s.g), f.L1), float64(s.h)+l2
	value := -g / h
	if step := f.lim.step; step != nil && g != 0 {
		value = step.step(g*f.lim.gs, h*f.lim.hs) * f.lim.hs / f.lim.gs
	}
	return min(max(value, f.lim.lo), f.lim.hi)
}

// off is twice what a leaf of value w takes off the loss.
func (f *finder) off(s sums, w, l2 float64) float64 {
	return -(float64(2*float64(s.g)*w) + float64((float64(s.h)+l2)*float64(w*w)) + float64(2*f.L1*math.Abs(w)))
}

// within is apart where there are limits. A split whose sides have one value tells nothing apart, whatever rounding says.
func (f *finder) within(left sums, l2 float64) float64 {
	right := sums{f.G, f.H, f.N}.minus(left)
	l, r := f.value(left, l2), f.value(right, l2)
	if l == r || f.lim.sign > 0 && l > r || f.lim.sign < 0 && l < r {
		return 0
	}
	return f.base + (f.off(left, l, l2) + f.off(right, r, l2) - f.lim.whole)
}

// cut is Search.Best, with limits or without. missing is what goes left of every cut; the cut behind the last of bins, which parts
// missing values from all others, has no sign.
func (f *finder) cut(h hist, last, bins int, missing sums) (best float64, at int) {
	if !f.lim.on {
		f.G0, f.H0, f.N0 = missing.g, missing.h, missing.n
		return f.Best(h.g[:last], h.h[:last], h.n[:last])
	}
	at = -1
	left, sign := missing, f.lim.sign
	for b := range last {
		if h.n[b] == 0 {
			continue
		}
		left.add(h.at(b))
		if b == bins-1 {
			f.lim.sign = 0
		}
		if score := f.apart(left, f.L2); score > best {
			best, at = score, b
		}
	}
	f.lim.sign = sign
	return best, at
}

// columnsOf draws the columns that a node may be split by, of those that it might otherwise.
func (g *grower) columnsOf(n *node) []uint64 {
	n.drawn = nil
	return g.drawColumns(n.key, func(c int) bool { return g.may(n, c) })
}

// drawColumns draws a share of the tree's columns that may be used, as a set.
func (g *grower) drawColumns(key uint64, may func(c int) bool) []uint64 {
	var columns []int
	for c, u := range g.use {
		if u && may(c) {
			columns = append(columns, c)
		}
	}
	set := make([]uint64, (len(g.use)+63)/64)
	for _, c := range some(columns, g.share, key, drawNode) {
		set[c/64] |= 1 << (c % 64)
	}
	return set
}
