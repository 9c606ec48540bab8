// Package radix orders rows by words of 64 bits without comparing them.
//
// A column's values become words whose order is theirs (Float64Key, Int64Key); several columns are sorted from the last to
// the first, as Sort is stable.
package radix

import (
	"math/bits"
	"slices"
)

const (
	digit   = 8 // bits
	digits  = 64 / digit
	buckets = 1 << digit
	fewRows = 48 // below, inserting one by one is faster than counting
)

// Sort sorts keys from the least, and rows along with them; rows with equal keys keep their order. rows, tmpK and tmpR have at
// least len(keys) elements; what the tmp slices hold afterwards is open.
//
// It is an LSD radix sort: digits where all keys agree are skipped, the others are counted in one pass.
func Sort(keys []uint64, rows []uint32, tmpK []uint64, tmpR []uint32) {
	n := len(keys)
	rows, tmpK, tmpR = rows[:n], tmpK[:n], tmpR[:n]
	if n < fewRows {
		insertion(keys, rows)
		return
	}
	differ, sorted := survey(keys)
	if sorted {
		return
	}
	shifts, passes := plan(differ)
	var counts [digits][buckets]uint32
	count(&counts, keys, shifts[:passes])
	k, r, tk, tr := keys, rows, tmpK, tmpR
	for p, s := range shifts[:passes] {
		scatter(&counts[p], k, r, tk, tr, s)
		k, r, tk, tr = tk, tr, k, r
	}
	if passes%2 != 0 {
		copy(keys, k)
		copy(rows, r)
	}
}

// SortKeys is Sort of keys alone. tmp has at least len(keys) elements; what it holds afterwards is open.
func SortKeys(keys, tmp []uint64) {
	tmp = tmp[:len(keys)]
	if len(keys) < fewRows {
		slices.Sort(keys)
		return
	}
	differ, sorted := survey(keys)
	if sorted {
		return
	}
	shifts, passes := plan(differ)
	var counts [digits][buckets]uint32
	count(&counts, keys, shifts[:passes])
	k, tk := keys, tmp
	for p, s := range shifts[:passes] {
		scatterKeys(&counts[p], k, tk, s)
		k, tk = tk, k
	}
	if passes%2 != 0 {
		copy(keys, k)
	}
}

// plan gives where the digits begin that cover the bits in which keys differ.
func plan(differ uint64) (shifts [digits]uint, passes int) {
	for differ != 0 { // a digit begins at the lowest bit that is left
		s := uint(bits.TrailingZeros64(differ))
		shifts[passes] = s
		passes++
		differ = differ >> s >> digit << digit << s
	}
	return shifts, passes
}

// survey is the bits in which keys differ, and whether they are in order.
func survey(keys []uint64) (differ uint64, sorted bool) {
	last := keys[0]
	var down uint64
	for _, k := range keys {
		differ |= k ^ last
		_, borrow := bits.Sub64(k, last, 0)
		down |= borrow
		last = k
	}
	return differ, down == 0
}

func insertion(keys []uint64, rows []uint32) {
	for i := 1; i < len(keys); i++ {
		k, r := keys[i], rows[i]
		j := i
		for ; j > 0 && keys[j-1] > k; j-- {
			keys[j], rows[j] = keys[j-1], rows[j-1]
		}
		keys[j], rows[j] = k, r
	}
}

func count(counts *[digits][buckets]uint32, keys []uint64, shifts []uint) {
	for p, s := range shifts {
		c := &counts[p]
		for _, k := range keys {
			c[k>>(s&63)&(buckets-1)]++
		}
	}
}

// scatter moves the rows to where counts says that their digit begins, and turns the counts into ends.
func scatter(counts *[buckets]uint32, k []uint64, r []uint32, tk []uint64, tr []uint32, s uint) {
	var at uint32
	for d, n := range counts {
		counts[d] = at
		at += n
	}
	r, tr = r[:len(k)], tr[:len(tk)]
	for i, x := range k {
		c := &counts[x>>(s&63)&(buckets-1)]
		to := *c
		*c++
		tk[to], tr[to] = x, r[i]
	}
}

// scatterKeys is scatter of keys alone.
func scatterKeys(counts *[buckets]uint32, k, tk []uint64, s uint) {
	var at uint32
	for d, n := range counts {
		counts[d] = at
		at += n
	}
	for _, x := range k {
		c := &counts[x>>(s&63)&(buckets-1)]
		tk[*c] = x
		*c++
	}
}

// Partition writes to order the numbers 0, 1, 2, … of the hashes, by the upper bits of those: order[starts[p]:starts[p+1]] are
// the ones whose hash has p there, from the least. order has the length of hashes, starts 1<<bits + 1 elements.
func Partition(order []uint32, starts []int32, hashes []uint64, bits uint) {
	order, starts = order[:len(hashes)], starts[:1<<bits+1]
	clear(starts)
	shift := 64 - bits // 64 gives partition 0
	for _, h := range hashes {
		starts[h>>shift]++
	}
	var at int32
	for p, n := range starts {
		starts[p] = at
		at += n
	}
	for i, h := range hashes {
		to := &starts[h>>shift]
		order[*to] = uint32(i)
		*to++
	}
	// Each start has moved to its partition's end, which is the next one's start.
	copy(starts[1:], starts)
	starts[0] = 0
}
