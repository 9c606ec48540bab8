package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
)

// joinedRows is a table row by row, with identities, parts and keys.
func joinedRows(f *frame) (out []string) {
	for i, row := range plainRows(f) {
		out = append(out, fmt.Sprint(row, " ", f.Rows.PartAt(i), " ", f.Rows.KeyAt(i)))
	}
	return out
}

// TestHashJoin holds the pairs to those of the plain way, whatever the way, the types and the budget.
func TestHashJoin(t *testing.T) {
	chunked := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 11))
		n, m := []int{0, 1, 65, 130}[seed%4], []int{0, 40, 1, 150, 70}[seed%5]
		l, q := randomTable(r, n, "a", "b", "v"), randomTable(r, m, "k", "h", "w", "u")
		for j := range 2 {
			q.Rows.Cols[j] = randomColumn(r, l.Rows.Cols[j].Type, m)
		}
		if seed%3 == 0 && n > 0 && m > 0 { // texts of which few are on both sides
			for j, f := range []*frame{&l, &q} {
				v := make([]string, f.Rows.N)
				for i := range v {
					v[i] = fmt.Sprint("text", r.IntN(400*(j+1)))
				}
				f.Rows.Cols[0] = batch.OfStrings(v)
			}
		}
		if seed%4 == 1 || seed%4 == 3 {
			l = copied(l)
			for range n {
				l.Rows.Part, l.Rows.Key = append(l.Rows.Part, uint8(r.IntN(3))), append(l.Rows.Key, r.Uint64())
			}
		}
		on, with := []string{"a"}, []string{"k"}
		if seed%2 == 0 {
			on, with = []string{"b", "a"}, []string{"h", "k"}
		}
		for _, how := range []rel.How{rel.Inner, rel.Left, rel.Right, rel.Full} {
			j := rel.Join{L: rel.In{}, R: rel.In{I: 1}, LOn: on, ROn: with, How: how, Take: map[string]string{"w": "w2", "u": "u"}}
			plain, err := relate(j, []frame{l, q})
			if err != nil {
				t.Fatal(err)
			}
			want := joinedRows(&plain)
			relWays(t, func(opt Options, spilled bool) {
				x := New(&plan.Plan{}, opt)
				tab, err := x.hashJoin(context.Background(), j, blocksOf(t, x, l, 64, 1, 200), blocksOf(t, x, q, 30, 1))
				if err != nil {
					t.Fatal(err)
				}
				if spilled && opt.Memory.Spilled() > 0 {
					chunked++
				}
				var types []batch.Type
				for i := range plain.Rows.Cols {
					types = append(types, plain.Rows.Cols[i].Type)
				}
				got := wholeTable(t, tab, types)
				got.Rows.N = tab.N
				if rows := joinedRows(&got); !slices.Equal(rows, want) || !slices.Equal(got.Cols, plain.Cols) {
					t.Fatalf("seed %d, join %d of %d and %d rows, %+v:\n%s\nwant\n%s", seed, how, n, m, opt, strings.Join(rows, "\n"), strings.Join(want, "\n"))
				}
				x.free(tab)
				if spilled && opt.Memory.Used() != 0 {
					t.Errorf("%d bytes are not given back", opt.Memory.Used())
				}
			})
		}
	}
	if chunked == 0 {
		t.Error("nothing went to a file")
	}
}

// TestHashJoinChunks holds that right rows are taken in several chunks where the budget has no room, and that rows of one left identity
// find together over the ends of blocks.
func TestHashJoinChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	n := 2000
	v, w := make([]int64, n), make([]int64, n)
	for i := range v {
		v[i], w[i] = int64(r.IntN(100)), int64(r.IntN(3))*50
	}
	l, q := frame{Cols: []string{"a"}}, frame{Cols: []string{"k", "v"}}
	l.Rows.N, l.Rows.Cols = n, []batch.Column{batch.OfInt64s(v)}
	q.Rows.N, q.Rows.Cols = n, []batch.Column{batch.OfInt64s(w), batch.OfInt64s(v)}
	j := rel.Join{L: rel.In{}, R: rel.In{I: 1}, LOn: []string{"a"}, ROn: []string{"k"}, How: rel.Full, Take: map[string]string{"v": "v"}}
	plain, err := relate(j, []frame{l, q})
	if err != nil {
		t.Fatal(err)
	}
	m := mem.New(1, t.TempDir())
	defer m.Close()
	x := New(&plan.Plan{}, Options{Workers: 2, Memory: m})
	h := &joining{x: x, r: j, l: blocksOf(t, x, l, 100), q: blocksOf(t, x, q, 64), types: []batch.Type{batch.T(batch.Int64)}}
	if err := h.gather(context.Background()); err != nil {
		t.Fatal(err)
	}
	if chunks, err := h.chunks(); err != nil || len(chunks) < 5 {
		t.Errorf("%d chunks, %v", len(chunks), err)
	}
	tab, err := x.hashJoin(context.Background(), j, h.l, h.q)
	if err != nil {
		t.Fatal(err)
	}
	got := wholeTable(t, tab, nil)
	if !slices.Equal(plainRows(&got), plainRows(&plain)) {
		t.Errorf("%d rows, want %d", got.Rows.N, plain.Rows.N)
	}
}

// TestHashJoinStops holds that a run that is stopped ends with its reason.
func TestHashJoinStops(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	l := randomTable(r, 500, "a", "v")
	why := errors.New("enough")
	for _, m := range []*mem.Budget{nil, mem.New(1, t.TempDir())} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(why)
		x := New(&plan.Plan{}, Options{Workers: 2, Memory: m})
		rows := blocksOf(t, x, l, 64)
		_, err := x.hashJoin(ctx, rel.Join{LOn: []string{"a"}, ROn: []string{"a"}, Take: map[string]string{"v": "w"}}, rows, rows)
		if !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
		if _, err := x.repeats(ctx, rows, 500, rel.Distinct{By: []string{"a"}}, 0); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		m.Close()
	}
}
