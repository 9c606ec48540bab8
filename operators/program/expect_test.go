package program

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/race"
)

// expectRow runs rows 0..n-1 and gives the first that fails, -1 for none.
func expectRow(t *testing.T, g Graph, cols []batch.Column, n int) (int, error) {
	t.Helper()
	f := g.Frame()
	for i := range n {
		for j, p := range g.In {
			f.SetRow(p.Slot, &cols[j], i)
		}
		if err := g.Row(f); err != nil {
			return i, err
		}
	}
	return -1, nil
}

func expectBatch(t *testing.T, g Graph, cols []batch.Column, n int) (int, error) {
	t.Helper()
	out, err := g.Batch(&batch.Ctx{}, n, cols)
	if err == nil {
		if len(out) != len(g.Out) {
			t.Fatalf("%d columns", len(out))
		}
		return -1, nil
	}
	var r *RowError
	if !errors.As(err, &r) || r.Row < 0 {
		t.Fatalf("error %v", err)
	}
	return r.Row, err
}

func TestExpectLaws(t *testing.T) {
	types := append(typesOf(batch.Float64, batch.Int32, batch.Int64, batch.Decimal, batch.String, batch.Bool), lawStamp)
	rules := make([]Rule, len(types))
	for j := range rules {
		rules[j].Name = fmt.Sprint("c", j)
	}
	rules[0].HasMin, rules[0].HasMax, rules[0].Min, rules[0].Max = true, true, math.Inf(-1), math.Inf(1)
	rules[1].HasMin, rules[1].Min = true, math.MinInt32
	rules[2].HasMax, rules[2].Max = true, math.MaxInt64
	rules[3].HasMin, rules[3].Min = true, -1e30
	rules[4].Categories = []string{"", "a", "b", "ab", "a longer text than sixteen bytes", "é\x00\xff", "never"}
	for _, nulls := range []bool{false, true} {
		r := rand.New(rand.NewPCG(5, 6))
		cols := make([]batch.Column, len(types))
		for j := range types {
			cols[j] = lawColumn(r, types[j], nulls)
		}
		for i, x := range cols[0].Float64s() { // a NaN keeps no bound
			if x != x {
				cols[0].Float64s()[i] = 1
			}
		}
		for j := range rules {
			rules[j].NotNull = !nulls
		}
		// subsets of more than six outputs are too many to try: two graphs
		laws(t, One(&Expect{Rules: rules[:4]}, named("in", types[:4]), named("out", types[:4])), cols[:4])
		laws(t, One(&Expect{Rules: rules[4:]}, named("in", types[4:]), named("out", types[4:])), cols[4:])
	}
}

func TestExpect(t *testing.T) {
	f, i, s, d := typesOf(batch.Float64), typesOf(batch.Int64), typesOf(batch.String), []batch.Type{{Kind: batch.Decimal, Precision: 6, Scale: 2}}
	dec := batch.OfInt64s([]int64{150, 149, 151})
	dec.Type = d[0]
	dict := batch.OfStrings([]string{"a", "b", "x"})
	none := []bool{false, true, false}
	for _, c := range []struct {
		what string
		rule Rule
		t    []batch.Type
		col  batch.Column
		row  int // that breaks it, -1 for none
		says string
	}{
		{"nothing", Rule{}, f, batch.OfFloat64s([]float64{math.NaN(), math.Inf(1), 0}).WithNulls(none), -1, ""},
		{"min, equal", Rule{HasMin: true, Min: 1}, f, batch.OfFloat64s([]float64{1, 2, 1}), -1, ""},
		{"min", Rule{HasMin: true, Min: 1}, f, batch.OfFloat64s([]float64{1, 0.5, 0}), 1, `column "c" is 0.5, its contract says at least 1`},
		{"max", Rule{HasMax: true, Max: 1}, f, batch.OfFloat64s([]float64{1, -5, 1.5}), 2, `column "c" is 1.5, its contract says at most 1`},
		{"NaN", Rule{HasMin: true, Min: math.Inf(-1)}, f, batch.OfFloat64s([]float64{1, 2, math.NaN()}), 2, "NaN"},
		{"infinity", Rule{HasMax: true, Max: math.MaxFloat64}, f, batch.OfFloat64s([]float64{math.Inf(-1), math.Inf(1), 0}), 1, "+Inf"},
		{"a null keeps any bound", Rule{HasMin: true, Min: 1}, f, batch.OfFloat64s([]float64{1, -9, 1}).WithNulls(none), -1, ""},
		{"integer", Rule{HasMin: true, Min: 0}, i, batch.OfInt64s([]int64{0, 5, -1}), 2, "is -1"},
		{"decimal", Rule{HasMin: true, Min: 1.5}, d, dec, 1, "is 1.49"},
		{"null", Rule{NotNull: true}, i, batch.OfInt64s([]int64{1, 2, 3}).WithNulls(none), 1, "is null, its contract says it never is"},
		{"category", Rule{Categories: []string{"a", "b"}}, s, batch.OfStrings([]string{"a", "b", ""}), 2, `column "c" is "", which is none of its categories`},
		{"coded category", Rule{Categories: []string{"a", "b"}}, s, batch.OfCodes([]int32{1, 0, 2}, &dict), 2, `is "x"`},
		{"a null is of any category", Rule{Categories: []string{"a"}}, s, batch.OfStrings([]string{"a", "x", "a"}).WithNulls(none), -1, ""},
		{"no categories at all", Rule{Categories: []string{}}, s, batch.OfStrings([]string{"a", "b", "c"}), 0, `is "a"`},
	} {
		c.rule.Name = "c"
		g := One(&Expect{Rules: []Rule{c.rule}}, named("in", c.t), named("out", c.t)).Of("source")
		h, err := Unmarshal(g.Marshal())
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		for _, g := range []Graph{g, h} {
			cols := []batch.Column{c.col}
			row, err := expectBatch(t, g, cols, c.col.N)
			if row != c.row || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: the batch form fails at row %d: %v", c.what, row, err)
			}
			one, oneErr := expectRow(t, g, cols, c.col.N)
			if one != c.row || fmt.Sprint(oneErr) != fmt.Sprint(err) {
				t.Errorf("%s: the row form fails at row %d: %v", c.what, one, oneErr)
			}
			var r *RowError
			if err != nil && (!errors.As(err, &r) || r.Step != "source") {
				t.Errorf("%s: %#v does not name the step", c.what, err)
			}
		}
	}
}

// The first row that breaks a rule is the one that is told, and of its columns the first, wherever the batches are cut.
func TestExpectFirstRow(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	types := typesOf(batch.Float64, batch.String, batch.Int64)
	g := One(&Expect{Rules: []Rule{{Name: "a", HasMin: true, Min: 0}, {Name: "b", NotNull: true, Categories: []string{"x"}}, {Name: "c", HasMax: true, Max: 0}}},
		named("in", types), named("out", types))
	for range race.Few(200) {
		const n = 70
		a, b, c, null := make([]float64, n), slices.Repeat([]string{"x"}, n), make([]int64, n), make([]bool, n)
		for range r.IntN(4) {
			a[r.IntN(n)] = -1
			b[r.IntN(n)] = "y"
			c[r.IntN(n)] = 1
			null[r.IntN(n)] = true
		}
		cols := []batch.Column{batch.OfFloat64s(a), batch.OfStrings(b).WithNulls(null), batch.OfInt64s(c)}
		want, wantErr := expectRow(t, g, cols, n)
		for _, cut := range []int{n, 16, 1} {
			got, gotErr := -1, error(nil)
			for lo := 0; lo < n && got < 0; lo += cut {
				part := make([]batch.Column, len(cols))
				for j := range cols {
					part[j] = cols[j].Slice(nil, lo, min(lo+cut, n))
				}
				if got, gotErr = expectBatch(t, g, part, part[0].N); got >= 0 {
					got += lo
				}
			}
			if got != want || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
				t.Fatalf("in batches of %d row %d: %v\nrow by row it is %d: %v", cut, got, gotErr, want, wantErr)
			}
		}
	}
}

// A wide column passes too, in both forms.
func TestExpectVector(t *testing.T) {
	v := typesOf(batch.Vector)
	g := One(&Expect{Rules: []Rule{{Name: "v", NotNull: true}}}, named("in", v), named("out", v))
	col := (*batch.Ctx)(nil).NewVector(2, []string{"p", "q"})
	copy(col.Member(0), []float64{1, 2})
	copy(col.Member(1), []float64{3, 4})
	out, err := g.Batch(nil, 2, []batch.Column{col})
	if err != nil || out[0].Wide != 2 || out[0].Member(1)[1] != 4 {
		t.Fatal(out, err)
	}
	f := g.Frame()
	f.SetRow(g.In[0].Slot, &col, 1)
	if err := g.Row(f); err != nil || !slices.Equal(f.V[g.Out[0].Slot], []float64{2, 4}) {
		t.Errorf("%v %v", f.V, err)
	}
}

func TestExpectInit(t *testing.T) {
	f, s := typesOf(batch.Float64), typesOf(batch.String)
	refuses(t, "too few rules", &Expect{}, f, f)
	refuses(t, "too few outputs", &Expect{Rules: []Rule{{}}}, f, nil)
	refuses(t, "another type", &Expect{Rules: []Rule{{}}}, f, s)
	refuses(t, "a bound on text", &Expect{Rules: []Rule{{HasMin: true}}}, s, s)
	refuses(t, "a bound on a time", &Expect{Rules: []Rule{{HasMax: true}}}, typesOf(batch.Date), typesOf(batch.Date))
	refuses(t, "categories of numbers", &Expect{Rules: []Rule{{Categories: []string{"1"}}}}, f, f)
}
