package gbdt

import (
	"math"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/internal/ranks"
	"github.com/headrace/headrace/operators/internal/trees"
)

// lambdarank moves the rows of a group past each other by what that is worth (LambdaMART: Burges 2010): a pair of rows of unlike labels
// has the logistic loss of the difference of their scores, times by how much NDCG changes where they change places.
//
// Rows of equal scores have no order among them: what a pair is worth is its mean over all orders that the scores allow. In the first
// round all rows of a group are equal, and a table that happens to be sorted by its label would else be learnt from as another than the
// same in another order.
type lambdarank struct{ gain ranks.Gain }

func (lambdarank) outputs() int { return 1 }

func (k lambdarank) label(y float64) (string, bool) { return k.gain.Takes(y) }

func (lambdarank) metric() string { return NDCG }

func (lambdarank) most() (g, h float64) { return 0, 0 }

// base is 0: only differences of scores count. Nothing is left to learn where no group has rows of unlike labels.
func (lambdarank) base(l *loss) ([]float64, bool) { return []float64{0}, !l.lambdas.any }

// gradient is of rows by themselves, which have nothing to move past: the loss has those of groups, see lambdas.
func (lambdarank) gradient(g, h, _ [][]float64, _ []float64) {
	clear(g[0])
	clear(h[0])
}

// lambdas are the derivatives of all rows by their scores.
type lambdas struct {
	*ranking // of its places, pairs count of which a row is among them
	norm     bool
	any      bool   // a group has rows of unlike labels
	unlike   []bool // which
	g, h     []float64
	workers  [trees.WorkersMax]lambdaRoom
}

func newLambdas(t *trees.Team, d *Data, o *Options) *lambdas {
	l := &lambdas{ranking: newRanking(t, d, o.Gain, o.Truncation), norm: o.Norm, g: make([]float64, d.N), h: make([]float64, d.N)}
	l.unlike = make([]bool, len(l.ideal))
	for g := range l.unlike {
		rows := l.of(g)
		for _, r := range rows {
			l.unlike[g] = l.unlike[g] || d.Label[r] != d.Label[rows[0]]
		}
		l.any = l.any || l.unlike[g]
	}
	return l
}

// cell is rows of a group that have one score and one label: their derivatives are the same.
type cell struct {
	score, label, gain float64
	rows               float64
	begin, end         int     // the places that the rows of the score have
	mean               float64 // what those count for, each
	g, h               float64
}

// lambdaRoom is a worker's room for a group.
type lambdaRoom struct {
	cells []cell
	with  []int32   // the cells that a cell pairs with
	wrong []float64 // of each, the chance that the pair is in the wrong order
}

// derive computes the derivatives from the scores.
func (l *lambdas) derive(t *trees.Team, score []float64) {
	l.each(t, func(w, g int) {
		if l.unlike[g] { // else they are 0 and stay so
			list := l.listed(w, g, score)
			ranks.BestFirst(list)
			l.group(&l.workers[w], list, l.ideal[g])
		}
	})
}

// closest is added to the distance of two scores before the worth of their pair is divided by it, as LightGBM has it, so that pairs that
// are far apart, in whichever order, do not hold the others down.
const closest = 0.01

// group derives a sorted list.
func (l *lambdas) group(room *lambdaRoom, list []ranks.Placed, ideal float64) {
	l.cut(room, list)
	cells := room.cells
	apart := l.norm && list[0].Score != list[len(list)-1].Score
	sum := 0.0
	for i := range cells {
		a := &cells[i]
		if a.begin >= l.places {
			break
		}
		room.pair(i)
		within, end, n := l.within(a), min(a.end, l.places), float64(a.end-a.begin)
		top, above := l.discounts.Sum(a.begin, end), float64(end-a.begin)
		for j, at := range room.with {
			b := &cells[at]
			// by how much what their places count for differs, in the mean of the orders of equal scores
			places := within
			if b.begin != a.begin {
				places = max(0, (top-float64(above*b.mean))/n)
			}
			worth := math.Abs(a.gain-b.gain) * places / ideal
			if apart {
				worth /= closest + (a.score - b.score)
			}
			slope := worth * room.wrong[j]
			bend := slope * (1 - room.wrong[j])
			up, down := a, b
			if a.label < b.label {
				up, down = b, a
			}
			up.g -= float64(down.rows * slope)
			down.g += float64(up.rows * slope)
			up.h += float64(down.rows * bend)
			down.h += float64(up.rows * bend)
			sum += float64(2 * up.rows * down.rows * slope)
		}
	}
	factor := 1.0
	if l.norm && sum > 0 {
		factor = fmath.Log2(1+sum) / sum // a group of many pairs counts for more, but not by as many
	}
	at := 0
	for _, c := range cells {
		for range int(c.rows) {
			row := list[at].Row
			l.g[row], l.h[row] = factor*c.g, factor*c.h
			at++
		}
	}
}

// cut makes the cells of a sorted list.
func (l *lambdas) cut(room *lambdaRoom, list []ranks.Placed) {
	cells := room.cells[:0]
	for begin := 0; begin < len(list); {
		end := begin + ranks.Tied(list[begin:])
		mean := l.discounts.Sum(begin, end) / float64(end-begin)
		for i, p := range list[begin:end] {
			if last := len(cells) - 1; i > 0 && cells[last].label == p.Label {
				cells[last].rows++
			} else {
				cells = append(cells, cell{score: p.Score, label: p.Label, gain: l.gain.Of(p.Label), rows: 1, begin: begin, end: end, mean: mean})
			}
		}
		begin = end
	}
	room.cells = cells
}

// within is the mean difference of what two places among those of a cell's score count for; of pairs without a row at the top it is 0.
func (l *lambdas) within(c *cell) float64 {
	n := c.end - c.begin
	if n == 1 {
		return 0
	}
	sum := 0.0
	for p := c.begin; p < min(c.end-1, l.places); p++ {
		sum += max(0, float64(l.discounts.Sum(p, p+1)*float64(c.end-1-p))-l.discounts.Sum(p+1, c.end))
	}
	return 2 * sum / (float64(n) * float64(n-1))
}

// pair finds the cells behind one that are of another label, and the chance that each pair is in the wrong order.
func (r *lambdaRoom) pair(at int) {
	a := &r.cells[at]
	r.with, r.wrong = r.with[:0], r.wrong[:0]
	for i := at + 1; i < len(r.cells); i++ {
		b := &r.cells[i]
		if a.label == b.label {
			continue
		}
		d := b.score - a.score
		if a.label < b.label { // a is in front, and ought not to be
			d = -d
		}
		r.with, r.wrong = append(r.with, int32(i)), append(r.wrong, d)
	}
	fmath.SigmoidSlice(r.wrong, r.wrong)
}
