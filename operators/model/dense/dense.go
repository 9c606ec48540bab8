// Package dense is the small dense algebra of linear learners: cross products of columns over blocks of rows, and their solution.
//
// Rows are cut into blocks by position, partial sums are added in a binary tree by the number of the block, and a pair of columns is
// summed in one fixed order inside a block: results are the same to the bit for any number of workers.
package dense

import (
	"math"
	"sync"

	"github.com/headrace/headrace/operators/model"
)

// BlockRows is how many rows are summed before the tree.
const BlockRows = 4096

// InFlight is how many blocks are summed before their part of the tree is added up; a power of two, so that the tree is the same as
// over all blocks at once.
const InFlight = 32

// Parallel runs f(0..n-1) in any order, on any number of workers.
type Parallel func(n int, f func(i int))

// Sum adds up what f finds of each block of n rows: f adds its sums to out, which has size elements and comes zeroed.
func Sum(parallel Parallel, n, size int, f func(lo, hi int, out []float64)) []float64 {
	blocks := (n + BlockRows - 1) / BlockRows
	var stack []subtree
	part := make([][]float64, min(InFlight, blocks))
	for from := 0; from < blocks; from += InFlight {
		m := min(InFlight, blocks-from)
		parallel(m, func(i int) {
			if part[i] == nil {
				part[i] = make([]float64, size)
			}
			clear(part[i])
			lo := (from + i) * BlockRows
			f(lo, min(n, lo+BlockRows), part[i])
		})
		for step := 1; step < m; step *= 2 {
			for i := 0; i+step < m; i += 2 * step {
				add(part[i], part[i+step])
			}
		}
		stack = push(stack, append([]float64(nil), part[0]...))
	}
	if stack == nil {
		return make([]float64, size)
	}
	for len(stack) > 1 {
		last := len(stack) - 1
		add(stack[last-1].sum, stack[last].sum)
		stack = stack[:last]
	}
	return stack[0].sum
}

// subtree is the sum of 2^level groups of blocks.
type subtree struct {
	level int
	sum   []float64
}

// push adds subtrees of equal level, the earlier one first, as a binary counter carries.
func push(stack []subtree, sum []float64) []subtree {
	s := subtree{0, sum}
	for len(stack) > 0 && stack[len(stack)-1].level == s.level {
		last := stack[len(stack)-1]
		add(last.sum, s.sum)
		s = subtree{s.level + 1, last.sum}
		stack = stack[:len(stack)-1]
	}
	return append(stack, s)
}

func add(a, b []float64) {
	for i, v := range b {
		a[i] += v
	}
}

// Columns are features, shifted and scaled for summing: z = (x - Mean) * Inverse. Inverse is a power of two, so that scaling rounds
// nothing, and 0 for a column that is the same in every row, which teaches nothing.
type Columns struct {
	N       int
	X       []model.Number
	W       []float64 // weights, nil for all 1
	Weight  float64   // their sum
	Mean    []float64
	Inverse []float64
	Spread  []float64 // standard deviations of x
	pool    sync.Pool
}

// Scale finds the weighted mean, the scale and the spread of every column. The values must be finite.
func Scale(parallel Parallel, n int, x []model.Number, w []float64) *Columns {
	p := len(x)
	c := &Columns{N: n, X: x, W: w, Mean: make([]float64, p), Inverse: make([]float64, p), Spread: make([]float64, p)}
	c.pool.New = func() any { b := make([]float64, (p+scratches+1)*BlockRows); return &b }
	sums := Sum(parallel, n, p+1, func(lo, hi int, out []float64) {
		for j := range x {
			out[j] += dot(c.ones(w, lo, hi), x[j].Values[lo:hi])
		}
		out[p] += total(c.ones(w, lo, hi))
	})
	c.Weight = sums[p]
	// of a column that is the same in every row the mean may be off in its last bit, so that its reach is looked at, and not its spread
	reach := make([]float64, p)
	parallel(p, func(j int) {
		c.Mean[j] = sums[j] / c.Weight
		least, most := math.Inf(1), math.Inf(-1)
		for i, v := range x[j].Values[:n] {
			if w == nil || w[i] > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
		if least < most {
			reach[j] = max(most-c.Mean[j], c.Mean[j]-least)
			_, e := math.Frexp(reach[j])
			c.Inverse[j] = math.Ldexp(1, max(-e, -1000))
		}
	})
	squares := Sum(parallel, n, p, func(lo, hi int, out []float64) {
		b := c.Block(lo, hi)
		for j := range x {
			out[j] += dot(b.WZ(j), b.Z[j])
		}
		c.Free(b)
	})
	for j := range x {
		if c.Inverse[j] > 0 {
			c.Spread[j] = math.Sqrt(squares[j]/c.Weight) / c.Inverse[j]
		}
	}
	return c
}

var one = func() []float64 {
	v := make([]float64, BlockRows)
	for i := range v {
		v[i] = 1
	}
	return v
}()

func (c *Columns) ones(w []float64, lo, hi int) []float64 {
	if w == nil {
		return one[:hi-lo]
	}
	return w[lo:hi]
}

const scratches = 4

// Block is the scaled columns of a block, a weight a row, and scratch of the same length.
type Block struct {
	Z       [][]float64
	W       []float64 // as Columns.W, all 1 where that is nil
	Scratch [scratches][]float64
	memory  *[]float64
}

// Block computes the scaled columns of rows lo to hi. Free gives its memory back.
func (c *Columns) Block(lo, hi int) *Block {
	m := c.pool.Get().(*[]float64)
	n := hi - lo
	b := &Block{Z: make([][]float64, len(c.X)), W: c.ones(c.W, lo, hi), memory: m}
	for j := range c.X {
		z := (*m)[j*BlockRows:][:n]
		mean, inv := c.Mean[j], c.Inverse[j]
		for i, v := range c.X[j].Values[lo:hi] {
			z[i] = (v - mean) * inv
		}
		if inv == 0 {
			clear(z) // an infinite difference times 0 is no 0
		}
		b.Z[j] = z
	}
	for k := range b.Scratch {
		b.Scratch[k] = (*m)[(len(c.X)+k)*BlockRows:][:n]
	}
	return b
}

// WZ is column j times the weights, in memory that the next call overwrites.
func (b *Block) WZ(j int) []float64 { return b.times(b.Z[j], b.W) }

func (b *Block) times(x, w []float64) []float64 {
	n := len(x)
	out := (*b.memory)[len(*b.memory)-BlockRows:][:n]
	w = w[:n]
	for i, v := range x {
		out[i] = v * w[i]
	}
	return out
}

// Free gives the memory of a block back.
func (c *Columns) Free(b *Block) { c.pool.Put(b.memory) }

// Cross adds the cross products of the columns, each row weighted by h: out is the lower triangle by rows, element (j, k) for k <= j
// at j*(j+1)/2+k. Column 0 is the constant 1, column j+1 is b.Z[j].
func (b *Block) Cross(h, out []float64) {
	out[0] += total(h)
	for j := range b.Z {
		hz := b.times(b.Z[j], h)
		row := out[(j+1)*(j+2)/2:]
		row[0] += total(hz)
		k := 0
		for ; k+4 <= j+1; k += 4 {
			s0, s1, s2, s3 := dot4(hz, b.Z[k], b.Z[k+1], b.Z[k+2], b.Z[k+3])
			row[k+1] += s0
			row[k+2] += s1
			row[k+3] += s2
			row[k+4] += s3
		}
		for ; k <= j; k++ {
			row[k+1] += dot(hz, b.Z[k])
		}
	}
}

// Squares does out[0] += sum of h; out[j+1] += sum of h*z_j^2: the diagonal of what Cross adds.
func (b *Block) Squares(h, out []float64) {
	out[0] += total(h)
	for j, z := range b.Z {
		out[j+1] += dot(b.times(z, h), z)
	}
}

// Apply does out[0] += sum of r; out[j+1] += sum of r*z_j.
func (b *Block) Apply(r, out []float64) {
	out[0] += total(r)
	j := 0
	for ; j+4 <= len(b.Z); j += 4 {
		s0, s1, s2, s3 := dot4(r, b.Z[j], b.Z[j+1], b.Z[j+2], b.Z[j+3])
		out[j+1] += s0
		out[j+2] += s1
		out[j+3] += s2
		out[j+4] += s3
	}
	for ; j < len(b.Z); j++ {
		out[j+1] += dot(r, b.Z[j])
	}
}

// Scores sets out[i] = v[0] + sum of v[j+1]*z_j[i], in the order of the columns.
func (b *Block) Scores(v, out []float64) {
	for i := range out {
		out[i] = v[0]
	}
	for j, z := range b.Z {
		x := v[j+1]
		if x == 0 {
			continue
		}
		z = z[:len(out)]
		for i := range out {
			out[i] += float64(x * z[i])
		}
	}
}

// Original turns coefficients of the scaled columns, the constant first, into those of the given ones.
func (c *Columns) Original(v []float64) (w []float64, intercept float64) {
	w = make([]float64, len(c.X))
	intercept = v[0]
	for j := range w {
		w[j] = v[j+1] * c.Inverse[j]
		intercept -= float64(w[j] * c.Mean[j])
	}
	return w, intercept
}

// total sums in four interleaved lanes: fixed order, and no chain of additions as long as the block.
func total(x []float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
	}
	for _, v := range x {
		a += v
	}
	return (a + b) + (c + d)
}

// dot is total of the products.
func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d float64
	for ; len(x) >= 4; x, y = x[4:], y[4:] {
		_ = y[3]
		a += float64(x[0] * y[0])
		b += float64(x[1] * y[1])
		c += float64(x[2] * y[2])
		d += float64(x[3] * y[3])
	}
	for i, v := range x {
		a += float64(v * y[i])
	}
	return (a + b) + (c + d)
}

// dot4 is the sums of x*a, x*b, x*c and x*d, each in one lane.
func dot4(x, a, b, c, d []float64) (sa, sb, sc, sd float64) {
	n := len(x)
	a, b, c, d = a[:n], b[:n], c[:n], d[:n]
	for i, v := range x {
		sa += float64(v * a[i])
		sb += float64(v * b[i])
		sc += float64(v * c[i])
		sd += float64(v * d[i])
	}
	return sa, sb, sc, sd
}

// Bytes is about what fits hold over n rows of p columns, besides them: columns that are no float64 yet, blocks under way, and
// cross products.
func Bytes(n, p int) int64 {
	square := int64(p+1) * int64(p+2) / 2
	return 8 * (int64(n)*int64(p) + (InFlight+4)*square + 8*BlockRows*int64(p+scratches+1))
}
