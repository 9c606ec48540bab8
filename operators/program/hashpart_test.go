package program

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestHashPart(t *testing.T) {
	i64 := batch.T(batch.Int64)
	for _, in := range [][]batch.Type{typesOf(batch.String), typesOf(batch.Int64),
		typesOf(batch.Bytes, batch.Bool, batch.Int32, batch.Float32, batch.Float64, batch.Date, batch.Timestamp, batch.Decimal)} {
		lawCase(t, func() Kind { return &HashPart{Seed: 5, Cut: []float64{0.7, 0.9}} }, in, []batch.Type{i64, i64})
	}
	lawCase(t, func() Kind { return &HashPart{Outs: KeyOnly} }, typesOf(batch.String), []batch.Type{i64})
	lawCase(t, func() Kind { return &HashPart{Outs: PartOnly, Seed: 1, Cut: []float64{0.5}} }, typesOf(batch.String), []batch.Type{i64})

	run := func(k *HashPart, cols ...batch.Column) (key, part []int64) {
		t.Helper()
		var in []batch.Type
		for _, c := range cols {
			in = append(in, c.Type)
		}
		g := One(k, named("in", in), named("out", []batch.Type{i64, i64}))
		out, err := g.Batch(nil, cols[0].N, cols)
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Int64s(), out[1].Int64s()
	}
	const n = 50000
	ids, small := make([]int64, n), make([]int32, n)
	for i := range ids {
		ids[i], small[i] = int64(i), int32(i)
	}
	key, part := run(&HashPart{Seed: 1, Cut: []float64{0.7, 0.9}}, batch.OfInt64s(ids))
	key2, part2 := run(&HashPart{Seed: 2, Cut: []float64{0.7, 0.9}}, batch.OfInt64s(ids))
	if !slices.Equal(key, key2) {
		t.Error("the key depends on the seed")
	}
	if key3, part3 := run(&HashPart{Seed: 1, Cut: []float64{0.7, 0.9}}, batch.OfInt32s(small)); !slices.Equal(key, key3) || !slices.Equal(part, part3) {
		t.Error("int32 and int64 do not hash alike")
	}
	var count [3]int
	same := 0
	for i := range part {
		count[part[i]]++
		if part[i] == part2[i] {
			same++
		}
	}
	for p, share := range []float64{0.7, 0.2, 0.1} {
		if math.Abs(float64(count[p])/n-share) > 0.01 {
			t.Errorf("part %d is %d of %d rows, want %v of them", p, count[p], n, share)
		}
	}
	if want := 0.49 + 0.04 + 0.01; math.Abs(float64(same)/n-want) > 0.02 {
		t.Errorf("two seeds agree on %d of %d rows, want %v of them", same, n, want)
	}
	seen := map[int64]bool{}
	for _, k := range key {
		seen[k] = true
	}
	if len(seen) != n {
		t.Errorf("%d keys of %d values", len(seen), n)
	}

	// what is equal hashes alike, what is not does not
	f32, f64 := batch.OfFloat32s([]float32{0.5, 0}), batch.OfFloat64s([]float64{0.5, math.Copysign(0, -1)})
	a, _ := run(&HashPart{}, f32)
	b, _ := run(&HashPart{}, f64)
	if !slices.Equal(a, b) {
		t.Error("float32 and float64, or 0 and -0, do not hash alike")
	}
	nul := batch.OfInt64s([]int64{0, 0, 1}).WithNulls([]bool{false, true, false})
	c, _ := run(&HashPart{}, nul)
	d, _ := run(&HashPart{}, batch.OfBools([]bool{false, false, true}))
	if c[0] == c[1] || c[0] == d[0] || c[2] == d[2] {
		t.Error("a null, 0 and false hash alike")
	}
	x, y := batch.OfStrings([]string{"a", "ab"}), batch.OfStrings([]string{"bc", "c"})
	e, _ := run(&HashPart{}, x, y)
	h, _ := run(&HashPart{}, y, x)
	if e[0] == e[1] || e[0] == h[0] {
		t.Error("columns run together, or their order does not count")
	}

	refuses(t, "no columns", &HashPart{}, nil, []batch.Type{i64, i64})
	refuses(t, "no columns", &HashPart{Outs: KeyOnly}, nil, []batch.Type{i64})
	refuses(t, "a vector", &HashPart{}, typesOf(batch.Vector), []batch.Type{i64, i64})
	refuses(t, "one output", &HashPart{}, typesOf(batch.String), []batch.Type{i64})
	refuses(t, "two outputs", &HashPart{Outs: KeyOnly}, typesOf(batch.String), []batch.Type{i64, i64})
	refuses(t, "cuts that fall", &HashPart{Cut: []float64{0.9, 0.1}}, typesOf(batch.String), []batch.Type{i64, i64})
	refuses(t, "a cut that is NaN", &HashPart{Cut: []float64{math.NaN()}}, typesOf(batch.String), []batch.Type{i64, i64})
}

// The bits of keys are in every split ever drawn.
func TestHashPartGolden(t *testing.T) {
	i64 := typesOf(batch.Int64)[0]
	r := rand.New(rand.NewPCG(1, 1))
	cols := []batch.Column{}
	for _, ty := range typesOf(batch.String, batch.Bool, batch.Int32, batch.Float64, batch.Date, batch.Timestamp, batch.Decimal) {
		cols = append(cols, lawColumn(r, ty, true))
	}
	var in []batch.Type
	for _, c := range cols {
		in = append(in, c.Type)
	}
	g := One(&HashPart{Seed: 3, Cut: []float64{0.5}}, named("in", in), named("out", []batch.Type{i64, i64}))
	out, err := g.Batch(nil, lawSize, cols)
	if err != nil {
		t.Fatal(err)
	}
	var key, part int64
	for i := range lawSize {
		key, part = key*31+out[0].Int64s()[i], part*31+out[1].Int64s()[i]
	}
	const wantKey, wantPart = int64(5336350847084301530), int64(2214330751372606982)
	if key != wantKey || part != wantPart {
		t.Errorf("the hashes of all types are %d, %d, were %d, %d", key, part, wantKey, wantPart)
	}
}
