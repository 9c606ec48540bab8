package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/files/filestest"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/testing/cases/rig"
)

// A full disk of 1 MB as workspace: exit code 75, one line, the model in use stays, nothing half-written is left, and the same command
// succeeds once there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk cannot be mounted here, which needs root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "faulted.yaml"), flightsDAG)
	rig.Copy(t, rig.Example("flights/flights.parquet"), filepath.Join(dir, "flights.parquet"))
	run := func() rig.Result {
		return rig.Run(t, dir, "run", "-q", "--workspace", disk, "faulted.yaml")
	}
	if r := run(); r.Code != 0 {
		t.Fatalf("the disk is empty: exit %d\n%s", r.Code, r.Errors)
	}
	full := 0
	for _, free := range []int64{0, 4 << 10, 8 << 10, 16 << 10, 24 << 10, 32 << 10, 40 << 10, 48 << 10, 64 << 10} {
		before := alias(t, disk, "faulted", "champion")
		filler := fill(t, disk, free)
		r := run()
		after := alias(t, disk, "faulted", "champion")
		left := leftovers(t, disk)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if r.Code == 0 {
			continue
		}
		full++
		if r.Code != 75 || strings.Count(strings.TrimSuffix(r.Errors, "\n"), "\n") != 0 || !strings.Contains(r.Errors, "no space left") || inside.MatchString(r.Errors) {
			t.Errorf("%d bytes free: exit %d, want 75 and one line\n%s", free, r.Code, r.Errors)
		}
		if after != before {
			t.Errorf("%d bytes free: the alias moved from %d to %d", free, before, after)
		}
		if left != nil {
			t.Errorf("%d bytes free: left behind %v", free, left)
		}
		if r := run(); r.Code != 0 || alias(t, disk, "faulted", "champion") != before+1 {
			t.Errorf("there is space again: exit %d\n%s", r.Code, r.Errors)
		}
		if err := os.RemoveAll(filepath.Join(disk, "runs")); err != nil { // the reports would fill the disk
			t.Fatal(err)
		}
	}
	if full < 3 {
		t.Errorf("the disk was full in %d runs only", full)
	}
	filler := fill(t, disk, 2<<10)
	r := rig.Run(t, dir, "run", "-q", "faulted.yaml", "--to", "rows", "-o", filepath.Join(disk, "rows.csv"))
	if r.Code != 75 || strings.Count(r.Errors, "\n") != 1 || !strings.Contains(r.Errors, "rows.csv") {
		t.Errorf("run --to on a full disk: exit %d\n%s", r.Code, r.Errors)
	}
	if _, err := os.Stat(filepath.Join(disk, "rows.csv")); err == nil || leftovers(t, disk) != nil {
		t.Errorf("run --to on a full disk left something behind: %v", leftovers(t, disk))
	}
	os.Remove(filler)
}

// fill writes a file until so many bytes are free, whole pages.
func fill(t *testing.T, disk string, free int64) string {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(disk, "filler")
	size := int64(st.Bavail)*st.Bsize - free
	if size < 0 {
		t.Fatalf("%d bytes are not there", free)
	}
	if err := os.WriteFile(name, make([]byte, size), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// smallDAG is quick, and touches all that a run writes: journal, metrics, report, sink, registry.
const smallDAG = `version: 1
name: small
sources:
  data: {csv: {path: rows.csv}, columns: {y: {type: bool}}}
task: {kind: binary, label: y}
steps:
  rows:   {from: data, sample.split: {by: random, train: 0.6, test: 0.4}}
  model:  {from: rows, train.gbdt: {trees: 2, leaves: 4, min_rows: 5}}
  report: {from: model, evaluate.binary: {part: test, champion: "models://small@champion"}}
publish: {model: model, as: small}
gates: {from: report, first_run: pass, require: ["auc > 0.4", "auc >= champion.auc - 0.5"]}
sinks:
  scored: {from: model.test, csv: {path: scored.csv}}
`

func writeSmall(t *testing.T, dir string) {
	t.Helper()
	rig.Write(t, filepath.Join(dir, "small.yaml"), smallDAG)
	var b strings.Builder
	b.WriteString("x,c,y\n")
	for i := range 200 {
		fmt.Fprintf(&b, "%d.5,%c,%t\n", i*7%83, 'a'+i%3, i*7%83 > 40 != (i%5 == 0))
	}
	rig.Write(t, filepath.Join(dir, "rows.csv"), b.String())
}

// runSmall runs the small DAG of a folder on a file system.
func runSmall(dir string, fs files.FS) (o *engine.Outcome, err error) {
	p, l := dags.Load(dags.LoadOptions{Files: []string{filepath.Join(dir, "small.yaml")}})
	if p == nil || l.Failed() {
		return nil, l.Err()
	}
	return engine.Run(context.Background(), p, engine.Config{FS: fs, Workspace: filepath.ToSlash(filepath.Join(dir, "ws")), Workers: 1})
}

// Every operation on the file system fails once: reads, writes, syncs, renames. There is no panic; the alias is the old version or the new
// one, and a model can be loaded by it; the sink is the old file or the new one; a plain run afterwards succeeds.
func TestEveryOperationFails(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	writeSmall(t, base)
	for range 2 {
		if _, err := runSmall(base, files.Local()); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(base, "scored.csv"))
	if err != nil {
		t.Fatal(err)
	}
	count := &filestest.Faulty{FS: files.Local()}
	if _, err := runSmall(base, count); err != nil {
		t.Fatal(err)
	}
	total := count.Count()
	if total < 100 {
		t.Fatalf("a run does %d operations only: it does not go through the file system that it is given", total)
	}
	base = t.TempDir()
	writeSmall(t, base)
	if _, err := runSmall(base, files.Local()); err != nil {
		t.Fatal(err)
	}
	codes := map[string]map[int]int{}
	for _, fault := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		codes[fault.Error()] = map[int]int{}
		for at := 1; at <= total; at += times(11, 1) {
			for _, sticky := range []bool{false, true} {
				what := fmt.Sprintf("%v at operation %d of %d, sticky %t", fault, at, total, sticky)
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
					t.Fatal(err)
				}
				f := &filestest.Faulty{FS: files.Local(), Err: fault, At: at, Sticky: sticky, Short: true}
				_, err := runSmall(dir, f)
				code := engine.ExitCode(err)
				codes[fault.Error()][code]++
				var p *exec.PanicError
				if errors.As(err, &p) || err != nil && inside.MatchString(err.Error()) {
					t.Errorf("%s: %v", what, err)
				}
				ws := filepath.Join(dir, "ws")
				is := alias(t, ws, "small", "champion")
				if is != 1 && is != 2 || err == nil && is != 2 {
					t.Errorf("%s: error %v, alias %d", what, err, is)
				}
				if fault == syscall.ENOSPC && err != nil && errors.Is(err, fault) && code != engine.ExitAgain {
					t.Errorf("%s: exit %d, want 75: %v", what, code, err)
				}
				if _, _, err := engine.LoadModel(engine.Config{FS: files.Local(), Workspace: ws}, "small"); err != nil {
					t.Errorf("%s: the model in use: %v", what, err)
				}
				if b, err := os.ReadFile(filepath.Join(dir, "scored.csv")); err != nil || string(b) != string(whole) {
					t.Errorf("%s: the sink is half written: %v", what, err)
				}
				if _, err := runSmall(dir, files.Local()); err != nil {
					t.Errorf("%s: a run afterwards: %v", what, err)
				} else if now := alias(t, ws, "small", "champion"); now <= is {
					t.Errorf("%s: a run afterwards: alias %d after %d", what, now, is)
				}
			}
		}
	}
	t.Logf("%d operations; exit codes %v", total, codes)
}
