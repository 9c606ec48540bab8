package engine

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// Exit codes of the command. They are part of its contract with schedulers.
const (
	ExitDone     = 0
	ExitInternal = 1
	ExitInvalid  = 2 // the DAG file or the arguments, or headrace test failed
	ExitGate     = 3
	ExitData     = 4 // source missing, corrupt or unreadable, bad row, contract broken, no rows, label with one class
	ExitMemory   = 6
	ExitAgain    = 75 // disk full, network, another run holds the lock
	ExitInt      = 130
	ExitTerm     = 143
)

// ErrGate is returned by a run whose model was refused by its gates.
var ErrGate = errors.New("the gates refused the model")

// ErrMemory is wrapped by errors of a step that asks for more than the budget.
var ErrMemory = errors.New("over the memory budget")

// ExitCode is the code that an error ends the command with.
func ExitCode(err error) int {
	var data *connectors.DataError
	var opData *operators.ErrData
	var panicked *exec.PanicError
	list, isDiag := diag.From(err)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &panicked):
		return ExitInternal
	case isDiag:
		return diagCode(list)
	case errors.Is(err, ErrGate):
		return ExitGate
	case errors.Is(err, ErrMemory):
		return ExitMemory
	case errors.Is(err, store.ErrLocked), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return ExitAgain
	case errors.As(err, &data), errors.As(err, &opData):
		return ExitData
	case errors.Is(err, syscall.EIO): // of the workspace; a source's is data
		return ExitAgain
	case errors.Is(err, context.Canceled):
		return ExitInt
	case errors.Is(err, store.ErrNoModel), errors.Is(err, store.ErrBadName):
		return ExitInvalid
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EROFS):
		return ExitData
	}
	return ExitInternal
}

// diagCode: a source that cannot be read is the data's fault; anything else wrong with the file comes first.
func diagCode(l diag.List) int {
	code := ExitData
	for _, d := range l {
		if d.Severity == diag.Error && d.Code != diag.SourceBad && d.Code != diag.Contract {
			code = ExitInvalid
		}
	}
	return code
}
