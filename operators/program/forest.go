package program

import (
	"fmt"
	"math"
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Forest is the mean of what decision trees say of a row's class: for i { for t { d := the distribution at the leaf that row i reaches in
// tree t; for j in d's classes { out[j][i] += d's share of j } }; for j { out[j][i] /= trees } }, in the order of the trees. A leaf is the
// place of its distribution in Shares.
//
// In are features as Trees has them. Out is a Vector whose members are named, one a class, and never null.
type Forest struct {
	Levels  []int32
	Members []string
	Trees   []Tree
	Shares  Shares
	Names   []string // of each feature, for people; none where the trees do not say their Cover either

	types []batch.Type
	cuts  [][]float64 // of each number, the thresholds of all trees, rising
	nodes []forestNode
	roots []uint32
	sets  []uint64
}

// Shares are distributions over classes. Distribution i is of the classes Class[At[i]:At[i+1]], rising.
type Shares struct {
	At, Class []int32
	Share     []float64
}

func init() { Register(func() Kind { return &Forest{} }) }

// ID is "forest".
func (*Forest) ID() string { return "forest" }

// forestNode is a node or a leaf. A row goes to first unless its code of the feature is above cut, then to the node behind it; a leaf is
// reached again. Codes tell numbers apart as far as the thresholds do: a number's code is how many of its feature's thresholds are below
// it, and one more. Each has two, that say missing goes right, and left: they differ where it is missing, by the greatest and by 0.
type forestNode struct {
	cut   uint32
	value uint32 // of the row's codes: of a feature the first or the second; with codeNode, sets[cut:] are what goes to first
	first uint32 // of a leaf: itself
	leaf  int32  // the place of its distribution; -1 of a node
}

// Init checks the trees and packs them.
func (k *Forest) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Levels), 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Vector); err != nil {
		return err
	}
	if len(k.Trees) == 0 || len(k.Members) == 0 {
		return fmt.Errorf("%d trees of %d classes", len(k.Trees), len(k.Members))
	}
	for j, m := range k.Members {
		if slices.Contains(k.Members[:j], m) {
			return fmt.Errorf("two members %q", m)
		}
	}
	if err := treeInputs(in, k.Levels); err != nil {
		return err
	}
	if len(k.Names) > 0 && len(k.Names) != len(in) {
		return fmt.Errorf("%d names of %d features", len(k.Names), len(in))
	}
	if err := k.Shares.check(len(k.Members)); err != nil {
		return err
	}
	k.types, k.nodes, k.roots, k.sets = in, nil, nil, nil
	k.cuts = make([][]float64, len(in))
	total := 0
	for t := range k.Trees {
		err := k.Trees[t].check(k.Levels)
		if err == nil {
			err = k.Trees[t].checkCover(len(k.Names) > 0)
		}
		if err != nil {
			return fmt.Errorf("tree %d: %w", t, err)
		}
		for _, l := range k.Trees[t].Leaf {
			if !(l >= 0 && l < float64(len(k.Shares.At)-1)) || l != math.Trunc(l) {
				return fmt.Errorf("tree %d: no distribution %v", t, l)
			}
		}
		for i, f := range k.Trees[t].Feature {
			if k.Levels[f] == 0 {
				k.cuts[f] = append(k.cuts[f], k.Trees[t].Threshold[i])
			}
		}
		if total += 2*len(k.Trees[t].Feature) + 1; total > math.MaxInt32 {
			return fmt.Errorf("more than %d nodes", math.MaxInt32)
		}
	}
	for f, c := range k.cuts {
		slices.Sort(c)
		k.cuts[f] = slices.Compact(c)
	}
	k.nodes = make([]forestNode, 0, total)
	for t := range k.Trees {
		k.pack(&k.Trees[t])
	}
	return nil
}

// treeInputs checks the types of features: numbers where there are no levels, else codes.
func treeInputs(in []batch.Type, levels []int32) error {
	for j, t := range in {
		switch l := levels[j]; {
		case l < 0 || l > 1<<30:
			return fmt.Errorf("feature %d has %d levels", j, l)
		case l == 0 && !isNumber(t):
			return fmt.Errorf("feature %d is %s, want a number", j, t)
		case l > 0 && !t.Integer():
			return fmt.Errorf("feature %d is %s, want codes", j, t)
		}
	}
	return nil
}

func (s *Shares) check(classes int) error {
	n := len(s.Class)
	if len(s.At) == 0 || s.At[0] != 0 || int(s.At[len(s.At)-1]) != n || !slices.IsSorted(s.At) || len(s.Share) != n {
		return fmt.Errorf("%d classes and %d shares of distributions at %v", n, len(s.Share), s.At)
	}
	for i := range s.At[1:] {
		for at := s.At[i]; at < s.At[i+1]; at++ {
			if c := s.Class[at]; c < 0 || int(c) >= classes || at > s.At[i] && c <= s.Class[at-1] {
				return fmt.Errorf("distribution %d: class %d", i, c)
			}
			if x := s.Share[at]; !(x >= 0 && x <= 1) {
				return fmt.Errorf("distribution %d: share %v", i, x)
			}
		}
	}
	return nil
}

// of is the share of a class in a distribution.
func (s *Shares) of(distribution int, class int32) float64 {
	from, to := s.At[distribution], s.At[distribution+1]
	if at, ok := slices.BinarySearch(s.Class[from:to], class); ok {
		return s.Share[int(from)+at]
	}
	return 0
}

// pack lays a tree out depth first, children side by side.
func (k *Forest) pack(t *Tree) {
	root := uint32(len(k.nodes))
	k.roots = append(k.roots, root)
	k.nodes = append(k.nodes, forestNode{})
	type place struct {
		child int32
		at    uint32
	}
	start := int32(0)
	if len(t.Feature) == 0 {
		start = ^0
	}
	for stack := []place{{start, root}}; len(stack) > 0; {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if p.child < 0 {
			k.nodes[p.at] = forestNode{cut: math.MaxUint32, first: p.at, leaf: int32(t.Leaf[^p.child])}
			continue
		}
		i := p.child
		f := t.Feature[i]
		n := forestNode{value: 2 * uint32(f), first: uint32(len(k.nodes)), leaf: -1}
		if t.MissingLeft[i] {
			n.value++
		}
		if k.Levels[f] > 0 {
			n.value |= codeNode
			n.cut = uint32(len(k.sets))
			k.addSet(t, int(i))
		} else {
			at, _ := slices.BinarySearch(k.cuts[f], t.Threshold[i])
			n.cut = uint32(at) + 1
		}
		k.nodes[p.at] = n
		k.nodes = append(k.nodes, forestNode{}, forestNode{})
		stack = append(stack, place{t.Right[i], n.first + 1}, place{t.Left[i], n.first})
	}
}

// addSet copies the bitset of node i with one bit more, for missing, at Levels.
func (k *Forest) addSet(t *Tree, i int) {
	levels := int(k.Levels[t.Feature[i]])
	at := len(k.sets)
	k.sets = append(k.sets, make([]uint64, levels/64+1)...)
	set := k.sets[at:]
	copy(set, t.Bits[t.Cat[i]:int(t.Cat[i])+(levels+63)/64])
	if set[levels/64] &= 1<<(levels%64) - 1; t.MissingLeft[i] {
		set[levels/64] |= 1 << (levels % 64)
	}
}

// code writes both codes of feature j where x is its value.
func (k *Forest) code(to []uint32, j int, x float64) {
	if x != x {
		to[2*j], to[2*j+1] = math.MaxUint32, 0
		return
	}
	cuts := k.cuts[j]
	lo, n := 0, len(cuts)
	for n > 0 {
		half := n / 2
		if cuts[lo+half] < x {
			lo += half + 1
			n -= half + 1
		} else {
			n = half
		}
	}
	to[2*j], to[2*j+1] = uint32(lo)+1, uint32(lo)+1
}

// level writes the code of a level: itself, or Levels for missing.
func (k *Forest) level(to []uint32, j int, code int64) {
	if code < 0 || code >= int64(k.Levels[j]) {
		code = int64(k.Levels[j])
	}
	to[2*j], to[2*j+1] = uint32(code), uint32(code)
}

// find is the distribution at the leaf that a row of codes reaches.
func (k *Forest) find(root uint32, row []uint32) int32 {
	n := &k.nodes[root]
	for n.leaf < 0 {
		next := n.first
		if n.value&codeNode != 0 {
			c := row[n.value&^codeNode]
			if k.sets[n.cut+c>>6]>>(c&63)&1 == 0 {
				next++
			}
		} else if row[n.value] > n.cut {
			next++
		}
		n = &k.nodes[next]
	}
	return n.leaf
}

// forestRows is how many rows go through a tree together: it stays near, and so do their codes.
const forestRows = 256

// Batch takes the rows in blocks, and in a block the trees in their order.
func (k *Forest) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.NewVector(n, k.Members)
	members := make([][]float64, len(k.Members))
	for j := range members {
		members[j] = v.Member(j)
		clear(members[j])
	}
	wide := 2 * len(in)
	block := c.Uint32s(min(n, forestRows) * wide)
	for lo := 0; lo < n; lo += forestRows {
		hi := min(n, lo+forestRows)
		for j := range in {
			k.codes(c, block, j, &in[j], lo, hi)
		}
		for _, root := range k.roots {
			for i := range hi - lo {
				k.add(root, block[i*wide:(i+1)*wide], func(class int32, share float64) { members[class][lo+i] += share })
			}
		}
		for _, p := range members {
			for i := range p[lo:hi] {
				p[lo+i] /= float64(len(k.roots))
			}
		}
	}
	out[0] = v
	return nil
}

// add tells of the classes at the leaf that a row reaches.
func (k *Forest) add(root uint32, row []uint32, class func(class int32, share float64)) {
	d := k.find(root, row)
	for at := k.Shares.At[d]; at < k.Shares.At[d+1]; at++ {
		class(k.Shares.Class[at], k.Shares.Share[at])
	}
}

// codes writes those of rows lo to hi of a column.
func (k *Forest) codes(c *batch.Ctx, block []uint32, j int, col *batch.Column, lo, hi int) {
	wide := 2 * len(k.Levels)
	part := col.Slice(c, lo, hi)
	if k.Levels[j] == 0 {
		for i, x := range c.Floats(part) {
			k.code(block[i*wide:], j, x)
		}
		return
	}
	at := func(i int) int64 { return part.Int64s()[i] }
	if part.Type.Width() == 4 {
		at = func(i int) int64 { return int64(part.Int32s()[i]) }
	}
	for i := range part.N {
		code := int64(-1)
		if !part.Null(i) {
			code = at(i)
		}
		k.level(block[i*wide:], j, code)
	}
}

// Row takes a row through the trees in their order.
func (k *Forest) Row(f *Frame, in, out []int) error {
	p := f.V[out[0]]
	if len(p) != len(k.Members) {
		p = make([]float64, len(k.Members))
		f.V[out[0]] = p
	}
	clear(p)
	row := f.Codes[out[0]]
	if len(row) != 2*len(in) {
		row = make([]uint32, 2*len(in))
		f.Codes[out[0]] = row
	}
	for j, s := range in {
		switch {
		case k.Levels[j] == 0:
			k.code(row, j, frameNumber(f, k.types[j], s))
		case f.Null[s]:
			k.level(row, j, -1)
		default:
			k.level(row, j, f.I[s])
		}
	}
	for _, root := range k.roots {
		k.add(root, row, func(class int32, share float64) { p[class] += share })
	}
	for j := range p {
		p[j] /= float64(len(k.roots))
	}
	f.Null[out[0]] = false
	return nil
}

// Encode writes the trees: a threshold as its place among its feature's, what stands in order as it is.
func (k *Forest) Encode(w *canon.Writer) {
	canon.Ints(w, k.Levels)
	w.Strings(k.Members)
	canon.Ints(w, k.Shares.At)
	canon.Ints(w, k.Shares.Class)
	w.Floats(k.Shares.Share)
	cuts := make([][]float64, len(k.Levels))
	for i := range k.Trees {
		for n, f := range k.Trees[i].Feature {
			if k.Levels[f] == 0 {
				cuts[f] = append(cuts[f], k.Trees[i].Threshold[n])
			}
		}
	}
	for f, c := range cuts {
		slices.Sort(c)
		cuts[f] = slices.Compact(c)
		w.Floats(cuts[f])
	}
	w.Uint(uint64(len(k.Trees)))
	for i := range k.Trees {
		t := &k.Trees[i]
		w.Uint(uint64(len(t.Feature)))
		for n, f := range t.Feature {
			w.Uint(uint64(f))
			w.Int(int64(t.Left[n]) - int64(n)) // near mostly
			w.Int(int64(t.Right[n]) - int64(n))
			w.Bool(t.MissingLeft[n])
			if k.Levels[f] == 0 {
				at, _ := slices.BinarySearch(cuts[f], t.Threshold[n])
				w.Uint(uint64(at))
				continue
			}
			for _, b := range t.Bits[t.Cat[n] : t.Cat[n]+(k.Levels[f]+63)/64] {
				w.Word(b)
			}
		}
		for _, l := range t.Leaf {
			w.Uint(uint64(l))
		}
	}
	encodeCover(w, k.Names, k.Trees)
}

// Decode reads the trees.
func (k *Forest) Decode(r *canon.Reader) {
	k.Levels, k.Members = canon.ReadInts[int32](r), r.Strings()
	k.Shares = Shares{At: canon.ReadInts[int32](r), Class: canon.ReadInts[int32](r), Share: r.Floats()}
	cuts := make([][]float64, len(k.Levels))
	for f := range cuts {
		cuts[f] = r.Floats()
	}
	for i := range r.Len(2) {
		t := k.decodeTree(r, cuts)
		if r.At("tree %d", i); r.Err() != nil {
			return
		}
		k.Trees = append(k.Trees, t)
	}
	k.Names = decodeCover(r, k.Trees)
}

func (k *Forest) decodeTree(r *canon.Reader, cuts [][]float64) (t Tree) {
	nodes := r.Len(5)
	for n := range nodes {
		f := r.Uint()
		left, right := r.Int()+int64(n), r.Int()+int64(n)
		missing := r.Bool()
		switch {
		case r.Err() != nil:
			return t
		case f >= uint64(len(k.Levels)) || int64(int32(left)) != left || int64(int32(right)) != right:
			r.Fail("node %d of feature %d has children %d and %d", n, f, left, right)
			return t
		}
		t.Feature, t.MissingLeft = append(t.Feature, int32(f)), append(t.MissingLeft, missing)
		t.Left, t.Right = append(t.Left, int32(left)), append(t.Right, int32(right))
		if k.Levels[f] == 0 {
			at := r.Uint()
			if at >= uint64(len(cuts[f])) {
				r.Fail("node %d has threshold %d of %d", n, at, len(cuts[f]))
				return t
			}
			t.Threshold, t.Cat = append(t.Threshold, cuts[f][at]), append(t.Cat, -1)
			continue
		}
		t.Threshold, t.Cat = append(t.Threshold, 0), append(t.Cat, int32(len(t.Bits)))
		for range (int64(k.Levels[f]) + 63) / 64 {
			if t.Bits = append(t.Bits, r.Word()); r.Err() != nil {
				return t
			}
		}
	}
	for range nodes + 1 {
		t.Leaf = append(t.Leaf, float64(r.Uint()))
	}
	return t
}
