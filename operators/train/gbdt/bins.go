package gbdt

import (
	"math"
	"slices"
	"sort"

	"github.com/headrace/headrace/kernels/hash"
)

const (
	// sampleRows is how many rows, about, quantiles are taken from.
	sampleRows = 200_000
	// binRows is the least number of sampled rows in a bin of a column with
	// more distinct values than bins, and of rows of a level with a bin of its
	// own: fewer cannot carry a split, and would take bins from those that can.
	binRows = 3
)

// column is how one feature is binned. Bins 0 to bins-1 hold values; number
// bins is missing (and, for categories, every level without its own bin).
type column struct {
	levels int // 0 for numeric
	bins   int

	// Numeric: bin b holds cuts[b-1] < x <= cuts[b]; one cut less than bins.
	cuts []float64
	// pad is cuts with +Inf up to a power of two less one, for a search of a
	// fixed number of steps.
	pad  [255]float64
	half int // first step of the search; 0 without cuts

	// Categorical: the bin of each level.
	code []uint8
}

// slots is how many bins a histogram of the column has.
func (c *column) slots() int { return c.bins + 1 }

// bin is the bin of x: the number of cuts below it.
func (c *column) bin(x float64) uint8 {
	if x != x {
		return uint8(c.bins)
	}
	at := 0
	for step := c.half; step > 0; step >>= 1 {
		if x > c.pad[at+step-1] {
			at += step
		}
	}
	return uint8(at)
}

// binLevel is the bin of a level code; codes out of range are missing.
func (c *column) binLevel(code int32) uint8 {
	if uint(code) >= uint(len(c.code)) {
		return uint8(c.bins)
	}
	return c.code[code]
}

// makeColumns decides the bins of every feature from the rows of weight above
// 0. Quantiles count rows and not weights, so that a bin is as many
// observations whatever each of them weighs.
func makeColumns(env Env, d *Data, o Options) []column {
	rows := sampleOf(d, o.Seed)
	cols := make([]column, len(d.Features))
	env.each(len(cols), func(i int) {
		f := d.Features[i]
		if f.Levels > 0 {
			cols[i] = categorical(f, d, o.Bins)
			return
		}
		values := make([]float64, 0, len(rows))
		for _, r := range rows {
			if x := f.Values[r]; x == x {
				values = append(values, x)
			}
		}
		slices.Sort(values)
		cols[i] = numeric(cutsOf(values, o.Bins))
	})
	return cols
}

// sampleOf picks the rows that quantiles are taken from: all, or each by its
// own draw, so that no worker's progress has a say.
func sampleOf(d *Data, seed uint64) []int32 {
	limit := uint64(math.MaxUint64)
	if d.N > sampleRows {
		limit = uint64(math.Ldexp(float64(sampleRows)/float64(d.N), 64))
	}
	rows := make([]int32, 0, min(d.N, sampleRows+sampleRows/16))
	for i := 0; i < d.N; i++ {
		if d.weight(i) == 0 || limit != math.MaxUint64 && hash.Draw(seed, uint64(i), drawBins) >= limit {
			continue
		}
		rows = append(rows, int32(i))
	}
	return rows
}

func numeric(cuts []float64) column {
	c := column{cuts: cuts, bins: len(cuts) + 1}
	for i := range c.pad {
		c.pad[i] = math.Inf(1)
	}
	copy(c.pad[:], cuts)
	if len(cuts) > 0 {
		c.half = 1
		for 2*c.half <= len(cuts) {
			c.half *= 2
		}
	}
	return c
}

// cutsOf cuts sorted values into at most limit bins: one a distinct value where
// they are few enough, else of about equal count, where a value too frequent
// for its share has a bin to itself.
func cutsOf(sorted []float64, limit int) []float64 {
	var values []float64
	var counts []int
	for _, x := range sorted {
		if n := len(values); n > 0 && values[n-1] == x {
			counts[n-1]++
			continue
		}
		values, counts = append(values, x), append(counts, 1)
	}
	var cuts []float64
	if len(values) <= limit {
		for i := 1; i < len(values); i++ {
			cuts = append(cuts, between(values[i-1], values[i]))
		}
		return cuts
	}

	// A value that fills a bin by itself leaves the other bins to the others.
	rest, binsLeft := len(sorted), limit
	large := make([]bool, len(values))
	for i, n := range counts {
		if n*limit >= len(sorted) {
			large[i] = true
			rest -= n
			binsLeft--
		}
	}
	target := func() float64 { return max(binRows, float64(rest)/float64(max(1, binsLeft))) }
	want, filled := target(), 0
	for i := 0; i < len(values)-1 && len(cuts) < limit-1; i++ {
		filled += counts[i]
		if !large[i] {
			rest -= counts[i]
		}
		// Before a large value a bin may close early, so that it stays alone.
		full := large[i] || float64(filled) >= want || large[i+1] && float64(filled) >= max(binRows, want/2)
		if !full {
			continue
		}
		cuts = append(cuts, between(values[i], values[i+1]))
		filled = 0
		if !large[i] {
			binsLeft--
			want = target()
		}
	}
	return cuts
}

// between is a number t with a <= t < b, the middle where there is one: a goes
// left of it and b right.
func between(a, b float64) float64 {
	if m := float64(a/2) + float64(b/2); m >= a && m < b {
		return m
	}
	return a
}

// categorical gives a bin to the most frequent levels (the lower code first
// where they are as frequent) that have at least binRows rows. All others share
// the bin of missing.
func categorical(f Feature, d *Data, limit int) column {
	counts := make([]int, f.Levels)
	for i, c := range f.Codes {
		if c >= 0 && d.weight(i) > 0 {
			counts[c]++
		}
	}
	var kept []int
	for c, n := range counts {
		if n >= binRows {
			kept = append(kept, c)
		}
	}
	sort.SliceStable(kept, func(i, j int) bool { return counts[kept[i]] > counts[kept[j]] })
	kept = kept[:min(len(kept), limit)]
	c := column{levels: f.Levels, bins: max(1, len(kept)), code: make([]uint8, f.Levels)}
	for i := range c.code {
		c.code[i] = uint8(c.bins)
	}
	for b, level := range kept {
		c.code[level] = uint8(b)
	}
	return c
}

// fill writes the bins of rows begin to end of f to out[begin:end].
func (c *column) fill(f Feature, out []uint8, begin, end int) {
	if c.levels > 0 {
		for i, code := range f.Codes[begin:end] {
			out[begin+i] = c.binLevel(code)
		}
		return
	}
	for i, x := range f.Values[begin:end] {
		out[begin+i] = c.bin(x)
	}
}

// binned is a table in bins, column by column.
type binned [][]uint8

func makeBinned(env Env, cols []column, d *Data) binned {
	b := make(binned, len(cols))
	for f := range b {
		b[f] = make([]uint8, d.N)
	}
	n := blockCount(d.N)
	env.each(len(cols)*n, func(i int) {
		f, begin := i/n, i%n*blockRows
		cols[f].fill(d.Features[f], b[f], begin, min(d.N, begin+blockRows))
	})
	return b
}

// tileWidth is how many columns share a word: their bins are one load, and
// their histogram, 8 tables of 256 words, stays in the first-level cache.
const tileWidth = 8

// tile is the bins of a few neighbouring columns, row by row: column first+k is
// byte k of the row's word.
type tile struct {
	first, width int
	words        []uint64
}

// makeTiles cuts the columns into the fewest tiles, of widths that differ by at
// most one.
func makeTiles(env Env, b binned, rows int) []tile {
	if len(b) == 0 {
		return nil
	}
	tiles := make([]tile, (len(b)+tileWidth-1)/tileWidth)
	at := 0
	for i := range tiles {
		w := (len(b) - at + len(tiles) - i - 1) / (len(tiles) - i)
		tiles[i] = tile{at, w, make([]uint64, rows)}
		at += w
	}
	n := blockCount(rows)
	env.each(len(tiles)*n, func(i int) {
		t, begin := &tiles[i/n], i%n*blockRows
		words := t.words[begin:min(rows, begin+blockRows)]
		for k := 0; k < t.width; k++ {
			for r, v := range b[t.first+k][begin:][:len(words)] {
				words[r] |= uint64(v) << (8 * k)
			}
		}
	})
	return tiles
}

// upper is the greatest number that belongs to bin b or one below it.
func (c *column) upper(b int) float64 {
	if b < len(c.cuts) {
		return c.cuts[b]
	}
	return math.Inf(1)
}
