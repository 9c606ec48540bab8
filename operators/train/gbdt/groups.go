package gbdt

import (
	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// group is the codes of neighbouring bundles row by row, for histograms; they are added tile by tile. Where there is one tile,
// the row's word is in its record; else records are of codes alone, as a word would be written once a group and cross a line of the cache.
type group struct {
	first, width int
	tiles        []tile
	records      tree.Records
}

// tile is neighbouring bundles that are added to one table.
type tile struct{ number, first, width int }

// makeGroups cuts the bundles into the fewest tiles that a table has room for, of widths that differ by at most one, and gives two
// tiles a row: they wait for its line of the cache once.
func makeGroups(bundles int) (groups []group) {
	n := (bundles + tree.Columns - 1) / tree.Columns
	at := 0
	for i := range n {
		w := (bundles - at + n - i - 1) / (n - i)
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
func (b *builder) apart() bool { return len(b.bundles) > tree.Columns }

// layIn makes room in the groups for a table of n rows, and gives what writes their codes.
func (b *builder) layIn(n int) func(t trees.Binned, begin, end int) {
	for i := range b.groups {
		r := &b.groups[i].records
		r.Data = trees.Make[uint8](n * r.Stride)
	}
	return func(t trees.Binned, begin, end int) {
		for i := range b.groups {
			g := &b.groups[i]
			for k := range g.width {
				b.bundles[g.first+k].lay(g.records.Data[begin*g.records.Stride+k:], g.records.Stride, t, begin, end)
			}
		}
	}
}
