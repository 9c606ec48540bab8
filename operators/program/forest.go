package program

import (
	"fmt"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/forest"
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

	ensemble             // a leaf's worth is the place of its distribution
	tables   [][]float64 // of each tree that is compared and each class, the shares at its leaves; none where classes are many
}

// Shares are distributions over classes. Distribution i is of the classes Class[At[i]:At[i+1]], rising.
type Shares struct {
	At, Class []int32
	Share     []float64
}

func init() { Register(func() Kind { return &Forest{} }) }

// ID is "forest".
func (*Forest) ID() string { return "forest" }

// Init checks the trees and packs them.
func (k *Forest) Init(in, out []batch.Type) error {
	if err := k.check(in, out); err != nil {
		return err
	}
	k.init(k.Levels, in, k.Trees)
	k.compile(k.Trees)
	k.tabulate()
	return nil
}

// check changes nothing: a ForestShap asks for it of trees that others predict with meanwhile.
func (k *Forest) check(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Levels), 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Vector); err != nil {
		return err
	}
	if len(k.Trees) == 0 || len(k.Members) == 0 {
		return fmt.Errorf("%d trees of %d classes", len(k.Trees), len(k.Members))
	}
	seen := map[string]bool{}
	for _, m := range k.Members {
		if seen[m] {
			return fmt.Errorf("two members %q", m)
		}
		seen[m] = true
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
	nodes := 0
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
		if nodes += 2*len(k.Trees[t].Feature) + 1; nodes > math.MaxUint32 {
			return fmt.Errorf("more than %d nodes", math.MaxUint32)
		}
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

// tableClasses is for how many classes a table of each is faster than a leaf's distribution, of which most have one class.
const tableClasses = 8

// tabulate makes the tables.
func (k *Forest) tabulate() {
	classes, bytes := len(k.Members), 0
	k.tables = nil
	for t := range k.tree {
		if f := k.tree[t].compared; f != nil {
			bytes += 8 * classes * len(f.Values())
		}
	}
	if bytes == 0 || classes > tableClasses || bytes > k.tablesMax() {
		return
	}
	k.tables = make([][]float64, classes*len(k.tree))
	for t := range k.tree {
		f := k.tree[t].compared
		if f == nil {
			continue
		}
		size := len(f.Values())
		all := make([]float64, classes*size)
		for c := range classes {
			k.tables[classes*t+c] = all[c*size:][:size]
		}
		for l, d := range f.Values()[:len(k.Trees[t].Leaf)] {
			for at := k.Shares.At[int(d)]; at < k.Shares.At[int(d)+1]; at++ {
				all[int(k.Shares.Class[at])*size+l] = k.Shares.Share[at]
			}
		}
	}
}

// Batch adds up the shares of each class, then divides.
func (k *Forest) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.NewVector(n, k.Members)
	s := &forestVotes{k: k, sum: make([][]float64, len(k.Members)), all: make([][]float64, len(k.Members))}
	for j := range s.all {
		s.all[j] = v.Member(j)
	}
	if k.tables != nil {
		s.blocks = make([][forest.Rows]float64, len(k.Members))
	}
	k.run(c, n, in, s)
	out[0] = v
	return nil
}

// forestVotes are the sums of a batch.
type forestVotes struct {
	k      *Forest
	all    [][]float64 // of each class
	sum    [][]float64 // of each class, of the block's rows
	blocks [][forest.Rows]float64
	block  *forest.Block
	lo     int
}

func (s *forestVotes) begin(b *forest.Block, lo, n int) {
	s.block, s.lo = b, lo
	for j := range s.sum {
		if s.sum[j] = s.all[j][lo : lo+n]; b != nil && s.blocks != nil {
			s.sum[j] = s.blocks[j][:n]
		}
		clear(s.sum[j])
	}
}

func (s *forestVotes) compared(t int, f *forest.Tree) {
	leaf := f.Find(s.block)
	if s.blocks == nil {
		for i, l := range leaf[:len(s.sum[0])] {
			s.add(i, int(f.Values()[l]))
		}
		return
	}
	for j, table := range s.k.tables[t*len(s.sum):][:len(s.sum)] {
		forest.AddTo(&s.blocks[j], leaf, table)
	}
}

func (s *forestVotes) walked(leaves []uint32, row int) {
	for i, a := range leaves {
		s.add(row+i, int(s.k.leafAt(a)))
	}
}

// add adds a distribution to a row of the block.
func (s *forestVotes) add(row, distribution int) {
	sh := &s.k.Shares
	for at := sh.At[distribution]; at < sh.At[distribution+1]; at++ {
		s.sum[sh.Class[at]][row] += sh.Share[at]
	}
}

func (s *forestVotes) end() {
	trees := float64(len(s.k.tree))
	for j, sum := range s.sum {
		to := s.all[j][s.lo:]
		for i, x := range sum {
			to[i] = x / trees
		}
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
	x := k.keys(f, in, out[0])
	var at [rowTrees]uint32
	for t := 0; t < len(k.tree); t += rowTrees {
		for _, a := range k.walkRow(t, x, &at) {
			d := int(k.leafAt(a))
			for at := k.Shares.At[d]; at < k.Shares.At[d+1]; at++ {
				p[k.Shares.Class[at]] += k.Shares.Share[at]
			}
		}
	}
	for j := range p {
		p[j] /= float64(len(k.tree))
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
