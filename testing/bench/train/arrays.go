// Package train fits train.gbdt's core to arrays that lie in files, as its peers do, so that learning is timed and not reading tables.
package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/headrace/headrace/operators/train/gbdt"
	"github.com/headrace/headrace/testing/bench/gen"
)

// Meta says what the arrays of a folder hold. x.f32 is the columns end to end, y.f64 the label; the last Test rows are not trained on.
type Meta struct {
	Names  []string
	Levels []int // of each column: how many codes, where it is codes
	Rows   int
	Test   int
}

// Dense makes the folder of so many dense rows to train on and a fifth as many to test on, where it is not there yet.
func Dense(dir string, seed uint64, rows int) error {
	return prepare(dir, func() (gen.Table, error) { return denseTable(seed, rows), nil })
}

func denseTable(seed uint64, rows int) gen.Table {
	t := gen.Table{Test: rows / 5, Levels: make([]int, gen.DenseFeatures)}
	t.X, t.Label = gen.Dense(seed<<32, rows+t.Test)
	for j := range t.X {
		t.Names = append(t.Names, fmt.Sprintf("x%d", j))
	}
	return t
}

// Flights makes the folder of the real flights of a file, where it is not there yet. The seed draws the fifth to test on, and which values are
// taken out: a share of them.
func Flights(ctx context.Context, dir string, seed uint64, source string, missing float64) error {
	return prepare(dir, func() (gen.Table, error) {
		t, err := gen.FlightTable(ctx, source, seed, gen.Late)
		random := rand.New(rand.NewPCG(seed, 1))
		for _, x := range t.X {
			for i := range x {
				if missing > 0 && random.Float64() < missing {
					x[i] = float32(math.NaN())
				}
			}
		}
		return t, err
	})
}

// Delays makes the folder of the real flights and how late they were.
func Delays(ctx context.Context, dir string, seed uint64, source string) error {
	return prepare(dir, func() (gen.Table, error) { return gen.FlightTable(ctx, source, seed, gen.Minutes) })
}

// Odd makes the folder of so many dense rows to train on and a fifth as many to test on, of which a hundredth are odd.
func Odd(dir string, seed uint64, rows int) error {
	return prepare(dir, func() (gen.Table, error) {
		t := denseTable(seed, rows)
		gen.Spoil(seed<<32, &t)
		return t, nil
	})
}

// File makes the folder of Parquet files of one schema, end to end.
func File(ctx context.Context, dir string, seed uint64, label string, paths ...string) error {
	return prepare(dir, func() (gen.Table, error) { return gen.FileTable(ctx, seed, label, paths) })
}

func prepare(dir string, table func() (gen.Table, error)) error {
	if _, err := os.Stat(filepath.Join(dir, "meta.json")); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	t, err := table()
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for _, c := range t.X {
		all.Write(raw(c))
	}
	text, err := json.Marshal(Meta{t.Names, t.Levels, len(t.Label), t.Test})
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{"x.f32", all.Bytes()}, {"y.f64", raw(t.Label)}, {"meta.json", text}} { // meta.json last: it says that the others are whole
		if err := os.WriteFile(filepath.Join(dir, file.name), file.data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// arrays are the open files of a folder.
type arrays struct {
	Meta
	x, y       *os.File
	categories bool // columns of codes are categories, not numbers
}

func open(dir string) (a arrays, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(text, &a.Meta)
	}
	if err == nil {
		a.x, err = os.Open(filepath.Join(dir, "x.f32"))
	}
	if err == nil {
		a.y, err = os.Open(filepath.Join(dir, "y.f64"))
	}
	return a, err
}

// rows reads the columns and the label of n rows, as a table has them.
func (a *arrays) rows(from, n int) (gbdt.Data, error) {
	d := gbdt.Data{N: n, Label: make([]float64, n)}
	if err := readAt(a.y, d.Label, from); err != nil {
		return d, err
	}
	for j, name := range a.Names {
		c := make([]float32, n)
		if err := readAt(a.x, c, j*a.Rows+from); err != nil {
			return d, err
		}
		f := gbdt.Feature{Name: name}
		if a.categories && a.Levels[j] > 0 {
			f.Codes, f.Levels = codes(c), a.Levels[j]
		} else {
			f.Read = func(dst []float64, from int) { // a table's columns come to the learner as they are
				for i, v := range c[from : from+len(dst)] {
					dst[i] = float64(v)
				}
			}
		}
		d.Features = append(d.Features, f)
	}
	return d, nil
}

// codes are numbers as a column of categories; what is missing is -1.
func codes(x []float32) []int32 {
	out := make([]int32, len(x))
	for i, v := range x {
		if out[i] = int32(v); v != v {
			out[i] = -1
		}
	}
	return out
}

func readAt[T float32 | float64](f io.ReaderAt, v []T, from int) error {
	_, err := f.ReadAt(raw(v), int64(from)*int64(unsafe.Sizeof(v[0])))
	return err
}

// raw is the memory of numbers.
func raw[T float32 | float64](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}

// save writes rows of a row's number, its label and its prediction, as NumPy does.
func save(path string, label, p []float64) error {
	head := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 3), }", len(p))
	text := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	text = append(text, head...)
	rows := make([]float64, 0, 3*len(p))
	for i := range p {
		rows = append(rows, float64(i), label[i], p[i])
	}
	return os.WriteFile(path, append(text, raw(rows)...), 0o666)
}
