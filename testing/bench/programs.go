package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/headrace/headrace/testing/bench/train"
)

// Program is work that is no query: each engine has a program of its own for it, on data of its own size. It is run as
//
//	ARGS --threads N --out FILE.npy --account FILE.json DATA
//
// and writes what Query.Score reads to the first file, and what package account says to the second.
type Program struct {
	Core string // what of the work is told apart
	Data func(ctx context.Context, s *Setup) ([]string, error)
	Args map[string][]string // by engine
}

// Self as the first of a program's arguments is this program; a name that ends in .py is a script in testing/peers.
const Self = "self"

func (p *Program) command(s *Setup, engine, data, out string) (Command, error) {
	args := p.Args[engine]
	name := []string{python, filepath.Join(peers(s), args[0])}
	if args[0] == Self {
		self, err := os.Executable()
		if err != nil {
			return Command{}, err
		}
		name = []string{self}
	}
	dir, threads := filepath.Join(s.Dir, "program"), strconv.Itoa(s.Threads)
	told := filepath.Join(dir, "account.json")
	return Command{
		Args:    append(append(name, args[1:]...), "--threads", threads, "--out", out, "--account", told, data),
		Env:     []string{"GOMAXPROCS=" + threads, "OMP_NUM_THREADS=" + threads},
		Dir:     dir,
		Account: told,
	}, nil
}

const (
	standardRows = 3e6 // what make bench measures at if not told otherwise
	seeds        = 3   // how many data each: scores are their means, rounds take them by turns
)

// training is a row that times the learner of trees.
func training(name string, data func(ctx context.Context, s *Setup) ([]string, error), doc string, leaves int, more ...string) Query {
	n := strconv.Itoa(leaves)
	args := func(first ...string) []string { return append(append(first, "--leaves", n), more...) }
	return Query{
		Name: name, Doc: doc, File: "train", Ext: ".npy", Peers: []string{"xgboost", "sklearn"},
		RowsMin: standardRows, RowsMax: standardRows, Score: auc, Near: 0.001, Far: 0.005,
		Program: &Program{Core: "train only", Data: data, Args: map[string][]string{
			"headrace": args(Self, train.Arg), "xgboost": args("xgb_arrays.py"), "sklearn": args("sk_arrays.py"),
		}},
	}
}

// growing is a row that times a forest of 100 trees; rows is how many of the rows are learnt from, 0 all.
func growing(name string, data func(ctx context.Context, s *Setup) ([]string, error), doc, learner string, rows int, more ...string) Query {
	args := func(first ...string) []string {
		return append(append(first, "--learner", learner, "--train", strconv.Itoa(rows)), more...)
	}
	score := auc
	switch learner {
	case "numbers":
		score = determined
	case "multiclass":
		score = accuracy
	}
	return Query{
		Name: name, Doc: doc, File: "train", Ext: ".npy", Peers: []string{"sklearn"},
		RowsMin: standardRows, RowsMax: standardRows, Score: score, Near: 0.005, Far: 0.03,
		Program: &Program{Core: "train only", Data: data, Args: map[string][]string{
			"headrace": args(Self, train.Arg), "sklearn": args("sk_forest_arrays.py"),
		}},
	}
}

// predicting is a row that times a model of trees, learnt from 200,000 rows: predicting the rows to test five times.
func predicting(name string, data func(ctx context.Context, s *Setup) ([]string, error), doc string, leaves int) Query {
	q := training(name, data, doc, leaves, "--train", "200000", "--predict", "5")
	q.Program.Core, q.Near, q.Far = "predict only", 0.005, 0.02
	return q
}

// gapped is the flights with a twentieth of the values missing; the airports are categories to us and numbers to the peers.
var gapped = func() Query {
	q := predicting("predict gaps", gaps, "3M flights, airports as categories, a twentieth missing", 31)
	q.Program.Args["headrace"] = append(q.Program.Args["headrace"], "--categories")
	return q
}()

// singly is rows one at a time, as a service predicts them: 0.02 s of the core are 2 us a row.
var singly = func() Query {
	q := predicting("predict one", dense, "10,000 of the rows, one at a time", 31)
	q.Peers = []string{"xgboost"}
	for engine, args := range q.Program.Args {
		q.Program.Args[engine] = append(args[:len(args)-2:len(args)-2], "--single", "10000")
	}
	return q
}()

// airports is without scikit-learn, which has no more than 255 categories.
var airports = func() Query {
	q := training("train airports 31", flights, "the flights, their airports as categories, 31 leaves", 31, "--categories")
	q.Peers, q.Least = []string{"xgboost"}, 0.712
	return q
}()

func dense(_ context.Context, s *Setup) ([]string, error) {
	return s.each("dense", func(dir string, seed uint64) error { return train.Dense(dir, seed, 1e6) })
}

func flights(ctx context.Context, s *Setup) ([]string, error) {
	return s.each("flights", func(dir string, seed uint64) error { return train.Flights(ctx, dir, seed, s.Source, 0) })
}

func gaps(ctx context.Context, s *Setup) ([]string, error) {
	return s.each("gaps", func(dir string, seed uint64) error { return train.Flights(ctx, dir, seed, s.Source, 0.05) })
}

func delays(ctx context.Context, s *Setup) ([]string, error) {
	return s.each("delays", func(dir string, seed uint64) error { return train.Delays(ctx, dir, seed, s.Source) })
}

func odd(_ context.Context, s *Setup) ([]string, error) {
	return s.each("odd", func(dir string, seed uint64) error { return train.Odd(dir, seed, 1e6) })
}

// adult and covertype lie beside the flights.
func adult(ctx context.Context, s *Setup) ([]string, error) {
	return s.files(ctx, "adult", "income", "adult/adult_train.parquet", "adult/adult_test.parquet")
}

func covertype(ctx context.Context, s *Setup) ([]string, error) {
	return s.files(ctx, "covertype", "Cover_Type", "covtype15k/covtype.parquet")
}

func (s *Setup) files(ctx context.Context, name, label string, files ...string) ([]string, error) {
	for i, f := range files {
		files[i] = filepath.Join(filepath.Dir(s.Source), filepath.FromSlash(f))
	}
	return s.each(name, func(dir string, seed uint64) error { return train.File(ctx, dir, seed, label, files...) })
}

// each makes data of every seed, each in a folder of its own.
func (s *Setup) each(name string, make func(dir string, seed uint64) error) (data []string, err error) {
	for seed := range uint64(seeds) {
		dir := filepath.Join(s.Dir, "train", fmt.Sprintf("%s-%d", name, seed))
		if err := make(dir, seed); err != nil {
			return nil, err
		}
		data = append(data, dir)
	}
	return data, nil
}
