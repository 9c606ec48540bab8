// Package digests holds the examples to the same bits, however they are run and on whatever build.
package digests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/connectors"
	_ "github.com/headrace/headrace/connectors/all"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/operators"
	_ "github.com/headrace/headrace/operators/all"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/race"
)

// example is a DAG file of the repository with the parameters that are its data.
type example struct {
	name, file string
	data       map[string]string // parameter -> file, beside the DAG file
	set        map[string]string // of the short runs
	rows       int               // of each file, of the short runs
	out        string            // the parameter that names the file of predictions; "" for none
}

var examples = []example{
	{"flights", "flights/flight_delay.yaml", map[string]string{"path": "flights.parquet"}, map[string]string{"trees": "12", "min_auc": "0"}, 20000, ""},
	{"ranking", "flights/latest_flights.yaml", map[string]string{"path": "flights.parquet"}, map[string]string{"trees": "12", "min_ndcg": "0"}, 12000, ""},
	{"adult", "adult/income.yaml", map[string]string{"train": "adult_train.parquet", "test": "adult_test.parquet"}, map[string]string{"trees": "8"}, 12000, ""},
	{"california", "california/house_value.yaml", map[string]string{"path": "housing.parquet"}, map[string]string{"trees": "8"}, 12000, ""},
	{"arrivals", "arrivals/late_arrival.yaml", map[string]string{"path": "flights.parquet"}, map[string]string{"trees": "10"}, 12000, "out"},
	{"covertype", "covertype/forest_cover.yaml", map[string]string{"path": "covertype.parquet"}, map[string]string{"trees": "8", "min_accuracy": "0"}, 3000, ""},
}

const folder = "../../examples"

// TestDigest runs the examples as they are, and in every way that must not matter: each way gives the same model and metrics. With
// HEADRACE_DIGEST_OUT, the name of a file, it writes what they are there, for builds to be compared.
func TestDigest(t *testing.T) {
	var out strings.Builder
	for _, ex := range examples {
		if !race.On { // there the short runs are long enough
			whole := digest(t, ex, nil, nil, engine.Config{})
			fmt.Fprintf(&out, "%s %s\n", ex.name, whole)
			if again := digest(t, ex, nil, nil, engine.Config{Workers: 3, MorselRows: 5000}); again != whole {
				t.Errorf("%s on three workers: %s, on all cores: %s", ex.name, again, whole)
			}
		}
		t.Run(ex.name, func(t *testing.T) { fmt.Fprintf(&out, "%s short %s\n", ex.name, ways(t, ex)) })
	}
	if path := os.Getenv("HEADRACE_DIGEST_OUT"); path != "" && !t.Failed() {
		if err := os.WriteFile(path, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// ways runs an example on fewer rows in all the ways, and gives the one digest.
func ways(t *testing.T, ex example) string {
	want, n, step := "", 0, 7
	if race.On {
		step = 23
	}
	for _, groups := range []int{1 << 20, 4096, 777} { // rows of a row group
		data := rewrite(t, ex, groups)
		for _, level := range cpu.Levels() {
			for _, workers := range []int{1, 2, 3, 7} {
				for _, morsel := range []int{333, 4096, 16384} {
					// the first example is run in all ways; of the others, and of all where time is short, a few
					if n++; (testing.Short() || race.On || ex.name != examples[0].name) && n%step != 1 {
						continue
					}
					restore := cpu.Lower(level)
					got := digest(t, ex, data, ex.set, engine.Config{Workers: workers, MorselRows: morsel})
					restore()
					if want == "" {
						want = got
					}
					if got != want {
						t.Errorf("row groups of %d, %s, %d workers, morsels of %d:\n%s, want\n%s", groups, level, workers, morsel, got, want)
					}
				}
			}
		}
	}
	return want
}

// digest runs an example and gives its model and metrics in a line.
func digest(t *testing.T, ex example, data, set map[string]string, cfg engine.Config) string {
	t.Helper()
	all := map[string]string{}
	maps.Copy(all, data)
	maps.Copy(all, set)
	scored := filepath.Join(t.TempDir(), "scored.parquet")
	if ex.out != "" {
		all[ex.out] = scored
	}
	p, l := dags.Load(dags.LoadOptions{Files: []string{filepath.Join(folder, ex.file)}, Set: all})
	if l.Failed() {
		t.Fatal(l.Err())
	}
	cfg.Workspace = t.TempDir()
	cfg.Now = func() time.Time { return time.Unix(1e9, 0) }
	if p.Gates != nil && set != nil {
		p.Gates.Require = nil // a model of few rows and trees is none that passes
	}
	out, err := engine.Run(context.Background(), p, cfg)
	if err != nil {
		t.Fatalf("%s: %v", ex.name, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "model %s", model(t, filepath.Join(cfg.Workspace, "models", out.Model, "versions", fmt.Sprint(out.Version))))
	for _, e := range out.Evals {
		for _, m := range e.Result.Models {
			fmt.Fprintf(&b, " rows %d", m.Rows)
			numbers(&b, m.Metrics)
			h := sha256.New()
			for _, c := range m.Classes {
				fmt.Fprintf(h, "%s %d %x %x %x %x", c.Name, c.Rows, math.Float64bits(c.Precision), math.Float64bits(c.Recall), math.Float64bits(c.F1), math.Float64bits(c.AUC))
			}
			for _, s := range m.Slices {
				fmt.Fprintf(h, "%s %q %d", s.Column, s.Value, s.Rows)
				for _, x := range s.Metrics {
					fmt.Fprintf(h, "%s %x", x.Name, math.Float64bits(x.Value))
				}
			}
			fmt.Fprintf(&b, " slices %d %x", len(m.Slices), h.Sum(nil)[:4])
		}
	}
	if ex.out != "" {
		text, err := os.ReadFile(scored)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, " predictions %x", sha256.Sum256(text))
	}
	return b.String()
}

func numbers(b *strings.Builder, ms []operators.Metric) {
	for _, m := range ms {
		fmt.Fprintf(b, " %s=%x", m.Name, math.Float64bits(m.Value))
	}
}

// model is a digest of a published bundle, without where it comes from: the digests of the data's files and of the DAG file with
// their names.
func model(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "version.json" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest := false
	for _, name := range slices.Sorted(slices.Values(names)) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, name)
		if rel == "manifest.json" {
			manifest = true
			var m map[string]json.RawMessage
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			for _, from := range []string{"dag", "data"} {
				if m[from] == nil {
					t.Fatalf("the manifest does not say its %s", from)
				}
				delete(m, from)
			}
			text, _ = json.Marshal(m) // keys sorted
		}
		fmt.Fprintf(h, "%s %d ", rel, len(text))
		h.Write(text)
	}
	if !manifest {
		t.Fatalf("no manifest among %v", names)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// rewrite copies an example's data, its first rows in row groups of some size, and gives the parameters that name the copies.
func rewrite(t *testing.T, ex example, group int) map[string]string {
	t.Helper()
	dir, set := t.TempDir(), map[string]string{}
	for param, file := range ex.data {
		set[param] = filepath.Join(dir, file)
		if err := copyRows(filepath.Join(folder, filepath.Dir(ex.file), file), set[param], ex.rows, group); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

var errEnough = errors.New("enough")

func copyRows(from, to string, rows, group int) (err error) {
	ctx, fs := context.Background(), files.Local()
	src, dst := parquet.New(), parquet.New()
	src.Path, dst.Path, dst.RowGroupRows = from, to, group
	var d connectors.Dataset
	if d, err = src.Open(ctx, fs, nil); err != nil {
		return err
	}
	defer d.Close()
	w, err := dst.Create(ctx, fs, d.Schema())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Abort())
		}
	}()
	cols := make([]int, len(d.Schema().Fields))
	for i := range cols {
		cols[i] = i
	}
	c := &batch.Ctx{}
	for u := range d.Units() {
		err := d.Read(ctx, c, u, cols, 4096, func(b batch.Batch) error {
			n := min(b.N, rows)
			if rows -= n; n > 0 {
				if err := w.Write(b.Slice(c, 0, n)); err != nil {
					return err
				}
			}
			c.Reset()
			if rows == 0 {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return err
		}
	}
	return w.Commit()
}
