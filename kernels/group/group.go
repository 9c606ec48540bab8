// Package group numbers the distinct rows of keys.
//
// A row is a few words. Rows come in batches with their hashes (hash.Rows), which spares hashing again when a table grows, is
// merged into another, or is cut into partitions.
package group

//go:generate go run -C ../_gen ./asm -group groups -out ../group/zz_groups_amd64.s -stubs ../group/zz_groups_amd64.go -pkg group

import (
	"math"
	"slices"
)

// Table gives distinct rows the numbers 0, 1, 2, … in the order of their first insertion.
//
// It is open addressing without a pointer a key: slots hold half of the hash and the number, keys and hashes lie apart, by
// number. A batch is looked up in blocks, in rounds over the rows that are not settled yet, and a round in passes (load the
// slots, then the keys) without branches, so that the misses of many rows overlap and none is mispredicted. The half of the
// hash is the lower one, of which the slot's place is a part: growing moves slots in their order and reads nothing else.
//
// It may be read by many goroutines at once (Find, Key, Hash, Len), and written by one alone.
type Table struct {
	words  int
	mask   uint64
	slots  []uint64 // upper half: the lower half of the hash; lower half: number+1, 0 is free
	keys   []uint64 // by number, words each
	hashes []uint64 // by number
}

const (
	slotsMin = 256               // load is at most a half
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
	for len(groups) > 0 {
		n := min(len(groups), block)
		t.find(groups[:n], hashes[:n], keys[:n*w])
		if insert {
			t.insertNew(groups[:n], hashes[:n], keys[:n*w])
		}
		groups, hashes, keys = groups[n:], hashes[n:], keys[n*w:]
	}
}

// find is Find for a block.
func (t *Table) find(groups []int32, hashes, keys []uint64) {
	if len(t.hashes) == 0 {
		for i := range groups {
			groups[i] = -1
		}
		return
	}
	var rows [block]uint8 // that are not settled yet
	t.rounds(&rows, t.first(&rows, groups, hashes, keys), groups, hashes, keys)
}

// firstGo is the reference of the first round: it lists in rows the ones that it did not settle, and returns their number.
func (t *Table) firstGo(rows *[block]uint8, groups []int32, hashes, keys []uint64) int {
	var found [block]uint64
	slots, mask := t.slots, t.mask
	for i, h := range hashes {
		found[i] = slots[h&mask]
		rows[i] = uint8(i)
	}
	return t.match(&found, rows[:len(groups)], groups, hashes, keys)
}

// rounds are the others, of the n rows.
func (t *Table) rounds(rows *[block]uint8, n int, groups []int32, hashes, keys []uint64) {
	var found [block]uint64
	slots, mask := t.slots, t.mask
	for d := uint64(1); n > 0; d++ {
		for j, i := range rows[:n] {
			found[j] = slots[(hashes[i]+d)&mask]
		}
		n = t.match(&found, rows[:n], groups, hashes, keys)
	}
}

// match compares the rows with the slots that were found for them. It gives each its number, or -1, and keeps those of rows
// that the next slot may be of, of which it returns the count. A slot of another hash or none reads group 0, so that nothing
// new is loaded for it.
func (t *Table) match(found *[block]uint64, rows []uint8, groups []int32, hashes, keys []uint64) int {
	switch t.words {
	case 1:
		return match1(found, rows, groups, hashes, keys, t.keys)
	case 2:
		return match2(found, rows, groups, hashes, keys, t.keys)
	}
	return matchN(found, rows, groups, hashes, keys, t.keys, t.words)
}

func match1(found *[block]uint64, rows []uint8, groups []int32, hashes, keys, all []uint64) (n int) {
	hashes, keys = hashes[:len(groups)], keys[:len(groups)]
	for j, i := range rows {
		s := found[j&(block-1)]
		g, differ := candidate(s, hashes[i])
		number, more := settle(s, g, differ|(all[g]^keys[i]))
		groups[i] = number
		rows[n] = i
		n += more
	}
	return n
}

func match2(found *[block]uint64, rows []uint8, groups []int32, hashes, keys, all []uint64) (n int) {
	hashes = hashes[:len(groups)]
	for j, i := range rows {
		s := found[j&(block-1)]
		g, differ := candidate(s, hashes[i])
		k, row := all[2*g:2*g+2], keys[2*int(i):2*int(i)+2]
		number, more := settle(s, g, differ|(k[0]^row[0])|(k[1]^row[1]))
		groups[i] = number
		rows[n] = i
		n += more
	}
	return n
}

func matchN(found *[block]uint64, rows []uint8, groups []int32, hashes, keys, all []uint64, w int) (n int) {
	for j, i := range rows {
		s := found[j&(block-1)]
		g, differ := candidate(s, hashes[i])
		differ |= difference(all[w*g:w*g+w], keys[w*int(i):w*int(i)+w])
		number, more := settle(s, g, differ)
		groups[i] = number
		rows[n] = i
		n += more
	}
	return n
}

// candidate is the group to compare with, and not 0 where the slot is of another hash; a free slot's is group 0. It is written
// in masks, as the compiler would branch.
func candidate(s, h uint64) (g int, differ uint64) {
	differ = s>>32 ^ h&(1<<32-1)
	number := int64(s&(1<<32-1)) - 1
	same := ^(-int64(differ) >> 63)
	return int(number & same &^ (number >> 63)), differ
}

// settle is the number of a row, or -1 where the slot is free or differs, and 1 where one has to look on.
func settle(s uint64, g int, differ uint64) (number int32, more int) {
	other := int64(differ|-differ) >> 63
	free := (int64(s&(1<<32-1)) - 1) >> 63
	return int32(int64(g) | other | free), int(other &^ free & 1)
}

// insertNew inserts the rows that find did not find.
func (t *Table) insertNew(groups []int32, hashes, keys []uint64) {
	var rows [block]uint8
	n := 0
	for i, g := range groups {
		rows[n&(block-1)] = uint8(i)
		n += int(uint32(g) >> 31)
	}
	w := t.words
	for _, i := range rows[:n] {
		groups[i] = t.insert(hashes[i], keys[int(i)*w:(int(i)+1)*w])
	}
}

// difference is 0 of equal rows.
func difference(a, b []uint64) (d uint64) {
	b = b[:len(a)]
	for i, x := range a {
		d |= x ^ b[i]
	}
	return d
}

// probe is where a row is or would be, and its number or -1. There is always a free slot.
func (t *Table) probe(h uint64, row []uint64) (at uint64, g int32) {
	for at = h & t.mask; ; at = (at + 1) & t.mask {
		s := t.slots[at]
		if uint32(s) == 0 {
			return at, -1
		}
		if uint32(s>>32) == uint32(h) {
			if g = int32(uint32(s)) - 1; difference(t.Key(int(g)), row) == 0 {
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
		t.resize(2 * len(t.slots))
		at, _ = t.probe(h, row)
	}
	g = int32(len(t.hashes))
	t.slots[at] = h<<32 | uint64(g+1)
	t.keys = append(t.keys, row...)
	t.hashes = append(t.hashes, h)
	return g
}

// Grow makes room for n groups in all, so that inserting them moves nothing.
func (t *Table) Grow(n int) {
	n = min(max(n, 0), lenMax)
	size := len(t.slots)
	for 2*n > size {
		size *= 2
	}
	if size > len(t.slots) {
		t.resize(size)
	}
}

// pageWords is how many words a page of memory has at least; touchedMax is up to how many words pages are touched, as it was measured to
// pay: of 30 million groups it did not.
const (
	pageWords  = 4096 / 8
	touchedMax = 1 << 22
)

// touched is n zeros, in pages that have been written to where they are not too many. Slots are read before they are written, and a page of new memory that is read
// first is the system's one page of zeros: the write that follows then faults again, and has every core forget that page.
func touched(n int) []uint64 {
	s := make([]uint64, n)
	if n > touchedMax {
		return s
	}
	for i := 0; i < n; i += pageWords {
		s[i] = 0
	}
	return s
}

// resize moves the slots into others, a power of two and more of them. They are read in order, and as the place is the lower
// bits of what they hold, they are written in as many rising runs as the new ones are times the old. Keys and hashes get their
// room for as many groups at the same time, as appending would grow them, and copy them, in smaller steps.
func (t *Table) resize(n int) {
	t.keys = slices.Grow(t.keys, n/2*t.words-len(t.keys))
	t.hashes = slices.Grow(t.hashes, n/2-len(t.hashes))
	old := t.slots
	t.slots, t.mask = touched(n), uint64(n-1)
	for _, s := range old {
		if uint32(s) == 0 {
			continue
		}
		at := s >> 32 & t.mask
		for uint32(t.slots[at]) != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = s
	}
}
