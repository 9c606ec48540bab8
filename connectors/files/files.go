// Package files is the file system as an interface, so that a test can fail it and a store can stand in for it.
package files

import (
	"io"
	"io/fs"
)

// FS is what connectors and the engine's stores do with files. Names are slash-separated paths as the operating system has them.
type FS interface {
	Open(name string) (File, error)
	// Create makes a new file, or truncates one.
	Create(name string) (File, error)
	Append(name string) (File, error)
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	MkdirAll(name string) error
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	// SyncDir makes renames and creations in a folder last.
	SyncDir(name string) error
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
}
