package hash

import (
	"bytes"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/radix"
)

// Table gives byte keys the codes 0, 1, 2, … in the order of their first insertion.
//
// It is open addressing over one arena of bytes: no Go map and no pointer a key, so that the collector has nothing to walk.
// The zero Table is empty and ready. It may be read by many goroutines at once, and written by one alone.
type Table struct {
	slots  []uint64 // upper half: of the hash; lower half: code+1, 0 is free
	hashes []uint64 // by code, so that growing does not hash again
	ends   []int    // by code: where its key ends in arena
	arena  []byte
}

// tableMax keeps codes in int32.
const tableMax = math.MaxInt32 - 1

// Len is the number of keys.
func (t *Table) Len() int { return len(t.hashes) }

// Key is the key of a code. It is part of the arena: not to be changed, and valid for as long as the table is.
func (t *Table) Key(code int) []byte {
	start := 0
	if code > 0 {
		start = t.ends[code-1]
	}
	return t.arena[start:t.ends[code]:t.ends[code]]
}

// Bytes is the memory that the table holds.
func (t *Table) Bytes() int64 {
	return int64(8*cap(t.slots) + 8*cap(t.hashes) + 8*cap(t.ends) + cap(t.arena))
}

// Find is the code of key, or -1.
func (t *Table) Find(key []byte) int32 {
	if len(t.slots) == 0 {
		return -1
	}
	_, code := t.probe(key, Bytes(key))
	return code
}

// Insert is the code of key, new or old; the key is copied. It panics beyond 2^31-2 keys.
func (t *Table) Insert(key []byte) int32 {
	if len(t.hashes)*4 >= len(t.slots)*3 {
		t.grow()
	}
	h := Bytes(key)
	at, code := t.probe(key, h)
	if code >= 0 {
		return code
	}
	if len(t.hashes) >= tableMax {
		panic("hash: table has more than 2^31-2 keys")
	}
	code = int32(len(t.hashes))
	t.slots[at] = h>>32<<32 | uint64(code+1)
	t.hashes = append(t.hashes, h)
	t.arena = append(t.arena, key...)
	t.ends = append(t.ends, len(t.arena))
	return code
}

// InsertAll is the loop for i < len(codes) { codes[i] = Insert(data[offsets[i]:offsets[i+1]]), or -1 where valid[i] is not set };
// offsets has len(codes)+1 elements; a nil valid means that all are.
func (t *Table) InsertAll(codes, offsets []int32, data []byte, valid []uint64) {
	offsets = offsets[:len(codes)+1]
	for i := range codes {
		if valid != nil && valid[uint(i)>>6]>>(uint(i)&63)&1 == 0 {
			codes[i] = -1
			continue
		}
		codes[i] = t.Insert(data[offsets[i]:offsets[i+1]])
	}
}

// FindAll is InsertAll with Find: a key that is not there gives -1.
func (t *Table) FindAll(codes, offsets []int32, data []byte, valid []uint64) {
	offsets = offsets[:len(codes)+1]
	for i := range codes {
		if valid != nil && valid[uint(i)>>6]>>(uint(i)&63)&1 == 0 {
			codes[i] = -1
			continue
		}
		codes[i] = t.Find(data[offsets[i]:offsets[i+1]])
	}
}

// Sorted lists the codes in the byte order of their keys.
func (t *Table) Sorted() []int32 {
	return sorted(t.Len(), func(a, b int32) int { return bytes.Compare(t.Key(int(a)), t.Key(int(b))) })
}

// probe is where key is or would be, and its code or -1. There is always a free slot.
func (t *Table) probe(key []byte, h uint64) (at uint64, code int32) {
	mask := uint64(len(t.slots) - 1)
	for at = h & mask; ; at = (at + 1) & mask {
		s := t.slots[at]
		if uint32(s) == 0 {
			return at, -1
		}
		if s>>32 == h>>32 {
			if c := int32(uint32(s)) - 1; bytes.Equal(t.Key(int(c)), key) {
				return at, c
			}
		}
	}
}

func (t *Table) grow() {
	t.slots = make([]uint64, max(16, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for c, h := range t.hashes {
		at := h & mask
		for uint32(t.slots[at]) != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = h>>32<<32 | uint64(c+1)
	}
}

// TableU64 is Table for keys of one word.
type TableU64 struct {
	slots []int32 // code+1, 0 is free
	keys  []uint64
}

// Len is the number of keys.
func (t *TableU64) Len() int { return len(t.keys) }

// Key is the key of a code.
func (t *TableU64) Key(code int) uint64 { return t.keys[code] }

// Bytes is the memory that the table holds.
func (t *TableU64) Bytes() int64 { return int64(4*cap(t.slots) + 8*cap(t.keys)) }

// Find is the code of key, or -1.
func (t *TableU64) Find(key uint64) int32 {
	if len(t.slots) == 0 {
		return -1
	}
	_, code := t.probe(key)
	return code
}

// Insert is the code of key, new or old. It panics beyond 2^31-2 keys.
func (t *TableU64) Insert(key uint64) int32 {
	if len(t.keys)*4 >= len(t.slots)*3 {
		t.grow()
	}
	at, code := t.probe(key)
	if code >= 0 {
		return code
	}
	if len(t.keys) >= tableMax {
		panic("hash: table has more than 2^31-2 keys")
	}
	code = int32(len(t.keys))
	t.slots[at] = code + 1
	t.keys = append(t.keys, key)
	return code
}

// InsertAll is the loop for i < len(codes) { codes[i] = Insert(keys[i]), or -1 where valid[i] is not set }; nil valid: all are.
func (t *TableU64) InsertAll(codes []int32, keys []uint64, valid []uint64) {
	keys = keys[:len(codes)]
	for i, k := range keys {
		if valid != nil && valid[uint(i)>>6]>>(uint(i)&63)&1 == 0 {
			codes[i] = -1
			continue
		}
		codes[i] = t.Insert(k)
	}
}

// Sorted lists the codes by rising key.
func (t *TableU64) Sorted() []int32 {
	n := t.Len()
	codes := make([]uint32, n)
	for i := range codes {
		codes[i] = uint32(i)
	}
	radix.Sort(slices.Clone(t.keys), codes, make([]uint64, n), make([]uint32, n))
	out := make([]int32, n)
	for i, c := range codes {
		out[i] = int32(c)
	}
	return out
}

func (t *TableU64) probe(key uint64) (at uint64, code int32) {
	mask := uint64(len(t.slots) - 1)
	for at = U64(key) & mask; ; at = (at + 1) & mask {
		c := t.slots[at] - 1
		if c < 0 || t.keys[c] == key {
			return at, c
		}
	}
}

func (t *TableU64) grow() {
	t.slots = make([]int32, max(16, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for c, k := range t.keys {
		at := U64(k) & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = int32(c + 1)
	}
}

func sorted(n int, compare func(a, b int32) int) []int32 {
	codes := make([]int32, n)
	for i := range codes {
		codes[i] = int32(i)
	}
	slices.SortFunc(codes, compare)
	return codes
}
