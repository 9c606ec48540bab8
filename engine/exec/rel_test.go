package exec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// relTypes are all that a relational node may key, order or fold.
var relTypes = []batch.Type{batch.T(batch.Bool), batch.T(batch.Int32), batch.T(batch.Int64), batch.T(batch.Float32), batch.T(batch.Float64), batch.T(batch.String),
	batch.T(batch.Bytes), batch.T(batch.Date), {Kind: batch.Timestamp, Unit: batch.Milli}, {Kind: batch.Decimal, Precision: 9, Scale: 2}}

// randomColumn has few distinct values, the odd ones of its type among them, and nulls.
func randomColumn(r *rand.Rand, t batch.Type, n int) batch.Column {
	var c batch.Column
	floats := []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xfff8000000000001), 1.5, -2, math.Inf(1), math.Inf(-1), 1e300}
	texts := []string{"", "a", "a\x00", "ab", "b", "\xc3\xa4", "z"}
	ints := []int64{0, 1, -1, 7, math.MaxInt32, math.MinInt32}
	if t.Width() == 8 && t.Kind != batch.Decimal {
		ints = append(ints, 1<<62, -1<<62)
	}
	var b []bool
	var i32 []int32
	var i64 []int64
	var f32 []float32
	var f64 []float64
	var s []string
	null := make([]bool, n)
	for i := range n {
		null[i] = r.IntN(5) == 0
		v, f := ints[r.IntN(len(ints))], floats[r.IntN(len(floats))]
		b, i32, i64 = append(b, v&1 == 1), append(i32, int32(v)), append(i64, v)
		f32, f64, s = append(f32, float32(f)), append(f64, f), append(s, texts[r.IntN(len(texts))])
	}
	switch t.Kind {
	case batch.Bool:
		c = batch.OfBools(b)
	case batch.Int32, batch.Date:
		c = batch.OfInt32s(i32)
	case batch.Float32:
		c = batch.OfFloat32s(f32)
	case batch.Float64:
		c = batch.OfFloat64s(f64)
	case batch.String, batch.Bytes:
		c = batch.OfStrings(s)
		if r.IntN(2) == 0 { // coded
			d := batch.OfStrings(texts)
			d.Type = t
			codes := make([]int32, n)
			for i := range codes {
				codes[i] = int32(slices.Index(texts, s[i]))
			}
			c = batch.OfCodes(codes, &d)
		}
	default:
		c = batch.OfInt64s(i64)
	}
	c.Type = t
	if r.IntN(3) > 0 {
		c = c.WithNulls(null)
	}
	return c
}

func randomTable(r *rand.Rand, n int, names ...string) frame {
	t := frame{Cols: names}
	t.Rows.N = n
	for range names {
		t.Rows.Cols = append(t.Rows.Cols, randomColumn(r, relTypes[r.IntN(len(relTypes))], n))
	}
	for i := range n {
		t.Rows.ID.Ordinals = append(t.Rows.ID.Ordinals, uint64(3*i+1))
	}
	return t
}

// plainValue is a value as text: equal texts are equal values.
func plainValue(c *batch.Column, i int) string {
	if c.Null(i) {
		return "null"
	}
	if c.Type.Float() {
		v := (*batch.Ctx)(nil).Floats(*c)[i]
		if v == 0 {
			v = 0
		}
		return fmt.Sprint(v)
	}
	if c.Type.Text() {
		return fmt.Sprintf("%q", c.Text(i))
	}
	return operators.FormatValue(c, i)
}

func plainRow(t *frame, i int, names ...string) string {
	var s []string
	for _, n := range names {
		s = append(s, plainValue(t.column(n), i))
	}
	return strings.Join(s, "|")
}

// plainRows is a table row by row, with identities.
func plainRows(t *frame) (out []string) {
	for i := range t.Rows.N {
		out = append(out, fmt.Sprint(t.Rows.ID.At(i).Ordinal, ": ", plainRow(t, i, t.Cols...)))
	}
	return out
}

// compareValues orders two values that are not null.
func compareValues(c *batch.Column, i, j int) int {
	switch {
	case c.Type.Text():
		return bytes.Compare(c.Text(i), c.Text(j))
	case c.Type.Float():
		v := (*batch.Ctx)(nil).Floats(*c)
		if a, b := v[i], v[j]; a != a || b != b {
			return cmp.Compare(b2i(a != a), b2i(b != b))
		} else if a == b {
			return 0
		} else {
			return cmp.Compare(a, b)
		}
	}
	return cmp.Compare(integers(c)(i), integers(c)(j))
}

func TestRelations(t *testing.T) {
	for seed := range uint64(race.Few(400)) {
		r := rand.New(rand.NewPCG(seed, 5))
		n := []int{0, 1, 2, 30, 130}[seed%5]
		tab := randomTable(r, n, "a", "b", "c")
		check := func(what string, got frame, err error, want []string) {
			t.Helper()
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, what, err)
			}
			if rows := plainRows(&got); !slices.Equal(rows, want) {
				t.Fatalf("seed %d, %s:\n%s\nwant\n%s", seed, what, strings.Join(rows, "\n"), strings.Join(want, "\n"))
			}
		}
		rows := make([]int, n)
		for i := range rows {
			rows[i] = i
		}
		take := func(idx []int, renumber bool) (out []string) {
			for k, i := range idx {
				id := uint64(k)
				if !renumber {
					id = tab.Rows.ID.Ordinals[i]
				}
				out = append(out, fmt.Sprint(id, ": ", plainRow(&tab, i, tab.Cols...)))
			}
			return out
		}

		by := []rel.Key{{Column: "a", Descending: r.IntN(2) == 0, NullsFirst: r.IntN(2) == 0}, {Column: "b", Descending: r.IntN(2) == 0}}
		sorted := slices.Clone(rows)
		slices.SortStableFunc(sorted, func(i, j int) int {
			for _, k := range by {
				c := tab.column(k.Column)
				d := 0
				switch in, jn := c.Null(i), c.Null(j); {
				case in && jn:
				case in || jn:
					d = b2i(in) - b2i(jn)
					if k.NullsFirst {
						d = -d
					}
				default:
					if d = compareValues(c, i, j); k.Descending {
						d = -d
					}
				}
				if d != 0 {
					return d
				}
			}
			return 0
		})
		got, err := relate(rel.Sort{From: rel.In{}, By: by}, []frame{tab})
		check("sort", got, err, take(sorted, true))

		for _, last := range []bool{false, true} {
			at := map[string]int{}
			for i := range n {
				if k := plainRow(&tab, i, "a", "b"); last || at[k] == 0 {
					at[k] = i + 1
				}
			}
			var keep []int
			for _, i := range at {
				keep = append(keep, i-1)
			}
			slices.Sort(keep)
			got, err := relate(rel.Distinct{From: rel.In{}, By: []string{"a", "b"}, Last: last}, []frame{tab})
			check("distinct", got, err, take(keep, false))
		}

		other := randomTable(r, []int{0, 1, 40}[r.IntN(3)], "k", "v")
		other.Rows.Cols[0] = randomColumn(r, tab.column("a").Type, other.Rows.N)
		for _, how := range []rel.How{rel.Inner, rel.Left} {
			var want []string
			for i := range n {
				found := false
				for j := range other.Rows.N {
					if k := plainValue(tab.column("a"), i); k != "null" && k == plainValue(other.column("k"), j) {
						want, found = append(want, fmt.Sprint(len(want), ": ", plainRow(&tab, i, tab.Cols...), "|", plainRow(&other, j, "v"))), true
					}
				}
				if !found && how == rel.Left {
					want = append(want, fmt.Sprint(len(want), ": ", plainRow(&tab, i, tab.Cols...), "|null"))
				}
			}
			got, err := relate(rel.Join{L: rel.In{}, R: rel.In{I: 1}, LOn: []string{"a"}, ROn: []string{"k"}, How: how, Take: map[string]string{"v": "w"}}, []frame{tab, other})
			check("join", got, err, want)
		}

		two := randomTable(r, 7, "a", "b", "c")
		for j := range two.Rows.Cols {
			two.Rows.Cols[j] = randomColumn(r, tab.Rows.Cols[j].Type, 7)
		}
		want := take(rows, true)
		for i := range 7 {
			want = append(want, fmt.Sprint(n+i, ": ", plainRow(&two, i, two.Cols...)))
		}
		got, err = relate(rel.Union{From: []rel.Node{rel.In{}, rel.In{I: 1}}, Parts: []batch.Part{batch.Train, batch.Test}}, []frame{tab, two})
		check("union", got, err, want)
	}
}

// TestUnionOfNothing holds that a union of no rows has columns with their types, for what stands on it.
func TestUnionOfNothing(t *testing.T) {
	a := randomTable(rand.New(rand.NewPCG(1, 1)), 0, "a")
	u := rel.Union{From: []rel.Node{rel.In{}, rel.In{I: 1}}, Parts: []batch.Part{batch.Train, batch.Test}}
	got, err := relate(rel.Sort{From: u, By: []rel.Key{{Column: "a"}}}, []frame{a, a})
	if err != nil || got.Rows.Cols[0].Type != a.Rows.Cols[0].Type {
		t.Errorf("%v, %v", got.Rows.Cols, err)
	}
}

// aggregated is one aggregate of rows, as text; exactly.
func aggregated(c *batch.Column, f rel.Func, rows []int) string {
	var there []int
	distinct := map[string]bool{}
	for _, i := range rows {
		if !c.Null(i) {
			there = append(there, i)
			distinct[plainValue(c, i)] = true
		}
	}
	switch f {
	case rel.Count:
		return fmt.Sprint(len(there))
	case rel.CountDistinct:
		return fmt.Sprint(len(distinct))
	}
	if len(there) == 0 {
		return "null"
	}
	best := there[0]
	switch f {
	case rel.First:
		return plainValue(c, there[0])
	case rel.Last:
		return plainValue(c, there[len(there)-1])
	case rel.Min, rel.Max:
		for _, i := range there {
			if d := compareValues(c, i, best); f == rel.Min && d < 0 || f == rel.Max && d > 0 {
				best = i
			}
		}
		return plainValue(c, best)
	}
	if f == rel.Sum && !c.Type.Float() {
		sum := new(big.Int)
		for _, i := range there {
			sum.Add(sum, big.NewInt(integers(c)(i)))
		}
		if !sum.IsInt64() {
			return "overflow"
		}
		return sum.String()
	}
	x := (*batch.Ctx)(nil).Floats(*c)
	sum, inf, nan := new(big.Float).SetPrec(4000), 0.0, false
	for _, i := range there {
		switch v := x[i]; {
		case math.IsInf(v, 0):
			inf += v
		case v != v:
			nan = true
		default:
			sum.Add(sum, big.NewFloat(v))
		}
	}
	v, _ := sum.Float64()
	if inf != 0 || nan {
		if v = inf; nan {
			v = math.NaN()
		}
	}
	if f == rel.Mean {
		v /= float64(len(there))
	}
	if v == 0 {
		v = 0
	}
	return fmt.Sprint(v)
}

func TestAggregates(t *testing.T) {
	overflows := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 6))
		n := []int{0, 1, 2, 30, 130}[seed%5]
		tab := randomTable(r, n, "g", "h", "v")
		v := tab.column("v")
		funcs := []rel.Func{rel.Count, rel.CountDistinct, rel.First, rel.Last, rel.Min, rel.Max}
		if v.Type.Kind == batch.Bool || v.Type.Numeric() {
			funcs = append(funcs, rel.Mean)
			if v.Type.Kind != batch.Decimal {
				funcs = append(funcs, rel.Sum)
			}
		}
		for _, by := range [][]string{nil, {"g"}, {"g", "h"}} {
			var keys []string
			groups := map[string][]int{}
			if by == nil {
				keys = []string{""}
			}
			for i := range n {
				k := plainRow(&tab, i, by...)
				if groups[k] == nil && by != nil {
					keys = append(keys, k)
				}
				groups[k] = append(groups[k], i)
			}
			for _, f := range funcs {
				typ := batch.T(batch.Int64)
				if f == rel.Sum && v.Type.Float() || f == rel.Mean {
					typ = batch.T(batch.Float64)
				}
				var want []string
				over := false
				for k, key := range keys {
					a := aggregated(v, f, groups[key])
					over = over || a == "overflow"
					if by != nil {
						a = key + "|" + a
					}
					want = append(want, fmt.Sprint(k, ": ", a))
				}
				got, err := relate(rel.Aggregate{From: rel.In{}, By: by, Aggs: []rel.Agg{{Name: "out", Func: f, Of: "v", Type: typ}}}, []frame{tab})
				if over {
					overflows++
					var data *operators.ErrData
					if !errors.As(err, &data) {
						t.Fatalf("seed %d, %s of %s: %v, want an overflow", seed, f, v.Type, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("seed %d, %s of %s by %v: %v", seed, f, v.Type, by, err)
				}
				if rows := plainRows(&got); !slices.Equal(rows, want) {
					t.Fatalf("seed %d, %s of %s by %v:\n%s\nwant\n%s", seed, f, v.Type, by, strings.Join(rows, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
	if overflows == 0 {
		t.Error("no sum leaves int64")
	}
}

// TestSumOverflow holds that only the total decides, not the way to it.
func TestSumOverflow(t *testing.T) {
	for _, v := range [][]int64{{math.MaxInt64, 1, -1}, {math.MinInt64, -1, 1}, {1 << 62, 1 << 62, -1}} {
		tab := frame{Cols: []string{"v"}}
		tab.Rows.N, tab.Rows.Cols = len(v), []batch.Column{batch.OfInt64s(v)}
		got, err := relate(rel.Aggregate{From: rel.In{}, Aggs: []rel.Agg{{Name: "s", Func: rel.Sum, Of: "v", Type: batch.T(batch.Int64)}}}, []frame{tab})
		if err != nil || got.column("s").Int64s()[0] != v[0]+v[1]+v[2] {
			t.Errorf("%v: %v", v, err)
		}
	}
}
