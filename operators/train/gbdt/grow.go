package gbdt

// grower grows one tree after another on the same binned table.
type grower struct {
	env   Env
	o     *Options
	cols  []column
	bytes binned
	tiles []tile
	off   []int // where the bins of a column begin in a histogram; one more than columns

	packed packed
	grad   []uint64 // one word a row, see packed
	use    []bool   // columns that this tree may split on

	rows    []int32 // rows of the tree; a node has a stretch of them
	scratch []int32
	free    [][]bin // histograms to use again
	found   []split // best of each column, scratch of find
	lefts   []int   // rows that go left of each block, scratch of part

	// watch, for tests, sees every histogram once it is complete.
	watch func(n *node, rows []int32)
}

func newGrower(env Env, o *Options, cols []column, b binned, rows int) *grower {
	g := &grower{env: env, o: o, cols: cols, bytes: b, off: make([]int, len(cols)+1)}
	for i := range cols {
		g.off[i+1] = g.off[i] + cols[i].slots()
	}
	g.tiles = makeTiles(env, b, rows)
	g.grad = make([]uint64, rows)
	g.use = make([]bool, len(cols))
	g.scratch = make([]int32, rows)
	g.found = make([]split, len(cols))
	g.lefts = make([]int, blockCount(rows))
	return g
}

// node is a leaf so far.
type node struct {
	begin, end int // of grower.rows
	depth      int
	total      bin
	l2         float64 // penalty that the split above it added
	hist       []bin   // nil if it may not be split
	best       split
	// Where its number stands in the tree: the child of node parent on one side.
	parent int
	right  bool
}

func (n *node) rows() int { return n.end - n.begin }

// grown is a tree in bins, with the rows of its leaves.
type grown struct {
	splits      []split
	left, right []int32 // as in Tree
	leaves      []node  // by leaf number
}

// grow splits the leaf of the greatest gain (the oldest of those with equal
// gain) until there are enough leaves or nothing to gain.
func (g *grower) grow(rows []int32) *grown {
	g.rows = rows
	t := &grown{leaves: []node{{end: len(rows), parent: -1}}}
	if len(g.cols) > 0 {
		root := &t.leaves[0]
		root.hist = g.take()
		g.build(root.hist, rows)
		root.total = g.totalOf(root.hist)
		g.search(root)
	}
	for len(t.leaves) < g.o.Leaves {
		at := -1
		for i := range t.leaves {
			if b := &t.leaves[i].best; b.ok && (at < 0 || b.gain > t.leaves[at].best.gain) {
				at = i
			}
		}
		if at < 0 {
			break
		}
		g.split(t, at)
	}
	for i := range t.leaves {
		g.give(t.leaves[i].hist)
		t.leaves[i].hist = nil
	}
	return t
}

// totalOf sums the bins of the first column in use: any would do.
func (g *grower) totalOf(hist []bin) bin {
	var total bin
	for f, u := range g.use {
		if u {
			for _, b := range hist[g.off[f]:g.off[f+1]] {
				total.add(b)
			}
			break
		}
	}
	return total
}

// split makes two leaves of leaf at: the left one takes its number, the right
// one the next.
func (g *grower) split(t *grown, at int) {
	n := t.leaves[at]
	s := n.best
	number := len(t.splits)
	t.splits = append(t.splits, s)
	t.left = append(t.left, ^int32(at))
	t.right = append(t.right, ^int32(len(t.leaves)))
	if n.parent >= 0 {
		if n.right {
			t.right[n.parent] = int32(number)
		} else {
			t.left[n.parent] = int32(number)
		}
	}

	middle := n.begin + g.part(g.rows[n.begin:n.end], g.tableOf(&s), g.bytes[s.feature])
	l := node{begin: n.begin, end: middle, depth: n.depth + 1, total: s.left, l2: s.l2, parent: number}
	r := node{begin: middle, end: n.end, depth: n.depth + 1, total: n.total.minus(s.left), l2: s.l2, parent: number, right: true}
	if int64(l.rows()) != l.total.n || int64(r.rows()) != r.total.n {
		panic("gbdt: rows of a split differ from its histogram")
	}
	small, large := &l, &r
	if l.rows() > r.rows() {
		small, large = &r, &l
	}
	last := len(t.leaves)+1 >= g.o.Leaves
	if last || !g.splittable(large) {
		g.give(n.hist)
	} else {
		small.hist = g.take()
		g.build(small.hist, g.rows[small.begin:small.end])
		subtract(n.hist, small.hist)
		large.hist = n.hist
		g.search(small)
		g.search(large)
	}
	t.leaves[at] = l
	t.leaves = append(t.leaves, r)
}

// splittable reports whether a node has enough rows, and depth left.
func (g *grower) splittable(n *node) bool {
	return n.rows() >= 2*g.o.MinRows && (g.o.MaxDepth == 0 || n.depth < g.o.MaxDepth)
}

// search finds the best split of a node, and lets its histogram go if there is
// none.
func (g *grower) search(n *node) {
	if g.watch != nil {
		g.watch(n, g.rows[n.begin:n.end])
	}
	if g.splittable(n) {
		n.best = g.find(n.hist, n.total)
	}
	if !n.best.ok {
		g.give(n.hist)
		n.hist = nil
	}
}

// sides is, for each bin of a column, 1 to go left and 0 to go right.
type sides [256]uint8

func (g *grower) tableOf(s *split) *sides {
	var t sides
	c := &g.cols[s.feature]
	for b := 0; b < c.slots(); b++ {
		if s.goesLeft(b, c.bins) {
			t[b] = 1
		}
	}
	return &t
}

// part moves the rows that go left before those that go right, both in the
// order they had, and returns how many go left.
func (g *grower) part(rows []int32, t *sides, col []uint8) int {
	out := g.scratch[:len(rows)]
	n := blockCount(len(rows))
	lefts := g.lefts[:n]
	if len(rows) <= 2*blockRows {
		left := partBlock(rows, out, t, col)
		copy(rows, out[:left])
		copyReversed(rows[left:], out[left:])
		return left
	}
	g.env.blocks(len(rows), func(b, begin, end int) {
		lefts[b] = partBlock(rows[begin:end], out[begin:end], t, col)
	})
	total := 0
	for b, l := range lefts {
		lefts[b] = total
		total += l
	}
	g.env.blocks(len(rows), func(b, begin, end int) {
		to, next := lefts[b], total
		if b+1 < n {
			next = lefts[b+1]
		}
		left := next - to
		copy(rows[to:], out[begin:begin+left])
		// Rows before the block that went right stand before its own.
		copyReversed(rows[total+begin-to:], out[begin+left:end])
	})
	return total
}

// partBlock writes the rows that go left to the front of out in order, and the
// others to its end in reverse, and returns how many went left. Both places are
// written for every row and one of the two moves on: a branch would be guessed
// wrong half the time.
func partBlock(rows, out []int32, t *sides, col []uint8) int {
	l, r := 0, len(out)-1
	for _, row := range rows {
		left := int(t[col[row]])
		out[l], out[r] = row, row
		l += left
		r += left - 1
	}
	return l
}

// copyReversed writes the rows of from in reverse to to.
func copyReversed(to, from []int32) {
	to = to[:len(from)]
	for i := range from {
		to[len(to)-1-i] = from[i]
	}
}

// leafTable finds the leaf of a row in bins.
type leafTable struct {
	feature []int32
	sides   []sides
	child   [][2]int32 // right, left
}

func (g *grower) leafTable(t *grown) *leafTable {
	l := &leafTable{}
	for i := range t.splits {
		l.feature = append(l.feature, int32(t.splits[i].feature))
		l.sides = append(l.sides, *g.tableOf(&t.splits[i]))
		l.child = append(l.child, [2]int32{t.right[i], t.left[i]})
	}
	return l
}

// find is the leaf that row r of b reaches.
func (l *leafTable) find(b binned, r int) int {
	if len(l.feature) == 0 {
		return 0
	}
	n := int32(0)
	for n >= 0 {
		n = l.child[n][l.sides[n][b[l.feature[n]][r]]&1]
	}
	return int(^n)
}

// tree is the stored form: bins become thresholds and levels.
func (g *grower) tree(t *grown, values []float64) Tree {
	n := len(t.splits)
	out := Tree{
		Feature: make([]int32, n), Threshold: make([]float64, n),
		Left: t.left, Right: t.right,
		MissingLeft: make([]bool, n), Cat: make([]int32, n), Gain: make([]float64, n),
		Leaf: values,
	}
	for i := range t.splits {
		s := &t.splits[i]
		c := &g.cols[s.feature]
		out.Feature[i], out.Gain[i] = int32(s.feature), s.gain
		out.MissingLeft[i] = s.goesLeft(c.bins, c.bins)
		out.Cat[i] = -1
		if !s.cat {
			out.Threshold[i] = c.upper(s.at)
			continue
		}
		out.Cat[i] = int32(len(out.Bits))
		words := make([]uint64, (c.levels+63)/64)
		for level, b := range c.code {
			if s.goesLeft(int(b), c.bins) {
				words[level/64] |= 1 << (level % 64)
			}
		}
		out.Bits = append(out.Bits, words...)
	}
	return out
}
