package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// all broadcasts a constant.
func (l isa) all(v uint64) VecVirtual {
	r, z := GP64(), l.vec()
	MOVQ(U64(v), r)
	VPBROADCASTQ(r, z)
	return z
}

// rows: see hash.rowsGo. AVX2 has no multiplication of 64 bits; three of 32 bits are no faster than the processor's own.
func rows() {
	l := avx512
	start := func(name, signature, doc string) (dst, n, keys GPVirtual, mix func(h VecVirtual), end func(h VecVirtual)) {
		function(name, signature, doc)
		dst, n, keys = pointer("dst"), pointer("n"), pointer("keys")
		k1, k2 := l.all(0xa54ff53a5f1d36f1), l.all(0x510e527fade682d1)
		fold := func(h VecVirtual, by uint8) {
			t := l.vec()
			VPSRLQ(U8(by), h, t)
			VPXORQ(t, h, h)
		}
		mix = func(h VecVirtual) { fold(h, 32); VPMULLQ(k1, h, h) }
		end = func(h VecVirtual) { fold(h, 29); VPMULLQ(k2, h, h); fold(h, 32) }
		return dst, n, keys, mix, end
	}
	for w := 1; w <= 2; w++ {
		name := []string{"rows1AVX512", "rows2AVX512"}[w-1]
		dst, n, keys, mix, end := start(name, "(dst *uint64, n int, keys *uint64)", name+": n > 0, a multiple of 16.")
		even, odd := l.vec(), l.vec()
		if w == 2 {
			VMOVDQU64(indexes("even", 0, 2, 4, 6, 8, 10, 12, 14), even)
			VMOVDQU64(indexes("odd", 1, 3, 5, 7, 9, 11, 13, 15), odd)
		}
		Label("loop")
		for u := range 2 {
			h := l.vec()
			VMOVDQU64(Mem{Base: keys, Disp: 64 * w * u}, h)
			if w == 2 {
				x, first := l.vec(), l.vec()
				VMOVDQU64(Mem{Base: keys, Disp: 64*w*u + 64}, x)
				VMOVDQA64(h, first)
				VPERMT2Q(x, even, h)
				VPERMT2Q(x, odd, first)
				mix(h)
				VPXORQ(first, h, h)
			}
			mix(h)
			end(h)
			VMOVDQU64(h, Mem{Base: dst, Disp: 64 * u})
		}
		ADDQ(U32(128*w), keys)
		ADDQ(U32(128), dst)
		SUBQ(U8(16), n)
		JNE(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}

	dst, n, keys, mix, end := start("rowsAVX512", "(dst *uint64, n int, keys *uint64, w int)",
		"rowsAVX512: n > 0, a multiple of 8; w > 0 words a row, gathered.")
	w := pointer("w")
	at := l.vec()
	VPBROADCASTQ(w, at)
	VPMULLQ(indexes("lanes", 0, 1, 2, 3, 4, 5, 6, 7), at, at)
	Label("row")
	word, left := GP64(), GP64()
	MOVQ(keys, word)
	MOVQ(w, left)
	h := l.zero()
	Label("word")
	k, x := K(), l.vec()
	KXNORB(k, k, k)
	VPGATHERQQ(Mem{Base: word, Index: at, Scale: 8}, k, x)
	VPXORQ(x, h, h)
	mix(h)
	ADDQ(U8(8), word)
	DECQ(left)
	JNE(LabelRef("word"))
	end(h)
	VMOVDQU64(h, Mem{Base: dst})
	MOVQ(w, left)
	SHLQ(U8(6), left)
	ADDQ(left, keys)
	ADDQ(U8(64), dst)
	SUBQ(U8(8), n)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// indexes is a vector of words in memory.
func indexes(name string, words ...uint64) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, w := range words {
		DATA(8*i, U64(w))
	}
	return m
}

// sums: see exact.Sums.put. The constants of a window are made of its top: bin i has the exponent 40i+1. The slices of eight
// rows become eight vectors, one a cell, each added in memory; rows of no group add zeros to the first.
func sums() {
	l := avx512
	function("sumsAVX512", "(cells *[4]int64, size int, groups *int32, xs *float64, n int, valid *uint8, step int) (done int)",
		"sumsAVX512: n > 0, a multiple of 8, size > 0; valid moves by step a vector. It stops before a vector that has a row to look at.")
	idx := AllocLocal(64)
	cells, groups, xs, n, valid, step := pointer("cells"), pointer("groups"), pointer("xs"), pointer("n"), pointer("valid"), pointer("step")
	size := l.vec()
	s := GP64()
	Load(Param("size"), s)
	VPBROADCASTQ(s, size)
	const half = 1 << 51
	counted, most, six := l.all(1<<24-1), l.all(1<<23), l.all(63)
	fiftyTwo, thirteen, quiet := l.all(52), l.all(13), l.all(half)
	bin, least, one := l.all(40<<52), l.all(1<<52|half), l.all(1)
	even, odd := l.vec(), l.vec()
	VMOVDQU64(indexes("cellsLow", 0, 1, 8, 9, 2, 3, 10, 11), even)
	VMOVDQU64(indexes("cellsHigh", 4, 5, 12, 13, 6, 7, 14, 15), odd)
	done := GP64()
	XORQ(done, done)
	Label("loop")
	g, at := l.vec(), l.vec()
	VPMOVSXDQ(Mem{Base: groups}, g)
	valids, some, inside := K(), K(), K()
	KMOVB(Mem{Base: valid}, valids)
	zero := l.zero()
	VPCMPQ(U8(5), zero, g, valids, some) // not less
	VPCMPQ(U8(1), size, g, some, inside) // less
	KXORB(some, inside, inside)
	KORTESTB(inside, inside)
	JNE(LabelRef("stop"))
	VPSLLQ_Z(U8(2), g, some, at)
	VMOVDQU64(at, idx)
	meta, take := l.zero(), K()
	KMOVB(some, take)
	VPGATHERQQ(Mem{Base: cells, Index: at, Scale: 8, Disp: 24}, take, meta)
	x, e, lim, t := l.vec(), l.vec(), l.vec(), l.vec()
	VMOVUPD_Z(Mem{Base: xs}, some, x)
	VPADDQ(x, x, e)
	VPSRLQ(U8(53), e, e)
	VPSRLQ(U8(24), meta, lim)
	VPANDQ(six, lim, lim)
	VPSLLQ(U8(5), lim, t)
	VPSLLQ(U8(3), lim, lim)
	VPADDQ(t, lim, lim)
	VPSUBQ(fiftyTwo, lim, lim)
	above, many := K(), K()
	VPCMPQ(U8(5), lim, e, some, above)
	VPANDQ(counted, meta, meta)
	VPCMPQ(U8(5), most, meta, some, many)
	KORTESTB(above, many)
	JNE(LabelRef("stop"))
	m := [3]VecVirtual{l.vec(), l.vec(), l.vec()}
	VPADDQ(thirteen, lim, m[0])
	VPSLLQ(U8(52), m[0], m[0])
	VPORQ(quiet, m[0], m[0])
	VPSUBQ(bin, m[0], m[1])
	VPSUBQ(bin, m[1], m[2])
	VPMAXSQ(least, m[2], m[2])
	var v [4]VecVirtual
	for k := range m {
		v[k] = l.vec()
		VADDPD(m[k], x, t)
		VPSUBQ_Z(m[k], t, some, v[k])
		if k < 2 {
			VSUBPD(m[k], t, t)
			VSUBPD(t, x, x)
		}
	}
	v[3] = l.vec()
	VMOVDQA64_Z(one, some, v[3])
	for parity, unpack := range []func(a, b, c Op){
		func(a, b, c Op) { VPUNPCKLQDQ(a, b, c) },
		func(a, b, c Op) { VPUNPCKHQDQ(a, b, c) },
	} {
		a, b, low := l.vec(), l.vec(), l.vec()
		unpack(v[1], v[0], a)
		unpack(v[3], v[2], b)
		VMOVDQA64(a, low)
		VPERMT2Q(b, even, low)
		VPERMT2Q(b, odd, a)
		for i, pair := range []VecVirtual{low, a} {
			upper := YMM()
			VEXTRACTI64X4(U8(1), pair, upper)
			for j, y := range []Register{pair.AsY(), upper} {
				row := 4*i + 2*j + parity
				p := GP64()
				MOVQ(idx.Offset(8*row), p)
				c := Mem{Base: cells, Index: p, Scale: 8}
				VPADDQ(c, y, y)
				VMOVDQU64(y, c)
			}
		}
	}
	ADDQ(U8(8), done)
	ADDQ(U8(32), groups)
	ADDQ(U8(64), xs)
	ADDQ(step, valid)
	CMPQ(done, n)
	JNE(LabelRef("loop"))
	Label("stop")
	Store(done, Return("done"))
	VZEROUPPER()
	RET()
}
