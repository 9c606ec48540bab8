package expr

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// Metric is a metric that a gate line names.
type Metric struct {
	Name   string  // "auc", "champion.auc", `slice(auc, "origin", "SFO")`, `worst(auc, "origin")`: one spelling each
	Func   string  // "", "slice" or "worst"
	Metric string  // the metric itself, perhaps with champion. before it
	Column string  // slice and worst
	Value  string  // slice
	At     diag.At // where the line names it first
}

// Operand is a metric with its number.
type Operand struct {
	Name  string
	Value float64 // NaN where it is absent
	Known bool    // it was there
}

// Scalar is a checked gate line.
type Scalar struct {
	Source  string
	metrics []Metric
	graph   program.Graph
}

// Metrics are the metrics that the line names, in the order of the line, each once.
func (s *Scalar) Metrics() []Metric { return slices.Clone(s.metrics) }

// CheckScalar checks a gate line: an expression over metrics, which are float64, that gives a truth value. known says whether there
// is a metric of a name, which may be dotted; names are those to suggest. slice(metric, "column", "value") and
// worst(metric, "column") name the metric of a slice, and of the slice where it is worst. The result is nil after an error.
func CheckScalar(src string, known func(name string) bool, names []string, at diag.At) (*Scalar, diag.List) {
	s := &Scalar{Source: src}
	c := newChecker(src, at)
	use := func(m Metric, n ast.Node) val {
		if !slices.ContainsFunc(s.metrics, func(o Metric) bool { return o.Name == m.Name }) {
			m.At = c.place(c.span(n))
			s.metrics = append(s.metrics, m)
		}
		return c.use(operators.Field{Name: m.Name, Type: floatType}, n)
	}
	c.name = func(c *checker, name string, n ast.Node) val {
		if !known(name) {
			d := c.fail(diag.UnknownMetric, n, "no metric %q", name)
			d.Help = metricsHelp(name, names)
			return unknown
		}
		return use(Metric{Name: name, Metric: name}, n)
	}
	c.call = func(c *checker, fn string, n *ast.CallNode) (val, bool) {
		if fn != "slice" && fn != "worst" {
			return val{}, false
		}
		m, ok := c.sliceRef(fn, n, known, names)
		if !ok {
			return unknown, true
		}
		return use(m, n), true
	}
	t, list := c.check()
	if t.Type.Kind != batch.Unknown && t.Type.Kind != batch.Bool {
		list.Add(diag.New(diag.GateBad, at, "the line gives %s, not true or false", t.Type).WithHelp("auc >= 0.65"))
	} else if t.Type.Kind == batch.Bool && len(s.metrics) == 0 {
		list.Add(diag.New(diag.GateBad, at, "the line names no metric").WithHelp("%s", metricsHelp("", names)))
	}
	if list.Failed() {
		return nil, list
	}
	s.graph = t.Program("ok", boolType)
	return s, list
}

// metricsHelp suggests a metric. The champion's have the names of the new model's and are not listed beside them.
func metricsHelp(name string, names []string) string {
	var own []string
	for _, n := range names {
		if !strings.HasPrefix(n, "champion.") {
			own = append(own, n)
		}
	}
	help := diag.DidYouMean("", "metrics", own)
	if near := diag.Nearest(name, names); near != "" {
		help = fmt.Sprintf("did you mean %q? %s", near, help)
	}
	if len(own) < len(names) {
		help += "; each also as champion.NAME"
	}
	return help
}

// sliceRef reads slice(metric, "column", "value") or worst(metric, "column").
func (c *checker) sliceRef(fn string, n *ast.CallNode, known func(string) bool, names []string) (Metric, bool) {
	want, help := 2, `worst(auc, "origin")`
	if fn == "slice" {
		want, help = 3, `slice(auc, "origin", "SFO")`
	}
	wrong := func(at ast.Node) (Metric, bool) {
		d := c.fail(diag.ExprFunction, at, "%s takes a metric and literal texts", fn)
		d.Help = help
		return Metric{}, false
	}
	if len(n.Arguments) != want {
		return wrong(n)
	}
	m := Metric{Func: fn}
	name, ok := dotted(n.Arguments[0])
	if !ok {
		return wrong(n.Arguments[0])
	}
	if !known(name) {
		d := c.fail(diag.UnknownMetric, n.Arguments[0], "no metric %q", name)
		d.Help = metricsHelp(name, names)
		return m, false
	}
	m.Metric = name
	for i, p := range []*string{&m.Column, &m.Value}[:want-1] {
		s, ok := n.Arguments[i+1].(*ast.StringNode)
		if !ok {
			return wrong(n.Arguments[i+1])
		}
		*p = s.Value
	}
	m.Name = fmt.Sprintf("%s(%s, %q)", fn, name, m.Column)
	if fn == "slice" {
		m.Name = fmt.Sprintf("slice(%s, %q, %q)", name, m.Column, m.Value)
	}
	return m, true
}

// Eval decides the line. value gives a metric by its Name. A metric that is absent or NaN, or an error in the arithmetic, fails the
// line: the verdict is false and err says why. parts are the metrics with their numbers, in the order of Metrics, for printing.
func (s *Scalar) Eval(value func(name string) (float64, bool)) (verdict bool, parts []Operand, err error) {
	at := map[string]float64{}
	for _, m := range s.metrics {
		v, ok := value(m.Name)
		if !ok {
			v = math.NaN()
		}
		parts = append(parts, Operand{m.Name, v, ok})
		at[m.Name] = v
		switch {
		case err != nil:
		case !ok:
			err = fmt.Errorf("%s is absent", m.Name)
		case v != v:
			err = fmt.Errorf("%s is NaN", m.Name)
		}
	}
	if err != nil {
		return false, parts, err
	}
	f := s.graph.Frame()
	for _, p := range s.graph.In {
		f.F[p.Slot] = at[p.Name]
	}
	if err := s.graph.Row(f); err != nil {
		return false, parts, err
	}
	o := s.graph.Out[0].Slot
	if f.Null[o] {
		return false, parts, fmt.Errorf("the line is nil")
	}
	return f.I[o] == 1, parts, nil
}
