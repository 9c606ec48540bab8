package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/files/filestest"
)

// The test binary runs itself to have processes that lock, publish and die.
func TestMain(m *testing.M) {
	if what := os.Getenv("STORE_TEST_CHILD"); what != "" {
		child(what, os.Getenv("STORE_TEST_DIR"))
		return
	}
	os.Exit(m.Run())
}

func child(what, dir string) {
	w, err := Open(files.Local(), dir)
	if err == nil {
		switch what {
		case "publish":
			for range 5 {
				var v int
				if v, err = w.Publish("m", model("child"), VersionMeta{}); err == nil {
					fmt.Println(v)
				}
			}
		case "run": // holds the lock until it is killed
			if _, err = w.Lock("d"); err == nil {
				_, err = w.NewRun("d", RunMeta{DAG: "d", Started: day})
			}
			fmt.Println("running", err)
			os.Stdin.Read(make([]byte, 1))
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func start(t *testing.T, what, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "STORE_TEST_CHILD="+what, "STORE_TEST_DIR="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(out)
}

var day = time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)

func model(text string) map[string][]byte {
	return map[string][]byte{"manifest.json": []byte(`{"is": "` + text + `"}`), "states/a.bin": []byte("state of " + text), "states/b.bin": nil}
}

func workspace(t *testing.T) (*Workspace, string) {
	t.Helper()
	dir := filepath.ToSlash(t.TempDir())
	w, err := Open(files.Local(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return w, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines are the journal's, all of which must parse.
func lines(t *testing.T, r *Run) (events []string) {
	t.Helper()
	data, err := os.ReadFile(r.Path("journal.jsonl"))
	must(t, err)
	if len(data) > 0 && data[len(data)-1] != '\n' {
		t.Fatalf("the journal ends in half a line: %q", data)
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		var l struct {
			Seq   int
			Event string
		}
		if err := json.Unmarshal(line, &l); err != nil || l.Seq != i+1 {
			t.Fatalf("line %d of the journal is %q: %v", i+1, line, err)
		}
		events = append(events, l.Event)
	}
	return events
}

func TestRuns(t *testing.T) {
	w, dir := workspace(t)
	if all, err := w.Runs(""); len(all) != 0 || err != nil {
		t.Fatal(all, err)
	}
	started := day
	for i := range 12 {
		r, err := w.NewRun("nightly", RunMeta{DAG: "nightly", Started: started, Params: map[string]string{"a": "b"}})
		must(t, err)
		if want := fmt.Sprintf("%s-%04d", started.Format("20060102"), i+1); r.ID != want {
			t.Fatalf("run %s, want %s", r.ID, want)
		}
		must(t, r.Event("step", map[string]any{"step": "model", "rows": 3}))
		must(t, r.Finish("done", nil, 1.5, started.Add(time.Second)))
		if got := lines(t, r); !slices.Equal(got, []string{"started", "step", "finished"}) {
			t.Fatalf("journal %v", got)
		}
		started = started.Add(time.Hour) // over midnight
	}
	other, err := w.NewRun("other", RunMeta{DAG: "other", Started: day.Add(-time.Hour)})
	must(t, err)
	must(t, other.Finish("failed", errors.New("step \"x\": no"), 0, day))
	all, err := w.Runs("")
	must(t, err)
	if len(all) != 13 || all[0].ID != "20260301-0001" || all[0].DAG != "other" || all[0].Error != `step "x": no` || all[0].Status != "failed" || all[12].ID != "20260302-0012" {
		t.Errorf("%+v", all)
	}
	if m, at, err := w.FindRun("latest"); err != nil || m.ID != "20260302-0012" || at != filepath.FromSlash(path.Join(dir, "runs/nightly/20260302-0012")) || m.Params["a"] != "b" {
		t.Errorf("%+v %s %v", m, at, err)
	}
	if m, _, err := w.FindRun("other/latest"); err != nil || m.DAG != "other" {
		t.Errorf("%+v %v", m, err)
	}
	if _, _, err := w.FindRun("20260301-0001"); err == nil || !strings.Contains(err.Error(), "of several DAGs: write DAG/20260301-0001") {
		t.Errorf("error %v", err)
	}
	if m, _, err := w.FindRun("nightly/20260301-0001"); err != nil || m.DAG != "nightly" {
		t.Errorf("%+v %v", m, err)
	}
	for _, none := range []string{"20260301-0099", "nightly/x", "nobody/latest", "", "nightly/"} {
		if _, _, err := w.FindRun(none); !errors.Is(err, ErrNoRun) {
			t.Errorf("%q: error %v", none, err)
		}
	}
}

// What a run says of its name and folder is where it lies, whatever its file says; other files in the workspace are no runs.
func TestRunsByTheirFolders(t *testing.T) {
	w, dir := workspace(t)
	r, err := w.NewRun("d", RunMeta{DAG: "../../../etc", Started: day})
	must(t, err)
	must(t, r.Finish("done", nil, 0, day))
	must(t, os.WriteFile(filepath.Join(dir, "runs", "notes.txt"), []byte("x"), 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "runs", "d", "notes.txt"), []byte("x"), 0o666))
	must(t, os.Mkdir(filepath.Join(dir, "runs", "d", "empty"), 0o777))
	m, at, err := w.FindRun("latest")
	if err != nil || m.DAG != "d" || at != filepath.Join(dir, "runs", "d", r.ID) {
		t.Errorf("%+v %s %v", m, at, err)
	}
}

// Every operation fails once: a run that could not begin leaves no number used, and the journal is whole lines.
func TestRunFaults(t *testing.T) {
	for _, short := range []bool{false, true} {
		for at := 1; ; at++ {
			dir := filepath.ToSlash(t.TempDir())
			f := &filestest.Faulty{FS: files.Local(), Err: syscall.ENOSPC, At: at, Short: short}
			var r *Run
			err := func() error {
				w, err := Open(f, dir)
				if err != nil {
					return err
				}
				if r, err = w.NewRun("d", RunMeta{DAG: "d", Started: day}); err != nil {
					return err
				}
				first := r.Event("one", nil)
				return errors.Join(first, r.Event("two", nil), r.Finish("failed", first, 1, day))
			}()
			if f.Fired() == 0 {
				must(t, err)
				if at < 15 {
					t.Fatalf("only %d operations", at)
				}
				break
			}
			if err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("op %d: %v", at, err)
			}
			if r != nil {
				if got := lines(t, r); got[0] != "started" || got[len(got)-1] != "finished" && err == nil {
					t.Fatalf("op %d: journal %v, error %v", at, got, err)
				}
			}
			w, err := Open(files.Local(), dir)
			must(t, err)
			all, err := w.Runs("d")
			if err != nil {
				t.Fatalf("op %d: %v", at, err)
			}
			want := len(all) + 1
			next, err := w.NewRun("d", RunMeta{DAG: "d", Started: day})
			if err != nil || next.ID != fmt.Sprintf("20260301-%04d", want) {
				t.Fatalf("op %d: %d runs, the next is %v, %v", at, len(all), next, err)
			}
			must(t, next.journal.Close())
		}
	}
}

// A journal whose last line was cut by a kill or a full disk is whole again with the next line.
func TestJournalAfterFailures(t *testing.T) {
	for at := 1; ; at++ {
		f := &filestest.Faulty{FS: files.Local(), Err: syscall.EIO, Short: true}
		w, err := Open(f, filepath.ToSlash(t.TempDir()))
		must(t, err)
		r, err := w.NewRun("d", RunMeta{DAG: "d", Started: day})
		must(t, err)
		f.At = f.Count() + at
		failed := 0
		for i := range 4 {
			if err := r.Event(fmt.Sprint("e", i), nil); err != nil {
				failed++
			}
		}
		if got := lines(t, r); len(got) != 5 && !(failed == 1 && len(got) == 4) {
			t.Fatalf("op %d: journal %v after %d failures", at, got, failed)
		}
		if f.Fired() == 0 {
			if at < 9 {
				t.Fatalf("only %d operations", at)
			}
			f.At = 0
			must(t, r.journal.Close())
			break
		}
		must(t, r.Finish("done", nil, 0, day))
		if got := lines(t, r); len(got) != 6-failed || got[len(got)-1] != "finished" {
			t.Fatalf("op %d: journal %v after %d failures", at, got, failed)
		}
	}
}

func TestConcurrentRuns(t *testing.T) {
	w, _ := workspace(t)
	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			r, err := w.NewRun("d", RunMeta{DAG: "d", Started: day})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = r.ID
			if err := r.Finish("done", nil, 0, day); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(ids)
	for i, id := range ids {
		if want := fmt.Sprintf("20260301-%04d", i+1); id != want {
			t.Fatalf("runs %v", ids)
		}
	}
}

var badNames = []string{"", ".", "..", "../x", "a/b", "/etc", "a..b", "%2f", "a%2fb", "..%2f", "é", "a b", "a\nb", "a\x00b", `a\b`, "a:b", "-a", ".hidden", "a\n",
	strings.Repeat("a", 129)}

func TestNames(t *testing.T) {
	w, dir := workspace(t)
	_, err := w.Publish("m", model("x"), VersionMeta{})
	must(t, err)
	before := tree(t, dir)
	for _, n := range badNames {
		for what, f := range map[string]func() error{
			"Lock":        func() error { _, err := w.Lock(n); return err },
			"NewRun":      func() error { _, err := w.NewRun(n, RunMeta{Started: day}); return err },
			"Publish":     func() error { _, err := w.Publish(n, model("x"), VersionMeta{}); return err },
			"SetAlias":    func() error { return w.SetAlias(n, "a", 1) },
			"an alias":    func() error { return w.SetAlias("m", n, 1) },
			"Resolve":     func() error { _, _, err := w.Resolve(n, "a"); return err },
			"Resolve's @": func() error { _, _, err := w.Resolve("m", n); return err },
			"Versions":    func() error { _, err := w.Versions(n); return err },
			"FindRun":     func() error { _, _, err := w.FindRun(n + "/latest"); return err },
			"FindRun's":   func() error { _, _, err := w.FindRun("d/" + n); return err },
			"Runs": func() error {
				if n == "" { // all
					return errors.New("x")
				}
				_, err := w.Runs(n)
				return err
			},
		} {
			if err := f(); err == nil {
				t.Errorf("%s took the name %q", what, n)
			}
		}
	}
	for _, f := range []string{"../x", "/x", "a/../../x", "", ".", "a//b"} {
		if _, err := w.Publish("m", map[string][]byte{"manifest.json": nil, f: nil}, VersionMeta{}); err == nil {
			t.Errorf("a bundle's file %q was written", f)
		}
	}
	if after := tree(t, dir); !slices.Equal(after, before) {
		t.Errorf("files were made:\n%v\nwere\n%v", after, before)
	}
	for _, n := range []string{"a", "_", "A-b.c_9", "9", strings.Repeat("a", 128)} {
		if _, err := w.Publish(n, model("x"), VersionMeta{}); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	if err := w.SetAlias("m", "12", 1); err == nil {
		t.Error("a number was taken for an alias")
	}
}

// tree lists the files under a folder, without locks.
func tree(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(p, "locks") {
			all = append(all, p)
		}
		return err
	}))
	return all
}

// whole checks that all that is listed is whole, and gives the versions and what the alias points to (0: it is not there).
func whole(t *testing.T, w *Workspace, alias string) (versions []int, at int) {
	t.Helper()
	vs, err := w.Versions("m")
	must(t, err)
	for i, v := range vs {
		if v.Version != i+1 {
			t.Fatalf("versions %v have gaps", vs)
		}
		versions = append(versions, v.Version)
		got, fsys, err := w.Resolve("m", strconv.Itoa(v.Version))
		must(t, err)
		if got != v.Version {
			t.Fatalf("version %d resolved to %d", v.Version, got)
		}
		a, err := fs.ReadFile(fsys, "states/a.bin")
		must(t, err)
		m, err := fs.ReadFile(fsys, "manifest.json")
		must(t, err)
		b, err := fs.ReadFile(fsys, "states/b.bin")
		must(t, err)
		if text := strings.TrimPrefix(string(a), "state of "); string(m) != `{"is": "`+text+`"}` || len(b) != 0 {
			t.Fatalf("version %d is %q and %q", v.Version, m, a)
		}
	}
	v, _, err := w.Resolve("m", alias)
	if errors.Is(err, ErrNoModel) {
		return versions, 0
	}
	must(t, err)
	if v < 1 || v > len(versions) {
		t.Fatalf("the alias points to version %d of %d", v, len(versions))
	}
	return versions, v
}

// Every operation of a publish fails once, for a moment and for good: what is listed is whole, the alias is the old or the new one,
// a second try succeeds, and no number is left out.
func TestPublishFaults(t *testing.T) {
	for _, mode := range []struct{ short, sticky, two bool }{{true, false, false}, {true, true, false}, {false, false, true}} {
		for at := 1; ; at++ {
			dir := filepath.ToSlash(t.TempDir())
			ok, err := Open(files.Local(), dir)
			must(t, err)
			_, err = ok.Publish("m", model("one"), VersionMeta{Run: "r1"})
			must(t, err)
			must(t, ok.SetAlias("m", "champion", 1))

			f := &filestest.Faulty{FS: files.Local(), Err: syscall.EIO, At: at, Short: mode.short, Sticky: mode.sticky}
			w := Look(f, dir)
			if mode.two {
				var v int
				if v, err = w.Publish("m", model("two"), VersionMeta{Run: "r2"}); err == nil {
					err = w.SetAlias("m", "champion", v)
				}
			} else {
				_, err = w.PublishAs("m", "champion", model("two"), VersionMeta{Run: "r2"}, nil)
			}
			versions, alias := whole(t, ok, "champion")
			if alias == 0 || alias != 1 && alias != 2 {
				t.Fatalf("op %d: the alias points to %d", at, alias)
			}
			if f.Fired() == 0 {
				must(t, err)
				if at < 20 || len(versions) != 2 || alias != 2 {
					t.Fatalf("%d operations, versions %v, alias %d", at, versions, alias)
				}
				break
			}
			if err == nil && (len(versions) != 2 || alias != 2) { // the close of a file that was read may fail
				t.Fatalf("op %d failed, and nothing was said: versions %v, alias %d", at, versions, alias)
			}
			if err != nil && !errors.Is(err, syscall.EIO) {
				t.Fatalf("op %d: %v", at, err)
			}
			v, err := ok.Publish("m", model("three"), VersionMeta{Run: "r3"})
			if err != nil || v != len(versions)+1 {
				t.Fatalf("op %d: after it version %d of %v was published: %v", at, v, versions, err)
			}
			must(t, ok.SetAlias("m", "champion", v))
			if versions, alias = whole(t, ok, "champion"); alias != v {
				t.Fatalf("op %d: the alias points to %d of %v", at, alias, versions)
			}
			for _, p := range tree(t, dir) {
				if strings.HasPrefix(filepath.Base(p), ".") || strings.Contains(p, ".aside") {
					t.Errorf("op %d: %s was left behind", at, p)
				}
			}
		}
	}
}

// What publishes that were killed left aside goes with the next one.
func TestLeftovers(t *testing.T) {
	w, dir := workspace(t)
	for _, p := range []string{"versions/.aside-1/states/a.bin", "versions/.aside-7/manifest.json", "aliases/.champion.1-2.tmp"} {
		p = filepath.Join(dir, "models", "m", p)
		must(t, os.MkdirAll(filepath.Dir(p), 0o777))
		must(t, os.WriteFile(p, []byte("half"), 0o666))
	}
	if vs, at := whole(t, w, "champion"); len(vs) != 0 || at != 0 {
		t.Errorf("%v %d", vs, at)
	}
	v, err := w.Publish("m", model("x"), VersionMeta{})
	must(t, err)
	must(t, w.SetAlias("m", "champion", v))
	if vs, at := whole(t, w, "champion"); len(vs) != 1 || at != 1 {
		t.Errorf("%v %d", vs, at)
	}
	if _, err := os.Stat(filepath.Join(dir, "models", "m", "versions", "1", "states", "a.bin")); err != nil {
		t.Error(err)
	}
	for _, p := range tree(t, dir) {
		if strings.HasPrefix(filepath.Base(p), ".") || strings.Contains(p, ".aside") {
			t.Errorf("%s was left behind", p)
		}
	}
}

func TestPublish(t *testing.T) {
	w, dir := workspace(t)
	meta := VersionMeta{Run: "r", DAG: "d", Created: day, Metrics: map[string]float64{"auc": 0.75}}
	v, err := w.Publish("m", model("x"), meta)
	must(t, err)
	vs, err := w.Versions("m")
	must(t, err)
	if v != 1 || len(vs) != 1 || vs[0].Run != "r" || !vs[0].Created.Equal(day) || vs[0].Metrics["auc"] != 0.75 || len(vs[0].SHA256) != 64 {
		t.Errorf("%d %+v", v, vs)
	}
	must(t, w.SetAlias("m", "champion", 1))
	must(t, w.SetAlias("m", "old", 1))
	for _, none := range []int{0, 2, -1, 1 << 40} {
		if err := w.SetAlias("m", "champion", none); !errors.Is(err, ErrNoModel) {
			t.Errorf("an alias to version %d: error %v", none, err)
		}
	}
	if err := w.SetAlias("nobody", "champion", 1); !errors.Is(err, ErrNoModel) {
		t.Errorf("error %v", err)
	}
	for _, ref := range [][2]string{{"m", "2"}, {"m", "none"}, {"nobody", "champion"}, {"m", "0"}, {"m", "99999999999999999999"}} {
		if _, _, err := w.Resolve(ref[0], ref[1]); !errors.Is(err, ErrNoModel) {
			t.Errorf("%v: error %v", ref, err)
		}
	}
	all, err := w.Models()
	if err != nil || len(all) != 1 || all[0].Name != "m" || all[0].Aliases["champion"] != 1 || all[0].Aliases["old"] != 1 || len(all[0].Versions) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "models", "notes.txt"), nil, 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "models", "m", "versions", "notes"), nil, 0o666))
	if all, err = w.Models(); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	_, sub, err := w.Resolve("m", "champion")
	must(t, err)
	for _, out := range []string{"../1/manifest.json", "/etc/passwd", "states/../../../x", ""} {
		if _, err := sub.Open(out); err == nil {
			t.Errorf("%q was opened", out)
		}
	}
	if _, err := w.Publish("n", map[string][]byte{"states/a.bin": nil}, VersionMeta{}); err == nil {
		t.Error("a model without a manifest was published")
	}
	if _, err := w.Publish("m", model("y"), VersionMeta{Metrics: map[string]float64{"auc": nan()}}); err == nil {
		t.Error("a NaN was published")
	}
	if v, err := w.Publish("m", model("y"), VersionMeta{}); v != 2 || err != nil {
		t.Errorf("version %d, %v", v, err)
	}
}

func nan() float64 { z := 0.0; return z / z }

// A registry that cannot be read has a champion all the same: it is not "no such model", on which a gate could pass.
func TestResolveUnreadable(t *testing.T) {
	w, dir := workspace(t)
	_, err := w.Publish("m", model("x"), VersionMeta{})
	must(t, err)
	must(t, w.SetAlias("m", "champion", 1))
	for at := 1; ; at++ {
		f := &filestest.Faulty{FS: files.Local(), Err: syscall.EIO, At: at, Only: func(op string) bool { return op != "close" }}
		_, _, err := Look(f, dir).Resolve("m", "champion")
		if f.Fired() == 0 {
			must(t, err)
			break
		}
		if errors.Is(err, ErrNoModel) || !errors.Is(err, syscall.EIO) {
			t.Errorf("op %d: %v", at, err)
		}
	}
	f := &filestest.Faulty{FS: files.Local(), Err: syscall.EIO, At: 1}
	if err := Look(f, dir).SetAlias("m", "x", 1); errors.Is(err, ErrNoModel) || !errors.Is(err, syscall.EIO) {
		t.Errorf("SetAlias: %v", err)
	}
	name := filepath.Join(dir, "models", "m", "aliases", "champion")
	for _, text := range []string{"9\n", "", "x", "-1", "1 2", "../1"} {
		must(t, os.WriteFile(name, []byte(text), 0o666))
		if _, _, err := w.Resolve("m", "champion"); err == nil || errors.Is(err, ErrNoModel) {
			t.Errorf("an alias that holds %q: error %v", text, err)
		}
	}
}

// A manifest, and with it its files' digests, that is not the published one is refused before anyone parses it.
func TestManifestChanged(t *testing.T) {
	w, dir := workspace(t)
	_, err := w.Publish("m", model("x"), VersionMeta{})
	must(t, err)
	name := filepath.Join(dir, "models", "m", "versions", "1", "manifest.json")
	data, err := os.ReadFile(name)
	must(t, err)
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		must(t, os.WriteFile(name, bad, 0o666))
		if _, _, err := w.Resolve("m", "1"); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Fatalf("byte %d: error %v", i, err)
		}
	}
	must(t, os.WriteFile(name, data, 0o666))
	if _, _, err := w.Resolve("m", "1"); err != nil {
		t.Error(err)
	}
}

func TestConcurrentPublishes(t *testing.T) {
	w, dir := workspace(t)
	var mu sync.Mutex
	var got []int
	add := func(v int) { mu.Lock(); defer mu.Unlock(); got = append(got, v) }
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			v, err := w.Publish("m", model(fmt.Sprint(i)), VersionMeta{})
			if err != nil {
				t.Error(err)
			}
			add(v)
		})
	}
	for range 4 {
		c, out := start(t, "publish", dir)
		wg.Go(func() {
			for out.Scan() {
				v, err := strconv.Atoi(out.Text())
				if err != nil {
					t.Error(out.Text())
				}
				add(v)
			}
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(got)
	if len(got) != 40 {
		t.Fatalf("%d versions", len(got))
	}
	for i, v := range got {
		if v != i+1 {
			t.Fatalf("versions %v", got)
		}
	}
	if vs, _ := whole(t, w, "none"); len(vs) != 40 {
		t.Errorf("%v", vs)
	}
}

func TestLock(t *testing.T) {
	w, dir := workspace(t)
	release, err := w.Lock("d")
	must(t, err)
	if _, err := w.Lock("d"); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v", err)
	}
	other, err := w.Lock("e")
	must(t, err)
	other()
	release()
	again, err := w.Lock("d")
	must(t, err)
	again()

	c, out := start(t, "run", dir)
	defer c.Process.Kill()
	if !out.Scan() || out.Text() != "running <nil>" {
		t.Fatal(out.Text())
	}
	if _, err := w.Lock("d"); !errors.Is(err, ErrLocked) {
		t.Errorf("another process has the lock, error %v", err)
	}
	status := func() (s []string) {
		t.Helper()
		all, err := Look(files.Local(), dir).Runs("d")
		must(t, err)
		for _, m := range all {
			s = append(s, m.Status)
		}
		return s
	}
	if got := status(); !slices.Equal(got, []string{"running"}) {
		t.Errorf("%v", got)
	}
	must(t, c.Process.Kill())
	c.Wait()
	before := tree(t, dir)
	if got := status(); !slices.Equal(got, []string{"killed"}) {
		t.Errorf("%v", got)
	}
	if m, _, err := w.FindRun("latest"); err != nil || m.Status != "killed" {
		t.Errorf("%+v %v", m, err)
	}
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Error("looking made files")
	}
	// the lock has died with it, and of two runs that say so only the last can be running
	release, err = w.Lock("d")
	must(t, err)
	r, err := w.NewRun("d", RunMeta{Started: day})
	must(t, err)
	if got := status(); !slices.Equal(got, []string{"killed", "running"}) {
		t.Errorf("%v", got)
	}
	must(t, r.Finish("done", nil, 0, day))
	release()
	if got := status(); !slices.Equal(got, []string{"killed", "done"}) {
		t.Errorf("%v", got)
	}
}

// Looking at runs neither makes the lock's file nor keeps a run from starting.
func TestRunsDoNotDisturb(t *testing.T) {
	w, dir := workspace(t)
	r, err := w.NewRun("d", RunMeta{Started: day})
	must(t, err)
	must(t, r.journal.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "locks")))
	if all, err := w.Runs(""); err != nil || len(all) != 1 || all[0].Status != "killed" {
		t.Errorf("%+v %v", all, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "locks")); err == nil {
		t.Error("a lock was made")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := w.Runs("d"); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 200 {
		release, err := w.Lock("d")
		if err != nil {
			t.Error(err)
			break
		}
		release()
	}
	close(stop)
	wg.Wait()
}

// A workspace that is not there has nothing in it, and looking makes nothing.
func TestLook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	w := Look(files.Local(), filepath.ToSlash(dir))
	runs, err := w.Runs("")
	models, err2 := w.Models()
	if len(runs)+len(models) != 0 || err != nil || err2 != nil {
		t.Error(runs, models, err, err2)
	}
	if _, _, err := w.Resolve("m", "champion"); !errors.Is(err, ErrNoModel) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
}
