package gbdt

import (
	"math"

	"github.com/headrace/headrace/kernels/fmath"
)

// deviance is that of Tweedie's distributions of a power from 1 to 2: 1 is Poisson's, 2 the gamma distribution, between them are those
// of sums of a Poisson number of gamma amounts, which are 0 now and then. The score is the logarithm of the mean. With
//
//	a = y * e^((1-power) score), b = e^((2-power) score)
//
// the gradient is b-a and the hessian (power-1) a + (2-power) b.
type deviance struct {
	power float64
	name  string // of the metric
}

func (deviance) outputs() int { return 1 }

// labelMost keeps powers of labels and means finite, and scoreMost, which is beyond its logarithm, what they are multiplied with.
const labelMost, scoreMost = 1e50, 200

func (k deviance) label(y float64) (string, bool) {
	if k.power == 2 {
		return "a number above 0 and at most 1e50", y >= 1/labelMost && y <= labelMost
	}
	return "a number from 0 to 1e50", y >= 0 && y <= labelMost
}

func (k deviance) metric() string { return k.name }

func (deviance) most() (g, h float64) { return 0, 0 }

// base is the logarithm of the mean.
func (deviance) base(l *loss) ([]float64, bool) {
	mean, lo, hi := l.mean()
	return []float64{fmath.Log(max(mean, 1/labelMost))}, lo == hi
}

func (k deviance) gradient(g, h, score [][]float64, label []float64) {
	k.parts(h[0], g[0], score[0])
	a, b := h[0], g[0]
	for i, y := range label {
		a, b := float64(a[i]*y), b[i]
		g[0][i], h[0][i] = b-a, float64((k.power-1)*a)+float64((2-k.power)*b)
	}
}

// parts writes a/y and b of scores.
func (k deviance) parts(a, b, score []float64) {
	for i, s := range score {
		s = min(max(s, -scoreMost), scoreMost)
		a[i], b[i] = (1-k.power)*s, (2-k.power)*s
	}
	fmath.ExpSlice(a, a)
	fmath.ExpSlice(b, b)
}

// stepMost is how far a leaf may move the logarithm of the mean, learning rate aside: few large labels would else throw the rows beside
// them out of reach. It is what XGBoost limits Poisson's steps to.
const stepMost = 0.7

// step is Newton's, or where that goes beyond the least of the leaf's loss, to there. With A and B the sums of a and b, which G and H
// determine, the least is at log(A/B); Newton's step up from a Poisson mean far too small would be A/B - 1. A penalty counts as so many
// rows that are right.
func (k deviance) step(g, h float64) float64 {
	step := min(max(-g/h, -stepMost), stepMost)
	a, b := h+float64((k.power-2)*g), h+float64((k.power-1)*g)
	if a > 0 && b > 0 {
		if least := fmath.Log(a / b); math.Abs(least) < math.Abs(step) {
			return least
		}
	}
	return step
}

// own writes what deviances have of the labels alone: logarithms or powers, the same in every round.
func (k deviance) own(out, label []float64) {
	for i, y := range label {
		switch p := k.power; {
		case p == 1 || p == 2:
			out[i] = fmath.Log(y)
		default:
			out[i] = fmath.Pow(y, 2-p) / ((1 - p) * (2 - p))
		}
	}
}

// terms writes the deviances of labels, which are 0 where the mean is the label.
func (k deviance) terms(out, score, label, own []float64) {
	a := make([]float64, len(out))
	k.parts(a, out, score)
	for i, y := range label {
		a, b := float64(a[i]*y), out[i]
		switch p := k.power; {
		case p == 1 && y > 0:
			out[i] = 2 * (float64(y*(own[i]-score[i])) - y + b)
		case p == 1:
			out[i] = 2 * b
		case p == 2:
			out[i] = 2 * (score[i] - own[i] + a - 1)
		default:
			out[i] = 2 * (own[i] - a/(1-p) + b/(2-p))
		}
	}
}
