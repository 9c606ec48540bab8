package forest

import "math/bits"

// Row is trees laid out for one row at a time: the trees side by side, rowTrees of them, a node of each at a time.
type Row struct {
	cuts   []*Cuts
	sets   [][]uint32 // of each column of codes: by code and tree, the leaves passed by at the splits by sets
	groups []group
	value  []float64 // RowLeaves a tree, from the left
	trees  int
}

// RowLeaves is the most leaves of a tree of a Row: a bit of a word each.
const RowLeaves = 32

// RowCuts is the most numbers of a Row, of two codes each: the codes of a row are two vectors.
const RowCuts = 32

const rowTrees = 32

// group is the nodes of rowTrees trees. One that is not there passes nothing by.
type group []lanes

// lanes is a node of each tree: a code above most passes by the leaves of the node's left side, a bit each.
type lanes struct {
	column, most [rowTrees]uint8
	left         [rowTrees]uint32
}

// RowColumn is where the codes of a number or, without cuts, of a category stand among the columns that the splits name: a number's low codes and
// behind them the high ones.
type RowColumn struct {
	First int
	Cuts  *Cuts
}

// NewRow takes trees of at most RowLeaves leaves, and at most RowCuts numbers.
func NewRow(trees [][]Split, leaf [][]float64, columns []RowColumn) *Row {
	r := &Row{trees: len(trees), value: make([]float64, RowLeaves*len(trees)), groups: make([]group, (len(trees)+rowTrees-1)/rowTrees)}
	at := map[int]int{} // where a split's column is now: a code of a number's, or which of sets
	for _, c := range columns {
		if c.Cuts == nil {
			at[c.First] = len(r.sets)
			r.sets = append(r.sets, make([]uint32, 256*rowTrees*len(r.groups)))
			continue
		}
		at[c.First], at[c.First+1] = 2*len(r.cuts), 2*len(r.cuts)+1
		r.cuts = append(r.cuts, c.Cuts)
	}
	if len(r.cuts) > RowCuts {
		panic("forest: too many numbers for a row")
	}
	for t, splits := range trees {
		g := &r.groups[t/rowTrees]
		leaves, nodes := 0, 0
		var under func(c int32) uint32 // the leaves there
		under = func(c int32) uint32 {
			if c < 0 {
				r.value[RowLeaves*t+leaves] = leaf[t][^c]
				leaves++
				return 1 << (leaves - 1)
			}
			s := &splits[c]
			left := under(s.Left)
			if s.Set != nil {
				passed := r.sets[at[s.Column]]
				for code := range 256 {
					if s.Set[code/64]>>(code%64)&1 == 0 {
						passed[code*rowTrees*len(r.groups)+t] |= left
					}
				}
				return left | under(s.Right)
			}
			if nodes == len(*g) {
				*g = append(*g, lanes{})
			}
			n := &(*g)[nodes]
			nodes++
			n.column[t%rowTrees], n.most[t%rowTrees], n.left[t%rowTrees] = uint8(at[s.Column]), s.Most, left
			return left | under(s.Right)
		}
		root := int32(0)
		if len(splits) == 0 {
			root = ^0
		}
		under(root)
	}
	return r
}

// Score is the loop s = base; for trees { s += value of the leaf that the row comes to }; numbers and codes are those of the columns with cuts and
// without, in their order.
func (r *Row) Score(base float64, numbers []float64, codes []uint8) float64 {
	var ranks [2 * RowCuts]uint16
	rowCodes(&ranks, numbers[:len(r.cuts)], r.cuts)
	s := base
	for i, g := range r.groups {
		var leaf [rowTrees]uint32
		for j, passed := range r.sets {
			for t, p := range (*[rowTrees]uint32)(passed[(int(codes[j])*len(r.groups)+i)*rowTrees:]) {
				leaf[t] |= p
			}
		}
		pass(&leaf, g, &ranks)
		value := r.value[i*rowTrees*RowLeaves:]
		for t, l := range leaf[:min(rowTrees, r.trees-i*rowTrees)] {
			s += value[t*RowLeaves+int(l%RowLeaves)]
		}
	}
	return s
}

// rowCodesGo is the loop for i { dst[2i], dst[2i+1] = code of xs[i], but 0 and Missing if it is NaN }.
func rowCodesGo(dst *[2 * RowCuts]uint16, xs []float64, cuts []*Cuts) {
	for i, x := range xs {
		c := uint16(cuts[i].Code(x))
		if dst[2*i], dst[2*i+1] = c, c; x != x {
			dst[2*i+1] = Missing
		}
	}
}

// passGo is the loop for t { leaf[t] = the first that no node passes by and that is not in leaf[t], a bit a leaf }.
func passGo(leaf *[rowTrees]uint32, g group, codes *[2 * RowCuts]uint16) {
	for t := range leaf {
		passed := leaf[t]
		for i := range g {
			if n := &g[i]; codes[n.column[t]] > uint16(n.most[t]) {
				passed |= n.left[t]
			}
		}
		leaf[t] = uint32(bits.TrailingZeros32(^passed))
	}
}
