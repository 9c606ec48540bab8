package engine

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
)

func metrics(v ...any) (m []operators.Metric) {
	for i := 0; i < len(v); i += 2 {
		m = append(m, operators.Metric{Name: v[i].(string), Value: v[i+1].(float64)})
	}
	return m
}

// gateEvaluation is an evaluation of a new model and of a champion, over slices of which one has no AUC.
func gateEvaluation() report.Evaluation {
	nan := math.NaN()
	slice := func(value string, v ...any) operators.Slice {
		return operators.Slice{Column: "origin", Value: value, Rows: 10, Metrics: metrics(v...)}
	}
	return report.Evaluation{Step: "report", Rows: 1000, Champion: "models://m@champion", Result: operators.Result{Models: []operators.ModelResult{
		{Name: "", Rows: 1000, Metrics: metrics("auc", 0.7, "log_loss", 0.5, "f1", nan, "big", math.Inf(1)), Slices: []operators.Slice{
			slice("SFO", "auc", 0.8, "log_loss", 0.4), slice("LAX", "auc", 0.6, "log_loss", 0.7), slice("one, \"class\"", "auc", nan, "log_loss", 0.1)}},
		{Name: "champion", Rows: 1000, Metrics: metrics("auc", 0.71, "log_loss", 0.5), Slices: []operators.Slice{slice("SFO", "auc", 0.79), slice("LAX", "auc", 0.65)}},
	}}}
}

// decide runs gate lines over an evaluation.
func decide(t *testing.T, g dags.Gates, ev report.Evaluation, lines ...string) (*Outcome, error) {
	t.Helper()
	ws, err := store.Open(files.Local(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run, err := ws.NewRun("d", store.RunMeta{Started: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	pl := &plan.Plan{Report: &plan.Node{Step: &dags.Step{ID: "report"}}}
	for _, l := range lines {
		s, list := expr.CheckScalar(l, func(string) bool { return true }, nil, diag.At{})
		if list.Failed() {
			t.Fatal(list.Err())
		}
		pl.Gates = append(pl.Gates, plan.Gate{Line: dags.Line{Text: l}, Scalar: s, Champion: strings.Contains(l, "champion")})
	}
	r := &runner{p: &dags.Pipeline{Gates: &g}, pl: pl, run: run, out: &Outcome{Passed: true, Evals: []report.Evaluation{ev}}}
	err = r.gates(context.Background())
	if e := run.Finish("done", nil, 0, time.Unix(0, 0)); e != nil {
		t.Fatal(e)
	}
	journal, e := os.ReadFile(run.Path("journal.jsonl"))
	if e != nil || !strings.Contains(string(journal), `"event":"gates"`) {
		t.Errorf("the journal does not tell of the gates: %s %v", journal, e)
	}
	if passed := err == nil; passed != r.out.Passed || err != nil && !errors.Is(err, ErrGate) {
		t.Errorf("passed %v, error %v", r.out.Passed, err)
	}
	return r.out, err
}

func TestGateLines(t *testing.T) {
	for _, c := range []struct {
		line   string
		passes bool
		reason string
	}{
		{"auc >= 0.7", true, "auc = 0.7000"},
		{"auc > 0.7", false, "auc = 0.7000"},
		{"auc >= champion.auc - 0.02", true, "auc = 0.7000, champion.auc = 0.7100"},
		{"auc >= champion.auc", false, "auc = 0.7000, champion.auc = 0.7100"},
		{"auc >= 0.6 && log_loss <= 0.5", true, "auc = 0.7000, log_loss = 0.5000"},
		{`slice(auc, "origin", "SFO") >= 0.75`, true, `slice(auc, "origin", "SFO") = 0.8000`},
		{`slice(champion.auc, "origin", "SFO") >= slice(auc, "origin", "SFO")`, false, `slice(champion.auc, "origin", "SFO") = 0.7900`},
		{`slice(auc, "origin", "ORD") >= 0`, false, "is absent"},
		{`slice(auc, "destination", "SFO") >= 0`, false, "is absent"},
		{`slice(auc, "origin", "one, \"class\"") >= 0`, false, "is NaN"},
		{`slice(log_loss, "origin", "one, \"class\"") < 0.2`, true, "= 0.1000"},
		{`worst(auc, "origin") >= 0.6`, true, `worst(auc, "origin") = 0.6000`}, // a slice with one class has no AUC
		{`worst(auc, "origin") > 0.6`, false, `worst(auc, "origin") = 0.6000`},
		{`worst(log_loss, "origin") <= 0.7`, true, `worst(log_loss, "origin") = 0.7000`}, // the greatest is the worst
		{`worst(log_loss, "origin") < 0.7`, false, `worst(log_loss, "origin") = 0.7000`},
		{`worst(champion.auc, "origin") == 0.65`, true, "= 0.6500"},
		{`worst(auc, "destination") >= 0`, false, "is absent"},
		// NaN and what is absent fail every comparison
		{"f1 >= 0", false, "f1 is NaN"},
		{"f1 < 0", false, "f1 is NaN"},
		{"f1 != 0.5", false, "f1 is NaN"},
		{"!(f1 < 0.5)", false, "f1 is NaN"},
		{"auc >= 0 || f1 > 0", false, "f1 is NaN"},
		{"recall != 0", false, "recall is absent"},
		{"champion.f1 < 1", false, "champion.f1 is absent"},
		{"big > 1", true, "big = ∞"},
	} {
		out, _ := decide(t, dags.Gates{}, gateEvaluation(), c.line)
		g := out.Gates[0]
		if g.Passed != c.passes || g.Skipped || !strings.Contains(g.Reason, c.reason) || g.Line != c.line {
			t.Errorf("%s: passed %v, %q\nwant %v, %q", c.line, g.Passed, g.Reason, c.passes, c.reason)
		}
	}
}

// Every line is decided and said, also when one before it failed.
func TestGatesAll(t *testing.T) {
	out, err := decide(t, dags.Gates{}, gateEvaluation(), "auc > 0.9", "auc > 0.5", "f1 > 0")
	if err == nil || len(out.Gates) != 3 || out.Gates[0].Passed || !out.Gates[1].Passed || out.Gates[2].Passed {
		t.Errorf("%v %+v", err, out.Gates)
	}
}

// Without a champion its lines are skipped, and first_run decides them; the others are decided as ever.
func TestGatesFirstRun(t *testing.T) {
	ev := gateEvaluation()
	ev.ChampionMissing = noChampion
	ev.Result.Models = ev.Result.Models[:1]
	for first, passes := range map[string]bool{"": true, "pass": true, "fail": false} {
		out, err := decide(t, dags.Gates{FirstRun: first}, ev, "auc >= champion.auc", "auc >= 0.5")
		if (err == nil) != passes || !out.Gates[0].Skipped || out.Gates[0].Passed != passes || !strings.Contains(out.Gates[0].Reason, "there is no champion yet: first_run: ") ||
			out.Gates[1].Skipped || !out.Gates[1].Passed {
			t.Errorf("first_run %q: %v %+v", first, err, out.Gates)
		}
		if _, err := decide(t, dags.Gates{FirstRun: first}, ev, "auc >= champion.auc", "auc >= 0.9"); err == nil {
			t.Errorf("first_run %q: a line without the champion was not decided", first)
		}
	}
}

// A champion that is there and cannot be scored fails the lines that name it: it is not as if there were none.
func TestGatesChampionBroken(t *testing.T) {
	ev := gateEvaluation()
	ev.ChampionMissing = "it reads column \"x\""
	ev.Result.Models = ev.Result.Models[:1]
	out, err := decide(t, dags.Gates{FirstRun: "pass"}, ev, "auc >= champion.auc", "auc >= 0.5")
	if err == nil || out.Gates[0].Passed || out.Gates[0].Skipped || out.Gates[0].Reason != `the champion cannot be scored: it reads column "x"` || !out.Gates[1].Passed {
		t.Errorf("%v %+v", err, out.Gates)
	}
}

func TestGatesOverlap(t *testing.T) {
	for _, c := range []struct {
		rows, overlap int64
		allow         string
		passes        bool
	}{{1000, 0, "", true}, {1000, 10, "", true}, {1000, 11, "", false}, {1000, 1000, "", false}, {1000, 1000, "allow", true}, {0, 0, "", true}} {
		ev := gateEvaluation()
		ev.Rows, ev.Overlap = c.rows, c.overlap
		out, err := decide(t, dags.Gates{Overlap: c.allow}, ev, "auc >= 0.5")
		if (err == nil) != c.passes {
			t.Errorf("%+v: error %v", c, err)
		}
		if !c.passes && (len(out.Gates) != 2 || !strings.Contains(out.Gates[1].Reason, "more than 1%")) {
			t.Errorf("%+v: %+v", c, out.Gates)
		}
	}
}

// No gates, no verdict; gates over an evaluation that was not run are a mistake of ours.
func TestNoGates(t *testing.T) {
	r := &runner{p: &dags.Pipeline{}, pl: &plan.Plan{}, out: &Outcome{Passed: true}}
	if err := r.gates(context.Background()); err != nil || !r.out.Passed {
		t.Error(err)
	}
	r = &runner{p: &dags.Pipeline{Gates: &dags.Gates{}}, pl: &plan.Plan{Report: &plan.Node{ID: "x"}}, out: &Outcome{}}
	if err := r.gates(context.Background()); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Error(err)
	}
}

func TestCallForms(t *testing.T) {
	for s, want := range map[string]string{
		`slice(auc, "origin", "SFO")`:  "slice|auc|origin|SFO",
		`slice(auc, "a, \"b\")", ")")`: `slice|auc|a, "b")|)`,
		`worst(champion.auc, "o")`:     "worst|champion.auc|o",
		"auc":                          "",
		"worst(auc)":                   "",
		`worst(auc, "o`:                "",
	} {
		f, args, ok := call(s)
		got := ""
		if ok {
			got = strings.Join(append([]string{f}, args...), "|")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}
