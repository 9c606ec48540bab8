package exec

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// A sort has two passes over the rows, whatever their number.
//
// In the first, each worker copies the batches that it is given to the end of a run, until that has runBytes; it orders the run by its
// keys and lays it aside, in memory where the budget has room, else in a file, in blocks of about sortBlock bytes. The first row of
// every block stays in memory.
//
// From those first rows the second pass cuts the order of all rows into ranges of about blockRows rows. A range is a block of the table:
// when it is read, its rows are copied out of the runs, where they lie one behind the other, put in order, and given. So every row is
// moved four times, each time within what a cache holds, and is written and read again once where it does not stay in memory. Ranges are
// read by many workers at once, and only when somebody asks for them: there is no sorted copy.
//
// Coded text stays coded: a run has codes of the worker's own, and a range those of one dictionary in the order of its texts, so that a
// code is a key. Where it has more than codedMax entries, text is kept as it is.
const (
	sortBlock = 128 << 10
	codedMax  = 1 << 16
)

// runBytesLeast is what a run holds where the budget is small; tests make it smaller.
var runBytesLeast = int64(256 << 10)

// sorting is the first pass.
type sorting struct {
	x       *Exec
	by      []rel.Key
	at      []int // of the keys, in names
	names   []string
	types   []batch.Type
	bytes   int64 // of a run
	makers  []*runMaker
	mu      sync.Mutex
	runs    []*run
	file    *mem.File
	failure error
}

// run is rows in their order.
type run struct {
	w      int  // whose codes they are
	second bool // its rows are of a join's right side
	n      int
	coded  []bool      // columns that are Int32 codes of the worker
	rows   batch.Batch // in memory
	blocks []mem.Block // in the file
	step   int         // rows of a block but the last; in memory what lies between two heads
	heads  batch.Batch // the first row of each block: keys alone
}

// sort makes the table of rows in the order of keys, with identities anew.
func (x *Exec) sort(ctx context.Context, from rows, by []rel.Key) (*Table, error) {
	m, err := x.runs(ctx, from, from.names(), by, true)
	if err != nil {
		return nil, err
	}
	return m.table(ctx)
}

// runs is the first pass: the columns names of all rows in sorted runs.
func (x *Exec) runs(ctx context.Context, from rows, names []string, by []rel.Key, anew bool) (*merging, error) {
	s := x.sorting(by, names, from.types(names))
	for _, k := range by {
		s.at = append(s.at, slices.Index(names, k.Column))
	}
	if err := s.take(ctx, from, names, runMaker{}, nil); err != nil {
		return nil, err
	}
	return s.merge(anew)
}

func (x *Exec) sorting(by []rel.Key, names []string, types []batch.Type) *sorting {
	return &sorting{x: x, by: by, names: names, types: types, bytes: x.opt.Memory.Share(4*x.opt.Workers, runBytesLeast, 32<<20)}
}

// take sorts the columns names of rows into runs, which are made as like is. Where as is not nil it makes the sort's columns of them.
func (s *sorting) take(ctx context.Context, from rows, names []string, like runMaker, as func(c *batch.Ctx, b batch.Batch) batch.Batch) error {
	first := len(s.makers)
	for w := range s.x.opt.Workers {
		m := like
		m.s, m.w = s, first+w
		s.makers = append(s.makers, &m)
	}
	makers := s.makers[first:]
	err := from.each(ctx, names, func(w int, c *batch.Ctx, b batch.Batch) error {
		if as != nil {
			b = as(c, b)
		}
		if b.N == 0 {
			return nil
		}
		return makers[w].add(&b)
	})
	if err == nil {
		err = s.x.parallel(ctx, len(makers), nil, func(_, w int) error { return makers[w].seal() })
	}
	for _, m := range makers {
		m.done()
	}
	if err != nil {
		s.free()
	}
	return err
}

// free lets go of the runs.
func (s *sorting) free() {
	for _, r := range s.runs {
		if r.blocks == nil {
			s.x.opt.Memory.Free(r.rows.Bytes())
		}
	}
	s.runs = nil
	s.file.Close()
}

// runMaker makes the runs of a worker.
type runMaker struct {
	s      *sorting
	w      int
	width  int  // how many of the sort's columns its rows have; 0: all
	second bool // its rows are of a join's right side
	lasts  bool // of rows with equal keys the last alone is kept
	cols   []pasting
	ids    pastingIDs
	words  []words // of text columns
	last   batch.ID
	mixed  bool // rows do not come in the order of their identities
	order  ordering
	ranked [][]int32
	block  batch.Ctx
	held   int64 // taken from the budget
}

// words are the texts of a coded column, each once.
type words struct {
	plain bool // no codes any more
	table hash.Table
	last  *batch.Column // the dictionary that to maps. As it is held here, no other has its place in memory.
	to    []int32
	ranks []int32 // of the first len(ranks) texts
}

// add copies a batch to the end of the run.
func (m *runMaker) add(b *batch.Batch) error {
	if m.cols == nil {
		m.begin()
	}
	for j := range b.Cols {
		if m.s.types[j].Text() && m.turnsPlain(j, &b.Cols[j]) {
			if err := m.seal(); err != nil {
				return err
			}
			m.words[j].plain = true
			m.reset()
		}
	}
	if m.full(b) {
		if err := m.seal(); err != nil {
			return err
		}
	}
	for i := range min(b.N, 1) {
		id := b.ID.At(i)
		m.mixed = m.mixed || m.ids.n > 0 && batch.Compare(m.last, id) >= 0
	}
	m.mixed = m.mixed || !ascending(&b.ID, b.N)
	m.last = b.ID.At(b.N - 1)
	m.ids.add(b, 0, b.N)
	for j := range b.Cols {
		c, to := &b.Cols[j], []int32(nil)
		if w := &m.words[j]; m.coded(j) {
			to = w.of(c.Dict)
		}
		if err := m.cols[j].add(c, 0, b.N, to, nil); err != nil {
			return err
		}
	}
	return nil
}

func ascending(id *batch.IDs, n int) bool {
	if id.Ordinals == nil && id.Copies == nil {
		return true
	}
	for i := 1; i < n; i++ {
		if batch.Compare(id.At(i-1), id.At(i)) >= 0 {
			return false
		}
	}
	return true
}

func (m *runMaker) begin() {
	if m.width == 0 {
		m.width = len(m.s.types)
	}
	m.cols, m.words, m.ranked = make([]pasting, m.width), make([]words, m.width), make([][]int32, m.width)
	m.reset()
	if m.s.x.opt.Memory.Try(m.s.bytes) { // where there is no room, the sort has this much all the same
		m.held = m.s.bytes
	}
}

func (m *runMaker) done() {
	m.s.x.opt.Memory.Free(m.held)
	m.cols, m.order, m.block, m.ids = nil, ordering{}, batch.Ctx{}, pastingIDs{}
}

func (m *runMaker) coded(j int) bool { return m.s.types[j].Text() && !m.words[j].plain }

func (m *runMaker) reset() {
	for j, t := range m.s.types[:m.width] {
		if m.coded(j) {
			t = batch.T(batch.Int32)
		}
		m.cols[j].reset(t)
	}
	m.ids.reset()
	m.mixed = false
}

// turnsPlain says whether a column is coded no longer.
func (m *runMaker) turnsPlain(j int, c *batch.Column) bool {
	w := &m.words[j]
	if w.plain {
		return false
	}
	return c.Dict == nil || c.Dict != w.last && w.table.Len()+c.Dict.N > 2*codedMax && w.grown(c.Dict)
}

// grown says whether there are too many texts with those of d.
func (w *words) grown(d *batch.Column) bool {
	w.of(d)
	return w.table.Len() > codedMax
}

// of maps the codes of a dictionary to the worker's.
func (w *words) of(d *batch.Column) []int32 {
	if d != w.last {
		w.to = slices.Grow(w.to[:0], d.N)[:d.N]
		for i := range w.to {
			w.to[i] = w.table.Insert(d.Text(i))
		}
		w.last = d
	}
	return w.to
}

// full says whether a batch is for the next run.
func (m *runMaker) full(b *batch.Batch) bool {
	if m.ids.n == 0 {
		return false
	}
	n := 8 * m.ids.n
	for j := range m.cols {
		n += m.cols[j].bytes()
	}
	return int64(n)+8*int64(b.N) > m.s.bytes || m.ids.n+b.N > 1<<30
}

// seal orders the run and lays it aside.
func (m *runMaker) seal() error {
	if m.cols == nil || m.ids.n == 0 {
		return nil
	}
	s := m.s
	b := m.ids.rows()
	r := &run{w: m.w, second: m.second, coded: make([]bool, len(m.cols))}
	for j := range m.cols {
		b.Cols = append(b.Cols, m.cols[j].column())
		r.coded[j] = m.coded(j)
	}
	keys := make([]batch.Column, len(s.at))
	for k, j := range s.at {
		if keys[k] = b.Cols[j]; r.coded[j] {
			keys[k] = m.rank(j, &b.Cols[j])
		}
	}
	ids := &b.ID
	if !m.mixed {
		ids = nil
	}
	perm := m.order.order(s.by, keys, b.N, ids)
	if m.lasts {
		perm = m.order.lasts(perm)
	}
	r.n = len(perm)
	var err error
	if size := b.Bytes(); s.x.opt.Memory.Try(size) {
		r.step, r.rows = 512, b.Take(nil, perm)
		s.x.opt.Memory.Free(size - r.rows.Bytes())
	} else {
		err = m.spill(r, &b, perm)
	}
	var heads []int32
	for i := 0; i < r.n; i += r.step {
		heads = append(heads, perm[i])
	}
	first := b
	first.Cols = nil
	for _, j := range s.at {
		first.Cols = append(first.Cols, b.Cols[j])
	}
	r.heads = first.Take(nil, heads)
	s.mu.Lock()
	s.runs = append(s.runs, r)
	s.mu.Unlock()
	m.reset()
	return err
}

// rank is a column of codes as the ranks of their texts.
func (m *runMaker) rank(j int, c *batch.Column) batch.Column {
	w := &m.words[j]
	if n := w.table.Len(); len(w.ranks) != n {
		w.ranks = make([]int32, n)
		for i, code := range w.table.Sorted() {
			w.ranks[code] = int32(i)
		}
	}
	if len(m.ranked[j]) < c.N {
		m.ranked[j] = make([]int32, max(c.N, 2*len(m.ranked[j])))
	}
	v := m.ranked[j][:c.N]
	remap(v, c.Codes(), w.ranks)
	o := batch.OfInt32s(v)
	o.Valid = c.Valid
	return o
}

// spill writes a run to the file.
func (m *runMaker) spill(r *run, b *batch.Batch, perm []int32) error {
	f, err := m.s.spilled()
	if err != nil {
		r.step = b.N
		return err
	}
	r.step = rowsOf(sortBlock, b.Bytes(), b.N)
	defer m.block.Reset()
	for lo := 0; lo < r.n; lo += r.step {
		m.block.Reset()
		rows := b.Take(&m.block, perm[lo:min(r.n, lo+r.step)])
		blk, err := f.Write(&rows)
		if err != nil {
			return err
		}
		r.blocks = append(r.blocks, blk)
	}
	return nil
}

// rowsOf is about how many of n rows of so many bytes fit into room, at least 64.
func rowsOf(room, size int64, n int) int {
	return int(min(max(room*int64(n)/max(size, 1), 64), 1<<30)) &^ 63
}

// spilled is the file of the runs.
func (s *sorting) spilled() (*mem.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil && s.failure == nil {
		s.file, s.failure = s.x.opt.Memory.File()
	}
	return s.file, s.failure
}

// dictionary gives a text column one dictionary, in the order of its texts, and each worker's codes in it; none where the text is not
// coded everywhere, or not worth it.
func (s *sorting) dictionary(j int) (dict *batch.Column, to [][]int32, err error) {
	var all hash.Table
	to = make([][]int32, len(s.makers))
	size := 0
	for w, m := range s.makers {
		if j >= len(m.words) {
			continue
		}
		d := &m.words[j]
		if d.plain {
			return nil, nil, nil
		}
		to[w] = make([]int32, d.table.Len())
		for i := range to[w] {
			before := all.Len()
			if to[w][i] = all.Insert(d.table.Key(i)); all.Len() > before {
				size += len(d.table.Key(i))
			}
		}
	}
	if all.Len() > codedMax || size > 1<<28 {
		return nil, nil, nil
	}
	sorted := all.Sorted()
	rank := make([]int32, len(sorted))
	dict = &batch.Column{Type: s.types[j], N: len(sorted), Offsets: make([]int32, len(sorted)+1), Values: make([]byte, 0, size)}
	for i, code := range sorted {
		rank[code] = int32(i)
		dict.Values = append(dict.Values, all.Key(int(code))...)
		dict.Offsets[i+1] = int32(len(dict.Values))
	}
	for w := range to {
		remap(to[w], to[w], rank)
	}
	return dict, to, nil
}

// plainTexts is what a worker's codes stand for.
func (m *runMaker) plainTexts(j int) (*texts, error) {
	t := &m.words[j].table
	c := &batch.Column{Type: m.s.types[j], N: t.Len(), Offsets: make([]int32, t.Len()+1)}
	var v bytes.Buffer
	for i := range c.N {
		if v.Write(t.Key(i)); v.Len() > 1<<31-1 {
			return nil, &operators.ErrData{Err: errors.New("dictionary: " + batch.ErrTextTooLong.Error())}
		}
		c.Offsets[i+1] = int32(v.Len())
	}
	c.Values = v.Bytes()
	return &texts{c}, nil
}
