package gbdt

import (
	"errors"
	"math"
	"math/bits"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/internal/trees"
)

// meter computes one metric on the validation rows after every tree.
type meter struct {
	team   *trees.Team
	d      *Data
	kind   Objective
	metric string
	score  []float64
	terms  []float64 // scratch, one a row
	total  float64   // sum of the weights

	// For AUC: weights as integers whose products sum in 128 bits.
	units    []uint64
	keys     []ranked
	keysSwap []ranked
}

type ranked struct {
	key uint64 // of the score, ordered as the scores are
	row uint32
}

func newMeter(t *trees.Team, d *Data, o *Options, base float64) (*meter, error) {
	m := &meter{team: t, d: d, kind: o.Objective, metric: o.metric(), score: make([]float64, d.N), terms: make([]float64, d.N)}
	top := 0.0
	for i := range m.score {
		m.score[i] = base
		m.terms[i] = d.WeightOf(i)
		top = max(top, m.terms[i])
	}
	m.total = t.Sum(m.terms)
	if m.metric != AUC {
		return m, nil
	}
	// Units of 2^-31 of the power of two above the greatest weight: up to 2^31
	// rows sum below 2^62, and the product of two sums fits in 128 bits.
	scale := 31 - trees.Exponent(top)
	if d.Weight == nil {
		scale = 0
	}
	m.units = make([]uint64, d.N)
	var seen [2]bool
	for i := range m.units {
		m.units[i] = uint64(math.Ldexp(d.WeightOf(i), scale))
		if m.units[i] > 0 {
			seen[int(d.Label[i])] = true
			m.keys = append(m.keys, ranked{row: uint32(i)})
		}
	}
	if !seen[0] || !seen[1] {
		return nil, errors.New("gbdt: validation data: metric auc needs both labels, there is one")
	}
	m.keysSwap = make([]ranked, len(m.keys))
	return m, nil
}

// better reports whether metric value a beats b.
func (m *meter) better(a, b float64) bool {
	if m.metric == AUC {
		return a > b
	}
	return a < b
}

// value is the metric of the present scores. It does not depend on the order
// of the rows.
func (m *meter) value() float64 {
	if m.metric == AUC {
		return m.auc()
	}
	m.team.Blocks(m.d.N, func(_, begin, end int) {
		for i := begin; i < end; i++ {
			m.terms[i] = m.term(i)
		}
	})
	mean := m.team.Sum(m.terms) / m.total
	if m.metric == RMSE {
		return math.Sqrt(mean)
	}
	return mean
}

// term is row i's part of the metric, times its weight.
func (m *meter) term(i int) float64 {
	w := m.d.WeightOf(i)
	if w == 0 {
		return 0
	}
	s, y := m.score[i], m.d.Label[i]
	if m.metric == LogLoss {
		// -log of the probability of the label, from the score itself: the
		// probability would round to 1 where the loss is still above 0.
		if y == 1 {
			s = -s
		}
		return w * (max(s, 0) + fmath.Log1p(fmath.Exp(-math.Abs(s))))
	}
	if m.kind == Binary {
		s = fmath.Sigmoid(s)
	}
	if m.metric == MAE {
		return w * math.Abs(s-y)
	}
	return w * ((s - y) * (s - y))
}

// auc is the share of pairs of a 1 and a 0 that the scores order rightly, pairs
// weighted by their rows' weights and ties counted half: a ratio of integers.
func (m *meter) auc() float64 {
	for i := range m.keys {
		// + 0 makes -0 into 0, which it equals.
		b := math.Float64bits(m.score[m.keys[i].row] + 0)
		if b>>63 != 0 {
			b = ^b
		} else {
			b |= 1 << 63
		}
		m.keys[i].key = b
	}
	m.sort()
	var zeros, ones uint64         // below the present tie, and all ones so far
	var hits [2]uint64             // twice the weight of right pairs: high, low
	for i := 0; i < len(m.keys); { // a group of equal scores at a time
		var tied [2]uint64
		key := m.keys[i].key
		for ; i < len(m.keys) && m.keys[i].key == key; i++ {
			r := m.keys[i].row
			tied[int(m.d.Label[r])] += m.units[r]
		}
		hi, lo := bits.Mul64(tied[1], 2*zeros+tied[0])
		var c uint64
		hits[1], c = bits.Add64(hits[1], lo, 0)
		hits[0] += hi + c
		zeros += tied[0]
		ones += tied[1]
	}
	hi, lo := bits.Mul64(zeros, ones)
	f := func(hi, lo uint64) float64 { return math.Ldexp(float64(hi), 64) + float64(lo) }
	return f(hits[0], hits[1]) / 2 / f(hi, lo)
}

// sort orders keys by radix, a digit of 11 bits at a time from the lowest; a
// digit that is the same everywhere is passed over. It is stable, so that
// equal keys stay together without looking at rows.
func (m *meter) sort() {
	const digit = 11
	for shift := 0; shift < 64; shift += digit {
		var at [1 << digit]int
		for i := range m.keys {
			at[m.keys[i].key>>shift&(1<<digit-1)]++
		}
		if at[m.keys[0].key>>shift&(1<<digit-1)] == len(m.keys) {
			continue
		}
		sum := 0
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, k := range m.keys {
			d := k.key >> shift & (1<<digit - 1)
			m.keysSwap[at[d]] = k
			at[d]++
		}
		m.keys, m.keysSwap = m.keysSwap, m.keys
	}
}
