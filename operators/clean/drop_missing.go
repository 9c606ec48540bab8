package clean

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/internal/exprs"
	"github.com/headrace/headrace/operators/program"
)

// DropMissing is clean.drop_missing.
type DropMissing struct {
	Columns operators.Columns `param:"columns" doc:"the columns that are looked at" default:"all()"`
	How     string            `param:"how" doc:"drop a row where any of the columns is missing, or where all are" enum:"any|all" default:"any"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.drop_missing", Version: 1, Main: "columns", New: func() operators.Op { return &DropMissing{} },
		Doc: "Drops rows in which values are missing. A null is missing, and in columns of floats NaN is too.",
		Example: []operators.Example{{
			Doc:     "any of two columns",
			Options: "[delay, origin]",
			In: []string{`
				delay int64? | origin string? | tail string?
				16           | SFO            | nil
				nil          | LAX            | N2
				75           | nil            | N3
				nil          | nil            | nil
				-3           | OAK            | N4`},
			Out: `
				delay int64 | origin string | tail string?
				16          | SFO           | nil
				-3          | OAK           | N4`,
		}, {
			Doc:     "all columns; NaN is missing too",
			Options: "{how: all}",
			In: []string{`
				x float64 | s string?
				NaN       | nil
				1.5       | nil
				NaN       | a
				NaN       | nil`},
			Out: `
				x float64 | s string?
				1.5       | nil
				NaN       | a`,
		}, {
			Doc:     "nothing can be missing",
			Options: "{}",
			In: []string{`
				n int64 | s string
				1       | a
				2       | ""`},
			Out: `
				n int64 | s string
				1       | a
				2       | ""`,
		}},
	})
}

// looked gives the columns that can be missing, or nil where the condition can not come true: of all columns, one never is.
func (d *DropMissing) looked(s operators.Site) (look []operators.Field, l diag.List) {
	f, l := checks.Columns(d.Columns, s.In[0], "columns")
	for _, c := range f {
		switch {
		case c.Type.Kind == batch.List || c.Type.Kind == batch.Vector: // nothing computes with them yet
		case c.Nullable || c.Type.Float():
			look = append(look, c)
		case d.How == "all":
			return nil, l
		}
	}
	return look, l
}

// Check says which columns have no nulls below.
func (d *DropMissing) Check(s operators.Site) (operators.Output, diag.List) {
	look, l := d.looked(s)
	o := operators.Output{Class: operators.Rows}
	if len(look) == 0 {
		return o, l
	}
	o.Keep, o.Needs = keepCol, [][]string{operators.FieldNames(look)}
	if d.How == "any" || len(look) == 1 {
		for _, f := range look {
			if f.Nullable {
				o.NotNull = append(o.NotNull, f.Name)
			}
		}
	}
	return o, l
}

// Narrow gives itself: it makes nothing.
func (d *DropMissing) Narrow(operators.Site, []string) operators.Op { return d }

// Program says whether a row stays; it is empty where every row does.
func (d *DropMissing) Program(s operators.Site) program.Graph {
	look, _ := d.looked(s)
	if len(look) == 0 {
		return program.Graph{}
	}
	var e exprs.Expr
	join, all := "or", -1
	if d.How == "all" {
		join = "and"
	}
	for _, f := range look {
		m := e.Missing(f.Name, f.Type)
		if all < 0 {
			all = m
		} else {
			all = e.Op(join, boolean, all, m)
		}
	}
	e.Op("not", boolean, all)
	return e.Graph(keepCol)
}
