package parquet

import (
	"encoding/binary"
	"errors"
)

// compact reads Thrift's compact protocol from memory that is not to be trusted. It keeps its first error, gives zeros after it,
// and allocates nothing that the bytes at hand do not stand for: a list of a billion needs a billion bytes.
//
// parquet-go's decoder makes room for a list by the size that the list claims, which a flipped bit turns into terabytes that no
// recover catches; it also cannot tell a CRC or a null count of 0 from none.
type compact struct {
	b     []byte
	i     int
	depth int
	err   error
	short bool // the error is that the bytes ended
}

var (
	errThrift = errors.New("malformed metadata")
	errShort  = errors.New("metadata is cut off")
)

// The types of fields.
const (
	tTrue = iota + 1
	tFalse
	tI8
	tI16
	tI32
	tI64
	tDouble
	tBinary
	tList
	tSet
	tMap
	tStruct
	depthMax = 32
)

func (t *compact) fail(err error) {
	if t.err == nil {
		t.err, t.short = err, err == errShort
	}
	t.i = len(t.b)
}

func (t *compact) byte() byte {
	if t.i >= len(t.b) {
		t.fail(errShort)
		return 0
	}
	t.i++
	return t.b[t.i-1]
}

func (t *compact) uvarint() uint64 {
	v, n := binary.Uvarint(t.b[t.i:])
	if n <= 0 {
		if n == 0 {
			t.fail(errShort)
		} else {
			t.fail(errThrift)
		}
		return 0
	}
	t.i += n
	return v
}

func (t *compact) zigzag() int64 {
	u := t.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// fields calls f for every field of a struct; f must consume the value or skip it.
func (t *compact) fields(f func(id int, typ byte)) {
	if t.depth++; t.depth > depthMax {
		t.fail(errThrift)
	}
	id := 0
	for t.err == nil {
		h := t.byte()
		if h == 0 {
			break
		}
		if d := int(h >> 4); d != 0 {
			id += d
		} else {
			id = int(int16(t.zigzag()))
		}
		if typ := h & 15; typ < tTrue || typ > tStruct {
			t.fail(errThrift)
		} else if t.err == nil {
			f(id, typ)
		}
	}
	t.depth--
}

// record is fields of a value that must be a struct.
func (t *compact) record(typ byte, f func(id int, typ byte)) {
	if typ != tStruct {
		t.fail(errThrift)
		return
	}
	t.fields(f)
}

// list calls f for every element.
func (t *compact) list(typ byte, f func(elem byte)) {
	if typ != tList && typ != tSet {
		t.fail(errThrift)
		return
	}
	h := t.byte()
	n := uint64(h >> 4)
	if n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.b)-t.i) {
		t.fail(errShort)
		return
	}
	if t.depth++; t.depth > depthMax {
		t.fail(errThrift)
	}
	for ; n > 0 && t.err == nil; n-- {
		f(h & 15)
	}
	t.depth--
}

func (t *compact) bool(typ byte) bool {
	if typ != tTrue && typ != tFalse {
		t.fail(errThrift)
	}
	return typ == tTrue
}

func (t *compact) int(typ byte) int64 {
	switch typ {
	case tI8:
		return int64(int8(t.byte()))
	case tI16, tI32, tI64:
		return t.zigzag()
	}
	t.fail(errThrift)
	return 0
}

// int32 is an integer that must fit.
func (t *compact) int32(typ byte) int32 {
	v := t.int(typ)
	if v != int64(int32(v)) {
		t.fail(errThrift)
	}
	return int32(v)
}

// bytes shares the memory that is read from.
func (t *compact) bytes(typ byte) []byte {
	if typ != tBinary {
		t.fail(errThrift)
		return nil
	}
	n := t.uvarint()
	if n > uint64(len(t.b)-t.i) {
		t.fail(errShort)
		return nil
	}
	t.i += int(n)
	return t.b[t.i-int(n) : t.i : t.i]
}

func (t *compact) skip(typ byte) {
	switch typ {
	case tTrue, tFalse:
	case tI8:
		t.byte()
	case tI16, tI32, tI64:
		t.uvarint()
	case tDouble:
		if len(t.b)-t.i < 8 {
			t.fail(errShort)
			return
		}
		t.i += 8
	case tBinary:
		t.bytes(typ)
	case tList, tSet:
		t.list(typ, t.skipElem)
	case tMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		if n > uint64(len(t.b)-t.i) {
			t.fail(errShort)
			return
		}
		kv := t.byte()
		for ; n > 0 && t.err == nil; n-- {
			t.skipElem(kv >> 4)
			t.skipElem(kv & 15)
		}
	case tStruct:
		t.fields(func(_ int, typ byte) { t.skip(typ) })
	default:
		t.fail(errThrift)
	}
}

// skipElem is skip inside a list, where a bool takes a byte.
func (t *compact) skipElem(typ byte) {
	if typ == tTrue || typ == tFalse {
		t.byte()
		return
	}
	t.skip(typ)
}
