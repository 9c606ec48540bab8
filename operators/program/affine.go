package program

import (
	"fmt"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Affine shifts and scales columns: for i { out[j][i] = (float64(in[j][i]) - Sub[j]) / Div[j] }. In are numbers and bools, a Decimal
// by its value; out are Float64. A null gives a null, a NaN a NaN; a Div of 0 gives what IEEE 754 says.
type Affine struct {
	Sub, Div []float64 // one a column
	types    []batch.Type
}

func init() { Register(func() Kind { return &Affine{} }) }

// MeanOf makes a mean of the sum of n.
func MeanOf(n int) *Affine { return &Affine{Sub: []float64{0}, Div: []float64{float64(n)}} }

// ID is "affine".
func (*Affine) ID() string { return "affine" }

// Init checks that there are as many numbers as columns.
func (k *Affine) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Sub), len(k.Sub)); err != nil {
		return err
	}
	if len(k.Div) != len(k.Sub) {
		return fmt.Errorf("%d to subtract and %d to divide by", len(k.Sub), len(k.Div))
	}
	for j := range in {
		if !isNumber(in[j]) {
			return fmt.Errorf("column %d is %s, want a number", j, in[j])
		}
		if err := wantKind("an output", out[j], batch.Float64); err != nil {
			return err
		}
	}
	k.types = in
	return nil
}

// Batch shares the nulls of in.
func (k *Affine) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	for j := range in {
		v, sub, div := c.Float64s(n), k.Sub[j], k.Div[j]
		switch col := &in[j]; col.Type.Kind {
		case batch.Float64:
			affine(v, col.Float64s(), sub, div)
		case batch.Float32:
			affine(v, col.Float32s(), sub, div)
		case batch.Int32:
			affine(v, col.Int32s(), sub, div)
		case batch.Int64:
			affine(v, col.Int64s(), sub, div)
		default:
			affine(v, c.Floats(*col), sub, div)
		}
		valid := in[j].Valid
		out[j] = batch.OfFloat64s(v)
		out[j].Valid = valid
	}
	return nil
}

func affine[T float32 | float64 | int32 | int64](dst []float64, src []T, sub, div float64) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = (float64(x) - sub) / div
	}
}

// Row computes a row.
func (k *Affine) Row(f *Frame, in, out []int) error {
	for j, s := range in {
		o := out[j]
		if f.Null[o] = f.Null[s]; !f.Null[o] {
			f.F[o] = (frameNumber(f, k.types[j], s) - k.Sub[j]) / k.Div[j]
		}
	}
	return nil
}

// Narrow keeps the columns wanted.
func (k *Affine) Narrow(keep []bool) (Kind, []int) {
	n := &Affine{}
	n.Sub, _ = kept(k.Sub, keep)
	var in []int
	n.Div, in = kept(k.Div, keep)
	return n, in
}

// Encode writes the numbers.
func (k *Affine) Encode(w *canon.Writer) {
	w.Floats(k.Sub)
	w.Floats(k.Div)
}

// Decode reads the numbers.
func (k *Affine) Decode(r *canon.Reader) { k.Sub, k.Div = r.Floats(), r.Floats() }
