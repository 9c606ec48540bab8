package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/rel"
	"github.com/headrace/headrace/testing/race"
)

// TestOrdering holds an ordering to what comparing row by row gives.
func TestOrdering(t *testing.T) {
	var o ordering
	for seed := range uint64(race.Few(500)) {
		r := rand.New(rand.NewPCG(seed, 10))
		n := []int{0, 1, 2, 40, 60, 700}[r.IntN(6)]
		tab, by := wideTable(r, n), randomKeys(r, "a", "b", "c", "long", "many")
		want, cols := make([]int32, n), []batch.Column{}
		for i := range want {
			want[i] = int32(i)
		}
		for _, k := range by {
			c := *tab.column(k.Column)
			cols = append(cols, c.Plain(nil))
		}
		ids := &batch.IDs{}
		for range n {
			ids.Ordinals, ids.Copies = append(ids.Ordinals, r.Uint64N(20)), append(ids.Copies, r.Uint32N(2))
		}
		if r.IntN(2) == 0 {
			ids = nil
		}
		slices.SortStableFunc(want, func(i, j int32) int {
			for k := range by {
				if d := compareCells(by[k], &cols[k], int(i), &cols[k], int(j)); d != 0 {
					return d
				}
			}
			if ids != nil {
				return batch.Compare(ids.At(int(i)), ids.At(int(j)))
			}
			return 0
		})
		if got := o.order(by, cols, n, ids); !slices.Equal(got, want) {
			t.Fatalf("seed %d, %d rows by %v", seed, n, by)
		}
	}
}

func BenchmarkOrdering(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	n := 1 << 18
	codes, delay, date := make([]int32, n), make([]int64, n), make([]int64, n)
	for i := range n {
		codes[i], delay[i], date[i] = r.Int32N(300), r.Int64N(1500)-60, r.Int64N(365*24*60)*60e6
	}
	cols := []batch.Column{batch.OfInt32s(codes), batch.OfInt64s(delay), batch.OfInt64s(date)}
	by := []rel.Key{{Column: "o"}, {Column: "d", Descending: true}, {Column: "t"}}
	var o ordering
	for _, n := range []int{1 << 15, 1 << 18} {
		for _, ids := range []*batch.IDs{nil, {}} {
			b.Run(fmt.Sprint(n, ids != nil), func(b *testing.B) {
				c := []batch.Column{cols[0].Slice(nil, 0, n), cols[1].Slice(nil, 0, n), cols[2].Slice(nil, 0, n)}
				for b.Loop() {
					o.order(by, c, n, ids)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			})
		}
	}
}
