package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Lock holds a DAG for one run. The lock is the operating system's: it dies with the process.
func (w *Workspace) Lock(dag string) (release func(), err error) {
	if err := valid("DAG name", dag); err != nil {
		return nil, err
	}
	// Who lists runs tries the lock for a moment, and must not keep a run from starting.
	for try := 0; ; try++ {
		release, err = w.lock("dag-"+dag, false)
		if !errors.Is(err, ErrLocked) || try == 5 {
			return release, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *Workspace) lockFile(name string) string {
	return filepath.Join(filepath.FromSlash(w.dir), "locks", name)
}

func (w *Workspace) lock(name string, wait bool) (func(), error) {
	name = w.lockFile(name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := flock(f, wait); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// locked says whether a process holds a DAG's lock. Where that cannot be known it says yes: a run is not called dead on a guess.
func (w *Workspace) locked(dag string) bool {
	f, err := os.Open(w.lockFile("dag-" + dag))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	return flockShared(f) != nil
}
