// Package stats says what a few paired timings show.
package stats

import (
	"math"
	"slices"
)

// Median is the middle value, or the mean of the two middle ones; NaN of none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Interval is a median with the bounds that hold the true median with the probability Coverage.
type Interval struct {
	Mid, Low, High float64
	Coverage       float64
}

// Level is the coverage that Of aims at.
const Level = 0.95

// Of gives the median of values with the tightest pair of order statistics whose coverage is at least Level, or with the least and
// the greatest value where there are too few (fewer than six) for that: Coverage says what they cover then.
//
// The interval is exact and supposes nothing of how timings are spread but that they are independent: the true median lies below
// the k-th least of n values only if fewer than k of n fair coins show heads. A bootstrap of seven values would be too narrow.
func Of(values []float64) Interval {
	n := len(values)
	if n == 0 {
		return Interval{Mid: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	k, coverage := 1, 1-2*atMost(0, n)
	for 2*(k+1) <= n && 1-2*atMost(k, n) >= Level {
		coverage = 1 - 2*atMost(k, n)
		k++
	}
	return Interval{Median(sorted), sorted[k-1], sorted[n-k], max(0, coverage)}
}

// Ratios gives Of the ratios a[i] / b[i]: those of one round, taken one after the other, so that what slows the machine down for a
// while slows both.
func Ratios(a, b []float64) Interval {
	if len(a) != len(b) {
		panic("stats: samples that are not paired")
	}
	logs := make([]float64, len(a))
	for i := range a {
		logs[i] = math.Log(a[i] / b[i])
	}
	// In logarithms, so that a/b and b/a of an even number of rounds are each other's inverse.
	i := Of(logs)
	return Interval{math.Exp(i.Mid), math.Exp(i.Low), math.Exp(i.High), i.Coverage}
}

// atMost is the probability of at most k heads of n fair coins.
func atMost(k, n int) float64 {
	sum, term := 0.0, math.Pow(0.5, float64(n))
	for i := range k + 1 {
		sum += term
		term = term * float64(n-i) / float64(i+1)
	}
	return sum
}
