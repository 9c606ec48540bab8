package expr

import (
	"cmp"
	"strings"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// Never says whether the expression, a filter, provably is true for no row of a unit of data (a row group, a page) and fails for
// none, so that the unit need not be read: an overflow or a bad cast in a unit must be found wherever the unit's edges lie.
//
// bounds gives what is known of a column; false where nothing is known. Integers, dates, timestamps and decimals come as the int64 that the
// column holds, floats as float64, texts as string. Never looks at comparisons of columns with constants, in, startsWith, tests for nil,
// and, or, not; of all else it assumes that anything may come out. Whether a value is there is asked where the bounds leave it open.
func (t *Typed) Never(bounds func(col string) (batch.Bounds, bool)) bool {
	if t.Type.Kind != batch.Bool || len(t.nodes) == 0 {
		return false
	}
	out := make([]outcome, len(t.nodes))
	for k := range t.nodes {
		out[k] = t.outcome(k, out, bounds)
	}
	r := out[len(out)-1]
	return !r.yes && !r.err
}

// outcome is what may come out of a node: of a Bool, yes and no; of all, a null or a failure. lo and hi bound the values that are
// not null; nil where not known.
type outcome struct {
	yes, no, null, err bool
	lo, hi             any
	none               bool             // there are only nulls
	has                func(v any) bool // whether a value may be there; nil: not known
}

func (t *Typed) outcome(k int, out []outcome, bounds func(string) (batch.Bounds, bool)) outcome {
	nd := &t.nodes[k]
	arg := func(i int) outcome { return out[nd.Args[i]] }
	o := outcome{yes: true, no: true, err: nd.CanFail()}
	for i := range nd.Args {
		o.null = o.null || arg(i).null
		o.err = o.err || arg(i).err
	}
	switch nd.Op {
	case "col":
		b, ok := bounds(t.cols[nd.I].Name)
		lo, hi := b.Min, b.Max
		o.null = !ok || b.Nulls != 0
		if !ok {
			break
		}
		if o.has = b.Has; b.Rows > 0 && b.Nulls == b.Rows {
			o.yes, o.no, o.none = false, false, true
		}
		if lo != nil && hi != nil && lo == lo && hi == hi && sameClass(lo, hi, nd.Type) {
			o.lo, o.hi = lo, hi
		}
	case "bool":
		o.yes, o.no = nd.I == 1, nd.I == 0
	case "int":
		o.lo, o.hi = nd.I, nd.I
	case "float":
		if nd.F == nd.F {
			o.lo, o.hi = nd.F, nd.F
		}
	case "text":
		o.lo, o.hi = nd.S, nd.S
	case "null":
		o = outcome{null: true}
	case "to_float", "to_int":
		a := arg(0)
		if nd.Op == "to_float" && t.nodes[nd.Args[0]].Type.Float() { // a narrower one
			o.lo, o.hi, o.has = a.lo, a.hi, a.has
			break
		}
		lo, ok1 := a.lo.(int64)
		hi, ok2 := a.hi.(int64)
		if !ok1 || !ok2 || !t.nodes[nd.Args[0]].Type.Integer() {
			break
		}
		if o.lo, o.hi, o.err = lo, hi, a.err; nd.Op == "to_float" {
			o.lo, o.hi = float64(lo), float64(hi)
		} else {
			o.has = a.has // no integer changes where an int64 is made of it
		}
	case "not":
		o.yes, o.no = arg(0).no, arg(0).yes
	case "is_null":
		o.yes, o.no, o.null = arg(0).null, true, false
	case "not_null":
		o.yes, o.no, o.null = !arg(0).none, arg(0).null, false
	case "and":
		a, b := arg(0), arg(1)
		on := a.yes || a.null // the right side is looked at
		o.yes, o.no = a.yes && b.yes, a.no || on && b.no
		o.err = a.err || on && b.err
	case "or":
		a, b := arg(0), arg(1)
		on := a.no || a.null
		o.yes, o.no = a.yes || on && b.yes, a.no && b.no
		o.err = a.err || on && b.err
	case "select":
		c, a, b := arg(0), arg(1), arg(2)
		o.yes, o.no = c.yes && a.yes || c.no && b.yes, c.yes && a.no || c.no && b.no
		o.null = c.null || c.yes && a.null || c.no && b.null
		o.err = c.err || c.yes && a.err || c.no && b.err
	case "coalesce":
		a, b := arg(0), arg(1)
		o.yes, o.no = a.yes || a.null && b.yes, a.no || a.null && b.no
		o.null, o.err = a.null && b.null, a.err || a.null && b.err
	case "eq", "ne", "lt", "le":
		o.compare(nd.Op, arg(0), arg(1), t.nodes[nd.Args[0]].Type.Float())
	case "in":
		o.yes = within(nd, arg(0))
		o.no = !arg(0).none
	case "starts_with":
		if arg(0).none {
			o.yes, o.no = false, false
		} else if p, ok := arg(1).lo.(string); ok && arg(1).hi == p {
			o.prefix(arg(0), p)
		}
	case "try_to_int", "try_parse_int", "try_parse_float", "try_parse_date", "try_parse_timestamp":
		o.null = true
	}
	return o
}

// sameClass says whether bounds are of the Go type that a column's values have here.
func sameClass(lo, hi any, t batch.Type) bool {
	switch lo.(type) {
	case int64:
		_, ok := hi.(int64)
		return ok && (t.Integer() || t.Temporal() || t.Kind == batch.Decimal)
	case float64:
		_, ok := hi.(float64)
		return ok && t.Float()
	case string:
		_, ok := hi.(string)
		return ok && t.Text()
	}
	return false
}

// order compares two bounds; false where they are of different types.
func order(a, b any) (int, bool) {
	switch a := a.(type) {
	case int64:
		b, ok := b.(int64)
		return cmp.Compare(a, b), ok
	case float64:
		b, ok := b.(float64)
		return cmp.Compare(a, b), ok
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	}
	return 0, false
}

// compare narrows what a comparison may give. Floats may be NaN besides what their bounds say: then it is false, or != true.
func (o *outcome) compare(op string, a, b outcome, nan bool) {
	if a.none || b.none {
		o.yes, o.no = false, false
		return
	}
	least, ok1 := order(a.lo, b.hi)
	most, ok2 := order(a.hi, b.lo)
	if !ok1 || !ok2 {
		return
	}
	single := a.lo == a.hi && b.lo == b.hi
	switch op {
	case "lt":
		o.yes, o.no = least < 0, most >= 0
	case "le":
		o.yes, o.no = least <= 0, most > 0
	case "eq":
		o.yes, o.no = least <= 0 && most >= 0, !(single && least == 0)
	case "ne":
		o.yes, o.no = !(single && least == 0), least <= 0 && most >= 0
	}
	if nan && op == "ne" {
		o.yes = true
	} else if nan {
		o.no = true
	}
	if op == "eq" && o.yes {
		o.yes = a.may(b) && b.may(a)
	}
}

// may says whether the one value that b is, if it is one, may be among those of o.
func (o *outcome) may(b outcome) bool {
	return o.has == nil || b.lo == nil || b.lo != b.hi || o.has(b.lo)
}

// within says whether a list may hold a value between the bounds.
func within(nd *program.ExprNode, a outcome) bool {
	if a.none {
		return false
	}
	has := func(v any) bool {
		x, ok1 := order(a.lo, v)
		y, ok2 := order(v, a.hi)
		return (!ok1 || !ok2 || x <= 0 && y <= 0) && (a.has == nil || a.has(v))
	}
	for _, v := range nd.Ints {
		if has(v) {
			return true
		}
	}
	for _, v := range nd.Floats {
		if has(v) {
			return true
		}
	}
	for _, v := range nd.Strings {
		if has(v) {
			return true
		}
	}
	return false
}

// prefix narrows startsWith: texts with a prefix lie from the prefix up to all that do not sort behind it.
func (o *outcome) prefix(a outcome, p string) {
	lo, ok1 := a.lo.(string)
	hi, ok2 := a.hi.(string)
	if ok1 && ok2 && (hi < p || lo > p && !strings.HasPrefix(lo, p)) {
		o.yes = false
	}
}
