package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/headrace/headrace/testing/bench/account"
)

// Sample is what one run of one engine took, from the start of the process to its end.
type Sample struct {
	Wall float64 `json:"wall"` // seconds
	CPU  float64 `json:"cpu"`  // seconds of user and system, of the process and all that it waited for
	Peak float64 `json:"peak"` // MiB resident at most, of the largest of these processes

	Core  float64         `json:"core,omitempty"`  // seconds of what the query is about, where the process told
	Apart []account.Phase `json:"apart,omitempty"` // what was left out of Wall and CPU
}

// MeasureArg as the first argument makes a program that calls Measure its own launcher.
const MeasureArg = "measure"

// Measure runs the command in args, waits for it, and prints its Sample. A process of its own does it because the kernel counts the
// memory of whoever starts a child as the child's until it has replaced itself: a launcher is small, the harness is not.
func Measure(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start).Seconds()
	if err != nil {
		return err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("no resource usage on this system")
	}
	return json.NewEncoder(os.Stdout).Encode(Sample{
		Wall: wall,
		CPU:  (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		Peak: float64(usage.Maxrss) / 1024, // KiB on Linux
	})
}

// Command is a process to run, with what is added to the environment.
type Command struct {
	Args []string
	Env  []string
	Dir  string // removed and made again before every run: what an engine keeps there is no help to the next

	Account string // the file in which the process leaves its account; "" for none
}

// Run runs a command by the launcher, which is this program.
func (c Command) Run(ctx context.Context) (Sample, error) {
	if c.Dir != "" {
		if err := errors.Join(os.RemoveAll(c.Dir), os.MkdirAll(c.Dir, 0o777)); err != nil {
			return Sample{}, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return Sample{}, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{MeasureArg}, c.Args...)...)
	cmd.Env = append(os.Environ(), c.Env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return Sample{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, strings.TrimSpace(said.String()))
	}
	var s Sample
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		return s, err
	}
	return s, s.settle(c.Account)
}

// settle takes what a process says of its own work into its sample.
func (s *Sample) settle(path string) error {
	if path == "" {
		return nil
	}
	a, err := account.Read(path)
	if err != nil {
		return err
	}
	s.Core, s.Apart = a.Core, a.Apart
	if a.Peak > 0 {
		s.Peak = a.Peak
	}
	for _, p := range s.Apart {
		s.Wall -= p.Wall
		s.CPU -= p.CPU
	}
	if s.Wall <= s.Core || s.CPU <= 0 {
		return fmt.Errorf("%s: more is told than was measured", path)
	}
	return nil
}
