package gbdt

import (
	"slices"

	"github.com/headrace/headrace/operators/internal/ranks"
	"github.com/headrace/headrace/operators/internal/trees"
)

// ranking is the rows of weight of a table by their groups, wherever they stand in it.
type ranking struct {
	d         *Data
	gain      ranks.Gain
	places    int       // at the top of a group that count
	first     []int32   // of each group, where its rows begin in rows; then where the last one's end
	rows      []int32   // group by group, of each in the order of the table
	pieces    []int     // groups to share out: where each piece begins, then how many groups there are
	ideal     []float64 // of each group, the gain of the best order
	discounts ranks.Discounts
	rooms     [trees.WorkersMax][]ranks.Placed
}

// pieceRows is about how many rows are shared out at a time: a group has few.
const pieceRows = 1024

func newRanking(t *trees.Team, d *Data, gain ranks.Gain, places int) *ranking {
	r := &ranking{d: d, gain: gain, places: places}
	groups := 0
	for _, g := range d.Group {
		groups = max(groups, int(g)+1)
	}
	r.first = make([]int32, groups+1)
	for i, g := range d.Group {
		if d.WeightOf(i) != 0 {
			r.first[g+1]++
		}
	}
	largest := int32(0)
	for g := range groups {
		largest = max(largest, r.first[g+1])
		r.first[g+1] += r.first[g]
	}
	r.rows = make([]int32, r.first[groups])
	at := slices.Clone(r.first)
	for i, g := range d.Group {
		if d.WeightOf(i) != 0 {
			r.rows[at[g]] = int32(i)
			at[g]++
		}
	}
	for g := 0; g < groups; {
		r.pieces = append(r.pieces, g)
		for from := r.first[g]; g < groups && r.first[g]-from < pieceRows; {
			g++
		}
	}
	r.pieces = append(r.pieces, groups)
	r.discounts = ranks.NewDiscounts(int(largest))
	r.ideal = make([]float64, groups)
	r.each(t, func(w, g int) {
		list := r.listed(w, g, d.Label)
		ranks.BestFirst(list)
		r.ideal[g] = r.discounts.Gained(list, places, gain)
	})
	return r
}

// of are the rows of a group.
func (r *ranking) of(g int) []int32 { return r.rows[r.first[g]:r.first[g+1]] }

// each calls f for every group.
func (r *ranking) each(t *trees.Team, f func(w, g int)) {
	t.Each(len(r.pieces)-1, func(w, i int) {
		for g := r.pieces[i]; g < r.pieces[i+1]; g++ {
			f(w, g)
		}
	})
}

// listed are the rows of a group with their scores. They are the worker's until its next group.
func (r *ranking) listed(w, g int, score []float64) []ranks.Placed {
	list := r.rooms[w][:0]
	for _, row := range r.of(g) {
		list = append(list, ranks.Placed{Score: score[row], Label: r.d.Label[row], Row: row})
	}
	r.rooms[w] = list
	return list
}

// rankingMeter measures how well scores order the rows of groups.
type rankingMeter struct {
	*ranking
	weight, terms []float64 // of each group
	total         float64
}

// newRankingMeter measures the groups that have a row worth something: the others are in order however they stand. A group counts by the
// mean weight of its rows.
func newRankingMeter(t *trees.Team, d *Data, o *Options) *rankingMeter {
	m := &rankingMeter{ranking: newRanking(t, d, o.Gain, o.Places)}
	m.weight, m.terms = make([]float64, len(m.ideal)), make([]float64, len(m.ideal))
	m.each(t, func(_, g int) {
		if m.ideal[g] > 0 {
			m.weight[g] = meanWeight(d, m.of(g))
		}
	})
	m.total = t.Sum(m.weight)
	return m
}

// meanWeight is of the rows in the order of their weights, so that it does not depend on where they stand.
func meanWeight(d *Data, rows []int32) float64 {
	if d.Weight == nil {
		return 1
	}
	w := make([]float64, len(rows))
	for i, r := range rows {
		w[i] = d.Weight[r]
	}
	slices.Sort(w)
	sum := 0.0
	for _, w := range w {
		sum += w
	}
	return sum / float64(len(rows))
}

// ndcg is the mean over the groups of their discounted gain over the best that there can be.
func (m *rankingMeter) ndcg(t *trees.Team, score []float64) float64 {
	m.each(t, func(w, g int) {
		if m.ideal[g] > 0 {
			list := m.listed(w, g, score)
			ranks.BestFirst(list)
			m.terms[g] = m.weight[g] * (m.discounts.Gained(list, m.places, m.gain) / m.ideal[g])
		}
	})
	return t.Sum(m.terms) / m.total
}
