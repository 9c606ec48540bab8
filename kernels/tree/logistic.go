package tree

import "math"

// magic moves the units digit of a float to the last bit of its mantissa.
const magic = 3 << 51

// nearest rounds |x| < 2^50 to the nearest integer, ties to even.
func nearest(x float64) int64 {
	return int64(math.Float64bits(x+magic)) - int64(math.Float64bits(magic))
}

const (
	log2e = 0x1.71547652b82fep+00
	ln2Hi = 0x1.62e42fefa38p-01 // of so few bits that a product with an integer below 2^11 is exact
	ln2Lo = 0x1.ef35793c7673p-45
	// scoreMost is the score beyond which a probability is 0 or 1 to every bit that is kept.
	scoreMost = 700
)

// series are 1, 1/2, 1/6, … 1/9!: e^r - 1 over r, to 2^-37 of it where |r| is at most half of ln 2.
var series = [9]float64{1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880}

// probability is 1 / (1 + e^-x) to about 2^-36, enough for what is rounded to 2^-32 next; fmath.Sigmoid is exact and takes three times as
// long.
func probability(x float64) float64 {
	a := -min(math.Abs(x), scoreMost)
	t := float64(a*log2e) + magic
	k := t - magic
	r := a - float64(k*ln2Hi)
	r -= float64(k * ln2Lo)
	e := series[8]
	for i := 7; i >= 0; i-- {
		e = float64(e*r) + series[i]
	}
	e = float64(e*r) + 1
	e = float64(e * math.Float64frombits((math.Float64bits(t)+1023)<<52))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

// Logistic rounds the gradients of log-loss at raw scores: the loop
//
//	for i {
//		p = probability(score[i])
//		g = nearest((p-label[i])*scaleG); h = max(nearest(p*(1-p)*scaleH), 1)
//		dst[i] = f.Word(g, h)
//	}
//
// and returns the greatest |g| and h. One length; the scales are at most 2^30 and 2^32, scores are numbers, labels 0 or 1.
func Logistic(dst []uint64, score, label []float64, scaleG, scaleH float64, f Fields) (topG, topH int64) {
	return logistic(dst, score[:len(dst)], label[:len(dst)], scaleG, scaleH, f)
}

func logisticGo(dst []uint64, score, label []float64, scaleG, scaleH float64, f Fields) (topG, topH int64) {
	score, label = score[:len(dst)], label[:len(dst)]
	for i, s := range score {
		x := probability(s)
		g, h := nearest(float64((x-label[i])*scaleG)), max(nearest(float64(float64(x*(1-x))*scaleH)), 1)
		dst[i] = f.Word(g, h)
		topG, topH = max(topG, g, -g), max(topH, h)
	}
	return topG, topH
}
