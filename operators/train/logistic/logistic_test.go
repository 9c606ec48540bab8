package logistic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/operators/program"
)

func TestExamples(t *testing.T) { modeltest.Examples(t, "train.logistic") }

func label(y []int) batch.Column {
	v := make([]bool, len(y))
	for i := range y {
		v[i] = y[i] == 1
	}
	return batch.OfBools(v)
}

func fit(t testing.TB, o *Operator, env operators.Env, x [][]float64, y []int, w []float64) operators.Fitted {
	t.Helper()
	in, b, task := modeltest.Of(x, label(y), w)
	f, err := modeltest.Fit(t, o, env, in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func coefficients(f operators.Fitted) *program.Linear {
	return f.Program.Nodes[0].Kind.(*program.Linear)
}

func TestScikitLearn(t *testing.T) {
	data, err := os.ReadFile("testdata/peer.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name          string
		X             [][]float64
		Y             []int
		W, Coef       []float64 // Coef is nil of many classes
		L2, Intercept float64
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 8 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		if c.Coef == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			f := fit(t, &Operator{L2: c.L2, Threshold: 0.5}, operators.TestEnv(), c.X, c.Y, c.W)
			k := coefficients(f)
			for j, w := range append(c.Coef, c.Intercept) {
				got := append(append([]float64(nil), k.W...), k.B)[j]
				if math.Abs(got-w) > 1e-7*max(1, math.Abs(w)) {
					t.Errorf("coefficient %d is %v, scikit-learn has %v", j, got, w)
				}
			}
			if s := fmt.Sprint(f.Notes.Facts); strings.Contains(s, "not converged") {
				t.Error(s)
			}
			in, b, _ := modeltest.Of(c.X, label(c.Y), c.W)
			out := modeltest.Score(t, f.Program, in, b)
			for i, p := range out[0].Float64s() {
				if out[1].Bit(i) != (p >= 0.5) {
					t.Fatalf("row %d: p %v and pred %v", i, p, out[1].Bit(i))
				}
			}
		})
	}
}

func problem(n, p int) (x [][]float64, y []int, w []float64) {
	r := rand.New(rand.NewPCG(1, 1))
	x = make([][]float64, p)
	for j := range x {
		x[j] = make([]float64, n)
	}
	for range n {
		y, w = append(y, 0), append(w, r.ExpFloat64())
	}
	for i := range n {
		s := -1.0
		for j := range x {
			x[j][i] = r.NormFloat64()
			s += float64(j) * x[j][i]
		}
		if r.Float64() < 1/(1+math.Exp(-s)) {
			y[i] = 1
		}
	}
	return x, y, w
}

func TestWorkers(t *testing.T) {
	x, y, w := problem(150_000, 3)
	var want []byte
	for i, env := range []operators.Env{operators.TestEnv(), modeltest.Workers(2, 1), modeltest.Workers(7, 2)} {
		got := fit(t, &Operator{L2: 1}, env, x, y, w).Program.Marshal()
		if i == 0 {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Fatalf("env %d gives another model", i)
		}
	}
}

// The gradient at the solution is 0, also where the columns' units span twenty powers of ten, they are far from 0, or nearly no penalty
// holds a separated problem.
func TestSolved(t *testing.T) {
	x, y, _ := problem(500, 4)
	units := make([][]float64, 4)
	for j, s := range []float64{1e-10, 1, 1e5, 1e10} {
		for _, v := range x[j] {
			units[j] = append(units[j], s*(v+3))
		}
	}
	separated := make([]int, 500)
	for i := range separated {
		if x[0][i]+x[1][i] > 0 {
			separated[i] = 1
		}
	}
	twice := append(append([][]float64{}, x...), x[2], x[2])
	for _, c := range []struct {
		name string
		x    [][]float64
		y    []int
		l2   float64
	}{{"units", units, y, 1}, {"separated", x, separated, 1e-6}, {"copies", twice, y, 1e-3}, {"strong", x, y, 1e6}} {
		f := fit(t, &Operator{L2: c.l2}, operators.TestEnv(), c.x, c.y, nil)
		k := coefficients(f)
		in, b, _ := modeltest.Of(c.x, label(c.y), nil)
		p := modeltest.Score(t, f.Program, in, b)[0].Float64s()
		for j := range c.x {
			g, size := c.l2*k.W[j], 0.0
			for i, v := range p {
				g += (v - float64(c.y[i])) * c.x[j][i]
				size += math.Abs(c.x[j][i])
			}
			if !(math.Abs(g) < 1e-7*size) {
				t.Errorf("%s: the gradient of x%d is %v, its terms sum to %v", c.name, j, g, size)
			}
		}
		if s := fmt.Sprint(f.Notes.Facts); strings.Contains(s, "not converged") {
			t.Errorf("%s: %s", c.name, s)
		}
	}
}

// class_weight is a column of weights, to the bit; balanced is what scikit-learn calls so.
func TestClassWeight(t *testing.T) {
	x, y, w := problem(700, 4)
	ones := 0
	weighted, even := make([]float64, len(y)), make([]float64, len(y))
	for _, v := range y {
		ones += v
	}
	for i, v := range y {
		weighted[i], even[i] = w[i]*0.5, float64(len(y))/float64(2*(len(y)-ones))
		if v == 1 {
			weighted[i], even[i] = w[i]*3, float64(len(y))/float64(2*ones)
		}
	}
	for _, c := range []struct {
		options   string
		w, weighs []float64
	}{{"{l2: 1, class_weight: {true: 3, false: 0.5}}", w, weighted}, {"{l2: 1, class_weight: balanced}", nil, even}} {
		o := &Operator{}
		modeltest.Options(t, c.options, o)
		got := coefficients(fit(t, o, operators.TestEnv(), x, y, c.w))
		want := coefficients(fit(t, &Operator{L2: 1, Threshold: half}, operators.TestEnv(), x, y, c.weighs))
		if !slices.Equal(got.W, want.W) || got.B != want.B {
			t.Errorf("%s: %v and %v, by a column of weights %v and %v", c.options, got.W, got.B, want.W, want.B)
		}
	}
}

func TestBadData(t *testing.T) {
	in, b, task := modeltest.Of([][]float64{{1, 2, 3}}, label([]int{1, 1, 1}), nil)
	_, err := modeltest.Fit(t, &Operator{L2: 1}, operators.TestEnv(), in, b, task)
	var data *operators.ErrData
	if !errors.As(err, &data) || !strings.Contains(err.Error(), "one class only: all 3 train rows are 1") {
		t.Errorf("one class: %v", err)
	}
	in, b, task = modeltest.Of([][]float64{{1, 2, 3}}, label([]int{1, 0, 1}), []float64{1, 0, 2})
	if _, err := modeltest.Fit(t, &Operator{L2: 1}, operators.TestEnv(), in, b, task); err == nil || !strings.Contains(err.Error(), "one class only") {
		t.Errorf("one class of weight: %v", err)
	}
	in, b, task = modeltest.Of([][]float64{{1, math.NaN(), 3}}, label([]int{1, 0, 1}), nil)
	if _, err := modeltest.Fit(t, &Operator{L2: 1}, operators.TestEnv(), in, b, task); err == nil || !strings.Contains(err.Error(), `feature "x0" is NaN`) {
		t.Errorf("NaN: %v", err)
	}
	// constant columns only: the log-odds of the label
	f := fit(t, &Operator{L2: 1}, operators.TestEnv(), [][]float64{{7, 7, 7, 7}}, []int{1, 0, 1, 1}, nil)
	if k := coefficients(f); k.W[0] != 0 || math.Abs(k.B-math.Log(3)) > 1e-12 {
		t.Errorf("a constant column gives %v x + %v", k.W, k.B)
	}
}

func BenchmarkFit(b *testing.B) {
	x, y, _ := problem(1_000_000, 28)
	b.ResetTimer()
	for b.Loop() {
		fit(b, &Operator{L2: 1}, modeltest.Workers(2, 1), x, y, nil)
	}
}
