// Package bench times kernels against what the machine can do at that moment.
//
// Benchmarks of kernels use it, on machines that others use too: the least of many short runs is what the kernel takes when
// nobody interferes, and the machine's limit is timed the same way, between them. The command bench/table makes a table of
// all of them.
package bench

import (
	"testing"
	"time"
)

// The units of the shares that are reported, in percent: a kernel of 100 is as fast as its limit.
const (
	OfMemory  = "%memory"
	OfCompute = "%compute"
)

// Least runs f, which handles rows, for as long as b wants, and reports the least time a row. Where touched, the bytes that f
// reads and writes, is above zero, it also reports how the time of copying that many bytes compares, as the share of the
// limit: a kernel of 100 is as fast as memmove on a working set of the same size.
func Least(b *testing.B, rows, touched int, f func()) {
	b.Helper()
	from, to := make([]byte, touched/2), make([]byte, touched/2)
	var limit func()
	if touched > 0 {
		limit = func() { copy(to, from) }
	}
	f() // what it reads is in the caches then
	least, copied := alternate(b, f, limit)
	report(b, rows, least)
	if touched > 0 {
		b.ReportMetric(100*float64(copied)/float64(least), OfMemory)
	}
}

// Compute is Least for a kernel that computes for longer than it moves: cycles is the least number of the processor's cycles
// in which its execution units can do a row, counted from the instructions of the fastest level; the share of that limit is
// reported.
func Compute(b *testing.B, rows int, cycles float64, f func()) {
	b.Helper()
	least, chain := alternate(b, f, func() { sink = multiply(sink) })
	report(b, rows, least)
	b.ReportMetric(100*cycles*float64(rows)*float64(chain)/chainCycles/float64(least), OfCompute)
}

// alternate gives the least times of both; limit may be nil.
func alternate(b *testing.B, f, limit func()) (least, least2 time.Duration) {
	b.Helper()
	least, least2 = 1<<62, 1<<62
	for b.Loop() {
		least = min(least, timed(f))
		if limit != nil {
			limit() // into the caches, as f finds its own
			least2 = min(least2, timed(limit))
			f()
		}
	}
	return least, least2
}

func report(b *testing.B, rows int, least time.Duration) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // the mean says more about the neighbours
	b.ReportMetric(float64(least.Nanoseconds())/float64(rows), "ns/row")
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

var sink uint64 = 1

// chainCycles is how long multiply takes: each product waits for the one before, for three cycles on the processors that have
// kernels.
const chainCycles = 3 * 4000

func multiply(x uint64) uint64 {
	for range chainCycles / 3 / 8 {
		x *= x
		x *= x
		x *= x
		x *= x
		x *= x
		x *= x
		x *= x
		x *= x
	}
	return x | 1
}
