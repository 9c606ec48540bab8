package arrowipc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

type dataset struct {
	fs     files.FS
	files  []source
	schema operators.Schema
	cannot map[string]string
}

type source struct {
	name     string
	size     int64
	time     time.Time
	from, to int64 // the stream in it
	rows     int64
	first    uint64
	at       []int // by field of the schema: the column
}

// limited is an allocator that panics, inside of a recover, where a message would expand beyond what its file may. Memory is given
// aligned and padded as columns want it, and is the garbage collector's: a column may share it.
type limited struct {
	left atomic.Int64
}

func (l *limited) Allocate(n int) []byte {
	if n < 0 || l.left.Add(-int64(n)) < 0 {
		panic(fmt.Errorf("%d bytes are more than the file may expand to", n))
	}
	return (*batch.Ctx)(nil).Alloc(n)
}

func (l *limited) Reallocate(n int, b []byte) []byte {
	if n <= len(b) {
		return b[:n]
	}
	c := l.Allocate(n)
	copy(c, b)
	l.Free(b)
	return c
}

func (l *limited) Free(b []byte) { l.left.Add(int64(len(b))) }

func newLimited(size int64) *limited {
	l := &limited{}
	l.left.Store(64<<20 + 64*size)
	return l
}

func open(ctx context.Context, fsys files.FS, names []string) (*dataset, error) {
	d := &dataset{fs: fsys, cannot: map[string]string{}}
	rows := uint64(0)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, schema, cannot, err := openFile(fsys, name)
		if err != nil {
			return nil, blame(name, err)
		}
		s.first = rows
		rows += uint64(s.rows)
		if err := d.add(s, schema, cannot); err != nil {
			return nil, blame(name, err)
		}
	}
	return d, nil
}

func openFile(fsys files.FS, name string) (s source, schema operators.Schema, cannot map[string]string, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return s, schema, nil, &ioError{err}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return s, schema, nil, &ioError{err}
	}
	s = source{name: name, size: st.Size(), time: st.ModTime()}
	if s.from, s.to, s.rows, err = scan(tracked{f}, s.size); err != nil {
		return s, schema, nil, err
	}
	err = guard(func() error {
		r, err := ipc.NewReader(io.NewSectionReader(tracked{f}, s.from, s.to-s.from), ipc.WithAllocator(newLimited(s.size)))
		if err != nil {
			return err
		}
		defer r.Release()
		schema, s.at, cannot = columns(r.Schema())
		return nil
	})
	return s, schema, cannot, err
}

// columns gives the readable fields of a schema and why others are not.
func columns(a *arrow.Schema) (s operators.Schema, at []int, cannot map[string]string) {
	cannot = map[string]string{}
	names := map[string]int{}
	for _, f := range a.Fields() {
		names[f.Name]++
	}
	for i, f := range a.Fields() {
		t, err := batch.ArrowType(f.Type)
		switch {
		case names[f.Name] > 1:
			cannot[f.Name] = "two columns have this name"
		case !utf8.ValidString(f.Name):
			cannot[f.Name] = "its name is not UTF-8"
		case err != nil:
			cannot[f.Name] = err.Error()
		default:
			s.Fields = append(s.Fields, operators.Field{Name: f.Name, Type: t, Nullable: f.Nullable})
			at = append(at, i)
		}
	}
	return s, at, cannot
}

// add takes a file in whose columns must be those of the files before it.
func (d *dataset) add(s source, schema operators.Schema, cannot map[string]string) error {
	maps.Copy(d.cannot, cannot)
	if len(d.files) == 0 {
		d.schema = schema
		d.files = append(d.files, s)
		return nil
	}
	first, at := d.files[0].name, s.at
	s.at = nil
	for i := range d.schema.Fields {
		f := &d.schema.Fields[i]
		j := schema.Index(f.Name)
		switch {
		case j < 0 && cannot[f.Name] != "":
			return fmt.Errorf("column %q is not readable (%s), in %s it is %s", f.Name, cannot[f.Name], first, f.Type)
		case j < 0:
			return fmt.Errorf("no column %q, which %s has", f.Name, first)
		case schema.Fields[j].Type != f.Type:
			return fmt.Errorf("column %q is %s, in %s it is %s", f.Name, schema.Fields[j].Type, first, f.Type)
		}
		f.Nullable = f.Nullable || schema.Fields[j].Nullable
		s.at = append(s.at, at[j])
	}
	for _, f := range schema.Fields {
		if !d.schema.Has(f.Name) {
			return fmt.Errorf("column %q, which %s has not, or not readable", f.Name, first)
		}
	}
	d.files = append(d.files, s)
	return nil
}

func (d *dataset) Schema() operators.Schema      { return d.schema }
func (d *dataset) Unreadable() map[string]string { return d.cannot }
func (d *dataset) Close() error                  { return nil }

// Units are the files: messages are read in order, since a dictionary may change between them.
func (d *dataset) Units() []connectors.Unit {
	var u []connectors.Unit
	for _, f := range d.files {
		u = append(u, connectors.Unit{File: f.name, First: f.first, Rows: f.rows, Bytes: f.size,
			Bounds: func(int) (batch.Bounds, bool) { return batch.Bounds{Nulls: -1}, false }})
	}
	return u
}

func (d *dataset) Files() []connectors.File {
	var u []connectors.File
	for _, f := range d.files {
		u = append(u, connectors.File{Path: f.name, Bytes: f.size, Rows: f.rows})
	}
	return u
}

func (d *dataset) Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	s := &d.files[unit]
	f, err := d.fs.Open(s.name)
	if err != nil {
		return blame(s.name, &ioError{err})
	}
	defer f.Close()
	if err := unchanged(f, s); err != nil {
		return blame(s.name, err)
	}
	var r *ipc.Reader
	err = guard(func() (err error) {
		r, err = ipc.NewReader(io.NewSectionReader(tracked{f}, s.from, s.to-s.from), ipc.WithAllocator(newLimited(s.size)))
		return err
	})
	if err != nil {
		return blame(s.name, err)
	}
	defer r.Release()
	rows := int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var whole batch.Batch
		more := false
		err := guard(func() (err error) {
			if more = r.Next(); !more {
				return r.Err()
			}
			whole, err = d.record(s, r.Record(), cols)
			return err
		})
		if err != nil && !errors.Is(err, io.EOF) {
			return blame(s.name, err)
		}
		if !more {
			break
		}
		for lo := 0; lo < whole.N; {
			hi := min(whole.N, lo+max(1, rowsMax))
			b := batch.Batch{N: hi - lo, ID: batch.IDs{Base: s.first + uint64(rows)}}
			for i := range whole.Cols {
				col := whole.Cols[i]
				if b.N < whole.N {
					col = col.Slice(c, lo, hi)
				}
				b.Cols = append(b.Cols, col)
			}
			lo = hi
			if rows += int64(b.N); rows > s.rows {
				return blame(s.name, fmt.Errorf("more rows than the %d that its messages claim", s.rows))
			}
			if err := emit(b); err != nil {
				return err
			}
		}
	}
	if rows != s.rows {
		return blame(s.name, fmt.Errorf("%d rows, its messages claim %d", rows, s.rows))
	}
	return blame(s.name, unchanged(f, s))
}

// record is a record batch as columns that share its memory, or, where they cannot, have memory of their own: an arena's would be
// gone after the first slice of it.
func (d *dataset) record(s *source, rec arrow.Record, cols []int) (batch.Batch, error) {
	b := batch.Batch{N: int(rec.NumRows())}
	for _, i := range cols {
		f := d.schema.Fields[i]
		a := rec.Column(s.at[i])
		if a.Len() != b.N {
			return b, fmt.Errorf("column %q: %d rows of %d", f.Name, a.Len(), b.N)
		}
		col, err := batch.FromArrow(nil, a)
		if err != nil {
			return b, fmt.Errorf("column %q: %w", f.Name, err)
		}
		if col.Type != f.Type {
			return b, fmt.Errorf("column %q: %s, not %s", f.Name, col.Type, f.Type)
		}
		if col.Valid != nil && !f.Nullable {
			return b, fmt.Errorf("column %q: nulls, which its schema says it has not", f.Name)
		}
		text := &col
		if col.Dict != nil {
			text = col.Dict
		}
		if f.Type.Kind == batch.String {
			for j := range text.N {
				if !text.Null(j) && !utf8.Valid(text.Text(j)) {
					return b, fmt.Errorf("column %q: not UTF-8", f.Name)
				}
			}
		}
		b.Cols = append(b.Cols, col)
	}
	return b, nil
}

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

// guard turns the library's panics on damaged input into errors.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed: %v", p)
		}
	}()
	return do()
}

// ioError marks what the system says of a file: not the data's fault.
type ioError struct{ err error }

func (e *ioError) Error() string { return e.err.Error() }
func (e *ioError) Unwrap() error { return e.err }

type tracked struct{ files.File }

func (t tracked) ReadAt(b []byte, at int64) (int, error) {
	n, err := t.File.ReadAt(b, at)
	if err != nil && err != io.EOF {
		err = &ioError{err}
	}
	return n, err
}

// blame makes the error that the user sees.
func blame(file string, err error) error {
	if err == nil {
		return nil
	}
	var sys *ioError
	if errors.As(err, &sys) {
		var path *fs.PathError
		if errors.As(err, &path) {
			return fmt.Errorf("%s: %w", file, path.Err)
		}
		return fmt.Errorf("%s: %w", file, sys.err)
	}
	return &connectors.DataError{File: file, Row: -1, Err: err}
}
