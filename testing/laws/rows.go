package laws

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/toys/mem"
)

// edge says how odd made values are.
type edge uint8

const (
	tame edge = iota // what columns commonly hold
	odd              // NaN, -0, and what is tiny or great, but finite
	wild             // the edges of types, infinities among them
)

// grow makes n rows after the model of a table: values of the table and others of their types. Columns that are only to hold what the table holds (a label) are named by only.
func grow(r *rand.Rand, like mem.Table, n int, how edge, only []string) mem.Table {
	t := mem.Table{Schema: like.Schema}
	t.N = n
	for i := range n { // identities with gaps and copies, in order
		t.ID.Ordinals = append(t.ID.Ordinals, uint64(5+3*(i-i%7/6)))
		t.ID.Copies = append(t.ID.Copies, uint32(i%7/6))
	}
	if like.Part != nil {
		t.Part = make([]uint8, n)
		for i := range t.Part {
			t.Part[i] = like.Part[r.IntN(len(like.Part))]
		}
	}
	if n%2 == 1 {
		t.Key = make([]uint64, n)
		for i := range t.Key {
			t.Key[i] = r.Uint64() >> 3
		}
	}
	for j, f := range like.Fields {
		pool := []batch.Column{like.Cols[j].Plain(nil)}
		if extra, ok := others(r, f, how); ok && !slices.Contains(only, f.Name) {
			pool = append(pool, extra)
		}
		all, err := batch.Concat(nil, pool)
		if err != nil {
			panic(err)
		}
		var there []int32
		for i := range all.N {
			if !all.Null(i) {
				there = append(there, int32(i))
			}
		}
		idx, null := make([]int32, n), make([]bool, n)
		for i := range idx {
			if null[i] = f.Nullable && (r.IntN(5) == 0 || len(there) == 0); !null[i] {
				idx[i] = there[r.IntN(len(there))]
			}
		}
		var c batch.Column
		if all.N == 0 {
			c = mem.Place(nil, (*batch.Ctx)(nil).New(f.Type, n), false, false)
		} else {
			c = all.Take(nil, idx)
		}
		c.Valid = nil
		if slices.Contains(null, true) {
			c = c.WithNulls(null)
		}
		t.Cols = append(t.Cols, c)
	}
	return t
}

// others are values of a type, none of them null; ok is false for types of which none can be made up.
func others(r *rand.Rand, f operators.Field, how edge) (c batch.Column, ok bool) {
	const n = 24
	ints := func(edges ...int64) []int64 {
		v := make([]int64, n)
		for i := range v {
			v[i] = int64(r.IntN(40)) - 8
			if how == wild && i < len(edges) {
				v[i] = edges[i]
			}
		}
		return v
	}
	switch k := f.Type.Kind; k {
	case batch.Bool:
		c = batch.OfBools([]bool{true, false, true})
	case batch.Int32, batch.Date:
		v := make([]int32, n)
		for i, x := range ints(math.MinInt32, math.MaxInt32, 0, -1) {
			if v[i] = int32(x); k == batch.Date && how != wild {
				v[i] += 11000
			}
		}
		c = batch.OfInt32s(v)
	case batch.Int64:
		c = batch.OfInt64s(ints(math.MinInt64, math.MaxInt64, 0, 1<<53+1))
	case batch.Timestamp:
		v := ints(math.MinInt64, math.MaxInt64, 0, -1)
		for i := range v {
			if how != wild || i > 3 {
				v[i] = (978307200 + v[i]*86399) * f.Type.Unit.PerSecond()
			}
		}
		c = batch.OfInt64s(v)
	case batch.Decimal:
		most := int64(1)
		for range f.Type.Precision {
			most *= 10
		}
		c = batch.OfInt64s(ints(most-1, 1-most, 0))
		for i, v := range c.Int64s() {
			c.Int64s()[i] = max(min(v, most-1), 1-most)
		}
	case batch.Float32:
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64() * 10)
		}
		switch how {
		case odd:
			copy(v, []float32{float32(math.NaN()), float32(math.Copysign(0, -1)), 1e-45, 1e8})
		case wild:
			copy(v, []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), math.MaxFloat32, 1e-45})
		}
		c = batch.OfFloat32s(v)
	case batch.Float64:
		v := make([]float64, n)
		for i := range v {
			v[i] = r.NormFloat64() * 10
		}
		switch how {
		case odd:
			copy(v, []float64{math.NaN(), math.Copysign(0, -1), 5e-324, 1e16, -1e-300, 1e8})
		case wild:
			copy(v, []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64, 5e-324, 1e16, -1e-300})
		}
		c = batch.OfFloat64s(v)
	case batch.String, batch.Bytes:
		if f.Categories != nil {
			return c, false
		}
		v := []string{"", "a", "SFO", "ß", "a longer text that no word holds", "7", "z"}
		if how != tame {
			v = append(v, "\x00", "日本", " ", "-1.5e308", "nil")
		}
		c = batch.OfStrings(v)
	default:
		return c, false
	}
	c.Type = f.Type
	return c, true
}

// sum is a checksum of all memory that columns reach.
func sum(cols []batch.Column) uint64 {
	h := fnv.New64a()
	var add func(c *batch.Column)
	add = func(c *batch.Column) {
		fmt.Fprint(h, c.Type, c.N, c.Wide, c.Members)
		h.Write(bytesOf(c.Valid))
		h.Write(c.Values)
		h.Write(bytesOf(c.Offsets))
		if c.Dict != nil {
			add(c.Dict)
		}
	}
	for i := range cols {
		add(&cols[i])
	}
	return h.Sum64()
}

func bytesOf[T any](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}

// same says whether two rows hold the same bits; every NaN is one value, as canonical encodings have it.
func same(a *batch.Column, i int, b *batch.Column, j int) bool {
	if a.Type != b.Type || a.Null(i) != b.Null(j) {
		return false
	}
	if a.Null(i) {
		return true
	}
	switch k := a.Type.Kind; {
	case k == batch.Bool:
		return a.Bit(i) == b.Bit(j)
	case k == batch.Float64:
		return sameFloat(a.Float64s()[i], b.Float64s()[j])
	case k == batch.Float32:
		return sameFloat(float64(a.Float32s()[i]), float64(b.Float32s()[j]))
	case k == batch.Vector:
		if a.Wide != b.Wide || !slices.Equal(a.Members, b.Members) {
			return false
		}
		for m := range a.Wide {
			if !sameFloat(a.Member(m)[i], b.Member(m)[j]) {
				return false
			}
		}
		return true
	case a.Type.Text():
		return string(a.Text(i)) == string(b.Text(j))
	}
	w := a.Type.Width()
	return string(a.Values[i*w:(i+1)*w]) == string(b.Values[j*w:(j+1)*w])
}

func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// inFrame is a slot of a frame as a column of one row.
func inFrame(f *program.Frame, slot int, like *batch.Column) batch.Column {
	var c batch.Column
	switch t := like.Type; {
	case t.Kind == batch.Bool:
		c = batch.OfBools([]bool{f.I[slot] != 0})
	case t.Kind == batch.Float32:
		c = batch.OfFloat32s([]float32{float32(f.F[slot])})
	case t.Kind == batch.Float64:
		c = batch.OfFloat64s([]float64{f.F[slot]})
	case t.Text():
		c = batch.OfStrings([]string{f.S[slot]})
	case t.Kind == batch.Vector:
		c = (*batch.Ctx)(nil).NewVector(1, like.Members)
		if len(f.V[slot]) == like.Wide {
			for j := range c.Wide {
				c.Member(j)[0] = f.V[slot][j]
			}
		}
	case t.Width() == 4:
		c = batch.OfInt32s([]int32{int32(f.I[slot])})
	default:
		c = batch.OfInt64s([]int64{f.I[slot]})
	}
	c.Type = like.Type
	if f.Null[slot] {
		c = c.WithNulls([]bool{true})
	}
	return c
}

// columns are the inputs of a program over rows of a table: columns by name, and what the engine feeds.
func columns(g *program.Graph, s operators.Schema, b batch.Batch) ([]batch.Column, error) {
	words := func(at func(i int) uint64) batch.Column {
		v := make([]int64, b.N)
		for i := range v {
			v[i] = int64(at(i))
		}
		return batch.OfInt64s(v)
	}
	var cols []batch.Column
	for _, p := range g.In {
		switch p.Name {
		case program.Ordinal:
			cols = append(cols, words(func(i int) uint64 { return b.ID.At(i).Ordinal }))
		case program.Copy:
			cols = append(cols, words(func(i int) uint64 { return uint64(b.ID.At(i).Copy) }))
		case program.Key:
			cols = append(cols, words(b.KeyAt))
		case program.PartCol:
			cols = append(cols, words(func(i int) uint64 { return uint64(b.PartAt(i)) }))
		default:
			j := s.Index(p.Name)
			if j < 0 {
				return nil, fmt.Errorf("the program reads %q, and there is no such column", p.Name)
			}
			if t := g.Types[p.Slot]; t != s.Fields[j].Type {
				return nil, fmt.Errorf("the program reads %q as %s, and it is %s", p.Name, t, s.Fields[j].Type)
			}
			cols = append(cols, b.Cols[j])
		}
	}
	return cols, nil
}

// every gives the row numbers 0..n-1.
func every(n int) []int32 {
	idx := make([]int32, n)
	for i := range idx {
		idx[i] = int32(i)
	}
	return idx
}
