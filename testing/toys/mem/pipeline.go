package mem

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
)

// Pipeline is a DAG built in Go: the steps that a DAG file would declare.
type Pipeline struct {
	dags.Pipeline
	data map[string]*Dataset
}

// New begins a pipeline. The name seeds every draw.
func New(name string) *Pipeline {
	p := &Pipeline{data: map[string]*Dataset{}}
	p.Name, p.File = name, name+".yaml"
	return p
}

// Source adds a source.
func (p *Pipeline) Source(id string, d *Dataset) *Pipeline {
	p.data[id] = d
	p.Sources = append(p.Sources, &dags.Source{ID: id, Format: "memory"})
	return p
}

// Label sets the task.
func (p *Pipeline) Label(kind operators.TaskKind, label string) *Pipeline {
	p.Task = &dags.Task{Task: operators.Task{Kind: kind, Label: label}}
	return p
}

// Step adds an operator. from are ids of sources and steps, or step.part.
func (p *Pipeline) Step(id string, op operators.Op, from ...string) *Pipeline {
	s := &dags.Step{ID: id, Name: id, Op: op, Last: true, Spec: operators.Spec{Name: fmt.Sprintf("toy.%T", op)}}
	for _, f := range from {
		r := dags.Ref{ID: f, Text: f}
		if name, part, ok := strings.Cut(f, "."); ok {
			r.ID, r.Part = name, part
		}
		s.From = append(s.From, r)
	}
	p.Steps = append(p.Steps, s)
	return p
}

// Publish says which step's model is published.
func (p *Pipeline) Publish(model string) *Pipeline {
	p.Pipeline.Publish = &dags.Publish{Model: dags.Ref{ID: model}, As: p.Name}
	return p
}

// Plan checks the pipeline and plans it.
func (p *Pipeline) Plan(to ...string) (*plan.Plan, diag.List) {
	return plan.Make(&p.Pipeline, plan.Options{To: to, Open: func(s *dags.Source, _ []connectors.Want) (connectors.Dataset, diag.List) {
		return p.data[s.ID], nil
	}})
}

// Rows plans the pipeline, runs what one step's columns need, and gives its rows in canonical order; no columns mean all.
func (p *Pipeline) Rows(step string, opt exec.Options, cols ...string) (Table, error) {
	t, _, err := p.Run(step, opt, cols...)
	return t, err
}

// Run is Rows with the plan that was run.
func (p *Pipeline) Run(step string, opt exec.Options, cols ...string) (Table, *plan.Plan, error) {
	pl, l := p.Plan(step)
	if l.Failed() {
		return Table{}, pl, l.Err()
	}
	n, err := pl.Find(step)
	if err != nil {
		return Table{}, pl, err
	}
	if len(cols) == 0 {
		cols = n.Sch.Names()
	}
	pl.Narrow(map[*plan.Node][]string{n: cols})
	x := exec.New(pl, opt)
	ctx := context.Background()
	if err := x.Fit(ctx); err != nil {
		return Table{}, pl, err
	}
	b, err := x.Collect(ctx, n, cols)
	if err != nil {
		return Table{}, pl, err
	}
	t := Table{Batch: b}
	for _, c := range cols {
		i := slices.IndexFunc(n.Sch.Fields, func(f operators.Field) bool { return f.Name == c })
		if i < 0 {
			return t, pl, fmt.Errorf("step %q has no column %q", step, c)
		}
		t.Fields = append(t.Fields, n.Sch.Fields[i])
	}
	return t, pl, nil
}

// Split sends rows to parts by the batch.Part in an Int64 column, which ends there; Drop names it.
func Split(column string, parts batch.Parts) operators.Op { return &split{column, parts} }
