package gbdt

import (
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/internal/trees"
)

// Dart is dropout of trees (Rashmi and Gilad-Bachrach 2015): most trees are fitted to what is left when some of those before are taken
// away, and share their place. The zero Dart is none.
type Dart struct {
	Drop float64 `param:"drop" doc:"chance of each earlier tree to be dropped" default:"0.1" min:">0" max:"1"`
	Skip float64 `param:"skip" doc:"chance that a round drops none" default:"0.5" min:"0" max:"<1"`
	Max  int     `param:"max" doc:"trees dropped per round at most; 0: no limit" default:"50" min:"0"`
}

func (d Dart) on() bool { return d.Drop > 0 }

// drops draws the rounds whose trees are away while those of round t are fitted.
func (d Dart) drops(seed uint64, t int) (dropped []int) {
	if !d.on() {
		return nil
	}
	seed = hash.Draw(seed, uint64(t), drawTree)
	if hash.Draw(seed, 0, drawSkip) < share(d.Skip) {
		return nil
	}
	chance := d.Drop
	if d.Max > 0 {
		chance = min(chance, float64(d.Max)/float64(max(1, t)))
	}
	limit := share(chance)
	for i := range t {
		if hash.Draw(seed, uint64(i), drawDrop) < limit && (d.Max == 0 || len(dropped) < d.Max) {
			dropped = append(dropped, i)
		}
	}
	return dropped
}

// dropout keeps the leaf of every row in every tree, so that scores can follow when trees go, come back or shrink. They stay what Predict
// gives, to the bit: base and leaves are multiples of a power of two so small that it does not matter, and so large that sums of them are
// exact, in whatever order trees are added and taken away.
type dropout struct {
	train, valid routes
	best         [][]float64 // leaves of the trees at the best metric: later trees change earlier ones
	size         []float64   // of each output: no partial sum of scores is greater
	inexact      bool        // once that was beyond the bits of a float: scores are summed anew from then on
	// Of each output, what the trees of the model before say, which never go; nil without one.
	trainStart, validStart [][]float64
}

func newDropout(o *Options, base, unit []float64) *dropout {
	d := &dropout{train: &routesOf[uint8]{}, valid: &routesOf[uint8]{}}
	if o.leaves() > 1<<8 {
		d.train, d.valid = &routesOf[uint16]{}, &routesOf[uint16]{}
	}
	start := o.Before
	if start == nil {
		start = &Before{Base: base}
	}
	size, exact := start.size(unit)
	d.size, d.inexact = size, !exact
	d.trainStart, d.validStart = start.Train, start.Valid
	return d
}

// spreads is how many times the spread of the labels, or of 1 where scores are logarithms, leaves may come to in sum.
const spreads = 1 << 16

// exactBits is how many bits sums have that are exact, one less than a float has.
const exactBits = 52

// gridOf is the unit of an output's leaves: 2^-exactBits of what scores come to at most, if all goes well.
func gridOf(k objective, d *Data, base float64) float64 {
	spread := 1.0
	if _, ok := k.(flat); ok { // scores are in the label's unit
		lo, hi := labels(d)
		spread = max(hi-base, base-lo)
	}
	return math.Ldexp(1, trees.Exponent(math.Abs(base)+float64(spreads*spread))-exactBits)
}

// round puts x on a grid.
func round(x, unit float64) float64 { return math.RoundToEven(x/unit) * unit }

// routes are the leaves of rows, tree by tree.
type routes interface {
	// add takes the next tree's leaves of n rows: those of pieces, and of further rows, whose leaves are where.
	add(t *trees.Team, n int, pieces []span, rows, where []int32)
	// find is add of rows that have but bins.
	find(t *trees.Team, n int, table *leafTable, bytes trees.Binned)
	// move adds to scores what some trees say by these leaf values.
	move(t *trees.Team, score []float64, trees []int, leaf [][]float64)
}

type routesOf[T uint8 | uint16] struct{ leaf [][]T }

func (r *routesOf[T]) add(t *trees.Team, n int, pieces []span, rows, where []int32) {
	leaf := make([]T, n)
	t.Each(len(pieces), func(_, i int) {
		for _, row := range pieces[i].rows {
			leaf[row] = T(pieces[i].leaf)
		}
	})
	t.Blocks(len(rows), func(_, begin, end int) {
		for i := begin; i < end; i++ {
			leaf[rows[i]] = T(where[i])
		}
	})
	r.leaf = append(r.leaf, leaf)
}

func (r *routesOf[T]) find(t *trees.Team, n int, table *leafTable, bytes trees.Binned) {
	leaf := make([]T, n)
	t.Blocks(n, func(_, begin, end int) {
		for row := begin; row < end; row++ {
			leaf[row] = T(table.find(bytes, row))
		}
	})
	r.leaf = append(r.leaf, leaf)
}

func (r *routesOf[T]) move(t *trees.Team, score []float64, at []int, leaf [][]float64) {
	t.Blocks(len(score), func(_, begin, end int) {
		s := score[begin:end]
		for j, tree := range at {
			values := leaf[j]
			for i, l := range r.leaf[tree][begin:end] {
				s[i] += values[l]
			}
		}
	})
}

// add takes the tree just grown, whose leaves it puts on their grid, and moves the scores by it.
func (d *dropout) add(b *booster, output int, values []float64, pieces []span, table *leafTable) {
	for i, v := range values {
		values[i] = round(v, b.loss.unit[output])
	}
	d.resize(b, output, largest(values))
	at, leaf := []int{len(b.m.Trees)}, [][]float64{values}
	d.train.add(b.team, b.loss.d.N, pieces, b.rest, b.where)
	d.train.move(b.team, b.loss.score[output], at, leaf)
	if b.val != nil {
		score := b.val.meter.score[output]
		d.valid.find(b.team, len(score), table, b.val.bytes)
		d.valid.move(b.team, score, at, leaf)
	}
}

// resize counts that leaves of an output come to so much more.
func (d *dropout) resize(b *booster, output int, more float64) {
	d.size[output] += more
	if d.size[output] >= math.Ldexp(b.loss.unit[output], exactBits) {
		d.inexact = true
	}
}

// largest is the greatest magnitude.
func largest(x []float64) (m float64) {
	for _, x := range x {
		m = max(m, math.Abs(x))
	}
	return m
}

// drop takes rounds away from the scores of the training rows.
func (d *dropout) drop(b *booster, dropped []int) {
	for k, score := range b.loss.score {
		if d.inexact {
			d.sum(b, d.train, d.trainStart, score, k, dropped)
			continue
		}
		at, leaf := b.treesOf(k, dropped)
		for j := range leaf {
			leaf[j] = slices.Clone(leaf[j])
			for i := range leaf[j] {
				leaf[j][i] = -leaf[j][i]
			}
		}
		d.train.move(b.team, score, at, leaf)
	}
}

// treesOf is the trees of an output in some rounds, and their leaves.
func (b *booster) treesOf(output int, rounds []int) (at []int, leaf [][]float64) {
	for _, round := range rounds {
		tree := round*len(b.m.Base) + output
		at, leaf = append(at, tree), append(leaf, b.m.Trees[tree].Leaf)
	}
	return at, leaf
}

// sum sets scores of an output to where they started and its trees, but for those of dropped rounds.
func (d *dropout) sum(b *booster, r routes, start [][]float64, score []float64, output int, dropped []int) {
	if start != nil {
		copy(score, start[output])
	} else {
		for i := range score {
			score[i] = b.m.Base[output]
		}
	}
	var rounds []int
	for round := range len(b.m.Trees) / len(b.m.Base) {
		if !slices.Contains(dropped, round) {
			rounds = append(rounds, round)
		}
	}
	at, leaf := b.treesOf(output, rounds)
	r.move(b.team, score, at, leaf)
}

// normalize shares what the dropped rounds said between them and the new one, as LightGBM does: of k dropped, each keeps k/(k+1), and
// the new one has 1/(k+1) of its step already. Scores follow.
func (d *dropout) normalize(b *booster, dropped []int) {
	keep := float64(len(dropped)) / float64(len(dropped)+1)
	for k := range b.m.Base {
		at, leaf := b.treesOf(k, dropped)
		less := make([][]float64, len(at))
		for j, tree := range at {
			old := leaf[j]
			leaf[j], less[j] = make([]float64, len(old)), make([]float64, len(old)) // that of the best stays as it was
			for i, v := range old {
				leaf[j][i] = round(v*keep, b.loss.unit[k])
				less[j][i] = leaf[j][i] - v
			}
			b.m.Trees[tree].Leaf = leaf[j]
			d.resize(b, k, largest(leaf[j])-largest(old))
		}
		if d.inexact {
			d.sum(b, d.train, d.trainStart, b.loss.score[k], k, nil)
		} else {
			d.train.move(b.team, b.loss.score[k], at, leaf)
		}
		switch {
		case b.val == nil:
		case d.inexact:
			d.sum(b, d.valid, d.validStart, b.val.meter.score[k], k, nil)
		default:
			d.valid.move(b.team, b.val.meter.score[k], at, less)
		}
	}
}

// keep remembers the trees as they are now.
func (d *dropout) keep(ts []Tree) {
	d.best = d.best[:0]
	for i := range ts {
		d.best = append(d.best, ts[i].Leaf)
	}
}

// restore gives the trees that are left the leaves that they had at the best.
func (d *dropout) restore(ts []Tree) {
	for i := range ts {
		ts[i].Leaf = d.best[i]
	}
}
