package laws

import (
	"bytes"
	"errors"
	"slices"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/toys/mem"
)

// effects are the outputs of a program that are no columns.
func effects(o *operators.Output) []string {
	return slices.DeleteFunc([]string{o.Keep, o.Tag, o.Key, o.Times}, func(n string) bool { return n == "" })
}

// outputs are all outputs that a program must have.
func outputs(o *operators.Output) []string {
	var n []string
	for _, m := range o.Made {
		n = append(n, m.Name)
	}
	return append(n, effects(o)...)
}

// declared holds a program's inputs to what Check said is read: of each output by itself.
func (s *suite) declared(in *instance, g program.Graph) {
	for _, p := range g.In {
		if len(p.Name) > 0 && p.Name[0] == '@' {
			continue
		}
		if _, ok := in.site.In[0].Field(p.Name); !ok {
			s.breaks(Reads, "the program reads %q, which is no column of the input", p.Name)
			return
		}
	}
	of := func(name string, may []string, what string) {
		if !g.Has(name) {
			s.breaks(Promise, "the program has no output %q: %s", name, g)
			return
		}
		for _, p := range g.Narrow([]string{name}).In {
			if p.Name[0] != '@' && !slices.Contains(may, p.Name) {
				s.breaks(Reads, "the program reads %q for %s %q, and Check says it reads %v", p.Name, what, name, may)
			}
		}
	}
	for _, m := range in.out.Made {
		of(m.Name, m.Apply, "column")
	}
	for _, e := range effects(&in.out) {
		var may []string
		if len(in.out.Needs) > 0 {
			may = in.out.Needs[0]
		}
		of(e, may, "the effect")
	}
}

// result is what a program gave for rows.
type result struct {
	rows []int32 // of the table: those without an error
	out  []batch.Column
}

// program holds a program to the laws, and gives what it makes of the rows.
func (s *suite) program(in *instance, g program.Graph) (res result, ok bool) {
	s.guard(Reads, func() { s.declared(in, g) })
	if len(s.broken) > in.before {
		return res, false
	}
	want := outputs(&in.out)
	g = g.Narrow(want)
	t := in.in[0]
	if res, ok = s.whole(in, &g, t); !ok {
		return res, false
	}
	rows := mem.Table{Schema: t.Schema, Batch: t.Take(nil, res.rows)}
	cols, err := columns(&g, rows.Schema, rows.Batch)
	if err != nil {
		s.breaks(Reads, "%v", err)
		return res, false
	}
	for _, try := range []func(){
		func() { s.promised(in, &g, res) },
		func() { s.stored(&g, cols, rows.N, res) },
		func() { s.untouched(&g, cols, rows.N) },
		func() { s.freed(&g, cols, rows.N, res) },
		func() { s.pieces(&g, rows, res) },
		func() { s.laid(Nulls, &g, cols, rows.N, res, false, true) },
		func() { s.laid(Layout, &g, cols, rows.N, res, true, false) },
		func() { s.single(&g, cols, rows.N, res) },
		func() { s.pruned(in, &g, res) },
	} {
		if try(); len(s.broken) > in.before {
			return res, false
		}
	}
	return res, true
}

// whole runs the program on all rows; rows that give an error are left out, once their row form gives one too.
func (s *suite) whole(in *instance, g *program.Graph, t mem.Table) (res result, ok bool) {
	res.rows = every(t.N)
	f := g.Frame()
	for {
		b := t.Take(nil, res.rows)
		cols, err := columns(g, t.Schema, b)
		if err != nil {
			s.breaks(Reads, "%v", err)
			return res, false
		}
		if !s.guard(Promise, func() { res.out, err = g.Batch(nil, b.N, cols) }) {
			return res, false
		}
		if err == nil {
			for i := range res.out { // own memory: outputs may share that of the inputs
				res.out[i] = res.out[i].Clone()
			}
			return res, true
		}
		var r *program.RowError
		if !errors.As(err, &r) || r.Row < 0 || r.Row >= b.N {
			s.breaks(Promise, "an error about rows names none of %d: %v", b.N, err)
			return res, false
		}
		if in.shown {
			s.breaks(Example, "row %d: %v", r.Row, err)
			return res, false
		}
		set(g, f, cols, r.Row)
		if g.Row(f) == nil {
			s.breaks(RowForm, "row %d is an error in a batch (%v) and none by itself", r.Row, err)
			return res, false
		}
		res.rows = slices.Delete(res.rows, r.Row, r.Row+1)
	}
}

func set(g *program.Graph, f *program.Frame, cols []batch.Column, i int) {
	for j, p := range g.In {
		f.SetRow(p.Slot, &cols[j], i)
	}
}

// promised holds the outputs to their declaration.
func (s *suite) promised(in *instance, g *program.Graph, res result) {
	gone := func(int) bool { return false } // a row that is dropped may hold anything
	if j := slices.IndexFunc(g.Out, func(p program.Port) bool { return p.Name == in.out.Keep }); j >= 0 {
		if keep := &res.out[j]; keep.Type == batch.T(batch.Bool) {
			gone = func(i int) bool { return keep.Null(i) || !keep.Bit(i) }
		}
	}
	for j, p := range g.Out {
		c := &res.out[j]
		want, null := batch.T(batch.Int64), p.Name == in.out.Keep || p.Name == in.out.Times
		if p.Name == in.out.Keep {
			want = batch.T(batch.Bool)
		}
		if k := slices.IndexFunc(in.out.Made, func(m operators.Made) bool { return m.Name == p.Name }); k >= 0 {
			want, null = in.out.Made[k].Type, in.out.Made[k].Nullable
		}
		if c.Type != want || g.Types[p.Slot] != want {
			s.breaks(Promise, "%q is %s, said to be %s", p.Name, c.Type, want)
			return
		}
		if c.N != len(res.rows) {
			s.breaks(Promise, "%q has %d rows of %d", p.Name, c.N, len(res.rows))
			return
		}
		for i := range c.N {
			if c.Null(i) && !null && !gone(i) {
				s.breaks(Promise, "%q is null in row %d, said never to be", p.Name, i)
				return
			}
		}
		if p.Name == in.out.Tag && in.out.Splits {
			for i, v := range c.Int64s() {
				if !gone(i) && (v < 0 || v > 2 || !in.out.PartsOut.Has(batch.Part(v))) {
					s.breaks(Promise, "row %d goes to part %d, which is not said to be there", i, v)
					return
				}
			}
		}
	}
}

// equal compares outputs with what they should be.
func (s *suite) equal(law Law, g *program.Graph, got []batch.Column, want result, lo int, how string) {
	for j, p := range g.Out {
		for i := range got[j].N {
			if !same(&got[j], i, &want.out[j], lo+i) {
				s.breaks(law, "%s: %q of row %d is %s, not %s", how, p.Name, lo+i, operators.FormatValue(&got[j], i), operators.FormatValue(&want.out[j], lo+i))
				return
			}
		}
	}
}

func (s *suite) stored(g *program.Graph, cols []batch.Column, n int, want result) {
	first := g.Marshal()
	h, err := program.Unmarshal(first)
	if err != nil {
		s.breaks(Restore, "a stored program cannot be read: %v", err)
		return
	}
	if !bytes.Equal(first, h.Marshal()) {
		s.breaks(Restore, "a program that was read back is stored as other bytes")
		return
	}
	got, err := h.Batch(nil, n, cols)
	if err != nil {
		s.breaks(Restore, "a stored program fails: %v", err)
		return
	}
	s.equal(Restore, g, got, want, 0, "after it was stored")
	s.corrupt(Restore, first, func(b []byte) ([]byte, error) {
		g, err := program.Unmarshal(b)
		if err != nil {
			return nil, err
		}
		return g.Marshal(), nil
	})
}

func (s *suite) untouched(g *program.Graph, cols []batch.Column, n int) {
	var own []batch.Column
	for _, c := range cols {
		own = append(own, mem.Place(nil, c, false, false))
	}
	before := sum(own)
	if _, err := g.Batch(nil, n, own); err != nil {
		s.breaks(Inputs, "a second run fails: %v", err)
		return
	}
	if sum(own) != before {
		s.breaks(Inputs, "the program changes its input")
	}
}

func (s *suite) freed(g *program.Graph, cols []batch.Column, n int, want result) {
	c := &batch.Ctx{Poison: true}
	for turn := range 3 {
		c.Alloc(turn * 1000) // so that the same columns come to lie elsewhere
		var own []batch.Column
		for _, col := range cols {
			own = append(own, mem.Place(c, col, false, false))
		}
		got, err := g.Batch(c, n, own)
		if err != nil {
			s.breaks(Arena, "run %d in an arena fails: %v", turn+1, err)
			return
		}
		for i := range got {
			got[i] = got[i].Clone()
		}
		c.Reset()
		s.equal(Arena, g, got, want, 0, "in an arena that is freed between runs")
	}
}

func (s *suite) pieces(g *program.Graph, rows mem.Table, want result) {
	for _, size := range []int{1, 7, 63, 64, 65} {
		for lo := 0; lo < rows.N; lo += size {
			b := rows.Take(nil, every(rows.N)[lo:min(rows.N, lo+size)])
			cols, err := columns(g, rows.Schema, b)
			if err == nil {
				var got []batch.Column
				if got, err = g.Batch(nil, b.N, cols); err == nil {
					s.equal(Cuts, g, got, want, lo, "in a batch of its own")
					continue
				}
			}
			s.breaks(Cuts, "rows from %d on, %d of them: %v", lo, b.N, err)
			return
		}
	}
}

func (s *suite) laid(law Law, g *program.Graph, cols []batch.Column, n int, want result, coded, garbage bool) {
	var own []batch.Column
	for _, c := range cols {
		own = append(own, mem.Place(nil, c, coded, garbage))
	}
	var got []batch.Column
	var err error
	s.guard(law, func() { got, err = g.Batch(nil, n, own) })
	if err != nil {
		s.breaks(law, "the program fails: %v", err)
		return
	}
	how := "with other bytes under the nulls"
	if coded {
		how = "with text coded by a dictionary"
	}
	s.equal(law, g, got, want, 0, how)
}

func (s *suite) single(g *program.Graph, cols []batch.Column, n int, want result) {
	f := g.Frame()
	for i := range n {
		set(g, f, cols, i)
		if err := g.Row(f); err != nil {
			s.breaks(RowForm, "row %d fails by itself: %v", i, err)
			return
		}
		for j, p := range g.Out {
			if got := inFrame(f, p.Slot, &want.out[j]); !same(&got, 0, &want.out[j], i) {
				s.breaks(RowForm, "%q of row %d is %s by itself, %s in a batch", p.Name, i, operators.FormatValue(&got, 0), operators.FormatValue(&want.out[j], i))
				return
			}
		}
	}
}

// pruner is an operator that says of rows, by the bounds of their columns, that it keeps none and fails for none.
type pruner interface {
	Never(s operators.Site) func(bounds func(col string) (batch.Bounds, bool)) bool
}

func (s *suite) pruned(in *instance, g *program.Graph, res result) {
	p, ok := in.op.(pruner)
	k := slices.IndexFunc(g.Out, func(p program.Port) bool { return p.Name == in.out.Keep })
	if !ok || k < 0 {
		return
	}
	t, keep, never := in.in[0], &res.out[k], p.Never(in.site)
	stays := make([]bool, t.N) // or fails
	for i := range stays {
		stays[i] = true
	}
	for j, i := range res.rows {
		stays[i] = !keep.Null(j) && keep.Bit(j)
	}
	for _, size := range []int{1, 2, 3, 5, 9, 20} {
		for lo := 0; lo+size <= t.N; lo++ {
			never := never(func(col string) (batch.Bounds, bool) {
				j := t.Index(col)
				if j < 0 {
					return batch.Bounds{}, false
				}
				return mem.Bounds(t.Cols[j], lo, lo+size)
			})
			if at := slices.Index(stays[lo:lo+size], true); never && at >= 0 {
				s.breaks(Prune, "rows %d to %d would not be read, and row %d stays or fails", lo, lo+size-1, lo+at)
				return
			}
		}
	}
}
