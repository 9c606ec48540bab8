package program

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"

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

	types []batch.Type
	sets  []uint64
	nodes []treeNode
	tree  []packedTree
	cols  []treeColumn
	row   *forest.Row // nil where the trees are too large for it
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
	if err := k.check(in, out); err != nil {
		return err
	}
	nodes := 0
	for t := range k.Trees {
		nodes += 2*len(k.Trees[t].Feature) + 1
	}
	k.types, k.sets, k.tree, k.nodes = in, nil, make([]packedTree, 0, len(k.Trees)), make([]treeNode, 0, nodes)
	for t := range k.Trees {
		k.pack(&k.Trees[t])
	}
	k.compile()
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

// treeNode is a node or a leaf, 16 bytes. The second child stands behind the first, and a row goes to the second if x > at, where x is a value
// of the row in a block: each number has two, keys that are in the order of the numbers as integers are, which compare without a jump; a
// missing one's are the greatest, of a split where it goes right, and 0. So missing is never asked for.
//
// A leaf asks for the row's last value, which is the greatest, and is its own second child; at is the bits of what it adds to the score.
type treeNode struct {
	at    uint64
	value uint32 // of the row; of a code's node, see codeNode
	first uint32
}

// lastKey is greater than any number's, and than any leaf's bits.
const lastKey = math.MaxUint64

// treeKeys are a number's: where missing goes right and where it goes left.
func treeKeys(x float64) (right, left uint64) {
	const infinity = 0x7ff << 52
	b := math.Float64bits(x + 0) // both zeros are one
	missing := uint64(int64(infinity-b&math.MaxInt64) >> 63)
	b ^= uint64(int64(b)>>63) | 1<<63
	return b | missing, b &^ missing
}

// codeNode marks a node that asks for a code: the rest of value is the feature's value, at is the bitset's place.
const codeNode = 1 << 31

func (n *treeNode) leaf(self uint32) bool { return n.first == self-1 }

// leafAt is what leaf a adds.
func (k *Trees) leafAt(a uint32) float64 { return math.Float64frombits(k.nodes[a].at) }

type packedTree struct {
	root  uint32
	codes bool // asks for a code somewhere
	all   int  // steps after which every row is in a leaf
	most  int  // steps after which most are, were all splits even

	compared *forest.Tree // nil where the tree is too large for it
}

// pack lays a tree out breadth first.
func (k *Trees) pack(t *Tree) {
	p := packedTree{root: uint32(len(k.nodes))}
	k.nodes = append(k.nodes, treeNode{})
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
	for queue := []place{{root, p.root, 0}}; len(queue) > 0; queue = queue[1:] {
		q := queue[0]
		if q.child < 0 {
			k.nodes[q.at] = treeNode{at: leafBits(t.Leaf[^q.child]), value: uint32(2 * len(k.Levels)), first: q.at - 1}
			p.all = max(p.all, q.depth)
			mean += math.Ldexp(float64(q.depth), -q.depth)
			continue
		}
		i := q.child
		n := treeNode{first: uint32(len(k.nodes)), value: 2 * uint32(t.Feature[i])}
		if n.at, _ = treeKeys(t.Threshold[i]); t.Cat[i] >= 0 {
			n.value |= codeNode
			n.at = uint64(len(k.sets))
			k.addSet(t, int(i))
			p.codes = true
		} else if t.MissingLeft[i] {
			n.value++
		}
		k.nodes[q.at] = n
		k.nodes = append(k.nodes, treeNode{}, treeNode{})
		queue = append(queue, place{t.Left[i], n.first, q.depth + 1}, place{t.Right[i], n.first + 1, q.depth + 1})
	}
	p.most = min(p.all, int(math.Ceil(mean)))
	k.tree = append(k.tree, p)
}

// leafBits are those of a leaf: a NaN is one that is no last key.
func leafBits(x float64) uint64 {
	if x != x {
		x = math.NaN()
	}
	return math.Float64bits(x)
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

// treeRows is how many rows walk through a tree together: enough of them that the machine always has a step to do while another
// waits for memory, few enough that their values stay in the nearest caches.
const treeRows = 64

// comparedRows is with how few rows a block is not worth its comparisons: they are those of forest.Rows.
const comparedRows = 32

// Batch takes the rows in blocks, and in a block the trees in their order, so that a tree is read once a block.
func (k *Trees) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	score := c.Float64s(n)
	for i := range score {
		score[i] = k.Base
	}
	done := 0
	if forest.Pays() && len(k.cols) > 0 {
		if done = n; n%forest.Rows < comparedRows {
			done -= n % forest.Rows
		}
		k.compare(c, score[:done], in)
	}
	if done < n {
		w := k.walker(c, in, treeRows)
		for lo := done; lo < n; lo += treeRows {
			s := score[lo:min(n, lo+treeRows)]
			w.load(lo, len(s))
			for t := range k.tree {
				w.add(&k.tree[t], s)
			}
		}
	}
	k.Link.Apply(score, score)
	out[0] = batch.OfFloat64s(score)
	return nil
}

// walker takes blocks of rows through trees from node to node.
type walker struct {
	k     *Trees
	x     [][]float64 // the features
	block []uint64    // the values of a block's rows
	at    [treeRows]uint32
}

func (k *Trees) walker(c *batch.Ctx, in []batch.Column, rows int) *walker {
	w := &walker{k: k, x: make([][]float64, len(in)), block: c.Uint64s(rows * k.wide())}
	for j := range in {
		w.x[j] = treeFeature(c, k.Levels[j], &in[j])
	}
	for i := range w.block {
		w.block[i] = lastKey
	}
	return w
}

// load begins a block of n rows.
func (w *walker) load(lo, n int) {
	wide := w.k.wide()
	for j, v := range w.x {
		to, codes := 2*j, w.k.Levels[j] > 0
		for _, y := range v[lo : lo+n] {
			pair := w.block[to : to+2 : to+2]
			if pair[0], pair[1] = treeKeys(y); codes {
				pair[0] = uint64(y)
			}
			to += wide
		}
	}
}

// add is the loop for i { score[i] += leaf that row i of the block reaches }.
func (w *walker) add(p *packedTree, score []float64) {
	wide := w.k.wide()
	for lo := 0; lo < len(score); lo += treeRows {
		s := score[lo:min(len(score), lo+treeRows)]
		at, block := w.at[:len(s)], w.block[lo*wide:]
		for i := range at {
			at[i] = p.root
		}
		if p.codes {
			w.k.walkCodes(p, at, block, wide)
		} else {
			w.k.walk(p, at, block, wide)
		}
		for i := range s {
			s[i] += w.k.leafAt(at[i])
		}
	}
}

// wide is how many values a row has: two a feature and the one that leaves ask for.
func (k *Trees) wide() int { return 2*len(k.Levels) + 1 }

// treeFeature is a column as numbers: of l levels, a code that is none is l; what is missing else is NaN.
func treeFeature(c *batch.Ctx, l int32, col *batch.Column) []float64 {
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
func (k *Trees) walk(p *packedTree, at []uint32, block []uint64, wide int) {
	at = at[:min(len(at), treeRows, len(block)/wide)]
	nodes := unsafe.Pointer(unsafe.SliceData(k.nodes))
	values := unsafe.Pointer(unsafe.SliceData(block))
	row := uintptr(wide) * unsafe.Sizeof(uint64(0))
	for range p.most {
		x := uintptr(0)
		for i, a := range at {
			n := (*treeNode)(unsafe.Add(nodes, uintptr(a)*unsafe.Sizeof(treeNode{})))
			at[i] = n.next(*(*uint64)(unsafe.Add(values, x+uintptr(n.value)*unsafe.Sizeof(uint64(0)))))
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
			next := n.next(*(*uint64)(unsafe.Add(values, uintptr(i)*row+uintptr(n.value)*unsafe.Sizeof(uint64(0)))))
			at[i] = next
			rest[live] = i
			if n := (*treeNode)(unsafe.Add(nodes, uintptr(next)*unsafe.Sizeof(treeNode{}))); !n.leaf(next) {
				live++
			}
		}
	}
}

// walkCodes is walk of a tree that asks for codes.
func (k *Trees) walkCodes(p *packedTree, at []uint32, block []uint64, wide int) {
	for range p.most {
		row := 0
		for i, a := range at {
			n := &k.nodes[a]
			if n.value&codeNode != 0 {
				at[i] = n.first + k.second(n, block[row:])
			} else {
				at[i] = n.next(block[row+int(n.value)])
			}
			row += wide
		}
	}
	for i, a := range at {
		at[i] = k.find(a, block[i*wide:])
	}
}

// second is 1 if a node that asks for a code sends a row to its second child, else 0.
func (k *Trees) second(n *treeNode, x []uint64) uint32 {
	code := x[n.value&^codeNode]
	return 1 - uint32(k.sets[n.at+code>>6]>>(code&63)&1)
}

// next is the child that the value x of a row sends it to: a borrow, so that no jump depends on it.
func (n *treeNode) next(x uint64) uint32 {
	_, second := bits.Sub64(n.at, x, 0)
	return n.first + uint32(second)
}

// find is the leaf that a row at node a comes to.
func (k *Trees) find(a uint32, x []uint64) uint32 {
	for {
		n := &k.nodes[a]
		if n.leaf(a) {
			return a
		}
		if n.value&codeNode != 0 {
			a = n.first + k.second(n, x)
		} else {
			a = n.next(x[n.value])
		}
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
	x := f.Keys[s]
	if len(x) != k.wide() {
		x = make([]uint64, k.wide())
		x[2*len(in)] = lastKey
		f.Keys[s] = x
	}
	for j, s := range in {
		switch l := k.Levels[j]; {
		case l == 0:
			x[2*j], x[2*j+1] = treeKeys(frameNumber(f, k.types[j], s))
		case f.Null[s] || f.I[s] < 0 || f.I[s] >= int64(l):
			x[2*j] = uint64(l)
		default:
			x[2*j] = uint64(f.I[s])
		}
	}
	f.F[s] = k.Link.of(k.walkRow(x))
	return nil
}

// rowTrees is how many trees a row walks through side by side, so that it waits for as many nodes at once; as many places as there are registers for.
const rowTrees = 8

// walkRow is the score of the row of the values x. Side by side the trees take as many steps as most of them need; then each goes on alone.
func (k *Trees) walkRow(x []uint64) float64 {
	s := k.Base
	t := 0
	nodes, values, sets := unsafe.Pointer(unsafe.SliceData(k.nodes)), unsafe.Pointer(unsafe.SliceData(x)), unsafe.Pointer(unsafe.SliceData(k.sets))
	step := func(a uint32) uint32 {
		n := (*treeNode)(unsafe.Add(nodes, uintptr(a)*unsafe.Sizeof(treeNode{})))
		return n.next(*(*uint64)(unsafe.Add(values, uintptr(n.value)*unsafe.Sizeof(uint64(0)))))
	}
	// either is step where some nodes ask for codes: a number's has its answer and that of the first word of all sets, and its own is taken
	// without a jump.
	either := func(a uint32) uint32 {
		n := (*treeNode)(unsafe.Add(nodes, uintptr(a)*unsafe.Sizeof(treeNode{})))
		v := *(*uint64)(unsafe.Add(values, uintptr(n.value&^codeNode)*unsafe.Sizeof(uint64(0))))
		code := -uint64(n.value / codeNode)
		w := *(*uint64)(unsafe.Add(sets, uintptr((n.at+v>>6)&code)*unsafe.Sizeof(uint64(0))))
		_, above := bits.Sub64(n.at, v, 0)
		return n.first + uint32(above&^code|^w>>(v&63)&1&code)
	}
	for ; t+rowTrees <= len(k.tree); t += rowTrees {
		g := (*[rowTrees]packedTree)(k.tree[t:])
		most, codes := 0, false
		for i := range g {
			most, codes = max(most, g[i].most), codes || g[i].codes
		}
		a0, a1, a2, a3 := g[0].root, g[1].root, g[2].root, g[3].root
		a4, a5, a6, a7 := g[4].root, g[5].root, g[6].root, g[7].root
		if codes {
			for range most {
				a0, a1, a2, a3 = either(a0), either(a1), either(a2), either(a3)
				a4, a5, a6, a7 = either(a4), either(a5), either(a6), either(a7)
			}
		} else {
			for range most {
				a0, a1, a2, a3 = step(a0), step(a1), step(a2), step(a3)
				a4, a5, a6, a7 = step(a4), step(a5), step(a6), step(a7)
			}
		}
		for _, a := range [rowTrees]uint32{a0, a1, a2, a3, a4, a5, a6, a7} {
			s += k.leafAt(k.find(a, x))
		}
	}
	for ; t < len(k.tree); t++ {
		s += k.leafAt(k.find(k.tree[t].root, x))
	}
	return s
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
