package exact

//go:generate go run -C ../_gen ./asm -group sums -out ../exact/zz_sums_amd64.s -stubs ../exact/zz_sums_amd64.go -pkg exact

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Sums is many sums, numbered from 0: what an aggregation by group adds to. Each has a window of its own, so that its Value has
// the bits of a Sum of the same values. A sum is 32 bytes, half a cache line.
//
// The zero value has no sums. It is not safe for concurrent writing.
type Sums struct {
	cells []cell
	sides []side
}

// A cell is the three bins of the window and a word of the rest. Bins are plain int64, in units of theirs: a value adds less
// than 2^39, and what could leave the type is carried to a side in time. So a value adds four words to its cell, one vector.
type cell [kept + 1]int64

// side is what was carried out of the cell of a group with very many values, in units of 2^40.
type side [kept]int64

// The rest: from the lowest bit the values added since the last carry, the window's top, what special values there were, and
// the number of the side + 1.
const (
	rest     = kept
	countMax = 1 << 23 // values; 2^24 of below 2^39 units are within int64, so that a few past this one do no harm
	count    = 1<<24 - 1
	topAt    = 24
	topMask  = 63 << topAt // top where values are added at once, 0 where they are looked at: none yet, or huge
	nanAt    = 30
	posAt    = 31
	negAt    = 32
	specials = 7 << nanAt
	huge     = 1 << 33 // the top is binsMax
	sideAt   = 34
	sidesMax = 1<<(64-sideAt-1) - 1
)

// top is the highest bin reached + 1, as in Sum.
func (c *cell) top() int32 {
	if c[rest]&huge != 0 {
		return binsMax
	}
	return int32(c[rest] & topMask >> topAt)
}

func (c *cell) setTop(top int32) {
	if top == binsMax {
		c[rest] = c[rest]&^topMask | huge
		return
	}
	c[rest] = c[rest]&^topMask | int64(top)<<topAt
}

// Len is the number of sums.
func (s *Sums) Len() int { return len(s.cells) }

// Bytes is the memory that the sums hold.
func (s *Sums) Bytes() int64 { return int64(32*cap(s.cells) + 24*cap(s.sides)) }

// Reset makes the number of sums 0 and keeps the memory.
func (s *Sums) Reset() { s.cells, s.sides = s.cells[:0], s.sides[:0] }

// Grow makes the number of sums at least n; new ones are empty.
func (s *Sums) Grow(n int) {
	if more := n - len(s.cells); more > 0 {
		s.cells = append(s.cells, make([]cell, more)...)
	}
}

// Add is the loop for i where groups[i] >= 0 and valid[i] is set { sum groups[i] += xs[i] }. A negative group is no group, a
// nil valid means all; a group of Len or above panics, so Grow comes first. groups and xs have one length, valid the words of
// a bitmap of it.
func (s *Sums) Add(groups []int32, xs []float64, valid []uint64) {
	groups = groups[:len(xs)]
	if valid != nil {
		valid = valid[:(len(xs)+63)/64]
	}
	s.add(groups, xs, valid)
}

// addGo is the reference.
func (s *Sums) addGo(groups []int32, xs []float64, valid []uint64) {
	groups = groups[:len(xs)]
	if valid == nil {
		for i, x := range xs {
			if g := groups[i]; g >= 0 {
				s.put(g, x)
			}
		}
		return
	}
	for i, x := range xs {
		if g := groups[i]; g >= 0 && valid[uint(i)>>6]>>(uint(i)&63)&1 != 0 {
			s.put(g, x)
		}
	}
}

// put adds one value.
func (s *Sums) put(g int32, x float64) {
	c := &s.cells[g]
	r := c[rest]
	top := r >> topAt & 63
	// bin of x < top, with the division taken away: see index
	if e := int64(math.Float64bits(x) &^ sign >> 52); e >= width*top-52 || r&count >= countMax {
		if x = s.prepare(c, x); x == 0 {
			return
		}
		if top = c[rest] >> topAt & 63; top == 0 {
			x = float64(x * scaled)
			top = binsMax
		}
	}
	w := &windows[uint(top)%uint(len(windows))]
	t := x + w[0]
	c[0] += int64(math.Float64bits(t) - math.Float64bits(w[0]))
	x -= t - w[0]
	t = x + w[1]
	c[1] += int64(math.Float64bits(t) - math.Float64bits(w[1]))
	x -= t - w[1]
	c[2] += int64(math.Float64bits(x+w[2]) - math.Float64bits(w[2]))
	c[rest]++
}

// prepare makes the cell ready for x: raised, and carried if it is time. What is left to be added is returned: 0 of what is no
// number.
func (s *Sums) prepare(c *cell, x float64) float64 {
	b := math.Float64bits(x) &^ sign
	switch {
	case b == 0:
		return 0
	case b>>52 == special:
		c[rest] |= flag(x) << nanAt
		return 0
	}
	if c[rest]&count >= countMax {
		s.carry(c)
	}
	s.raise(c, index(b)+1)
	return x
}

// raise makes the window of a cell end at top, if it is below.
func (s *Sums) raise(c *cell, top int32) {
	old := c.top()
	if old >= top {
		return
	}
	c.setTop(top)
	if old == 0 {
		return
	}
	by := int(top - old)
	lower((*[kept]int64)(c[:kept]), by)
	if i := c[rest] >> sideAt; i > 0 {
		lower((*[kept]int64)(&s.sides[i-1]), by)
	}
}

// lower moves bins down a window that has risen.
func lower(bins *[kept]int64, by int) {
	for k := kept - 1; k >= 0; k-- {
		if k >= by {
			bins[k] = bins[k-by]
		} else {
			bins[k] = 0
		}
	}
}

// sideOf is the side of a cell, made where there is none.
func (s *Sums) sideOf(c *cell) *side {
	i := c[rest] >> sideAt
	if i == 0 {
		if len(s.sides) >= sidesMax {
			panic("exact: too many sums of too many values")
		}
		s.sides = append(s.sides, side{})
		i = int64(len(s.sides))
		c[rest] |= i << sideAt
	}
	return &s.sides[i-1]
}

// carry leaves less than 2^40 units, two values' worth, in each bin of a cell.
func (s *Sums) carry(c *cell) {
	d := s.sideOf(c)
	for k := range kept {
		d[k] += c[k] >> width
		c[k] &= low
	}
	c[rest] = c[rest]&^count | 2
}

// bins are the bins of a group as a Sum has them.
func (s *Sums) bins(c *cell) (hi, lo [kept]int64) {
	for k := range kept {
		hi[k], lo[k] = c[k]>>width, c[k]&low
	}
	if i := c[rest] >> sideAt; i > 0 {
		for k, h := range s.sides[i-1] {
			hi[k] += h
		}
	}
	return hi, lo
}

// Merge adds what o has been given, sum by sum, and grows to o's length. o is not changed.
func (s *Sums) Merge(o *Sums) {
	s.Grow(o.Len())
	for i := range o.cells {
		s.merge(&s.cells[i], o, &o.cells[i])
	}
}

// MergeAt adds sum i of o to sum at[i], for accumulators that numbered their keys differently; a negative one is left out. at
// has o.Len() elements, below s.Len(). o is not changed.
func (s *Sums) MergeAt(o *Sums, at []int32) {
	at = at[:o.Len()]
	for i, to := range at {
		if to >= 0 {
			s.merge(&s.cells[to], o, &o.cells[i])
		}
	}
}

func (s *Sums) merge(c *cell, o *Sums, from *cell) {
	r, q := c[rest], from[rest]
	// Nearly always the windows are one, or c is empty, and there is nothing aside.
	if r&^count == 0 && q>>sideAt == 0 {
		*c = *from
		return
	}
	if (r^q)&(topMask|huge) == 0 && q>>sideAt == 0 && r&count+q&count <= countMax {
		for k := range kept {
			c[k] += from[k]
		}
		c[rest] = r + q&count | q&specials
		return
	}
	c[rest] |= q & specials
	if top := from.top(); top > 0 {
		hi, lo := o.bins(from)
		s.addBins(c, top, hi, lo)
	}
}

// addBins adds a window that ends at top.
func (s *Sums) addBins(c *cell, top int32, hi, lo [kept]int64) {
	s.raise(c, top)
	n := weight(&hi)
	wide := n > countMax
	if wide {
		n = 2
	}
	if c[rest]&count+n > countMax {
		s.carry(c)
	}
	d := int(c.top() - top)
	for k := 0; k+d < kept; k++ {
		if wide {
			s.sideOf(c)[k+d] += hi[k]
			c[k+d] += lo[k]
		} else {
			c[k+d] += hi[k]<<width | lo[k]
		}
	}
	c[rest] += n
}

// weight is how many values the bins may stand for: each adds less than 2^39 units.
func weight(hi *[kept]int64) int64 {
	var most int64
	for _, h := range hi {
		most = max(most, h, ^h)
	}
	return 2 * (min(most, countMax) + 1)
}

// Value is the sum of a group, bit for bit what Sum.Value is of the same values; 0 of an empty group.
func (s *Sums) Value(g int) float64 {
	c := &s.cells[g]
	r := c[rest]
	if r&specials != 0 {
		v, _ := infinite(r>>nanAt&1 != 0, r>>posAt&1 != 0, r>>negAt&1 != 0)
		return v
	}
	hi, lo := s.bins(c)
	return round(c.top(), hi, lo)
}

// Values is the loop for i { dst[i] = Value(i) }; dst has Len elements.
func (s *Sums) Values(dst []float64) {
	dst = dst[:len(s.cells)]
	for i := range dst {
		dst[i] = s.Value(i)
	}
}

// AppendBinary appends the state, bytes that are equal for equal multisets of (group, value) and equal lengths. It never
// fails.
func (s *Sums) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Len()))
	for i := range s.cells {
		b = s.AppendGroup(b, i)
	}
	return b, nil
}

// DecodeBinary reads what AppendBinary wrote from the start of b and returns the rest. s is changed only on success; nothing
// is allocated for groups that b does not have. A state that no sums can have is an error that wraps ErrState.
func (s *Sums) DecodeBinary(b []byte) (rest []byte, err error) {
	const head = 1 + 8
	if len(b) < head {
		return nil, fmt.Errorf("%w: %d bytes of sums, want at least %d", ErrState, len(b), head)
	}
	if b[0] != version {
		return nil, fmt.Errorf("%w: version %d", ErrState, b[0])
	}
	n := binary.LittleEndian.Uint64(b[1:])
	b = b[head:]
	if n > uint64(len(b))/groupMin {
		return nil, fmt.Errorf("%w: %d sums in %d bytes", ErrState, n, len(b))
	}
	var c Sums
	c.Grow(int(n))
	for i := range int(n) {
		if b, err = c.MergeGroup(i, b); err != nil {
			return nil, fmt.Errorf("group %d: %w", i, err)
		}
	}
	*s = c
	return b, nil
}

// An encoded group is its top, its special values with a bit for wide bins, and, where there is a top, the bins: a word each
// or, wide, hi and lo each.
const (
	groupMin = 2
	wideBins = 8
)

// AppendGroup appends the state of one group, bytes that are equal for equal multisets of values.
func (s *Sums) AppendGroup(b []byte, g int) []byte {
	c := &s.cells[g]
	top, flags := c.top(), byte(c[rest]&specials>>nanAt)
	if top == 0 {
		return append(b, 0, flags)
	}
	hi, lo := s.bins(c)
	if weight(&hi) > countMax {
		b = append(b, byte(top), flags|wideBins)
		for k := range kept {
			b = binary.LittleEndian.AppendUint64(b, uint64(hi[k]))
			b = binary.LittleEndian.AppendUint64(b, uint64(lo[k]))
		}
		return b
	}
	b = append(b, byte(top), flags)
	for k := range kept {
		b = binary.LittleEndian.AppendUint64(b, uint64(hi[k]<<width|lo[k]))
	}
	return b
}

// MergeGroup adds to group g what AppendGroup wrote at the start of b, and returns the rest. s is changed only on success; a
// state that no sum can have is an error that wraps ErrState.
func (s *Sums) MergeGroup(g int, b []byte) (rest []byte, err error) {
	top, flags, hi, lo, b, err := decodeGroup(b)
	if err != nil {
		return nil, err
	}
	c := &s.cells[g]
	c[kept] |= int64(flags) << nanAt
	if top > 0 {
		s.addBins(c, top, hi, lo)
	}
	return b, nil
}

func decodeGroup(b []byte) (top int32, flags byte, hi, lo [kept]int64, rest []byte, err error) {
	if len(b) < groupMin {
		return 0, 0, hi, lo, nil, fmt.Errorf("%w: %d bytes of a group", ErrState, len(b))
	}
	top, flags, b = int32(b[0]), b[1], b[groupMin:]
	wide := flags&wideBins != 0
	size := 0
	switch {
	case wide:
		size = 16 * kept
	case top > 0:
		size = 8 * kept
	}
	if flags&^wideBins > specials>>nanAt || len(b) < size {
		return 0, 0, hi, lo, nil, fmt.Errorf("%w: flags %#x, %d bytes of bins", ErrState, flags, len(b))
	}
	for k := range kept {
		switch {
		case wide:
			hi[k], lo[k] = int64(binary.LittleEndian.Uint64(b[16*k:])), int64(binary.LittleEndian.Uint64(b[16*k+8:]))
		case top > 0:
			v := int64(binary.LittleEndian.Uint64(b[8*k:]))
			hi[k], lo[k] = v>>width, v&low
		}
	}
	if wide != (weight(&hi) > countMax) {
		return 0, 0, hi, lo, nil, fmt.Errorf("%w: bins of another width", ErrState)
	}
	return top, flags &^ wideBins, hi, lo, b[size:], check(top, hi, lo)
}
