package forest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/testing/race"
)

// peak is how much the heap grows while f runs.
func peak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
				runtime.Gosched()
			}
		}
	}()
	f()
	close(stop)
	<-done
	return int64(most - before)
}

// What a fit asks for is about what it takes: of wide columns, many classes, labels that all differ, and many workers.
func TestAsksForMemory(t *testing.T) {
	if race.On {
		t.Skip("the race detector takes memory of its own")
	}
	const n = 8000
	for name, x := range map[string]struct {
		wide, classes, workers int
		options                string
	}{
		"wide":    {wide: 200, classes: 2, workers: 2, options: "trees: 3, max_depth: 6"},
		"numbers": {wide: 4, workers: 2, options: "trees: 40"},
		"extra":   {wide: 4, workers: 2, options: "trees: 40, method: extra_trees"},
		"two":     {wide: 4, classes: 2, workers: 2, options: "trees: 40"},
		"classes": {wide: 4, classes: 60, workers: 2, options: "trees: 20, min_rows: 5"},
		"workers": {wide: 4, classes: 3, workers: 16, options: "trees: 16, max_depth: 5"},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		in, b := operators.Schema{}, batch.Batch{N: n, Part: make([]uint8, n)}
		var members []string
		for j := range x.wide {
			members = append(members, fmt.Sprint("x", j))
		}
		v := (*batch.Ctx)(nil).NewVector(n, members)
		for j := range members {
			c := v.Member(j)
			for i := range c {
				c[i] = r.NormFloat64()
			}
		}
		b.Cols = append(b.Cols, v)
		in.Fields = append(in.Fields, operators.Field{Name: "x", Type: v.Type})
		task := operators.Task{Kind: operators.Regression, Label: "y"}
		var label batch.Column
		if x.classes == 0 {
			y := make([]float64, n)
			for i := range y {
				y[i] = r.NormFloat64()
			}
			label = batch.OfFloat64s(y)
		} else {
			task.Kind = operators.Multiclass
			y := make([]string, n)
			for i := range y {
				y[i] = fmt.Sprint(r.IntN(x.classes))
			}
			label = batch.OfStrings(y)
		}
		b.Cols = append(b.Cols, label)
		in.Fields = append(in.Fields, operators.Field{Name: "y", Type: label.Type})

		var asked atomic.Int64
		env := modeltest.Workers(x.workers, 1)
		env.Grant = func(bytes int64) error {
			for was := asked.Load(); bytes > was && !asked.CompareAndSwap(was, bytes); was = asked.Load() {
			}
			return nil
		}
		o := &Operator{}
		modeltest.Options(t, "{"+x.options+"}", o)
		site := modeltest.Site(in, task)
		out, _ := o.Check(site)
		train := modeltest.Pick(in, b, batch.AllRows, out.Reads.Cols)
		took := peak(func() {
			f, err := o.Fit(site, env, train, operators.Table{})
			if err != nil {
				t.Error(err)
			}
			runtime.KeepAlive(f)
		})
		t.Logf("%s: %.1f MiB asked for, %.1f taken", name, float64(asked.Load())/(1<<20), float64(took)/(1<<20))
		if asked.Load() < took/2 || asked.Load() > took*5/2 {
			t.Errorf("%s: %.1f MiB asked for, %.1f taken", name, float64(asked.Load())/(1<<20), float64(took)/(1<<20))
		}

		if name != "numbers" {
			continue // how many workers come is chance
		}
		env.Grant = func(bytes int64) error {
			if bytes > took/2 {
				return fmt.Errorf("no room")
			}
			return nil
		}
		if _, err := o.Fit(site, env, train, operators.Table{}); err == nil || err.Error() != "train.forest: no room" {
			t.Errorf("half of it is enough: %v", err)
		}
	}
}
