package laws

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/toys/mem"
)

func taskOf(t operators.Task) *dags.Task {
	if t.Kind == "" || t.Kind == operators.NoTask {
		return nil
	}
	return &dags.Task{Task: t}
}

// gathered fits over all rows at once.
func (in *instance) gathered(op operators.Gather, env operators.Env, coded, garbage bool) (operators.Fitted, error) {
	train, valid, err := in.tables(coded, garbage)
	if err != nil {
		return operators.Fitted{}, err
	}
	return op.Fit(in.site, env, train, valid)
}

func (in *instance) tables(coded, garbage bool) (train, valid operators.Table, err error) {
	r := in.out.Reads
	table := func(p batch.Parts) (operators.Table, error) {
		b, err := in.read(r.Parts&p, r.Cols)
		b = mem.PlaceBatch(nil, b, coded, garbage)
		return operators.Table{N: b.N, Cols: b.Cols}, err
	}
	if train, err = table(batch.TrainRows); err == nil {
		valid, err = table(batch.ValidRows)
	}
	return train, valid, err
}

// backwards runs tasks from the last to the first; tangled all at once.
func backwards(n int, f func(int)) {
	for i := n - 1; i >= 0; i-- {
		f(i)
	}
}

func tangled(n int, f func(int)) {
	var wg sync.WaitGroup
	for i := n - 1; i >= 0; i-- {
		wg.Go(func() { f((i + n/2) % n) })
	}
	wg.Wait()
}

// gather tries a fit of all rows, and gives it.
func (s *suite) gather(in *instance, op operators.Gather) (fitted operators.Fitted, ok bool) {
	train, valid, err := in.tables(false, false)
	if err != nil {
		s.breaks(Reads, "%v", err)
		return fitted, false
	}
	if train.N == 0 {
		return fitted, false // the engine refuses it
	}
	before := [2]uint64{sum(train.Cols), sum(valid.Cols)}
	if fitted, err = op.Fit(in.site, operators.TestEnv(), train, valid); err != nil {
		return fitted, s.blamed(in, err)
	}
	if before != [2]uint64{sum(train.Cols), sum(valid.Cols)} {
		s.breaks(Inputs, "the fit changes its rows")
		return fitted, false
	}
	state := fitted.Program.Marshal()
	for _, t := range []operators.Table{train, valid} { // they are freed once Fit has returned
		for _, c := range t.Cols {
			for i := range c.Values {
				c.Values[i] ^= 0xa5
			}
			for i := range c.Valid {
				c.Valid[i] = ^c.Valid[i]
			}
		}
	}
	if !bytes.Equal(fitted.Program.Marshal(), state) {
		s.breaks(Arena, "the program keeps rows of the fit")
		return fitted, false
	}
	for _, way := range []struct {
		law            Law
		how            string
		parallel       func(int, func(int))
		coded, garbage bool
	}{
		{Gather, "with tasks run backwards", backwards, false, false},
		{Gather, "with tasks run at once", tangled, false, false},
		{Nulls, "with other bytes under the nulls", operators.TestEnv().Parallel, false, true},
		{Layout, "with text coded by a dictionary", operators.TestEnv().Parallel, true, false},
	} {
		if way.coded && len(state) > 1<<20 {
			continue
		}
		env := operators.TestEnv()
		env.Parallel = way.parallel
		s.guard(way.law, func() {
			again, err := in.gathered(op, env, way.coded, way.garbage)
			switch {
			case err != nil:
				s.breaks(way.law, "%s: %v", way.how, err)
			case !bytes.Equal(again.Program.Marshal(), state):
				s.breaks(way.law, "%s the program is another", way.how)
			case !equalNotes(again.Notes, fitted.Notes):
				s.breaks(way.law, "%s the notes are others", way.how)
			}
		})
		if len(s.broken) > in.before {
			return fitted, false
		}
	}
	// the first run's rows are spoilt; the program must not care
	again, err := in.gathered(op, operators.TestEnv(), false, false)
	if err != nil || !bytes.Equal(again.Program.Marshal(), state) {
		s.breaks(Gather, "a second fit of the same rows is another: %v", err)
		return fitted, false
	}
	return again, true
}

// reduce tries the accumulators of a result, and gives the result as a table of metrics.
func (s *suite) reduce(in *instance, op operators.Reduce) (out mem.Table, ok bool) {
	for _, models := range [][]string{{"", "champion"}, {""}} {
		e := in.out.Eval
		cols := append(append([]string{}, in.out.Reads.Cols...), e.Raw...)
		for range models {
			cols = append(cols, e.Scores...)
		}
		rows, err := in.read(in.out.Reads.Parts, cols)
		if err != nil {
			s.breaks(Reads, "%v", err)
			return out, false
		}
		start := func() operators.Acc { return op.Start(in.site, models) }
		a, state, bad := s.accumulate(in, start, rows)
		if len(s.broken) > in.before {
			return out, false
		}
		if bad != nil {
			return out, s.blamed(in, bad)
		}
		if in.shown {
			s.digest(state)
		}
		if rows.N == 0 {
			return out, false // the engine refuses it
		}
		stored, good := s.restore(start, state)
		if !good {
			return out, false
		}
		var first string
		for _, acc := range []operators.Acc{a, stored} {
			env := operators.TestEnv()
			env.Parallel = tangled
			res, err := op.Finish(in.site, models, env, acc)
			if err != nil {
				return out, s.blamed(in, err)
			}
			if len(res.Models) != len(models) || res.Models[0].Name != models[0] {
				s.breaks(Promise, "there are %d results of %d models", len(res.Models), len(models))
				return out, false
			}
			text := bits(res)
			if first == "" {
				first = text
			}
			if text != first {
				s.breaks(State, "a stored state gives another result")
				return out, false
			}
			out = metrics(res.Models[0])
			for _, m := range e.Metrics {
				if !slices.ContainsFunc(res.Models[0].Metrics, func(x operators.Metric) bool { return x.Name == m }) {
					s.breaks(Promise, "there is no metric %q", m)
					return out, false
				}
			}
		}
	}
	return out, true
}

// bits is a result as text, floats as their bits.
func bits(r operators.Result) string {
	var b strings.Builder
	numbers := func(ms []operators.Metric) {
		for _, m := range ms {
			fmt.Fprintf(&b, " %s=%x", m.Name, math.Float64bits(m.Value))
		}
	}
	for _, m := range r.Models {
		fmt.Fprintf(&b, "%s %d %v", m.Name, m.Rows, m.Confusion)
		numbers(m.Metrics)
		for _, c := range m.Classes {
			fmt.Fprintf(&b, " %q %d %v", c.Name, c.Rows, c.Unknown)
			numbers([]operators.Metric{{Name: "precision", Value: c.Precision}, {Name: "recall", Value: c.Recall}, {Name: "f1", Value: c.F1}, {Name: "auc", Value: c.AUC}})
		}
		for _, f := range m.Influence {
			fmt.Fprintf(&b, " %q", f.Feature)
			numbers([]operators.Metric{{Name: "importance", Value: f.Drop}, {Name: "std", Value: f.Spread}, {Name: "shap", Value: f.Shap}})
		}
		for _, s := range m.Slices {
			fmt.Fprintf(&b, " %s %q %d", s.Column, s.Value, s.Rows)
			numbers(s.Metrics)
		}
		for _, c := range m.Curves {
			fmt.Fprintf(&b, " %s", c.Name)
			for i := range c.X {
				fmt.Fprintf(&b, " %x %x", math.Float64bits(c.X[i]), math.Float64bits(c.Y[i]))
			}
		}
	}
	return b.String()
}

// metrics is a model's result as the table that an example shows.
func metrics(m operators.ModelResult) mem.Table {
	var names []string
	var values []float64
	for _, x := range m.Metrics {
		names, values = append(names, x.Name), append(values, x.Value)
	}
	t := mem.Table{Schema: operators.Of(operators.Field{Name: "metric", Type: batch.T(batch.String)}, operators.Field{Name: "value", Type: batch.T(batch.Float64)})}
	t.N, t.Cols = len(names), []batch.Column{batch.OfStrings(names), batch.OfFloat64s(values)}
	return t
}

// behind puts an example's model step before a probe: what the model takes is what the example shows.
func (s *suite) behind(in *instance, text string) bool {
	name, options, _ := strings.Cut(text, ":")
	spec, ok := operators.Lookup(strings.TrimSpace(name))
	if !ok {
		s.breaks(Example, "it stands behind %q, which is no model step", text)
		return false
	}
	op, l := decode(spec, options)
	if len(l) == 0 {
		var out operators.Output
		if out, l = op.Check(in.site); len(l) == 0 {
			in.behind, in.site.Model, in.site.In = op, out.Model, []operators.Schema{out.Below(in.site.In[0])}
			return true
		}
	}
	s.breaks(Example, "%s: %s", name, l[0].Error())
	return false
}

// model is the program of the model step, fitted to the instance's rows.
func (in *instance) model() (program.Graph, error) {
	m := *in
	m.op, m.site.In, m.site.Model = in.behind, []operators.Schema{in.in[0].Schema}, nil
	m.out, _ = m.op.Check(m.site)
	if rows, err := m.read(m.out.Reads.Parts, m.out.Reads.Cols); err != nil || rows.N == 0 {
		return program.Graph{}, &operators.ErrData{Err: errors.New("there are no rows to learn from")}
	}
	return m.graph()
}

// probe tries a result that comes of running a model, and gives it as a table.
func (s *suite) probe(in *instance, op operators.Probe) (out mem.Table, ok bool) {
	g, err := in.model()
	if err != nil {
		return out, s.blamed(in, err)
	}
	measure := func(env operators.Env, coded, garbage bool) (operators.Result, bool) {
		b, err := in.read(in.out.Reads.Parts, in.out.Reads.Cols)
		if err != nil {
			s.breaks(Reads, "%v", err)
			return operators.Result{}, false
		}
		if b.N == 0 {
			return operators.Result{}, false // the engine refuses it
		}
		b = mem.PlaceBatch(nil, b, coded, garbage)
		before := sum(b.Cols)
		res, err := op.Measure(in.site, env, g, operators.Table{N: b.N, Cols: b.Cols})
		if err != nil {
			return res, s.blamed(in, err)
		}
		if sum(b.Cols) != before {
			s.breaks(Inputs, "the measurement changes its rows")
			return res, false
		}
		return res, true
	}
	res, ok := measure(operators.TestEnv(), false, false)
	if !ok {
		return out, false
	}
	if len(res.Models) != 1 || res.Models[0].Name != "" {
		s.breaks(Promise, "there are %d results, want one of the new model", len(res.Models))
		return out, false
	}
	for _, m := range in.out.Eval.Metrics {
		if !slices.ContainsFunc(res.Models[0].Metrics, func(x operators.Metric) bool { return x.Name == m }) {
			s.breaks(Promise, "there is no metric %q", m)
			return out, false
		}
	}
	for _, way := range []struct {
		law            Law
		how            string
		parallel       func(int, func(int))
		coded, garbage bool
	}{
		{Gather, "with tasks run backwards", backwards, false, false},
		{Gather, "with tasks run at once", tangled, false, false},
		{Nulls, "with other bytes under the nulls", operators.TestEnv().Parallel, false, true},
		{Layout, "with text coded by a dictionary", operators.TestEnv().Parallel, true, false},
	} {
		env := operators.TestEnv()
		env.Parallel = way.parallel
		again, ok := measure(env, way.coded, way.garbage)
		if !ok {
			return out, false
		}
		if bits(again) != bits(res) {
			s.breaks(way.law, "%s the result is another", way.how)
			return out, false
		}
	}
	return influences(res.Models[0].Influence), true
}

// influences is what a model owes to its features as the table that an example shows.
func influences(all []operators.Influence) mem.Table {
	t := mem.Table{Schema: operators.Of(operators.Field{Name: "feature", Type: batch.T(batch.String)}, operators.Field{Name: "importance", Type: batch.T(batch.Float64)},
		operators.Field{Name: "std", Type: batch.T(batch.Float64)}, operators.Field{Name: "shap", Type: batch.T(batch.Float64)})}
	var names []string
	var drop, spread, shap []float64
	for _, x := range all {
		names, drop, spread, shap = append(names, x.Feature), append(drop, x.Drop), append(spread, x.Spread), append(shap, x.Shap)
	}
	t.N, t.Cols = len(all), []batch.Column{batch.OfStrings(names), batch.OfFloat64s(drop), batch.OfFloat64s(spread), batch.OfFloat64s(shap)}
	return t
}
