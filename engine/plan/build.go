package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// sources opens every source (footers and headers, no rows) and holds it to its contract.
func (m *maker) sources() {
	for _, s := range m.Pipeline.Sources {
		var want []connectors.Want
		for _, c := range s.Columns {
			w := connectors.Want{Name: c.Name, Nullable: c.Nullable}
			if c.Type != nil {
				w.Type = *c.Type
			}
			want = append(want, w)
		}
		n := &Node{ID: s.ID, Path: s.ID, Source: &Source{Decl: s}, Here: batch.TrainRows, Out: operators.Output{Class: operators.Break}}
		data, l := m.opt.Open(s, want)
		m.diags.Add(l...)
		if data == nil {
			n.Sch.Open = true
			for _, c := range s.Columns {
				f := operators.Field{Name: c.Name, Nullable: c.Nullable}
				if c.Type != nil {
					f.Type = *c.Type
				}
				n.Sch.Fields = append(n.Sch.Fields, f)
			}
			m.bad[n] = true
		} else {
			n.Source.Data, n.Sch = data, data.Schema()
		}
		m.ByID[s.ID] = m.contract(m.add(n), s)
		m.rowBounds(n, s)
	}
}

// rowBounds checks what footers say of the number of rows.
func (m *maker) rowBounds(n *Node, s *dags.Source) {
	if n.Source.Data == nil || s.RowsMin == 0 && s.RowsMax == 0 {
		return
	}
	var rows int64
	for _, u := range n.Source.Data.Units() {
		if u.Rows < 0 {
			return
		}
		rows += u.Rows
	}
	if rows < s.RowsMin || s.RowsMax > 0 && rows > s.RowsMax {
		want := fmt.Sprintf("at least %d", s.RowsMin)
		if rows >= s.RowsMin {
			want = fmt.Sprintf("at most %d", s.RowsMax)
		}
		m.report(diag.New(diag.Contract, diag.At{}, "source %q has %d rows, its contract says %s", s.ID, rows, want), s.ExpectAt, "")
	}
}

// contract puts the node that holds rows to what the source declares.
func (m *maker) contract(n *Node, s *dags.Source) *Node {
	k := &expectation{}
	for _, c := range s.Columns {
		i := n.Sch.Index(c.Name)
		if i < 0 {
			if n.Sch.Open {
				continue
			}
			d := diag.New(diag.NoColumn, diag.At{}, "source %q: no column %q", s.ID, c.Name)
			if why, ok := n.Source.Data.Unreadable()[c.Name]; ok {
				d = diag.New(diag.ColumnType, diag.At{}, "source %q: column %q cannot be read: %s", s.ID, c.Name, why)
			} else {
				d = d.WithHelp("%s", diag.DidYouMean(c.Name, "columns", n.Sch.Names()))
			}
			m.report(d, c.Place, c.Line())
			continue
		}
		f := n.Sch.Fields[i]
		if c.Type != nil && !fitsContract(*c.Type, f.Type) {
			m.report(diag.New(diag.ColumnType, diag.At{}, "source %q: column %q is %s in the data, declared %s", s.ID, c.Name, f.Type, *c.Type).
				WithHelp("declare it as it is and use clean.cast"), c.Place, c.Line())
			continue
		}
		r := program.Rule{Name: c.Name, NotNull: !c.Nullable, Categories: c.Categories}
		if c.Min != nil {
			r.HasMin, r.Min = true, *c.Min
		}
		if c.Max != nil {
			r.HasMax, r.Max = true, *c.Max
		}
		if (r.HasMin || r.HasMax) && !f.Type.Numeric() && f.Type.Kind != batch.Unknown {
			m.report(diag.New(diag.ColumnType, diag.At{}, "source %q: min and max stand on numbers, column %q is %s", s.ID, c.Name, f.Type), c.Place, c.Line())
			continue
		}
		if r.Categories != nil && !f.Type.Text() && f.Type.Kind != batch.Unknown {
			m.report(diag.New(diag.ColumnType, diag.At{}, "source %q: categories stand on strings, column %q is %s", s.ID, c.Name, f.Type), c.Place, c.Line())
			continue
		}
		f.Nullable, f.Categories = c.Nullable, c.Categories
		k.rules, k.fields = append(k.rules, r), append(k.fields, f)
	}
	if len(k.rules) == 0 {
		return n
	}
	site := operators.Site{In: []operators.Schema{n.Sch}}
	out, _ := k.Check(site)
	e := &Node{ID: s.ID, Path: s.ID + "/expect", Op: k, Site: site, In: []*Node{n}, Out: out, Sch: out.Below(n.Sch), Here: n.Here}
	m.bad[e] = m.bad[n]
	return m.add(e)
}

// fitsContract: types are equal; a timestamp's unit and zone are as in the data where the contract does not say.
func fitsContract(want, have batch.Type) bool {
	if want.Kind == batch.Timestamp && have.Kind == batch.Timestamp {
		return want.Zone == "" || want.Zone == have.Zone
	}
	if want.Kind == batch.Decimal && have.Kind == batch.Decimal || want.Kind == batch.List && have.Kind == batch.List {
		return true
	}
	return want == have
}

// expectation is the operator behind a source's contract.
type expectation struct {
	rules  []program.Rule
	fields []operators.Field
}

func (k *expectation) Check(operators.Site) (operators.Output, diag.List) {
	var o operators.Output
	for _, f := range k.fields {
		o.Made = append(o.Made, operators.Made{Field: f, Apply: []string{f.Name}})
	}
	return o, nil
}

func (k *expectation) Narrow(_ operators.Site, made []string) operators.Op {
	n := &expectation{}
	for i, f := range k.fields {
		if has(made, f.Name) {
			n.rules, n.fields = append(n.rules, k.rules[i]), append(n.fields, f)
		}
	}
	return n
}

func (k *expectation) Program(operators.Site) program.Graph {
	var ports []program.Named
	for _, f := range k.fields {
		ports = append(ports, program.Named{Name: f.Name, Type: f.Type})
	}
	return program.One(&program.Expect{Rules: k.rules}, ports, ports)
}

// steps puts every step in, in the order that references give.
func (m *maker) steps() {
	for _, s := range m.Pipeline.Steps {
		m.step = s
		var in []*Node
		var asIn []operators.Node
		for _, r := range s.From {
			n := m.ref(r)
			if n != nil && n.Reduces() {
				m.report(diag.New(diag.InputCount, diag.At{}, "step %q reads %s, which gives metrics and no rows", s.ID, n.name()), r.Place, r.Line)
				n = nil
			}
			in, asIn = append(in, n), append(asIn, n)
		}
		var n *Node
		if s.Bad || s.Op == nil || slices.Contains(in, nil) {
			n = m.add(&Node{ID: s.ID, Path: s.ID, Step: s, In: slices.DeleteFunc(in, func(n *Node) bool { return n == nil }), Here: batch.AllRows})
			n.Sch.Open = true
			if len(n.In) > 0 {
				n.Sch.Fields = slices.Clone(n.In[0].Sch.Fields)
				for i, f := range n.Sch.Fields {
					n.Sch.Fields[i] = operators.Field{Name: f.Name} // whatever it was to become
				}
			}
			m.bad[n] = true
		} else {
			n = m.Step(s.ID, s.Op, asIn...).(*Node)
		}
		n.Step = s
		m.ByID[s.ID] = n
		if s.Last {
			m.ByID[s.Name] = n
		}
	}
	m.step = nil
}

// ref is the node that a reference means; nil where it is not there (and is reported, or its step was).
func (m *maker) ref(r dags.Ref) *Node {
	n := m.ByID[r.ID]
	if n == nil || r.Part == "" {
		return n
	}
	id := r.ID + "." + r.Part
	if p := m.ByID[id]; p != nil {
		return p
	}
	part := batch.Part(slices.Index(batch.PartNames[:], r.Part))
	p := m.add(&Node{ID: id, Path: id, In: []*Node{n}, Sch: n.Sch, Pick: 1 << part, Out: operators.Output{Class: operators.Rows}, Here: n.Here & (1 << part)})
	m.bad[p] = m.bad[n]
	if p.Here == 0 && !m.bad[n] {
		m.bad[p] = true
		p.Here = 1 << part
		m.report(diag.New(diag.NoPart, diag.At{}, "%s has no %s rows: no split above it makes them", n.name(), r.Part).
			WithHelp("%s", partsHelp(n.Here)), r.Place, r.Line)
	}
	m.ByID[id] = p
	return p
}

func partsHelp(here batch.Parts) string {
	var have []string
	for p, name := range batch.PartNames {
		if here.Has(batch.Part(p)) {
			have = append(have, name)
		}
	}
	return "parts here: " + strings.Join(have, ", ")
}

// Step adds a node for an operator; it is the Build of macros as well.
func (m *maker) Step(id string, op operators.Op, in ...operators.Node) operators.Node {
	var ins []*Node
	site := operators.Site{Task: m.task(), Seed: m.seed(id)}
	for _, i := range in {
		n := i.(*Node)
		ins, site.In = append(ins, n), append(site.In, n.Sch)
	}
	if len(ins) > 0 {
		site.Model = ins[0].Modelled().Out.Model
	}
	if m.opt.Published != nil {
		site.Published = m.published
	}
	if b, ok := op.(operators.Macro); ok {
		_, l := op.Check(site)
		m.found(l)
		m.path, m.copy_ = append(m.path, id), append(m.copy_, id)
		defer func() { m.path, m.copy_ = m.path[:len(m.path)-1], m.copy_[:len(m.copy_)-1] }()
		return b.Expand(site, m, in...)
	}
	out, l := op.Check(site)
	labelled := m.noLabel(l, ins)
	told := m.quiet(labelled, ins)
	m.found(told)
	if len(labelled) < len(l) || slices.ContainsFunc(l, func(d diag.Diagnostic) bool { return d.Code == diag.TaskMissing }) {
		m.unfit[m.step] = true
	}
	broken := told.Failed() || len(labelled) < len(l) || m.step != nil && len(m.step.Broken) > 0
	if k := out.CrossFit; k > 1 {
		return m.foldsOf(id, k, in[0], broken, func(n operators.Node) operators.Node {
			return m.node("fit", op, site, out, append([]*Node{n.(*Node)}, ins[1:]...), broken)
		})
	}
	return m.node(id, op, site, out, ins, broken)
}

// noLabel makes one finding, at the task, of all that operators say of a label that no step above them makes.
func (m *maker) noLabel(l diag.List, in []*Node) diag.List {
	t := m.Pipeline.Task
	if t == nil || t.Label == "" || len(in) == 0 || slices.ContainsFunc(m.Nodes, func(n *Node) bool { return n.Sch.Open || n.Sch.Has(t.Label) }) {
		return l // it is there, or may be: the operator says best where it was lost
	}
	missing := fmt.Sprintf("no column %q", t.Label)
	return slices.DeleteFunc(slices.Clone(l), func(d diag.Diagnostic) bool {
		if d.Code != diag.LabelBad && !(d.Code == diag.NoColumn && d.Message == missing) {
			return false
		}
		if !m.labelTold && !m.dirty(in[0]) {
			m.labelTold = true
			place, line := t.Node.Resolve(diag.Option("label"))
			m.report(diag.New(diag.LabelBad, diag.At{}, "no column %q reaches %s", t.Label, m.stepName()).
				WithHelp("%s", diag.DidYouMean(t.Label, "columns", in[0].Sch.Names())), place, line)
		}
		return true
	})
}

func (m *maker) stepName() string {
	if m.step == nil {
		return "the model"
	}
	return fmt.Sprintf("step %q", m.step.ID)
}

// quiet leaves out what may only follow from a mistake above: that step would perhaps have made another type of a column, or taken its
// nulls away.
func (m *maker) quiet(l diag.List, in []*Node) diag.List {
	follows := map[diag.Code]bool{diag.FeatureType: true, diag.Nullable: true, diag.LabelBad: true, diag.NoColumns: true, diag.ColumnTwice: true}
	if m.step != nil && len(m.step.Broken) > 0 { // an option that is missing or does not fit may be the broken one
		l = slices.DeleteFunc(slices.Clone(l), func(d diag.Diagnostic) bool {
			return d.Code == diag.OptionMissing || d.Code == diag.OptionConflict || d.Code == diag.NoColumns
		})
	}
	if t := m.Pipeline.Task; t != nil && t.Bad {
		l = slices.DeleteFunc(slices.Clone(l), func(d diag.Diagnostic) bool {
			return d.Code == diag.TaskMissing || d.Code == diag.LabelBad || d.Code == diag.OptionConflict
		})
	}
	for _, n := range in {
		if m.dirty(n) {
			return slices.DeleteFunc(slices.Clone(l), func(d diag.Diagnostic) bool { return follows[d.Code] })
		}
	}
	return l
}

// found places an operator's findings in the step at hand. Inside a fold scope the same findings come k+1 times: Sort drops the
// repeats.
func (m *maker) found(l diag.List) {
	if m.step != nil {
		m.at(m.step, l)
		return
	}
	m.diags.Add(l...)
}

func (m *maker) task() operators.Task {
	if m.Pipeline.Task == nil {
		return operators.Task{Kind: operators.NoTask}
	}
	return m.Pipeline.Task.Task
}

func (m *maker) seed(id string) uint64 {
	return hash.Seed(m.Pipeline.Name + "/" + strings.Join(append(slices.Clone(m.path), id), "/"))
}

func join(path []string, id string) string { return strings.Join(append(slices.Clone(path), id), "/") }

func (m *maker) node(id string, op operators.Op, site operators.Site, out operators.Output, in []*Node, bad bool) *Node {
	n := &Node{ID: join(m.copy_, id), Path: join(m.path, id), Step: m.step, Op: op, Site: site, In: in, Out: out, Here: in[0].Here}
	n.Sch = out.Below(in[0].Sch)
	if bad {
		m.blur(n)
	}
	switch {
	case out.Zip:
		m.zip(n)
	case out.Splits:
		n.Here = out.PartsOut
	case out.Class == operators.Break:
		n.Here = batch.TrainRows
	}
	if m.step != nil && m.step.Only != 0 {
		n.Only = m.step.Only
		m.only(n)
	}
	if r := n.Out.Reads.Input; r < len(in) {
		for _, t := range m.nots {
			if ancestors(in[r], true)[t.At] {
				n.Nots = append(n.Nots, t)
			}
		}
	}
	m.bad[n] = bad
	return m.add(n)
}

// blur says of the columns below a mistaken step what is still known: not the types of those that it makes or names.
func (m *maker) blur(n *Node) {
	n.Sch.Open = true
	n.Sch.Fields = slices.Clone(n.Sch.Fields)
	for i, f := range n.Sch.Fields {
		_, passes := n.Out.Passes(f.Name)
		if !passes || n.Step != nil && names(n.Step.Options, f.Name) {
			n.Sch.Fields[i] = operators.Field{Name: f.Name}
		}
	}
}

// names says whether options hold a name, as a value or a key.
func names(n *param.Node, name string) bool {
	return findScalar(n, name) != nil || findKey(n, name) != nil
}

// only holds an item with only: to keep its schema.
func (m *maker) only(n *Node) {
	o := &n.Out
	if o.Class == operators.Rows && len(o.Made) == 0 && o.Only == nil && o.Renamed == nil && !o.Splits || m.bad[n] {
		o.NotNull = nil // the other parts still have theirs
		if o.Reads.Input == 0 {
			o.Reads.Parts &= n.Only // what happens to some rows is learnt from them
		}
		n.Sch = o.Below(n.In[0].Sch)
		return
	}
	m.report(diag.New(diag.OnlyPart, diag.At{}, "only: stands where the columns stay as they are; %s changes them", n.Step.Spec.Name).
		WithHelp("it is for filters and resampling"), n.Step.OnlyAt, n.Step.Line)
}

// zip puts the columns of all branches side by side. A branch that only passes a column yields to one that made it anew; two that made
// it is an error.
func (m *maker) zip(n *Node) {
	n.Sch = operators.Schema{Open: n.Sch.Open}
	for _, in := range n.In[1:] {
		if first := n.In[0]; rowSet(first) != rowSet(in) {
			if !m.bad[first] && !m.bad[in] {
				m.found(diag.List{diag.New(diag.RowSets, diag.At{}, "%s and %s do not hold the same rows", first.name(), in.name()).
					WithHelp("filter, split and join before the branches part")})
			}
			n.Sch.Open = true // what they would have been side by side is not known
		}
	}
	n.sides = map[string]int{}
	for i, in := range n.In {
		n.Sch.Open = n.Sch.Open || in.Sch.Open
		for _, f := range in.Sch.Fields {
			if _, seen := n.sides[f.Name]; seen {
				continue
			}
			side, rival := n.side(f.Name, i)
			if rival >= 0 && !n.Sch.Open {
				m.found(diag.List{diag.New(diag.ColumnTwice, diag.At{}, "column %q is made on both sides: by %s and %s", f.Name, n.In[side].name(), n.In[rival].name()).
					WithHelp("clean.rename one of them")})
			}
			n.sides[f.Name] = side
			f, _ = n.In[side].Sch.Field(f.Name)
			n.Sch.Fields = append(n.Sch.Fields, f)
		}
	}
}

// side is the input of a zip that a column is taken from: the one that gave it its name last, all others having theirs from above that.
// Where there is none, side and rival both made it; else rival is -1. i is the first input that has the column.
func (n *Node) side(name string, i int) (side, rival int) {
	side = i
	beats := func(i, j int) bool {
		return same(n.In[i], n.In[j], name) || ancestors(namer(n.In[i], name), true)[namer(n.In[j], name)] && namer(n.In[i], name) != namer(n.In[j], name)
	}
	for j := i + 1; j < len(n.In); j++ {
		if n.In[j].Sch.Has(name) && !beats(side, j) {
			side = j
		}
	}
	for j := i; j < len(n.In); j++ { // side beats those behind it, and perhaps not all before
		if j != side && n.In[j].Sch.Has(name) && !beats(side, j) {
			return j, side
		}
	}
	return side, -1
}

// rowSet is the last node above n (itself included) that changed which rows there are.
func rowSet(n *Node) *Node {
	for !n.Effect() && !n.Base() {
		n = n.In[0]
	}
	return n
}

// same says whether a column is one and the same in two nodes: what both have is followed up, the later node first, to where they meet.
func same(a, b *Node, name string) bool {
	for x, y := name, name; ; {
		if a == b {
			return x == y
		}
		if a.index < b.index {
			a, b, x, y = b, a, y, x
		}
		i, from, ok := a.Passes(x)
		if !ok {
			return false // it is made here, below b
		}
		a, x = a.In[i], from
	}
}

// namer is the node that gave a column its name: where it is made, or renamed.
func namer(n *Node, name string) *Node {
	for {
		i, c, ok := n.Passes(name)
		if !ok || c != name {
			return n
		}
		n = n.In[i]
	}
}

// Passes says which input's which column a column of the node's output is, where the node does not make it.
func (n *Node) Passes(name string) (input int, from string, ok bool) {
	if strings.HasPrefix(name, "@") {
		return 0, name, !n.Base()
	}
	switch {
	case n.Source != nil:
		return 0, "", false
	case n.Pick != 0:
		return 0, name, true
	case n.Folds != nil:
		c, ok := n.Folds.Through(name)
		return 0, c, ok
	case n.Out.Zip:
		return n.sides[name], name, true
	}
	c, ok := n.Out.Passes(name)
	return 0, c, ok
}

// Folds is the one way to cross-fit: body is called k+1 times.
func (m *maker) Folds(id string, k int, in operators.Node, body func(operators.Node) operators.Node) operators.Node {
	return m.foldsOf(id, k, in, m.bad[in.(*Node)], body)
}

func (m *maker) foldsOf(id string, k int, in operators.Node, bad bool, body func(operators.Node) operators.Node) operators.Node {
	start := in.(*Node)
	f := &Folds{K: k, Seed: m.seed(id), Start: start}
	s := &Node{ID: join(m.copy_, id), Path: join(m.path, id), Step: m.step, In: []*Node{start}, Folds: f, Here: start.Here}
	m.path = append(m.path, id)
	for c := range k + 1 {
		m.copy_ = append(m.copy_, fmt.Sprintf("%s#%d", id, c))
		if c < k {
			m.nots = append(m.nots, Not{f, c, start})
		}
		f.Alts = append(f.Alts, body(in).(*Node))
		if c < k {
			m.nots = m.nots[:len(m.nots)-1]
		}
		m.copy_ = m.copy_[:len(m.copy_)-1]
	}
	m.path = m.path[:len(m.path)-1]
	full := f.Alts[k]
	s.Sch, s.Here, s.Out = full.Sch, full.Here, operators.Output{Model: full.Out.Model}
	m.bad[s] = bad || m.bad[full]
	return m.add(s)
}
