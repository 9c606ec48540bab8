package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/engine/plan"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/testing/toys/mem"
)

// plansMax is how many random DAGs are run; HEADRACE_PLANS asks for more.
const plansMax = 20

// TestNarrow makes random DAGs of the catalogue's operators. Of each step, a column asked for by itself is the column that comes with all
// others, bit for bit; and the bundle of a model reads what the plan said that it would, and gives what the step gives.
func TestNarrow(t *testing.T) {
	n := plansMax
	if s := os.Getenv("HEADRACE_PLANS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	ran, served := map[string]int{}, 0
	for i := range n {
		g := &dag{r: rand.New(rand.NewPCG(uint64(i), 3)), p: mem.New("random")}
		g.grow()
		if g.hold(t) {
			served++
		}
		for _, s := range g.p.Steps {
			ran[fmt.Sprintf("%T", s.Op)]++
		}
		if t.Failed() {
			t.Fatalf("DAG %d:\n%s", i, strings.Join(g.text, "\n"))
		}
	}
	if served < n/4 || len(ran) < 10 {
		t.Errorf("of %d DAGs %d have a model that is served; steps: %v", n, served, ran)
	}
}

// dag is a random DAG under way.
type dag struct {
	r    *rand.Rand
	p    *mem.Pipeline
	text []string
	ids  []string // steps that rows can be taken from
	n    int
}

func (g *dag) grow() {
	g.p.Label(operators.Binary, "y")
	g.p.Source("rows", mem.Of(g.table(120), 50)).Source("side", mem.Of(mem.Parse("k string | v float64? | w int64\na | 1.5 | 7\nb | nil | 8\nc | 3 | 9")))
	g.ids = []string{"rows"}
	steps := 4 + g.r.IntN(8)
	for range 100 {
		if len(g.p.Steps) >= steps {
			return
		}
		g.step()
	}
}

// table is rows in which some values are missing.
func (g *dag) table(rows int) mem.Table {
	var b strings.Builder
	b.WriteString("id int64 | k string | a float64? | b float64 | c int64 | y bool\n")
	for i := range rows {
		a := "nil"
		if g.r.IntN(5) > 0 {
			a = fmt.Sprintf("%.2f", g.r.NormFloat64())
		}
		fmt.Fprintf(&b, "%d | %s | %s | %.2f | %d | %t\n", i, string("abc"[g.r.IntN(3)]), a, g.r.NormFloat64(), g.r.IntN(9), g.r.IntN(2) == 0)
	}
	return mem.Parse(b.String())
}

// step adds a step if the check lets it pass.
func (g *dag) step() {
	from := g.ids[max(0, len(g.ids)-1-g.r.IntN(3))]
	in := []string{from}
	pl, _ := g.p.Plan()
	node, err := pl.Find(from)
	if err != nil {
		return
	}
	one := func(ok func(operators.Field) bool) string {
		var names []string
		for _, f := range node.Sch.Fields {
			if ok(f) {
				names = append(names, f.Name)
			}
		}
		if names == nil {
			return "none"
		}
		return names[g.r.IntN(len(names))]
	}
	number := func() string { return one(func(f operators.Field) bool { return f.Type.Numeric() }) }
	any := func() string { return one(func(f operators.Field) bool { return f.Name != "y" }) }
	g.n++
	fresh := fmt.Sprint("n", g.n)
	var op, options string
	switch g.r.IntN(15) {
	case 0, 1:
		name := fresh
		if g.r.IntN(2) == 0 {
			name = number()
		}
		op, options = "feature.derive", fmt.Sprintf("{%s: \"%s + 1.5\", %sb: \"%s * 2.0\"}", name, number(), fresh, number())
	case 2:
		op, options = "clean.rename", fmt.Sprintf("{%s: %s}", any(), fresh)
	case 3:
		op, options = "clean.drop", fmt.Sprintf("[%s]", any())
	case 4:
		op, options = "feature.scale", fmt.Sprintf("{columns: [%s], method: standard}", number())
	case 5:
		op, options = "clean.fill", fmt.Sprintf("{columns: [%s], method: mean, indicator: %t}", number(), g.r.IntN(2) == 0)
	case 6:
		op, options = "feature.encode", fmt.Sprintf("{columns: [%s], method: target, cross_fit: 3}", any())
	case 7:
		op, options = "clean.filter", fmt.Sprintf("\"%s > -1.0\"", number())
	case 8:
		op, options = "sample.rows", "{n: 90}"
	case 9, 10:
		op, options = "sample.split", "{key: [c], train: 0.6, valid: 0.2, test: 0.2}"
	case 11, 12:
		op, options = "table.zip", "{}"
		in = append(in, g.ids[max(0, len(g.ids)-1-g.r.IntN(4))])
	case 13:
		op, options = "table.join", fmt.Sprintf("{on: {%s: k}, prefix: %s}", one(func(f operators.Field) bool { return f.Type.Text() }), fresh)
		in = append(in, "side")
	case 14:
		op, options = "table.aggregate", fmt.Sprintf("{by: [%s], aggregates: {%s: mean(%s), y: max(y)}}", any(), fresh, number())
	}
	id := "s" + strconv.Itoa(len(g.p.Steps))
	g.p.Step(id, decode(op, options), in...)
	if _, l := g.p.Plan(); l.Failed() {
		g.p.Steps = g.p.Steps[:len(g.p.Steps)-1]
		return
	}
	g.ids = append(g.ids, id)
	g.text = append(g.text, fmt.Sprintf("%s: {from: %v, %s: %s}", id, in, op, options))
}

func decode(name, options string) operators.Op {
	n, l := dags.Read("options", []byte(options))
	spec, ok := operators.Lookup(name)
	if !ok || n == nil {
		panic(fmt.Sprint(name, options, l))
	}
	if n.Kind != param.Map {
		n = &param.Node{Kind: param.Map, Keys: []*param.Node{param.Value(spec.Main)}, Items: []*param.Node{n}}
	}
	op := spec.New()
	param.Decode(n, op) // a mistake makes a step that the check refuses
	return op
}

var opt = exec.Options{Workers: 2, MorselRows: 32}

// hold holds a DAG to the laws, and says whether a model behind it was served.
func (g *dag) hold(t *testing.T) bool {
	t.Helper()
	for _, id := range g.ids[1:] {
		all, _, err := g.p.Run(id, opt)
		if err != nil {
			return false // of the data: a mean of no values
		}
		for j, f := range all.Fields {
			one, _, err := g.p.Run(id, opt, f.Name)
			if err != nil {
				t.Errorf("%s.%s by itself: %v", id, f.Name, err)
				continue
			}
			want := mem.Table{Schema: operators.Of(f), Batch: all.Batch}
			want.Cols = []batch.Column{all.Cols[j]}
			if one.String() != want.String() {
				t.Errorf("%s.%s by itself is\n%s\nwant\n%s", id, f.Name, one, want)
			}
		}
	}
	last := g.ids[len(g.ids)-1]
	steps := len(g.p.Steps)
	g.p.Step("numbers", decode("clean.keep", "[numeric(), y]"), last).Step("model", decode("train.gbdt", "{trees: 3, leaves: 4, min_rows: 1}"), "numbers").Publish("model")
	defer func() { g.p.Steps = g.p.Steps[:steps] }()
	pl, l := g.p.Plan()
	if l.Failed() {
		return false // the label is gone, or was made of a feature
	}
	g.text = append(g.text, "model behind "+last)
	return serves(t, pl)
}

// serves holds a bundle to the plan and to the step.
func serves(t *testing.T, pl *plan.Plan) bool {
	s := pl.Serving
	scores := slices.Clone(s.Want)
	want := slices.Clone(scores)
	for _, f := range s.Inputs {
		want = append(want, plan.RawPrefix+f.Name)
	}
	pl.Narrow(nil)
	x := exec.New(pl, opt)
	ctx := context.Background()
	if err := x.Fit(ctx); err != nil {
		if !strings.Contains(err.Error(), "one class") && !strings.Contains(err.Error(), "no rows") {
			t.Error(err)
		}
		return false
	}
	rows, err := x.Collect(ctx, pl.Model, want)
	if err != nil {
		t.Error(err)
		return false
	}
	graph := s.Graph()
	var reads, said []string
	ports := make([]batch.Column, len(graph.In))
	for i, p := range graph.In {
		reads = append(reads, p.Name)
		ports[i] = rows.Cols[slices.Index(want, plan.RawPrefix+p.Name)]
	}
	for _, f := range s.Inputs {
		said = append(said, f.Name)
	}
	slices.Sort(reads)
	for _, r := range reads { // trees may leave features out, and so their inputs
		if !slices.Contains(said, r) {
			t.Errorf("the bundle reads %v, the plan said %v", reads, said)
		}
	}
	got, err := graph.Batch(nil, rows.N, ports)
	if err != nil {
		t.Error(err)
		return false
	}
	for j, name := range scores {
		for i := range rows.N {
			if rows.PartAt(i) == batch.Train {
				continue // out of fold, perhaps
			}
			if a, b := operators.FormatValue(&rows.Cols[j], i), operators.FormatValue(&got[j], i); a != b {
				t.Errorf("row %d: the step gives %s %s, the bundle %s", i, name, a, b)
				return false
			}
		}
	}
	return true
}
