// Package tree is the loops of growing decision trees on columns of at most 256 bins.
//
// A histogram holds for each bin of a column three integer sums over the rows in it: of gradients (g), of hessians (h), and how
// many (n). They are gathered in words that hold all three, a word a bin, so that a row costs one addition a column; Fields says
// where in the word they are. After few enough rows that no field overflows, Flush adds the words to the sums.
package tree

//go:generate go run gen.go
//go:generate go run -C ../_gen ./asm -group tree -out ../tree/zz_tree_amd64.s -stubs ../tree/zz_tree_amd64.go -pkg tree

import (
	"math"
	"math/bits"
)

// Columns is how many columns a table has at most: with more it would not stay in the nearest cache, 32 KB on most machines.
const Columns = 14

// Table is the words of a tile, a few neighbouring columns. It is zero between uses.
type Table [Columns][256]uint64

// Fields says where in a word the sums are: n from bit 0, h from bit H, g with its sign from bit G. Where H is G there is no h.
type Fields struct{ H, G uint }

// Fine is the fields of words that hold one row's g and h of 32 bits each, and no n.
var Fine = Fields{H: 0, G: 32}

// Word is one row's.
func (f Fields) Word(g, h int64) uint64 { return uint64(g)<<f.G + uint64(h)<<f.H + f.row() }

// row is what a row adds to n.
func (f Fields) row() uint64 { return min(1, uint64(f.H)) }

// Flush adds the words of a column to its sums and clears them: the loop
//
//	for b { n[b] += w[b] & (1<<H - 1); h[b] += w[b]>>H & (1<<(G-H) - 1); g[b] += int64(w[b])>>G; w[b] = 0 }
//
// h, where there is none, is not written. The sums have one length, a multiple of 8 of at most 256.
func Flush(g, h, n []int64, words *[256]uint64, f Fields) { flush(g, h[:len(g)], n[:len(g)], words, f) }

func flushGo(g, h, n []int64, words *[256]uint64, f Fields) {
	rows, hess := uint64(1)<<f.H-1, uint64(1)<<(f.G-f.H)-1
	w := words[:len(g)]
	for b, v := range w {
		if v == 0 {
			continue
		}
		n[b] += int64(v & rows)
		if hess != 0 {
			h[b] += int64(v >> f.H & hess)
		}
		g[b] += int64(v) >> f.G
		w[b] = 0
	}
}

// Union is the bits that some word has: what n may be at most in any of them. There is a multiple of 8 of words.
func Union(words []uint64) uint64 { return union(words) }

func unionGo(words []uint64) (u uint64) {
	for ; len(words) >= 4; words = words[4:] {
		u |= words[0] | words[1] | (words[2] | words[3])
	}
	return u
}

// Grid rounds Fine words to others: half a step up, then down by DownG and DownH bits, and h never to 0. The
// caller knows that no rounded value is too large for its field.
type Grid struct {
	Fields
	DownG, DownH uint
}

// Round is the loop for i { dst[i] = word of src[i] }; one length, and dst may be src.
func (r *Grid) Round(dst, src []uint64) { round(dst, src[:len(dst)], r) }

func roundGo(dst, src []uint64, r *Grid) {
	halfG, halfH := int64(1)<<r.DownG>>1, int64(1)<<r.DownH>>1
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] = r.Word((int64(v)>>32+halfG)>>r.DownG, max((int64(uint32(v))+halfH)>>r.DownH, 1))
	}
}

// Search is a node's sums and what a split of it must leave on either side. Gradients and hessians are in the units of the sums.
type Search struct {
	G, H, N    int64   // of all rows of the node
	RowsMin    int64   // on a side
	HessMin    int64   // on a side
	L1, L2     float64 // penalties; L2 at most 1e150
	G0, H0, N0 int64   // what is left of every cut: the rows without a value, or none
}

// Of is the score of rows that part into these sums and the rest, left and right: t*t/(h+L2) of each, where t is g drawn towards 0 by
// L1. It is one sum, so that a split and its mirror image have the same score.
func (s *Search) Of(g, h int64, l2 float64) float64 {
	return pair(soft(float64(g), s.L1), float64(h)+l2, soft(float64(s.G-g), s.L1), float64(s.H-h)+l2)
}

// Whole is the score of the node undivided.
func (s *Search) Whole() float64 {
	t := soft(float64(s.G), s.L1)
	return float64(t*t) / (float64(s.H) + s.L2)
}

// Allowed says whether both sides may be leaves.
func (s *Search) Allowed(h, n int64) bool {
	return n >= s.RowsMin && s.N-n >= s.RowsMin && h >= s.HessMin && s.H-h >= s.HessMin
}

func soft(x, l1 float64) float64 { return max(math.Abs(x)-l1, 0) }

func pair(tl, hl, tr, hr float64) float64 {
	return (float64(float64(tl*tl)*hr) + float64(float64(tr*tr)*hl)) / float64(hl*hr)
}

// Best finds the cut of the greatest score: the loop
//
//	for at { add bin at to the left; if n[at] > 0, both sides are allowed and Of > best { best, cut = Of, at } }
//
// from a best of 0 and a cut of -1, over the bins of g, h and n, which have one length. They go on to a multiple of 8 in capacity;
// what stands there does not matter.
func (s *Search) Best(g, h, n []int64) (best float64, cut int) {
	return search(s, g, h[:len(g)], n[:len(g)])
}

func searchGo(s *Search, g, h, n []int64) (best float64, cut int) {
	cut = -1
	gl, hl, nl := s.G0, s.H0, s.N0
	h, n = h[:len(g)], n[:len(g)]
	for at, v := range g {
		gl, hl, nl = gl+v, hl+h[at], nl+n[at]
		if s.N-nl < s.RowsMin {
			break // and so are all that follow: n is never negative
		}
		if n[at] == 0 || !s.Allowed(hl, nl) {
			continue
		}
		if score := s.Of(gl, hl, s.L2); score > best {
			best, cut = score, at
		}
	}
	return best, cut
}

// Set is a set of bins.
type Set [4]uint64

// Has says whether b is in the set.
func (s *Set) Has(b uint8) bool { return s[b/64]>>(b%64)&1 != 0 }

// Sides is the loop for i { bit i of dst = set has col[rows[i]] } and returns how many bits are set. dst has a word for 64 rows; its
// bits past the end are 0. Rows ascend.
func Sides(dst []uint64, rows []int32, col []uint8, set *Set) int {
	dst = dst[:(len(rows)+63)/64]
	if len(rows) > 0 && int(rows[len(rows)-1]-rows[0]) == len(rows)-1 {
		return sidesAll(dst, col[rows[0]:][:len(rows)], set) // rows are sorted: these follow each other
	}
	return sides(dst, rows, col, set)
}

func sidesAllGo(dst []uint64, col []uint8, set *Set) (count int) {
	for j := range dst {
		w := uint64(0)
		for i, b := range col[64*j : min(len(col), 64*j+64)] {
			w |= set[b/64] >> (b % 64) & 1 << i
		}
		dst[j] = w
		count += bits.OnesCount64(w)
	}
	return count
}

func sidesGo(dst []uint64, rows []int32, col []uint8, set *Set) (count int) {
	for j := range dst {
		w := uint64(0)
		for i, r := range rows[64*j : min(len(rows), 64*j+64)] {
			b := col[r]
			w |= set[b/64] >> (b % 64) & 1 << i
		}
		dst[j] = w
		count += bits.OnesCount64(w)
	}
	return count
}

// Part is the loop for i { append rows[i] to left where its bit of sides is set, else to right }. Both have just the room, and neither
// shares memory with rows.
func Part(left, right, rows []int32, sides []uint64) { part(left, right, rows, sides) }

func partGo(left, right, rows []int32, sides []uint64) {
	for j := 0; j*64 < len(rows); j++ {
		w, some := sides[j], rows[64*j:min(len(rows), 64*j+64)]
		switch w { // rows in order of time often go one way for long
		case 0:
			copy(right, some)
			right = right[len(some):] // or panic, as where there is no room below
			continue
		case 1<<64 - 1:
			copy(left, some)
			left = left[len(some):]
			continue
		}
		if room := len(some); len(left) > room && len(right) > room {
			l, r := 0, 0
			for _, row := range some { // both are written and one moves on: a branch would be guessed wrong half the time
				side := int(w & 1)
				w >>= 1
				left[l], right[r] = row, row
				l += side
				r += 1 - side
			}
			left, right = left[l:], right[r:]
			continue
		}
		for _, row := range some {
			if w&1 != 0 {
				left[0], left = row, left[1:]
			} else {
				right[0], right = row, right[1:]
			}
			w >>= 1
		}
	}
}
