package all_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/headrace/headrace/connectors"
	_ "github.com/headrace/headrace/connectors/all"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/files/filestest"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

func TestRegistry(t *testing.T) {
	var names []string
	for _, f := range connectors.Formats() {
		names = append(names, f.Name)
		o := f.Options()
		if f.Doc == "" || len(f.Extensions) == 0 || o.Locate() == nil {
			t.Errorf("%s: no doc, extension or path", f.Name)
		}
		if o == f.Options() {
			t.Errorf("%s: two sources share their options", f.Name)
		}
		for _, e := range f.Extensions {
			if g, ok := connectors.ByExtension("A/B" + strings.ToUpper(e)); !ok || g.Name != f.Name {
				t.Errorf("%s: %s is found as %q", f.Name, e, g.Name)
			}
		}
		typ := reflect.TypeOf(o).Elem()
		for i := range typ.NumField() {
			if tag := typ.Field(i).Tag; tag.Get("param") == "" || tag.Get("doc") == "" {
				t.Errorf("%s: field %s is not declared", f.Name, typ.Field(i).Name)
			}
		}
	}
	if got := strings.Join(names, " "); got != "arrow csv parquet" {
		t.Errorf("formats: %s", got)
	}
	if _, ok := connectors.ByExtension("x.txt"); ok {
		t.Error("x.txt has a format")
	}
	if _, ok := connectors.Lookup("csv"); !ok {
		t.Error("no csv")
	}
}

// TestWriterFaults fails every operation of a file system in turn: there is never half a file, and never silence.
func TestWriterFaults(t *testing.T) {
	schema := operators.Of(operators.Field{Name: "x", Type: batch.T(batch.Float64)}, operators.Field{Name: "s", Type: batch.T(batch.String)})
	b := batch.Batch{N: 3, Cols: []batch.Column{batch.OfFloat64s([]float64{1, 2, 3}), batch.OfStrings([]string{"a", "b", "c"})}}
	for _, f := range connectors.Formats() {
		for at := 1; ; at++ {
			dir := t.TempDir()
			fs := &filestest.Faulty{FS: files.Local(), Err: syscall.ENOSPC, At: at, Sticky: true, Short: true, Only: func(op string) bool { return op != "remove" && op != "stat" }}
			o := f.Options()
			*o.Locate() = filepath.Join(dir, "f"+f.Extensions[0])
			err := func() error {
				w, err := o.Create(context.Background(), fs, schema)
				if err != nil {
					return err
				}
				defer w.Abort()
				if err := w.Write(b); err != nil {
					return err
				}
				return w.Commit()
			}()
			d, rerr := o.Open(context.Background(), files.Local(), nil)
			switch {
			case fs.Fired() == 0:
				if err != nil || rerr != nil {
					t.Fatalf("%s: %v, %v", f.Name, err, rerr)
				}
				n := 0
				err := d.Read(context.Background(), nil, 0, []int{0, 1}, 2, func(b batch.Batch) error { n += b.N; return nil })
				if err != nil || n != 3 {
					t.Errorf("%s: %d rows, %v", f.Name, n, err)
				}
			case err == nil:
				t.Errorf("%s: operation %d failed and nobody said so", f.Name, at)
			case rerr == nil: // the folder could not be made last: the file is whole all the same
				if n := d.Files()[0].Rows; n != 3 && n != -1 {
					t.Errorf("%s: operation %d: %d rows", f.Name, at, n)
				}
			}
			left, _ := filepath.Glob(filepath.Join(dir, ".*"))
			if len(left) > 0 {
				t.Errorf("%s: operation %d left %v", f.Name, at, left)
			}
			if fs.Fired() == 0 {
				if at < 5 {
					t.Errorf("%s: only %d operations", f.Name, at)
				}
				break
			}
		}
	}
}

// TestReaderFaults fails every read in turn: the error names the file and is the disk's fault, not the data's.
func TestReaderFaults(t *testing.T) {
	schema := operators.Of(operators.Field{Name: "x", Type: batch.T(batch.Int64)})
	for _, f := range connectors.Formats() {
		path := filepath.Join(t.TempDir(), "f"+f.Extensions[0])
		o := f.Options()
		*o.Locate() = path
		w, err := o.Create(context.Background(), files.Local(), schema)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch.Batch{N: 2, Cols: []batch.Column{batch.OfInt64s([]int64{1, 2})}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		for at := 1; ; at++ {
			fs := &filestest.Faulty{FS: files.Local(), Err: syscall.EIO, At: at, Only: func(op string) bool { return op == "read" || op == "open" }}
			err := func() error {
				d, err := o.Open(context.Background(), fs, nil)
				if err != nil {
					return err
				}
				return d.Read(context.Background(), nil, 0, []int{0}, 10, func(batch.Batch) error { return nil })
			}()
			if fs.Fired() == 0 {
				if err != nil || at < 4 {
					t.Errorf("%s: %d operations, %v", f.Name, at, err)
				}
				break
			}
			var data *connectors.DataError
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "input/output error") {
				t.Errorf("%s: operation %d: %v", f.Name, at, err)
			} else if fmt.Sprintf("%T", err) == fmt.Sprintf("%T", data) {
				t.Errorf("%s: operation %d: the data is blamed: %v", f.Name, at, err)
			}
		}
	}
}
