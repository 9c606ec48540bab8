package program

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

func TestOneHot(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, wide := range []int{1, 2, 5} {
		for _, nulls := range []bool{false, true} {
			names := []string{"a", "b", "c", "d", "e"}[:wide]
			g := One(&OneHot{Members: names}, named("x", typesOf(batch.Int32)), []Named{{"p", batch.T(batch.Vector)}})
			codes := lawColumn(r, batch.T(batch.Int32), nulls) // codes of no member among them
			laws(t, apart(g, wide), []batch.Column{codes})
			out, err := g.Batch(lawCtx, lawSize, []batch.Column{codes})
			if err != nil {
				t.Fatal(err)
			}
			for i, code := range codes.Int32s() {
				for m := range wide {
					want := 0.0
					if int(code) == m && !codes.Null(i) {
						want = 1
					}
					if got := out[0].Member(m)[i]; math.Float64bits(got) != math.Float64bits(want) || out[0].Valid != nil {
						t.Fatalf("row %d of code %d, member %d of %d: %v, want %v", i, code, m, wide, got, want)
					}
				}
			}
			lawCtx.Reset()
		}
	}
	i32, vec := typesOf(batch.Int32), typesOf(batch.Vector)
	refuses(t, "no member", &OneHot{}, i32, vec)
	refuses(t, "a name twice", &OneHot{Members: []string{"a", "a"}}, i32, vec)
	refuses(t, "a float", &OneHot{Members: []string{"a"}}, typesOf(batch.Float64), vec)
	refuses(t, "a number out", &OneHot{Members: []string{"a"}}, i32, i32)
}
