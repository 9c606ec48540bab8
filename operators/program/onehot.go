package program

import (
	"fmt"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// OneHot spreads codes over the members of a wide column: for m, i { out[m][i] = in[i] == m ? 1 : 0 }. In is Int32, out a Vector that is
// never null: a null, and a code that no member has, gives 0 in all members.
type OneHot struct{ Members []string }

func init() { Register(func() Kind { return &OneHot{} }) }

// ID is "one_hot".
func (*OneHot) ID() string { return "one_hot" }

// Init checks the types and the names.
func (k *OneHot) Init(in, out []batch.Type) error {
	if err := slots(in, out, 1, 1); err != nil {
		return err
	}
	if err := wantKind("the input", in[0], batch.Int32); err != nil {
		return err
	}
	if len(k.Members) == 0 {
		return fmt.Errorf("no member")
	}
	seen := map[string]bool{}
	for _, m := range k.Members {
		if seen[m] {
			return fmt.Errorf("two members %q", m)
		}
		seen[m] = true
	}
	return wantKind("the output", out[0], batch.Vector)
}

// Batch clears the members, then sets one place a row.
func (k *OneHot) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.NewVector(n, k.Members)
	clear(v.Values)
	for i, m := range in[0].Int32s() {
		if uint(m) < uint(len(k.Members)) && !in[0].Null(i) {
			v.Member(int(m))[i] = 1
		}
	}
	out[0] = v
	return nil
}

// Row computes a row.
func (k *OneHot) Row(f *Frame, in, out []int) error {
	v := f.V[out[0]]
	if len(v) != len(k.Members) {
		v = make([]float64, len(k.Members))
		f.V[out[0]] = v
	}
	clear(v)
	if m := f.I[in[0]]; !f.Null[in[0]] && uint64(m) < uint64(len(v)) {
		v[m] = 1
	}
	f.Null[out[0]] = false
	return nil
}

// Encode writes the names.
func (k *OneHot) Encode(w *canon.Writer) { w.Strings(k.Members) }

// Decode reads the names.
func (k *OneHot) Decode(r *canon.Reader) { k.Members = r.Strings() }
