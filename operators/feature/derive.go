package feature

import (
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/internal/exprs"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// Derive is feature.derive.
type Derive struct {
	Columns param.Pairs[expr.Source] `param:",inline" doc:"a column's name, then the expression that gives its values"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "feature.derive", Version: 1, New: func() operators.Op { return &Derive{} },
		Doc: "Makes columns by expressions. All expressions see the input only, not each other; a column that is there already is replaced in its place.",
		Example: []operators.Example{{
			Doc:     "a comparison with null is null",
			Options: `{late: "delay > 15", known: "delay != nil"}`,
			In: []string{`
				delay int64? | origin string
				16           | SFO
				nil          | LAX
				15           | OAK`},
			Out: `
				delay int64? | origin string | late bool? | known bool
				16           | SFO           | true       | true
				nil          | LAX           | nil        | false
				15           | OAK           | false      | true`,
		}, {
			Doc:     "replacing a column: both expressions see the old one",
			Options: `{x: "x * 2.0", y: "x + 1.0"}`,
			In: []string{`
				x float64 | s string?
				1.5       | a
				NaN       | nil`},
			Out: `
				x float64 | s string? | y float64
				3         | a         | 2.5
				NaN       | nil       | NaN`,
		}, {
			Doc:     "a name that is no identifier, and a default for nulls",
			Options: `{"net gain": 'col("capital-gain") - (col("capital-loss") ?? 0)'}`,
			In: []string{`
				capital-gain int64 | capital-loss int64?
				5                  | 3
				7                  | nil`},
			Out: `
				capital-gain int64 | capital-loss int64? | "net gain" int64
				5                  | 3                   | 2
				7                  | nil                 | 7`,
		}},
	})
}

// Check types the expressions.
func (d *Derive) Check(s operators.Site) (operators.Output, diag.List) {
	var o operators.Output
	var l diag.List
	if len(d.Columns) == 0 {
		l.Add(diag.New(diag.OptionMissing, diag.At{}, "no column is derived").WithHelp(`write name: "expression"`))
	}
	for _, c := range d.Columns {
		l.Add(checks.Name(c.Key, diag.At{Path: []string{c.Key}, Key: true})...)
		t, bad := expr.Check(string(c.Value), s.In[0], diag.Option(c.Key))
		l.Add(bad...)
		m := operators.Made{Field: operators.Field{Name: c.Key, Nullable: true}}
		if !bad.Failed() {
			m.Type, m.Nullable, m.Apply = t.Type, t.Nullable, t.Columns
		}
		o.Made = append(o.Made, m)
	}
	return o, l
}

// Narrow keeps the expressions wanted.
func (d *Derive) Narrow(_ operators.Site, made []string) operators.Op {
	n := &Derive{}
	for _, c := range d.Columns {
		if slices.Contains(made, c.Key) {
			n.Columns = append(n.Columns, c)
		}
	}
	return n
}

// Program runs the expressions side by side.
func (d *Derive) Program(s operators.Site) program.Graph {
	var gs []program.Graph
	for _, c := range d.Columns {
		t, _ := expr.Check(string(c.Value), s.In[0], diag.At{})
		if t.Type.Kind == batch.Unknown {
			panic("feature.derive: unchecked expression " + string(c.Value))
		}
		gs = append(gs, t.Program(c.Key, t.Type))
	}
	return exprs.Beside(gs...)
}
