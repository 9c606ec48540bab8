package table

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/internal/fits"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// Join is table.join. It learns the right table by heart: at serving it is a table of the bundle.
type Join struct {
	On      On                `param:"on" doc:"the columns whose values must be equal: names, or {left: right} where the names differ" required:"true"`
	Columns operators.Columns `param:"columns" doc:"the columns of the right table that come along; by default all but those of on" default:"all()"`
	How     string            `param:"how" doc:"left: rows without a match get nulls; inner: they are dropped; semi: they are dropped, and no column comes along; anti: the rows with a match are dropped, and no column comes along" enum:"left|inner|semi|anti" default:"left"`
	Prefix  string            `param:"prefix" doc:"goes before the names of the columns that come along; nothing if not given"`
	Suffix  string            `param:"suffix" doc:"goes behind them; nothing if not given"`
}

// On is the option that pairs columns of two tables.
type On struct {
	Left, Right []string
	named       bool // written as a map
}

// DecodeParam takes a name, a list of names, or a map of names.
func (o *On) DecodeParam(n *param.Node) diag.List {
	*o = On{named: n.Kind == param.Map}
	left, right := []*param.Node{n}, []*param.Node{n}
	switch n.Kind {
	case param.List:
		left, right = n.Items, n.Items
	case param.Map:
		left, right = n.Keys, n.Items
	}
	if len(left) == 0 {
		return diag.List{diag.New(diag.OptionMissing, diag.At{}, "there are no columns to join on")}
	}
	var l diag.List
	for i := range left {
		if right[i].Kind != param.Scalar || right[i].Text == "" {
			at := diag.Option(strconv.Itoa(i))
			if o.named {
				at = diag.Option(left[i].Text)
			}
			l.Add(diag.New(diag.OptionType, at, "a column is a name, not %s", right[i].Kind))
			continue
		}
		o.Left, o.Right = append(o.Left, left[i].Text), append(o.Right, right[i].Text)
	}
	return l
}

// ParamType names the type in the reference.
func (On) ParamType() string { return "columns, or a map of columns" }

// ParamDoc says what may be written.
func (On) ParamDoc() string {
	return "A column, or a list of columns, that both tables have under the same name; or a map from columns of the left table to those of the right: " +
		"`{origin: iata}`."
}

// ParamSchema is its JSON Schema.
func (On) ParamSchema() map[string]any {
	s := map[string]any{"type": "string", "minLength": 1}
	return map[string]any{"oneOf": []any{s, map[string]any{"type": "array", "items": s, "minItems": 1},
		map[string]any{"type": "object", "additionalProperties": s, "minProperties": 1}}}
}

// at is where pair i of an option stands.
func (o *On) at(option string, i int) diag.At {
	if o.named {
		return diag.Option(option, o.Left[i])
	}
	return diag.Option(option, strconv.Itoa(i))
}

// find finds the columns of an option in both tables.
func (o *On) find(s operators.Site, option string) (left, right []operators.Field, l diag.List) {
	keyable := func(t batch.Type) bool { return t.Kind == batch.Unknown || counts.Takes(t) }
	for i := range o.Left {
		at := o.at(option, i)
		leftAt := at
		leftAt.Key = o.named
		a, bad := s.In[0].Want(o.Left[i], leftAt)
		b, worse := s.In[1].Want(o.Right[i], at)
		for k := range worse {
			worse[k].Message += " in the right table"
		}
		l.Add(append(bad, worse...)...)
		left, right = append(left, a), append(right, b)
		switch {
		case len(bad)+len(worse) > 0:
		case !keyable(a.Type) || !keyable(b.Type):
			l.Add(diag.New(diag.ColumnType, at, "columns %q and %q are %s and %s, by which nothing can be joined", a.Name, b.Name, a.Type, b.Type))
		case !joinable(a.Type, b.Type):
			l.Add(diag.New(diag.ColumnType, at, "column %q is %s, and %q in the right table is %s", a.Name, a.Type, b.Name, b.Type).
				WithHelp("clean.cast makes them one"))
		}
	}
	return left, right, l
}

// along are the columns of the right table that a selection takes along: one of those that are paired only where it is named.
func along(right operators.Schema, c operators.Columns, paired []string) (take []operators.Field, l diag.List) {
	all, l := c.Select(right, "columns")
	for _, f := range all {
		if !slices.Contains(paired, f.Name) || slices.Contains(c, f.Name) {
			take = append(take, f)
		}
	}
	take, bad := checks.Types(take, c, "columns", "which cannot be taken along", "leave %q out", func(f operators.Field) bool { return counts.Takes(f.Type) })
	return take, append(l, bad...)
}

// renamed gives columns that come along their names below; the left table must have none of them.
func renamed(take []operators.Field, c operators.Columns, left operators.Schema, name func(operators.Field) string) (out []operators.Field, l diag.List) {
	for _, f := range take {
		at := checks.At(c, "columns", f.Name)
		f.Name = name(f)
		l.Add(checks.Name(f.Name, at)...)
		if left.Has(f.Name) {
			l.Add(diag.New(diag.ColumnTwice, at, "both tables have a column %q", f.Name).
				WithHelp("prefix or suffix name it otherwise; columns leaves it out"))
		}
		out = append(out, f)
	}
	return out, l
}

func init() {
	operators.Register(operators.Spec{
		Name: "table.join", Version: 1, New: func() operators.Op { return &Join{} },
		Doc: "Looks up columns in a small second table, also when served. It is held in memory, and published with the model. " +
			"A row of the left table gets the columns of the right row with equal values; of several such rows, those of the first. " +
			"Null equals nothing. Rows stay as they are and in order, but that some are dropped where how: says so. " +
			"For all rows with equal values there is table.merge.",
		Inputs: []operators.Input{{Name: "left", Doc: "the rows"}, {Name: "right", Doc: "the small table"}},
		Example: []operators.Example{{
			Doc:     "the first of two rows for LAX; no row for OAK and for null",
			Options: "{on: origin}",
			In: []string{`
				origin string? | delay int64
				SFO            | 1
				LAX            | 2
				nil            | 3
				OAK            | 4
				SFO            | 5`, `
				origin string? | state string? | height float64
				LAX            | CA            | 38
				nil            | ??            | 0
				SFO            | nil           | 4
				LAX            | XX            | 39`},
			Out: `
				origin string? | delay int64 | state string? | height float64?
				SFO            | 1           | nil           | 4
				LAX            | 2           | CA            | 38
				nil            | 3           | nil           | nil
				OAK            | 4           | nil           | nil
				SFO            | 5           | nil           | 4`,
		}, {
			Doc:     "only rows with a match, by two columns of other names",
			Options: "{on: {airport: code, day: date}, how: inner, columns: [wind, code], prefix: at_}",
			In: []string{`
				airport string? | day date   | n int32
				SFO             | 2001-01-01 | 1
				SFO             | 2001-01-02 | 2
				nil             | 2001-01-01 | 3
				LAX             | 2001-01-01 | 4`, `
				code string | date date  | wind float32 | rain bool
				LAX         | 2001-01-01 | 2.5          | false
				SFO         | 2001-01-01 | 1.5          | true
				SFO         | 2001-01-03 | 9            | true`},
			Out: `
				airport string | day date   | n int32 | at_wind float32 | at_code string
				SFO            | 2001-01-01 | 1       | 1.5             | SFO
				LAX            | 2001-01-01 | 4       | 2.5             | LAX`,
		}, {
			Doc:     "an empty right table",
			Options: "{on: [k], suffix: _2}",
			In:      []string{"k int64\n1\n2", "k int32 | v timestamp[s] | w bool"},
			Out: `
				k int64 | v_2 timestamp[s]? | w_2 bool?
				1       | nil               | nil
				2       | nil               | nil`,
		}},
	})
}

// sides are the columns of a join that are there, once checked.
type sides struct {
	left, right, take []operators.Field
}

func (j *Join) sides(s operators.Site) (x sides, l diag.List) {
	x.left, x.right, l = j.On.find(s, "on")
	if j.filters() {
		if len(j.Columns) > 0 && !slices.Equal(j.Columns, operators.Columns{"all()"}) {
			l.Add(diag.New(diag.OptionConflict, diag.Option("columns"), "how: %s takes no column along", j.How).WithHelp("leave columns out"))
		}
		return x, l
	}
	var bad diag.List
	x.take, bad = along(s.In[1], j.Columns, j.On.Right)
	return x, append(l, bad...)
}

// joinable says whether values of two types can be equal: as program.Lookup finds them.
func joinable(a, b batch.Type) bool {
	return a == b || a.Kind == batch.Unknown || b.Kind == batch.Unknown ||
		a.Integer() && b.Integer() || a.Float() && b.Float() || a.Text() && b.Text()
}

// filters says whether the right table only tells which rows stay.
func (j *Join) filters() bool { return j.How == "semi" || j.How == "anti" }

func (j *Join) made(f operators.Field) string { return j.Prefix + f.Name + j.Suffix }

// hitCol is the hidden column of a join that drops rows: true where one stays.
const hitCol = "@hit"

// Check finds the columns of both sides.
func (j *Join) Check(s operators.Site) (operators.Output, diag.List) {
	var o operators.Output
	if len(s.In) != 2 {
		return o, diag.List{diag.New(diag.InputCount, diag.At{}, "a join has two inputs, not %d", len(s.In)).
			WithHelp("write from: {left: one, right: two}")}
	}
	x, l := j.sides(s)
	o.Reads = operators.Reads{Input: 1, Parts: batch.AllRows, Cols: append(operators.FieldNames(x.right), operators.FieldNames(x.take)...)}
	if j.How != "left" {
		o.Class, o.Keep = operators.Rows, hitCol
		o.Needs = [][]string{operators.FieldNames(x.left)}
		for _, f := range x.left {
			if f.Nullable && j.How != "anti" {
				o.NotNull = append(o.NotNull, f.Name)
			}
		}
	}
	take, bad := renamed(x.take, j.Columns, s.In[0], j.made)
	l.Add(bad...)
	for _, f := range take {
		f.Nullable = f.Nullable || j.How == "left"
		o.Made = append(o.Made, operators.Made{Field: f, Apply: operators.FieldNames(x.left)})
	}
	return o, l
}

// Narrow takes along the columns wanted.
func (j *Join) Narrow(s operators.Site, made []string) operators.Op {
	n := *j
	n.Columns = operators.Columns{}
	x, _ := j.sides(s)
	for _, f := range x.take {
		if slices.Contains(made, j.made(f)) {
			n.Columns = append(n.Columns, f.Name)
		}
	}
	return &n
}

// Begin learns the right table.
func (j *Join) Begin(s operators.Site) operators.Fit {
	x, _ := j.sides(s)
	return &fits.Once{
		Start: func() operators.Acc {
			return newJoinAcc(types(append(slices.Clone(x.right), x.take...)), len(x.right))
		},
		Finish: func(_ operators.Env, a operators.Acc) (operators.Fitted, error) {
			g, err := j.program(x, a.(*joinAcc))
			if err != nil {
				return operators.Fitted{}, &operators.ErrData{Err: fmt.Errorf("the right table: %w", err)}
			}
			return operators.Fitted{Program: g}, nil
		},
	}
}

func types(f []operators.Field) (t []batch.Type) {
	for _, c := range f {
		t = append(t, c.Type)
	}
	return t
}

func (j *Join) program(x sides, a *joinAcc) (program.Graph, error) {
	cols, err := a.columns()
	if err != nil {
		return program.Graph{}, err
	}
	keys, outs := cols[:len(x.right)], cols[len(x.right):]
	var in, out []program.Named
	for _, f := range x.left {
		in = append(in, program.Named{Name: f.Name, Type: f.Type})
	}
	for _, f := range x.take {
		out = append(out, program.Named{Name: j.made(f), Type: f.Type})
	}
	var miss []program.Value
	if j.How != "left" {
		hit := make([]bool, keys[0].N)
		for i := range hit {
			hit[i] = j.How != "anti"
		}
		if j.How == "anti" {
			miss = []program.Value{{Kind: batch.Bool, I: 1}} // the one column that there is
		}
		outs = append(slices.Clone(outs), batch.OfBools(hit))
		out = append(out, program.Named{Name: hitCol, Type: batch.T(batch.Bool)})
	}
	if len(out) == 0 {
		return program.Graph{}, nil
	}
	n, err := program.NewLookup(keys, outs, miss)
	if err != nil {
		return program.Graph{}, err
	}
	return program.One(n, in, out), nil
}
