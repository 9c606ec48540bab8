package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/program"
)

// classesMax is how many classes a label may have: beyond, it is a number or an identifier more likely than a name.
const classesMax = 1000

// memberPrefix stands before the name of a class in the name of its member of p, so that a sink writes p_cat.
const memberPrefix = P + "_"

// Classes are the values of a multiclass label that a model tells apart, in their order.
type Classes []program.Value

// Members are the names of the members of p, in the order of the classes.
func (k Classes) Members() []string {
	out := make([]string, len(k))
	for j, v := range k {
		out[j] = memberPrefix + ClassName(v)
	}
	return out
}

// ClassOf is the name of the class of a member of p.
func ClassOf(member string) string { return strings.TrimPrefix(member, memberPrefix) }

// ClassName is the name of a class, a value of a type that Target.Check lets pass: text as it is.
func ClassName(v program.Value) string {
	switch v.Kind {
	case batch.Bool:
		return strconv.FormatBool(v.I != 0)
	case batch.String:
		return v.S
	}
	return strconv.FormatInt(v.I, 10)
}

// Classes are those of the train rows, and each row's place among them: in the order of Categories where they are declared, else of their
// values. Rows of weight 0 do not count: one of a class that no other row has is at -1. w may be nil.
func (t Target) Classes(col *batch.Column, w []float64) (Classes, []int32, error) {
	if n := col.Nulls(); n > 0 {
		return nil, nil, t.null(n, col.N)
	}
	keys := counts.Keys{Type: col.Type}
	rows := keys.Codes(nil, col)
	known := make([]bool, keys.Len())
	for i, c := range rows {
		known[c] = known[c] || w == nil || w[i] > 0
	}
	order := slices.DeleteFunc(keys.Sorted(), func(c int32) bool { return !known[c] })
	if t.Categories != nil {
		slices.SortStableFunc(order, func(a, b int32) int {
			return slices.Index(t.Categories, keys.Text(a)) - slices.Index(t.Categories, keys.Text(b))
		})
	}
	switch n := len(order); {
	case n == 1:
		return nil, nil, DataError("the label %q has one class only: all %d train rows are %s", t.Name, col.N, ClassName(keys.Value(order[0])))
	case n > classesMax:
		return nil, nil, DataError("the label %q has %d classes, more than %d: is it a number to estimate, or an identifier?", t.Name, n, classesMax)
	}
	at, classes := slices.Repeat([]int32{-1}, keys.Len()), make(Classes, len(order))
	for j, c := range order {
		at[c], classes[j] = int32(j), keys.Value(c)
	}
	for i, c := range rows {
		rows[i] = at[c]
	}
	return classes, rows, nil
}

// Codes are the places of other rows' labels among the classes, -1 of one that is not among them.
func (t Target) Codes(k Classes, col *batch.Column) ([]int32, error) {
	if n := col.Nulls(); n > 0 {
		return nil, t.null(n, col.N)
	}
	keys := counts.Keys{Type: col.Type}
	rows := keys.Codes(nil, col)
	place := make(map[program.Value]int32, len(k))
	for j, v := range k {
		place[v] = int32(j)
	}
	at := make([]int32, keys.Len())
	for c := range at {
		at[c] = -1
		if j, ok := place[keys.Value(int32(c))]; ok {
			at[c] = j
		}
	}
	for i, c := range rows {
		rows[i] = at[c]
	}
	return rows, nil
}

func (t Target) null(nulls, rows int) error {
	return DataError("the label %q is null in %d of %d rows", t.Name, nulls, rows)
}

// RawScore is the name of the raw score of a class, an output of what Classify ends.
func RawScore(class int) string { return fmt.Sprintf("@score %d", class) }

// Classify ends a program whose outputs are RawScore of each class with p, their softmax, and pred, the class of the greatest, the first
// of equal ones.
func Classify(g program.Graph, classes Classes) program.Graph {
	at := map[string]int{}
	for _, p := range g.Out {
		at[p.Name] = p.Slot
	}
	scores := make([]program.Named, len(classes))
	for j := range classes {
		scores[j] = program.Named{Name: RawScore(j), Type: batch.T(batch.Float64)}
	}
	p := program.Named{Name: P, Type: batch.T(batch.Vector)}
	at[P] = g.Add(program.One(&program.Softmax{Members: classes.Members()}, scores, []program.Named{p}), at)[P]
	return Likeliest(g, classes, at)
}

// Likeliest ends a program that has p, a wide column of the classes' probabilities, in a slot that at tells, with p and pred, the class of
// the greatest, the first of equal ones.
func Likeliest(g program.Graph, classes Classes, at map[string]int) program.Graph {
	p := program.Named{Name: P, Type: batch.T(batch.Vector)}
	pred := program.Named{Name: Pred, Type: batch.T(classes[0].Kind)}
	choice := program.One(&program.Choice{Values: classes}, []program.Named{p}, []program.Named{pred})
	g.Out = nil
	g.Output(P, at[P])
	g.Output(Pred, g.Add(choice, at)[Pred])
	return g
}
