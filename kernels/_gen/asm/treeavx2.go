package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// treeAVX2 is the loops of treeKernels that AVX2 takes other ways with: it has no masks, no shift that fills with the sign, no conversion of
// 64-bit integers and no compress.
func treeAVX2() {
	flushAVX2()
	unionAVX2()
	roundAVX2()
	searchAVX2()
	sidesAVX2()
	partAVX2()
	countBelow("binsAVX2")
}

// flushAVX2 fills with the sign what a shift has emptied: (x ^ sign) - sign.
func flushAVX2() {
	l := avx2
	function("flushAVX2", "(sg, sh, sn *int64, count int, words *[256]uint64, rowsMask, hessMask, sign uint64, shiftH, shiftG uint64)",
		"flushAVX2: count > 0, a multiple of 8; hessMask is 0 where there is no h, which is n then. sign is the sign's bit of g when it is shifted.")
	g, h, n, left, words := pointer("sg"), pointer("sh"), pointer("sn"), pointer("count"), pointer("words")
	rows, hess, sign := l.word("rowsMask"), pointer("hessMask"), l.word("sign")
	byH, byG := count("shiftH"), count("shiftG")
	hessMask, zero := l.word("hessMask"), l.zero()
	eightBins(hess, left, h, []Register{g, n, words}, func(withH bool) {
		for u := range 2 {
			at := func(p Register) Mem { return Mem{Base: p, Disp: 32 * u} }
			w, t := l.vec(), l.vec()
			VMOVDQU(at(words), w)
			VMOVDQU(zero, at(words))
			VPAND(rows, w, t)
			VPADDQ(at(n), t, t)
			VMOVDQU(t, at(n))
			if withH {
				s := l.vec()
				VPSRLQ(byH, w, s)
				VPAND(hessMask, s, s)
				VPADDQ(at(h), s, s)
				VMOVDQU(s, at(h))
			}
			VPSRLQ(byG, w, w)
			VPXOR(sign, w, w)
			VPSUBQ(sign, w, w)
			VPADDQ(at(g), w, w)
			VMOVDQU(w, at(g))
		}
	})
}

// unionAVX2 reads what is in the nearest cache, two vectors a cycle: wider ones would be no faster.
func unionAVX2() {
	l := avx2
	function("unionAVX2", "(words *uint64, n int) uint64", "unionAVX2: n > 0, a multiple of 8.")
	words, n := pointer("words"), pointer("n")
	a, b := l.zero(), l.zero()
	Label("loop")
	VPOR(Mem{Base: words}, a, a)
	VPOR(Mem{Base: words, Disp: 32}, b, b)
	ADDQ(U8(64), words)
	SUBQ(U8(8), n)
	JNE(LabelRef("loop"))
	VPOR(b, a, a)
	VEXTRACTI128(U8(1), a, b.AsX())
	VPOR(b.AsX(), a.AsX(), a.AsX())
	VPSHUFD(U8(0x4e), a.AsX(), b.AsX())
	VPOR(b.AsX(), a.AsX(), a.AsX())
	r := GP64()
	VMOVQ(a.AsX(), r)
	Store(r, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// roundAVX2 makes a signed word of g by the sum that rounds it, (x ^ 1<<31) - 1<<31, and has zeros where downG should have left its sign: they
// go out of the word.
func roundAVX2() {
	l := avx2
	function("roundAVX2", "(dst, src *uint64, n int, halfG, halfH, downG, downH, shiftG, shiftH uint64)",
		"roundAVX2: n > 0, a multiple of 8; halfG is 1<<31 less, and shiftG no less than downG.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	halfG, halfH := l.word("halfG"), l.word("halfH")
	downG, downH, shiftG, shiftH := count("downG"), count("downH"), count("shiftG"), count("shiftH")
	sign, one, low := l.fill(1<<31), l.fill(1), l.fill(1<<32-1)
	Label("loop")
	for u := range 2 {
		v, g := l.vec(), l.vec()
		VMOVDQU(Mem{Base: src, Disp: 32 * u}, v)
		VPSRLQ(U8(32), v, g)
		VPXOR(sign, g, g)
		VPADDQ(halfG, g, g)
		VPSRLQ(downG, g, g)
		VPSLLQ(shiftG, g, g)
		VPAND(low, v, v)
		VPADDQ(halfH, v, v)
		VPSRLQ(downH, v, v)
		VPMAXUD(one, v, v)
		VPSLLQ(shiftH, v, v)
		VPADDQ(v, g, g)
		VPADDQ(one, g, g)
		VMOVDQU(g, Mem{Base: dst, Disp: 32 * u})
	}
	ADDQ(U8(64), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(8), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// searchAVX2 is searchCuts four at a time. A float is made of a word's lower half behind the bits of 2^52 and of its upper half, with the sign
// turned round, behind those of 2^84; taking the constants away is exact and adding the halves rounds once. Of h, which is below 2^52, the lower
// half is all, and the difference of two such floats is the float of the difference.
func searchAVX2() {
	l := avx2
	function("searchAVX2", "(s *int64, limits *[6]int64, sg, sh, sn *int64, count int, best *[8]float64, cut *[8]int64)",
		"searchAVX2: count > 0; whole vectors are read. n and h are above the first two limits, and n, h and the cut not above the next three; the last is all h as a float.")
	s, limits, g, h, n, left := pointer("s"), pointer("limits"), pointer("sg"), pointer("sh"), pointer("sn"), pointer("count")
	// What does not change stays in memory: there are too few registers.
	kept := func(base Register, i int) Mem {
		m := AllocLocal(32)
		VMOVUPD(l.broadcast(Mem{Base: base, Disp: 8 * i}), m)
		return m
	}
	// The fields in their order.
	allG, l1, l2 := kept(s, 0), kept(s, 5), kept(s, 6)
	sumG, sumH, sumN := l.broadcast(Mem{Base: s, Disp: 56}), l.broadcast(Mem{Base: s, Disp: 64}), l.broadcast(Mem{Base: s, Disp: 72})
	rowsMin, hessMin, rowsMost, hessMost, cutMost, allH := kept(limits, 0), kept(limits, 1), kept(limits, 2), kept(limits, 3), kept(limits, 4), kept(limits, 5)
	four := func(name string, v uint64) Mem { return indexes(name, v, v, v, v) }
	abs, step := four("searchAbs", 1<<63-1), four("searchFour", 4)
	low, high, bias := four("searchLow", 0x43300000_00000000), four("searchHigh", 0x45300000_80000000), four("searchBias", 0x45300000_80100000)
	zero, best, cut, at := l.zero(), l.zero(), l.vec(), l.vec()
	VPCMPEQD(cut, cut, cut)
	VMOVDQU(indexes("searchFirst", 0, 1, 2, 3), at)
	bad := l.vec()
	// prefix adds to each lane those before it and what came before, in sum.
	prefix := func(from GPVirtual, sum VecVirtual, none bool) VecVirtual {
		v, t := l.vec(), l.vec()
		VMOVDQU(Mem{Base: from}, v)
		if none {
			VPCMPEQQ(zero, v, bad)
		}
		VPSLLDQ(U8(8), v, t)
		VPADDQ(t, v, v)
		VPERM2I128(U8(0x08), v, v, t) // zeros, and above them the lower half
		VPUNPCKHQDQ(t, t, t)
		VPADDQ(t, v, v)
		VPADDQ(sum, v, v)
		VPERMQ(U8(0xff), v, sum)
		ADDQ(U8(32), from)
		return v
	}
	Label("loop")
	gl, hl, nl := prefix(g, sumG, false), prefix(h, sumH, false), prefix(n, sumN, true)
	some, t, bits := l.vec(), l.vec(), GP32()
	VPCMPGTQ(rowsMin, nl, some)
	VPCMPGTQ(hessMin, hl, t)
	VPAND(t, some, some)
	for _, c := range []struct {
		v    VecVirtual
		most Mem
	}{{nl, rowsMost}, {hl, hessMost}, {at, cutMost}} {
		VPCMPGTQ(c.most, c.v, t)
		VPOR(t, bad, bad)
	}
	VPANDN(some, bad, some)
	VMOVMSKPD(some, bits)
	TESTL(bits, bits)
	JEQ(LabelRef("next"))
	gr, hr := l.vec(), l.vec()
	VMOVDQU(allG, gr)
	VPSUBQ(gl, gr, gr)
	for _, v := range []VecVirtual{gl, gr} {
		half := l.vec()
		VPBLENDD(U8(0xaa), low, v, half)
		VPSRLQ(U8(32), v, v)
		VPXOR(high, v, v)
		VSUBPD(bias, v, v)
		VADDPD(half, v, v)
		VPAND(abs, v, v)
		VSUBPD(l1, v, v)
		VMAXPD(zero, v, v)
		VMULPD(v, v, v)
	}
	VPOR(low, hl, hl)
	VSUBPD(low, hl, hl)
	VMOVUPD(allH, hr)
	VSUBPD(hl, hr, hr)
	VADDPD(l2, hl, hl)
	VADDPD(l2, hr, hr)
	VMULPD(hr, gl, gl)
	VMULPD(hl, gr, gr)
	VADDPD(gr, gl, gl)
	VMULPD(hr, hl, hl)
	VDIVPD(hl, gl, gl)
	VCMPPD(U8(0x1e), best, gl, t)
	VPAND(some, t, t)
	VBLENDVPD(t, gl, best, best)
	VBLENDVPD(t, at, cut, cut)
	Label("next")
	VPADDQ(step, at, at)
	SUBQ(U8(4), left)
	JGT(LabelRef("loop"))
	bestTo, cutTo := pointer("best"), pointer("cut")
	VMOVUPD(best, Mem{Base: bestTo})
	VMOVDQU(cut, Mem{Base: cutTo})
	VZEROUPPER()
	RET()
}

// bitOfSet has a set's bytes in two vectors and gives, of codes, the byte that a code's bit is in, and the bit.
func bitOfSet(name string, set GPVirtual) func(codes Mem) (has, bit VecVirtual) {
	l := avx2
	low, high, bits := l.vec(), l.vec(), l.vec()
	VBROADCASTI128(Mem{Base: set}, low)
	VBROADCASTI128(Mem{Base: set, Disp: 16}, high)
	VBROADCASTI128(indexes(name+"Bits", 0x8040201008040201, 0x8040201008040201), bits)
	five, three := l.fill(0x1f1f1f1f1f1f1f1f), l.fill(0x0707070707070707)
	return func(codes Mem) (has, bit VecVirtual) {
		c, at := l.vec(), l.vec()
		has, bit = l.vec(), l.vec()
		VMOVDQU(codes, c)
		VPSRLW(U8(3), c, at)
		VPAND(five, at, at)
		VPSHUFB(at, low, has)
		VPSHUFB(at, high, bit)
		VPBLENDVB(c, bit, has, has)
		VPAND(three, c, c)
		VPSHUFB(c, bits, bit)
		return has, bit
	}
}

func sidesAVX2() {
	function("sidesAVX2", "(dst *uint64, n int, col *uint8, set *[4]uint64)", "sidesAVX2: n > 0, a multiple of 64.")
	dst, n, col, set := pointer("dst"), pointer("n"), pointer("col"), pointer("set")
	of := bitOfSet("sides", set)
	Label("loop")
	for u := range 2 {
		has, bit := of(Mem{Base: col, Disp: 32 * u})
		side := GP32()
		VPAND(bit, has, has)
		VPCMPEQB(bit, has, has)
		VPMOVMSKB(has, side)
		MOVL(side, Mem{Base: dst, Disp: 4 * u})
	}
	ADDQ(U8(64), col)
	ADDQ(U8(8), dst)
	SUBQ(U8(64), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// partAVX2 stores whole vectors, of which the rows that come next to a side take what is too much: so it ends where a side, which stands next to
// the other, has no room for one.
func partAVX2() {
	function("partAVX2", "(left, right *int32, roomLeft, roomRight int, rows *int32, n int, sides *uint64) (done, lefts int)",
		"partAVX2: n > 0, a multiple of 8; stops before eight rows that a side might have no room for.")
	left, right, rows, n, sides := pointer("left"), pointer("right"), pointer("rows"), pointer("n"), pointer("sides")
	end := func(side GPVirtual, room string) GPVirtual { // the last place where eight rows may begin
		r := pointer(room)
		LEAQ(Mem{Base: side, Index: r, Scale: 4, Disp: -32}, r)
		return r
	}
	endLeft, endRight := end(left, "roomLeft"), end(right, "roomRight")
	start, first, table := GP64(), GP64(), GP64()
	MOVQ(left, start)
	MOVQ(rows, first)
	LEAQ(setBits(), table)
	Label("loop")
	CMPQ(left, endLeft)
	JGT(LabelRef("done"))
	CMPQ(right, endRight)
	JGT(LabelRef("done"))
	bits, count := GP64(), GP64()
	pick := func(to GPVirtual) {
		v := YMM()
		VPMOVZXBD(Mem{Base: table, Index: bits, Scale: 8}, v)
		VPERMD(Mem{Base: rows}, v, v)
		VMOVDQU(v, Mem{Base: to})
	}
	MOVBQZX(Mem{Base: sides}, bits)
	POPCNTQ(bits, count)
	pick(left)
	LEAQ(Mem{Base: left, Index: count, Scale: 4}, left)
	XORQ(U32(255), bits)
	pick(right)
	NEGQ(count)
	LEAQ(Mem{Base: right, Index: count, Scale: 4, Disp: 32}, right)
	ADDQ(U8(32), rows)
	INCQ(sides)
	SUBQ(U8(8), n)
	JNE(LabelRef("loop"))
	Label("done")
	SUBQ(first, rows)
	SHRQ(U8(2), rows)
	Store(rows, Return("done"))
	SUBQ(start, left)
	SHRQ(U8(2), left)
	Store(left, Return("lefts"))
	VZEROUPPER()
	RET()
}

// below counts twice how many of 16 numbers are below x.
func below(x VecVirtual, numbers func(i int) Op) GPVirtual {
	var k [4]VecVirtual
	for i := range k {
		k[i] = YMM()
		VCMPPD(U8(0x1e), numbers(i), x, k[i])
	}
	VPACKSSDW(k[1], k[0], k[0])
	VPACKSSDW(k[3], k[2], k[2])
	VPACKSSWB(k[2], k[0], k[0])
	r := GP32()
	VPMOVMSKB(k[0], r)
	POPCNTL(r, r)
	return r
}

// rank counts the cuts below x: of every sixteenth first, then, from cuts on, of the sixteen between two of those.
func rank(x VecVirtual, tops func(i int) Op, cuts Mem) GPVirtual {
	top := below(x, tops)
	SHLL(U8(6), top) // sixteen numbers of 8 bytes are 128, and it is twice the count
	rest := below(x, func(i int) Op {
		m := cuts.Offset(32 * i)
		m.Index, m.Scale = top.As64(), 1
		return m
	})
	SHRL(U8(2), top)
	ADDL(top, rest)
	SHRL(U8(1), rest)
	return rest
}

// countBelow is a kernel that counts the cuts below each of many values.
func countBelow(name string) {
	l := avx2
	function(name, "(dst *uint8, xs *float64, n int, cuts, tops *float64) (odd uint64)", name+": n > 0, a multiple of 8; odd is not 0 where there is a NaN.")
	dst, xs, n, cuts, tops := pointer("dst"), pointer("xs"), pointer("n"), pointer("cuts"), pointer("tops")
	var top [4]VecVirtual
	for i := range top {
		top[i] = l.vec()
		VMOVUPD(Mem{Base: tops, Disp: 32 * i}, top[i])
	}
	odd := GP64()
	XORQ(odd, odd)
	Label("loop")
	for u := range 2 {
		some, bits := l.vec(), GP64()
		VMOVUPD(Mem{Base: xs, Disp: 32 * u}, some)
		VCMPPD(U8(3), some, some, some)
		VMOVMSKPD(some, bits.As32())
		ORQ(bits, odd)
	}
	for i := range 8 {
		x := l.vec()
		VBROADCASTSD(Mem{Base: xs, Disp: 8 * i}, x)
		code := rank(x, func(i int) Op { return top[i] }, Mem{Base: cuts})
		MOVB(code.As8(), Mem{Base: dst, Disp: i})
	}
	ADDQ(U8(64), xs)
	ADDQ(U8(8), dst)
	SUBQ(U8(8), n)
	JNE(LabelRef("loop"))
	Store(odd, Return("odd"))
	VZEROUPPER()
	RET()
}
