package sample

import (
	"cmp"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/internal/fits"
	"github.com/headrace/headrace/operators/program"
)

// Rows is sample.rows. With fraction its fit is known before any row; with n it finds the n least draws.
type Rows struct {
	Fraction *float64 `param:"fraction" doc:"share of the rows that stays, on average; this or n must be given" min:">0" max:"1"`
	N        *int     `param:"n" doc:"how many rows stay; all, where there are no more; this or fraction must be given" min:"1"`
	Seed     int      `param:"seed" doc:"seed of the random draws; the same seed gives the same result" default:"0"`
}

func init() {
	operators.Register(operators.Spec{
		Name: "sample.rows", Version: 1, Main: "fraction", New: func() operators.Op { return &Rows{} },
		Doc: "Keeps some of the rows by chance: a fraction of them, or a number. Which ones depends on the seed and on where a row stands in its source, not on its values. " +
			"The rows kept stay in order. All parts are drawn from alike; `only: train` leaves the others whole.",
		Example: []operators.Example{{
			Doc:     "no more rows than there are",
			Options: "{n: 10}",
			In: []string{`
				x int64? | s string
				1        | a
				nil      | b`},
			Out: `
				x int64? | s string
				1        | a
				nil      | b`,
		}, {
			Doc:     "all of them",
			Options: "1.0",
			In: []string{`
				_part | x int64?
				train | 1
				test  | nil`},
			Out: `
				_part | x int64?
				train | 1
				test  | nil`,
		}},
	})
}

// Check wants a fraction or a number.
func (r *Rows) Check(s operators.Site) (operators.Output, diag.List) {
	var l diag.List
	o := operators.Output{Class: operators.Rows, Keep: keepCol}
	switch {
	case r.Fraction == nil && r.N == nil:
		l.Add(diag.New(diag.OptionMissing, diag.At{}, "a fraction or n is wanted"))
	case r.Fraction != nil && r.N != nil:
		l.Add(diag.New(diag.OptionConflict, diag.Option("n"), "n and fraction do not go together"))
	case r.N != nil && len(s.In[0].Fields) > 0:
		// the draws hang on the rows' identities alone; a column is read so that there are rows to go through
		o.Reads = operators.Reads{Parts: batch.AllRows, Cols: []string{cheapest(s.In[0])}, Exempt: true}
	}
	return o, l
}

// cheapest is the column that takes least to read.
func cheapest(s operators.Schema) string {
	return slices.MinFunc(s.Fields, func(a, b operators.Field) int { return cmp.Compare(cost(a.Type), cost(b.Type)) }).Name
}

func cost(t batch.Type) int {
	switch {
	case t.Kind == batch.Bool:
		return 0
	case t.Kind == batch.Vector || t.Kind == batch.List:
		return 100
	case t.Width() == 0:
		return 50
	}
	return t.Width()
}

// Narrow gives itself: it makes nothing.
func (r *Rows) Narrow(operators.Site, []string) operators.Op { return r }

func draw(d *program.Draw) program.Graph {
	integer := batch.T(batch.Int64)
	return program.One(d, []program.Named{{Name: program.Ordinal, Type: integer}, {Name: program.Copy, Type: integer}},
		[]program.Named{{Name: keepCol, Type: batch.T(batch.Bool)}})
}

// Begin knows the program of a fraction, or looks for the least draws.
func (r *Rows) Begin(s operators.Site) operators.Fit {
	if r.N == nil {
		return fits.Known(draw(program.DrawShare(seed(s, r.Seed), *r.Fraction)))
	}
	return &rowsFit{n: *r.N, seed: seed(s, r.Seed)}
}

// rowsFit finds the draw below which there are n rows. Two rows may share a draw; where the n-th least draw is one of such, no draw
// parts n rows from the others, and the rows are drawn anew under the next seed.
type rowsFit struct {
	n    int
	seed uint64
	draw program.Draw
}

func (f *rowsFit) Acc() operators.Acc { return &drawAcc{keep: f.n + 1, seed: f.seed} }

func (f *rowsFit) End(_ operators.Env, a operators.Acc) (again bool, err error) {
	d := a.(*drawAcc)
	d.trim()
	switch {
	case len(d.least) <= f.n:
		f.draw = program.Draw{Seed: f.seed, Below: math.MaxUint64, All: true}
	case d.least[f.n-1] == d.least[f.n]:
		f.seed = hash.U64(f.seed + 1)
		return true, nil
	default:
		f.draw = program.Draw{Seed: f.seed, Below: d.least[f.n]}
	}
	return false, nil
}

func (f *rowsFit) Fitted() operators.Fitted {
	d := f.draw
	return operators.Fitted{Program: draw(&d)}
}

func (f *rowsFit) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	w.Word(f.seed)
	f.draw.Encode(&w)
	return w.Buf, nil
}

func (f *rowsFit) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	seed, d := r.Word(), program.Draw{}
	d.Decode(r)
	if err := r.End(); err != nil {
		return err
	}
	f.seed, f.draw = seed, d
	return nil
}

// drawAcc holds the least draws. It is trimmed when it is twice as long as wanted, so that a row costs little.
type drawAcc struct {
	keep  int
	seed  uint64
	least []uint64
}

func (a *drawAcc) trim() {
	slices.Sort(a.least)
	a.least = a.least[:min(len(a.least), a.keep)]
}

func (a *drawAcc) put(d uint64) {
	if len(a.least) >= 2*a.keep {
		a.trim()
	}
	a.least = append(a.least, d)
}

// Add draws for every row.
func (a *drawAcc) Add(_ *batch.Ctx, b batch.Batch) error {
	for i := range b.N {
		id := b.ID.At(i)
		a.put(hash.Draw(a.seed, id.Ordinal, id.Copy))
	}
	return nil
}

func (a *drawAcc) Merge(o operators.Acc) error {
	for _, d := range o.(*drawAcc).least {
		a.put(d)
	}
	return nil
}

func (a *drawAcc) Bytes() int64 { return int64(8 * cap(a.least)) }

func (a *drawAcc) MarshalBinary() ([]byte, error) {
	a.trim()
	var w canon.Writer
	w.Uint(uint64(len(a.least)))
	for _, d := range a.least {
		w.Word(d)
	}
	return w.Buf, nil
}

func (a *drawAcc) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	for range r.Len(8) {
		a.least = append(a.least, r.Word())
	}
	if !slices.IsSorted(a.least) || len(a.least) > a.keep {
		r.Fail("%d draws, not in order, or more than %d", len(a.least), a.keep)
	}
	return r.End()
}
