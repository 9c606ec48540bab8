// Package mem holds what a run keeps in memory to its budget.
//
// Who keeps rows asks Try first. Where the answer is no, rows go to a File, a block at a time, and come back column by column: what is
// kept in a file gives the same bits.
package mem

import (
	"os"
	"sync"
	"sync/atomic"
)

// Budget is the memory that a run may hold in rows and tables. A nil Budget has no limit. It may be used by many goroutines at once.
type Budget struct {
	limit int64
	dir   string
	used  atomic.Int64
	peak  atomic.Int64

	mu    sync.Mutex
	files []*File
}

// New gives a budget of limit bytes, 0 for no limit, whose files lie in the folder dir, "" for the system's own.
func New(limit int64, dir string) *Budget { return &Budget{limit: limit, dir: dir} }

// Try takes n bytes, or says that they are not there and takes none.
func (b *Budget) Try(n int64) bool {
	if b == nil {
		return true
	}
	used := b.used.Add(n)
	if b.limit > 0 && used > b.limit && n > 0 {
		b.used.Add(-n)
		return false
	}
	for {
		p := b.peak.Load()
		if used <= p || b.peak.CompareAndSwap(p, used) {
			return true
		}
	}
}

// Free gives n bytes back.
func (b *Budget) Free(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}

// Used is what is taken now, Peak the most that ever was.
func (b *Budget) Used() int64 { return b.used.Load() }

// Peak is the most that was ever taken.
func (b *Budget) Peak() int64 { return b.peak.Load() }

// Share is how many bytes one of n holders may keep before it should let some go: an n-th of the budget, at least least, and at most
// most. Without a limit it is most.
func (b *Budget) Share(n int, least, most int64) int64 {
	if b == nil || b.limit <= 0 {
		return most
	}
	return min(max(b.limit/int64(max(n, 1)), least), most)
}

// Spilled is how many bytes went to files so far.
func (b *Budget) Spilled() (n int64) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.files {
		n += f.end.Load()
	}
	return n
}

// Close closes every file: the disk has its room back.
func (b *Budget) Close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.files {
		f.Close()
	}
	b.files = nil
	if b.dir != "" {
		_ = os.Remove(b.dir) // where it is empty: another run may have files there
	}
}
