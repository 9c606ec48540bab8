package exec

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// sink takes the rows of one want, morsel by morsel, on any worker.
type sink struct {
	cols  []int       // of the stream's outputs
	parts batch.Parts // of the rows that take looks at; 0: all. Others may come all the same
	take  func(w int, c *batch.Ctx, b batch.Batch) error
	// try is the part of take that may fail at a row and leaves nothing behind; nil where there is none.
	try func(c *batch.Ctx, b batch.Batch) error
}

// scan sends every row of a base through the flow of the wants. Where t is not nil, sinks may put rows into it.
func (x *Exec) scan(ctx context.Context, base *plan.Node, wants []want, st Stage, t *turns) error {
	f := compile(base, wants)
	scan := x.scanSource
	if base.Source == nil {
		scan = x.scanTable
	}
	err := stopped(ctx, scan(ctx, f, st, t))
	var step *StepError
	switch {
	case ctx.Err() != nil && err == context.Cause(ctx):
		return err
	case err == nil || base.Source == nil || errors.As(err, &step) || errors.Is(err, errEnough):
		return err
	}
	return fmt.Errorf("source %q: %w", base.ID, err)
}

// stopped gives the reason of a context that ended where err says only that it did.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return context.Cause(ctx)
	}
	return err
}

// morsel takes a morsel of the base through the flow. Of the rows that fail it tells the first, so that the error is the same however
// the rows are cut.
func (f *flow) morsel(w int, c *batch.Ctx, b batch.Batch) error {
	err := f.root.run(c, b, func(k *sink, b batch.Batch) error { return k.take(w, c, b) })
	if err == nil {
		return nil
	}
	return rowError(&b, f.base, Least(err, func(rows int) error {
		return f.root.run(c, b.Slice(c, 0, rows), func(k *sink, b batch.Batch) error {
			if k.try == nil {
				return nil
			}
			return k.try(c, b)
		})
	}))
}

func (x *Exec) scanTable(ctx context.Context, f *flow, st Stage, t *turns) error {
	table := x.tables[f.base]
	if table == nil {
		return fmt.Errorf("internal error: no table of %s", f.base.ID)
	}
	return x.eachMorsel(ctx, table, f.cols, t, func(w int, c *batch.Ctx, b batch.Batch) error {
		st.Add(int64(b.N))
		return f.morsel(w, c, b)
	})
}

func (x *Exec) scanSource(ctx context.Context, f *flow, st Stage, t *turns) error {
	src := f.base.Source
	schema := src.Data.Schema()
	cols := make([]int, len(f.cols))
	for i, c := range f.cols {
		if cols[i] = schema.Index(c); cols[i] < 0 {
			return fmt.Errorf("internal error: source %s has no column %s", f.base.ID, c)
		}
	}
	units := src.Data.Units()
	var live []int
	never := f.prunes(schema)
	for i, u := range units {
		// who is not counted must be read, for the numbers of the rows behind it
		if u.Bounds == nil || u.Rows < 0 || !never(u.Bounds) {
			live = append(live, i)
		}
	}
	var rows atomic.Int64
	in := &reading{data: src.Data, cols: cols, morsel: x.opt.MorselRows}
	if counted(units) {
		in.selection, in.skipped = f.selection(schema, never, cols, x.opt.MorselRows), st.Add
	}
	err := x.read(ctx, in, live, t, func(w int, b batch.Batch) error {
		c := &x.ctxs[w].work
		defer c.Reset()
		st.Add(int64(b.N))
		rows.Add(int64(b.N))
		if x.opt.Sample > 0 && x.opt.Sample < 1 {
			b = pick(c, b, func(i int) bool { return hash.Unit(hash.Draw(sampleSeed, b.ID.At(i).Ordinal, 0)) < x.opt.Sample })
			if b.N == 0 {
				return nil
			}
		}
		return f.morsel(w, c, b)
	})
	if err != nil {
		return err
	}
	return contracted(src, units, rows.Load())
}

// contracted holds the number of rows to the source's contract where the check could not: they are known only now.
func contracted(src *plan.Source, units []connectors.Unit, rows int64) error {
	d := src.Decl
	if counted(units) || rows >= d.RowsMin && (d.RowsMax == 0 || rows <= d.RowsMax) {
		return nil
	}
	want := fmt.Sprintf("at least %d", d.RowsMin)
	if rows >= d.RowsMin {
		want = fmt.Sprintf("at most %d", d.RowsMax)
	}
	return &operators.ErrData{Err: fmt.Errorf("%d rows, its contract says %s", rows, want)}
}

func counted(units []connectors.Unit) bool {
	return !slices.ContainsFunc(units, func(u connectors.Unit) bool { return u.Rows < 0 })
}

// Map reads a data set, makes other rows of each morsel on any worker, and gives them in the order of the data set, in the batches of
// Write. do may use the Ctx for what it makes; give is called by one goroutine at a time.
func (x *Exec) Map(ctx context.Context, data connectors.Dataset, cols []int, do func(*batch.Ctx, batch.Batch) (batch.Batch, error), give func(batch.Batch) error) error {
	live := make([]int, len(data.Units()))
	for i := range live {
		live[i] = i
	}
	q := &chunks{write: give}
	t := newTurns(x.opt.Workers, q.add)
	err := stopped(ctx, x.read(ctx, &reading{data: data, cols: cols, morsel: x.opt.MorselRows}, live, t, func(w int, b batch.Batch) error {
		c := &x.ctxs[w].work
		defer c.Reset()
		out, err := do(c, b)
		if err != nil {
			return err
		}
		return t.put(w, out)
	}))
	if err != nil {
		return err
	}
	return Guard(func() error { return q.cut(1) })
}

// reading is what is read of a source.
type reading struct {
	data      connectors.Dataset
	cols      []int
	morsel    int
	selection *connectors.Selection // nil: all rows
	skipped   func(rows int64)      // hears of rows that were left out
	misses    atomic.Int64          // units in a row of which most rows were given
	turn      atomic.Int64          // units begun
}

// Where units in a row have shown that to look at some columns first spares nothing, only some of the others are looked at so.
const (
	missesMost = 4
	lookEvery  = 16
)

// unit gives the rows of a unit, morsel by morsel.
func (r *reading) unit(ctx context.Context, c *batch.Ctx, unit int, emit func(batch.Batch) error) error {
	s, ok := r.data.(connectors.Selector)
	if !ok || r.selection == nil {
		return r.data.Read(ctx, c, unit, r.cols, r.morsel, emit)
	}
	want := *r.selection
	if turn := r.turn.Add(1); r.misses.Load() >= missesMost && turn%lookEvery != 0 {
		want.Early, want.Wanted = nil, nil
	}
	rows := r.data.Units()[unit].Rows
	left := rows
	err := s.Select(ctx, c, unit, want, func(b batch.Batch) error {
		left -= int64(b.N)
		return emit(b)
	})
	if err != nil {
		return err
	}
	if want.Wanted != nil && 4*left < rows {
		r.misses.Add(1)
	} else if want.Wanted != nil {
		r.misses.Store(0)
	}
	r.skipped(left)
	return nil
}

// fewUnits: where there are so many workers for each unit, one reads and all work: a file of one row group, which nobody can cut,
// keeps every core busy as long as reading it is not most of the work. With fewer, readers of their own are the faster ones.
const fewUnits = 2

// read gives the rows of units, morsel by morsel, to do, on any worker. The pieces of t are the units, or the morsels where units are
// not counted or few.
func (x *Exec) read(ctx context.Context, in *reading, units []int, t *turns, do func(w int, b batch.Batch) error) error {
	if !counted(in.data.Units()) || x.opt.Workers >= fewUnits*max(1, len(units)) {
		return x.stream(ctx, in, units, t, do)
	}
	return x.parallel(ctx, len(units), t, func(w, i int) error {
		c := &x.ctxs[w].read
		return in.unit(ctx, c, units[i], func(b batch.Batch) error {
			defer c.Reset()
			return do(w, b)
		})
	})
}

// sampleSeed draws the rows of --sample: the same ones every night.
var sampleSeed = hash.Seed("headrace sample")

// stream reads units whose rows are not counted before they are read, or which are few: one reader numbers the rows, all workers take
// morsels from a short queue. It gives the error of the first morsel that failed, and the reader's own if none did.
func (x *Exec) stream(ctx context.Context, in *reading, units []int, t *turns, do func(int, batch.Batch) error) error {
	type piece struct {
		i int
		b batch.Batch
		c *batch.Ctx // that b lives in
	}
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan piece, 2*x.opt.Workers)
	arenas := make(chan *batch.Ctx, cap(queue)+x.opt.Workers+1) // as many as can be under way
	var mu sync.Mutex
	failed, first := math.MaxInt, error(nil)
	fail := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if i < failed {
			failed, first = i, err
		}
		cancel()
	}
	wanted := func(i int) bool {
		mu.Lock()
		defer mu.Unlock()
		return i < failed
	}
	var wg sync.WaitGroup
	for w := range x.opt.Workers {
		wg.Go(func() {
			for p := range queue {
				if !wanted(p.i) {
					continue
				}
				if err := t.run(w, p.i, func() error {
					if err := ctx.Err(); err != nil {
						return err
					}
					return do(w, p.b)
				}); err != nil {
					fail(p.i, err)
				}
				p.c.Reset()
				arenas <- p.c
			}
		})
	}
	err := Guard(func() error {
		c := &batch.Ctx{Poison: x.opt.Poison}
		row, n, known := uint64(0), 0, counted(in.data.Units())
		for _, u := range units {
			err := in.unit(reading, c, u, func(b batch.Batch) error {
				if !known {
					b.ID = batch.IDs{Base: row}
				}
				p := piece{n, b, arena(arenas, x.opt.Poison)}
				*c, *p.c = *p.c, *c // the memory goes along with the rows, the reader goes on in another's
				select {
				case queue <- p:
					row, n = row+uint64(b.N), n+1
					return nil
				case <-reading.Done():
					return reading.Err()
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	close(queue)
	wg.Wait()
	if first != nil {
		return first
	}
	return err
}

// arena is one that is free, or another.
func arena(free <-chan *batch.Ctx, poison bool) *batch.Ctx {
	select {
	case c := <-free:
		return c
	default:
		return &batch.Ctx{Poison: poison}
	}
}
