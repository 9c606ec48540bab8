package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/program"
)

// Gate is one line of gates.require, checked.
type Gate struct {
	Line     dags.Line
	Scalar   *expr.Scalar
	Champion bool // it names the champion
}

// gates finds the evaluations, and checks every line of the gates against what they give.
func (m *maker) gates() {
	for _, n := range m.Nodes {
		if n.Out.Eval == nil || n.Op == nil {
			continue
		}
		e := &Evaluation{Node: n, Model: n.In[0].Modelled()}
		if e.Model.Out.Model == nil {
			if !m.bad[n] && !m.dirty(e.Model) && n.Step != nil {
				r := n.Step.From[0]
				m.report(diag.New(diag.NotAModel, diag.At{}, "%s evaluates %s, which is no model step", n.name(), e.Model.name()).
					WithHelp("%s", m.modelsHelp()), r.Place, r.Line)
			}
			m.bad[n] = true
			continue
		}
		m.Evals = append(m.Evals, e)
	}
	g := m.Pipeline.Gates
	if g == nil {
		return
	}
	n := m.ByID[g.From.ID]
	if n == nil {
		return
	}
	if n.Out.Eval == nil || g.From.Part != "" {
		if !m.dirty(n) {
			m.report(diag.New(diag.GateBad, diag.At{}, "gates read %s, which is no evaluation", g.From.Text), g.From.Place, g.From.Line)
		}
		return
	}
	m.Report = n
	if m.unfit[n.Step] {
		return // which metrics it would give is not known
	}
	metrics := n.Out.Eval.Metrics
	names := slices.Clone(metrics)
	for _, x := range metrics {
		names = append(names, "champion."+x)
	}
	for _, l := range g.Require {
		s, list := expr.CheckScalar(l.Text, func(name string) bool { return has(names, name) }, names, diag.At{})
		for _, d := range list {
			place, line := l.Node.Resolve(d.At)
			m.report(d, place, line)
		}
		if s == nil || list.Failed() {
			continue
		}
		gate := Gate{Line: l, Scalar: s}
		for _, ref := range s.Metrics() {
			gate.Champion = gate.Champion || strings.HasPrefix(ref.Metric, "champion.")
			if ref.Column != "" && !has(n.Out.Eval.Raw, ref.Column) {
				place, line := l.Node.Place, l.Node.Line
				m.report(diag.New(diag.UnknownMetric, diag.At{}, "%s has no slices by %q", n.name(), ref.Column).
					WithHelp("%s", diag.DidYouMean(ref.Column, "slices", n.Out.Eval.Raw)), place, line)
			}
		}
		if gate.Champion && n.Out.Eval.Champion == "" {
			m.report(diag.New(diag.UnknownMetric, diag.At{}, "the line names champion, and %s names none", n.name()).
				WithHelp("add champion: \"models://NAME@ALIAS\" to the evaluation"), l.Node.Place, l.Node.Line)
		}
		m.Plan.Gates = append(m.Plan.Gates, gate)
	}
}

func (m *maker) modelsHelp() string {
	var s []string
	for _, n := range m.Nodes {
		if n.Out.Model != nil && n.Step != nil && !has(s, n.Step.ID) {
			s = append(s, n.Step.ID)
		}
	}
	if s == nil {
		return "there is no model step"
	}
	return "model steps: " + strings.Join(s, ", ")
}

// publish checks what goes to the registry.
func (m *maker) publish() {
	p := m.Pipeline.Publish
	if p == nil {
		return
	}
	n := m.ByID[p.Model.ID]
	if n == nil {
		return
	}
	if n.Out.Model == nil || p.Model.Part != "" {
		if !m.dirty(n) {
			m.report(diag.New(diag.NotAModel, diag.At{}, "publish.model names %s, which is no model step", p.Model.Text).
				WithHelp("%s", m.modelsHelp()), p.Model.Place, p.Model.Line)
		}
		return
	}
	m.Model = n
	for _, e := range m.Evals {
		if e.Node == m.Report && e.Model != n {
			from := m.Pipeline.Gates.From
			m.report(diag.New(diag.GateBad, diag.At{}, "the gates read %s, which measures %s, and %s is published", e.Node.name(), e.Model.name(), n.name()), from.Place, from.Line)
		}
	}
}

// sinks finds what is written.
func (m *maker) sinks() {
	for _, s := range m.Pipeline.Sinks {
		n := m.ref(s.From)
		if n == nil || s.Bad || m.bad[n] {
			continue
		}
		if n.Reduces() {
			m.report(diag.New(diag.SinkBad, diag.At{}, "sink %q writes %s, which gives metrics and no rows", s.ID, n.name()), s.From.Place, s.From.Line)
			continue
		}
		m.Plan.Sinks = append(m.Plan.Sinks, &Sink{ID: s.ID, From: n, Decl: s, Cols: n.Sch.Names()})
	}
}

// unused warns of steps that nothing asks for.
func (m *maker) unused() {
	used := map[*Node]bool{}
	use := func(n *Node) {
		if n != nil {
			for a := range ancestors(n, false) {
				used[a] = true
			}
		}
	}
	use(m.Model)
	use(m.Report)
	for _, e := range m.Evals {
		use(e.Node)
	}
	for _, s := range m.Plan.Sinks {
		use(s.From)
	}
	for _, t := range m.Pipeline.Tests {
		use(m.ByID[t.Step])
	}
	for _, t := range m.opt.To {
		use(m.ByID[t])
	}
	mistaken := func(s *dags.Step) bool { return s.Bad || s.Op == nil }
	if m.diags.Failed() || slices.ContainsFunc(m.Pipeline.Steps, mistaken) || slices.ContainsFunc(m.Pipeline.Sinks, func(s *dags.Sink) bool { return s.Bad }) {
		return // what is unused may be so by a mistake that is reported
	}
	told := map[string]bool{}
	for _, n := range m.Nodes {
		if n.Step == nil || used[n] || told[n.Step.Name] || n.Pick != 0 {
			continue
		}
		told[n.Step.Name] = true
		m.report(diag.New(diag.UnusedStep, diag.At{}, "step %q is used by nothing", n.Step.Name).
			WithHelp("no sink, gate, evaluation or publish reaches it: it will not run"), n.Step.Place, n.Step.Line)
	}
}

// Narrow drops from every operator, before a row is read, what nothing asks for, and says which columns each source is read for. It
// also gives every Row operator its program. asked are the columns that are wanted of nodes; nil asks for what the plan's model,
// evaluations and sinks want.
func (p *Plan) Narrow(asked map[*Node][]string) {
	want := map[*Node]map[string]bool{}
	ask := func(n *Node, cols ...string) {
		if want[n] == nil {
			want[n] = map[string]bool{}
		}
		for _, c := range cols {
			want[n][n.Column(c)] = true
		}
	}
	for n, c := range asked {
		ask(n, c...)
	}
	if asked == nil {
		p.all(ask)
	}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		n := p.Nodes[i]
		w, alive := want[n]
		switch {
		case !alive:
			continue
		case n.Source != nil:
			for _, f := range n.Sch.Fields {
				if w[f.Name] {
					n.Source.Want = append(n.Source.Want, f.Name)
				}
			}
			continue
		case n.Folds != nil:
			ask(n.In[0])
			for _, a := range n.Folds.Alts {
				ask(a)
				for c := range w {
					ask(a, c)
				}
			}
			continue
		}
		for _, in := range n.In {
			ask(in)
		}
		if n.Op != nil {
			n.narrow(w)
		}
		for c := range w {
			switch j, from, ok := n.Passes(c); {
			case n.Carries(c), ok && n.Stacked():
				for _, in := range n.In {
					ask(in, from)
				}
			case ok:
				ask(n.In[j], from)
			}
		}
		for _, d := range n.Out.Made {
			if len(d.Apply) > 0 {
				ask(n.In[0], d.Apply...)
			}
		}
		for j, c := range n.Out.Needs {
			ask(n.In[j], c...)
		}
		if r := n.Out.Reads; r.Input < len(n.In) {
			ask(n.In[r.Input], r.Cols...)
		}
	}
	for _, n := range p.Nodes {
		if r, ok := n.Op.(operators.Row); ok && want[n] != nil && n.Prog == nil {
			g := r.Program(n.Site)
			n.Prog = &g
		}
		n.Live = want[n] != nil
		n.Wanted = slices.Sorted(maps.Keys(want[n]))
	}
}

// all asks for what the plan is there for.
func (p *Plan) all(ask func(*Node, ...string)) {
	if p.Model != nil {
		ask(p.Model, p.Model.Out.Model.Scores...)
		for _, f := range p.Serving.Inputs {
			ask(p.Model, RawPrefix+f.Name) // golden rows
			ask(p.Serving.Place, f.Name)
		}
	}
	for _, e := range p.Evals {
		ask(e.Model, e.Model.Out.Model.Scores...)
		ask(e.Node)
		e.ask(ask)
	}
	for _, s := range p.Sinks {
		ask(s.From, s.Cols...)
	}
}

// narrow asks the operator for less, where less is wanted.
func (n *Node) narrow(w map[string]bool) {
	var made []string
	for _, d := range n.Out.Made {
		if w[d.Name] {
			made = append(made, d.Name)
		}
	}
	if len(made) == len(n.Out.Made) || n.Out.Model != nil || n.Out.Eval != nil {
		return
	}
	if n.Out.Keep == "" && n.Out.Tag == "" && n.Out.Times == "" && n.Out.Key == "" && len(made) == 0 && !n.Relational() {
		n.Op, n.Prog, n.Out.Made, n.Out.Reads, n.Out.Needs = &expectation{}, &program.Graph{}, nil, operators.Reads{}, nil
		return // nothing of it is wanted: what is left of it is what it passes
	}
	n.Op = n.Op.Narrow(n.Site, made)
	out, _ := n.Op.Check(n.Site)
	out.CrossFit = n.Out.CrossFit
	n.Out = out
}

// ask says what an evaluation wants of the model's rows and of the serving place.
func (e *Evaluation) ask(ask func(*Node, ...string)) {
	if _, runs := e.Node.Op.(operators.Probe); runs || e.Serving == nil {
		return // it reads what the model step reads
	}
	for _, c := range e.RawColumns() {
		ask(e.Model, RawPrefix+c)
		ask(e.Serving.Place, c)
	}
}

// RawColumns are the columns of the serving place that the evaluation needs: the bundle's, the slices', and the champion's where
// AddRaw said so.
func (e *Evaluation) RawColumns() []string {
	var cols []string
	add := func(c string) {
		if !has(cols, c) {
			cols = append(cols, c)
		}
	}
	for _, f := range e.Serving.Inputs {
		add(f.Name)
	}
	for _, c := range e.Node.Out.Eval.Raw {
		add(c)
	}
	for _, c := range e.Champion {
		add(c)
	}
	slices.Sort(cols)
	return cols
}
