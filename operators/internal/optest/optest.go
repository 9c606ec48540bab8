// Package optest runs operators on small tables, for their tests.
package optest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
	"github.com/headrace/headrace/operators/program"
)

// Op decodes an operator's options, as they stand behind its name.
func Op(name, options string) (operators.Op, diag.List) {
	spec, ok := operators.Lookup(name)
	if !ok {
		panic("optest: no operator " + name)
	}
	var y yaml.Node
	if err := yaml.Unmarshal([]byte(options), &y); err != nil {
		panic(fmt.Sprintf("optest: %s: %v", options, err))
	}
	n := node(y.Content[0])
	if spec.Main != "" && n.Kind != param.Map {
		n = &param.Node{Kind: param.Map, Keys: []*param.Node{param.Value(spec.Main)}, Items: []*param.Node{n}}
	}
	op := spec.New()
	return op, param.Decode(n, op)
}

func node(y *yaml.Node) *param.Node {
	n := &param.Node{}
	switch y.Kind {
	case yaml.ScalarNode:
		n.Kind, n.Text, n.Plain = param.Scalar, y.Value, y.Style == 0
	case yaml.SequenceNode:
		n.Kind = param.List
		for _, c := range y.Content {
			n.Items = append(n.Items, node(c))
		}
	case yaml.MappingNode:
		n.Kind = param.Map
		for i := 0; i < len(y.Content); i += 2 {
			n.Keys, n.Items = append(n.Keys, node(y.Content[i])), append(n.Items, node(y.Content[i+1]))
		}
	}
	return n
}

// Table is rows with their schema.
type Table struct {
	operators.Schema
	batch.Batch
}

// Parse reads tables in the notation of rows.
func Parse(t testing.TB, texts ...string) (tables []Table) {
	t.Helper()
	for _, text := range texts {
		s, b, err := operators.ParseRows(text)
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		tables = append(tables, Table{s, b})
	}
	return tables
}

// Site is where an operator over these tables stands.
func Site(task operators.Task, in []Table) operators.Site {
	s := operators.Site{Task: task, Seed: 42}
	for _, x := range in {
		s.In = append(s.In, x.Schema)
	}
	return s
}

// Findings are what decoding and checking say, a line each: code, place, message. in are the columns of the inputs.
func Findings(t testing.TB, name, options string, task operators.Task, in ...string) []string {
	t.Helper()
	op, l := Op(name, options)
	if !l.Failed() {
		_, bad := op.Check(Site(task, Parse(t, in...)))
		l = append(l, bad...)
	}
	var out []string
	for _, d := range l {
		at := strings.Join(d.At.Path, ".")
		if d.At.Key {
			at += "!"
		}
		out = append(out, fmt.Sprintf("%s %s: %s", d.Code, at, d.Message))
	}
	return out
}

// Want fails the test where findings are not, in order, what each wanted text is the beginning of.
func Want(t testing.TB, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range want {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("findings:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Run checks and runs an operator, with rows cut and accumulators merged in many ways, and gives its rows; the ways must agree.
// cut is how many rows a batch has; in each batch text is plain or coded by turns.
func Run(t testing.TB, op operators.Op, task operators.Task, in []Table) Table {
	t.Helper()
	site := Site(task, in)
	o, l := op.Check(site)
	if l.Failed() {
		t.Fatalf("check: %v", l.Err())
	}
	switch r := op.(type) {
	case operators.Rel:
		return lower(t, r, site, o, in)
	case operators.Learn:
		var first []byte
		var out Table
		for _, accs := range []int{1, 2, 3} {
			for _, cut := range []int{1000, 1, 3} {
				fitted := fit(t, r, site, o, in[o.Reads.Input], cut, accs)
				state := fitted.Program.Marshal()
				if first == nil {
					first, out = state, apply(t, fitted.Program, o, in)
				}
				if !bytes.Equal(first, state) {
					t.Errorf("another program with batches of %d rows and %d accumulators", cut, accs)
				}
			}
		}
		return out
	case operators.Row:
		return apply(t, r.Program(site), o, in)
	}
	return apply(t, program.Graph{}, o, in)
}

// fit runs the passes of a fit. Between passes it goes through its marshalled form, and so does every accumulator before it is
// merged.
func fit(t testing.TB, op operators.Learn, site operators.Site, o operators.Output, in Table, cut, accs int) operators.Fitted {
	t.Helper()
	fitted, err := once(t, op, site, o, in, cut, accs)
	if err != nil {
		t.Fatalf("fit: %v", err)
	}
	return fitted
}

func once(t testing.TB, op operators.Learn, site operators.Site, o operators.Output, in Table, cut, accs int) (operators.Fitted, error) {
	t.Helper()
	c := &batch.Ctx{Poison: true}
	rows := Table{operators.Schema{}, in.Batch}
	rows.Cols = nil
	for _, name := range o.Reads.Cols {
		rows.Cols = append(rows.Cols, in.Cols[in.Index(name)])
	}
	var pick []int32
	for i := range rows.N {
		if o.Reads.Parts.Has(rows.PartAt(i)) {
			pick = append(pick, int32(i))
		}
	}
	picked := rows.Take(nil, pick)
	f := op.Begin(site)
	for pass := 0; ; pass++ {
		acc := make([]operators.Acc, accs)
		for i := range acc {
			acc[i] = f.Acc()
		}
		for i, turn := 0, 0; i < picked.N; i, turn = i+cut, turn+1 {
			b := picked.Slice(c, i, min(i+cut, picked.N))
			if turn%2 == 1 {
				b = coded(b)
			}
			if err := acc[turn%accs].Add(c, b); err != nil {
				return operators.Fitted{}, fmt.Errorf("add: %w", err)
			}
			c.Reset()
		}
		// merged from the last to the first, each restored from its bytes
		total := f.Acc()
		for _, a := range slices.Backward(acc) {
			before := marshal(t, a)
			r := f.Acc()
			if err := r.UnmarshalBinary(before); err != nil {
				t.Fatalf("restore: %v", err)
			}
			if !bytes.Equal(before, marshal(t, r)) {
				t.Errorf("a restored accumulator has another state")
			}
			if err := total.Merge(r); err != nil {
				t.Fatalf("merge: %v", err)
			}
			if !bytes.Equal(before, marshal(t, r)) {
				t.Errorf("merge changed its argument")
			}
		}
		if total.Bytes() < 0 {
			t.Errorf("%d bytes held", total.Bytes())
		}
		again, err := f.End(operators.TestEnv(), total)
		if err != nil {
			return operators.Fitted{}, fmt.Errorf("end: %w", err)
		}
		state := marshal(t, f)
		f = op.Begin(site)
		if err := f.UnmarshalBinary(state); err != nil {
			t.Fatalf("restore fit: %v", err)
		}
		if !bytes.Equal(state, marshal(t, f)) {
			t.Errorf("a restored fit has another state")
		}
		for n := range state {
			if op.Begin(site).UnmarshalBinary(state[:n]) == nil {
				t.Errorf("a fit cut after %d of %d bytes is restored", n, len(state))
				break
			}
		}
		if !again {
			return f.Fitted(), nil
		}
		if pass == 100 {
			t.Fatal("a fit without an end")
		}
	}
}

func marshal(t testing.TB, m interface{ MarshalBinary() ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return b
}

// coded codes the text columns of a batch by dictionaries in an odd order, with an entry that no row has and codes out of range
// under nulls.
func coded(b batch.Batch) batch.Batch {
	b.Cols = slices.Clone(b.Cols)
	for j, c := range b.Cols {
		if !c.Type.Text() || c.Dict != nil {
			continue
		}
		words := []string{"no row has this"}
		codes := make([]int32, c.N)
		for i := range codes {
			if codes[i] = 1 << 30; c.Null(i) {
				continue
			}
			s := strings.Clone(c.Str(i))
			k := slices.Index(words, s)
			if k < 0 {
				k, words = len(words), append(words, s)
			}
			codes[i] = int32(k)
		}
		dict := batch.OfStrings(words)
		dict.Type = c.Type
		b.Cols[j] = batch.OfCodes(codes, &dict)
		b.Cols[j].Valid = c.Valid
	}
	return b
}

// apply runs a program over the rows, in batches and by single rows, and does what the output says.
func apply(t testing.TB, g program.Graph, o operators.Output, in []Table) Table {
	t.Helper()
	made := evaluate(t, g, in[0])
	out := Table{o.Below(in[0].Schema), in[0].Batch}
	if o.Zip {
		out.Schema, out.Cols = operators.Schema{}, nil
		for _, x := range in {
			out.Fields, out.Cols = append(out.Fields, x.Fields...), append(out.Cols, x.Cols...)
		}
		return out
	}
	out.Cols = nil
	for _, f := range out.Fields {
		col, ok := made[f.Name]
		if from, passes := o.Passes(f.Name); passes {
			col, ok = in[0].Cols[in[0].Index(from)], true
		}
		if !ok {
			t.Fatalf("nobody makes column %q: %s", f.Name, g)
		}
		if col.Type != f.Type {
			t.Errorf("column %q is %s, and said to be %s", f.Name, col.Type, f.Type)
		}
		out.Cols = append(out.Cols, col)
	}
	if o.Tag != "" {
		out.Part = make([]uint8, out.N)
		tag := made[o.Tag]
		for i, p := range tag.Int64s() {
			out.Part[i] = uint8(p)
			if !o.PartsOut.Has(batch.Part(p)) {
				t.Errorf("row %d is %s, which is said not to be there", i, batch.Part(p))
			}
		}
	}
	if o.Key != "" {
		out.Key = make([]uint64, out.N)
		key := made[o.Key]
		for i, k := range key.Int64s() {
			out.Key[i] = uint64(k)
		}
	}
	if o.Keep != "" {
		var pick []int32
		keep := made[o.Keep]
		for i := range out.N {
			if !keep.Null(i) && keep.Bit(i) {
				pick = append(pick, int32(i))
			}
		}
		out.Batch = out.Take(nil, pick)
	}
	for j, f := range out.Fields {
		if !f.Nullable && out.Cols[j].Nulls() > 0 {
			t.Errorf("nulls in column %q, which is said to have none", f.Name)
		}
	}
	return out
}

// evaluate gives the outputs of a program, from batches of several sizes and from single rows, which must agree.
func evaluate(t testing.TB, g program.Graph, in Table) map[string]batch.Column {
	t.Helper()
	g, err := program.Unmarshal(g.Marshal())
	if err != nil {
		t.Fatalf("program: %v", err)
	}
	var made map[string]batch.Column
	for _, cut := range []int{max(1, in.N), 1, 2} {
		pieces := make([][]batch.Column, len(g.Out))
		for i := 0; i < in.N || i == 0; i += cut {
			b := in.Slice(nil, i, min(i+cut, in.N))
			if cut == 2 {
				b = coded(b)
			}
			cols := inputs(t, g, in, b)
			out, err := g.Batch(nil, b.N, cols)
			if err != nil {
				t.Fatalf("batch: %v", err)
			}
			single(t, g, cols, out)
			for j := range out {
				pieces[j] = append(pieces[j], out[j].Plain(nil))
			}
		}
		now := map[string]batch.Column{}
		for j, p := range g.Out {
			col, err := batch.Concat(nil, pieces[j])
			if err != nil {
				t.Fatal(err)
			}
			now[p.Name] = col
			if before, ok := made[p.Name]; ok {
				for i := range col.N {
					if a, b := operators.FormatValue(&before, i), operators.FormatValue(&col, i); a != b {
						t.Errorf("%s, row %d: %s, and in batches of %d rows %s", p.Name, i, a, cut, b)
					}
				}
			}
		}
		made = now
	}
	return made
}

// inputs gives the columns of a program's ports.
func inputs(t testing.TB, g program.Graph, in Table, b batch.Batch) (cols []batch.Column) {
	t.Helper()
	words := func(at func(i int) uint64) batch.Column {
		v := make([]int64, b.N)
		for i := range v {
			v[i] = int64(at(i))
		}
		return batch.OfInt64s(v)
	}
	for _, p := range g.In {
		switch p.Name {
		case program.Ordinal:
			cols = append(cols, words(func(i int) uint64 { return b.ID.At(i).Ordinal }))
		case program.Copy:
			cols = append(cols, words(func(i int) uint64 { return uint64(b.ID.At(i).Copy) }))
		case program.Key:
			cols = append(cols, words(b.KeyAt))
		case program.PartCol:
			cols = append(cols, words(func(i int) uint64 { return uint64(b.PartAt(i)) }))
		default:
			j := in.Index(p.Name)
			if j < 0 {
				t.Fatalf("the program reads %q, which is no column: %s", p.Name, g)
			}
			cols = append(cols, b.Cols[j])
		}
	}
	return cols
}

// single runs the row form over the same rows.
func single(t testing.TB, g program.Graph, in, out []batch.Column) {
	t.Helper()
	f := g.Frame()
	for i := range len(outRows(out)) {
		for j, p := range g.In {
			f.SetRow(p.Slot, &in[j], i)
		}
		if err := g.Row(f); err != nil {
			t.Fatalf("row: %v", err)
		}
		for j, p := range g.Out {
			if got, want := frameValue(f, p.Slot, out[j].Type), operators.FormatValue(&out[j], i); got != want {
				t.Errorf("%s, row %d: by itself %s, in a batch %s", p.Name, i, got, want)
			}
		}
	}
}

func outRows(out []batch.Column) []struct{} {
	if len(out) == 0 {
		return nil
	}
	return make([]struct{}, out[0].N)
}

func frameValue(f *program.Frame, slot int, t batch.Type) string {
	if f.Null[slot] {
		return "nil"
	}
	var c batch.Column
	switch {
	case t.Kind == batch.Bool:
		c = batch.OfBools([]bool{f.I[slot] != 0})
	case t.Kind == batch.Float32:
		c = batch.OfFloat32s([]float32{float32(f.F[slot])})
	case t.Float():
		c = batch.OfFloat64s([]float64{f.F[slot]})
	case t.Text():
		c = batch.OfStrings([]string{f.S[slot]})
	case t.Kind == batch.Vector:
		c = (*batch.Ctx)(nil).NewVector(1, make([]string, len(f.V[slot])))
		for j, x := range f.V[slot] {
			c.Member(j)[0] = x
		}
	case t.Width() == 4:
		c = batch.OfInt32s([]int32{int32(f.I[slot])})
	default:
		c = batch.OfInt64s([]int64{f.I[slot]})
	}
	c.Type = t
	return operators.FormatValue(&c, 0)
}

// FitError gives the error of a fit that has one; a fit without a scan gives none.
func FitError(t testing.TB, op operators.Op, task operators.Task, in []Table) error {
	t.Helper()
	site := Site(task, in)
	o, l := op.Check(site)
	if l.Failed() {
		t.Fatalf("check: %v", l.Err())
	}
	_, err := once(t, op.(operators.Learn), site, o, in[o.Reads.Input], 2, 2)
	return err
}

// Same fails the test where rows are not as wanted; floats may differ by 1e-9.
func Same(t testing.TB, got Table, want string) {
	t.Helper()
	w := Parse(t, want)[0]
	bad := got.N != w.N || len(got.Fields) != len(w.Fields)
	for j := 0; !bad && j < len(w.Fields); j++ {
		a, b := got.Fields[j], w.Fields[j]
		bad = a.Name != b.Name || a.Type != b.Type || a.Nullable != b.Nullable
		for i := 0; !bad && i < w.N; i++ {
			bad = !near(&got.Cols[j], &w.Cols[j], i)
		}
	}
	for i := 0; !bad && i < w.N; i++ {
		bad = got.PartAt(i) != w.PartAt(i)
	}
	if bad {
		t.Errorf("got:\n%s\nwant:\n%s", operators.FormatRows(got.Schema, got.Batch), operators.FormatRows(w.Schema, w.Batch))
	}
}

func near(a, b *batch.Column, i int) bool {
	if a.Type.Kind == batch.Float64 && !a.Null(i) && !b.Null(i) {
		x, y := a.Float64s()[i], b.Float64s()[i]
		if math.Abs(x-y) <= 1e-9*max(1, math.Abs(y)) {
			return true
		}
	}
	return operators.FormatValue(a, i) == operators.FormatValue(b, i)
}

// Examples runs the examples of an operator, whole and narrowed to each column that it makes.
func Examples(t *testing.T, name string) {
	spec, ok := operators.Lookup(name)
	if !ok {
		t.Fatalf("no operator %s", name)
	}
	if len(spec.Example) < 1 {
		t.Errorf("%s has no examples", name)
	}
	for _, ex := range spec.Example {
		t.Run(ex.Doc, func(t *testing.T) {
			op, l := Op(name, ex.Options)
			if len(l) > 0 {
				t.Fatalf("options: %v", l)
			}
			in := Parse(t, ex.In...)
			got := Run(t, op, ex.Task, in)
			Same(t, got, ex.Out)
			narrowed(t, op, ex.Task, in, got)
		})
	}
}

// narrowed holds that an operator narrowed to one of its columns makes the same of it.
func narrowed(t *testing.T, op operators.Op, task operators.Task, in []Table, whole Table) {
	site := Site(task, in)
	o, _ := op.Check(site)
	for _, m := range o.Made {
		less := Run(t, op.Narrow(site, []string{m.Name}), task, in)
		j, k := less.Index(m.Name), whole.Index(m.Name)
		if j < 0 || less.Fields[j].Type != whole.Fields[k].Type || less.Fields[j].Nullable != whole.Fields[k].Nullable {
			t.Errorf("narrowed to %q: %v", m.Name, less.Fields)
			continue
		}
		for i := range whole.N {
			if a, b := operators.FormatValue(&less.Cols[j], i), operators.FormatValue(&whole.Cols[k], i); a != b {
				t.Errorf("narrowed to %q, row %d: %s, whole %s", m.Name, i, a, b)
			}
		}
	}
}
