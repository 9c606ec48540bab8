package inspect

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// topMax is how many frequent values are kept of a column.
const topMax = 10

// tally gathers the statistics of one column: a commutative monoid to the bit, so that it does not matter who saw which rows.
type tally struct {
	f        operators.Field
	nulls    int64
	nans     int64
	seen     bool
	m        exact.Moments
	lo, hi   float64 // of floats
	ilo, ihi int64   // of what is stored as an integer
	slo, shi string
	d        distinct
	counts   []int64 // scratch
}

func (t *tally) init(f operators.Field, max int) {
	t.f, t.d.max, t.d.text = f, max, f.Type.Text()
}

// add takes a batch's column. Each kind is one loop over a plain slice.
func (t *tally) add(c *batch.Ctx, col *batch.Column) {
	nulls := col.Nulls()
	t.nulls += int64(nulls)
	if nulls == col.N {
		return
	}
	switch col.Type.Kind {
	case batch.Bool:
		t.bools(col)
	case batch.Int32, batch.Date:
		addInts(t, c, col.Int32s(), col)
		t.m.AddMasked(c.Floats(*col), col.Valid)
	case batch.Int64, batch.Timestamp:
		addInts(t, c, col.Int64s(), col)
		t.m.AddMasked(c.Floats(*col), col.Valid)
	case batch.Decimal:
		v := col.Int64s()
		addInts(t, c, v, col)
		x := c.Float64s(col.N)
		for i := range x {
			x[i] = batch.Unscale(v[i], col.Type.Scale)
		}
		t.m.AddMasked(x, col.Valid)
	case batch.Float32:
		addFloats(t, c, col.Float32s(), col)
	case batch.Float64:
		addFloats(t, c, col.Float64s(), col)
	case batch.String, batch.Bytes:
		t.texts(col)
	}
}

func valid(col *batch.Column, i int) bool { return col.Valid == nil || col.Valid[i>>6]>>(i&63)&1 != 0 }

func (t *tally) bools(col *batch.Column) {
	var n [2]int64
	for i := range col.N {
		if valid(col, i) {
			n[b2i(col.Bit(i))]++
		}
	}
	for v := range 2 {
		if n[v] == 0 {
			continue
		}
		t.ints(int64(v), int64(v))
		t.d.word(uint64(v), n[v])
	}
	ones := make([]float64, col.N)
	for i := range ones {
		ones[i] = float64(b2i(col.Bit(i)))
	}
	t.m.AddMasked(ones, col.Valid)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *tally) ints(lo, hi int64) {
	if !t.seen {
		t.ilo, t.ihi, t.seen = lo, hi, true
	}
	t.ilo, t.ihi = min(t.ilo, lo), max(t.ihi, hi)
}

func addInts[T int32 | int64](t *tally, c *batch.Ctx, v []T, col *batch.Column) {
	lo, hi, first := T(0), T(0), true
	keys := c.Uint64s(col.N)[:0]
	for i, x := range v {
		if !valid(col, i) {
			continue
		}
		if first {
			lo, hi, first = x, x, false
		}
		lo, hi = min(lo, x), max(hi, x)
		keys = append(keys, uint64(int64(x)))
	}
	t.ints(int64(lo), int64(hi))
	t.d.words(keys)
}

func addFloats[T float32 | float64](t *tally, c *batch.Ctx, v []T, col *batch.Column) {
	x := c.Float64s(col.N)[:0]
	for i, f := range v {
		switch {
		case !valid(col, i):
		case f != f:
			t.nans++
		default:
			x = append(x, float64(f)+0) // -0 and 0 are one value
		}
	}
	if len(x) == 0 {
		return
	}
	if !t.seen {
		t.lo, t.hi, t.seen = x[0], x[0], true
	}
	keys := c.Uint64s(len(x))[:0]
	for _, f := range x {
		t.lo, t.hi = min(t.lo, f), max(t.hi, f)
		keys = append(keys, math.Float64bits(f))
	}
	t.m.AddSlice(x)
	t.d.words(keys)
}

// texts counts by code where there is a dictionary no longer than the batch: a text is then hashed once, not once a row.
func (t *tally) texts(col *batch.Column) {
	if col.Dict != nil && col.Dict.N <= col.N {
		t.counts = slices.Grow(t.counts[:0], col.Dict.N)[:col.Dict.N]
		clear(t.counts)
		for i, k := range col.Codes() {
			if valid(col, i) {
				t.counts[k]++
			}
		}
		for k, n := range t.counts {
			if n > 0 {
				t.text(col.Dict.Text(k), n)
			}
		}
		return
	}
	for i := range col.N {
		if valid(col, i) {
			t.text(col.Text(i), 1)
		}
	}
}

func (t *tally) text(s []byte, n int64) {
	if !t.seen || string(s) < t.slo {
		t.slo = string(s)
	}
	if !t.seen || string(s) > t.shi {
		t.shi = string(s)
	}
	t.seen = true
	t.d.bytes(s, n)
}

// merge adds what o has seen; o is not changed.
func (t *tally) merge(o *tally) {
	t.nulls += o.nulls
	t.nans += o.nans
	t.m.Merge(&o.m)
	switch {
	case !o.seen:
	case !t.seen:
		t.seen, t.lo, t.hi, t.ilo, t.ihi, t.slo, t.shi = true, o.lo, o.hi, o.ilo, o.ihi, o.slo, o.shi
	default:
		t.lo, t.hi = min(t.lo, o.lo), max(t.hi, o.hi)
		t.ilo, t.ihi = min(t.ilo, o.ilo), max(t.ihi, o.ihi)
		t.slo, t.shi = min(t.slo, o.slo), max(t.shi, o.shi)
	}
	t.d.merge(&o.d)
}

// finish says what was found, with the help of the column's sample.
func (t *tally) finish(s *sampleColumn) Column {
	o := Column{Name: t.f.Name, Type: t.f.Type.String(), Nullable: t.f.Nullable, Nulls: t.nulls, NaNs: t.nans, field: t.f}
	o.Distinct, o.DistinctEstimated = t.d.count()
	if !t.seen {
		return o
	}
	typ := t.f.Type
	switch {
	case typ.Text():
		o.Min, o.Max = &Value{Text: clip(t.slo)}, &Value{Text: clip(t.shi)}
	case typ.Float():
		o.Min, o.Max = t.value(t.lo), t.value(t.hi)
	default:
		o.Min, o.Max = &Value{formatInt(typ, t.ilo), typ.Numeric()}, &Value{formatInt(typ, t.ihi), typ.Numeric()}
	}
	if typ.Numeric() || typ.Kind == batch.Bool {
		mean, v := t.m.MeanVar()
		o.Mean, o.Std = finite(mean), finite(math.Sqrt(v))
	}
	if !typ.Text() && typ.Kind != batch.Bool {
		t.quartiles(&o, s)
	}
	t.top(&o, s)
	return o
}

// value is a float of the sample or of the column as a value of the column.
func (t *tally) value(v float64) *Value {
	switch typ := t.f.Type; {
	case typ.Kind == batch.Float32:
		return &Value{formatFloat(v, 32), true}
	case typ.Float():
		return &Value{formatFloat(v, 64), true}
	case typ.Kind == batch.Decimal:
		return &Value{strconv.FormatFloat(v, 'f', int(max(typ.Scale, 0)), 64), true}
	case typ.Kind == batch.Timestamp: // whole seconds: a float does not hold a date's nanoseconds
		return &Value{formatInt(batch.Type{Kind: batch.Timestamp, Unit: batch.Second, Zone: typ.Zone}, int64(math.Floor(v/float64(typ.Unit.PerSecond())))), false}
	default:
		return &Value{formatInt(typ, int64(v)), typ.Numeric()}
	}
}

// top finds the most frequent values: of all rows where every distinct value could be counted, else of the sample.
func (t *tally) top(o *Column, s *sampleColumn) {
	type entry struct {
		key  string // orders equal counts
		text string
		n    int64
	}
	var all []entry
	switch {
	case t.d.level == 0:
		for i, n := range t.d.counts {
			if t.d.text {
				k := string(t.d.texts.Key(i))
				all = append(all, entry{k, clip(k), n})
				continue
			}
			all = append(all, t.entry(t.d.table.Key(i), n))
		}
	case t.d.text:
		o.TopSampled = true
		n := make([]int64, len(s.names))
		for _, c := range s.codes {
			if c >= 0 {
				n[c]++
			}
		}
		for c, k := range n {
			all = append(all, entry{s.names[c], clip(s.names[c]), k})
		}
	default:
		o.TopSampled = true
		sorted := slices.Clone(s.sorted)
		for i := 0; i < len(sorted); {
			j := i
			for j < len(sorted) && sorted[j] == sorted[i] {
				j++
			}
			v := t.value(sorted[i]).Text
			all = append(all, entry{orderKey(sorted[i]), v, int64(j - i)})
			i = j
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.key, b.key))
	})
	if len(all) > 1 && all[0].n <= 1 {
		return // all values once: none is frequent
	}
	for _, e := range all[:min(topMax, len(all))] {
		raw := e.text
		if t.d.text {
			raw = e.key
		}
		o.Top = append(o.Top, Count{e.text, e.n, raw})
	}
}

func (t *tally) entry(key uint64, n int64) (e struct {
	key, text string
	n         int64
}) {
	e.n = n
	if t.f.Type.Float() {
		v := math.Float64frombits(key)
		e.key, e.text = orderKey(v), t.value(v).Text
		return e
	}
	e.key, e.text = strconv.FormatUint(key^1<<63, 16), formatInt(t.f.Type, int64(key))
	e.key = strings.Repeat("0", 16-len(e.key)) + e.key
	return e
}

// orderKey is text that sorts as the numbers do.
func orderKey(v float64) string {
	u := math.Float64bits(v)
	if u>>63 != 0 {
		u = ^u
	} else {
		u |= 1 << 63
	}
	s := strconv.FormatUint(u, 16)
	return strings.Repeat("0", 16-len(s)) + s
}

// formatInt is a value that is stored as an integer.
func formatInt(t batch.Type, v int64) string {
	var c batch.Column
	switch t.Kind {
	case batch.Bool:
		return strconv.FormatBool(v != 0)
	case batch.Int32, batch.Date:
		c = batch.OfInt32s([]int32{int32(v)})
	default:
		c = batch.OfInt64s([]int64{v})
	}
	c.Type = t
	return operators.FormatValue(&c, 0)
}

// formatFloat is the shortest text that reads back as v.
func formatFloat(v float64, size int) string {
	if a := math.Abs(v); a != 0 && (a < 1e-5 || a >= 1e15) {
		return strconv.FormatFloat(v, 'e', -1, size)
	}
	return strconv.FormatFloat(v, 'f', -1, size)
}

// clip makes text safe to print, and short.
func clip(s string) string {
	const runesMax = 64
	if len(s) > 4*runesMax {
		s = s[:4*runesMax]
	}
	q := strconv.Quote(s)
	q = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
	if r := []rune(q); len(r) > runesMax {
		return string(r[:runesMax-1]) + "…"
	}
	return q
}

// distinct counts distinct values in bounded memory, each with its rows. As long as there are at most max of them it is exact. Beyond, it
// keeps those whose hash begins with level zero bits, level being the least at which max are enough: a function of the set of values
// alone, so that it merges to the same state in any order (Gibbons, "Distinct sampling", VLDB 2001).
type distinct struct {
	max    int
	level  int
	text   bool
	table  hash.TableU64
	texts  hash.Table
	counts []int64
	key    []byte
}

// distinctMax is how many values are held of each of n columns: 65,536, fewer where there are very many columns.
func distinctMax(n int) int { return max(1<<10, min(1<<16, 1<<22/(max(n, 1)))) }

// longText is from where on a text is held as its beginning and a hash of all of it.
const longText = 256

func (d *distinct) words(keys []uint64) {
	for _, k := range keys {
		d.word(k, 1)
	}
}

func (d *distinct) word(key uint64, n int64) {
	if d.level > 0 && bits.LeadingZeros64(hash.U64(key)) < d.level {
		return
	}
	d.note(int(d.table.Insert(key)), n)
}

func (d *distinct) bytes(key []byte, n int64) {
	if len(key) > longText {
		h := hash.Bytes(key)
		d.key = append(append(d.key[:0], key[:longText]...), "…"...)
		for i := range 8 {
			d.key = append(d.key, "0123456789abcdef"[h>>(8*i)&15], "0123456789abcdef"[h>>(8*i+4)&15])
		}
		key = d.key
	}
	d.held(key, n)
}

// held takes a text as it is held.
func (d *distinct) held(key []byte, n int64) {
	if d.level > 0 && bits.LeadingZeros64(hash.Bytes(key)) < d.level {
		return
	}
	d.note(int(d.texts.Insert(key)), n)
}

func (d *distinct) note(k int, n int64) {
	if k < len(d.counts) {
		d.counts[k] += n
		return
	}
	d.counts = append(d.counts, n)
	for len(d.counts) > d.max {
		d.rise(d.level + 1)
	}
}

// rise drops what the level does not keep.
func (d *distinct) rise(level int) {
	o := *d
	d.level, d.table, d.texts, d.counts = level, hash.TableU64{}, hash.Table{}, nil
	d.addAll(&o)
}

func (d *distinct) addAll(o *distinct) {
	for k, n := range o.counts {
		if d.text {
			d.held(o.texts.Key(k), n)
		} else {
			d.word(o.table.Key(k), n)
		}
	}
}

func (d *distinct) merge(o *distinct) {
	if o.level > d.level {
		d.rise(o.level)
	}
	d.addAll(o)
}

// count is the number of distinct values, and whether it is an estimate (to about one in the root of max).
func (d *distinct) count() (int64, bool) {
	return int64(len(d.counts)) << d.level, d.level > 0
}
