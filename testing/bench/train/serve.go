package train

import (
	"errors"
	"slices"
	"sync"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/train/gbdt"
	"github.com/headrace/headrace/testing/bench/account"
)

// cut is how many rows a batch has, as the engine cuts them.
const cut = 1 << 14

// served is a model as it is published, and the rows to test as columns.
type served struct {
	graph program.Graph
	out   int // which of what the program makes is scored
	cols  []batch.Column
	label []float64
	rows  int
	ctx   sync.Pool // of *batch.Ctx
}

func newServed(rows int) *served {
	m := &served{rows: rows, label: make([]float64, rows)}
	m.ctx.New = func() any { return new(batch.Ctx) }
	return m
}

func serve(a *arrays, model *gbdt.Model) (*served, error) {
	m := newServed(a.Test)
	if err := readAt(a.y, m.label, a.Rows-a.Test); err != nil {
		return nil, err
	}
	k := &program.Trees{Base: model.Base[0], Link: program.Sigmoid}
	var in []program.Named
	for j, name := range a.Names {
		x := make([]float32, a.Test)
		if err := readAt(a.x, x, j*a.Rows+a.Rows-a.Test); err != nil {
			return nil, err
		}
		col, levels := batch.OfFloat32s(x), 0
		if a.categories && a.Levels[j] > 0 {
			col, levels = batch.OfInt32s(codes(x)), a.Levels[j]
		}
		k.Levels = append(k.Levels, int32(levels))
		m.cols = append(m.cols, col)
		in = append(in, program.Named{Name: name, Type: col.Type})
	}
	for _, x := range model.Trees {
		k.Trees = append(k.Trees, program.Tree{Feature: x.Feature, Threshold: x.Threshold, Left: x.Left, Right: x.Right,
			MissingLeft: x.MissingLeft, Cat: x.Cat, Bits: x.Bits, Leaf: x.Leaf})
	}
	m.graph = program.One(k, in, []program.Named{{Name: "p", Type: batch.T(batch.Float64)}})
	return m, nil
}

// timed is the phase of predicting all rows so many times, or so many rows one at a time.
func (m *served) timed(each func(int, func(int)), times, single int) (account.Phase, error) {
	work := func() error { return m.singly(single) }
	if times > 0 {
		p := make([]float64, m.rows)
		work = func() error { return m.all(each, p) }
	}
	err := work() // warms up
	end := account.Start("prediction")
	for range max(times, 1) {
		err = errors.Join(err, work())
	}
	return end(), err
}

// singly predicts the first n rows one at a time, each put into a frame as a request's is.
func (m *served) singly(n int) error {
	f := m.graph.Frame()
	for i := range min(n, m.rows) {
		for j, p := range m.graph.In {
			f.SetRow(p.Slot, &m.cols[j], i)
		}
		if err := m.graph.Row(f); err != nil {
			return err
		}
	}
	return nil
}

// all predicts all rows.
func (m *served) all(each func(int, func(int)), p []float64) error {
	parts := slices.Collect(slices.Chunk(p, cut))
	errs := make([]error, len(parts))
	each(len(parts), func(i int) {
		ctx := m.ctx.Get().(*batch.Ctx)
		defer m.ctx.Put(ctx)
		ctx.Reset()
		cols := make([]batch.Column, len(m.cols))
		for j := range cols {
			cols[j] = m.cols[j].Slice(ctx, i*cut, i*cut+len(parts[i]))
		}
		out, err := m.graph.Batch(ctx, len(parts[i]), cols)
		if errs[i] = err; err == nil {
			copy(parts[i], ctx.Floats(out[m.out]))
		}
	})
	return errors.Join(errs...)
}

// predict writes the predictions of the rows to test to a file.
func (m *served) predict(each func(int, func(int)), out string) error {
	p := make([]float64, m.rows)
	if err := m.all(each, p); err != nil {
		return err
	}
	return save(out, m.label, p)
}
