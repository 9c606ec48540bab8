package parquet

import (
	"bufio"
	"fmt"
	"math"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// writer writes one file. Columns go to parquet-go's column buffers value by value, without reflection; it makes the pages, the
// dictionaries of strings, the statistics and the checksums.
type writer struct {
	aside  *files.Aside
	buf    *bufio.Writer
	opt    *Options
	schema operators.Schema // as given
	flat   operators.Schema // without wide columns; set by the first batch
	w      *pq.GenericWriter[any]
	rows   int // of the row group
	values []pq.Value
	err    error
}

// pageRows is how many rows a column takes before the other columns get theirs: little enough to stay in the cache.
const pageRows = 4096

func create(fs files.FS, o *Options, schema operators.Schema) (connectors.Writer, error) {
	for _, f := range schema.Fields {
		if f.Type.Kind == batch.Vector {
			continue
		}
		if _, err := node(f); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Path, err)
		}
	}
	if _, err := codec(o.Compression); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Path, err)
	}
	if o.RowGroupRows < 1 {
		return nil, fmt.Errorf("%s: row_group_rows is %d", o.Path, o.RowGroupRows)
	}
	a, err := files.WriteAside(fs, o.Path)
	if err != nil {
		return nil, err
	}
	return &writer{aside: a, buf: bufio.NewWriterSize(a, 1<<20), opt: o, schema: schema}, nil
}

func codec(name string) (compress.Codec, error) {
	switch name {
	case "zstd":
		return &pq.Zstd, nil
	case "snappy":
		return &pq.Snappy, nil
	case "none":
		return &pq.Uncompressed, nil
	}
	return nil, fmt.Errorf("no compression %q: there are zstd, snappy, none", name)
}

// node is a column in parquet-go's terms.
func node(f operators.Field) (pq.Node, error) {
	var n pq.Node
	switch t := f.Type; t.Kind {
	case batch.Bool:
		n = pq.Leaf(pq.BooleanType)
	case batch.Int32:
		n = pq.Leaf(pq.Int32Type)
	case batch.Int64:
		n = pq.Leaf(pq.Int64Type)
	case batch.Float32:
		n = pq.Leaf(pq.FloatType)
	case batch.Float64:
		n = pq.Leaf(pq.DoubleType)
	case batch.String:
		n = pq.Encoded(pq.String(), &pq.RLEDictionary)
	case batch.Bytes:
		n = pq.Encoded(pq.Leaf(pq.ByteArrayType), &pq.RLEDictionary)
	case batch.Date:
		n = pq.Date()
	case batch.Timestamp:
		// There are no seconds: they are written as milliseconds. A zone's name is lost, as in every Parquet file: it reads as UTC.
		unit := [...]pq.TimeUnit{pq.Millisecond, pq.Millisecond, pq.Microsecond, pq.Nanosecond}[t.Unit]
		n = pq.TimestampAdjusted(unit, t.Zone != "")
	case batch.Decimal:
		typ := pq.Int64Type
		if t.Precision < 10 {
			typ = pq.Int32Type
		}
		n = pq.Decimal(int(t.Scale), int(t.Precision), typ)
	default:
		return nil, fmt.Errorf("column %q: a parquet sink does not write %s", f.Name, t)
	}
	if f.Nullable {
		n = pq.Optional(n)
	}
	return n, nil
}

// ordered keeps the columns in their order: parquet-go sorts a group's by name.
type ordered struct {
	pq.Group
	fields []pq.Field
}

func (o ordered) Fields() []pq.Field { return o.fields }

// begin makes the file's schema, which wide columns give only with their first batch.
func (w *writer) begin(first *batch.Batch) error {
	flat, err := connectors.Flat(w.schema, first)
	if err != nil {
		return err
	}
	if len(flat.Fields) == 0 {
		return fmt.Errorf("there is no column to write")
	}
	group := pq.Group{}
	for _, f := range flat.Fields {
		if group[f.Name], err = node(f); err != nil {
			return err
		}
	}
	byName := map[string]pq.Field{}
	for _, f := range group.Fields() {
		byName[f.Name()] = f
	}
	o := ordered{Group: group}
	for _, f := range flat.Fields {
		o.fields = append(o.fields, byName[f.Name])
	}
	c, err := codec(w.opt.Compression)
	if err != nil {
		return err
	}
	w.flat = flat
	w.w = pq.NewGenericWriter[any](w.buf, pq.NewSchema("headrace", o), pq.Compression(c), pq.DataPageStatistics(true),
		pq.PageBufferSize(256<<10), pq.DictionaryMaxBytes(1<<20), pq.CreatedBy("headrace", "1", ""))
	return nil
}

// Write adds rows. Parquet-go panics where it is used wrongly, never on data.
func (w *writer) Write(b batch.Batch) error {
	if w.err == nil {
		w.err = w.write(&b)
		if w.err != nil {
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
	for at := 0; at < b.N; {
		n := min(pageRows, b.N-at, w.opt.RowGroupRows-w.rows)
		out := w.w.ColumnWriters()
		for i := range cols {
			if err := w.fill(&cols[i], i, at, n); err != nil {
				return fmt.Errorf("column %q: %w", w.flat.Fields[i].Name, err)
			}
			if _, err := out[i].WriteRowValues(w.values); err != nil {
				return err
			}
		}
		at += n
		if w.rows += n; w.rows == w.opt.RowGroupRows {
			if err := w.w.Flush(); err != nil {
				return err
			}
			w.rows = 0
		}
	}
	return nil
}

// fill sets w.values to n rows of a column.
func (w *writer) fill(c *batch.Column, col, at, n int) error {
	if cap(w.values) < n {
		w.values = make([]pq.Value, pageRows)
	}
	v := w.values[:n]
	w.values = v
	switch c.Type.Kind {
	case batch.Bool:
		for i := range v {
			v[i] = pq.BooleanValue(c.Bit(at + i))
		}
	case batch.Int32, batch.Date:
		for i, x := range c.Int32s()[at : at+n] {
			v[i] = pq.Int32Value(x)
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		x := c.Int64s()[at : at+n]
		switch {
		case c.Type.Kind == batch.Timestamp && c.Type.Unit == batch.Second:
			return w.seconds(c, col, at, x)
		case c.Type.Kind == batch.Decimal && c.Type.Precision < 10:
			return w.decimals(c, col, at, x)
		}
		for i, x := range x {
			v[i] = pq.Int64Value(x)
		}
	case batch.Float32:
		for i, x := range c.Float32s()[at : at+n] {
			v[i] = pq.FloatValue(x)
		}
	case batch.Float64:
		for i, x := range c.Float64s()[at : at+n] {
			v[i] = pq.DoubleValue(x)
		}
	default:
		for i := range v {
			if c.Null(at + i) { // what stands under it may be out of range
				v[i] = pq.NullValue()
			} else {
				v[i] = pq.ByteArrayValue(c.Text(at + i))
			}
		}
	}
	w.levels(c, col, at)
	return nil
}

func (w *writer) seconds(c *batch.Column, col, at int, x []int64) error {
	for i, x := range x {
		if c.Null(at + i) {
			x = 0
		}
		if x > math.MaxInt64/1000 || x < math.MinInt64/1000 {
			return fmt.Errorf("%d seconds do not fit into milliseconds", x)
		}
		w.values[i] = pq.Int64Value(x * 1000)
	}
	w.levels(c, col, at)
	return nil
}

// decimals writes decimals of at most 9 digits, for which the format has 32 bits.
func (w *writer) decimals(c *batch.Column, col, at int, x []int64) error {
	for i, x := range x {
		if x != int64(int32(x)) && !c.Null(at+i) {
			return fmt.Errorf("%d has more than %d digits", x, c.Type.Precision)
		}
		w.values[i] = pq.Int32Value(int32(x))
	}
	w.levels(c, col, at)
	return nil
}

// levels says of each value whether it is there.
func (w *writer) levels(c *batch.Column, col, at int) {
	def := 0
	if w.flat.Fields[col].Nullable {
		def = 1
	}
	for i := range w.values {
		if c.Null(at + i) {
			w.values[i] = pq.NullValue().Level(0, 0, col)
		} else {
			w.values[i] = w.values[i].Level(0, def, col)
		}
	}
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
