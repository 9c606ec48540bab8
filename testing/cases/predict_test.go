package cases

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/cases/rig"
)

// scoredRow is what a file says of a row: its part, where there is one, and the bits of p.
type scoredRow struct {
	part string
	p    uint64
}

// scored reads a file that run --to or predict wrote: the rows by _row, and their numbers in the file's order.
func scored(t *testing.T, name string) (rows map[int64]scoredRow, order []int64) {
	t.Helper()
	f, ok := connectors.ByExtension(name)
	if !ok {
		t.Fatal(name)
	}
	opt := f.Options()
	*opt.Locate() = filepath.ToSlash(name)
	d, err := opt.Open(context.Background(), files.Local(), []connectors.Want{{Name: "p", Type: batch.T(batch.Float64), Nullable: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := d.Schema()
	cols := []int{s.Index("_row"), s.Index("p")}
	if part := s.Index("_part"); part >= 0 {
		cols = append(cols, part)
	}
	rows = map[int64]scoredRow{}
	for u := range d.Units() {
		c := &batch.Ctx{}
		err := d.Read(context.Background(), c, u, cols, 4096, func(b batch.Batch) error {
			for i := range b.N {
				n := b.Cols[0].Int64s()[i]
				r := scoredRow{p: math.Float64bits(b.Cols[1].Float64s()[i])}
				if len(cols) > 2 {
					r.part = string(b.Cols[2].Text(i))
				}
				if _, twice := rows[n]; twice {
					t.Fatalf("%s: row %d is there twice", name, n)
				}
				rows[n] = r
				order = append(order, n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return rows, order
}

// predict gives one row a row, in order; joined by _row with the rows of the model's own step, p is equal to the last bit on every row of
// the valid and test parts, through Parquet and through text.
func TestPredictEqualsTheStep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rig.Copy(t, rig.Example("flights/flights.parquet"), filepath.Join(dir, "flights.parquet"))
	rig.Copy(t, rig.Example("flights/flight_delay.yaml"), filepath.Join(dir, "flight_delay.yaml"))
	if r := rig.Run(t, dir, "run", "-q", "flight_delay.yaml", "--set", "trees=40"); r.Code != 0 {
		t.Fatal(r.Errors)
	}
	// One file is written by one core, the other by all: neither the order nor a bit may hang on it.
	for name, cores := range map[string]string{"rows.parquet": "1", "rows.csv": "0"} {
		if r := rig.Run(t, dir, "run", "-q", "flight_delay.yaml", "--set", "trees=40", "--to", "model", "-o", name, "--cores", cores); r.Code != 0 {
			t.Fatal(r.Errors)
		}
	}
	for name, cores := range map[string]string{"scored.parquet": "0", "scored.csv": "1"} {
		if r := rig.Run(t, dir, "predict", "flight_delay", "flights.parquet", "-o", name, "--cores", cores); r.Code != 0 {
			t.Fatal(r.Errors)
		}
	}
	for _, step := range []string{"rows.parquet", "rows.csv"} {
		own, order := scored(t, filepath.Join(dir, step))
		if !slices.IsSorted(order) {
			t.Errorf("%s: the rows are not in canonical order", step)
		}
		for _, served := range []string{"scored.parquet", "scored.csv"} {
			got, order := scored(t, filepath.Join(dir, served))
			if len(order) != 100_000 {
				t.Fatalf("%s: %d rows, want one a row of the input", served, len(order))
			}
			for i, n := range order {
				if n != int64(i) {
					t.Fatalf("%s: row %d stands at %d", served, n, i)
				}
			}
			parts := map[string]int{}
			differ, outOfFold := 0, 0
			for n, r := range own {
				switch same := got[n].p == r.p; {
				case same:
				case r.part == "train":
					outOfFold++
				default:
					differ++
				}
				parts[r.part]++
			}
			if outOfFold == 0 {
				t.Error("p of every train row is as in serving: the features are cross-fitted, so that the comparison sees nothing")
			}
			if differ > 0 || parts["test"] < 10_000 || parts["valid"] < 5_000 || parts["train"] < 50_000 {
				t.Errorf("%s and %s: p differs on %d rows of valid and test; rows of each part: %v", step, served, differ, parts)
			}
		}
	}
}
