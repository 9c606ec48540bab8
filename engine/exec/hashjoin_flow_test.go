package exec_test

import (
	"fmt"
	"testing"

	budget "github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

// TestHashJoinInAFlow holds that pairs of rows that are dropped and repeated above are the same in any layout, on any number of workers
// and with no room in memory.
func TestHashJoinInAFlow(t *testing.T) {
	rows, want := numbers(700), ""
	for name := range layouts(rows) {
		for _, opt := range ways() {
			for _, tiny := range []bool{false, true} {
				if tiny {
					opt.Memory = budget.New(1, t.TempDir())
				}
				p := mem.New("pairs").Source("rows", layouts(rows)[name]).Step("twice", &times{}, "rows").
					Step("few", &toys.Filter{Col: "x", Least: 900}, "rows").Step("right", &toys.Rename{To: map[string]string{"x": "y"}}, "few").
					Step("pairs", &toys.BigJoin{On: "s", Take: "y"}, "twice", "right")
				got, err := p.Rows("pairs", opt)
				if err != nil {
					t.Fatal(err)
				}
				if want == "" {
					if want = got.String() + fmt.Sprint(got.ID); got.N < 1000 {
						t.Fatal("too few rows for a test")
					}
				}
				if got.String()+fmt.Sprint(got.ID) != want {
					t.Fatalf("%s, tiny %v, %+v: %d rows are not those of the first way", name, tiny, opt, got.N)
				}
				opt.Memory.Close()
			}
		}
	}
}
