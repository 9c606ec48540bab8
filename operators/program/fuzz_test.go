package program

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/headrace/headrace/operators/batch"
)

// fuzzGraphs are graphs of all kinds.
func fuzzGraphs(t testing.TB) []Graph {
	i64, f64, str, boolean := typesOf(batch.Int64), typesOf(batch.Float64), typesOf(batch.String), typesOf(batch.Bool)
	r := rand.New(rand.NewPCG(1, 1))
	lookup, err := NewLookup([]batch.Column{batch.OfStrings([]string{"a", "b", ""}).WithNulls([]bool{false, false, true})},
		[]batch.Column{batch.OfFloat64s([]float64{1, 2, 3}), batch.OfStrings([]string{"x", "y", "z"})}, []Value{{}, {Kind: batch.String, S: "?"}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewLookup([]batch.Column{batch.OfStrings([]string{"a", "b"}), batch.OfInt64s([]int64{1, 2})},
		[]batch.Column{batch.OfBools([]bool{true, false})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	levels := []int32{0, 70}
	g := []Graph{
		One(&Affine{Sub: []float64{1}, Div: []float64{2}}, named("x", f64), named("y", f64)),
		One(&Impute{Values: []Value{{Kind: batch.Float64, F: 1}, {Kind: batch.String, S: "a"}}, NaN: true}, named("x", append(f64, str...)), named("y", append(f64, str...))),
		One(&IsNull{}, named("x", str), named("y", boolean)),
		One(&Threshold{At: 0.5}, named("x", f64), named("y", boolean)),
		One(&Draw{Seed: 1, Below: 1 << 60}, []Named{{Ordinal, i64[0]}, {Copy, i64[0]}}, named("y", boolean)),
		One(&Bucket{Cuts: []int64{1, 2}, Out: []int64{0, -1, 1}}, named("x", typesOf(batch.Timestamp)), named("y", i64)),
		One(&Linear{W: []float64{1, 2}, Link: Sigmoid}, named("x", append(f64, i64...)), named("y", f64)),
		One(&HashPart{Seed: 1, Cut: []float64{0.5}}, named("x", append(str, i64...)), named("y", append(i64, i64...))),
		One(lookup, named("x", str), named("y", append(f64, str...))),
		One(two, named("x", append(str, i64...)), named("y", boolean)),
		One(&Trees{Levels: levels, Trees: []Tree{randomTree(r, 9, levels), randomTree(r, 1, levels)}}, named("x", append(f64, i64...)), named("y", f64)),
		One(bombTrees(3), named("x", repeat(i64[0], 16)), named("y", f64)),
		One(&Expect{Rules: []Rule{{Name: "x", HasMin: true, Min: 0}, {Name: "s", NotNull: true, Categories: []string{"a"}}}}, named("x", append(f64, str...)), named("y", append(f64, str...))),
	}
	g = append(g, One(&Expr{Nodes: []ExprNode{{Op: "col", Type: i64[0]}, {Op: "int", Type: i64[0], I: 7}, {Op: "add", Type: i64[0], Args: []int{0, 1}},
		{Op: "col", Type: str[0], I: 1}, {Op: "matches", Type: boolean[0], Args: []int{3}, S: "a+b"}, {Op: "in", Type: boolean[0], Args: []int{2}, Ints: []int64{1, 8}},
		{Op: "or", Type: boolean[0], Args: []int{4, 5}}}}, named("x", append(i64, str...)), named("y", boolean)))
	members, _ := TakeApart("x", 2, "y")
	g = append(g, members)
	soft := One(&Softmax{Members: []string{"a", "b"}}, named("x", append(f64, f64...)), []Named{{"p", batch.T(batch.Vector)}})
	g = append(g, apart(soft, 2).Renamed(nil, map[string]string{"m.0": "y0", "m.1": "y1"}))
	pick := One(&Choice{Values: []Value{{Kind: batch.String, S: "a"}, {Kind: batch.String, S: "b"}}}, []Named{{"p", batch.T(batch.Vector)}}, named("y", str))
	soft.Out = []Port{{"y0", soft.Add(pick, map[string]int{"p": soft.Out[0].Slot})["y0"]}}
	g = append(g, soft)
	covered := &Trees{Levels: levels, Names: names(2), Trees: []Tree{coveredTree(r, 9, levels), coveredTree(r, 1, levels)}}
	shap := One(&Shap{Of: []Ensemble{{Trees: covered}}}, named("x", append(f64, i64...)), []Named{{"p", batch.T(batch.Vector)}})
	g = append(g, One(covered, named("x", append(f64, i64...)), named("y", f64)),
		apart(shap, 3).Renamed(nil, map[string]string{"m.0": "y0", "m.1": "y1"}).Narrow([]string{"y0", "y1"}))
	voted := One(randomForest(r, []int{9, 1}, levels, 2), named("x", append(f64, i64...)), []Named{{"p", batch.T(batch.Vector)}})
	g = append(g, apart(voted, 2).Renamed(nil, map[string]string{"m.0": "y0", "m.1": "y1"}))
	known := coveredForest(r, []int{9, 1}, levels, 2)
	why := One(&ForestShap{Classes: []string{"a", "b"}, Forest: known}, named("x", append(f64, i64...)), []Named{{"p", batch.T(batch.Vector)}})
	g = append(g, apart(why, 6).Renamed(nil, map[string]string{"m.0": "y0", "m.1": "y1"}).Narrow([]string{"y0", "y1"}))
	hot := One(&OneHot{Members: []string{"a", "b"}}, named("x", typesOf(batch.Int32)), []Named{{"p", batch.T(batch.Vector)}})
	g = append(g, apart(hot, 2).Renamed(nil, map[string]string{"m.0": "y0", "m.1": "y1"}))
	all := Graph{}
	for i, h := range g {
		in := map[string]string{} // the graphs read columns of one name as one column, and so of one type
		for _, p := range h.In {
			if p.Name[0] != '@' {
				in[p.Name] = fmt.Sprint(p.Name, "_", i)
			}
		}
		all = all.Beside(h.Renamed(in, map[string]string{"y0": fmt.Sprint("z", i), "y1": fmt.Sprint("w", i)}).Of("step"))
	}
	return append(g, all)
}

// FuzzUnmarshal: whatever the bytes are, there is no panic and no memory out of proportion, what is read is written alike, and it
// runs, with batch and row of one mind.
func FuzzUnmarshal(f *testing.F) {
	kinds := map[string]bool{}
	for _, g := range fuzzGraphs(f) {
		for _, n := range g.Nodes {
			kinds[n.Kind.ID()] = true
		}
		f.Add(g.Marshal())
	}
	here := reflect.TypeFor[Graph]().PkgPath()
	for _, id := range Kinds() {
		k, _ := NewKind(id)
		if mine := reflect.TypeOf(k).Elem().PkgPath() == here; mine && !kinds[id] {
			f.Errorf("no graph with a node of kind %s", id)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		g, err := Unmarshal(data)
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+1000*len(data)); got > most {
			t.Fatalf("%d bytes of input took %d of memory", len(data), got)
		}
		if err != nil {
			return
		}
		if again := g.Marshal(); !bytes.Equal(again, data) {
			t.Fatalf("read\n%x, written\n%x", data, again)
		}
		r := rand.New(rand.NewPCG(1, 1))
		var cols []batch.Column
		for _, p := range g.In {
			if k := g.Types[p.Slot].Kind; k == batch.Vector || k == batch.List {
				return // their width is not said
			}
			col := lawColumn(r, g.Types[p.Slot], true)
			cols = append(cols, col.Slice(nil, 0, 70))
		}
		_, err = g.Batch(nil, 70, cols)
		f, rowErr := g.Frame(), error(nil)
		for i := 0; i < 70 && rowErr == nil; i++ {
			for j, p := range g.In {
				f.SetRow(p.Slot, &cols[j], i)
			}
			rowErr = g.Row(f)
		}
		if (err != nil) != (rowErr != nil) {
			t.Fatalf("the batch form says %v, the row form %v", err, rowErr)
		}
	})
}
