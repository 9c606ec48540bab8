package expr

import (
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// ConstKind is the type of a Const.
type ConstKind uint8

// The kinds.
const (
	Text ConstKind = iota
	Int
	Float
	Bool
)

func (k ConstKind) String() string { return [...]string{"text", "integer", "float", "truth value"}[k] }

// Const is a value that is known before any row is read: a parameter, run.date.
type Const struct {
	Kind ConstKind
	I    int64
	F    float64
	S    string
	B    bool
}

// ConstText is a text.
func ConstText(s string) Const { return Const{Kind: Text, S: s} }

// ConstInt is an integer.
func ConstInt(i int64) Const { return Const{Kind: Int, I: i} }

// ConstFloat is a float.
func ConstFloat(f float64) Const { return Const{Kind: Float, F: f} }

// ConstBool is a truth value.
func ConstBool(b bool) Const { return Const{Kind: Bool, B: b} }

// Text is the constant as a scalar of a DAG file says it: the field that it goes to decides what it means.
func (c Const) Text() string {
	switch c.Kind {
	case Int:
		return strconv.FormatInt(c.I, 10)
	case Bool:
		return strconv.FormatBool(c.B)
	case Float:
		// as string() writes it: a whole float has no point, so that an integer field takes it
		nd := program.ExprNode{Op: "to_text", Type: stringType, Args: []int{0}}
		_, _, s, _, _ := program.EvalExpr([]program.ExprNode{{Op: "float", Type: floatType, F: c.F}, nd})
		return s
	}
	return c.S
}

// EvalConst computes what stands in ${{ … }}: an expression over constants, whose names may be dotted. Dates come as text. The
// places of findings count characters inside src.
func EvalConst(src string, vars map[string]Const) (Const, diag.List) {
	c := newChecker(src, diag.At{})
	c.name = func(c *checker, name string, n ast.Node) val {
		v, ok := vars[name]
		if !ok {
			names := make([]string, 0, len(vars))
			for k := range vars {
				names = append(names, k)
			}
			slices.Sort(names)
			d := c.fail(diag.UnknownParam, n, "no value %q", name)
			d.Help = diag.DidYouMean(name, "values", names)
			return unknown
		}
		nd := program.ExprNode{Op: "text", Type: stringType, S: v.S}
		switch v.Kind {
		case Int:
			nd = program.ExprNode{Op: "int", Type: intType, I: v.I}
		case Float:
			nd = program.ExprNode{Op: "float", Type: floatType, F: v.F}
		case Bool:
			nd = program.ExprNode{Op: "bool", Type: boolType}
			if v.B {
				nd.I = 1
			}
		}
		return c.put(n, nd, false)
	}
	t, list := c.check()
	if list.Failed() {
		return Const{}, list
	}
	i, f, s, null, err := program.EvalExpr(t.nodes)
	switch {
	case err != nil:
		list.Add(diag.New(diag.ExprType, diag.At{}, "%v", err))
	case null:
		list.Add(diag.New(diag.ExprType, diag.At{}, "the value is nil"))
	case t.Type == boolType:
		return ConstBool(i == 1), list
	case t.Type.Integer():
		return ConstInt(i), list
	case t.Type.Float():
		return ConstFloat(f), list
	case t.Type == stringType:
		return ConstText(s), list
	case t.Type.Kind == batch.Date || t.Type.Kind == batch.Timestamp:
		return constTime(t)
	default:
		list.Add(diag.New(diag.ExprType, diag.At{}, "a value of type %s", t.Type))
	}
	return Const{}, list
}

// constTime is a date or time as text.
func constTime(t *Typed) (Const, diag.List) {
	nd := program.ExprNode{Op: "to_text", Type: stringType, Args: []int{len(t.nodes) - 1}}
	_, _, s, _, err := program.EvalExpr(append(slices.Clone(t.nodes), nd))
	if err != nil {
		return Const{}, diag.List{diag.New(diag.ExprType, diag.At{}, "%v", err)}
	}
	return ConstText(s), nil
}
