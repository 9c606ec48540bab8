package program

import (
	"fmt"
	"math"
	"unsafe"

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

	types []batch.Type
	sets  []uint64
	tree  []packedTree
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
	Threshold   []float64 // +Inf: all that is not missing goes left; 0 at a split on codes
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

// maxTreeNodes keeps a packed node's number in 31 bits.
const maxTreeNodes = 1 << 24

// Init checks the trees and packs them.
func (k *Trees) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Levels), 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Float64); err != nil {
		return err
	}
	if k.Link > Sigmoid {
		return fmt.Errorf("no link %d", k.Link)
	}
	for j, t := range in {
		switch l := k.Levels[j]; {
		case l < 0 || l > 1<<30:
			return fmt.Errorf("feature %d has %d levels", j, l)
		case l == 0 && !isNumber(t):
			return fmt.Errorf("feature %d is %s, want a number", j, t)
		case l > 0 && !t.Integer():
			return fmt.Errorf("feature %d is %s, want codes", j, t)
		}
	}
	if len(k.Names) > 0 && len(k.Names) != len(in) {
		return fmt.Errorf("%d names of %d features", len(k.Names), len(in))
	}
	k.types = in
	k.sets, k.tree = nil, nil
	for t := range k.Trees {
		err := k.Trees[t].check(k.Levels)
		if err == nil {
			err = k.Trees[t].checkCover(len(k.Names) > 0)
		}
		if err != nil {
			return fmt.Errorf("tree %d: %w", t, err)
		}
		k.pack(&k.Trees[t])
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

// treeNode is a node or a leaf, 16 bytes. The second child stands behind the first, and a row goes to the second unless x <= at,
// where x is a value of the row in a block: each number has two, itself and its negative, both NaN where it is missing. So a
// comparison is all that is ever done, and missing is never asked for:
//
//	missing goes right   first child left:  x <= threshold
//	missing goes left    first child right: -x <= -(next number above threshold), as x > threshold; NaN where that is no number
//
// A leaf asks for the row's last value, which is always NaN, and is its own second child; at is what it adds to the score.
type treeNode struct {
	at    float64
	value uint32 // of the row; of a code's node, see codeNode
	first uint32
}

// codeNode marks a node that asks for a code: the rest of value is the feature's value, at's bits are the bitset's place.
const codeNode = 1 << 31

func (n *treeNode) leaf(self uint32) bool { return n.first == self-1 }

type packedTree struct {
	nodes []treeNode
	codes bool // asks for a code somewhere
	all   int  // steps after which every row is in a leaf
	most  int  // steps after which most are, were all splits even
}

// pack lays a tree out breadth first.
func (k *Trees) pack(t *Tree) {
	p := packedTree{nodes: make([]treeNode, 1, 2*len(t.Feature)+1)}
	type place struct {
		child int32
		at    uint32
		depth int
	}
	root := int32(0)
	if len(t.Feature) == 0 {
		root = ^0
	}
	mean := 0.0
	for queue := []place{{root, 0, 0}}; len(queue) > 0; queue = queue[1:] {
		q := queue[0]
		if q.child < 0 {
			p.nodes[q.at] = treeNode{at: t.Leaf[^q.child], value: uint32(2 * len(k.Levels)), first: q.at - 1}
			p.all = max(p.all, q.depth)
			mean += math.Ldexp(float64(q.depth), -q.depth)
			continue
		}
		i := q.child
		n := treeNode{first: uint32(len(p.nodes)), value: 2 * uint32(t.Feature[i]), at: t.Threshold[i]}
		first, second := t.Left[i], t.Right[i]
		switch {
		case t.Cat[i] >= 0:
			n.value |= codeNode
			n.at = math.Float64frombits(uint64(len(k.sets)))
			k.addSet(t, int(i))
			p.codes = true
		case t.MissingLeft[i]:
			first, second = second, first
			n.value++
			if n.at = math.NaN(); t.Threshold[i] < math.Inf(1) {
				n.at = -math.Nextafter(t.Threshold[i], math.Inf(1))
			}
		}
		p.nodes[q.at] = n
		p.nodes = append(p.nodes, treeNode{}, treeNode{})
		queue = append(queue, place{first, n.first, q.depth + 1}, place{second, n.first + 1, q.depth + 1})
	}
	p.most = min(p.all, int(math.Ceil(mean)))
	k.tree = append(k.tree, p)
}

// addSet copies the bitset of node i with one bit more, for missing, at Levels.
func (k *Trees) addSet(t *Tree, i int) {
	levels := int(k.Levels[t.Feature[i]])
	at := len(k.sets)
	k.sets = append(k.sets, make([]uint64, levels/64+1)...)
	set := k.sets[at:]
	copy(set, t.Bits[t.Cat[i]:int(t.Cat[i])+(levels+63)/64])
	if set[levels/64] &= 1<<(levels%64) - 1; t.MissingLeft[i] {
		set[levels/64] |= 1 << (levels % 64)
	}
}

// treeRows is how many rows go through a tree together: enough of them that the machine always has a step to do while another
// waits for memory, few enough that their values stay in the nearest caches.
const treeRows = 64

// Batch takes the rows in blocks, and in a block the trees in their order, so that a tree is read once a block.
func (k *Trees) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	score := c.Float64s(n)
	x := make([][]float64, len(in))
	for j := range in {
		x[j] = k.feature(c, j, &in[j])
	}
	wide := k.wide()
	block := c.Float64s(treeRows * wide)
	for i := range block {
		block[i] = math.NaN()
	}
	var at [treeRows]uint32
	for lo := 0; lo < n; lo += treeRows {
		s := score[lo:min(n, lo+treeRows)]
		for j, v := range x {
			to := 2 * j
			for _, y := range v[lo : lo+len(s)] {
				pair := block[to : to+2 : to+2]
				pair[0], pair[1] = y, -y
				to += wide
			}
		}
		for i := range s {
			s[i] = k.Base
		}
		for t := range k.tree {
			p := &k.tree[t]
			if p.codes {
				k.walkCodes(p, at[:len(s)], block, wide)
			} else {
				p.walk(at[:len(s)], block, wide)
			}
			for i := range s {
				s[i] += p.nodes[at[i]].at
			}
		}
	}
	k.Link.apply(score)
	out[0] = batch.OfFloat64s(score)
	return nil
}

// wide is how many values a row has: two a feature and the NaN that leaves ask for.
func (k *Trees) wide() int { return 2*len(k.Levels) + 1 }

// feature is a column as numbers: a code that is none is Levels, what is missing else is NaN.
func (k *Trees) feature(c *batch.Ctx, j int, col *batch.Column) []float64 {
	l := k.Levels[j]
	if l == 0 {
		return c.Floats(*col)
	}
	v := c.Float64s(col.N)
	if col.Type.Kind == batch.Int32 {
		for i, x := range col.Int32s() {
			v[i] = levelOf(int64(x), l)
		}
	} else {
		for i, x := range col.Int64s() {
			v[i] = levelOf(x, l)
		}
	}
	fillNulls(v, col.Valid, float64(l))
	return v
}

func levelOf(code int64, levels int32) float64 {
	if code < 0 || code >= int64(levels) {
		code = int64(levels)
	}
	return float64(code)
}

// walk brings the rows of a block to their leaves, all of them a step at a time, without a jump that depends on a row. Rows differ
// in how deep they go: when most have come to their leaf, the others go on alone.
//
// The loops read nodes and values without bounds checks, which cost a third of the time: Init made the nodes, with children and
// values in range, and at has no more rows than block.
func (p *packedTree) walk(at []uint32, block []float64, wide int) {
	at = at[:min(len(at), treeRows, len(block)/wide)]
	clear(at)
	nodes := unsafe.Pointer(unsafe.SliceData(p.nodes))
	values := unsafe.Pointer(unsafe.SliceData(block))
	row := uintptr(wide) * unsafe.Sizeof(float64(0))
	for range p.most {
		x := uintptr(0)
		for i, a := range at {
			n := (*treeNode)(unsafe.Add(nodes, uintptr(a)*unsafe.Sizeof(treeNode{})))
			next := n.first
			if !(*(*float64)(unsafe.Add(values, x+uintptr(n.value)*unsafe.Sizeof(float64(0)))) <= n.at) {
				next++
			}
			at[i] = next
			x += row
		}
	}
	if p.most == p.all {
		return
	}
	var rest [treeRows]uint32
	live := 0
	for i, a := range at {
		rest[live%treeRows] = uint32(i)
		if n := (*treeNode)(unsafe.Add(nodes, uintptr(a)*unsafe.Sizeof(treeNode{}))); !n.leaf(a) {
			live++
		}
	}
	for live > 0 {
		rows := rest[:live]
		live = 0
		for _, i := range rows {
			a := at[i]
			n := (*treeNode)(unsafe.Add(nodes, uintptr(a)*unsafe.Sizeof(treeNode{})))
			next := n.first
			if !(*(*float64)(unsafe.Add(values, uintptr(i)*row+uintptr(n.value)*unsafe.Sizeof(float64(0)))) <= n.at) {
				next++
			}
			at[i] = next
			rest[live] = i
			if n := (*treeNode)(unsafe.Add(nodes, uintptr(next)*unsafe.Sizeof(treeNode{}))); !n.leaf(next) {
				live++
			}
		}
	}
}

// walkCodes is walk of a tree that asks for codes.
func (k *Trees) walkCodes(p *packedTree, at []uint32, block []float64, wide int) {
	clear(at)
	for range p.most {
		row := 0
		for i, a := range at {
			n := &p.nodes[a]
			next := n.first
			if n.value&codeNode != 0 {
				next += k.second(n, block[row:])
			} else if !(block[row+int(n.value)] <= n.at) {
				next++
			}
			at[i] = next
			row += wide
		}
	}
	for i, a := range at {
		at[i] = k.find(p, a, block[i*wide:])
	}
}

// second is 1 if a node that asks for a code sends a row to its second child, else 0.
func (k *Trees) second(n *treeNode, x []float64) uint32 {
	code := int(x[n.value&^codeNode])
	return 1 - uint32(k.sets[int(math.Float64bits(n.at))+code>>6]>>(code&63)&1)
}

// find is the leaf that a row at node a comes to.
func (k *Trees) find(p *packedTree, a uint32, x []float64) uint32 {
	for {
		n := &p.nodes[a]
		if n.leaf(a) {
			return a
		}
		a = n.first
		if n.value&codeNode != 0 {
			a += k.second(n, x)
		} else if !(x[n.value] <= n.at) {
			a++
		}
	}
}

// Row takes a row through the trees in their order.
func (k *Trees) Row(f *Frame, in, out []int) error {
	x := f.Scratch[out[0]]
	if len(x) != k.wide() {
		x = make([]float64, k.wide())
		x[2*len(in)] = math.NaN()
		f.Scratch[out[0]] = x
	}
	for j, s := range in {
		var v float64
		switch l := k.Levels[j]; {
		case l == 0:
			v = frameNumber(f, k.types[j], s)
		case f.Null[s]:
			v = float64(l)
		default:
			v = levelOf(f.I[s], l)
		}
		x[2*j], x[2*j+1] = v, -v
	}
	s := k.Base
	for t := range k.tree {
		p := &k.tree[t]
		s += p.nodes[k.find(p, 0, x)].at
	}
	f.Null[out[0]], f.F[out[0]] = false, k.Link.of(s)
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
	k.encodeCover(w)
}

// Decode reads the trees.
func (k *Trees) Decode(r *canon.Reader) {
	k.Base, k.Link, k.Levels = r.Float(), readLink(r), canon.ReadInts[int32](r)
	for n := r.Len(8); n > 0 && r.Err() == nil; n-- {
		t := Tree{Feature: canon.ReadInts[int32](r), Threshold: r.Floats(), Left: canon.ReadInts[int32](r), Right: canon.ReadInts[int32](r)}
		for range r.Len(1) {
			t.MissingLeft = append(t.MissingLeft, r.Bool())
		}
		t.Cat = canon.ReadInts[int32](r)
		for range r.Len(8) {
			t.Bits = append(t.Bits, r.Word())
		}
		t.Leaf = r.Floats()
		k.Trees = append(k.Trees, t)
	}
	k.decodeCover(r)
}
