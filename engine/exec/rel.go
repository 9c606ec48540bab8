package exec

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync/atomic"

	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/kernels/reduce"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/rel"
)

// table makes the rows of a relational node.
func (x *Exec) table(ctx context.Context, n *plan.Node) (err error) {
	st := x.opt.Progress.Stage("table", labels([]*plan.Node{n}), x.total(Base(n.In[0])))
	defer func() { st.Done(err) }()
	in := make([]rows, len(n.In))
	refs := make([]rel.Node, len(n.In))
	for i, from := range n.In {
		in[i], refs[i] = &nodeRows{x, from, relColumns(n, i), st}, rel.In{I: i}
	}
	return inStep(n, Guard(func() error {
		t, err := x.relate(ctx, n, n.Op.(operators.Rel).Lower(n.Site, refs), in)
		x.tables[n] = t
		return err
	}))
}

// relate makes the table that a relational node states. Where the step's only: leaves rows alone, those are taken aside before.
func (x *Exec) relate(ctx context.Context, n *plan.Node, r rel.Node, in []rows) (*Table, error) {
	if n.Only == 0 || n.Only == batch.AllRows {
		switch r := r.(type) {
		case rel.Aggregate:
			if from, ok := r.From.(rel.In); ok {
				return x.aggregateRows(ctx, in[from.I], r)
			}
		case rel.Sort:
			if from, ok := r.From.(rel.In); ok {
				return x.sort(ctx, in[from.I], r.By)
			}
		case rel.Window:
			if from, ok := r.From.(rel.In); ok {
				return x.window(ctx, in[from.I], r)
			}
		case rel.Join:
			l, ok := r.L.(rel.In)
			q, also := r.R.(rel.In)
			if ok && also {
				return x.hashJoin(ctx, r, in[l.I], in[q.I])
			}
		case rel.AsOf:
			l, ok := r.L.(rel.In)
			q, also := r.R.(rel.In)
			if ok && also {
				return x.asOf(ctx, r, in[l.I], in[q.I])
			}
		}
	}
	return x.relateWhole(ctx, n, r, in)
}

// relateWhole makes a table with all rows of its inputs in memory.
func (x *Exec) relateWhole(ctx context.Context, n *plan.Node, r rel.Node, in []rows) (*Table, error) {
	whole := make([]frame, len(in))
	for i, from := range in {
		b, err := x.gather(ctx, from, n.In[i])
		if err != nil {
			return nil, err
		}
		whole[i] = frame{from.names(), b}
	}
	var aside *frame // rows that only: leaves alone
	if n.Only != 0 && n.Only != batch.AllRows {
		b := whole[0].Rows
		out := pick(nil, b, func(i int) bool { return !n.Only.Has(b.PartAt(i)) })
		whole[0].Rows = pick(nil, b, func(i int) bool { return n.Only.Has(b.PartAt(i)) })
		aside = &frame{whole[0].Cols, out}
	}
	t, err := relate(r, whole)
	if err != nil {
		return nil, err
	}
	if aside != nil {
		both, err := concat([]batch.Batch{t.Rows, aside.Rows})
		if err != nil {
			return nil, err
		}
		if renumbers(r) { // what is left alone comes behind
			both.ID = batch.IDs{}
		} else if both.N > 0 {
			if both, err = x.inOrder([]batch.Batch{both}, n.In[0], whole[0].Cols); err != nil {
				return nil, err
			}
		}
		t.Rows = both
	}
	return x.keep(t)
}

// gather gives rows in canonical order, each column in one piece.
func (x *Exec) gather(ctx context.Context, from rows, n *plan.Node) (batch.Batch, error) {
	parts := make([][]batch.Batch, x.opt.Workers)
	var held atomic.Int64
	err := from.each(ctx, from.names(), func(w int, _ *batch.Ctx, b batch.Batch) error {
		b = b.Clone()
		parts[w] = append(parts[w], b)
		return x.grant(held.Add(b.Bytes()))
	})
	if err != nil {
		return batch.Batch{}, err
	}
	return x.inOrder(slices.Concat(parts...), n, from.names())
}

// keep makes a table of rows in canonical order.
func (x *Exec) keep(f frame) (*Table, error) {
	b := x.build(f.Cols, false)
	for lo := 0; lo < f.Rows.N; lo += blockRows {
		if err := b.add(f.Rows.Slice(nil, lo, min(f.Rows.N, lo+blockRows)), true); err != nil {
			return nil, err
		}
	}
	return &b.t, nil
}

// frame is rows in memory, each column in one piece.
type frame struct {
	Cols []string
	Rows batch.Batch
}

// renumbers says whether the rows of a relational node have new identities.
func renumbers(r rel.Node) bool {
	switch r := r.(type) {
	case rel.In:
		return false
	case rel.Distinct:
		return renumbers(r.From)
	case rel.AsOf:
		return renumbers(r.L)
	}
	return true
}

// concat puts rows behind one another. Text that does not fit into one column is the data's fault.
func concat(parts []batch.Batch) (batch.Batch, error) {
	all, err := batch.ConcatBatches(nil, parts)
	if err != nil {
		err = &operators.ErrData{Err: err}
	}
	return all, err
}

// relate runs a relational node. Batches are in canonical order, columns by name.
func relate(r rel.Node, in []frame) (frame, error) {
	switch r := r.(type) {
	case rel.In:
		return in[r.I], nil
	case rel.Sort:
		t, err := relate(r.From, in)
		if err != nil {
			return t, err
		}
		return sortRows(t, r.By), nil
	case rel.Distinct:
		t, err := relate(r.From, in)
		if err != nil {
			return t, err
		}
		return distinct(t, r.By, r.Last), nil
	case rel.Join:
		l, q, err := relateBoth(r.L, r.R, in)
		if err != nil {
			return l, err
		}
		return joinRows(l, q, r)
	case rel.AsOf:
		l, q, err := relateBoth(r.L, r.R, in)
		if err != nil {
			return l, err
		}
		return asOfWhole(l, q, r), nil
	case rel.Aggregate:
		t, err := relate(r.From, in)
		if err != nil {
			return t, err
		}
		return aggregate(t, r)
	case rel.Union:
		return union(r, in)
	}
	panic(fmt.Sprintf("exec: no relational node %T", r))
}

func relateBoth(left, right rel.Node, in []frame) (l, r frame, err error) {
	if l, err = relate(left, in); err == nil {
		r, err = relate(right, in)
	}
	return l, r, err
}

func (t *frame) column(name string) *batch.Column {
	i := slices.Index(t.Cols, name)
	if i < 0 {
		panic("exec: table has no column " + name)
	}
	return &t.Rows.Cols[i]
}

// comparer compares rows of a column: numbers, NaN behind them; text by bytes. Nulls are the caller's.
func comparer(c *batch.Column) func(i, j int32) int {
	switch c.Type.Kind {
	case batch.Bool:
		return func(i, j int32) int { return cmp.Compare(b2i(c.Bit(int(i))), b2i(c.Bit(int(j)))) }
	case batch.Int32, batch.Date:
		v := c.Int32s()
		return func(i, j int32) int { return cmp.Compare(v[i], v[j]) }
	case batch.Int64, batch.Timestamp, batch.Decimal:
		v := c.Int64s()
		return func(i, j int32) int { return cmp.Compare(v[i], v[j]) }
	case batch.Float32:
		v := c.Float32s()
		return func(i, j int32) int { return compareFloats(float64(v[i]), float64(v[j])) }
	case batch.Float64:
		v := c.Float64s()
		return func(i, j int32) int { return compareFloats(v[i], v[j]) }
	case batch.String, batch.Bytes:
		return func(i, j int32) int { return bytes.Compare(c.Text(int(i)), c.Text(int(j))) }
	}
	panic("exec: " + c.Type.String() + " has no order")
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareFloats(a, b float64) int {
	switch an, bn := a != a, b != b; {
	case an && bn:
		return 0
	case an:
		return 1
	case bn:
		return -1
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func sortRows(t frame, by []rel.Key) frame {
	idx := make([]int32, t.Rows.N)
	for i := range idx {
		idx[i] = int32(i)
	}
	type key struct {
		c    *batch.Column
		less func(i, j int32) int
		rel.Key
	}
	var keys []key
	for _, k := range by {
		c := t.column(k.Column)
		keys = append(keys, key{c, comparer(c), k})
	}
	slices.SortFunc(idx, func(i, j int32) int {
		for _, k := range keys {
			in, jn := k.c.Null(int(i)), k.c.Null(int(j))
			d := 0
			switch {
			case in && jn:
				continue
			case in != jn:
				if d = -1; in != k.NullsFirst {
					d = 1
				}
				return d
			default:
				d = k.less(i, j)
			}
			if d != 0 {
				if k.Descending {
					d = -d
				}
				return d
			}
		}
		return cmp.Compare(i, j) // rows are in canonical order
	})
	t.Rows = t.Rows.Take(nil, idx)
	t.Rows.ID = batch.IDs{}
	return t
}

// groupCodes numbers the distinct values of columns in the order of their first rows. A null is a value; -0 is 0, NaN is NaN.
func groupCodes(t *frame, by []string) (codes []int32, groups int) {
	var h hash.Table
	codes = make([]int32, t.Rows.N)
	cols := t.columns(by)
	var key []byte
	for i := range codes {
		key, _ = appendKeys(key[:0], cols, i)
		codes[i] = h.Insert(key)
	}
	return codes, h.Len()
}

func (t *frame) columns(names []string) (cols []*batch.Column) {
	for _, c := range names {
		cols = append(cols, t.column(c))
	}
	return cols
}

// appendKeys encodes the values of a row's columns; null says that one of them is.
func appendKeys(key []byte, cols []*batch.Column, i int) (_ []byte, null bool) {
	for _, c := range cols {
		var none bool
		key, none = appendKey(key, c, i)
		null = null || none
	}
	return key, null
}

// appendKey encodes a value so that equal values, of whatever width, are equal bytes, and no value is a prefix of another.
func appendKey(b []byte, c *batch.Column, i int) (key []byte, null bool) {
	if c.Null(i) {
		return append(b, 0), true
	}
	num := func(v int64) ([]byte, bool) { return binary.LittleEndian.AppendUint64(append(b, 1), uint64(v)), false }
	real := func(v float64) ([]byte, bool) {
		if v == 0 {
			v = 0
		}
		if v != v {
			v = math.NaN()
		}
		return binary.LittleEndian.AppendUint64(append(b, 2), math.Float64bits(v)), false
	}
	switch c.Type.Kind {
	case batch.Bool:
		return num(int64(b2i(c.Bit(i))))
	case batch.Int32, batch.Date:
		return num(int64(c.Int32s()[i]))
	case batch.Int64, batch.Timestamp, batch.Decimal:
		return num(c.Int64s()[i])
	case batch.Float32:
		return real(float64(c.Float32s()[i]))
	case batch.Float64:
		return real(c.Float64s()[i])
	}
	s := c.Text(i)
	return append(binary.AppendUvarint(append(b, 3), uint64(len(s))), s...), false
}

func distinct(t frame, by []string, last bool) frame {
	codes, groups := groupCodes(&t, by)
	at := make([]int32, groups)
	for i := range at {
		at[i] = -1
	}
	for i, g := range codes {
		if at[g] < 0 || last {
			at[g] = int32(i)
		}
	}
	slices.Sort(at)
	t.Rows = t.Rows.Take(nil, at)
	return t
}

func joinRows(l, r frame, j rel.Join) (frame, error) {
	var h hash.Table
	rows := [][]int32{}
	var key []byte
	var null bool
	on := r.columns(j.ROn)
	for i := range r.Rows.N {
		if key, null = appendKeys(key[:0], on, i); null {
			continue
		}
		g := int(h.Insert(key))
		if g == len(rows) {
			rows = append(rows, nil)
		}
		rows[g] = append(rows[g], int32(i))
	}
	var li, ri []int32
	met := make([]bool, len(rows))
	on = l.columns(j.LOn)
	for i := range l.Rows.N {
		g := int32(-1)
		if key, null = appendKeys(key[:0], on, i); !null {
			g = h.Find(key)
		}
		if g >= 0 {
			met[g] = true
			for _, k := range rows[g] {
				li, ri = append(li, int32(i)), append(ri, k)
			}
		} else if j.How == rel.Left || j.How == rel.Full {
			li, ri = append(li, int32(i)), append(ri, -1)
		}
	}
	out := frame{slices.Clone(l.Cols), l.Rows.Take(nil, li)}
	for _, c := range slices.Sorted(maps.Keys(j.Take)) {
		out.put(j.Take[c], r.column(c).Take(nil, ri)) // of no row: null
	}
	out.Rows.ID = batch.IDs{}
	if j.How != rel.Right && j.How != rel.Full {
		return out, nil
	}
	var rest []int32
	on = r.columns(j.ROn)
	for i := range r.Rows.N {
		if key, null = appendKeys(key[:0], on, i); null || !met[h.Find(key)] {
			rest = append(rest, int32(i))
		}
	}
	tail := frame{slices.Clone(r.Cols), r.Rows.Take(nil, rest)}
	none := make([]int32, len(rest))
	for i := range none {
		none[i] = -1
	}
	b := tail.Rows
	b.Cols = nil
	for _, c := range out.Cols {
		if k := slices.Index(j.LOn, c); k >= 0 {
			b.Cols = append(b.Cols, *tail.column(j.ROn[k]))
		} else if slices.Contains(l.Cols, c) {
			b.Cols = append(b.Cols, l.column(c).Take(nil, none))
		} else {
			for from, to := range j.Take {
				if to == c {
					b.Cols = append(b.Cols, *tail.column(from))
				}
			}
		}
	}
	var err error
	first := out.Rows.N
	out.Rows, err = concat([]batch.Batch{out.Rows, b})
	out.Rows.ID = batch.IDs{}
	if b.Key == nil && out.Rows.Key != nil {
		for i := first; i < out.Rows.N; i++ {
			out.Rows.Key[i] = uint64(i) // what has no key of its own has its number
		}
	}
	return out, err
}

// asOfWhole looks at every right row with a left row's keys.
func asOfWhole(l, r frame, n rel.AsOf) frame {
	var h hash.Table
	rows := [][]int32{}
	var key []byte
	var null bool
	times, by := r.column(n.RTime), r.columns(n.RBy)
	for i := range r.Rows.N {
		if key, null = appendKeys(key[:0], by, i); null || !isTime(times, i) {
			continue
		}
		g := int(h.Insert(key))
		if g == len(rows) {
			rows = append(rows, nil)
		}
		rows[g] = append(rows[g], int32(i))
	}
	li, ri := []int32{}, []int32{}
	lefts, by := l.column(n.LTime), l.columns(n.LBy)
	for i := range l.Rows.N {
		at := int32(-1)
		if key, null = appendKeys(key[:0], by, i); !null && isTime(lefts, i) {
			if g := h.Find(key); g >= 0 {
				at = nearestTime(lefts, i, times, rows[g], n)
			}
		}
		if at >= 0 || !n.Inner {
			li, ri = append(li, int32(i)), append(ri, at)
		}
	}
	out := frame{l.Cols, l.Rows.Take(nil, li)}
	for _, c := range slices.Sorted(maps.Keys(n.Take)) {
		out.put(n.Take[c], r.column(c).Take(nil, ri))
	}
	return out
}

func isTime(c *batch.Column, i int) bool {
	return !c.Null(i) && (!c.Type.Float() || !math.IsNaN((*batch.Ctx)(nil).Floats(*c)[i]))
}

// nearestTime is the one of rows that an as-of join gives the left row i; rows are in the order of identities.
func nearestTime(l *batch.Column, i int, r *batch.Column, rows []int32, n rel.AsOf) int32 {
	if l.Type.Float() {
		x, times := (*batch.Ctx)(nil).Floats(*l), (*batch.Ctx)(nil).Floats(*r)
		far := func(a, b float64) bool { return n.Bounded && a != b && math.Abs(a-b) > n.Span }
		return nearest(x[i], func(k int32) float64 { return times[k] }, rows, n, far, func(a, b, c float64) bool { return math.Abs(c-b) < math.Abs(a-b) })
	}
	times := integers(r)
	between := func(a, b int64) uint64 { return uint64(max(a, b)) - uint64(min(a, b)) }
	far := func(a, b int64) bool { return n.Bounded && between(a, b) > n.Ticks }
	return nearest(integers(l)(i), func(k int32) int64 { return times(int(k)) }, rows, n, far, func(a, b, c int64) bool { return between(c, b) < between(a, b) })
}

// nearest is the row whose time is nearest to x; nearer says whether c is nearer to b than a is.
func nearest[T int64 | float64](x T, time func(int32) T, rows []int32, n rel.AsOf, far func(a, b T) bool, nearer func(a, b, c T) bool) int32 {
	before, after := int32(-1), int32(-1)
	for _, k := range rows {
		t := time(k)
		if n.Strict && t == x {
			continue
		}
		if t <= x && (before < 0 || t >= time(before)) {
			before = k
		}
		if t >= x && (after < 0 || t <= time(after)) {
			after = k
		}
	}
	at := before
	switch {
	case n.Direction == rel.Forward:
		at = after
	case n.Direction == rel.Nearest && after >= 0 && (before < 0 || time(before) != x && nearer(time(before), x, time(after))):
		at = after
	}
	if at >= 0 && far(time(at), x) {
		return -1
	}
	return at
}

func (t *frame) put(name string, c batch.Column) {
	t.Rows.Cols = slices.Clone(t.Rows.Cols)
	if i := slices.Index(t.Cols, name); i >= 0 {
		t.Rows.Cols[i] = c
		return
	}
	t.Cols, t.Rows.Cols = append(slices.Clone(t.Cols), name), append(t.Rows.Cols, c)
}

func union(r rel.Union, in []frame) (frame, error) {
	var out frame
	var parts []batch.Batch
	tables := make([]frame, len(r.From))
	for k, from := range r.From {
		t, err := relate(from, in)
		if err != nil {
			return t, err
		}
		if tables[k] = t; k == 0 {
			out.Cols = slices.Clone(t.Cols)
		}
		// a column that only the cut of valid rows reads is there in one of them
		out.Cols = slices.DeleteFunc(out.Cols, func(c string) bool { return !slices.Contains(t.Cols, c) })
	}
	for k, t := range tables {
		b := t.Rows
		b.Cols = nil
		for _, c := range out.Cols {
			b.Cols = append(b.Cols, *t.column(c))
		}
		b.ID, b.Key = batch.IDs{}, nil
		b.Part = make([]uint8, b.N)
		for i := range b.Part {
			b.Part[i] = uint8(r.Parts[k])
		}
		if r.Parts[k] == batch.Train && r.ValidShare > 0 {
			if err := cutValid(&b, t, r); err != nil {
				return t, err
			}
		}
		parts = append(parts, b)
	}
	var err error
	out.Rows, err = concat(parts)
	out.Rows.ID = batch.IDs{}
	return out, err
}

// cutValid makes a share of the train rows valid, by a hash of what they hold.
func cutValid(b *batch.Batch, t frame, r rel.Union) error {
	var in []program.Named
	var cols []batch.Column
	for _, c := range r.By {
		col := t.column(c)
		in, cols = append(in, program.Named{Name: c, Type: col.Type}), append(cols, *col)
	}
	i64 := batch.T(batch.Int64)
	g := program.One(&program.HashPart{Seed: r.Seed, Cut: []float64{r.ValidShare}}, in, []program.Named{{Name: "key", Type: i64}, {Name: "part", Type: i64}})
	ports := make([]batch.Column, len(g.In))
	for i, p := range g.In {
		ports[i] = cols[slices.Index(r.By, p.Name)]
	}
	got, err := g.Batch(nil, b.N, ports)
	if err != nil {
		return err
	}
	for i, v := range got[1].Int64s() {
		if v == 0 {
			b.Part[i] = uint8(batch.Valid)
		}
	}
	return nil
}

// aggregate groups by hash; sums of floats are exact, so that the order of rows is no matter.
func aggregate(t frame, r rel.Aggregate) (frame, error) {
	codes, groups := groupCodes(&t, r.By)
	if len(r.By) == 0 {
		groups = 1
	}
	first := make([]int32, groups)
	for i := range first {
		first[i] = -1
	}
	for i, g := range codes {
		if first[g] < 0 {
			first[g] = int32(i)
		}
	}
	out := frame{}
	out.Rows.N = groups
	for _, c := range r.By {
		out.put(c, canonicalFloats(t.column(c).Take(nil, first)))
	}
	for _, a := range r.Aggs {
		c, err := aggregateOne(&t, a, codes, groups)
		if err != nil {
			return out, fmt.Errorf("%s of %s: %w", a.Func, a.Of, err)
		}
		out.put(a.Name, c)
	}
	return out, nil
}

func aggregateOne(t *frame, a rel.Agg, codes []int32, groups int) (batch.Column, error) {
	n := make([]int64, groups)
	if a.Of == "" {
		for _, g := range codes {
			n[g]++
		}
		return batch.OfInt64s(n), nil
	}
	c := t.column(a.Of)
	for i, g := range codes {
		if !c.Null(i) {
			n[g]++
		}
	}
	none, any := make([]bool, groups), false
	for g := range none {
		none[g] = n[g] == 0
		any = any || none[g]
	}
	done := func(o batch.Column) (batch.Column, error) {
		if any {
			o = o.WithNulls(none)
		}
		return o, nil
	}
	switch a.Func {
	case rel.Count:
		return batch.OfInt64s(n), nil
	case rel.CountDistinct:
		var h hash.Table
		var key []byte
		clear(n)
		for i, g := range codes {
			if c.Null(i) {
				continue
			}
			key, _ = appendKey(binary.LittleEndian.AppendUint32(key[:0], uint32(g)), c, i)
			if k := h.Len(); int(h.Insert(key)) == k {
				n[g]++
			}
		}
		return batch.OfInt64s(n), nil
	case rel.First, rel.Last, rel.Min, rel.Max:
		at := make([]int32, groups)
		for i := range at {
			at[i] = -1
		}
		var less func(i, j int32) int
		if a.Func == rel.Min || a.Func == rel.Max {
			less = comparer(c)
		}
		for i, g := range codes {
			if c.Null(i) {
				continue
			}
			k := int32(i)
			if at[g] < 0 || a.Func == rel.Last || a.Func == rel.Min && less(k, at[g]) < 0 || a.Func == rel.Max && less(k, at[g]) > 0 {
				at[g] = k
			}
		}
		o := c.Take(nil, at) // of no value: null
		if a.Func == rel.Min || a.Func == rel.Max {
			o = canonicalFloats(o)
		}
		return o, nil
	case rel.Sum, rel.Mean:
		if summedAsInt(c.Type) {
			total, x := make([]reduce.SumInt, groups), integers(c)
			for i, g := range codes {
				if !c.Null(i) {
					total[g].Add(x(i))
				}
			}
			if a.Func == rel.Mean {
				return done(means(n, func(g int) float64 { return total[g].Float64() }))
			}
			sum := make([]int64, groups)
			for g := range sum {
				var ok bool
				if sum[g], ok = total[g].Int64(); !ok {
					return *c, &operators.ErrData{Err: errors.New("the sum overflows int64")}
				}
			}
			return done(batch.OfInt64s(sum))
		}
		// A sum a group, not exact.Groups: that has one window for all, so that a great value in one group would take the small ones
		// of another.
		e := make([]exact.Sum, groups)
		x := (*batch.Ctx)(nil).Floats(*c)
		for i, g := range codes {
			if !c.Null(i) {
				e[g].Add(x[i])
			}
		}
		v := make([]float64, groups)
		for g := range v {
			if v[g] = e[g].Value(); a.Func == rel.Mean && n[g] > 0 {
				v[g] /= float64(n[g])
			}
		}
		return done(batch.OfFloat64s(v))
	case rel.Quantile, rel.ApproxQuantile:
		return done(quantileOne(c, a, codes, groups))
	case rel.Var, rel.Std:
		m := make([]exact.Moments, groups)
		x := (*batch.Ctx)(nil).Floats(*c)
		for i, g := range codes {
			if !c.Null(i) {
				m[g].Add(x[i])
			}
		}
		v := make([]float64, groups)
		for g := range v {
			if _, v[g] = m[g].MeanVar(); a.Func == rel.Std {
				v[g] = math.Sqrt(v[g])
			}
		}
		return done(batch.OfFloat64s(v))
	}
	panic("exec: no aggregate " + a.Func.String())
}

// quantileOne sorts the values of every group.
func quantileOne(c *batch.Column, a rel.Agg, codes []int32, groups int) batch.Column {
	k := orderKeys(nil, c)
	if !c.Type.Temporal() {
		for i, v := range floatsOf(nil, c) {
			k[i] = radix.Float64Key(v)
		}
	}
	of := make([][]uint64, groups)
	for i, g := range codes {
		if !c.Null(i) {
			of[g] = append(of[g], k[i])
		}
	}
	out := make([]uint64, groups)
	for g, k := range of {
		if len(k) == 0 {
			continue
		}
		slices.Sort(k)
		lo, frac := ranks(a.Q, int64(len(k)))
		if a.Func == rel.Quantile {
			out[g] = between(c.Type, k[lo], k[min(int(lo)+1, len(k)-1)], frac)
			continue
		}
		same := func(x uint64) bool { return x>>bucketShift == k[lo]>>bucketShift }
		wide := slices.ContainsFunc(k, func(x uint64) bool { return same(x) && beyond(x) != 0 })
		out[g] = radix.Float64Key(middle(k[lo]>>bucketShift, wide))
	}
	return ofQuantileKeys(c.Type, out)
}

// canonicalFloats is the column with one zero and one NaN: which of those that are equal stands for them is not to show.
func canonicalFloats(c batch.Column) batch.Column {
	if !c.Type.Float() {
		return c
	}
	o := ofOrderKeys(c.Type, orderKeys(nil, &c))
	o.Valid = c.Valid
	return o
}

func integers(c *batch.Column) func(i int) int64 {
	switch c.Type.Kind {
	case batch.Bool:
		return func(i int) int64 { return int64(b2i(c.Bit(i))) }
	case batch.Int32, batch.Date:
		v := c.Int32s()
		return func(i int) int64 { return int64(v[i]) }
	}
	v := c.Int64s()
	return func(i int) int64 { return v[i] }
}
