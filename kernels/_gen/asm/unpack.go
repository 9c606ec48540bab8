package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// unpack: see unpack.maxGo and unpack.spreadGo.
func unpack() {
	for _, l := range both {
		maxU32(l)
	}
	lanes8, lanes4 := spreadTables()
	for _, l := range both {
		for _, width := range []int{4, 8} {
			lut := lanes8
			if width == 4 {
				lut = lanes4
			}
			spread(l, width, lut)
		}
	}
}

func maxU32(l isa) {
	function("max"+l.name, "(v *uint32, n int) uint32", "max"+l.name+": n > 0, a multiple of 32.")
	v, n := pointer("v"), pointer("n")
	per := 2 * l.lanes
	acc := make([]VecVirtual, min(4, 32/per))
	for i := range acc {
		acc[i] = l.zero()
	}
	Label("loop")
	for u := range 32 / per {
		a := acc[u%len(acc)]
		VPMAXUD(Mem{Base: v, Disp: 4 * per * u}, a, a)
	}
	ADDQ(U8(128), v)
	SUBQ(U8(32), n)
	JNE(LabelRef("loop"))
	for _, a := range acc[1:] {
		VPMAXUD(a, acc[0], acc[0])
	}
	y := acc[0].AsY()
	half := YMM()
	if l.lanes == 8 {
		VEXTRACTI64X4(U8(1), acc[0], half)
		VPMAXUD(half, y, y)
	}
	VEXTRACTI128(U8(1), y, half.AsX())
	x := acc[0].AsX()
	VPMAXUD(half.AsX(), x, x)
	for _, order := range []uint8{0x4e, 0xb1} {
		VPSHUFD(U8(order), x, half.AsX())
		VPMAXUD(half.AsX(), x, x)
	}
	r := GP32()
	VMOVD(x, r)
	Store(r, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// spreadTables bring the values of a vector to where a mask has its ones: of 8 bytes, for the 16 masks of four lanes, the indexes
// of 32-bit halves, then a mask of bytes; of 4 bytes, for the 256 masks of eight lanes, a byte a lane, below zero where nothing goes.
func spreadTables() (lanes8, lanes4 Mem) {
	lanes8 = GLOBL("spread8lanes", RODATA|NOPTR)
	for mask := range 16 {
		from := 0
		for lane := range 4 {
			if mask>>lane&1 == 0 {
				DATA(64*mask+8*lane, U64(0))
				continue
			}
			DATA(64*mask+8*lane, U32(2*from))
			DATA(64*mask+8*lane+4, U32(2*from+1))
			from++
		}
		for lane := range 4 {
			DATA(64*mask+32+8*lane, U64(-uint64(mask>>lane&1)))
		}
	}
	lanes4 = GLOBL("spread4lanes", RODATA|NOPTR)
	for mask := range 256 {
		from := 0
		for lane := range 8 {
			if mask>>lane&1 == 0 {
				DATA(8*mask+lane, U8(0x80))
				continue
			}
			DATA(8*mask+lane, U8(from))
			from++
		}
	}
	return lanes8, lanes4
}

// spread goes from the last vector to the first. A vector's values lie at or before its rows, so that they can be read whole, and
// what was written lies behind them.
func spread(l isa, width int, table Mem) {
	name := map[int]string{4: "spread4", 8: "spread8"}[width] + l.name
	typ := map[int]string{4: "uint32", 8: "uint64"}[width]
	function(name, "(v *"+typ+", row, k int, valid *uint64, words int) int",
		name+": words > 0 whole words of valid, for the rows before row, which have k values with those before them; stops where as many rows as values are left.")
	v, row, k, valid, words := pointer("v"), pointer("row"), pointer("k"), pointer("valid"), pointer("words")
	lanes := l.lanes * 8 / width
	var lut GPVirtual
	if l.lanes == 4 {
		lut = GP64()
		LEAQ(table, lut)
	}
	Label("loop")
	CMPQ(row, k)
	JEQ(LabelRef("done"))
	w := GP64()
	MOVQ(Mem{Base: valid, Index: words, Scale: 8, Disp: -8}, w)
	SUBQ(U8(64), row)
	to := GP64()
	LEAQ(Mem{Base: v, Index: row, Scale: uint8(width)}, to)
	for u := 64/lanes - 1; u >= 0; u-- {
		part, count := GP64(), GP64()
		ROLQ(U8(lanes), w)
		switch lanes {
		case 4:
			MOVQ(w, part)
			ANDQ(U8(15), part)
		case 8:
			MOVBQZX(w.As8(), part)
		case 16:
			MOVWQZX(w.As16(), part)
		}
		POPCNTQ(part, count)
		SUBQ(count, k)
		from := Mem{Base: v, Index: k, Scale: uint8(width)}
		out := Mem{Base: to, Disp: 8 * l.lanes * u}
		x := l.vec()
		switch {
		case l.lanes == 8:
			m := K()
			VMOVDQU64(from, x)
			if width == 8 {
				KMOVB(part.As32(), m)
				VPEXPANDQ_Z(x, m, x)
			} else {
				KMOVW(part.As32(), m)
				VPEXPANDD_Z(x, m, x)
			}
			VMOVDQU64(x, out)
		case width == 8:
			SHLQ(U8(6), part)
			y := l.vec()
			VMOVDQU(Mem{Base: lut, Index: part, Scale: 1}, y)
			VPERMD(from, y, x)
			VPAND(Mem{Base: lut, Index: part, Scale: 1, Disp: 32}, x, x)
			VMOVDQU(x, out)
		default:
			y := l.vec()
			VPMOVSXBD(Mem{Base: lut, Index: part, Scale: 8}, y)
			VPERMD(from, y, x)
			VPSRAD(U8(31), y, y)
			VPANDN(x, y, x)
			VMOVDQU(x, out)
		}
	}
	DECQ(words)
	JNE(LabelRef("loop"))
	Label("done")
	Store(k, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
