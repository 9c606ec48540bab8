package clean

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/program"
)

// keepCol is the hidden column that says which rows stay.
const keepCol = "@keep"

var boolean = batch.T(batch.Bool)

// Filter is clean.filter.
type Filter struct {
	Where expr.Source `param:"where" doc:"the condition that a row must meet to stay" required:"true"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.filter", Version: 1, Main: "where", New: func() operators.Op { return &Filter{} },
		Doc: "Keeps the rows where a condition is true; rows where it is false or null are dropped. " +
			"A column that the condition says is not nil is not nullable afterwards.",
		Example: []operators.Example{{
			Doc:     "a null is not below 60",
			Options: `"delay < 60"`,
			In: []string{`
				delay int64? | origin string
				16           | SFO
				nil          | LAX
				75           | LAX
				-3           | OAK`},
			Out: `
				delay int64 | origin string
				16          | SFO
				-3          | OAK`,
		}, {
			Doc:     "two conditions",
			Options: `{where: "origin != nil and x >= 0.5"}`,
			In: []string{`
				origin string? | x float64
				SFO            | 0.5
				nil            | 1
				LAX            | NaN
				OAK            | 0.25
				LAX            | Inf`},
			Out: `
				origin string | x float64
				SFO           | 0.5
				LAX           | Inf`,
		}, {
			Doc:     "one of several",
			Options: `"origin in [\"SFO\", \"OAK\"]"`,
			In: []string{`
				origin string?
				SFO
				LAX
				nil
				OAK`},
			Out: `
				origin string
				SFO
				OAK`,
		}},
	})
}

func (f *Filter) check(s operators.Site) (*expr.Typed, diag.List) {
	at := diag.Option("where")
	t, l := expr.Check(string(f.Where), s.In[0], at)
	if !l.Failed() && t.Type.Kind != batch.Unknown && t.Type != boolean {
		l.Add(diag.New(diag.ExprType, at, "the condition is %s, not bool", t.Type).WithHelp("compare it with something: x > 0"))
	}
	return t, l
}

// Check types the condition.
func (f *Filter) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{Class: operators.Rows, Keep: keepCol, Needs: [][]string{nil}}
	t, l := f.check(s)
	if !l.Failed() {
		o.Needs, o.NotNull = [][]string{t.Columns}, t.NotNil
	}
	return o, l
}

// Narrow gives itself: it makes nothing.
func (f *Filter) Narrow(operators.Site, []string) operators.Op { return f }

// Never says whether the condition cannot be true of any row whose columns are within bounds.
func (f *Filter) Never(s operators.Site) func(func(string) (batch.Bounds, bool)) bool {
	t, l := f.check(s)
	if l.Failed() {
		return func(func(string) (batch.Bounds, bool)) bool { return false }
	}
	return t.Never
}

// Program is the condition.
func (f *Filter) Program(s operators.Site) program.Graph {
	t, _ := f.check(s)
	return t.Program(keepCol, boolean)
}
