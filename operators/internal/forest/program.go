package forest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// Learnt is a table as a fit takes it.
type Learnt struct {
	Data    trees.Data
	Label   Label
	Classes model.Classes // of a multiclass task

	roles model.Roles
	train operators.Table
	words trees.Vocabularies
}

// Learn reads the train rows of a learner of classes and numbers.
func Learn(r model.Roles, train operators.Table) (*Learnt, error) {
	l := &Learnt{Data: trees.Data{N: train.N}, roles: r, train: train}
	k := len(r.Features)
	var err error
	if train.N == 0 {
		return nil, &operators.ErrData{Err: operators.ErrNoRows}
	}
	if r.Weight != "" {
		if l.Data.Weight, err = model.Weights(nil, r.Weight, &train.Cols[k+1], true); err != nil {
			return nil, err
		}
	}
	switch r.Kind {
	case operators.Multiclass:
		if l.Classes, l.Label.Class, err = r.Target.Classes(&train.Cols[k], l.Data.Weight); err != nil {
			return nil, err
		}
		if l.Label.Classes = len(l.Classes); l.Label.Classes == 2 {
			l.Label.Values = make([]float64, train.N)
			for i, c := range l.Label.Class {
				l.Label.Values[i] = float64(max(c, 0))
			}
		}
	case operators.Binary:
		l.Label.Classes = 2
		l.Label.Values, err = r.Target.Learn(&train.Cols[k], l.Data.Weight)
	default:
		l.Label.Values, err = r.Target.Learn(&train.Cols[k], l.Data.Weight)
	}
	if err != nil {
		return nil, err
	}
	l.words = trees.NewVocabularies(r.Features, train, l.Data.Weight)
	l.Data.Features = l.words.Features(r.Features, train)
	return l, nil
}

// Weigh multiplies the weights of the rows by those of their classes.
func (l *Learnt) Weigh(o *model.ClassWeight) (k model.ClassWeights, err error) {
	label := &l.train.Cols[len(l.roles.Features)]
	if l.Classes != nil {
		k, l.Data.Weight, err = model.WeighClasses(o, l.roles.Target, l.Classes, label, l.Label.Class, l.Data.Weight)
	} else {
		k, l.Data.Weight, err = model.WeighClasses(o, l.roles.Target, nil, label, l.Label.Values, l.Data.Weight)
	}
	return k, err
}

// Program is a model as it is applied: the mean of the trees, and of classes the decision.
func (l *Learnt) Program(m *Model, threshold float64) program.Graph {
	var g program.Graph
	in := l.words.Inputs(&g, l.roles.Features, l.train.Cols, m.Features, m.Trees)
	ts := make([]program.Tree, len(m.Trees))
	for i := range ts {
		ts[i] = in.Tree(&m.Trees[i])
	}
	if l.Classes == nil {
		score := model.Pred
		if l.roles.Kind == operators.Binary {
			score = model.P
		}
		one := func(name string) []program.Named { return []program.Named{{Name: name, Type: batch.T(batch.Float64)}} }
		at, sum := in.At, score
		if len(ts) > 1 {
			sum = "@sum"
		}
		at = g.Add(program.One(&program.Trees{Levels: in.Levels, Names: in.Names, Trees: ts}, in.Named, one(sum)), at)
		if len(ts) > 1 { // rounded once: of trees that all say 1, the mean is 1
			at = g.Add(program.One(program.MeanOf(len(ts)), one(sum), one(score)), at)
		}
		g.Output(score, at[score])
		if l.roles.Kind == operators.Binary {
			return model.Decide(g, threshold)
		}
		return g
	}
	k := &program.Forest{Levels: in.Levels, Names: in.Names, Members: l.Classes.Members(), Trees: ts,
		Shares: program.Shares{At: m.Shares.At, Class: m.Shares.Class, Share: m.Shares.Share}}
	if len(l.Classes) == 2 {
		k.Shares = twoClasses(ts)
	}
	p := program.Named{Name: model.P, Type: batch.T(batch.Vector)}
	at := map[string]int{model.P: g.Add(program.One(k, in.Named, []program.Named{p}), in.At)[model.P]}
	return model.Likeliest(g, l.Classes, at)
}

// twoClasses makes distributions of the leaves of trees that say the share of the second class.
func twoClasses(ts []program.Tree) program.Shares {
	p := newPool()
	at := map[float64]int32{}
	for i := range ts {
		leaf := make([]float64, len(ts[i].Leaf))
		for j, v := range ts[i].Leaf {
			place, ok := at[v]
			if !ok {
				place = p.put([]int32{0, 1}, []float64{1 - v, v})
				at[v] = place
			}
			leaf[j] = float64(place)
		}
		ts[i].Leaf = leaf
	}
	return program.Shares{At: p.At, Class: p.Class, Share: p.Share}
}

// Levels are the levels that a split on a category sends left, and those that it sends right, as texts, so many at most of each.
func (l *Learnt) Levels(t *trees.Tree, node, most int) (left, right string) {
	j := slices.IndexFunc(l.roles.Features, func(f operators.Field) bool { return f.Name == l.Data.Features[t.Feature[node]].Name })
	var side [2][]string
	for c := range l.words[j].Len() {
		at := 1
		if t.GoesLeft(node, int32(c)) {
			at = 0
		}
		side[at] = append(side[at], l.words[j].Text(c))
	}
	list := func(texts []string) string {
		if len(texts) > most {
			return fmt.Sprintf("%s and %d more", strings.Join(texts[:most], ", "), len(texts)-most)
		}
		return strings.Join(texts, ", ")
	}
	return list(side[0]), list(side[1])
}
