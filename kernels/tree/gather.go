package tree

import "unsafe"

// Gather is the loop
//
//	for i, r := range rows { bins[i*stride:][:stride] = allBins[r*stride:][:stride]; words[i] = allWords[r] }
//
// The stride is a multiple of 8. The lines of rows to come are asked for ahead: most are not in a cache.
func Gather(bins, allBins []uint8, stride int, rows []int32, words, allWords []uint64) {
	bins, words = bins[:len(rows)*stride], words[:len(rows)]
	const ahead = 128
	from := unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(allWords))), 8*len(allWords))
	ask := func(rows []int32) {
		touch(rows, allBins, stride)
		touch(rows, from, 8)
	}
	ask(rows[:min(len(rows), ahead)])
	for at := 0; at < len(rows); at += ahead {
		to := min(len(rows), at+ahead)
		ask(rows[to:min(len(rows), to+ahead)])
		gather(bins[at*stride:to*stride], allBins, stride, rows[at:to])
		for i, r := range rows[at:to] {
			words[at+i] = allWords[r]
		}
	}
}

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
