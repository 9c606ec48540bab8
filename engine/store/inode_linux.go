package store

import (
	"io/fs"
	"syscall"
)

// inode is a file's number in its file system and when that last changed, in nanoseconds.
func inode(info fs.FileInfo) (number uint64, changed int64, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return s.Ino, s.Ctim.Nano(), true
}
