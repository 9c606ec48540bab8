package exact

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/kernels/cpu"
)

// TestDeposit is the variants test of the two kernels: every level, length, lane and offset against the reference.
func TestDeposit(t *testing.T) {
	const top = 30
	least := math.Ldexp(1, edge(top-3))
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Lower(l)()
			r := rand.New(rand.NewPCG(1, 1))
			check := func(xs []float64) {
				t.Helper()
				var got, want [kept + 1]uint64
				deposit(xs, &windows[top], &got)
				depositGo(xs, &windows[top], &want)
				if !agree(got[:], want[:], kept) {
					t.Fatalf("%d values: %x, want %x", len(xs), got, want)
				}
				var got2, want2 [2*kept + 2]uint64
				deposit2(xs, &windows[top], &windows[top+top-27], &got2)
				deposit2Go(xs, &windows[top], &windows[top+top-27], &want2)
				if !agree(got2[:], want2[:], 2*kept) {
					t.Fatalf("%d values and squares: %x, want %x", len(xs), got2, want2)
				}
			}
			for n := range 70 {
				for offset := range 9 {
					buf := make([]float64, offset+n+20) // what lies around would spoil all
					for i := range buf {
						buf[i] = math.NaN()
					}
					xs := buf[offset : offset+n]
					for range 3 {
						for i := range xs {
							xs[i] = math.Ldexp(r.NormFloat64(), edge(top-1)+r.IntN(45)-10)
							if r.IntN(5) == 0 {
								xs[i] = []float64{0, math.Copysign(0, -1), least, -least / 2, least * 1.5, 0x1p-1074}[r.IntN(6)]
							}
						}
						check(xs)
					}
				}
			}
			for lane := range 66 {
				for _, x := range []float64{1, -1, 0x1p-1074, math.NaN(), math.Inf(-1), math.MaxFloat64, math.Copysign(0, -1)} {
					xs := make([]float64, 66)
					xs[lane] = x
					check(xs)
				}
			}
		})
	}
}

// agree: the sums are equal where they are worth anything, and the rest is as far as it is promised.
func agree(got, want []uint64, sums int) bool {
	inWindow := true
	for k := sums; k < len(got); k++ {
		if got[k]>>52 != want[k]>>52 || (got[k] == 0) != (want[k] == 0) {
			return false
		}
		inWindow = inWindow && want[k]>>52 != special
	}
	for k := range sums {
		if inWindow && got[k] != want[k] {
			return false
		}
	}
	return true
}
