package parquet_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// BenchmarkFlights reads all columns of three million flights with one and two goroutines.
func BenchmarkFlights(b *testing.B) {
	dir := os.Getenv("HEADRACE_DATA")
	if dir == "" {
		b.Skip("HEADRACE_DATA is not set")
	}
	d, err := openPath(filepath.Join(dir, "flights-3m.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	cols := every(d)
	for _, workers := range []int{1, 2} {
		b.Run([]string{"", "one", "two"}[workers], func(b *testing.B) {
			rows := int64(0)
			for b.Loop() {
				var next, n atomic.Int64
				var wg sync.WaitGroup
				for range workers {
					wg.Go(func() {
						c := &batch.Ctx{}
						for {
							u := int(next.Add(1) - 1)
							if u >= len(d.Units()) {
								return
							}
							err := d.Read(context.Background(), c, u, cols, 16384, func(x batch.Batch) error {
								n.Add(int64(x.N))
								c.Reset()
								return nil
							})
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				rows += n.Load()
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
