package trees

import "math"

// Meta is what a model needs to know of a feature. Levels is 0 for numeric.
type Meta struct {
	Name   string
	Levels int
}

// Tree is a binary tree in flat arrays. Node 0 is the root; a tree without
// nodes is the one leaf 0. A child c >= 0 is a node, c < 0 the leaf ^c.
//
// A row goes left at node i if
//
//	numeric:     x <= Threshold[i]; NaN goes left if MissingLeft[i]
//	categorical: bit code of the bitset is 1; a code below 0 or of Levels or
//	             above goes left if MissingLeft[i]
//
// Threshold is +Inf where all that is not missing goes left.
type Tree struct {
	Feature     []int32
	Threshold   []float64
	Left, Right []int32
	MissingLeft []bool
	// Cat is -1 for a numeric split, else where the bitset begins in Bits: it
	// has (Levels+63)/64 words, bit c%64 of word c/64 is level c. Levels too
	// rare to be told apart in training have their bits set as MissingLeft.
	Cat  []int32
	Bits []uint64
	Gain []float64 // what the split took off the loss, in its unit
	Leaf []float64 // what a row that reaches it has
	// Cover is, of each leaf, how many rows the tree was grown from there: none where a learner keeps no count.
	Cover []int64
}

// Find is the leaf that row r reaches.
func (t *Tree) Find(meta []Meta, features []Feature, r int) int {
	if len(t.Feature) == 0 {
		return 0
	}
	n := int32(0)
	for n >= 0 {
		if t.goesLeft(int(n), meta, features, r) {
			n = t.Left[n]
		} else {
			n = t.Right[n]
		}
	}
	return int(^n)
}

func (t *Tree) goesLeft(n int, meta []Meta, features []Feature, r int) bool {
	f := t.Feature[n]
	if at := t.Cat[n]; at >= 0 {
		c := int(features[f].Codes[r])
		if c < 0 || c >= meta[f].Levels {
			return t.MissingLeft[n]
		}
		return t.Bits[int(at)+c/64]>>(c%64)&1 != 0
	}
	x := features[f].Values[r]
	if math.IsNaN(x) {
		return t.MissingLeft[n]
	}
	return x <= t.Threshold[n]
}

// GoesLeft says whether level c goes left at the categorical split i.
func (t *Tree) GoesLeft(i int, c int32) bool { return t.Bits[int(t.Cat[i])+int(c)/64]>>(c%64)&1 != 0 }

// Depth is how many splits there are from the root to the deepest leaf.
func (t *Tree) Depth() int {
	deep := make([]int, len(t.Feature))
	most := 0
	for i := len(deep) - 1; i >= 0; i-- { // children have higher numbers
		for _, c := range [2]int32{t.Left[i], t.Right[i]} {
			d := 1
			if c >= 0 {
				d += deep[c]
			}
			deep[i] = max(deep[i], d)
		}
		most = max(most, deep[i])
	}
	return most
}
