package arrowipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A stream is messages: a mark, the length of the header, the header (a flatbuffer), the body. An IPC file is a stream between a
// magic word and a footer that repeats where the messages are.
//
// The library takes memory for a message by the lengths that the message states. So they are all held against the file first.

const (
	continuation = 0xffffffff
	metaMax      = 64 << 20
	magic        = "ARROW1"
)

var (
	errMessage = errors.New("malformed message")
	errCut     = errors.New("the file ends before its messages do")
)

// scan finds the stream in a file and its rows.
func scan(r io.ReaderAt, size int64) (from, to, rows int64, err error) {
	from, to = 0, size
	var head [12]byte
	if size < 8 {
		return 0, 0, 0, fmt.Errorf("not an Arrow file: %d bytes", size)
	}
	if err := readAt(r, head[:8], 0); err != nil {
		return 0, 0, 0, err
	}
	if string(head[:6]) == magic {
		if size < 8+10 {
			return 0, 0, 0, errCut
		}
		if err := readAt(r, head[:10], size-10); err != nil {
			return 0, 0, 0, err
		}
		n := int64(int32(binary.LittleEndian.Uint32(head[:])))
		if string(head[4:10]) != magic {
			return 0, 0, 0, fmt.Errorf("%w: an Arrow file has %s at its end", errCut, magic)
		}
		if n <= 0 || n > size-18 {
			return 0, 0, 0, fmt.Errorf("the footer claims %d bytes of a file of %d", n, size)
		}
		from, to = 8, size-10-n
	}
	for at, first := from, true; ; first = false {
		if to-at < 4 && !first {
			return from, at, rows, nil // no end mark: the writer of a stream may have been stopped between two messages
		}
		n := min(8, to-at)
		if n < 4 {
			return 0, 0, 0, errCut
		}
		if err := readAt(r, head[:n], at); err != nil {
			return 0, 0, 0, err
		}
		length := int64(int32(binary.LittleEndian.Uint32(head[:])))
		at += 4
		if uint32(length) == continuation {
			if n < 8 {
				return 0, 0, 0, errCut
			}
			length = int64(int32(binary.LittleEndian.Uint32(head[4:])))
			at += 4
		}
		if length == 0 {
			if first {
				return 0, 0, 0, errMessage
			}
			return from, to, rows, nil
		}
		if length < 0 || length > metaMax || length > to-at {
			return 0, 0, 0, fmt.Errorf("a message claims a header of %d bytes, the file has %d left", length, to-at)
		}
		b := make([]byte, length)
		if err := readAt(r, b, at); err != nil {
			return 0, 0, 0, err
		}
		at += length
		body, n, kind, err := message(b)
		if err != nil {
			return 0, 0, 0, err
		}
		if first != (kind == kindSchema) {
			return 0, 0, 0, errors.New("a stream begins with its schema, and has one")
		}
		if body < 0 || body > to-at {
			return 0, 0, 0, fmt.Errorf("a message claims %d bytes, the file has %d left", body, to-at)
		}
		if kind == kindRecords {
			if rows += n; n < 0 || rows < 0 || rows > 1<<48 {
				return 0, 0, 0, errMessage
			}
		}
		at += body
	}
}

const (
	kindSchema     = 1
	kindDictionary = 2
	kindRecords    = 3
)

// message reads the few fields of the flatbuffer that matter here: kind, length of the body, rows of a record batch.
func message(b []byte) (body, rows int64, kind byte, err error) {
	root, ok := table(b, 0)
	if !ok {
		return 0, 0, 0, errMessage
	}
	if p := field(b, root, 1, 1); p > 0 {
		kind = b[p]
	}
	if p := field(b, root, 3, 8); p > 0 {
		body = int64(binary.LittleEndian.Uint64(b[p:]))
	}
	at := field(b, root, 2, 4)
	header, ok := table(b, at)
	if at == 0 || !ok {
		return 0, 0, 0, errMessage
	}
	switch kind {
	case kindSchema:
		visits := len(b)
		ok = schemaFits(b, header, &visits)
	case kindDictionary:
		at = field(b, header, 1, 4)
		header, ok = table(b, at)
		ok = ok && at > 0 && recordsFit(b, header)
	case kindRecords:
		if q := field(b, header, 0, 8); q > 0 {
			rows = int64(binary.LittleEndian.Uint64(b[q:]))
		}
		ok = recordsFit(b, header)
	}
	if _, _, fits := vector(b, root, 4, 4); !ok || !fits {
		return 0, 0, 0, errMessage
	}
	return body, rows, kind, nil
}

// schemaFits says whether the lists of a schema are as long as they claim: the library makes room for them first.
func schemaFits(b []byte, t int, visits *int) bool {
	p, n, ok := vector(b, t, 1, 4)
	_, _, meta := vector(b, t, 2, 4)
	for i := 0; ok && i < n; i++ {
		ok = fieldFits(b, p+4*i, 0, visits)
	}
	return ok && meta
}

func fieldFits(b []byte, at, depth int, visits *int) bool {
	t, ok := table(b, at)
	// Tables may share what they point to: without a count, thirty of them would be a billion fields.
	if *visits--; !ok || depth > 64 || *visits < 0 {
		return false
	}
	p, n, ok := vector(b, t, 5, 4)
	_, _, meta := vector(b, t, 6, 4)
	if q := field(b, t, 3, 4); ok && meta && q > 0 {
		// A union's type has a list (its field 1); of other types that field is a number or a string, and is not held against this.
		if k := field(b, t, 2, 1); k > 0 && b[k] == 14 {
			var u int
			if u, ok = table(b, q); ok {
				_, _, ok = vector(b, u, 1, 4)
			}
		}
	}
	for i := 0; ok && i < n; i++ {
		ok = fieldFits(b, p+4*i, depth+1, visits)
	}
	return ok && meta
}

// recordsFit is schemaFits for a record batch.
func recordsFit(b []byte, t int) bool {
	_, _, ok1 := vector(b, t, 1, 16)
	_, buffers, ok2 := vector(b, t, 2, 16)
	p, n, ok3 := vector(b, t, 4, 8)
	for i := 0; ok3 && i < n; i++ {
		ok3 = binary.LittleEndian.Uint64(b[p+8*i:]) <= uint64(buffers)
	}
	return ok1 && ok2 && ok3
}

// vector gives where the elements of a list in field i are, and how many; none where the field is not there.
func vector(b []byte, t, i, size int) (at, n int, ok bool) {
	p := field(b, t, i, 4)
	if p == 0 {
		return 0, 0, true
	}
	at, ok = table(b, p)
	if !ok {
		return 0, 0, false
	}
	count := int64(binary.LittleEndian.Uint32(b[at:]))
	return at + 4, int(count), count*int64(size) <= int64(len(b)-at-4)
}

// table follows the offset at p; what is at 0 is a message's own.
func table(b []byte, p int) (int, bool) {
	if p+4 > len(b) || p < 0 {
		return 0, false
	}
	t := int64(p) + int64(binary.LittleEndian.Uint32(b[p:]))
	return int(t), t+4 <= int64(len(b))
}

// field gives where field i of a table is; 0 where it is not there.
func field(b []byte, t, i, size int) int {
	v := int64(t) - int64(int32(binary.LittleEndian.Uint32(b[t:])))
	if v < 0 || v+4 > int64(len(b)) {
		return 0
	}
	n := int64(binary.LittleEndian.Uint16(b[v:]))
	at := v + 4 + 2*int64(i)
	if int64(4+2*i+2) > n || at+2 > int64(len(b)) {
		return 0
	}
	o := int64(binary.LittleEndian.Uint16(b[at:]))
	if p := int64(t) + o; o != 0 && p+int64(size) <= int64(len(b)) {
		return int(p)
	}
	return 0
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == nil || err == io.EOF {
			err = errCut
		}
		return err
	}
	return nil
}
