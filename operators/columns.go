package operators

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// Columns is an option that selects columns: names, globs ("tail_*"), numeric(), string(), temporal(), bool(), all(), and -name (or
// -glob, -numeric()) to leave out what stood before it. A list that begins with a -name begins with all(). A column that is there
// under the very name of an entry is meant, whatever else the entry could be read as.
type Columns []string

var columnSets = map[string]func(Field) bool{
	"numeric()":  func(f Field) bool { return f.Type.Numeric() },
	"string()":   func(f Field) bool { return f.Type.Text() },
	"temporal()": func(f Field) bool { return f.Type.Temporal() },
	"bool()":     func(f Field) bool { return f.Type == batch.T(batch.Bool) },
	"all()":      func(Field) bool { return true },
}

// DecodeParam takes a list of names or one name.
func (c *Columns) DecodeParam(n *param.Node) diag.List {
	items := []*param.Node{n}
	if n.Kind == param.List {
		items = n.Items
	}
	*c = nil
	var l diag.List
	for i, it := range items {
		if it.Kind != param.Scalar || it.Text == "" {
			l.Add(diag.New(diag.OptionType, diag.Option(strconv.Itoa(i)), "a column is a name, not %s", it.Kind))
			continue
		}
		*c = append(*c, it.Text)
	}
	return l
}

// ParamType names the type in the reference.
func (Columns) ParamType() string { return "columns" }

// ParamDoc says what may be written.
func (Columns) ParamDoc() string {
	return "A selection: names, globs (`\"tail_*\"`), `numeric()`, `string()`, `temporal()`, `bool()` and `all()`, in a list, or one alone. `-name` leaves out what " +
		"stood before it, and so does a dash before a glob or a set; a list that begins with one begins with `all()`: `[-id, \"-*_raw\"]` is all but those."
}

// ParamSchema is its JSON Schema.
func (Columns) ParamSchema() map[string]any {
	s := map[string]any{"type": "string", "minLength": 1}
	return map[string]any{"oneOf": []any{s, map[string]any{"type": "array", "items": s}}}
}

// Select expands the selection in the order of its entries, each column once. option is the option's name, for the place of a
// mistake.
func (c Columns) Select(s Schema, option string) ([]Field, diag.List) {
	var l diag.List
	var out []Field
	there, in := map[string]bool{}, map[string]bool{} // in the schema; in out
	for _, f := range s.Fields {
		there[f.Name] = true
	}
	for i, e := range c {
		name, drop := e, false
		if !there[e] {
			name, drop = strings.CutPrefix(e, "-")
		}
		match, found := matcher(name, there[name], &l, diag.Option(option, strconv.Itoa(i)))
		if i == 0 && drop {
			out = slices.Clone(s.Fields)
			for _, f := range out {
				in[f.Name] = true
			}
		}
		if match == nil {
			continue
		}
		for _, f := range s.Fields {
			if !match(f) {
				continue
			}
			found = true
			if !drop && !in[f.Name] {
				out = append(out, f)
			}
			in[f.Name] = !drop
		}
		if drop {
			out = slices.DeleteFunc(out, match)
		}
		if !found && !s.Open {
			l.Add(notFound(name, s, diag.Option(option, strconv.Itoa(i))))
		}
	}
	return out, l
}

// matcher says what an entry means, without its dash; nil where it means nothing, which l then says. A set may be empty.
func matcher(name string, there bool, l *diag.List, at diag.At) (match func(Field) bool, mayBeEmpty bool) {
	set, isSet := columnSets[name]
	switch {
	case there:
	case isSet:
		return set, true
	case strings.HasSuffix(name, "()"):
		l.Add(diag.New(diag.NoColumn, at, "no set of columns %q", name).
			WithHelp("there are numeric(), string(), temporal(), bool(), all()"))
		return nil, false
	case isGlob(name):
		pattern := unslashed(name)
		if _, err := path.Match(pattern, ""); err != nil {
			l.Add(diag.New(diag.OptionType, at, "bad pattern %q", name))
			return nil, false
		}
		return func(f Field) bool { ok, _ := path.Match(pattern, unslashed(f.Name)); return ok }, false
	}
	return func(f Field) bool { return f.Name == name }, false
}

func isGlob(name string) bool { return strings.ContainsAny(name, "*?[") }

// unslashed keeps path.Match from taking the slash of "km/h" for the end of a folder.
func unslashed(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

func notFound(name string, s Schema, at diag.At) diag.Diagnostic {
	if isGlob(name) {
		return diag.New(diag.NoColumn, at, "no column matches %q", name).WithHelp("%s", diag.DidYouMean("", "columns", s.Names()))
	}
	return diag.New(diag.NoColumn, at, "no column %q", name).WithHelp("%s", diag.DidYouMean(name, "columns", s.Names()))
}

// Narrowed is the selection with only the columns made, by name: what Narrow needs.
func (c Columns) Narrowed(s Schema, made []string) Columns {
	fields, _ := c.Select(s, "")
	out := Columns{}
	for _, f := range fields {
		if slices.Contains(made, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

// FieldNames are the names of fields.
func FieldNames(f []Field) []string {
	n := make([]string, len(f))
	for i := range f {
		n[i] = f[i].Name
	}
	return n
}
