package forest

import (
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
	part := func(i int) float64 { // what row i adds to a sum of labels, in units of the greatest weight
		if !g.uneven {
			return g.label.Values[i]
		}
		return g.label.Values[i] * (d.Weight[i] / top)
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

// grid is the nearest integer to x * 2^e, which is taken in two steps: 2^e itself may be no number.
func grid(x float64, e int) int64 {
	return int64(math.RoundToEven(x * math.Ldexp(1, e/2) * math.Ldexp(1, e-e/2)))
}
