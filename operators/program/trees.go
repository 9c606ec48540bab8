package program

import (
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/forest"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Trees is an ensemble of boosted decision trees: for i { s := Base; for t { s += leaf that row i reaches in tree t }; out[i] =
// link(s) }, in the order of the trees.
//
// In are the features: numbers and bools, a Decimal by its value, where Levels is 0; else Int32 or Int64 codes. Missing is a null, a
// NaN, and a code below 0 or of Levels or above. Out is Float64 and never null.
type Trees struct {
	Base   float64
	Link   Link
	Levels []int32 // of each feature; 0 for a number
	Trees  []Tree
	Names  []string // of each feature, for people; none where the trees do not say their Cover either

	ensemble
	row *forest.Row // nil where the trees are too large for it
}

// Tree is a binary tree in flat arrays. Node 0 is the root; a tree without nodes is the one leaf 0. A child c >= 0 is a node of a higher
// number, c < 0 the leaf ^c; every node and leaf is reached once.
//
// A row goes left at node i if
//
//	Cat[i] < 0    x <= Threshold[i]; missing goes left if MissingLeft[i]
//	Cat[i] >= 0   bit code%64 of Bits[Cat[i]+code/64] is 1; missing goes left if MissingLeft[i]
type Tree struct {
	Feature     []int32
	Threshold   []float64 // +Inf: all that is not missing goes left; anything at a split on codes
	Left, Right []int32
	MissingLeft []bool
	Cat         []int32  // -1, or where the bitset begins: (Levels+63)/64 words
	Bits        []uint64 // the bitsets of the tree's splits, end to end, in the order of its nodes
	Leaf        []float64
	Cover       []int64 // of each leaf, the rows of the fit that came to it; none where that was not kept
}

func init() { Register(func() Kind { return &Trees{} }) }

// ID is "trees".
func (*Trees) ID() string { return "trees" }

// maxTreeNodes is how many nodes a tree has at most.
const maxTreeNodes = 1 << 24

// Init checks the trees and packs them.
func (k *Trees) Init(in, out []batch.Type) error {
	if err := k.check(in, out); err != nil {
		return err
	}
	k.init(k.Levels, in, k.Trees)
	k.compileRow(k.compile(k.Trees))
	return nil
}

// check changes nothing: a Shap asks for it of trees that others score with meanwhile.
func (k *Trees) check(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Levels), 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Float64); err != nil {
		return err
	}
	if k.Link >= links {
		return fmt.Errorf("no link %d", k.Link)
	}
	if err := treeInputs(in, k.Levels); err != nil {
		return err
	}
	if len(k.Names) > 0 && len(k.Names) != len(in) {
		return fmt.Errorf("%d names of %d features", len(k.Names), len(in))
	}
	nodes := 0
	for t := range k.Trees {
		err := k.Trees[t].check(k.Levels)
		if err == nil {
			err = k.Trees[t].checkCover(len(k.Names) > 0)
		}
		if err != nil {
			return fmt.Errorf("tree %d: %w", t, err)
		}
		nodes += 2*len(k.Trees[t].Feature) + 1
	}
	if nodes > math.MaxUint32 {
		return fmt.Errorf("%d nodes and leaves", nodes)
	}
	return nil
}

func (t *Tree) check(levels []int32) error {
	n := len(t.Feature)
	if len(t.Threshold) != n || len(t.Left) != n || len(t.Right) != n || len(t.MissingLeft) != n || len(t.Cat) != n ||
		len(t.Leaf) != n+1 || n > maxTreeNodes {
		return fmt.Errorf("%d nodes do not fit their arrays or the leaves", n)
	}
	// Children have higher numbers than their parents, so that there is no way round; each of the n nodes but the root and each of
	// the n+1 leaves is a child at most once, and there are 2n children: so each is one, once.
	seen := make([]bool, 2*n+1)
	child := func(parent int, c int32) bool {
		at := int(c)
		if c < 0 {
			if at = n + int(^c); at > 2*n {
				return false
			}
		} else if at <= parent || at >= n {
			return false
		}
		was := seen[at]
		seen[at] = true
		return !was
	}
	words := 0
	for i, f := range t.Feature {
		if !child(i, t.Left[i]) || !child(i, t.Right[i]) {
			return fmt.Errorf("node %d has children %d and %d", i, t.Left[i], t.Right[i])
		}
		if f < 0 || int(f) >= len(levels) {
			return fmt.Errorf("node %d asks for feature %d of %d", i, f, len(levels))
		}
		switch l := levels[f]; {
		case (l > 0) != (t.Cat[i] >= 0):
			return fmt.Errorf("node %d takes feature %d for what it is not", i, f)
		case l == 0 && t.Threshold[i] != t.Threshold[i]:
			return fmt.Errorf("node %d has no threshold", i)
		case l > 0:
			if int(t.Cat[i]) != words {
				return fmt.Errorf("node %d has its bitset at %d, want %d", i, t.Cat[i], words)
			}
			words += int(l+63) / 64
		}
		if words > len(t.Bits) {
			return fmt.Errorf("node %d has no bitset", i)
		}
	}
	if words != len(t.Bits) {
		return fmt.Errorf("bitsets of %d words, want %d", len(t.Bits), words)
	}
	return nil
}

// Batch adds up what the leaves are worth.
func (k *Trees) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	score := c.Float64s(n)
	for i := range score {
		score[i] = k.Base
	}
	k.run(c, n, in, &treeScores{k: k, all: score})
	k.Link.Apply(score, score)
	out[0] = batch.OfFloat64s(score)
	return nil
}

// treeScores are the scores of a batch.
type treeScores struct {
	k     *Trees
	all   []float64
	block *forest.Block
	lo    int
	score []float64 // of the block's rows
}

func (s *treeScores) begin(b *forest.Block, lo, n int) {
	if s.block, s.lo, s.score = b, lo, s.all[lo:lo+n]; b != nil {
		s.score = b.Score[:n]
		copy(s.score, s.all[lo:])
	}
}

func (s *treeScores) compared(_ int, t *forest.Tree) { t.Add(s.block) }

func (s *treeScores) walked(leaves []uint32, row int) {
	score := s.score[row:]
	for i, a := range leaves {
		score[i] += s.k.leafAt(a)
	}
}

func (s *treeScores) end() {
	if s.block != nil {
		copy(s.all[s.lo:], s.score)
	}
}

// Row takes a row through the trees in their order.
func (k *Trees) Row(f *Frame, in, out []int) error {
	s := out[0]
	f.Null[s] = false
	if k.row != nil && forest.RowPays() {
		f.F[s] = k.Link.of(k.scoreRow(f, in, s))
		return nil
	}
	x, sum := k.keys(f, in, s), k.Base
	var at [rowTrees]uint32
	for t := 0; t < len(k.tree); t += rowTrees {
		for _, a := range k.walkRow(t, x, &at) {
			sum += k.leafAt(a)
		}
	}
	f.F[s] = k.Link.of(sum)
	return nil
}

// Encode writes the trees.
func (k *Trees) Encode(w *canon.Writer) {
	w.Float(k.Base)
	w.Uint(uint64(k.Link))
	canon.Ints(w, k.Levels)
	w.Uint(uint64(len(k.Trees)))
	for i := range k.Trees {
		t := &k.Trees[i]
		canon.Ints(w, t.Feature)
		w.Floats(t.Threshold)
		canon.Ints(w, t.Left)
		canon.Ints(w, t.Right)
		w.Uint(uint64(len(t.MissingLeft)))
		for _, m := range t.MissingLeft {
			w.Bool(m)
		}
		canon.Ints(w, t.Cat)
		w.Uint(uint64(len(t.Bits)))
		for _, b := range t.Bits {
			w.Word(b)
		}
		w.Floats(t.Leaf)
	}
	encodeCover(w, k.Names, k.Trees)
}

// Decode reads the trees.
func (k *Trees) Decode(r *canon.Reader) {
	k.Base, k.Link, k.Levels = r.Float(), readLink(r), canon.ReadInts[int32](r)
	for i := range r.Len(8) {
		t := Tree{Feature: canon.ReadInts[int32](r), Threshold: r.Floats(), Left: canon.ReadInts[int32](r), Right: canon.ReadInts[int32](r)}
		for range r.Len(1) {
			t.MissingLeft = append(t.MissingLeft, r.Bool())
		}
		t.Cat = canon.ReadInts[int32](r)
		for range r.Len(8) {
			t.Bits = append(t.Bits, r.Word())
		}
		t.Leaf = r.Floats()
		if r.At("tree %d", i); r.Err() != nil {
			return
		}
		k.Trees = append(k.Trees, t)
	}
	k.Names = decodeCover(r, k.Trees)
}
