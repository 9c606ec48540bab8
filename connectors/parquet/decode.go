package parquet

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unsafe"

	"github.com/parquet-go/bitpack"

	"github.com/headrace/headrace/kernels/unpack"
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
		u, n := uint64(0), 1
		if len(h.src) > 0 && h.src[0] < 0x80 { // nearly all
			u = uint64(h.src[0])
		} else if u, n = binary.Uvarint(h.src); n <= 0 || u>>1 > 1<<31 {
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

// refill unpacks the next values of a packed run into stage.
func (h *hybrid) refill() {
	n := min(h.left, len(h.stage))
	if h.width == 0 {
		clear(h.stage[:n])
		h.left -= n
	} else {
		h.unpack(h.stage[: n : (n+7)&^7])
	}
	h.at, h.n = 0, n
}

// unpack takes values off a packed run: eight at a time but at the run's end, where cap(dst) has room for eight all the same.
func (h *hybrid) unpack(dst []int32) {
	n := len(dst)
	unpack32(dst[:(n+7)&^7], h.bits, h.width)
	h.bits = h.bits[min(len(h.bits), n*int(h.width)/8):]
	h.left -= n
}

// unpack32 needs padding bytes of capacity behind src.
func unpack32(dst []int32, src []byte, width uint) {
	bitpack.Unpack(dst, src[:len(src):cap(src)], width)
}

// codes fills dst with codes below n.
func (h *hybrid) codes(dst []int32, n int) error {
	for len(dst) > 0 {
		if h.at == h.n && h.left == 0 {
			if err := h.run(); err != nil {
				return err
			}
		}
		if h.at < h.n || h.packed {
			code, err := h.some(dst, n)
			if err != nil {
				return err
			}
			dst = dst[copy(dst, code):] // most are in place: memmove sees that
			continue
		}
		k, err := h.same(len(dst), n)
		if err != nil {
			return err
		}
		repeat(dst[:k], h.value)
		dst = dst[k:]
	}
	return nil
}

// some gives up to len(dst) of the codes that are at hand or come next in the packed run: unpacked into dst or where they lie.
func (h *hybrid) some(dst []int32, n int) ([]int32, error) {
	if h.at == h.n {
		if k := min(len(dst), h.left) &^ 7; k > 0 && h.width > 0 {
			h.unpack(dst[:k])
			return dst[:k], inRange(dst[:k], n, h.width)
		}
		h.refill()
	}
	code := h.stage[h.at : h.at+min(len(dst), h.n-h.at)]
	h.at += len(code)
	return code, inRange(code, n, h.width)
}

// same takes up to most values off a run of one, and gives their number.
func (h *hybrid) same(most, n int) (int, error) {
	if int64(uint32(h.value)) >= int64(n) {
		return 0, errCode
	}
	k := min(most, h.left)
	h.left -= k
	return k, nil
}

// inRange says whether codes of so many bits are below n.
func inRange(code []int32, n int, width uint) error {
	if width < 32 && int64(1)<<width <= int64(n) {
		return nil
	}
	if int64(unpack.Max(words[uint32](bytesOf(code)))) >= int64(n) && len(code) > 0 {
		return errCode
	}
	return nil
}

// repeat is dst[i] = v. What is longer than a run of a few is copied from what is there already.
func repeat[T any](dst []T, v T) {
	head := min(len(dst), 64)
	for i := range dst[:head] {
		dst[i] = v
	}
	for at := head; at < len(dst); at *= 2 {
		copy(dst[at:], dst[:at])
	}
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

// gather is dst[i] = table[code[i]]. The codes were held against the table's length: a check of each would take as long again.
func gather[T uint32 | int64](dst, table []T, code []int32) {
	dst = dst[:len(code)]
	t := unsafe.Pointer(unsafe.SliceData(table))
	at := func(c int32) T { return *(*T)(unsafe.Add(t, uintptr(uint32(c))*unsafe.Sizeof(dst[0]))) }
	for len(code) >= 4 && len(dst) >= 4 {
		dst[0], dst[1], dst[2], dst[3] = at(code[0]), at(code[1]), at(code[2]), at(code[3])
		dst, code = dst[4:], code[4:]
	}
	for i, c := range code {
		dst[i] = at(c)
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
