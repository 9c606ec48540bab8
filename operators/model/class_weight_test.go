package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/param"
)

// weights reads the option from a map of texts, or from the text balanced.
func weights(t *testing.T, of ...string) *ClassWeight {
	t.Helper()
	n := param.Value("balanced")
	if of != nil {
		n = &param.Node{Kind: param.Map}
		for i := 0; i < len(of); i += 2 {
			n.Keys, n.Items = append(n.Keys, param.Value(of[i])), append(n.Items, param.Value(of[i+1]))
		}
	}
	o := &ClassWeight{}
	if l := o.DecodeParam(n); l != nil {
		t.Fatal(l)
	}
	return o
}

// What compute_class_weight of scikit-learn says: rows / (classes * rows of the class).
func TestBalanced(t *testing.T) {
	target := Target{Field: operators.Field{Name: "y", Type: batch.T(batch.String)}, Task: operators.Task{Kind: operators.Multiclass}}
	col := batch.OfStrings([]string{"a", "b", "b", "c", "c", "c", "c", "c"})
	classes, codes, err := target.Classes(&col, nil)
	if err != nil {
		t.Fatal(err)
	}
	k, w, err := WeighClasses(weights(t), target, classes, &col, codes, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{8.0 / 3, 8.0 / 6, 8.0 / 15}; !slices.Equal(k.of, want) {
		t.Errorf("weights %v, want %v", k.of, want)
	}
	if want := []float64{8.0 / 3, 8.0 / 6, 8.0 / 6, 8.0 / 15, 8.0 / 15, 8.0 / 15, 8.0 / 15, 8.0 / 15}; !slices.Equal(w, want) {
		t.Errorf("rows weigh %v, want %v", w, want)
	}
	if got := fmt.Sprint(k.Facts()); got != "[{class weights a 2.66667, b 1.33333, c 0.533333}]" {
		t.Errorf("facts %s", got)
	}
}

// A row of weight 2 is two rows, one of weight 0 is none, and the order of the rows is nothing.
func TestBalancedByWeight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	target := Target{Field: operators.Field{Name: "y", Type: batch.T(batch.Int64)}, Task: operators.Task{Kind: operators.Multiclass}}
	var y, many []int64
	var w []float64
	for i := range 200 {
		v := int64(r.IntN(5))
		n := r.IntN(4)
		if i == 0 {
			v, n = 9, 0 // a class without a row that counts
		}
		y, w = append(y, v), append(w, float64(n))
		for range n {
			many = append(many, v)
		}
	}
	find := func(y []int64, w []float64) ClassWeights {
		t.Helper()
		col := batch.OfInt64s(y)
		classes, codes, err := target.Classes(&col, w)
		if err != nil {
			t.Fatal(err)
		}
		k, rows, err := WeighClasses(weights(t), target, classes, &col, codes, w)
		if err != nil {
			t.Fatal(err)
		}
		sums := make([]float64, len(classes))
		for i, c := range codes {
			if c < 0 && rows[i] != 0 {
				t.Errorf("a row of no class weighs %v", rows[i])
			}
			if c >= 0 {
				sums[c] += rows[i]
			}
		}
		for _, s := range sums {
			if math.Abs(s-sums[0]) > 1e-9*s {
				t.Errorf("classes weigh %v", sums)
			}
		}
		return k
	}
	want := find(y, w)
	if got := find(many, nil); !slices.Equal(got.of, want.of) || len(got.of) != 5 {
		t.Errorf("rows that are there more than once: %v, by weight %v", got.of, want.of)
	}
	for i := range w {
		w[i] *= math.Exp(9 * r.NormFloat64())
	}
	want = find(y, w)
	r.Shuffle(len(y), func(i, j int) { y[i], y[j], w[i], w[j] = y[j], y[i], w[j], w[i] })
	if got := find(y, w); !slices.Equal(got.of, want.of) {
		t.Errorf("another order of the rows: %v, %v", got.of, want.of)
	}
}

// A class that no train row has is none to balance, and a row of it, which valid rows may be, keeps its own weight.
func TestBalancedOfOneClass(t *testing.T) {
	target := Target{Field: operators.Field{Name: "y", Type: batch.T(batch.Bool)}, Task: operators.Task{Kind: operators.Binary}}
	col := batch.OfBools([]bool{true, true, true})
	k, w, err := WeighClasses(weights(t), target, nil, &col, []float64{1, 1, 1}, nil)
	if err != nil || !slices.Equal(w, []float64{1, 1, 1}) {
		t.Errorf("rows weigh %v, %v", w, err)
	}
	if w, err = Weigh(k, []float64{0, 1}, []float64{0.25, 2}); err != nil || !slices.Equal(w, []float64{0.25, 2}) {
		t.Errorf("valid rows weigh %v, %v", w, err)
	}
}

// Two classes are named by the label's values, whatever its type.
func TestClassWeightOfTwo(t *testing.T) {
	for _, c := range []struct {
		positive string
		col      batch.Column
		of       []string
		want     float64 // of a row of 1
	}{
		{"", batch.OfBools([]bool{true, false}), []string{"true", "3", "false", "2"}, 3},
		{"false", batch.OfBools([]bool{true, false}), []string{"true", "3", "false", "2"}, 2},
		{"", batch.OfInt64s([]int64{1, 0}), []string{"1", "3"}, 3},
		{"", batch.OfFloat64s([]float64{1, 0}), []string{"0", "3"}, 1},
		{"2.5", batch.OfFloat64s([]float64{2.5, -1}), []string{"2.50", "3", "-1", "2"}, 3},
		{"yes", batch.OfStrings([]string{"yes", "no | not"}), []string{"no | not", "5"}, 1},
	} {
		target := Target{Field: operators.Field{Name: "y", Type: c.col.Type}, Task: operators.Task{Kind: operators.Binary, Positive: c.positive}}
		y, err := target.Learn(&c.col, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := []float64{0.5, 0.25}
		_, rows, err := WeighClasses(weights(t, c.of...), target, nil, &c.col, y, w)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range y {
			if v == 1 && rows[i] != c.want*w[i] {
				t.Errorf("%s, positive %q: a row of 1 weighs %v, want %v", c.col.Type, c.positive, rows[i], c.want*w[i])
			}
		}
		if w[0] != 0.5 || w[1] != 0.25 {
			t.Error("the column of weights was changed")
		}
	}
}

func TestClassWeightMistakes(t *testing.T) {
	for want, n := range map[string]*param.Node{
		`cannot be "balance"`:    param.Value("balance"),
		"not a list":             {Kind: param.List},
		"names no class":         {Kind: param.Map},
		"not \"much\"":           {Kind: param.Map, Keys: []*param.Node{param.Value("a")}, Items: []*param.Node{param.Value("much")}},
		"must be above 0":        {Kind: param.Map, Keys: []*param.Node{param.Value("a")}, Items: []*param.Node{param.Value("0")}},
		"at most 1e+100":         {Kind: param.Map, Keys: []*param.Node{param.Value("a")}, Items: []*param.Node{param.Value("1e101")}},
		"is a number, not a map": {Kind: param.Map, Keys: []*param.Node{param.Value("a")}, Items: []*param.Node{{Kind: param.Map}}},
	} {
		o := &ClassWeight{}
		l := o.DecodeParam(n)
		if len(l) != 1 || !strings.Contains(l[0].Message, want) {
			t.Errorf("%v, want %q", l, want)
		}
		if o.Given() {
			t.Errorf("%q leaves %+v", want, o)
		}
	}
	field := func(k batch.Kind, categories ...string) operators.Field {
		return operators.Field{Name: "y", Type: batch.T(k), Categories: categories}
	}
	binary, many := operators.Task{Kind: operators.Binary, Label: "y"}, operators.Task{Kind: operators.Multiclass, Label: "y"}
	yes := binary
	yes.Positive = "yes"
	for _, c := range []struct {
		task  operators.Task
		label operators.Field
		of    []string
		want  string // "" for none
		key   string // where
	}{
		{operators.Task{Kind: operators.Regression, Label: "y"}, field(batch.Float64), nil, "this is a regression", ""},
		{many, field(batch.String, "ant", "bee"), []string{"ant", "2", "bea", "3"}, "never that", "bea"},
		{many, field(batch.String), []string{"bea", "3"}, "", ""},
		{many, field(batch.Int32), []string{"7", "3"}, "", ""},
		{many, field(batch.Int32), []string{"x", "3"}, "is no int32", "x"},
		{binary, field(batch.Bool), []string{"yes", "3"}, "never that", "yes"},
		{binary, field(batch.Int64), []string{"2", "3"}, "never that", "2"},
		{binary, field(batch.Int64), []string{"1", "3", "0", "1"}, "", ""},
		{yes, field(batch.String), []string{"no", "3", "yes", "2"}, "", ""},
		{yes, field(batch.String), []string{"no", "3", "yes", "2", "perhaps", "1"}, "one besides", "perhaps"},
	} {
		b := &ByClass{*weights(t, c.of...)}
		l := b.CheckClasses(operators.Site{In: []operators.Schema{operators.Of(c.label)}, Task: c.task})
		switch {
		case c.want == "" && l != nil:
			t.Errorf("%v of %s: %v", c.of, c.label.Type, l)
		case c.want == "":
		case len(l) != 1 || !strings.Contains(l[0].Message, c.want):
			t.Errorf("%v of %s: %v, want %q", c.of, c.label.Type, l, c.want)
		case c.key != "" && (!slices.Equal(l[0].At.Path, []string{"class_weight", c.key}) || !l[0].At.Key):
			t.Errorf("%v of %s: at %+v", c.of, c.label.Type, l[0].At)
		}
	}
	target := Target{Field: field(batch.String), Task: many}
	col := batch.OfStrings([]string{"ant", "bee", "bee"})
	classes, codes, err := target.Classes(&col, nil)
	if err != nil {
		t.Fatal(err)
	}
	var data *operators.ErrData
	if _, _, err := WeighClasses(weights(t, "bea", "2"), target, classes, &col, codes, nil); !errors.As(err, &data) || !strings.Contains(err.Error(), `did you mean "bee"`) {
		t.Errorf("a class that no row has: %v", err)
	}
	if _, _, err := WeighClasses(weights(t, "bee", "1e60"), target, classes, &col, codes, []float64{1, 1, 1e50}); !errors.As(err, &data) || !strings.Contains(err.Error(), "must weigh") {
		t.Errorf("too great a weight: %v", err)
	}
}
