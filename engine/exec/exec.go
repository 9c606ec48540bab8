// Package exec runs a plan: morsels of rows over all cores, fits that share scans, and tables that are made as a whole.
//
// Results do not depend on how many workers there are, on the size of a morsel, nor on how files are cut: accumulators are
// commutative to the bit, gathered rows are put in canonical order, and random numbers are drawn from a row's identity.
package exec

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// Options change speed, or, for Sample, how many rows there are.
type Options struct {
	Workers    int                     // at least 1
	MorselRows int                     // 0: 16384
	Sample     float64                 // share of the source rows to read; 0 or 1: all
	Budget     func(bytes int64) error // says whether an operator may hold so many bytes; nil: always
	Memory     *mem.Budget             // what tables may hold before they go to disk; nil: anything
	Progress   Progress                // nil: none
	Poison     bool                    // tests: freed arenas are filled with a pattern
	Shuffle    uint64                  // tests: morsels are handed out in another order
}

// Progress hears what the run does. Its methods are called from many goroutines.
type Progress interface {
	// Stage begins a scan or a fit; steps are the ids of what it is for. total is rows or rounds, 0 where it is not known.
	Stage(kind string, steps []string, total int64) Stage
}

// Stage is one thing under way.
type Stage interface {
	Add(n int64)         // rows read
	Set(done, tot int64) // rounds
	Log(metric string, step int, value float64)
	Done(err error)
}

// Exec runs one plan once.
type Exec struct {
	plan   *plan.Plan
	opt    Options
	tables map[*plan.Node]*Table
	ctxs   []*worker
}

type worker struct{ read, work batch.Ctx }

// New prepares a run. The plan must be without errors and narrowed; Map alone needs none.
func New(p *plan.Plan, opt Options) *Exec {
	opt.Workers = max(opt.Workers, 1)
	if opt.MorselRows == 0 {
		opt.MorselRows = 16384
	}
	if opt.Progress == nil {
		opt.Progress = silent{}
	}
	x := &Exec{plan: p, opt: opt, tables: map[*plan.Node]*Table{}}
	for range opt.Workers {
		w := &worker{}
		w.read.Poison, w.work.Poison = opt.Poison, opt.Poison
		x.ctxs = append(x.ctxs, w)
	}
	return x
}

// Close lets go of what the run put aside on disk. A nil Exec has nothing there.
func (x *Exec) Close() {
	if x != nil {
		x.opt.Memory.Close()
	}
}

type silent struct{}

func (silent) Stage(string, []string, int64) Stage { return silent{} }
func (silent) Add(int64)                           {}
func (silent) Set(int64, int64)                    {}
func (silent) Log(string, int, float64)            {}
func (silent) Done(error)                          {}

// StepError is an error with the step that it belongs to, or the source.
type StepError struct {
	Step   string
	Source bool
	Err    error
}

func (e *StepError) Error() string {
	if e.Source {
		return fmt.Sprintf("source %q: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("step %q: %v", e.Step, e.Err)
}
func (e *StepError) Unwrap() error { return e.Err }

// inStep says which step an error belongs to, once.
func inStep(n *plan.Node, err error) error {
	var s *StepError
	if err == nil || errors.As(err, &s) || n == nil {
		return err
	}
	if errors.Is(err, operators.ErrNoRows) && len(n.In) > 0 {
		err = fmt.Errorf("%w: headrace peek FILE %s shows what reaches it", err, n.In[0].Label())
	}
	return &StepError{n.Label(), n.Source != nil, err}
}

// rowError turns an error about a row of a base's batch into one about a row of the data.
func rowError(b *batch.Batch, from *plan.Node, err error) error {
	var s *ScoreError
	if errors.As(err, &s) {
		return &ScoreError{s.Eval, s.Model, rowError(b, from, s.Err)}
	}
	var r *program.RowError
	if !errors.As(err, &r) {
		return err
	}
	what := ruled(from, r.Err)
	if r.Row >= 0 && r.Row < b.N {
		what = fmt.Errorf("%s: %w", placeOf(from, b.ID.At(r.Row).Ordinal), what)
	}
	data := &operators.ErrData{Err: what}
	if r.Step == "" {
		return data
	}
	return &StepError{r.Step, from.Source != nil && r.Step == from.ID, data}
}

// ruled says where the contract stands that an error is of.
func ruled(from *plan.Node, err error) error {
	var r *program.BrokenRule
	if from.Source == nil || from.Source.Decl == nil || !errors.As(err, &r) {
		return err
	}
	for _, c := range from.Source.Decl.Columns {
		if at := c.Place; c.Name == r.Column && at.Line > 0 {
			return fmt.Errorf("%w (%s:%d:%d)", err, at.File, at.Line, at.Column)
		}
	}
	return err
}

// placeOf says where a row of a base is, counted from 1, as people do; the column _row counts from 0.
func placeOf(from *plan.Node, row uint64) string {
	if from.Source == nil {
		return fmt.Sprintf("row %d of the rows that %s gives", row+1, from.Label())
	}
	units := from.Source.Data.Units()
	file, first := "", uint64(0)
	for i, u := range units {
		switch {
		case u.Rows < 0 && len(units) == 1:
			file = u.File
		case u.Rows >= 0 && row >= u.First && row < u.First+uint64(u.Rows):
			file = u.File
			for i > 0 && units[i-1].File == file {
				i--
			}
			first = units[i].First
		}
	}
	if file == "" {
		return fmt.Sprintf("row %d of source %s", row+1, from.ID)
	}
	return fmt.Sprintf("%s: row %d", file, row-first+1)
}

// Least finds the first row of a batch that fails, where err is about one of them: a program runs node by node, so that it may meet a
// later one before. try runs the first rows of the batch alone.
func Least(err error, try func(rows int) error) error {
	for {
		var r *program.RowError
		if !errors.As(err, &r) || r.Row <= 0 {
			return err
		}
		before := try(r.Row)
		if before == nil {
			return err
		}
		err = before
	}
}

// relocate makes an error about a row of a batch one about the row of another that it was made from.
func relocate(err error, to func(row int) int) error {
	var r *program.RowError
	if errors.As(err, &r) && r.Row >= 0 {
		r.Row = to(r.Row)
	}
	return err
}

// rowOf gives, of a row of a batch that was made from b, which row of b it was.
func rowOf(below, b *batch.Batch) func(int) int {
	return func(row int) int {
		for i := range b.N {
			if row < below.N && b.ID.At(i).Ordinal == below.ID.At(row).Ordinal {
				return i
			}
		}
		return -1
	}
}

// PanicError is a panic in an operator, caught: the step fails and the process lives.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// Guard runs f and turns a panic into an error.
func Guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if p, ok := v.(*PanicError); ok {
				err = p
				return
			}
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return f()
}

// parallel runs f(worker, i) for i in 0..n-1 and gives the error of the least i that failed. It stops handing out when one fails or
// the context ends. Where t is not nil, i are its pieces.
func (x *Exec) parallel(ctx context.Context, n int, t *turns, f func(w, i int) error) error {
	var next atomic.Int64
	var stop atomic.Bool
	errs := make([]error, n)
	var wg sync.WaitGroup
	order := x.order(n, t)
	for w := range min(x.opt.Workers, n) {
		wg.Go(func() {
			for !stop.Load() && ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= n {
					return
				}
				i := order(k)
				if errs[i] = t.run(w, i, func() error { return f(w, i) }); errs[i] != nil {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// order is the order in which pieces are handed out: as they are, or shuffled for tests.
func (x *Exec) order(n int, t *turns) func(int) int {
	if x.opt.Shuffle == 0 || t != nil {
		return func(i int) int { return i }
	}
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := int(hash.Draw(x.opt.Shuffle, uint64(i), uint32(n)) % uint64(i+1))
		perm[i], perm[j] = perm[j], perm[i]
	}
	return func(i int) int { return perm[i] }
}

// grant asks the run's budget for memory.
func (x *Exec) grant(bytes int64) error {
	if x.opt.Budget == nil {
		return nil
	}
	return x.opt.Budget(bytes)
}

// env is what a fit is lent.
func (x *Exec) env(ctx context.Context, n *plan.Node, st Stage) operators.Env {
	return operators.Env{
		Context: ctx, Seed: n.Site.Seed,
		Parallel: func(k int, f func(int)) {
			if err := x.parallel(context.WithoutCancel(ctx), k, nil, func(_, i int) error { f(i); return nil }); err != nil {
				panic(err)
			}
		},
		Grant:    x.grant,
		Log:      st.Log,
		Progress: func(done, total int) { st.Set(int64(done), int64(total)) },
	}
}
