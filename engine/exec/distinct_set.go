package exec

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

// idSet is a set of identities: a bit an ordinal, and, where ordinals have copies, a list. Many goroutines may add to it at once; once
// it is finished, many may look.
type idSet struct {
	mu     sync.Mutex
	bits   atomic.Pointer[[]*idBits] // by the upper bits of the ordinal; nil: none there
	copies []batch.ID                // sorted once it is finished; nil where an ordinal is enough
}

// idBits are the bits of 2^20 ordinals.
type idBits [1 << (idShift - 6)]uint64

const idShift = 20

// add puts an identity in. All that are added have copies, or none.
func (s *idSet) add(id batch.ID, copies bool) {
	word := &s.segment(id.Ordinal)[id.Ordinal%(1<<idShift)/64]
	bit := uint64(1) << (id.Ordinal % 64)
	if atomic.LoadUint64(word)&bit == 0 {
		atomic.OrUint64(word, bit)
	}
	if copies {
		s.mu.Lock()
		s.copies = append(s.copies, id)
		s.mu.Unlock()
	}
}

func (s *idSet) segment(ordinal uint64) *idBits {
	at := int(ordinal >> idShift)
	if all := s.bits.Load(); all != nil && at < len(*all) && (*all)[at] != nil {
		return (*all)[at]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*idBits
	if old := s.bits.Load(); old != nil {
		all = slices.Clone(*old) // others look at it meanwhile
	}
	for len(all) <= at {
		all = append(all, nil)
	}
	if all[at] == nil {
		all[at] = &idBits{}
	}
	s.bits.Store(&all)
	return all[at]
}

// finish ends the adding.
func (s *idSet) finish() {
	slices.SortFunc(s.copies, batch.Compare)
	s.copies = slices.Compact(s.copies)
}

// has says whether an identity is in.
func (s *idSet) has(id batch.ID) bool {
	all, at := s.bits.Load(), id.Ordinal>>idShift
	if all == nil || at >= uint64(len(*all)) || (*all)[at] == nil || (*all)[at][id.Ordinal%(1<<idShift)/64]>>(id.Ordinal%64)&1 == 0 {
		return false
	}
	if s.copies == nil {
		return true
	}
	_, found := slices.BinarySearchFunc(s.copies, id, batch.Compare)
	return found
}

// sieve keeps the rows that are not gone: for i { out[0][i] = (in[0][i], in[1][i]) not in gone }, of ordinals and copies. in[1] is there
// only where there are copies.
type sieve struct {
	gone *idSet
	bits []*idBits
}

func newSieve(gone *idSet, keep string) program.Graph {
	in := []program.Named{{Name: program.Ordinal, Type: batch.T(batch.Int64)}}
	if gone.copies != nil {
		in = append(in, program.Named{Name: program.Copy, Type: batch.T(batch.Int64)})
	}
	return program.One(&sieve{gone: gone}, in, []program.Named{{Name: keep, Type: batch.T(batch.Bool)}})
}

// Init lists the bits.
func (k *sieve) Init(_, _ []batch.Type) error {
	if all := k.gone.bits.Load(); all != nil {
		k.bits = *all
	}
	return nil
}

// ID, Encode, Decode, Row: which rows are gone is known of one run's rows only. What is published drops none.
func (*sieve) ID() string           { return "sieve" }
func (*sieve) Encode(*canon.Writer) { panic("exec: a sieve is not stored") }
func (*sieve) Decode(*canon.Reader) { panic("exec: a sieve is not stored") }
func (*sieve) Row(*program.Frame, []int, []int) error {
	panic("exec: a sieve is not served")
}

// Batch says of each row whether it stays.
func (k *sieve) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	keep := c.Bitmap(n)
	ordinals := in[0].Int64s()
	for w := range keep {
		word := uint64(0)
		for j, o := range ordinals[64*w : min(64*w+64, n)] {
			gone := uint64(0)
			if at := uint64(o) >> idShift; at < uint64(len(k.bits)) && k.bits[at] != nil {
				gone = k.bits[at][uint64(o)%(1<<idShift)/64] >> (uint64(o) % 64) & 1
			}
			word |= (gone ^ 1) << j
		}
		keep[w] = word
	}
	if k.gone.copies != nil {
		k.stay(keep, ordinals, in[1].Int64s())
	}
	out[0] = batch.OfBits(keep, n)
	return nil
}

// stay sets the bits of copies that are not gone though others of their ordinal are.
func (k *sieve) stay(keep []uint64, ordinals, copies []int64) {
	for i := range ordinals {
		if keep[i>>6]>>(i&63)&1 == 0 {
			id := batch.ID{Ordinal: uint64(ordinals[i]), Copy: uint32(copies[i])}
			if _, found := slices.BinarySearchFunc(k.gone.copies, id, batch.Compare); !found {
				keep[i>>6] |= 1 << (i & 63)
			}
		}
	}
}
