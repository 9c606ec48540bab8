package gbdt

import (
	"bytes"
	"encoding/gob"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/internal/optest"
	"github.com/headrace/headrace/operators/internal/trees"
)

// workers is a Parallel whose order seed shuffles.
var workers = optest.Workers

// single is a team of one.
func single() (t *trees.Team) {
	trees.Lead(nil, func(s *trees.Team) { t = s })
	return t
}

// encode is the model as bytes: gob of a struct without maps has one form.
func encode(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fit(t testing.TB, train Data, valid *Data, o Options) *Model {
	t.Helper()
	m, err := Fit(Env{Parallel: workers(2, 1)}, train, valid, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func predict(m *Model, d Data) []float64 {
	out := make([]float64, d.N*len(m.Base))
	m.Predict(d.Features, out)
	return out
}

// synth is n rows of a problem with everything in it: smooth, stepped, few
// values, missing, infinite, categories of few and many levels, and noise.
func synth(seed uint64, n int, kind Objective) Data {
	d, _ := synthTruth(seed, n, kind)
	return d
}

// synthTruth also returns the scores that the labels were drawn from.
func synthTruth(seed uint64, n int, kind Objective) (Data, []float64) {
	truth := make([]float64, n)
	r := rand.New(rand.NewPCG(seed, 7))
	d := Data{N: n, Label: make([]float64, n)}
	a, b, few := make([]float64, n), make([]float64, n), make([]float64, n)
	noise, flat := make([]float64, n), make([]float64, n)
	small, big := make([]int32, n), make([]int32, n)
	for i := range n {
		a[i], b[i] = r.NormFloat64(), r.Float64()
		few[i] = float64(r.IntN(5))
		noise[i], flat[i] = r.NormFloat64(), 3
		small[i], big[i] = int32(r.IntN(4))-1, int32(r.IntN(400)*r.IntN(400)/400)-1
		s := a[i]*a[i] - 1 + 2*math.Sin(6*b[i])
		if a[i]*few[i] > 1 {
			s += 1.5
		}
		s += float64(small[i]) * 0.3
		s += math.Sin(float64(big[i]*37)) * 1.5
		if r.Float64() < 0.1 {
			b[i] = math.NaN()
		}
		if r.Float64() < 0.01 {
			a[i] = math.Inf(r.IntN(2)*2 - 1)
		}
		truth[i] = s
		switch kind {
		case Multiclass: // of four
			d.Label[i] = min(max(math.Floor(s/2+2+0.5*r.NormFloat64()), 0), 3)
		case Binary:
			if r.Float64() < 1/(1+math.Exp(-s)) {
				d.Label[i] = 1
			}
		case Poisson, Gamma, Tweedie:
			d.Label[i] = math.Exp(s/2 + 0.3*r.NormFloat64())
		default:
			d.Label[i] = s + 0.3*r.NormFloat64()
		}
	}
	d.Features = []Feature{
		{Name: "a", Values: a}, {Name: "b", Values: b}, {Name: "few", Values: few}, {Name: "flat", Values: flat},
		{Name: "noise", Values: noise}, {Name: "small", Codes: small, Levels: 3}, {Name: "big", Codes: big, Levels: 400},
	}
	return d, truth
}

// take is the rows of d at the given places.
func take(d Data, rows []int) Data {
	out := Data{N: len(rows)}
	for _, f := range d.Features {
		g := Feature{Name: f.Name, Levels: f.Levels}
		for _, r := range rows {
			if f.Levels > 0 {
				g.Codes = append(g.Codes, f.Codes[r])
			} else {
				g.Values = append(g.Values, f.Values[r])
			}
		}
		out.Features = append(out.Features, g)
	}
	for _, r := range rows {
		out.Label = append(out.Label, d.Label[r])
		if d.Weight != nil {
			out.Weight = append(out.Weight, d.Weight[r])
		}
	}
	return out
}

func weighted(d Data, seed uint64, f func(r *rand.Rand) float64) Data {
	r := rand.New(rand.NewPCG(seed, 3))
	d.Weight = make([]float64, d.N)
	for i := range d.Weight {
		d.Weight[i] = f(r)
	}
	return d
}

// slowAUC counts pairs.
func slowAUC(score, label, weight []float64) float64 {
	var hit, all float64
	for i := range score {
		if label[i] != 1 {
			continue
		}
		for j := range score {
			if label[j] != 0 {
				continue
			}
			w := weight[i] * weight[j]
			all += w
			switch {
			case score[i] > score[j]:
				hit += w
			case score[i] == score[j]:
				hit += w / 2
			}
		}
	}
	return hit / all
}

// measureOf is a metric of a model on data, through the meter.
func measureOf(t testing.TB, m *Model, d Data, metric string) float64 {
	t.Helper()
	o := Defaults()
	o.Objective, o.EarlyMetric, o.Classes = m.Objective, metric, len(m.Base)
	v, err := newMeter(single(), &d, &o, m.Base)
	if err != nil {
		t.Fatal(err)
	}
	for k, s := range predict(m, d) {
		v.score[k/d.N][k%d.N] = s
	}
	return v.value()
}

// structure is everything of the trees but thresholds and leaf values.
func structure(m *Model) []Tree {
	var out []Tree
	for _, t := range m.Trees {
		t.Threshold, t.Leaf, t.Gain = nil, nil, nil
		out = append(out, t)
	}
	return out
}
