// Package checks holds what the checks of many operators ask.
package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// Columns expands a selection that must select something.
func Columns(c operators.Columns, s operators.Schema, option string) ([]operators.Field, diag.List) {
	f, l := c.Select(s, option)
	if len(f) == 0 && !l.Failed() && !s.Open {
		l.Add(diag.New(diag.NoColumns, diag.Option(option), "no column is selected").
			WithHelp("%s", diag.DidYouMean("", "columns", s.Names())))
	}
	return f, l
}

// At is where a selection names a column: its entry, or the whole option where a glob or a set stood for it.
func At(c operators.Columns, option, name string) diag.At {
	if i := slices.Index(c, name); i >= 0 {
		return diag.Option(option, strconv.Itoa(i))
	}
	return diag.Option(option)
}

// Types keeps the fields that ok takes, and those of unknown type; of the others it reports what they are no use for. A %q in help
// stands for the column.
func Types(fields []operators.Field, c operators.Columns, option, what, help string, ok func(operators.Field) bool) ([]operators.Field, diag.List) {
	var out []operators.Field
	var l diag.List
	for _, f := range fields {
		if f.Type.Kind == 0 || ok(f) {
			out = append(out, f)
			continue
		}
		d := diag.New(diag.ColumnType, At(c, option, f.Name), "column %q is %s, %s", f.Name, f.Type, what)
		if help != "" {
			d = d.WithHelp("%s", strings.ReplaceAll(help, "%q", strconv.Quote(f.Name)))
		}
		l.Add(d)
	}
	return out, l
}

// Name refuses names that a column cannot have. at is where the name stands.
func Name(name string, at diag.At) diag.List {
	switch {
	case name == "":
		return diag.List{diag.New(diag.BadName, at, "a column needs a name")}
	case strings.HasPrefix(name, "@"):
		return diag.List{diag.New(diag.BadName, at, "the name of a column cannot begin with @: %q", name)}
	}
	return nil
}

// Known says whether the type of every field is known: an erroneous step upstream leaves unknown ones, of which no program can be
// made and nothing more is said.
func Known(fields []operators.Field) bool {
	return !slices.ContainsFunc(fields, func(f operators.Field) bool { return f.Type.Kind == 0 })
}

// Units gives a duration in the units of a column of dates or timestamps; 0 where its type is not known.
func Units(d time.Duration, t batch.Type) (int64, error) {
	unit := 24 * time.Hour
	switch t.Kind {
	case batch.Unknown:
		return 0, nil
	case batch.Timestamp:
		unit = time.Duration(int64(time.Second) / t.Unit.PerSecond())
	case batch.Date:
	default:
		return 0, fmt.Errorf("a duration needs a date or a timestamp, not %s", t)
	}
	if d%unit != 0 {
		return 0, fmt.Errorf("%s is no whole number of what %s counts", param.FormatDuration(d), t)
	}
	return int64(d / unit), nil
}
