package program

import (
	"fmt"
	"slices"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Bucket says which interval a value lies in: for i { out[i] = Out[number of cuts <= in[i]] }. With Out, an interval may have any
// number, so that a gap between two parts is -1; without, it is the interval's own. A value on a cut lies right of it, NaN left of
// all. In is an integer, Date, Timestamp or Decimal (unscaled) with Cuts, or a float with FloatCuts; out is Int64. A null gives a
// null.
type Bucket struct {
	Cuts      []int64   // rising
	FloatCuts []float64 // rising
	Out       []int64   // nil, or one more than cuts
	typ       batch.Type
}

func init() { Register(func() Kind { return &Bucket{} }) }

// ID is "bucket".
func (*Bucket) ID() string { return "bucket" }

// Init checks that the cuts rise and are the input's.
func (k *Bucket) Init(in, out []batch.Type) error {
	if err := slots(in, out, 1, 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Int64); err != nil {
		return err
	}
	cuts := len(k.Cuts)
	switch t := in[0]; {
	case t.Float():
		if cuts = len(k.FloatCuts); len(k.Cuts) > 0 {
			return fmt.Errorf("cuts of integers for %s", t)
		}
	case t.Integer() || t.Temporal() || t.Kind == batch.Decimal:
		if len(k.FloatCuts) > 0 {
			return fmt.Errorf("cuts of floats for %s", t)
		}
	default:
		return fmt.Errorf("the input is %s, want a number, date or timestamp", t)
	}
	if len(k.Out) != 0 && len(k.Out) != cuts+1 {
		return fmt.Errorf("%d intervals have %d numbers", cuts+1, len(k.Out))
	}
	for _, x := range k.FloatCuts {
		if x != x {
			return fmt.Errorf("a cut is NaN")
		}
	}
	if !slices.IsSorted(k.Cuts) || !slices.IsSorted(k.FloatCuts) {
		return fmt.Errorf("the cuts do not rise")
	}
	k.typ = in[0]
	return nil
}

// Batch shares the nulls of in.
func (k *Bucket) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.Int64s(n)
	switch col := &in[0]; col.Type.Kind {
	case batch.Float64:
		bucket(v, col.Float64s(), k.FloatCuts)
	case batch.Float32:
		bucket(v, col.Float32s(), k.FloatCuts)
	case batch.Int32, batch.Date:
		bucket(v, col.Int32s(), k.Cuts)
	default:
		bucket(v, col.Int64s(), k.Cuts)
	}
	if len(k.Out) > 0 {
		for i, b := range v {
			v[i] = k.Out[b]
		}
	}
	valid := in[0].Valid
	out[0] = batch.OfInt64s(v)
	out[0].Valid = valid
	return nil
}

func bucket[T int32 | int64 | float32 | float64, C int64 | float64](dst []int64, src []T, cuts []C) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = interval(C(x), cuts)
	}
}

// interval counts the cuts <= x: all of them where they are few, which costs no jump that the machine could guess wrong.
func interval[C int64 | float64](x C, cuts []C) (n int64) {
	if len(cuts) <= 16 {
		for _, c := range cuts {
			var one int64
			if c <= x {
				one = 1
			}
			n += one
		}
		return n
	}
	lo, hi := 0, len(cuts)
	for lo < hi {
		if m := (lo + hi) / 2; cuts[m] <= x {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return int64(lo)
}

// Row computes a row.
func (k *Bucket) Row(f *Frame, in, out []int) error {
	s, o := in[0], out[0]
	if f.Null[o] = f.Null[s]; f.Null[o] {
		return nil
	}
	var b int64
	if k.typ.Float() {
		b = interval(f.F[s], k.FloatCuts)
	} else {
		b = interval(f.I[s], k.Cuts)
	}
	if len(k.Out) > 0 {
		b = k.Out[b]
	}
	f.I[o] = b
	return nil
}

// Encode writes the cuts.
func (k *Bucket) Encode(w *canon.Writer) {
	canon.Ints(w, k.Cuts)
	w.Floats(k.FloatCuts)
	canon.Ints(w, k.Out)
}

// Decode reads the cuts.
func (k *Bucket) Decode(r *canon.Reader) {
	k.Cuts, k.FloatCuts, k.Out = canon.ReadInts[int64](r), r.Floats(), canon.ReadInts[int64](r)
}
