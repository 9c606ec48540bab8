package exec

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/kernels/radix"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// aggTable is a frame as an operator reads it: cut into blocks anywhere, given out in another order.
func aggTable(x *Exec, r *rand.Rand, f frame) *tableRows {
	t := &Table{Cols: f.Cols, N: f.Rows.N}
	for lo := 0; lo < f.Rows.N; {
		hi := min(f.Rows.N, lo+1+r.IntN(f.Rows.N))
		t.blocks = append(t.blocks, block{rows: f.Rows.Slice(nil, lo, hi)})
		lo = hi
	}
	var kinds []batch.Type
	for _, c := range f.Rows.Cols {
		kinds = append(kinds, c.Type)
	}
	return &tableRows{x, t, kinds}
}

// wholeTable is the rows of a table.
func wholeTable(t *testing.T, tab *Table, types []batch.Type) frame {
	t.Helper()
	all := make([]int, len(tab.Cols))
	for i := range all {
		all[i] = i
	}
	var parts []batch.Batch
	for i := range tab.blocks {
		b, err := tab.read(nil, i, all)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b)
	}
	if len(parts) == 0 {
		var none batch.Batch
		for _, k := range types {
			none.Cols = append(none.Cols, (*batch.Ctx)(nil).New(k, 0))
		}
		return frame{tab.Cols, none}
	}
	b, err := concat(parts)
	if err != nil {
		t.Fatal(err)
	}
	return frame{tab.Cols, b}
}

// bitsOf is a value with all its bits.
func bitsOf(c *batch.Column, i int) string {
	switch {
	case c.Null(i):
		return "null"
	case c.Type.Text():
		return fmt.Sprintf("%q", c.Text(i))
	}
	return fmt.Sprintf("%x", rawBits(nil, c)[i])
}

func bitRows(f *frame) (out []string) {
	for i := range f.Rows.N {
		s := []string{fmt.Sprint(f.Rows.ID.At(i))}
		for j, c := range f.Rows.Cols {
			s = append(s, f.Cols[j]+" "+c.Type.String()+" "+bitsOf(&c, i))
		}
		out = append(out, strings.Join(s, " | "))
	}
	return out
}

// aggWays are the settings under which results are to be the same: how many workers, how long a morsel, how much memory.
type way struct {
	workers, morsel int
	spill           bool
	shuffle         uint64
}

func aggWays(r *rand.Rand) (w []way) {
	for _, workers := range []int{1, 2, 3, 7} {
		w = append(w, way{workers, 64 << r.IntN(2), r.IntN(2) == 0, r.Uint64()})
	}
	w[r.IntN(4)].spill = true
	return w
}

func (w way) exec(t *testing.T) *Exec {
	o := Options{Workers: w.workers, MorselRows: w.morsel, Shuffle: w.shuffle, Poison: true}
	if w.spill {
		o.Memory = mem.New(1, t.TempDir())
	}
	x := New(nil, o)
	t.Cleanup(x.Close)
	return x
}

// aggsOf is every aggregate that a column can have.
func aggsOf(name string, t batch.Type) (out []rel.Agg) {
	number := t.Kind == batch.Bool || t.Numeric()
	float, integer := batch.T(batch.Float64), batch.T(batch.Int64)
	for f := range rel.FuncNames {
		a := rel.Agg{Name: name + "_" + rel.FuncNames[f], Func: rel.Func(f), Of: name, Type: t}
		switch a.Func {
		case rel.Count, rel.CountDistinct:
			a.Type = integer
		case rel.Sum:
			if a.Type = integer; t.Float() {
				a.Type = float
			}
			if !number || t.Kind == batch.Decimal {
				continue
			}
		case rel.Mean, rel.Var, rel.Std:
			if a.Type = float; !number {
				continue
			}
		case rel.Quantile, rel.ApproxQuantile:
			if !t.Temporal() || a.Func == rel.ApproxQuantile {
				a.Type = float
				if !t.Numeric() {
					continue
				}
			}
			a.Q = []float64{0, 0.1, 0.25, 0.5, 0.9, 1}[len(name)%2+int(t.Kind)%5]
		}
		out = append(out, a)
	}
	return out
}

// TestAggregateWays holds that the aggregation is relate's, to the bit, whoever does how much of it, in memory and on disk.
func TestAggregateWays(t *testing.T) {
	defer func(n, lo, hi int64, k int) { aggregateBytes, keysMin, keysMax, cutsMax = n, lo, hi, k }(aggregateBytes, keysMin, keysMax, cutsMax)
	aggregateBytes = 0
	overflows := 0
	for seed := range uint64(race.Few(250)) {
		r := rand.New(rand.NewPCG(seed, 21))
		n := []int{0, 1, 2, 40, 200, 1000}[seed%6]
		cutsMax = 1 + r.IntN(60)/58
		keysMin, keysMax = 1<<16, 1<<25
		if r.IntN(2) == 0 { // ranks are found digit by digit
			keysMin, keysMax = 2, 2
		}
		tab := randomTable(r, n, "g", "h", "v", "w")
		if r.IntN(3) == 0 { // rows that were drawn more than once
			for range n {
				tab.Rows.ID.Copies = append(tab.Rows.ID.Copies, uint32(r.IntN(3)))
			}
			for i := 1; i < n; i++ {
				if r.IntN(3) == 0 {
					tab.Rows.ID.Ordinals[i], tab.Rows.ID.Copies[i] = tab.Rows.ID.Ordinals[i-1], tab.Rows.ID.Copies[i-1]+1
				}
			}
		}
		a := rel.Aggregate{From: rel.In{}, By: [][]string{nil, {"g"}, {"g", "h"}, {"h", "g", "w"}}[r.IntN(4)], Aggs: []rel.Agg{{Name: "n", Type: batch.T(batch.Int64)}}}
		for _, c := range []string{"v", "w"} {
			for _, g := range aggsOf(c, tab.column(c).Type) {
				if r.IntN(2) == 0 {
					a.Aggs = append(a.Aggs, g)
				}
			}
		}
		want, failed := relate(a, []frame{tab})
		for _, w := range aggWays(r) {
			x := w.exec(t)
			got, err := x.aggregateRows(context.Background(), aggTable(x, r, tab), a)
			if failed != nil {
				overflows++
				var data *operators.ErrData
				if !errors.As(err, &data) || err.Error() != failed.Error() {
					t.Fatalf("seed %d, %+v: %v, want %v", seed, w, err, failed)
				}
				continue
			}
			if err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, w, err)
			}
			var types []batch.Type
			for _, c := range want.Rows.Cols {
				types = append(types, c.Type)
			}
			f := wholeTable(t, got, types)
			if got, want := bitRows(&f), bitRows(&want); !slices.Equal(f.Cols, namesOf(a)) || !slices.Equal(got, want) {
				t.Fatalf("seed %d, %+v, %+v: %v\n%s\nwant\n%s", seed, w, a, f.Cols, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			x.free(got)
			if x.opt.Memory != nil && x.opt.Memory.Used() != 0 {
				t.Fatalf("seed %d, %+v: %d bytes are not given back", seed, w, x.opt.Memory.Used())
			}
		}
	}
	if overflows == 0 {
		t.Error("no sum leaves int64")
	}
}

func namesOf(a rel.Aggregate) (names []string) {
	names = slices.Clone(a.By)
	for _, g := range a.Aggs {
		names = append(names, g.Name)
	}
	return names
}

// TestApproximate holds the error that is stated, over values of all sizes, and that small whole numbers are exact.
func TestApproximate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		x := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			x = r.NormFloat64()
		}
		if x != x || math.Abs(x) < 0x1p-1022 {
			continue
		}
		k := radix.Float64Key(x)
		if got := middle(k>>bucketShift, true); !math.IsInf(x, 0) && !(math.Abs(got-x) <= math.Abs(x)/256) {
			t.Fatalf("%g is told as %g", x, got)
		}
	}
	for x := -256.0; x <= 256; x++ {
		k := radix.Float64Key(x)
		if got := middle(k>>bucketShift, beyond(k) != 0); got != x {
			t.Errorf("%g is told as %g", x, got)
		}
	}
	for _, x := range []float64{math.Inf(1), math.Inf(-1)} {
		k := radix.Float64Key(x)
		if got := middle(k>>bucketShift, beyond(k) != 0); got != x {
			t.Errorf("%g is told as %g", x, got)
		}
	}
}

// TestQuantileDigits finds ranks among values that differ in their last bits only, and among many that are equal.
func TestQuantileDigits(t *testing.T) {
	defer func(lo, hi int64) { keysMin, keysMax = lo, hi }(keysMin, keysMax)
	r := rand.New(rand.NewPCG(8, 8))
	n := 5000
	v := make([]float64, n)
	for i := range v {
		switch v[i] = 1.5; r.IntN(3) {
		case 0:
			v[i] = math.Float64frombits(math.Float64bits(1.5) + uint64(r.IntN(3000)))
		case 1:
			v[i] = -math.Float64frombits(math.Float64bits(3e300) + r.Uint64N(1<<40))
		}
	}
	tab := frame{Cols: []string{"v"}}
	tab.Rows.N, tab.Rows.Cols = n, []batch.Column{batch.OfFloat64s(v)}
	tab.Rows.ID.Base = 5
	a := rel.Aggregate{From: rel.In{}}
	for i := range 21 {
		a.Aggs = append(a.Aggs, rel.Agg{Name: fmt.Sprint("q", i), Func: rel.Quantile, Of: "v", Type: batch.T(batch.Float64), Q: float64(i) / 20})
	}
	want, err := relate(a, []frame{tab})
	if err != nil {
		t.Fatal(err)
	}
	for _, most := range []int64{1, 100, 1 << 20} {
		keysMin, keysMax = most, most
		x := way{workers: 3, morsel: 64}.exec(t)
		got, err := x.aggregateRows(context.Background(), aggTable(x, r, tab), a)
		if err != nil {
			t.Fatal(err)
		}
		f := wholeTable(t, got, nil)
		if g, w := bitRows(&f), bitRows(&want); !slices.Equal(g, w) {
			t.Errorf("at most %d keys: %s\nwant %s", most, g, w)
		}
	}
}
