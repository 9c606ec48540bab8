package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// treeKernels: see the package tree.
func treeKernels() {
	flushTable()
	roundGradients()
	searchCuts()
	sidesOfRows()
	partRows()
	binValues()
	logistic()
	touch()
	treeAVX2()
}

// word broadcasts the argument, which AVX2 does from a vector only.
func (l isa) word(name string) VecVirtual {
	v := l.vec()
	if l.lanes == 8 {
		VPBROADCASTQ(Load(Param(name), GP64()), v)
	} else {
		VPBROADCASTQ(count(name), v)
	}
	return v
}

// fill has a constant in all words, at either level.
func (l isa) fill(v uint64) VecVirtual {
	r, x, y := GP64(), XMM(), l.vec()
	MOVQ(U64(v), r)
	VMOVQ(r, x)
	VPBROADCASTQ(x, y)
	return y
}

func count(name string) VecVirtual {
	x := XMM()
	VMOVQ(Load(Param(name), GP64()), x)
	return x
}

func flushTable() {
	l := avx512
	function("flushAVX512", "(sg, sh, sn *int64, count int, words *[256]uint64, rowsMask, hessMask uint64, shiftH, shiftG uint64)",
		"flushAVX512: count > 0, a multiple of 8; hessMask is 0 where there is no h, which is n then.")
	g, h, n, left, words := pointer("sg"), pointer("sh"), pointer("sn"), pointer("count"), pointer("words")
	rows, hess := l.word("rowsMask"), pointer("hessMask")
	byH, byG := count("shiftH"), count("shiftG")
	hessMask, zero := l.vec(), l.zero()
	VPBROADCASTQ(hess, hessMask)
	eightBins(hess, left, h, []Register{g, n, words}, func(withH bool) {
		w, t := l.vec(), l.vec()
		VMOVDQU64(Mem{Base: words}, w)
		VMOVDQU64(zero, Mem{Base: words})
		VPANDQ(w, rows, t)
		VPADDQ(Mem{Base: n}, t, t)
		VMOVDQU64(t, Mem{Base: n})
		if withH {
			u := l.vec()
			VPSRLQ(byH, w, u)
			VPANDQ(hessMask, u, u)
			VPADDQ(Mem{Base: h}, u, u)
			VMOVDQU64(u, Mem{Base: h})
		}
		VPSRAQ(byG, w, w)
		VPADDQ(Mem{Base: g}, w, w)
		VMOVDQU64(w, Mem{Base: g})
	})
}

// eightBins is the loops over the bins of a flush, eight at a time: with h, and without where hess is 0.
func eightBins(hess, left, h Register, others []Register, body func(withH bool)) {
	loop := func(name string, withH bool) {
		Label(name)
		body(withH)
		if withH {
			ADDQ(U8(64), h)
		}
		for _, p := range others {
			ADDQ(U8(64), p)
		}
		SUBQ(U8(8), left)
		JNE(LabelRef(name))
		VZEROUPPER()
		RET()
	}
	TESTQ(hess, hess)
	JEQ(LabelRef("even"))
	loop("loop", true)
	loop("even", false)
}

func roundGradients() {
	l := avx512
	function("roundAVX512", "(dst, src *uint64, n int, halfG, halfH, downG, downH, shiftG, shiftH uint64)", "roundAVX512: n > 0, a multiple of 8.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	halfG, halfH := l.word("halfG"), l.word("halfH")
	downG, downH, shiftG, shiftH := count("downG"), count("downH"), count("shiftG"), count("shiftH")
	one, low := l.all(1), l.all(1<<32-1)
	Label("loop")
	v, g := l.vec(), l.vec()
	VMOVDQU64(Mem{Base: src}, v)
	VPSRAQ(U8(32), v, g)
	VPADDQ(halfG, g, g)
	VPSRAQ(downG, g, g)
	VPSLLQ(shiftG, g, g)
	VPANDQ(low, v, v)
	VPADDQ(halfH, v, v)
	VPSRLQ(downH, v, v)
	VPMAXUQ(one, v, v)
	VPSLLQ(shiftH, v, v)
	VPADDQ(v, g, g)
	VPADDQ(one, g, g)
	VMOVDQU64(g, Mem{Base: dst})
	ADDQ(U8(64), src)
	ADDQ(U8(64), dst)
	SUBQ(U8(8), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// searchCuts keeps in each lane the first of its best cuts; the wrapper takes the best of the lanes.
func searchCuts() {
	l := avx512
	function("searchAVX512", "(s, sg, sh, sn *int64, count int, best *[8]float64, cut *[8]int64)", "searchAVX512: count > 0; whole vectors are read.")
	s, g, h, n := pointer("s"), pointer("sg"), pointer("sh"), pointer("sn")
	field := func(i int) VecVirtual { return l.broadcast(Mem{Base: s, Disp: 8 * i}) }
	// The fields in their order.
	allG, allH, allN, rowsMin, hessMin, l1, l2 := field(0), field(1), field(2), field(3), field(4), field(5), field(6)
	sumG, sumH, sumN := field(7), field(8), field(9)
	limit := l.word("count")
	left := pointer("count")
	zero, seven, eight, abs := l.zero(), l.all(7), l.all(8), l.all(1<<63-1)
	best, cut, at := l.zero(), l.all(1<<64-1), l.vec()
	VMOVDQU64(indexes("first8", 0, 1, 2, 3, 4, 5, 6, 7), at)
	// prefix adds to each lane those before it and what came before, in sum.
	k := K()
	prefix := func(from GPVirtual, sum VecVirtual, some bool) VecVirtual {
		v, t := l.vec(), l.vec()
		VMOVDQU64(Mem{Base: from}, v)
		if some {
			VPTESTMQ(v, v, k)
		}
		for _, lanes := range []uint8{1, 2, 4} {
			VALIGNQ(U8(8-lanes), zero, v, t)
			VPADDQ(t, v, v)
		}
		VPADDQ(sum, v, v)
		VPERMQ(v, seven, sum)
		ADDQ(U8(64), from)
		return v
	}
	Label("loop")
	gl, hl, nl := prefix(g, sumG, false), prefix(h, sumH, false), prefix(n, sumN, true)
	VPCMPQ(U8(1), limit, at, k, k)
	VPCMPQ(U8(5), rowsMin, nl, k, k)
	VPCMPQ(U8(5), hessMin, hl, k, k)
	gr, hr, nr := l.vec(), l.vec(), l.vec()
	VPSUBQ(nl, allN, nr)
	VPSUBQ(hl, allH, hr)
	VPSUBQ(gl, allG, gr)
	VPCMPQ(U8(5), rowsMin, nr, k, k)
	VPCMPQ(U8(5), hessMin, hr, k, k)
	KORTESTB(k, k)
	JEQ(LabelRef("next")) // a node has long stretches of bins that hold none of its rows
	for _, v := range []VecVirtual{gl, gr} {
		VCVTQQ2PD(v, v)
		VPANDQ(abs, v, v)
		VSUBPD(l1, v, v)
		VMAXPD(zero, v, v)
		VMULPD(v, v, v)
	}
	for _, v := range []VecVirtual{hl, hr} {
		VCVTQQ2PD(v, v)
		VADDPD(l2, v, v)
	}
	VMULPD(hr, gl, gl)
	VMULPD(hl, gr, gr)
	VADDPD(gr, gl, gl)
	VMULPD(hr, hl, hl)
	VDIVPD(hl, gl, gl)
	VCMPPD(U8(0x1e), best, gl, k, k)
	VMOVAPD(gl, k, best)
	VMOVDQA64(at, k, cut)
	Label("next")
	VPADDQ(eight, at, at)
	SUBQ(U8(8), left)
	JGT(LabelRef("loop"))
	bestTo, cutTo := pointer("best"), pointer("cut")
	VMOVUPD(best, Mem{Base: bestTo})
	VMOVDQU64(cut, Mem{Base: cutTo})
	VZEROUPPER()
	RET()
}

// sidesOfRows: 16 rows at a time, looked up in the eight halves of the set. Bytes of rows that do not follow each other are brought
// together first, one by one: a gather of sixteen takes longer.
func sidesOfRows() {
	l := avx512
	function("sidesAVX512", "(dst *uint64, n int, col *uint8, set *[4]uint64)", "sidesAVX512: n > 0, a multiple of 16.")
	dst, n, col, setAt := pointer("dst"), pointer("n"), pointer("col"), pointer("set")
	set, low, one := l.vec(), l.vec(), l.vec()
	VBROADCASTI64X4(Mem{Base: setAt}, set)
	fill := func(v uint32, to VecVirtual) {
		r := GP32()
		MOVL(U32(v), r)
		VPBROADCASTD(r, to)
	}
	fill(31, low)
	fill(1, one)
	Label("loop")
	b, half := l.vec(), l.vec()
	k := K()
	VPMOVZXBD(Mem{Base: col}, b)
	VPSRLD(U8(5), b, half)
	VPERMD(set, half, half)
	VPANDD(low, b, b)
	VPSRLVD(b, half, half)
	VPTESTMD(one, half, k)
	KMOVW(k, Mem{Base: dst})
	ADDQ(U8(16), col)
	ADDQ(U8(2), dst)
	SUBQ(U8(16), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()

	function("bytesAVX2", "(dst, src *uint8, rows *int32, n int)", "bytesAVX2: n > 0, a multiple of 8.")
	to, from, rows, left := pointer("dst"), pointer("src"), pointer("rows"), pointer("n")
	Label("loop")
	for i := range 8 {
		r := GP64()
		MOVL(Mem{Base: rows, Disp: 4 * i}, r.As32())
		MOVBLZX(Mem{Base: from, Index: r, Scale: 1}, r.As32())
		MOVB(r.As8(), Mem{Base: to, Disp: i})
	}
	ADDQ(U8(32), rows)
	ADDQ(U8(8), to)
	SUBQ(U8(8), left)
	JNE(LabelRef("loop"))
	RET()
}

// partRows compresses in a register and stores what there is: the sides stand next to each other, so that nothing may be written past one.
func partRows() {
	l := avx512
	function("partAVX512", "(left, right, rows *int32, n int, sides *uint64) (lefts int)", "partAVX512: n > 0, a multiple of 16.")
	left, right, rows, n, sides := pointer("left"), pointer("right"), pointer("rows"), pointer("n"), pointer("sides")
	total, ones := GP64(), GP32()
	XORQ(total, total)
	MOVL(U32(1<<16-1), ones)
	Label("loop")
	v, x, y := l.vec(), l.vec(), l.vec()
	k, other, store := K(), K(), K()
	bits, count, mask := GP32(), GP32(), GP32()
	VMOVDQU64(Mem{Base: rows}, v)
	MOVWLZX(Mem{Base: sides}, bits)
	KMOVW(bits, k)
	KNOTW(k, other)
	VPCOMPRESSD_Z(v, k, x)
	VPCOMPRESSD_Z(v, other, y)
	POPCNTL(bits, count)
	ADDQ(count.As64(), total)
	BZHIL(count, ones, mask)
	KMOVW(mask, store)
	VMOVDQU32(x, store, Mem{Base: left})
	LEAQ(Mem{Base: left, Index: count.As64(), Scale: 4}, left)
	NEGL(count)
	ADDL(U8(16), count)
	BZHIL(count, ones, mask)
	KMOVW(mask, store)
	VMOVDQU32(y, store, Mem{Base: right})
	LEAQ(Mem{Base: right, Index: count.As64(), Scale: 4}, right)
	ADDQ(U8(64), rows)
	ADDQ(U8(2), sides)
	SUBQ(U8(16), n)
	JNE(LabelRef("loop"))
	Store(total, Return("lefts"))
	VZEROUPPER()
	RET()
}

// binValues counts the cuts below a value: of every sixteenth first, then of the sixteen between two of those.
func binValues() {
	l := avx512
	function("binsAVX512", "(dst *uint8, xs *float64, n int, cuts, tops *float64) (odd uint64)", "binsAVX512: n > 0, a multiple of 8; odd is not 0 where there is a NaN.")
	dst, xs, n, cuts, tops := pointer("dst"), pointer("xs"), pointer("n"), pointer("cuts"), pointer("tops")
	top := [2]VecVirtual{l.vec(), l.vec()}
	for i := range top {
		VMOVUPD(Mem{Base: tops, Disp: 64 * i}, top[i])
	}
	odd := GP64()
	XORQ(odd, odd)
	Label("loop")
	some, nan, bits := l.vec(), K(), GP32()
	VMOVUPD(Mem{Base: xs}, some)
	VCMPPD(U8(3), some, some, nan)
	KMOVB(nan, bits)
	ORQ(bits.As64(), odd)
	for i := range 8 {
		x := l.vec()
		VBROADCASTSD(Mem{Base: xs, Disp: 8 * i}, x)
		below := func(a, b Op) GPVirtual {
			low, high, r := K(), K(), GP32()
			VCMPPD(U8(0x1e), a, x, low)
			VCMPPD(U8(0x1e), b, x, high)
			KUNPCKBW(low, high, low)
			KMOVW(low, r)
			POPCNTL(r, r)
			return r
		}
		j := below(top[0], top[1])
		SHLL(U8(4), j)
		rest := below(Mem{Base: cuts, Index: j.As64(), Scale: 8}, Mem{Base: cuts, Index: j.As64(), Scale: 8, Disp: 64})
		ADDL(j, rest)
		MOVB(rest.As8(), Mem{Base: dst, Disp: i})
	}
	ADDQ(U8(64), xs)
	ADDQ(U8(8), dst)
	SUBQ(U8(8), n)
	JNE(LabelRef("loop"))
	Store(odd, Return("odd"))
	VZEROUPPER()
	RET()
}

// logistic rounds by adding 3<<51, which leaves the integer in the lowest bits.
func logistic() {
	for _, l := range both {
		name := "logistic" + l.name
		function(name, "(dst *uint64, score, label *float64, n int, constants *[20]float64, shiftG, shiftH, row uint64, top *[2][8]uint64)", name+": n > 0, a multiple of 8.")
		dst, score, label, n, constants := pointer("dst"), pointer("score"), pointer("label"), pointer("n"), pointer("constants")
		// Where registers are few, constants stay in memory, each as often as a vector has lanes.
		constant := func(i int) Op {
			v := l.broadcast(Mem{Base: constants, Disp: 8 * i})
			if l.lanes == 8 {
				return v
			}
			m := AllocLocal(32)
			VMOVUPD(v, m)
			return m
		}
		scaleG, scaleH, log2e, ln2Hi, ln2Lo, most, magic, one, abs, bias := constant(0), constant(1), constant(2), constant(3), constant(4),
			constant(5), constant(6), constant(7), constant(8), constant(9)
		var c [9]Op
		for i := range c {
			c[i] = constant(10 + i)
		}
		unit := l.vec()
		r64 := GP64()
		MOVQ(U32(1), r64)
		x1 := XMM()
		VMOVQ(r64, x1)
		VPBROADCASTQ(x1, unit)
		and := func(b Op, a, d Op) {
			if l.lanes == 8 {
				VPANDQ(b, a, d)
			} else {
				VPAND(b, a, d)
			}
		}
		var shiftG, shiftH, row Op = count("shiftG"), count("shiftH"), l.vec()
		rowOf := XMM()
		VMOVQ(Load(Param("row"), GP64()), rowOf)
		VPBROADCASTQ(rowOf, row)
		if l.lanes == 4 {
			m := AllocLocal(32)
			VMOVUPD(row, m)
			row = m
		}
		topG, topH := l.zero(), l.zero()
		zero := l.zero()
		// greatest keeps the greater of positive words below 2^32.
		greatest := func(v, top VecVirtual) { VPMAXUD(v, top, top) }
		Label("loop")
		x, a, k, p, t := l.vec(), l.vec(), l.vec(), l.vec(), l.vec()
		l.move(Mem{Base: score}, x)
		and(abs, x, a)
		VMINPD(most, a, a)
		// a is -|x| from here on
		VSUBPD(a, zero, a)
		VMULPD(log2e, a, k)
		VADDPD(magic, k, k)
		l.move(k, p) // the integer is in its lowest bits
		VSUBPD(magic, k, k)
		VMULPD(ln2Hi, k, t)
		VSUBPD(t, a, a)
		VMULPD(ln2Lo, k, t)
		VSUBPD(t, a, a)
		e := l.vec()
		l.move(c[8], e)
		for i := 7; i >= 0; i-- {
			VMULPD(a, e, e)
			VADDPD(c[i], e, e)
		}
		VMULPD(a, e, e)
		VADDPD(one, e, e)
		VPADDQ(bias, p, p)
		VPSLLQ(U8(52), p, p)
		VMULPD(p, e, e)
		num := l.vec()
		if l.lanes == 8 {
			negative := K()
			VCMPPD(U8(0x11), zero, x, negative)
			VBLENDMPD(e, one, negative, num)
		} else {
			negative := l.vec()
			VCMPPD(U8(0x11), zero, x, negative)
			l.move(one, num)
			VBLENDVPD(negative, e, num, num)
		}
		VADDPD(one, e, e)
		VDIVPD(e, num, x)
		g, h := l.vec(), l.vec()
		VSUBPD(Mem{Base: label}, x, g)
		VMULPD(scaleG, g, g)
		VADDPD(magic, g, g)
		if l.lanes == 8 {
			VPSUBQ(magic, g, g)
		} else {
			VPSUBQ(magic, g, g)
		}
		l.move(one, h)
		VSUBPD(x, h, h)
		VMULPD(h, x, h)
		VMULPD(scaleH, h, h)
		VADDPD(magic, h, h)
		VPSUBQ(magic, h, h)
		greatest(unit, h) // 0 becomes 1
		// |g| is below 2^31, so that the lower half is all of it
		VPSLLQ(U8(32), g, t)
		VPABSD(t, t)
		greatest(t, topG)
		greatest(h, topH)
		VPSLLQ(shiftG, g, g)
		VPSLLQ(shiftH, h, h)
		VPADDQ(h, g, g)
		VPADDQ(row, g, g)
		l.move(g, Mem{Base: dst})
		for _, r := range []Register{score, label, dst} {
			ADDQ(U8(8*l.lanes), r)
		}
		SUBQ(U8(l.lanes), n)
		JNE(LabelRef("loop"))
		top := pointer("top")
		l.move(topG, Mem{Base: top})
		l.move(topH, Mem{Base: top, Disp: 64})
		VZEROUPPER()
		RET()
	}
}

// touch asks for the cache lines of rows before they are read: that of the first byte, and that of the last where last is not 0.
func touch() {
	function("touchAVX2", "(rows *int32, n int, recs *uint8, stride, last int)", "touchAVX2: n > 0.")
	rows, n, recs, stride, last := pointer("rows"), pointer("n"), pointer("recs"), pointer("stride"), pointer("last")
	at := GP64()
	TESTQ(last, last)
	JEQ(LabelRef("one"))
	Label("two")
	MOVLQSX(Mem{Base: rows}, at)
	IMULQ(stride, at)
	ADDQ(recs, at)
	PREFETCHT0(Mem{Base: at})
	PREFETCHT0(Mem{Base: at, Index: last, Scale: 1})
	ADDQ(U8(4), rows)
	DECQ(n)
	JNE(LabelRef("two"))
	RET()
	Label("one")
	MOVLQSX(Mem{Base: rows}, at)
	IMULQ(stride, at)
	PREFETCHT0(Mem{Base: recs, Index: at, Scale: 1})
	ADDQ(U8(4), rows)
	DECQ(n)
	JNE(LabelRef("one"))
	RET()
}
