package gen

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Texts are codes in the order of their bytes whichever file had them first, and each row is in one of the parts.
func TestFileTable(t *testing.T) {
	var paths []string
	for i, kinds := range [][]string{{"b", "c", "b"}, {"a", "c", "a"}} {
		o := parquet.New()
		o.Path = filepath.Join(t.TempDir(), "t.parquet")
		w, err := o.Create(context.Background(), files.Local(), operators.Of(
			operators.Field{Name: "y", Type: batch.T(batch.Int64)}, operators.Field{Name: "kind", Type: batch.T(batch.String)}))
		if err != nil {
			t.Fatal(err)
		}
		y := []int64{int64(3 * i), int64(3*i + 1), int64(3*i + 2)}
		if err := w.Write(batch.Batch{N: 3, Cols: []batch.Column{batch.OfInt64s(y), batch.OfStrings(kinds)}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, o.Path)
	}
	f, err := FileTable(context.Background(), 1, "y", paths)
	if err != nil || !slices.Equal(f.Names, []string{"kind"}) || !slices.Equal(f.Levels, []int{3}) || len(f.Label) != 6 {
		t.Fatalf("%+v, %v", f, err)
	}
	var rows [6]bool
	for i, y := range f.Label {
		rows[int(y)] = true
		if want := []float32{1, 2, 1, 0, 2, 0}[int(y)]; f.X[0][i] != want {
			t.Errorf("row %v has the code %v, want %v", y, f.X[0][i], want)
		}
	}
	if slices.Contains(rows[:], false) {
		t.Errorf("labels %v", f.Label)
	}
	if _, err := FileTable(context.Background(), 1, "z", paths); err == nil {
		t.Error("a label that is not there is found")
	}
}
