package hash

//go:generate go run -C ../_gen ./asm -group rows -out ../hash/zz_rows_amd64.s -stubs ../hash/zz_rows_amd64.go -pkg hash

// Rows hashes rows of w words into dst: row i is keys[i*w:(i+1)*w], and there are len(dst) of them. It is for tables and
// partitions of one run: unlike the rest of the package it may change from one version to the next, so that nothing which
// outlives a run may stand on it. All bits are good: the upper ones choose partitions, the lower ones slots. For one word it
// is U64, a bijection. Rows of no words have one hash.
//
// It is the loop for each row { h = 0; for x in row { h ^= x; h ^= h>>32; h *= k1 }; h ^= h>>29; h *= k2; dst[i] = h ^ h>>32 }:
// multiplications of 64 by 64 bits without their upper half, which vectors have.
func Rows(dst []uint64, keys []uint64, w int) {
	rows(dst, keys[:len(dst)*w], w)
}

// rowsGo is the reference.
func rowsGo(dst, keys []uint64, w int) {
	switch w {
	case 1:
		U64s(dst, keys)
	case 2:
		rows2(dst, keys)
	default:
		rowsN(dst, keys, w)
	}
}

func rows2(dst, keys []uint64) {
	for i := range dst {
		row := keys[2*i : 2*i+2]
		dst[i] = rowEnd(rowStep(rowStep(0, row[0]), row[1]))
	}
}

func rowsN(dst, keys []uint64, w int) {
	for i := range dst {
		var h uint64
		for _, x := range keys[i*w : (i+1)*w] {
			h = rowStep(h, x)
		}
		dst[i] = rowEnd(h)
	}
}

func rowStep(h, x uint64) uint64 {
	h ^= x
	h ^= h >> 32
	return h * k1
}

func rowEnd(h uint64) uint64 {
	h ^= h >> 29
	h *= k2
	return h ^ h>>32
}
