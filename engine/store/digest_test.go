package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/engine/store"
)

// counted counts the bytes that are read.
type counted struct {
	files.FS
	n *int
}

type countedFile struct {
	files.File
	n *int
}

func (c counted) Open(name string) (files.File, error) {
	f, err := c.FS.Open(name)
	return countedFile{f, c.n}, err
}

func (f countedFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	*f.n += n
	return n, err
}

func TestDigestsAreRememberedWhileTheFileIsTheSame(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says which file it is")
	}
	dir := t.TempDir()
	ws, err := store.Open(files.Local(), filepath.Join(dir, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	name, read := filepath.Join(dir, "data"), 0
	now := time.Now().Add(time.Hour) // the file has been at rest
	sumBy := func(by store.Algorithm, want string, readAgain bool) {
		t.Helper()
		read = 0
		d := ws.Digests(counted{files.Local(), &read}, func() time.Time { return now })
		got, err := d.Of(context.Background(), name, by)
		if err != nil {
			t.Fatal(err)
		}
		h, x := sha256.Sum256([]byte(want)), xxh3.Hash128([]byte(want)).Bytes()
		if right := map[store.Algorithm]string{store.SHA256: fmt.Sprintf("sha256:%x", h), store.XXH3: fmt.Sprintf("xxh3:%x", x)}[by]; got != right {
			t.Errorf("sum of %q is %s, want %s", want, got, right)
		}
		if (read > 0) != readAgain {
			t.Errorf("%q: %d bytes read", want, read)
		}
		if err := d.Save(); err != nil {
			t.Fatal(err)
		}
	}
	sum := func(want string, readAgain bool) { sumBy(store.SHA256, want, readAgain) }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	sum("one", true)
	sum("one", false)
	sumBy(store.XXH3, "one", true)
	sumBy(store.XXH3, "one", false)
	sum("one", false)
	info, _ := os.Stat(name)
	write("two")
	if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil { // as some copying programs do
		t.Fatal(err)
	}
	sum("two", true)
	sum("two", false)
	now = time.Now() // just written: not to be believed
	write("six")
	sum("six", true)
	sum("six", true)
	if err := os.WriteFile(filepath.Join(dir, "ws", "cache", "digests.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	sum("six", true)
	sum("six", false)
}

func TestDigestStops(t *testing.T) {
	dir := t.TempDir()
	ws, err := store.Open(files.Local(), filepath.Join(dir, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	name, why := filepath.Join(dir, "data"), errors.New("enough")
	if err := os.WriteFile(name, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if _, err := ws.Digests(files.Local(), time.Now).Of(ctx, name, store.XXH3); !errors.Is(err, why) {
		t.Error(err)
	}
}
