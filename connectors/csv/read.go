package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// sampleBytes is how much of a file its types are told from.
const sampleBytes = 64 << 10

// batchText is what the strings of a batch may take before it is cut.
const batchText = 64 << 20

type dataset struct {
	fs     files.FS
	opt    *Options
	schema operators.Schema
	zones  []*time.Location // by field: the zone that times without one are read in
	want   []bool           // by field: the type is declared
	files  []source
}

type source struct {
	name  string
	size  int64
	time  time.Time
	names []string
}

func open(ctx context.Context, fsys files.FS, o *Options, names []string, contract []connectors.Want) (*dataset, error) {
	d := &dataset{fs: fsys, opt: o}
	var guesses []guess
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, g, err := d.sample(name)
		if err != nil {
			return nil, blame(name, err)
		}
		if len(d.files) == 0 {
			guesses = g
		} else {
			first := d.files[0]
			if len(s.names) != len(first.names) {
				return nil, blame(name, fmt.Errorf("%d columns, %s has %d", len(s.names), first.name, len(first.names)))
			}
			for i, n := range s.names {
				j := slices.Index(first.names, n)
				if j < 0 {
					return nil, blame(name, fmt.Errorf("column %q, which %s has not", n, first.name))
				}
				guesses[j].merge(&g[i])
			}
		}
		d.files = append(d.files, s)
	}
	for i, n := range d.files[0].names {
		f := operators.Field{Name: n, Type: guesses[i].kind(), Nullable: true}
		declared := false
		for _, w := range contract {
			if w.Name == n && w.Type.Kind != batch.Unknown {
				f.Type, f.Nullable, declared = w.Type, w.Nullable, true
			}
		}
		var zone *time.Location
		switch t := f.Type; t.Kind {
		case batch.List, batch.Vector, batch.Unknown:
			return nil, fmt.Errorf("%s: column %q: a csv source has no %s", o.Path, n, t)
		case batch.Timestamp:
			if t.Zone != "" {
				var err error
				if zone, err = time.LoadLocation(t.Zone); err != nil {
					return nil, fmt.Errorf("%s: column %q: %w", o.Path, n, err)
				}
			}
		}
		d.schema.Fields = append(d.schema.Fields, f)
		d.zones = append(d.zones, zone)
		d.want = append(d.want, declared)
	}
	return d, nil
}

func (g *guess) merge(o *guess) {
	g.values += o.values
	g.notInt, g.notFloat, g.notBool = g.notInt || o.notInt, g.notFloat || o.notFloat, g.notBool || o.notBool
	g.notDate, g.notMoment = g.notDate || o.notDate, g.notMoment || o.notMoment
	g.zoned, g.unzoned, g.places = g.zoned || o.zoned, g.unzoned || o.unzoned, max(g.places, o.places)
}

// stream is a file with what unpacks it.
type stream struct {
	io.Reader
	file  files.File
	close func()
}

func (s *stream) Close() {
	if s.close != nil {
		s.close()
	}
	s.file.Close()
}

func (d *dataset) open(name string) (*stream, fs.FileInfo, error) {
	f, err := d.fs.Open(name)
	if err != nil {
		return nil, nil, &ioError{err}
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, &ioError{err}
	}
	s := &stream{Reader: tracked{f}, file: f}
	switch low := strings.ToLower(name); {
	case strings.HasSuffix(low, ".gz"):
		z, err := gzip.NewReader(s.Reader)
		if err != nil {
			f.Close()
			return nil, nil, fmt.Errorf("gzip: %w", err)
		}
		s.Reader = &capped{r: z, left: max(16<<20, st.Size()*int64(d.opt.ExpandMax))}
	case strings.HasSuffix(low, ".zst"):
		z, err := zstd.NewReader(s.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			f.Close()
			return nil, nil, fmt.Errorf("zstd: %w", err)
		}
		s.close = z.Close
		s.Reader = &capped{r: z, left: max(16<<20, st.Size()*int64(d.opt.ExpandMax))}
	}
	return s, st, nil
}

// capped fails where a file expands too far.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.left -= int64(n); c.left < 0 {
		return 0, errExpand
	}
	return n, err
}

// start opens a file up to its first row. keepBlank is known only when the columns are.
func (d *dataset) start(name string) (*stream, fs.FileInfo, *scanner, []string, error) {
	f, st, err := d.open(name)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	sep, _ := d.opt.delimiter()
	s := newScanner(f, sep)
	names, err := d.header(s)
	if err != nil {
		f.Close()
		return nil, nil, nil, nil, err
	}
	s.keep = len(names) == 1
	return f, st, s, names, nil
}

func (d *dataset) header(s *scanner) ([]string, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	if err := s.record(); err == io.EOF {
		return nil, &lineError{1, errors.New("no record: not even a header")}
	} else if err != nil {
		return nil, err
	}
	names := make([]string, len(s.fields))
	for i := range s.fields {
		f := &s.fields[i]
		if d.opt.Header {
			names[i] = string(s.text(f))
		}
		if names[i] == "" { // as the index is that some tools write
			names[i] = fmt.Sprintf("column_%d", i+1)
		}
		switch {
		case !utf8.ValidString(names[i]):
			return nil, &lineError{s.line, fmt.Errorf("the name of column %d, %q, is not UTF-8", i+1, names[i])}
		case slices.Contains(names[:i], names[i]):
			return nil, &lineError{s.line, fmt.Errorf("two columns are called %q", names[i])}
		}
	}
	if !d.opt.Header {
		s.at, s.next = s.start, s.line // the record is still in the buffer, with its quotes
	}
	return names, nil
}

func (d *dataset) sample(name string) (source, []guess, error) {
	f, st, s, names, err := d.start(name)
	if err != nil {
		return source{}, nil, err
	}
	defer f.Close()
	g := make([]guess, len(names))
	for read := 0; read < sampleBytes; {
		err := s.record()
		if err == io.EOF {
			break
		}
		// The errors of the sample's own rows are found again, with their row, when they are read; but they say more of the file than
		// a type that was told from half of it.
		if err != nil {
			return source{}, nil, err
		}
		if len(s.fields) != len(names) {
			return source{}, nil, wrongFields(s, len(names))
		}
		for i := range s.fields {
			b := s.text(&s.fields[i])
			read += len(b) + 1
			if !d.null(b, &s.fields[i]) && !(s.fields[i].quoted && len(b) == 0) {
				g[i].see(b)
			}
		}
	}
	return source{name: name, size: st.Size(), time: st.ModTime(), names: names}, g, nil
}

func wrongFields(s *scanner, want int) error {
	return &lineError{s.line, fmt.Errorf("%d fields, the header has %d", len(s.fields), want)}
}

func (d *dataset) null(b []byte, f *field) bool {
	if f.quoted {
		return false
	}
	for _, n := range d.opt.Nulls {
		if string(b) == n {
			return true
		}
	}
	return false
}

func (d *dataset) Schema() operators.Schema      { return d.schema }
func (d *dataset) Unreadable() map[string]string { return nil }
func (d *dataset) Close() error                  { return nil }

// Units are the files: what is not the first does not know its first row, and numbers its rows from 0.
func (d *dataset) Units() []connectors.Unit {
	u := make([]connectors.Unit, len(d.files))
	for i, f := range d.files {
		u[i] = connectors.Unit{File: f.name, Rows: -1, Bytes: f.size, Bounds: func(int) (batch.Bounds, bool) { return batch.Bounds{Nulls: -1}, false }}
	}
	return u
}

func (d *dataset) Files() []connectors.File {
	u := make([]connectors.File, len(d.files))
	for i, f := range d.files {
		u[i] = connectors.File{Path: f.name, Bytes: f.size, Rows: -1}
	}
	return u
}

func (d *dataset) Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	src := &d.files[unit]
	f, st, s, names, err := d.start(src.name)
	if err != nil {
		return blame(src.name, err)
	}
	defer f.Close()
	if st.Size() != src.size || !st.ModTime().Equal(src.time) || !slices.Equal(names, src.names) {
		return blame(src.name, errors.New("the file changed after it was opened"))
	}
	r := &reader{d: d, s: s, width: len(names), rowsMax: max(1, rowsMax)}
	for _, i := range cols {
		r.cols = append(r.cols, builder{Field: d.schema.Fields[i], zone: d.zones[i], declared: d.want[i], at: slices.Index(names, d.schema.Fields[i].Name)})
	}
	for row := uint64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := r.batch(c)
		if err != nil {
			return blame(src.name, err)
		}
		if b.N == 0 {
			break
		}
		b.ID.Base = row
		row += uint64(b.N)
		if err := emit(b); err != nil {
			return err
		}
	}
	if st, err = f.file.Stat(); err == nil && (st.Size() != src.size || !st.ModTime().Equal(src.time)) {
		return blame(src.name, errors.New("the file changed while it was read"))
	}
	return nil
}

// reader fills batches.
type reader struct {
	d       *dataset
	s       *scanner
	cols    []builder
	width   int
	rowsMax int
	lines   []int64 // of the rows of the batch
	done    bool
	failed  error // what ended the last batch early: it is told when that batch has been given
}

// builder is a column in the making.
type builder struct {
	operators.Field
	zone     *time.Location
	declared bool
	at       int // field of a record
	valid    []uint64
	bits     []uint64
	i32      []int32
	i64      []int64
	f32      []float32
	f64      []float64
	offs     []int32
	text     []byte // the worker's; copied into the arena when the batch is whole
	nulls    int
}

func (b *builder) begin(c *batch.Ctx, n int) {
	b.nulls, b.text, b.valid = 0, b.text[:0], c.Bitmap(n)
	switch b.Type.Kind {
	case batch.Bool:
		b.bits = c.Bitmap(n)
	case batch.Int32, batch.Date:
		b.i32 = c.Int32s(n)
	case batch.Int64, batch.Timestamp, batch.Decimal:
		b.i64 = c.Int64s(n)
	case batch.Float32:
		b.f32 = c.Float32s(n)
	case batch.Float64:
		b.f64 = c.Float64s(n)
	default:
		b.offs = c.Int32s(n + 1)
		b.offs[0] = 0
	}
}

// batch gives the next rows, none at the end. The rows before a bad line come first and its error with the next call: whoever finds fault with
// one of those rows has the earlier fault.
func (r *reader) batch(c *batch.Ctx) (batch.Batch, error) {
	var out batch.Batch
	if r.done || r.failed != nil {
		return out, r.failed
	}
	// The first record decides whether there is a batch at all.
	for i := range r.cols {
		r.cols[i].begin(c, r.rowsMax)
	}
	r.lines = r.lines[:0]
	text := 0
	for len(r.lines) < r.rowsMax && text <= batchText && !r.done {
		err := r.row()
		if err == io.EOF {
			r.done = true
			break
		}
		if r.failed = err; err != nil {
			break
		}
		r.lines, text = append(r.lines, r.s.line), 0
		for i := range r.cols {
			text += len(r.cols[i].text)
		}
	}
	n := len(r.lines)
	if n == 0 {
		return out, r.failed
	}
	out.N = n
	good := n
	for i := range r.cols {
		col := r.cols[i].end(c, n)
		if j := notUTF8(&col); j >= 0 && j < good {
			good, r.failed = j, &lineError{r.lines[j], fmt.Errorf("column %q: not UTF-8", r.cols[i].Name)}
		}
		out.Cols = append(out.Cols, col)
	}
	if good < n {
		out = out.Slice(c, 0, good)
	}
	if out.N == 0 {
		return out, r.failed
	}
	return out, nil
}

// row puts the next record behind the rows that there are.
func (r *reader) row() error {
	if err := r.s.record(); err != nil {
		return err
	}
	if len(r.s.fields) != r.width {
		return wrongFields(r.s, r.width)
	}
	n := len(r.lines)
	for i := range r.cols {
		err := r.set(&r.cols[i], n)
		if err == nil {
			continue
		}
		for j := range i + 1 { // bits behind the last row are 0
			r.cols[j].unset(n)
		}
		return err
	}
	return nil
}

func (b *builder) unset(n int) {
	b.valid[n>>6] &^= 1 << (n & 63)
	if b.bits != nil {
		b.bits[n>>6] &^= 1 << (n & 63)
	}
}

// set puts the field of the record at hand into row n.
func (r *reader) set(b *builder, n int) error {
	f := &r.s.fields[b.at]
	v := r.s.text(f)
	text := b.Type.Text()
	// Who quotes everything writes "" for no number.
	if r.d.null(v, f) || f.quoted && len(v) == 0 && !text {
		if !b.Nullable {
			return &lineError{r.s.line, fmt.Errorf("column %q is null; declare it nullable: true", b.Name)}
		}
		b.nulls++
		switch {
		case text:
			b.offs[n+1] = int32(len(b.text))
		case b.i32 != nil:
			b.i32[n] = 0
		case b.i64 != nil:
			b.i64[n] = 0
		case b.f32 != nil:
			b.f32[n] = 0
		case b.f64 != nil:
			b.f64[n] = 0
		}
		return nil
	}
	b.valid[n>>6] |= 1 << (n & 63)
	var ok bool
	var err error
	switch b.Type.Kind {
	case batch.Int64:
		b.i64[n], ok = parseInt(v)
	case batch.Float64:
		b.f64[n], ok = parseFloat(v, 64)
	case batch.String, batch.Bytes:
		b.text = append(b.text, v...)
		b.offs[n+1], ok = int32(len(b.text)), true
	case batch.Bool:
		var x bool
		if x, ok = parseBool(v); x {
			b.bits[n>>6] |= 1 << (n & 63)
		}
	case batch.Int32:
		var x int64
		x, ok = parseInt(v)
		b.i32[n] = int32(x)
		ok = ok && x == int64(int32(x))
	case batch.Float32:
		var x float64
		x, ok = parseFloat(v, 32)
		b.f32[n] = float32(x)
	case batch.Date:
		var x int64
		x, ok = parseDate(v)
		b.i32[n] = int32(x)
	case batch.Timestamp:
		var m moment
		if m, ok = parseMoment(v); ok {
			b.i64[n], err = m.in(b.Type, b.zone)
		}
	case batch.Decimal:
		b.i64[n], err = parseDecimal(v, b.Type)
		ok = err != errForm
	}
	switch {
	case !ok:
		err = fmt.Errorf("column %q: %q is not of type %s", b.Name, clip(v), b.Type)
	case err != nil:
		err = fmt.Errorf("column %q: %q: %w", b.Name, clip(v), err)
	default:
		return nil
	}
	if !b.declared {
		err = fmt.Errorf("%w, which the beginning of the file suggested; declare the column's type", err)
	}
	return &lineError{r.s.line, err}
}

func (b *builder) end(c *batch.Ctx, n int) batch.Column {
	var col batch.Column
	switch b.Type.Kind {
	case batch.Bool:
		col = batch.OfBits(b.bits, n)
	case batch.Int32, batch.Date:
		col = batch.OfInt32s(b.i32[:n])
	case batch.Int64, batch.Timestamp, batch.Decimal:
		col = batch.OfInt64s(b.i64[:n])
	case batch.Float32:
		col = batch.OfFloat32s(b.f32[:n])
	case batch.Float64:
		col = batch.OfFloat64s(b.f64[:n])
	default:
		col = batch.Column{N: n, Offsets: b.offs[:n+1], Values: c.AllocDirty(int(b.offs[n]))}
		copy(col.Values, b.text)
	}
	col.Type = b.Type
	if b.nulls > 0 {
		col.Valid = b.valid[:batch.Words(n)]
	}
	return col
}

func notUTF8(c *batch.Column) int {
	if c.Type.Kind != batch.String {
		return -1
	}
	good := utf8.Valid(c.Values)
	for i := 0; good && i < c.N; i++ {
		// Valid as a whole, and no value begins inside of a character: each is valid.
		o := int(c.Offsets[i])
		good = o == len(c.Values) || utf8.RuneStart(c.Values[o])
	}
	for i := 0; !good && i < c.N; i++ {
		if !utf8.Valid(c.Text(i)) {
			return i
		}
	}
	return -1
}

// ioError marks what the system says of a file: not the data's fault.
type ioError struct{ err error }

func (e *ioError) Error() string { return e.err.Error() }
func (e *ioError) Unwrap() error { return e.err }

type tracked struct{ f files.File }

func (t tracked) Read(b []byte) (int, error) {
	n, err := t.f.Read(b)
	if err != nil && err != io.EOF {
		err = &ioError{err}
	}
	return n, err
}

// blame makes the error that the user sees.
func blame(file string, err error) error {
	var sys *ioError
	if errors.As(err, &sys) {
		var path *fs.PathError
		if errors.As(err, &path) {
			return fmt.Errorf("%s: %w", file, path.Err)
		}
		return fmt.Errorf("%s: %w", file, sys.err)
	}
	d := &connectors.DataError{File: file, Row: -1, Err: err}
	var line *lineError
	if errors.As(err, &line) {
		d.Line, d.Err = line.line, line.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		d.Err = errors.New("the compressed data ends early")
	}
	return d
}
