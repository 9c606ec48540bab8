// Package account is what a measured process says of its own work.
package account

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Account is what a process tells beside what the launcher and the kernel see of it.
type Account struct {
	Core  float64 `json:"core,omitempty"` // seconds of what the row is about
	Peak  float64 `json:"peak,omitempty"` // MiB resident at most by the end of the work, where the process goes on to other things
	Apart []Phase `json:"apart"`          // what is no part of the work
}

// Phase is a part of a run that is told apart.
type Phase struct {
	Name string  `json:"name"`
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
}

// Start begins a phase. What it gives ends it.
func Start(name string) func() Phase {
	began, used := time.Now(), processor()
	return func() Phase { return Phase{name, time.Since(began).Seconds(), processor() - used} }
}

// Resident is the greatest resident size of this process so far, in MiB.
func Resident() float64 { return float64(usage().Maxrss) / 1024 }

// processor is the seconds of user and system of this process so far.
func processor() float64 {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u
}

// Write writes the account to a file, or prints it where path is "".
func (a *Account) Write(path string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if path == "" {
		fmt.Println(string(text))
		return nil
	}
	return os.WriteFile(path, text, 0o666)
}

// Read reads the account of a file.
func Read(path string) (a Account, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}
