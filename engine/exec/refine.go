package exec

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
)

// refining finds keys of given ranks by reading the rows again, and each time only those that can be it.
type refining struct {
	a      *aggregation
	g      *grouping
	aggs   []int // whose ranks they are
	wanted []wanted
	open   []*target
}

// wanted is a rank of a group of an aggregate, and what it is found to be.
type wanted struct {
	agg   int
	group int32
	high  bool // the upper one of the two
	rank  int64
	key   uint64
}

// target is the keys of a group that begin with a prefix, among which there are ranks that are wanted.
type target struct {
	col    int // of the aggregation
	group  int32
	prefix uint64 // key >> shift
	shift  uint
	below  int64 // keys of the group that are less than all these
	n      int64
	wants  []int // of refining.wanted

	gather bool
}

// digit is how many bits of a key are counted by at once after the first pass.
const digit = 12

// span is what is counted of the keys of a target with the same next digit: how many there are, and whether they are all one.
type span struct {
	n        int64
	any, all uint64
}

// want adds the ranks of an aggregate.
func (r *refining) want(agg int) {
	r.aggs = append(r.aggs, agg)
	g := r.g
	fold := g.uses[agg].fold
	buckets := g.folds[fold].(*sketches).sorted()
	n := map[int32]int64{}
	for _, b := range buckets {
		n[b.group] += b.n
	}
	below, last := int64(0), int32(-1)
	for _, b := range buckets {
		if b.group != last {
			below, last = 0, b.group
		}
		lo, frac := ranks(r.a.aggs[agg].Q, n[b.group])
		for k, rank := range []int64{lo, lo + 1} {
			if k == 1 && frac == 0 || rank < below || rank >= below+b.n {
				continue
			}
			w := wanted{agg: agg, group: b.group, high: k == 1, rank: rank}
			if b.any == 0 {
				w.key = edge(b.prefix)
				r.wanted = append(r.wanted, w)
				continue
			}
			r.wanted = append(r.wanted, w)
			r.ask(target{col: g.inputs[fold], group: b.group, prefix: b.prefix, shift: bucketShift, below: below, n: b.n}, len(r.wanted)-1)
		}
		below += b.n
	}
}

// ask puts a wanted rank to its target.
func (r *refining) ask(t target, want int) {
	for _, o := range r.open {
		if o.col == t.col && o.group == t.group && o.prefix == t.prefix && o.shift == t.shift {
			o.wants = append(o.wants, want)
			return
		}
	}
	t.wants = []int{want}
	r.open = append(r.open, &t)
}

// keysMin is how many keys are gathered whatever the budget is, keysMax how many at most. Tests set them.
var keysMin, keysMax int64 = 1 << 16, 1 << 25

// choose says of which targets the keys are gathered: of those with few, as long as there is memory.
func (r *refining) choose() {
	slices.SortStableFunc(r.open, func(a, b *target) int { return cmp.Compare(a.n, b.n) })
	m := r.a.x.opt.Memory
	most := m.Share(4, 8*keysMin, 8*keysMax) / 8
	sum := int64(0)
	for _, t := range r.open {
		sum += t.n
		t.gather = sum <= most
	}
}

// found is what a worker finds of the targets in a pass.
type found struct {
	keys  [][]uint64 // of the targets that are gathered
	spans [][]span   // of the others
	// scratch
	hits []uint64
	of   []int32
	k    *keyer
	rows []uint64
	hash []uint64
}

// pass reads the rows once.
func (r *refining) pass(ctx context.Context, in rows) error {
	r.choose()
	cols := slices.Clone(r.a.by)
	at := map[int]int{} // where a column of the aggregation is among cols
	finders := map[int]*finder{}
	for i, t := range r.open {
		if _, ok := at[t.col]; !ok {
			name := r.a.cols[t.col]
			if k := slices.Index(cols, name); k >= 0 {
				at[t.col] = k
			} else {
				at[t.col], cols = len(cols), append(cols, name)
			}
			finders[t.col] = &finder{col: at[t.col], groups: len(r.a.by) > 0}
		}
		finders[t.col].targets = append(finders[t.col].targets, i)
	}
	var all []*finder
	for _, i := range sortedKeys(finders) {
		finders[i].build(r.open, r.g.count)
		all = append(all, finders[i])
	}
	workers := make([]*found, r.a.x.opt.Workers)
	err := in.each(ctx, cols, func(w int, c *batch.Ctx, b batch.Batch) error {
		f := workers[w]
		if f == nil {
			f = r.found()
			workers[w] = f
		}
		g := f.groups(r, &b)
		for _, d := range all {
			keys, of := quantileKeys(c, g, &b.Cols[d.col])
			d.find(f, r.open, keys, of)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.narrow(slices.DeleteFunc(workers, func(f *found) bool { return f == nil }))
	return nil
}

func sortedKeys[V any](m map[int]V) (out []int) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (r *refining) found() *found {
	f := &found{keys: make([][]uint64, len(r.open)), spans: make([][]span, len(r.open)), k: r.g.keyer.worker()}
	for i, t := range r.open {
		if !t.gather {
			f.spans[i] = make([]span, 1<<digit)
			for j := range f.spans[i] {
				f.spans[i][j].all = math.MaxUint64
			}
		}
	}
	return f
}

// groups is the groups of the rows of a batch, as they were numbered.
func (f *found) groups(r *refining, b *batch.Batch) []int32 {
	if len(r.a.by) == 0 {
		return nil
	}
	w := f.k.words
	f.rows, f.hash, f.of = maxed(f.rows, b.N*w, 0), maxed(f.hash, b.N, 0), maxed(f.of, b.N, 0)
	f.k.encode(f.rows[:b.N*w], b.Cols[:len(r.a.by)], b.N)
	hash.Rows(f.hash[:b.N], f.rows[:b.N*w], w)
	r.g.table.Find(f.of[:b.N], f.hash[:b.N], f.rows[:b.N*w])
	return f.of[:b.N]
}

// finder finds the keys of a column that are in targets.
type finder struct {
	col     int
	groups  bool
	targets []int
	// slots says of a bucket, less base, whether it has targets: 0 for none, else the first of them + 1; chain is the next one.
	base  uint64
	slots []int32
	chain []int
	// byGroup are the targets of every group.
	byGroup [][]int
}

func (d *finder) build(open []*target, groups int) {
	d.byGroup, d.chain = make([][]int, groups), make([]int, len(open))
	d.base = math.MaxUint64
	top := uint64(0)
	for _, i := range d.targets {
		b := open[i].bucket()
		d.base, top = min(d.base, b), max(top, b)
		d.byGroup[open[i].group] = append(d.byGroup[open[i].group], i)
	}
	d.slots = make([]int32, top-d.base+2) // the last one is for all that is outside
	for _, i := range d.targets {
		s := &d.slots[open[i].bucket()-d.base]
		d.chain[i] = int(*s) - 1
		*s = int32(i) + 1
	}
}

// bucket is the upper bits of the target's keys that a sketch counts by.
func (t *target) bucket() uint64 { return t.prefix << t.shift >> bucketShift }

func (d *finder) find(f *found, open []*target, keys []uint64, of []int32) {
	if d.groups {
		for i, k := range keys {
			if of[i] < 0 {
				continue
			}
			for _, t := range d.byGroup[of[i]] {
				f.take(open[t], t, k)
			}
		}
		return
	}
	// Few keys are in a target: they are listed without a branch first.
	f.hits = maxed(f.hits, len(keys), 0)
	hits, n := f.hits[:len(keys)], 0
	outside := uint64(len(d.slots) - 1)
	for _, k := range keys {
		hits[n] = k
		if d.slots[min(k>>bucketShift-d.base, outside)] != 0 {
			n++
		}
	}
	for _, k := range hits[:n] {
		for t := int(d.slots[k>>bucketShift-d.base]) - 1; t >= 0; t = d.chain[t] {
			f.take(open[t], t, k)
		}
	}
}

// take takes a key that may be in a target.
func (f *found) take(t *target, i int, k uint64) {
	switch {
	case k>>t.shift != t.prefix:
	case t.gather:
		f.keys[i] = append(f.keys[i], k)
	default:
		s := &f.spans[i][k<<(64-t.shift)>>(64-min(digit, t.shift))]
		s.n++
		s.any |= k
		s.all &= k
	}
}

// narrow makes the targets of the next pass of what workers found.
func (r *refining) narrow(workers []*found) {
	open := r.open
	r.open = nil
	for i, t := range open {
		if t.gather {
			r.pick(t, i, workers)
			continue
		}
		spans := make([]span, 1<<digit)
		for _, f := range workers {
			for j, s := range f.spans[i] {
				if s.n > 0 {
					if spans[j].n == 0 {
						spans[j].all = math.MaxUint64
					}
					spans[j] = span{spans[j].n + s.n, spans[j].any | s.any, spans[j].all & s.all}
				}
			}
		}
		r.split(t, spans)
	}
}

// pick finds the ranks of a target whose keys are all there.
func (r *refining) pick(t *target, i int, workers []*found) {
	keys := make([]uint64, 0, t.n)
	for _, f := range workers {
		keys = append(keys, f.keys[i]...)
		f.keys[i] = nil
	}
	for _, w := range t.wants {
		at := int(r.wanted[w].rank - t.below)
		selectRank(keys, at)
		r.wanted[w].key = keys[at]
	}
}

// split puts the ranks of a target to the keys with one more digit.
func (r *refining) split(t *target, spans []span) {
	bits := min(digit, t.shift)
	below := t.below
	for j, s := range spans {
		if s.n == 0 {
			continue
		}
		for _, w := range t.wants {
			switch rank := r.wanted[w].rank; {
			case rank < below || rank >= below+s.n:
			case s.any == s.all:
				r.wanted[w].key = s.all
			default:
				r.ask(target{col: t.col, group: t.group, prefix: t.prefix<<bits | uint64(j), shift: t.shift - bits, below: below, n: s.n}, w)
			}
		}
		below += s.n
	}
}

// finish makes the columns of quantiles.
func (r *refining) finish() {
	lo, hi := map[int][]uint64{}, map[int][]uint64{}
	for _, agg := range r.aggs {
		lo[agg], hi[agg] = make([]uint64, r.g.count), make([]uint64, r.g.count)
	}
	for _, w := range r.wanted {
		if w.high {
			hi[w.agg][w.group] = w.key
		} else {
			lo[w.agg][w.group] = w.key
		}
	}
	r.g.made = map[int]batch.Column{}
	for _, agg := range r.aggs {
		u, out := r.g.uses[agg], lo[agg]
		t := r.a.types[r.g.inputs[u.fold]]
		for i, n := range r.g.counted(u) {
			if n > 0 {
				_, frac := ranks(r.a.aggs[agg].Q, n)
				out[i] = between(t, out[i], hi[agg][i], frac)
			}
		}
		r.g.made[agg] = ofQuantileKeys(t, out)
	}
}
