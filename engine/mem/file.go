package mem

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/headrace/headrace/operators/batch"
)

// File is rows on disk in blocks. It has no name: the disk has its room back when the process ends, however it ends. Blocks may be
// written and read by many goroutines at once.
type File struct {
	f      *os.File
	end    atomic.Int64
	closed atomic.Bool
}

// File makes an empty file.
func (b *Budget) File() (*File, error) {
	dir := ""
	if b != nil {
		dir = b.dir
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	f, err := os.CreateTemp(dir, "spill-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	file := &File{f: f}
	if b != nil {
		b.mu.Lock()
		b.files = append(b.files, file)
		b.mu.Unlock()
	}
	return file, nil
}

// Close lets the file go. Blocks of it cannot be read any more.
func (f *File) Close() {
	if f != nil && !f.closed.Swap(true) {
		f.f.Close()
	}
}

// span is where some bytes of a block lie.
type span struct{ at, n int64 }

// Block says where the rows of a batch lie in a File.
type Block struct {
	N     int
	base  uint64
	ids   [4]span // ordinals, copies, parts, keys
	cols  []column
	Bytes int64
}

type column struct {
	typ     batch.Type
	wide    int
	members []string
	n       int
	valid   span
	values  span
	offsets span
	dict    *column
}

// Write puts the rows of a batch behind what is there. The batch is not kept.
func (f *File) Write(b *batch.Batch) (Block, error) {
	w := writer{}
	blk := Block{N: b.N, base: b.ID.Base}
	blk.ids[0] = w.put(bytesOf(b.ID.Ordinals))
	blk.ids[1] = w.put(bytesOf(b.ID.Copies))
	blk.ids[2] = w.put(b.Part)
	blk.ids[3] = w.put(bytesOf(b.Key))
	for i := range b.Cols {
		blk.cols = append(blk.cols, w.column(&b.Cols[i]))
	}
	blk.Bytes = w.n
	at := f.end.Add(w.n) - w.n
	blk.move(at)
	for _, p := range w.pieces {
		if _, err := f.f.WriteAt(p, at); err != nil {
			return blk, err
		}
		at += int64(len(p))
	}
	return blk, nil
}

// writer lists the pieces of a block in their order.
type writer struct {
	pieces [][]byte
	n      int64
}

func (w *writer) put(b []byte) span {
	s := span{w.n, int64(len(b))}
	if len(b) > 0 {
		w.pieces, w.n = append(w.pieces, b), w.n+int64(len(b))
	}
	return s
}

func (w *writer) column(c *batch.Column) column {
	o := column{typ: c.Type, wide: c.Wide, members: c.Members, n: c.N}
	o.valid, o.values, o.offsets = w.put(bytesOf(c.Valid)), w.put(c.Values), w.put(bytesOf(c.Offsets))
	if c.Dict != nil {
		d := w.column(c.Dict)
		o.dict = &d
	}
	return o
}

func (b *Block) move(by int64) {
	for i := range b.ids {
		b.ids[i].at += by
	}
	for i := range b.cols {
		b.cols[i].move(by)
	}
}

func (c *column) move(by int64) {
	c.valid.at, c.values.at, c.offsets.at = c.valid.at+by, c.values.at+by, c.offsets.at+by
	if c.dict != nil {
		c.dict.move(by)
	}
}

// Read gives the rows of a block with its columns cols, nil for all, in c's memory.
func (f *File) Read(c *batch.Ctx, b *Block, cols []int) (batch.Batch, error) {
	r := reader{f: f, c: c}
	o := batch.Batch{N: b.N}
	o.ID = batch.IDs{Base: b.base, Ordinals: sliceOf[uint64](r.get(b.ids[0])), Copies: sliceOf[uint32](r.get(b.ids[1]))}
	o.Part, o.Key = r.get(b.ids[2]), sliceOf[uint64](r.get(b.ids[3]))
	if cols == nil {
		for i := range b.cols {
			o.Cols = append(o.Cols, r.column(&b.cols[i]))
		}
	}
	for _, i := range cols {
		o.Cols = append(o.Cols, r.column(&b.cols[i]))
	}
	return o, r.err
}

type reader struct {
	f   *File
	c   *batch.Ctx
	err error
}

func (r *reader) get(s span) []byte {
	if s.n == 0 || r.err != nil {
		return nil
	}
	b := r.c.AllocDirty(int(s.n))
	if n, err := r.f.f.ReadAt(b, s.at); n < len(b) {
		if err == io.EOF || err == nil {
			err = io.ErrUnexpectedEOF
		}
		r.err = fmt.Errorf("rows that were put aside cannot be read again: %w", err)
		return nil
	}
	return b
}

func (r *reader) column(c *column) batch.Column {
	o := batch.Column{Type: c.typ, N: c.n, Wide: c.wide, Members: c.members}
	o.Valid, o.Values, o.Offsets = sliceOf[uint64](r.get(c.valid)), r.get(c.values), sliceOf[int32](r.get(c.offsets))
	if c.dict != nil {
		d := r.column(c.dict)
		o.Dict = &d
	}
	return o
}

// bytesOf is the memory of s.
func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(t)))
}

// sliceOf is b as values of T; nil of no bytes. What an arena gives is aligned.
func sliceOf[T any](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}
