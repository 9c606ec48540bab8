package dags

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// The limits of a DAG file. They are far above what people write, and low enough that a hostile file is refused at once.
const (
	sizeMaxBytes = 4 << 20
	depthMax     = 64
	findingsMax  = 100 // of one kind of wrong YAML; who has more has seen enough
)

// errDeep is what the parser is stopped with.
var errDeep = errors.New("too deep")

// Read reads the strict subset of YAML that a DAG file is written in. file is the name that places have. The node is nil where the
// text is not YAML, or empty; where it is YAML that may not be used, the node holds what could be understood.
func Read(file string, text []byte) (*param.Node, diag.List) {
	r := &reader{file: file}
	if !r.text(text) {
		return nil, r.l
	}
	load, err := yaml.NewLoader(strings.NewReader(r.src),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.AliasNone(), loaderlimits.DepthFunc(func(depth int, _ *yaml.DepthContext) error {
			// The parser counts flow and block apart and roughly; it stops before its stack grows, and the reader counts exactly.
			if depth > 2*depthMax {
				return errDeep
			}
			return nil
		}))))
	if err != nil {
		panic(fmt.Sprintf("dags: yaml: %v", err)) // options that do not fit
	}
	var doc, second yaml.Node
	switch err := load.Load(&doc); {
	case err == io.EOF || err == nil && doc.Kind == 0:
		r.add(diag.YAMLSyntax, r.place(1, 1, 1), "the file is empty", "")
		return nil, r.l
	case err != nil:
		r.syntax(err)
		return nil, r.l
	}
	n := r.node(content(&doc), 0)
	switch err := load.Load(&second); {
	case err == io.EOF:
	case err != nil:
		r.syntax(err)
	default:
		at := max(1, second.Line)
		for i := min(at, len(r.lines)); i >= 1; i-- {
			if strings.HasPrefix(r.lines[i-1], "---") {
				at = i
				break
			}
		}
		r.add(diag.YAMLSubset, r.place(at, 1, 3), "a second document", "a DAG is one document: remove the --- and what follows")
	}
	return n, r.l
}

func content(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	return n
}

type reader struct {
	file, src string
	lines     []string
	l         diag.List
	found     map[string]int
}

func (r *reader) place(line, column, width int) diag.Place {
	return diag.Place{File: r.file, Line: line, Column: column, Width: max(1, width)}
}

func (r *reader) line(n int) string {
	if n < 1 || n > len(r.lines) {
		return ""
	}
	return r.lines[n-1]
}

func (r *reader) add(code diag.Code, p diag.Place, message, help string) {
	if r.found == nil {
		r.found = map[string]int{}
	}
	if r.found[message]++; r.found[message] > findingsMax {
		return
	}
	d := diag.New(code, diag.At{}, "%s", message)
	d.Place, d.Source, d.Help = p, r.line(p.Line), help
	r.l.Add(d)
}

// text checks the bytes and cuts them into lines.
func (r *reader) text(text []byte) bool {
	if len(text) > sizeMaxBytes {
		r.add(diag.YAMLSubset, r.place(1, 1, 1), fmt.Sprintf("the file has %d bytes, a DAG file at most %d", len(text), sizeMaxBytes), "")
		return false
	}
	r.src = strings.TrimPrefix(string(text), "\ufeff")
	r.lines = strings.Split(r.src, "\n")
	for i, s := range r.lines {
		r.lines[i] = strings.TrimSuffix(s, "\r")
		column := 0
		for j, c := range s {
			column++
			switch {
			case c == utf8.RuneError && !strings.HasPrefix(s[j:], "\ufffd"):
				r.lines[i] = strings.ToValidUTF8(r.lines[i], "\ufffd")
				r.add(diag.YAMLSyntax, r.place(i+1, column, 1), fmt.Sprintf("byte 0x%02x is not UTF-8", s[j]), "a DAG file is written in UTF-8")
				return false
			case c == 0:
				r.add(diag.YAMLSyntax, r.place(i+1, column, 1), "a NUL character", "")
				return false
			case c == '\r' && j == len(s)-1 || c == '\t':
			case c < ' ' || c == 0x7f || c == '\u0085' || c == '\u2028' || c == '\u2029':
				r.add(diag.YAMLSyntax, r.place(i+1, column, 1), fmt.Sprintf("a control character, U+%04X", c),
					fmt.Sprintf(`write it as "\u%04x", in double quotes`, c))
				return false
			}
		}
	}
	return true
}

// syntax says in our words where the parser stopped.
func (r *reader) syntax(err error) {
	var le *yaml.LoadError
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		le = many.Errors[0]
	} else if !errors.As(err, &le) {
		r.add(diag.YAMLSyntax, r.place(1, 1, 1), err.Error(), "")
		return
	}
	mark, message := le.Mark, le.Message
	if le.ContextMsg != "" {
		message += ", " + le.ContextMsg
	}
	if strings.Contains(le.ContextMsg, "quoted scalar") && le.ContextMark.Line > 0 && mark.Line != le.ContextMark.Line {
		mark, message = le.ContextMark, "a quote that is not closed"
	}
	p := r.place(max(1, mark.Line), max(1, mark.Column), 1)
	if p.Line > len(r.lines) || p.Line == len(r.lines) && r.line(p.Line) == "" { // behind the end: the last line shows what is missing
		for p.Line = min(p.Line, len(r.lines)); p.Line > 1 && strings.TrimSpace(r.line(p.Line)) == ""; p.Line-- {
		}
		p.Column = utf8.RuneCountInString(r.line(p.Line)) + 1
	}
	switch {
	case errors.Is(err, errDeep) || strings.Contains(message, errDeep.Error()):
		r.add(diag.YAMLSubset, p, fmt.Sprintf("deeper than %d levels", depthMax), "")
		return
	case strings.Contains(message, "unknown anchor"):
		r.add(diag.YAMLSubset, p, "an alias", "aliases are not read: write the value itself, or quote the text")
		return
	}
	help := ""
	switch line := r.line(p.Line); {
	case expressive(line):
		help = exprHelp
	case strings.Contains(line, "\t"):
		help = "YAML indents by spaces, never by tabs"
	}
	r.add(diag.YAMLSyntax, p, message, help)
}

const exprHelp = "YAML gives !, ?, :, #, {, [ and quotes a meaning of its own: put the whole expression in quotes, or behind | on a line of its own"

var (
	valuePart = regexp.MustCompile(`^\s*(- +)*("[^"]*"|[^\s:"'{\[]+): *`)
	operator  = regexp.MustCompile(`==|!=|<|>|\?|!\w|&&|\|\||\$\{\{|\b(and|or|not|in|nil)\b|\w\(|[\w"')] [-+*/%#] [\w"'(]|["'] *:`)
)

// expressive says whether a line looks as if it held an expression.
func expressive(line string) bool {
	return operator.MatchString(line[len(valuePart.FindString(line)):])
}

// node turns the parser's tree into ours.
func (r *reader) node(y *yaml.Node, depth int) *param.Node {
	n := &param.Node{Place: r.place(y.Line, y.Column, 1), Line: r.line(y.Line)}
	if depth >= depthMax && (y.Kind == yaml.SequenceNode || y.Kind == yaml.MappingNode) {
		r.add(diag.YAMLSubset, n.Place, fmt.Sprintf("deeper than %d levels", depthMax), "")
		n.Unknown = true
		return n
	}
	if y.Kind == yaml.AliasNode {
		r.add(diag.YAMLSubset, n.Place, "an alias", "aliases are not read: write the value itself, or quote the text")
		n.Unknown = true
		return n
	}
	if y.Anchor != "" {
		r.add(diag.YAMLSubset, n.Place, "an anchor", "anchors are not read: write the value where it is used, or quote the text")
	}
	if r.tagged(y) {
		help := "values are read by the type of their field: remove the tag"
		if y.Kind == yaml.ScalarNode && !strings.HasPrefix(y.Tag, "!!") {
			help = "YAML takes ! for a tag: put the whole expression in quotes"
		}
		r.add(diag.YAMLSubset, n.Place, "a tag", help)
		n.Unknown = true
	}
	switch y.Kind {
	case yaml.ScalarNode:
		r.scalar(n, y)
	case yaml.SequenceNode:
		n.Kind = param.List
		for _, c := range y.Content {
			n.Items = append(n.Items, r.node(c, depth+1))
		}
	case yaml.MappingNode:
		n.Kind = param.Map
		r.mapping(n, y, depth)
	}
	return n
}

// tagged says whether a tag was written; the parser also fills in tags that were not.
func (r *reader) tagged(y *yaml.Node) bool {
	if y.Style&yaml.TaggedStyle != 0 || y.Tag == "!" {
		return true
	}
	_, rest := r.cut(y.Line, y.Column)
	return strings.HasPrefix(rest, "!")
}

// cut splits a line at a column.
func (r *reader) cut(line, column int) (before, after string) {
	s := r.line(line)
	i := 0
	for range column - 1 {
		if i >= len(s) {
			break
		}
		_, w := utf8.DecodeRuneInString(s[i:])
		i += w
	}
	return s[:i], s[i:]
}

func (r *reader) mapping(n *param.Node, y *yaml.Node, depth int) {
	seen := map[string]*param.Node{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := r.node(y.Content[i], depth+1)
		switch {
		case k.Unknown:
			n.Partial = true
			continue
		case k.Kind == param.Null:
			n.Partial = true
			r.add(diag.WrongShape, k.Place, "a key without a name", "")
			continue
		case k.Kind != param.Scalar:
			n.Partial = true
			r.add(diag.WrongShape, k.Place, "a key is a name, not "+k.Kind.String(), "an expression in braces must be quoted: \"${{ … }}\"")
			continue
		case k.Plain && k.Text == "<<":
			n.Partial = true
			r.add(diag.YAMLSubset, k.Place, "a merge key", "merge keys are not read: write the keys themselves")
			continue
		case strings.Contains(k.Text, "${{"):
			n.Partial = true
			r.add(diag.WrongShape, k.Place, "an expression in a key", "expressions stand in values alone")
			continue
		}
		v := r.node(y.Content[i+1], depth+1)
		if first := seen[k.Text]; first != nil {
			r.add(diag.DuplicateKey, k.Place, fmt.Sprintf("key %q twice", k.Text), fmt.Sprintf("it is already on line %d", first.Place.Line))
			continue
		}
		seen[k.Text] = k
		n.Keys, n.Items = append(n.Keys, k), append(n.Items, v)
	}
}

// scalar fills in the text, and where its characters stand.
func (r *reader) scalar(n *param.Node, y *yaml.Node) {
	const blocks = yaml.LiteralStyle | yaml.FoldedStyle
	const quotes = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
	n.Kind, n.Text, n.Plain = param.Scalar, y.Value, y.Style&(blocks|quotes) == 0
	_, rest := r.cut(y.Line, y.Column)
	switch {
	case n.Plain && n.Text == "":
		n.Kind = param.Null
	case n.Plain && strings.HasPrefix(rest, n.Text):
		n.Place.Width = max(1, utf8.RuneCountInString(n.Text))
	case n.Plain:
		n.Place.Width = utf8.RuneCountInString(strings.TrimRight(rest, " "))
		n.Runs = r.folded(n.Text, y.Line, y.Column, 0)
	case y.Style&quotes != 0:
		if width, runs, ok := quoted(rest, y.Line, y.Column, n.Line); ok {
			n.Place.Width, n.Runs = width, runs
		} else {
			n.Place.Width = utf8.RuneCountInString(strings.TrimRight(rest, " "))
			n.Runs = r.folded(n.Text, y.Line, y.Column, 1)
		}
	case y.Style&yaml.LiteralStyle != 0:
		n.Runs = r.literal(n.Text, y.Line)
	default:
		n.Runs = r.folded(n.Text, y.Line+1, 1, 0)
	}
}

// quoted walks over a scalar in quotes that ends on its line: its width with the quotes, and its runs where it holds escapes.
func quoted(rest string, line, column int, source string) (width int, runs []param.Run, ok bool) {
	s := []rune(rest)
	if len(s) == 0 {
		return 0, nil, false
	}
	quote, offset, escapes := s[0], 0, false
	runs = []param.Run{{Offset: 0, Line: line, Column: column + 1, Source: source}}
	for i := 1; i < len(s); offset++ {
		length := 1
		switch {
		case quote == '\'' && s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			length = 2
		case s[i] == quote:
			if !escapes {
				runs = nil
			}
			return i + 1, runs, true
		case quote == '"' && s[i] == '\\' && i+1 < len(s):
			length = 2 + map[rune]int{'x': 2, 'u': 4, 'U': 8}[s[i+1]]
		}
		i += length
		if length > 1 {
			escapes = true
			runs = append(runs, param.Run{Offset: offset + 1, Line: line, Column: column + i, Source: source})
		}
	}
	return 0, nil, false
}

// literal places a block scalar's lines: they stand in the file one by one, behind an indent.
func (r *reader) literal(text string, header int) []param.Run {
	var runs []param.Run
	offset := 0
	// What is behind the last line break is no line: a mistake at the end of the text is shown at the end of its last line.
	for i, s := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		source := r.line(header + 1 + i)
		if !strings.HasSuffix(source, s) {
			break
		}
		indent := utf8.RuneCountInString(source) - utf8.RuneCountInString(s)
		runs = append(runs, param.Run{Offset: offset, Line: header + 1 + i, Column: indent + 1, Source: source})
		offset += utf8.RuneCountInString(s) + 1
	}
	return runs
}

// folded finds the lines of a scalar that was folded in its text, one after the other; it stops at the first that is not there as
// written (escapes), and what follows is placed there.
func (r *reader) folded(text string, line, column, skip int) []param.Run {
	var runs []param.Run
	before, rest := r.cut(line, column+skip)
	at, offset := 0, 0
	for ; line <= len(r.lines) && at < len(text); line++ {
		if len(runs) > 0 || rest == "" {
			before, rest = "", r.line(line)
		}
		indent := len(rest) - len(strings.TrimLeft(rest, " \t"))
		s := strings.TrimSpace(rest)
		gap := 0
		if s != "" {
			gap = strings.Index(text[at:], s)
			if gap < 0 && len(strings.TrimSpace(text[at:])) < len(s) { // the last line, with the quote and what follows it
				s = strings.TrimSpace(text[at:])
				gap = strings.Index(text[at:], s)
				if !strings.HasPrefix(rest[indent:], s) {
					gap = -1
				}
			}
			if gap < 0 || strings.TrimSpace(text[at:at+gap]) != "" {
				break
			}
			offset += utf8.RuneCountInString(text[at : at+gap])
			runs = append(runs, param.Run{Offset: offset, Line: line, Source: r.line(line),
				Column: utf8.RuneCountInString(before) + utf8.RuneCountInString(rest[:indent]) + 1})
			offset += utf8.RuneCountInString(s)
			at += gap + len(s)
		}
		rest = ""
	}
	return runs
}
