package exec

import (
	"context"
	"slices"

	"github.com/headrace/headrace/operators/batch"
)

// merge puts what came of the chunks into one order: by the left identity, and of one by chunk, as right rows are.
func (j *joining) merge(ctx context.Context, out *building) error {
	var in []*joinPart
	for _, t := range j.parts {
		p := &joinPart{t: t}
		if err := p.more(); err != nil {
			return err
		}
		in = append(in, p)
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		in = slices.DeleteFunc(in, func(p *joinPart) bool { return p.rows.N == 0 })
		if len(in) == 0 {
			return nil
		}
		rows, err := nextRows(in)
		if err != nil {
			return err
		}
		if err := out.add(rows, true); err != nil {
			return err
		}
	}
}

// joinPart is the rows of a chunk, a block at a time.
type joinPart struct {
	t    *Table
	next int
	rows batch.Batch // that are not given yet
}

func (p *joinPart) done() bool { return p.next == len(p.t.blocks) }

// more reads another block behind the rows that there are.
func (p *joinPart) more() error {
	if p.done() {
		return nil
	}
	at, err := p.t.index(p.t.Cols)
	if err != nil {
		return err
	}
	b, err := p.t.read(nil, p.next, at)
	if err != nil {
		return err
	}
	p.next++
	if p.rows.N > 0 {
		b, err = concat([]batch.Batch{p.rows, b})
	}
	p.rows = b
	return err
}

// last is the identity of the last row that there is.
func (p *joinPart) last() batch.ID { return p.rows.ID.At(p.rows.N - 1) }

// nextRows takes from all parts the rows before the least last one of a part that has more to come: whatever that is, it is not before.
func nextRows(in []*joinPart) (batch.Batch, error) {
	for {
		var until *batch.ID
		var least *joinPart
		for _, p := range in {
			if last := p.last(); !p.done() && (until == nil || batch.Compare(last, *until) < 0) {
				until, least = &last, p
			}
		}
		var parts []batch.Batch
		for _, p := range in {
			n := p.rows.N
			if until != nil {
				for n > 0 && batch.Compare(p.rows.ID.At(n-1), *until) >= 0 {
					n--
				}
			}
			if n > 0 {
				parts = append(parts, p.rows.Slice(nil, 0, n))
				p.rows = p.rows.Slice(nil, n, p.rows.N)
			}
		}
		if len(parts) == 0 { // all rows of a block have one identity
			if err := least.more(); err != nil {
				return batch.Batch{}, err
			}
			continue
		}
		for _, p := range in {
			if p.rows.N == 0 {
				if err := p.more(); err != nil {
					return batch.Batch{}, err
				}
			}
		}
		return byIdentity(parts)
	}
}

// byIdentity puts rows of parts, each in order, into one order; of equal identities the earlier part's come first.
func byIdentity(parts []batch.Batch) (batch.Batch, error) {
	all, err := concat(parts)
	if err != nil || len(parts) == 1 {
		return all, err
	}
	idx := make([]int32, all.N)
	for i := range idx {
		idx[i] = int32(i)
	}
	slices.SortStableFunc(idx, func(a, b int32) int { return batch.Compare(all.ID.At(int(a)), all.ID.At(int(b))) })
	return all.Take(nil, idx), nil
}
