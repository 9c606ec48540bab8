package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// foreign is a row as other tools write it: small pages, a dictionary that overflows into plain pages, version 2.
type foreign struct {
	ID    int64    `parquet:"id,delta"`
	Opt   *float64 `parquet:"opt,optional"`
	Text  string   `parquet:"text,dict"`
	Maybe *string  `parquet:"maybe,optional,dict"`
	Small uint8    `parquet:"small"`
	Raw   []byte   `parquet:"raw,delta"`
	Split float32  `parquet:"split,split"`
	Flag  bool     `parquet:"flag"`
	Wide  uint64   `parquet:"wide"`
}

func foreignRow(i int) foreign {
	r := foreign{ID: int64(i*i) - 1000, Text: fmt.Sprint("t", i%7), Small: uint8(i), Raw: []byte(fmt.Sprint("prefix ", i)), Split: float32(i) / 3, Flag: i%3 == 0, Wide: uint64(i) << 40}
	if i > 4000 {
		r.Text = fmt.Sprint("a text of its own for every row ", i)
	}
	if i%5 != 0 {
		v := float64(i) / 7
		r.Opt = &v
	}
	if i%4 == 1 && (i < 2000 || i > 3000) { // a stretch of nulls longer than a page
		s := r.Text
		r.Maybe = &s
	}
	return r
}

func writeForeign(t testing.TB, path string, n int, opts ...pq.WriterOption) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pq.NewGenericWriter[foreign](f, opts...)
	rows := make([]foreign, n)
	for i := range rows {
		rows[i] = foreignRow(i)
	}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkForeign(b *batch.Batch, seen map[string]bool) error {
	for k := range b.N {
		i := int(b.ID.Base) + k
		want := foreignRow(i)
		c := b.Cols
		got := foreign{ID: c[0].Int64s()[k], Text: c[2].Str(k), Small: uint8(c[4].Int64s()[k]), Raw: c[5].Text(k), Split: c[6].Float32s()[k], Flag: c[7].Bit(k), Wide: uint64(c[8].Int64s()[k])}
		if !c[1].Null(k) {
			got.Opt = &c[1].Float64s()[k]
		}
		if !c[3].Null(k) {
			s := c[3].Str(k)
			got.Maybe = &s
		}
		same := got.ID == want.ID && got.Text == want.Text && got.Small == want.Small && string(got.Raw) == string(want.Raw) && got.Split == want.Split &&
			got.Flag == want.Flag && got.Wide == want.Wide && (got.Opt == nil) == (want.Opt == nil) && (got.Opt == nil || *got.Opt == *want.Opt) &&
			(got.Maybe == nil) == (want.Maybe == nil) && (got.Maybe == nil || *got.Maybe == *want.Maybe)
		if !same {
			return fmt.Errorf("row %d: %+v, want %+v", i, got, want)
		}
	}
	seen[fmt.Sprint("dict ", b.Cols[2].Dict != nil)] = true
	return nil
}

// Pages of every size against batches of every size, with a dictionary that gives way to plain pages.
func TestPages(t *testing.T) {
	const n = 6000
	for _, c := range []struct {
		page, version int
	}{{64, 1}, {1000, 2}, {4096, 1}, {1 << 20, 2}} {
		path := filepath.Join(t.TempDir(), "f.parquet")
		writeForeign(t, path, n, pq.PageBufferSize(c.page), pq.DataPageVersion(c.version), pq.DictionaryMaxBytes(2000), pq.Compression(&pq.Snappy))
		d, err := openPath(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, rowsMax := range []int{7, 63, 64, 65, 1000, 4096, 1 << 20} {
			rows, seen := 0, map[string]bool{}
			ctx := &batch.Ctx{Poison: true}
			err := d.Read(context.Background(), ctx, 0, every(d), rowsMax, func(b batch.Batch) error {
				rows += b.N
				defer ctx.Reset()
				return checkForeign(&b, seen)
			})
			if err != nil || rows != n {
				t.Fatalf("pages of %d, batches of %d: %v, %d rows", c.page, rowsMax, err, rows)
			}
			if c.page < 1<<20 && rowsMax < 1000 && (!seen["dict true"] || !seen["dict false"]) {
				t.Errorf("pages of %d, batches of %d: %v", c.page, rowsMax, seen)
			}
		}
	}
}

// A long row group is read in pieces, found by the offset index, by two goroutines at once.
func TestPieces(t *testing.T) {
	const n = 450_000
	path := filepath.Join(t.TempDir(), "f.parquet")
	writeForeign(t, path, n, pq.PageBufferSize(50_000), pq.DictionaryMaxBytes(2000), pq.Compression(&pq.Snappy))
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	units := d.Units()
	if len(units) != 3 {
		t.Fatalf("%d units", len(units))
	}
	at := uint64(0)
	for _, u := range units {
		if u.First != at || u.Rows <= 0 {
			t.Fatalf("%+v", units)
		}
		at += uint64(u.Rows)
	}
	if at != n {
		t.Fatalf("%d rows", at)
	}
	var wg sync.WaitGroup
	errs := make([]error, 2*len(units))
	for w := range errs {
		wg.Go(func() {
			ctx, u, rows := &batch.Ctx{Poison: true}, (w*2)%len(units), int64(0)
			errs[w] = d.Read(context.Background(), ctx, u, every(d), 10_000, func(b batch.Batch) error {
				if b.ID.Base != units[u].First+uint64(rows) {
					return fmt.Errorf("a batch at %d", b.ID.Base)
				}
				rows += int64(b.N)
				defer ctx.Reset()
				return checkForeign(&b, map[string]bool{})
			})
			if errs[w] == nil && rows != units[u].Rows {
				errs[w] = fmt.Errorf("%d rows of %d", rows, units[u].Rows)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.parquet")
	o := parquet.New()
	o.Path = path
	s := operators.Of(operators.Field{Name: "i", Type: batch.T(batch.Int64), Nullable: true}, operators.Field{Name: "f", Type: batch.T(batch.Float64)},
		operators.Field{Name: "s", Type: batch.T(batch.String)}, operators.Field{Name: "d", Type: batch.T(batch.Date)}, operators.Field{Name: "nan", Type: batch.T(batch.Float64)})
	w, err := o.Create(context.Background(), localFS, s)
	if err != nil {
		t.Fatal(err)
	}
	dates := batch.OfInt32s([]int32{-5, 5, 0})
	dates.Type = batch.T(batch.Date)
	nan := math.NaN()
	b := batch.Batch{N: 3, Cols: []batch.Column{batch.OfInt64s([]int64{3, -7, 99}).WithNulls([]bool{false, false, true}), batch.OfFloat64s([]float64{0, nan, 2}),
		batch.OfStrings([]string{"b", "a", "ü"}), dates, batch.OfFloat64s([]float64{nan, nan, nan})}}
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"{-7 3 1 3 <nil>}", "{-0 2 0 3 <nil>}", "{a ü 0 3 <nil>}", "{-5 5 0 3 <nil>}", "{<nil> <nil> 0 3 <nil>}"} {
		got, ok := d.Units()[0].Bounds(i)
		if fmt.Sprint(got) != want || !ok {
			t.Errorf("column %d: %v, want %s", i, got, want)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	i64 := operators.Field{Name: "a", Type: batch.T(batch.Int64)}
	str := operators.Field{Name: "b", Type: batch.T(batch.String), Nullable: true}
	one := writeFile(t, filepath.Join(dir, "1.parquet"), operators.Of(i64, str), nil, 1, true, 10)
	null := i64
	null.Nullable = true
	two := writeFile(t, filepath.Join(dir, "2.parquet"), operators.Of(str, null), nil, 2, true, 20)
	writeFile(t, filepath.Join(dir, "3.parquet"), operators.Of(str, null), nil, 2, true) // no rows
	for _, path := range []string{dir, dir + "/*.parquet"} {
		d, err := openPath(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(d.Schema().Fields); got != fmt.Sprint([]operators.Field{null, str}) {
			t.Errorf("%s", got)
		}
		if u := d.Units(); len(u) != 2 || u[1].First != 10 || len(d.Files()) != 3 {
			t.Errorf("%+v", u)
		}
		got, err := readAll(d, []int{1, 0}, 7)
		if err != nil || string(got[0]) != string(one[1])+string(two[0]) || string(got[1]) != string(one[0])+string(two[1]) {
			t.Errorf("%v", err)
		}
	}
	for what, s := range map[string]operators.Schema{
		`column "a" is float64, in`: operators.Of(operators.Field{Name: "a", Type: batch.T(batch.Float64)}, str),
		`no column "b", which`:      operators.Of(i64),
		`column "c", which`:         operators.Of(i64, str, operators.Field{Name: "c", Type: batch.T(batch.Bool)}),
	} {
		bad := filepath.Join(dir, "4.parquet")
		writeFile(t, bad, s, nil, 1, true, 1)
		_, err := openPath(dir)
		var data *connectors.DataError
		if err == nil || !strings.Contains(err.Error(), what) || !strings.HasPrefix(err.Error(), bad) || !errors.As(err, &data) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A batch that is not of the schema is refused, and nothing is left.
func TestWriteWrong(t *testing.T) {
	dir := t.TempDir()
	o := parquet.New()
	o.Path = filepath.Join(dir, "f.parquet")
	s := operators.Of(operators.Field{Name: "a", Type: batch.T(batch.Int64)})
	for _, c := range []batch.Column{batch.OfFloat64s([]float64{1}), batch.OfInt64s([]int64{1}).WithNulls([]bool{true}), batch.OfInt64s([]int64{1, 2})} {
		w, err := o.Create(context.Background(), localFS, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch.Batch{N: 1, Cols: []batch.Column{c}}); err == nil || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%v", err)
		}
		if err := w.Commit(); err == nil {
			t.Error("committed after an error")
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	}
	o.Compression = "lzma"
	if _, err := o.Create(context.Background(), localFS, s); err == nil {
		t.Error("lzma")
	}
	if _, err := parquet.New().Create(context.Background(), localFS, operators.Of(operators.Field{Name: "l", Type: batch.T(batch.List)})); err == nil || !strings.Contains(err.Error(), "list") {
		t.Errorf("%v", err)
	}
}

// TestBoundsHold: no value of a unit lies outside of what its file says of it, whoever wrote the file and whatever the values.
func TestBoundsHold(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own.parquet"), filepath.Join(dir, "other.parquet")
	s := everyType()
	writeFile(t, own, s, func(o *parquet.Options) { o.RowGroupRows = 50 }, 5, false, 333, 120)
	writeForeign(t, other, 6000, pq.MaxRowsPerRowGroup(700), pq.PageBufferSize(3000))
	said := 0
	for _, path := range []string{own, other} {
		d, err := openPath(path)
		if err != nil {
			t.Fatal(err)
		}
		for u, unit := range d.Units() {
			err := d.Read(context.Background(), nil, u, every(d), int(unit.Rows), func(b batch.Batch) error {
				for i := range b.Cols {
					if m, ok := unit.Bounds(i); ok {
						said += holds(t, fmt.Sprint(filepath.Base(path), ", unit ", u, ", column ", d.Schema().Fields[i].Name), m, &b.Cols[i])
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if said < 5000 {
		t.Errorf("of %d values something is said", said)
	}
}

// holds counts the values of a column that are held to bounds.
func holds(t *testing.T, what string, m batch.Bounds, c *batch.Column) (said int) {
	t.Helper()
	if m.Nulls >= 0 && int(m.Nulls) != c.Nulls() {
		t.Errorf("%s: %d nulls, %d are said", what, c.Nulls(), m.Nulls)
	}
	for i := range c.N {
		if c.Null(i) {
			continue
		}
		in := true
		switch lo := m.Min.(type) {
		case nil:
			continue
		case string:
			in = lo <= string(c.Text(i)) && string(c.Text(i)) <= m.Max.(string)
		case float64:
			v := 0.0
			if c.Type.Width() == 4 {
				v = float64(c.Float32s()[i])
			} else {
				v = c.Float64s()[i]
			}
			in = v != v || lo <= v && v <= m.Max.(float64)
		case int64:
			v := int64(0)
			if c.Type.Width() == 4 {
				v = int64(c.Int32s()[i])
			} else {
				v = c.Int64s()[i]
			}
			in = lo <= v && v <= m.Max.(int64)
		}
		if said++; !in {
			t.Fatalf("%s, row %d: outside of %v to %v", what, i, m.Min, m.Max)
		}
	}
	return said
}
