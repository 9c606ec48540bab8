//go:build !amd64 || headrace_noasm

package unpack

func most(v []uint32) uint32 { return maxGo(v) }

func words4(v []uint32, row, k int, valid []uint64) int { return words4Go(v, row, k, valid) }
func words8(v []uint64, row, k int, valid []uint64) int { return words8Go(v, row, k, valid) }
