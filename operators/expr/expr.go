// Package expr is the expression language: what a filter, a derived column, a gate and a ${{ … }} are written in.
//
// Syntax and tree are expr-lang's; types, nulls and the lowering to a program are defined here.
//
//   - Integers compute as int64 and overflow is an error of the row; / gives float64, div and % are for integers, ** gives float64.
//   - A decimal computes as float64; compared with a literal, or a decimal of the same scale, it is exact.
//   - x == nil and x != nil are never null; and, or, not are Kleene's; ?? and ?: look at what they ask about first; a null in any
//     other place makes a null. A NaN is a value: no comparison with it is true but !=.
//   - The right of `and` and `or`, the branches of ?: and the right of ?? raise no error where the left or the condition leaves
//     them out.
//   - A literal text compared with a date or timestamp is read as one when the expression is checked.
package expr

import (
	"fmt"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// Limits of an expression's source.
const (
	BytesMax = 64 << 10 // length
	DepthMax = 256      // nesting; a chain of operators such as a or b or c is one level
	NodesMax = 10000    // nodes of its tree
)

// Source is an option that holds an expression.
type Source string

// DecodeParam takes a scalar; what it says is checked when the columns are known.
func (s *Source) DecodeParam(n *param.Node) diag.List {
	if n.Kind != param.Scalar || n.Text == "" {
		return diag.List{diag.New(diag.OptionType, diag.At{}, "an expression is asked for, not %s", n.Kind).
			WithHelp("write it in quotes: %q", "delay != nil and delay > 15")}
	}
	*s = Source(n.Text)
	return nil
}

// ParamType names the type in the reference.
func (Source) ParamType() string { return "expression" }

// ParamDoc says what may be written.
func (Source) ParamDoc() string {
	return "An [expression](expressions.md), in quotes: `\"delay != nil and delay > 15\"`."
}

// ParamSchema is its JSON Schema: YAML may have read a number or a truth value.
func (Source) ParamSchema() map[string]any {
	return map[string]any{"type": []any{"string", "number", "boolean"}}
}

// Typed is an expression that was checked against a schema.
type Typed struct {
	Type     batch.Type // Unknown after an error, or where it depends on a column of unknown type
	Nullable bool
	Columns  []string // used, sorted
	// NotNil are the columns, sorted, that cannot be null in a row for which the expression is true: c of a conjunct c != nil, and
	// of any other that could not be true of a null c, such as c > 3.
	NotNil []string

	nodes []program.ExprNode // col: I is an index into cols; the last is the result
	cols  []operators.Field
}

// Check parses and types an expression over the columns of a schema. at is the option that holds it; findings point to the
// characters that they are about. The result is never nil: after an error its type is Unknown.
func Check(src string, in operators.Schema, at diag.At) (*Typed, diag.List) {
	c := newChecker(src, at)
	c.schema = &in
	return c.check()
}

// check runs the checker and makes the outcome.
func (c *checker) check() (*Typed, diag.List) {
	root := c.parse()
	if root == nil {
		return &Typed{Nullable: true}, c.list
	}
	v := c.expr(root)
	switch {
	case v.isNil:
		c.fail(diag.ExprType, root, "the expression is nil: it has no type")
		v = unknown
	case c.list.Failed() || v.node < 0:
		v = unknown
	}
	t := &Typed{Type: v.typ, Nullable: v.nullable || v.node < 0}
	if v.node < 0 {
		t.Columns = sortedNames(c.cols)
		return t, c.list
	}
	t.nodes, t.cols = c.b.reachable(v.node, c.cols)
	t.Columns = sortedNames(t.cols)
	if err := t.trial(); err != nil {
		c.list.Add(diag.New(diag.ExprCost, c.at, "the expression is too costly: %v", err))
		return &Typed{Nullable: true, Columns: t.Columns}, c.list
	}
	if t.Type != boolType {
		return t, c.list
	}
	for _, i := range newFacts(t.nodes).when(len(t.nodes)-1, true) {
		t.NotNil = append(t.NotNil, t.cols[i].Name)
	}
	slices.Sort(t.NotNil)
	return t, c.list
}

// trial sets the program up once, so that what is too much for it (patterns that are too big together) is a finding.
func (t *Typed) trial() error {
	types := make([]batch.Type, len(t.cols))
	for i, f := range t.cols {
		types[i] = f.Type
	}
	return (&program.Expr{Nodes: slices.Clone(t.nodes)}).Init(types, []batch.Type{t.Type})
}

func sortedNames(f []operators.Field) []string {
	n := operators.FieldNames(f)
	slices.Sort(n)
	return n
}

// Gives says whether Program can give the result as a column of another type: a number as another number, a time in another unit.
func (t *Typed) Gives(want batch.Type) bool {
	a, b := t.Type, want
	switch {
	case a.Kind == batch.Unknown:
		return false
	case a == b:
		return true
	case a.Numeric() && (b.Float() || b.Integer() && a.Integer()):
		return true
	case a.Kind == batch.Timestamp && b.Kind == batch.Timestamp:
		return a.Zone == b.Zone
	}
	return false
}

// Program makes the graph of one node that computes the expression. Its inputs are named by the columns, its output out, of type
// want, or of the expression's own where want is Unknown. A result that want cannot hold (an int32 that overflows) is an error of
// the row. It panics where Gives says no.
func (t *Typed) Program(out string, want batch.Type) program.Graph {
	if want.Kind == batch.Unknown {
		want = t.Type
	}
	if !t.Gives(want) {
		panic(fmt.Sprintf("expr: a program that gives %s from %s", want, t.Type))
	}
	b := builder{nodes: slices.Clone(t.nodes)}
	root := len(b.nodes) - 1
	step := func(op string, typ batch.Type) {
		b.nodes = append(b.nodes, program.ExprNode{Op: op, Type: typ, Args: []int{root}})
		root++
	}
	if t.Type != want {
		switch {
		case want.Kind == batch.Int64:
			step("to_int", want)
		case want.Kind == batch.Int32:
			step("to_int32", want)
		case want.Kind == batch.Timestamp:
			step("to_unit", want)
		default:
			if t.Type.Kind != batch.Float64 {
				step("to_float", batch.T(batch.Float64))
			}
			if want.Kind == batch.Float32 {
				step("to_float32", want)
			}
		}
	}
	ins := make([]program.Named, len(t.cols))
	for i, f := range t.cols {
		ins[i] = program.Named{Name: f.Name, Type: f.Type}
	}
	return program.One(&program.Expr{Nodes: b.nodes}, ins, []program.Named{{Name: out, Type: want}})
}
