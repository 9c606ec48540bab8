package trees

import "unsafe"

// Make is make([]T, n) of what a fit reads row by row. The rows of a small node lie pages apart, and of pages of 4 KB the processor has too few at
// hand: finding the next takes as long as reading it.
func Make[T uint8 | int32 | uint64 | float64](n int) []T {
	s := make([]T, n)
	large(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), uintptr(n)*unsafe.Sizeof(*new(T))))
	return s
}
