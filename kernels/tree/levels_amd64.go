//go:build !headrace_noasm

package tree

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/cpu"
)

func flush(g, h, n []int64, words *[256]uint64, f Fields) {
	if len(g) == 0 || cpu.Now() != cpu.AVX512 {
		flushGo(g, h, n, words, f)
		return
	}
	flushAVX512(&g[0], &h[0], &n[0], len(g), words, 1<<f.H-1, 1<<(f.G-f.H)-1, uint64(f.H), uint64(f.G))
}

func round(dst, src []uint64, r *Grid) {
	n := len(src) &^ 7
	if cpu.Now() != cpu.AVX512 {
		n = 0
	}
	if n > 0 {
		roundAVX512(&dst[0], &src[0], n, 1<<r.DownG>>1, 1<<r.DownH>>1, uint64(r.DownG), uint64(r.DownH), uint64(r.G), uint64(r.H))
	}
	roundGo(dst[n:], src[n:], r)
}

func search(s *Search, g, h, n []int64) (best float64, cut int) {
	if len(g) == 0 || cpu.Now() != cpu.AVX512 {
		return searchGo(s, g, h, n)
	}
	whole := (len(g) + 7) &^ 7
	_, _, _ = g[:whole], h[:whole], n[:whole]
	var scores [8]float64
	var cuts [8]int64
	searchAVX512(&s.G, &g[0], &h[0], &n[0], len(g), &scores, &cuts)
	cut = -1
	for i, score := range scores {
		if score > best || score == best && cuts[i] >= 0 && int(cuts[i]) < cut {
			best, cut = score, int(cuts[i])
		}
	}
	return best, cut
}

func sidesAll(dst []uint64, col []uint8, set *Set) int {
	n := len(col) &^ 63
	if n == 0 || cpu.Now() != cpu.AVX512 {
		return sidesAllGo(dst, col, set)
	}
	sidesAVX512(&dst[0], n, &col[0], (*[4]uint64)(set))
	return ones(dst[:n/64]) + sidesAllGo(dst[n/64:], col[n:], set)
}

func sides(dst []uint64, rows []int32, col []uint8, set *Set) (count int) {
	if len(rows) == 0 || cpu.Now() == cpu.Go {
		return sidesGo(dst, rows, col, set)
	}
	_ = col[rows[len(rows)-1]] // the greatest
	var some [1024]uint8
	for len(rows) > 0 {
		n := min(len(rows), len(some))
		if whole := n &^ 7; whole > 0 {
			bytesAVX2(&some[0], &col[0], &rows[0], whole)
		}
		for i := n &^ 7; i < n; i++ {
			some[i] = col[rows[i]]
		}
		words := (n + 63) / 64
		count += sidesAll(dst[:words], some[:n], set)
		dst, rows = dst[words:], rows[n:]
	}
	return count
}

func ones(words []uint64) (n int) {
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

func part(left, right, rows []int32, sides []uint64) {
	n := len(rows) &^ 63
	// A side that is empty has no first element; the copy is faster besides.
	switch {
	case len(right) == 0:
		copy(left, rows)
		return
	case len(left) == 0:
		copy(right, rows)
		return
	case n == 0 || cpu.Now() != cpu.AVX512:
		partGo(left, right, rows, sides)
		return
	}
	if lefts := ones(sides[:n/64]); lefts > len(left) || n-lefts > len(right) {
		panic("tree: sides without room")
	}
	lefts := partAVX512(&left[0], &right[0], &rows[0], n, &sides[0])
	partGo(left[lefts:], right[n-lefts:], rows[n:], sides[n/64:])
}

func bins(dst []uint8, xs []float64, c *Cuts) {
	n := len(xs) &^ 7
	if n == 0 || cpu.Now() != cpu.AVX512 {
		binsGo(dst, xs, c)
		return
	}
	odd := binsAVX512(&dst[0], &xs[0], n, &c.pad[0], &c.tops[0])
	if odd != 0 {
		for i, x := range xs[:n] {
			if x != x {
				dst[i] = uint8(c.n + 1)
			}
		}
	}
	binsGo(dst[n:], xs[n:], c)
}

func logistic(dst []uint64, score, label []float64, scaleG, scaleH float64, f Fields) (topG, topH int64) {
	n, level := len(dst)&^7, cpu.Now()
	if n == 0 || level == cpu.Go {
		return logisticGo(dst, score, label, scaleG, scaleH, f)
	}
	constants := [20]float64{scaleG, scaleH, log2e, ln2Hi, ln2Lo, scoreMost, magic, 1, math.Float64frombits(1<<63 - 1), math.Float64frombits(1023)}
	copy(constants[10:], series[:])
	var top [2][8]uint64
	if level == cpu.AVX512 {
		logisticAVX512(&dst[0], &score[0], &label[0], n, &constants, uint64(f.G), uint64(f.H), f.row(), &top)
	} else {
		logisticAVX2(&dst[0], &score[0], &label[0], n, &constants, uint64(f.G), uint64(f.H), f.row(), &top)
	}
	topG, topH = logisticGo(dst[n:], score[n:], label[n:], scaleG, scaleH, f)
	for i := range 8 {
		topG, topH = max(topG, int64(top[0][i]>>32)), max(topH, int64(top[1][i]))
	}
	return topG, topH
}

func touch(rows []int32, recs []uint8, stride int) {
	if len(rows) > 0 && cpu.Now() != cpu.Go {
		last := stride - 1
		if stride <= 64 && stride&last == 0 {
			last = 0 // in one line with the first
		}
		touchAVX2(&rows[0], len(rows), &recs[0], stride, last)
	}
}
