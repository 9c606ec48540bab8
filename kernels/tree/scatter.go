package tree

import "unsafe"

// Records are rows of Stride bytes, a multiple of 8: bins of some columns, and in the last 8 bytes the row's word. So a row that is
// in no cache is waited for once.
type Records struct {
	Data   []uint8
	Stride int
}

// Put is the loop for i, v := range words { word of row begin+i = v }.
func (r *Records) Put(begin int, words []uint64) {
	if len(words) == 0 {
		return
	}
	p, stride, at := r.of(begin, begin+len(words)-1, r.Stride-8), uintptr(r.Stride), uintptr(0)
	for _, v := range words {
		*(*uint64)(unsafe.Add(p, at)) = v
		at += stride
	}
}

// PutRows is the loop for i, v := range words { word of row rows[i] = v }; one length, and rows ascend.
func (r *Records) PutRows(rows []int32, words []uint64) {
	if len(rows) == 0 {
		return
	}
	r.of(int(rows[0]), int(rows[len(rows)-1]), 0)
	p, stride := r.of(0, 0, r.Stride-8), uintptr(r.Stride)
	words = words[:len(rows)]
	for i, row := range rows {
		*(*uint64)(unsafe.Add(p, uintptr(row)*stride)) = words[i]
	}
}

// Word is the word of a row.
func (r *Records) Word(row int) uint64 { return *(*uint64)(r.of(row, row, r.Stride-8)) }

// Scatter is the loop for i < n, k < width { t[k][bin first+k of row begin+i] += its word }, but that where 2*width <= Columns every
// second row is added to t[width+k] instead. width is 1 to Columns.
func (r *Records) Scatter(width int, t *Table, first, begin, n int) {
	if n > 0 {
		r.within(first, width)
		bins, stride := r.of(begin, begin+n-1, first), uintptr(r.Stride)
		scatter(width, t, bins, stride, unsafe.Add(bins, r.Stride-8-first), stride, n)
	}
}

// ScatterRows is Scatter of some rows, which ascend. near says that another tile of theirs was added just before; if not, their lines
// are asked for ahead, as most are in no cache.
func (r *Records) ScatterRows(width int, t *Table, first int, rows []int32, near bool) {
	if len(rows) == 0 {
		return
	}
	r.within(first, width)
	r.of(int(rows[0]), int(rows[len(rows)-1]), 0)
	bins, stride, word := r.of(0, 0, first), uintptr(r.Stride), uintptr(r.Stride-8-first)
	if near {
		scatterRows(width, t, bins, stride, word, rows)
		return
	}
	const ahead = 128
	touch(rows[:min(len(rows), ahead)], r.Data, r.Stride)
	for len(rows) > 0 {
		n := min(len(rows), ahead)
		touch(rows[n:min(len(rows), n+ahead)], r.Data, r.Stride)
		scatterRows(width, t, bins, stride, word, rows[:n])
		rows = rows[n:]
	}
}

// of is where byte at of row begin is; rows up to last are there, or it panics.
func (r *Records) of(begin, last, at int) unsafe.Pointer {
	_ = r.Data[last*r.Stride:][:r.Stride]
	return unsafe.Pointer(&r.Data[begin*r.Stride+at])
}

// within panics where columns would reach into the word.
func (r *Records) within(first, width int) {
	if first < 0 || first+width > r.Stride-8 {
		panic("tree: columns past the bins of a record")
	}
}

// Twice says whether Scatter uses two tables for a tile of so many columns, each for half of the rows.
func Twice(width int) bool { return 2*width <= Columns }

// Scatter is Records.Scatter of all rows of words, whose bins begin at first of each stride of bins.
func Scatter(width int, t *Table, bins []uint8, stride, first int, words []uint64) {
	if len(words) == 0 {
		return
	}
	_ = bins[(len(words)-1)*stride+first:][:width]
	scatter(width, t, unsafe.Pointer(&bins[first]), uintptr(stride), unsafe.Pointer(&words[0]), unsafe.Sizeof(words[0]), len(words))
}
