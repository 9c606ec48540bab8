package csv_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/csv"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

func show(c *batch.Column, i int) string {
	if c.Null(i) {
		return "nil"
	}
	switch c.Type.Kind {
	case batch.Bool:
		return fmt.Sprint(c.Bit(i))
	case batch.Int32, batch.Date:
		return fmt.Sprint(c.Int32s()[i])
	case batch.Float32:
		return fmt.Sprintf("%x", math.Float32bits(c.Float32s()[i]))
	case batch.Float64:
		return fmt.Sprint(c.Float64s()[i])
	case batch.String, batch.Bytes:
		return fmt.Sprintf("%q", c.Text(i))
	}
	return fmt.Sprint(c.Int64s()[i])
}

// read gives the schema as text and all rows.
func read(o *csv.Options, want []connectors.Want, rowsMax int) (schema string, rows [][]string, err error) {
	d, err := o.Open(context.Background(), files.Local(), want)
	if err != nil {
		return "", nil, err
	}
	var cols []int
	var types []string
	for i, f := range d.Schema().Fields {
		types = append(types, f.Name+" "+f.Type.String())
		cols = append(cols, i)
	}
	schema = strings.Join(types, ", ")
	c := &batch.Ctx{Poison: true}
	for u := range d.Units() {
		row := uint64(0)
		err := d.Read(context.Background(), c, u, cols, rowsMax, func(b batch.Batch) error {
			if b.N > rowsMax || b.ID.Base != row {
				return fmt.Errorf("%d rows at %d", b.N, b.ID.Base)
			}
			row += uint64(b.N)
			for i := range b.N {
				var r []string
				for j := range b.Cols {
					r = append(r, show(&b.Cols[j], i))
				}
				rows = append(rows, r)
			}
			c.Reset()
			return nil
		})
		if err != nil {
			return schema, nil, err
		}
	}
	return schema, rows, nil
}

func file(t testing.TB, name, text string) *csv.Options {
	o := csv.New()
	o.Path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(o.Path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, text, schema, rows string
		want                     []connectors.Want
		set                      func(*csv.Options)
	}{
		{name: "types", text: "i,f,b,d,t,s,z,u\n1,1.5,true,2001-02-03,2001-02-03T04:05:06,x,007,\n-2,2,FALSE,1969-12-31,1969-12-31 23:59,,01,\n",
			schema: "i int64, f float64, b bool, d date, t timestamp[us], s string, z string, u string",
			rows:   `[[1 1.5 true 11356 981173106000000 "x" "007" nil] [-2 2 false -1 -60000000 nil "01" nil]]`},
		{name: "quotes", text: "a,b\r\n\"x,\"\"y\"\"\",\"1\nnew\"\r\n\"\",z\r\n", schema: "a string, b string", rows: `[["x,\"y\"" "1\nnew"] ["" "z"]]`},
		{name: "no end of line", text: "a,b\n1,2", schema: "a int64, b int64", rows: "[[1 2]]"},
		{name: "mark and blank lines", text: "\ufeff\n\na,b\n\n1,2\n\n", schema: "a int64, b int64", rows: "[[1 2]]"},
		{name: "one column", text: "a\n1\n\n2\n", schema: "a int64", rows: "[[1] [nil] [2]]"},
		{name: "no rows", text: "a,b\n", schema: "a string, b string", rows: "[]"},
		{name: "no header", text: "\"1\",\"x\"\n2,y\n", schema: "column_1 int64, column_2 string", rows: `[[1 "x"] [2 "y"]]`, set: func(o *csv.Options) { o.Header = false }},
		{name: "nulls", text: "a,b\nNA,\"NA\"\n1,-\n", schema: "a int64, b string", rows: `[[nil "NA"] [1 nil]]`, set: func(o *csv.Options) { o.Nulls = []string{"NA", "-"} }},
		{name: "tab", text: "a\tb\n1,5\t2\n", schema: "a string, b int64", rows: `[["1,5" 2]]`, set: func(o *csv.Options) { o.Delimiter = "tab" }},
		{name: "sep", text: "sep=;\na;b\n1;2\n", schema: "a int64, b int64", rows: `[[1 2]]`},
		{name: "zones", text: "a,b\n2001-01-01T00:00:00+01:00,2001-01-01T00:00:00.1234567\n", schema: "a timestamp[us, UTC], b timestamp[ns]",
			rows: "[[978303600000000 978307200123456700]]"},
		{name: "mixed zones are text", text: "a\n2001-01-01T00:00:00Z\n2001-01-01T00:00:00\n", schema: "a string", rows: `[["2001-01-01T00:00:00Z"] ["2001-01-01T00:00:00"]]`},
		{name: "floats", text: "a\n1e3\n.5\n5.\nnan\n-inf\n1.7976931348623157e308\n0.1\n1e-400\n", schema: "a float64", rows: "[[1000] [0.5] [5] [NaN] [-Inf] [1.7976931348623157e+308] [0.1] [0]]"},
		{name: "what is no float", text: "a,b,c,d\n0x1p3,1_000,1e,12345678901234567890\n", schema: "a string, b string, c string, d string", rows: `[["0x1p3" "1_000" "1e" "12345678901234567890"]]`},
		{name: "unnamed", text: ",a\n0,1\n", schema: "column_1 int64, a int64", rows: "[[0 1]]"},
		{name: "declared", text: "a,b,c,d\n007,1,2.50,2001-07-01T12:00:00\n", schema: "a string, b float32, c decimal(5, 2), d timestamp[s, Europe/Berlin]",
			want: []connectors.Want{{Name: "a", Type: batch.T(batch.String)}, {Name: "b", Type: batch.T(batch.Float32)},
				{Name: "c", Type: batch.Type{Kind: batch.Decimal, Precision: 5, Scale: 2}}, {Name: "d", Type: batch.Type{Kind: batch.Timestamp, Zone: "Europe/Berlin"}}},
			rows: `[["007" 3f800000 250 993981600]]`},
	} {
		o := file(t, "f.csv", c.text)
		if c.set != nil {
			c.set(o)
		}
		for _, rowsMax := range []int{1, 2, 1000} {
			schema, rows, err := read(o, c.want, rowsMax)
			if err != nil || schema != c.schema || fmt.Sprint(rows) != c.rows {
				t.Errorf("%s: %v\n got %s\n     %v\nwant %s\n     %s", c.name, err, schema, rows, c.schema, c.rows)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("1,x\n", 20000)
	i64 := func(n string, null bool) []connectors.Want {
		return []connectors.Want{{Name: n, Type: batch.T(batch.Int64), Nullable: null}}
	}
	for _, c := range []struct {
		name, text, err string
		line            int64
		want            []connectors.Want
	}{
		{name: "late misfit", text: "a,b\n" + long + "oops,y\n", line: 20002, err: `column "a": "oops" is not of type int64, which the beginning of the file suggested; declare`},
		{name: "late overflow", text: "a,b\n" + long + "9223372036854775808,y\n", line: 20002, err: "is not of type int64"},
		{name: "late count", text: "a,b\n" + long + "1\n", line: 20002, err: "1 fields, the header has 2"},
		{name: "count after quoted lines", text: "a,b\n\"x\n\n\",1\n1,2,3\n", line: 5, err: "3 fields"},
		{name: "late bad UTF-8", text: "a,b\n" + long + "1,\xff\n", line: 20002, err: `column "b": not UTF-8`},
		{name: "open quote", text: "a,b\n1,\"x\n2,y\n", line: 2, err: "a quote is not closed"},
		{name: "behind a quote", text: "a,b\n1,\"x\"y\n", line: 2, err: "behind a closing quote"},
		{name: "empty", text: "", line: 1, err: "not even a header"},
		{name: "twice", text: "a,b,a\n", line: 1, err: `two columns are called "a"`},
		{name: "UTF-16", text: "\xff\xfea\x00", line: 1, err: "UTF-16"},
		{name: "NUL", text: "a,b\n1,\x00\n", line: 2, err: "NUL"},
		{name: "declared", text: "a\nx\n", want: i64("a", true), line: 2, err: `column "a": "x" is not of type int64`},
		{name: "not nullable", text: "a,b\n,1\n", want: i64("a", false), line: 2, err: `column "a" is null; declare it nullable: true`},
	} {
		o := file(t, "f.csv", c.text)
		_, _, err := read(o, c.want, 100)
		var d *connectors.DataError
		if !errors.As(err, &d) || d.Line != c.line || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:%d: ", o.Path, c.line)) {
			t.Errorf("%s: %v, want line %d and %q", c.name, err, c.line, c.err)
		}
	}
	o := file(t, "f.csv", "a\n1\n")
	o.Delimiter = "\""
	if _, _, err := read(o, nil, 1); err == nil || !strings.Contains(err.Error(), "delimiter") {
		t.Error(err)
	}
}

// The rows before a bad line come all the same, so that a fault in one of them is told first, however large a batch is.
func TestRowsBeforeABadLine(t *testing.T) {
	want := []connectors.Want{{Name: "a", Type: batch.T(batch.Int64), Nullable: true}, {Name: "b", Type: batch.T(batch.String), Nullable: true},
		{Name: "c", Type: batch.T(batch.Bool), Nullable: true}}
	for _, bad := range []string{"3,x,maybe\n", "3,\xff,true\n", "oops,x,true\n"} {
		for _, rows := range []int{1, 2, 3, 100} {
			o := file(t, "f.csv", "a,b,c\n1,x,true\n,yy,false\n"+bad+"4,x,true\n")
			n, c := 0, &batch.Ctx{}
			d, err := o.Open(context.Background(), files.Local(), want)
			if err != nil {
				t.Fatal(err)
			}
			err = d.Read(context.Background(), c, 0, []int{0, 1, 2}, rows, func(b batch.Batch) error {
				n += b.N
				for i := range b.Cols {
					col := &b.Cols[i]
					if rest := col.N & 63; col.Type.Kind == batch.Bool && col.Bits()[col.N>>6]>>rest != 0 || col.Valid != nil && col.Valid[col.N>>6]>>rest != 0 {
						t.Errorf("%q: bits behind the last row of %d", bad, col.N)
					}
					if text := len(col.Values); col.Offsets != nil && text != int(col.Offsets[col.N]) {
						t.Errorf("%q: %d bytes of text, the last offset is %d", bad, text, col.Offsets[col.N])
					}
				}
				return nil
			})
			var e *connectors.DataError
			if n != 2 || !errors.As(err, &e) || e.Line != 4 {
				t.Errorf("%q in batches of %d: %d rows, %v", bad, rows, n, err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Records and fields around the size of the buffer.
func TestBuffer(t *testing.T) {
	for _, n := range []int{256<<10 - 9, 256<<10 - 8, 256<<10 - 7, 256<<10 - 4, 256 << 10, 256<<10 + 1, 1 << 20} {
		for _, end := range []string{"", "\n", "\r\n"} {
			x := strings.Repeat("x", n)
			o := file(t, "f.csv", "a,b\r\n"+x+",\"1\"\"\"\r\n2,"+x+end)
			_, rows, err := read(o, nil, 10)
			if err != nil || len(rows) != 2 || rows[0][0] != `"`+x+`"` || rows[0][1] != `"1\""` || rows[1][1] != `"`+x+`"` {
				t.Fatalf("%d %q: %v, %d rows", n, end, err, len(rows))
			}
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for n, text := range map[string]string{"a.csv": "x,y\n1,2\n", "b.csv": "y,x\n3.5,4\n", "_c.csv": "junk", "d.txt": "junk"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o := csv.New()
	o.Path = dir
	schema, rows, err := read(o, nil, 10)
	if err != nil || schema != "x int64, y float64" || fmt.Sprint(rows) != "[[1 2] [4 3.5]]" {
		t.Errorf("%s %v %v", schema, rows, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.csv"), []byte("x,z\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(o, nil, 10); err == nil || !strings.Contains(err.Error(), "c.csv") || !strings.Contains(err.Error(), `column "z"`) {
		t.Error(err)
	}
}

// What is written is read back, plain and compressed.
func TestRoundTrip(t *testing.T) {
	var s operators.Schema
	var want []connectors.Want
	for _, n := range []string{"bool", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp[s]", "timestamp[ms]", "timestamp[us]", "timestamp[ns]",
		"timestamp[us, UTC]", "decimal(18, 4)", "decimal(5, 0)", "decimal(3, 3)"} {
		typ, err := batch.ParseType(n)
		if err != nil {
			t.Fatal(err)
		}
		s.Fields = append(s.Fields, operators.Field{Name: n, Type: typ, Nullable: true})
		want = append(want, connectors.Want{Name: n, Type: typ, Nullable: true})
	}
	r := rand.New(rand.NewPCG(1, 2))
	const n = 500
	b := batch.Batch{N: n}
	for _, f := range s.Fields {
		c := (*batch.Ctx)(nil).New(f.Type, n)
		switch f.Type.Kind {
		case batch.Bool:
			v := make([]bool, n)
			for i := range v {
				v[i] = r.IntN(2) == 0
			}
			c = batch.OfBools(v)
		case batch.Int32:
			for i := range n {
				c.Int32s()[i] = int32(r.Uint32())
			}
		case batch.Date:
			for i := range n {
				c.Int32s()[i] = int32(r.IntN(3_600_000) - 700_000) // years 54 to 9900
			}
		case batch.Int64:
			for i := range n {
				c.Int64s()[i] = []int64{int64(r.Uint64()), math.MinInt64, math.MaxInt64, 0}[r.IntN(4)]
			}
		case batch.Timestamp:
			for i := range n {
				c.Int64s()[i] = (r.Int64N(18_000_000_000)-9_000_000_000)*f.Type.Unit.PerSecond() + r.Int64N(f.Type.Unit.PerSecond())
			}
		case batch.Decimal:
			for i := range n {
				c.Int64s()[i] = r.Int64N(1999) - 999
			}
		case batch.Float32:
			for i := range n {
				c.Float32s()[i] = math.Float32frombits(r.Uint32())
			}
		case batch.Float64:
			for i := range n {
				c.Float64s()[i] = []float64{math.Float64frombits(r.Uint64()), float64(r.IntN(1000)) / 8, r.NormFloat64(), math.Copysign(0, -1)}[r.IntN(4)]
			}
		default:
			v := make([]string, n)
			for i := range v {
				v[i] = []string{"", "a", `"`, "a,b", "line\nend", "cr\r", " x ", "ü", "NaN", "sep=;"}[r.IntN(10)]
			}
			c = batch.OfStrings(v)
		}
		c.Type = f.Type
		for i := range n { // one NaN is as good as another
			if c.Type.Kind == batch.Float32 && c.Float32s()[i] != c.Float32s()[i] {
				c.Float32s()[i] = float32(math.NaN())
			}
		}
		null := make([]bool, n)
		for i := range null {
			null[i] = r.IntN(5) == 0
		}
		b.Cols = append(b.Cols, c.WithNulls(null))
	}
	for _, name := range []string{"f.csv", "f.csv.gz", "f.csv.zst"} {
		for _, null := range []string{"", "NULL"} {
			o := csv.New()
			o.Path, o.Nulls = filepath.Join(t.TempDir(), name), []string{null}
			w, err := o.Create(context.Background(), files.Local(), s)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(o.Path); err == nil {
				t.Error("the file is there before Commit")
			}
			if err := w.Commit(); err != nil {
				t.Fatal(err)
			}
			_, rows, err := read(o, want, 64)
			if err != nil || len(rows) != n {
				t.Fatalf("%s: %v, %d rows", name, err, len(rows))
			}
			for i, row := range rows {
				for j := range row {
					if w := show(&b.Cols[j], i); row[j] != w {
						t.Fatalf("%s: row %d, %s: %s, want %s", name, i, s.Fields[j].Name, row[j], w)
					}
				}
			}
		}
	}
}

func TestWriteText(t *testing.T) {
	o := csv.New()
	o.Path = filepath.Join(t.TempDir(), "f.csv")
	s := operators.Of(operators.Field{Name: "a b", Type: batch.T(batch.Float64)}, operators.Field{Name: "w", Type: batch.T(batch.Vector)},
		operators.Field{Name: "s,", Type: batch.T(batch.String), Nullable: true})
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	v := (*batch.Ctx)(nil).NewVector(2, []string{"w_x", "w_y"})
	copy(v.Member(0), []float64{1, 0.1})
	copy(v.Member(1), []float64{1e300, -1e-9})
	if err := w.Write(batch.Batch{N: 2, Cols: []batch.Column{batch.OfFloat64s([]float64{3, math.NaN()}), v, batch.OfStrings([]string{"", "x"}).WithNulls([]bool{false, true})}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(o.Path)
	if want := "a b,w_x,w_y,\"s,\"\n3.0,1.0,1e+300,\"\"\nNaN,0.1,-1e-09,\n"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func corpora(t *testing.T) string {
	dir := os.Getenv("HEADRACE_CORPORA")
	if dir == "" {
		t.Skip("HEADRACE_CORPORA is not set: the corpora of good and bad files are not here")
	}
	return dir
}

func TestSpectrum(t *testing.T) {
	dir := filepath.Join(corpora(t), "csv-spectrum")
	names, _ := filepath.Glob(filepath.Join(dir, "csvs", "*.csv"))
	if len(names) < 12 {
		t.Fatalf("%d files", len(names))
	}
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join(dir, "json", strings.TrimSuffix(filepath.Base(name), ".csv")+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want []map[string]string
		if raw[0] == '{' {
			raw = fmt.Appendf(nil, "[%s]", raw)
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		o := csv.New()
		o.Path, o.Nulls = name, nil
		var all []connectors.Want
		for k := range want[0] {
			all = append(all, connectors.Want{Name: k, Type: batch.T(batch.String)})
		}
		schema, rows, err := read(o, all, 10)
		if filepath.Base(name) == "location_coordinates.csv" {
			// Its numbers differ from those in its JSON, and its degree signs are broken in both: what it tests is quotes in a bare field.
			if err != nil || len(rows) != 1 || !strings.Contains(rows[0][1], `37.8\"N 121`) {
				t.Errorf("%s: %v %v", name, err, rows)
			}
			continue
		}
		if err != nil || len(rows) != len(want) {
			t.Errorf("%s: %v, %d rows of %d", name, err, len(rows), len(want))
			continue
		}
		cols := strings.Split(strings.ReplaceAll(schema, " string", ""), ", ")
		for i, w := range want {
			for j, c := range cols {
				if rows[i][j] != fmt.Sprintf("%q", w[c]) {
					t.Errorf("%s: row %d, %s: %s, want %q", name, i, c, rows[i][j], w[c])
				}
			}
		}
	}
}

// The corpus's own reader is lenient: it guesses delimiters, trims names and fills up short records. Where we are strict on
// purpose, strict says with what.
var strict = map[string]string{
	"extra_fields_empty.csv": "fields, the header has", "extra_trailing_empty_fields.csv": "fields, the header has", "wide_row_extra_empty.csv": "fields, the header has",
	"ragged_rows_long_empty.csv": "fields, the header has", "ragged_rows_short.csv": "fields, the header has",
	"backslash_escape.csv": "behind a closing quote", // no backslash in RFC 4180
}

func TestTorture(t *testing.T) {
	dir := filepath.Join(corpora(t), "csv-torture", "rvl")
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| `?([a-zA-Z_]+)`? \\| (?:`(\\||[^`|]+)`|n/a) \\|")
	n := 0
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		name, want, delim := m[1], m[2], m[3]
		if want == "E_DIALECT" {
			continue // we do not guess delimiters
		}
		n++
		o := csv.New()
		o.Path = filepath.Join(dir, name)
		switch {
		case strings.HasPrefix(delim, "0x"):
			var c byte
			fmt.Sscanf(delim, "0x%x", &c)
			o.Delimiter = string(rune(c))
		case delim != "":
			o.Delimiter = delim
		}
		_, _, err := read(o, nil, 100)
		switch {
		case strict[name] != "":
			if err == nil || !strings.Contains(err.Error(), strict[name]) {
				t.Errorf("%s: %v, want %q", name, err, strict[name])
			}
		case want == "parse_ok" && err != nil:
			t.Errorf("%v", err)
		case want != "parse_ok" && err == nil:
			t.Errorf("%s: read, want %s", name, want)
		case err != nil && !strings.Contains(err.Error(), name):
			t.Errorf("%s: not named: %v", name, err)
		}
	}
	if n < 80 {
		t.Errorf("only %d files", n)
	}
}

// drain reads all and keeps nothing.
func drain(o *csv.Options) (schema string, err error) {
	d, err := o.Open(context.Background(), files.Local(), nil)
	if err != nil {
		return "", err
	}
	cols := make([]int, len(d.Schema().Fields))
	for i := range cols {
		cols[i] = i
	}
	c := &batch.Ctx{}
	return strings.Join(d.Schema().Names(), ", "), d.Read(context.Background(), c, 0, cols, 1000, func(batch.Batch) error { c.Reset(); return nil })
}

func TestHandmade(t *testing.T) {
	dir := filepath.Join(corpora(t), "handmade")
	for name, want := range map[string]string{
		"csv_10k_columns.csv": "", "csv_bidi_zero_width_headers.csv": "", "csv_bomb_256MiB.csv.gz": "expands to more", "csv_dup_headers.csv": "two columns",
		"csv_empty.csv": "not even a header", "csv_formula_injection.csv": "behind a closing quote", "csv_invalid_utf8.csv": "not UTF-8", "csv_nfc_nfd_headers.csv": "",
		"csv_nul_bytes.csv": "NUL", "csv_numbers.csv": "2 fields, the header has 1", "csv_times.csv": "", "csv_unclosed_quote.csv": "not closed", "csv_utf16le_bom.csv": "UTF-16", "csv_zero_rows.csv": "",
	} {
		o := csv.New()
		o.Path = filepath.Join(dir, name)
		schema, err := drain(o)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if strings.Contains(name, "nfc_nfd") && len(slices.Compact(strings.Split(schema, ", "))) < 2 {
			t.Errorf("%s: columns merged: %s", name, schema)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString("date,delay,distance,origin,destination,score\n")
	r := rand.New(rand.NewPCG(3, 4))
	for range 300_000 {
		fmt.Fprintf(&text, "2001-%02d-%02dT%02d:%02d:00,%d,%d,%s,%s,%.3f\n", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(300)-50, r.IntN(3000),
			[]string{"SFO", "LAX", "JFK"}[r.IntN(3)], []string{"ORD", "ATL"}[r.IntN(2)], r.Float64()*100)
	}
	o := file(b, "f.csv", text.String())
	b.SetBytes(int64(text.Len()))
	d, err := o.Open(context.Background(), files.Local(), nil)
	if err != nil {
		b.Fatal(err)
	}
	c := &batch.Ctx{}
	for b.Loop() {
		err := d.Read(context.Background(), c, 0, []int{0, 1, 2, 3, 4, 5}, 16384, func(batch.Batch) error { c.Reset(); return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}
