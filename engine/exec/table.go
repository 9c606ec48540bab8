package exec

import (
	"context"
	"fmt"
	"slices"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators/batch"
)

// Table is rows that the engine holds, in canonical order, in blocks: in memory while the budget has room, else in a file.
type Table struct {
	Cols   []string
	N      int
	blocks []block
	file   *mem.File
	merge  *merging // of a sort: blocks are ranges of it, made when they are read
}

// block is rows of a table, one behind the other.
type block struct {
	rows batch.Batch // where it is in memory
	at   *mem.Block  // where it is in the table's file
}

func (b *block) n() int {
	if b.at != nil {
		return b.at.N
	}
	return b.rows.N
}

// blockRows is how many rows a block has about.
const blockRows = 1 << 16

// building is a table that rows are put behind. It is used by one goroutine at a time.
type building struct {
	x *Exec
	t Table
	// anew says that the rows get new identities: their number in the table.
	anew bool
	// disk says that rows go to the file even where there is memory.
	disk bool
}

func (x *Exec) build(cols []string, anew bool) *building {
	return &building{x: x, t: Table{Cols: cols}, anew: anew}
}

// add puts rows behind those that are there. Where keep is set the batch is the table's from now on; else it is copied.
func (b *building) add(rows batch.Batch, keep bool) error {
	if rows.N == 0 {
		return nil
	}
	if b.anew {
		rows.ID = batch.IDs{Base: uint64(b.t.N)}
	}
	b.t.N += rows.N
	if !b.disk && b.x.opt.Memory.Try(rows.Bytes()) {
		if !keep {
			rows = rows.Clone()
		}
		b.t.blocks = append(b.t.blocks, block{rows: rows})
		return nil
	}
	if b.t.file == nil {
		f, err := b.x.opt.Memory.File()
		if err != nil {
			return err
		}
		b.t.file = f
	}
	at, err := b.t.file.Write(&rows)
	if err != nil {
		return err
	}
	b.t.blocks = append(b.t.blocks, block{at: &at})
	return nil
}

// index is where columns stand in the table.
func (t *Table) index(cols []string) ([]int, error) {
	at := make([]int, len(cols))
	for i, c := range cols {
		if at[i] = slices.Index(t.Cols, c); at[i] < 0 {
			return nil, fmt.Errorf("internal error: a table has no column %s", c)
		}
	}
	return at, nil
}

// read gives the rows of block i with the columns at, in c's memory or the table's own.
func (t *Table) read(c *batch.Ctx, i int, at []int) (batch.Batch, error) {
	b := &t.blocks[i]
	switch {
	case t.merge != nil:
		return t.merge.read(c, i, at)
	case b.at != nil:
		return t.file.Read(c, b.at, at)
	}
	rows := b.rows
	rows.Cols = make([]batch.Column, len(at))
	for k, j := range at {
		rows.Cols[k] = b.rows.Cols[j]
	}
	return rows, nil
}

// free lets the table go.
func (x *Exec) free(t *Table) {
	for i := range t.blocks {
		if b := &t.blocks[i]; b.at == nil {
			x.opt.Memory.Free(b.rows.Bytes())
		}
	}
	t.file.Close()
	if t.merge != nil {
		t.merge.free()
	}
	t.blocks = nil
}

// rows is what a relational operator reads. It can be read more than once, with other columns each time; the rows are the same.
type rows interface {
	names() []string // the columns that there are
	// types are those of columns.
	types(cols []string) []batch.Type
	// each gives all rows with the columns cols, in batches of any order, on any worker. A batch lives until take returns; c is the
	// worker's, and what take allocates in it lives as long.
	each(ctx context.Context, cols []string, take func(w int, c *batch.Ctx, b batch.Batch) error) error
	// inOrder gives them in canonical order, from one goroutine at a time.
	inOrder(ctx context.Context, cols []string, take func(b batch.Batch) error) error
}

// nodeRows are the rows of a node of the plan, made as they are asked for.
type nodeRows struct {
	x    *Exec
	n    *plan.Node
	cols []string
	st   Stage
}

func (r *nodeRows) names() []string { return r.cols }

func (r *nodeRows) types(cols []string) (t []batch.Type) {
	for _, c := range cols {
		t = append(t, columnType(r.n, c))
	}
	return t
}

func (r *nodeRows) each(ctx context.Context, cols []string, take func(w int, c *batch.Ctx, b batch.Batch) error) error {
	s := &sink{take: func(w int, c *batch.Ctx, b batch.Batch) error {
		if b.N == 0 {
			return nil
		}
		return take(w, c, b)
	}}
	return r.x.scan(ctx, Base(r.n), []want{{r.n, cols, s}}, r.st, nil)
}

func (r *nodeRows) inOrder(ctx context.Context, cols []string, take func(b batch.Batch) error) error {
	t := newTurns(r.x.opt.Workers, take)
	s := &sink{take: func(w int, _ *batch.Ctx, b batch.Batch) error {
		if b.N == 0 {
			return nil
		}
		return t.put(w, b)
	}}
	return r.x.scan(ctx, Base(r.n), []want{{r.n, cols, s}}, r.st, t)
}

// tableRows are the rows of a table.
type tableRows struct {
	x *Exec
	t *Table
	// kinds are the types of the table's columns, for a table without rows.
	kinds []batch.Type
}

func (r *tableRows) names() []string { return r.t.Cols }

func (r *tableRows) types(cols []string) (t []batch.Type) {
	for _, c := range cols {
		t = append(t, r.kinds[slices.Index(r.t.Cols, c)])
	}
	return t
}

func (r *tableRows) each(ctx context.Context, cols []string, take func(w int, c *batch.Ctx, b batch.Batch) error) error {
	return r.x.eachMorsel(ctx, r.t, cols, nil, take)
}

func (r *tableRows) inOrder(ctx context.Context, cols []string, take func(b batch.Batch) error) error {
	at, err := r.t.index(cols)
	if err != nil {
		return err
	}
	c := &batch.Ctx{Poison: r.x.opt.Poison}
	for i := range r.t.blocks {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		b, err := r.t.read(c, i, at)
		if err != nil {
			return err
		}
		if err := take(b); err != nil {
			return err
		}
		c.Reset()
	}
	return nil
}

// eachMorsel gives the rows of a table morsel by morsel. The pieces of t are the blocks.
func (x *Exec) eachMorsel(ctx context.Context, t *Table, cols []string, order *turns, take func(w int, c *batch.Ctx, b batch.Batch) error) error {
	at, err := t.index(cols)
	if err != nil {
		return err
	}
	m := (x.opt.MorselRows + 63) &^ 63 // slices begin at whole words of bitmaps
	return x.parallel(ctx, len(t.blocks), order, func(w, i int) error {
		read, work := &x.ctxs[w].read, &x.ctxs[w].work
		defer read.Reset()
		all, err := t.read(read, i, at)
		if err != nil {
			return err
		}
		for lo := 0; lo < all.N; lo += m {
			err := take(w, work, all.Slice(work, lo, min(all.N, lo+m)))
			work.Reset()
			if err != nil {
				return err
			}
		}
		return nil
	})
}
