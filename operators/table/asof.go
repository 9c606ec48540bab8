package table

import (
	"slices"
	"time"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/rel"
)

// AsOf is table.asof. As a window's, its columns are made of other rows, so that it stands above the place where serving begins.
type AsOf struct {
	Time      On                `param:"time" doc:"the column that orders rows, an integer, float, date or timestamp: a name, or {left: right} where the names differ" required:"true"`
	By        On                `param:"by" doc:"the columns whose values must be equal: names, or {left: right} where the names differ; if not given, any rows match"`
	Direction string            `param:"direction" doc:"backward: the latest right row at or before the left one's time; forward: the earliest at or behind it; nearest: the nearer of the two, the one before where both are as near" enum:"backward|forward|nearest" default:"backward"`
	Strict    bool              `param:"strict" doc:"a right row of the very same time is no match" default:"false"`
	Tolerance string            `param:"tolerance" doc:"how far apart times may be: a duration such as 2h or 30d where they are dates or timestamps, else a number; if not given, as far as they are"`
	How       string            `param:"how" doc:"left: rows without a match get nulls; inner: they are dropped" enum:"left|inner" default:"left"`
	Columns   operators.Columns `param:"columns" doc:"the columns of the right table that come along; by default all but those of by and time" default:"all()"`
	Prefix    string            `param:"prefix" doc:"goes before the names of the columns that come along; nothing if not given"`
	Suffix    string            `param:"suffix" doc:"goes behind them; nothing if not given"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "table.asof", Version: 1, New: func() operators.Op { return &AsOf{} },
		Doc: "Joins the last earlier row of a second table (as-of join). " +
			"Of the right rows with equal values in by it is the one whose time is the latest at or before; where several have that time, the last of them. " +
			"Null equals nothing, and null and NaN are no times. Rows stay as they are and in order, but that those without a match are dropped where how: says so. " +
			"Either table may be large. direction: forward and nearest look ahead: what they give is not known yet at the row's time; " +
			"strict: true leaves out what is known at that very time. " +
			"A model behind it is served with these columns given in the request: one row alone does not have them.",
		Inputs: []operators.Input{{Name: "left", Doc: "the rows"}, {Name: "right", Doc: "the rows of which each gets one"}},
		Example: []operators.Example{{
			Doc:     "the last weather report before each departure, at most three hours old",
			Options: "{time: {departure: at}, by: {origin: station}, tolerance: 3h}",
			In: []string{`
				origin string? | departure timestamp[s]
				SFO            | 2001-01-01T10:00:00
				LAX            | 2001-01-01T09:00:00
				SFO            | 2001-01-01T12:30:00
				nil            | 2001-01-01T12:00:00
				SFO            | 2001-01-01T16:00:00
				OAK            | 2001-01-01T12:00:00`, `
				station string? | at timestamp[s]?    | wind float64? | rain bool
				SFO             | 2001-01-01T12:00:00 | 7             | true
				SFO             | 2001-01-01T10:00:00 | 3             | false
				LAX             | 2001-01-01T09:30:00 | 1             | false
				SFO             | 2001-01-01T10:00:00 | nil           | true
				nil             | 2001-01-01T08:00:00 | 9             | true
				SFO             | nil                 | 8             | true`},
			Out: `
				origin string? | departure timestamp[s] | wind float64? | rain bool?
				SFO            | 2001-01-01T10:00:00    | nil           | true
				LAX            | 2001-01-01T09:00:00    | nil           | nil
				SFO            | 2001-01-01T12:30:00    | 7             | true
				nil            | 2001-01-01T12:00:00    | nil           | nil
				SFO            | 2001-01-01T16:00:00    | nil           | nil
				OAK            | 2001-01-01T12:00:00    | nil           | nil`,
		}, {
			Doc:     "the price that was valid before the day, only where there is one; the day of the price comes along by name",
			Options: "{time: day, by: [shop, item], strict: true, how: inner, columns: [price, day], prefix: last_}",
			In: []string{`
				shop int64 | item string | day date
				1          | pen         | 2001-01-03
				1          | pen         | 2001-01-01
				2          | pen         | 2001-01-09
				1          | ink         | 2001-01-02`, `
				shop int32 | item string | day date   | price int64 | note string
				1          | pen         | 2001-01-03 | 12          | c
				1          | pen         | 2001-01-01 | 10          | a
				1          | ink         | 2001-01-01 | 30          | d
				2          | ink         | 2001-01-01 | 31          | e
				1          | pen         | 2001-01-02 | 11          | b`},
			Out: `
				shop int64 | item string | day date   | last_price int64 | last_day date
				1          | pen         | 2001-01-03 | 11               | 2001-01-02
				1          | ink         | 2001-01-02 | 30               | 2001-01-01`,
		}, {
			Doc:     "the next row, whatever it is",
			Options: "{time: t, direction: forward}",
			In:      []string{"t float64?\n1\n2.5\nNaN\n-0\nnil\n9", "t float32 | v string\n2.5 | b\n0 | a\n2.5 | c\nNaN | d"},
			Out:     "t float64? | v string?\n1 | c\n2.5 | c\nNaN | nil\n-0 | a\nnil | nil\n9 | nil",
		}, {
			Doc:     "the nearer of two; the one before where both are as near",
			Options: "{time: t, direction: nearest, tolerance: 3}",
			In:      []string{"t int32\n1\n4\n5\n20\n15\n7", "t int64 | v int32\n3 | 1\n7 | 2\n7 | 3\n16 | 4"},
			Out:     "t int32 | v int32?\n1 | 1\n4 | 1\n5 | 1\n20 | nil\n15 | 4\n7 | 3",
		}},
	})
}

// sides are the columns that are there, once checked; the last of those that are paired is the time.
func (a *AsOf) sides(s operators.Site) (x sides, l diag.List) {
	x.left, x.right, l = a.By.find(s, "by")
	left, right, bad := a.Time.find(s, "time")
	switch {
	case len(left) != 1:
		bad.Add(diag.New(diag.OptionType, diag.Option("time"), "time is one column of each table, not %d", len(left)))
	case len(bad) == 0 && !ordered(left[0].Type):
		bad.Add(diag.New(diag.ColumnType, a.Time.at("time", 0), "column %q is %s, which is no time", left[0].Name, left[0].Type).
			WithHelp("times are integers, floats, dates or timestamps"))
	}
	x.left, x.right, l = append(x.left, left...), append(x.right, right...), append(l, bad...)
	x.take, bad = along(s.In[1], a.Columns, slices.Concat(a.By.Right, a.Time.Right))
	return x, append(l, bad...)
}

// ordered says whether values of the type can be times.
func ordered(t batch.Type) bool {
	return t.Kind == batch.Unknown || t.Integer() || t.Float() || t.Temporal()
}

func (a *AsOf) made(f operators.Field) string { return a.Prefix + f.Name + a.Suffix }

// most reads the tolerance between times of a type.
func (a *AsOf) most(t batch.Type, n *rel.AsOf) (l diag.List) {
	if a.Tolerance == "" || t.Kind == batch.Unknown {
		return nil
	}
	n.Bounded = true
	var least bool
	var err error
	var ticks int64
	switch code := diag.OptionType; {
	case t.Temporal():
		var d time.Duration
		if d, err = param.ParseDuration(a.Tolerance); err == nil {
			code = diag.OptionConflict
			ticks, err = checks.Units(d, t)
		}
		if err != nil {
			return diag.List{diag.New(code, diag.Option("tolerance"), "%v", err)}
		}
		least = d == 0
	case t.Integer():
		ticks, err = param.ParseInt(a.Tolerance)
		least = ticks == 0
	default:
		n.Span, err = param.ParseFloat(a.Tolerance, false, false)
		least = n.Span == 0
	}
	switch n.Ticks = uint64(ticks); {
	case err != nil:
		l.Add(diag.New(diag.OptionType, diag.Option("tolerance"), "%v, as times are %s", err, t))
	case ticks < 0 || n.Span < 0:
		l.Add(diag.New(diag.OptionBound, diag.Option("tolerance"), "times cannot be less than 0 apart"))
	case least && a.Strict:
		l.Add(diag.New(diag.OptionConflict, diag.Option("tolerance"), "times are equal within 0, and strict: true leaves those out"))
	}
	return l
}

// Check finds the columns of both sides.
func (a *AsOf) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{Class: operators.Break}
	if len(s.In) != 2 {
		return o, diag.List{diag.New(diag.InputCount, diag.At{}, "an as-of join has two inputs, not %d", len(s.In)).
			WithHelp("write from: {left: one, right: two}")}
	}
	o.Only = s.In[0].Names()
	x, l := a.sides(s)
	keys := operators.FieldNames(x.left)
	o.Needs = [][]string{unique(keys), unique(operators.FieldNames(x.right), operators.FieldNames(x.take))}
	if k := len(a.By.Left); len(x.left) == k+1 {
		l.Add(a.most(x.left[k].Type, &rel.AsOf{})...)
	}
	if a.How == "inner" {
		for _, f := range x.left {
			if f.Nullable {
				o.NotNull = append(o.NotNull, f.Name)
			}
		}
	}
	take, bad := renamed(x.take, a.Columns, s.In[0], a.made)
	l.Add(bad...)
	for _, f := range take {
		f.Nullable = f.Nullable || a.How == "left"
		o.Made = append(o.Made, operators.Made{Field: f, Apply: o.Needs[0]})
	}
	return o, l
}

// Narrow takes along the columns wanted.
func (a *AsOf) Narrow(s operators.Site, made []string) operators.Op {
	n := *a
	n.Columns = operators.Columns{}
	x, _ := a.sides(s)
	for _, f := range x.take {
		if slices.Contains(made, a.made(f)) {
			n.Columns = append(n.Columns, f.Name)
		}
	}
	return &n
}

// Lower states the join.
func (a *AsOf) Lower(s operators.Site, in []rel.Node) rel.Node {
	x, _ := a.sides(s)
	left, right := operators.FieldNames(x.left), operators.FieldNames(x.right)
	k := len(left) - 1
	n := rel.AsOf{L: in[0], R: in[1], LBy: left[:k], RBy: right[:k], LTime: left[k], RTime: right[k], Strict: a.Strict, Inner: a.How == "inner",
		Direction: rel.Direction(slices.Index(rel.Directions[:], a.Direction)), Take: map[string]string{}}
	a.most(x.left[k].Type, &n)
	for _, f := range x.take {
		n.Take[f.Name] = a.made(f)
	}
	return n
}
