package expr

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// Function is an entry of the reference.
type Function struct {
	Name      string
	Signature string
	Doc       string
}

// function is a Function with how it is lowered. args are typed and none of them is nil or unknown.
type function struct {
	Function
	min, max int
	lower    func(c *checker, n *ast.CallNode, args []val) val
}

// Functions are the functions of the language, by name.
func Functions() []Function {
	out := make([]Function, len(functions))
	for i, f := range functions {
		out[i] = f.Function
	}
	return out
}

func functionIndex(name string) int {
	return slices.IndexFunc(functions, func(f function) bool { return f.Name == name })
}

func functionNames() []string {
	n := []string{"col"}
	for _, f := range functions {
		n = append(n, f.Name)
	}
	return n
}

var functions []function

func init() {
	def := func(signature, doc string, min, max int, lower func(c *checker, n *ast.CallNode, args []val) val) {
		name, _, _ := strings.Cut(signature, "(")
		functions = append(functions, function{Function{name, signature, doc}, min, max, lower})
	}
	def("abs(x)", "The number without its sign.", 1, 1, intOrFloat("abs"))
	for name, doc := range map[string]string{
		"exp": "e to the power x.", "expm1": "exp(x) - 1, accurate near 0.", "log": "The natural logarithm: NaN below 0, -Inf at 0.",
		"log2": "The logarithm to base 2.", "log10": "The logarithm to base 10.", "log1p": "log(1 + x), accurate near 0.",
		"sqrt": "The square root: NaN below 0.", "sin": "The sine of x radians.", "cos": "The cosine of x radians."} {
		def(name+"(x)", doc, 1, 1, float1(name))
	}
	def("floor(x)", "The largest whole number not above x; an integer stays an integer.", 1, 1, whole("floor"))
	def("ceil(x)", "The least whole number not below x; an integer stays an integer.", 1, 1, whole("ceil"))
	def("round(x)", "The nearest whole number, halves away from zero; an integer stays an integer.", 1, 1, whole("round"))
	def("pow(x, y)", "x to the power y, a float: the same as x ** y.", 2, 2, func(c *checker, n *ast.CallNode, a []val) val {
		if !c.numbers(n, a) {
			return unknown
		}
		return c.strict(n, "pow", floatType, c.toFloat(n, a[0]), c.toFloat(n, a[1]))
	})
	def("div(x, y)", "Integer division towards zero; by zero it is an error of the row.", 2, 2, integer2("idiv"))
	def("mod(x, y)", "The remainder of div, with the sign of x: the same as x % y.", 2, 2, integer2("mod"))
	def("min(x, y, …)", "The least of numbers or times; nil if one is nil, NaN if one is NaN.", 2, 100, extreme("min"))
	def("max(x, y, …)", "The greatest of numbers or times; nil if one is nil, NaN if one is NaN.", 2, 100, extreme("max"))
	def("clip(x, low, high)", "x, but not below low and not above high: min(max(x, low), high).", 3, 3,
		func(c *checker, n *ast.CallNode, a []val) val {
			lo := extreme("max")(c, n, a[:2])
			if lo.node < 0 {
				return unknown
			}
			return extreme("min")(c, n, []val{lo, a[2]})
		})
	def("is_nan(x)", "Whether a float is NaN; nil is no NaN, but nil.", 1, 1, func(c *checker, n *ast.CallNode, a []val) val {
		if !c.numbers(n, a) {
			return unknown
		}
		f := c.toFloat(n, a[0])
		return c.strict(n, "ne", boolType, f, f)
	})
	def("lower(s)", "The text in lower case.", 1, 1, text("lower", stringType, 1))
	def("upper(s)", "The text in upper case.", 1, 1, text("upper", stringType, 1))
	def("trim(s)", "The text without the white space around it.", 1, 1, text("trim", stringType, 1))
	def("replace(s, old, new)", "The text with every old replaced by new; an empty old is nowhere.", 3, 3, text("replace", stringType, 3))
	def("length(s)", "The number of characters of a text.", 1, 1, text("length", intType, 1))
	for name, doc := range map[string]string{"year": "The year.", "month": "The month, 1 to 12.", "day": "The day of the month, 1 to 31.",
		"weekday": "The day of the week as ISO counts: 1 is Monday, 7 is Sunday.", "yearday": "The day of the year, 1 to 366."} {
		def(name+"(t)", doc+" Of a date, or of a timestamp as written.", 1, 1, part(name, false))
	}
	for name, doc := range map[string]string{"hour": "The hour, 0 to 23.", "minute": "The minute, 0 to 59.", "second": "The second, 0 to 59."} {
		def(name+"(t)", doc+" Of a timestamp as written.", 1, 1, part(name, true))
	}
	def("in_zone(t, zone)", "The time that a clock in the zone shows at a timestamp that has a zone; the result has none.", 2, 2, inZone)
	def("days_between(a, b)", "The days from the date of a to the date of b: negative where b is before a.", 2, 2, daysBetween)
	def("seconds_between(a, b)", "The seconds from a to b, a float: negative where b is before a.", 2, 2, secondsBetween)
	def("int(x)", "A float without its fraction, a truth value as 0 or 1, a text of digits; what does not fit is an error of the row.", 1, 1, toIntCast(false))
	def("try_int(x)", "As int, but nil where int is an error.", 1, 1, toIntCast(true))
	def("float(x)", "A number, truth value or text as a float; a text that is no number is an error of the row.", 1, 1, toFloatCast(false))
	def("try_float(x)", "As float, but nil where float is an error.", 1, 1, toFloatCast(true))
	def("string(x)", "The value as text: 1.5, true, 2001-01-05, 2001-01-05T10:20:30.", 1, 1, toStringCast)
	def("bool(x)", "Whether a number is not 0.", 1, 1, toBoolCast)
	def("date(x [, layout])", "The date of a timestamp as written, or of a text such as 2001-01-05, or as a layout of %Y %y %m %b %d %j says.", 1, 2, toTime("date", false))
	def("try_date(s [, layout])", "As date of a text, but nil where date is an error.", 1, 2, toTime("date", true))
	def("timestamp(x [, layout])", "The midnight of a date, or a timestamp in microseconds from a text such as 2001-01-05T10:20:30.5, or as a layout of the fields of date and %H %I %p %M %S %f says.", 1, 2, toTime("timestamp", false))
	def("try_timestamp(s [, layout])", "As timestamp of a text, but nil where timestamp is an error.", 1, 2, toTime("timestamp", true))
	slices.SortFunc(functions, func(a, b function) int { return strings.Compare(a.Name, b.Name) })
}

// function types a call.
func (c *checker) function(n *ast.CallNode) val {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		c.fail(diag.ExprSyntax, n, "methods are no part of the language")
		return unknown
	}
	if c.call != nil {
		if v, ok := c.call(c, id.Value, n); ok {
			return v
		}
	}
	if id.Value == "col" && c.schema != nil {
		return c.colCall(n)
	}
	i := functionIndex(id.Value)
	if i < 0 {
		d := c.fail(diag.ExprFunction, id, "no function %q", id.Value)
		d.Help = diag.DidYouMean(id.Value, "functions", functionNames())
		if c.schema != nil && c.schema.Has(id.Value) {
			d.Help = "there is a column " + quote(id.Value) + ": a name before ( is a function"
		}
		for _, a := range n.Arguments {
			c.expr(a) // its own mistakes are said all the same
		}
		return unknown
	}
	f := functions[i]
	args := make([]val, len(n.Arguments))
	bad := false
	for i, a := range n.Arguments {
		args[i] = c.operand(a)
		bad = bad || args[i].node < 0
	}
	if len(args) < f.min || len(args) > f.max {
		d := c.fail(diag.ExprFunction, n, "%s with %d arguments", f.Name, len(args))
		d.Help = "it is " + f.Signature
		return unknown
	}
	if bad {
		return unknown
	}
	return f.lower(c, n, args)
}

// colCall is col("name"), for names that are no identifiers.
func (c *checker) colCall(n *ast.CallNode) val {
	if len(n.Arguments) == 1 {
		if s, ok := n.Arguments[0].(*ast.StringNode); ok {
			return c.column(s.Value, n.Arguments[0])
		}
	}
	d := c.fail(diag.ExprFunction, n, "col takes one literal text")
	d.Help = `col("capital-gain")`
	return unknown
}

// argument reports an argument of the wrong type.
func (c *checker) argument(n *ast.CallNode, i int, v val, want, help string) val {
	at := ast.Node(n)
	if i < len(n.Arguments) {
		at = n.Arguments[i]
	}
	d := c.fail(diag.ExprType, at, "%s takes %s, not %s", n.Callee.(*ast.IdentifierNode).Value, want, v.typ)
	d.Help = help
	return unknown
}

// numbers says whether all arguments are numbers, and reports the first that is not.
func (c *checker) numbers(n *ast.CallNode, a []val) bool {
	for i, v := range a {
		if !v.typ.Numeric() {
			help := ""
			if v.typ == stringType {
				help = "float(x) reads a number from a text"
			}
			c.argument(n, i, v, "a number", help)
			return false
		}
	}
	return true
}

func float1(op string) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		if !c.numbers(n, a) {
			return unknown
		}
		return c.strict(n, op, floatType, c.toFloat(n, a[0]))
	}
}

func intOrFloat(op string) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		switch {
		case !c.numbers(n, a):
			return unknown
		case a[0].typ.Integer():
			return c.strict(n, op, intType, a[0])
		}
		return c.strict(n, op, floatType, c.toFloat(n, a[0]))
	}
}

// whole is a rounding, which leaves integers alone.
func whole(op string) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		switch {
		case !c.numbers(n, a):
			return unknown
		case a[0].typ.Integer():
			return a[0]
		}
		return c.strict(n, op, floatType, c.toFloat(n, a[0]))
	}
}

func integer2(op string) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		for i, v := range a {
			if !v.typ.Integer() {
				help := ""
				if v.typ.Float() {
					help = "int(x) drops the fraction; x / y divides floats"
				}
				return c.argument(n, i, v, "integers", help)
			}
		}
		return c.strict(n, op, intType, a...)
	}
}

// extreme folds min or max from the left.
func extreme(op string) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		v := a[0]
		for i, w := range a[1:] {
			if !v.typ.Numeric() && !v.typ.Temporal() {
				return c.argument(n, i, v, "numbers or times", "")
			}
			if v.typ.Numeric() != w.typ.Numeric() && w.typ != stringType || v.typ.Numeric() && w.typ == stringType {
				return c.argument(n, i+1, w, "numbers or times", "")
			}
			x, y, t, ok := c.unify(n, v, w)
			switch {
			case !ok:
				return unknown
			case t.Temporal():
				less := c.strict(n, "lt", boolType, x, y)
				if op == "max" {
					x, y = y, x
				}
				v = c.op(n, "select", t, x.nullable || y.nullable, less, x, y)
			case t.Integer():
				v = c.strict(n, op, intType, x, y)
			default:
				v = c.strict(n, op, floatType, c.toFloat(n, x), c.toFloat(n, y))
			}
			if v.node < 0 {
				return unknown
			}
		}
		return v
	}
}

func text(op string, result batch.Type, count int) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		for i, v := range a[:count] {
			if v.typ != stringType {
				return c.argument(n, i, v, "a text", "string(x) makes a text")
			}
		}
		return c.strict(n, op, result, a...)
	}
}

const zoneHelp = `in_zone(x, "Europe/Berlin") gives the time that a clock there shows`

// part is a part of a date or time. clock: only timestamps have it.
func part(op string, clock bool) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		v := a[0]
		switch {
		case v.typ.Kind == batch.Timestamp && v.typ.Zone != "":
			return c.argument(n, 0, v, "a time without a zone", zoneHelp)
		case v.typ.Kind == batch.Timestamp || v.typ.Kind == batch.Date && !clock:
			return c.strict(n, op, intType, v)
		case clock:
			return c.argument(n, 0, v, "a timestamp", timeHelp(v, "timestamp"))
		}
		return c.argument(n, 0, v, "a date or a timestamp", timeHelp(v, "timestamp"))
	}
}

func timeHelp(v val, cast string) string {
	if v.typ == stringType {
		return cast + "(x) reads a text such as 2001-01-05"
	}
	return ""
}

func inZone(c *checker, n *ast.CallNode, a []val) val {
	v := a[0]
	if v.typ.Kind != batch.Timestamp || v.typ.Zone == "" {
		return c.argument(n, 0, v, "a timestamp with a zone", "one without a zone is taken as written")
	}
	zone, ok := c.literalText(a[1])
	if !ok {
		return c.argument(n, 1, a[1], "the zone as a literal text", `in_zone(x, "Europe/Berlin")`)
	}
	if err := program.CheckZone(zone); err != nil {
		return c.helped(n.Arguments[1], "IANA names: Europe/Berlin, America/New_York, UTC", "%v", err)
	}
	t := v.typ
	t.Zone = ""
	return c.put(n, program.ExprNode{Op: "in_zone", Type: t, S: zone}, v.nullable, v)
}

// asDate gives a date from a date, a time as written, or a literal.
func (c *checker) asDate(n *ast.CallNode, i int, v val) val {
	switch {
	case v.typ == dateType:
		return v
	case v.typ.Kind == batch.Timestamp && v.typ.Zone != "":
		return c.argument(n, i, v, "a date or a time without a zone", zoneHelp)
	case v.typ.Kind == batch.Timestamp:
		return c.strict(n, "to_date", dateType, v)
	}
	if _, ok := c.literalText(v); ok {
		return c.temporal(n.Arguments[i], v, dateType)
	}
	return c.argument(n, i, v, "a date or a timestamp", timeHelp(v, "date"))
}

func daysBetween(c *checker, n *ast.CallNode, a []val) val {
	x, y := c.asDate(n, 0, a[0]), c.asDate(n, 1, a[1])
	if x.node < 0 || y.node < 0 {
		return unknown
	}
	return c.strict(n, "sub", intType, c.strict(n, "raw", intType, y), c.strict(n, "raw", intType, x))
}

func secondsBetween(c *checker, n *ast.CallNode, a []val) val {
	t, ok := c.meetTimes(a[0], a[1])
	for i, v := range a {
		if _, lit := c.literalText(v); !v.typ.Temporal() && !(lit && ok) {
			return c.argument(n, i, v, "a date or a timestamp", timeHelp(v, "timestamp"))
		}
	}
	if !ok {
		return c.helped(n, zoneHelp, "%s and %s: one has a zone", a[0].typ, a[1].typ)
	}
	if t.Kind == batch.Date {
		t = batch.Type{Kind: batch.Timestamp, Unit: batch.Second}
	}
	x, y := c.temporal(n, a[0], t), c.temporal(n, a[1], t)
	if x.node < 0 || y.node < 0 {
		return unknown
	}
	d := c.strict(n, "sub", intType, c.strict(n, "raw", intType, y), c.strict(n, "raw", intType, x))
	f := c.strict(n, "to_float", floatType, d)
	if t.Unit == batch.Second {
		return f
	}
	return c.strict(n, "divide", floatType, f, c.floatConst(n, float64(t.Unit.PerSecond())))
}

func toIntCast(try bool) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		v := a[0]
		op := func(name string, v val) val {
			if try {
				return c.op(n, "try_"+name, intType, true, v)
			}
			return c.strict(n, name, intType, v)
		}
		switch {
		case v.typ == intType:
			return v
		case v.typ.Integer() || v.typ == boolType:
			return c.strict(n, "to_int", intType, v)
		case v.typ.Numeric():
			return op("to_int", c.toFloat(n, v))
		case v.typ == stringType:
			return op("parse_int", v)
		}
		return c.argument(n, 0, v, "a number, a truth value or a text", "")
	}
}

func toFloatCast(try bool) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		v := a[0]
		switch {
		case v.typ.Numeric():
			return c.toFloat(n, v)
		case v.typ == boolType:
			return c.strict(n, "to_float", floatType, v)
		case v.typ == stringType && try:
			return c.op(n, "try_parse_float", floatType, true, v)
		case v.typ == stringType:
			return c.strict(n, "parse_float", floatType, v)
		}
		return c.argument(n, 0, v, "a number, a truth value or a text", "")
	}
}

func toStringCast(c *checker, n *ast.CallNode, a []val) val {
	v := a[0]
	switch {
	case v.typ == stringType:
		return v
	case v.typ.Kind == batch.Timestamp && v.typ.Zone != "":
		return c.argument(n, 0, v, "a time without a zone", zoneHelp)
	case v.typ.Kind == batch.Bytes:
		return c.argument(n, 0, v, "a number, truth value or time", "")
	}
	return c.strict(n, "to_text", stringType, v)
}

func toBoolCast(c *checker, n *ast.CallNode, a []val) val {
	v := a[0]
	switch {
	case v.typ == boolType:
		return v
	case v.typ.Numeric():
		return c.compare(n, "ne", v, c.intConst(n, intType, 0))
	}
	return c.argument(n, 0, v, "a number", `of a text, write what is true: s == "yes"`)
}

// toTime is date and timestamp.
func toTime(name string, try bool) func(*checker, *ast.CallNode, []val) val {
	return func(c *checker, n *ast.CallNode, a []val) val {
		v, typ, layout := a[0], dateType, ""
		if name == "timestamp" {
			typ = batch.Type{Kind: batch.Timestamp, Unit: batch.Micro}
		}
		if len(a) == 2 {
			s, ok := c.literalText(a[1])
			if !ok || s == "" {
				return c.argument(n, 1, a[1], "the layout as a literal text", `date(s, "%d.%m.%Y")`)
			}
			if err := program.CheckLayout(s); err != nil {
				return c.typeError(n.Arguments[1], "%v", err)
			}
			layout = s
		}
		switch {
		case v.typ == stringType && try:
			return c.put(n, program.ExprNode{Op: "try_parse_" + name, Type: typ, S: layout}, true, v)
		case v.typ == stringType:
			return c.put(n, program.ExprNode{Op: "parse_" + name, Type: typ, S: layout}, v.nullable, v)
		case try || len(a) == 2:
			return c.argument(n, 0, v, "a text", "")
		case v.typ.Kind == batch.Timestamp && v.typ.Zone != "":
			return c.argument(n, 0, v, "a time without a zone", zoneHelp)
		case v.typ.Kind == typ.Kind:
			return v
		case v.typ.Kind == batch.Timestamp:
			return c.strict(n, "to_date", typ, v)
		case v.typ.Kind == batch.Date:
			return c.strict(n, "to_timestamp", typ, v)
		}
		return c.argument(n, 0, v, "a text, a date or a timestamp", "")
	}
}
