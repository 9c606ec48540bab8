// Package forest is the loops that take rows through decision trees, Rows of them at a time.
//
// No row walks. A value is turned into its code once, its rank among the cuts of all trees; then every node of a tree compares one column of codes
// with one number, for all rows at once, and parts the rows that come to it by a mask. What a row adds up on its way, the leaves that
// it passes by, is its leaf's number from the left. There is no jump and no address that depends on a row.
package forest

//go:generate go run -C ../_gen ./asm -group forest -out ../forest/zz_forest_amd64.s -stubs ../forest/zz_forest_amd64.go -pkg forest

import "math"

// Rows is how many rows go through a tree together.
const Rows = 256

// LeavesMax is the most leaves of a tree: a leaf's number is a byte.
const LeavesMax = 256

// Split is a node. A row goes left if its code in Column is at most Most; where Set is not nil, if its code is in the set: bit code%64 of word
// code/64. A child c >= 0 is a node, c < 0 the leaf ^c.
type Split struct {
	Column      int
	Most        uint8
	Set         *[4]uint64
	Left, Right int32
}

// Tree is a tree made ready.
type Tree struct {
	nodes   []node
	value   []float64 // of the leaves from the left, as many as whole vectors hold
	sets    []set     // the splits by sets; they become columns behind those of the codes
	columns int       // of codes
}

// node is a split for the loops: its parts in bytes, as the assembly has them.
type node struct {
	column            uint32 // where its codes begin
	mine, left, right uint16 // 32 times the mask of the rows that come here; those of its children
	most              uint8
	lefts             uint8 // leaves on its left side
}

type set struct {
	column int
	bits   [4]uint64
}

// masksMax is how many masks are in use at a time: the last, which nobody reads, is that of all leaves; the node done, and, as the smaller side is
// done first, at most log2 of the nodes that wait.
const masksMax = 12

const noMask = masksMax - 1

// NewTree makes a tree of 1 to LeavesMax leaves over columns of codes. Node 0 is the root, without nodes it is leaf 0; every node but the root
// and every leaf is the child of one node of a lower number.
func NewTree(splits []Split, leaf []float64, columns int) Tree {
	t := Tree{columns: columns}
	if len(leaf) != len(splits)+1 || len(leaf) > LeavesMax {
		panic("forest: a tree of nodes that do not fit its leaves")
	}
	size := 16
	for size < len(leaf) {
		size *= 2
	}
	if size > 64 {
		size = LeavesMax // any byte is a leaf
	}
	t.value = make([]float64, size)
	under := make([]int, len(splits)) // leaves under a node
	count := func(c int32) int {
		if c < 0 {
			return 1
		}
		return under[c]
	}
	for i := len(splits) - 1; i >= 0; i-- {
		under[i] = count(splits[i].Left) + count(splits[i].Right)
	}
	free := uint16(1)<<noMask - 1
	take := func() (m uint16) {
		for free>>m&1 == 0 {
			m++
		}
		free &^= 1 << m
		return m
	}
	var put func(c int32, mask uint16, first int)
	put = func(c int32, mask uint16, first int) {
		if c < 0 {
			t.value[first] = leaf[^c]
			return
		}
		s := &splits[c]
		n := node{column: uint32(s.Column * Rows), most: s.Most, lefts: uint8(count(s.Left)), mine: 32 * mask}
		if s.Set != nil {
			n.column, n.most = uint32((columns+len(t.sets))*Rows), 0
			t.sets = append(t.sets, set{s.Column, *s.Set})
		}
		if s.Column < 0 || s.Column >= columns {
			panic("forest: no such column")
		}
		free |= 1 << mask
		side := func(c int32) uint16 {
			if c < 0 {
				return noMask
			}
			return take()
		}
		left, right := side(s.Left), side(s.Right)
		n.left, n.right = 32*left, 32*right
		t.nodes = append(t.nodes, n)
		if mid := first + count(s.Left); count(s.Left) <= count(s.Right) {
			put(s.Left, left, first)
			put(s.Right, right, mid)
		} else {
			put(s.Right, right, mid)
			put(s.Left, left, first)
		}
	}
	root := int32(0)
	if len(splits) == 0 {
		root = ^0
	}
	put(root, take(), 0)
	return t
}

// Columns is how many columns a block needs to go through the tree: those of the codes, and the tree's own.
func (t *Tree) Columns() int { return t.columns + len(t.sets) }

// Block is rows on their way. Codes are columns of Rows codes, as many as the tree asks for that has most; the caller fills those of the codes.
type Block struct {
	Score [Rows]float64
	Codes []uint8

	leaf  [Rows]uint8
	masks [masksMax * Rows / 8]uint64 // a byte a row at most
}

// Column is a column of codes.
func (b *Block) Column(j int) *[Rows]uint8 { return (*[Rows]uint8)(b.Codes[j*Rows:]) }

// Add is the loop for i { Score[i] += value of the leaf that row i comes to }.
func (t *Tree) Add(b *Block) {
	if len(t.nodes) == 0 {
		for i := range b.Score {
			b.Score[i] += t.value[0]
		}
		return
	}
	add(&b.Score, t.Find(b), t.value)
}

// Find is, of each row, the number of its leaf from the left. It is the block's until the next call.
func (t *Tree) Find(b *Block) *[Rows]uint8 {
	if len(t.nodes) == 0 {
		b.leaf = [Rows]uint8{}
		return &b.leaf
	}
	for i := range t.sets {
		s := &t.sets[i]
		beyond(b.Column(t.columns+i), b.Column(s.column), &s.bits)
	}
	reach(&b.leaf, t.nodes, b.Codes[:t.Columns()*Rows], &b.masks)
	return &b.leaf
}

// Values are those of the leaves from the left, filled up to whole vectors: what AddTo takes has as many.
func (t *Tree) Values() []float64 { return t.value }

// AddTo is the loop for i { score[i] += value[leaf[i]] }, of leaves that Find gave and of as many values as the tree has.
func AddTo(score *[Rows]float64, leaf *[Rows]uint8, value []float64) { add(score, leaf, value) }

// reachGo is the loop for nodes { for i { here = the row's in mask mine; left = here and codes[column+i] <= most; right = here and not left;
// leaf[i] += lefts if right } }, its masks of all rows at the root. What is left in masks is no one's.
func reachGo(leaf *[Rows]uint8, nodes []node, codes []uint8, masks *[masksMax * Rows / 8]uint64) {
	var in [masksMax][Rows]bool
	for i := range in[0] {
		in[nodes[0].mine/32][i] = true
	}
	*leaf = [Rows]uint8{}
	for k := range nodes {
		n := &nodes[k]
		mine, left, right := &in[n.mine/32], &in[n.left/32], &in[n.right/32]
		for i, c := range codes[n.column:][:Rows] {
			here := mine[i]
			goes := here && c <= n.most
			left[i] = goes
			right[i] = here && !goes
			if right[i] {
				leaf[i] += n.lefts
			}
		}
	}
}

// beyondGo is the loop for i { dst[i] = 0 if bit codes[i]%64 of set[codes[i]/64] is 1, else 255 }.
func beyondGo(dst, codes *[Rows]uint8, set *[4]uint64) {
	for i, c := range codes {
		dst[i] = uint8(set[c/64]>>(c%64)&1) - 1
	}
}

// addGo is the loop for i { score[i] += value[leaf[i]] }; value has 16, 32, 64 or 256.
func addGo(score *[Rows]float64, leaf *[Rows]uint8, value []float64) {
	for i, l := range leaf {
		score[i] += value[l]
	}
}

// CutsMax is how many cuts a column of codes has at most: one code more is a value's, and one is missing's.
const CutsMax = 254

// Missing is the code of a missing value where it goes right; where it goes left it is 0.
const Missing = 255

// Cuts are ascending numbers; a value's code is how many of them are below it.
type Cuts struct {
	tops  [16]float64  // every sixteenth of sort
	sort  [256]float64 // the cuts, then +Inf
	steps int          // of a search: there are fewer cuts than 2^steps
	laid  []float64
}

// NewCuts takes at most CutsMax cuts, none of them NaN.
func NewCuts(cuts []float64) *Cuts {
	c := &Cuts{}
	for i := range c.sort {
		c.sort[i] = math.Inf(1)
	}
	copy(c.sort[:CutsMax], cuts)
	for len(cuts) >= 1<<c.steps {
		c.steps++
	}
	for i := range c.tops {
		c.tops[i] = c.sort[16*i+15]
	}
	c.laid = layOut(&c.sort, c.steps)
	return c
}

// layOut has the cuts in the order of a search by bits: step s compares with one of 2^s cuts. The first four steps have eight places each, filled
// by repeating, the others at least sixteen; and there are 4, 6, 7 or 8 steps.
func layOut(sorted *[256]float64, steps int) (laid []float64) {
	for s := range searchSteps(steps) {
		for i := range max(8, 1<<s) {
			p := i % (1 << s)
			laid = append(laid, sorted[(2*p+1)<<(searchSteps(steps)-1-s)-1])
		}
	}
	return laid
}

func searchSteps(steps int) int {
	switch {
	case steps <= 4:
		return 4
	case steps == 5:
		return 6
	}
	return steps
}

// Code is how many cuts are below x; x is no NaN.
func (c *Cuts) Code(x float64) uint8 {
	at := uint(0)
	for step := uint(1) << c.steps >> 1; step > 0; step >>= 1 {
		above := uint(0)
		if x > c.sort[(at+step-1)%256] { // a bit, not a branch: it would be guessed wrong half the time
			above = 1
		}
		at += step * above
	}
	return uint8(at)
}

// Codes is the loop for i { low[i], high[i] = code of xs[i], but 0 and Missing if it is NaN }; one length.
func (c *Cuts) Codes(low, high []uint8, xs []float64) { codes(low[:len(xs)], high[:len(xs)], xs, c) }

func codesGo(low, high []uint8, xs []float64, c *Cuts) {
	for i, x := range xs {
		low[i] = c.Code(x)
		high[i] = low[i]
		if x != x {
			high[i] = Missing
		}
	}
}
