package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// texts: see texts.matchGo. Of strings of a fitting length, the first four bytes of where s would stand, and its last four, are
// gathered and compared; nothing behind limit plus the size of s is read, whatever the offsets.
func texts() {
	l := avx512
	function("matchAVX512", "(dst *uint64, words int, offsets *int32, data *byte, limit int, size int, slack, end int32, first, mask, last uint32) (done int)",
		"matchAVX512: words > 0 of dst; size > 0; first has zeros where mask has. It stops before a word of which a string lies behind limit.")
	dst, words, offsets, data := pointer("dst"), pointer("words"), pointer("offsets"), pointer("data")
	broadcast := func(r GPVirtual) VecVirtual {
		v := l.vec()
		VPBROADCASTD(r.As32(), v)
		return v
	}
	load32 := func(name string) VecVirtual { return broadcast(Load(Param(name), GP32()).(GPVirtual)) }
	length, tail := pointer("size"), GP64()
	LEAQ(Mem{Base: data, Index: length, Scale: 1, Disp: -4}, tail)
	limit, size, slack, end := broadcast(pointer("limit")), broadcast(length), load32("slack"), load32("end")
	first, mask, last := load32("first"), load32("mask"), load32("last")
	done := GP64()
	XORQ(done, done)
	Label("loop")
	var parts [4]GPVirtual
	for u := range parts {
		next := "part" + string(rune('1'+u))
		at, more, fit, inside := l.vec(), l.vec(), K(), K()
		parts[u] = GP64()
		XORQ(parts[u], parts[u])
		VMOVDQU32(Mem{Base: offsets, Disp: 64 * u}, at)
		VMOVDQU32(Mem{Base: offsets, Disp: 64*u + 4}, more)
		VPSUBD(at, more, more)
		VPSUBD(size, more, more)
		VPCMPUD(U8(2), slack, more, fit) // not more, nor below zero
		VPANDD(end, more, more)
		VPADDD(more, at, at)
		VPCMPUD(U8(2), limit, at, fit, inside)
		KXORW(fit, inside, inside)
		KORTESTW(inside, inside)
		JNE(LabelRef("stop"))
		KORTESTW(fit, fit)
		JEQ(LabelRef(next))
		same := func(base GPVirtual, want, mask Op) {
			x, take, k := l.zero(), K(), K()
			KMOVW(fit, take)
			VPGATHERDD(Mem{Base: base, Index: at, Scale: 1}, take, x)
			if mask != nil {
				VPANDD(mask, x, x)
			}
			VPCMPEQD(want, x, fit, k)
			fit = k
			KMOVW(fit, parts[u].As32())
		}
		same(data, first, mask)
		CMPQ(length, U8(4))
		JLE(LabelRef(next))
		same(tail, last, nil)
		Label(next)
	}
	for u, r := range parts[1:] {
		SHLQ(U8(16*(u+1)), r)
		ORQ(r, parts[0])
	}
	MOVQ(parts[0], Mem{Base: dst})
	ADDQ(U8(8), dst)
	ADDQ(U32(256), offsets)
	INCQ(done)
	CMPQ(done, words)
	JNE(LabelRef("loop"))
	Label("stop")
	Store(done, Return("done"))
	VZEROUPPER()
	RET()
}
