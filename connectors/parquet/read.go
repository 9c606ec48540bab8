package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// splitRows is how many rows of a row group are read at a time where its pages can be found by row.
const splitRows = 200_000

// batchText is what the strings of a batch should take at most: a source of long texts has shorter batches.
const batchText = 64 << 20

type dataset struct {
	fs     files.FS
	max    int
	files  []source
	schema operators.Schema
	cannot map[string]string
	units  []connectors.Unit
	parts  []part // of units
}

// source is one file: what it was when it was opened.
type source struct {
	name  string
	size  int64
	time  time.Time
	foot  *footer
	leaf  []leaf // by field of the schema
	first uint64 // ordinal of its first row
}

// part is what a unit stands for.
type part struct {
	file, group int
	from, to    int64 // rows of the row group
}

func open(ctx context.Context, fsys files.FS, names []string, pageMax int) (_ *dataset, err error) {
	d := &dataset{fs: fsys, max: pageMax, cannot: map[string]string{}}
	rows := uint64(0)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, can, cannot, err := openFile(fsys, name)
		if err != nil {
			return nil, blame(name, -1, err)
		}
		s.first = rows
		rows += uint64(s.foot.rows)
		if err := d.add(s, can, cannot); err != nil {
			return nil, blame(name, -1, err)
		}
	}
	for i := range d.files {
		d.cut(i)
	}
	return d, nil
}

func openFile(fsys files.FS, name string) (s source, can []leaf, cannot map[string]string, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return s, nil, nil, &ioError{err}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return s, nil, nil, &ioError{err}
	}
	s = source{name: name, size: st.Size(), time: st.ModTime()}
	if s.foot, err = readFooter(tracked{f}, s.size); err != nil {
		return s, nil, nil, err
	}
	can, cannot, n, err := leaves(s.foot)
	if err != nil {
		return s, nil, nil, fmt.Errorf("schema: %w", err)
	}
	for i := range s.foot.groups {
		if g := &s.foot.groups[i]; len(g.cols) != n {
			return s, nil, nil, fmt.Errorf("row group %d has %d columns, the schema %d", i, len(g.cols), n)
		}
	}
	can = slices.DeleteFunc(can, func(l leaf) bool {
		for i := range s.foot.groups {
			why := ""
			switch c := &s.foot.groups[i].cols[l.col]; {
			case c.encrypted:
				why = "encrypted"
			case c.codec == codecLZO:
				why = "compressed with LZO"
			}
			if why != "" {
				cannot[l.name] = why
				return true
			}
		}
		return false
	})
	return s, can, cannot, nil
}

// add takes a file in whose columns must be those of the files before it.
func (d *dataset) add(s source, can []leaf, cannot map[string]string) error {
	maps.Copy(d.cannot, cannot)
	if len(d.files) == 0 {
		for _, l := range can {
			d.schema.Fields = append(d.schema.Fields, operators.Field{Name: l.name, Type: l.typ, Nullable: l.optional})
		}
		s.leaf = can
		d.files = append(d.files, s)
		return nil
	}
	first := d.files[0].name
	for i := range d.schema.Fields {
		f := &d.schema.Fields[i]
		j := slices.IndexFunc(can, func(l leaf) bool { return l.name == f.Name })
		switch {
		case j < 0 && cannot[f.Name] != "":
			return fmt.Errorf("column %q is not readable (%s), in %s it is %s", f.Name, cannot[f.Name], first, f.Type)
		case j < 0:
			return fmt.Errorf("no column %q, which %s has", f.Name, first)
		case can[j].typ != f.Type:
			return fmt.Errorf("column %q is %s, in %s it is %s", f.Name, can[j].typ, first, f.Type)
		}
		f.Nullable = f.Nullable || can[j].optional
		s.leaf = append(s.leaf, can[j])
	}
	for _, l := range can {
		if !d.schema.Has(l.name) {
			return fmt.Errorf("column %q, which %s has not, or not readable", l.name, first)
		}
	}
	d.files = append(d.files, s)
	return nil
}

// cut makes units of a file.
func (d *dataset) cut(file int) {
	s := &d.files[file]
	for gi := range s.foot.groups {
		g := &s.foot.groups[gi]
		if g.rows == 0 {
			continue
		}
		pieces, bytes := int64(1), int64(0)
		if g.rows > splitRows {
			pieces = (g.rows + splitRows - 1) / splitRows
		}
		for _, l := range s.leaf {
			c := &g.cols[l.col]
			bytes += max(0, min(c.size, s.size))
			if c.index <= 0 || c.indexSize <= 0 {
				pieces = 1
			}
		}
		for p := range pieces {
			// Cuts lie on multiples of 4096, so that full batches of the usual sizes come out of every piece.
			from, to := g.rows*p/pieces, g.rows*(p+1)/pieces
			if from &^= 4095; p+1 < pieces {
				to &^= 4095
			}
			d.parts = append(d.parts, part{file, gi, from, to})
			d.units = append(d.units, connectors.Unit{
				File: s.name, First: s.first + uint64(g.first+from), Rows: to - from, Bytes: bytes / pieces,
				Bounds: func(col int) (batch.Bounds, bool) {
					l := &s.leaf[col]
					return bounds(l, &g.cols[l.col].stats, g.cols[l.col].values)
				},
			})
		}
	}
}

func (d *dataset) Schema() operators.Schema      { return d.schema }
func (d *dataset) Unreadable() map[string]string { return d.cannot }
func (d *dataset) Units() []connectors.Unit      { return d.units }
func (d *dataset) Close() error                  { return nil }

func (d *dataset) Files() []connectors.File {
	f := make([]connectors.File, len(d.files))
	for i, s := range d.files {
		f[i] = connectors.File{Path: s.name, Bytes: s.size, Rows: s.foot.rows}
	}
	return f
}

// Read gives all rows of a unit.
func (d *dataset) Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	return d.Select(ctx, c, unit, connectors.Selection{Cols: cols, RowsMax: rowsMax}, emit)
}

// Select opens the file anew, so that a data set of ten thousand files holds none open.
//
// What it tells of a bad file does not depend on how much it reads along with the wanted rows: where something is wrong, the rows from there
// on are read once more, and then exactly what the wanted ones need, the rows before a bad one first.
func (d *dataset) Select(ctx context.Context, c *batch.Ctx, unit int, s connectors.Selection, emit func(batch.Batch) error) error {
	p := d.parts[unit]
	src := &d.files[p.file]
	f, err := d.fs.Open(src.name)
	if err != nil {
		return blame(src.name, -1, &ioError{err})
	}
	defer f.Close()
	if err := unchanged(f, src); err != nil {
		return blame(src.name, -1, err)
	}
	from, to, exact := p.from, p.to, false
	var told error
	for {
		r := &reader{d: d, s: src, p: p, first: d.units[unit].First, f: tracked{f}, ctx: c, want: s, exact: exact, late: s.Wanted != nil}
		err := r.rows(ctx, from, to, emit)
		r.release()
		var bad *fault
		switch {
		case err == nil && told == nil:
			return blame(src.name, -1, unchanged(f, src))
		case err == nil:
			return told
		case !errors.As(err, &bad):
			return err
		}
		row := bad.row
		if row >= 0 {
			row += src.foot.groups[p.group].first
		}
		if told = blame(src.name, row, bad.err); exact && bad.row <= bad.at || errors.As(bad.err, new(*ioError)) {
			return told
		}
		if from = bad.at; exact {
			to = bad.row
		}
		if !exact {
			exact, told = true, nil
		}
	}
}

// unchanged refuses a file that is not the one whose footer was read.
func unchanged(f files.File, s *source) error {
	st, err := f.Stat()
	if err != nil {
		return &ioError{err}
	}
	if st.Size() != s.size || !st.ModTime().Equal(s.time) {
		return errors.New("the file changed after it was opened")
	}
	return nil
}

// reader reads one unit.
type reader struct {
	d     *dataset
	s     *source
	p     part
	first uint64 // identity of the part's first row
	f     io.ReaderAt
	ctx   *batch.Ctx
	want  connectors.Selection
	cols  []*column  // of want.Cols
	most  int        // rows of a batch
	exact bool       // only what wanted rows need is read
	late  bool       // columns that do not say which rows are wanted wait for those that do
	early *batch.Ctx // of the columns that say it
	spare *batch.Ctx
}

// fault is something wrong in the batch that begins at row at of the row group: in a row, or -1.
type fault struct {
	at, row int64
	err     error
}

func (f *fault) Error() string { return f.err.Error() }

// guard turns a panic of a decoder into an error. Ours check what they read; those of the codecs are others'.
func (r *reader) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a decoder failed: %v", p)
		}
	}()
	return do()
}

// rows gives the wanted rows of those from one row of the row group to another.
func (r *reader) rows(ctx context.Context, from, to int64, emit func(batch.Batch) error) error {
	var live []span
	err := r.guard(func() (err error) {
		if err = r.begin(); err == nil {
			live, err = r.live(from, to)
		}
		return err
	})
	if err != nil {
		return &fault{from, -1, err}
	}
	for _, s := range live {
		for at := s.from; at < s.to; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := int(min(int64(max(1, r.want.RowsMax)), int64(r.most), s.to-at))
			b := batch.Batch{N: n, ID: batch.IDs{Base: r.first + uint64(at-r.p.from)}, Cols: make([]batch.Column, len(r.cols))}
			row := int64(-1)
			err := r.guard(func() error { return r.take(&b, at, &row) })
			if at += int64(n); err == nil && at == r.s.foot.groups[r.p.group].rows {
				err = r.guard(r.finish)
			}
			if err != nil {
				if row >= 0 {
					row += at - int64(n)
				}
				return &fault{at - int64(n), row, err}
			}
			if b.N == 0 {
				continue
			}
			if err := emit(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin looks at what the footer says of the columns.
func (r *reader) begin() error {
	g := &r.s.foot.groups[r.p.group]
	r.most = 1 << 30
	step := min(256<<10, max(16<<10, (4<<20)/max(1, len(r.want.Cols))))
	for _, i := range r.want.Cols {
		l := r.s.leaf[i]
		ch := &g.cols[l.col]
		c := fresh(l, ch.codec, r.d.max)
		r.cols = append(r.cols, c)
		if err := r.place(c, ch, g.rows, step); err != nil {
			return fmt.Errorf("column %q: %w", l.name, err)
		}
		if l.how == asText {
			if each := ch.plainSize / g.rows; each > 0 {
				r.most = int(max(1, min(int64(r.most), batchText/each)))
			}
		}
	}
	return nil
}

// columns keeps the buffers of columns that were read, which no batch shares: pages are copied or unpacked into the arena, and
// dictionaries have memory of their own.
var columns = sync.Pool{New: func() any { return new(column) }}

func fresh(l leaf, codec int32, pageMax int) *column {
	c := columns.Get().(*column)
	*c = column{leaf: l, codec: codec, max: pageMax, in: c.in, raw: c.raw, codes: c.codes, text: c.text, wide: c.wide, offs: c.offs, bitmap: c.bitmap, dict: c.dict[:0],
		win: window{buf: c.win.buf[:0]}, delta: delta{stage: c.delta.stage[:0]}}
	return c
}

// keepMax is what the pool keeps of one column.
const keepMax = 16 << 20

func (r *reader) release() {
	for _, c := range r.cols {
		if cap(c.in)+cap(c.win.buf)+cap(c.text)+cap(c.raw)+cap(c.dict)+4*cap(c.offs) <= keepMax {
			c.win.r, c.dictText, c.data, c.chunk = nil, nil, nil, nil
			columns.Put(c)
		}
	}
	r.cols = nil
	for _, c := range []*batch.Ctx{r.early, r.spare} {
		if c != nil && c.Bytes() <= keepMax {
			c.Reset()
			contexts.Put(c)
		}
	}
}

// place checks a chunk's figures against the file.
func (r *reader) place(c *column, ch *chunk, rows int64, step int) error {
	switch {
	case ch.other:
		return errors.New("it is in another file")
	case ch.phys != c.phys:
		return errors.New("the row group and the schema have it in different types")
	case len(ch.path) != 1 || ch.path[0] != c.name:
		return fmt.Errorf("the row group calls it %q", strings.Join(ch.path, "."))
	case ch.values != rows:
		return fmt.Errorf("%d values in a row group of %d rows", ch.values, rows)
	}
	start := ch.data
	if ch.dict > 0 && ch.dict < start {
		start = ch.dict
	}
	if start < 4 || ch.size < 0 || start > r.s.size-8 || ch.size > r.s.size-8-start {
		return fmt.Errorf("it claims to be at %d to %d of a file of %d bytes", start, start+ch.size, r.s.size)
	}
	// Some old writers forgot the dictionary's header in the size. The footer's own bytes are never a page.
	end := min(start+ch.size+128, r.s.size-8)
	c.win = window{r: r.f, at: start, end: end, buf: c.win.buf, step: int(min(int64(step), ch.size+128))}
	c.start, c.chunk = start, ch
	return nil
}

// reach goes to a row of the row group that is not before the one where the column is.
func (r *reader) reach(c *column, row int64) error {
	if !c.ready {
		if err := r.locate(c); err != nil {
			return err
		}
		c.ready = true
	}
	return c.pass(row - c.row)
}

// locate goes to the page of the part's first row.
func (r *reader) locate(c *column) error {
	if r.p.from == 0 {
		return nil
	}
	at, first, err := r.offsets(c.chunk)
	if err != nil {
		return err
	}
	i, _ := slices.BinarySearch(first, r.p.from+1)
	i--
	if at[i] < c.start || at[i] >= c.win.end {
		return errors.New("its offset index points out of it")
	}
	if at[0] != c.start && !c.hasDict { // a dictionary stands before the first page
		h, err := c.header()
		if err != nil {
			return err
		}
		if h.kind == pageDictionary {
			page, err := c.body(h)
			if err != nil {
				return err
			}
			if err := c.dictionary(h, page); err != nil {
				return fmt.Errorf("dictionary: %w", err)
			}
		}
	}
	c.win.seek(at[i])
	c.row = first[i]
	return nil
}

// offsets reads a chunk's offset index.
func (r *reader) offsets(ch *chunk) (at, first []int64, err error) {
	b, err := r.index(ch.index, ch.indexSize)
	if err != nil {
		return nil, nil, err
	}
	if b == nil {
		return nil, nil, errors.New("its offset index is not in the file")
	}
	if at, first, err = parseIndex(b); err != nil {
		return nil, nil, fmt.Errorf("offset index: %w", err)
	}
	return at, first, nil
}

// index reads one of the indexes that stand apart from the chunks; nil where it cannot be in the file.
func (r *reader) index(at int64, size int32) ([]byte, error) {
	if at <= 0 || size <= 0 || size > 64<<20 || at > r.s.size-8 || int64(size) > r.s.size-8-at {
		return nil, nil
	}
	b := make([]byte, size)
	return b, readAt(r.f, b, at)
}

// take fills a batch whose rows begin at a row of the row group.
func (r *reader) take(b *batch.Batch, at int64, row *int64) error {
	if r.late {
		done, err := r.wanted(b, at, row)
		if done || err != nil {
			return err
		}
	}
	for i, c := range r.cols {
		err := r.reach(c, at)
		if err == nil {
			b.Cols[i], err = c.take(r.ctx, b.N)
		}
		if err != nil {
			return c.about(err, row)
		}
	}
	return nil
}

// about says which column an error is about, and sets row to its row where it has one.
func (c *column) about(err error, row *int64) error {
	var at *rowError
	if errors.As(err, &at) {
		*row = int64(at.i)
	}
	return fmt.Errorf("column %q: %w", c.name, err)
}

// wanted fills a batch with those of its rows that are wanted: the columns that say so are read first, the others where there are any. Where
// that spares little it is not tried again.
func (r *reader) wanted(b *batch.Batch, at int64, row *int64) (done bool, err error) {
	early := *b
	early.Cols = make([]batch.Column, len(r.want.Early))
	if r.early == nil {
		r.early, r.spare = contexts.Get().(*batch.Ctx), contexts.Get().(*batch.Ctx)
		if r.ctx != nil {
			r.early.Poison, r.spare.Poison = r.ctx.Poison, r.ctx.Poison
		}
	}
	defer r.early.Reset()
	is := make([]int, len(r.cols)) // of each column, which of the early ones it is, plus 1
	for i, j := range r.want.Early {
		k := slices.Index(r.want.Cols, j)
		c := r.cols[k]
		if err := r.reach(c, at); err != nil {
			return false, c.about(err, row)
		}
		if early.Cols[i], err = c.take(r.early, b.N); err != nil {
			return false, c.about(err, row)
		}
		is[k] = i + 1
	}
	keep, err := r.want.Wanted(r.early, early)
	if err != nil { // who takes the rows will fail
		return true, r.all(b, early, is, at, row)
	}
	kept := bits.Count(keep)
	if kept == 0 {
		b.N = 0
		return true, nil
	}
	idx := r.early.Int32s(kept)
	bits.ToIndex(idx, keep)
	if !r.exact && 4*covered(idx) > 3*b.N {
		r.late = false
		return true, r.all(b, early, is, at, row)
	}
	ordinals := r.ctx.Uint64s(kept)
	for i, j := range idx {
		ordinals[i] = b.ID.Base + uint64(j)
	}
	gap := sparse
	if r.exact {
		gap = 1
	}
	for i, c := range r.cols {
		if k := is[i]; k > 0 {
			b.Cols[i] = early.Cols[k-1].Take(r.ctx, idx)
			continue
		}
		if !c.ready {
			err = r.reach(c, r.p.from)
		}
		if err == nil {
			b.Cols[i], err = c.pick(r.ctx, r.spare, at, idx, gap)
		}
		r.spare.Reset()
		if err != nil {
			return true, c.about(err, row)
		}
	}
	b.N, b.ID = kept, batch.IDs{Ordinals: ordinals}
	return true, nil
}

// all fills a batch with all of its rows, some columns of which were read.
func (r *reader) all(b *batch.Batch, early batch.Batch, is []int, at int64, row *int64) error {
	for i, c := range r.cols {
		if k := is[i]; k > 0 {
			b.Cols[i] = early.Cols[k-1].Copy(r.ctx)
			continue
		}
		err := r.reach(c, at)
		if err == nil {
			b.Cols[i], err = c.take(r.ctx, b.N)
		}
		if err != nil {
			return c.about(err, row)
		}
	}
	return nil
}

// contexts keeps the arenas of columns that are read before others.
var contexts = sync.Pool{New: func() any { return new(batch.Ctx) }}

// finish checks that a row group has no more values than rows, in the columns that were read to its end.
func (r *reader) finish() error {
	for _, c := range r.cols {
		if c.ready && c.row == r.s.foot.groups[r.p.group].rows && c.left != 0 {
			return fmt.Errorf("column %q: its pages have more values than the row group has rows", c.name)
		}
	}
	return nil
}

// ioError marks what the system says of a file: the disk or the path is to blame, not the data.
type ioError struct{ err error }

func (e *ioError) Error() string { return e.err.Error() }
func (e *ioError) Unwrap() error { return e.err }

// tracked marks the errors of reads.
type tracked struct{ files.File }

func (s tracked) ReadAt(b []byte, at int64) (int, error) {
	n, err := s.File.ReadAt(b, at)
	if err != nil && err != io.EOF {
		err = &ioError{err}
	}
	return n, err
}

// blame makes the error that the user sees.
func blame(file string, row int64, err error) error {
	if err == nil {
		return nil
	}
	var sys *ioError
	if errors.As(err, &sys) {
		var path *fs.PathError
		if errors.As(err, &path) {
			return fmt.Errorf("%s: %w", file, path.Err)
		}
		return fmt.Errorf("%s: %w", file, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends before its data does")
	}
	return &connectors.DataError{File: file, Row: row, Err: err}
}
