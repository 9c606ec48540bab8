package batch

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/kernels/pick"
)

// ErrTextTooLong is wrapped where a plain text column would pass the 2 GiB that its int32 offsets reach.
var ErrTextTooLong = errors.New("text of a column passes 2 GiB")

// Take is the loop for i { out[i] = col[idx[i]] }; a negative index, which stands for no row, gives null. Text of more than
// 2 GiB, which repeated rows can make, comes out coded with col as its dictionary.
func (col Column) Take(c *Ctx, idx []int32) Column {
	none := false
	for _, i := range idx {
		none = none || i < 0
	}
	out := col.take(c, idx, none)
	if none || col.Valid != nil {
		out.Valid = c.Bitmap(len(idx))
		if col.Valid != nil {
			bits.Take(out.Valid, col.Valid, idx)
		} else {
			for i, x := range idx {
				if x >= 0 {
					out.Valid[i>>6] |= 1 << (i & 63)
				}
			}
		}
	}
	return out
}

// take is Take without the bitmap of nulls; none says that there are negative indexes.
func (col *Column) take(c *Ctx, idx []int32, none bool) Column {
	n := len(idx)
	out := Column{Type: col.Type, N: n, Wide: col.Wide, Members: col.Members, Dict: col.Dict}
	switch {
	case col.Dict != nil:
		v := c.Int32s(n)
		gather(v, col.Codes(), idx, none)
		out.Values = raw(v)
	case col.Type.Kind == Vector:
		out.Values = c.AllocDirty(n * col.Wide * 8)
		for j := range col.Wide {
			gather(out.Member(j), col.Member(j), idx, none)
		}
	case col.Type.Kind == Bool:
		v := c.Bitmap(n)
		bits.Take(v, col.Bits(), idx)
		out.Values = raw(v)
	case col.Type.Text():
		return col.takeText(c, idx, none)
	case col.Type.Width() == 4:
		v := c.Uint32s(n)
		gather(v, view[uint32](col.Values, col.N), idx, none)
		out.Values = raw(v)
	case col.Type.Width() == 8:
		v := c.Uint64s(n)
		gather(v, view[uint64](col.Values, col.N), idx, none)
		out.Values = raw(v)
	default:
		panic("batch: a column of " + col.Type.String() + " has no rows to select")
	}
	return out
}

func gather[T any](dst, src []T, idx []int32, none bool) {
	dst = dst[:len(idx)]
	if !none {
		for i, x := range idx {
			dst[i] = src[x]
		}
		return
	}
	for i, x := range idx {
		var v T
		if x >= 0 {
			v = src[x]
		}
		dst[i] = v
	}
}

func (col *Column) takeText(c *Ctx, idx []int32, none bool) Column {
	off, total := slice[int32](c, len(idx)+1, true), 0
	off[0] = 0
	for i, x := range idx {
		if x >= 0 {
			total += int(col.Offsets[x+1] - col.Offsets[x])
		}
		if total > math.MaxInt32 {
			dict := *col
			dict.Valid = nil
			codes := c.Int32s(len(idx))
			for i, x := range idx {
				codes[i] = max(x, 0)
			}
			return OfCodes(codes, &dict)
		}
		off[i+1] = int32(total)
	}
	data := c.AllocDirty(total)
	for i, x := range idx {
		if x >= 0 {
			copyText(data, off[i], col.Values[col.Offsets[x]:col.Offsets[x+1]])
		}
	}
	return Column{Type: col.Type, N: len(idx), Offsets: off, Values: data}
}

// copyText is copy without a call where the text is short, which it mostly is.
func copyText(dst []byte, at int32, src []byte) {
	d := dst[at : int(at)+len(src)]
	if len(src) > 16 {
		copy(d, src)
		return
	}
	for i, b := range src { //nolint:staticcheck // S1001 asks for the call that is to be spared
		d[i] = b
	}
}

// Filter keeps the rows whose bit in keep is set, kept many, in order. keep is a bitmap of col.N bits. A filter that keeps all
// shares the column.
func (col Column) Filter(c *Ctx, keep []uint64, kept int) Column {
	if n := bits.Count(keep); n != kept {
		panic(fmt.Sprintf("batch: filter keeps %d rows, %d were stated", n, kept))
	}
	if kept == col.N {
		return col
	}
	return col.filter(c, keep, kept)
}

// filter is Filter without its checks.
func (col *Column) filter(c *Ctx, keep []uint64, n int) Column {
	out := Column{Type: col.Type, N: n, Wide: col.Wide, Members: col.Members, Dict: col.Dict}
	if col.Valid != nil {
		out.Valid = c.Bitmap(n)
		bits.Filter(out.Valid, col.Valid, keep)
	}
	switch {
	case col.Type.Kind == Vector:
		out.Values = c.AllocDirty(n * col.Wide * 8)
		for j := range col.Wide {
			pick.Filter(out.Member(j), col.Member(j), keep)
		}
	case col.Type.Kind == Bool:
		v := c.Bitmap(n)
		bits.Filter(v, col.Bits(), keep)
		out.Values = raw(v)
	case col.Type.Text() && col.Dict == nil:
		out.Offsets = slice[int32](c, n+1, true)
		out.Values = c.AllocDirty(pick.FilterStringsBytes(col.Offsets, keep))
		pick.FilterStrings(out.Offsets, out.Values, col.Offsets[:col.N+1], col.Values, keep)
	case col.Dict != nil || col.Type.Width() == 4:
		v := c.Uint32s(n)
		pick.Filter(v, view[uint32](col.Values, col.N), keep)
		out.Values = raw(v)
	case col.Type.Width() == 8:
		v := c.Uint64s(n)
		pick.Filter(v, view[uint64](col.Values, col.N), keep)
		out.Values = raw(v)
	default:
		panic("batch: a column of " + col.Type.String() + " has no rows to select")
	}
	return out
}

// Slice is the rows lo <= i < hi. Values are shared where lo is a multiple of 64, text always; the rest is copied into c, as
// bitmaps must begin at a word and be 0 past their end, and values at an aligned address.
func (col Column) Slice(c *Ctx, lo, hi int) Column {
	if lo == 0 && hi == col.N {
		return col
	}
	if lo < 0 || hi < lo || hi > col.N {
		panic(fmt.Sprintf("batch: rows %d to %d of %d", lo, hi, col.N))
	}
	n := hi - lo
	out := Column{Type: col.Type, N: n, Wide: col.Wide, Members: col.Members, Dict: col.Dict}
	if col.Valid != nil {
		out.Valid = sliceBits(c, col.Valid, lo, n)
	}
	switch w := col.Type.Width(); {
	case n == 0 && !col.Type.Text():
	case col.Type.Kind == Vector:
		out.Values = c.AllocDirty(n * col.Wide * 8)
		for j := range col.Wide {
			copy(out.Member(j), col.Member(j)[lo:hi])
		}
	case col.Type.Kind == Bool:
		out.Values = raw(sliceBits(c, col.Bits(), lo, n))
	case col.Dict != nil:
		out.Values = sliceValues(c, col.Values, 4, lo, n)
	case col.Type.Text():
		out.Offsets = slice[int32](c, n+1, true)
		from := col.Offsets[lo]
		for i, o := range col.Offsets[lo : hi+1] {
			out.Offsets[i] = o - from
		}
		out.Values = col.Values[from:col.Offsets[hi]]
	case w > 0:
		out.Values = sliceValues(c, col.Values, w, lo, n)
	default:
		panic("batch: a column of " + col.Type.String() + " has no rows to select")
	}
	return out
}

func sliceBits(c *Ctx, src []uint64, lo, n int) []uint64 {
	if lo&63 == 0 && n&63 == 0 {
		return src[lo>>6 : (lo+n)>>6]
	}
	dst := slice[uint64](c, Words(n), true)
	bits.Slice(dst, src, lo, n)
	return dst
}

func sliceValues(c *Ctx, src []byte, width, lo, n int) []byte {
	src = src[lo*width : (lo+n)*width]
	if lo&63 == 0 {
		return src
	}
	dst := c.AllocDirty(len(src))
	copy(dst, src)
	return dst
}

// Plain is the column with its dictionary expanded; a column that has none is itself. A column whose text would pass 2 GiB stays
// coded, so that who must have offsets asks for Dict == nil.
func (col Column) Plain(c *Ctx) Column {
	if col.Dict == nil {
		return col
	}
	out, err := concatText(c, []Column{col})
	if err != nil {
		return col
	}
	out.Valid = col.Valid
	return out
}

// textBytes is what a plain copy of the text takes.
func (col *Column) textBytes() (total int64) {
	if col.N == 0 {
		return 0
	}
	if col.Dict == nil {
		return int64(col.Offsets[col.N] - col.Offsets[0])
	}
	off := col.Dict.Offsets
	for i, x := range col.Codes() {
		if !col.Null(i) {
			total += int64(off[x+1] - off[x])
		}
	}
	return total
}

// Concat is the rows of all columns, one after the other. They must be of one type, vectors of one width: anything else is the
// caller's mistake and panics. Coded columns of one dictionary stay coded; of several, they get a merged dictionary where that is no
// longer than the column, else the text is expanded, as it is where some are plain. Text that passes 2 GiB is an ErrTextTooLong.
// No columns give the zero Column.
func Concat(c *Ctx, cols []Column) (Column, error) {
	if len(cols) == 0 {
		return Column{}, nil
	}
	n, nulls := 0, false
	for i := range cols {
		if cols[i].Type != cols[0].Type || cols[i].Wide != cols[0].Wide {
			panic(fmt.Sprintf("batch: concat of %s and %s", cols[0].Type, cols[i].Type))
		}
		n += cols[i].N
		nulls = nulls || cols[i].Valid != nil
	}
	if len(cols) == 1 {
		return cols[0], nil
	}
	out, err := concatValues(c, cols, n)
	if err != nil {
		return Column{}, err
	}
	if nulls {
		out.Valid = c.Bitmap(n)
		pasteBits(c, out.Valid, cols, func(col *Column) []uint64 { return col.Valid })
	}
	return out, nil
}

// pasteBits lays bitmaps end to end; a nil one is all set.
func pasteBits(c *Ctx, dst []uint64, cols []Column, of func(*Column) []uint64) {
	at := 0
	for i := range cols {
		col := &cols[i]
		src := of(col)
		if src == nil {
			src = c.Bitmap(col.N)
			bits.Fill(src, col.N)
		}
		bits.Paste(dst, at, src, col.N)
		at += col.N
	}
}

func concatValues(c *Ctx, cols []Column, n int) (Column, error) {
	first := &cols[0]
	out := Column{Type: first.Type, N: n, Wide: first.Wide, Members: first.Members}
	switch {
	case first.Type.Text():
		return concatAnyText(c, cols, n)
	case first.Type.Kind == Vector:
		out.Values = c.AllocDirty(n * out.Wide * 8)
		for j := range out.Wide {
			at, dst := 0, out.Member(j)
			for i := range cols {
				at += copy(dst[at:], cols[i].Member(j))
			}
		}
	case first.Type.Kind == Bool:
		v := c.Bitmap(n)
		pasteBits(c, v, cols, (*Column).Bits)
		out.Values = raw(v)
	case first.Type.Width() > 0:
		w := first.Type.Width()
		out.Values = c.AllocDirty(n * w)
		at := 0
		for i := range cols {
			at += copy(out.Values[at:], cols[i].Values[:cols[i].N*w])
		}
	default:
		panic("batch: a column of " + first.Type.String() + " has no rows to select")
	}
	return out, nil
}

func concatAnyText(c *Ctx, cols []Column, n int) (Column, error) {
	coded, entries, total := true, 0, int64(0)
	var dicts []*Column
	for i := range cols {
		col := &cols[i]
		if col.N == 0 {
			continue
		}
		if col.Dict == nil {
			coded = false
		} else if !slices.Contains(dicts, col.Dict) {
			dicts = append(dicts, col.Dict)
			entries += col.Dict.N
		}
	}
	if coded && len(dicts) == 1 {
		return concatCodes(c, cols, n, dicts[0], nil), nil
	}
	for i := range cols {
		total += cols[i].textBytes()
	}
	if coded && len(dicts) > 0 && (entries <= n || total > math.MaxInt32) {
		dict, codes, err := mergeDicts(c, dicts)
		if err != nil {
			return Column{}, err
		}
		return concatCodes(c, cols, n, dict, codes), nil
	}
	return concatText(c, cols)
}

// mergeDicts gives one dictionary with the entries of all, each once, in the order in which they are met, and for each dictionary its
// codes in the new one.
func mergeDicts(c *Ctx, dicts []*Column) (*Column, map[*Column][]int32, error) {
	var t hash.Table
	codes := make(map[*Column][]int32, len(dicts))
	total := 0
	for _, d := range dicts {
		to := c.Int32s(d.N)
		for i := range to {
			s := d.Text(i)
			before := t.Len()
			if to[i] = t.Insert(s); t.Len() > before {
				total += len(s)
			}
		}
		codes[d] = to
	}
	if total > math.MaxInt32 {
		return nil, nil, fmt.Errorf("merged dictionary: %w", ErrTextTooLong)
	}
	out := Column{Type: dicts[0].Type, N: t.Len(), Lasts: c == nil, Offsets: slice[int32](c, t.Len()+1, true), Values: c.AllocDirty(total)}
	out.Offsets[0] = 0
	at := 0
	for i := range out.N {
		at += copy(out.Values[at:], t.Key(i))
		out.Offsets[i+1] = int32(at)
	}
	return &out, codes, nil
}

// concatCodes lays codes end to end, each through the map of its dictionary unless maps is nil.
func concatCodes(c *Ctx, cols []Column, n int, dict *Column, maps map[*Column][]int32) Column {
	v, at := c.Int32s(n), 0
	for i := range cols {
		col := &cols[i]
		if col.N == 0 {
			continue
		}
		dst, to := v[at:at+col.N], maps[col.Dict]
		at += copy(dst, col.Codes())
		if maps == nil {
			continue
		}
		for j, x := range dst {
			dst[j] = 0
			if uint(x) < uint(len(to)) { // a code under a null may be anything
				dst[j] = to[x]
			}
		}
	}
	return OfCodes(v, dict)
}

// concatText is a plain column without its bitmap of nulls; a null of a coded column becomes empty text.
func concatText(c *Ctx, cols []Column) (Column, error) {
	n, total := 0, int64(0)
	for i := range cols {
		n, total = n+cols[i].N, total+cols[i].textBytes()
	}
	if total > math.MaxInt32 {
		return Column{}, fmt.Errorf("%d bytes in %d rows: %w", total, n, ErrTextTooLong)
	}
	off, data := slice[int32](c, n+1, true), c.AllocDirty(int(total))
	off[0] = 0
	row, at := 0, int32(0)
	for i := range cols {
		col := &cols[i]
		if col.N == 0 {
			continue
		}
		if col.Dict == nil {
			from := col.Offsets[0]
			copy(data[at:], col.Values[from:col.Offsets[col.N]])
			for _, o := range col.Offsets[1 : col.N+1] {
				row++
				off[row] = at + o - from
			}
			at += col.Offsets[col.N] - from
			continue
		}
		doff, ddata := col.Dict.Offsets, col.Dict.Values
		for j, x := range col.Codes() {
			if !col.Null(j) {
				s := ddata[doff[x]:doff[x+1]]
				copyText(data, at, s)
				at += int32(len(s))
			}
			row++
			off[row] = at
		}
	}
	return Column{Type: cols[0].Type, N: n, Offsets: off, Values: data}, nil
}

// Clone is a copy in Go memory, its dictionary included unless that lasts; the members' names are shared.
func (col Column) Clone() Column { return col.Copy(nil) }

// Copy is a Clone in c's memory.
func (col Column) Copy(c *Ctx) Column {
	out := col
	out.Lasts = false
	if col.Valid != nil {
		out.Valid = slice[uint64](c, len(col.Valid), true)
		copy(out.Valid, col.Valid)
	}
	if col.Values != nil {
		out.Values = c.AllocDirty(len(col.Values))
		copy(out.Values, col.Values)
	}
	if col.Offsets != nil {
		out.Offsets = slice[int32](c, len(col.Offsets), true)
		copy(out.Offsets, col.Offsets)
	}
	if col.Dict != nil && !col.Dict.Lasts {
		d := col.Dict.Copy(c)
		d.Lasts = c == nil
		out.Dict = &d
	}
	return out
}

// Unscale is a decimal's value as a float: unscaled / 10^scale.
func Unscale(unscaled int64, scale int8) float64 { return float64(unscaled) / math.Pow10(int(scale)) }

// Floats is the loop for i { out[i] = float64(col[i]), NaN where it is null }, of a number, bool (0 or 1), date (days) or
// timestamp (its unit). A Float64 column without nulls is shared; nobody changes the result. Other kinds panic.
func (c *Ctx) Floats(col Column) []float64 {
	if col.Type.Kind == Float64 && col.Valid == nil {
		return col.Float64s()
	}
	v := c.Float64s(col.N)
	col.ReadFloats(v, 0)
	return v
}

// ReadFloats is the loop for i { dst[i] = the number of row from+i, NaN where it is null }; a Decimal is its value, a Bool 0 or 1.
func (col *Column) ReadFloats(dst []float64, from int) {
	switch col.Type.Kind {
	case Float64:
		copy(dst, col.Float64s()[from:from+len(dst)])
	case Float32:
		widen(dst, col.Float32s()[from:])
	case Int32, Date:
		widen(dst, col.Int32s()[from:])
	case Int64, Timestamp:
		widen(dst, col.Int64s()[from:])
	case Decimal:
		scale := math.Pow10(int(col.Type.Scale))
		for i, x := range col.Int64s()[from : from+len(dst)] {
			dst[i] = float64(x) / scale
		}
	case Bool:
		w := col.Bits()
		for i := range dst {
			dst[i] = float64(w[(from+i)>>6] >> ((from + i) & 63) & 1)
		}
	default:
		panic("batch: a column of " + col.Type.String() + " as numbers")
	}
	if col.Valid == nil {
		return
	}
	for i := 0; i < len(dst); {
		w, most := col.Valid[(from+i)>>6]>>((from+i)&63), min(64-(from+i)&63, len(dst)-i)
		if w != ^uint64(0) {
			for k := range most {
				if w>>k&1 == 0 {
					dst[i+k] = math.NaN()
				}
			}
		}
		i += most
	}
}

func widen[T int32 | int64 | float32](dst []float64, src []T) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = float64(x)
	}
}

// Take is the rows of the indexes, in their order, with their identities. There is no row of a negative index.
func (b Batch) Take(c *Ctx, idx []int32) Batch {
	out := b.identities(c, idx)
	for i := range b.Cols {
		out.Cols[i] = b.Cols[i].Take(c, idx)
	}
	return out
}

// Filter is the rows whose bit in keep is set, kept many. A filter that keeps all gives the batch itself.
func (b Batch) Filter(c *Ctx, keep []uint64, kept int) Batch {
	if kept == b.N {
		return b
	}
	idx := c.Int32s(kept)
	if n := bits.ToIndex(idx, keep); n != kept {
		panic(fmt.Sprintf("batch: filter keeps %d rows, %d were stated", n, kept))
	}
	out := b.identities(c, idx)
	for i := range b.Cols {
		out.Cols[i] = b.Cols[i].filter(c, keep, kept)
	}
	return out
}

// identities is what Take gives but for the columns' contents.
func (b *Batch) identities(c *Ctx, idx []int32) Batch {
	n := len(idx)
	out := Batch{N: n, Cols: make([]Column, len(b.Cols))}
	ord := c.Uint64s(n)
	for i, x := range idx {
		if x < 0 || int(x) >= b.N {
			panic(fmt.Sprintf("batch: row %d of %d", x, b.N))
		}
		ord[i] = b.ID.Base + uint64(x)
	}
	if b.ID.Ordinals != nil {
		gather(ord, b.ID.Ordinals, idx, false)
	}
	// An empty list is not a missing one: Base would then count, which for no rows does no harm.
	out.ID.Ordinals = ord
	if b.ID.Copies != nil {
		out.ID.Copies = c.Uint32s(n)
		gather(out.ID.Copies, b.ID.Copies, idx, false)
	}
	if b.Part != nil {
		out.Part = c.Uint8s(n)
		gather(out.Part, b.Part, idx, false)
	}
	if b.Key != nil {
		out.Key = c.Uint64s(n)
		gather(out.Key, b.Key, idx, false)
	}
	return out
}

// Slice is the rows lo <= i < hi; what can be is shared.
func (b Batch) Slice(c *Ctx, lo, hi int) Batch {
	if lo == 0 && hi == b.N {
		return b
	}
	if lo < 0 || hi < lo || hi > b.N {
		panic(fmt.Sprintf("batch: rows %d to %d of %d", lo, hi, b.N))
	}
	out := Batch{N: hi - lo, ID: IDs{Base: b.ID.Base + uint64(lo), Ordinals: cut(b.ID.Ordinals, lo, hi), Copies: cut(b.ID.Copies, lo, hi)},
		Part: cut(b.Part, lo, hi), Key: cut(b.Key, lo, hi), Cols: make([]Column, len(b.Cols))}
	for i := range b.Cols {
		out.Cols[i] = b.Cols[i].Slice(c, lo, hi)
	}
	return out
}

func cut[T any](s []T, lo, hi int) []T {
	if s == nil {
		return nil
	}
	return s[lo:hi:hi]
}

// ConcatBatches is the rows of all batches, one after the other, with their identities; see Concat. Columns are by position, all
// batches must have as many. No batches give the zero Batch.
func ConcatBatches(c *Ctx, bs []Batch) (Batch, error) {
	if len(bs) == 0 {
		return Batch{}, nil
	}
	if len(bs) == 1 {
		return bs[0], nil
	}
	out := Batch{Cols: make([]Column, len(bs[0].Cols))}
	dense, copies, part, key := true, false, false, false
	for i := range bs {
		b := &bs[i]
		if len(b.Cols) != len(out.Cols) {
			panic(fmt.Sprintf("batch: concat of %d and %d columns", len(out.Cols), len(b.Cols)))
		}
		if out.N == 0 {
			out.ID.Base = b.ID.Base
		}
		dense = dense && (b.N == 0 || b.ID.Ordinals == nil && b.ID.Base == out.ID.Base+uint64(out.N))
		out.N += b.N
		copies, part, key = copies || b.ID.Copies != nil, part || b.Part != nil, key || b.Key != nil
	}
	if !dense {
		out.ID.Base, out.ID.Ordinals = 0, join(c, bs, out.N, func(b *Batch, i int) uint64 { return b.ID.At(i).Ordinal })
	}
	if copies {
		out.ID.Copies = join(c, bs, out.N, func(b *Batch, i int) uint32 { return b.ID.At(i).Copy })
	}
	if part {
		out.Part = join(c, bs, out.N, func(b *Batch, i int) uint8 { return uint8(b.PartAt(i)) })
	}
	if key {
		out.Key = join(c, bs, out.N, (*Batch).KeyAt)
	}
	cols := make([]Column, len(bs))
	for j := range out.Cols {
		for i := range bs {
			cols[i] = bs[i].Cols[j]
		}
		var err error
		if out.Cols[j], err = Concat(c, cols); err != nil {
			return Batch{}, fmt.Errorf("column %d: %w", j, err)
		}
	}
	return out, nil
}

func join[T any](c *Ctx, bs []Batch, n int, of func(b *Batch, i int) T) []T {
	v := slice[T](c, n, true)
	at := 0
	for j := range bs {
		for i := range bs[j].N {
			v[at] = of(&bs[j], i)
			at++
		}
	}
	return v
}
