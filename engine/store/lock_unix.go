//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// flock takes the lock alone; without wait it is ErrLocked where another has it. Closing the file gives it back.
func flock(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	return lockAs(f, how)
}

// flockShared takes the lock beside others who look, ErrLocked where one has it alone.
func flockShared(f *os.File) error { return lockAs(f, syscall.LOCK_SH|syscall.LOCK_NB) }

func lockAs(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		case err != nil:
			return fmt.Errorf("lock: %w", err)
		}
		return nil
	}
}
