package forest

import (
	"container/heap"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/internal/trees"
)

// grower holds what all trees of a forest read.
type grower struct {
	o     *Options
	team  *trees.Team
	label *Label
	cols  []trees.Column
	bins  trees.Binned
	wide  []uint8     // the bins row by row
	marks [][]float64 // of each column, a number that stands for each bin
	draw  draw

	k      int     // classes; 1 of numbers
	mass   []int64 // of each row; 0 takes no part
	sum    []int64 // of each row, what it adds to a sum of labels
	unit   float64 // of a label
	origin float64 // of a label that is a number: sums are of what is beyond it
	uneven bool    // weights differ
	packed bool    // two classes and equal weights: see tally.ones
	alone  bool    // one tree: the workers share the columns of a node

	locals [trees.WorkersMax]*local
	memory memory
}

// layout bins the rows. Those of subtrees are gathered row by row.
func (g *grower) layout(d *trees.Data) {
	p := len(g.cols)
	g.wide = make([]uint8, d.N*p)
	g.bins = trees.Bin(g.team, g.cols, d, func(b trees.Binned, begin, end int) {
		for j := range b {
			at := begin*p + j
			for _, c := range b[j][begin:end] {
				g.wide[at] = c
				at += p
			}
		}
	})
	for i := range g.cols {
		g.marks = append(g.marks, marksOf(&g.cols[i]))
	}
}

// marksOf gives each bin a number within it, as the cuts tell: the middle, and at the ends as far from the cut as the neighbour's middle.
// A category's is its place.
func marksOf(c *trees.Column) []float64 {
	m := make([]float64, c.Bins)
	n := len(c.Cuts)
	for b := range m {
		switch {
		case n == 0:
			m[b] = float64(b)
		case b > 0 && b < n:
			m[b] = float64(c.Cuts[b-1]/2) + float64(c.Cuts[b]/2)
		case n == 1:
			m[b] = c.Cuts[0] + float64(2*b-1)
		case b == 0:
			m[b] = c.Cuts[0] - (float64(c.Cuts[1]/2) - float64(c.Cuts[0]/2))
		default:
			m[b] = c.Cuts[n-1] + (float64(c.Cuts[n-1]/2) - float64(c.Cuts[n-2]/2))
		}
	}
	return m
}

// grown is a tree, with its splits in bins and what its leaves hold.
type grown struct {
	trees.Tree
	cut    []int32     // the last bin that goes left; of a category ^i: sets[i] goes left
	sets   [][4]uint64 // with the bin of missing
	s, w   []int64     // of the leaves
	rows   []int64
	all    bool // none of its rows was drawn: it has all of them
	counts leafCounts
	share  []float64 // of each feature in what the splits gained
}

// leafCounts are the masses by class of the leaves, those above 0.
type leafCounts struct {
	at    []int32
	class []int32
	mass  []int64
}

func (l *leafCounts) add(class []int64) {
	l.at = append(l.at, int32(len(l.class)))
	for c, m := range class {
		if m > 0 {
			l.class, l.mass = append(l.class, int32(c)), append(l.mass, m)
		}
	}
}

func (l *leafCounts) of(i int) ([]int32, []int64) {
	from, to := l.at[i], int32(len(l.class))
	if i+1 < len(l.at) {
		to = l.at[i+1]
	}
	return l.class[from:to], l.mass[from:to]
}

// view is rows in bins, column by column, with what they add to sums: as tally wants it, words of two classes of equal weights, else parts.
type view struct {
	bins   [][]uint8
	words  []uint64
	parts  []part
	rows   []int32 // the lists of the nodes, end to end
	origin []int32 // what rows they are of all; nil: those
}

// place is a leaf so far.
type place struct {
	node
	begin, end int // of its list
	view       *view
	depth      int
	seed       uint64
	parent     int // whose child it is, on one side; -1 of the root
	right      bool
	best       split
	number     int // in the order of coming
}

// local is what one worker has to itself.
type local struct {
	g     *grower
	t     *grown
	order []int     // of columns, as they are but while a node draws from them
	swaps []int     // that it made, each with the place that was drawn for
	ranks [][]uint8 // of a category's column, the place of each bin in the order of this tree; nil of numbers

	all, sub view
	wide     []uint8 // room for sub.bins
	spare    []int32
	codes    []uint8 // of a node by one column
	words    []uint64
	parts    []part
	class    []int64
	tally    *tally
	search   search
	found    []split
}

func (g *grower) local(w int) *local {
	if g.locals[w] == nil {
		l := &local{g: g, tally: &tally{}, class: make([]int64, g.k), ranks: make([][]uint8, len(g.cols))}
		if g.k > 2 {
			l.tally.of, l.tally.class = make([]int64, slotsMax*g.k), make([]int64, slotsMax*g.k)
		}
		for j := range g.cols {
			l.order = append(l.order, j)
		}
		l.search = search{k: g.k, entropy: g.o.Criterion == Entropy, left: make([]int64, g.k)}
		g.locals[w] = l
	}
	return g.locals[w]
}

// subBytes is how much of the bins of a subtree's rows fits the nearest caches.
const subBytes = 1 << 17

// begin draws the rows of a tree.
func (l *local) begin(t uint64) place {
	g := l.g
	n := len(g.mass)
	seed := g.draw.tree(t)
	v := &l.all
	v.bins = g.bins
	if v.rows == nil {
		v.rows, l.spare = make([]int32, 0, n), make([]int32, n)
		l.codes = make([]uint8, n)
		if g.packed {
			v.words, l.words = make([]uint64, n), make([]uint64, n)
		} else {
			v.parts, l.parts = make([]part, n), make([]part, n)
		}
	}
	drawn := func(times func(r int) int) {
		v.rows = v.rows[:0]
		for r, m := range g.mass {
			if m == 0 {
				continue
			}
			x := int64(times(r))
			if x == 0 {
				continue
			}
			v.rows = append(v.rows, int32(r))
			switch {
			case g.packed:
				v.words[r] = uint64(x)<<32 + uint64(x*g.sum[r])
			case g.k > 2:
				v.parts[r] = part{int64(g.label.Class[r]), x * m, x}
			default:
				v.parts[r] = part{x * g.sum[r], x * m, x}
			}
		}
	}
	l.t = &grown{}
	if drawn(func(r int) int { return g.draw.times(seed, r) }); len(v.rows) == 0 { // as may be where there are few
		l.t.all = true
		drawn(func(int) int { return 1 })
	}
	l.rank()
	return place{view: v, end: len(v.rows), seed: hash.Draw(seed, 0, drawNode), parent: -1}
}

// tree grows tree t.
func (l *local) tree(t uint64) *grown {
	root := l.begin(t)
	if l.g.o.Leaves > 0 {
		l.bestFirst(root)
	} else {
		l.depthFirst(root)
	}
	if l.g.o.Prune > 0 {
		l.prune()
	}
	l.g.values(l.t)
	return l.t
}

// depthFirst splits all leaves that can be split. The rows of a subtree that is small enough are gathered first, so that its nodes read
// what is near.
func (l *local) depthFirst(root place) {
	p := len(l.g.cols)
	near := 0
	if p > 0 && p <= 8*l.g.o.Columns && p*len(l.g.mass) > subBytes {
		near = max(64, subBytes/p)
	}
	for stack := []place{root}; len(stack) > 0; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n := p.end - p.begin; p.view == &l.all && n <= near && n > 1 {
			l.gather(&p)
		}
		p.class = l.class
		if l.find(&p); !p.best.ok {
			l.leaf(&p)
			continue
		}
		left, right := l.part(&p)
		stack = append(stack, right, left)
	}
}

// bestFirst splits the leaf that gains most until there are enough; of those that gain as much the oldest.
func (l *local) bestFirst(root place) {
	var leaves queue
	number := 0
	look := func(p place) {
		p.number = number
		number++
		p.class = make([]int64, l.g.k)
		l.find(&p)
		heap.Push(&leaves, p)
	}
	look(root)
	for len(leaves) < l.g.o.Leaves && leaves[0].best.ok {
		p := heap.Pop(&leaves).(place)
		left, right := l.part(&p)
		look(left)
		look(right)
	}
	slices.SortFunc(leaves, func(a, b place) int { return a.number - b.number })
	for i := range leaves {
		l.leaf(&leaves[i])
	}
}

// queue is a heap of leaves.
type queue []place

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := &q[i].best, &q[j].best
	if a.ok != b.ok {
		return a.ok
	}
	return a.gain > b.gain || a.gain == b.gain && q[i].number < q[j].number
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(place)) }

func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// gather copies the rows of a place to where they lie together.
func (l *local) gather(p *place) {
	g, v, from := l.g, &l.sub, p.view
	rows := from.rows[p.begin:p.end]
	n, cols := len(rows), len(g.cols)
	if cap(l.wide) < n*cols {
		l.wide = make([]uint8, max(subBytes, n*cols))
	}
	v.bins = v.bins[:0]
	for j := range cols {
		v.bins = append(v.bins, l.wide[j*n:(j+1)*n])
	}
	v.words, v.parts, v.rows, v.origin = v.words[:0], v.parts[:0], v.rows[:0], v.origin[:0]
	for i, r := range rows {
		for j, c := range g.wide[int(r)*cols : (int(r)+1)*cols] {
			l.wide[j*n+i] = c
		}
		v.rows, v.origin = append(v.rows, int32(i)), append(v.origin, r)
		if g.packed {
			v.words = append(v.words, from.words[r])
		} else {
			v.parts = append(v.parts, from.parts[r])
		}
	}
	p.view, p.begin, p.end = v, 0, n
}

// measure sums the rows of a place up, and says whether they are alike: there is nothing to part.
func (l *local) measure(p *place) (alike bool) {
	g, v := l.g, p.view
	rows := v.rows[p.begin:p.end]
	if g.packed {
		words := l.words[:len(rows)]
		sum := uint64(0)
		for i, r := range rows {
			x := v.words[r]
			words[i] = x
			sum += x
		}
		p.s, p.w = int64(sum&(1<<32-1)), int64(sum>>32)
		p.rows = p.w
		return p.s == 0 || p.s == p.w
	}
	parts := l.parts[:len(rows)]
	clear(p.class)
	p.s, p.w, p.rows = 0, 0, 0
	for i, r := range rows {
		x := v.parts[r]
		parts[i] = x
		p.w += x.w
		p.rows += x.n
		if g.k > 2 {
			p.class[x.s] += x.w
		} else {
			p.s += x.s
		}
	}
	switch {
	case g.k == 2:
		return p.s == 0 || p.s == p.w
	case g.k > 2:
		p.squares, p.logs = 0, 0
		for _, m := range p.class {
			if alike = alike || m == p.w; g.o.Criterion == Entropy {
				p.logs += xlogx(m)
			} else {
				p.squares += float64(float64(m) * float64(m))
			}
		}
		return alike
	}
	first := g.label.Values[v.row(rows[0])]
	for _, r := range rows[1:] {
		if g.label.Values[v.row(r)] != first {
			return false
		}
	}
	return true
}

// row is which of all rows r is.
func (v *view) row(r int32) int32 {
	if v.origin != nil {
		return v.origin[r]
	}
	return r
}

// shareRows is from how many rows on the workers share the columns of a node.
const shareRows = 8192

// find measures a place and looks for its best split, in columns drawn for it: as many as are asked for, and then on until one has a
// split that is allowed.
func (l *local) find(p *place) {
	g := l.g
	n := p.end - p.begin
	p.minRows = int64(g.o.MinRows)
	if l.measure(p) || p.rows < 2*p.minRows || g.o.MaxDepth > 0 && p.depth >= g.o.MaxDepth {
		return
	}
	total := len(l.order)
	drawn := 0
	l.swaps = l.swaps[:0]
	next := func() int {
		if left := total - drawn; left > 1 && g.o.Columns < total {
			at := drawn + int(hash.Below(hash.Draw(p.seed, uint64(drawn), drawColumn), uint64(left)))
			l.order[drawn], l.order[at] = l.order[at], l.order[drawn]
			l.swaps = append(l.swaps, at)
		}
		drawn++
		return l.order[drawn-1]
	}
	better := func(s split) {
		if s.ok && (!p.best.ok || s.gain > p.best.gain) {
			p.best = s
		}
	}
	if g.alone && n >= shareRows {
		for range min(total, g.o.Columns) {
			next()
		}
		cols := l.order[:drawn]
		l.found = slices.Grow(l.found[:0], drawn)[:drawn]
		g.team.Each(drawn, func(w, i int) { l.found[i] = g.local(w).column(l, p, cols[i]) })
		for _, s := range l.found {
			better(s)
		}
	}
	for drawn < total && (drawn < g.o.Columns || !p.best.ok) {
		better(l.column(l, p, next()))
	}
	for i := len(l.swaps) - 1; i >= 0; i-- {
		l.order[i], l.order[l.swaps[i]] = l.order[l.swaps[i]], l.order[i]
	}
	if s := &p.best; s.ok && !g.o.Random {
		s.at = g.between(s.feature, s.at, s.next)
	}
	p.best.gain *= g.factor(p.w)
}

// column is the best split by one column. of has gathered the rows.
func (l *local) column(of *local, p *place, j int) split {
	g, v := l.g, p.view
	rows := v.rows[p.begin:p.end]
	if len(l.codes) < len(rows) {
		l.codes = make([]uint8, len(g.mass))
	}
	codes, col := l.codes[:len(rows)], v.bins[j]
	if rank := of.ranks[j]; rank != nil {
		for i, r := range rows {
			codes[i] = rank[col[r]]
		}
	} else {
		for i, r := range rows {
			codes[i] = col[r]
		}
	}
	f := &l.search
	f.node = &p.node
	f.mean = float64(p.s) / float64(p.w)
	if g.o.Random && g.k <= 2 {
		if from, to := ends(codes); to != g.cols[j].Bins { // none is missing
			return l.drawn(of, p, j, codes, from, to)
		}
	}
	t := l.tally
	switch {
	case g.packed:
		t.ones(codes, of.words[:len(rows)])
	case g.k > 2:
		t.classes(codes, of.parts[:len(rows)], g.k)
	default:
		t.sums(codes, of.parts[:len(rows)])
	}
	if t.n < 2 {
		return split{}
	}
	missing := int(t.code[t.n-1]) == g.cols[j].Bins
	only := -1
	if g.o.Random {
		last := t.n - 1
		if missing {
			last--
		}
		only = g.threshold(p.seed, j, int(t.code[0]), int(t.code[last]))
	}
	var s split
	if g.k > 2 {
		s = f.classes(t, missing, only)
	} else {
		s = f.numbers(t, missing, only)
	}
	if g.o.Random {
		s.at = only
	}
	s.feature = j
	return s
}

// drawn is the split by the one cut that is drawn for column j, none of whose values is missing: it needs no tally. from and to are the ends of codes.
func (l *local) drawn(of *local, p *place, j int, codes []uint8, from, to int) (s split) {
	if from == to {
		return s
	}
	at := l.g.threshold(p.seed, j, from, to)
	if l.g.packed {
		s = l.search.one(onesTo(codes, of.words, at))
	} else {
		s = l.search.one(sumsTo(codes, of.parts, at))
	}
	s.feature, s.at = j, at
	return s
}

// threshold draws a cut between bins from and to, the least and the greatest of a node: evenly by value, as far as bins tell it.
func (g *grower) threshold(seed uint64, j, from, to int) int {
	if from == to {
		return g.cols[j].Bins - 1 // missing alone is parted
	}
	m := g.marks[j]
	u := hash.Unit(hash.Draw(seed, uint64(j), drawThreshold))
	x := m[from] + float64(u*(m[to]-m[from]))
	if math.IsInf(m[to]-m[from], 0) || x != x {
		return from + int(float64(u*float64(to-from)))
	}
	at := from // the last at or below x, which the first is
	for n := to - from; n > 1; {
		half := n / 2
		if m[at+half] <= x {
			at += half
		}
		n -= half
	}
	return at
}

// between moves a cut behind bin at to the middle, by value, of it and the next bin that has rows, as far as bins tell it.
func (g *grower) between(j, at, to int) int {
	m := g.marks[j]
	if to >= len(m) {
		return len(m) - 1 // missing alone is on the right
	}
	middle := float64(m[at]/2) + float64(m[to]/2)
	for at+1 < to && m[at+1] <= middle {
		at++
	}
	return at
}

// set is the bins of a category that go left.
func (l *local) set(s *split) (set [4]uint64) {
	c := &l.g.cols[s.feature]
	rank := l.ranks[s.feature]
	for b := range c.Bins {
		if int(rank[b]) <= s.at {
			set[b/64] |= 1 << (b % 64)
		}
	}
	if s.missingLeft {
		set[c.Bins/64] |= 1 << (c.Bins % 64)
	}
	return set
}

// part makes a node of a place, and gives its children.
func (l *local) part(p *place) (left, right place) {
	s := &p.best
	if !s.missing {
		s.missingLeft = 2*s.rows >= p.rows // nothing was learnt of missing: it follows the larger child
	}
	v := p.view
	rows, col := v.rows[p.begin:p.end], v.bins[s.feature]
	spare := l.spare[:len(rows)]
	a, b := 0, 0
	var set [4]uint64
	if c := &l.g.cols[s.feature]; c.Levels > 0 {
		set = l.set(s)
		for _, r := range rows {
			rows[a], spare[b] = r, r
			x := int(set[col[r]/64] >> (col[r] % 64) & 1)
			a += x
			b += 1 - x
		}
	} else {
		at, missing, side := uint8(s.at), uint8(c.Bins), 0
		if s.missingLeft {
			side = 1
		}
		for _, r := range rows {
			rows[a], spare[b] = r, r
			x := 0
			if col[r] <= at {
				x = 1
			}
			if col[r] == missing {
				x = side
			}
			a += x
			b += 1 - x
		}
	}
	copy(rows[a:], spare[:b])
	if a == 0 || b == 0 {
		panic("forest: the rows of a split differ from its tally")
	}
	number := l.node(p, set)
	left = place{view: v, begin: p.begin, end: p.begin + a, depth: p.depth + 1, seed: hash.Draw(p.seed, 0, drawNode), parent: number}
	right = place{view: v, begin: left.end, end: p.end, depth: p.depth + 1, seed: hash.Draw(p.seed, 1, drawNode), parent: number, right: true}
	return left, right
}

// link says what became of a place.
func (l *local) link(p *place, child int32) {
	switch {
	case p.parent < 0:
	case p.right:
		l.t.Right[p.parent] = child
	default:
		l.t.Left[p.parent] = child
	}
}

// node writes a split.
func (l *local) node(p *place, set [4]uint64) int {
	t, s := l.t, &p.best
	c := &l.g.cols[s.feature]
	number := len(t.Feature)
	l.link(p, int32(number))
	t.Feature, t.Left, t.Right = append(t.Feature, int32(s.feature)), append(t.Left, 0), append(t.Right, 0)
	t.MissingLeft, t.Gain = append(t.MissingLeft, s.missingLeft), append(t.Gain, s.gain)
	if c.Levels == 0 {
		t.Threshold, t.Cat, t.cut = append(t.Threshold, c.Upper(s.at)), append(t.Cat, -1), append(t.cut, int32(s.at))
		return number
	}
	t.cut, t.sets = append(t.cut, ^int32(len(t.sets))), append(t.sets, set)
	t.Threshold, t.Cat = append(t.Threshold, 0), append(t.Cat, int32(len(t.Bits)))
	words := make([]uint64, (c.Levels+63)/64)
	for level, b := range c.Code {
		words[level/64] |= set[b/64] >> (b % 64) & 1 << (level % 64)
	}
	t.Bits = append(t.Bits, words...)
	return number
}

// leaf writes a leaf.
func (l *local) leaf(p *place) {
	t := l.t
	l.link(p, ^int32(len(t.s)))
	t.s, t.w, t.rows = append(t.s, p.s), append(t.w, p.w), append(t.rows, p.rows)
	if l.g.k > 2 {
		t.counts.add(p.class)
	}
}

// values are what the leaves say. What the tree was grown by is let go.
func (g *grower) values(t *grown) {
	t.Leaf = make([]float64, len(t.s))
	t.share = make([]float64, len(g.cols))
	total := 0.0
	for i, f := range t.Feature {
		t.share[f] += t.Gain[i]
		total += t.Gain[i]
	}
	if total > 0 {
		for f := range t.share {
			t.share[f] /= total
		}
	}
	defer func() { t.s, t.w, t.Gain = nil, nil, nil }()
	if g.k > 2 {
		return
	}
	for i := range t.Leaf {
		t.Leaf[i] = float64(float64(t.s[i])/float64(t.w[i])*g.unit) + g.origin
	}
}
