package exec

import (
	"slices"

	"github.com/headrace/headrace/engine/plan"
)

// Stages are the fits and tables of a plan in the order in which Fit makes them, without reading a row. Fits that are ready and start
// from one base share a stage, which is a scan; a table, or a fit that needs no rows, has its own. What can never become ready is left
// out.
func Stages(p *plan.Plan) (out [][]*plan.Node) {
	s := stages{}
	for {
		todo := s.next(p.Nodes)
		if todo == nil {
			return out
		}
		out = append(out, todo)
		for _, n := range todo {
			s[n] = true
		}
	}
}

// stages are the fits and tables that are made.
type stages map[*plan.Node]bool

// made says whether a node is a fit or a table that something asks for.
func made(n *plan.Node) bool { return n.Live && n.Op != nil && (n.Learns() || alone(n)) }

// alone says whether a node has a stage of its own.
func alone(n *plan.Node) bool { return n.Relational() || n.Sifts() }

func (s stages) next(nodes []*plan.Node) (todo []*plan.Node) {
	for _, n := range nodes {
		if !made(n) || s[n] || !s.ready(n) {
			continue
		}
		if alone(n) || blind(n) {
			if todo == nil {
				return []*plan.Node{n}
			}
			continue
		}
		if todo == nil || readBase(todo[0]) == readBase(n) {
			todo = append(todo, n)
		}
	}
	return todo
}

// blind says whether a fit needs no rows.
func blind(n *plan.Node) bool { return n.Learns() && len(n.Out.Reads.Cols) == 0 }

// Base is where a node's rows begin.
func Base(n *plan.Node) *plan.Node {
	for !n.Base() {
		n = n.In[0]
	}
	return n
}

// readBase is where the rows that a fit reads begin.
func readBase(n *plan.Node) *plan.Node { return Base(n.In[n.Out.Reads.Input]) }

// ready says whether the rows and columns that a fit or a table reads can be made.
func (s stages) ready(n *plan.Node) bool {
	if n.Relational() {
		for i, in := range n.In {
			if !s.reaches(in, relColumns(n, i)) {
				return false
			}
		}
		return true
	}
	if n.Sifts() {
		return s.reaches(n.In[0], n.Out.Needs[0])
	}
	r := n.Out.Reads
	return len(r.Cols) == 0 || s.reaches(n.In[r.Input], r.Cols)
}

// reaches walks (node, column) back to the base: every fit on the way must be done. Fits that make other columns are no matter.
func (s stages) reaches(n *plan.Node, cols []string) bool {
	switch {
	case n.Source != nil:
		return true
	case n.Relational():
		return s[n]
	case n.Folds != nil:
		var made, pass []string
		for _, c := range cols {
			if _, from, ok := n.Passes(c); ok {
				pass = append(pass, from)
			} else {
				made = append(made, c)
			}
		}
		if len(made) > 0 || n.Effect() {
			for _, a := range n.Folds.Alts {
				if !s.reaches(a, made) {
					return false
				}
			}
		}
		return s.reaches(n.In[0], pass)
	}
	need := map[*plan.Node][]string{n.In[0]: nil}
	uses := n.Effect() && n.Pick == 0
	for _, c := range cols {
		if i, from, ok := n.Passes(c); ok {
			need[n.In[i]] = append(need[n.In[i]], from)
			continue
		}
		uses = true
		for _, d := range n.Out.Made {
			if d.Name == c {
				need[n.In[0]] = append(need[n.In[0]], d.Apply...)
			}
		}
	}
	if uses && !n.Fitted() && !s[n] {
		return false
	}
	if n.Effect() && len(n.Out.Needs) > 0 {
		need[n.In[0]] = append(need[n.In[0]], n.Out.Needs[0]...)
	}
	for in, c := range need {
		if !s.reaches(in, c) {
			return false
		}
	}
	return true
}

// relColumns are the columns of input i that a relational node needs: what it reads itself, and what passes through it.
func relColumns(n *plan.Node, i int) []string {
	var cols []string
	add := func(c string) {
		if !slices.Contains(cols, c) {
			cols = append(cols, c)
		}
	}
	if i < len(n.Out.Needs) {
		for _, c := range n.Out.Needs[i] {
			add(c)
		}
	}
	for _, c := range n.Wanted {
		if j, from, ok := n.Passes(c); ok && (j == i || n.Stacked()) {
			add(from)
		} else if n.Carries(c) && (i == 0 || n.Stacked()) {
			add(c)
		}
	}
	slices.Sort(cols)
	return cols
}
