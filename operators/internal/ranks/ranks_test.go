package ranks

import (
	"math"
	"math/rand/v2"
	"testing"
)

// orders calls f with every order of a list in which no score stands before a greater one.
func orders(list []Placed, f func([]Placed)) {
	if len(list) == 0 {
		f(nil)
		return
	}
	top := math.Inf(-1)
	for _, p := range list {
		top = max(top, p.Score)
	}
	for i, p := range list {
		if p.Score == top {
			rest := append(append([]Placed{}, list[:i]...), list[i+1:]...)
			orders(rest, func(tail []Placed) { f(append([]Placed{p}, tail...)) })
		}
	}
}

// The gain of equal scores is its mean over their orders, whatever order the list came in.
func TestGained(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 500 {
		var list []Placed
		for i := range 1 + r.IntN(7) {
			list = append(list, Placed{float64(r.IntN(3)), float64(r.IntN(4)), int32(i)})
		}
		gain, places := Gain(r.IntN(2)), 1+r.IntN(8)
		sum, n := 0.0, 0.0
		orders(list, func(list []Placed) {
			n++
			for p, x := range list[:min(len(list), places)] {
				worth := x.Label
				if gain == Exponential {
					worth = math.Pow(2, x.Label) - 1
				}
				sum += worth / math.Log2(float64(p)+2)
			}
		})
		d := NewDiscounts(len(list))
		BestFirst(list)
		got := d.Gained(list, places, gain)
		if math.Abs(got-sum/n) > 1e-12*(1+got) {
			t.Fatalf("%v, %d places: %v, in the mean of the orders %v", list, places, got, sum/n)
		}
		again := append([]Placed{}, list...)
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		BestFirst(again)
		if d.Gained(again, places, gain) != got {
			t.Fatalf("%v: another order has another gain", list)
		}
		ByLabel(again)
		if best := d.Gained(again, places, gain); best < got {
			t.Fatalf("%v: %v in the order of the labels, %v in that of the scores", list, best, got)
		}
	}
}

func TestTakes(t *testing.T) {
	for _, c := range []struct {
		gain Gain
		y    float64
		want bool
	}{
		{Exponential, 0, true}, {Exponential, 30, true}, {Exponential, 31, false}, {Exponential, 0.5, false}, {Exponential, -1, false},
		{Linear, 0.5, true}, {Linear, 1e100, true}, {Linear, -0.5, false}, {Linear, math.NaN(), false}, {Exponential, math.NaN(), false},
	} {
		if _, ok := c.gain.Takes(c.y); ok != c.want {
			t.Errorf("gain %d takes %v: %v", c.gain, c.y, ok)
		}
	}
}
