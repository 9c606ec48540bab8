//go:build !amd64 || headrace_noasm

package group

func (t *Table) first(rows *[block]uint8, groups []int32, hashes, keys []uint64) int {
	return t.firstGo(rows, groups, hashes, keys)
}
