package toys

import (
	"fmt"
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
)

// KMeans makes a column centre, the distance to the nearest of K centres. Its first pass draws K rows, the others move the centres.
type KMeans struct {
	Cols []string
	K    int
	Iter int
}

// Check says what is read.
func (k *KMeans) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Made: made(k.Cols, false, "centre"), Reads: operators.Reads{Parts: batch.TrainRows, Cols: k.Cols}}, wants(s.In[0], k.Cols...)
}

// Narrow gives itself.
func (k *KMeans) Narrow(operators.Site, []string) operators.Op { return k }

// Begin draws centres.
func (k *KMeans) Begin(s operators.Site) operators.Fit { return &kmeans{k: k, seed: s.Seed} }

type kmeans struct {
	k    *KMeans
	seed uint64
	pass int
	at   [][]float64
}

type drawn struct {
	draw uint64
	id   batch.ID
	x    []float64
}

// cells accumulates a pass: the K least draws, or sums by nearest centre.
type cells struct {
	f     *kmeans
	drawn []drawn
	n     []int64
	sum   [][]exact.Sum
}

func (f *kmeans) Acc() operators.Acc {
	a := &cells{f: f, n: make([]int64, len(f.at)), sum: make([][]exact.Sum, len(f.at))}
	for c := range a.sum {
		a.sum[c] = make([]exact.Sum, len(f.k.Cols))
	}
	return a
}

func (f *kmeans) End(_ operators.Env, acc operators.Acc) (bool, error) {
	a := acc.(*cells)
	if f.pass == 0 {
		for _, d := range a.drawn {
			f.at = append(f.at, d.x)
		}
		if len(f.at) == 0 {
			return false, &operators.ErrData{Err: fmt.Errorf("no rows to draw centres from")}
		}
	} else {
		for c := range f.at {
			f.at[c] = slices.Clone(f.at[c])
			for j := range f.at[c] {
				if a.n[c] > 0 {
					f.at[c][j] = a.sum[c][j].Value() / float64(a.n[c])
				}
			}
		}
	}
	f.pass++
	return f.pass <= f.k.Iter, nil
}

func (f *kmeans) Fitted() operators.Fitted {
	return operators.Fitted{Program: program.One(&Nearest{At: f.at}, floats(f.k.Cols...), floats("centre"))}
}

func (f *kmeans) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	w.Uint(uint64(f.pass))
	w.Uint(uint64(len(f.at)))
	for _, x := range f.at {
		w.Floats(x)
	}
	return w.Buf, nil
}

func (f *kmeans) UnmarshalBinary(b []byte) error {
	r := canon.NewReader(b)
	f.pass = int(r.Uint())
	for range r.Len(1) {
		x := r.Floats()
		if len(x) != len(f.k.Cols) {
			r.Fail("a centre of %d numbers", len(x))
		}
		f.at = append(f.at, x)
	}
	return r.End()
}

func (a *cells) trim() {
	slices.SortFunc(a.drawn, func(p, q drawn) int {
		if p.draw != q.draw {
			if p.draw < q.draw {
				return -1
			}
			return 1
		}
		return batch.Compare(p.id, q.id)
	})
	a.drawn = a.drawn[:min(len(a.drawn), a.f.k.K)]
}

func (a *cells) Add(_ *batch.Ctx, b batch.Batch) error {
	x := make([]float64, len(a.f.k.Cols))
	for i := range b.N {
		for j := range x {
			x[j] = b.Cols[j].Float64s()[i]
		}
		if a.f.pass == 0 {
			id := b.ID.At(i)
			a.drawn = append(a.drawn, drawn{hash.Draw(a.f.seed, id.Ordinal, id.Copy), id, slices.Clone(x)})
			continue
		}
		c, _ := nearest(a.f.at, x)
		a.n[c]++
		for j := range x {
			a.sum[c][j].Add(x[j])
		}
	}
	a.trim()
	return nil
}

func (a *cells) Merge(other operators.Acc) error {
	o := other.(*cells)
	a.drawn = append(a.drawn, o.drawn...)
	a.trim()
	if len(o.n) != len(a.n) {
		return fmt.Errorf("%d centres and %d", len(a.n), len(o.n))
	}
	for c := range a.n {
		a.n[c] += o.n[c]
		for j := range a.sum[c] {
			a.sum[c][j].Merge(&o.sum[c][j])
		}
	}
	return nil
}

func (a *cells) Bytes() int64 { return int64(100 * (len(a.drawn) + len(a.n))) }

func (a *cells) MarshalBinary() ([]byte, error) {
	var w canon.Writer
	w.Uint(uint64(len(a.drawn)))
	for _, d := range a.drawn {
		w.Word(d.draw)
		w.Uint(d.id.Ordinal)
		w.Uint(uint64(d.id.Copy))
		w.Floats(d.x)
	}
	canon.Ints(&w, a.n)
	for _, s := range a.sum {
		for j := range s {
			b, err := s[j].AppendBinary(nil)
			if err != nil {
				return nil, err
			}
			w.Bytes(b)
		}
	}
	return w.Buf, nil
}

func (a *cells) UnmarshalBinary(b []byte) error {
	r := canon.NewReader(b)
	for range r.Len(11) {
		a.drawn = append(a.drawn, drawn{r.Word(), batch.ID{Ordinal: r.Uint(), Copy: uint32(r.Uint())}, r.Floats()})
	}
	n := canon.ReadInts[int64](r)
	if len(n) != len(a.n) {
		r.Fail("%d centres of %d", len(n), len(a.n))
		return r.End()
	}
	copy(a.n, n)
	for _, s := range a.sum {
		for j := range s {
			if rest, err := s[j].DecodeBinary(r.Bytes()); r.Err() == nil && (err != nil || len(rest) > 0) {
				r.Fail("a sum")
			}
		}
	}
	return r.End()
}

// Nearest is a node kind: the distance to the nearest centre.
type Nearest struct{ At [][]float64 }

func init() { program.Register(func() program.Kind { return &Nearest{} }) }

func nearest(at [][]float64, x []float64) (best int, d float64) {
	d = math.Inf(1)
	for c, y := range at {
		s := 0.0
		for j := range x {
			s += float64((x[j] - y[j]) * (x[j] - y[j]))
		}
		if s < d {
			best, d = c, s
		}
	}
	return best, d
}

// ID is "toy_nearest".
func (*Nearest) ID() string { return "toy_nearest" }

// Init wants as many columns as a centre has numbers.
func (k *Nearest) Init(in, out []batch.Type) error {
	for _, c := range k.At {
		if len(c) != len(in) || len(out) != 1 {
			return fmt.Errorf("a centre of %d numbers for %d columns", len(c), len(in))
		}
	}
	return nil
}

// Batch measures.
func (k *Nearest) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v, x := c.Float64s(n), make([]float64, len(in))
	for i := range v {
		for j := range in {
			x[j] = in[j].Float64s()[i]
		}
		_, d := nearest(k.At, x)
		v[i] = math.Sqrt(d)
	}
	out[0] = batch.OfFloat64s(v)
	return nil
}

// Row measures a row.
func (k *Nearest) Row(f *program.Frame, in, out []int) error {
	o := out[0]
	if f.Scratch[o] == nil {
		f.Scratch[o] = make([]float64, len(in))
	}
	for j, s := range in {
		f.Scratch[o][j] = f.F[s]
	}
	_, d := nearest(k.At, f.Scratch[o])
	f.Null[o], f.F[o] = false, math.Sqrt(d)
	return nil
}

// Encode writes the centres.
func (k *Nearest) Encode(w *canon.Writer) {
	w.Uint(uint64(len(k.At)))
	for _, x := range k.At {
		w.Floats(x)
	}
}

// Decode reads the centres.
func (k *Nearest) Decode(r *canon.Reader) {
	for range r.Len(1) {
		k.At = append(k.At, r.Floats())
	}
}

// score is the column that learners make.
const score = "pred"

func learner(s operators.Site, x []string, y string, parts batch.Parts) (operators.Output, diag.List) {
	cols := append(slices.Clone(x), y)
	return operators.Output{Made: made(x, false, score), Reads: operators.Reads{Parts: parts, Cols: cols},
		Model: &operators.Model{Kind: operators.Regression, Features: x, Scores: []string{score}}}, wants(s.In[0], cols...)
}

func linear(x []string, w []float64) operators.Fitted {
	return operators.Fitted{Program: program.One(&program.Linear{W: w[:len(x)], B: w[len(x)]}, floats(x...), floats(score))}
}

// blocks of rows are summed by themselves, then in order: the same bits whatever runs when.
const blockRows = 4096

// Ridge is a linear model of all rows at once. A null counts as 0.
type Ridge struct {
	X  []string
	Y  string
	L2 float64
}

// Check says what is learnt from what.
func (k *Ridge) Check(s operators.Site) (operators.Output, diag.List) {
	return learner(s, k.X, k.Y, batch.TrainRows)
}

// Narrow gives itself.
func (k *Ridge) Narrow(operators.Site, []string) operators.Op { return k }

// Fit solves the normal equations.
func (k *Ridge) Fit(_ operators.Site, env operators.Env, train, _ operators.Table) (operators.Fitted, error) {
	p := len(k.X) + 1
	parts := make([][]float64, (train.N+blockRows-1)/blockRows)
	env.Parallel(len(parts), func(b int) {
		a, v := make([]float64, p*(p+1)), make([]float64, p+1)
		for i := b * blockRows; i < min(train.N, (b+1)*blockRows); i++ {
			for j := range k.X {
				v[j] = train.Cols[j].Float64s()[i]
			}
			v[p-1], v[p] = 1, train.Cols[p-1].Float64s()[i]
			for j := range p {
				for l := range p + 1 {
					a[j*(p+1)+l] += float64(v[j] * v[l])
				}
			}
		}
		parts[b] = a
	})
	a := make([]float64, p*(p+1))
	for _, q := range parts {
		for i := range a {
			a[i] += q[i]
		}
	}
	for j := range p {
		a[j*(p+1)+j] += k.L2
	}
	w, err := solve(a, p)
	if err != nil {
		return operators.Fitted{}, err
	}
	return linear(k.X, w), nil
}

// solve is Gauss-Jordan on p rows of p+1 numbers.
func solve(a []float64, p int) ([]float64, error) {
	w := p + 1
	for c := range p {
		top := c
		for i := c; i < p; i++ {
			if math.Abs(a[i*w+c]) > math.Abs(a[top*w+c]) {
				top = i
			}
		}
		if a[top*w+c] == 0 {
			return nil, &operators.ErrData{Err: fmt.Errorf("the columns say nothing")}
		}
		for l := range w {
			a[c*w+l], a[top*w+l] = a[top*w+l], a[c*w+l]
		}
		for i := range p {
			f := a[i*w+c] / a[c*w+c]
			for l := c; l < w && i != c; l++ {
				a[i*w+l] -= float64(f * a[c*w+l])
			}
		}
	}
	x := make([]float64, p)
	for j := range x {
		x[j] = a[j*w+p] / a[j*w+j]
	}
	return x, nil
}

// Descent is a linear model by steps down the gradient, stopped where the valid rows' error is least.
type Descent struct {
	X      []string
	Y      string
	Rate   float64
	Rounds int
}

// Check says that valid rows are read too.
func (k *Descent) Check(s operators.Site) (operators.Output, diag.List) {
	return learner(s, k.X, k.Y, batch.TrainRows|batch.ValidRows)
}

// Narrow gives itself.
func (k *Descent) Narrow(operators.Site, []string) operators.Op { return k }

// Fit steps.
func (k *Descent) Fit(_ operators.Site, env operators.Env, train, valid operators.Table) (operators.Fitted, error) {
	p := len(k.X)
	at := func(t operators.Table, w []float64, i int) (residual float64) {
		s := w[p]
		for j := range p {
			s += float64(w[j] * t.Cols[j].Float64s()[i])
		}
		return s - t.Cols[p].Float64s()[i]
	}
	w, best, least, stop := make([]float64, p+1), make([]float64, p+1), math.Inf(1), 0
	for round := range k.Rounds {
		loss := exact.Sum{}
		for i := range valid.N {
			r := at(valid, w, i)
			loss.Add(float64(r * r))
		}
		if l := loss.Value(); l < least {
			least, stop = l, round
			copy(best, w)
		}
		parts := make([][]float64, (train.N+blockRows-1)/blockRows)
		env.Parallel(len(parts), func(b int) {
			g := make([]float64, p+1)
			for i := b * blockRows; i < min(train.N, (b+1)*blockRows); i++ {
				r := at(train, w, i)
				for j := range p {
					g[j] += float64(r * train.Cols[j].Float64s()[i])
				}
				g[p] += r
			}
			parts[b] = g
		})
		for j := range w {
			g := 0.0
			for _, q := range parts {
				g += q[j]
			}
			w[j] -= float64(k.Rate * g / float64(train.N))
		}
	}
	f := linear(k.X, best)
	f.Notes.Facts = []operators.Fact{{Name: "rounds", Text: fmt.Sprint(stop)}}
	return f, nil
}

// Stack is a macro: out-of-fold scores of base models, and a model on top of them.
type Stack struct {
	K    int
	Base []operators.Op
	Y    string
}

// Check has nothing to find.
func (k *Stack) Check(operators.Site) (operators.Output, diag.List) { return operators.Output{}, nil }

// Narrow gives itself.
func (k *Stack) Narrow(operators.Site, []string) operators.Op { return k }

// Expand fits every base model k+1 times.
func (k *Stack) Expand(_ operators.Site, b operators.Build, in ...operators.Node) operators.Node {
	n := in[0]
	var x []string
	for i, base := range k.Base {
		col := fmt.Sprintf("base%d", i)
		x = append(x, col)
		n = b.Folds(col, k.K, n, func(n operators.Node) operators.Node {
			return b.Step("name", &Rename{map[string]string{score: col}}, b.Step("model", base, n))
		})
	}
	return b.Step("top", &Ridge{X: x, Y: k.Y, L2: 1}, n)
}

// Calibrate is a macro: a model whose scores are corrected by a line through its own out-of-fold scores and the label.
type Calibrate struct {
	K    int
	Base operators.Op
	Y    string
}

// Check has nothing to find.
func (k *Calibrate) Check(operators.Site) (operators.Output, diag.List) {
	return operators.Output{}, nil
}

// Narrow gives itself.
func (k *Calibrate) Narrow(operators.Site, []string) operators.Op { return k }

// Expand fits the model k+1 times, and the line once.
func (k *Calibrate) Expand(_ operators.Site, b operators.Build, in ...operators.Node) operators.Node {
	n := b.Folds("raw", k.K, in[0], func(n operators.Node) operators.Node {
		return b.Step("name", &Rename{map[string]string{score: "uncalibrated"}}, b.Step("model", k.Base, n))
	})
	return b.Step("line", &Ridge{X: []string{"uncalibrated"}, Y: k.Y}, n)
}

// Scope is a macro: a filter, an encoding that is itself cross-fitted, a scaling and a model, all inside folds.
type Scope struct {
	K    int
	Keep *Filter
	Text []string
	X    []string
	Y    string
	// Direct fits the encoding without shared accumulators.
	Direct bool
}

// Check has nothing to find.
func (k *Scope) Check(operators.Site) (operators.Output, diag.List) { return operators.Output{}, nil }

// Narrow gives itself.
func (k *Scope) Narrow(operators.Site, []string) operators.Op { return k }

// Expand makes the scope.
func (k *Scope) Expand(_ operators.Site, b operators.Build, in ...operators.Node) operators.Node {
	return b.Folds("cv", k.K, in[0], func(n operators.Node) operators.Node {
		if k.Keep != nil {
			n = b.Step("few", k.Keep, n)
		}
		n = b.Step("encode", &Encode{Cols: k.Text, Label: k.Y, K: 2, Direct: k.Direct}, n)
		n = b.Step("scale", &Scale{k.X}, n)
		return b.Step("model", &Ridge{X: append(slices.Clone(k.X), k.Text...), Y: k.Y, L2: 1}, n)
	})
}

// RMSE is an evaluation: the root of the mean of squared errors on test rows.
type RMSE struct {
	Y        string
	Slices   []string
	Champion string
}

// Check says what is compared.
func (k *RMSE) Check(s operators.Site) (operators.Output, diag.List) {
	return operators.Output{Class: operators.Break, Reads: operators.Reads{Parts: batch.TestRows, Cols: []string{k.Y}},
		Eval: &operators.Eval{Scores: []string{score}, Raw: k.Slices, Champion: k.Champion, Metrics: []string{"rmse"}}}, wants(s.In[0], k.Y)
}

// Narrow gives itself.
func (k *RMSE) Narrow(operators.Site, []string) operators.Op { return k }

// Start makes an empty accumulator.
func (k *RMSE) Start(_ operators.Site, models []string) operators.Acc {
	return &errors{moments{make([]exact.Moments, len(models))}, len(k.Slices)}
}

// Finish takes roots.
func (k *RMSE) Finish(_ operators.Site, models []string, _ operators.Env, a operators.Acc) (r operators.Result, err error) {
	for i, m := range models {
		e := a.(*errors).m[i]
		r.Models = append(r.Models, operators.ModelResult{Name: m, Rows: e.N(),
			Metrics: []operators.Metric{{Name: "rmse", Value: math.Sqrt(e.Sum() / float64(e.N()))}}})
	}
	return r, nil
}

// errors accumulates the squared errors of models.
type errors struct {
	moments
	raw int // columns between the label and the scores
}

func (a *errors) Add(c *batch.Ctx, b batch.Batch) error {
	y := b.Cols[0].Float64s()
	v := c.Float64s(b.N)
	for m := range a.m {
		p := b.Cols[1+a.raw+m].Float64s()
		for i := range v {
			v[i] = float64((p[i] - y[i]) * (p[i] - y[i]))
		}
		a.m[m].AddSlice(v)
	}
	return nil
}

func (a *errors) Merge(o operators.Acc) error { return a.moments.Merge(&o.(*errors).moments) }
