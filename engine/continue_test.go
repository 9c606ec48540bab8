package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators/bundle"
)

// nightly is a job that goes on from a model: its name, its source, its split's seed, its trees and what it continues with.
const nightly = `version: 1
name: %s
sources: {data: {%s: {path: rows.%[2]s}}}
task: {kind: binary, label: y}
steps:
  rows:   {from: data, do: [{clean.filter: "y != nil"}, {sample.split: {by: random, train: 0.6, valid: 0.1, test: 0.3, seed: %d}}]}
  model:  {from: rows, train.gbdt: {trees: %d, leaves: 7, min_rows: 5%s}}
  report: {from: model, evaluate.binary: {part: test}}
gates: {from: report, require: ["auc >= 0.1"]}
publish: {model: model, as: m, alias: champion}
`

func nights(t *testing.T, dir string) func(name, format string, seed, trees int, more string, cfg engine.Config) (*engine.Outcome, error) {
	t.Helper()
	rows(t, dir, "rows.csv", 6000, func(i int) string {
		if i == 0 {
			return "x,s,y"
		}
		return fmt.Sprintf("%d,k%d,%t", i*7919%1000, i*i%23, (i*7919%1000)/10%7 > i*31%5)
	})
	if _, err := ran(t, dir, "copy", "version: 1\nname: copy\nsources: {data: {csv: {path: rows.csv}}}\nsteps: {all: {from: data, clean.keep: [x, s, y]}}\nsinks: {out: {from: all, parquet: {path: rows.parquet}}}\n",
		engine.Config{}); err != nil {
		t.Fatal(err)
	}
	return func(name, format string, seed, trees int, more string, cfg engine.Config) (*engine.Outcome, error) {
		return ran(t, dir, name, fmt.Sprintf(nightly, name, format, seed, trees, more), cfg)
	}
}

// The model that comes of going on is the same however the rows came and whoever computed it; another model before makes another; and it
// says which it was.
func TestContinueBits(t *testing.T) {
	dir := t.TempDir()
	night := nights(t, dir)
	first, err := night("nightly", "csv", 1, 5, "", engine.Config{Workers: 2})
	if err != nil || first.Version != 1 {
		t.Fatal(first, err)
	}
	if second, err := night("nightly", "csv", 1, 6, "", engine.Config{Workers: 2}); err != nil || second.Version != 2 {
		t.Fatal(second, err)
	}
	for _, more := range []string{", trees: 4}", ", trees: 4}, early_stop: {rounds: 2}", ", trees: 4}, dart: {skip: 0}", ", refit: 0.5}"} {
		want := ""
		for i, cfg := range []engine.Config{{Workers: 1}, {Workers: 3, MorselRows: 64}, {Workers: 7, MorselRows: 1000, Tables: 1 << 16}} {
			for _, format := range []string{"csv", "parquet"}[:1+i/2] {
				out, err := night("nightly", format, 1, 5, `, continue: {model: "models://m@1"`+more, cfg)
				if err != nil {
					t.Fatal(more, err)
				}
				if want == "" {
					want = out.Hash
				}
				if out.Hash != want || out.Hash == first.Hash {
					t.Errorf("%s, %s, %+v: model %.12s, want %.12s and not that before, %.12s", more, format, cfg, out.Hash, want, first.Hash)
				}
				ws := store.Look(files.Local(), filepath.ToSlash(filepath.Join(dir, "ws")))
				_, fsys, err := ws.Resolve("m", fmt.Sprint(out.Version))
				if err != nil {
					t.Fatal(err)
				}
				b, err := bundle.Load(fsys)
				if err != nil {
					t.Fatal(err)
				}
				if b.Manifest.Data["models://m@1"] != first.Hash || len(b.Manifest.Data) != 2 {
					t.Errorf("its data are %v", slices.Sorted(maps.Keys(b.Manifest.Data)))
				}
			}
		}
		out, err := night("nightly", "csv", 1, 5, `, continue: {model: "models://m@2"`+more, engine.Config{Workers: 2})
		if err != nil || out.Hash == want {
			t.Errorf("%s: from another model: %.12s, %v", more, out.Hash, err)
		}
	}
}

// A name that nobody publishes, a version that is not there and an alias that this DAG does not move would begin anew every night: they are
// mistakes.
func TestContinueMistakes(t *testing.T) {
	dir := t.TempDir()
	night := nights(t, dir)
	for ref, want := range map[string]string{
		"models://other":  "there is no model other, and this DAG does not publish one by that name",
		"models://m@1":    "there is no model m",
		"models://m@late": "",
		"models://m":      "",
		"m@champion":      `"m@champion" is no model`,
	} {
		_, err := night("nightly", "csv", 1, 2, `, continue: {model: "`+ref+`"}`, engine.Config{Workers: 2, Sample: 0.5}) // publishes nothing
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || engine.ExitCode(err) != engine.ExitInvalid) {
			t.Errorf("%s, nothing published: %v, want %q", ref, err, want)
		}
	}
	if first, err := night("nightly", "csv", 1, 5, "", engine.Config{Workers: 2}); err != nil || first.Version != 1 {
		t.Fatal(first, err)
	}
	for ref, want := range map[string]string{
		"models://m@7":      "model m has no version 7; there are version 1, champion",
		"models://m@late":   "model m has no alias late; there are version 1, champion",
		"models://m@latest": "",
		"models://m@1":      "",
		"models://m":        "",
	} {
		_, err := night("nightly", "csv", 1, 2, `, continue: {model: "`+ref+`"}`, engine.Config{Workers: 2, Sample: 0.5})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || engine.ExitCode(err) != engine.ExitInvalid) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

// Rows that the model before has learnt from are no test of one that goes on from it, nor are those of the models that it went on from
// itself; and early stopping is told of.
func TestContinueOverlap(t *testing.T) {
	dir := t.TempDir()
	night := nights(t, dir)
	if first, err := night("nightly", "csv", 1, 5, "", engine.Config{Workers: 2}); err != nil || first.Version != 1 {
		t.Fatal(first, err)
	}
	const on = `, early_stop: {rounds: 3}, continue: {model: "models://m@%d"}`
	refused := func(out *engine.Outcome, err error, before string) {
		t.Helper()
		if !errors.Is(err, engine.ErrGate) || out.Version != 0 {
			t.Fatal(out, err)
		}
		if g := out.Gates[len(out.Gates)-1]; g.Line != "continue overlap" || !strings.Contains(g.Reason, before) || !strings.Contains(g.Reason, ", which the model goes on from, has learnt from 6") {
			t.Errorf("%+v", g)
		}
	}
	out, err := night("nightly", "csv", 1, 5, fmt.Sprintf(on, 1), engine.Config{Workers: 2})
	if e := out.Evals[0]; err != nil || out.Version != 2 || e.BeforeOverlap != 0 || e.Valid < 400 || e.ValidOverlap != 0 || e.Stopped() != "" {
		t.Errorf("the same split: %v, %+v", err, e)
	}
	out, err = night("nightly", "csv", 2, 5, fmt.Sprintf(on, 1), engine.Config{Workers: 3, MorselRows: 100})
	refused(out, err, "m version 1 (")
	if e := out.Evals[0]; e.ValidOverlap < e.Valid/2 || e.ValidOverlap > e.Valid*7/10 || !strings.Contains(e.Stopped(), "early_stop may end too soon: m version 1 (") {
		t.Errorf("%d of %d valid rows, %q", e.ValidOverlap, e.Valid, e.Stopped())
	}
	champion := strings.Replace(fmt.Sprintf(nightly, "nightly", "csv", 2, 5, fmt.Sprintf(on, 2)), "part: test", `part: test, champion: "models://m@champion"`, 1)
	if out, err := ran(t, dir, "champion", champion, engine.Config{Workers: 2}); !errors.Is(err, engine.ErrGate) || len(out.Gates) != 2 || out.Gates[1].Line != "champion overlap" {
		t.Errorf("the champion itself: %v, %+v", err, out.Gates)
	}
	allowed := strings.Replace(fmt.Sprintf(nightly, "nightly", "csv", 2, 5, fmt.Sprintf(on, 1)), "gates: {", "gates: {champion_overlap: allow, ", 1)
	if out, err := ran(t, dir, "allowed", allowed, engine.Config{Workers: 2}); err != nil || out.Version != 3 {
		t.Fatal(out, err)
	}
	// Its own split keeps the rows of the test apart; that of the model that it went on from does not.
	out, err = night("nightly", "csv", 2, 5, fmt.Sprintf(on, 3), engine.Config{Workers: 2})
	refused(out, err, "m version 3 (")
}

// Where the split of a model reads a column that is gone, or has another type now, nobody knows which rows it has learnt from: that is told, of
// the champion and of the model that is gone on from.
func TestContinueUntold(t *testing.T) {
	dir := t.TempDir()
	nights(t, dir)
	job := func(file, evaluate, more string) (*engine.Outcome, error) {
		dag := fmt.Sprintf(nightly, "nightly", "csv", 1, 5, more)
		for _, change := range [][2]string{{"path: rows.csv", "path: " + file}, {"seed: 1}}", "seed: 1}}, {clean.keep: [x, y]}"}, {"part: test}", "part: test" + evaluate + "}"}} {
			if !strings.Contains(dag, change[0]) {
				t.Fatal(change)
			}
			dag = strings.Replace(dag, change[0], change[1], 1)
		}
		return ran(t, dir, "nightly", dag, engine.Config{Workers: 2})
	}
	if out, err := job("rows.csv", "", ""); err != nil || out.Version != 1 {
		t.Fatal(out, err)
	}
	rows(t, dir, "gone.csv", 2000, func(i int) string {
		if i == 0 {
			return "x,y"
		}
		return fmt.Sprintf("%d,%t", i, i%3 == 0)
	})
	rows(t, dir, "typed.csv", 2000, func(i int) string {
		if i == 0 {
			return "x,s,y"
		}
		return fmt.Sprintf("%d,%d,%t", i, i%23, i%3 == 0)
	})
	const champion, on = `, champion: "models://m@1"`, `, continue: {model: "models://m@1"}`
	const gone, typed = `its split reads column "s", which data does not have`, `its split reads column "s" as string, and it is int64 now`
	for _, c := range []struct{ file, evaluate, more, who, why string }{
		{"gone.csv", "", on, "m version 1 (", gone},
		{"gone.csv", champion, "", "models://m@1", gone},
		{"gone.csv", champion, on, "models://m@1", gone}, // once
		{"typed.csv", champion, on, "models://m@1", typed},
		{"rows.csv", champion, on, "", ""},
	} {
		out, err := job(c.file, c.evaluate, c.more)
		if err != nil {
			t.Fatal(err)
		}
		said := out.Evals[0].Unknown()
		if c.why == "" && len(said) == 0 {
			continue
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], "which of these rows "+c.who) || !strings.HasSuffix(said[0], " has learnt from is not known: "+c.why) {
			t.Errorf("%v: %q", c, said)
		}
	}
}
