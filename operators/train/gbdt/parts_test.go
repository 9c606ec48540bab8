package gbdt

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestScatterWidths(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	words, grad := make([]uint64, 3000), make([]uint64, 3000)
	for i := range words {
		words[i], grad[i] = r.Uint64(), r.Uint64()
	}
	for width := 1; width <= tileWidth; width++ {
		for _, n := range []int{0, 1, 2, 7, 1000} {
			rows := make([]int32, n)
			for i := range rows {
				rows[i] = int32(r.IntN(len(words)))
			}
			var want, plain, counted sums
			var wantN, gotN counts
			for _, row := range rows {
				for k := range width {
					b := uint8(words[row] >> (8 * k))
					want[k][b] += grad[row]
					wantN[k][b]++
				}
			}
			scatter(width, &plain, rows, words, grad)
			scatterCount(width, &counted, &gotN, rows, words, grad)
			if plain != want || counted != want || gotN != wantN {
				t.Errorf("width %d, %d rows", width, n)
			}
		}
	}
}

// The fields of a word must hold the sum of the largest values for as long as
// they are not flushed.
func TestPackedFieldsHold(t *testing.T) {
	const gTop, hTop = 1<<gradBits - 1, 1<<hessBits - 1
	for _, sign := range []int64{1, -1} {
		p := packed{shift: 32, counted: true}
		sum := uint64(0)
		for range flushRows {
			sum += uint64(sign*gTop)<<32 + hTop
		}
		if got, want := p.unpack(sum, flushRows), (bin{sign * gTop * flushRows, hTop * flushRows, flushRows}); got != want {
			t.Errorf("counted: %v, want %v", got, want)
		}
		p, sum = packed{shift: evenShift}, 0
		top := int64(1) << (evenGradBits - 1)
		for range flushRows {
			sum += uint64(sign*top)<<evenShift + 1
		}
		if got, want := p.unpack(sum, 0), (bin{sign * top * flushRows, flushRows, flushRows}); got != want {
			t.Errorf("even: %v, want %v", got, want)
		}
	}
}

func TestCoarsen(t *testing.T) {
	pair := func(g, h int64) uint64 { return uint64(g)<<32 | uint64(h) }
	fine := []uint64{pair(1<<30, 1<<30), pair(-1<<30, 1), pair(5, 3), pair(-5, 1<<13), pair(1<<30-1, 1<<29)}
	got := make([]uint64, len(fine))
	coarsen(got, fine, 13, 12)
	p := packed{shift: 32, counted: true}
	for i, v := range got {
		b := p.unpack(v, 1)
		g, h := int64(fine[i])>>32, int64(uint32(fine[i]))
		if math.Abs(float64(b.g)*8192-float64(g)) > 8192 || b.h < 1 || math.Abs(float64(b.h)*4096-float64(h)) > 4096 {
			t.Errorf("%d, %d became %v", g, h, b)
		}
		if b.g > 1<<gradBits-1 || b.g < -1<<gradBits || b.h > 1<<hessBits-1 {
			t.Errorf("%v is beyond its bits", b)
		}
	}
	// One bit too many is rounded, and none lost where there are few.
	coarsen(got[:1], []uint64{pair(-77, 55)}, 0, 0)
	if b := p.unpack(got[0], 1); b != (bin{-77, 55, 1}) {
		t.Errorf("without a shift: %v", b)
	}
}

func TestPartIsStable(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{1, 2, 3, 1000, blockRows, 2*blockRows - 1, 2 * blockRows, 2*blockRows + 1, 5*blockRows + 77} {
		for _, share := range []float64{0, 0.01, 0.5, 1} {
			var s sides
			for i := range s {
				if r.Float64() < share {
					s[i] = 1
				}
			}
			col := make([]uint8, n)
			rows := make([]int32, n)
			for i := range rows {
				col[i], rows[i] = uint8(r.Uint32()), int32(i)
			}
			var left, right []int32
			for _, row := range rows {
				if s[col[row]] == 1 {
					left = append(left, row)
				} else {
					right = append(right, row)
				}
			}
			g := &grower{env: Env{Parallel: workers(3, 1)}, scratch: make([]int32, n), lefts: make([]int, blockCount(n))}
			if got := g.part(rows, &s, col); got != len(left) || !slices.Equal(rows, append(left, right...)) {
				t.Errorf("%d rows, share %v", n, share)
			}
		}
	}
}

func TestCuts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	draws := map[string]func() float64{
		"normal":   r.NormFloat64,
		"heavy":    func() float64 { return math.Exp(4 * r.NormFloat64()) },
		"spike":    func() float64 { return max(0, r.NormFloat64()-1) },
		"integers": func() float64 { return math.Floor(r.ExpFloat64() * 200) },
		"infinite": func() float64 { return 1 / float64(r.IntN(3000)) },
	}
	for name, draw := range draws {
		for _, limit := range []int{2, 3, 16, 254, 255} {
			values := make([]float64, 20_000)
			for i := range values {
				values[i] = draw()
			}
			slices.Sort(values)
			cuts := cutsOf(values, limit)
			c := numeric(cuts)
			if c.bins > limit || c.bins < limit*3/4 || !slices.IsSorted(cuts) || len(slices.Compact(slices.Clone(cuts))) != len(cuts) {
				t.Errorf("%s: %d bins of %d", name, c.bins, limit)
			}
			rows := make([]int, c.slots())
			for _, x := range values {
				b := int(c.bin(x))
				rows[b]++
				if x > c.upper(b) || b > 0 && x <= c.upper(b-1) {
					t.Fatalf("%s: %v is in bin %d", name, x, b)
				}
			}
			most := 0
			for b, n := range rows[:c.bins] {
				if n < binRows && c.bins > 2 {
					t.Errorf("%s, limit %d: bin %d has %d rows", name, limit, b, n)
				}
				most = max(most, n)
			}
			if limit >= 16 && name == "normal" && most > 2*len(values)/limit {
				t.Errorf("%s: a bin has %d of %d rows", name, most, len(values))
			}
		}
	}
	for n := 0; n < 260; n++ {
		var values []float64
		for i := range n {
			values = append(values, float64(i))
		}
		c := numeric(cutsOf(values, 255))
		if n > 0 && n <= 255 && c.bins != n {
			t.Errorf("%d distinct values: %d bins", n, c.bins)
		}
		for i := range values {
			if n <= 255 && int(c.bin(values[i])) != i {
				t.Errorf("%d distinct values: %v is in bin %d", n, values[i], c.bin(values[i]))
			}
		}
		if int(c.bin(math.NaN())) != c.bins {
			t.Error("NaN has a value's bin")
		}
	}
	inf := math.Inf(1)
	for _, p := range [][2]float64{{1, 2}, {-inf, inf}, {-inf, 0}, {0, inf}, {1, math.Nextafter(1, 2)}, {0, 5e-324}, {-5e-324, 0}, {-math.MaxFloat64, math.MaxFloat64}} {
		if m := between(p[0], p[1]); !(m >= p[0] && m < p[1]) {
			t.Errorf("between %v is %v", p, m)
		}
	}
}

func TestLevelBins(t *testing.T) {
	// Level i has i rows: 0, 1 and 2 are rare, and of the others the 255 most
	// frequent have bins.
	f := Feature{Levels: 300}
	for i := range 300 {
		for range i {
			f.Codes = append(f.Codes, int32(i))
		}
	}
	c := categorical(f, &Data{N: len(f.Codes)}, 255)
	if c.bins != 255 || c.code[299] != 0 || c.code[45] != 254 || c.code[44] != 255 || c.binLevel(-1) != 255 || c.binLevel(300) != 255 {
		t.Errorf("%d bins, %v", c.bins, c.code)
	}
	// Of equally frequent levels the lower codes.
	f = Feature{Codes: []int32{2, 1, 0, 2, 1, 0, 2, 1, 0, 3}, Levels: 4}
	c = categorical(f, &Data{N: 10}, 2)
	if !slices.Equal(c.code, []uint8{0, 1, 2, 2}) {
		t.Errorf("bins %v", c.code)
	}
}

func TestMeter(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	n := 500
	d := Data{N: n, Label: make([]float64, n), Weight: make([]float64, n)}
	score := make([]float64, n)
	for i := range n {
		d.Label[i] = float64(r.IntN(2))
		d.Weight[i] = float64(r.IntN(5)) * math.Exp(r.NormFloat64())
		score[i] = math.Round(r.NormFloat64()*4+d.Label[i]*3) / 4
		if score[i] == 0 && r.IntN(2) == 0 {
			score[i] = math.Copysign(0, -1)
		}
	}
	value := func(metric string) float64 {
		m, err := newMeter(Env{}, &d, &Options{EarlyMetric: metric}, 0)
		if err != nil {
			t.Fatal(err)
		}
		copy(m.score, score)
		return m.value()
	}
	near := func(name string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-9*math.Abs(want)) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	near(AUC, value(AUC), slowAUC(score, d.Label, d.Weight))
	var loss, squares, absolute, total float64
	for i := range n {
		p := 1 / (1 + math.Exp(-score[i]))
		w, e := d.Weight[i], math.Abs(p-d.Label[i])
		loss -= w * math.Log(1-e)
		squares += w * e * e
		absolute += w * e
		total += w
	}
	near(LogLoss, value(LogLoss), loss/total)
	near(RMSE, value(RMSE), math.Sqrt(squares/total))
	near(MAE, value(MAE), absolute/total)
	d.Weight = nil
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	near(AUC, value(AUC), slowAUC(score, d.Label, ones))
}

func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, size := range []float64{1, 1e-300, 1e100} {
		x := make([]float64, 50_000)
		var want big.Float
		want.SetPrec(300)
		for i := range x {
			x[i] = r.NormFloat64() * size
			want.Add(&want, big.NewFloat(x[i]))
		}
		w, _ := want.Float64()
		got := Env{}.sum(x)
		if math.Abs(got-w) > 1e-12*size {
			t.Errorf("sum %v, want %v", got, w)
		}
		r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		if again := (Env{Parallel: workers(3, 2)}).sum(x); again != got {
			t.Errorf("in another order %v, was %v", again, got)
		}
	}
	var w wide
	w.add(math.MinInt64)
	w.add(math.MinInt64)
	w.add(math.MaxInt64)
	w.add(math.MaxInt64)
	if w.float(0) != -2 || w.float(1) != -1 {
		t.Errorf("got %v", w.float(0))
	}
}
