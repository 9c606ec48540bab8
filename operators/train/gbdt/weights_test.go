package gbdt

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
)

// byLabel is a table whose rows weigh so many times more by their label.
func byLabel(b batch.Batch, of map[string]float64) batch.Batch {
	b.Cols = append([]batch.Column(nil), b.Cols...)
	w := append([]float64(nil), b.Cols[7].Float64s()...)
	for i := range w {
		w[i] *= of[b.Cols[8].Str(i)]
	}
	b.Cols[7] = batch.OfFloat64s(w)
	return b
}

// class_weight is a column of weights, to the bit: of the base scores, the trees, and the metric that stops them.
func TestClassWeight(t *testing.T) {
	const stops = "trees: 30, min_rows: 5, early_stop: {rounds: 3}"
	for kind, of := range map[operators.TaskKind]map[string]float64{
		operators.Binary:     {"yes": 7, "no": 0.75},
		operators.Multiclass: {"low": 0.3, "middle": 1, "high": 2.5},
	} {
		in, b, task := opTable(6, 3000, kind)
		var texts []string
		for class, w := range of {
			texts = append(texts, fmt.Sprintf("%s: %v", class, w))
		}
		option := "class_weight: {" + strings.Join(texts, ", ") + "}"
		got := opFit(t, "{"+stops+", "+option+"}", operators.TestEnv(), in, b, task)
		want := opFit(t, "{"+stops+"}", operators.TestEnv(), in, byLabel(b, of), task)
		plain := opFit(t, "{"+stops+"}", operators.TestEnv(), in, b, task)
		if !bytes.Equal(got.Program.Marshal(), want.Program.Marshal()) {
			t.Errorf("%s: %s is another model than the column of weights", kind, option)
		}
		if len(got.Notes.Curves) == 0 || !reflect.DeepEqual(got.Notes.Curves, want.Notes.Curves) {
			t.Errorf("%s: the metric is %v, by the column of weights %v", kind, got.Notes.Curves, want.Notes.Curves)
		}
		if bytes.Equal(got.Program.Marshal(), plain.Program.Marshal()) {
			t.Errorf("%s: %s changes nothing", kind, option)
		}
		facts := fmt.Sprint(got.Notes.Facts)
		for class, w := range of {
			if !strings.Contains(facts, fmt.Sprintf("%s %v", class, w)) {
				t.Errorf("%s: facts %s", kind, facts)
			}
		}
	}
}

// Classes that are balanced begin alike, however rare one of them is.
func TestClassWeightBalanced(t *testing.T) {
	for kind, scores := range map[operators.TaskKind]int{operators.Binary: 1, operators.Multiclass: 3} {
		in, b, task := opTable(7, 2000, kind)
		f := opFit(t, "{trees: 1, class_weight: balanced}", operators.TestEnv(), in, b, task)
		var bases []float64
		for _, n := range f.Program.Nodes {
			if k, ok := n.Kind.(*program.Trees); ok {
				bases = append(bases, k.Base)
			}
		}
		if len(bases) != scores {
			t.Fatalf("%s: base scores %v", kind, bases)
		}
		if kind == operators.Binary {
			bases = append(bases, 0)
		}
		for _, x := range bases {
			if math.Abs(x-bases[0]) > 1e-9 {
				t.Errorf("%s: base scores %v, and all classes weigh the same", kind, bases)
			}
		}
	}
}
