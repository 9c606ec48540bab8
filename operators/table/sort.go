package table

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/rel"
)

// Sort is table.sort.
type Sort struct {
	By Keys `param:"by" doc:"the keys, the first above all: a column's name, then asc (the default) or desc, then nulls last (the default) or nulls first; an odd name as col(\"a b\")" required:"true"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "table.sort", Version: 1, Main: "by", New: func() operators.Op { return &Sort{} },
		Doc: "Orders rows. Text is in the order of its bytes, NaN comes behind every number, and nulls behind all values, be it asc or desc, " +
			"unless the key says nulls first. Rows with equal keys stay in the order in which they were. " +
			"Rows that do not fit into memory are sorted on disk.",
		Example: []operators.Example{{
			Doc:     "by two keys",
			Options: "[origin, delay desc]",
			In: []string{`
				origin string? | delay float64? | n int64
				SFO            | 3              | 1
				LAX            | nil            | 2
				nil            | 1              | 3
				LAX            | 7              | 4
				SFO            | NaN            | 5
				LAX            | 7              | 6
				LAX            | -2             | 7`},
			Out: `
				origin string? | delay float64? | n int64
				LAX            | 7              | 4
				LAX            | 7              | 6
				LAX            | -2             | 7
				LAX            | nil            | 2
				SFO            | NaN            | 5
				SFO            | 3              | 1
				nil            | 1              | 3`,
		}, {
			Doc:     "nulls first; a column with an odd name",
			Options: `{by: ['col("a b") desc nulls first', 't asc nulls last']}`,
			In: []string{`
				"a b" int32? | t date?
				1            | nil
				nil          | 2001-01-02
				2            | 2001-01-03
				nil          | nil
				1            | 2001-01-01
				nil          | 2001-01-01`},
			Out: `
				"a b" int32? | t date?
				nil          | 2001-01-01
				nil          | 2001-01-02
				nil          | nil
				2            | 2001-01-03
				1            | 2001-01-01
				1            | nil`,
		}, {
			Doc:     "text by its bytes, false before true",
			Options: "{by: [b, s desc]}",
			In: []string{`
				s string | b bool
				a        | true
				B        | true
				aa       | false
				ä        | false
				""       | true`},
			Out: `
				s string | b bool
				ä        | false
				aa       | false
				a        | true
				B        | true
				""       | true`,
		}},
	})
}

// Check finds the columns.
func (k *Sort) Check(s operators.Site) (operators.Output, diag.List) {
	keys, l := k.By.read(s.In[0], "by")
	if len(k.By) == 0 {
		l.Add(diag.New(diag.OptionMissing, diag.Option("by"), "there is no key to sort by"))
	}
	return operators.Output{Class: operators.Rows, Needs: [][]string{keyColumns(keys)}}, l
}

// Narrow gives itself: all keys are needed, whatever comes of it.
func (k *Sort) Narrow(operators.Site, []string) operators.Op { return k }

// Lower states the sort.
func (k *Sort) Lower(s operators.Site, in []rel.Node) rel.Node {
	keys, _ := k.By.read(s.In[0], "by")
	return rel.Sort{From: in[0], By: keys}
}
