package program

import (
	"fmt"
	"math/bits"

	"github.com/headrace/headrace/operators/batch"
)

// shapTree is a tree with what of its edges does not depend on a row. Edge 2i goes to the left child of node i, 2i+1 to the right one.
type shapTree struct {
	*Tree
	mean   float64    // of the leaves, by the rows of the fit
	edges  []shapEdge // two a node
	below  []uint64   // of each node, the sums that leaves below it add to, see shapSums; nil where that is all of them
	levels int        // nodes on a path at most
	rule   shapRule
}

type shapEdge struct {
	before int32   // the level of the nearest edge above by the same feature, -1 if none
	share  float64 // of the node's rows, those that take the edge
	was    float64 // the product of share over the edges before
}

// shapRule are the points and weights of an integral.
type shapRule struct {
	t, w []float64
	out  []float64 // 1-t
	cold []float64 // what a leaf counts for where the row does not take an edge, -1/out
}

// shapRules are rules by their points, each made when it is first asked for.
type shapRules struct {
	rules []shapRule
	roots []float64 // of the last of them
}

// of is the rule of q points, at least one.
func (r *shapRules) of(q int) shapRule {
	for n := len(r.rules) + 1; n <= q; n++ {
		var rule shapRule
		r.roots = legendreRoots(n, r.roots)
		rule.t, rule.w = gaussLegendre(r.roots)
		for _, t := range rule.t {
			rule.out, rule.cold = append(rule.out, 1-t), append(rule.cold, -1/(1-t))
		}
		r.rules = append(r.rules, rule)
	}
	return r.rules[q-1]
}

// init finds the edges, in memory of 64 bytes a node.
func (s *shapTree) init(t *Tree, rules *shapRules) {
	s.Tree = t
	n := len(t.Feature)
	cover := make([]int64, n)
	of := func(c int32) int64 {
		if c < 0 {
			return t.Cover[^c]
		}
		return cover[c]
	}
	for i := n - 1; i >= 0; i-- {
		cover[i] = of(t.Left[i]) + of(t.Right[i])
	}
	s.edges = make([]shapEdge, 2*n)
	for i := range n {
		for side, c := range [2]int32{t.Left[i], t.Right[i]} {
			e := &s.edges[2*i+side]
			if e.share = 0.5; cover[i] > 0 { // of a node that no row came to, either side is as good
				e.share = float64(of(c)) / float64(cover[i])
			}
		}
	}
	most := s.paths()
	s.rule = rules.of(max(1, min((most+1)/2, pointsMax)))
	mean := make([]float64, n)
	s.mean = t.Leaf[0]
	for i := n - 1; i >= 0; i-- {
		sum := 0.0
		for side, c := range [2]int32{t.Left[i], t.Right[i]} {
			v := 0.0
			if c < 0 {
				v = t.Leaf[^c]
			} else {
				v = mean[c]
			}
			sum += float64(v * s.edges[2*i+side].share)
		}
		mean[i], s.mean = sum, sum
	}
}

// pointsMax is how many points the integral has at most: of a path of more than twice as many features it is not exact, but as good as
// that for thousands of them.
const pointsMax = 256

// paths goes down all of them, to find of each edge the nearest above by its feature, and gives how many features there are on a path at most.
func (s *shapTree) paths() (most int) {
	type place struct {
		edge  int
		level int32 // -1 of none
	}
	type step struct {
		edge int
		back bool  // the path goes back by the edge
		last place // the edge before it by its feature
	}
	if len(s.edges) == 0 {
		return 0
	}
	last := map[int32]place{} // of each feature that is on the path, its last edge
	level := int32(0)
	for todo := []step{{edge: 1}, {edge: 0}}; len(todo) > 0; {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		i := x.edge / 2
		e, f := &s.edges[x.edge], s.Feature[i]
		if x.back {
			level--
			if last[f] = x.last; x.last.level < 0 {
				delete(last, f)
			}
			continue
		}
		before, again := last[f]
		if e.was = 1; again {
			e.was = float64(s.edges[before.edge].was * s.edges[before.edge].share)
		} else {
			before.level = -1
		}
		e.before = before.level
		last[f] = place{x.edge, level}
		level++
		s.levels, most = max(s.levels, int(level)), max(most, len(last))
		todo = append(todo, step{x.edge, true, before})
		c := s.Left[i]
		if x.edge%2 == 1 {
			c = s.Right[i]
		}
		if c >= 0 {
			todo = append(todo, step{edge: 2*int(c) + 1}, step{edge: 2 * int(c)})
		}
	}
	return most
}

// shapSums are the numbers that contributions to are told of in one walk: the score, or what a forest says of the classes from first on.
type shapSums struct {
	n      int
	first  int
	shares *Shares // nil of a score
	per    int     // classes that have a bit of below together
}

// shapSumsMax is how many classes there are in a walk at most.
const shapSumsMax = 8

// mask is the bits of below that the sums have.
func (m *shapSums) mask() uint64 {
	lo, hi := m.first/m.per, (m.first+m.n-1)/m.per
	return (1<<(hi-lo+1) - 1) << lo
}

// bounds of a walk: rows that go together, the floats that they should stay in (with what else is at work, the second cache), and those
// that one row may need.
const (
	shapBlock     = 16
	shapFloats    = 1 << 13
	shapFloatsMax = 1 << 20
)

// Words that a level has.
const (
	shapNode = iota // the node there
	shapSide        // 0 while the left child is visited, 1 for the right one, 2 behind it
	shapLeft        // of each row a bit, whether it goes left
	shapCold        // whether it takes the edges before by the node's feature, and not the one that is gone down
	shapHot         // whether it takes that too
	shapTo          // the level in whose memory the sums of the node's leaves are
	shapGot         // of each sum a bit, whether it has any
	shapWords
)

// row is how many floats a row takes, and level how many each level needs besides.
func (s *shapTree) row(sums int) int { return s.levels * (len(s.rule.t)*(1+sums) + sums) }
func (s *shapTree) fixed() int       { return s.levels * 7 * len(s.rule.t) }

// rows is how many rows go together.
func (s *shapTree) rows(sums int) int {
	return max(1, min(shapBlock, shapFloats/max(1, s.row(sums))))
}

// shapSize is the memory of walks through any of some trees.
type shapSize struct{ floats, words int }

func (z shapSize) numbers() int64 { return int64(z.floats) + int64(z.words) }

// fit makes the size large enough for the tree.
func (z *shapSize) fit(s *shapTree, sums int) error {
	n := s.row(sums) + s.fixed()
	if n > shapFloatsMax {
		return fmt.Errorf("a path of %d splits takes %d numbers to explain, more than %d", s.levels, n, shapFloatsMax)
	}
	z.floats, z.words = max(z.floats, s.rows(sums)*s.row(sums)+s.fixed()), max(z.words, s.levels*shapWords)
	return nil
}

// shapWalk takes rows through trees, depth first: of the path it keeps a vector a level on the way down and one on the way up, so that what it
// takes does not grow with a tree's nodes. What edges multiply by is found once for the rows that go together.
type shapWalk struct {
	floats []float64
	words  []uint64
}

// shapTable is numbers of rows: column j of row i is at[j*apart+i].
type shapTable struct {
	at    []float64
	apart int
}

// add adds what the features of n rows from lo on do to phi, which has so many columns a sum. x are the features as treeFeature has them.
func (w *shapWalk) add(s *shapTree, m shapSums, levels []int32, x, phi shapTable, columns, lo, n int) {
	if len(s.edges) == 0 || s.below != nil && s.below[0]&m.mask() == 0 {
		return
	}
	if n == 1 && m.shares == nil && s.levels <= shapOneLevels {
		w.one(s, levels, x, phi, lo)
		return
	}
	together := s.rows(m.n)
	for ; n > 0; lo, n = lo+together, n-together {
		w.block(s, m, levels, x, phi, columns, lo, min(n, together))
	}
}

func (w *shapWalk) block(s *shapTree, m shapSums, levels []int32, x, phi shapTable, columns, lo, n int) {
	q := len(s.rule.t)
	vec, all := q*n, uint64(1)<<n-1
	rest := w.floats
	take := func(n int) []float64 {
		part := rest[:n:n]
		rest = rest[n:]
		return part
	}
	downs, ups, adds := take(s.levels*vec), take(s.levels*vec*m.n), take(s.levels*m.n*n)
	factors, inverses := take(s.levels*6*q), take(s.levels*q)
	words := func(level int) *[shapWords]uint64 {
		return (*[shapWords]uint64)(w.words[level*shapWords:])
	}
	enter := func(level, node int, to uint64) {
		*words(level) = [shapWords]uint64{shapNode: uint64(node), shapLeft: s.goLeft(node, x.at[int(s.Feature[node])*x.apart+lo:][:n], levels), shapTo: to}
		clear(adds[level*m.n*n : (level+1)*m.n*n])
	}
	for i := range n {
		copy(downs[i*q:], s.rule.w)
	}
	enter(0, 0, 0)
	mask := m.mask()
	for level := 0; level >= 0; {
		l := words(level)
		node, side := int(l[shapNode]), int(l[shapSide])
		sums := ups[int(l[shapTo])*vec*m.n:][:vec*m.n]
		add := adds[level*m.n*n:][:m.n*n]
		if side == 2 {
			for got := l[shapGot]; got != 0; got &= got - 1 {
				c := bits.TrailingZeros64(got)
				to := phi.at[(c*columns+int(s.Feature[node]))*phi.apart+lo:][:n]
				for i, v := range add[c*n:][:n] {
					to[i] += v
				}
			}
			got := l[shapGot]
			if level--; level < 0 {
				break
			}
			// the sums of the child go into those of its parent
			l = words(level)
			f := factors[level*6*q:][3*q : 6*q]
			from := ups[(level+1)*vec*m.n:]
			if l[shapSide] == 0 {
				from = ups[int(l[shapTo])*vec*m.n:]
			}
			to := ups[int(l[shapTo])*vec*m.n:]
			for left := got; left != 0; left &= left - 1 {
				c := bits.TrailingZeros64(left)
				add := adds[level*m.n*n:][c*n:][:n]
				v := from[c*vec:][:vec]
				for i := range add {
					add[i] += shapDot(v[i*q:][:q], f[state(l, i)*q:][:q])
				}
				if l[shapSide] == 0 {
					continue // they are there already
				}
				to := to[c*vec:][:vec]
				if l[shapGot]>>c&1 == 0 {
					copy(to, v)
					continue
				}
				for i, v := range v {
					to[i] += v
				}
			}
			l[shapGot] |= got
			l[shapSide]++
			continue
		}
		child := s.Left[node]
		if side == 1 {
			child = s.Right[node]
		}
		if s.below != nil && child >= 0 && s.below[child]&mask == 0 {
			l[shapSide]++
			continue
		}
		f := factors[level*6*q:][:6*q]
		s.turn(2*node+side, all, l, w.words, f, inverses, level)
		from := downs[level*vec:][:vec]
		if child >= 0 {
			to := downs[(level+1)*vec:][:vec]
			for i := range n {
				shapTimes(to[i*q:][:q], from[i*q:][:q], f[state(l, i)*q:][:q])
			}
			into := l[shapTo]
			if side == 1 {
				into = uint64(level + 1)
			}
			enter(level+1, int(child), into)
			level++
			continue
		}
		leaf := func(c int, v float64) {
			sums, add, first := sums[c*vec:][:vec], add[c*n:][:n], l[shapGot]>>c&1 == 0
			for i := range n {
				at := state(l, i) * q
				add[i] += shapLeaf(sums[i*q:][:q], from[i*q:][:q], f[at:][:q], f[3*q+at:][:q], v, first)
			}
			l[shapGot] |= 1 << c
		}
		if m.shares == nil {
			leaf(0, s.Leaf[^child])
		} else {
			d := int(s.Leaf[^child])
			for at := m.shares.At[d]; at < m.shares.At[d+1]; at++ {
				if c := int(m.shares.Class[at]) - m.first; c >= 0 && c < m.n {
					leaf(c, m.shares.Share[at])
				}
			}
		}
		l[shapSide]++
	}
}

// state is that of row i: 0 if it does not take an edge before by the same feature; 1 if it takes those, and not this; 2 if it takes this too.
func state(l *[shapWords]uint64, i int) int {
	return int(l[shapCold]>>i&1 | l[shapHot]>>i&1<<1)
}

// turn gives an edge at a level its rows' states and its factors: of each state what it multiplies by on the way down, then what its leaves'
// sums count for on the way up. With was and is the probabilities that the feature lets a row pass which takes the edges before, and this
// too, at a point: is/was and W*other/(is*was) for a row that takes it, z*out/was and -1/(out*was) for one that does not, W being the share of
// rows that take the edges before, and other that of those that then take the other side. So no term is a difference of others.
func (s *shapTree) turn(at int, all uint64, l *[shapWords]uint64, words []uint64, f, inverses []float64, level int) {
	e, q := &s.edges[at], len(s.rule.t)
	alive, takes := all, l[shapLeft]
	if e.before >= 0 {
		alive = words[int(e.before)*shapWords+shapHot]
	}
	if at%2 == 1 {
		takes = ^takes
	}
	hot, cold := alive&takes, alive&^takes
	l[shapHot], l[shapCold] = hot, cold
	if alive != all {
		for k := range q {
			f[k], f[3*q+k] = e.share, 0
		}
	}
	z, other := float64(e.was*e.share), float64(e.was*s.edges[at^1].share)
	out := s.rule.out
	q = len(out)
	was := inverses[int(max(e.before, 0))*q:][:q] // the inverses
	if cold != 0 {
		down, up, rule := f[q:][:q], f[4*q:][:q], s.rule.cold[:q]
		if e.before < 0 {
			for k, o := range out {
				down[k], up[k] = float64(o*z), rule[k]
			}
		} else {
			for k, o := range out {
				down[k], up[k] = float64(float64(o*z)*was[k]), float64(rule[k]*was[k])
			}
		}
	}
	if hot != 0 {
		down, up, t, inverse := f[2*q:][:q], f[5*q:][:q], s.rule.t[:q], inverses[level*q:][:q]
		if e.before < 0 {
			for k, o := range out {
				is := t[k] + float64(o*z)
				inverse[k] = 1 / is
				down[k], up[k] = is, float64(other*inverse[k])
			}
		} else {
			for k, o := range out {
				is := t[k] + float64(o*z)
				inverse[k] = 1 / is
				down[k], up[k] = float64(is*was[k]), float64(float64(other*inverse[k])*was[k])
			}
		}
	}
}

// shapOneLevels is up to how many levels a row alone goes through a tree by calls.
const shapOneLevels = 256

// shapOne is block of one row and a score, with the same bits: of an edge only that is found which the row asks for.
type shapOne struct {
	s        *shapTree
	levels   []int32
	x, phi   shapTable
	row      int
	downs    []float64 // of each level, as those below
	ups      []float64 // sums of what is below a right child
	factors  []float64
	inverses []float64
	hot      []uint64
}

func (w *shapWalk) one(s *shapTree, levels []int32, x, phi shapTable, row int) {
	n := s.levels * len(s.rule.t)
	o := shapOne{s: s, levels: levels, x: x, phi: phi, row: row, downs: w.floats[:n], ups: w.floats[n : 2*n], factors: w.floats[2*n : 3*n], inverses: w.floats[3*n : 4*n], hot: w.words}
	o.visit(0, 0, s.rule.w, o.ups)
}

// visit puts into sums what the leaves below a node are worth, from being what multiplied on the way to it.
func (o *shapOne) visit(node, level int, from, sums []float64) {
	s := o.s
	q, at := len(s.rule.t), int(s.Feature[node])
	from, sums = from[:q], sums[:q]
	left := s.goLeft(node, o.x.at[at*o.x.apart+o.row:][:1], o.levels)
	adds := 0.0
	for side, child := range [2]int32{s.Left[node], s.Right[node]} {
		// the last level's children are leaves: its memory on the way down is also the children's
		to, up := o.downs[level*q:][:q], o.factors[level*q:][:q]
		e := &s.edges[2*node+side]
		z := float64(e.was * e.share)
		takes := left ^ uint64(side)
		out, t := s.rule.out[:q], s.rule.t[:q]
		switch {
		case e.before >= 0 && o.hot[e.before] == 0:
			o.hot[level] = 0
			for k, v := range from {
				to[k] = v * e.share
			}
			clear(up)
		case takes != 0:
			o.hot[level] = 1
			other, inverse := float64(e.was*s.edges[2*node+1-side].share), o.inverses[level*q:][:q]
			if e.before < 0 {
				for k, v := range from {
					is := t[k] + float64(out[k]*z)
					i := 1 / is
					inverse[k], to[k], up[k] = i, v*is, float64(other*i)
				}
				break
			}
			was := o.inverses[int(e.before)*q:][:q]
			for k, v := range from {
				is := t[k] + float64(out[k]*z)
				i := 1 / is
				inverse[k], to[k], up[k] = i, v*float64(is*was[k]), float64(float64(other*i)*was[k])
			}
		default:
			o.hot[level] = 0
			cold := s.rule.cold[:q]
			if e.before < 0 {
				for k, v := range from {
					to[k] = v * float64(out[k]*z)
				}
				up = cold
				break
			}
			was := o.inverses[int(e.before)*q:][:q]
			for k, v := range from {
				to[k], up[k] = v*float64(float64(out[k]*z)*was[k]), float64(cold[k]*was[k])
			}
		}
		switch {
		case child < 0 && side == 0:
			leaf := s.Leaf[^child]
			for k, v := range to {
				v = float64(v * leaf)
				sums[k] = v
				adds += float64(v * up[k])
			}
		case child < 0:
			leaf, part := s.Leaf[^child], 0.0
			for k, v := range to {
				v = float64(v * leaf)
				sums[k] += v
				part += float64(v * up[k])
			}
			adds += part
		case side == 0:
			o.visit(int(child), level+1, to, sums)
			adds += shapDot(sums, up)
		default:
			below := o.ups[(level+1)*q:][:q]
			o.visit(int(child), level+1, to, below)
			adds += shapDot(below, up)
			for k, v := range below {
				sums[k] += v
			}
		}
	}
	o.phi.at[at*o.phi.apart+o.row] += adds
}

func shapTimes(to, from, f []float64) {
	from, f = from[:len(to)], f[:len(to)]
	for k := range to {
		to[k] = from[k] * f[k]
	}
}

func shapDot(v, f []float64) (sum float64) {
	f = f[:len(v)]
	for k, x := range v {
		sum += float64(x * f[k])
	}
	return sum
}

// shapLeaf is a leaf's part of what an edge adds, and puts what it is worth into the sums, of which it may be the first.
func shapLeaf(sums, from, down, up []float64, leaf float64, first bool) (adds float64) {
	from, down, up = from[:len(sums)], down[:len(sums)], up[:len(sums)]
	if first {
		for k := range sums {
			v := float64(float64(from[k]*down[k]) * leaf)
			sums[k] = v
			adds += float64(v * up[k])
		}
		return adds
	}
	for k := range sums {
		v := float64(float64(from[k]*down[k]) * leaf)
		sums[k] += v
		adds += float64(v * up[k])
	}
	return adds
}

// goLeft says which rows go left at a node, by bits.
func (s *shapTree) goLeft(i int, x []float64, levels []int32) (left uint64) {
	set := func(i int, yes bool) {
		b := uint64(0)
		if yes {
			b = 1
		}
		left |= b << i
	}
	at, missing := s.Cat[i], s.MissingLeft[i]
	switch cut := s.Threshold[i]; {
	case at >= 0:
		n := int(levels[s.Feature[i]])
		for i, v := range x {
			c := int(v)
			set(i, c < n && s.Bits[int(at)+c>>6]>>(c&63)&1 != 0 || c >= n && missing)
		}
	case missing:
		for i, v := range x {
			set(i, !(v > cut))
		}
	default:
		for i, v := range x {
			set(i, v <= cut)
		}
	}
	return left
}

// of is a walk in the memory of a batch.
func (z shapSize) of(c *batch.Ctx) shapWalk {
	return shapWalk{c.Float64s(z.floats), c.Uint64s(z.words)}
}

// ofRow is a walk in a frame's memory for slot out, and so many numbers besides.
func (z shapSize) ofRow(f *Frame, out, n int) (shapWalk, []float64) {
	if len(f.Scratch[out]) != z.floats+n || len(f.Keys[out]) != z.words {
		f.Scratch[out], f.Keys[out] = make([]float64, z.floats+n), make([]uint64, z.words)
	}
	return shapWalk{f.Scratch[out][n:], f.Keys[out]}, f.Scratch[out][:n]
}

// work is about how many numbers a row takes.
func (s *shapTree) work() int { return (len(s.rule.t) + 1) * len(s.edges) }

// shapRows are the rows that go through a tree before the next tree is looked at.
const shapRows = 256

// shapBlockOf is a table of so many rows with any contents.
func shapBlockOf(c *batch.Ctx, columns int) shapTable {
	return shapTable{c.Float64s(columns * shapRows), shapRows}
}

// shapValues are the features of a batch.
func shapValues(c *batch.Ctx, levels []int32, cols []batch.Column) [][]float64 {
	values := make([][]float64, len(cols))
	for j := range cols {
		values[j] = treeFeature(c, levels[j], &cols[j])
	}
	return values
}

// load takes n rows from lo on.
func (x shapTable) load(values [][]float64, lo, n int) {
	for j, v := range values {
		copy(x.at[j*x.apart:], v[lo:lo+n])
	}
}
