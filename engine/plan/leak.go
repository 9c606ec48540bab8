package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/rel"
)

// parts checks that every part that is asked for by name is there: by a fit, an evaluation, or an item with only.
func (m *maker) parts() {
	for _, n := range m.Nodes {
		if n.Op == nil || m.bad[n] {
			continue
		}
		if n.Only&^n.In[0].Here != 0 {
			m.noPart(n, n.Only&^n.In[0].Here, n.In[0].Here, "is only for", n.Step.OnlyAt, n.Step.Line)
			continue
		}
		r := n.Out.Reads
		if !n.Learns() && !n.Reduces() || r.Exempt || r.Input >= len(n.In) || len(r.Cols) == 0 || r.Parts == batch.AllRows {
			continue
		}
		gone := r.Parts &^ n.In[r.Input].Here
		if !n.Reduces() && !n.In[r.Input].Here.Has(batch.Train) {
			continue // leaks says it better
		}
		if !n.Reduces() {
			gone &^= batch.TrainRows // leaks says it better
		}
		switch {
		case gone != 0:
			place, line := m.optionOf(n.Step, first(gone).String())
			m.noPart(n, gone, n.In[r.Input].Here, "reads", place, line)
		case n.Reduces() && r.Parts.Has(batch.Train):
			if f := crossFitted(n.In[0]); f != nil {
				place, line := m.optionOf(n.Step, batch.Train.String())
				m.report(diag.New(diag.NoPart, diag.At{}, "%s reads train rows, to which %s gave what it learnt from others of them: the bundle would score them otherwise", n.name(), f.name()).
					WithHelp("measure on valid or test rows"), place, line)
				m.bad[n] = true
			}
		}
	}
}

// noPart reports the first of some parts that are not there.
func (m *maker) noPart(n *Node, gone, here batch.Parts, what string, place diag.Place, line string) {
	m.report(diag.New(diag.NoPart, diag.At{}, "%s %s %s rows, and there are none: no split above it makes them", n.name(), what, first(gone)).
		WithHelp("%s", partsHelp(here)), place, line)
	m.bad[n] = true
}

// first is the first of some parts.
func first(p batch.Parts) batch.Part {
	for i := range batch.PartNames {
		if p.Has(batch.Part(i)) {
			return batch.Part(i)
		}
	}
	panic("plan: no part")
}

// crossFitted is a fold scope that train rows have gone through on their way to n; nil where there is none.
func crossFitted(n *Node) *Node {
	seen := map[*Node]bool{}
	var find func(*Node) *Node
	find = func(n *Node) *Node {
		if n.Folds != nil {
			return n
		}
		if seen[n] || n.Ends() {
			return nil
		}
		seen[n] = true
		for i, in := range n.In {
			if i == 0 || n.Out.Zip {
				if f := find(in); f != nil {
					return f
				}
			}
		}
		return nil
	}
	return find(n)
}

// optionOf is the place of the option of a step whose value is the text given; of the operator where none is.
func (m *maker) optionOf(s *dags.Step, text string) (diag.Place, string) {
	if s == nil {
		return diag.Place{}, ""
	}
	if n := findScalar(s.Options, text); n != nil {
		return n.Place, n.Line
	}
	return s.Place, s.Line
}

func findScalar(n *param.Node, text string) *param.Node {
	if n == nil {
		return nil
	}
	if n.Kind == param.Scalar && n.Text == text {
		return n
	}
	for _, i := range n.Items {
		if f := findScalar(i, text); f != nil {
			return f
		}
	}
	return nil
}

func findKey(n *param.Node, text string) *param.Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Keys {
		if k.Text == text {
			return k
		}
	}
	for _, i := range n.Items {
		if f := findKey(i, text); f != nil {
			return f
		}
	}
	return nil
}

// leaks finds fits that learn from rows that they must not see.
func (m *maker) leaks() {
	told := map[*dags.Step]bool{}
	for _, n := range m.Nodes {
		if n.Op == nil || !n.Learns() || m.bad[n] || n.Out.Reads.Exempt || len(n.Out.Reads.Cols) == 0 || told[n.Step] {
			continue
		}
		if d, ok := m.leak(n, n.In[n.Out.Reads.Input]); ok {
			told[n.Step] = true
			m.bad[n] = true
			place, line := diag.Place{}, ""
			if n.Step != nil {
				place, line = n.Step.Place, n.Step.Line
			}
			m.report(d, place, line)
		}
	}
}

func (m *maker) leak(n, from *Node) (diag.Diagnostic, bool) {
	if !from.Here.Has(batch.Train) && n.Out.Reads.Input == 0 && !m.dirty(from) {
		return diag.New(diag.Leak, diag.At{}, "%s learns from rows that are kept for testing: %s", n.name(), from.name()).
			WithHelp("fit on train rows; the fit is applied to all parts"), true
	}
	may := batch.TrainRows
	if n.Out.Model != nil {
		may |= batch.ValidRows // to stop and to choose by
	}
	if held := n.Out.Reads.Parts & from.Here &^ may; held != 0 && !m.dirty(from) {
		return diag.New(diag.Leak, diag.At{}, "%s learns from %s rows of %s", n.name(), partNames(held), from.name()).
			WithHelp("let it read the train part alone: %s.train", splitName(from)), true
	}
	rows := ancestors(from, true)
	for _, a := range m.Nodes { // through a break, rows of held-out parts become train rows
		if !rows[a] || !a.Relational() || a.Out.Class != operators.Break || a.Out.Splits {
			continue
		}
		for _, in := range a.In {
			if held := in.Here &^ batch.TrainRows; held != 0 && !m.dirty(in) {
				return diag.New(diag.Leak, diag.At{}, "%s learns from %s, which is made of %s rows too", n.name(), a.name(), partNames(held)).
					WithHelp("make it from the train part alone: from: %s.train", splitName(in)), true
			}
		}
	}
	above := ancestors(from, false)
	for _, s := range m.Nodes {
		if !s.Out.Splits || above[s] || !m.parted(above, s) || !m.meet(n, s) {
			continue
		}
		return diag.New(diag.Leak, diag.At{}, "%s learns from rows that %s sends to other parts only later", n.name(), s.name()).
			WithHelp("put it behind the split: it then learns from the train part and is applied to all"), true
	}
	return diag.Diagnostic{}, false
}

// partNames are the names of parts, as a sentence has them.
func partNames(p batch.Parts) string {
	var s []string
	for i, name := range batch.PartNames {
		if p.Has(batch.Part(i)) {
			s = append(s, name)
		}
	}
	return strings.Join(s, " and ")
}

// splitName is what a reference calls the nearest split that n's rows come from.
func splitName(n *Node) string {
	for a := n; ; a = a.In[0] {
		if a.Out.Splits && a.Step != nil {
			return a.Step.Name
		}
		if len(a.In) == 0 {
			return "split"
		}
	}
}

// parted says whether split s sends rows of a source that is among above to another part than train.
func (m *maker) parted(above map[*Node]bool, s *Node) bool {
	var to rel.Union // the parts of each input, where they are known
	if r, ok := s.Op.(operators.Rel); ok && !m.bad[s] {
		in := make([]rel.Node, len(s.In))
		for i := range in {
			in[i] = rel.In{I: i}
		}
		to, _ = r.Lower(s.Site, in).(rel.Union)
	}
	for i, in := range s.In {
		if i < len(to.Parts) && to.Parts[i] == batch.Train && to.ValidShare == 0 {
			continue
		}
		for a := range ancestors(in, true) {
			if a.Source != nil && above[a] {
				return true
			}
		}
	}
	return false
}

// meet says whether something is made of both nodes.
func (m *maker) meet(a, b *Node) bool {
	type below struct{ a, b bool }
	of := make([]below, len(m.Nodes))
	for i, n := range m.Nodes {
		x := below{n == a, n == b}
		add := func(in *Node) { x.a, x.b = x.a || of[in.index].a, x.b || of[in.index].b }
		for _, in := range n.In {
			add(in)
		}
		if n.Folds != nil {
			for _, alt := range n.Folds.Alts {
				add(alt)
			}
		}
		if of[i] = x; x.a && x.b {
			return true
		}
	}
	return false
}

// column is a column of a source.
type column struct{ source, name string }

// lineage is what one value of a column is computed from.
type lineage struct {
	from map[column]bool // true: of its values; false: only of which rows are grouped for it
	bad  bool            // some of it goes through a step that is reported already
}

func (l *lineage) add(o *lineage, values bool) {
	for c, v := range o.from {
		l.from[c] = l.from[c] || v && values
	}
	l.bad = l.bad || o.bad
}

// sorted are the columns in order.
func (l *lineage) sorted() []column {
	return slices.SortedFunc(maps.Keys(l.from), func(a, b column) int {
		return cmp.Or(strings.Compare(a.source, b.source), strings.Compare(a.name, b.name))
	})
}

// lineages walks columns back to sources. It remembers what it found, by node and name.
type lineages struct {
	bad  map[*Node]bool
	memo map[*Node]map[string]*lineage
}

func (w *lineages) of(n *Node, name string) *lineage {
	if l := w.memo[n][name]; l != nil {
		return l
	}
	if w.memo[n] == nil {
		w.memo[n] = map[string]*lineage{}
	}
	l := w.find(n, name)
	w.memo[n][name] = l
	return l
}

func (w *lineages) find(n *Node, name string) *lineage {
	if n.Folds != nil {
		return w.of(n.Folds.Alts[n.Folds.K], name)
	}
	i, from, passes := n.Passes(name)
	if passes && !n.Stacked() {
		return w.of(n.In[i], from)
	}
	l := &lineage{from: map[column]bool{}}
	switch {
	case n.Source != nil:
		l.from[column{n.ID, name}] = true
	case passes:
		for _, in := range n.In {
			l.add(w.of(in, from), true)
		}
	default:
		l.bad = w.bad[n]
		for _, d := range n.Out.Made {
			if d.Name != name {
				continue
			}
			for _, c := range d.Apply {
				l.add(w.of(n.In[0], c), c == name || !n.groupsBy(c))
			}
		}
		for i, in := range n.In[min(1, len(n.In)):] {
			for _, c := range n.beside(name, i+1) {
				l.add(w.of(in, c), true)
			}
		}
	}
	return l
}

// groupsBy says whether a node whose rows are groups has a column of their keys by that name.
func (n *Node) groupsBy(name string) bool {
	return n.Out.Class == operators.Break && slices.ContainsFunc(n.Out.Made, func(d operators.Made) bool {
		return d.Name == name && len(d.Apply) == 1 && d.Apply[0] == name
	})
}

// beside are the columns of input i, which is not the one that rows come from, that a made column is computed from: what is read for
// it alone. Values of a joined table are looked up in what a fit learnt by heart, so that they are no less a feed than its rows.
func (n *Node) beside(name string, i int) []string {
	if n.Op == nil {
		return nil
	}
	out, _ := n.Op.Narrow(n.Site, []string{name}).Check(n.Site)
	switch {
	case out.Reads.Input == i:
		return out.Reads.Cols
	case n.Relational() && i < len(out.Needs):
		return out.Needs[i]
	}
	return nil
}

// knownAt is the index of the moment at which a source's column is known; -1 where it is not said.
func (m *maker) knownAt(c column) int {
	for _, d := range m.Pipeline.Source(c.source).Columns {
		if d.Name == c.name && d.KnownAt != "" {
			return slices.Index(m.Pipeline.Task.Moments, d.KnownAt)
		}
	}
	return -1
}

// latest is the column that is known last, and when: an index of task.moments. unsaid are those of which it is not said.
func (m *maker) latest(l *lineage) (last column, at int, unsaid []column) {
	at = -1
	for _, c := range l.sorted() {
		k := m.knownAt(c)
		if k < 0 {
			unsaid = append(unsaid, c)
		}
		if k > at {
			last, at = c, k
		}
	}
	return last, at, unsaid
}

// models checks the features of every model step: moments, and the label's ancestors.
func (m *maker) models() {
	t := m.Pipeline.Task
	if t == nil {
		return
	}
	// What a model makes of a feature that was refused is not refused again.
	walk := &lineages{bad: maps.Clone(m.bad), memo: map[*Node]map[string]*lineage{}}
	told := map[*dags.Step]bool{}
	said := map[string]bool{} // a feature at a place, by whichever model
	unsaid := map[column]bool{}
	predict := slices.Index(t.Moments, t.PredictAt)
	m.allowed()
	for _, n := range m.Nodes {
		if n.Out.Model == nil || n.Folds != nil || n.Op == nil || m.bad[n] || told[n.Step] {
			continue
		}
		told[n.Step] = true
		if m.mayDrop(n.In[0]) || t.Bad || t.Label != "" && !n.In[0].Sch.Has(t.Label) {
			continue
		}
		label := &lineage{}
		if t.Label != "" && n.In[0].Sch.Has(t.Label) {
			label = walk.of(n.In[0], t.Label)
		}
		for _, f := range n.Out.Model.Features {
			l := walk.of(n.In[0], f)
			if l.bad {
				continue
			}
			refuse := func(d diag.Diagnostic) {
				walk.bad[n] = true
				place, line := m.featurePlace(n, f)
				if key := fmt.Sprint(place, f); !said[key] {
					said[key] = true
					m.report(d, place, line)
				}
			}
			last, at, open := m.latest(l)
			if predict >= 0 && at > predict {
				refuse(diag.New(diag.LeakMoment, diag.At{}, "feature %q of %s is known at %q, but predict_at is %q", f, n.name(), t.Moments[at], t.PredictAt).
					WithHelp("it comes from column %q; leave it out with clean.drop, or say when it is really known", last.name))
				continue
			}
			if c := m.fromLabel(l, label); c != "" {
				refuse(diag.New(diag.LeakLabel, diag.At{}, "feature %q of %s is made from %q, and so is the label %q", f, n.name(), c, t.Label).
					WithHelp("leave it out, or write task.allow: [%s] if it is known when the prediction is made", c))
				continue
			}
			for _, c := range open {
				if predict < 0 || unsaid[c] {
					continue
				}
				unsaid[c] = true
				place, line := m.featurePlace(n, f)
				m.report(diag.New(diag.UnknownMoment, diag.At{}, "feature %q of %s: it is not said when column %q is known", f, n.name(), c.name).
					WithHelp("add known_at to the column of source %q", c.source), place, line)
			}
		}
	}
}

// allowed checks that what task.allow names is there.
func (m *maker) allowed() {
	var names []string
	for _, n := range m.Nodes {
		if n.Source != nil {
			if n.Sch.Open {
				return
			}
			names = append(names, n.Sch.Names()...)
		}
	}
	for i, c := range m.Pipeline.Task.Allow {
		if !has(names, c) {
			place, line := m.Pipeline.Task.Node.Resolve(diag.Option("allow", strconv.Itoa(i)))
			m.report(diag.New(diag.NoColumn, diag.At{}, "task.allow: no source has a column %q", c).
				WithHelp("%s", diag.DidYouMean(c, "columns", names)), place, line)
		}
	}
}

// mayDrop says whether a mistaken step above could have been about dropping columns.
func (m *maker) mayDrop(n *Node) bool {
	for a := range ancestors(n, true) {
		if m.bad[a] && a.Source == nil && (a.Op == nil && a.Folds == nil || a.Out.Only != nil) {
			return true
		}
	}
	return false
}

// fromLabel is a source column that both come from, unless it is allowed.
func (m *maker) fromLabel(l, label *lineage) string {
	for _, c := range l.sorted() {
		if l.from[c] && label.from[c] && !has(m.Pipeline.Task.Allow, c.name) {
			return c.name
		}
	}
	return ""
}

// featurePlace is where the file last names a feature on its way to the model: an option of a step above it, else the model.
func (m *maker) featurePlace(n *Node, feature string) (diag.Place, string) {
	name := feature
	for a := n.In[0]; ; {
		if a.Step != nil && a.Step.Options != nil && a.Op != nil {
			for _, find := range []func(*param.Node, string) *param.Node{findScalar, findKey} {
				if s := find(a.Step.Options, name); s != nil {
					return s.Place, s.Line
				}
			}
		}
		i, from, ok := a.Passes(name)
		if !ok || len(a.In) == 0 {
			break
		}
		a, name = a.In[i], from
	}
	if n.Step != nil {
		return n.Step.Place, n.Step.Line
	}
	return diag.Place{}, ""
}
