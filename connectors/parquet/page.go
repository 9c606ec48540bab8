package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/headrace/headrace/operators/batch"
)

// window reads a column chunk front to back. What it hands out stays until the next peek.
type window struct {
	r      io.ReaderAt
	at     int64 // in the file, of buf[lo]
	end    int64 // of the chunk
	buf    []byte
	lo, hi int
	step   int // how much is read ahead
}

// peek gives the next n bytes, or what is left of the chunk where that is less, with padding behind.
func (w *window) peek(n int) ([]byte, error) {
	n = int(min(int64(n), w.end-w.at))
	if have := w.hi - w.lo; have < n {
		want := int(min(int64(max(n, w.step)), w.end-w.at))
		if cap(w.buf) < want+padding {
			b := make([]byte, want+padding)
			copy(b, w.buf[w.lo:w.hi])
			w.buf = b
		} else {
			copy(w.buf, w.buf[w.lo:w.hi])
		}
		w.lo, w.hi = 0, have
		w.buf = w.buf[:cap(w.buf)]
		if err := readAt(w.r, w.buf[have:want], w.at+int64(have)); err != nil {
			return nil, err
		}
		w.hi = want
	}
	return w.buf[w.lo : w.lo+n : len(w.buf)], nil
}

func (w *window) advance(n int) { w.lo += n; w.at += int64(n) }

// seek goes to a place in the chunk.
func (w *window) seek(at int64) {
	if d := at - w.at; d >= 0 && d <= int64(w.hi-w.lo) {
		w.advance(int(d))
		return
	}
	w.at, w.lo, w.hi = at, 0, 0
}

// column reads one column chunk, from one row on.
type column struct {
	leaf
	codec int32
	max   int // what a page may expand to
	win   window
	in    []byte // buffer of expanded pages

	chunk  *chunk
	start  int64 // of the chunk in the file
	ready  bool  // it is at row, of the row group
	row    int64
	left   int // rows of the page that are not yet read
	mode   mode
	levels hybrid
	data   []byte // plain, byte stream split: values not yet read (plain), all of them (split)
	split  int    // byte stream split: values read
	bits   int    // plain booleans: bits read
	runs   hybrid // codes, RLE booleans
	delta  delta
	offs   []int32 // delta strings: all of the page; the next value is at
	at     int

	dict     []byte // fixed width
	dictText *batch.Column
	dictN    int
	hasDict  bool

	raw   []byte // scratch
	codes []int32
	text  []byte
	wide  []int64

	bitmap []uint64
}

type mode uint8

const (
	plain mode = iota
	coded
	deltas
	split
	runs
	texts // all of the page's strings are in data and offs
)

const headerMax = 16 << 20

// next goes to the next page that has rows, and leaves out pages on the way whose rows, as many as skip at most, nobody wants: these are
// not expanded. It gives how many rows they have.
func (c *column) next(skip int64) (skipped int64, err error) {
	for c.left == 0 {
		h, err := c.header()
		if err != nil {
			return skipped, err
		}
		if (h.kind == pageData || h.kind == pageDataV2) && int64(h.values) <= skip-skipped {
			c.win.seek(c.win.at + int64(h.size))
			if skipped += int64(h.values); skipped == skip && h.values > 0 {
				return skipped, nil
			}
			continue
		}
		page, err := c.body(h)
		if err != nil {
			return skipped, err
		}
		switch h.kind {
		case pageIndex:
		case pageDictionary:
			if c.hasDict {
				return skipped, errors.New("a second dictionary")
			}
			if err := c.dictionary(h, page); err != nil {
				return skipped, fmt.Errorf("dictionary: %w", err)
			}
		case pageData:
			if err := c.v1(h, page); err != nil {
				return skipped, err
			}
		case pageDataV2:
			if err := c.v2(h, page); err != nil {
				return skipped, err
			}
		default:
			return skipped, fmt.Errorf("unknown kind of page %d", h.kind)
		}
	}
	return skipped, nil
}

var errPages = errors.New("the pages end before the rows do")

// header reads the next page's header.
func (c *column) header() (h pageHeader, err error) {
	if c.win.at >= c.win.end {
		return h, errPages
	}
	for size := 256; ; size *= 16 {
		b, err := c.win.peek(size)
		if err != nil {
			return h, err
		}
		var n int
		var short bool
		h, n, short, err = parsePage(b)
		if err == nil {
			c.win.advance(n)
			break
		}
		if !short || len(b) < size || size > headerMax {
			return h, fmt.Errorf("page header: %w", err)
		}
	}
	if int64(h.size) > c.win.end-c.win.at {
		return h, fmt.Errorf("a page claims %d bytes, its chunk has %d left", h.size, c.win.end-c.win.at)
	}
	return h, nil
}

// body reads the bytes of the page whose header was read.
func (c *column) body(h pageHeader) ([]byte, error) {
	if int(h.plainSize) > c.max || int(h.size) > c.max {
		return nil, fmt.Errorf("a page expands to %d bytes, more than the %d allowed", max(h.plainSize, h.size), c.max)
	}
	page, err := c.win.peek(int(h.size))
	if err != nil {
		return nil, err
	}
	c.win.advance(int(h.size))
	if h.hasCRC && crc32.ChecksumIEEE(page) != h.crc {
		return nil, errors.New("the checksum of a page is wrong")
	}
	return page, nil
}

// expand gives the page's bytes uncompressed, with padding behind.
func (c *column) expand(page []byte, size int) ([]byte, error) {
	if c.codec == codecNone {
		if len(page) != size {
			return nil, errLength
		}
		return page, nil
	}
	if size == 0 {
		return nil, nil
	}
	if !plausible(c.codec, size, page) {
		return nil, errLength
	}
	if cap(c.in) < size+padding {
		c.in = make([]byte, size+padding)
	}
	b := c.in[:size]
	if err := decompress(c.codec, b, page); err != nil {
		return nil, err
	}
	return b, nil
}

func (c *column) v1(h pageHeader, page []byte) error {
	b, err := c.expand(page, int(h.plainSize))
	if err != nil {
		return err
	}
	if c.optional {
		if h.levels != encRLE {
			return fmt.Errorf("definition levels in encoding %d", h.levels)
		}
		if len(b) < 4 {
			return errCut
		}
		n := int64(binary.LittleEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return errCut
		}
		c.levels.reset(b[4:4+n], 1)
		b = b[4+n:]
	}
	return c.begin(h, b)
}

func (c *column) v2(h pageHeader, page []byte) error {
	skip := int64(h.repSize) + int64(h.defSize)
	if skip > int64(len(page)) || skip > int64(h.plainSize) {
		return errCut
	}
	if c.optional {
		// Levels are not compressed, so they stay in the window, where page is until the next one.
		c.levels.reset(page[h.repSize:skip], 1)
		if h.defSize == 0 && h.nulls > 0 {
			return errCut
		}
		if h.defSize == 0 {
			c.levels.value, c.levels.left, c.levels.packed = 1, int(h.values), false
		}
	} else if h.nulls != 0 {
		return errors.New("nulls in a required column")
	}
	b := page[skip:]
	if h.plain {
		if len(b) != int(h.plainSize)-int(skip) {
			return errLength
		}
		return c.begin(h, b)
	}
	b, err := c.expand(b, int(h.plainSize)-int(skip))
	if err != nil {
		return err
	}
	return c.begin(h, b)
}

// begin starts the values of a page. b may be shorter than they need: that is found out where they are read.
func (c *column) begin(h pageHeader, b []byte) error {
	c.left, c.data, c.split, c.bits, c.at = int(h.values), b, 0, 0, 0
	if c.left == 0 {
		return nil
	}
	switch h.encoding {
	case encPlain:
		c.mode = plain
		return nil
	case encPlainDictionary, encRLEDictionary:
		if !c.hasDict {
			return errors.New("dictionary codes without a dictionary")
		}
		c.mode = coded
		if len(b) == 0 { // all null: some writers leave out even the width
			c.runs.reset(nil, 0)
			return nil
		}
		if b[0] > 32 {
			return fmt.Errorf("dictionary codes of %d bits", b[0])
		}
		c.runs.reset(b[1:], uint(b[0]))
		return nil
	case encRLE:
		if c.phys != physBool {
			break
		}
		c.mode = runs
		if len(b) == 0 {
			c.runs.reset(nil, 1)
			return nil
		}
		if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
			return errCut
		}
		c.runs.reset(b[4:4+binary.LittleEndian.Uint32(b)], 1)
		return nil
	case encDelta:
		if c.phys != physInt32 && c.phys != physInt64 {
			break
		}
		c.mode = deltas
		if len(b) == 0 {
			c.delta = delta{}
			return nil
		}
		return c.delta.reset(b, c.left)
	case encDeltaLength:
		if c.phys != physBytes {
			break
		}
		c.mode = texts
		return c.deltaLength(b)
	case encDeltaBytes:
		if c.phys != physBytes && c.phys != physFixed {
			break
		}
		c.mode = texts
		return c.deltaBytes(b)
	case encByteStreamSplit:
		if c.width == 0 {
			break
		}
		c.mode = split
		if len(b)%c.width != 0 {
			return errCut
		}
		return nil
	}
	return fmt.Errorf("encoding %d of %s is not supported", h.encoding, physNames[c.phys])
}

// lengths reads a delta-packed list of sizes and gives what stands behind it.
func (c *column) lengths(b []byte, into []int32) ([]int32, []byte, error) {
	if len(b) == 0 {
		return into[:0], nil, nil
	}
	if c.left > 1<<24 {
		return nil, nil, fmt.Errorf("a page of %d delta-coded strings", c.left)
	}
	if err := c.delta.reset(b, c.left); err != nil {
		return nil, nil, err
	}
	into = slices.Grow(into[:0], min(c.delta.total, 1<<16))
	var block [128]int64
	for c.delta.left > 0 {
		v := block[:min(len(block), c.delta.left)]
		if err := c.delta.next(v); err != nil {
			return nil, nil, err
		}
		for _, x := range v {
			// The differences of 32-bit lengths wrap around in 32 bits.
			if int32(x) < 0 {
				return nil, nil, errors.New("a string of negative length")
			}
			into = append(into, int32(x))
		}
	}
	return into, c.delta.src, nil
}

func (c *column) deltaLength(b []byte) error {
	n, rest, err := c.lengths(b, nil)
	if err != nil {
		return err
	}
	c.offs = append(c.offs[:0], 0)
	sum := int64(0)
	for _, x := range n {
		if sum += int64(x); sum > int64(len(rest)) {
			return errCut
		}
		c.offs = append(c.offs, int32(sum))
	}
	c.data = rest
	return nil
}

// deltaBytes expands strings that share a prefix with the one before.
func (c *column) deltaBytes(b []byte) error {
	prefix, rest, err := c.lengths(b, nil)
	if err != nil {
		return err
	}
	suffix, rest, err := c.lengths(rest, nil)
	if err != nil {
		return err
	}
	if len(prefix) != len(suffix) {
		return errCut
	}
	sum := int64(0)
	for i := range prefix {
		if sum += int64(prefix[i]) + int64(suffix[i]); sum > int64(c.max) {
			return fmt.Errorf("a page expands to more than the %d bytes allowed", c.max)
		}
	}
	c.offs = append(c.offs[:0], 0)
	out := make([]byte, 0, sum)
	last := 0
	for i := range prefix {
		p, s := int(prefix[i]), int(suffix[i])
		if p > len(out)-last || s > len(rest) {
			return errCut
		}
		from := last
		last = len(out)
		out = append(out, out[from:from+p]...)
		out = append(out, rest[:s]...)
		rest = rest[s:]
		c.offs = append(c.offs, int32(len(out)))
	}
	c.data = out
	return nil
}

func (c *column) dictionary(h pageHeader, page []byte) error {
	if h.encoding != encPlain && h.encoding != encPlainDictionary {
		return fmt.Errorf("encoding %d", h.encoding)
	}
	b, err := c.expand(page, int(h.plainSize))
	if err != nil {
		return err
	}
	n := int(h.values)
	c.hasDict, c.dictN = true, n
	switch {
	case c.phys == physBool:
		return errors.New("of booleans")
	case c.width > 0:
		if int64(n)*int64(c.width) > int64(len(b)) {
			return errCut
		}
		if c.how != asFixed {
			c.dict = append(c.dict[:0], b[:n*c.width]...)
			return nil
		}
		d := (*batch.Ctx)(nil).New(c.typ, n)
		d.Values = (*batch.Ctx)(nil).AllocDirty(n * c.width)
		copy(d.Values, b)
		for i := range d.Offsets {
			d.Offsets[i] = int32(i * c.width)
		}
		d.Lasts = true
		c.dictText = &d
		return nil
	}
	if n > len(b)/4 {
		return errCut
	}
	typ := c.typ
	if c.how == asBigVar {
		typ = batch.T(batch.Bytes)
	}
	d := (*batch.Ctx)(nil).New(typ, n)
	if _, err := cutTexts(b, d.Offsets); err != nil {
		return err
	}
	d.Values = (*batch.Ctx)(nil).AllocDirty(int(d.Offsets[n]))
	copyTexts(d.Values, b, d.Offsets)
	if i := notUTF8(&d); i >= 0 {
		return fmt.Errorf("value %d is not UTF-8", i)
	}
	d.Lasts = true
	c.dictText = &d
	return nil
}

// cutTexts sets offs to where strings that stand behind their lengths begin once the lengths are gone; offs begins with the first one's
// place. It gives what comes after them.
func cutTexts(b []byte, offs []int32) (rest []byte, err error) {
	at, sum := 0, int(offs[0])
	for i := range offs[1:] {
		if len(b)-at < 4 {
			return nil, errCut
		}
		n := int(binary.LittleEndian.Uint32(b[at:]))
		if at += 4; n > len(b)-at {
			return nil, errCut
		}
		at += n
		if sum += n; sum > textMax {
			return nil, errText
		}
		offs[i+1] = int32(sum)
	}
	return b[at:], nil
}

// copyTexts copies the strings that cutTexts has measured: dst[offs[i]-offs[0]:] gets string i.
func copyTexts(dst, b []byte, offs []int32) {
	const short = 16 // most are, and two vectors are sooner copied than a few bytes counted
	at := 0
	for i, from := range offs[:len(offs)-1] {
		n := int(offs[i+1] - from)
		to := int(from - offs[0])
		at += 4
		if n <= short && len(b)-at >= short && len(dst)-to >= short {
			*(*[short]byte)(dst[to:]) = *(*[short]byte)(b[at:])
		} else {
			copy(dst[to:to+n], b[at:])
		}
		at += n
	}
}

// cutText takes a string with its length before it off b.
func cutText(b []byte) (s, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errCut
	}
	n := binary.LittleEndian.Uint32(b)
	if int64(n) > int64(len(b)-4) {
		return nil, nil, errCut
	}
	return b[4 : 4+n], b[4+n:], nil
}

// notUTF8 gives the first row of a plain String column that is not UTF-8, -1 where all are. What stands under a null is empty.
func notUTF8(c *batch.Column) int {
	if c.Type.Kind != batch.String {
		return -1
	}
	good := utf8.Valid(c.Values)
	for i := 0; good && i < c.N; i++ {
		// The whole is valid: a part of it is, if it begins where a character does.
		if o := int(c.Offsets[i]); o < len(c.Values) && !utf8.RuneStart(c.Values[o]) {
			good = false
		}
	}
	if good {
		return -1
	}
	for i := range c.N {
		if !utf8.Valid(c.Values[c.Offsets[i]:c.Offsets[i+1]]) {
			return i
		}
	}
	return -1
}
