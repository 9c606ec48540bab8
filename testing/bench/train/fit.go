package train

import (
	"errors"
	"flag"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headrace/headrace/operators/train/gbdt"
	"github.com/headrace/headrace/testing/bench/account"
)

// Arg as the first argument makes the benchmark a process that fits once.
const Arg = "fit"

// Main reads the arrays of a folder, fits, and predicts the rows to test. The peers' scripts take the same flags.
func Main(args []string) error {
	f := flag.NewFlagSet(Arg, flag.ExitOnError)
	o := gbdt.Defaults()
	f.IntVar(&o.Leaves, "leaves", 31, "leaves of a tree")
	f.IntVar(&o.Trees, "trees", 100, "trees")
	rows := f.Int("train", 0, "how many of the rows to train on; 0: all")
	times := f.Int("predict", 0, "time predicting the rows to test, so many times, in place of the fit")
	single := f.Int("single", 0, "time predicting so many of the rows to test one at a time, in place of the fit")
	var grow forestOptions
	f.StringVar(&grow.learner, "learner", "", "a forest in place of boosted trees: forest, extra, numbers, multiclass or isolation")
	f.StringVar(&grow.target, "target", "", "of a forest, the column that is learnt; if not given, the label")
	f.IntVar(&grow.rows, "rows", 0, "of a forest, rows per leaf at least; if not given, one")
	threads := f.Int("threads", 2, "threads")
	categories := f.Bool("categories", false, "columns of codes are categories, not numbers")
	out := f.String("out", "", "file of the predictions")
	told := f.String("account", "", "file of the account; standard output if not given")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return errors.New("usage: fit FLAGS FOLDER")
	}
	a, err := open(f.Arg(0))
	if err != nil {
		return err
	}
	a.categories = *categories
	n := a.Rows - a.Test
	if *rows > 0 {
		n = min(n, *rows)
	}
	all := account.Start("making ready")
	each := parallel(*threads)
	var did account.Account
	var m *served
	var model *gbdt.Model
	if grow.learner != "" {
		grow.trees = o.Trees
		m, err = learn(&a, n, each, &grow, &did)
	} else {
		model, err = fit(&a, n, each, o, &did)
	}
	if err != nil {
		return err
	}
	end := account.Start("prediction")
	if m == nil {
		if m, err = serve(&a, model); err != nil {
			return err
		}
	}
	if *times+*single == 0 {
		if *out != "" {
			if err := m.predict(each, *out); err != nil {
				return err
			}
		}
		did.Apart = []account.Phase{end()}
		return did.Write(*told)
	}
	work, err := m.timed(each, *times, *single)
	if err == nil && *out != "" {
		err = m.predict(each, *out)
	}
	if err != nil {
		return err
	}
	rest := all()
	rest.Wall, rest.CPU = rest.Wall-work.Wall, rest.CPU-work.CPU
	did = account.Account{Core: work.Wall, Apart: []account.Phase{rest}}
	return did.Write(*told)
}

func fit(a *arrays, n int, each func(int, func(int)), o gbdt.Options, did *account.Account) (*gbdt.Model, error) {
	d, err := a.rows(0, n)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	model, err := gbdt.Fit(gbdt.Env{Parallel: each}, d, nil, o)
	did.Core, did.Peak = time.Since(began).Seconds(), account.Resident()
	return model, err
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
