package gbdt

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/internal/trees"
)

// Scores of several stretches move by their rows' leaves, each once, and those of rows in no leaf stay.
func TestScoresMoveByLeaf(t *testing.T) {
	for _, n := range []int{0, 1, stretchRows - 1, stretchRows, stretchRows + 1, 3*stretchRows + 5} {
		r := rand.New(rand.NewPCG(uint64(n), 3))
		leaves := []*node{{}, {}, {}}
		values := []float64{1, 10, 100}
		want := make([]float64, n)
		for i := range want {
			switch leaf := r.IntN(12); {
			case leaf < 2:
				leaves[leaf].rows = append(leaves[leaf].rows, int32(i))
				want[i] = values[leaf]
			case leaf == 2 && i < stretchRows || leaf > 8 && i > 2*stretchRows: // in some stretches alone
				leaves[2].rows = append(leaves[2].rows, int32(i))
				want[i] = values[2]
			}
		}
		trees.Lead(workers(3, 1), func(team *trees.Team) {
			got := make([]float64, n)
			addTo(got, team, leaves, values)
			if !slices.Equal(got, want) {
				t.Errorf("%d rows: other scores", n)
			}
		})
	}
}
