package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/store"

	_ "github.com/headrace/headrace/connectors/all"
	_ "github.com/headrace/headrace/operators/all"
)

// ran runs a DAG file of that text beside its data.
func ran(t testing.TB, dir, name, text string, cfg engine.Config) (*engine.Outcome, error) {
	t.Helper()
	file := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	p, l := dags.Load(dags.LoadOptions{Files: []string{file}})
	if l.Failed() {
		t.Fatal(l.Err())
	}
	cfg.Workspace = filepath.ToSlash(filepath.Join(dir, "ws"))
	return engine.Run(context.Background(), p, cfg)
}

func rows(t testing.TB, dir, name string, n int, row func(i int) string) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		b.WriteString(row(i) + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

const binary = `version: 1
name: %s
sources: {data: {csv: {path: rows.csv}, columns: {y: {type: bool}, x: {type: int64}}%s}}
task: {kind: binary, label: y}
steps:
  rows:   {from: data, do: [%s {sample.split: {by: random, train: 0.6, test: 0.4}}]}
  model:  {from: rows, train.gbdt: {trees: 2, leaves: 4, min_rows: 5}}
  report: {from: model, evaluate.binary: {part: test, champion: "models://m@champion"}}
gates: {from: report, first_run: pass, require: ["auc >= 0.1", "auc >= champion.auc - 1"]}
publish: {model: model, as: m, alias: champion}
`

// A champion that fails at a row fails the lines that name it, with the reason, and the run goes on.
func TestChampionFailsAtARow(t *testing.T) {
	dir := t.TempDir()
	rows(t, dir, "rows.csv", 400, func(i int) string {
		if i == 0 {
			return "x,y"
		}
		return fmt.Sprintf("%d,%t", i, i*7%13 > 6)
	})
	first, err := ran(t, dir, "one", fmt.Sprintf(binary, "one", "", `{feature.derive: {big: "x * 1000000000000000"}},`), engine.Config{Workers: 2})
	if err != nil || first.Version != 1 {
		t.Fatal(first, err)
	}
	rows(t, dir, "rows.csv", 400, func(i int) string {
		if i == 0 {
			return "x,y"
		}
		return fmt.Sprintf("%d,%t", i*1000, i*7%13 > 6)
	})
	reason := ""
	for _, cfg := range []engine.Config{{Workers: 1}, {Workers: 3, MorselRows: 64}} {
		out, err := ran(t, dir, "two", fmt.Sprintf(binary, "two", "", ""), cfg)
		if !errors.Is(err, engine.ErrGate) || len(out.Gates) != 2 {
			t.Fatal(out, err)
		}
		if !out.Gates[0].Passed || out.Gates[1].Passed {
			t.Errorf("gates: %+v", out.Gates)
		}
		if r := out.Gates[1].Reason; !strings.Contains(r, "cannot be scored") || !strings.Contains(r, ": row ") || reason != "" && r != reason {
			t.Errorf("%+v: the reason is %q, before it was %q", cfg, r, reason)
		}
		reason = out.Gates[1].Reason
		if len(out.Evals[0].Result.Models) != 1 || out.Report == "" {
			t.Errorf("%d models are evaluated", len(out.Evals[0].Result.Models))
		}
	}
}

// The number of rows that a contract asks for is held also where it is known only when the rows are read.
func TestRowsContractOfCSV(t *testing.T) {
	dir := t.TempDir()
	rows(t, dir, "rows.csv", 200, func(i int) string {
		if i == 0 {
			return "x,y"
		}
		return fmt.Sprintf("%d,%t", i, i*7%13 > 6)
	})
	for bounds, ok := range map[string]bool{"{min: 199}": true, "{min: 200}": false, "{max: 199}": true, "{max: 198}": false} {
		_, err := ran(t, dir, "rows", fmt.Sprintf(binary, "rows", ", expect: {rows: "+bounds+"}", ""), engine.Config{Workers: 2})
		if (err == nil) != ok || !ok && (engine.ExitCode(err) != engine.ExitData || !strings.Contains(err.Error(), "199 rows")) {
			t.Errorf("%s: %v", bounds, err)
		}
	}
}

// bomb is a progress that panics, as any code of a run could.
type bomb struct{}

func (bomb) Stage(string, []string, int64) exec.Stage { panic("boom") }

// A panic is written down as a failed run, and the lock is let go.
func TestPanicIsWrittenDown(t *testing.T) {
	dir := t.TempDir()
	rows(t, dir, "rows.csv", 200, func(i int) string {
		if i == 0 {
			return "x,y"
		}
		return fmt.Sprintf("%d,%t", i, i*7%13 > 6)
	})
	text := fmt.Sprintf(binary, "rows", "", "")
	_, err := ran(t, dir, "rows", text, engine.Config{Progress: bomb{}})
	if engine.ExitCode(err) != engine.ExitInternal {
		t.Errorf("exit %d: %v", engine.ExitCode(err), err)
	}
	all, err := store.Look(files.Local(), filepath.Join(dir, "ws")).Runs("rows")
	if err != nil || len(all) != 1 || all[0].Status != "failed" || !strings.Contains(all[0].Error, "boom") {
		t.Errorf("written down: %+v, %v", all, err)
	}
	if _, err := ran(t, dir, "rows", text, engine.Config{}); err != nil {
		t.Errorf("the run afterwards: %v", err)
	}
}

const manySteps = `version: 1
name: few
sources: {data: {csv: {path: rows.csv}, columns: {y: {type: bool}, x: {type: int64, nullable: true}, s: {type: string, nullable: true}}}}
task: {kind: binary, label: y}
steps:
  rows:
    from: data
    do: [{clean.filter: "x == nil or x != 3"}, {sample.split: {by: random, train: 0.5, valid: 0.2, test: 0.3}}]
  some:
    from: rows
    do:
      - {sample.rows: {fraction: 0.7}, only: train}
      - {clean.fill: {columns: [x], method: mean}}
      - {feature.encode: {columns: [s], method: target, cross_fit: 5}}
      - {feature.scale: {columns: [x], method: standard}}
  counts: {from: data, table.aggregate: {by: [s], aggregates: {n: count(), top: max(x), mean: mean(x)}}}
  joined: {from: {left: data, right: counts}, table.join: {on: [s], columns: [n, top]}}
  model:  {from: some, train.%s}
  report: {from: model, evaluate.binary: {part: test, slices: [s]}}
publish: {model: model, as: few}
sinks:
  scored: {from: model.test, csv: {path: scored.csv}}
  counts: {from: counts, csv: {path: counts.csv}}
  joined: {from: joined, csv: {path: joined.csv}}
`

// Few rows, or none, in the source, in a part or in a fold give a model or an error of the data, and leave no temporary file.
func TestFewRows(t *testing.T) {
	done := 0
	for _, n := range []int{0, 1, 2, 5, 9, 39} {
		for _, model := range []string{"gbdt: {trees: 2, leaves: 4, min_rows: 1}", "logistic: {}"} {
			dir := t.TempDir()
			rows(t, dir, "rows.csv", n+1, func(i int) string {
				if i == 0 {
					return "x,y,s"
				}
				x, s := fmt.Sprint(i%5), fmt.Sprint("k", i%3)
				if i%4 == 2 {
					x = ""
				}
				return fmt.Sprintf("%s,%t,%s", x, i*7%13 > 6, s)
			})
			want := ""
			for _, cfg := range []engine.Config{{Workers: 1}, {Workers: 3, MorselRows: 1}} {
				out, err := ran(t, dir, "few", fmt.Sprintf(manySteps, model), cfg)
				got := fmt.Sprint(err)
				if err == nil {
					done++
					got = out.Hash
				} else if code := engine.ExitCode(err); code != engine.ExitData {
					t.Errorf("%d rows, %s: exit %d: %v", n, model, code, err)
				}
				if want != "" && got != want {
					t.Errorf("%d rows, %s: %s, before %s", n, model, got, want)
				}
				want = got
			}
			left, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
			if err != nil || left != nil {
				t.Errorf("%d rows: left behind %v, %v", n, left, err)
			}
		}
	}
	if done == 0 {
		t.Error("no run ended well")
	}
}

// What a sink writes is the same, byte for byte, whoever computed it and however the source was cut.
func TestSinkBytes(t *testing.T) {
	const dag = `version: 1
name: sink
sources: {data: {%s: {path: %s}}}
steps: {some: {from: data, do: [{clean.filter: "x %% 7 != 3"}, {feature.derive: {z: "x * 2"}}]}}
sinks: {out: {from: some, %s: {path: out}}}
`
	dir := t.TempDir()
	rows(t, dir, "rows.csv", 60_000, func(i int) string {
		if i == 0 {
			return "x,s"
		}
		return fmt.Sprintf("%d,k%d", i, i*i%91)
	})
	if _, err := ran(t, dir, "copy", "version: 1\nname: copy\nsources: {data: {csv: {path: rows.csv}}}\nsteps: {all: {from: data, clean.keep: [x, s]}}\nsinks: {out: {from: all, parquet: {path: rows.parquet}}}\n",
		engine.Config{}); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"parquet", "csv", "arrow"} {
		want := ""
		for _, from := range []string{"csv", "parquet"} {
			for _, cfg := range []engine.Config{{Workers: 1}, {Workers: 3, MorselRows: 1000}, {Workers: 2, MorselRows: 333}, {Workers: 2, MorselRows: 50_000}} {
				if _, err := ran(t, dir, "sink", fmt.Sprintf(dag, from, "rows."+from, format), cfg); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(dir, "out"))
				if err != nil || len(got) < 1000 {
					t.Fatal(len(got), err)
				}
				if want == "" {
					want = string(got)
				}
				if string(got) != want {
					t.Errorf("%s of %s, %d workers, morsels of %d: other bytes", format, from, cfg.Workers, cfg.MorselRows)
				}
			}
		}
	}
}
