package program

import (
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Softmax makes probabilities of the raw scores of classes: for i { m := the greatest x[j][i]; s := 0; for j { e[j] = exp(x[j][i]-m);
// s += e[j] }; for j { out[j][i] = e[j] / s } }, in the order of the classes. In are Float64, one a class, out is a Vector whose members
// are named. A null in any gives a null; a NaN, or a greatest score that is infinite, gives NaN in every member.
type Softmax struct{ Members []string }

func init() { Register(func() Kind { return &Softmax{} }) }

// ID is "softmax".
func (*Softmax) ID() string { return "softmax" }

// Init checks the types and the names.
func (k *Softmax) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(k.Members), 1); err != nil {
		return err
	}
	if len(in) == 0 {
		return fmt.Errorf("no class")
	}
	seen := map[string]bool{}
	for j, t := range in {
		if err := wantKind(fmt.Sprintf("input %d", j), t, batch.Float64); err != nil {
			return err
		}
		if seen[k.Members[j]] {
			return fmt.Errorf("two members %q", k.Members[j])
		}
		seen[k.Members[j]] = true
	}
	return wantKind("the output", out[0], batch.Vector)
}

// Batch takes the rows in blocks that stay in the nearest cache.
func (k *Softmax) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.NewVector(n, k.Members)
	x := make([][]float64, len(in))
	p := make([][]float64, len(in))
	for j := range in {
		x[j], p[j] = in[j].Float64s(), v.Member(j)
		v.Valid = bothValid(c, v.Valid, in[j].Valid)
	}
	const block = 512
	most, sum := c.Float64s(min(n, block)), c.Float64s(min(n, block))
	for lo := 0; lo < n; lo += block {
		hi := min(n, lo+block)
		most, sum := most[:hi-lo], sum[:hi-lo]
		copy(most, x[0][lo:hi])
		clear(sum)
		for _, x := range x[1:] {
			for i, s := range x[lo:hi] {
				most[i] = max(most[i], s)
			}
		}
		for j, x := range x {
			e := p[j][lo:hi]
			for i, s := range x[lo:hi] {
				e[i] = s - most[i]
			}
			fmath.ExpSlice(e, e)
			for i, v := range e {
				sum[i] += v
			}
		}
		for j := range p {
			for i, v := range p[j][lo:hi] {
				p[j][lo+i] = v / sum[i]
			}
		}
	}
	out[0] = v
	return nil
}

// Row computes a row.
func (k *Softmax) Row(f *Frame, in, out []int) error {
	p := f.V[out[0]]
	if len(p) != len(in) {
		p = make([]float64, len(in))
		f.V[out[0]] = p
	}
	null, most := false, math.Inf(-1)
	for _, s := range in {
		null = null || f.Null[s]
		most = max(most, f.F[s])
	}
	if f.Null[out[0]] = null; null {
		return nil
	}
	sum := 0.0
	for j, s := range in {
		p[j] = fmath.Exp(f.F[s] - most)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
	return nil
}

// Encode writes the names.
func (k *Softmax) Encode(w *canon.Writer) { w.Strings(k.Members) }

// Decode reads the names.
func (k *Softmax) Decode(r *canon.Reader) { k.Members = r.Strings() }
