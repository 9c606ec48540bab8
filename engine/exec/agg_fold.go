package exec

import (
	"bytes"
	"errors"
	"math"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/kernels/reduce"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// A fold is what some aggregates hold of the groups of one worker, in arrays by group. Folds are commutative to the bit: how rows are
// spread over batches and workers does not show.
type fold interface {
	grow(groups int)
	// add takes the rows of a batch, row i into group g[i]; g is nil where all are in group 0. col is the fold's column, nil of none.
	add(c *batch.Ctx, g []int32, b *batch.Batch, col *batch.Column)
	// merge takes what o has, its group i into group at[i]; a negative one is left out.
	merge(o fold, at []int32)
	bytes() int64
}

// maxed grows a slice to n elements, the new ones v.
func maxed[T any](s []T, n int, v T) []T {
	if n <= len(s) {
		return s
	}
	if n > cap(s) {
		s = slices.Grow(s, max(n, len(s)+len(s)/2)-len(s))
	}
	for len(s) < n {
		s = append(s, v)
	}
	return s
}

// counts is how many rows there are.
type counts struct{ n []int64 }

func (f *counts) grow(n int)   { f.n = maxed(f.n, n, 0) }
func (f *counts) bytes() int64 { return int64(8 * cap(f.n)) }

func (f *counts) add(_ *batch.Ctx, g []int32, b *batch.Batch, _ *batch.Column) {
	if g == nil {
		f.n[0] += int64(b.N)
		return
	}
	n := f.n
	for _, k := range g {
		n[k]++
	}
}

func (f *counts) merge(o fold, at []int32) {
	for i, n := range o.(*counts).n {
		if k := at[i]; k >= 0 {
			f.n[k] += n
		}
	}
}

// nulls is how many rows have none in a column.
type nulls struct{ n []int64 }

func (f *nulls) grow(n int)   { f.n = maxed(f.n, n, 0) }
func (f *nulls) bytes() int64 { return int64(8 * cap(f.n)) }

func (f *nulls) add(_ *batch.Ctx, g []int32, _ *batch.Batch, col *batch.Column) {
	switch {
	case col.Valid == nil:
	case g == nil:
		f.n[0] += int64(col.Nulls())
	default:
		for j, w := range col.Valid {
			part := g[64*j : min(len(g), 64*j+64)]
			for w = ^w; w != 0; w &= w - 1 {
				i := bits.TrailingZeros64(w)
				if i >= len(part) {
					break
				}
				f.n[part[i]]++
			}
		}
	}
}

func (f *nulls) merge(o fold, at []int32) {
	for i, n := range o.(*nulls).n {
		if k := at[i]; k >= 0 {
			f.n[k] += n
		}
	}
}

// intSums is the sum of integers in 128 bits. A sum is hi*2^32 + lo: to each half goes a half of every value, so that a row costs no
// carry; what lo has above 32 bits goes over after at most 2^30 rows.
type intSums struct {
	cells []intSum
	since int
}

type intSum struct{ hi, lo int64 }

const intSumsRows = 1 << 30

func (f *intSums) grow(n int)   { f.cells = maxed(f.cells, n, intSum{}) }
func (f *intSums) bytes() int64 { return int64(16 * cap(f.cells)) }

func (f *intSums) add(_ *batch.Ctx, g []int32, b *batch.Batch, col *batch.Column) {
	if f.since += b.N; f.since > intSumsRows {
		f.carry()
		f.since = b.N
	}
	switch {
	case col.Type.Kind == batch.Bool:
		f.addBits(g, col)
	case col.Type.Width() == 4:
		addInts(f.cells, g, col.Int32s(), col.Valid)
	default:
		addInts(f.cells, g, col.Int64s(), col.Valid)
	}
}

func (f *intSums) addBits(g []int32, col *batch.Column) {
	for j, w := range col.Bits() {
		if col.Valid != nil {
			w &= col.Valid[j]
		}
		if g == nil {
			f.cells[0].lo += int64(bits.OnesCount64(w))
			continue
		}
		for ; w != 0; w &= w - 1 {
			f.cells[g[64*j+bits.TrailingZeros64(w)]].lo++
		}
	}
}

func addInts[T int32 | int64](cells []intSum, g []int32, xs []T, valid []uint64) {
	switch {
	case g == nil:
		var s reduce.SumInt
		reduce.AddInts(&s, xs, valid)
		cells[0].addWide(s)
	case valid == nil:
		xs = xs[:len(g)]
		for i, k := range g {
			c, v := &cells[k], int64(xs[i])
			c.hi += v >> 32
			c.lo += v & math.MaxUint32
		}
	default:
		xs = xs[:len(g)]
		for i, k := range g {
			c, v := &cells[k], int64(xs[i])&-int64(valid[uint(i)>>6]>>(uint(i)&63)&1)
			c.hi += v >> 32
			c.lo += v & math.MaxUint32
		}
	}
}

// addWide adds a sum whose value leaves 96 bits only after more rows than there can be.
func (c *intSum) addWide(s reduce.SumInt) {
	c.hi += s.Hi<<32 + int64(s.Lo>>32)
	c.lo += int64(s.Lo & math.MaxUint32)
}

func (f *intSums) carry() {
	for i := range f.cells {
		c := &f.cells[i]
		c.hi += c.lo >> 32
		c.lo &= math.MaxUint32
	}
	f.since = 0
}

func (f *intSums) merge(o fold, at []int32) {
	from := o.(*intSums)
	f.carry()
	from.carry()
	for i, c := range from.cells {
		if k := at[i]; k >= 0 {
			f.cells[k].hi += c.hi
			f.cells[k].lo += c.lo
		}
	}
	f.carry()
}

func (c intSum) total() reduce.SumInt {
	s := reduce.SumInt{Hi: c.hi >> 32, Lo: uint64(c.hi) << 32}
	s.Add(c.lo)
	return s
}

// floatSums is the exact sum of floats.
type floatSums struct {
	keyless bool
	one     exact.Sum // where there are no keys
	all     exact.Sums
}

func (f *floatSums) grow(n int)   { f.all.Grow(n) }
func (f *floatSums) bytes() int64 { return f.all.Bytes() }

func (f *floatSums) add(c *batch.Ctx, g []int32, _ *batch.Batch, col *batch.Column) {
	x := floatsOf(c, col)
	if g == nil {
		f.one.AddMasked(x, col.Valid)
		return
	}
	f.all.Add(g, x, col.Valid)
}

func (f *floatSums) merge(o fold, at []int32) {
	from := o.(*floatSums)
	f.one.Merge(&from.one)
	f.all.MergeAt(&from.all, at)
}

// floatsOf is the values of a column as floats; of nulls it is anything.
func floatsOf(c *batch.Ctx, col *batch.Column) []float64 {
	bare := *col
	bare.Valid = nil
	return c.Floats(bare)
}

// moments is what var and std are made of.
type moments struct{ m []exact.Moments }

func (f *moments) grow(n int)   { f.m = maxed(f.m, n, exact.Moments{}) }
func (f *moments) bytes() int64 { return int64(176 * cap(f.m)) }

func (f *moments) add(c *batch.Ctx, g []int32, _ *batch.Batch, col *batch.Column) {
	x := floatsOf(c, col)
	if g == nil {
		f.m[0].AddMasked(x, col.Valid)
		return
	}
	for i, k := range g {
		if !col.Null(i) {
			f.m[k].Add(x[i])
		}
	}
}

func (f *moments) merge(o fold, at []int32) {
	from := o.(*moments)
	for i := range from.m {
		if k := at[i]; k >= 0 {
			f.m[k].Merge(&from.m[i])
		}
	}
}

// extremes is the least and the greatest value, as keys in their order (package radix): of floats there are one zero and one NaN, which
// is the greatest.
type extremes struct {
	least, most bool // which are wanted
	lo, hi      []uint64
}

func (f *extremes) grow(n int) {
	if f.least {
		f.lo = maxed(f.lo, n, math.MaxUint64)
	}
	if f.most {
		f.hi = maxed(f.hi, n, 0)
	}
}

func (f *extremes) bytes() int64 { return int64(8 * (cap(f.lo) + cap(f.hi))) }

func (f *extremes) add(c *batch.Ctx, g []int32, _ *batch.Batch, col *batch.Column) {
	if g == nil {
		f.addAll(col)
		return
	}
	k := orderKeys(c, col)
	if f.least {
		lo := f.lo
		for i, g := range g {
			if x := k[i] | nullMask(col.Valid, i); x < lo[g] {
				lo[g] = x
			}
		}
	}
	if f.most {
		hi := f.hi
		for i, g := range g {
			if x := k[i] &^ nullMask(col.Valid, i); x > hi[g] {
				hi[g] = x
			}
		}
	}
}

// nullMask is all ones under a null.
func nullMask(valid []uint64, i int) uint64 {
	if valid == nil {
		return 0
	}
	return valid[uint(i)>>6]>>(uint(i)&63)&1 - 1
}

// addAll is add without groups.
func (f *extremes) addAll(col *batch.Column) {
	lo, hi, any := uint64(math.MaxUint64), uint64(0), false
	switch col.Type.Kind {
	case batch.Float64:
		x := col.Float64s()
		l, h, ok := reduce.MinMaxF64Masked(x, col.Valid)
		if ok {
			lo, hi = radix.Float64Key(l), radix.Float64Key(h)
		}
		if (f.most || !ok) && reduce.CountNaN(x, col.Valid) > 0 {
			nan := radix.Float64Key(math.NaN())
			lo, hi, ok = min(lo, nan), nan, true
		}
		any = ok
	case batch.Int64, batch.Timestamp, batch.Decimal:
		var l, h int64
		if l, h, any = reduce.MinMaxInt(col.Int64s(), col.Valid); any {
			lo, hi = radix.Int64Key(l), radix.Int64Key(h)
		}
	case batch.Int32, batch.Date:
		var l, h int32
		if l, h, any = reduce.MinMaxInt(col.Int32s(), col.Valid); any {
			lo, hi = radix.Int64Key(int64(l)), radix.Int64Key(int64(h))
		}
	default:
		for i, k := range orderKeys(nil, col) {
			if !col.Null(i) {
				lo, hi, any = min(lo, k), max(hi, k), true
			}
		}
	}
	if !any {
		return
	}
	if f.least {
		f.lo[0] = min(f.lo[0], lo)
	}
	if f.most {
		f.hi[0] = max(f.hi[0], hi)
	}
}

func (f *extremes) merge(o fold, at []int32) {
	from := o.(*extremes)
	for i, x := range from.lo {
		if k := at[i]; k >= 0 {
			f.lo[k] = min(f.lo[k], x)
		}
	}
	for i, x := range from.hi {
		if k := at[i]; k >= 0 {
			f.hi[k] = max(f.hi[k], x)
		}
	}
}

// orderKeys is the values of a column of fixed width as words in their order; of nulls it is anything.
func orderKeys(c *batch.Ctx, col *batch.Column) []uint64 {
	k := c.Uint64s(col.N)
	switch col.Type.Kind {
	case batch.Bool:
		w := col.Bits()
		for i := range k {
			k[i] = w[i>>6] >> (i & 63) & 1
		}
	case batch.Int32, batch.Date:
		radix.IntKeys(k, col.Int32s())
	case batch.Float32, batch.Float64:
		radix.FloatKeys(k, floatsOf(c, col))
	default:
		radix.IntKeys(k, col.Int64s())
	}
	return k
}

// ofOrderKeys gives the column whose keys these are.
func ofOrderKeys(t batch.Type, k []uint64) batch.Column {
	o := (*batch.Ctx)(nil).New(t, len(k))
	switch t.Kind {
	case batch.Bool:
		w := o.Bits()
		for i, x := range k {
			w[i>>6] |= x & 1 << (i & 63)
		}
	case batch.Int32, batch.Date:
		radix.Ints(o.Int32s(), k)
	case batch.Float32:
		for i, v := 0, o.Float32s(); i < len(k); i++ {
			v[i] = float32(radix.Float64(k[i]))
		}
	case batch.Float64:
		radix.Floats(o.Float64s(), k)
	default:
		radix.Ints(o.Int64s(), k)
	}
	return o
}

// bestTexts is a text a group in one buffer. What is replaced by a longer one stays behind until too much does.
type bestTexts struct {
	at    []int64
	n     []int32 // length; -1: none yet
	data  []byte
	waste int64
}

func (t *bestTexts) grow(n int) { t.at, t.n = maxed(t.at, n, 0), maxed(t.n, n, -1) }

func (t *bestTexts) bytes() int64 { return int64(12*cap(t.at) + cap(t.data)) }

func (t *bestTexts) get(g int32) []byte { return t.data[t.at[g] : t.at[g]+int64(t.n[g])] }

func (t *bestTexts) set(g int32, s []byte) {
	if old := t.n[g]; int(old) >= len(s) {
		t.waste += int64(int(old) - len(s))
	} else {
		t.waste += int64(max(old, 0))
		t.at[g] = int64(len(t.data))
		t.data = append(t.data, s...)
	}
	copy(t.data[t.at[g]:], s)
	t.n[g] = int32(len(s))
	if t.waste > 1<<20 && t.waste > int64(len(t.data)/2) {
		t.compact()
	}
}

func (t *bestTexts) compact() {
	data := make([]byte, 0, int64(len(t.data))-t.waste)
	for g, n := range t.n {
		if n >= 0 {
			at := t.at[g]
			t.at[g] = int64(len(data))
			data = append(data, t.data[at:at+int64(n)]...)
		}
	}
	t.data, t.waste = data, 0
}

// column gives the texts of all groups, null where there is none.
func (t *bestTexts) column(typ batch.Type) (batch.Column, error) {
	total := int64(0)
	for _, n := range t.n {
		total += int64(max(n, 0))
	}
	if total > math.MaxInt32 {
		return batch.Column{}, batch.ErrTextTooLong
	}
	o := (*batch.Ctx)(nil).New(typ, len(t.n))
	o.Values = make([]byte, 0, total)
	null, any := make([]bool, len(t.n)), false
	for i, n := range t.n {
		if n < 0 {
			null[i], any = true, true
		} else {
			o.Values = append(o.Values, t.get(int32(i))...)
		}
		o.Offsets[i+1] = int32(len(o.Values))
	}
	if any {
		o = o.WithNulls(null)
	}
	return o, nil
}

// textExtreme is the least text, or the greatest, by bytes.
type textExtreme struct {
	sign int // 1: the least, -1: the greatest
	best bestTexts
}

func (f *textExtreme) grow(n int)   { f.best.grow(n) }
func (f *textExtreme) bytes() int64 { return f.best.bytes() }

func (f *textExtreme) add(_ *batch.Ctx, g []int32, b *batch.Batch, col *batch.Column) {
	for i := range b.N {
		if !col.Null(i) {
			f.take(groupOf(g, i), col.Text(i))
		}
	}
}

func groupOf(g []int32, i int) int32 {
	if g == nil {
		return 0
	}
	return g[i]
}

func (f *textExtreme) take(g int32, s []byte) {
	if f.best.n[g] < 0 || bytes.Compare(s, f.best.get(g))*f.sign < 0 {
		f.best.set(g, s)
	}
}

func (f *textExtreme) merge(o fold, at []int32) {
	from := o.(*textExtreme)
	for i, n := range from.best.n {
		if k := at[i]; k >= 0 && n >= 0 {
			f.take(k, from.best.get(int32(i)))
		}
	}
}

// ends is the value of the row of least identity, or of the greatest, that has one.
type ends struct {
	last bool
	ids  []batch.ID
	has  []bool
	raw  []uint64   // the bits of the value
	text *bestTexts // of text, instead
}

func (f *ends) grow(n int) {
	f.ids, f.has = maxed(f.ids, n, batch.ID{}), maxed(f.has, n, false)
	if f.text != nil {
		f.text.grow(n)
	} else {
		f.raw = maxed(f.raw, n, 0)
	}
}

func (f *ends) bytes() int64 {
	n := int64(17*cap(f.ids) + 8*cap(f.raw))
	if f.text != nil {
		n += f.text.bytes()
	}
	return n
}

// nearer says whether an identity takes the place of the group's.
func (f *ends) nearer(g int32, id batch.ID) bool {
	if f.has[g] {
		if d := batch.Compare(id, f.ids[g]); d == 0 || d < 0 == f.last {
			return false
		}
	}
	f.ids[g], f.has[g] = id, true
	return true
}

func (f *ends) add(c *batch.Ctx, g []int32, b *batch.Batch, col *batch.Column) {
	var raw []uint64
	if f.text == nil {
		raw = rawBits(c, col)
	}
	for i := range b.N {
		if col.Null(i) {
			continue
		}
		if k := groupOf(g, i); f.nearer(k, b.ID.At(i)) {
			if f.text != nil {
				f.text.set(k, col.Text(i))
			} else {
				f.raw[k] = raw[i]
			}
		}
	}
}

func (f *ends) merge(o fold, at []int32) {
	from := o.(*ends)
	for i, has := range from.has {
		if k := at[i]; k >= 0 && has && f.nearer(k, from.ids[i]) {
			if f.text != nil {
				f.text.set(k, from.text.get(int32(i)))
			} else {
				f.raw[k] = from.raw[i]
			}
		}
	}
}

// rawBits is the bits of the values of a column of fixed width.
func rawBits(c *batch.Ctx, col *batch.Column) []uint64 {
	o := c.Uint64s(col.N)
	switch {
	case col.Type.Kind == batch.Bool:
		w := col.Bits()
		for i := range o {
			o[i] = w[i>>6] >> (i & 63) & 1
		}
	case col.Type.Kind == batch.Float32:
		for i, v := range col.Float32s() {
			o[i] = uint64(math.Float32bits(v))
		}
	case col.Type.Kind == batch.Float64:
		for i, v := range col.Float64s() {
			o[i] = math.Float64bits(v)
		}
	case col.Type.Width() == 4:
		for i, v := range col.Int32s() {
			o[i] = uint64(uint32(v))
		}
	default:
		for i, v := range col.Int64s() {
			o[i] = uint64(v)
		}
	}
	return o
}

// ofRawBits gives the column whose bits these are.
func ofRawBits(t batch.Type, raw []uint64) batch.Column {
	o := (*batch.Ctx)(nil).New(t, len(raw))
	switch {
	case t.Kind == batch.Bool:
		w := o.Bits()
		for i, x := range raw {
			w[i>>6] |= x & 1 << (i & 63)
		}
	case t.Kind == batch.Float32:
		for i, v := 0, o.Float32s(); i < len(raw); i++ {
			v[i] = math.Float32frombits(uint32(raw[i]))
		}
	case t.Kind == batch.Float64:
		for i, v := 0, o.Float64s(); i < len(raw); i++ {
			v[i] = math.Float64frombits(raw[i])
		}
	case t.Width() == 4:
		for i, v := 0, o.Int32s(); i < len(raw); i++ {
			v[i] = int32(uint32(raw[i]))
		}
	default:
		for i, v := 0, o.Int64s(); i < len(raw); i++ {
			v[i] = int64(raw[i])
		}
	}
	return o
}

var errOverflow = &operators.ErrData{Err: errors.New("the sum overflows int64")}
