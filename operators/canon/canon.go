// Package canon writes states so that equal states are equal bytes.
//
// All integers are little-endian varints or fixed 8-byte words, strings carry their length, nothing depends on the order of a
// Go map. A Reader never allocates more than its input could hold, and never panics on bad input: after the first error
// every read gives zero values and Err says what was wrong.
package canon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// ErrCorrupt is what every reading error wraps.
var ErrCorrupt = errors.New("corrupt state")

// Writer appends to Buf.
type Writer struct{ Buf []byte }

// Uint writes a varint.
func (w *Writer) Uint(v uint64) { w.Buf = binary.AppendUvarint(w.Buf, v) }

// Int writes a zigzag varint.
func (w *Writer) Int(v int64) { w.Buf = binary.AppendVarint(w.Buf, v) }

// Bool writes a byte.
func (w *Writer) Bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	w.Buf = append(w.Buf, b)
}

// Word writes 8 bytes.
func (w *Writer) Word(v uint64) { w.Buf = binary.LittleEndian.AppendUint64(w.Buf, v) }

// Float writes the bits; every NaN is written as one.
func (w *Writer) Float(v float64) {
	if v != v {
		v = math.NaN()
	}
	w.Word(math.Float64bits(v))
}

// Bytes writes a length and the bytes.
func (w *Writer) Bytes(v []byte) {
	w.Uint(uint64(len(v)))
	w.Buf = append(w.Buf, v...)
}

// String writes a length and the bytes.
func (w *Writer) String(v string) {
	w.Uint(uint64(len(v)))
	w.Buf = append(w.Buf, v...)
}

// Floats writes a length and the bits.
func (w *Writer) Floats(v []float64) {
	w.Uint(uint64(len(v)))
	for _, x := range v {
		w.Float(x)
	}
}

// Strings writes a length and the strings, in the order given.
func (w *Writer) Strings(v []string) {
	w.Uint(uint64(len(v)))
	for _, x := range v {
		w.String(x)
	}
}

// Ints writes a length and zigzag varints.
func Ints[T ~int | ~int8 | ~int16 | ~int32 | ~int64](w *Writer, v []T) {
	w.Uint(uint64(len(v)))
	for _, x := range v {
		w.Int(int64(x))
	}
}

// Uints writes a length and varints.
func Uints[T ~uint8 | ~uint16 | ~uint32 | ~uint64](w *Writer, v []T) {
	w.Uint(uint64(len(v)))
	for _, x := range v {
		w.Uint(uint64(x))
	}
}

// Reader reads what a Writer wrote.
type Reader struct {
	buf []byte
	err error
}

// NewReader reads from data, which it does not copy or change.
func NewReader(data []byte) *Reader { return &Reader{buf: data} }

// Err is the first error.
func (r *Reader) Err() error { return r.err }

// Rest is how many bytes are left.
func (r *Reader) Rest() int { return len(r.buf) }

// Fail sets the error if there is none; for readers of kinds, which check bounds of their own.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
		r.buf = nil
	}
}

// At puts the place where reading failed before the error, if there is one: "tree 3". Who reads a part calls it behind the part.
func (r *Reader) At(format string, args ...any) {
	if r.err != nil {
		r.err = fmt.Errorf("%w: %s: %s", ErrCorrupt, fmt.Sprintf(format, args...), Cause(r.err))
	}
}

// Cause is what an error of a Reader says behind ErrCorrupt; of any other error, all of it.
func Cause(err error) string { return strings.TrimPrefix(err.Error(), ErrCorrupt.Error()+": ") }

// End is Err, or an error if bytes are left.
func (r *Reader) End() error {
	if r.err == nil && len(r.buf) > 0 {
		r.Fail("%d bytes too many", len(r.buf))
	}
	return r.err
}

// Uint reads a varint.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.Fail("bad integer")
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Int reads a zigzag varint.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.Fail("bad integer")
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Bool reads a byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	if len(r.buf) == 0 || r.buf[0] > 1 {
		r.Fail("bad bool")
		return false
	}
	v := r.buf[0] == 1
	r.buf = r.buf[1:]
	return v
}

// Word reads 8 bytes.
func (r *Reader) Word() uint64 {
	if len(r.buf) < 8 {
		r.Fail("cut short")
		return 0
	}
	v := binary.LittleEndian.Uint64(r.buf)
	r.buf = r.buf[8:]
	return v
}

// Float reads 8 bytes.
func (r *Reader) Float() float64 { return math.Float64frombits(r.Word()) }

// Len reads a length of elements that take at least size bytes each, so that no corrupt length allocates more than the
// input holds.
func (r *Reader) Len(size int) int {
	n := r.Uint()
	if n > uint64(len(r.buf)/max(size, 1)) {
		r.Fail("length %d of at most %d", n, len(r.buf)/max(size, 1))
		return 0
	}
	return int(n)
}

// Bytes reads a length and as many bytes; the slice is a copy.
func (r *Reader) Bytes() []byte {
	n := r.Len(1)
	v := append([]byte(nil), r.buf[:n]...)
	r.buf = r.buf[n:]
	return v
}

// View is Bytes without the copy: the slice is of what the Reader was made of.
func (r *Reader) View() []byte {
	n := r.Len(1)
	v := r.buf[:n:n]
	r.buf = r.buf[n:]
	return v
}

// String reads a length and as many bytes.
func (r *Reader) String() string {
	n := r.Len(1)
	v := string(r.buf[:n])
	r.buf = r.buf[n:]
	return v
}

// Floats reads a length and as many floats; nil for none.
func (r *Reader) Floats() []float64 {
	n := r.Len(8)
	if n == 0 {
		return nil
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = r.Float()
	}
	return v
}

// Strings reads a length and as many strings; nil for none.
func (r *Reader) Strings() []string {
	n := r.Len(1)
	if n == 0 {
		return nil
	}
	v := make([]string, n)
	for i := range v {
		v[i] = r.String()
	}
	return v
}

// ReadInts reads what Ints wrote; a value that T cannot hold is an error.
func ReadInts[T ~int | ~int8 | ~int16 | ~int32 | ~int64](r *Reader) []T {
	n := r.Len(1)
	if n == 0 {
		return nil
	}
	v := make([]T, n)
	for i := range v {
		x := r.Int()
		if v[i] = T(x); int64(v[i]) != x {
			r.Fail("%d is out of range", x)
		}
	}
	return v
}

// ReadUints reads what Uints wrote; a value that T cannot hold is an error.
func ReadUints[T ~uint8 | ~uint16 | ~uint32 | ~uint64](r *Reader) []T {
	n := r.Len(1)
	if n == 0 {
		return nil
	}
	v := make([]T, n)
	for i := range v {
		x := r.Uint()
		if v[i] = T(x); uint64(v[i]) != x {
			r.Fail("%d is out of range", x)
		}
	}
	return v
}
