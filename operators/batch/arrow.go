package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// ArrowType gives the type that an Arrow array of dt is read as. Narrow integers widen (signed to int32, unsigned to int64), float16
// widens to float32, large strings and binaries have their offsets narrowed, a dictionary of strings stays one. The error says why
// dt is not read: lists, structs, maps, times of day, durations, intervals, decimals of more than 18 digits, dictionaries of
// anything but strings and bytes.
func ArrowType(dt arrow.DataType) (Type, error) {
	switch dt.ID() {
	case arrow.BOOL:
		return T(Bool), nil
	case arrow.INT8, arrow.INT16, arrow.INT32:
		return T(Int32), nil
	case arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return T(Int64), nil
	case arrow.FLOAT16, arrow.FLOAT32:
		return T(Float32), nil
	case arrow.FLOAT64:
		return T(Float64), nil
	case arrow.STRING, arrow.LARGE_STRING:
		return T(String), nil
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.FIXED_SIZE_BINARY:
		return T(Bytes), nil
	case arrow.DATE32, arrow.DATE64:
		return T(Date), nil
	case arrow.TIMESTAMP:
		t := dt.(*arrow.TimestampType)
		return Type{Kind: Timestamp, Unit: Unit(t.Unit), Zone: t.TimeZone}, nil // the units are in the same order
	case arrow.DECIMAL128:
		t := dt.(*arrow.Decimal128Type)
		if t.Precision < 1 || t.Precision > 18 || t.Scale < 0 || t.Scale > t.Precision {
			return Type{}, fmt.Errorf("decimal(%d, %d): more than 18 digits", t.Precision, t.Scale)
		}
		return Type{Kind: Decimal, Precision: uint8(t.Precision), Scale: int8(t.Scale)}, nil
	case arrow.DICTIONARY:
		d := dt.(*arrow.DictionaryType)
		t, err := ArrowType(d.ValueType)
		if err == nil && (!t.Text() || d.ValueType.ID() == arrow.DICTIONARY) {
			err = fmt.Errorf("dictionary of %s", d.ValueType)
		}
		return t, err
	}
	return Type{}, errors.New(dt.String())
}

// ToArrowType is the Arrow type that a column of type t is written as.
func ToArrowType(t Type) (arrow.DataType, error) {
	switch t.Kind {
	case Bool:
		return arrow.FixedWidthTypes.Boolean, nil
	case Int32:
		return arrow.PrimitiveTypes.Int32, nil
	case Int64:
		return arrow.PrimitiveTypes.Int64, nil
	case Float32:
		return arrow.PrimitiveTypes.Float32, nil
	case Float64:
		return arrow.PrimitiveTypes.Float64, nil
	case String:
		return arrow.BinaryTypes.String, nil
	case Bytes:
		return arrow.BinaryTypes.Binary, nil
	case Date:
		return arrow.FixedWidthTypes.Date32, nil
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.TimeUnit(t.Unit), TimeZone: t.Zone}, nil
	case Decimal:
		return &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}, nil
	}
	return nil, fmt.Errorf("%s has no Arrow type", t)
}

// FromArrow gives an array's rows as a column. It shares the array's memory where that is laid out as a column's is (offset 0, at a
// multiple of Align, with Pad bytes behind); the rest is copied into c. Who shares memory must keep it alive: an array that is
// released to an allocator that reuses memory may not be read after. What a damaged file could have wrong is checked: the sizes
// of buffers, the order of offsets, dictionary codes, numbers that do not fit. UTF-8 is the caller's to check.
func FromArrow(c *Ctx, a arrow.Array) (Column, error) {
	t, err := ArrowType(a.DataType())
	if err != nil {
		return Column{}, err
	}
	d := a.Data()
	out := Column{Type: t, N: d.Len()}
	if out.N < 0 || d.Offset() < 0 || d.Len() > math.MaxInt32 || d.Offset() > math.MaxInt32 {
		return out, errArrow
	}
	if d.NullN() != 0 {
		if out.Valid, err = arrowBits(c, d, 0); err != nil {
			return out, err
		}
		if out.Nulls() == 0 {
			out.Valid = nil
		}
	}
	switch id := a.DataType().ID(); id {
	case arrow.BOOL:
		w, err := arrowBits(c, d, 1)
		if err != nil {
			return out, err
		}
		if w == nil && out.N > 0 {
			return out, errArrow
		}
		out.Values = raw(w)
	case arrow.INT32, arrow.DATE32, arrow.FLOAT32:
		err = arrowFixed(c, d, &out, 4)
	case arrow.INT64, arrow.TIMESTAMP, arrow.FLOAT64:
		err = arrowFixed(c, d, &out, 8)
	case arrow.STRING, arrow.BINARY:
		err = arrowText[int32](c, d, &out)
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		err = arrowText[int64](c, d, &out)
	case arrow.FIXED_SIZE_BINARY:
		err = arrowFixedText(c, d, &out, a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth)
	case arrow.DICTIONARY:
		err = arrowDictionary(c, d, &out)
	default:
		err = arrowConvert(c, d, &out, id)
	}
	return out, err
}

var errArrow = errors.New("an arrow array does not fit its buffers")

// arrowBytes is n elements of width bytes of buffer i from the array's offset on.
func arrowBytes(d arrow.ArrayData, i, n, width int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if i >= len(d.Buffers()) || d.Buffers()[i] == nil {
		return nil, errArrow
	}
	b := d.Buffers()[i].Bytes()
	from, to := int64(d.Offset())*int64(width), (int64(d.Offset())+int64(n))*int64(width)
	if to > int64(len(b)) {
		return nil, errArrow
	}
	return b[from:to], nil
}

// arrowBits copies a bitmap to offset 0, with zeros behind its end; nil where there is none.
func arrowBits(c *Ctx, d arrow.ArrayData, i int) ([]uint64, error) {
	if len(d.Buffers()) <= i || d.Buffers()[i] == nil || d.Buffers()[i].Len() == 0 {
		return nil, nil
	}
	b, n, off := d.Buffers()[i].Bytes(), d.Len(), d.Offset()
	if off+n > len(b)*8 {
		return nil, errArrow
	}
	w := c.Bitmap(n)
	b = b[off>>3:]
	s := uint(off & 7)
	for j := range w {
		var x uint64
		if p := b[min(8*j, len(b)):]; len(p) >= 9 {
			x = binary.LittleEndian.Uint64(p)>>s | uint64(p[8])<<8<<(56-s) // s may be 0: then the last byte is shifted out
		} else {
			for k := len(p) - 1; k >= 0; k-- {
				if k == 8 {
					x = uint64(p[8]) << 8 << (56 - s)
				} else if sh := 8 * k; sh >= int(s) {
					x |= uint64(p[k]) << (sh - int(s))
				} else {
					x |= uint64(p[k]) >> (int(s) - sh)
				}
			}
		}
		w[j] = x
	}
	if n&63 != 0 {
		w[len(w)-1] &= 1<<(n&63) - 1
	}
	return w, nil
}

// sharable says whether b may be a column's memory as it is.
func sharable(b []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%Align == 0 && cap(b)-len(b) >= Pad
}

func arrowFixed(c *Ctx, d arrow.ArrayData, out *Column, width int) error {
	b, err := arrowBytes(d, 1, out.N, width)
	if err != nil {
		return err
	}
	if !sharable(b) {
		own := c.AllocDirty(len(b))
		copy(own, b)
		b = own
	}
	out.Values = b
	return nil
}

func arrowText[T int32 | int64](c *Ctx, d arrow.ArrayData, out *Column) error {
	var t T
	out.Offsets = c.Int32s(out.N + 1)
	if out.N == 0 {
		out.Offsets[0] = 0
		return nil
	}
	b, err := arrowBytes(d, 1, out.N+1, int(unsafe.Sizeof(t)))
	if err != nil {
		return err
	}
	var data []byte
	if len(d.Buffers()) > 2 && d.Buffers()[2] != nil {
		data = d.Buffers()[2].Bytes()
	}
	read := func(i int) int64 {
		if unsafe.Sizeof(t) == 4 {
			return int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		}
		return int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	first, last := read(0), read(out.N)
	if first < 0 || last < first || last > int64(len(data)) {
		return errArrow
	}
	if last-first > math.MaxInt32 {
		return errors.New("an array's strings take more than 2 GiB")
	}
	before := first
	for i := range out.Offsets {
		o := read(i)
		if o < before {
			return errArrow
		}
		before = o
		out.Offsets[i] = int32(o - first)
	}
	out.Values = data[first:last]
	if cap(data)-int(last) < Pad { // bytes need no alignment, but a kernel may read on
		own := c.AllocDirty(len(out.Values))
		copy(own, out.Values)
		out.Values = own
	}
	return nil
}

func arrowFixedText(c *Ctx, d arrow.ArrayData, out *Column, width int) error {
	if width < 0 || int64(width)*int64(out.N) > math.MaxInt32 {
		return errArrow
	}
	if err := arrowFixed(c, d, out, width); err != nil {
		return err
	}
	out.Offsets = c.Int32s(out.N + 1)
	for i := range out.Offsets {
		out.Offsets[i] = int32(i * width)
	}
	return nil
}

func arrowDictionary(c *Ctx, d arrow.ArrayData, out *Column) error {
	dt := d.DataType().(*arrow.DictionaryType)
	codes := c.Int32s(out.N)
	if err := arrowInts(d, dt.IndexType.ID(), out.N, func(i int, v int64) bool {
		codes[i] = int32(v)
		return v == int64(int32(v)) || out.Null(i)
	}); err != nil {
		return err
	}
	if d.Dictionary() == nil {
		return errArrow
	}
	values := array.MakeFromData(d.Dictionary())
	defer values.Release()
	dict, err := FromArrow(c, values)
	if err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	// A dictionary of ours has no nulls: who points to one is null.
	null := dict.Valid
	dict.Valid = nil
	for i, x := range codes {
		if out.Null(i) {
			codes[i] = 0
			continue
		}
		if uint(uint32(x)) >= uint(dict.N) {
			return errors.New("a dictionary code is out of range")
		}
		if null != nil && null[x>>6]>>(x&63)&1 == 0 {
			if out.Valid == nil {
				out.Valid = c.Bitmap(out.N)
				for j := range out.N {
					out.Valid[j>>6] |= 1 << (j & 63)
				}
			}
			out.Valid[i>>6] &^= 1 << (i & 63)
		}
	}
	out.Values, out.Dict = raw(codes), &dict
	return nil
}

// arrowInts calls set with every integer; false means that it does not fit.
func arrowInts(d arrow.ArrayData, id arrow.Type, n int, set func(i int, v int64) bool) error {
	var width int
	var read func(b []byte) int64
	switch id {
	case arrow.INT8:
		width, read = 1, func(b []byte) int64 { return int64(int8(b[0])) }
	case arrow.UINT8:
		width, read = 1, func(b []byte) int64 { return int64(b[0]) }
	case arrow.INT16:
		width, read = 2, func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) }
	case arrow.UINT16:
		width, read = 2, func(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) }
	case arrow.INT32:
		width, read = 4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }
	case arrow.UINT32:
		width, read = 4, func(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }
	case arrow.INT64, arrow.UINT64, arrow.DATE64:
		width, read = 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }
	default:
		return errArrow
	}
	b, err := arrowBytes(d, 1, n, width)
	if err != nil {
		return err
	}
	for i := range n {
		v := read(b[i*width:])
		if !set(i, v) {
			return fmt.Errorf("row %d: the value does not fit", i)
		}
	}
	return nil
}

// arrowConvert reads what has another width in a column.
func arrowConvert(c *Ctx, d arrow.ArrayData, out *Column, id arrow.Type) error {
	own := c.New(out.Type, out.N)
	out.Values = own.Values
	switch id {
	case arrow.INT8, arrow.INT16:
		v := out.Int32s()
		return arrowInts(d, id, out.N, func(i int, x int64) bool { v[i] = int32(x); return true })
	case arrow.UINT8, arrow.UINT16, arrow.UINT32:
		v := out.Int64s()
		return arrowInts(d, id, out.N, func(i int, x int64) bool { v[i] = x; return true })
	case arrow.UINT64:
		v := out.Int64s()
		return arrowInts(d, id, out.N, func(i int, x int64) bool { v[i] = x; return x >= 0 || out.Null(i) })
	case arrow.DATE64:
		const day = 86_400_000
		v := out.Int32s()
		return arrowInts(d, id, out.N, func(i int, x int64) bool {
			v[i] = int32(x / day)
			return x%day == 0 && x/day == int64(v[i]) || out.Null(i)
		})
	case arrow.FLOAT16:
		b, err := arrowBytes(d, 1, out.N, 2)
		if err != nil {
			return err
		}
		v := out.Float32s()
		for i := range v {
			v[i] = float16.FromBits(binary.LittleEndian.Uint16(b[2*i:])).Float32()
		}
		return nil
	case arrow.DECIMAL128:
		b, err := arrowBytes(d, 1, out.N, 16)
		if err != nil {
			return err
		}
		v := out.Int64s()
		for i := range v {
			lo, hi := int64(binary.LittleEndian.Uint64(b[16*i:])), int64(binary.LittleEndian.Uint64(b[16*i+8:]))
			if hi != lo>>63 && !out.Null(i) {
				return fmt.Errorf("row %d: a decimal of more than 18 digits", i)
			}
			v[i] = lo
		}
		return nil
	}
	return errArrow
}

// ToArrow gives a column as an Arrow array that shares its memory (but a decimal's, which Arrow keeps in 128 bits, and the codes of a
// dictionary column with nulls, whose unspecified codes Arrow does not allow). The array may not outlive the column's arena.
// Vectors and lists have no array.
func ToArrow(c *Column) (arrow.Array, error) {
	dt, err := ToArrowType(c.Type)
	if err != nil {
		return nil, err
	}
	buf := func(b []byte) *memory.Buffer { return memory.NewBufferBytes(b) }
	var valid *memory.Buffer
	nulls := c.Nulls()
	if nulls > 0 {
		valid = buf(raw(c.Valid)[:(c.N+7)/8])
	}
	if c.Dict != nil {
		dict, err := ToArrow(c.Dict)
		if err != nil {
			return nil, err
		}
		defer dict.Release()
		codes := c.Codes()
		if nulls > 0 {
			codes = append([]int32(nil), codes...)
			for i := range codes {
				if c.Null(i) {
					codes[i] = 0
				}
			}
		}
		d := array.NewDataWithDictionary(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: dt}, c.N,
			[]*memory.Buffer{valid, buf(raw(codes))}, nulls, 0, dict.Data().(*array.Data))
		defer d.Release()
		return array.MakeFromData(d), nil
	}
	var bufs []*memory.Buffer
	switch {
	case c.Type.Kind == Bool:
		bufs = []*memory.Buffer{valid, buf(c.Values[:min(len(c.Values), (c.N+7)/8)])}
	case c.Type.Kind == Decimal:
		wide := make([]byte, 16*c.N)
		for i, v := range c.Int64s() {
			binary.LittleEndian.PutUint64(wide[16*i:], uint64(v))
			binary.LittleEndian.PutUint64(wide[16*i+8:], uint64(v>>63))
		}
		bufs = []*memory.Buffer{valid, buf(wide)}
	case c.Type.Text():
		off := c.Offsets
		if len(off) == 0 {
			off = []int32{0}
		}
		bufs = []*memory.Buffer{valid, buf(raw(off[:c.N+1])), buf(c.Values[:off[c.N]])}
	default:
		bufs = []*memory.Buffer{valid, buf(c.Values[:c.N*c.Type.Width()])}
	}
	d := array.NewData(dt, c.N, bufs, nil, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d), nil
}
