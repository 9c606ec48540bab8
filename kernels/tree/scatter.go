package tree

import "unsafe"

// Scatter is the loop for i, k < width { t[k][bins[i*stride+k]] += words[i] }, but that where 2*width <= Columns every second row is
// added to t[width+k] instead. width is 1 to Columns and at most stride; bins has the rows of words.
func Scatter(width int, t *Table, bins []uint8, stride int, words []uint64) {
	if len(words) == 0 {
		return
	}
	_ = bins[(len(words)-1)*stride : (len(words)-1)*stride+width]
	scatter(width, t, unsafe.Pointer(unsafe.SliceData(bins)), uintptr(stride), words)
}

// Twice says whether Scatter uses two tables for a tile of so many columns.
func Twice(width int) bool { return 2*width <= Columns }
