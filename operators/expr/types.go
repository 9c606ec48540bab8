package expr

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

type diagSpan = file.Location

func quote(s string) string { return strconv.Quote(s) }

// toFloat gives a number as a float64.
func (c *checker) toFloat(at ast.Node, v val) val {
	if v.node < 0 || v.typ == floatType {
		return v
	}
	return c.strict(at, "to_float", floatType, v)
}

// toInt gives an integer as an int64.
func (c *checker) toInt(at ast.Node, v val) val {
	if v.node < 0 || v.typ == intType {
		return v
	}
	return c.strict(at, "to_int", intType, v)
}

// temporal gives a value as one of date or timestamp type t: a constant text is read, a date becomes its midnight, units change.
func (c *checker) temporal(at ast.Node, v val, t batch.Type) val {
	if v.node < 0 || v.typ == t {
		return v
	}
	if s, ok := c.literalText(v); ok {
		i, err := program.ParseTime(s, t)
		if err != nil {
			form := "2001-01-05"
			if t.Kind == batch.Timestamp {
				form = "2001-01-05T10:20:30"
			}
			return c.helped(at, "a "+t.Kind.String()+" is written "+quote(form), "%v", err)
		}
		return c.intConst(at, t, i)
	}
	switch {
	case v.typ.Kind == batch.Date && t.Kind == batch.Timestamp:
		return c.strict(at, "to_timestamp", t, v)
	case v.typ.Kind == batch.Timestamp && t.Kind == batch.Timestamp && v.typ.Unit != t.Unit:
		u := v.typ
		u.Unit = t.Unit
		return c.strict(at, "to_unit", u, v)
	}
	return v
}

// meetTimes gives the type in which two times, or a time and a constant text, are compared: the finer unit, a timestamp rather than a
// date. False: there is none.
func (c *checker) meetTimes(l, r val) (batch.Type, bool) {
	_, lt := c.literalText(l)
	_, rt := c.literalText(r)
	a, b := l.typ, r.typ
	switch {
	case lt && b.Temporal():
		return b, true
	case rt && a.Temporal():
		return a, true
	case !a.Temporal() || !b.Temporal():
		return a, false
	case a.Kind == batch.Date && b.Kind == batch.Date:
		return a, true
	case a.Kind == batch.Date:
		return b, b.Zone == ""
	case b.Kind == batch.Date:
		return a, a.Zone == ""
	case (a.Zone == "") != (b.Zone == ""):
		return a, false
	}
	a.Unit = max(a.Unit, b.Unit)
	return a, true
}

// unify gives two values one type: that of both, a wider number, a finer time.
func (c *checker) unify(at ast.Node, l, r val) (val, val, batch.Type, bool) {
	if l.node < 0 || r.node < 0 {
		return unknown, unknown, batch.Type{}, false
	}
	a, b := l.typ, r.typ
	switch {
	case a == b:
		return l, r, a, true
	case a.Integer() && b.Integer():
		return c.toInt(at, l), c.toInt(at, r), intType, true
	case a.Numeric() && b.Numeric():
		return c.toFloat(at, l), c.toFloat(at, r), floatType, true
	}
	if t, ok := c.meetTimes(l, r); ok && (a.Zone == b.Zone || !a.Temporal() || !b.Temporal()) {
		l, r = c.temporal(at, l, t), c.temporal(at, r, t)
		return l, r, t, l.node >= 0 && r.node >= 0
	}
	c.typeError(at, "%s and %s have no type in common", a, b)
	return unknown, unknown, batch.Type{}, false
}

// compare is eq, ne, lt or le.
func (c *checker) compare(at ast.Node, op string, l, r val) val {
	if l.node < 0 || r.node < 0 {
		return unknown
	}
	a, b := l.typ, r.typ
	switch {
	case a.Integer() && b.Integer():
		return c.strict(at, op, boolType, l, r)
	case a.Kind == batch.Decimal || b.Kind == batch.Decimal:
		if v, ok := c.decimal(at, op, l, r); ok {
			return v
		}
	}
	if a.Numeric() && b.Numeric() {
		return c.strict(at, op, boolType, c.toFloat(at, l), c.toFloat(at, r))
	}
	if t, ok := c.meetTimes(l, r); ok {
		l, r = c.temporal(at, l, t), c.temporal(at, r, t)
		return c.strict(at, op, boolType, l, r)
	}
	if a.Kind == b.Kind && (a.Text() || a.Kind == batch.Bool && (op == "eq" || op == "ne")) {
		return c.strict(at, op, boolType, l, r)
	}
	help := ""
	switch {
	case a.Temporal() && b.Temporal():
		help = `in_zone(x, "Europe/Berlin") gives the time that a clock there shows, without a zone`
	case a.Text() != b.Text() && (a.Numeric() || b.Numeric()):
		help = "int(x) and float(x) read a number from a text; string(x) makes a text of a number"
	case a.Kind == batch.Bool && b.Kind == batch.Bool:
		help = "truth values have no order: == and != compare them"
	}
	return c.helped(at, help, "%s and %s cannot be compared", a, b)
}

// decimal compares exactly where it can: with a literal, or another decimal of the same scale.
func (c *checker) decimal(at ast.Node, op string, l, r val) (val, bool) {
	if l.typ.Kind == batch.Decimal && r.typ.Kind == batch.Decimal {
		if l.typ.Scale == r.typ.Scale {
			return c.strict(at, op, boolType, l, r), true
		}
		return unknown, false
	}
	d, lit, swapped := l, r, false
	if r.typ.Kind == batch.Decimal {
		d, lit, swapped = r, l, true
	}
	nd, ok := c.literal(lit)
	if !ok || !lit.typ.Numeric() {
		return unknown, false
	}
	below, exact, ok := scaled(nd, int(d.typ.Scale))
	if !ok {
		return unknown, false
	}
	k := c.intConst(at, d.typ, below)
	switch {
	case exact && swapped:
		return c.strict(at, op, boolType, k, d), true
	case exact:
		return c.strict(at, op, boolType, d, k), true
	case op == "eq":
		return c.put(at, program.ExprNode{Op: "in", Type: boolType}, d.nullable, d), true
	case op == "ne":
		return c.strict(at, "not", boolType, c.put(at, program.ExprNode{Op: "in", Type: boolType}, d.nullable, d)), true
	case swapped: // below < literal < d
		return c.strict(at, "lt", boolType, k, d), true
	}
	return c.strict(at, "le", boolType, d, k), true
}

// scaled is a constant number times 10^scale, rounded down, and whether that was exact. A float means its shortest decimal text.
func scaled(nd *program.ExprNode, scale int) (below int64, exact, ok bool) {
	s := strconv.FormatInt(nd.I, 10)
	if nd.Op == "float" {
		if nd.F != nd.F || math.IsInf(nd.F, 0) {
			return 0, false, false
		}
		s = strconv.FormatFloat(nd.F, 'f', -1, 64)
	}
	whole, frac, _ := strings.Cut(s, ".")
	exact = len(frac) <= scale || strings.Trim(frac[scale:], "0") == ""
	frac = (frac + strings.Repeat("0", scale))[:scale]
	v, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || v == math.MinInt64 {
		return 0, false, false
	}
	if !exact && strings.HasPrefix(s, "-") {
		v--
	}
	return v, exact, true
}

// in is x in [a, b] and x in lo..hi.
func (c *checker) in(n *ast.BinaryNode, l val) val {
	if b, ok := n.Right.(*ast.BinaryNode); ok && b.Operator == ".." {
		lo, hi := c.operand(b.Left), c.operand(b.Right)
		if l.node < 0 || lo.node < 0 || hi.node < 0 {
			return unknown
		}
		x, y := c.compare(n, "le", lo, l), c.compare(n, "le", l, hi)
		if x.node < 0 || y.node < 0 {
			return unknown
		}
		return c.strict(n, "and", boolType, x, y)
	}
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		c.operand(n.Right)
		return c.helped(n.Right, `x in ["a", "b"], x in 1..5`, "to the right of in stands a list or a range")
	}
	if len(list.Nodes) == 0 {
		return c.typeError(n.Right, "the list is empty")
	}
	items := make([]val, len(list.Nodes))
	bad := l.node < 0
	for i, it := range list.Nodes {
		items[i] = c.operand(it)
		bad = bad || items[i].node < 0
	}
	if bad {
		return unknown
	}
	if set, ok := c.set(n, list, l, items); ok {
		return set
	}
	// some are no constants, or of a type that has no set
	any := unknown
	for i, it := range items {
		e := c.compare(list.Nodes[i], "eq", l, it)
		if e.node < 0 {
			return unknown
		}
		if any.node < 0 {
			any = e
			continue
		}
		any = c.strict(n, "or", boolType, any, e)
	}
	return any
}

// set is x in a list of constants of x's type.
func (c *checker) set(n, list ast.Node, l val, items []val) (val, bool) {
	nd := program.ExprNode{Op: "in", Type: boolType}
	floats := l.typ.Float()
	for _, it := range items {
		_, ok := c.literal(it)
		if !ok {
			return unknown, false
		}
		floats = floats || l.typ.Integer() && it.typ.Float()
	}
	for _, it := range items {
		k, _ := c.literal(it)
		switch {
		case floats && it.typ.Integer():
			nd.Floats = append(nd.Floats, float64(k.I))
		case floats && it.typ.Float() && k.F == k.F:
			nd.Floats = append(nd.Floats, k.F)
		case l.typ.Integer() && it.typ.Integer():
			nd.Ints = append(nd.Ints, k.I)
		case l.typ.Kind == batch.Decimal && it.typ.Numeric():
			v, exact, ok := scaled(k, int(l.typ.Scale))
			if !ok {
				return unknown, false
			}
			if exact {
				nd.Ints = append(nd.Ints, v)
			}
		case l.typ == stringType && it.typ == stringType:
			nd.Strings = append(nd.Strings, k.S)
		case l.typ.Temporal() && it.typ == stringType:
			v := c.temporal(list, it, l.typ)
			if v.node < 0 {
				return unknown, true
			}
			nd.Ints = append(nd.Ints, c.b.nodes[v.node].I)
		case l.typ.Temporal() && it.typ == l.typ:
			nd.Ints = append(nd.Ints, k.I)
		default:
			return unknown, false
		}
	}
	slices.Sort(nd.Ints)
	slices.Sort(nd.Floats)
	slices.Sort(nd.Strings)
	nd.Ints, nd.Floats, nd.Strings = slices.Compact(nd.Ints), slices.Compact(nd.Floats), slices.Compact(nd.Strings)
	if floats {
		l = c.toFloat(n, l)
	}
	return c.put(n, nd, l.nullable, l), true
}
