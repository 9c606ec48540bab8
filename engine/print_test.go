package engine

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	_ "github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	_ "github.com/headrace/headrace/operators/clean"
	_ "github.com/headrace/headrace/operators/evaluate"
	_ "github.com/headrace/headrace/operators/feature"
	_ "github.com/headrace/headrace/operators/sample"
	_ "github.com/headrace/headrace/operators/table"
	_ "github.com/headrace/headrace/operators/train/gbdt"
	_ "github.com/headrace/headrace/operators/train/linear"
	_ "github.com/headrace/headrace/operators/train/logistic"
)

var updatePlans = flag.Bool("update-plans", false, "rewrite the printed plans under testdata")

// printedFiles are small pipelines over the flights example that have between them what a plan prints.
var printedFiles = []string{"testdata/cross_fit.yaml", "testdata/tables.yaml", "testdata/two_models.yaml"}

// planned is a plan of a DAG file, checked and narrowed.
func planned(t *testing.T, file string) *plan.Plan {
	t.Helper()
	p, l := dags.Load(dags.LoadOptions{Files: []string{file}})
	if l.Failed() {
		t.Fatal(l.Err())
	}
	pl, l := Check(context.Background(), p, Config{})
	t.Cleanup(func() { closeSources(pl) })
	if l.Failed() {
		t.Fatal(l.Err())
	}
	pl.Narrow(nil)
	return pl
}

func printed(t *testing.T, pl *plan.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := PrintPlan(&b, pl); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bytesText are sizes on disk: they change when the example's file is written anew, and nothing here depends on them.
var bytesText = regexp.MustCompile(`[\d.]+ ([KMG]i)?B, \d+ units?`)

func TestPrintPlan(t *testing.T) {
	for _, file := range printedFiles {
		pl := planned(t, file)
		got := printed(t, pl)
		if again := printed(t, pl); again != got {
			t.Errorf("%s: printed twice, it differs", file)
		}
		for i, line := range strings.Split(got, "\n") {
			if runewidth.StringWidth(line) > printWide || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: line %d is too wide or ends in blanks: %q", file, i+1, line)
			}
		}
		got = bytesText.ReplaceAllString(got, "SIZE")
		golden := filepath.Join("testdata", strings.TrimSuffix(filepath.Base(file), ".yaml")+".plan.txt")
		if *updatePlans {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s has changed; run with -update-plans and read the difference:\n%s", golden, got)
		}
	}
}

// seen records the fits and tables that a run makes, in their order.
type seen struct{ stages []string }

func (s *seen) Stage(kind string, steps []string, _ int64) exec.Stage {
	if kind == "fit" || kind == "table" {
		s.stages = append(s.stages, strings.Join(steps, " "))
	}
	return quiet{}
}

type quiet struct{}

func (quiet) Add(int64)                {}
func (quiet) Set(int64, int64)         {}
func (quiet) Log(string, int, float64) {}
func (quiet) Done(error)               {}

// TestStages holds that what is printed is what a run does.
func TestStages(t *testing.T) {
	for _, file := range printedFiles {
		pl := planned(t, file)
		var want []string
		for _, nodes := range exec.Stages(pl) {
			var labels []string
			if !slices.ContainsFunc(nodes, func(n *plan.Node) bool { return !n.Learns() || len(n.Out.Reads.Cols) > 0 }) {
				continue // settled without a row: the plan says so, and a run has nothing to show
			}
			for _, n := range nodes {
				if l := n.Label(); len(labels) == 0 || labels[len(labels)-1] != l {
					labels = append(labels, l)
				}
			}
			want = append(want, strings.Join(labels, " "))
		}
		got := &seen{}
		if err := exec.New(pl, exec.Options{Workers: 2, Sample: 0.02, Progress: got}).Fit(context.Background()); err != nil {
			t.Fatal(err)
		}
		if a, b := strings.Join(got.stages, "; "), strings.Join(want, "; "); a != b {
			t.Errorf("%s: the run does %s\nthe plan says %s", file, a, b)
		}
	}
}

type broken struct{}

var errBroken = errors.New("the pipe is closed")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintPlanError(t *testing.T) {
	pl := &plan.Plan{Pipeline: &dags.Pipeline{Name: "x"}}
	if err := PrintPlan(broken{}, pl); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
}

func TestList(t *testing.T) {
	p := &planPrinter{}
	p.list("  cols: ", []string{strings.Repeat("a", 40), strings.Repeat("b", 29), "c", strings.Repeat("d", 200)}, ", ")
	want := "  cols: " + strings.Repeat("a", 40) + ", " + strings.Repeat("b", 29) + ",\n        c,\n        " + strings.Repeat("d", 71) + "…\n"
	if got := p.buf.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
