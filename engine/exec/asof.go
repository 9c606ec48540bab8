package exec

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// An as-of join is made in three passes, as a window is.
//
// The first sorts the right rows, and of the left ones the keys and times alone, by keys and times. The runs of both sides are cut into
// ranges at the same places. The second takes the ranges, on every core: it orders the rows of both sides, goes through them, and sorts
// what it finds for the left ones by their identity. The third reads the left rows again, in canonical order, and lays the columns
// beside them. Both sorts go to disk where they must.
//
// Of right rows with equal keys and times a run keeps the last. So the rows beyond the ends of a range that can be the match of one in it
// are few: in each run the two next to it, of which one may have the very time of a row in the range.
const besideRange = 2

// asOf makes the table of the left rows with columns of their matches.
func (x *Exec) asOf(ctx context.Context, r rel.AsOf, l, q rows) (*Table, error) {
	j := &asOfRows{x: x, r: r, taken: slices.Sorted(maps.Keys(r.Take)), keys: len(r.LBy) + 1}
	j.kinds = q.types(j.taken)
	made, err := j.byIdentity(ctx, l, q)
	if err != nil {
		return nil, err
	}
	defer x.free(made)
	return x.lay(ctx, l, l.names(), made)
}

// asOfRows are what the left rows get, made as they are asked for, range by range.
type asOfRows struct {
	x     *Exec
	r     rel.AsOf
	taken []string     // right columns, sorted
	kinds []batch.Type // theirs
	keys  int          // columns of keys, the time last: the first of the sort's columns. Those that are taken are behind.
	m     *merging
}

// byIdentity is what the left rows get, in the order of their identities.
func (j *asOfRows) byIdentity(ctx context.Context, l, q rows) (*Table, error) {
	if err := j.sort(ctx, l, q); err != nil {
		return nil, err
	}
	defer j.m.free()
	m, err := j.x.runs(ctx, j, j.names(), nil, false)
	if err != nil {
		return nil, err
	}
	return m.table(ctx)
}

// sort sorts both sides and cuts them into ranges.
func (j *asOfRows) sort(ctx context.Context, l, q rows) error {
	left, right := slices.Concat(j.r.LBy, []string{j.r.LTime}), slices.Concat(j.r.RBy, []string{j.r.RTime})
	types, by := keyTypes(l.types(left), q.types(right)), make([]rel.Key, j.keys)
	for i, c := range right {
		by[i].Column = c
	}
	s := j.x.sorting(by, slices.Concat(right, j.taken), slices.Concat(types, j.kinds))
	s.at = upTo(j.keys)
	keyed := func(c *batch.Ctx, b batch.Batch) batch.Batch {
		b.Part, b.Key, b.Cols = nil, nil, slices.Clone(b.Cols)
		for i, t := range types {
			b.Cols[i] = widened(c, b.Cols[i], t)
		}
		return b
	}
	err := s.take(ctx, l, left, runMaker{width: j.keys}, keyed)
	if err == nil {
		err = s.take(ctx, q, s.names, runMaker{second: true, lasts: true}, func(c *batch.Ctx, b batch.Batch) batch.Batch {
			b = keyed(c, b)
			if gone := untimed(c, b.Cols[:j.keys]); gone != nil {
				return pick(c, b, func(i int) bool { return gone[i>>6]>>(i&63)&1 == 0 })
			}
			return b
		})
	}
	if err != nil {
		return err
	}
	if j.m, err = s.merge(false); err == nil {
		err = j.m.cut(ctx)
	}
	if err != nil {
		s.free()
	}
	return err
}

// widened is a column in the wider of two types of its kind.
func widened(c *batch.Ctx, col batch.Column, t batch.Type) batch.Column {
	switch {
	case col.Type.Width() == t.Width():
		return col
	case t.Float():
		o := batch.OfFloat64s(c.Floats(col))
		o.Valid = col.Valid
		return o
	}
	v := c.Int64s(col.N)
	for i, x := range col.Int32s() {
		v[i] = int64(x)
	}
	o := batch.OfInt64s(v)
	o.Valid = col.Valid
	return o
}

// untimed are the rows that match nothing: with a null among the keys, or no number for a time. nil: none.
func untimed(c *batch.Ctx, keys []batch.Column) []uint64 {
	time := &keys[len(keys)-1]
	out := c.Bitmap(time.N)
	some := anyNull(out, keys)
	if time.Type.Float() {
		for i, v := range c.Floats(*time) {
			if v != v {
				out[i>>6] |= 1 << (i & 63)
				some = true
			}
		}
	}
	if !some {
		return nil
	}
	return out
}

func (j *asOfRows) names() (names []string) {
	for _, c := range j.taken {
		names = append(names, j.r.Take[c])
	}
	if j.r.Inner {
		names = append(names, hitCol)
	}
	return names
}

func (j *asOfRows) types([]string) []batch.Type {
	if j.r.Inner {
		return append(slices.Clone(j.kinds), batch.T(batch.Bool))
	}
	return j.kinds
}

func (j *asOfRows) each(ctx context.Context, _ []string, take func(w int, c *batch.Ctx, b batch.Batch) error) error {
	return j.x.parallel(ctx, max(len(j.m.cuts)-1, 0), nil, func(w, i int) error {
		c, keys, taken := &j.x.ctxs[w].work, j.m.pool.Get().(*merger), j.m.pool.Get().(*merger)
		defer func() {
			c.Reset()
			j.m.pool.Put(keys)
			j.m.pool.Put(taken)
		}()
		b, err := j.matches(c, i, keys, taken)
		if err != nil || b.N == 0 {
			return err
		}
		return take(w, c, b)
	})
}

func (j *asOfRows) inOrder(context.Context, []string, func(b batch.Batch) error) error {
	panic("exec: what an as-of join finds comes range by range")
}

// matches gives what the left rows of range i get, in no order. It lies in c and in the mergers: one holds the keys of both sides, the
// right rows first, the other what is taken of those.
func (j *asOfRows) matches(c *batch.Ctx, i int, keys, taken *merger) (o batch.Batch, err error) {
	m, cols := j.m, upTo(len(j.m.s.types))
	key, rest := cols[:j.keys], cols[j.keys:]
	keys.reset(m, key)
	taken.reset(m, rest)
	from, to := m.cuts[i], m.cuts[i+1]
	lefts := 0
	for k, r := range m.s.runs {
		if !r.second {
			lefts += to[k] - from[k]
		}
	}
	if lefts == 0 {
		return o, nil
	}
	for k, r := range m.s.runs {
		if !r.second {
			continue
		}
		lo, hi := max(from[k]-besideRange, 0), min(to[k]+besideRange, r.n)
		if err := keys.pasteRun(m, r, key, key, lo, hi); err != nil {
			return o, err
		}
		if err := taken.pasteRun(m, r, rest, cols, lo, hi); err != nil {
			return o, err
		}
	}
	rights := keys.ids.n
	for k, r := range m.s.runs {
		if !r.second {
			if err := keys.pasteRun(m, r, key, key, from[k], to[k]); err != nil {
				return o, err
			}
		}
	}
	rows := keys.ids.rows()
	found := j.find(c, keys, keys.keysOf(m, key), &rows, rights)
	o = rows.Slice(c, rights, rows.N)
	for k, at := range rest {
		col := taken.column(m, k, at, false)
		o.Cols = append(o.Cols, col.Take(c, found))
	}
	if j.r.Inner {
		hit := make([]bool, len(found))
		for i, f := range found {
			hit[i] = f >= 0
		}
		o.Cols = append(o.Cols, batch.OfBools(hit))
	}
	return o, nil
}

// find finds the right row of each left one, -1 where there is none. Of rows, the first rights are right ones.
func (j *asOfRows) find(c *batch.Ctx, g *merger, cols []batch.Column, rows *batch.Batch, rights int) []int32 {
	t := j.ties(c, g, cols, rows)
	t.rights = rights
	at, apart := cols[j.keys-1], j.apart(c, &cols[j.keys-1])
	most := j.r.Ticks
	if at.Type.Float() {
		most = math.Float64bits(j.r.Span)
	}
	var found, ahead []int32
	if j.r.Direction != rel.Forward {
		found = t.walk(c, j.r.Strict, false)
	}
	if j.r.Direction != rel.Backward {
		ahead = t.walk(c, j.r.Strict, true)
	}
	if found == nil {
		found, ahead = ahead, nil
	}
	none := untimed(c, cols)
	for i, f := range found {
		row := rights + i
		if none != nil && none[row>>6]>>(row&63)&1 != 0 {
			found[i] = -1
			continue
		}
		if ahead != nil && ahead[i] >= 0 && (f < 0 || apart(row, int(ahead[i])) < apart(row, int(f))) {
			f = ahead[i]
		}
		if f >= 0 && j.r.Bounded && apart(row, int(f)) > most {
			f = -1
		}
		found[i] = f
	}
	return found
}

// apart says how far the times of two rows are apart, as a word: those of floats have the order that the floats have.
func (j *asOfRows) apart(c *batch.Ctx, time *batch.Column) func(a, b int) uint64 {
	if time.Type.Float() {
		v := c.Floats(*time)
		return func(a, b int) uint64 {
			if v[a] == v[b] {
				return 0 // infinities too
			}
			return math.Float64bits(math.Abs(v[a] - v[b]))
		}
	}
	v := integers(time)
	return func(a, b int) uint64 {
		x, y := v(a), v(b)
		return uint64(max(x, y)) - uint64(min(x, y))
	}
}

// ties are rows in order, those with equal keys and times together.
type ties struct {
	rows   []int32
	rights int     // rows below this are right ones
	starts []int32 // of each tie, in rows; then the end
	fresh  []bool  // a tie has other keys than the one before
}

func (j *asOfRows) ties(c *batch.Ctx, g *merger, cols []batch.Column, b *batch.Batch) *ties {
	by := j.m.s.by
	t := &ties{rows: g.order.order(by, cols, b.N, &b.ID), starts: c.Int32s(b.N + 1)[:0]}
	for i, r := range t.rows {
		if i > 0 && g.order.equal(t.rows[i-1], r) {
			continue
		}
		fresh := i == 0
		for k := 0; k < j.keys-1 && !fresh; k++ {
			fresh = compareCells(by[k], &cols[k], int(t.rows[i-1]), &cols[k], int(r)) != 0
		}
		t.starts, t.fresh = append(t.starts, int32(i)), append(t.fresh, fresh)
	}
	t.starts = append(t.starts, int32(b.N))
	return t
}

// walk gives each left row the last right one of its tie or, if there is none or strict is set, of the nearest tie before; behind, where
// ahead is set.
func (t *ties) walk(c *batch.Ctx, strict, ahead bool) []int32 {
	found := c.Int32s(len(t.rows) - t.rights)
	before := int32(-1)
	for i := range t.fresh {
		k, fresh := i, t.fresh[i]
		if ahead {
			k = len(t.fresh) - 1 - i
			fresh = i == 0 || t.fresh[k+1]
		}
		if fresh {
			before = -1
		}
		tie, last := t.rows[t.starts[k]:t.starts[k+1]], int32(-1)
		for _, r := range tie {
			if int(r) < t.rights {
				last = r
			}
		}
		match := before
		if last >= 0 && !strict {
			match = last
		}
		for _, r := range tie {
			if int(r) >= t.rights {
				found[int(r)-t.rights] = match
			}
		}
		if last >= 0 {
			before = last
		}
	}
	return found
}
