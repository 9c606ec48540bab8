package trees

import (
	"fmt"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// Inputs are what kinds of trees take in a program.
type Inputs struct {
	Named  []program.Named
	At     map[string]int // their slots
	Levels []int32        // of each; 0 for a number
	Names  []string       // of each, for people

	told map[int][]int32 // of each text feature, the levels that some split tells apart
}

// Inputs begins a program: texts are looked up, wide columns are taken apart. The trees are all that the program will have; cols are
// what they were learnt from.
func (v Vocabularies) Inputs(g *program.Graph, features []operators.Field, cols []batch.Column, meta []Meta, ts []Tree) *Inputs {
	in := &Inputs{At: map[string]int{}, Levels: make([]int32, len(meta)), told: map[int][]int32{}}
	for _, m := range meta {
		in.Names = append(in.Names, m.Name)
	}
	feed := func(name string, t batch.Type, slot int) {
		in.Named, in.At[name] = append(in.Named, program.Named{Name: name, Type: t}), slot
	}
	for j, f := range features {
		slot, n := g.Input(f.Name, f.Type), len(in.Named)
		switch {
		case v[j] != nil:
			in.told[n] = told(n, meta, ts)
			in.Levels[n] = int32(max(1, len(in.told[n])))
			name := fmt.Sprintf("@code %d", n)
			feed(name, batch.T(batch.Int32), g.Add(v[j].lookup(f, in.told[n], name), map[string]int{f.Name: slot})[name])
		case f.Type.Kind == batch.Vector:
			h, names := program.TakeApart(f.Name, cols[j].Wide, fmt.Sprintf("@member %d", n))
			out := g.Add(h, map[string]int{f.Name: slot})
			for _, name := range names {
				feed(name, batch.T(batch.Float64), out[name])
			}
		default:
			feed(f.Name, f.Type, slot)
		}
	}
	return in
}

// told lists the levels of a feature, in order, that some split sends another way than missing values. All others may count as
// missing: the bundle of a column of many rare values stays small.
func told(n int, meta []Meta, ts []Tree) (levels []int32) {
	is := make([]bool, meta[n].Levels)
	for t := range ts {
		tree := &ts[t]
		for i, f := range tree.Feature {
			if int(f) != n {
				continue
			}
			for c := range is {
				is[c] = is[c] || tree.GoesLeft(i, int32(c)) != tree.MissingLeft[i]
			}
		}
	}
	for c, ok := range is {
		if ok {
			levels = append(levels, int32(c))
		}
	}
	return levels
}

// Tree is a tree as the program has it, its bitsets over the levels that are told apart.
func (in *Inputs) Tree(t *Tree) program.Tree {
	out := program.Tree{Feature: t.Feature, Left: t.Left, Right: t.Right, MissingLeft: t.MissingLeft, Leaf: t.Leaf, Cover: t.Cover,
		Threshold: make([]float64, len(t.Feature)), Cat: make([]int32, len(t.Feature))}
	for i, f := range t.Feature {
		if t.Cat[i] < 0 {
			out.Threshold[i], out.Cat[i] = t.Threshold[i], -1
			continue
		}
		levels := in.told[int(f)]
		set := make([]uint64, (max(1, len(levels))+63)/64)
		for at, c := range levels {
			if t.GoesLeft(i, c) {
				set[at/64] |= 1 << (at % 64)
			}
		}
		out.Cat[i] = int32(len(out.Bits))
		out.Bits = append(out.Bits, set...)
	}
	return out
}

// lookup gives the place of a text among the levels, null for any other; where the rest is one of them, its place.
func (t *Vocabulary) lookup(f operators.Field, levels []int32, out string) program.Graph {
	text, code := make([]string, len(levels)), make([]int32, len(levels))
	rest := -1
	for i, c := range levels {
		if code[i] = int32(i); c == t.rest {
			rest = i
		} else {
			text[i] = t.text[c]
		}
	}
	keys, outs := batch.OfStrings(text), batch.OfInt32s(code)
	var miss []program.Value
	if rest >= 0 { // in its place is what a null gives
		null := make([]bool, len(levels))
		null[rest] = true
		keys, outs = keys.WithNulls(null), outs.WithNulls(null)
		miss = []program.Value{{Kind: batch.Int32, I: int64(rest)}}
	}
	k, err := program.NewLookup([]batch.Column{keys}, []batch.Column{outs}, miss)
	if err != nil {
		panic(fmt.Sprintf("trees: %v", err)) // the texts of a vocabulary differ, and are fewer than the bins of a column
	}
	return program.One(k, []program.Named{{Name: f.Name, Type: f.Type}}, []program.Named{{Name: out, Type: batch.T(batch.Int32)}})
}
