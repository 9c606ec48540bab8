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
	table tree.Table // zero between uses
	words [chunkRows]uint64
	bins  []uint8 // of chunkRows rows, where words are apart from bins
	sides [maxSmall / 64]uint64
	sums  hist   // of its share of a large node
	used  uint64 // the share is of this build
}

// builder adds rows to histograms.
type builder struct {
	groups []group
	cols   []trees.Column
	off    []int    // where a column's bins begin in a histogram, multiples of 8; one more than columns
	use    []bool   // columns that the tree may split on
	grad   []uint64 // gradients of all rows, see packed and loss.pack; word gives one as it is added
	packed packed
	locals [trees.WorkersMax]*local
	builds uint64
	free   pool
}

// local is worker w's.
func (b *builder) local(w int) *local {
	if b.locals[w] == nil {
		l := &local{}
		if b.apart() {
			l.bins = make([]uint8, chunkRows*b.groups[0].records.Stride)
		}
		b.locals[w] = l
	}
	return b.locals[w]
}

// build adds rows, which are sorted, to h. lay says that their gradients are new: they are rounded and put beside the bins.
func (b *builder) build(l *local, h hist, rows []int32, lay bool) {
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
	at := 0
	for _, width := range g.tiles {
		if b.used(g.first+at, width) {
			most := b.most(width)
			for from := 0; from < len(rows); from += most {
				tree.Scatter(width, &l.table, bins[from*stride:], stride, at, words[from:min(len(rows), from+most)])
				b.flush(l, h, g.first+at, width)
			}
		}
		at += width
	}
}

// most is how many rows a table takes of a tile so wide.
func (b *builder) most(width int) int {
	if tree.Twice(width) {
		return 2 * b.packed.rows
	}
	return b.packed.rows
}

// chunk adds a few rows of one group of columns.
func (b *builder) chunk(l *local, h hist, g *group, rows []int32) {
	one := follow(rows)
	at := 0
	for i, width := range g.tiles {
		if b.used(g.first+at, width) {
			most := b.most(width)
			for from := 0; from < len(rows); from += most {
				some := rows[from:min(len(rows), from+most)]
				if one {
					g.records.Scatter(width, &l.table, at, int(some[0]), len(some))
				} else {
					g.records.ScatterRows(width, &l.table, at, some, i > 0)
				}
				b.flush(l, h, g.first+at, width)
			}
		}
		at += width
	}
}

// flush adds the table to h.
func (b *builder) flush(l *local, h hist, first, width int) {
	for k := range width {
		c := h.of(b.off[first+k], b.off[first+k+1])
		tree.Flush(c.g, c.h, c.n, &l.table[k], b.packed.Fields)
		if tree.Twice(width) {
			tree.Flush(c.g, c.h, c.n, &l.table[width+k], b.packed.Fields)
		}
	}
}

// used says whether the tree may split on any of the columns.
func (b *builder) used(first, width int) bool {
	for _, u := range b.use[first : first+width] {
		if u {
			return true
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
		c := h.of(b.off[f], b.off[f+1])
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

// shared adds the rows of a large node to h with all workers: each adds its share to sums of its own, and merge, which is called for
// columns, adds those to h.
func (b *builder) shared(t *trees.Team, h hist, rows []int32, lay bool) (merge func(f int)) {
	if t.Alone() {
		b.build(b.local(0), h, rows, lay)
		return func(int) {}
	}
	b.builds++
	n := (len(rows) + chunkRows - 1) / chunkRows
	// Few columns have few groups: a share is a chunk of rows in all of them, so that its words are rounded once.
	t.Each(n, func(w, i int) {
		l := b.local(w)
		if l.used != b.builds {
			l.used = b.builds
			if l.sums.none() {
				l.sums = b.free.get(b)
			} else {
				l.sums.clear()
			}
		}
		b.build(l, l.sums, rows[i*chunkRows:min(len(rows), (i+1)*chunkRows)], lay)
	})
	return func(f int) {
		to := h.of(b.off[f], b.off[f+1])
		for _, l := range b.locals {
			if l != nil && l.used == b.builds {
				to.add(l.sums.of(b.off[f], b.off[f+1]))
			}
		}
	}
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
	n := b.off[len(b.off)-1]
	g := make([]int64, 2*n)
	h := hist{g: g[:n:n], n: g[n:]}
	h.h = h.n
	if !b.packed.even() {
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
