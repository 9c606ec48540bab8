package exact

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/bench"
	"github.com/headrace/headrace/kernels/cpu"
)

// kinds are the columns that the laws run over.
var kinds = []struct {
	name string
	draw func(r *rand.Rand, i int, before float64) float64
}{
	{"normal", func(r *rand.Rand, _ int, _ float64) float64 { return r.NormFloat64() }},
	{"wide", func(r *rand.Rand, _ int, _ float64) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(2000)-1000) }},
	{"cancels", func(r *rand.Rand, i int, before float64) float64 {
		if i%2 == 1 {
			return -before + 1e-3
		}
		return (r.Float64() - 0.5) * 1e16
	}},
	{"ties", func(r *rand.Rand, _ int, _ float64) float64 {
		return math.Ldexp(float64(r.IntN(5)-2)/2, r.IntN(90)-45)
	}},
	{"bin edges", func(r *rand.Rand, _ int, _ float64) float64 {
		x := math.Ldexp(1, edge(20+r.IntN(3))+r.IntN(3)-1)
		for range r.IntN(3) {
			x = math.Nextafter(x, float64(r.IntN(2)))
		}
		return x * float64(2*r.IntN(2)-1)
	}},
	{"denormal", func(r *rand.Rand, _ int, _ float64) float64 {
		return math.Float64frombits(r.Uint64N(1<<53) | r.Uint64()&sign)
	}},
	{"tiny", func(r *rand.Rand, _ int, _ float64) float64 {
		return math.Float64frombits(r.Uint64N(1<<uint(1+r.IntN(60))) | r.Uint64()&sign)
	}},
	{"huge", func(r *rand.Rand, _ int, _ float64) float64 { return math.Ldexp(r.Float64()-0.5, 1000+r.IntN(24)) }},
	{"everything", func(r *rand.Rand, _ int, _ float64) float64 {
		for {
			if x := math.Float64frombits(r.Uint64()); !math.IsNaN(x) && !math.IsInf(x, 0) {
				return x
			}
		}
	}},
	{"zeros", func(r *rand.Rand, _ int, _ float64) float64 { return math.Copysign(0, float64(r.IntN(2)*2-1)) }},
	{"mostly zero", func(r *rand.Rand, i int, _ float64) float64 {
		if i%701 == 700 {
			return r.NormFloat64()
		}
		return 0
	}},
	{"squares at the end", func(r *rand.Rand, i int, _ float64) float64 {
		if i%90 == 3 {
			return math.Ldexp(r.NormFloat64(), 490+r.IntN(25))
		}
		return r.NormFloat64()
	}},
	{"missing", func(r *rand.Rand, _ int, _ float64) float64 {
		if r.IntN(3) == 0 {
			return math.NaN()
		}
		return r.NormFloat64()
	}},
	{"infinite", func(r *rand.Rand, _ int, _ float64) float64 {
		if r.IntN(300) == 0 {
			return math.Inf(1)
		}
		return r.NormFloat64()
	}},
	{"both infinities", func(r *rand.Rand, _ int, _ float64) float64 {
		if r.IntN(300) == 0 {
			return math.Inf(1 - 2*r.IntN(2))
		}
		return math.Ldexp(r.NormFloat64(), 1015)
	}},
}

func column(r *rand.Rand, kind, n int) []float64 {
	xs := make([]float64, n)
	before := 0.0
	for i := range xs {
		xs[i] = kinds[kind].draw(r, i, before)
		before = xs[i]
	}
	return xs
}

// state is what a law compares.
type state interface {
	AppendBinary([]byte) ([]byte, error)
}

func encode(s state) []byte {
	b, _ := s.AppendBinary(nil)
	return b
}

// atLevels runs f at every level that the machine has.
func atLevels(t *testing.T, f func(t *testing.T)) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			f(t)
		})
	}
}

// cut hands xs, shuffled, in random pieces to random parts, and merges the parts in a random tree into part 0.
func cut(r *rand.Rand, xs []float64, parts int, add func(part int, xs []float64, how int), merge func(to, from int)) {
	r.Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
	for o := 0; o < len(xs); {
		n := min(1+r.IntN(1500), len(xs)-o)
		add(r.IntN(parts), xs[o:o+n], r.IntN(3))
		o += n
	}
	for ; parts > 1; parts-- {
		merge(r.IntN(parts-1), parts-1)
	}
}

// masked spreads xs between poison under a bitmap.
func masked(r *rand.Rand, xs []float64) (ys []float64, valid []uint64) {
	for _, x := range xs {
		for r.IntN(3) == 0 {
			ys = append(ys, []float64{math.NaN(), math.Inf(1), 1e308, 3}[r.IntN(4)])
		}
		for len(valid) <= len(ys)/64 {
			valid = append(valid, 0)
		}
		valid[len(ys)/64] |= 1 << (len(ys) % 64)
		ys = append(ys, x)
	}
	return ys, valid
}

// TestSum: the law, and the bound of the error.
func TestSum(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for kind := range kinds {
			for rep := range 12 {
				xs := column(r, kind, r.IntN(6000))
				var want Sum
				for _, x := range xs {
					want.Add(x)
				}
				for range 3 {
					parts := make([]Sum, 1+r.IntN(6))
					cut(r, xs, len(parts), func(p int, xs []float64, how int) {
						switch how {
						case 0:
							parts[p].AddSlice(xs)
						case 1:
							parts[p].AddMasked(masked(r, xs))
						default:
							for _, x := range xs {
								parts[p].Add(x)
							}
						}
					}, func(to, from int) {
						before := parts[from]
						parts[to].Merge(&parts[from])
						if parts[from] != before {
							t.Fatal("Merge changed its argument")
						}
					})
					if !bytes.Equal(encode(&parts[0]), encode(&want)) || parts[0] != want {
						t.Fatalf("%s, repetition %d: %+v, want %+v", kinds[kind].name, rep, parts[0], want)
					}
				}
				checkValue(t, kinds[kind].name, xs, want.Value(), nil)
			}
		}
	})
}

// checkValue holds the package comment's bound, n*m*2^-79 and half a unit, against the exact sum; what of that m is not of
// xs comes with more.
func checkValue(t *testing.T, name string, xs []float64, got float64, more []float64) {
	t.Helper()
	sum, most, plain := new(big.Float).SetPrec(2400), 0.0, 0.0
	finite := true
	for _, x := range xs {
		plain += x
		if math.IsNaN(x) || math.IsInf(x, 0) {
			finite = false
			continue
		}
		sum.Add(sum, new(big.Float).SetFloat64(x))
		most = math.Max(most, math.Abs(x))
	}
	for _, x := range more {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			most = math.Max(most, math.Abs(x))
		}
	}
	if !finite {
		inf := map[bool]bool{}
		nan := false
		for _, x := range xs {
			nan = nan || x != x
			if math.IsInf(x, 0) {
				inf[x > 0] = true
			}
		}
		switch {
		case nan || len(inf) == 2:
			if got == got {
				t.Fatalf("%s: %v, want NaN", name, got)
			}
		case !math.IsInf(got, 1) && inf[true] || !math.IsInf(got, -1) && inf[false]:
			t.Fatalf("%s: %v, want an infinity", name, got)
		}
		return
	}
	want, _ := sum.Float64()
	if math.IsInf(want, 0) {
		if got != want {
			t.Fatalf("%s: %v, want %v", name, got, want)
		}
		return
	}
	d := new(big.Float).SetPrec(2400).SetFloat64(got)
	d.Sub(d, sum).Abs(d)
	bound := new(big.Float).SetMantExp(big.NewFloat(most*0.5), -78)
	bound.Mul(bound, big.NewFloat(float64(len(xs))))
	bound.Add(bound, new(big.Float).SetMantExp(big.NewFloat(math.Abs(want)*0.5), -52))
	bound.Add(bound, new(big.Float).SetMantExp(big.NewFloat(1), -1075))
	if d.Cmp(bound) > 0 {
		t.Fatalf("%s: %v, want %v: off by %v, the bound is %v", name, got, want, d, bound)
	}
}

// TestPlainSumFails: the law test's columns tell a plain sum from an exact one.
func TestPlainSumFails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	xs := column(r, 0, 5000)
	sum := func() (s float64) {
		for _, x := range xs {
			s += x
		}
		return s
	}
	first, same := sum(), true
	for range 10 {
		r.Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
		same = same && sum() == first
	}
	if same {
		t.Error("a plain sum gave the same bits in ten orders: the columns are too easy")
	}
}

func TestMoments(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 2))
		for kind := range kinds {
			for rep := range 8 {
				xs := column(r, kind, r.IntN(5000))
				var want Moments
				for _, x := range xs {
					want.Add(x)
				}
				for range 3 {
					parts := make([]Moments, 1+r.IntN(6))
					cut(r, xs, len(parts), func(p int, xs []float64, how int) {
						switch how {
						case 0:
							parts[p].AddSlice(xs)
						case 1:
							parts[p].AddMasked(masked(r, xs))
						default:
							for _, x := range xs {
								parts[p].Add(x)
							}
						}
					}, func(to, from int) {
						before := parts[from]
						parts[to].Merge(&parts[from])
						if parts[from] != before {
							t.Fatal("Merge changed its argument")
						}
					})
					if !bytes.Equal(encode(&parts[0]), encode(&want)) || parts[0] != want {
						t.Fatalf("%s, repetition %d:\n%+v, want\n%+v", kinds[kind].name, rep, parts[0], want)
					}
				}
				var sum Sum
				sum.AddSlice(xs)
				if math.Float64bits(sum.Value()) != math.Float64bits(want.Sum()) || want.N() != int64(len(xs)) {
					t.Fatalf("%s: sum %v of %d, want %v of %d", kinds[kind].name, want.Sum(), want.N(), sum.Value(), len(xs))
				}
			}
		}
	})
}

// TestVariance: relative to an exact one, also where the plain formula has lost all.
func TestVariance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	big0 := func(x float64) *big.Float { return new(big.Float).SetPrec(3000).SetFloat64(x) }
	for _, center := range []float64{0, 1, -1e3, 1e6, 1e9, 1e12, 1e-100} {
		xs := make([]float64, 20000)
		mean, v, n := big0(0), big0(0), big0(20000)
		for i := range xs {
			xs[i] = center + r.NormFloat64()*math.Max(1e-3, math.Min(1, math.Abs(center)))
			mean.Add(mean, big0(xs[i]))
		}
		mean.Quo(mean, n)
		for _, x := range xs {
			d := big0(x)
			d.Sub(d, mean)
			v.Add(v, d.Mul(d, d))
		}
		wantV, _ := v.Quo(v, n).Float64()
		wantM, _ := mean.Float64()
		var m Moments
		m.AddSlice(xs)
		gotM, gotV := m.MeanVar()
		if math.Abs(gotM-wantM) > math.Abs(wantM)*0x1p-52 || math.Abs(gotV-wantV) > wantV*0x1p-40 {
			t.Errorf("around %v: %v and %v, want %v and %v", center, gotM, gotV, wantM, wantV)
		}
	}
	var m Moments
	if mean, v := m.MeanVar(); mean == mean || v == v {
		t.Errorf("of nothing: %v, %v", mean, v)
	}
	for range 7 {
		m.Add(0.1)
	}
	if mean, v := m.MeanVar(); mean != 0.1 || v != 0 {
		t.Errorf("of a constant: %v, %v", mean, v)
	}
	m.Add(math.Inf(1))
	if mean, v := m.MeanVar(); !math.IsInf(mean, 1) || v == v {
		t.Errorf("of an infinity: %v, %v", mean, v)
	}
	m = Moments{}
	m.Add(1e200)
	if mean, v := m.MeanVar(); mean != 1e200 || v == v {
		t.Errorf("of an overflowing square: %v, %v", mean, v)
	}
}

func TestProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 30 {
		n := r.IntN(2000)
		xs, ys := column(r, 0, n), column(r, 0, n)
		var a, b Sum
		a.AddProducts(xs, ys)
		k := r.IntN(n + 1)
		b.AddProducts(xs[k:], ys[k:])
		b.AddProducts(ys[:k], xs[:k])
		if a != b {
			t.Fatal("the order or the cut of products matters")
		}
		want := new(big.Float).SetPrec(2400)
		for i := range xs {
			p := new(big.Float).SetPrec(200).SetFloat64(xs[i])
			want.Add(want, p.Mul(p, big.NewFloat(ys[i])))
		}
		if w, _ := want.Float64(); a.Value() != w {
			t.Fatalf("%v, want %v", a.Value(), w)
		}
	}
	var s Sum
	s.AddProducts([]float64{1e300, 1}, []float64{1e300, 1})
	if !math.IsInf(s.Value(), 1) {
		t.Errorf("an overflowing product gives %v", s.Value())
	}
}

func TestGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 2))
	for kind := range kinds {
		for range 6 {
			xs := column(r, kind, r.IntN(4000))
			groups := 1 + r.IntN(40)
			rows := make([]float64, len(xs)) // the row numbers, which are shuffled in place of the values
			code := make([]int32, len(xs))
			for i := range xs {
				rows[i], code[i] = float64(i), int32(r.IntN(groups+1))-1
			}
			pick := func(rows []float64) (c []int32, v []float64) {
				for _, i := range rows {
					c, v = append(c, code[int(i)]), append(v, xs[int(i)])
				}
				return c, v
			}
			var want Groups
			want.Grow(groups)
			want.Add(code, xs, nil)
			for range 3 {
				parts := make([]Groups, 1+r.IntN(5))
				order := r.Perm(groups)
				back := make([]int32, groups)
				for i, o := range order {
					back[o] = int32(i)
				}
				cut(r, rows, len(parts), func(p int, rows []float64, how int) {
					c, v := pick(rows)
					for _, g := range c {
						parts[p].Grow(int(g) + 1) // as the groups come up
					}
					switch how {
					case 0:
						parts[p].Add(c, v, nil)
					case 1: // what the bitmap leaves out has a group that is right and a value that would change all
						var valid []uint64
						var c2 []int32
						var v2 []float64
						for i := range c {
							if r.IntN(4) == 0 {
								c2, v2 = append(c2, 0), append(v2, 1e300)
							}
							for len(valid) <= len(c2)/64 {
								valid = append(valid, 0)
							}
							valid[len(c2)/64] |= 1 << (len(c2) % 64)
							c2, v2 = append(c2, c[i]), append(v2, v[i])
						}
						if last := len(c2) - 1; valid[last/64]>>(last%64) != 1 {
							t.Fatal("the test's own bitmap")
						}
						parts[p].Add(c2, v2, valid)
					default: // groups numbered otherwise, and merged by a map
						var o Groups
						o.Grow(groups)
						renamed := make([]int32, len(c))
						at := make([]int32, groups)
						for i, g := range c {
							if renamed[i] = -1; g >= 0 {
								renamed[i] = back[g]
							}
						}
						for i, g := range order {
							at[i] = int32(g)
						}
						o.Add(renamed, v, nil)
						parts[p].Grow(groups)
						parts[p].MergeAt(&o, at)
					}
				}, func(to, from int) {
					before := encode(&parts[from])
					parts[to].Merge(&parts[from])
					if !bytes.Equal(encode(&parts[from]), before) {
						t.Fatal("Merge changed its argument")
					}
				})
				parts[0].Grow(groups)
				if !bytes.Equal(encode(&parts[0]), encode(&want)) {
					t.Fatalf("%s: states differ", kinds[kind].name)
				}
			}
			var all []float64
			for g := range groups {
				var of []float64
				for i, c := range code {
					if c == int32(g) {
						of = append(of, xs[i])
					}
				}
				all = append(all, of...)
				if want.N(g) != int64(len(of)) {
					t.Fatalf("%s: %d in group %d, want %d", kinds[kind].name, want.N(g), g, len(of))
				}
				checkValue(t, kinds[kind].name, of, want.Value(g), xs)
			}
			total, n := want.Total()
			if n != int64(len(all)) {
				t.Fatalf("%s: %d in all, want %d", kinds[kind].name, n, len(all))
			}
			var sum Sum
			sum.AddSlice(all)
			if math.Float64bits(total) != math.Float64bits(sum.Value()) && total == total {
				t.Fatalf("%s: total %v, want %v", kinds[kind].name, total, sum.Value())
			}
		}
	}
}

// TestGroupsCarry: more values between two merges than a cell's low word holds.
func TestGroupsCarry(t *testing.T) {
	const n = 1 << 16
	xs, group := make([]float64, n), make([]int32, n)
	for i := range xs {
		xs[i] = math.Nextafter(2, 0) // all slices of it are large
	}
	var g Groups
	g.Grow(1)
	times := 3*dirtyMax/n + 1
	for range times {
		g.Add(group, xs, nil)
	}
	var s Sum
	s.AddSlice(xs)
	one := s
	for range times - 1 {
		s.Merge(&one)
	}
	if g.Value(0) != s.Value() || g.N(0) != int64(n*times) {
		t.Errorf("%v of %d, want %v of %d", g.Value(0), g.N(0), s.Value(), n*times)
	}
}

// TestRound: the value is the nearest float64 of the exact state, ties to even, at every size.
func TestRound(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 20000 {
		var s Sum
		for range 1 + r.IntN(4) {
			switch r.IntN(3) {
			case 0:
				s.Add(math.Ldexp(float64(r.IntN(9)-4), r.IntN(120)-60))
			case 1:
				s.Add(math.Ldexp(float64(r.IntN(9)-4), r.IntN(40)-1074))
			case 2:
				s.Add(math.Ldexp(float64(r.IntN(3)-1), 53) + float64(r.IntN(3)))
			}
		}
		if want, _ := s.big().Float64(); s.Value() != want {
			t.Fatalf("%v, want %v, of %+v", s.Value(), want, s)
		}
	}
}

func TestBinary(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for kind := range kinds {
		xs := column(r, kind, 700)
		var s, s2 Sum
		s.AddSlice(xs)
		if rest, err := s2.DecodeBinary(append(encode(&s), 1, 2)); err != nil || len(rest) != 2 || s2 != s {
			t.Fatalf("%s: sum: %v, %d bytes left", kinds[kind].name, err, len(rest))
		}
		var m, m2 Moments
		m.AddSlice(xs)
		if rest, err := m2.DecodeBinary(append(encode(&m), 1, 2)); err != nil || len(rest) != 2 || m2 != m {
			t.Fatalf("%s: moments: %v, %d bytes left", kinds[kind].name, err, len(rest))
		}
		var g, g2 Groups
		group := make([]int32, len(xs))
		for i := range group {
			group[i] = int32(r.IntN(5))
		}
		g.Grow(6)
		g.Add(group, xs, nil)
		if rest, err := g2.DecodeBinary(append(encode(&g), 1, 2)); err != nil || len(rest) != 2 || !bytes.Equal(encode(&g), encode(&g2)) {
			t.Fatalf("%s: groups: %v, %d bytes left", kinds[kind].name, err, len(rest))
		}
	}
	var g Groups
	if err := decodeGroups([]byte{version, 0, 255, 255, 255, 255, 255, 255, 255, 127}); !errors.Is(err, ErrState) {
		t.Errorf("a count far above the bytes: %v", err)
	}
	g.Grow(2)
	g.Add([]int32{0, 1}, []float64{1, math.NaN()}, nil)
	var s Sum
	s.Add(1)
	for _, c := range []struct {
		name string
		err  error
	}{
		{"short sum", new(Sum).err(encode(&s)[:sumSize-1])},
		{"version", new(Sum).err(edit(encode(&s), 0, 9))},
		{"top", new(Sum).err(edit(encode(&s), 1, 54))},
		{"bin", new(Sum).err(edit(encode(&s), 2+15, 1))},
		{"negative bin", new(Sum).err(edit(encode(&s), 2+15, 255))},
		{"bins below zero", new(Sum).err(edit(encode(&s), 1, 0))},
		{"count", new(Sum).err(edit(encode(&s), sumSize-1, 255))},
		{"short groups", decodeGroups(encode(&g)[:len(encode(&g))-1])},
		{"head", decodeGroups(encode(&g)[:3])},
		{"flags", decodeGroups(edit(encode(&g), groupsHead+8*atFlags, 8))},
		{"group count", decodeGroups(edit(encode(&g), groupsHead+8*atN+7, 255))},
	} {
		if !errors.Is(c.err, ErrState) {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
}

func (s *Sum) err(b []byte) error {
	_, err := s.DecodeBinary(b)
	return err
}

func decodeGroups(b []byte) error {
	_, err := new(Groups).DecodeBinary(b)
	return err
}

func edit(b []byte, at int, v byte) []byte {
	b[at] = v
	return b
}

func FuzzDecode(f *testing.F) {
	var g Groups
	g.Grow(2)
	g.Add([]int32{0, 1}, []float64{1, 1e-20}, nil)
	f.Add(encode(&g))
	f.Add(encode(new(Moments)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var g Groups
		if rest, err := g.DecodeBinary(b); err == nil {
			if !bytes.Equal(encode(&g), b[:len(b)-len(rest)]) {
				t.Error("groups are not canonical")
			}
			g.Total()
		}
		var m Moments
		if rest, err := m.DecodeBinary(b); err == nil {
			if !bytes.Equal(encode(&m), b[:len(b)-len(rest)]) {
				t.Error("moments are not canonical")
			}
			m.MeanVar()
		}
	})
}

var sink float64

func BenchmarkExact(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewPCG(1, 2))
	xs, group := column(r, 0, n), make([]int32, n)
	nan := column(r, 12, n)
	for i := range group {
		group[i] = int32(r.IntN(1024))
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) { bench.Least(b, n, 0, f) })
	}
	// Of eight rows the sum takes 7 additions of floats and the moments 18, two of which run in a cycle.
	compute := func(name string, additions float64, f func()) {
		b.Run(name, func(b *testing.B) { bench.Compute(b, n, additions/2/8, f) })
	}
	run("plain", func() {
		s := 0.0
		for _, x := range xs {
			s += x
		}
		sink = s
	})
	for _, l := range cpu.Levels() {
		restore := cpu.Lower(l)
		var s Sum
		var m Moments
		compute(fmt.Sprint("sum/", l), 7, func() { s.AddSlice(xs) })
		run(fmt.Sprint("sumNaN/", l), func() { s.AddSlice(nan) })
		compute(fmt.Sprint("moments/", l), 18, func() { m.AddSlice(xs) })
		restore()
	}
	var s Sum
	run("one", func() {
		for _, x := range xs {
			s.Add(x)
		}
	})
	var g Groups
	g.Grow(1024)
	run("groups1024", func() { g.Add(group, xs, nil) })
	b.Run("value", func(b *testing.B) {
		for b.Loop() {
			sink = s.Value()
		}
	})
}
