package check

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/testing/cases/rig"
	"github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

// greedy is a scale that reads more parts than a scale may.
type greedy struct {
	toys.Scale
	parts batch.Parts
	model bool
}

func (k *greedy) Check(s operators.Site) (operators.Output, diag.List) {
	o, l := k.Scale.Check(s)
	o.Reads.Parts = k.parts
	if k.model {
		o.Model = &operators.Model{Kind: operators.Regression, Features: k.Cols, Scores: k.Cols}
	}
	return o, l
}

func (k *greedy) Narrow(operators.Site, []string) operators.Op { return k }

// TestTrainOperatorsAloneReadValid holds fits to the parts that they may learn from.
func TestTrainOperatorsAloneReadValid(t *testing.T) {
	rows := mem.Parse("p int64 | x float64\n0 | 1\n1 | 2\n2 | 3\n0 | 4")
	for _, c := range []struct {
		parts batch.Parts
		model bool
		leak  bool
	}{
		{batch.TrainRows, false, false},
		{batch.TrainRows | batch.ValidRows, false, true},
		{batch.AllRows, false, true},
		{batch.TrainRows, true, false},
		{batch.TrainRows | batch.ValidRows, true, false},
		{batch.AllRows, true, true},
		{batch.TestRows | batch.TrainRows, true, true},
	} {
		p := mem.New("greedy").Source("rows", mem.Of(rows)).Step("split", mem.Split("p", batch.AllRows), "rows")
		p.Step("fit", &greedy{toys.Scale{Cols: []string{"x"}}, c.parts, c.model}, "split")
		_, l := p.Plan("fit")
		if leak := len(l) == 1 && l[0].Code == diag.Leak; leak != c.leak || l.Failed() != c.leak {
			t.Errorf("%+v: %v", c, l)
		}
	}
}

// TestOnlyLearnsFromItsParts holds a fit with only to the rows that it is for.
func TestOnlyLearnsFromItsParts(t *testing.T) {
	text := "p int64 | x float64\n"
	for i := range 300 {
		text += []string{"0 | 1\n", "1 | 2\n", "2 | 3\n"}[i%3]
	}
	p := mem.New("only").Source("rows", mem.Of(mem.Parse(text))).Step("split", mem.Split("p", batch.AllRows), "rows")
	p.Step("some", decode("sample.rows", "{n: 10}"), "split")
	p.Steps[1].Only = batch.TrainRows
	got, err := p.Rows("some", exec.Options{Workers: 2, MorselRows: 7})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[batch.Part]int{}
	for i := range got.N {
		seen[got.PartAt(i)]++
	}
	if seen[batch.Train] != 10 || seen[batch.Valid] != 100 || seen[batch.Test] != 100 {
		t.Errorf("rows by part: %v", seen)
	}
}

// TestStackedBranches holds the check to a time that grows with the DAG, not with the number of ways through it.
func TestStackedBranches(t *testing.T) {
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "rows.csv"), "a,b,y\n1,2,3\n")
	var b strings.Builder
	b.WriteString("version: 1\nname: stacked\nsources: {rows: {csv: {path: rows.csv}, columns: {a: {type: float64}, b: {type: float64}, y: {type: float64}}}}\n" +
		"task: {kind: regression, label: y}\nsteps:\n  z0: {from: rows, sample.split: {train: 0.5, test: 0.5}}\n")
	last := 60
	for i := range last {
		fmt.Fprintf(&b, "  p%d: {from: z%d, feature.scale: {columns: [a], method: standard}}\n", i, i)
		fmt.Fprintf(&b, "  q%d: {from: z%d, feature.scale: {columns: [b], method: standard}}\n", i, i)
		fmt.Fprintf(&b, "  z%d: {from: [p%d, q%d], table.zip: {}}\n", i+1, i, i)
	}
	fmt.Fprintf(&b, "  m: {from: z%d, train.gbdt: {}}\n  e: {from: m, evaluate.regression: {part: train}}\npublish: {model: m, as: m}\n", last)
	file := filepath.Join(dir, "dag.yaml")
	rig.Write(t, file, b.String())
	done := make(chan rig.Result, 1)
	go func() { done <- rig.InProcess("check", file) }()
	select {
	case r := <-done:
		if r.Code != 0 {
			t.Error(r.Errors)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the check hangs")
	}
}
