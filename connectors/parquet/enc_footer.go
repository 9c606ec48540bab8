package parquet

import "encoding/binary"

// place is where a column chunk stands in the file.
type place struct {
	*encoded
	at                    int64
	offsetIndex, colIndex int64 // 0: none
	offsetSize, colSize   int32
}

// end is the metadata of a file.
type end struct {
	columns []sinkColumn
	groups  [][]place
	rows    []int64 // of each group
}

// indexes appends the page indexes of a file that is at bytes long: the least and greatest of every page, then where the pages are.
func (f *end) indexes(at int64) []byte {
	t := &compactWriter{}
	each := func(do func(c *sinkColumn, p *place)) {
		for _, g := range f.groups {
			for i := range g {
				do(&f.columns[i], &g[i])
			}
		}
	}
	each(func(c *sinkColumn, p *place) {
		if from := len(t.b); p.columnIndex(t, c) {
			p.colIndex, p.colSize = at+int64(from), int32(len(t.b)-from)
		}
	})
	each(func(_ *sinkColumn, p *place) {
		from := len(t.b)
		p.pageOffsets(t)
		p.offsetIndex, p.offsetSize = at+int64(from), int32(len(t.b)-from)
	})
	return t.b
}

// columnIndex writes bounds by page. A page with values and without bounds, as one of NaN alone, cannot be told in it: then there is none.
func (p *place) columnIndex(t *compactWriter, c *sinkColumn) bool {
	for i := range p.pages {
		if q := &p.pages[i]; q.values > 0 && (!q.min.ok || !q.max.ok) {
			return false
		}
	}
	n := len(p.pages)
	t.begin()
	t.list(1, tTrue, n)
	for i := range p.pages {
		if p.pages[i].values == 0 {
			t.b = append(t.b, tTrue)
		} else {
			t.b = append(t.b, tFalse)
		}
	}
	t.list(2, tBinary, n)
	for i := range p.pages {
		t.rawBytes(p.pages[i].min.b)
	}
	t.list(3, tBinary, n)
	for i := range p.pages {
		t.rawBytes(p.pages[i].max.b)
	}
	t.int32(4, p.order(c))
	t.list(5, tI64, n)
	for i := range p.pages {
		t.zigzag(int64(p.pages[i].nulls))
	}
	t.end()
	return true
}

// order says whether the bounds of the pages rise (1), fall (2), or do neither (0).
func (p *place) order(c *sinkColumn) int32 {
	rise, fall := true, true
	var last *encodedPage
	for i := range p.pages {
		q := &p.pages[i]
		if q.values == 0 {
			continue
		}
		if last != nil {
			a, b := c.compare(last.min.b, q.min.b), c.compare(last.max.b, q.max.b)
			rise, fall = rise && a <= 0 && b <= 0, fall && a >= 0 && b >= 0
		}
		last = q
	}
	switch {
	case rise:
		return 1
	case fall:
		return 2
	}
	return 0
}

func (p *place) pageOffsets(t *compactWriter) {
	t.begin()
	t.list(1, tStruct, len(p.pages))
	for i := range p.pages {
		q := &p.pages[i]
		t.begin()
		t.int64(1, p.at+int64(q.at))
		t.int32(2, int32(q.size))
		t.int64(3, int64(q.first))
		t.end()
	}
	t.end()
}

// footer gives the file's last bytes.
func (f *end) footer() []byte {
	t := &compactWriter{}
	t.begin()
	t.int32(1, 1) // a version that every reader knows: version 2 says nothing that they do not find out anyway
	t.list(2, tStruct, len(f.columns)+1)
	t.begin()
	t.text(4, "headrace")
	t.int32(5, int32(len(f.columns)))
	t.end()
	for i := range f.columns {
		f.columns[i].element(t)
	}
	var rows int64
	for _, n := range f.rows {
		rows += n
	}
	t.int64(3, rows)
	t.list(4, tStruct, len(f.groups))
	for i := range f.groups {
		f.group(t, i)
	}
	t.text(6, "headrace version 1")
	t.list(7, tStruct, len(f.columns)) // orders: as the type defines
	for range f.columns {
		t.begin()
		t.record(1, nil)
		t.end()
	}
	t.end()
	n := len(t.b)
	return append(binary.LittleEndian.AppendUint32(t.b, uint32(n)), "PAR1"...)
}

func (f *end) group(t *compactWriter, i int) {
	var plain, size int64
	for _, p := range f.groups[i] {
		plain += int64(p.plainSize)
		size += int64(p.size())
	}
	t.begin()
	t.list(1, tStruct, len(f.columns))
	for j := range f.columns {
		f.groups[i][j].chunk(t, &f.columns[j])
	}
	t.int64(2, plain)
	t.int64(3, f.rows[i])
	t.int64(5, f.groups[i][0].at)
	t.int64(6, size)
	if i == int(int16(i)) {
		t.int16(7, int16(i))
	}
	t.end()
}

// size is the chunk's bytes in the file, its pages standing behind the dictionary.
func (p *place) size() int {
	n := p.dictSize
	for i := range p.pages {
		n += p.pages[i].size
	}
	return n
}

func (p *place) chunk(t *compactWriter, c *sinkColumn) {
	t.begin()
	t.int64(2, 0) // deprecated
	t.record(3, func() { p.meta(t, c) })
	if p.offsetIndex != 0 {
		t.int64(4, p.offsetIndex)
		t.int32(5, p.offsetSize)
	}
	if p.colIndex != 0 {
		t.int64(6, p.colIndex)
		t.int32(7, p.colSize)
	}
	t.end()
}

func (p *place) meta(t *compactWriter, c *sinkColumn) {
	data := int64(encPlain)
	t.int32(1, c.phys)
	if p.dictSize > 0 {
		data = encRLEDictionary
		t.list(2, tI32, 3)
		t.zigzag(encPlain)
		t.zigzag(encRLE)
	} else {
		t.list(2, tI32, 2)
		t.zigzag(encRLE)
	}
	t.zigzag(data)
	t.list(3, tBinary, 1)
	t.rawBytes([]byte(c.name))
	t.int32(4, p.codec)
	t.int64(5, int64(p.values))
	t.int64(6, int64(p.plainSize))
	t.int64(7, int64(p.size()))
	t.int64(9, p.at+int64(p.dictSize))
	if p.dictSize > 0 {
		t.int64(11, p.at)
	}
	t.record(12, func() { p.statistics(t) })
	kinds := 1
	if p.dictSize > 0 {
		kinds = 2
	}
	t.list(13, tStruct, kinds)
	count := func(page, encoding int32, n int) {
		t.begin()
		t.int32(1, page)
		t.int32(2, encoding)
		t.int32(3, int32(n))
		t.end()
	}
	if p.dictSize > 0 {
		count(pageDictionary, encPlain, 1)
	}
	count(pageData, int32(data), len(p.pages))
}

func (p *place) statistics(t *compactWriter) {
	t.int64(3, int64(p.nulls))
	if p.max.ok {
		t.bytes(5, p.max.b)
	}
	if p.min.ok {
		t.bytes(6, p.min.b)
	}
	if p.max.ok {
		t.bool(7, !p.max.cut)
	}
	if p.min.ok {
		t.bool(8, !p.min.cut)
	}
}
