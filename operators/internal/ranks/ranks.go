// Package ranks measures the order that scores give to the rows of a group.
//
// Rows of equal scores stand in every order that there is (McSherry and Najork 2008): each has the mean of what their places count for, so
// that no measure depends on how a table is sorted.
package ranks

import (
	"math"
	"slices"

	"github.com/headrace/headrace/kernels/fmath"
)

// Placed is a row of a group.
type Placed struct {
	Score, Label float64
	Row          int32
}

// BestFirst puts the row of the greatest score first. The label among equal scores decides nothing but in which order numbers are summed,
// which therefore does not depend on where the rows came from.
func BestFirst(list []Placed) {
	slices.SortFunc(list, func(a, b Placed) int {
		switch { // none is NaN
		case a.Score > b.Score, a.Score == b.Score && a.Label > b.Label:
			return -1
		case a.Score == b.Score && a.Label == b.Label:
			return 0
		}
		return 1
	})
}

// ByLabel gives every row its label as score, which is the best order.
func ByLabel(list []Placed) {
	for i := range list {
		list[i].Score = list[i].Label
	}
	BestFirst(list)
}

// Tied is how many rows at the head of a sorted list, which is not empty, have one score.
func Tied(list []Placed) int {
	n := 1
	for n < len(list) && list[n].Score == list[0].Score {
		n++
	}
	return n
}

// Gain is what labels are worth.
type Gain uint8

// The ways.
const (
	Exponential Gain = iota // 2^label - 1
	Linear                  // the label
)

// labelMax keeps 2^label and sums of it exact.
const labelMax = 30

// Takes says what is wanted of a label, and whether y is that.
func (g Gain) Takes(y float64) (want string, ok bool) {
	if g == Linear {
		return "a number from 0 to 1e100", y >= 0 && y <= 1e100
	}
	return "a whole number from 0 to 30, as its gain is 2^label - 1", y >= 0 && y <= labelMax && y == math.Floor(y)
}

// Of is what a label is worth at the top.
func (g Gain) Of(label float64) float64 {
	if g == Linear {
		return label
	}
	return math.Ldexp(1, int(label)) - 1
}

// Discounts are what places count for: 1/log2(place+2), of which place 0 is the best (Järvelin and Kekäläinen 2002).
type Discounts []float64 // of the first places together: none, one, two, …

// NewDiscounts are those of so many places.
func NewDiscounts(places int) Discounts {
	d := make(Discounts, places+1)
	for p := range places {
		d[p+1] = d[p] + 1/fmath.Log2(float64(p+2))
	}
	return d
}

// Sum is what the places from one up to another count for together.
func (d Discounts) Sum(from, to int) float64 { return d[to] - d[from] }

// Gained is the discounted gain of the first places of a sorted list (DCG).
func (d Discounts) Gained(list []Placed, places int, gain Gain) float64 {
	sum := 0.0
	for at := 0; at < len(list) && at < places; {
		n := Tied(list[at:])
		worth := 0.0
		for _, p := range list[at : at+n] {
			worth += gain.Of(p.Label)
		}
		sum += float64(worth / float64(n) * d.Sum(at, min(at+n, places)))
		at += n
	}
	return sum
}
