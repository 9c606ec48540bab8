package parquet_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators/batch"
)

// corpora gives the folder of $HEADRACE_CORPORA, or skips.
func corpora(t *testing.T) string {
	dir := os.Getenv("HEADRACE_CORPORA")
	if dir == "" {
		t.Skip("HEADRACE_CORPORA is not set: the corpora of good and bad files are not here")
	}
	return dir
}

// canon writes a value as the corpora's README defines it. int96 says that the file has microseconds' worth only in its oracle.
func canon(dst []byte, c *batch.Column, i int, micros bool) []byte {
	if c.Null(i) {
		return append(dst, 'N', '\n')
	}
	switch c.Type.Kind {
	case batch.Bool:
		dst = strconv.AppendBool(dst, c.Bit(i))
	case batch.Int32:
		dst = strconv.AppendInt(dst, int64(c.Int32s()[i]), 10)
	case batch.Int64:
		dst = strconv.AppendInt(dst, c.Int64s()[i], 10)
	case batch.Float32:
		if v := c.Float32s()[i]; v != v {
			dst = append(dst, "NaN"...)
		} else {
			dst = fmt.Appendf(dst, "%08x", math.Float32bits(v))
		}
	case batch.Float64:
		if v := c.Float64s()[i]; v != v {
			dst = append(dst, "NaN"...)
		} else {
			dst = fmt.Appendf(dst, "%016x", math.Float64bits(v))
		}
	case batch.String:
		s := c.Text(i)
		dst = fmt.Appendf(dst, "s%d:%s", len(s), s)
	case batch.Bytes:
		dst = fmt.Appendf(dst, "x%x", c.Text(i))
	case batch.Date:
		dst = fmt.Appendf(dst, "d%d", c.Int32s()[i])
	case batch.Timestamp:
		v, u := c.Int64s()[i], [...]string{"sec", "ms", "us", "ns"}[c.Type.Unit]
		if c.Type.Zone != "" && c.Type.Unit == batch.Milli { // DuckDB's TIMESTAMPTZ has microseconds alone
			v, u = v*1000, "us"
		}
		if micros && c.Type.Unit == batch.Nano {
			v, u = floor(v, 1000), "us"
		}
		dst = fmt.Appendf(dst, "%s%d", u, v)
	case batch.Decimal:
		dst = fmt.Appendf(dst, "dec%de-%d", c.Int64s()[i], c.Type.Scale)
	}
	return append(dst, '\n')
}

func floor(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// digest reads a file whole and hashes each column.
func digest(d connectors.Dataset, rowsMax int, micros []bool) (sums []string, rows int64, err error) {
	s := d.Schema()
	var cols []int
	var hs []hash.Hash
	for i := range s.Fields {
		cols = append(cols, i)
		hs = append(hs, sha256.New())
	}
	c := &batch.Ctx{Poison: true}
	var buf []byte
	for u, unit := range d.Units() {
		if unit.First != uint64(rows) {
			return nil, rows, fmt.Errorf("unit %d begins at row %d, not %d", u, unit.First, rows)
		}
		at := rows
		err := d.Read(context.Background(), c, u, cols, rowsMax, func(b batch.Batch) error {
			if b.ID.Base != uint64(rows) || b.N > rowsMax || b.N == 0 {
				return fmt.Errorf("a batch of %d rows from %d, at %d", b.N, b.ID.Base, rows)
			}
			for i := range b.Cols {
				col := &b.Cols[i]
				if col.N != b.N || col.Type != s.Fields[i].Type || col.Valid != nil && !s.Fields[i].Nullable {
					return fmt.Errorf("column %d: %d rows of %s", i, col.N, col.Type)
				}
				buf = buf[:0]
				for r := range b.N {
					buf = canon(buf, col, r, micros != nil && micros[i])
				}
				hs[i].Write(buf)
			}
			rows += int64(b.N)
			c.Reset()
			return nil
		})
		if err != nil {
			return nil, rows, err
		}
		if unit.Rows != rows-at {
			return nil, rows, fmt.Errorf("unit %d gave %d rows, not %d", u, rows-at, unit.Rows)
		}
	}
	for _, h := range hs {
		sums = append(sums, hex.EncodeToString(h.Sum(nil)))
	}
	return sums, rows, nil
}

func openPath(path string) (connectors.Dataset, error) {
	o := parquet.New()
	o.Path = path
	return o.Open(context.Background(), files.Local(), nil)
}

type expectation struct {
	Rows    int64
	Error   string
	Columns []column
}

type column struct {
	Name, Type string
	Sha256     string
}

func expected(t *testing.T, dir string) map[string]expectation {
	raw, err := os.ReadFile(filepath.Join(dir, "parquet-expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Files map[string]expectation }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all.Files
}

var localFS = files.Local()
