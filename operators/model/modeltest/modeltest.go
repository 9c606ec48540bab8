// Package modeltest runs learners in tests: options as text in, rows out.
package modeltest

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// Options reads options as a YAML flow map of plain scalars, maps and lists: {trees: 3, early_stop: {rounds: 2}}.
func Options(t testing.TB, text string, into any) {
	t.Helper()
	rest := strings.TrimSpace(text)
	n := node(&rest)
	if l := param.Decode(n, into); l != nil {
		t.Fatalf("options %s: %v", text, l)
	}
}

func node(s *string) *param.Node {
	*s = strings.TrimSpace(*s)
	n := &param.Node{}
	end := "}"
	switch (*s)[0] {
	case '{':
		n.Kind = param.Map
	case '[':
		n.Kind, end = param.List, "]"
	default:
		i := strings.IndexAny(*s, ",}]")
		v := strings.TrimSpace((*s)[:i])
		*s = (*s)[i:]
		return param.Value(v)
	}
	*s = (*s)[1:]
	for {
		*s = strings.TrimLeft(*s, " ,")
		if strings.HasPrefix(*s, end) {
			*s = (*s)[1:]
			return n
		}
		if n.Kind == param.Map {
			key, after, _ := strings.Cut(*s, ":")
			*s = after
			n.Keys = append(n.Keys, param.Value(key))
		}
		n.Items = append(n.Items, node(s))
	}
}

// Site is where an operator stands on rows of a schema.
func Site(in operators.Schema, t operators.Task) operators.Site {
	return operators.Site{In: []operators.Schema{in}, Task: t, Seed: 42}
}

// Pick is the columns named of the rows of the parts.
func Pick(in operators.Schema, b batch.Batch, parts batch.Parts, cols []string) operators.Table {
	var idx []int32
	for i := range b.N {
		if parts.Has(b.PartAt(i)) {
			idx = append(idx, int32(i))
		}
	}
	t := operators.Table{N: len(idx)}
	for _, c := range cols {
		t.Cols = append(t.Cols, b.Cols[in.Index(c)].Take(nil, idx))
	}
	return t
}

// Fit checks and fits as the engine does.
func Fit(t testing.TB, op operators.Gather, env operators.Env, in operators.Schema, b batch.Batch, task operators.Task) (operators.Fitted, error) {
	t.Helper()
	s := Site(in, task)
	out, l := op.Check(s)
	if l.Failed() {
		t.Fatal(l.Err())
	}
	r := out.Reads
	return op.Fit(s, env, Pick(in, b, r.Parts&batch.TrainRows, r.Cols), Pick(in, b, r.Parts&batch.ValidRows, r.Cols))
}

// Score runs a fitted program over all rows, by batch and row by row, which must agree to the bit, and gives its columns.
func Score(t testing.TB, g program.Graph, in operators.Schema, b batch.Batch) []batch.Column {
	t.Helper()
	g, err := program.Unmarshal(g.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	ports := make([]batch.Column, len(g.In))
	for i, p := range g.In {
		ports[i] = b.Cols[in.Index(p.Name)]
	}
	out, err := g.Batch(&batch.Ctx{}, b.N, ports)
	if err != nil {
		t.Fatal(err)
	}
	f := g.Frame()
	for i := range b.N {
		for j, p := range g.In {
			f.SetRow(p.Slot, &ports[j], i)
		}
		if err := g.Row(f); err != nil {
			t.Fatal(err)
		}
		for j, p := range g.Out {
			c := &out[j]
			same := f.Null[p.Slot] == c.Null(i)
			if same && !c.Null(i) {
				switch {
				case c.Type.Kind == batch.Vector:
					for k, v := range f.V[p.Slot] {
						same = same && math.Float64bits(c.Member(k)[i]) == math.Float64bits(v)
					}
					same = same && len(f.V[p.Slot]) == c.Wide
				case c.Type.Float():
					same = math.Float64bits(c.Float64s()[i]) == math.Float64bits(f.F[p.Slot])
				case c.Type.Text():
					same = c.Str(i) == f.S[p.Slot]
				default:
					v := program.ValueOf(c, i)
					same = v.I == f.I[p.Slot]
				}
			}
			if !same {
				t.Fatalf("row %d, %s: the row path has %v %v, the batch %s", i, p.Name, f.F[p.Slot], f.I[p.Slot], operators.FormatValue(c, i))
			}
		}
	}
	return out
}

// Examples runs the examples of a learner.
func Examples(t *testing.T, name string) {
	spec, ok := operators.Lookup(name)
	if !ok || len(spec.Example) == 0 {
		t.Fatalf("%s has no example", name)
	}
	for _, e := range spec.Example {
		t.Run(e.Doc, func(t *testing.T) {
			op := spec.New().(operators.Gather)
			Options(t, e.Options, op)
			in, b, err := operators.ParseRows(e.In[0])
			if err != nil {
				t.Fatal(err)
			}
			f, err := Fit(t, op, operators.TestEnv(), in, b, e.Task)
			if err != nil {
				t.Fatal(err)
			}
			out, _ := op.Check(Site(in, e.Task))
			got := b
			got.Cols = append(append([]batch.Column(nil), b.Cols...), Score(t, f.Program, in, b)...)
			below := out.Below(in)
			want, rows, err := operators.ParseRows(e.Out)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := operators.FormatRows(operators.Schema{Fields: below.Fields}, got), operators.FormatRows(want, rows); !alike(want, below, rows, got) {
				t.Errorf("got\n%swant\n%s", a, b)
			}
		})
	}
}

func alike(want, have operators.Schema, a, b batch.Batch) bool {
	if len(want.Fields) != len(have.Fields) || a.N != b.N {
		return false
	}
	for j, f := range want.Fields {
		if h := have.Fields[j]; h.Name != f.Name || h.Type != f.Type || h.Nullable != f.Nullable {
			return false
		}
		if x, y := a.Cols[j], b.Cols[j]; f.Type.Kind == batch.Vector {
			if !slices.Equal(x.Members, y.Members) {
				return false
			}
			for k := range x.Members {
				for i, v := range x.Member(k) {
					if !(math.Abs(v-y.Member(k)[i]) <= 1e-9*max(1, math.Abs(v))) {
						return false
					}
				}
			}
			continue
		}
		for i := range a.N {
			if f.Type.Kind == batch.Float64 && !a.Cols[j].Null(i) && !b.Cols[j].Null(i) {
				if x, y := a.Cols[j].Float64s()[i], b.Cols[j].Float64s()[i]; math.Abs(x-y) > 1e-9*max(1, math.Abs(x)) {
					return false
				}
			} else if operators.FormatValue(&a.Cols[j], i) != operators.FormatValue(&b.Cols[j], i) {
				return false
			}
		}
	}
	return true
}

// Workers is an Env with n workers, which take tasks in an order that seed shuffles.
func Workers(n int, seed uint64) operators.Env {
	env := operators.TestEnv()
	env.Parallel = func(tasks int, f func(int)) {
		queue := make(chan int, tasks)
		for _, i := range rand.New(rand.NewPCG(seed, uint64(tasks))).Perm(tasks) {
			queue <- i
		}
		close(queue)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for i := range queue {
					f(i)
				}
			})
		}
		wg.Wait()
	}
	return env
}

// Of makes rows of number columns and a label, all in train: a bool is told apart, text is of many classes, a number is estimated.
func Of(x [][]float64, label batch.Column, w []float64) (operators.Schema, batch.Batch, operators.Task) {
	var in operators.Schema
	b := batch.Batch{N: label.N}
	add := func(name string, c batch.Column) {
		in.Fields = append(in.Fields, operators.Field{Name: name, Type: c.Type})
		b.Cols = append(b.Cols, c)
	}
	for j, v := range x {
		add("x"+string(rune('0'+j)), batch.OfFloat64s(v))
	}
	add("y", label)
	t := operators.Task{Kind: operators.Regression, Label: "y"}
	switch label.Type.Kind {
	case batch.Bool:
		t.Kind = operators.Binary
	case batch.String:
		t.Kind = operators.Multiclass
	}
	if w != nil {
		add("w", batch.OfFloat64s(w))
		t.Weight = "w"
	}
	return in, b, t
}
