package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

func TestExitCode(t *testing.T) {
	list := func(codes ...diag.Code) error {
		var l diag.List
		for _, c := range codes {
			l.Add(diag.New(c, diag.At{}, "x"))
		}
		return l.Err()
	}
	file := func(err error) error { return &fs.PathError{Op: "write", Path: "f", Err: err} }
	dataError := &connectors.DataError{File: "f.parquet", Err: errors.New("page is cut")}
	for _, c := range []struct {
		what string
		err  error
		want int
	}{
		{"nothing", nil, ExitDone},
		{"an error of ours", errors.New("x"), ExitInternal},
		{"a panic", &exec.PanicError{}, ExitInternal},
		{"a panic over bad data", errors.Join(&exec.PanicError{}, dataError), ExitInternal},
		{"a bad file", list(diag.UnknownKey), ExitInvalid},
		{"a bad file and a bad source", list(diag.SourceBad, diag.NoColumn), ExitInvalid},
		{"a bad source", list(diag.SourceBad), ExitData},
		{"a broken contract, and a warning", list(diag.UnusedStep, diag.Contract), ExitData},
		{"a bad argument", badArgument("no column %q", "x"), ExitInvalid},
		{"warnings only", list(diag.UnusedStep), ExitDone}, // which is no error
		{"gates", ErrGate, ExitGate},
		{"over the budget", ErrMemory, ExitMemory},
		{"over the budget, of data", &operators.ErrData{Err: ErrMemory}, ExitMemory},
		{"another run", store.ErrLocked, ExitAgain},
		{"a full disk", file(syscall.ENOSPC), ExitAgain},
		{"a full quota", file(syscall.EDQUOT), ExitAgain},
		{"a file too large", file(syscall.EFBIG), ExitAgain},
		{"a full disk while data is written", &connectors.DataError{File: "f", Err: file(syscall.ENOSPC)}, ExitAgain},
		{"a disk that fails", file(syscall.EIO), ExitAgain},
		{"a source's disk that fails", &connectors.DataError{File: "f", Err: file(syscall.EIO)}, ExitData},
		{"a bad row", dataError, ExitData},
		{"no rows", &operators.ErrData{Err: errors.New("no rows")}, ExitData},
		{"a signal", context.Canceled, ExitInt},
		{"no such model", store.ErrNoModel, ExitInvalid},
		{"a bad name", store.ErrBadName, ExitInvalid},
		{"no such file", file(syscall.ENOENT), ExitData},
		{"no leave to read", os.ErrPermission, ExitData},
		{"a folder for a file", file(syscall.EISDIR), ExitData},
	} {
		if got := ExitCode(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := ExitCode(fmt.Errorf("step %q: %w", "x", fmt.Errorf("y: %w", c.err))); got != c.want {
			t.Errorf("%s, wrapped: %d, want %d", c.what, got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for b, want := range map[int64]string{0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 3 << 19: "1.5 MiB", 1 << 30: "1.0 GiB", 5 << 40: "5120.0 GiB"} {
		if got := size(b); got != want {
			t.Errorf("%d bytes: %s, want %s", b, got, want)
		}
	}
}
