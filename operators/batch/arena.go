package batch

import (
	"math/bits"
	"unsafe"
)

func countBits(w []uint64) (n int) {
	for _, x := range w {
		n += bits.OnesCount64(x)
	}
	return n
}

// Align is what every buffer of an arena starts at, and Pad what may be read and written past its end: a kernel may store a
// whole vector.
const (
	Align = 64
	Pad   = 64
)

// Ctx is one worker's: an arena that lives as long as a morsel, and scratch that lives as long as the worker. It is used by
// one goroutine at a time. A nil Ctx allocates from the Go heap.
type Ctx struct {
	slabs  [][]byte
	slab   int  // of the slab in use
	at     int  // in it
	Poison bool // tests: Reset fills what was used with a pattern, so that who kept a column is found out
}

const slabBytes = 1 << 20

// Alloc gives n bytes, aligned, zeroed, with Pad bytes behind them that may be overwritten.
func (c *Ctx) Alloc(n int) []byte {
	b := c.AllocDirty(n)
	clear(b)
	return b
}

// AllocDirty is Alloc with any contents.
func (c *Ctx) AllocDirty(n int) []byte {
	size := (n + Pad + Align - 1) &^ (Align - 1)
	if c == nil {
		return heap(size)[:n]
	}
	for {
		if c.slab == len(c.slabs) {
			c.slabs = append(c.slabs, heap(max(slabBytes, size)))
		}
		if s := c.slabs[c.slab]; c.at+size <= len(s) {
			b := s[c.at : c.at+n : c.at+size]
			c.at += size
			return b
		}
		c.slab, c.at = c.slab+1, 0
	}
}

// heap gives an aligned block of Go memory. It is made of words, so that the garbage collector never scans it.
func heap(n int) []byte {
	b := make([]byte, n+Align)
	o := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (Align - 1))
	return b[o : o+n : o+n]
}

// Reset frees all that was allocated since the last Reset.
func (c *Ctx) Reset() {
	if c.Poison {
		for i := 0; i <= c.slab && i < len(c.slabs); i++ {
			s := c.slabs[i]
			if i == c.slab {
				s = s[:c.at]
			}
			for j := range s {
				s[j] = 0xa5
			}
		}
	}
	c.slab, c.at = 0, 0
}

// Bytes is what the arena holds.
func (c *Ctx) Bytes() (n int64) {
	for _, s := range c.slabs {
		n += int64(len(s))
	}
	return n
}

// Used is what was taken of the arena since the last Reset.
func (c *Ctx) Used() int64 {
	n := int64(c.at)
	for _, s := range c.slabs[:c.slab] {
		n += int64(len(s))
	}
	return n
}

// slice gives n values of T from the arena, zeroed or not.
func slice[T any](c *Ctx, n int, dirty bool) []T {
	if n == 0 {
		return nil
	}
	var t T
	b := c.AllocDirty(n * int(unsafe.Sizeof(t)))
	if !dirty {
		clear(b)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Float64s gives n floats with any contents.
func (c *Ctx) Float64s(n int) []float64 { return slice[float64](c, n, true) }

// Float32s gives n floats with any contents.
func (c *Ctx) Float32s(n int) []float32 { return slice[float32](c, n, true) }

// Int64s gives n integers with any contents.
func (c *Ctx) Int64s(n int) []int64 { return slice[int64](c, n, true) }

// Int32s gives n integers with any contents.
func (c *Ctx) Int32s(n int) []int32 { return slice[int32](c, n, true) }

// Uint64s gives n words with any contents.
func (c *Ctx) Uint64s(n int) []uint64 { return slice[uint64](c, n, true) }

// Uint32s gives n words with any contents.
func (c *Ctx) Uint32s(n int) []uint32 { return slice[uint32](c, n, true) }

// Uint8s gives n bytes with any contents.
func (c *Ctx) Uint8s(n int) []uint8 { return slice[uint8](c, n, true) }

// Bitmap gives a bitmap of n zero bits.
func (c *Ctx) Bitmap(n int) []uint64 { return slice[uint64](c, Words(n), false) }

// New gives a column of n rows with any contents and no nulls. Text columns come without data: see SetText.
func (c *Ctx) New(t Type, n int) Column {
	col := Column{Type: t, N: n}
	switch w := t.Width(); {
	case t.Kind == Bool:
		col.Values = raw(c.Bitmap(n))
	case t.Text():
		col.Offsets = slice[int32](c, n+1, true)
		col.Offsets[0] = 0
	case w > 0:
		col.Values = c.AllocDirty(n * w)
	}
	return col
}

// NewVector gives a vector column of n rows and the members named, with any contents.
func (c *Ctx) NewVector(n int, members []string) Column {
	return Column{Type: T(Vector), N: n, Wide: len(members), Members: members, Values: c.AllocDirty(n * len(members) * 8)}
}
