package exec

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// A window is made in three passes. The first sorts what the window reads, by groups and keys, and not what the rows carry besides. The
// second goes through the sorted rows in order, computes the columns, and sorts those by identity. The third reads the rows again, in
// canonical order, and lays the columns beside them. Both sorts go to disk where they must.

// window makes the table of rows with columns of a window.
func (x *Exec) window(ctx context.Context, from rows, w rel.Window) (*Table, error) {
	made, err := x.near(ctx, from, w)
	if err != nil {
		return nil, err
	}
	defer x.free(made)
	var cols []string
	for _, c := range from.names() {
		if !slices.ContainsFunc(w.Columns, func(n rel.Near) bool { return n.Name == c }) {
			cols = append(cols, c)
		}
	}
	return x.lay(ctx, from, cols, made)
}

// hitCol is a column of a table that is laid beside rows: where it is false they go.
const hitCol = "@hit"

// lay makes the table of rows, with the columns cols, and the columns of a table of as many rows beside them.
func (x *Exec) lay(ctx context.Context, from rows, cols []string, made *Table) (*Table, error) {
	names := slices.Concat(cols, made.Cols)
	hit := slices.Index(names, hitCol)
	if hit >= 0 {
		names = slices.Delete(names, hit, hit+1)
	}
	b := x.build(names, false)
	side := newBeside(x, made)
	err := from.inOrder(ctx, cols, func(r batch.Batch) error {
		more, err := side.next(r.N)
		if err != nil {
			return err
		}
		r.Cols = slices.Concat(r.Cols, more)
		if hit >= 0 {
			stays := r.Cols[hit]
			r.Cols = slices.Delete(r.Cols, hit, hit+1)
			r = pick(&side.out, r, stays.Bit)
		}
		return b.add(r, false)
	})
	if err != nil {
		x.free(&b.t)
		return nil, err
	}
	return &b.t, nil
}

// beside reads the rows of a table a few at a time.
type beside struct {
	t     *Table
	at    []int
	c     batch.Ctx
	out   batch.Ctx
	rows  batch.Batch
	block int // block
	used  int // rows of the last block
}

func newBeside(x *Exec, t *Table) *beside {
	return &beside{t: t, at: upTo(len(t.Cols)), c: batch.Ctx{Poison: x.opt.Poison}, out: batch.Ctx{Poison: x.opt.Poison}}
}

// next gives the columns of the next n rows. They live until the next call.
func (s *beside) next(n int) ([]batch.Column, error) {
	s.out.Reset()
	var parts []batch.Batch
	for n > 0 {
		if s.used == s.rows.N {
			if s.block == len(s.t.blocks) {
				return nil, errors.New("internal error: there are more rows than columns beside them")
			}
			for i := range parts { // what they hold lies in c
				parts[i] = parts[i].Clone()
			}
			s.c.Reset()
			var err error
			if s.rows, err = s.t.read(&s.c, s.block, s.at); err != nil {
				return nil, err
			}
			s.block, s.used = s.block+1, 0
			continue
		}
		k := min(n, s.rows.N-s.used)
		parts = append(parts, s.rows.Slice(&s.out, s.used, s.used+k))
		s.used, n = s.used+k, n-k
	}
	all, err := batch.ConcatBatches(&s.out, parts)
	return all.Cols, err
}

// near is the columns of a window, in the order of identities.
func (x *Exec) near(ctx context.Context, from rows, w rel.Window) (*Table, error) {
	var names []string
	add := func(c string) {
		if c != "" && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	var by []rel.Key
	for _, c := range w.By {
		by = append(by, rel.Key{Column: c})
		add(c)
	}
	for _, k := range w.Order {
		if !slices.Contains(w.By, k.Column) { // else all rows of a group have one value of it
			by = append(by, k)
			add(k.Column)
		}
	}
	for _, c := range w.Columns {
		add(c.Of)
	}
	m, err := x.runs(ctx, from, names, by, false)
	if err != nil {
		return nil, err
	}
	sorted, err := m.table(ctx)
	if err != nil {
		return nil, err
	}
	defer x.free(sorted)
	made := &nearRows{x: x, sorted: sorted, w: w, by: by, kinds: from.types(names)}
	if m, err = x.runs(ctx, made, made.names(), nil, false); err != nil {
		return nil, err
	}
	return m.table(ctx)
}

// nearRows are the columns of a window, made as they are asked for, in the order of the window.
type nearRows struct {
	x      *Exec
	sorted *Table
	w      rel.Window
	by     []rel.Key
	kinds  []batch.Type // of the sorted rows
}

func (r *nearRows) names() (names []string) {
	for _, c := range r.w.Columns {
		names = append(names, c.Name)
	}
	return names
}

func (r *nearRows) types([]string) (t []batch.Type) {
	for _, c := range r.w.Columns {
		t = append(t, c.Type)
	}
	return t
}

func (r *nearRows) each(ctx context.Context, _ []string, take func(w int, c *batch.Ctx, b batch.Batch) error) error {
	s := r.sliding()
	c := &batch.Ctx{Poison: r.x.opt.Poison}
	give := func(b batch.Batch, last bool) error {
		defer c.Reset()
		o, err := s.add(c, &b, last)
		if err != nil || o.N == 0 {
			return err
		}
		return take(0, c, o)
	}
	t := newTurns(r.x.opt.Workers, func(b batch.Batch) error { return give(b, false) })
	err := r.x.eachMorsel(ctx, r.sorted, r.sorted.Cols, t, func(w int, _ *batch.Ctx, b batch.Batch) error { return t.put(w, b) })
	if err != nil {
		return err
	}
	return give(batch.Batch{Cols: emptyColumns(r.kinds)}, true)
}

func emptyColumns(types []batch.Type) (cols []batch.Column) {
	for _, t := range types {
		cols = append(cols, (*batch.Ctx)(nil).New(t, 0))
	}
	return cols
}

func (r *nearRows) inOrder(context.Context, []string, func(b batch.Batch) error) error {
	panic("exec: the columns of a window come in the order of the window")
}

// sliding computes the columns of a window from rows that come in its order. It holds as many rows as a column looks back or ahead.
type sliding struct {
	w           rel.Window
	names       []string
	types       []batch.Type
	by          []rel.Key // of groups, then of ranks
	groups      int       // how many of them are of groups
	at          []int     // of the keys, in names
	back, ahead int
	held        batch.Batch // rows that were given, then those that wait
	given       int
	number      int64 // of the last row that was given, in its group
	rank        int64
	paste       [2]merger // held lies in one of them
	which       int
}

func (r *nearRows) sliding() *sliding {
	s := &sliding{w: r.w, names: r.sorted.Cols, types: r.kinds, by: r.by, groups: len(r.w.By), back: 1}
	for _, c := range r.w.Columns {
		switch c.Func {
		case rel.Lead:
			s.ahead = max(s.ahead, c.K)
		case rel.Lag:
			s.back = max(s.back, c.K)
		default:
			s.back = max(s.back, c.K-1)
		}
	}
	for _, k := range s.by {
		s.at = append(s.at, slices.Index(s.names, k.Column))
	}
	s.held = batch.Batch{Cols: emptyColumns(s.types)}
	return s
}

// add takes rows, and gives the columns of those that can be computed now: of all where no more come.
func (s *sliding) add(c *batch.Ctx, b *batch.Batch, last bool) (o batch.Batch, err error) {
	from := max(s.given-s.back, 0)
	s.which = 1 - s.which
	g := &s.paste[s.which]
	for len(g.cols) < len(s.types) {
		g.cols = append(g.cols, pasting{})
	}
	g.ids.reset()
	g.ids.add(&s.held, from, s.held.N)
	g.ids.add(b, 0, b.N)
	all := g.ids.rows()
	for j, t := range s.types {
		g.cols[j].reset(t)
		if err = g.cols[j].add(&s.held.Cols[j], from, s.held.N, nil, nil); err == nil {
			err = g.cols[j].add(&b.Cols[j], 0, b.N, nil, nil)
		}
		if err != nil {
			return o, err
		}
		all.Cols = append(all.Cols, g.cols[j].column())
	}
	s.held, s.given = all, s.given-from
	end := max(all.N-s.ahead, s.given)
	if last {
		end = all.N
	}
	if end == s.given {
		return o, nil
	}
	at := s.bounds(c)
	lo := s.given
	o.N = end - lo
	o.ID.Ordinals = all.ID.Ordinals[lo:end]
	if all.ID.Copies != nil {
		o.ID.Copies = all.ID.Copies[lo:end]
	}
	for _, n := range s.w.Columns {
		col, err := s.column(c, n, at, lo, end)
		if err != nil {
			return o, fmt.Errorf("column %q: %w", n.Name, err)
		}
		o.Cols = append(o.Cols, col)
	}
	s.given, s.number, s.rank = end, at.number[end-1], at.rank[end-1]
	return o, nil
}

// spans says of each held row where its group begins, as far as that is held, and of each that waits its number and rank in it.
type spans struct {
	begin        []int32
	number, rank []int64
}

func (s *sliding) bounds(c *batch.Ctx) spans {
	n := s.held.N
	o := spans{c.Int32s(n), c.Int64s(n), c.Int64s(n)}
	number, rank, begin := s.number, s.rank, int32(0)
	for i := range n {
		fresh := i == 0 || !s.same(i, 0, s.groups)
		if fresh {
			begin = int32(i)
		}
		o.begin[i] = begin
		if i < s.given {
			continue
		}
		switch {
		case fresh:
			number, rank = 0, 1
		case !s.same(i, s.groups, len(s.by)):
			rank = number + 1
		}
		number++
		o.number[i], o.rank[i] = number, rank
	}
	return o
}

// same says whether a held row is equal to the one before in the keys lo <= k < hi.
func (s *sliding) same(i, lo, hi int) bool {
	for k := lo; k < hi; k++ {
		c := &s.held.Cols[s.at[k]]
		if compareCells(s.by[k], c, i-1, c, i) != 0 {
			return false
		}
	}
	return true
}

// column computes a column of the rows lo <= i < hi.
func (s *sliding) column(c *batch.Ctx, n rel.Near, o spans, lo, hi int) (batch.Column, error) {
	switch n.Func {
	case rel.Rank:
		return batch.OfInt64s(o.rank[lo:hi]), nil
	case rel.RowNumber:
		return batch.OfInt64s(o.number[lo:hi]), nil
	}
	col := &s.held.Cols[slices.Index(s.names, n.Of)]
	idx := c.Int32s(hi - lo)
	switch n.Func {
	case rel.Lag, rel.Lead:
		off := -n.K
		if n.Func == rel.Lead {
			off = n.K
		}
		for i := lo; i < hi; i++ {
			at := i + off
			if at < int(o.begin[i]) || at >= s.held.N || o.begin[at] != o.begin[i] {
				at = -1
			}
			idx[i-lo] = int32(at)
		}
		return col.Take(c, idx), nil
	case rel.NearMin, rel.NearMax:
		nearExtremes(idx, col, o.begin, n, lo)
		return col.Take(c, idx), nil
	}
	if n.Func == rel.NearSum && n.Type.Kind == batch.Int64 {
		return sumsOfInts(c, col, o.begin, n.K, lo, hi)
	}
	return sumsOfFloats(c, col, o.begin, n, lo, hi), nil
}

// window is where the window of row i begins.
func windowOf(begin []int32, i, k int) int { return max(int(begin[i]), i-k+1) }

// nearExtremes gives the place of the least or greatest value of each window, the first of several, -1 where there is none. A queue holds
// the places that can still become it, in their order: a value behind them that is beyond them puts them out.
func nearExtremes(idx []int32, col *batch.Column, begin []int32, n rel.Near, lo int) {
	var queue []int32
	head := 0
	for i := windowOf(begin, lo, n.K); i < lo+len(idx); i++ {
		from := windowOf(begin, i, n.K)
		for head < len(queue) && int(queue[head]) < from {
			head++
		}
		if !col.Null(i) {
			for len(queue) > head {
				d := compareValue(col, i, col, int(queue[len(queue)-1]))
				if n.Func == rel.NearMax {
					d = -d
				}
				if d >= 0 {
					break
				}
				queue = queue[:len(queue)-1]
			}
			queue = append(queue, int32(i))
		}
		if i < lo {
			continue
		}
		if idx[i-lo] = -1; head < len(queue) {
			idx[i-lo] = queue[head]
		}
	}
}

// sumsOfInts adds what comes into the window and takes away what leaves it, in 128 bits.
func sumsOfInts(c *batch.Ctx, col *batch.Column, begin []int32, k, lo, hi int) (batch.Column, error) {
	value := integers(col)
	out, null := c.Int64s(hi-lo), make([]bool, hi-lo)
	var sum wide
	count, first := 0, windowOf(begin, lo, k)
	for i := first; i < hi; i++ {
		for from := windowOf(begin, i, k); first < from; first++ {
			if !col.Null(first) {
				sum, count = sum.less(value(first)), count-1
			}
		}
		if !col.Null(i) {
			sum, count = sum.plus(value(i)), count+1
		}
		if i < lo {
			continue
		}
		if out[i-lo], null[i-lo] = int64(sum.lo), count == 0; sum.hi != out[i-lo]>>63 {
			return *col, &operators.ErrData{Err: errors.New("the sum overflows int64")}
		}
	}
	return nulled(batch.OfInt64s(out), null), nil
}

func nulled(c batch.Column, null []bool) batch.Column {
	if !slices.Contains(null, true) {
		return c
	}
	return c.WithNulls(null)
}

// wide is an integer of 128 bits.
type wide struct {
	hi int64
	lo uint64
}

func (w wide) plus(v int64) wide {
	lo, carry := bits.Add64(w.lo, uint64(v), 0)
	return wide{w.hi + v>>63 + int64(carry), lo}
}

func (w wide) less(v int64) wide {
	lo, borrow := bits.Sub64(w.lo, uint64(v), 0)
	return wide{w.hi - v>>63 - int64(borrow), lo}
}

// fewValues are summed anew for each row.
const fewValues = 16

// sumsOfFloats gives the exact sum of each window, or the mean. What was added to an exact sum cannot be taken away, as it drops what is
// small beside the greatest value: windows of more than a few values are the sum of two halves. The earlier has a sum of each of its
// ends, made when the later, which only grows, becomes the earlier; so a row costs three additions, however wide the window.
func sumsOfFloats(c *batch.Ctx, col *batch.Column, begin []int32, n rel.Near, lo, hi int) batch.Column {
	x := c.Floats(*col)
	out, null := c.Float64s(hi-lo), make([]bool, hi-lo)
	var ends []exact.Sum // of the earlier half: from its row j on
	var later exact.Sum
	half, count, first := windowOf(begin, lo, n.K), 0, windowOf(begin, lo, n.K)
	start := half // of ends
	for i := half; i < hi; i++ {
		for from := windowOf(begin, i, n.K); first < from; first++ {
			if !col.Null(first) {
				count--
			}
		}
		if !col.Null(i) {
			count++
		}
		var sum exact.Sum
		if n.K <= fewValues {
			for j := first; j <= i && i >= lo; j++ {
				if !col.Null(j) {
					sum.Add(x[j])
				}
			}
		} else {
			if !col.Null(i) {
				later.Add(x[i])
			}
			if first >= half { // the earlier half is used up: the rows up to i become it
				ends, start, half = slices.Grow(ends[:0], i+1-first)[:i+1-first], first, i+1
				var s exact.Sum
				for j := i; j >= first; j-- {
					if !col.Null(j) {
						s.Add(x[j])
					}
					ends[j-first] = s
				}
				later = exact.Sum{}
			}
			sum = ends[first-start]
			sum.Merge(&later)
		}
		if i < lo {
			continue
		}
		v := sum.Value()
		if n.Func == rel.NearMean && count > 0 {
			v /= float64(count)
		}
		out[i-lo], null[i-lo] = v, count == 0
	}
	return nulled(batch.OfFloat64s(out), null)
}
