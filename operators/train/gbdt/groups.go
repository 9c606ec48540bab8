package gbdt

import (
	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// group is the bins of neighbouring columns row by row, for histograms; the columns are added tile by tile. Where there is one tile,
// the row's word is in its record; else records are of bins alone, as a word would be written once a group and cross a line of the cache.
type group struct {
	first, width int
	tiles        []tile
	records      tree.Records
}

// tile is neighbouring columns that are added to one table.
type tile struct{ number, first, width int }

// makeGroups cuts the columns into the fewest tiles that a table has room for, of widths that differ by at most one, and gives two
// tiles a row: they wait for its line of the cache once.
func makeGroups(columns int) (groups []group) {
	n := (columns + tree.Columns - 1) / tree.Columns
	at := 0
	for i := range n {
		w := (columns - at + n - i - 1) / (n - i)
		if i%2 == 0 {
			groups = append(groups, group{first: at})
		}
		g := &groups[len(groups)-1]
		g.tiles = append(g.tiles, tile{i, at, w})
		g.width += w
		at += w
	}
	for i := range groups {
		groups[i].records.Stride = (groups[i].width + 7) &^ 7
		if n == 1 {
			groups[i].records.Stride += 8
		}
	}
	return groups
}

// apart says that words are not beside bins.
func (b *builder) apart() bool { return len(b.cols) > tree.Columns }

// layIn makes room in the groups for the bins of a table of n rows, and gives what writes them.
func layIn(groups []group, n int) func(b trees.Binned, begin, end int) {
	for i := range groups {
		r := &groups[i].records
		r.Data = trees.Make[uint8](n * r.Stride)
	}
	return func(b trees.Binned, begin, end int) {
		for i := range groups {
			groups[i].lay(b, begin, end)
		}
	}
}

// lay writes the rows from begin to end.
func (g *group) lay(b trees.Binned, begin, end int) {
	data, stride := g.records.Data, g.records.Stride
	for k := range g.width {
		at := begin*stride + k
		for _, v := range b[g.first+k][begin:end] {
			data[at] = v
			at += stride
		}
	}
}
