package exec_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/toys/mem"
)

// TestFewUnits: the morsels of a file that is all one unit are worked on by all workers at once, in memory that lasts, and keep their
// identities and order.
func TestFewUnits(t *testing.T) {
	const rows, morsel = 1000, 64
	for _, workers := range []int{2, 3, 8} {
		together := make(chan struct{})
		var mu sync.Mutex
		busy, next := 0, uint64(0)
		x := exec.New(nil, exec.Options{Workers: workers, MorselRows: morsel, Poison: true})
		err := x.Map(context.Background(), mem.Of(ordered(rows).Table, rows), []int{0}, func(_ *batch.Ctx, b batch.Batch) (batch.Batch, error) {
			mu.Lock()
			if busy++; busy == workers {
				close(together)
			}
			mu.Unlock()
			select {
			case <-together:
			case <-time.After(30 * time.Second):
				return b, errors.New("fewer than all workers have a morsel at one time")
			}
			return b, nil
		}, func(b batch.Batch) error {
			for i, v := range b.Cols[0].Int64s() {
				if uint64(v) != next || b.ID.At(i).Ordinal != next {
					t.Fatalf("row %d is %d, its identity %d", next, v, b.ID.At(i).Ordinal)
				}
				next++
			}
			return nil
		})
		if err != nil || next != rows {
			t.Fatalf("%d workers: %d rows, %v", workers, next, err)
		}
	}
}
