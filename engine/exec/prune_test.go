package exec_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/clean"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/testing/race"
	"github.com/headrace/headrace/testing/toys/mem"
)

// ordered is a table of the numbers 0..n-1 in n/10 units of 10 rows.
func ordered(n int) *mem.Dataset {
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(i)
	}
	t := mem.Table{Schema: operators.Of(operators.Field{Name: "i", Type: batch.T(batch.Int64)})}
	t.N, t.Cols = n, []batch.Column{batch.OfInt64s(v)}
	return mem.Of(t, 10)
}

// TestPrune: a unit in which no row can pass is not read, and what is read gives the same rows and identities.
func TestPrune(t *testing.T) {
	for _, c := range []struct {
		where string
		units int
		rows  int
	}{
		{"i >= 950", 5, 50},
		{"i < 0", 0, 0},
		{"i >= 0", 100, 1000},
		{"i > 100 and i < 115", 2, 14},
		{"i == 7 or i == 993", 2, 2},
		{"i % 2 == 0", 100, 500}, // nothing can be said of it
	} {
		d := ordered(1000)
		p := mem.New("prune").Source("s", d).Step("f", &clean.Filter{Where: expr.Source(c.where)}, "s")
		got, err := p.Rows("f", exec.Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		if d.ReadUnits() != c.units || got.N != c.rows {
			t.Errorf("%s: %d units read, %d rows; want %d and %d", c.where, d.ReadUnits(), got.N, c.units, c.rows)
		}
		for i := range got.N {
			if v := got.Cols[0].Int64s()[i]; uint64(v) != got.ID.At(i).Ordinal {
				t.Fatalf("%s: row %d has identity %d", c.where, v, got.ID.At(i).Ordinal)
			}
		}
	}
}

// TestPruneKeepsOthers: a unit is read when anybody wants its rows.
func TestPruneKeepsOthers(t *testing.T) {
	d := ordered(100)
	p := mem.New("prune").Source("s", d).Step("few", &clean.Filter{Where: "i > 90"}, "s")
	if _, err := p.Rows("s", exec.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	if d.ReadUnits() != 10 {
		t.Errorf("%d units read of the source itself", d.ReadUnits())
	}
}

// clustered is a table of random values that lie near each other in neighbouring rows, so that units differ: with nulls, both zeros,
// NaN and infinities.
func clustered(r *rand.Rand, n int) mem.Table {
	null := func(c batch.Column) batch.Column {
		is := make([]bool, n)
		for i := range is {
			is[i] = r.IntN(6) == 0 || i/8%3 == 0
		}
		return c.WithNulls(is)
	}
	i64, f64, text := make([]int64, n), make([]float64, n), make([]string, n)
	for i := range n {
		near := i/10 + r.IntN(3)
		i64[i], f64[i], text[i] = int64(near-5), float64(near-5), string(rune('a'+near))+strings.Repeat("z", r.IntN(2))
		if r.IntN(9) == 0 {
			f64[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(4)]
		}
	}
	t := mem.Table{Schema: operators.Of(operators.Field{Name: "i", Type: batch.T(batch.Int64)}, operators.Field{Name: "i0", Type: batch.T(batch.Int64), Nullable: true},
		operators.Field{Name: "f", Type: batch.T(batch.Float64)}, operators.Field{Name: "f0", Type: batch.T(batch.Float64), Nullable: true},
		operators.Field{Name: "s", Type: batch.T(batch.String)}, operators.Field{Name: "s0", Type: batch.T(batch.String), Nullable: true})}
	t.N = n
	t.Cols = []batch.Column{batch.OfInt64s(i64), null(batch.OfInt64s(i64)), batch.OfFloat64s(f64), null(batch.OfFloat64s(f64)),
		batch.OfStrings(text), null(batch.OfStrings(text))}
	return t
}

// predicate is a random condition on the columns of clustered.
func predicate(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(2) == 0 {
		a, b := predicate(r, depth-1), predicate(r, depth-1)
		return []string{"(" + a + ") and (" + b + ")", "(" + a + ") or (" + b + ")", "not (" + a + ")"}[r.IntN(3)]
	}
	op := []string{"<", "<=", ">", ">=", "==", "!="}[r.IntN(6)]
	col := []string{"i", "i0", "f", "f0", "s", "s0"}[r.IntN(6)]
	switch {
	case col[len(col)-1] == '0' && r.IntN(4) == 0:
		return col + []string{" == nil", " != nil"}[r.IntN(2)]
	case col[0] == 's':
		return fmt.Sprintf("%s %s %q", col, op, string(rune('a'+r.IntN(24))))
	case col[0] == 'i' && r.IntN(4) == 0:
		return fmt.Sprintf("%s in [%d, %d]", col, r.IntN(22)-8, r.IntN(22)-8)
	}
	return fmt.Sprintf("%s %s %d", col, op, r.IntN(22)-8)
}

// TestPruneRandom: whatever the condition and the rows, units that are not read have no row that passes it.
func TestPruneRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 14))
	skipped := 0
	for range race.Few(400) {
		rows, where, unit := clustered(r, 100+r.IntN(80)), predicate(r, 2), 5+r.IntN(20)
		read := func(d *mem.Dataset) string {
			got, err := mem.New("prune").Source("s", d).Step("f", &clean.Filter{Where: expr.Source(where)}, "s").Rows("f", exec.Options{Workers: 2})
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			return identified(got)
		}
		pruned, whole := mem.Of(rows, unit), mem.Of(rows, unit)
		whole.Uncounted = true // then all is read
		if got, want := read(pruned), read(whole); got != want {
			t.Fatalf("%s: units of %d rows:\n%s\nwant\n%s", where, unit, got, want)
		}
		skipped += whole.ReadUnits() - pruned.ReadUnits()
	}
	if skipped < race.Few(500) {
		t.Errorf("%d units are left out: the test shows little", skipped)
	}
}
