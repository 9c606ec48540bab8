// Package isolation fits isolation forests.
package isolation

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// Operator is train.isolation_forest.
type Operator struct {
	Trees         int      `param:"trees" doc:"how many trees" default:"100" min:"1" max:"100000"`
	Rows          int      `param:"rows" doc:"rows that each tree draws, without replacement" default:"256" min:"2" max:"65536"`
	Contamination *float64 `param:"contamination" doc:"share of the train rows that pred calls anomalies, as near to it as rows of equal scores allow; if not given, pred is true where score is above 0.5" min:">0" max:"0.5"`
	Seed          int64    `param:"seed" doc:"seed of the random draws; the same seed gives the same result" default:"0"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "train.isolation_forest", Version: 2, New: func() operators.Op { return &Operator{} },
		Doc: "Finds rows unlike the others, without a label: an isolation forest. Each tree parts a few rows by columns and thresholds drawn at random, and a " +
			"row that is soon alone is an anomaly (Liu, Ting and Zhou, 2008). score is 2 to the power -E/c, where E is the mean number of splits on the way and " +
			"c what it is expected to be: near 1 for anomalies, below 0.5 for what is ordinary, and 0.5 of rows that are all alike. The label, if the task names " +
			"one, is no feature; rows are drawn by task.weight. Strings need no encoding: a split draws a side for each value; of a column of more than 254 " +
			"values, those that fewest train rows have count as one, and so does a value that none has.",
		Example: []operators.Example{{
			Doc:     "one number far from the others",
			Options: "{contamination: 0.2}",
			Task:    operators.Task{Kind: operators.Anomaly},
			In: []string{`
				_part | size float64
				train | 1
				train | 1.1
				train | 1.2
				train | 1.3
				train | 9
				test  | 1.15
				test  | 20`},
			Out: `
				_part | size float64 | score float64       | pred bool
				train | 1            | 0.44212561560816244 | false
				train | 1.1          | 0.354664024520994   | false
				train | 1.2          | 0.349420992784987   | false
				train | 1.3          | 0.4266012567781231  | false
				train | 9            | 0.735793965725894   | true
				test  | 1.15         | 0.34734554694358666 | false
				test  | 20           | 0.735793965725894   | true`,
		}},
	})
}

var learner = model.Learner{Name: "train.isolation_forest", Tasks: []operators.TaskKind{operators.Anomaly}, Nulls: true, Text: true}

// Check says what is learnt from what.
func (o *Operator) Check(s operators.Site) (operators.Output, diag.List) { return learner.Check(s) }

// Narrow gives itself: what it makes is one thing.
func (o *Operator) Narrow(operators.Site, []string) operators.Op { return o }

// Fit learns from the train rows.
func (o *Operator) Fit(s operators.Site, env operators.Env, train, _ operators.Table) (out operators.Fitted, err error) {
	r := model.RolesOf(s)
	data := &trees.Data{N: train.N}
	if r.Weight != "" {
		if data.Weight, err = model.Weights(nil, r.Weight, &train.Cols[len(r.Features)], true); err != nil {
			return out, err
		}
	}
	alive := 0
	for i := range data.N {
		if data.WeightOf(i) > 0 {
			alive++
		}
	}
	if alive < 2 {
		return out, model.DataError("%d rows are too few to tell the unlike from the like", alive)
	}
	// codes of texts, weights and scores of the rows; of each row that a tree draws a leaf, and a split beside it
	bytes := int64(train.N)*int64(4*model.Wide(train.Cols[:len(r.Features)])+24) + int64(o.Trees)*int64(min(o.Rows, alive))*150
	if err := env.Grant(bytes); err != nil {
		return out, fmt.Errorf("train.isolation_forest: %w", err)
	}
	words := trees.NewVocabulariesWithRest(r.Features, train, data.Weight)
	data.Features = words.Features(r.Features, train)
	g := &grower{data: data, seed: hash.Combine(s.Seed, uint64(o.Seed)), rows: min(o.Rows, alive)}
	g.depth = bits.Len(uint(g.rows - 1))
	grown := make([]trees.Tree, o.Trees)
	env.Parallel(o.Trees, func(i int) {
		if env.Context.Err() == nil {
			grown[i] = g.tree(uint64(i))
		}
	})
	if err := env.Context.Err(); err != nil {
		return out, err
	}
	p := build(words, r, train, data, grown, steps(length(g.rows)))
	cut := math.Nextafter(0.5, 1)
	if o.Contamination != nil {
		if cut, err = quantile(env, p, train, data, *o.Contamination); err != nil {
			return out, err
		}
	}
	at := map[string]int{model.Score: p.Out[0].Slot}
	h := program.One(&program.Threshold{At: cut}, []program.Named{{Name: model.Score, Type: batch.T(batch.Float64)}},
		[]program.Named{{Name: model.Pred, Type: batch.T(batch.Bool)}})
	p.Output(model.Pred, p.Add(h, at)[model.Pred])
	out.Program = p
	fact := func(name, text string) {
		out.Notes.Facts = append(out.Notes.Facts, operators.Fact{Name: name, Text: text})
	}
	fact("rows", strconv.Itoa(train.N))
	fact("features", strconv.Itoa(len(data.Features)))
	fact("trees", strconv.Itoa(o.Trees))
	fact("rows a tree", strconv.Itoa(g.rows))
	fact("anomalies from", strconv.FormatFloat(cut, 'g', 6, 64))
	return out, nil
}

// build is the program that scores. A row that is as far down as expected, to the step of lengths, has exactly 0.5: the quotient is 1.
func build(words trees.Vocabularies, r model.Roles, train operators.Table, data *trees.Data, grown []trees.Tree, expected float64) program.Graph {
	var g program.Graph
	meta := make([]trees.Meta, len(data.Features))
	for j, f := range data.Features {
		meta[j] = trees.Meta{Name: f.Name, Levels: f.Levels}
	}
	in := words.Inputs(&g, r.Features, train.Cols, meta, grown)
	k := &program.Trees{Levels: in.Levels}
	for i := range grown {
		k.Trees = append(k.Trees, in.Tree(&grown[i]))
	}
	const sum, share = "@length", "@of expected"
	f64 := batch.T(batch.Float64)
	one := func(name string) []program.Named { return []program.Named{{Name: name, Type: f64}} }
	at := g.Add(program.One(k, in.Named, one(sum)), in.At)
	at = g.Add(program.One(&program.Affine{Sub: []float64{0}, Div: []float64{float64(len(grown)) * expected}}, one(sum), one(share)), at)
	e := &program.Expr{Nodes: []program.ExprNode{
		{Op: "col", Type: f64}, {Op: "float", Type: f64, F: -math.Ln2}, {Op: "mul", Type: f64, Args: []int{0, 1}}, {Op: "exp", Type: f64, Args: []int{2}},
	}}
	g.Output(model.Score, g.Add(program.One(e, one(share), one(model.Score)), at)[model.Score])
	return g
}

// scoreRows is how many rows a worker scores at a time.
const scoreRows = 8192

// quantile is a score that a share of the train rows reaches, or as near to that as rows of equal scores allow; rows of weight 0 do not count.
func quantile(env operators.Env, p program.Graph, train operators.Table, data *trees.Data, share float64) (float64, error) {
	n := (train.N + scoreRows - 1) / scoreRows
	score, errs := make([]float64, train.N), make([]error, n)
	env.Parallel(n, func(b int) {
		lo, hi := b*scoreRows, min(train.N, (b+1)*scoreRows)
		c := &batch.Ctx{}
		in := make([]batch.Column, len(p.In))
		for j := range in {
			in[j] = train.Cols[j].Slice(c, lo, hi)
		}
		out, err := p.Batch(c, hi-lo, in)
		if errs[b] = err; err == nil {
			copy(score[lo:], out[0].Float64s())
		}
	})
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	kept := score[:0]
	for i, x := range score {
		if data.WeightOf(i) > 0 {
			kept = append(kept, x)
		}
	}
	slices.Sort(kept)
	most := min(len(kept), max(1, int(math.Round(float64(share*float64(len(kept)))))))
	cut := kept[len(kept)-most]
	from, _ := slices.BinarySearch(kept, cut)
	above := math.Nextafter(cut, 2)
	to, _ := slices.BinarySearch(kept, above)
	if with, without := len(kept)-from, len(kept)-to; with-most >= most-without {
		return above, nil
	}
	return cut, nil
}
