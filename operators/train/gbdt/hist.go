package gbdt

import (
	"math/bits"
	"sync"

	"github.com/headrace/headrace/kernels/tree"
	"github.com/headrace/headrace/operators/internal/trees"
)

// sums are of gradients, of hessians, and how many rows. All integers, so that adding and taking away are exact in any order.
type sums struct{ g, h, n int64 }

func (a *sums) add(b sums) { a.g += b.g; a.h += b.h; a.n += b.n }

func (a sums) minus(b sums) sums { return sums{a.g - b.g, a.h - b.h, a.n - b.n} }

// hist is the sums of a node's rows by column and bin: a column's begin at its place in all three slices. Where all hessians are
// the same, h is n.
type hist struct{ g, h, n []int64 }

func (h *hist) at(b int) sums { return sums{h.g[b], h.h[b], h.n[b]} }

func (h *hist) none() bool { return h.g == nil }

// of is the part of a column with bins from begin to end.
func (h *hist) of(begin, end int) hist {
	return hist{h.g[begin:end], h.h[begin:end], h.n[begin:end]}
}

// even says that h is n.
func (h *hist) even() bool { return &h.h[0] == &h.n[0] }

func (h *hist) add(o hist) {
	add(h.g, o.g)
	add(h.n, o.n)
	if !h.even() {
		add(h.h, o.h)
	}
}

// take takes the smaller child from the parent, which leaves the larger.
func (h *hist) take(o hist) {
	subtract(h.g, o.g)
	subtract(h.n, o.n)
	if !h.even() {
		subtract(h.h, o.h)
	}
}

func (h *hist) clear() {
	clear(h.g)
	clear(h.h)
	clear(h.n)
}

func add(a, b []int64) {
	b = b[:len(a)]
	for i := range a {
		a[i] += b[i]
	}
}

func subtract(a, b []int64) {
	b = b[:len(a)]
	for i := range a {
		a[i] -= b[i]
	}
}

// Words hold three sums for a few rows, see tree.Fields: after that many no field has overflowed.
const (
	// The gradients of a binary label without weights fill their range, and 17 bits are enough to choose a split by. What has weights,
	// or labels without bounds, has rows that dwarf the others, which want bits of their own.
	smoothRows, smoothG, smoothH = 1024, 17, 15
	unevenRows, unevenG, unevenH = 256, 19, 18
	// Equal hessians are rows. Sums of more than 2^27 rows would not fit 64 bits with as many for g.
	evenRows, evenG = 8192, 36
)

// packed says how the gradients of a tree are rounded.
type packed struct {
	tree.Grid
	rows   int     // that a word holds
	g, h   int     // the bits of either, the sign not counted; h is 0 where hessians are rows
	final  bool    // gradients are kept as words, else as tree.Fine
	put    bool    // the words are beside the bins already, and nowhere else; never where they are apart
	gs, hs float64 // what one unit of g and of h stands for
}

// even says that all hessians are the same.
func (p *packed) even() bool { return p.h == 0 }

// sized is the grid of words that hold so many rows, whose rounded gradients are below 1<<g, and hessians below 1<<h.
func sized(rows, g, h int) packed {
	n := bits.Len(uint(rows))
	p := packed{rows: rows, g: g, h: h}
	p.H = uint(n)
	p.G = p.H
	if h > 0 {
		p.G += uint(h + n - 1)
	}
	if int(p.G)+g+n > 64 {
		panic("gbdt: fields are too wide for a word")
	}
	return p
}

// chunkRows is how many rows are added at a time: what a worker takes of a large node.
const chunkRows = 4096

// local is what one worker has to itself.
type local struct {
	tables []tree.Table // of each tile; zero between uses
	room   []int        // how many more rows are sure to fit a word of a tile
	words  [chunkRows]uint64
	bins   []uint8 // of chunkRows rows, where words are apart from bins
	sides  [maxSmall / 64]uint64
	sums   hist   // of its share of a large node, what its tables had no room for; zero between uses
	spilt  []bool // the bundles that it is of
	used   uint64 // the share is of this build
}

// builder adds rows to histograms.
type builder struct {
	groups  []group
	tiles   []tile // of all groups
	in      []int  // the tile that a bundle is in
	cols    []trees.Column
	bundles []bundle // of the columns, each in one
	off     []int    // where a column's bins begin in a histogram, multiples of 8; one more than columns
	use     []bool   // columns that the tree may split on
	grad    []uint64 // gradients of all rows, see packed and loss.pack; word gives one as it is added
	packed  packed
	locals  [trees.WorkersMax]*local
	builds  uint64
	filled  bool // the shares are of all rows, with the gradients as they are
	free    pool
	codes   sync.Pool // of *hist by code of a bundle, zero between uses
}

// local is worker w's.
func (b *builder) local(w int) *local {
	if b.locals[w] == nil {
		l := &local{tables: make([]tree.Table, len(b.tiles)), room: make([]int, len(b.tiles)), spilt: make([]bool, len(b.bundles))}
		if b.apart() {
			l.bins = make([]uint8, chunkRows*b.groups[0].records.Stride)
		}
		b.locals[w] = l
	}
	return b.locals[w]
}

// build adds rows, which are sorted, to h. lay says that their gradients are new: they are rounded and put beside the bins.
func (b *builder) build(l *local, h hist, rows []int32, lay bool) {
	b.begin(l)
	b.fill(l, h, rows, lay)
	for i := range b.tiles {
		if t := &b.tiles[i]; b.used(t.first, t.width) {
			for j := t.first; j < t.first+t.width; j++ {
				b.flush(l, h, j)
			}
		}
	}
}

// begin is of empty tables.
func (b *builder) begin(l *local) {
	clear(l.spilt)
	for i := range l.room {
		l.room[i] = b.packed.rows
	}
}

// fill adds rows to the tables, and to h what those have no room for. A table that went to h a thousand rows at a time would go there and come
// back by way of the second cache, for a thousand rows of which most bins have a few.
func (b *builder) fill(l *local, h hist, rows []int32, lay bool) {
	for i := range b.groups {
		g := &b.groups[i]
		if !b.used(g.first, g.width) {
			continue
		}
		for at := 0; at < len(rows); at += chunkRows {
			some := rows[at:min(len(rows), at+chunkRows)]
			switch {
			case b.apart():
				b.gathered(l, h, g, some)
				continue
			case lay:
				b.lay(l, g, some)
			}
			b.chunk(l, h, g, some)
		}
	}
}

// follow says that there is no row between sorted rows.
func follow(rows []int32) bool { return int(rows[len(rows)-1]-rows[0]) == len(rows)-1 }

// putRows is how many rows' words are put beside the bins at a time.
const putRows = 1024

// put puts the words of rows from begin on beside their bins.
func (b *builder) put(begin int, words []uint64) {
	for i := range b.groups {
		b.groups[i].records.Put(begin, words)
	}
}

// lay puts the words of at most chunkRows rows beside their bins.
func (b *builder) lay(l *local, g *group, rows []int32) {
	if first := int(rows[0]); follow(rows) {
		words := b.grad[first : first+len(rows)]
		if !b.packed.final {
			b.packed.Round(l.words[:len(rows)], words)
			words = l.words[:len(rows)]
		}
		g.records.Put(first, words)
		return
	}
	words := l.words[:len(rows)]
	for i, r := range rows {
		words[i] = b.grad[r]
	}
	if !b.packed.final {
		b.packed.Round(words, words)
	}
	g.records.PutRows(rows, words)
}

// gathered is chunk where words are apart from bins: rows are brought together for two tiles, which read them in line.
func (b *builder) gathered(l *local, h hist, g *group, rows []int32) {
	words, bins, stride := l.words[:len(rows)], l.bins, g.records.Stride
	if first := int(rows[0]); follow(rows) {
		bins = g.records.Data[first*stride:]
		if src := b.grad[first : first+len(rows)]; b.packed.final {
			words = src
		} else {
			b.packed.Round(words, src)
		}
	} else {
		tree.Gather(bins, g.records.Data, stride, rows, words, b.grad)
		if !b.packed.final {
			b.packed.Round(words, words)
		}
	}
	for i := range g.tiles {
		t := &g.tiles[i]
		if !b.used(t.first, t.width) {
			continue
		}
		for from := 0; from < len(rows); {
			to := from + b.take(l, h, t, len(rows)-from)
			tree.Scatter(t.width, &l.tables[t.number], bins[from*stride:], stride, t.first-g.first, words[from:to])
			from = to
		}
	}
}

// take is how many of so many rows a tile's table has room for, and that they are put there. Where it may be full, those of its bundles go to h
// that have a bin of half as many rows as a word holds; of many bins none has soon.
func (b *builder) take(l *local, h hist, t *tile, rows int) int {
	room, tables := &l.room[t.number], 1
	if tree.Twice(t.width) {
		tables = 2
	}
	if *room == 0 {
		most := 0
		for j := t.first; j < t.first+t.width; j++ {
			in := 0
			for k := range tables {
				in |= int(tree.Union(l.tables[t.number][k*t.width+j-t.first][:b.bundles[j].room()]) & (1<<b.packed.H - 1))
			}
			if 2*in >= b.packed.rows {
				b.flush(l, h, j)
				l.spilt[j], in = true, 0
			}
			most = max(most, in)
		}
		*room = b.packed.rows - most
	}
	n := min(rows, tables**room)
	*room -= (n + tables - 1) / tables
	return n
}

// chunk adds a few rows of one group of columns.
func (b *builder) chunk(l *local, h hist, g *group, rows []int32) {
	one := follow(rows)
	for i := range g.tiles {
		t := &g.tiles[i]
		if !b.used(t.first, t.width) {
			continue
		}
		table, at := &l.tables[t.number], t.first-g.first
		for rest := rows; len(rest) > 0; {
			n := b.take(l, h, t, len(rest))
			if one {
				g.records.Scatter(t.width, table, at, int(rest[0]), n)
			} else {
				g.records.ScatterRows(t.width, table, at, rest[:n], i > 0)
			}
			rest = rest[n:]
		}
	}
}

// flush adds the words of a bundle to h.
func (b *builder) flush(l *local, h hist, j int) {
	u := &b.bundles[j]
	if len(u.columns) == 1 {
		b.empty(l, j, b.of(h, u.columns[0]))
		return
	}
	all, _ := b.codes.Get().(*hist) // any worker may be at another bundle of l
	if all == nil {
		h := newHist(codesMost, b.packed.even())
		all = &h
	}
	codes := all.of(0, u.room())
	b.empty(l, j, codes)
	u.unbundle(codes, func(i int) hist { return b.of(h, u.columns[i]) })
	codes.clear()
	b.codes.Put(all)
}

// empty moves the words of a bundle to the sums by code.
func (b *builder) empty(l *local, j int, codes hist) {
	t := &b.tiles[b.in[j]]
	table, k := &l.tables[t.number], j-t.first
	tree.Flush(codes.g, codes.h, codes.n, &table[k], b.packed.Fields)
	if tree.Twice(t.width) {
		tree.Flush(codes.g, codes.h, codes.n, &table[t.width+k], b.packed.Fields)
	}
}

// of is the part of h that is a column's.
func (b *builder) of(h hist, f int) hist { return h.of(b.off[f], b.off[f+1]) }

// used says whether the tree may split on any column of the bundles.
func (b *builder) used(first, width int) bool {
	for i := range width {
		for _, f := range b.bundles[first+i].columns {
			if b.use[f] {
				return true
			}
		}
	}
	return false
}

// direct is the plain form that build must equal.
func (b *builder) direct(h hist, bytes trees.Binned, rows []int32) {
	for f, col := range bytes {
		if !b.use[f] {
			continue
		}
		c := b.of(h, f)
		for _, r := range rows {
			v := int64(b.word(r))
			at := col[r]
			c.n[at]++
			c.g[at] += v >> b.packed.G
			if !b.packed.even() {
				c.h[at] += v >> b.packed.H & (1<<(b.packed.G-b.packed.H) - 1)
			}
		}
	}
}

// word is the word of a row.
func (b *builder) word(r int32) uint64 {
	if b.packed.put {
		return b.groups[0].records.Word(int(r))
	}
	one := [1]uint64{b.grad[r]}
	if !b.packed.final {
		b.packed.Round(one[:], one[:])
	}
	return one[0]
}

// shared adds the rows of a large node to h with all workers: each adds its share to tables of its own, and merge, which is to be called for
// every bundle, adds those to h.
func (b *builder) shared(t *trees.Team, h hist, rows []int32, lay bool) (merge func(j int)) {
	if t.Alone() {
		b.build(b.local(0), h, rows, lay)
		return func(int) {}
	}
	b.builds++
	n := (len(rows) + chunkRows - 1) / chunkRows
	// Few columns have few groups: a share is a chunk of rows in all of them, so that its words are rounded once.
	t.Each(n, func(w, i int) {
		l := b.mine(w)
		b.fill(l, l.sums, rows[i*chunkRows:min(len(rows), (i+1)*chunkRows)], lay)
	})
	return b.merge(h)
}

// mine is worker w's, of the present build.
func (b *builder) mine(w int) *local {
	l := b.local(w)
	if l.used != b.builds {
		l.used = b.builds
		if l.sums.none() {
			l.sums = b.free.get(b)
		}
		b.begin(l)
	}
	return l
}

// merge adds a bundle of all shares to h.
func (b *builder) merge(h hist) func(j int) {
	return func(j int) {
		for _, l := range b.locals {
			if l == nil || l.used != b.builds {
				continue
			}
			b.flush(l, h, j)
			for _, f := range b.bundles[j].columns {
				if l.spilt[j] {
					to, s := b.of(h, f), b.of(l.sums, f)
					to.add(s)
					s.clear()
				}
			}
		}
	}
}

// forget empties the shares.
func (b *builder) forget() {
	for _, l := range b.locals {
		if b.filled && l != nil && l.used == b.builds {
			clear(l.tables)
			l.sums.clear()
		}
	}
	b.filled = false
}

// pool holds histograms to use again.
type pool struct {
	mu   sync.Mutex
	free []hist
}

// get is a histogram of zeros; put takes one back.
func (p *pool) get(b *builder) hist {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		h := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		h.clear()
		return h
	}
	p.mu.Unlock()
	return newHist(b.off[len(b.off)-1], b.packed.even())
}

func newHist(n int, even bool) hist {
	g := make([]int64, 2*n)
	h := hist{g: g[:n:n], n: g[n:]}
	h.h = h.n
	if !even {
		h.h = make([]int64, n)
	}
	return h
}

func (p *pool) put(h hist) {
	if !h.none() {
		p.mu.Lock()
		p.free = append(p.free, h)
		p.mu.Unlock()
	}
}
