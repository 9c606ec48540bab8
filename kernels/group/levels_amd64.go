//go:build !headrace_noasm

package group

import (
	"math/bits"

	"github.com/headrace/headrace/kernels/cpu"
)

func (t *Table) first(rows *[block]uint8, groups []int32, hashes, keys []uint64) int {
	if cpu.Now() != cpu.AVX512 || t.words == 0 || t.words > 2 || len(groups)%8 != 0 {
		return t.firstGo(rows, groups, hashes, keys)
	}
	var more [block / 8]uint8
	if t.words == 1 {
		match1AVX512(&groups[0], &more[0], &hashes[0], &keys[0], len(groups), &t.slots[0], t.mask, &t.keys[0])
	} else {
		match2AVX512(&groups[0], &more[0], &hashes[0], &keys[0], len(groups), &t.slots[0], t.mask, &t.keys[0])
	}
	n := 0
	for j, m := range more[:len(groups)/8] {
		for ; m != 0; m &= m - 1 {
			rows[n] = uint8(8*j + bits.TrailingZeros8(m))
			n++
		}
	}
	return n
}
