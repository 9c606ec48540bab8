// Package quality holds models of real data to what the best peer scores on the same rows.
package quality

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/headrace/headrace/connectors/all"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine"
	_ "github.com/headrace/headrace/operators/all"
	"github.com/headrace/headrace/testing/race"
)

// bars must be reached whatever the peers do: what tuned models reach in the literature is not far above. There is none for tables that
// are made here.
var bars = map[string]map[string]float64{
	"adult":          {"auc": 0.925},
	"california":     {"rmse": 0.4725},
	"credit default": {"auc": 0.775},
	"covertype":      {"accuracy": 0.8},
}

// near is how far ours may be from the best peer's, and whether more is better.
var near = []struct {
	metric string
	more   bool
	by     func(best float64) float64 // the least, or the most, that will do
}{
	{"auc", true, func(best float64) float64 { return best - 0.002 }},
	{"accuracy", true, func(best float64) float64 { return best - 0.002 }},
	{"rmse", false, func(best float64) float64 { return 1.01 * best }},
	{"log_loss", false, func(best float64) float64 { return 1.01 * best }},
	{"ndcg_10", true, func(best float64) float64 { return best - 0.002 }},
}

// stored is a case of quality.json, whose maker says what it means.
type stored struct {
	Name, DAG, Task string
	Set             map[string]string // parameters that are files in HEADRACE_DATA
	Seeds           int               // of so many splits the mean counts; of small tables one says little
	Rows            map[string]int64
	Peers           map[string]map[string]float64
}

func TestAsGoodAsThePeers(t *testing.T) {
	text, err := os.ReadFile("../peers/quality.json")
	if err != nil {
		t.Fatal(err)
	}
	var peers struct{ Cases []stored }
	if err := json.Unmarshal(text, &peers); err != nil {
		t.Fatal(err)
	}
	if len(peers.Cases) != 7 {
		t.Fatalf("%d cases, not seven", len(peers.Cases))
	}
	for _, c := range peers.Cases {
		t.Run(strings.ReplaceAll(c.Name, " ", "_"), func(t *testing.T) {
			set := map[string]string{}
			for param, file := range c.Set {
				folder := os.Getenv("HEADRACE_DATA")
				if folder == "" {
					t.Skip("HEADRACE_DATA is not set: no model is fitted to its files")
				}
				set[param] = filepath.Join(folder, file)
			}
			got := map[string]float64{}
			for seed := range max(1, c.Seeds) {
				if c.Seeds > 0 {
					set["seed"] = strconv.Itoa(seed)
				}
				metrics, rows := score(t, filepath.Join("..", "..", c.DAG), set)
				if race.On { // of so few rows nothing is to be compared; who touches what at the same time is seen all the same
					if len(metrics) == 0 || rows == 0 {
						t.Errorf("%d rows, %d metrics", rows, len(metrics))
					}
					return
				}
				if seed == 0 && rows != c.Rows["test"] {
					t.Fatalf("%d rows to test on, the peers had %d: quality.py makes quality.json again", rows, c.Rows["test"])
				}
				for name, value := range metrics {
					got[name] += value / float64(max(1, c.Seeds))
				}
			}
			for name, bar := range bars[c.Name] {
				if name == "rmse" && got[name] > bar || name != "rmse" && got[name] < bar {
					t.Errorf("%s is %.5f, must be %v", name, got[name], bar)
				}
			}
			compared := 0
			for _, n := range near {
				best, of := 0.0, ""
				for _, peer := range slices.Sorted(maps.Keys(c.Peers)) {
					if v, ok := c.Peers[peer][n.metric]; ok && (of == "" || (v > best) == n.more) {
						best, of = v, peer
					}
				}
				if of == "" || n.metric == "accuracy" && c.Task == "binary" {
					continue // not of this task; two classes are judged by their order
				}
				compared++
				ours, bar := got[n.metric], n.by(best)
				if ours == bar || (ours > bar) == n.more {
					continue
				}
				t.Errorf("%s is %.5f: %s has %.5f, so %.5f would do", n.metric, ours, of, best, bar)
			}
			if compared == 0 {
				t.Error("nothing to compare")
			}
			t.Logf("%v", got)
		})
	}
}

// score runs a DAG file and gives the metrics of its rows to test, and how many those are.
func score(t *testing.T, file string, set map[string]string) (metrics map[string]float64, rows int64) {
	t.Helper()
	p, l := dags.Load(dags.LoadOptions{Files: []string{file}, Set: set})
	if l.Failed() {
		t.Fatal(l.Err())
	}
	if p.Gates != nil {
		p.Gates.Require = nil // they are not what is tested
	}
	out, err := engine.Run(context.Background(), p, engine.Config{Workspace: t.TempDir(), Sample: float64(race.Few(1e6)) / 1e6})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Evals) != 1 {
		t.Fatalf("%d reports", len(out.Evals))
	}
	m := out.Evals[0].Result.Models[0]
	metrics = map[string]float64{}
	for _, one := range m.Metrics {
		metrics[one.Name] = one.Value
	}
	return metrics, m.Rows
}
