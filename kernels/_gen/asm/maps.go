package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// maps: see elem.Convert, elem.Div, elem.Select, elem.MulI64 and their like.
func maps() {
	for _, l := range both {
		narrow := func() VecVirtual { // a vector of halves
			if l.lanes == 8 {
				return YMM()
			}
			return XMM()
		}
		widen := func(name, from, to string, f func(x, v Op)) {
			columnMap(l, name, from, to, 4, func(at Mem, v VecVirtual) {
				x := narrow()
				VMOVDQU(at, x)
				f(x, v)
			})
		}
		widen("i32ToI64", "int32", "int64", func(x, v Op) { VPMOVSXDQ(x, v) })
		widen("i32ToF64", "int32", "float64", func(x, v Op) { VCVTDQ2PD(x, v) })
		widen("f32ToF64", "float32", "float64", func(x, v Op) { VCVTPS2PD(x, v) })
		if l.lanes == 8 {
			columnMap(l, "i64ToF64", "int64", "float64", 8, func(at Mem, v VecVirtual) { VCVTQQ2PD(at, v) })
		}
		columnMap(l, "sqrt", "float64", "float64", 8, func(at Mem, v VecVirtual) { VSQRTPD(at, v) })
		for _, r := range []struct {
			name string
			mode uint8
		}{{"floor", 9}, {"ceil", 10}, {"trunc", 11}} { // 8: without telling that the result is inexact
			columnMap(l, r.name, "float64", "float64", 8, func(at Mem, v VecVirtual) {
				if l.lanes == 8 {
					VRNDSCALEPD(U8(r.mode), at, v)
				} else {
					VROUNDPD(U8(r.mode), at, v)
				}
			})
		}
		round(l)
		divide(l)
		oneNaN(l)
	}
	selectWords()
	multiplyInts()
}

// round cuts off x plus what lies just below a half, with x's sign, which is exact for halves and for whole numbers.
func round(l isa) {
	name := "round" + l.name
	function(name, "(dst, src *float64, n int)", name+": n > 0, a multiple of 32.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	constants := GLOBL("round"+l.name+"Constants", RODATA|NOPTR)
	DATA(0, U64(1<<63))
	DATA(8, U64(0x3fdfffffffffffff))
	sign, half := l.broadcast(constants), l.broadcast(constants.Offset(8))
	Label("loop")
	for u := range 32 / l.lanes {
		x, h := l.vec(), l.vec()
		l.move(Mem{Base: src, Disp: 8 * l.lanes * u}, x)
		VANDPD(sign, x, h)
		VORPD(half, h, h)
		VADDPD(h, x, x)
		if l.lanes == 8 {
			VRNDSCALEPD(U8(11), x, x)
		} else {
			VROUNDPD(U8(11), x, x)
		}
		l.move(x, Mem{Base: dst, Disp: 8 * l.lanes * u})
	}
	ADDQ(U32(256), dst)
	ADDQ(U32(256), src)
	SUBQ(U8(32), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// columnMap is the loop for i { dst[i] = f(src[i]) } over elements of size bytes into words.
func columnMap(l isa, name, from, to string, size int, f func(at Mem, v VecVirtual)) {
	name += l.name
	function(name, "(dst *"+to+", src *"+from+", n int)", name+": n > 0, a multiple of 32.")
	dst, src, n := pointer("dst"), pointer("src"), pointer("n")
	Label("loop")
	for u := range 32 / l.lanes {
		v := l.vec()
		f(Mem{Base: src, Disp: size * l.lanes * u}, v)
		l.move(v, Mem{Base: dst, Disp: 8 * l.lanes * u})
	}
	ADDQ(U32(256), dst)
	ADDQ(U32(32*size), src)
	SUBQ(U8(32), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func divide(l isa) {
	name := "div" + l.name
	function(name, "(dst, a, b *float64, n int)", name+": n > 0, a multiple of 32.")
	dst, a, b, n := pointer("dst"), pointer("a"), pointer("b"), pointer("n")
	Label("loop")
	for u := range 32 / l.lanes {
		x := l.vec()
		l.move(Mem{Base: a, Disp: 8 * l.lanes * u}, x)
		VDIVPD(Mem{Base: b, Disp: 8 * l.lanes * u}, x, x)
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

// oneNaN writes where it finds some; a comparison of two rows is unordered where either is NaN.
func oneNaN(l isa) {
	name := "oneNaN" + l.name
	function(name, "(xs *float64, n int, nan float64)", name+": n > 0, a multiple of 32.")
	xs, n := pointer("xs"), pointer("n")
	nan := l.vec()
	VBROADCASTSD(Load(Param("nan"), XMM()), nan)
	at := func(u int) Mem { return Mem{Base: xs, Disp: 8 * l.lanes * u} }
	Label("loop")
	some, any := l.vec(), K()
	for u := 0; u < 32/l.lanes; u += 2 {
		x, k := l.vec(), K()
		l.move(at(u), x)
		switch {
		case l.lanes == 8 && u == 0:
			VCMPPD(U8(3), at(u+1), x, any)
		case l.lanes == 8:
			VCMPPD(U8(3), at(u+1), x, k)
			KORTESTB(k, any)
		case u == 0:
			VCMPPD(U8(3), at(u+1), x, some)
		default:
			VCMPPD(U8(3), at(u+1), x, x)
			VORPD(x, some, some)
		}
	}
	if l.lanes == 4 {
		VTESTPD(some, some)
	}
	JEQ(LabelRef("next"))
	for u := range 32 / l.lanes {
		x := l.vec()
		l.move(at(u), x)
		if l.lanes == 8 {
			k := K()
			VCMPPD(U8(3), x, x, k)
			VMOVUPD(nan, k, at(u))
		} else {
			odd := l.vec()
			VCMPPD(U8(3), x, x, odd)
			VBLENDVPD(odd, nan, x, x)
			l.move(x, at(u))
		}
	}
	Label("next")
	ADDQ(U32(256), xs)
	SUBQ(U8(32), n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// selectWords: the bitmap's bytes are the masks.
func selectWords() {
	l := avx512
	function("select8AVX512", "(dst, cond, a, b *uint64, words int)", "select8AVX512: words > 0 whole words of cond.")
	dst, cond, a, b, words := pointer("dst"), pointer("cond"), pointer("a"), pointer("b"), pointer("words")
	Label("loop")
	for u := range 8 {
		k, x := K(), l.vec()
		KMOVB(Mem{Base: cond, Disp: u}, k)
		VMOVDQU64(Mem{Base: b, Disp: 64 * u}, x)
		VMOVDQU64(Mem{Base: a, Disp: 64 * u}, k, x)
		VMOVDQU64(x, Mem{Base: dst, Disp: 64 * u})
	}
	for _, p := range []Register{a, b, dst} {
		ADDQ(U32(512), p)
	}
	ADDQ(U8(8), cond)
	DECQ(words)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// multiplyInts takes the product of floats for a bound: where it is below 2^62, the integers' fits with room for the roundings.
func multiplyInts() {
	l := avx512
	function("mulI64AVX512", "(dst, a, b *int64, n int) (done int)",
		"mulI64AVX512: n > 0, a multiple of 16; it stops before 16 rows of which one might overflow.")
	dst, a, b, n := pointer("dst"), pointer("a"), pointer("b"), pointer("n")
	bound, sign := l.all(0x43d0000000000000), l.all(0x7fffffffffffffff)
	done := GP64()
	XORQ(done, done)
	Label("loop")
	var products []VecVirtual
	over := make([]Register, 2)
	for u := range 2 {
		x, y, fx, fy := l.vec(), l.vec(), l.vec(), l.vec()
		k := K()
		VMOVDQU64(Mem{Base: a, Disp: 64 * u}, x)
		VMOVDQU64(Mem{Base: b, Disp: 64 * u}, y)
		VCVTQQ2PD(x, fx)
		VCVTQQ2PD(y, fy)
		VMULPD(fx, fy, fx)
		VPANDQ(sign, fx, fx)
		VCMPPD(U8(0x1d), bound, fx, k) // not less
		VPMULLQ(x, y, x)
		products = append(products, x)
		over[u] = k
	}
	KORTESTB(over[0], over[1])
	JNE(LabelRef("stop"))
	for u, p := range products {
		VMOVDQU64(p, Mem{Base: dst, Disp: 64 * u})
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
