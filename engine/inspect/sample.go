package inspect

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// SampleMax is how many rows the sample has at most.
const SampleMax = 1 << 16

// sampleMax is that for n columns: beyond 128 columns fewer rows, so that the sample stays within 8 million values.
func sampleMax(n int) int { return max(1<<10, min(SampleMax, 1<<23/max(n, 1))) }

// sampleSeed draws the rows: the same ones every time.
var sampleSeed = hash.Seed("headrace inspect")

// sampleLimit is the hash up to which rows are drawn so that max of them are, where their number is known. -1 is not known.
func sampleLimit(rows int64, max int) uint64 {
	if rows <= int64(max) {
		return math.MaxUint64 // all, or cut back as they come
	}
	// a little more than are wanted, so that sorting them finds the very hash
	share := (float64(max) + 8*math.Sqrt(float64(max)) + 64) / float64(rows)
	if share >= 1 {
		return math.MaxUint64
	}
	cut := uint64(share * math.MaxUint64)
	var low []uint64
	for i := range uint64(rows) {
		if h := hash.Draw(sampleSeed, i, 0); h <= cut {
			low = append(low, h)
		}
	}
	if len(low) < max {
		return math.MaxUint64
	}
	slices.Sort(low)
	return low[max-1]
}

// sampler keeps the max rows of the least hashes, whatever their order.
type sampler struct {
	max      int
	limit    uint64
	hashes   []uint64
	ordinals []uint64
	cols     []gathered
	idx      []int32
}

// gathered is one column of the rows kept: numbers (NaN for what has none), or codes of texts (-1 for null).
type gathered struct {
	text  bool
	scale int8
	nums  []float64
	codes []int32
	table *hash.Table
}

func newSampler(s operators.Schema, limit uint64) sampler {
	o := sampler{max: sampleMax(len(s.Fields)), limit: limit, cols: make([]gathered, len(s.Fields))}
	for i, f := range s.Fields {
		o.cols[i] = gathered{text: f.Type.Text(), scale: f.Type.Scale, table: &hash.Table{}}
	}
	return o
}

func (s *sampler) add(b batch.Batch) {
	s.idx = s.idx[:0]
	for i := range b.N {
		o := b.ID.At(i).Ordinal
		if h := hash.Draw(sampleSeed, o, 0); h <= s.limit {
			s.idx = append(s.idx, int32(i))
			s.hashes, s.ordinals = append(s.hashes, h), append(s.ordinals, o)
		}
	}
	if len(s.idx) == 0 {
		return
	}
	for j := range s.cols {
		s.cols[j].take(&b.Cols[j], s.idx)
	}
	if len(s.hashes) >= 2*s.max {
		s.cut()
	}
}

func (g *gathered) take(c *batch.Column, idx []int32) {
	for _, i := range idx {
		i := int(i)
		if g.text {
			code := int32(-1)
			if !c.Null(i) {
				t := c.Text(i)
				code = g.table.Insert(t[:min(len(t), longText)])
			}
			g.codes = append(g.codes, code)
			continue
		}
		v := math.NaN()
		if !c.Null(i) {
			switch c.Type.Kind {
			case batch.Bool:
				v = float64(b2i(c.Bit(i)))
			case batch.Int32, batch.Date:
				v = float64(c.Int32s()[i])
			case batch.Int64, batch.Timestamp:
				v = float64(c.Int64s()[i])
			case batch.Decimal:
				v = batch.Unscale(c.Int64s()[i], g.scale)
			case batch.Float32:
				v = float64(c.Float32s()[i])
			case batch.Float64:
				v = c.Float64s()[i]
			}
		}
		g.nums = append(g.nums, v)
	}
}

// cut keeps the max least hashes.
func (s *sampler) cut() {
	if len(s.hashes) <= s.max {
		return
	}
	order := s.order(func(a, b int) int {
		return cmp.Or(cmp.Compare(s.hashes[a], s.hashes[b]), cmp.Compare(s.ordinals[a], s.ordinals[b]))
	})[:s.max]
	s.limit = s.hashes[order[s.max-1]]
	s.keep(order)
}

func (s *sampler) order(less func(a, b int) int) []int {
	o := make([]int, len(s.hashes))
	for i := range o {
		o[i] = i
	}
	slices.SortFunc(o, less)
	return o
}

// keep makes the rows those of the indexes, in their order.
func (s *sampler) keep(order []int) {
	s.hashes, s.ordinals = pick(s.hashes, order), pick(s.ordinals, order)
	for j := range s.cols {
		g := &s.cols[j]
		if !g.text {
			g.nums = pick(g.nums, order)
			continue
		}
		table, codes := &hash.Table{}, pick(g.codes, order)
		for i, c := range codes {
			if c >= 0 {
				codes[i] = table.Insert(g.table.Key(int(c)))
			}
		}
		g.codes, g.table = codes, table
	}
}

func pick[T any](v []T, idx []int) []T {
	o := make([]T, len(idx))
	for i, k := range idx {
		o[i] = v[k]
	}
	return o
}

func (s *sampler) merge(o *sampler) {
	s.hashes, s.ordinals = append(s.hashes, o.hashes...), append(s.ordinals, o.ordinals...)
	for j := range s.cols {
		g, h := &s.cols[j], &o.cols[j]
		g.nums = slices.Concat(g.nums, h.nums)
		for _, c := range h.codes {
			if c >= 0 {
				c = g.table.Insert(h.table.Key(int(c)))
			}
			g.codes = append(g.codes, c)
		}
	}
	s.cut()
}

// sample is the rows drawn, in the order of the file.
type sample struct {
	n    int
	cols []sampleColumn
}

// sampleColumn is a column of the sample. Of texts, names are sorted and codes index them.
type sampleColumn struct {
	text   bool
	nums   []float64
	sorted []float64 // those that are there, rising
	codes  []int32
	names  []string
}

func (s *sampler) finish() sample {
	s.cut()
	s.keep(s.order(func(a, b int) int { return cmp.Compare(s.ordinals[a], s.ordinals[b]) }))
	o := sample{n: len(s.hashes), cols: make([]sampleColumn, len(s.cols))}
	for j := range s.cols {
		g, c := &s.cols[j], &o.cols[j]
		c.text = g.text
		if !g.text {
			c.nums = g.nums
			for _, v := range g.nums {
				if v == v {
					c.sorted = append(c.sorted, v+0)
				}
			}
			slices.Sort(c.sorted)
			continue
		}
		rank := make([]int32, g.table.Len())
		for r, k := range g.table.Sorted() {
			rank[k] = int32(r)
			c.names = append(c.names, string(g.table.Key(int(k))))
		}
		c.codes = g.codes
		for i, k := range c.codes {
			if k >= 0 {
				c.codes[i] = rank[k]
			}
		}
	}
	return o
}

// quartiles puts in what is known of the sample's order and shape.
func (t *tally) quartiles(o *Column, s *sampleColumn) {
	if len(s.sorted) == 0 {
		return
	}
	at := func(p float64) *Value { return t.value(stat.Quantile(p, stat.Empirical, s.sorted, nil)) }
	o.Q1, o.Median, o.Q3 = at(0.25), at(0.5), at(0.75)
	if t.f.Type.Numeric() && len(s.sorted) > 2 {
		o.Skew = finite(stat.Skew(s.sorted, nil))
	}
}
