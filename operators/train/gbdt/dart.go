package gbdt

import (
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/internal/trees"
)

// Dart is dropout of trees (Rashmi and Gilad-Bachrach 2015): most trees are fitted to what is left when some of those before are taken
// away, and share their place. The zero Dart is none.
type Dart struct {
	Drop float64 `param:"drop" doc:"chance of each earlier tree to be away" default:"0.1" min:">0" max:"1"`
	Skip float64 `param:"skip" doc:"chance that none is" default:"0.5" min:"0" max:"<1"`
	Max  int     `param:"max" doc:"trees away at a time at most; 0 is no limit" default:"50" min:"0"`
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

// dropout keeps the leaf of every row in every tree, so that scores can be summed anew when trees go, come back or shrink: in the order
// in which Predict sums them, to the same bits.
type dropout struct {
	train, valid routes
	best         [][]float64 // leaves of the trees at the best metric: later trees change earlier ones
}

func newDropout(o *Options) *dropout {
	var train, valid [][]float64
	if o.Before != nil { // whose scores move with the fit
		train, valid = cloned(o.Before.Train), cloned(o.Before.Valid)
	}
	if o.leaves() <= 1<<8 {
		return &dropout{train: &routesOf[uint8]{start: train}, valid: &routesOf[uint8]{start: valid}}
	}
	return &dropout{train: &routesOf[uint16]{start: train}, valid: &routesOf[uint16]{start: valid}}
}

func cloned(score [][]float64) [][]float64 {
	out := make([][]float64, len(score))
	for k := range out {
		out[k] = slices.Clone(score[k])
	}
	return out
}

// routes are the leaves of rows, tree by tree.
type routes interface {
	// add takes the rows of a tree's leaves, and finds those of other rows by their bins; nil rows are all.
	add(t *trees.Team, n int, pieces []span, rows []int32, table *leafTable, bytes trees.Binned)
	// sum sets the scores of each output to its base and its trees, but for those of dropped rounds.
	sum(t *trees.Team, score [][]float64, m *Model, dropped []int)
}

type routesOf[T uint8 | uint16] struct {
	leaf  [][]T
	start [][]float64 // of each output, what the trees of the model before say, which never go; nil without it
}

func (r *routesOf[T]) add(t *trees.Team, n int, pieces []span, rows []int32, table *leafTable, bytes trees.Binned) {
	leaf := make([]T, n)
	t.Each(len(pieces), func(_, i int) {
		for _, row := range pieces[i].rows {
			leaf[row] = T(pieces[i].leaf)
		}
	})
	others := len(rows)
	if pieces == nil {
		others = n
	}
	t.Blocks(others, func(_, begin, end int) {
		for i := begin; i < end; i++ {
			row := i
			if pieces != nil {
				row = int(rows[i])
			}
			leaf[row] = T(table.find(bytes, row))
		}
	})
	r.leaf = append(r.leaf, leaf)
}

func (r *routesOf[T]) sum(t *trees.Team, score [][]float64, m *Model, dropped []int) {
	t.Blocks(len(score[0]), func(_, begin, end int) {
		for k, base := range m.Base {
			s := score[k][begin:end]
			for i := range s {
				s[i] = base
			}
			if r.start != nil {
				copy(s, r.start[k][begin:end])
			}
			for at := k; at < len(m.Trees); at += len(m.Base) {
				if slices.Contains(dropped, at/len(m.Base)) {
					continue
				}
				values := m.Trees[at].Leaf
				for i, leaf := range r.leaf[at][begin:end] {
					s[i] += values[leaf]
				}
			}
		}
	})
}

// add takes the tree just grown.
func (d *dropout) add(b *booster, pieces []span, table *leafTable) {
	d.train.add(b.team, b.loss.d.N, pieces, b.rest, table, b.grower.bytes)
	if b.val != nil {
		d.valid.add(b.team, len(b.val.meter.score[0]), nil, nil, table, b.val.bytes)
	}
}

// normalize shares what the dropped rounds said between them and the new one, as LightGBM does: of k dropped, each keeps k/(k+1), and
// the new one has 1/(k+1) of its step already. Then the scores are summed anew.
func (d *dropout) normalize(b *booster, dropped []int) {
	keep := float64(len(dropped)) / float64(len(dropped)+1)
	n := len(b.m.Base)
	for _, round := range dropped {
		for at := round * n; at < (round+1)*n; at++ {
			leaf := slices.Clone(b.m.Trees[at].Leaf) // that of the best stays as it was
			for i := range leaf {
				leaf[i] *= keep
			}
			b.m.Trees[at].Leaf = leaf
		}
	}
	d.train.sum(b.team, b.loss.score, b.m, nil)
	if b.val != nil {
		d.valid.sum(b.team, b.val.meter.score, b.m, nil)
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
