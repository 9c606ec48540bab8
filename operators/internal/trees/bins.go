package trees

import (
	"math"
	"sort"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/kernels/tree"
)

// drawBins is what the draws of sampleOf are for: learners that draw from the same seed have numbers above.
const drawBins uint32 = 0

const (
	// sampleRows is how many rows, about, quantiles are taken from.
	sampleRows = 200_000
	// binRows is the least number of sampled rows in a bin of a column with
	// more distinct values than bins, and of rows of a level with a bin of its
	// own: fewer cannot carry a split, and would take bins from those that can.
	binRows = 3
)

// Column is how one feature is binned. Bins 0 to Bins-1 hold values; number
// Bins is missing (and, for categories, every level without its own bin).
type Column struct {
	Levels int // 0 for numeric
	Bins   int

	// Numeric: bin b holds Cuts[b-1] < x <= Cuts[b]; one cut less than bins.
	Cuts   []float64
	search *tree.Cuts

	// Categorical: the bin of each level.
	Code []uint8
}

// Slots is how many bins there are with that of missing.
func (c *Column) Slots() int { return c.Bins + 1 }

// bin is the bin of x: the number of cuts below it.
func (c *Column) bin(x float64) uint8 { return c.search.Bin(x) }

// binLevel is the bin of a level code; codes out of range are missing.
func (c *Column) binLevel(code int32) uint8 {
	if uint(code) >= uint(len(c.Code)) {
		return uint8(c.Bins)
	}
	return c.Code[code]
}

// MakeColumns decides the bins of every feature from the rows of weight above
// 0: at most so many a column, besides that of missing. Quantiles count rows and not weights, so that a bin is as many
// observations whatever each of them weighs.
func MakeColumns(t *Team, d *Data, bins int, seed uint64) []Column {
	rows := sampleOf(d, seed)
	cols := make([]Column, len(d.Features))
	t.Each(len(cols), func(_, i int) {
		f := d.Features[i]
		if f.Levels > 0 {
			cols[i] = categorical(f, d, bins)
			return
		}
		cols[i] = numeric(cutsOf(sorted(&f, rows), bins))
	})
	return cols
}

// sorted is the values of some rows in order, without NaN.
func sorted(f *Feature, rows []int32) []float64 {
	keys := make([]uint64, 0, len(rows))
	var buffer [binRowsAtOnce]float64
	for at := 0; at < len(rows); {
		begin := int(rows[at])
		end := begin + 1
		to := at + 1
		for ; to < len(rows) && int(rows[to]) < begin+binRowsAtOnce; to++ {
			end = int(rows[to]) + 1
		}
		values := f.numbers(buffer[:], begin, end)
		for ; at < to; at++ {
			if x := values[int(rows[at])-begin]; x == x {
				keys = append(keys, radix.Float64Key(x))
			}
		}
	}
	radix.SortKeys(keys, make([]uint64, len(keys)))
	out := make([]float64, len(keys))
	radix.Floats(out, keys)
	return out
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
		if d.WeightOf(i) == 0 || limit != math.MaxUint64 && hash.Draw(seed, uint64(i), drawBins) >= limit {
			continue
		}
		rows = append(rows, int32(i))
	}
	return rows
}

func numeric(cuts []float64) Column {
	return Column{Cuts: cuts, Bins: len(cuts) + 1, search: tree.NewCuts(cuts)}
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
func categorical(f Feature, d *Data, limit int) Column {
	counts := make([]int, f.Levels)
	for i, c := range f.Codes {
		if c >= 0 && d.WeightOf(i) > 0 {
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
	c := Column{Levels: f.Levels, Bins: max(1, len(kept)), Code: make([]uint8, f.Levels)}
	for i := range c.Code {
		c.Code[i] = uint8(c.Bins)
	}
	for b, level := range kept {
		c.Code[level] = uint8(b)
	}
	return c
}

// fill writes the bins of rows begin to end of f, at most binRowsAtOnce, to out.
func (c *Column) fill(f *Feature, out []uint8, buffer []float64, begin, end int) {
	if c.Levels > 0 {
		for i, code := range f.Codes[begin:end] {
			out[i] = c.binLevel(code)
		}
		return
	}
	c.search.Bins(out, f.numbers(buffer, begin, end))
}

// Binned is a table in bins, column by column.
type Binned [][]uint8

// binRowsAtOnce is how many rows are binned before they are laid out another way: they stay in the nearest cache.
const binRowsAtOnce = 1024

// Bin bins a table. lay, if there is one, is called for runs of rows whose bins have just been written, while they are still near.
func Bin(t *Team, cols []Column, d *Data, lay func(b Binned, begin, end int)) Binned {
	b := make(Binned, len(cols))
	for f := range b {
		b[f] = Make[uint8](d.N)
	}
	t.Blocks(d.N, func(_, begin, end int) {
		var buffer [binRowsAtOnce]float64
		for ; begin < end; begin += binRowsAtOnce {
			to := min(end, begin+binRowsAtOnce)
			for f := range cols {
				cols[f].fill(&d.Features[f], b[f][begin:to], buffer[:], begin, to)
			}
			if lay != nil {
				lay(b, begin, to)
			}
		}
	})
	return b
}

// Upper is the greatest number that belongs to bin b or one below it.
func (c *Column) Upper(b int) float64 {
	if b < len(c.Cuts) {
		return c.Cuts[b]
	}
	return math.Inf(1)
}
