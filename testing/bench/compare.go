package bench

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// near is how far two numbers may be apart, relative to their size.
const near = 1e-9

// Judge returns an error that says how the result in got differs from that in want, another engine's of the same query. bounds is
// the result of File.bounds.sql, where the query has one.
type Judge func(ctx context.Context, q *Query, want, got, bounds string) error

// sameTable compares two CSV files cell by cell, by column name; the first Keys columns put the rows in order.
func sameTable(_ context.Context, q *Query, want, got, _ string) error {
	a, err := readTable(want, q.Keys)
	if err != nil {
		return err
	}
	b, err := readTable(got, q.Keys)
	if err != nil {
		return err
	}
	if !slices.Equal(a.names, b.names) {
		return fmt.Errorf("columns %v, not %v", b.names, a.names)
	}
	if len(a.rows) != len(b.rows) {
		return fmt.Errorf("%d rows, not %d", len(b.rows), len(a.rows))
	}
	for i, row := range a.rows {
		for j, cell := range row {
			if !sameCell(cell, b.rows[i][j]) {
				return fmt.Errorf("row %v: %s is %s, not %s", row[:q.Keys], a.names[j], b.rows[i][j], cell)
			}
		}
	}
	return nil
}

func sameCell(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= near*max(math.Abs(x), math.Abs(y))
}

type table struct {
	names []string
	rows  [][]string
}

func readTable(path string, keys int) (table, error) {
	f, err := os.Open(path)
	if err != nil {
		return table{}, err
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return table{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(all) == 0 || len(all[0]) < keys {
		return table{}, fmt.Errorf("%s: no result", path)
	}
	t := table{all[0], all[1:]}
	slices.SortStableFunc(t.rows, func(a, b []string) int { return slices.CompareFunc(a[:keys], b[:keys], cmp.Compare[string]) })
	return t, nil
}

// withinBounds compares no engine with another: what is approximate must lie between the exact values a hundredth of the rows
// below and above, as bounds gives them: NAME_lo and NAME_hi.
func withinBounds(_ context.Context, _ *Query, _, got, bounds string) error {
	b, err := readTable(bounds, 0)
	if err != nil {
		return err
	}
	t, err := readTable(got, 0)
	if err != nil {
		return err
	}
	if len(b.rows) != 1 || len(t.rows) != 1 {
		return fmt.Errorf("%d rows within bounds of %d, not one each", len(t.rows), len(b.rows))
	}
	limits := map[string]float64{}
	for i, name := range b.names {
		if limits[name], err = strconv.ParseFloat(b.rows[0][i], 64); err != nil {
			return err
		}
	}
	if 2*len(t.names) != len(b.names) {
		return fmt.Errorf("%d columns, not %d", len(t.names), len(b.names)/2)
	}
	for i, name := range t.names {
		v, err := strconv.ParseFloat(t.rows[0][i], 64)
		lo, known := limits[name+"_lo"]
		hi := limits[name+"_hi"]
		if err != nil || !known || v < lo || v > hi {
			return fmt.Errorf("%s is %s, not from %v to %v", name, t.rows[0][i], lo, hi)
		}
	}
	return nil
}

// summary is what is compared of a Parquet file: equal tables have equal ones, up to rounding, in whatever order their rows stand.
type summary struct {
	schema operators.Schema
	rows   int64
	cols   []colSummary
	order  uint64 // hash of the columns that the rows are sorted by, in the order of the rows
}

type colSummary struct {
	nulls           int64
	sum, abs, power float64
	text            uint64 // sum of the hashes of the texts
}

func summarize(ctx context.Context, path string, sorted []int) (summary, error) {
	o := parquet.New()
	o.Path = path
	ds, err := o.Open(ctx, files.Local(), nil)
	if err != nil {
		return summary{}, err
	}
	defer ds.Close()
	s := summary{schema: ds.Schema(), cols: make([]colSummary, len(ds.Schema().Fields)), order: 1}
	all := make([]int, len(s.cols))
	for i := range all {
		all[i] = i
	}
	c := &batch.Ctx{}
	for u := range ds.Units() {
		err := ds.Read(ctx, c, u, all, 1<<14, func(b batch.Batch) error {
			s.rows += int64(b.N)
			for i := range b.Cols {
				if err := s.cols[i].add(&b.Cols[i]); err != nil {
					return fmt.Errorf("%s: column %q: %w", path, s.schema.Fields[i].Name, err)
				}
			}
			for row := range b.N {
				for _, i := range sorted {
					s.order = s.order*0x9e3779b97f4a7c15 + cell(&b.Cols[i], row)
				}
			}
			return nil
		})
		if err != nil {
			return summary{}, err
		}
		c.Reset()
	}
	return s, nil
}

func (s *colSummary) add(c *batch.Column) error {
	for i := range c.N {
		if c.Null(i) {
			s.nulls++
			continue
		}
		if c.Type.Text() {
			s.text += cell(c, i)
			continue
		}
		v, err := number(c, i)
		if err != nil {
			return err
		}
		s.sum += v
		s.abs += math.Abs(v)
		s.power += float64(v * v)
	}
	return nil
}

func number(c *batch.Column, i int) (float64, error) {
	switch c.Type.Kind {
	case batch.Int32, batch.Date:
		return float64(c.Int32s()[i]), nil
	case batch.Int64, batch.Timestamp:
		return float64(c.Int64s()[i]), nil
	case batch.Float64:
		return c.Float64s()[i], nil
	}
	return 0, fmt.Errorf("no number of type %s", c.Type)
}

// cell is a hash of a value: FNV-1a of a text, the bits of a number.
func cell(c *batch.Column, i int) uint64 {
	if c.Null(i) {
		return 0x5bd1e995
	}
	if !c.Type.Text() {
		v, _ := number(c, i) // what has no number has had its error in add
		return math.Float64bits(v)
	}
	h := uint64(0xcbf29ce484222325)
	for _, b := range c.Text(i) {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return h
}

// sameRows compares two Parquet files by their columns' sums, nulls and texts, and by the order of the keys they are sorted by.
func sameRows(ctx context.Context, q *Query, want, got, _ string) error {
	a, err := summarize(ctx, want, q.Sorted)
	if err != nil {
		return err
	}
	b, err := summarize(ctx, got, q.Sorted)
	if err != nil {
		return err
	}
	if a.rows != b.rows || len(a.cols) != len(b.cols) {
		return fmt.Errorf("%d rows of %d columns, not %d of %d", b.rows, len(b.cols), a.rows, len(a.cols))
	}
	for i, f := range a.schema.Fields {
		if name := b.schema.Fields[i].Name; name != f.Name {
			return fmt.Errorf("column %d is %q, not %q", i, name, f.Name)
		}
		x, y := a.cols[i], b.cols[i]
		if x.nulls != y.nulls || x.text != y.text {
			return fmt.Errorf("column %q: %d nulls and texts %x, not %d and %x", f.Name, y.nulls, y.text, x.nulls, x.text)
		}
		// The sum of what is standardised is about 0: the rounding errors are as large as what was added up.
		if math.Abs(x.sum-y.sum) > near*max(x.abs, 1) || math.Abs(x.abs-y.abs) > near*x.abs || math.Abs(x.power-y.power) > near*x.power {
			return fmt.Errorf("column %q: sums %v, %v, %v, not %v, %v, %v", f.Name, y.sum, y.abs, y.power, x.sum, x.abs, x.power)
		}
	}
	if a.order != b.order {
		return fmt.Errorf("the rows are in another order")
	}
	return nil
}

// sameShare compares two samples: of the same columns, and both, to six standard deviations, of the size that was asked for and
// with the mean of each column the same. Which rows they hold is for each engine to draw.
func sameShare(ctx context.Context, q *Query, want, got, _ string) error {
	a, err := summarize(ctx, want, nil)
	if err != nil {
		return err
	}
	b, err := summarize(ctx, got, nil)
	if err != nil {
		return err
	}
	if len(a.cols) != len(b.cols) {
		return fmt.Errorf("%d columns, not %d", len(b.cols), len(a.cols))
	}
	expected := float64(q.Total) * q.Share
	for _, rows := range []int64{a.rows, b.rows} {
		if spread := 6 * math.Sqrt(expected*(1-q.Share)); math.Abs(float64(rows)-expected) > spread {
			return fmt.Errorf("%d rows, not %.0f or %.0f more or less", rows, expected, spread)
		}
	}
	for i, f := range a.schema.Fields {
		x, y := a.cols[i].moments(a.rows), b.cols[i].moments(b.rows)
		if f.Type.Text() {
			continue
		}
		if spread := 6 * math.Sqrt(2) * x.deviation / math.Sqrt(x.n); math.Abs(x.mean-y.mean) > spread {
			return fmt.Errorf("column %q: a mean of %v, not %v", f.Name, y.mean, x.mean)
		}
	}
	return nil
}

type moments struct{ n, mean, deviation float64 }

func (s colSummary) moments(rows int64) moments {
	n := float64(rows - s.nulls)
	mean := s.sum / n
	return moments{n, mean, math.Sqrt(max(0, s.power/n-float64(mean*mean)))}
}

// auc is the area under the ROC curve of the predictions in a file: the share of pairs of a late flight and one in time that p puts in
// order, ties counted half.
func auc(ctx context.Context, path string) (area float64, n int, err error) {
	read := parquetScores
	if filepath.Ext(path) == ".npy" {
		read = npyScores
	}
	rows, err := read(ctx, path)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	slices.SortFunc(rows, func(a, b scored) int { return cmp.Compare(a.p, b.p) })
	var before, all [2]float64 // rows in time and late: with a lower p, and so far
	pairs := 0.0
	for i, r := range rows {
		if r.p != r.p || r.late != 0 && r.late != 1 {
			return 0, 0, fmt.Errorf("%s: %v is no prediction of %v", path, r.p, r.late)
		}
		all[int(r.late)]++
		if i+1 == len(rows) || rows[i+1].p != r.p {
			pairs += (all[1] - before[1]) * (before[0] + all[0]) / 2
			before = all
		}
	}
	return pairs / (all[0] * all[1]), len(rows), nil
}

// accuracy is the share of rows of an array whose class is the one that was predicted.
func accuracy(ctx context.Context, path string) (share float64, n int, err error) {
	rows, err := someScores(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	right := 0
	for _, r := range rows {
		if r.p == r.late {
			right++
		}
	}
	return float64(right) / float64(len(rows)), len(rows), nil
}

// determined is R2 of an array: how much less the predictions are wrong, in squares, than the mean of the labels is.
func determined(ctx context.Context, path string) (r2 float64, n int, err error) {
	rows, err := someScores(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	mean := 0.0
	for _, r := range rows {
		mean += r.late / float64(len(rows))
	}
	wrong, spread := 0.0, 0.0
	for _, r := range rows {
		wrong += float64((r.late - r.p) * (r.late - r.p))
		spread += float64((r.late - mean) * (r.late - mean))
	}
	return 1 - wrong/spread, len(rows), nil
}

// someScores are the rows of an array, at least one.
func someScores(ctx context.Context, path string) ([]scored, error) {
	rows, err := npyScores(ctx, path)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%s: no rows", path)
	}
	return rows, err
}

// scored is a label with its prediction.
type scored struct{ late, p float64 }

// parquetScores reads the columns late and p of a Parquet file.
func parquetScores(ctx context.Context, path string) (rows []scored, err error) {
	o := parquet.New()
	o.Path = path
	ds, err := o.Open(ctx, files.Local(), nil)
	if err != nil {
		return nil, err
	}
	defer ds.Close()
	cols := []int{ds.Schema().Index("late"), ds.Schema().Index("p")}
	if slices.Contains(cols, -1) {
		return nil, errors.New("no columns late and p")
	}
	c := &batch.Ctx{}
	for u := range ds.Units() {
		err := ds.Read(ctx, c, u, cols, 1<<14, func(b batch.Batch) error {
			late, p := c.Floats(b.Cols[0]), c.Floats(b.Cols[1])
			for i := range late {
				rows = append(rows, scored{late[i], p[i]})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		c.Reset()
	}
	return rows, nil
}

// npyScores reads an array of NumPy's: rows of a number that names the row, the label, and the prediction.
func npyScores(_ context.Context, path string) ([]scored, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	const fixed = 10 // magic, version, length of the header
	if len(text) < fixed || string(text[:8]) != "\x93NUMPY\x01\x00" {
		return nil, errors.New("no array")
	}
	end := fixed + int(binary.LittleEndian.Uint16(text[8:]))
	if end > len(text) {
		return nil, errors.New("cut short")
	}
	head, data := string(text[fixed:end]), text[end:]
	if !strings.Contains(head, "'<f8'") || !strings.Contains(head, "'fortran_order': False") || !strings.Contains(head, ", 3)") || len(data)%24 != 0 {
		return nil, fmt.Errorf("no rows of three floats: %s", head)
	}
	rows := make([]scored, len(data)/24)
	for i := range rows {
		rows[i] = scored{float(data[24*i+8:]), float(data[24*i+16:])}
	}
	return rows, nil
}

func float(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
