package logistic

import (
	"sync"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/model/dense"
)

// multinomial is the objective of many classes: softmax regression.
//
// Each class has coefficients b_c, and adding one vector to all of them changes no probability. So the fit is over t_c = b_c - b_last,
// of all classes but the last. Of the b that go with a t the penalty chooses those that sum to 0 over the classes; it is then
// l2/2 * (sum of t_c^2 - (sum of t_c)^2 / classes).
//
// Up to directMax coefficients the Hessian is summed and factored. Beyond, a step is found by conjugate gradients, which need products
// with the Hessian alone: a pass over the rows each.
type multinomial struct {
	env     operators.Env
	c       *dense.Columns
	code    []int32 // of each row, its class; -1 with weight 0
	classes int
	l2      float64
	p       [][]float64 // conjugate gradients: of each class but the last, the probabilities where a step begins
	pool    sync.Pool
}

// directMax is how many coefficients have their Hessian summed. A row then takes a quarter of their square in products, and a product
// with the Hessian twice their number; some hundreds of those make a step.
var directMax = 500

func (m *multinomial) bytes(rows, columns int) int64 {
	free, size := int64(m.classes-1), int64(columns+1)
	held := 8 * (8*dense.BlockRows*(free+3) + dense.InFlight*free*size)
	if free*size <= int64(directMax) {
		return held + 8*dense.InFlight*free*(free+1)/2*size*(size+1)/2
	}
	return held + 8*int64(rows)*free
}

func (m *multinomial) size() int { return len(m.c.X) + 1 }

// of is class c's share of coefficients.
func (m *multinomial) of(v []float64, c int) []float64 { return v[c*m.size():][:m.size()] }

func (m *multinomial) begin(c *dense.Columns) []float64 {
	m.c = c
	m.pool.New = func() any {
		b := make([][]float64, m.classes+2)
		for j := range b {
			b[j] = make([]float64, dense.BlockRows)
		}
		return &b
	}
	mass := dense.Sum(m.env.Parallel, c.N, m.classes, func(lo, hi int, out []float64) {
		for i := lo; i < hi; i++ {
			if k := m.code[i]; k >= 0 {
				out[k] += weight(c, i)
			}
		}
	})
	v := make([]float64, (m.classes-1)*m.size())
	for k := range m.classes - 1 {
		m.of(v, k)[0] = fmath.Log(mass[k] / mass[m.classes-1])
	}
	return v
}

func (m *multinomial) scores(v []float64) []score {
	size, out := m.size(), make([]score, m.classes)
	mean := make([]float64, size)
	for j := range mean {
		for k := range m.classes - 1 {
			mean[j] += m.of(v, k)[j]
		}
		mean[j] /= float64(m.classes)
	}
	b := make([]float64, size)
	for k := range out {
		for j := range b {
			b[j] = -mean[j]
			if k < m.classes-1 {
				b[j] += m.of(v, k)[j]
			}
		}
		out[k].w, out[k].b = m.c.Original(b)
	}
	return out
}

// softmax fills p with the probabilities of the rows of a block, a list a class, and gives their weighted log-loss. Behind the classes
// are two lists to work in. The last class has the raw score 0.
func (m *multinomial) softmax(v []float64, b *dense.Block, lo, hi int, p [][]float64) (loss float64) {
	last, n := m.classes-1, hi-lo
	most, sum, own := p[last+1][:n], p[last+2][:n], b.Scratch[0]
	clear(most)
	clear(sum)
	clear(p[last][:n])
	for k := range last {
		s := p[k][:n]
		b.Scores(m.of(v, k), s)
		for i, x := range s {
			most[i] = max(most[i], x)
		}
	}
	for _, s := range p[:last+1] {
		s = s[:n]
		for i := range s {
			s[i] -= most[i]
		}
	}
	for i, k := range m.code[lo:hi] {
		own[i] = p[max(k, 0)][i]
	}
	for _, s := range p[:last+1] {
		s = s[:n]
		fmath.ExpSlice(s, s)
		for i, e := range s {
			sum[i] += e
		}
	}
	for _, s := range p[:last+1] {
		s = s[:n]
		for i := range s {
			s[i] /= sum[i]
		}
	}
	fmath.LogSlice(sum, sum)
	for i, w := range b.W {
		loss += float64(w * (sum[i] - own[i]))
	}
	return loss
}

// curve sets h to what the rows weigh in the second derivatives by the scores of classes k and l.
func curve(w, p, q []float64, same bool, h []float64) {
	p, q = p[:len(h)], q[:len(h)]
	if same {
		for i, w := range w {
			h[i] = w * (p[i] * (1 - p[i]))
		}
		return
	}
	for i, w := range w {
		h[i] = -w * (p[i] * q[i])
	}
}

func (m *multinomial) at(v []float64) point {
	sums := dense.Sum(m.env.Parallel, m.c.N, 1+len(v), func(lo, hi int, out []float64) {
		b, memory := m.c.Block(lo, hi), m.pool.Get().(*[][]float64)
		p, r := *memory, b.Scratch[1]
		out[0] += m.softmax(v, b, lo, hi, p)
		for k := range m.classes - 1 {
			for i, w := range b.W {
				is := 0.0
				if m.code[lo+i] == int32(k) {
					is = 1
				}
				r[i] = w * (p[k][i] - is)
			}
			b.Apply(r, m.of(out[1:], k))
		}
		m.pool.Put(memory)
		m.c.Free(b)
	})
	at := point{loss: sums[0], gradient: sums[1:]}
	at.loss += m.penalty(v, at.gradient)
	at.step = func() ([]float64, []int) {
		if len(v) > directMax {
			return m.conjugate(v, at.gradient), nil
		}
		return direct(m.hessian(v), at.gradient)
	}
	return at
}

// penalty adds the penalty's slope to out, and gives the penalty. As the penalty is a square, its slope at v is also its Hessian times v.
func (m *multinomial) penalty(v, out []float64) (loss float64) {
	for j, inv := range m.c.Inverse {
		penalty := float64(float64(m.l2*inv) * inv)
		sum, squares := 0.0, 0.0
		for k := range m.classes - 1 {
			x := m.of(v, k)[j+1]
			sum += x
			squares += float64(x * x)
		}
		mean := sum / float64(m.classes)
		for k := range m.classes - 1 {
			m.of(out, k)[j+1] += float64(penalty * (m.of(v, k)[j+1] - mean))
		}
		loss += float64(penalty * (squares - float64(sum*mean)) / 2)
	}
	return loss
}

// hessian is the lower triangle by rows. What is summed of each pair of classes is symmetric, and a triangle itself.
func (m *multinomial) hessian(v []float64) []float64 {
	last, size := m.classes-1, m.size()
	triangle := size * (size + 1) / 2
	pairs := dense.Sum(m.env.Parallel, m.c.N, last*(last+1)/2*triangle, func(lo, hi int, out []float64) {
		b, memory := m.c.Block(lo, hi), m.pool.Get().(*[][]float64)
		p, h := *memory, b.Scratch[2]
		m.softmax(v, b, lo, hi, p)
		for k := range last {
			for l := range k + 1 {
				curve(b.W, p[k], p[l], k == l, h)
				b.Cross(h, out[:triangle])
				out = out[triangle:]
			}
		}
		m.pool.Put(memory)
		m.c.Free(b)
	})
	n := last * size
	h := make([]float64, n*(n+1)/2)
	at := func(k, j, l, i int) *float64 {
		row := k*size + j
		return &h[row*(row+1)/2+l*size+i]
	}
	for k := range last {
		for l := range k + 1 {
			for j := range size {
				for i := range j + 1 {
					*at(k, j, l, i) = pairs[0]
					if k != l {
						*at(k, i, l, j) = pairs[0]
					}
					pairs = pairs[1:]
				}
			}
			for j, inv := range m.c.Inverse {
				penalty := float64(float64(m.l2*inv) * inv)
				share := -1 / float64(m.classes)
				if k == l {
					share++
				}
				*at(k, j+1, l, j+1) += float64(penalty * share)
			}
		}
	}
	return h
}

const (
	productsMax = 1000 // of a step by conjugate gradients
	// near is what a step leaves of the gradient, as the diagonal of the Hessian measures it: each of Newton's steps then gains about
	// three digits, for half the products that an exact one takes.
	near = 1e-3
)

// conjugate finds a step by conjugate gradients, preconditioned by the diagonal of the Hessian (Hestenes and Stiefel 1952).
func (m *multinomial) conjugate(v, gradient []float64) []float64 {
	diagonal := m.curvature(v)
	step, rest, z := make([]float64, len(v)), append([]float64(nil), gradient...), make([]float64, len(v))
	scaled := func() (size float64) {
		for j, d := range diagonal {
			if z[j] = 0; d > 0 { // a column that is the same in every row has neither slope nor curvature
				z[j] = rest[j] / d
			}
			size += float64(rest[j] * z[j])
		}
		return size
	}
	size := scaled()
	enough := float64(float64(near*near) * size)
	way := append([]float64(nil), z...)
	for range productsMax {
		if !(size > enough) || m.env.Context.Err() != nil {
			break
		}
		product := m.product(way)
		bend := 0.0
		for j := range product {
			bend += float64(way[j] * product[j])
		}
		if !(bend > 0) {
			break // nothing is left but rounding
		}
		far := size / bend
		for j := range step {
			step[j] += float64(far * way[j])
			rest[j] -= float64(far * product[j])
		}
		before := size
		size = scaled()
		for j := range way {
			way[j] = z[j] + float64(size/before*way[j])
		}
	}
	return step
}

// curvature is the diagonal of the Hessian at v. It keeps the probabilities there for product.
func (m *multinomial) curvature(v []float64) []float64 {
	last := m.classes - 1
	if m.p == nil {
		m.p = make([][]float64, last)
		for k := range m.p {
			m.p[k] = make([]float64, m.c.N)
		}
	}
	out := dense.Sum(m.env.Parallel, m.c.N, len(v), func(lo, hi int, out []float64) {
		b, memory := m.c.Block(lo, hi), m.pool.Get().(*[][]float64)
		p, h := *memory, b.Scratch[2]
		m.softmax(v, b, lo, hi, p)
		for k := range last {
			copy(m.p[k][lo:hi], p[k])
			curve(b.W, p[k], p[k], true, h)
			b.Squares(h, m.of(out, k))
		}
		m.pool.Put(memory)
		m.c.Free(b)
	})
	for j, inv := range m.c.Inverse {
		for k := range last {
			m.of(out, k)[j+1] += float64(float64(float64(m.l2*inv)*inv) * (1 - 1/float64(m.classes)))
		}
	}
	return out
}

// product is the Hessian, where curvature was taken last, times v.
func (m *multinomial) product(v []float64) []float64 {
	last := m.classes - 1
	out := dense.Sum(m.env.Parallel, m.c.N, len(v), func(lo, hi int, out []float64) {
		b, memory := m.c.Block(lo, hi), m.pool.Get().(*[][]float64)
		s, n := *memory, hi-lo
		mean := s[last][:n]
		clear(mean)
		for k := range last {
			b.Scores(m.of(v, k), s[k][:n])
			for i, p := range m.p[k][lo:hi] {
				mean[i] += float64(p * s[k][i])
			}
		}
		for k := range last {
			r := s[k][:n]
			for i, p := range m.p[k][lo:hi] {
				r[i] = b.W[i] * (p * (r[i] - mean[i]))
			}
			b.Apply(r, m.of(out, k))
		}
		m.pool.Put(memory)
		m.c.Free(b)
	})
	m.penalty(v, out)
	return out
}
