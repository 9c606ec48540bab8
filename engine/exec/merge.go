package exec

import (
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/headrace/headrace/operators/batch"
)

// merging is the second pass of a sort: ranges of the sorted rows, each made when it is asked for.
type merging struct {
	s     *sorting
	anew  bool            // rows get their place for an identity
	dicts []*batch.Column // of coded columns
	codes [][][]int32     // of a coded column, by worker: its codes in the dictionary
	texts [][]*texts      // of a text column that is coded no longer, by worker
	keyed bool            // there are keys of folds
	cuts  [][]int         // where each range begins, and the last ends, in each run
	first []int           // the place of a range's first row
	pool  sync.Pool       // of *merger
	held  int64           // taken from the budget
}

// merger is the memory in which a range is made.
type merger struct {
	cols  []pasting
	ids   pastingIDs
	order ordering
	read  batch.Ctx
}

// rangeRows is how many rows a range has about, so that a column of it stays in a core's cache; tests make it smaller.
var rangeRows = 1 << 15

// merge prepares the second pass.
func (s *sorting) merge(anew bool) (*merging, error) {
	m := &merging{s: s, anew: anew}
	m.pool.New = func() any { return new(merger) }
	m.dicts, m.codes, m.texts = make([]*batch.Column, len(s.types)), make([][][]int32, len(s.types)), make([][]*texts, len(s.types))
	for j, t := range s.types {
		if !t.Text() {
			continue
		}
		var err error
		if m.dicts[j], m.codes[j], err = s.dictionary(j); err != nil {
			return nil, err
		}
		if m.dicts[j] == nil {
			if err := m.plain(j); err != nil {
				return nil, err
			}
		}
	}
	for _, r := range s.runs {
		m.keyed = m.keyed || r.heads.Key != nil
	}
	return m, nil
}

// plain prepares a text column without codes: some runs may have codes all the same.
func (m *merging) plain(j int) (err error) {
	m.texts[j] = make([]*texts, len(m.s.makers))
	for _, r := range m.s.runs {
		if j < len(r.coded) && r.coded[j] && m.texts[j][r.w] == nil {
			if m.texts[j][r.w], err = m.s.makers[r.w].plainTexts(j); err != nil {
				return err
			}
		}
	}
	return nil
}

// table cuts the sorted rows into ranges.
func (m *merging) table(ctx context.Context) (*Table, error) {
	s := m.s
	if err := m.cut(ctx); err != nil {
		s.free()
		return nil, err
	}
	t := &Table{Cols: s.names, merge: m}
	for i := 1; i < len(m.cuts); i++ {
		n := 0
		for r := range s.runs {
			n += m.cuts[i][r] - m.cuts[i-1][r]
		}
		m.first = append(m.first, t.N)
		t.N += n
		t.blocks = append(t.blocks, block{rows: batch.Batch{N: n}})
	}
	return t, nil
}

// reset makes room for the columns cols.
func (g *merger) reset(m *merging, cols []int) {
	for len(g.cols) < len(cols) {
		g.cols = append(g.cols, pasting{})
	}
	for k, j := range cols {
		t := m.s.types[j]
		if m.dicts[j] != nil {
			t = batch.T(batch.Int32)
		}
		g.cols[k].reset(t)
	}
	g.ids.reset()
	g.ids.keys = m.keyed
}

// paste copies rows lo <= i < hi of b, which are rows of run r with the columns cols at their places.
func (g *merger) paste(m *merging, r *run, b *batch.Batch, at, cols []int, lo, hi int) error {
	g.ids.add(b, lo, hi)
	for k, j := range cols {
		var to []int32
		var of *texts
		if r.coded[j] {
			if m.dicts[j] != nil {
				to = m.codes[j][r.w]
			} else {
				of = m.texts[j][r.w]
			}
		}
		if err := g.cols[k].add(&b.Cols[at[k]], lo, hi, to, of); err != nil {
			return err
		}
	}
	return nil
}

// pasteRun copies rows lo <= i < hi of a run.
func (g *merger) pasteRun(m *merging, r *run, cols, all []int, lo, hi int) error {
	if lo == hi {
		return nil
	}
	if r.blocks == nil {
		return g.paste(m, r, &r.rows, cols, cols, lo, hi)
	}
	for lo < hi {
		k := lo / r.step
		b, err := m.s.file.Read(&g.read, &r.blocks[k], cols)
		if err == nil {
			end := min(hi, (k+1)*r.step)
			err = g.paste(m, r, &b, all, cols, lo-k*r.step, end-k*r.step)
			lo = end
		}
		g.read.Reset()
		if err != nil {
			return err
		}
	}
	return nil
}

// column is column k of what was copied, which is column j of the rows, in the merger's memory. Keys of one dictionary are its codes.
func (g *merger) column(m *merging, k, j int, key bool) batch.Column {
	c := g.cols[k].column()
	if m.dicts[j] != nil && !key {
		c.Type, c.Dict = m.s.types[j], m.dicts[j]
	}
	return c
}

func upTo(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// keysOf are the columns of keys, which were copied as columns at.
func (g *merger) keysOf(m *merging, at []int) (keys []batch.Column) {
	for k, j := range m.s.at {
		keys = append(keys, g.column(m, at[k], j, true))
	}
	return keys
}

// cut finds where ranges begin.
func (m *merging) cut(ctx context.Context) error {
	s := m.s
	var g merger
	g.reset(m, s.at)
	begin := make([]int, len(s.runs)) // of a run's heads in g
	own := []int32{}                  // the run of each
	rows, size, spilled := 0, int64(0), false
	for i, r := range s.runs {
		begin[i] = g.ids.n
		if err := g.paste(m, r, &r.heads, upTo(len(s.at)), s.at, 0, r.heads.N); err != nil {
			return err
		}
		for range r.heads.N {
			own = append(own, int32(i))
		}
		rows, size = rows+r.n, size+r.rows.Bytes()
		for _, b := range r.blocks {
			spilled, size = true, size+b.Bytes
		}
	}
	heads := g.ids.rows()
	heads.Cols = g.keysOf(m, upTo(len(s.at)))
	target := rangeRows
	if spilled {
		room := s.x.opt.Memory.Share(16*s.x.opt.Workers, 64<<10, 16<<20)
		target = min(max(rowsOf(room, size, rows), 1024), 32*rangeRows)
		if want := 3 * room * int64(s.x.opt.Workers); s.x.opt.Memory.Try(want) {
			m.held = want
		}
	}
	var at []int32 // the heads at which ranges begin
	sum := 0
	for _, h := range g.order.order(s.by, heads.Cols, heads.N, &heads.ID) {
		if sum >= target {
			at, sum = append(at, h), 0
		}
		sum += s.runs[own[h]].step
	}
	m.cuts = make([][]int, len(at)+2)
	for i := range m.cuts {
		m.cuts[i] = make([]int, len(s.runs))
	}
	if len(s.runs) == 0 {
		m.cuts = nil
	}
	return s.x.parallel(ctx, len(s.runs), nil, func(_, i int) error {
		m.cuts[len(at)+1][i] = s.runs[i].n
		return m.cutRun(i, &heads, begin[i], at)
	})
}

// cutRun finds where ranges begin in a run, whose heads begin at row begin of heads.
func (m *merging) cutRun(i int, heads *batch.Batch, begin int, at []int32) error {
	g := m.pool.Get().(*merger)
	defer m.pool.Put(g)
	s, r := m.s, m.s.runs[i]
	have, rows := -1, batch.Batch{}
	for k, h := range at {
		if own := int(h) - begin; own >= 0 && own < r.heads.N {
			m.cuts[k+1][i] = own * r.step
			continue
		}
		blk := sort.Search(r.heads.N, func(j int) bool { return m.compare(heads, begin+j, heads, int(h)) > 0 }) - 1
		if blk < 0 {
			continue
		}
		if blk != have {
			g.reset(m, s.at)
			if err := g.pasteRun(m, r, s.at, upTo(len(s.at)), blk*r.step, min(r.n, (blk+1)*r.step)); err != nil {
				return err
			}
			have, rows = blk, g.ids.rows()
			rows.Cols = g.keysOf(m, upTo(len(s.at)))
		}
		m.cuts[k+1][i] = blk*r.step + sort.Search(rows.N, func(j int) bool { return m.compare(&rows, j, heads, int(h)) > 0 })
	}
	return nil
}

// compare orders two rows of which there are the keys.
func (m *merging) compare(a *batch.Batch, i int, b *batch.Batch, j int) int {
	for k := range m.s.by {
		if d := compareCells(m.s.by[k], &a.Cols[k], i, &b.Cols[k], j); d != 0 {
			return d
		}
	}
	return batch.Compare(a.ID.At(i), b.ID.At(j))
}

// read gives the rows of range i with the columns at, in c's memory.
func (m *merging) read(c *batch.Ctx, i int, at []int) (batch.Batch, error) {
	g := m.pool.Get().(*merger)
	defer m.pool.Put(g)
	s := m.s
	cols := slices.Clone(at)
	keys := make([]int, len(s.at))
	for k, j := range s.at {
		if keys[k] = slices.Index(cols, j); keys[k] < 0 {
			keys[k], cols = len(cols), append(cols, j)
		}
	}
	g.reset(m, cols)
	all := upTo(len(cols))
	for k, r := range s.runs {
		if err := g.pasteRun(m, r, cols, all, m.cuts[i][k], m.cuts[i+1][k]); err != nil {
			return batch.Batch{}, err
		}
	}
	b := g.ids.rows()
	perm := g.order.order(s.by, g.keysOf(m, keys), b.N, &b.ID)
	for k, j := range at {
		b.Cols = append(b.Cols, g.column(m, k, j, false))
	}
	o := b.Take(c, perm)
	if m.anew {
		o.ID = batch.IDs{Base: uint64(m.first[i])}
	}
	return o, nil
}

// free lets go of the rows.
func (m *merging) free() {
	m.s.x.opt.Memory.Free(m.held)
	m.held = 0
	m.s.free()
}
