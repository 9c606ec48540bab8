package exec

import (
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// pasting is one column to whose end rows of others are copied. Its memory is used again after a reset, and the collector finds
// nothing to walk in it.
type pasting struct {
	typ     batch.Type
	n       int
	values  []byte // used up to n values, or to the text's end
	valid   []uint64
	nulls   bool
	offsets []int32
	texts   int         // bytes of text
	members []string    // Vector
	wide    [][]float64 // Vector: a list a member
	some    []uint64
}

func (p *pasting) reset(t batch.Type) {
	p.typ, p.n, p.nulls, p.texts = t, 0, false, 0
	for j := range p.wide {
		p.wide[j] = p.wide[j][:0]
	}
}

// more gives a list of at least n elements, the old ones in front; it is aligned and padded as an arena's are.
func more(old []byte, used, n int) []byte {
	if n <= len(old) {
		return old
	}
	b := (*batch.Ctx)(nil).AllocDirty(max(n, 2*len(old), 1024))
	copy(b, old[:min(used, len(old))])
	return b
}

func moreWords(old []uint64, used, n int) []uint64 {
	if n <= len(old) {
		return old
	}
	b := (*batch.Ctx)(nil).Uint64s(max(n, 2*len(old), 64))
	copy(b, old[:min(used, len(old))])
	return b
}

// add copies the rows lo <= i < hi of c. Where to is not nil, c is Int32 codes that it maps to other codes; where dict is not nil, they
// are of its texts.
func (p *pasting) add(c *batch.Column, lo, hi int, to []int32, dict *texts) error {
	k := hi - lo
	if k == 0 {
		return nil
	}
	p.addValid(c, lo, k)
	switch w := p.typ.Width(); {
	case p.typ.Text() && dict != nil:
		if err := p.addCoded(c, lo, hi, dict); err != nil {
			return err
		}
	case p.typ.Text():
		if err := p.addText(c, lo, hi); err != nil {
			return err
		}
	case p.typ.Kind == batch.Bool:
		p.values = more(p.values, 8*batch.Words(p.n), 8*batch.Words(p.n+k))
		p.paste(asWords(p.values), c.Bits(), lo, k)
	case p.typ.Kind == batch.Vector:
		p.addVector(c, lo, hi)
	case to != nil:
		p.values = more(p.values, 4*p.n, 4*(p.n+k))
		remap(asInts(p.values)[p.n:p.n+k], c.Codes()[lo:hi], to)
	case w > 0:
		p.values = more(p.values, w*p.n, w*(p.n+k))
		copy(p.values[w*p.n:w*(p.n+k)], c.Values[w*lo:w*hi])
	default:
		panic("exec: a column of " + p.typ.String() + " has no rows to select")
	}
	p.n += k
	return nil
}

// remap is the loop for i { dst[i] = to[src[i]] }; a code under a null may be anything, and becomes 0.
func remap(dst, src, to []int32) {
	for i, x := range src[:len(dst)] {
		var v int32
		if uint(x) < uint(len(to)) {
			v = to[x]
		}
		dst[i] = v
	}
}

func (p *pasting) addValid(c *batch.Column, lo, k int) {
	if c.Valid == nil && !p.nulls {
		return
	}
	p.valid = moreWords(p.valid, batch.Words(p.n), batch.Words(p.n+k))
	if !p.nulls {
		bits.Fill(p.valid[:batch.Words(p.n)], p.n)
		p.nulls = true
	}
	if c.Valid != nil {
		p.paste(p.valid, c.Valid, lo, k)
		return
	}
	w := batch.Words(k)
	p.some = moreWords(p.some, 0, w)
	bits.Fill(p.some[:w], k)
	p.lay(p.valid, p.some[:w], k)
}

// paste lays k bits of src from lo at bit n of dst.
func (p *pasting) paste(dst, src []uint64, lo, k int) {
	if w := batch.Words(k); lo != 0 || k&63 != 0 { // bits.Paste wants no bits behind the last
		p.some = moreWords(p.some, 0, w)
		bits.Slice(p.some[:w], src, lo, k)
		src = p.some[:w]
	}
	p.lay(dst, src, k)
}

// lay is bits.Paste at bit n on words that may hold anything behind it.
func (p *pasting) lay(dst, src []uint64, k int) {
	from := batch.Words(p.n)
	clear(dst[from:batch.Words(p.n+k)])
	if p.n&63 != 0 {
		dst[p.n>>6] &= 1<<(p.n&63) - 1
	}
	bits.Paste(dst, p.n, src, k)
}

func (p *pasting) addText(c *batch.Column, lo, hi int) error {
	if c.Dict != nil {
		return p.addCoded(c, lo, hi, &texts{c.Dict})
	}
	from, to := c.Offsets[lo], c.Offsets[hi]
	if err := p.room(int(to-from), hi-lo); err != nil {
		return err
	}
	copy(p.values[p.texts:], c.Values[from:to])
	at := int32(p.texts) - from
	for i, o := range c.Offsets[lo+1 : hi+1] {
		p.offsets[p.n+1+i] = at + o
	}
	p.texts += int(to - from)
	return nil
}

// texts are what codes stand for.
type texts struct{ *batch.Column }

func (p *pasting) addCoded(c *batch.Column, lo, hi int, d *texts) error {
	codes, total := c.Codes(), 0
	for i, x := range codes[lo:hi] {
		if !c.Null(lo + i) {
			total += int(d.Offsets[x+1] - d.Offsets[x])
		}
	}
	if err := p.room(total, hi-lo); err != nil {
		return err
	}
	for i, x := range codes[lo:hi] {
		if !c.Null(lo + i) {
			p.texts += copy(p.values[p.texts:], d.Values[d.Offsets[x]:d.Offsets[x+1]])
		}
		p.offsets[p.n+1+i] = int32(p.texts)
	}
	return nil
}

// room makes room for rows with so many bytes of text.
func (p *pasting) room(size, rows int) error {
	if p.texts+size > math.MaxInt32 {
		return &operators.ErrData{Err: fmt.Errorf("%d bytes in %d rows: %w", p.texts+size, p.n+rows, batch.ErrTextTooLong)}
	}
	p.values = more(p.values, p.texts, p.texts+size)
	if n := p.n + rows + 1; n > len(p.offsets) {
		o := (*batch.Ctx)(nil).Int32s(max(n, 2*len(p.offsets), 64))
		copy(o, p.offsets[:min(p.n+1, len(p.offsets))])
		p.offsets = o
	}
	p.offsets[0] = 0
	return nil
}

func (p *pasting) addVector(c *batch.Column, lo, hi int) {
	p.members = c.Members
	for len(p.wide) < c.Wide {
		p.wide = append(p.wide, nil)
	}
	p.wide = p.wide[:c.Wide]
	for j := range p.wide {
		p.wide[j] = append(p.wide[j], c.Member(j)[lo:hi]...)
	}
}

// column is what was copied, in the memory of p.
func (p *pasting) column() batch.Column {
	if p.n == 0 {
		return (*batch.Ctx)(nil).New(p.typ, 0)
	}
	c := batch.Column{Type: p.typ, N: p.n}
	if p.nulls {
		c.Valid = p.valid[:batch.Words(p.n)]
	}
	switch w := p.typ.Width(); {
	case p.typ.Text():
		c.Offsets, c.Values = p.offsets[:p.n+1], p.values[:p.texts]
	case p.typ.Kind == batch.Bool:
		c.Values = p.values[:8*batch.Words(p.n)]
	case p.typ.Kind == batch.Vector:
		v := (*batch.Ctx)(nil).NewVector(p.n, p.members)
		v.Valid = c.Valid
		for j := range p.wide {
			copy(v.Member(j), p.wide[j])
		}
		c = v
	default:
		c.Values = p.values[:w*p.n]
	}
	return c
}

// bytes is the memory that what was copied takes.
func (p *pasting) bytes() int {
	b := p.texts + p.n*p.typ.Width()*max(len(p.wide), 1)
	if p.typ.Text() {
		b += 4 * p.n
	}
	return b + p.n/4
}

// pastingIDs are the identities, parts and keys of rows that are copied.
type pastingIDs struct {
	n        int
	batch    batch.Batch // without columns
	ordinals []uint64    // where they lie
	copies   bool
	parts    bool
	keys     bool
}

func (p *pastingIDs) reset() {
	p.n, p.copies, p.parts, p.keys = 0, false, false, false
	b := &p.batch
	b.ID.Ordinals, b.ID.Copies, b.Part, b.Key = nil, b.ID.Copies[:0], b.Part[:0], b.Key[:0]
}

// add copies those of the rows lo <= i < hi of b.
func (p *pastingIDs) add(b *batch.Batch, lo, hi int) {
	to, k := &p.batch, hi-lo
	p.ordinals = moreWords(p.ordinals, p.n, p.n+k)
	to.ID.Ordinals = p.ordinals[:p.n+k]
	if b.ID.Ordinals != nil {
		copy(to.ID.Ordinals[p.n:], b.ID.Ordinals[lo:hi])
	} else {
		for i := range to.ID.Ordinals[p.n:] {
			to.ID.Ordinals[p.n+i] = b.ID.Base + uint64(lo+i)
		}
	}
	if b.ID.Copies != nil || p.copies {
		p.copies = true
		to.ID.Copies = cover(to.ID.Copies, p.n, b.ID.Copies, lo, hi)
	}
	if b.Part != nil || p.parts {
		p.parts = true
		to.Part = cover(to.Part, p.n, b.Part, lo, hi)
	}
	if b.Key != nil && !p.keys { // what came before had its ordinals for keys
		p.keys, to.Key = true, append(to.Key[:0], to.ID.Ordinals[:p.n]...)
	}
	if p.keys && b.Key != nil {
		to.Key = append(to.Key, b.Key[lo:hi]...)
	} else if p.keys {
		to.Key = append(to.Key, to.ID.Ordinals[p.n:p.n+k]...)
	}
	p.n += k
}

// cover appends src[lo:hi], zeros where there is no src, behind n elements, zeros where they are not there yet.
func cover[T any](dst []T, n int, src []T, lo, hi int) []T {
	for len(dst) < n {
		var zero T
		dst = append(dst, zero)
	}
	if src != nil {
		return append(dst, src[lo:hi]...)
	}
	for range hi - lo {
		var zero T
		dst = append(dst, zero)
	}
	return dst
}

// rows is what was copied, in the memory of p.
func (p *pastingIDs) rows() batch.Batch {
	b := batch.Batch{N: p.n}
	b.ID.Ordinals = p.batch.ID.Ordinals
	if p.copies {
		b.ID.Copies = p.batch.ID.Copies
	}
	if p.parts {
		b.Part = p.batch.Part
	}
	if p.keys {
		b.Key = p.batch.Key
	}
	return b
}

// asInts and asWords are the memory of b as values.
func asInts(b []byte) []int32 { return (&batch.Column{N: len(b) / 4, Values: b}).Int32s() }

func asWords(b []byte) []uint64 { return (&batch.Column{N: len(b) / 8 * 64, Values: b}).Bits() }
