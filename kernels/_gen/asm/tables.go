package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// groups: see group.Table.find, of which this is the first round.
func groups() {
	l := avx512
	for w := 1; w <= 2; w++ {
		name := []string{"match1AVX512", "match2AVX512"}[w-1]
		function(name, "(groups *int32, more *uint8, hashes, keys *uint64, n int, slots *uint64, mask uint64, all *uint64)",
			name+": n > 0, a multiple of 8. more gets a bit for each row that the next slot may be of.")
		to, more, hashes, keys, n := pointer("groups"), pointer("more"), pointer("hashes"), pointer("keys"), pointer("n")
		slots, all := pointer("slots"), pointer("all")
		mask, low, one, none := l.vec(), l.all(1<<32-1), l.all(1), l.all(1<<64-1)
		m := GP64()
		Load(Param("mask"), m)
		VPBROADCASTQ(m, mask)
		even, odd := l.vec(), l.vec()
		if w == 2 {
			VMOVDQU64(indexes("even", 0, 2, 4, 6, 8, 10, 12, 14), even)
			VMOVDQU64(indexes("odd", 1, 3, 5, 7, 9, 11, 13, 15), odd)
		}
		Label("loop")
		h, at, s, number, tag := l.vec(), l.vec(), l.zero(), l.vec(), l.vec()
		VMOVDQU64(Mem{Base: hashes}, h)
		VPANDQ(mask, h, at)
		every := K()
		KXNORB(every, every, every)
		VPGATHERQQ(Mem{Base: slots, Index: at, Scale: 8}, every, s)
		VPANDQ(low, s, number)
		VPSRLQ(U8(32), s, tag)
		VPANDQ(low, h, h)
		used, same := K(), K()
		VPTESTMQ(number, number, used)
		VPCMPEQQ(tag, h, used, same)
		VPSUBQ(one, number, number)
		if w == 2 {
			VPSLLQ(U8(1), number, at)
		} else {
			VMOVDQA64(number, at)
		}
		row := [2]VecVirtual{l.vec(), l.vec()}
		VMOVDQU64(Mem{Base: keys}, row[0])
		if w == 2 {
			x := l.vec()
			VMOVDQU64(Mem{Base: keys, Disp: 64}, x)
			VMOVDQA64(row[0], row[1])
			VPERMT2Q(x, even, row[0])
			VPERMT2Q(x, odd, row[1])
		}
		for i := range w {
			take, key, equal := K(), l.zero(), K()
			KMOVB(same, take)
			VPGATHERQQ(Mem{Base: all, Index: at, Scale: 8, Disp: 8 * i}, take, key)
			VPCMPEQQ(key, row[i], same, equal)
			same = equal
		}
		g := l.vec()
		VMOVDQA64(none, g)
		VMOVDQA64(number, same, g)
		y := YMM()
		VPMOVQD(g, y)
		VMOVDQU64(y, Mem{Base: to})
		KANDNB(used, same, used) // used and not same
		KMOVB(used, Mem{Base: more})
		ADDQ(U8(64), hashes)
		ADDQ(U32(64*w), keys)
		ADDQ(U8(32), to)
		INCQ(more)
		SUBQ(U8(8), n)
		JNE(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}
}

// masks: see reduce.minMaxIntGo, reduce.minMaxMaskedGo and reduce.addIntsGo.
func masks() {
	l := avx512
	type kind struct {
		name, t  string
		size     int
		lo, hi   uint64
		min, max func(ops ...Op)
	}
	for _, k := range []kind{
		{"F64", "float64", 8, 0x7ff0000000000000, 0xfff0000000000000, VMINPD, VMAXPD},
		{"I64", "int64", 8, 1<<63 - 1, 1 << 63, VPMINSQ, VPMAXSQ},
		{"I32", "int32", 4, 0x7fffffff7fffffff, 0x8000000080000000, VPMINSD, VPMAXSD},
	} {
		name := "minMaxMasked" + k.name + "AVX512"
		function(name, "(xs *"+k.t+", words int, valid *uint64, step int, out *["+map[int]string{8: "2", 4: "4"}[k.size]+"]"+k.t+")",
			name+": words > 0 times 64 rows, of which valid has the bits; it moves by step bytes a word. NaN is passed over.")
		xs, words, valid, step := pointer("xs"), pointer("words"), pointer("valid"), pointer("step")
		var lo, hi [4]VecVirtual
		for i := range lo {
			lo[i], hi[i] = l.all(k.lo), l.all(k.hi)
		}
		Label("loop")
		for u := range k.size {
			x, some := l.vec(), K()
			VMOVDQU64(Mem{Base: xs, Disp: 64 * u}, x)
			loadMask(k.size, valid, u, some)
			k.min(lo[u%4], x, some, lo[u%4])
			k.max(hi[u%4], x, some, hi[u%4])
		}
		ADDQ(U32(64*k.size), xs)
		ADDQ(step, valid)
		DECQ(words)
		JNE(LabelRef("loop"))
		for i := 1; i < 4; i++ {
			k.min(lo[i], lo[0], lo[0])
			k.max(hi[i], hi[0], hi[0])
		}
		out := pointer("out")
		l.fold(lo[0], Mem{Base: out}, func(a, b, c Op) { k.min(a, b, c) })
		l.fold(hi[0], Mem{Base: out, Disp: 8}, func(a, b, c Op) { k.max(a, b, c) })
		VZEROUPPER()
		RET()
	}
	for _, size := range []int{8, 4} {
		kind, t := map[int]string{8: "I64", 4: "I32"}[size], map[int]string{8: "int64", 4: "int32"}[size]
		name := "sum" + kind + "AVX512"
		function(name, "(xs *"+t+", words int, valid *uint64, step int, out *[2]int64)",
			name+": words > 0 times 64 rows; out[0] is the sum of the upper halves, out[1] of the lower ones.")
		xs, words, valid, step := pointer("xs"), pointer("words"), pointer("valid"), pointer("step")
		hi, lo, low := [2]VecVirtual{l.zero(), l.zero()}, [2]VecVirtual{l.zero(), l.zero()}, l.all(1<<32-1)
		Label("loop")
		for u := range 8 {
			x, t, some := l.vec(), l.vec(), K()
			loadMask(8, valid, u, some)
			if size == 4 { // the value is the whole of the lower half's sum
				VPMOVSXDQ_Z(Mem{Base: xs, Disp: 32 * u}, some, x)
				VPADDQ(x, lo[u%2], lo[u%2])
				continue
			}
			VMOVDQU64_Z(Mem{Base: xs, Disp: 64 * u}, some, x)
			VPSRAQ(U8(32), x, t)
			VPANDQ(low, x, x)
			VPADDQ(t, hi[u%2], hi[u%2])
			VPADDQ(x, lo[u%2], lo[u%2])
		}
		ADDQ(U32(64*size), xs)
		ADDQ(step, valid)
		DECQ(words)
		JNE(LabelRef("loop"))
		VPADDQ(hi[1], hi[0], hi[0])
		VPADDQ(lo[1], lo[0], lo[0])
		out := pointer("out")
		l.sum(hi[0], Mem{Base: out})
		l.sum(lo[0], Mem{Base: out, Disp: 8})
		VZEROUPPER()
		RET()
	}
	denseInts()
}

func loadMask(size int, valid Register, u int, k Register) {
	if size == 4 {
		KMOVW(Mem{Base: valid, Disp: 2 * u}, k)
	} else {
		KMOVB(Mem{Base: valid, Disp: u}, k)
	}
}

// denseInts: AVX2 has no masks, and no minimum of 64 bits.
func denseInts() {
	l := avx2
	for _, size := range []int{8, 4} {
		least, most := least64, func(a, b, c Op) { VPMAXSD(a, b, c) }
		kind, t, lo, hi := "I64", "int64", uint64(1<<63-1), uint64(1<<63)
		if size == 4 {
			kind, t, lo, hi = "I32", "int32", 0x7fffffff7fffffff, 0x8000000080000000
			least = func(a, b, c Op) { VPMINSD(a, b, c) }
		} else {
			most = greatest64
		}
		name := "minMax" + kind + "AVX2"
		function(name, "(xs *"+t+", words int, out *["+map[int]string{8: "2", 4: "4"}[size]+"]"+t+")", name+": words > 0 times 64 rows.")
		xs, words := pointer("xs"), pointer("words")
		var los, his [2]VecVirtual
		for i := range los {
			los[i], his[i] = l.zero(), l.zero()
			VPBROADCASTQ(indexes(name+"Lo"+string(rune('0'+i)), lo), los[i])
			VPBROADCASTQ(indexes(name+"Hi"+string(rune('0'+i)), hi), his[i])
		}
		Label("loop")
		for u := range 2 * size {
			x := l.vec()
			VMOVDQU(Mem{Base: xs, Disp: 32 * u}, x)
			least(x, los[u%2], los[u%2])
			most(x, his[u%2], his[u%2])
		}
		ADDQ(U32(64*size), xs)
		DECQ(words)
		JNE(LabelRef("loop"))
		least(los[1], los[0], los[0])
		most(his[1], his[0], his[0])
		out := pointer("out")
		l.fold(los[0], Mem{Base: out}, least)
		l.fold(his[0], Mem{Base: out, Disp: 8}, most)
		VZEROUPPER()
		RET()
	}
}

// least64: c = the lesser of a and b.
func least64(a, b, c Op) {
	m := like(c)
	VPCMPGTQ(a, b, m)
	VBLENDVPD(m, a, b, c)
}

// greatest64: c = the greater of a and b.
func greatest64(a, b, c Op) {
	m := like(c)
	VPCMPGTQ(b, a, m)
	VBLENDVPD(m, a, b, c)
}

// like is a register of the width of one.
func like(r Op) Register {
	if r.(Register).Size() == 16 {
		return XMM()
	}
	return YMM()
}
