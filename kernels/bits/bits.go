// Package bits works on bitmaps.
//
// A bitmap of n bits is exactly Words(n) words; bit i of it is words[i>>6]>>(i&63)&1, which is the same memory as an Arrow
// bitmap. The bits past n in the last word are zero: every function relies on that and keeps it. Functions write into dst,
// which the caller owns and which must have the stated length; dst may be one of the sources unless it says otherwise.
// Lengths that do not match panic, they are never read or written past.
package bits

//go:generate go run -C ../_gen ./asm -group bits -out ../bits/zz_bits_amd64.s -stubs ../bits/zz_bits_amd64.go -pkg bits

import "math/bits"

// Words is the number of words of a bitmap of n bits.
func Words(n int) int { return int((uint(n) + 63) / 64) }

// tail is the mask of the bits in use in the last word of n bits, n > 0.
func tail(n int) uint64 { return ^uint64(0) >> (uint(-n) & 63) }

// And is the loop for i { dst[i] = a[i] & b[i] }
func And(dst, a, b []uint64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] & b[i]
	}
}

// Or is the loop for i { dst[i] = a[i] | b[i] }
func Or(dst, a, b []uint64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] | b[i]
	}
}

// Xor is the loop for i { dst[i] = a[i] ^ b[i] }
func Xor(dst, a, b []uint64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] ^ b[i]
	}
}

// AndNot is the loop for i { dst[i] = a[i] &^ b[i] }
func AndNot(dst, a, b []uint64) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] &^ b[i]
	}
}

// Not is the loop for the n bits i { dst[i] = !a[i] }; dst and a have Words(n) words.
func Not(dst, a []uint64, n int) {
	dst, a = dst[:Words(n)], a[:Words(n)]
	for i := range dst {
		dst[i] = ^a[i]
	}
	if n > 0 {
		dst[len(dst)-1] &= tail(n)
	}
}

// Fill is the loop for the n bits i { dst[i] = true }; dst has Words(n) words.
func Fill(dst []uint64, n int) {
	dst = dst[:Words(n)]
	for i := range dst {
		dst[i] = ^uint64(0)
	}
	if n > 0 {
		dst[len(dst)-1] = tail(n)
	}
}

// Count is the number of bits set.
func Count(a []uint64) int {
	n := 0
	for _, w := range a {
		n += bits.OnesCount64(w)
	}
	return n
}

// CountAnd is Count of a & b, of one length, without writing it.
func CountAnd(a, b []uint64) int {
	b = b[:len(a)]
	n := 0
	for i, w := range a {
		n += bits.OnesCount64(w & b[i])
	}
	return n
}

// All says whether the n bits are all set; true for n = 0.
func All(a []uint64, n int) bool {
	if n == 0 {
		return true
	}
	last := Words(n) - 1
	for _, w := range a[:last] {
		if w != ^uint64(0) {
			return false
		}
	}
	return a[last] == tail(n)
}

// Any says whether a bit is set.
func Any(a []uint64) bool {
	for _, w := range a {
		if w != 0 {
			return true
		}
	}
	return false
}

// Get is bit i.
func Get(a []uint64, i int) bool { return a[uint(i)>>6]>>(uint(i)&63)&1 != 0 }

// Set makes bit i v.
func Set(a []uint64, i int, v bool) {
	m := uint64(1) << (uint(i) & 63)
	if v {
		a[uint(i)>>6] |= m
	} else {
		a[uint(i)>>6] &^= m
	}
}

// ForEach calls f with the index of every set bit, in rising order. Hot loops walk the words themselves.
func ForEach(a []uint64, f func(i int)) {
	for j, w := range a {
		for ; w != 0; w &= w - 1 {
			f(j*64 + bits.TrailingZeros64(w))
		}
	}
}

// Slice is the loop for i < n { dst[i] = src[off+i] }; dst has Words(n) words, src at least off+n bits. dst may be src itself.
func Slice(dst, src []uint64, off, n int) {
	if n == 0 {
		return
	}
	dst = dst[:Words(n)]
	src = src[uint(off)>>6 : Words(off+n)]
	s := uint(off) & 63
	if s == 0 {
		copy(dst, src)
	} else {
		for i := range dst {
			w := src[i] >> s
			if i+1 < len(src) {
				w |= src[i+1] << (64 - s)
			}
			dst[i] = w
		}
	}
	dst[len(dst)-1] &= tail(n)
}

// Paste is the loop for i < n { dst[at+i] = src[i] }; the other bits of dst stay. dst has at least at+n bits, src Words(n)
// words; they must not overlap.
func Paste(dst []uint64, at int, src []uint64, n int) {
	if n == 0 {
		return
	}
	src = src[:Words(n)]
	dst = dst[uint(at)>>6 : Words(at+n)]
	s := uint(at) & 63
	for i, w := range src {
		m := ^uint64(0)
		if i == len(src)-1 {
			m = tail(n)
		}
		dst[i] = dst[i]&^(m<<s) | w<<s
		if hi := m >> (64 - s); hi != 0 { // a shift by 64 is zero in Go
			dst[i+1] = dst[i+1]&^hi | w>>(64-s)
		}
	}
}

// FromBools is the loop for i { dst[i] = src[i] }; dst has Words(len(src)) words.
func FromBools(dst []uint64, src []bool) {
	dst = dst[:Words(len(src))]
	for j := range dst {
		part := src[j*64 : min(len(src), j*64+64)]
		var w uint64
		for i, v := range part {
			var b uint64
			if v {
				b = 1
			}
			w |= b << (uint(i) & 63)
		}
		dst[j] = w
	}
}

// ToBools is the loop for i < len(dst) { dst[i] = src[i] }
func ToBools(dst []bool, src []uint64) {
	src = src[:Words(len(dst))]
	for i := range dst {
		dst[i] = src[uint(i)>>6]>>(uint(i)&63)&1 != 0
	}
}

// ToIndex writes the indexes of the set bits into dst in rising order and returns their number; dst has at least Count(src)
// elements, of which the ones past that may be overwritten.
func ToIndex(dst []int32, src []uint64) int { return toIndex(dst, src) }

// toIndexGo is the reference; from is the index of the first bit.
func toIndexGo(dst []int32, src []uint64, from int) int {
	n := 0
	for j, w := range src {
		base := int32(from + j*64)
		if w == ^uint64(0) {
			d := dst[n : n+64]
			for i := range d {
				d[i] = base + int32(i)
			}
			n += 64
			continue
		}
		for ; w != 0; w &= w - 1 {
			dst[n] = base + int32(bits.TrailingZeros64(w))
			n++
		}
	}
	return n
}

// FromIndex sets in the n bits of dst, and in no others, the bits that index names.
func FromIndex(dst []uint64, index []int32, n int) {
	dst = dst[:Words(n)]
	clear(dst)
	for _, i := range index {
		if int(i) >= n {
			panic("bits: index past the bitmap's end")
		}
		dst[uint32(i)>>6] |= 1 << (uint32(i) & 63)
	}
}

// Take is the loop for i < len(index) { dst[i] = src[index[i]] }; dst has Words(len(index)) words, and is not src. A
// negative index, which stands for no row, gives false.
func Take(dst, src []uint64, index []int32) {
	take(dst[:Words(len(index))], src, index)
}

// takeGo is the reference.
func takeGo(dst, src []uint64, index []int32) {
	for j := range dst {
		part := index[j*64 : min(len(index), j*64+64)]
		var w uint64
		for i, x := range part {
			if x >= 0 {
				w |= (src[uint32(x)>>6] >> (uint32(x) & 63) & 1) << (uint(i) & 63)
			}
		}
		dst[j] = w
	}
}

// Filter packs the bits of src where keep is set, in order, and returns their number. dst has at least Words(Count(keep))
// words, of which the ones past that are left alone; src and keep have one length. dst may be src.
func Filter(dst, src, keep []uint64) int { return filter(dst, src[:len(keep)], keep) }

// filterGo is the reference.
func filterGo(dst, src, keep []uint64) int {
	n := 0
	var acc uint64 // the bits that do not fill a word yet
	for i, k := range keep {
		if k == 0 {
			continue
		}
		v, c := src[i], 64
		if k != ^uint64(0) {
			v, c = extract(v, k), bits.OnesCount64(k)
		}
		at := uint(n) & 63
		acc |= v << at
		if n += c; at+uint(c) >= 64 {
			dst[uint(n)>>6-1] = acc
			acc = v >> (64 - at)
		}
	}
	if n&63 != 0 {
		dst[n>>6] = acc
	}
	return n
}

// extract packs the bits of v under mask, lowest first: the parallel suffix of Hacker's Delight, 7-4.
func extract(v, mask uint64) uint64 {
	v &= mask
	left := ^mask << 1
	for s := uint(1); s < 64; s *= 2 {
		p := left
		for t := uint(1); t < 64; t *= 2 {
			p ^= p << t
		}
		move := p & mask
		mask = mask ^ move | move>>s
		t := v & move
		v = v ^ t | t>>s
		left &^= p
	}
	return v
}
