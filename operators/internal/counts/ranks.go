package counts

import (
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Ranks counts the values of a column of integers, dates or times, for those who want them in their order: its state is that of
// Counts. A table would be missed in the cache by every row of a column of many values, so that values are sorted instead, a
// buffer at a time, and the sorted runs are merged as they pile up.
type Ranks struct {
	Type  batch.Type
	total int64
	buf   []uint64
	tmp   []uint64
	runs  []run // each more than twice as long as the one after it
}

// run is distinct words, rising, and how often each is there.
type run struct {
	words []uint64
	n     []int64
}

// ranksBuffer is how many values are sorted at a time: what stays in the second cache with its copy.
const ranksBuffer = 1 << 15

// NewRanks makes an empty one.
func NewRanks(t batch.Type) *Ranks {
	if !t.Temporal() && !t.Integer() {
		panic("counts: no ranks of " + t.String())
	}
	return &Ranks{Type: t}
}

// Add counts the rows of a column; nulls are no values.
func (r *Ranks) Add(c *batch.Ctx, col *batch.Column) {
	words := c.Uint64s(col.N)
	if valid := Words(c, words, col); valid != nil {
		at := 0
		for i, w := range words {
			words[at] = w
			at += int(valid[i>>6] >> (i & 63) & 1)
		}
		words = words[:at]
	}
	r.total += int64(len(words))
	for len(words) > 0 {
		if r.buf == nil {
			r.buf = make([]uint64, 0, ranksBuffer)
		}
		n := min(len(words), ranksBuffer-len(r.buf))
		r.buf, words = append(r.buf, words[:n]...), words[n:]
		if len(r.buf) == ranksBuffer {
			r.flush()
		}
	}
}

// flush makes a run of the buffer.
func (r *Ranks) flush() {
	if len(r.buf) == 0 {
		return
	}
	if r.tmp == nil {
		r.tmp = make([]uint64, ranksBuffer)
	}
	radix.SortKeys(r.buf, r.tmp)
	distinct := 1
	for i, w := range r.buf[1:] {
		if w != r.buf[i] {
			distinct++
		}
	}
	f := run{make([]uint64, 0, distinct), make([]int64, 0, distinct)}
	for from := 0; from < len(r.buf); {
		to := from + 1
		for to < len(r.buf) && r.buf[to] == r.buf[from] {
			to++
		}
		f.words, f.n = append(f.words, r.buf[from]), append(f.n, int64(to-from))
		from = to
	}
	r.buf = r.buf[:0]
	r.push(f)
}

// push adds a run, and merges what is no longer much longer than what follows it: a value is moved a few times in all.
func (r *Ranks) push(f run) {
	for k := len(r.runs); k > 0 && len(r.runs[k-1].words) <= 2*len(f.words); k-- {
		f = r.runs[k-1].merge(f)
		r.runs = r.runs[:k-1]
	}
	r.runs = append(r.runs, f)
}

// merge is a run of the values of both.
func (a run) merge(b run) run {
	if len(a.words) == 0 || len(b.words) == 0 || a.words[len(a.words)-1] < b.words[0] { // values that come in their order are only copied
		return run{slices.Concat(a.words, b.words), slices.Concat(a.n, b.n)}
	}
	size := len(a.words) + len(b.words)
	words, n := make([]uint64, size), make([]int64, size)
	i, j, at := 0, 0, 0
	for ; i < len(a.words) && j < len(b.words); at++ {
		x, y := a.words[i], b.words[j]
		count := int64(0)
		if x <= y {
			count += a.n[i]
			i++
		}
		if y <= x {
			count += b.n[j]
			j++
		}
		words[at], n[at] = min(x, y), count
	}
	words, n = append(append(words[:at], a.words[i:]...), b.words[j:]...), append(append(n[:at], a.n[i:]...), b.n[j:]...)
	return run{words, n}
}

// Merge adds o's counts; o is not changed.
func (r *Ranks) Merge(o *Ranks) {
	for _, f := range o.runs {
		r.push(f) // a run is never written to
	}
	r.total += o.total
	if len(o.buf) > 0 {
		rest := Ranks{buf: slices.Clone(o.buf)}
		rest.flush()
		r.push(rest.runs[0])
	}
}

// all makes one run of everything.
func (r *Ranks) all() run {
	r.flush()
	var f run
	for k := len(r.runs) - 1; k >= 0; k-- {
		f = r.runs[k].merge(f)
	}
	r.runs = append(r.runs[:0], f)
	return f
}

// Total is how many values there are.
func (r *Ranks) Total() int64 { return r.total }

// Each calls f with every value, from the least, and how often it is there.
func (r *Ranks) Each(f func(value, n int64)) {
	for i, all := 0, r.all(); i < len(all.words); i++ {
		f(radix.Int64(all.words[i]), all.n[i])
	}
}

// Bytes is the memory held.
func (r *Ranks) Bytes() int64 {
	n := cap(r.buf) + cap(r.tmp)
	for _, f := range r.runs {
		n += cap(f.words) + cap(f.n)
	}
	return int64(8 * n)
}

// Encode writes what Counts.Encode writes.
func (r *Ranks) Encode(w *canon.Writer) {
	all := r.all()
	w.Uint(uint64(len(all.words)))
	for _, x := range all.words {
		w.Word(x)
	}
	for _, n := range all.n {
		w.Uint(uint64(n))
	}
}

// Decode reads what Encode wrote into an empty one of the same type.
func (r *Ranks) Decode(rd *canon.Reader) {
	var f run
	for i := range rd.Len(9) {
		x := rd.Word()
		if rd.Err() != nil {
			return
		}
		if i > 0 && x <= f.words[i-1] {
			rd.Fail("value %d does not rise", i)
			return
		}
		f.words = append(f.words, x)
	}
	for range f.words {
		n := rd.Uint()
		if rd.Err() != nil {
			return
		}
		if n == 0 || n > uint64(math.MaxInt64-r.total) {
			rd.Fail("count %d of a value", n)
			return
		}
		f.n = append(f.n, int64(n))
		r.total += int64(n)
	}
	r.push(f)
}
