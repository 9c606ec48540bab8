package program

import (
	"fmt"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// Link is what is done to a model's raw score.
type Link uint8

// The links. Their numbers are stored: append only.
const (
	NoLink  Link = iota // the raw score itself
	Sigmoid             // 1 / (1 + e^-x)
	Exp                 // e^x

	links = iota
)

func readLink(r *canon.Reader) Link {
	l := r.Uint()
	if l >= links {
		r.Fail("no link %d", l)
		return NoLink
	}
	return Link(l)
}

// Apply writes what it makes of raw scores to dst, which may be the same list.
func (l Link) Apply(dst, score []float64) {
	switch l {
	case Sigmoid:
		fmath.SigmoidSlice(dst, score)
	case Exp:
		fmath.ExpSlice(dst, score)
	default:
		copy(dst, score)
	}
}

func (l Link) of(x float64) float64 {
	switch l {
	case Sigmoid:
		return fmath.Sigmoid(x)
	case Exp:
		return fmath.Exp(x)
	}
	return x
}

// Linear is a linear model: for i { s := B; for j { s = float64(W[j]*x[j][i]) + s }; out[i] = link(s) }, where x are the columns in
// order, a Vector as its members in order. In are numbers, bools and vectors, out is Float64. A null in any gives a null.
type Linear struct {
	W     []float64
	B     float64
	Link  Link
	Wide  []int // of each column, how many weights it takes; nil where none is a Vector
	types []batch.Type
}

func init() { Register(func() Kind { return &Linear{} }) }

// ID is "linear".
func (*Linear) ID() string { return "linear" }

// Init checks that the weights are as many as the columns and members.
func (k *Linear) Init(in, out []batch.Type) error {
	if err := slots(in, out, len(in), 1); err != nil {
		return err
	}
	if err := wantKind("the output", out[0], batch.Float64); err != nil {
		return err
	}
	vectors, sum := 0, 0
	if k.Wide != nil && len(k.Wide) != len(in) {
		return fmt.Errorf("widths of %d columns, there are %d", len(k.Wide), len(in))
	}
	for j, t := range in {
		w := 1
		switch {
		case t.Kind == batch.Vector:
			vectors++
			if k.Wide == nil {
				return fmt.Errorf("column %d is a vector of unknown width", j)
			}
			if w = k.Wide[j]; w < 0 || w > len(k.W) {
				return fmt.Errorf("column %d takes %d of %d weights", j, w, len(k.W))
			}
		case !isNumber(t):
			return fmt.Errorf("column %d is %s, want a number", j, t)
		case k.Wide != nil && k.Wide[j] != 1:
			return fmt.Errorf("column %d is no vector and takes %d weights", j, k.Wide[j])
		}
		sum += w
	}
	if sum != len(k.W) {
		return fmt.Errorf("%d weights for %d columns and members", len(k.W), sum)
	}
	if k.Wide != nil && vectors == 0 {
		return fmt.Errorf("widths without a vector")
	}
	if k.Link >= links {
		return fmt.Errorf("no link %d", k.Link)
	}
	k.types = in
	return nil
}

// Batch runs over the columns, each in blocks that stay in the nearest cache.
func (k *Linear) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	s := c.Float64s(n)
	for i := range s {
		s[i] = k.B
	}
	var valid []uint64
	w := k.W
	for j := range in {
		col := &in[j]
		valid = bothValid(c, valid, col.Valid)
		if col.Type.Kind != batch.Vector {
			axpy(s, w[0], c.Floats(*col))
			w = w[1:]
			continue
		}
		if err := k.width(j, col.Wide); err != nil {
			return err
		}
		const block = 1024
		for lo := 0; lo < n; lo += block {
			hi := min(n, lo+block)
			for m, x := range w[:col.Wide] {
				axpy(s[lo:hi], x, col.Member(m)[lo:hi])
			}
		}
		w = w[col.Wide:]
	}
	k.Link.Apply(s, s)
	out[0] = batch.OfFloat64s(s)
	out[0].Valid = valid
	return nil
}

func (k *Linear) width(j, have int) error {
	if have != k.Wide[j] {
		return fmt.Errorf("linear: vector %d has %d members, the model has weights for %d", j, have, k.Wide[j])
	}
	return nil
}

// axpy: for i { s[i] = float64(w*x[i]) + s[i] }
func axpy(s []float64, w float64, x []float64) {
	x = x[:len(s)]
	for i, v := range x {
		s[i] = float64(w*v) + s[i]
	}
}

// Row computes a row.
func (k *Linear) Row(f *Frame, in, out []int) error {
	s, w, null := k.B, k.W, false
	for j, slot := range in {
		wide := 1
		if k.Wide != nil {
			wide = k.Wide[j]
		}
		switch {
		case f.Null[slot]:
			null = true
		case k.types[j].Kind == batch.Vector:
			v := f.V[slot]
			if err := k.width(j, len(v)); err != nil {
				return err
			}
			for m, x := range v {
				s = float64(w[m]*x) + s
			}
		default:
			s = float64(w[0]*frameNumber(f, k.types[j], slot)) + s
		}
		w = w[wide:]
	}
	if f.Null[out[0]] = null; !null {
		f.F[out[0]] = k.Link.of(s)
	}
	return nil
}

// Encode writes the weights.
func (k *Linear) Encode(w *canon.Writer) {
	w.Floats(k.W)
	w.Float(k.B)
	w.Uint(uint64(k.Link))
	canon.Ints(w, k.Wide)
}

// Decode reads the weights.
func (k *Linear) Decode(r *canon.Reader) {
	k.W, k.B, k.Link, k.Wide = r.Floats(), r.Float(), readLink(r), canon.ReadInts[int](r)
}
