package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/testing/race"
)

const aggregated = `version: 1
name: aggregated
sources: {data: {csv: {path: rows.csv}, columns: {u: {type: string}, g: {type: string}, x: {type: float64, nullable: true}, k: {type: int64}}}}
steps:
  many: {from: data, table.aggregate: {by: [u, k], aggregates: {n: count(), s: sum(x), lo: min(x), hi: max(u), q: 'quantile(x, 0.3)', v: var(x), f: first(g), d: count_distinct(g)}}}
  few:  {from: data, table.aggregate: {by: [g], aggregates: {n: count(), m: mean(k), d: count_distinct(u), q: median(x), a: 'approx_quantile(x, 0.8)', l: last(x)}}}
  one:  {from: data, table.aggregate: {aggregates: {n: count(x), m: mean(x), t: max(u), d: count_distinct(u), q: 'quantile(x, 0.99)', a: 'approx_quantile(x, 0.2)'}}}
sinks:
  many: {from: many, csv: {path: many.csv}}
  few:  {from: few, csv: {path: few.csv}}
  one:  {from: one, csv: {path: one.csv}}
`

// TestAggregateSameBits holds that aggregations write the same files for any number of workers, any morsels, and any memory: of many
// groups the second budget holds but a small part.
func TestAggregateSameBits(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	want := ""
	for i, cfg := range []engine.Config{{Workers: 1}, {Workers: 2, Tables: 1 << 20}, {Workers: 3, MorselRows: 1000, Tables: 1}, {Workers: 7, MorselRows: 640}} {
		dir := t.TempDir()
		r := rand.New(rand.NewPCG(1, 2))
		rows(t, dir, "rows.csv", race.Few(60_000), func(i int) string {
			if i == 0 {
				return "u,g,x,k"
			}
			x := fmt.Sprint(r.NormFloat64() * 1000)
			if r.IntN(10) == 0 {
				x = ""
			}
			return fmt.Sprintf("u%d,g%d,%s,%d", r.IntN(30_000), r.IntN(9), x, r.IntN(2))
		})
		if _, err := ran(t, dir, "aggregated", aggregated, cfg); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, name := range []string{"many.csv", "few.csv", "one.csv"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got += string(b)
		}
		if i == 0 {
			want = got
		}
		if got != want || len(got) < race.Few(1_000_000) {
			t.Errorf("%+v: %d bytes, others than the %d of one worker", cfg, len(got), len(want))
		}
	}
}
