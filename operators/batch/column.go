package batch

import (
	"fmt"
	"unsafe"
)

// Column is one column of a batch, in Arrow's layout with offset 0: it may be shared, and nobody changes it.
//
//	Bool                 Values is the bitmap, ceil(N/64) words
//	fixed width          Values is N values of Type.Width() bytes
//	String, Bytes        Offsets is N+1, the bytes of row i are Values[Offsets[i]:Offsets[i+1]]
//	  dictionary-coded   Dict is set: Values is N int32 codes into Dict, a plain column without nulls
//	Vector               Values is Wide segments of N float64: all of member 0, then all of member 1, ...
//
// Valid is the bitmap of what is not null, nil where nothing is. Bits past N are 0 in every bitmap. What stands under a null
// is unspecified (a code under a null may be out of range): nobody may let it reach a result.
type Column struct {
	Type    Type
	N       int
	Wide    int      // Vector: members
	Members []string // Vector: their names, shared
	Valid   []uint64
	Values  []byte
	Offsets []int32
	Dict    *Column
	// Lasts says of a dictionary that its memory is of no arena and stays as it is: copies of what it codes share it.
	Lasts bool
}

// Words is how many 64-bit words a bitmap of n bits takes.
func Words(n int) int { return (n + 63) >> 6 }

// view reads the first n elements of b as T. b must be aligned to T, which arenas and Arrow buffers are.
func view[T any](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	var t T
	if len(b) < n*int(unsafe.Sizeof(t)) {
		panic(fmt.Sprintf("batch: column of %d bytes read as %d values of %d", len(b), n, unsafe.Sizeof(t)))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// raw is the memory of s.
func raw[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(t)))
}

// Bits is the bitmap of a Bool column.
func (c *Column) Bits() []uint64 { return view[uint64](c.Values, Words(c.N)) }

// Int32s are the values of an Int32 or Date column.
func (c *Column) Int32s() []int32 { return view[int32](c.Values, c.N) }

// Codes are the codes of a dictionary-coded column.
func (c *Column) Codes() []int32 { return view[int32](c.Values, c.N) }

// Int64s are the values of an Int64, Timestamp or Decimal column.
func (c *Column) Int64s() []int64 { return view[int64](c.Values, c.N) }

// Float32s are the values of a Float32 column.
func (c *Column) Float32s() []float32 { return view[float32](c.Values, c.N) }

// Float64s are the values of a Float64 column.
func (c *Column) Float64s() []float64 { return view[float64](c.Values, c.N) }

// Member is member j of a Vector column.
func (c *Column) Member(j int) []float64 {
	return view[float64](c.Values, c.N*c.Wide)[j*c.N : (j+1)*c.N : (j+1)*c.N]
}

// Text is the bytes of row i of a String or Bytes column, plain or dictionary-coded; unspecified under a null.
func (c *Column) Text(i int) []byte {
	if c.Dict != nil {
		return c.Dict.Text(int(c.Codes()[i]))
	}
	return c.Values[c.Offsets[i]:c.Offsets[i+1]]
}

// Str is Text as a string that shares the column's memory: copy it (strings.Clone) to keep it.
func (c *Column) Str(i int) string {
	b := c.Text(i)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Null says whether row i is null.
func (c *Column) Null(i int) bool { return c.Valid != nil && c.Valid[i>>6]>>(i&63)&1 == 0 }

// Bit is row i of a Bool column.
func (c *Column) Bit(i int) bool { return c.Bits()[i>>6]>>(i&63)&1 == 1 }

// Nulls counts the nulls.
func (c *Column) Nulls() int {
	if c.Valid == nil {
		return 0
	}
	return c.N - countBits(c.Valid)
}

// Bytes is the memory that the column reaches, its dictionary included.
func (c *Column) Bytes() int64 {
	n := int64(len(c.Valid)*8 + len(c.Values) + len(c.Offsets)*4)
	if c.Dict != nil {
		n += c.Dict.Bytes()
	}
	return n
}

// OfFloat64s is a column over the caller's memory.
func OfFloat64s(v []float64) Column {
	return Column{Type: T(Float64), N: len(v), Values: raw(v)}
}

// OfInt64s is a column over the caller's memory, of kind Int64; set Type for a timestamp or decimal.
func OfInt64s(v []int64) Column { return Column{Type: T(Int64), N: len(v), Values: raw(v)} }

// OfInt32s is a column over the caller's memory, of kind Int32; set Type for a date.
func OfInt32s(v []int32) Column { return Column{Type: T(Int32), N: len(v), Values: raw(v)} }

// OfFloat32s is a column over the caller's memory.
func OfFloat32s(v []float32) Column {
	return Column{Type: T(Float32), N: len(v), Values: raw(v)}
}

// OfBits is a Bool column over the caller's bitmap of n rows.
func OfBits(w []uint64, n int) Column {
	return Column{Type: T(Bool), N: n, Values: raw(w[:Words(n)])}
}

// OfBools copies.
func OfBools(v []bool) Column {
	w := make([]uint64, Words(len(v)))
	for i, b := range v {
		if b {
			w[i>>6] |= 1 << (i & 63)
		}
	}
	return OfBits(w, len(v))
}

// OfStrings copies.
func OfStrings(v []string) Column {
	off, n := make([]int32, len(v)+1), 0
	for i, s := range v {
		n += len(s)
		off[i+1] = int32(n)
	}
	data := make([]byte, 0, n)
	for _, s := range v {
		data = append(data, s...)
	}
	return Column{Type: T(String), N: len(v), Offsets: off, Values: data}
}

// OfCodes is a dictionary-coded String column over the caller's memory.
func OfCodes(codes []int32, dict *Column) Column {
	return Column{Type: dict.Type, N: len(codes), Values: raw(codes), Dict: dict}
}

// WithNulls gives the column with the rows null where null is true.
func (c Column) WithNulls(null []bool) Column {
	w := make([]uint64, Words(c.N))
	for i, b := range null {
		if !b {
			w[i>>6] |= 1 << (i & 63)
		}
	}
	c.Valid = w
	return c
}
