package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// bitmaps: see bits.toIndexGo, bits.filterGo and bits.takeGo.
func bitmaps() {
	toIndex()
	filterBits()
	takeBits()
	takeSmallBits()
}

// toIndex looks the bits of a byte up and stores eight indexes for each, so that a word is begun only where 64 elements of dst
// are left.
func toIndex() {
	function("toIndexAVX2", "(dst *int32, room int, src *uint64, words int) (done, n int)",
		"toIndexAVX2: words > 0; stops before the word that dst might have no room for. done is in words.")
	dst, room, src, words := pointer("dst"), pointer("room"), pointer("src"), pointer("words")
	start, first, end, table, by := GP64(), GP64(), GP64(), GP64(), GP32()
	MOVQ(dst, start)
	MOVQ(src, first)
	LEAQ(Mem{Base: dst, Index: room, Scale: 4, Disp: -256}, end) // the last place where a word may begin
	LEAQ(setBits(), table)
	all := func(n int) VecVirtual {
		x, v := XMM(), YMM()
		MOVL(U32(n), by)
		VMOVD(by, x)
		VPBROADCASTD(x, v)
		return v
	}
	index, eight, word := avx2.zero(), all(8), all(64)
	Label("loop")
	CMPQ(dst, end)
	JGT(LabelRef("done"))
	w, at := GP64(), YMM()
	MOVQ(Mem{Base: src}, w)
	TESTQ(w, w)
	JEQ(LabelRef("next"))
	VMOVDQA(index, at)
	for u := range 8 {
		v, part, count := YMM(), GP64(), GP64()
		MOVBQZX(w.As8(), part)
		VPMOVZXBD(Mem{Base: table, Index: part, Scale: 8}, v)
		VPADDD(at, v, v)
		VMOVDQU(v, Mem{Base: dst})
		POPCNTQ(part, count)
		LEAQ(Mem{Base: dst, Index: count, Scale: 4}, dst)
		if u < 7 {
			SHRQ(U8(8), w)
			VPADDD(eight, at, at)
		}
	}
	Label("next")
	VPADDD(word, index, index)
	ADDQ(U8(8), src)
	DECQ(words)
	JNE(LabelRef("loop"))
	Label("done")
	SUBQ(first, src)
	SHRQ(U8(3), src)
	Store(src, Return("done"))
	SUBQ(start, dst)
	SHRQ(U8(2), dst)
	Store(dst, Return("n"))
	VZEROUPPER()
	RET()
}

// setBits is, for each byte, the places of its bits that are set, a byte each.
func setBits() Mem {
	m := GLOBL("setBits", RODATA|NOPTR)
	for b := range 256 {
		var places uint64
		at := 0
		for bit := range 8 {
			if b>>bit&1 != 0 {
				places |= uint64(bit) << (8 * at)
				at++
			}
		}
		DATA(8*b, U64(places))
	}
	return m
}

// filterBits stores the word that is being filled after each step, which needs no branch: where a bit is kept, that word is one
// of dst.
func filterBits() {
	function("filterBMI2", "(dst, src, keep *uint64, words int) (n int)", "filterBMI2: words > 0.")
	dst, src, keep, words := pointer("dst"), pointer("src"), pointer("keep"), pointer("words")
	n, at, acc := GP64(), GP64(), GP64()
	XORQ(n, n)
	XORQ(at, at)
	XORQ(acc, acc)
	Label("loop")
	k := GP64()
	MOVQ(Mem{Base: keep}, k)
	TESTQ(k, k)
	JEQ(LabelRef("next"))
	v, count, low, high, left := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: src}, v)
	PEXTQ(k, v, v)
	POPCNTQ(k, count)
	SHLXQ(at, v, low)
	MOVQ(at, left)
	NOTQ(left) // 63-at, and a shift by one more in two steps, as it may be of 64
	SHRQ(U8(1), v)
	SHRXQ(left, v, high)
	ORQ(low, acc)
	word := GP64()
	MOVQ(n, word)
	SHRQ(U8(6), word)
	MOVQ(acc, Mem{Base: dst, Index: word, Scale: 8})
	ADDQ(count, n)
	ADDQ(count, at)
	BTQ(U8(6), at)
	CMOVQCS(high, acc)
	ANDQ(U8(63), at)
	Label("next")
	ADDQ(U8(8), src)
	ADDQ(U8(8), keep)
	DECQ(words)
	JNE(LabelRef("loop"))
	TESTQ(at, at)
	JEQ(LabelRef("full"))
	last := GP64()
	MOVQ(n, last)
	SHRQ(U8(6), last)
	MOVQ(acc, Mem{Base: dst, Index: last, Scale: 8})
	Label("full")
	Store(n, Return("n"))
	RET()
}

// takeBits: indexes below zero are masked; a vector with one past src is left to the reference, which panics.
func takeBits() {
	l := avx512
	function("takeAVX512", "(dst *uint64, src *uint64, size int, index *int32, words int) (done int)",
		"takeAVX512: words > 0 of dst; size > 0, in bits, fits 31 of them. It stops before a word of which a row is past src.")
	dst, src, size, index, words := pointer("dst"), pointer("src"), pointer("size"), pointer("index"), pointer("words")
	limit, ones, low, done := l.vec(), l.vec(), l.vec(), GP64()
	VPBROADCASTD(size.As32(), limit)
	by := GP32()
	MOVL(U32(1), by)
	VPBROADCASTD(by, ones)
	MOVL(U32(31), by)
	VPBROADCASTD(by, low)
	XORQ(done, done)
	zero := l.zero()
	Label("loop")
	var parts []GPVirtual
	for u := range 4 {
		x, bit, v := l.vec(), l.vec(), l.zero()
		some, inside, found, gather := K(), K(), K(), K()
		VMOVDQU32(Mem{Base: index, Disp: 64 * u}, x)
		VPCMPD(U8(5), zero, x, some)
		VPCMPD(U8(1), limit, x, some, inside)
		KXORW(some, inside, inside)
		KORTESTW(inside, inside)
		JNE(LabelRef("stop"))
		VPANDD(low, x, bit)
		VPSLLVD(bit, ones, bit)
		VPSRLD(U8(5), x, x)
		KMOVW(some, gather)
		VPGATHERDD(Mem{Base: src, Index: x, Scale: 4}, gather, v)
		VPTESTMD(bit, v, some, found)
		r := GP64()
		KMOVW(found, r.As32())
		parts = append(parts, r)
	}
	for u, r := range parts[1:] {
		SHLQ(U8(16*(u+1)), r)
		ORQ(r, parts[0])
	}
	MOVQ(parts[0], Mem{Base: dst})
	ADDQ(U8(8), dst)
	ADDQ(U32(256), index)
	INCQ(done)
	CMPQ(done, words)
	JNE(LabelRef("loop"))
	Label("stop")
	Store(done, Return("done"))
	VZEROUPPER()
	RET()
}
