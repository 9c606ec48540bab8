package gbdt

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/headrace/headrace/testing/race"
)

func BenchmarkFit(b *testing.B) {
	for _, kind := range []Objective{Binary, Regression} {
		b.Run(kind.String(), func(b *testing.B) {
			d := synth(1, 1_000_000, kind)
			d.Features = d.Features[:6]
			o := options(kind, func(o *Options) { o.Trees, o.Leaves = 100, 63 })
			b.ReportAllocs()
			for b.Loop() {
				fit(b, d, nil, o)
			}
		})
	}
}

// TestFlights fits real data where HEADRACE_DATA names the folder it is in:
// will a flight be more than 15 minutes late, from what is known before. The
// last fifth by date is the test.
func TestFlights(t *testing.T) {
	folder := os.Getenv("HEADRACE_DATA")
	if folder == "" {
		t.Skip("HEADRACE_DATA is not set: real data is not fitted")
	}
	if race.On {
		t.Skip("most of it is reading on one goroutine, which shows the race detector nothing")
	}
	train, test := flights(t, filepath.Join(folder, "flights-3m.parquet"))
	o := Defaults()
	o.Leaves = 63
	if os.Getenv("HEADRACE_TORTURE") == "" { // a tenth of the rows and of the trees: enough to see that the model learns
		train, test, o.Trees = thin(train), thin(test), 10
	}
	var want []byte
	for _, n := range []int{1, 2} {
		runtime.GC()
		start := time.Now()
		m, err := Fit(Env{Parallel: workers(n, 1)}, train, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		auc := measureOf(t, m, test, AUC)
		t.Logf("%d rows, %d workers: %d trees in %v, %d MiB from the system, AUC %.4f, log-loss %.5f; gains %.0f",
			train.N, n, len(m.Trees), took, mem.Sys>>20, auc, measureOf(t, m, test, LogLoss), m.Gain)
		if auc < 0.65 {
			t.Errorf("AUC %v: the hour alone gives that", auc)
		}
		got := encode(t, m)
		if want != nil && !slices.Equal(got, want) {
			t.Error("another model")
		}
		want = got
	}
}

// thin keeps every tenth row.
func thin(d Data) Data {
	o := Data{N: (d.N + 9) / 10}
	for i := 0; i < d.N; i += 10 {
		o.Label = append(o.Label, d.Label[i])
	}
	for _, f := range d.Features {
		g := Feature{Name: f.Name, Levels: f.Levels}
		for i := 0; i < d.N; i += 10 {
			if f.Values != nil {
				g.Values = append(g.Values, f.Values[i])
			} else {
				g.Codes = append(g.Codes, f.Codes[i])
			}
		}
		o.Features = append(o.Features, g)
	}
	return o
}

// flights reads the columns that the features are made of.
func flights(t *testing.T, path string) (train, test Data) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * 3600e6 // µs
	d := Data{Features: []Feature{{Name: "hour"}, {Name: "weekday"}, {Name: "day"}, {Name: "distance"}, {Name: "origin"}, {Name: "destination"}}}
	levels := [2]map[string]int32{{}, {}}
	var dates []float64
	buffer := make([]parquet.Row, 1000)
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		for {
			n, err := rows.ReadRows(buffer)
			for _, row := range buffer[:n] {
				if row[1].IsNull() || row[0].IsNull() {
					continue
				}
				date := float64(row[0].Int64())
				dates = append(dates, date)
				late := 0.0
				if row[1].Int64() > 15 {
					late = 1
				}
				d.Label = append(d.Label, late)
				miles := math.NaN()
				if !row[2].IsNull() {
					miles = float64(row[2].Int64())
				}
				for i, x := range []float64{math.Floor(math.Mod(date, day) / 3600e6 * 4), math.Mod(math.Floor(date/day), 7), math.Floor(date / day), miles} {
					d.Features[i].Values = append(d.Features[i].Values, x)
				}
				for i := range levels {
					code := int32(-1)
					if v := row[3+i]; !v.IsNull() {
						var known bool
						if code, known = levels[i][string(v.ByteArray())]; !known {
							code = int32(len(levels[i]))
							levels[i][string(v.ByteArray())] = code
						}
					}
					d.Features[4+i].Codes = append(d.Features[4+i].Codes, code)
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rows.Close()
	}
	d.N = len(d.Label)
	for i := range levels {
		d.Features[4+i].Levels = len(levels[i])
	}
	sorted := slices.Clone(dates)
	slices.Sort(sorted)
	cut := sorted[d.N*4/5]
	var a, b []int
	for i, date := range dates {
		if date < cut {
			a = append(a, i)
		} else {
			b = append(b, i)
		}
	}
	return take(d, a), take(d, b)
}
