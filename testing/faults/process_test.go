package faults

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/testing/cases/rig"
	"github.com/headrace/headrace/testing/race"
)

func flightsFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "faulted.yaml"), flightsDAG)
	rig.Copy(t, rig.Example("flights/flights.parquet"), filepath.Join(dir, "flights.parquet"))
	return dir
}

// bundleFiles are the files of a published version but for what differs from run to run.
func bundleFiles(t *testing.T, dir string, version int) map[string]string {
	t.Helper()
	root := os.DirFS(filepath.Join(dir, ".headrace", "models", "faulted", "versions", strconv.Itoa(version)))
	out := map[string]string{}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || p == "version.json" { // when, and by which run
			return err
		}
		b, err := fs.ReadFile(root, p)
		out[p] = string(b)
		return err
	})
	if err != nil || len(out) < 3 {
		t.Fatal("the version is not whole", err)
	}
	return out
}

// A run that is killed at any moment leaves the registry as it was or with the whole new version; a plain run afterwards gives the very
// bytes of a run that nothing disturbed.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	calm := flightsFolder(t)
	start := time.Now()
	if r := rig.Run(t, calm, "run", "-q", "faulted.yaml"); r.Code != 0 {
		t.Fatal(r.Errors)
	}
	whole := time.Since(start)
	want := bundleFiles(t, calm, 1)
	dir := flightsFolder(t)
	r := rand.New(rand.NewPCG(2, 71))
	killed := 0
	for i := range times(max(4, race.Few(10)), 200) {
		before := alias(t, filepath.Join(dir, ".headrace"), "faulted", "champion")
		c := rig.Command(context.Background(), dir, "run", "-q", "faulted.yaml")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * 1.1 * float64(whole)))
		_ = c.Process.Kill() // it may have ended
		if err := c.Wait(); err != nil {
			killed++
		}
		after := alias(t, filepath.Join(dir, ".headrace"), "faulted", "champion")
		if after != before && after != before+1 {
			t.Fatalf("kill %d: alias %d after %d", i, after, before)
		}
		again := rig.Run(t, dir, "run", "-q", "faulted.yaml")
		if again.Code != 0 {
			t.Fatalf("kill %d: the run afterwards: exit %d\n%s", i, again.Code, again.Errors)
		}
		now := alias(t, filepath.Join(dir, ".headrace"), "faulted", "champion")
		if now <= after {
			t.Fatalf("kill %d: the run afterwards: alias %d after %d", i, now, after)
		}
		got := bundleFiles(t, dir, now)
		if len(got) != len(want) {
			t.Errorf("kill %d: %d files, want %d", i, len(got), len(want))
		}
		for name, b := range want {
			if got[name] != b {
				t.Errorf("kill %d: %s differs from that of a calm run", i, name)
			}
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	t.Logf("%d killed", killed)
}

// Two runs of one DAG at once: the second says so and ends with 75, the first goes on.
func TestTwoRunsAtOnce(t *testing.T) {
	dir := flightsFolder(t)
	first := rig.Command(context.Background(), dir, "run", "-q", "faulted.yaml", "--set", "trees=400")
	var errs bytes.Buffer
	first.Stderr = &errs
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	underWay(t, first, dir)
	second := rig.Run(t, dir, "run", "-q", "faulted.yaml")
	if second.Code != 75 || strings.Count(second.Errors, "\n") != 1 || !strings.Contains(second.Errors, "another run") {
		t.Errorf("the second run: exit %d, want 75 and a line\n%s", second.Code, second.Errors)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first run: %v\n%s", err, errs.String())
	}
	if third := rig.Run(t, dir, "run", "-q", "faulted.yaml"); third.Code != 0 {
		t.Errorf("a run after both: exit %d\n%s", third.Code, third.Errors)
	}
}

// underWay waits until a run has begun.
func underWay(t *testing.T, c *exec.Cmd, dir string) {
	t.Helper()
	for range 2000 {
		if found, _ := filepath.Glob(filepath.Join(dir, ".headrace", "runs", "faulted", "*", "journal.jsonl")); found != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = c.Process.Kill()
	t.Fatal("the run did not begin")
}

// SIGTERM ends a run soon, with 143 and a line; SIGINT with 130. The run is written down as failed, and the next one succeeds.
func TestSignals(t *testing.T) {
	for _, s := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}} {
		dir := flightsFolder(t)
		c := rig.Command(context.Background(), dir, "run", "faulted.yaml", "--set", "trees=5000")
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		underWay(t, c, dir)
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		if err := c.Process.Signal(s.signal); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%v: ended after %v", s.signal, took)
		}
		lines := strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
		last := lines[len(lines)-1]
		if c.ProcessState.ExitCode() != s.code || !strings.HasPrefix(last, "headrace: ") || !strings.Contains(last, s.signal.String()) {
			t.Errorf("%v: %v, want exit %d and a line that says so\n%s", s.signal, c.ProcessState, s.code, errs.String())
		}
		if inside.MatchString(errs.String()) {
			t.Errorf("%v: %s", s.signal, errs.String())
		}
		runs, err := store.Look(files.Local(), filepath.Join(dir, ".headrace")).Runs("faulted")
		if err != nil || len(runs) != 1 || runs[0].Status != "failed" {
			t.Errorf("%v: the run is written down as %+v, %v", s.signal, runs, err)
		}
		if left := leftovers(t, dir); left != nil {
			t.Errorf("%v: left behind %v", s.signal, left)
		}
		if r := rig.Run(t, dir, "run", "-q", "faulted.yaml"); r.Code != 0 {
			t.Errorf("%v: the run afterwards: exit %d\n%s", s.signal, r.Code, r.Errors)
		}
	}
}
