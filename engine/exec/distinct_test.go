package exec

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// relWays are the ways to run a relational operator: none may matter. Spilled says that the budget has no room at all.
func relWays(t *testing.T, each func(opt Options, spilled bool)) {
	for _, spilled := range []bool{false, true} {
		for _, opt := range []Options{{Workers: 1}, {Workers: 2, MorselRows: 64}, {Workers: 3, MorselRows: 1}, {Workers: 7, MorselRows: 128}} {
			if race.On && opt.Workers%2 == 1 && opt.Workers < 7 {
				continue // one worker meets nobody, and a row at a time takes long
			}
			opt.Poison, opt.Shuffle = true, uint64(opt.Workers)
			if spilled {
				opt.Memory = mem.New(1, t.TempDir())
			}
			each(opt, spilled)
			opt.Memory.Close()
		}
	}
}

// blocksOf is a table of rows in blocks of odd sizes.
func blocksOf(t *testing.T, x *Exec, f frame, sizes ...int) *tableRows {
	t.Helper()
	b := x.build(f.Cols, false)
	for lo, k := 0, 0; lo < f.Rows.N; k++ {
		hi := min(f.Rows.N, lo+sizes[k%len(sizes)])
		if err := b.add(f.Rows.Slice(nil, lo, hi), false); err != nil {
			t.Fatal(err)
		}
		lo = hi
	}
	r := &tableRows{x: x, t: &b.t}
	for i := range f.Rows.Cols {
		r.kinds = append(r.kinds, f.Rows.Cols[i].Type)
	}
	return r
}

// copied numbers rows anew so that some ordinals have copies.
func copied(f frame) frame {
	f.Rows.ID = batch.IDs{}
	for i := range f.Rows.N {
		f.Rows.ID.Ordinals, f.Rows.ID.Copies = append(f.Rows.ID.Ordinals, uint64(i/3*5)), append(f.Rows.ID.Copies, uint32(i%3))
	}
	return f
}

// TestRepeats holds that the rows which a sieve leaves are those of the plain way, whatever the way, the types and the budget.
func TestRepeats(t *testing.T) {
	forms := map[string]int{}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 9))
		n := []int{0, 1, 65, 700, 1500}[seed%5]
		tab := randomTable(r, n, "a", "b", "c")
		if seed%3 == 0 && n > 0 { // texts of which most are there once
			v := make([]string, n)
			for i := range v {
				v[i] = fmt.Sprint("long text number ", r.IntN(2*n))
			}
			tab.Rows.Cols[0] = batch.OfStrings(v)
		}
		if seed%4 == 1 {
			tab = copied(tab)
		}
		only := batch.Parts(0)
		if seed%2 == 1 {
			for range n {
				tab.Rows.Part = append(tab.Rows.Part, uint8(r.IntN(3)))
			}
			only = batch.TrainRows | batch.ValidRows
		}
		by := [][]string{{"a"}, {"a", "b"}, {"c", "b", "a"}}[r.IntN(3)]
		want := func(last bool) []string {
			all := tab
			if only != 0 {
				all.Rows = pick(nil, tab.Rows, func(i int) bool { return only.Has(tab.Rows.PartAt(i)) })
			}
			kept := map[batch.ID]bool{}
			d := distinct(all, by, last)
			for i := range d.Rows.N {
				kept[d.Rows.ID.At(i)] = true
			}
			all.Rows = pick(nil, tab.Rows, func(i int) bool {
				return only != 0 && !only.Has(tab.Rows.PartAt(i)) || kept[tab.Rows.ID.At(i)]
			})
			return plainRows(&all)
		}
		for _, last := range []bool{false, true} {
			want := want(last)
			relWays(t, func(opt Options, spilled bool) {
				for _, weak := range []bool{false, true} {
					if weak {
						defer func(f func([]byte) uint64) { textHash = f }(textHash)
						textHash = func(b []byte) uint64 { return uint64(len(b) % 3) }
					}
					x := New(&plan.Plan{}, opt)
					rows := blocksOf(t, x, tab, 64, 1, 200)
					gone, err := x.repeats(context.Background(), rows, int64(n), rel.Distinct{By: by, Last: last}, only)
					if err != nil {
						t.Fatal(err)
					}
					form := ""
					if gone.copies != nil {
						form = "copies "
					}
					if opt.Memory.Spilled() > 0 {
						form += "spilled"
					}
					forms[form]++
					g := newSieve(gone, "@keep")
					b := tab.Rows
					in := []batch.Column{hiddenColumn(nil, &b, hideOrdinal), hiddenColumn(nil, &b, hideCopy)}
					keep, err := g.Batch(nil, b.N, in[:len(g.In)])
					if err != nil {
						t.Fatal(err)
					}
					got := tab
					got.Rows = pick(nil, b, func(i int) bool { return only != 0 && !only.Has(b.PartAt(i)) || keep[0].Bit(i) })
					if rows := plainRows(&got); !slices.Equal(rows, want) {
						t.Fatalf("seed %d, %s, last %v, only %v, %+v: %d rows stay of %d, want %d", seed, by, last, only, opt, len(rows), n, len(want))
					}
					if spilled && opt.Memory.Used() != 0 {
						t.Errorf("%d bytes are not given back", opt.Memory.Used())
					}
				}
			})
		}
	}
	if forms["copies "] == 0 || forms["copies spilled"] == 0 || forms["spilled"] == 0 || forms[""] == 0 {
		t.Errorf("not all forms were met: %v", forms)
	}
}
