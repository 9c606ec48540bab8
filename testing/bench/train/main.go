// Command train times train.gbdt's core and XGBoost in turns on the same numbers: how long binning and training take, what it needs of
// memory, how well it ranks rows that it has not seen.
//
//	go run ./testing/bench/train -data dense -rows 1000000 -leaves 31
//	go run ./testing/bench/train -data flights -leaves 255
//
// Each fit is a process of its own that reads the arrays first; reading is not timed. XGBoost is Debian's (make peers).
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/headrace/headrace/operators/train/gbdt"
	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/bench/stats"
)

type flags struct {
	data, dir, source, python, peer string
	rows                            int
	leaves, trees, rounds, threads  int
	categories                      bool
	child                           bool
}

func main() {
	f := flags{}
	flag.StringVar(&f.data, "data", "dense", "dense, or flights")
	flag.StringVar(&f.dir, "dir", "build/bench/train", "folder for the arrays")
	flag.StringVar(&f.source, "source", filepath.Join(cmp.Or(os.Getenv("HEADRACE_DATA"), "data"), "flights-3m.parquet"), "the real flights")
	flag.StringVar(&f.python, "python", "/usr/bin/python3", "an interpreter that has xgboost and sklearn; empty times Headrace alone")
	flag.StringVar(&f.peer, "peer", "testing/peers/xgb_arrays.py", "the peer's script")
	flag.IntVar(&f.rows, "rows", 1_000_000, "rows to train on, of dense data")
	flag.IntVar(&f.leaves, "leaves", 31, "leaves of a tree")
	flag.IntVar(&f.trees, "trees", 100, "trees")
	flag.IntVar(&f.rounds, "rounds", 5, "rounds")
	flag.IntVar(&f.threads, "threads", 2, "threads of either")
	flag.BoolVar(&f.categories, "categories", false, "train.gbdt learns airports as categories; the peer as numbers, as ever")
	flag.BoolVar(&f.child, "child", false, "fit once and say how it went, as JSON")
	flag.Parse()
	if err := f.run(); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

// meta says what the arrays of a folder hold: x.f32, columns end to end, and y.f64; the last Test rows are not trained on.
type meta struct {
	Names  []string
	Levels []int // of each column: how many codes, where it is codes
	Rows   int
	Test   int
}

// result is what a fit says of itself.
type result struct {
	Seconds float64 `json:"seconds"` // binning and training
	AUC     float64 `json:"auc"`     // on the rows not trained on
	MiB     float64 `json:"mib"`     // greatest resident size of the process, the arrays among it
	Base    float64 `json:"base"`    // of which before the fit
}

func (f *flags) run() error {
	name := f.data
	if f.data == "dense" {
		name += "-" + gen.Size(int64(f.rows))
	}
	dir := filepath.Join(f.dir, name)
	if f.child {
		return f.fit(dir)
	}
	if err := f.prepare(dir); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	common := []string{"-leaves", fmt.Sprint(f.leaves), "-trees", fmt.Sprint(f.trees), "-threads", fmt.Sprint(f.threads)}
	ours := append([]string{self, "-child", "-data", f.data, "-dir", f.dir, "-rows", fmt.Sprint(f.rows), fmt.Sprintf("-categories=%v", f.categories)}, common...)
	theirs := append([]string{f.python, f.peer, dir}, common...)
	var a, b []result
	for range f.rounds {
		r, err := once(ours)
		if err != nil {
			return err
		}
		a = append(a, r)
		fmt.Printf("headrace %7.3f s  AUC %.5f  %5.0f MiB, %5.0f before the fit\n", r.Seconds, r.AUC, r.MiB, r.Base)
		if f.python == "" {
			continue
		}
		if r, err = once(theirs); err != nil {
			return err
		}
		b = append(b, r)
		fmt.Printf("xgboost  %7.3f s  AUC %.5f  %5.0f MiB, %5.0f before the fit\n", r.Seconds, r.AUC, r.MiB, r.Base)
	}
	if b != nil {
		i := stats.Ratios(seconds(a), seconds(b))
		fmt.Printf("%s, %d leaves: headrace / xgboost %.3f [%.3f, %.3f]\n", name, f.leaves, i.Mid, i.Low, i.High)
	}
	return nil
}

func seconds(r []result) (s []float64) {
	for _, x := range r {
		s = append(s, x.Seconds)
	}
	return s
}

func once(command []string) (r result, err error) {
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(os.Environ(), "OMP_NUM_THREADS="+command[len(command)-1])
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return r, fmt.Errorf("%s: %w", command[0], err)
	}
	return r, json.Unmarshal(out, &r)
}

// prepare writes the arrays where they are not there yet.
func (f *flags) prepare(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "meta.json")); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var m meta
	var x [][]float32
	var y []float64
	switch f.data {
	case "dense":
		m.Test = f.rows / 5
		m.Rows = f.rows + m.Test
		x, y = gen.Dense(0, m.Rows)
		for j := range x {
			m.Names, m.Levels = append(m.Names, fmt.Sprintf("x%d", j)), append(m.Levels, 0)
		}
	case "flights":
		t, err := gen.FlightTable(context.Background(), f.source)
		if err != nil {
			return err
		}
		m = meta{t.Names, t.Levels, len(t.Label), t.Test}
		x, y = t.X, t.Label
	default:
		return fmt.Errorf("no data %q: dense, flights", f.data)
	}
	var all bytes.Buffer
	for _, c := range x {
		all.Write(raw(c))
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{"x.f32", all.Bytes()}, {"y.f64", raw(y)}, {"meta.json", text}} { // meta.json last: it says that the others are whole
		if err := os.WriteFile(filepath.Join(dir, file.name), file.data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// raw is the memory of numbers; of those is numbers in memory.
func raw[T float32 | float64](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}

func of[T float32 | float64](path string, n int) ([]T, error) {
	v := make([]T, n)
	b, err := os.ReadFile(path)
	if err == nil && len(b) != len(raw(v)) {
		err = fmt.Errorf("%s has %d bytes, want %d", path, len(b), len(raw(v)))
	}
	copy(raw(v), b)
	return v, err
}

// load reads the arrays as the columns that a table has.
func (f *flags) load(dir string) (train, test gbdt.Data, err error) {
	var m meta
	text, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return train, test, err
	}
	x, err := of[float32](filepath.Join(dir, "x.f32"), m.Rows*len(m.Names))
	if err != nil {
		return train, test, err
	}
	y, err := of[float64](filepath.Join(dir, "y.f64"), m.Rows)
	if err != nil {
		return train, test, err
	}
	n := m.Rows - m.Test
	train, test = gbdt.Data{N: n, Label: y[:n]}, gbdt.Data{N: m.Test, Label: y[n:]}
	for j, name := range m.Names {
		c := x[j*m.Rows:][:m.Rows]
		a, b := gbdt.Feature{Name: name}, gbdt.Feature{Name: name}
		if f.categories && m.Levels[j] > 0 {
			codes := make([]int32, m.Rows)
			for i, v := range c {
				codes[i] = int32(v)
			}
			a.Codes, b.Codes, a.Levels, b.Levels = codes[:n], codes[n:], m.Levels[j], m.Levels[j]
		} else {
			a.Read, b.Read = reader(c[:n]), reader(c[n:])
		}
		train.Features, test.Features = append(train.Features, a), append(test.Features, b)
	}
	return train, test, nil
}

// reader gives the numbers as floats of 64 bits: a table's columns come to the learner as they are.
func reader(c []float32) func(dst []float64, from int) {
	return func(dst []float64, from int) {
		for i, v := range c[from : from+len(dst)] {
			dst[i] = float64(v)
		}
	}
}

// fit fits once and prints the result.
func (f *flags) fit(dir string) error {
	train, test, err := f.load(dir)
	if err != nil {
		return err
	}
	runtime.GC()
	var r result
	r.Base = resident()
	o := gbdt.Defaults()
	o.Leaves, o.Trees = f.leaves, f.trees
	began := time.Now()
	m, err := gbdt.Fit(gbdt.Env{Parallel: parallel(f.threads)}, train, nil, o)
	if err != nil {
		return err
	}
	r.Seconds, r.MiB = time.Since(began).Seconds(), resident()
	score := make([]float64, test.N)
	parallel(f.threads)(64, func(i int) {
		part := append([]gbdt.Feature(nil), test.Features...)
		lo, hi := i*test.N/64, (i+1)*test.N/64
		for j := range part {
			if c := &part[j]; c.Codes != nil {
				c.Codes = c.Codes[lo:hi]
			} else {
				read := c.Read
				c.Read = func(dst []float64, from int) { read(dst, lo+from) }
			}
		}
		m.Predict(part, score[lo:hi])
	})
	r.AUC = auc(score, test.Label)
	return json.NewEncoder(os.Stdout).Encode(r)
}

// resident is the greatest resident size so far, in MiB.
func resident() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Maxrss) / 1024
}

// parallel is what the engine lends a fit.
func parallel(threads int) func(n int, f func(int)) {
	return func(n int, f func(int)) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range min(threads, n) {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					f(i)
				}
			})
		}
		wg.Wait()
	}
}

// auc is the share of pairs that the scores order rightly, ties counted half.
func auc(score, label []float64) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return score[order[i]] < score[order[j]] })
	var zeros, ones, hits float64
	for i := 0; i < len(order); {
		var tied [2]float64
		for s := score[order[i]]; i < len(order) && score[order[i]] == s; i++ {
			tied[int(label[order[i]])]++
		}
		hits += tied[1] * (zeros + tied[0]/2)
		zeros, ones = zeros+tied[0], ones+tied[1]
	}
	return hits / zeros / ones
}
