package dags

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
	"github.com/headrace/headrace/operators/param"
)

// paramBlock is one entry of params.
type paramBlock struct {
	Type    string   `param:"type" default:"string" enum:"string|path|date|int|float|bool" doc:"what the value is"`
	Default *string  `param:"default" doc:"the value if none is given"`
	Min     *string  `param:"min" doc:"the least value"`
	Max     *string  `param:"max" doc:"the greatest value"`
	Enum    []string `param:"enum" doc:"the values that there are"`
	Doc     string   `param:"doc" doc:"what it changes"`
}

// ParamEnv is the environment variable that gives a parameter.
func ParamEnv(name string) string { return "HEADRACE_PARAM_" + strings.ToUpper(name) }

// params reads the declarations and gives each its value: from Set, else from the environment, else its default.
func (x *loader) params(n *param.Node) {
	var names []string
	if n != nil && x.isMap(n, "params") {
		for i, k := range n.Keys {
			names = append(names, k.Text)
			x.id(k, "parameter")
			x.p.Params = append(x.p.Params, x.param(k, n.Items[i]))
		}
	}
	var given []string
	for name := range x.o.Set {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		if !slices.Contains(names, name) {
			d := diag.New(diag.UnknownParam, diag.At{}, "no parameter %q", name).WithHelp("%s", diag.DidYouMean(name, "parameters", names))
			d.Place.File = "--set " + name
			x.l.Add(d)
		}
	}
	x.vars = map[string]expr.Const{"run.date": expr.ConstText(x.today()), "run.id": expr.ConstText(cmp.Or(x.o.RunID, "check"))}
	for _, p := range x.p.Params {
		if !p.Bad {
			x.vars["params."+p.Name] = constant(p)
		}
	}
}

// constant is a parameter's value as expressions see it. Its text was checked.
func constant(p Param) expr.Const {
	switch p.Type {
	case "int":
		v, _ := param.ParseInt(p.Value)
		return expr.ConstInt(v)
	case "float":
		v, _ := param.ParseFloat(p.Value, false, false)
		return expr.ConstFloat(v)
	case "bool":
		v, _ := param.ParseBool(p.Value)
		return expr.ConstBool(v)
	}
	return expr.ConstText(p.Value)
}

func (x *loader) param(k, n *param.Node) (p Param) {
	p = Param{Name: k.Text, Place: k.Place, Bad: true}
	if n.Kind == param.Scalar || n.Kind == param.List {
		x.add(n, diag.WrongShape, "write {default: …}", "a parameter is a map, not %s", n.Kind)
		return p
	}
	var b paramBlock
	bad := x.decode(n, &b)
	p.Type, p.Doc = b.Type, b.Doc
	if bad.Failed() {
		return p
	}
	// What the declaration says of itself must hold before a value is held to it.
	for _, key := range []string{"min", "max"} {
		v := n.Get(key)
		if v == nil {
			continue
		}
		if b.Type != "int" && b.Type != "float" && b.Type != "date" {
			x.add(v, diag.OptionConflict, "bounds are of int, float and date", "a %s has no %s", b.Type, key)
			return p
		}
		if err := checkValue(paramBlock{Type: b.Type}, v.Text); err != nil {
			x.add(v, diag.BadScalar, "", "%s: %s", key, err)
			return p
		}
	}
	for i, e := range b.Enum {
		if err := checkValue(paramBlock{Type: b.Type}, e); err != nil {
			at, line := n.Resolve(diag.Option("enum", strconv.Itoa(i)))
			x.add(&param.Node{Place: at, Line: line}, diag.BadScalar, "", "enum: %s", err)
			return p
		}
	}
	if b.Default != nil {
		if err := checkValue(b, *b.Default); err != nil {
			x.add(n.Get("default"), diag.BadScalar, "", "default: %s", err)
			return p
		}
	}

	value, from, ok := "", "", false
	folder := filepath.Dir(x.p.File)
	if value, ok = x.o.Set[k.Text]; ok {
		from = "--set " + k.Text
	} else if x.o.Env != nil {
		if value, ok = x.o.Env(ParamEnv(k.Text)); ok {
			from = ParamEnv(k.Text)
		}
	}
	if ok {
		p.Set, folder = true, x.o.WorkDir
		if err := checkValue(b, value); err != nil {
			d := diag.New(diag.BadScalar, diag.At{}, "parameter %q: %s", k.Text, err)
			d.Help = b.Doc
			d.Place.File = from
			x.l.Add(d)
			return p
		}
	} else if b.Default == nil {
		x.add(k, diag.MissingKey, fmt.Sprintf("give it: --set %s=…, or %s in the environment, or a default here", k.Text, ParamEnv(k.Text)),
			"parameter %q has no value", k.Text)
		return p
	} else {
		value = *b.Default
		if d := n.Get("default"); d.Place.File != "" {
			folder = filepath.Dir(d.Place.File)
		}
	}
	if b.Type == "path" {
		value = x.path(folder, value)
	}
	p.Value, p.Bad = value, false
	return p
}

// path makes a path of folder one of the file's folder: relative where it lies below it, so that a DAG says the same wherever its
// folder lies, and absolute elsewhere. (A way up through .. could lead elsewhere where the folder is a link.)
func (x *loader) path(folder, value string) string {
	joined := joinPath(folder, value)
	if joined == value || sameFolder(folder, x.p.Folder) && len(x.folders()) == 1 {
		return value
	}
	if abs, err := filepath.Abs(joined); err == nil {
		joined = abs + map[bool]string{true: "/"}[strings.HasSuffix(joined, "/")]
	}
	if home, err := filepath.Abs(x.p.Folder); err == nil && len(x.folders()) == 1 {
		if below, ok := strings.CutPrefix(joined, strings.TrimSuffix(home, "/")+"/"); ok {
			return below
		}
	}
	return joined
}

func sameFolder(a, b string) bool { return filepath.Clean(a) == filepath.Clean(b) }

// folders are the folders of the files.
func (x *loader) folders() []string {
	var f []string
	for _, name := range x.o.Files {
		f = append(f, filepath.Clean(filepath.Dir(name)))
	}
	slices.Sort(f)
	return slices.Compact(f)
}

// checkValue says what is wrong with a parameter's value.
func checkValue(b paramBlock, s string) error {
	compare := func(bound string) int { return strings.Compare(s, bound) }
	switch b.Type {
	case "int":
		v, err := param.ParseInt(s)
		if err != nil {
			return fmt.Errorf("%w, not %q", err, s)
		}
		compare = func(bound string) int { w, _ := param.ParseInt(bound); return cmp.Compare(v, w) }
	case "float":
		v, err := param.ParseFloat(s, false, false)
		if err != nil {
			return fmt.Errorf("%w, not %q", err, s)
		}
		compare = func(bound string) int { w, _ := param.ParseFloat(bound, false, false); return cmp.Compare(v, w) }
	case "bool":
		if _, err := param.ParseBool(s); err != nil {
			return fmt.Errorf("%w, not %q", err, s)
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return fmt.Errorf("a date is asked for, such as 2001-02-03, not %q", s)
		}
	case "path":
		if s == "" || strings.ContainsRune(s, 0) {
			return fmt.Errorf("%q is no path", s)
		}
	}
	low, high := b.Min != nil && compare(*b.Min) < 0, b.Max != nil && compare(*b.Max) > 0
	switch {
	case (low || high) && b.Min != nil && b.Max != nil:
		return fmt.Errorf("%s is not from %s to %s", s, *b.Min, *b.Max)
	case low:
		return fmt.Errorf("%s is below %s", s, *b.Min)
	case high:
		return fmt.Errorf("%s is above %s", s, *b.Max)
	case b.Enum != nil && !slices.Contains(b.Enum, s):
		return fmt.Errorf("%q is none of %s", s, strings.Join(b.Enum, ", "))
	}
	return nil
}

// evaluate replaces ${{ … }} in the scalars of n. A scalar that is one expression and nothing else becomes its value.
func (x *loader) evaluate(n *param.Node) {
	for _, it := range n.Items {
		x.evaluate(it)
	}
	if n.Kind != param.Scalar || n.Unknown || !strings.Contains(n.Text, "${{") {
		return
	}
	var out strings.Builder
	rest, offset, failed := n.Text, 0, false
	var whole expr.Const
	for {
		before, after, found := strings.Cut(rest, "${{")
		out.WriteString(before)
		if !found {
			break
		}
		start := offset + utf8.RuneCountInString(before) + len("${{")
		src, length := cutExpr(after)
		if length < 0 {
			p, line := n.Inside(start-3, 3)
			x.add(&param.Node{Place: p, Line: line}, diag.ExprSyntax, "an expression ends with }}", "${{ without }}")
			failed = true
			break
		}
		v, ok := x.compute(n, src, start)
		failed = failed || !ok
		whole = v
		out.WriteString(v.Text())
		rest, offset = after[length:], start+utf8.RuneCountInString(after[:length])
	}
	t := strings.TrimSpace(n.Text)
	if _, length := cutExpr(strings.TrimPrefix(t, "${{")); strings.HasPrefix(t, "${{") && length == len(t)-len("${{") {
		// It is one expression: its value is taken as it is.
		out.Reset()
		out.WriteString(whole.Text())
	}
	n.Text, n.Computed, n.Runs, n.Unknown = out.String(), true, nil, failed
}

// cutExpr takes the source of an expression from what stands behind ${{, and the length of all that it takes there with its }};
// -1 where it does not end. A }} in a string does not end it.
func cutExpr(s string) (src string, length int) {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case strings.HasPrefix(s[i:], "}}"):
			return s[:i], i + 2
		}
	}
	return "", -1
}

var paramName = regexp.MustCompile(`\bparams\.(\w+)`)

// compute evaluates one expression; offset is where its source begins in n's text, in characters.
func (x *loader) compute(n *param.Node, src string, offset int) (expr.Const, bool) {
	known := true
	for _, m := range paramName.FindAllStringSubmatchIndex(src, -1) {
		name := src[m[2]:m[3]]
		i := slices.IndexFunc(x.p.Params, func(p Param) bool { return p.Name == name })
		x.usedParam[name] = true
		switch {
		case i < 0:
			var names []string
			for _, p := range x.p.Params {
				names = append(names, p.Name)
			}
			if near := diag.Nearest(name, names); near != "" {
				x.usedParam[near] = true // meant, and said so
			}
			p, line := n.Inside(offset+utf8.RuneCountInString(src[:m[2]]), utf8.RuneCountInString(name))
			x.add(&param.Node{Place: p, Line: line}, diag.UnknownParam, diag.DidYouMean(name, "parameters", names), "no parameter %q", name)
			known = false
		case x.p.Params[i].Bad:
			known = false // said where it is declared or given
		}
	}
	if !known {
		return expr.Const{}, false
	}
	v, l := expr.EvalConst(src, x.vars)
	for _, d := range l {
		width := d.At.Width
		at := offset + d.At.Offset
		if width == 0 {
			at, width = offset, utf8.RuneCountInString(src)
		}
		d.Place, d.Source = n.Inside(at, width)
		d.At = diag.At{}
		x.l.Add(d)
	}
	return v, !l.Failed()
}

// digest hashes what a run makes: the file with its parameters filled in, without what changes no result (doc, schedule,
// resources, defaults, tests). The order of named things (sources, steps, sinks) means nothing; in options it does.
func (x *loader) digest() {
	root := *x.p.Root
	root.Keys, root.Items = nil, nil
	for _, key := range slices.Sorted(slices.Values(topKeys)) {
		n := x.p.Root.Get(key)
		switch key {
		case "doc", "schedule", "resources", "defaults", "tests", "params":
			continue // parameters are where they are used
		case "sources", "steps", "sinks":
			n = sorted(n)
		}
		if n != nil {
			root.Keys, root.Items = append(root.Keys, param.Value(key)), append(root.Items, n)
		}
	}
	sum := sha256.Sum256([]byte(root.Canonical()))
	x.p.Digest = hex.EncodeToString(sum[:])
}

// sorted is a map with its keys, and the keys of the maps in it, in order.
func sorted(n *param.Node) *param.Node {
	byKey := func(n *param.Node) *param.Node {
		if n == nil || n.Kind != param.Map {
			return n
		}
		at := make([]int, len(n.Keys))
		for i := range at {
			at[i] = i
		}
		slices.SortStableFunc(at, func(a, b int) int { return strings.Compare(n.Keys[a].Text, n.Keys[b].Text) })
		out := &param.Node{Kind: param.Map}
		for _, i := range at {
			if n.Keys[i].Text == "doc" && n.Items[i].Kind == param.Scalar {
				continue
			}
			out.Keys, out.Items = append(out.Keys, n.Keys[i]), append(out.Items, n.Items[i])
		}
		return out
	}
	out := byKey(n)
	if out == nil || out.Kind != param.Map {
		return out
	}
	for i, it := range out.Items {
		out.Items[i] = byKey(it)
	}
	return out
}
