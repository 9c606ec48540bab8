// Package faults fails what a run stands on: its data, its disk, its process.
package faults

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/testing/cases/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// torture says whether the tests that take long run in full.
func torture() bool { return os.Getenv("HEADRACE_TORTURE") != "" }

// times is how often something is tried.
func times(quick, long int) int {
	if torture() {
		return long
	}
	return quick
}

// flightsDAG learns little from all columns of the flights, and writes rows; it publishes without a gate.
const flightsDAG = `version: 1
name: faulted
params:
  path:  {type: path, default: flights.parquet}
  trees: {type: int, default: 3}
sources:
  data: {parquet: {path: "${{ params.path }}"}}
task: {kind: binary, label: late}
steps:
  rows:
    from: data
    do:
      - clean.filter: "delay != nil and date != nil"
      - feature.derive: {late: "delay > 15", hour: "hour(date)"}
      - clean.drop: [delay, date]
      - sample.split: {by: random, train: 0.7, valid: 0.1, test: 0.2}
  model:  {from: rows, train.gbdt: {trees: "${{ params.trees }}", leaves: 8}}
  report: {from: model, evaluate.binary: {part: test}}
publish: {model: model, as: faulted}
`

// anyDAG takes whatever columns there are.
const anyDAG = `version: 1
name: any
params:
  path: {type: path, default: data.parquet}
sources:
  data: {parquet: {path: "${{ params.path }}"}}
steps:
  kept: {from: data, clean.drop_missing: {how: all}}
sinks:
  out: {from: kept, csv: {path: out.csv}}
`

var inside = regexp.MustCompile(`panic|goroutine|internal error|runtime error|\.go:\d+`)

// clearLine holds that an error that is the data's fault is told as it should be: exit code 4, one line that names the source and the file,
// and below it, indented, the place in the DAG file at most.
func clearLine(t *testing.T, what string, r rig.Result, names ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.Errors, "\n"), "\n")
	if last := len(lines) - 1; last > 0 && lines[last] == "1 error" {
		lines = lines[:last] // a finding of the check, and their number
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "  ") })
	text := strings.Join(lines, "\n")
	if r.Code != 4 || inside.MatchString(text) || text == "" || strings.Contains(text, "\n") {
		t.Errorf("%s: exit %d, want 4 and one clear line:\n%s", what, r.Code, r.Errors)
		return
	}
	for _, n := range names {
		if !strings.Contains(text, n) {
			t.Errorf("%s: the line does not name %s:\n%s", what, n, text)
		}
	}
}

// alias is the version that an alias points to; 0 where there is none. It holds that the registry can be read: every version is whole,
// their numbers have no gap, the alias points to one of them.
func alias(t *testing.T, workspace, model, name string) int {
	t.Helper()
	ws := store.Look(files.Local(), workspace)
	all, err := ws.Models()
	if err != nil {
		t.Fatalf("the registry cannot be read: %v", err)
	}
	for _, m := range all {
		if m.Name != model {
			continue
		}
		for i, v := range m.Versions {
			if v.Version != i+1 {
				t.Errorf("versions of %s have a gap at %d: %d", model, i+1, v.Version)
			}
		}
		if _, err := ws.Runs(""); err != nil {
			t.Errorf("the runs cannot be read: %v", err)
		}
		return m.Aliases[name]
	}
	return 0
}

// leftovers are temporary files below a folder.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(p, ".tmp") || strings.HasPrefix(d.Name(), ".aside") {
			names = append(names, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
