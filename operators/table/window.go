package table

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/rel"
)

// Window is table.window.
type Window struct {
	By      operators.Columns   `param:"by" doc:"a row's window is of rows with equal values here; if not given, of all rows"`
	Order   Keys                `param:"order" doc:"the keys by which those rows are in order, as table.sort has them; if not given, as they come"`
	Columns param.Pairs[string] `param:"columns" doc:"a column's name, then what it holds: lag(a) or lag(a, 2), lead(a), mean(a, 7), sum(a, 7), min(a, 7), max(a, 7), rank() or row_number()" required:"true"`
}

// nearMax is how wide a window can be, in rows: that many are held in memory.
const nearMax = 1 << 20

func init() {
	operators.Register(operators.Spec{
		Name: "table.window", Version: 1, New: func() operators.Op { return &Window{} },
		Doc: "Adds columns that are computed from the rows near a row, in its group and in the order of the keys. " +
			"lag and lead are the value of the row 1 or k before or behind, null where there is none. " +
			"mean, sum, min and max with k are over the row itself and the k-1 before it; they skip nulls, and are null where there are no values. " +
			"Sums of floats are exact; an integer sum that leaves int64 fails the step. rank is 1 more than how many rows come before those with equal keys, row_number counts all. " +
			"Rows with equal keys are in the order in which they come. Rows stay as they are and in their order. " +
			"A model behind it is served with these columns given in the request: one row alone does not have them.",
		Example: []operators.Example{{
			Doc:     "the delay before, and means and sums over a plane's flights by date",
			Options: "{by: [tail], order: date, columns: {before: lag(delay), next: 'lead(delay, 2)', mean2: 'mean(delay, 2)', sum3: 'sum(delay, 3)'}}",
			In: []string{`
				tail string? | date date  | delay int64?
				N1           | 2001-01-03 | 3
				N2           | 2001-01-01 | 10
				N1           | 2001-01-01 | 1
				nil          | 2001-01-01 | 7
				N1           | 2001-01-04 | nil
				N1           | 2001-01-05 | nil
				N2           | 2001-01-02 | 20`},
			Out: `
				tail string? | date date  | delay int64? | before int64? | next int64? | mean2 float64? | sum3 int64?
				N1           | 2001-01-03 | 3            | 1             | nil         | 2              | 4
				N2           | 2001-01-01 | 10           | nil           | nil         | 10             | 10
				N1           | 2001-01-01 | 1            | nil           | nil         | 1              | 1
				nil          | 2001-01-01 | 7            | nil           | nil         | 7              | 7
				N1           | 2001-01-04 | nil          | 3             | nil         | 3              | 4
				N1           | 2001-01-05 | nil          | nil           | nil         | nil            | 3
				N2           | 2001-01-02 | 20           | 10            | nil         | 15             | 30`,
		}, {
			Doc:     "ranks and extremes; a column with an odd name",
			Options: `{order: ['col("a b") desc'], columns: {r: rank(), n: row_number(), lo: 'min(col("a b"), 2)', hi: 'max(col("a b"), 3)', before: lag(s)}}`,
			In: []string{`
				"a b" float64 | s string
				1             | b
				3             | c
				1             | a
				2             | d`},
			Out: `
				"a b" float64 | s string | r int64 | n int64 | lo float64 | hi float64 | before string?
				1             | b        | 3       | 3       | 1          | 3          | d
				3             | c        | 1       | 1       | 3          | 3          | nil
				1             | a        | 3       | 4       | 1          | 2          | b
				2             | d        | 2       | 2       | 2          | 3          | c`,
		}},
	})
}

// parts reads the options.
func (w *Window) parts(in operators.Schema) (n rel.Window, fields []operators.Field, l diag.List) {
	if len(w.By) > 0 {
		by, bad := (&Aggregate{By: w.By}).by(in)
		n.By = operators.FieldNames(by)
		l.Add(bad...)
	}
	order, bad := w.Order.read(in, "order")
	n.Order = order
	l.Add(bad...)
	for _, p := range w.Columns {
		l.Add(checks.Name(p.Key, diag.At{Path: []string{"columns", p.Key}, Key: true})...)
		f, c, bad := near(p.Key, p.Value, in)
		l.Add(bad...)
		n.Columns, fields = append(n.Columns, c), append(fields, f)
	}
	return n, fields, l
}

// Check types the columns.
func (w *Window) Check(s operators.Site) (operators.Output, diag.List) {
	in := s.In[0]
	o := operators.Output{Class: operators.Break, Only: in.Names()}
	n, fields, l := w.parts(in)
	if len(w.Columns) == 0 {
		l.Add(diag.New(diag.OptionMissing, diag.Option("columns"), "there are no columns").WithHelp("write name: lag(a), or another function"))
	}
	needs := unique(n.By, keyColumns(n.Order))
	for i, c := range n.Columns {
		of := []string{}
		if c.Of != "" {
			of = []string{c.Of}
		}
		o.Made = append(o.Made, operators.Made{Field: fields[i], Apply: unique(n.By, keyColumns(n.Order), of)})
		needs = unique(needs, of)
	}
	o.Needs = [][]string{needs}
	return o, l
}

// unique puts lists behind one another, each name once.
func unique(lists ...[]string) (out []string) {
	for _, l := range lists {
		for _, s := range l {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// Narrow leaves out the columns that are not wanted.
func (w *Window) Narrow(_ operators.Site, made []string) operators.Op {
	n := &Window{By: w.By, Order: w.Order}
	for _, p := range w.Columns {
		if slices.Contains(made, p.Key) {
			n.Columns = append(n.Columns, p)
		}
	}
	if len(n.Columns) == 0 {
		return w
	}
	return n
}

// Lower states the window.
func (w *Window) Lower(s operators.Site, in []rel.Node) rel.Node {
	n, _, _ := w.parts(s.In[0])
	n.From = in[0]
	return n
}

// near reads func(column, k).
func near(name, text string, in operators.Schema) (f operators.Field, c rel.Near, l diag.List) {
	at := diag.Option("columns", name)
	f, c = operators.Field{Name: name, Nullable: true}, rel.Near{Name: name, K: 1}
	word, arg, ok := strings.Cut(text, "(")
	word = strings.TrimSpace(word)
	arg, closed := strings.CutSuffix(strings.TrimSpace(arg), ")")
	if !ok || !closed || word == "" {
		return f, c, diag.List{diag.New(diag.ExprSyntax, at, "%q is no function of rows", text).WithHelp("write lag(delay), mean(delay, 7), or rank()")}
	}
	i := slices.Index(rel.NearNames[:], word)
	if i < 0 {
		at.Width = utf8.RuneCountInString(word)
		return f, c, diag.List{diag.New(diag.ExprFunction, at, "no function %q of the rows near a row", word).
			WithHelp("%s", diag.DidYouMean(word, "functions", rel.NearNames[:]))}
	}
	c.Func = rel.NearFunc(i)
	of, count := cutCount(arg)
	if c.Func == rel.Rank || c.Func == rel.RowNumber {
		if f.Type, f.Nullable, c.Type = integer, false, integer; strings.TrimSpace(arg) != "" {
			l.Add(diag.New(diag.ExprFunction, at, "%s takes no column", word).WithHelp("write %s()", word))
		}
		return f, c, l
	}
	wide := c.Func != rel.Lag && c.Func != rel.Lead
	if count != "" {
		k, err := strconv.Atoi(count)
		if err != nil || k < 1 || k > nearMax {
			l.Add(diag.New(diag.OptionBound, at, "%q is no number of rows from 1 to %d", count, nearMax))
		}
		c.K = k
	} else if wide {
		l.Add(diag.New(diag.ExprFunction, at, "%s needs a number of rows", word).WithHelp("write %s(%s, 7) for the row itself and the 6 before it", word, of))
	}
	of, bad := columnName(of, at)
	l.Add(bad...)
	if of == "" {
		return f, c, append(l, diag.New(diag.ExprFunction, at, "%s needs a column", word).WithHelp("write %s(column)", word))
	}
	if len(bad) > 0 {
		return f, c, l
	}
	field, bad := in.Want(of, at)
	if l.Add(bad...); len(bad) > 0 {
		return f, c, l
	}
	c.Of, c.Type = field.Name, field.Type
	t := field.Type
	number := t.Numeric() || t.Kind == batch.Bool
	fine := t.Kind != batch.List && t.Kind != batch.Vector
	switch c.Func {
	case rel.NearSum:
		if fine, c.Type = number && t.Kind != batch.Decimal, integer; t.Float() {
			c.Type = float
		}
	case rel.NearMean:
		fine, c.Type = number, float
	case rel.Lag, rel.Lead:
		fine = t.Kind != batch.List
	}
	if wide {
		f.Nullable = field.Nullable
	}
	if t.Kind == batch.Unknown {
		c.Type, fine = t, true
	}
	if f.Type = c.Type; !fine {
		l.Add(diag.New(diag.ColumnType, at, "column %q is %s, of which there is no %s", of, t, word))
	}
	return f, c, l
}

// cutCount takes the number off the arguments; the name of a column in col("…") may hold a comma.
func cutCount(arg string) (of, count string) {
	arg = strings.TrimSpace(arg)
	i := strings.LastIndexByte(arg, ',')
	if i < 0 || strings.HasPrefix(arg, "col(") && i < strings.LastIndexByte(arg, ')') {
		return arg, ""
	}
	return strings.TrimSpace(arg[:i]), strings.TrimSpace(arg[i+1:])
}
