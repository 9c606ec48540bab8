package gbdt

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headrace/headrace/kernels/tree"
)

// The fields of a word must hold the sum of the largest values for as long as
// they are not flushed.
func TestPackedFieldsHold(t *testing.T) {
	for _, size := range [][3]int{{smoothRows, smoothG, smoothH}, {unevenRows, unevenG, unevenH}, {evenRows, evenG, 0}} {
		p := sized(size[0], size[1], size[2])
		g, h := int64(1)<<size[1]-1, int64(1)<<size[2]-1
		for _, sign := range []int64{1, -1} {
			var words [256]uint64
			for range p.rows {
				words[0] += p.Word(sign*g, h)
			}
			var got [3][8]int64
			tree.Flush(got[0][:], got[1][:], got[2][:], &words, p.Fields)
			if rows := int64(p.rows); got[0][0] != sign*g*rows || got[1][0] != h*rows || got[2][0] != rows {
				t.Errorf("%v: %v", size, got)
			}
		}
	}
}

// A gradient rounded for the histogram fits its field and is within half a step
// of what it was.
func TestGridHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, top := range []uint64{1, 5, 1<<14 - 1, 1 << 14, 1<<15 - 1, 1<<15 + 1, 1<<29 + 1<<28, 1<<30 - 1, 1 << 30} {
		by := down(top, smoothG)
		if by > 0 && (top+1<<(by-1)>>1)>>(by-1) < 1<<smoothG {
			t.Errorf("%d is rounded by %d bits, more than it needs", top, by)
		}
		p := sized(smoothRows, smoothG, smoothH)
		p.DownG, p.DownH = by, 3
		for range 1000 {
			g, h := int64(r.Uint64N(top+1)), int64(r.Uint32N(1<<17-4))
			if r.IntN(2) == 0 {
				g = -g
			}
			w := []uint64{uint64(g)<<32 + uint64(h)}
			p.Round(w, w)
			gotG, gotH := int64(w[0])>>p.G, int64(w[0]>>p.H)&(1<<(p.G-p.H)-1)
			if 2*max(gotG<<by-g, g-gotG<<by) > 1<<by || gotH < 1 || gotH > 1 && 2*max(gotH<<3-h, h-gotH<<3) > 8 || gotG >= 1<<smoothG || gotH >= 1<<smoothH {
				t.Errorf("%d, %d became %d, %d", g, h, gotG, gotH)
			}
		}
	}
}

// A loop of the team does each of its parts once, whoever comes and when.
func TestTeam(t *testing.T) {
	for _, n := range []int{1, 2, 3, 16} {
		lead(workers(n, 1), func(team *team) {
			for round := range 200 {
				done := make([]atomic.Int32, round)
				team.each(round, func(w, i int) {
					done[i].Add(1)
					if w >= n {
						t.Errorf("worker %d of %d", w, n)
					}
				})
				for i := range done {
					if got := done[i].Load(); got != 1 {
						t.Fatalf("%d workers: part %d of %d was done %d times", n, i, round, got)
					}
				}
				if round%50 == 49 {
					time.Sleep(time.Millisecond) // helpers go to sleep
				}
			}
		})
	}
}

// What panics in a helper panics in the leader, and everybody goes home.
func TestTeamPanics(t *testing.T) {
	for range 20 {
		func() {
			got := make(chan any, 1)
			lead(workers(3, 1), func(team *team) {
				defer func() { got <- recover() }()
				for range 1000 {
					team.each(64, func(_, i int) {
						if i == 40 {
							panic("forty")
						}
					})
				}
			})
			if v := <-got; v != "forty" {
				t.Errorf("the leader got %v", v)
			}
		}()
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
		m, err := newMeter(single(), &d, &Options{EarlyMetric: metric}, 0)
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
		got := single().sum(x)
		if math.Abs(got-w) > 1e-12*size {
			t.Errorf("sum %v, want %v", got, w)
		}
		r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		lead(workers(3, 2), func(team *team) {
			if again := team.sum(x); again != got {
				t.Errorf("in another order %v, was %v", again, got)
			}
		})
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
