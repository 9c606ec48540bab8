package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/engine/mem"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// cutInput are rows of a frame in pieces, as a scan gives them.
type cutInput struct {
	x    *Exec
	t    frame
	size int
	fail error // instead of the last piece
}

func (r *cutInput) names() []string { return r.t.Cols }

func (r *cutInput) types(cols []string) (t []batch.Type) {
	for _, c := range cols {
		t = append(t, r.t.column(c).Type)
	}
	return t
}

func (r *cutInput) piece(c *batch.Ctx, i int, cols []string) batch.Batch {
	b := r.t.Rows
	b.Cols = nil
	for _, n := range cols {
		b.Cols = append(b.Cols, *r.t.column(n))
	}
	idx := []int32{}
	for k := i * r.size; k < min(b.N, (i+1)*r.size); k++ {
		idx = append(idx, int32(k))
	}
	b = b.Take(c, idx)
	for j := range b.Cols { // a dictionary lives as long as its batch
		if d := b.Cols[j].Dict; d != nil {
			e := d.Clone()
			b.Cols[j].Dict = &e
		}
	}
	return b
}

func (r *cutInput) pieces() int { return (r.t.Rows.N + r.size - 1) / r.size }

func (r *cutInput) each(ctx context.Context, cols []string, take func(w int, c *batch.Ctx, b batch.Batch) error) error {
	return r.x.parallel(ctx, r.pieces(), nil, func(w, i int) error {
		if r.fail != nil && i == r.pieces()-1 {
			return r.fail
		}
		c := &r.x.ctxs[w].work
		defer c.Reset()
		return take(w, c, r.piece(c, i, cols))
	})
}

func (r *cutInput) inOrder(_ context.Context, cols []string, take func(b batch.Batch) error) error {
	for i := range r.pieces() {
		if err := take(r.piece(nil, i, cols)); err != nil {
			return err
		}
	}
	return nil
}

// allOf reads a table whole.
func allOf(t *testing.T, x *Exec, tab *Table, cols []string, types []batch.Type) frame {
	t.Helper()
	f := frame{Cols: cols}
	var parts []batch.Batch
	r := &tableRows{x, tab, nil}
	if err := r.inOrder(t.Context(), cols, func(b batch.Batch) error {
		parts = append(parts, b.Clone())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.Rows, err = concat(parts); err != nil {
		t.Fatal(err)
	}
	if len(parts) == 0 {
		for _, typ := range types {
			f.Rows.Cols = append(f.Rows.Cols, (*batch.Ctx)(nil).New(typ, 0))
		}
	}
	return f
}

// exactRows is a table row by row with all that a row has: bits of floats, identity, part and key.
func exactRows(t *frame) (out []string) {
	for i := range t.Rows.N {
		s := fmt.Sprint(t.Rows.ID.At(i), t.Rows.PartAt(i), t.Rows.KeyAt(i))
		for _, n := range t.Cols {
			c := t.column(n)
			switch {
			case c.Null(i) || !c.Type.Float() && c.Type.Kind != batch.Vector:
				s += "|" + plainValue(c, i)
			case c.Type.Kind == batch.Vector:
				for j := range c.Wide {
					s += fmt.Sprint("|", c.Member(j)[i])
				}
			case c.Type.Width() == 4:
				s += fmt.Sprintf("|%x", c.Values[4*i:4*i+4])
			default:
				s += fmt.Sprintf("|%x", c.Values[8*i:8*i+8])
			}
		}
		out = append(out, s)
	}
	return out
}

// sameFrame holds two tables to be the same to the bit.
func sameFrame(t *testing.T, what string, got, want frame) {
	t.Helper()
	g, w := exactRows(&got), exactRows(&want)
	if !slices.Equal(got.Cols, want.Cols) || !slices.Equal(g, w) {
		for i := range max(len(g), len(w)) {
			if i >= len(g) || i >= len(w) || g[i] != w[i] {
				t.Fatalf("%s: %d rows, want %d; from row %d:\n%s\nwant\n%s", what, len(g), len(w), i,
					strings.Join(g[i:min(len(g), i+3)], "\n"), strings.Join(w[i:min(len(w), i+3)], "\n"))
			}
		}
	}
}

// wideTable is a random table with texts of any length, a vector, copies, parts and keys.
func wideTable(r *rand.Rand, n int) frame {
	t := randomTable(r, n, "a", "b", "c", "d")
	long := make([]string, n)
	for i := range long {
		long[i] = strings.Repeat("x", r.IntN(4)*9) + strings.Repeat("\x00", r.IntN(2)) + fmt.Sprint(r.IntN(3))
	}
	t.Cols = append(t.Cols, "long", "many", "vec")
	many := make([]int64, n)
	for i := range many {
		many[i] = int64(r.Uint64())
	}
	v := (*batch.Ctx)(nil).NewVector(n, []string{"p", "q"})
	for j := range 2 {
		for i := range n {
			v.Member(j)[i] = r.Float64()
		}
	}
	t.Rows.Cols = append(t.Rows.Cols, batch.OfStrings(long), batch.OfInt64s(many), v)
	if r.IntN(2) == 0 {
		for range n {
			t.Rows.Part = append(t.Rows.Part, uint8(r.IntN(3)))
			t.Rows.Key = append(t.Rows.Key, r.Uint64())
		}
	}
	if r.IntN(2) == 0 {
		for i := range n {
			t.Rows.ID.Ordinals[i] = uint64(i / 3)
			t.Rows.ID.Copies = append(t.Rows.ID.Copies, uint32(i%3))
		}
	}
	return t
}

// ways are the ways to run that must not show.
func ways(r *rand.Rand) Options {
	opt := Options{Workers: []int{1, 2, 3, 7}[r.IntN(4)], MorselRows: []int{64, 128, 16384}[r.IntN(3)], Poison: true, Shuffle: uint64(r.IntN(3))}
	if r.IntN(2) == 0 {
		opt.Memory = mem.New(1, "")
	}
	return opt
}

func randomKeys(r *rand.Rand, cols ...string) (by []rel.Key) {
	r.Shuffle(len(cols), func(i, j int) { cols[i], cols[j] = cols[j], cols[i] })
	for _, c := range cols[:1+r.IntN(len(cols))] {
		by = append(by, rel.Key{Column: c, Descending: r.IntN(2) == 0, NullsFirst: r.IntN(2) == 0})
	}
	return by
}

func TestSort(t *testing.T) {
	spilled := 0
	for seed := range uint64(race.Few(300)) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := []int{0, 1, 2, 30, 130, 3000, 20000}[r.IntN(7)]
		if n == 20000 && seed%8 != 0 {
			n = 500
		}
		tab, by := wideTable(r, n), randomKeys(r, "a", "b", "c", "d", "long", "many")
		want := sortRows(tab, by)
		x := New(nil, ways(r))
		got, err := x.sort(t.Context(), &cutInput{x: x, t: tab, size: 1 + r.IntN(400)}, by)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		types := (&cutInput{t: tab}).types(tab.Cols)
		what := fmt.Sprintf("seed %d, %d rows by %v, %+v", seed, n, by, x.opt)
		sameFrame(t, what, allOf(t, x, got, tab.Cols, types), want)
		some := []string{"vec", by[0].Column}
		part := frame{some, want.Rows}
		part.Rows.Cols = []batch.Column{*want.column("vec"), *want.column(by[0].Column)}
		sameFrame(t, what+", two columns", allOf(t, x, got, some, []batch.Type{batch.T(batch.Vector), tab.column(by[0].Column).Type}), part)
		if x.opt.Memory.Spilled() > 0 {
			spilled++
		}
		x.free(got)
		if m := x.opt.Memory; m != nil && m.Used() != 0 {
			t.Fatalf("%s: %d bytes are still taken", what, m.Used())
		}
		x.Close()
	}
	if spilled < race.Few(50) {
		t.Errorf("%d sorts went to disk", spilled)
	}
}

// TestSortManyRuns has runs of a few rows, so that ranges are cut through many.
func TestSortManyRuns(t *testing.T) {
	defer func(a int64, b int) { runBytesLeast, rangeRows = a, b }(runBytesLeast, rangeRows)
	runBytesLeast, rangeRows = 1<<12, 100
	for seed := range uint64(race.Few(120)) {
		r := rand.New(rand.NewPCG(seed, 8))
		tab, by := wideTable(r, 2000), randomKeys(r, "a", "b", "long", "many")
		opt := ways(r)
		if opt.Memory == nil || r.IntN(3) == 0 {
			opt.Memory = mem.New(1<<13, "") // some runs in memory, some not
		}
		x := New(nil, opt)
		got, err := x.sort(t.Context(), &cutInput{x: x, t: tab, size: 1 + r.IntN(60)}, by)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.blocks) < 2 {
			t.Fatalf("seed %d: one range", seed)
		}
		sameFrame(t, fmt.Sprint("seed ", seed, by, opt), allOf(t, x, got, tab.Cols, nil), sortRows(tab, by))
		x.Close()
	}
}

// TestSortManyTexts has more texts than a dictionary takes.
func TestSortManyTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	n := 3 * codedMax
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprint("text ", r.IntN(2*codedMax))
	}
	dict, codes := batch.OfStrings(s), make([]int32, n)
	for i := range codes {
		codes[i] = int32(r.IntN(n))
	}
	tab := frame{Cols: []string{"s"}}
	tab.Rows.N, tab.Rows.Cols = n, []batch.Column{batch.OfCodes(codes, &dict)}
	by := []rel.Key{{Column: "s"}}
	want := sortRows(tab, by)
	for _, m := range []*mem.Budget{nil, mem.New(1, "")} {
		x := New(nil, Options{Workers: 2, Memory: m})
		got, err := x.sort(t.Context(), &cutInput{x: x, t: tab, size: 70000}, by)
		if err != nil {
			t.Fatal(err)
		}
		all := allOf(t, x, got, tab.Cols, nil)
		sameFrame(t, "many texts", all, want)
		if all.Rows.Cols[0].Dict != nil {
			t.Error("it is coded")
		}
		x.Close()
	}
}

func TestSortFails(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	tab := wideTable(r, 3000)
	by := []rel.Key{{Column: "a"}}
	above := errors.New("above")
	x := New(nil, Options{Workers: 2, Memory: mem.New(1, "")})
	defer x.Close()
	if _, err := x.sort(t.Context(), &cutInput{x: x, t: tab, size: 100, fail: above}, by); !errors.Is(err, above) {
		t.Errorf("%v, want the error of the rows", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.sort(ctx, &cutInput{x: x, t: tab, size: 100}, by); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want a cancellation", err)
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	y := New(nil, Options{Workers: 2, Memory: mem.New(1, file)}) // no folder
	if _, err := y.sort(t.Context(), &cutInput{x: y, t: tab, size: 100}, by); err == nil {
		t.Error("no error where there is no disk")
	}
	got, err := x.sort(t.Context(), &cutInput{x: x, t: tab, size: 100}, by)
	if err != nil {
		t.Fatal(err)
	}
	x.Close()
	if err := (&tableRows{x, got, nil}).inOrder(t.Context(), tab.Cols, func(batch.Batch) error { return nil }); err == nil {
		t.Error("no error where the file is gone")
	}
	if x.opt.Memory.Used() < 0 {
		t.Error("more is given back than was taken")
	}
}
