package exec

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// plainWindow computes a window row by row, from all rows.
func plainWindow(t frame, w rel.Window) frame {
	by := []rel.Key{}
	for _, c := range w.By {
		by = append(by, rel.Key{Column: c})
	}
	n := t.Rows.N
	number := slices.Clone(t.Cols)
	place := make([]int64, n)
	for i := range place {
		place[i] = int64(i)
	}
	sorted := t
	sorted.Cols, sorted.Rows.Cols = append(number, "@place"), append(slices.Clone(t.Rows.Cols), batch.OfInt64s(place))
	sorted = sortRows(sorted, slices.Concat(by, w.Order))
	perm := sorted.column("@place").Int64s()
	same := func(i, j int, keys []rel.Key) bool {
		for _, k := range keys {
			if c := t.column(k.Column); compareCells(k, c, i, c, j) != 0 {
				return false
			}
		}
		return true
	}
	out := frame{slices.Clone(t.Cols), t.Rows}
	made := make([]batch.Column, len(w.Columns))
	for m, c := range w.Columns {
		var of *batch.Column
		if c.Of != "" {
			of = t.column(c.Of)
		}
		idx, ints, floats, null := make([]int32, n), make([]int64, n), make([]float64, n), make([]bool, n)
		for p := range n {
			i := int(perm[p])
			at := func(q int) int {
				if q < 0 || q >= n || !same(int(perm[q]), i, by) {
					return -1
				}
				return int(perm[q])
			}
			var near []int // places of values, from the row back
			for q := p; q > p-c.K && at(q) >= 0 && of != nil; q-- {
				if !of.Null(at(q)) {
					near = append(near, at(q))
				}
			}
			idx[i], null[i] = -1, len(near) == 0
			var sum exact.Sum
			for _, j := range near {
				if of.Type.Kind != batch.Float32 && of.Type.Kind != batch.Float64 && c.Func == rel.NearSum {
					ints[i] += integers(of)(j)
				} else if c.Func == rel.NearSum || c.Func == rel.NearMean {
					sum.Add((*batch.Ctx)(nil).Floats(*of)[j])
				} else if idx[i] < 0 {
					idx[i] = int32(j)
				} else if d := compareValue(of, j, of, int(idx[i])); c.Func == rel.NearMin && d <= 0 || c.Func == rel.NearMax && d >= 0 {
					idx[i] = int32(j)
				}
			}
			if floats[i] = sum.Value(); c.Func == rel.NearMean {
				floats[i] /= float64(len(near))
			}
			switch c.Func {
			case rel.Lag:
				idx[i] = int32(at(p - c.K))
			case rel.Lead:
				idx[i] = int32(at(p + c.K))
			case rel.RowNumber, rel.Rank:
				null[i] = false
				for q := p; at(q) >= 0; q-- {
					if q == p || c.Func == rel.RowNumber || !same(at(q), i, w.Order) {
						ints[i]++
					}
				}
			}
		}
		switch {
		case c.Func == rel.Lag || c.Func == rel.Lead || c.Func == rel.NearMin || c.Func == rel.NearMax:
			made[m] = of.Take(nil, idx)
		case c.Type.Kind == batch.Int64:
			made[m] = batch.OfInt64s(ints).WithNulls(null)
		default:
			made[m] = batch.OfFloat64s(floats).WithNulls(null)
		}
	}
	for m, c := range w.Columns {
		out.put(c.Name, made[m])
	}
	return out
}

func randomWindow(r *rand.Rand, t frame) rel.Window {
	w := rel.Window{From: rel.In{}}
	for _, c := range []string{"a", "b"} {
		if r.IntN(3) > 0 {
			w.By = append(w.By, c)
		}
	}
	if r.IntN(4) > 0 {
		w.Order = randomKeys(r, "b", "c", "long", "many")
	}
	for i := range 6 {
		c := rel.Near{Name: fmt.Sprint("w", i), Func: rel.NearFunc(r.IntN(8)), Of: []string{"a", "b", "c", "d", "long", "x"}[r.IntN(6)], K: 1 + r.IntN(40)}
		if r.IntN(2) == 0 {
			c.K = 1 + r.IntN(4)
		}
		of := t.column(c.Of).Type
		number := (of.Numeric() || of.Kind == batch.Bool) && of.Kind != batch.Decimal
		if !number && (c.Func == rel.NearMean || c.Func == rel.NearSum) {
			c.Func = rel.Lag
		}
		switch c.Func {
		case rel.NearMean:
			c.Type = batch.T(batch.Float64)
		case rel.NearSum:
			if c.Type = batch.T(batch.Int64); of.Float() {
				c.Type = batch.T(batch.Float64)
			}
			if of.Kind == batch.Int64 {
				c.Of, c.Type = "x", batch.T(batch.Float64) // others leave int64
			}
		case rel.Rank, rel.RowNumber:
			c.Of, c.Type = "", batch.T(batch.Int64)
		default:
			c.Type = of
		}
		w.Columns = append(w.Columns, c)
	}
	return w
}

func TestWindow(t *testing.T) {
	defer func(a int64, b int) { runBytesLeast, rangeRows = a, b }(runBytesLeast, rangeRows)
	for seed := range uint64(race.Few(250)) {
		runBytesLeast, rangeRows = 256<<10, 1<<15
		r := rand.New(rand.NewPCG(seed, 11))
		if r.IntN(2) == 0 {
			runBytesLeast, rangeRows = 1<<12, 70
		}
		tab := wideTable(r, []int{0, 1, 2, 30, 130, 400}[r.IntN(6)])
		x64 := make([]float64, tab.Rows.N)
		for i := range x64 {
			x64[i] = math.Ldexp(r.Float64()-0.5, r.IntN(60))
		}
		tab.put("x", batch.OfFloat64s(x64))
		w := randomWindow(r, tab)
		x := New(nil, ways(r))
		got, err := x.window(t.Context(), &cutInput{x: x, t: tab, size: 1 + r.IntN(90)}, w)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := plainWindow(tab, w)
		types := []batch.Type{}
		for _, c := range want.Rows.Cols {
			types = append(types, c.Type)
		}
		sameFrame(t, fmt.Sprintf("seed %d, %+v, %+v", seed, w, x.opt), allOf(t, x, got, want.Cols, types), want)
		x.free(got)
		if m := x.opt.Memory; m != nil && m.Used() != 0 {
			t.Fatalf("seed %d: %d bytes are still taken", seed, m.Used())
		}
		x.Close()
	}
}

// TestWindowOverflow holds that a sum of integers fails where it leaves int64, and not on the way.
func TestWindowOverflow(t *testing.T) {
	for _, c := range []struct {
		v    []int64
		k    int
		fail bool
	}{{[]int64{math.MaxInt64, 1, -5}, 2, true}, {[]int64{math.MaxInt64, math.MinInt64, math.MaxInt64, 1}, 3, false}, {[]int64{math.MinInt64, -1}, 2, true}} {
		tab := frame{Cols: []string{"v"}}
		tab.Rows.N, tab.Rows.Cols = len(c.v), []batch.Column{batch.OfInt64s(c.v)}
		x := New(nil, Options{Workers: 2, Memory: mem.New(0, "")})
		w := rel.Window{Columns: []rel.Near{{Name: "s", Func: rel.NearSum, Of: "v", K: c.k, Type: batch.T(batch.Int64)}}}
		_, err := x.window(t.Context(), &cutInput{x: x, t: tab, size: 2}, w)
		if data := new(operators.ErrData); errors.As(err, &data) != c.fail {
			t.Errorf("%v: %v", c.v, err)
		}
	}
}
