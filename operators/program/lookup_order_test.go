package program

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// TestKeyOrder holds that rows come in the order of their keys' bytes, whatever the columns and their layout.
func TestKeyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, kinds := range [][]batch.Kind{{batch.String}, {batch.Bytes, batch.Int32}, {batch.Float64, batch.String}, {batch.Int64},
		{batch.Date, batch.Bool, batch.String}, {batch.Float32, batch.Float32, batch.Decimal}} {
		for _, nulls := range []bool{false, true} {
			var cols []batch.Column
			for _, ty := range typesOf(kinds...) {
				cols = append(cols, lawColumn(r, ty, nulls))
			}
			e, seen := newKeyEncoder(nil, cols), map[string]int32{}
			var rows []int32
			for i := range int32(lawSize) {
				key := string(e.append(nil, int(i)))
				if len(cols) == 1 && cols[0].Null(int(i)) {
					key = "null"
				}
				if _, ok := seen[key]; !ok {
					seen[key], rows = i, append(rows, i)
				}
			}
			var keys []batch.Column
			for j := range cols {
				k := cols[j].Take(nil, rows)
				if j%2 == 0 && k.Type.Text() { // coded, with an entry twice and one that no row has
					dict := cols[j]
					dict.Valid = nil
					valid := k.Valid
					k = batch.OfCodes(slices.Clone(rows), &dict)
					k.Type, k.Valid = dict.Type, valid
				}
				keys = append(keys, k)
			}
			order, null, err := keyOrder(keys)
			if err != nil {
				t.Fatal(kinds, err)
			}
			e = newKeyEncoder(nil, keys)
			if !slices.IsSortedFunc(order, func(a, b int32) int { return bytes.Compare(e.append(nil, int(a)), e.append(nil, int(b))) }) {
				t.Errorf("%v: the keys do not rise", kinds)
			}
			want := len(rows)
			if null >= 0 {
				if want--; len(keys) > 1 || !keys[0].Null(int(null)) {
					t.Errorf("%v: row %d is no null", kinds, null)
				}
			}
			if len(order) != want {
				t.Errorf("%v: %d rows of %d", kinds, len(order), want)
			}
			twice := make([]batch.Column, len(keys))
			at := append(order, order[len(order)/2])
			for j := range keys {
				twice[j] = keys[j].Take(nil, at)
			}
			if _, _, err := keyOrder(twice); err == nil {
				t.Errorf("%v: a key twice is none", kinds)
			}
		}
	}
}

// TestLookupDictionaries holds that coded keys find what plain ones do: however many dictionaries come, in whatever turns, on any number
// of goroutines.
func TestLookupDictionaries(t *testing.T) {
	const texts, dicts, rows = 500, 3 * memoDicts, 64
	all, where := make([]string, texts), map[string]int{}
	for i := range all {
		all[i] = fmt.Sprint("key ", i)
		where[all[i]] = i
	}
	number := make([]int64, texts/2)
	for i := range number {
		number[i] = int64(i % 2)
	}
	one := batch.OfStrings(all[:texts/2]) // the others are not there
	for _, keys := range [][]batch.Column{{one}, {one, batch.OfInt64s(number)}} {
		k, err := NewLookup(keys, []batch.Column{one}, nil)
		if err != nil {
			t.Fatal(err)
		}
		types := []batch.Type{one.Type, batch.T(batch.Int64)}[:len(keys)]
		if err := k.Init(types, typesOf(batch.String)); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(7, 7))
		var dict []*batch.Column
		for range dicts {
			of := make([]string, 1+r.IntN(2*memoSparse*rows)) // some are too long for so few rows
			for i := range of {
				of[i] = all[r.IntN(texts)]
			}
			d := batch.OfStrings(of)
			dict = append(dict, &d)
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(8, uint64(g)))
				for range 40 * dicts {
					d := dict[r.IntN(dicts)]
					codes, second, null := make([]int32, rows), make([]int64, rows), make([]bool, rows)
					for i := range codes {
						codes[i], second[i] = int32(r.IntN(d.N)), int64(r.IntN(2))
						if null[i] = r.IntN(9) == 0; null[i] {
							codes[i] = 1 << 30
						}
					}
					in := []batch.Column{batch.OfCodes(codes, d).WithNulls(null), batch.OfInt64s(second)}[:len(keys)]
					var out [1]batch.Column
					if err := k.Batch(nil, rows, in, out[:]); err != nil {
						t.Error(err)
						return
					}
					for i := range rows {
						want := Value{}
						if !null[i] {
							at := where[in[0].Str(i)]
							if at < texts/2 && (len(keys) == 1 || number[at] == second[i]) {
								want = Value{Kind: batch.String, S: all[at]}
							}
						}
						if v := ValueOf(&out[0], i); v != want {
							t.Errorf("%d keys, row %d is %v, want %v", len(keys), i, v, want)
							return
						}
					}
				}
			})
		}
		wg.Wait()
	}
}
