package program

import (
	"slices"
	"unsafe"

	"github.com/headrace/headrace/kernels/forest"
	"github.com/headrace/headrace/operators/batch"
)

// treeColumn is a feature's column of codes in a block, or its two: a number has codes for where missing goes left and for where it goes right; a
// category is its own code. A feature of more cuts than a column may have has several, each of which knows its own part of them.
type treeColumn struct {
	feature int
	first   int          // of the columns of a block
	cuts    *forest.Cuts // nil of a feature of codes
}

// compile makes trees ready for comparing, those that are small enough, and gives their splits; of the others none.
func (e *ensemble) compile(trees []Tree) [][]forest.Split {
	if !forest.MayPay() {
		return nil
	}
	small := func(t *Tree) bool {
		if len(t.Leaf) > forest.LeavesMax {
			return false
		}
		for i, f := range t.Feature {
			if t.Cat[i] >= 0 && e.levels[f] > forest.Missing {
				return false
			}
		}
		return true
	}
	cuts := make([][]float64, len(e.levels)) // of all trees, in order
	used := make([]bool, len(e.levels))
	for t := range trees {
		if tree := &trees[t]; small(tree) {
			for i, f := range tree.Feature {
				if used[f] = true; tree.Cat[i] < 0 {
					cuts[f] = append(cuts[f], tree.Threshold[i])
				}
			}
		}
	}
	first, columns := make([]int, len(e.levels)), 0 // where a feature's columns begin
	add := func(f int, c *forest.Cuts, n int) {
		e.cols = append(e.cols, treeColumn{f, columns, c})
		columns += n
	}
	for f := range cuts {
		first[f] = columns
		if used[f] && e.levels[f] > 0 {
			add(f, nil, 1)
		}
		slices.Sort(cuts[f])
		cuts[f] = slices.Compact(cuts[f])
		for part := range slices.Chunk(cuts[f], forest.CutsMax) {
			add(f, forest.NewCuts(part), 2)
		}
	}
	all := make([][]forest.Split, len(trees))
	for t := range trees {
		tree := &trees[t]
		if !small(tree) {
			continue
		}
		splits := make([]forest.Split, 0, len(tree.Feature))
		for i, f := range tree.Feature {
			s := forest.Split{Column: first[f], Left: tree.Left[i], Right: tree.Right[i]}
			if at := tree.Cat[i]; at >= 0 {
				s.Set = e.set(tree, i)
			} else {
				rank, _ := slices.BinarySearch(cuts[f], tree.Threshold[i])
				s.Column += 2 * (rank / forest.CutsMax)
				if s.Most = uint8(rank % forest.CutsMax); !tree.MissingLeft[i] {
					s.Column++
				}
			}
			splits = append(splits, s)
		}
		c := forest.NewTree(splits, tree.Leaf, columns)
		e.tree[t].compared, all[t] = &c, splits
	}
	return all
}

// compileRow makes the trees, whose splits are given, ready for one row, where all of them are small enough.
func (k *Trees) compileRow(splits [][]forest.Split) {
	k.row = nil
	if !forest.RowMayPay() || len(k.cols) == 0 {
		return
	}
	leaves := make([][]float64, len(k.Trees))
	for t := range k.Trees {
		if leaves[t] = k.Trees[t].Leaf; k.tree[t].compared == nil || len(leaves[t]) > forest.RowLeaves {
			return
		}
	}
	numbers, at := 0, make([]forest.RowColumn, len(k.cols))
	for i, c := range k.cols {
		if at[i] = (forest.RowColumn{First: c.first, Cuts: c.cuts, Levels: int(k.Levels[c.feature])}); c.cuts != nil {
			numbers++
		}
	}
	if numbers <= forest.RowCuts && len(k.cols)-numbers <= rowSetsMax && forest.RowSets(len(splits), at) <= k.tablesMax() {
		k.row = forest.NewRow(splits, leaves, at)
	}
}

// rowSetsMax is how many columns of codes a forest.Row is made of at most.
const rowSetsMax = 16

// tablesMax is how many bytes of tables are made at most. The sets of a forest.Row take four bytes a tree and code of each column, the shares of
// small trees as many floats as their leaves at least need, whatever the trees look like, so that a small file could ask for a thousand
// times its size: beyond a little they keep to a multiple of the nodes.
func (e *ensemble) tablesMax() int {
	const little, nodes, most = 1 << 20, 32, 16 << 20
	return max(little, min(nodes*len(e.nodes)*int(unsafe.Sizeof(treeNode{})), most))
}

// scoreRow is the score of the row in f by k.row.
func (k *Trees) scoreRow(f *Frame, in []int, scratch int) float64 {
	x := f.Scratch[scratch]
	if len(x) != len(k.cols) {
		x = make([]float64, len(k.cols))
		f.Scratch[scratch] = x
	}
	var codes [rowSetsMax]uint8
	numbers, sets := 0, 0
	for i := range k.cols {
		c := &k.cols[i]
		s := in[c.feature]
		if c.cuts != nil {
			x[numbers] = frameNumber(f, k.types[c.feature], s)
			numbers++
			continue
		}
		levels := k.Levels[c.feature]
		if codes[sets] = uint8(levels); !f.Null[s] && uint64(f.I[s]) < uint64(levels) { // Levels is missing
			codes[sets] = uint8(f.I[s])
		}
		sets++
	}
	return k.row.Score(k.Base, x[:numbers], codes[:sets])
}

// set is the bitset of node i with missing as its last bit.
func (e *ensemble) set(t *Tree, i int) *[4]uint64 {
	var s [4]uint64
	copy(s[:], t.Bits[t.Cat[i]:][:(e.levels[t.Feature[i]]+63)/64])
	if s[3] &^= 1 << 63; t.MissingLeft[i] {
		s[3] |= 1 << 63
	}
	return &s
}

// compare takes the first n rows through the trees, all that can be by comparing.
func (e *ensemble) compare(c *batch.Ctx, n int, in []batch.Column, s sink) {
	var b forest.Block
	columns, walks := 0, false
	for t := range e.tree {
		if f := e.tree[t].compared; f != nil {
			columns = max(columns, f.Columns())
		} else {
			walks = true
		}
	}
	b.Codes = c.Uint8s(columns * forest.Rows) // of rows that are not there, any: they come to leaves that nobody asks for
	var w *walker
	if walks {
		w = e.walker(c, in, min(n, forest.Rows))
	}
	for lo := 0; lo < n; lo += forest.Rows {
		rows := min(forest.Rows, n-lo)
		e.encode(&b, in, lo, rows)
		s.begin(&b, lo, rows)
		if walks {
			w.load(lo, rows)
		}
		for t := range e.tree {
			if p := &e.tree[t]; p.compared != nil {
				s.compared(t, p.compared)
			} else {
				w.walk(p, rows, s)
			}
		}
		s.end()
	}
}

// encode fills a block's columns with the codes of n rows.
func (e *ensemble) encode(b *forest.Block, in []batch.Column, lo, n int) {
	var buf [forest.Rows]float64
	var xs []float64
	last := -1
	for i := range e.cols {
		t := &e.cols[i]
		col, to := &in[t.feature], b.Column(t.first)[:n]
		if t.cuts == nil {
			treeCodes(to, col, lo, e.levels[t.feature])
			continue
		}
		if t.feature != last {
			if last = t.feature; col.Type.Kind == batch.Float64 && col.Valid == nil {
				xs = col.Float64s()[lo : lo+n]
			} else {
				xs = buf[:n]
				col.ReadFloats(xs, lo)
			}
		}
		t.cuts.Codes(to, b.Column(t.first + 1)[:n], xs)
	}
}

// treeCodes is the loop for i { dst[i] = the code of row lo+i, Missing if it is none of the levels }.
func treeCodes(dst []uint8, col *batch.Column, lo int, levels int32) {
	if col.Type.Kind == batch.Int32 {
		narrowCodes(dst, col.Int32s()[lo:], uint32(levels))
	} else {
		narrowCodes(dst, col.Int64s()[lo:], uint64(levels))
	}
	if col.Valid == nil {
		return
	}
	for i := range dst {
		if col.Valid[(lo+i)>>6]>>((lo+i)&63)&1 == 0 {
			dst[i] = forest.Missing
		}
	}
}

func narrowCodes[S int32 | int64, U uint32 | uint64](dst []uint8, src []S, levels U) {
	src = src[:len(dst)]
	for i, x := range src {
		if dst[i] = forest.Missing; U(x) < levels {
			dst[i] = uint8(x)
		}
	}
}
