package dense

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/model"
)

func inTurn(n int, f func(int)) {
	for i := range n {
		f(i)
	}
}

func backwards(n int, f func(int)) {
	for i := range n {
		f(n - 1 - i)
	}
}

// The tree over blocks in groups is the binary tree over all blocks: pairs of neighbours, then pairs of those.
func TestTree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, blocks := range []int{0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 96, 100, 200} {
		x := make([]float64, blocks)
		for i := range x {
			x[i] = r.NormFloat64() * math.Exp(10*r.NormFloat64())
		}
		level := append([]float64(nil), x...)
		for len(level) > 1 {
			var up []float64
			for i := 0; i < len(level); i += 2 {
				if i+1 < len(level) {
					up = append(up, level[i]+level[i+1])
				} else {
					up = append(up, level[i])
				}
			}
			level = up
		}
		for _, p := range []Parallel{inTurn, backwards} {
			got := Sum(p, blocks*BlockRows, 1, func(lo, _ int, out []float64) { out[0] += x[lo/BlockRows] })
			if blocks == 0 && got[0] != 0 || blocks > 0 && math.Float64bits(got[0]) != math.Float64bits(level[0]) {
				t.Errorf("%d blocks: %v, the tree has %v", blocks, got, level)
			}
		}
	}
}

func numbers(r *rand.Rand, n, p int) (x []model.Number, w []float64) {
	for range p {
		v := make([]float64, n)
		for i := range v {
			v[i] = 3 + 2*r.NormFloat64()
		}
		x = append(x, model.Number{Values: v})
	}
	w = make([]float64, n)
	for i := range w {
		w[i] = r.Float64()
	}
	return x, w
}

// Cross and Apply are the sums that they stand for, for every number of columns around the four of a step.
func TestCross(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for p := range 10 {
		n := 77
		x, w := numbers(r, n, p)
		c := Scale(inTurn, n, x, w)
		b := c.Block(0, n)
		h := make([]float64, n)
		for i := range h {
			h[i] = r.NormFloat64()
		}
		z := [][]float64{one[:n]}
		for j := range x {
			z = append(z, nil)
			for i, v := range x[j].Values {
				z[j+1] = append(z[j+1], (v-c.Mean[j])*c.Inverse[j])
				if math.Abs(z[j+1][i]) > 1 {
					t.Fatalf("scaled value %v", z[j+1][i])
				}
			}
		}
		cross, apply := make([]float64, (p+1)*(p+2)/2), make([]float64, p+1)
		b.Cross(h, cross)
		b.Apply(h, apply)
		for j := range z {
			sum := 0.0
			for i := range h {
				sum += h[i] * z[j][i]
			}
			if math.Abs(sum-apply[j]) > 1e-12 {
				t.Errorf("%d columns: apply %d is %v, want %v", p, j, apply[j], sum)
			}
			for k := range j + 1 {
				sum := 0.0
				for i := range h {
					sum += h[i] * z[j][i] * z[k][i]
				}
				if got := cross[at(j, k)]; math.Abs(sum-got) > 1e-12 {
					t.Errorf("%d columns: cross (%d, %d) is %v, want %v", p, j, k, got, sum)
				}
			}
		}
		v := make([]float64, p+1)
		for j := range v {
			v[j] = r.NormFloat64()
		}
		b.Scores(v, b.Scratch[1])
		coef, intercept := c.Original(v)
		for i := range n {
			s := intercept
			for j := range coef {
				s += coef[j] * x[j].Values[i]
			}
			if math.Abs(s-b.Scratch[1][i]) > 1e-12 {
				t.Errorf("score %v, by original coefficients %v", b.Scratch[1][i], s)
			}
		}
		c.Free(b)
	}
}

func TestScale(t *testing.T) {
	x := []model.Number{{Values: []float64{1, 2, 3, 1e9}}, {Values: []float64{0.1, 0.1, 0.1, 0.1}}, {Values: []float64{-1e-300, 1e-300, 0, 0}}}
	c := Scale(inTurn, 4, x, []float64{1, 1, 2, 0})
	if c.Weight != 4 || c.Mean[0] != 2.25 || c.Inverse[0] != 0.5 || c.Inverse[1] != 0 || c.Spread[1] != 0 {
		t.Errorf("%+v", c)
	}
	if want := math.Sqrt((1.25*1.25 + .25*.25 + 2*.75*.75) / 4); math.Abs(c.Spread[0]-want) > 1e-15 {
		t.Errorf("spread %v, want %v", c.Spread[0], want)
	}
	if !(c.Inverse[2] > 1e290) {
		t.Errorf("inverse %v", c.Inverse[2])
	}
}

// What Solve gives solves; dependent columns are left out, whichever and however scaled.
func TestCholesky(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for n := 1; n < 12; n++ {
		rank := max(1, n-n/4)
		f := make([][]float64, n) // a = f f'
		for j := range f {
			f[j] = make([]float64, rank)
			if j == 0 {
				f[0][0] = 1
				continue
			}
			if j < rank {
				for k := range f[j] {
					f[j][k] = r.NormFloat64()
				}
				continue
			}
			for _, from := range []int{0, (j - rank) % rank, rank - 1} {
				c := r.NormFloat64()
				for k := range f[j] {
					f[j][k] += c * f[from][k]
				}
			}
			for k := range f[j] {
				f[j][k] *= 1e9
			}
		}
		a := make([]float64, n*(n+1)/2)
		for j := range n {
			for k := range j + 1 {
				for m := range rank {
					a[at(j, k)] += f[j][m] * f[k][m]
				}
			}
		}
		truth, b := make([]float64, n), make([]float64, n)
		for j := range truth {
			truth[j] = r.NormFloat64()
		}
		for j := range n {
			for k := range n {
				b[j] += a[at(j, k)] * truth[k]
			}
		}
		c := Cholesky(n, a)
		if len(c.Left) != n-rank || len(c.Left) > 0 && c.Left[0] == 0 {
			t.Errorf("%d columns of rank %d: left out %v", n, rank, c.Left)
		}
		got := c.Solve(b)
		for j := range n {
			s, size := 0.0, 0.0
			for k := range n {
				s += a[at(j, k)] * got[k]
				size += math.Abs(a[at(j, k)] * truth[k])
			}
			if math.Abs(s-b[j]) > 1e-6*size {
				t.Errorf("%d columns: A x is %v in row %d, want %v", n, s, j, b[j])
			}
		}
	}
	if c := Cholesky(2, []float64{0, 0, 0}); len(c.Left) != 2 || c.Solve([]float64{1, 2})[1] != 0 {
		t.Errorf("a matrix of zeros: %+v", c)
	}
}
