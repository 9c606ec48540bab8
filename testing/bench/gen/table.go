package gen

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators/batch"
)

const laneOdd = 300

// Spoil makes a hundredth of dense rows, from number lo on, odd: all numbers evenly from -4 to 4, whatever belongs together. The label says which.
func Spoil(lo uint64, t *Table) {
	for i := range t.Label {
		r := lo + uint64(i)
		t.Label[i] = 0
		if unit(r, laneOdd) >= 0.01 {
			continue
		}
		t.Label[i] = 1
		for j := range t.X {
			t.X[j][i] = float32(8*unit(r, laneOdd+1+uint64(j)) - 4)
		}
	}
}

// FileTable is Parquet files of one schema, end to end, as numbers. Texts become codes, in the order of their bytes; what is missing is -1. A fifth
// of the rows, drawn by the seed, stands at the end.
func FileTable(ctx context.Context, seed uint64, label string, paths []string) (t Table, err error) {
	var cols []column
	for _, path := range paths {
		if err := appendFile(ctx, path, &cols); err != nil {
			return t, err
		}
	}
	at := slices.IndexFunc(cols, func(c column) bool { return c.name == label })
	if at < 0 {
		return t, fmt.Errorf("no column %q", label)
	}
	of := cols[at].numbers()
	cols = slices.Delete(cols, at, at+1)
	var order []int
	for _, testing := range []bool{false, true} {
		for i := range of {
			if (mix(uint64(i), laneTest+seed)%5 == 0) == testing {
				order = append(order, i)
				if testing {
					t.Test++
				}
			}
		}
	}
	for _, i := range order {
		t.Label = append(t.Label, of[i])
	}
	for i := range cols {
		c := &cols[i]
		v, x := c.numbers(), make([]float32, len(order))
		for to, from := range order {
			x[to] = float32(v[from])
		}
		t.Names, t.Levels, t.X = append(t.Names, c.name), append(t.Levels, len(c.texts)), append(t.X, x)
	}
	return t, nil
}

// column is one of a file: numbers, or codes of texts as they came.
type column struct {
	name   string
	values []float64
	codes  map[string]int32
	texts  []string
}

func appendFile(ctx context.Context, path string, cols *[]column) error {
	o := parquet.New()
	o.Path = path
	ds, err := o.Open(ctx, files.Local(), nil)
	if err != nil {
		return err
	}
	defer ds.Close()
	fields := ds.Schema().Fields
	if *cols == nil {
		for _, f := range fields {
			*cols = append(*cols, column{name: f.Name, codes: map[string]int32{}})
		}
	}
	if len(fields) != len(*cols) {
		return fmt.Errorf("%s: %d columns, the file before has %d", path, len(fields), len(*cols))
	}
	all := make([]int, len(fields))
	for j, f := range fields {
		if all[j] = j; f.Name != (*cols)[j].name {
			return fmt.Errorf("%s: column %q, the file before has %q", path, f.Name, (*cols)[j].name)
		}
	}
	c := &batch.Ctx{}
	for u := range ds.Units() {
		err := ds.Read(ctx, c, u, all, 1<<14, func(b batch.Batch) error {
			for j := range b.Cols {
				(*cols)[j].append(c, &b.Cols[j])
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.Reset()
	}
	return nil
}

func (c *column) append(ctx *batch.Ctx, from *batch.Column) {
	var values []float64
	if from.Type.Kind == batch.String {
		for _, code := range encode(from, c.codes, &c.texts) {
			values = append(values, float64(code))
		}
	} else {
		values = slices.Clone(ctx.Floats(*from))
	}
	for i := range values {
		if from.Null(i) {
			values[i] = -1
		}
	}
	c.values = append(c.values, values...)
}

// numbers are the values, codes by the order of the texts.
func (c *column) numbers() []float64 {
	if c.texts == nil {
		return c.values
	}
	order, place := make([]int, len(c.texts)), make([]float64, len(c.texts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(c.texts[a], c.texts[b]) })
	for at, i := range order {
		place[i] = float64(at)
	}
	v := slices.Clone(c.values)
	for i, code := range v {
		if code >= 0 {
			v[i] = place[int(code)]
		}
	}
	return v
}
