//go:build !amd64 || headrace_noasm

package pick

func filter8(dst, src []uint64, keep []uint64) int { return filterGo(dst, src, keep) }

func filter4(dst, src []uint32, keep []uint64) int { return filterGo(dst, src, keep) }

func take4(dst, src []uint32, index []int32) { takeGo(dst, src, index) }

func take8(dst, src []uint64, index []int32) { takeGo(dst, src, index) }
