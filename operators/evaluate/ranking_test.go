package evaluate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

func rankingTable(op *Ranking, group []int, y, score, w []float64) table {
	t := table{op: op, names: []string{""}}
	t.site = rankingSite(w)
	words := make([]string, len(y))
	for i, g := range group {
		words[i] = fmt.Sprint("q", g)
	}
	t.b = batch.Batch{N: len(y), Cols: []batch.Column{batch.OfFloat64s(y)}}
	if w != nil {
		t.b.Cols = append(t.b.Cols, batch.OfFloat64s(w))
	}
	t.b.Cols = append(t.b.Cols, batch.OfStrings(words), batch.OfFloat64s(score))
	return t
}

func rankingSite(w []float64) operators.Site {
	s := site(operators.Task{Kind: operators.Ranking, Label: "y", Group: "g"}, batch.Float64, w)
	s.In[0].Fields = append(s.In[0].Fields, operators.Field{Name: "g", Type: batch.T(batch.String)})
	return s
}

// slicedGroups is two models, weights, groups of a few rows and two slices.
func slicedGroups(seed uint64, n int) table {
	r := rand.New(rand.NewPCG(seed, 7))
	two := sliced(seed, n)
	w := two.b.Cols[1].Float64s()
	t := table{op: &Ranking{Options: Options{Part: "test", Slices: []string{"t", "n"}}, At: []int{2, 5}, Relevant: 2}, names: []string{"", "champion"}, site: rankingSite(w)}
	y, g := make([]float64, n), make([]string, n)
	var scores [2][]float64
	for i := range n {
		y[i], g[i] = float64(r.IntN(5)), fmt.Sprint(r.IntN(1+n/6))
		if r.IntN(10) == 0 {
			w[i] = 0
		}
		for m := range scores {
			scores[m] = append(scores[m], float64(r.IntN(6))/8)
		}
	}
	t.b = batch.Batch{N: n, Cols: []batch.Column{batch.OfFloat64s(y), batch.OfFloat64s(w), batch.OfStrings(g), two.b.Cols[2], two.b.Cols[3],
		batch.OfFloat64s(scores[0]), batch.OfFloat64s(scores[1])}}
	return t
}

func TestRankingRefuses(t *testing.T) {
	add := func(gain string, y []float64, group batch.Column) error {
		e := &Ranking{At: []int{3}, LabelGain: gain, Relevant: 1}
		a := e.Start(rankingSite(nil), []string{""})
		if err := a.Add(&batch.Ctx{}, batch.Batch{N: len(y), Cols: []batch.Column{batch.OfFloat64s(y), group, batch.OfFloat64s(y)}}); err != nil {
			return err
		}
		_, err := e.Finish(rankingSite(nil), []string{""}, operators.TestEnv(), a)
		return err
	}
	two := batch.OfStrings([]string{"a", "a"})
	for _, c := range []struct {
		gain  string
		y     []float64
		group batch.Column
		want  string
	}{
		{"exponential", []float64{0, 1.5}, two, "is 1.5 in a row, and must be a whole number from 0 to 30"},
		{"exponential", []float64{0, 31}, two, "is 31 in a row"},
		{"linear", []float64{0, -1}, two, "is -1 in a row, and must be a number from 0"},
		{"linear", []float64{0, 1}, batch.OfStrings([]string{"a", ""}).WithNulls([]bool{false, true}), `the group "g" is null in 1 of 2 rows`},
	} {
		var data *operators.ErrData
		if err := add(c.gain, c.y, c.group); !errors.As(err, &data) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if err := add("linear", []float64{0, 1.5}, two); err != nil {
		t.Error(err)
	}
}

func TestRankingChecks(t *testing.T) {
	good := rankingSite(nil)
	good.In[0].Fields = append(good.In[0].Fields, operators.Field{Name: "score", Type: batch.T(batch.Float64)})
	check := func(e *Ranking, s operators.Site, want string) {
		t.Helper()
		out, l := e.Check(s)
		text := ""
		for _, d := range l {
			text += d.Error() + " / " + d.Help + "\n"
		}
		if (want == "") != (text == "") || !strings.Contains(text, want) {
			t.Errorf("%q, want %q", text, want)
		}
		if want == "" && fmt.Sprint(out.Reads.Cols, out.Eval.Scores, out.Eval.Metrics) != "[y g] [score] [ndcg_3 ndcg_7 map_3 map_7 precision_3 precision_7 mrr groups groups_relevant]" {
			t.Errorf("%v %v %v", out.Reads.Cols, out.Eval.Scores, out.Eval.Metrics)
		}
	}
	check(&Ranking{At: []int{3, 7}}, good, "")
	check(&Ranking{At: []int{3, 3}}, good, "3 places twice")
	none := good
	none.Task.Group = ""
	check(&Ranking{At: []int{3}}, none, "task.group names no column")
	check(&Ranking{At: []int{3}}, rankingSite(nil), `measures a column "score"`)
}

// A part of a group has another order: rows are drawn by whole groups.
func TestImportanceDrawsGroups(t *testing.T) {
	n := 3000
	r := rand.New(rand.NewPCG(3, 3))
	x, y, g := make([]float64, n), make([]float64, n), make([]int64, n)
	for i := range n {
		x[i], g[i] = r.NormFloat64(), int64(r.IntN(n/10))
		y[i] = min(max(math.Floor(x[i]+1), 0), 4)
	}
	graph, s := linearStep(operators.Ranking, []string{"x"}, []float64{1})
	s.Task.Group = "g"
	s.In[0].Fields = append(s.In[0].Fields, operators.Field{Name: "g", Type: batch.T(batch.Int64)})
	e := &Importance{Part: "test", Repeats: 2, Rows: 500}
	rows := operators.Table{N: n, Cols: []batch.Column{batch.OfFloat64s(x), batch.OfFloat64s(y), batch.OfInt64s(g)}}
	if out, l := e.Check(s); l != nil || fmt.Sprint(out.Reads.Cols) != "[x y g]" {
		t.Fatalf("%v, reads %v", l, out.Reads.Cols)
	}
	drawn, err := e.draw(s, 1, rows)
	if err != nil {
		t.Fatal(err)
	}
	count, all := map[int64]int{}, map[int64]int{}
	for _, i := range drawn {
		count[g[i]]++
	}
	for _, v := range g {
		all[v]++
	}
	for v, n := range count {
		if n != all[v] {
			t.Errorf("group %d has %d of its %d rows", v, n, all[v])
		}
	}
	if len(drawn) > 500 || len(drawn) < 450 || !slices.IsSorted(drawn) {
		t.Errorf("%d rows drawn", len(drawn))
	}
	res, err := e.Measure(s, operators.TestEnv(), graph, rows)
	if err != nil {
		t.Fatal(err)
	}
	m := res.Models[0]
	if m.Metrics[0].Name != "ndcg_10" || m.Metrics[0].Value != 1 || m.Influence[0].Drop < 0.1 || m.Rows < 450 || m.Rows > 500 {
		t.Errorf("%+v", m)
	}
}
