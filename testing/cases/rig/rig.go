// Package rig runs the headrace command in a process of its own, as users do: the test binary starts itself again.
package rig

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/cmd/command"

	// The whole catalogue, as cmd/headrace has it.
	_ "github.com/headrace/headrace/connectors/all"
	_ "github.com/headrace/headrace/operators/all"
)

const asCommand = "HEADRACE_TEST_AS_COMMAND"

// Main is for TestMain: where Command started this process it becomes the command, else the tests run.
func Main(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		command.Main() // exits
	}
	os.Exit(m.Run())
}

// limitSeconds is how long a command may take before it counts as hanging.
const limitSeconds = 120

// Command is the headrace command line in the folder dir, not yet started. Its workspace is dir's own whatever the environment says.
func Command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "HEADRACE_") {
			c.Env = append(c.Env, e)
		}
	}
	c.Env = append(c.Env, asCommand+"=1", "NO_COLOR=1", "TZ=UTC")
	return c
}

// Result is what a command line left behind.
type Result struct {
	Code        int // -1 where a signal ended it
	Out, Errors string
}

// Run runs a command line to its end.
func Run(t testing.TB, dir string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limitSeconds*time.Second)
	defer cancel()
	c := Command(ctx, dir, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("headrace %s: %v", strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("headrace %s: not done after %d s\n%s", strings.Join(args, " "), limitSeconds, errs.String())
	}
	return Result{Code: c.ProcessState.ExitCode(), Out: out.String(), Errors: errs.String()}
}

// InProcess runs a command line in this process: for what is done a thousand times. Paths must not hang on the working directory.
func InProcess(args ...string) Result {
	var out, errs bytes.Buffer
	code := command.Run(args, &out, &errs)
	return Result{code, out.String(), errs.String()}
}

// Root is the folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Example is a file of the examples.
func Example(name string) string { return filepath.Join(Root(), "examples", filepath.FromSlash(name)) }

// Copy copies a file.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Write writes a file.
func Write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
