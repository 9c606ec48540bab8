// Package contract proves, through the real engine and with toy operators, what the contract of operators promises.
package contract

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/kernels/exact"
	"github.com/headrace/headrace/operators"
	_ "github.com/headrace/headrace/operators/all"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/broken"
	"github.com/headrace/headrace/testing/race"
	. "github.com/headrace/headrace/testing/toys"
	"github.com/headrace/headrace/testing/toys/mem"
)

const rowsAll = 20000

// TestSameBits runs one pipeline in every way that must not matter.
func TestSameBits(t *testing.T) {
	rows, ports := flights(rowsAll), airports()
	champ := champion(t, rows)
	layouts := []layout{{}, {sizes: []int{777, 12345}}, {sizes: []int{5000}, uncounted: true}}
	want := ""
	n := 0
	for _, workers := range []int{1, 2, 3, 7} {
		for _, morsel := range []int{333, 4096, 16384} {
			for k, l := range layouts {
				opt := exec.Options{Workers: workers, MorselRows: morsel, Shuffle: uint64(n), Poison: n%2 == 1}
				if (testing.Short() || race.On) && k != n%3 {
					n++
					continue
				}
				n++
				if race.On && workers == 1 && want != "" {
					continue // who is alone meets nobody
				}
				got := run(t, flightPlan(l.of(rows), l.of(ports)), opt, champ)
				if want == "" {
					want = got.digest
				}
				if got.digest != want {
					t.Errorf("%d workers, morsels of %d, units %v, shuffle %d, poison %v: digest %s, want %s", workers, morsel, l, opt.Shuffle, opt.Poison, got.digest, want)
				}
			}
		}
	}
}

// TestBundle holds what is published to the step that was evaluated.
func TestBundle(t *testing.T) {
	rows := flights(rowsAll)
	d := mem.Of(rows, 5000)
	o := run(t, flightPlan(d, mem.Of(airports())), exec.Options{Workers: 2, MorselRows: 4096}, champion(t, rows))

	// the input that the plan knew before a row was read is the input that there is
	var static, dynamic []string
	for _, f := range o.plan.Serving.Inputs {
		static = append(static, f.Name)
	}
	for _, p := range o.graph.In {
		dynamic = append(dynamic, p.Name)
	}
	slices.Sort(dynamic)
	if want := []string{"destination", "distance", "hour", "origin"}; !slices.Equal(static, want) || !slices.Equal(dynamic, want) {
		t.Errorf("the bundle reads %v, the plan said %v, want %v", dynamic, static, want)
	}
	if at := o.plan.Serving.Place.ID; at != "flights" {
		t.Errorf("serving begins at %s", at)
	}

	// bundle == step, bit for bit, where the step is not out of fold
	ports := make([]batch.Column, len(o.graph.In))
	for i, p := range o.graph.In {
		ports[i] = *o.rows.Column(p.Name)
	}
	got, err := o.graph.Batch(nil, o.rows.N, ports)
	if err != nil {
		t.Fatal(err)
	}
	step, served := o.rows.Cols[0].Float64s(), got[0].Float64s()
	seen, outOfFold := map[batch.Part]int{}, 0
	for i := range step {
		part := o.rows.PartAt(i)
		seen[part]++
		switch same := math.Float64bits(step[i]) == math.Float64bits(served[i]); {
		case part == batch.Train && !same:
			outOfFold++
		case part != batch.Train && !same:
			t.Fatalf("%s row %d: the step gives %v, the bundle %v", part, i, step[i], served[i])
		}
	}
	if seen[batch.Train] == 0 || seen[batch.Valid] == 0 || seen[batch.Test] == 0 || outOfFold < seen[batch.Train]/2 {
		t.Errorf("rows %v, of them out of fold %d", seen, outOfFold)
	}

	// row form == batch form, and it costs no allocation
	f := o.graph.Frame()
	one := func(i int) float64 {
		for j, p := range o.graph.In {
			f.SetRow(p.Slot, &ports[j], i)
		}
		if err := o.graph.Row(f); err != nil {
			t.Fatal(err)
		}
		return f.F[o.graph.Out[0].Slot]
	}
	for i := range served {
		if v := one(i); math.Float64bits(v) != math.Float64bits(served[i]) {
			t.Fatalf("row %d by itself gives %v, in a batch %v", i, v, served[i])
		}
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { one(i); i++ }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}

	// the evaluation scored the bundle on the step's test rows, and beside it a champion that reads another column
	var sum exact.Moments
	for i, y := range o.rows.Column("delay").Float64s() {
		if e := step[i] - y; o.rows.PartAt(i) == batch.Test {
			sum.Add(float64(e * e))
		}
	}
	if rmse := math.Sqrt(sum.Sum() / float64(sum.N())); o.metrics[""] != rmse {
		t.Errorf("the evaluation gives %v, the step's own scores %v", o.metrics[""], rmse)
	}
	if c := o.metrics["champion"]; !(c > 0) || c == o.metrics[""] {
		t.Errorf("metrics: %v", o.metrics)
	}
}

// TestNarrowed holds that a column that nobody needs is never read.
func TestNarrowed(t *testing.T) {
	rows := flights(3000)
	d, ports := mem.Of(rows), mem.Of(airports())
	run(t, flightPlan(d, ports), exec.Options{Workers: 1}, program.Graph{})
	want := []string{"delay", "destination", "distance", "hour", "id", "origin"}
	if got := d.Asked(); !slices.Equal(got, want) {
		t.Errorf("read: %v, want %v", got, want)
	}
	// a champion's column is read for the evaluation alone
	d = mem.Of(rows)
	run(t, flightPlan(d, mem.Of(airports())), exec.Options{Workers: 1}, champion(t, rows))
	if got := d.Asked(); !slices.Equal(got, append(want[:4:4], "humidity", "id", "origin")) {
		t.Errorf("read with a champion: %v", got)
	}
}

// TestPruned holds that units whose bounds say that nothing of them stays are not read, and that what comes out is the same.
func TestPruned(t *testing.T) {
	rows, err := mem.New("order").Source("flights", mem.Of(flights(5000))).Step("sort", &Sort{By: "distance"}, "flights").Rows("sort", exec.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	rows.ID = batch.IDs{}
	want := ""
	for _, uncounted := range []bool{true, false} {
		d := mem.Of(rows, 250)
		d.Uncounted = uncounted // has no bounds
		got, err := mem.New("prune").Source("rows", d).Step("far", &Filter{Col: "distance", Least: 2000}, "rows").Rows("far", exec.Options{Workers: 2, MorselRows: 64})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = got.String()
		}
		if got.String() != want {
			t.Error("rows are others where units are left out")
		}
		if n := d.ReadUnits(); uncounted != (n == 20) || n > 20 || n < 3 {
			t.Errorf("%d of 20 units are read", n)
		}
	}
}

// TestSort holds a sort to its order, its ties and its new identities.
func TestSort(t *testing.T) {
	rows := flights(5000)
	var order []int32
	for i := range rows.N {
		order = append(order, int32(i))
	}
	x := rows.Column("distance").Float64s()
	slices.SortStableFunc(order, func(a, b int32) int { return int(x[a] - x[b]) })
	for _, opt := range []exec.Options{{Workers: 1}, {Workers: 3, MorselRows: 333, Shuffle: 9, Poison: true}} {
		got, err := mem.New("sort").Source("flights", mem.Of(rows, 901)).Step("sort", &Sort{By: "distance"}, "flights").Rows("sort", opt)
		if err != nil {
			t.Fatal(err)
		}
		want := mem.Table{Schema: rows.Schema, Batch: rows.Take(nil, order)}
		want.ID = batch.IDs{}
		if got.String() != want.String() {
			t.Errorf("%+v: rows are in another order", opt)
		}
		for i := range got.N {
			if got.ID.At(i) != (batch.ID{Ordinal: uint64(i)}) {
				t.Fatalf("row %d is %v", i, got.ID.At(i))
			}
		}
	}
}

// TestJoin holds a join onto a small table to the least of equal keys, and table.join of the catalogue to the same.
func TestJoin(t *testing.T) {
	rows, ports := flights(2000), airports()
	high := map[string]float64{}
	for i := ports.N - 1; i >= 0; i-- {
		high[string(ports.Cols[0].Text(i))] = ports.Cols[1].Float64s()[i]
	}
	got, err := mem.New("join").Source("flights", mem.Of(rows, 300)).Source("airports", mem.Of(ports, 7)).
		Step("join", &Join{On: "origin", Take: []string{"altitude"}}, "flights", "airports").Rows("join", exec.Options{Workers: 3, MorselRows: 64, Shuffle: 4}, "origin", "altitude")
	if err != nil {
		t.Fatal(err)
	}
	n, l := dags.Read("options", []byte("{on: [origin], columns: [altitude]}"))
	spec, _ := operators.Lookup("table.join")
	op := spec.New()
	if l = append(l, param.Decode(n, op)...); l.Failed() {
		t.Fatal(l.Err())
	}
	same, err := mem.New("join").Source("flights", mem.Of(rows, 1900)).Source("airports", mem.Of(ports)).
		Step("join", op, "flights", "airports").Rows("join", exec.Options{Workers: 1}, "origin", "altitude")
	if err != nil {
		t.Fatal(err)
	}
	if same.String() != got.String() {
		t.Error("table.join gives others than the toy")
	}
	for i := range got.N {
		if o := string(got.Cols[0].Text(i)); got.Cols[1].Null(i) || got.Cols[1].Float64s()[i] != high[o] {
			t.Fatalf("row %d: %s is %v high, want %v", i, o, got.Cols[1].Float64s()[i], high[o])
		}
	}
}

// TestEarlyStop holds that valid rows decide when a fit stops, and test rows nothing.
func TestEarlyStop(t *testing.T) {
	base := flights(6000)
	fit := func(part batch.Part, spoil bool) string {
		rows := base
		if spoil { // another label in one part
			split, err := mem.New("stop").Source("flights", mem.Of(base)).Step("split", &Split{By: []string{"id"}, Train: 0.6, Valid: 0.2}, "flights").
				Rows("split", exec.Options{Workers: 1}, "id")
			if err != nil {
				t.Fatal(err)
			}
			delay := slices.Clone(rows.Column("delay").Float64s())
			for i := range split.N {
				if split.PartAt(i) == part {
					delay[i] = 40 - delay[i]
				}
			}
			rows.Cols = slices.Clone(rows.Cols)
			c := batch.OfFloat64s(delay)
			c.Valid = rows.Column("delay").Valid
			rows.Cols[rows.Index("delay")] = c
		}
		p := mem.New("stop").Source("flights", mem.Of(rows)).Label(operators.Regression, "delay")
		p.Step("split", &Split{By: []string{"id"}, Train: 0.6, Valid: 0.2}, "flights").Step("arrived", &Filter{Col: "delay", Least: -1000}, "split")
		p.Step("scale", &Scale{Cols: []string{"hour", "distance"}}, "arrived")
		p.Step("model", &Descent{X: []string{"hour", "distance"}, Y: "delay", Rate: 0.2, Rounds: 40}, "scale").Publish("model")
		o := run(t, p, exec.Options{Workers: 2, MorselRows: 1000}, program.Graph{})
		return fmt.Sprintf("%x %s", o.stored, o.plan.Model.Notes.Facts[0].Text)
	}
	plain := fit(0, false)
	if fit(batch.Test, true) != plain {
		t.Error("test rows change the model")
	}
	if fit(batch.Valid, true) == plain {
		t.Error("valid rows do not stop the fit")
	}
	if fit(batch.Train, true) == plain {
		t.Error("train rows teach nothing")
	}
}

// TestCrossFit holds that accumulators of single folds, merged by complement, give what a fit of the other folds' rows gives, and that
// train rows get what the fit without their fold gives.
func TestCrossFit(t *testing.T) {
	rows := flights(8000)
	make := func(direct bool, opt exec.Options) mem.Table {
		p := mem.New("cross").Source("flights", mem.Of(rows, 1111)).Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights")
		p.Step("split", &Split{By: []string{"id"}, Train: 0.8, Valid: 0}, "arrived")
		p.Step("encode", &Encode{Cols: []string{"origin", "destination"}, Label: "delay", K: 5, Direct: direct}, "split")
		got, err := p.Rows("encode", opt, "origin", "destination", "id")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	a := make(false, exec.Options{Workers: 1})
	b := make(true, exec.Options{Workers: 3, MorselRows: 500, Shuffle: 3, Poison: true})
	if a.String() != b.String() {
		t.Error("folds merged by complement give others than folds fitted one by one")
	}
	values := map[batch.Part]map[float64]bool{batch.Train: {}, batch.Test: {}}
	for i := range a.N {
		values[a.PartAt(i)][a.Cols[0].Float64s()[i]] = true
	}
	if n := len(values[batch.Train]); n <= 30 || n > 150 {
		t.Errorf("30 origins have %d values on train rows of 5 folds", n)
	}
	if n := len(values[batch.Test]); n != 30 {
		t.Errorf("30 origins have %d values on test rows", n)
	}
}

// TestFoldKey holds that rows with one key of the split are in one fold, so that what they share is learnt from others.
func TestFoldKey(t *testing.T) {
	p := mem.New("key").Source("flights", mem.Of(flights(8000), 1111)).Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights")
	p.Step("split", &Split{By: []string{"origin"}, Train: 0.8, Valid: 0}, "arrived")
	p.Step("encode", &Encode{Cols: []string{"destination"}, Label: "delay", K: 5}, "split")
	got, err := p.Rows("encode", exec.Options{Workers: 3, MorselRows: 500}, "origin", "destination")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Rows("split", exec.Options{Workers: 1}, "destination")
	if err != nil {
		t.Fatal(err)
	}
	of, values := map[string]float64{}, map[float64]bool{}
	for i := range got.N {
		if got.PartAt(i) != batch.Train {
			continue
		}
		pair, v := string(got.Cols[0].Text(i))+" "+string(raw.Cols[0].Text(i)), got.Cols[1].Float64s()[i]
		if was, ok := of[pair]; ok && was != v {
			t.Fatalf("%s has the values %v and %v: its rows are in two folds", pair, was, v)
		}
		of[pair], values[v] = v, true
	}
	if len(values) < 80 {
		t.Errorf("40 destinations have %d values in 5 folds", len(values))
	}
}

// TestScope holds a fold scope that has a filter, fits and another cross-fit inside to the same bits, and to its bundle.
func TestScope(t *testing.T) {
	rows := flights(8000)
	for _, keep := range []*Filter{nil, {Col: "distance", Least: 300}} {
		want := ""
		for i, opt := range []exec.Options{{Workers: 1}, {Workers: 3, MorselRows: 333, Shuffle: 5, Poison: true}, {Workers: 2, MorselRows: 5000, Shuffle: 8}} {
			p := mem.New("scope").Source("flights", mem.Of(rows, 3000-1000*i)).Label(operators.Regression, "delay")
			p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights").Step("split", &Split{By: []string{"id"}, Train: 0.7, Valid: 0.1}, "arrived")
			p.Step("model", &Scope{K: 3, Keep: keep, Text: []string{"origin", "destination"}, X: []string{"hour", "distance"}, Y: "delay"}, "split")
			p.Step("report", &RMSE{Y: "delay"}, "model").Publish("model")
			o := run(t, p, opt, program.Graph{})
			if want == "" {
				want = o.digest
			}
			if o.digest != want {
				t.Errorf("filter %v, %+v: digest %s, want %s", keep, opt, o.digest, want)
			}
			least := math.Inf(1)
			for _, x := range o.rows.Column("distance").Float64s() {
				least = min(least, x)
			}
			if keep != nil && least < keep.Least {
				t.Errorf("a row of distance %v is behind the filter", least)
			}
			served(t, o)
		}
	}
}

// TestNestedFolds holds that a cross-fit inside a fold scope sees the rows that it may see: sharing accumulators changes nothing.
func TestNestedFolds(t *testing.T) {
	rows := flights(8000)
	of := func(direct bool) string {
		p := mem.New("nested").Source("flights", mem.Of(rows, 3000)).Label(operators.Regression, "delay")
		p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights").Step("split", &Split{By: []string{"id"}, Train: 0.8, Valid: 0}, "arrived")
		p.Step("model", &Scope{K: 3, Text: []string{"origin", "destination"}, X: []string{"hour"}, Y: "delay", Direct: direct}, "split").Publish("model")
		return run(t, p, exec.Options{Workers: 2}, program.Graph{}).digest
	}
	if a, b := of(false), of(true); a != b {
		t.Errorf("digest %s with shared accumulators, %s without", a, b)
	}
}

// served holds the bundle to the step on valid and test rows.
func served(t *testing.T, o outcome) {
	t.Helper()
	ports := make([]batch.Column, len(o.graph.In))
	for i, p := range o.graph.In {
		ports[i] = *o.rows.Column(p.Name)
	}
	got, err := o.graph.Batch(nil, o.rows.N, ports)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range o.rows.Cols[0].Float64s() {
		if o.rows.PartAt(i) != batch.Train && math.Float64bits(v) != math.Float64bits(got[0].Float64s()[i]) {
			t.Fatalf("row %d: the step gives %v, the bundle %v", i, v, got[0].Float64s()[i])
		}
	}
}

// TestCalibrate holds that a line through out-of-fold scores is served with the full model under it.
func TestCalibrate(t *testing.T) {
	rows := flights(8000)
	p := mem.New("line").Source("flights", mem.Of(rows, 999)).Label(operators.Regression, "delay")
	p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights").Step("split", &Split{By: []string{"id"}, Train: 0.7, Valid: 0.1}, "arrived")
	p.Step("model", &Calibrate{K: 4, Y: "delay", Base: &Ridge{X: []string{"hour", "distance", "humidity"}, Y: "delay", L2: 1e5}}, "split")
	p.Step("report", &RMSE{Y: "delay"}, "model").Publish("model")
	o := run(t, p, exec.Options{Workers: 2, MorselRows: 700}, program.Graph{})
	served(t, o)
	if len(o.graph.Nodes) != 2 {
		t.Errorf("the bundle has %d nodes, want a model and a line: %s", len(o.graph.Nodes), o.graph)
	}
}

// TestZip holds branches of the same rows beside one another, and refuses what is not.
func TestZip(t *testing.T) {
	rows := flights(4000)
	build := func(right operators.Op, x ...string) *mem.Pipeline {
		p := mem.New("zip").Source("flights", mem.Of(rows, 1500)).Source("airports", mem.Of(airports())).Label(operators.Regression, "delay")
		p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights").Step("split", &Split{By: []string{"id"}, Train: 0.7, Valid: 0.1}, "arrived")
		p.Step("left", &Scale{Cols: []string{"distance"}}, "split").Step("right", right, "split")
		p.Step("both", &Zip{}, "left", "right").Step("model", &Ridge{X: x, Y: "delay", L2: 1}, "both")
		return p.Step("report", &RMSE{Y: "delay"}, "model").Publish("model")
	}
	// the right branch passes distance as it was: the zip takes the left one, and what the right made of the raw one
	damp := &Sum{Names: []string{"damp"}, Of: [][]string{{"humidity", "distance"}}, By: [][]float64{{1, 0.001}}, Plus: []float64{0}}
	o := run(t, build(damp, "distance", "damp"), exec.Options{Workers: 3, MorselRows: 700}, program.Graph{})
	served(t, o)
	if len(o.plan.Serving.Inputs) != 2 {
		t.Errorf("inputs: %v", o.plan.Serving.Inputs)
	}
	for name, right := range map[string]operators.Op{
		"made on both sides": &Scale{Cols: []string{"distance", "hour"}},
		"same rows":          &Filter{Col: "hour", Least: 5},
	} {
		_, l := build(right, "distance", "hour").Plan()
		if l.Errors() != 1 || !strings.Contains(l.Err().Error(), name) {
			t.Errorf("%s: %v", name, l)
		}
	}
}

// TestBreak holds a join that makes rows of its own: the model is served from there, and the rows are numbered anew.
func TestBreak(t *testing.T) {
	rows := flights(3000)
	want := ""
	for i, opt := range []exec.Options{{Workers: 1}, {Workers: 3, MorselRows: 333, Shuffle: 5, Poison: true}} {
		p := mem.New("break").Source("flights", mem.Of(rows, 2000-900*i)).Source("airports", mem.Of(airports(), 45-20*i)).Label(operators.Regression, "delay")
		p.Step("arrived", &Filter{Col: "delay", Least: -1000}, "flights")
		p.Step("big", &BigJoin{On: "origin", Take: "altitude"}, "arrived", "airports")
		p.Step("split", &Split{By: []string{"id"}, Train: 0.7, Valid: 0.1}, "big").Step("scale", &Scale{Cols: []string{"hour", "altitude"}}, "split")
		p.Step("model", &Ridge{X: []string{"hour", "altitude"}, Y: "delay", L2: 1}, "scale")
		p.Step("report", &RMSE{Y: "delay", Slices: []string{"origin"}}, "model").Publish("model")
		o := run(t, p, opt, program.Graph{})
		served(t, o)
		if want == "" {
			want = o.digest
		}
		if o.digest != want || o.plan.Serving.Place.ID != "big" || o.rows.N <= rows.N {
			t.Errorf("%+v: digest %s, want %s; %d rows of %d, served from %s", opt, o.digest, want, o.rows.N, rows.N, o.plan.Serving.Place.ID)
		}
		for i := range o.rows.N {
			if o.rows.ID.At(i).Ordinal != uint64(i) {
				t.Fatalf("row %d is %v", i, o.rows.ID.At(i))
			}
		}
	}
}

// TestPlainSumsDiffer holds that these proofs can fail: an accumulator that adds floats up by += gives other bits on other cuts.
func TestPlainSumsDiffer(t *testing.T) {
	rows := flights(5000)
	rows.Fields, rows.Cols = rows.Fields[2:5:5], rows.Cols[2:5:5]
	for j, name := range []string{"w", "x", "s"} {
		rows.Fields[j].Name = name
	}
	seen := map[string]bool{}
	for _, opt := range []exec.Options{{Workers: 1}, {Workers: 1, MorselRows: 333}, {Workers: 1, MorselRows: 640, Shuffle: 3}} {
		got, err := mem.New("plain").Source("rows", mem.Of(rows, 700)).Step("sum", broken.Spec(broken.PlainSum).New(), "rows").Rows("sum", opt, "y")
		if err != nil {
			t.Fatal(err)
		}
		seen[got.String()] = true
	}
	if len(seen) == 1 {
		t.Error("a plain sum gives the same bits on every cut: the rows prove nothing")
	}
}

// TestKMeans holds a fit of several passes to the same arithmetic done at once.
func TestKMeans(t *testing.T) {
	rows := flights(3000)
	want := ""
	for _, opt := range []exec.Options{{Workers: 1}, {Workers: 7, MorselRows: 64, Shuffle: 2, Poison: true}} {
		got, err := mem.New("centres").Source("flights", mem.Of(rows, 700)).Step("centres", &KMeans{Cols: []string{"hour", "humidity"}, K: 5, Iter: 6}, "flights").
			Rows("centres", opt, "centre")
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range got.Cols[0].Float64s() {
			sum += float64(v * v)
		}
		if want == "" {
			want = got.String()
		}
		if got.String() != want {
			t.Errorf("%+v: other centres", opt)
		}
		if sum /= float64(got.N); sum > 5 { // five centres over 24 hours are at most two and a bit away
			t.Errorf("the mean square of distances is %v", sum)
		}
	}
}
