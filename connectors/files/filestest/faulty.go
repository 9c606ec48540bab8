// Package filestest fails a file system on purpose.
package filestest

import (
	"io/fs"
	"sync"

	"github.com/headrace/headrace/connectors/files"
)

// Faulty wraps a file system so that one operation fails. It is safe for concurrent use.
type Faulty struct {
	FS  files.FS
	Err error // syscall.EIO, syscall.ENOSPC
	// At is the operation that fails, from 1; 0 fails none. With Sticky every later one fails too.
	At     int
	Sticky bool
	// Only restricts which operations count: nil, or a predicate of "open", "create", "append", "stat", "readdir", "mkdir", "rename",
	// "remove", "syncdir", "read", "write", "sync", "close".
	Only func(op string) bool
	// Short makes a failing write write half of its bytes first, as a full disk does.
	Short bool

	mu    sync.Mutex
	count int
	fired int
}

// Count is how many operations were counted; Fired, how many failed.
func (f *Faulty) Count() int { f.mu.Lock(); defer f.mu.Unlock(); return f.count }

// Fired is how many operations failed.
func (f *Faulty) Fired() int { f.mu.Lock(); defer f.mu.Unlock(); return f.fired }

func (f *Faulty) op(name string) error {
	if f.Only != nil && !f.Only(name) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.At > 0 && (f.count == f.At || f.Sticky && f.count > f.At) {
		f.fired++
		return f.Err
	}
	return nil
}

func (f *Faulty) file(op string, open func() (files.File, error)) (files.File, error) {
	if err := f.op(op); err != nil {
		return nil, err
	}
	g, err := open()
	if err != nil {
		return nil, err
	}
	return &file{File: g, f: f}, nil
}

// Open is FS's, or fails.
func (f *Faulty) Open(name string) (files.File, error) {
	return f.file("open", func() (files.File, error) { return f.FS.Open(name) })
}

// Create is FS's, or fails.
func (f *Faulty) Create(name string) (files.File, error) {
	return f.file("create", func() (files.File, error) { return f.FS.Create(name) })
}

// Append is FS's, or fails.
func (f *Faulty) Append(name string) (files.File, error) {
	return f.file("append", func() (files.File, error) { return f.FS.Append(name) })
}

// Stat is FS's, or fails.
func (f *Faulty) Stat(name string) (fs.FileInfo, error) {
	if err := f.op("stat"); err != nil {
		return nil, err
	}
	return f.FS.Stat(name)
}

// ReadDir is FS's, or fails.
func (f *Faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.op("readdir"); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

func (f *Faulty) do(op string, g func() error) error {
	if err := f.op(op); err != nil {
		return err
	}
	return g()
}

// MkdirAll is FS's, or fails.
func (f *Faulty) MkdirAll(name string) error {
	return f.do("mkdir", func() error { return f.FS.MkdirAll(name) })
}

// Rename is FS's, or fails.
func (f *Faulty) Rename(from, to string) error {
	return f.do("rename", func() error { return f.FS.Rename(from, to) })
}

// Remove is FS's, or fails.
func (f *Faulty) Remove(name string) error {
	return f.do("remove", func() error { return f.FS.Remove(name) })
}

// RemoveAll is FS's, or fails.
func (f *Faulty) RemoveAll(name string) error {
	return f.do("remove", func() error { return f.FS.RemoveAll(name) })
}

// SyncDir is FS's, or fails.
func (f *Faulty) SyncDir(name string) error {
	return f.do("syncdir", func() error { return f.FS.SyncDir(name) })
}

type file struct {
	files.File
	f *Faulty
}

func (g *file) Read(b []byte) (int, error) {
	if err := g.f.op("read"); err != nil {
		return 0, err
	}
	return g.File.Read(b)
}

func (g *file) ReadAt(b []byte, at int64) (int, error) {
	if err := g.f.op("read"); err != nil {
		return 0, err
	}
	return g.File.ReadAt(b, at)
}

func (g *file) Write(b []byte) (int, error) {
	if err := g.f.op("write"); err != nil {
		n := 0
		if g.f.Short {
			n, _ = g.File.Write(b[:len(b)/2])
		}
		return n, err
	}
	return g.File.Write(b)
}

func (g *file) Sync() error { return g.f.do("sync", g.File.Sync) }

func (g *file) Close() error {
	err := g.f.op("close")
	if e := g.File.Close(); err == nil { // a close that fails still closes
		err = e
	}
	return err
}
