package train

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/headrace/headrace/testing/bench/account"
	"github.com/headrace/headrace/testing/bench/gen"
)

// The process trains on all but the last rows, predicts those, and says what it took: of the fit, or of predicting, all rows or one at a time.
func TestFitsOnce(t *testing.T) {
	dir := t.TempDir()
	if err := Dense(dir, 3, 5000); err != nil {
		t.Fatal(err)
	}
	_, label := gen.Dense(3<<32, 6000)
	for _, how := range [][]string{{}, {"--predict", "3", "--train", "4000"}, {"--single", "100", "--train", "4000"}} {
		out, told := filepath.Join(dir, "p.npy"), filepath.Join(dir, "told.json")
		if err := Main(append(how, "--trees", "20", "--threads", "2", "--out", out, "--account", told, dir)); err != nil {
			t.Fatal(err)
		}
		did, err := account.Read(told)
		if err != nil || did.Core <= 0 || (did.Peak < 1) != (len(how) > 0) || len(did.Apart) != 1 || did.Apart[0].Wall <= 0 {
			t.Errorf("%s: %+v, %v", how, did, err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		rows := text[10+int(binary.LittleEndian.Uint16(text[8:])):]
		if len(rows) != 24*1000 {
			t.Fatalf("%d bytes of predictions", len(rows))
		}
		var sum, n [2]float64 // of predictions, by label
		for i := range 1000 {
			at := func(j int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(rows[24*i+8*j:])) }
			if at(0) != float64(i) || at(1) != label[5000+i] {
				t.Fatalf("row %d: %v, label %v", i, at(0), at(1))
			}
			sum[int(at(1))] += at(2)
			n[int(at(1))]++
		}
		if sum[1]/n[1] < sum[0]/n[0]+0.1 {
			t.Errorf("means of %v where the label is 1, %v where it is 0", sum[1]/n[1], sum[0]/n[0])
		}
	}
	before, err := os.Stat(filepath.Join(dir, "x.f32"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Dense(dir, 4, 5000); err != nil { // what is there stays
		t.Fatal(err)
	}
	if after, err := os.Stat(filepath.Join(dir, "x.f32")); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("%v, %v", after, err)
	}
}

// Columns of codes are numbers or categories, as asked; both read the rows that they are asked for.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	table := gen.Table{Names: []string{"a", "code"}, Levels: []int{0, 4}, X: [][]float32{{1, 2, 3}, {0, 3, 1}}, Label: []float64{0, 1, 1}, Test: 1}
	if err := prepare(dir, func() (gen.Table, error) { return table, nil }); err != nil {
		t.Fatal(err)
	}
	a, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, categories := range []bool{false, true} {
		a.categories = categories
		d, err := a.rows(1, 2)
		if err != nil || d.N != 2 || !bytes.Equal(raw(d.Label), raw([]float64{1, 1})) {
			t.Fatalf("%+v, %v", d, err)
		}
		v := make([]float64, 1)
		if d.Features[0].Read(v, 1); v[0] != 3 {
			t.Errorf("a is %v, want 3", v)
		}
		if code := d.Features[1]; a.categories {
			if code.Levels != 4 || code.Codes[0] != 3 || code.Codes[1] != 1 {
				t.Errorf("%+v", code)
			}
		} else if code.Read(v, 0); v[0] != 3 {
			t.Errorf("code is %v, want 3", v)
		}
	}
	if _, err := a.rows(2, 2); err == nil {
		t.Error("rows beyond the last are read")
	}
}

// Forests are fitted as the engine fits them, and what is scored is told apart: of odd rows, of classes, of a column in place of the label.
func TestForests(t *testing.T) {
	dense, odd := t.TempDir(), t.TempDir()
	if err := errors.Join(Dense(dense, 3, 3000), Odd(odd, 3, 3000)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		dir  string
		how  []string
		more float64 // how much greater predictions are where labels are above their mean
	}{
		{dense, []string{"--learner", "forest"}, 0.1},
		{dense, []string{"--learner", "extra"}, 0.1},
		{dense, []string{"--learner", "multiclass"}, 0.2},
		{dense, []string{"--learner", "numbers", "--target", "x24", "--rows", "5"}, 1},
		{odd, []string{"--learner", "isolation"}, 0.05},
	} {
		out, told := filepath.Join(x.dir, "p.npy"), filepath.Join(x.dir, "told.json")
		if err := Main(append(x.how, "--trees", "20", "--threads", "2", "--out", out, "--account", told, x.dir)); err != nil {
			t.Fatal(x.how, err)
		}
		if did, err := account.Read(told); err != nil || did.Core <= 0 {
			t.Errorf("%s: %+v, %v", x.how, did, err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		rows := text[10+int(binary.LittleEndian.Uint16(text[8:])):]
		at := func(i, j int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(rows[24*i+8*j:])) }
		mean := 0.0
		for i := range 600 {
			mean += at(i, 1) / 600
		}
		var sum, n [2]float64
		for i := range 600 {
			side := 0
			if at(i, 1) > mean {
				side = 1
			}
			sum[side] += at(i, 2)
			n[side]++
		}
		if more := sum[1]/n[1] - sum[0]/n[0]; !(more > x.more) {
			t.Errorf("%s: predictions are %v greater where labels are", x.how, more)
		}
	}
	if err := Main([]string{"--learner", "bush", dense}); err == nil {
		t.Error("a bush is a forest")
	}
}
