package gbdt

import (
	"math"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/internal/trees"
)

// multiclass is log-loss of so many classes by the softmax of their scores; a label is the number of its class.
type multiclass int

func (k multiclass) outputs() int { return int(k) }

func (k multiclass) label(y float64) (string, bool) {
	return "the number of a class", y >= 0 && y < float64(k) && y == math.Floor(y)
}

func (multiclass) metric() string { return LogLoss }

func (k multiclass) most() (g, h float64) { return 1, k.factor() / 4 }

// factor is what the second derivatives are multiplied by. A step of all scores together is as long as each of them by itself says
// only if they did not depend on each other; softmax does not change when all scores do, and of the k scores k-1 are free (Friedman
// 2001, section 4.6).
func (k multiclass) factor() float64 { return float64(k) / float64(k-1) }

// base is the logs of the classes' shares.
func (k multiclass) base(l *loss) ([]float64, bool) {
	mass := l.masses(int(k))
	total := 0.0
	for _, m := range mass {
		total += m
	}
	base, single := make([]float64, k), false
	for c, m := range mass {
		p := max(m/total, 1e-15)
		base[c] = fmath.Log(p)
		l.smooth[c] = l.d.Weight == nil && common(p)
		single = single || m == total
	}
	return base, single
}

func (k multiclass) gradient(g, h, score [][]float64, label []float64) {
	softmax(g, h[0], h[1], score)
	factor := k.factor()
	for c, p := range g {
		h := h[c][:len(p)]
		for i, p := range p {
			h[i] = factor * (p * (1 - p))
		}
	}
	for i, y := range label {
		if c := int(y); c >= 0 && c < len(g) { // else the row has no weight
			g[c][i]--
		}
	}
}

// softmax is what program.Softmax does, so that a model's probabilities are those of its fit; most and sum are room to work in.
func softmax(p [][]float64, most, sum []float64, score [][]float64) {
	copy(most, score[0])
	for _, s := range score[1:] {
		for i, s := range s {
			most[i] = max(most[i], s)
		}
	}
	clear(sum)
	for c, s := range score {
		e := p[c]
		for i, s := range s {
			e[i] = s - most[i]
		}
		fmath.ExpSlice(e, e)
		for i, e := range e {
			sum[i] += e
		}
	}
	for _, p := range p {
		for i := range p {
			p[i] /= sum[i]
		}
	}
}

// masses are the sums of the weights of the rows of each class, as exact as mean is.
func (l *loss) masses(classes int) []float64 {
	d := l.d
	scale := 62 - trees.Exponent(l.weight)
	parts := make([][]trees.Wide, trees.BlockCount(d.N))
	l.team.Blocks(d.N, func(b, begin, end int) {
		parts[b] = make([]trees.Wide, classes)
		for i := begin; i < end; i++ {
			if w := d.WeightOf(i); w != 0 {
				parts[b][int(d.Label[i])].Add(int64(math.Ldexp(w, scale)))
			}
		}
	})
	out := make([]float64, classes)
	for c := range out {
		var sum trees.Wide
		for _, p := range parts {
			sum.Merge(p[c])
		}
		out[c] = sum.Float(scale)
	}
	return out
}
