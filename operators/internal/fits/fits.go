// Package fits holds the fit of operators that learn in one pass.
package fits

import (
	"errors"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

// Once is a fit of one pass. All that it keeps of the pass is the outcome, so that a restored one needs nothing else.
type Once struct {
	Start  func() operators.Acc
	Finish func(operators.Env, operators.Acc) (operators.Fitted, error)
	fitted operators.Fitted
}

// Known is a fit whose outcome is known before any row: an operator that learns under some of its options only gives it under the
// others. Its accumulators take any rows and hold nothing.
func Known(g program.Graph) *Once {
	fitted := operators.Fitted{Program: g}
	return &Once{
		Start:  func() operators.Acc { return nothing{} },
		Finish: func(operators.Env, operators.Acc) (operators.Fitted, error) { return fitted, nil },
		fitted: fitted,
	}
}

// Acc is an empty accumulator.
func (f *Once) Acc() operators.Acc { return f.Start() }

// End finishes; there is no second pass.
func (f *Once) End(env operators.Env, a operators.Acc) (again bool, err error) {
	f.fitted, err = f.Finish(env, a)
	return false, err
}

// Fitted is the outcome, empty before End.
func (f *Once) Fitted() operators.Fitted { return f.fitted }

// MarshalBinary writes the outcome.
func (f *Once) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	f.fitted.Program.Encode(&w)
	n := f.fitted.Notes
	w.Uint(uint64(len(n.Importance)))
	for _, i := range n.Importance {
		w.String(i.Feature)
		w.Float(i.Gain)
	}
	w.Uint(uint64(len(n.Curves)))
	for _, c := range n.Curves {
		w.String(c.Name)
		w.Floats(c.X)
		w.Floats(c.Y)
	}
	w.Uint(uint64(len(n.Facts)))
	for _, f := range n.Facts {
		w.String(f.Name)
		w.String(f.Text)
	}
	return w.Buf, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (f *Once) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	o := operators.Fitted{Program: program.Decode(r)}
	for range r.Len(9) {
		o.Notes.Importance = append(o.Notes.Importance, operators.Importance{Feature: r.String(), Gain: r.Float()})
	}
	for range r.Len(3) {
		o.Notes.Curves = append(o.Notes.Curves, operators.Curve{Name: r.String(), X: r.Floats(), Y: r.Floats()})
	}
	for range r.Len(2) {
		o.Notes.Facts = append(o.Notes.Facts, operators.Fact{Name: r.String(), Text: r.String()})
	}
	if err := r.End(); err != nil {
		return err
	}
	f.fitted = o
	return nil
}

// nothing is the accumulator of what is known already.
type nothing struct{}

func (nothing) Add(*batch.Ctx, batch.Batch) error { return nil }
func (nothing) Merge(operators.Acc) error         { return nil }
func (nothing) Bytes() int64                      { return 0 }
func (nothing) MarshalBinary() ([]byte, error)    { return nil, nil }
func (nothing) UnmarshalBinary(b []byte) error {
	if len(b) > 0 {
		return errors.New("a state where there is none")
	}
	return nil
}
