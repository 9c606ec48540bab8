//go:build !amd64 || headrace_noasm

package texts

import "github.com/headrace/headrace/kernels/bits"

func match(dst []uint64, offsets []int32, data []byte, s string, p pattern) {
	matchGo(dst[:bits.Words(len(offsets)-1)], offsets, data, s, p)
}
