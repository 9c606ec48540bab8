package parquet_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/files/filestest"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/race"
)

// theirs reads a file with parquet-go, and holds its page indexes to the values.
func theirs(t testing.TB, path string, s operators.Schema) table {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pq.OpenFile(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	out := make(table, len(s.Fields))
	for _, g := range p.RowGroups() {
		rows := g.NumRows()
		for i, c := range g.ColumnChunks() {
			values := chunkValues(t, c)
			if int64(len(values)) != rows || c.NumValues() != rows {
				t.Fatalf("column %d: %d values of %d rows", i, len(values), rows)
			}
			checkIndex(t, c, values, s.Fields[i], s.Fields[0].Type.Float())
			col := columnFrom(s.Fields[i], values)
			for r := range col.N {
				out[i] = canon(out[i], &col, r, false)
			}
		}
	}
	return out
}

func chunkValues(t testing.TB, c pq.ColumnChunk) (values []pq.Value) {
	t.Helper()
	pages := c.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return values
		}
		if err != nil {
			t.Fatal(err)
		}
		v := make([]pq.Value, page.NumValues())
		n, err := page.Values().ReadValues(v)
		if err != nil && err != io.EOF || n != len(v) {
			t.Fatalf("%d of %d values: %v", n, len(v), err)
		}
		for _, x := range v {
			values = append(values, x.Clone())
		}
		pq.Release(page)
	}
}

// checkIndex holds the bounds and the null counts of pages to the values in them. Floats may have no bounds; where those are the file's
// first column, parquet-go takes no column to have any.
func checkIndex(t testing.TB, c pq.ColumnChunk, values []pq.Value, f operators.Field, none bool) {
	t.Helper()
	at, err := c.OffsetIndex()
	if err != nil || at == nil {
		t.Fatalf("column %q: no offset index: %v", f.Name, err)
	}
	index, err := c.ColumnIndex()
	if err != nil || index == nil || index.NumPages() == 0 && at.NumPages() > 0 {
		if !f.Type.Float() && !none {
			t.Errorf("column %q: no column index: %v", f.Name, err)
		}
		return
	}
	for p := range at.NumPages() {
		lo, hi := at.FirstRowIndex(p), int64(len(values))
		if p+1 < at.NumPages() {
			hi = at.FirstRowIndex(p + 1)
		}
		nulls := int64(0)
		for _, v := range values[lo:hi] {
			if v.IsNull() {
				nulls++
				continue
			}
			if f.Type.Float() && v.Double() != v.Double() && v.Float() != v.Float() {
				continue
			}
			typ := c.Type()
			if typ.Compare(index.MinValue(p), v) > 0 || typ.Compare(index.MaxValue(p), v) < 0 {
				t.Fatalf("column %q, page %d: %v is not between %v and %v", f.Name, p, v, index.MinValue(p), index.MaxValue(p))
			}
		}
		if index.NullCount(p) != nulls || index.NullPage(p) != (nulls == hi-lo) {
			t.Errorf("column %q, page %d: %d nulls, %d stated", f.Name, p, nulls, index.NullCount(p))
		}
	}
}

// columnFrom makes a column of parquet-go's values.
func columnFrom(f operators.Field, v []pq.Value) batch.Column {
	null := make([]bool, len(v))
	for i := range v {
		null[i] = v[i].IsNull()
	}
	var c batch.Column
	switch t := f.Type; {
	case t.Kind == batch.Bool:
		c = batch.OfBools(each(v, pq.Value.Boolean))
	case t.Kind == batch.Int32 || t.Kind == batch.Date:
		c = batch.OfInt32s(each(v, pq.Value.Int32))
	case t.Kind == batch.Decimal && t.Precision < 10:
		c = batch.OfInt64s(each(v, func(x pq.Value) int64 { return int64(x.Int32()) }))
	case t.Kind == batch.Float32:
		c = batch.OfFloat32s(each(v, pq.Value.Float))
	case t.Kind == batch.Float64:
		c = batch.OfFloat64s(each(v, pq.Value.Double))
	case t.Text():
		c = batch.OfStrings(each(v, func(x pq.Value) string { return string(x.ByteArray()) }))
	default:
		c = batch.OfInt64s(each(v, pq.Value.Int64))
	}
	c.Type = f.Type
	return c.WithNulls(null)
}

func each[T any](v []pq.Value, of func(pq.Value) T) []T {
	out := make([]T, len(v))
	for i := range v {
		if !v[i].IsNull() {
			out[i] = of(v[i])
		}
	}
	return out
}

// Another reader finds the same rows, of every type, with nulls and without, in every codec, at lengths around a row group and a page.
func TestWriteForOthers(t *testing.T) {
	s := everyType()
	for i, c := range []struct{ group, rows int }{
		{64, 0}, {64, 1}, {64, 63}, {64, 64}, {64, 65}, {100, 99}, {100, 100}, {100, 101}, {100, 350}, {1, 5}, {122880, 20479}, {122880, 20480}, {122880, 20481},
	} {
		for _, codec := range []string{"none", "snappy", "zstd"} {
			if c.rows > 1000 && (codec == "zstd" || race.On) {
				continue
			}
			for _, few := range []bool{true, false} {
				path := filepath.Join(t.TempDir(), "f.parquet")
				var sizes []int
				for left := c.rows; left > 0; left -= min(left, 5000) {
					sizes = append(sizes, min(left, 5000))
				}
				want := writeFile(t, path, s, func(o *parquet.Options) { o.Compression, o.RowGroupRows = codec, c.group }, uint64(i), few, sizes...)
				got := theirs(t, path, s)
				for k := range want {
					if !bytes.Equal(got[k], want[k]) {
						t.Errorf("%+v, %s, few %v: column %q differs", c, codec, few, s.Fields[k].Name)
					}
				}
				compare(t, path, s, want, 1000)
			}
		}
	}
}

// recoded is the same rows in another form: text coded or not, what stands under nulls another, a bitmap where nothing is null.
func recoded(r *rand.Rand, b batch.Batch) batch.Batch {
	cols := slices.Clone(b.Cols)
	for i, c := range cols {
		valid := c.Valid
		if c.Type.Text() {
			c = transcoded(r, c)
		} else if w := c.Type.Width(); w > 0 {
			c = c.Clone()
			for j := range c.N {
				if c.Null(j) {
					for k := range w {
						c.Values[j*w+k] = byte(r.Uint32())
					}
				}
			}
		}
		c.Valid = valid
		if valid == nil {
			c = c.WithNulls(make([]bool, c.N))
		}
		cols[i] = c
	}
	b.Cols = cols
	return b
}

// transcoded codes text that is plain, with a dictionary in some other order, and expands text that is coded.
func transcoded(r *rand.Rand, c batch.Column) batch.Column {
	text := make([]string, c.N)
	for i := range text {
		if c.Null(i) {
			text[i] = "under a null"
		} else {
			text[i] = string(c.Text(i))
		}
	}
	if c.Dict != nil {
		out := batch.OfStrings(text)
		out.Type = c.Type
		return out
	}
	words := slices.Clone(text)
	slices.Sort(words)
	words = append(slices.Compact(words), "unused")
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	at := map[string]int32{}
	for i, w := range words {
		at[w] = int32(i)
	}
	codes := make([]int32, c.N)
	for i, s := range text {
		codes[i] = at[s]
	}
	dict := batch.OfStrings(words)
	dict.Type = c.Type
	out := batch.OfCodes(codes, &dict)
	out.Type = c.Type
	return out
}

// The file's bytes follow from the rows alone: not from the batches they came in, not from how their text was coded, not from the
// number of processors.
func TestWriteSameBytes(t *testing.T) {
	s := everyType()
	r := rand.New(rand.NewPCG(7, 7))
	// text: few words, too many for a dictionary from the first on, too many only later, and long
	for _, name := range []string{"few", "many", "more and more", "long"} {
		s.Fields = append(s.Fields, operators.Field{Name: name, Type: batch.T(batch.String)})
	}
	n := race.Few(50000)
	all := batch.Batch{N: n}
	for _, f := range s.Fields {
		text := make([]string, n)
		switch f.Name {
		case "few":
			for i := range text {
				text[i] = fmt.Sprint("word ", r.IntN(3000))
			}
		case "many":
			for i := range text {
				text[i] = fmt.Sprint("word ", r.Uint64())
			}
		case "more and more":
			for i := range text {
				text[i] = fmt.Sprint("word ", i*i>>12)
			}
		case "long":
			for i := range text {
				text[i] = strings.Repeat("x", i%200)
			}
		default:
			all.Cols = append(all.Cols, random(r, f, n, true, false))
			continue
		}
		all.Cols = append(all.Cols, batch.OfStrings(text))
	}
	want := ""
	for i, c := range []struct {
		procs, least, most int
		recode             bool
		whole              bool // coded before it is cut: dictionaries are much longer than batches
	}{{2, n, n, false, false}, {1, n, n, true, false}, {1, 1, 5000, false, false}, {5, 16384, 16384, false, false}, {3, 1, 9000, true, false},
		{2, 64, 64, true, false}, {2, 1, 300, false, true}, {1, 9000, 9000, false, true}} {
		var cut []batch.Batch
		all := all
		if c.whole {
			all = recoded(r, all)
		}
		for at := 0; at < n; {
			k := min(n-at, c.least+r.IntN(c.most-c.least+1))
			b := all.Slice(nil, at, at+k)
			if c.recode && (len(cut)%3 < 2 || i == 1) {
				b = recoded(r, b)
			}
			cut = append(cut, b)
			at += k
		}
		path := filepath.Join(t.TempDir(), "f.parquet")
		old := runtime.GOMAXPROCS(c.procs)
		o := parquet.New()
		o.Path, o.Compression, o.RowGroupRows = path, "snappy", race.Few(21000)
		writeOptions(t, o, s, cut)
		runtime.GOMAXPROCS(old)
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(got)
			compare(t, path, s, tableOf(s, all), 4096)
		}
		if string(got) != want {
			t.Errorf("%+v: other bytes", c)
		}
	}
}

func tableOf(s operators.Schema, b batch.Batch) table {
	out := make(table, len(s.Fields))
	out.add(b.Cols, b.N)
	return out
}

func writeOptions(t testing.TB, o *parquet.Options, s operators.Schema, all []batch.Batch) {
	t.Helper()
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, b := range all {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Text of a page ends with the value that passes a mebibyte: pages are cut between rows, nulls and all.
func TestWriteLongText(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	s := operators.Schema{Fields: []operators.Field{{Name: "s", Type: batch.T(batch.String), Nullable: true}, {Name: "b", Type: batch.T(batch.Bytes)}}}
	for _, n := range []int{1, 3, 64, 65, 700} {
		a, b, null := make([]string, n), make([]string, n), make([]bool, n)
		for i := range n {
			a[i], b[i], null[i] = strings.Repeat(fmt.Sprint(r.Uint64(), "é"), r.IntN(4000)), strings.Repeat("\xff\xfe", r.IntN(3)*300000/(1+n/10)), r.IntN(3) == 0
		}
		if n == 3 {
			a[1] = strings.Repeat("z", 5<<20)
		}
		of := batch.OfStrings(b)
		of.Type = batch.T(batch.Bytes)
		all := batch.Batch{N: n, Cols: []batch.Column{batch.OfStrings(a).WithNulls(null), of}}
		path := filepath.Join(t.TempDir(), "f.parquet")
		writeBatches(t, path, "snappy", s, []batch.Batch{all})
		want := tableOf(s, all)
		if got := theirs(t, path, s); !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
			t.Errorf("%d rows: parquet-go reads other rows", n)
		}
		compare(t, path, s, want, 100)
	}
}

// Wide columns become one column a member; a batch of another width is refused.
func TestWriteWide(t *testing.T) {
	s := operators.Schema{Fields: []operators.Field{{Name: "v", Type: batch.T(batch.Vector), Nullable: true}, {Name: "id", Type: batch.T(batch.Int64)}}}
	wide := func(n int, members ...string) batch.Batch {
		v := (*batch.Ctx)(nil).NewVector(n, members)
		null := make([]bool, n)
		for j := range members {
			for i := range n {
				v.Member(j)[i] = float64(i*10 + j)
				null[i] = i%5 == 3
			}
		}
		id := make([]int64, n)
		return batch.Batch{N: n, Cols: []batch.Column{v.WithNulls(null), batch.OfInt64s(id)}}
	}
	path := filepath.Join(t.TempDir(), "f.parquet")
	writeBatches(t, path, "none", s, []batch.Batch{wide(70, "a", "b", "c"), wide(10, "a", "b", "c")})
	f64 := batch.T(batch.Float64)
	flat := operators.Schema{Fields: []operators.Field{{Name: "a", Type: f64, Nullable: true}, {Name: "b", Type: f64, Nullable: true}, {Name: "c", Type: f64, Nullable: true}, s.Fields[1]}}
	want := make(table, 4)
	for _, n := range []int{70, 10} {
		for i := range n {
			for j := range 3 {
				if i%5 == 3 {
					want[j] = append(want[j], "N\n"...)
				} else {
					one := batch.OfFloat64s([]float64{float64(i*10 + j)})
					want[j] = canon(want[j], &one, 0, false)
				}
			}
			want[3] = append(want[3], "0\n"...)
		}
	}
	compare(t, path, flat, want, 33)
	o := parquet.New()
	o.Path = path
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if err := w.Write(wide(5, "a", "b")); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(wide(5, "a", "b", "c")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("another width: %v", err)
	}
}

// What the format cannot hold is an error; under a null it may stand.
func TestWriteTooLarge(t *testing.T) {
	for _, c := range []struct {
		typ string
		v   int64
		err string
	}{{"timestamp[s]", 1 << 60, "do not fit into milliseconds"}, {"timestamp[s]", -1 << 60, "do not fit"}, {"decimal(9, 2)", 1 << 31, "more than 9 digits"}} {
		typ, err := batch.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		for _, null := range []bool{false, true} {
			o := parquet.New()
			o.Path = filepath.Join(t.TempDir(), "f.parquet")
			w, err := o.Create(context.Background(), files.Local(), operators.Schema{Fields: []operators.Field{{Name: "x", Type: typ, Nullable: null}}})
			if err != nil {
				t.Fatal(err)
			}
			col := batch.OfInt64s([]int64{7, c.v})
			col.Type = typ
			if null {
				col = col.WithNulls([]bool{false, true})
			}
			err = w.Write(batch.Batch{N: 2, Cols: []batch.Column{col}})
			if null && err != nil || !null && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), `column "x"`)) {
				t.Errorf("%s, null %v: %v", c.typ, null, err)
			}
			if !null {
				if again := w.Commit(); again != err {
					t.Errorf("%s: commit after an error: %v", c.typ, again)
				}
			}
			w.Abort()
		}
	}
}

// Every operation of the file system fails once: Write or Commit says so with the file's name, what was there before is whole, nothing
// else is left, and no goroutine goes on.
func TestWriteFaults(t *testing.T) {
	s, all := wideRows(30000)
	before := runtime.NumGoroutine()
	for _, short := range []bool{false, true} {
		for at := 1; ; at++ {
			dir := t.TempDir()
			path := filepath.ToSlash(filepath.Join(dir, "f.parquet"))
			if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
				t.Fatal(err)
			}
			fault := &filestest.Faulty{FS: files.Local(), Err: syscall.ENOSPC, At: at, Short: short, Only: func(op string) bool { return op == "write" || op == "sync" || op == "create" || op == "rename" }}
			err := writeFaulty(fault, path, s, all)
			if fault.Fired() == 0 {
				if err != nil || at < 5 {
					t.Fatalf("operation %d, none failed: %v", at, err)
				}
				break
			}
			if err == nil || !strings.Contains(err.Error(), path) || strings.Count(err.Error(), path) > 1 {
				t.Errorf("operation %d failed: %v", at, err)
			}
			left, _ := os.ReadDir(dir)
			if b, _ := os.ReadFile(path); len(left) != 1 || string(b) != "old" {
				t.Errorf("operation %d failed: %v are there, %d bytes", at, left, len(b))
			}
		}
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 100 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func writeFaulty(fs files.FS, path string, s operators.Schema, all []batch.Batch) error {
	o := parquet.New()
	o.Path, o.Compression, o.RowGroupRows = path, "none", 2000
	w, err := o.Create(context.Background(), fs, s)
	if err != nil {
		return err
	}
	for _, b := range all {
		if err := w.Write(b); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Commit()
}

// Abort in the middle leaves nothing.
func TestWriteAbort(t *testing.T) {
	s, all := wideRows(30000)
	dir := t.TempDir()
	o := parquet.New()
	o.Path, o.RowGroupRows = filepath.Join(dir, "f.parquet"), 1000
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(all[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What is written, parquet-go and we read alike, whatever the types, the batches and the row groups are.
func FuzzWrite(f *testing.F) {
	for i := range uint64(8) {
		f.Add(i, uint16(i*37), uint16(i*11+1), uint8(i), uint8(i))
	}
	f.Add(uint64(457), uint16(168), uint16(0), uint8(0x87), uint8(0xb3)) // the first column has no bounds
	f.Fuzz(func(t *testing.T, seed uint64, rows, group uint16, codec, shape uint8) {
		r := rand.New(rand.NewPCG(seed, 9))
		every := everyType()
		var s operators.Schema
		for _, k := range r.Perm(len(every.Fields))[:1+r.IntN(4)] {
			s.Fields = append(s.Fields, every.Fields[k])
		}
		var sizes []int
		for left := int(rows); left > 0; {
			n := min(left, 1+r.IntN(1+int(shape)*30))
			sizes = append(sizes, n)
			left -= n
		}
		path := filepath.Join(t.TempDir(), "f.parquet")
		want := writeFile(t, path, s, func(o *parquet.Options) {
			o.Compression, o.RowGroupRows = []string{"none", "snappy", "zstd"}[codec%3], max(1, int(group), int(rows)/50)
		}, seed, shape%2 == 0, sizes...)
		got := theirs(t, path, s)
		for k := range want {
			if !bytes.Equal(got[k], want[k]) {
				t.Errorf("column %q differs", s.Fields[k].Name)
			}
		}
		compare(t, path, s, want, 100)
	})
}
