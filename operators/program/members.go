package program

import (
	"fmt"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Members is the kind that takes a wide column apart, for kinds that read numbers only: for m { out[m][i] = member m of in[0][i] }.
// In is one Vector, out are Float64; a null gives nulls.
type Members struct {
	wide int
	pick []int // of each output, the member
}

func init() { Register(func() Kind { return &Members{} }) }

// TakeApart is the program that takes a wide column apart; its outputs are named by a prefix and their number.
func TakeApart(name string, wide int, prefix string) (Graph, []string) {
	k := &Members{wide: wide}
	var out []Named
	var names []string
	for m := range wide {
		k.pick = append(k.pick, m)
		names = append(names, fmt.Sprintf("%s.%d", prefix, m))
		out = append(out, Named{Name: names[m], Type: batch.T(batch.Float64)})
	}
	return One(k, []Named{{Name: name, Type: batch.T(batch.Vector)}}, out), names
}

// ID is "members".
func (*Members) ID() string { return "members" }

// Init checks the types and the members.
func (k *Members) Init(in, out []batch.Type) error {
	if len(in) != 1 || in[0].Kind != batch.Vector || len(out) != len(k.pick) {
		return fmt.Errorf("%d columns in and %d out, want one vector and %d", len(in), len(out), len(k.pick))
	}
	for j, m := range k.pick {
		if m < 0 || m >= k.wide || out[j].Kind != batch.Float64 {
			return fmt.Errorf("output %d is member %d of %d, of type %s", j, m, k.wide, out[j])
		}
	}
	return nil
}

// Batch shares the memory of in.
func (k *Members) Batch(_ *batch.Ctx, _ int, in, out []batch.Column) error {
	if in[0].Wide != k.wide {
		return k.width(in[0].Wide)
	}
	for j, m := range k.pick {
		out[j] = batch.OfFloat64s(in[0].Member(m))
		out[j].Valid = in[0].Valid
	}
	return nil
}

func (k *Members) width(have int) error {
	return fmt.Errorf("a vector of %d members, the model was fitted to %d", have, k.wide)
}

// Row copies the members.
func (k *Members) Row(f *Frame, in, out []int) error {
	null, v := f.Null[in[0]], f.V[in[0]]
	if !null && len(v) != k.wide {
		return k.width(len(v))
	}
	for j, m := range k.pick {
		if f.Null[out[j]] = null; !null {
			f.F[out[j]] = v[m]
		}
	}
	return nil
}

// Narrow keeps the members wanted.
func (k *Members) Narrow(keep []bool) (Kind, []int) {
	n := &Members{wide: k.wide}
	for j, ok := range keep {
		if ok {
			n.pick = append(n.pick, k.pick[j])
		}
	}
	return n, []int{0}
}

// Encode writes the members.
func (k *Members) Encode(w *canon.Writer) {
	w.Uint(uint64(k.wide))
	canon.Ints(w, k.pick)
}

// Decode reads the members.
func (k *Members) Decode(r *canon.Reader) {
	if k.wide = int(min(r.Uint(), 1<<31)); k.wide == 1<<31 {
		r.Fail("too many members")
	}
	k.pick = canon.ReadInts[int](r)
}
