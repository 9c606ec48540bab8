package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// Target is the label as a learner and an evaluation read it.
type Target struct {
	operators.Field
	Task operators.Task
}

// TargetOf is the target of a site.
func TargetOf(s operators.Site) Target {
	f, _ := s.In[0].Field(s.Task.Label)
	return Target{Field: f, Task: s.Task}
}

// Check reports a label that cannot be learnt: one that is not there, that may be null, or whose type does not fit the task.
func (t Target) Check(in operators.Schema) (l diag.List) {
	bad := func(help, format string, args ...any) {
		l.Add(diag.New(diag.LabelBad, diag.At{}, format, args...).WithHelp("%s", help))
	}
	if !in.Has(t.Name) {
		if !in.Open {
			bad(diag.DidYouMean(t.Name, "columns", in.Names()), "the label %q does not reach this step", t.Name)
		}
		return l
	}
	k, positive := t.Type.Kind, t.Task.Positive
	switch {
	case k == batch.Unknown:
		return nil
	case t.Task.Kind == operators.Regression && !t.Type.Numeric():
		bad("a regression learns a number: clean.cast it", "the label %q is %s", t.Name, t.Type)
	case t.Task.Kind == operators.Regression:
	case t.Task.Kind == operators.Ranking && !t.Type.Numeric() && k != batch.Bool:
		bad("a ranking learns a number that is greater the better a row is, or a bool: clean.cast it", "the label %q is %s", t.Name, t.Type)
	case t.Task.Kind == operators.Ranking:
	case t.Task.Kind == operators.Multiclass && positive != "":
		bad("leave it out; or write kind: binary, which tells that value from all others", "task.positive is for binary tasks, the task is multiclass")
	case t.Task.Kind == operators.Multiclass && k != batch.String && k != batch.Bool && !t.Type.Integer():
		bad("a multiclass label is text, a whole number or a bool: clean.cast it", "the label %q is %s", t.Name, t.Type)
	case t.Task.Kind == operators.Multiclass && len(t.Categories) == 1:
		bad("there is nothing to tell apart", "the label %q has one class only: it is always %q", t.Name, t.Categories[0])
	case t.Task.Kind == operators.Multiclass:
	case k == batch.String && positive == "":
		bad("write task.positive: VALUE, the value that counts as 1", "the label %q is string, and nothing says which value counts as 1", t.Name)
	case k == batch.String:
		if t.Categories != nil && !slices.Contains(t.Categories, positive) {
			bad(diag.DidYouMean(positive, "values", t.Categories), "the label %q is never %q, which task.positive names", t.Name, positive)
		}
	case k != batch.Bool && !t.Type.Numeric():
		bad("a binary label is a bool, a number 0 or 1, or text with task.positive", "the label %q is %s", t.Name, t.Type)
	case positive != "":
		if _, _, err := operators.ParseValue(t.Type, positive); err != nil {
			bad("task.positive is a value of the label", "the label %q is never %q, which task.positive names: %s", t.Name, positive, err)
		}
	}
	if t.Nullable {
		l.Add(diag.New(diag.Nullable, diag.At{}, "the label %q may be null", t.Name).
			WithHelp("keep the rows that have one: clean.filter: %q", column(t.Name)+" != nil"))
	}
	return l
}

// column is a name as an expression has it.
func column(name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return fmt.Sprintf("col(%q)", name)
		}
	}
	return name
}

// Values gives the labels of rows: 0 or 1 of a binary task, the number of a regression or a ranking. A null, a number that is not finite, and a number
// other than 0 and 1 where no task.positive says what counts are errors of the data. They may share the column's memory or c's.
func (t Target) Values(c *batch.Ctx, col *batch.Column) ([]float64, error) {
	if n := col.Nulls(); n > 0 {
		return nil, t.null(n, col.N)
	}
	binary := t.Task.Kind == operators.Binary
	if binary && t.Task.Positive != "" {
		return t.positives(c, col)
	}
	y := c.Floats(*col)
	if binary && col.Type.Kind == batch.Bool {
		return y, nil
	}
	for _, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, DataError("the label %q is %v in a row", t.Name, v)
		}
		if binary && v != 0 && v != 1 {
			return nil, DataError("the label %q is %v in a row; a binary label is 0 or 1, or task.positive says what counts as 1", t.Name, v)
		}
	}
	return y, nil
}

// positives: for i { y[i] = 1 where the label is task.positive, else 0 }
func (t Target) positives(c *batch.Ctx, col *batch.Column) ([]float64, error) {
	y := c.Float64s(col.N)
	clear(y)
	if col.Type.Text() {
		for i := range y {
			if col.Str(i) == t.Task.Positive {
				y[i] = 1
			}
		}
		return y, nil
	}
	one, x, err := operators.ParseValue(col.Type, t.Task.Positive)
	if err != nil {
		return nil, fmt.Errorf("task.positive: %w", err)
	}
	switch col.Type.Kind {
	case batch.Float32, batch.Float64:
		for i, v := range c.Floats(*col) {
			if v == x {
				y[i] = 1
			} else if math.IsNaN(v) {
				return nil, DataError("the label %q is NaN in a row", t.Name)
			}
		}
	case batch.Int32:
		for i, v := range col.Int32s() {
			if int64(v) == one {
				y[i] = 1
			}
		}
	case batch.Bool:
		for i := range y {
			if col.Bit(i) == (one != 0) {
				y[i] = 1
			}
		}
	default:
		for i, v := range col.Int64s() {
			if v == one {
				y[i] = 1
			}
		}
	}
	return y, nil
}

// Learn is Values for a fit: of a binary task both classes must be there, and no third. Rows of weight 0 do not count. w may be nil.
func (t Target) Learn(col *batch.Column, w []float64) ([]float64, error) {
	y, err := t.Values(nil, col)
	if err != nil || t.Task.Kind != operators.Binary {
		return y, err
	}
	var seen [2]int
	zero := -1 // the first row of class 0
	for i, v := range y {
		if w != nil && w[i] == 0 {
			continue
		}
		seen[int(v)]++
		if v == 1 {
			continue
		}
		if zero < 0 {
			zero = i
		}
		if t.Task.Positive != "" && operators.FormatValue(col, i) != operators.FormatValue(col, zero) {
			return nil, DataError("the label %q has more than two values: %s and %s besides %s", t.Name,
				operators.FormatValue(col, zero), operators.FormatValue(col, i), t.Task.Positive)
		}
	}
	for class, n := range seen {
		if n > 0 {
			continue
		}
		what := "all"
		if class == 1 && t.Task.Positive != "" {
			what = fmt.Sprintf("no row is %q, all", t.Task.Positive)
		}
		return nil, DataError("the label %q has one class only: %s %d train rows are %d", t.Name, what, seen[1-class], 1-class)
	}
	return y, nil
}

// Weights gives the weights of rows, nil where the task has none: finite, at least 0, and of a fit not all 0.
func Weights(c *batch.Ctx, name string, col *batch.Column, fit bool) ([]float64, error) {
	if n := col.Nulls(); n > 0 {
		return nil, DataError("the weight %q is null in %d of %d rows", name, n, col.N)
	}
	w := c.Floats(*col)
	any := false
	for _, v := range w {
		if !(v >= 0 && v <= largest) {
			return nil, DataError("the weight %q is %v in a row, and must be from 0 to %g", name, v, largest)
		}
		any = any || v > 0
	}
	if fit && !any {
		return nil, DataError("the weight %q is 0 in all %d rows", name, len(w))
	}
	return w, nil
}

// largest keeps squares and sums of what follows finite.
const largest = 1e100

// DataError is an error that the data are to blame for.
func DataError(format string, args ...any) error {
	return &operators.ErrData{Err: fmt.Errorf(format, args...)}
}

// Number is one number a row that a learner sees: a feature, or a member of a wide one. NaN is missing.
type Number struct {
	Name   string
	Values []float64
}

// Wide is how many features columns are, the members of wide ones counted.
func Wide(cols []batch.Column) (n int) {
	for i := range cols {
		if cols[i].Type.Kind == batch.Vector {
			n += cols[i].Wide
		} else {
			n++
		}
	}
	return n
}

// Numbers are the numbers of features, the members of wide columns side by side. Columns may share their memory with them. Text
// columns have none and panic.
func Numbers(fields []operators.Field, cols []batch.Column) (out []Number) {
	var c *batch.Ctx
	for j, f := range fields {
		col := cols[j]
		if col.Type.Kind != batch.Vector {
			out = append(out, Number{f.Name, c.Floats(col)})
			continue
		}
		for k, m := range col.Members {
			v := col.Member(k)
			if col.Valid != nil {
				v = slices.Clone(v)
				for i := range v {
					if col.Null(i) {
						v[i] = math.NaN()
					}
				}
			}
			out = append(out, Number{m, v})
		}
	}
	return out
}

// Finite refuses what a learner without missing values cannot take, and says which feature it is in.
func Finite(xs []Number) error {
	var bad []string
	for _, x := range xs {
		n, first := 0, 0.0
		for _, v := range x.Values {
			if !(math.Abs(v) <= largest) {
				if n == 0 {
					first = v
				}
				n++
			}
		}
		if n > 0 {
			bad = append(bad, fmt.Sprintf("feature %q is %v in a train row, and no finite number within %g in %d of %d", x.Name, first, largest, n, len(x.Values)))
		}
	}
	if bad == nil {
		return nil
	}
	return DataError("%s; clean.fill or clean.drop_missing would help", strings.Join(bad, "; "))
}

// Shares turns gains into shares that sum to 1, the greatest first, equal ones by name. Features without gain are left out.
func Shares(names []string, gain []float64) (out []operators.Importance) {
	sum := 0.0
	for _, g := range gain {
		sum += g
	}
	for j, g := range gain {
		if g > 0 && sum > 0 {
			out = append(out, operators.Importance{Feature: names[j], Gain: g / sum})
		}
	}
	slices.SortStableFunc(out, func(a, b operators.Importance) int {
		if a.Gain != b.Gain {
			if a.Gain > b.Gain {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Feature, b.Feature)
	})
	return out
}
