package model

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/program"
)

func column1(name string, t batch.Type, nullable bool) operators.Field {
	return operators.Field{Name: name, Type: t, Nullable: nullable}
}

var (
	float  = batch.T(batch.Float64)
	text   = batch.T(batch.String)
	truth  = batch.T(batch.Bool)
	binary = Learner{Name: "train.x", Tasks: []operators.TaskKind{operators.Binary}}
)

func TestRoles(t *testing.T) {
	in := operators.Of(column1("a", float, false), column1("y", truth, false), column1("w", float, false), column1("g", text, true),
		column1("id", text, true), column1("b", truth, false))
	task := operators.Task{Kind: operators.Binary, Label: "y", Weight: "w", Group: "g", IDs: []string{"id"}}
	s := operators.Site{In: []operators.Schema{in}, Task: task}
	o, l := binary.Check(s)
	if l != nil {
		t.Fatal(l)
	}
	if got := fmt.Sprint(o.Reads.Cols, o.Model.Features, o.Model.Scores); got != "[a b y w] [a b] [p pred]" {
		t.Error(got)
	}
	if o.Reads.Parts != batch.TrainRows || len(o.Made) != 2 || fmt.Sprint(o.Made[0].Apply) != "[a b]" || o.Made[0].Nullable {
		t.Errorf("%+v", o)
	}
	v := binary
	v.Valid = true
	if o, _ := v.Check(s); o.Reads.Parts != batch.TrainRows|batch.ValidRows {
		t.Errorf("parts %v", o.Reads.Parts)
	}
	reg := Learner{Name: "train.x", Tasks: []operators.TaskKind{operators.Regression}}
	s.Task.Kind, s.Task.Label = operators.Regression, "a"
	if o, l := reg.Check(s); l != nil || fmt.Sprint(o.Model.Scores, o.Made[0].Type) != "[pred] float64" {
		t.Errorf("%v %+v", l, o.Model)
	}
}

func TestCheck(t *testing.T) {
	x, y := column1("x", float, false), column1("y", truth, false)
	task := operators.Task{Kind: operators.Binary, Label: "y"}
	positive, weight, odd := task, task, task
	positive.Positive, weight.Weight, odd.Label = "1", "w", "the label"
	for _, c := range []struct {
		name   string
		fields []operators.Field
		task   operators.Task
		want   string // parts of the one finding; "" for none
	}{
		{"good", []operators.Field{x, y}, task, ""},
		{"no task", []operators.Field{x, y}, operators.Task{Kind: operators.NoTask}, "E0501|there is no task block|task: {kind: binary, label: COLUMN}"},
		{"no label", []operators.Field{x, y}, operators.Task{Kind: operators.Binary}, "E0501|names no label"},
		{"other task", []operators.Field{x, y}, operators.Task{Kind: operators.Regression, Label: "y"}, "E0501|the task is regression"},
		{"label gone", []operators.Field{x}, task, `E0502|"y" does not reach`},
		{"label nullable", []operators.Field{x, column1("y", truth, true)}, task, `E0307|clean.filter: "y != nil"`},
		{"odd label nullable", []operators.Field{x, column1("the label", truth, true)}, odd, `E0307|clean.filter: "col(\"the label\") != nil"`},
		{"text label", []operators.Field{x, column1("y", text, false)}, task, "E0502|which value counts as 1|task.positive: VALUE"},
		{"text label, positive", []operators.Field{x, column1("y", text, false)}, positive, ""},
		{"text label, another category", []operators.Field{x, {Name: "y", Type: text, Categories: []string{"a", "b"}}}, positive, `E0502|never "1"`},
		{"number label", []operators.Field{x, column1("y", batch.T(batch.Int32), false)}, task, ""},
		{"number label, positive", []operators.Field{x, column1("y", batch.T(batch.Int32), false)}, positive, ""},
		{"bool label, positive", []operators.Field{x, y}, positive, `E0502|never "1"`},
		{"time label", []operators.Field{x, column1("y", batch.T(batch.Date), false)}, task, "E0502|is date"},
		{"unknown label", []operators.Field{x, column1("y", batch.Type{}, true)}, task, ""},
		{"weight gone", []operators.Field{x, y}, weight, `E0212|weight "w"`},
		{"weight nullable", []operators.Field{x, y, column1("w", float, true)}, weight, `E0307|weight "w"`},
		{"weight text", []operators.Field{x, y, column1("w", text, false)}, weight, `E0301|weight "w"`},
		{"text", []operators.Field{x, y, column1("s", text, false)}, task, `E0503|feature "s" is string|feature.encode: {columns: [s]}`},
		{"time", []operators.Field{x, y, column1("at", batch.T(batch.Timestamp), false)}, task, `E0503|feature "at"|feature.derive`},
		{"bytes", []operators.Field{x, y, column1("s", batch.T(batch.Bytes), false)}, task, "E0503|clean.drop"},
		{"nullable", []operators.Field{column1("x", float, true), y}, task, `E0307|feature "x" may be null|clean.fill`},
		{"unknown feature", []operators.Field{column1("x", batch.Type{}, true), y}, task, ""},
		{"wide", []operators.Field{column1("v", batch.T(batch.Vector), false), y}, task, ""},
		{"none", []operators.Field{y}, task, "E0310|no column is left"},
		{"clash", []operators.Field{x, y, column1("pred", truth, false)}, task, `E0302|"pred"|clean.rename`},
	} {
		_, l := binary.Check(operators.Site{In: []operators.Schema{operators.Of(c.fields...)}, Task: c.task})
		if c.want == "" {
			if l != nil {
				t.Errorf("%s: %v", c.name, l)
			}
			continue
		}
		if len(l) != 1 {
			t.Errorf("%s: %d findings, want one: %v", c.name, len(l), l)
			continue
		}
		all := l[0].Error() + " " + l[0].Help
		for _, want := range strings.Split(c.want, "|") {
			if !strings.Contains(all, want) {
				t.Errorf("%s: %q lacks %q", c.name, all, want)
			}
		}
	}
	_, l := Learner{Name: "train.y", Tasks: binary.Tasks, Nulls: true, Text: true}.Check(operators.Site{
		In: []operators.Schema{operators.Of(column1("x", float, true), column1("s", text, true), y)}, Task: task})
	if l != nil {
		t.Errorf("a learner that takes text and nulls: %v", l)
	}
	_, l = binary.Check(operators.Site{In: []operators.Schema{{Open: true}}, Task: task})
	if l != nil {
		t.Errorf("below an erroneous step: %v", l)
	}
}

func TestLabels(t *testing.T) {
	bit := operators.Task{Kind: operators.Binary, Label: "y"}
	pos := func(p string) operators.Task { return operators.Task{Kind: operators.Binary, Label: "y", Positive: p} }
	reg := operators.Task{Kind: operators.Regression, Label: "y"}
	date := batch.OfInt32s([]int32{0, 1, 0})
	date.Type = batch.T(batch.Date)
	dec := batch.OfInt64s([]int64{150, 100, 150})
	dec.Type = batch.Type{Kind: batch.Decimal, Precision: 5, Scale: 2}
	for _, c := range []struct {
		task operators.Task
		col  batch.Column
		want string
	}{
		{bit, batch.OfBools([]bool{true, false, true}), "[1 0 1]"},
		{bit, batch.OfInt32s([]int32{1, 0, 1}), "[1 0 1]"},
		{bit, batch.OfFloat64s([]float64{1, 0, 2}), `the label "y" is 2 in a row`},
		{bit, batch.OfFloat64s([]float64{1, 0, math.NaN()}), "is NaN"},
		{bit, batch.OfInt64s([]int64{1, 1, 1}), "one class only: all 3 train rows are 1"},
		{pos("yes"), batch.OfStrings([]string{"yes", "no", "yes"}), "[1 0 1]"},
		{pos("yes"), batch.OfStrings([]string{"yes", "no", "perhaps"}), "more than two values: no and perhaps besides yes"},
		{pos("yes"), batch.OfStrings([]string{"Yes", "no", "no"}), "more than two"},
		{pos("yes"), batch.OfStrings([]string{"no", "no"}), `no row is "yes", all 2 train rows are 0`},
		{pos("2"), batch.OfInt64s([]int64{2, 1, 2}), "[1 0 1]"},
		{pos("false"), batch.OfBools([]bool{true, false, true}), "[0 1 0]"},
		{pos("1.5"), dec, "[1 0 1]"},
		{pos("0.5"), batch.OfFloat32s([]float32{0.5, 0.25, 0.5}), "[1 0 1]"},
		{reg, batch.OfInt32s([]int32{7, 7}), "[7 7]"},
		{reg, dec, "[1.5 1 1.5]"},
		{reg, batch.OfFloat64s([]float64{1, math.Inf(1)}), "+Inf"},
		{bit, batch.OfBools([]bool{true, false}).WithNulls([]bool{false, true}), "null in 1 of 2 rows"},
	} {
		y, err := Target{column1("y", c.col.Type, false), c.task}.Learn(&c.col, nil)
		got := fmt.Sprint(y)
		var data *operators.ErrData
		if err != nil {
			got = err.Error()
			if !errors.As(err, &data) {
				t.Errorf("%v is not an error of the data", err)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s as %+v: %s, want %s", c.col.Type, c.task, got, c.want)
		}
	}
}

func TestClasses(t *testing.T) {
	task := operators.Task{Kind: operators.Multiclass, Label: "y"}
	dict := batch.OfStrings([]string{"unused", "b", "a"})
	for _, c := range []struct {
		col        batch.Column
		w          []float64
		categories []string
		want       string // members and codes, or the error
	}{
		{batch.OfStrings([]string{"b", "a", "", "b"}), nil, nil, "[p_ p_a p_b] [2 1 0 2]"},
		{batch.OfCodes([]int32{1, 2, 1}, &dict), nil, nil, "[p_a p_b] [1 0 1]"},
		{batch.OfStrings([]string{"b", "a", "b"}), nil, []string{"c", "b", "a"}, "[p_b p_a] [0 1 0]"},
		{batch.OfStrings([]string{"b", "a", "c"}), []float64{1, 0, 2}, nil, "[p_b p_c] [0 -1 1]"},
		{batch.OfStrings([]string{"b", "a", "a"}), []float64{1, 0, 2}, nil, "[p_a p_b] [1 0 0]"},
		{batch.OfInt64s([]int64{10, -3, 9}), nil, nil, "[p_-3 p_9 p_10] [2 0 1]"},
		{batch.OfInt32s([]int32{2, 1}), nil, nil, "[p_1 p_2] [1 0]"},
		{batch.OfBools([]bool{true, false}), nil, nil, "[p_false p_true] [1 0]"},
		{batch.OfBools([]bool{true, true}), nil, nil, "one class only: all 2 train rows are true"},
		{batch.OfStrings([]string{"a", "b"}), []float64{1, 0}, nil, "one class only"},
		{batch.OfStrings([]string{"a", "b"}).WithNulls([]bool{true, false}), nil, nil, "null in 1 of 2 rows"},
		{batch.OfInt64s(slices.Collect(func(yield func(int64) bool) {
			for i := range int64(1001) {
				yield(i)
			}
		})), nil, nil, "1001 classes"},
	} {
		k, code, err := Target{operators.Field{Name: "y", Type: c.col.Type, Categories: c.categories}, task}.Classes(&c.col, c.w)
		got := fmt.Sprint(k.Members(), code)
		var data *operators.ErrData
		if err != nil {
			got = err.Error()
			if !errors.As(err, &data) {
				t.Errorf("%v is not an error of the data", err)
			}
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %s", c.col.Type, got, c.want)
		}
	}
}

// Rows that were not learnt from are told by the same classes.
func TestCodes(t *testing.T) {
	y := Target{operators.Field{Name: "y", Type: text}, operators.Task{Kind: operators.Multiclass, Label: "y"}}
	train := batch.OfStrings([]string{"b", "a", "", "c"})
	k, _, err := y.Classes(&train, []float64{1, 1, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	dict := batch.OfStrings([]string{"c", "", "b"})
	other := batch.OfCodes([]int32{2, 0, 1, 2}, &dict)
	if code, err := y.Codes(k, &other); err != nil || fmt.Sprint(code) != "[2 -1 0 2]" {
		t.Errorf("codes %v, %v", code, err)
	}
	null := train.WithNulls([]bool{true, false, false, false})
	if _, err := y.Codes(k, &null); err == nil || !strings.Contains(err.Error(), "null in 1 of 4 rows") {
		t.Errorf("null: %v", err)
	}
	y.Type = batch.T(batch.Int64)
	numbers := batch.OfInt64s([]int64{7, -1})
	k, _, err = y.Classes(&numbers, nil)
	if err != nil {
		t.Fatal(err)
	}
	numbers = batch.OfInt64s([]int64{-1, 8, 7})
	if code, err := y.Codes(k, &numbers); err != nil || fmt.Sprint(code) != "[0 -1 1]" {
		t.Errorf("codes %v, %v", code, err)
	}
}

func TestCheckMulticlass(t *testing.T) {
	many := Learner{Name: "train.x", Tasks: []operators.TaskKind{operators.Binary, operators.Multiclass}}
	x := column1("x", float, false)
	for _, c := range []struct {
		name  string
		l     Learner
		label operators.Field
		task  operators.Task
		want  string
	}{
		{"text", many, column1("y", text, false), operators.Task{}, ""},
		{"whole numbers", many, column1("y", batch.T(batch.Int32), false), operators.Task{}, ""},
		{"a bool", many, column1("y", truth, false), operators.Task{}, ""},
		{"unknown", many, column1("y", batch.Type{}, true), operators.Task{}, ""},
		{"a float", many, column1("y", float, false), operators.Task{}, "E0502|is float64|clean.cast"},
		{"a date", many, column1("y", batch.T(batch.Date), false), operators.Task{}, "E0502|is date"},
		{"one category", many, operators.Field{Name: "y", Type: text, Categories: []string{"a"}}, operators.Task{}, `E0502|always "a"`},
		{"positive", many, column1("y", text, false), operators.Task{Positive: "a"}, "E0502|task.positive is for binary tasks"},
		{"nullable", many, column1("y", text, true), operators.Task{}, "E0307|may be null"},
		{"another learner", binary, column1("y", text, false), operators.Task{}, "E0501|the task is multiclass|train.gbdt, train.forest, train.tree and train.logistic learn many classes"},
	} {
		c.task.Kind, c.task.Label = operators.Multiclass, "y"
		out, l := c.l.Check(operators.Site{In: []operators.Schema{operators.Of(x, c.label)}, Task: c.task})
		if c.want == "" {
			if l != nil || fmt.Sprint(out.Model.Scores) != "[p pred]" || out.Made[0].Type.Kind != batch.Vector || out.Made[1].Type != c.label.Type {
				t.Errorf("%s: %v, %+v", c.name, l, out.Made)
			}
			continue
		}
		if len(l) != 1 {
			t.Errorf("%s: %d findings, want one: %v", c.name, len(l), l)
			continue
		}
		for _, want := range strings.Split(c.want, "|") {
			if all := l[0].Error() + " " + l[0].Help; !strings.Contains(all, want) {
				t.Errorf("%s: %q lacks %q", c.name, all, want)
			}
		}
	}
}

func TestShares(t *testing.T) {
	got := fmt.Sprint(Shares([]string{"c", "b", "a", "none"}, []float64{1, 1, 2, 0}))
	if got != "[{a 0.5} {b 0.25} {c 0.25}]" {
		t.Error(got)
	}
}

func TestDecide(t *testing.T) {
	x := column1("x", float, false)
	g := Decide(Linear([]operators.Field{x}, []batch.Column{batch.OfFloat64s([]float64{0})}, []float64{1}, 0, program.Sigmoid, P), 0.75)
	out, err := g.Batch(nil, 3, []batch.Column{batch.OfFloat64s([]float64{0, 2, math.NaN()})})
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Float64s()[0] != 0.5 || out[1].Bit(0) || !out[1].Bit(1) || out[1].Bit(2) {
		t.Errorf("p %v", out[0].Float64s())
	}
	if !bytes.Equal(g.Marshal(), g.Narrow([]string{P, Pred}).Marshal()) {
		t.Error("narrowing to all changes the program")
	}
}

func TestRanking(t *testing.T) {
	in := operators.Of(column1("a", float, false), column1("y", truth, false), column1("w", float, false), column1("g", text, false))
	task := operators.Task{Kind: operators.Ranking, Label: "y", Weight: "w", Group: "g"}
	rank := Learner{Name: "train.x", Tasks: []operators.TaskKind{operators.Ranking}}
	o, l := rank.Check(operators.Site{In: []operators.Schema{in}, Task: task})
	if got := fmt.Sprint(o.Reads.Cols, o.Model.Features, o.Model.Scores); l != nil || got != "[a y w g] [a] [score]" {
		t.Error(got, l)
	}
	keys := counts.Keys{Type: text}
	one, two := batch.OfStrings([]string{"b", "a", "b"}), batch.OfStrings([]string{"c", "a"})
	first, err := Groups(&keys, "g", &one)
	second, bad := Groups(&keys, "g", &two)
	if got := fmt.Sprint(first, second, err, bad); got != "[0 1 0] [2 1] <nil> <nil>" {
		t.Error(got)
	}
	two = two.WithNulls([]bool{true, false})
	var data *operators.ErrData
	if _, err := Groups(&keys, "g", &two); !errors.As(err, &data) || !strings.Contains(err.Error(), `the group "g" is null in 1 of 2 rows`) {
		t.Error(err)
	}
}
