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
				Bounds: func(col int) (connectors.Bounds, bool) { return bounds(&s.leaf[col], &g.cols[s.leaf[col].col]) },
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

// Read opens the file anew, so that a data set of ten thousand files holds none open.
func (d *dataset) Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	p := d.parts[unit]
	s := &d.files[p.file]
	f, err := d.fs.Open(s.name)
	if err != nil {
		return blame(s.name, -1, &ioError{err})
	}
	defer f.Close()
	if err := unchanged(f, s); err != nil {
		return blame(s.name, -1, err)
	}
	r := &reader{d: d, s: s, p: p, ctx: c}
	defer r.release()
	if err := r.guard(func() error { return r.begin(tracked{f}, cols) }); err != nil {
		return blame(s.name, -1, err)
	}
	for at := p.from; at < p.to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(int64(max(1, rowsMax)), int64(r.rows), p.to-at))
		b := batch.Batch{N: n, ID: batch.IDs{Base: d.units[unit].First + uint64(at-p.from)}, Cols: make([]batch.Column, len(cols))}
		row := int64(-1)
		err := r.guard(func() error { return r.take(&b, &row) })
		if row >= 0 {
			row += s.foot.groups[p.group].first + at
		}
		if err != nil {
			return blame(s.name, row, err)
		}
		if at += int64(n); at == p.to {
			if err := r.guard(r.finish); err != nil {
				return blame(s.name, -1, err)
			}
			if err := unchanged(f, s); err != nil {
				return blame(s.name, -1, err)
			}
		}
		if err := emit(b); err != nil {
			return err
		}
	}
	return nil
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
	d    *dataset
	s    *source
	p    part
	ctx  *batch.Ctx
	cols []*column
	rows int // of a batch, at most
}

// guard turns a panic of a decoder into an error. Ours check what they read; those of the codecs are others'.
func (r *reader) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a decoder failed: %v", p)
		}
	}()
	return do()
}

// begin finds every column's first row.
func (r *reader) begin(f io.ReaderAt, cols []int) error {
	g := &r.s.foot.groups[r.p.group]
	r.rows = 1 << 30
	step := min(256<<10, max(16<<10, (4<<20)/max(1, len(cols))))
	for _, i := range cols {
		l := r.s.leaf[i]
		c := fresh(l, g.cols[l.col].codec, r.d.max)
		r.cols = append(r.cols, c)
		if err := r.locate(c, &g.cols[l.col], f, g.rows, step); err != nil {
			return fmt.Errorf("column %q: %w", l.name, err)
		}
		if ch := &g.cols[l.col]; l.how == asText {
			if each := ch.plainSize / g.rows; each > 0 {
				r.rows = int(max(1, min(int64(r.rows), batchText/each)))
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
	*c = column{leaf: l, codec: codec, max: pageMax, in: c.in, raw: c.raw, codes: c.codes, text: c.text, wide: c.wide, offs: c.offs, dict: c.dict[:0],
		win: window{buf: c.win.buf[:0]}, delta: delta{stage: c.delta.stage[:0]}}
	return c
}

// keepMax is what the pool keeps of one column.
const keepMax = 16 << 20

func (r *reader) release() {
	for _, c := range r.cols {
		if cap(c.in)+cap(c.win.buf)+cap(c.text)+cap(c.raw)+cap(c.dict)+4*cap(c.offs) <= keepMax {
			c.win.r, c.dictText, c.data = nil, nil, nil
			columns.Put(c)
		}
	}
	r.cols = nil
}

// locate checks a chunk's figures against the file, and goes to the page of the part's first row.
func (r *reader) locate(c *column, ch *chunk, f io.ReaderAt, rows int64, step int) error {
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
	c.win = window{r: f, at: start, end: end, buf: c.win.buf, step: int(min(int64(step), ch.size+128))}
	if r.p.from == 0 {
		return nil
	}
	if ch.indexSize > 64<<20 || ch.index > r.s.size-8 || int64(ch.indexSize) > r.s.size-8-ch.index {
		return errors.New("its offset index is not in the file")
	}
	b := make([]byte, ch.indexSize)
	if err := readAt(f, b, ch.index); err != nil {
		return err
	}
	at, first, err := parseIndex(b)
	if err != nil {
		return fmt.Errorf("offset index: %w", err)
	}
	i, _ := slices.BinarySearch(first, r.p.from+1)
	i--
	if at[i] < start || at[i] >= end {
		return errors.New("its offset index points out of it")
	}
	if at[0] != start { // a dictionary stands before the first page
		h, page, err := c.page()
		if err != nil {
			return err
		}
		if h.kind == pageDictionary {
			if err := c.dictionary(h, page); err != nil {
				return fmt.Errorf("dictionary: %w", err)
			}
		}
	}
	c.win.seek(at[i])
	return c.skip(r.p.from - first[i])
}

// skip reads rows that another unit gives.
func (c *column) skip(n int64) error {
	var scratch batch.Ctx
	for n > 0 {
		m := min(n, 8192)
		scratch.Reset()
		if _, err := c.take(&scratch, int(m)); err != nil {
			return err
		}
		n -= m
	}
	return nil
}

// take fills a batch.
func (r *reader) take(b *batch.Batch, row *int64) error {
	for i, c := range r.cols {
		col, err := c.take(r.ctx, b.N)
		if err != nil {
			var at *rowError
			if errors.As(err, &at) {
				*row = int64(at.i)
			}
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		b.Cols[i] = col
	}
	return nil
}

// finish checks that a row group has no more values than rows.
func (r *reader) finish() error {
	if r.p.to != r.s.foot.groups[r.p.group].rows {
		return nil
	}
	for _, c := range r.cols {
		if c.left != 0 {
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
