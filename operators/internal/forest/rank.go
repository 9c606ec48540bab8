package forest

import (
	"cmp"
	"slices"
)

// smooth is how many rows of the mean a level is taken to have besides its own when levels are ordered: one of few rows is in the middle.
const smooth = 10

// rank orders the levels of each category by what the tree's rows say of them, so that a split cuts the order: by the mean of the label,
// for which the best of all subsets is such a cut (Fisher 1958); of more than two classes by the first principal component of their shares
// (Coppersmith et al. 1999). Levels are ordered once a tree, not at every node, where few rows would learn them by heart.
func (l *local) rank() {
	g := l.g
	for j := range g.cols {
		c := &g.cols[j]
		if c.Levels == 0 {
			continue
		}
		key := l.keys(j)
		order := make([]int, c.Bins)
		for b := range order {
			order[b] = b
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(key[a], key[b]), cmp.Compare(a, b)) })
		rank := make([]uint8, slotsMax)
		rank[c.Bins] = uint8(c.Bins)
		for at, b := range order {
			rank[b] = uint8(at)
		}
		l.ranks[j] = rank
	}
}

// keys are what the bins of column j are ordered by.
func (l *local) keys(j int) []float64 {
	g, v := l.g, &l.all
	n := g.cols[j].Bins
	rows := make([]float64, n)
	if g.k <= 2 {
		s, w := make([]int64, n+1), make([]int64, n+1)
		var total part
		for _, r := range v.rows {
			x := part{}
			if g.packed {
				x.s, x.w = int64(v.words[r]&(1<<32-1)), int64(v.words[r]>>32)
			} else {
				x = v.parts[r]
			}
			b := g.bins[j][r]
			s[b] += x.s
			w[b] += x.w
			total.s += x.s
			total.w += x.w
			total.n++
		}
		mean := float64(total.s) / float64(total.w)
		prior := smooth * float64(total.w) / float64(total.n)
		for b := range rows {
			rows[b] = (float64(s[b]) + float64(prior*mean)) / (float64(w[b]) + prior)
		}
		return rows
	}
	k := g.k
	m := make([]int64, (n+1)*k)
	all := make([]int64, k)
	total := int64(0)
	for _, r := range v.rows {
		x := v.parts[r]
		m[int(g.bins[j][r])*k+int(x.s)] += x.w
		all[x.s] += x.w
		total += x.w
	}
	prior := smooth * float64(total) / float64(len(v.rows))
	share := make([]float64, n*k) // less the mean
	weight := make([]float64, n)
	for b := range n {
		for _, x := range m[b*k : (b+1)*k] {
			weight[b] += float64(x)
		}
		for c := range k {
			mean := float64(all[c]) / float64(total)
			share[b*k+c] = (float64(m[b*k+c])+float64(prior*mean))/(weight[b]+prior) - mean
		}
	}
	// the first principal component, by the power method from the class of the greatest spread: a few steps are enough for an order
	way := make([]float64, k)
	best := -1.0
	for c := range k {
		spread := 0.0
		for b := range n {
			spread += float64(weight[b] * float64(share[b*k+c]*share[b*k+c]))
		}
		if spread > best {
			best = spread
			clear(way)
			way[c] = 1
		}
	}
	next := make([]float64, k)
	for range 30 {
		clear(next)
		size := 0.0
		for b := range n {
			x := 0.0
			for c, y := range way {
				x += float64(y * share[b*k+c])
			}
			rows[b] = x
			for c := range next {
				next[c] += float64(float64(weight[b]*x) * share[b*k+c])
			}
		}
		for _, x := range next {
			size = max(size, x, -x)
		}
		if size == 0 {
			break
		}
		for c := range next {
			way[c] = next[c] / size
		}
	}
	return rows
}
