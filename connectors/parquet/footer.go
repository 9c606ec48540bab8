package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The numbers of the format: physical types, encodings, codecs, kinds of page.
const (
	physBool = iota
	physInt32
	physInt64
	physInt96
	physFloat
	physDouble
	physBytes
	physFixed
)

const (
	encPlain           = 0
	encPlainDictionary = 2
	encRLE             = 3
	encBitPacked       = 4
	encDelta           = 5
	encDeltaLength     = 6
	encDeltaBytes      = 7
	encRLEDictionary   = 8
	encByteStreamSplit = 9
)

const (
	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

var physNames = [...]string{"boolean", "int32", "int64", "int96", "float", "double", "byte_array", "fixed_len_byte_array"}

type footer struct {
	rows      int64
	schema    []element
	groups    []group
	orders    []int // of columns: 1 type-defined, 2 IEEE 754 total order, 0 other; nil where not said
	encrypted bool
}

type element struct {
	name        string
	phys        int32 // -1: a group
	length      int32
	repetition  int32 // 0 required, 1 optional, 2 repeated
	children    int32
	converted   int32 // -1: none
	scale       int32
	precision   int32
	logical     int // field number of the union, 0: none
	unit        int // of a time or timestamp: 1 ms, 2 us, 3 ns
	utc         bool
	bits        int64
	signed      bool
	logScale    int32
	logPrec     int32
	hasChildren bool
}

type group struct {
	rows  int64
	first int64 // of the file
	cols  []chunk
}

type chunk struct {
	phys      int32
	codec     int32
	values    int64
	size      int64 // on disk
	plainSize int64
	data      int64
	dict      int64 // 0: none
	stats     stats
	index     int64 // offset index
	indexSize int32
	pages     int64 // column index: bounds of pages
	pagesSize int32
	bloom     int64 // 0: none
	coded     bool  // all of its pages, as the footer has it
	path      []string
	other     bool // in another file
	encrypted bool
	hasMeta   bool
}

type stats struct {
	min, max       []byte // as the column's order has it
	oldMin, oldMax []byte // deprecated: signed order
	nulls          int64  // -1: not said
}

const footerMax = 256 << 20

var errMagic = errors.New("not a Parquet file")

// readFooter reads what stands at the end of a file of size bytes.
func readFooter(r io.ReaderAt, size int64) (*footer, error) {
	var head, tail [8]byte
	if size < 12 {
		return nil, fmt.Errorf("%w: %d bytes", errMagic, size)
	}
	if err := readAt(r, head[:4], 0); err != nil {
		return nil, err
	}
	if err := readAt(r, tail[:], size-8); err != nil {
		return nil, err
	}
	if string(tail[4:]) == "PARE" {
		return nil, errors.New("the file is encrypted")
	}
	if string(head[:4]) != "PAR1" || string(tail[4:]) != "PAR1" {
		return nil, fmt.Errorf("%w, or cut off: it does not begin and end with PAR1", errMagic)
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > size-12 || n > footerMax {
		return nil, fmt.Errorf("the footer claims %d bytes of a file of %d", n, size)
	}
	b := make([]byte, n)
	if err := readAt(r, b, size-8-n); err != nil {
		return nil, err
	}
	f, err := parseFooter(b)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return f, nil
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

func parseFooter(b []byte) (*footer, error) {
	t := &compact{b: b}
	f := &footer{rows: -1}
	t.fields(func(id int, typ byte) {
		switch id {
		case 2:
			t.list(typ, func(e byte) { f.schema = append(f.schema, parseElement(t, e)) })
		case 3:
			f.rows = t.int(typ)
		case 4:
			t.list(typ, func(e byte) { f.groups = append(f.groups, parseGroup(t, e)) })
		case 7:
			f.orders = []int{}
			t.list(typ, func(e byte) {
				order := 0
				t.record(e, func(id int, typ byte) { order = id; t.skip(typ) })
				f.orders = append(f.orders, order)
			})
		case 8:
			f.encrypted = true
			t.skip(typ)
		default:
			t.skip(typ)
		}
	})
	if t.err != nil {
		return nil, t.err
	}
	if f.rows < 0 || len(f.schema) == 0 {
		return nil, errThrift
	}
	var rows int64
	for i := range f.groups {
		g := &f.groups[i]
		g.first = rows
		if rows += g.rows; g.rows < 0 || rows < 0 {
			return nil, fmt.Errorf("row group %d claims %d rows", i, g.rows)
		}
	}
	if rows != f.rows {
		return nil, fmt.Errorf("it claims %d rows, its row groups %d", f.rows, rows)
	}
	return f, nil
}

func parseElement(t *compact, typ byte) element {
	e := element{phys: -1, converted: -1}
	t.record(typ, func(id int, typ byte) {
		switch id {
		case 1:
			if e.phys = t.int32(typ); e.phys < 0 || e.phys > physFixed {
				t.fail(errThrift)
			}
		case 2:
			e.length = t.int32(typ)
		case 3:
			e.repetition = t.int32(typ)
		case 4:
			e.name = string(t.bytes(typ))
		case 5:
			e.children, e.hasChildren = t.int32(typ), true
		case 6:
			e.converted = t.int32(typ)
		case 7:
			e.scale = t.int32(typ)
		case 8:
			e.precision = t.int32(typ)
		case 10:
			t.record(typ, func(id int, typ byte) { e.logical = id; parseLogical(t, &e, typ) })
		default:
			t.skip(typ)
		}
	})
	return e
}

func parseLogical(t *compact, e *element, typ byte) {
	kind := e.logical
	if typ != tStruct {
		t.skip(typ)
		return
	}
	t.record(typ, func(id int, typ byte) {
		switch {
		case kind == logDecimal && id == 1:
			e.logScale = t.int32(typ)
		case kind == logDecimal && id == 2:
			e.logPrec = t.int32(typ)
		case (kind == logTime || kind == logTimestamp) && id == 1:
			e.utc = t.bool(typ)
		case (kind == logTime || kind == logTimestamp) && id == 2:
			t.record(typ, func(id int, typ byte) { e.unit = id; t.skip(typ) })
		case kind == logInteger && id == 1:
			e.bits = t.int(typ)
		case kind == logInteger && id == 2:
			e.signed = t.bool(typ)
		default:
			t.skip(typ)
		}
	})
}

func parseGroup(t *compact, typ byte) group {
	var g group
	g.rows = -1
	t.record(typ, func(id int, typ byte) {
		switch id {
		case 1:
			t.list(typ, func(e byte) { g.cols = append(g.cols, parseChunk(t, e)) })
		case 3:
			g.rows = t.int(typ)
		default:
			t.skip(typ)
		}
	})
	return g
}

func parseChunk(t *compact, typ byte) chunk {
	c := chunk{phys: -1, stats: stats{nulls: -1}}
	t.record(typ, func(id int, typ byte) {
		switch id {
		case 1:
			c.other = len(t.bytes(typ)) > 0
		case 3:
			c.hasMeta = true
			t.record(typ, func(id int, typ byte) { parseMeta(t, &c, id, typ) })
		case 4:
			c.index = t.int(typ)
		case 5:
			c.indexSize = t.int32(typ)
		case 6:
			c.pages = t.int(typ)
		case 7:
			c.pagesSize = t.int32(typ)
		case 8:
			c.encrypted = true
			t.skip(typ)
		default:
			t.skip(typ)
		}
	})
	if !c.hasMeta && !c.encrypted {
		t.fail(errThrift) // at once, so that a list of empty chunks stays as small as its bytes
	}
	return c
}

func parseMeta(t *compact, c *chunk, id int, typ byte) {
	switch id {
	case 1:
		c.phys = t.int32(typ)
	case 2: // what goes for all pages where 13 does not count them: old writers call both the dictionary and its codes by one name
		coded, other := false, false
		t.list(typ, func(e byte) {
			switch t.int32(e) {
			case encPlainDictionary:
				coded = true
			case encRLE, encBitPacked:
			default:
				other = true
			}
		})
		c.coded = coded && !other
	case 3:
		t.list(typ, func(e byte) { c.path = append(c.path, string(t.bytes(e))) })
	case 4:
		c.codec = t.int32(typ)
	case 5:
		c.values = t.int(typ)
	case 6:
		c.plainSize = t.int(typ)
	case 7:
		c.size = t.int(typ)
	case 9:
		c.data = t.int(typ)
	case 11:
		c.dict = t.int(typ)
	case 12:
		t.record(typ, func(id int, typ byte) {
			switch id {
			case 1:
				c.stats.oldMax = t.bytes(typ)
			case 2:
				c.stats.oldMin = t.bytes(typ)
			case 3:
				c.stats.nulls = t.int(typ)
			case 5:
				c.stats.max = t.bytes(typ)
			case 6:
				c.stats.min = t.bytes(typ)
			default:
				t.skip(typ)
			}
		})
	case 13:
		c.coded = true
		t.list(typ, func(e byte) {
			page, encoding, n := int32(-1), int32(-1), int32(1)
			t.record(e, func(id int, typ byte) {
				switch id {
				case 1:
					page = t.int32(typ)
				case 2:
					encoding = t.int32(typ)
				case 3:
					n = t.int32(typ)
				default:
					t.skip(typ)
				}
			})
			data := (page == pageData || page == pageDataV2) && n != 0
			c.coded = c.coded && (!data || encoding == encRLEDictionary || encoding == encPlainDictionary)
		})
	case 14:
		c.bloom = t.int(typ)
	default:
		t.skip(typ)
	}
}

// pageHeader is what stands before a page.
type pageHeader struct {
	kind      int32
	plainSize int32
	size      int32
	crc       uint32
	hasCRC    bool
	values    int32
	encoding  int32
	levels    int32 // V1: encoding of definition levels
	nulls     int32 // V2
	defSize   int32 // V2
	repSize   int32 // V2
	plain     bool  // V2: not compressed
	has       bool
}

// parsePage gives the header at the beginning of b and its length. short says that b ended before it did.
func parsePage(b []byte) (h pageHeader, n int, short bool, err error) {
	t := &compact{b: b}
	h.kind, h.size, h.plainSize, h.values = -1, -1, -1, -1
	t.fields(func(id int, typ byte) {
		switch id {
		case 1:
			h.kind = t.int32(typ)
		case 2:
			h.plainSize = t.int32(typ)
		case 3:
			h.size = t.int32(typ)
		case 4:
			h.crc, h.hasCRC = uint32(t.int32(typ)), true
		case 5, 7, 8:
			if id == 5 && h.kind != pageData || id == 7 && h.kind != pageDictionary || id == 8 && h.kind != pageDataV2 {
				t.skip(typ)
				return
			}
			h.has = true
			t.record(typ, func(f int, typ byte) {
				switch {
				case f == 1:
					h.values = t.int32(typ)
				case f == 2 && id != 8 || f == 4 && id == 8:
					h.encoding = t.int32(typ)
				case f == 3 && id == 5:
					h.levels = t.int32(typ)
				case f == 2:
					h.nulls = t.int32(typ)
				case f == 5 && id == 8:
					h.defSize = t.int32(typ)
				case f == 6 && id == 8:
					h.repSize = t.int32(typ)
				case f == 7 && id == 8:
					h.plain = !t.bool(typ)
				default:
					t.skip(typ)
				}
			})
		default:
			t.skip(typ)
		}
	})
	if t.err != nil {
		return h, 0, t.short, t.err
	}
	if h.size < 0 || h.plainSize < 0 || h.kind != pageIndex && (!h.has || h.values < 0) || h.nulls < 0 || h.nulls > max(h.values, 0) || h.defSize < 0 || h.repSize < 0 {
		return h, 0, false, errThrift
	}
	return h, t.i, false, nil
}

// parseIndex reads an offset index: where pages begin, and with which row of the row group.
func parseIndex(b []byte) (at, first []int64, err error) {
	t := &compact{b: b}
	t.fields(func(id int, typ byte) {
		if id != 1 {
			t.skip(typ)
			return
		}
		t.list(typ, func(e byte) {
			o, r := int64(-1), int64(-1)
			t.record(e, func(id int, typ byte) {
				switch id {
				case 1:
					o = t.int(typ)
				case 3:
					r = t.int(typ)
				default:
					t.skip(typ)
				}
			})
			at, first = append(at, o), append(first, r)
		})
	})
	if t.err != nil {
		return nil, nil, t.err
	}
	for i := range at {
		if at[i] < 0 || first[i] < 0 || i == 0 && first[i] != 0 || i > 0 && (at[i] <= at[i-1] || first[i] < first[i-1]) {
			return nil, nil, errThrift
		}
	}
	if len(at) == 0 {
		return nil, nil, errThrift
	}
	return at, first, nil
}

// parsePages reads a column index: what is known of each page of a column.
func parsePages(b []byte) ([]stats, error) {
	t := &compact{b: b}
	var nulls []bool
	var lo, hi [][]byte
	var count []int64
	texts := func(to *[][]byte) func(byte) { return func(e byte) { *to = append(*to, t.bytes(e)) } }
	t.fields(func(id int, typ byte) {
		switch id {
		case 1:
			t.list(typ, func(byte) { nulls = append(nulls, t.byte() == tTrue) })
		case 2:
			t.list(typ, texts(&lo))
		case 3:
			t.list(typ, texts(&hi))
		case 5:
			t.list(typ, func(e byte) { count = append(count, t.int(e)) })
		default:
			t.skip(typ)
		}
	})
	switch {
	case t.err != nil:
		return nil, t.err
	case len(lo) != len(nulls) || len(hi) != len(nulls) || count != nil && len(count) != len(nulls):
		return nil, errThrift
	}
	out := make([]stats, len(nulls))
	for i := range out {
		out[i].nulls = -1
		if count != nil {
			out[i].nulls = count[i]
		}
		if nulls[i] {
			out[i].nulls = allNull
		} else {
			out[i].min, out[i].max = lo[i], hi[i]
		}
	}
	return out, nil
}

// allNull is as many nulls as there are rows.
const allNull = -2

// parseBloom reads the header of a bloom filter: its bytes, and how long the header is. One of another kind than the format has is an error.
func parseBloom(b []byte) (size int64, n int, err error) {
	t := &compact{b: b}
	one := func(typ byte) {
		t.record(typ, func(id int, typ byte) {
			if t.skip(typ); id != 1 { // split blocks, xxHash, uncompressed
				t.fail(errThrift)
			}
		})
	}
	t.fields(func(id int, typ byte) {
		switch id {
		case 1:
			size = int64(t.int32(typ))
		case 2, 3, 4:
			one(typ)
		default:
			t.skip(typ)
		}
	})
	return size, t.i, t.err
}
