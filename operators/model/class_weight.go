package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

// ByClass is the option of learners of classes that weighs them. It stands inline.
type ByClass struct {
	ClassWeight ClassWeight `param:"class_weight" doc:"for classes: what the weight of a row is multiplied by, by its class; 1 for all if not given. balanced makes the classes weigh the same: a class's rows, counted by their weight, go into all rows divided by the number of classes. Or a map of classes to weights, 1 for those that it does not name. p is then that of rows so weighted, and not how often a class comes"`
}

// ClassWeight is balanced, or a weight for each class; nothing of both is 1 for all.
type ClassWeight struct {
	Balanced bool
	Of       param.Pairs[float64] // by the class's name
}

// DecodeParam takes balanced, or a map of classes to weights.
func (c *ClassWeight) DecodeParam(n *param.Node) (l diag.List) {
	const want = "balanced, or a map of classes to weights"
	*c = ClassWeight{}
	switch {
	case n.Kind == param.Scalar && n.Text == "balanced":
		c.Balanced = true
	case n.Kind == param.Scalar:
		l.Add(diag.New(diag.OptionChoice, diag.At{}, "option %q cannot be %q", "class_weight", n.Text).WithHelp("%s", want))
	case n.Kind != param.Map:
		l.Add(diag.New(diag.OptionType, diag.At{}, "option %q: %s is asked for, not %s", "class_weight", want, n.Kind))
	case len(n.Keys) == 0:
		l.Add(diag.New(diag.OptionMissing, diag.At{}, "option %q names no class", "class_weight").WithHelp("%s", want))
	}
	if n.Kind != param.Map {
		return l
	}
	for i, key := range n.Keys {
		if _, twice := c.Of.Get(key.Text); twice {
			continue // the reader of the file has reported it
		}
		at, item := diag.Option(key.Text), n.Items[i]
		w, err := param.ParseFloat(item.Text, false, false)
		switch {
		case item.Kind != param.Scalar:
			l.Add(diag.New(diag.OptionType, at, "the weight of class %q is a number, not %s", key.Text, item.Kind))
		case err != nil:
			l.Add(diag.New(diag.OptionType, at, "the weight of class %q is a number, not %q", key.Text, item.Text))
		case !(w > 0 && w <= largest):
			l.Add(diag.New(diag.OptionBound, at, "the weight of class %q is %s, and must be above 0, and at most %g", key.Text, item.Text, largest).
				WithHelp("clean.filter drops the rows of a class"))
		default:
			c.Of = append(c.Of, param.Pair[float64]{Key: key.Text, KeyPlace: key.Place, Value: w})
		}
	}
	return l
}

// ParamType names the type in the reference.
func (ClassWeight) ParamType() string { return "balanced, or a map of float" }

// ParamDoc says what may be written.
func (ClassWeight) ParamDoc() string {
	return "`balanced`, or a map from classes to what their rows' weights are multiplied by: `{yes: 3, no: 0.5}`."
}

// ParamSchema is its JSON Schema.
func (ClassWeight) ParamSchema() map[string]any {
	// a weight may be an expression too, which is text
	weight := map[string]any{"type": []any{"number", "string"}, "exclusiveMinimum": 0, "maximum": largest, "pattern": `\$\{\{.*\}\}`}
	return map[string]any{"oneOf": []any{map[string]any{"const": "balanced"},
		map[string]any{"type": "object", "additionalProperties": weight, "minProperties": 1}}}
}

// Given says whether the option is there.
func (c *ClassWeight) Given() bool { return c.Balanced || len(c.Of) > 0 }

// CheckClasses reports weights of classes where there are none, and of those that the label cannot have.
func (b *ByClass) CheckClasses(s operators.Site) (l diag.List) {
	c := &b.ClassWeight
	if !c.Given() {
		return nil
	}
	t := TargetOf(s)
	if s.Task.Kind == operators.Regression {
		l.Add(diag.New(diag.OptionConflict, diag.Option("class_weight"), "class_weight is of classes, this is a regression").
			WithHelp("leave it out; task.weight names a column of weights"))
		return l
	}
	if s.Task.Kind != operators.Binary && s.Task.Kind != operators.Multiclass || t.Type.Kind == batch.Unknown {
		return nil // what there is to say of it is said
	}
	known := t.known()
	others := 0 // besides task.positive
	for _, p := range c.Of {
		at := diag.Option("class_weight", p.Key)
		at.Key = true
		bad := func(help, format string, args ...any) {
			l.Add(diag.New(diag.OptionChoice, at, "class_weight names the class %q, and %s", p.Key, fmt.Sprintf(format, args...)).WithHelp("%s", help))
		}
		if t.Task.Positive == "" || !t.sameClass(p.Key, t.Task.Positive) {
			others++
		}
		switch _, _, err := operators.ParseValue(t.Type, p.Key); {
		case known != nil && !slices.Contains(known, p.Key):
			bad(diag.DidYouMean(p.Key, "classes", known), "the label %q is never that", t.Name)
		case known == nil && err != nil:
			bad("a class is a value of the label", "the label %q is never that: %s", t.Name, err)
		case t.Task.Kind == operators.Binary && t.Task.Positive != "" && others > 1:
			bad("task.positive is one class, all others together the other: one of them is named", "one besides %q before it", t.Task.Positive)
		}
	}
	return l
}

// known are the classes of a label that are known before a row is read; nil where they are not.
func (t Target) known() []string {
	switch {
	case t.Type.Kind == batch.Bool:
		return []string{"false", "true"}
	case t.Type.Text():
		return t.Categories
	case t.Task.Kind == operators.Binary && t.Task.Positive == "":
		return []string{"0", "1"}
	}
	return nil
}

// sameClass says whether two texts are one value of the label.
func (t Target) sameClass(a, b string) bool {
	if a == b || t.Type.Text() {
		return a == b
	}
	i, x, err := operators.ParseValue(t.Type, a)
	j, y, other := operators.ParseValue(t.Type, b)
	return err == nil && other == nil && i == j && x == y
}

// classNames are the classes of a label by their code: those of a multiclass task, or of a binary one, whose y is what Learn gave of col.
func classNames[C code](t Target, classes Classes, col *batch.Column, y []C, w []float64) []string {
	var names []string
	for _, v := range classes {
		names = append(names, ClassName(v))
	}
	switch {
	case classes != nil:
		return names
	case t.Task.Positive != "":
		names = []string{"", t.Task.Positive}
	default:
		return t.known()
	}
	for i, v := range y { // a class that is not task.positive is known by its rows
		if v != 0 || w != nil && w[i] == 0 {
			continue
		}
		if names[0] = operators.FormatValue(col, i); col.Type.Text() {
			names[0] = col.Str(i)
		}
		break
	}
	return names
}

// code is the class of a row as learners hold it: 0 and 1 of two, its place of many, below 0 of one that no row has which counts.
type code interface{ int32 | float64 }

// ClassWeights are what a fit found for its classes; the zero value is 1 for all.
type ClassWeights struct {
	names []string
	of    []float64
}

// WeighClasses finds the weights of the classes of train rows, whose label is col and whose weights are w, nil for 1, and gives what the
// rows weigh by both. The codes are those that Target.Learn gave, or Target.Classes along with classes.
//
// A class is balanced by the weight of all rows over the number of classes times the weight of its own: without task.weight that is what
// scikit-learn has. Sums are exact, so that no order of the rows reaches a weight.
func WeighClasses[C code](o *ClassWeight, t Target, classes Classes, col *batch.Column, codes []C, w []float64) (k ClassWeights, weights []float64, err error) {
	if !o.Given() {
		return k, w, nil
	}
	if k.names = classNames(t, classes, col, codes, w); o.Balanced {
		k.of = balanced(len(k.names), codes, w)
	} else if k.of, err = o.named(t, k.names); err != nil {
		return k, nil, err
	}
	weights, err = Weigh(k, codes, w)
	return k, weights, err
}

// balanced are weights by which the classes that there are weigh the same; 1 of the others.
func balanced[C code](classes int, codes []C, w []float64) []float64 {
	mass := make([]exact.Sum, classes)
	for i, c := range codes {
		switch {
		case c < 0:
		case w == nil:
			mass[int(c)].Add(1)
		default:
			mass[int(c)].Add(w[i])
		}
	}
	var all exact.Sum
	there := 0 // classes that train rows have
	for j := range mass {
		all.Merge(&mass[j])
		if mass[j].Value() > 0 {
			there++
		}
	}
	out, total := slices.Repeat([]float64{1}, classes), all.Value()
	for j := range mass {
		if m := mass[j].Value(); m > 0 {
			out[j] = total / (float64(there) * m)
		}
	}
	return out
}

// named are the weights that a map has of classes of these names.
func (c *ClassWeight) named(t Target, names []string) ([]float64, error) {
	out := slices.Repeat([]float64{1}, len(names))
	for _, p := range c.Of {
		j := slices.IndexFunc(names, func(name string) bool { return t.sameClass(name, p.Key) })
		if j < 0 {
			return nil, DataError("class_weight names the class %q, and no train row has it; %s", p.Key, diag.DidYouMean(p.Key, "classes", names))
		}
		out[j] = p.Value
	}
	return out, nil
}

// Weigh gives the weights of rows times those of their classes. A row of no class keeps its own. w, nil for 1, is left as it is.
func Weigh[C code](k ClassWeights, codes []C, w []float64) ([]float64, error) {
	if k.of == nil {
		return w, nil
	}
	out := make([]float64, len(codes))
	for i, c := range codes {
		x := 1.0
		if w != nil {
			x = w[i]
		}
		if c >= 0 {
			x *= k.of[int(c)]
		}
		if out[i] = x; x > largest {
			return nil, DataError("a row of class %q weighs %v, %v of it by class_weight, and must weigh %g at most", k.names[int(c)], x, k.of[int(c)], largest)
		}
	}
	return out, nil
}

// classesShown is how many classes the fact of their weights names.
const classesShown = 8

// Facts are the weights for people; none where there are none.
func (k ClassWeights) Facts() []operators.Fact {
	if k.of == nil {
		return nil
	}
	var texts []string
	for j, w := range k.of[:min(len(k.of), classesShown)] {
		texts = append(texts, k.names[j]+" "+strconv.FormatFloat(w, 'g', 6, 64))
	}
	if more := len(k.of) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("%d classes more", more))
	}
	return []operators.Fact{{Name: "class weights", Text: strings.Join(texts, ", ")}}
}
