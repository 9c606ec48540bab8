package parquet_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/operators/batch"
)

// BenchmarkFlights reads three million flights: each column alone with one goroutine, all of them with one and two.
func BenchmarkFlights(b *testing.B) {
	dir := os.Getenv("HEADRACE_DATA")
	if dir == "" {
		b.Skip("HEADRACE_DATA is not set")
	}
	d, err := openPath(filepath.Join(dir, "flights-3m.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	for i, f := range d.Schema().Fields {
		b.Run(f.Name, func(b *testing.B) { benchmarkRead(b, d, []int{i}, 1) })
	}
	b.Run("one", func(b *testing.B) { benchmarkRead(b, d, every(d), 1) })
	b.Run("two", func(b *testing.B) { benchmarkRead(b, d, every(d), 2) })
}

func benchmarkRead(b *testing.B, d connectors.Dataset, cols []int, workers int) {
	arenas := make([]batch.Ctx, workers)
	rows := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		var next, n atomic.Int64
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				c := &arenas[w]
				for u := int(next.Add(1) - 1); u < len(d.Units()); u = int(next.Add(1) - 1) {
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
}
