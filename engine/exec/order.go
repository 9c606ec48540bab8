package exec

import (
	"errors"
	"math"
	"sync"

	"github.com/headrace/headrace/operators/batch"
)

// turns gives what many workers make to one taker, in the order of the pieces that the rows come in: the rows are then in canonical
// order, as the rows of a piece are. Pieces are handed out in that order too, so that the one whose turn it is is always under way.
//
// A worker holds what it made of a piece until the turn comes, and at most heldBytes of it: then it waits. What it makes in its turn
// it gives at once. A nil *turns orders nothing.
type turns struct {
	give  func(batch.Batch) error
	mu    sync.Mutex
	moved sync.Cond // next or stop did
	next  int       // the piece whose turn it is
	stop  int       // the least piece that failed: those behind it are given up
	at    []turn    // of each worker
	// arenas, one a worker, are where what waits is kept: it lives until give has returned. Without them it is kept on the heap, and
	// who is given it may keep it.
	arenas []batch.Ctx
}

type turn struct {
	piece int
	has   bool
	held  []batch.Batch
	bytes int64
}

// heldBytes is what a worker holds while it waits for its turn.
const heldBytes = 32 << 20

// errOvertaken ends a piece because one before it failed. It is never told: that one's error is.
var errOvertaken = errors.New("internal error: a piece before failed")

func newTurns(workers int, give func(batch.Batch) error) *turns {
	t := &turns{give: give, stop: math.MaxInt, at: make([]turn, workers)}
	t.moved.L = &t.mu
	return t
}

// run makes a piece, and gives up the turn when it is done.
func (t *turns) run(w, piece int, f func() error) error {
	if t == nil {
		return Guard(f)
	}
	t.at[w] = turn{piece: piece}
	err := Guard(f)
	if err == nil {
		err = Guard(func() error { return t.wait(w) })
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.stop = min(t.stop, piece)
	} else {
		t.next = piece + 1
	}
	t.moved.Broadcast()
	return err
}

// put takes rows of the worker's piece.
func (t *turns) put(w int, b batch.Batch) error {
	a := &t.at[w]
	if !a.has {
		t.mu.Lock()
		now, over := t.next == a.piece, t.stop < a.piece
		t.mu.Unlock()
		if over {
			return errOvertaken
		}
		if !now {
			b = b.Copy(t.arena(w))
			a.held = append(a.held, b)
			if a.bytes += b.Bytes(); a.bytes <= heldBytes {
				return nil
			}
			return t.wait(w)
		}
		if err := t.wait(w); err != nil {
			return err
		}
	}
	return t.give(b)
}

// wait waits for the turn and gives what was held.
func (t *turns) wait(w int) error {
	a := &t.at[w]
	t.mu.Lock()
	for t.next != a.piece && t.stop >= a.piece {
		t.moved.Wait()
	}
	a.has = t.next == a.piece
	t.mu.Unlock()
	if !a.has {
		return errOvertaken
	}
	held := a.held
	a.held, a.bytes = nil, 0
	for _, b := range held {
		if err := t.give(b); err != nil {
			return err
		}
	}
	if c := t.arena(w); c != nil {
		c.Reset()
	}
	return nil
}

func (t *turns) arena(w int) *batch.Ctx {
	if t.arenas == nil {
		return nil
	}
	return &t.arenas[w]
}
