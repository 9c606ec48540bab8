package gen

import (
	"context"
	"fmt"

	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/connectors/parquet"
	"github.com/headrace/headrace/kernels/fmath"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// DenseFeatures is how many columns besides the label a dense table has.
const DenseFeatures = 28

// A dense row is a function of its number alone: 28 numbers and a label, in the shape of the collision data that boosted trees are
// usually timed on.
//
//	x0 to x20    by turns bell-shaped, a long tail to the right, and evenly spread; x5, x11 and x17 take four values
//	x21 to x27   made of two or three of the others each, with noise: what an expert would add
//	label        1 with the probability that a score gives: main effects, products, a ring, a threshold between two columns. x14 to x20
//	             say nothing
//
// All numbers are of 32 bits, so that a peer that keeps no more loses nothing.
const laneDense = 100

// Dense is rows lo to lo+n: the columns and the label.
func Dense(lo uint64, n int) (x [][]float32, label []float64) {
	x = make([][]float32, DenseFeatures)
	for j := range x {
		x[j] = make([]float32, n)
	}
	label = make([]float64, n)
	var v [DenseFeatures]float64
	for i := range n {
		label[i] = denseRow(lo+uint64(i), &v)
		for j := range x {
			x[j][i] = float32(v[j])
		}
	}
	return x, label
}

func denseRow(r uint64, v *[DenseFeatures]float64) (label float64) {
	lane := uint64(laneDense)
	draw := func() float64 { lane++; return unit(r, lane) }
	// The sum of three evenly spread numbers is bell-shaped enough.
	bell := func() float64 { return float64((draw() + draw() + draw() - 1.5) * 2) }
	for j := range 21 {
		switch {
		case j == 5 || j == 11 || j == 17:
			v[j] = float64(int(float64(draw()*4))) * 0.75
		case j%3 == 0:
			v[j] = bell()
		case j%3 == 1:
			v[j] = -fmath.Log(1 - draw())
		default:
			v[j] = float64(draw()*2) - 1
		}
	}
	norm := func(a, b float64) float64 { return fmath.Pow(float64(a*a)+float64(b*b), 0.5) }
	v[21] = norm(v[0], v[3]) + float64(0.2*bell())
	v[22] = float64(v[1]*v[4]) + float64(0.3*bell())
	v[23] = v[2] - v[6] + float64(0.3*bell())
	v[24] = float64(v[7]*v[8]) + v[9] + float64(0.4*bell())
	v[25] = fmath.Exp(-v[10]) + float64(v[5]*v[12]) + float64(0.3*bell())
	v[26] = norm(v[6], v[9]) - v[1] + float64(0.3*bell())
	v[27] = v[13] + v[11] + float64(0.5*bell())
	s := float64(0.7*v[21]) - float64(0.5*v[1]) + float64(0.3*v[22]) + float64(0.4*v[5]) - float64(0.4*v[23]) - float64(0.3*v[11]*v[8]) - 0.9
	s += float64(0.3*v[0]*v[3]) + float64(0.3*v[4]*v[2])
	if float64(v[6]*v[6])+float64(v[9]*v[9]) < 0.5 {
		s += 1.1
	}
	if v[7] > v[10] {
		s -= 0.7
	}
	s += float64(0.6*fmath.Sin(float64(4*v[12]))) + float64(0.3*v[24])
	if draw() < fmath.Sigmoid(float64(1.3*s)) {
		return 1
	}
	return 0
}

// DenseSchema is the columns of a file of dense rows: x0 to x27, then the label.
func DenseSchema() operators.Schema {
	var s operators.Schema
	for j := range DenseFeatures {
		s.Fields = append(s.Fields, operators.Field{Name: fmt.Sprintf("x%d", j), Type: batch.T(batch.Float32)})
	}
	s.Fields = append(s.Fields, operators.Field{Name: "label", Type: batch.T(batch.Float64)})
	return s
}

// DenseFile writes a Parquet file of dense rows.
func DenseFile(ctx context.Context, path string, rows int64) error {
	o := parquet.New()
	o.Path, o.Compression, o.RowGroupRows = path, "snappy", groupRows
	w, err := o.Create(ctx, files.Local(), DenseSchema())
	if err != nil {
		return err
	}
	for lo := int64(0); lo < rows; lo += groupRows {
		n := int(min(groupRows, rows-lo))
		x, label := Dense(uint64(lo), n)
		b := batch.Batch{N: n, ID: batch.IDs{Base: uint64(lo)}}
		for _, c := range x {
			b.Cols = append(b.Cols, batch.OfFloat32s(c))
		}
		b.Cols = append(b.Cols, batch.OfFloat64s(label))
		if err := w.Write(b); err != nil {
			_ = w.Abort()
			return err
		}
	}
	return w.Commit()
}
