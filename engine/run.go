// Package engine runs pipelines: it opens what a DAG file declares, plans, executes, evaluates, gates and publishes.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/engine/report"
	"github.com/headrace/headrace/engine/store"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/bundle"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// Version of the engine, set when a release is built.
var Version = "0.1.0-dev"

// Config says where and how a run runs. Only Sample changes results.
type Config struct {
	FS         files.FS
	Workspace  string
	Workers    int   // 0: what the DAG file says, else all cores
	Memory     int64 // what the run may hold; 0: what the DAG file says, else most of the machine's
	Tables     int64 // what tables and accumulators may hold before they go to disk; 0: half of that
	MorselRows int
	Sample     float64
	NoPublish  bool   // the gates decide, and nothing is published, no sink written
	Date       string // run.date, "" for none stated
	Progress   exec.Progress
	Now        func() time.Time
}

// tries says whether the run only tries the DAG out.
func (c Config) tries() bool { return c.NoPublish || c.Sample > 0 && c.Sample < 1 }

func (c Config) filled(p *dags.Pipeline) Config {
	if c.FS == nil {
		c.FS = files.Local()
	}
	if c.Workers == 0 {
		if c.Workers = p.Resources.Cores; c.Workers == 0 {
			c.Workers = runtime.GOMAXPROCS(0)
		}
	}
	if c.Memory == 0 {
		c.Memory = p.Resources.MemoryBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Workspace == "" {
		c.Workspace = ".headrace"
	}
	return c
}

// Check checks a pipeline: footers and headers are read, and no row.
func Check(ctx context.Context, p *dags.Pipeline, cfg Config, to ...string) (*plan.Plan, diag.List) {
	cfg = cfg.filled(p)
	pl, list := plan.Make(p, plan.Options{Open: opener(ctx, cfg), To: to, Published: published(p, cfg)})
	return pl, append(list, overwrites(cfg.FS, pl)...)
}

// overwrites finds sinks that would write over a source or over one another.
func overwrites(fs files.FS, pl *plan.Plan) (list diag.List) {
	for i, s := range pl.Sinks {
		to := sinkPath(s.Decl)
		what := sourceAt(fs, pl, to)
		for _, o := range pl.Sinks[:i] {
			if what == "" && sameFile(fs, sinkPath(o.Decl), to) {
				what = fmt.Sprintf("sink %q", o.ID)
			}
		}
		if what != "" {
			d := diag.New(diag.SinkBad, diag.At{}, "sink %q would write over %s: %s", s.ID, what, to)
			d.Place, d.Source, d.Help = s.Decl.Place, s.Decl.Line, "give the sink another path"
			list = append(list, d)
		}
	}
	return list
}

// sinkPath is where a sink writes, "" where its format knows no files.
func sinkPath(s *dags.Sink) string {
	if s.Decoded == nil || s.Decoded.Locate() == nil {
		return ""
	}
	return *s.Decoded.Locate()
}

// sourceAt names the source that has a file at a path, "" where none has.
func sourceAt(fs files.FS, pl *plan.Plan, to string) string {
	for _, n := range pl.Nodes {
		if n.Source == nil || n.Source.Data == nil {
			continue
		}
		if hasFile(fs, n.Source.Data, to) {
			return fmt.Sprintf("source %q", n.ID)
		}
	}
	return ""
}

// hasFile says whether a data set reads the file at a path.
func hasFile(fs files.FS, d connectors.Dataset, to string) bool {
	return slices.ContainsFunc(d.Files(), func(f connectors.File) bool { return sameFile(fs, f.Path, to) })
}

// sameFile says whether two paths are one file, also by way of links.
func sameFile(fs files.FS, a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	y, err := fs.Stat(b)
	if err != nil {
		return false // the common case: nothing is there yet
	}
	x, err := fs.Stat(a)
	return err == nil && os.SameFile(x, y)
}

// opener opens sources for the check.
func opener(ctx context.Context, cfg Config) func(*dags.Source, []connectors.Want) (connectors.Dataset, diag.List) {
	return func(s *dags.Source, want []connectors.Want) (connectors.Dataset, diag.List) {
		if s.Decoded == nil {
			return nil, nil // the loader has said why
		}
		d, err := s.Decoded.Open(ctx, cfg.FS, want)
		if err != nil {
			at := diag.New(diag.SourceBad, diag.At{}, "source %q: %v", s.ID, err)
			at.Place, at.Source = s.Place, s.Line
			if path := s.Decoded.Locate(); path != nil && *path != "" && errors.Is(err, fs.ErrNotExist) {
				if abs, err := filepath.Abs(*path); err == nil {
					at.Help = "a path starts from the folder of the DAG file: " + abs
				}
			}
			return nil, diag.List{at}
		}
		return d, nil
	}
}

// close closes what the check opened.
func closeSources(pl *plan.Plan) {
	for _, n := range pl.Nodes {
		if n.Source != nil && n.Source.Data != nil {
			n.Source.Data.Close()
		}
	}
}

// Outcome is what came of a run.
type Outcome struct {
	Run       string
	Dir       string
	Starts    []operators.Fact // of each step that was to go on from a published model, from which it did, or why it began anew
	Evals     []report.Evaluation
	Gates     []report.Gate
	Passed    bool
	Model     string
	Version   int // 0: nothing was published
	Alias     string
	Hash      string
	Report    string // path of report.html
	Sinks     []string
	Seconds   float64
	PeakBytes int64
	Warnings  diag.List
	Champion  string
	// Unsaved is why the run's record is not whole although its model was published; nil where it is. It does not fail the run: a second
	// run would publish the same once more.
	Unsaved error
}

// Run runs a pipeline to its end. An error of the gates comes with the Outcome.
func Run(ctx context.Context, p *dags.Pipeline, cfg Config) (out *Outcome, err error) {
	cfg = cfg.filled(p)
	start := cfg.Now()
	pl, list := Check(ctx, p, cfg)
	defer closeSources(pl)
	if list.Failed() {
		return nil, list.Err()
	}
	ws, err := store.Open(cfg.FS, cfg.Workspace)
	if err != nil {
		return nil, err
	}
	release, err := ws.Lock(p.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	run, err := ws.NewRun(p.Name, store.RunMeta{DAG: p.Name, File: p.File, Digest: p.Digest, Engine: Version, Date: cfg.Date, Params: params(p),
		Models: pl.Before(), Started: start, Workers: cfg.Workers})
	if err != nil {
		return nil, err
	}
	by := store.XXH3
	if p.Publish != nil {
		by = store.SHA256 // it goes with the model
	}
	digests := digest(ctx, ws.Digests(cfg.FS, cfg.Now), pl, by)
	out = &Outcome{Run: run.ID, Dir: run.Dir, Warnings: list, Passed: true}
	defer func() {
		status := "done"
		switch {
		case errors.Is(err, ErrGate):
			status = "refused"
		case err != nil:
			status = "failed"
		}
		if ctx.Err() != nil {
			digests.stop()
		}
		run.Meta.Sources, _ = digests.wait() // of a run that failed, those that there are
		out.Seconds = cfg.Now().Sub(start).Seconds()
		e := run.Finish(status, err, out.Seconds, cfg.Now())
		switch {
		case e == nil || err != nil:
		case out.Version > 0:
			out.Unsaved = errors.Join(out.Unsaved, e)
		default:
			err = e
		}
	}()
	r := &runner{cfg: cfg, p: p, pl: pl, ws: ws, run: run, out: out, digests: digests}
	err = exec.Guard(func() error { return r.all(ctx) }) // a panic is written down too
	return out, err
}

func params(p *dags.Pipeline) map[string]string {
	m := map[string]string{}
	for _, q := range p.Params {
		m[q.Name] = q.Value
	}
	return m
}

// runner is one run under way.
type runner struct {
	cfg      Config
	p        *dags.Pipeline
	pl       *plan.Plan
	ws       *store.Workspace
	run      *store.Run
	out      *Outcome
	x        *exec.Exec
	digests  *digesting
	champion map[*plan.Evaluation]*champion
	before   map[*plan.Evaluation]learnt // the model that the evaluated one goes on from
	graphs   map[*plan.Node]program.Graph
	evals    []exec.Evaluation
	files    map[string][]byte
}

func (r *runner) all(ctx context.Context) error {
	if err := r.champions(); err != nil {
		return err
	}
	r.splits()
	r.pl.Narrow(nil)
	if limit := r.cfg.memory(); limit > 0 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
	}
	if err := budget(r.cfg, r.pl); err != nil {
		return err
	}
	r.x = exec.New(r.pl, r.cfg.options(r.cfg.tables()))
	defer r.x.Close()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"fit", r.x.Fit},
		{"bundle", r.bundles},
		{"evaluate", r.evaluate},
		{"gates", r.gates},
		{"sinks", r.sinks},
		{"publish", r.publish},
	} {
		if err := r.run.Event("begin", map[string]any{"stage": step.name}); err != nil {
			return err
		}
		err := step.do(ctx)
		if err != nil && !errors.Is(err, ErrGate) {
			return err
		}
		if e := r.run.Event("end", map[string]any{"stage": step.name}); e != nil {
			if r.out.Version > 0 {
				r.out.Unsaved = errors.Join(r.out.Unsaved, e)
				return nil
			}
			return e
		}
		if err != nil { // the gates': the report still tells why
			if e := r.report(0, ""); e != nil {
				return e
			}
			return err
		}
	}
	if r.out.Version > 0 {
		return nil // published with its report
	}
	return r.report(0, "")
}

// budget refuses a run that cannot fit into the memory that the DAG file grants.
func budget(cfg Config, pl *plan.Plan) error {
	low := int64(0)
	var who string
	for _, n := range pl.Nodes {
		if _, ok := n.Op.(operators.Gather); !ok || !n.Live {
			continue
		}
		if b := lower(n); b > low {
			low, who = b, n.Label()
		}
	}
	if cfg.Memory > 0 && low > cfg.Memory {
		return fmt.Errorf("step %q needs at least %s for its rows, resources.memory is %s: %w", who, size(low), size(cfg.Memory), ErrMemory)
	}
	return nil
}

// lower is the provable lower bound of what a step that gathers rows holds: no filter above it, so that every row arrives.
func lower(n *plan.Node) int64 {
	rows := int64(0)
	a := n.In[n.Out.Reads.Input]
	for ; a.Source == nil; a = a.In[0] {
		if a.Effect() && a.Out.Tag == "" || a.Relational() || len(a.In) == 0 {
			return 0
		}
	}
	for _, u := range a.Source.Data.Units() {
		rows += max(u.Rows, 0)
	}
	bytes := int64(0)
	for _, c := range n.Out.Reads.Cols {
		if f, ok := n.In[0].Sch.Field(c); ok {
			bytes += int64(max(f.Type.Width(), 1))
		}
	}
	return rows * bytes / 2 // a split may keep rows away from it; half is certain enough to refuse
}

// memory is what the run may hold in bytes: resources.memory, else four fifths of the machine's, so that a table that is too large for it
// goes to disk and the run is not killed; 0 where neither is known.
func (c Config) memory() int64 {
	if c.Memory > 0 {
		return c.Memory
	}
	return mem.Machine() / 5 * 4
}

// tables is what tables and accumulators may hold before they go to disk: half of the budget, as a morsel's columns, what a sort works
// in and the collector's head-room take the rest.
func (c Config) tables() *mem.Budget {
	limit := c.Tables
	if limit == 0 {
		limit = c.memory() / 2
	}
	return mem.New(limit, filepath.Join(c.Workspace, "tmp"))
}

// options are those of an execution whose tables are held in m.
func (c Config) options(m *mem.Budget) exec.Options {
	return exec.Options{Workers: c.Workers, MorselRows: c.MorselRows, Sample: c.Sample, Progress: c.Progress, Budget: c.grant, Memory: m}
}

func (c Config) grant(bytes int64) error {
	if c.Memory > 0 && bytes > c.Memory {
		return fmt.Errorf("%s asked for, resources.memory is %s: %w", size(bytes), size(c.Memory), ErrMemory)
	}
	return nil
}

// size is bytes as people read them.
func size(b int64) string {
	switch {
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(b)/(1<<30))
	case b >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(b)/(1<<20))
	case b >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(b)/(1<<10))
	}
	return fmt.Sprintf("%d B", b)
}

// champion is the model in use that an evaluation compares with.
type champion struct {
	ref     string
	b       *bundle.Bundle
	learnt  learnt
	version int
	missing string // why it cannot be scored; "" if it can
	none    bool   // there is none yet
}

// champions loads the models in use and asks for the columns that they read. A model that is damaged, or is not fit for these rows, fails
// the gate lines that name it; a disk that does not answer fails the run, for it may answer the next time.
func (r *runner) champions() error {
	r.champion = map[*plan.Evaluation]*champion{}
	for _, e := range r.pl.Evals {
		ref := e.Node.Out.Eval.Champion
		if ref == "" || e.Serving == nil {
			continue
		}
		c := &champion{ref: ref}
		r.champion[e] = c
		name, alias, err := ParseModelRef(ref)
		if err != nil {
			c.missing = err.Error()
			continue
		}
		v, fsys, err := r.ws.Resolve(name, alias)
		if errors.Is(err, store.ErrNoModel) {
			c.none = true
			continue
		}
		if err == nil {
			c.version = v
			c.b, err = bundle.Load(fsys)
		}
		var disk syscall.Errno
		if errors.As(err, &disk) && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("champion %s: %w", ref, err)
		}
		if err != nil {
			c.missing = err.Error()
			continue
		}
		r.out.Champion = fmt.Sprintf("%s version %d", name, v)
		c.learnt = known(e, c.b.Splits())
		for _, f := range c.b.Inputs {
			have, ok := e.Serving.Place.Sch.Field(f.Name)
			switch {
			case ok && have.Type == f.Type:
				e.Champion = append(e.Champion, f.Name)
			case !ok:
				c.missing = fmt.Sprintf("it reads column %q, which %s does not have", f.Name, e.Serving.Place.Label())
			default:
				c.missing = fmt.Sprintf("it reads column %q as %s, and it is %s now", f.Name, f.Type, have.Type)
			}
		}
		for _, want := range e.Node.Out.Eval.Scores {
			if !c.b.Graph.Has(want) {
				c.missing = fmt.Sprintf("it gives no %q", want)
			}
		}
		if kind := e.Model.Out.Model.Kind; c.b.Manifest.Task.Kind != kind {
			c.missing = fmt.Sprintf("it is of a task of kind %s, and this one is %s", c.b.Manifest.Task.Kind, kind)
		}
	}
	return nil
}

// bundles composes each evaluated or published model's graph, and reads it back: what is scored is what will be published.
func (r *runner) bundles(context.Context) error {
	r.out.Starts = r.pl.Starts()
	r.graphs = map[*plan.Node]program.Graph{}
	add := func(s *plan.Serving) error {
		if s == nil {
			return nil
		}
		g, err := program.Unmarshal(s.Graph().Marshal())
		if err != nil {
			return fmt.Errorf("step %q: %w", s.Model.Label(), err)
		}
		r.graphs[s.Model] = g
		return nil
	}
	if err := add(r.pl.Serving); err != nil {
		return err
	}
	for _, e := range r.pl.Evals {
		if err := add(e.Serving); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) evaluate(ctx context.Context) (err error) {
	for {
		r.evals, err = r.x.Evaluate(ctx, r.pl.Evals, r.scored)
		var bad *exec.ScoreError
		if !errors.As(err, &bad) {
			break
		}
		// A champion that fails at a row fails its lines, not the run: once more without it.
		r.champion[bad.Eval].missing = bad.Err.Error()
	}
	if err != nil {
		return err
	}
	for _, e := range r.evals {
		v := report.Evaluation{Step: e.Node.Label(), Model: e.Node.In[0].Label(), Rows: e.Rows, Result: e.Result}
		for _, n := range r.pl.Evals {
			if n.Node == e.Node {
				v.Notes = n.Model.Full().Notes
				v.Group, v.Groups, v.GroupsLearnt, v.GroupLearnt, v.Split = n.Node.Site.Task.Group, e.Groups.All, e.Groups.Learnt, e.Groups.Example, n.Split()
				b := n.Model.Out.Model.Before
				if b != nil {
					v.Before, v.BeforeOverlap, v.Valid, v.ValidOverlap = b.String(), e.Overlap[""], e.Valid.All, e.Valid.Some
					v.BeforeUntold = r.before[n].missing
				}
				if c := r.champion[n]; c != nil {
					v.Champion, v.ChampionMissing = c.ref, c.missing
					if c.none {
						v.ChampionMissing = noChampion
					}
					v.Overlap = e.Overlap["champion"]
					if c.missing == "" {
						v.Untold = c.learnt.missing
					}
					if b != nil && c.b != nil && c.b.Hash == b.Hash { // it is the champion: that is said once
						if v.Overlap > 0 {
							v.BeforeOverlap = 0
						}
						if v.Untold != "" {
							v.BeforeUntold = ""
						}
					}
				}
			}
		}
		r.out.Evals = append(r.out.Evals, v)
	}
	return r.run.Save("metrics.json", metricsJSON(r.out.Evals))
}

// scored are the models that an evaluation scores: the new one, and the champion if it can be.
func (r *runner) scored(e *plan.Evaluation) []exec.Scored {
	want := e.Node.Out.Eval.Scores
	s := []exec.Scored{{Graph: r.graphs[e.Model].Narrow(want), Splits: r.before[e].splits}}
	if c := r.champion[e]; c != nil && c.b != nil && c.missing == "" {
		s = append(s, exec.Scored{Name: "champion", Graph: c.b.Graph.Narrow(want), Splits: c.learnt.splits})
	}
	return s
}

func metricsJSON(evals []report.Evaluation) []byte {
	type slice struct {
		Column  string              `json:"column"`
		Value   string              `json:"value"`
		Rows    int64               `json:"rows"`
		Metrics map[string]*float64 `json:"metrics"`
	}
	type class struct {
		Class     string   `json:"class"`
		Rows      int64    `json:"rows"`
		Unknown   bool     `json:"unknown,omitempty"`
		Precision *float64 `json:"precision"`
		Recall    *float64 `json:"recall"`
		F1        *float64 `json:"f1"`
		AUC       *float64 `json:"auc"`
	}
	type influence struct {
		Feature string   `json:"feature"`
		Drop    *float64 `json:"importance"`
		Spread  *float64 `json:"std"`
		Shap    *float64 `json:"mean_abs_shap,omitempty"`
	}
	type model struct {
		Model     string              `json:"model"`
		Rows      int64               `json:"rows"`
		Metrics   map[string]*float64 `json:"metrics"`
		Confusion [][]int64           `json:"confusion,omitempty"`
		Classes   []class             `json:"classes,omitempty"` // of the rows and columns of confusion
		Slices    []slice             `json:"slices,omitempty"`
		Influence []influence         `json:"importance,omitempty"`
	}
	number := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	numbers := func(ms []operators.Metric) map[string]*float64 {
		m := map[string]*float64{}
		for _, x := range ms {
			m[x.Name] = number(x.Value)
		}
		return m
	}
	out := map[string]any{"version": 1}
	steps := map[string][]model{}
	for _, e := range evals {
		for _, m := range e.Result.Models {
			name := m.Name
			if name == "" {
				name = "new"
			}
			v := model{Model: name, Rows: m.Rows, Metrics: numbers(m.Metrics), Confusion: m.Confusion}
			for _, k := range m.Classes {
				v.Classes = append(v.Classes, class{k.Name, k.Rows, k.Unknown, number(k.Precision), number(k.Recall), number(k.F1), number(k.AUC)})
			}
			for _, s := range m.Slices {
				v.Slices = append(v.Slices, slice{s.Column, s.Value, s.Rows, numbers(s.Metrics)})
			}
			for _, f := range m.Influence {
				v.Influence = append(v.Influence, influence{f.Feature, number(f.Drop), number(f.Spread), number(f.Shap)})
			}
			steps[e.Step] = append(steps[e.Step], v)
		}
	}
	out["evaluations"] = steps
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

func (r *runner) sinks(ctx context.Context) error {
	if r.cfg.tries() {
		return nil // a share of the rows must not take the place of all of them
	}
	for _, s := range r.pl.Sinks {
		path, err := WriteSink(ctx, r.x, r.cfg.FS, s)
		if err != nil {
			return fmt.Errorf("sink %q: %w", s.ID, err)
		}
		r.out.Sinks = append(r.out.Sinks, path)
	}
	return nil
}

// send writes rows of a node to w through write.
func send(ctx context.Context, x *exec.Exec, n *plan.Node, cols []string, w connectors.Writer, write func(batch.Batch) error) error {
	if _, ok := w.(connectors.Uncut); ok {
		return x.WriteUncut(ctx, n, cols, write)
	}
	return x.Write(ctx, n, cols, write)
}

// WriteSink writes a sink's rows.
func WriteSink(ctx context.Context, x *exec.Exec, fs files.FS, s *plan.Sink) (string, error) {
	path := ""
	if loc := s.Decl.Decoded.Locate(); loc != nil {
		path = *loc
	}
	w, err := s.Decl.Decoded.Create(ctx, fs, s.From.Sch)
	if err != nil {
		return path, err
	}
	if err := send(ctx, x, s.From, s.Cols, w, w.Write); err != nil {
		_ = w.Abort() // the first failure is the one to tell
		return path, err
	}
	return path, w.Commit()
}

// publish makes the bundle and, the gates having passed, puts it into the registry; the alias moves last.
func (r *runner) publish(ctx context.Context) error {
	s := r.pl.Serving
	if s == nil {
		return nil
	}
	p := r.p.Publish
	g := r.graphs[s.Model]
	raw := make([]string, len(s.Inputs))
	for i, f := range s.Inputs {
		raw[i] = plan.RawPrefix + f.Name
	}
	golden, err := r.x.Head(ctx, s.Model, raw, 16)
	if err != nil {
		return err
	}
	data, err := r.digests.wait()
	if err != nil {
		return err
	}
	data = maps.Clone(data)
	maps.Copy(data, r.pl.Before())
	var before []*program.Graph
	if b := s.Model.Out.Model.Before; b != nil {
		before = b.Splits
	}
	t := s.Model.Site.Task
	d := bundle.Draft{Engine: Version, Name: p.As, DAG: r.p.Digest, Graph: g, Split: r.split(s), Before: before, Inputs: s.Inputs, Golden: golden, Data: data,
		Task: bundle.Task{Kind: t.Kind, Label: t.Label, Positive: t.Positive, Scores: s.Want}}
	for _, o := range g.Out {
		f, _ := s.Model.Sch.Field(o.Name)
		d.Outputs = append(d.Outputs, f)
	}
	if r.files, err = bundle.Make(d); err != nil {
		return err
	}
	r.out.Model, r.out.Hash = p.As, bundle.Hash(r.files)
	if r.cfg.tries() {
		return nil
	}
	// The report is written before the version appears: a disk that is full for it leaves the registry as it was.
	meta := store.VersionMeta{Run: r.run.ID, DAG: r.p.Name, Hash: r.out.Hash, Created: r.cfg.Now(), Metrics: r.published()}
	v, err := r.ws.PublishAs(p.As, p.Alias, r.files, meta, func(v int) error { return r.report(v, p.Alias) })
	if err != nil {
		return err
	}
	r.out.Version, r.out.Alias = v, p.Alias
	r.out.Unsaved = r.run.Event("published", map[string]any{"model": p.As, "version": v, "alias": p.Alias, "hash": r.out.Hash})
	return nil
}

// published are the metrics of the model that is published: of the evaluation that the gates read, else of the first of that model.
func (r *runner) published() map[string]float64 {
	step := ""
	for _, e := range r.pl.Evals {
		if _, some := e.Node.Op.(operators.Probe); some || e.Model != r.pl.Model {
			continue // a probe measures some of the rows
		}
		if step == "" || e.Node == r.pl.Report {
			step = e.Node.Label()
		}
	}
	m := map[string]float64{}
	for _, e := range r.out.Evals {
		if e.Step != step {
			continue
		}
		for _, x := range e.Result.Models {
			if x.Name != "" {
				continue // the champion's
			}
			for _, v := range x.Metrics {
				if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
					m[v.Name] = v.Value
				}
			}
		}
	}
	return m
}

// split is the program that says which part a row had, from the columns of the serving place; nil where there is no split on the
// way or it needs more than a row.
func (r *runner) split(s *plan.Serving) *program.Graph {
	g, ok := s.Split()
	if !ok {
		return nil
	}
	return &g
}

// report writes the run's page. Version is the one that is being published, 0 where none is.
func (r *runner) report(version int, alias string) error {
	html, err := report.HTML(report.Page{Pipeline: r.p.Name, Doc: r.p.Doc, Run: r.run.ID, Started: r.run.Meta.Started, Evals: r.out.Evals, Gates: r.out.Gates,
		Model: r.out.Model, Version: version, Alias: alias, Hash: r.out.Hash, Passed: r.out.Passed, Engine: Version,
		Steps: stepLines(r.pl), Params: params(r.p)})
	if err != nil {
		return err
	}
	if err := r.run.Save("report.html", html); err != nil {
		return err
	}
	r.out.Report = r.run.Path("report.html")
	return nil
}

func stepLines(pl *plan.Plan) (out []report.Step) {
	for _, n := range pl.Nodes {
		if n.Step == nil || n.Op == nil || !n.Live || slices.ContainsFunc(out, func(s report.Step) bool { return s.ID == n.Step.ID }) {
			continue
		}
		out = append(out, report.Step{ID: n.Step.ID, Operator: n.Step.Spec.Name, Facts: n.Notes.Facts})
	}
	return out
}

// ParseModelRef reads models://name@alias or name@alias; a number behind the @ is a version; without one it is champion.
func ParseModelRef(s string) (name, alias string, err error) {
	s = strings.TrimPrefix(s, "models://")
	name, alias, ok := strings.Cut(s, "@")
	if !ok {
		alias = "champion"
	}
	if name == "" || alias == "" {
		return "", "", fmt.Errorf("%q is no model: write models://NAME@ALIAS", s)
	}
	return name, alias, nil
}

// Cores is how many cores a run uses where nothing else is said.
func Cores() int { return runtime.GOMAXPROCS(0) }
