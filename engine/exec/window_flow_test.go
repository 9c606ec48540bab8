package exec_test

import (
	"fmt"
	"testing"

	store "github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/table"
	"github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

// TestOrderInAFlow holds that a window behind rows that go and come again, and a sort behind it, give the same rows for any cut of them,
// any number of workers, and in files.
func TestOrderInAFlow(t *testing.T) {
	rows := numbers(2000)
	want := ""
	for name := range layouts(rows) {
		for _, opt := range ways() {
			for _, small := range []bool{false, true} {
				opt.Memory = nil
				if small {
					opt.Memory = store.New(1, t.TempDir())
				}
				p := mem.New("order").Source("rows", layouts(rows)[name]).Step("some", &toys.Filter{Col: "x", Least: 400}, "rows").
					Step("twice", &times{}, "some").
					Step("near", &table.Window{By: []string{"s"}, Order: table.Keys{"x desc"}, Columns: param.Pairs[string]{
						{Key: "before", Value: "lag(x, 3)"}, {Key: "m", Value: "mean(x, 20)"}, {Key: "r", Value: "rank()"}}}, "twice").
					Step("sorted", &table.Sort{By: table.Keys{"m desc nulls first", "s"}}, "near")
				got, err := p.Rows("sorted", opt)
				if err != nil {
					t.Fatal(err)
				}
				text := got.String() + fmt.Sprint(got.ID)
				if want == "" {
					want = text
				}
				if text != want || got.N < 100 {
					t.Fatalf("%s, %+v: %d other rows", name, opt, got.N)
				}
				if small && opt.Memory.Spilled() == 0 {
					t.Error("nothing went to disk")
				}
				opt.Memory.Close()
			}
		}
	}
}
