package trees

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Team is the workers that Env.Parallel lends, kept for the whole of a fit: a tree needs many short loops, and asking for workers
// anew for each would take longer than some of them. The worker that comes first leads, the others help it with its loops until it is
// done. A leader whose helpers never come does all by itself, so that nothing is waited for that need not come.
type Team struct {
	loop   atomic.Pointer[loop] // the present one; nil between loops
	over   atomic.Bool
	came   atomic.Int32 // workers so far
	asleep atomic.Int32
	mu     sync.Mutex
	wake   *sync.Cond // a loop has begun, or it is over
}

// loop is f(worker, i) for i in 0..n-1.
type loop struct {
	n     int64
	f     func(w, i int)
	next  atomic.Int64
	inner atomic.Int32 // helpers that are in it
	idle  chan struct{}
	waits atomic.Bool // the leader sleeps until idle has something
	panic atomic.Pointer[any]
}

const (
	// WorkersMax is how many workers a team takes at most.
	WorkersMax = 256
	// spins is how often a worker looks for something to do before it sleeps: some 40 µs, about what waking takes. The leader's work between two
	// loops takes less.
	spins = 50000
)

// Lead runs f on the first worker that parallel brings, with the others to help.
func Lead(parallel func(n int, f func(int)), f func(t *Team)) {
	t := &Team{}
	t.wake = sync.NewCond(&t.mu)
	if parallel == nil {
		t.came.Store(1)
		f(t)
		return
	}
	parallel(WorkersMax, func(int) {
		if t.over.Load() {
			return
		}
		w := int(t.came.Add(1)) - 1
		if w > 0 {
			t.help(w)
			return
		}
		defer t.end()
		f(t)
	})
}

// end lets the helpers go.
func (t *Team) end() {
	t.over.Store(true)
	t.mu.Lock()
	t.wake.Broadcast()
	t.mu.Unlock()
}

// Came is how many workers have come so far.
func (t *Team) Came() int { return int(t.came.Load()) }

// Alone says that no other worker has come.
func (t *Team) Alone() bool { return t.came.Load() == 1 }

// help takes part in loops until it is over.
func (t *Team) help(w int) {
	var last *loop
	for spin := 0; !t.over.Load(); spin++ {
		l := t.loop.Load()
		if l == nil || l == last {
			if spin > spins {
				t.sleep(last)
				spin = 0
			}
			continue
		}
		last, spin = l, 0
		l.inner.Add(1)
		if t.loop.Load() == l { // else the leader may have left it already
			l.run(w)
		}
		if l.inner.Add(-1) == 0 && l.waits.Load() {
			select {
			case l.idle <- struct{}{}:
			default:
			}
		}
	}
}

// sleep waits for another loop than last.
func (t *Team) sleep(last *loop) {
	t.mu.Lock()
	t.asleep.Add(1)
	for l := t.loop.Load(); (l == nil || l == last) && !t.over.Load(); l = t.loop.Load() {
		t.wake.Wait()
	}
	t.asleep.Add(-1)
	t.mu.Unlock()
}

func (l *loop) run(w int) {
	defer func() {
		if v := recover(); v != nil {
			l.panic.CompareAndSwap(nil, &v)
			l.next.Store(l.n)
		}
	}()
	for i := l.next.Add(1) - 1; i < l.n; i = l.next.Add(1) - 1 {
		l.f(w, int(i))
	}
}

// Each runs f(worker, i) for i in 0..n-1 and returns when all are done. The worker's number is below WorkersMax; no two that run at
// the same time have the same. Only the leader may call it, and not from within f.
func (t *Team) Each(n int, f func(w, i int)) {
	if n <= 1 || t.Alone() {
		for i := range n {
			f(0, i)
		}
		return
	}
	l := &loop{n: int64(n), f: f, idle: make(chan struct{}, 1)}
	t.loop.Store(l)
	if t.asleep.Load() > 0 {
		t.mu.Lock()
		t.wake.Broadcast()
		t.mu.Unlock()
	}
	l.run(0)
	t.loop.Store(nil)
	for spin := 0; l.inner.Load() > 0; spin++ {
		if spin > spins { // the helper may be waiting for this processor
			l.waits.Store(true)
			if l.inner.Load() > 0 {
				<-l.idle
			}
			spin = 0
			runtime.Gosched()
		}
	}
	if p := l.panic.Load(); p != nil {
		panic(*p)
	}
}

// BlockRows is the unit in which passes over all rows are shared out.
const BlockRows = 16384

// Blocks cuts n rows into blocks and runs f on each.
func (t *Team) Blocks(n int, f func(block, begin, end int)) {
	t.Each(BlockCount(n), func(_, b int) {
		f(b, b*BlockRows, min(n, (b+1)*BlockRows))
	})
}

// BlockCount is how many blocks Blocks makes of n rows.
func BlockCount(n int) int { return (n + BlockRows - 1) / BlockRows }
