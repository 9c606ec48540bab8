package gbdt

import (
	"sync"

	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// grower grows one tree after another on the same binned table.
type grower struct {
	builder
	constraints
	team  *trees.Team
	o     *Options
	depth int // of a tree at most; 0 is no limit
	bytes trees.Binned
	seed  uint64 // of the tree's draws

	ids   [2][]int32 // rows of the nodes of even and of odd depth: those of a node's children come from its own
	sides []uint64   // a bit a row of a large node
	lefts []int      // of a large node, rows that go left by block
	found [2][]split // of a large node's children, by column

	// watch, for tests, sees every histogram once it is complete.
	watch func(n *node)
}

func newGrower(t *trees.Team, o *Options, cols []trees.Column, bundles []bundle, rows int) *grower {
	g := &grower{team: t, o: o, depth: o.depth()}
	g.cols, g.off, g.use = cols, make([]int, len(cols)+1), make([]bool, len(cols))
	for i := range cols {
		g.off[i+1] = g.off[i] + (cols[i].Slots()+7)&^7
	}
	g.bundles = bundles
	g.groups = makeGroups(len(bundles))
	for i := range g.groups {
		for _, t := range g.groups[i].tiles {
			g.tiles = append(g.tiles, t)
			for range t.width {
				g.in = append(g.in, t.number)
			}
		}
	}
	g.constraints = newConstraints(o, len(cols))
	for i := range g.ids {
		g.ids[i] = trees.Make[int32](rows)
	}
	g.grad = trees.Make[uint64](rows)
	g.sides = make([]uint64, (rows+63)/64)
	g.lefts = make([]int, trees.BlockCount(rows))
	for i := range g.found {
		g.found[i] = make([]split, len(cols))
	}
	return g
}

// node is a leaf so far.
type node struct {
	rows   []int32 // in order
	begin  int     // where they are in grower.ids
	depth  int
	number int // of the leaf
	total  sums
	l2     float64 // penalty that the split above it added
	hist   hist    // none if it may not be split
	best   split
	held
	// Where its number stands in the tree: the child of node parent on one side.
	parent int
	right  bool

	kids  *[2]node // what it is split into, once that is known
	taken bool     // a worker is at it
}

// grown is a tree in bins, with the rows of its leaves.
type grown struct {
	splits      []split
	left, right []int32 // as in Tree
	leaves      []*node // by leaf number
	levels      bool    // level by level
}

// before says whether a leaf is split before another: the one of the greatest gain, the oldest of those with equal gain.
func (t *grown) before(a, b *node) bool {
	switch {
	case t.levels && a.depth != b.depth:
		return a.depth < b.depth
	case a.best.gain != b.best.gain:
		return a.best.gain > b.best.gain
	}
	return a.number < b.number
}

// top is the leaf that is split next, or nil.
func (t *grown) top() (best *node) {
	for _, n := range t.leaves {
		if n.best.ok && (best == nil || t.before(n, best)) {
			best = n
		}
	}
	return best
}

// ahead is the first leaf in the order in which leaves are split as they are now, that nobody has split or is splitting; but only if it
// is among the next left, as others are not split.
func (t *grown) ahead(left int) (best *node) {
	for _, n := range t.leaves {
		if n.best.ok && n.kids == nil && !n.taken && (best == nil || t.before(n, best)) {
			best = n
		}
	}
	if best == nil {
		return nil
	}
	for _, n := range t.leaves {
		if n.best.ok && t.before(n, best) {
			if left--; left == 0 {
				return nil
			}
		}
	}
	return best
}

// commit makes two leaves of a leaf whose children are known: the left one takes its number, the right one the next.
func (t *grown) commit(n *node) {
	number := len(t.splits)
	l, r := &n.kids[0], &n.kids[1]
	l.number, r.number = n.number, len(t.leaves)
	l.parent, r.parent = number, number
	t.splits = append(t.splits, n.best)
	t.left = append(t.left, ^int32(l.number))
	t.right = append(t.right, ^int32(r.number))
	if n.parent >= 0 {
		if n.right {
			t.right[n.parent] = int32(number)
		} else {
			t.left[n.parent] = int32(number)
		}
	}
	t.leaves[l.number] = l
	t.leaves = append(t.leaves, r)
}

// grow splits the first leaf until there are enough leaves or nothing to gain.
//
// What a leaf is split into depends on it alone. So workers split several leaves at the same time, those that are next as far as is
// known; the tree takes them in its order.
func (g *grower) grow(rows []int32) *grown {
	t := &grown{leaves: []*node{{rows: rows, parent: -1, held: free()}}, levels: g.o.Growth == DepthWise}
	if len(g.cols) > 0 && len(rows) > 0 {
		g.root(t.leaves[0])
	}
	if g.alike() {
		g.levels(t)
		return t
	}
	for len(t.leaves) < g.o.Leaves {
		n := t.top()
		if n == nil {
			break
		}
		switch last := len(t.leaves)+1 == g.o.Leaves; {
		case n.kids != nil:
			t.commit(n)
		case last || g.large(n) || g.team.Alone():
			g.expand(n, !last)
		default:
			g.together(t)
		}
	}
	for _, n := range t.leaves {
		g.drop(n)
	}
	return t
}

// alike says that all leaves of a level are split alike, so that a node has no split of its own.
func (g *grower) alike() bool { return g.o.Growth == Oblivious }

// drop gives back the histograms of a leaf, and of what it was split into to no purpose.
func (g *grower) drop(n *node) {
	g.free.put(n.hist)
	n.hist = hist{}
	if n.kids != nil {
		g.drop(&n.kids[0])
		g.drop(&n.kids[1])
	}
}

// together splits leaves with all workers, each another, until the next to split is one for all.
func (g *grower) together(t *grown) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	failed := false
	split := func(l *local, n *node) {
		n.taken = true
		mu.Unlock()
		var kids *[2]node
		defer func() { // after a panic too: the others wait
			mu.Lock()
			n.kids, failed = kids, failed || kids == nil
			changed.Broadcast()
		}()
		kids = g.children(l, n, true)
	}
	g.team.Each(g.team.Came(), func(w, _ int) {
		l := g.local(w)
		mu.Lock()
		defer mu.Unlock()
		for {
			n := t.top()
			for ; n != nil && n.kids != nil && len(t.leaves)+1 < g.o.Leaves; n = t.top() {
				t.commit(n)
			}
			left := g.o.Leaves - len(t.leaves)
			if failed || n == nil || left <= 1 || g.large(n) {
				return
			}
			n = t.ahead(left)
			if n == nil || g.large(n) {
				changed.Wait() // somebody is at the next to split
				continue
			}
			split(l, n)
		}
	})
}

// maxSmall is how many rows a node has at most that one worker splits.
const maxSmall = 1 << 18

// large says that a node is split by all workers: it has more rows, or rows times bundles, than one of them should do alone while the others may
// have nothing to do. The fewer they are, the more there are nodes for each; and what all do they wait for four times.
func (g *grower) large(n *node) bool {
	workers := g.team.Came()
	rows := min(max(1<<19/workers, 1<<16), maxSmall)
	work := min(max(1<<24/workers, 1<<20), 1<<23)
	return len(n.rows) > rows || len(n.rows)*len(g.bundles) > work
}

// root makes the histogram of all rows and finds its best split.
func (g *grower) root(n *node) {
	n.hist = g.free.get(&g.builder)
	var merge func(j int)
	if g.filled {
		g.filled, merge = false, g.merge(n.hist)
	} else {
		merge = g.shared(g.team, n.hist, n.rows, !g.packed.put)
	}
	g.team.Each(len(g.bundles), func(_, j int) { merge(j) })
	for f, u := range g.use { // any column in use has all rows
		if u {
			for b := g.off[f]; b < g.off[f+1]; b++ {
				n.total.add(n.hist.at(b))
			}
			break
		}
	}
	if !g.splittable(n) {
		return
	}
	if g.share < 1 && !g.alike() {
		n.key = g.seed
		n.drawn = g.columnsOf(n)
	}
	f := g.finder(n)
	g.team.Each(len(g.cols), func(_, c int) {
		g.found[0][c] = split{}
		if g.use[c] && !g.alike() && g.may(n, c) {
			f := f
			g.found[0][c] = g.column(&f, n.hist, c)
		}
	})
	g.settle(n, g.found[0])
}

// settle takes the best of the splits by column.
func (g *grower) settle(n *node, found []split) {
	for _, s := range found {
		n.best = better(n.best, s)
	}
	if s := &n.best; s.ok && !s.cat {
		s.parts(n.hist.of(g.off[s.feature], g.off[s.feature+1]), g.cols[s.feature].Bins, n.total.n)
	}
	if g.watch != nil {
		g.watch(n)
	}
	if !n.best.ok && !(g.alike() && g.splittable(n)) {
		g.free.put(n.hist)
		n.hist = hist{}
	}
}

// splittable reports whether a node has enough rows, and depth left.
func (g *grower) splittable(n *node) bool {
	return len(n.rows) >= 2*g.o.MinRows && (g.depth == 0 || n.depth < g.depth)
}

// parted gives the children of a node whose rows have been parted.
func (g *grower) parted(n *node, left int) *[2]node {
	to := g.ids[(n.depth+1)&1][n.begin : n.begin+len(n.rows)]
	l := node{rows: to[:left:left], begin: n.begin, total: n.best.left}
	r := node{rows: to[left:], begin: n.begin + left, total: n.total.minus(n.best.left), right: true}
	if int64(len(l.rows)) != l.total.n || int64(len(r.rows)) != r.total.n {
		panic("gbdt: rows of a split differ from its histogram")
	}
	l.depth, r.depth, l.l2, r.l2 = n.depth+1, n.depth+1, n.best.l2, n.best.l2
	g.hold(n, &l, &r)
	return &[2]node{l, r}
}

// smaller puts the child with fewer rows first.
func smaller(kids *[2]node) (small, large *node) {
	if len(kids[0].rows) > len(kids[1].rows) {
		return &kids[1], &kids[0]
	}
	return &kids[0], &kids[1]
}

// children splits a node by one worker. search says whether they may be split in their turn.
func (g *grower) children(l *local, n *node, search bool) *[2]node {
	set := g.setOf(&n.best)
	sides := l.sides[:(len(n.rows)+63)/64]
	left := tree.Sides(sides, n.rows, g.bytes[n.best.feature], &set)
	kids := g.parted(n, left)
	tree.Part(kids[0].rows, kids[1].rows, n.rows, sides)
	small, large := smaller(kids)
	parent := n.hist
	n.hist = hist{}
	if !search || !g.splittable(large) {
		g.free.put(parent)
		return kids
	}
	small.hist = g.free.get(&g.builder)
	g.build(l, small.hist, small.rows, false)
	large.hist = parent
	fs, fl := g.finder(small), g.finder(large)
	for c := range g.cols {
		g.both(&fs, &fl, small, large, c, func(s, l split) {
			small.best, large.best = better(small.best, s), better(large.best, l)
		})
	}
	g.settle(small, nil)
	g.settle(large, nil)
	return kids
}

// both takes a column of the smaller child from the parent, whose histogram the larger has, and finds the best split by it of each.
func (g *grower) both(fs, fl *finder, small, large *node, c int, found func(small, large split)) {
	if !g.use[c] {
		found(split{}, split{})
		return
	}
	rest := g.of(large.hist, c)
	rest.take(g.of(small.hist, c))
	var s, l split
	if !g.alike() {
		if g.splittable(small) && g.may(small, c) {
			s = g.column(fs, small.hist, c)
		}
		if g.may(large, c) {
			l = g.column(fl, large.hist, c)
		}
	}
	found(s, l)
}

// expand splits a node with all workers. search says whether its children may be split in their turn.
func (g *grower) expand(n *node, search bool) {
	if !g.large(n) && search {
		n.kids = g.children(g.local(0), n, true)
		return
	}
	g.part(n)
	small, large := smaller(n.kids)
	parent := n.hist
	n.hist = hist{}
	if !search || !g.splittable(large) {
		g.free.put(parent)
		return
	}
	small.hist = g.free.get(&g.builder)
	merge := g.shared(g.team, small.hist, small.rows, false)
	large.hist = parent
	fs, fl := g.finder(small), g.finder(large)
	g.team.Each(len(g.bundles), func(_, j int) {
		merge(j)
		fs, fl := fs, fl
		for _, c := range g.bundles[j].columns {
			g.both(&fs, &fl, small, large, c, func(s, l split) { g.found[0][c], g.found[1][c] = s, l })
		}
	})
	g.settle(small, g.found[0])
	g.settle(large, g.found[1])
}

// part parts the rows of a node with all workers: those that go left before the others, both in the order they had.
func (g *grower) part(n *node) {
	set := g.setOf(&n.best)
	col := g.bytes[n.best.feature]
	g.team.Blocks(len(n.rows), func(b, begin, end int) {
		g.lefts[b] = tree.Sides(g.sides[begin/64:(end+63)/64], n.rows[begin:end], col, &set)
	})
	total := 0
	blocks := trees.BlockCount(len(n.rows))
	for b, left := range g.lefts[:blocks] {
		g.lefts[b] = total
		total += left
	}
	n.kids = g.parted(n, total)
	l, r := n.kids[0].rows, n.kids[1].rows
	g.team.Blocks(len(n.rows), func(b, begin, end int) {
		from, to := g.lefts[b], total
		if b+1 < blocks {
			to = g.lefts[b+1]
		}
		tree.Part(l[from:to], r[begin-from:end-to], n.rows[begin:end], g.sides[begin/64:(end+63)/64])
	})
}

// setOf is the bins that go left.
func (g *grower) setOf(s *split) (set tree.Set) {
	c := &g.cols[s.feature]
	for b := range c.Slots() {
		if s.goesLeft(b, c.Bins) {
			set[b/64] |= 1 << (b % 64)
		}
	}
	return set
}

// leafTable finds the leaf of a row in bins.
type leafTable struct {
	feature []int32
	sets    []tree.Set
	child   [][2]int32 // right, left
}

func (g *grower) leafTable(t *grown) *leafTable {
	l := &leafTable{}
	for i := range t.splits {
		l.feature = append(l.feature, int32(t.splits[i].feature))
		l.sets = append(l.sets, g.setOf(&t.splits[i]))
		l.child = append(l.child, [2]int32{t.right[i], t.left[i]})
	}
	return l
}

// find is the leaf that row r of b reaches.
func (l *leafTable) find(b trees.Binned, r int) int {
	if len(l.feature) == 0 {
		return 0
	}
	n := int32(0)
	for n >= 0 {
		c := b[l.feature[n]][r]
		n = l.child[n][l.sets[n][c/64]>>(c%64)&1]
	}
	return int(^n)
}

// tree is the stored form: bins become thresholds and levels.
func (g *grower) tree(t *grown, values []float64, cover []int64) Tree {
	n := len(t.splits)
	out := Tree{
		Feature: make([]int32, n), Threshold: make([]float64, n),
		Left: t.left, Right: t.right,
		MissingLeft: make([]bool, n), Cat: make([]int32, n), Gain: make([]float64, n),
		Leaf: values, Cover: cover,
	}
	for i := range t.splits {
		s := &t.splits[i]
		c := &g.cols[s.feature]
		out.Feature[i], out.Gain[i] = int32(s.feature), s.gain
		out.MissingLeft[i] = s.goesLeft(c.Bins, c.Bins)
		out.Cat[i] = -1
		if !s.cat {
			out.Threshold[i] = c.Upper(s.at)
			continue
		}
		out.Cat[i] = int32(len(out.Bits))
		words := make([]uint64, (c.Levels+63)/64)
		for level, b := range c.Code {
			if s.goesLeft(int(b), c.Bins) {
				words[level/64] |= 1 << (level % 64)
			}
		}
		out.Bits = append(out.Bits, words...)
	}
	return out
}
