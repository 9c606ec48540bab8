package parquet

import "encoding/binary"

// compactWriter writes Thrift's compact protocol: the counterpart of compact.
type compactWriter struct {
	b    []byte
	last []int // the field before, of each struct that is open
}

// begin opens a struct: at the top, or as an element of a list.
func (t *compactWriter) begin() { t.last = append(t.last, 0) }

func (t *compactWriter) end() {
	t.b = append(t.b, 0)
	t.last = t.last[:len(t.last)-1]
}

func (t *compactWriter) field(id int, typ byte) {
	last := &t.last[len(t.last)-1]
	if d := id - *last; d > 0 && d < 16 {
		t.b = append(t.b, byte(d)<<4|typ)
	} else {
		t.b = append(t.b, typ)
		t.zigzag(int64(id))
	}
	*last = id
}

func (t *compactWriter) zigzag(v int64) { t.b = binary.AppendUvarint(t.b, uint64(v)<<1^uint64(v>>63)) }

func (t *compactWriter) bool(id int, v bool) {
	if v {
		t.field(id, tTrue)
	} else {
		t.field(id, tFalse)
	}
}

func (t *compactWriter) int16(id int, v int16) { t.field(id, tI16); t.zigzag(int64(v)) }
func (t *compactWriter) int32(id int, v int32) { t.field(id, tI32); t.zigzag(int64(v)) }
func (t *compactWriter) int64(id int, v int64) { t.field(id, tI64); t.zigzag(v) }

func (t *compactWriter) bytes(id int, v []byte) { t.field(id, tBinary); t.rawBytes(v) }
func (t *compactWriter) text(id int, v string)  { t.bytes(id, []byte(v)) }

// rawBytes is an element of a list of binaries.
func (t *compactWriter) rawBytes(v []byte) {
	t.b = append(binary.AppendUvarint(t.b, uint64(len(v))), v...)
}

// record is a field that is a struct.
func (t *compactWriter) record(id int, body func()) {
	t.field(id, tStruct)
	t.begin()
	if body != nil {
		body()
	}
	t.end()
}

// union is a field that is a union whose member is a struct.
func (t *compactWriter) union(id, member int, body func()) {
	t.record(id, func() { t.record(member, body) })
}

// list opens a field that is a list; its n elements follow.
func (t *compactWriter) list(id int, elem byte, n int) {
	t.field(id, tList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|elem)
		return
	}
	t.b = binary.AppendUvarint(append(t.b, 15<<4|elem), uint64(n))
}
