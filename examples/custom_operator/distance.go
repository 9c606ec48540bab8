package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

// Distance is the node that feature.haversine is made of: for i { out[i] = km(lat[i], lon[i], Lat, Lon) }. It is what a published
// model holds, so that a model can be loaded by a program that knows the kind and has never heard of the operator. In are floats or
// whole numbers, out is Float64. A null in either gives a null.
type Distance struct {
	Lat, Lon float64 // degrees
	cos      float64 // of Lat, made by Init
	types    []batch.Type
}

func init() { program.Register(func() program.Kind { return &Distance{} }) }

// ID is the kind's name in published models: it can never change, and no other kind may have it.
func (*Distance) ID() string { return "example.distance" }

// Init checks the types. State that was read from a file is checked here, too.
func (k *Distance) Init(in, out []batch.Type) error {
	if len(in) != 2 || len(out) != 1 {
		return fmt.Errorf("%d columns in and %d out, want 2 and 1", len(in), len(out))
	}
	if !takes(in[0]) || !takes(in[1]) || out[0].Kind != batch.Float64 {
		return fmt.Errorf("columns are %s, %s and %s", in[0], in[1], out[0])
	}
	if !(math.Abs(k.Lat) <= 90 && math.Abs(k.Lon) <= 180) {
		return errors.New("the place is not on the Earth")
	}
	k.types, k.cos = in, fmath.Cos(float64(k.Lat*radian))
	return nil
}

// Batch computes a column. Memory comes from c: it is freed with the batch.
func (k *Distance) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	lat, lon := c.Floats(in[0]), c.Floats(in[1])
	km := c.Float64s(n)
	for i := range km {
		km[i] = k.km(lat[i], lon[i]) // under a null it is anything: nobody looks there
	}
	valid := in[0].Valid
	if a, b := in[0].Valid, in[1].Valid; a == nil {
		valid = b
	} else if b != nil { // a batch's memory is shared: make a new bitmap
		valid = c.Bitmap(n)
		for i := range valid {
			valid[i] = a[i] & b[i]
		}
	}
	out[0] = batch.OfFloat64s(km)
	out[0].Valid = valid
	return nil
}

// Row computes one row, by the same arithmetic: a law compares the two bit by bit.
func (k *Distance) Row(f *program.Frame, in, out []int) error {
	if f.Null[out[0]] = f.Null[in[0]] || f.Null[in[1]]; !f.Null[out[0]] {
		f.F[out[0]] = k.km(k.number(f, 0, in[0]), k.number(f, 1, in[1]))
	}
	return nil
}

func (k *Distance) number(f *program.Frame, j, slot int) float64 {
	if k.types[j].Float() {
		return f.F[slot]
	}
	return float64(f.I[slot])
}

// Encode writes the state.
func (k *Distance) Encode(w *canon.Writer) {
	w.Float(k.Lat)
	w.Float(k.Lon)
}

// Decode reads it; Init looks at what came.
func (k *Distance) Decode(r *canon.Reader) { k.Lat, k.Lon = r.Float(), r.Float() }

const (
	radian = math.Pi / 180
	radius = 6371.0088 // km, the mean of the Earth's
)

// km is the haversine formula (R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984), which keeps its digits for
// small distances. Sines are fmath's and every product is rounded before it is added, so that the bits are the same on every machine.
func (k *Distance) km(lat, lon float64) float64 {
	a := fmath.Sin(float64((lat-k.Lat)*radian) / 2)
	b := fmath.Sin(float64((lon-k.Lon)*radian) / 2)
	h := float64(a*a) + float64(float64(fmath.Cos(float64(lat*radian))*k.cos)*float64(b*b))
	return 2 * radius * arcsin(math.Sqrt(min(h, 1))) // a sum of squares may pass 1 by its rounding
}

// arcsin of 0 to 1: math.Asin's bits depend on the machine. Newton's method finds the angle whose sine is x, from an estimate good to 1%;
// near 1, where sines hardly change, the half angle is found instead.
func arcsin(x float64) float64 {
	if x > 0.5 {
		return math.Pi/2 - 2*arcsin(math.Sqrt((1-x)/2))
	}
	y := x + float64(float64(x*x)*x)/6
	for range 3 {
		y -= (fmath.Sin(y) - x) / fmath.Cos(y)
	}
	return y
}
