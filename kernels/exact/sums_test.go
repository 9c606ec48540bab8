package exact

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

// model is Sums by one Sum a group.
type model []Sum

func (m model) add(groups []int32, xs []float64, valid []uint64) {
	for i, x := range xs {
		if g := groups[i]; g >= 0 && (valid == nil || valid[i/64]>>(i%64)&1 != 0) {
			m[g].Add(x)
		}
	}
}

func (m model) check(t *testing.T, s *Sums, what string) {
	t.Helper()
	if s.Len() != len(m) {
		t.Fatalf("%s: %d sums, want %d", what, s.Len(), len(m))
	}
	values := make([]float64, len(m))
	s.Values(values)
	for g := range m {
		got, want := s.Value(g), m[g].Value()
		if math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
			t.Fatalf("%s: sum %d is %v, want %v", what, g, got, want)
		}
		if math.Float64bits(values[g]) != math.Float64bits(got) {
			t.Fatalf("%s: Values[%d] is %v, Value %v", what, g, values[g], got)
		}
		hi, lo := s.bins(&s.cells[g])
		if m[g].top != s.cells[g].top() || m[g].hi != hi || m[g].lo != lo {
			t.Fatalf("%s: state %d is %d %x %x, want %d %x %x", what, g, s.cells[g].top(), hi, lo, m[g].top, m[g].hi, m[g].lo)
		}
	}
}

// draws of values: what windows they need, and how they move.
var draws = map[string]func(r *rand.Rand, i int) float64{
	"normal": func(r *rand.Rand, _ int) float64 { return r.NormFloat64() },
	"cents":  func(r *rand.Rand, _ int) float64 { return float64(r.IntN(1e7)) / 100 },
	"wide":   func(r *rand.Rand, _ int) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(200)-100) },
	"rising": func(r *rand.Rand, i int) float64 { return math.Ldexp(r.NormFloat64(), i/4) },
	"any":    func(r *rand.Rand, _ int) float64 { return math.Float64frombits(r.Uint64()) },
	"tiny":   func(r *rand.Rand, _ int) float64 { return math.Float64frombits(r.Uint64N(1 << 53)) },
	"lowest": func(r *rand.Rand, _ int) float64 { return math.Ldexp(r.NormFloat64(), -1074+r.IntN(90)) },
	"huge":   func(r *rand.Rand, _ int) float64 { return math.Ldexp(r.NormFloat64(), 1021-r.IntN(90)) },
	"zeros":  func(r *rand.Rand, _ int) float64 { return math.Copysign(0, r.Float64()-0.5) },
	"special": func(r *rand.Rand, _ int) float64 {
		return []float64{1, -3.5, math.NaN(), math.Inf(1), math.Inf(-1), 0, math.MaxFloat64, 0x1p-1074}[r.IntN(8)&r.IntN(8)]
	},
}

// TestSums is the variants test: the states and values of one Sum a group, for every level, kind of values, number of groups,
// length and offset, with and without a bitmap; and the same of halves merged.
func TestSums(t *testing.T) {
	for _, l := range cpu.Levels() {
		for name, draw := range draws {
			t.Run(fmt.Sprintf("%v/%s", l, name), func(t *testing.T) {
				defer cpu.Lower(l)()
				r := rand.New(rand.NewPCG(1, 1))
				for _, groups := range []int{1, 2, 7, 100, 1000} {
					m, all, one, other := make(model, groups), &Sums{}, &Sums{}, &Sums{}
					all.Grow(groups)
					one.Grow(groups)
					other.Grow(groups)
					at := r.Perm(groups) // other's numbers
					to := make([]int32, groups)
					for i, a := range at {
						to[a] = int32(i)
					}
					for step := range 200 {
						n := []int{0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 200, 600}[step%14]
						off := step % 5
						gs, xs := make([]int32, off+n)[off:], make([]float64, off+n)[off:]
						var valid []uint64
						if step%3 > 0 {
							valid = make([]uint64, (n+63)/64)
						}
						for i := range n {
							gs[i] = int32(r.IntN(groups+1)) - int32(r.IntN(2)&step&1)
							if int(gs[i]) == groups {
								gs[i]--
							}
							xs[i] = draw(r, step)
							if valid != nil {
								valid[i/64] |= uint64(r.IntN(2)|step&1) << (i % 64)
							}
						}
						m.add(gs, xs, valid)
						all.Add(gs, xs, valid)
						if step%2 == 0 {
							one.Add(gs, xs, valid)
							continue
						}
						for i, g := range gs {
							if g >= 0 {
								gs[i] = int32(at[g])
							}
						}
						other.Add(gs, xs, valid)
					}
					m.check(t, all, "added")
					one.MergeAt(other, to)
					m.check(t, one, "merged")
					a, _ := all.AppendBinary(nil)
					b, _ := one.AppendBinary(nil)
					if !bytes.Equal(a, b) {
						t.Fatal("the states of equal multisets differ")
					}
					var back Sums
					rest, err := back.DecodeBinary(append(b, 1, 2, 3))
					if err != nil || len(rest) != 3 {
						t.Fatalf("decoding: %v, %d bytes left", err, len(rest))
					}
					m.check(t, &back, "restored")
				}
			})
		}
	}
}

// TestSumsCarry: sums of so many values that their bins leave the cell; the windows rise afterwards.
func TestSumsCarry(t *testing.T) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			const n = 1 << 16
			r := rand.New(rand.NewPCG(1, 1))
			gs, xs := make([]int32, n), make([]float64, n)
			for i := range xs {
				gs[i] = int32(i & 1)
				xs[i] = float64(1<<40+r.Int64N(1<<38)) * 0x1p-40 // nearly the most that a bin takes at once
			}
			m, s, o := make(model, 3), &Sums{}, &Sums{}
			s.Grow(3)
			o.Grow(3)
			o.Add([]int32{0, 2}, []float64{1, 1}, nil)
			m.add([]int32{0, 2}, []float64{1, 1}, nil)
			block := make(model, 3)
			block.add(gs, xs, nil)
			for range 600 { // 20 million values a group
				s.Add(gs, xs, nil)
				for g := range m {
					m[g].Merge(&block[g])
				}
			}
			if len(s.sides) != 2 {
				t.Errorf("%d sides, want one for each of the two groups with many values", len(s.sides))
			}
			s.Merge(o)
			m.check(t, s, "carried")
			var twice Sums
			twice.Merge(s)
			twice.Merge(s)
			for g := range m {
				c := m[g]
				m[g].Merge(&c)
			}
			m.check(t, &twice, "merged")
			twice.Add([]int32{0}, []float64{0x1p50}, nil)
			m.add([]int32{0}, []float64{0x1p50}, nil)
			m.check(t, &twice, "raised")
			b, _ := twice.AppendBinary(nil)
			var back Sums
			if _, err := back.DecodeBinary(b); err != nil {
				t.Fatal(err)
			}
			m.check(t, &back, "restored")
			if again, _ := back.AppendBinary(nil); !bytes.Equal(again, b) {
				t.Error("the state changed by being restored")
			}
		})
	}
}

func TestSumsGroupsMustBeThere(t *testing.T) {
	for _, l := range cpu.Levels() {
		restore := cpu.Lower(l)
		for at := range 20 {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: group 3 of 3 at row %d did not panic", l, at)
					}
				}()
				var s Sums
				s.Grow(3)
				gs, xs := make([]int32, 20), make([]float64, 20)
				for i := range xs {
					xs[i] = 1
				}
				s.Add(gs, xs, nil)
				gs[at] = 3
				s.Add(gs, xs, nil)
			}()
		}
		restore()
	}
}

// FuzzSumsDecode: what is accepted is a state, which encodes as it was.
func FuzzSumsDecode(f *testing.F) {
	var s Sums
	s.Grow(3)
	s.Add([]int32{0, 0, 2}, []float64{1.5, math.Inf(1), -1e300}, nil)
	b, _ := s.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sums
		rest, err := s.DecodeBinary(b)
		if err != nil {
			if !errors.Is(err, ErrState) || s.Len() != 0 {
				t.Errorf("%v; %d sums", err, s.Len())
			}
			return
		}
		if again, _ := s.AppendBinary(nil); !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Errorf("%x came back as %x", b, again)
		}
	})
}

func BenchmarkSums(b *testing.B) {
	const n = 4096
	for _, groups := range []int{10, 1000, 16_000, 1_000_000} {
		r := rand.New(rand.NewPCG(1, 1))
		gs, xs := make([]int32, 64*n), make([]float64, n)
		valid := make([]uint64, n/64)
		for i := range gs {
			gs[i] = int32(r.IntN(groups))
		}
		for i := range xs {
			xs[i] = r.NormFloat64()
		}
		for i := range valid {
			valid[i] = r.Uint64()
		}
		for k, bitmap := range [][]uint64{nil, valid} {
			for _, l := range cpu.Levels() {
				b.Run(fmt.Sprintf("groups=%d/%s/%v", groups, []string{"all", "half"}[k], l), func(b *testing.B) {
					defer cpu.Lower(l)()
					var s Sums
					s.Grow(groups)
					i := 0
					bench.Least(b, n, 0, func() {
						s.Add(gs[i*n:i*n+n], xs, bitmap)
						i = (i + 1) & 63
					})
				})
			}
		}
	}
}
