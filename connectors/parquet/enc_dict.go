package parquet

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A chunk gets a dictionary where that makes it a quarter smaller at least, and the dictionary is small: what does not fit into a core's
// cache is read and written more slowly than the values themselves. Whether it does is known only when all values have been looked up;
// most columns that do not want one show that in their first values. All of this follows from the values alone.
const (
	dictEntriesMax = 1 << 15
	dictBytesMax   = 1 << 20
	sampleValues   = 1 << 13
	sampleDistinct = 7 << 10
)

// hopeless says that no dictionary will come of the first values. It must be asked with sampleValues of them; with 0 it says only
// whether the dictionary is too big.
func hopeless(values, distinct, bytes int) bool {
	return distinct > dictEntriesMax || bytes > dictBytesMax || values == sampleValues && distinct > sampleDistinct
}

// pays says whether a dictionary of distinct values in bytes is better than values that take plain bytes.
func pays(values, distinct, bytes, plain int) bool {
	return distinct > 0 && bytes+int(codeWidth(distinct))*values/8 < plain/4*3
}

// codeWidth is how many bits a code takes. One entry gets one bit: some readers stumble over none.
func codeWidth(distinct int) uint { return uint(max(1, bits.Len(uint(distinct-1)))) }

// numbers is a dictionary of values of one width, with the codes 0, 1, 2, … in the order of first appearance.
type numbers struct {
	slots []int32 // code+1, 0 is free
	keys  []uint64
	shift uint
}

func (d *numbers) reset() {
	d.keys, d.shift = d.keys[:0], 64-10
	d.slots = append(d.slots[:0], make([]int32, 1<<10)...)
}

func (d *numbers) slot(x uint64) uint64 { return (x ^ x>>32) * 0x9e3779b97f4a7c15 >> d.shift }

func (d *numbers) grow() {
	n := 2 * len(d.slots)
	d.shift--
	d.slots = slices.Grow(d.slots[:0], n)[:n]
	clear(d.slots)
	for c, x := range d.keys {
		at := d.slot(x)
		for d.slots[at] != 0 {
			at = (at + 1) & uint64(n-1)
		}
		d.slots[at] = int32(c + 1)
	}
}

// lookUp sets codes to those of x, and gives the size of the dictionary; ok is false where none is worth it.
func lookUp[T uint32 | uint64](d *numbers, codes []int32, x []T) (ok bool) {
	d.reset()
	for at := 0; at < len(x); {
		n := len(x)
		if at < sampleValues {
			n = min(n, sampleValues)
		}
		if !insertAll(d, codes[at:n], x[at:n]) || hopeless(n, len(d.keys), 0) {
			return false
		}
		at = n
	}
	return true
}

func insertAll[T uint32 | uint64](d *numbers, codes []int32, x []T) bool {
	slots, keys, shift := d.slots, d.keys, d.shift
	codes = codes[:len(x)]
	for i, v := range x {
		k := uint64(v)
		at := (k ^ k>>32) * 0x9e3779b97f4a7c15 >> (shift & 63)
		c := slots[at]
		for c != 0 && keys[c-1] != k {
			at = (at + 1) & uint64(len(slots)-1)
			c = slots[at]
		}
		if c == 0 {
			if len(keys) == dictEntriesMax {
				return false
			}
			keys = append(keys, k)
			c = int32(len(keys))
			slots[at] = c
			if d.keys = keys; 2*len(keys) > len(slots) {
				d.grow()
				slots, shift = d.slots, d.shift
			}
		}
		codes[i] = c - 1
	}
	return true
}

// appendPlain appends the dictionary as PLAIN has it.
func (d *numbers) appendPlain(dst []byte, width int) []byte {
	for _, k := range d.keys {
		if width == 4 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(k))
		} else {
			dst = binary.LittleEndian.AppendUint64(dst, k)
		}
	}
	return dst
}

// wordsOf looks up the texts of a plain stream; nil where no dictionary is worth it.
func wordsOf(codes []int32, plain []byte) *lexicon {
	w := &lexicon{}
	for i := range codes {
		n := 4 + int(binary.LittleEndian.Uint32(plain))
		codes[i] = w.insert(plain[4:n])
		plain = plain[n:]
		// asked at each new word's bound alone would be enough, but the question is cheaper than knowing when
		if w.hopeless(i + 1) {
			return nil
		}
	}
	return w
}
