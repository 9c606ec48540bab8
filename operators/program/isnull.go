package program

import (
	"github.com/headrace/headrace/kernels/bits"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// IsNull says what is null: for i { out[j][i] = in[j][i] is null }. In are of any type, out are Bool and never null. A NaN is no null.
type IsNull struct{}

func init() { Register(func() Kind { return &IsNull{} }) }

// ID is "is_null".
func (*IsNull) ID() string { return "is_null" }

// Init checks that there are as many outputs as inputs.
func (*IsNull) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(out), len(in)); err != nil {
		return err
	}
	for _, t := range out {
		if err := wantKind("an output", t, batch.Bool); err != nil {
			return err
		}
	}
	return nil
}

// Batch turns the bitmaps of nulls over.
func (*IsNull) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	for j := range in {
		w := c.Bitmap(n)
		if in[j].Valid != nil {
			bits.Not(w, in[j].Valid, n)
		}
		out[j] = batch.OfBits(w, n)
	}
	return nil
}

// Row computes a row.
func (*IsNull) Row(f *Frame, in, out []int) error {
	for j, s := range in {
		null := f.Null[s]
		f.Null[out[j]], f.I[out[j]] = false, 0
		if null {
			f.I[out[j]] = 1
		}
	}
	return nil
}

// Narrow keeps the columns wanted.
func (k *IsNull) Narrow(keep []bool) (Kind, []int) {
	_, in := kept[int](nil, keep)
	return &IsNull{}, in
}

// Encode writes nothing: the slots say it all.
func (*IsNull) Encode(*canon.Writer) {}

// Decode reads nothing.
func (*IsNull) Decode(*canon.Reader) {}
