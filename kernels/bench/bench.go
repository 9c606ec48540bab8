// Package bench times kernels against what the machine can do at that moment.
//
// Benchmarks of kernels use it, on machines that others use too: the least of many short runs is what the kernel takes when
// nobody interferes, and a copy timed the same way, between them, is the limit of memory.
package bench

import (
	"testing"
	"time"
)

// Least runs f, which handles rows, for as long as b wants, and reports the least time a row. Where touched, the bytes that f
// reads and writes, is above zero, it also reports how the time of copying that many bytes compares, as the share of the
// limit in percent: a kernel of 100 is as fast as memmove on a working set of the same size.
func Least(b *testing.B, rows, touched int, f func()) {
	b.Helper()
	from, to := make([]byte, touched/2), make([]byte, touched/2)
	least, limit := time.Duration(1<<62), time.Duration(1<<62)
	for b.Loop() {
		least = min(least, timed(f))
		if touched > 0 {
			copy(to, from) // into the caches, as f finds its own
			limit = min(limit, timed(func() { copy(to, from) }))
			f()
		}
	}
	b.ReportMetric(0, "ns/op") // the mean says more about the neighbours
	b.ReportMetric(float64(least.Nanoseconds())/float64(rows), "ns/row")
	if touched > 0 {
		b.ReportMetric(100*float64(limit)/float64(least), "%limit")
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
