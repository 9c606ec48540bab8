package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/testing/cases/rig"
	"github.com/headrace/headrace/testing/race"
)

// mutantsMax is how many mutants are checked; HEADRACE_MUTANTS asks for more.
var mutantsMax = race.Few(1000)

// TestMutants checks DAG files with lines and words deleted, doubled and swapped: no panic, no hang, and each finding once, with a place.
func TestMutants(t *testing.T) {
	n := mutantsMax
	if s := os.Getenv("HEADRACE_MUTANTS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	dir := t.TempDir()
	seeds := dagFiles(t, dir)
	file := filepath.Join(dir, "dag.yaml")
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		text := seeds[r.IntN(len(seeds))]
		for range 1 + r.IntN(3) {
			text = mutate(r, text, seeds)
		}
		rig.Write(t, file, text)
		start := time.Now()
		var list diag.List
		if err := safely(func() { list = checked(file) }); err != nil {
			t.Fatalf("mutant %d: %v\n%s", i, err, text)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("mutant %d took %v\n%s", i, d, text)
		}
		seen := map[string]bool{}
		for _, d := range list {
			if d.Place.Line == 0 || d.Place.Column == 0 {
				t.Errorf("mutant %d: no place: %v\n%s", i, d, text)
			}
			if seen[d.Error()] {
				t.Errorf("mutant %d: twice: %v\n%s", i, d, text)
			}
			seen[d.Error()] = true
		}
		if t.Failed() {
			return
		}
	}
}

// checked loads and checks a file as the command does; a plan without errors is narrowed too.
func checked(file string) diag.List {
	p, l := dags.Load(dags.LoadOptions{Files: []string{file}})
	if p == nil {
		return l.Sort()
	}
	pl, more := engine.Check(context.Background(), p, engine.Config{Workers: 1})
	if l = append(l, more...); !l.Failed() {
		pl.Narrow(nil)
	}
	closeAll(pl)
	return l.Sort()
}

func closeAll(pl *plan.Plan) {
	for _, n := range pl.Nodes {
		if n.Source != nil && n.Source.Data != nil {
			_ = n.Source.Data.Close() // it was only looked at
		}
	}
}

func safely(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	f()
	return nil
}

// dagFiles are the cases of this folder and the examples; their data are laid out in dir.
func dagFiles(t *testing.T, dir string) (out []string) {
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		head := ""
		for _, f := range a.Files {
			switch {
			case f.Name == "head":
				head = string(f.Data)
			case strings.Contains(f.Name, "."):
				rig.Write(t, filepath.Join(dir, f.Name), string(f.Data))
			default:
				text, _ := marks(head + string(f.Data))
				out = append(out, text)
			}
		}
	}
	for _, f := range []string{"flights/flight_delay.yaml", "adult/income.yaml", "california/house_value.yaml", "arrivals/late_arrival.yaml"} {
		b, err := os.ReadFile(rig.Example(f))
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.ToSlash(filepath.Dir(rig.Example(f)))
		out = append(out, regexp.MustCompile(`default: ([a-z_]+\.[a-z]+)`).ReplaceAllString(string(b), "default: "+folder+"/$1"))
	}
	return out
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.]*|\d+(\.\d+)?|[][{}:,"]`)

// mutate changes one line or one word; a word may be replaced by one of another file.
func mutate(r *rand.Rand, text string, seeds []string) string {
	if r.IntN(3) == 0 {
		lines := strings.SplitAfter(text, "\n")
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		switch r.IntN(3) {
		case 0:
			lines[i] = ""
		case 1:
			lines[i] += lines[i]
		default:
			lines[i], lines[j] = lines[j], lines[i]
		}
		return strings.Join(lines, "")
	}
	at := word.FindAllStringIndex(text, -1)
	if len(at) < 2 {
		return text
	}
	i := at[r.IntN(len(at))]
	other := text
	if r.IntN(3) == 0 {
		other = seeds[r.IntN(len(seeds))]
	}
	words := word.FindAllString(other, -1)
	put := ""
	switch r.IntN(4) {
	case 0:
	case 1:
		put = text[i[0]:i[1]] + text[i[0]:i[1]]
	default:
		put = words[r.IntN(len(words))]
	}
	return text[:i[0]] + put + text[i[1]:]
}
