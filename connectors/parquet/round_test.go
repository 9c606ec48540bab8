package parquet_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// everyType is a schema with each type twice, with nulls and without.
func everyType() operators.Schema {
	var s operators.Schema
	for _, t := range []string{"bool", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp[ms]", "timestamp[us]",
		"timestamp[ns]", "timestamp[us, UTC]", "decimal(18, 4)", "decimal(5, 2)"} {
		typ, err := batch.ParseType(t)
		if err != nil {
			panic(err)
		}
		// z before a: the order is kept
		s.Fields = append(s.Fields, operators.Field{Name: "z " + t, Type: typ}, operators.Field{Name: "a " + t, Type: typ, Nullable: true})
	}
	return s
}

// random makes a column of n rows. few draws strings from few values, so that dictionaries stay dictionaries.
func random(r *rand.Rand, f operators.Field, n int, few, coded bool) batch.Column {
	c := (*batch.Ctx)(nil).New(f.Type, n)
	switch f.Type.Kind {
	case batch.Bool:
		b := make([]bool, n)
		for i := range b {
			b[i] = r.IntN(2) == 1
		}
		c = batch.OfBools(b)
	case batch.Int32, batch.Date:
		for i := range c.Int32s() {
			c.Int32s()[i] = int32(r.Uint32())
		}
	case batch.Int64, batch.Timestamp:
		for i := range c.Int64s() {
			c.Int64s()[i] = int64(r.Uint64())
		}
	case batch.Decimal:
		for i := range c.Int64s() {
			c.Int64s()[i] = r.Int64N(99999) - 50000
		}
	case batch.Float32:
		for i := range c.Float32s() {
			c.Float32s()[i] = []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), r.Float32()}[r.IntN(5)]
		}
	case batch.Float64:
		for i := range c.Float64s() {
			c.Float64s()[i] = []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(-1), r.NormFloat64()}[r.IntN(5)]
		}
	default:
		s := make([]string, n)
		for i := range s {
			if few {
				s[i] = []string{"", "a", "ä", "日本", "long enough to be long"}[r.IntN(5)]
			} else {
				s[i] = fmt.Sprintf("value %d é", r.Uint64())
			}
		}
		if coded {
			dict := batch.OfStrings([]string{"", "x", "y ü", "unused"})
			codes := make([]int32, n)
			for i := range codes {
				codes[i] = int32(r.IntN(3))
			}
			c = batch.OfCodes(codes, &dict)
		} else {
			c = batch.OfStrings(s)
		}
		c.Type = f.Type
	}
	c.Type = f.Type
	if f.Nullable {
		null := make([]bool, n)
		p := []int{1, 2, 10, 1000}[r.IntN(4)] // 1: all null
		for i := range null {
			null[i] = r.IntN(p) == 0
		}
		c = c.WithNulls(null)
		if c.Dict != nil {
			for i := range null {
				if null[i] {
					c.Codes()[i] = 1 << 30 // the contract allows anything there
				}
			}
		}
	}
	return c
}

// table is columns as canonical text, a line a row.
type table [][]byte

func (t table) add(cols []batch.Column, n int) {
	for i := range cols {
		for r := range n {
			t[i] = canon(t[i], &cols[i], r, false)
		}
	}
}

// writeFile writes rows in batches of the sizes given and returns what it wrote.
func writeFile(t testing.TB, path string, s operators.Schema, set func(*parquet.Options), seed uint64, few bool, sizes ...int) table {
	t.Helper()
	o := parquet.New()
	o.Path = path
	if set != nil {
		set(o)
	}
	w, err := o.Create(context.Background(), files.Local(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	r := rand.New(rand.NewPCG(seed, 1))
	want := make(table, len(s.Fields))
	for k, n := range sizes {
		b := batch.Batch{N: n}
		for _, f := range s.Fields {
			b.Cols = append(b.Cols, random(r, f, n, few, k%2 == 1 && few))
		}
		want.add(b.Cols, n)
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return want
}

func readAll(d connectors.Dataset, cols []int, rowsMax int) (table, error) {
	got := make(table, len(cols))
	c := &batch.Ctx{Poison: true}
	for u := range d.Units() {
		err := d.Read(context.Background(), c, u, cols, rowsMax, func(b batch.Batch) error {
			got.add(b.Cols, b.N)
			c.Reset()
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return got, nil
}

func every(d connectors.Dataset) []int {
	cols := make([]int, len(d.Schema().Fields))
	for i := range cols {
		cols[i] = i
	}
	return cols
}

func compare(t *testing.T, path string, s operators.Schema, want table, rowsMax int) {
	t.Helper()
	d, err := openPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Schema(); fmt.Sprint(got) != fmt.Sprint(s) {
		t.Fatalf("schema %v, want %v", got, s)
	}
	got, err := readAll(d, every(d), rowsMax)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if string(got[i]) != string(want[i]) {
			t.Errorf("batches of %d: column %q differs", rowsMax, s.Fields[i].Name)
		}
	}
}

// Round trips of all types, at lengths around a batch, a word, a page, a row group.
func TestRoundTrip(t *testing.T) {
	s := everyType()
	for i, c := range []struct {
		sizes []int
		rows  int
		codec string
	}{
		{nil, 100, "zstd"}, {[]int{0}, 100, "none"}, {[]int{1}, 100, "zstd"}, {[]int{63, 1, 1, 63}, 100, "none"}, {[]int{64, 65}, 64, "snappy"},
		{[]int{99}, 100, "zstd"}, {[]int{100}, 100, "zstd"}, {[]int{101}, 100, "none"},
		{[]int{4095, 1, 4097}, 122880, "snappy"}, {[]int{3000, 0, 5001, 7}, 4000, "zstd"},
	} {
		for _, few := range []bool{true, false} {
			path := filepath.Join(t.TempDir(), "f.parquet")
			want := writeFile(t, path, s, func(o *parquet.Options) { o.Compression, o.RowGroupRows = c.codec, c.rows }, uint64(i), few, c.sizes...)
			for _, rowsMax := range []int{1, 63, 64, 1000, 1 << 20} {
				if rowsMax < 64 && len(c.sizes) > 0 && slices.Max(c.sizes) > 101 {
					continue
				}
				compare(t, path, s, want, rowsMax)
			}
		}
	}
}
