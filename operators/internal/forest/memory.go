package forest

import "sync/atomic"

// memory asks for what a fit holds as it becomes known: how many workers come and how large trees get, nobody knows before.
type memory struct {
	grant func(bytes int64) error // nil grants all
	fixed int64
	trees int64

	workers     atomic.Int64 // bytes of those that have come
	grown, size atomic.Int64 // trees so far, and their bytes
}

// worker asks for what one more worker holds.
func (m *memory) worker(bytes int64) error {
	m.workers.Add(bytes)
	return m.ask()
}

// tree asks for all trees, after one more, as if the others got as large as those there are.
func (m *memory) tree(bytes int64) error {
	m.size.Add(bytes)
	m.grown.Add(1)
	return m.ask()
}

func (m *memory) ask() error {
	if m.grant == nil {
		return nil
	}
	trees := int64(0)
	if n := m.grown.Load(); n > 0 {
		trees = m.size.Load() / n * m.trees
	}
	return m.grant(m.fixed + m.workers.Load() + trees)
}

// localBytes is what a worker holds: lists of rows, what they add to sums, a node's bins, and by class tallies and what trees say out of
// bag.
func (g *grower) localBytes() int64 {
	row, rows := 57, len(g.mass)
	if g.packed {
		row = 25
	}
	bytes := row * rows
	if g.k > 2 {
		bytes += (2*8*slotsMax + 8*min(rows, oobRows)) * g.k
	}
	return int64(bytes)
}

// bytes is what a tree holds, while all of them become a program too: what a leaf has here and a split beside it, with room to grow in, as
// a program has it, and as the program packs it.
func (t *grown) bytes() int64 {
	const leaf, class, mixed = 130, 12, 100
	out := leaf*len(t.Leaf) + 2*8*len(t.Bits) + 32*len(t.sets) + class*len(t.counts.class)
	for i := range t.counts.at { // a leaf of several classes may be like no other
		if which, _ := t.counts.of(i); len(which) > 1 {
			out += mixed + 2*class*len(which)
		}
	}
	return int64(out)
}
