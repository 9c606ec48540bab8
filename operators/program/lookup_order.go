package program

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
)

// keyOrder lists the rows by rising key, as Lookup.Keys writes keys, but for the null of a single column, whose row is null, or -1.
// A key that is there twice is an error.
//
// No key is written to be compared: a column's values become words whose order is theirs, and columns are sorted from the last to the
// first.
func keyOrder(keys []batch.Column) (order []int32, null int32, err error) {
	n := keys[0].N
	words := make([][]uint64, len(keys))
	for j := range keys {
		words[j] = orderWords(&keys[j], len(keys) > 1)
	}
	order, null = make([]int32, 0, n), -1
	for i := range n {
		switch {
		case len(keys) > 1 || !keys[0].Null(i):
			order = append(order, int32(i))
		case null >= 0:
			return nil, -1, fmt.Errorf("lookup: rows %d and %d have one key, null", null, i)
		default:
			null = int32(i)
		}
	}
	rows := make([]uint32, len(order))
	for i, r := range order {
		rows[i] = uint32(r)
	}
	by, tmp, tmpRows := make([]uint64, len(rows)), make([]uint64, len(rows)), make([]uint32, len(rows))
	for j := len(keys) - 1; j >= 0; j-- {
		for i, r := range rows {
			by[i] = words[j][r]
		}
		radix.Sort(by, rows, tmp, tmpRows)
		if keys[j].Valid == nil || len(keys) == 1 {
			continue
		}
		for i, r := range rows { // a null is before all else
			by[i] = keys[j].Valid[r>>6] >> (r & 63) & 1
		}
		radix.Sort(by, rows, tmp, tmpRows)
	}
	for i, r := range rows {
		order[i] = int32(r)
		if i > 0 && sameKey(keys, words, order[i-1], order[i]) {
			return nil, -1, fmt.Errorf("lookup: rows %d and %d have one key", order[i-1], order[i])
		}
	}
	return order, null, nil
}

func sameKey(keys []batch.Column, words [][]uint64, p, q int32) bool {
	for j := range keys {
		if words[j][p] != words[j][q] || keys[j].Null(int(p)) != keys[j].Null(int(q)) {
			return false
		}
	}
	return true
}

// orderWords are words whose order is that of a column's values in keys, equal where the values are; 0 under a null. Texts are in the
// order of their bytes, or of their lengths first, which keys of several columns have before them.
func orderWords(col *batch.Column, lengths bool) []uint64 {
	var words []uint64
	if col.Type.Text() {
		words = textRanks(col, lengths)
	} else {
		words = CellWords(nil, col)
	}
	if col.Valid != nil {
		for i := range words {
			words[i] &= -(col.Valid[i>>6] >> (i & 63) & 1)
		}
	}
	return words
}

// textRanks numbers a column's texts in their order.
func textRanks(col *batch.Column, lengths bool) []uint64 {
	var texts hash.Table
	codes := make([]int32, col.N)
	if col.Dict == nil {
		texts.InsertAll(codes, col.Offsets, col.Values, col.Valid)
	} else {
		of := make([]int32, col.Dict.N) // by the dictionary's codes: 1 + the text's, 0 where no row has it
		for i, x := range col.Codes() {
			if col.Null(i) {
				continue
			}
			if of[x] == 0 {
				of[x] = texts.Insert(col.Dict.Text(int(x))) + 1
			}
			codes[i] = of[x] - 1
		}
	}
	order := make([]int32, texts.Len())
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		s, t := texts.Key(int(a)), texts.Key(int(b))
		if lengths && len(s) != len(t) {
			return cmp.Compare(len(s), len(t))
		}
		return bytes.Compare(s, t)
	})
	ranks := make([]uint64, len(order))
	for i, code := range order {
		ranks[code] = uint64(i)
	}
	words := make([]uint64, col.N)
	for i, code := range codes {
		if code >= 0 {
			words[i] = ranks[code]
		}
	}
	return words
}
