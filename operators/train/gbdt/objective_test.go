package gbdt

import (
	"cmp"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"testing"

	"github.com/headrace/headrace/testing/race"
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
	r := math.Abs(y - s)
	switch p := o.TweediePower; o.Objective {
	case AbsoluteError:
		return r
	case Quantile:
		if s < y {
			return o.Quantile * r
		}
		return (1 - o.Quantile) * r
	case Huber:
		if r > o.HuberDelta {
			return o.HuberDelta * (r - o.HuberDelta/2)
		}
	case Poisson:
		return math.Exp(s) - y*s
	case Gamma:
		return s + y*math.Exp(-s)
	case Tweedie:
		return math.Exp((2-p)*s)/(2-p) - y*math.Exp((1-p)*s)/(1-p)
	}
	return r * r / 2
}

// Gradients are the slopes of the loss, hessians the slopes of those.
func TestGradientsAreSlopes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const n = 200
	cases := map[string]struct {
		o      Options
		label  func() float64
		factor float64 // of the hessian; 0 where it stands for one that is 0
	}{
		"binary":     {options(Binary), func() float64 { return float64(r.IntN(2)) }, 1},
		"regression": {options(Regression), r.NormFloat64, 1},
		"multiclass": {options(Multiclass), func() float64 { return float64(r.IntN(4)) }, 4.0 / 3},
		"absolute":   {options(AbsoluteError), r.NormFloat64, 0},
		"quantile":   {options(Quantile, func(o *Options) { o.Quantile = 0.9 }), r.NormFloat64, 0},
		"huber":      {options(Huber, func(o *Options) { o.HuberDelta = 0.7 }), r.NormFloat64, 0},
		"poisson":    {options(Poisson), func() float64 { return float64(r.IntN(5)) }, 1},
		"gamma":      {options(Gamma), r.ExpFloat64, 1},
		"tweedie":    {options(Tweedie, func(o *Options) { o.TweediePower = 1.3 }), func() float64 { return r.ExpFloat64() * float64(r.IntN(2)) }, 1},
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
				if size := math.Abs(mid) + 1; math.Abs(g[j][i]-slope) > 1e-6*size || c.factor > 0 && math.Abs(h[j][i]-bend) > 1e-5*size {
					t.Fatalf("%s: label %v, score %v: gradient %v of %v, hessian %v of %v", name, label[i], at[j], g[j][i], slope, h[j][i], bend)
				}
				if mostG > 0 && math.Abs(g[j][i]) > mostG || mostH > 0 && h[j][i] > mostH {
					t.Fatalf("%s: gradient %v, hessian %v beyond %v, %v", name, g[j][i], h[j][i], mostG, mostH)
				}
			}
		}
	}
}

// What quantileOf picks is what sorting does, in whatever order the rows come.
func TestQuantileOf(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 3000 {
		n := 1 + r.IntN(40)
		x := make([]residual, n)
		total := uint64(0)
		for i := range x {
			x[i] = residual{float64(r.IntN(12)), 1 + uint64(r.IntN(1+r.IntN(4)))}
			total += x[i].units
		}
		share := float64(1+r.IntN(19)) / 20
		sorted := slices.Clone(x)
		slices.SortFunc(sorted, func(a, b residual) int { return cmp.Compare(a.value, b.value) })
		want, below := math.NaN(), uint64(0)
		for i, v := range sorted {
			below += v.units
			if target := share * float64(total); float64(below) > target {
				want = v.value
				break
			} else if float64(below) == target {
				want = (v.value + sorted[i+1].value) / 2
				break
			}
		}
		if got := quantileOf(x, share); got != want {
			t.Fatalf("%v of %v is %v, want %v", share, sorted, got, want)
		}
	}
	if got := quantileOf(nil, 0.5); got != 0 {
		t.Errorf("of nothing %v", got)
	}
}

// Each objective learns the constant that it is of: a leaf is where its loss is least.
func TestLeafIsLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for kind := Regression; kind < objectives; kind++ {
		if kind == Multiclass || kind == LambdaRank { // a leaf has a value each class; no row has a loss by itself
			continue
		}
		d := Data{N: 400, Features: []Feature{{Name: "x"}}, Weight: make([]float64, 400)}
		for i := range d.N {
			side := float64(i % 2)
			d.Features[0].Values = append(d.Features[0].Values, side)
			d.Label = append(d.Label, math.Exp(3*side+r.NormFloat64()))
			d.Weight[i] = 0.5 + r.Float64()
		}
		o := options(kind, func(o *Options) {
			o.Leaves, o.LearningRate, o.L2, o.Trees, o.Quantile, o.HuberDelta = 2, 1, 0, 40, 0.8, 4
		})
		m := fit(t, d, nil, o)
		raw := predict(m, d)
		for side := range 2 {
			at := func(s float64) (sum float64) {
				for i := side; i < d.N; i += 2 {
					sum += d.Weight[i] * lossOf(&o, []float64{s}, d.Label[i])
				}
				return sum
			}
			s := raw[side]
			if step := 1e-3 * (1 + math.Abs(s)); at(s) > at(s-step) || at(s) > at(s+step) {
				t.Errorf("%v: %v has a loss of %v, beside it are %v and %v", kind, s, at(s), at(s-step), at(s+step))
			}
		}
	}
}

// Of a distance beyond all errors huber is the squared error, however far beyond.
func TestHuberOfGreatDistance(t *testing.T) {
	for _, weight := range []func(*rand.Rand) float64{nil, (*rand.Rand).Float64} {
		d := synth(1, 3000, Regression)
		if weight != nil {
			d = weighted(d, 2, weight)
		}
		want := predict(fit(t, d, nil, options(Regression, func(o *Options) { o.L2, o.CatL2 = 0, 0 })), d)
		for _, delta := range []float64{1e3, 1e9, 1e15, 1e100} {
			got := predict(fit(t, d, nil, options(Huber, func(o *Options) { o.L2, o.CatL2, o.HuberDelta = 0, 0, delta })), d)
			far := 0
			for i := range got {
				// Bases differ in their last bits, and so may a few splits.
				if math.Abs(got[i]-want[i]) > 1e-6 {
					far++
				}
			}
			if far > len(got)/100 {
				t.Errorf("delta %v: %d of %d rows are not what squared_error says", delta, far, len(got))
			}
		}
	}
}

// Real data of seven classes beside the peers' figures of the same rows, which testing/peers/classes.py prints.
func TestCovertype(t *testing.T) {
	if race.On {
		t.Skip("one goroutine shows the race detector nothing")
	}
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

// splitmix is SplitMix64's number at a place, from 0 to 1.
func splitmix(row, column int) float64 {
	z := uint64(row*16+column+1) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z^z>>31)>>11) / (1 << 53)
}

// Labels and weights over many powers of ten, beside the better of the peers on the same rows: testing/peers/losses.py makes the data so
// too, and prints the figures. What rounding costs the squared error there TestRoundingCostsNothing measures.
func TestHeavyTails(t *testing.T) {
	const rows = 20_000
	amounts, counts, claims, weights := make([]float64, rows), make([]float64, rows), make([]float64, rows), make([]float64, rows)
	d := Data{N: rows, Features: make([]Feature, 5)}
	for i := range rows {
		var x [9]float64
		for j := range x {
			x[j] = splitmix(i, j)
		}
		for j := range d.Features {
			d.Features[j].Values = append(d.Features[j].Values, x[j])
		}
		s := 2*math.Sin(6*x[0]) + 2*x[1]*x[2] + math.Sqrt(-2*math.Log(x[5]+0x1p-60))*math.Cos(2*math.Pi*x[6])
		if x[3] > 0.7 {
			s++
		}
		amounts[i], weights[i] = math.Exp(s), math.Pow(10, 4*x[8])
		counts[i] = math.Floor(amounts[i])
		if x[7] >= 0.6 {
			claims[i] = amounts[i]
		}
	}
	for _, c := range []struct {
		kind             Objective
		label            []float64
		metric           string
		minRows          int
		best, bestWeight float64 // of the peers, unweighted and weighted
	}{
		// Of scikit-learn, whose leaves have 20 rows, or of XGBoost, where a hessian of 1 is enough, as it comes.
		{AbsoluteError, amounts, MAE, 20, 7.4896, 8.1855},
		{Quantile, amounts, PinballLoss, 20, 3.2819, 3.9298},
		{Poisson, counts, PoissonDeviance, 1, 11.773, 13.584},
		{Gamma, amounts, GammaDeviance, 1, 1.1467, 1.2406e6},
		{Tweedie, claims, TweedieDeviance, 1, 6.7814, 8.4745},
	} {
		if race.On && c.kind != Poisson {
			continue // one goroutine shows the detector nothing
		}
		for _, weighted := range []bool{false, true} {
			all, want := d, c.best
			all.Label = c.label
			if weighted {
				all.Weight, want = weights, c.bestWeight
			}
			train, test := take(all, seq(rows/2)), take(all, seq(rows)[rows/2:])
			o := options(c.kind, func(o *Options) { o.Trees, o.Quantile, o.MinRows, o.MinHessian = 100, 0.9, c.minRows, 1 })
			m := fit(t, train, &test, o)
			got := m.Curve[len(m.Curve)-1]
			t.Logf("%v, weighted %v: %s %.5g, the better peer has %.5g", c.kind, weighted, c.metric, got, want)
			if got > 1.01*want || m.Metric != c.metric {
				t.Errorf("%v, weighted %v: %s %v, the better peer has %v", c.kind, weighted, m.Metric, got, want)
			}
		}
	}
}
