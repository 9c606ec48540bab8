// Package mem runs pipelines over tables in memory, for proofs about the engine.
package mem

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// Table is rows with their schema.
type Table struct {
	operators.Schema
	batch.Batch
}

// Parse reads a table in the notation of operators.ParseRows. A mistake in it panics: it is the test's own.
func Parse(text string) Table {
	s, b, err := operators.ParseRows(text)
	if err != nil {
		panic(fmt.Sprintf("mem: %v in:\n%s", err, text))
	}
	return Table{s, b}
}

// String is the table in the notation of rows.
func (t Table) String() string { return operators.FormatRows(t.Schema, t.Batch) }

// Column finds a column by its name; one that is not there panics.
func (t Table) Column(name string) *batch.Column {
	i := t.Index(name)
	if i < 0 {
		panic("mem: no column " + name + " among " + fmt.Sprint(t.Names()))
	}
	return &t.Cols[i]
}

// Dataset is a table as a source of a pipeline. Its rows are cut into units at will, and it remembers which columns were asked for.
// Identities are the ordinals of the table; parts and keys of the rows are not read.
type Dataset struct {
	Table
	// Sizes are those of the units in turn; the last is repeated until the rows are used up. None: all rows are one unit.
	Sizes []int
	// Uncounted keeps the number of rows of a unit secret until it is read, as a file of text lines does.
	Uncounted bool

	mu    sync.Mutex
	asked map[string]bool
	read  map[int]bool
	left  int
}

// Of makes a dataset.
func Of(t Table, units ...int) *Dataset { return &Dataset{Table: t, Sizes: units} }

// Asked are the columns that were read since the dataset was made, sorted.
func (d *Dataset) Asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for n := range d.asked {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// ReadUnits is how many units were read since the dataset was made.
func (d *Dataset) ReadUnits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.read)
}

// Schema is the table's.
func (d *Dataset) Schema() operators.Schema { return d.Table.Schema }

// Unreadable gives none.
func (d *Dataset) Unreadable() map[string]string { return nil }

// cuts are where units begin, and where the last ends.
func (d *Dataset) cuts() []int {
	at := []int{0}
	for i := 0; at[len(at)-1] < d.N || len(at) == 1; i++ {
		size := d.N
		if len(d.Sizes) > 0 {
			size = d.Sizes[min(i, len(d.Sizes)-1)]
		}
		at = append(at, min(d.N, at[len(at)-1]+max(size, 1)))
	}
	return at
}

// Bounds are what a file would say of the rows lo to hi of a column: the least and greatest value, NaN left out, and the nulls. Of bools,
// wide columns and lists nothing is said.
func Bounds(c batch.Column, lo, hi int) (b batch.Bounds, ok bool) {
	var least, most any
	put := func(v any, below func(a, b any) bool) {
		if least == nil || below(v, least) {
			least = v
		}
		if most == nil || below(most, v) {
			most = v
		}
	}
	for i := lo; i < hi; i++ {
		if c.Null(i) {
			b.Nulls++
			continue
		}
		switch k := c.Type.Kind; {
		case k == batch.Int32 || k == batch.Date:
			put(int64(c.Int32s()[i]), func(a, b any) bool { return a.(int64) < b.(int64) })
		case k == batch.Int64 || k == batch.Timestamp || k == batch.Decimal:
			put(c.Int64s()[i], func(a, b any) bool { return a.(int64) < b.(int64) })
		case c.Type.Float():
			v := 0.0
			if k == batch.Float32 {
				v = float64(c.Float32s()[i])
			} else {
				v = c.Float64s()[i]
			}
			if v == v {
				put(v, func(a, b any) bool { return a.(float64) < b.(float64) })
			}
		case c.Type.Text():
			put(string(c.Text(i)), func(a, b any) bool { return a.(string) < b.(string) })
		default:
			return batch.Bounds{}, false
		}
	}
	b.Min, b.Max, b.Rows = least, most, int64(hi-lo)
	return b, true
}

// Units cuts the rows.
func (d *Dataset) Units() []connectors.Unit {
	at := d.cuts()
	var out []connectors.Unit
	for i := range len(at) - 1 {
		u := connectors.Unit{File: "memory", First: uint64(at[i]), Rows: int64(at[i+1] - at[i]),
			Bounds: func(col int) (batch.Bounds, bool) { return Bounds(d.Cols[col], at[i], at[i+1]) }}
		if d.Uncounted {
			u.Rows, u.Bounds = -1, nil
			if i > 0 {
				u.First = 0
			}
		}
		out = append(out, u)
	}
	return out
}

// Read gives the rows of a unit. Text columns come dictionary-coded in every other batch, as files may have them; what stands under
// nulls is garbage.
func (d *Dataset) Read(ctx context.Context, c *batch.Ctx, unit int, cols []int, rowsMax int, emit func(batch.Batch) error) error {
	d.mu.Lock()
	if d.asked == nil {
		d.asked, d.read = map[string]bool{}, map[int]bool{}
	}
	d.read[unit] = true
	for _, j := range cols {
		d.asked[d.Fields[j].Name] = true
	}
	d.mu.Unlock()
	at := d.cuts()
	lo, end := at[unit], at[unit+1]
	for turn := 0; lo < end; turn++ {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		hi := min(end, lo+rowsMax)
		b := batch.Batch{N: hi - lo, ID: batch.IDs{Base: uint64(lo)}}
		for _, j := range cols {
			b.Cols = append(b.Cols, Place(c, Rows(d.Cols[j], lo, hi), turn%2 == 1, true))
		}
		if err := emit(b); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// Select gives the rows of a unit that are wanted, in every other batch with those beside them. What is said never to be wanted is left out five
// rows at a time.
func (d *Dataset) Select(ctx context.Context, c *batch.Ctx, unit int, s connectors.Selection, emit func(batch.Batch) error) error {
	turn := unit
	return d.Read(ctx, c, unit, s.Cols, s.RowsMax, func(b batch.Batch) error {
		turn++
		if s.Wanted == nil {
			return emit(b)
		}
		early := b
		early.Cols = nil
		for _, j := range s.Early {
			early.Cols = append(early.Cols, b.Cols[slices.Index(s.Cols, j)])
		}
		keep, err := s.Wanted(c, early)
		if err != nil {
			return emit(b)
		}
		var idx []int32
		for lo := 0; lo < b.N; lo += 5 {
			hi := min(b.N, lo+5)
			at := int(b.ID.Base) + lo
			never := s.Never != nil && s.Never(func(col int) (batch.Bounds, bool) { return Bounds(d.Cols[col], at, at+hi-lo) })
			for i := lo; i < hi && !never; i++ {
				if keep[i>>6]>>(i&63)&1 == 1 || turn%2 == 0 {
					idx = append(idx, int32(i))
				}
			}
		}
		d.mu.Lock()
		d.left += b.N - len(idx)
		d.mu.Unlock()
		if len(idx) == 0 {
			return nil
		}
		return emit(b.Take(c, idx))
	})
}

// LeftOut is how many rows of the units that were read were not given, because nobody wanted them.
func (d *Dataset) LeftOut() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left
}

// Files are none.
func (d *Dataset) Files() []connectors.File { return nil }

// Close does nothing.
func (d *Dataset) Close() error { return nil }

var (
	_ connectors.Dataset  = (*Dataset)(nil)
	_ connectors.Selector = (*Dataset)(nil)
)

// Rows copies rows of a column to the Go heap, from any row on.
func Rows(c batch.Column, lo, hi int) batch.Column {
	idx := make([]int32, hi-lo)
	for i := range idx {
		idx[i] = int32(lo + i)
	}
	return c.Take(nil, idx)
}

// Place copies a column into memory of its own in ctx: dictionary-coded where that is asked for and it is text, plain otherwise, and
// with other bytes under its nulls where garbage is asked for. Nothing that an operator may look at changes by that.
func Place(ctx *batch.Ctx, c batch.Column, coded, garbage bool) batch.Column {
	o := c
	if c.Valid != nil {
		o.Valid = ctx.Uint64s(len(c.Valid))
		copy(o.Valid, c.Valid)
	}
	bad := func(i int) bool { return garbage && c.Null(i) }
	switch {
	case c.Type.Text() && coded:
		return code(ctx, &c, o.Valid, bad)
	case c.Type.Text():
		return plain(ctx, &c, o.Valid, bad)
	case c.Type.Kind == batch.Vector:
		o.Values = ctx.AllocDirty(len(c.Values))
		copy(o.Values, c.Values)
		for j := range o.Wide {
			m := o.Member(j)
			for i := range m {
				if bad(i) {
					m[i] = -7.25e300
				}
			}
		}
		return o
	}
	o.Values = ctx.AllocDirty(len(c.Values))
	copy(o.Values, c.Values)
	if c.Type.Kind == batch.Bool {
		w := o.Bits()
		for i := range c.N {
			if bad(i) {
				w[i>>6] ^= 1 << (i & 63)
			}
		}
		return o
	}
	width := c.Type.Width()
	for i := range c.N {
		if bad(i) && width > 0 {
			for k := range width {
				o.Values[i*width+k] ^= byte(0x5c + 29*k)
			}
		}
	}
	return o
}

func code(ctx *batch.Ctx, c *batch.Column, valid []uint64, bad func(int) bool) batch.Column {
	at := map[string]int32{}
	words := []string{"no row has this"}
	codes := ctx.Int32s(c.N)
	for i := range c.N {
		if codes[i] = 0; c.Null(i) {
			if bad(i) {
				codes[i] = 1<<30 + int32(i)
			}
			continue
		}
		s := c.Str(i)
		k, ok := at[s]
		if !ok {
			k = int32(len(words))
			at[string(c.Text(i))] = k
			words = append(words, s)
		}
		codes[i] = k
	}
	of := batch.OfStrings(words)
	of.Type = c.Type
	dict := plain(ctx, &of, nil, func(int) bool { return false })
	out := batch.OfCodes(codes, &dict)
	out.Valid = valid
	return out
}

func plain(ctx *batch.Ctx, c *batch.Column, valid []uint64, bad func(int) bool) batch.Column {
	o := batch.Column{Type: c.Type, N: c.N, Valid: valid, Offsets: ctx.Int32s(c.N + 1)}
	text := []byte{}
	for i := range c.N {
		o.Offsets[i] = int32(len(text))
		switch {
		case bad(i):
			text = append(text, "garbage\xff\x00"...)
		case !c.Null(i):
			text = append(text, c.Text(i)...)
		}
	}
	o.Offsets[c.N] = int32(len(text))
	o.Values = ctx.AllocDirty(len(text))
	copy(o.Values, text)
	return o
}

// PlaceBatch places all columns of a batch and copies its identities, parts and keys.
func PlaceBatch(ctx *batch.Ctx, b batch.Batch, coded, garbage bool) batch.Batch {
	o := b.Clone()
	o.Cols = nil
	for _, c := range b.Cols {
		o.Cols = append(o.Cols, Place(ctx, c, coded, garbage))
	}
	return o
}
