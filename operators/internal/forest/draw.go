package forest

import (
	"math"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/kernels/hash"
)

// What a draw is for, so that no two purposes share their numbers. 0 is trees.MakeColumns's.
const (
	drawTree uint32 = iota + 1
	drawRow
	drawNode
	drawColumn
	drawThreshold
)

// draw says how often a tree has a row.
//
// With replacement each row's number of draws is its own, of Poisson's distribution, as that of a bootstrap is but for the total: so it is a
// hash of the row's place, asks for no list of draws, and can be told again when the rows left out are wanted.
type draw struct {
	seed   uint64
	all    bool     // every row once
	limits []uint64 // a word at or above limits[i] is more than i draws
}

func newDraw(o *Options) draw {
	d := draw{seed: o.Seed}
	switch {
	case !o.Bootstrap && o.RowSample == 1:
		d.all = true
	case !o.Bootstrap:
		d.limits = []uint64{word(1 - o.RowSample)}
	default:
		p := fmath.Exp(-o.RowSample)
		for sum, n := p, 1.0; sum < 1-0x1p-53 && len(d.limits) < 24; n++ {
			d.limits = append(d.limits, word(sum))
			p = p * o.RowSample / n
			sum += p
		}
	}
	return d
}

// word is a share of all words.
func word(share float64) uint64 { return uint64(math.Ldexp(share, 64)) }

// tree is the seed of a tree's draws.
func (d *draw) tree(t uint64) uint64 { return hash.Draw(d.seed, t, drawTree) }

// times is how often the tree of that seed has row r.
func (d *draw) times(tree uint64, r int) int {
	if d.all {
		return 1
	}
	w := hash.Draw(tree, uint64(r), drawRow)
	n := 0
	for n < len(d.limits) && w >= d.limits[n] {
		n++
	}
	return n
}
