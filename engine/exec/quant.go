package exec

import (
	"context"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/group"
	"github.com/headrace/headrace/kernels/hash"
	picks "github.com/headrace/headrace/kernels/pick"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// Quantiles are of keys: words in the order of the values (package radix), of a number as float64, of a date or timestamp as it is.
//
// A sketch counts keys by their upper 19 bits: of a float sign, exponent and 7 bits of the mantissa, so that the values of a bucket are
// within 1/128 of one another. An approximate quantile is the middle of the bucket that has its rank, or its edge where all its values
// are just that, as small whole numbers are. Counts are commutative, and their number is bounded by what floats there are.
//
// An exact quantile starts from the same counts: they say in which bucket its ranks are. The rows are then read again, and only the keys
// in those buckets are kept; where even those are too many they are counted by their next bits first (refine.go). Of many groups all
// keys are kept by group, as a bucket a group would be no less.

// bucketShift cuts a key to its bucket.
const bucketShift = 64 - 19

// quantileKeys is the values of a column that are not null as keys, with the groups of their rows.
func quantileKeys(c *batch.Ctx, g []int32, col *batch.Column) ([]uint64, []int32) {
	k := c.Uint64s(col.N)
	if col.Type.Temporal() {
		k = orderKeys(c, col)
	} else {
		radix.FloatKeys(k, floatsOf(c, col))
	}
	if col.Valid == nil {
		return k, g
	}
	n := bits.Count(col.Valid)
	if n == col.N {
		return k, g
	}
	dense := c.Uint64s(n)
	picks.Filter(dense, k, col.Valid)
	if g == nil {
		return dense, nil
	}
	of := c.Int32s(n)
	picks.Filter(of, g, col.Valid)
	return dense, of
}

// cell is what a sketch holds of a bucket: how many keys, and which bits any of them has below those of the bucket's edge.
type cell struct {
	n   int64
	any uint64
}

// sketches is a sketch a group.
type sketches struct {
	keyless bool
	// pages are the cells of the one group, by the upper 12 bits of the key.
	pages [1 << 12]*[1 << 7]cell
	// of groups, the buckets are numbered.
	table        *group.Table
	cells        []cell
	keys, hashes []uint64
	of           []int32
	size         int64
}

func newSketches(keyless bool) *sketches { return &sketches{keyless: keyless, table: group.New(2)} }

func (f *sketches) grow(int) {}

func (f *sketches) bytes() int64 {
	return f.size + f.table.Bytes() + int64(16*cap(f.cells)+8*cap(f.keys)+8*cap(f.hashes)+4*cap(f.of))
}

func (f *sketches) add(c *batch.Ctx, g []int32, _ *batch.Batch, col *batch.Column) {
	k, g := quantileKeys(c, g, col)
	if f.keyless {
		f.count(k)
	} else {
		f.countGroups(k, g)
	}
}

const lowBits = 1<<bucketShift - 1

// beyond is the bits of a key beyond the edge of its bucket, which is the end that is nearer to zero: there small whole numbers are.
func beyond(k uint64) uint64 { return (k ^ (k>>63 - 1)) & lowBits }

// edge is the key at the edge of a bucket.
func edge(prefix uint64) uint64 {
	k := prefix << bucketShift
	return k | (k>>63-1)&lowBits
}

func (f *sketches) count(keys []uint64) {
	for _, k := range keys {
		p := f.pages[k>>52]
		if p == nil {
			p = f.page(k >> 52)
		}
		c := &p[k>>bucketShift&127]
		c.n++
		c.any |= beyond(k)
	}
}

func (f *sketches) page(i uint64) *[1 << 7]cell {
	f.pages[i] = new([1 << 7]cell)
	f.size += 2048
	return f.pages[i]
}

func (f *sketches) countGroups(keys []uint64, g []int32) {
	n := len(keys)
	f.keys = maxed(f.keys, 2*n, 0)
	f.hashes, f.of = maxed(f.hashes, n, 0), maxed(f.of, n, 0)
	for i, k := range keys {
		f.keys[2*i], f.keys[2*i+1] = uint64(g[i]), k>>bucketShift
	}
	hash.Rows(f.hashes[:n], f.keys[:2*n], 2)
	f.table.Insert(f.of[:n], f.hashes[:n], f.keys[:2*n])
	f.cells = maxed(f.cells, f.table.Len(), cell{})
	for i, b := range f.of[:n] {
		c := &f.cells[b]
		c.n++
		c.any |= beyond(keys[i])
	}
}

func (f *sketches) merge(o fold, at []int32) {
	from := o.(*sketches)
	if f.keyless {
		for i, p := range from.pages {
			if p == nil {
				continue
			}
			to := f.pages[i]
			if to == nil {
				to = f.page(uint64(i))
			}
			for j := range p {
				to[j].n += p[j].n
				to[j].any |= p[j].any
			}
		}
		return
	}
	var h [1]uint64
	var b [1]int32
	for i, c := range from.cells {
		k := from.table.Key(i)
		g := at[k[0]]
		if g < 0 {
			continue
		}
		key := [2]uint64{uint64(g), k[1]}
		hash.Rows(h[:], key[:], 2)
		f.table.Insert(b[:], h[:], key[:])
		f.cells = maxed(f.cells, f.table.Len(), cell{})
		to := &f.cells[b[0]]
		to.n += c.n
		to.any |= c.any
	}
}

// bucket is the keys of a group that begin with some bits.
type bucket struct {
	cell
	group  int32
	prefix uint64
}

// sorted lists the buckets by group, then in their order.
func (f *sketches) sorted() (out []bucket) {
	if f.keyless {
		for i, p := range f.pages {
			for j := range p {
				if p != nil && p[j].n > 0 {
					out = append(out, bucket{p[j], 0, uint64(i)<<7 | uint64(j)})
				}
			}
		}
		return out
	}
	for i, c := range f.cells {
		k := f.table.Key(i)
		out = append(out, bucket{c, int32(k[0]), k[1]})
	}
	slices.SortFunc(out, func(a, b bucket) int {
		if a.group != b.group {
			return int(a.group) - int(b.group)
		}
		return int(int64(a.prefix) - int64(b.prefix))
	})
	return out
}

// quantiles is the approximate ones: of every group the bucket that has the rank below.
func (f *sketches) quantiles(a rel.Agg, n []int64) batch.Column {
	v := make([]float64, len(n))
	seen, last := int64(0), int32(-1)
	for _, b := range f.sorted() {
		if b.group != last {
			seen, last = 0, b.group
		}
		r, _ := ranks(a.Q, n[b.group])
		if seen <= r && r < seen+b.n {
			v[b.group] = b.middle()
		}
		seen += b.n
	}
	return batch.OfFloat64s(v)
}

// middle is the value that stands for those of a bucket.
func (b *bucket) middle() float64 {
	return middle(b.prefix, b.any != 0)
}

func middle(prefix uint64, wide bool) float64 {
	if !wide {
		return radix.Float64(edge(prefix))
	}
	x, y := radix.Float64(prefix<<bucketShift), radix.Float64(prefix<<bucketShift|lowBits)
	if x != x || y != y {
		return math.NaN()
	}
	return x + float64((y-x)*0.5)
}

// ranks are those between which a quantile of n values lies: lo, and the next one where frac is not 0.
func ranks(q float64, n int64) (lo int64, frac float64) {
	h := float64(q * float64(n-1))
	f := math.Floor(h)
	return min(int64(f), n-1), h - f
}

// between interpolates between the keys of two neighbouring ranks.
func between(t batch.Type, a, b uint64, frac float64) uint64 {
	if a == b || frac == 0 {
		return a
	}
	if t.Temporal() {
		return a + uint64(float64(float64(b-a)*frac))
	}
	x, y := radix.Float64(a), radix.Float64(b)
	d := y - x
	if math.IsInf(d, 0) {
		return radix.Float64Key(float64(x*(1-frac)) + float64(y*frac))
	}
	return radix.Float64Key(min(x+float64(d*frac), y))
}

// ofQuantileKeys is the column of quantiles that are keys.
func ofQuantileKeys(t batch.Type, k []uint64) batch.Column {
	if t.Temporal() {
		return ofOrderKeys(t, k)
	}
	return ofOrderKeys(batch.T(batch.Float64), k)
}

// allKeys is all keys of all groups.
type allKeys struct {
	groups int
	of     [][]int32 // pieces of gatherRows
	keys   [][]uint64
	n      int64

	// the keys of one group behind those of another, once all are there
	sorted []uint64
	starts []int64
}

// gatherRows is how many keys stand in one piece, so that none is moved when there are more.
const gatherRows = 1 << 15

func (f *allKeys) grow(n int) { f.groups = n }

// bytes counts a key twice, as it is moved at the end.
func (f *allKeys) bytes() int64 { return int64(len(f.of))*gatherRows*12 + 8*f.n }

func (f *allKeys) add(c *batch.Ctx, g []int32, _ *batch.Batch, col *batch.Column) {
	k, g := quantileKeys(c, g, col)
	f.put(k, g)
}

func (f *allKeys) put(k []uint64, g []int32) {
	f.n += int64(len(k))
	for len(k) > 0 {
		last := len(f.of) - 1
		if last < 0 || len(f.of[last]) == gatherRows {
			f.of, f.keys = append(f.of, make([]int32, 0, gatherRows)), append(f.keys, make([]uint64, 0, gatherRows))
			last++
		}
		n := min(len(k), gatherRows-len(f.of[last]))
		f.of[last], f.keys[last] = append(f.of[last], g[:n]...), append(f.keys[last], k[:n]...)
		k, g = k[n:], g[n:]
	}
}

func (f *allKeys) merge(o fold, at []int32) {
	from := o.(*allKeys)
	var k [1024]uint64
	var g [1024]int32
	n := 0
	for p, of := range from.of {
		keys := from.keys[p]
		for i, x := range of {
			if to := at[x]; to >= 0 {
				k[n], g[n] = keys[i], to
				if n++; n == len(k) {
					f.put(k[:], g[:])
					n = 0
				}
			}
		}
	}
	f.put(k[:n], g[:n])
}

func (f *allKeys) quantiles(a rel.Agg, t batch.Type, n []int64) batch.Column {
	f.sort(n)
	out := make([]uint64, len(n))
	for g, n := range n {
		if n == 0 {
			continue
		}
		k := f.sorted[f.starts[g]:f.starts[g+1]]
		r, frac := ranks(a.Q, n)
		selectRank(k, int(r))
		lo, hi := k[r], k[r]
		if frac > 0 {
			hi = slices.Min(k[r+1:])
		}
		out[g] = between(t, lo, hi, frac)
	}
	return ofQuantileKeys(t, out)
}

// sort puts keys in place by group.
func (f *allKeys) sort(n []int64) {
	if f.starts != nil {
		return
	}
	f.starts = make([]int64, len(n)+1)
	for g, n := range n {
		f.starts[g+1] = f.starts[g] + n
	}
	at := slices.Clone(f.starts)
	f.sorted = make([]uint64, f.n)
	for p, of := range f.of {
		for i, g := range of {
			f.sorted[at[g]] = f.keys[p][i]
			at[g]++
		}
		f.of[p], f.keys[p] = nil, nil
	}
}

// selectRank puts the key of rank r in its place, the lesser ones before it.
func selectRank(k []uint64, r int) {
	lo, hi := 0, len(k)
	for hi-lo > 16 {
		p := pivot(k[lo:hi])
		// k[lo:a] < p, k[a:i] == p, k[b:hi] > p
		a, i, b := lo, lo, hi
		for i < b {
			switch x := k[i]; {
			case x < p:
				k[a], k[i] = x, k[a]
				a++
				i++
			case x > p:
				b--
				k[i], k[b] = k[b], x
			default:
				i++
			}
		}
		switch {
		case r < a:
			hi = a
		case r >= b:
			lo = b
		default:
			return
		}
	}
	slices.Sort(k[lo:hi])
}

// pivot is the middle of five keys that stand far apart.
func pivot(k []uint64) uint64 {
	n := len(k)
	s := [5]uint64{k[0], k[n/4], k[n/2], k[n/4*3], k[n-1]}
	slices.Sort(s[:])
	return s[2]
}

// exactQuantiles makes the quantiles that stand on sketches.
func (a *aggregation) exactQuantiles(ctx context.Context, in rows, g *grouping) error {
	r := &refining{a: a, g: g}
	for i, agg := range a.aggs {
		if agg.Func == rel.Quantile {
			if _, ok := g.folds[g.uses[i].fold].(*sketches); ok {
				r.want(i)
			}
		}
	}
	for len(r.open) > 0 {
		if err := r.pass(ctx, in); err != nil {
			return err
		}
	}
	r.finish()
	return nil
}
