package feature

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/program"
)

// oneHot codes the values that stay and spreads the codes over the members of a wide column a column.
func (k *Encode) oneHot(fields []operators.Field, v *vocabulary) (operators.Fitted, error) {
	var all program.Graph
	for j, c := range fields {
		values, names := k.categories(v.cols[j], c)
		outs := make([]program.Value, len(values))
		for i := range outs {
			outs[i] = code(i)
		}
		var miss program.Value // null: in no member
		if k.Nulls == "own" {
			values, outs, names = append(values, program.Value{}), append(outs, code(len(names))), append(names, c.Name+"_null")
		} else if k.Unknown == "code" { // a null is not unknown
			values, outs = append(values, program.Value{}), append(outs, program.Value{})
		}
		if k.Unknown == "code" {
			miss, names = code(len(names)), append(names, c.Name+"_other")
		}
		if len(names) == 0 {
			return operators.Fitted{}, &operators.ErrData{Err: fmt.Errorf("column %q: no value is in %d train rows", c.Name, k.MinCount)}
		}
		g, err := lookup(c, values, outs, miss, batch.T(batch.Int32))
		if err != nil {
			return operators.Fitted{}, err
		}
		wide := program.Named{Name: c.Name, Type: batch.T(batch.Vector)}
		hot := program.One(&program.OneHot{Members: apart(names)}, []program.Named{{Name: c.Name, Type: batch.T(batch.Int32)}}, []program.Named{wide})
		out := g.Add(hot, map[string]int{c.Name: g.Out[0].Slot})
		g.Out = nil
		g.Output(c.Name, out[c.Name])
		if j == 0 {
			all = g
		} else {
			all = all.Beside(g)
		}
	}
	return operators.Fitted{Program: all}, nil
}

func code(i int) program.Value { return program.Value{Kind: batch.Int32, I: int64(i)} }

// categories are the values that are frequent enough, of those at most so many as may be, in their order, with the names of their members.
func (k *Encode) categories(c *counts.Counts, f operators.Field) (values []program.Value, names []string) {
	var stay []int32
	for _, x := range c.Sorted() {
		if c.N(x) >= int64(k.MinCount) {
			stay = append(stay, x)
		}
	}
	if len(stay) > k.MaxCategories {
		rank := make(map[int32]int, len(stay))
		for i, x := range stay {
			rank[x] = i
		}
		slices.SortStableFunc(stay, func(a, b int32) int { return cmp.Compare(c.N(b), c.N(a)) })
		stay = stay[:k.MaxCategories]
		slices.SortFunc(stay, func(a, b int32) int { return cmp.Compare(rank[a], rank[b]) })
	}
	for _, x := range stay {
		values = append(values, c.Value(x))
	}
	shown := counts.Column(f.Type, values)
	for i := range values {
		name := ""
		if f.Type.Text() {
			name = strings.ToValidUTF8(string(shown.Text(i)), "\ufffd")
		} else {
			name = operators.FormatValue(&shown, i)
		}
		names = append(names, f.Name+"_"+name)
	}
	return values, names
}

// apart puts lines behind names that are there twice, as that of the text "null" and of null.
func apart(names []string) []string {
	seen := map[string]bool{}
	for i := range names {
		for seen[names[i]] {
			names[i] += "_"
		}
		seen[names[i]] = true
	}
	return names
}
