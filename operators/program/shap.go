package program

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Shap is what each feature adds to the raw score of trees in a row: the Shapley values of the game in which a feature that is not in a
// coalition is integrated out along the tree by the rows of the fit (Lundberg, Erion, Lee 2018, "path-dependent"). Out is a Vector with
// a member a feature and one of the mean raw score of the fit's rows, which together are the raw score but for rounding, by less than
// 1e-12 of the sum of their sizes. In are the features of all ensembles, one behind another.
//
// A leaf of value v on whose path the distinct features i let pass the shares z[i] of the rows, and the row itself or not (o[i] is 1 or
// 0), gives feature j
//
//	v * (o[j]-z[j]) * integral from 0 to 1 of (product over i != j of t*o[i] + (1-t)*z[i]) dt
//
// as a feature is in a coalition with probability t, t being uniform (Owen 1972). The integrand is a polynomial, for which Gauss and
// Legendre's rule of half as many points is exact: the points of a leaf have terms of one sign, and the only difference is an edge's own, of the
// path with it and without, so that what cancels does not grow with the path. All leaves below an edge share its factors: a row takes two passes
// over the nodes, one down that multiplies, one up that sums (as in Linear TreeSHAP, Yu and others 2022).
type Shap struct {
	Of []Ensemble

	types   []batch.Type
	in      [][2]int // of each ensemble, its inputs
	base    []float64
	trees   [][]shapTree
	members []string
	scratch int // floats that a row takes
}

// Ensemble is the trees of a class, "" where there is one score only.
type Ensemble struct {
	Class string
	Trees *Trees
}

func init() { Register(func() Kind { return &Shap{} }) }

// ShapPrefix begins the names of the members: shap_hour, shap_base; of many classes shap_CLASS_hour.
const ShapPrefix = "shap_"

// Explained is a kind whose output is what features add to scores: for each score a member a feature, then its base.
type Explained interface {
	Kind
	// Adds are the features of each score, by name.
	Adds() [][]string
	// Work is about how many numbers a row takes.
	Work() int
}

// Explain gives the graph one output more, of a kind that is Explained: what the features add to the raw scores that the output score is
// made of. Only scores of trees can be told apart so. A member of score is a class, whose name may begin with score's.
func Explain(g Graph, score, out string) (Graph, error) {
	maker := func(slot int) *Node {
		for i := range g.Nodes {
			if slices.Contains(g.Nodes[i].Out, slot) {
				return &g.Nodes[i]
			}
		}
		return nil
	}
	at := slices.IndexFunc(g.Out, func(p Port) bool { return p.Name == score })
	if at < 0 {
		return g, fmt.Errorf("the model has no output %q", score)
	}
	names := func(members []string) (classes []string) {
		for _, m := range members {
			classes = append(classes, strings.TrimPrefix(m, score+"_"))
		}
		return classes
	}
	k := &Shap{}
	node := Node{Kind: k}
	slots, classes := []int{g.Out[at].Slot}, []string{""}
	if n := maker(slots[0]); n != nil {
		switch s := n.Kind.(type) {
		case *Softmax:
			slots, classes = n.In, names(s.Members)
		case *Forest:
			if len(s.Names) == 0 {
				return g, errNoCover
			}
			slots = nil
			node = Node{Kind: &ForestShap{Classes: names(s.Members), Forest: s}, In: n.In, Step: n.Step}
		}
	}
	for j, slot := range slots {
		n := maker(slot)
		if n == nil {
			return g, fmt.Errorf("the model's output %q is an input", score)
		}
		of := 1.0 // how many trees the score is the mean of
		if a, ok := n.Kind.(*Affine); ok && len(a.Sub) == 1 && a.Sub[0] == 0 {
			if sum := maker(n.In[0]); sum != nil {
				n, of = sum, a.Div[0]
			}
		}
		t, ok := n.Kind.(*Trees)
		switch {
		case !ok:
			return g, fmt.Errorf("the model ends in %q, and only trees can be explained", n.Kind.ID())
		case len(t.Names) == 0:
			return g, errNoCover
		}
		k.Of = append(k.Of, Ensemble{classes[j], t.over(of)})
		node.In, node.Step = append(node.In, n.In...), n.Step
	}
	g.In, g.Out, g.Nodes, g.Types = slices.Clone(g.In), slices.Clone(g.Out), slices.Clone(g.Nodes), slices.Clone(g.Types)
	node.Out = []int{g.slot(batch.T(batch.Vector))}
	if err := g.init(node); err != nil {
		return g, err
	}
	g.Nodes = append(g.Nodes, node)
	g.Output(out, node.Out[0])
	return g, nil
}

// over is the ensemble whose raw score is this one's over n.
func (k *Trees) over(n float64) *Trees {
	if n == 1 {
		return k
	}
	out := &Trees{Base: k.Base / n, Levels: k.Levels, Names: k.Names, Trees: slices.Clone(k.Trees)}
	for i := range out.Trees {
		leaf := slices.Clone(out.Trees[i].Leaf)
		for j := range leaf {
			leaf[j] /= n
		}
		out.Trees[i].Leaf = leaf
	}
	return out
}

var errNoCover = errors.New("the model was made by a version that did not keep how many rows came to each leaf: it can be explained after it is trained again")

// ID is "shap".
func (*Shap) ID() string { return "shap" }

// Init checks the trees and finds the factors of their edges. The trees may be another node's, that scores with them.
func (k *Shap) Init(in, out []batch.Type) error {
	wide := 0
	for _, e := range k.Of {
		wide += len(e.Trees.Levels)
	}
	if err := slots(in, out, wide, 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Vector); err != nil {
		return err
	}
	k.types, k.in, k.base, k.trees, k.members, k.scratch = in, nil, nil, nil, nil, 0
	rules := map[int][2][]float64{} // by their points: finding them takes longer than all else
	at, kept := 0, 0
	for _, e := range k.Of {
		n := len(e.Trees.Levels)
		if len(e.Trees.Names) == 0 {
			return fmt.Errorf("the trees do not say how many rows came to each leaf")
		}
		if err := e.Trees.check(in[at:at+n], []batch.Type{batch.T(batch.Float64)}); err != nil {
			return err
		}
		k.in = append(k.in, [2]int{at, at + n})
		at += n
		base := e.Trees.Base
		trees := make([]shapTree, len(e.Trees.Trees))
		for t := range trees {
			s := &trees[t]
			s.init(&e.Trees.Trees[t], rules)
			base += s.mean
			if kept += s.tableSize(); kept <= shapTablesMax {
				s.table = s.factors(make([]float64, s.tableSize()))
			}
			k.scratch = max(k.scratch, s.rowSize()+s.tableSize())
		}
		k.base, k.trees = append(k.base, base), append(k.trees, trees)
	}
	var classes []string
	for _, e := range k.Of {
		classes = append(classes, e.Class)
	}
	k.members = shapMembers(classes, k.Adds())
	return nil
}

// Adds are the features of each ensemble.
func (k *Shap) Adds() (names [][]string) {
	for _, e := range k.Of {
		names = append(names, e.Trees.Names)
	}
	return names
}

// Work is a vector an edge.
func (k *Shap) Work() (n int) {
	for _, trees := range k.trees {
		for t := range trees {
			n += trees[t].rowSize()
		}
	}
	return n
}

// shapTablesMax is how many factors are kept; those of the trees beyond are made again for every block of rows.
const shapTablesMax = 1 << 20

// shapMembers are the members of an Explained kind.
func shapMembers(classes []string, names [][]string) (members []string) {
	taken := map[string]bool{}
	for j, class := range classes {
		prefix := ShapPrefix
		if class != "" {
			prefix += class + "_"
		}
		for _, n := range append(slices.Clone(names[j]), "base") {
			for n = prefix + n; taken[n]; {
				n += "_" // a feature is called base, or with its class as another with its own
			}
			taken[n] = true
			members = append(members, n)
		}
	}
	return members
}

// shapTree is a tree with what of its edges does not depend on a row. Edge 2i goes to the left child of node i, 2i+1 to the right one.
type shapTree struct {
	*Tree
	mean  float64    // of the leaves, by the rows of the fit
	edges []shapEdge // two a node
	into  []int32    // of each node, the edge that leads to it; -1 of the root
	t, w  []float64  // points and weights of the integral
	table []float64  // factors of the edges, if they are kept
}

type shapEdge struct {
	before int32   // the nearest edge above by the same feature, -1 if none
	share  float64 // of the node's rows, those that take the edge
	z, was float64 // the product of share over this and the edges before; that of those before
}

func (s *shapTree) init(t *Tree, rules map[int][2][]float64) {
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
	s.edges, s.into = make([]shapEdge, 2*n), make([]int32, n)
	for i := range n {
		for side, c := range [2]int32{t.Left[i], t.Right[i]} {
			e := &s.edges[2*i+side]
			if e.share = 0.5; cover[i] > 0 { // of a node that no row came to, either side is as good
				e.share = float64(of(c)) / float64(cover[i])
			}
		}
	}
	most := s.paths()
	q := min((most+1)/2, pointsMax)
	rule, ok := rules[q]
	if !ok {
		rule[0], rule[1] = gaussLegendre(q)
		rules[q] = rule
	}
	s.t, s.w = rule[0], rule[1]
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
	if len(s.edges) == 0 {
		return 0
	}
	s.into[0] = -1
	last := map[int32]int32{} // of each feature that is on the path, its last edge
	const leave = 1 << 31     // marks an edge that the path goes back by
	todo := []uint32{1, 0}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		i := at &^ leave / 2
		e, f := &s.edges[at&^leave], s.Feature[i]
		if at&leave != 0 {
			if last[f] = e.before; e.before < 0 {
				delete(last, f)
			}
			continue
		}
		before, again := last[f]
		if e.before, e.was = -1, 1; again {
			e.before, e.was = before, s.edges[before].z
		}
		e.z = float64(e.was * e.share)
		last[f] = int32(at)
		most = max(most, len(last))
		todo = append(todo, at|leave)
		c := s.Left[i]
		if at%2 == 1 {
			c = s.Right[i]
		}
		if c >= 0 {
			s.into[c] = int32(at)
			todo = append(todo, 2*uint32(c)+1, 2*uint32(c))
		}
	}
	return most
}

// tableSize is how many factors the edges have: four a point.
func (s *shapTree) tableSize() int { return 4 * len(s.t) * len(s.edges) }

// factors fills a table: of each edge that rows take which took the one before, what it multiplies by on the way down if they take it
// and if they do not, and on the way up what its leaves' sums count for.
func (s *shapTree) factors(table []float64) []float64 {
	q := len(s.t)
	for i := range s.edges {
		e := &s.edges[i]
		f := table[4*q*i : 4*q*(i+1)]
		for k, t := range s.t {
			out := 1 - t
			is, was := t+float64(out*e.z), t+float64(out*e.was)
			f[k], f[q+k] = is/was, float64(out*e.z)/was
			before := (1 - e.was) / was
			f[2*q+k], f[3*q+k] = (1-e.z)/is-before, -1/out-before
		}
	}
	return table
}

// rowSize is how many floats a row takes: a state and a vector an edge.
func (s *shapTree) rowSize() int { return (len(s.t) + 1) * len(s.edges) }

// States of an edge for a row: the row does not take one before it by the same feature; it takes those, and not this; it takes this too.
const (
	edgeDead = iota
	edgeCold
	edgeHot
)

// add adds what the features of a row do to phi. x are the features as treeFeature has them.
func (s *shapTree) add(phi, x, table, scratch []float64, levels []int32) {
	s.down(x, table, scratch, levels)
	s.up(phi, table, scratch)
}

// down gives the edges their states and what their factors make on the way down, at a leaf times its value.
func (s *shapTree) down(x, table, scratch []float64, levels []int32) {
	q, n := len(s.t), len(s.Feature)
	state, vecs := scratch[:2*n], scratch[2*n:2*n+2*n*q]
	for i := range n {
		from := s.w
		if e := int(s.into[i]); e >= 0 {
			from = vecs[e*q : e*q+q]
		}
		left := s.left(i, x[s.Feature[i]], levels)
		for side, c := range [2]int32{s.Left[i], s.Right[i]} {
			at := 2*i + side
			e := &s.edges[at]
			to := vecs[at*q : at*q+q]
			leaf := 1.0
			if c < 0 {
				leaf = s.Leaf[^c]
			}
			if e.before >= 0 && state[e.before] != edgeHot {
				state[at] = edgeDead
				for k, v := range from {
					to[k] = v * e.share * leaf
				}
				continue
			}
			f := table[4*q*at : 4*q*at+2*q]
			if (side == 0) == left {
				state[at] = edgeHot
				f = f[:q]
			} else {
				state[at] = edgeCold
				f = f[q:]
			}
			for k, v := range from {
				to[k] = v * f[k] * leaf
			}
		}
	}
}

// up sums on the way up.
func (s *shapTree) up(phi, table, scratch []float64) {
	q, n := len(s.t), len(s.Feature)
	state, vecs := scratch[:2*n], scratch[2*n:2*n+2*n*q]
	for i := n - 1; i >= 0; i-- {
		sum := 0.0
		for at := 2 * i; at < 2*i+2; at++ {
			if state[at] == edgeDead {
				continue
			}
			f := table[4*q*at+2*q : 4*q*at+4*q]
			if state[at] == edgeHot {
				f = f[:q]
			} else {
				f = f[q:]
			}
			for k, v := range vecs[at*q : at*q+q] {
				sum += float64(v * f[k])
			}
		}
		phi[s.Feature[i]] += sum
		if e := int(s.into[i]); e >= 0 {
			to, l, r := vecs[e*q:e*q+q], vecs[2*i*q:2*i*q+q], vecs[(2*i+1)*q:(2*i+1)*q+q]
			for k := range to {
				to[k] = l[k] + r[k]
			}
		}
	}
}

// left says whether a value goes left at node i.
func (s *shapTree) left(i int, x float64, levels []int32) bool {
	at := s.Cat[i]
	if at < 0 {
		return x <= s.Threshold[i] || x != x && s.MissingLeft[i]
	}
	c := int(x)
	if c >= int(levels[s.Feature[i]]) {
		return s.MissingLeft[i]
	}
	return s.Bits[int(at)+c>>6]>>(c&63)&1 != 0
}

// shapRows are the rows that go through a tree before the next tree is looked at.
const shapRows = 256

// Batch takes the rows in blocks, and in a block the trees in their order.
func (k *Shap) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	o := c.NewVector(n, k.members)
	scratch := c.Float64s(k.scratch)
	member := 0
	for e := range k.Of {
		ens := k.Of[e].Trees
		cols := in[k.in[e][0]:k.in[e][1]]
		values := make([][]float64, len(cols))
		for j := range cols {
			values[j] = treeFeature(c, ens.Levels[j], &cols[j])
		}
		wide := len(cols)
		x, phi := c.Float64s(shapRows*wide), c.Float64s(shapRows*wide)
		for lo := 0; lo < n; lo += shapRows {
			rows := min(shapRows, n-lo)
			for j, v := range values {
				for i, y := range v[lo : lo+rows] {
					x[i*wide+j] = y
				}
			}
			clear(phi)
			for t := range k.trees[e] {
				s := &k.trees[e][t]
				table, rest := s.tables(scratch)
				for i := range rows {
					s.add(phi[i*wide:(i+1)*wide], x[i*wide:(i+1)*wide], table, rest, ens.Levels)
				}
			}
			for j := range wide {
				m := o.Member(member + j)[lo : lo+rows]
				for i := range m {
					m[i] = phi[i*wide+j]
				}
			}
		}
		base := o.Member(member + wide)
		for i := range base {
			base[i] = k.base[e]
		}
		member += wide + 1
	}
	out[0] = o
	return nil
}

// tables are the factors of the edges and what of scratch is left for rows.
func (s *shapTree) tables(scratch []float64) (table, rest []float64) {
	if s.table != nil {
		return s.table, scratch
	}
	n := s.tableSize()
	return s.factors(scratch[:n]), scratch[n:]
}

// Row takes a row through the trees in their order.
func (k *Shap) Row(f *Frame, in, out []int) error {
	phi := f.V[out[0]]
	if len(phi) != len(k.members) {
		phi = make([]float64, len(k.members))
		f.V[out[0]] = phi
	}
	scratch := f.Scratch[out[0]]
	if len(scratch) != k.scratch+len(in) {
		scratch = make([]float64, k.scratch+len(in))
		f.Scratch[out[0]] = scratch
	}
	x, scratch := scratch[:len(in)], scratch[len(in):]
	clear(phi)
	f.Null[out[0]] = false
	for e := range k.Of {
		ens := k.Of[e].Trees
		lo, hi := k.in[e][0], k.in[e][1]
		treeValues(x[lo:hi], f, in[lo:hi], k.types[lo:hi], ens.Levels)
		for t := range k.trees[e] {
			s := &k.trees[e][t]
			table, rest := s.tables(scratch)
			s.add(phi[:hi-lo], x[lo:hi], table, rest, ens.Levels)
		}
		phi[hi-lo] = k.base[e]
		phi = phi[hi-lo+1:]
	}
	return nil
}

// treeValues are the features of a row in a frame, as treeFeature has them.
func treeValues(x []float64, f *Frame, in []int, types []batch.Type, levels []int32) {
	for j, s := range in {
		switch l := levels[j]; {
		case l == 0:
			x[j] = frameNumber(f, types[j], s)
		case f.Null[s]:
			x[j] = float64(l)
		default:
			x[j] = levelOf(f.I[s], l)
		}
	}
}

// Encode writes the ensembles.
func (k *Shap) Encode(w *canon.Writer) {
	w.Uint(uint64(len(k.Of)))
	for _, e := range k.Of {
		w.String(e.Class)
		var t canon.Writer
		e.Trees.Encode(&t)
		w.Bytes(t.Buf)
	}
}

// Decode reads the ensembles.
func (k *Shap) Decode(r *canon.Reader) {
	for i := range r.Len(2) {
		e := Ensemble{Class: r.String(), Trees: &Trees{}}
		t := canon.NewReader(r.View())
		e.Trees.Decode(t)
		if err := t.End(); err != nil {
			r.Fail("ensemble %d: %s", i, canon.Cause(err))
		}
		if r.Err() != nil {
			return
		}
		k.Of = append(k.Of, e)
	}
}

// checkCover holds that a tree says how many rows came to each leaf, or nothing.
func (t *Tree) checkCover(told bool) error {
	if !told && len(t.Cover) == 0 {
		return nil
	}
	if !told || len(t.Cover) != len(t.Leaf) {
		return fmt.Errorf("the rows of %d leaves of %d", len(t.Cover), len(t.Leaf))
	}
	sum := int64(0)
	for i, n := range t.Cover {
		if n < 0 || n > 1<<53-sum { // so that sums are exact as floats too
			return fmt.Errorf("leaf %d has %d rows", i, n)
		}
		sum += n
	}
	return nil
}

// encodeCover writes names and covers behind all else, so that trees without them are the bytes that they were before there were any.
func encodeCover(w *canon.Writer, names []string, trees []Tree) {
	if len(names) == 0 {
		return
	}
	w.Strings(names)
	for i := range trees {
		canon.Ints(w, trees[i].Cover)
	}
}

func decodeCover(r *canon.Reader, trees []Tree) (names []string) {
	if r.Err() != nil || r.Rest() == 0 {
		return nil
	}
	if names = r.Strings(); len(names) == 0 {
		r.Fail("names of no features")
	}
	for i := range trees {
		trees[i].Cover = canon.ReadInts[int64](r)
	}
	return names
}

// gaussLegendre are the points and weights of the rule on 0 to 1 that is exact for polynomials of a degree below 2*q.
//
// The points are the roots of Legendre's polynomials, each between two of the polynomial before it: halving the interval finds them
// to the bit on every machine, which a first guess by a cosine would not.
func gaussLegendre(q int) (t, w []float64) {
	roots := []float64{}
	for n := 1; n <= q; n++ {
		edges := append(append([]float64{-1}, roots...), 1)
		next := make([]float64, n)
		for i := range next {
			lo, hi := edges[i], edges[i+1]
			sign, _ := legendre(n, hi)
			for range 200 {
				mid := (lo + hi) / 2
				if mid == lo || mid == hi {
					break
				}
				if p, _ := legendre(n, mid); (p > 0) == (sign > 0) {
					hi = mid
				} else {
					lo = mid
				}
			}
			next[i] = (lo + hi) / 2
		}
		roots = next
	}
	t, w = make([]float64, q), make([]float64, q)
	for i, x := range roots {
		_, d := legendre(q, x)
		t[i] = (1 + x) / 2
		w[i] = 1 / (float64((1-x)*(1+x)) * float64(d*d))
	}
	return t, w
}

// legendre is the polynomial of degree n and its derivative at x, which is not -1 or 1 where the derivative is wanted.
func legendre(n int, x float64) (p, d float64) {
	before, p := 1.0, x
	for k := 2; k <= n; k++ {
		before, p = p, (float64(float64(float64(2*k-1)*x)*p)-float64(float64(k-1)*before))/float64(k)
	}
	return p, float64(n) * (before - float64(x*p)) / float64((1-x)*(1+x))
}
