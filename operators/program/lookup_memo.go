package program

import (
	"sync/atomic"

	"github.com/headrace/headrace/operators/batch"
)

// dictMemo remembers what was found for the entries of the dictionaries that came last. A dictionary comes with every batch of the rows
// that it codes and never changes, so that an entry is looked up once and not once a batch. Any number of goroutines may use it.
type dictMemo struct {
	last [memoDicts]atomic.Pointer[dictFound]
	next atomic.Uint32
}

// memoDicts is more than there are workers, mostly: with more of them some look up again.
const memoDicts = 16

// memoSparse is how many entries there may be for a row: of more, with few rows to come, rows are looked up one by one.
const memoSparse = 8

type dictFound struct {
	dict  *batch.Column
	found []uint64 // by code: 0 is not looked up yet
}

// of gives what was found for the entries of a column's dictionary, nil where rows are to be looked up one by one.
func (m *dictMemo) of(col *batch.Column) []uint64 {
	for i := range m.last {
		if d := m.last[i].Load(); d != nil && d.dict == col.Dict {
			return d.found
		}
	}
	if col.Dict.N/memoSparse > col.N {
		return nil
	}
	d := &dictFound{col.Dict, make([]uint64, col.Dict.N)}
	m.last[m.next.Add(1)%memoDicts].Store(d)
	return d.found
}

// words: for i { dst[i] = find(text i), 0 under a null }. find never gives 0.
func (m *dictMemo) words(dst []uint64, col *batch.Column, find func(text []byte) uint64) {
	if col.Dict != nil {
		if found := m.of(col); found != nil {
			m.coded(dst, found, col, find)
			return
		}
	}
	for i := range dst {
		if dst[i] = 0; !col.Null(i) {
			dst[i] = find(col.Text(i))
		}
	}
}

func (m *dictMemo) coded(dst, found []uint64, col *batch.Column, find func(text []byte) uint64) {
	for i, x := range col.Codes() {
		if uint(x) >= uint(len(found)) { // a code under a null may be anything
			dst[i] = 0
			continue
		}
		w := atomic.LoadUint64(&found[x])
		if w == 0 {
			w = find(col.Dict.Text(int(x)))
			atomic.StoreUint64(&found[x], w)
		}
		dst[i] = w
	}
	if col.Valid != nil {
		for i := range dst {
			dst[i] &= -(col.Valid[i>>6] >> (i & 63) & 1)
		}
	}
}
