package exec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

// distinctRows are those rows that the plain way keeps.
func distinctRows(t mem.Table, by string, last bool) mem.Table {
	at := map[string]int{}
	c := t.Column(by)
	for i := range t.N {
		if k := string(c.Text(i)); last || at[k] == 0 {
			at[k] = i + 1
		}
	}
	var idx []int32
	for i := range t.N {
		if at[string(c.Text(i))] == i+1 {
			idx = append(idx, int32(i))
		}
	}
	t.Batch = t.Take(nil, idx)
	return t
}

// TestDistinctInAFlow holds that distinct rows are found below what drops and repeats rows, and that their rows are as any behind a
// filter for what stands below.
func TestDistinctInAFlow(t *testing.T) {
	rows := numbers(2000)
	for name := range layouts(rows) {
		for _, last := range []bool{false, true} {
			source := func() *mem.Pipeline {
				return mem.New("distinct").Source("rows", layouts(rows)[name]).Step("some", &toys.Filter{Col: "x", Least: 400}, "rows").
					Step("twice", &times{}, "some")
			}
			above, err := source().Rows("twice", exec.Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			want := distinctRows(above, "s", last)
			if want.N < 10 {
				t.Fatal("too few rows for a test")
			}
			for _, opt := range ways() {
				p := source().Step("few", &toys.Distinct{By: []string{"s"}, Last: last}, "twice").
					Step("again", &toys.Distinct{By: []string{"s"}}, "few")
				got, err := p.Rows("again", opt)
				if err != nil {
					t.Fatal(err)
				}
				if got.String() != want.String() || fmt.Sprint(got.ID) != fmt.Sprint(want.ID) {
					t.Fatalf("%s, %+v: %d rows stay, not the %d that are distinct", name, opt, got.N, want.N)
				}
				w, err := written(t, p, "few", opt, false)
				if err != nil || w.String() != want.String() {
					t.Errorf("%s, %+v: %d rows are written, %v", name, opt, w.N, err)
				}
			}
		}
	}
}

// TestDistinctStages holds that what makes the rows that are compared comes first, and what learns from the rows that stay later.
func TestDistinctStages(t *testing.T) {
	p := mem.New("stages").Source("rows", mem.Of(numbers(500))).Step("scaled", &toys.Scale{Cols: []string{"x"}}, "rows").
		Step("few", &toys.Distinct{By: []string{"s"}}, "scaled").Step("last", &toys.Scale{Cols: []string{"x"}}, "few")
	pl, _ := planned(t, p, "last")
	got := ""
	for _, stage := range exec.Stages(pl) {
		for _, n := range stage {
			got += n.Label() + " "
		}
		got += "| "
	}
	if want := "few | scaled | last | "; got != want && got != "scaled | few | last | " {
		t.Errorf("stages are %s, want %s", got, want)
	}
}

// TestDistinctTellsTheRow holds that a failure above is told as that of the step that it is in.
func TestDistinctTellsTheRow(t *testing.T) {
	p := mem.New("row").Source("rows", mem.Of(numbers(500), 77)).Step("c", &trip{"c", tripped{at: []int64{300, 200}}}, "rows").
		Step("few", &toys.Distinct{By: []string{"c"}}, "c")
	for _, opt := range ways() {
		if _, err := p.Rows("few", opt); err == nil || !strings.Contains(err.Error(), `step "c"`) || !strings.Contains(err.Error(), "row 201:") {
			t.Fatalf("%+v: %v", opt, err)
		}
	}
}

// foldDistinct is a macro that finds distinct rows inside of folds.
type foldDistinct struct{ distinct toys.Distinct }

func (k *foldDistinct) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{}, nil
}
func (k *foldDistinct) Narrow(operators.Site, []string) operators.Op { return k }
func (k *foldDistinct) Expand(_ operators.Site, b operators.Build, in ...operators.Node) operators.Node {
	return b.Folds("cv", 3, in[0], func(n operators.Node) operators.Node {
		return b.Step("scale", &toys.Scale{Cols: []string{"x"}}, b.Step("few", &k.distinct, n))
	})
}

// TestDistinctInFolds holds that in a fold scope the same rows stay.
func TestDistinctInFolds(t *testing.T) {
	rows := numbers(1000)
	want := fmt.Sprint(distinctRows(rows, "s", true).Column("id").Int64s())
	for name := range layouts(rows) {
		for _, opt := range ways() {
			p := mem.New("folds").Source("rows", layouts(rows)[name]).Step("folded", &foldDistinct{toys.Distinct{By: []string{"s"}, Last: true}}, "rows")
			got, err := p.Rows("folded", opt)
			if err != nil {
				t.Fatal(err)
			}
			if ids := fmt.Sprint(got.Column("id").Int64s()); ids != want {
				t.Fatalf("%s, %+v: rows %s stay, want %s", name, opt, ids, want)
			}
		}
	}
}
