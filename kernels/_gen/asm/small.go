package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// takeSmall8 is take of 8 bytes from no more than 32 elements, which stay in four registers: see take.
func takeSmall8() {
	l := avx512
	function("takeSmall8AVX512", "(dst *uint64, src *[32]uint64, size int, index *int32, n int) (done int)",
		"takeSmall8AVX512: n > 0, a multiple of 16; 0 < size <= 32. It stops before 16 rows of which one is past size.")
	dst, src, size, index, n := pointer("dst"), pointer("src"), pointer("size"), pointer("index"), pointer("n")
	var t [4]VecVirtual
	for i := range t {
		t[i] = l.vec()
		VMOVDQU64(Mem{Base: src, Disp: 64 * i}, t[i])
	}
	limit, sixteen, zero, done := l.vec(), l.all(16), l.zero(), GP64()
	VPBROADCASTD(size.As32(), limit)
	XORQ(done, done)
	Label("loop")
	x := l.vec()
	some, inside := K(), K()
	VMOVDQU64(Mem{Base: index}, x)
	VPCMPD(U8(5), zero, x, some)
	VPCMPD(U8(1), limit, x, some, inside)
	KXORW(some, inside, inside)
	KORTESTW(inside, inside)
	JNE(LabelRef("stop"))
	for u := range 2 {
		at, low, high, upper := l.vec(), l.vec(), l.vec(), K()
		half := x.AsY()
		if u == 1 {
			half = YMM()
			VEXTRACTI64X4(U8(1), x, half)
			next := K()
			KSHIFTRW(U8(8), some, next)
			some = next
		}
		VPMOVSXDQ(half, at)
		VMOVDQA64(at, low)
		VMOVDQA64(at, high)
		VPERMI2Q(t[1], t[0], low)
		VPERMI2Q(t[3], t[2], high)
		VPTESTMQ(sixteen, at, upper)
		VMOVDQA64(high, upper, low)
		VMOVDQU64_Z(low, some, low)
		VMOVDQU64(low, Mem{Base: dst, Disp: 64 * u})
	}
	ADDQ(U32(128), dst)
	ADDQ(U8(64), index)
	ADDQ(U8(16), done)
	CMPQ(done, n)
	JNE(LabelRef("loop"))
	Label("stop")
	Store(done, Return("done"))
	VZEROUPPER()
	RET()
}

// takeSmallBits is takeBits from no more than 512 bits, which stay in a register.
func takeSmallBits() {
	l := avx512
	function("takeSmallAVX512", "(dst *uint64, src *[8]uint64, size int, index *int32, words int) (done int)",
		"takeSmallAVX512: words > 0 of dst; 0 < size <= 512, in bits. It stops before a word of which a row is past size.")
	dst, src, size, index, words := pointer("dst"), pointer("src"), pointer("size"), pointer("index"), pointer("words")
	t, limit, ones, low, done := l.vec(), l.vec(), l.vec(), l.vec(), GP64()
	VMOVDQU64(Mem{Base: src}, t)
	VPBROADCASTD(size.As32(), limit)
	by := GP32()
	MOVL(U32(1), by)
	VPBROADCASTD(by, ones)
	MOVL(U32(31), by)
	VPBROADCASTD(by, low)
	XORQ(done, done)
	zero := l.zero()
	Label("loop")
	var found [4]Register
	for u := range found {
		x, bit := l.vec(), l.vec()
		some, inside, k := K(), K(), K()
		VMOVDQU32(Mem{Base: index, Disp: 64 * u}, x)
		VPCMPD(U8(5), zero, x, some)
		VPCMPD(U8(1), limit, x, some, inside)
		KXORW(some, inside, inside)
		KORTESTW(inside, inside)
		JNE(LabelRef("stop"))
		VPANDD(low, x, bit)
		VPSLLVD(bit, ones, bit)
		VPSRLD(U8(5), x, x)
		VPERMD(t, x, x)
		VPTESTMD(bit, x, some, k)
		found[u] = k
	}
	for u, k := range found {
		KMOVW(k, Mem{Base: dst, Disp: 2 * u})
	}
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

// filter4 is pick of elements of 4 bytes; AVX2 looks the order of eight lanes up by a byte of the bitmap.
func filter4(l isa) {
	name := "filter4" + l.name
	function(name, "(dst *uint32, room int, src *uint32, keep *uint64, words int) (done, n int)",
		name+": words > 0 whole words of keep; stops before the word that dst might have no room for. done is in words.")
	dst, room, src, keep, words := pointer("dst"), pointer("room"), pointer("src"), pointer("keep"), pointer("words")
	start, first, end := GP64(), GP64(), GP64()
	MOVQ(dst, start)
	MOVQ(keep, first)
	LEAQ(Mem{Base: dst, Index: room, Scale: 4, Disp: -256}, end) // the last place where a word may begin
	table, lanes := GP64(), 2*l.lanes
	if l.lanes == 4 {
		LEAQ(setBits(), table)
	}
	Label("loop")
	CMPQ(dst, end)
	JGT(LabelRef("done"))
	w := GP64()
	MOVQ(Mem{Base: keep}, w)
	TESTQ(w, w)
	JEQ(LabelRef("next"))
	for u := range 64 / lanes {
		part, count, v, at := GP64(), GP64(), l.vec(), Mem{Base: src, Disp: 4 * lanes * u}
		if l.lanes == 8 {
			k := K()
			MOVWQZX(w.As16(), part)
			KMOVW(part.As32(), k)
			VMOVDQU32(at, v)
			VPCOMPRESSD_Z(v, k, v)
		} else {
			MOVBQZX(w.As8(), part)
			VPMOVZXBD(Mem{Base: table, Index: part, Scale: 8}, v)
			VPERMD(at, v, v)
		}
		VMOVUPS(v, Mem{Base: dst})
		POPCNTQ(part, count)
		LEAQ(Mem{Base: dst, Index: count, Scale: 4}, dst)
		if u < 64/lanes-1 {
			SHRQ(U8(lanes), w)
		}
	}
	Label("next")
	ADDQ(U32(256), src)
	ADDQ(U8(8), keep)
	DECQ(words)
	JNE(LabelRef("loop"))
	Label("done")
	SUBQ(first, keep)
	SHRQ(U8(3), keep)
	Store(keep, Return("done"))
	SUBQ(start, dst)
	SHRQ(U8(2), dst)
	Store(dst, Return("n"))
	VZEROUPPER()
	RET()
}
