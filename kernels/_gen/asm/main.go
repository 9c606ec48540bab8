// Command asm writes the assembly of the kernels: asm -group exact -out FILE.s -stubs FILE.go -pkg exact.
//
// A kernel does the whole vectors of its work; its wrapper does the rest by the Go reference. The kernels take pointers and
// counts, so that no length is checked twice. They are leaves: they call nothing and keep no pointer.
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	group := flag.String("group", "", "package of kernels to write")
	flag.Parse()
	ConstraintExpr("!headrace_noasm")
	switch *group {
	case "exact":
		exact()
	case "elem":
		elem()
	case "pick":
		pick()
	case "reduce":
		reduce()
	case "bits":
		bitmaps()
	case "unpack":
		unpack()
	case "compares":
		compares()
	case "arithmetic":
		arithmetic()
	case "maps":
		maps()
	case "texts":
		texts()
	case "take":
		take()
		takeSmall8()
	case "filter4":
		for _, l := range both {
			filter4(l)
		}
	case "groups":
		groups()
	case "masks":
		masks()
	case "rows":
		rows()
	case "sums":
		sums()
	case "forest":
		forestKernels()
	case "tree":
		treeKernels()
	default:
		log.Fatalf("no group %q", *group)
	}
	Generate()
}

// isa is what differs between the levels in loops that are otherwise one.
type isa struct {
	name  string
	lanes int
	vec   func() VecVirtual
}

var (
	avx2   = isa{"AVX2", 4, YMM}
	avx512 = isa{"AVX512", 8, ZMM}
	both   = []isa{avx2, avx512}
)

func function(name, signature, doc string) {
	TEXT(name, NOSPLIT, "func"+signature)
	Pragma("noescape")
	Doc(doc)
}

func pointer(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

func (l isa) zero() VecVirtual {
	v := l.vec()
	if l.lanes == 8 {
		VPXORQ(v, v, v)
	} else {
		VPXOR(v, v, v)
	}
	return v
}

func (l isa) broadcast(m Mem) VecVirtual {
	v := l.vec()
	VBROADCASTSD(m, v)
	return v
}

func (l isa) move(from, to Op) { VMOVUPD(from, to) }

// sum adds the lanes of v and stores the word.
func (l isa) sum(v VecVirtual, to Mem) {
	l.fold(v, to, func(a, b, c Op) { VPADDQ(a, b, c) })
}

// fold halves v until one word is left, and stores it.
func (l isa) fold(v VecVirtual, to Mem, f func(a, b, c Op)) {
	if l.lanes == 8 {
		half := YMM()
		VEXTRACTI64X4(U8(1), v, half)
		f(half, v.AsY(), v.AsY())
	}
	half := XMM()
	VEXTRACTI128(U8(1), v.AsY(), half)
	f(half, v.AsX(), v.AsX())
	VPSHUFD(U8(0x4e), v.AsX(), half)
	f(half, v.AsX(), v.AsX())
	VMOVQ(v.AsX(), to)
}

// exact: see exact.depositGo and exact.deposit2Go. The sums are raw, of bits(t); the wrapper subtracts the constants.
func exact() {
	for _, l := range both {
		function("deposit"+l.name, "(xs *float64, n int, m *[3]float64, out *[4]uint64)",
			"deposit"+l.name+": n > 0, a multiple of 16; out[:3] without the constants' share.")
		xs, n, m := pointer("xs"), pointer("n"), pointer("m")
		var c, acc [3]VecVirtual
		for k := range c {
			c[k] = l.broadcast(Mem{Base: m, Disp: 8 * k})
			acc[k] = l.zero()
		}
		most := l.zero()
		Label("loop")
		for u := range 16 / l.lanes {
			x, t := l.vec(), l.vec()
			l.move(Mem{Base: xs, Disp: 8 * l.lanes * u}, x)
			VPADDQ(x, x, t) // the sign is shifted out; halves compare apart, of which the upper one has the exponent
			VPMAXUD(t, most, most)
			for k := range c {
				VADDPD(c[k], x, t)
				VPADDQ(t, acc[k], acc[k])
				if k < 2 {
					VSUBPD(c[k], t, t)
					VSUBPD(t, x, x)
				}
			}
		}
		ADDQ(U8(128), xs)
		SUBQ(U8(16), n)
		JNE(LabelRef("loop"))
		out := pointer("out")
		for k := range acc {
			l.sum(acc[k], Mem{Base: out, Disp: 8 * k})
		}
		l.fold(most, Mem{Base: out, Disp: 24}, func(a, b, c Op) { VPMAXUD(a, b, c) })
		SHRQ(U8(1), Mem{Base: out, Disp: 24})
		VZEROUPPER()
		RET()
	}
	for _, l := range both {
		function("deposit2"+l.name, "(xs *float64, n int, m, p *[3]float64, out *[8]uint64)",
			"deposit2"+l.name+": n > 0, a multiple of 16; out[:6] without the constants' share.")
		xs, n, m, p := pointer("xs"), pointer("n"), pointer("m"), pointer("p")
		var c, acc [3]VecVirtual
		var pc [3]Op // the second constants are on the stack where registers are few
		var pacc [3]VecVirtual
		for k := range c {
			c[k] = l.broadcast(Mem{Base: m, Disp: 8 * k})
			v := l.broadcast(Mem{Base: p, Disp: 8 * k})
			pc[k] = v
			if l.lanes == 4 {
				s := AllocLocal(32)
				VMOVUPD(v, s)
				pc[k] = s
			}
			acc[k], pacc[k] = l.zero(), l.zero()
		}
		mostX, mostY := l.zero(), l.zero()
		Label("loop")
		for u := range 16 / l.lanes {
			x, y, e, t := l.vec(), l.vec(), l.vec(), l.vec()
			l.move(Mem{Base: xs, Disp: 8 * l.lanes * u}, x)
			VMULPD(x, x, y)
			l.move(y, e)
			VFMSUB231PD(x, x, e)
			VPADDQ(x, x, t)
			VPMAXUD(t, mostX, mostX)
			VPMAXUD(y, mostY, mostY)
			slice := func(c Op, acc, v VecVirtual, last bool) {
				VADDPD(c, v, t)
				VPADDQ(t, acc, acc)
				if !last {
					VSUBPD(c, t, t)
					VSUBPD(t, v, v)
				}
			}
			for k := range c {
				slice(c[k], acc[k], x, k == 2)
				slice(pc[k], pacc[k], y, k == 2)
				if k > 0 {
					slice(pc[k], pacc[k], e, k == 2)
				}
			}
		}
		ADDQ(U8(128), xs)
		SUBQ(U8(16), n)
		JNE(LabelRef("loop"))
		out := pointer("out")
		for k := range acc {
			l.sum(acc[k], Mem{Base: out, Disp: 8 * k})
			l.sum(pacc[k], Mem{Base: out, Disp: 24 + 8*k})
		}
		l.fold(mostX, Mem{Base: out, Disp: 48}, func(a, b, c Op) { VPMAXUD(a, b, c) })
		SHRQ(U8(1), Mem{Base: out, Disp: 48})
		l.fold(mostY, Mem{Base: out, Disp: 56}, func(a, b, c Op) { VPMAXUD(a, b, c) })
		VZEROUPPER()
		RET()
	}
}

// elem: see elem.compareGo. The predicates are the ordered ones, false of NaN, but for the unordered Ne.
func elem() {
	for _, op := range []struct {
		name               string
		predicate, swapped uint8 // of x op s, and of s op x, which is the form with x in memory
	}{{"Eq", 0x00, 0x00}, {"Ne", 0x04, 0x04}, {"Lt", 0x11, 0x1e}, {"Le", 0x12, 0x1d}, {"Gt", 0x1e, 0x11}, {"Ge", 0x1d, 0x12}} {
		for _, l := range both {
			name := "compare" + op.name + l.name
			function(name, "(dst *uint64, words int, xs *float64, s float64)", name+": words > 0 whole words, 64 values each.")
			dst, words, xs := pointer("dst"), pointer("words"), pointer("xs")
			s := l.vec()
			at, err := Param("s").Resolve()
			if err != nil {
				log.Fatal(err)
			}
			VBROADCASTSD(at.Addr, s)
			Label("loop")
			for b := range 8 { // a byte of the bitmap
				if l.lanes == 8 {
					k := K()
					VCMPPD(U8(op.swapped), Mem{Base: xs, Disp: 64 * b}, s, k)
					KMOVB(k, Mem{Base: dst, Disp: b})
					continue
				}
				low, high := GP32(), GP32()
				for i, r := range []GPVirtual{low, high} {
					x := l.vec()
					l.move(Mem{Base: xs, Disp: 64*b + 32*i}, x)
					VCMPPD(U8(op.predicate), s, x, x)
					VMOVMSKPD(x, r)
				}
				SHLL(U8(4), high)
				ORL(low, high)
				MOVB(high.As8(), Mem{Base: dst, Disp: b})
			}
			ADDQ(U32(512), xs)
			ADDQ(U8(8), dst)
			DECQ(words)
			JNE(LabelRef("loop"))
			VZEROUPPER()
			RET()
		}
	}
}

// pick: see pick.filterGo. A vector is compressed in a register and stored whole, as compressing into memory is slow on some
// processors; so a word of the bitmap is begun only where 64 elements of dst are left.
func pick() {
	table := GLOBL("lanes", RODATA|NOPTR)
	for mask := range 16 { // indexes of 32-bit halves that bring the chosen of four lanes to the front
		at := 0
		for lane := range 4 {
			if mask>>lane&1 != 0 {
				DATA(32*mask+8*at, U32(2*lane))
				DATA(32*mask+8*at+4, U32(2*lane+1))
				at++
			}
		}
		for ; at < 4; at++ {
			DATA(32*mask+8*at, U64(0))
		}
	}
	for _, l := range both {
		name := "filter8" + l.name
		function(name, "(dst *uint64, room int, src *uint64, keep *uint64, words int) (done, n int)",
			name+": words > 0 whole words of keep; stops before the word that dst might have no room for. done is in words.")
		dst, room, src, keep, words := pointer("dst"), pointer("room"), pointer("src"), pointer("keep"), pointer("words")
		start, first := GP64(), GP64()
		MOVQ(dst, start)
		MOVQ(keep, first)
		end := GP64() // the last place where a word may begin
		LEAQ(Mem{Base: dst, Index: room, Scale: 8, Disp: -512}, end)
		var lut GPVirtual
		if l.lanes == 4 {
			lut = GP64()
			LEAQ(table, lut)
		}
		Label("loop")
		CMPQ(dst, end)
		JGT(LabelRef("done"))
		w := GP64()
		MOVQ(Mem{Base: keep}, w)
		TESTQ(w, w)
		JEQ(LabelRef("next"))
		for u := range 64 / l.lanes {
			part, count := GP64(), GP64()
			if l.lanes == 8 {
				v, k := l.vec(), K()
				MOVBQZX(w.As8(), part)
				KMOVB(part.As32(), k)
				VMOVDQU64(Mem{Base: src, Disp: 64 * u}, v)
				VPCOMPRESSQ_Z(v, k, v)
				VMOVDQU64(v, Mem{Base: dst})
			} else {
				v, index, at := l.vec(), l.vec(), GP64()
				MOVQ(w, part)
				ANDQ(U8(15), part)
				MOVQ(part, at)
				SHLQ(U8(5), at)
				VMOVDQU(Mem{Base: lut, Index: at, Scale: 1}, index)
				VPERMD(Mem{Base: src, Disp: 32 * u}, index, v)
				VMOVDQU(v, Mem{Base: dst})
			}
			POPCNTQ(part, count)
			LEAQ(Mem{Base: dst, Index: count, Scale: 8}, dst)
			if u < 64/l.lanes-1 {
				SHRQ(U8(l.lanes), w)
			}
		}
		Label("next")
		ADDQ(U32(512), src)
		ADDQ(U8(8), keep)
		DECQ(words)
		JNE(LabelRef("loop"))
		Label("done")
		SUBQ(first, keep)
		SHRQ(U8(3), keep)
		Store(keep, Return("done"))
		SUBQ(start, dst)
		SHRQ(U8(3), dst)
		Store(dst, Return("n"))
		VZEROUPPER()
		RET()
	}
}

// reduce: see reduce.minMaxGo. The minimum instruction gives its second source where either is a NaN: that is the
// accumulator, so NaN is passed over.
func reduce() {
	limit := GLOBL("infinities", RODATA|NOPTR)
	DATA(0, U64(0x7ff0000000000000))
	DATA(8, U64(0xfff0000000000000))
	for _, l := range both {
		name := "minMax" + l.name
		function(name, "(xs *float64, n int, out *[2]float64)", name+": n > 0, a multiple of 32.")
		xs, n := pointer("xs"), pointer("n")
		var lo, hi [4]VecVirtual
		for i := range lo {
			lo[i] = l.broadcast(limit)
			hi[i] = l.broadcast(limit.Offset(8))
		}
		Label("loop")
		for u := range 32 / l.lanes {
			x := l.vec()
			l.move(Mem{Base: xs, Disp: 8 * l.lanes * u}, x)
			VMINPD(lo[u%4], x, lo[u%4])
			VMAXPD(hi[u%4], x, hi[u%4])
		}
		ADDQ(U32(256), xs)
		SUBQ(U8(32), n)
		JNE(LabelRef("loop"))
		out := pointer("out")
		for i := 1; i < 4; i++ {
			VMINPD(lo[i], lo[0], lo[0])
			VMAXPD(hi[i], hi[0], hi[0])
		}
		l.fold(lo[0], Mem{Base: out}, func(a, b, c Op) { VMINPD(a, b, c) })
		l.fold(hi[0], Mem{Base: out, Disp: 8}, func(a, b, c Op) { VMAXPD(a, b, c) })
		VZEROUPPER()
		RET()
	}
}
