package table

import (
	"fmt"
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

// Aggregate is table.aggregate.
type Aggregate struct {
	By         operators.Columns   `param:"by" doc:"rows with equal values here become one; if not given, all rows do"`
	Aggregates param.Pairs[string] `param:"aggregates" doc:"a column's name, then what it holds of a group: count(), or one of count, sum, mean, min, max, var, std, count_distinct, first, last, median of a column, or quantile or approx_quantile of a column and a share from 0 to 1" required:"true"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "table.aggregate", Version: 2, New: func() operators.Op { return &Aggregate{} },
		Doc: "Makes one row of every group of rows with equal values (SQL's group by). Groups are in the order of their first rows. " +
			"Null is a group of its own. All functions skip nulls: of no values, counts are 0 and all else is null. " +
			"var and std are of the population; first and last go by the order of the rows; a bool counts as 0 or 1; " +
			"an integer sum that leaves int64 fails the step. " +
			"quantile is exact: the values in their order, NaN greatest, with interpolation between the two ranks around share * (n - 1), " +
			"as NumPy's default is; of a date or timestamp it is one, rounded down. median is the quantile of 0.5. " +
			"approx_quantile reads the data once: it is the value of the rank below, within 1/256 of its magnitude; whole numbers up to 255 are exact.",
		Example: []operators.Example{{
			Doc:     "by origin",
			Options: `{by: [origin], aggregates: {flights: count(), known: count(delay), mean_delay: mean(delay), late: sum(late)}}`,
			In: []string{`
				origin string? | delay int64? | late bool
				SFO            | 16           | true
				nil            | 3            | false
				SFO            | nil          | false
				SFO            | 5            | false
				nil            | nil          | true
				LAX            | nil          | true`},
			Out: `
				origin string? | flights int64 | known int64 | mean_delay float64? | late int64
				SFO            | 3             | 2           | 10.5                | 1
				nil            | 2             | 1           | 3                   | 1
				LAX            | 1             | 0           | nil                 | 1`,
		}, {
			Doc:     "all rows; a column with an odd name",
			Options: `{aggregates: {n: count(), top: 'max(col("a b"))', first: first(s), kinds: count_distinct(s), spread: 'std(col("a b"))'}}`,
			In: []string{`
				"a b" float64 | s string?
				1             | nil
				3             | x
				1             | y
				3             | x`},
			Out: `
				n int64 | top float64? | first string? | kinds int64 | spread float64?
				4       | 3            | x             | 2           | 1`,
		}, {
			Doc:     "quantiles",
			Options: `{by: g, aggregates: {mid: median(v), low: 'quantile(v, 0.1)', about: 'approx_quantile(v, 0.5)', day: 'quantile(d, 0.5)'}}`,
			In: []string{`
				g string | v int64? | d date
				a        | 4        | 2024-03-01
				a        | 1        | 2024-03-04
				b        | nil      | 2024-03-07
				a        | 2        | 2024-03-02
				a        | nil      | 2024-03-09`},
			Out: `
				g string | mid float64? | low float64? | about float64? | day date
				a        | 2            | 1.2          | 2              | 2024-03-03
				b        | nil          | nil          | nil            | 2024-03-07`,
		}, {
			Doc:     "no rows make no groups",
			Options: `{by: g, aggregates: {lo: min(v)}}`,
			In: []string{`
				g int32 | v date`},
			Out: `
				g int32 | lo date`,
		}},
	})
}

var (
	integer = batch.T(batch.Int64)
	float   = batch.T(batch.Float64)
)

// Check parses and types the aggregates.
func (a *Aggregate) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{Class: operators.Break}
	in := s.In[0]
	by, l := a.by(in)
	names := operators.FieldNames(by)
	for _, f := range by {
		o.Made = append(o.Made, operators.Made{Field: f, Apply: []string{f.Name}})
	}
	needs := slices.Clone(names)
	if len(a.Aggregates) == 0 {
		l.Add(diag.New(diag.OptionMissing, diag.Option("aggregates"), "there are no aggregates").
			WithHelp("write name: count(), or another function of a column"))
	}
	for _, p := range a.Aggregates {
		l.Add(checks.Name(p.Key, diag.At{Path: []string{"aggregates", p.Key}, Key: true})...)
		if slices.Contains(names, p.Key) {
			l.Add(diag.New(diag.ColumnTwice, diag.At{Path: []string{"aggregates", p.Key}, Key: true},
				"%q is the name of a column that the rows are grouped by", p.Key))
			continue
		}
		f, of, bad := aggregate(p.Key, p.Value, in, len(by) > 0)
		l.Add(bad...)
		m := operators.Made{Field: f, Apply: slices.Clone(names)}
		if of.Of != "" && !slices.Contains(m.Apply, of.Of) {
			m.Apply = append(m.Apply, of.Of)
		}
		if of.Of != "" && !slices.Contains(needs, of.Of) {
			needs = append(needs, of.Of)
		}
		o.Made = append(o.Made, m)
	}
	o.Needs = [][]string{needs}
	return o, l
}

func (a *Aggregate) by(in operators.Schema) ([]operators.Field, diag.List) {
	if len(a.By) == 0 {
		return nil, nil
	}
	by, l := checks.Columns(a.By, in, "by")
	by, bad := checks.Types(by, a.By, "by", "by which rows cannot be grouped", "", func(f operators.Field) bool {
		return f.Type.Kind != batch.List && f.Type.Kind != batch.Vector
	})
	return by, append(l, bad...)
}

// Narrow leaves out the aggregates that are not wanted; the columns of the groups stay, as the rows are made of them.
func (a *Aggregate) Narrow(_ operators.Site, made []string) operators.Op {
	n := &Aggregate{By: a.By}
	for _, p := range a.Aggregates {
		if slices.Contains(made, p.Key) {
			n.Aggregates = append(n.Aggregates, p)
		}
	}
	if len(n.Aggregates) == 0 {
		return a
	}
	return n
}

// Lower states the aggregation.
func (a *Aggregate) Lower(s operators.Site, in []rel.Node) rel.Node {
	by, _ := a.by(s.In[0])
	n := rel.Aggregate{From: in[0], By: operators.FieldNames(by)}
	for _, p := range a.Aggregates {
		_, of, _ := aggregate(p.Key, p.Value, s.In[0], len(by) > 0)
		n.Aggs = append(n.Aggs, of)
	}
	return n
}

// aggregateWords are the functions that can be written; median is a quantile.
var aggregateWords = append(slices.Clone(rel.FuncNames[:]), "median")

// aggregate reads func(column), or func(column, share). Where grouped, every group has a row.
func aggregate(name, text string, in operators.Schema, grouped bool) (operators.Field, rel.Agg, diag.List) {
	at := diag.Option("aggregates", name)
	field := operators.Field{Name: name, Nullable: true}
	agg := rel.Agg{Name: name}
	word, arg, ok := strings.Cut(text, "(")
	word = strings.TrimSpace(word)
	arg, closed := strings.CutSuffix(strings.TrimSpace(arg), ")")
	if !ok || !closed || word == "" {
		return field, agg, diag.List{diag.New(diag.ExprSyntax, at, "%q is no aggregate", text).
			WithHelp("write a function of a column: mean(delay), or count()")}
	}
	if !slices.Contains(aggregateWords, word) {
		at.Width = utf8.RuneCountInString(word)
		return field, agg, diag.List{diag.New(diag.ExprFunction, at, "no aggregate function %q", word).
			WithHelp("%s", diag.DidYouMean(word, "functions", aggregateWords))}
	}
	of := strings.TrimSpace(arg)
	if word == "median" {
		agg.Func, agg.Q = rel.Quantile, 0.5
	} else {
		agg.Func = rel.Func(slices.Index(rel.FuncNames[:], word))
		if agg.Func == rel.Quantile || agg.Func == rel.ApproxQuantile {
			var l diag.List
			if of, agg.Q, l = share(word, of, at); len(l) > 0 {
				return field, agg, l
			}
		}
	}
	if of == "" && agg.Func == rel.Count {
		field.Type, field.Nullable, agg.Type = integer, false, integer
		return field, agg, nil
	}
	of, l := argument(word, of, at)
	if len(l) > 0 {
		return field, agg, l
	}
	f, l := in.Want(of, at)
	if len(l) > 0 {
		return field, agg, l
	}
	agg.Of = f.Name
	field.Type, field.Nullable, l = typed(agg.Func, word, f, grouped, at)
	agg.Type = field.Type
	return field, agg, l
}

// share reads the second argument of a quantile.
func share(word, args string, at diag.At) (of string, q float64, l diag.List) {
	i := strings.LastIndexByte(args, ',')
	help := fmt.Sprintf("write %s(column, 0.25), with a share from 0 to 1", word)
	if i < 0 {
		return args, 0, diag.List{diag.New(diag.ExprFunction, at, "%s needs a column and a share", word).WithHelp("%s", help)}
	}
	text := strings.TrimSpace(args[i+1:])
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return args, 0, diag.List{diag.New(diag.OptionBound, at, "%q is no share from 0 to 1", text).WithHelp("%s", help)}
	}
	return strings.TrimSpace(args[:i]), q, nil
}

// argument reads the column that a function is of.
func argument(word, of string, at diag.At) (string, diag.List) {
	if of == "" {
		return of, diag.List{diag.New(diag.ExprFunction, at, "%s needs a column", word).WithHelp("write %s(column)", word)}
	}
	return columnName(of, at)
}

// typed gives the type of an aggregate of a column, and whether it can be null.
func typed(f rel.Func, word string, of operators.Field, grouped bool, at diag.At) (typ batch.Type, nullable bool, l diag.List) {
	t := of.Type
	nullable = of.Nullable || !grouped
	number := t.Numeric() || t.Kind == batch.Bool
	fine := t.Kind != batch.List && t.Kind != batch.Vector
	help := ""
	switch f {
	case rel.Count, rel.CountDistinct:
		nullable, typ = false, integer
	case rel.Sum:
		fine = number && t.Kind != batch.Decimal
		typ = integer
		if t.Float() {
			typ = float
		}
	case rel.Mean, rel.Var, rel.Std:
		fine, typ = number, float
	case rel.Quantile:
		fine, typ = t.Numeric() || t.Temporal(), float
		if t.Temporal() {
			typ = t
		}
	case rel.ApproxQuantile:
		fine, typ = t.Numeric(), float
		if t.Temporal() {
			help = "its error is a share of the value, which says little of a time: use quantile"
		}
	default:
		typ = t
	}
	if t.Kind == batch.Unknown {
		typ, fine = t, true
	}
	if !fine {
		d := diag.New(diag.ColumnType, at, "column %q is %s, of which there is no %s", of.Name, t, word)
		if help != "" {
			d = d.WithHelp("%s", help)
		}
		l.Add(d)
	}
	return typ, nullable, l
}
