package exec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestPasting(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 10))
		for _, typ := range append(relTypes[:0:0], relTypes...) {
			var p pasting
			for range 3 {
				var all []batch.Column
				p.reset(typ)
				for range 1 + r.IntN(5) {
					c := randomColumn(r, typ, 1+r.IntN(100)).Plain(nil)
					lo := r.IntN(c.N)
					hi := lo + r.IntN(c.N-lo+1)
					if err := p.add(&c, lo, hi, nil, nil); err != nil {
						t.Fatal(err)
					}
					all = append(all, c.Slice(nil, lo, hi))
				}
				want, _ := batch.Concat(nil, all)
				got := p.column()
				if got.Nulls() != want.Nulls() {
					t.Fatal(seed, typ, got.Nulls(), want.Nulls())
				}
				var a, b []string
				for i := range want.N {
					a, b = append(a, plainValue(&got, i)), append(b, plainValue(&want, i))
				}
				if !slices.Equal(a, b) {
					t.Fatal(seed, typ, fmt.Sprint(a, "\n", b))
				}
			}
		}
	}
}
