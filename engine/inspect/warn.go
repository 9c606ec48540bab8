package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/headrace/headrace/operators/batch"
)

// Warning is something about columns that who learns from them should know.
type Warning struct {
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Columns []string `json:"columns"`
}

// Bounds of the warnings.
const (
	idShare      = 0.9  // of distinct values among all, from which text names rows rather than describing them
	idRowsMin    = 20   // rows from which distinct values say anything
	emptyShare   = 0.5  // of nulls
	highDistinct = 1000 // values of text
	skewHigh     = 5.0
	rareShare    = 0.05 // of the rarest class of a binary label
)

// warn finds what to warn of, the gravest first.
func (in *File) warn() {
	var leak, empty, constant, id, rare, mostly, high, skew, nan []string
	for i := range in.Columns {
		c := &in.Columns[i]
		isLabel := c.Name == in.Label
		put := func(to *[]string, is bool) {
			if is {
				*to = append(*to, c.Name)
			}
		}
		n := in.values(c)
		c.Identifier = !isLabel && in.identifier(c)
		put(&leak, c.Leak)
		put(&empty, in.Rows > 0 && c.Nulls == in.Rows)
		put(&constant, n > 0 && c.Distinct == 1 && c.Nulls == 0)
		put(&id, c.Identifier)
		put(&mostly, c.Nulls < in.Rows && float64(c.Nulls) > emptyShare*float64(in.Rows))
		put(&high, c.field.Type.Text() && !c.Identifier && !isLabel && c.Distinct > highDistinct)
		put(&skew, c.Skew != nil && math.Abs(*c.Skew) > skewHigh && c.Distinct > 2)
		put(&nan, c.NaNs > 0)
		if isLabel && c.Distinct == 2 && len(c.Top) == 2 {
			put(&rare, float64(c.Top[1].Rows) < rareShare*float64(n))
		}
	}
	say := func(kind, text string, cols []string) {
		if len(cols) > 0 {
			in.Warnings = append(in.Warnings, Warning{kind, text, cols})
		}
	}
	say("leak", fmt.Sprintf("nearly the label itself (association above %g): a leak, if it is not known when the label is predicted", LeakStrength), leak)
	for _, names := range in.alike() {
		say("alike", "one name but for case or how Unicode spells it", names)
	}
	say("all_null", "no value at all", empty)
	say("constant", "one value only", constant)
	say("identifier", "an identifier, which a model would learn by heart", id)
	say("rare_class", "a class below 5% (accuracy means little then, look at average precision)", rare)
	say("mostly_null", "null in more than half of the rows", mostly)
	say("high_cardinality", fmt.Sprintf("text of more than %d values (target encoding suits it)", highDistinct), high)
	say("nan", "NaN, which is not null and compares false", nan)
	say("skew", "strongly skewed (trees do not mind, linear models want a logarithm)", skew)
}

// alike are groups of columns whose names a person takes for one.
func (in *File) alike() (groups [][]string) {
	fold := func(s string) string { return strings.ToLower(norm.NFC.String(s)) }
	names := in.schema.Names()
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(fold(a), fold(b)) })
	for i := 0; i < len(names); {
		j := i
		for j < len(names) && fold(names[j]) == fold(names[i]) {
			j++
		}
		if j > i+1 {
			groups = append(groups, names[i:j])
		}
		i = j
	}
	return groups
}

// identifier says whether a column names rows: text that hardly repeats, or whole numbers that never do and that are called so or leave
// no gaps.
func (in *File) identifier(c *Column) bool {
	n := float64(in.values(c))
	if n < idRowsMin {
		return false
	}
	share := float64(c.Distinct) / n
	switch {
	case c.field.Type.Text():
		return share > idShare
	case c.field.Type.Integer():
		if c.DistinctEstimated && share < 0.98 || !c.DistinctEstimated && share < 1 {
			return false
		}
		return idName(c.Name) || span(c) < 1.01*n
	}
	return false
}

// span is how many whole numbers there are from the least to the greatest.
func span(c *Column) float64 {
	var lo, hi float64
	_, _ = fmt.Sscan(c.Min.Text, &lo) // written by this package from an integer
	_, _ = fmt.Sscan(c.Max.Text, &hi)
	return hi - lo + 1
}

// idName says whether a name says that it identifies.
func idName(name string) bool {
	var words []string
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == ' ' }) {
		words = append(words, strings.ToLower(w))
	}
	for _, w := range words {
		switch w {
		case "id", "key", "uuid", "guid", "index", "idx", "rowid", "no", "nr", "number", "serial":
			return true
		}
	}
	return strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")
}

// Associated are the columns by how much they tell of the label, most first.
func (in *File) Associated() []Column {
	var out []Column
	for _, c := range in.Columns {
		if c.Association != nil {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Column) int {
		return cmp.Or(cmp.Compare(b.Association.Strength(), a.Association.Strength()), strings.Compare(a.Name, b.Name))
	})
	return out
}

// category says whether a column's values are names of things rather than amounts.
func (c *Column) category() bool { return c.field.Type.Text() || c.field.Type.Kind == batch.Bool }
