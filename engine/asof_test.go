package engine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/testing/duckdb"
	"github.com/headrace/headrace/testing/race"
)

const asOf = `version: 1
name: asof
sources:
  left: {csv: {path: left.csv}, columns: {id: {type: int64}, k: {type: string, nullable: true}, t: {type: int64, nullable: true}}}
  right: {csv: {path: right.csv}, columns: {k: {type: string, nullable: true}, t: {type: int64, nullable: true}, v: {type: int64}, w: {type: string}}}
steps:
  back: {from: {left: left, right: right}, table.asof: {time: t, by: k}}
  ahead: {from: {left: left, right: right}, table.asof: {time: t, by: k, direction: forward, strict: true, how: inner}}
  near: {from: {left: left, right: right}, table.asof: {time: t, direction: nearest, tolerance: 3, prefix: r_}}
sinks:
  back: {from: back, csv: {path: back.csv}}
  ahead: {from: ahead, csv: {path: ahead.csv}}
  near: {from: near, csv: {path: near.csv}}
`

// asOfRows writes the tables. Where ties is set right rows have equal times.
func asOfRows(t *testing.T, dir string, lefts, rights int, ties bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	key := func() string {
		if r.IntN(30) == 0 {
			return ""
		}
		return fmt.Sprint("key ", r.IntN(200))
	}
	rows(t, dir, "left.csv", lefts, func(i int) string {
		if i == 0 {
			return "id,k,t"
		}
		if r.IntN(40) == 0 {
			return fmt.Sprintf("%d,%s,", i, key())
		}
		return fmt.Sprintf("%d,%s,%d", i, key(), r.IntN(4*rights))
	})
	at := r.Perm(4 * rights)
	rows(t, dir, "right.csv", rights, func(i int) string {
		if i == 0 {
			return "k,t,v,w"
		}
		if ties {
			at[i] = r.IntN(rights) * 4
		}
		return fmt.Sprintf("%s,%d,%d,text %d", key(), at[i], i, r.IntN(1000))
	})
}

// TestAsOfSameBits holds that as-of joins write the same files for any number of workers, any morsels and any memory.
func TestAsOfSameBits(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	var want [][]byte
	for i, cfg := range []engine.Config{{Workers: 1}, {Workers: 2, Tables: 1 << 20}, {Workers: 3, MorselRows: 1000, Tables: 1}, {Workers: 7, MorselRows: 640}} {
		dir := t.TempDir()
		asOfRows(t, dir, race.Few(40_000), race.Few(30_000), true)
		if _, err := ran(t, dir, "asof", asOf, cfg); err != nil {
			t.Fatal(err)
		}
		for k, name := range []string{"back.csv", "ahead.csv", "near.csv"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = append(want, b)
			}
			if !bytes.Equal(b, want[k]) || len(b) < race.Few(500_000) {
				t.Errorf("%+v, %s: %d bytes, others than the %d of one worker", cfg, name, len(b), len(want[k]))
			}
		}
	}
}

// TestAsOfIsDuckDBs holds rows to those of DuckDB's ASOF JOIN. That says nothing of right rows with equal times: there are none; and it
// takes a null for a late time.
func TestAsOfIsDuckDBs(t *testing.T) {
	dir := t.TempDir()
	asOfRows(t, dir, 5000, 4000, false)
	table := func(name string) string {
		return fmt.Sprintf("read_csv('%s', header = true, nullstr = '')", filepath.ToSlash(filepath.Join(dir, name)))
	}
	const cols = "select l.id, l.k, l.t, if(l.t is null, null, r.v), if(l.t is null, null, r.w) from "
	queries := duckdb.Query(t,
		cols+table("left.csv")+" l asof left join "+table("right.csv")+" r on l.k = r.k and l.t >= r.t order by l.id",
		cols+table("left.csv")+" l asof join "+table("right.csv")+" r on l.k = r.k and l.t < r.t where l.t is not null order by l.id")
	if _, err := ran(t, dir, "asof", asOf, engine.Config{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"back.csv", "ahead.csv"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")[1:]
		if len(lines) != len(queries[i]) || len(lines) < 1000 {
			t.Fatalf("%s: %d rows, DuckDB has %d", name, len(lines), len(queries[i]))
		}
		for k, row := range queries[i] {
			var cells []string
			for _, v := range row {
				if v == nil {
					cells = append(cells, "")
				} else {
					cells = append(cells, *v)
				}
			}
			if theirs := strings.Join(cells, ","); theirs != lines[k] {
				t.Fatalf("%s, row %d: %s, DuckDB has %s", name, k, lines[k], theirs)
			}
		}
	}
}
