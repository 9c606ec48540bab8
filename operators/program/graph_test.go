package program

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
)

// small are graphs of real kinds over columns a, b (Float64), s (String) and what others of them make; no two make one name.
func small(t testing.TB) []Graph {
	f, s := batch.T(batch.Float64), batch.T(batch.String)
	lookup, err := NewLookup([]batch.Column{batch.OfStrings([]string{"a", "b"})}, []batch.Column{batch.OfFloat64s([]float64{1, 2})}, []Value{{Kind: batch.Float64, F: -1}})
	if err != nil {
		t.Fatal(err)
	}
	n := func(names string, types ...batch.Type) (out []Named) {
		for j, name := range strings.Fields(names) {
			out = append(out, Named{name, types[min(j, len(types)-1)]})
		}
		return out
	}
	return []Graph{
		One(&Affine{Sub: []float64{1, 2}, Div: []float64{2, 3}}, n("a b", f), n("c d", f)).Of("scale"),
		One(&Impute{Values: []Value{{Kind: batch.Float64, F: 7}}}, n("c", f), n("e", f)).Of("fill"),
		One(&IsNull{}, n("a s", f, s), n("g h", batch.T(batch.Bool))).Of("null"),
		One(lookup, n("s", s), n("k", f)).Of("encode"),
		One(&Linear{W: []float64{1, -1, 0.5}, B: 0.25, Link: Sigmoid}, n("e k d", f), n("p", f)).Of("model"),
		One(&Threshold{At: 0.5}, n("p", f), n("yes", batch.T(batch.Bool))).Of("model"),
		One(&Affine{Sub: []float64{0}, Div: []float64{-1}}, n("p", f), n("q", f)),
	}
}

// then is g, and behind it h over the columns of g's inputs and outputs.
func then(g, h Graph) Graph {
	g.In, g.Out, g.Nodes, g.Types = slices.Clone(g.In), slices.Clone(g.Out), slices.Clone(g.Nodes), slices.Clone(g.Types)
	at := map[string]int{}
	for _, p := range slices.Concat(g.In, g.Out) {
		at[p.Name] = p.Slot
	}
	slots := g.Add(h, at)
	for _, p := range h.Out {
		g.Output(p.Name, slots[p.Name])
	}
	return g
}

// graphColumns are columns for all inputs that small graphs have, alone or composed.
func graphColumns() map[string]batch.Column {
	r := rand.New(rand.NewPCG(9, 9))
	cols := map[string]batch.Column{}
	for _, name := range strings.Fields("a b c d e k p q") {
		cols[name] = lawColumn(r, batch.T(batch.Float64), true).Slice(nil, 0, 70)
	}
	cols["s"] = lawColumn(r, batch.T(batch.String), true).Slice(nil, 0, 70)
	return cols
}

// runByName runs a graph in both forms and gives its outputs by name.
func runByName(t *testing.T, g Graph, cols map[string]batch.Column) map[string]batch.Column {
	t.Helper()
	var in []batch.Column
	for _, p := range g.In {
		c, ok := cols[p.Name]
		if !ok {
			t.Fatalf("%s reads %q", g, p.Name)
		}
		in = append(in, c)
	}
	out := lawBatch(t, g, 70, in)
	lawSame(t, "row by row", lawRows(t, g, 70, in), out)
	m := map[string]batch.Column{}
	for i, p := range g.Out {
		m[p.Name] = out[i]
	}
	return m
}

func sameByName(t *testing.T, what string, got, want map[string]batch.Column) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d outputs, want %d", what, len(got), len(want))
	}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Fatalf("%s: no output %q", what, name)
		}
		lawSame(t, what+": "+name, []batch.Column{g}, []batch.Column{w})
	}
}

func portNames(ps []Port) (s []string) {
	for _, p := range ps {
		s = append(s, p.Name)
	}
	return s
}

// Composition is associative on results; all that is composed keeps its stored form and runs from it.
func TestGraphAssociative(t *testing.T) {
	gs, cols := small(t), graphColumns()
	for i := range gs {
		for j := i + 1; j < len(gs); j++ {
			for k := j + 1; k < len(gs); k++ {
				what := fmt.Sprint(i, " then ", j, " then ", k)
				left, right := then(then(gs[i], gs[j]), gs[k]), then(gs[i], then(gs[j], gs[k]))
				want := runByName(t, left, cols)
				sameByName(t, what, runByName(t, right, cols), want)
				a, b := portNames(left.In), portNames(right.In)
				slices.Sort(a)
				slices.Sort(b)
				if !slices.Equal(a, b) {
					t.Fatalf("%s: inputs %v and %v", what, a, b)
				}
				data := left.Marshal()
				h, err := Unmarshal(data)
				if err != nil || !bytes.Equal(h.Marshal(), data) {
					t.Fatalf("%s: %v", what, err)
				}
				sameByName(t, what+", restored", runByName(t, h, cols), want)
			}
		}
	}
}

// Add feeds inputs that stand in at, makes inputs of the others, and leaves the added graph as it was.
func TestGraphAdd(t *testing.T) {
	gs := small(t)
	before := gs[4].Marshal()
	var g Graph
	e := g.Input("other", batch.T(batch.Float64))
	at := map[string]int{"e": e, "unused": e}
	out := g.Add(gs[4], at)
	if got := portNames(g.In); !slices.Equal(got, []string{"other", "k", "d"}) || at["k"] != g.In[1].Slot || at["d"] != g.In[2].Slot || len(out) != 1 {
		t.Errorf("inputs %v, at %v, outputs %v", got, at, out)
	}
	again := g.Add(gs[4], at)
	if again["p"] == out["p"] || len(g.In) != 3 || len(g.Nodes) != 2 {
		t.Errorf("added twice: %s", g)
	}
	if !bytes.Equal(gs[4].Marshal(), before) {
		t.Error("the added graph was changed")
	}
	// an output that is an input goes through
	var pass Graph
	pass.Output("y", pass.Input("x", batch.T(batch.Float64)))
	if out := g.Add(pass, map[string]int{"x": e}); out["y"] != e {
		t.Errorf("%v", out)
	}
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, `program: input "s" is string, fed from float64`) {
			t.Errorf("a slot of another type: %s", s)
		}
	}()
	g.Add(gs[3], map[string]int{"s": e})
}

// Beside runs both on the same inputs, also where one makes a column that the other reads; neither is changed.
func TestGraphBeside(t *testing.T) {
	gs, cols := small(t), graphColumns()
	for i := range gs {
		for j := range gs {
			if i == j {
				continue
			}
			a, b := gs[i].Marshal(), gs[j].Marshal()
			both := gs[i].Beside(gs[j])
			want := runByName(t, gs[i], cols)
			for name, c := range runByName(t, gs[j], cols) {
				want[name] = c
			}
			sameByName(t, fmt.Sprint(i, " beside ", j), runByName(t, both, cols), want)
			if !bytes.Equal(gs[i].Marshal(), a) || !bytes.Equal(gs[j].Marshal(), b) {
				t.Fatal("a graph was changed")
			}
		}
	}
	// one that replaces a column, and one that reads it
	f := []Named{{"a", batch.T(batch.Float64)}}
	replace := One(&Affine{Sub: []float64{100}, Div: []float64{1}}, f, f)
	sameByName(t, "replaced", runByName(t, replace.Beside(gs[0]), cols),
		map[string]batch.Column{"a": runByName(t, replace, cols)["a"], "c": runByName(t, gs[0], cols)["c"], "d": runByName(t, gs[0], cols)["d"]})
}

func whole(t *testing.T) Graph {
	var g Graph
	for _, h := range small(t) {
		g = then(g, h)
	}
	return g
}

// Narrow keeps bits, drops nodes and inputs that nothing reads, and depends on what is wanted only.
func TestGraphNarrow(t *testing.T) {
	g, cols := whole(t), graphColumns()
	data := g.Marshal()
	all := runByName(t, g, cols)
	names := portNames(g.Out)
	for set := 1; set < 1<<len(names); set++ {
		var want []string
		for j, n := range names {
			if set>>j&1 == 1 {
				want = append(want, n)
			}
		}
		n := g.Narrow(want)
		if !slices.Equal(portNames(n.Out), want) {
			t.Fatalf("outputs %v, want %v", portNames(n.Out), want)
		}
		picked := map[string]batch.Column{}
		for _, w := range want {
			picked[w] = all[w]
		}
		if set%7 == 0 || len(want) < 3 {
			sameByName(t, fmt.Sprint("narrowed to ", want), runByName(t, n, cols), picked)
		}
		reads := map[int]bool{}
		for _, nd := range n.Nodes {
			for _, s := range nd.In {
				reads[s] = true
			}
		}
		for _, p := range n.In {
			if !reads[p.Slot] {
				t.Fatalf("narrowed to %v it has input %s, which nothing reads", want, p.Name)
			}
		}
		if again := n.Narrow(want); !bytes.Equal(again.Marshal(), n.Marshal()) {
			t.Fatalf("narrowed to %v twice, it differs", want)
		}
		if via := g.Narrow(names).Narrow(want); !bytes.Equal(via.Marshal(), n.Marshal()) {
			t.Fatalf("narrowed to %v by way of all, it differs", want)
		}
		if u, err := Unmarshal(n.Marshal()); err != nil || !bytes.Equal(u.Marshal(), n.Marshal()) {
			t.Fatalf("narrowed to %v: %v", want, err)
		}
	}
	if !bytes.Equal(g.Marshal(), data) {
		t.Error("the graph was changed")
	}
	for want, in := range map[string]string{"c": "a", "d": "b", "h": "s", "g": "a", "k": "s", "e": "a", "yes": "a b s"} {
		if got := portNames(g.Narrow([]string{want}).In); strings.Join(got, " ") != in {
			t.Errorf("%s reads %v, want %s", want, got, in)
		}
	}
	if n := g.Narrow([]string{"k"}); len(n.Nodes) != 1 || n.Nodes[0].Step != "encode" {
		t.Errorf("%s", n)
	}
	if n := g.Narrow([]string{"q", "c"}); !slices.Equal(portNames(n.Out), []string{"q", "c"}) {
		t.Errorf("%v", portNames(n.Out))
	}
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, "no output nope among") {
			t.Errorf("%s", s)
		}
	}()
	g.Narrow([]string{"nope"})
}

func TestGraphRenamed(t *testing.T) {
	g := whole(t)
	data := g.Marshal()
	h := g.Renamed(map[string]string{"a": "b", "b": "a", "none": "x"}, map[string]string{"p": "score"})
	if got := portNames(h.In); !slices.Equal(got, []string{"b", "a", "s"}) || !h.Has("score") || h.Has("p") {
		t.Errorf("%v %v", got, portNames(h.Out))
	}
	if !bytes.Equal(g.Marshal(), data) {
		t.Error("the graph was changed")
	}
	back := h.Renamed(map[string]string{"a": "b", "b": "a"}, map[string]string{"score": "p"})
	if !bytes.Equal(back.Marshal(), data) {
		t.Error("there and back it differs")
	}
	if s := One(&IsNull{}, []Named{{"x", batch.T(batch.String)}}, []Named{{"y", batch.T(batch.Bool)}}).String(); s != "x:string -> is_null -> y:bool" {
		t.Error(s)
	}
	for _, n := range g.Of("late").Nodes {
		if n.Step == "" {
			t.Error("a node without a step")
		}
	}
	if !bytes.Equal(g.Marshal(), data) {
		t.Error("Of changed the graph")
	}
}

// raw writes a graph as it is asked to, right or wrong.
type raw struct {
	format uint64
	types  []batch.Type
	in     []Port
	out    []Port
	nodes  []rawNode
	tail   []byte
}

type rawNode struct {
	kind    string
	in, out []int64
	state   []byte
}

func (g raw) bytes() []byte {
	var w canon.Writer
	w.Uint(g.format)
	w.Uint(uint64(len(g.types)))
	for _, t := range g.types {
		WriteType(&w, t)
	}
	for _, ps := range [][]Port{g.in, g.out} {
		w.Uint(uint64(len(ps)))
		for _, p := range ps {
			w.String(p.Name)
			w.Uint(uint64(p.Slot))
		}
	}
	w.Uint(uint64(len(g.nodes)))
	for _, n := range g.nodes {
		w.String(n.kind)
		w.String("step")
		canon.Ints(&w, n.in)
		canon.Ints(&w, n.out)
		w.Bytes(n.state)
	}
	return append(w.Buf, g.tail...)
}

func TestDecodeRefuses(t *testing.T) {
	f, b := batch.T(batch.Float64), batch.T(batch.Bool)
	good := func() raw {
		return raw{format: 1, types: []batch.Type{f, b}, in: []Port{{"x", 0}}, out: []Port{{"y", 1}}, nodes: []rawNode{{kind: "is_null", in: []int64{0}, out: []int64{1}}}}
	}
	if _, err := Unmarshal(good().bytes()); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(*raw)
		says   string
	}{
		"a later format":          {func(g *raw) { g.format = 2 }, "format 2, this version reads 1"},
		"an earlier format":       {func(g *raw) { g.format = 0 }, "format 0"},
		"bytes behind":            {func(g *raw) { g.tail = []byte{0} }, "bytes too many"},
		"an unknown kind":         {func(g *raw) { g.nodes[0].kind = "fortune" }, `no node kind "fortune"`},
		"state of another kind":   {func(g *raw) { g.nodes[0].state = []byte{1} }, "is_null"},
		"types of another kind":   {func(g *raw) { g.types[1] = f }, "is_null"},
		"an input out of range":   {func(g *raw) { g.in[0].Slot = 2 }, "no slot 2"},
		"an input of 2^62":        {func(g *raw) { g.in[0].Slot = 1 << 62 }, "no slot"},
		"an output out of range":  {func(g *raw) { g.out[0].Slot = 9 }, "no slot 9"},
		"an output of -1":         {func(g *raw) { g.out[0].Slot = -1 }, "no slot"},
		"an output not written":   {func(g *raw) { g.types = append(g.types, f); g.out[0].Slot = 2 }, "read before it is written"},
		"a node's in of -1":       {func(g *raw) { g.nodes[0].in[0] = -1 }, "no slot -1"},
		"a node's out of 7":       {func(g *raw) { g.nodes[0].out[0] = 7 }, "no slot 7"},
		"an input twice":          {func(g *raw) { g.in = append(g.in, Port{"z", 0}) }, "written twice"},
		"an input written":        {func(g *raw) { g.nodes[0].out[0] = 0 }, "written twice"},
		"two nodes of one slot":   {func(g *raw) { g.nodes = append(g.nodes, g.nodes[0]) }, "written twice"},
		"one node of one slot":    {func(g *raw) { g.nodes[0].in, g.nodes[0].out = []int64{0, 0}, []int64{1, 1} }, "written twice"},
		"read before written":     {func(g *raw) { g.nodes[0].in[0] = 1 }, "read before it is written"},
		"a type 0":                {func(g *raw) { g.types[0] = batch.Type{} }, "no type 0"},
		"a type 200":              {func(g *raw) { g.types[0] = batch.T(200) }, "no type 200"},
		"a list of 200":           {func(g *raw) { g.types[0] = batch.Type{Kind: batch.List, Elem: 200} }, "no type 200"},
		"a unit of 4":             {func(g *raw) { g.types[0] = batch.Type{Kind: batch.Timestamp, Unit: 4} }, "no unit 4"},
		"a decimal of 19 digits":  {func(g *raw) { g.types[0] = batch.Type{Kind: batch.Decimal, Precision: 19} }, "decimal"},
		"a decimal of no digits":  {func(g *raw) { g.types[0] = batch.Type{Kind: batch.Decimal} }, "decimal"},
		"a decimal of scale -1":   {func(g *raw) { g.types[0] = batch.Type{Kind: batch.Decimal, Precision: 9, Scale: -1} }, "decimal"},
		"a decimal scaled beyond": {func(g *raw) { g.types[0] = batch.Type{Kind: batch.Decimal, Precision: 9, Scale: 10} }, "decimal"},
	} {
		g := good()
		c.change(&g)
		if _, err := Unmarshal(g.bytes()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", what, err, c.says)
		}
	}
	data := good().bytes()
	for n := range data {
		if _, err := Unmarshal(data[:n]); err == nil {
			t.Errorf("cut at byte %d of %d it is read", n, len(data))
		}
	}
}

// A type has one stored form.
func TestTypeEncoding(t *testing.T) {
	for k := batch.Bool; k <= batch.Vector; k++ {
		for _, ty := range []batch.Type{batch.T(k), {Kind: k, Unit: batch.Nano, Zone: "UTC"}, {Kind: k, Precision: 18, Scale: 18}, {Kind: k, Elem: batch.String}} {
			switch {
			case k != batch.Timestamp && ty.Unit != 0, k != batch.Decimal && ty.Precision != 0, k != batch.List && ty.Elem != 0, k == batch.Decimal && ty.Precision == 0:
				continue
			}
			var w canon.Writer
			WriteType(&w, ty)
			r := canon.NewReader(w.Buf)
			if got := ReadType(r); got != ty || r.End() != nil {
				t.Errorf("%+v was read as %+v, %v", ty, got, r.Err())
			}
		}
	}
	for _, bad := range [][]byte{{byte(batch.List), 0x81, 2}, {byte(batch.Decimal), 0x81, 2, 0}, {byte(batch.Decimal), 9, 0x80, 4}, {0x81, 2}} {
		r := canon.NewReader(bad)
		if got := ReadType(r); r.End() == nil {
			t.Errorf("%x was read as %s", bad, got)
		}
	}
}

func TestOnePanics(t *testing.T) {
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, "program: affine:") {
			t.Errorf("%s", s)
		}
	}()
	One(&Affine{Sub: []float64{math.Pi}}, []Named{{"x", batch.T(batch.String)}}, nil)
}

// A model's file that is wrong says where.
func TestPlaceInAGraph(t *testing.T) {
	levels := []int32{0}
	r := rand.New(rand.NewPCG(1, 1))
	in, out := named("x", typesOf(batch.Float64)), named("y", typesOf(batch.Float64))
	fed := func(k Kind) Graph {
		g := One(&Affine{Sub: []float64{0}, Div: []float64{1}}, in, named("z", typesOf(batch.Float64)))
		y := g.Add(One(k, named("z", typesOf(batch.Float64)), out).Of("model"), map[string]int{"z0": g.Out[0].Slot})
		g.Out = nil
		g.Output("y", y["y0"])
		return g
	}
	trees := &Trees{Levels: levels, Trees: []Tree{randomTree(r, 2, levels), randomTree(r, 3, levels)}}
	g := fed(trees)
	tree := &trees.Trees[1]
	left := tree.Left[0]
	tree.Left[0] = 0
	if _, err := Unmarshal(g.Marshal()); err == nil || !strings.HasPrefix(err.Error(), `program: corrupt state: node 1 (trees of step "model"): tree 1: node 0 has children 0 and `) {
		t.Error(err)
	}
	tree.Left[0], tree.Leaf = left, tree.Leaf[:0]
	w := canon.Writer{}
	trees.Encode(&w)
	var k Trees
	cut := canon.NewReader(w.Buf[:len(w.Buf)-1])
	if k.Decode(cut); cut.Err() == nil || !strings.HasPrefix(cut.Err().Error(), "corrupt state: tree 1: ") {
		t.Error(cut.Err())
	}
}
