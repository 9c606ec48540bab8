package exec

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"sync"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/kernels/group"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// sift finds out which rows of a node stay, and makes the program that says so: the rows are then dropped in whatever scan wants some
// of them, so that no other column than those of the keys is read for it, and none is copied.
func (x *Exec) sift(ctx context.Context, n *plan.Node) (err error) {
	st := x.opt.Progress.Stage("distinct", labels([]*plan.Node{n}), x.total(Base(n.In[0])))
	defer func() { st.Done(err) }()
	return inStep(n, Guard(func() error {
		r, ok := n.Op.(operators.Rel).Lower(n.Site, []rel.Node{rel.In{}}).(rel.Distinct)
		if !ok || r.From != (rel.In{}) {
			return errors.New("internal error: only the distinct rows of an input can be kept in place")
		}
		from := &nodeRows{x, n.In[0], slices.Sorted(slices.Values(n.Out.Needs[0])), st}
		gone, err := x.repeats(ctx, from, x.total(Base(n.In[0])), r, n.Only)
		if err != nil {
			return err
		}
		g := newSieve(gone, n.Out.Keep).Of(n.Label())
		n.Prog = &g
		return nil
	}))
}

// repeats finds the rows that equal another which stays in their place. Where only is set, it looks at rows of those parts alone.
//
// Each row becomes the words of its key with its identity, and goes to one of many partitions by a hash; what is equal is in one of
// them. Then each partition has a table of its keys, small enough for a cache, which holds the identity that is in front so far.
// Identities have an order, so that it is no matter in which rows come.
func (x *Exec) repeats(ctx context.Context, from rows, total int64, r rel.Distinct, only batch.Parts) (*idSet, error) {
	d := &sifting{x: x, by: r.By, types: from.types(r.By), last: r.Last, only: only}
	if only == batch.AllRows {
		d.only = 0
	}
	d.cut(total)
	defer d.close()
	for {
		d.begin()
		err := from.each(ctx, r.By, func(w int, c *batch.Ctx, b batch.Batch) error { return d.workers[w].add(c, b) })
		if err == nil {
			break
		}
		if !errors.Is(err, errLayout) {
			return nil, err
		}
		d.close()
	}
	settlers := make([]settler, x.opt.Workers)
	err := x.parallel(ctx, 1<<d.bits, nil, func(w, p int) error { return settlers[w].partition(d, p) })
	if err == nil {
		d.gone.finish()
	}
	return d.gone, err
}

// errLayout says that rows do not fit into the layout of the pages: the next try has another.
var errLayout = errors.New("internal error: rows are laid out anew")

// layout says what a row has in a page besides the words of its key.
type layout struct {
	copies bool // a second word of its identity
	long   bool // its texts, which are then compared as they are and not by their numbers
}

// sifting is a search for repeats under way.
type sifting struct {
	x     *Exec
	by    []string
	types []batch.Type
	last  bool
	only  batch.Parts // 0: all
	gone  *idSet

	bits  uint  // of the hash, that choose the partition
	share int64 // bytes that the open pages of a worker may take
	names int64 // bytes that texts may take which are compared by their numbers

	layout
	page    int // words of a page
	keys    *keys
	workers []*scatter

	mu   sync.Mutex
	next layout // of the next try
	file *mem.File
}

// A partition has about partRows rows, so that its table stays in a cache. Pages are smaller where there is little memory: every worker
// has one in memory for every partition.
const (
	partRows     = 1 << 16
	partBits     = 9
	pageWords    = 1 << 12
	pageWordsMin = 1 << 8
	pageRowsMin  = 16
	slabPages    = 64
)

// cut decides on the number of partitions for about so many rows.
func (d *sifting) cut(rows int64) {
	if rows == 0 {
		rows = 1 << 24 // not known
	}
	d.bits = uint(min(max(bits.Len64(uint64(rows-1)/partRows), 2), partBits))
	d.share = d.x.opt.Memory.Share(8*d.x.opt.Workers, 0, 1<<40)
	d.names = d.x.opt.Memory.Share(16, 1<<14, 64<<20)
}

// begin begins a try.
func (d *sifting) begin() {
	d.layout, d.gone = d.next, &idSet{}
	types := slices.Clone(d.types)
	if d.long {
		for i, t := range types {
			if t.Text() {
				types[i] = batch.T(batch.Int64)
			}
		}
	}
	d.keys = newKeys(types)
	for d.page = pageWords; d.page > pageWordsMin && int64(8*d.page)<<d.bits > d.share; {
		d.page /= 2
	}
	d.page = max(d.page, pageRowsMin*d.rowWords())
	d.workers = make([]*scatter, d.x.opt.Workers)
	for w := range d.workers {
		d.workers[w] = &scatter{d: d, keyer: d.keys.worker(), pages: make([][]page, 1<<d.bits)}
	}
}

// anew ends a try whose rows do not fit into their layout.
func (d *sifting) anew(change func(*layout)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.next)
	return errLayout
}

// close lets go of all rows.
func (d *sifting) close() {
	for _, s := range d.workers {
		d.x.opt.Memory.Free(s.held)
	}
	d.workers = nil
	d.file.Close()
	d.file = nil
}

// spill gives the file that pages go to.
func (d *sifting) spill() (*mem.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		f, err := d.x.opt.Memory.File()
		if err != nil {
			return nil, err
		}
		d.file = f
	}
	return d.file, nil
}

// rowWords is the room of a row in a page.
func (d *sifting) rowWords() int {
	n := d.idWords() + d.keys.words
	if d.long {
		n++
	}
	return n
}

func (d *sifting) idWords() int {
	if d.copies {
		return 2
	}
	return 1
}

// before says whether of two rows that are equal the first stays.
func (d *sifting) before(a, b batch.ID) bool { return batch.Compare(a, b) < 0 != d.last }

// page is some rows of a partition: identities, then keys, then, where texts are long, where each row's texts end.
type page struct {
	words []uint64
	n     int
	texts []byte
	at    *mem.Block // where it is in the file
}

// view is a page as its columns.
type view struct {
	ids, keys, ends []uint64
	texts           []byte
}

func (d *sifting) view(p *page) view {
	room := d.page / d.rowWords()
	ids, keys := room*d.idWords(), room*d.keys.words
	return view{p.words[:ids], p.words[ids:][:keys], p.words[ids+keys:], p.texts}
}

func (d *sifting) id(v *view, i int) batch.ID {
	if !d.copies {
		return batch.ID{Ordinal: v.ids[i]}
	}
	return batch.ID{Ordinal: v.ids[2*i], Copy: uint32(v.ids[2*i+1])}
}

func (v *view) text(i int) []byte {
	from := uint64(0)
	if i > 0 {
		from = v.ends[i-1]
	}
	return v.texts[from:v.ends[i]]
}

// settler goes through partitions for one worker.
type settler struct {
	table  *group.Table
	front  []batch.ID // of each group, the row that stays so far
	texts  [][]byte   // of each group, where texts are long
	others []other
	hashes []uint64
	groups []int32
	c      batch.Ctx
}

// other is a row whose key has the words of a group, and other texts: their hashes are equal.
type other struct {
	group int32
	text  []byte
	front batch.ID
}

func (s *settler) partition(d *sifting, p int) error {
	s.c.Poison = d.x.opt.Poison
	if s.table == nil {
		s.table = group.New(d.keys.words)
	}
	for _, k := range d.workers {
		for i := range k.pages[p] {
			if err := s.rows(d, &k.pages[p][i]); err != nil {
				return err
			}
		}
		k.pages[p] = nil
	}
	s.table.Reset()
	s.front, s.texts, s.others = s.front[:0], s.texts[:0], s.others[:0]
	return nil
}

// rows settles the rows of a page.
func (s *settler) rows(d *sifting, p *page) error {
	defer s.c.Reset()
	if p.at != nil {
		b, err := d.file.Read(&s.c, p.at, nil)
		if err != nil {
			return err
		}
		p = &page{words: b.ID.Ordinals, n: p.n, texts: b.Part}
	}
	if p.n == 0 {
		return nil
	}
	v := d.view(p)
	if cap(s.hashes) < p.n {
		s.hashes, s.groups = make([]uint64, d.page), make([]int32, d.page)
	}
	hashes, groups := s.hashes[:p.n], s.groups[:p.n]
	keys := v.keys[:p.n*d.keys.words]
	hash.Rows(hashes, keys, d.keys.words)
	s.table.Insert(groups, hashes, keys)
	for i, g := range groups {
		id := d.id(&v, i)
		if int(g) == len(s.front) {
			s.front = append(s.front, id)
			if d.long {
				s.texts = append(s.texts, append([]byte(nil), v.text(i)...))
			}
			continue
		}
		front := &s.front[g]
		if d.long {
			if front = s.of(g, v.text(i), id); front == nil {
				continue
			}
		}
		if d.before(id, *front) {
			id, *front = *front, id
		}
		d.gone.add(id, d.copies)
	}
	return nil
}

// of finds the row in front of those that have a group's words and the text; nil where there was none, and now is the one of id.
func (s *settler) of(g int32, text []byte, id batch.ID) *batch.ID {
	if string(s.texts[g]) == string(text) {
		return &s.front[g]
	}
	for i := range s.others {
		if o := &s.others[i]; o.group == g && string(o.text) == string(text) {
			return &o.front
		}
	}
	s.others = append(s.others, other{g, append([]byte(nil), text...), id})
	return nil
}
