package evaluate

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/model"
)

// rows are all rows of an evaluation, packed: ranks need every score, so that the state grows with the rows. As a multiset of rows
// it does not depend on how they came, and what is finished from it does not either.
type rows struct {
	target  model.Target
	blind   bool        // there is no label: the rows are as those of class 0
	weight  string      // the column, "" for none
	flags   []uint8     // binary: bit 0 is the label, bit m+1 what model m predicts
	y       []float64   // regression, ranking: the label
	label   coded       // multiclass: the label
	preds   []coded     // multiclass: of each model, what it predicts
	members [][]string  // multiclass: of each model, the members of p; nil where there are no rows
	group   coded       // ranking: the group
	w       []float64   // nil without weights
	scores  [][]float64 // of each model, p or pred, of many classes the members row by row; NaN where there is none
	missing []int64     // of each model, rows without a score
	slices  []coded     // columns that metrics are given by
}

// coded is a column by the number of its value.
type coded struct {
	column string
	values hash.Table // a 1 and the value as text, or nothing for null
	codes  []int32
}

func (r *rows) binary() bool { return r.target.Task.Kind == operators.Binary }

func (r *rows) multiclass() bool { return r.target.Task.Kind == operators.Multiclass }

func (r *rows) ranking() bool { return r.target.Task.Kind == operators.Ranking }

func (r *rows) len() int { return max(len(r.flags), len(r.y), len(r.label.codes)) }

// wide is how many scores model m has a row.
func (r *rows) wide(m int) int {
	if r.multiclass() {
		return len(r.members[m])
	}
	return 1
}

// coded are the columns that are held by the number of their values, in the order of the state.
func (r *rows) coded() []*coded {
	var all []*coded
	for k := range r.slices {
		all = append(all, &r.slices[k])
	}
	if r.multiclass() {
		all = append(all, &r.label)
		for m := range r.preds {
			all = append(all, &r.preds[m])
		}
	}
	if r.ranking() {
		all = append(all, &r.group)
	}
	return all
}

func (r *rows) weightAt(i uint32) float64 {
	if r.w == nil {
		return 1
	}
	return r.w[i]
}

// count is how many rows an order lists, and at the k-th of them; nil lists all in the order of their coming.
func (r *rows) count(order []uint32) int {
	if order == nil {
		return r.len()
	}
	return len(order)
}

func at(order []uint32, k int) uint32 {
	if order == nil {
		return uint32(k)
	}
	return order[k]
}

// Add takes the label and the weight if there are any, the group of a ranking, the slices, and for each model its scores.
func (r *rows) Add(c *batch.Ctx, b batch.Batch) error {
	var y []float64
	var err error
	cols := b.Cols
	switch {
	case r.blind:
		y = make([]float64, b.N)
	case r.multiclass():
		err = r.addLabel(&cols[0])
	default:
		y, err = r.target.Values(c, &cols[0])
	}
	if err != nil {
		return err
	}
	if !r.blind {
		cols = cols[1:]
	}
	if r.weight != "" {
		w, err := model.Weights(c, r.weight, &cols[0], false)
		if err != nil {
			return err
		}
		r.w, cols = append(r.w, w...), cols[1:]
	}
	if r.ranking() {
		if n := cols[0].Nulls(); n > 0 {
			return model.DataError("the group %q is null in %d of %d rows", r.group.column, n, b.N)
		}
		if err := r.group.add(&cols[0]); err != nil {
			return err
		}
		cols = cols[1:]
	}
	for k := range r.slices {
		if err := r.slices[k].add(&cols[k]); err != nil {
			return err
		}
	}
	cols = cols[len(r.slices):]
	if r.multiclass() {
		return r.addClasses(cols)
	}
	from := r.len()
	if r.binary() {
		for _, v := range y {
			r.flags = append(r.flags, uint8(v))
		}
	} else {
		r.y = append(r.y, y...)
	}
	for m := range r.scores {
		s := c.Floats(cols[0])
		at := len(r.scores[m])
		r.scores[m] = append(r.scores[m], s...)
		var pred *batch.Column
		if cols = cols[1:]; r.binary() {
			pred, cols = &cols[0], cols[1:]
		}
		for i := range s {
			if s[i] != s[i] || pred != nil && pred.Null(i) {
				r.scores[m][at+i] = math.NaN() // one NaN, so that equal rows are equal bytes
				r.missing[m]++
			} else if pred != nil && pred.Bit(i) {
				r.flags[from+i] |= 2 << m
			}
		}
	}
	return nil
}

// addLabel takes the label of many classes.
func (r *rows) addLabel(col *batch.Column) error {
	if n := col.Nulls(); n > 0 {
		return model.DataError("the label %q is null in %d of %d rows", r.target.Name, n, col.N)
	}
	return r.label.add(col)
}

// addClasses takes p and pred of each model. A row of which a member is missing has none.
func (r *rows) addClasses(cols []batch.Column) error {
	for m := range r.scores {
		p, pred := &cols[2*m], &cols[2*m+1]
		if p.N == 0 {
			continue
		}
		if r.members[m] == nil {
			r.members[m] = p.Members
		} else if !slices.Equal(r.members[m], p.Members) {
			return fmt.Errorf("evaluate: p has the members %v, and had %v", p.Members, r.members[m])
		}
		if err := r.preds[m].add(pred); err != nil {
			return err
		}
		at, wide := len(r.scores[m]), p.Wide
		r.scores[m] = slices.Grow(r.scores[m], p.N*wide)[:at+p.N*wide]
		to := r.scores[m][at:]
		for j := range wide {
			for i, v := range p.Member(j) {
				to[i*wide+j] = v
			}
		}
		for i := range p.N {
			row := to[i*wide : (i+1)*wide]
			if p.Null(i) || pred.Null(i) || slices.ContainsFunc(row, func(v float64) bool { return v != v }) {
				for j := range row {
					row[j] = math.NaN() // one NaN, so that equal rows are equal bytes
				}
				r.missing[m]++
			}
		}
	}
	return nil
}

// add takes the values of a column.
func (s *coded) add(col *batch.Column) error {
	if !sliceable(col.Type) {
		return model.DataError("slices: column %q is %s, which has no values to slice by", s.column, col.Type)
	}
	var buf []byte
	insert := func(c *batch.Column, i int) int32 {
		buf = append(buf[:0], 1)
		switch {
		case c.Type.Text():
			buf = append(buf, c.Text(i)...)
		case c.Type.Integer() && c.Type.Width() == 4:
			buf = strconv.AppendInt(buf, int64(c.Int32s()[i]), 10)
		case c.Type.Integer():
			buf = strconv.AppendInt(buf, c.Int64s()[i], 10)
		default:
			buf = append(buf, operators.FormatValue(c, i)...)
		}
		return s.values.Insert(buf)
	}
	var dict []int32 // the codes of a dictionary's values, -1 for those that no row has had yet
	if col.Dict != nil {
		dict = slices.Repeat([]int32{-1}, col.Dict.N)
	}
	for i := range col.N {
		switch {
		case col.Null(i):
			s.codes = append(s.codes, s.values.Insert(nil))
		case dict != nil:
			d := col.Codes()[i]
			if dict[d] < 0 {
				dict[d] = insert(col.Dict, int(d))
			}
			s.codes = append(s.codes, dict[d])
		default:
			s.codes = append(s.codes, insert(col, i))
		}
	}
	return nil
}

// Merge appends o's rows.
func (r *rows) Merge(other operators.Acc) error {
	o := other.(*rows)
	r.flags, r.y, r.w = append(r.flags, o.flags...), append(r.y, o.y...), append(r.w, o.w...)
	for m := range r.scores {
		r.scores[m] = append(r.scores[m], o.scores[m]...)
		r.missing[m] += o.missing[m]
		if r.multiclass() && r.members[m] == nil {
			r.members[m] = o.members[m]
		}
	}
	theirs := o.coded()
	for k, s := range r.coded() {
		t := theirs[k]
		at := make([]int32, t.values.Len())
		for i := range at {
			at[i] = s.values.Insert(t.values.Key(i))
		}
		for _, c := range t.codes {
			s.codes = append(s.codes, at[c])
		}
	}
	return nil
}

// Bytes is the memory held.
func (r *rows) Bytes() int64 {
	n := int64(cap(r.flags) + 8*cap(r.y) + 8*cap(r.w))
	for m := range r.scores {
		n += int64(8 * cap(r.scores[m]))
	}
	for _, s := range r.coded() {
		n += s.values.Bytes() + int64(4*cap(s.codes))
	}
	return n
}

// recordBytes is the size of a row in the marshalled state.
func (r *rows) recordBytes() int {
	n := 4 * len(r.coded())
	for m := range r.scores {
		n += 8 * r.wide(m)
	}
	if r.weight != "" {
		n += 8
	}
	switch {
	case r.binary():
		return n + 1
	case r.multiclass():
		return n
	}
	return n + 8
}

// MarshalBinary writes the values of coded columns in their order, the members of p, then the rows as records of fixed size, sorted.
func (r *rows) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	columns := r.coded()
	rank := make([][]int32, len(columns))
	for k, s := range columns {
		t := &s.values
		rank[k] = make([]int32, t.Len())
		w.Uint(uint64(t.Len()))
		for i, c := range t.Sorted() {
			rank[k][c] = int32(i)
			w.Bytes(t.Key(int(c)))
		}
	}
	for _, names := range r.members {
		w.Strings(names)
	}
	size, n := r.recordBytes(), r.len()
	w.Uint(uint64(n))
	var rec canon.Writer
	rec.Buf = make([]byte, 0, n*size)
	for i := range n {
		switch {
		case r.binary():
			rec.Buf = append(rec.Buf, r.flags[i])
		case !r.multiclass():
			rec.Float(r.y[i])
		}
		if r.weight != "" {
			rec.Float(r.w[i])
		}
		for m, s := range r.scores {
			for _, v := range s[i*r.wide(m) : (i+1)*r.wide(m)] {
				rec.Float(v)
			}
		}
		for k, s := range columns {
			v := uint32(rank[k][s.codes[i]])
			rec.Buf = append(rec.Buf, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
		}
	}
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	at := func(i uint32) []byte { return rec.Buf[int(i)*size : (int(i)+1)*size] }
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(at(a), at(b)) })
	for _, i := range order {
		w.Buf = append(w.Buf, at(i)...)
	}
	return w.Buf, nil
}

// UnmarshalBinary reads what MarshalBinary wrote, into empty rows.
func (r *rows) UnmarshalBinary(data []byte) error {
	in := canon.NewReader(data)
	columns := r.coded()
	for _, s := range columns {
		n := in.Len(1)
		for i := range n {
			key := in.Bytes()
			if int(s.values.Insert(key)) != i || len(key) > 0 && key[0] != 1 {
				in.Fail("a value twice")
			}
		}
	}
	for m := range r.members {
		r.members[m] = in.Strings()
	}
	n := int(min(in.Uint(), 1<<32))
	if in.Err() == nil && in.Rest() != n*r.recordBytes() {
		in.Fail("%d bytes for %d rows of %d", in.Rest(), n, r.recordBytes())
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	rest := data[len(data)-in.Rest():]
	float := func() float64 {
		v := math.Float64frombits(uint64(word(rest)) | uint64(word(rest[4:]))<<32)
		rest = rest[8:]
		return v
	}
	for range n {
		switch {
		case r.binary():
			r.flags, rest = append(r.flags, rest[0]), rest[1:]
		case !r.multiclass():
			r.y = append(r.y, float())
		}
		if r.weight != "" {
			r.w = append(r.w, float())
		}
		for m := range r.scores {
			for j := range r.wide(m) {
				v := float()
				if j == 0 && v != v {
					r.missing[m]++
				}
				r.scores[m] = append(r.scores[m], v)
			}
		}
		for _, s := range columns {
			v := word(rest)
			if rest = rest[4:]; uint64(v) >= uint64(s.values.Len()) {
				return fmt.Errorf("evaluate: %w: value %d of %d", canon.ErrCorrupt, v, s.values.Len())
			}
			s.codes = append(s.codes, int32(v))
		}
	}
	return nil
}

func word(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// order is the rows by the score of model m, from low to high, those without a score last. Equal scores stand in any order: what is
// computed takes them as one step.
func (r *rows) order(m int) []uint32 {
	type keyed struct {
		key uint64
		row uint32
	}
	keys, other := make([]keyed, r.len()), make([]keyed, r.len())
	for i, s := range r.scores[m] {
		b := math.Float64bits(s + 0) // + 0 makes -0 into 0, which it equals
		if b>>63 != 0 {
			b = ^b
		} else {
			b |= 1 << 63
		}
		keys[i] = keyed{b, uint32(i)}
	}
	const digit = 11
	for shift := 0; shift < 64; shift += digit {
		var at [1 << digit]int
		for i := range keys {
			at[keys[i].key>>shift&(1<<digit-1)]++
		}
		if at[keys[0].key>>shift&(1<<digit-1)] == len(keys) {
			continue // the digit is the same everywhere
		}
		sum := 0
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, k := range keys {
			d := k.key >> shift & (1<<digit - 1)
			other[at[d]] = k
			at[d]++
		}
		keys, other = other, keys
	}
	out := make([]uint32, len(keys))
	for i, k := range keys {
		out[i] = k.row
	}
	return out
}

// slicesMax is how many values of a column have metrics of their own.
const slicesMax = 1000

// group is the rows of a slice, in the order given.
type group struct {
	value string
	order []uint32
}

// groups cuts rows by value: the most frequent value first, of equally frequent ones the least. The values beyond the most that are
// shown make one group at the end, which says how many they are.
func (s *coded) groups(order []uint32) []group {
	values := s.values.Len()
	count := make([]int, values)
	for _, c := range s.codes {
		count[c]++
	}
	rank := s.values.Sorted()
	slices.SortStableFunc(rank, func(a, b int32) int { return count[b] - count[a] })
	out := make([]group, min(values, slicesMax), slicesMax+1)
	slot := make([]int32, values)
	for i, c := range rank {
		slot[c] = int32(min(i, slicesMax))
		if i < slicesMax {
			out[i] = group{value: "null", order: make([]uint32, 0, count[c])}
			if k := s.values.Key(int(c)); len(k) > 0 {
				out[i].value = string(k[1:])
			}
		}
	}
	if values > slicesMax {
		out = append(out, group{value: fmt.Sprintf("(%d other values)", values-slicesMax)})
	}
	for _, i := range order {
		g := &out[slot[s.codes[i]]]
		g.order = append(g.order, i)
	}
	return out
}
