package forest

import (
	"math/bits"
	"unsafe"
)

// Row is trees laid out for one row at a time: the trees side by side, rowTrees of them, a node of each at a time.
type Row struct {
	cuts   []*Cuts
	sets   [][]uint64 // of each column of codes: by code and tree, the leaves passed by at the splits by sets, of two trees a word
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
// behind them the high ones. A category's are below Levels, at most Missing, or Missing; to Score, Levels is missing.
type RowColumn struct {
	First  int
	Cuts   *Cuts
	Levels int
}

// RowSets is how many bytes the sets of a Row of so many trees take.
func RowSets(trees int, columns []RowColumn) int {
	codes := 0
	for _, c := range columns {
		codes += c.rows()
	}
	return 4 * codes * rowTrees * rowGroups(trees)
}

func rowGroups(trees int) int { return (trees + rowTrees - 1) / rowTrees }

// rows is how many codes a category has.
func (c *RowColumn) rows() int {
	if c.Cuts != nil {
		return 0
	}
	return c.Levels + 1
}

// NewRow takes trees of at most RowLeaves leaves, and at most RowCuts numbers.
func NewRow(trees [][]Split, leaf [][]float64, columns []RowColumn) *Row {
	r := &Row{trees: len(trees), value: make([]float64, RowLeaves*len(trees)), groups: make([]group, rowGroups(len(trees)))}
	at := map[int]int{} // where a split's column is now: a code of a number's, or which of sets
	var sets [][]uint32 // those of r, a tree a word
	for _, c := range columns {
		if c.Cuts == nil {
			at[c.First] = len(r.sets)
			pairs := make([]uint64, c.rows()*len(r.groups)*rowTrees/2)
			r.sets, sets = append(r.sets, pairs), append(sets, unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(pairs))), 2*len(pairs)))
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
				passed := sets[at[s.Column]]
				wide := rowTrees * len(r.groups)
				for row := range len(passed) / wide {
					code := row
					if row == len(passed)/wide-1 {
						code = Missing
					}
					if s.Set[code/64]>>(code%64)&1 == 0 {
						passed[row*wide+t] |= left
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
// without, in their order; a code is at most its column's Levels.
func (r *Row) Score(base float64, numbers []float64, codes []uint8) float64 {
	var ranks [2 * RowCuts]uint16
	rowCodes(&ranks, numbers[:len(r.cuts)], r.cuts)
	s := base
	for i, g := range r.groups {
		var pairs [rowTrees / 2]uint64
		if len(r.sets) > 0 {
			passSets(&pairs, r.sets, codes, len(r.groups), i)
		}
		leaf := (*[rowTrees]uint32)(unsafe.Pointer(&pairs))
		pass(leaf, g, &ranks)
		value := r.value[i*rowTrees*RowLeaves:]
		for t, l := range leaf[:min(rowTrees, r.trees-i*rowTrees)] {
			s += value[t*RowLeaves+int(l%RowLeaves)]
		}
	}
	return s
}

// passSets is the loop for j, t { leaf[t] |= sets[j] of codes[j], group g of so many and t }. Four words stay in registers over all columns.
func passSets(leaf *[rowTrees / 2]uint64, sets [][]uint64, codes []uint8, groups, g int) {
	codes = codes[:len(sets)]
	for t := 0; t < len(leaf); t += 4 {
		a, b, c, d := leaf[t], leaf[t+1], leaf[t+2], leaf[t+3]
		for j, passed := range sets {
			p := (*[4]uint64)(passed[(int(codes[j])*groups+g)*(rowTrees/2)+t:])
			a, b, c, d = a|p[0], b|p[1], c|p[2], d|p[3]
		}
		leaf[t], leaf[t+1], leaf[t+2], leaf[t+3] = a, b, c, d
	}
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
