package parquet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	mathbits "math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// A page has at most so many rows, which the format recommends so that an index of pages can leave out some, and plain text of a page
// ends with the value that passes so many bytes. 20480 divides the rows of a row group as they are by default, and is whole words of a bitmap.
const (
	writePageRows  = 20480
	writePageBytes = 1 << 20
)

// encoded is a column chunk as it goes to the file, and what the footer says of it. Offsets count from the chunk's beginning.
type encoded struct {
	buf       []byte
	codec     int32
	dictSize  int // of the dictionary's page; 0: none
	plainSize int // uncompressed, with headers
	values    int // with nulls
	nulls     int
	pages     []encodedPage
	min, max  bound // of all values
}

type encodedPage struct {
	at, size int // with its header
	first    int // row
	values   int // that are not null
	nulls    int
	min, max bound
}

// scratch is what the goroutine that gathers needs.
type scratch struct {
	codes, remap []int32
	longs        []int64
	words        []uint64
}

// encoder makes column chunks of gathered columns. One goroutine uses it at a time.
type encoder struct {
	codec   int32
	zstd    *zstd.Encoder
	numbers numbers
	codes   []int32
	stamps  []int32 // by code: the last page that has it
	level   []uint64
	dict    []byte // PLAIN
	body    []byte
	packed  []byte // compressed
	first   []byte // the first page's body, compressed
	header  compactWriter
}

// codecUnknown is the codec of a column before its first chunk.
const codecUnknown = -1

// chunk encodes a column, with the codec of its first chunk; dst's memory is used.
func (e *encoder) chunk(c *sinkColumn, g *gathered, codec int32, dst []byte) (encoded, error) {
	k := chunkEncoder{encoder: e, c: c, g: g, out: encoded{buf: dst[:0], values: g.rows, nulls: g.rows - g.values}}
	k.dictionary()
	if err := k.pages(codec); err != nil {
		return encoded{}, err
	}
	k.out.fold(c)
	return k.out, nil
}

// chunkEncoder is the encoding of one chunk.
type chunkEncoder struct {
	*encoder
	c     *sinkColumn
	g     *gathered
	coded bool
	words *lexicon // of text
	codes []int32  // of coded
	bits  uint     // of a code
	page  int32
	text  []byte // plain text that is not yet written
	out   encoded
}

// dictionary decides whether there is one, and makes it.
func (k *chunkEncoder) dictionary() {
	g, e := k.g, k.encoder
	n, width := 0, k.c.width
	switch {
	case g.values == 0 || width == 1:
		return
	case g.coded:
		k.codes, k.words = g.codes, g.words
		plain := 0
		for _, c := range g.codes {
			plain += 4 + len(g.words.Key(int(c)))
		}
		if n = g.words.Len(); !pays(g.values, n, g.words.bytes, plain) {
			g.expand()
			return
		}
	case width == 0:
		e.codes = slices.Grow(e.codes[:0], g.values)[:g.values]
		k.codes, k.words = e.codes, wordsOf(e.codes, g.plain)
		if k.words == nil || !pays(g.values, k.words.Len(), k.words.bytes, len(g.plain)) {
			k.words = nil
			return
		}
		n = k.words.Len()
	default:
		e.codes = slices.Grow(e.codes[:0], g.values)[:g.values]
		k.codes = e.codes
		ok := false
		if width == 4 {
			ok = lookUp(&e.numbers, k.codes, seen[uint32](g.plain))
		} else {
			ok = lookUp(&e.numbers, k.codes, seen[uint64](g.plain))
		}
		if n = len(e.numbers.keys); !ok || !pays(g.values, n, n*width, len(g.plain)) {
			return
		}
	}
	k.coded, k.bits = true, codeWidth(n)
	e.dict = e.dict[:0]
	if k.words == nil {
		e.dict = e.numbers.appendPlain(e.dict, width)
		return
	}
	for i := range n {
		e.dict = appendText(e.dict, k.words.Key(i))
	}
	e.stamps = slices.Grow(e.stamps[:0], n)[:n]
	clear(e.stamps)
}

// pages writes the dictionary's page and those of the data.
func (k *chunkEncoder) pages(codec int32) error {
	k.text = k.g.plain
	row, value := 0, 0
	for row < k.g.rows {
		p, err := k.fill(row, value)
		if err != nil {
			return err
		}
		packed := []byte(nil)
		if row == 0 {
			packed = k.begin(codec)
		}
		if err := k.put(&p, packed); err != nil {
			return err
		}
		row += p.values + p.nulls
		value += p.values
		k.out.pages = append(k.out.pages, p)
	}
	return nil
}

// judgedBytes is the least that a codec is judged by.
const judgedBytes = 4 << 10

// begin chooses the codec, writes the dictionary, and gives the first page's compressed body.
//
// A column whose first pages the codec does not make a sixteenth smaller is stored as it is: the codec stands with each chunk, and
// whoever reads it is spared the work. That is found in the first row group, and holds for the file: parquet-go takes a column's codec
// from there.
func (k *chunkEncoder) begin(codec int32) []byte {
	k.out.codec = codec
	if codec == codecUnknown {
		k.out.codec = k.encoder.codec
	}
	if k.out.codec != codecNone {
		k.first = k.compress(k.first, k.body)
		before, after := len(k.body), len(k.first)
		if k.coded {
			k.packed = k.compress(k.packed, k.dict)
			before, after = before+len(k.dict), after+len(k.packed)
		}
		if codec == codecUnknown && before >= judgedBytes && after > before/16*15 {
			k.out.codec = codecNone
		}
	}
	if k.coded {
		n := len(k.numbers.keys)
		if k.words != nil {
			n = k.words.Len()
		}
		data := k.dict
		if k.out.codec != codecNone {
			data = k.packed
		}
		k.write(data, len(k.dict), func(t *compactWriter) {
			t.record(7, func() {
				t.int32(1, int32(n))
				t.int32(2, encPlain)
			})
		}, pageDictionary)
		k.out.dictSize = len(k.out.buf)
	}
	if k.out.codec == codecNone {
		return nil
	}
	return k.first
}

// compress gives src compressed, in dst's memory.
func (e *encoder) compress(dst, src []byte) []byte {
	if e.codec == codecZstd {
		return e.zstd.EncodeAll(src, dst[:0])
	}
	if n := s2.MaxEncodedLen(len(src)); n > cap(dst) {
		dst = make([]byte, n+n/4)
	}
	return s2.EncodeSnappy(dst[:cap(dst)], src)
}

// put writes a page whose body is made; packed is its body compressed where that is done already.
func (k *chunkEncoder) put(p *encodedPage, packed []byte) error {
	if len(k.body) > math.MaxInt32 {
		return fmt.Errorf("a value of %d bytes: a page takes at most 2 GiB", len(k.body))
	}
	data := k.body
	if packed != nil {
		data = packed
	} else if k.out.codec != codecNone {
		k.packed = k.compress(k.packed, k.body)
		data = k.packed
	}
	if len(data) > math.MaxInt32 {
		return fmt.Errorf("a page of %d bytes does not become shorter than 2 GiB", len(k.body))
	}
	encoding := int32(encPlain)
	if k.coded {
		encoding = encRLEDictionary
	}
	p.at = len(k.out.buf)
	k.write(data, len(k.body), func(t *compactWriter) {
		t.record(5, func() {
			t.int32(1, int32(p.values+p.nulls))
			t.int32(2, encoding)
			t.int32(3, encRLE)
			t.int32(4, encRLE)
		})
	}, pageData)
	p.size = len(k.out.buf) - p.at
	return nil
}

// write appends a page with its header.
func (k *chunkEncoder) write(data []byte, plain int, kind func(*compactWriter), typ int32) {
	t := &k.header
	t.b = t.b[:0]
	t.begin()
	t.int32(1, typ)
	t.int32(2, int32(plain))
	t.int32(3, int32(len(data)))
	t.int32(4, int32(crc32.ChecksumIEEE(data)))
	kind(t)
	t.end()
	k.out.plainSize += len(t.b) + plain
	k.out.buf = append(append(k.out.buf, t.b...), data...)
}

// fill makes the body of the page that begins at a row, whose first value is value, and says what is in it.
func (k *chunkEncoder) fill(row, value int) (encodedPage, error) {
	g := k.g
	p := encodedPage{first: row}
	k.page++
	rows := min(writePageRows, g.rows-row)
	k.level = slices.Grow(k.level[:0], bits.Words(rows))[:bits.Words(rows)]
	p.values = rows
	if len(g.valid) > 0 {
		bits.Slice(k.level, g.valid, row, rows)
		p.values = bits.Count(k.level)
	} else if k.c.optional {
		bits.Fill(k.level, rows)
	}
	long := 0
	if k.c.width == 0 && !k.coded {
		rows, p.values, long = k.cut(rows, p.values)
	}
	p.nulls = rows - p.values
	k.body = k.body[:0]
	if k.c.optional {
		k.body = appendLevels(append(k.body, 0, 0, 0, 0), k.level, rows)
		binary.LittleEndian.PutUint32(k.body, uint32(len(k.body)-4))
	}
	switch {
	case k.coded:
		codes := k.codes[value : value+p.values]
		k.body = appendCodes(append(k.body, byte(k.bits)), codes, k.bits)
		if k.words != nil {
			p.min, p.max = k.wordBounds(codes)
		} else {
			p.min, p.max = k.c.bounds(g.plain[value*k.c.width : (value+p.values)*k.c.width])
		}
	case k.c.width == 1:
		k.body, p.min, p.max = k.bools(k.body, value, p.values)
	case k.c.width == 0:
		p.min, p.max = textBounds(k.text[:long])
		k.body = append(k.body, k.text[:long]...)
		k.text = k.text[long:]
	default:
		v := g.plain[value*k.c.width : (value+p.values)*k.c.width]
		p.min, p.max = k.c.bounds(v)
		k.body = append(k.body, v...)
	}
	return p, nil
}

// cut shortens a page of plain text that would be too long: it gives the rows, the values and the bytes.
func (k *chunkEncoder) cut(rows, values int) (r, v, long int) {
	for v < values && long < writePageBytes {
		long += 4 + int(binary.LittleEndian.Uint32(k.text[long:]))
		v++
	}
	if v == values {
		return rows, values, long
	}
	if values == rows {
		rows = v
	} else {
		rows = nth(k.level, v-1) + 1
	}
	k.level = k.level[:bits.Words(rows)]
	if rows&63 != 0 {
		k.level[len(k.level)-1] &= 1<<(rows&63) - 1
	}
	return rows, v, long
}

// nth is the index of the set bit that n others stand before.
func nth(w []uint64, n int) int {
	for i, x := range w {
		c := mathbits.OnesCount64(x)
		if n >= c {
			n -= c
			continue
		}
		for ; n > 0; n-- {
			x &= x - 1
		}
		return i<<6 + mathbits.TrailingZeros64(x)
	}
	panic("parquet: a bitmap has fewer bits than were counted")
}

// bools appends n booleans from value at on, a bit each.
func (k *chunkEncoder) bools(dst []byte, at, n int) ([]byte, bound, bound) {
	w := make([]uint64, bits.Words(n))
	bits.Slice(w, k.g.bits, at, n)
	ones := bits.Count(w)
	dst = appendWords(dst, w, n)
	if n == 0 {
		return dst, bound{}, bound{}
	}
	return dst, boolBound(ones == n), boolBound(ones > 0)
}

// appendWords appends the first n bits of a bitmap, in whole bytes.
func appendWords(dst []byte, w []uint64, n int) []byte {
	end := len(dst) + (n+7)/8
	for _, x := range w {
		dst = binary.LittleEndian.AppendUint64(dst, x)
	}
	return dst[:end]
}
