//go:build linux

package cases

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"golang.org/x/sys/unix"

	"github.com/headrace/headrace/testing/cases/rig"
	"github.com/headrace/headrace/testing/race"
)

// terminal opens a pseudo-terminal of so many columns.
func terminal(t *testing.T, columns int) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("a pseudo-terminal cannot be unlocked: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Skipf("the pseudo-terminal cannot be opened: %v", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// widest gives the widest line of what a terminal was sent.
func widest(s string) (line string, width int) {
	for _, l := range regexp.MustCompile(`[\r\n]`).Split(escapes.ReplaceAllString(s, ""), -1) {
		if w := runewidth.StringWidth(l); w > width {
			line, width = l, w
		}
	}
	return line, width
}

// wideFile is a source of so many columns that no terminal has room for them, and a mistake in a long line.
const wideFile = `version: 1
name: wide
sources:
  rows: {csv: {path: wide.csv}}
steps:
  kept: {from: rows, clean.filter: {where: "column_number_1 != column_number_2 and column_number_3 != column_number_4 and column_number_5 > colum_number_6"}}
sinks:
  out: {from: kept, csv: {path: out.csv}}
`

// On a terminal a run shows bars, which fit it, narrow or wide; elsewhere it shows none of the terminal's codes.
func TestTerminalWidths(t *testing.T) {
	dir := t.TempDir()
	rig.Copy(t, rig.Example("flights/flights.parquet"), filepath.Join(dir, "flights.parquet"))
	rig.Copy(t, rig.Example("flights/flight_delay.yaml"), filepath.Join(dir, "flight_delay.yaml"))
	var head, row []string
	for i := range 30 {
		head, row = append(head, fmt.Sprint("column_number_", i)), append(row, strings.Repeat("7", i%15+1))
	}
	rig.Write(t, filepath.Join(dir, "wide.csv"), strings.Join(head, ",")+"\n"+strings.Join(row, ",")+"\n")
	rig.Write(t, filepath.Join(dir, "wrong.yaml"), wideFile)
	rig.Write(t, filepath.Join(dir, "wide.yaml"), strings.Replace(wideFile, "colum_n", "column_n", 1))
	for _, columns := range []int{40, 80, 200} {
		if race.On && columns > 40 {
			continue // each is a run
		}
		for _, args := range [][]string{
			{"run", "flight_delay.yaml", "--set", "trees=10", "--workspace", fmt.Sprint("ws", columns)},
			{"plan", "flight_delay.yaml"}, {"models", "--workspace", fmt.Sprint("ws", columns)},
			{"check", "flight_delay.yaml"}, {"check", "wrong.yaml"}, {"check", "wide.yaml"}, {"peek", "wide.yaml", "kept"}, {"peek", "wide.yaml", "keptt"},
			{"show", "latest", "--workspace", fmt.Sprint("ws", columns)},
			{"ops"}, {"ops", "train.gbdt"}, {"help", "dag"}, {"help", "expressions"}, {"help", "types"},
			{"help"}, {"help", "run"}, {"help", "models"}, {"predict", "--help"}, {"models", "promote", "--help"},
		} {
			master, slave := terminal(t, columns)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			c := rig.Command(ctx, dir, args...)
			var out bytes.Buffer
			c.Stdout, c.Stderr, c.Stdin = &out, slave, nil
			wrong := slices.ContainsFunc(args, func(a string) bool { return a == "wrong.yaml" || a == "keptt" })
			if args[0] != "run" {
				c.Stdout = slave
			}
			done := make(chan string)
			go func() {
				var b bytes.Buffer
				_, _ = io.Copy(&b, master) // ends with an error when the last writer is gone
				done <- b.String()
			}()
			err := c.Run()
			cancel()
			slave.Close()
			shown := <-done
			master.Close()
			if (err != nil) != wrong || wrong && !strings.Contains(shown, "error[E0") {
				t.Fatalf("%s: %v\n%s%s", args, err, out.String(), shown)
			}
			if args[0] == "run" && (!strings.Contains(shown, "fit ") || !escapes.MatchString(shown)) {
				t.Errorf("%d columns: no bars are shown: %q", columns, shown)
			}
			if args[0] == "peek" && !wrong && !regexp.MustCompile(`and \d+ columns:`).MatchString(shown) {
				t.Errorf("%d columns: peek does not say what it leaves out:\n%s", columns, shown)
			}
			limit := columns
			if args[0] == "plan" || args[0] == "show" { // text for 80 columns wherever it goes
				limit = 80
			}
			if len(args) > 1 && args[0] == "ops" || args[0] == "help" || args[len(args)-1] == "--help" { // examples and flags are as wide as they are
				limit = max(limit, 80)
			}
			if line, w := widest(shown); w > limit {
				t.Errorf("%s, %d columns: a line of %d: %q", args, columns, w, line)
			}
			if escapes.MatchString(out.String()) {
				t.Errorf("%s: standard output, which is no terminal, has codes of one: %q", args[0], out.String())
			}
		}
	}
	r := rig.Run(t, dir, "run", "flight_delay.yaml", "--set", "trees=10")
	if r.Code != 0 || escapes.MatchString(r.Errors+r.Out) || strings.Contains(r.Errors, "\r") {
		t.Errorf("without a terminal: exit %d\n%q", r.Code, r.Errors)
	}
}
