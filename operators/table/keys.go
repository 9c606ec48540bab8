package table

import (
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/rel"
)

// Keys is the option that says by what rows are ordered: a key, or a list of them, each a column's name, then asc or desc, then nulls
// first or nulls last, all but the name as one likes.
type Keys []string

// DecodeParam takes a list of keys or one key.
func (k *Keys) DecodeParam(n *param.Node) diag.List { return (*operators.Columns)(k).DecodeParam(n) }

// ParamType names the type in the reference.
func (Keys) ParamType() string { return "sort keys" }

// ParamDoc says what may be written.
func (Keys) ParamDoc() string {
	return "A list of columns, or one: each a name, then `asc` (if nothing is said) or `desc`, then `nulls last` (if nothing is said) or `nulls first`: " +
		"`[origin, delay desc nulls first]`. `col(\"a name\") desc` is a column with spaces."
}

// ParamSchema is its JSON Schema.
func (Keys) ParamSchema() map[string]any { return operators.Columns(nil).ParamSchema() }

// read finds the columns of the keys.
func (k Keys) read(in operators.Schema, option string) (keys []rel.Key, l diag.List) {
	seen := map[string]bool{}
	for i, text := range k {
		at := diag.Option(option, strconv.Itoa(i))
		if len(k) == 1 {
			at = diag.Option(option)
		}
		key, bad := readKey(text, in, at)
		l.Add(bad...)
		if len(bad) > 0 {
			continue
		}
		if seen[key.Column] {
			l.Add(diag.New(diag.ColumnTwice, at, "rows are ordered by %q twice", key.Column))
			continue
		}
		seen[key.Column] = true
		keys = append(keys, key)
	}
	return keys, l
}

// readKey reads: name [asc|desc] [nulls first|nulls last]. A column that is there under the very text is meant.
func readKey(text string, in operators.Schema, at diag.At) (k rel.Key, l diag.List) {
	name := text
	if !in.Has(text) {
		name = strings.TrimSpace(text)
		if s, ok := cutWord(name, "first"); ok {
			if s, ok = cutWord(s, "nulls"); ok {
				name, k.NullsFirst = s, true
			}
		} else if s, ok := cutWord(name, "last"); ok {
			if s, ok = cutWord(s, "nulls"); ok {
				name = s
			}
		}
		if s, ok := cutWord(name, "desc"); ok {
			name, k.Descending = s, true
		} else if s, ok := cutWord(name, "asc"); ok {
			name = s
		}
		if name, l = columnName(name, at); len(l) > 0 {
			return k, l
		}
	}
	f, l := in.Want(name, at)
	if k.Column = f.Name; len(l) > 0 {
		if strings.ContainsAny(name, " \t") {
			l[0].Help = `a key is a column, then asc or desc, then nulls first or nulls last: "delay desc nulls first"; col("a b") is a column with spaces`
		}
		return k, l
	}
	if f.Type.Kind == batch.List || f.Type.Kind == batch.Vector {
		l.Add(diag.New(diag.ColumnType, at, "column %q is %s, by which rows cannot be ordered", f.Name, f.Type))
	}
	return k, l
}

// cutWord takes a word off the end of a text.
func cutWord(s, word string) (rest string, ok bool) {
	rest, ok = strings.CutSuffix(s, word)
	if !ok || rest == strings.TrimRight(rest, " \t") || strings.TrimSpace(rest) == "" {
		return s, false
	}
	return strings.TrimSpace(rest), true
}

// columnName reads a name, or col("a name").
func columnName(text string, at diag.At) (string, diag.List) {
	q, ok := strings.CutPrefix(text, "col(")
	if !ok {
		return text, nil
	}
	name, err := strconv.Unquote(strings.TrimSpace(strings.TrimSuffix(q, ")")))
	if err != nil || !strings.HasSuffix(q, ")") {
		return text, diag.List{diag.New(diag.ExprSyntax, at, "%q is no column", text).WithHelp(`write col("a name")`)}
	}
	return name, nil
}

func keyColumns(keys []rel.Key) (names []string) {
	for _, k := range keys {
		names = append(names, k.Column)
	}
	return names
}
