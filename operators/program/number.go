package program

import (
	"fmt"
	"math"

	"github.com/headrace/headrace/operators/batch"
)

// isNumber says whether Ctx.Floats reads the type as a number that arithmetic means something for: numbers, and bools as 0 and 1.
func isNumber(t batch.Type) bool { return t.Numeric() || t.Kind == batch.Bool }

// frameNumber is a slot as Ctx.Floats gives it: NaN for a null.
func frameNumber(f *Frame, t batch.Type, s int) float64 {
	switch {
	case f.Null[s]:
		return math.NaN()
	case t.Float():
		return f.F[s]
	case t.Kind == batch.Decimal:
		return batch.Unscale(f.I[s], t.Scale)
	}
	return float64(f.I[s])
}

// slots checks how many columns go in and out.
func slots(in, out []batch.Type, wantIn, wantOut int) error {
	if len(in) != wantIn || len(out) != wantOut {
		return fmt.Errorf("%d columns in and %d out, want %d and %d", len(in), len(out), wantIn, wantOut)
	}
	return nil
}

// wantKind checks the kind of an input or output.
func wantKind(what string, t batch.Type, k batch.Kind) error {
	if t.Kind != k {
		return fmt.Errorf("%s is %s, want %s", what, t, k)
	}
	return nil
}

// kept lists the indexes of what is kept, and the elements of v there.
func kept[T any](v []T, keep []bool) (w []T, in []int) {
	for j, ok := range keep {
		if ok {
			in = append(in, j)
			if v != nil {
				w = append(w, v[j])
			}
		}
	}
	return w, in
}

// bothValid is the bitmap of the rows that are null in neither; it may be one of the two.
func bothValid(c *batch.Ctx, a, b []uint64) []uint64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	v := c.Uint64s(len(a))
	for i := range v {
		v[i] = a[i] & b[i]
	}
	return v
}
