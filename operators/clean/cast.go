package clean

import (
	"math"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/exprs"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// Cast is clean.cast.
type Cast struct {
	Types   param.Pairs[batch.Type] `param:"types" doc:"a column, then the type that it gets" required:"true"`
	OnError string                  `param:"on_error" doc:"what a value becomes that the new type cannot hold: an error that fails the step, or null" enum:"fail|null" default:"fail"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "clean.cast", Version: 1, Main: "types", New: func() operators.Op { return &Cast{} },
		Doc: "Gives columns other types. Floats become integers by cutting off their fraction; text is read and written as expressions do; " +
			"a timestamp with a zone becomes one without as its zone's clocks show it. " +
			"What no type change says, such as which text is true, is an expression for feature.derive.",
		Example: []operators.Example{{
			Doc:     "numbers from text; what is none becomes null",
			Options: "{types: {n: int64, x: float64}, on_error: null}",
			In: []string{`
				n string | x string? | s string
				12       | 0.5       | a
				n/a      | nil       | b
				-3       | x         | c`},
			Out: `
				n int64? | x float64? | s string
				12       | 0.5        | a
				nil      | nil        | b
				-3       | nil        | c`,
		}, {
			Doc:     "between numbers",
			Options: "{types: {f: float64, i: int64, n: int32, b: int64, t: string}}",
			In: []string{`
				f int64? | i float64? | n int64 | b bool? | t int32
				1        | 1.9        | 7       | true    | 5
				nil      | nil        | -7      | nil     | 6
				-2       | -1.9       | 0       | false   | -7`},
			Out: `
				f float64? | i int64? | n int32 | b int64? | t string
				1          | 1        | 7       | 1        | 5
				nil        | nil      | -7      | nil      | 6
				-2         | -1       | 0       | 0        | -7`,
		}, {
			Doc:     "what int32 cannot hold becomes null",
			Options: "{types: {n: int32}, on_error: null}",
			In: []string{`
				n float64
				3000000000
				NaN
				-7.5`},
			Out: `
				n int32?
				nil
				nil
				-7`,
		}, {
			Doc:     "times",
			Options: `{types: {day: date, at: "timestamp[s]", text: "timestamp[ms]"}}`,
			In: []string{`
				day timestamp[us]?  | at date    | text string
				2001-01-01T10:05:00 | 2001-01-01 | 2001-01-01T10:05:00.250
				nil                 | 1969-12-31 | 2001-01-02T00:00:00`},
			Out: `
				day date?  | at timestamp[s]     | text timestamp[ms]
				2001-01-01 | 2001-01-01T00:00:00 | 2001-01-01T10:05:00.25
				nil        | 1969-12-31T00:00:00 | 2001-01-02T00:00:00`,
		}},
	})
}

// caster builds one cast. lenient casts give null where they can.
type caster struct {
	exprs.Expr
	lenient bool
	nulls   bool // the cast may have made nulls of values
}

// try is the lenient form of an operation where that is asked for.
func (c *caster) try(op string, t batch.Type, x int) int {
	if c.lenient {
		op, c.nulls = "try_"+op, true
	}
	return c.Op(op, t, x)
}

// cast gives the node of x, which is of type from, as type to; false where there is no such cast.
func (c *caster) cast(x int, from, to batch.Type) (int, bool) {
	integer, float := batch.T(batch.Int64), batch.T(batch.Float64)
	plain := func(t batch.Type) bool { return t.Kind == batch.Timestamp && t.Zone == "" }
	local := batch.Type{Kind: batch.Timestamp, Unit: from.Unit}
	number := from.Numeric() || from.Kind == batch.Bool
	switch {
	case from == to:
		return x, true
	case from.Kind == batch.Decimal && to.Integer():
		return c.cast(c.Op("to_float", float, x), float, to)
	case to == integer && from.Float():
		return c.try("to_int", integer, x), true
	case to == integer && number:
		return c.Op("to_int", integer, x), true
	case to == integer && from.Kind == batch.String:
		return c.try("parse_int", integer, x), true
	case to.Kind == batch.Int32 && from != integer:
		x, ok := c.cast(x, from, integer)
		if !ok {
			return x, false
		}
		return c.cast(x, integer, to)
	case to.Kind == batch.Int32:
		if !c.lenient {
			return c.Op("to_int32", to, x), true
		}
		// the failure of a branch that is not taken is none
		c.nulls = true
		fits := c.Op("and", boolean, c.Op("le", boolean, c.Int(integer, math.MinInt32), x), c.Op("le", boolean, x, c.Int(integer, math.MaxInt32)))
		return c.Op("select", to, fits, c.Op("to_int32", to, x), c.Null(to)), true
	case to == float && number:
		return c.Op("to_float", float, x), true
	case to == float && from.Kind == batch.String:
		return c.try("parse_float", float, x), true
	case to.Kind == batch.Float32:
		x, ok := c.cast(x, from, float)
		if !ok {
			return x, false
		}
		return c.Op("to_float32", to, x), true
	case to.Kind == batch.String && (number || from.Kind == batch.Date || plain(from)):
		return c.Op("to_text", to, x), true
	case to.Kind == batch.Date && plain(from):
		return c.Op("to_date", to, x), true
	case to.Kind == batch.Date && from.Kind == batch.String:
		return c.try("parse_date", to, x), true
	case plain(to) && from.Kind == batch.Date:
		return c.Op("to_timestamp", to, x), true
	case plain(to) && from.Kind == batch.String:
		return c.try("parse_timestamp", to, x), true
	case to.Kind == batch.Timestamp && from.Kind == batch.Timestamp && from.Zone == to.Zone:
		return c.Op("to_unit", to, x), true
	case from.Kind == batch.Timestamp && from.Zone != "" && (plain(to) || to.Kind == batch.Date || to.Kind == batch.String):
		return c.cast(c.InZone(local, from.Zone, x), local, to)
	}
	return x, false
}

// Check finds the columns and casts.
func (k *Cast) Check(s operators.Site) (operators.Output, diag.List) {
	var o operators.Output
	var l diag.List
	for _, p := range k.Types {
		f, bad := s.In[0].Want(p.Key, diag.At{Path: []string{"types", p.Key}, Key: true})
		l.Add(bad...)
		m := operators.Made{Field: operators.Field{Name: p.Key, Type: p.Value, Nullable: f.Nullable}, Apply: []string{p.Key}}
		if f.Type.Kind != batch.Unknown && p.Value.Kind != batch.Unknown {
			var e caster
			e.lenient = k.OnError == "null"
			if _, ok := e.cast(e.Col(f.Name, f.Type), f.Type, p.Value); !ok {
				l.Add(diag.New(diag.ColumnType, diag.Option("types", p.Key), "column %q is %s, which cannot become %s", f.Name, f.Type, p.Value).
					WithHelp("say what is meant by an expression: feature.derive"))
			}
			m.Nullable = m.Nullable || e.nulls
		}
		o.Made = append(o.Made, m)
	}
	return o, l
}

// Narrow keeps the casts wanted.
func (k *Cast) Narrow(_ operators.Site, made []string) operators.Op {
	n := &Cast{OnError: k.OnError}
	for _, p := range k.Types {
		if slices.Contains(made, p.Key) {
			n.Types = append(n.Types, p)
		}
	}
	return n
}

// Program casts the columns side by side.
func (k *Cast) Program(s operators.Site) program.Graph {
	var gs []program.Graph
	for _, p := range k.Types {
		f, _ := s.In[0].Field(p.Key)
		var e caster
		e.lenient = k.OnError == "null"
		x := e.Col(f.Name, f.Type)
		if _, ok := e.cast(x, f.Type, p.Value); !ok {
			panic("clean.cast: unchecked cast of " + p.Key)
		}
		gs = append(gs, e.Graph(f.Name))
	}
	return exprs.Beside(gs...)
}
