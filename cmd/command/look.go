package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/engine"
	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

func (a *app) peek() *cobra.Command {
	rows := 10
	c := &cobra.Command{Use: "peek FILE STEP", Short: "Show the first rows of a step", Args: oneFile(2),
		RunE: func(c *cobra.Command, args []string) error {
			if rows < 0 {
				return usage{fmt.Errorf("-n %d: a number of rows is 0 or more", rows)}
			}
			step := args[len(args)-1]
			p, l, err := a.load(args[:len(args)-1])
			if err != nil {
				return err
			}
			if p == nil || l.Failed() {
				return l.Err()
			}
			schema, b, err := engine.Peek(c.Context(), p, a.config(), step, rows)
			if err != nil {
				return err
			}
			lines := operators.Cells(schema, b)
			var left []string
			if wide, ok := terminalWidth(a.out); ok {
				lines, left = fitted(lines, wide)
			}
			fmt.Fprint(a.out, operators.FormatCells(lines))
			if len(left) > 0 {
				a.columns(fmt.Sprintf("and %s:", report.Plural(int64(len(left)), "column")), left)
			}
			return nil
		}}
	a.dagFlags(c)
	c.Flags().IntVarP(&rows, "rows", "n", rows, "rows to show")
	return c
}

func (a *app) ws() *store.Workspace { return store.Look(files.Local(), a.workspace) }

func (a *app) runs() *cobra.Command {
	c := &cobra.Command{Use: "runs [DAG]", Short: "List runs", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dag := ""
			if len(args) > 0 {
				dag = args[0]
			}
			all, err := a.ws().Runs(dag)
			if err != nil {
				return err
			}
			if len(all) == 0 && dag != "" {
				return a.noRuns(dag)
			}
			if a.jsonOut {
				return a.json(map[string]any{"version": 1, "runs": all})
			}
			if len(all) == 0 {
				fmt.Fprintf(a.out, "no runs in %s\n", a.workspace)
				return nil
			}
			t := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "DAG\trun\tstarted\tstatus\tseconds")
			for _, r := range all {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f\n", r.DAG, r.ID, r.Started.Local().Format("2006-01-02 15:04:05"), r.Status, r.Seconds)
			}
			return t.Flush()
		}}
	c.Flags().BoolVar(&a.jsonOut, "json", false, "print JSON")
	return c
}

// noRuns says which DAGs have runs where one has none.
func (a *app) noRuns(dag string) error {
	all, err := a.ws().Runs("")
	if err != nil {
		return err
	}
	var have []string
	for _, r := range all {
		have = append(have, r.DAG)
	}
	slices.Sort(have)
	return diag.List{diag.New(diag.BadArgument, diag.At{}, "no runs of %q in %s", dag, a.workspace).
		WithHelp("%s", diag.DidYouMean(dag, "DAGs", slices.Compact(have)))}.Err()
}

func (a *app) json(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *app) show() *cobra.Command {
	return &cobra.Command{Use: "show RUN", Short: "Show a run: its metrics, its gates, its files (RUN may be latest)", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, dir, err := a.ws().FindRun(args[0])
			if err != nil {
				return usage{err}
			}
			t := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
			fmt.Fprintf(t, "run\t%s/%s\nstatus\t%s\nstarted\t%s\nseconds\t%.1f\nfile\t%s\nengine\t%s\n", m.DAG, m.ID, m.Status,
				m.Started.Local().Format(time.RFC3339), m.Seconds, m.File, m.Engine)
			if m.Error != "" {
				fmt.Fprintf(t, "error\t%s\n", m.Error)
			}
			for _, k := range sortedKeys(m.Params) {
				fmt.Fprintf(t, "param %s\t%s\n", k, m.Params[k])
			}
			for _, k := range sortedKeys(m.Sources) {
				by, sum, _ := strings.Cut(m.Sources[k], ":")
				fmt.Fprintf(t, "source %s\t%s %.16s\n", k, by, sum)
			}
			for _, k := range sortedKeys(m.Models) {
				fmt.Fprintf(t, "went on from\t%s %.12s\n", k, m.Models[k])
			}
			if err := t.Flush(); err != nil {
				return err
			}
			for _, f := range []string{"metrics.json", "report.html", "journal.jsonl"} {
				if _, err := os.Stat(filepath.Join(dir, f)); err == nil {
					fmt.Fprintln(a.out, filepath.Join(dir, f))
				}
			}
			if err := a.showMetrics(filepath.Join(dir, "metrics.json")); err != nil {
				return err
			}
			return a.showGates(filepath.Join(dir, "journal.jsonl"))
		}}
}

// showMetrics prints what the evaluations of a run gave, without the slices: those are in the file.
func (a *app) showMetrics(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the run did not get there
	}
	var m struct {
		Evaluations map[string][]struct {
			Model   string              `json:"model"`
			Rows    int64               `json:"rows"`
			Metrics map[string]*float64 `json:"metrics"`
			Classes []struct {
				Class     string   `json:"class"`
				Rows      int64    `json:"rows"`
				Unknown   bool     `json:"unknown"`
				Precision *float64 `json:"precision"`
				Recall    *float64 `json:"recall"`
				F1        *float64 `json:"f1"`
			} `json:"classes"`
		} `json:"evaluations"`
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, step := range slices.Sorted(maps.Keys(m.Evaluations)) {
		models := m.Evaluations[step]
		if len(models) == 0 {
			continue
		}
		fmt.Fprintf(a.out, "\n%s: %s rows\n", step, report.Count(models[0].Rows))
		t := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
		fmt.Fprint(t, "  metric")
		for _, v := range models {
			fmt.Fprintf(t, "\t%s", v.Model)
		}
		fmt.Fprintln(t)
		for _, k := range slices.Sorted(maps.Keys(models[0].Metrics)) {
			fmt.Fprintf(t, "  %s", k)
			for _, v := range models {
				fmt.Fprintf(t, "\t%s", report.Number(value(v.Metrics[k])))
			}
			fmt.Fprintln(t)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		results := make([]operators.ModelResult, len(models))
		for i, v := range models {
			results[i].Name = v.Model
			for _, c := range v.Classes {
				results[i].Classes = append(results[i].Classes, operators.ClassResult{Name: c.Class, Rows: c.Rows, Unknown: c.Unknown, Precision: value(c.Precision), Recall: value(c.Recall), F1: value(c.F1)})
			}
		}
		classesTable(a.out, results)
	}
	return nil
}

// value is a number of a file, where null is none.
func value(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

// showGates prints the verdicts that a run's journal holds.
func (a *app) showGates(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		var e struct {
			Event string        `json:"event"`
			Lines []report.Gate `json:"lines"`
		}
		if json.Unmarshal([]byte(line), &e) != nil || e.Event != "gates" {
			continue // of a run that was killed the last line may be half
		}
		a.gates(e.Lines)
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var k []string
	for s := range m {
		k = append(k, s)
	}
	slices.Sort(k)
	return k
}

func (a *app) models() *cobra.Command {
	c := &cobra.Command{Use: "models", Short: "List published models; promote one", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			all, err := a.ws().Models()
			if err != nil {
				return err
			}
			if a.jsonOut {
				return a.json(map[string]any{"version": 1, "models": all})
			}
			if len(all) == 0 {
				fmt.Fprintf(a.out, "no models in %s\n", a.workspace)
				return nil
			}
			var table strings.Builder
			t := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "model\tversion\tpublished\taliases\tmetrics\thash")
			for _, m := range all {
				for _, v := range m.Versions {
					var al []string
					for name, n := range m.Aliases {
						if n == v.Version {
							al = append(al, name)
						}
					}
					slices.Sort(al)
					fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%.12s\n", m.Name, v.Version, v.Created.Local().Format("2006-01-02 15:04"), strings.Join(al, ","), headline(v.Metrics), v.Hash)
				}
			}
			_ = t.Flush() // to a builder
			a.cut(table.String())
			return nil
		}}
	c.Flags().BoolVar(&a.jsonOut, "json", false, "print JSON")
	promote := &cobra.Command{Use: "promote MODEL VERSION ALIAS", Short: "Point an alias at a version", Args: exactly(3),
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := strconv.Atoi(args[1])
			if err != nil {
				return usage{fmt.Errorf("%s is no version: a version is a number", args[1])}
			}
			if _, err := strconv.Atoi(args[2]); err == nil {
				return usage{fmt.Errorf("alias %s: a number is a version", args[2])}
			}
			if err := a.ws().SetAlias(args[0], args[2], v); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s@%s is version %d\n", args[0], args[2], v)
			return nil
		}}
	c.AddCommand(promote)
	return c
}

// headline is the metric or two that say most.
func headline(m map[string]float64) string {
	var s []string
	for _, k := range []string{"auc", "log_loss", "rmse", "r2"} {
		if v, ok := m[k]; ok {
			s = append(s, k+" "+report.Number(v))
		}
	}
	most := 0
	for k := range m {
		if places, ok := strings.CutPrefix(k, "ndcg_"); ok {
			n, _ := strconv.Atoi(places)
			most = max(most, n)
		}
	}
	if k := fmt.Sprint("ndcg_", most); most > 0 {
		s = append(s, k+" "+report.Number(m[k]))
	}
	return strings.Join(s, ", ")
}

func (a *app) predict() *cobra.Command {
	var output string
	var keep []string
	var explain bool
	cores := 0
	c := &cobra.Command{Use: "predict MODEL INPUT -o OUTPUT", Short: "Score a file with a published model: one output row per input row, in order", Args: exactly(2),
		Long: `Predict scores every row of INPUT with MODEL (a name, name@alias, name@version, or a bundle's folder) and writes
the row's number and the model's columns, in the order of INPUT. It runs the program that was evaluated.

With --explain it also writes what each feature adds to the raw score of a model of trees (exact TreeSHAP): a column
shap_FEATURE a feature, and shap_base, the mean over the rows that the model learnt from; of many classes
shap_CLASS_FEATURE and shap_CLASS_base, for each of them. Of a forest the raw score is the probability itself.`,
		RunE: func(c *cobra.Command, args []string) error {
			if output == "" {
				return usage{fmt.Errorf("-o OUTPUT is missing")}
			}
			cfg := a.config()
			if cfg.Workers = cores; cores == 0 {
				cfg.Workers = engine.Cores()
			}
			p, err := engine.Predict(c.Context(), cfg, args[0], args[1], output, keep, explain)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s: %s rows by %s (%s)\n", output, report.Count(p.Rows), p.Model, strings.Join(p.Columns, ", "))
			return nil
		}}
	c.Flags().StringVarP(&output, "output", "o", "", "file to write; its name's end decides the format")
	c.Flags().StringSliceVar(&keep, "keep", nil, "columns of the input to write along")
	c.Flags().BoolVar(&explain, "explain", false, "write what each feature adds to the raw score, of a model of trees")
	c.Flags().IntVar(&cores, "cores", 0, "cores to use; 0: all")
	return c
}
