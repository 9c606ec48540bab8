package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/headrace/headrace/testing/bench"
	"github.com/headrace/headrace/testing/bench/random"
)

// draw draws the random queries, writes them where the engines read them, and prints them.
func (f *flags) draw(out io.Writer) ([]bench.Query, error) {
	if f.seed == "" {
		commit, err := bench.Commit(f.Root)
		if err != nil {
			return nil, err
		}
		f.seed = commit
	}
	seed, err := strconv.ParseUint(f.seed, 16, 64)
	if err != nil {
		return nil, fmt.Errorf("-seed: %w", err)
	}
	fmt.Fprintf(out, "random queries of seed %s, in %s:\n", f.seed, filepath.Join(f.Dir, "random"))
	var all []bench.Query
	for i := range f.random {
		q := random.Draw(seed, i, true)
		file := filepath.Join(f.Dir, "random", fmt.Sprintf("%s-%d", f.seed, i+1))
		if err := q.Write(file); err != nil {
			return nil, err
		}
		all = append(all, bench.RandomQuery(i+1, q.Doc(), file, len(q.By), len(q.Sort) > 0))
		fmt.Fprintf(out, "-- %s%d\n%s", bench.RandomPrefix, i+1, folded(q.SQL(), 80))
	}
	return all, nil
}

// folded breaks lines that are wider than a screen at their spaces.
func folded(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for len(line) > width+1 {
			at := strings.LastIndexByte(line[:width], ' ')
			if strings.TrimSpace(line[:max(at, 0)]) == "" {
				break // one long word
			}
			b.WriteString(line[:at] + "\n")
			line = "      " + line[at+1:]
		}
		b.WriteString(line)
	}
	return b.String()
}
