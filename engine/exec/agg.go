package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/headrace/headrace/kernels/group"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// Aggregation, by size of what it holds:
//
//	in memory   every worker has a table of the groups that it met and folds by group; at the end the workers' groups are put
//	            together, in as many parts of the hashes as there are workers, and ordered by their least identities
//	on disk     where the budget is used up before the end, the rows that matter (keys, inputs of aggregates, identities) are cut by
//	            a hash of the keys into files, and each part is aggregated by itself, cut again where it must be; parts come out
//	            ordered by identity and are merged
//
// count_distinct is an aggregation of an aggregation: the distinct (keys, value), counted by keys. Exact quantiles of few
// groups read the rows again (quant.go).

// aggregation is one rel.Aggregate over some rows.
type aggregation struct {
	x     *Exec
	by    []string
	aggs  []rel.Agg
	cols  []string // that are read: the keys, then the inputs of the aggregates
	types []batch.Type
	depth int // how often the rows have been cut
	// few says that quantiles are made of sketches, as there are few groups with many values.
	few bool
	met int // how many groups a worker had met when the budget was used up
}

// fewGroups is up to how many groups quantiles are made of sketches where all values do not fit: cutting rows by their keys would leave
// as many in a part.
const fewGroups = 64

// aggregateRows makes the table of an aggregation.
func (x *Exec) aggregateRows(ctx context.Context, in rows, r rel.Aggregate) (*Table, error) {
	by := slices.Clone(r.By)
	var plain []rel.Agg
	var alone []apart
	for _, a := range r.Aggs {
		switch {
		case a.Func == rel.CountDistinct:
			alone = append(alone, x.countDistinct(in, by, a))
		default:
			plain = append(plain, a)
		}
	}
	t, err := x.aggregation(in, by, plain, 0).table(ctx, in)
	if err != nil || len(alone) == 0 {
		return t, err
	}
	return x.withApart(ctx, t, by, r.Aggs, alone)
}

func (x *Exec) aggregation(in rows, by []string, aggs []rel.Agg, depth int) *aggregation {
	a := &aggregation{x: x, by: by, aggs: aggs, depth: depth, cols: slices.Clone(by)}
	for _, g := range aggs {
		if g.Of != "" && !slices.Contains(a.cols, g.Of) {
			a.cols = append(a.cols, g.Of)
		}
	}
	a.types, a.few = in.types(a.cols), len(by) == 0
	return a
}

// errOver says that the budget is used up.
var errOver = errors.New("internal error: an aggregation is over its budget")

// aggregateBytes is what an aggregation holds without asking; cutsMax is how often its rows are cut at most. Tests set them.
var (
	aggregateBytes int64 = 1 << 20
	cutsMax              = 3
)

// aggregateError is what is wrong with an aggregate. Of several the first is told, wherever it is found.
type aggregateError struct {
	at int // of the aggregate
	error
}

func (e *aggregateError) Unwrap() error { return e.error }

// before gives the error that is told of two.
func before(a, b error) error {
	var p, q *aggregateError
	if a == nil || errors.As(a, &p) && errors.As(b, &q) && q.at < p.at {
		return b
	}
	return a
}

func (a *aggregation) table(ctx context.Context, in rows) (*Table, error) {
	parts, err := a.inMemory(ctx, in)
	if errors.Is(err, errOver) {
		if !a.few && a.met <= fewGroups && slices.ContainsFunc(a.aggs, func(g rel.Agg) bool { return g.Func == rel.Quantile }) {
			a.few = true
			return a.table(ctx, in)
		}
		return a.onDisk(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	return a.ordered(ctx, parts)
}

// inMemory gives the groups of all rows, in parts.
func (a *aggregation) inMemory(ctx context.Context, in rows) (parts []*grouping, err error) {
	k := newKeys(a.types[:len(a.by)])
	workers := make([]*grouping, a.x.opt.Workers)
	defer func() {
		if err != nil {
			a.met = 0
			for _, g := range workers {
				if g != nil {
					a.met = max(a.met, g.count)
				}
				g.free()
			}
		}
	}()
	if len(a.by) == 0 {
		workers[0] = a.grouping(k) // of no rows there is a group too
	}
	var over atomic.Bool
	err = in.each(ctx, a.cols, func(w int, c *batch.Ctx, b batch.Batch) error {
		if over.Load() {
			return errOver
		}
		if workers[w] == nil {
			workers[w] = a.grouping(k)
		}
		workers[w].add(c, &b)
		if !workers[w].granted() {
			over.Store(true)
			return errOver
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	workers = slices.DeleteFunc(workers, func(g *grouping) bool { return g == nil })
	parts, err = a.merge(ctx, k, workers)
	for _, g := range parts {
		if err == nil {
			err = a.exactQuantiles(ctx, in, g)
		}
	}
	return parts, err
}

// grouping is the groups that a worker met, or those of a part of the hashes.
type grouping struct {
	a      *aggregation
	keyer  *keyer
	table  *group.Table
	direct []int32 // by dense key: its group + 1
	count  int
	first  []uint64 // the ordinals of the least identities, and their copies where there are any
	copies []uint32
	last   uint64 // the greatest ordinal so far, where rows come in their order
	some   bool   // there were rows
	folds  []fold
	inputs []int // of each fold its column in cols, -1: none
	uses   []use // of each aggregate
	held   int64
	made   map[int]batch.Column // of aggregates that were made after the rows were read

	// scratch
	of           []int32
	keys, hashes []uint64
}

// use is which folds an aggregate is made of.
type use struct{ rows, nulls, fold int }

func (a *aggregation) grouping(k *keys) *grouping {
	g := &grouping{a: a, keyer: k.worker(), table: group.New(k.words)}
	for _, agg := range a.aggs {
		g.uses = append(g.uses, g.use(agg))
	}
	if len(a.by) == 0 {
		g.count = 1
		g.grow()
	}
	return g
}

// use finds or makes the folds of an aggregate.
func (g *grouping) use(a rel.Agg) use {
	u := use{nulls: -1, fold: -1}
	u.rows = foldOf(g, -1, func(*counts) bool { return true }, func() *counts { return &counts{} })
	if a.Of == "" {
		return u
	}
	col := slices.Index(g.a.cols, a.Of)
	t := g.a.types[col]
	u.nulls = foldOf(g, col, func(*nulls) bool { return true }, func() *nulls { return &nulls{} })
	switch a.Func {
	case rel.Sum, rel.Mean:
		if summedAsInt(t) {
			u.fold = foldOf(g, col, func(*intSums) bool { return true }, func() *intSums { return &intSums{} })
		} else {
			u.fold = foldOf(g, col, func(*floatSums) bool { return true }, func() *floatSums { return &floatSums{keyless: len(g.a.by) == 0} })
		}
	case rel.Var, rel.Std:
		u.fold = foldOf(g, col, func(*moments) bool { return true }, func() *moments { return &moments{} })
	case rel.Min, rel.Max:
		if t.Text() {
			sign := 1
			if a.Func == rel.Max {
				sign = -1
			}
			u.fold = foldOf(g, col, func(f *textExtreme) bool { return f.sign == sign }, func() *textExtreme { return &textExtreme{sign: sign} })
			break
		}
		u.fold = foldOf(g, col, func(*extremes) bool { return true }, func() *extremes { return &extremes{} })
		f := g.folds[u.fold].(*extremes)
		f.least, f.most = f.least || a.Func == rel.Min, f.most || a.Func == rel.Max
	case rel.First, rel.Last:
		last := a.Func == rel.Last
		u.fold = foldOf(g, col, func(f *ends) bool { return f.last == last }, func() *ends {
			f := &ends{last: last}
			if t.Text() {
				f.text = &bestTexts{}
			}
			return f
		})
	case rel.Quantile:
		if !g.a.few {
			u.fold = foldOf(g, col, func(*allKeys) bool { return true }, func() *allKeys { return &allKeys{} })
			break
		}
		fallthrough
	case rel.ApproxQuantile:
		u.fold = foldOf(g, col, func(*sketches) bool { return true }, func() *sketches { return newSketches(len(g.a.by) == 0) })
	}
	return u
}

// summedAsInt says whether sums of a type are made of integers.
func summedAsInt(t batch.Type) bool {
	return t.Kind == batch.Bool || t.Integer()
}

// foldOf finds the fold of a column, or makes it.
func foldOf[F fold](g *grouping, col int, fits func(F) bool, make func() F) int {
	for i, f := range g.folds {
		if f, ok := f.(F); ok && g.inputs[i] == col && fits(f) {
			return i
		}
	}
	g.folds, g.inputs = append(g.folds, make()), append(g.inputs, col)
	return len(g.folds) - 1
}

func (g *grouping) grow() {
	for _, f := range g.folds {
		f.grow(g.count)
	}
}

// add takes the rows of a batch.
func (g *grouping) add(c *batch.Ctx, b *batch.Batch) {
	if b.N == 0 {
		return
	}
	var of []int32
	if len(g.a.by) > 0 {
		of = g.number(b)
	}
	for i, f := range g.folds {
		var col *batch.Column
		if k := g.inputs[i]; k >= 0 {
			col = &b.Cols[k]
		}
		f.add(c, of, b, col)
	}
}

// number gives the group of each row of a batch.
func (g *grouping) number(b *batch.Batch) []int32 {
	n, w := b.N, g.keyer.words
	g.keys = slices.Grow(g.keys[:0], n*w)[:n*w]
	g.of = slices.Grow(g.of[:0], n)[:n]
	g.keyer.encode(g.keys, b.Cols[:len(g.a.by)], n)
	before := g.count
	if g.keyer.dense() < 0 || !g.numberDense() {
		g.hashes = slices.Grow(g.hashes[:0], n)[:n]
		hash.Rows(g.hashes, g.keys, w)
		g.table.Insert(g.of, g.hashes, g.keys)
		g.count = g.table.Len()
	}
	if g.count > before {
		g.grow()
	}
	g.identities(b, before)
	return g.of
}

// denseMax is the greatest dense key that has a place in direct.
const denseMax = 1 << 16

// numberDense numbers keys that are small numbers without hashing them. It says whether they were.
func (g *grouping) numberDense() bool {
	direct := g.direct
	for i, k := range g.keys {
		if k >= uint64(len(direct)) {
			if k > denseMax {
				return false
			}
			g.direct = maxed(g.direct, max(int(k)+1, 2*len(direct)), 0)
			direct = g.direct
		}
		at := direct[k]
		if at == 0 {
			var one [1]int32
			var h [1]uint64
			hash.Rows(h[:], g.keys[i:i+1], 1)
			g.table.Insert(one[:], h[:], g.keys[i:i+1])
			at = one[0] + 1
			direct[k] = at
			g.count = g.table.Len()
		}
		g.of[i] = at - 1
	}
	return true
}

// identities keeps the least identity of each group. Where rows come in their order, as they nearly always do, only the first row of a
// new group counts, and new groups are numbered in the order of their first rows.
func (g *grouping) identities(b *batch.Batch, before int) {
	if b.ID.Copies == nil && g.copies == nil && g.rising(b) {
		for i := 0; len(g.first) < g.count; i++ {
			if int(g.of[i]) == len(g.first) {
				g.first = append(g.first, b.ID.At(i).Ordinal)
			}
		}
		return
	}
	if b.ID.Copies != nil && g.copies == nil {
		g.copies = make([]uint32, len(g.first))
	}
	g.first = maxed(g.first, g.count, math.MaxUint64)
	if g.copies != nil {
		g.copies = maxed(g.copies, g.count, math.MaxUint32)
	}
	for i, k := range g.of {
		g.least(k, b.ID.At(i))
	}
}

func (g *grouping) least(k int32, id batch.ID) {
	if g.copies == nil {
		g.first[k] = min(g.first[k], id.Ordinal)
	} else if batch.Compare(id, g.identity(k)) < 0 {
		g.first[k], g.copies[k] = id.Ordinal, id.Copy
	}
}

func (g *grouping) identity(k int32) batch.ID {
	id := batch.ID{Ordinal: g.first[k]}
	if g.copies != nil {
		id.Copy = g.copies[k]
	}
	return id
}

// rising says whether the rows of a batch are in their order, and behind all before.
func (g *grouping) rising(b *batch.Batch) bool {
	from, o := b.ID.At(0).Ordinal, b.ID.Ordinals
	ok := !g.some || from > g.last
	for i := 1; i < len(o); i++ {
		ok = ok && o[i-1] < o[i]
	}
	if to := b.ID.At(b.N - 1).Ordinal; ok {
		g.last = to
	} else {
		g.last = math.MaxUint64 // from here on rows are compared
	}
	g.some = true
	return ok
}

func (g *grouping) bytes() int64 {
	n := g.table.Bytes() + g.keyer.bytes() + int64(8*cap(g.first)+4*cap(g.copies)+4*cap(g.direct))
	for _, f := range g.folds {
		n += f.bytes()
	}
	return n
}

// granted says whether the budget has what the groups hold.
func (g *grouping) granted() bool {
	// The texts of keys are all workers'; each asks for its share of them.
	// What putting the workers' groups together and ordering them takes is as much again.
	need := 2*(g.bytes()+g.keyer.keys.bytes()/int64(g.a.x.opt.Workers)) - aggregateBytes
	if need <= g.held || g.a.depth >= cutsMax || len(g.a.by) == 0 {
		return true
	}
	step := max(need-g.held, min(need/4, 16<<20))
	if !g.a.x.opt.Memory.Try(step) {
		return false
	}
	g.held += step
	return true
}

// free gives back what the groups hold.
func (g *grouping) free() {
	if g != nil {
		g.a.x.opt.Memory.Free(g.held)
		g.held = 0
	}
}

// partGroups is from how many groups on parts of the hashes are put together by workers of their own.
const partGroups = 1 << 14

// merge puts the groups of the workers together.
func (a *aggregation) merge(ctx context.Context, k *keys, from []*grouping) ([]*grouping, error) {
	total := 0
	for _, g := range from {
		total += g.count
	}
	switch {
	case len(from) <= 1:
		return from, nil
	case total < partGroups || len(a.by) == 0:
		slices.SortFunc(from, func(p, q *grouping) int { return cmp.Compare(q.count, p.count) })
		for _, o := range from[1:] {
			from[0].merge(o, 0, 1)
			o.free()
		}
		return from[:1], nil
	}
	parts := make([]*grouping, a.x.opt.Workers)
	err := a.x.parallel(ctx, len(parts), nil, func(_, p int) error {
		parts[p] = a.grouping(k)
		for _, o := range from {
			parts[p].merge(o, p, len(parts))
		}
		return nil
	})
	for _, o := range from {
		parts[0].held += o.held // what the parts hold now
		o.table, o.folds = nil, nil
	}
	return parts, err
}

// merge takes the groups of o whose hashes are in part p of n.
func (g *grouping) merge(o *grouping, p, n int) {
	at := make([]int32, o.count)
	if len(g.a.by) > 0 {
		g.take(o, at, uint64(p), uint64(n))
	}
	for i, f := range g.folds {
		f.merge(o.folds[i], at)
	}
}

func (g *grouping) take(o *grouping, at []int32, p, n uint64) {
	w := g.keyer.words
	if o.copies != nil && g.copies == nil {
		g.copies = make([]uint32, len(g.first))
	}
	var rows, of [1024]int32
	var hashes [1024]uint64
	keys := make([]uint64, len(rows)*w)
	for i := 0; i < o.count; {
		m := 0
		for ; i < o.count && m < len(rows); i++ {
			at[i] = -1
			if h := o.table.Hash(i); n == 1 || hash.Below(h, n) == p {
				rows[m], hashes[m] = int32(i), h
				copy(keys[m*w:], o.table.Key(i))
				m++
			}
		}
		g.table.Insert(of[:m], hashes[:m], keys[:m*w])
		g.count = g.table.Len()
		g.first = maxed(g.first, g.count, math.MaxUint64)
		if g.copies != nil {
			g.copies = maxed(g.copies, g.count, math.MaxUint32)
		}
		for j, r := range rows[:m] {
			at[r] = of[j]
			g.least(of[j], o.identity(r))
		}
	}
	g.grow()
}

// ordered makes a table of the groups of all parts, in the order of their least identities.
func (a *aggregation) ordered(ctx context.Context, parts []*grouping) (*Table, error) {
	defer func() {
		for _, g := range parts {
			g.free()
		}
	}()
	out, err := a.columns(parts)
	if err != nil {
		return nil, err
	}
	b, rows := a.building()
	n := out.N
	idx := order(parts, n)
	pieces := make([]batch.Batch, (n+rows-1)/rows)
	const ahead = 16 // pieces in the making, so that not all stand beside what they are made of
	for lo := 0; lo < len(pieces); lo += ahead {
		some := pieces[lo:min(len(pieces), lo+ahead)]
		err := a.x.parallel(ctx, len(some), nil, func(_, i int) error {
			at := idx[(lo+i)*rows : min(n, (lo+i+1)*rows)]
			some[i] = out.Take(nil, at)
			for j, c := range some[i].Cols { // a dictionary is not to be there once a piece
				if c.Dict != nil && (!b.anew || c.Dict.N > c.N) {
					some[i].Cols[j] = c.Plain(nil)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for i := range some {
			if err := b.add(some[i], true); err != nil {
				a.x.free(&b.t)
				return nil, err
			}
			some[i] = batch.Batch{}
		}
	}
	return &b.t, nil
}

func (a *aggregation) names() []string {
	names := slices.Clone(a.by)
	for _, g := range a.aggs {
		names = append(names, g.Name)
	}
	return names
}

// columns is the groups of all parts, one part behind the other.
func (a *aggregation) columns(parts []*grouping) (batch.Batch, error) {
	made := make([]batch.Batch, len(parts))
	var failed error
	for i, g := range parts {
		b, err := g.columns()
		if made[i] = b; err != nil {
			failed = before(failed, err)
		}
		g.table, g.folds, g.direct = nil, nil, nil
	}
	if failed != nil {
		return batch.Batch{}, failed
	}
	return concat(made)
}

// columns gives the keys and the aggregates of all groups, with their least identities.
func (g *grouping) columns() (batch.Batch, error) {
	b := batch.Batch{N: g.count, ID: batch.IDs{Ordinals: g.first, Copies: g.copies}}
	if len(g.a.by) == 0 {
		b.ID.Ordinals = make([]uint64, 1)
	}
	var err error
	if b.Cols, err = g.keyer.decode(g.table.Keys(), g.count); err != nil {
		return b, err
	}
	for i, a := range g.a.aggs {
		c, err := g.column(i, a, g.uses[i])
		if err != nil {
			return b, &aggregateError{i, fmt.Errorf("%s of %s: %w", a.Func, a.Of, err)}
		}
		b.Cols = append(b.Cols, c)
	}
	return b, nil
}

// order lists the groups of all parts by their least identities.
func order(parts []*grouping, n int) []int32 {
	ids := make([]uint64, 0, n)
	var copies []uint32
	for _, g := range parts {
		ids = append(ids, g.first...)
		if g.copies != nil {
			copies = maxed(copies, len(ids)-g.count, 0)
			copies = append(copies, g.copies...)
		}
	}
	if len(ids) < n { // the one group without keys
		return []int32{0}
	}
	idx := make([]uint32, n)
	for i := range idx {
		idx[i] = uint32(i)
	}
	if copies == nil {
		radix.Sort(ids, idx, make([]uint64, n), make([]uint32, n))
	} else {
		copies = maxed(copies, n, 0)
		slices.SortFunc(idx, func(i, j uint32) int { return cmp.Or(cmp.Compare(ids[i], ids[j]), cmp.Compare(copies[i], copies[j])) })
	}
	return asInt32s(idx)
}

func asInt32s(u []uint32) []int32 {
	o := make([]int32, len(u))
	for i, x := range u {
		o[i] = int32(x)
	}
	return o
}

// column makes aggregate i of all groups.
func (g *grouping) column(i int, a rel.Agg, u use) (c batch.Column, err error) {
	n := g.counted(u)
	if a.Func == rel.Count {
		return batch.OfInt64s(n), nil
	}
	none, any := make([]bool, len(n)), false
	for k := range n {
		none[k] = n[k] == 0
		any = any || none[k]
	}
	if made, ok := g.made[i]; ok {
		c = made
	} else if c, err = finish(g.folds[u.fold], a, g.a.types[g.inputs[u.fold]], n); err != nil {
		return c, err
	}
	if any {
		c = c.WithNulls(none)
	}
	return c, nil
}

// counted is how many values the groups have.
func (g *grouping) counted(u use) []int64 {
	n := slices.Clone(g.folds[u.rows].(*counts).n)
	if u.nulls >= 0 {
		for i, missing := range g.folds[u.nulls].(*nulls).n {
			n[i] -= missing
		}
	}
	return n
}

// finish makes an aggregate of a fold. n is how many values the groups have; what is given for a group without any does not count.
func finish(f fold, a rel.Agg, t batch.Type, n []int64) (batch.Column, error) {
	switch f := f.(type) {
	case *intSums:
		if a.Func == rel.Sum {
			return f.sums()
		}
		return means(n, func(i int) float64 { return f.cells[i].total().Float64() }), nil
	case *floatSums:
		if a.Func == rel.Sum {
			return values(len(n), f.value), nil
		}
		return means(n, f.value), nil
	case *moments:
		return values(len(n), func(i int) float64 {
			_, v := f.m[i].MeanVar()
			if a.Func == rel.Std {
				v = math.Sqrt(v)
			}
			return v
		}), nil
	case *extremes:
		if a.Func == rel.Min {
			return ofOrderKeys(t, f.lo), nil
		}
		return ofOrderKeys(t, f.hi), nil
	case *textExtreme:
		return f.best.column(t)
	case *ends:
		if f.text != nil {
			return f.text.column(t)
		}
		return ofRawBits(t, f.raw), nil
	case *allKeys:
		return f.quantiles(a, t, n), nil
	case *sketches:
		return f.quantiles(a, n), nil
	}
	panic("exec: no aggregate " + a.Func.String())
}

func values(n int, value func(i int) float64) batch.Column {
	v := make([]float64, n)
	for i := range v {
		v[i] = value(i)
	}
	return batch.OfFloat64s(v)
}

func means(n []int64, sum func(i int) float64) batch.Column {
	return values(len(n), func(i int) float64 { return sum(i) / float64(max(n[i], 1)) })
}

func (f *intSums) sums() (batch.Column, error) {
	v := make([]int64, len(f.cells))
	for i, c := range f.cells {
		var ok bool
		if v[i], ok = c.total().Int64(); !ok {
			return batch.Column{}, errOverflow
		}
	}
	return batch.OfInt64s(v), nil
}

func (f *floatSums) value(i int) float64 {
	if f.keyless {
		return f.one.Value()
	}
	return f.all.Value(i)
}

// apart is an aggregate that is made by itself.
type apart struct {
	agg  rel.Agg
	make func(ctx context.Context) (*Table, error) // its column is the last one
}

// countDistinct counts the distinct (keys, value) by keys. Their least identities are in the order of those of the groups.
func (x *Exec) countDistinct(in rows, by []string, a rel.Agg) apart {
	return apart{a, func(ctx context.Context) (*Table, error) {
		pairs := slices.Clone(by)
		if !slices.Contains(by, a.Of) {
			pairs = append(pairs, a.Of)
		}
		distinct, err := x.aggregation(in, pairs, nil, 0).table(ctx, in)
		if err != nil {
			return nil, err
		}
		defer x.free(distinct)
		from := &tableRows{x, distinct, in.types(pairs)}
		return x.aggregation(from, by, []rel.Agg{{Name: a.Name, Func: rel.Count, Of: a.Of, Type: a.Type}}, 0).table(ctx, from)
	}}
}

// withApart puts the columns of tables that were made apart beside those of t. All have their blocks cut alike.
func (x *Exec) withApart(ctx context.Context, t *Table, by []string, aggs []rel.Agg, parts []apart) (*Table, error) {
	all := []*Table{t}
	defer func() {
		for _, t := range all {
			x.free(t)
		}
	}()
	for _, p := range parts {
		m, err := p.make(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
		if !slices.EqualFunc(m.blocks, t.blocks, func(a, b block) bool { return a.n() == b.n() }) {
			return nil, fmt.Errorf("internal error: %d groups have %d values of %s", t.N, m.N, p.agg.Func)
		}
	}
	names := slices.Clone(by)
	for _, a := range aggs {
		names = append(names, a.Name)
	}
	b := x.build(names, true)
	for i := range t.blocks {
		var out batch.Batch
		for _, name := range names {
			from := t
			for k, p := range parts {
				if p.agg.Name == name {
					from = all[k+1]
				}
			}
			one, err := from.read(nil, i, []int{slices.Index(from.Cols, name)})
			if err != nil {
				return nil, err
			}
			out.N, out.Cols = one.N, append(out.Cols, one.Cols[0])
		}
		if err := b.add(out, true); err != nil {
			return nil, err
		}
	}
	return &b.t, nil
}
