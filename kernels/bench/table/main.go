// Command table runs the kernels' benchmarks and prints what they take as a table in Markdown: table [PACKAGE …].
//
// A benchmark whose name ends in a level is a column of its row. The share of the limit is the fastest level's.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

func main() {
	pattern := flag.String("bench", ".", "benchmarks to run")
	each := flag.String("benchtime", "20ms", "how long each runs")
	flag.Parse()
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"github.com/headrace/headrace/kernels/..."}
	}
	if err := run(*pattern, *each, packages); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(pattern, each string, packages []string) error {
	args := append([]string{"test", "-run", "^$", "-bench", pattern, "-benchtime", each, "-short", "-p", "1"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go test: %w\n%s", err, out)
	}
	t, err := read(bytes.NewReader(out))
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(t.markdown())
	return err
}

// A row is one kernel: nanoseconds a row at each level, 0 where it has none, and the fastest level's share of its limit.
type row struct {
	name  string
	ns    [cpu.AVX512 + 1]float64
	share [cpu.AVX512 + 1]string
}

type table struct {
	processor string
	rows      []*row
}

// read reads what go test -bench prints.
func read(r io.Reader) (*table, error) {
	t := &table{}
	at := map[string]*row{}
	group := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) < 2:
		case f[0] == "pkg:":
			group = path.Base(f[1])
		case f[0] == "cpu:":
			t.processor = strings.Join(f[1:], " ")
		case strings.HasPrefix(f[0], "Benchmark"):
			name, level := split(group, f[0])
			if at[name] == nil {
				at[name] = &row{name: name}
				t.rows = append(t.rows, at[name])
			}
			if err := at[name].put(level, f[2:]); err != nil {
				return nil, fmt.Errorf("%s: %w", f[0], err)
			}
		}
	}
	return t, lines.Err()
}

// split takes the level off a benchmark's name, and what the testing package puts around it; a benchmark that has its
// package's name goes without.
func split(group, full string) (name string, level cpu.Level) {
	name = strings.TrimPrefix(full, "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name = name[:i] // GOMAXPROCS
		}
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		if l, ok := cpu.Parse(name[i+1:]); ok {
			name, level = name[:i], l
		}
	}
	if first, rest, _ := strings.Cut(name, "/"); strings.EqualFold(first, group) {
		name = rest
	}
	return group + "." + name, level
}

// put reads pairs of a value and its unit.
func (r *row) put(l cpu.Level, pairs []string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		v, err := strconv.ParseFloat(pairs[i], 64)
		if err != nil {
			return err
		}
		switch unit := pairs[i+1]; unit {
		case "ns/row":
			r.ns[l] = v
		case bench.OfMemory, bench.OfCompute:
			r.share[l] = fmt.Sprintf("%.0f%% of %s", v, unit[1:])
		}
	}
	return nil
}

func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; ns a row.\n\n| kernel | go | avx2 | avx512 | go / best | of the limit |\n|---|---|---|---|---|---|\n", t.processor)
	for _, r := range t.rows {
		if r.ns[cpu.Go] == 0 {
			continue // measured in another unit
		}
		best := cpu.Go
		fmt.Fprintf(&b, "| %s |", r.name)
		for l, ns := range r.ns {
			if ns == 0 {
				b.WriteString(" - |")
				continue
			}
			fmt.Fprintf(&b, " %.*f |", digits(ns), ns)
			if ns < r.ns[best] {
				best = cpu.Level(l)
			}
		}
		gain, share := "-", r.share[best]
		if best != cpu.Go {
			gain = fmt.Sprintf("%.1f", r.ns[cpu.Go]/r.ns[best])
		}
		if share == "" {
			share = "-"
		}
		fmt.Fprintf(&b, " %s | %s |\n", gain, share)
	}
	return b.String()
}

// digits gives two significant ones below ten.
func digits(ns float64) int {
	switch {
	case ns < 0.1:
		return 3
	case ns < 1:
		return 2
	case ns < 10:
		return 1
	}
	return 0
}
