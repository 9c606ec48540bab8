package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headrace/headrace/testing/bench/stats"
)

// Competition is what is run: every query by every engine, round by round.
type Competition struct {
	Setup
	Engines []Engine // the first has peers, the others are peers
	Queries []Query
	Data    string // the Parquet file that all read
	Rows    int64
	Rounds  int
	Log     io.Writer // a line for each query that has begun
}

// Result is what one query showed.
type Result struct {
	Name    string              `json:"name"`
	Doc     string              `json:"doc"`
	NotYet  string              `json:"not_yet,omitempty"` // why the first engine cannot do it
	Differs string              `json:"differs,omitempty"` // how results differ; then nothing is measured
	Samples map[string][]Sample `json:"samples,omitempty"` // by engine, one a round
	Medians map[string]Sample   `json:"medians,omitempty"` // by engine
	Ratios  map[string]Ratio    `json:"ratios,omitempty"`  // the first engine's by a peer's, by peer
	Scores  map[string]float64  `json:"scores,omitempty"`  // by engine, where a query has scores
}

// Ratio is how the first engine compares with a peer: below 1, it takes less.
type Ratio struct {
	Wall stats.Interval `json:"wall"`
	CPU  stats.Interval `json:"cpu"`
	Peak stats.Interval `json:"peak"`
}

// Run runs the competition. Each query's engines first run once for their results, which must be the same; then come the rounds.
func (c *Competition) Run(ctx context.Context) ([]Result, error) {
	var results []Result
	for i := range c.Queries {
		q := c.Queries[i]
		q.Total = c.Rows
		if len(q.among(c.Engines)) < 2 {
			continue // none of its peers was asked for
		}
		fmt.Fprintf(c.Log, "%-14s %s", q.Name, q.Doc)
		r, err := c.query(ctx, &q)
		fmt.Fprintln(c.Log, r.said())
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

func (r *Result) said() string {
	switch {
	case r.NotYet != "":
		return "\n  not yet: " + r.NotYet
	case r.Differs != "":
		return "\n  differs: " + r.Differs
	}
	return ""
}

func (c *Competition) query(ctx context.Context, q *Query) (Result, error) {
	r := Result{Name: q.Name, Doc: q.Doc}
	engines := q.among(c.Engines)
	var err error
	if r.NotYet, err = c.Check(q, c.Data); err != nil || r.NotYet != "" {
		return r, err
	}
	if r.Differs, err = c.agree(ctx, engines, q, &r); err != nil || r.Differs != "" {
		return r, err
	}
	r.Samples = map[string][]Sample{}
	for round := range c.Rounds {
		for i := range engines {
			// Who comes first changes, and with it who follows whom.
			e := engines[(i+round)%len(engines)]
			s, err := c.once(ctx, &e, q)
			if err != nil {
				return r, err
			}
			r.Samples[e.Name] = append(r.Samples[e.Name], s)
		}
	}
	r.sum(engines)
	return r, os.RemoveAll(c.outputs())
}

func (c *Competition) outputs() string { return filepath.Join(c.Dir, "out") }

func (c *Competition) output(e *Engine, q *Query) string {
	return filepath.Join(c.outputs(), filepath.Base(q.File)+"."+e.Name+cmp.Or(e.ext, q.Ext))
}

// once runs a query by an engine. What was written before is removed first: overwriting is not the work.
func (c *Competition) once(ctx context.Context, e *Engine, q *Query) (Sample, error) {
	out := c.output(e, q)
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(c.outputs(), 0o777)); err != nil {
		return Sample{}, err
	}
	s, err := e.command(&c.Setup, q, c.Data, out).Run(ctx)
	if err != nil {
		return s, fmt.Errorf("%s: %s: %w", q.Name, e.Name, err)
	}
	return s, nil
}

// agree runs all engines once and says how their results differ. It warms the page cache too.
func (c *Competition) agree(ctx context.Context, engines []Engine, q *Query, r *Result) (string, error) {
	for i := range engines {
		if _, err := c.once(ctx, &engines[i], q); err != nil {
			return err.Error(), ctx.Err() // an engine that fails at one query has the others to show
		}
	}
	if q.Score != nil {
		return c.score(ctx, engines, q, r)
	}
	bounds, err := c.bounds(ctx, q)
	if err != nil {
		return "", err
	}
	last := &engines[len(engines)-1]
	for i := range engines {
		e := &engines[i]
		if err := q.Judge(ctx, q, c.output(last, q), c.output(e, q), bounds); err != nil {
			return fmt.Sprintf("%s from %s: %v", e.Name, last.Name, err), nil
		}
	}
	return "", nil
}

// score scores all results, and says which is too far from the first engine's.
func (c *Competition) score(ctx context.Context, engines []Engine, q *Query, r *Result) (string, error) {
	r.Scores = map[string]float64{}
	first, rows := engines[0].Name, 0
	for i := range engines {
		e := &engines[i]
		got, n, err := q.Score(ctx, c.output(e, q))
		if err != nil {
			return fmt.Sprintf("%s: %v", e.Name, err), nil
		}
		if r.Scores[e.Name] = got; i == 0 {
			rows = n
		}
		if want := r.Scores[first]; n != rows || !(math.Abs(got-want) <= q.Near) {
			return fmt.Sprintf("%s scores %.5f on %d rows, %s %.5f on %d: they may be %v apart", e.Name, got, n, first, want, rows, q.Near), nil
		}
	}
	return "", nil
}

// bounds runs File.bounds.sql, where a query has one, and gives what it wrote.
func (c *Competition) bounds(ctx context.Context, q *Query) (string, error) {
	file := q.File + ".bounds"
	if _, err := os.Stat(file + ".sql"); err != nil {
		return "", nil
	}
	for _, e := range Engines {
		if e.Name != "duckdb" {
			continue
		}
		out := filepath.Join(c.outputs(), filepath.Base(file)+".csv")
		_, err := e.command(&c.Setup, &Query{File: file}, c.Data, out).Run(ctx)
		return out, err
	}
	return "", errors.New("no engine runs " + file)
}

// sum fills in what follows from the samples.
func (r *Result) sum(engines []Engine) {
	r.Medians, r.Ratios = map[string]Sample{}, map[string]Ratio{}
	first := r.Samples[engines[0].Name]
	for _, e := range engines {
		s := r.Samples[e.Name]
		r.Medians[e.Name] = Sample{stats.Median(wall(s)), stats.Median(cpu(s)), stats.Median(peak(s)), apart(s)}
		if e.Name == engines[0].Name {
			continue
		}
		r.Ratios[e.Name] = Ratio{
			stats.Ratios(wall(first), wall(s)),
			stats.Ratios(cpu(first), cpu(s)),
			stats.Ratios(peak(first), peak(s)),
		}
	}
}

// apart are the medians of what was left out of samples of one engine, which have the same phases.
func apart(s []Sample) []Phase {
	phases := slices.Clone(s[0].Apart)
	for i := range phases {
		p := &phases[i]
		p.Wall = stats.Median(each(s, func(s Sample) float64 { return s.Apart[i].Wall }))
		p.CPU = stats.Median(each(s, func(s Sample) float64 { return s.Apart[i].CPU }))
	}
	return phases
}

func wall(s []Sample) []float64 { return each(s, func(s Sample) float64 { return s.Wall }) }
func cpu(s []Sample) []float64  { return each(s, func(s Sample) float64 { return s.CPU }) }
func peak(s []Sample) []float64 { return each(s, func(s Sample) float64 { return s.Peak }) }

func each(samples []Sample, of func(Sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

// Pick gives the engines of the names, the first engine before all.
func Pick(names string) ([]Engine, error) {
	out := Engines[:1:1]
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, e := range Engines[1:] {
			if e.Name == name {
				out, found = append(out, e), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no peer %q", name)
		}
	}
	return out, nil
}
