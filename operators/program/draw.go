package program

import (
	"math"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Draw draws rows by their identity: for i { out[i] = All || hash.Draw(Seed, ordinal[i], copy[i]) < Below }. In are @ordinal and
// @copy, Int64, out is Bool. A null in either gives a null.
type Draw struct {
	Seed  uint64
	Below uint64 // of 2^64
	All   bool   // as no Below can say it
}

// DrawShare is a Draw of a share of the rows, 0 to 1.
func DrawShare(seed uint64, share float64) *Draw {
	switch scaled := share * 0x1p64; {
	case share >= 1:
		return &Draw{Seed: seed, Below: math.MaxUint64, All: true}
	case !(share > 0):
		return &Draw{Seed: seed}
	default:
		return &Draw{Seed: seed, Below: uint64(scaled)}
	}
}

func init() { Register(func() Kind { return &Draw{} }) }

// ID is "draw".
func (*Draw) ID() string { return "draw" }

// Init checks the types.
func (k *Draw) Init(in, out []batch.Type) error {
	if err := slots(in, out, 2, 1); err != nil {
		return err
	}
	for _, t := range in {
		if err := wantKind("an input", t, batch.Int64); err != nil {
			return err
		}
	}
	return wantKind("the output", out[0], batch.Bool)
}

// Batch draws the rows.
func (k *Draw) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	w, ordinals, copies := c.Bitmap(n), in[0].Int64s(), in[1].Int64s()
	for i := range n {
		if k.draws(ordinals[i], copies[i]) {
			w[i>>6] |= 1 << (i & 63)
		}
	}
	valid := bothValid(c, in[0].Valid, in[1].Valid)
	out[0] = batch.OfBits(w, n)
	out[0].Valid = valid
	return nil
}

func (k *Draw) draws(ordinal, copy int64) bool {
	return k.All || hash.Draw(k.Seed, uint64(ordinal), uint32(copy)) < k.Below
}

// Row draws a row.
func (k *Draw) Row(f *Frame, in, out []int) error {
	o := out[0]
	drawn := k.draws(f.I[in[0]], f.I[in[1]])
	f.Null[o], f.I[o] = f.Null[in[0]] || f.Null[in[1]], 0
	if drawn {
		f.I[o] = 1
	}
	return nil
}

// Encode writes the draw.
func (k *Draw) Encode(w *canon.Writer) {
	w.Word(k.Seed)
	w.Word(k.Below)
	w.Bool(k.All)
}

// Decode reads the draw.
func (k *Draw) Decode(r *canon.Reader) { k.Seed, k.Below, k.All = r.Word(), r.Word(), r.Bool() }
