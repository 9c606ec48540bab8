// Package cases holds pipelines as text: files, command lines, and what they print.
package cases

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/headrace/headrace/testing/cases/rig"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

func TestMain(m *testing.M) { rig.Main(m) }

// Every file of testdata is a txtar archive: its comment says what it shows, its files are laid out in a folder of their own, and the
// last of them, "session", is a transcript:
//
//	> a remark
//	$ headrace check pipeline.yaml
//	what went to standard output
//	! what went to standard error
//	exit 2
//
// A line "exit" is left out for 0. Times, run ids, hashes and the folder's path are made alike before they are compared. Beside headrace
// there are: cat FILE…, ls FOLDER (all files below), rm PATH, cp FROM TO, gen FILE ROWS SEED (rows to learn from), set FILE OLD NEW.
// $EXAMPLES and $DATA in a command are folders; a case that names $DATA is skipped where HEADRACE_DATA is not set.
func TestCases(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			runCase(t, name)
		})
	}
}

func runCase(t *testing.T, name string) {
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	k := len(a.Files) - 1
	if k < 0 || a.Files[k].Name != "session" {
		t.Fatalf("%s: the last file must be session", name)
	}
	want := string(a.Files[k].Data)
	if strings.Contains(want, "$DATA") && os.Getenv("HEADRACE_DATA") == "" {
		t.Skip("HEADRACE_DATA is not set: the folder of real data sets is not here")
	}
	dir := t.TempDir()
	for _, f := range a.Files[:k] {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		rig.Write(t, to, string(f.Data))
	}
	var got strings.Builder
	for line := range strings.Lines(want) {
		switch cmd, is := strings.CutPrefix(line, "$ "); {
		case is:
			got.WriteString(line)
			got.WriteString(execute(t, dir, strings.TrimSuffix(cmd, "\n")))
		case strings.HasPrefix(line, "> "):
			got.WriteString(line)
		}
	}
	text := strings.TrimRight(got.String(), "\n") + "\n"
	if text == want {
		return
	}
	if *update {
		a.Files[k].Data = []byte(text)
		rig.Write(t, name, string(txtar.Format(a)))
		return
	}
	t.Errorf("%s: the transcript differs (-update rewrites it)\n%s", name, difference(want, text))
}

// execute runs a line and gives its part of the transcript.
func execute(t *testing.T, dir, line string) string {
	words, err := split(strings.NewReplacer("$EXAMPLES", filepath.Join(rig.Root(), "examples"), "$DATA", os.Getenv("HEADRACE_DATA")).Replace(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var r rig.Result
	if words[0] == "headrace" {
		r = rig.Run(t, dir, words[1:]...)
	} else if r.Out, err = builtin(dir, words); err != nil {
		r.Errors, r.Code = fmt.Sprintf("%s: %v\n", words[0], err), 1
	}
	var b strings.Builder
	b.WriteString(normal(dir, r.Out))
	if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
		b.WriteString("\\ no newline\n")
	}
	for l := range strings.Lines(normal(dir, r.Errors)) {
		b.WriteString("! " + strings.TrimSuffix(l, "\n") + "\n")
	}
	if r.Code != 0 {
		fmt.Fprintf(&b, "exit %d\n", r.Code)
	}
	return b.String()
}

// split takes a line apart at blanks; '…' holds a word together.
func split(line string) (words []string, err error) {
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		var w strings.Builder
		for line != "" && line[0] != ' ' {
			if line[0] == '\'' {
				in, rest, ok := strings.Cut(line[1:], "'")
				if !ok {
					return nil, fmt.Errorf("a ' is open")
				}
				w.WriteString(in)
				line = rest
				continue
			}
			w.WriteByte(line[0])
			line = line[1:]
		}
		words = append(words, w.String())
	}
	return words, nil
}

func builtin(dir string, words []string) (string, error) {
	at := func(i int) string {
		if i < len(words) && filepath.IsAbs(words[i]) {
			return words[i]
		}
		return filepath.Join(dir, words[i])
	}
	switch cmd := words[0]; {
	case cmd == "cat" && len(words) > 1:
		var s strings.Builder
		for i := range words[1:] {
			b, err := os.ReadFile(at(i + 1))
			if err != nil {
				return "", err
			}
			s.Write(b)
		}
		return s.String(), nil
	case cmd == "ls" && len(words) == 2:
		return list(at(1))
	case cmd == "rm" && len(words) == 2:
		return "", os.RemoveAll(at(1))
	case cmd == "cp" && len(words) == 3:
		b, err := os.ReadFile(at(1))
		if err != nil {
			return "", err
		}
		return "", os.WriteFile(at(2), b, 0o666)
	case cmd == "set" && len(words) == 4:
		b, err := os.ReadFile(at(1))
		if err != nil || strings.Count(string(b), words[2]) != 1 {
			return "", fmt.Errorf("%q is not there once: %w", words[2], err)
		}
		return "", os.WriteFile(at(1), []byte(strings.Replace(string(b), words[2], words[3], 1)), 0o666)
	case cmd == "gen" && len(words) == 4:
		return "", generate(at(1), words[2], words[3])
	}
	return "", fmt.Errorf("no command %s with %d words", words[0], len(words)-1)
}

// list gives the files below a folder; locks are files of the operating system's and say nothing.
func list(dir string) (string, error) {
	var s []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if rel, _ := filepath.Rel(dir, p); !d.IsDir() {
			s = append(s, filepath.ToSlash(rel)+"\n")
		}
		return nil
	})
	if os.IsNotExist(err) {
		return "nothing there\n", nil
	}
	slices.Sort(s)
	return strings.Join(s, ""), err
}

// generate writes rows in which late hangs on distance, hour and colour.
func generate(name, rows, seed string) error {
	n, err := strconv.Atoi(rows)
	if err != nil {
		return err
	}
	s, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(s, 1))
	var b strings.Builder
	b.WriteString("id,day,hour,distance,colour,weight,price,late\n")
	colours := []string{"red", "green", "blue", ""}
	for i := range n {
		hour, colour := r.IntN(24), r.IntN(len(colours))
		distance := 100 + r.IntN(2000)
		score := float64(hour)/24 + float64(distance)/4000 + float64(colour)*0.2 + r.Float64()
		fmt.Fprintf(&b, "%d,2001-%02d-%02d,%d,%d,%s,%.2f,%.1f,%t\n", i, 1+i*12/n, 1+i%28, hour, distance, colours[colour], 1+r.Float64(), 100*score, score > 1.6)
	}
	return os.WriteFile(name, []byte(b.String()), 0o666)
}

var alike = []struct {
	is *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\b20\d{6}-(\d{4})\b`), "DATE-$1"},                                     // run ids
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"}, // with a zone: of the clock, not of data
	{regexp.MustCompile(`\b20[2-9]\d-\d\d-\d\d \d\d:\d\d:\d\d\b`), "YYYY-MM-DD HH:MM:SS"},      // as wide, for a table's sake
	{regexp.MustCompile(`\b20[2-9]\d-\d\d-\d\d \d\d:\d\d\b`), "YYYY-MM-DD HH:MM"},
	{regexp.MustCompile(`(rows(?:, .*)?, |DATE-\d{4}  )(\d+m)?[\d.]+(ns|µs|ms|s)\b`), "${1}0s"},
	{regexp.MustCompile(`(?m)^(\S+ +DATE-\d{4}.* (?:done|failed|refused|running) +)[\d.]+$`), "${1}0.0"},
	{regexp.MustCompile(`(?m)^(seconds +)[\d.]+$`), "${1}0.0"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA256"},
	{regexp.MustCompile(`\(([0-9a-f]{12})\)|(sha256 )[0-9a-f]{16}|\b([0-9a-f]{12})$`), "(HASH)"},
	{regexp.MustCompile(`(?m)  [0-9a-f]{12}$`), "  HASH"},
}

// normal makes alike what differs from run to run, and never what a result is.
func normal(dir, s string) string {
	s = strings.ReplaceAll(s, dir, "DIR")
	s = strings.ReplaceAll(s, filepath.Join(rig.Root(), "examples"), "EXAMPLES")
	if data := os.Getenv("HEADRACE_DATA"); data != "" {
		s = strings.ReplaceAll(s, data, "DATA")
	}
	for _, a := range alike {
		s = a.is.ReplaceAllString(s, a.to)
	}
	return s
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	show := func(s []string) string {
		return strings.Join(s[min(max(i-2, 0), len(s)):min(i+12, len(s))], "\n")
	}
	return fmt.Sprintf("from line %d\n--- want\n%s\n--- got\n%s", i+1, show(w), show(g))
}
