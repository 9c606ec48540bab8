package parquet

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/bloom/xxhash"

	"github.com/headrace/headrace/operators/batch"
)

// span is rows of a row group.
type span struct{ from, to int64 }

// pagesRows is the least that pages hold on average to be told apart.
const pagesRows = 64

// live gives the rows between two that may be wanted, by what the file says of values: in the footer, by dictionaries and bloom filters,
// then page by page. Of what is malformed it says nothing: only a disk that fails is an error.
func (r *reader) live(from, to int64) ([]span, error) {
	whole := []span{{from, to}}
	if r.want.Never == nil || from >= to {
		return whole, nil
	}
	k := &knowledge{r: r, cols: map[int]*known{}}
	if r.want.Never(k.ofChunk) || k.err != nil {
		return nil, k.err
	}
	cuts := []int64{from, to}
	indexed := false
	for _, c := range k.cols {
		if err := k.readPages(c); err != nil {
			return nil, err
		}
		indexed = indexed || c.pages != nil
		for _, f := range c.first {
			if f > from && f < to {
				cuts = append(cuts, f)
			}
		}
	}
	slices.Sort(cuts)
	if cuts = slices.Compact(cuts); !indexed || int64(len(cuts)) > (to-from)/pagesRows+2 {
		return whole, nil
	}
	var live []span
	for i, at := range cuts[:len(cuts)-1] {
		if k.at = at; r.want.Never(k.ofPage) {
			continue
		}
		if n := len(live); n > 0 && live[n-1].to == at {
			live[n-1].to = cuts[i+1]
			continue
		}
		live = append(live, span{at, cuts[i+1]})
	}
	return live, k.err
}

// knowledge is what a file says of the columns of a row group that somebody asked for.
type knowledge struct {
	r    *reader
	cols map[int]*known
	at   int64 // the row whose pages are asked for
	err  error // of the disk
}

// known is what a file says of one column.
type known struct {
	leaf  *leaf
	chunk *chunk
	all   batch.Bounds
	ok    bool
	first []int64 // the first row of each page
	pages []stats // nil: not known
	has   map[any]bool
}

// ofChunk gives the bounds of a column in the row group.
func (k *knowledge) ofChunk(col int) (batch.Bounds, bool) {
	c := k.cols[col]
	if c == nil {
		l := &k.r.s.leaf[col]
		c = &known{leaf: l, chunk: &k.r.s.foot.groups[k.r.p.group].cols[l.col], has: map[any]bool{}}
		c.all, c.ok = bounds(l, &c.chunk.stats, c.chunk.values)
		if c.tells() {
			c.ok = true
			c.all.Has = func(v any) bool {
				is, asked := c.has[v]
				if !asked {
					is = k.mayHave(col, c, v)
					c.has[v] = is
				}
				return is
			}
		}
		k.cols[col] = c
	}
	return c.all, c.ok
}

// ofPage gives the bounds of a column in the page that has row k.at.
func (k *knowledge) ofPage(col int) (batch.Bounds, bool) {
	all, ok := k.ofChunk(col)
	c := k.cols[col]
	if c.pages == nil {
		return all, ok
	}
	i, _ := slices.BinarySearch(c.first, k.at+1)
	end := k.r.s.foot.groups[k.r.p.group].rows
	if i < len(c.first) {
		end = c.first[i]
	}
	b, _ := bounds(c.leaf, &c.pages[i-1], end-c.first[i-1])
	b.Has = all.Has
	if b.Min == nil {
		b.Min, b.Max = all.Min, all.Max
	}
	return b, true
}

// readPages reads the bounds of a column's pages, where they are told. A single page is the chunk.
func (k *knowledge) readPages(c *known) error {
	b, err := k.r.index(c.chunk.pages, c.chunk.pagesSize)
	if b == nil || err != nil {
		return err
	}
	pages, err := parsePages(b)
	if err != nil || len(pages) < 2 {
		return nil //nolint:nilerr // what is malformed says nothing
	}
	if b, err = k.r.index(c.chunk.index, c.chunk.indexSize); b == nil || err != nil {
		return err
	}
	_, first, err := parseIndex(b)
	if err == nil && len(first) == len(pages) && first[len(first)-1] <= c.chunk.values {
		c.first, c.pages = first, pages
	}
	return nil
}

// mayHave says whether a column of the row group may have a value, by its bloom filter and its dictionary.
func (k *knowledge) mayHave(col int, c *known, v any) bool {
	b, ok := c.leaf.plain(v)
	if !ok {
		return true
	}
	if c.chunk.bloom > 0 {
		is, err := k.r.bloomHas(c.chunk.bloom, b)
		if err != nil {
			k.err = err
		}
		if !is {
			return false
		}
	}
	i := slices.Index(k.r.want.Cols, col)
	if !c.chunk.coded || i < 0 {
		return true
	}
	d := k.r.cols[i]
	if ok, err := d.openDictionary(); err != nil || !ok {
		k.err = err
		return true
	}
	return d.inDictionary(b)
}

// tells says whether it can be told of values whether a column has them.
func (c *known) tells() bool {
	return (c.chunk.bloom > 0 || c.chunk.coded) && c.leaf.direct()
}

// direct says whether a column's values are those of the file, byte by byte.
func (l *leaf) direct() bool {
	switch l.how {
	case asIs:
		return l.typ.Kind != batch.Bool
	case asText, asUint64:
		return true
	}
	return false
}

// plain is a value as the file has it; false where that cannot be told, or is more than one: both zeros are equal.
func (l *leaf) plain(v any) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return []byte(v), l.how == asText
	case float64:
		switch {
		case v == 0 || v != v || !l.typ.Float():
		case l.width == 8:
			return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)), true
		case l.width == 4 && float64(float32(v)) == v:
			return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v))), true
		}
	case int64:
		switch {
		case l.typ.Float() || l.how == asText:
		case l.width == 8:
			return binary.LittleEndian.AppendUint64(nil, uint64(v)), true
		case l.width == 4 && int64(int32(v)) == v:
			return binary.LittleEndian.AppendUint32(nil, uint32(v)), true
		}
	}
	return nil, false
}

// bloomMax is what a bloom filter may claim to be long: the format's own limit.
const bloomMax = 128 << 20

// bloomHas asks the bloom filter at a place in the file; it says nothing where it is not one of the format's only kind or not in the file.
func (r *reader) bloomHas(at int64, v []byte) (bool, error) {
	var head [64]byte
	if at < 4 || at > r.s.size-8 {
		return true, nil
	}
	b := head[:min(int64(len(head)), r.s.size-8-at)]
	if err := readAt(r.f, b, at); err != nil {
		return true, err
	}
	size, n, err := parseBloom(b)
	if err != nil || size <= 0 || size%32 != 0 || size > bloomMax || size > r.s.size-8-at-int64(n) {
		return true, nil //nolint:nilerr // what is malformed says nothing
	}
	is, err := bloom.CheckSplitBlock(io.NewSectionReader(r.f, at+int64(n), size), size, xxhash.Sum64(v))
	if err == io.EOF { // it was there when the footer was read
		err = io.ErrUnexpectedEOF
	}
	return is || err != nil, err
}

// openDictionary reads the dictionary of a column that was not read from yet; false where none can be read: whoever reads the column finds out
// why.
func (c *column) openDictionary() (bool, error) {
	if c.hasDict || c.ready {
		return c.hasDict, nil
	}
	h, err := c.header()
	if err == nil && h.kind == pageDictionary {
		var page []byte
		if page, err = c.body(h); err == nil {
			err = c.dictionary(h, page)
		}
		if err == nil {
			return true, nil
		}
	}
	c.win.seek(c.start)
	c.hasDict, c.dictText = false, nil
	var disk *ioError
	if errors.As(err, &disk) {
		return false, err
	}
	return false, nil
}

// inDictionary says whether a value is in the dictionary.
func (c *column) inDictionary(v []byte) bool {
	if d := c.dictText; d != nil {
		for i := range d.N {
			if int(d.Offsets[i+1]-d.Offsets[i]) == len(v) && string(d.Text(i)) == string(v) {
				return true
			}
		}
		return false
	}
	if len(v) == 8 {
		return slices.Contains(words[int64](c.dict), int64(binary.LittleEndian.Uint64(v)))
	}
	return slices.Contains(words[uint32](c.dict), binary.LittleEndian.Uint32(v))
}
