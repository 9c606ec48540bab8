package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// forestRows is forest.Rows.
const forestRows = 256

// The fields of forest.node.
const (
	nodeColumn, nodeMine, nodeLeft, nodeRight, nodeMost, nodeLefts = 0, 4, 6, 8, 10, 11
	nodeSize                                                       = 12
)

// forestKernels: see the package forest.
func forestKernels() {
	for _, l := range both {
		reachLeaves(l)
		beyond(l)
	}
	codesOf()
	countBelow("codesAVX2")
	addSmall(16)
	addSmall(32)
	addSmall(64)
	addLarge()
	codesOfRow()
	codesOfRowAVX2()
	passRow()
	passRowAVX2()
}

// reachLeaves has the leaves of all rows in registers. A node's mask is where its parent left it; AVX-512 keeps one bit a row, AVX2 a byte.
func reachLeaves(l isa) {
	name := "reach" + l.name
	function(name, "(leaf *uint8, nodes *uint32, n int, codes *uint8, masks *uint64)", name+": n > 0; the first node's mask is set.")
	nodes, n, codes, masks := pointer("nodes"), pointer("n"), pointer("codes"), pointer("masks")
	width := 8 * l.lanes
	leaf := make([]VecVirtual, forestRows/width)
	for i := range leaf {
		leaf[i] = l.zero()
	}
	Label("loop")
	at, mine, left, right := GP64(), GP64(), GP64(), GP64()
	most, lefts := l.vec(), l.vec()
	MOVL(Mem{Base: nodes, Disp: nodeColumn}, at.As32())
	MOVWLZX(Mem{Base: nodes, Disp: nodeMine}, mine.As32())
	MOVWLZX(Mem{Base: nodes, Disp: nodeLeft}, left.As32())
	MOVWLZX(Mem{Base: nodes, Disp: nodeRight}, right.As32())
	VPBROADCASTB(Mem{Base: nodes, Disp: nodeMost}, most)
	VPBROADCASTB(Mem{Base: nodes, Disp: nodeLefts}, lefts)
	ADDQ(codes, at)
	for i := range leaf {
		code := Mem{Base: at, Disp: width * i}
		if l.lanes == 8 {
			mask := func(r GPVirtual) Mem { return Mem{Base: masks, Index: r, Scale: 1, Disp: 8 * i} }
			here, goes, stays := K(), K(), K()
			KMOVQ(mask(mine), here)
			VPCMPUB(U8(5), code, most, here, goes)
			KANDNQ(here, goes, stays)
			KMOVQ(goes, mask(left))
			KMOVQ(stays, mask(right))
			VPADDB(leaf[i], lefts, stays, leaf[i])
			continue
		}
		mask := func(r GPVirtual) Mem { return Mem{Base: masks, Index: r, Scale: 8, Disp: width * i} }
		here, goes := l.vec(), l.vec()
		VMOVDQU(mask(mine), here)
		VPMAXUB(code, most, goes)
		VPCMPEQB(most, goes, goes)
		VPAND(here, goes, goes)
		VMOVDQU(goes, mask(left))
		VPANDN(here, goes, here)
		VMOVDQU(here, mask(right))
		VPAND(lefts, here, here)
		VPADDB(here, leaf[i], leaf[i])
	}
	ADDQ(U8(nodeSize), nodes)
	DECQ(n)
	JNE(LabelRef("loop"))
	to := pointer("leaf")
	for i, v := range leaf {
		if l.lanes == 8 {
			VMOVDQU64(v, Mem{Base: to, Disp: width * i})
		} else {
			VMOVDQU(v, Mem{Base: to, Disp: width * i})
		}
	}
	VZEROUPPER()
	RET()
}

// beyond looks up the byte of the set and picks the bit.
func beyond(l isa) {
	name := "beyond" + l.name
	function(name, "(dst, codes *uint8, set *[4]uint64)", name+": forestRows codes.")
	dst, codes, set := pointer("dst"), pointer("codes"), pointer("set")
	width := 8 * l.lanes
	if l.lanes == 4 {
		of, zero := bitOfSet(name, set), l.zero()
		for i := range forestRows / width {
			has, bit := of(Mem{Base: codes, Disp: width * i})
			VPAND(has, bit, has)
			VPCMPEQB(has, zero, has)
			VMOVDQU(has, Mem{Base: dst, Disp: width * i})
		}
		VZEROUPPER()
		RET()
		return
	}
	low, high, bit := l.vec(), l.vec(), l.vec()
	VBROADCASTI32X4(Mem{Base: set}, low)
	VBROADCASTI32X4(Mem{Base: set, Disp: 16}, high)
	VBROADCASTI32X4(indexes(name+"Bits", 0x8040201008040201, 0x8040201008040201), bit)
	five, three := l.fill(0x1f1f1f1f1f1f1f1f), l.fill(0x0707070707070707)
	for i := range forestRows / width {
		c, at, a, b, k := l.vec(), l.vec(), l.vec(), l.vec(), K()
		VMOVDQU64(Mem{Base: codes, Disp: width * i}, c)
		VPSRLW(U8(3), c, at)
		VPANDQ(five, at, at)
		VPSHUFB(at, low, a)
		VPMOVB2M(c, k)
		VPSHUFB(at, high, k, a)
		VPANDQ(three, c, c)
		VPSHUFB(c, bit, b)
		VPTESTNMB(a, b, k)
		VPMOVM2B(k, a)
		VMOVDQU64(a, Mem{Base: dst, Disp: width * i})
	}
	VZEROUPPER()
	RET()
}

// codesOf searches for eight values at once, a bit of their codes a step. The cut that a step compares with is picked from registers: by the
// last four bits found out of sixteen cuts, and by the bits before, which stand in masks, between such picks.
func codesOf() {
	l := avx512
	for _, steps := range []int{4, 6, 7, 8} {
		name := fmt.Sprintf("codes%dAVX512", steps)
		function(name, "(low, high *uint8, xs *float64, n int, cuts *float64)", name+": n > 0, a multiple of 8.")
		low, high, xs, n, cuts := pointer("low"), pointer("high"), pointer("xs"), pointer("n"), pointer("cuts")
		// Where a step has its cuts, see forest.layOut.
		var table [8]VecVirtual
		for s := range min(steps, 4) {
			table[s] = l.vec()
			VMOVUPD(Mem{Base: cuts, Disp: 64 * s}, table[s])
		}
		wide := func(s, i int) Mem { return Mem{Base: cuts, Disp: 8 * (32 + 16*(1<<(s-4)-1) + 8*i)} }
		held := map[[2]int]VecVirtual{}
		for s := 4; s < min(steps, 7); s++ {
			for i := range 2 << (s - 4) {
				v := l.vec()
				VMOVUPD(wide(s, i), v)
				held[[2]int{s, i}] = v
			}
		}
		one, missing := l.all(1), l.all(255)
		top := [3]Register{K(), K(), K()}
		Label("loop")
		x, at := l.vec(), l.vec()
		VMOVUPD(Mem{Base: xs}, x)
		VPXORQ(at, at, at)
		for s := range steps {
			var cut Op
			switch {
			case s == 0:
				cut = table[0]
			case s < 4:
				v := l.vec()
				VPERMPD(table[s], at, v)
				cut = v
			default:
				picks := make([]VecVirtual, 1<<(s-4))
				for i := range picks {
					v := l.vec()
					VMOVDQA64(at, v)
					if s < 7 {
						VPERMI2PD(held[[2]int{s, 2*i + 1}], held[[2]int{s, 2 * i}], v)
					} else {
						t := l.vec()
						VMOVUPD(wide(s, 2*i), t)
						VPERMI2PD(wide(s, 2*i+1), t, v)
					}
					picks[i] = v
				}
				for b := s - 5; b >= 0; b-- { // the picks differ in the bits of the first steps
					for i := range len(picks) / 2 {
						VBLENDMPD(picks[2*i+1], picks[2*i], top[b], picks[i])
					}
					picks = picks[:len(picks)/2]
				}
				cut = picks[0]
			}
			var k Register = K()
			if s < 3 {
				k = top[s]
			}
			VCMPPD(U8(0x1e), cut, x, k)
			if s > 0 {
				VPADDQ(at, at, at)
			}
			VPADDQ(one, at, k, at)
		}
		VPMOVQB(at, Mem{Base: low})
		odd := K()
		VCMPPD(U8(3), x, x, odd)
		VMOVDQA64(missing, odd, at)
		VPMOVQB(at, Mem{Base: high})
		ADDQ(U8(64), xs)
		ADDQ(U8(8), low)
		ADDQ(U8(8), high)
		SUBQ(U8(8), n)
		JNE(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}
}

// addSmall has the values of the leaves in registers.
func addSmall(leaves int) {
	l := avx512
	name := fmt.Sprintf("add%dAVX512", leaves)
	function(name, "(score *float64, leaf *uint8, value *float64)", name+": forestRows rows.")
	score, leaf, value := pointer("score"), pointer("leaf"), pointer("value")
	table := make([]VecVirtual, leaves/8)
	for i := range table {
		table[i] = l.vec()
		VMOVUPD(Mem{Base: value, Disp: 64 * i}, table[i])
	}
	bit := map[int]VecVirtual{}
	for b := 16; b < leaves; b *= 2 {
		bit[b] = l.all(uint64(b))
	}
	n := GP64()
	MOVQ(U32(forestRows/16), n)
	Label("loop")
	for u := range 2 {
		at := l.vec()
		VPMOVZXBQ(Mem{Base: leaf, Disp: 8 * u}, at)
		picks := make([]VecVirtual, leaves/16)
		for i := range picks {
			picks[i] = l.vec()
			VMOVDQA64(at, picks[i])
			VPERMI2PD(table[2*i+1], table[2*i], picks[i])
		}
		for b := 16; b < leaves; b *= 2 {
			k := K()
			VPTESTMQ(bit[b], at, k)
			for i := range len(picks) / 2 {
				VBLENDMPD(picks[2*i+1], picks[2*i], k, picks[i])
			}
			picks = picks[:len(picks)/2]
		}
		VADDPD(Mem{Base: score, Disp: 64 * u}, picks[0], picks[0])
		VMOVUPD(picks[0], Mem{Base: score, Disp: 64 * u})
	}
	ADDQ(U8(16), leaf)
	ADDQ(U32(128), score)
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// addLarge loads the values one by one, which takes no longer than a gather.
func addLarge() {
	function("addAVX2", "(score *float64, leaf *uint8, value *float64)", "addAVX2: forestRows rows.")
	score, leaf, value, n := pointer("score"), pointer("leaf"), pointer("value"), GP64()
	MOVQ(U32(forestRows/8), n)
	Label("loop")
	for u := range 2 {
		half := [2]VecVirtual{XMM(), XMM()}
		for i, v := range half {
			a, b := GP64(), GP64()
			MOVBLZX(Mem{Base: leaf, Disp: 4*u + 2*i}, a.As32())
			MOVBLZX(Mem{Base: leaf, Disp: 4*u + 2*i + 1}, b.As32())
			VMOVSD(Mem{Base: value, Index: a, Scale: 8}, v)
			VMOVHPD(Mem{Base: value, Index: b, Scale: 8}, v, v)
		}
		sum := YMM()
		VINSERTF128(U8(1), half[1], half[0].AsY(), sum)
		VADDPD(Mem{Base: score, Disp: 32 * u}, sum, sum)
		VMOVUPD(sum, Mem{Base: score, Disp: 32 * u})
	}
	ADDQ(U8(8), leaf)
	ADDQ(U8(64), score)
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// codesOfRow compares a value with every sixteenth of its cuts, then with the sixteen between two of those.
func codesOfRow() {
	l := avx512
	function("rowCodesAVX512", "(dst *uint16, xs *float64, cuts **float64, n int)", "rowCodesAVX512: n > 0; at each of cuts 16 numbers and then 256.")
	dst, xs, cuts, n := pointer("dst"), pointer("xs"), pointer("cuts"), pointer("n")
	Label("loop")
	x, at, nan, odd := l.vec(), GP64(), K(), GP32()
	VBROADCASTSD(Mem{Base: xs}, x)
	MOVQ(Mem{Base: cuts}, at)
	VCMPPD(U8(3), x, x, nan)
	KMOVB(nan, odd)
	below := func(m Mem) GPVirtual {
		low, high, r := K(), K(), GP32()
		VCMPPD(U8(0x1e), m, x, low)
		VCMPPD(U8(0x1e), m.Offset(64), x, high)
		KUNPCKBW(low, high, low)
		KMOVW(low, r)
		POPCNTL(r, r)
		return r
	}
	top := below(Mem{Base: at})
	SHLL(U8(4), top)
	rest := below(Mem{Base: at, Index: top.As64(), Scale: 8, Disp: 128})
	ADDL(top, rest)
	nextOfRow(rest, odd, dst, xs, cuts, n)
}

// nextOfRow writes a number's two codes, of which odd is the second's where it is missing, and goes to the next.
func nextOfRow(code, odd GPVirtual, dst, xs, cuts, n Register) {
	MOVW(code.As16(), Mem{Base: dst})
	ORL(odd, code)
	MOVW(code.As16(), Mem{Base: dst, Disp: 2})
	ADDQ(U8(4), dst)
	ADDQ(U8(8), xs)
	ADDQ(U8(8), cuts)
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func codesOfRowAVX2() {
	function("rowCodesAVX2", "(dst *uint16, xs *float64, cuts **float64, n int)", "rowCodesAVX2: n > 0; at each of cuts 16 numbers and then 256.")
	dst, xs, cuts, n := pointer("dst"), pointer("xs"), pointer("cuts"), pointer("n")
	Label("loop")
	x, nan, at, odd := YMM(), YMM(), GP64(), GP32()
	VBROADCASTSD(Mem{Base: xs}, x)
	MOVQ(Mem{Base: cuts}, at)
	VCMPPD(U8(3), x, x, nan)
	VPMOVMSKB(nan, odd)
	MOVBLZX(odd.As8(), odd)
	code := rank(x, func(i int) Op { return Mem{Base: at, Disp: 32 * i} }, Mem{Base: at, Disp: 128})
	nextOfRow(code, odd, dst, xs, cuts, n)
}

// passRow has the codes of a row in two registers, and a tree in each of 32 lanes. The lowest leaf that is not passed by is the row's; its bit
// becomes a float, whose exponent is its place.
func passRow() {
	l := avx512
	function("passAVX512", "(leaf *uint32, lanes *byte, n int, codes *uint16)", "passAVX512: n > 0.")
	leaf, lanes, n, codes := pointer("leaf"), pointer("lanes"), pointer("n"), pointer("codes")
	table := [2]VecVirtual{l.vec(), l.vec()}
	for i := range table {
		VMOVDQU64(Mem{Base: codes, Disp: 64 * i}, table[i])
	}
	passed := [2]VecVirtual{l.vec(), l.vec()}
	for i, v := range passed {
		VMOVDQU32(Mem{Base: leaf, Disp: 64 * i}, v)
	}
	Label("loop")
	code, most, low, high := l.vec(), l.vec(), K(), K()
	VPMOVZXBW(Mem{Base: lanes}, code)
	VPMOVZXBW(Mem{Base: lanes, Disp: 32}, most)
	VPERMI2W(table[1], table[0], code)
	VPCMPUW(U8(6), most, code, low)
	KSHIFTRD(U8(16), low, high)
	VPORD(Mem{Base: lanes, Disp: 64}, passed[0], low, passed[0])
	VPORD(Mem{Base: lanes, Disp: 128}, passed[1], high, passed[1])
	ADDQ(U32(192), lanes)
	DECQ(n)
	JNE(LabelRef("loop"))
	one, bias := l.all(1<<32+1), l.all(127<<32+127)
	for i, v := range passed {
		t := l.vec()
		VPADDD(one, v, t)
		VPANDND(t, v, t)
		VCVTUDQ2PS(t, t)
		VPSRLD(U8(23), t, t)
		VPSUBD(bias, t, t)
		VMOVDQU32(t, Mem{Base: leaf, Disp: 64 * i})
	}
	VZEROUPPER()
	RET()
}

// passRowAVX2 has the codes of a row as bytes, 16 of them in each half of four registers: a node's is picked from all four, and one of the picks
// taken by the next two bits of its place. The bytes that say which nodes do not pass by are widened to masks of their words.
func passRowAVX2() {
	l := avx2
	function("passAVX2", "(leaf *uint32, lanes *byte, n int, codes *uint16)", "passAVX2: n > 0.")
	leaf, lanes, n, codes := pointer("leaf"), pointer("lanes"), pointer("n"), pointer("codes")
	var table, passed [4]VecVirtual
	for i := range table {
		x := XMM()
		table[i], passed[i] = l.vec(), l.vec()
		VMOVDQU(Mem{Base: codes, Disp: 32 * i}, x)
		VPACKUSWB(Mem{Base: codes, Disp: 32*i + 16}, x, x)
		VINSERTI128(U8(1), x, x.AsY(), table[i])
		VMOVDQU(Mem{Base: leaf, Disp: 32 * i}, passed[i])
	}
	Label("loop")
	at, by, most := l.vec(), l.vec(), l.vec()
	VMOVDQU(Mem{Base: lanes}, at)
	VMOVDQU(Mem{Base: lanes, Disp: 32}, most)
	var pick [4]VecVirtual
	for i := range pick {
		pick[i] = l.vec()
		VPSHUFB(at, table[i], pick[i])
	}
	VPSLLW(U8(3), at, by) // the bit that a byte is blended by is its first
	VPBLENDVB(by, pick[1], pick[0], pick[0])
	VPBLENDVB(by, pick[3], pick[2], pick[2])
	VPSLLW(U8(2), at, by)
	VPBLENDVB(by, pick[2], pick[0], pick[0])
	stays, high := pick[0], XMM()
	VPMAXUB(most, stays, stays)
	VPCMPEQB(most, stays, stays)
	VEXTRACTI128(U8(1), stays, high)
	for i, half := range []Register{stays.AsX(), stays.AsX(), high, high} {
		mask := l.vec()
		if i%2 == 1 {
			VPSRLDQ(U8(8), half, half)
		}
		VPMOVSXBD(half, mask)
		VPANDN(Mem{Base: lanes, Disp: 64 + 32*i}, mask, mask)
		VPOR(mask, passed[i], passed[i])
	}
	ADDQ(U32(192), lanes)
	DECQ(n)
	JNE(LabelRef("loop"))
	one, bias := l.fill(1<<32+1), l.fill(127<<32+127)
	for i, v := range passed {
		t := l.vec()
		VPADDD(one, v, t)
		VPANDN(t, v, t)
		VCVTDQ2PS(t, t)
		VPSLLD(U8(1), t, t) // leaf 31's bit is a sign
		VPSRLD(U8(24), t, t)
		VPSUBD(bias, t, t)
		VMOVDQU(t, Mem{Base: leaf, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}
