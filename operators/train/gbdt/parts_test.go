package gbdt

import (
	"math"
	"math/rand/v2"
	"testing"

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
		m, err := newMeter(single(), &d, &Options{EarlyMetric: metric}, []float64{0})
		if err != nil {
			t.Fatal(err)
		}
		copy(m.score[0], score)
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
