package forest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/forest"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
	"github.com/headrace/headrace/operators/model/modeltest"
)

func TestExamples(t *testing.T) {
	modeltest.Examples(t, "train.forest")
	modeltest.Examples(t, "train.tree")
}

// table is rows with everything that a forest takes: numbers with nulls and infinities, a bool, a category with nulls, one of many values, a
// wide column, weights. A fifth is valid.
func table(seed uint64, n int, kind operators.TaskKind) (operators.Schema, batch.Batch, operators.Task) {
	r := rand.New(rand.NewPCG(seed, 11))
	x, u, flag := make([]float64, n), make([]int32, n), make([]bool, n)
	few, many, null := make([]string, n), make([]string, n), make([]bool, n)
	w, y := make([]float64, n), make([]float64, n)
	v := (*batch.Ctx)(nil).NewVector(n, []string{"a", "b"})
	b := batch.Batch{N: n, Part: make([]uint8, n)}
	for i := range n {
		level, other := r.IntN(9), r.IntN(300)
		x[i], u[i], flag[i], null[i] = r.NormFloat64(), int32(r.IntN(20)), r.IntN(3) == 0, r.IntN(7) == 0
		few[i], many[i], w[i] = fmt.Sprint("level ", level), fmt.Sprint("id ", other), r.ExpFloat64()
		v.Member(0)[i], v.Member(1)[i] = r.Float64(), r.Float64()
		y[i] = 2*math.Sin(2*x[i]) + float64(level*5%9)/3 + 4*v.Member(1)[i] + float64(other%3)
		if null[i] {
			y[i] += 2
		}
		if x[i] > 2 {
			x[i] = math.Inf(1)
		}
		b.Part[i] = uint8(i % 10 / 8)
	}
	b.Cols = []batch.Column{batch.OfFloat64s(x), batch.OfInt32s(u).WithNulls(null), batch.OfBools(flag), batch.OfStrings(few).WithNulls(null),
		batch.OfStrings(many), v, batch.OfFloat64s(w)}
	in := operators.Schema{}
	for j, name := range []string{"x", "u", "flag", "few", "many", "v", "w"} {
		in.Fields = append(in.Fields, operators.Field{Name: name, Type: b.Cols[j].Type, Nullable: b.Cols[j].Valid != nil})
	}
	label := batch.OfFloat64s(y)
	task := operators.Task{Kind: kind, Label: "y", Weight: "w"}
	switch kind {
	case operators.Binary:
		is := make([]bool, n)
		for i := range is {
			is[i] = y[i]+r.NormFloat64() > 4
		}
		label = batch.OfBools(is)
	case operators.Multiclass:
		class := make([]string, n)
		for i := range class {
			class[i] = fmt.Sprint("class ", int(max(0, min(4, (y[i]+r.NormFloat64()/2)/2))))
		}
		label = batch.OfStrings(class)
	}
	in.Fields = append(in.Fields, operators.Field{Name: "y", Type: label.Type})
	b.Cols = append(b.Cols, label)
	return in, b, task
}

var kinds = []operators.TaskKind{operators.Binary, operators.Multiclass, operators.Regression}

// The bundle and the notes do not depend on how many workers there were, nor on what they did first.
func TestWorkers(t *testing.T) {
	for _, kind := range kinds {
		in, b, task := table(1, 3000, kind)
		for _, op := range []operators.Gather{
			&Operator{Trees: 9, Bins: 60, MinRows: 2, RowSample: 0.8, Columns: "auto", Criterion: "gini", Threshold: half},
			&Operator{Trees: 5, Bins: 60, MinRows: 1, RowSample: 1, Columns: "all", Criterion: "gini", Leaves: 30, Method: extraTrees, Threshold: half},
			&Tree{Bins: 255, MinRows: 3, Criterion: "gini", Threshold: half},
		} {
			want := ""
			for _, n := range []int{1, 2, 3, 7, 16} {
				f, err := modeltest.Fit(t, op, modeltest.Workers(n, uint64(n)), in, b, task)
				if err != nil {
					t.Fatal(err)
				}
				got := fmt.Sprintf("%x %+v", f.Program.Marshal(), f.Notes)
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s: %d workers make another model", kind, n)
				}
			}
		}
	}
}

// A bundle says of every row what the trees of the core say, in bits.
func TestProgram(t *testing.T) {
	for _, kind := range kinds {
		in, b, task := table(2, 2000, kind)
		o := &Operator{Trees: 20, Bins: 255, MinRows: 1, RowSample: 1, Columns: "auto", Criterion: "gini", Threshold: half}
		s := modeltest.Site(in, task)
		out, _ := o.Check(s)
		train := modeltest.Pick(in, b, batch.TrainRows, out.Reads.Cols)
		fitted, err := o.Fit(s, operators.TestEnv(), train, operators.Table{})
		if err != nil {
			t.Fatal(err)
		}
		got := modeltest.Score(t, fitted.Program, in, b)[0]

		r := model.RolesOf(s)
		l, err := forest.Learn(r, train)
		if err != nil {
			t.Fatal(err)
		}
		m, err := forest.Fit(forest.Env{}, &l.Data, &l.Label, o.options(s, len(l.Data.Features)))
		if err != nil {
			t.Fatal(err)
		}
		all := modeltest.Pick(in, b, batch.AllRows, out.Reads.Cols)
		features := trees.NewVocabularies(r.Features, train, nil).Features(r.Features, all)
		for j := range features {
			if f := &features[j]; f.Read != nil {
				f.Values = make([]float64, all.N)
				f.Read(f.Values, 0)
			}
		}
		for i := range all.N {
			if kind != operators.Multiclass {
				want := 0.0
				for j := range m.Trees {
					want += m.Trees[j].Leaf[m.Trees[j].Find(m.Features, features, i)]
				}
				if want /= 20; got.Float64s()[i] != want {
					t.Fatalf("%s: row %d is %v, want %v", kind, i, got.Float64s()[i], want)
				}
				continue
			}
			want := make([]float64, len(l.Classes))
			for j := range m.Trees {
				d := int(m.Trees[j].Leaf[m.Trees[j].Find(m.Features, features, i)])
				for at := m.Shares.At[d]; at < m.Shares.At[d+1]; at++ {
					want[m.Shares.Class[at]] += m.Shares.Share[at]
				}
			}
			for c := range want {
				if got.Member(c)[i] != want[c]/20 {
					t.Fatalf("row %d, class %d is %v, want %v", i, c, got.Member(c)[i], want[c]/20)
				}
			}
		}
	}
}

// What is said of the rows out of bag is about what valid rows say.
func TestOutOfBag(t *testing.T) {
	for _, kind := range kinds {
		in, b, task := table(3, 3000, kind)
		task.Weight = ""
		o := &Operator{Trees: 60, Bins: 255, MinRows: 1, RowSample: 1, Columns: "auto", Criterion: "gini", Threshold: half}
		f, err := modeltest.Fit(t, o, modeltest.Workers(2, 1), in, b, task)
		if err != nil {
			t.Fatal(err)
		}
		scores := modeltest.Score(t, f.Program, in, b)
		name, wrong, rows := "out-of-bag accuracy", 0.0, 0.0
		for i := range b.N {
			if b.Part[i] == 0 {
				continue
			}
			rows++
			switch y := &b.Cols[7]; kind {
			case operators.Regression:
				e := scores[0].Float64s()[i] - y.Float64s()[i]
				wrong += e * e
			case operators.Binary:
				if scores[1].Bit(i) != y.Bit(i) {
					wrong++
				}
			default:
				if scores[1].Str(i) != y.Str(i) {
					wrong++
				}
			}
		}
		want := 1 - wrong/rows
		if kind == operators.Regression {
			name, want = "out-of-bag RMSE", math.Sqrt(wrong/rows)
		}
		for _, x := range f.Notes.Facts {
			if x.Name == name {
				got, err := strconv.ParseFloat(x.Text, 64)
				if err != nil || math.Abs(got-want) > 0.1*want {
					t.Errorf("%s: %s is %s, valid rows say %v", kind, name, x.Text, want)
				}
				name = ""
			}
		}
		if name != "" {
			t.Errorf("%s: no %s in %v", kind, name, f.Notes.Facts)
		}
	}
}

// The rules of a small tree are told, and each row count is right.
func TestRules(t *testing.T) {
	in, b, task := table(4, 1000, operators.Multiclass)
	task.Weight = ""
	f, err := modeltest.Fit(t, &Tree{Bins: 255, MinRows: 1, Leaves: 6, Criterion: "entropy", Threshold: half}, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	rules, rows := 0, 0
	for _, x := range f.Notes.Facts {
		if !strings.HasPrefix(x.Name, "if ") {
			continue
		}
		rules++
		var share float64
		var class, n int
		if _, err := fmt.Sscanf(x.Text, "class %d (%g), %d rows", &class, &share, &n); err != nil {
			t.Fatalf("%q: %v", x.Text, err)
		}
		rows += n
	}
	if rules != 6 || rows != 800 {
		t.Errorf("%d rules of %d rows: %v", rules, rows, f.Notes.Facts)
	}
}

// A forest says the mean of its trees to the bit: 1 where all say 1, however many there are, and the number that all say.
func TestMean(t *testing.T) {
	x := []float64{1, 2, 3, 4, 11, 12, 13, 14}
	in := operators.Schema{Fields: []operators.Field{{Name: "x", Type: batch.T(batch.Float64)}, {Name: "y", Type: batch.T(batch.Bool)}}}
	b := batch.Batch{N: len(x), Part: make([]uint8, len(x)), Cols: []batch.Column{batch.OfFloat64s(x), batch.OfBools([]bool{4: true, 5: true, 6: true, 7: true})}}
	fives := b
	fives.Cols = []batch.Column{b.Cols[0], batch.OfFloat64s(slices.Repeat([]float64{5}, len(x)))}
	for trees := 1; trees <= 60; trees++ {
		o := &Operator{Trees: trees, Bins: 255, MinRows: 1, RowSample: 1, Columns: "all", Criterion: "gini", Threshold: 1, Bootstrap: new(bool)}
		f, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, operators.Task{Kind: operators.Binary, Label: "y"})
		if err != nil {
			t.Fatal(err)
		}
		out := modeltest.Score(t, f.Program, in, b)
		for i := range x {
			want := 0.0
			if i >= 4 {
				want = 1
			}
			if p := out[0].Float64s()[i]; p != want || out[1].Bit(i) != (i >= 4) {
				t.Fatalf("%d trees that agree: row %d has p %v and pred %v", trees, i, p, out[1].Bit(i))
			}
		}
		in.Fields[1].Type = batch.T(batch.Float64)
		f, err = modeltest.Fit(t, o, operators.TestEnv(), in, fives, operators.Task{Kind: operators.Regression, Label: "y"})
		if err != nil {
			t.Fatal(err)
		}
		if got := modeltest.Score(t, f.Program, in, fives)[0].Float64s(); !slices.Equal(got, fives.Cols[1].Float64s()) {
			t.Fatalf("%d trees that say 5: %v", trees, got)
		}
		in.Fields[1].Type = batch.T(batch.Bool)
	}
}

// Two classes of a multiclass task are told apart as those of a binary one, to the bit.
func TestTwoClasses(t *testing.T) {
	in, b, task := table(5, 1000, operators.Binary)
	o := &Operator{Trees: 10, Bins: 255, MinRows: 1, RowSample: 1, Columns: "auto", Criterion: "gini", Threshold: half}
	one, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	task.Kind = operators.Multiclass
	many, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	p, q := modeltest.Score(t, one.Program, in, b)[0].Float64s(), modeltest.Score(t, many.Program, in, b)[0].Member(1)
	for i := range p {
		if p[i] != q[i] {
			t.Fatalf("row %d: %v and %v", i, p[i], q[i])
		}
	}
}

func TestChecks(t *testing.T) {
	in, _, task := table(6, 10, operators.Binary)
	share := 0.5
	for want, c := range map[string]struct {
		op   operators.Op
		kind operators.TaskKind
	}{
		"entropy is of classes, this is a regression":                             {&Operator{Criterion: "entropy", Threshold: half}, operators.Regression},
		"threshold is for binary tasks, the task is multiclass":                   {&Tree{Threshold: 0.7}, operators.Multiclass},
		"columns_node and column_sample_node both say how many columns are drawn": {&Operator{Columns: "sqrt", Share: &share, Threshold: half}, operators.Binary},
		"a tree of one leaf splits nothing":                                       {&Tree{Leaves: 1, Threshold: half}, operators.Binary},
		"train.tree is for tasks of kind binary or multiclass or regression":      {&Tree{Threshold: half}, operators.Anomaly},
	} {
		task.Kind = c.kind
		if _, l := c.op.Check(modeltest.Site(in, task)); !strings.Contains(fmt.Sprint(l), want) {
			t.Errorf("%v, want %q", l, want)
		}
	}
}

// class_weight is a column of weights, to the bit, out of bag too.
func TestClassWeight(t *testing.T) {
	for kind, classes := range map[operators.TaskKind][]string{operators.Binary: {"true", "false"}, operators.Multiclass: {"class 0", "class 1", "class 2", "class 3", "class 4"}} {
		in, b, task := table(9, 1500, kind)
		var of []string
		other := b
		other.Cols = append([]batch.Column(nil), b.Cols...)
		w := append([]float64(nil), b.Cols[6].Float64s()...)
		for c, name := range classes {
			of = append(of, fmt.Sprintf("%s: %v", name, 0.25+float64(c)))
			for i := range w {
				if operators.FormatValue(&b.Cols[7], i) == name {
					w[i] *= 0.25 + float64(c)
				}
			}
		}
		other.Cols[6] = batch.OfFloat64s(w)
		option := "class_weight: {" + strings.Join(of, ", ") + "}"
		for _, x := range []struct {
			with, without operators.Gather
			options       string
		}{{&Operator{}, &Operator{}, "trees: 6"}, {&Tree{}, &Tree{}, "max_depth: 5"}} {
			modeltest.Options(t, "{"+x.options+", "+option+"}", x.with)
			modeltest.Options(t, "{"+x.options+"}", x.without)
			got, err := modeltest.Fit(t, x.with, operators.TestEnv(), in, b, task)
			if err != nil {
				t.Fatal(err)
			}
			want, err := modeltest.Fit(t, x.without, operators.TestEnv(), in, other, task)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := modeltest.Fit(t, x.without, operators.TestEnv(), in, b, task)
			if err != nil {
				t.Fatal(err)
			}
			facts := len(want.Notes.Facts)
			if !bytes.Equal(got.Program.Marshal(), want.Program.Marshal()) || fmt.Sprint(got.Notes.Facts[:facts]) != fmt.Sprint(want.Notes.Facts) && x.options == "trees: 6" {
				t.Errorf("%s, %s: %s is another model than the column of weights", kind, x.options, option)
			}
			if bytes.Equal(got.Program.Marshal(), plain.Program.Marshal()) {
				t.Errorf("%s, %s: %s changes nothing", kind, x.options, option)
			}
		}
	}
}

// The column that explain adds sums to p, of each class to its own, or to pred, over every type of feature, and changes neither.
func TestExplains(t *testing.T) {
	for _, kind := range kinds {
		in, b, task := table(10, 600, kind)
		for name, ops := range map[string][2]operators.Gather{"forest": {&Operator{}, &Operator{}}, "tree": {&Tree{}, &Tree{}}} {
			modeltest.Options(t, "{max_depth: 9}", ops[0])
			modeltest.Options(t, "{max_depth: 9, explain: true}", ops[1])
			if name == "forest" {
				modeltest.Options(t, "{trees: 10}", ops[0])
				modeltest.Options(t, "{trees: 10, explain: true}", ops[1])
			}
			var scored [2][]batch.Column
			for i, op := range ops {
				f, err := modeltest.Fit(t, op, operators.TestEnv(), in, b, task)
				if err != nil {
					t.Fatal(err)
				}
				scored[i] = modeltest.Score(t, f.Program, in, b)
			}
			plain, out := scored[0], scored[1]
			shap := &out[len(plain)]
			score := func(cols []batch.Column, class int) []float64 {
				if kind == operators.Multiclass {
					return cols[0].Member(class)
				}
				return cols[0].Float64s()
			}
			classes := 1
			if kind == operators.Multiclass {
				classes = out[0].Wide
			}
			wide := shap.Wide / classes
			spread := 0.0
			for class := range classes {
				was, want := score(plain, class), score(out, class)
				for i := range b.N {
					if want[i] != was[i] {
						t.Fatalf("%s, %s, row %d: %v, and unexplained %v", kind, name, i, want[i], was[i])
					}
					sum := 0.0
					for j := range wide {
						v := shap.Member(class*wide + j)[i]
						sum += v
						if j < wide-1 {
							spread = max(spread, math.Abs(v))
						}
					}
					if math.Abs(sum-want[i]) > 1e-10*(1+math.Abs(want[i])) {
						t.Fatalf("%s, %s, row %d: contributions to class %d sum to %v, want %v", kind, name, i, class, sum, want[i])
					}
				}
			}
			if spread < 0.05 {
				t.Errorf("%s, %s: all contributions are small: nothing is shown", kind, name)
			}
		}
	}
}

// Data that cannot be learnt are refused, and the memory that is asked for may not be had.
func TestRefuses(t *testing.T) {
	in, b, task := table(7, 50, operators.Binary)
	o := &Operator{Trees: 2, Bins: 255, MinRows: 1, RowSample: 1, Columns: "auto", Criterion: "gini", Threshold: half}
	clear(b.Part)
	env := operators.TestEnv()
	env.Grant = func(int64) error { return fmt.Errorf("no room") }
	if _, err := modeltest.Fit(t, o, env, in, b, task); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("%v", err)
	}
	clear(b.Cols[6].Float64s())
	if _, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, task); err == nil || !strings.Contains(err.Error(), `weight "w" is 0 in all`) {
		t.Errorf("%v", err)
	}
}

// Columns of nothing, and one row, are no reason to fail.
func TestLittle(t *testing.T) {
	for _, kind := range []operators.TaskKind{operators.Regression, operators.Binary, operators.Multiclass} {
		in, b, task := table(8, 2, kind)
		clear(b.Part)
		task.Weight = "w"
		switch y := &b.Cols[7]; kind {
		case operators.Binary:
			*y = batch.OfBools([]bool{true, false})
		case operators.Multiclass:
			*y = batch.OfStrings([]string{"a", "b"})
		}
		o := &Operator{Trees: 3, Bins: 255, MinRows: 1, RowSample: 0.2, Columns: "auto", Criterion: "gini", Threshold: half}
		f, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, task)
		if err != nil {
			t.Fatal(err)
		}
		modeltest.Score(t, f.Program, in, b)
		again, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, task)
		if err != nil || !bytes.Equal(f.Program.Marshal(), again.Program.Marshal()) {
			t.Errorf("%v", err)
		}
	}
}
