package gbdt

import (
	"errors"
	"math"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/program"
)

// Names of the metrics that a validation curve can hold.
const (
	LogLoss  = "log_loss" // binary and multiclass
	AUC      = "auc"      // binary; higher is better
	Accuracy = "accuracy" // binary and multiclass, the share of rows whose label is the likeliest; higher is better
	RMSE     = "rmse"     // of the probability for binary
	MAE      = "mae"      // of the probability for binary

	NDCG = "ndcg" // of the first Options.Places of each group; higher is better

	PinballLoss     = "pinball_loss" // of one objective each, as what follows
	HuberLoss       = "huber_loss"
	PoissonDeviance = "mean_poisson_deviance"
	GammaDeviance   = "mean_gamma_deviance"
	TweedieDeviance = "mean_tweedie_deviance"
)

// metric is what a model is measured by: a mean over the rows, but for AUC and NDCG.
type metric struct {
	name   string
	higher bool // is better
	of     func(Objective) bool
	// terms writes the terms of rows from begin on; or whole is the metric.
	terms func(m *meter, terms []float64, begin int)
	root  bool // of the mean
	whole func(m *meter) float64
}

// metrics are all metrics. A new objective's own is a line here.
var metrics = []metric{
	{name: LogLoss, of: is(Binary, Multiclass), terms: (*meter).logLoss},
	{name: AUC, of: is(Binary), higher: true, whole: (*meter).auc},
	{name: Accuracy, of: is(Binary, Multiclass), higher: true, terms: (*meter).accuracy},
	{name: RMSE, of: isNot(Multiclass, LambdaRank), root: true, terms: (*meter).squares},
	{name: MAE, of: isNot(Multiclass, LambdaRank), terms: (*meter).distances},
	{name: PinballLoss, of: is(Quantile), terms: (*meter).pinball},
	{name: HuberLoss, of: is(Huber), terms: (*meter).huber},
	{name: PoissonDeviance, of: is(Poisson), terms: (*meter).deviance},
	{name: GammaDeviance, of: is(Gamma), terms: (*meter).deviance},
	{name: TweedieDeviance, of: is(Tweedie), terms: (*meter).deviance},
	{name: NDCG, of: is(LambdaRank), higher: true, whole: func(m *meter) float64 { return m.ranking.ndcg(m.team, m.score[0]) }},
}

func is(o ...Objective) func(Objective) bool {
	return func(x Objective) bool { return slices.Contains(o, x) }
}

func isNot(o ...Objective) func(Objective) bool {
	return func(x Objective) bool { return !slices.Contains(o, x) }
}

// metricOf is a metric by its name, nil if there is none.
func metricOf(name string) *metric {
	for i := range metrics {
		if metrics[i].name == name {
			return &metrics[i]
		}
	}
	return nil
}

// metricsOf are the names of an objective's metrics.
func metricsOf(o Objective) (names []string) {
	for _, m := range metrics {
		if m.of(o) {
			names = append(names, m.name)
		}
	}
	return names
}

// meter computes one metric on the validation rows after every round.
type meter struct {
	*metric
	team  *trees.Team
	d     *Data
	o     *Options
	score [][]float64 // of each output
	sums  []float64   // scratch, one a row
	total float64     // sum of the weights
	own   []float64   // of a deviance, what it has of each label alone

	// For AUC: weights as integers whose products sum in 128 bits.
	units    []uint64
	keys     []ranked
	keysSwap []ranked

	ranking *rankingMeter // for NDCG
}

type ranked struct {
	key uint64 // of the score, ordered as the scores are
	row uint32
}

func newMeter(t *trees.Team, d *Data, o *Options, base []float64) (*meter, error) {
	m := &meter{metric: metricOf(o.metric()), team: t, d: d, o: o, score: make([][]float64, len(base)), sums: make([]float64, d.N)}
	for k := range m.score {
		m.score[k] = slices.Repeat(base[k:k+1], d.N)
	}
	top := 0.0
	for i := range m.sums {
		m.sums[i] = d.WeightOf(i)
		top = max(top, m.sums[i])
	}
	m.total = t.Sum(m.sums)
	if k, ok := newObjective(o).(deviance); ok && m.name == k.name {
		m.own = make([]float64, d.N)
		t.Blocks(d.N, func(_, begin, end int) { k.own(m.own[begin:end], d.Label[begin:end]) })
	}
	switch {
	case m.terms != nil:
		return m, nil
	case m.name == NDCG:
		if m.ranking = newRankingMeter(t, d, o); m.ranking.total == 0 {
			return nil, errors.New("gbdt: validation data: metric ndcg needs a label above 0, there is none")
		}
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
	if m.higher {
		return a > b
	}
	return a < b
}

// value is the metric of the present scores. It does not depend on the order
// of the rows.
func (m *meter) value() float64 {
	if m.whole != nil {
		return m.whole(m)
	}
	m.team.Blocks(m.d.N, func(_, begin, end int) {
		terms := m.sums[begin:end]
		m.terms(m, terms, begin)
		for i := range terms {
			if w := m.d.WeightOf(begin + i); w != 0 {
				terms[i] *= w
			} else {
				terms[i] = 0 // whatever it was
			}
		}
	})
	mean := m.team.Sum(m.sums) / m.total
	if m.root {
		return math.Sqrt(mean)
	}
	return mean
}

// logLoss is -log of the probability of the label, from the scores themselves:
// the probability would round to 1 where the loss is still above 0.
func (m *meter) logLoss(terms []float64, begin int) {
	if m.o.Objective == Multiclass {
		m.classLoss(terms, begin)
		return
	}
	for i, s := range m.score[0][begin:][:len(terms)] {
		if m.d.Label[begin+i] == 1 {
			s = -s
		}
		terms[i] = max(s, 0) + fmath.Log1p(fmath.Exp(-math.Abs(s)))
	}
}

// lost is the loss of a row of a class that the model does not know, which evaluate.multiclass counts the same.
var lost = -fmath.Log(0x1p-52)

// classLoss is logLoss of many classes: log(sum of e^s) - own s, the greatest taken off all of them first.
func (m *meter) classLoss(terms []float64, begin int) {
	n := len(terms)
	work := make([]float64, 2*n)
	most, e := work[:n], work[n:]
	copy(most, m.score[0][begin:])
	for _, s := range m.score[1:] {
		for i, s := range s[begin:][:n] {
			most[i] = max(most[i], s)
		}
	}
	clear(terms)
	for _, s := range m.score {
		for i, s := range s[begin:][:n] {
			e[i] = s - most[i]
		}
		fmath.ExpSlice(e, e)
		for i, e := range e {
			terms[i] += e
		}
	}
	fmath.LogSlice(terms, terms)
	for i := range terms {
		if c := int(m.d.Label[begin+i]); c >= 0 && c < len(m.score) {
			terms[i] += most[i] - m.score[c][begin+i]
		} else {
			terms[i] = lost
		}
	}
}

// accuracy is 1 where the likeliest class is the label, of equal ones the first.
func (m *meter) accuracy(terms []float64, begin int) {
	for i := range terms {
		at, top := 0.0, m.score[0][begin+i]
		if m.o.Objective == Binary {
			if top >= 0 {
				at = 1
			}
		} else {
			for c, s := range m.score[1:] {
				if s := s[begin+i]; s > top {
					at, top = float64(c+1), s
				}
			}
		}
		terms[i] = 0
		if at == m.d.Label[begin+i] {
			terms[i] = 1
		}
	}
}

// linkOf makes a prediction of a raw score.
func linkOf(o Objective) program.Link {
	switch o {
	case Binary:
		return program.Sigmoid
	case Poisson, Gamma, Tweedie:
		return program.Exp
	}
	return program.NoLink
}

// predicted writes what the model predicts.
func (m *meter) predicted(out []float64, begin int) {
	linkOf(m.o.Objective).Apply(out, m.score[0][begin:][:len(out)])
}

func (m *meter) squares(terms []float64, begin int) {
	m.predicted(terms, begin)
	for i, s := range terms {
		y := m.d.Label[begin+i]
		terms[i] = (s - y) * (s - y)
	}
}

func (m *meter) distances(terms []float64, begin int) {
	m.predicted(terms, begin)
	for i, s := range terms {
		terms[i] = math.Abs(s - m.d.Label[begin+i])
	}
}

func (m *meter) pinball(terms []float64, begin int) {
	for i, s := range m.score[0][begin:][:len(terms)] {
		r := m.d.Label[begin+i] - s
		terms[i] = max(m.o.Quantile*r, (m.o.Quantile-1)*r)
	}
}

func (m *meter) huber(terms []float64, begin int) {
	d := m.o.HuberDelta
	for i, s := range m.score[0][begin:][:len(terms)] {
		if r := math.Abs(m.d.Label[begin+i] - s); r <= d {
			terms[i] = r * r / 2
		} else {
			terms[i] = d * (r - float64(d/2))
		}
	}
}

func (m *meter) deviance(terms []float64, begin int) {
	end := begin + len(terms)
	newObjective(m.o).(deviance).terms(terms, m.score[0][begin:end], m.d.Label[begin:end], m.own[begin:end])
}

// auc is the share of pairs of a 1 and a 0 that the scores order rightly, pairs
// weighted by their rows' weights and ties counted half: a ratio of integers.
func (m *meter) auc() float64 {
	for i := range m.keys {
		// + 0 makes -0 into 0, which it equals.
		b := math.Float64bits(m.score[0][m.keys[i].row] + 0)
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
