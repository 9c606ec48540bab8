//go:build !amd64 || headrace_noasm

package pick

func filter8(dst, src []uint64, keep []uint64) int { return filterGo(dst, src, keep) }
