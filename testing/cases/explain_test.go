package cases

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/headrace/headrace/testing/cases/rig"
)

// Contributions and importance are the same bits on any number of cores, of rows that several row groups hold.
func TestExplainedOnAnyCores(t *testing.T) {
	t.Parallel()
	const overlay = `steps:
  model: {train.gbdt: {trees: 10, leaves: 15, explain: true}}
  why: {from: model, evaluate.importance: {repeats: 2, rows: 15000}}
sinks:
  scored: {from: model.test, parquet: {path: scored.parquet}}
`
	var first [][]byte
	for _, cores := range []string{"1", "3"} {
		dir := t.TempDir()
		rig.Copy(t, rig.Example("flights/flights.parquet"), filepath.Join(dir, "flights.parquet"))
		rig.Copy(t, rig.Example("flights/flight_delay.yaml"), filepath.Join(dir, "flight_delay.yaml"))
		if err := os.WriteFile(filepath.Join(dir, "why.yaml"), []byte(overlay), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"run", "-q", "flight_delay.yaml", "-f", "why.yaml", "--cores", cores},
			{"predict", "flight_delay", "flights.parquet", "--explain", "-o", "explained.parquet", "--cores", cores},
		} {
			if r := rig.Run(t, dir, args...); r.Code != 0 {
				t.Fatal(r.Errors)
			}
		}
		metrics, err := filepath.Glob(filepath.Join(dir, ".headrace/runs/flight_delay/*/metrics.json"))
		if err != nil || len(metrics) != 1 {
			t.Fatal(metrics, err)
		}
		for i, name := range []string{metrics[0], filepath.Join(dir, "scored.parquet"), filepath.Join(dir, "explained.parquet")} {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case len(first) == i:
				first = append(first, data)
				if i == 0 && !bytes.Contains(data, []byte(`"mean_abs_shap"`)) {
					t.Errorf("no importance in %s", data)
				}
			case !bytes.Equal(data, first[i]):
				t.Errorf("%s is another on %s cores", filepath.Base(name), cores)
			}
		}
	}
}
