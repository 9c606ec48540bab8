package program

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
)

func TestDraw(t *testing.T) {
	in := []Named{{Ordinal, batch.T(batch.Int64)}, {Copy, batch.T(batch.Int64)}}
	out := []Named{{"keep", batch.T(batch.Bool)}}
	r := rand.New(rand.NewPCG(1, 2))
	for _, k := range []*Draw{{Seed: 7, Below: 1 << 63}, {Seed: 7}, {Seed: 7, Below: math.MaxUint64, All: true}} {
		for _, nulls := range []bool{false, true} {
			laws(t, One(k, in, out), []batch.Column{lawColumn(r, in[0].Type, nulls), lawColumn(r, in[1].Type, nulls)})
		}
	}
	for _, share := range []float64{0, 0.1, 0.5, 1, -1, 2, math.NaN()} {
		g := One(DrawShare(9, share), in, out)
		const n = 20000
		ord, copies, want := make([]int64, n), make([]int64, n), 0
		for i := range ord {
			ord[i], copies[i] = int64(i/2), int64(i%2)
			if hash.Unit(hash.Draw(9, uint64(i/2), uint32(i%2))) < share {
				want++
			}
		}
		got, err := g.Batch(nil, n, []batch.Column{batch.OfInt64s(ord), batch.OfInt64s(copies)})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		for i := range n {
			if got[0].Bit(i) {
				rows++
			}
		}
		if rows != want || math.Abs(float64(rows)/n-min(1, max(0, share))) > 0.02 {
			t.Errorf("a share of %v of %d rows is %d, want %d", share, n, rows, want)
		}
	}
	refuses(t, "no copies", &Draw{}, typesOf(batch.Int64), typesOf(batch.Bool))
	refuses(t, "an int32", &Draw{}, typesOf(batch.Int64, batch.Int32), typesOf(batch.Bool))
}
