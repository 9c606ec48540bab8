package forest

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/headrace/headrace/operators/internal/trees"
)

// heads is how many bits the draws of one row take at most.
const heads = 5

// target rounds labels and weights to integers whose sums over all draws fit 62 bits.
func (g *grower) target(d *trees.Data) error {
	g.k = max(g.label.Classes, 1)
	n := bits.Len(uint(d.N)) + heads
	g.mass = make([]int64, d.N)
	top := 1.0
	if d.Weight != nil {
		top = 0
		for _, w := range d.Weight {
			top = max(top, w)
		}
		if top == 0 {
			return errNoRows
		}
	}
	for i := range g.mass {
		w := d.WeightOf(i)
		g.uneven = g.uneven || w != 0 && w != top
	}
	scale := 62 - n - trees.Exponent(top)
	for i := range g.mass {
		switch w := d.WeightOf(i); {
		case w == 0:
		case g.uneven:
			g.mass[i] = max(1, grid(w, scale))
		default:
			g.mass[i] = 1
		}
	}
	g.unit = 1
	if g.k > 2 {
		return nil
	}
	g.sum = make([]int64, d.N)
	if g.k == 2 {
		for i, y := range g.label.Values {
			if y == 1 {
				g.sum[i] = g.mass[i]
			}
		}
		g.packed = !g.uneven && n <= 32
		return nil
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, m := range g.mass {
		if m == 0 {
			continue
		}
		y := g.label.Values[i]
		if math.Abs(y) > labelMost {
			return fmt.Errorf("label %v in row %d, want a number within %g of 0", y, i, labelMost)
		}
		lo, hi = min(lo, y), max(hi, y)
	}
	g.origin = origin(lo, hi)
	part := func(i int) float64 { // what row i adds to a sum of labels, in units of the greatest weight
		y := g.label.Values[i] - g.origin
		if !g.uneven {
			return y
		}
		return y * (d.Weight[i] / top)
	}
	most := 0.0
	for i, m := range g.mass {
		if m != 0 {
			most = max(most, math.Abs(part(i)))
		}
	}
	if most == 0 {
		return nil
	}
	fine := 62 - n - trees.Exponent(most)
	for i, m := range g.mass {
		if m != 0 {
			g.sum[i] = grid(part(i), fine)
		}
	}
	// a sum over a mass is in these units of a label
	step := -fine
	if g.uneven {
		step += 62 - n - trees.Exponent(top)
		g.unit = math.Ldexp(top, step)
	} else {
		g.unit = math.Ldexp(1, step)
	}
	return nil
}

// labelMost keeps squares of labels, times masses, finite.
const labelMost = 1e100

// origin is where labels from lo to hi are counted from, so that what they differ in is not lost where they are far from 0: 0, or a
// multiple of a power of two above what they differ in. Taking it off a label is exact, and so is adding it again.
func origin(lo, hi float64) float64 {
	if lo == hi {
		return lo
	}
	step := math.Ldexp(1, trees.Exponent(hi-lo))
	return math.Trunc((float64(lo/2)+float64(hi/2))/step) * step
}

// grid is the nearest integer to x * 2^e, which is taken in two steps: 2^e itself may be no number.
func grid(x float64, e int) int64 {
	return int64(math.RoundToEven(x * math.Ldexp(1, e/2) * math.Ldexp(1, e-e/2)))
}
