package clean

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/rel"
)

// Dedupe is clean.dedupe.
type Dedupe struct {
	Columns operators.Columns `param:"columns" doc:"rows with equal values here are repeats of one another" default:"all()"`
	Keep    string            `param:"keep" doc:"which of them stays, in the order of the rows" enum:"first|last" default:"first"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.dedupe", Version: 1, Main: "columns", New: func() operators.Op { return &Dedupe{} },
		Doc: "Keeps one of several rows that are equal in all columns, or in some. " +
			"Null equals null, NaN equals NaN, and -0 equals 0. Rows stay in order, and what is in memory meanwhile is their keys, not the rows.",
		Example: []operators.Example{{
			Doc:     "equal in two columns: the first stays",
			Options: "[origin, delay]",
			In: []string{`
				origin string? | delay float64? | tail string
				SFO            | 0              | N1
				nil            | NaN            | N2
				SFO            | -0             | N3
				SFO            | nil            | N4
				nil            | NaN            | N5
				LAX            | 0              | N6
				SFO            | nil            | N7`},
			Out: `
				origin string? | delay float64? | tail string
				SFO            | 0              | N1
				nil            | NaN            | N2
				SFO            | nil            | N4
				LAX            | 0              | N6`,
		}, {
			Doc:     "the last state of each",
			Options: "{columns: id, keep: last}",
			In: []string{`
				id int64 | state string
				1        | new
				2        | new
				1        | paid
				3        | new
				1        | sent`},
			Out: `
				id int64 | state string
				2        | new
				3        | new
				1        | sent`,
		}, {
			Doc:     "equal in all columns",
			Options: "{}",
			In: []string{`
				a int32? | b bool | c date
				1        | true   | 2001-01-01
				1        | true   | 2001-01-02
				nil      | true   | 2001-01-01
				1        | true   | 2001-01-01
				nil      | true   | 2001-01-01`},
			Out: `
				a int32? | b bool | c date
				1        | true   | 2001-01-01
				1        | true   | 2001-01-02
				nil      | true   | 2001-01-01`,
		}},
	})
}

func (d *Dedupe) keys(s operators.Site) ([]string, diag.List) {
	f, l := checks.Columns(d.Columns, s.In[0], "columns")
	f, bad := checks.Types(f, d.Columns, "columns", "of which it is not known when two are equal", "leave %q out", func(f operators.Field) bool {
		return f.Type.Kind != batch.List && f.Type.Kind != batch.Vector
	})
	return operators.FieldNames(f), append(l, bad...)
}

// Check selects the columns that rows are compared by.
func (d *Dedupe) Check(s operators.Site) (operators.Output, diag.List) {
	by, l := d.keys(s)
	return operators.Output{Class: operators.Rows, Keep: keepCol, Needs: [][]string{by}}, l
}

// Narrow gives itself: all columns of the key are needed, whatever comes of it.
func (d *Dedupe) Narrow(operators.Site, []string) operators.Op { return d }

// Lower states which rows are distinct.
func (d *Dedupe) Lower(s operators.Site, in []rel.Node) rel.Node {
	by, _ := d.keys(s)
	return rel.Distinct{From: in[0], By: by, Last: d.Keep == "last"}
}
