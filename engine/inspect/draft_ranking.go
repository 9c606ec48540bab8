package inspect

import (
	"fmt"
	"strconv"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// gradeMax is the greatest label that is worth 2^label - 1.
const gradeMax = 30

// ranking sees which rows are ordered among themselves, and what a label is worth.
func (x *drafter) ranking() error {
	in, y := x.in, x.y
	no := func(help, format string, args ...any) error {
		return badArgument(help, "%s: %s", in.Path, fmt.Sprintf(format, args...))
	}
	if x.d.Group == "" {
		return badArgument("a ranking orders the rows of a group: the column that is the same in them, as the number of a query", "--group COLUMN is missing")
	}
	g := in.column(x.d.Group)
	switch t := y.field.Type; {
	case g == nil:
		return no(diag.DidYouMean(x.d.Group, "columns", in.schema.Names()), "no column %q", x.d.Group)
	case g == y:
		return no("", "column %q is the label and cannot be the group", g.Name)
	case !t.Numeric() && t.Kind != batch.Bool:
		return no("a ranking learns a number that is greater the better a row is, or a bool", "label %q is %s", y.Name, t)
	}
	switch t := g.field.Type; {
	case !t.Text() && !t.Integer() && !t.Temporal() && t.Kind != batch.Bool:
		return no("text or a whole number does", "group %q is %s, which makes no groups", g.Name, t)
	case g.Distinct < 3:
		return no("", "group %q has %d distinct values: there are too few groups to split", g.Name, g.Distinct)
	case g.Distinct >= in.values(g):
		return no("", "group %q has %s values in %s rows: no two rows are of one group", g.Name, thousands(g.Distinct), thousands(in.values(g)))
	}
	x.group = g
	if y.field.Type.Kind == batch.Bool {
		return nil
	}
	low, err := strconv.ParseFloat(y.Min.Text, 64)
	if err != nil {
		return err
	}
	high, err := strconv.ParseFloat(y.Max.Text, 64)
	if err != nil {
		return err
	}
	if low < 0 {
		return no("feature.derive makes a number of at least 0 of it", "label %q is %s in a row, and worth less than nothing", y.Name, y.Min.Text)
	}
	x.linear = high > gradeMax || !y.field.Type.Integer() && (x.known() == nil || !y.fewWhole())
	return nil
}
