package program

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/headrace/headrace/kernels/forest"
	"github.com/headrace/headrace/operators/batch"
)

// ensemble is decision trees made ready to take rows to leaves: those that are small enough by comparing, which the kernels of forest do, the others
// from node to node. What a leaf is worth is for who asks: a score, or the place of a distribution.
type ensemble struct {
	levels []int32
	types  []batch.Type
	used   []int   // the features that a tree splits on
	place  []int32 // of each feature among them
	sets   []uint64
	nodes  []treeNode
	tree   []packedTree
	cols   []treeColumn
}

// init packs trees, which have been checked, over features of the types and levels.
func (e *ensemble) init(levels []int32, in []batch.Type, trees []Tree) {
	*e = ensemble{levels: levels, types: in, place: make([]int32, len(levels)), tree: make([]packedTree, 0, len(trees))}
	nodes, splits := 0, make([]bool, len(levels))
	for t := range trees {
		nodes += 2*len(trees[t].Feature) + 1
		for _, f := range trees[t].Feature {
			splits[f] = true
		}
	}
	for f, is := range splits {
		if e.place[f] = int32(len(e.used)); is {
			e.used = append(e.used, f)
		}
	}
	e.nodes = make([]treeNode, 0, nodes)
	for t := range trees {
		e.pack(&trees[t])
	}
}

// treeNode is a node or a leaf, 16 bytes. The second child stands behind the first, and a row goes to the second if x > at, where x is a value
// of the row in a block: each number has two, keys that are in the order of the numbers as integers are, which compare without a jump; a
// missing one's are the greatest, of a split where it goes right, and 0. So missing is never asked for.
//
// A leaf asks for the row's last value, which is the greatest, and is its own second child; at is the bits of what it is worth.
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

// leafAt is what leaf a is worth.
func (e *ensemble) leafAt(a uint32) float64 { return math.Float64frombits(e.nodes[a].at) }

type packedTree struct {
	root  uint32
	codes bool // asks for a code somewhere
	all   int  // steps after which every row is in a leaf
	most  int  // steps after which most are, were all splits even

	compared *forest.Tree // nil where the tree is too large for it
}

// pack lays a tree out breadth first.
func (e *ensemble) pack(t *Tree) {
	p := packedTree{root: uint32(len(e.nodes))}
	e.nodes = append(e.nodes, treeNode{})
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
			e.nodes[q.at] = treeNode{at: leafBits(t.Leaf[^q.child]), value: uint32(2 * len(e.used)), first: q.at - 1}
			p.all = max(p.all, q.depth)
			mean += math.Ldexp(float64(q.depth), -q.depth)
			continue
		}
		i := q.child
		n := treeNode{first: uint32(len(e.nodes)), value: 2 * uint32(e.place[t.Feature[i]])}
		if n.at, _ = treeKeys(t.Threshold[i]); t.Cat[i] >= 0 {
			n.value |= codeNode
			n.at = uint64(len(e.sets))
			e.addSet(t, int(i))
			p.codes = true
		} else if t.MissingLeft[i] {
			n.value++
		}
		e.nodes[q.at] = n
		e.nodes = append(e.nodes, treeNode{}, treeNode{})
		queue = append(queue, place{t.Left[i], n.first, q.depth + 1}, place{t.Right[i], n.first + 1, q.depth + 1})
	}
	p.most = min(p.all, int(math.Ceil(mean)))
	e.tree = append(e.tree, p)
}

// leafBits are those of a leaf: a NaN is one that is no last key.
func leafBits(x float64) uint64 {
	if x != x {
		x = math.NaN()
	}
	return math.Float64bits(x)
}

// addSet copies the bitset of node i with one bit more, for missing, at Levels.
func (e *ensemble) addSet(t *Tree, i int) {
	levels := int(e.levels[t.Feature[i]])
	at := len(e.sets)
	e.sets = append(e.sets, make([]uint64, levels/64+1)...)
	set := e.sets[at:]
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

// sink is told what leaves rows come to, tree by tree, in the trees' order, of a block of rows at a time.
type sink interface {
	// begin begins a block of n rows from lo on. b is nil where trees are walked only.
	begin(b *forest.Block, lo, n int)
	// compared is tree t, which the rows are to be taken through by comparing.
	compared(t int, f *forest.Tree)
	// walked is leaves, of the rows of the block from row on.
	walked(leaves []uint32, row int)
	end()
}

// run takes n rows through the trees: in blocks, and in a block the trees in their order, so that a tree is read once a block.
func (e *ensemble) run(c *batch.Ctx, n int, in []batch.Column, s sink) {
	done := 0
	if forest.Pays() && len(e.cols) > 0 {
		if done = n; n%forest.Rows < comparedRows {
			done -= n % forest.Rows
		}
		e.compare(c, done, in, s)
	}
	if done == n {
		return
	}
	w := e.walker(c, in, min(treeRows, n-done))
	for lo := done; lo < n; lo += treeRows {
		rows := min(treeRows, n-lo)
		s.begin(nil, lo, rows)
		w.load(lo, rows)
		for t := range e.tree {
			w.walk(&e.tree[t], rows, s)
		}
		s.end()
	}
}

// walker takes blocks of rows through trees from node to node.
type walker struct {
	e     *ensemble
	x     [][]float64 // the features that are used
	block []uint64    // the values of a block's rows
	at    [treeRows]uint32
}

func (e *ensemble) walker(c *batch.Ctx, in []batch.Column, rows int) *walker {
	w := &walker{e: e, x: make([][]float64, len(e.used)), block: c.Uint64s(rows * e.wide())}
	for p, f := range e.used {
		w.x[p] = treeFeature(c, e.levels[f], &in[f])
	}
	for i := range w.block {
		w.block[i] = lastKey
	}
	return w
}

// load begins a block of n rows.
func (w *walker) load(lo, n int) {
	wide := w.e.wide()
	for p, v := range w.x {
		to, codes := 2*p, w.e.levels[w.e.used[p]] > 0
		for _, y := range v[lo : lo+n] {
			pair := w.block[to : to+2 : to+2]
			if pair[0], pair[1] = treeKeys(y); codes {
				pair[0] = uint64(y)
			}
			to += wide
		}
	}
}

// walk brings n rows of the block to the tree's leaves.
func (w *walker) walk(p *packedTree, n int, s sink) {
	wide := w.e.wide()
	for lo := 0; lo < n; lo += treeRows {
		at, block := w.at[:min(treeRows, n-lo)], w.block[lo*wide:]
		for i := range at {
			at[i] = p.root
		}
		if p.codes {
			w.e.walkCodes(p, at, block, wide)
		} else {
			w.e.walk(p, at, block, wide)
		}
		s.walked(at, lo)
	}
}

// wide is how many values a row has: two a feature that is used and the one that leaves ask for.
func (e *ensemble) wide() int { return 2*len(e.used) + 1 }

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
func (e *ensemble) walk(p *packedTree, at []uint32, block []uint64, wide int) {
	at = at[:min(len(at), treeRows, len(block)/wide)]
	nodes := unsafe.Pointer(unsafe.SliceData(e.nodes))
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
func (e *ensemble) walkCodes(p *packedTree, at []uint32, block []uint64, wide int) {
	for range p.most {
		row := 0
		for i, a := range at {
			n := &e.nodes[a]
			if n.value&codeNode != 0 {
				at[i] = n.first + e.second(n, block[row:])
			} else {
				at[i] = n.next(block[row+int(n.value)])
			}
			row += wide
		}
	}
	for i, a := range at {
		at[i] = e.find(a, block[i*wide:])
	}
}

// second is 1 if a node that asks for a code sends a row to its second child, else 0.
func (e *ensemble) second(n *treeNode, x []uint64) uint32 {
	code := x[n.value&^codeNode]
	return 1 - uint32(e.sets[n.at+code>>6]>>(code&63)&1)
}

// next is the child that the value x of a row sends it to: a borrow, so that no jump depends on it.
func (n *treeNode) next(x uint64) uint32 {
	_, second := bits.Sub64(n.at, x, 0)
	return n.first + uint32(second)
}

// find is the leaf that a row at node a comes to.
func (e *ensemble) find(a uint32, x []uint64) uint32 {
	for {
		n := &e.nodes[a]
		if n.leaf(a) {
			return a
		}
		if n.value&codeNode != 0 {
			a = n.first + e.second(n, x)
		} else {
			a = n.next(x[n.value])
		}
	}
}

// keys are the values of a row in a frame, in memory of the node whose output is slot s.
func (e *ensemble) keys(f *Frame, in []int, s int) []uint64 {
	x := f.Keys[s]
	if len(x) != e.wide() {
		x = make([]uint64, e.wide())
		x[2*len(e.used)] = lastKey
		f.Keys[s] = x
	}
	for p, j := range e.used {
		switch s, l := in[j], e.levels[j]; {
		case l == 0:
			x[2*p], x[2*p+1] = treeKeys(frameNumber(f, e.types[j], s))
		case f.Null[s] || f.I[s] < 0 || f.I[s] >= int64(l):
			x[2*p] = uint64(l)
		default:
			x[2*p] = uint64(f.I[s])
		}
	}
	return x
}

// rowTrees is how many trees a row walks through side by side, so that it waits for as many nodes at once; as many places as there are registers for.
const rowTrees = 8

// walkRow gives the leaves that the row of the values x comes to in the trees from t on, rowTrees of them or as many as there are. Side by side the
// trees take as many steps as most of them need; then each goes on alone.
func (e *ensemble) walkRow(t int, x []uint64, leaves *[rowTrees]uint32) []uint32 {
	if t+rowTrees > len(e.tree) {
		n := 0
		for ; t < len(e.tree); t++ {
			leaves[n] = e.find(e.tree[t].root, x)
			n++
		}
		return leaves[:n]
	}
	nodes, values, sets := unsafe.Pointer(unsafe.SliceData(e.nodes)), unsafe.Pointer(unsafe.SliceData(x)), unsafe.Pointer(unsafe.SliceData(e.sets))
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
	g := (*[rowTrees]packedTree)(e.tree[t:])
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
	for i, a := range [rowTrees]uint32{a0, a1, a2, a3, a4, a5, a6, a7} {
		leaves[i] = e.find(a, x)
	}
	return leaves[:]
}
