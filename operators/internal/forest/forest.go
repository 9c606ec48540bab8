// Package forest grows trees on drawn rows and columns, each tree by itself.
//
// It is the learner alone, on plain slices, for random forests (Breiman 2001), extremely randomised trees (Geurts et al. 2006) and single
// trees (Breiman et al. 1984). What it promises:
//
//   - The model is the same to the bit for any number of workers: every draw is a hash of the seed, the tree, and the row's or the node's
//     place, and every sum of rows is of integers: counts, or labels and weights rounded once to a grid whose step is a power of two.
//   - A row ends in the same leaf while training and while predicting: a stored threshold is the very number that cut the bins.
package forest

import (
	"encoding/binary"
	"errors"
	"math"
	"sync/atomic"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
)

// Criterion is what a split makes small.
type Criterion uint8

// The criteria: the mean of squares is Gini's impurity where labels are classes, the variance where they are numbers.
const (
	Squares Criterion = iota
	Entropy
)

// Options of Fit.
type Options struct {
	Criterion Criterion
	Trees     int
	Columns   int     // drawn at a node, at least 1
	Bins      int     // of a column at most, 2 to 255; missing has its own besides
	MaxDepth  int     // splits from root to leaf at most; 0 is no limit
	MinRows   int     // in a leaf, each as often as it was drawn
	Leaves    int     // of a tree at most, split best first; 0 is no limit
	Bootstrap bool    // draw rows with replacement
	RowSample float64 // how many draws there are, as a share of the rows
	Random    bool    // thresholds are drawn, one a column
	Prune     float64 // what a leaf costs; see prune
	Seed      uint64
}

// Label is what is learnt: numbers (0 and 1 of two classes), or the numbers of more classes.
type Label struct {
	Values  []float64
	Class   []int32 // below 0: a row of weight 0 whose class no other has
	Classes int     // with Class: how many; else 2 says that Values are 0 and 1
}

// Model is a fitted forest. What it says of a row is the mean over the trees of the leaf that the row reaches.
type Model struct {
	Features []trees.Meta
	Trees    []trees.Tree // Leaf is the mean of the label; of more than two classes, the place in Shares. Cover has rows as often as they were drawn
	Shares   Shares
	Gain     []float64 // of each feature, its share of what the splits gained, mean of the trees
	OutOfBag *OutOfBag // nil where every tree has all rows
}

// Shares are distributions over classes, each by its classes that are there.
type Shares struct {
	At    []int32 // where each begins; one more than distributions
	Class []int32
	Share []float64
}

// Likeliest is the class of the greatest share of distribution i, the first of equal ones.
func (s *Shares) Likeliest(i int) (class int32, share float64) {
	for at := s.At[i]; at < s.At[i+1]; at++ {
		if s.Share[at] > share {
			class, share = s.Class[at], s.Share[at]
		}
	}
	return class, share
}

// Env is what Fit asks of its caller.
type Env struct {
	Parallel func(n int, f func(i int))
	Progress func(done, total int)
	Stop     func() error // asked before every tree; its error ends Fit
	// Grant is asked for all of the memory that the fit comes to, as workers come and by what the trees have cost so far; its error ends Fit.
	// Workers ask at the same time. nil grants all.
	Grant func(bytes int64) error
}

// Fit learns a model of the labels.
func Fit(env Env, data *trees.Data, label *Label, o Options) (m *Model, err error) {
	if data.N < 1 || int64(data.N) > math.MaxInt32 {
		return nil, model.DataError("%d rows, want 1 to %d", data.N, math.MaxInt32)
	}
	trees.Lead(env.Parallel, func(t *trees.Team) { m, err = fit(t, env, data, label, &o) })
	return m, err
}

func fit(t *trees.Team, env Env, data *trees.Data, label *Label, o *Options) (*Model, error) {
	g := &grower{o: o, label: label, team: t}
	if err := g.target(data); err != nil {
		return nil, &operators.ErrData{Err: err}
	}
	g.memory = memory{grant: env.Grant, trees: int64(o.Trees), fixed: o.Bytes(data.N, len(data.Features))}
	g.cols = trees.MakeColumns(t, data, o.Bins, o.Seed)
	g.layout(data)
	g.draw = newDraw(o)
	grown := make([]*grown, o.Trees)
	var stopped atomic.Pointer[error]
	var done atomic.Int64
	failed := func(err error) bool {
		if err != nil {
			stopped.CompareAndSwap(nil, &err)
		}
		return stopped.Load() != nil
	}
	one := func(w, i int) {
		if failed(nil) || env.Stop != nil && failed(env.Stop()) || g.locals[w] == nil && failed(g.memory.worker(g.localBytes())) {
			return
		}
		grown[i] = g.local(w).tree(uint64(i))
		if failed(g.memory.tree(grown[i].bytes())) {
			return
		}
		if n := done.Add(1); w == 0 && env.Progress != nil {
			env.Progress(int(n), o.Trees)
		}
	}
	if o.Trees == 1 {
		g.alone = true
		one(0, 0)
	} else {
		t.Each(o.Trees, one)
	}
	if err := stopped.Load(); err != nil {
		return nil, *err
	}
	m := &Model{Gain: make([]float64, len(data.Features))}
	for _, x := range data.Features {
		m.Features = append(m.Features, trees.Meta{Name: x.Name, Levels: x.Levels})
	}
	shares := newPool()
	for _, t := range grown {
		if g.k > 2 {
			for i := range t.Leaf {
				t.Leaf[i] = float64(shares.place(t.counts.of(i)))
			}
		}
		for j, x := range t.share {
			m.Gain[j] += x / float64(o.Trees)
		}
		t.Cover = t.rows
		m.Trees = append(m.Trees, t.Tree)
	}
	m.Shares = shares.Shares
	if !g.draw.all {
		m.OutOfBag = g.outOfBag(m, grown)
	}
	return m, nil
}

// pool holds each distribution once.
type pool struct {
	Shares
	at map[string]int32
}

func newPool() *pool { return &pool{Shares: Shares{At: []int32{0}}, at: map[string]int32{}} }

// place is where the distribution of these counts is. Counts are of a leaf, which has rows.
func (p *pool) place(class []int32, count []int64) int32 {
	total := int64(0)
	for _, n := range count {
		total += n
	}
	share := make([]float64, len(class))
	for i := range class {
		share[i] = float64(count[i]) / float64(total)
	}
	key := make([]byte, 0, 12*len(class))
	for i, c := range class {
		key = binary.LittleEndian.AppendUint32(key, uint32(c))
		key = binary.LittleEndian.AppendUint64(key, math.Float64bits(share[i]))
	}
	at, ok := p.at[string(key)]
	if !ok {
		at = p.put(class, share)
		p.at[string(key)] = at
	}
	return at
}

// put adds a distribution.
func (p *pool) put(class []int32, share []float64) int32 {
	p.Class, p.Share = append(p.Class, class...), append(p.Share, share...)
	p.At = append(p.At, int32(len(p.Class)))
	return int32(len(p.At) - 2)
}

// errNoRows says that all weights are 0.
var errNoRows = errors.New("no row has a weight above 0")

// Bytes is about how much memory a fit holds besides its input, before its trees and what each worker has to itself: codes, bins in both
// layouts, labels, weights, and what is said of each row out of bag.
func (o *Options) Bytes(rows, columns int) int64 { return int64(rows) * int64(6*columns+48) }
