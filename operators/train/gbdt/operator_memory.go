package gbdt

import (
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model"
)

// rowBytes are what a fit takes of each row besides the table, with one output, of the train rows and of the valid ones: codes of texts, numbers
// that are not as the core reads them, bins in both layouts, labels, weights, scores, gradients and lists of rows.
func (o *Options) rowBytes(r model.Roles, cols []batch.Column) (train, valid int64) {
	members, codes, copied := 0, 0, 0
	for j, f := range r.Features {
		switch {
		case f.Type.Kind == batch.Vector:
			members += len(cols[j].Members)
			if cols[j].Valid != nil {
				copied += len(cols[j].Members)
			}
		default:
			members++
			if f.Type.Text() {
				codes++
			}
		}
	}
	input := int64(4*codes + 8*copied + members + 8)
	if r.Weight != "" {
		input += 8
	}
	train, valid = input+o.outputBytes()+12, input+o.outputBytes() // lists of rows: those of weight, and those of nodes twice
	if o.Objective == LambdaRank {                                 // the number of its group, its place in it, two derivatives
		train, valid = train+24, valid+24
	}
	if k, ok := newObjective(o).(deviance); ok && o.metric() == k.name {
		valid += 8
	}
	for _, g := range makeGroups(members) {
		train += int64(g.records.Stride)
	}
	if o.RowSample < 1 || o.Goss.on() {
		train += 12 // drawn, not drawn, and the leaves of those
	}
	if _, ok := newObjective(o).(renewer); ok {
		train += 16
	}
	return train, valid
}

// outputBytes are what a fit takes of each row and output: a score, a gradient, and the leaves that dropout keeps.
func (o *Options) outputBytes() int64 {
	n := int64(16)
	if o.Dart.on() {
		leaf := int64(1)
		if o.leaves() > 1<<8 {
			leaf = 2
		}
		n += leaf * int64(o.Trees)
	}
	return n
}

// histogramBytes is what the histograms come to: of leaves that have rows enough to be split, and of each worker.
func histogramBytes(o *Options, cols []trees.Column, rows, workers int, even bool) int64 {
	numbers := 3 // gradients, hessians, rows
	if even {
		numbers = 2
	}
	slots := 0
	for i := range cols {
		slots += (cols[i].Slots() + 7) &^ 7
	}
	leaves := min(o.leaves(), rows/(2*o.MinRows)+1)
	return int64(numbers) * 8 * int64(slots) * int64(leaves+workers)
}

// grants asks for memory on top of what it was asked for before. Its error is kept: in a fit it would be taken for one of the data.
type grants struct {
	env    operators.Env
	asked  int64
	denied error
}

func (g *grants) more(bytes int64) error {
	g.asked += bytes
	if err := g.env.Grant(g.asked); err != nil && g.denied == nil {
		g.denied = err
	}
	return g.denied
}
