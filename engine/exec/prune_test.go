package exec_test

import (
	"testing"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/clean"
	"github.com/headrace/headrace/operators/expr"
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
