package contract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/program"
	. "github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

func field(name string, k batch.Kind, null bool) operators.Field {
	return operators.Field{Name: name, Type: batch.T(k), Nullable: null}
}

// flights are rows as they come: a delay that hangs on hour, origin, distance and humidity.
func flights(n int) mem.Table {
	r := rand.New(rand.NewPCG(1, 2))
	t := mem.Table{Schema: operators.Of(field("id", batch.Int64, false), field("hour", batch.Float64, false), field("distance", batch.Float64, false),
		field("humidity", batch.Float64, false), field("origin", batch.String, false), field("destination", batch.String, false),
		field("delay", batch.Float64, true), field("unread", batch.Float64, false))}
	id, hour, dist, hum, delay := make([]int64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	from, to, null := make([]string, n), make([]string, n), make([]bool, n)
	for i := range n {
		o := r.IntN(30)
		id[i] = int64(i)
		hour[i], dist[i], hum[i] = float64(r.IntN(24)), float64(100+r.IntN(2500)), r.Float64()
		from[i], to[i] = fmt.Sprintf("A%02d", o), fmt.Sprintf("A%02d", r.IntN(40))
		delay[i] = r.NormFloat64()*20 + float64(o) + hour[i] - dist[i]/200 + 30*hum[i]
		null[i] = r.IntN(50) == 0
	}
	t.N = n
	t.Cols = []batch.Column{batch.OfInt64s(id), batch.OfFloat64s(hour), batch.OfFloat64s(dist), batch.OfFloat64s(hum), batch.OfStrings(from), batch.OfStrings(to),
		batch.OfFloat64s(delay).WithNulls(null), batch.OfFloat64s(hum)}
	return t
}

// airports have five origins twice: the first row of each counts.
func airports() mem.Table {
	const n = 45
	names, up := make([]string, n), make([]float64, n)
	for i := range n {
		names[i], up[i] = fmt.Sprintf("A%02d", i%40), float64(i*37%100)
	}
	t := mem.Table{Schema: operators.Of(field("origin", batch.String, false), field("altitude", batch.Float64, false))}
	t.N, t.Cols = n, []batch.Column{batch.OfStrings(names), batch.OfFloat64s(up)}
	return t
}

// layout is how the rows of a source are cut.
type layout struct {
	sizes     []int
	uncounted bool
}

func (l layout) of(t mem.Table) *mem.Dataset {
	d := mem.Of(t, l.sizes...)
	d.Uncounted = l.uncounted
	return d
}

var features = []string{"hour", "distance", "altitude", "origin", "destination", "centre"}

// flightPlan has one of everything: a filter, a split by hash, a join, a sort, a scaling, a fit of several passes, a cross-fitted
// encoding, a stack of a model of all rows and one that stops early, and an evaluation against a champion.
func flightPlan(rows, ports *mem.Dataset) *mem.Pipeline {
	p := mem.New("contract").Source("flights", rows).Source("airports", ports).Label(operators.Regression, "delay")
	p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights")
	p.Step("extra", &Sum{Names: []string{"late_hour", "unused"}, Of: [][]string{{"hour"}, {"unread"}}, By: [][]float64{{2}, {1}}, Plus: []float64{1, 0}}, "arrived")
	p.Step("split", &Split{By: []string{"id"}, Train: 0.7, Valid: 0.1}, "extra")
	p.Step("join", &Join{On: "origin", Take: []string{"altitude"}}, "split", "airports")
	p.Step("sort", &Sort{By: "distance"}, "join")
	p.Step("scale", &Scale{Cols: []string{"hour", "distance", "altitude"}}, "sort")
	p.Step("kmeans", &KMeans{Cols: []string{"hour", "distance", "altitude"}, K: 4, Iter: 3}, "scale")
	p.Step("encode", &Encode{Cols: []string{"origin", "destination"}, Label: "delay", K: 5}, "kmeans")
	p.Step("keep", &Keep{Cols: append([]string{"delay"}, features...)}, "encode")
	p.Step("model", &Stack{K: 3, Y: "delay", Base: []operators.Op{&Ridge{X: features, Y: "delay", L2: 1},
		&Descent{X: []string{"hour", "distance", "centre"}, Y: "delay", Rate: 0.3, Rounds: 12}}}, "keep")
	p.Step("report", &RMSE{Y: "delay", Slices: []string{"origin"}, Champion: "models://contract@champion"}, "model")
	return p.Publish("model")
}

// champion is of an older pipeline: it reads humidity, which the new model does not.
func champion(t testing.TB, rows mem.Table) program.Graph {
	t.Helper()
	p := mem.New("older").Source("flights", mem.Of(rows)).Label(operators.Regression, "delay")
	p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights")
	p.Step("split", &Split{By: []string{"id"}, Train: 0.5, Valid: 0.1}, "arrived")
	p.Step("model", &Ridge{X: []string{"humidity", "distance"}, Y: "delay", L2: 1}, "split").Publish("model")
	return run(t, p, exec.Options{Workers: 2}, program.Graph{}).graph
}

// outcome is what came of a run.
type outcome struct {
	plan    *plan.Plan
	exec    *exec.Exec
	graph   program.Graph // of the bundle, stored and read back
	stored  []byte
	rows    mem.Table          // pred, delay, then the bundle's inputs, of all rows of the model step
	metrics map[string]float64 // by model
	digest  string
}

// run does what the engine does of a run: fit, bundle, evaluate.
func run(t testing.TB, p *mem.Pipeline, opt exec.Options, champ program.Graph) (o outcome) {
	t.Helper()
	pl, l := p.Plan()
	if l.Failed() {
		t.Fatal(l.Err())
	}
	for _, e := range pl.Evals {
		for _, in := range champ.In {
			e.Champion = append(e.Champion, in.Name)
		}
	}
	pl.Narrow(nil)
	o.plan, o.exec = pl, exec.New(pl, opt)
	ctx := context.Background()
	if err := o.exec.Fit(ctx); err != nil {
		t.Fatal(err)
	}
	o.stored = pl.Serving.Graph().Marshal()
	var err error
	if o.graph, err = program.Unmarshal(o.stored); err != nil {
		t.Fatal(err)
	}
	evals, err := o.exec.Evaluate(ctx, pl.Evals, func(*plan.Evaluation) []exec.Scored {
		s := []exec.Scored{{Graph: o.graph}}
		if len(champ.Nodes) > 0 {
			s = append(s, exec.Scored{Name: "champion", Graph: champ})
		}
		return s
	})
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	h.Write(o.stored)
	o.metrics = map[string]float64{}
	for _, e := range evals {
		for _, m := range e.Result.Models {
			o.metrics[m.Name] = m.Metrics[0].Value
			fmt.Fprintf(h, "%s %x %d", m.Name, math.Float64bits(m.Metrics[0].Value), m.Rows)
		}
	}
	cols := []string{"pred"}
	o.rows.Fields = []operators.Field{field("pred", batch.Float64, false)}
	if len(pl.Evals) > 0 {
		cols = append(cols, "delay")
		o.rows.Fields = append(o.rows.Fields, field("delay", batch.Float64, false))
	}
	for _, f := range pl.Serving.Inputs {
		cols = append(cols, plan.RawPrefix+f.Name)
		o.rows.Fields = append(o.rows.Fields, f)
	}
	if o.rows.Batch, err = o.exec.Collect(ctx, pl.Model, cols); err != nil {
		t.Fatal(err)
	}
	for i := range o.rows.N {
		id := o.rows.ID.At(i)
		fmt.Fprintf(h, "%d %d %d %x\n", id.Ordinal, id.Copy, o.rows.PartAt(i), math.Float64bits(o.rows.Cols[0].Float64s()[i]))
	}
	o.digest = hex.EncodeToString(h.Sum(nil)[:8])
	return o
}
