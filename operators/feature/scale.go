package feature

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/checks"
	"github.com/headrace/headrace/operators/internal/counts"
	"github.com/headrace/headrace/operators/internal/fits"
	"github.com/headrace/headrace/operators/program"
)

var float = batch.T(batch.Float64)

// Scale is feature.scale.
type Scale struct {
	Columns operators.Columns `param:"columns" doc:"numbers and bools" required:"true"`
	Method  string            `param:"method" doc:"standard: mean 0 and standard deviation 1; minmax: least 0 and greatest 1; of the train rows" enum:"standard|minmax" default:"standard"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "feature.scale", Version: 1, Main: "columns", New: func() operators.Op { return &Scale{} },
		Doc: "Shifts and scales columns by what the train rows show. The columns become float64; nulls stay null, and nulls and NaN teach nothing. " +
			"The standard deviation is that of the population. A column with one value is only shifted; one without any is left as it is.",
		Example: []operators.Example{{
			Doc:     "mean 0 and standard deviation 1; rows of other parts teach nothing",
			Options: "[x, n]",
			In: []string{`
				_part | x float64 | n int64? | s string
				train | 2         | 1        | a
				train | 6         | nil      | b
				train | NaN       | 3        | c
				valid | 100       | 5        | d
				test  | 0         | nil      | e`},
			Out: `
				_part | x float64 | n float64? | s string
				train | -1        | -1         | a
				train | 1         | nil        | b
				train | NaN       | 1          | c
				valid | 48        | 3          | d
				test  | -2        | nil        | e`,
		}, {
			Doc:     "from 0 to 1; a constant is only shifted",
			Options: "{columns: all(), method: minmax}",
			In: []string{`
				x float32? | b bool | c int32 | m decimal(6, 2)
				1          | true   | 7       | 1.50
				nil        | false  | 7       | 2.00
				5          | true   | 7       | 2.50
				2          | true   | 7       | 1.50`},
			Out: `
				x float64? | b float64 | c float64 | m float64
				0          | 1         | 0         | 0
				nil        | 0         | 0         | 0.5
				1          | 1         | 0         | 1
				0.25       | 1         | 0         | 0`,
		}, {
			Doc:     "a column without values in the train rows",
			Options: "{columns: x}",
			In: []string{`
				_part | x int64?
				train | nil
				test  | 3`},
			Out: `
				_part | x float64?
				train | nil
				test  | 3`,
		}},
	})
}

func (k *Scale) columns(s operators.Site) ([]operators.Field, diag.List) {
	f, l := checks.Columns(k.Columns, s.In[0], "columns")
	f, bad := checks.Types(f, k.Columns, "columns", "which is no number", "feature.encode makes numbers of %q",
		func(f operators.Field) bool { return f.Type.Numeric() || f.Type.Kind == batch.Bool })
	return f, append(l, bad...)
}

// Check says that the columns become floats.
func (k *Scale) Check(s operators.Site) (operators.Output, diag.List) {
	f, l := k.columns(s)
	o := operators.Output{Reads: operators.Reads{Parts: batch.TrainRows, Cols: operators.FieldNames(f)}}
	for _, c := range f {
		o.Made = append(o.Made, operators.Made{
			Field: operators.Field{Name: c.Name, Type: float, Nullable: c.Nullable}, Apply: []string{c.Name}})
	}
	return o, l
}

// Narrow scales the columns wanted.
func (k *Scale) Narrow(s operators.Site, made []string) operators.Op {
	return &Scale{Columns: k.Columns.Narrowed(s.In[0], made), Method: k.Method}
}

// Begin learns shifts and scales.
func (k *Scale) Begin(s operators.Site) operators.Fit {
	f, _ := k.columns(s)
	return &fits.Once{
		Start: func() operators.Acc {
			if k.Method == "minmax" {
				return newRanges(len(f))
			}
			return &moments{make([]exact.Moments, len(f))}
		},
		Finish: func(_ operators.Env, a operators.Acc) (operators.Fitted, error) {
			if len(f) == 0 {
				return operators.Fitted{}, nil
			}
			n := &program.Affine{}
			var in, out []program.Named
			for j, c := range f {
				sub, div := a.(scaler).scale(j)
				if bad := sub + div; math.IsNaN(bad) || math.IsInf(bad, 0) {
					return operators.Fitted{}, &operators.ErrData{Err: fmt.Errorf("column %q: the train rows hold infinite or too great values", c.Name)}
				}
				if div == 0 {
					div = 1
				}
				n.Sub, n.Div = append(n.Sub, sub), append(n.Div, div)
				in, out = append(in, program.Named{Name: c.Name, Type: c.Type}), append(out, program.Named{Name: c.Name, Type: float})
			}
			return operators.Fitted{Program: program.One(n, in, out)}, nil
		},
	}
}

// scaler gives what to subtract from a column and what to divide it by.
type scaler interface {
	scale(j int) (sub, div float64)
}

// moments is the accumulator of method standard.
type moments struct{ m []exact.Moments }

func (a *moments) Add(c *batch.Ctx, b batch.Batch) error {
	for j := range a.m {
		a.m[j].AddMasked(counts.Numbers(c, &b.Cols[j]))
	}
	return nil
}

func (a *moments) Merge(o operators.Acc) error {
	for j := range a.m {
		a.m[j].Merge(&o.(*moments).m[j])
	}
	return nil
}

func (a *moments) Bytes() int64 { return int64(256 * len(a.m)) }

func (a *moments) MarshalBinary() (b []byte, err error) {
	for j := range a.m {
		if b, err = a.m[j].AppendBinary(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (a *moments) UnmarshalBinary(b []byte) (err error) {
	for j := range a.m {
		if b, err = a.m[j].DecodeBinary(b); err != nil {
			return err
		}
	}
	return canon.NewReader(b).End()
}

func (a *moments) scale(j int) (float64, float64) {
	if a.m[j].N() == 0 {
		return 0, 1
	}
	mean, variance := a.m[j].MeanVar()
	return mean, math.Sqrt(variance)
}

// ranges is the accumulator of method minmax. A column without values has lo above hi.
type ranges struct{ lo, hi []float64 }

func newRanges(n int) *ranges {
	a := &ranges{make([]float64, n), make([]float64, n)}
	for j := range n {
		a.lo[j], a.hi[j] = math.Inf(1), math.Inf(-1)
	}
	return a
}

func (a *ranges) put(j int, lo, hi float64) {
	// the built-in min and max tell -0 from 0, so that the order of the rows does not show
	a.lo[j], a.hi[j] = min(a.lo[j], lo), max(a.hi[j], hi)
}

func (a *ranges) Add(c *batch.Ctx, b batch.Batch) error {
	for j := range a.lo {
		xs, valid := counts.Numbers(c, &b.Cols[j])
		lo, hi := math.Inf(1), math.Inf(-1)
		if valid == nil {
			for _, x := range xs {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
		for i, w := range valid {
			for ; w != 0; w &= w - 1 {
				x := xs[i*64+bits.TrailingZeros64(w)]
				lo, hi = min(lo, x), max(hi, x)
			}
		}
		a.put(j, lo, hi)
	}
	return nil
}

func (a *ranges) Merge(o operators.Acc) error {
	for j := range a.lo {
		a.put(j, o.(*ranges).lo[j], o.(*ranges).hi[j])
	}
	return nil
}

func (a *ranges) Bytes() int64 { return int64(16 * len(a.lo)) }

func (a *ranges) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	for j := range a.lo {
		w.Float(a.lo[j])
		w.Float(a.hi[j])
	}
	return w.Buf, nil
}

func (a *ranges) UnmarshalBinary(b []byte) error {
	r := canon.NewReader(b)
	for j := range a.lo {
		a.lo[j], a.hi[j] = r.Float(), r.Float()
	}
	return r.End()
}

func (a *ranges) scale(j int) (float64, float64) {
	if a.lo[j] > a.hi[j] {
		return 0, 1
	}
	return a.lo[j], a.hi[j] - a.lo[j]
}
