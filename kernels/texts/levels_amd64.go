//go:build !headrace_noasm

package texts

import (
	"encoding/binary"
	"math"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/cpu"
)

// ends is how many bytes of the sought string the kernel compares, half of them its last; candidates are verified where it has
// more.
const ends = 8

func match(dst []uint64, offsets []int32, data []byte, s string, p pattern) {
	n := len(offsets) - 1
	dst = dst[:bits.Words(n)]
	words, done := n/64, 0
	limit := len(data) - max(len(s), ends/2) // where s may stand
	if words > 0 && len(s) > 0 && limit >= 0 && limit <= math.MaxInt32 && cpu.Now() == cpu.AVX512 {
		var first, mask, last [ends / 2]byte
		for i := range copy(first[:], s) {
			mask[i] = 0xff
		}
		if len(s) > len(last) {
			copy(last[:], s[len(s)-len(last):])
		}
		var end int32
		if p.end {
			end = -1
		}
		word := binary.LittleEndian.Uint32
		done = matchAVX512(&dst[0], words, &offsets[0], &data[0], limit, len(s), p.slack, end, word(first[:]), word(mask[:]), word(last[:]))
		if len(s) > ends {
			verify(dst[:done], offsets, data, s, p)
		}
	}
	matchGo(dst[done:], offsets[64*done:], data, s, p)
}
