package gen

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// The rows never change but on purpose, are the same however they are cut, and half of them have the label.
func TestDense(t *testing.T) {
	x, label := Dense(0, 5000)
	h := sha256.New()
	for _, c := range x {
		for _, v := range c {
			_ = binary.Write(h, binary.LittleEndian, math.Float32bits(v))
		}
	}
	ones := 0.0
	for _, y := range label {
		ones += y
	}
	if got := fmt.Sprintf("%x", h.Sum(nil))[:16]; got != "fcd1a73cf5790f3a" {
		t.Errorf("other rows: %s", got)
	}
	if share := ones / 5000; share < 0.35 || share > 0.65 {
		t.Errorf("%v of the rows have the label", share)
	}
	y, part := Dense(3000, 100)
	for j := range y {
		if !slices.Equal(y[j], x[j][3000:3100]) {
			t.Errorf("column %d of rows 3000 to 3100 is another", j)
		}
	}
	if !slices.Equal(part, label[3000:3100]) {
		t.Error("the labels of rows 3000 to 3100 are others")
	}
}

func TestFlightTable(t *testing.T) {
	f, err := FlightTable(context.Background(), flights(t, 1000), 0, Late)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Label) != 1000 || f.Test < 150 || f.Test > 250 || len(f.X) != len(f.Names) || f.Levels[4] != 11 {
		t.Errorf("%d rows, %d to test on, levels %v", len(f.Label), f.Test, f.Levels)
	}
	ones := 0.0
	for i, y := range f.Label {
		ones += y
		if m, h, d := f.X[0][i], f.X[1][i], f.X[2][i]; m != 1 || h < 0 || h > 23 || d < 0 || d > 6 {
			t.Fatalf("row %d: month %v, hour %v, weekday %v", i, m, h, d)
		}
	}
	if ones != 480 { // delays are -10 to 39 by turns
		t.Errorf("%v late", ones)
	}
}
