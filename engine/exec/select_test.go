package exec_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/clean"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/feature"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/testing/race"
	"github.com/headrace/headrace/testing/toys/mem"
)

// TestSelectRandom: rows that no filter on the way keeps may be left out by the source, and the same rows come with the same identities, through
// renamed and derived columns and one filter after another.
func TestSelectRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 71))
	left := 0
	for k := range race.Few(200) {
		rows, where, then, unit := clustered(r, 100+r.IntN(80)), predicate(r, 2), predicate(r, 1), 5+r.IntN(40)
		read := func(d *mem.Dataset) string {
			p := mem.New("select").Source("s", d).Step("n", &feature.Derive{Columns: param.Pairs[expr.Source]{{Key: "n", Value: `f * 2.0 > 7.0`}}}, "s").
				Step("f", &clean.Filter{Where: expr.Source(where)}, "n").
				Step("g", &clean.Filter{Where: expr.Source(then)}, "f").
				Step("h", &clean.Filter{Where: "n or i > 3"}, "g")
			got, err := p.Rows([]string{"f", "g", "h"}[k%3], exec.Options{Workers: 2, MorselRows: 1 + k%50, Poison: true})
			if err != nil {
				t.Fatalf("%s, then %s: %v", where, then, err)
			}
			return identified(got)
		}
		some, whole := mem.Of(rows, unit), mem.Of(rows, unit)
		whole.Uncounted = true // then all is read
		if got, want := read(some), read(whole); got != want {
			t.Fatalf("%s, then %s, units of %d rows:\n%s\nwant\n%s", where, then, unit, got, want)
		}
		left += some.LeftOut()
	}
	if left < race.Few(2000) {
		t.Errorf("%d rows are left out: the test shows little", left)
	}
}

// identified is rows with their identities.
func identified(t mem.Table) string {
	out := fmt.Sprintln(t)
	for i := range t.N {
		out += fmt.Sprintln(t.ID.At(i))
	}
	return out
}

// TestSelectFails: a row that fails on its way is told whether a filter further on would keep it or not, and whatever is read first.
func TestSelectFails(t *testing.T) {
	for _, c := range []struct {
		derive, where string
		row           string // that fails; "" for none
		leaves        bool   // rows are left out
	}{
		{"i + 9223372036854775000", "i > 950", "row 809", false},                               // derived for all rows
		{"i + 9223372036854774000", "i + 9223372036854775000 > 0 and i != 3", "row 809", true}, // the filter itself; what it sees first fails too
		{"i + 9223372036854775000", "i > 950 and a > 3", "row 809", true},                      // what the filter reads
		{"div(7, i - 500)", "i > 950 and i % 2 == 0", "row 501", false},
		{"i * 2", "i % 100 == 3", "", false}, // may fail, and does not
		{"i / 2", "i % 100 == 3", "", true},
	} {
		for _, morsel := range []int{1, 7, 100} {
			for _, unit := range []int{10, 1000} {
				d := ordered(1000)
				d.Sizes, d.Fields, d.Cols = []int{unit}, append(d.Fields, operators.Field{Name: "j", Type: d.Fields[0].Type}), append(d.Cols, d.Cols[0])
				p := mem.New("fails").Source("s", d).Step("a", &feature.Derive{Columns: param.Pairs[expr.Source]{{Key: "a", Value: expr.Source(c.derive)}}}, "s").
					Step("f", &clean.Filter{Where: expr.Source(c.where)}, "a")
				_, err := p.Rows("f", exec.Options{Workers: 2, MorselRows: morsel}, "i", "j", "a")
				if (err == nil) != (c.row == "") || err != nil && !strings.Contains(err.Error(), c.row) {
					t.Errorf("%s, %s, morsels of %d: %v", c.derive, c.where, morsel, err)
				}
				if err == nil && (d.LeftOut() > 0) != c.leaves {
					t.Errorf("%s, %s, morsels of %d: %d rows left out", c.derive, c.where, morsel, d.LeftOut())
				}
			}
		}
	}
}
