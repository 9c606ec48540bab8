package toys

import (
	"slices"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/rel"
)

// Encode replaces strings by the mean of a float label over the train rows that have them, cross-fitted over K folds where K is above
// 1. Direct reads valid rows too, so that the engine cannot share accumulators between folds: where there are no valid rows, the
// outcome is the same.
type Encode struct {
	Cols   []string
	Label  string
	K      int
	Direct bool
}

// Check says what the fit reads; the label is no part of what a row needs.
func (k *Encode) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{CrossFit: k.K, Reads: operators.Reads{Parts: batch.TrainRows, Cols: append(slices.Clone(k.Cols), k.Label)}}
	if k.Direct {
		o.Reads.Parts |= batch.ValidRows
		o.Reads.Exempt = true // train operators alone may read them; here there are none
	}
	for _, c := range k.Cols {
		o.Made = append(o.Made, made([]string{c}, false, c)...)
	}
	return o, wants(s.In[0], o.Reads.Cols...)
}

// Narrow encodes fewer.
func (k *Encode) Narrow(_ operators.Site, want []string) operators.Op {
	return &Encode{kept(k.Cols, want), k.Label, k.K, k.Direct}
}

// Begin learns means.
func (k *Encode) Begin(operators.Site) operators.Fit {
	return &once{acc: func() operators.Acc { return newGroups(len(k.Cols)) }, end: func(a operators.Acc) (program.Graph, error) {
		var g program.Graph
		for j, c := range k.Cols {
			m := a.(*groups).of[j]
			keys := sorted(m)
			all, n := exact.Sum{}, int64(0)
			for _, w := range keys {
				all.Merge(&m[w].sum)
				n += m[w].n
			}
			mean := all.Value() / float64(max(n, 1))
			v := make([]float64, len(keys))
			for i, w := range keys {
				v[i] = (m[w].sum.Value() + 10*mean) / float64(m[w].n+10)
			}
			h, err := lookup(c, keys, []batch.Column{batch.OfFloat64s(v)}, []program.Value{{Kind: batch.Float64, F: mean}}, floats(c))
			if err != nil {
				return g, err
			}
			if j == 0 {
				g = h
			} else {
				g = g.Beside(h)
			}
		}
		return g, nil
	}}
}

func lookup(col string, keys []string, outs []batch.Column, miss []program.Value, to []program.Named) (program.Graph, error) {
	k, err := program.NewLookup([]batch.Column{batch.OfStrings(keys)}, outs, miss)
	if err != nil {
		return program.Graph{}, err
	}
	return program.One(k, []program.Named{{Name: col, Type: text}}, to), nil
}

func sorted[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type group struct {
	n   int64
	sum exact.Sum
}

// groups sums a float column, the last, by each of the others.
type groups struct{ of []map[string]*group }

func newGroups(n int) *groups {
	a := &groups{make([]map[string]*group, n)}
	for j := range a.of {
		a.of[j] = map[string]*group{}
	}
	return a
}

func (a *groups) at(j int, k string) *group {
	g := a.of[j][k]
	if g == nil {
		g = &group{}
		a.of[j][k] = g
	}
	return g
}

func (a *groups) Add(_ *batch.Ctx, b batch.Batch) error {
	y := b.Cols[len(a.of)].Float64s()
	for j := range a.of {
		for i := range b.N {
			g := a.at(j, string(b.Cols[j].Text(i)))
			g.n++
			g.sum.Add(y[i])
		}
	}
	return nil
}

func (a *groups) Merge(o operators.Acc) error {
	for j, m := range o.(*groups).of {
		for _, k := range sorted(m) {
			g := a.at(j, k)
			g.n += m[k].n
			g.sum.Merge(&m[k].sum)
		}
	}
	return nil
}

func (a *groups) Bytes() (n int64) {
	for _, m := range a.of {
		n += int64(150 * len(m))
	}
	return n
}

func (a *groups) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	for _, m := range a.of {
		w.Uint(uint64(len(m)))
		for _, k := range sorted(m) {
			w.String(k)
			w.Int(m[k].n)
			b, err := m[k].sum.AppendBinary(nil)
			if err != nil {
				return nil, err
			}
			w.Bytes(b)
		}
	}
	return w.Buf, nil
}

func (a *groups) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	for j := range a.of {
		for range r.Len(3) {
			g := a.at(j, r.String())
			g.n = r.Int()
			if rest, err := g.sum.DecodeBinary(r.Bytes()); r.Err() == nil && (err != nil || len(rest) > 0) {
				r.Fail("a sum")
			}
		}
	}
	return r.End()
}

// Join takes float columns along from a second table, by a string that both have: of equal keys, the row of least identity. It is a fit
// over that table, and a lookup when it is applied.
type Join struct {
	On   string
	Take []string
}

// Check says that the fit reads input 1.
func (k *Join) Check(s operators.Site) (operators.Output, diag.List) {
	o := operators.Output{Reads: operators.Reads{Input: 1, Parts: batch.AllRows, Cols: append([]string{k.On}, k.Take...)}}
	o.Made = made([]string{k.On}, true, k.Take...)
	return o, append(wants(s.In[0], k.On), wants(s.In[1], o.Reads.Cols...)...)
}

// Narrow takes fewer.
func (k *Join) Narrow(_ operators.Site, want []string) operators.Op {
	return &Join{k.On, kept(k.Take, want)}
}

// Begin learns the table.
func (k *Join) Begin(operators.Site) operators.Fit {
	return &once{acc: func() operators.Acc { return &firsts{wide: len(k.Take), of: map[string]row{}} }, end: func(a operators.Acc) (program.Graph, error) {
		m := a.(*firsts).of
		keys := sorted(m)
		outs := make([]batch.Column, len(k.Take))
		for j := range outs {
			v := make([]float64, len(keys))
			for i, w := range keys {
				v[i] = m[w].x[j]
			}
			outs[j] = batch.OfFloat64s(v)
		}
		return lookup(k.On, keys, outs, nil, floats(k.Take...))
	}}
}

type row struct {
	id batch.ID
	x  []float64
}

// firsts keeps of each key the row of least identity.
type firsts struct {
	wide int
	of   map[string]row
}

func (a *firsts) put(k string, r row) {
	if o, ok := a.of[k]; !ok || batch.Compare(r.id, o.id) < 0 {
		a.of[k] = r
	}
}

func (a *firsts) Add(_ *batch.Ctx, b batch.Batch) error {
	for i := range b.N {
		r := row{id: b.ID.At(i)}
		for j := range a.wide {
			r.x = append(r.x, b.Cols[1+j].Float64s()[i])
		}
		a.put(string(b.Cols[0].Text(i)), r)
	}
	return nil
}

func (a *firsts) Merge(o operators.Acc) error {
	m := o.(*firsts).of
	for _, k := range sorted(m) {
		a.put(k, m[k])
	}
	return nil
}

func (a *firsts) Bytes() int64 { return int64(len(a.of) * (64 + 8*a.wide)) }

func (a *firsts) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	w.Uint(uint64(len(a.of)))
	for _, k := range sorted(a.of) {
		w.String(k)
		w.Uint(a.of[k].id.Ordinal)
		w.Uint(uint64(a.of[k].id.Copy))
		w.Floats(a.of[k].x)
	}
	return w.Buf, nil
}

func (a *firsts) UnmarshalBinary(data []byte) error {
	r := canon.NewReader(data)
	for range r.Len(4) {
		k := r.String()
		v := row{id: batch.ID{Ordinal: r.Uint(), Copy: uint32(r.Uint())}, x: r.Floats()}
		if len(v.x) != a.wide {
			r.Fail("%d values of %d", len(v.x), a.wide)
		}
		a.of[k] = v
	}
	return r.End()
}

// Sort orders rows by a column, ties by identity.
type Sort struct {
	By   string
	Down bool
}

// Check says what is needed.
func (k *Sort) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Rows, Needs: [][]string{{k.By}}}, wants(s.In[0], k.By)
}

// Narrow gives itself.
func (k *Sort) Narrow(operators.Site, []string) operators.Op { return k }

// Lower states the sort.
func (k *Sort) Lower(_ operators.Site, in []rel.Node) rel.Node {
	return rel.Sort{From: in[0], By: []rel.Key{{Column: k.By, Descending: k.Down}}}
}

// BigJoin pairs rows with all rows of a second table that have the same string: rows of its own.
type BigJoin struct{ On, Take string }

// Check says that all columns of input 0 pass.
func (k *BigJoin) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Break, Only: s.In[0].Names(), Made: made([]string{k.On}, false, k.Take),
		Needs: [][]string{{k.On}, {k.On, k.Take}}}, append(wants(s.In[0], k.On), wants(s.In[1], k.On, k.Take)...)
}

// Narrow gives itself.
func (k *BigJoin) Narrow(operators.Site, []string) operators.Op { return k }

// Lower states the join.
func (k *BigJoin) Lower(_ operators.Site, in []rel.Node) rel.Node {
	return rel.Join{L: in[0], R: in[1], LOn: []string{k.On}, ROn: []string{k.On}, Take: map[string]string{k.Take: k.Take}}
}

// Distinct keeps one of several rows that are equal in some columns.
type Distinct struct {
	By   []string
	Last bool
}

// Check names what says that a row stays.
func (k *Distinct) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Rows, Keep: "@keep", Needs: [][]string{k.By}}, wants(s.In[0], k.By...)
}

// Narrow gives itself.
func (k *Distinct) Narrow(operators.Site, []string) operators.Op { return k }

// Lower states which rows are distinct.
func (k *Distinct) Lower(_ operators.Site, in []rel.Node) rel.Node {
	return rel.Distinct{From: in[0], By: k.By, Last: k.Last}
}
