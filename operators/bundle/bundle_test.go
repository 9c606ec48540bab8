package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/headrace/headrace/kernels/forest"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

func field(name string, t batch.Type) operators.Field { return operators.Field{Name: name, Type: t} }

// draft is a small model of every type in and of number, text, bool and vector out, over golden rows with nulls and odd values.
func draft(t testing.TB) Draft {
	types := []batch.Type{batch.T(batch.Bool), batch.T(batch.Int32), batch.T(batch.Int64), batch.T(batch.Float32), batch.T(batch.Float64),
		batch.T(batch.String), batch.T(batch.Bytes), batch.T(batch.Date), {Kind: batch.Timestamp, Unit: batch.Milli, Zone: "Europe/Rome"},
		{Kind: batch.Decimal, Precision: 9, Scale: 2}}
	cols := []batch.Column{
		batch.OfBools([]bool{true, false, true, false}), batch.OfInt32s([]int32{math.MinInt32, 0, 1, math.MaxInt32}),
		batch.OfInt64s([]int64{math.MinInt64, -1, 7, math.MaxInt64}), batch.OfFloat32s([]float32{0.1, float32(math.NaN()), math.MaxFloat32, -0.5}),
		batch.OfFloat64s([]float64{math.Copysign(0, -1), 5e-324, math.Inf(1), math.NaN()}), batch.OfStrings([]string{"", "a", "é\x00\xff\"", "b"}),
		batch.OfStrings([]string{"\xff", "x", "", "y"}), batch.OfInt32s([]int32{-1, 0, 1, 20000}), batch.OfInt64s([]int64{-1, 0, 1, 1e12}),
		batch.OfInt64s([]int64{-5, 0, 5, 999999999}),
	}
	d := Draft{Engine: "v1", Name: "m", DAG: "abc", Data: map[string]string{"z": "1", "a": "2", "k": "3"}}
	var names []program.Named
	rules := make([]program.Rule, len(types))
	for j, ty := range types {
		cols[j].Type = ty
		cols[j] = cols[j].WithNulls([]bool{false, j%2 == 0, false, j == 5})
		f := field(fmt.Sprint("c", j), ty)
		f.Nullable = true
		d.Inputs = append(d.Inputs, f)
		names = append(names, program.Named{Name: f.Name, Type: ty})
		rules[j].Name = f.Name
	}
	d.Inputs[5].Categories = []string{"", "a", "b"}
	d.Golden = batch.Batch{N: 4, Cols: cols}
	lookup, err := program.NewLookup([]batch.Column{batch.OfStrings([]string{"a", "b"})},
		[]batch.Column{batch.OfFloat64s([]float64{1, 2}), batch.OfStrings([]string{"x", "y"})}, []program.Value{{}, {Kind: batch.String, S: "?"}})
	if err != nil {
		t.Fatal(err)
	}
	var g program.Graph
	at := map[string]int{}
	for _, n := range names {
		at[n.Name] = g.Input(n.Name, n.Type)
	}
	add := func(h program.Graph, step string) {
		out := g.Add(h.Of(step), at)
		for _, p := range h.Out {
			at[p.Name] = out[p.Name]
		}
	}
	one := func(k program.Kind, in []program.Named, out ...program.Named) program.Graph {
		return program.One(k, in, out)
	}
	f64, str := batch.T(batch.Float64), batch.T(batch.String)
	add(one(&program.Expect{Rules: rules}, names, names...), "source")
	add(one(lookup, names[5:6], program.Named{Name: "code", Type: f64}, program.Named{Name: "text", Type: str}), "features[0]")
	add(one(&program.Affine{Sub: []float64{1}, Div: []float64{3}}, []program.Named{{Name: "c1", Type: types[1]}}, program.Named{Name: "scaled", Type: f64}), "features[1]")
	add(one(&program.Impute{Values: []program.Value{{Kind: batch.Float64, F: 0.25}}}, []program.Named{{Name: "code", Type: f64}}, program.Named{Name: "full", Type: f64}), "features[1]")
	add(one(&program.Linear{W: []float64{0.5, 0.25}, Link: program.Sigmoid}, []program.Named{{Name: "scaled", Type: f64}, {Name: "full", Type: f64}}, program.Named{Name: "p", Type: f64}), "model")
	add(one(&program.Threshold{At: 0.5}, []program.Named{{Name: "p", Type: f64}}, program.Named{Name: "yes", Type: batch.T(batch.Bool)}), "model")
	vec := batch.T(batch.Vector)
	add(one(&program.Softmax{Members: []string{"p_ant", "p_bee"}}, []program.Named{{Name: "p", Type: f64}, {Name: "full", Type: f64}}, program.Named{Name: "kinds", Type: vec}), "model")
	add(one(&program.Choice{Values: []program.Value{{Kind: batch.String, S: "ant"}, {Kind: batch.String, S: "bee"}}}, []program.Named{{Name: "kinds", Type: vec}}, program.Named{Name: "kind", Type: str}), "model")
	for _, o := range []program.Named{{Name: "p", Type: f64}, {Name: "yes", Type: batch.T(batch.Bool)}, {Name: "text", Type: str}, {Name: "c4", Type: f64}, {Name: "kinds", Type: vec}, {Name: "kind", Type: str}} {
		g.Output(o.Name, at[o.Name])
		d.Outputs = append(d.Outputs, operators.Field{Name: o.Name, Type: o.Type, Nullable: true})
	}
	d.Graph = g
	d.Task = Task{Kind: operators.Binary, Label: "late", Positive: "<yes & no>", Scores: []string{"p", "yes"}}
	split := one(&program.HashPart{Seed: 1, Cut: []float64{0.5}}, []program.Named{{Name: "c5", Type: str}}, program.Named{Name: "@part", Type: batch.T(batch.Int64)}, program.Named{Name: "@key", Type: batch.T(batch.Int64)})
	split = split.Of("split")
	d.Split = &split
	return d
}

func files(t testing.TB, d Draft) map[string][]byte {
	t.Helper()
	m, err := Make(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mapFS(m map[string][]byte) fstest.MapFS {
	f := fstest.MapFS{}
	for name, data := range m {
		f[name] = &fstest.MapFile{Data: data}
	}
	return f
}

// A manifest says what the members of a wide column are, and is held to it.
func TestMembers(t *testing.T) {
	m := files(t, draft(t))
	b, err := Load(mapFS(m))
	if err != nil || fmt.Sprint(b.Manifest.Outputs[4].Members) != "[p_ant p_bee]" || b.Manifest.Outputs[0].Members != nil {
		t.Fatalf("%v, outputs %+v", err, b.Manifest.Outputs)
	}
	m["manifest.json"] = bytes.Replace(m["manifest.json"], []byte(`"p_ant"`), []byte(`"p_cat"`), 1)
	if _, err := Load(mapFS(m)); err == nil || !strings.Contains(err.Error(), "kinds has the members p_ant, p_bee, they were p_cat, p_bee") {
		t.Errorf("error %v", err)
	}
}

func TestMakeIsDeterministic(t *testing.T) {
	want := files(t, draft(t))
	for range 20 {
		got := files(t, draft(t))
		if !maps.EqualFunc(got, want, bytes.Equal) || Hash(got) != Hash(want) {
			t.Fatal("one draft made two bundles")
		}
	}
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(names, []string{"manifest.json", "split/split.bin", "states/features.0.bin", "states/features.1.bin", "states/model.bin", "states/source.bin"}) {
		t.Errorf("%v", names)
	}
}

func TestLoad(t *testing.T) {
	d := draft(t)
	other := program.One(&program.HashPart{Seed: 2, Cut: []float64{0.5}}, []program.Named{{Name: "c5", Type: batch.T(batch.String)}},
		[]program.Named{{Name: "@part", Type: batch.T(batch.Int64)}, {Name: "@key", Type: batch.T(batch.Int64)}}).Of("split")
	d.Before = []*program.Graph{&other, d.Split, &other}
	m := files(t, d)
	b, err := Load(mapFS(m))
	if err != nil {
		t.Fatal(err)
	}
	if s := b.Splits(); len(s) != 2 || s[0] != b.Split || !bytes.Equal(s[1].Marshal(), other.Marshal()) {
		t.Errorf("splits %v", s)
	}
	if !bytes.Equal(b.Graph.Marshal(), d.Graph.Marshal()) || b.Split == nil || !bytes.Equal(b.Split.Marshal(), d.Split.Marshal()) {
		t.Error("the graph is another")
	}
	if b.Hash != Hash(m) || b.Manifest.Task.Positive != "<yes & no>" || len(b.Manifest.Golden.In) != 4 {
		t.Errorf("%+v", b.Manifest)
	}
	for i, f := range d.Inputs {
		if g := b.Inputs[i]; g.Name != f.Name || g.Type != f.Type || g.Nullable != f.Nullable || !slices.Equal(g.Categories, f.Categories) {
			t.Errorf("input %+v, was %+v", g, f)
		}
	}
	if b.Manifest.Golden.In[1][0] != nil || b.Manifest.Golden.In[3][5] != nil || *b.Manifest.Golden.In[0][4] != "-0" {
		t.Error("golden rows lost their nulls or a zero its sign")
	}
	// what is told of a model's origin is no part of its hash
	d.Engine, d.DAG, d.Data = "v2", "other", nil
	if other := files(t, d); Hash(other) != b.Hash || bytes.Equal(other["manifest.json"], m["manifest.json"]) {
		t.Error("the hash depends on where the model comes from")
	}
}

// No golden rows, no split, no state at all.
func TestLoadLeast(t *testing.T) {
	d := Draft{Name: "m", Inputs: []operators.Field{field("x", batch.T(batch.Float64))}, Outputs: []operators.Field{field("y", batch.T(batch.Float64))}}
	d.Graph.Output("y", d.Graph.Input("x", batch.T(batch.Float64)))
	d.Golden = batch.Batch{Cols: []batch.Column{batch.OfFloat64s(nil)}}
	if _, err := Load(mapFS(files(t, d))); err != nil {
		t.Error(err)
	}
}

// wide makes one vector of its inputs: a kind for tests, as no small kind makes one.
func TestVectorOut(t *testing.T) {
	v := []program.Named{{Name: "x", Type: batch.T(batch.Vector)}}
	d := Draft{Name: "m", Inputs: []operators.Field{field("x", batch.T(batch.Vector))}, Outputs: []operators.Field{field("x", batch.T(batch.Vector))},
		Graph: program.One(&program.Expect{Rules: []program.Rule{{}}}, v, v)}
	col := (*batch.Ctx)(nil).NewVector(1, []string{"p", "q"})
	copy(col.Member(0), []float64{1})
	copy(col.Member(1), []float64{math.NaN()})
	d.Golden = batch.Batch{N: 1, Cols: []batch.Column{col}}
	if got := *Text(&col, 0); got != "1 NaN" {
		t.Errorf("a vector is %q", got)
	}
	// a wide column has no notation to be read from: no bundle that could not be loaded is made
	if _, err := Make(d); err == nil || !strings.Contains(err.Error(), "would not load") {
		t.Errorf("error %v", err)
	}
}

// block is a kind that adds one, or more where there are rows for a kernel.
type block struct {
	program.Affine
	Rows uint64 // from so many rows on it is wrong
}

func init() { program.Register(func() program.Kind { return &block{} }) }

func (*block) ID() string                                { return "test.block" }
func (k *block) Init(in, out []batch.Type) error         { return nil }
func (k *block) Encode(w *canon.Writer)                  { w.Uint(k.Rows) }
func (k *block) Decode(r *canon.Reader)                  { k.Rows = r.Uint() }
func (k *block) Row(f *program.Frame, in, o []int) error { f.F[o[0]] = f.F[in[0]] + 1; return nil }

func (k *block) Batch(c *batch.Ctx, n int, in, out []batch.Column) error {
	v := c.Float64s(n)
	for i, x := range in[0].Float64s() {
		if v[i] = x + 1; n >= int(k.Rows) && i == n/2 {
			v[i]++
		}
	}
	out[0] = batch.OfFloat64s(v)
	return nil
}

// The golden rows must reach the loops that take whole blocks of rows: a model of which those are wrong is no model.
func TestGoldenRowsReachKernels(t *testing.T) {
	x, y := program.Named{Name: "x", Type: batch.T(batch.Float64)}, program.Named{Name: "y", Type: batch.T(batch.Float64)}
	for rows, loads := range map[uint64]bool{3: false, 32: false, forest.Rows: false, forest.Rows + 2: false, forest.Rows + 3: true} {
		d := Draft{Name: "m", Inputs: []operators.Field{field("x", x.Type)}, Outputs: []operators.Field{field("y", y.Type)},
			Graph: program.One(&block{Rows: rows}, []program.Named{x}, []program.Named{y}), Golden: batch.Batch{N: 2, Cols: []batch.Column{batch.OfFloat64s([]float64{1, 2})}}}
		_, err := Make(d)
		if (err == nil) != loads || err != nil && !strings.Contains(err.Error(), "among 258: y is ") {
			t.Errorf("wrong from %d rows on: error %v", rows, err)
		}
	}
}

// Copies of a wide row are as many as fit.
func TestGoldenRowsWide(t *testing.T) {
	k := &program.OneHot{}
	for i := range 100_000 {
		k.Members = append(k.Members, fmt.Sprint(i))
	}
	x, y := program.Named{Name: "x", Type: batch.T(batch.Int32)}, program.Named{Name: "y", Type: batch.T(batch.Vector)}
	d := Draft{Name: "m", Inputs: []operators.Field{field("x", x.Type)}, Outputs: []operators.Field{field("y", y.Type)},
		Graph: program.One(k, []program.Named{x}, []program.Named{y}), Golden: batch.Batch{N: 1, Cols: []batch.Column{batch.OfInt32s([]int32{3})}}}
	m := files(t, d)
	allocated(t, 150<<20, func() {
		if _, err := Load(mapFS(m)); err != nil {
			t.Error(err)
		}
	})
}

func TestMakeRefuses(t *testing.T) {
	for what, change := range map[string]func(*Draft){
		"a name that is not UTF-8":       func(d *Draft) { d.Name = "\xff" },
		"a label that is not UTF-8":      func(d *Draft) { d.Task.Label = "\xff" },
		"a category that is not UTF-8":   func(d *Draft) { d.Inputs[5].Categories[0] = "\xff" },
		"an input that is not UTF-8":     func(d *Draft) { d.Inputs[0].Name = "\xff"; d.Graph.In[0].Name = "\xff" },
		"two inputs of one name":         func(d *Draft) { d.Inputs[0].Name = "c1"; d.Graph.In[0].Name = "c1" },
		"two outputs of one name":        func(d *Draft) { d.Outputs[1].Name = "p"; d.Graph.Out[1].Name = "p" },
		"a score that is no output":      func(d *Draft) { d.Task.Scores = []string{"q"} },
		"fields that are not the ports'": func(d *Draft) { d.Inputs[0], d.Inputs[1] = d.Inputs[1], d.Inputs[0] },
		"too few outputs":                func(d *Draft) { d.Outputs = d.Outputs[:1] },
		"another type":                   func(d *Draft) { d.Inputs[2].Type = batch.T(batch.Int32) },
	} {
		d := draft(t)
		change(&d)
		if _, err := Make(d); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Every bit of every file counts; of the manifest, those that a reader cannot prove are held by the registry's digest of it.
func TestFlippedBytes(t *testing.T) {
	m := files(t, draft(t))
	for name := range m {
		if name == "manifest.json" {
			continue
		}
		for i := range m[name] {
			bad := maps.Clone(m)
			bad[name] = bytes.Clone(m[name])
			bad[name][i] ^= 1 << (i % 8)
			if _, err := Load(mapFS(bad)); err == nil || !strings.Contains(err.Error(), name+": its size or digest") {
				t.Fatalf("%s, byte %d: error %v", name, i, err)
			}
		}
		for what, data := range map[string][]byte{"cut": m[name][:max(len(m[name])-1, 0)], "longer": append(bytes.Clone(m[name]), 0)} {
			bad := maps.Clone(m)
			bad[name] = data
			if _, err := Load(mapFS(bad)); err == nil && len(data) != len(m[name]) {
				t.Errorf("%s, %s: no error", name, what)
			}
		}
		bad := maps.Clone(m)
		delete(bad, name)
		if _, err := Load(mapFS(bad)); err == nil {
			t.Errorf("%s is not there: no error", name)
		}
	}
	raw := m["manifest.json"]
	was, err := Load(mapFS(m))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := maps.Clone(m)
		bad["manifest.json"] = bytes.Clone(raw)
		bad["manifest.json"][i] ^= 1
		b, err := Load(mapFS(bad)) // an error or a model of its own hash
		if err == nil && b.Hash == was.Hash && b.Manifest.Engine == was.Manifest.Engine && b.Manifest.DAG == was.Manifest.DAG && maps.Equal(b.Manifest.Data, was.Manifest.Data) &&
			!bytes.ContainsRune([]byte(" \n"), rune(raw[i])) {
			t.Fatalf("byte %d (%q): loaded as if nothing had changed", i, raw[max(0, i-10):min(len(raw), i+10)])
		}
	}
	for n := 0; n < len(raw)-1; n += 7 {
		bad := maps.Clone(m)
		bad["manifest.json"] = raw[:n]
		if _, err := Load(mapFS(bad)); err == nil {
			t.Fatalf("a manifest cut at %d of %d was read", n, len(raw))
		}
	}
}

// A manifest that was changed and is consistent with its files is refused where it lies.
func TestManifestLies(t *testing.T) {
	good := files(t, draft(t))
	text := func(s string) *string { return &s }
	for what, c := range map[string]struct {
		change func(m *Manifest, files map[string][]byte)
		says   string
	}{
		"nothing":               {func(*Manifest, map[string][]byte) {}, ""},
		"a later format":        {func(m *Manifest, _ map[string][]byte) { m.Format = 2 }, "bundle format 2, this version reads 1"},
		"a prediction":          {func(m *Manifest, _ map[string][]byte) { m.Golden.Out[0][0] = text("0.5") }, "golden rows: row 0: p is"},
		"a prediction's last":   {func(m *Manifest, _ map[string][]byte) { m.Golden.Out[2][3] = text("-Inf") }, "golden rows: row 2: c4 is +Inf, it was -Inf"},
		"a null prediction":     {func(m *Manifest, _ map[string][]byte) { m.Golden.Out[0][0] = nil }, "it was null"},
		"an input":              {func(m *Manifest, _ map[string][]byte) { m.Golden.In[0][4] = text("3") }, "golden rows"},
		"an input's type":       {func(m *Manifest, _ map[string][]byte) { m.Golden.In[0][1] = text("x") }, `"x" is no int32`},
		"an input too great":    {func(m *Manifest, _ map[string][]byte) { m.Golden.In[0][1] = text("4294967296") }, "is no int32"},
		"a short row":           {func(m *Manifest, _ map[string][]byte) { m.Golden.In[0] = m.Golden.In[0][1:] }, "row 0 has 9 values for 10 columns"},
		"a short prediction":    {func(m *Manifest, _ map[string][]byte) { m.Golden.Out[1] = m.Golden.Out[1][1:] }, "row 1: 5 values for 6 columns"},
		"fewer predictions":     {func(m *Manifest, _ map[string][]byte) { m.Golden.Out = m.Golden.Out[1:] }, "4 rows in, 3 out"},
		"a column's type":       {func(m *Manifest, _ map[string][]byte) { m.Inputs[0].Type = "int64" }, `column "c0" is not the graph's`},
		"a type spelled oddly":  {func(m *Manifest, _ map[string][]byte) { m.Inputs[9].Type = "decimal(9,2)" }, "not the graph's"},
		"no type":               {func(m *Manifest, _ map[string][]byte) { m.Inputs[0].Type = "thing" }, `no type "thing"`},
		"a column's name":       {func(m *Manifest, _ map[string][]byte) { m.Outputs[0].Name = "q" }, "not the graph's"},
		"a column too many":     {func(m *Manifest, _ map[string][]byte) { m.Inputs = append(m.Inputs, m.Inputs[0]) }, "11 columns, 10 ports"},
		"a score":               {func(m *Manifest, _ map[string][]byte) { m.Task.Scores[0] = "q" }, `score "q" is no output`},
		"a slot's type":         {func(m *Manifest, _ map[string][]byte) { m.Graph.Slots[1] = "string" }, "program"},
		"a slot of no type":     {func(m *Manifest, _ map[string][]byte) { m.Graph.Slots[1] = "list[" }, ""},
		"a port out of range":   {func(m *Manifest, _ map[string][]byte) { m.Graph.In[0].Slot = 999 }, "no slot 999"},
		"a negative port":       {func(m *Manifest, _ map[string][]byte) { m.Graph.Out[0].Slot = -1 }, "no slot"},
		"two ports of one name": {func(m *Manifest, _ map[string][]byte) { m.Graph.Out[1].Name, m.Outputs[1].Name = "p", "p" }, `two columns "p"`},
		"two inputs of a slot":  {func(m *Manifest, _ map[string][]byte) { m.Graph.In[1].Slot = m.Graph.In[0].Slot }, "written twice"},
		"a node's slot":         {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].In[0] = 1 << 40 }, "no slot"},
		"an unknown kind":       {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Kind = "shell" }, `no node kind "shell"`},
		"another kind":          {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Kind = "trees" }, "trees"},
		"nodes in other order":  {func(m *Manifest, _ map[string][]byte) { slices.Reverse(m.Graph.Nodes) }, ""},
		"an offset":             {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Offset = 1 }, "its state is not"},
		"a negative offset":     {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Offset = -1 }, "its state is not"},
		"a great offset":        {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Offset = math.MaxInt64 }, "its state is not"},
		"a great size":          {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Bytes = math.MaxInt64 }, "its state is not"},
		"a negative size":       {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].Bytes = -1 }, "its state is not"},
		"a state twice":         {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[3].Offset = 0 }, "its state is not"},
		"another file":          {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes[1].File = "states/none.bin" }, "its state is not"},
		"a dropped node":        {func(m *Manifest, _ map[string][]byte) { m.Graph.Nodes = m.Graph.Nodes[:4] }, "program"},
		"a file's size":         {func(m *Manifest, _ map[string][]byte) { m.Files[0].Bytes++ }, "its size or digest"},
		"a negative file":       {func(m *Manifest, _ map[string][]byte) { m.Files[0].Bytes = -1 }, "-1 bytes"},
		"a huge file":           {func(m *Manifest, _ map[string][]byte) { m.Files[0].Bytes = math.MaxInt64 }, "more than"},
		"huge files":            {func(m *Manifest, _ map[string][]byte) { m.Files[0].Bytes, m.Files[1].Bytes = 2<<30, 2<<30 }, ""},
		"a file not listed":     {func(m *Manifest, _ map[string][]byte) { m.Files = m.Files[1:] }, "its state is not"},
		"a file twice":          {func(m *Manifest, _ map[string][]byte) { m.Files = append(m.Files[:1:1], m.Files...) }, "listed twice"},
		"a file nobody reads": {func(m *Manifest, files map[string][]byte) {
			h := sha256.Sum256([]byte("x"))
			files["states/zz.bin"] = []byte("x")
			m.Files = append(m.Files, File{"states/zz.bin", 1, hex.EncodeToString(h[:])})
		}, "states/zz.bin: 1 bytes that no node has"},
		"a digest of nothing": {func(m *Manifest, _ map[string][]byte) { m.Files[0].SHA256 = "" }, "its size or digest"},
	} {
		m := Manifest{}
		if err := json.Unmarshal(good["manifest.json"], &m); err != nil {
			t.Fatal(err)
		}
		bad := maps.Clone(good)
		c.change(&m, bad)
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		bad["manifest.json"] = data
		_, err = Load(mapFS(bad))
		if what == "nothing" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", what, err, c.says)
		}
	}
}

// Names of files are the bundle's own.
func TestFileNames(t *testing.T) {
	good := files(t, draft(t))
	for _, name := range []string{"../x.bin", "/etc/x.bin", "states/../../x.bin", "states/x", "states/x.json", "manifest.json", "other/x.bin", "states//x.bin", `states\x.bin`,
		"states/a/b.bin", "states/.bin", "", ".", "states/C:x.bin", "states/%2e%2e.bin", "states/é.bin", "states/x.bin\n", "states/" + strings.Repeat("a", 200) + ".bin"} {
		m := bytes.ReplaceAll(good["manifest.json"], []byte(`"states/model.bin"`), func() []byte { b, _ := json.Marshal(name); return b }())
		bad := maps.Clone(good)
		bad["manifest.json"] = m
		bad[name] = good["states/model.bin"]
		if name == "manifest.json" {
			bad[name] = m
		}
		if _, err := Load(mapFS(bad)); err == nil || !strings.Contains(err.Error(), "bad file name") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	if _, err := Load(fstest.MapFS{"manifest.json/x": {}}); err == nil {
		t.Error("a folder was read as a manifest")
	}
	for step, want := range map[string]string{"": "program", "[": ".", "a[0]": "a.0", "a/../b": "a..b", "é": "program", "base[1]/fold#2": "base.1.fold.2", strings.Repeat("x", 300): strings.Repeat("x", 100)} {
		if got := fileName(step); got != want {
			t.Errorf("step %q is in %q, want %q", step, got, want)
		}
	}
}

// A manifest is read strictly.
func TestManifestStrict(t *testing.T) {
	good := files(t, draft(t))
	raw := string(good["manifest.json"])
	for what, c := range map[string]struct{ old, new, says string }{
		"an unknown field":         {`"engine": "v1"`, `"engine": "v1", "hook": "x"`, "hook"},
		"an unknown field deeper":  {`"kind": "expect"`, `"kind": "expect", "run": 1`, "run"},
		"a key twice":              {`"engine": "v1"`, `"engine": "v1", "engine": "v1"`, "twice"},
		"a key twice, in capital":  {`"engine": "v1"`, `"Engine": "v0", "engine": "v1"`, "twice"},
		"a key twice, in a long s": {`"split": {`, `"\u017fplit": null, "split": {`, "twice"},
		"a key twice, in kelvin":   {`"task": {`, `"tas\u212a": null, "task": {`, "twice"},
		"a digest twice":           {`"a": "2"`, `"a": "1", "a": "2"`, "twice"},
		"a second value":           {"", "{}", "manifest.json"},
		"rubbish behind":           {"", "x", "manifest.json"},
		"a float for a slot":       {`"slot": 0`, `"slot": 0.5`, "manifest.json"},
		"a great number":           {`"slot": 0`, `"slot": 1e400`, "manifest.json"},
		"text for a list":          {`"files": [`, `"files": "x", "more": [`, "manifest.json"},
	} {
		bad := raw + c.new
		if c.old != "" {
			bad = strings.Replace(raw, c.old, c.new, 1)
		}
		if bad == raw {
			t.Fatalf("%s: nothing was changed", what)
		}
		m := maps.Clone(good)
		m["manifest.json"] = []byte(bad)
		if _, err := Load(mapFS(m)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", what, err, c.says)
		}
	}
	for what, bad := range map[string]string{
		"deep":  `{"format": 1, "data": ` + strings.Repeat("[", 100000),
		"long":  `{"format": 1, "name": "` + strings.Repeat("x", manifestBytesMax) + `"}`,
		"empty": ``, "null": `null`, "a list": `[]`,
	} {
		if _, err := Load(fstest.MapFS{"manifest.json": {Data: []byte(bad)}}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// A short manifest must not ask for one state a thousand times.
func TestStateBomb(t *testing.T) {
	good := files(t, draft(t))
	var m Manifest
	if err := json.Unmarshal(good["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	state := make([]byte, 1<<20)
	h := sha256.Sum256(state)
	m.Files = []File{{"states/a.bin", int64(len(state)), hex.EncodeToString(h[:])}}
	m.Graph.Nodes = nil
	for range 500 {
		m.Graph.Nodes = append(m.Graph.Nodes, Node{Kind: "affine", File: "states/a.bin", Bytes: int64(len(state))})
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	allocated(t, 64<<20, func() {
		if _, err := Load(mapFS(map[string][]byte{"manifest.json": data, "states/a.bin": state})); err == nil {
			t.Error("no error")
		}
	})
}

func allocated(t *testing.T, most uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("%d bytes of memory, at most %d were to be taken", got, most)
	}
}

func TestTextRoundTrip(t *testing.T) {
	d := draft(t)
	for j, f := range d.Inputs {
		var vals []*string
		for i := range d.Golden.N {
			vals = append(vals, Text(&d.Golden.Cols[j], i))
		}
		col, err := ParseColumn(f, vals)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range vals {
			got := Text(&col, i)
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("%s, row %d: %s, was %s", f.Type, i, show(got), show(want))
			}
		}
		bad := "not a value \x00"
		if _, err := ParseColumn(f, []*string{&bad}); err == nil {
			t.Errorf("%s: %q was read", f.Type, bad)
		}
	}
}

// FuzzLoad: whatever manifest and state are, there is no panic and no memory out of proportion. A manifest may say SUM and 12345678
// for the digest and the size of the state, so that changes of both get past them.
func FuzzLoad(f *testing.F) {
	d := draft(f)
	d.Graph, d.Split = d.Graph.Of("a"), nil
	for i := range d.Graph.Nodes {
		d.Graph.Nodes[i].Step = "a"
	}
	m := files(f, d)
	state := m["states/a.bin"]
	h := sha256.Sum256(state)
	manifest := strings.Replace(string(m["manifest.json"]), hex.EncodeToString(h[:]), "SUM", 1)
	at := strings.LastIndex(manifest, fmt.Sprintf(`"bytes": %d`, len(state)))
	manifest = manifest[:at] + `"bytes": 12345678` + manifest[at+len(fmt.Sprintf(`"bytes": %d`, len(state))):]
	f.Add([]byte(manifest), state)
	f.Add([]byte(`{"format": 1}`), []byte{})
	f.Fuzz(func(t *testing.T, manifest, state []byte) {
		if len(manifest)+len(state) > 64<<10 {
			return
		}
		h := sha256.Sum256(state)
		manifest = bytes.Replace(manifest, []byte("SUM"), []byte(hex.EncodeToString(h[:])), 1)
		manifest = bytes.Replace(manifest, []byte("12345678"), fmt.Append(nil, len(state)), 1)
		allocated(t, 64<<20, func() {
			b, err := Load(mapFS(map[string][]byte{"manifest.json": manifest, "states/a.bin": state}))
			if err == nil && b.Hash == "" {
				t.Error("a model without a hash")
			}
		})
	})
}

// The seed of FuzzLoad is a bundle that loads: else the fuzzer would only try what comes before.
func TestFuzzSeedLoads(t *testing.T) {
	d := draft(t)
	for i := range d.Graph.Nodes {
		d.Graph.Nodes[i].Step = "a"
	}
	d.Split = nil
	if m := files(t, d); len(m) != 2 || len(m["states/a.bin"]) == 0 {
		t.Errorf("%v", slices.Sorted(maps.Keys(m)))
	}
}
