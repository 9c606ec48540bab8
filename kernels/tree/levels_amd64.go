//go:build !headrace_noasm

package tree

import (
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/cpu"
)

func flush(g, h, n []int64, words *[256]uint64, f Fields) {
	switch level := cpu.Now(); {
	case len(g) == 0 || level == cpu.Go:
		flushGo(g, h, n, words, f)
	case level == cpu.AVX2:
		flushAVX2(&g[0], &h[0], &n[0], len(g), words, 1<<f.H-1, 1<<(f.G-f.H)-1, 1<<(63-f.G), uint64(f.H), uint64(f.G))
	default:
		flushAVX512(&g[0], &h[0], &n[0], len(g), words, 1<<f.H-1, 1<<(f.G-f.H)-1, uint64(f.H), uint64(f.G))
	}
}

func union(words []uint64) uint64 {
	if len(words) == 0 || cpu.Now() == cpu.Go {
		return unionGo(words)
	}
	return unionAVX2(&words[0], len(words))
}

func round(dst, src []uint64, r *Grid) {
	n := len(src) &^ 7
	halfG, halfH := uint64(1)<<r.DownG>>1, uint64(1)<<r.DownH>>1
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go || level == cpu.AVX2 && r.DownG > r.G:
		n = 0
	case level == cpu.AVX2:
		roundAVX2(&dst[0], &src[0], n, halfG-1<<31, halfH, uint64(r.DownG), uint64(r.DownH), uint64(r.G), uint64(r.H))
	default:
		roundAVX512(&dst[0], &src[0], n, halfG, halfH, uint64(r.DownG), uint64(r.DownH), uint64(r.G), uint64(r.H))
	}
	roundGo(dst[n:], src[n:], r)
}

func search(s *Search, g, h, n []int64) (best float64, cut int) {
	level := cpu.Now()
	if len(g) == 0 || level == cpu.Go || level == cpu.AVX2 && (s.H >= 1<<52 || s.HessMin < 0) {
		return searchGo(s, g, h, n)
	}
	whole := (len(g) + 7) &^ 7
	_, _, _ = g[:whole], h[:whole], n[:whole]
	var scores [8]float64
	var cuts [8]int64
	if level == cpu.AVX2 {
		limits := [6]int64{s.RowsMin - 1, s.HessMin - 1, s.N - s.RowsMin, s.H - s.HessMin, int64(len(g)) - 1, int64(math.Float64bits(float64(s.H)))}
		searchAVX2(&s.G, &limits, &g[0], &h[0], &n[0], len(g), &scores, &cuts)
	} else {
		searchAVX512(&s.G, &g[0], &h[0], &n[0], len(g), &scores, &cuts)
	}
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
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		return sidesAllGo(dst, col, set)
	case level == cpu.AVX2:
		sidesAVX2(&dst[0], n, &col[0], (*[4]uint64)(set))
	default:
		sidesAVX512(&dst[0], n, &col[0], (*[4]uint64)(set))
	}
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
	switch level := cpu.Now(); {
	case len(right) == 0:
		copy(left, rows)
		return
	case len(left) == 0:
		copy(right, rows)
		return
	case n == 0 || level == cpu.Go:
		partGo(left, right, rows, sides)
		return
	case level == cpu.AVX2:
		done, lefts := partAVX2(&left[0], &right[0], len(left), len(right), &rows[0], n, &sides[0])
		partRest(left[lefts:], right[done-lefts:], rows[done:], sides[done/64:], done%64)
		return
	}
	if lefts := ones(sides[:n/64]); lefts > len(left) || n-lefts > len(right) {
		panic("tree: sides without room")
	}
	lefts := partAVX512(&left[0], &right[0], &rows[0], n, &sides[0])
	partGo(left[lefts:], right[n-lefts:], rows[n:], sides[n/64:])
}

// partRest is partGo of rows the first of which has a bit within a word.
func partRest(left, right, rows []int32, sides []uint64, first int) {
	if first > 0 {
		some, w := rows[:min(len(rows), 64-first)], sides[0]>>first
		partGo(left, right, some, []uint64{w})
		lefts := bits.OnesCount64(w)
		left, right, rows, sides = left[lefts:], right[len(some)-lefts:], rows[len(some):], sides[1:]
	}
	partGo(left, right, rows, sides)
}

func bins(dst []uint8, xs []float64, c *Cuts) {
	n, odd := len(xs)&^7, uint64(0)
	switch level := cpu.Now(); {
	case n == 0 || level == cpu.Go:
		n = 0
	case level == cpu.AVX2:
		odd = binsAVX2(&dst[0], &xs[0], n, &c.pad[0], &c.tops[0])
	default:
		odd = binsAVX512(&dst[0], &xs[0], n, &c.pad[0], &c.tops[0])
	}
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
