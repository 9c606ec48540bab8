package command

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/operators"
)

func (a *app) check() *cobra.Command {
	c := &cobra.Command{Use: "check FILE", Short: "Check a DAG file; no row is read", Args: oneFile(1),
		Long: `Check types the whole DAG before a row is read: names, options, columns, types, nulls, parts,
leakage, moments, gates, and what the published model will ask for. Only Parquet footers and CSV
headers are opened. Exit code 0: no error; 2: the DAG file is wrong; 4: a source cannot be read.`,
		RunE: func(c *cobra.Command, args []string) error {
			p, l, err := a.load(args)
			if err != nil {
				return err
			}
			if p == nil {
				return l.Err()
			}
			pl, more := engine.Check(c.Context(), p, a.config())
			l = append(l, more...)
			if l.Failed() {
				return l.Err()
			}
			a.render(l)
			a.page().line(0, fmt.Sprintf("%s: %s, %s, no errors", p.File, report.Plural(int64(len(p.Sources)), "source"), report.Plural(int64(len(p.Steps)), "step")))
			a.serving(pl)
			return nil
		}}
	a.dagFlags(c)
	return c
}

// serving says what the published model will ask for.
func (a *app) serving(pl *plan.Plan) {
	if pl.Serving == nil {
		return
	}
	a.columns(fmt.Sprintf("bundle input (%s):", pl.Serving.Place.Label()), pl.Serving.Ask())
	a.columns("bundle output:", pl.Serving.Want)
}

func (a *app) plan() *cobra.Command {
	c := &cobra.Command{Use: "plan FILE", Short: "Show what a run would do; no row is read", Args: oneFile(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, l, err := a.load(args)
			if err != nil {
				return err
			}
			if p == nil {
				return l.Err()
			}
			pl, more := engine.Check(c.Context(), p, a.config())
			if l = append(l, more...); l.Failed() {
				return l.Err()
			}
			a.render(l)
			pl.Narrow(nil)
			return engine.PrintPlan(a.out, pl)
		}}
	a.dagFlags(c)
	return c
}

func (a *app) run() *cobra.Command {
	var to, output, sample string
	var noPublish bool
	c := &cobra.Command{Use: "run FILE", Short: "Run a DAG file: learn, evaluate, gate, publish", Args: oneFile(1),
		Long: `Run checks the DAG file, fits its steps, evaluates the new model and the champion on the same rows, tests the gates,
and publishes if all pass.

Exit codes: 0 done; 2 invalid file or arguments; 3 refused by a gate; 4 data; 6 memory;
75 try again (disk full, another run of this DAG under way); 130, 143 stopped by a signal; 1 internal.

With --to STEP -o FILE only what STEP needs is run and its rows are written, with _part and _row.`,
		RunE: func(c *cobra.Command, args []string) error {
			cfg := a.config()
			cfg.NoPublish = noPublish
			if sample != "" {
				v, err := share(sample)
				if err != nil {
					return usage{err}
				}
				cfg.Sample = v
			}
			if (to == "") != (output == "") {
				return usage{errors.New("--to STEP and -o FILE go together")}
			}
			p, l, err := a.load(args)
			if err != nil {
				return err
			}
			if p == nil || l.Failed() {
				if p != nil { // what can be said of the rest is said too
					var steps []string
					if to != "" {
						steps = []string{to}
					}
					_, more := engine.Check(c.Context(), p, cfg, steps...)
					l = append(l, more...)
				}
				return l.Err()
			}
			bars := a.progress()
			cfg.Progress = bars
			if to != "" {
				n, err := engine.Rows(c.Context(), p, cfg, to, output)
				bars.Close()
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s: %s rows of %s\n", output, report.Count(n), to)
				return nil
			}
			o, err := engine.Run(c.Context(), p, cfg)
			bars.Close()
			if o != nil {
				a.render(append(l, o.Warnings...))
			}
			if o == nil || err != nil && !errors.Is(err, engine.ErrGate) {
				return err
			}
			a.outcome(o)
			if o.Unsaved != nil {
				fmt.Fprintf(a.errs, "headrace: the model is published, but what the run leaves beside it is not whole: %s\n", oneLine(o.Unsaved))
			}
			if err != nil {
				return done{engine.ExitCode(err)}
			}
			return nil
		}}
	a.dagFlags(c)
	c.Flags().StringVar(&to, "to", "", "run to this step only, and write its rows")
	c.Flags().StringVarP(&output, "output", "o", "", "file for the rows of --to; its name's end decides the format")
	c.Flags().BoolVar(&noPublish, "no-publish", false, "run on all rows and test the gates, but publish nothing and write no sink")
	c.Flags().StringVar(&sample, "sample", "", "read a share of the rows, as 1% or 0.01; nothing is published, no sink written")
	return c
}

// share reads 1% or 0.01.
func share(s string) (float64, error) {
	t, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(t, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return 0, fmt.Errorf("--sample %s: write a share above 0 and at most 1, as 1%% or 0.01", s)
	}
	return v, nil
}

// outcome prints what came of a run: the metrics, each gate's verdict, what was published, where the report is.
func (a *app) outcome(o *engine.Outcome) {
	w := a.out
	for _, s := range o.Starts {
		fmt.Fprintf(w, "\n%s: %s\n", s.Name, s.Text)
	}
	for _, e := range o.Evals {
		fmt.Fprintf(w, "\n%s: %s rows\n", e.Step, report.Count(e.Rows))
		metricsTable(w, e)
	}
	if len(o.Gates) > 0 {
		a.gates(o.Gates)
	}
	fmt.Fprintln(w)
	switch {
	case o.Version > 0:
		fmt.Fprintf(w, "published  %s version %d", o.Model, o.Version)
		if o.Alias != "" {
			fmt.Fprintf(w, " as %s", o.Alias)
		}
		fmt.Fprintf(w, "  (%.12s)\n", o.Hash)
	case !o.Passed:
		fmt.Fprintln(w, "refused    nothing was published")
	case o.Model != "":
		fmt.Fprintln(w, "tried      nothing was published")
	}
	for _, s := range o.Sinks {
		fmt.Fprintf(w, "written    %s\n", s)
	}
	fmt.Fprintf(w, "report     %s\n", o.Report)
	fmt.Fprintf(w, "run        %s  %s\n", o.Run, time.Duration(o.Seconds*float64(time.Second)).Round(10*time.Millisecond))
}

// gates prints each gate line with its verdict and why; on a terminal that is too narrow for that the reasons stand below the lines.
func (a *app) gates(all []report.Gate) {
	fmt.Fprintln(a.out, "\ngates")
	most := 0
	for _, g := range all {
		most = max(most, runewidth.StringWidth(g.Line))
	}
	at := len("  pass  ") + most + len("  ")
	wide, ok := terminalWidth(a.out)
	below := ok && slices.ContainsFunc(all, func(g report.Gate) bool { return at+runewidth.StringWidth(g.Reason) > wide })
	p := &page{a.out, wide}
	for _, g := range all {
		if below {
			p.line(2, verdict(g)+"  "+g.Line)
			p.line(8, g.Reason)
			continue
		}
		fmt.Fprintf(a.out, "  %s  %s  %s\n", verdict(g), runewidth.FillRight(g.Line, most), g.Reason)
	}
}

func verdict(g report.Gate) string {
	switch {
	case g.Skipped && g.Passed:
		return "skip" // its condition was not tested
	case g.Passed:
		return "pass"
	}
	return "FAIL"
}

// metricsTable prints a metric a line, the champion's beside the new model's where there is one.
func metricsTable(w io.Writer, e report.Evaluation) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	models := e.Result.Models
	if len(models) == 0 {
		return
	}
	head := "  metric\tnew"
	if len(models) > 1 {
		head += "\tchampion\tdifference"
	}
	fmt.Fprintln(t, head)
	for _, m := range models[0].Metrics {
		fmt.Fprintf(t, "  %s\t%s", m.Name, report.Number(m.Value))
		for _, o := range models[1:] {
			if i := slices.IndexFunc(o.Metrics, func(x operators.Metric) bool { return x.Name == m.Name }); i >= 0 {
				fmt.Fprintf(t, "\t%s\t%s", report.Number(o.Metrics[i].Value), report.Difference(m.Value, o.Metrics[i].Value))
			}
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // as in outcome
	classesTable(w, models)
	influenceTable(w, models[0])
	if e.ChampionMissing != "" {
		fmt.Fprintf(w, "  champion %s: %s\n", e.Champion, e.ChampionMissing)
	}
	for _, s := range e.Unknown() {
		fmt.Fprintf(w, "  %s\n", s)
	}
	for _, s := range []string{e.Stopped(), e.Parted()} {
		if s != "" {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
}

const (
	classesShown  = 10
	classNameWide = 24
	unknownShown  = 2
)

// classesTable prints a line a class of many, those with the most rows: the report has more of them, and metrics.json all.
func classesTable(w io.Writer, models []operators.ModelResult) {
	all := models[0].Classes
	if len(all) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "\n  class\trows\tprecision\trecall\tf1")
	for _, m := range models[1:] {
		fmt.Fprintf(t, "\t%s f1", m.Name)
	}
	fmt.Fprintln(t)
	shown := report.Frequent(all, classesShown)
	for _, i := range shown {
		c := all[i]
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s", className(c), report.Count(c.Rows), report.Number(c.Precision), report.Number(c.Recall), report.Number(c.F1))
		for _, m := range models[1:] {
			f1 := math.NaN() // of a champion that was not scored
			if j := slices.IndexFunc(m.Classes, func(o operators.ClassResult) bool { return o.Name == c.Name }); j >= 0 {
				f1 = m.Classes[j].F1
			}
			fmt.Fprintf(t, "\t%s", report.Number(f1))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // as in outcome
	if n := len(all) - len(shown); n > 0 {
		fmt.Fprintf(w, "  and %s more, with fewer rows: metrics.json has them\n", report.Count(int64(n)))
	}
	var unknown []string
	for _, c := range all {
		if c.Unknown && c.Rows > 0 {
			unknown = append(unknown, className(c))
		}
	}
	if n := len(unknown); n > 0 {
		some := strings.Join(unknown[:min(n, unknownShown)], ", ")
		if n > unknownShown {
			some += fmt.Sprintf(" and %d more", n-unknownShown)
		}
		fmt.Fprintf(w, "  in no train row: %s\n", some)
	}
}

// influenceShown is how many features a run names.
const influenceShown = 10

// influenceTable prints the permutation importance of the features, the most important ones.
func influenceTable(w io.Writer, m operators.ModelResult) {
	if len(m.Influence) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	explained := !math.IsNaN(m.Influence[0].Shap)
	fmt.Fprint(t, "\n  feature\timportance\tstd")
	if explained {
		fmt.Fprint(t, "\tmean |shap|")
	}
	fmt.Fprintln(t)
	for _, f := range m.Influence[:min(len(m.Influence), influenceShown)] {
		fmt.Fprintf(t, "  %s\t%s\t%s", report.Visible(f.Feature), report.Number(f.Drop), report.Deviation(f.Spread))
		if explained {
			fmt.Fprintf(t, "\t%s", report.Number(f.Shap))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // as in outcome
	if n := len(m.Influence) - influenceShown; n > 0 {
		fmt.Fprintf(w, "  and %s more: metrics.json has them\n", report.Count(int64(n)))
	}
}

// className is a class as a line has room for it.
func className(c operators.ClassResult) string {
	name := []rune(report.Visible(c.Name))
	if len(name) > classNameWide {
		name = append(name[:classNameWide-1], '…')
	}
	return string(name)
}
