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
	each := parallel(*threads)
	var did account.Account
	model, err := fit(&a, each, o, &did)
	if err != nil {
		return err
	}
	end := account.Start("prediction")
	if *out != "" {
		if err := predict(&a, each, model, *out); err != nil {
			return err
		}
	}
	did.Apart = []account.Phase{end()}
	return did.Write(*told)
}

func fit(a *arrays, each func(int, func(int)), o gbdt.Options, did *account.Account) (*gbdt.Model, error) {
	d, err := a.rows(0, a.Rows-a.Test)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	model, err := gbdt.Fit(gbdt.Env{Parallel: each}, d, nil, o)
	did.Core, did.Peak = time.Since(began).Seconds(), account.Resident()
	return model, err
}

func predict(a *arrays, each func(int, func(int)), model *gbdt.Model, out string) error {
	const size = 1 << 14
	from := a.Rows - a.Test
	label, p := make([]float64, a.Test), make([]float64, a.Test)
	parts := (a.Test + size - 1) / size
	errs := make([]error, parts)
	each(parts, func(i int) {
		lo, hi := i*size, min((i+1)*size, a.Test)
		d, err := a.rows(from+lo, hi-lo)
		if errs[i] = err; err == nil {
			copy(label[lo:hi], d.Label)
			model.Predict(d.Features, p[lo:hi])
		}
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return save(out, label, p)
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
