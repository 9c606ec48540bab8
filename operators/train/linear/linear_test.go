package linear

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/operators/program"
)

func TestExamples(t *testing.T) { modeltest.Examples(t, "train.linear") }

func coefficients(t *testing.T, f operators.Fitted) *program.Linear {
	t.Helper()
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
		Y, W, Coef    []float64
		L2, Intercept float64
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 8 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			in, b, task := modeltest.Of(c.X, batch.OfFloat64s(c.Y), c.W)
			f, err := modeltest.Fit(t, &Operator{L2: c.L2}, operators.TestEnv(), in, b, task)
			if err != nil {
				t.Fatal(err)
			}
			k := coefficients(t, f)
			for j, w := range append(c.Coef, c.Intercept) {
				got := append(append([]float64(nil), k.W...), k.B)[j]
				if math.Abs(got-w) > 1e-8*max(math.Abs(w), 1e-3) {
					t.Errorf("coefficient %d is %v, scikit-learn has %v", j, got, w)
				}
			}
		})
	}
}

func problem(n int) (x [][]float64, y, w []float64) {
	r := rand.New(rand.NewPCG(1, 1))
	x = make([][]float64, 5)
	for j := range x {
		x[j] = make([]float64, n)
	}
	for i := range n {
		s := r.NormFloat64() / 10
		for j := range x {
			x[j][i] = r.NormFloat64()
			s += float64(j) * x[j][i]
		}
		y, w = append(y, s), append(w, r.ExpFloat64())
	}
	return x, y, w
}

// The program is the same to the bit for any number of workers and any order of the blocks.
func TestWorkers(t *testing.T) {
	x, y, w := problem(150_000)
	in, b, task := modeltest.Of(x, batch.OfFloat64s(y), w)
	var want []byte
	for i, env := range []operators.Env{operators.TestEnv(), modeltest.Workers(2, 1), modeltest.Workers(7, 2)} {
		f, err := modeltest.Fit(t, &Operator{}, env, in, b, task)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Program.Marshal(); i == 0 {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Fatalf("env %d gives another model", i)
		}
	}
}

// A weight of 2 is the row twice, a weight of 0 is none.
func TestWeights(t *testing.T) {
	x, y, _ := problem(200)
	w := make([]float64, 200)
	x2, y2 := make([][]float64, len(x)), []float64{}
	for i := range w {
		w[i] = float64(i % 3)
		for range i % 3 {
			for j := range x {
				x2[j] = append(x2[j], x[j][i])
			}
			y2 = append(y2, y[i])
		}
	}
	in, b, task := modeltest.Of(x, batch.OfFloat64s(y), w)
	f, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	in, b, task = modeltest.Of(x2, batch.OfFloat64s(y2), nil)
	g, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	for j, v := range coefficients(t, f).W {
		if u := coefficients(t, g).W[j]; math.Abs(u-v) > 1e-12 {
			t.Errorf("coefficient %d: %v with weights, %v with rows repeated", j, v, u)
		}
	}
}

func rmse(t *testing.T, f operators.Fitted, in operators.Schema, b batch.Batch, y []float64) float64 {
	s := 0.0
	for i, p := range modeltest.Score(t, f.Program, in, b)[0].Float64s() {
		s += (p - y[i]) * (p - y[i])
	}
	return math.Sqrt(s / float64(len(y)))
}

func TestDegenerate(t *testing.T) {
	x, y, _ := problem(300)
	sum, flat, huge, tiny := make([]float64, 300), make([]float64, 300), make([]float64, 300), make([]float64, 300)
	for i := range sum {
		sum[i], flat[i] = x[0][i]+x[1][i], 0.1
		huge[i], tiny[i] = 1e60*x[0][i], 1e-200*x[2][i]
	}
	in, b, task := modeltest.Of(x, batch.OfFloat64s(y), nil)
	f, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	want := rmse(t, f, in, b, y)
	for name, extra := range map[string][]float64{"sum of two": sum, "constant": flat, "huge copy": huge, "tiny copy": tiny} {
		in, b, task := modeltest.Of(append([][]float64{extra}, x...), batch.OfFloat64s(y), nil)
		f, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, task)
		if err != nil {
			t.Fatal(err)
		}
		if got := rmse(t, f, in, b, y); !(math.Abs(got-want) < 1e-9) {
			t.Errorf("%s: rmse %v, without it %v", name, got, want)
		}
		if s := fmt.Sprint(f.Notes.Facts); !strings.Contains(s, "left out") {
			t.Errorf("%s: facts %s", name, s)
		}
	}
	one := modeltestFit(t, [][]float64{{5}}, []float64{3})
	if k := coefficients(t, one); k.W[0] != 0 || k.B != 3 {
		t.Errorf("one row gives %v x + %v", k.W, k.B)
	}
	// more columns than rows: through the points
	wide := modeltestFit(t, [][]float64{{1, 2}, {3, 1}, {4, 4.5}}, []float64{1, 2})
	in, b, _ = modeltest.Of([][]float64{{1, 2}, {3, 1}, {4, 4.5}}, batch.OfFloat64s([]float64{1, 2}), nil)
	if got := rmse(t, wide, in, b, []float64{1, 2}); !(got < 1e-12) {
		t.Errorf("two points are missed by %v", got)
	}
}

func modeltestFit(t *testing.T, x [][]float64, y []float64) operators.Fitted {
	t.Helper()
	in, b, task := modeltest.Of(x, batch.OfFloat64s(y), nil)
	f, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBadData(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	for _, c := range []struct {
		name string
		x, y []float64
		w    []float64
		want string
	}{
		{"nan feature", []float64{1, nan, 3, nan}, []float64{1, 2, 3, 4}, nil, `feature "x0" is NaN in a train row, and no finite number within 1e+100 in 2 of 4`},
		{"infinite feature", []float64{1, inf, 3}, []float64{1, 2, 3}, nil, `feature "x0" is -Inf`},
		{"nan label", []float64{1, 2}, []float64{1, nan}, nil, `label "y" is NaN`},
		{"negative weight", []float64{1, 2}, []float64{1, 2}, []float64{1, -1}, `weight "w" is -1`},
		{"no weight", []float64{1, 2}, []float64{1, 2}, []float64{0, 0}, `weight "w" is 0 in all 2 rows`},
		{"no rows", []float64{}, []float64{}, nil, "no rows"},
	} {
		in, b, task := modeltest.Of([][]float64{c.x}, batch.OfFloat64s(c.y), c.w)
		_, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, task)
		var data *operators.ErrData
		if !errors.As(err, &data) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// Members of a wide column are features of their own.
func TestWide(t *testing.T) {
	x, y, _ := problem(100)
	v := (*batch.Ctx)(nil).NewVector(100, []string{"a", "b"})
	copy(v.Member(0), x[3])
	copy(v.Member(1), x[4])
	in := operators.Of(operators.Field{Name: "x", Type: batch.T(batch.Float64)}, operators.Field{Name: "v", Type: batch.T(batch.Vector)},
		operators.Field{Name: "y", Type: batch.T(batch.Float64)})
	b := batch.Batch{N: 100, Cols: []batch.Column{batch.OfFloat64s(x[2]), v, batch.OfFloat64s(y)}}
	f, err := modeltest.Fit(t, &Operator{}, operators.TestEnv(), in, b, operators.Task{Kind: operators.Regression, Label: "y"})
	if err != nil {
		t.Fatal(err)
	}
	k := coefficients(t, f)
	if len(k.W) != 3 || math.Abs(k.W[2]-4) > 0.3 {
		t.Errorf("weights %v", k.W)
	}
	modeltest.Score(t, f.Program, in, b)
	if f.Notes.Importance[0].Feature != "b" {
		t.Errorf("importance %v", f.Notes.Importance)
	}
}

func BenchmarkFit(b *testing.B) {
	x, y, _ := problem(1_000_000)
	in, rows, task := modeltest.Of(x, batch.OfFloat64s(y), nil)
	for b.Loop() {
		if _, err := modeltest.Fit(b, &Operator{}, modeltest.Workers(2, 1), in, rows, task); err != nil {
			b.Fatal(err)
		}
	}
}
