package evaluate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/ranks"
	"github.com/headrace/headrace/operators/model"
)

// Ranking is evaluate.ranking.
type Ranking struct {
	Options   `param:",inline"`
	At        []int   `param:"at" doc:"how many places at the top of a group count: ndcg, map and precision are given for each, as ndcg_10" default:"10" min:"1" max:"1000000"`
	LabelGain string  `param:"label_gain" doc:"of ndcg, what a label l is worth at the top: exponential is 2^l - 1, and labels are whole numbers from 0 to 30; linear is l, and labels are at least 0" enum:"exponential|linear" default:"exponential"`
	Relevant  float64 `param:"relevant" doc:"of map, mrr and precision: the least label of a row that is to be found" default:"1"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.ranking", Version: 1, New: func() operators.Op { return &Ranking{} },
		Doc: "Measures a ranking: ndcg, map, precision and mrr. The model orders the rows of groups, which task.group tells apart; the metrics are ndcg, map and precision at so many places, and mrr. Each is the " +
			"mean over the groups: ndcg (Järvelin and Kekäläinen 2002) over those that have a row worth something, the others over those that have a " +
			"relevant row; the rest say nothing of an order. groups is how many there are, groups_relevant how many have a relevant row. precision is the share of " +
			"relevant rows at the first k places, whether or not the group has as many; map is the mean over the relevant rows of the precision at " +
			"their places, where at most k count; mrr is one over the place of the first relevant row. Rows of equal scores count as the mean over all orders that " +
			"they may stand in, as scikit-learn's ndcg_score has it, so that no metric depends on how the table is sorted. A group counts by the mean of its " +
			"rows' task.weight; rows of weight 0 are in none. A slice has the rows of its value alone, so that a column that is not " +
			"the same in all rows of a group cuts groups.",
		Example: []operators.Example{{
			Doc:     "the page that was clicked is second of three for kiwi, and one of two of equal scores for plum; nobody clicked on figs",
			Options: "{part: test, at: [1, 2]}",
			Task:    operators.Task{Kind: operators.Ranking, Label: "clicked", Group: "query"},
			In: []string{`
				_part | query string | clicked bool | score float64
				train | kiwi         | true         | -9
				test  | kiwi         | false        | 0.5
				test  | plum         | true         | 1
				test  | kiwi         | true         | 0.25
				test  | fig          | false        | 3
				test  | kiwi         | false        | -1
				test  | plum         | false        | 1`},
			Out: `
				metric string   | value float64
				ndcg_1          | 0.25
				ndcg_2          | 0.7231973151785931
				map_1           | 0.25
				map_2           | 0.625
				precision_1     | 0.25
				precision_2     | 0.5
				mrr             | 0.625
				groups          | 3
				groups_relevant | 2`,
		}},
	})
}

// metrics are the names of what is measured.
func (e *Ranking) metrics() (names []string) {
	for _, name := range []string{"ndcg", "map", "precision"} {
		for _, k := range e.At {
			names = append(names, fmt.Sprintf("%s_%d", name, k))
		}
	}
	return append(names, "mrr", "groups", "groups_relevant")
}

// Check says what the evaluation reads and gives.
func (e *Ranking) Check(s operators.Site) (operators.Output, diag.List) {
	out, found := e.check(s, "evaluate.ranking", operators.Ranking, e.metrics())
	for i, k := range e.At {
		if slices.Contains(e.At[:i], k) {
			found.Add(diag.New(diag.OptionConflict, diag.Option("at", strconv.Itoa(i)), "%d places twice", k))
		}
	}
	return out, found
}

// Narrow gives itself: it makes no columns.
func (e *Ranking) Narrow(operators.Site, []string) operators.Op { return e }

// Start makes an empty accumulator.
func (e *Ranking) Start(s operators.Site, models []string) operators.Acc { return e.start(s, models) }

// Finish measures the models.
func (e *Ranking) Finish(_ operators.Site, models []string, env operators.Env, a operators.Acc) (operators.Result, error) {
	r := a.(*rows)
	for _, y := range r.y {
		if want, ok := e.gain().Takes(y); !ok {
			return operators.Result{}, model.DataError("the label %q is %v in a row, and must be %s", r.target.Name, y, want)
		}
	}
	return r.finish(models, env, func(m int, order []uint32, _ bool) operators.ModelResult {
		if r.missing[m] > 0 {
			return nothing(e.metrics())
		}
		t := e.orders(r.w != nil, len(order))
		r.grouped(m, order, t.add)
		return operators.ModelResult{Metrics: t.metrics()}
	})
}

func (e *Ranking) gain() ranks.Gain {
	if e.LabelGain == "linear" {
		return ranks.Linear
	}
	return ranks.Exponential
}

// grouped gives each group's rows, and their mean weight. Rows of weight 0 are left out.
func (r *rows) grouped(m int, order []uint32, f func(list []ranks.Placed, weight float64)) {
	order = slices.DeleteFunc(slices.Clone(order), func(i uint32) bool { return r.weightAt(i) == 0 })
	slices.SortStableFunc(order, func(a, b uint32) int { return cmp.Compare(r.group.codes[a], r.group.codes[b]) })
	var list []ranks.Placed
	for from := 0; from < len(order); {
		list = list[:0]
		var weight exact.Sum
		to := from
		for ; to < len(order) && r.group.codes[order[to]] == r.group.codes[order[from]]; to++ {
			i := order[to]
			list = append(list, ranks.Placed{Score: r.scores[m][i], Label: r.y[i]})
			weight.Add(r.weightAt(i))
		}
		ranks.BestFirst(list)
		f(list, weight.Value()/float64(len(list)))
		from = to
	}
}

// orders is the groups that were measured.
type orders struct {
	of               *Ranking
	discounts        ranks.Discounts
	weighted         bool
	ndcg, maps, hits []total // of each of At
	mrr              total
	worth, relevant  mass // of the groups that have a row worth something, and a relevant row
	all              int64
	best             []ranks.Placed // room for a group
}

// orders is of no group yet, and of as many rows.
func (e *Ranking) orders(weighted bool, rows int) *orders {
	totals := func() []total {
		t := make([]total, len(e.At))
		for i := range t {
			t[i].weighted = weighted
		}
		return t
	}
	places := 0
	for _, k := range e.At {
		places = max(places, k)
	}
	return &orders{of: e, discounts: ranks.NewDiscounts(min(places, rows)), weighted: weighted, ndcg: totals(), maps: totals(), hits: totals(),
		mrr: total{weighted: weighted}}
}

// add measures a group.
func (t *orders) add(list []ranks.Placed, weight float64) {
	t.all++
	gain := t.of.gain()
	t.best = append(t.best[:0], list...)
	ranks.ByLabel(t.best)
	if gain.Of(t.best[0].Label) > 0 {
		t.worth.add(weight, t.weighted)
		for i, k := range t.of.At {
			t.ndcg[i].add(t.discounts.Gained(list, k, gain)/t.discounts.Gained(t.best, k, gain), weight)
		}
	}
	found := t.of.relevant(list)
	if found == 0 {
		return
	}
	t.relevant.add(weight, t.weighted)
	t.mrr.add(t.of.reciprocal(list), weight)
	for i, k := range t.of.At {
		hits, precisions := t.of.found(list, k)
		t.hits[i].add(hits/float64(k), weight)
		t.maps[i].add(precisions/float64(min(found, k)), weight)
	}
}

// relevant is how many rows are.
func (e *Ranking) relevant(list []ranks.Placed) (n int) {
	for _, p := range list {
		if p.Label >= e.Relevant {
			n++
		}
	}
	return n
}

// found is how many of the first k places have a relevant row, and the sum of the precisions at those: of rows of equal scores what their
// orders come to in the mean.
func (e *Ranking) found(list []ranks.Placed, k int) (hits, precisions float64) {
	above := 0.0 // relevant rows of greater scores
	for before := 0; before < len(list) && before < k; {
		n := ranks.Tied(list[before:])
		relevant := float64(e.relevant(list[before : before+n]))
		last := min(before+n, k)
		share := relevant / float64(n) // the chance that one of the places has one
		hits += float64(share * float64(last-before))
		for at := before; at < last && relevant > 0; at++ {
			others := 0.0 // relevant rows of the score that stand before a relevant one here
			if n > 1 {
				others = float64(at-before) * (relevant - 1) / float64(n-1)
			}
			precisions += share * (above + 1 + others) / float64(at+1)
		}
		above += relevant
		before += n
	}
	return hits, precisions
}

// reciprocal is one over the place of the first relevant row, of which there is one; of rows of equal scores in the mean of their orders.
func (e *Ranking) reciprocal(list []ranks.Placed) (sum float64) {
	for before := 0; ; {
		n := ranks.Tied(list[before:])
		relevant := e.relevant(list[before : before+n])
		if relevant == 0 {
			before += n
			continue
		}
		chance := float64(relevant) / float64(n) // that the first stands at the place
		for j := range n - relevant + 1 {
			sum += chance / float64(before+j+1)
			if j+1 < n {
				chance *= float64(n-relevant-j) / float64(n-j-1)
			}
		}
		return sum
	}
}

func (t *orders) metrics() (out []operators.Metric) {
	worth, relevant := t.worth.value(t.weighted), t.relevant.value(t.weighted)
	var values []float64
	for _, of := range []struct {
		totals []total
		mass   float64
	}{{t.ndcg, worth}, {t.maps, relevant}, {t.hits, relevant}, {[]total{t.mrr}, relevant}} {
		for i := range of.totals {
			values = append(values, ratio(of.totals[i].value(), of.mass, nan))
		}
	}
	values = append(values, float64(t.all), float64(t.relevant.n))
	for i, name := range t.of.metrics() {
		out = append(out, operators.Metric{Name: name, Value: values[i]})
	}
	return out
}
