package expr

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

var (
	boolType   = batch.T(batch.Bool)
	intType    = batch.T(batch.Int64)
	floatType  = batch.T(batch.Float64)
	stringType = batch.T(batch.String)
	dateType   = batch.T(batch.Date)
)

// val is what the checker knows of a part of an expression.
type val struct {
	node     int // of the builder; -1 where the type is unknown or nil
	typ      batch.Type
	nullable bool
	isNil    bool // the word nil, which has no type of its own
}

// unknown follows from an error, or from a column of unknown type, and silences what follows from it.
var unknown = val{node: -1, nullable: true}

type binding struct {
	name string
	v    val
}

// findingsMax is how many findings an expression gives.
const findingsMax = 20

// checker types a tree and lowers it.
type checker struct {
	src   string
	chars int
	runes []rune
	at    diag.At
	list  diag.List

	schema *operators.Schema // of columns; nil: names are resolved by name
	name   func(c *checker, name string, n ast.Node) val
	call   func(c *checker, name string, n *ast.CallNode) (val, bool)

	b     builder
	cols  []operators.Field // those used, by the I of their col nodes
	lets  []binding
	memo  map[ast.Node]val // the parser shares the middle of a < b < c, and the left of a ?: b
	spans map[ast.Node]diagSpan
	known []map[int]bool // columns that are not null here
	facts *facts
	depth int
	deep  bool
}

func newChecker(src string, at diag.At) *checker {
	return &checker{src: src, chars: utf8.RuneCountInString(src), at: at, b: builder{index: map[string]int{}},
		memo: map[ast.Node]val{}, spans: map[ast.Node]diagSpan{}, facts: newFacts(nil)}
}

func (c *checker) fail(code diag.Code, n ast.Node, format string, args ...any) *diag.Diagnostic {
	d := diag.New(code, c.place(c.span(n)), format, args...)
	if len(c.list) >= findingsMax {
		return &d // enough to work on; nobody reads a thousand
	}
	c.list.Add(d)
	return &c.list[len(c.list)-1]
}

func (c *checker) typeError(n ast.Node, format string, args ...any) val {
	c.fail(diag.ExprType, n, format, args...)
	return unknown
}

// helped is typeError with help.
func (c *checker) helped(n ast.Node, help string, format string, args ...any) val {
	c.fail(diag.ExprType, n, format, args...).Help = help
	return unknown
}

// op adds a node. A constant that fails is an error of the expression.
func (c *checker) op(at ast.Node, op string, t batch.Type, nullable bool, args ...val) val {
	nd := program.ExprNode{Op: op, Type: t}
	return c.put(at, nd, nullable, args...)
}

func (c *checker) put(at ast.Node, nd program.ExprNode, nullable bool, args ...val) val {
	for _, a := range args {
		if a.node < 0 {
			return unknown
		}
		nd.Args = append(nd.Args, a.node)
	}
	i, err := c.b.add(nd)
	if err != nil {
		return c.typeError(at, "%v", err)
	}
	if c.b.isConst(i) {
		nullable = c.b.nodes[i].Op == "null"
	}
	return val{node: i, typ: nd.Type, nullable: nullable}
}

// strict adds a node through which nulls travel.
func (c *checker) strict(at ast.Node, op string, t batch.Type, args ...val) val {
	return c.op(at, op, t, slices.ContainsFunc(args, func(a val) bool { return a.nullable }), args...)
}

func (c *checker) intConst(at ast.Node, t batch.Type, v int64) val {
	return c.put(at, program.ExprNode{Op: "int", Type: t, I: v}, false)
}

func (c *checker) floatConst(at ast.Node, v float64) val {
	return c.put(at, program.ExprNode{Op: "float", Type: floatType, F: v}, false)
}

// literal gives the node of a constant that is not null.
func (c *checker) literal(v val) (*program.ExprNode, bool) {
	if v.node < 0 || !c.b.isConst(v.node) || c.b.nodes[v.node].Op == "null" {
		return nil, false
	}
	return &c.b.nodes[v.node], true
}

// literalText gives the value of a constant text.
func (c *checker) literalText(v val) (string, bool) {
	if nd, ok := c.literal(v); ok && nd.Op == "text" {
		return nd.S, true
	}
	return "", false
}

// expr types a node.
func (c *checker) expr(n ast.Node) val {
	if v, ok := c.memo[n]; ok {
		return v
	}
	if c.depth++; c.depth > DepthMax {
		c.depth--
		if !c.deep {
			c.deep = true
			c.fail(diag.ExprCost, n, "the expression is nested more than %d deep", DepthMax)
		}
		return unknown
	}
	v := c.visit(n)
	c.depth--
	c.memo[n] = v
	return v
}

func (c *checker) visit(n ast.Node) val {
	switch n := n.(type) {
	case *ast.NilNode:
		return val{node: -1, isNil: true, nullable: true}
	case *ast.BoolNode:
		i := int64(0)
		if n.Value {
			i = 1
		}
		return c.put(n, program.ExprNode{Op: "bool", Type: boolType, I: i}, false)
	case *ast.IntegerNode:
		return c.intConst(n, intType, int64(n.Value))
	case *ast.FloatNode:
		return c.floatConst(n, n.Value)
	case *ast.StringNode:
		return c.put(n, program.ExprNode{Op: "text", Type: stringType, S: n.Value}, false)
	case *ast.IdentifierNode:
		return c.identifier(n)
	case *ast.MemberNode, *ast.ChainNode:
		return c.member(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.chain(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.VariableDeclaratorNode:
		return c.let(n)
	case *ast.CallNode:
		return c.function(n)
	case *ast.ArrayNode:
		for _, a := range n.Nodes {
			c.expr(a)
		}
		return c.helped(n, "x in [1, 2, 3]", "a list stands only to the right of in")
	}
	what := "this"
	switch n.(type) {
	case *ast.BuiltinNode, *ast.PredicateNode, *ast.PointerNode:
		what = "a function over lists"
	case *ast.MapNode, *ast.PairNode:
		what = "a map"
	case *ast.SliceNode:
		what = "a slice [:]"
	case *ast.SequenceNode:
		what = "a sequence with ;"
	case *ast.BytesNode:
		what = "a text of bytes"
	}
	c.fail(diag.ExprSyntax, n, "%s is no part of the language", what)
	return unknown
}

func (c *checker) identifier(n *ast.IdentifierNode) val {
	for i := len(c.lets) - 1; i >= 0; i-- {
		if c.lets[i].name == n.Value {
			return c.lets[i].v
		}
	}
	if c.schema == nil {
		return c.name(c, n.Value, n)
	}
	return c.column(n.Value, n)
}

// column uses a column of the schema.
func (c *checker) column(name string, n ast.Node) val {
	f, l := c.schema.Want(name, c.place(c.span(n)))
	if len(l) > 0 {
		if i := functionIndex(name); i >= 0 {
			l[0].Help = name + " is a function: " + functions[i].Signature
		}
		if len(c.list) < findingsMax {
			c.list.Add(l...)
		}
		return unknown
	}
	switch f.Type.Kind {
	case batch.Unknown:
		if c.colIndex(name) < 0 {
			c.cols = append(c.cols, f) // so that Columns says it
		}
		return unknown
	case batch.Vector:
		c.fail(diag.WideMember, n, "column %q is wide: an expression cannot compute with its members", name)
		return unknown
	case batch.List:
		return c.typeError(n, "column %q is a list: no expression computes with it", name)
	}
	return c.use(f, n)
}

func (c *checker) colIndex(name string) int {
	return slices.IndexFunc(c.cols, func(f operators.Field) bool { return f.Name == name })
}

func (c *checker) use(f operators.Field, n ast.Node) val {
	i := c.colIndex(f.Name)
	if i < 0 {
		i = len(c.cols)
		c.cols = append(c.cols, f)
	}
	nullable := f.Nullable
	for _, k := range c.known {
		nullable = nullable && !k[i]
	}
	return c.put(n, program.ExprNode{Op: "col", Type: f.Type, I: int64(i)}, nullable)
}

// member is a dotted name, where names may have dots.
func (c *checker) member(n ast.Node) val {
	name, ok := dotted(n)
	if !ok {
		c.fail(diag.ExprSyntax, n, "members and indexes are no part of the language")
		return unknown
	}
	if c.schema == nil {
		return c.name(c, name, n)
	}
	help := "a column whose name has a dot in it is written col(" + quote(name) + ")"
	if first, _, _ := strings.Cut(name, "."); first == "params" || first == "run" {
		help = "parameters stand in ${{ … }}"
	}
	d := c.fail(diag.NoColumn, n, "no column %q", name)
	if d.Help = help; !c.schema.Has(name) && !strings.HasPrefix(help, "parameters") {
		d.Help += "; " + diag.DidYouMean(name, "columns", c.schema.Names())
	}
	return unknown
}

// dotted gives a.b.c as a name.
func dotted(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		p, ok := n.Property.(*ast.StringNode)
		if !ok || n.Optional || n.Method {
			return "", false
		}
		s, ok := dotted(n.Node)
		return s + "." + p.Value, ok
	}
	return "", false
}

func (c *checker) let(n *ast.VariableDeclaratorNode) val {
	v := c.expr(n.Value)
	if v.isNil {
		v = c.typeError(n.Value, "nil has no type here")
	}
	if c.schema != nil && c.schema.Has(n.Name) {
		c.fail(diag.ExprType, n.Value, "let %s has the name of a column", n.Name)
	}
	c.lets = append(c.lets, binding{n.Name, v})
	r := c.expr(n.Expr)
	c.lets = c.lets[:len(c.lets)-1]
	return r
}

func (c *checker) unary(n *ast.UnaryNode) val {
	v := c.operand(n.Node)
	switch n.Operator {
	case "not", "!":
		v, ok := c.boolean(n.Node, v)
		if !ok {
			return unknown
		}
		return c.strict(n, "not", boolType, v)
	case "-", "+":
		if v.node < 0 {
			return unknown
		}
		if !v.typ.Numeric() {
			return c.typeError(n, "%s of %s: a number is asked for", n.Operator, v.typ)
		}
		if n.Operator == "+" {
			return v
		}
		if v.typ.Integer() {
			return c.strict(n, "neg", intType, v)
		}
		return c.strict(n, "neg", floatType, c.toFloat(n, v))
	}
	return c.typeError(n, "no operator %q", n.Operator)
}

// operand is expr where nil has no meaning.
func (c *checker) operand(n ast.Node) val {
	v := c.expr(n)
	if v.isNil {
		return c.helped(n, "whether x is missing is asked by x == nil or x != nil; ?? puts a value in its place", "nil has no type here")
	}
	return v
}

// boolean wants a truth value; false after an error, or where the type is unknown.
func (c *checker) boolean(n ast.Node, v val) (val, bool) {
	if v.node < 0 {
		return unknown, false
	}
	if v.typ != boolType {
		help := ""
		if v.typ.Numeric() {
			help = "write != 0"
		}
		return c.helped(n, help, "%s where a truth value is asked for", v.typ), false
	}
	return v, true
}

// chain types a binary operation, walking down its left side without recursion: a or b or c or … may be long.
func (c *checker) chain(n *ast.BinaryNode) val {
	spine := []*ast.BinaryNode{n}
	for {
		l, ok := spine[len(spine)-1].Left.(*ast.BinaryNode)
		if !ok {
			break
		}
		if _, done := c.memo[l]; done {
			break
		}
		spine = append(spine, l)
	}
	known := len(c.known)
	var v val
	for i := len(spine) - 1; i >= 0; i-- {
		b := spine[i]
		if i == len(spine)-1 {
			v = c.expr(b.Left)
		}
		v = c.binary(b, v)
		c.known = c.known[:known]
		c.memo[b] = v
	}
	return v
}

// learn notes what columns are not null where v is as stated; the caller takes it back.
func (c *checker) learn(v val, as bool) {
	if v.node < 0 || v.typ != boolType {
		return
	}
	c.facts.nodes = c.b.nodes
	cols := c.facts.when(v.node, as)
	if len(cols) == 0 || len(cols) > 64 {
		return // of a chain of very many conjuncts not all is followed
	}
	m := make(map[int]bool, len(cols))
	for _, i := range cols {
		m[i] = true
	}
	c.known = append(c.known, m)
}

func (c *checker) binary(n *ast.BinaryNode, l val) val {
	switch n.Operator {
	case "and", "&&", "or", "||":
		and := n.Operator == "and" || n.Operator == "&&"
		if l.isNil {
			l = c.operand(n.Left)
		}
		l, ok1 := c.boolean(n.Left, l)
		if ok1 {
			c.learn(l, and)
		}
		r, ok2 := c.boolean(n.Right, c.operand(n.Right))
		if !ok1 || !ok2 {
			return unknown
		}
		if and {
			return c.strict(n, "and", boolType, l, r)
		}
		return c.strict(n, "or", boolType, l, r)
	case "==", "!=":
		return c.equal(n, l, c.expr(n.Right))
	case "??":
		r := c.expr(n.Right)
		if l.isNil || r.isNil {
			return c.typeError(n, "?? beside nil: a value is asked for on both sides")
		}
		l, r, t, ok := c.unify(n, l, r)
		if !ok {
			return unknown
		}
		return c.op(n, "coalesce", t, l.nullable && r.nullable, l, r)
	}
	if l.isNil {
		l = c.operand(n.Left)
	}
	if n.Operator == "in" {
		return c.in(n, l)
	}
	r := c.operand(n.Right)
	if l.node < 0 || r.node < 0 {
		return unknown
	}
	switch n.Operator {
	case "<":
		return c.compare(n, "lt", l, r)
	case "<=":
		return c.compare(n, "le", l, r)
	case ">":
		return c.compare(n, "lt", r, l)
	case ">=":
		return c.compare(n, "le", r, l)
	case "+", "-", "*", "/", "%", "**", "^":
		return c.arithmetic(n, l, r)
	case "contains", "startsWith", "endsWith":
		op := map[string]string{"contains": "contains", "startsWith": "starts_with", "endsWith": "ends_with"}[n.Operator]
		if l.typ != stringType || r.typ != stringType {
			return c.typeError(n, "%s %s %s: both sides are texts", l.typ, n.Operator, r.typ)
		}
		return c.strict(n, op, boolType, l, r)
	case "matches":
		p, ok := c.literalText(r)
		if l.typ != stringType || r.typ != stringType {
			return c.typeError(n, "%s matches %s: both sides are texts", l.typ, r.typ)
		}
		if !ok {
			return c.helped(n.Right, `name matches "^A[0-9]+$"`, "the pattern of matches must be a literal text")
		}
		if _, _, err := program.CompilePattern(p); err != nil {
			c.fail(diag.ExprType, n.Right, "%v", err)
			return unknown
		}
		return c.put(n, program.ExprNode{Op: "matches", Type: boolType, S: p}, l.nullable, l)
	case "..":
		return c.helped(n, "x in 1..5", "a range stands only to the right of in")
	}
	return c.typeError(n, "no operator %q", n.Operator)
}

// equal is == and !=, the tests for nil among them.
func (c *checker) equal(n *ast.BinaryNode, l, r val) val {
	if l.isNil && r.isNil {
		return c.typeError(n, "nil compared with nil")
	}
	if l.isNil || r.isNil {
		op := "is_null"
		if n.Operator == "!=" {
			op = "not_null"
		}
		if l.isNil {
			l = r
		}
		return c.op(n, op, boolType, false, l)
	}
	if l.node < 0 || r.node < 0 {
		return unknown
	}
	if n.Operator == "==" {
		return c.compare(n, "eq", l, r)
	}
	return c.compare(n, "ne", l, r)
}

func (c *checker) arithmetic(n *ast.BinaryNode, l, r val) val {
	if n.Operator == "+" && l.typ == stringType && r.typ == stringType {
		return c.strict(n, "concat", stringType, l, r)
	}
	if !l.typ.Numeric() || !r.typ.Numeric() {
		help := ""
		switch {
		case l.typ == stringType || r.typ == stringType:
			help = "int(x) and float(x) read a number from a text, string(x) makes a text"
		case l.typ.Temporal() && r.typ.Temporal():
			help = "days_between(a, b) and seconds_between(a, b) subtract times"
		case l.typ == boolType || r.typ == boolType:
			help = "int(x) makes 0 and 1 of a truth value"
		}
		return c.helped(n, help, "%s %s %s: numbers are asked for", l.typ, n.Operator, r.typ)
	}
	ints := l.typ.Integer() && r.typ.Integer()
	op := map[string]string{"+": "add", "-": "sub", "*": "mul", "/": "divide", "%": "mod", "**": "pow", "^": "pow"}[n.Operator]
	switch {
	case op == "mod" && !ints:
		return c.helped(n, "mod(int(x), 7)", "%s %% %s: integers are asked for", l.typ, r.typ)
	case ints && op != "divide" && op != "pow":
		return c.strict(n, op, intType, l, r)
	}
	return c.strict(n, op, floatType, c.toFloat(n, l), c.toFloat(n, r))
}

func (c *checker) conditional(n *ast.ConditionalNode) val {
	cond, ok := c.boolean(n.Cond, c.operand(n.Cond))
	known := len(c.known)
	if ok {
		c.learn(cond, true)
	}
	a := c.expr(n.Exp1)
	c.known = c.known[:known]
	if ok {
		c.learn(cond, false)
	}
	b := c.expr(n.Exp2)
	c.known = c.known[:known]
	if a.isNil && b.isNil {
		return c.typeError(n, "both branches of ?: are nil")
	}
	if a.isNil && b.node >= 0 {
		a = c.op(n, "null", b.typ, true)
	}
	if b.isNil && a.node >= 0 {
		b = c.op(n, "null", a.typ, true)
	}
	a, b, t, same := c.unify(n, a, b)
	if !ok || !same {
		return unknown
	}
	return c.op(n, "select", t, cond.nullable || a.nullable || b.nullable, cond, a, b)
}
