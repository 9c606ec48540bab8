package table

import (
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/rel"
)

// Merge is table.merge. It pairs rows as SQL's JOIN does: what comes of it are rows of their own, so that it stands above the place where
// serving begins. To add columns to rows that are served there is table.join.
type Merge struct {
	On      On                `param:"on" doc:"the columns whose values must be equal: names, or {left: right} where the names differ" required:"true"`
	How     string            `param:"how" doc:"inner: pairs only; left, right, full: the rows of that side, or of both, that have no match come too" enum:"inner|left|right|full" default:"inner"`
	Columns operators.Columns `param:"columns" doc:"the columns of the right table that come along; by default all but those of on" default:"all()"`
	Prefix  string            `param:"prefix" doc:"goes before the names of the columns that come along; nothing if not given"`
	Suffix  string            `param:"suffix" doc:"goes behind them; nothing if not given"`

	left []string // narrowed: the columns of the left table that are made; nil: all
}

func init() {
	operators.Register(operators.Spec{
		Name: "table.merge", Version: 1, New: func() operators.Op { return &Merge{} },
		Doc: "Joins two tables of any size on equal values (SQL's join). Every row of the left table is paired with every row of the right one that has equal values. " +
			"Null equals nothing. Rows are in the order of the left table, those of one left row in that of the right; right rows without " +
			"a match come last, with their keys in the columns of on. Either table may be large. " +
			"To add columns to the rows of a model as it is served, use table.join.",
		Inputs: []operators.Input{{Name: "left", Doc: "the rows"}, {Name: "right", Doc: "the rows that they are paired with"}},
		Example: []operators.Example{{
			Doc:     "a customer with two orders, one with none, and an order of nobody",
			Options: "{on: id, how: full}",
			In: []string{`
				id int64? | name string
				1         | Ada
				2         | Bo
				nil       | Cy`, `
				id int64? | item string | price float64
				1         | pen         | 1.5
				3         | ink         | 4
				1         | pad         | 2
				nil       | cap         | 1`},
			Out: `
				id int64? | name string? | item string? | price float64?
				1         | Ada          | pen          | 1.5
				1         | Ada          | pad          | 2
				2         | Bo           | nil          | nil
				nil       | Cy           | nil          | nil
				3         | nil          | ink          | 4
				nil       | nil          | cap          | 1`,
		}, {
			Doc:     "pairs by two columns of other names",
			Options: "{on: {airport: code, day: date}, columns: [wind], suffix: _there}",
			In: []string{`
				airport string? | day date   | n int32
				SFO             | 2001-01-01 | 1
				nil             | 2001-01-01 | 2
				SFO             | 2001-01-02 | 3`, `
				code string | date date  | wind float32
				SFO         | 2001-01-01 | 1.5
				LAX         | 2001-01-01 | 2.5
				SFO         | 2001-01-01 | 9`},
			Out: `
				airport string | day date   | n int32 | wind_there float32
				SFO            | 2001-01-01 | 1       | 1.5
				SFO            | 2001-01-01 | 1       | 9`,
		}, {
			Doc:     "all left rows",
			Options: "{on: k, how: left, prefix: r_}",
			In:      []string{"k int64\n1\n2\n2", "k int32 | v bool\n2 | true\n2 | false"},
			Out: `
				k int64 | r_v bool?
				1       | nil
				2       | true
				2       | false
				2       | true
				2       | false`,
		}, {
			Doc:     "all right rows",
			Options: "{on: k, how: right}",
			In:      []string{"k string | x int64\na | 1\nb | 2", "k string | y int64\nc | 3\nb | 4"},
			Out: `
				k string | x int64? | y int64
				b        | 2        | 4
				c        | nil      | 3`,
		}},
	})
}

var hows = map[string]rel.How{"inner": rel.Inner, "left": rel.Left, "right": rel.Right, "full": rel.Full}

// rights says whether right rows without a match come.
func (m *Merge) rights() bool { return m.How == "right" || m.How == "full" }

func (m *Merge) made(f operators.Field) string { return m.Prefix + f.Name + m.Suffix }

func (m *Merge) sides(s operators.Site) (sides, diag.List) {
	x, l := (&Join{On: m.On, Columns: m.Columns}).sides(s)
	if !m.rights() {
		return x, l
	}
	for i := range x.left {
		a, b := x.left[i], x.right[i]
		if a.Type != b.Type && a.Type.Kind != batch.Unknown && b.Type.Kind != batch.Unknown && joinable(a.Type, b.Type) {
			l.Add(diag.New(diag.ColumnType, m.On.at("on", i), "column %q is %s, and %q in the right table is %s: they become one column", a.Name, a.Type, b.Name, b.Type).
				WithHelp("clean.cast makes them one type"))
		}
	}
	return x, l
}

// Check finds the columns of both sides.
func (m *Merge) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{Class: operators.Break}
	if len(s.In) != 2 {
		return o, diag.List{diag.New(diag.InputCount, diag.At{}, "a merge has two inputs, not %d", len(s.In)).
			WithHelp("write from: {left: one, right: two}")}
	}
	x, l := m.sides(s)
	o.Needs = [][]string{operators.FieldNames(x.left), operators.FieldNames(x.right)}
	if m.rights() {
		o.Only = []string{}
		m.remake(&o, x, s.In[0])
	} else if o.Only = s.In[0].Names(); m.How == "inner" {
		for _, f := range x.left {
			if f.Nullable {
				o.NotNull = append(o.NotNull, f.Name)
			}
		}
	}
	keys := operators.FieldNames(x.left)
	take, bad := renamed(x.take, m.Columns, s.In[0], m.made)
	l.Add(bad...)
	for i, f := range take {
		if from := x.take[i].Name; !slices.Contains(o.Needs[1], from) {
			o.Needs[1] = append(o.Needs[1], from)
		}
		f.Nullable = f.Nullable || m.How == "left" || m.How == "full"
		o.Made = append(o.Made, operators.Made{Field: f, Apply: keys})
	}
	return o, l
}

// remake makes the left columns anew: in rows that only the right table has they are null, but for the keys.
func (m *Merge) remake(o *operators.Output, x sides, in operators.Schema) {
	for _, f := range in.Fields {
		if m.left != nil && !slices.Contains(m.left, f.Name) {
			continue
		}
		if i := slices.IndexFunc(x.left, func(k operators.Field) bool { return k.Name == f.Name }); i >= 0 {
			f.Nullable = f.Nullable && m.How == "full" || x.right[i].Nullable
		} else {
			f.Nullable = true
			o.Needs[0] = append(o.Needs[0], f.Name)
		}
		f.Categories = nil // the right table may have others
		o.Made = append(o.Made, operators.Made{Field: f, Apply: []string{f.Name}})
	}
}

// Narrow takes along the columns wanted.
func (m *Merge) Narrow(s operators.Site, made []string) operators.Op {
	n := *m
	n.Columns, n.left = operators.Columns{}, []string{}
	x, _ := m.sides(s)
	for _, f := range x.take {
		if slices.Contains(made, m.made(f)) {
			n.Columns = append(n.Columns, f.Name)
		}
	}
	for _, f := range s.In[0].Names() {
		if slices.Contains(made, f) {
			n.left = append(n.left, f)
		}
	}
	return &n
}

// Lower states the join.
func (m *Merge) Lower(s operators.Site, in []rel.Node) rel.Node {
	x, _ := m.sides(s)
	j := rel.Join{L: in[0], R: in[1], LOn: operators.FieldNames(x.left), ROn: operators.FieldNames(x.right), How: hows[m.How], Take: map[string]string{}}
	for _, f := range x.take {
		j.Take[f.Name] = m.made(f)
	}
	return j
}
