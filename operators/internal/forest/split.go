package forest

import (
	"math"

	"github.com/headrace/headrace/kernels/fmath"
)

// split is a way to part the rows of a node. The zero split is none.
type split struct {
	ok          bool
	feature     int
	gain        float64 // what it takes off the impurity times the mass
	at          int     // codes up to it go left
	next        int     // the least code beyond it that has rows
	missingLeft bool
	missing     bool // the node has rows of the bin of missing
	rows        int64
}

// node is what a split is judged by.
type node struct {
	s, w, rows int64
	class      []int64 // masses, of more than two classes
	squares    float64 // of class
	logs       float64 // of class, each times its logarithm
	minRows    int64
}

// search is one column's split being looked for.
type search struct {
	*node
	entropy bool
	k       int
	mean    float64
	left    []int64 // masses by class on the left
}

// of is how good it is to part a node of numbers, or of two classes, so: what it takes off the impurity times the mass.
func (f *search) of(s, w int64) float64 {
	if f.entropy {
		return xlogx(s) + xlogx(w-s) - xlogx(w) + xlogx(f.s-s) + xlogx(f.w-w-f.s+s) - xlogx(f.w-w) -
			(xlogx(f.s) + xlogx(f.w-f.s) - xlogx(f.w))
	}
	d := float64(s) - float64(float64(w)*f.mean)
	return d * d / (float64(w) * float64(f.w-w))
}

// numbers finds the best cut of the bins of t, between any two that have rows, with missing on either side. random >= 0 is the only cut
// that it looks at. Of equal ones it takes the lowest, and missing to the right.
func (f *search) numbers(t *tally, missing bool, only int) (best split) {
	last := t.n - 1
	top := -1.0
	try := func(s, w, rows int64, end int, missingLeft bool) {
		for i := range end {
			s += t.s[i]
			w += t.w[i]
			rows += t.rows[i]
			if only >= 0 && int(t.code[i+1]) <= only && i+1 < last { // the last entry at or below the cut
				continue
			}
			if rows >= f.minRows && f.rows-rows >= f.minRows {
				if g := f.of(s, w); g > top {
					top = g
					best = split{ok: true, at: int(t.code[i]), next: int(t.code[i+1]), missingLeft: missingLeft, missing: missing, rows: rows}
				}
			}
			if only >= 0 {
				return
			}
		}
	}
	if !missing {
		try(0, 0, 0, last, false)
	} else {
		try(0, 0, 0, last, false) // the last entry is that of missing: it stays right
		try(t.s[last], t.w[last], t.rows[last], last-1, true)
	}
	best.gain = max(0, top)
	return best
}

// one is numbers of one cut, which has these rows on its left, where none is missing.
func (f *search) one(left part) (s split) {
	if left.n >= f.minRows && f.rows-left.n >= f.minRows {
		s = split{ok: true, rows: left.n, gain: max(0, f.of(left.s, left.w))}
	}
	return s
}

// classes is numbers of more than two classes.
func (f *search) classes(t *tally, missing bool, only int) (best split) {
	last := t.n - 1
	top := -1.0
	k := f.k
	whole := f.squares / float64(f.w)
	if f.entropy {
		whole = f.logs - xlogx(f.w)
	}
	try := func(from, end int, missingLeft bool) {
		l := f.left
		clear(l)
		a, b := 0.0, f.squares // of the left and the right, squares or logarithms
		if f.entropy {
			b = f.logs
		}
		w, rows := int64(0), int64(0)
		move := func(i int) {
			for c, x := range t.class[i*k : (i+1)*k] {
				if x == 0 {
					continue
				}
				r := f.class[c] - l[c]
				if f.entropy {
					a += xlogx(l[c]+x) - xlogx(l[c])
					b += xlogx(r-x) - xlogx(r)
				} else {
					x := float64(x)
					a += float64(x * (float64(2*l[c]) + x))
					b -= float64(x * (float64(2*r) - x))
				}
				l[c] += x
				w += x
			}
			rows += t.rows[i]
		}
		if from >= 0 {
			move(from)
		}
		for i := range end {
			move(i)
			if only >= 0 && int(t.code[i+1]) <= only && i+1 < last {
				continue
			}
			if rows >= f.minRows && f.rows-rows >= f.minRows {
				var g float64
				if f.entropy {
					g = a - xlogx(w) + b - xlogx(f.w-w) - whole
				} else {
					g = a/float64(w) + b/float64(f.w-w) - whole
				}
				if g = max(g, 0); g > top {
					top = g
					best = split{ok: true, at: int(t.code[i]), next: int(t.code[i+1]), missingLeft: missingLeft, missing: missing, rows: rows}
				}
			}
			if only >= 0 {
				return
			}
		}
	}
	try(-1, last, false)
	if missing {
		try(last, last-1, true)
	}
	best.gain = max(0, top)
	return best
}

// small is x*ln(x) of small x.
var small = func() (t [4096]float64) {
	for i := 1; i < len(t); i++ {
		t[i] = float64(i) * fmath.Log(float64(i))
	}
	return t
}()

// xlogx is x*ln(x), 0 at 0.
func xlogx(x int64) float64 {
	if uint64(x) < uint64(len(small)) {
		return small[x]
	}
	return float64(x) * fmath.Log(float64(x))
}

// factor is the unit of gains: of numbers and two classes gains are of sums of squares, and entropy is counted in bits.
func (g *grower) factor(w int64) float64 {
	switch {
	case g.o.Criterion == Entropy:
		return 1 / math.Ln2
	case g.k > 2:
		return 1
	}
	f := float64(w)
	if g.k == 2 {
		f *= 2 // Gini's impurity is twice the variance
	} else {
		f *= g.unit * g.unit
	}
	return f
}
