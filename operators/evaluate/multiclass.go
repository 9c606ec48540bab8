package evaluate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/model"
)

// Multiclass is evaluate.multiclass.
type Multiclass struct {
	Options `param:",inline"`
}

var multiclassMetrics = []string{"accuracy", "log_loss", "macro_f1", "balanced_accuracy", "auc", "auc_weighted", "unknown"}

func init() {
	operators.Register(operators.Spec{
		Name: "evaluate.multiclass", Version: 1, New: func() operators.Op { return &Multiclass{} },
		Doc: "Measures a classifier of many classes. The metrics are accuracy, log_loss, macro_f1, balanced_accuracy, auc, auc_weighted and unknown. macro_f1 is " +
			"the mean over the classes, balanced_accuracy that of their recalls, auc that of each class's against all others, equal probabilities counted as " +
			"one step, and auc_weighted that mean by the classes' rows; a class without a row, or without another, has no auc. unknown is the number of rows " +
			"whose class the model has not learnt: their probability is 0, which log_loss clips to 2^-52. All but that are weighted by task.weight. " +
			"Precision, recall, F1 and AUC of each class, and the confusion of up to 200, are in metrics.json and the report. Classes of the " +
			"champion are compared by name.",
		Example: []operators.Example{{
			Doc:     "three rows of four are predicted rightly; a dog is of no class that the model knows",
			Options: "{part: test}",
			Task:    operators.Task{Kind: operators.Multiclass, Label: "kind"},
			In: []string{`
				_part | kind string | p vector[p_ant, p_bee, p_cat] | pred string
				train | ant         | [0.1, 0.1, 0.8]               | cat
				test  | ant         | [0.5, 0.25, 0.25]             | ant
				test  | bee         | [0.25, 0.5, 0.25]             | bee
				test  | cat         | [0.25, 0.25, 0.5]             | cat
				test  | dog         | [0.5, 0.25, 0.25]             | ant`},
			Out: `
				metric string     | value float64
				accuracy          | 0.75
				log_loss          | 9.530773732699247
				macro_f1          | 0.6666666666666666
				balanced_accuracy | 0.75
				auc               | 0.8333333333333334
				auc_weighted      | 0.8333333333333334
				unknown           | 1`,
		}},
	})
}

// Check says what the evaluation reads and gives.
func (e *Multiclass) Check(s operators.Site) (operators.Output, diag.List) {
	return e.check(s, "evaluate.multiclass", operators.Multiclass, multiclassMetrics)
}

// Narrow gives itself: it makes no columns.
func (e *Multiclass) Narrow(operators.Site, []string) operators.Op { return e }

// Start makes an empty accumulator.
func (e *Multiclass) Start(s operators.Site, models []string) operators.Acc {
	return e.start(s, models)
}

const (
	// confusionMax is how many classes have a confusion, which has their square of numbers.
	confusionMax = 200
	// classesMax is how many classes are measured: a model has half as many at most.
	classesMax = 2000
	// atWorkMax is how many classes are ranked at a time: each takes the memory of two evaluations of two classes.
	atWorkMax = 16
)

// Finish measures the models.
func (e *Multiclass) Finish(_ operators.Site, models []string, env operators.Env, a operators.Acc) (operators.Result, error) {
	r := a.(*rows)
	res, err := r.begin(models, env, 2*atWorkMax)
	if err != nil {
		return res, err
	}
	k, err := r.classes()
	if err != nil {
		return res, err
	}
	sets := r.sets(r.all())
	for m := range models {
		out := &res.Models[m]
		var auc [][]float64
		if r.missing[m] == 0 {
			auc = r.aucs(env, m, k, len(sets))
		}
		measure := func(set int) operators.ModelResult {
			if auc == nil {
				return nothing(multiclassMetrics)
			}
			return r.classified(m, k, sets[set].order, auc[set], set == 0)
		}
		v := measure(0)
		out.Metrics, out.Classes, out.Confusion = v.Metrics, v.Classes, v.Confusion
		for i, g := range sets[1:] {
			out.Slices = append(out.Slices, operators.Slice{Column: g.column, Value: g.value, Rows: int64(len(g.order)), Metrics: measure(i + 1).Metrics})
		}
	}
	return res, nil
}

// set is rows that have metrics of their own.
type set struct {
	column string
	group
}

// sets are all rows, then those of each slice, in the order given.
func (r *rows) sets(order []uint32) []set {
	out := []set{{"", group{order: order}}}
	for k := range r.slices {
		for _, g := range r.slices[k].groups(order) {
			out = append(out, set{r.slices[k].column, g})
		}
	}
	return out
}

// all lists the rows in the order of their coming.
func (r *rows) all() []uint32 {
	order := make([]uint32, r.len())
	for i := range order {
		order[i] = uint32(i)
	}
	return order
}

// classes are the classes that the labels or a model have.
type classes struct {
	names  []string
	label  []int32   // of each number of a label, its class
	pred   [][]int32 // of each model, of each number of a prediction
	member [][]int32 // of each model, of each class the member of p; -1 of one that the model does not know
}

// classes puts the first model's classes in its own order, then what the other has besides, then what only rows have, by value.
func (r *rows) classes() (*classes, error) {
	k := &classes{}
	at := map[string]int32{}
	number := func(name string) int32 {
		i, ok := at[name]
		if !ok {
			i = int32(len(k.names))
			at[name], k.names = i, append(k.names, name)
		}
		return i
	}
	of := make([][]int32, len(r.members))
	for m, members := range r.members {
		for _, name := range members {
			of[m] = append(of[m], number(model.ClassOf(name)))
		}
	}
	columns := append([]*coded{&r.label}, r.coded()[len(r.slices)+1:]...)
	var rest []string
	for _, c := range columns {
		for i := range c.values.Len() {
			if _, known := at[c.text(i)]; !known {
				rest = append(rest, c.text(i))
			}
		}
	}
	if n := len(at) + len(rest); n > classesMax {
		return nil, model.DataError("the label %q has %d classes in these rows and the models, more than %d", r.target.Name, n, classesMax)
	}
	slices.SortFunc(rest, func(a, b string) int {
		if x, err := strconv.ParseInt(a, 10, 64); err == nil && r.target.Type.Integer() {
			if y, err := strconv.ParseInt(b, 10, 64); err == nil {
				return cmp.Compare(x, y)
			}
		}
		return strings.Compare(a, b)
	})
	for _, name := range rest {
		number(name)
	}
	for i, c := range columns {
		codes := make([]int32, c.values.Len())
		for j := range codes {
			codes[j] = number(c.text(j))
		}
		if i == 0 {
			k.label = codes
		} else {
			k.pred = append(k.pred, codes)
		}
	}
	for m := range of {
		member := slices.Repeat([]int32{-1}, len(k.names))
		for j, c := range of[m] {
			member[c] = int32(j)
		}
		k.member = append(k.member, member)
	}
	return k, nil
}

// text is a value by its number; nothing of a null.
func (s *coded) text(i int) string {
	if key := s.values.Key(i); len(key) > 0 {
		return string(key[1:])
	}
	return ""
}

// aucs are the areas of each set of rows, of each class against all others.
func (r *rows) aucs(env operators.Env, m int, k *classes, sets int) [][]float64 {
	out := make([][]float64, sets)
	for i := range out {
		out[i] = make([]float64, len(k.names))
	}
	for from := 0; from < len(k.names); from += atWorkMax {
		env.Parallel(min(atWorkMax, len(k.names)-from), func(i int) {
			class := from + i
			b := r.against(m, k, int32(class))
			for i, s := range r.sets(b.order(0)) {
				t := b.ranks(0, s.order, false)
				out[i][class] = ratio(t.hits, float64(t.zeros*t.ones), nan)
			}
		})
	}
	return out
}

// against is the rows as a task of two classes: this one or another.
func (r *rows) against(m int, k *classes, class int32) *rows {
	n := r.len()
	b := &rows{w: r.w, flags: make([]uint8, n), scores: [][]float64{make([]float64, n)}}
	for i, c := range r.label.codes {
		if k.label[c] == class {
			b.flags[i] = 1
		}
	}
	if j := k.member[m][class]; j >= 0 {
		wide := r.wide(m)
		for i := range b.scores[0] {
			b.scores[0][i] = r.scores[m][i*wide+int(j)]
		}
	}
	return b
}

// classified measures a model on some rows.
func (r *rows) classified(m int, k *classes, order []uint32, auc []float64, whole bool) (res operators.ModelResult) {
	weighted, wide := r.w != nil, r.wide(m)
	n := len(k.names)
	is, taken, right := make([]mass, n), make([]mass, n), make([]mass, n)
	loss := total{weighted: weighted}
	var all, hits mass
	unknown := 0
	if whole && n <= confusionMax {
		res.Confusion = make([][]int64, n)
		for c := range res.Confusion {
			res.Confusion[c] = make([]int64, n)
		}
	}
	for _, i := range order {
		w := r.weightAt(i)
		y, z := k.label[r.label.codes[i]], k.pred[m][r.preds[m].codes[i]]
		all.add(w, weighted)
		is[y].add(w, weighted)
		taken[z].add(w, weighted)
		if y == z {
			hits.add(w, weighted)
			right[y].add(w, weighted)
		}
		p := 0.0
		if j := k.member[m][y]; j >= 0 {
			p = r.scores[m][int(i)*wide+int(j)]
		} else {
			unknown++
		}
		loss.add(-fmath.Log(min(max(p, clip), 1-clip)), w)
		if res.Confusion != nil {
			res.Confusion[y][z]++
		}
	}
	zero := 0.0 // of a metric that divides by nothing
	if all.value(weighted) == 0 {
		zero = nan
	}
	var f1, recall, area mean
	weights, sum := 0.0, 0.0
	for c, name := range k.names {
		y, z, both := is[c].value(weighted), taken[c].value(weighted), right[c].value(weighted)
		v := operators.ClassResult{Name: name, Rows: is[c].n, Unknown: k.member[m][c] < 0, AUC: auc[c],
			Precision: ratio(both, z, zero), Recall: ratio(both, y, zero), F1: ratio(2*both, y+z, zero)}
		if is[c].n+taken[c].n > 0 {
			f1.add(v.F1)
		}
		if y > 0 {
			recall.add(v.Recall)
		}
		if v.AUC == v.AUC {
			area.add(v.AUC)
			weights += y
			sum += float64(y * v.AUC)
		}
		if whole {
			res.Classes = append(res.Classes, v)
		}
	}
	for i, v := range []float64{ratio(hits.value(weighted), all.value(weighted), nan), ratio(loss.value(), all.value(weighted), nan), f1.value(), recall.value(),
		area.value(), ratio(sum, weights, nan), float64(unknown)} {
		res.Metrics = append(res.Metrics, operators.Metric{Name: multiclassMetrics[i], Value: v})
	}
	return res
}

// mean is of classes, which are few and stand in one order.
type mean struct{ sum, n float64 }

func (m *mean) add(v float64) { m.sum, m.n = m.sum+v, m.n+1 }

func (m *mean) value() float64 { return ratio(m.sum, m.n, nan) }
