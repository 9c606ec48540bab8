package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/headrace/headrace/testing/bench"
)

// scale measures how the processor time grows with ten times the rows, less what an empty run takes: one that reads and counts a
// single row, so that it starts, plans, writes and stops like any other.
func (f *flags) scale(ctx context.Context, c *bench.Competition) error {
	queries := c.Queries
	c.Queries = []bench.Query{bench.EmptyQuery(f.Root)}
	var at [3]map[string]bench.Result
	for i, rows := range []int64{1, f.rows, 10 * f.rows} {
		m, err := f.data(ctx, rows)
		if err != nil {
			return err
		}
		c.Data, c.Rows = m.Path, m.Rows
		results, err := c.Run(ctx)
		if err != nil {
			return err
		}
		at[i] = map[string]bench.Result{}
		for _, r := range results {
			at[i][r.Name] = r
		}
		c.Queries = queries
	}
	for _, r := range at[0] {
		if r.Medians == nil {
			return fmt.Errorf("the empty run: %s%s", r.NotYet, r.Differs)
		}
		f.printScaling(c, r.Medians, at[1], at[2])
	}
	return nil
}

func (f *flags) printScaling(c *bench.Competition, empty map[string]bench.Sample, small, large map[string]bench.Result) {
	fmt.Printf("\nprocessor time at %d rows by that at %d, each less the empty run's\nseconds of the empty run:", 10*f.rows, f.rows)
	for _, name := range slices.Sorted(maps.Keys(empty)) {
		fmt.Printf(" %s %.3f", name, empty[name].CPU)
	}
	fmt.Printf("\n%-14s", "")
	var engines []bench.Engine
	for _, e := range c.Engines {
		if _, ok := empty[e.Name]; ok {
			engines = append(engines, e)
			fmt.Printf("%12s", e.Name)
		}
	}
	fmt.Println()
	for _, q := range c.Queries {
		a, b := small[q.Name].Medians, large[q.Name].Medians
		if a == nil || b == nil {
			continue // the log has said why
		}
		fmt.Printf("%-14s", q.Name)
		for _, e := range engines {
			none := empty[e.Name].CPU
			if base := a[e.Name].CPU - none; base < none/10 {
				fmt.Printf("%12s", "-") // starting takes it all: there is nothing to grow
			} else {
				fmt.Printf("%12.2f", (b[e.Name].CPU-none)/base)
			}
		}
		fmt.Println()
	}
}
