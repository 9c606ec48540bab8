package exec_test

import (
	"fmt"
	"testing"

	budget "github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/operators/table"
	"github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

// TestAsOfInAFlow holds that an as-of join of rows that are dropped and repeated above is the same in any layout, on any number of
// workers and with no room in memory.
func TestAsOfInAFlow(t *testing.T) {
	rows, want := numbers(900), ""
	for name := range layouts(rows) {
		for _, opt := range ways() {
			for _, tiny := range []bool{false, true} {
				if tiny {
					opt.Memory = budget.New(1, t.TempDir())
				}
				p := mem.New("asof").Source("rows", layouts(rows)[name]).Step("twice", &times{}, "rows").
					Step("few", &toys.Filter{Col: "x", Least: 700}, "rows").Step("right", &toys.Rename{To: map[string]string{"x": "y"}}, "few").
					Step("last", &table.AsOf{Time: table.On{Left: []string{"x"}, Right: []string{"y"}}, By: table.On{Left: []string{"s"}, Right: []string{"s"}},
						Direction: "nearest", Tolerance: "9", Strict: true, How: "inner", Columns: []string{"y"}}, "twice", "right").
					Step("sorted", &table.Sort{By: table.Keys{"y desc", "x"}}, "last")
				got, err := p.Rows("sorted", opt)
				if err != nil {
					t.Fatal(err)
				}
				if want == "" {
					if want = got.String() + fmt.Sprint(got.ID); got.N < 100 {
						t.Fatal("too few rows for a test")
					}
				}
				if got.String()+fmt.Sprint(got.ID) != want {
					t.Fatalf("%s, tiny %v, %+v: %d rows are not those of the first way", name, tiny, opt, got.N)
				}
				if tiny && opt.Memory.Spilled() == 0 {
					t.Error("nothing went to disk")
				}
				opt.Memory.Close()
			}
		}
	}
}
