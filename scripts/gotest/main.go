// Command gotest runs go test and says at the end which tests were skipped, with their reasons.
//
// Plain go test hides skipped tests unless it prints every test there is, and a run that skipped what needs data looks
// the same as one that ran it. Arguments are go test's own; a passing test prints nothing, as usual.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	told := &teller{out: os.Stdout}
	readErr := told.read(out)
	err = cmd.Wait()
	told.summary()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1)) // -1 when a signal ended it
	case err != nil || readErr != nil:
		fmt.Fprintln(os.Stderr, "gotest:", errors.Join(err, readErr))
		os.Exit(1)
	}
}

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
}

// teller turns events into what go test prints, and remembers what was skipped.
type teller struct {
	out     io.Writer
	lines   map[string][]string // output of tests that have not ended, by package and test
	passed  int
	failed  int
	skipped []skip
}

type skip struct{ test, reason string }

func (t *teller) read(r io.Reader) error {
	t.lines = map[string][]string{}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(t.out, line) // go test itself speaks plainly where it cannot start
			} else {
				t.event(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *teller) event(e event) {
	key := e.Package + "." + e.Test
	switch {
	case e.Action == "build-output":
		fmt.Fprint(t.out, e.Output)
	case e.Test == "" && e.Action == "output":
		if e.Output != "PASS\n" { // its package's line says so
			fmt.Fprint(t.out, e.Output)
		}
	case e.Test == "":
		if e.Action == "fail" {
			t.orphans(e.Package)
		}
	case e.Action == "output":
		t.lines[key] = append(t.lines[key], e.Output)
	case e.Action == "fail":
		fmt.Fprint(t.out, strings.Join(t.lines[key], ""))
		delete(t.lines, key)
		t.failed++
	case e.Action == "pass":
		delete(t.lines, key)
		t.passed++
	case e.Action == "skip":
		t.skipped = append(t.skipped, skip{key, reason(t.lines[key])})
		delete(t.lines, key)
	}
}

// orphans prints what the tests said that had not ended when their package failed: a panic or a time-out ends a whole
// package, and its trace belongs to whichever test was running.
func (t *teller) orphans(pkg string) {
	var keys []string
	for key := range t.lines {
		if strings.HasPrefix(key, pkg+".") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprint(t.out, strings.Join(t.lines[key], ""))
		delete(t.lines, key)
	}
}

var place = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// reason returns the last thing that a skipped test said, without where it said it.
func reason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if at := place.FindString(line); at != "" {
			return strings.TrimSpace(strings.TrimPrefix(line, at))
		}
	}
	return "no reason given"
}

func (t *teller) summary() {
	fmt.Fprintf(t.out, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, len(t.skipped))
	byReason := map[string][]string{}
	var reasons []string
	for _, s := range t.skipped {
		if byReason[s.reason] == nil {
			reasons = append(reasons, s.reason)
		}
		byReason[s.reason] = append(byReason[s.reason], s.test)
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		tests := byReason[r]
		slices.Sort(tests)
		const namesMax = 3
		more := ""
		if len(tests) > namesMax {
			more = ", …"
		}
		fmt.Fprintf(t.out, "  skipped %d: %s (%s%s)\n", len(tests), r, strings.Join(tests[:min(namesMax, len(tests))], ", "), more)
	}
	for _, name := range []string{"HEADRACE_DATA", "HEADRACE_CORPORA"} {
		if os.Getenv(name) == "" {
			fmt.Fprintf(t.out, "  %s is not set: tests that need what it points to are skipped; CONTRIBUTING.md says where to get it\n", name)
		}
	}
}
