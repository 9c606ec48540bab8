package gbdt

import (
	"math"
	"slices"

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

// block is rows of a group that have one score, in cells by their labels, the greatest first.
type block struct {
	score      float64
	cells      []cell
	begin, end int     // the places that the rows have
	mean       float64 // what those count for, each
}

// cell is rows of a block that have one label: their derivatives are the same.
type cell struct {
	gain, rows float64
	g, h       float64
}

// lambdaRoom is a worker's room for a group.
type lambdaRoom struct {
	cells  []cell
	blocks []block
	with   []int32   // the blocks behind one that it pairs with
	wrong  []float64 // of each, the chance that a pair is in the wrong order where the greater label is in front
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

// group derives a sorted list. A row at the top is paired with all others, and pairs of two blocks are as many as they have cells: what
// a group takes grows with its rows, however many have one score.
func (l *lambdas) group(room *lambdaRoom, list []ranks.Placed, ideal float64) {
	l.cut(room, list)
	blocks := room.blocks
	apart := l.norm && len(blocks) > 1
	sum := 0.0
	for i := range blocks {
		a := &blocks[i]
		if a.begin >= l.places {
			break
		}
		if len(a.cells) > 1 {
			worth := l.within(a) / ideal
			if apart {
				worth /= closest
			}
			sum += within(a.cells, worth)
		}
		room.pair(i)
		end, n := min(a.end, l.places), float64(a.end-a.begin)
		top, above := l.discounts.Sum(a.begin, end), float64(end-a.begin)
		for j, at := range room.with {
			b := &blocks[at]
			// by how much what their places count for differs, in the mean of the orders of equal scores
			worth := max(0, (top-float64(above*b.mean))/n) / ideal
			if apart {
				worth /= closest + (a.score - b.score)
			}
			sum += between(a.cells, b.cells, worth, room.wrong[j])
		}
	}
	factor := 1.0
	if l.norm && sum > 0 {
		factor = fmath.Log2(1+sum) / sum // a group of many pairs counts for more, but not by as many
	}
	at := 0
	for _, c := range room.cells {
		for range int(c.rows) {
			row := list[at].Row
			l.g[row], l.h[row] = factor*c.g, factor*c.h
			at++
		}
	}
}

// cut makes the blocks of a sorted list.
func (l *lambdas) cut(room *lambdaRoom, list []ranks.Placed) {
	room.cells = slices.Grow(room.cells[:0], len(list)) // blocks have parts of it: it must not move
	blocks := room.blocks[:0]
	for begin := 0; begin < len(list); {
		end, first := begin+ranks.Tied(list[begin:]), len(room.cells)
		for i, p := range list[begin:end] {
			if i > 0 && p.Label == list[begin+i-1].Label {
				room.cells[len(room.cells)-1].rows++
			} else {
				room.cells = append(room.cells, cell{gain: l.gain.Of(p.Label), rows: 1})
			}
		}
		blocks = append(blocks, block{list[begin].Score, room.cells[first:], begin, end, l.discounts.Sum(begin, end) / float64(end-begin)})
		begin = end
	}
	room.blocks = blocks
}

// pair finds the blocks behind one that have other labels.
func (r *lambdaRoom) pair(at int) {
	a := &r.blocks[at]
	r.with, r.wrong = r.with[:0], r.wrong[:0]
	for i := at + 1; i < len(r.blocks); i++ {
		b := &r.blocks[i]
		if len(a.cells) > 1 || len(b.cells) > 1 || a.cells[0].gain != b.cells[0].gain {
			r.with, r.wrong = append(r.with, int32(i)), append(r.wrong, b.score-a.score)
		}
	}
	fmath.SigmoidSlice(r.wrong, r.wrong)
}

// within is the mean difference of what two places among those of a block count for; of pairs without a row at the top it is 0.
func (l *lambdas) within(b *block) float64 {
	n := b.end - b.begin
	sum := 0.0
	for p := b.begin; p < min(b.end-1, l.places); p++ {
		sum += max(0, float64(l.discounts.Sum(p, p+1)*float64(b.end-1-p))-l.discounts.Sum(p+1, b.end))
	}
	return 2 * sum / (float64(n) * float64(n-1))
}

// within adds to the cells of a block what its rows are to each other, of which a pair is worth so much for each unit that the gains
// differ by: all have an even chance. It gives the size of all that was added to the rows.
func within(cells []cell, worth float64) (sum float64) {
	half, quarter := worth/2, worth/4
	var up, down far
	for i, j := 0, len(cells)-1; i < len(cells); i, j = i+1, j-1 {
		c := &cells[i]
		d := up.to(c)
		c.g += float64(half * d)
		c.h += float64(quarter * d)
		sum += float64(c.rows * half * d)
		up.add(c)
		c = &cells[j]
		d = down.to(c)
		c.g -= float64(half * d)
		c.h += float64(quarter * d)
		sum += float64(c.rows * half * d)
		down.add(c)
	}
	return sum
}

// between is the same of two blocks, of which a stands in front: wrong is the chance that it ought not to where its label is the greater.
func between(a, b []cell, worth, wrong float64) (sum float64) {
	front, back := worth*wrong, worth*(1-wrong) // slopes where the greater label is in front, and where it is behind
	bend := front * (1 - wrong)
	if len(a) == 1 && len(b) == 1 {
		x, y := &a[0], &b[0]
		d := x.gain - y.gain
		slope := front
		if d < 0 {
			slope = -back
		}
		slope *= math.Abs(d)
		bend *= math.Abs(d)
		x.g -= float64(y.rows * slope)
		y.g += float64(x.rows * slope)
		x.h += float64(y.rows * bend)
		y.h += float64(x.rows * bend)
		return 2 * x.rows * y.rows * math.Abs(slope)
	}
	var ofA, ofB far
	for i, j := 0, 0; i < len(a) || j < len(b); { // from the greatest label down
		if j == len(b) || i < len(a) && a[i].gain >= b[j].gain {
			d := ofB.to(&a[i])
			a[i].g += float64(back * d)
			a[i].h += float64(bend * d)
			sum += float64(a[i].rows * back * d)
			ofA.add(&a[i])
			i++
		} else {
			d := ofA.to(&b[j])
			b[j].g += float64(front * d)
			b[j].h += float64(bend * d)
			sum += float64(b[j].rows * front * d)
			ofB.add(&b[j])
			j++
		}
	}
	ofA, ofB = far{}, far{}
	for i, j := len(a)-1, len(b)-1; i >= 0 || j >= 0; { // and up from the least
		if j < 0 || i >= 0 && a[i].gain <= b[j].gain {
			d := ofB.to(&a[i])
			a[i].g -= float64(front * d)
			a[i].h += float64(bend * d)
			sum += float64(a[i].rows * front * d)
			ofA.add(&a[i])
			i--
		} else {
			d := ofA.to(&b[j])
			b[j].g -= float64(back * d)
			b[j].h += float64(bend * d)
			sum += float64(b[j].rows * back * d)
			ofB.add(&b[j])
			j--
		}
	}
	return sum
}

// far is rows whose gains are all on one side of those to come, and how far they are from the last one together. It is added up in
// steps of one sign, so that nothing cancels.
type far struct{ rows, gain, sum float64 }

// to is how far the gains of the rows are from a cell's.
func (f *far) to(c *cell) float64 {
	if f.rows > 0 {
		f.sum += float64(f.rows * math.Abs(c.gain-f.gain))
	}
	f.gain = c.gain
	return f.sum
}

// add takes a cell's rows.
func (f *far) add(c *cell) {
	f.to(c)
	f.rows += c.rows
}
