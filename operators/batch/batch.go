package batch

import (
	"cmp"
	"slices"
)

// ID is a row's identity and its place in the canonical order: the ordinal in its source (or in the output of a sort, join or
// aggregate), then the copy that resampling made of it.
type ID struct {
	Ordinal uint64
	Copy    uint32
}

// Compare orders identities.
func Compare(a, b ID) int {
	return cmp.Or(cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Copy, b.Copy))
}

// IDs are the identities of a batch's rows: Base+i where Ordinals is nil; copy 0 where Copies is nil.
type IDs struct {
	Base     uint64
	Ordinals []uint64
	Copies   []uint32
}

// At is row i's identity.
func (d *IDs) At(i int) ID {
	id := ID{Ordinal: d.Base + uint64(i)}
	if d.Ordinals != nil {
		id.Ordinal = d.Ordinals[i]
	}
	if d.Copies != nil {
		id.Copy = d.Copies[i]
	}
	return id
}

// Part is the share of the data that a row belongs to.
type Part uint8

// The parts. Rows that no split has touched are Train.
const (
	Train Part = iota
	Valid
	Test
)

// PartNames are the words for parts, in their order.
var PartNames = [...]string{"train", "valid", "test"}

func (p Part) String() string { return PartNames[p] }

// Parts is a set of parts.
type Parts uint8

// The sets.
const (
	TrainRows Parts = 1 << Train
	ValidRows Parts = 1 << Valid
	TestRows  Parts = 1 << Test
	AllRows         = TrainRows | ValidRows | TestRows
)

// Has says whether p is in the set.
func (s Parts) Has(p Part) bool { return s>>p&1 == 1 }

// Batch is rows with their identities. Batches are immutable. Who keeps rows after the call that gave them copies them.
type Batch struct {
	N    int
	ID   IDs
	Part []uint8  // Part of each row; nil: all Train
	Key  []uint64 // what folds are drawn by: a hash of the split's key or group; nil: the ordinal
	Cols []Column // positional: the contract says which
}

// PartAt is row i's part.
func (b *Batch) PartAt(i int) Part {
	if b.Part == nil {
		return Train
	}
	return Part(b.Part[i])
}

// KeyAt is what row i's fold is drawn by.
func (b *Batch) KeyAt(i int) uint64 {
	if b.Key == nil {
		return b.ID.At(i).Ordinal
	}
	return b.Key[i]
}

// Bounds is what is known of a column of rows that nobody has read: a row group, a page. Least and greatest value may be wider than the
// values are, never narrower; NaN is outside of them.
type Bounds struct {
	Min, Max any   // int64 for integers, times and decimals, float64, string; nil: not known
	Nulls    int64 // -1: not known
	Rows     int64 // 0: not known
	// Has says whether a value (int64, float64, string) may be among them; nil: not known. It may read, so it is asked last.
	Has func(v any) bool
}

// Clone copies the batch to the Go heap.
func (b Batch) Clone() Batch { return b.Copy(nil) }

// Copy is a Clone whose columns are in c's memory.
func (b Batch) Copy(c *Ctx) Batch {
	cols := make([]Column, len(b.Cols))
	for i, col := range b.Cols {
		cols[i] = col.Copy(c)
	}
	b.Cols = cols
	b.ID.Ordinals, b.ID.Copies = slices.Clone(b.ID.Ordinals), slices.Clone(b.ID.Copies)
	b.Part, b.Key = slices.Clone(b.Part), slices.Clone(b.Key)
	return b
}

// Bytes is the memory that the batch's columns and identities reach.
func (b *Batch) Bytes() int64 {
	n := int64(8*len(b.ID.Ordinals) + 4*len(b.ID.Copies) + len(b.Part) + 8*len(b.Key))
	for i := range b.Cols {
		n += b.Cols[i].Bytes()
	}
	return n
}
