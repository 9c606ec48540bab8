package program

import (
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Threshold makes a decision of a score: for i { out[i] = in[i] >= At }. In is Float64, out Bool. A null gives a null, a NaN false.
type Threshold struct{ At float64 }

func init() { Register(func() Kind { return &Threshold{} }) }

// ID is "threshold".
func (*Threshold) ID() string { return "threshold" }

// Init checks the types.
func (k *Threshold) Init(in, out []batch.Type) error {
	if err := slots(in, out, 1, 1); err != nil {
		return err
	}
	if err := wantKind("the input", in[0], batch.Float64); err != nil {
		return err
	}
	return wantKind("the output", out[0], batch.Bool)
}

// Batch shares the nulls of in.
func (k *Threshold) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	w, x := c.Bitmap(n), in[0].Float64s()
	for j := range w {
		var b uint64
		for i, v := range x[j*64 : min(n, j*64+64)] {
			var bit uint64
			if v >= k.At {
				bit = 1
			}
			b |= bit << (uint(i) & 63)
		}
		w[j] = b
	}
	valid := in[0].Valid
	out[0] = batch.OfBits(w, n)
	out[0].Valid = valid
	return nil
}

// Row computes a row.
func (k *Threshold) Row(f *Frame, in, out []int) error {
	f.Null[out[0]], f.I[out[0]] = f.Null[in[0]], 0
	if f.F[in[0]] >= k.At {
		f.I[out[0]] = 1
	}
	return nil
}

// Encode writes the threshold.
func (k *Threshold) Encode(w *canon.Writer) { w.Float(k.At) }

// Decode reads the threshold.
func (k *Threshold) Decode(r *canon.Reader) { k.At = r.Float() }
