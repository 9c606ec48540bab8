// Package broken is deliberately wrong operators, each of which breaks one law: they show that the laws can catch what they are for.
package broken

import (
	"bytes"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

var float = batch.T(batch.Float64)

// Op is a sound operator with one fault. It makes columns y and z of x (and of w, as z), fitted or not.
type Op struct {
	Fault Fault
	Made  []string // nil: both
}

// Fault is what is wrong with an Op.
type Fault string

// The faults of programs, then those of fits.
const (
	Sound          Fault = ""
	Undeclared     Fault = "its program reads a column that Check does not name"
	RowDiffers     Fault = "its row form is not its batch form"
	MakesNulls     Fault = "it makes nulls and says that it does not"
	NarrowDiffers  Fault = "it makes other bits when it is asked for less"
	WritesInput    Fault = "it writes into its input"
	KeepsScratch   Fault = "its program keeps a column from one batch to the next"
	ReadsGarbage   Fault = "it lets what stands under a null through"
	DrawsByPlace   Fault = "it draws by the place in the batch, not by the row's identity"
	NotCoded       Fault = "it takes the code of coded text for the text"
	NotStored      Fault = "its program loses a number when it is stored"
	WrongExample   Fault = "its example shows what it does not do"
	CheckPanics    Fault = "its check panics where a column is not there"
	PrunesAll      Fault = "it says that no row stays where there is a null"
	PlainSum       Fault = "it sums floats by +="
	MergeChanges   Fault = "its Merge empties the argument"
	MapOrder       Fault = "its state is in the order of a Go map"
	KeepsText      Fault = "its accumulator keeps text of a batch that is freed"
	UnmarshalPanic Fault = "its Unmarshal panics on bytes cut short"
	LosesState     Fault = "its state lacks the count of rows"
	ForgetsPass    Fault = "its fit forgets the first pass when it is stored"
	SumsByTask     Fault = "its fit adds up in the order in which tasks end"
)

// Faults are all of them, with the law that each breaks.
var Faults = map[Fault]string{
	Undeclared: "reads", RowDiffers: "row form", MakesNulls: "promise", NarrowDiffers: "narrow", WritesInput: "inputs", KeepsScratch: "arena",
	ReadsGarbage: "nulls", DrawsByPlace: "cuts", NotCoded: "layout", NotStored: "restore", WrongExample: "example", CheckPanics: "total", PrunesAll: "prune",
	PlainSum: "monoid", MergeChanges: "argument", MapOrder: "canonical", KeepsText: "arena", UnmarshalPanic: "state", LosesState: "state",
	ForgetsPass: "passes", SumsByTask: "gather",
}

func (f Fault) fits() bool {
	return slices.Contains([]Fault{PlainSum, MergeChanges, MapOrder, KeepsText, UnmarshalPanic, LosesState, ForgetsPass}, f)
}

// Spec is the operator of a fault, not registered.
func Spec(f Fault) operators.Spec {
	spec := operators.Spec{Name: "broken.op", Version: 1, Doc: string(f) + ".", New: func() operators.Op { return &rowOp{Op{Fault: f}} }}
	in := "x float64? | w float64 | s string?\n0.5 | 1 | a\n1e16 | 2 | b\n-1e16 | 0.1 | nil\nnil | 4 | a\n3 | 0.3 | b"
	out := ""
	switch {
	case f == SumsByTask:
		spec.New = func() operators.Op { return &gatherOp{Op{Fault: f}} }
	case f == PrunesAll:
		spec.New = func() operators.Op { return &filterOp{} }
	case f.fits():
		spec.New = func() operators.Op { return &fitOp{Op{Fault: f}} }
	case f == WrongExample:
		out = in
	}
	spec.Example = []operators.Example{{Doc: "a few rows", Options: "{}", In: []string{in}, Out: out}}
	return spec
}

func (o *Op) makes() []string {
	if o.Made == nil {
		return []string{"y", "z"}
	}
	return o.Made
}

// Check wants columns x and w, floats, and s, a string.
func (o *Op) Check(s operators.Site) (out operators.Output, l diag.List) {
	need := func(name string, kind batch.Kind) operators.Field {
		f, bad := s.In[0].Want(name, diag.At{})
		if o.Fault == CheckPanics && bad != nil {
			panic("no column " + name)
		}
		l.Add(bad...)
		if bad == nil && f.Type.Kind != kind && f.Type.Kind != batch.Unknown {
			l.Add(diag.New(diag.ColumnType, diag.At{}, "column %q is %s", name, f.Type))
		}
		return f
	}
	x, w, t := need("x", batch.Float64), need("w", batch.Float64), need("s", batch.String)
	apply := []string{"x", "w", "s"}
	if o.Fault == Undeclared {
		apply = []string{"x", "s"}
	}
	for _, name := range o.makes() {
		null := x.Nullable || w.Nullable || t.Nullable
		if o.Fault == MakesNulls {
			null = false
		}
		out.Made = append(out.Made, operators.Made{Field: operators.Field{Name: name, Type: float, Nullable: null}, Apply: apply})
	}
	return out, l
}

func (o *Op) narrow(made []string) Op { return Op{o.Fault, made} }

// graph makes y and z of x, w and s: y = x + w + bias + length of s, and z twice that.
func (o *Op) graph(bias float64) program.Graph {
	k := &kind{Fault: o.Fault, Bias: bias}
	var outs []program.Named
	for _, n := range o.makes() {
		k.Times = append(k.Times, map[string]float64{"y": 1, "z": 2}[n])
		outs = append(outs, program.Named{Name: n, Type: float})
	}
	if o.Fault == NarrowDiffers && len(k.Times) == 1 {
		k.Bias++
	}
	i64 := batch.T(batch.Int64)
	return program.One(k, []program.Named{{Name: "x", Type: float}, {Name: "w", Type: float}, {Name: "s", Type: batch.T(batch.String)}, {Name: program.Ordinal, Type: i64}}, outs)
}

type rowOp struct{ Op }

func (o *rowOp) Narrow(_ operators.Site, made []string) operators.Op { return &rowOp{o.narrow(made)} }
func (o *rowOp) Program(operators.Site) program.Graph                { return o.graph(1) }

// kind is the node kind of all faults.
type kind struct {
	Fault Fault
	Bias  float64
	Times []float64
	seen  []float64 // KeepsScratch: the x of a batch, and the columns that were made of it
	made  map[int][]float64
}

// remember gives the column that was made of the same x before: a memo over memory that may be freed.
func (k *kind) remember(j int, x, v []float64) []float64 {
	if k.made == nil || !slices.Equal(x, k.seen) {
		k.seen, k.made = slices.Clone(x), map[int][]float64{}
	}
	if k.made[j] == nil {
		k.made[j] = v
	}
	return k.made[j]
}

func init() { program.Register(func() program.Kind { return &kind{} }) }

// ID is "broken".
func (*kind) ID() string { return "broken" }

// Init takes all types.
func (k *kind) Init(_, out []batch.Type) error {
	if len(out) != len(k.Times) {
		return errCorrupt
	}
	return nil
}

func (k *kind) value(x, w float64, size int, row, times float64) float64 {
	v := x + w + k.Bias + float64(size)
	if k.Fault == DrawsByPlace {
		v += row
	}
	return float64(v * times)
}

// Batch computes y and z.
func (k *kind) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	x, w, s := in[0].Float64s(), in[1].Float64s(), &in[2]
	if k.Fault == WritesInput && n > 0 {
		w[0] = math.Abs(w[0]) + 1
	}
	valid := c.Bitmap(n)
	for j, t := range k.Times {
		v := c.Float64s(n)
		for i := range v {
			null := in[0].Null(i) || in[1].Null(i) || s.Null(i)
			if k.Fault == ReadsGarbage && in[0].Null(i) && !in[1].Null(i) && !s.Null(i) && x[i] == 0 {
				null = false
			}
			if null {
				v[i] = 0
				continue
			}
			size := len(s.Text(i))
			if k.Fault == NotCoded && s.Dict != nil {
				size = int(s.Codes()[i]) + 7
			}
			valid[i>>6] |= 1 << (i & 63)
			v[i] = k.value(x[i], w[i], size, float64(i), t)
		}
		if k.Fault == KeepsScratch && c != nil {
			v = k.remember(j, x, v)
		}
		out[j] = batch.OfFloat64s(v)
		out[j].Valid = valid
	}
	return nil
}

// Row computes y and z of a row.
func (k *kind) Row(f *program.Frame, in, out []int) error {
	for j, t := range k.Times {
		o := out[j]
		if f.Null[o] = f.Null[in[0]] || f.Null[in[1]] || f.Null[in[2]]; !f.Null[o] {
			f.F[o] = k.value(f.F[in[0]], f.F[in[1]], len(f.S[in[2]]), 0, t)
			if k.Fault == RowDiffers {
				f.F[o] = math.Nextafter(f.F[o], 1e300)
			}
		}
	}
	return nil
}

// Encode writes the kind.
func (k *kind) Encode(w *canon.Writer) {
	w.String(string(k.Fault))
	w.Floats(k.Times)
	if k.Fault != NotStored {
		w.Float(k.Bias)
	}
}

// Decode reads the kind.
func (k *kind) Decode(r *canon.Reader) {
	k.Fault, k.Times = Fault(r.String()), r.Floats()
	if k.Fault != NotStored {
		k.Bias = r.Float()
	}
}

// filterOp keeps the rows with x of at least 1.
type filterOp struct{}

// Check wants x.
func (*filterOp) Check(s operators.Site) (operators.Output, diag.List) {
	f, l := s.In[0].Want("x", diag.At{})
	if l == nil && f.Type != float && f.Type.Kind != batch.Unknown {
		l.Add(diag.New(diag.ColumnType, diag.At{}, "column x is %s", f.Type))
	}
	return operators.Output{Class: operators.Rows, Keep: "@keep", Needs: [][]string{{"x"}}}, l
}

func (o *filterOp) Narrow(operators.Site, []string) operators.Op { return o }

func (*filterOp) Program(operators.Site) program.Graph {
	return program.One(&program.Threshold{At: 1}, []program.Named{{Name: "x", Type: float}}, []program.Named{{Name: "@keep", Type: batch.T(batch.Bool)}})
}

// Never takes a column with nulls for one without values.
func (*filterOp) Never(operators.Site) func(func(string) (batch.Bounds, bool)) bool {
	return func(bounds func(string) (batch.Bounds, bool)) bool {
		b, _ := bounds("x")
		most, _ := b.Max.(float64)
		return b.Nulls > 0 || most < 1
	}
}

type fitOp struct{ Op }

// Check adds what the fit reads.
func (o *fitOp) Check(s operators.Site) (operators.Output, diag.List) {
	out, l := o.Op.Check(s)
	if !l.Failed() {
		out.Reads = operators.Reads{Parts: batch.TrainRows, Cols: []string{"x", "s"}}
	}
	return out, l
}

func (o *fitOp) Narrow(_ operators.Site, made []string) operators.Op { return &fitOp{o.narrow(made)} }
func (o *fitOp) Begin(operators.Site) operators.Fit                  { return &fit{op: o} }

// fit sums x in a first pass and counts rows in a second one.
type fit struct {
	op   *fitOp
	pass int
	sum  float64
	n    int64
}

func (f *fit) Acc() operators.Acc { return &acc{fault: f.op.Fault, words: map[string]int64{}} }

func (f *fit) End(_ operators.Env, a operators.Acc) (bool, error) {
	if f.pass++; f.pass == 1 {
		f.sum = a.(*acc).value()
		return true, nil
	}
	f.n = a.(*acc).n
	return false, nil
}

func (f *fit) Fitted() operators.Fitted {
	return operators.Fitted{Program: f.op.graph(f.sum + float64(f.n))}
}

func (f *fit) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	w.Int(int64(f.pass))
	w.Int(f.n)
	if f.op.Fault != ForgetsPass || f.pass > 1 {
		w.Float(f.sum)
	}
	return w.Buf, nil
}

func (f *fit) UnmarshalBinary(b []byte) error {
	r := canon.NewReader(b)
	f.pass, f.n = int(r.Int()), r.Int()
	if f.op.Fault != ForgetsPass || f.pass > 1 {
		f.sum = r.Float()
	}
	return r.End()
}

// acc sums x and counts rows and words.
type acc struct {
	fault Fault
	n     int64
	plain float64
	sum   exact.Sum
	words map[string]int64
	kept  []string // KeepsText
}

func (a *acc) value() float64 {
	if a.fault == PlainSum {
		return a.plain
	}
	return a.sum.Value()
}

func (a *acc) Add(_ *batch.Ctx, b batch.Batch) error {
	x, s := &b.Cols[0], &b.Cols[1]
	for i := range b.N {
		a.n++
		if !x.Null(i) {
			if a.fault == PlainSum {
				a.plain += x.Float64s()[i]
			} else {
				a.sum.Add(x.Float64s()[i])
			}
		}
		switch {
		case s.Null(i):
		case a.fault == KeepsText:
			a.kept = append(a.kept, s.Str(i))
		default:
			a.words[string(s.Text(i))]++
		}
	}
	return nil
}

func (a *acc) Merge(other operators.Acc) error {
	o := other.(*acc)
	a.n += o.n
	a.plain += o.plain
	a.sum.Merge(&o.sum)
	for w, n := range o.words {
		a.words[w] += n
	}
	a.kept = append(a.kept, o.kept...)
	if a.fault == MergeChanges {
		o.words, o.n = map[string]int64{}, 0
	}
	return nil
}

func (a *acc) Bytes() int64 { return int64(32 * len(a.words)) }

func (a *acc) MarshalBinary() (b []byte, err error) {
	var w canon.Writer
	if a.fault != LosesState {
		w.Int(a.n)
	}
	w.Float(a.plain)
	words := map[string]int64{}
	for k, n := range a.words {
		words[k] = n
	}
	for _, k := range a.kept {
		words[k]++
	}
	var keys []string
	for k := range words {
		keys = append(keys, k)
	}
	if a.fault != MapOrder {
		slices.Sort(keys)
	}
	w.Uint(uint64(len(keys)))
	for _, k := range keys {
		w.String(k)
		w.Int(words[k])
	}
	return a.sum.AppendBinary(w.Buf)
}

func (a *acc) UnmarshalBinary(b []byte) error {
	r := canon.NewReader(b)
	if a.fault != LosesState {
		a.n = r.Int()
	}
	a.plain = r.Float()
	for range r.Len(2) {
		k := r.String()
		a.words[k] += r.Int()
	}
	if r.Err() != nil {
		return r.Err()
	}
	rest := b[len(b)-r.Rest():]
	if a.fault == UnmarshalPanic {
		_ = rest[:8]
	}
	rest, err := a.sum.DecodeBinary(bytes.Clone(rest))
	if err != nil {
		return err
	}
	return canon.NewReader(rest).End()
}
