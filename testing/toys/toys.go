// Package toys is small operators that stand for the kinds of operators there can be, for proofs about the contract.
//
// They are built in Go, not decoded: their fields are their options.
package toys

import (
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

var (
	float   = batch.T(batch.Float64)
	integer = batch.T(batch.Int64)
	text    = batch.T(batch.String)
	boolean = batch.T(batch.Bool)
)

// wants reports columns that are not there.
func wants(s operators.Schema, cols ...string) (l diag.List) {
	for _, c := range cols {
		_, bad := s.Want(c, diag.At{})
		l.Add(bad...)
	}
	return l
}

// named are ports for columns, with the types that they have.
func named(s operators.Schema, cols ...string) (p []program.Named) {
	for _, c := range cols {
		f, _ := s.Field(c)
		p = append(p, program.Named{Name: c, Type: f.Type})
	}
	return p
}

func floats(cols ...string) (p []program.Named) {
	for _, c := range cols {
		p = append(p, program.Named{Name: c, Type: float})
	}
	return p
}

func made(apply []string, null bool, cols ...string) (m []operators.Made) {
	for _, c := range cols {
		m = append(m, operators.Made{Field: operators.Field{Name: c, Type: float, Nullable: null}, Apply: apply})
	}
	return m
}

// kept are those of cols that are in want.
func kept(cols, want []string) []string {
	return slices.DeleteFunc(slices.Clone(cols), func(c string) bool { return !slices.Contains(want, c) })
}

// Keep lets columns pass. It runs no code.
type Keep struct{ Cols []string }

// Check says what passes.
func (k *Keep) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Only: k.Cols}, wants(s.In[0], k.Cols...)
}

// Narrow gives itself.
func (k *Keep) Narrow(operators.Site, []string) operators.Op { return k }

// Rename gives columns other names. It runs no code.
type Rename struct{ To map[string]string }

// Check says the names.
func (k *Rename) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{Renamed: k.To}, nil
}

// Narrow gives itself.
func (k *Rename) Narrow(operators.Site, []string) operators.Op { return k }

// Zip lays branches side by side.
type Zip struct{}

// Check says so.
func (k *Zip) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{Zip: true}, nil
}

// Narrow gives itself.
func (k *Zip) Narrow(operators.Site, []string) operators.Op { return k }

// Sum makes float columns, each a weighted sum of float columns. A null in one makes a null.
type Sum struct {
	Names []string
	Of    [][]string
	By    [][]float64
	Plus  []float64
}

// Check says what each is made of.
func (k *Sum) Check(s operators.Site) (o operators.Output, l diag.List) {
	for i, n := range k.Names {
		null := slices.ContainsFunc(k.Of[i], func(c string) bool { f, _ := s.In[0].Field(c); return f.Nullable })
		o.Made = append(o.Made, made(k.Of[i], null, n)...)
		l.Add(wants(s.In[0], k.Of[i]...)...)
	}
	return o, l
}

// Narrow makes fewer.
func (k *Sum) Narrow(_ operators.Site, want []string) operators.Op {
	n := &Sum{}
	for i, c := range k.Names {
		if slices.Contains(want, c) {
			n.Names, n.Of, n.By, n.Plus = append(n.Names, c), append(n.Of, k.Of[i]), append(n.By, k.By[i]), append(n.Plus, k.Plus[i])
		}
	}
	return n
}

// Program sets the sums beside one another.
func (k *Sum) Program(s operators.Site) (g program.Graph) {
	for i, n := range k.Names {
		h := program.One(&program.Linear{W: k.By[i], B: k.Plus[i]}, named(s.In[0], k.Of[i]...), floats(n))
		if i == 0 {
			g = h
		} else {
			g = g.Beside(h)
		}
	}
	return g
}

// AtLeast makes a Bool column of a float one.
type AtLeast struct {
	Col, As string
	Least   float64
}

// Check says what is made.
func (k *AtLeast) Check(s operators.Site) (operators.Output, diag.List) {
	f, l := s.In[0].Want(k.Col, diag.At{})
	m := operators.Made{Field: operators.Field{Name: k.As, Type: boolean, Nullable: f.Nullable}, Apply: []string{k.Col}}
	return operators.Output{Made: []operators.Made{m}}, l
}

// Narrow gives itself.
func (k *AtLeast) Narrow(operators.Site, []string) operators.Op { return k }

// Program compares.
func (k *AtLeast) Program(operators.Site) program.Graph {
	return program.One(&program.Threshold{At: k.Least}, floats(k.Col), []program.Named{{Name: k.As, Type: boolean}})
}

// Filter keeps the rows whose float column is at least a number; nulls go.
type Filter struct {
	Col   string
	Least float64
}

// Check says that the column has no nulls below.
func (k *Filter) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Rows, Keep: "@keep", Needs: [][]string{{k.Col}}, NotNull: []string{k.Col}}, wants(s.In[0], k.Col)
}

// Narrow gives itself.
func (k *Filter) Narrow(operators.Site, []string) operators.Op { return k }

// Program compares.
func (k *Filter) Program(operators.Site) program.Graph {
	return program.One(&program.Threshold{At: k.Least}, floats(k.Col), []program.Named{{Name: "@keep", Type: boolean}})
}

// Never says whether the bounds of a unit's rows leave none.
func (k *Filter) Never(operators.Site) func(func(string) (batch.Bounds, bool)) bool {
	return func(bounds func(string) (batch.Bounds, bool)) bool {
		b, ok := bounds(k.Col)
		most, known := b.Max.(float64)
		return ok && known && most < k.Least
	}
}

// Split sends rows to parts by a hash of columns, which also draws their folds.
type Split struct {
	By           []string
	Train, Valid float64
}

// Check says that there are three parts below.
func (k *Split) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Rows, Splits: true, PartsOut: batch.AllRows, Tag: "@tag", Key: "@folds", Needs: [][]string{k.By}}, wants(s.In[0], k.By...)
}

// Narrow gives itself.
func (k *Split) Narrow(operators.Site, []string) operators.Op { return k }

// Program hashes.
func (k *Split) Program(s operators.Site) program.Graph {
	return program.One(&program.HashPart{Seed: s.Seed, Cut: []float64{k.Train, k.Train + k.Valid}}, named(s.In[0], k.By...),
		[]program.Named{{Name: "@folds", Type: integer}, {Name: "@tag", Type: integer}})
}

// Scale brings float columns to mean 0 and deviation 1 of the train rows.
type Scale struct{ Cols []string }

// Check says what the fit reads.
func (k *Scale) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{Reads: operators.Reads{Parts: batch.TrainRows, Cols: k.Cols}}
	for _, c := range k.Cols {
		o.Made = append(o.Made, made([]string{c}, false, c)...)
	}
	return o, wants(s.In[0], k.Cols...)
}

// Narrow scales fewer.
func (k *Scale) Narrow(_ operators.Site, want []string) operators.Op {
	return &Scale{kept(k.Cols, want)}
}

// Begin learns moments.
func (k *Scale) Begin(operators.Site) operators.Fit {
	return &once{acc: func() operators.Acc { return &moments{m: make([]exact.Moments, len(k.Cols))} }, end: func(a operators.Acc) (program.Graph, error) {
		n := &program.Affine{}
		for _, m := range a.(*moments).m {
			mean, variance := m.MeanVar()
			n.Sub, n.Div = append(n.Sub, mean), append(n.Div, math.Sqrt(variance)+1e-9)
		}
		return program.One(n, floats(k.Cols...), floats(k.Cols...)), nil
	}}
}

// moments accumulates float columns.
type moments struct{ m []exact.Moments }

func (a *moments) Add(_ *batch.Ctx, b batch.Batch) error {
	for j := range a.m {
		a.m[j].AddMasked(b.Cols[j].Float64s(), b.Cols[j].Valid)
	}
	return nil
}

func (a *moments) Merge(o operators.Acc) error {
	for j := range a.m {
		a.m[j].Merge(&o.(*moments).m[j])
	}
	return nil
}

func (a *moments) Bytes() int64 { return int64(len(a.m) * 200) }

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

// once is a fit of one pass.
type once struct {
	acc  func() operators.Acc
	end  func(operators.Acc) (program.Graph, error)
	prog program.Graph
}

func (f *once) Acc() operators.Acc { return f.acc() }

func (f *once) End(_ operators.Env, a operators.Acc) (again bool, err error) {
	f.prog, err = f.end(a)
	return false, err
}

func (f *once) Fitted() operators.Fitted       { return operators.Fitted{Program: f.prog} }
func (f *once) MarshalBinary() ([]byte, error) { return f.prog.Marshal(), nil }

func (f *once) UnmarshalBinary(b []byte) (err error) {
	f.prog, err = program.Unmarshal(b)
	return err
}
