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
// Legendre's rule of half as many points is exact: all of an edge's terms have one sign, so that nothing cancels but what features add and take away. All
// leaves below an edge share its factors: a row goes over the nodes once, which multiplies on the way down and sums on the way up (as in
// Linear TreeSHAP, Yu and others 2022).
//
// What edges multiply by is not kept but found on the way, for up to 16 rows at a time: Init takes 64 bytes a node, and who explains rows takes 64 KiB
// and seven numbers a point for each split on the longest path, or nine and one more if one row alone takes that much: 8 KiB for a row and a
// path of 20 splits on 10 features. A tree of which a row takes more than 8 MiB is refused.
type Shap struct {
	Of []Ensemble

	types   []batch.Type
	in      [][2]int // of each ensemble, its inputs
	base    []float64
	trees   [][]shapTree
	members []string
	size    shapSize
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
	// Bytes is what a batch of n rows takes while it is at work, its output with it.
	Bytes(n int) int64
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
	k.types, k.in, k.base, k.trees, k.members, k.size = in, nil, nil, nil, nil, shapSize{}
	rules := &shapRules{} // finding them takes longer than all else
	at := 0
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
			if err := k.size.fit(s, 1); err != nil {
				return fmt.Errorf("tree %d: %w", t, err)
			}
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
			n += trees[t].work()
		}
	}
	return n
}

// Bytes is the numbers of the rows, those of a block, and a walk's.
func (k *Shap) Bytes(n int) int64 {
	wide := 0
	for _, in := range k.in {
		wide += in[1] - in[0]
	}
	return 8 * (int64(n)*int64(len(k.members)+wide) + 2*shapRows*int64(wide) + k.size.numbers())
}

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

// Batch takes the rows in blocks, and in a block the trees in their order.
func (k *Shap) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	o := c.NewVector(n, k.members)
	w := k.size.of(c)
	member := 0
	for e := range k.Of {
		levels := k.Of[e].Trees.Levels
		cols := in[k.in[e][0]:k.in[e][1]]
		wide := len(cols)
		values := shapValues(c, levels, cols)
		x, phi := shapBlockOf(c, wide), shapBlockOf(c, wide)
		for lo := 0; lo < n; lo += shapRows {
			rows := min(shapRows, n-lo)
			x.load(values, lo, rows)
			clear(phi.at)
			for t := range k.trees[e] {
				w.add(&k.trees[e][t], shapSums{n: 1, per: 1}, levels, x, phi, wide, 0, rows)
			}
			for j := range wide {
				copy(o.Member(member + j)[lo:lo+rows], phi.at[j*phi.apart:])
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

// Row takes a row through the trees in their order.
func (k *Shap) Row(f *Frame, in, out []int) error {
	phi := f.V[out[0]]
	if len(phi) != len(k.members) {
		phi = make([]float64, len(k.members))
		f.V[out[0]] = phi
	}
	w, x := k.size.ofRow(f, out[0], len(in))
	clear(phi)
	f.Null[out[0]] = false
	for e := range k.Of {
		levels := k.Of[e].Trees.Levels
		lo, hi := k.in[e][0], k.in[e][1]
		treeValues(x[lo:hi], f, in[lo:hi], k.types[lo:hi], levels)
		for t := range k.trees[e] {
			w.add(&k.trees[e][t], shapSums{n: 1, per: 1}, levels, shapTable{x[lo:hi], 1}, shapTable{phi, 1}, hi-lo, 0, 1)
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

// gaussLegendre are the points and weights of the rule on 0 to 1 that is exact for polynomials of a degree below twice the number of roots, which
// are those of Legendre's polynomial.
func gaussLegendre(roots []float64) (t, w []float64) {
	q := len(roots)
	t, w = make([]float64, q), make([]float64, q)
	for i, x := range roots {
		_, d := legendre(q, x)
		t[i] = (1 + x) / 2
		w[i] = 1 / (float64((1-x)*(1+x)) * float64(d*d))
	}
	return t, w
}

// legendreRoots are the roots of Legendre's polynomial of degree n, each between two of the polynomial before it: halving the interval finds them
// to the bit on every machine, which a first guess by a cosine would not.
func legendreRoots(n int, before []float64) []float64 {
	edges := append(append([]float64{-1}, before...), 1)
	roots := make([]float64, n)
	for i := range roots {
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
		roots[i] = (lo + hi) / 2
	}
	return roots
}

// legendre is the polynomial of degree n and its derivative at x, which is not -1 or 1 where the derivative is wanted.
func legendre(n int, x float64) (p, d float64) {
	before, p := 1.0, x
	for k := 2; k <= n; k++ {
		before, p = p, (float64(float64(float64(2*k-1)*x)*p)-float64(float64(k-1)*before))/float64(k)
	}
	return p, float64(n) * (before - float64(x*p)) / float64((1-x)*(1+x))
}
