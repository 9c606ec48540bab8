package forest

import (
	"math"
	"slices"

	"github.com/headrace/headrace/operators/internal/trees"
)

// OutOfBag is how well the forest does on the rows that it was learnt from, where only trees that did not draw a row say anything of it.
type OutOfBag struct {
	Rows     int     // that some tree did not draw
	Accuracy float64 // of classes
	AUC      float64 // of two classes; NaN where one is missing
	RMSE, R2 float64 // of numbers; R2 is NaN where they are all the same
}

// step is a node of a tree in bins, all of it in one line of the cache: deep trees miss it at every node.
type step struct {
	feature     int32 // twice that; one more says that missing goes left
	cut         int32
	left, right int32
}

func (t *grown) steps() []step {
	out := make([]step, len(t.Feature))
	for i, f := range t.Feature {
		out[i] = step{2 * f, t.cut[i], t.Left[i], t.Right[i]}
		if t.MissingLeft[i] {
			out[i].feature++
		}
	}
	return out
}

// find is the leaf that a row in bins reaches. missing are the bins of missing.
func (t *grown) find(steps []step, row, missing []uint8) int {
	if len(steps) == 0 {
		return 0
	}
	n := int32(0)
	for n >= 0 {
		s := &steps[n]
		c := row[s.feature>>1]
		var left bool
		switch {
		case s.cut < 0:
			left = t.sets[^s.cut][c/64]>>(c%64)&1 != 0
		case c == missing[s.feature>>1]:
			left = s.feature&1 != 0
		default:
			left = int32(c) <= s.cut
		}
		if n = s.right; left {
			n = s.left
		}
	}
	return int(^n)
}

// oobRows is how many rows a worker takes at a time.
const oobRows = 4096

// outOfBag asks of each row the trees that did not draw it, in their order.
func (g *grower) outOfBag(m *Model, grown []*grown) *OutOfBag {
	n, p := len(g.mass), len(g.cols)
	missing := make([]uint8, p)
	for j := range missing {
		missing[j] = uint8(g.cols[j].Bins)
	}
	steps := make([][]step, len(grown))
	g.team.Each(len(grown), func(_, i int) { steps[i] = grown[i].steps() })
	value := make([]float64, n) // NaN of no tree; of more than two classes, the likeliest
	g.team.Each((n+oobRows-1)/oobRows, func(_, b int) {
		begin, end := b*oobRows, min(n, (b+1)*oobRows)
		asked := make([]int32, end-begin)
		k := 1
		if g.k > 2 {
			k = g.k
		}
		sum := make([]float64, (end-begin)*k)
		for i, t := range grown {
			if t.all {
				continue
			}
			seed := g.draw.tree(uint64(i))
			for r := begin; r < end; r++ {
				if g.mass[r] == 0 || g.draw.times(seed, r) > 0 {
					continue
				}
				asked[r-begin]++
				leaf := m.Trees[i].Leaf[t.find(steps[i], g.wide[r*p:(r+1)*p], missing)]
				if k == 1 {
					sum[r-begin] += leaf
					continue
				}
				to := sum[(r-begin)*k:][:k]
				for at := m.Shares.At[int(leaf)]; at < m.Shares.At[int(leaf)+1]; at++ {
					to[m.Shares.Class[at]] += m.Shares.Share[at]
				}
			}
		}
		for r := begin; r < end; r++ {
			switch s := sum[(r-begin)*k:][:k]; {
			case asked[r-begin] == 0:
				value[r] = math.NaN()
			case k == 1:
				value[r] = s[0] / float64(asked[r-begin])
			default:
				best := 0
				for c, x := range s {
					if x > s[best] {
						best = c
					}
				}
				value[r] = float64(best)
			}
		}
	})
	return g.score(value)
}

// score compares values with the labels.
func (g *grower) score(value []float64) *OutOfBag {
	o := &OutOfBag{}
	var rows []int32
	for r, v := range value {
		if v == v {
			rows = append(rows, int32(r))
		}
	}
	if o.Rows = len(rows); o.Rows == 0 {
		return nil
	}
	if g.k == 1 {
		g.errors(o, rows, value)
		return o
	}
	var hit, all trees.Wide
	for _, r := range rows {
		all.Add(g.mass[r])
		right := false
		if g.k > 2 {
			right = int32(value[r]) == g.label.Class[r]
		} else {
			right = (value[r] >= 0.5) == (g.label.Values[r] == 1)
		}
		if right {
			hit.Add(g.mass[r])
		}
	}
	o.Accuracy = hit.Float(0) / all.Float(0)
	if g.k == 2 {
		o.AUC = g.auc(rows, value)
	}
	return o
}

// auc counts the pairs of a row of class 1 and one of class 0 that are in order, half of equal ones.
func (g *grower) auc(rows []int32, value []float64) float64 {
	slices.SortFunc(rows, func(a, b int32) int {
		switch x, y := value[a], value[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return int(a - b)
	})
	var below, ones, pairs float64
	for i := 0; i < len(rows); {
		zero, one := int64(0), int64(0)
		for v := value[rows[i]]; i < len(rows) && value[rows[i]] == v; i++ {
			if r := rows[i]; g.label.Values[r] == 1 {
				one += g.mass[r]
			} else {
				zero += g.mass[r]
			}
		}
		pairs += float64(float64(one) * (2*below + float64(zero)))
		below += float64(zero)
		ones += float64(one)
	}
	return pairs / (2 * float64(ones*below))
}

// errors are of numbers.
func (g *grower) errors(o *OutOfBag, rows []int32, value []float64) {
	term := make([]float64, len(value))
	sum := func(f func(y, v float64) float64) float64 {
		clear(term)
		for _, r := range rows {
			term[r] = float64(g.mass[r]) * f(g.label.Values[r], value[r])
		}
		return g.team.Sum(term)
	}
	all := sum(func(float64, float64) float64 { return 1 })
	mean := sum(func(y, _ float64) float64 { return y }) / all
	wrong := sum(func(y, v float64) float64 { return (y - v) * (y - v) })
	spread := sum(func(y, _ float64) float64 { return (y - mean) * (y - mean) })
	o.RMSE = math.Sqrt(wrong / all)
	o.R2 = 1 - wrong/spread
	if spread == 0 {
		o.R2 = math.NaN()
	}
}
