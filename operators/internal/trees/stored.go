package trees

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// Stored are the trees of a program: an ensemble an output, over features of their own.
type Stored struct {
	Features  []StoredFeature
	Ensembles []*program.Trees
	Classes   []program.Value // of a program that chooses among them, in the order of the outputs
}

// StoredFeature is what the trees were learnt from.
type StoredFeature struct {
	Name  string
	Type  batch.Type // of the column that it is read from
	Asked bool       // some tree splits on it

	codes map[string]int32 // of a text
}

// Read finds the trees that a score of a program comes of: one ensemble, or where it is a softmax one a class.
func Read(g program.Graph, score string) (*Stored, error) {
	at := slices.IndexFunc(g.Out, func(p program.Port) bool { return p.Name == score })
	if at < 0 {
		return nil, fmt.Errorf("it gives no %q", score)
	}
	s := &Stored{}
	slots := []int{g.Out[at].Slot}
	if n := maker(g, slots[0]); n != nil {
		if _, ok := n.Kind.(*program.Softmax); ok {
			s.Classes = choices(g, slots[0])
			if slots = n.In; len(s.Classes) != len(slots) {
				return nil, errors.New("it does not say which classes it tells apart")
			}
		}
	}
	var in []int
	for _, slot := range slots {
		n := maker(g, slot)
		var k *program.Trees
		if n != nil {
			k, _ = n.Kind.(*program.Trees)
		}
		switch {
		case k == nil:
			return nil, errors.New("it is no model of boosted trees")
		case len(k.Names) == 0:
			return nil, errors.New("it was made by a version that did not keep the names of its features: train it again once")
		case in == nil:
			in = n.In
		case !slices.Equal(in, n.In) || len(k.Trees) != s.Rounds():
			return nil, errors.New("its classes do not share their features, or have not as many trees each")
		}
		s.Ensembles = append(s.Ensembles, k)
	}
	for j, slot := range in {
		f, err := feature(g, slot, s.Ensembles[0].Levels[j])
		if err != nil {
			return nil, err
		}
		f.Name = s.Ensembles[0].Names[j]
		s.Features = append(s.Features, f)
	}
	for _, k := range s.Ensembles {
		for _, t := range k.Trees {
			for _, f := range t.Feature {
				s.Features[f].Asked = true
			}
		}
	}
	return s, nil
}

// maker is the node whose output a slot is, nil where that is an input.
func maker(g program.Graph, slot int) *program.Node {
	for i := range g.Nodes {
		if slices.Contains(g.Nodes[i].Out, slot) {
			return &g.Nodes[i]
		}
	}
	return nil
}

// choices are the values that a wide column's greatest member chooses among.
func choices(g program.Graph, slot int) []program.Value {
	for _, n := range g.Nodes {
		if k, ok := n.Kind.(*program.Choice); ok && slices.Contains(n.In, slot) {
			return k.Values
		}
	}
	return nil
}

// feature says what the column in a slot is: of codes, what they are looked up from.
func feature(g program.Graph, slot int, levels int32) (f StoredFeature, err error) {
	if levels == 0 {
		f.Type = g.Types[slot]
		return f, nil
	}
	bad := errors.New("its categories are not looked up as train.gbdt has them")
	n := maker(g, slot)
	if n == nil {
		return f, bad
	}
	k, ok := n.Kind.(*program.Lookup)
	if !ok || len(n.In) != 1 || !g.Types[n.In[0]].Text() || k.HasNull {
		return f, bad
	}
	out := slices.Index(n.Out, slot)
	if !k.Miss[out].IsNull() || k.Outs[out].Type.Kind != batch.Int32 || k.Outs[out].Valid != nil {
		return f, bad
	}
	f.Type, f.codes = g.Types[n.In[0]], map[string]int32{}
	for i, code := range k.Outs[out].Int32s() {
		f.codes[k.Keys.Str(i)] = code
	}
	return f, nil
}

// Rounds is how many trees each output has.
func (s *Stored) Rounds() int { return len(s.Ensembles[0].Trees) }

// Base are the scores that the trees add to.
func (s *Stored) Base() (base []float64) {
	for _, k := range s.Ensembles {
		base = append(base, k.Base)
	}
	return base
}

// Texts are, of each of the features of another fit, the values that the trees tell apart, sorted.
func (s *Stored) Texts(features []operators.Field) [][]string {
	out := make([][]string, len(features))
	for _, f := range s.Features {
		if j := place(features, f.Name); j >= 0 {
			out[j] = slices.Sorted(maps.Keys(f.codes))
		}
	}
	return out
}

// Trees are the trees over the features of another fit, none of them wide, those of a round together: each sends every row where it
// sent it before. A value that it did not know counts as missing, as it did. The vocabularies hold Texts.
func (s *Stored) Trees(features []operators.Field, v Vocabularies) []Tree {
	at := make([]int32, len(s.Features))
	codes := make([][]int32, len(s.Features)) // of a text, of each code of the fit the code of before, or -1
	for i, f := range s.Features {
		j := place(features, f.Name)
		at[i] = int32(j)
		if j < 0 || v[j] == nil {
			continue
		}
		codes[i] = slices.Repeat([]int32{-1}, v[j].levels())
		for c, text := range v[j].text {
			if was, ok := f.codes[text]; ok {
				codes[i][c] = was
			}
		}
	}
	out := make([]Tree, 0, s.Rounds()*len(s.Ensembles))
	for round := range s.Rounds() {
		for _, k := range s.Ensembles {
			out = append(out, moved(&k.Trees[round], k.Levels, at, codes))
		}
	}
	return out
}

// moved is a tree over other features. What does not change is shared.
func moved(t *program.Tree, levels, at []int32, codes [][]int32) Tree {
	n := len(t.Feature)
	out := Tree{Feature: make([]int32, n), Threshold: t.Threshold, Left: t.Left, Right: t.Right, MissingLeft: t.MissingLeft, Cat: make([]int32, n),
		Gain: make([]float64, n), Leaf: t.Leaf, Cover: t.Cover}
	for i, f := range t.Feature {
		out.Feature[i], out.Cat[i] = at[f], -1
		if t.Cat[i] < 0 {
			continue
		}
		set := make([]uint64, (len(codes[f])+63)/64)
		for c, was := range codes[f] {
			left := t.MissingLeft[i]
			if was >= 0 && was < levels[f] {
				left = t.Bits[int(t.Cat[i])+int(was)/64]>>(was%64)&1 != 0
			}
			if left {
				set[c/64] |= 1 << (c % 64)
			}
		}
		out.Cat[i] = int32(len(out.Bits))
		out.Bits = append(out.Bits, set...)
	}
	return out
}

// place is where a feature is, -1 where it is not.
func place(features []operators.Field, name string) int {
	return slices.IndexFunc(features, func(f operators.Field) bool { return f.Name == name })
}
