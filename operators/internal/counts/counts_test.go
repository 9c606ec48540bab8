package counts

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

func state(c *Counts) []byte {
	var w canon.Writer
	c.Encode(&w)
	return w.Buf
}

func TestFloatsSortAsTheyAre(t *testing.T) {
	in := []float64{3, math.Inf(1), -1, math.Copysign(0, -1), 0, math.NaN(), -1e-300, math.Inf(-1), 5e-324, 3, 7}
	col := batch.OfFloat64s(in).WithNulls([]bool{10: true})
	c := New(col.Type)
	c.Add(nil, &col)
	var got []float64
	var n []int64
	for _, k := range c.Sorted() {
		got, n = append(got, c.Float(k)), append(n, c.N(k))
	}
	if want := []float64{math.Inf(-1), -1, -1e-300, 0, 5e-324, 3, math.Inf(1)}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if want := []int64{1, 1, 1, 2, 1, 2, 1}; !slices.Equal(n, want) {
		t.Errorf("counts %v, want %v", n, want)
	}
	if math.Signbit(got[3]) {
		t.Error("-0 is kept")
	}
}

func TestAnyCutGivesOneState(t *testing.T) {
	words := []string{"b", "", "a", "b", "c", "a", "b"}
	null := []bool{false, false, false, true, false, false, false}
	all := batch.OfStrings(words).WithNulls(null)
	whole := New(all.Type)
	whole.Add(nil, &all)
	for cut := range words {
		x, y := New(all.Type), New(all.Type)
		// the right half comes first, and coded
		dict := batch.OfStrings([]string{"unused", "c", "b", "a", ""})
		var codes []int32
		for i, s := range words[cut:] {
			k := int32(slices.Index([]string{"unused", "c", "b", "a", ""}, s))
			if null[cut+i] {
				k = 99
			}
			codes = append(codes, k)
		}
		right := batch.OfCodes(codes, &dict).WithNulls(null[cut:])
		left := all.Slice(nil, 0, cut)
		x.Add(nil, &right)
		y.Add(nil, &left)
		before := state(x)
		y.Merge(x)
		if !bytes.Equal(before, state(x)) {
			t.Error("merge changed its argument")
		}
		if !bytes.Equal(state(y), state(whole)) {
			t.Errorf("cut at %d: %x, whole %x", cut, state(y), state(whole))
		}
		r := New(all.Type)
		rd := canon.NewReader(state(y))
		if r.Decode(rd); rd.End() != nil || !bytes.Equal(state(r), state(whole)) || r.Total() != whole.Total() {
			t.Errorf("restored: %v", rd.End())
		}
	}
	if got := whole.Text(whole.Mode()); got != "a" {
		t.Errorf("mode %q, want the least of the most frequent, a", got)
	}
}

func TestRankAndInts(t *testing.T) {
	col := batch.OfInt32s([]int32{5, -3, math.MinInt32, 5, math.MaxInt32, -3})
	c := New(col.Type)
	c.Add(nil, &col)
	var got []int64
	for i := range c.Total() {
		got = append(got, c.Int(c.Rank(i)))
	}
	if want := []int64{math.MinInt32, -3, -3, 5, 5, math.MaxInt32}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	bools := batch.OfBools([]bool{true, false, true})
	b := New(bools.Type)
	b.Add(nil, &bools)
	if b.Len() != 2 || b.Int(b.Mode()) != 1 {
		t.Errorf("%d bools, most often %d", b.Len(), b.Int(b.Mode()))
	}
}

func TestDecodeRefuses(t *testing.T) {
	var w canon.Writer
	w.Uint(2)
	w.Word(7)
	w.Word(7)
	w.Uint(1)
	w.Uint(1)
	for name, data := range map[string][]byte{"a value twice": w.Buf, "count 0": {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "nothing": nil} {
		r := canon.NewReader(data)
		New(batch.T(batch.Int64)).Decode(r)
		if r.End() == nil {
			t.Errorf("%s is read", name)
		}
	}
}
