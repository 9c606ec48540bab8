package laws

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/testing/toys/mem"
)

// marshal gives an accumulator's bytes; an error is a violation.
func (s *suite) marshal(law Law, m interface{ MarshalBinary() ([]byte, error) }) []byte {
	b, err := m.MarshalBinary()
	if err != nil {
		s.breaks(law, "it cannot be stored: %v", err)
	}
	return bytes.Clone(b)
}

// corrupt tries bytes that are no state: cut short they are an error or, if they are a state all the same, store as themselves; with
// bits flipped they may be another state. They never panic.
func (s *suite) corrupt(law Law, good []byte, read func([]byte) ([]byte, error)) {
	try := func(b []byte, what string) (got []byte, err error) {
		s.guard(law, func() { got, err = read(b) })
		return got, err
	}
	step := max(1, len(good)/256)
	for n := 0; n < len(good); n += step {
		cut := good[:n:n]
		if got, err := try(cut, "cut"); err == nil && !bytes.Equal(got, cut) {
			s.breaks(law, "%d of %d bytes are taken for a state", n, len(good))
			return
		}
	}
	if got, err := try(append(slices.Clone(good), 0), "longer"); err == nil && len(got) == len(good) {
		s.breaks(law, "a byte too many is taken")
	}
	r := rand.New(rand.NewPCG(3, uint64(len(good))))
	for k := 0; k < min(400, 8*len(good)); k++ {
		b := slices.Clone(good)
		at := r.IntN(len(b))
		if len(b) < 50 {
			at = k % len(b)
		}
		b[at] ^= 1 << r.IntN(8)
		if k%5 == 0 {
			b[r.IntN(len(b))] = 0xff
		}
		_, _ = try(b, "flipped") // a state or an error, as long as it does not panic
	}
}

// restore reads an accumulator's bytes into an empty one.
func (s *suite) restore(start func() operators.Acc, b []byte) (operators.Acc, bool) {
	a := start()
	if err := a.UnmarshalBinary(b); err != nil {
		s.breaks(State, "its own bytes are refused: %v", err)
		return nil, false
	}
	if !bytes.Equal(s.marshal(State, a), b) {
		s.breaks(State, "an accumulator that was read back is stored as other bytes")
		return nil, false
	}
	return a, true
}

// accumulate holds accumulators to their laws over rows, and gives one that has them all, with its bytes. bad is an error that the
// rows are to blame for.
func (s *suite) accumulate(in *instance, start func() operators.Acc, rows batch.Batch) (a operators.Acc, state []byte, bad error) {
	a = start()
	if rows.N > 0 {
		own := mem.PlaceBatch(nil, rows, false, false)
		before := sum(own.Cols)
		if err := a.Add(&batch.Ctx{}, own); err != nil {
			return a, nil, err
		}
		if sum(own.Cols) != before {
			s.breaks(Inputs, "Add changes the batch")
			return a, nil, nil
		}
	}
	state = s.marshal(Canonical, a)
	times := 8
	if len(state) < 4096 { // a Go map of few keys is often walked in one order
		times = 100
	}
	for range times {
		if !bytes.Equal(s.marshal(Canonical, a), state) {
			s.breaks(Canonical, "one state is stored as other bytes the second time")
			return a, state, nil
		}
	}
	if a.Bytes() < 0 {
		s.breaks(Promise, "it holds %d bytes", a.Bytes())
	}
	one := func(law Law, c *batch.Ctx, coded, garbage bool, what string) {
		if rows.N == 0 || len(s.broken) > in.before {
			return
		}
		s.guard(law, func() {
			b := start()
			if err := b.Add(c, mem.PlaceBatch(c, rows, coded, garbage)); err != nil {
				s.breaks(law, "%s: %v", what, err)
				return
			}
			c.Reset()
			if !bytes.Equal(s.marshal(law, b), state) {
				s.breaks(law, "%s the state is another", what)
			}
		})
	}
	one(Arena, &batch.Ctx{Poison: true}, false, false, "once the batch's memory is freed")
	one(Nulls, &batch.Ctx{}, false, true, "with other bytes under the nulls")
	one(Layout, &batch.Ctx{}, true, false, "with text coded by a dictionary")
	for _, try := range []func(){
		func() { s.guard(State, func() { s.states(start, rows, state) }) },
		func() { s.guard(Argument, func() { s.argument(start, rows) }) },
		func() { s.guard(Monoid, func() { s.groupings(in, start, rows, state) }) },
	} {
		if len(s.broken) == in.before {
			try()
		}
	}
	return a, state, nil
}

// states reads stored accumulators back, good and bad ones.
func (s *suite) states(start func() operators.Acc, rows batch.Batch, state []byte) {
	if _, ok := s.restore(start, state); !ok {
		return
	}
	// a part of the rows, stored and read back, goes on with the others
	half := rows.Take(nil, every(rows.N)[:rows.N/2])
	rest := rows.Take(nil, every(rows.N)[rows.N/2:])
	a, live := start(), start()
	for _, acc := range []operators.Acc{a, live} {
		if half.N > 0 {
			if err := acc.Add(&batch.Ctx{}, half); err != nil {
				s.breaks(Monoid, "half of the rows: %v", err)
				return
			}
		}
	}
	b, ok := s.restore(start, s.marshal(State, a))
	if !ok {
		return
	}
	for _, acc := range []operators.Acc{b, live} {
		if rest.N > 0 {
			if err := acc.Add(&batch.Ctx{}, rest); err != nil {
				s.breaks(State, "a restored accumulator takes no more rows: %v", err)
				return
			}
		}
	}
	if !bytes.Equal(s.marshal(State, b), s.marshal(State, live)) {
		s.breaks(State, "an accumulator that was read back goes on otherwise")
		return
	}
	s.corrupt(State, state, func(b []byte) ([]byte, error) {
		a := start()
		if err := a.UnmarshalBinary(b); err != nil {
			return nil, err
		}
		if err := start().Merge(a); err != nil {
			return nil, err
		}
		a.Bytes()
		return a.MarshalBinary()
	})
}

// argument holds that Merge leaves its argument alone, then and later.
func (s *suite) argument(start func() operators.Acc, rows batch.Batch) {
	thirds := make([]operators.Acc, 3)
	for k := range thirds {
		thirds[k] = start()
		if b := rows.Take(nil, every(rows.N)[rows.N*k/3:rows.N*(k+1)/3]); b.N > 0 {
			if err := thirds[k].Add(&batch.Ctx{}, b); err != nil {
				s.breaks(Monoid, "a third of the rows: %v", err)
				return
			}
		}
	}
	a, b, c := thirds[0], thirds[1], thirds[2]
	before := s.marshal(Argument, b)
	for _, into := range []operators.Acc{start(), a} {
		if err := into.Merge(b); err != nil {
			s.breaks(Monoid, "merge: %v", err)
			return
		}
		if !bytes.Equal(s.marshal(Argument, b), before) {
			s.breaks(Argument, "Merge changes its argument")
			return
		}
		// what the receiver does later must not reach it either
		if err := into.Merge(c); err != nil {
			s.breaks(Monoid, "merge: %v", err)
			return
		}
		if rows.N > 0 {
			if err := into.Add(&batch.Ctx{}, rows); err != nil {
				return // twice the rows may be too much for a sum of integers
			}
		}
		if !bytes.Equal(s.marshal(Argument, b), before) {
			s.breaks(Argument, "Merge shares memory with its argument, which changes later")
			return
		}
	}
}

// groupings gives the rows in other orders, cut otherwise, to several accumulators that are merged in other ways.
func (s *suite) groupings(in *instance, start func() operators.Acc, rows batch.Batch, state []byte) {
	for try := range 8 {
		a, err := grouped(rand.New(rand.NewPCG(uint64(try), 17)), start, rows, try >= 4)
		if err != nil {
			s.breaks(Monoid, "rows cut otherwise: %v", err)
			return
		}
		if !bytes.Equal(s.marshal(Monoid, a), state) {
			s.breaks(Monoid, "rows cut, ordered and grouped otherwise give another state (try %d, %d rows)", try, rows.N)
			return
		}
	}
}

// grouped is an accumulator of rows in some order, cut and merged in some way. rough frees batches at once, codes text, puts garbage
// under nulls and stores accumulators before they are merged.
func grouped(r *rand.Rand, start func() operators.Acc, rows batch.Batch, rough bool) (operators.Acc, error) {
	accs := make([]operators.Acc, 1+r.IntN(5))
	for i := range accs {
		accs[i] = start()
	}
	order := every(rows.N)
	if r.IntN(3) > 0 {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	c := &batch.Ctx{Poison: rough}
	for len(order) > 0 {
		n := min(len(order), []int{1, 2, 7, 63, 64, 65, 1000}[r.IntN(7)])
		b := mem.PlaceBatch(c, rows.Take(nil, order[:n]), rough && r.IntN(2) == 0, rough)
		order = order[n:]
		if err := accs[r.IntN(len(accs))].Add(c, b); err != nil {
			return nil, fmt.Errorf("add: %w", err)
		}
		c.Reset()
	}
	accs = append(accs, start())
	for len(accs) > 1 {
		i := r.IntN(len(accs))
		a := accs[i]
		accs = slices.Delete(accs, i, i+1)
		if rough {
			b, err := a.MarshalBinary()
			if err != nil {
				return nil, err
			}
			a = start()
			if err := a.UnmarshalBinary(b); err != nil {
				return nil, fmt.Errorf("restore: %w", err)
			}
		}
		if err := accs[r.IntN(len(accs))].Merge(a); err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
	}
	return accs[0], nil
}
