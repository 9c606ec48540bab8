package exec_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/feature"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/race"
	"github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

var (
	int64s   = batch.T(batch.Int64)
	float64s = batch.T(batch.Float64)
)

// numbers is a table of n rows: id as the ordinal, x as a float, and a text.
func numbers(n int) mem.Table {
	id, x, s := make([]int64, n), make([]float64, n), make([]string, n)
	for i := range n {
		id[i], x[i], s[i] = int64(i), float64(i*7919%1000), fmt.Sprint("t", i%37)
	}
	t := mem.Table{Schema: operators.Of(operators.Field{Name: "id", Type: int64s}, operators.Field{Name: "x", Type: float64s}, operators.Field{Name: "s", Type: batch.T(batch.String)})}
	t.N, t.Cols = n, []batch.Column{batch.OfInt64s(id), batch.OfFloat64s(x), batch.OfStrings(s)}
	return t
}

// tripped is a node kind that passes a column on, and fails or panics where the column is one of its values.
type tripped struct {
	at    []int64
	panic bool
	name  string
}

func (*tripped) ID() string                             { return "tripped" }
func (*tripped) Init(_, _ []batch.Type) error           { return nil }
func (*tripped) Encode(*canon.Writer)                   {}
func (*tripped) Decode(*canon.Reader)                   {}
func (*tripped) Row(_ *program.Frame, _, _ []int) error { return nil }
func (k *tripped) Batch(_ *batch.Ctx, n int, in, out []batch.Column) error {
	out[0] = in[0]
	for i, v := range in[0].Int64s() {
		if slices.Contains(k.at, v) {
			if k.panic {
				panic("the fuse blew")
			}
			return &program.RowError{Row: i, Err: fmt.Errorf("%s trips over %d", k.name, v)}
		}
	}
	return nil
}

// trip is an operator made of it: as is computed from id.
type trip struct {
	as string
	tripped
}

func (k *trip) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{Made: []operators.Made{{Field: operators.Field{Name: k.as, Type: int64s}, Apply: []string{"id"}}}}, nil
}
func (k *trip) Narrow(operators.Site, []string) operators.Op { return k }
func (k *trip) Program(operators.Site) program.Graph {
	k.name = k.as
	return program.One(&k.tripped, []program.Named{{Name: "id", Type: int64s}}, []program.Named{{Name: k.as, Type: int64s}})
}

// times repeats each row as often as id mod 3 says.
type times struct{}

func (*times) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Rows, Times: "@times", Needs: [][]string{{"id"}}}, nil
}
func (k *times) Narrow(operators.Site, []string) operators.Op { return k }
func (k *times) Program(operators.Site) program.Graph {
	return program.One(&modulo{}, []program.Named{{Name: "id", Type: int64s}}, []program.Named{{Name: "@times", Type: int64s}})
}

type modulo struct{}

func (*modulo) ID() string                             { return "modulo" }
func (*modulo) Init(_, _ []batch.Type) error           { return nil }
func (*modulo) Encode(*canon.Writer)                   {}
func (*modulo) Decode(*canon.Reader)                   {}
func (*modulo) Row(*program.Frame, []int, []int) error { return nil }
func (*modulo) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.Int64s(n)
	for i, x := range in[0].Int64s() {
		v[i] = x % 3
	}
	out[0] = batch.OfInt64s(v)
	return nil
}

// ways are those in which a run may be run: none may matter.
func ways() (out []exec.Options) {
	for _, workers := range []int{1, 2, 7} {
		for _, morsel := range []int{1, 63, 64, 100, 16384} {
			if race.On && (workers == 1 || morsel == 1 || morsel == 64) {
				continue // who is alone meets nobody, and a row at a time takes long
			}
			out = append(out, exec.Options{Workers: workers, MorselRows: morsel, Poison: true})
		}
	}
	return out
}

// layouts are those that a source may have.
func layouts(t mem.Table) map[string]*mem.Dataset {
	uncounted := mem.Of(t, 700)
	uncounted.Uncounted = true
	return map[string]*mem.Dataset{"one unit": mem.Of(t), "odd units": mem.Of(t, 77, 1, 900), "uncounted": uncounted}
}

// planned plans the rows of a step.
func planned(t testing.TB, p *mem.Pipeline, step string) (*plan.Plan, *plan.Node) {
	t.Helper()
	pl, l := p.Plan(step)
	if l.Failed() {
		t.Fatal(l.Err())
	}
	n, err := pl.Find(step)
	if err != nil {
		t.Fatal(err)
	}
	pl.Narrow(map[*plan.Node][]string{n: n.Sch.Names()})
	return pl, n
}

// written are the rows of a step as Write gives them, or WriteUncut.
func written(t testing.TB, p *mem.Pipeline, step string, opt exec.Options, uncut bool) (mem.Table, error) {
	t.Helper()
	pl, n := planned(t, p, step)
	x := exec.New(pl, opt)
	if err := x.Fit(context.Background()); err != nil {
		return mem.Table{}, err
	}
	var parts []batch.Batch
	write := x.Write
	if uncut {
		write = x.WriteUncut
	}
	err := write(context.Background(), n, n.Sch.Names(), func(b batch.Batch) error {
		parts = append(parts, b.Clone())
		return nil
	})
	if err != nil {
		return mem.Table{}, err
	}
	all, err := batch.ConcatBatches(nil, parts)
	if err != nil {
		t.Fatal(err)
	}
	return mem.Table{Schema: n.Sch, Batch: all}, nil
}

// TestWrite holds what is written to the rows as they are collected, in their order, however they are cut.
func TestWrite(t *testing.T) {
	rows := numbers(2000)
	for name := range layouts(rows) {
		want := ""
		for _, opt := range ways() {
			p := mem.New("write").Source("rows", layouts(rows)[name]).Step("some", &toys.Filter{Col: "x", Least: 100}, "rows").
				Step("twice", &times{}, "some").Step("again", &times{}, "twice")
			got, err := written(t, p, "again", opt, false)
			if err != nil {
				t.Fatalf("%s, %+v: %v", name, opt, err)
			}
			if as, err := written(t, p, "again", opt, true); err != nil || as.String() != got.String() {
				t.Errorf("%s, %+v: uncut, other rows are written: %v", name, opt, err)
			}
			if want == "" {
				all, err := p.Rows("again", exec.Options{Workers: 1})
				if err != nil {
					t.Fatal(err)
				}
				want = all.String()
				if all.N < 1000 {
					t.Fatal("too few rows for a test")
				}
			}
			if got.String() != want {
				t.Errorf("%s, %d workers, morsels of %d: %d rows are written, and not the ones that there are", name, opt.Workers, opt.MorselRows, got.N)
			}
			for i := 1; i < got.N; i++ {
				if batch.Compare(got.ID.At(i-1), got.ID.At(i)) >= 0 {
					t.Fatalf("%s, %+v: row %d comes before its predecessor", name, opt, i)
				}
			}
		}
	}
}

// TestWriteNoRows holds that of no rows nothing is written, and nothing waits.
func TestWriteNoRows(t *testing.T) {
	for _, n := range []int{0, 1, 500} {
		for name, d := range layouts(numbers(n)) {
			p := mem.New("write").Source("rows", d).Step("none", &toys.Filter{Col: "x", Least: 5000}, "rows")
			got, err := written(t, p, "none", exec.Options{Workers: 3, MorselRows: 64}, false)
			if err != nil || got.N != 0 {
				t.Errorf("%d rows, %s: %d rows are written, %v", n, name, got.N, err)
			}
		}
	}
}

// TestWriteFails holds that the first failure of who takes the rows ends the scan, and is what is told.
func TestWriteFails(t *testing.T) {
	for name, d := range layouts(numbers(3000)) {
		for _, opt := range []exec.Options{{Workers: 1}, {Workers: 4, MorselRows: 64}} {
			pl, n := planned(t, mem.New("write").Source("rows", d).Step("all", &toys.Keep{Cols: []string{"id"}}, "rows"), "all")
			full := errors.New("the disk is full")
			calls := 0
			err := exec.New(pl, opt).Write(context.Background(), n, []string{"id"}, func(batch.Batch) error {
				calls++
				return full
			})
			if !errors.Is(err, full) || calls != 1 || strings.Contains(err.Error(), "source") {
				t.Errorf("%s: %v after %d calls", name, err, calls)
			}
			err = exec.New(pl, opt).Write(context.Background(), n, []string{"id"}, func(batch.Batch) error { panic("the writer is broken") })
			var p *exec.PanicError
			if !errors.As(err, &p) {
				t.Errorf("%s: a panic of the writer gives %v", name, err)
			}
		}
	}
}

// TestWriteHoldsLittle holds that what is written is let go.
func TestWriteHoldsLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many rows")
	}
	const rows = 3_000_000
	tbl := numbers(rows)
	d := mem.Of(tbl, 50_000)
	pl, n := planned(t, mem.New("write").Source("rows", d).Step("all", &toys.Keep{Cols: []string{"id", "x"}}, "rows"), "all")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, seen := uint64(0), 0
	err := exec.New(pl, exec.Options{Workers: 2}).Write(context.Background(), n, []string{"id", "x"}, func(b batch.Batch) error {
		if seen += b.N; seen/300_000 != (seen-b.N)/300_000 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		}
		return nil
	})
	if err != nil || seen != rows {
		t.Fatal(seen, err)
	}
	if most > 16*rows/3 {
		t.Errorf("%d MiB are held of %d MiB that are written", most>>20, 16*rows>>20)
	}
}

// TestHead holds the first rows to those of the whole, and to reading no more than it must.
func TestHead(t *testing.T) {
	rows := numbers(3000)
	for name := range layouts(rows) {
		for _, limit := range []int{0, 1, 16, 100, 5000} {
			for _, opt := range []exec.Options{{Workers: 1, MorselRows: 10}, {Workers: 3, MorselRows: 64}} {
				p := mem.New("head").Source("rows", layouts(rows)[name]).Step("some", &toys.Filter{Col: "x", Least: 500}, "rows")
				pl, n := planned(t, p, "some")
				got, err := exec.New(pl, opt).Head(context.Background(), n, []string{"id"}, limit)
				if err != nil {
					t.Fatal(err)
				}
				all, err := exec.New(pl, opt).Collect(context.Background(), n, []string{"id"})
				if err != nil {
					t.Fatal(err)
				}
				want := all.Slice(nil, 0, min(limit, all.N))
				if !slices.Equal(got.Cols[0].Int64s(), want.Cols[0].Int64s()) {
					t.Errorf("%s, limit %d: %v, want %v", name, limit, got.Cols[0].Int64s(), want.Cols[0].Int64s())
				}
			}
		}
	}
	d := mem.Of(rows, 100)
	pl, n := planned(t, mem.New("head").Source("rows", d).Step("all", &toys.Keep{Cols: []string{"id"}}, "rows"), "all")
	if _, err := exec.New(pl, exec.Options{Workers: 2}).Head(context.Background(), n, []string{"id"}, 50); err != nil {
		t.Fatal(err)
	}
	if got := d.ReadUnits(); got > 5 {
		t.Errorf("%d of 30 units are read for the first 50 rows", got)
	}
}

// TestLeastRow holds that of many bad rows the first is told, whatever the cut.
func TestLeastRow(t *testing.T) {
	rows := numbers(3000)
	for name := range layouts(rows) {
		for _, opt := range ways() {
			// b fails in an earlier row than a, which is computed before it; both steps are below a filter, c above it
			p := mem.New("least").Source("rows", layouts(rows)[name]).Step("c", &trip{"c", tripped{at: []int64{2990}}}, "rows").
				Step("some", &toys.Filter{Col: "x", Least: 100}, "c").
				Step("a", &trip{"a", tripped{at: []int64{905, 904, 2500}}}, "some").
				Step("b", &trip{"b", tripped{at: []int64{903, 2400}}}, "a")
			_, err := p.Rows("b", opt)
			want := `step "b": memory: row 904: b trips over 903`
			if name == "uncounted" { // of several files, which one is not known
				want = `step "b": row 904 of source rows: b trips over 903`
			}
			if err == nil || err.Error() != want {
				t.Errorf("%s, %d workers, morsels of %d: %v", name, opt.Workers, opt.MorselRows, err)
			}
			if _, err := written(t, p, "b", opt, false); err == nil || err.Error() != want {
				t.Errorf("%s, %d workers, morsels of %d: written: %v", name, opt.Workers, opt.MorselRows, err)
			}
		}
	}
}

// explodes panics in one of its parts.
type explodes struct{ where string }

func (k *explodes) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{Reads: operators.Reads{Parts: batch.TrainRows, Cols: []string{"id"}},
		Made: []operators.Made{{Field: operators.Field{Name: "y", Type: int64s}, Apply: []string{"id"}}}}, nil
}
func (k *explodes) Narrow(operators.Site, []string) operators.Op { return k }
func (k *explodes) Begin(operators.Site) operators.Fit {
	k.boom("begin")
	return &exploding{k}
}
func (k *explodes) boom(where string) {
	if k.where == where {
		panic("boom")
	}
}

type exploding struct{ *explodes }

func (k *exploding) Acc() operators.Acc { k.boom("acc"); return k }
func (k *exploding) End(env operators.Env, _ operators.Acc) (bool, error) {
	k.boom("end")
	env.Parallel(100, func(i int) {
		if i == 41 {
			k.boom("parallel")
		}
	})
	return false, nil
}
func (k *exploding) Fitted() operators.Fitted {
	k.boom("fitted")
	t := &tripped{at: []int64{123}, panic: k.where == "apply"}
	if !t.panic {
		t.at = nil
	}
	return operators.Fitted{Program: program.One(t, []program.Named{{Name: "id", Type: int64s}}, []program.Named{{Name: "y", Type: int64s}})}
}
func (k *exploding) Add(*batch.Ctx, batch.Batch) error { k.boom("add"); return nil }
func (k *exploding) Merge(operators.Acc) error         { k.boom("merge"); return nil }
func (k *exploding) Bytes() int64                      { return 0 }
func (k *exploding) MarshalBinary() ([]byte, error)    { return nil, nil }
func (k *exploding) UnmarshalBinary([]byte) error      { return nil }

// TestPanics holds that a panic anywhere in an operator fails its step, and that nothing waits for it.
func TestPanics(t *testing.T) {
	for name := range layouts(numbers(2000)) {
		for _, where := range []string{"begin", "acc", "add", "merge", "end", "parallel", "fitted", "apply"} {
			for _, workers := range []int{1, 3} {
				if where == "merge" && workers == 1 {
					continue // one worker's accumulator is the whole
				}
				p := mem.New("panic").Source("rows", layouts(numbers(2000))[name]).Step("bomb", &explodes{where}, "rows")
				for how, run := range map[string]func() error{
					"collect": func() error { _, err := p.Rows("bomb", exec.Options{Workers: workers, MorselRows: 64}); return err },
					"write": func() error {
						_, err := written(t, p, "bomb", exec.Options{Workers: workers, MorselRows: 64}, false)
						return err
					},
				} {
					err := run()
					var s *exec.StepError
					var v *exec.PanicError
					if !errors.As(err, &s) || s.Step != "bomb" || !errors.As(err, &v) || len(v.Stack) == 0 || strings.Contains(err.Error(), "source") {
						t.Errorf("%s, %s, %s, %d workers: %v", name, how, where, workers, err)
					}
				}
			}
		}
	}
}

// stopping is a source that ends a context after some rows.
type stopping struct {
	*mem.Dataset
	after int64
	rows  atomic.Int64
	stop  func()
}

func (d *stopping) Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	return d.Dataset.Read(ctx, c, unit, cols, rowsMax, func(b batch.Batch) error {
		if d.rows.Add(int64(b.N)) > d.after {
			d.stop()
		}
		return emit(b)
	})
}

// TestCancel holds that a run that is stopped ends soon, with the reason.
func TestCancel(t *testing.T) {
	reason := errors.New("stopped by a test")
	for name, d := range layouts(numbers(20000)) {
		for _, how := range []string{"write", "collect", "fit"} {
			p := mem.New("cancel").Source("rows", d).Step("scale", &toys.Scale{Cols: []string{"x"}}, "rows")
			pl, n := planned(t, p, "scale")
			ctx, cancel := context.WithCancelCause(context.Background())
			s := &stopping{Dataset: d, after: 5000, stop: func() { cancel(reason) }}
			x := exec.New(pl, exec.Options{Workers: 3, MorselRows: 64})
			if how != "fit" {
				if err := x.Fit(ctx); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range pl.Nodes {
				if m.Source != nil {
					m.Source.Data = s
				}
			}
			done := make(chan error, 1)
			go func() {
				switch how {
				case "write":
					done <- x.Write(ctx, n, []string{"id"}, func(batch.Batch) error { return nil })
				case "collect":
					_, err := x.Collect(ctx, n, []string{"id"})
					done <- err
				default:
					done <- x.Fit(ctx)
				}
			}()
			select {
			case err := <-done:
				if !errors.Is(err, reason) || strings.Contains(err.Error(), "source") {
					t.Errorf("%s, %s: %v", name, how, err)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s, %s: nobody ends", name, how)
			}
		}
	}
}

// TestSample holds that a sample is of the same rows, however they are cut and whether or not they are counted.
func TestSample(t *testing.T) {
	rows := numbers(3000)
	want := ""
	for name := range layouts(rows) {
		for _, opt := range ways() {
			opt.Sample = 0.1
			got, err := mem.New("sample").Source("rows", layouts(rows)[name]).Step("some", &toys.Filter{Col: "x", Least: 100}, "rows").Rows("some", opt)
			if err != nil {
				t.Fatal(err)
			}
			if got.N < 200 || got.N > 400 {
				t.Fatalf("%d rows of a tenth of 2700", got.N)
			}
			if want == "" {
				want = got.String()
			}
			if got.String() != want {
				t.Errorf("%s, %d workers, morsels of %d: other rows", name, opt.Workers, opt.MorselRows)
			}
		}
	}
}

// TestPartsThatNobodyReads holds that nothing is computed below a split for rows of a part that nobody looks at, and that whoever looks
// at some gets them as ever.
func TestPartsThatNobodyReads(t *testing.T) {
	rows := numbers(1500)
	rows.Part = make([]uint8, rows.N)
	for i := range rows.Part {
		rows.Part[i] = uint8(i % 3)
	}
	tagged := mem.Tagged(rows, "part")
	const trainRow, testRow = 300, 302
	for _, c := range []struct {
		from  string
		fails []int64 // which of the two trips whoever wants these rows
	}{
		{"fused", []int64{trainRow, testRow}},
		{"fused.test", []int64{testRow}},
		{"fused.train", []int64{trainRow}},
		{"fused.valid", nil},
	} {
		for _, at := range []int64{trainRow, testRow} {
			for _, opt := range ways() {
				p := mem.New("parts").Source("rows", mem.Of(tagged, 700)).Step("split", mem.Split("part", batch.AllRows), "rows").
					Step("fused", &trip{as: "id2", tripped: tripped{at: []int64{at}}}, "split").
					Step("some", &toys.Filter{Col: "x", Least: 0}, c.from)
				got, err := p.Rows("some", opt, "id2")
				if fails := slices.Contains(c.fails, at); fails != (err != nil) || fails && !strings.Contains(err.Error(), fmt.Sprintf("row %d:", at+1)) {
					t.Errorf("%s, a fuse at %d, %+v: %v", c.from, at, opt, err)
				}
				if want := map[bool]int{true: 1500, false: 500}[c.from == "fused"]; err == nil && got.N != want {
					t.Errorf("%s, %+v: %d rows, not %d", c.from, opt, got.N, want)
				}
			}
		}
	}
	// a fit reads train rows alone
	for at, fails := range map[int64]bool{trainRow: true, testRow: false} {
		p := mem.New("parts").Source("rows", mem.Of(tagged, 700)).Step("split", mem.Split("part", batch.AllRows), "rows").
			Step("fused", &trip{as: "id2", tripped: tripped{at: []int64{at}}}, "split").
			Step("coded", &feature.Encode{Columns: operators.Columns{"id2"}, Method: "ordinal", Unknown: "null", MinCount: 1}, "fused").
			Step("some", &toys.Filter{Col: "x", Least: 0}, "coded.valid")
		got, err := p.Rows("some", exec.Options{Workers: 2, MorselRows: 100})
		if fails != (err != nil) || err == nil && (got.N != 500 || got.Column("id2").Nulls() != 500) {
			t.Errorf("a fuse at %d: %d rows, %v", at, got.N, err)
		}
	}
}
