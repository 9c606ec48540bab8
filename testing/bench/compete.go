package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headrace/headrace/testing/bench/account"
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
	Scores  map[string]float64  `json:"scores,omitempty"`  // by engine, where a query has scores; of several data, the mean
	Core    string              `json:"core,omitempty"`    // what the samples' Core is
}

// Ratio is how the first engine compares with a peer: below 1, it takes less.
type Ratio struct {
	Wall stats.Interval `json:"wall"`
	CPU  stats.Interval `json:"cpu"`
	Peak stats.Interval `json:"peak"`

	Core *stats.Interval `json:"core,omitempty"`
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
	engines, data := q.among(c.Engines), []string{c.Data}
	var err error
	if q.Program != nil {
		r.Core = q.Program.Core
		data, err = q.Program.Data(ctx, &c.Setup)
	} else {
		r.NotYet, err = c.Check(q, c.Data)
	}
	if err != nil || r.NotYet != "" {
		return r, err
	}
	if r.Differs, err = c.agree(ctx, engines, q, data, &r); err != nil || r.Differs != "" {
		return r, err
	}
	r.Samples = map[string][]Sample{}
	for round := range c.Rounds {
		for i := range engines {
			// Who comes first changes, and with it who follows whom.
			e := engines[(i+round)%len(engines)]
			s, err := c.once(ctx, &e, q, data[round%len(data)])
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
func (c *Competition) once(ctx context.Context, e *Engine, q *Query, data string) (Sample, error) {
	out := c.output(e, q)
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(c.outputs(), 0o777)); err != nil {
		return Sample{}, err
	}
	command, err := e.run(&c.Setup, q, data, out)
	if err != nil {
		return Sample{}, err
	}
	s, err := command.Run(ctx)
	if err != nil {
		return s, fmt.Errorf("%s: %s: %w", q.Name, e.Name, err)
	}
	return s, nil
}

// agree runs all engines once on each of the data and says how their results differ. It warms the page cache too.
func (c *Competition) agree(ctx context.Context, engines []Engine, q *Query, data []string, r *Result) (string, error) {
	for nth, d := range data {
		for i := range engines {
			if _, err := c.once(ctx, &engines[i], q, d); err != nil {
				return err.Error(), ctx.Err() // an engine that fails at one query has the others to show
			}
		}
		if q.Score == nil {
			continue
		}
		if differs := c.score(ctx, engines, q, nth, r); differs != "" {
			return differs, nil
		}
	}
	if q.Score != nil {
		return q.rank(engines, r.Scores), nil
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

// score takes the results on one more of the data into the means, and says whose rows are not as many.
func (c *Competition) score(ctx context.Context, engines []Engine, q *Query, nth int, r *Result) string {
	if nth == 0 {
		r.Scores = map[string]float64{}
	}
	rows := 0
	for i := range engines {
		e := &engines[i]
		got, n, err := q.Score(ctx, c.output(e, q))
		switch {
		case err != nil:
			return fmt.Sprintf("%s: %v", e.Name, err)
		case i == 0:
			rows = n
		case n != rows:
			return fmt.Sprintf("%s predicts %d rows, %s %d", e.Name, n, engines[0].Name, rows)
		}
		r.Scores[e.Name] += (got - r.Scores[e.Name]) / float64(nth+1)
	}
	return ""
}

// rank says how the first engine's score is not as it must be beside its peers'.
func (q *Query) rank(engines []Engine, scores map[string]float64) string {
	first := engines[0].Name
	ours, far := scores[first], cmp.Or(q.Far, q.Near)
	if !(ours >= q.Least) {
		return fmt.Sprintf("%s scores %.5f: it must be %v at least", first, ours, q.Least)
	}
	for _, e := range engines[1:] {
		if theirs := scores[e.Name]; !(ours >= theirs-q.Near && ours <= theirs+far) {
			return fmt.Sprintf("%s scores %.5f, %s %.5f: it may be %v below and %v above", first, ours, e.Name, theirs, q.Near, far)
		}
	}
	return ""
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
		r.Medians[e.Name] = Sample{stats.Median(wall(s)), stats.Median(cpu(s)), stats.Median(peak(s)), stats.Median(core(s)), apart(s)}
		if e.Name == engines[0].Name {
			continue
		}
		ratio := Ratio{Wall: stats.Ratios(wall(first), wall(s)), CPU: stats.Ratios(cpu(first), cpu(s)), Peak: stats.Ratios(peak(first), peak(s))}
		if r.Core != "" {
			of := stats.Ratios(core(first), core(s))
			ratio.Core = &of
		}
		r.Ratios[e.Name] = ratio
	}
}

// apart are the medians of what was left out of samples of one engine, which have the same phases.
func apart(s []Sample) []account.Phase {
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
func core(s []Sample) []float64 { return each(s, func(s Sample) float64 { return s.Core }) }

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
