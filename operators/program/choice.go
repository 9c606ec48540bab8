package program

import (
	"fmt"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Choice is the value that belongs to the greatest member of a wide column: for i { b := 0; for j { if in[j][i] > in[b][i] { b = j } };
// out[i] = Values[b] }: of equal ones the first. In is a Vector, out has the type of the values, one a member. A null gives a null; NaN
// is greater than nothing, so that a row of NaN gives the first.
type Choice struct {
	Values []Value
	texts  *batch.Column // the values, where they are text
}

func init() { Register(func() Kind { return &Choice{} }) }

// ID is "choice".
func (*Choice) ID() string { return "choice" }

// Init checks the values.
func (k *Choice) Init(in, out []batch.Type) error {
	if err := slots(in, out, 1, 1); err != nil {
		return err
	}
	if err := wantKind("the input", in[0], batch.Vector); err != nil {
		return err
	}
	if len(k.Values) == 0 {
		return fmt.Errorf("no value to choose")
	}
	var texts []string
	for j, v := range k.Values {
		if v.IsNull() {
			return fmt.Errorf("value %d is null", j)
		}
		if err := v.Check(out[0]); err != nil {
			return fmt.Errorf("value %d: %w", j, err)
		}
		texts = append(texts, v.S)
	}
	if k.texts = nil; out[0].Text() {
		t := batch.OfStrings(texts)
		t.Type, t.Lasts = out[0], true
		k.texts = &t
	}
	return nil
}

// Batch gives text as codes.
func (k *Choice) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	if in[0].Wide != len(k.Values) {
		return k.width(in[0].Wide)
	}
	best, code := c.Float64s(n), c.Int32s(n)
	copy(best, in[0].Member(0))
	clear(code)
	for j := 1; j < in[0].Wide; j++ {
		for i, v := range in[0].Member(j) {
			if v > best[i] {
				best[i], code[i] = v, int32(j)
			}
		}
	}
	t := out[0].Type
	if k.texts != nil {
		out[0] = batch.OfCodes(code, k.texts)
	} else {
		out[0] = c.New(t, n)
	}
	switch {
	case k.texts != nil:
	case t.Kind == batch.Bool:
		w := out[0].Bits()
		clear(w)
		for i, j := range code {
			w[i>>6] |= uint64(k.Values[j].I) << (i & 63)
		}
	case t.Kind == batch.Float32:
		for i, j := range code {
			out[0].Float32s()[i] = float32(k.Values[j].F)
		}
	case t.Kind == batch.Float64:
		for i, j := range code {
			out[0].Float64s()[i] = k.Values[j].F
		}
	case t.Width() == 4:
		for i, j := range code {
			out[0].Int32s()[i] = int32(k.Values[j].I)
		}
	default:
		for i, j := range code {
			out[0].Int64s()[i] = k.Values[j].I
		}
	}
	out[0].Valid = in[0].Valid
	return nil
}

func (k *Choice) width(have int) error {
	return fmt.Errorf("a vector of %d members, there are values of %d", have, len(k.Values))
}

// Row computes a row.
func (k *Choice) Row(f *Frame, in, out []int) error {
	if f.Null[out[0]] = f.Null[in[0]]; f.Null[in[0]] {
		return nil
	}
	v := f.V[in[0]]
	if len(v) != len(k.Values) {
		return k.width(len(v))
	}
	best := 0
	for j, x := range v {
		if x > v[best] {
			best = j
		}
	}
	k.Values[best].Set(f, out[0])
	return nil
}

// Encode writes the values.
func (k *Choice) Encode(w *canon.Writer) { writeValues(w, k.Values) }

// Decode reads the values.
func (k *Choice) Decode(r *canon.Reader) { k.Values = readValues(r) }
