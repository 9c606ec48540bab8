package tree

import "math"

// Cuts are ascending numbers between which bins lie, at most 254.
type Cuts struct {
	n    int
	half uint         // the first step of the search; 0 without cuts
	pad  [256]float64 // the cuts, then +Inf
	tops [16]float64  // every sixteenth of pad
}

// NewCuts takes the cuts, none of them NaN.
func NewCuts(cuts []float64) *Cuts {
	c := &Cuts{n: len(cuts)}
	for i := range c.pad {
		c.pad[i] = math.Inf(1)
	}
	copy(c.pad[:255], cuts)
	for i := range c.tops {
		c.tops[i] = c.pad[16*i+15]
	}
	if len(cuts) > 0 {
		c.half = 1
		for 2*c.half <= uint(len(cuts)) {
			c.half *= 2
		}
	}
	return c
}

// Bin is the number of cuts below x; for NaN it is one more than there are cuts.
func (c *Cuts) Bin(x float64) uint8 {
	if x != x {
		return uint8(c.n + 1)
	}
	at := uint(0)
	for step := c.half; step > 0; step >>= 1 {
		above := uint(0)
		if x > c.pad[(at+step-1)%256] { // a bit, not a branch: it would be guessed wrong half the time
			above = 1
		}
		at += step * above
	}
	return uint8(at)
}

// Bins is the loop for i { dst[i] = Bin(xs[i]) }; one length.
func (c *Cuts) Bins(dst []uint8, xs []float64) { bins(dst[:len(xs)], xs, c) }

func binsGo(dst []uint8, xs []float64, c *Cuts) {
	dst = dst[:len(xs)]
	for i, x := range xs {
		dst[i] = c.Bin(x)
	}
}
