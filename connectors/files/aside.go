package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Aside is a file that is written beside its place and moved there at once by Commit: a reader sees the old file or the new one,
// never half of one. It is used by one goroutine.
type Aside struct {
	File
	fs   FS
	name string
	temp string
	err  error
	done bool
}

var serial atomic.Uint64

// WriteAside begins a file. Its folder is made if it is not there. The temporary file begins with a dot, so that Expand does not
// take one that a killed process left behind for data.
func WriteAside(f FS, name string) (*Aside, error) {
	name = filepath.ToSlash(name)
	dir, base := path.Dir(name), path.Base(name)
	if name == "" || base == "." || base == "/" || base == ".." {
		return nil, fmt.Errorf("%q is not the name of a file", name)
	}
	if st, err := f.Stat(name); err == nil && st.IsDir() {
		return nil, fmt.Errorf("%s: a folder is there", name)
	}
	if err := f.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, cause(err))
	}
	temp := path.Join(dir, fmt.Sprintf(".%s.%x-%x.tmp", base, time.Now().UnixNano(), serial.Add(1)))
	file, err := f.Create(temp)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	}
	return &Aside{File: file, fs: f, name: name, temp: temp}, nil
}

// Write writes on. After a failure Commit fails too.
func (a *Aside) Write(b []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.File.Write(b)
	if err == nil && n < len(b) {
		err = errors.New("short write")
	}
	if err != nil {
		a.err = fmt.Errorf("%s: %w", a.name, cause(err))
	}
	return n, a.err
}

// Commit makes the file last and moves it to its place. If anything fails, what was there before is still there, and the
// temporary file is removed: an fsync that failed is never tried again, since the kernel may have dropped the pages.
func (a *Aside) Commit() error {
	if a.done {
		return errors.New(a.name + ": committed or aborted before")
	}
	err := a.err
	if err == nil {
		err = a.File.Sync()
	}
	if e := a.File.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = a.fs.Rename(a.temp, a.name)
	}
	a.done = true
	if err != nil {
		_ = a.fs.Remove(a.temp) // the first failure is the one to report
		if err == a.err {
			return err
		}
		return fmt.Errorf("%s: %w", a.name, cause(err))
	}
	if err := a.fs.SyncDir(path.Dir(a.name)); err != nil {
		return fmt.Errorf("%s: %w", a.name, cause(err))
	}
	return nil
}

// Abort drops the file. After Commit or Abort it does nothing.
func (a *Aside) Abort() error {
	if a.done {
		return nil
	}
	a.done = true
	_ = a.File.Close() // it is thrown away
	return a.fs.Remove(a.temp)
}

// cause takes the path out of an error of the os package: who wraps it says the path.
func cause(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errNotThere
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
