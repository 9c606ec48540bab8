package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// TestResult is what came of one test of a DAG file.
type TestResult struct {
	Name   string
	Failed string // why; "" where it passed
	List   diag.List
}

// Test runs the tests that stand in a DAG file: rows go in at the sources, and what comes out of a step is compared with what the
// file says, in order, on the columns that it names.
func Test(ctx context.Context, p *dags.Pipeline, cfg Config) ([]TestResult, diag.List) {
	cfg = cfg.filled(p)
	pl, list := Check(ctx, p, cfg)
	defer closeSources(pl)
	if list.Failed() {
		return nil, list
	}
	var out []TestResult
	for _, t := range p.Tests {
		r := TestResult{Name: t.Name}
		if err := runTest(ctx, p, pl, cfg, t); err != nil {
			if r.List, _ = diag.From(err); r.List == nil {
				r.Failed = err.Error()
			} else {
				r.Failed = "its rows cannot be read"
			}
		}
		out = append(out, r)
	}
	return out, list
}

// runTest puts rows in where the step (or the first item of its do list) takes its own, as a pipeline of that step alone.
func runTest(ctx context.Context, p *dags.Pipeline, checked *plan.Plan, cfg Config, t *dags.Test) error {
	first := slices.IndexFunc(p.Steps, func(s *dags.Step) bool { return s.ID == t.First })
	target := checked.ByID[t.Step]
	if first < 0 || target == nil {
		return fmt.Errorf("no step %q", t.Step)
	}
	head := *p.Steps[first]
	small := &dags.Pipeline{File: p.File, Name: p.Name, Task: p.Task}
	data := map[string]*memory{}
	var names []string
	for i, r := range head.From {
		name := r.Input
		if name == "" {
			name = r.Text
		}
		names = append(names, name)
		rows := t.In
		if len(head.From) > 1 {
			if t.In != nil && t.In.Kind != param.Map {
				return wrongTest(t.In, "step %q has several inputs: give the rows of each, as a map", head.ID)
			}
			rows = t.In.Get(name)
		}
		from := checked.ByID[r.ID]
		if from == nil {
			return fmt.Errorf("no step %q", r.ID)
		}
		id := fmt.Sprintf("in%d", i)
		b, err := testRows(from.Sch.Fields, rows, true)
		if err != nil {
			return err
		}
		data[id] = &memory{schema: from.Sch, rows: b}
		small.Sources = append(small.Sources, &dags.Source{ID: id})
		head.From = slices.Clone(head.From)
		head.From[i].ID, head.From[i].Part = id, ""
	}
	if t.In != nil && t.In.Kind == param.Map {
		for _, k := range t.In.Keys {
			if !slices.Contains(names, k.Text) {
				return wrongTest(k, "step %q has no input %q; it has %s", head.ID, k.Text, strings.Join(names, ", "))
			}
		}
	}
	small.Steps = []*dags.Step{&head}
	for _, s := range p.Steps {
		if s.Name == head.Name && s.ID != head.ID && plan.Above(checked.ByID[s.ID], target) {
			small.Steps = append(small.Steps, s)
		}
	}
	pl, list := plan.Make(small, plan.Options{To: []string{t.Step}, Open: func(s *dags.Source, _ []connectors.Want) (connectors.Dataset, diag.List) {
		return data[s.ID], nil
	}})
	if list.Failed() {
		return list.Err()
	}
	n := pl.ByID[t.Step]
	pl.Narrow(map[*plan.Node][]string{n: n.Sch.Names()})
	x := exec.New(pl, exec.Options{Workers: 1})
	if err := x.Fit(ctx); err != nil {
		return err
	}
	got, err := x.Collect(ctx, n, n.Sch.Names())
	if err != nil {
		return err
	}
	return compareRows(n.Sch, got, t)
}

func wrongTest(n *param.Node, format string, args ...any) error {
	d := diag.New(diag.WrongShape, diag.At{}, format, args...)
	d.Place, d.Source = n.Place, n.Line
	return diag.List{d}.Err()
}

// testRows reads rows that a file gives as a list of maps; columns that no row names are null where all is true, and left out else.
func testRows(fields []operators.Field, n *param.Node, all bool) (batch.Batch, error) {
	var items []*param.Node
	if n != nil {
		if n.Kind != param.List {
			return batch.Batch{}, wrongTest(n, "rows are a list of maps, not %s", n.Kind)
		}
		items = n.Items
	}
	names := make([]string, len(fields))
	var head []string
	for i, f := range fields {
		names[i] = f.Name
		head = append(head, strconv.Quote(f.Name)+" "+f.Type.String()+"?")
	}
	lines := []string{strings.Join(head, " | ")}
	for _, it := range items {
		if it.Kind != param.Map {
			return batch.Batch{}, wrongTest(it, "a row is a map of columns, not %s", it.Kind)
		}
		for _, k := range it.Keys {
			if !slices.Contains(names, k.Text) {
				d := diag.New(diag.NoColumn, diag.At{}, "no column %q", k.Text).WithHelp("%s", diag.DidYouMean(k.Text, "columns", names))
				d.Place, d.Source = k.Place, k.Line
				return batch.Batch{}, diag.List{d}.Err()
			}
		}
		var cells []string
		for _, f := range fields {
			v := it.Get(f.Name)
			switch {
			case v == nil || v.Kind == param.Null || v.Kind == param.Scalar && v.Plain && (v.Text == "nil" || v.Text == "null"):
				cells = append(cells, "nil")
			case v.Kind != param.Scalar:
				return batch.Batch{}, wrongTest(v, "a value, not %s", v.Kind)
			case f.Type.Text():
				cells = append(cells, strconv.Quote(v.Text))
			default:
				if _, _, err := operators.ParseValue(f.Type, v.Text); err != nil {
					return batch.Batch{}, wrongTest(v, "column %q: %v", f.Name, err)
				}
				cells = append(cells, v.Text)
			}
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	_, b, err := operators.ParseRows(strings.Join(lines, "\n"))
	return b, err
}

// compareRows compares the columns that the expected rows name.
func compareRows(schema operators.Schema, got batch.Batch, t *dags.Test) error {
	if t.Out == nil {
		return nil
	}
	if t.Out.Kind != param.List {
		return wrongTest(t.Out, "rows are a list of maps, not %s", t.Out.Kind)
	}
	want, err := testRows(schema.Fields, t.Out, false)
	if err != nil {
		return err
	}
	if want.N != got.N {
		return fmt.Errorf("%d rows came out, %d are expected", got.N, want.N)
	}
	for i, row := range t.Out.Items {
		for _, k := range row.Keys {
			j := schema.Index(k.Text)
			a, b := &got.Cols[j], &want.Cols[j]
			x, y := operators.FormatValue(a, i), operators.FormatValue(b, i)
			if x == y {
				continue
			}
			if a.Type.Float() && !a.Null(i) && !b.Null(i) {
				c := &batch.Ctx{}
				if u, v := c.Floats(*a)[i], c.Floats(*b)[i]; math.Abs(u-v) <= 1e-9*math.Max(1, math.Abs(v)) {
					continue
				}
			}
			return fmt.Errorf("row %d: %s is %s, expected %s", i+1, k.Text, x, y)
		}
	}
	return nil
}

// memory is a data set of rows at hand.
type memory struct {
	schema operators.Schema
	rows   batch.Batch
}

func (m *memory) Schema() operators.Schema      { return m.schema }
func (m *memory) Unreadable() map[string]string { return nil }
func (m *memory) Units() []connectors.Unit {
	return []connectors.Unit{{Rows: int64(m.rows.N)}}
}
func (m *memory) Files() []connectors.File { return nil }
func (m *memory) Close() error             { return nil }

func (m *memory) Read(_ context.Context, c *batch.Ctx, _ int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	b := m.rows
	b.Cols = nil
	for _, j := range cols {
		b.Cols = append(b.Cols, m.rows.Cols[j])
	}
	step := max(64, rowsMax&^63)
	for lo := 0; lo < b.N; lo += step {
		if err := emit(b.Slice(c, lo, min(b.N, lo+step))); err != nil {
			return err
		}
	}
	return nil
}
