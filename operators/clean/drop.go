package clean

import (
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
)

// Drop is clean.drop. It runs no code: which columns pass is known to the plan.
type Drop struct {
	Columns operators.Columns `param:"columns" doc:"the columns that are dropped" required:"true"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.drop", Version: 1, Main: "columns", New: func() operators.Op { return &Drop{} },
		Doc: "Drops the columns named and keeps all others.",
		Example: []operators.Example{{
			Doc:     "one column",
			Options: "tail",
			In: []string{`
				delay int64? | origin string | tail string
				16           | SFO           | N1
				nil          | LAX           | N2`},
			Out: `
				delay int64? | origin string
				16           | SFO
				nil          | LAX`,
		}, {
			Doc:     "a pattern, with an exception",
			Options: `["raw_*", "-raw_b"]`,
			In: []string{`
				raw_a int64? | raw_b int64? | c string
				1            | nil          | x`},
			Out: `
				raw_b int64? | c string
				nil          | x`,
		}},
	})
}

// Check selects.
func (d *Drop) Check(s operators.Site) (operators.Output, diag.List) {
	gone, l := checks.Columns(d.Columns, s.In[0], "columns")
	names := operators.FieldNames(gone)
	only := []string{}
	for _, f := range s.In[0].Fields {
		if !slices.Contains(names, f.Name) {
			only = append(only, f.Name)
		}
	}
	if len(only) == 0 && len(gone) > 0 && !s.In[0].Open {
		l.Add(diag.New(diag.NoColumns, diag.Option("columns"), "no column is left"))
	}
	return operators.Output{Only: only}, l
}

// Narrow gives itself: it makes nothing.
func (d *Drop) Narrow(operators.Site, []string) operators.Op { return d }
