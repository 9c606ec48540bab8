package tree

import (
	"fmt"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/kernels/fmath"
)

// BenchmarkTree is ns a row, or a bin, of each loop at each level.
func BenchmarkTree(b *testing.B) {
	const n = 4096
	r := source(n)
	xs, label, p := make([]float64, n), make([]float64, n), make([]float64, n)
	rows, all := make([]int32, n), make([]int32, n)
	col := make([]uint8, 8*n)
	for i := range xs {
		xs[i], label[i], all[i], rows[i] = r.NormFloat64(), float64(r.IntN(2)), int32(i), int32(8*i+r.IntN(8))
	}
	for i := range col {
		col[i] = uint8(r.Uint32())
	}
	cuts := make([]float64, 254)
	for i := range cuts {
		cuts[i] = float64(i)/50 - 2.5
	}
	c := NewCuts(cuts)
	words, bins, sides := make([]uint64, n), make([]uint8, 16*n), make([]uint64, n/64)
	for i := range bins {
		bins[i] = uint8(r.Uint32())
	}
	set := Set{r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64()}
	var table Table
	var g, h, rowsOf [256]int64
	s := Search{RowsMin: 20, HessMin: 1, L2: 1}
	for i := range g {
		g[i], h[i], rowsOf[i] = r.Int64N(2000)-1000, 1+r.Int64N(1000), 1+r.Int64N(50)
		s.G, s.H, s.N = s.G+g[i], s.H+h[i], s.N+rowsOf[i]
	}
	to := make([]int32, n)
	run := func(name string, units int, f func()) {
		for _, l := range cpu.Levels() {
			b.Run(fmt.Sprintf("%s/%s", name, l), func(b *testing.B) {
				defer cpu.Lower(l)()
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(units), "ns/row")
			})
		}
	}
	run("Bins", n, func() { c.Bins(bins[:n], xs) })
	run("Logistic", n, func() { Logistic(words, xs, label, 1<<16, 1<<17, Fields{11, 36}) })
	run("fmath.SigmoidSlice", n, func() { fmath.SigmoidSlice(p, xs) })
	run("Round", n, func() { (&Grid{Fields{11, 36}, 13, 15}).Round(words, words) })
	six, two := Records{bins[:16*n], 16}, Records{make([]uint8, 40*n), 40}
	copy(two.Data, bins)
	copy(two.Data[16*n:], bins)
	run("Put of 6", n, func() { six.Put(0, words) })
	run("Scatter of 14", 14*n, func() { two.Scatter(14, &table, 0, 0, n) })
	run("Scatter of 6", 6*n, func() { six.Scatter(6, &table, 0, 0, n) })
	run("Scatter of 14 apart", 14*n, func() { Scatter(14, &table, bins, 16, 0, words) })
	run("ScatterRows of 14", 14*n, func() { two.ScatterRows(14, &table, 0, all, false) })
	run("ScatterRows of 6", 6*n, func() { six.ScatterRows(6, &table, 0, all, false) })
	run("Best", 256, func() { s.Best(g[:], h[:], rowsOf[:]) })
	for i := range 192 { // a node of few of the values
		g[i], h[i], rowsOf[i] = 0, 0, 0
	}
	run("Best of a quarter", 256, func() { s.Best(g[:], h[:], rowsOf[:]) })
	run("Union", 256, func() { Union(table[0][:]) })
	run("Flush", 256, func() { Flush(g[:], h[:], rowsOf[:], &table[0], Fields{11, 36}) })
	run("Sides of all", n, func() { Sides(sides, all, col, &set) })
	run("Sides of an eighth", n, func() { Sides(sides, rows, col, &set) })
	left := Sides(sides, all, col, &set)
	run("Part", n, func() { Part(to[:left], to[left:], all, sides) })
	run("Gather of 16", n, func() { Gather(bins, bins, 16, all, words, words) })
}
