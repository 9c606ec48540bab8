package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine"
)

// parted is a ranking of a split by time: rows of a group may have times on both sides of the cut.
const parted = `version: 1
name: parted
sources: {data: {csv: {path: rows.csv}, columns: {at: {type: int64}, g: {type: int64}, k: {type: string}, x: {type: int64}, y: {type: int64}}}}
task: {kind: ranking, label: y, group: %s}
steps:
  split:  {from: data, sample.split: %s}
  model:  {from: split, train.gbdt: {trees: 2, leaves: 4, min_rows: 5}}
  report: {from: model, evaluate.ranking: {part: test}}
gates: {from: report, %srequire: ["groups >= 1"]}
publish: {model: model, as: m, alias: champion}
`

// Groups of which the model has learnt some rows are counted among those that it is measured on, whoever read them; more than a few fail
// the gates, unless they are allowed.
func TestGroupOverlap(t *testing.T) {
	dir := t.TempDir()
	rows(t, dir, "rows.csv", 1001, func(i int) string {
		if i == 0 {
			return "at,g,k,x,y"
		}
		i-- // the first 600 are learnt from, and the cut is inside a group of seven
		return fmt.Sprintf("%d,%d,k%d,%d,%d", i, i/7, i%40, i*7919%100, i*7919%100/30)
	})
	const byTime = "{by: time, column: at, train: 0.6, test: 0.4}"
	for _, c := range []struct {
		group, split, gates string
		groups, learnt      int64
		example             string
		refused             bool
	}{
		{"g", byTime, "", 58, 1, "85", true},
		{"k", byTime, "", 40, 40, "k0", true},
		{"k", byTime, "group_overlap: allow, ", 40, 40, "k0", false},
		{"at", byTime, "", 400, 0, "", false},
		{"k", "{by: group, train: 0.6, test: 0.4}", "", 0, 0, "", false},
	} {
		for _, cfg := range []engine.Config{{Workers: 1}, {Workers: 3, MorselRows: 50}} {
			out, err := ran(t, dir, "parted", fmt.Sprintf(parted, c.group, c.split, c.gates), cfg)
			if errors.Is(err, engine.ErrGate) != c.refused || err != nil && !c.refused {
				t.Fatalf("%s, %s: %v", c.group, c.split, err)
			}
			e := out.Evals[0]
			if e.GroupsLearnt != c.learnt || e.GroupLearnt != c.example || e.Groups != c.groups && c.groups > 0 || e.Groups == 0 || (e.Parted() == "") != (c.learnt == 0) {
				t.Errorf("%s, %s: %d of %d groups, as %q: %s", c.group, c.split, e.GroupsLearnt, e.Groups, e.GroupLearnt, e.Parted())
			}
			if g := out.Gates[len(out.Gates)-1]; c.refused {
				want := fmt.Sprintf(`step "split" parts groups: %d of %d measured groups (%s %s) have train rows too, more than 1%%`, c.learnt, c.groups, c.group, c.example)
				if g.Line != "group overlap" || !strings.Contains(g.Reason, want) || !strings.Contains(g.Reason, "sample.split: {by: group}") {
					t.Errorf("%+v, want %s", g, want)
				}
			}
		}
	}
	few := strings.Replace(fmt.Sprintf(parted, "h", byTime, ""), "  split:  {from: data,", "  cut:    {from: data, feature.derive: {h: \"div(at + 1, 3)\"}}\n  split:  {from: cut,", 1)
	out, err := ran(t, dir, "few", few, engine.Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if e := out.Evals[0]; e.GroupsLearnt != 1 || e.Groups < 101 || e.GroupLearnt != "200" || e.Parted() == "" {
		t.Errorf("%d of %d groups pass: %s", e.GroupsLearnt, e.Groups, e.Parted())
	}
}
