package gbdt

import "sync"

//go:generate go run gen.go

// bin is what a histogram holds of the rows of one bin of one column: sums of
// rounded gradients and hessians, and the number of rows. All integers, so that
// adding and taking away are exact in any order.
type bin struct{ g, h, n int64 }

func (a *bin) add(b bin) { a.g += b.g; a.h += b.h; a.n += b.n }

func (a bin) minus(b bin) bin { return bin{a.g - b.g, a.h - b.h, a.n - b.n} }

// packed says how a row's gradient is one word: g in the upper bits, signed,
// and below it h, or 1 to count rows where all hessians are the same. Words are
// added as they are for flushRows rows; the fields are sized so that neither
// the lower one overflows into the upper in that time nor the upper out.
type packed struct {
	shift   uint
	counted bool    // rows are counted beside: the lower field is h
	gs, hs  float64 // what one unit of g and of h (or of the count) stands for
}

const (
	flushRows = 8192 // 2^13
	// Counts kept beside the sums: g is 19 bits with its sign, h 19 bits.
	gradBits = 18
	hessBits = 19
	// Equal hessians: a count to 2^13 takes 14 bits, and leaves g 36 and a sign.
	evenShift    = 14
	evenGradBits = 36
)

// unpack is a word, or a sum of at most flushRows words, as integers. n is how
// many words, where they were counted beside.
func (p *packed) unpack(word uint64, n int64) bin {
	b := bin{g: int64(word) >> p.shift, h: int64(word & (1<<p.shift - 1)), n: n}
	if !p.counted {
		b.n = b.h
	}
	return b
}

type (
	sums   [tileWidth][256]uint64
	counts [tileWidth][256]uint32 // of 32 bits: Go adds those in place, 16 bits it loads and stores
)

// local is what one worker sums into before it flushes; zero between uses.
type local struct {
	s sums
	c counts
}

var locals = sync.Pool{New: func() any { return new(local) }}

// directRows is the node size up to which rows are added one by one straight to
// the node's bins: clearing and flushing tables would cost more.
const directRows = 512

// shareRows is the least work, in rows of one tile, that is given to a worker.
const shareRows = 32768

// build adds the rows to hist, which is zero.
func (g *grower) build(hist []bin, rows []int32) {
	if len(rows) <= directRows {
		g.direct(hist, rows)
		return
	}
	parts := min(max(1, len(rows)/shareRows), max(1, 16/len(g.tiles)))
	if len(rows)*len(g.tiles) <= 2*shareRows {
		for t := range g.tiles {
			g.buildTile(hist[g.off[g.tiles[t].first]:], &g.tiles[t], rows)
		}
		return
	}
	if parts == 1 {
		g.env.each(len(g.tiles), func(t int) {
			g.buildTile(hist[g.off[g.tiles[t].first]:], &g.tiles[t], rows)
		})
		return
	}
	// Each part has a histogram of its own but for the first, which has hist.
	extra := make([][]bin, parts)
	extra[0] = hist
	for i := 1; i < parts; i++ {
		extra[i] = g.take()
	}
	g.env.each(len(g.tiles)*parts, func(i int) {
		t, part := i/parts, i%parts
		from, to := len(rows)*part/parts, len(rows)*(part+1)/parts
		g.buildTile(extra[part][g.off[g.tiles[t].first]:], &g.tiles[t], rows[from:to])
	})
	for _, h := range extra[1:] {
		for i := range hist {
			hist[i].add(h[i])
		}
		g.give(h)
	}
}

// buildTile adds the rows to the bins of one tile.
func (g *grower) buildTile(dst []bin, t *tile, rows []int32) {
	if !g.used(t) {
		return
	}
	l := locals.Get().(*local)
	for len(rows) > 0 {
		block := rows[:min(flushRows, len(rows))]
		rows = rows[len(block):]
		if g.packed.counted {
			scatterCount(t.width, &l.s, &l.c, block, t.words, g.grad)
		} else {
			scatter(t.width, &l.s, block, t.words, g.grad)
		}
		at := 0
		for k := 0; k < t.width; k++ {
			n := g.cols[t.first+k].slots()
			g.flush(dst[at:at+n], &l.s[k], &l.c[k])
			at += n
		}
	}
	locals.Put(l)
}

// flush adds the sums of one column to its bins and clears them.
func (g *grower) flush(dst []bin, s *[256]uint64, c *[256]uint32) {
	if !g.packed.counted {
		for b := range dst {
			if s[b] != 0 {
				dst[b].add(g.packed.unpack(s[b], 0))
				s[b] = 0
			}
		}
		return
	}
	for b := range dst {
		if c[b] != 0 {
			dst[b].add(g.packed.unpack(s[b], int64(c[b])))
			s[b], c[b] = 0, 0
		}
	}
}

// direct is the plain form that the tables must equal.
func (g *grower) direct(hist []bin, rows []int32) {
	for f, col := range g.bytes {
		if !g.use[f] {
			continue
		}
		h := hist[g.off[f]:g.off[f+1]]
		for _, r := range rows {
			h[col[r]].add(g.packed.unpack(g.grad[r], 1))
		}
	}
}

// used reports whether the tree may split on any column of the tile.
func (g *grower) used(t *tile) bool {
	for _, u := range g.use[t.first : t.first+t.width] {
		if u {
			return true
		}
	}
	return false
}

// take is a zeroed histogram; give takes one back.
func (g *grower) take() []bin {
	if n := len(g.free); n > 0 {
		h := g.free[n-1]
		g.free = g.free[:n-1]
		clear(h)
		return h
	}
	return make([]bin, g.off[len(g.off)-1])
}

func (g *grower) give(h []bin) {
	if h != nil {
		g.free = append(g.free, h)
	}
}

// subtract takes the smaller child from the parent, which leaves the larger.
func subtract(parent, smaller []bin) {
	smaller = smaller[:len(parent)]
	for i := range parent {
		parent[i] = parent[i].minus(smaller[i])
	}
}
