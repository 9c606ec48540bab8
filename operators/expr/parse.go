package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/headrace/headrace/operators/diag"
)

// parserConfig makes every name before ( a plain call: which functions there are is for the checker to say.
var parserConfig = func() conf.Config {
	c := conf.Config{MaxNodes: NodesMax, Disabled: map[string]bool{}, Functions: conf.FunctionsTable{}, DisableIfOperator: true}
	for name := range builtin.Index {
		c.Disabled[name] = true
		c.Functions[name] = nil
	}
	return c
}()

// parse gives the tree, or nil and a finding.
func (c *checker) parse() ast.Node {
	if len(c.src) > BytesMax {
		c.list.Add(diag.New(diag.ExprCost, c.at, "the expression has %d bytes, at most %d are allowed", len(c.src), BytesMax))
		return nil
	}
	if !utf8.ValidString(c.src) {
		c.list.Add(diag.New(diag.ExprSyntax, c.at, "the expression is not UTF-8"))
		return nil
	}
	if strings.TrimSpace(c.src) == "" {
		c.list.Add(diag.New(diag.ExprSyntax, c.at, "the expression is empty"))
		return nil
	}
	if i, deep := tooDeep(c.src); deep {
		c.list.Add(diag.New(diag.ExprCost, c.place(file.Location{From: i, To: i + 1}), "brackets are nested more than %d deep", DepthMax))
		return nil
	}
	root, err := parseTree(c.src)
	if err == nil {
		return root
	}
	var fe *file.Error
	if !errors.As(err, &fe) {
		c.list.Add(diag.New(diag.ExprSyntax, c.at, "the expression does not parse: %v", err))
		return nil
	}
	at := c.place(fe.Location)
	if strings.Contains(fe.Message, "exceeds maximum") {
		c.list.Add(diag.New(diag.ExprCost, c.at, "the expression has more than %d parts", NodesMax))
		return nil
	}
	msg, help := syntaxMessage(fe.Message)
	d := diag.New(diag.ExprSyntax, at, "%s", msg)
	if help != "" {
		d = d.WithHelp("%s", help)
	}
	c.list.Add(d)
	return nil
}

// parseTree calls the parser; should it panic on some text, that is an error of the text.
func parseTree(src string) (root ast.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	cfg := parserConfig
	t, err := parser.ParseWithConfig(src, &cfg)
	if err != nil {
		return nil, err
	}
	if t.Node == nil {
		return nil, fmt.Errorf("nothing was found in it")
	}
	return t.Node, nil
}

var unexpected = regexp.MustCompile(`unexpected token (\w+)(?:\((".*")\))?`)

// syntaxMessage puts the parser's words into ours, with help for what other languages write.
func syntaxMessage(m string) (msg, help string) {
	if i := strings.IndexByte(m, '\n'); i >= 0 {
		m = m[:i]
	}
	switch {
	case strings.HasPrefix(m, "Operator (") && strings.Contains(m, "??"):
		return "?? beside another operator needs brackets", "write (x ?? 0) + 1"
	case strings.Contains(m, "not terminated"):
		return "the text does not end", "a text stands in \"…\" or '…'; a quote in it is written \\\" or \\'"
	}
	if s := unexpected.FindStringSubmatch(m); s != nil {
		switch {
		case s[1] == "EOF":
			return "the expression ends too early", ""
		case s[2] == `"="`:
			help = "equality is written =="
		case s[2] == `"&"`:
			help = "and is written and, or &&"
		case s[2] == `"<"` || s[2] == `">"`:
			help = "unequal is written !="
		}
		return "unexpected " + s[2], help
	}
	r, n := utf8.DecodeRuneInString(m)
	return strings.ToLower(string(r)) + m[n:], help
}

// tooDeep looks for brackets nested too deep before the parser recurses into them; the place is in characters.
func tooDeep(src string) (at int, deep bool) {
	depth, i := 0, 0
	var quote rune
	var prev rune
	escaped := false
	for _, r := range src {
		switch {
		case quote != 0:
			switch {
			case escaped:
				escaped = false
			case r == '\\' && quote != '`':
				escaped = true
			case r == quote || quote == '\n' && r == '\n':
				quote = 0
			}
		case r == '/' && prev == '/':
			quote = '\n' // a comment to the end of the line
		case r == '"' || r == '\'' || r == '`':
			quote = r
		case r == '(' || r == '[' || r == '{':
			if depth++; depth > DepthMax {
				return i, true
			}
		case r == ')' || r == ']' || r == '}':
			depth--
		}
		prev = r
		i++
	}
	return 0, false
}

// place is a location of the parser, which counts characters, as a place in the option.
func (c *checker) place(l file.Location) diag.At {
	n := c.chars
	at := c.at
	from := min(max(l.From, 0), max(n-1, 0))
	at.Offset = c.at.Offset + from
	at.Width = max(min(l.To, n)-from, 1)
	return at
}

// span is the characters of a node with all that is in it; the parser gives a node the place of one token.
func (c *checker) span(n ast.Node) file.Location {
	if l, ok := c.spans[n]; ok {
		return l
	}
	l := n.Location()
	wrong := false // the place says nothing
	add := func(m ast.Node) {
		if m == nil {
			return
		}
		s := c.span(m)
		if wrong {
			l, wrong = s, false
			return
		}
		l.From, l.To = min(l.From, s.From), max(l.To, s.To)
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		add(n.Node)
	case *ast.BinaryNode:
		var spine []*ast.BinaryNode
		for b := n; b != nil; {
			spine = append(spine, b)
			b, _ = b.Left.(*ast.BinaryNode)
		}
		for i := len(spine) - 1; i > 0; i-- {
			c.span(spine[i]) // from the left end, so that a long chain is no deep recursion
		}
		add(n.Left)
		add(n.Right)
	case *ast.ConditionalNode:
		wrong = true
		add(n.Cond)
		add(n.Exp1)
		add(n.Exp2)
	case *ast.CallNode:
		for _, a := range n.Arguments {
			add(a)
		}
		if end := c.closing(l.To); end > 0 {
			l.To = end
		}
	case *ast.ArrayNode:
		for _, a := range n.Nodes {
			add(a)
		}
		l.To = min(l.To+1, c.chars)
	case *ast.MemberNode:
		add(n.Node)
		add(n.Property)
	case *ast.ChainNode:
		add(n.Node)
	case *ast.VariableDeclaratorNode:
		add(n.Value)
		add(n.Expr)
	}
	c.spans[n] = l
	return l
}

// closing is the character behind the bracket that closes a call whose last argument ends at i, if nothing but blanks is between.
func (c *checker) closing(i int) int {
	if c.runes == nil {
		c.runes = []rune(c.src)
	}
	for ; i < len(c.runes); i++ {
		switch c.runes[i] {
		case ' ', '\n', '\t', '\r', '(':
		case ')':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}
