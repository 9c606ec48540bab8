package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// timeTypes are the types that an as-of join orders by, and those that go with them.
var timeTypes = [][2]batch.Type{{batch.T(batch.Int32), batch.T(batch.Int64)}, {batch.T(batch.Int64), batch.T(batch.Int64)}, {batch.T(batch.Float64), batch.T(batch.Float32)},
	{batch.T(batch.Float32), batch.T(batch.Float32)}, {batch.T(batch.Date), batch.T(batch.Date)}, {{Kind: batch.Timestamp, Unit: batch.Milli}, {Kind: batch.Timestamp, Unit: batch.Milli}}}

// clockColumn has times that lie close together, and some odd ones.
func clockColumn(r *rand.Rand, t batch.Type, n, most int) batch.Column {
	c := randomColumn(r, t, n)
	odd := randomColumn(r, t, n)
	for i := range n {
		if r.IntN(8) == 0 {
			continue
		}
		v := r.IntN(most) - most/3
		switch t.Kind {
		case batch.Int32, batch.Date:
			c.Int32s()[i] = int32(v)
		case batch.Float32:
			c.Float32s()[i] = float32(v) / 2
		case batch.Float64:
			c.Float64s()[i] = float64(v) / 2
		default:
			c.Int64s()[i] = int64(v)
		}
	}
	if r.IntN(4) == 0 {
		return odd
	}
	return c
}

// randomAsOf is two tables and a join of them. Of some, few rows of the right are met by many of the left, or the other way round.
func randomAsOf(r *rand.Rand) (l, q frame, n rel.AsOf) {
	sizes := []int{0, 1, 2, 40, 150, 700}
	l, q = wideTable(r, sizes[r.IntN(6)]), wideTable(r, sizes[r.IntN(6)])
	l.Cols[4], l.Cols[5], l.Cols[6] = "long_l", "many_l", "vec_l"
	n = rel.AsOf{L: rel.In{}, R: rel.In{I: 1}, LTime: "t", RTime: "u", Direction: rel.Direction(r.IntN(3)), Strict: r.IntN(3) == 0, Inner: r.IntN(3) == 0,
		Bounded: r.IntN(2) == 0, Ticks: uint64(r.IntN(20)), Span: float64(r.IntN(20)) / 4, Take: map[string]string{}}
	t, most := timeTypes[r.IntN(len(timeTypes))], 1+r.IntN(300)
	l.put("t", clockColumn(r, t[0], l.Rows.N, most))
	q.put("u", clockColumn(r, t[1], q.Rows.N, most))
	for i, c := range []string{"a", "b"}[:r.IntN(3)] {
		k := randomColumn(r, l.column(c).Type, q.Rows.N)
		if k.Type == batch.T(batch.Int32) && r.IntN(2) == 0 {
			k = widened(nil, k, batch.T(batch.Int64))
		}
		q.put(c, k)
		n.LBy, n.RBy = append(n.LBy, c), append(n.RBy, c)
		if i == 1 && r.IntN(5) == 0 { // one column on both sides of two
			n.LBy[1] = n.LBy[0]
			q.put(c, *q.column("a"))
		}
	}
	if r.IntN(4) == 0 {
		n.LBy, n.RBy = append(n.LBy, "long_l"), append(n.RBy, "long")
	}
	for _, c := range []string{"a", "d", "long", "many", "vec", "u"} {
		if r.IntN(3) > 0 {
			n.Take[c] = "r_" + c
		}
	}
	return l, q, n
}

func TestAsOf(t *testing.T) {
	defer func(a int64, b int) { runBytesLeast, rangeRows = a, b }(runBytesLeast, rangeRows)
	met, spilled := 0, 0
	for seed := range uint64(race.Few(500)) {
		runBytesLeast, rangeRows = 256<<10, 1<<15
		r := rand.New(rand.NewPCG(seed, 21))
		if r.IntN(3) > 0 {
			runBytesLeast, rangeRows = 1<<12, 70
		}
		l, q, n := randomAsOf(r)
		want := asOfWhole(l, q, n)
		opt := ways(r)
		if opt.Memory != nil && r.IntN(2) == 0 {
			opt.Memory = mem.New(1<<15, "") // some runs in memory, some not
		}
		x := New(nil, opt)
		got, err := x.asOf(t.Context(), n, &cutInput{x: x, t: l, size: 1 + r.IntN(90)}, &cutInput{x: x, t: q, size: 1 + r.IntN(90)})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		types := []batch.Type{}
		for _, c := range want.Rows.Cols {
			types = append(types, c.Type)
		}
		sameFrame(t, fmt.Sprintf("seed %d, %+v, %+v", seed, n, opt), allOf(t, x, got, want.Cols, types), want)
		for _, c := range n.Take {
			met += want.Rows.N - want.column(c).Nulls()
		}
		if opt.Memory.Spilled() > 0 {
			spilled++
		}
		x.free(got)
		if m := opt.Memory; m != nil && m.Used() != 0 {
			t.Fatalf("seed %d: %d bytes are still taken", seed, m.Used())
		}
		x.Close()
	}
	if met < race.Few(10000) || spilled < race.Few(100) {
		t.Errorf("%d values were found, %d joins went to disk", met, spilled)
	}
}

// TestAsOfTies has few times and many runs, so that the rows of a time, and the ones before and behind it, lie in many ranges.
func TestAsOfTies(t *testing.T) {
	defer func(a int64, b int) { runBytesLeast, rangeRows = a, b }(runBytesLeast, rangeRows)
	runBytesLeast, rangeRows = 1<<10, 40
	for seed := range uint64(race.Few(60)) {
		r := rand.New(rand.NewPCG(seed, 22))
		side := func(n, times int) frame {
			f, v, k, at := frame{Cols: []string{"k", "t", "v"}}, make([]int64, n), make([]int64, n), make([]int64, n)
			for i := range n {
				v[i], k[i], at[i] = int64(i), int64(r.IntN(2)), int64(r.IntN(times))
			}
			f.Rows.N, f.Rows.Cols = n, []batch.Column{batch.OfInt64s(k), batch.OfInt64s(at), batch.OfInt64s(v)}
			return f
		}
		l, q := side(1500, 1+r.IntN(6)), side(1500, 1+r.IntN(6))
		n := rel.AsOf{L: rel.In{}, R: rel.In{I: 1}, LTime: "t", RTime: "t", Direction: rel.Direction(seed % 3), Strict: seed%2 == 0, Take: map[string]string{"v": "w"}}
		if seed%5 > 0 {
			n.LBy, n.RBy = []string{"k"}, []string{"k"}
		}
		x := New(nil, ways(r))
		got, err := x.asOf(t.Context(), n, &cutInput{x: x, t: l, size: 1 + r.IntN(40)}, &cutInput{x: x, t: q, size: 1 + r.IntN(40)})
		if err != nil {
			t.Fatal(err)
		}
		sameFrame(t, fmt.Sprintf("seed %d, %+v", seed, n), allOf(t, x, got, got.Cols, nil), asOfWhole(l, q, n))
		x.Close()
	}
}

// TestAsOfWhole holds the plain way to a look at all pairs.
func TestAsOfWhole(t *testing.T) {
	for seed := range uint64(race.Few(400)) {
		r := rand.New(rand.NewPCG(seed, 23))
		l, q, n := randomAsOf(r)
		if l.Rows.N > 150 || q.Rows.N > 150 {
			continue
		}
		got, k := asOfWhole(l, q, n), 0
		lt, qt := (*batch.Ctx)(nil).Floats(*l.column("t")), (*batch.Ctx)(nil).Floats(*q.column("u"))
		if most := 1 << 52; slices.ContainsFunc(slices.Concat(lt, qt), func(v float64) bool { return v > float64(most) || v < -float64(most) }) && !l.column("t").Type.Float() {
			continue // no float has them
		}
		for i := range l.Rows.N {
			best := -1
			for j := range q.Rows.N {
				d, fits := qt[j]-lt[i], !l.column("t").Null(i) && !q.column("u").Null(j)
				if qt[j] == lt[i] {
					d = 0
				}
				for b := range n.LBy {
					x, y := plainValue(l.column(n.LBy[b]), i), plainValue(q.column(n.RBy[b]), j)
					fits = fits && x == y && x != "null"
				}
				most := float64(n.Ticks)
				if l.column("t").Type.Float() {
					most = n.Span
				}
				switch {
				case !fits, d != d, n.Strict && d == 0, n.Direction == rel.Backward && d > 0, n.Direction == rel.Forward && d < 0, n.Bounded && max(d, -d) > most:
					continue
				}
				if best >= 0 {
					e := qt[best] - lt[i]
					if qt[best] == lt[i] {
						e = 0
					}
					if max(d, -d) > max(e, -e) || max(d, -d) == max(e, -e) && (d > e || d == e && d < 0 && qt[j] < qt[best] || d == e && d > 0 && qt[j] > qt[best]) {
						continue
					}
				}
				best = j
			}
			if best < 0 && n.Inner {
				continue
			}
			if got.Rows.ID.At(k) != l.Rows.ID.At(i) {
				t.Fatalf("seed %d, %+v: row %d is not there", seed, n, i)
			}
			for from, to := range n.Take {
				want := "null"
				if best >= 0 {
					want = plainValue(q.column(from), best)
				}
				if v := plainValue(got.column(to), k); v != want {
					t.Fatalf("seed %d, %+v: row %d has %s of %s, want %s", seed, n, i, v, from, want)
				}
			}
			k++
		}
		if k != got.Rows.N {
			t.Fatalf("seed %d: %d rows, want %d", seed, got.Rows.N, k)
		}
	}
}

func TestAsOfFails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	tab := wideTable(r, 3000)
	n := rel.AsOf{L: rel.In{}, R: rel.In{I: 1}, LTime: "many", RTime: "many", Take: map[string]string{"a": "r"}}
	above := errors.New("above")
	for side := range 2 {
		x := New(nil, Options{Workers: 2, Memory: mem.New(1<<20, t.TempDir())})
		in := []*cutInput{{x: x, t: tab, size: 100}, {x: x, t: tab, size: 100}}
		in[side].fail = above
		if _, err := x.asOf(t.Context(), n, in[0], in[1]); !errors.Is(err, above) {
			t.Errorf("%v, want the error of the rows", err)
		}
		if x.opt.Memory.Used() != 0 {
			t.Errorf("%d bytes are not given back", x.opt.Memory.Used())
		}
		in[side].fail = nil
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if _, err := x.asOf(ctx, n, in[0], in[1]); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want a cancellation", err)
		}
		x.Close()
	}
}
