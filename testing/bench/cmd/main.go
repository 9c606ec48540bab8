// Command cmd is the benchmark: it makes the data, runs Headrace and its peers in turns, and says how they compare. `make bench` and
// `make bench-check` run it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"

	"github.com/headrace/headrace/testing/bench"
	"github.com/headrace/headrace/testing/bench/gen"
	"github.com/headrace/headrace/testing/bench/train"
)

func main() {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case bench.MeasureArg:
			exit(bench.Measure(os.Args[2:]))
		case train.Arg:
			exit(train.Main(os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, parse()))
}

func exit(err error) {
	var failed *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &failed) && os.Args[1] == bench.MeasureArg:
		os.Exit(max(failed.ExitCode(), 1))
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// flags are what the command is asked for.
type flags struct {
	bench.Setup
	rows    int64
	rounds  int
	only    string
	peers   string
	random  int
	seed    string
	results string
	check   bool
	save    bool
	scaling bool
	make    string
}

func parse() *flags {
	f := &flags{}
	flag.StringVar(&f.Root, "root", ".", "the repository")
	flag.StringVar(&f.Headrace, "headrace", "bin/headrace", "the binary")
	flag.StringVar(&f.Dir, "dir", "build/bench", "folder for data and what is written")
	flag.IntVar(&f.Threads, "threads", 2, "threads of every engine")
	flag.StringVar(&f.Codec, "codec", "snappy", "of the data and of what is written: snappy or zstd")
	flag.Int64Var(&f.rows, "rows", 3e6, "rows of the data")
	flag.IntVar(&f.rounds, "rounds", 7, "rounds; fewer than six give no interval of 95 %")
	flag.StringVar(&f.only, "only", "", "regular expression of the queries' names")
	flag.StringVar(&f.peers, "peers", "duckdb,polars,xgboost,sklearn", "whom to compare with")
	flag.IntVar(&f.random, "random", 6, "how many random queries")
	flag.StringVar(&f.seed, "seed", "", "of the random queries, in hex digits; the commit's first eight by default")
	flag.StringVar(&f.Source, "source", "", "the real flights; by default flights-3m.parquet in $HEADRACE_DATA or data")
	flag.StringVar(&f.results, "results", "testing/bench/results", "folder of results")
	flag.BoolVar(&f.check, "check", false, "fail where a ratio is worse than the reference's")
	flag.BoolVar(&f.save, "save", false, "make this run the reference of this class of machine")
	flag.StringVar(&f.make, "make", "", "make the data as this file, and measure nothing")
	flag.BoolVar(&f.scaling, "scaling", false, "compare processor time at 3 and 30 million rows instead")
	flag.Parse()
	if f.Source == "" {
		dir := os.Getenv("HEADRACE_DATA")
		if dir == "" {
			dir = "data"
		}
		f.Source = filepath.Join(dir, "flights-3m.parquet")
	}
	return f
}

func run(ctx context.Context, f *flags) error {
	if f.Codec != "snappy" && f.Codec != "zstd" {
		return fmt.Errorf("no codec %q: snappy or zstd", f.Codec)
	}
	for _, p := range []*string{&f.Root, &f.Headrace, &f.Dir, &f.Source} { // children may run elsewhere
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	if f.make != "" {
		m, err := f.data(ctx, f.rows)
		if err != nil {
			return err
		}
		return os.Rename(m.Path, f.make)
	}
	engines, err := bench.Pick(f.peers)
	if err != nil {
		return err
	}
	queries, err := f.queries(os.Stdout)
	if err != nil {
		return err
	}
	c := &bench.Competition{Setup: f.Setup, Engines: engines, Queries: queries, Rounds: f.rounds, Log: os.Stdout}
	if f.scaling {
		return f.scale(ctx, c)
	}
	return f.compete(ctx, c)
}

// queries are the rows and the random queries that were asked for.
func (f *flags) queries(out io.Writer) ([]bench.Query, error) {
	wanted, err := regexp.Compile(f.only)
	if err != nil {
		return nil, err
	}
	all := bench.Rows(f.Root)
	if f.random > 0 {
		more, err := f.draw(out)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	var some []bench.Query
	for _, q := range all {
		other := q.RowsMax > 0 && (f.rows > q.RowsMax || f.rows < q.RowsMin || f.scaling)
		if wanted.MatchString(q.Name) && !(other && f.only == "") {
			some = append(some, q)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no query's name matches %q", f.only)
	}
	return some, nil
}

// data makes the flights, or finds them.
func (f *flags) data(ctx context.Context, rows int64) (gen.Made, error) {
	if _, err := os.Stat(f.Source); err != nil {
		return gen.Made{}, fmt.Errorf("the real flights, make data fetches them: %w", err)
	}
	m, err := gen.File(ctx, filepath.Join(f.Dir, "data"), gen.Params{Source: f.Source, Rows: rows, Codec: f.Codec})
	if err == nil {
		fmt.Printf("%s: %d rows, %d MiB;\n  %d repeated rows, %d null delays, %d null air times\n",
			filepath.Base(m.Path), m.Rows, m.Bytes>>20, m.Duplicates, m.DelayNulls, m.AirNulls)
	}
	return m, err
}

func (f *flags) compete(ctx context.Context, c *bench.Competition) error {
	m, err := f.data(ctx, f.rows)
	if err != nil {
		return err
	}
	c.Data, c.Rows = m.Path, m.Rows
	report, err := c.NewReport()
	if err != nil {
		return err
	}
	if report.Results, err = c.Run(ctx); err != nil {
		return err
	}
	report.Print(os.Stdout, c.Engines)
	if err := f.keep(&report, c.Engines); err != nil {
		return err
	}
	if f.check {
		if err := f.compare(&report); err != nil {
			return err
		}
	}
	return differs(&report)
}

// keep writes the raw report, the plot and, where asked for, the reference.
func (f *flags) keep(r *bench.Report, engines []bench.Engine) error {
	if err := r.Save(r.File(f.results, ".raw.json")); err != nil {
		return err
	}
	fmt.Println("rounds    ", r.File(f.results, ".raw.json"))
	if r.Measured() {
		for _, end := range []string{".svg", ".png"} {
			if err := r.Plot(r.File(f.results, end), engines); err != nil {
				return err
			}
		}
		fmt.Println("plot      ", r.File(f.results, ".svg"))
	}
	if !f.save {
		return nil
	}
	ref := r.Reference()
	fmt.Println("reference ", ref.File(f.results, ".json"))
	return ref.Save(ref.File(f.results, ".json"))
}

func (f *flags) compare(r *bench.Report) error {
	path := r.File(f.results, ".json")
	ref, err := bench.Load(path)
	if err != nil {
		return fmt.Errorf("no reference for this class of machine, make bench BENCH_SAVE=1 makes one: %w", err)
	}
	wanted, err := regexp.Compile(f.only)
	if err != nil {
		return err
	}
	slower, compared := r.Slower(&ref, wanted.MatchString)
	for _, s := range slower {
		fmt.Println("slower:", s)
	}
	switch {
	case len(slower) > 0:
		return fmt.Errorf("%d of %d ratios are more than %.2f times the reference's", len(slower), compared, bench.SlowerMax)
	case compared == 0:
		return fmt.Errorf("%s holds nothing that was measured now", path)
	}
	fmt.Printf("%d ratios are within %.2f times those of %s\n", compared, bench.SlowerMax, path)
	return nil
}

func differs(r *bench.Report) error {
	for _, one := range r.Results {
		if one.Differs != "" {
			return fmt.Errorf("%s: results differ: %s", one.Name, one.Differs)
		}
	}
	return nil
}
