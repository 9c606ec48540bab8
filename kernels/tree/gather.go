package tree

import "unsafe"

// gather copies rows of whole words; a row that is past src panics.
func gather(dst, src []uint8, stride int, rows []int32) {
	if len(rows) == 0 {
		return
	}
	switch stride {
	case 8:
		gatherOf[[1]uint64](dst, src, rows)
	case 16:
		gatherOf[[2]uint64](dst, src, rows)
	case 24:
		gatherOf[[3]uint64](dst, src, rows)
	case 32:
		gatherOf[[4]uint64](dst, src, rows)
	default:
		for i, r := range rows {
			copy(dst[i*stride:][:stride], src[int(r)*stride:])
		}
	}
}

func gatherOf[T any](dst, src []uint8, rows []int32) {
	size := int(unsafe.Sizeof(*new(T)))
	from := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(src))), len(src)/size)
	to := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)/size)
	to = to[:len(rows)]
	for i, r := range rows {
		to[i] = from[r]
	}
}
