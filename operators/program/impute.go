package program

import (
	"fmt"
	"math"
	mbits "math/bits"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Impute fills nulls: for i { out[j][i] = in[j][i] is null ? Values[j] : in[j][i] }, in a type that stays. With NaN, a NaN of a float
// column is filled as well. A null Value leaves its column as it is, NaN too. In are of any type but Vector and List.
type Impute struct {
	Values []Value // one a column
	NaN    bool
	types  []batch.Type
}

func init() { Register(func() Kind { return &Impute{} }) }

// ID is "impute".
func (*Impute) ID() string { return "impute" }

// Init checks that every value is of its column's kind.
func (k *Impute) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Values), len(k.Values)); err != nil {
		return err
	}
	for j, v := range k.Values {
		if in[j] != out[j] {
			return fmt.Errorf("column %d changes its type from %s to %s", j, in[j], out[j])
		}
		if err := v.Check(in[j]); err != nil {
			return fmt.Errorf("column %d: %w", j, err)
		}
	}
	k.types = in
	return nil
}

// Batch shares the columns that have nothing to fill.
func (k *Impute) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	for j := range in {
		col, v := &in[j], &k.Values[j]
		if out[j] = *col; v.IsNull() || n == 0 || col.Valid == nil && !(k.NaN && col.Type.Float()) {
			continue
		}
		o := &out[j]
		o.Valid = nil
		switch {
		case col.Type.Text():
			text, err := fillText(c, col, v.S)
			if err != nil {
				return fmt.Errorf("impute: column %d: %w", j, err)
			}
			*o = text
		case v.Kind == batch.Bool:
			w, x := c.Uint64s(batch.Words(n)), col.Bits()
			for i := range w {
				w[i] = x[i]&col.Valid[i] | -uint64(v.I)&^col.Valid[i]
			}
			if n&63 != 0 {
				w[len(w)-1] &= 1<<(n&63) - 1
			}
			*o = batch.OfBits(w, n)
		default:
			o.Values = c.AllocDirty(len(col.Values))
			copy(o.Values, col.Values)
			switch v.Kind {
			case batch.Int32, batch.Date:
				fillNulls(o.Int32s(), col.Valid, int32(v.I))
			case batch.Float32:
				fillNulls(o.Float32s(), col.Valid, float32(v.F))
			case batch.Float64:
				fillNulls(o.Float64s(), col.Valid, v.F)
			default:
				fillNulls(o.Int64s(), col.Valid, v.I)
			}
		}
		if k.NaN && v.Kind == batch.Float64 {
			fillNaN(o.Float64s(), v.F)
		}
		if k.NaN && v.Kind == batch.Float32 {
			fillNaN(o.Float32s(), float32(v.F))
		}
	}
	return nil
}

func fillNulls[T any](v []T, valid []uint64, x T) {
	for j, w := range valid {
		part := v[j*64 : min(len(v), j*64+64)]
		for w = ^w; w != 0; w &= w - 1 {
			i := mbits.TrailingZeros64(w)
			if i >= len(part) {
				break
			}
			part[i] = x
		}
	}
}

func fillNaN[T float32 | float64](v []T, x T) {
	for i, y := range v {
		if y != y {
			v[i] = x
		}
	}
}

// fillText keeps a coded column coded: the value takes the code that it has, or a new one at the end.
func fillText(c *batch.Ctx, col *batch.Column, s string) (batch.Column, error) {
	if col.Dict != nil && col.Dict.N <= col.N {
		dict, code := col.Dict, -1
		for i := 0; i < dict.N && code < 0; i++ {
			if t := dict.Text(i); len(t) == len(s) && string(t) == s {
				code = i
			}
		}
		if code < 0 && int64(dict.Offsets[dict.N])+int64(len(s)) <= math.MaxInt32 {
			code = dict.N
			dict = withEntry(c, dict, s)
		}
		if code >= 0 {
			codes := c.Int32s(col.N)
			copy(codes, col.Codes())
			fillNulls(codes, col.Valid, int32(code))
			return batch.OfCodes(codes, dict), nil
		}
	}
	out, at := c.New(col.Type, col.N), int64(0)
	for i := range col.N {
		size := len(s)
		if !col.Null(i) {
			size = len(col.Text(i))
		}
		if at += int64(size); at > math.MaxInt32 {
			return out, batch.ErrTextTooLong
		}
		out.Offsets[i+1] = int32(at)
	}
	out.Values = c.AllocDirty(int(at))
	for i := range col.N {
		if dst := out.Values[out.Offsets[i]:]; col.Null(i) {
			copy(dst, s)
		} else {
			copy(dst, col.Text(i))
		}
	}
	return out, nil
}

func withEntry(c *batch.Ctx, dict *batch.Column, s string) *batch.Column {
	d := c.New(dict.Type, dict.N+1)
	end := copy(d.Offsets, dict.Offsets[:dict.N+1])
	size := int(dict.Offsets[dict.N])
	d.Values = c.AllocDirty(size + len(s))
	copy(d.Values, dict.Values[:size])
	copy(d.Values[size:], s)
	d.Offsets[end] = int32(size + len(s))
	return &d
}

// Row computes a row.
func (k *Impute) Row(f *Frame, in, out []int) error {
	for j, s := range in {
		o := out[j]
		if x := f.F[s]; !k.Values[j].IsNull() && (f.Null[s] || k.NaN && x != x && k.types[j].Float()) {
			k.Values[j].Set(f, o)
			continue
		}
		f.Null[o], f.I[o], f.F[o], f.S[o] = f.Null[s], f.I[s], f.F[s], f.S[s]
	}
	return nil
}

// Narrow keeps the columns wanted.
func (k *Impute) Narrow(keep []bool) (Kind, []int) {
	v, in := kept(k.Values, keep)
	return &Impute{Values: v, NaN: k.NaN}, in
}

// Encode writes the values.
func (k *Impute) Encode(w *canon.Writer) {
	writeValues(w, k.Values)
	w.Bool(k.NaN)
}

// Decode reads the values.
func (k *Impute) Decode(r *canon.Reader) { k.Values, k.NaN = readValues(r), r.Bool() }
