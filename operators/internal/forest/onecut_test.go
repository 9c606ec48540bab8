package forest

import (
	"math/rand/v2"
	"testing"
)

// The split by one cut is the same whether rows are tallied or looked at as they are, where none is missing: at every cut, also one that leaves too
// few rows on a side.
func TestOneCut(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	refused := 0
	for range 2000 {
		n := 2 + r.IntN(40)
		codes, words, parts := make([]uint8, n), make([]uint64, n), make([]part, n)
		spread := 2 + r.IntN(253)
		whole, weighed := node{minRows: 1 + int64(r.IntN(4))}, node{}
		for i := range n {
			codes[i] = uint8(r.IntN(spread))
			draws, one := int64(1+r.IntN(3)), int64(r.IntN(2))
			words[i] = uint64(draws)<<32 + uint64(draws*one)
			parts[i] = part{int64(r.IntN(1000) - 500), draws * int64(1+r.IntN(9)), draws}
			whole.s, whole.w, whole.rows = whole.s+draws*one, whole.w+draws, whole.rows+draws
			weighed.s, weighed.w = weighed.s+parts[i].s, weighed.w+parts[i].w
		}
		weighed.rows, weighed.minRows = whole.rows, whole.minRows
		from, to := ends(codes)
		for at := from; at < to; at++ {
			for _, x := range []struct {
				node    *node
				entropy bool
				left    part
				tally   func(t *tally)
			}{
				{&whole, false, onesTo(codes, words, at), func(t *tally) { t.ones(codes, words) }},
				{&whole, true, onesTo(codes, words, at), func(t *tally) { t.ones(codes, words) }},
				{&weighed, false, sumsTo(codes, parts, at), func(t *tally) { t.sums(codes, parts) }},
			} {
				var all tally
				x.tally(&all)
				f := &search{node: x.node, entropy: x.entropy, k: 2, mean: float64(x.node.s) / float64(x.node.w)}
				want, got := f.numbers(&all, false, at), f.one(x.left)
				if !want.ok {
					refused++
				}
				if got.ok != want.ok || got.gain != want.gain || got.rows != want.rows {
					t.Fatalf("codes %v at %d: %+v, tallied %+v", codes, at, got, want)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no cut left too few rows")
	}
}
