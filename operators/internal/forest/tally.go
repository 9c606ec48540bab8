package forest

import "math/bits"

// slotsMax is how many bins a column has at most, with that of missing.
const slotsMax = 256

// tally is the rows of a node by the bins of one column that have any, in their order. The column's bin of missing is its last.
type tally struct {
	n    int
	code [slotsMax]uint8
	s    [slotsMax]int64 // sum of labels; of two classes, mass of class 1
	w    [slotsMax]int64 // mass
	rows [slotsMax]int64

	// More than two classes: the mass of class c in entry i is class[i*k+c].
	class []int64

	seen   [slotsMax / 64]uint64
	packed [slotsMax]uint64
	cells  [slotsMax]struct{ s, w, n int64 }
	of     []int64 // by bin and class
}

// mark lists the bins that rows have, and forgets them.
func (t *tally) mark() {
	n := 0
	for i, word := range t.seen {
		t.seen[i] = 0
		for ; word != 0; word &= word - 1 {
			t.code[n] = uint8(i<<6 + bits.TrailingZeros64(word))
			n++
		}
	}
	t.n = n
}

// ones counts rows of two classes, all of equal weight: word is draws<<32 + draws of class 1.
func (t *tally) ones(codes []uint8, words []uint64) {
	codes = codes[:len(words)]
	for i, x := range words {
		c := codes[i]
		t.packed[c] += x
		t.seen[c>>6] |= 1 << (c & 63)
	}
	t.mark()
	for i, c := range t.code[:t.n] {
		x := t.packed[c]
		t.packed[c] = 0
		t.s[i], t.w[i], t.rows[i] = int64(x&(1<<32-1)), int64(x>>32), int64(x>>32)
	}
}

// part is what a row adds to its bin.
type part struct{ s, w, n int64 }

// sums adds rows up.
func (t *tally) sums(codes []uint8, parts []part) {
	codes = codes[:len(parts)]
	for i := range parts {
		c, p := codes[i], &parts[i]
		cell := &t.cells[c]
		cell.s += p.s
		cell.w += p.w
		cell.n += p.n
		t.seen[c>>6] |= 1 << (c & 63)
	}
	t.mark()
	for i, c := range t.code[:t.n] {
		x := &t.cells[c]
		t.s[i], t.w[i], t.rows[i] = x.s, x.w, x.n
		x.s, x.w, x.n = 0, 0, 0
	}
}

// classes adds rows up by class, which is the part's s.
func (t *tally) classes(codes []uint8, parts []part, k int) {
	codes = codes[:len(parts)]
	for i := range parts {
		c, p := codes[i], &parts[i]
		t.of[int(c)*k+int(p.s)] += p.w
		t.cells[c].n += p.n
		t.seen[c>>6] |= 1 << (c & 63)
	}
	t.mark()
	for i, c := range t.code[:t.n] {
		from := t.of[int(c)*k:][:k]
		copy(t.class[i*k:], from)
		clear(from)
		t.rows[i] = t.cells[c].n
		t.cells[c].n = 0
	}
}

// ends are the least and the greatest code.
func ends(codes []uint8) (from, to int) {
	a, b := codes[0], codes[0]
	for _, c := range codes[1:] {
		a, b = min(a, c), max(b, c)
	}
	return int(a), int(b)
}

// onesTo counts the rows of codes up to at, as ones does.
func onesTo(codes []uint8, words []uint64, at int) part {
	words = words[:len(codes)]
	sum := uint64(0)
	for i, c := range codes {
		// no branch: which way a row goes is anyone's guess
		sum += words[i] &^ uint64(int64(at-int(c))>>63)
	}
	return part{int64(sum & (1<<32 - 1)), int64(sum >> 32), int64(sum >> 32)}
}

// sumsTo adds up the rows of codes up to at.
func sumsTo(codes []uint8, parts []part, at int) (sum part) {
	parts = parts[:len(codes)]
	for i, c := range codes {
		p, left := &parts[i], ^(int64(at-int(c)) >> 63)
		sum.s += p.s & left
		sum.w += p.w & left
		sum.n += p.n & left
	}
	return sum
}
