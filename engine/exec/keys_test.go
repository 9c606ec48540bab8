package exec

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// TestKeys holds that words of keys are equal where the values are, over two workers, and that columns come back.
func TestKeys(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 11))
		names := []string{"a", "b", "c", "d", "e"}[:1+r.IntN(5)]
		n := []int{0, 1, 2, 63, 64, 65, 200}[seed%7]
		one := randomTable(r, n, names...)
		two := randomTable(r, n, names...)
		var types []batch.Type
		for j := range names {
			two.Rows.Cols[j] = randomColumn(r, one.Rows.Cols[j].Type, n)
			types = append(types, one.Rows.Cols[j].Type)
		}
		k := newKeys(types)
		rows := map[string][]uint64{}
		for _, tab := range []frame{one, two} {
			got := make([]uint64, n*k.words)
			for i := range got {
				got[i] = 0xa5a5a5a5a5a5a5a5
			}
			w := k.worker()
			half := n / 2 &^ 63
			for _, cut := range [][2]int{{0, half}, {half, n}} {
				b := tab.Rows.Slice(nil, cut[0], cut[1])
				w.encode(got[cut[0]*k.words:], b.Cols, b.N)
			}
			for i := range n {
				key, text := got[i*k.words:(i+1)*k.words], plainRow(&tab, i, names...)
				if was, ok := rows[text]; ok && !slices.Equal(was, key) {
					t.Fatalf("seed %d, %v: %s is %x and %x", seed, types, text, was, key)
				}
				for other, was := range rows {
					if other != text && slices.Equal(was, key) {
						t.Fatalf("seed %d, %v: %s and %s are both %x", seed, types, text, other, was)
					}
				}
				rows[text] = key
			}
			cols, err := k.decode(got, n)
			if err != nil {
				t.Fatal(err)
			}
			back := frame{names, batch.Batch{N: n, Cols: cols, ID: tab.Rows.ID}}
			if got, want := plainRows(&back), plainRows(&tab); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %v: %q, want %q", seed, types, got, want)
			}
			null := make([]uint64, batch.Words(n))
			anyNull(null, tab.Rows.Cols)
			for i := range n {
				want := slices.ContainsFunc(tab.Rows.Cols, func(c batch.Column) bool { return c.Null(i) })
				if null[i>>6]>>(i&63)&1 != 0 != want {
					t.Fatalf("seed %d: row %d of %v has a null: %v", seed, i, types, want)
				}
			}
		}
	}
}

// TestKeysWiden holds that a key of a wider type takes columns of the narrower.
func TestKeysWiden(t *testing.T) {
	k := newKeys([]batch.Type{batch.T(batch.Int64), batch.T(batch.Float64)})
	narrow := []batch.Column{batch.OfInt32s([]int32{-3, 7}), batch.OfFloat32s([]float32{1.5, -2})}
	wide := []batch.Column{batch.OfInt64s([]int64{-3, 7}), batch.OfFloat64s([]float64{1.5, -2})}
	a, b := make([]uint64, 2*k.words), make([]uint64, 2*k.words)
	k.worker().encode(a, narrow, 2)
	k.worker().encode(b, wide, 2)
	if !slices.Equal(a, b) {
		t.Errorf("%x, want %x", a, b)
	}
}

// TestKeyWords holds that keys are as short as they are said to be.
func TestKeyWords(t *testing.T) {
	ts, text, i64, f64, i32 := batch.Type{Kind: batch.Timestamp, Unit: batch.Micro}, batch.T(batch.String), batch.T(batch.Int64), batch.T(batch.Float64), batch.T(batch.Int32)
	for _, c := range []struct {
		types []batch.Type
		words int
	}{{nil, 0}, {[]batch.Type{text}, 1}, {[]batch.Type{text, text, batch.T(batch.Bool)}, 1}, {[]batch.Type{f64}, 1}, {[]batch.Type{i32}, 1},
		{[]batch.Type{i64}, 2}, {[]batch.Type{text, ts}, 2}, {[]batch.Type{ts, i64, text, text}, 3}} {
		if k := newKeys(c.types); k.words != c.words {
			t.Errorf("%v: %d words, want %d", c.types, k.words, c.words)
		}
	}
}
