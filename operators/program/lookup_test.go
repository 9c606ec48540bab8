package program

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// lookupOf makes a table over the different keys of cols, with values of every type, some of them null.
func lookupOf(t *testing.T, cols []batch.Column, nulls bool, miss []Value) *Lookup {
	t.Helper()
	seen, rows := map[string]bool{}, []int32{}
	for i := range cols[0].N {
		key := ""
		for j := range cols {
			if c := &cols[j]; c.Type.Float() && !c.Null(i) {
				key += fmt.Sprintf("%x|", floatWord(ValueOf(c, i).F))
			} else {
				key += lawCell(c, i) + "|"
			}
		}
		if skip := !nulls && strings.Contains(key, "null"); !seen[key] && !skip && len(rows) < 8 {
			seen[key] = true
			rows = append(rows, int32(i))
		}
	}
	var keys, outs []batch.Column
	for j := range cols {
		keys = append(keys, cols[j].Take(nil, rows))
	}
	r := rand.New(rand.NewPCG(9, 9))
	for j, ty := range lookupOuts {
		col := lawColumn(r, ty, j%2 == 0)
		outs = append(outs, col.Slice(nil, 0, len(rows)))
	}
	k, err := NewLookup(keys, outs, miss)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var lookupOuts = typesOf(batch.Float64, batch.String, batch.Int32, batch.Bool, batch.Bytes, batch.Decimal)
var lookupMiss = []Value{{Kind: batch.Float64, F: 0.25}, {Kind: batch.String, S: "none"}, {}, {Kind: batch.Bool, I: 1}, {}, {Kind: batch.Decimal, I: -1}}

func TestLookup(t *testing.T) {
	for _, kinds := range [][]batch.Kind{{batch.String}, {batch.Bytes}, {batch.Bool}, {batch.Int32}, {batch.Int64}, {batch.Date}, {batch.Timestamp},
		{batch.Float32}, {batch.Float64}, {batch.Decimal}, {batch.String, batch.Int64}, {batch.Float64, batch.Bytes, batch.Bool}} {
		in := typesOf(kinds...)
		r := rand.New(rand.NewPCG(3, 3))
		var cols []batch.Column
		for _, ty := range in {
			cols = append(cols, lawColumn(r, ty, true))
		}
		for _, nulls := range []bool{false, true} {
			for _, miss := range [][]Value{nil, lookupMiss} {
				k := lookupOf(t, cols, nulls, miss)
				g := One(k, named("in", in), named("out", lookupOuts))
				laws(t, g, cols)
				checkLookup(t, g, k, cols)
			}
		}
	}
	// no rows at all
	k, err := NewLookup([]batch.Column{batch.OfStrings(nil)}, []batch.Column{batch.OfStrings(nil)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := One(k, named("in", typesOf(batch.String)), named("out", typesOf(batch.String)))
	laws(t, g, []batch.Column{lawColumn(rand.New(rand.NewPCG(1, 1)), batch.T(batch.String), true)})
}

// checkLookup searches the table row by row.
func checkLookup(t *testing.T, g Graph, k *Lookup, cols []batch.Column) {
	t.Helper()
	out := lawBatch(t, g, lawSize, cols)
	e, hits := newKeyEncoder(nil, cols), 0
	for i := range lawSize {
		key, at := e.append(nil, i), -1
		for r := range k.Keys.N {
			if bytes.Equal(k.Keys.Text(r), key) {
				at = r
			}
		}
		if len(cols) == 1 && cols[0].Null(i) {
			if at = -1; k.HasNull {
				at = k.Keys.N
			}
		}
		for j := range out {
			want := Value{}
			if at >= 0 {
				want = ValueOf(&k.Outs[j], at)
				hits++
			} else {
				want = k.Miss[j]
			}
			if w := want.column(out[j].Type); lawCell(&out[j], i) != lawCell(&w, 0) {
				t.Fatalf("row %d, column %d is %s, want %s", i, j, lawCell(&out[j], i), lawCell(&w, 0))
			}
		}
	}
	if hits == 0 {
		t.Fatal("no key was found")
	}
}

func TestLookupMeaning(t *testing.T) {
	x := []float64{math.Copysign(0, -1), math.NaN(), 3}
	k, err := NewLookup([]batch.Column{batch.OfFloat64s(x)}, []batch.Column{batch.OfStrings([]string{"zero", "nan", "three"})}, []Value{{Kind: batch.String, S: "?"}})
	if err != nil {
		t.Fatal(err)
	}
	g := One(k, named("x", typesOf(batch.Float64)), named("y", typesOf(batch.String)))
	in := batch.OfFloat64s([]float64{0, math.Float64frombits(0xfff8000000000001), 3, 4, 3}).WithNulls([]bool{false, false, false, false, true})
	out, err := g.Batch(nil, 5, []batch.Column{in})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"zero", "nan", "three", "?", "?"} {
		if got := out[0].Str(i); got != want {
			t.Errorf("row %d is %q, want %q", i, got, want)
		}
	}
	again, err := g.Batch(nil, 5, []batch.Column{in})
	if err != nil || again[0].Dict != out[0].Dict {
		t.Error("two batches do not share a dictionary")
	}
	// columns of a key do not run together
	two, err := NewLookup([]batch.Column{batch.OfStrings([]string{"a", "ab"}), batch.OfStrings([]string{"bc", "c"})}, []batch.Column{batch.OfInt64s([]int64{1, 2})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g = One(two, named("x", typesOf(batch.String, batch.String)), named("y", typesOf(batch.Int64)))
	out, err = g.Batch(nil, 3, []batch.Column{batch.OfStrings([]string{"ab", "a", "a"}), batch.OfStrings([]string{"c", "bc", "c"})})
	if err != nil || out[0].Int64s()[0] != 2 || out[0].Int64s()[1] != 1 || !out[0].Null(2) {
		t.Fatal(out, err)
	}
}

func TestLookupRefuses(t *testing.T) {
	i64, str := typesOf(batch.Int64), typesOf(batch.String)
	one := batch.OfInt64s([]int64{1})
	for what, keys := range map[string][]batch.Column{
		"a key twice":       {batch.OfStrings([]string{"a", "b", "a"})},
		"null twice":        {batch.OfStrings([]string{"a", "b", "a"}).WithNulls([]bool{true, false, true})},
		"no key":            nil,
		"another length":    {batch.OfStrings([]string{"a", "b"})},
		"zero and zero":     {batch.OfFloat64s([]float64{0, math.Copysign(0, -1), 1})},
		"null and null too": {batch.OfInt64s([]int64{1, 2, 3}).WithNulls([]bool{true, true, false}), batch.OfInt64s([]int64{4, 4, 4})},
	} {
		if _, err := NewLookup(keys, []batch.Column{batch.OfInt64s([]int64{1, 2, 3})}, nil); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	make := func() *Lookup {
		k, err := NewLookup([]batch.Column{one}, []batch.Column{one}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	refuses(t, "another output", make(), i64, str)
	refuses(t, "no output", &Lookup{Keys: make().Keys}, i64, nil)
	refuses(t, "no input", make(), nil, i64)
	refuses(t, "a vector", make(), typesOf(batch.Vector), i64)
	k := make()
	k.Miss = []Value{{Kind: batch.String}}
	refuses(t, "a miss of another type", k, i64, i64)
	k = make()
	k.HasNull = true
	refuses(t, "a null's row that is not there", k, i64, i64)
	k = make()
	k.Keys = batch.OfStrings([]string{"short"})
	k.Keys.Type = batch.T(batch.Bytes)
	refuses(t, "a key that is no word", k, i64, i64)
	k = make()
	k.Keys = batch.OfStrings([]string{"b", "a"})
	k.Keys.Type = batch.T(batch.Bytes)
	k.Outs = []batch.Column{batch.OfInt64s([]int64{1, 2})}
	refuses(t, "keys that fall", k, str, i64)
}

func BenchmarkLookup(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n, keys = 65536, 1000
	words, nums, targets := make([]string, keys), make([]int64, keys), make([]float64, keys)
	for i := range words {
		words[i], nums[i], targets[i] = fmt.Sprintf("category-%d", i*7919), int64(i)*7919, r.Float64()
	}
	dict := batch.OfStrings(words)
	codes, ints := make([]int32, n), make([]int64, n)
	for i := range codes {
		codes[i] = int32(r.IntN(keys))
		ints[i] = nums[codes[i]]
	}
	coded := batch.OfCodes(codes, &dict)
	plain := coded.Plain(nil)
	for _, x := range []struct {
		name  string
		table []batch.Column
		in    []batch.Column
	}{
		{"dict", []batch.Column{dict}, []batch.Column{coded}},
		{"string", []batch.Column{dict}, []batch.Column{plain}},
		{"int64", []batch.Column{batch.OfInt64s(nums)}, []batch.Column{batch.OfInt64s(ints)}},
		{"two", []batch.Column{dict, batch.OfInt64s(nums)}, []batch.Column{plain, batch.OfInt64s(ints)}},
	} {
		k, err := NewLookup(x.table, []batch.Column{batch.OfFloat64s(targets)}, nil)
		if err != nil {
			b.Fatal(err)
		}
		var in []batch.Type
		for _, c := range x.in {
			in = append(in, c.Type)
		}
		g := One(k, named("in", in), named("out", typesOf(batch.Float64)))
		b.Run(x.name, func(b *testing.B) {
			c := &batch.Ctx{}
			for b.Loop() {
				c.Reset()
				if _, err := g.Batch(c, n, x.in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
