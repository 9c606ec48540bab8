package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// RawPrefix marks columns of the serving place that are carried on for evaluation under names that no file can write.
const RawPrefix = "@raw."

// Serving is how one row gets from the serving place to a model's columns: what the bundle will be, known before a row is read.
type Serving struct {
	Model  *Node
	Place  *Node
	Inputs []operators.Field // sorted by name
	Want   []string          // the model's columns
	uses   []use             // in topological order
}

// use is a node on the way, with what is wanted of it.
type use struct {
	n          *Node
	made, want []string
}

// full is where rows of a node come from when serving: the full fit of a fold scope; nil at a serving place.
func full(n *Node) []*Node {
	switch {
	case n.Base():
		return nil
	case n.Folds != nil:
		return n.Folds.Alts[n.Folds.K : n.Folds.K+1]
	case n.Out.Zip:
		return n.In
	}
	return n.In[:1]
}

// serve walks back by column from a model, over the full fits. The walk ends in one place, or it is an error that names both. A
// sort or dedupe changes no value: the walk goes through it.
func serve(model *Node, want []string, pin *Node) (*Serving, error) {
	s := &Serving{Model: model, Want: want}
	end := func(n *Node) bool {
		return n == pin || n.Ends()
	}
	up := func(n *Node) []*Node {
		if end(n) {
			return nil
		}
		if n.Relational() {
			return n.In[:1]
		}
		return full(n)
	}
	var order []*Node
	seen := map[*Node]bool{}
	var visit func(*Node)
	visit = func(n *Node) {
		if !seen[n] {
			seen[n] = true
			for _, i := range up(n) {
				visit(i)
			}
			order = append(order, n)
		}
	}
	visit(model)
	wants := map[*Node][]string{model: want}
	need := func(n *Node, c string) {
		if !has(wants[n], c) {
			wants[n] = append(wants[n], c)
		}
	}
	for i := len(order) - 1; i >= 0; i-- {
		n := order[i]
		if len(wants[n]) == 0 {
			continue
		}
		if end(n) {
			slices.Sort(wants[n])
			if s.Place != nil {
				return nil, fmt.Errorf("serving would need rows of both %s (%s) and %s (%s)", s.Place.name(), strings.Join(fieldNames(s.Inputs), ", "),
					n.name(), strings.Join(wants[n], ", "))
			}
			s.Place = n
			for _, w := range wants[n] {
				s.Inputs = append(s.Inputs, n.input(w))
			}
			continue
		}
		var made []string
		for _, w := range wants[n] {
			if n.Folds != nil {
				need(n.Folds.Alts[n.Folds.K], w)
				continue
			}
			if j, from, ok := n.Passes(w); ok {
				need(n.In[j], from)
				continue
			}
			made = append(made, w)
			for _, d := range n.Out.Made {
				if d.Name == w {
					for _, c := range d.Apply {
						need(n.In[0], c)
					}
				}
			}
		}
		slices.Sort(made)
		s.uses = append(s.uses, use{n, made, wants[n]})
	}
	slices.Reverse(s.uses)
	if s.Place == nil {
		return nil, fmt.Errorf("%s is computed from no column", model.name())
	}
	return s, nil
}

// input is a column of a serving place as its contract says it is.
func (n *Node) input(name string) operators.Field {
	f, _ := n.Sch.Field(name)
	if n.Source != nil {
		for _, c := range n.Source.Decl.Columns {
			if c.Name == name {
				f.Nullable, f.Categories = c.Nullable, c.Categories
			}
		}
	}
	return f
}

// Ask says in words what a request must give: each input with its type, "?" where it may be null, and the bounds of its contract.
func (s *Serving) Ask() []string {
	var out []string
	for _, f := range s.Inputs {
		t := f.Name + " " + f.Type.String()
		if f.Nullable {
			t += "?"
		}
		if s.Place.Source != nil {
			for _, c := range s.Place.Source.Decl.Columns {
				if c.Name == f.Name && c.Min != nil {
					t += " >= " + strconv.FormatFloat(*c.Min, 'g', -1, 64)
				}
				if c.Name == f.Name && c.Max != nil {
					t += " <= " + strconv.FormatFloat(*c.Max, 'g', -1, 64)
				}
			}
		}
		out = append(out, t)
	}
	return out
}

func fieldNames(f []operators.Field) []string { return operators.FieldNames(f) }

// Graph composes the fitted programs of the walk into one. Every fit on the way must be done.
func (s *Serving) Graph() program.Graph {
	var g program.Graph
	at := map[*Node]map[string]int{s.Place: {}}
	for _, f := range s.Inputs {
		at[s.Place][f.Name] = g.Input(f.Name, f.Type)
	}
	for _, u := range s.uses {
		slots := map[string]int{}
		if len(u.made) > 0 {
			slots = g.Add(u.n.Prog.Narrow(u.made).Of(u.n.label()), at[u.n.In[0]])
		}
		for _, w := range u.want {
			if has(u.made, w) {
				continue
			}
			var from *Node
			name := w
			if u.n.Folds != nil {
				from = u.n.Folds.Alts[u.n.Folds.K]
			} else {
				var j int
				j, name, _ = u.n.Passes(w)
				from = u.n.In[j]
			}
			slots[w] = at[from][name]
		}
		at[u.n] = slots
	}
	for _, w := range s.Want {
		g.Output(w, at[s.Model][w])
	}
	return g.Narrow(s.Want)
}

// label is the step's id, for messages and files.
func (n *Node) label() string {
	if n.Step != nil {
		return n.Step.ID
	}
	return n.ID
}

// Label is the step's id.
func (n *Node) Label() string { return n.label() }

// Steps are the nodes on the way, for reports: the operators that run when one row is served.
func (s *Serving) Steps() []*Node {
	var out []*Node
	for _, u := range s.uses {
		if len(u.made) > 0 {
			out = append(out, u.n)
		}
	}
	return out
}

// serving makes the walk for what is published and for what is evaluated.
func (m *maker) serving() {
	pin := m.pin()
	do := func(model *Node, place diag.Place, line string) *Serving {
		if model == nil || model.Out.Model == nil || m.dirty(model) {
			return nil
		}
		s, err := serve(model, model.Out.Model.Scores, pin)
		if err != nil {
			m.report(diag.New(diag.ServePlace, diag.At{}, "%s cannot be served: %v", model.name(), err).
				WithHelp("publish.input: STEP pins the place where serving begins"), place, line)
			return nil
		}
		s.Place.Place = true
		m.late(s, place, line)
		return s
	}
	if m.Model != nil {
		m.Plan.Serving = do(m.Model, m.Pipeline.Publish.Place, "")
	}
	for _, e := range m.Evals {
		if e.Model == m.Model {
			e.Serving = m.Plan.Serving
		} else {
			var place diag.Place
			line := ""
			if e.Node.Step != nil {
				place, line = e.Node.Step.Place, e.Node.Step.Line
			}
			e.Serving = do(e.Model, place, line)
		}
		if e.Serving != nil {
			m.raw(e)
		}
	}
}

// pin is the node that publish.input names: one that the rows of the published model come through. nil where none is named.
func (m *maker) pin() *Node {
	p := m.Pipeline.Publish
	if p == nil || m.Model == nil || m.ByID[p.Input] == nil {
		return nil
	}
	n := m.ByID[p.Input]
	at := m.Pipeline.Root.Get("publish").Get("input")
	if _, part, _ := strings.Cut(at.Text, "."); part != "" {
		m.report(diag.New(diag.ServePlace, diag.At{}, "publish.input names rows of one part, and rows that are served have none").
			WithHelp("write %s", p.Input), at.Place, at.Line)
	} else if n == m.Model || !ancestors(m.Model, true)[n] {
		m.report(diag.New(diag.ServePlace, diag.At{}, "publish.input names %s, and rows of %s do not come through it", n.name(), m.Model.name()).
			WithHelp("name a step or source above the model"), at.Place, at.Line)
	}
	return n
}

// dirty says whether something above n was reported already.
func (m *maker) dirty(n *Node) bool {
	for a := range ancestors(n, false) {
		if m.bad[a] || a.Sch.Open {
			return true
		}
	}
	return false
}

// late refuses a serving input that is known only after the prediction, unless the features were refused for it already.
func (m *maker) late(s *Serving, place diag.Place, line string) {
	t := m.Pipeline.Task
	if t == nil || t.PredictAt == "" {
		return
	}
	walk := &lineages{memo: map[*Node]map[string]*lineage{}}
	refused := map[column]bool{}
	for _, f := range s.Model.Out.Model.Features {
		maps.Copy(refused, walk.of(s.Model.In[0], f).from)
	}
	predict := slices.Index(t.Moments, t.PredictAt)
	for _, f := range s.Inputs {
		if c, at, _ := m.latest(walk.of(s.Place, f.Name)); at > predict && !refused[c] {
			m.report(diag.New(diag.ServeKnown, diag.At{}, "serving %s would need column %q, which is known at %q only", s.Model.name(), f.Name, t.Moments[at]), place, line)
		}
	}
}

// raw checks the slices of an evaluation against the serving place.
func (m *maker) raw(e *Evaluation) {
	ev := e.Node.Out.Eval
	for i, c := range ev.Raw {
		if e.Serving.Place.Sch.Has(c) || e.Serving.Place.Sch.Open {
			continue
		}
		at := diag.At{}
		if i < len(ev.RawAt) {
			at = ev.RawAt[i]
		}
		m.at(e.Node.Step, diag.List{diag.New(diag.NoColumn, at, "no column %q in %s, where serving begins", c, e.Serving.Place.name()).
			WithHelp("%s", diag.DidYouMean(c, "columns", e.Serving.Place.Sch.Names()))})
		m.bad[e.Node] = true
	}
}

// Split is the program that tells the part of a row from columns of the serving place, as the split above the model had it. ok is false
// where there is no such split, or it needs more than the row.
func (s *Serving) Split() (g program.Graph, ok bool) {
	for n := s.Model; n != s.Place; {
		if n.Out.Tag != "" && n.Prog != nil {
			tag := n.Prog.Narrow([]string{n.Out.Tag})
			var want []string
			for _, p := range tag.In {
				if strings.HasPrefix(p.Name, "@") {
					return g, false
				}
				want = append(want, p.Name)
			}
			in := &Serving{Model: n.In[0], Place: n.In[0], Want: want}
			if n.In[0] == s.Place {
				for _, w := range want {
					f, _ := s.Place.Sch.Field(w)
					in.Inputs = append(in.Inputs, f)
				}
			} else {
				var err error
				if in, err = serve(n.In[0], want, s.Place); err != nil || in.Place != s.Place {
					return g, false
				}
			}
			g = in.Graph()
			at := map[string]int{}
			for _, p := range g.Out {
				at[p.Name] = p.Slot
			}
			g.Out = nil
			g.Output(program.PartCol, g.Add(tag.Of(n.label()), at)[n.Out.Tag])
			return g.Narrow([]string{program.PartCol}), true
		}
		up := full(n)
		if n.Relational() && !n.Ends() {
			up = n.In[:1]
		}
		if len(up) == 0 {
			return g, false
		}
		n = up[0]
	}
	return g, false
}
