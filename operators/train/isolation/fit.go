package isolation

import (
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/internal/trees"
)

// What a draw is for, so that no two purposes share their numbers.
const (
	drawTree uint32 = iota
	drawRow
	drawNode
	drawColumn
	drawThreshold
	drawLevel
	drawMissing
)

// unit is the step of path lengths: they are rounded to it once, so that their sum over trees is exact.
const unit = 0x1p-20

// steps rounds a length.
func steps(x float64) float64 { return math.RoundToEven(x/unit) * unit }

// length is how many more splits would part n rows, on average: c(n) of the paper.
func length(n int) float64 {
	switch {
	case n < 2:
		return 0
	case n == 2:
		return 1
	}
	m := float64(n - 1)
	const euler = 0.5772156649015329
	return 2*(fmath.Log(m)+euler) - float64(2*(m/float64(n)))
}

// grower grows the trees on samples of the rows.
type grower struct {
	data  *trees.Data
	seed  uint64
	rows  int // of a sample
	depth int // splits from root to leaf at most
}

// sample draws rows without replacement, each by its own number: those of the least numbers. A row of twice the weight is as likely to come
// before another as either of two rows (Efraimidis and Spirakis 2006).
func (g *grower) sample(seed uint64) []int32 {
	type drawn struct {
		key float64
		row int32
	}
	heap := make([]drawn, 0, g.rows)
	after := func(a, b drawn) bool { return a.key > b.key || a.key == b.key && a.row > b.row }
	for r := range g.data.N {
		w := g.data.WeightOf(r)
		if w == 0 {
			continue
		}
		d := drawn{hash.Unit(hash.Draw(seed, uint64(r), drawRow)), int32(r)}
		if g.data.Weight != nil {
			d.key = -fmath.Log(1-d.key) / w
		}
		if len(heap) < g.rows {
			heap = append(heap, d)
			for i := len(heap) - 1; i > 0 && after(heap[i], heap[(i-1)/2]); i = (i - 1) / 2 {
				heap[i], heap[(i-1)/2] = heap[(i-1)/2], heap[i]
			}
			continue
		}
		if !after(heap[0], d) {
			continue
		}
		heap[0] = d
		for i := 0; ; {
			c := 2*i + 1
			if c+1 < len(heap) && after(heap[c+1], heap[c]) {
				c++
			}
			if c >= len(heap) || !after(heap[c], heap[i]) {
				break
			}
			heap[i], heap[c] = heap[c], heap[i]
			i = c
		}
	}
	rows := make([]int32, len(heap))
	for i, d := range heap {
		rows[i] = d.row
	}
	slices.Sort(rows)
	return rows
}

// tree grows tree t: at each node a column that has two values there is drawn, and a threshold between the least and the greatest, or of a
// category a side for each level.
func (g *grower) tree(t uint64) trees.Tree {
	seed := hash.Draw(g.seed, t, drawTree)
	rows := g.sample(seed)
	cols := make([][]float64, len(g.data.Features)) // of the sample; levels as numbers, NaN is missing
	for j := range cols {
		cols[j] = make([]float64, len(rows))
		f := &g.data.Features[j]
		for i, r := range rows {
			cols[j][i] = value(f, int(r))
		}
	}
	var out trees.Tree
	at := make([]int32, len(rows))
	for i := range at {
		at[i] = int32(i)
	}
	order := make([]int, len(cols))
	var grow func(rows []int32, depth int, seed uint64) int32
	grow = func(rows []int32, depth int, seed uint64) int32 {
		for j := range order {
			order[j] = j
		}
		for drawn := 0; drawn < len(order) && depth < g.depth && len(rows) > 1; drawn++ {
			k := drawn + int(hash.Below(hash.Draw(seed, uint64(drawn), drawColumn), uint64(len(order)-drawn)))
			order[drawn], order[k] = order[k], order[drawn]
			j := order[drawn]
			s, ok := g.split(j, cols[j], rows, seed)
			if !ok {
				continue
			}
			n := len(out.Feature)
			out.Feature, out.Threshold, out.MissingLeft = append(out.Feature, int32(j)), append(out.Threshold, s.at), append(out.MissingLeft, s.missingLeft)
			out.Left, out.Right, out.Cat = append(out.Left, 0), append(out.Right, 0), append(out.Cat, -1)
			if s.bits != nil {
				out.Cat[n] = int32(len(out.Bits))
				out.Bits = append(out.Bits, s.bits...)
			}
			slices.SortStableFunc(rows, func(a, b int32) int { return s.side(cols[j][a]) - s.side(cols[j][b]) })
			left := 0
			for left < len(rows) && s.side(cols[j][rows[left]]) == 0 {
				left++
			}
			l := grow(rows[:left], depth+1, hash.Draw(seed, 0, drawNode))
			r := grow(rows[left:], depth+1, hash.Draw(seed, 1, drawNode))
			out.Left[n], out.Right[n] = l, r
			return int32(n)
		}
		out.Leaf = append(out.Leaf, steps(float64(depth)+length(len(rows))))
		return ^int32(len(out.Leaf) - 1)
	}
	grow(at, 0, hash.Draw(seed, 0, drawNode))
	return out
}

// value is a feature of a row as a number.
func value(f *trees.Feature, r int) float64 {
	switch {
	case f.Levels > 0 && f.Codes[r] < 0:
		return math.NaN()
	case f.Levels > 0:
		return float64(f.Codes[r])
	case f.Values != nil:
		return f.Values[r]
	}
	var x [1]float64
	f.Read(x[:], r)
	return x[0]
}

// split is a way to part rows by a column.
type split struct {
	at          float64
	bits        []uint64 // of a category, the levels that go left
	missingLeft bool
}

// side is 0 for left.
func (s *split) side(x float64) int {
	left := x <= s.at
	switch {
	case x != x:
		left = s.missingLeft
	case s.bits != nil:
		left = s.bits[int(x)/64]>>(int(x)%64)&1 != 0
	}
	if left {
		return 0
	}
	return 1
}

// split draws one by column j; ok says whether the rows have two values of it that are not missing. Missing goes to a side that is drawn where
// the rows have it, else with more of them.
func (g *grower) split(j int, col []float64, rows []int32, seed uint64) (s split, ok bool) {
	low, high, missing := math.Inf(1), math.Inf(-1), 0
	for _, r := range rows {
		if x := col[r]; x == x {
			low, high = min(low, x), max(high, x)
		} else {
			missing++
		}
	}
	if !(low < high) {
		return s, false
	}
	word := hash.Draw(seed, uint64(j), drawThreshold)
	if levels := g.data.Features[j].Levels; levels > 0 {
		s.bits = make([]uint64, (levels+63)/64)
		for level := range levels {
			s.bits[level/64] |= hash.Draw(word, uint64(level), drawLevel) & 1 << (level % 64)
		}
		// two levels that are there go apart, whatever was drawn for them
		s.bits[int(low)/64] |= 1 << (int(low) % 64)
		s.bits[int(high)/64] &^= 1 << (int(high) % 64)
		if word&1 != 0 {
			s.bits[int(low)/64] &^= 1 << (int(low) % 64)
			s.bits[int(high)/64] |= 1 << (int(high) % 64)
		}
	} else {
		s.at = between(low, high, hash.Unit(word))
	}
	left := 0
	for _, r := range rows {
		if col[r] == col[r] {
			left += 1 - s.side(col[r])
		}
	}
	s.missingLeft = 2*left >= len(rows)-missing
	if missing > 0 {
		s.missingLeft = hash.Draw(word, 0, drawMissing)&1 != 0
	}
	return s, true
}

// between is a number t with low <= t < high, evenly by u from 0 to 1. Infinities are as far as the greatest numbers.
func between(low, high, u float64) float64 {
	a, b := max(low, -math.MaxFloat64), min(high, math.MaxFloat64)
	t := float64(a*(1-u)) + float64(b*u)
	return min(max(t, low), math.Nextafter(high, math.Inf(-1)))
}
