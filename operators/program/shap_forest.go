package program

import (
	"fmt"
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// ForestShap is what each feature adds to the probabilities that a forest says of a row, as Shap has it of a score: Shapley values by the
// rows of the fit. In are the features. Out is a Vector with, for each class, a member a feature and one of the mean probability of the
// fit's rows, which together are the class's probability but for rounding.
//
// A row goes through a tree once for eight classes, over what leads to leaves that have a share of one of them: most leaves of a full tree are of one
// class.
type ForestShap struct {
	Classes []string // as members are named by
	Forest  *Forest

	types   []batch.Type
	base    []float64 // of each class
	trees   []shapTree
	members []string
	sums    []shapSums // the classes, a walk's together
	size    shapSize
}

func init() { Register(func() Kind { return &ForestShap{} }) }

// ID is "forest_shap".
func (*ForestShap) ID() string { return "forest_shap" }

// forestShapMax is how many members there are at most.
const forestShapMax = 1 << 16

// Init checks the trees and finds their edges. The trees may be another node's, that predicts with them.
func (k *ForestShap) Init(in, out []batch.Type) error {
	f := k.Forest
	if err := f.check(in, out); err != nil {
		return err
	}
	switch n := len(k.Classes) * (len(in) + 1); {
	case len(f.Names) == 0:
		return fmt.Errorf("the trees do not say how many rows came to each leaf")
	case len(k.Classes) != len(f.Members):
		return fmt.Errorf("%d names of %d classes", len(k.Classes), len(f.Members))
	case n > forestShapMax:
		return fmt.Errorf("%d features of %d classes are %d numbers a row, more than %d", len(in), len(k.Classes), n, forestShapMax)
	}
	k.members = shapMembers(k.Classes, k.Adds())
	k.types, k.base, k.trees, k.size = in, make([]float64, len(k.Classes)), make([]shapTree, len(f.Trees)), shapSize{}
	leaves := 0
	for t := range f.Trees {
		leaves = max(leaves, len(f.Trees[t].Leaf))
	}
	ones := slices.Repeat([]float64{1}, leaves)
	rules, classes := &shapRules{}, len(k.Classes)
	k.sums = nil
	for first := 0; first < classes; first += shapSumsMax {
		k.sums = append(k.sums, shapSums{n: min(shapSumsMax, classes-first), first: first, shares: &f.Shares, per: (classes + 63) / 64})
	}
	for t := range f.Trees {
		tree := f.Trees[t]
		tree.Leaf = ones[:len(tree.Leaf)] // what a leaf says of a class is asked for on the way up
		s := &k.trees[t]
		s.init(&tree, rules)
		k.means(s, f.Trees[t].Leaf)
		s.Tree = &f.Trees[t]
		k.find(s)
		if err := k.size.fit(s, min(shapSumsMax, classes)); err != nil {
			return fmt.Errorf("tree %d: %w", t, err)
		}
	}
	for c := range k.base {
		k.base[c] /= float64(len(f.Trees))
	}
	return nil
}

// Bytes is the numbers of the rows, those of a block, and a walk's.
func (k *ForestShap) Bytes(n int) int64 {
	wide := int64(len(k.types))
	return 8 * (int64(n)*(int64(len(k.members))+wide) + shapRows*wide + max(forestShapNumbers, int64(len(k.members))) + k.size.numbers())
}

// find says of each node which classes there are below it.
func (k *ForestShap) find(s *shapTree) {
	sh, per := &k.Forest.Shares, int32(k.sums[0].per)
	s.below = make([]uint64, len(s.Feature))
	for i := len(s.Feature) - 1; i >= 0; i-- {
		for _, c := range [2]int32{s.Left[i], s.Right[i]} {
			if c >= 0 {
				s.below[i] |= s.below[c]
				continue
			}
			d := int(s.Leaf[^c])
			for at := sh.At[d]; at < sh.At[d+1]; at++ {
				s.below[i] |= 1 << (sh.Class[at] / per)
			}
		}
	}
}

// means adds what a tree says of each class in the mean, by the rows of the fit.
func (k *ForestShap) means(s *shapTree, leaf []float64) {
	add := func(distribution int, share float64) {
		sh := &k.Forest.Shares
		for at := sh.At[distribution]; at < sh.At[distribution+1]; at++ {
			k.base[sh.Class[at]] += float64(sh.Share[at] * share)
		}
	}
	n := len(s.Feature)
	if n == 0 {
		add(int(leaf[0]), 1)
		return
	}
	come := make([]float64, n) // to each node, as a share of the rows
	come[0] = 1
	for i := range n {
		for side, c := range [2]int32{s.Left[i], s.Right[i]} {
			if share := come[i] * s.edges[2*i+side].share; c < 0 {
				add(int(leaf[^c]), share)
			} else {
				come[c] = share
			}
		}
	}
}

// Adds are the features, of each class the same.
func (k *ForestShap) Adds() [][]string {
	return slices.Repeat([][]string{k.Forest.Names}, len(k.Classes))
}

// Work is a vector an edge on the way down, and on the way up of each class.
func (k *ForestShap) Work() (n int) {
	for t := range k.trees {
		n += k.trees[t].work() * (1 + len(k.Classes))
	}
	return n
}

// forestShapNumbers is about how many numbers the rows at work add up.
const forestShapNumbers = 1 << 18

// add adds what the features of n rows do to phi, which has so many columns a class.
func (k *ForestShap) add(w *shapWalk, s *shapTree, x, phi shapTable, columns, n int) {
	for _, m := range k.sums {
		of := shapTable{phi.at[m.first*columns*phi.apart:], phi.apart}
		w.add(s, m, k.Forest.Levels, x, of, columns, 0, n)
	}
}

// Batch takes the rows in blocks, and in a block the trees in their order.
func (k *ForestShap) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	classes, wide := len(k.Classes), len(in)
	o := c.NewVector(n, k.members)
	values := shapValues(c, k.Forest.Levels, in)
	size := classes * wide
	block := max(1, min(shapRows, forestShapNumbers/max(size, 1)))
	w, x, phi := k.size.of(c), shapBlockOf(c, wide), shapTable{c.Float64s(block * size), block}
	for lo := 0; lo < n; lo += block {
		rows := min(block, n-lo)
		x.load(values, lo, rows)
		clear(phi.at)
		for t := range k.trees {
			k.add(&w, &k.trees[t], x, phi, wide, rows)
		}
		for class := range classes {
			for j := range wide {
				m, from := o.Member(class*(wide+1) + j)[lo:lo+rows], phi.at[(class*wide+j)*block:]
				for i := range m {
					m[i] = from[i] / float64(len(k.trees))
				}
			}
		}
	}
	for class, mean := range k.base {
		m := o.Member(class*(wide+1) + wide)
		for i := range m {
			m[i] = mean
		}
	}
	out[0] = o
	return nil
}

// Row takes a row through the trees in their order.
func (k *ForestShap) Row(f *Frame, in, out []int) error {
	wide := len(in)
	phi := f.V[out[0]]
	if len(phi) != len(k.members) {
		phi = make([]float64, len(k.members))
		f.V[out[0]] = phi
	}
	w, x := k.size.ofRow(f, out[0], wide)
	f.Null[out[0]] = false
	treeValues(x, f, in, k.types, k.Forest.Levels)
	clear(phi)
	for t := range k.trees {
		k.add(&w, &k.trees[t], shapTable{x, 1}, shapTable{phi, 1}, wide+1, 1)
	}
	for class, mean := range k.base {
		of := phi[class*(wide+1):][:wide+1]
		for j := range of {
			of[j] /= float64(len(k.trees))
		}
		of[wide] = mean
	}
	return nil
}

// Encode writes the classes and the forest.
func (k *ForestShap) Encode(w *canon.Writer) {
	w.Strings(k.Classes)
	var f canon.Writer
	k.Forest.Encode(&f)
	w.Bytes(f.Buf)
}

// Decode reads the classes and the forest.
func (k *ForestShap) Decode(r *canon.Reader) {
	k.Classes, k.Forest = r.Strings(), &Forest{}
	f := canon.NewReader(r.View())
	k.Forest.Decode(f)
	if err := f.End(); err != nil {
		r.Fail("%s", canon.Cause(err))
	}
}
