package gbdt

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/model/modeltest"
)

// What a fit asks for is what it has in memory, while it has most: not less, and not many times as much.
func TestOperatorAsksForWhatItTakes(t *testing.T) {
	const rows, members = 20_000, 300
	r := rand.New(rand.NewPCG(1, 1))
	names := make([]string, members)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	number, few, text := make([]float64, rows), make([]int64, rows), make([]string, rows)
	for i := range rows {
		number[i], few[i], text[i] = r.NormFloat64(), int64(r.IntN(5)), fmt.Sprint(r.IntN(40))
	}
	wide := (*batch.Ctx)(nil).NewVector(rows, names)
	for j := range members {
		for i := range rows {
			wide.Member(j)[i] = float64(r.IntN(60))
		}
	}
	in := func(label operators.Field, fields ...operators.Field) operators.Schema {
		return operators.Schema{Fields: append(fields, label)}
	}
	y, class := operators.Field{Name: "y", Type: batch.T(batch.Float64)}, operators.Field{Name: "y", Type: batch.T(batch.String)}
	x := operators.Field{Name: "x", Type: batch.T(batch.Float64)}
	regression, classes := operators.Task{Kind: operators.Regression, Label: "y"}, operators.Task{Kind: operators.Multiclass, Label: "y"}
	for _, c := range []struct {
		options string
		in      operators.Schema
		cols    []batch.Column
		task    operators.Task
	}{
		{"{trees: 3, min_rows: 20}", in(y, operators.Field{Name: "v", Type: wide.Type}), []batch.Column{wide, batch.OfFloat64s(number)}, regression},
		{"{trees: 3, min_rows: 20}", in(y, x, operators.Field{Name: "t", Type: batch.T(batch.String)}, operators.Field{Name: "f", Type: batch.T(batch.Int64)}),
			[]batch.Column{batch.OfFloat64s(number), batch.OfStrings(text), batch.OfInt64s(few), batch.OfFloat64s(number)}, regression},
		{"{trees: 3, objective: quantile, row_sample: 0.5}", in(y, x), []batch.Column{batch.OfFloat64s(number), batch.OfFloat64s(number)}, regression},
		{"{trees: 40, dart: {}, goss: {}}", in(y, x), []batch.Column{batch.OfFloat64s(number), batch.OfFloat64s(number)}, regression},
		{"{trees: 3}", in(class, x), []batch.Column{batch.OfFloat64s(number), batch.OfStrings(text)}, classes},
		{"{trees: 3, leaves: 1000, min_rows: 5}", in(y, x, operators.Field{Name: "f", Type: batch.T(batch.Int64)}), []batch.Column{batch.OfFloat64s(number), batch.OfInt64s(few), batch.OfFloat64s(number)}, regression},
	} {
		o := &Operator{}
		modeltest.Options(t, c.options, o)
		env := operators.TestEnv()
		var asked int64
		env.Grant = func(n int64) error {
			if n < asked {
				t.Errorf("%s: asks for %d after %d", c.options, n, asked)
			}
			asked = n
			return nil
		}
		heap := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before, most := heap(), int64(0)
		env.Progress = func(done, total int) {
			if done == total {
				most = heap() - before
			}
		}
		s := modeltest.Site(c.in, c.task)
		if out, l := o.Check(s); l.Failed() || len(model.RolesOf(s).Features) != len(c.in.Fields)-1 || len(out.Reads.Cols) != len(c.cols) {
			t.Fatal(l.Err())
		}
		if _, err := o.Fit(s, env, operators.Table{N: rows, Cols: c.cols}, operators.Table{}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %d features: asked for %d kB, took %d kB", c.options, len(c.in.Fields)-1, asked>>10, most>>10)
		if fixed := int64(2 << 20); most > asked+fixed || asked > 5*most+fixed { // what does not grow with the table
			t.Errorf("%s, %d features: asked for %d bytes, took %d", c.options, len(c.in.Fields)-1, asked, most)
		}
		denied := operators.TestEnv()
		denied.Grant = func(n int64) error {
			if n == asked {
				return fmt.Errorf("no room for %d", n)
			}
			return nil
		}
		if _, err := o.Fit(s, denied, operators.Table{N: rows, Cols: c.cols}, operators.Table{}); err == nil || !strings.Contains(err.Error(), "histograms: no room for") {
			t.Errorf("without room for the histograms: %v", err)
		}
	}
}

// What is asked for later stands on top of what was asked for before: the groups of a ranking are held while histograms are.
func TestOperatorAsksOnTop(t *testing.T) {
	in, b, task := queryTable(9, 3000)
	env := operators.TestEnv()
	var asked []int64
	env.Grant = func(n int64) error {
		asked = append(asked, n)
		return nil
	}
	opFit(t, "{trees: 2, leaves: 2, bins: 16}", env, in, b, task)
	if len(asked) < 3 || !slices.IsSorted(asked) {
		t.Errorf("asks for %d", asked)
	}
}
