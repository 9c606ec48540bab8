package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/headrace/headrace/kernels/reduce"
	"github.com/headrace/headrace/operators/batch"
)

// bound is the least or the greatest of values, as PLAIN has it, text without its length.
type bound struct {
	b   []byte // of text, shared until the chunk is done
	ok  bool
	cut bool // no value is this: it is a shorter one that lies farther out
}

func boundOf(b []byte) bound { return bound{b: b, ok: true} }

func boolBound(v bool) bound {
	if v {
		return boundOf([]byte{1})
	}
	return boundOf([]byte{0})
}

func bound32(v uint32) bound { return boundOf(binary.LittleEndian.AppendUint32(nil, v)) }
func bound64(v uint64) bound { return boundOf(binary.LittleEndian.AppendUint64(nil, v)) }

// bounds are those of numbers. NaN is left out. Readers do not agree on which zero is the lesser: a least zero is -0, a greatest +0.
func (c *sinkColumn) bounds(plain []byte) (lo, hi bound) {
	if len(plain) == 0 {
		return
	}
	switch c.phys {
	case physInt32:
		a, b := extremes(seen[int32](plain))
		return bound32(uint32(a)), bound32(uint32(b))
	case physInt64:
		a, b := extremes(seen[int64](plain))
		return bound64(uint64(a)), bound64(uint64(b))
	case physFloat:
		if a, b := extremes32(seen[float32](plain)); a <= b {
			if a == 0 {
				a = float32(math.Copysign(0, -1))
			}
			return bound32(math.Float32bits(a)), bound32(math.Float32bits(b))
		}
	case physDouble:
		if a, b, ok := reduce.MinMaxF64(seen[float64](plain)); ok {
			if a == 0 {
				a = math.Copysign(0, -1)
			}
			return bound64(math.Float64bits(a)), bound64(math.Float64bits(b))
		}
	}
	return
}

// extremes runs two lanes, so that one comparison need not wait for the one before.
func extremes[T int32 | int64](x []T) (lo, hi T) {
	lo, hi = x[0], x[0]
	lo2, hi2 := lo, hi
	for ; len(x) >= 2; x = x[2:] {
		lo, hi = min(lo, x[0]), max(hi, x[0])
		lo2, hi2 = min(lo2, x[1]), max(hi2, x[1])
	}
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return min(lo, lo2), max(hi, hi2)
}

// extremes32 gives a lesser greatest where there is nothing but NaN.
func extremes32(x []float32) (lo, hi float32) {
	lo, hi = float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range x {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	if hi == 0 {
		hi = 0 // not -0
	}
	return lo, hi
}

// wordBounds are those of coded text: every word counts once a page.
func (k *chunkEncoder) wordBounds(codes []int32) (lo, hi bound) {
	stamps, page := k.stamps, k.page
	for _, c := range codes {
		if stamps[c] != page {
			stamps[c] = page
			widen(&lo, &hi, k.words.Key(int(c)))
		}
	}
	return lo, hi
}

func widen(lo, hi *bound, s []byte) {
	if !lo.ok {
		*lo, *hi = boundOf(s), boundOf(s)
		return
	}
	if bytes.Compare(s, lo.b) < 0 {
		lo.b = s
	} else if bytes.Compare(s, hi.b) > 0 {
		hi.b = s
	}
}

// textBounds are those of a plain stream.
func textBounds(plain []byte) (lo, hi bound) {
	for len(plain) > 0 {
		n := 4 + int(binary.LittleEndian.Uint32(plain))
		widen(&lo, &hi, plain[4:n:n])
		plain = plain[n:]
	}
	return lo, hi
}

// compare orders bounds as the format orders the column's values.
func (c *sinkColumn) compare(a, b []byte) int {
	switch c.phys {
	case physInt32:
		return cmp.Compare(int32(binary.LittleEndian.Uint32(a)), int32(binary.LittleEndian.Uint32(b)))
	case physInt64:
		return cmp.Compare(int64(binary.LittleEndian.Uint64(a)), int64(binary.LittleEndian.Uint64(b)))
	case physFloat:
		return cmp.Compare(math.Float32frombits(binary.LittleEndian.Uint32(a)), math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case physDouble:
		return cmp.Compare(math.Float64frombits(binary.LittleEndian.Uint64(a)), math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return bytes.Compare(a, b) // booleans are one byte
}

// fold makes the chunk's bounds of its pages', and then lets go of the text that they share.
func (o *encoded) fold(c *sinkColumn) {
	for i := range o.pages {
		p := &o.pages[i]
		if !p.min.ok {
			continue
		}
		if !o.min.ok || c.compare(p.min.b, o.min.b) < 0 {
			o.min = p.min
		}
		if !o.max.ok || c.compare(p.max.b, o.max.b) > 0 {
			o.max = p.max
		}
	}
	if c.width != 0 {
		return
	}
	utf := c.typ.Kind == batch.String
	o.min, o.max = shortMin(o.min, utf), shortMax(o.max, utf)
	for i := range o.pages {
		p := &o.pages[i]
		p.min, p.max = shortMin(p.min, utf), shortMax(p.max, utf)
	}
}

// boundBytes is how long the bound of a text is at most: a footer is not the place for long ones.
const boundBytes = 64

// shortMin is a text that is not greater than m, and not long.
func shortMin(m bound, utf bool) bound {
	n := cutAt(m.b, utf)
	return bound{slices.Clone(m.b[:n]), m.ok, n < len(m.b)}
}

// cutAt is where a text is cut: not within a character.
func cutAt(s []byte, utf bool) int {
	if len(s) <= boundBytes {
		return len(s)
	}
	n := boundBytes
	for i := 0; utf && i < utf8.UTFMax-1 && !utf8.RuneStart(s[n]); i++ {
		n--
	}
	return n
}

// shortMax is a text that is not less than m, and not long; none where there is no such text.
func shortMax(m bound, utf bool) bound {
	n := cutAt(m.b, utf)
	s := slices.Clone(m.b[:n])
	if n == len(m.b) {
		return bound{b: s, ok: m.ok}
	}
	if utf && utf8.Valid(s) {
		for len(s) > 0 {
			r, size := utf8.DecodeLastRune(s)
			s = s[:len(s)-size]
			if r++; r == 0xd800 {
				r = 0xe000 // the ones between are no characters
			}
			if r <= utf8.MaxRune {
				return bound{utf8.AppendRune(s, r), true, true}
			}
		}
		return bound{}
	}
	for len(s) > 0 {
		if last := len(s) - 1; s[last] < 0xff {
			s[last]++
			return bound{s, true, true}
		}
		s = s[:len(s)-1]
	}
	return bound{}
}
