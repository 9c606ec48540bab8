package engine

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/operators"
)

// overlapMax is the share of evaluated rows that the champion may have learnt from, and of evaluated groups that may be in train.
const overlapMax = 0.01

// gates decides. Every line is decided and said, also when one before it failed.
func (r *runner) gates(context.Context) error {
	g := r.p.Gates
	if g == nil || r.pl.Report == nil {
		return nil
	}
	var ev *report.Evaluation
	for i := range r.out.Evals {
		if r.out.Evals[i].Step == r.pl.Report.Label() {
			ev = &r.out.Evals[i]
		}
	}
	if ev == nil {
		return fmt.Errorf("internal error: the evaluation %s that the gates read was not run", r.pl.Report.Label())
	}
	first := ev.Champion != "" && ev.ChampionMissing == noChampion
	for _, line := range r.pl.Gates {
		d := report.Gate{Line: line.Line.Text}
		switch {
		case line.Champion && first:
			d.Skipped = true
			d.Passed = g.FirstRun != "fail"
			d.Reason = "there is no champion yet: first_run: " + firstRun(g.FirstRun)
		case line.Champion && ev.ChampionMissing != "":
			d.Reason = "the champion cannot be scored: " + ev.ChampionMissing
		default:
			ok, parts, err := line.Scalar.Eval(func(name string) (float64, bool) { return metric(ev, name) })
			var said []string
			for _, p := range parts {
				said = append(said, p.Name+" = "+report.Number(p.Value))
			}
			d.Passed, d.Reason = ok && err == nil, strings.Join(said, ", ")
			if err != nil {
				if d.Reason != "" {
					d.Reason += ": "
				}
				d.Reason += err.Error()
			}
		}
		r.out.Passed = r.out.Passed && d.Passed
		r.out.Gates = append(r.out.Gates, d)
	}
	overlap := func(line, who string, rows int64) {
		if share := float64(rows) / math.Max(1, float64(ev.Rows)); share > overlapMax && g.Overlap != "allow" {
			r.out.Passed = false
			r.out.Gates = append(r.out.Gates, report.Gate{Line: line, Reason: fmt.Sprintf(
				"%s has learnt from %.1f%% of the evaluated rows (%d of %d), more than 1%%; gates.champion_overlap: allow lets it pass", who, 100*share, rows, ev.Rows)})
		}
	}
	overlap("champion overlap", "the champion", ev.Overlap)
	overlap("continue overlap", ev.Before+", which the model goes on from,", ev.BeforeOverlap)
	if share := float64(ev.GroupsLearnt) / math.Max(1, float64(ev.Groups)); share > overlapMax && g.Groups != "allow" {
		r.out.Passed = false
		r.out.Gates = append(r.out.Gates, report.Gate{Line: "group overlap", Reason: ev.Parted() +
			", more than 1%; sample.split: {by: group} keeps them together; gates.group_overlap: allow lets it pass"})
	}
	if err := r.run.Event("gates", map[string]any{"passed": r.out.Passed, "lines": r.out.Gates}); err != nil {
		return err
	}
	if !r.out.Passed {
		return ErrGate // no sink is written by a refused model, and nothing is published
	}
	return nil
}

// noChampion is what an evaluation says where its champion is still to come.
const noChampion = "there is none yet"

func firstRun(s string) string {
	if s == "fail" {
		return s
	}
	return "pass"
}

// metric finds a metric by the name that gates use.
func metric(ev *report.Evaluation, name string) (float64, bool) {
	model := ""
	f, args, isCall := call(name)
	if isCall {
		args[0], model = ofModel(args[0])
	} else {
		name, model = ofModel(name)
	}
	for _, m := range ev.Result.Models {
		if m.Name != model {
			continue
		}
		if isCall {
			return sliceMetric(m, f, args)
		}
		return find(m.Metrics, name)
	}
	return 0, false
}

// ofModel takes champion. off a metric's name.
func ofModel(name string) (metric, model string) {
	if n, ok := strings.CutPrefix(name, "champion."); ok {
		return n, "champion"
	}
	return name, ""
}

func find(ms []operators.Metric, name string) (float64, bool) {
	for _, m := range ms {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// call reads slice(auc, "origin", "SFO") and worst(auc, "origin").
func call(s string) (f string, args []string, ok bool) {
	f, rest, ok := strings.Cut(s, "(")
	if !ok || !strings.HasSuffix(rest, ")") {
		return "", nil, false
	}
	rest = rest[:len(rest)-1]
	for rest != "" {
		rest = strings.TrimLeft(rest, ", ")
		if q, err := strconv.QuotedPrefix(rest); err == nil {
			u, _ := strconv.Unquote(q)
			args, rest = append(args, u), rest[len(q):]
			continue
		}
		a, more, _ := strings.Cut(rest, ",")
		args, rest = append(args, strings.TrimSpace(a)), more
	}
	return f, args, len(args) >= 2
}

// sliceMetric is the metric of a slice, or of the worst: where lower is better, the greatest.
func sliceMetric(m operators.ModelResult, f string, args []string) (worst float64, ok bool) {
	for _, s := range m.Slices {
		if s.Column != args[1] || f == "slice" && (len(args) < 3 || s.Value != args[2]) {
			continue
		}
		v, have := find(s.Metrics, args[0])
		if !have || math.IsNaN(v) && f == "worst" {
			continue // a slice with one class has no AUC
		}
		if !ok || (report.Better(args[0]) < 0) == (v > worst) {
			worst, ok = v, true
		}
	}
	return worst, ok
}
