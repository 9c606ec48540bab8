package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"

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
		fmt.Fprintf(out, "-- %s%d\n%s", bench.RandomPrefix, i+1, q.SQL())
	}
	return all, nil
}
