package gbdt

import (
	"slices"

	"github.com/headrace/headrace/operators/internal/trees"
)

// stretchRows is how many rows' scores stay in the second cache. A leaf's rows lie far apart: leaf by leaf, all scores would pass
// through the cache as often as there are leaves for a few rows of a line each.
const stretchRows = 1 << 15

func stretches(rows int) int { return (rows + stretchRows - 1) / stretchRows }

// addTo moves the scores of the rows of the leaves, a stretch of rows after another.
func addTo(score []float64, t *trees.Team, leaves []*node, values []float64) {
	t.Each(stretches(len(score)), func(_, i int) { move(score, leaves, values, i) })
}

// move is addTo of one stretch.
func move(score []float64, leaves []*node, values []float64, stretch int) {
	end := int32(min(len(score), (stretch+1)*stretchRows))
	for leaf, n := range leaves {
		from, _ := slices.BinarySearch(n.rows, int32(stretch*stretchRows))
		v := values[leaf]
		for _, r := range n.rows[from:] {
			if r >= end {
				break
			}
			score[r] += v
		}
	}
}
