package clean

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
)

// Keep is clean.keep. It runs no code: which columns pass is known to the plan.
type Keep struct {
	Columns operators.Columns `param:"columns" doc:"the columns that stay" required:"true"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.keep", Version: 1, Main: "columns", New: func() operators.Op { return &Keep{} },
		Doc: "Keeps the columns named and drops all others. The columns stay in the order in which they came.",
		Example: []operators.Example{{
			Doc:     "two columns by name",
			Options: "[origin, delay]",
			In: []string{`
				delay int64? | origin string | tail string
				16           | SFO           | N1
				nil          | LAX           | N2`},
			Out: `
				delay int64? | origin string
				16           | SFO
				nil          | LAX`,
		}, {
			Doc:     "all but some",
			Options: `["-tail*"]`,
			In: []string{`
				delay int64? | tail_number string | tail string
				16           | N1                 | a`},
			Out: `
				delay int64?
				16`,
		}, {
			Doc:     "all numbers",
			Options: "numeric()",
			In: []string{`
				a int32 | b float64? | c string? | d bool
				1       | NaN        | x         | true
				2       | nil        | nil       | false`},
			Out: `
				a int32 | b float64?
				1       | NaN
				2       | nil`,
		}},
	})
}

// Check selects.
func (k *Keep) Check(s operators.Site) (operators.Output, diag.List) {
	f, l := checks.Columns(k.Columns, s.In[0], "columns")
	return operators.Output{Only: operators.FieldNames(f)}, l
}

// Narrow gives itself: it makes nothing.
func (k *Keep) Narrow(operators.Site, []string) operators.Op { return k }
