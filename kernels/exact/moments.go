package exact

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
)

// Moments is the count, the sum and the sum of squares of float64.
//
// A square enters as its rounding and the rounding's error, so that the variance is good where the plain formula cancels:
// it is right to the last places as long as the mean is below about 2^30 deviations. Squares that overflow (of values
// beyond 2^512) count as +Inf and make the variance NaN.
type Moments struct {
	n    int64
	s, q Sum
}

// N is the number of values, NaN and infinities included.
func (m *Moments) N() int64 { return m.n }

// Sum is the sum of the values.
func (m *Moments) Sum() float64 { return m.s.Value() }

// Add adds one value.
func (m *Moments) Add(x float64) {
	m.n++
	m.s.Add(x)
	y := float64(x * x)
	m.q.Add(y)
	m.q.Add(lost(x, x, y))
}

// AddSlice is the loop for i { Add(xs[i]) }
func (m *Moments) AddSlice(xs []float64) {
	m.n += int64(len(xs))
	for len(xs) > block {
		m.add(xs[:block])
		xs = xs[block:]
	}
	m.add(xs)
}

// AddMasked is the loop for i where valid[i] is set { Add(xs[i]) }; a nil valid means all.
func (m *Moments) AddMasked(xs []float64, valid []uint64) {
	if valid == nil {
		m.AddSlice(xs)
		return
	}
	var buf [block]float64
	for len(xs) > 0 {
		n := min(len(xs), block)
		if full(valid[:(n+63)/64], n) {
			m.n += int64(n)
			m.add(xs[:n])
		} else {
			for i := range n {
				m.n += int64(valid[uint(i)>>6] >> (uint(i) & 63) & 1)
			}
			mask(&buf, xs[:n], valid)
			m.add(buf[:n])
		}
		if xs = xs[n:]; len(xs) > 0 {
			valid = valid[block/64:]
		}
	}
}

// add is Sum.add for both sums at once.
func (m *Moments) add(xs []float64) {
	for m.s.top < binsMax && m.q.top < binsMax {
		var out [2*kept + 2]uint64
		deposit2(xs, &windows[m.s.top], &windows[m.q.top], &out)
		x, y := out[2*kept], out[2*kept+1]
		if x == 0 {
			return
		}
		if x>>52 >= largeSquare {
			break
		}
		if index(x) >= m.s.top || y != 0 && index(y) >= m.q.top {
			m.s.raise(index(x) + 1)
			if y != 0 {
				m.q.raise(index(y) + 1)
			}
			continue
		}
		for k := range kept {
			m.s.put(k, int64(out[k]))
			m.q.put(k, int64(out[kept+k]))
		}
		return
	}
	m.addRare(xs)
}

// addRare is add for blocks with NaN, infinities, or values whose squares are near the end of the range: those go one by
// one, as all do once a window is at the end of the range.
func (m *Moments) addRare(xs []float64) {
	atEnd := m.s.top == binsMax || m.q.top == binsMax
	var buf [block]float64
	for i, x := range xs {
		if atEnd || math.Float64bits(x)&^sign>>52 >= largeSquare {
			m.Add(x)
			m.n-- // the caller has counted it
			x = 0
		}
		buf[i] = x
	}
	if !atEnd {
		m.add(buf[:len(xs)])
	}
}

// largeSquare is the exponent from which on values are squared one by one.
const largeSquare = 1023 + 500

// deposit2Go is the reference: the loop of depositGo on x against m into out[:3], and on x*x and the error of its rounding
// against p into out[3:6]. The error is below half a unit of the top bin and has no slice there. out[6] and out[7] are the
// largest x and x*x as depositGo has it.
func deposit2Go(xs []float64, m, p *[kept]float64, out *[2*kept + 2]uint64) {
	m0, m1, m2 := m[0], m[1], m[2]
	p0, p1, p2 := p[0], p[1], p[2]
	var a0, a1, a2, b0, b1, b2, mostX, mostY uint64
	for _, x := range xs {
		y := float64(x * x)
		e := math.FMA(x, x, -y)
		mostX = max(mostX, math.Float64bits(x)&^sign)
		mostY = max(mostY, math.Float64bits(y))
		t := x + m0
		a0 += math.Float64bits(t)
		x -= t - m0
		t = x + m1
		a1 += math.Float64bits(t)
		x -= t - m1
		a2 += math.Float64bits(x + m2)
		t = y + p0
		b0 += math.Float64bits(t)
		y -= t - p0
		t = y + p1
		b1 += math.Float64bits(t)
		y -= t - p1
		b2 += math.Float64bits(y + p2)
		t = e + p1
		b1 += math.Float64bits(t)
		e -= t - p1
		b2 += math.Float64bits(e + p2)
	}
	n := uint64(len(xs))
	out[0] = a0 - n*math.Float64bits(m0)
	out[1] = a1 - n*math.Float64bits(m1)
	out[2] = a2 - n*math.Float64bits(m2)
	out[3] = b0 - n*math.Float64bits(p0)
	out[4] = b1 - 2*n*math.Float64bits(p1)
	out[5] = b2 - 2*n*math.Float64bits(p2)
	out[6], out[7] = mostX, mostY
}

// Merge adds what o has been given. o is not changed, and may be m.
func (m *Moments) Merge(o *Moments) {
	c := *o
	m.n += c.n
	m.s.Merge(&c.s)
	m.q.Merge(&c.q)
}

// MeanVar is the mean and the population variance (divided by n, never negative). Both are NaN of no values, and where
// there are NaN; infinities make the mean infinite or NaN and the variance NaN.
func (m *Moments) MeanVar() (mean, variance float64) {
	if m.n == 0 {
		return math.NaN(), math.NaN()
	}
	num := func() *big.Float { return new(big.Float).SetPrec(precision) }
	n, s := num().SetInt64(m.n), m.s.big()
	a := num().Quo(s, n)
	mean, is := infinite(m.s.nan > 0, m.s.pos > 0, m.s.neg > 0)
	if !is {
		mean, _ = a.Float64()
	}
	if is || m.q.pos > 0 {
		return mean, math.NaN()
	}
	v := num().Sub(num().Mul(m.q.big(), n), num().Mul(s, s))
	variance, _ = v.Quo(v, num().Mul(n, n)).Float64()
	return mean, max(variance, 0)
}

// momentsSize is the length of encoded Moments.
const momentsSize = 8 + 2*sumSize

// AppendBinary appends the state, bytes that are equal for equal multisets of values. It never fails.
func (m *Moments) AppendBinary(b []byte) ([]byte, error) {
	b = binary.LittleEndian.AppendUint64(b, uint64(m.n))
	b, _ = m.s.AppendBinary(b)
	return m.q.AppendBinary(b)
}

// DecodeBinary reads what AppendBinary wrote from the start of b and returns the rest. m is changed only on success.
func (m *Moments) DecodeBinary(b []byte) (rest []byte, err error) {
	if len(b) < momentsSize {
		return nil, fmt.Errorf("%w: %d bytes of moments, want %d", ErrState, len(b), momentsSize)
	}
	c := Moments{n: int64(binary.LittleEndian.Uint64(b))}
	if c.n < 0 {
		return nil, fmt.Errorf("%w: negative count", ErrState)
	}
	if b, err = c.s.DecodeBinary(b[8:]); err != nil {
		return nil, err
	}
	if b, err = c.q.DecodeBinary(b); err != nil {
		return nil, err
	}
	*m = c
	return b, nil
}
