package gbdt

import (
	"sync/atomic"
	"testing"

	"github.com/headrace/headrace/operators/internal/trees"
)

// A worker that fails while leaves are split together ends the fit with what it failed of; nobody waits for it for ever.
func TestPanicWhileSplitting(t *testing.T) {
	d := synth(1, 5000, Regression)
	for _, at := range []int32{3, 10, 25} {
		var seen atomic.Int32
		var got any
		trees.Lead(workers(3, 1), func(team *trees.Team) {
			defer func() { got = recover() }()
			growBooster(t, team, d, nil, options(Regression), func(*grower, *node) {
				if seen.Add(1) == at {
					panic("by the test")
				}
			})
		})
		if got != "by the test" {
			t.Errorf("a panic at node %d ends as %v", at, got)
		}
	}
}
