package gbdt

import (
	"fmt"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// program is the fitted model: texts are looked up, wide columns are taken apart, the trees follow, and for a binary task the decision.
// It predicts what m.Predict does, to the bit.
func (v vocabularies) program(m *Model, r model.Roles, train operators.Table, threshold float64) program.Graph {
	var g program.Graph
	k := &program.Trees{Base: m.Base, Levels: make([]int32, len(m.Features))}
	var in []program.Named    // of the trees
	at := map[string]int{}    // the slots that feed them
	told := map[int][]int32{} // of each text feature of m, the levels that some split tells apart
	feed := func(name string, t batch.Type, slot int) {
		in, at[name] = append(in, program.Named{Name: name, Type: t}), slot
	}
	for j, f := range r.Features {
		slot, n := g.Input(f.Name, f.Type), len(in)
		switch {
		case v[j] != nil:
			told[n] = m.told(n)
			k.Levels[n] = int32(max(1, len(told[n])))
			name := fmt.Sprintf("@code %d", n)
			feed(name, batch.T(batch.Int32), g.Add(v[j].lookup(f, told[n], name), map[string]int{f.Name: slot})[name])
		case f.Type.Kind == batch.Vector:
			h, names := program.TakeApart(f.Name, train.Cols[j].Wide, fmt.Sprintf("@member %d", n))
			out := g.Add(h, map[string]int{f.Name: slot})
			for _, name := range names {
				feed(name, batch.T(batch.Float64), out[name])
			}
		default:
			feed(f.Name, f.Type, slot)
		}
	}
	for i := range m.Trees {
		k.Trees = append(k.Trees, m.tree(&m.Trees[i], told))
	}
	score := model.Pred
	if r.Kind == operators.Binary {
		k.Link, score = program.Sigmoid, model.P
	}
	g.Output(score, g.Add(program.One(k, in, []program.Named{{Name: score, Type: batch.T(batch.Float64)}}), at)[score])
	if r.Kind == operators.Binary {
		return model.Decide(g, threshold)
	}
	return g
}

// told lists the levels of feature n, in order, that some split sends another way than missing values. All others may count as
// missing: the bundle of a column of many rare values stays small.
func (m *Model) told(n int) (levels []int32) {
	is := make([]bool, m.Features[n].Levels)
	for t := range m.Trees {
		tree := &m.Trees[t]
		for i, f := range tree.Feature {
			if int(f) != n {
				continue
			}
			for c := range is {
				is[c] = is[c] || tree.bit(i, int32(c)) != tree.MissingLeft[i]
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

// bit says whether level c goes left at the categorical split i.
func (t *Tree) bit(i int, c int32) bool { return t.Bits[int(t.Cat[i])+int(c)/64]>>(c%64)&1 != 0 }

// tree is a tree as the program has it, its bitsets over the levels that are told apart.
func (m *Model) tree(t *Tree, told map[int][]int32) program.Tree {
	out := program.Tree{Feature: t.Feature, Left: t.Left, Right: t.Right, MissingLeft: t.MissingLeft, Leaf: t.Leaf,
		Threshold: make([]float64, len(t.Feature)), Cat: make([]int32, len(t.Feature))}
	for i, f := range t.Feature {
		if t.Cat[i] < 0 {
			out.Threshold[i], out.Cat[i] = t.Threshold[i], -1
			continue
		}
		levels := told[int(f)]
		set := make([]uint64, (max(1, len(levels))+63)/64)
		for at, c := range levels {
			if t.bit(i, c) {
				set[at/64] |= 1 << (at % 64)
			}
		}
		out.Cat[i] = int32(len(out.Bits))
		out.Bits = append(out.Bits, set...)
	}
	return out
}

// lookup gives the place of a text among the levels, null for any other.
func (t *vocabulary) lookup(f operators.Field, levels []int32, out string) program.Graph {
	text, code := make([]string, len(levels)), make([]int32, len(levels))
	for i, c := range levels {
		text[i], code[i] = t.text[c], int32(i)
	}
	k, err := program.NewLookup([]batch.Column{batch.OfStrings(text)}, []batch.Column{batch.OfInt32s(code)}, nil)
	if err != nil {
		panic(fmt.Sprintf("train.gbdt: %v", err)) // the texts of a vocabulary differ, and are fewer than the bins of a column
	}
	return program.One(k, []program.Named{{Name: f.Name, Type: f.Type}}, []program.Named{{Name: out, Type: batch.T(batch.Int32)}})
}
