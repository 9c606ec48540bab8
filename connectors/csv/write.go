package csv

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// writer writes one file. What it writes, a source with the same options and the schema declared reads back to the bit, but for a
// string that is null in a file of one column, which a reader takes for an empty line.
type writer struct {
	aside  *files.Aside
	buf    *bufio.Writer
	pack   io.WriteCloser // nil: not compressed
	opt    *Options
	sep    byte
	null   string
	schema operators.Schema
	flat   operators.Schema
	begun  bool
	line   []byte
	err    error
}

func create(fs files.FS, o *Options, schema operators.Schema) (connectors.Writer, error) {
	for _, f := range schema.Fields {
		if f.Type.Kind == batch.List || f.Type.Kind == batch.Unknown {
			return nil, fmt.Errorf("%s: column %q: a csv sink does not write %s", o.Path, f.Name, f.Type)
		}
	}
	sep, err := o.delimiter()
	if err != nil {
		return nil, err
	}
	a, err := files.WriteAside(fs, o.Path)
	if err != nil {
		return nil, err
	}
	w := &writer{aside: a, opt: o, sep: sep, schema: schema}
	if len(o.Nulls) > 0 {
		w.null = o.Nulls[0]
	}
	var out io.Writer = a
	switch low := strings.ToLower(o.Path); {
	case strings.HasSuffix(low, ".gz"):
		w.pack = gzip.NewWriter(a)
	case strings.HasSuffix(low, ".zst"):
		z, err := zstd.NewWriter(a, zstd.WithEncoderConcurrency(1))
		if err != nil {
			_ = a.Abort() // the first failure is the one to report
			return nil, err
		}
		w.pack = z
	}
	if w.pack != nil {
		out = w.pack
	}
	w.buf = bufio.NewWriterSize(out, 256<<10)
	return w, nil
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

func (w *writer) begin(first *batch.Batch) (err error) {
	if w.flat, err = connectors.Flat(w.schema, first); err != nil {
		return err
	}
	if len(w.flat.Fields) == 0 {
		return fmt.Errorf("there is no column to write")
	}
	w.begun = true
	if !w.opt.Header {
		return nil
	}
	for i, f := range w.flat.Fields {
		w.next(i)
		w.text([]byte(f.Name))
	}
	return w.end()
}

func (w *writer) write(b *batch.Batch) error {
	if !w.begun {
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
	for r := range b.N {
		for i := range cols {
			w.next(i)
			if err := w.value(&cols[i], r); err != nil {
				return fmt.Errorf("column %q: %w", w.flat.Fields[i].Name, err)
			}
		}
		if err := w.end(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) next(i int) {
	if i > 0 {
		w.line = append(w.line, w.sep)
	}
}

func (w *writer) end() error {
	w.line = append(w.line, '\n')
	_, err := w.buf.Write(w.line)
	w.line = w.line[:0]
	return err
}

// text quotes where a reader would be misled otherwise: by a delimiter, a quote, a line end, a word for null, a delimiter line.
func (w *writer) text(b []byte) {
	need := len(b) == 0 || string(b) == w.null || slices.Contains(w.opt.Nulls, string(b)) || strings.HasPrefix(str(b), "sep=") ||
		len(b) >= 3 && b[0] == 0xef && b[1] == 0xbb // at the front of the file it would be a byte order mark
	for i := 0; !need && i < len(b); i++ {
		need = b[i] == w.sep || b[i] == '"' || b[i] == '\n' || b[i] == '\r'
	}
	if !need {
		w.line = append(w.line, b...)
		return
	}
	w.line = append(w.line, '"')
	for _, c := range b {
		if c == '"' {
			w.line = append(w.line, '"')
		}
		w.line = append(w.line, c)
	}
	w.line = append(w.line, '"')
}

func (w *writer) value(c *batch.Column, r int) error {
	if c.Null(r) {
		w.line = append(w.line, w.null...)
		return nil
	}
	from := len(w.line)
	switch t := c.Type; t.Kind {
	case batch.Bool:
		w.line = strconv.AppendBool(w.line, c.Bit(r))
	case batch.Int32:
		w.line = strconv.AppendInt(w.line, int64(c.Int32s()[r]), 10)
	case batch.Int64:
		w.line = strconv.AppendInt(w.line, c.Int64s()[r], 10)
	case batch.Float32:
		w.line = appendFloat(w.line, float64(c.Float32s()[r]), 32)
	case batch.Float64:
		w.line = appendFloat(w.line, c.Float64s()[r], 64)
	case batch.Date:
		d := time.Unix(int64(c.Int32s()[r])*86400, 0).UTC()
		if d.Year() < 0 || d.Year() > 9999 {
			return fmt.Errorf("year %d: csv has years 0 to 9999", d.Year())
		}
		w.line = d.AppendFormat(w.line, "2006-01-02")
	case batch.Timestamp:
		return w.moment(t, c.Int64s()[r])
	case batch.Decimal:
		w.line = appendDecimal(w.line, c.Int64s()[r], int(t.Scale))
	default:
		w.text(c.Text(r))
		return nil
	}
	if got := w.line[from:]; w.null != "" && string(got) == w.null {
		return fmt.Errorf("the value %s is what nulls are written as", got)
	}
	return nil
}

// moment writes ISO 8601: as written without a zone, in UTC with a Z where the type has one.
func (w *writer) moment(t batch.Type, v int64) error {
	per := t.Unit.PerSecond()
	sec, frac := v/per, v%per
	if frac < 0 {
		sec, frac = sec-1, frac+per
	}
	u := time.Unix(sec, 0).UTC()
	if u.Year() < 0 || u.Year() > 9999 {
		return fmt.Errorf("year %d: csv has years 0 to 9999", u.Year())
	}
	w.line = u.AppendFormat(w.line, "2006-01-02T15:04:05")
	if frac != 0 {
		w.line = append(w.line, '.')
		for places := per / 10; places > 0 && frac > 0; places /= 10 {
			w.line = append(w.line, byte('0'+frac/places))
			frac %= places
		}
	}
	if t.Zone != "" {
		w.line = append(w.line, 'Z')
	}
	return nil
}

// appendFloat writes the shortest digits that read back to the same bits, with a point or an exponent, so that it stays a float
// where types are told from the text.
func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case v != v:
		return append(b, "NaN"...)
	case math.IsInf(v, 0):
		if v < 0 {
			b = append(b, '-')
		}
		return append(b, "inf"...)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(b, v, 'e', -1, bits)
	}
	from := len(b)
	b = strconv.AppendFloat(b, v, 'f', -1, bits)
	if !slices.Contains(b[from:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

func appendDecimal(b []byte, v int64, scale int) []byte {
	u := uint64(v)
	if v < 0 {
		b = append(b, '-')
		u = -u
	}
	var d [24]byte
	digits := strconv.AppendUint(d[:0], u, 10)
	for len(digits) <= scale {
		digits = slices.Insert(digits, 0, '0')
	}
	b = append(b, digits[:len(digits)-scale]...)
	if scale > 0 {
		b = append(b, '.')
		b = append(b, digits[len(digits)-scale:]...)
	}
	return b
}

// Commit ends the file and moves it to its place.
func (w *writer) Commit() error {
	if w.err == nil && !w.begun {
		w.err = w.begin(nil)
	}
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	if w.err == nil && w.pack != nil {
		w.err = w.pack.Close()
	}
	if w.err != nil {
		_ = w.Abort() // the first failure is the one to report
		return w.err
	}
	return w.aside.Commit()
}

// Abort drops the file.
func (w *writer) Abort() error { return w.aside.Abort() }
