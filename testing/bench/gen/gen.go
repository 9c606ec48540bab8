// Package gen makes the flights that the benchmark reads, any number of them, from three million real ones.
package gen

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// version is part of the digest: a change of what rows hold changes it, so that no file of before is read.
const version = 1

// groupRows is the rows of a row group, and of what one worker makes at a time.
const groupRows = 122880

// Params say what is made. Equal ones make equal files, byte for byte.
type Params struct {
	Source string // the Parquet file of real flights; columns date, delay, distance, origin, destination
	Rows   int64
	Codec  string // snappy, zstd, none
}

// Made is a data set and what is known of it by the way it was made.
type Made struct {
	Path       string `json:"-"`
	Fresh      bool   `json:"-"` // made now, not found
	Digest     string // of the parameters, the source's bytes and the generator's version
	Bytes      int64
	Rows       int64
	Duplicates int64 // rows that repeat date, tail_number, origin and destination (and more) of an earlier row
	DelayNulls int64
	AirNulls   int64
}

// Schema is the columns of what is made.
func Schema() operators.Schema {
	text, number, whole := batch.T(batch.String), batch.T(batch.Float64), batch.T(batch.Int64)
	return operators.Of(
		operators.Field{Name: "date", Type: batch.Type{Kind: batch.Timestamp, Unit: batch.Micro}},
		operators.Field{Name: "delay", Type: whole, Nullable: true},
		operators.Field{Name: "distance", Type: whole},
		operators.Field{Name: "origin", Type: text},
		operators.Field{Name: "destination", Type: text},
		operators.Field{Name: "carrier", Type: text},
		operators.Field{Name: "tail_number", Type: text},
		operators.Field{Name: "air_time", Type: number, Nullable: true},
		operators.Field{Name: "taxi_out", Type: whole},
		operators.Field{Name: "price", Type: number},
	)
}

// File makes the data set in dir, or finds it there, made before of the same parameters.
func File(ctx context.Context, dir string, p Params) (Made, error) {
	digest, err := p.digest()
	if err != nil {
		return Made{}, err
	}
	path := filepath.Join(dir, fmt.Sprintf("flights-%s-%s.parquet", Size(p.Rows), p.Codec))
	if m, ok := found(path, digest); ok {
		return m, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return Made{}, err
	}
	src, err := read(ctx, p.Source)
	if err != nil {
		return Made{}, err
	}
	m, err := write(ctx, src, path, p)
	if err != nil {
		return Made{}, err
	}
	m.Path, m.Fresh, m.Digest, m.Rows = path, true, digest, p.Rows
	info, err := os.Stat(path)
	if err != nil {
		return Made{}, err
	}
	m.Bytes = info.Size()
	return m, keep(m)
}

// Size is a number of rows in short: 3m, 30m, 500k.
func Size(rows int64) string {
	switch {
	case rows >= 1e6 && rows%1e6 == 0:
		return fmt.Sprintf("%dm", rows/1e6)
	case rows >= 1e3 && rows%1e3 == 0:
		return fmt.Sprintf("%dk", rows/1e3)
	}
	return fmt.Sprint(rows)
}

func (p Params) digest() (string, error) {
	f, err := os.Open(p.Source)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%d\n%s\n%d\n", version, p.Rows, p.Codec, groupRows)
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// note is the file beside the data set that says what it is.
func note(path string) string { return path + ".json" }

func found(path, digest string) (Made, bool) {
	text, err := os.ReadFile(note(path))
	if err != nil {
		return Made{}, false
	}
	var m Made
	info, statErr := os.Stat(path)
	if json.Unmarshal(text, &m) != nil || statErr != nil || m.Digest != digest || m.Bytes != info.Size() {
		return Made{}, false
	}
	m.Path = path
	return m, true
}

func keep(m Made) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return files.WriteFile(files.Local(), note(m.Path), append(text, '\n'))
}

// write makes the rows group by group, on all cores, and writes them in their order. What is in memory is a few groups, however
// many rows there are.
func write(ctx context.Context, src *source, path string, p Params) (Made, error) {
	if err := os.Remove(note(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Made{}, err // or a file half written would go by its predecessor's note
	}
	o := parquet.New()
	o.Path, o.Compression, o.RowGroupRows = path, p.Codec, groupRows
	w, err := o.Create(ctx, files.Local(), Schema())
	if err != nil {
		return Made{}, err
	}
	var m Made
	for g := range src.groups(ctx, p.Rows) {
		if err := w.Write(g.rows); err != nil {
			return m, errors.Join(err, w.Abort())
		}
		m.Duplicates += g.duplicates
		m.DelayNulls += g.delayNulls
		m.AirNulls += g.airNulls
	}
	if err := ctx.Err(); err != nil {
		return m, errors.Join(err, w.Abort())
	}
	return m, w.Commit()
}
