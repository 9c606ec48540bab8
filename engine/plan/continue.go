package plan

import (
	"fmt"
	"strings"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// looked is what came of looking for a published model.
type looked struct {
	model *operators.Published
	err   error
}

// published finds a model for steps that go on from one: each is looked for once, so that the fit goes on from the one that was
// checked, whatever is published meanwhile.
func (m *maker) published(ref string) (*operators.Published, error) {
	l, ok := m.looked[ref]
	if !ok {
		l.model, l.err = m.opt.Published(ref)
		m.looked[ref] = l
	}
	return l.model, l.err
}

// continued warns of features that are fitted again under a model whose trees stay: they know them as they were fitted before.
func (m *maker) continued() {
	told := map[*dags.Step]bool{}
	for _, n := range m.Nodes {
		if n.Out.Model == nil || n.Out.Model.Before == nil || n.Step == nil || told[n.Step] || m.dirty(n) {
			continue
		}
		told[n.Step] = true
		by := map[*dags.Step][]string{}
		var steps []*dags.Step
		for _, f := range n.Out.Model.Features {
			from := fitted(n.In[0], f)
			if from == nil || from.Step == nil {
				continue
			}
			if by[from.Step] == nil {
				steps = append(steps, from.Step)
			}
			by[from.Step] = append(by[from.Step], f)
		}
		for _, s := range steps {
			m.report(diag.New(diag.FittedAgain, diag.At{}, "%s goes on from %s, and step %q is fitted again: %s", n.name(), n.Out.Model.Before, s.ID, quoted(by[s])).
				WithHelp("trees that stay know values as they were: rates and scales move little, codes by rank come to mean other things. Strings need no encoding"),
				n.Step.Place, n.Step.Line)
		}
	}
}

// Before are the models that steps go on from: each name and version with the model's hash.
func (p *Plan) Before() map[string]string {
	out := map[string]string{}
	for _, n := range p.Nodes {
		if n.Out.Model != nil && n.Out.Model.Before != nil {
			b := n.Out.Model.Before
			out[fmt.Sprintf("models://%s@%d", b.Name, b.Version)] = b.Hash
		}
	}
	return out
}

// Starts are, of each step that was to go on from a published model, from which it did, or why it began anew.
func (p *Plan) Starts() (out []operators.Fact) {
	for _, n := range p.Nodes {
		if n.Notes.Start != "" && len(n.Nots) == 0 {
			out = append(out, operators.Fact{Name: n.Label(), Text: n.Notes.Start})
		}
	}
	return out
}

// quoted are names, as a sentence has them.
func quoted(names []string) string {
	return `"` + strings.Join(names, `", "`) + `"`
}

// fitted is the node that makes a column, or what it is made of, by what it has learnt from rows of its own input; nil where none does.
func fitted(n *Node, name string) *Node {
	for !n.Base() {
		if n.Folds != nil {
			n = n.Folds.Alts[n.Folds.K]
			continue
		}
		if j, from, ok := n.Passes(name); ok {
			n, name = n.In[j], from
			continue
		}
		if r := n.Out.Reads; n.Learns() && r.Input == 0 && len(r.Cols) > 0 {
			return n
		}
		for _, d := range n.Out.Made {
			if d.Name != name {
				continue
			}
			for _, c := range d.Apply {
				if f := fitted(n.In[0], c); f != nil {
					return f
				}
			}
		}
		return nil
	}
	return nil
}
