package exec

import (
	"bytes"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Groups are the groups of a ranking that an evaluation measures.
type Groups struct {
	All, Learnt int64  // Learnt: of All, those of which train rows have some too
	Example     string // the least of Learnt, as text
}

// parting finds the groups of a ranking that have rows both among those that are measured and among train rows. Sets are joined in any
// order, so that what comes of them does not depend on who read which rows.
type parting struct {
	column           string
	learnt, measured []groupSet // one a worker
	held             atomic.Int64
}

// newParting is nil where there is nothing to find: train rows that are measured are of groups that are learnt.
func newParting(n *plan.Node, workers int) *parting {
	t := n.Site.Task
	if t.Kind != operators.Ranking || t.Group == "" || n.Out.Reads.Parts.Has(batch.Train) || !n.In[0].Here.Has(batch.Train) {
		return nil
	}
	return &parting{column: t.Group, learnt: make([]groupSet, workers), measured: make([]groupSet, workers)}
}

// add puts the values of a column into a set, and asks for the memory that the sets take by then.
func (p *parting) add(s *groupSet, col *batch.Column, grant func(int64) error) error {
	before := s.values.Bytes()
	s.add(col)
	if more := s.values.Bytes() - before; more > 0 {
		return grant(p.held.Add(more))
	}
	return nil
}

func (p *parting) finish() Groups {
	learnt, measured := &p.learnt[0].values, &p.measured[0].values
	for w := range p.learnt[1:] {
		join(learnt, &p.learnt[w+1].values)
		join(measured, &p.measured[w+1].values)
	}
	out := Groups{All: int64(measured.Len())}
	var least []byte
	for i := range measured.Len() {
		if k := measured.Key(i); learnt.Find(k) >= 0 {
			if out.Learnt++; out.Learnt == 1 || bytes.Compare(k, least) < 0 {
				least = k
			}
		}
	}
	out.Example = string(least)
	return out
}

func join(to, from *hash.Table) {
	for i := range from.Len() {
		to.Insert(from.Key(i))
	}
}

// groupSet is values as text.
type groupSet struct {
	values hash.Table
	buf    []byte
}

// add puts in the values of a column that are not null. An entry of a dictionary is put in once.
func (s *groupSet) add(col *batch.Column) {
	if col.Dict == nil {
		for i := range col.N {
			if !col.Null(i) {
				s.insert(col, i)
			}
		}
		return
	}
	seen := make([]bool, col.Dict.N)
	for i, d := range col.Codes()[:col.N] {
		if !col.Null(i) && !seen[d] {
			seen[d] = true
			s.insert(col.Dict, int(d))
		}
	}
}

func (s *groupSet) insert(col *batch.Column, i int) {
	s.buf = s.buf[:0]
	switch t := col.Type; {
	case t.Text():
		s.buf = append(s.buf, col.Text(i)...)
	case t.Integer() && t.Width() == 4:
		s.buf = strconv.AppendInt(s.buf, int64(col.Int32s()[i]), 10)
	case t.Integer():
		s.buf = strconv.AppendInt(s.buf, col.Int64s()[i], 10)
	default:
		s.buf = append(s.buf, operators.FormatValue(col, i)...)
	}
	s.values.Insert(s.buf)
}

// at is where the group stands among the columns that an evaluation reads.
func (p *parting) at(cols []string) int { return slices.Index(cols, p.column) }
