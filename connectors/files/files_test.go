package files_test

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/files/filestest"
)

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestExpand(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for _, n := range []string{"d/b.parquet", "d/a.PARQUET", "d/_SUCCESS", "d/_x.parquet", "d/.y.parquet", "d/c.csv", "d/deep/z.parquet",
		"e1/a.csv", "e2/a.csv", "e2/b.csv", "odd[1].csv", "empty/readme"} {
		put(t, path.Join(dir, n), "x")
	}
	for _, c := range []struct {
		name string
		want []string
		err  string
	}{
		{name: "d", want: []string{"d/a.PARQUET", "d/b.parquet"}},
		{name: "d/c.csv", want: []string{"d/c.csv"}},
		{name: "e*/a.csv", want: []string{"e1/a.csv", "e2/a.csv"}},
		{name: "e?/*.csv", want: []string{"e1/a.csv", "e2/a.csv", "e2/b.csv"}},
		{name: "d/*", want: []string{"d/a.PARQUET", "d/b.parquet", "d/c.csv"}},
		{name: "d/_*.parquet", want: []string{"d/_x.parquet"}},
		{name: "odd[1].csv", want: []string{"odd[1].csv"}},
		{name: "nowhere/*.csv", err: "no file matches"},
		{name: "nothing.parquet", err: "nothing.parquet: no such file or folder"},
		{name: "empty", err: "no file in the folder ends in .parquet"},
		{name: "e[1/x", err: "not a glob"},
	} {
		got, err := files.Expand(files.Local(), dir+"/"+c.name, ".parquet")
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], dir+"/")
		}
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: error %v, want %q and the path", c.name, err, c.err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	t.Chdir(dir)
	if got, err := files.Expand(files.Local(), "e1/*.csv", ".csv"); err != nil || !slices.Equal(got, []string{"e1/a.csv"}) {
		t.Errorf("relative: %v %v", got, err)
	}
}

func TestAside(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "new", "f")
	a, err := files.WriteAside(files.Local(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(a, "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the file is there before Commit")
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := a.Abort(); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(name); string(b) != "one" {
		t.Errorf("%q", b)
	}
	b, err := files.WriteAside(files.Local(), name)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(b, "two")
	if err := b.Abort(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := files.WriteAside(files.Local(), dir); err == nil {
		t.Error("a folder was taken for a file")
	}
}

// Every operation fails once: the old file stays whole unless Commit succeeds or only the folder's sync failed.
func TestAsideFaults(t *testing.T) {
	for at := 1; ; at++ {
		dir := t.TempDir()
		name := filepath.Join(dir, "f")
		put(t, name, "old")
		f := &filestest.Faulty{FS: files.Local(), Err: syscall.ENOSPC, At: at, Short: true}
		err := func() error {
			a, err := files.WriteAside(f, name)
			if err != nil {
				return err
			}
			defer a.Abort()
			for range 3 {
				if _, err := io.WriteString(a, "new!"); err != nil {
					break // Commit must remember
				}
			}
			return a.Commit()
		}()
		if f.Fired() == 0 {
			if err != nil {
				t.Fatal(err)
			}
			if at < 8 {
				t.Fatalf("only %d operations", at)
			}
			return
		}
		b, _ := os.ReadFile(name)
		if string(b) != "old" && string(b) != "new!new!new!" {
			t.Errorf("op %d: half a file %q", at, b)
		}
		if err == nil && string(b) != "new!new!new!" {
			t.Errorf("op %d: no error, no file", at)
		}
		if err != nil && (!errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), filepath.ToSlash(dir))) {
			t.Errorf("op %d: %v", at, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("op %d: left behind: %v", at, left)
		}
	}
}
