// Command predict times how fast models of trees predict: Headrace's, XGBoost's and scikit-learn's, in turns, each its own model of as many trees
// and leaves, learnt from the same rows, on the same rows.
//
//	go run ./testing/bench/predict -data dense -leaves 31
//	go run ./testing/bench/predict -data flights -categories -missing 0.05
//
// Headrace predicts with the kind that a published model has, from columns of 32-bit floats, in batches as the engine cuts them; the peers
// from a matrix of the same floats, which is ready before the clock starts. Of XGBoost's two ways the faster counts. It prints rows a second, the time
// of one row, and how many times as fast Headrace is. The peers are Debian's (make peers).
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/operators/train/gbdt"
	"github.com/headrace/headrace/testing/bench"
	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/bench/stats"
)

type flags struct {
	data, dir, source, python, peer, with, json      string
	train, rows, leaves, trees, rounds, threads, cut int
	missing                                          float64
	categories                                       bool
}

func main() {
	f := flags{}
	flag.StringVar(&f.data, "data", "dense", "dense, or flights")
	flag.StringVar(&f.dir, "dir", "build/bench/predict", "folder for the arrays")
	flag.StringVar(&f.source, "source", filepath.Join(cmp.Or(os.Getenv("HEADRACE_DATA"), "data"), "flights-3m.parquet"), "the real flights")
	flag.StringVar(&f.python, "python", "/usr/bin/python3", "an interpreter that has xgboost and sklearn; empty times Headrace alone")
	flag.StringVar(&f.peer, "peer", "testing/peers/predict.py", "the peers' script")
	flag.StringVar(&f.with, "with", "xgboost,sklearn", "the peers")
	flag.StringVar(&f.json, "json", "", "file for the result, as make bench has its own")
	flag.IntVar(&f.train, "train", 200_000, "rows to train on")
	flag.IntVar(&f.rows, "rows", 500_000, "rows to predict")
	flag.IntVar(&f.cut, "batch", 16_384, "rows of a batch")
	flag.IntVar(&f.leaves, "leaves", 31, "leaves of a tree")
	flag.IntVar(&f.trees, "trees", 100, "trees")
	flag.IntVar(&f.rounds, "rounds", 9, "rounds")
	flag.IntVar(&f.threads, "threads", 2, "threads of each")
	flag.Float64Var(&f.missing, "missing", 0, "share of the values that are taken out")
	flag.BoolVar(&f.categories, "categories", false, "train.gbdt learns airports as categories; the peers as numbers")
	flag.Parse()
	if err := f.run(); err != nil {
		fmt.Fprintln(os.Stderr, "predict:", err)
		os.Exit(1)
	}
}

func (f *flags) run() error {
	t, err := f.table()
	if err != nil {
		return err
	}
	o, err := f.ours(&t)
	if err != nil {
		return err
	}
	p, err := f.peers(&t)
	if err != nil {
		return err
	}
	defer p.close()
	name := fmt.Sprintf("predict %s %d", f.data, f.leaves)
	r := bench.Result{Name: name, Doc: fmt.Sprintf("%d trees of %d leaves, %d rows of %d columns", f.trees, f.leaves, f.rows, len(t.X)),
		Samples: map[string][]bench.Sample{}, Medians: map[string]bench.Sample{}, Ratios: map[string]bench.Ratio{}}
	seconds := map[string][]float64{}
	ask := []string{"headrace", "headrace-row"}
	if p != nil {
		for who := range strings.SplitSeq(f.with, ",") {
			if ask = append(ask, who); who == "xgboost" {
				ask = append(ask, "xgboost-matrix", "xgboost-row")
			}
		}
	}
	for round := range f.rounds + 1 {
		for i := range ask {
			who := ask[(i+round)%len(ask)]
			var s float64
			switch who {
			case "headrace":
				s, err = o.all(f.threads, f.cut)
			case "headrace-row":
				s, err = o.one()
			default:
				s, err = p.ask(who)
			}
			if err != nil {
				return err
			}
			if round > 0 { // the first warms up
				seconds[who] = append(seconds[who], s)
			}
		}
	}
	fmt.Printf("%s: %s, %d threads, %d rounds\n", name, r.Doc, f.threads, f.rounds)
	for _, who := range ask {
		m := stats.Median(seconds[who])
		if strings.HasSuffix(who, "-row") {
			fmt.Printf("%-16s %9.3f us a row, one at a time\n", strings.TrimSuffix(who, "-row"), m*1e6)
			continue
		}
		fmt.Printf("%-16s %9.3f million rows/s\n", who, float64(f.rows)/m/1e6)
		for _, s := range seconds[who] {
			r.Samples[who] = append(r.Samples[who], bench.Sample{Wall: s})
		}
		r.Medians[who] = bench.Sample{Wall: m}
		if who != "headrace" {
			i := stats.Ratios(seconds[who], seconds["headrace"])
			fmt.Printf("%-16s headrace is %.2f times as fast [%.2f, %.2f]\n", "", i.Mid, i.Low, i.High)
			r.Ratios[who] = bench.Ratio{Wall: stats.Ratios(seconds["headrace"], seconds[who])}
		}
	}
	if f.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.json, append(text, '\n'), 0o666)
}

// table is the rows to train on and then those to predict.
func (f *flags) table() (t gen.Table, err error) {
	n := f.train + f.rows
	switch f.data {
	case "dense":
		t.X, t.Label = gen.Dense(0, n)
		t.Levels = make([]int, len(t.X))
	case "flights":
		if t, err = gen.FlightTable(context.Background(), f.source, 0); err != nil {
			return t, err
		}
		if len(t.Label) < n {
			return t, fmt.Errorf("%d flights, %d are asked for", len(t.Label), n)
		}
		for j := range t.X {
			t.X[j] = t.X[j][:n]
		}
		t.Label = t.Label[:n]
	default:
		return t, fmt.Errorf("no data %q: dense, flights", f.data)
	}
	out := uint32(f.missing * math.MaxUint32)
	state := uint64(1)
	for j := range t.X {
		for i := range t.X[j] {
			state = state*6364136223846793005 + 1442695040888963407
			if uint32(state>>32) < out {
				t.X[j][i] = float32(math.NaN())
			}
		}
	}
	return t, nil
}

// ours is the model as it is published, and the columns.
type ours struct {
	graph program.Graph
	cols  []batch.Column
	rows  int
	ctx   []batch.Ctx
}

func (f *flags) ours(t *gen.Table) (*ours, error) {
	d := gbdt.Data{N: f.train, Label: t.Label[:f.train]}
	o := &ours{rows: f.rows, ctx: make([]batch.Ctx, f.threads)}
	k := &program.Trees{Link: program.Sigmoid}
	var in []program.Named
	for j, x := range t.X {
		feature := gbdt.Feature{Name: fmt.Sprint("x", j)}
		levels, col := 0, batch.OfFloat32s(x[f.train:])
		if f.categories && t.Levels[j] > 0 {
			codes := make([]int32, len(x))
			for i, v := range x {
				if codes[i] = int32(v); v != v {
					codes[i] = -1
				}
			}
			levels, col = t.Levels[j], batch.OfInt32s(codes[f.train:])
			feature.Codes, feature.Levels = codes[:f.train], levels
		} else {
			feature.Values = make([]float64, f.train)
			for i, v := range x[:f.train] {
				feature.Values[i] = float64(v)
			}
		}
		k.Levels = append(k.Levels, int32(levels))
		d.Features, o.cols = append(d.Features, feature), append(o.cols, col)
		in = append(in, program.Named{Name: feature.Name, Type: col.Type})
	}
	options := gbdt.Defaults()
	options.Leaves, options.Trees = f.leaves, f.trees
	m, err := gbdt.Fit(gbdt.Env{Parallel: parallel(f.threads)}, d, nil, options)
	if err != nil {
		return nil, err
	}
	k.Base = m.Base[0]
	for _, x := range m.Trees {
		k.Trees = append(k.Trees, program.Tree{Feature: x.Feature, Threshold: x.Threshold, Left: x.Left, Right: x.Right,
			MissingLeft: x.MissingLeft, Cat: x.Cat, Bits: x.Bits, Leaf: x.Leaf})
	}
	began := time.Now()
	o.graph = program.One(k, in, []program.Named{{Name: "p", Type: batch.T(batch.Float64)}})
	fmt.Printf("made ready in %.1f ms\n", time.Since(began).Seconds()*1e3)
	return o, nil
}

// all predicts all rows and gives the seconds.
func (o *ours) all(threads, cut int) (float64, error) {
	began := time.Now()
	var next atomic.Int64
	errs := make([]error, threads)
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			cols := make([]batch.Column, len(o.cols))
			for errs[w] == nil {
				lo := int(next.Add(int64(cut))) - cut
				if lo >= o.rows {
					return
				}
				n := min(cut, o.rows-lo)
				o.ctx[w].Reset()
				for j := range cols {
					cols[j] = o.cols[j].Slice(&o.ctx[w], lo, lo+n)
				}
				_, errs[w] = o.graph.Batch(&o.ctx[w], n, cols)
			}
		})
	}
	wg.Wait()
	return time.Since(began).Seconds(), cmp.Or(errs...)
}

// one predicts rows one at a time, each put into a frame as a request's is, and gives the seconds a row.
func (o *ours) one() (float64, error) {
	const rows = 20_000
	f := o.graph.Frame()
	began := time.Now()
	for i := range rows {
		for j, p := range o.graph.In {
			f.SetRow(p.Slot, &o.cols[j], i%o.rows)
		}
		if err := o.graph.Row(f); err != nil {
			return 0, err
		}
	}
	return time.Since(began).Seconds() / rows, nil
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

// peers is the script that has trained and waits to be asked.
type peers struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (f *flags) peers(t *gen.Table) (*peers, error) {
	if f.python == "" {
		return nil, nil
	}
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	meta, err := json.Marshal(map[string]int{"Columns": len(t.X), "Rows": f.train + f.rows, "Train": f.train})
	if err != nil {
		return nil, err
	}
	var x []byte
	for _, c := range t.X {
		x = append(x, raw(c)...)
	}
	for name, data := range map[string][]byte{"x.f32": x, "y.f64": raw(t.Label), "meta.json": meta} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return nil, err
		}
	}
	p := &peers{cmd: exec.Command(f.python, f.peer, dir, "--leaves", fmt.Sprint(f.leaves), "--trees", fmt.Sprint(f.trees), "--threads", fmt.Sprint(f.threads),
		"--peers", f.with)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), fmt.Sprintf("OMP_NUM_THREADS=%d", f.threads)), os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_, err = p.line()
	return p, err
}

func (p *peers) line() (string, error) {
	s, err := p.out.ReadString('\n')
	return strings.TrimSpace(s), err
}

// ask gives the seconds that a peer took.
func (p *peers) ask(who string) (float64, error) {
	if _, err := fmt.Fprintln(p.in, who); err != nil {
		return 0, err
	}
	s, err := p.line()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", who, err)
	}
	return strconv.ParseFloat(s, 64)
}

func (p *peers) close() {
	if p != nil {
		p.in.Close()
		_ = p.cmd.Wait() // its answers are in
	}
}

// raw is the memory of numbers.
func raw[T float32 | float64](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}
