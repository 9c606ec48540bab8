//go:build !amd64 || headrace_noasm

package bits

func toIndex(dst []int32, src []uint64) int { return toIndexGo(dst, src, 0) }

func filter(dst, src, keep []uint64) int { return filterGo(dst, src, keep) }

func take(dst, src []uint64, index []int32) { takeGo(dst, src, index) }
