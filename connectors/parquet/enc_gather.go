package parquet

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/pick"
	"github.com/headrace/headrace/operators/batch"
)

// gathered is a column of the row group under construction: which rows have a value, and the values, without what stands under nulls,
// as the format's PLAIN encoding has them. Nothing in it tells how the rows came in batches.
type gathered struct {
	rows   int
	values int      // rows that are not null
	valid  []uint64 // of rows; nil until there is a null
	plain  []byte   // all but booleans and coded text
	bits   []uint64 // booleans
	// Text that came coded stays so for as long as a dictionary is worth it: codes into words, which is in the order of first appearance.
	coded bool
	codes []int32
	words *lexicon
}

// plainMin is the least that is taken for values: from there on Go's memory is aligned to words.
const plainMin = 1 << 10

func (g *gathered) reset() {
	*g = gathered{valid: g.valid[:0], plain: g.plain[:0], bits: g.bits[:0], codes: g.codes[:0]}
}

// add takes the rows of a column of a batch.
func (g *gathered) add(c *sinkColumn, in *batch.Column, s *scratch) error {
	nulls := in.Nulls()
	g.mark(in, nulls)
	have := in.N - nulls
	if have == 0 {
		return nil
	}
	valid := in.Valid
	if nulls == 0 {
		valid = nil
	}
	switch {
	case c.width == 1:
		g.addBits(in.Bits(), valid, in.N, have, s)
	case c.width == 0 && in.Dict != nil && (g.values == 0 || g.coded):
		g.addCodes(in, valid, have, s)
	case c.width == 0:
		g.expand()
		g.addText(in)
	case c.typ.Kind == batch.Decimal && c.width == 4:
		if err := g.addDecimals(in.Int64s(), valid, have, c, s); err != nil {
			return err
		}
	case c.width == 4:
		addFixed[uint32](g, in.Values, valid, in.N, have)
	default:
		x := addFixed[int64](g, in.Values, valid, in.N, have)
		if c.typ.Kind == batch.Timestamp && c.typ.Unit == batch.Second {
			if err := milliseconds(x); err != nil {
				return err
			}
		}
	}
	g.values += have
	return nil
}

// mark notes which rows are null. The bitmap is made with the first null, so that columns without have none.
func (g *gathered) mark(in *batch.Column, nulls int) {
	at := g.rows
	g.rows += in.N
	if nulls == 0 && len(g.valid) == 0 {
		return
	}
	old := len(g.valid)
	g.valid = slices.Grow(g.valid, bits.Words(g.rows)-old)[:bits.Words(g.rows)]
	clear(g.valid[old:])
	if old == 0 {
		setBits(g.valid, 0, at)
	}
	if nulls == 0 {
		setBits(g.valid, at, in.N)
	} else {
		bits.Paste(g.valid, at, in.Valid, in.N)
	}
}

func (g *gathered) addBits(src, valid []uint64, n, have int, s *scratch) {
	old := len(g.bits)
	words := bits.Words(g.values + have)
	g.bits = slices.Grow(g.bits, words-old)[:words]
	clear(g.bits[old:])
	if valid != nil {
		s.words = slices.Grow(s.words[:0], bits.Words(have))[:bits.Words(have)]
		bits.Filter(s.words, src, valid)
		src, n = s.words, have
	}
	bits.Paste(g.bits, g.values, src, n)
}

// grow makes room for n more bytes and gives them.
func (g *gathered) grow(n int) []byte {
	old := len(g.plain)
	g.plain = slices.Grow(g.plain, max(n, plainMin-old))[:old+n]
	return g.plain[old:]
}

// addFixed takes the values that are there and gives their copies.
func addFixed[T uint32 | int64](g *gathered, src []byte, valid []uint64, n, have int) []T {
	width := int(unsafe.Sizeof(T(0)))
	if valid == nil {
		dst := g.grow(n * width)
		copy(dst, src[:n*width])
		return seen[T](dst)
	}
	dst := seen[T](g.grow(have * width))
	pick.Filter(dst, seen[T](src[:n*width]), valid)
	return dst
}

// seen sees bytes, which are aligned, as values.
func seen[T any](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(T))))
}

func milliseconds(x []int64) error {
	for i, v := range x {
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return fmt.Errorf("%d seconds do not fit into milliseconds", v)
		}
		x[i] = v * 1000
	}
	return nil
}

// addDecimals takes decimals of at most 9 digits, for which the format has 32 bits.
func (g *gathered) addDecimals(x []int64, valid []uint64, have int, c *sinkColumn, s *scratch) error {
	if valid != nil {
		s.longs = slices.Grow(s.longs[:0], have)[:have]
		pick.Filter(s.longs, x, valid)
		x = s.longs
	}
	dst := seen[int32](g.grow(have * 4))
	for i, v := range x {
		if v != int64(int32(v)) {
			return fmt.Errorf("%d has more than %d digits", v, c.typ.Precision)
		}
		dst[i] = int32(v)
	}
	return nil
}

// addText takes texts as PLAIN has them: each behind its length in four bytes.
func (g *gathered) addText(in *batch.Column) {
	if in.Dict != nil {
		codes := in.Codes()
		for i := range in.N {
			if !in.Null(i) {
				g.plain = appendText(g.plain, in.Dict.Text(int(codes[i])))
			}
		}
		return
	}
	off := in.Offsets[:in.N+1]
	g.plain = slices.Grow(g.plain, 4*in.N+int(off[in.N]-off[0]))
	for i := range in.N {
		if !in.Null(i) {
			g.plain = appendText(g.plain, in.Values[off[i]:off[i+1]])
		}
	}
}

func appendText(dst, s []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}

// addCodes takes texts by their codes, translated to codes of our own: two dictionaries with the same words are then the same, and
// nobody need know whether a batch's dictionary is the one before.
func (g *gathered) addCodes(in *batch.Column, valid []uint64, have int, s *scratch) {
	codes := in.Codes()
	if valid != nil {
		s.codes = slices.Grow(s.codes[:0], have)[:have]
		pick.Filter(s.codes, codes, valid)
		codes = s.codes
	}
	if g.words == nil {
		g.coded, g.words = true, &lexicon{}
	}
	remap := []int32(nil)
	if in.Dict.N <= remapFew*have {
		s.remap = slices.Grow(s.remap[:0], in.Dict.N)[:in.Dict.N]
		remap = s.remap
		clear(remap)
	}
	for len(codes) > 0 {
		n := len(codes)
		if at := len(g.codes); at < sampleValues {
			n = min(n, sampleValues-at)
		}
		ok := g.translate(in.Dict, codes[:n], remap)
		if codes = codes[n:]; !ok || g.words.hopeless(len(g.codes)) {
			g.expand()
			for _, c := range codes {
				g.plain = appendText(g.plain, in.Dict.Text(int(c)))
			}
			return
		}
	}
}

// remapFew is how many entries a dictionary has for each row at most for a list of them to be worth its clearing.
const remapFew = 16

// translate adds codes; remap holds what is known of the dictionary, our code plus one. It says whether the dictionary is small still.
func (g *gathered) translate(dict *batch.Column, codes, remap []int32) bool {
	old := len(g.codes)
	g.codes = slices.Grow(g.codes, len(codes))[:old+len(codes)]
	out := g.codes[old:]
	out = out[:len(codes)]
	if remap == nil { // a few rows of many words
		for i, c := range codes {
			out[i] = g.words.insert(dict.Text(int(c)))
		}
		return !g.words.hopeless(0)
	}
	for i, c := range codes {
		m := remap[c]
		if m == 0 {
			m = g.words.insert(dict.Text(int(c))) + 1
			remap[c] = m
		}
		out[i] = m - 1
	}
	return !g.words.hopeless(0)
}

// expand gives up codes: what there is becomes plain.
func (g *gathered) expand() {
	if !g.coded {
		return
	}
	for _, c := range g.codes {
		g.plain = appendText(g.plain, g.words.Key(int(c)))
	}
	g.coded, g.words, g.codes = false, nil, g.codes[:0]
}

// lexicon is a dictionary of texts.
type lexicon struct {
	hash.Table
	bytes int // as PLAIN has them
}

func (w *lexicon) insert(s []byte) int32 {
	n := w.Len()
	c := w.Insert(s)
	if w.Len() > n {
		w.bytes += 4 + len(s)
	}
	return c
}

func (w *lexicon) hopeless(values int) bool { return hopeless(values, w.Len(), w.bytes) }
