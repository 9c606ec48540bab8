//go:build !amd64 || headrace_noasm

package hash

func rows(dst, keys []uint64, w int) { rowsGo(dst, keys, w) }
