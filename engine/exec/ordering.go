package exec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// ordering orders rows by keys. Its memory is used again.
//
// A key column becomes words whose order is that of its values. The bits in which the words of all rows agree are left out; what is
// left is packed, most significant key first, so that few words hold all keys of a row: mostly one. Rows are sorted by the first of
// them, digit by digit and without comparing; rows that are equal there by the next, and so on. Only text that is longer than
// textWords words is compared, where all before it is equal.
type ordering struct {
	packs [][]uint64 // of each row
	used  uint       // bits of the last pack
	steps []int      // what rows are ordered by: packs by their number, then the others
	words []uint64
	keys  []uint64
	perm  []uint32
	tmpK  []uint64
	tmpR  []uint32
	by    []rel.Key
	cols  []batch.Column
	open  int // the first key whose words do not tell all texts apart
	ids   *batch.IDs
}

const (
	byText = -1 - iota
	byOrdinal
	byCopy
)

// textWords is how many words of a text are packed.
const textWords = 3

// order gives the rows 0..n-1 in the order of keys, whose columns are cols. Ties are in the order of identities; rows that are in that
// order already have none to give. The result lives until the next call.
func (o *ordering) order(by []rel.Key, cols []batch.Column, n int, ids *batch.IDs) []int32 {
	o.by, o.cols, o.ids = by, cols, ids
	o.words, o.keys, o.tmpK = moreWords(o.words, 0, n), moreWords(o.keys, 0, n), moreWords(o.tmpK, 0, n)
	if len(o.perm) < n {
		o.perm, o.tmpR = make([]uint32, max(n, 2*len(o.perm))), make([]uint32, max(n, 2*len(o.perm)))
	}
	for i := range n {
		o.perm[i] = uint32(i)
	}
	o.pack(n)
	o.steps = o.steps[:0]
	for i := range o.packs {
		o.steps = append(o.steps, i)
	}
	if o.open < len(by) {
		o.steps = append(o.steps, byText)
	}
	if ids != nil {
		if o.steps = append(o.steps, byOrdinal); ids.Copies != nil {
			o.steps = append(o.steps, byCopy)
		}
	}
	o.step(0, 0, n)
	return asIndex(o.perm[:n])
}

// lasts are, of the rows that were ordered, those behind which none is with equal keys. perm, which is used up, is their order.
func (o *ordering) lasts(perm []int32) []int32 {
	n := 0
	for i, r := range perm {
		if i+1 == len(perm) || !o.equal(r, perm[i+1]) {
			perm[n] = r
			n++
		}
	}
	return perm[:n]
}

// equal says whether two of the rows that were ordered last have equal keys.
func (o *ordering) equal(a, b int32) bool {
	for _, p := range o.packs {
		if p[a] != p[b] {
			return false
		}
	}
	return o.open == len(o.by) || o.compare(uint32(a), uint32(b)) == 0
}

// asIndex is row numbers as indexes: they are below 2^31.
func asIndex(rows []uint32) []int32 {
	if len(rows) == 0 {
		return nil
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(rows))), len(rows))
}

// digits are the bits that many rows are sorted by at once: in few passes they leave few rows that are equal.
const digits = 24

// fewRows are sorted by all bits at once.
const fewRows = 48

// step orders the rows lo <= i < hi, which are equal in all steps before k.
func (o *ordering) step(k, lo, hi int) {
	if k == len(o.steps) {
		return
	}
	if o.steps[k] != byText {
		o.bits(k, o.width(k), lo, hi)
		return
	}
	perm := o.perm[lo:hi]
	slices.SortStableFunc(perm, o.compare)
	for s, i := 0, 1; s < len(perm); i++ {
		if i == len(perm) || o.compare(perm[s], perm[i]) != 0 {
			if i-s > 1 {
				o.step(k+1, lo+s, lo+i)
			}
			s = i
		}
	}
}

// width is the bits of a step.
func (o *ordering) width(k int) uint {
	switch s := o.steps[k]; {
	case s == len(o.packs)-1:
		return o.used
	case s == byCopy:
		return 32
	}
	return 64
}

// bits orders the rows lo <= i < hi, which are equal in all steps before k and in all but the lower bits of step k.
func (o *ordering) bits(k int, width uint, lo, hi int) {
	keys, perm, rest := o.keys[lo:hi], o.perm[lo:hi], uint(0)
	if width > digits+8 && len(keys) >= fewRows {
		rest = width - digits
	}
	o.load(o.steps[k], keys, perm, rest, ^uint64(0)>>(64-width+rest))
	radix.Sort(keys, perm, o.tmpK, o.tmpR)
	if rest == 0 && k+1 == len(o.steps) {
		return
	}
	for s, i := 0, 1; s < len(keys); i++ {
		if i < len(keys) && keys[i] == keys[s] {
			continue
		}
		if i-s > 1 && rest > 0 {
			o.bits(k, rest, lo+s, lo+i)
		} else if i-s > 1 {
			o.step(k+1, lo+s, lo+i)
		}
		s = i
	}
}

// load gives the bits of a step.
func (o *ordering) load(step int, keys []uint64, perm []uint32, shift uint, mask uint64) {
	switch step {
	case byOrdinal:
		for i, r := range perm {
			keys[i] = o.ids.At(int(r)).Ordinal >> shift & mask
		}
	case byCopy:
		for i, r := range perm {
			keys[i] = uint64(o.ids.Copies[r]) >> shift & mask
		}
	default:
		p := o.packs[step]
		for i, r := range perm {
			keys[i] = p[r] >> shift & mask
		}
	}
}

// compare orders two rows by the open key and those behind it.
func (o *ordering) compare(a, b uint32) int {
	for k := o.open; k < len(o.by); k++ {
		if d := compareCells(o.by[k], &o.cols[k], int(a), &o.cols[k], int(b)); d != 0 {
			return d
		}
	}
	return 0
}

// compareCells orders cells of two columns of one type by a key.
func compareCells(by rel.Key, a *batch.Column, i int, b *batch.Column, j int) int {
	an, bn := a.Null(i), b.Null(j)
	if an || bn {
		if d := b2i(an) - b2i(bn); !by.NullsFirst {
			return d
		} else {
			return -d
		}
	}
	d := compareValue(a, i, b, j)
	if by.Descending {
		return -d
	}
	return d
}

func compareValue(a *batch.Column, i int, b *batch.Column, j int) int {
	switch a.Type.Kind {
	case batch.Bool:
		return b2i(a.Bit(i)) - b2i(b.Bit(j))
	case batch.Int32, batch.Date:
		return cmp.Compare(a.Int32s()[i], b.Int32s()[j])
	case batch.Int64, batch.Timestamp, batch.Decimal:
		return cmp.Compare(a.Int64s()[i], b.Int64s()[j])
	case batch.Float32:
		return compareFloats(float64(a.Float32s()[i]), float64(b.Float32s()[j]))
	case batch.Float64:
		return compareFloats(a.Float64s()[i], b.Float64s()[j])
	}
	return bytes.Compare(a.Text(i), b.Text(j))
}

// pack packs the words of the keys.
func (o *ordering) pack(n int) {
	o.packs, o.used, o.open = o.packs[:0], 64, len(o.by)
	words := o.words[:n]
	for k, by := range o.by {
		c := &o.cols[k]
		if nulls := c.Nulls(); nulls == n {
			continue // one value
		} else if nulls > 0 {
			for i := range words {
				words[i] = 0
				if c.Null(i) != by.NullsFirst {
					words[i] = 1
				}
			}
			o.push(words)
		}
		if !c.Type.Text() {
			valueWords(words, c)
			o.pushValues(words, c, by.Descending)
			continue
		}
		longest := 0
		for i := range n {
			if !c.Null(i) {
				longest = max(longest, len(c.Text(i)))
			}
		}
		w := min((longest+7)/8, textWords)
		for at := range w {
			for i := range words {
				words[i] = textWord(c.Text(i), 8*at)
			}
			o.pushValues(words, c, by.Descending)
		}
		for i := range words {
			words[i] = uint64(min(len(c.Text(i)), 8*w+1))
		}
		o.pushValues(words, c, by.Descending)
		if longest > 8*w {
			o.open = k
			return
		}
	}
}

// valueWords are words in the order of values; what stands under a null is open.
func valueWords(dst []uint64, c *batch.Column) {
	switch c.Type.Kind {
	case batch.Bool:
		w := c.Bits()
		for i := range dst {
			dst[i] = w[i>>6] >> (i & 63) & 1
		}
	case batch.Int32, batch.Date:
		radix.IntKeys(dst, c.Int32s())
	case batch.Int64, batch.Timestamp, batch.Decimal:
		radix.IntKeys(dst, c.Int64s())
	case batch.Float32:
		for i, v := range c.Float32s() {
			dst[i] = radix.Float64Key(float64(v))
		}
	case batch.Float64:
		radix.FloatKeys(dst, c.Float64s())
	default:
		panic("exec: " + c.Type.String() + " has no order")
	}
}

// textWord is eight bytes of a text as a word in their order, zeros behind the end.
func textWord(s []byte, at int) (w uint64) {
	if at+8 <= len(s) {
		return binary.BigEndian.Uint64(s[at:])
	}
	for i := at; i < len(s); i++ {
		w |= uint64(s[i]) << (56 - 8*(i-at))
	}
	return w
}

// pushValues packs words of a column; all nulls are one word, and one that takes no bits of its own.
func (o *ordering) pushValues(words []uint64, c *batch.Column, descending bool) {
	if c.Valid != nil {
		for i := range words {
			if !c.Null(i) {
				some := words[i]
				for j := range words {
					if c.Null(j) {
						words[j] = some
					}
				}
				break
			}
		}
	}
	if descending {
		for i := range words {
			words[i] = ^words[i]
		}
	}
	o.push(words)
}

// push packs the bits in which words differ, counted from the least, behind those that are packed.
func (o *ordering) push(words []uint64) {
	if len(words) == 0 {
		return
	}
	least := slices.Min(words)
	var some uint64
	for i, w := range words {
		w -= least
		words[i] = w
		some |= w
	}
	if some == 0 {
		return
	}
	low := uint(bits.TrailingZeros64(some))
	width := uint(bits.Len64(some)) - low
	if room := 64 - o.used; room > 0 && width > room {
		p, rest := o.packs[len(o.packs)-1][:len(words)], width-room
		for i, w := range words {
			p[i] = p[i]<<room | w>>(low+rest)
			words[i] = w & (1<<(low+rest) - 1)
		}
		width, o.used = rest, 64
	}
	if o.used == 64 {
		o.next(len(words))
	}
	p := o.packs[len(o.packs)-1][:len(words)]
	for i, w := range words {
		p[i] = p[i]<<width | w>>low
	}
	o.used += width
}

// next begins a pack.
func (o *ordering) next(n int) {
	k := len(o.packs)
	if k < cap(o.packs) {
		o.packs = o.packs[:k+1]
	} else {
		o.packs = append(o.packs, nil)
	}
	o.packs[k] = moreWords(o.packs[k], 0, n)
	clear(o.packs[k][:n])
	o.used = 0
}
