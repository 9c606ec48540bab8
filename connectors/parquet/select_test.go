package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	pq "github.com/parquet-go/parquet-go"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files/filestest"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/testing/duckdb"
	"github.com/headrace/headrace/testing/race"
)

// near is a row whose values are like those of the rows around it, so that pages and row groups differ.
type near struct {
	I    int64    `parquet:"i"`
	I0   *int64   `parquet:"i0,optional"`
	K    int32    `parquet:"k,dict"`
	F    float64  `parquet:"f"`
	F0   *float32 `parquet:"f0,optional"`
	S    string   `parquet:"s,dict"`
	S0   *string  `parquet:"s0,optional,dict"`
	P    string   `parquet:"p"`
	P0   *string  `parquet:"p0,optional"`
	Flag bool     `parquet:"flag"`
}

// nearRows draws rows. All values are even or end in a, so that odd ones are between them and not there.
func nearRows(r *rand.Rand, n int) []near {
	rows := make([]near, n)
	for i := range rows {
		v := 2 * (i/50 + r.IntN(4))
		f := float32(v)
		s := fmt.Sprintf("%04d a", v)
		rows[i] = near{I: int64(v), K: int32(v / 7 * 2), F: float64(v), S: s, P: s, Flag: v%3 == 0}
		if r.IntN(20) == 0 {
			rows[i].F = []float64{math.NaN(), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(3)]
		}
		if i/200%3 > 0 && r.IntN(5) > 0 { // stretches of nulls
			rows[i].I0, rows[i].F0, rows[i].S0, rows[i].P0 = &rows[i].I, &f, &rows[i].S, &rows[i].P
		}
	}
	return rows
}

// writeNear writes rows with parquet-go: with its page index, and bloom filters of some columns.
func writeNear(t testing.TB, path string, rows []near, opts ...pq.WriterOption) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pq.NewGenericWriter[near](f, opts...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func blooms() pq.WriterOption {
	return pq.BloomFilters(pq.SplitBlockFilter(10, "i"), pq.SplitBlockFilter(10, "i0"), pq.SplitBlockFilter(10, "k"), pq.SplitBlockFilter(10, "f"),
		pq.SplitBlockFilter(10, "f0"), pq.SplitBlockFilter(10, "p"), pq.SplitBlockFilter(10, "s0"))
}

// rewrite writes a file's rows with our own writer.
func rewrite(t testing.TB, from, to string, set func(*parquet.Options)) {
	t.Helper()
	d, err := openPath(from)
	if err != nil {
		t.Fatal(err)
	}
	var all []batch.Batch
	for u := range d.Units() {
		err := d.Read(context.Background(), nil, u, every(d), 1<<20, func(b batch.Batch) error { all = append(all, b); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	o := parquet.New()
	o.Path = to
	set(o)
	writeOptions(t, o, d.Schema(), all)
}

// condition is a filter as the engine would have it.
type condition struct {
	typed *expr.Typed
	early []int
}

func conditionOf(t testing.TB, s operators.Schema, where string) *condition {
	t.Helper()
	typed, l := expr.Check(where, s, diag.At{})
	if l.Failed() {
		t.Fatal(where, l.Err())
	}
	k := &condition{typed: typed}
	for _, c := range typed.Columns {
		k.early = append(k.early, s.Index(c))
	}
	return k
}

func (k *condition) wanted(c *batch.Ctx, b batch.Batch) ([]uint64, error) {
	g := k.typed.Program("keep", batch.T(batch.Bool))
	in := make([]batch.Column, len(g.In))
	for i, p := range g.In {
		in[i] = b.Cols[slices.Index(k.typed.Columns, p.Name)]
	}
	out, err := g.Batch(c, b.N, in)
	if err != nil {
		return nil, err
	}
	keep := c.Bitmap(b.N)
	for i := range b.N {
		if !out[0].Null(i) && out[0].Bit(i) {
			keep[i>>6] |= 1 << (i & 63)
		}
	}
	return keep, nil
}

// selected reads the rows that a condition keeps, as text with their identities, and says how many rows were given for it.
func (k *condition) selected(d connectors.Dataset, s connectors.Selection) (text string, given int, err error) {
	var out strings.Builder
	c := &batch.Ctx{Poison: true}
	for u := range d.Units() {
		err := d.(connectors.Selector).Select(context.Background(), c, u, s, func(b batch.Batch) error {
			defer c.Reset()
			given += b.N
			early := b
			early.Cols = nil
			for _, j := range k.early {
				early.Cols = append(early.Cols, b.Cols[slices.Index(s.Cols, j)])
			}
			keep, err := k.wanted(nil, early)
			if err != nil {
				return err
			}
			for i := range b.N {
				if keep[i>>6]>>(i&63)&1 == 0 {
					continue
				}
				line := fmt.Appendf(nil, "%d:", b.ID.At(i).Ordinal)
				for j := range b.Cols {
					line = canon(line, &b.Cols[j], i, false)
				}
				out.Write(append(line, '\n'))
			}
			return nil
		})
		if err != nil {
			return out.String(), given, err
		}
	}
	return out.String(), given, nil
}

// drawn is a random condition on columns of near.
func drawn(r *rand.Rand, depth, most int) string {
	if depth > 0 && r.IntN(2) == 0 {
		a, b := drawn(r, depth-1, most), drawn(r, depth-1, most)
		return []string{"(" + a + ") and (" + b + ")", "(" + a + ") or (" + b + ")", "not (" + a + ")"}[r.IntN(3)]
	}
	col := []string{"i", "i0", "k", "f", "f0", "s", "s0", "p", "p0"}[r.IntN(9)]
	value := func() string {
		v := r.IntN(most)
		if col[0] == 's' || col[0] == 'p' {
			return fmt.Sprintf("%q", fmt.Sprintf("%04d a", v))
		}
		return fmt.Sprint(v)
	}
	switch {
	case col[len(col)-1] == '0' && r.IntN(4) == 0:
		return col + []string{" == nil", " != nil"}[r.IntN(2)]
	case r.IntN(3) == 0:
		return fmt.Sprintf("%s in [%s, %s, %s]", col, value(), value(), value())
	}
	return fmt.Sprintf("%s %s %s", col, []string{"<", ">=", "==", "==", "!="}[r.IntN(5)], value())
}

// TestSelect: whoever wrote the file and whatever it says of its values, a selection gives the rows that the condition keeps.
func TestSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 16))
	dir := t.TempDir()
	type file struct {
		path string
		most int // greatest value
	}
	var all []file
	add := func(n int, opts ...pq.WriterOption) string {
		path := filepath.Join(dir, fmt.Sprint(len(all), ".parquet"))
		writeNear(t, path, nearRows(r, n), opts...)
		all = append(all, file{path, n/25 + 10})
		return path
	}
	add(3000, pq.PageBufferSize(300), pq.Compression(&pq.Snappy), pq.MaxRowsPerRowGroup(800))
	add(3000, pq.PageBufferSize(300), pq.DataPageVersion(2), blooms())
	add(2000, pq.PageBufferSize(1<<20), pq.MaxRowsPerRowGroup(300), pq.Compression(&pq.Zstd), blooms())
	long := add(50_000, pq.PageBufferSize(20_000), pq.DictionaryMaxBytes(500))
	for i, codec := range []string{"zstd", "none"} {
		own := filepath.Join(dir, codec+".parquet")
		rewrite(t, long, own, func(o *parquet.Options) { o.Compression, o.RowGroupRows = codec, []int{41_000, 7000}[i] })
		all = append(all, file{own, 2010})
	}
	rows, given := 0, 0
	for _, f := range all {
		d, err := openPath(f.path)
		if err != nil {
			t.Fatal(err)
		}
		conditions := 50
		if f.most > 1000 {
			conditions = race.Few(6)
		}
		for range conditions {
			where := drawn(r, 2, f.most)
			k := conditionOf(t, d.Schema(), where)
			cols := every(d)
			r.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] })
			s := connectors.Selection{Cols: cols, RowsMax: 1 << r.IntN(14)}
			if f.most > 1000 {
				s.RowsMax = max(s.RowsMax, 500)
			}
			want, n, err := k.selected(d, s)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			for mode := range 3 {
				s := s
				s.RowsMax = max(1, s.RowsMax>>r.IntN(3))
				if mode != 1 {
					s.Never = k.never(d.Schema())
				}
				if mode != 0 {
					s.Early, s.Wanted = k.early, k.wanted
				}
				got, m, err := k.selected(d, s)
				if err != nil || got != want {
					t.Fatalf("%s, %s, batches of %d, mode %d: %v, %d rows of %d given, text differs: %v", filepath.Base(f.path), where, s.RowsMax, mode, err, m, n, got != want)
				}
				rows, given = rows+n, given+m
			}
		}
	}
	if given > rows/2 {
		t.Errorf("%d of %d rows are given: the test shows little", given, rows)
	}
}

func (k *condition) never(s operators.Schema) func(func(int) (batch.Bounds, bool)) bool {
	return func(bounds func(int) (batch.Bounds, bool)) bool {
		return k.typed.Never(func(c string) (batch.Bounds, bool) { return bounds(s.Index(c)) })
	}
}

// TestSelectLeavesOut: what the file says of values is used: pages by their bounds, a value that is in no dictionary, or in no bloom filter.
func TestSelectLeavesOut(t *testing.T) {
	dir := t.TempDir()
	rows := nearRows(rand.New(rand.NewPCG(2, 2)), 3000)
	write := func(name string, opts ...pq.WriterOption) string {
		path := filepath.Join(dir, name+".parquet")
		writeNear(t, path, rows, opts...)
		return path
	}
	pages := write("pages", pq.PageBufferSize(400))
	filters := write("filters", blooms())
	plain := write("plain")
	own := filepath.Join(dir, "own.parquet")
	rewrite(t, plain, own, func(*parquet.Options) {})
	for _, c := range []struct {
		path, where string
		most        int
	}{
		{pages, "i == 40", 300}, {pages, "p == \"0040 a\"", 500}, {pages, "f0 > 110", 1000}, {pages, "i0 == 40 and s != \"x\"", 500},
		{filters, "i == 41", 0}, {filters, "i0 in [41, 43]", 0}, {filters, "f == 41", 0}, {filters, "f0 == 41", 0}, {filters, "p == \"0041 a\"", 0}, {filters, "i == 40", 3000},
		{plain, "s == \"0041 a\"", 0}, {plain, "k == 3", 0}, {plain, "k in [3, 5]", 0}, {plain, "s0 == \"0041 a\" or k == 3", 0}, {plain, "i == 41", 3000},
		{own, "i == 41", 0}, {own, "f == 41", 0}, {own, "s0 == \"0041 a\"", 0}, {own, "i == 40", 3000},
	} {
		d, err := openPath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		k := conditionOf(t, d.Schema(), c.where)
		_, given, err := k.selected(d, connectors.Selection{Cols: every(d), RowsMax: 500, Never: k.never(d.Schema())})
		if err != nil || given > c.most || c.most > 0 && given == 0 {
			t.Errorf("%s, %s: %d rows given, at most %d were to be; %v", filepath.Base(c.path), c.where, given, c.most, err)
		}
	}
}

// TestSelectBad: of what is wrong in rows that are not wanted nothing is told, of what is wrong in others the first, and the rows before it are
// given, whatever the batches and however much is read along.
func TestSelectBad(t *testing.T) {
	rows := nearRows(rand.New(rand.NewPCG(3, 3)), 3000)
	rows[700].P, rows[2100].P, rows[2101].P0 = "\xff", "ok \xfe", nil
	path := filepath.Join(t.TempDir(), "bad.parquet")
	writeNear(t, path, rows, pq.PageBufferSize(2000), pq.MaxRowsPerRowGroup(1000))
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		where string
		bad   int64 // the row, -1: none
	}{{"i < 4", -1}, {fmt.Sprint("i >= ", rows[2100].I-20, " and i < ", rows[2100].I-10), -1}, {"i >= 0", 700}, {fmt.Sprint("i == ", rows[2100].I), 2100},
		{fmt.Sprint("i > ", rows[2100].I), -1}, {fmt.Sprint("i in [2, ", rows[700].I, "]"), 700}, {fmt.Sprint("i >= ", rows[2100].I-30, " or i < 2"), 2100}} {
		k := conditionOf(t, d.Schema(), c.where)
		before := ""
		for i, rowsMax := range []int{1, 7, 64, 500, 4000} {
			for mode := range 2 {
				s := connectors.Selection{Cols: every(d), RowsMax: rowsMax, Early: k.early, Wanted: k.wanted}
				if mode == 1 {
					s.Never = k.never(d.Schema())
				}
				got, _, err := k.selected(d, s)
				var data *connectors.DataError
				switch {
				case c.bad < 0 && err != nil:
					t.Errorf("%s, batches of %d: %v", c.where, rowsMax, err)
				case c.bad >= 0 && (!errors.As(err, &data) || data.Row != c.bad || !strings.Contains(err.Error(), `column "p": not UTF-8`)):
					t.Errorf("%s, batches of %d: %v, not row %d", c.where, rowsMax, err, c.bad)
				}
				if i+mode > 0 && got != before {
					t.Errorf("%s, batches of %d, mode %d: other rows are given", c.where, rowsMax, mode)
				}
				before = got
			}
		}
	}
	// Without a selection the rows before the first bad one come first too.
	for _, rowsMax := range []int{1, 64, 500, 4000} {
		n := 0
		err := d.Read(context.Background(), nil, 0, every(d), rowsMax, func(b batch.Batch) error { n += b.N; return nil })
		if n != 700 || err == nil {
			t.Errorf("batches of %d: %d rows before %v", rowsMax, n, err)
		}
	}
}

// TestSelectSkipsPages: pages in which no row is wanted are not expanded, nor is it found out that they are damaged.
func TestSelectSkipsPages(t *testing.T) {
	dir := t.TempDir()
	first, path := filepath.Join(dir, "first.parquet"), filepath.Join(dir, "own.parquet")
	writeNear(t, first, nearRows(rand.New(rand.NewPCG(4, 4)), 90_000))
	rewrite(t, first, path, func(o *parquet.Options) { o.RowGroupRows, o.Compression = 100_000, "zstd" })
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(strings.NewReader(string(whole)), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	index, err := f.RowGroups()[0].ColumnChunks()[0].OffsetIndex()
	if err != nil || index.NumPages() != 5 {
		t.Fatal(index, err)
	}
	// The columns are in the order of their names in near; i, the first, is left whole.
	index, err = f.RowGroups()[0].ColumnChunks()[3].OffsetIndex()
	if err != nil {
		t.Fatal(err)
	}
	page := int(index.Offset(2)) + int(index.CompressedPageSize(2)) - 3
	whole[page] ^= 0x55
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	lo, hi := index.FirstRowIndex(2), index.FirstRowIndex(3)
	for _, rowsMax := range []int{100, 4096, 16384, 1 << 20} {
		for where, bad := range map[string]bool{
			fmt.Sprint("i < ", lo/25-2, " and i % 50 == 0"): false, fmt.Sprint("i > ", hi/25+10, " and i % 50 == 0"): false,
			fmt.Sprint("i == ", 2*(lo+hi)/100): true,
		} {
			k := conditionOf(t, d.Schema(), where)
			got, _, err := k.selected(d, connectors.Selection{Cols: every(d), RowsMax: rowsMax, Early: k.early, Wanted: k.wanted})
			if bad != (err != nil) || !bad && got == "" {
				t.Errorf("%s, batches of %d: %v", where, rowsMax, err)
			}
		}
	}
}

// TestSelectByDuckDB: the bloom filters and statistics that DuckDB writes.
func TestSelectByDuckDB(t *testing.T) {
	path := filepath.Join(t.TempDir(), "duck.parquet")
	duckdb.Query(t, fmt.Sprintf(`copy (select (range // 40) * 2 as i, ((range // 40) * 2)::varchar || ' a' as s, range * 2.0::double as f,
		case when range %% 3 = 0 then (range // 40) * 2 end as i0 from range(20000)) to '%s' (format parquet, row_group_size 4096, compression zstd)`, path))
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	for where, most := range map[string]int{"i == 101": 0, "i == 102": 4096, "s == \"101 a\"": 0, "s == \"102 a\"": 4096, "i0 in [101, 103]": 0, "i in [100, 900]": 2 * 4096, "f < 10": 4096} {
		k := conditionOf(t, d.Schema(), where)
		want, _, err := k.selected(d, connectors.Selection{Cols: every(d), RowsMax: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, late := range []bool{false, true} {
			s := connectors.Selection{Cols: every(d), RowsMax: 1000, Never: k.never(d.Schema())}
			if late {
				s.Early, s.Wanted = k.early, k.wanted
			}
			got, given, err := k.selected(d, s)
			if err != nil || got != want || given > most || late && given > strings.Count(want, "\n") {
				t.Errorf("%s: %v, %d rows given", where, err, given)
			}
		}
	}
}

// TestSelectMutants: damaged indexes and bloom filters give an error or rows, of a file with checksums and a whole footer the right ones unless it
// is the index that is damaged, and never a panic.
func TestSelectMutants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.parquet")
	bad := filepath.Join(t.TempDir(), "bad.parquet")
	r := rand.New(rand.NewPCG(5, 5))
	for file := range 2 {
		opts := []pq.WriterOption{pq.PageBufferSize(300), blooms()}
		if file == 1 {
			opts = append(opts, pq.MaxRowsPerRowGroup(500), pq.Compression(&pq.Snappy))
		}
		writeNear(t, path, nearRows(r, 1500), opts...)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range 150 {
			r := rand.New(rand.NewPCG(uint64(seed), 8))
			if err := os.WriteFile(bad, flip(r, slices.Clone(whole)), 0o666); err != nil {
				t.Fatal(err)
			}
			d, err := openPath(bad)
			if err != nil || fmt.Sprint(d.Schema().Names()) != "[i i0 k f f0 s s0 p p0 flag]" {
				continue
			}
			where := drawn(r, 1, 70)
			if _, l := expr.Check(where, d.Schema(), diag.At{}); l.Failed() {
				continue // a type is damaged
			}
			k := conditionOf(t, d.Schema(), where)
			s := connectors.Selection{Cols: every(d), RowsMax: 200, Never: k.never(d.Schema()), Early: k.early, Wanted: k.wanted}
			if _, _, err := k.selected(d, s); err != nil && (!strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), "a decoder failed")) {
				t.Errorf("mutant %d, %s: %v", seed, where, err)
			}
		}
	}
}

// TestSelectFaults: a disk that fails wherever a selection reads, its indexes and filters included, is an error of the disk and not of the data.
func TestSelectFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.parquet")
	writeNear(t, path, nearRows(rand.New(rand.NewPCG(6, 6)), 1500), pq.PageBufferSize(800), pq.MaxRowsPerRowGroup(1000), blooms())
	for at, fired := 1, 1; fired > 0; at++ {
		fs := &filestest.Faulty{FS: localFS, Err: syscall.EIO, At: at, Only: func(op string) bool { return op == "read" }}
		o := parquet.New()
		o.Path = path
		d, err := o.Open(context.Background(), fs, nil)
		if err == nil {
			k := conditionOf(t, d.Schema(), "i == 40 and s != \"x\" or p in [\"0050 a\", \"0051 a\"]")
			_, _, err = k.selected(d, connectors.Selection{Cols: every(d), RowsMax: 300, Never: k.never(d.Schema()), Early: k.early, Wanted: k.wanted})
		}
		fired = fs.Fired()
		var data *connectors.DataError
		if (fired > 0) != errors.Is(err, syscall.EIO) || errors.As(err, &data) {
			t.Errorf("read %d: %v", at, err)
		}
		if fired == 0 && at < 20 {
			t.Errorf("%d reads: the test shows little", at)
		}
	}
}
