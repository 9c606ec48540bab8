package exec

import (
	"context"
	"errors"
	"sync"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
)

// cutBits is how many bits of the hash cut rows into parts at once.
const cutBits = 6

// heldRows is how many rows a worker holds before it writes what it has of each part: a part then has blocks of thousands of rows.
// heldMost is how many bytes.
const (
	heldRows = 4096 << cutBits
	heldMost = 16 << 20
)

// onDisk aggregates part by part.
func (a *aggregation) onDisk(ctx context.Context, in rows) (*Table, error) {
	f, err := a.x.opt.Memory.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parts, err := cutRows(ctx, a.x, f, in, a.cols, len(a.by), uint(cutBits*a.depth))
	if err != nil {
		return nil, err
	}
	done := make([]*Table, 0, len(parts))
	defer func() {
		for _, t := range done {
			a.x.free(t)
		}
	}()
	var failed error
	for _, p := range parts {
		if p.N == 0 {
			continue
		}
		from := &tableRows{a.x, p, a.types}
		t, err := a.x.aggregation(from, a.by, a.aggs, a.depth+1).table(ctx, from)
		var data *aggregateError
		switch {
		case err == nil:
			done = append(done, t)
		case errors.As(err, &data): // another part may have one that is told before it
			failed = before(failed, err)
		default:
			return nil, err
		}
	}
	if failed != nil {
		return nil, failed
	}
	b, rows := a.building()
	if err := mergeTables(ctx, b, done, rows); err != nil {
		a.x.free(&b.t)
		return nil, err
	}
	return &b.t, nil
}

// building is what the groups are put into, so many rows at a time. Those of a part of the rows keep the least identities of the groups,
// and are all on disk: the memory is for the parts that follow.
func (a *aggregation) building() (b *building, rows int) {
	b = a.x.build(a.names(), a.depth == 0)
	if a.depth == 0 {
		return b, blockRows
	}
	b.disk = true
	return b, mergeRows
}

// mergeRows are the rows of a block of what is to be merged: one of each part is in memory.
const mergeRows = 1 << 12

// cutRows puts rows into a file, cut by the bits of the hash of their first keys columns that follow after the first bits.
func cutRows(ctx context.Context, x *Exec, f *mem.File, in rows, cols []string, keys int, after uint) ([]*Table, error) {
	parts := make([]*Table, 1<<cutBits)
	for i := range parts {
		parts[i] = &Table{Cols: cols, file: f}
	}
	cutters := make([]*cutter, x.opt.Workers)
	var mu sync.Mutex
	put := func(p int, b *batch.Batch) error {
		at, err := f.Write(b)
		mu.Lock()
		defer mu.Unlock()
		parts[p].N += b.N
		parts[p].blocks = append(parts[p].blocks, block{at: &at})
		return err
	}
	err := in.each(ctx, cols, func(w int, c *batch.Ctx, b batch.Batch) error {
		if cutters[w] == nil {
			cutters[w] = &cutter{text: make([]textHashes, keys), put: put}
			cutters[w].held.Poison = x.opt.Poison
		}
		return cutters[w].cut(c, b, after)
	})
	for _, k := range cutters {
		if k != nil && err == nil {
			err = k.flush()
		}
	}
	return parts, err
}

// cutter cuts rows for one worker.
type cutter struct {
	text   []textHashes
	hashes []uint64
	order  []uint32
	starts [1<<cutBits + 1]int32

	put   func(part int, b *batch.Batch) error
	parts [1 << cutBits][]batch.Batch // in held
	rows  int
	bytes int64
	held  batch.Ctx
}

func (k *cutter) cut(c *batch.Ctx, b batch.Batch, after uint) error {
	k.hashes, k.order = maxed(k.hashes, b.N, 0), maxed(k.order, b.N, 0)
	hashes, rows := k.hashes[:b.N], k.order[:b.N]
	hashColumns(hashes, c, b.Cols[:len(k.text)], k.text)
	for i := range hashes {
		hashes[i] <<= after
	}
	radix.Partition(rows, k.starts[:], hashes, cutBits)
	b.Part, b.Key = nil, nil
	for p := range k.parts {
		lo, hi := k.starts[p], k.starts[p+1]
		if lo == hi {
			continue
		}
		some := b.Take(&k.held, asInt32s(rows[lo:hi]))
		for j := range some.Cols { // a dictionary would be written with every block, and does not live as long
			some.Cols[j] = some.Cols[j].Plain(&k.held)
		}
		k.parts[p] = append(k.parts[p], some)
		k.rows, k.bytes = k.rows+some.N, k.bytes+some.Bytes()
	}
	if k.rows < heldRows && k.bytes < heldMost {
		return nil
	}
	return k.flush()
}

// flush writes what is held.
func (k *cutter) flush() error {
	for p, parts := range k.parts {
		if len(parts) == 0 {
			continue
		}
		b, err := batch.ConcatBatches(&k.held, parts)
		if err == nil {
			err = k.put(p, &b)
		}
		if err != nil {
			return err
		}
		clear(parts)
		k.parts[p] = parts[:0]
	}
	k.rows, k.bytes = 0, 0
	k.held.Reset()
	return nil
}

// textHashes are the hashes of a dictionary's texts.
type textHashes struct {
	dict   *batch.Column
	hashes []uint64
}

func (t *textHashes) of(dict *batch.Column) []uint64 {
	if t.dict != dict {
		t.dict, t.hashes = dict, maxed(t.hashes, dict.N, 0)
		for i := range dict.N {
			t.hashes[i] = hash.Bytes(dict.Text(i))
		}
	}
	return t.hashes
}

// hashColumns hashes rows so that equal keys have equal hashes, whatever stands for their texts.
func hashColumns(dst []uint64, c *batch.Ctx, cols []batch.Column, text []textHashes) {
	clear(dst)
	for j := range cols {
		col := &cols[j]
		v := c.Uint64s(len(dst))
		switch {
		case col.Dict != nil:
			of := text[j].of(col.Dict)
			for i, x := range col.Codes() {
				if v[i] = 0; !col.Null(i) {
					v[i] = of[x]
				}
			}
		case col.Type.Text():
			for i := range v {
				if v[i] = 0; !col.Null(i) {
					v[i] = hash.Bytes(col.Text(i))
				}
			}
		default:
			copy(v, orderKeys(c, col))
			for i := range v {
				v[i] &^= nullMask(col.Valid, i) // a null may meet a value here: they are told apart later
			}
		}
		for i := range dst {
			dst[i] = hash.Combine(dst[i], v[i])
		}
	}
}

// mergeTables puts the rows of tables that are in the order of their identities, which differ between them, into b in that order.
func mergeTables(ctx context.Context, b *building, from []*Table, rows int) error {
	m := partMerger{}
	err := m.open(from)
	for err == nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var out batch.Batch
		if out, err = m.next(rows); err != nil || out.N == 0 {
			return err
		}
		err = b.add(out, true)
	}
	return err
}

// partMerger merges tables by identity: a heap of the tables' next rows.
type partMerger struct {
	heap []*mergeInput
	in   []*mergeInput
	left batch.Batch // made and not given yet
}

// mergeInput is a table that is merged, a block at a time.
type mergeInput struct {
	t    *Table
	cols []int
	next int // block
	ctx  batch.Ctx
	rows batch.Batch
	from int // the first row that is not made yet, and the first that is not chosen yet
	at   int
	base int // where the rows from from on stand among those that are chosen
	id   batch.ID
}

func (m *partMerger) open(from []*Table) error {
	for _, t := range from {
		at, err := t.index(t.Cols)
		if err != nil {
			return err
		}
		s := &mergeInput{t: t, cols: at}
		if err := s.load(); err != nil {
			return err
		}
		if s.rows.N > 0 {
			m.in = append(m.in, s)
			m.push(s)
		}
	}
	return nil
}

// load reads the next block; there are no rows after the last one.
func (s *mergeInput) load() error {
	s.rows, s.from, s.at = batch.Batch{}, 0, 0
	if s.next == len(s.t.blocks) {
		return nil
	}
	s.ctx.Reset()
	var err error
	s.rows, err = s.t.read(&s.ctx, s.next, s.cols)
	s.next++
	if err == nil {
		s.id = s.rows.ID.At(0)
	}
	return err
}

// next gives rows many rows, or those that are left.
func (m *partMerger) next(rows int) (batch.Batch, error) {
	parts := []batch.Batch{}
	n := m.left.N
	if n > 0 {
		parts = append(parts, m.left)
	}
	for n < rows {
		some, err := m.some(rows)
		if err != nil {
			return some, err
		}
		if some.N == 0 {
			break
		}
		parts, n = append(parts, some), n+some.N
	}
	if n == 0 {
		return batch.Batch{}, nil
	}
	all, err := concat(parts)
	if err != nil {
		return all, err
	}
	m.left = batch.Batch{}
	if n > rows {
		m.left = all.Slice(nil, rows, n).Clone()
		all = all.Slice(nil, 0, rows)
	}
	return all, nil
}

// some gives rows until one of the blocks ends, and at most most. Of every block they are a slice.
func (m *partMerger) some(most int) (batch.Batch, error) {
	var order []*mergeInput // of each row
	var ended *mergeInput
	for len(m.heap) > 0 && len(order) < most {
		s := m.heap[0]
		order = append(order, s)
		if s.at++; s.at == s.rows.N {
			ended = s
			break
		}
		s.id = s.rows.ID.At(s.at)
		m.down()
	}
	var parts []batch.Batch
	n := 0
	for _, s := range m.in {
		if s.at > s.from {
			parts = append(parts, s.rows.Slice(nil, s.from, s.at))
			s.base, s.from = n, s.at
			n += parts[len(parts)-1].N
		}
	}
	if n == 0 {
		return batch.Batch{}, nil
	}
	idx := make([]int32, n)
	for i, s := range order {
		idx[i] = int32(s.base)
		s.base++
	}
	all, err := concat(parts)
	if err != nil {
		return all, err
	}
	all = all.Take(nil, idx)
	if ended != nil {
		if err := ended.load(); err != nil {
			return all, err
		}
		if ended.rows.N == 0 {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.down()
	}
	return all, nil
}

func (m *partMerger) push(s *mergeInput) {
	m.heap = append(m.heap, s)
	for i := len(m.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if batch.Compare(m.heap[up].id, m.heap[i].id) <= 0 {
			return
		}
		m.heap[up], m.heap[i] = m.heap[i], m.heap[up]
		i = up
	}
}

// down puts the first of the heap where it belongs.
func (m *partMerger) down() {
	for i := 0; ; {
		k := 2*i + 1
		if k >= len(m.heap) {
			return
		}
		if k+1 < len(m.heap) && batch.Compare(m.heap[k+1].id, m.heap[k].id) < 0 {
			k++
		}
		if batch.Compare(m.heap[i].id, m.heap[k].id) <= 0 {
			return
		}
		m.heap[i], m.heap[k] = m.heap[k], m.heap[i]
		i = k
	}
}
