package gbdt

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// The bytes of these models never change but on purpose: another compiler,
// instruction level (GOAMD64=v3 fuses what is not written apart) or processor
// must give the same.
func TestGolden(t *testing.T) {
	golden := map[string]string{
		"binary":              "38068448fa727f37",
		"regression":          "7245b0eeb6323614",
		"regression weighted": "3abdbe1d3f22b681",
	}
	for name, want := range golden {
		kind := Binary
		if name != "binary" {
			kind = Regression
		}
		d, v := grid(1, kind), grid(2, kind)
		if name == "regression weighted" {
			d = weighted(d, 1, (*rand.Rand).Float64)
		}
		o := options(kind, func(o *Options) { o.RowSample, o.ColumnSample, o.EarlyRounds, o.L2, o.L1 = 0.8, 0.8, 5, 0.3, 0.1 })
		m := fit(t, d, &v, o)
		// The form that the digests were first taken of, when a model had one score.
		type Model struct {
			Objective Objective
			Features  []Meta
			Base      float64
			Trees     []Tree
			Best      int
			Gain      []float64
			Splits    []int64
			Metric    string
			Curve     []float64
		}
		one := Model{m.Objective, m.Features, m.Base[0], m.Trees, m.Best, m.Gain, m.Splits, m.Metric, m.Curve}
		text := strings.ReplaceAll(fmt.Sprintf("%#v", one), "trees.", "gbdt.") // the package of a type is no part of it
		got := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:16]
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// grid is data made of exact arithmetic alone: the maths library has not the
// same last bits everywhere.
func grid(seed uint64, kind Objective) Data {
	r := rand.New(rand.NewPCG(seed, 11))
	n := 5000
	d := Data{N: n, Label: make([]float64, n), Features: []Feature{
		{Name: "a", Values: make([]float64, n)}, {Name: "b", Values: make([]float64, n)}, {Name: "c", Codes: make([]int32, n), Levels: 30},
	}}
	for i := range n {
		a, b, c := r.Float64(), float64(r.IntN(40)), int32(r.IntN(31))-1
		d.Features[0].Values[i], d.Features[1].Values[i], d.Features[2].Codes[i] = a, b, c
		s := float64(r.IntN(9))/8 + float64(c%5)/4
		if a*32 > b {
			s++
		}
		d.Label[i] = s
		if kind == Binary {
			d.Label[i] = 0
			if s > 1.25 {
				d.Label[i] = 1
			}
		}
	}
	return d
}
