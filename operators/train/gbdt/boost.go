package gbdt

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// What a draw is for, so that no two purposes share their numbers.
const (
	drawTree uint32 = iota + 1 // 0 is trees.MakeColumns's
	drawRow
	drawColumn
	drawNode
	drawSkip
	drawDrop
	drawTie
	drawChild
)

// Fit learns a model of train's labels from its features. With valid, every
// tree is measured on it, and with EarlyRounds the model ends at the best one;
// valid has the features of train in the same order.
//
// Memory besides the input is what Options.rowBytes has: 28 bytes a row, 16
// more for each further class, about 2 a feature and row, and what sampling,
// dropout, rankings and leaves that are quantiles keep; histograms come to 24 bytes a bin
// for each leaf that may be split, or 16 where a regression has equal weights.
func Fit(env Env, train Data, valid *Data, o Options) (*Model, error) {
	var m *Model
	var err error
	trees.Lead(env.Parallel, func(t *trees.Team) { m, err = fitOn(t, env, train, valid, o) })
	return m, err
}

func fitOn(t *trees.Team, env Env, train Data, valid *Data, o Options) (*Model, error) {
	b, err := newBooster(t, env, train, valid, o)
	if err != nil {
		return nil, err
	}
	if err := b.run(); err != nil {
		return nil, err
	}
	b.finish()
	return b.m, nil
}

// newBooster checks everything and bins the data.
func newBooster(t *trees.Team, env Env, train Data, valid *Data, o Options) (*booster, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("gbdt: options: %w", err)
	}
	if err := check(&train, o, "training", true); err != nil {
		return nil, err
	}
	if err := o.checkConstraints(&train); err != nil {
		return nil, err
	}
	m := &Model{
		Objective: o.Objective,
		Features:  metaOf(&train),
		Gain:      make([]float64, len(train.Features)),
		Splits:    make([]int64, len(train.Features)),
	}
	l := newLoss(t, &train, &o)
	base, single := l.begin()
	if from := o.Before; from != nil {
		// Of labels that are all one, too, the model may have said another.
		base, single = from.Base, false
		l.startAt(from)
	}
	m.Base = base
	var val *validation
	if valid != nil {
		if err := same(&train, valid); err != nil {
			return nil, err
		}
		if err := check(valid, o, "validation", false); err != nil {
			return nil, err
		}
		meter, err := newMeter(t, valid, &o, base)
		if err != nil {
			return nil, err
		}
		if o.Before != nil {
			for k, score := range o.Before.Valid {
				copy(meter.score[k], score)
			}
		}
		m.Metric = meter.name
		val = &validation{meter: meter}
	}
	b := &booster{team: t, env: env, o: &o, m: m, loss: l, val: val}
	if single || len(train.Features) == 0 {
		return b, nil
	}
	cols := trees.MakeColumns(t, &train, o.Bins, o.Seed)
	if env.Grant != nil {
		if err := env.Grant(histogramBytes(&o, cols, train.N, t.Came(), l.even)); err != nil {
			return nil, err
		}
	}
	if val != nil {
		val.bytes = trees.Bin(t, cols, valid, nil)
	}
	if mayShare(cols) {
		bytes := trees.Bin(t, cols, &train, nil)
		b.grower = newGrower(t, &o, cols, bundled(t, cols, bytes, train.N, o.Leaves), train.N)
		b.grower.bytes = bytes
		lay := b.grower.layIn(train.N)
		t.Blocks(train.N, func(_, begin, end int) { lay(bytes, begin, end) })
	} else {
		b.grower = newGrower(t, &o, cols, unshared(cols), train.N)
		b.grower.bytes = trees.Bin(t, cols, &train, b.grower.layIn(train.N))
	}
	l.beside = &b.grower.builder
	b.grad = append(b.grad, b.grower.grad)
	for range len(base) - 1 {
		b.grad = append(b.grad, trees.Make[uint64](train.N))
	}
	return b, nil
}

// validation is the rows that early stopping looks at.
type validation struct {
	meter *meter
	bytes trees.Binned
	best  float64
	at    int // rounds at the best
}

type booster struct {
	team   *trees.Team
	env    Env
	o      *Options
	m      *Model
	loss   *loss
	grower *grower // nil if there is nothing to learn, or to learn from
	val    *validation

	grad       [][]uint64 // of each output
	all        []int32    // rows of weight
	rows, rest []int32    // of the present round; of weight but not drawn for it
	where      []int32    // the leaf of each row of rest
	sampled    sampled
	oneSide    oneSide
	dropout    *dropout // nil without Options.Dart
}

func (b *booster) run() error {
	if b.grower == nil {
		return nil
	}
	train := b.loss.d
	all := make([]int32, 0, train.N)
	for i := 0; i < train.N; i++ {
		if train.WeightOf(i) != 0 {
			all = append(all, int32(i))
		}
	}
	b.all = all
	if b.loss.passes() && len(all) == train.N && b.o.RowSample == 1 && b.o.ColumnSample == 1 {
		b.loss.all = all
		for i := range b.grower.use {
			b.grower.use[i] = true
		}
	}
	if b.o.Dart.on() {
		b.dropout = newDropout(b.o, b.m.Base, b.loss.unit)
	}
	if b.o.Before != nil && b.val != nil {
		b.m.Start = b.val.meter.value()
		b.val.best = b.m.Start // of no round: the model as it was
	}
	for t := 0; t < b.o.Trees; t++ {
		if b.env.Stop != nil {
			if err := b.env.Stop(); err != nil {
				return fmt.Errorf("gbdt: stopped after %d trees: %w", t, err)
			}
		}
		dropped := b.o.Dart.drops(b.o.Seed, t)
		if len(dropped) > 0 {
			b.dropout.drop(b, dropped)
		}
		p, any := b.loss.pack(b.grad)
		if !any {
			return nil
		}
		b.draw(uint64(t), p)
		most := 0
		for k := range p {
			b.grower.grad, b.grower.packed = b.grad[k], p[k]
			most = max(most, b.tree(k, len(dropped)))
		}
		if len(dropped) > 0 {
			b.dropout.normalize(b, dropped)
		}
		if most == 1 && !b.o.draws() && b.o.Before == nil {
			// The next trees would find as little. Behind a model they may have all rows to move.
			b.m.Trees = b.m.Trees[:t*len(p)]
			return nil
		}
		if b.measure(t + 1) {
			return nil
		}
	}
	return nil
}

// draws says that one round does not see what another does.
func (o *Options) draws() bool {
	return o.RowSample < 1 || o.ColumnSample < 1 || o.ColumnSampleNode < 1 || o.Goss.on() || o.Dart.on()
}

// draw picks the rows and columns of round t. Every row and column has its own
// number, from the seed, the tree and its place alone.
func (b *booster) draw(t uint64, p []packed) {
	seed := hash.Draw(b.o.Seed, t, drawTree)
	switch {
	case b.o.Goss.on() && t >= uint64(b.o.warm()):
		b.oneSide.pick(b, seed, p)
	case b.o.RowSample == 1:
		b.rows = b.all
	default:
		limit := share(b.o.RowSample)
		b.part(func(_ int, rows []int32, sides []uint64) {
			for i, r := range rows {
				if hash.Draw(seed, uint64(r), drawRow) < limit {
					sides[i/64] |= 1 << (i % 64)
				}
			}
		})
	}
	b.grower.seed = seed
	use := b.grower.use
	all := make([]int, len(use))
	for i := range all {
		all[i], use[i] = i, false
	}
	for _, i := range some(all, b.o.ColumnSample, seed, drawColumn) {
		use[i] = true
	}
}

// sampled is room for the rows of a tree and for the others.
type sampled struct {
	rows, rest []int32
	sides      []uint64
	lefts      []int
}

// part parts the rows of weight into those of a tree and the others, both in order. mark sets the bits of rows of the tree among those of a
// block.
func (b *booster) part(mark func(block int, rows []int32, sides []uint64)) {
	all, s := b.all, &b.sampled
	blocks := trees.BlockCount(len(all))
	if s.rows == nil {
		s.rows, s.rest = make([]int32, len(all)), make([]int32, len(all))
		s.sides, s.lefts = make([]uint64, (len(all)+63)/64), make([]int, blocks+1)
	}
	b.team.Blocks(len(all), func(block, begin, end int) {
		sides := s.sides[begin/64 : (end+63)/64]
		clear(sides)
		mark(block, all[begin:end], sides)
		n := 0
		for _, w := range sides {
			n += bits.OnesCount64(w)
		}
		s.lefts[block+1] = n
	})
	for i := range blocks {
		s.lefts[i+1] += s.lefts[i]
	}
	n := s.lefts[blocks]
	b.rows, b.rest = s.rows[:n], s.rest[:len(all)-n]
	b.team.Blocks(len(all), func(block, begin, end int) {
		from, to := s.lefts[block], s.lefts[block+1]
		tree.Part(b.rows[from:to], b.rest[begin-from:end-to], all[begin:end], s.sides[begin/64:(end+63)/64])
	})
}

// some draws a share of columns, at least one: those with the lowest numbers, which each has of its own.
func some(columns []int, share float64, seed uint64, what uint32) []int {
	n := len(columns)
	keep := int(math.Ceil(share * float64(n)))
	if keep >= n {
		return columns
	}
	order := make([]int, n)
	keys := make([]uint64, n)
	for i, c := range columns {
		order[i], keys[i] = i, hash.Draw(seed, uint64(c), what)
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(keys[i], keys[j]) })
	drawn := order[:keep]
	for i, at := range drawn {
		drawn[i] = columns[at]
	}
	return drawn
}

// tree grows the next tree of an output, moves its scores by it, and says how
// many leaves it has. It shares its step with those of so many rounds that are
// dropped.
func (b *booster) tree(output, dropped int) int {
	g := b.grower
	t := g.grow(b.rows)
	pieces := spans(t.leaves)
	o := *b.o
	o.LearningRate /= float64(1 + dropped)
	table := g.leafTable(t)
	cover := b.place(t, table)
	var values []float64
	if k, ok := b.loss.objective.(renewer); ok {
		values = b.renewed(k, t, &o)
	} else {
		values = b.loss.leaves(g, t, pieces, output, &o)
		g.clip(t, values, o.LearningRate)
	}
	if b.dropout != nil {
		b.dropout.add(b, output, values, pieces, table)
	} else {
		b.advance(output, t, values, table)
	}
	b.m.Trees = append(b.m.Trees, g.tree(t, values, cover))
	return len(values)
}

// advance moves the scores of an output by a tree.
func (b *booster) advance(output int, t *grown, values []float64, table *leafTable) {
	score := b.loss.score[output]
	if b.loss.all != nil && len(b.m.Trees)+1 < b.o.Trees {
		b.loss.advance(b.grad[output], t.leaves, values)
	} else {
		addTo(score, b.team, t.leaves, values)
	}
	b.team.Blocks(len(b.rest), func(_, begin, end int) {
		for i, r := range b.rest[begin:end] {
			score[r] += values[b.where[begin+i]]
		}
	})
	if b.val != nil {
		score := b.val.meter.score[output]
		b.team.Blocks(len(score), func(_, begin, end int) {
			for r := begin; r < end; r++ {
				score[r] += values[table.find(b.val.bytes, r)]
			}
		})
	}
}

// place finds the leaf of each row of rest, and counts the rows of each leaf with them.
func (b *booster) place(t *grown, table *leafTable) (cover []int64) {
	cover = make([]int64, len(t.leaves))
	for i, l := range t.leaves {
		cover[i] = int64(len(l.rows))
	}
	if len(b.rest) > len(b.where) {
		b.where = make([]int32, len(b.rest)+len(b.rest)/16)
	}
	parts := make([][]int64, trees.BlockCount(len(b.rest)))
	b.team.Blocks(len(b.rest), func(block, begin, end int) {
		n := make([]int64, len(cover))
		for i, r := range b.rest[begin:end] {
			leaf := table.find(b.grower.bytes, int(r))
			b.where[begin+i] = int32(leaf)
			n[leaf]++
		}
		parts[block] = n
	})
	for _, part := range parts {
		for i, n := range part {
			cover[i] += n
		}
	}
	return cover
}

// measure tells of the round just done, and reports whether to stop.
func (b *booster) measure(done int) bool {
	metric, value := "", 0.0
	v := b.val
	if v != nil {
		metric, value = v.meter.name, v.meter.value()
		b.m.Curve = append(b.m.Curve, value)
		if done == 1 && b.o.Before == nil || v.meter.better(value, v.best) {
			v.best, v.at = value, done
			if b.dropout != nil {
				b.dropout.keep(b.m.Trees)
			}
		}
	}
	if b.env.Progress != nil {
		b.env.Progress(done, b.o.Trees, metric, value)
	}
	return v != nil && b.o.EarlyRounds > 0 && done-v.at >= b.o.EarlyRounds
}

// finish drops the rounds after the best, and sums up the others.
func (b *booster) finish() {
	m := b.m
	if b.val != nil && b.o.EarlyRounds > 0 {
		n := b.val.at * len(m.Base)
		m.Trees = m.Trees[:n:n]
		if b.dropout != nil {
			b.dropout.restore(m.Trees)
		}
	}
	m.Best = len(m.Trees) / len(m.Base)
	for i := range m.Trees {
		for n, f := range m.Trees[i].Feature {
			m.Gain[f] += m.Trees[i].Gain[n]
			m.Splits[f]++
		}
	}
	m.goOn(b.o.Before)
}
