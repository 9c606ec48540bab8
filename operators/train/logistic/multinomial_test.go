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
	"github.com/headrace/headrace/testing/race"
)

// kinds are labels of many classes.
func kinds(y []int) batch.Column {
	v := make([]string, len(y))
	for i := range y {
		v[i] = fmt.Sprintf("c%02d", y[i])
	}
	return batch.OfStrings(v)
}

// indirectly finds steps by conjugate gradients.
func indirectly(t *testing.T, f func()) {
	t.Helper()
	was := directMax
	directMax = 0
	defer func() { directMax = was }()
	f()
}

func fitMany(t testing.TB, l2 float64, env operators.Env, x [][]float64, label batch.Column, w []float64) operators.Fitted {
	t.Helper()
	in, b, task := modeltest.Of(x, label, w)
	f, err := modeltest.Fit(t, &Operator{L2: l2, Threshold: half}, env, in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(f.Notes.Facts); strings.Contains(s, "not converged") {
		t.Error(s)
	}
	return f
}

// linears are the coefficients of each class, the intercept last.
func linears(f operators.Fitted) (out [][]float64) {
	for _, n := range f.Program.Nodes {
		if k, ok := n.Kind.(*program.Linear); ok {
			out = append(out, append(slices.Clone(k.W), k.B))
		}
	}
	return out
}

func TestMultinomialScikitLearn(t *testing.T) {
	data, err := os.ReadFile("testdata/peer.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name          string
		X, Coefs      [][]float64
		Y             []int
		W, Intercepts []float64
		L2            float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, c := range cases {
		if c.Coefs == nil {
			continue
		}
		try := func(t *testing.T) {
			if len(c.Coefs) == 1 { // of two classes scikit-learn gives the second's alone
				c.Coefs, c.Intercepts = append([][]float64{nil}, c.Coefs...), append([]float64{0}, c.Intercepts...)
				for _, w := range c.Coefs[1] {
					c.Coefs[0] = append(c.Coefs[0], -w)
				}
				c.Intercepts[0] = -c.Intercepts[1]
			}
			f := fitMany(t, c.L2, operators.TestEnv(), c.X, kinds(c.Y), c.W)
			got := linears(f)
			if len(got) != len(c.Coefs) {
				t.Fatalf("%d classes, scikit-learn has %d", len(got), len(c.Coefs))
			}
			for k, want := range c.Coefs {
				for j, w := range append(want, c.Intercepts[k]) {
					if math.Abs(got[k][j]-w) > 1e-6*max(1, math.Abs(w)) {
						t.Errorf("class %d, coefficient %d is %v, scikit-learn has %v", k, j, got[k][j], w)
					}
				}
			}
			in, b, _ := modeltest.Of(c.X, kinds(c.Y), c.W)
			out := modeltest.Score(t, f.Program, in, b)
			for i := range b.N {
				best := 0
				for k := range out[0].Wide {
					if out[0].Member(k)[i] > out[0].Member(best)[i] {
						best = k
					}
				}
				if got, want := "p_"+out[1].Str(i), out[0].Members[best]; got != want {
					t.Fatalf("row %d: pred %s, the greatest is %s", i, got, want)
				}
			}
		}
		tried++
		t.Run(c.Name, try)
		indirectly(t, func() { t.Run(c.Name+", by conjugate gradients", try) })
	}
	if tried < 9 {
		t.Errorf("%d cases", tried)
	}
}

func manyProblem(n, p, classes int) (x [][]float64, y []int, w []float64) {
	r := rand.New(rand.NewPCG(2, 2))
	x = make([][]float64, p)
	truth := make([][]float64, classes)
	for k := range truth {
		for range p {
			truth[k] = append(truth[k], r.NormFloat64())
		}
	}
	for range n {
		row, best, most := make([]float64, p), 0, math.Inf(-1)
		for j := range x {
			row[j] = r.NormFloat64()
			x[j] = append(x[j], row[j])
		}
		for k := range truth {
			s := -math.Log(r.ExpFloat64())
			for j, v := range row {
				s += truth[k][j] * v
			}
			if s > most {
				best, most = k, s
			}
		}
		y, w = append(y, best), append(w, r.ExpFloat64())
	}
	return x, y, w
}

// The model is the same to the bit for any number of workers, either way that a step is found; the ways agree.
func TestMultinomialWorkers(t *testing.T) {
	x, y, w := manyProblem(race.Few(30_000), 3, 5)
	try := func() operators.Fitted {
		var first operators.Fitted
		for i, env := range []operators.Env{operators.TestEnv(), modeltest.Workers(2, 1), modeltest.Workers(7, 2)} {
			f := fitMany(t, 1, env, x, kinds(y), w)
			if i == 0 {
				first = f
			} else if !bytes.Equal(f.Program.Marshal(), first.Program.Marshal()) {
				t.Fatalf("env %d gives another model", i)
			}
		}
		return first
	}
	direct := linears(try())
	indirectly(t, func() {
		for k, got := range linears(try()) {
			for j, v := range got {
				if math.Abs(v-direct[k][j]) > 1e-9 {
					t.Errorf("class %d, coefficient %d: %v by conjugate gradients, %v directly", k, j, v, direct[k][j])
				}
			}
		}
	})
}

// The gradient at the solution is 0, also where units span twenty powers of ten or nearly no penalty holds a separated problem, and with
// more coefficients than have their Hessian summed.
func TestMultinomialSolved(t *testing.T) {
	x, y, _ := manyProblem(600, 4, 4)
	units := make([][]float64, 4)
	for j, s := range []float64{1e-10, 1, 1e5, 1e10} {
		for _, v := range x[j] {
			units[j] = append(units[j], s*(v+3))
		}
	}
	parted := make([]int, len(y))
	for i := range parted {
		parted[i] = int(math.Floor(min(3, max(0, 2+2*x[0][i]))))
	}
	wide, many, _ := manyProblem(400, 9, 60)
	for _, c := range []struct {
		name string
		x    [][]float64
		y    []int
		l2   float64
	}{{"units", units, y, 1}, {"separated", x, parted, 1e-4}, {"strong", x, y, 1e6}, {"many classes", wide, many, 1}} {
		f := fitMany(t, c.l2, operators.TestEnv(), c.x, kinds(c.y), nil)
		in, b, _ := modeltest.Of(c.x, kinds(c.y), nil)
		p := modeltest.Score(t, f.Program, in, b)[0]
		for k, w := range linears(f) {
			for j := range c.x {
				g, size := c.l2*w[j], 0.0
				for i, v := range p.Member(k) {
					if p.Members[k] == fmt.Sprintf("p_c%02d", c.y[i]) {
						v--
					}
					g += v * c.x[j][i]
					size += math.Abs(c.x[j][i])
				}
				if !(math.Abs(g) < 1e-7*size) {
					t.Errorf("%s: the gradient of x%d of class %d is %v, its terms sum to %v", c.name, j, k, g, size)
				}
			}
		}
	}
}

func TestMultinomialBadData(t *testing.T) {
	for _, c := range []struct {
		y    []string
		w    []float64
		x    float64
		want string
	}{
		{[]string{"a", "a", "a"}, nil, 1, `the label "y" has one class only: all 3 train rows are a`},
		{[]string{"a", "b", "a"}, []float64{1, 0, 2}, 1, "one class only"},
		{[]string{"a", "b", "a"}, nil, math.NaN(), `feature "x0" is NaN`},
	} {
		in, b, task := modeltest.Of([][]float64{{c.x, 2, 3}}, batch.OfStrings(c.y), c.w)
		_, err := modeltest.Fit(t, &Operator{L2: 1, Threshold: half}, operators.TestEnv(), in, b, task)
		var data *operators.ErrData
		if !errors.As(err, &data) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.y, err, c.want)
		}
	}
	// a class of weight 0 alone is none, and its rows change nothing
	x, y, _ := manyProblem(50, 2, 3)
	w := slices.Repeat([]float64{1}, len(y))
	want := linears(fitMany(t, 1, operators.TestEnv(), x, kinds(y), w))
	for j := range x {
		x[j] = append(x[j], 7)
	}
	got := linears(fitMany(t, 1, operators.TestEnv(), x, kinds(append(y, 9)), append(w, 0)))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, without the row %v", got, want)
	}
	// constant columns only: the classes' shares
	f := fitMany(t, 1, operators.TestEnv(), [][]float64{{7, 7, 7, 7}}, kinds([]int{0, 1, 2, 1}), nil)
	in, b, _ := modeltest.Of([][]float64{{7}}, kinds([]int{0}), nil)
	p := modeltest.Score(t, f.Program, in, b)[0]
	for k, want := range []float64{0.25, 0.5, 0.25} {
		if math.Abs(p.Member(k)[0]-want) > 1e-12 {
			t.Errorf("class %d has p %v, want %v", k, p.Member(k)[0], want)
		}
	}
	in, _, task := modeltest.Of([][]float64{{1}}, kinds([]int{1}), nil)
	if _, l := (&Operator{L2: 1, Threshold: 0.3}).Check(modeltest.Site(in, task)); len(l) != 1 || !strings.Contains(l[0].Error(), "threshold") {
		t.Errorf("a threshold of many classes: %v", l)
	}
}

func BenchmarkFitMany(b *testing.B) {
	x, y, _ := manyProblem(15_000, 54, 7)
	b.ResetTimer()
	for b.Loop() {
		fitMany(b, 1, modeltest.Workers(2, 1), x, kinds(y), nil)
	}
}
