package exact

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Groups is many sums, each with its count, of one column.
//
// They share the column's window: a value's part below 2^-80 of the column's largest magnitude is dropped, whichever group
// that largest value is in. In exchange a value costs a few nanoseconds and no branch. A group is 64 bytes.
type Groups struct {
	top   int32
	dirty int // values added since the cells were last carried
	cells []int64
}

// A cell is lo and hi of the bins, then the count, then the flags. Between carries lo may be any int64: hi*2^40 + lo is what
// counts, and what leaves the type is carried.
const (
	stride  = 8
	atN     = 2 * kept
	atFlags = atN + 1

	flagNaN, flagPos, flagNeg = 1, 2, 4

	// dirtyMax values of below 2^39 units each cannot overflow lo.
	dirtyMax = 1 << 23
)

// Len is the number of groups.
func (g *Groups) Len() int { return len(g.cells) / stride }

// Bytes is the memory that the groups hold.
func (g *Groups) Bytes() int64 { return int64(8 * cap(g.cells)) }

// Grow makes the number of groups at least n; new ones are empty.
func (g *Groups) Grow(n int) {
	if need := n * stride; need > len(g.cells) {
		g.cells = append(g.cells, make([]int64, need-len(g.cells))...)
	}
}

// Add is the loop for i where group[i] >= 0 and valid[i] is set { groups[group[i]].Add(xs[i]) }. A negative group is no
// group, a nil valid means all; a group of Len or above panics, so Grow comes first. xs and group have one length.
func (g *Groups) Add(group []int32, xs []float64, valid []uint64) {
	group = group[:len(xs)]
	var buf [block]float64
	for len(xs) > 0 {
		n := min(len(xs), block)
		g.add(group[:n], xs[:n], valid, &buf)
		group, xs = group[n:], xs[n:]
		if valid != nil && len(xs) > 0 {
			valid = valid[block/64:]
		}
	}
}

func (g *Groups) add(group []int32, xs []float64, valid []uint64, buf *[block]float64) {
	if g.dirty += len(xs); g.dirty > dirtyMax {
		g.carry()
		g.dirty = len(xs)
	}
	// What does not count becomes zero, which has no slice; counts and flags are done on the way.
	var most uint64
	for i, x := range xs {
		c := int(group[i])
		if c < 0 || valid != nil && valid[uint(i)>>6]>>(uint(i)&63)&1 == 0 {
			buf[i] = 0
			continue
		}
		c *= stride
		g.cells[c+atN]++
		b := math.Float64bits(x) &^ sign
		if b>>52 == special {
			g.cells[c+atFlags] |= flag(x)
			x, b = 0, 0
		}
		buf[i] = x
		most = max(most, b)
	}
	if most == 0 {
		return
	}
	g.raise(index(most) + 1)
	scale := 1.0
	if g.top == binsMax {
		scale = scaled
	}
	m0, m1, m2 := windows[g.top][0], windows[g.top][1], windows[g.top][2]
	u0, u1, u2 := math.Float64bits(m0), math.Float64bits(m1), math.Float64bits(m2)
	for i, c := range group {
		x := float64(buf[i] * scale)
		if x == 0 {
			continue
		}
		cell := g.cells[int(c)*stride : int(c)*stride+stride]
		t := x + m0
		cell[0] += int64(math.Float64bits(t) - u0)
		x -= t - m0
		t = x + m1
		cell[2] += int64(math.Float64bits(t) - u1)
		x -= t - m1
		cell[4] += int64(math.Float64bits(x+m2) - u2)
	}
}

func flag(x float64) int64 {
	switch {
	case x != x:
		return flagNaN
	case x > 0:
		return flagPos
	}
	return flagNeg
}

func (g *Groups) raise(top int32) {
	if g.top == 0 {
		g.top = top
	}
	d := int(top - g.top)
	if d <= 0 {
		return
	}
	g.top = top
	for c := 0; c < len(g.cells); c += stride {
		bins := g.cells[c : c+2*kept]
		for k := kept - 1; k >= 0; k-- {
			if k >= d {
				bins[2*k], bins[2*k+1] = bins[2*(k-d)], bins[2*(k-d)+1]
			} else {
				bins[2*k], bins[2*k+1] = 0, 0
			}
		}
	}
}

// carry makes all cells normal.
func (g *Groups) carry() {
	for c := 0; c < len(g.cells); c += stride {
		for k := range kept {
			lo, hi := &g.cells[c+2*k], &g.cells[c+2*k+1]
			*hi += *lo >> width
			*lo &= low
		}
	}
	g.dirty = 0
}

// Merge adds what o has been given, group by group, and grows to o's length. o is not changed.
func (g *Groups) Merge(o *Groups) {
	g.Grow(o.Len())
	g.merge(o, func(i int) int { return i })
}

// MergeAt adds group i of o to group at[i], for accumulators that numbered their keys differently; a negative one is left
// out, though its values still count for the shared window. at has o.Len() elements, below g.Len(). o is not changed.
func (g *Groups) MergeAt(o *Groups, at []int32) {
	at = at[:o.Len()]
	g.merge(o, func(i int) int { return int(at[i]) })
}

func (g *Groups) merge(o *Groups, at func(int) int) {
	g.carry()
	top := o.top
	if top > 0 {
		g.raise(top)
	}
	d := int(g.top - top)
	for i := range o.Len() {
		to := at(i)
		if to < 0 {
			continue
		}
		from, cell := o.cells[i*stride:i*stride+stride], g.cells[to*stride:to*stride+stride]
		n, flags := from[atN], from[atFlags]
		hi, lo := o.bins(i)
		for k := 0; k+d < kept; k++ {
			t := cell[2*(k+d)] + lo[k]
			cell[2*(k+d)] = t & low
			cell[2*(k+d)+1] += hi[k] + t>>width
		}
		cell[atN] += n
		cell[atFlags] |= flags
	}
}

// bins are the carried bins of a group.
func (g *Groups) bins(i int) (hi, lo [kept]int64) {
	cell := g.cells[i*stride : i*stride+stride]
	for k := range kept {
		hi[k] = cell[2*k+1] + cell[2*k]>>width
		lo[k] = cell[2*k] & low
	}
	return hi, lo
}

// N is the number of values of a group, NaN and infinities included.
func (g *Groups) N(i int) int64 { return g.cells[i*stride+atN] }

// Value is the sum of a group as Sum.Value has it; 0 of an empty group.
func (g *Groups) Value(i int) float64 {
	flags := g.cells[i*stride+atFlags]
	if v, is := infinite(flags&flagNaN != 0, flags&flagPos != 0, flags&flagNeg != 0); is {
		return v
	}
	hi, lo := g.bins(i)
	return round(g.top, hi, lo)
}

// Total is the sum of all groups, which keeps more of it than the sum of their values.
func (g *Groups) Total() (sum float64, n int64) {
	s := Sum{top: g.top}
	for i := range g.Len() {
		hi, lo := g.bins(i)
		for k := range kept {
			s.put(k, lo[k])
			s.hi[k] += hi[k]
		}
		flags := g.cells[i*stride+atFlags]
		s.nan, s.pos, s.neg = s.nan+flags&flagNaN, s.pos+flags&flagPos, s.neg+flags&flagNeg
		n += g.N(i)
	}
	return s.Value(), n
}

const groupsHead = 2 + 8 // a version, the top, the number of groups

// AppendBinary appends the state, bytes that are equal for equal multisets of (group, value) and equal lengths. It never
// fails.
func (g *Groups) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version, byte(g.top))
	b = binary.LittleEndian.AppendUint64(b, uint64(g.Len()))
	for i := range g.Len() {
		hi, lo := g.bins(i)
		for k := range kept {
			b = binary.LittleEndian.AppendUint64(b, uint64(hi[k]))
			b = binary.LittleEndian.AppendUint64(b, uint64(lo[k]))
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(g.cells[i*stride+atN]))
		b = binary.LittleEndian.AppendUint64(b, uint64(g.cells[i*stride+atFlags]))
	}
	return b, nil
}

// DecodeBinary reads what AppendBinary wrote from the start of b and returns the rest. g is changed only on success;
// nothing is allocated for groups that b does not have. A state that no groups can have is an error that wraps ErrState.
func (g *Groups) DecodeBinary(b []byte) (rest []byte, err error) {
	if len(b) < groupsHead {
		return nil, fmt.Errorf("%w: %d bytes of groups, want at least %d", ErrState, len(b), groupsHead)
	}
	if b[0] != version {
		return nil, fmt.Errorf("%w: version %d", ErrState, b[0])
	}
	c := Groups{top: int32(b[1])}
	n := binary.LittleEndian.Uint64(b[2:])
	b = b[groupsHead:]
	if n > uint64(len(b))/(8*stride) {
		return nil, fmt.Errorf("%w: %d groups in %d bytes", ErrState, n, len(b))
	}
	if err := check(c.top, [kept]int64{}, [kept]int64{}); err != nil {
		return nil, err
	}
	c.cells = make([]int64, n*stride)
	for i := range int(n) {
		cell := c.cells[i*stride : i*stride+stride]
		var hi, lo [kept]int64
		for k := range kept {
			hi[k] = int64(binary.LittleEndian.Uint64(b[16*k:]))
			lo[k] = int64(binary.LittleEndian.Uint64(b[16*k+8:]))
			cell[2*k], cell[2*k+1] = lo[k], hi[k]
		}
		if err := check(c.top, hi, lo); err != nil {
			return nil, fmt.Errorf("group %d: %w", i, err)
		}
		cell[atN] = int64(binary.LittleEndian.Uint64(b[8*atN:]))
		cell[atFlags] = int64(binary.LittleEndian.Uint64(b[8*atFlags:]))
		if cell[atN] < 0 || uint64(cell[atFlags]) > flagNaN|flagPos|flagNeg {
			return nil, fmt.Errorf("%w: group %d: count %d, flags %#x", ErrState, i, cell[atN], cell[atFlags])
		}
		b = b[8*stride:]
	}
	*g = c
	return b, nil
}
