//go:build !amd64 || headrace_noasm

package tree

func flush(g, h, n []int64, words *[256]uint64, f Fields) { flushGo(g, h, n, words, f) }

func union(words []uint64) uint64 { return unionGo(words) }

func round(dst, src []uint64, r *Grid) { roundGo(dst, src, r) }

func search(s *Search, g, h, n []int64) (best float64, cut int) { return searchGo(s, g, h, n) }

func sidesAll(dst []uint64, col []uint8, set *Set) int { return sidesAllGo(dst, col, set) }

func sides(dst []uint64, rows []int32, col []uint8, set *Set) int {
	return sidesGo(dst, rows, col, set)
}

func part(left, right, rows []int32, sides []uint64) { partGo(left, right, rows, sides) }

func bins(dst []uint8, xs []float64, c *Cuts) { binsGo(dst, xs, c) }

func logistic(dst []uint64, score, label []float64, scaleG, scaleH float64, f Fields) (topG, topH int64) {
	return logisticGo(dst, score, label, scaleG, scaleH, f)
}

func touch([]int32, []uint8, int) {}
