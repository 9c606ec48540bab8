package main

import (
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// compares: see elem.compareGo and elem.columnsGo. The kernels give the comparison or, with flip all ones, its opposite.
func compares() {
	for _, l := range both {
		for _, op := range []struct {
			name      string
			predicate uint8
		}{{"Eq", 0x00}, {"Lt", 0x11}, {"Le", 0x12}} {
			compareKernel("columnsF64"+op.name, "float64", 8, l, false, func(a, b Op, k Register, x VecVirtual) {
				l.move(a, x)
				if l.lanes == 8 {
					VCMPPD(U8(op.predicate), b, x, k)
				} else {
					VCMPPD(U8(op.predicate), b, x, x)
				}
			})
		}
		for _, size := range []int{8, 4} {
			kind, t := map[int]string{8: "I64", 4: "I32"}[size], map[int]string{8: "int64", 4: "int32"}[size]
			for _, op := range []string{"Eq", "Lt", "Gt"} {
				if op != "Gt" {
					compareKernel("columns"+kind+op, t, size, l, false, intCompare(l, size, op))
				}
				compareKernel("scalar"+kind+op, t, size, l, true, intCompare(l, size, op))
			}
		}
	}
}

// intCompare compares a, in memory, with b. AVX2 has equal and greater alone.
func intCompare(l isa, size int, op string) func(a, b Op, k Register, x VecVirtual) {
	equal, greater := VPCMPEQQ, VPCMPGTQ
	if size == 4 {
		equal, greater = VPCMPEQD, VPCMPGTD
	}
	return func(a, b Op, k Register, x VecVirtual) {
		switch {
		case l.lanes == 8:
			VMOVDQU64(a, x)
			predicate := U8(map[string]uint8{"Eq": 0, "Lt": 1, "Gt": 6}[op])
			if size == 4 {
				VPCMPD(predicate, b, x, k)
			} else {
				VPCMPQ(predicate, b, x, k)
			}
		case op == "Eq":
			VMOVDQU(a, x)
			equal(b, x, x)
		case op == "Gt":
			VMOVDQU(a, x)
			greater(b, x, x)
		default: // a < b is b > a
			if _, ok := b.(Mem); ok {
				VMOVDQU(b, x)
				greater(a, x, x)
			} else {
				greater(a, b, x)
			}
		}
	}
}

func compareKernel(name, t string, size int, l isa, scalar bool, compare func(a, b Op, k Register, x VecVirtual)) {
	name += l.name
	right := "b *" + t
	if scalar {
		right = "s " + t
	}
	function(name, "(dst *uint64, words int, a *"+t+", "+right+", flip uint64)", name+": words > 0 whole words, 64 values each.")
	dst, words, a, flip := pointer("dst"), pointer("words"), pointer("a"), pointer("flip")
	var b GPVirtual
	s := l.vec()
	if scalar {
		if size == 4 {
			x := XMM()
			VMOVD(Load(Param("s"), GP32()), x)
			VPBROADCASTD(x, s)
		} else {
			at, err := Param("s").Resolve()
			if err != nil {
				log.Fatal(err)
			}
			VPBROADCASTQ(at.Addr, s)
		}
	} else {
		b = pointer("b")
	}
	flips := K()
	if l.lanes == 8 {
		KMOVQ(flip, flips)
	}
	lanes := l.lanes * 8 / size
	at := func(base Register, first int) Mem { return Mem{Base: base, Disp: size * first} }
	operand := func(first int) Op {
		if scalar {
			return s
		}
		return at(b, first)
	}
	Label("loop")
	if l.lanes == 8 {
		for first := 0; first < 64; first += lanes {
			k := K()
			compare(at(a, first), operand(first), k, l.vec())
			if size == 4 {
				KXORW(flips, k, k)
				KMOVW(k, Mem{Base: dst, Disp: first / 8})
			} else {
				KXORB(flips, k, k)
				KMOVB(k, Mem{Base: dst, Disp: first / 8})
			}
		}
	} else {
		for first := 0; first < 64; first += 8 {
			bits := GP32()
			for part := 0; part < 8; part += lanes {
				x, r := l.vec(), GP32()
				compare(at(a, first+part), operand(first+part), nil, x)
				if size == 4 {
					VMOVMSKPS(x, bits)
					continue
				}
				VMOVMSKPD(x, r)
				if part == 0 {
					bits = r
				} else {
					SHLL(U8(4), r)
					ORL(r, bits)
				}
			}
			XORL(flip.As32(), bits)
			MOVB(bits.As8(), Mem{Base: dst, Disp: first / 8})
		}
	}
	ADDQ(U32(64*size), a)
	if !scalar {
		ADDQ(U32(64*size), b)
	}
	ADDQ(U8(8), dst)
	DECQ(words)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// arithmetic: see elem.Add, elem.AddI64 and their like. A vector is computed whole before it is stored, as dst may be a source.
func arithmetic() {
	for _, l := range both {
		for _, op := range []struct {
			name string
			f    func(b, a, dst Op)
		}{
			{"add", func(b, a, d Op) { VADDPD(b, a, d) }},
			{"sub", func(b, a, d Op) { VSUBPD(b, a, d) }},
			{"mul", func(b, a, d Op) { VMULPD(b, a, d) }},
		} {
			name := op.name + l.name
			function(name, "(dst, a, b *float64, n int)", name+": n > 0, a multiple of 32.")
			dst, a, b, n := pointer("dst"), pointer("a"), pointer("b"), pointer("n")
			Label("loop")
			for u := range 32 / l.lanes {
				x := l.vec()
				l.move(Mem{Base: a, Disp: 8 * l.lanes * u}, x)
				op.f(Mem{Base: b, Disp: 8 * l.lanes * u}, x, x)
				l.move(x, Mem{Base: dst, Disp: 8 * l.lanes * u})
			}
			for _, p := range []Register{a, b, dst} {
				ADDQ(U32(256), p)
			}
			SUBQ(U8(32), n)
			JNE(LabelRef("loop"))
			VZEROUPPER()
			RET()
		}
		for _, subtract := range []bool{false, true} {
			overflowing(l, subtract)
		}
	}
}

// overflowing adds or subtracts integers: it stops before 16 rows of which one overflows.
func overflowing(l isa, subtract bool) {
	name := map[bool]string{false: "addI64", true: "subI64"}[subtract] + l.name
	function(name, "(dst, a, b *int64, n int) (done int)", name+": n > 0, a multiple of 16; it stops before 16 rows that overflow.")
	dst, a, b, n := pointer("dst"), pointer("a"), pointer("b"), pointer("n")
	done := GP64()
	XORQ(done, done)
	Label("loop")
	over := l.zero()
	var sums []VecVirtual
	for u := range 16 / l.lanes {
		x, y, s, t := l.vec(), l.vec(), l.vec(), l.vec()
		l.move(Mem{Base: a, Disp: 8 * l.lanes * u}, x)
		l.move(Mem{Base: b, Disp: 8 * l.lanes * u}, y)
		xor, and, or := VPXOR, VPAND, VPOR
		if l.lanes == 8 {
			xor = func(b, a, d Op) { VPXORQ(b, a, d) }
			and = func(b, a, d Op) { VPANDQ(b, a, d) }
			or = func(b, a, d Op) { VPORQ(b, a, d) }
		}
		if subtract { // (x^y) & (x^s)
			VPSUBQ(y, x, s)
			xor(x, y, y)
		} else { // (x^s) & (y^s)
			VPADDQ(y, x, s)
			xor(y, s, y)
		}
		xor(x, s, t)
		and(t, y, t)
		or(t, over, over)
		sums = append(sums, s)
	}
	if l.lanes == 8 {
		k := K()
		VPMOVQ2M(over, k)
		KORTESTB(k, k)
	} else {
		r := GP32()
		VMOVMSKPD(over, r)
		TESTL(r, r)
	}
	JNE(LabelRef("stop"))
	for u, s := range sums {
		l.move(s, Mem{Base: dst, Disp: 8 * l.lanes * u})
	}
	for _, p := range []Register{a, b, dst} {
		ADDQ(U32(128), p)
	}
	ADDQ(U8(16), done)
	CMPQ(done, n)
	JNE(LabelRef("loop"))
	Label("stop")
	Store(done, Return("done"))
	VZEROUPPER()
	RET()
}

// take: see pick.takeGo. Indexes below zero are masked; a vector with one past src is left to the reference, which panics.
func take() {
	l := avx512
	for _, size := range []int{8, 4} {
		name := map[int]string{8: "take8AVX512", 4: "take4AVX512"}[size]
		t := map[int]string{8: "uint64", 4: "uint32"}[size]
		function(name, "(dst, src *"+t+", size int, index *int32, n int) (done int)",
			name+": n > 0, a multiple of 16; size > 0 fits 31 bits. It stops before 16 rows of which one is past src.")
		dst, src, size32, index, n := pointer("dst"), pointer("src"), pointer("size"), pointer("index"), pointer("n")
		limit, done := l.vec(), GP64()
		VPBROADCASTD(size32.As32(), limit)
		XORQ(done, done)
		Label("loop")
		x, zero := l.vec(), l.zero()
		some, inside := K(), K()
		VMOVDQU64(Mem{Base: index}, x)
		VPCMPD(U8(5), zero, x, some)
		VPCMPD(U8(1), limit, x, some, inside)
		KXORW(some, inside, inside)
		KORTESTW(inside, inside)
		JNE(LabelRef("stop"))
		if size == 4 {
			v := l.zero()
			VPGATHERDD(Mem{Base: src, Index: x, Scale: 4}, some, v)
			VMOVDQU64(v, Mem{Base: dst})
		} else {
			low, high := l.zero(), l.zero()
			upper, second := YMM(), K()
			VEXTRACTI64X4(U8(1), x, upper)
			KSHIFTRW(U8(8), some, second)
			VPGATHERDQ(Mem{Base: src, Index: x.AsY(), Scale: 8}, some, low)
			VPGATHERDQ(Mem{Base: src, Index: upper, Scale: 8}, second, high)
			VMOVDQU64(low, Mem{Base: dst})
			VMOVDQU64(high, Mem{Base: dst, Disp: 64})
		}
		ADDQ(U32(16*size), dst)
		ADDQ(U8(64), index)
		ADDQ(U8(16), done)
		CMPQ(done, n)
		JNE(LabelRef("loop"))
		Label("stop")
		Store(done, Return("done"))
		VZEROUPPER()
		RET()
	}
}
