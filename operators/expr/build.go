package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/program"
)

// constBytesMax bounds the texts that constant folding may leave in a program.
const constBytesMax = 1 << 20

// builder collects the nodes of a program. A node that is there already is not made again, so that what is said twice is computed
// once; one whose arguments are constants is computed at once.
type builder struct {
	nodes []program.ExprNode
	index map[string]int
	text  int
}

// add gives the index of a node, or says why a constant one fails.
func (b *builder) add(nd program.ExprNode) (int, error) {
	if len(nd.Args) > 0 && b.allConst(nd.Args) {
		c, err := b.fold(nd)
		if err != nil {
			return -1, err
		}
		nd = c
	}
	k := key(&nd)
	if i, ok := b.index[k]; ok {
		return i, nil
	}
	if b.text += len(nd.S); b.text > constBytesMax {
		return -1, fmt.Errorf("the constant texts have more than %d bytes", constBytesMax)
	}
	b.nodes = append(b.nodes, nd)
	b.index[k] = len(b.nodes) - 1
	return len(b.nodes) - 1, nil
}

func key(nd *program.ExprNode) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %v %v %d %x %q", nd.Op, nd.Type, nd.Args, nd.I, nd.F, nd.S)
	if nd.Op == "in" {
		fmt.Fprintf(&s, " %v %x %q", nd.Ints, nd.Floats, nd.Strings)
	}
	return s.String()
}

func (b *builder) isConst(i int) bool {
	switch b.nodes[i].Op {
	case "bool", "int", "float", "text", "null":
		return true
	}
	return false
}

func (b *builder) allConst(args []int) bool {
	return !slices.ContainsFunc(args, func(a int) bool { return !b.isConst(a) })
}

// fold computes a node of constants.
func (b *builder) fold(nd program.ExprNode) (program.ExprNode, error) {
	var nodes []program.ExprNode
	for _, a := range nd.Args {
		nodes = append(nodes, b.nodes[a])
	}
	t := nd
	t.Args = nil
	for i := range nd.Args {
		t.Args = append(t.Args, i)
	}
	i, f, s, null, err := program.EvalExpr(append(nodes, t))
	if err != nil {
		return nd, err
	}
	c := program.ExprNode{Op: "null", Type: nd.Type}
	if null {
		return c, nil
	}
	switch {
	case nd.Type.Text():
		c.Op, c.S = "text", strings.Clone(s)
	case nd.Type.Float():
		c.Op, c.F = "float", f
	case nd.Type.Kind == boolType.Kind:
		c.Op, c.I = "bool", i
	default:
		c.Op, c.I = "int", i
	}
	return c, nil
}

// reachable gives what node root needs, in order, root last; columns are numbered anew, by name.
func (b *builder) reachable(root int, cols []operators.Field) ([]program.ExprNode, []operators.Field) {
	need := make([]bool, root+1)
	need[root] = true
	var used []operators.Field
	for i := root; i >= 0; i-- {
		if !need[i] {
			continue
		}
		for _, a := range b.nodes[i].Args {
			need[a] = true
		}
		if b.nodes[i].Op == "col" {
			used = append(used, cols[b.nodes[i].I])
		}
	}
	slices.SortFunc(used, func(x, y operators.Field) int { return strings.Compare(x.Name, y.Name) })
	var out []program.ExprNode
	at := make([]int, root+1)
	for i, ok := range need {
		if !ok {
			continue
		}
		nd := b.nodes[i]
		nd.Args = slices.Clone(nd.Args)
		for j, a := range nd.Args {
			nd.Args[j] = at[a]
		}
		if nd.Op == "col" {
			name := cols[nd.I].Name
			nd.I = int64(slices.IndexFunc(used, func(f operators.Field) bool { return f.Name == name }))
		}
		at[i] = len(out)
		out = append(out, nd)
	}
	return out, used
}

// facts says which columns cannot be null, from what a node is. Sets are sorted column numbers, cut at factsMax: what is missing
// is only not known.
type facts struct {
	nodes []program.ExprNode
	memo  [3][]([]int)
	done  [3][]bool
}

const factsMax = 256

func newFacts(nodes []program.ExprNode) *facts { return &facts{nodes: nodes} }

const (
	whenFalse = iota
	whenTrue
	whenPresent
)

// when gives the columns that are not null where a Bool node is v.
func (f *facts) when(k int, v bool) []int {
	if v {
		return f.of(k, whenTrue)
	}
	return f.of(k, whenFalse)
}

func (f *facts) of(k, mode int) []int {
	for m := range f.done {
		for len(f.done[m]) < len(f.nodes) {
			f.done[m] = append(f.done[m], false)
			f.memo[m] = append(f.memo[m], nil)
		}
	}
	if !f.done[mode][k] {
		f.memo[mode][k], f.done[mode][k] = f.find(k, mode), true
	}
	return f.memo[mode][k]
}

func (f *facts) find(k, mode int) []int {
	nd := &f.nodes[k]
	switch nd.Op {
	case "col":
		return []int{int(nd.I)}
	case "is_null", "not_null":
		if mode == whenPresent || (nd.Op == "not_null") != (mode == whenTrue) {
			return nil
		}
		return f.of(nd.Args[0], whenPresent)
	case "not":
		if mode == whenPresent {
			return f.of(nd.Args[0], mode)
		}
		return f.of(nd.Args[0], whenTrue+whenFalse-mode)
	case "and", "or":
		a, b := f.of(nd.Args[0], mode), f.of(nd.Args[1], mode)
		if mode == whenPresent {
			return meet(a, b) // false and null is not null
		}
		if (nd.Op == "and") == (mode == whenTrue) {
			return join(a, b)
		}
		return meet(a, b)
	case "coalesce":
		return meet(f.of(nd.Args[0], mode), f.of(nd.Args[1], mode))
	case "select":
		return join(f.of(nd.Args[0], whenPresent), meet(f.of(nd.Args[1], mode), f.of(nd.Args[2], mode)))
	}
	var s []int
	for _, a := range nd.Args {
		s = join(s, f.of(a, whenPresent))
	}
	return s
}

func join(a, b []int) []int {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	s := slices.Concat(a, b)
	slices.Sort(s)
	s = slices.Compact(s)
	return s[:min(len(s), factsMax)]
}

func meet(a, b []int) []int {
	var s []int
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); ok {
			s = append(s, x)
		}
	}
	return s
}
