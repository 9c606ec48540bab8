package trees

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headrace/headrace/operators/internal/optest"
)

// workers is a Parallel whose order seed shuffles.
var workers = optest.Workers

// single is a team of one.
func single() (t *Team) {
	Lead(nil, func(s *Team) { t = s })
	return t
}

// A loop of the team does each of its parts once, whoever comes and when.
func TestTeam(t *testing.T) {
	for _, n := range []int{1, 2, 3, 16} {
		Lead(workers(n, 1), func(team *Team) {
			for round := range 200 {
				done := make([]atomic.Int32, round)
				team.Each(round, func(w, i int) {
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
			Lead(workers(3, 1), func(team *Team) {
				defer func() { got <- recover() }()
				for range 1000 {
					team.Each(64, func(_, i int) {
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
			if c.Bins > limit || c.Bins < limit*3/4 || !slices.IsSorted(cuts) || len(slices.Compact(slices.Clone(cuts))) != len(cuts) {
				t.Errorf("%s: %d bins of %d", name, c.Bins, limit)
			}
			rows := make([]int, c.Slots())
			for _, x := range values {
				b := int(c.bin(x))
				rows[b]++
				if x > c.Upper(b) || b > 0 && x <= c.Upper(b-1) {
					t.Fatalf("%s: %v is in bin %d", name, x, b)
				}
			}
			most := 0
			for b, n := range rows[:c.Bins] {
				if n < binRows && c.Bins > 2 {
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
		if n > 0 && n <= 255 && c.Bins != n {
			t.Errorf("%d distinct values: %d bins", n, c.Bins)
		}
		for i := range values {
			if n <= 255 && int(c.bin(values[i])) != i {
				t.Errorf("%d distinct values: %v is in bin %d", n, values[i], c.bin(values[i]))
			}
		}
		if int(c.bin(math.NaN())) != c.Bins {
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
	if c.Bins != 255 || c.Code[299] != 0 || c.Code[45] != 254 || c.Code[44] != 255 || c.binLevel(-1) != 255 || c.binLevel(300) != 255 {
		t.Errorf("%d bins, %v", c.Bins, c.Code)
	}
	// Of equally frequent levels the lower codes.
	f = Feature{Codes: []int32{2, 1, 0, 2, 1, 0, 2, 1, 0, 3}, Levels: 4}
	c = categorical(f, &Data{N: 10}, 2)
	if !slices.Equal(c.Code, []uint8{0, 1, 2, 2}) {
		t.Errorf("bins %v", c.Code)
	}
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
		got := single().Sum(x)
		if math.Abs(got-w) > 1e-12*size {
			t.Errorf("sum %v, want %v", got, w)
		}
		r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
		Lead(workers(3, 2), func(team *Team) {
			if again := team.Sum(x); again != got {
				t.Errorf("in another order %v, was %v", again, got)
			}
		})
	}
	var w Wide
	w.Add(math.MinInt64)
	w.Add(math.MinInt64)
	w.Add(math.MaxInt64)
	w.Add(math.MaxInt64)
	if w.Float(0) != -2 || w.Float(1) != -1 {
		t.Errorf("got %v", w.Float(0))
	}
}
