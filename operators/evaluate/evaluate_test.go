package evaluate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/model/modeltest"
)

// table is a small evaluation: the columns in the order that the engine brings them.
type table struct {
	op    operators.Reduce
	site  operators.Site
	names []string
	b     batch.Batch
}

func binaryTable(y []int, p []float64, threshold float64, w []float64) table {
	label, pred := make([]bool, len(y)), make([]bool, len(y))
	for i := range y {
		label[i], pred[i] = y[i] == 1, p[i] >= threshold
	}
	t := table{op: &Binary{Options{Part: "test"}}, names: []string{""}}
	t.site = site(operators.Task{Kind: operators.Binary, Label: "y"}, batch.Bool, w)
	t.b = batch.Batch{N: len(y), Cols: []batch.Column{batch.OfBools(label)}}
	if w != nil {
		t.b.Cols = append(t.b.Cols, batch.OfFloat64s(w))
	}
	t.b.Cols = append(t.b.Cols, batch.OfFloat64s(p), batch.OfBools(pred))
	return t
}

func regressionTable(y, pred, w []float64) table {
	t := table{op: &Regression{Options: Options{Part: "test"}}, names: []string{""}}
	t.site = site(operators.Task{Kind: operators.Regression, Label: "y"}, batch.Float64, w)
	t.b = batch.Batch{N: len(y), Cols: []batch.Column{batch.OfFloat64s(y)}}
	if w != nil {
		t.b.Cols = append(t.b.Cols, batch.OfFloat64s(w))
	}
	t.b.Cols = append(t.b.Cols, batch.OfFloat64s(pred))
	return t
}

// multiclassTable has the classes c0, c1, …: p has a list a row, and the greatest, of equal ones the first, is predicted.
func multiclassTable(y []int, p [][]float64, w []float64) table {
	t := table{op: &Multiclass{Options{Part: "test"}}, names: []string{""}}
	t.site = site(operators.Task{Kind: operators.Multiclass, Label: "y"}, batch.String, w)
	name := func(class int) string { return fmt.Sprint("c", class) }
	label, pred := make([]string, len(y)), make([]string, len(y))
	var members []string
	for j := range p[0] {
		members = append(members, "p_"+name(j))
	}
	v := (*batch.Ctx)(nil).NewVector(len(y), members)
	for i := range y {
		best := 0
		for j, x := range p[i] {
			if v.Member(j)[i] = x; x > p[i][best] {
				best = j
			}
		}
		label[i], pred[i] = name(y[i]), name(best)
	}
	t.b = batch.Batch{N: len(y), Cols: []batch.Column{batch.OfStrings(label)}}
	if w != nil {
		t.b.Cols = append(t.b.Cols, batch.OfFloat64s(w))
	}
	t.b.Cols = append(t.b.Cols, v, batch.OfStrings(pred))
	return t
}

func site(t operators.Task, label batch.Kind, w []float64) operators.Site {
	in := operators.Of(operators.Field{Name: "y", Type: batch.T(label)})
	if w != nil {
		t.Weight = "w"
		in.Fields = append(in.Fields, operators.Field{Name: "w", Type: batch.T(batch.Float64)})
	}
	return operators.Site{In: []operators.Schema{in}, Task: t}
}

func (t table) run(tb testing.TB) operators.Result {
	tb.Helper()
	a := t.op.Start(t.site, t.names)
	if err := a.Add(&batch.Ctx{}, t.b); err != nil {
		tb.Fatal(err)
	}
	res, err := t.op.Finish(t.site, t.names, operators.TestEnv(), a)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

func metric(ms []operators.Metric, name string) float64 {
	for _, m := range ms {
		if m.Name == name {
			return m.Value
		}
	}
	return -12345
}

// near: NaN where want is NaN, else within 1e-12 of it, relative to what is above 1.
func near(got, want float64) bool {
	if math.IsNaN(want) {
		return math.IsNaN(got)
	}
	return math.Abs(got-want) <= 1e-12*max(1, math.Abs(want))
}

func TestScikitLearn(t *testing.T) {
	data, err := os.ReadFile("../../testing/peers/metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Cases []struct {
			Name, Kind string
			Threshold  float64
			Y          []float64
			P, Pred    []float64
			Ps         [][]float64
			Group, At  []int
			Score      []float64
			Gain       string
			Relevant   float64
			Weight     []float64
			Quantile   *float64 // of a regression, as what follows
			Deviances  []string
			Power      *float64
			Want       map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, c := range stored.Cases {
		kinds[c.Kind]++
	}
	for _, kind := range []string{"binary", "multiclass", "regression", "ranking"} {
		if kinds[kind] < 10 {
			t.Fatalf("%d cases of %s", kinds[kind], kind)
		}
	}
	for _, c := range stored.Cases {
		t.Run(c.Kind+"/"+c.Name, func(t *testing.T) {
			y := make([]int, len(c.Y))
			for i := range y {
				y[i] = int(c.Y[i])
			}
			var tb table
			switch c.Kind {
			case "binary":
				tb = binaryTable(y, c.P, c.Threshold, c.Weight)
			case "multiclass":
				tb = multiclassTable(y, c.Ps, c.Weight)
			case "ranking":
				tb = rankingTable(&Ranking{Options: Options{Part: "test"}, At: c.At, LabelGain: c.Gain, Relevant: c.Relevant}, c.Group, c.Y, c.Score, c.Weight)
			default:
				tb = regressionTable(c.Y, c.Pred, c.Weight)
				tb.op.(*Regression).Losses = Losses{c.Quantile, c.Deviances, c.Power}
			}
			got := tb.run(t).Models[0]
			if c.Kind == "multiclass" {
				sameClasses(t, got, c.Want["classes"], c.Want["confusion"])
				delete(c.Want, "classes")
				delete(c.Want, "confusion")
			}
			for name, raw := range c.Want {
				if name == "confusion" {
					var want []int64
					if c.Weight == nil && json.Unmarshal([]byte(strings.ReplaceAll(string(raw), ".0", "")), &want) == nil {
						if g := fmt.Sprint(got.Confusion); g != fmt.Sprintf("[[%d %d] [%d %d]]", want[0], want[1], want[2], want[3]) {
							t.Errorf("confusion %s, want %v", g, want)
						}
					}
					continue
				}
				want := math.NaN()
				if string(raw) != "null" {
					if err := json.Unmarshal(raw, &want); err != nil {
						t.Fatal(err)
					}
				}
				if v := metric(got.Metrics, name); !near(v, want) {
					t.Errorf("%s is %v, scikit-learn has %v", name, v, want)
				}
			}
		})
	}
}

// sameClasses compares the table of classes and the confusion, which has those alone that a row has or is taken for.
func sameClasses(t *testing.T, got operators.ModelResult, classes, confusion json.RawMessage) {
	t.Helper()
	var want map[string][4]*float64 // precision, recall, F1, AUC
	var cells [][]int64
	if err := errors.Join(json.Unmarshal(classes, &want), json.Unmarshal(confusion, &cells)); err != nil {
		t.Fatal(err)
	}
	var seen []int
	for i, c := range got.Classes {
		v, ok := want[strings.TrimPrefix(c.Name, "c")]
		if !ok {
			if sum := fmt.Sprint(got.Confusion[i]); c.Rows != 0 || strings.Trim(sum, "[0 ]") != "" || !math.IsNaN(c.AUC) {
				t.Errorf("class %s: %+v, confusion %s; scikit-learn has none", c.Name, c, sum)
			}
			continue
		}
		seen = append(seen, i)
		for j, have := range []float64{c.Precision, c.Recall, c.F1, c.AUC} {
			w := math.NaN()
			if v[j] != nil {
				w = *v[j]
			}
			if !near(have, w) {
				t.Errorf("class %s, figure %d is %v, scikit-learn has %v", c.Name, j, have, w)
			}
		}
	}
	if len(seen) != len(want) || len(seen) == 0 {
		t.Fatalf("classes %v, scikit-learn has %d", got.Classes, len(want))
	}
	for i, a := range seen {
		rows := int64(0)
		for j, b := range seen {
			rows += got.Confusion[a][b]
			if got.Confusion[a][b] != cells[i][j] {
				t.Errorf("confusion %v, scikit-learn has %v", got.Confusion, cells)
			}
		}
		if rows != got.Classes[a].Rows {
			t.Errorf("class %s has %d rows, its confusion %d", got.Classes[a].Name, got.Classes[a].Rows, rows)
		}
	}
}

// A pair count in 128 bits and one by brute force agree, ties and weights included.
func TestAUCByPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 2 + r.IntN(60)
		y, p, w := make([]int, n), make([]float64, n), make([]float64, n)
		for i := range y {
			y[i], p[i], w[i] = r.IntN(2), float64(r.IntN(8))/8, r.ExpFloat64()
		}
		y[0], y[1] = 0, 1
		var hits, all, hitsW, allW float64
		for i := range y {
			for j := range y {
				if y[i] == 1 && y[j] == 0 {
					v := 0.0
					if p[i] > p[j] {
						v = 1
					} else if p[i] == p[j] {
						v = 0.5
					}
					hits, all = hits+v, all+1
					hitsW, allW = hitsW+v*w[i]*w[j], allW+w[i]*w[j]
				}
			}
		}
		if got := metric(binaryTable(y, p, 0.5, nil).run(t).Models[0].Metrics, "auc"); got != hits/all {
			t.Fatalf("auc %v, by pairs %v", got, hits/all)
		}
		if got := metric(binaryTable(y, p, 0.5, w).run(t).Models[0].Metrics, "auc"); !near(got, hitsW/allW) {
			t.Fatalf("weighted auc %v, by pairs %v", got, hitsW/allW)
		}
	}
}

// sliced is two models, weights and two slices, one with nulls.
func sliced(seed uint64, n int) table {
	r := rand.New(rand.NewPCG(seed, 3))
	y, w := make([]bool, n), make([]float64, n)
	p := [2][]float64{make([]float64, n), make([]float64, n)}
	pred := [2][]bool{make([]bool, n), make([]bool, n)}
	text, null, num := make([]string, n), make([]bool, n), make([]int64, n)
	for i := range y {
		y[i], w[i] = r.IntN(3) == 0, math.Exp(4*r.NormFloat64())
		for m := range p {
			p[m][i] = float64(r.IntN(50)) / 50
			pred[m][i] = p[m][i] > 0.4
		}
		text[i], null[i], num[i] = string(rune('a'+r.IntN(5))), r.IntN(9) == 0, int64(r.IntN(30)-10)
	}
	t := table{op: &Binary{Options{Part: "test", Slices: []string{"t", "n"}}}, names: []string{"", "champion"}}
	t.site = site(operators.Task{Kind: operators.Binary, Label: "y"}, batch.Bool, w)
	t.b = batch.Batch{N: n, Cols: []batch.Column{batch.OfBools(y), batch.OfFloat64s(w), batch.OfStrings(text).WithNulls(null), batch.OfInt64s(num),
		batch.OfFloat64s(p[0]), batch.OfBools(pred[0]), batch.OfFloat64s(p[1]), batch.OfBools(pred[1])}}
	return t
}

// slicedClasses is two models whose classes differ, weights, labels that neither knows, and two slices.
func slicedClasses(seed uint64, n int) table {
	r := rand.New(rand.NewPCG(seed, 5))
	two := sliced(seed, n)
	t := table{op: &Multiclass{Options{Part: "test", Slices: []string{"t", "n"}}}, names: []string{"", "champion"}}
	t.site = site(operators.Task{Kind: operators.Multiclass, Label: "y"}, batch.String, two.b.Cols[1].Float64s())
	label := make([]string, n)
	for i := range label {
		label[i] = string(rune('a' + r.IntN(5)))
	}
	t.b = batch.Batch{N: n, Cols: append([]batch.Column{batch.OfStrings(label)}, two.b.Cols[1:4]...)}
	for _, members := range [][]string{{"p_b", "p_a", "p_c"}, {"p_a", "p_c", "p_d"}} {
		v, pred := (*batch.Ctx)(nil).NewVector(n, members), make([]string, n)
		for i := range pred {
			x, y := float64(r.IntN(5))/8, float64(r.IntN(5))/8
			v.Member(0)[i], v.Member(1)[i], v.Member(2)[i] = x, y, max(0, 1-x-y)
			pred[i] = members[r.IntN(3)][2:]
		}
		t.b.Cols = append(t.b.Cols, v, batch.OfStrings(pred))
	}
	return t
}

func marshal(t *testing.T, a operators.Acc) []byte {
	t.Helper()
	b, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Any cut, order and grouping of the rows gives the same state and the same result, to the bit.
func TestAnyCut(t *testing.T) {
	n := 300
	regression := regressionTable(make([]float64, n), make([]float64, n), make([]float64, n))
	r := rand.New(rand.NewPCG(4, 4))
	for _, c := range regression.b.Cols {
		for i := range c.Float64s() {
			c.Float64s()[i] = math.Round(4*math.Abs(r.NormFloat64())) / 3
		}
	}
	for name, tb := range map[string]table{"binary": sliced(1, n), "regression": regression, "multiclass": slicedClasses(1, n), "ranking": slicedGroups(1, n),
		"anomaly": slicedAnomalies(1, n, true), "anomaly without a label": slicedAnomalies(1, n, false)} {
		t.Run(name, func(t *testing.T) {
			whole := tb.op.Start(tb.site, tb.names)
			if err := whole.Add(&batch.Ctx{}, tb.b); err != nil {
				t.Fatal(err)
			}
			want := marshal(t, whole)
			wantRes := fmt.Sprint(tb.run(t))
			for range 10 {
				idx := make([]int32, n)
				for i, j := range r.Perm(n) {
					idx[i] = int32(j)
				}
				mixed := tb.b.Take(nil, idx)
				parts := []operators.Acc{}
				for lo := 0; lo < n; {
					hi := min(n, lo+1+r.IntN(100))
					a := tb.op.Start(tb.site, tb.names)
					c := &batch.Ctx{Poison: true}
					if err := a.Add(c, mixed.Slice(c, lo, hi)); err != nil {
						t.Fatal(err)
					}
					c.Reset()
					parts, lo = append(parts, a), hi
				}
				for len(parts) > 1 {
					o := parts[len(parts)-1]
					before := marshal(t, o)
					k := r.IntN(len(parts) - 1)
					if err := parts[k].Merge(o); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(before, marshal(t, o)) {
						t.Fatal("Merge changed its argument")
					}
					parts = parts[:len(parts)-1]
				}
				got := marshal(t, parts[0])
				if !bytes.Equal(got, want) {
					t.Fatal("another cut gives another state")
				}
				back := tb.op.Start(tb.site, tb.names)
				if err := back.UnmarshalBinary(got); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(marshal(t, back), want) {
					t.Fatal("restored state differs")
				}
				for _, a := range []operators.Acc{parts[0], back} {
					res, err := tb.op.Finish(tb.site, tb.names, operators.TestEnv(), a)
					if err != nil {
						t.Fatal(err)
					}
					if fmt.Sprint(res) != wantRes {
						t.Fatal("another cut gives another result")
					}
				}
			}
			if whole.Bytes() < int64(n*8) {
				t.Errorf("%d bytes held for %d rows", whole.Bytes(), n)
			}
			for cut := 0; cut < len(want); cut += 1 + cut/50 {
				if err := tb.op.Start(tb.site, tb.names).UnmarshalBinary(want[:cut]); err == nil {
					t.Fatalf("a state cut to %d of %d bytes was read", cut, len(want))
				}
			}
		})
	}
}

// The metrics of a slice are those of an evaluation of its rows alone.
func TestSlices(t *testing.T) {
	for name, tb := range map[string]table{"binary": sliced(2, 400), "multiclass": slicedClasses(2, 400), "ranking": slicedGroups(2, 400), "anomaly": slicedAnomalies(2, 400, true)} {
		t.Run(name, func(t *testing.T) { slicesAlone(t, tb) })
	}
}

func slicesAlone(t *testing.T, tb table) {
	t.Helper()
	res := tb.run(t)
	seen, rows := map[string]int64{}, map[string]int64{}
	for _, s := range res.Models[1].Slices {
		seen[s.Column+"="+s.Value] = s.Rows
		rows[s.Column] += s.Rows
		var idx []int32
		at := 2 // behind the label, the weight, and a ranking's group
		if tb.site.Task.Group != "" {
			at = 3
		}
		col := &tb.b.Cols[at]
		if s.Column == "n" {
			col = &tb.b.Cols[at+1]
		}
		for i := range tb.b.N {
			v := "null"
			if !col.Null(i) {
				v = operators.FormatValue(col, i)
			}
			if v == s.Value {
				idx = append(idx, int32(i))
			}
		}
		alone := tb
		alone.b = tb.b.Take(nil, idx)
		if want := alone.run(t).Models[1]; fmt.Sprint(want.Metrics) != fmt.Sprint(s.Metrics) || want.Rows != s.Rows {
			t.Errorf("%s=%s: %v of %d rows, alone %v of %d", s.Column, s.Value, s.Metrics, s.Rows, want.Metrics, want.Rows)
		}
	}
	if seen["t=null"] == 0 || seen["n=-10"] == 0 || rows["t"] != 400 || rows["n"] != 400 {
		t.Errorf("slices: %v", seen)
	}
}

// Classes stand in the order of the new model, then the champion's others, then those that rows alone have, by value; a model's
// probabilities are of the classes by name, wherever its members stand.
func TestClassesByName(t *testing.T) {
	vector := func(members []string, rows ...[]float64) batch.Column {
		v := (*batch.Ctx)(nil).NewVector(len(rows), members)
		for i, row := range rows {
			for j, p := range row {
				v.Member(j)[i] = p
			}
		}
		return v
	}
	tb := table{op: &Multiclass{Options{Part: "test"}}, names: []string{"", "champion"}}
	tb.site = site(operators.Task{Kind: operators.Multiclass, Label: "y"}, batch.Int64, nil)
	y := batch.OfInt64s([]int64{10, 9, 2, 100})
	fresh := vector([]string{"p_9", "p_10"}, []float64{0.25, 0.75}, []float64{0.5, 0.5}, []float64{0.125, 0.875}, []float64{1, 0})
	old := vector([]string{"p_2", "p_10", "p_9"}, []float64{0, 0.75, 0.25}, []float64{0, 0.5, 0.5}, []float64{0.5, 0.25, 0.25}, []float64{0, 0, 1})
	tb.b = batch.Batch{N: 4, Cols: []batch.Column{y, fresh, batch.OfInt64s([]int64{10, 9, 10, 9}), old, batch.OfInt64s([]int64{10, 10, 2, 9})}}
	res := tb.run(t)
	names := func(m operators.ModelResult) (s string) {
		for _, c := range m.Classes {
			s += c.Name + " "
			if c.Unknown {
				s += "unknown "
			}
		}
		return s
	}
	if got := names(res.Models[0]); got != "9 10 2 unknown 100 unknown " {
		t.Errorf("classes %s", got)
	}
	if got := names(res.Models[1]); got != "9 10 2 100 unknown " {
		t.Errorf("the champion's classes %s", got)
	}
	if got := fmt.Sprint(res.Models[0].Confusion, res.Models[1].Confusion); got != "[[1 0 0 0] [0 1 0 0] [0 1 0 0] [1 0 0 0]] [[0 1 0 0] [0 1 0 0] [0 0 1 0] [1 0 0 0]]" {
		t.Error(got)
	}
	loss := func(p ...float64) (sum float64) {
		for _, v := range p {
			sum -= math.Log(max(v, clip)) / float64(len(p))
		}
		return sum
	}
	for m, want := range []float64{loss(0.75, 0.5, 0, 0), loss(0.75, 0.5, 0.5, 0)} {
		if got := metric(res.Models[m].Metrics, "log_loss"); !near(got, want) {
			t.Errorf("log_loss of model %d is %v, want %v", m, got, want)
		}
		if got := metric(res.Models[m].Metrics, "unknown"); got != float64(2-m) {
			t.Errorf("%v rows are unknown to model %d", got, m)
		}
	}
}

// Beyond 200 classes there is no confusion, beyond 2000 no measure.
func TestManyClasses(t *testing.T) {
	run := func(classes int) (operators.Result, error) {
		y, p := make([]int, classes), make([][]float64, classes)
		for i := range y {
			y[i], p[i] = i, []float64{0.5, 0.5}
		}
		tb := multiclassTable(y, p, nil)
		a := tb.op.Start(tb.site, tb.names)
		if err := a.Add(nil, tb.b); err != nil {
			t.Fatal(err)
		}
		return tb.op.Finish(tb.site, tb.names, operators.TestEnv(), a)
	}
	for _, n := range []int{confusionMax, confusionMax + 1} {
		res, err := run(n)
		if err != nil || len(res.Models[0].Classes) != n || (res.Models[0].Confusion != nil) != (n == confusionMax) {
			t.Errorf("%d classes: %v, %d measured", n, err, len(res.Models[0].Classes))
		}
	}
	_, err := run(classesMax + 1)
	var data *operators.ErrData
	if !errors.As(err, &data) || !strings.Contains(err.Error(), "2001 classes") {
		t.Errorf("too many classes: %v", err)
	}
}

func TestManySlices(t *testing.T) {
	n := 3000
	y, p, num := make([]int, n), make([]float64, n), make([]int64, n)
	for i := range y {
		y[i], p[i], num[i] = i%2, float64(i%7)/7, int64(min(i, 1200))
	}
	tb := binaryTable(y, p, 0.5, nil)
	tb.op = &Binary{Options{Part: "test", Slices: []string{"n"}}}
	tb.b.Cols = []batch.Column{tb.b.Cols[0], batch.OfInt64s(num), tb.b.Cols[1], tb.b.Cols[2]}
	s := tb.run(t).Models[0].Slices
	if len(s) != slicesMax+1 || s[0].Value != "1200" || s[0].Rows != 1800 || s[slicesMax].Value != "(201 other values)" || s[slicesMax].Rows != 201 {
		t.Errorf("%d slices, %v … %v", len(s), s[0], s[len(s)-1])
	}
	if !math.IsNaN(metric(s[1].Metrics, "auc")) {
		t.Error("one row has an auc")
	}
}

func TestCurves(t *testing.T) {
	n := 1000
	y, p := make([]int, n), make([]float64, n)
	r := rand.New(rand.NewPCG(9, 9))
	for i := range y {
		p[i] = r.Float64()
		if r.Float64() < p[i] {
			y[i] = 1
		}
	}
	c := binaryTable(y, p, 0.5, nil).run(t).Models[0].Curves
	if len(c) != 3 || c[0].Name != "roc" || c[1].Name != "precision_recall" || c[2].Name != "calibration" {
		t.Fatalf("curves %v", c)
	}
	roc := c[0]
	if len(roc.X) != pointsMax || roc.X[0] != 0 || roc.Y[0] != 0 || roc.X[pointsMax-1] != 1 || roc.Y[pointsMax-1] != 1 {
		t.Errorf("roc from (%v, %v) to (%v, %v), %d points", roc.X[0], roc.Y[0], roc.X[len(roc.X)-1], roc.Y[len(roc.Y)-1], len(roc.X))
	}
	if pr := c[1]; pr.X[len(pr.X)-1] != 1 {
		t.Errorf("recall ends at %v", pr.X[len(pr.X)-1])
	}
	if cal := c[2]; len(cal.X) != 10 || math.Abs(cal.X[3]-0.35) > 0.02 || math.Abs(cal.Y[3]-0.35) > 0.15 {
		t.Errorf("calibration %v", cal)
	}
	a := make([]float64, n)
	b := make([]float64, n)
	for i := range a {
		b[i] = r.NormFloat64()
		a[i] = b[i] + r.NormFloat64()
	}
	c = regressionTable(a, b, nil).run(t).Models[0].Curves
	if len(c) != 2 || len(c[0].X) != actualBins || len(c[1].X) != histogramBins {
		t.Fatalf("curves %v", c)
	}
	sum := 0.0
	for _, v := range c[1].Y {
		sum += v
	}
	if !near(sum, 1) {
		t.Errorf("shares of residuals sum to %v", sum)
	}
}

func TestMissingScores(t *testing.T) {
	tb := binaryTable([]int{0, 1, 1, 0}, []float64{0.1, math.NaN(), 0.9, math.NaN()}, 0.5, nil)
	a := tb.op.Start(tb.site, tb.names)
	if err := a.Add(nil, tb.b); err != nil {
		t.Fatal(err)
	}
	_, err := tb.op.Finish(tb.site, tb.names, operators.TestEnv(), a)
	var data *operators.ErrData
	if !errors.As(err, &data) || !strings.Contains(err.Error(), "2 of 4 rows") {
		t.Errorf("error %v", err)
	}
	many := multiclassTable([]int{0, 1, 1}, [][]float64{{0.5, 0.5}, {0.5, math.NaN()}, {0.1, 0.9}}, nil)
	a = many.op.Start(many.site, many.names)
	if err := a.Add(nil, many.b); err != nil {
		t.Fatal(err)
	}
	if _, err := many.op.Finish(many.site, many.names, operators.TestEnv(), a); !errors.As(err, &data) || !strings.Contains(err.Error(), "1 of 3 rows") {
		t.Errorf("error %v", err)
	}
	many.names = []string{"champion"}
	if res := many.run(t).Models[0]; !math.IsNaN(metric(res.Metrics, "accuracy")) || res.Classes != nil {
		t.Errorf("%+v of a champion without scores", res)
	}
	// A champion without scores fails its lines, and not the run.
	tb.names = []string{"champion"}
	if v := metric(tb.run(t).Models[0].Metrics, "auc"); !math.IsNaN(v) {
		t.Errorf("auc %v of a champion without scores", v)
	}
	tb.b.N = 0
	for i := range tb.b.Cols {
		tb.b.Cols[i] = tb.b.Cols[i].Slice(nil, 0, 0)
	}
	if _, err := tb.op.Finish(tb.site, tb.names, operators.TestEnv(), tb.op.Start(tb.site, tb.names)); !errors.As(err, &data) {
		t.Errorf("no rows: %v", err)
	}
}

// The examples of the catalogue: of the model step's rows, those of the part; the metrics of one model.
func TestExamples(t *testing.T) {
	for _, name := range []string{"evaluate.anomaly", "evaluate.binary", "evaluate.multiclass", "evaluate.regression"} {
		spec, ok := operators.Lookup(name)
		if !ok || len(spec.Example) == 0 {
			t.Fatalf("%s has no example", name)
		}
		for _, e := range spec.Example {
			op := spec.New().(operators.Reduce)
			modeltest.Options(t, e.Options, op)
			in, b, err := operators.ParseRows(e.In[0])
			if err != nil {
				t.Fatal(err)
			}
			s := operators.Site{In: []operators.Schema{in}, Task: e.Task}
			out, l := op.Check(s)
			if l != nil {
				t.Fatal(l)
			}
			var idx []int32
			for i := range b.N {
				if out.Reads.Parts.Has(b.PartAt(i)) {
					idx = append(idx, int32(i))
				}
			}
			b = b.Take(nil, idx)
			asked := batch.Batch{N: b.N}
			for _, c := range append(out.Reads.Cols, out.Eval.Scores...) {
				asked.Cols = append(asked.Cols, b.Cols[in.Index(c)])
			}
			a := op.Start(s, []string{""})
			if err := a.Add(nil, asked); err != nil {
				t.Fatal(err)
			}
			res, err := op.Finish(s, []string{""}, operators.TestEnv(), a)
			if err != nil {
				t.Fatal(err)
			}
			_, want, err := operators.ParseRows(e.Out)
			if err != nil {
				t.Fatal(err)
			}
			got := res.Models[0].Metrics
			if len(got) != want.N || len(out.Eval.Metrics) != want.N {
				t.Fatalf("%s: %v", name, got)
			}
			for i, m := range got {
				if v := want.Cols[1].Float64s()[i]; m.Name != want.Cols[0].Str(i) || m.Name != out.Eval.Metrics[i] || math.Abs(m.Value-v) > 1e-9 {
					t.Errorf("%s: %v, want %s %v", name, m, want.Cols[0].Str(i), v)
				}
			}
		}
	}
}

func TestCheck(t *testing.T) {
	good := operators.Of(operators.Field{Name: "y", Type: batch.T(batch.Bool)}, operators.Field{Name: "p", Type: batch.T(batch.Float64)},
		operators.Field{Name: "pred", Type: batch.T(batch.Bool)}, operators.Field{Name: "l", Type: batch.Type{Kind: batch.List, Elem: batch.Int64}})
	task := operators.Task{Kind: operators.Binary, Label: "y"}
	for _, c := range []struct {
		name string
		op   Binary
		in   operators.Schema
		task operators.Task
		want string
	}{
		{"good", Binary{Options{Part: "valid", Slices: []string{"any"}, Champion: "models://m@champion"}}, good, task, ""},
		{"no task", Binary{}, good, operators.Task{Kind: operators.NoTask}, "there is no task block"},
		{"wrong task", Binary{}, good, operators.Task{Kind: operators.Regression, Label: "y"}, "the task is regression"},
		{"no model", Binary{}, operators.Of(good.Fields[0]), task, `column "p"`},
		{"label", Binary{}, operators.Of(good.Fields[1:]...), task, `the label "y" does not reach`},
		{"champion", Binary{Options{Champion: "models:m"}}, good, task, "is no model"},
		{"slice", Binary{Options{Slices: []string{"l"}}}, good, task, "no values to slice by"},
		{"twice", Binary{Options{Slices: []string{"a", "a"}}}, good, task, "twice"},
	} {
		out, l := c.op.Check(operators.Site{In: []operators.Schema{c.in}, Task: c.task})
		text := ""
		for _, d := range l {
			text += d.Error() + "\n"
		}
		if c.want == "" && l != nil || c.want != "" && !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
		if c.want == "" && (out.Reads.Parts != batch.ValidRows || len(out.Eval.Scores) != 2 || out.Eval.Champion == "") {
			t.Errorf("%s: %+v", c.name, out)
		}
	}
}

func BenchmarkBinary(b *testing.B) {
	tb := sliced(1, 1_000_000)
	for b.Loop() {
		tb.run(b)
	}
}
