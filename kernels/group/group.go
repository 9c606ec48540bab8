// Package group numbers the distinct rows of keys.
//
// A row is a few words. Rows come in batches with their hashes (hash.Rows), which spares hashing again when a table grows, is
// merged into another, or is cut into partitions.
package group

import "math"

// Table gives distinct rows the numbers 0, 1, 2, … in the order of their first insertion.
//
// It is open addressing without a pointer a key: slots hold a part of the hash and the number, keys and hashes lie apart, by
// number. A batch is looked up in blocks, in passes that depend on nothing before them (load the slots, then the keys), so
// that the misses of many rows overlap; the few rows that the first slot does not settle go one by one.
//
// It may be read by many goroutines at once (Find, Key, Hash, Len), and written by one alone.
type Table struct {
	words  int
	mask   uint64
	slots  []uint64 // upper half: of the hash; lower half: number+1, 0 is free
	keys   []uint64 // by number, words each
	hashes []uint64 // by number
}

const (
	slotsMin = 64
	block    = 256               // rows of a pass: its buffers stay in L1
	lenMax   = math.MaxInt32 - 1 // numbers are int32
)

// New is an empty table for rows of the given number of words, 0 or more; rows of no words are all one.
func New(words int) *Table {
	if words < 0 {
		panic("group: rows of fewer than no words")
	}
	return &Table{words: words, mask: slotsMin - 1, slots: make([]uint64, slotsMin)}
}

// Words is the number of words of a row.
func (t *Table) Words() int { return t.words }

// Len is the number of groups.
func (t *Table) Len() int { return len(t.hashes) }

// Key is the row of group g. It is part of the table: not to be changed, and valid until the next Insert or Reset.
func (t *Table) Key(g int) []uint64 {
	return t.keys[g*t.words : (g+1)*t.words : (g+1)*t.words]
}

// Keys are the rows of all groups, one after the other, under Key's rules.
func (t *Table) Keys() []uint64 { return t.keys }

// Hash is the hash that group g came with.
func (t *Table) Hash(g int) uint64 { return t.hashes[g] }

// Hashes are the hashes of all groups, under Key's rules.
func (t *Table) Hashes() []uint64 { return t.hashes }

// Bytes is the memory that the table holds.
func (t *Table) Bytes() int64 {
	return int64(8 * (cap(t.slots) + cap(t.keys) + cap(t.hashes)))
}

// Reset empties the table and keeps its memory.
func (t *Table) Reset() {
	clear(t.slots)
	t.keys, t.hashes = t.keys[:0], t.hashes[:0]
}

// Insert is the loop for i < len(groups) { groups[i] = the number of row i, new or old }; row i is
// keys[i*words:(i+1)*words], hashes[i] its hash: equal rows must come with equal hashes. It panics beyond 2^31-2 groups.
func (t *Table) Insert(groups []int32, hashes, keys []uint64) {
	t.all(groups, hashes, keys, true)
}

// Find is Insert for reading: a row that is not there gives -1.
func (t *Table) Find(groups []int32, hashes, keys []uint64) {
	t.all(groups, hashes, keys, false)
}

func (t *Table) all(groups []int32, hashes, keys []uint64, insert bool) {
	w := t.words
	hashes, keys = hashes[:len(groups)], keys[:len(groups)*w]
	var left [block]int32
	for len(groups) > 0 {
		n := min(len(groups), block)
		for _, i := range left[:t.first(&left, groups[:n], hashes[:n], keys[:n*w])] {
			row, h := keys[int(i)*w:(int(i)+1)*w], hashes[i]
			if insert {
				groups[i] = t.insert(h, row)
			} else {
				_, groups[i] = t.probe(h, row)
			}
		}
		groups, hashes, keys = groups[n:], hashes[n:], keys[n*w:]
	}
}

// first settles the rows that are in the first slot of their hash, and lists the others in left, of which it returns the
// number.
func (t *Table) first(left *[block]int32, groups []int32, hashes, keys []uint64) int {
	if len(t.hashes) == 0 {
		for i := range groups {
			left[i] = int32(i)
		}
		return len(groups)
	}
	var found [block]uint64
	slots, mask := t.slots, t.mask
	for i, h := range hashes {
		found[i] = slots[h&mask]
	}
	// A slot of another hash or none gives group 0, so that nothing is read for it; it is compared with like the others.
	for i, h := range hashes {
		s := found[i]
		differ := (s ^ h) >> 32
		if uint32(s) == 0 {
			differ = 1
		}
		g := int32(uint32(s)) - 1
		if differ != 0 {
			g = -1
		}
		groups[i] = g
	}
	switch t.words {
	case 1:
		return first1(left, groups, keys, t.keys)
	case 2:
		return first2(left, groups, keys, t.keys)
	}
	return firstN(left, groups, keys, t.keys, t.words)
}

func first1(left *[block]int32, groups []int32, keys, all []uint64) (n int) {
	keys = keys[:len(groups)]
	for i, g := range groups {
		k := all[max(g, 0)]
		left[n] = int32(i)
		if k != keys[i] || g < 0 {
			n++
		}
	}
	return n
}

func first2(left *[block]int32, groups []int32, keys, all []uint64) (n int) {
	keys = keys[:2*len(groups)]
	for i, g := range groups {
		at := 2 * max(int(g), 0)
		k := all[at : at+2]
		left[n] = int32(i)
		if (k[0]^keys[2*i])|(k[1]^keys[2*i+1]) != 0 || g < 0 {
			n++
		}
	}
	return n
}

func firstN(left *[block]int32, groups []int32, keys, all []uint64, w int) (n int) {
	for i, g := range groups {
		at := w * max(int(g), 0)
		left[n] = int32(i)
		if g < 0 || !equal(all[at:at+w], keys[i*w:(i+1)*w]) {
			n++
		}
	}
	return n
}

func equal(a, b []uint64) bool {
	b = b[:len(a)]
	var d uint64
	for i, x := range a {
		d |= x ^ b[i]
	}
	return d == 0
}

// probe is where a row is or would be, and its number or -1. There is always a free slot.
func (t *Table) probe(h uint64, row []uint64) (at uint64, g int32) {
	for at = h & t.mask; ; at = (at + 1) & t.mask {
		s := t.slots[at]
		if uint32(s) == 0 {
			return at, -1
		}
		if s>>32 == h>>32 {
			if g = int32(uint32(s)) - 1; equal(t.Key(int(g)), row) {
				return at, g
			}
		}
	}
}

func (t *Table) insert(h uint64, row []uint64) int32 {
	at, g := t.probe(h, row)
	if g >= 0 {
		return g
	}
	if len(t.hashes) >= lenMax {
		panic("group: more than 2^31-2 groups")
	}
	if 2*len(t.hashes) >= len(t.slots) {
		t.grow()
		at, _ = t.probe(h, row)
	}
	g = int32(len(t.hashes))
	t.slots[at] = h>>32<<32 | uint64(g+1)
	t.keys = append(t.keys, row...)
	t.hashes = append(t.hashes, h)
	return g
}

// grow doubles the slots. The old ones are given back before the new are filled.
func (t *Table) grow() {
	n := 2 * len(t.slots)
	t.slots = nil
	t.slots, t.mask = make([]uint64, n), uint64(n-1)
	for g, h := range t.hashes {
		at := h & t.mask
		for uint32(t.slots[at]) != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = h>>32<<32 | uint64(g+1)
	}
}
