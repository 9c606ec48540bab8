package files

import (
	"io/fs"
	"os"
	"runtime"
)

// Local is the file system of the machine.
func Local() FS { return local{} }

type local struct{}

func (local) Open(name string) (File, error) { return file(os.Open(name)) }
func (local) Create(name string) (File, error) {
	return file(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666))
}
func (local) Append(name string) (File, error) {
	return file(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666))
}
func (local) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (local) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (local) MkdirAll(name string) error                 { return os.MkdirAll(name, 0o777) }
func (local) Rename(from, to string) error               { return os.Rename(from, to) }
func (local) Remove(name string) error                   { return os.Remove(name) }
func (local) RemoveAll(name string) error                { return os.RemoveAll(name) }

func (local) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be opened there; renames are journalled by NTFS
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

// file keeps a nil *os.File from becoming a non-nil File.
func file(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}
