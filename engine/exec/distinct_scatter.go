package exec

import (
	"encoding/binary"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators/batch"
)

// scatter sends rows to the partitions of a sifting for one worker.
type scatter struct {
	d      *sifting
	keyer  *keyer
	pages  [][]page   // by partition; the last one of each is open
	full   []place    // of pages that are full and in memory
	free   [][]uint64 // to be used as pages
	slab   int        // pages of the last slab
	held   int64      // bytes taken from the budget
	recent recent

	// of a batch
	keys   []uint64
	hashes []uint64
	rows   []int32 // that are not known to be repeats
	order  []uint32
	starts []int32
	texts  []byte
	ends   []int
}

// place is where a page stands.
type place struct{ part, i int }

// add takes the rows of a batch.
func (s *scatter) add(c *batch.Ctx, b batch.Batch) error {
	d := s.d
	if d.only != 0 {
		if b = pick(c, b, func(i int) bool { return d.only.Has(b.PartAt(i)) }); b.N == 0 {
			return nil
		}
	}
	if b.ID.Copies != nil && !d.copies {
		return d.anew(func(l *layout) { l.copies = true })
	}
	if err := s.encode(c, &b); err != nil {
		return err
	}
	n := s.fresh(&b)
	radix.Partition(s.order[:n], s.starts, s.hashes[:n], d.bits)
	for p := range len(s.starts) - 1 {
		if rows := s.order[s.starts[p]:s.starts[p+1]]; len(rows) > 0 {
			if err := s.put(p, rows, &b); err != nil {
				return err
			}
		}
	}
	return nil
}

// encode makes the words and the hash of each row.
func (s *scatter) encode(c *batch.Ctx, b *batch.Batch) error {
	d, w := s.d, s.d.keys.words
	if cap(s.hashes) < b.N {
		s.keys, s.hashes, s.rows, s.order = make([]uint64, b.N*w), make([]uint64, b.N), make([]int32, b.N), make([]uint32, b.N)
		s.starts = make([]int32, 1<<d.bits+1)
	}
	s.keys, s.hashes, s.rows = s.keys[:b.N*w], s.hashes[:b.N], s.rows[:b.N]
	if d.long {
		b.Cols = s.write(c, b)
	}
	s.keyer.encode(s.keys, b.Cols, b.N)
	if !d.long && d.keys.bytes() > d.names {
		return d.anew(func(l *layout) { l.long = true })
	}
	hash.Rows(s.hashes, s.keys, w)
	return nil
}

// textHash is what long texts have for a number; equal ones are compared all the same.
var textHash = hash.Bytes

// write puts the texts of each row behind one another, and gives the columns with hashes in their place.
func (s *scatter) write(c *batch.Ctx, b *batch.Batch) []batch.Column {
	cols := make([]batch.Column, len(b.Cols))
	copy(cols, b.Cols)
	for j := range cols {
		if from := &b.Cols[j]; from.Type.Text() {
			v := c.Int64s(b.N)
			for i := range v {
				v[i] = 0
				if !from.Null(i) {
					v[i] = int64(textHash(from.Text(i)))
				}
			}
			cols[j] = batch.OfInt64s(v)
			cols[j].Valid = from.Valid
		}
	}
	s.texts, s.ends = s.texts[:0], s.ends[:0]
	for i := range b.N {
		for j := range b.Cols {
			if from := &b.Cols[j]; from.Type.Text() && !from.Null(i) { // a null has a bit of the key
				t := from.Text(i)
				s.texts = append(binary.AppendUvarint(s.texts, uint64(len(t))), t...)
			}
		}
		s.ends = append(s.ends, len(s.texts))
	}
	return cols
}

func (s *scatter) text(row int32) []byte {
	from := 0
	if row > 0 {
		from = s.ends[row-1]
	}
	return s.texts[from:s.ends[row]]
}

// put puts rows into a partition: numbers among those that are fresh.
func (s *scatter) put(part int, fresh []uint32, b *batch.Batch) error {
	d, w := s.d, s.d.keys.words
	room := d.page / d.rowWords()
	p, err := s.open(part, room)
	if err != nil {
		return err
	}
	v := d.view(p)
	for _, f := range fresh {
		if p.n == room || len(p.texts) > 8*d.page {
			if p, err = s.open(part, room); err != nil {
				return err
			}
			v = d.view(p)
		}
		k, row := p.n, s.rows[f]
		p.n++
		if id := b.ID.At(int(row)); d.copies {
			v.ids[2*k], v.ids[2*k+1] = id.Ordinal, uint64(id.Copy)
		} else {
			v.ids[k] = id.Ordinal
		}
		copy(v.keys[k*w:k*w+w], s.keys[int(row)*w:])
		if d.long {
			p.texts = append(p.texts, s.text(row)...)
			v.ends[k] = uint64(len(p.texts))
		}
	}
	return nil
}

// open gives the page of a partition that has room.
func (s *scatter) open(part, room int) (*page, error) {
	all := s.pages[part]
	if k := len(all); k > 0 {
		if p := &all[k-1]; p.n < room && len(p.texts) <= 8*s.d.page {
			return p, nil
		}
		s.full = append(s.full, place{part, k - 1})
		if t := int64(cap(all[k-1].texts)); t > 0 {
			if s.d.x.opt.Memory.Try(t) {
				s.held += t
			} else if err := s.spill(); err != nil {
				return nil, err
			}
		}
	}
	words, err := s.words()
	if err != nil {
		return nil, err
	}
	s.pages[part] = append(all, page{words: words})
	return &s.pages[part][len(all)], nil
}

// words gives the memory of a page. Where the budget has none, those that are full go to the file.
func (s *scatter) words() ([]uint64, error) {
	if len(s.free) == 0 {
		slab := min(max(2*s.slab, 1<<s.d.bits), slabPages)
		if n := int64(8 * s.d.page * slab); s.d.x.opt.Memory.Try(n) {
			s.slab, s.held = slab, s.held+n
			for all := make([]uint64, s.d.page*slab); len(all) > 0; all = all[s.d.page:] {
				s.free = append(s.free, all[:s.d.page:s.d.page])
			}
		} else if err := s.spill(); err != nil {
			return nil, err
		}
	}
	k := len(s.free) - 1
	if k < 0 { // what is open stays, whatever the budget is
		return make([]uint64, s.d.page), nil
	}
	w := s.free[k]
	s.free = s.free[:k]
	return w, nil
}

// spill writes the full pages to the file.
func (s *scatter) spill() error {
	if len(s.full) == 0 {
		return nil
	}
	file, err := s.d.spill()
	if err != nil {
		return err
	}
	for _, at := range s.full {
		p := &s.pages[at.part][at.i]
		b := batch.Batch{N: p.n, ID: batch.IDs{Ordinals: p.words}, Part: p.texts} // words and bytes: as they are
		block, err := file.Write(&b)
		if err != nil {
			return err
		}
		s.free = append(s.free, p.words)
		*p = page{n: p.n, at: &block}
	}
	s.full = s.full[:0]
	return nil
}

// recent are keys that rows had lately, so that what is repeated over and over is told at once, and takes no room.
type recent struct {
	keys  []uint64
	ids   []batch.ID
	there []bool
	rows  int // seen
	hits  int
	off   bool
}

const (
	recentKeys = 1 << 11
	recentRows = 1 << 15
)

// fresh lists the rows of a batch that are not known to be repeats, with their hashes.
func (s *scatter) fresh(b *batch.Batch) int {
	r := &s.recent
	if r.off || s.d.long { // hashes of long texts are not their keys
		for i := range s.rows {
			s.rows[i] = int32(i)
		}
		return b.N
	}
	w := s.d.keys.words
	if r.ids == nil {
		r.keys, r.ids, r.there = make([]uint64, w*recentKeys), make([]batch.ID, recentKeys), make([]bool, recentKeys)
	}
	n := 0
	for i, h := range s.hashes {
		at := int(h % recentKeys) // partitions go by the upper bits
		id, key, seen := b.ID.At(i), s.keys[i*w:i*w+w], r.keys[at*w:at*w+w]
		if r.there[at] && slices.Equal(key, seen) {
			r.hits++
			if s.d.before(r.ids[at], id) {
				s.d.gone.add(id, s.d.copies)
				continue
			}
		}
		r.there[at], r.ids[at] = true, id
		copy(seen, key)
		s.rows[n], s.hashes[n] = int32(i), h
		n++
	}
	if r.rows += b.N; r.rows > recentRows {
		r.off = r.hits*4 < r.rows
	}
	return n
}
