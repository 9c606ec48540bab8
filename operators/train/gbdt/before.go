package gbdt

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/program"
)

// Before is a model that a fit goes on from, over the features of the fit. Its trees stay what they are, but for onGrid: rounds are added,
// and measured against it.
type Before struct {
	Base         []float64
	Trees        []Tree      // of each round, a tree an output
	Train, Valid [][]float64 // of each output, the raw scores that it gives the rows
}

// onGrid rounds the base and the leaves to the grid that a fit of d with dropout has: sums of them and of its own trees are then exact. It is
// for before Train and Valid are known, which are the scores of what is rounded. A model whose scores may leave the grid stays as it is.
func (b *Before) onGrid(o *Options, d *Data) {
	next := Before{Trees: slices.Clone(b.Trees)}
	unit := make([]float64, len(b.Base))
	for k, base := range b.Base {
		unit[k] = gridOf(newObjective(o), d, base)
		next.Base = append(next.Base, round(base, unit[k]))
	}
	for i := range next.Trees {
		t := &next.Trees[i]
		t.Leaf = slices.Clone(t.Leaf)
		for l, v := range t.Leaf {
			t.Leaf[l] = round(v, unit[i%len(unit)])
		}
	}
	if _, exact := next.size(unit); exact {
		*b = next
	}
}

// size is what scores of each output come to at most, and whether sums of the base and of leaves are exact, in any order: they are
// multiples of the units, and come to less than 2^52 of them.
func (b *Before) size(unit []float64) (size []float64, exact bool) {
	exact = true
	on := func(k int, x float64) { exact = exact && round(x, unit[k]) == x }
	for k, base := range b.Base {
		size = append(size, math.Abs(base))
		on(k, base)
	}
	for i := range b.Trees {
		k := i % len(unit)
		size[k] += largest(b.Trees[i].Leaf)
		for _, v := range b.Trees[i].Leaf {
			on(k, v)
		}
	}
	for k := range size {
		exact = exact && size[k] < math.Ldexp(unit[k], exactBits)
	}
	return size, exact
}

// goOn puts the trees of the model before in front.
func (m *Model) goOn(from *Before) {
	if from == nil {
		return
	}
	m.Before = len(from.Trees) / len(from.Base)
	m.Trees = slices.Concat(from.Trees, m.Trees)
	for i := range from.Trees {
		for _, f := range from.Trees[i].Feature {
			m.Splits[f]++
		}
	}
}

// Refit keeps the trees of Options.Before and gives their leaves new values by the labels of train, tree after tree as they were
// learnt: each leaf has the share keep of its old value and the rest of the one that it would have if the tree were grown now. A leaf
// that no row of weight comes to, or rows of less than MinHessian, stays as it was. No tree is grown, and options of growing and of early stopping mean nothing; nor does
// CatL2, as trees do not say where they ordered levels.
//
// It is what LightGBM calls refit, but for leaves without rows, which that draws to 0.
func Refit(env Env, train Data, o Options, keep float64) (m *Model, err error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("gbdt: options: %w", err)
	}
	if o.Before == nil || !(keep >= 0 && keep < 1) {
		return nil, errors.New("gbdt: options: a refit keeps a share below 1 of the leaves of a model before")
	}
	if err := check(&train, o, "training", true); err != nil {
		return nil, err
	}
	trees.Lead(env.Parallel, func(t *trees.Team) {
		r := newRefitter(t, &train, &o, keep)
		m, err = r.m, r.run(env)
	})
	return m, err
}

// refitter gives the leaves of one tree after another new values.
type refitter struct {
	team *trees.Team
	o    *Options
	m    *Model
	loss *loss
	keep float64

	cols  []batch.Column // the features as a program reads them
	types []batch.Type
	grad  [][]uint64
	// Of each row, the numbers of its leaves in some trees from the one of number first on, so many bits each.
	at    []float64
	first int
	bits  int
}

func newRefitter(t *trees.Team, train *Data, o *Options, keep float64) *refitter {
	n := len(train.Features)
	r := &refitter{team: t, o: o, keep: keep, loss: newLoss(t, train, o), at: make([]float64, train.N),
		m:    &Model{Objective: o.Objective, Features: metaOf(train), Base: o.Before.Base, Gain: make([]float64, n), Splits: make([]int64, n)},
		cols: make([]batch.Column, n), types: make([]batch.Type, n)}
	r.m.goOn(o.Before)
	r.loss.even = false // leaves are summed from 31 bits, whatever the objective: there are no histograms to fit into
	for k, score := range r.loss.score {
		for i := range score {
			score[i] = r.m.Base[k]
		}
		r.grad = append(r.grad, make([]uint64, train.N))
	}
	t.Each(n, func(_, j int) {
		f := &train.Features[j]
		switch {
		case f.Codes != nil:
			r.cols[j] = batch.OfInt32s(f.Codes)
		case f.Read != nil:
			v := make([]float64, train.N)
			f.Read(v, 0)
			r.cols[j] = batch.OfFloat64s(v)
		default:
			r.cols[j] = batch.OfFloat64s(f.Values)
		}
		r.types[j] = r.cols[j].Type
	})
	most := 2
	for i := range r.m.Trees {
		most = max(most, len(r.m.Trees[i].Leaf))
	}
	r.bits = bits.Len(uint(most - 1))
	return r
}

func (r *refitter) run(env Env) error {
	outputs := len(r.m.Base)
	for t := range r.m.Before {
		if env.Stop != nil {
			if err := env.Stop(); err != nil {
				return fmt.Errorf("gbdt: stopped after %d trees: %w", t, err)
			}
		}
		r.loss.pack(r.grad) // where nothing is left to learn, leaves are drawn to 0
		for k := range outputs {
			if err := r.tree(t*outputs+k, k); err != nil {
				return err
			}
		}
		if env.Progress != nil {
			env.Progress(t+1, r.m.Before, "", 0)
		}
	}
	return nil
}

// tree gives the leaves of a tree their values, and moves the scores by them.
func (r *refitter) tree(number, output int) error {
	together := leafBitsMax / r.bits
	if number%together == 0 {
		if err := r.find(number, min(number+together, len(r.m.Trees))); err != nil {
			return err
		}
	}
	t := &r.m.Trees[number]
	old := t.Leaf
	fresh, rows := r.fresh(number, len(old), output)
	t.Leaf = slices.Clone(old)
	for i := range old {
		if rows[i] > 0 {
			t.Leaf[i] = float64(r.keep*old[i]) + float64((1-r.keep)*fresh[i])
		}
	}
	score := r.loss.score[output]
	r.team.Blocks(len(score), func(_, begin, end int) {
		for i := begin; i < end; i++ {
			score[i] += t.Leaf[r.leaf(number, i)]
		}
	})
	return nil
}

// leafBitsMax is what a float holds of whole numbers.
const leafBitsMax = 52

// find finds the leaves of all rows in some trees, as programs do: each tree says the number of the leaf, shifted to where it has its
// bits, and they add up. So the rows' values are compared as fast as where a model predicts, and once for many trees.
func (r *refitter) find(from, to int) error {
	k := &program.Trees{}
	for _, f := range r.m.Features {
		k.Levels = append(k.Levels, int32(f.Levels))
	}
	for i := from; i < to; i++ {
		t := &r.m.Trees[i]
		leaf := make([]float64, len(t.Leaf))
		for l := range leaf {
			leaf[l] = math.Ldexp(float64(l), (i-from)*r.bits)
		}
		k.Trees = append(k.Trees, program.Tree{Feature: t.Feature, Threshold: t.Threshold, Left: t.Left, Right: t.Right, MissingLeft: t.MissingLeft,
			Cat: t.Cat, Bits: t.Bits, Leaf: leaf})
	}
	if err := k.Init(r.types, []batch.Type{batch.T(batch.Float64)}); err != nil {
		return fmt.Errorf("gbdt: the model before: %w", err)
	}
	r.first = from
	errs := make([]error, trees.BlockCount(len(r.at)))
	r.team.Blocks(len(r.at), func(b, begin, end int) {
		in := make([]batch.Column, len(r.cols))
		for j := range in {
			in[j] = r.cols[j].Slice(nil, begin, end)
		}
		out := []batch.Column{{Type: batch.T(batch.Float64), N: end - begin}}
		if errs[b] = k.Batch(&batch.Ctx{}, end-begin, in, out); errs[b] == nil {
			copy(r.at[begin:end], out[0].Float64s())
		}
	})
	return errors.Join(errs...)
}

// leaf is where a row is in a tree that was found.
func (r *refitter) leaf(number, row int) int {
	return int(uint64(r.at[row]) >> ((number - r.first) * r.bits) & (1<<r.bits - 1))
}

// hessianMin is what a leaf has of hessians to be refitted even where options ask for none, in units of 31 bits of the greatest that a row may
// have: below it the quotient is noise.
const hessianMin = 1 << 8

// fresh are the values of the leaves of a tree by the rows that come to them, and how many of weight there are, none of a leaf that stays.
func (r *refitter) fresh(number, leaves, output int) (values []float64, rows []int64) {
	type total struct{ g, h, n int64 }
	d, grad := r.loss.d, r.grad[output]
	parts := make([][]total, trees.WorkersMax)
	r.team.Each(trees.BlockCount(d.N), func(w, b int) {
		if parts[w] == nil {
			parts[w] = make([]total, leaves)
		}
		for i := b * trees.BlockRows; i < min(d.N, (b+1)*trees.BlockRows); i++ {
			if d.WeightOf(i) == 0 {
				continue
			}
			// At most 2^31 rows of 31 bits: no sum overflows.
			s, v := &parts[w][r.leaf(number, i)], grad[i]
			s.g += int64(v) >> 32
			s.h += int64(uint32(v))
			s.n++
		}
	})
	g, h := make([]int64, leaves), make([]int64, leaves)
	rows = make([]int64, leaves)
	for _, p := range parts {
		for l := range p {
			g[l], h[l], rows[l] = g[l]+p[l].g, h[l]+p[l].h, rows[l]+p[l].n
		}
	}
	if k, ok := r.loss.objective.(renewer); ok {
		return r.loss.renew(k, r.loss.residuals(r.parted(number, rows), nil, nil), r.o, nil), rows
	}
	values = make([]float64, leaves)
	for l := range values {
		slope, bend := math.Ldexp(float64(g[l]), -r.loss.fineG[output]), math.Ldexp(float64(h[l]), -r.loss.fineH[output])
		if bend < r.o.MinHessian || h[l] < hessianMin { // it would not have been grown
			rows[l] = 0
			continue
		}
		values[l] = r.loss.value(slope, bend+r.o.L2, r.o)
	}
	return values, rows
}

// parted are the leaves of a tree with their rows of weight, of each as many as rows says.
func (r *refitter) parted(number int, rows []int64) *grown {
	t := &grown{}
	for _, n := range rows {
		t.leaves = append(t.leaves, &node{rows: make([]int32, 0, n)})
	}
	for i := range r.at {
		if r.loss.d.WeightOf(i) != 0 {
			n := t.leaves[r.leaf(number, i)]
			n.rows = append(n.rows, int32(i))
		}
	}
	return t
}

// keeps says whether the trees keep to the constraints of the options: what they are asked for is where the options have it.
func keeps(o *Options, k *program.Trees, at []int) error {
	c := newConstraints(o, len(o.Monotone))
	for i := range k.Trees {
		t := &k.Trees[i]
		if f := falls(t, c.signs, at); f >= 0 {
			return fmt.Errorf("its trees are not monotone in %q", k.Names[f])
		}
		if a, b := meeting(t, c.paths, at); a >= 0 {
			return fmt.Errorf("on a way through its trees %q meets %q", k.Names[a], k.Names[b])
		}
	}
	return nil
}

// falls is a feature with a sign at one of whose splits a leaf on the one side passes one on the other, or -1. Missing values are
// outside the order: a split that parts them from all others has no sign.
func falls(t *program.Tree, signs []int8, at []int) int {
	if signs == nil {
		return -1
	}
	lo, hi := make([]float64, len(t.Feature)), make([]float64, len(t.Feature))
	bounds := func(c int32) (float64, float64) {
		if c < 0 {
			return t.Leaf[^c], t.Leaf[^c]
		}
		return lo[c], hi[c]
	}
	for i := len(t.Feature) - 1; i >= 0; i-- { // children have higher numbers
		leftLo, leftHi := bounds(t.Left[i])
		rightLo, rightHi := bounds(t.Right[i])
		lo[i], hi[i] = min(leftLo, rightLo), max(leftHi, rightHi)
		f := int(t.Feature[i])
		if t.Cat[i] >= 0 || math.IsInf(t.Threshold[i], 1) {
			continue
		}
		if sign := signs[at[f]]; sign > 0 && leftHi > rightLo || sign < 0 && leftLo < rightHi {
			return f
		}
	}
	return -1
}

// meeting are two features on a way from the root that no group has together, or -1.
func meeting(t *program.Tree, paths [][]uint64, at []int) (a, b int) {
	if paths == nil {
		return -1, -1
	}
	groups := make([][]uint64, len(t.Feature)) // that have all features above a node
	above := slices.Repeat([]int{-1}, len(t.Feature))
	for i, f := range t.Feature {
		own := paths[at[f]]
		if groups[i] != nil {
			if !meet(groups[i], own) {
				return above[i], int(f)
			}
			both := make([]uint64, len(own))
			for w := range both {
				both[w] = groups[i][w] & own[w]
			}
			own = both
		}
		for _, c := range [2]int32{t.Left[i], t.Right[i]} {
			if c >= 0 {
				groups[c], above[c] = own, int(f)
			}
		}
	}
	return -1, -1
}
