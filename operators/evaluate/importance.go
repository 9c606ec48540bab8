package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/program"
)

// Importance is evaluate.importance.
type Importance struct {
	Part    string `param:"part" doc:"the rows that are measured" enum:"train|valid|test" default:"test"`
	Metric  string `param:"metric" doc:"what is measured; if not given, auc of a binary task and of anomalies, log_loss of many classes, rmse of a regression, ndcg_10 of a ranking; pinball_loss and the deviances are of models that aim at them" enum:"auc|auc_weighted|average_precision|precision_at_k|recall_at_k|log_loss|brier|accuracy|balanced_accuracy|precision|recall|f1|macro_f1|rmse|mae|r2|pinball_loss|mean_poisson_deviance|mean_gamma_deviance|mean_tweedie_deviance|ndcg_10|map_10|precision_10|mrr"`
	Repeats int    `param:"repeats" doc:"how often the values of each feature are shuffled" default:"5" min:"1" max:"1000"`
	Rows    int    `param:"rows" doc:"rows that are measured at most, drawn at random, of a ranking by whole groups; 0 is all" default:"100000" min:"0"`
	Seed    int64  `param:"seed" doc:"another number draws and shuffles otherwise" default:"0"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.importance", Version: 4, New: func() operators.Op { return &Importance{} },
		Doc: "Measures what a model owes to each of its features (permutation importance). It is by how much the metric gets worse where the values of the feature are shuffled among the " +
			"rows, the mean of repeats and their standard deviation. It runs the model step itself, of any learner; " +
			"features are the columns that the step reads, a wide one as a whole. A feature that tells what another tells too has little " +
			"importance here, and so has the other. Of a model of trees it gives besides the mean size of what the feature adds to the raw " +
			"score (SHAP), over up to 5,000 of the rows, drawn at random, fewer where the trees are large, by their weights if there are any, summed over the classes where there are many.",
		Example: []operators.Example{{
			Doc:     "the price depends on the rooms, and the trees have not looked at the street",
			Behind:  "train.gbdt: {trees: 1, leaves: 2, learning_rate: 1, min_rows: 1, l2: 0}",
			Options: "{repeats: 3}",
			Task:    operators.Task{Kind: operators.Regression, Label: "price"},
			In: []string{`
				_part | rooms int64 | street float64 | price float64
				train | 1           | 7              | 10
				train | 1           | 8              | 10
				train | 5           | 7              | 30
				train | 5           | 8              | 30
				test  | 2           | 8              | 12
				test  | 5           | 7              | 30
				test  | 1           | 8              | 8
				test  | 6           | 7              | 30`},
			Out: `
				feature string | importance float64 | std float64        | shap float64
				rooms          | 14.732566319209171 | 2.8192492125381188 | 10
				street         | 0                  | 0                  | 0`,
		}},
	})
}

// evaluations are what measures a model of a kind of task, and the metric that tells most.
var evaluations = map[operators.TaskKind]struct {
	op      operators.Reduce
	metrics []string
	first   string
}{
	operators.Binary:     {&Binary{}, binaryMetrics, "auc"},
	operators.Multiclass: {&Multiclass{}, multiclassMetrics, "log_loss"},
	operators.Regression: {&Regression{}, regressionMetrics, "rmse"},
	operators.Anomaly:    {&Anomaly{}, anomalyRanks, "auc"},
	operators.Ranking:    {rankingShown, rankingShown.metrics(), "ndcg_10"},
}

// rankingShown has what is not said here as evaluate.ranking has it unless told otherwise.
var rankingShown = &Ranking{At: []int{10}, LabelGain: "exponential", Relevant: 1}

// counted are the metrics that are no measure of how good a model is.
var counted = []string{"positives", "unknown", "groups", "groups_relevant"}

// falls are the metrics that get better as they get less.
var falls = []string{"log_loss", "brier", "rmse", "mae", "pinball_loss", "mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance"}

// known are the metrics of a task, and of what the model aims at.
func known(s operators.Site) []string {
	names := evaluations[s.Task.Kind].metrics
	if s.Task.Kind == operators.Regression {
		for _, x := range (&Losses{}).measures(s) {
			names = append(names[:len(names):len(names)], x.name)
		}
	}
	return names
}

// metric is the metric that is measured.
func (e *Importance) metric(kind operators.TaskKind) string {
	return cmp.Or(e.Metric, evaluations[kind].first)
}

// features are those of the model that are columns here.
func (e *Importance) features(s operators.Site) []string {
	var out []string
	for _, f := range s.Model.Features {
		if s.In[0].Has(f) {
			out = append(out, f)
		}
	}
	return out
}

// Check says what is read.
func (e *Importance) Check(s operators.Site) (operators.Output, diag.List) {
	t := s.Task
	kinds := []operators.TaskKind{operators.Binary, operators.Multiclass, operators.Regression, operators.Anomaly, operators.Ranking}
	out := operators.Output{Eval: &operators.Eval{}}
	found := model.CheckTask("evaluate.importance", t, kinds)
	switch {
	case found != nil:
	case t.Label == "":
		found.Add(diag.New(diag.TaskMissing, diag.At{}, "evaluate.importance measures by a label, and the task names none").WithHelp("write task.label: COLUMN"))
	default:
		found = append(targetOf(s).Check(s.In[0]), model.CheckWeight(s)...)
		if t.Kind == operators.Ranking {
			found.Add(model.CheckGroup(s)...)
		}
	}
	for i, part := range batch.PartNames {
		if part == e.Part {
			out.Reads.Parts = 1 << i
		}
	}
	if all := known(s); all != nil {
		out.Eval.Metrics = []string{e.metric(t.Kind)}
		if !slices.Contains(all, e.metric(t.Kind)) {
			found.Add(diag.New(diag.OptionConflict, diag.Option("metric"), "%s is no metric of a %s task", e.Metric, t.Kind).
				WithHelp("there are %s", strings.Join(slices.DeleteFunc(slices.Clone(all), func(m string) bool { return slices.Contains(counted, m) }), ", ")))
		}
	}
	if s.Model == nil {
		found.Add(diag.New(diag.NotAModel, diag.At{}, "evaluate.importance runs a model step, and its input is none").WithHelp("from: names a model step"))
		return out, found
	}
	out.Reads.Cols = append(e.features(s), t.Label)
	if t.Weight != "" {
		out.Reads.Cols = append(out.Reads.Cols, t.Weight)
	}
	if t.Kind == operators.Ranking && t.Group != "" {
		out.Reads.Cols = append(out.Reads.Cols, t.Group)
	}
	return out, found
}

// Narrow gives itself: it makes no columns.
func (e *Importance) Narrow(operators.Site, []string) operators.Op { return e }

// Rows of which contributions are computed: a hundred times the work of a score each. Of large trees they are so many as take so many
// numbers together, some seconds of a core, and a mean of fewer than the least would say little.
const (
	shapRows, shapRowsLeast = 5000, 50
	shapWork                = 1 << 30
)

// Chunks of rows: of scores as many as stay in the caches, of contributions few enough to share out.
const (
	importanceChunk = 4096
	shapChunk       = 256
)

// probing is a measurement under way.
type probing struct {
	site     operators.Site
	env      operators.Env
	metric   string
	features []string
	rows     operators.Table // the features, the label, the weight
	scores   program.Graph
	shap     *program.Graph // nil where the model cannot be explained
	of       []int          // of each input of the kind that explains, its feature
}

// Measure shuffles each feature as often as is asked for.
func (e *Importance) Measure(s operators.Site, env operators.Env, g program.Graph, rows operators.Table) (operators.Result, error) {
	p := &probing{site: s, env: env, metric: e.metric(s.Task.Kind), features: e.features(s), rows: rows, scores: g.Narrow(s.Model.Scores)}
	seed := hash.Combine(s.Seed, uint64(e.Seed))
	if n := rows.N; e.Rows > 0 && n > e.Rows {
		drawn, err := e.draw(s, seed, rows)
		if err != nil {
			return operators.Result{}, err
		}
		held := 4 * int64(n) // to draw them
		for j := range rows.Cols {
			held += rows.Cols[j].Bytes() / int64(n) * int64(len(drawn))
		}
		if err := p.env.Grant(held); err != nil {
			return operators.Result{}, fmt.Errorf("evaluate.importance: %w", err)
		}
		p.rows = operators.Table{N: len(drawn), Cols: make([]batch.Column, len(rows.Cols))}
		for j := range rows.Cols {
			p.rows.Cols[j] = rows.Cols[j].Take(nil, drawn)
		}
	}
	if x, err := program.Explain(g, s.Model.Scores[0], model.Shap); err == nil {
		x = x.Narrow([]string{model.Shap})
		p.shap = &x
		for _, slot := range x.Nodes[len(x.Nodes)-1].In {
			p.of = append(p.of, slices.Index(p.features, x.Origin(slot)))
		}
		if slices.Contains(p.of, -1) {
			return operators.Result{}, fmt.Errorf("evaluate.importance: what is explained is of no feature")
		}
	}
	var read []int // the features that the model looks at
	reads := p.scores.Reads()
	for j, name := range p.features {
		if reads[name] {
			read = append(read, j)
		}
	}
	k := len(read)
	scores := 1 + k*e.Repeats
	chunks := 0
	explained, chunk := 0, 0
	if p.shap != nil {
		explained = min(p.rows.N, shapRows, max(shapRowsLeast, shapWork/max(1, p.explains().Work())))
		chunk = max(1, min(shapChunk, (explained+15)/16)) // few rows of much work are shared out too
		chunks = (explained + chunk - 1) / chunk
	}
	if err := p.env.Grant(p.bytes(scores, chunks, chunk)); err != nil {
		return operators.Result{}, fmt.Errorf("evaluate.importance: %w", err)
	}
	var told []int32 // the rows that are explained
	if p.shap != nil {
		told = shuffled(p.rows.N, hash.Combine(seed, hash.Seed("shap")), 0)[:explained] // the first would be those of the first days
		slices.Sort(told)
	}
	metrics, sizes, failed := make([]float64, scores), make([][]float64, chunks), make([]error, scores+chunks)
	env.Parallel(scores+chunks, func(i int) {
		if failed[i] = env.Context.Err(); failed[i] != nil {
			return
		}
		switch {
		case i == 0:
			metrics[i], failed[i] = p.measure(-1, nil)
		case i < scores:
			j, repeat := read[(i-1)%k], uint32((i-1)/k)
			metrics[i], failed[i] = p.measure(j, shuffled(p.rows.N, hash.Combine(seed, hash.Seed(p.features[j])), repeat+1))
		default:
			lo := (i - scores) * chunk
			sizes[i-scores], failed[i] = p.contributions(told[lo:min(explained, lo+chunk)])
		}
	})
	for _, err := range failed {
		if err != nil {
			return operators.Result{}, err
		}
	}
	base := metrics[0]
	if base != base {
		return operators.Result{}, model.DataError("%s is not defined on the %d rows that are measured", p.metric, p.rows.N)
	}
	res := operators.ModelResult{Rows: int64(p.rows.N), Metrics: []operators.Metric{{Name: p.metric, Value: base}}}
	for j, name := range p.features {
		f := operators.Influence{Feature: name, Shap: math.NaN()}
		if at := slices.Index(read, j); at >= 0 {
			f.Drop, f.Spread = drops(base, metrics[1:], at, k, slices.Contains(falls, p.metric))
		}
		if p.shap != nil {
			sum, weight := 0.0, 0.0
			for _, c := range sizes {
				sum, weight = sum+c[j], weight+c[len(p.features)]
			}
			f.Shap = ratio(sum, weight, math.NaN())
		}
		res.Influence = append(res.Influence, f)
	}
	slices.SortStableFunc(res.Influence, func(a, b operators.Influence) int {
		return cmp.Or(cmp.Compare(b.Drop, a.Drop), cmp.Compare(b.Shap, a.Shap), strings.Compare(a.Feature, b.Feature))
	})
	return operators.Result{Models: []operators.ModelResult{res}}, nil
}

// draw picks the rows that are measured, in their order: of a ranking whole groups, one at least, as part of a group has another order.
func (e *Importance) draw(s operators.Site, seed uint64, rows operators.Table) (drawn []int32, err error) {
	if s.Task.Kind != operators.Ranking {
		drawn = shuffled(rows.N, seed, 0)[:e.Rows]
		slices.Sort(drawn)
		return drawn, nil
	}
	col := &rows.Cols[len(rows.Cols)-1]
	keys := counts.Keys{Type: col.Type}
	groups, err := model.Groups(&keys, s.Task.Group, col)
	if err != nil {
		return nil, err
	}
	size, taken := make([]int, keys.Len()), make([]bool, keys.Len())
	for _, g := range groups {
		size[g]++
	}
	left := e.Rows
	for i, g := range shuffled(len(size), seed, 0) {
		if i > 0 && size[g] > left {
			break
		}
		taken[g] = true
		left -= size[g]
	}
	for i, g := range groups {
		if taken[g] {
			drawn = append(drawn, int32(i))
		}
	}
	return drawn, nil
}

// bytes is what measurements of so many scores, and explanations of so many chunks, take at once, all workers together.
func (p *probing) bytes(scores, chunks, chunk int) int64 {
	workers := runtime.GOMAXPROCS(0)
	bytes := importanceRow * int64(p.rows.N) * int64(min(scores, workers))
	if p.shap == nil {
		return bytes
	}
	taken := int64(0) // the rows of a chunk
	for j := range p.features {
		taken += p.rows.Cols[j].Bytes() / max(1, int64(p.rows.N)) * int64(chunk)
	}
	return bytes + 4*int64(p.rows.N) + int64(min(chunks, workers))*(taken+p.explains().Bytes(chunk))
}

// importanceRow is about how many bytes a worker takes a row: a permutation, the scores, the label, their order.
const importanceRow = 32

// drops is by how much a metric gets worse, the mean of the repeats and their standard deviation. Where it is not defined on a shuffle, that one
// made nothing worse.
func drops(base float64, metrics []float64, j, k int, falls bool) (mean, spread float64) {
	n := float64(len(metrics) / k)
	worse := func(i int) float64 {
		d := base - metrics[i]
		switch {
		case d != d:
			return 0
		case falls:
			return -d
		}
		return d
	}
	for i := j; i < len(metrics); i += k {
		mean += worse(i)
	}
	mean /= n
	for i := j; i < len(metrics); i += k {
		d := worse(i) - mean
		spread += float64(d * d)
	}
	return mean, math.Sqrt(spread / n)
}

// shuffled is a permutation of n rows, by Fisher and Yates.
func shuffled(n int, seed uint64, draw uint32) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		j := hash.Below(hash.Draw(seed, uint64(i), draw), uint64(i+1))
		at[i], at[j] = at[j], at[i]
	}
	return at
}

// measure scores the rows, feature j taken from other rows, and gives the metric; j is -1 for the rows as they are.
func (p *probing) measure(j int, from []int32) (float64, error) {
	site, models := p.site, []string{""}
	of := evaluations[site.Task.Kind]
	if slices.Contains(of.metrics, p.metric) {
		site.Model = nil // what it aims at besides is not asked for, and may not be defined here
	}
	a := of.op.Start(site, models)
	k := len(p.features)
	c := &batch.Ctx{}
	for lo := 0; lo < p.rows.N; lo += importanceChunk {
		hi := min(p.rows.N, lo+importanceChunk)
		in := make([]batch.Column, len(p.scores.In))
		for i, q := range p.scores.In {
			f := slices.Index(p.features, q.Name)
			if in[i] = p.rows.Cols[f].Slice(c, lo, hi); f == j {
				in[i] = p.rows.Cols[f].Take(c, from[lo:hi])
			}
		}
		scores, err := p.scores.Batch(c, hi-lo, in)
		if err != nil {
			return 0, err
		}
		b := batch.Batch{N: hi - lo}
		for i := range p.rows.Cols[k:] {
			b.Cols = append(b.Cols, p.rows.Cols[k+i].Slice(c, lo, hi))
		}
		b.Cols = append(b.Cols, scores...)
		if err := a.Add(c, b); err != nil {
			return 0, err
		}
		c.Reset()
	}
	env := p.env
	env.Parallel = oneByOne // this is one of many at work
	res, err := of.op.Finish(site, models, env, a)
	if err != nil {
		return 0, err
	}
	for _, m := range res.Models[0].Metrics {
		if m.Name == p.metric {
			return m.Value, nil
		}
	}
	return 0, fmt.Errorf("evaluate.importance: no metric %q", p.metric)
}

func oneByOne(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// explains is the kind that says what features add.
func (p *probing) explains() program.Explained {
	return p.shap.Nodes[len(p.shap.Nodes)-1].Kind.(program.Explained)
}

// contributions are, of each feature, the sum over some rows of the size of what it adds to the scores, times the row's weight; a wide column's
// numbers add together. Behind them is the sum of the weights.
func (p *probing) contributions(rows []int32) ([]float64, error) {
	c := &batch.Ctx{}
	in := make([]batch.Column, len(p.shap.In))
	for i, q := range p.shap.In {
		in[i] = p.rows.Cols[slices.Index(p.features, q.Name)].Take(c, rows)
	}
	out, err := p.shap.Batch(c, len(rows), in)
	if err != nil {
		return nil, err
	}
	k := len(p.features)
	weights := slices.Repeat([]float64{1}, len(rows))
	if name := p.site.Task.Weight; name != "" {
		col := p.rows.Cols[k+1].Take(c, rows) // behind the label
		if weights, err = model.Weights(c, name, &col, false); err != nil {
			return nil, err
		}
	}
	sizes, adds := make([]float64, k+1), make([]float64, k)
	scores := p.explains().Adds()
	for i, w := range weights {
		member, input := 0, 0
		for _, names := range scores {
			clear(adds)
			for range names {
				adds[p.of[input%len(p.of)]] += out[0].Member(member)[i] // each score may read the inputs anew
				member++
				input++
			}
			member++ // the base
			for j, v := range adds {
				sizes[j] += float64(w * math.Abs(v))
			}
		}
		sizes[k] += w
	}
	return sizes, nil
}
