package gbdt

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/testing/race"
)

// plain is boosting in plain float64 on the same bins, numeric columns without
// missing only: nothing rounded, nothing shared, nothing subtracted. What it
// and the package differ by is what rounding the gradients costs.
func plain(d Data, o Options) (score []float64) {
	cols := trees.MakeColumns(single(), &d, o.Bins, o.Seed)
	b := trees.Bin(single(), cols, &d, nil)
	score = make([]float64, d.N)
	g, h := make([]float64, d.N), make([]float64, d.N)
	var sw, swy float64
	for i, y := range d.Label {
		sw += d.WeightOf(i)
		swy += d.WeightOf(i) * y
	}
	base := swy / sw
	if o.Objective == Binary {
		base = math.Log(base / (1 - base))
	}
	all := make([]int, d.N)
	for i := range score {
		score[i], all[i] = base, i
	}
	type leaf struct {
		rows   []int
		gain   float64
		f, bin int
	}
	search := func(l *leaf) {
		var sg, sh float64
		for _, r := range l.rows {
			sg += g[r]
			sh += h[r]
		}
		for f := range cols {
			var hg, hh, hn [256]float64
			for _, r := range l.rows {
				hg[b[f][r]] += g[r]
				hh[b[f][r]] += h[r]
				hn[b[f][r]]++
			}
			var lg, lh, ln float64
			for i := 0; i < cols[f].Bins-1; i++ {
				lg, lh, ln = lg+hg[i], lh+hh[i], ln+hn[i]
				if hn[i] == 0 || ln < float64(o.MinRows) || float64(len(l.rows))-ln < float64(o.MinRows) {
					continue
				}
				rg, rh := sg-lg, sh-lh
				gain := lg*lg/(lh+o.L2) + rg*rg/(rh+o.L2) - sg*sg/(sh+o.L2)
				if gain > l.gain*(1+1e-12) {
					l.gain, l.f, l.bin = gain, f, i
				}
			}
		}
	}
	for range o.Trees {
		for i := range score {
			w := d.WeightOf(i)
			if o.Objective == Binary {
				p := 1 / (1 + math.Exp(-score[i]))
				g[i], h[i] = w*(p-d.Label[i]), w*p*(1-p)
			} else {
				g[i], h[i] = w*(score[i]-d.Label[i]), w
			}
		}
		leaves := []leaf{{rows: all}}
		search(&leaves[0])
		for len(leaves) < o.Leaves {
			best := 0
			for i := range leaves {
				if leaves[i].gain > leaves[best].gain {
					best = i
				}
			}
			if leaves[best].gain <= 0 {
				break
			}
			var l, r leaf
			for _, row := range leaves[best].rows {
				if int(b[leaves[best].f][row]) <= leaves[best].bin {
					l.rows = append(l.rows, row)
				} else {
					r.rows = append(r.rows, row)
				}
			}
			search(&l)
			search(&r)
			leaves[best] = l
			leaves = append(leaves, r)
		}
		for _, l := range leaves {
			var sg, sh float64
			for _, r := range l.rows {
				sg += g[r]
				sh += h[r]
			}
			for _, r := range l.rows {
				score[r] -= o.LearningRate * sg / (sh + o.L2)
			}
		}
	}
	return score
}

// Rounding must not cost quality where it is hardest: a few labels or weights
// that dwarf the others take the grid for themselves.
func TestRoundingCostsNothing(t *testing.T) {
	numbers := func(kind Objective, label func(r *rand.Rand, x float64) float64, weight func(r *rand.Rand) float64) Data {
		r := rand.New(rand.NewPCG(1, 2))
		n := 20_000
		d := Data{N: n, Label: make([]float64, n)}
		for range 3 {
			d.Features = append(d.Features, Feature{Values: make([]float64, n)})
		}
		for i := range n {
			for f := range d.Features {
				d.Features[f].Values[i] = r.NormFloat64()
			}
			x := math.Sin(2*d.Features[0].Values[i]) + d.Features[1].Values[i]*d.Features[2].Values[i]
			d.Label[i] = label(r, x)
		}
		if weight != nil {
			d = weighted(d, 8, weight)
		}
		return d
	}
	spread := func(r *rand.Rand) float64 { return math.Pow(10, 4*r.Float64()) }
	almost := func(r *rand.Rand) float64 {
		if r.IntN(1000) == 0 {
			return 0.5 // not all equal, so that hessians take their bits
		}
		return 1
	}
	normal := func(r *rand.Rand, x float64) float64 { return x + 0.5*r.NormFloat64() }
	lognormal := func(r *rand.Rand, x float64) float64 { return math.Exp(2*x + r.NormFloat64()) }
	coin := func(r *rand.Rand, x float64) float64 {
		if r.Float64() < 1/(1+math.Exp(-2*x)) {
			return 1
		}
		return 0
	}
	rare := func(r *rand.Rand, x float64) float64 {
		if r.Float64() < 1/(1+math.Exp(6-2*x)) {
			return 1
		}
		return 0
	}
	cases := map[string]struct {
		d      Data
		kind   Objective
		metric string
	}{
		"normal":                    {numbers(Regression, normal, nil), Regression, RMSE},
		"lognormal":                 {numbers(Regression, lognormal, nil), Regression, RMSE},
		"lognormal, absolute":       {numbers(Regression, lognormal, nil), Regression, MAE},
		"lognormal, almost equal":   {numbers(Regression, lognormal, almost), Regression, RMSE},
		"lognormal, almost, abs":    {numbers(Regression, lognormal, almost), Regression, MAE},
		"weights over 10^4":         {numbers(Regression, normal, spread), Regression, RMSE},
		"lognormal, weights":        {numbers(Regression, lognormal, spread), Regression, RMSE},
		"binary":                    {numbers(Binary, coin, nil), Binary, LogLoss},
		"binary, weights over 10^4": {numbers(Binary, coin, spread), Binary, LogLoss},
		"binary, rare":              {numbers(Binary, rare, nil), Binary, LogLoss},
	}
	for name, c := range cases {
		if race.On && name != "normal" {
			continue // one goroutine shows the detector nothing
		}
		o := options(c.kind, func(o *Options) { o.Trees = 20; o.MinHessian = 0 })
		v, err := newMeter(single(), &c.d, &Options{Objective: c.kind, EarlyMetric: c.metric}, []float64{0})
		if err != nil {
			t.Fatal(err)
		}
		v.score[0] = plain(c.d, o)
		want := v.value()
		got := measureOf(t, fit(t, c.d, nil, o), c.d, c.metric)
		if off := got/want - 1; math.Abs(off) > 2e-3 {
			t.Errorf("%s: %s %v, in plain floats %v: %.5f off", name, c.metric, got, want, off)
		} else {
			t.Logf("%s: %s %v, %+.1e off", name, c.metric, got, off)
		}
	}
}
