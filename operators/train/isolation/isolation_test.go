package isolation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/internal/trees"
	"github.com/headrace/headrace/operators/model/modeltest"
	"github.com/headrace/headrace/operators/program"
)

func TestExamples(t *testing.T) { modeltest.Examples(t, "train.isolation_forest") }

// table is rows of two clusters, of which every 20th is none: far out, or with a rare text. The label says which, w weighs.
func table(n int) (operators.Schema, batch.Batch, operators.Task) {
	r := rand.New(rand.NewPCG(1, 2))
	x, z, kind, null := make([]float64, n), make([]int32, n), make([]string, n), make([]bool, n)
	w, odd := make([]float64, n), make([]bool, n)
	for i := range n {
		c := float64(r.IntN(2) * 10)
		x[i], z[i], kind[i], w[i] = c+r.NormFloat64(), int32(c*10+10*r.NormFloat64()), fmt.Sprint("kind ", r.IntN(3)), 1+r.Float64()
		null[i] = r.IntN(30) == 0
		if odd[i] = i%20 == 7; odd[i] {
			x[i], z[i] = 20*r.Float64()-5, int32(r.IntN(300)-100)
			kind[i] = fmt.Sprint("odd ", r.IntN(5))
		}
	}
	b := batch.Batch{N: n, Part: make([]uint8, n), Cols: []batch.Column{batch.OfFloat64s(x), batch.OfInt32s(z).WithNulls(null), batch.OfStrings(kind),
		batch.OfFloat64s(w), batch.OfBools(odd)}}
	in := operators.Schema{}
	for j, name := range []string{"x", "z", "kind", "w", "odd"} {
		in.Fields = append(in.Fields, operators.Field{Name: name, Type: b.Cols[j].Type, Nullable: b.Cols[j].Valid != nil})
	}
	return in, b, operators.Task{Kind: operators.Anomaly, Label: "odd"}
}

// auc is the share of pairs of an odd row and another in which the odd one has the greater score.
func auc(score []float64, odd *batch.Column) float64 {
	hit, all := 0.0, 0.0
	for i, a := range score {
		for j, b := range score {
			if odd.Bit(i) && !odd.Bit(j) {
				all++
				if a > b {
					hit++
				} else if a == b {
					hit += 0.5
				}
			}
		}
	}
	return hit / all
}

func TestFinds(t *testing.T) {
	in, b, task := table(2000)
	share := 0.05
	for _, weight := range []string{"", "w"} {
		if task.Weight = weight; weight == "" {
			in.Fields = append(in.Fields[:3:3], in.Fields[4]) // else it were a feature
			b.Cols = append(b.Cols[:3:3], b.Cols[4])
		} else {
			in, b, _ = table(2000)
		}
		f, err := modeltest.Fit(t, &Operator{Trees: 100, Rows: 256, Contamination: &share}, modeltest.Workers(2, 1), in, b, task)
		if err != nil {
			t.Fatal(err)
		}
		out := modeltest.Score(t, f.Program, in, b)
		if a := auc(out[0].Float64s(), &b.Cols[len(b.Cols)-1]); a < 0.93 {
			t.Errorf("AUC %v", a)
		}
		called := 0
		for i := range b.N {
			if out[1].Bit(i) {
				called++
			}
			if s := out[0].Float64s()[i]; !(s > 0 && s < 1) {
				t.Fatalf("score %v", s)
			}
		}
		if called < 100 || called > 105 { // more than asked for where scores are equal
			t.Errorf("%d rows of %d are called anomalies, want a twentieth", called, b.N)
		}
	}
}

// Scores are the paper's: of each tree the splits on the way, and what the rows of the leaf would ask for.
func TestScores(t *testing.T) {
	in, b, task := table(500)
	task.Weight = "w"
	o := &Operator{Trees: 30, Rows: 64}
	f, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, task)
	if err != nil {
		t.Fatal(err)
	}
	got := modeltest.Score(t, f.Program, in, b)[0].Float64s()
	features := trees.NewVocabulariesWithRest(in.Fields[:3], operators.Table{N: b.N, Cols: b.Cols}, nil).Features(in.Fields[:3], operators.Table{N: b.N, Cols: b.Cols})
	g := &grower{data: &trees.Data{N: b.N, Features: features, Weight: b.Cols[3].Float64s()}, seed: hash.Combine(modeltest.Site(in, task).Seed, uint64(o.Seed)), rows: 64, depth: 6}
	for i := range b.N {
		sum := 0.0
		for k := range 30 {
			tree := g.tree(uint64(k))
			sample := g.sample(hash.Draw(g.seed, uint64(k), drawTree))
			if len(sample) != 64 {
				t.Fatalf("%d rows in a sample", len(sample))
			}
			// the way of the row, and how many of the sample go it too
			node, depth := int32(0), 0
			for node >= 0 {
				s := split{at: tree.Threshold[node], missingLeft: tree.MissingLeft[node]}
				ft := &features[tree.Feature[node]]
				if tree.Cat[node] >= 0 {
					s.bits = tree.Bits[tree.Cat[node]:]
				}
				side := s.side(value(ft, i))
				var stay []int32
				for _, r := range sample {
					if s.side(value(ft, int(r))) == side {
						stay = append(stay, r)
					}
				}
				sample = stay
				node = [2][]int32{tree.Left, tree.Right}[side][node]
				depth++
			}
			if depth < 6 && len(sample) > 1 && g.apart(sample) {
				t.Fatalf("tree %d, row %d: %d rows that differ are a leaf at depth %d", k, i, len(sample), depth)
			}
			sum += float64(depth) + length(len(sample))
		}
		if want := math.Pow(2, -sum/30/length(64)); math.Abs(got[i]-want) > 1e-6 {
			t.Fatalf("row %d: %v, want %v", i, got[i], want)
		}
		if i > 40 {
			break
		}
	}
	for n, want := range map[int]float64{0: 0, 1: 0, 2: 1, 256: 10.244770920119917} { // the last is scikit-learn's
		if got := length(n); math.Abs(got-want) > 1e-12 {
			t.Errorf("c(%d) is %v, want %v", n, got, want)
		}
	}
}

// apart says whether rows have two values of some feature.
func (g *grower) apart(rows []int32) bool {
	for j := range g.data.Features {
		first := math.NaN()
		for _, r := range rows {
			if x := value(&g.data.Features[j], int(r)); x == x {
				if first == first && x != first {
					return true
				}
				first = x
			}
		}
	}
	return false
}

func TestWorkers(t *testing.T) {
	in, b, task := table(3000)
	task.Weight = "w"
	share := 0.1
	want := ""
	for _, n := range []int{1, 2, 3, 7, 16} {
		f, err := modeltest.Fit(t, &Operator{Trees: 40, Rows: 100, Contamination: &share}, modeltest.Workers(n, uint64(n)), in, b, task)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%x %+v", f.Program.Marshal(), f.Notes)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%d workers make another model", n)
		}
	}
}

// Rows of weight 0 are never drawn; twice the weight is drawn about twice as often.
func TestSample(t *testing.T) {
	const n = 300
	w := make([]float64, n)
	for i := range w {
		w[i] = float64(i % 3)
	}
	g := &grower{data: &trees.Data{N: n, Weight: w}, rows: 10}
	var drawn [3]int
	for seed := range uint64(2000) {
		rows := g.sample(seed)
		if len(rows) != 10 {
			t.Fatalf("%d rows", len(rows))
		}
		for _, r := range rows {
			drawn[r%3]++
		}
	}
	if ratio := float64(drawn[2]) / float64(drawn[1]); drawn[0] > 0 || ratio < 1.8 || ratio > 2.05 {
		t.Errorf("drawn by weight %v", drawn)
	}
}

func TestBetween(t *testing.T) {
	for _, p := range [][2]float64{{1, 2}, {math.Inf(-1), math.Inf(1)}, {0, math.Inf(1)}, {1, math.Nextafter(1, 2)}, {-math.MaxFloat64, math.MaxFloat64}} {
		for _, u := range []float64{0, 0.3, 1 - 0x1p-53} {
			if x := between(p[0], p[1], u); !(x >= p[0] && x < p[1]) {
				t.Errorf("between %v by %v is %v", p, u, x)
			}
		}
	}
}

func TestChecks(t *testing.T) {
	in, b, task := table(10)
	out, l := (&Operator{}).Check(modeltest.Site(in, task))
	if l != nil || strings.Join(out.Reads.Cols, " ") != "x z kind w" || strings.Join(out.Model.Scores, " ") != "score pred" {
		t.Errorf("%v %v %v", l, out.Reads.Cols, out.Model)
	}
	task.Kind = operators.Binary
	if _, l := (&Operator{}).Check(modeltest.Site(in, task)); !strings.Contains(fmt.Sprint(l), "is for tasks of kind anomaly, the task is binary") {
		t.Errorf("%v", l)
	}
	task.Kind, b.N = operators.Anomaly, 1
	for j := range b.Cols {
		b.Cols[j] = b.Cols[j].Slice(nil, 0, 1)
	}
	b.Part = b.Part[:1]
	if _, err := modeltest.Fit(t, &Operator{Trees: 2, Rows: 256}, operators.TestEnv(), in, b, task); err == nil || !strings.Contains(err.Error(), "1 rows are too few") {
		t.Errorf("%v", err)
	}
}

// Rows that are all alike are no anomalies, however many they are: they have the score that is expected.
func TestAlike(t *testing.T) {
	share := 0.1
	for _, n := range []int{2, 3, 4, 5, 8, 10, 16, 32, 50, 64, 100, 128, 256, 300, 512} {
		for _, o := range []*Operator{{Trees: 100, Rows: 256}, {Trees: 7, Rows: 65536}, {Trees: 100, Rows: 256, Contamination: &share}} {
			in := operators.Schema{Fields: []operators.Field{{Name: "x", Type: batch.T(batch.Float64)}}}
			b := batch.Batch{N: n, Part: make([]uint8, n), Cols: []batch.Column{batch.OfFloat64s(make([]float64, n))}}
			f, err := modeltest.Fit(t, o, operators.TestEnv(), in, b, operators.Task{Kind: operators.Anomaly})
			if err != nil {
				t.Fatal(err)
			}
			out := modeltest.Score(t, f.Program, in, b)
			for i := range n {
				if s := out[0].Float64s()[i]; s != 0.5 || out[1].Bit(i) {
					t.Fatalf("%d rows alike, %d trees: row %d has score %v and pred %v", n, o.Trees, i, s, out[1].Bit(i))
				}
			}
		}
	}
}

// A column of many values costs a node no more than one of few: those that few rows have are one value, and so is one that no row has.
func TestManyValues(t *testing.T) {
	const n = 3000
	in := operators.Schema{Fields: []operators.Field{{Name: "name", Type: batch.T(batch.String)}}}
	name := make([]string, n)
	for i := range name {
		name[i] = fmt.Sprint("often ", i%100)
		if i%3 == 0 {
			name[i] = fmt.Sprint("of two ", i/6)
		}
	}
	name[0] = ""
	null := make([]bool, n)
	null[n-1] = true
	b := batch.Batch{N: n, Part: make([]uint8, n), Cols: []batch.Column{batch.OfStrings(name).WithNulls(null)}}
	in.Fields[0].Nullable = true
	f, err := modeltest.Fit(t, &Operator{Trees: 100, Rows: 64}, operators.TestEnv(), in, b, operators.Task{Kind: operators.Anomaly})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range f.Program.Nodes {
		if k, ok := node.Kind.(*program.Trees); ok {
			for i := range k.Trees {
				if tree := &k.Trees[i]; len(tree.Bits) > 4*len(tree.Feature) {
					t.Fatalf("%d words for %d splits", len(tree.Bits), len(tree.Feature))
				}
			}
		}
	}
	score := func(cols ...batch.Column) []float64 {
		return modeltest.Score(t, f.Program, in, batch.Batch{N: cols[0].N, Part: make([]uint8, cols[0].N), Cols: cols})[0].Float64s()
	}
	got := score(batch.OfStrings([]string{"of two 3", "of two 400", "new", "often 7"}).WithNulls(make([]bool, 4)))
	if got[0] != got[1] || got[1] != got[2] || got[3] == got[0] {
		t.Errorf("scores %v: rare values are one", got)
	}
	if none := score(batch.OfStrings([]string{""}).WithNulls([]bool{true})); none[0] == got[0] {
		t.Errorf("a null has the score %v of a rare value", none[0])
	}
}
