package program

import (
	"fmt"
	"math"
	"strings"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Value is one cell, as state of a kind: what stands in for a null, what an unknown key gives. Its Kind is batch.Unknown for a null.
// The zero Value is a null.
type Value struct {
	Kind batch.Kind
	I    int64   // Bool (0 or 1), Int32, Int64, Date, Timestamp, Decimal
	F    float64 // Float32, Float64
	S    string  // String, Bytes
}

// IsNull says whether it is a null.
func (v Value) IsNull() bool { return v.Kind == batch.Unknown }

// ValueOf copies row i of a column; a Vector or List has no Value and panics.
func ValueOf(col *batch.Column, i int) Value {
	if col.Null(i) {
		return Value{}
	}
	v := Value{Kind: col.Type.Kind}
	switch v.Kind {
	case batch.Bool:
		if col.Bit(i) {
			v.I = 1
		}
	case batch.Int32, batch.Date:
		v.I = int64(col.Int32s()[i])
	case batch.Int64, batch.Timestamp, batch.Decimal:
		v.I = col.Int64s()[i]
	case batch.Float32:
		v.F = float64(col.Float32s()[i])
	case batch.Float64:
		v.F = col.Float64s()[i]
	case batch.String, batch.Bytes:
		v.S = strings.Clone(col.Str(i))
	default:
		panic("program: no value of " + col.Type.String())
	}
	return v
}

// Check says whether it can stand in a column of type t. A null can stand in any but a Vector or List.
func (v Value) Check(t batch.Type) error {
	if t.Kind == batch.Unknown || t.Kind == batch.List || t.Kind == batch.Vector {
		return fmt.Errorf("no value can stand in a column of %s", t)
	}
	if !v.IsNull() && v.Kind != t.Kind {
		return fmt.Errorf("a value of %s for a column of %s", v.Kind, t)
	}
	return v.check()
}

func (v Value) check() error {
	bad := false
	switch v.Kind {
	case batch.Bool:
		bad = v.I != 0 && v.I != 1
	case batch.Int32, batch.Date:
		bad = int64(int32(v.I)) != v.I
	case batch.Float32:
		bad = v.F == v.F && float64(float32(v.F)) != v.F
	}
	if bad {
		return fmt.Errorf("%s does not fit %s", v, v.Kind)
	}
	return nil
}

// String is for messages.
func (v Value) String() string {
	switch v.Kind {
	case batch.Unknown:
		return "null"
	case batch.Float32, batch.Float64:
		return fmt.Sprint(v.F)
	case batch.String, batch.Bytes:
		return fmt.Sprintf("%q", v.S)
	}
	return fmt.Sprint(v.I)
}

// Set puts it into a slot of a frame.
func (v *Value) Set(f *Frame, slot int) {
	f.Null[slot], f.I[slot], f.F[slot], f.S[slot] = v.Kind == batch.Unknown, v.I, v.F, v.S
}

// column is a column of the one row.
func (v Value) column(t batch.Type) batch.Column {
	var c *batch.Ctx
	col := c.New(t, 1)
	switch t.Kind {
	case batch.Bool:
		col.Bits()[0] = uint64(v.I)
	case batch.Int32, batch.Date:
		col.Int32s()[0] = int32(v.I)
	case batch.Int64, batch.Timestamp, batch.Decimal:
		col.Int64s()[0] = v.I
	case batch.Float32:
		col.Float32s()[0] = float32(v.F)
	case batch.Float64:
		col.Float64s()[0] = v.F
	case batch.String, batch.Bytes:
		col = batch.OfStrings([]string{v.S})
		col.Type = t
	}
	if v.IsNull() {
		col.Valid = make([]uint64, 1)
	}
	return col
}

// Write writes it.
func (v Value) Write(w *canon.Writer) {
	w.Uint(uint64(v.Kind))
	switch v.Kind {
	case batch.Unknown:
	case batch.Float32, batch.Float64:
		w.Float(v.F)
	case batch.String, batch.Bytes:
		w.String(v.S)
	default:
		w.Int(v.I)
	}
}

// ReadValue reads what Write wrote.
func ReadValue(r *canon.Reader) (v Value) {
	k := r.Uint()
	switch v.Kind = batch.Kind(min(k, 255)); v.Kind {
	case batch.Unknown:
	case batch.Float32, batch.Float64:
		v.F = r.Float()
	case batch.String, batch.Bytes:
		v.S = r.String()
	case batch.Bool, batch.Int32, batch.Int64, batch.Date, batch.Timestamp, batch.Decimal:
		v.I = r.Int()
	default:
		r.Fail("no value of kind %d", k)
		return Value{}
	}
	if err := v.check(); err != nil {
		r.Fail("%v", err)
	}
	return v
}

func writeValues(w *canon.Writer, v []Value) {
	w.Uint(uint64(len(v)))
	for _, x := range v {
		x.Write(w)
	}
}

func readValues(r *canon.Reader) (v []Value) {
	for n := r.Len(1); n > 0 && r.Err() == nil; n-- {
		v = append(v, ReadValue(r))
	}
	return v
}

// WriteColumn writes a column of any type but Vector and List; what stands under a null is not written, a dictionary is expanded.
func WriteColumn(w *canon.Writer, col *batch.Column) {
	WriteType(w, col.Type)
	w.Uint(uint64(col.N))
	nulls := col.Nulls() > 0
	w.Bool(nulls)
	if nulls {
		for _, x := range col.Valid {
			w.Word(x)
		}
	}
	for i := range col.N {
		if nulls && col.Null(i) {
			continue
		}
		switch col.Type.Kind {
		case batch.Bool:
			w.Bool(col.Bit(i))
		case batch.Int32, batch.Date:
			w.Int(int64(col.Int32s()[i]))
		case batch.Int64, batch.Timestamp, batch.Decimal:
			w.Int(col.Int64s()[i])
		case batch.Float32:
			w.Float(float64(col.Float32s()[i]))
		case batch.Float64:
			w.Float(col.Float64s()[i])
		case batch.String, batch.Bytes:
			w.Bytes(col.Text(i))
		default:
			panic("program: a column of " + col.Type.String() + " as state")
		}
	}
}

// ReadColumn reads what WriteColumn wrote, into Go memory.
func ReadColumn(r *canon.Reader) batch.Column {
	t := ReadType(r)
	if t.Kind == batch.Vector || t.Kind == batch.List {
		r.Fail("a column of %s as state", t)
	}
	// a null takes a bit, all else at least a byte
	n64 := r.Uint()
	nulls := r.Bool()
	if n64 > 8*uint64(r.Rest()) || !nulls && n64 > uint64(r.Rest()) {
		r.Fail("%d rows in %d bytes", n64, r.Rest())
	}
	if r.Err() != nil {
		return batch.Column{}
	}
	n := int(n64)
	var c *batch.Ctx
	col := c.New(t, n)
	if nulls {
		col.Valid = make([]uint64, batch.Words(n))
		for i := range col.Valid {
			col.Valid[i] = r.Word()
		}
		if n&63 != 0 && col.Valid[n>>6]>>(n&63) != 0 || col.Nulls() == 0 {
			r.Fail("bad nulls")
		}
	}
	var text []byte
	for i := 0; i < n && r.Err() == nil; i++ {
		null := col.Null(i)
		switch t.Kind {
		case batch.Bool:
			if !null && r.Bool() {
				col.Bits()[i>>6] |= 1 << (i & 63)
			}
		case batch.Int32, batch.Date:
			x := int64(0)
			if !null {
				x = r.Int()
			}
			if int64(int32(x)) != x {
				r.Fail("%d is out of range", x)
			}
			col.Int32s()[i] = int32(x)
		case batch.Int64, batch.Timestamp, batch.Decimal:
			col.Int64s()[i] = 0
			if !null {
				col.Int64s()[i] = r.Int()
			}
		case batch.Float32:
			x := 0.0
			if !null {
				x = r.Float()
			}
			if col.Float32s()[i] = float32(x); x == x && float64(float32(x)) != x {
				r.Fail("%v is no float32", x)
			}
		case batch.Float64:
			col.Float64s()[i] = 0
			if !null {
				col.Float64s()[i] = r.Float()
			}
		case batch.String, batch.Bytes:
			if !null {
				text = append(text, r.Bytes()...)
			}
			if len(text) > math.MaxInt32 {
				r.Fail("text of more than 2 GiB")
				break
			}
			col.Offsets[i+1] = int32(len(text))
		}
	}
	if r.Err() != nil {
		return batch.Column{}
	}
	if t.Text() {
		col.Values = text
	}
	return col
}
