package parquet

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unsafe"

	"github.com/parquet-go/bitpack"
)

// padding is what every buffer of a page has behind its end: the unpacker loads whole vectors.
const padding = 64

var (
	errCut  = errors.New("the page ends before its values do")
	errCode = errors.New("a dictionary code is out of range")
)

// hybrid reads runs of one value and bit-packed groups of eight: levels, dictionary codes, booleans.
type hybrid struct {
	src   []byte
	width uint
	// the run at hand
	left   int // values
	packed bool
	value  int32
	bits   []byte // packed: what is left of it; its first value is not yet taken
	stage  [256]int32
	at, n  int // in stage
}

func (h *hybrid) reset(src []byte, width uint) {
	h.src, h.width, h.left, h.at, h.n = src, width, 0, 0, 0
}

// run begins the next run.
func (h *hybrid) run() error {
	for h.left == 0 {
		u, n := binary.Uvarint(h.src)
		if n <= 0 || u>>1 > 1<<31 {
			return errCut
		}
		h.src = h.src[n:]
		if h.packed = u&1 == 1; h.packed {
			// Eight values take width bytes. The last group may be cut short where its values are not needed.
			h.left = int(u>>1) * 8
			size := int(u>>1) * int(h.width)
			if size > len(h.src) {
				size = len(h.src)
				if h.width > 0 {
					h.left = min(h.left, size*8/int(h.width))
				}
				if h.left == 0 {
					return errCut
				}
			}
			h.bits, h.src = h.src[:size], h.src[size:]
			continue
		}
		w := int(h.width+7) / 8
		if w > len(h.src) {
			return errCut
		}
		var v uint32
		for i := range w {
			v |= uint32(h.src[i]) << (8 * i)
		}
		if h.width < 32 && v>>h.width != 0 {
			return errCode
		}
		h.value, h.left, h.src = int32(v), int(u>>1), h.src[w:]
	}
	return nil
}

// refill unpacks the next values of a packed run.
func (h *hybrid) refill() {
	n := min(h.left, len(h.stage))
	if h.width == 0 {
		clear(h.stage[:n])
	} else {
		unpack32(h.stage[:(n+7)&^7], h.bits, h.width)
		h.bits = h.bits[min(len(h.bits), n*int(h.width)/8):] // n is a multiple of 8 but at the end
	}
	h.at, h.n = 0, n
	h.left -= n
}

// unpack32 needs padding bytes of capacity behind src.
func unpack32(dst []int32, src []byte, width uint) {
	bitpack.Unpack(dst, src[:len(src):cap(src)], width)
}

// codes fills dst.
func (h *hybrid) codes(dst []int32) error {
	for len(dst) > 0 {
		if h.at < h.n {
			k := copy(dst, h.stage[h.at:h.n])
			h.at += k
			dst = dst[k:]
			continue
		}
		if h.left == 0 {
			if err := h.run(); err != nil {
				return err
			}
		}
		if h.packed {
			h.refill()
			continue
		}
		k := min(len(dst), h.left)
		for i := range dst[:k] {
			dst[i] = h.value
		}
		h.left -= k
		dst = dst[k:]
	}
	return nil
}

// bitsInto sets the bits at..at+n of dst, which were 0, to the next n values, of width 1, and counts the ones.
func (h *hybrid) bitsInto(dst []uint64, at, n int) (ones int, err error) {
	for n > 0 {
		if h.left == 0 {
			if err := h.run(); err != nil {
				return 0, err
			}
		}
		k := min(n, h.left)
		if h.packed {
			// bits holds the run from a byte on, stage's at counts the bits of that byte that are gone.
			ones += copyBits(dst, at, h.bits, h.at, k)
			h.at += k
			h.bits, h.at = h.bits[h.at>>3:], h.at&7
			if k == h.left {
				h.at = 0
			}
		} else if h.value != 0 {
			setBits(dst, at, k)
			ones += k
		}
		h.left -= k
		at, n = at+k, n-k
	}
	return ones, nil
}

// setBits sets n bits of dst from at on.
func setBits(dst []uint64, at, n int) {
	for n > 0 {
		o := at & 63
		k := min(n, 64-o)
		dst[at>>6] |= ^uint64(0) >> (64 - k) << o
		at, n = at+k, n-k
	}
}

// copyBits sets the bits at..at+n of dst, which were 0, to those of src from bit from on, and counts the ones.
func copyBits(dst []uint64, at int, src []byte, from, n int) (ones int) {
	for n > 0 {
		k := min(n, 56, 64-at&63)
		b := src[from>>3:]
		var w uint64
		if len(b) >= 8 {
			w = binary.LittleEndian.Uint64(b)
		} else {
			for i, x := range b {
				w |= uint64(x) << (8 * i)
			}
		}
		w = w >> (from & 7) & (1<<k - 1)
		dst[at>>6] |= w << (at & 63)
		ones += bits.OnesCount64(w)
		at, from, n = at+k, from+k, n-k
	}
	return ones
}

// delta reads DELTA_BINARY_PACKED.
type delta struct {
	src   []byte
	total int // values in all
	left  int // not yet given
	last  int64
	first bool // last is the next value
	block int
	minis int
	base  int64
	width []byte // of the miniblocks to come in this block
	stage []int64
	at    int
}

// reset reads the header. most is how many values the page can have.
func (d *delta) reset(src []byte, most int) error {
	var v [4]uint64
	for i := range v {
		u, n := binary.Uvarint(src)
		if n <= 0 {
			return errCut
		}
		v[i], src = u, src[n:]
	}
	block, minis, total := v[0], v[1], v[2]
	if total > uint64(most) || block == 0 || block > 1<<20 || minis == 0 || minis > block || block%minis != 0 || block/minis%8 != 0 {
		return errors.New("a delta header is malformed")
	}
	*d = delta{src: src, total: int(total), left: int(total), last: int64(v[3]>>1) ^ -int64(v[3]&1), first: true, block: int(block), minis: int(minis),
		stage: d.stage[:0]}
	return nil
}

// next fills dst.
func (d *delta) next(dst []int64) error {
	if len(dst) > d.left {
		return errCut
	}
	for len(dst) > 0 {
		if d.first {
			d.first = false
			dst[0], dst = d.last, dst[1:]
			d.left--
			continue
		}
		if d.at == len(d.stage) {
			if err := d.mini(); err != nil {
				return err
			}
		}
		k := min(len(dst), len(d.stage)-d.at)
		for i, x := range d.stage[d.at : d.at+k] {
			d.last += d.base + x
			dst[i] = d.last
		}
		d.at, d.left = d.at+k, d.left-k
		dst = dst[k:]
	}
	return nil
}

// mini unpacks the next miniblock.
func (d *delta) mini() error {
	if len(d.width) == 0 {
		u, n := binary.Uvarint(d.src)
		if n <= 0 || len(d.src)-n < d.minis {
			return errCut
		}
		d.base = int64(u>>1) ^ -int64(u&1)
		d.width, d.src = d.src[n:n+d.minis], d.src[n+d.minis:]
	}
	w := uint(d.width[0])
	d.width = d.width[1:]
	per := d.block / d.minis
	size := per / 8 * int(w)
	if w > 64 || size > len(d.src) {
		return errCut
	}
	if cap(d.stage) < per {
		d.stage = make([]int64, per)
	}
	d.stage, d.at = d.stage[:per], 0
	unpack64(d.stage, d.src[:size], w)
	d.src = d.src[size:]
	return nil
}

// unpack64 reads numbers of width bits, the low bit first.
func unpack64(dst []int64, src []byte, width uint) {
	if width == 0 {
		clear(dst)
		return
	}
	mask := ^uint64(0) >> (64 - width)
	at := uint(0)
	for i := range dst {
		j, o := at>>3, at&7
		var w uint64
		if b := src[j:]; len(b) >= 8 {
			w = binary.LittleEndian.Uint64(b) >> o
			if o+width > 64 {
				w |= uint64(b[8]) << (64 - o)
			}
		} else {
			for k, x := range b {
				w |= uint64(x) << (8 * k)
			}
			w >>= o
		}
		dst[i] = int64(w & mask)
		at += width
	}
}

// words sees memory as values of T; what comes from a file may be at any address, which amd64 and arm64 read all the same, so only
// memory of our own goes through it.
func words[T any](b []byte) []T {
	var t T
	n := len(b) / int(unsafe.Sizeof(t))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// gather is dst[i] = table[code[i]]; false where a code is out of range.
func gather[T any](dst, table []T, code []int32) bool {
	dst = dst[:len(code)]
	for i, c := range code {
		if uint(uint32(c)) >= uint(len(table)) {
			return false
		}
		dst[i] = table[c]
	}
	return true
}

// spread moves the first k values of v to where bitmap valid, from bit at on, has its ones, from the back; what is under a zero is
// cleared, so that no memory of another batch shows there.
func spread[T any](v []T, k int, valid []uint64, at int) {
	var zero T
	for i := len(v) - 1; i >= 0; i-- {
		b := at + i
		if valid[b>>6]>>(b&63)&1 == 0 {
			v[i] = zero
			continue
		}
		k--
		v[i] = v[k]
	}
}

// bytesOf is the memory of v.
func bytesOf[T any](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(t)))
}
