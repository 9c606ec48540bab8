package digests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/kernels/cpu"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/race"
)

const millionDAG = `
version: 1
name: million
params:
  path: {type: path}
sources:
  rows:
    parquet: {path: "${{ params.path }}"}
task: {kind: binary, label: label}
steps:
  split:
    from: rows
    sample.split: {by: random, train: 0.8, valid: 0.1, test: 0.1}
  model:
    from: split
    train.gbdt: {trees: 30, leaves: 63, early_stop: {rounds: 5}}
  report:
    from: model
    evaluate.binary: {part: test}
publish: {model: model, as: million}
`

// TestMillionRows fits boosted trees to a million rows of numbers and a text column: the model has the same bytes from 1, 2, 3, 7 and 16 workers
// at each instruction level, of any row groups and morsels, and from a build without assembly. Of fewer rows unless it is HEADRACE_TORTURE's.
func TestMillionRows(t *testing.T) {
	rows, workers := race.Few(20_000), []int{1, 3}
	torture := os.Getenv("HEADRACE_TORTURE") != ""
	if torture {
		rows, workers = 1_000_000, []int{1, 2, 3, 7, 16}
	}
	dir := t.TempDir()
	dag := filepath.Join(dir, "million.yaml")
	if err := os.WriteFile(dag, []byte(millionDAG), 0o666); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, group := range []int{1 << 17, 50_000, 7_777} {
		path := filepath.Join(dir, fmt.Sprint(group, ".parquet"))
		if err := denseAndText(path, rows, group); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	morsels := []int{0, 1000, 65_536, 4096} // 0 is as it comes
	want, n := "", 0
	same := func(got, way string) {
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: model %s, want %s", way, got, want)
		}
	}
	for _, level := range slices.Backward(cpu.Levels()) {
		for _, w := range workers {
			path, morsel := paths[n%len(paths)], morsels[n%len(morsels)]
			n++
			workspace := t.TempDir()
			p, l := dags.Load(dags.LoadOptions{Files: []string{dag}, Set: map[string]string{"path": path}})
			if l.Failed() {
				t.Fatal(l.Err())
			}
			began := time.Now()
			restore := cpu.Lower(level)
			out, err := engine.Run(context.Background(), p, engine.Config{Workspace: workspace, Workers: w, MorselRows: morsel, Now: func() time.Time { return time.Unix(1e9, 0) }})
			restore()
			if err != nil {
				t.Fatal(err)
			}
			way := fmt.Sprintf("%s, %d workers, morsels of %d, row groups of %s", level, w, morsel, filepath.Base(path))
			t.Logf("%s: %v", way, time.Since(began).Round(time.Millisecond))
			same(model(t, versionOf(workspace, out.Version)), way)
			if auc := metric(out, "auc"); auc < 0.7 {
				t.Errorf("%s: AUC %v: the model is none", way, auc)
			}
		}
	}
	if !torture {
		return
	}
	binary, workspace := filepath.Join(dir, "headrace"), t.TempDir()
	for _, args := range [][]string{
		{"go", "build", "-tags", "headrace_noasm", "-o", binary, "../../cmd/headrace"},
		{binary, "run", "-q", "--cores", "2", "--workspace", workspace, dag, "--set", "path=" + paths[1]},
	} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, text)
		}
	}
	same(model(t, versionOf(workspace, 1)), "a build without assembly")
}

func versionOf(workspace string, version int) string {
	return filepath.Join(workspace, "models", "million", "versions", fmt.Sprint(version))
}

// metric is one of the evaluation's, or 0.
func metric(out *engine.Outcome, name string) float64 {
	for _, m := range out.Evals[0].Result.Models[0].Metrics {
		if m.Name == name {
			return m.Value
		}
	}
	return 0
}

// denseAndText writes dense rows, with a text column of some 300 values that tells of two of the numbers.
func denseAndText(path string, rows, group int) error {
	schema := gen.DenseSchema()
	schema.Fields[gen.DenseFeatures].Type = batch.T(batch.Bool)
	schema.Fields = append(schema.Fields, operators.Field{Name: "text", Type: batch.T(batch.String)})
	o := parquet.New()
	o.Path, o.Compression, o.RowGroupRows = path, "snappy", group
	w, err := o.Create(context.Background(), files.Local(), schema)
	if err != nil {
		return err
	}
	const step = 50_000
	for lo := 0; lo < rows; lo += step {
		x, label := gen.Dense(uint64(lo), min(step, rows-lo))
		b := batch.Batch{N: len(label), ID: batch.IDs{Base: uint64(lo)}}
		for _, c := range x {
			b.Cols = append(b.Cols, batch.OfFloat32s(c))
		}
		bits, text := make([]bool, b.N), make([]string, b.N)
		for i := range bits {
			bits[i] = label[i] == 1
			text[i] = fmt.Sprint("level ", int(float32(x[0][i]*40))+int(float32(x[12][i]*8))*31%97)
		}
		b.Cols = append(b.Cols, batch.OfBools(bits), batch.OfStrings(text))
		if err := w.Write(b); err != nil {
			_ = w.Abort()
			return err
		}
	}
	return w.Commit()
}
