package exec

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/headrace/headrace/kernels/group"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// hashJoin pairs the rows of two inputs.
//
// The right rows are a table, and their keys an index that says where the rows of each key are. The left rows stream past it, on every
// core, in the order of their identities, so that nothing is held of them. Where the index of all right rows is more than the budget
// has, there is one of some of them after the other, and the left rows, put aside, are read once for each; what comes of them is then
// merged.
func (x *Exec) hashJoin(ctx context.Context, r rel.Join, l, q rows) (*Table, error) {
	j := &joining{x: x, r: r, l: l, q: q, cols: slices.Clone(l.names())}
	j.take = slices.Sorted(maps.Keys(r.Take))
	for _, c := range j.take {
		j.cols = append(j.cols, r.Take[c])
	}
	j.types = keyTypes(l.types(r.LOn), q.types(r.ROn))
	defer j.free()
	if err := j.gather(ctx); err != nil {
		return nil, err
	}
	out := x.build(j.cols, true)
	err := j.join(ctx, out)
	if err == nil && (r.How == rel.Right || r.How == rel.Full) {
		err = j.rest(ctx, out)
	}
	if err != nil {
		x.free(&out.t)
		return nil, err
	}
	return &out.t, nil
}

// keyTypes are the wider of the types of both sides.
func keyTypes(a, b []batch.Type) []batch.Type {
	out := slices.Clone(a)
	for i, t := range b {
		if t.Width() > a[i].Width() {
			out[i] = t
		}
	}
	return out
}

// joining is a join under way.
type joining struct {
	x     *Exec
	r     rel.Join
	l, q  rows
	cols  []string // of the output: the left ones, then those that are taken
	take  []string
	types []batch.Type // of the keys

	left    *Table // where the right rows are in several chunks
	right   *Table
	matched []uint64 // bits of the right rows that have a match
	met     *idSet   // left rows that have one, where the right rows are in several chunks
	parts   []*Table // what came of each chunk
}

func (j *joining) free() {
	for _, t := range []*Table{j.left, j.right} {
		if t != nil {
			j.x.free(t)
		}
	}
	for _, t := range j.parts {
		j.x.free(t)
	}
}

// gather makes a table of the right rows.
func (j *joining) gather(ctx context.Context) error {
	b := j.x.build(j.q.names(), false)
	j.right = &b.t
	err := j.q.inOrder(ctx, b.t.Cols, func(rows batch.Batch) error { return b.add(rows, false) })
	j.matched = make([]uint64, batch.Words(j.right.N))
	return err
}

// outer says whether left rows without a match are there.
func (j *joining) outer() bool { return j.r.How == rel.Left || j.r.How == rel.Full }

// join makes the pairs, and the left rows without one.
func (j *joining) join(ctx context.Context, out *building) error {
	chunks, err := j.chunks()
	if err != nil {
		return err
	}
	if len(chunks) == 1 {
		return j.chunk(ctx, chunks[0], j.outer(), out)
	}
	if err := j.aside(ctx); err != nil {
		return err
	}
	j.met = &idSet{}
	for _, c := range chunks {
		b := j.x.build(j.cols, false)
		j.parts = append(j.parts, &b.t)
		if err := j.chunk(ctx, c, false, b); err != nil {
			return err
		}
	}
	if j.outer() {
		b := j.x.build(j.cols, false)
		j.parts = append(j.parts, &b.t)
		if err := j.alone(ctx, b); err != nil {
			return err
		}
	}
	return j.merge(ctx, out)
}

// aside puts the left rows into a table, so that what makes them is not done again for every chunk.
func (j *joining) aside(ctx context.Context) error {
	names := j.l.names()
	b := j.x.build(names, false)
	j.left = &b.t
	err := j.l.inOrder(ctx, names, func(rows batch.Batch) error { return b.add(rows, false) })
	j.l = &tableRows{j.x, &b.t, j.l.types(names)}
	return err
}

// joinChunk is some blocks of the right table.
type joinChunk struct {
	from, to int // blocks
	row      int // the number of the first row
	rows     int
	bytes    int64 // taken from the budget
}

// chunks cuts the right table so that the index of each chunk has room.
func (j *joining) chunks() ([]joinChunk, error) {
	words := newKeys(j.types).words
	bytes := func(i int) int64 {
		b := &j.right.blocks[i]
		if b.at != nil {
			return b.at.Bytes + int64(b.n()*(8*words+48))
		}
		return b.rows.Bytes() + int64(b.n()*(8*words+48))
	}
	all := joinChunk{to: len(j.right.blocks), rows: j.right.N}
	for i := range j.right.blocks {
		all.bytes += bytes(i)
	}
	if j.x.opt.Memory.Try(all.bytes) {
		return []joinChunk{all}, nil
	}
	most := j.x.opt.Memory.Share(2, 1<<12, 1<<30)
	var out []joinChunk
	at := joinChunk{}
	for i := range j.right.blocks {
		at.to, at.rows, at.bytes = i+1, at.rows+j.right.blocks[i].n(), at.bytes+bytes(i)
		if at.bytes >= most || i == all.to-1 {
			row := at.row + at.rows
			at.bytes = 0 // it is taken or not: a chunk there must be
			out = append(out, at)
			at = joinChunk{from: i + 1, to: i + 1, row: row}
		}
	}
	return out, nil
}

// chunk pairs all left rows with the right rows of a chunk. Where outer is set, those without one come too.
func (j *joining) chunk(ctx context.Context, at joinChunk, outer bool, to *building) error {
	defer j.x.opt.Memory.Free(at.bytes)
	k, err := j.index(ctx, at)
	if err != nil {
		return err
	}
	probes := make([]*prober, j.x.opt.Workers)
	for w := range probes {
		probes[w] = &prober{j: j, k: k, keyer: k.keys.worker()}
	}
	cols := j.l.names()
	on := make([]int, len(j.r.LOn))
	for i, c := range j.r.LOn {
		on[i] = slices.Index(cols, c)
	}
	err = j.x.ordered(ctx, j.l, cols, func(w int, c *batch.Ctx, b batch.Batch) (batch.Batch, error) {
		return probes[w].probe(c, &b, on, outer)
	}, func(b batch.Batch) error { return to.add(b, false) })
	if err == nil {
		k.mark(j.matched, at.row)
	}
	return err
}

// joinIndex finds right rows by key.
type joinIndex struct {
	keys   *keys
	table  *group.Table
	starts []int32        // of each group, where its rows are in rows; nil: a group is a row
	rows   []int32        // by group
	cols   []batch.Column // that are taken, each in one piece
	hit    []uint32       // groups that have been found
}

// index makes the index of a chunk.
func (j *joining) index(ctx context.Context, at joinChunk) (*joinIndex, error) {
	cols, err := j.read(ctx, at)
	if err != nil {
		return nil, err
	}
	k := &joinIndex{keys: newKeys(j.types)}
	k.table = group.New(k.keys.words)
	on, taken := make([]batch.Column, len(j.r.ROn)), make([]batch.Column, len(j.take))
	for i, c := range j.r.ROn {
		on[i] = cols[slices.Index(j.right.Cols, c)]
	}
	for i, c := range j.take {
		taken[i] = cols[slices.Index(j.right.Cols, c)]
	}
	k.cols = taken
	groups := make([]int32, at.rows)
	const step = 4096
	s, kr := &batch.Ctx{}, k.keys.worker()
	words, hashes := make([]uint64, step*k.keys.words), make([]uint64, step)
	for lo := 0; lo < at.rows; lo += step {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		n := min(step, at.rows-lo)
		part := make([]batch.Column, len(on))
		for i := range on {
			part[i] = on[i].Slice(s, lo, lo+n)
		}
		kr.encode(words, part, n)
		hash.Rows(hashes[:n], words[:n*k.keys.words], k.keys.words)
		null := s.Bitmap(n)
		k.insert(groups[lo:lo+n], hashes, words, null, anyNull(null, part))
		s.Reset()
	}
	for i := range k.keys.fields {
		if t := k.keys.fields[i].names; t != nil {
			t.fixed = true
		}
	}
	k.list(groups)
	return k, nil
}

// insert numbers the keys of some rows; a key with a null has none.
func (k *joinIndex) insert(groups []int32, hashes, words, null []uint64, any bool) {
	n, w := len(groups), k.keys.words
	if !any {
		k.table.Insert(groups, hashes[:n], words[:n*w])
		return
	}
	for i := range groups {
		if null[i>>6]>>(i&63)&1 != 0 {
			groups[i] = -1
			continue
		}
		k.table.Insert(groups[i:i+1], hashes[i:i+1], words[i*w:i*w+w])
	}
}

// list lists the rows of each group, in their order.
func (k *joinIndex) list(groups []int32) {
	n := k.table.Len()
	k.hit = make([]uint32, n)
	if n == len(groups) {
		return
	}
	k.starts = make([]int32, n+1)
	for _, g := range groups {
		if g >= 0 {
			k.starts[g+1]++
		}
	}
	for g := range n {
		k.starts[g+1] += k.starts[g]
	}
	k.rows = make([]int32, k.starts[n])
	next := slices.Clone(k.starts[:n])
	for i, g := range groups {
		if g >= 0 {
			k.rows[next[g]] = int32(i)
			next[g]++
		}
	}
}

// mark sets the bits of the right rows that were found; the first row of the chunk has number row.
func (k *joinIndex) mark(matched []uint64, row int) {
	for g, hit := range k.hit {
		switch {
		case hit == 0:
		case k.starts == nil:
			matched[(row+g)>>6] |= 1 << ((row + g) & 63)
		default:
			for _, i := range k.rows[k.starts[g]:k.starts[g+1]] {
				at := row + int(i)
				matched[at>>6] |= 1 << (at & 63)
			}
		}
	}
}

// read gives the columns of a chunk, each in one piece, in Go memory.
func (j *joining) read(ctx context.Context, at joinChunk) ([]batch.Column, error) {
	index, err := j.right.index(j.right.Cols)
	if err != nil {
		return nil, err
	}
	var parts []batch.Batch
	for i := at.from; i < at.to; i++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		b, err := j.right.read(nil, i, index)
		if err != nil {
			return nil, err
		}
		b.ID, b.Part, b.Key = batch.IDs{}, nil, nil
		parts = append(parts, b)
	}
	if len(parts) == 0 {
		var cols []batch.Column
		for _, t := range j.q.types(j.right.Cols) {
			cols = append(cols, (*batch.Ctx)(nil).New(t, 0))
		}
		return cols, nil
	}
	all, err := concat(parts)
	return all.Cols, err
}

// prober looks left rows up for one worker.
type prober struct {
	j      *joining
	k      *joinIndex
	keyer  *keyer
	words  []uint64
	hashes []uint64
	groups []int32
}

// probe gives the pairs of some left rows, with their identities.
func (p *prober) probe(c *batch.Ctx, b *batch.Batch, on []int, outer bool) (batch.Batch, error) {
	n, w := b.N, p.k.keys.words
	if cap(p.hashes) < n {
		p.words, p.hashes, p.groups = make([]uint64, n*w), make([]uint64, n), make([]int32, n)
	}
	keys := make([]batch.Column, len(on))
	for i, at := range on {
		keys[i] = b.Cols[at]
	}
	groups := p.groups[:n]
	p.keyer.encode(p.words[:n*w], keys, n)
	hash.Rows(p.hashes[:n], p.words[:n*w], w)
	p.k.table.Find(groups, p.hashes[:n], p.words[:n*w])
	if null := c.Bitmap(n); anyNull(null, keys) {
		for i := range groups {
			if null[i>>6]>>(i&63)&1 != 0 {
				groups[i] = -1
			}
		}
	}
	left, right, all := p.pairs(c, groups, b, outer)
	o := *b
	o.Cols = slices.Clone(b.Cols)
	if !all {
		o = b.Take(c, left)
	}
	for i := range p.k.cols {
		o.Cols = append(o.Cols, p.k.cols[i].Take(c, right))
	}
	return o, nil
}

// pairs gives the rows of each pair. Where all is set, the left ones are every row once, and not listed.
func (p *prober) pairs(c *batch.Ctx, groups []int32, b *batch.Batch, outer bool) (left, right []int32, all bool) {
	k := p.k
	total := 0
	for i, g := range groups {
		switch {
		case g < 0:
			if outer {
				total++
			}
			continue
		case k.starts == nil:
			total++
		default:
			total += int(k.starts[g+1] - k.starts[g])
		}
		if p.j.met != nil {
			p.j.met.add(b.ID.At(i), b.ID.Copies != nil)
		}
		if atomic.LoadUint32(&k.hit[g]) == 0 {
			atomic.StoreUint32(&k.hit[g], 1)
		}
	}
	if k.starts == nil && total == len(groups) {
		return nil, groups, true
	}
	left, right = c.Int32s(total), c.Int32s(total)
	at := 0
	for i, g := range groups {
		switch {
		case g < 0:
			if outer {
				left[at], right[at] = int32(i), -1
				at++
			}
		case k.starts == nil:
			left[at], right[at] = int32(i), g
			at++
		default:
			for _, r := range k.rows[k.starts[g]:k.starts[g+1]] {
				left[at], right[at] = int32(i), r
				at++
			}
		}
	}
	return left, right, false
}

// alone gives the left rows that no chunk has a match for.
func (j *joining) alone(ctx context.Context, to *building) error {
	j.met.finish()
	types := j.q.types(j.take)
	return j.x.ordered(ctx, j.l, j.l.names(), func(_ int, c *batch.Ctx, b batch.Batch) (batch.Batch, error) {
		b = pick(c, b, func(i int) bool { return !j.met.has(b.ID.At(i)) })
		b.Cols = slices.Clone(b.Cols)
		for _, t := range types {
			b.Cols = append(b.Cols, noValues(c, t, b.N))
		}
		return b, nil
	}, func(b batch.Batch) error { return to.add(b, false) })
}

// noValues is a column of nulls.
func noValues(c *batch.Ctx, t batch.Type, n int) batch.Column {
	none := c.Int32s(n)
	for i := range none {
		none[i] = -1
	}
	return (*batch.Ctx)(nil).New(t, 0).Take(c, none)
}

// rest gives the right rows without a match: the keys stand in the columns of the left ones.
func (j *joining) rest(ctx context.Context, to *building) error {
	index, err := j.right.index(j.right.Cols)
	if err != nil {
		return err
	}
	names, row := j.l.names(), 0
	types := j.l.types(names)
	c := &batch.Ctx{Poison: j.x.opt.Poison}
	for i := range j.right.blocks {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, err := j.right.read(c, i, index)
		if err != nil {
			return err
		}
		first := row
		row += b.N
		b = pick(c, b, func(i int) bool { return j.matched[(first+i)>>6]>>((first+i)&63)&1 == 0 })
		o := b
		o.Cols = nil
		for k, name := range names {
			if on := slices.Index(j.r.LOn, name); on >= 0 {
				o.Cols = append(o.Cols, b.Cols[slices.Index(j.right.Cols, j.r.ROn[on])])
			} else {
				o.Cols = append(o.Cols, noValues(c, types[k], b.N))
			}
		}
		for _, name := range j.take {
			o.Cols = append(o.Cols, b.Cols[slices.Index(j.right.Cols, name)])
		}
		if err := to.add(o, false); err != nil {
			return err
		}
		c.Reset()
	}
	return nil
}

// ordered makes other rows of rows, on any worker, and gives them in the order of those.
func (x *Exec) ordered(ctx context.Context, from rows, cols []string, do func(w int, c *batch.Ctx, b batch.Batch) (batch.Batch, error), give func(batch.Batch) error) error {
	t := newTurns(x.opt.Workers, give)
	take := func(w int, c *batch.Ctx, b batch.Batch) error {
		if b.N == 0 {
			return nil
		}
		o, err := do(w, c, b)
		if err != nil || o.N == 0 {
			return err
		}
		return t.put(w, o)
	}
	if r, ok := from.(*nodeRows); ok {
		return x.scan(ctx, Base(r.n), []want{{r.n, cols, &sink{take: take}}}, r.st, t)
	}
	return x.eachMorsel(ctx, from.(*tableRows).t, cols, t, take)
}
