package parquet_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/duckdb"
)

// duckText is the expression that gives a column's values as text to compare, and duckCanon the same of ours.
func duckText(t batch.Type, name string) string {
	switch t.Kind {
	case batch.Date:
		return fmt.Sprintf("(%s - date '1970-01-01')::varchar", name)
	case batch.Timestamp:
		return fmt.Sprintf("epoch_ns(%s)::varchar", name)
	case batch.Bytes:
		return fmt.Sprintf("hex(%s)", name)
	}
	return name + "::varchar"
}

func duckCanon(c *batch.Column, i int) string {
	switch t := c.Type; t.Kind {
	case batch.Bool:
		return strconv.FormatBool(c.Bit(i))
	case batch.Int32, batch.Date:
		return strconv.Itoa(int(c.Int32s()[i]))
	case batch.Int64:
		return strconv.FormatInt(c.Int64s()[i], 10)
	case batch.Timestamp:
		by := [...]int64{1e9, 1e6, 1e3, 1}[t.Unit]
		return strconv.FormatInt(c.Int64s()[i]*by, 10)
	case batch.Decimal:
		return strconv.FormatInt(c.Int64s()[i], 10)
	case batch.Float32:
		return strconv.FormatUint(uint64(math.Float32bits(c.Float32s()[i])), 16)
	case batch.Float64:
		return strconv.FormatUint(math.Float64bits(c.Float64s()[i]), 16)
	case batch.Bytes:
		return fmt.Sprintf("%X", c.Text(i))
	}
	return string(c.Text(i))
}

// same compares DuckDB's text with ours; floats as bits, decimals without their point.
func same(t batch.Type, theirs, ours string) bool {
	switch t.Kind {
	case batch.Float32, batch.Float64:
		size := t.Width() * 8
		x, err := strconv.ParseFloat(theirs, size)
		if err != nil {
			return false
		}
		if math.IsNaN(x) {
			b, err := strconv.ParseUint(ours, 16, 64)
			return err == nil && (size == 64 && math.IsNaN(math.Float64frombits(b)) || size == 32 && math.IsNaN(float64(math.Float32frombits(uint32(b)))))
		}
		if size == 32 {
			return ours == strconv.FormatUint(uint64(math.Float32bits(float32(x))), 16)
		}
		return ours == strconv.FormatUint(math.Float64bits(x), 16)
	case batch.Decimal:
		neg := strings.HasPrefix(theirs, "-")
		digits := strings.TrimLeft(strings.Replace(strings.TrimPrefix(theirs, "-"), ".", "", 1), "0")
		if digits == "" {
			return ours == "0"
		}
		return ours == digits && !neg || ours == "-"+digits && neg
	}
	return theirs == ours
}

// DuckDB reads what we write, of every type and codec, and leaves out row groups by our statistics without losing rows.
func TestWriteForDuckDB(t *testing.T) {
	s := everyType()
	dir := t.TempDir()
	const n = 1000
	all := batch.Batch{N: n}
	r := rand.New(rand.NewPCG(11, 11))
	for _, f := range s.Fields {
		c := random(r, f, n, f.Nullable, false)
		if f.Type.Kind == batch.Timestamp { // DuckDB has 63 bits of microseconds
			for i := range c.Int64s() {
				c.Int64s()[i] %= 1e12
			}
		}
		if f.Type.Kind == batch.Date {
			for i := range c.Int32s() {
				c.Int32s()[i] %= 100000
			}
		}
		all.Cols = append(all.Cols, c)
	}
	var queries []string
	var exprs []string
	for _, f := range s.Fields {
		exprs = append(exprs, duckText(f.Type, `"`+f.Name+`"`))
	}
	codecs := []string{"none", "snappy", "zstd"}
	for _, codec := range codecs {
		o := parquet.New()
		o.Path, o.Compression, o.RowGroupRows = filepath.Join(dir, codec+".parquet"), codec, 300
		writeOptions(t, o, s, []batch.Batch{all})
		queries = append(queries, fmt.Sprintf("select %s from '%s'", strings.Join(exprs, ", "), filepath.ToSlash(o.Path)))
	}
	got := duckdb.Query(t, queries...)
	for k, codec := range codecs {
		if len(got[k]) != n {
			t.Fatalf("%s: %d rows", codec, len(got[k]))
		}
		for j, f := range s.Fields {
			c := &all.Cols[j]
			for i := range n {
				v := got[k][i][j]
				if (v == nil) != c.Null(i) || v != nil && !same(f.Type, *v, duckCanon(c, i)) {
					text := "null"
					if v != nil {
						text = *v
					}
					t.Errorf("%s: column %q, row %d: DuckDB reads %s", codec, f.Name, i, text)
					break
				}
			}
		}
	}
}

// What DuckDB finds by a filter, which it holds to our statistics first, is what it finds without them.
func TestWriteFilteredByDuckDB(t *testing.T) {
	s, all := wideRows(50000)
	o := parquet.New()
	o.Path, o.RowGroupRows = filepath.Join(t.TempDir(), "f.parquet"), 4096
	writeOptions(t, o, s, all)
	path := filepath.ToSlash(o.Path)
	var queries []string
	for _, where := range []string{"id between 5000 and 5100", "id = 4096", "delay is null", "delay > 40", "origin = 'DAX'", "destination < 'BBX'", "price < 10", "score >= 3",
		"ratio < 0.0001", "late", `"at" < timestamp '2001-09-09 02:00:00'`} {
		queries = append(queries, fmt.Sprintf("select count(*) from '%s' where %s", path, where),
			fmt.Sprintf("with t as materialized (from '%s') select sum(case when %s then 1 else 0 end) from t", path, where))
	}
	got := duckdb.Query(t, queries...)
	for i := 0; i < len(got); i += 2 {
		if a, b := *got[i][0][0], *got[i+1][0][0]; a != b || a == "0" || a == "50000" {
			t.Errorf("%s: %s rows, %s without statistics", queries[i], a, b)
		}
	}
}
