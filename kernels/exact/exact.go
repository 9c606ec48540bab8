// Package exact sums floats so that any cut, order or grouping of them gives the same bits.
//
// # How
//
// The axis of exponents is cut into bins of 40 bits. A value is cut into slices, one a bin, from the highest bin down, by
// rounding it against a constant of the bin: t = x + 1.5*2^(a+53) keeps of x the multiples of 2^(a+1), and the integer
// bits(t) - bits(constant) is their number. What is left goes to the next bin. The constant is not the running sum, so that
// the slices depend on the value alone; they are added as integers, so that their order does not matter either. The three
// bins from the highest one that any value reached are kept, which again depends on the values alone. The state is
// therefore a function of the multiset of values: equal multisets have equal states, byte for byte, and Merge is a
// commutative and associative addition.
//
// The slicing by constants is the "indexed" summation of Demmel, Nguyen and Ahrens (ReproBLAS) in a simpler form: the
// constants are fixed, and sums are integers, of 104 bits.
//
// # Errors
//
// With m the largest magnitude, a value's part below m*2^-80 is dropped, so a sum of n values is within n*m*2^-79 of the
// true one before its only rounding, to nearest. Where nothing is dropped (all values within 80 bits of the largest) the
// sum is the correctly rounded one. Sums do not overflow inside: +big +big -big is big.
//
// NaN and infinities are counted apart: any NaN, or both infinities, make the value NaN. Sums of zeros, of whatever sign,
// are +0.
//
// The types are not safe for concurrent writing. Their zero values are empty sums.
package exact

//go:generate go run -C ../_gen ./asm -group exact -out ../exact/zz_deposit_amd64.s -stubs ../exact/zz_deposit_amd64.go -pkg exact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

const (
	width   = 40   // bits of a bin
	kept    = 3    // bins of a window
	binsMax = 53   // a value's bin is 0..52
	block   = 512  // values sliced between two carries, and the size of the buffers on the stack
	special = 2047 // the exponent of NaN and infinities
	sign    = 1 << 63
	low     = 1<<width - 1
)

// edge: bin i holds the multiples of 2^(edge+1) of what is below 2^(edge+40).
func edge(i int) int { return -1075 + width*i }

// index is the bin of the highest bit of a magnitude, given as bits; it looks at the exponent alone.
func index(b uint64) int32 { return int32(b>>52+52) / width }

// windows[top] are the constants of the bins top-1, top-2, top-3. Below bin 0 nothing is left of a value, so that any
// constant slices it to zero. The constant of the highest bin would overflow: there values are scaled by 2^-80, two bins
// down, which changes no slice that is kept.
var windows = func() (w [binsMax + 1][kept]float64) {
	for top := range w {
		for k := range kept {
			i := top - 1 - k
			if top == binsMax {
				i -= 2
			}
			w[top][k] = math.Ldexp(1.5, edge(max(i, 0))+53)
		}
	}
	return w
}()

const scaled = 0x1p-80

// Sum is a sum of float64.
type Sum struct {
	top           int32 // the highest bin reached + 1; 0: no value but zeros yet
	hi, lo        [kept]int64
	nan, pos, neg int64
}

// Add adds one value. Slices are added many times faster by AddSlice.
func (s *Sum) Add(x float64) {
	b := math.Float64bits(x) &^ sign
	if b>>52 == special {
		s.addSpecial(x)
		return
	}
	if b == 0 {
		return
	}
	s.raise(index(b) + 1)
	if s.top == binsMax {
		x = float64(x * scaled)
	}
	for k, m := range windows[s.top] {
		t := x + m
		s.put(k, int64(math.Float64bits(t)-math.Float64bits(m)))
		x -= t - m
	}
}

// AddSlice is the loop for i { Add(xs[i]) }
func (s *Sum) AddSlice(xs []float64) {
	for len(xs) > block {
		s.add(xs[:block])
		xs = xs[block:]
	}
	s.add(xs)
}

// AddMasked is the loop for i where valid[i] is set { Add(xs[i]) }; what xs has elsewhere is not looked at. A nil valid
// means all.
func (s *Sum) AddMasked(xs []float64, valid []uint64) {
	if valid == nil {
		s.AddSlice(xs)
		return
	}
	var buf [block]float64
	for len(xs) > 0 {
		n := min(len(xs), block)
		if words := (n + 63) / 64; full(valid[:words], n) {
			s.add(xs[:n])
		} else {
			mask(&buf, xs[:n], valid)
			s.add(buf[:n])
		}
		if xs = xs[n:]; len(xs) > 0 {
			valid = valid[block/64:]
		}
	}
}

// AddProducts is the loop for i { add xs[i]*ys[i] }, each product exact but for underflow: it enters as its rounding and the
// rounding's error. Products that overflow count as infinities.
func (s *Sum) AddProducts(xs, ys []float64) {
	ys = ys[:len(xs)]
	var p, e [block]float64
	for len(xs) > 0 {
		n := min(len(xs), block)
		for i, x := range xs[:n] {
			p[i] = float64(x * ys[i])
			e[i] = lost(x, ys[i], p[i])
		}
		s.add(p[:n])
		s.add(e[:n])
		xs, ys = xs[n:], ys[n:]
	}
}

// lost is x*y - p for p = x*y rounded, and 0 where p is no number. The fused operation is meant: it is exact here.
func lost(x, y, p float64) float64 {
	if math.Float64bits(p)&^sign>>52 == special {
		return 0
	}
	return math.FMA(x, y, -p)
}

// full says whether the n bits are set.
func full(valid []uint64, n int) bool {
	for i, w := range valid {
		if rest := n - 64*i; rest < 64 {
			return w == 1<<uint(rest)-1
		}
		if w != ^uint64(0) {
			return false
		}
	}
	return true
}

// mask: for i { buf[i] = xs[i] where valid[i] is set, or 0 }, without a branch a value.
func mask(buf *[block]float64, xs []float64, valid []uint64) {
	for i, x := range xs {
		keep := -(valid[uint(i)>>6] >> (uint(i) & 63) & 1)
		buf[uint(i)%block] = math.Float64frombits(math.Float64bits(x) & keep)
	}
}

// add slices at most block values. The window of the values before is tried first, as it nearly always is the right one;
// the pass also finds the largest magnitude, and is repeated where that is above the window.
func (s *Sum) add(xs []float64) {
	if s.top == binsMax {
		s.addRare(xs)
		return
	}
	for {
		w := &windows[s.top]
		var out [kept + 1]uint64
		deposit(xs, w, &out)
		m := out[kept]
		switch {
		case m == 0:
			return
		case m>>52 >= special || index(m) == binsMax-1:
			s.addRare(xs)
			return
		case index(m) >= s.top:
			s.raise(index(m) + 1)
			continue
		}
		for k := range kept {
			s.put(k, int64(out[k]))
		}
		return
	}
}

// addRare is add for blocks with NaN, infinities or values beyond 2^1005.
func (s *Sum) addRare(xs []float64) {
	var buf [block]float64
	var most uint64
	for i, x := range xs {
		b := math.Float64bits(x) &^ sign
		if b>>52 == special {
			s.addSpecial(x)
			x, b = 0, 0
		}
		buf[i] = x
		most = max(most, b)
	}
	if most == 0 {
		return
	}
	s.raise(index(most) + 1)
	if s.top == binsMax {
		for i, x := range buf {
			buf[i] = float64(x * scaled)
		}
	}
	var out [kept + 1]uint64
	deposit(buf[:len(xs)], &windows[s.top], &out)
	for k := range kept {
		s.put(k, int64(out[k]))
	}
}

// depositGo is the reference: for x in xs { for k { t = x + m[k]; out[k] += bits(t) - bits(m[k]); x -= t - m[k] } }, and
// out[3] is the largest magnitude as bits. Of that the levels promise the exponent, and to be zero where all values are:
// that is all its readers look at. With values above the window out[:3] is worth nothing.
func depositGo(xs []float64, m *[kept]float64, out *[kept + 1]uint64) {
	m0, m1, m2 := m[0], m[1], m[2]
	var a0, a1, a2, most uint64
	for _, x := range xs {
		most = max(most, math.Float64bits(x)&^sign)
		t := x + m0
		a0 += math.Float64bits(t)
		x -= t - m0
		t = x + m1
		a1 += math.Float64bits(t)
		x -= t - m1
		a2 += math.Float64bits(x + m2)
	}
	n := uint64(len(xs))
	out[0] = a0 - n*math.Float64bits(m0)
	out[1] = a1 - n*math.Float64bits(m1)
	out[2] = a2 - n*math.Float64bits(m2)
	out[3] = most
}

func (s *Sum) addSpecial(x float64) {
	switch {
	case x != x:
		s.nan++
	case x > 0:
		s.pos++
	default:
		s.neg++
	}
}

// raise makes the window end at top, if it is below.
func (s *Sum) raise(top int32) {
	if s.top == 0 {
		s.top = top
	}
	for ; s.top < top; s.top++ {
		s.hi = [kept]int64{0, s.hi[0], s.hi[1]}
		s.lo = [kept]int64{0, s.lo[0], s.lo[1]}
	}
}

// put adds v units to bin k of the window; lo stays within 0 <= lo < 2^40, which makes the state canonical.
func (s *Sum) put(k int, v int64) {
	t := s.lo[k] + v
	s.hi[k] += t >> width
	s.lo[k] = t & low
}

// Merge adds what o has been given. o is not changed, and may be s.
func (s *Sum) Merge(o *Sum) {
	c := *o
	s.nan, s.pos, s.neg = s.nan+c.nan, s.pos+c.pos, s.neg+c.neg
	if c.top == 0 {
		return
	}
	s.raise(c.top)
	d := int(s.top - c.top)
	for k := 0; k+d < kept; k++ {
		s.put(k+d, c.lo[k])
		s.hi[k+d] += c.hi[k]
	}
}

// Value is the sum, rounded once to nearest, ties to even.
func (s *Sum) Value() float64 {
	if v, is := infinite(s.nan > 0, s.pos > 0, s.neg > 0); is {
		return v
	}
	return round(s.top, s.hi, s.lo)
}

// infinite is the value where there are NaN or infinities.
func infinite(nan, pos, neg bool) (float64, bool) {
	switch {
	case nan || pos && neg:
		return math.NaN(), true
	case pos:
		return math.Inf(1), true
	case neg:
		return math.Inf(-1), true
	}
	return 0, false
}

// words is the whole number hi[0]*2^120 + (hi[1]+lo[0])*2^80 + …, the window's sum in units of its lowest bin, in two's
// complement.
func words(hi, lo [kept]int64) (w [4]uint64) {
	for k := range kept {
		shift := uint(width * (kept - 1 - k))
		addShifted(&w, lo[k], shift)
		addShifted(&w, hi[k], shift+width)
	}
	return w
}

// addShifted: w += v << shift, shift < 128.
func addShifted(w *[4]uint64, v int64, shift uint) {
	fill := uint64(v >> 63)
	in := [4]uint64{uint64(v), fill, fill, fill}
	if shift >= 64 {
		in = [4]uint64{0, uint64(v), fill, fill}
		shift -= 64
	}
	var carry uint64
	for i := range w {
		x := in[i] << shift
		if i > 0 && shift > 0 {
			x |= in[i-1] >> (64 - shift)
		}
		w[i], carry = bits.Add64(w[i], x, carry)
	}
}

// round is the window's sum as the nearest float64.
func round(top int32, hi, lo [kept]int64) float64 {
	if top == 0 {
		return 0
	}
	w := words(hi, lo)
	negative := w[3]>>63 != 0
	if negative {
		var borrow uint64
		for i := range w {
			w[i], borrow = bits.Sub64(0, w[i], borrow)
		}
	}
	n := 0 // bits in use
	for i := 3; i >= 0; i-- {
		if w[i] != 0 {
			n = 64*i + bits.Len64(w[i])
			break
		}
	}
	if n == 0 {
		return 0
	}
	unit := edge(int(top)-kept) + 1 // the lowest word's unit is 2^unit
	// Drop what is below 53 bits, or below 2^-1074: there it is zero, as no value has bits there.
	drop := max(n-53, 0)
	m, half, rest := w[0], false, false
	if drop > 0 {
		m = field(&w, drop)
		half = field(&w, drop-1)&1 != 0
		rest = lowBits(&w, drop-1)
	}
	e := unit + drop
	if e < -1074 { // fewer than 53 bits are to be kept, and the ones below are zero
		return signed(math.Ldexp(float64(m), e), negative)
	}
	if half && (rest || m&1 != 0) {
		m++
	}
	return signed(math.Ldexp(float64(m), e), negative)
}

// field is the 64 bits of w from bit i on.
func field(w *[4]uint64, i int) uint64 {
	j, s := i>>6, uint(i)&63
	x := w[j] >> s
	if j < 3 {
		x |= w[j+1] << (64 - s) // a shift by 64 is zero
	}
	return x
}

// lowBits says whether any of the n lowest bits of w is set.
func lowBits(w *[4]uint64, n int) bool {
	var any uint64
	for i := range n >> 6 {
		any |= w[i]
	}
	return any|w[n>>6]&(1<<(uint(n)&63)-1) != 0
}

func signed(x float64, negative bool) float64 {
	if negative {
		return -x
	}
	return x
}

// big is the exact value of the state, for finishes that cancel.
func (s *Sum) big() *big.Float {
	t := new(big.Float).SetPrec(precision)
	if s.top == 0 {
		return t
	}
	w := words(s.hi, s.lo)
	n := new(big.Int)
	for i := 3; i >= 0; i-- {
		n.Lsh(n, 64)
		n.Or(n, new(big.Int).SetUint64(w[i]))
	}
	if w[3]>>63 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	t.SetInt(n)
	return t.SetMantExp(t, edge(int(s.top)-kept)+1)
}

// precision holds n*Q - S*S of any two windows whose bits overlap.
const precision = 1200

// ErrState is wrapped by the errors of decoding.
var ErrState = errors.New("exact: invalid state")

// sumSize is the length of an encoded Sum: a version, the top, six words of bins, three counts.
const sumSize = 2 + 8*(2*kept+3)

const version = 1

// AppendBinary appends the state, sumSize bytes that are equal for equal multisets of values. It never fails.
func (s *Sum) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, version, byte(s.top))
	for k := range kept {
		b = binary.LittleEndian.AppendUint64(b, uint64(s.hi[k]))
		b = binary.LittleEndian.AppendUint64(b, uint64(s.lo[k]))
	}
	for _, n := range [...]int64{s.nan, s.pos, s.neg} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b, nil
}

// DecodeBinary reads what AppendBinary wrote from the start of b and returns the rest. s is changed only on success. A
// state that no sum can have is an error that wraps ErrState.
func (s *Sum) DecodeBinary(b []byte) (rest []byte, err error) {
	if len(b) < sumSize {
		return nil, fmt.Errorf("%w: %d bytes of a sum, want %d", ErrState, len(b), sumSize)
	}
	if b[0] != version {
		return nil, fmt.Errorf("%w: version %d", ErrState, b[0])
	}
	c := Sum{top: int32(b[1])}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[2+8*i:])) }
	for k := range kept {
		c.hi[k], c.lo[k] = word(2*k), word(2*k+1)
	}
	if err := check(c.top, c.hi, c.lo); err != nil {
		return nil, err
	}
	c.nan, c.pos, c.neg = word(2*kept), word(2*kept+1), word(2*kept+2)
	if c.nan < 0 || c.pos < 0 || c.neg < 0 {
		return nil, fmt.Errorf("%w: negative count", ErrState)
	}
	*s = c
	return b[sumSize:], nil
}

// check refuses windows that no values lead to, as far as that can be seen.
func check(top int32, hi, lo [kept]int64) error {
	if top > binsMax || top == 1 { // denormals have bin 1, so that no value leads to bin 0
		return fmt.Errorf("%w: top %d", ErrState, top)
	}
	for k := range kept {
		switch {
		case lo[k] < 0 || lo[k] > low:
			return fmt.Errorf("%w: bin %d is not normal", ErrState, k)
		case int(top)-1-k < 0 && (hi[k] != 0 || lo[k] != 0):
			return fmt.Errorf("%w: bin %d of top %d is not empty", ErrState, k, top)
		}
	}
	return nil
}
