// Package exprs builds expression nodes by hand, for operators whose expressions nobody wrote.
package exprs

import (
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// Expr is an expression under construction: a list of nodes, each told by its number. The last one made is the result.
type Expr struct {
	nodes []program.ExprNode
	in    []program.Named
}

func (e *Expr) add(n program.ExprNode) int {
	e.nodes = append(e.nodes, n)
	return len(e.nodes) - 1
}

// Col is a column of the input.
func (e *Expr) Col(name string, t batch.Type) int {
	i := slices.Index(e.in, program.Named{Name: name, Type: t})
	if i < 0 {
		i, e.in = len(e.in), append(e.in, program.Named{Name: name, Type: t})
	}
	return e.add(program.ExprNode{Op: "col", Type: t, I: int64(i)})
}

// Int is a constant of an integer or temporal type.
func (e *Expr) Int(t batch.Type, v int64) int {
	return e.add(program.ExprNode{Op: "int", Type: t, I: v})
}

// Bool is a constant.
func (e *Expr) Bool(v bool) int {
	n := program.ExprNode{Op: "bool", Type: batch.T(batch.Bool)}
	if v {
		n.I = 1
	}
	return e.add(n)
}

// Float is a constant of a float type.
func (e *Expr) Float(t batch.Type, v float64) int {
	return e.add(program.ExprNode{Op: "float", Type: t, F: v})
}

// Text is a constant of a text type.
func (e *Expr) Text(t batch.Type, v string) int {
	return e.add(program.ExprNode{Op: "text", Type: t, S: v})
}

// Null is a null of a type.
func (e *Expr) Null(t batch.Type) int { return e.add(program.ExprNode{Op: "null", Type: t}) }

// Op is an operation on nodes.
func (e *Expr) Op(op string, t batch.Type, args ...int) int {
	return e.add(program.ExprNode{Op: op, Type: t, Args: args})
}

// InZone is a zoned time as the clocks of its zone show it, of a type without a zone.
func (e *Expr) InZone(t batch.Type, zone string, x int) int {
	return e.add(program.ExprNode{Op: "in_zone", Type: t, Args: []int{x}, S: zone})
}

// Missing says whether a column is null, or NaN where it is of floats.
func (e *Expr) Missing(name string, t batch.Type) int {
	b := batch.T(batch.Bool)
	x := e.Col(name, t)
	null := e.Op("is_null", b, x)
	if !t.Float() {
		return null
	}
	// not (x == x) is null where x is, and or hides that behind a true left side
	return e.Op("or", b, null, e.Op("not", b, e.Op("eq", b, x, x)))
}

// Graph is the program that puts the result into a column.
func (e *Expr) Graph(out string) program.Graph {
	t := e.nodes[len(e.nodes)-1].Type
	return program.One(&program.Expr{Nodes: e.nodes}, e.in, []program.Named{{Name: out, Type: t}})
}

// Beside runs programs on the same inputs; of none it is empty.
func Beside(gs ...program.Graph) program.Graph {
	var g program.Graph
	for i, h := range gs {
		if i == 0 {
			g = h
		} else {
			g = g.Beside(h)
		}
	}
	return g
}
