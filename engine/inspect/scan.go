package inspect

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// part is what one worker gathers. Parts merge to the same whole however the rows were dealt out.
type part struct {
	rows    int64
	tallies []tally
	sample  sampler
}

func newPart(s operators.Schema, limit uint64) *part {
	p := &part{tallies: make([]tally, len(s.Fields)), sample: newSampler(s, limit)}
	for i, f := range s.Fields {
		p.tallies[i].init(f, distinctMax(len(s.Fields)))
	}
	return p
}

// add takes a batch. c is scratch, and empty again after each column: a file may have thousands of them.
func (p *part) add(c *batch.Ctx, b batch.Batch) {
	p.rows += int64(b.N)
	for i := range p.tallies {
		p.tallies[i].add(c, &b.Cols[i])
		c.Reset()
	}
	p.sample.add(b)
}

func (p *part) merge(o *part) {
	p.rows += o.rows
	for i := range p.tallies {
		p.tallies[i].merge(&o.tallies[i])
	}
	p.sample.merge(&o.sample)
}

// scan reads every row once.
func scan(ctx context.Context, d connectors.Dataset, opt Options) (*part, error) {
	schema, units := d.Schema(), d.Units()
	cols := make([]int, len(schema.Fields))
	for i := range cols {
		cols[i] = i
	}
	rows := int64(0)
	for _, u := range units {
		if u.Rows < 0 {
			rows = -1
			break
		}
		rows += u.Rows
	}
	limit := sampleLimit(rows, sampleMax(len(cols)))
	parts := make([]*part, opt.Workers)
	for w := range parts {
		parts[w] = newPart(schema, limit)
	}
	var err error
	if rows >= 0 {
		err = scanUnits(ctx, d, len(units), cols, opt, parts)
	} else {
		err = scanStream(ctx, d, len(units), cols, opt, parts)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		parts[0].merge(p)
	}
	return parts[0], nil
}

// scanUnits reads units side by side. The first error in the order of units is told, so that a run tells the same one each time.
func scanUnits(ctx context.Context, d connectors.Dataset, units int, cols []int, opt Options, parts []*part) error {
	var next atomic.Int64
	var stop atomic.Bool
	errs := make([]error, units)
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() {
			read, work := &batch.Ctx{}, &batch.Ctx{}
			for !stop.Load() {
				u := int(next.Add(1)) - 1
				if u >= units {
					return
				}
				errs[u] = guard(func() error {
					return d.Read(ctx, read, u, cols, opt.rowsMax, func(b batch.Batch) error {
						p.add(work, b)
						read.Reset()
						return ctx.Err()
					})
				})
				if errs[u] != nil {
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

// guard turns a panic of a worker, which would end the process with a stack and no word, into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &exec.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// scanStream reads units whose rows are counted only by reading them: one reader numbers the rows, the workers take batches from a
// short queue.
func scanStream(ctx context.Context, d connectors.Dataset, units int, cols []int, opt Options, parts []*part) error {
	queue := make(chan batch.Batch, 2*len(parts))
	var wg sync.WaitGroup
	errs := make([]error, len(parts))
	for w, p := range parts {
		wg.Go(func() {
			work := &batch.Ctx{}
			for b := range queue {
				if errs[w] == nil { // after an error the queue is still emptied, or its writer waits for ever
					errs[w] = guard(func() error { p.add(work, b); return nil })
				}
			}
		})
	}
	read, first := &batch.Ctx{}, uint64(0)
	var err error
	for u := 0; u < units && err == nil; u++ {
		err = d.Read(ctx, read, u, cols, opt.rowsMax, func(b batch.Batch) error {
			b = b.Clone()
			b.ID = batch.IDs{Base: first}
			first += uint64(b.N)
			read.Reset()
			queue <- b
			return ctx.Err()
		})
	}
	close(queue)
	wg.Wait()
	return cmp.Or(err, errors.Join(errs...))
}
