package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/headrace/headrace/connectors/files"
)

// Digests are the sums of files, remembered between runs: reading a file again to know that it is the same takes longer than many a
// run. A sum is an algorithm, a colon, and hexadecimal digits. It is believed while size, times and inode of the file are what they were,
// and only where the file had not been written to for digestQuiet before it was read: a file system's clock is coarse. It may be used by many goroutines at once.
type Digests struct {
	ws    *Workspace
	fs    files.FS
	now   func() time.Time
	mu    sync.Mutex
	known map[string]remembered
	added bool
}

// remembered is the sum of a file as it was.
type remembered struct {
	Size    int64  `json:"size"`
	Written int64  `json:"written_ns"`
	Changed int64  `json:"changed_ns"`
	Inode   uint64 `json:"inode"`
	Read    int64  `json:"read_ns"` // when its reading began
	// Sums has those that were taken.
	Sums map[Algorithm]string `json:"sums"`
}

// Algorithm is how a sum is taken.
type Algorithm string

// The algorithms. XXH3, of 128 bits, tells a file that has changed from what it was, at the speed of reading. SHA256 does so also where
// somebody made the two to be mistaken for one another.
const (
	SHA256 Algorithm = "sha256"
	XXH3   Algorithm = "xxh3"
)

func (a Algorithm) prefix() string { return string(a) + ":" }

// Sum gives the sum of all that is read.
func (a Algorithm) Sum(r io.Reader) (string, error) {
	if a == XXH3 {
		h := xxh3.New()
		_, err := io.CopyBuffer(h, r, make([]byte, 256<<10))
		sum := h.Sum128().Bytes()
		return a.prefix() + hex.EncodeToString(sum[:]), err
	}
	h := sha256.New()
	_, err := io.Copy(h, r)
	return a.prefix() + hex.EncodeToString(h.Sum(nil)), err
}

// digestQuiet is how long a file must have been at rest before its sum was taken.
const digestQuiet = 2 * time.Second

func (w *Workspace) digestsFile() string { return path.Join(w.dir, "cache", "digests.json") }

// Digests gives the sums that are remembered. What cannot be read is not remembered.
func (w *Workspace) Digests(fs files.FS, now func() time.Time) *Digests {
	d := &Digests{ws: w, fs: fs, now: now, known: map[string]remembered{}}
	if data, err := w.read(w.digestsFile()); err == nil && json.Unmarshal(data, &d.known) != nil {
		d.known = map[string]remembered{}
	}
	return d
}

// Of gives the sum of a file.
func (d *Digests) Of(ctx context.Context, name string, by Algorithm) (string, error) {
	f, err := d.fs.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	key, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	is, can := identity(info)
	is.Read = d.now().UnixNano()
	if can {
		if was := d.recall(key, is); was.Sums[by] != "" {
			return was.Sums[by], nil
		}
	}
	sum, err := by.Sum(stoppable{ctx, f})
	if err != nil {
		return "", err
	}
	if can {
		d.remember(key, is, by, sum)
	}
	return sum, nil
}

// recall gives what is remembered of a file, if it is what it was; its sums are not written to again.
func (d *Digests) recall(key string, is remembered) remembered {
	d.mu.Lock()
	defer d.mu.Unlock()
	was, have := d.known[key]
	if have && is.same(was) && was.Read-max(was.Written, was.Changed) >= int64(digestQuiet) {
		return was
	}
	return remembered{}
}

func (d *Digests) remember(key string, is remembered, by Algorithm, sum string) {
	was := d.recall(key, is)
	is.Sums = map[Algorithm]string{by: sum}
	for a, s := range was.Sums { // of the same bytes, before
		if a != by {
			is.Sums[a] = s
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[key], d.added = is, true
}

func (r remembered) same(o remembered) bool {
	return r.Size == o.Size && r.Written == o.Written && r.Changed == o.Changed && r.Inode == o.Inode
}

// digestsMost is how many files are remembered; then all are forgotten.
const digestsMost = 10000

// Save remembers the sums for the next run. Of two runs that save at once one is remembered.
func (d *Digests) Save() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.added {
		return nil
	}
	if len(d.known) > digestsMost {
		d.known = map[string]remembered{}
	}
	data, err := pretty(d.known)
	if err != nil {
		return err
	}
	if err := d.ws.folder(path.Join(d.ws.dir, "cache")); err != nil {
		return err
	}
	d.added = false
	return files.WriteFile(d.ws.fs, d.ws.digestsFile(), data)
}

// stoppable is a reader that ends with a context: a file may take minutes.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(b)
}

// identity is what a file system says of a file; ok is false where it does not say enough to know the file again.
func identity(info fs.FileInfo) (r remembered, ok bool) {
	r = remembered{Size: info.Size(), Written: info.ModTime().UnixNano()}
	r.Inode, r.Changed, ok = inode(info)
	return r, ok
}
