package train

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/param"
	_ "github.com/headrace/headrace/operators/train/forest"    // train.forest
	_ "github.com/headrace/headrace/operators/train/isolation" // train.isolation_forest
	"github.com/headrace/headrace/testing/bench/account"
)

// learners are forests by the names that the peers' script knows too.
var learners = map[string]struct {
	operator string
	options  []string // key=value
	kind     operators.TaskKind
	out      string // of the program, what is scored
}{
	"forest":     {"train.forest", nil, operators.Binary, model.P},
	"extra":      {"train.forest", []string{"method=extra_trees"}, operators.Binary, model.P},
	"numbers":    {"train.forest", nil, operators.Regression, model.Pred},
	"multiclass": {"train.forest", nil, operators.Multiclass, model.Pred},
	"isolation":  {"train.isolation_forest", nil, operators.Anomaly, model.Score},
}

// forestOptions are what the rows of forests differ in.
type forestOptions struct {
	learner string // "" is boosted trees
	target  string // the column that is learnt; "" is the label
	rows    int    // of a leaf at least; 0 is the learner's own
	trees   int
}

// label is the column that is learnt.
const label = "label"

// learn fits a learner to the first n rows as the engine does, to columns in memory, and makes ready what predicts the rows to test.
func learn(a *arrays, n int, each func(int, func(int)), o *forestOptions, did *account.Account) (*served, error) {
	l, ok := learners[o.learner]
	if !ok {
		return nil, fmt.Errorf("no learner %q", o.learner)
	}
	spec, ok := operators.Lookup(l.operator)
	if !ok {
		return nil, fmt.Errorf("no operator %s", l.operator)
	}
	op, ok := spec.New().(operators.Gather)
	if !ok {
		return nil, fmt.Errorf("%s does not take a table", l.operator)
	}
	node := &param.Node{Kind: param.Map}
	set := append([]string{fmt.Sprintf("trees=%d", o.trees)}, l.options...)
	if o.rows > 0 {
		set = append(set, fmt.Sprintf("min_rows=%d", o.rows))
	}
	for _, pair := range set {
		key, value, _ := strings.Cut(pair, "=")
		node.Keys, node.Items = append(node.Keys, param.Value(key)), append(node.Items, param.Value(value))
	}
	if found := param.Decode(node, op); found.Failed() {
		return nil, fmt.Errorf("%s: %v", l.operator, found)
	}
	site := operators.Site{Task: operators.Task{Kind: l.kind, Label: label}, Seed: 42}
	train, test, err := a.tables(n, o.target, l.kind)
	if err != nil {
		return nil, err
	}
	site.In = []operators.Schema{operators.Of(train.fields...)}
	if _, found := op.Check(site); found.Failed() {
		return nil, fmt.Errorf("%s: %v", l.operator, found)
	}
	env := operators.TestEnv()
	env.Context, env.Parallel = context.Background(), each
	began := time.Now()
	fitted, err := op.Fit(site, env, operators.Table{N: n, Cols: train.cols}, operators.Table{})
	did.Core, did.Peak = time.Since(began).Seconds(), account.Resident()
	if err != nil {
		return nil, err
	}
	m := newServed(a.Test)
	m.graph, m.label = fitted.Program, test.label
	for _, in := range m.graph.In {
		at := -1
		for j := range test.fields {
			if test.fields[j].Name == in.Name {
				at = j
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("the program asks for %s", in.Name)
		}
		m.cols = append(m.cols, test.cols[at])
	}
	for i, out := range m.graph.Out {
		if out.Name == l.out {
			m.out = i
			return m, nil
		}
	}
	return nil, errors.New("the program does not make " + l.out)
}

// columns are rows as a table has them, the label last.
type columns struct {
	fields []operators.Field
	cols   []batch.Column
	label  []float64
}

// tables are the first n rows, and the rows to test. target names the column that is learnt in place of the label.
func (a *arrays) tables(n int, target string, kind operators.TaskKind) (train, test columns, err error) {
	for _, part := range []struct {
		to      *columns
		from, n int
	}{{&train, 0, n}, {&test, a.Rows - a.Test, a.Test}} {
		to := part.to
		for j, name := range a.Names {
			x := make([]float32, part.n)
			if err := readAt(a.x, x, j*a.Rows+part.from); err != nil {
				return train, test, err
			}
			if name == target {
				for _, v := range x {
					to.label = append(to.label, float64(v))
				}
				continue
			}
			to.add(name, batch.OfFloat32s(x))
		}
		if target == "" {
			to.label = make([]float64, part.n)
			if err := readAt(a.y, to.label, part.from); err != nil {
				return train, test, err
			}
		}
		to.add(label, labels(to.label, kind))
	}
	return train, test, nil
}

func (c *columns) add(name string, col batch.Column) {
	c.fields, c.cols = append(c.fields, operators.Field{Name: name, Type: col.Type}), append(c.cols, col)
}

// labels are numbers as a column of the kind: classes are whole.
func labels(y []float64, kind operators.TaskKind) batch.Column {
	if kind == operators.Regression {
		return batch.OfFloat64s(y)
	}
	whole := make([]int64, len(y))
	for i, v := range y {
		whole[i] = int64(v)
	}
	return batch.OfInt64s(whole)
}
