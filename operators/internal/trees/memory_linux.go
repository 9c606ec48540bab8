package trees

import (
	"syscall"
	"unsafe"
)

// large asks for large pages where there is room for one. Where the system has none, small ones do.
func large(b []byte) {
	const page = 2 << 20
	if len(b) < 2*page {
		return
	}
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (page - 1))
	_ = syscall.Madvise(b[skip:][:(len(b)-skip)&^(page-1)], syscall.MADV_HUGEPAGE)
}
