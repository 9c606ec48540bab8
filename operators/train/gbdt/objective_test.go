package gbdt

import (
	"io"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// lossOf is each objective's loss of a row, by the book.
func lossOf(o *Options, score []float64, y float64) float64 {
	s := score[0]
	switch o.Objective {
	case Binary:
		return math.Log1p(math.Exp(s)) - y*s
	case Multiclass:
		sum := 0.0
		for _, s := range score {
			sum += math.Exp(s)
		}
		return math.Log(sum) - score[int(y)]
	}
	return (s - y) * (s - y) / 2
}

// Gradients are the slopes of the loss, hessians the slopes of those.
func TestGradientsAreSlopes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const n = 200
	cases := map[string]struct {
		o      Options
		label  func() float64
		factor float64 // of the hessian
	}{
		"binary":     {options(Binary), func() float64 { return float64(r.IntN(2)) }, 1},
		"regression": {options(Regression), r.NormFloat64, 1},
		"multiclass": {options(Multiclass), func() float64 { return float64(r.IntN(4)) }, 4.0 / 3},
	}
	for name, c := range cases {
		k := newObjective(&c.o)
		outputs := k.outputs()
		score, g, h := make([][]float64, outputs), make([][]float64, outputs), make([][]float64, outputs)
		label := make([]float64, n)
		for i := range label {
			label[i] = c.label()
			for j := range score {
				score[j] = append(score[j], 2*r.NormFloat64())
			}
		}
		for j := range g {
			g[j], h[j] = make([]float64, n), make([]float64, n)
		}
		if _, same := k.(flat); same {
			k.gradient(g, nil, score, label)
			for i := range h[0] {
				h[0][i] = 1
			}
		} else {
			k.gradient(g, h, score, label)
		}
		mostG, mostH := k.most()
		at := make([]float64, outputs)
		for i := range label {
			for j := range at {
				at[j] = score[j][i]
			}
			for j := range at {
				const step = 1e-4
				loss := func(x float64) float64 {
					at[j] = score[j][i] + x
					defer func() { at[j] = score[j][i] }()
					return lossOf(&c.o, at, label[i])
				}
				up, mid, low := loss(step), loss(0), loss(-step)
				slope, bend := (up-low)/(2*step), (up-2*mid+low)/(step*step)*c.factor
				if size := math.Abs(mid) + 1; math.Abs(g[j][i]-slope) > 1e-6*size || math.Abs(h[j][i]-bend) > 1e-5*size {
					t.Fatalf("%s: label %v, score %v: gradient %v of %v, hessian %v of %v", name, label[i], at[j], g[j][i], slope, h[j][i], bend)
				}
				if mostG > 0 && math.Abs(g[j][i]) > mostG || mostH > 0 && h[j][i] > mostH {
					t.Fatalf("%s: gradient %v, hessian %v beyond %v, %v", name, g[j][i], h[j][i], mostG, mostH)
				}
			}
		}
	}
}

// Real data of seven classes beside the peers' figures of the same rows, which testing/peers/classes.py prints.
func TestCovertype(t *testing.T) {
	train, test := covertype(t)
	o := Defaults()
	o.Objective, o.Classes = Multiclass, 7
	m := fit(t, train, nil, o)
	accuracy, loss := measureOf(t, m, test, Accuracy), measureOf(t, m, test, LogLoss)
	t.Logf("accuracy %.4f, log-loss %.4f", accuracy, loss)
	if xgboost := 0.805; accuracy < xgboost-0.002 {
		t.Errorf("accuracy %v, XGBoost 1.7.4 has %v", accuracy, xgboost)
	}
	if xgboost, sklearn := 0.4659, 0.4481; loss > min(xgboost, sklearn)*1.01 {
		t.Errorf("log-loss %v, XGBoost 1.7.4 has %v, scikit-learn 1.2.1 %v", loss, xgboost, sklearn)
	}
}

// covertype reads the example's data, every fifth row as the test.
func covertype(t *testing.T) (train, test Data) {
	f, err := os.Open("../../../examples/covertype/covertype.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var d Data
	label := -1
	for j, c := range file.Schema().Columns() {
		if c[0] == "cover" {
			label = j
			continue
		}
		d.Features = append(d.Features, Feature{Name: c[0]})
	}
	var names []string
	buffer := make([]parquet.Row, 1000)
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		for err == nil {
			var n int
			n, err = rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				for j, v := range row {
					switch {
					case j == label:
						names = append(names, string(v.ByteArray()))
						continue
					case j > label:
						j--
					}
					x := 0.0
					switch v.Kind() {
					case parquet.Boolean:
						if v.Boolean() {
							x = 1
						}
					case parquet.Int32:
						x = float64(v.Int32())
					case parquet.Int64:
						x = float64(v.Int64())
					default:
						x = v.Double()
					}
					d.Features[j].Values = append(d.Features[j].Values, x)
				}
			}
		}
		if err != io.EOF {
			t.Fatal(err)
		}
		err = nil
		rows.Close()
	}
	code := map[string]float64{}
	for _, n := range names {
		code[n] = 0
	}
	var sorted []string
	for n := range code {
		sorted = append(sorted, n)
	}
	sort.Strings(sorted)
	for i, n := range sorted {
		code[n] = float64(i)
	}
	d.N = len(names)
	parts := [2][]int{}
	for i, n := range names {
		d.Label = append(d.Label, code[n])
		at := 0
		if i%5 == 0 {
			at = 1
		}
		parts[at] = append(parts[at], i)
	}
	return take(d, parts[0]), take(d, parts[1])
}
