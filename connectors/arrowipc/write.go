package arrowipc

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// writer writes one file, a record batch a batch. Dictionaries are written as plain strings: the file format allows one dictionary
// a column for all its batches, and ours differ.
type writer struct {
	aside  *files.Aside
	buf    *counter
	opt    *Options
	stream bool
	schema operators.Schema
	flat   operators.Schema
	arrow  *arrow.Schema
	w      interface {
		Write(arrow.Record) error
		Close() error
	}
	err error
}

// counter is a buffered file that knows its position, which is all that the library seeks for.
type counter struct {
	*bufio.Writer
	at int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.at += int64(n)
	return n, err
}

func (c *counter) Seek(at int64, whence int) (int64, error) {
	if at != 0 || whence != io.SeekCurrent {
		return 0, errors.New("an arrow file is written front to back")
	}
	return c.at, nil
}

func create(fs files.FS, o *Options, schema operators.Schema, stream bool) (connectors.Writer, error) {
	for _, f := range schema.Fields {
		if _, err := batch.ToArrowType(f.Type); err != nil && f.Type.Kind != batch.Vector {
			return nil, fmt.Errorf("%s: column %q: %w", o.Path, f.Name, err)
		}
	}
	switch o.Compression {
	case "none", "zstd", "lz4":
	default:
		return nil, fmt.Errorf("%s: no compression %q: there are none, zstd, lz4", o.Path, o.Compression)
	}
	a, err := files.WriteAside(fs, o.Path)
	if err != nil {
		return nil, err
	}
	return &writer{aside: a, buf: &counter{Writer: bufio.NewWriterSize(a, 256<<10)}, opt: o, stream: stream, schema: schema}, nil
}

func (w *writer) begin(first *batch.Batch) (err error) {
	if w.flat, err = connectors.Flat(w.schema, first); err != nil {
		return err
	}
	var fields []arrow.Field
	for _, f := range w.flat.Fields {
		t, err := batch.ToArrowType(f.Type)
		if err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
		fields = append(fields, arrow.Field{Name: f.Name, Type: t, Nullable: f.Nullable})
	}
	w.arrow = arrow.NewSchema(fields, nil)
	opts := []ipc.Option{ipc.WithSchema(w.arrow)}
	switch w.opt.Compression {
	case "zstd":
		opts = append(opts, ipc.WithZstd())
	case "lz4":
		opts = append(opts, ipc.WithLZ4())
	}
	if w.stream {
		w.w = ipc.NewWriter(w.buf, opts...)
		return nil
	}
	w.w, err = ipc.NewFileWriter(w.buf, opts...)
	return err
}

// Write adds rows.
func (w *writer) Write(b batch.Batch) error {
	if w.err == nil {
		if w.err = w.write(&b); w.err != nil {
			w.err = fmt.Errorf("%s: %w", w.opt.Path, w.err)
		}
	}
	return w.err
}

func (w *writer) write(b *batch.Batch) error {
	if w.w == nil {
		if err := w.begin(b); err != nil {
			return err
		}
	}
	cols, err := connectors.FlatColumns(w.schema, b)
	if err != nil {
		return err
	}
	if len(cols) != len(w.flat.Fields) {
		return fmt.Errorf("a batch of %d columns, the first had %d", len(cols), len(w.flat.Fields))
	}
	if b.N == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(cols))
	for i := range cols {
		c := cols[i].Plain(nil)
		if c.Dict != nil {
			return fmt.Errorf("column %q: the strings of a batch take more than 2 GiB", w.flat.Fields[i].Name)
		}
		a, err := batch.ToArrow(&c)
		if err != nil {
			return fmt.Errorf("column %q: %w", w.flat.Fields[i].Name, err)
		}
		defer a.Release()
		arrays[i] = a
	}
	rec := array.NewRecord(w.arrow, arrays, int64(b.N))
	defer rec.Release()
	return w.w.Write(rec)
}

// Commit ends the file and moves it to its place.
func (w *writer) Commit() error {
	if w.err == nil && w.w == nil {
		w.err = w.begin(nil)
	}
	if w.err == nil {
		w.err = w.w.Close()
	}
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	if w.err != nil {
		_ = w.Abort() // the first failure is the one to report
		return w.err
	}
	return w.aside.Commit()
}

// Abort drops the file.
func (w *writer) Abort() error { return w.aside.Abort() }
