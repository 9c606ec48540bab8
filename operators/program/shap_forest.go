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
// A row goes down a tree once, and up once a class, over what leads to leaves that have a share of it: most leaves of a full tree are of one class.
type ForestShap struct {
	Classes []string // as members are named by
	Forest  *Forest

	types   []batch.Type
	base    []float64 // of each class
	trees   []shapTree
	members []string
	scratch int // floats that a row takes
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
	k.types, k.base, k.trees, k.scratch = in, make([]float64, len(k.Classes)), make([]shapTree, len(f.Trees)), 0
	leaves := 0
	for t := range f.Trees {
		leaves = max(leaves, len(f.Trees[t].Leaf))
	}
	ones := slices.Repeat([]float64{1}, leaves)
	rules := map[int][2][]float64{}
	for t := range f.Trees {
		tree := f.Trees[t]
		tree.Leaf = ones[:len(tree.Leaf)] // what a leaf says of a class is asked for on the way up
		s := &k.trees[t]
		s.init(&tree, rules)
		k.means(s, f.Trees[t].Leaf)
		k.scratch = max(k.scratch, k.rowSize(s)+s.tableSize())
	}
	for c := range k.base {
		k.base[c] /= float64(len(f.Trees))
	}
	return nil
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
		n += k.trees[t].rowSize() * (1 + len(k.Classes))
	}
	return n
}

// rowSize is how many floats a row takes: of each edge a state, whether it leads to a class, and a vector on the way down and on the way up.
func (k *ForestShap) rowSize(s *shapTree) int { return 2 * (len(s.t) + 1) * len(s.edges) }

// add adds what the features of a row do to phi, whose classes are so far apart. leaf are the places of the leaves' distributions.
func (k *ForestShap) add(s *shapTree, leaf, phi []float64, apart int, x, table, scratch []float64) {
	s.down(x, table, scratch, k.Forest.Levels)
	for class := range k.Classes {
		k.up(s, leaf, int32(class), phi[class*apart:], table, scratch)
	}
}

// up is shapTree.up of a class.
func (k *ForestShap) up(s *shapTree, leaf []float64, class int32, phi, table, scratch []float64) {
	q, n := len(s.t), len(s.Feature)
	size := (q + 1) * 2 * n
	state, down := scratch[:2*n], scratch[2*n:size]
	leads, sums := scratch[size:size+2*n], scratch[size+2*n:2*size]
	for i := n - 1; i >= 0; i-- {
		var to []float64 // what is summed for the edge that leads here
		e := int(s.into[i])
		if e >= 0 {
			to, leads[e] = sums[e*q:e*q+q], 0
			clear(to)
		}
		adds := 0.0
		for side, c := range [2]int32{s.Left[i], s.Right[i]} {
			at := 2*i + side
			vec, share := sums[at*q:at*q+q], leads[at]
			if c < 0 {
				vec, share = down[at*q:at*q+q], k.Forest.Shares.of(int(leaf[^c]), class)
			}
			if share == 0 {
				continue
			}
			if e >= 0 {
				leads[e] = 1
				for j, v := range vec {
					to[j] += float64(share * v)
				}
			}
			f := table[4*q*at+2*q : 4*q*at+4*q]
			switch state[at] {
			case edgeDead:
				continue
			case edgeHot:
				f = f[:q]
			default:
				f = f[q:]
			}
			sum := 0.0
			for j, v := range vec {
				sum += float64(v * f[j])
			}
			adds += float64(share * sum)
		}
		phi[s.Feature[i]] += adds
	}
}

// forestShapNumbers is about how many numbers the rows at work add up.
const forestShapNumbers = 1 << 18

// Batch takes the rows in blocks, and in a block the trees in their order.
func (k *ForestShap) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	classes, wide := len(k.Classes), len(in)
	o := c.NewVector(n, k.members)
	values := make([][]float64, wide)
	for j := range in {
		values[j] = treeFeature(c, k.Forest.Levels[j], &in[j])
	}
	size := classes * wide
	block := min(n, shapRows, forestShapNumbers/max(size, 1))
	x, phi, scratch := c.Float64s(block*wide), c.Float64s(block*size), c.Float64s(k.scratch)
	for lo := 0; lo < n; lo += block {
		rows := min(block, n-lo)
		for j, v := range values {
			for i, y := range v[lo : lo+rows] {
				x[i*wide+j] = y
			}
		}
		clear(phi)
		for t := range k.trees {
			s := &k.trees[t]
			table, rest := s.tables(scratch)
			for i := range rows {
				k.add(s, k.Forest.Trees[t].Leaf, phi[i*size:(i+1)*size], wide, x[i*wide:(i+1)*wide], table, rest)
			}
		}
		for class := range classes {
			for j := range wide {
				m := o.Member(class*(wide+1) + j)[lo : lo+rows]
				for i := range m {
					m[i] = phi[i*size+class*wide+j] / float64(len(k.trees))
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
	scratch := f.Scratch[out[0]]
	if len(scratch) != k.scratch+wide {
		scratch = make([]float64, k.scratch+wide)
		f.Scratch[out[0]] = scratch
	}
	x, scratch := scratch[:wide], scratch[wide:]
	f.Null[out[0]] = false
	treeValues(x, f, in, k.types, k.Forest.Levels)
	clear(phi)
	for t := range k.trees {
		s := &k.trees[t]
		table, rest := s.tables(scratch)
		k.add(s, k.Forest.Trees[t].Leaf, phi, wide+1, x, table, rest)
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
