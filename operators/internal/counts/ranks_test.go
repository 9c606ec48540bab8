package counts

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

func ranksState(r *Ranks) []byte {
	var w canon.Writer
	r.Encode(&w)
	return w.Buf
}

// TestRanksHoldWhatCountsHold: of values in any order, with repeats and nulls, added in pieces of any length and merged, the state is
// that of Counts, and is read back.
func TestRanksHoldWhatCountsHold(t *testing.T) {
	kinds := map[string]func(r *rand.Rand, i int) int64{
		"few":     func(r *rand.Rand, _ int) int64 { return r.Int64N(7) - 3 },
		"many":    func(r *rand.Rand, _ int) int64 { return int64(r.Uint64()) },
		"rising":  func(_ *rand.Rand, i int) int64 { return int64(i / 3) },
		"falling": func(_ *rand.Rand, i int) int64 { return -int64(i / 2) },
		"ends":    func(r *rand.Rand, _ int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0, -1}[r.IntN(4)] },
	}
	types := []batch.Type{batch.T(batch.Int64), batch.T(batch.Int32), batch.T(batch.Date), {Kind: batch.Timestamp, Unit: batch.Second}}
	for name, kind := range kinds {
		for _, typ := range types {
			for _, n := range []int{0, 1, 100, ranksBuffer - 1, ranksBuffer, ranksBuffer + 1, 5*ranksBuffer + 77} {
				r := rand.New(rand.NewPCG(1, uint64(n)))
				col := (*batch.Ctx)(nil).New(typ, n)
				null := make([]bool, n)
				for i := range n {
					v := kind(r, i)
					if null[i] = r.IntN(5) == 0; typ.Width() == 4 {
						col.Int32s()[i] = int32(v)
					} else {
						col.Int64s()[i] = v
					}
				}
				if n%2 == 1 {
					col = col.WithNulls(null)
				}
				want := New(typ)
				want.Add(nil, &col)
				got := []*Ranks{NewRanks(typ), NewRanks(typ), NewRanks(typ)}
				for from := 0; from < n; {
					to := min(n, from+1+r.IntN(2*ranksBuffer))
					piece := col.Slice(nil, from, to)
					got[r.IntN(3)].Add(nil, &piece)
					from = to
				}
				for _, o := range got[1:] {
					before := NewRanks(typ)
					before.Merge(o)
					got[0].Merge(o)
					if !bytes.Equal(ranksState(before), ranksState(o)) {
						t.Fatalf("%s, %s, %d rows: merge changed its argument", name, typ, n)
					}
				}
				if !bytes.Equal(ranksState(got[0]), state(want)) || got[0].Total() != want.Total() {
					t.Fatalf("%s, %s, %d rows: %d values are counted otherwise than the table counts %d", name, typ, n, got[0].Total(), want.Total())
				}
				back := NewRanks(typ)
				rd := canon.NewReader(state(want))
				if back.Decode(rd); rd.End() != nil || !bytes.Equal(ranksState(back), state(want)) || back.Total() != want.Total() {
					t.Fatalf("%s, %s, %d rows: restored: %v", name, typ, n, rd.End())
				}
				ordered := want.Sorted()
				got[0].Each(func(v, k int64) {
					if c := ordered[0]; v != want.Int(c) || k != want.N(c) {
						t.Fatalf("%s, %s: %d comes %d times, want %d, %d times", name, typ, v, k, want.Int(c), want.N(c))
					}
					ordered = ordered[1:]
				})
				if len(ordered) > 0 {
					t.Fatalf("%s, %s: %d values are not given", name, typ, len(ordered))
				}
			}
		}
	}
}

func TestRanksRefuseWhatIsCorrupt(t *testing.T) {
	for name, write := range map[string]func(w *canon.Writer){
		"a value twice": func(w *canon.Writer) { w.Uint(2); w.Word(5); w.Word(5); w.Uint(1); w.Uint(1) },
		"falling":       func(w *canon.Writer) { w.Uint(2); w.Word(5); w.Word(4); w.Uint(1); w.Uint(1) },
		"no count":      func(w *canon.Writer) { w.Uint(1); w.Word(5); w.Uint(0) },
		"too many":      func(w *canon.Writer) { w.Uint(2); w.Word(5); w.Word(6); w.Uint(math.MaxInt64); w.Uint(1) },
		"cut short":     func(w *canon.Writer) { w.Uint(2); w.Word(5); w.Word(6); w.Uint(1) },
	} {
		var w canon.Writer
		write(&w)
		rd := canon.NewReader(w.Buf)
		if NewRanks(batch.T(batch.Int64)).Decode(rd); rd.End() == nil {
			t.Errorf("%s: is read", name)
		}
	}
}
