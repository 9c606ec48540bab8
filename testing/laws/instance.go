package laws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/headrace/headrace/engine/exec"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/program"
	"github.com/headrace/headrace/testing/toys/mem"
)

// instance is an operator over some rows.
type instance struct {
	op     operators.Op
	site   operators.Site
	out    operators.Output
	in     []mem.Table
	behind operators.Op // of a Probe: the model step
	shown  bool         // the rows are the example's own
	before int          // violations when it began
}

// seed is what tests give a site where no DAG names the step; examples show what it draws.
const seed = 42

// example tries the laws on an example, and on rows made from it.
func (s *suite) example(ex operators.Example) {
	op, l := decode(s.spec, ex.Options)
	if len(l) > 0 {
		s.breaks(Example, "options: %s", l[0].Error())
		return
	}
	in := &instance{op: op, shown: true, before: len(s.broken), site: operators.Site{Task: ex.Task, Seed: seed}}
	for _, text := range ex.In {
		sch, b, err := operators.ParseRows(text)
		if err != nil {
			s.breaks(Example, "%v", err)
			return
		}
		in.in, in.site.In = append(in.in, mem.Table{Schema: sch, Batch: b}), append(in.site.In, sch)
	}
	if len(in.in) == 0 {
		s.breaks(Example, "it has no input")
		return
	}
	if _, ok := op.(operators.Probe); ok && !s.behind(in, ex.Behind) {
		return
	}
	in.out, l = op.Check(in.site)
	if len(l) > 0 {
		s.breaks(Example, "check: %s", l[0].Error())
		return
	}
	again, _ := op.Check(in.site)
	if !reflect.DeepEqual(in.out, again) {
		s.breaks(Promise, "a second Check says something else")
		return
	}
	where := s.where
	s.shown(in, ex.Out)
	s.where = where + ", other schemas"
	s.total(in)
	only := []string{ex.Task.Label, ex.Task.Weight}
	for _, n := range []int{0, 1, 63, 64, 65, 203} {
		s.made(where, in, n, tame, only)
	}
	s.made(where, in, 151, odd, only)
	s.made(where, in, 150, wild, only)
}

// made tries the laws on rows made from an example's.
func (s *suite) made(where string, like *instance, n int, how edge, only []string) {
	s.where = fmt.Sprintf("%s, %d rows", where, n)
	s.where += [...]string{tame: "", odd: " of odd values", wild: " from the edges of types"}[how]
	r := rand.New(rand.NewPCG(uint64(n), 99))
	in := *like
	in.shown, in.in, in.before = false, nil, len(s.broken)
	for _, t := range like.in {
		in.in = append(in.in, grow(r, t, n, how, only))
	}
	s.guard(Promise, func() { s.role(&in) })
}

// shown runs the example itself: what comes out is what it shows, and the laws hold.
func (s *suite) shown(in *instance, out string) {
	got, ok := s.role(in)
	if !ok || strings.TrimSpace(out) == "" {
		return
	}
	sch, b, err := operators.ParseRows(out)
	if err != nil {
		s.breaks(Example, "%v", err)
		return
	}
	want := mem.Table{Schema: sch, Batch: b}
	if why := differ(got, want); why != "" {
		s.breaks(Example, "%s; got:\n%swant:\n%s", why, got, want)
	}
}

// differ says how two tables differ; floats may by 1e-9.
func differ(got, want mem.Table) string {
	if got.N != want.N || len(got.Fields) != len(want.Fields) {
		return fmt.Sprintf("%d rows and %d columns, want %d and %d", got.N, len(got.Fields), want.N, len(want.Fields))
	}
	for j, w := range want.Fields {
		if g := got.Fields[j]; g.Name != w.Name || g.Type != w.Type || g.Nullable != w.Nullable {
			return fmt.Sprintf("column %d is %q %s (nullable: %v), want %q %s (nullable: %v)", j, g.Name, g.Type, g.Nullable, w.Name, w.Type, w.Nullable)
		}
		for i := range want.N {
			if !near(&got.Cols[j], &want.Cols[j], i) {
				return fmt.Sprintf("%q of row %d differs", w.Name, i)
			}
		}
	}
	for i := range want.N {
		if got.PartAt(i) != want.PartAt(i) {
			return fmt.Sprintf("row %d is %s, want %s", i, got.PartAt(i), want.PartAt(i))
		}
	}
	return ""
}

func near(a, b *batch.Column, i int) bool {
	if a.Type.Float() && a.Type == b.Type && !a.Null(i) && !b.Null(i) {
		var c *batch.Ctx
		x, y := c.Floats(*a)[i], c.Floats(*b)[i]
		if math.Abs(x-y) <= 1e-9*max(1, math.Abs(y)) {
			return true
		}
	}
	return same(a, i, b, i)
}

// role tries the laws of the operator's role, and gives its rows.
func (s *suite) role(in *instance) (out mem.Table, ok bool) {
	switch op := in.op.(type) {
	case operators.Row:
		return s.applied(in, op.Program(in.site))
	case operators.Learn:
		fitted, good := s.learn(in, op)
		if !good {
			return out, false
		}
		return s.applied(in, fitted.Program)
	case operators.Gather:
		fitted, good := s.gather(in, op)
		if !good {
			return out, false
		}
		return s.applied(in, fitted.Program)
	case operators.Reduce:
		return s.reduce(in, op)
	case operators.Probe:
		return s.probe(in, op)
	case operators.Rel:
		return s.relational(in)
	case operators.Macro:
		return out, false // what it expands to is tried by itself
	}
	if in.out.Zip {
		return zipped(in), true
	}
	return s.applied(in, program.Graph{})
}

// applied tries a program and gives the rows below the operator.
func (s *suite) applied(in *instance, g program.Graph) (out mem.Table, ok bool) {
	if in.shown {
		s.digest(g.Marshal())
	}
	res, ok := s.program(in, g)
	if !ok {
		return out, false
	}
	g = g.Narrow(outputs(&in.out))
	if !s.guard(Narrow, func() { s.narrowed(in, &g, res) }) {
		return out, false
	}
	return s.below(in, &g, res)
}

// below puts made columns and effects to the rows.
func (s *suite) below(in *instance, g *program.Graph, res result) (out mem.Table, ok bool) {
	made := map[string]*batch.Column{}
	for j, p := range g.Out {
		made[p.Name] = &res.out[j]
	}
	from := mem.Table{Schema: in.in[0].Schema, Batch: in.in[0].Take(nil, res.rows)}
	out.Schema, out.Batch = in.out.Below(from.Schema), from.Batch
	out.Cols = nil
	for _, f := range out.Fields {
		if name, passes := in.out.Passes(f.Name); passes {
			out.Cols = append(out.Cols, *from.Column(name))
		} else {
			out.Cols = append(out.Cols, *made[f.Name])
		}
	}
	if t := in.out.Tag; t != "" {
		out.Part = make([]uint8, out.N)
		for i, p := range made[t].Int64s() {
			out.Part[i] = uint8(p)
		}
	}
	var pick []int32
	for i := range out.N {
		times := int64(1)
		if k := in.out.Keep; k != "" && (made[k].Null(i) || !made[k].Bit(i)) {
			times = 0
		}
		if t := in.out.Times; t != "" && !made[t].Null(i) {
			times *= made[t].Int64s()[i]
		}
		for range times {
			pick = append(pick, int32(i))
		}
	}
	if in.out.Keep != "" || in.out.Times != "" {
		out.Batch = out.Take(nil, pick)
	}
	for j, f := range out.Fields {
		if !f.Nullable && out.Cols[j].Nulls() > 0 {
			s.breaks(Promise, "%q has nulls, said to have none", f.Name)
			return out, false
		}
		if out.Cols[j].Nulls() == 0 {
			out.Cols[j].Valid = nil // the last null may be gone
		}
	}
	return out, true
}

// zipped lays the columns of all inputs side by side, as the engine does.
func zipped(in *instance) mem.Table {
	out := mem.Table{Batch: in.in[0].Batch}
	out.Cols = nil
	for _, t := range in.in {
		for j, f := range t.Fields {
			if !out.Has(f.Name) {
				out.Fields, out.Cols = append(out.Fields, f), append(out.Cols, t.Cols[j])
			}
		}
	}
	return out
}

// read are the rows of an input that a fit reads, with the columns that it reads.
func (in *instance) read(parts batch.Parts, cols []string) (batch.Batch, error) {
	r := in.out.Reads
	if r.Input >= len(in.in) {
		return batch.Batch{}, fmt.Errorf("the fit reads input %d of %d", r.Input, len(in.in))
	}
	t := in.in[r.Input]
	b := t.Batch
	b.Cols = nil
	for _, c := range cols {
		j := t.Index(c)
		if j < 0 {
			return b, fmt.Errorf("the fit reads %q, and there is no such column", c)
		}
		b.Cols = append(b.Cols, t.Cols[j])
	}
	var idx []int32
	for i := range b.N {
		if parts.Has(b.PartAt(i)) {
			idx = append(idx, int32(i))
		}
	}
	return b.Take(nil, idx), nil
}

// passesMax is more than any fit has.
const passesMax = 10000

// learn tries the accumulators of every pass, and gives the fit.
func (s *suite) learn(in *instance, op operators.Learn) (fitted operators.Fitted, ok bool) {
	rows, err := in.read(in.out.Reads.Parts, in.out.Reads.Cols)
	if err != nil {
		s.breaks(Reads, "%v", err)
		return fitted, false
	}
	if len(in.out.Reads.Cols) == 0 {
		rows = batch.Batch{} // the engine gives none
	}
	f := op.Begin(in.site)
	for pass := 0; ; pass++ {
		if pass == passesMax {
			s.breaks(Passes, "a fit without an end")
			return fitted, false
		}
		a, state, bad := s.accumulate(in, f.Acc, rows)
		if len(s.broken) > in.before {
			return fitted, false
		}
		if bad != nil {
			return fitted, s.blamed(in, bad)
		}
		if in.shown {
			s.digest(state)
		}
		again, err := f.End(operators.TestEnv(), a)
		if err != nil {
			return fitted, s.blamed(in, err)
		}
		if f = s.between(in, op, f); f == nil {
			return fitted, false
		}
		if !again {
			break
		}
	}
	fitted = f.Fitted()
	// a state holds all that End looks at: from accumulators of another making, and from stored ones, comes the same
	for _, way := range []struct {
		law Law
		how string
		acc func(operators.Fit) (operators.Acc, error)
	}{
		{Passes, "that was never stored", func(f operators.Fit) (operators.Acc, error) {
			a := f.Acc()
			if rows.N == 0 {
				return a, nil
			}
			return a, a.Add(&batch.Ctx{}, rows)
		}},
		{Monoid, "of rows grouped otherwise", func(f operators.Fit) (operators.Acc, error) {
			return grouped(rand.New(rand.NewPCG(5, 5)), f.Acc, rows, false)
		}},
		{State, "of an accumulator that was stored", func(f operators.Fit) (operators.Acc, error) {
			a, err := grouped(rand.New(rand.NewPCG(6, 6)), f.Acc, rows, false)
			if err != nil {
				return nil, err
			}
			b, err := a.MarshalBinary()
			if err != nil {
				return nil, err
			}
			a = f.Acc()
			return a, a.UnmarshalBinary(b)
		}},
	} {
		other, err := fit(op, in.site, way.acc)
		if err != nil {
			s.breaks(way.law, "a fit %s: %v", way.how, err)
			return fitted, false
		}
		if !bytes.Equal(fitted.Program.Marshal(), other.Program.Marshal()) || !equalNotes(fitted.Notes, other.Notes) {
			s.breaks(way.law, "a fit %s is another", way.how)
			return fitted, false
		}
	}
	return fitted, true
}

// fit runs all passes.
func fit(op operators.Learn, site operators.Site, pass func(operators.Fit) (operators.Acc, error)) (operators.Fitted, error) {
	f := op.Begin(site)
	for range passesMax {
		a, err := pass(f)
		if err != nil {
			return operators.Fitted{}, err
		}
		again, err := f.End(operators.TestEnv(), a)
		if err != nil || !again {
			return f.Fitted(), err
		}
	}
	return operators.Fitted{}, errors.New("a fit without an end")
}

// between stores a fit between passes and gives the one that was read back; nil where a law is broken.
func (s *suite) between(in *instance, op operators.Learn, f operators.Fit) operators.Fit {
	state := s.marshal(Passes, f)
	if in.shown {
		s.digest(state)
	}
	g := op.Begin(in.site)
	if err := g.UnmarshalBinary(state); err != nil {
		s.breaks(Passes, "a stored fit is refused: %v", err)
		return nil
	}
	if !bytes.Equal(state, s.marshal(Passes, g)) {
		s.breaks(Passes, "a fit that was read back is stored as other bytes")
		return nil
	}
	s.corrupt(Passes, state, func(b []byte) ([]byte, error) {
		f := op.Begin(in.site)
		if err := f.UnmarshalBinary(b); err != nil {
			return nil, err
		}
		return f.MarshalBinary()
	})
	if len(s.broken) > in.before {
		return nil
	}
	return g
}

// blamed looks at an error of a fit: rows made from an example may be to blame, and then it says so; an example's own are not.
func (s *suite) blamed(in *instance, err error) bool {
	var data *operators.ErrData
	var row *program.RowError
	switch {
	case in.shown:
		s.breaks(Example, "%v", err)
	case !errors.As(err, &data) && !errors.As(err, &row):
		s.breaks(Promise, "an error that the rows are to blame for does not say so (operators.ErrData): %v", err)
	}
	return false
}

func equalNotes(a, b operators.Notes) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }

// narrowed asks the operator for less.
func (s *suite) narrowed(in *instance, g *program.Graph, want result) {
	var names []string
	for _, m := range in.out.Made {
		names = append(names, m.Name)
	}
	for _, less := range subsets(names, len(effects(&in.out)) > 0) {
		op := in.op.Narrow(in.site, less)
		o, l := op.Check(in.site)
		if l.Failed() {
			s.breaks(Narrow, "to %q: check: %s", less, l[0].Error())
			return
		}
		if why := lesser(in.out, o, less); why != "" {
			s.breaks(Narrow, "to %q: %s", less, why)
			return
		}
		n := *in
		n.op, n.out = op, o
		h, err := n.graph()
		if err != nil {
			s.breaks(Narrow, "to %q: %v", less, err)
			return
		}
		keep := append(slices.Clone(less), effects(&in.out)...)
		h = h.Narrow(keep)
		rows := in.in[0].Take(nil, want.rows)
		cols, err := columns(&h, in.in[0].Schema, rows)
		if err != nil {
			s.breaks(Narrow, "to %q: %v", less, err)
			return
		}
		got, err := h.Batch(nil, rows.N, cols)
		if err != nil {
			s.breaks(Narrow, "to %q: %v", less, err)
			return
		}
		sub := result{rows: want.rows}
		for _, p := range h.Out {
			sub.out = append(sub.out, want.out[slices.IndexFunc(g.Out, func(q program.Port) bool { return p.Name == q.Name })])
		}
		if s.equal(Narrow, &h, got, sub, 0, fmt.Sprintf("narrowed to %q", less)); len(s.broken) > in.before {
			return
		}
	}
	if again, _ := in.op.Check(in.site); !reflect.DeepEqual(in.out, again) {
		s.breaks(Narrow, "Narrow changes the operator that it is asked of")
	}
}

// graph is the operator's program, fitted without trying laws.
func (in *instance) graph() (program.Graph, error) {
	switch op := in.op.(type) {
	case operators.Row:
		return op.Program(in.site), nil
	case operators.Learn:
		rows, err := in.read(in.out.Reads.Parts, in.out.Reads.Cols)
		if err != nil {
			return program.Graph{}, err
		}
		f, err := fit(op, in.site, func(f operators.Fit) (operators.Acc, error) {
			a := f.Acc()
			if rows.N == 0 || len(in.out.Reads.Cols) == 0 {
				return a, nil
			}
			return a, a.Add(&batch.Ctx{}, rows)
		})
		return f.Program, err
	case operators.Gather:
		f, err := in.gathered(op, operators.TestEnv(), false, false)
		return f.Program, err
	}
	return program.Graph{}, nil
}

// subsets of names, all of them where they are few; the empty one where the operator is asked for that.
func subsets(names []string, empty bool) [][]string {
	var out [][]string
	if len(names) == 0 {
		return nil
	}
	pick := func(mask uint) {
		var s []string
		for i, n := range names {
			if mask>>i&1 == 1 {
				s = append(s, n)
			}
		}
		if len(s) < len(names) && (len(s) > 0 || empty) {
			out = append(out, s)
		}
	}
	if len(names) <= 4 {
		for m := range uint(1) << len(names) {
			pick(m)
		}
		return out
	}
	all := uint(1)<<min(len(names), 60) - 1
	for i := range min(len(names), 60) {
		pick(1 << i)
		pick(all &^ (1 << i))
	}
	return out
}

// lesser says what a narrowed operator does that the whole one does not.
func lesser(whole, less operators.Output, want []string) string {
	have := map[string]operators.Made{}
	for _, m := range whole.Made {
		have[m.Name] = m
	}
	var made []string
	for _, m := range less.Made {
		w, ok := have[m.Name]
		if !ok || !reflect.DeepEqual(w.Field, m.Field) {
			return fmt.Sprintf("it makes %v, and the whole one %v", m.Field, w.Field)
		}
		if c, more := beyond(m.Apply, w.Apply); more {
			return fmt.Sprintf("%q is then made of %q too", m.Name, c)
		}
		made = append(made, m.Name)
	}
	for _, n := range want {
		if !slices.Contains(made, n) {
			return fmt.Sprintf("%q is not made any more", n)
		}
	}
	if c, more := beyond(less.Reads.Cols, whole.Reads.Cols); more || less.Reads.Parts&^whole.Reads.Parts != 0 && len(less.Reads.Cols) > 0 {
		return fmt.Sprintf("its fit reads more: %q, %v", c, less.Reads.Parts)
	}
	for i, cols := range less.Needs {
		var may []string
		if i < len(whole.Needs) {
			may = whole.Needs[i]
		}
		if c, more := beyond(cols, may); more {
			return fmt.Sprintf("it needs %q of input %d too", c, i)
		}
	}
	if !slices.Equal(effects(&whole), effects(&less)) {
		return "its effects are others"
	}
	return ""
}

func beyond(a, b []string) (string, bool) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return x, true
		}
	}
	return "", false
}

// total gives the operator schemas and tasks that it was not made for. The check finds what is wrong; where it finds nothing, what
// follows a check works.
func (s *suite) total(in *instance) {
	try := func(what string, site operators.Site) {
		s.guard(Total, func() {
			o, l := in.op.Check(site)
			if l.Failed() || slices.ContainsFunc(site.In, vague) {
				return
			}
			n := *in
			n.site, n.out = site, o
			if why := follows(&n); why != "" {
				s.breaks(Total, "with %s the check finds nothing, and %s", what, why)
			}
		})
		if v := s.broken; len(v) > 0 && v[len(v)-1].Where == s.where && !strings.Contains(v[len(v)-1].Detail, "with ") {
			v[len(v)-1].Detail = "with " + what + ": " + v[len(v)-1].Detail
		}
	}
	change := func(i int, f func(*operators.Schema)) operators.Site {
		site := in.site
		site.In = slices.Clone(site.In)
		site.In[i].Fields = slices.Clone(site.In[i].Fields)
		f(&site.In[i])
		return site
	}
	for i, sch := range in.site.In {
		try("an open input", change(i, func(s *operators.Schema) { s.Open = true }))
		try("an input that is open and empty", change(i, func(s *operators.Schema) { s.Open, s.Fields = true, nil }))
		try("an empty input", change(i, func(s *operators.Schema) { s.Fields = nil }))
		for j, f := range sch.Fields {
			try("no column "+f.Name, change(i, func(s *operators.Schema) { s.Fields = slices.Delete(s.Fields, j, j+1) }))
			try(f.Name+" nullable", change(i, func(s *operators.Schema) { s.Fields[j].Nullable = !f.Nullable }))
			for _, t := range types {
				try(fmt.Sprintf("%s as %s", f.Name, t), change(i, func(s *operators.Schema) { s.Fields[j].Type, s.Fields[j].Categories = t, nil }))
			}
		}
	}
	for _, kind := range operators.TaskKinds {
		for _, label := range []string{"", in.site.Task.Label, in.site.In[0].Names()[0], "no such column"} {
			site := in.site
			site.Task = operators.Task{Kind: kind, Label: label, Weight: label, Group: label, IDs: []string{label}, Positive: "x"}
			try(fmt.Sprintf("a task %s, label %q", kind, label), site)
		}
	}
	for _, more := range [][]operators.Schema{in.site.In[:1], append(slices.Clone(in.site.In), operators.Of())} {
		site := in.site
		site.In = more
		try(fmt.Sprintf("%d inputs", len(more)), site)
	}
}

// types to put where others are.
var types = func() (t []batch.Type) {
	for k := batch.Unknown; k <= batch.Vector; k++ {
		t = append(t, batch.T(k))
	}
	t[batch.Decimal] = batch.Type{Kind: batch.Decimal, Precision: 9, Scale: 2}
	t[batch.List] = batch.Type{Kind: batch.List, Elem: batch.Int64}
	return append(t, batch.Type{Kind: batch.Timestamp, Unit: batch.Nano, Zone: "Europe/Berlin"})
}()

// vague says whether something is not known of a schema: an error is reported already, and nothing will run.
func vague(s operators.Schema) bool {
	return s.Open || slices.ContainsFunc(s.Fields, func(f operators.Field) bool { return f.Type.Kind == batch.Unknown })
}

// follows does what the plan does after a check without findings.
func follows(in *instance) string {
	for _, m := range in.out.Made {
		if m.Type.Kind == batch.Unknown && in.out.Eval == nil {
			return fmt.Sprintf("%q is of no type", m.Name)
		}
		if c, more := beyond(m.Apply, in.site.In[0].Names()); more {
			return fmt.Sprintf("%q is made of %q, which is not there", m.Name, c)
		}
	}
	for i, cols := range in.out.Needs {
		if i < len(in.site.In) {
			if c, more := beyond(cols, in.site.In[i].Names()); more {
				return fmt.Sprintf("it needs %q, which is not there", c)
			}
		}
	}
	if r := in.out.Reads; r.Input < len(in.site.In) {
		if c, more := beyond(r.Cols, in.site.In[r.Input].Names()); more {
			return fmt.Sprintf("its fit reads %q, which is not there", c)
		}
	}
	switch op := in.op.(type) {
	case operators.Row:
		g := op.Program(in.site)
		for _, n := range outputs(&in.out) {
			if !g.Has(n) {
				return fmt.Sprintf("its program does not make %q", n)
			}
		}
	case operators.Learn:
		op.Begin(in.site).Acc()
	case operators.Reduce:
		op.Start(in.site, []string{"", "champion"})
	}
	for _, m := range in.out.Made {
		op := in.op.Narrow(in.site, []string{m.Name})
		if _, l := op.Check(in.site); l.Failed() {
			return fmt.Sprintf("narrowed to %q it does: %s", m.Name, first(l))
		}
	}
	return ""
}

func first(l diag.List) string { return l[0].Error() }

// digest takes in bytes that an operator's version stands for.
func (s *suite) digest(b []byte) {
	h := sha256.Sum256(b)
	s.sums = append(s.sums, hex.EncodeToString(h[:]))
}

// Digest is a digest of all states that the operator has on its examples: accumulators, fits between passes, programs. It changes only
// with the operator's Version.
func Digest(spec operators.Spec) string {
	s := &suite{spec: spec}
	for i, ex := range spec.Example {
		s.where = fmt.Sprintf("example %d", i+1)
		s.guard(Example, func() {
			op, _ := decode(spec, ex.Options)
			in := &instance{op: op, shown: true, site: operators.Site{Task: ex.Task, Seed: seed}}
			for _, text := range ex.In {
				t := mem.Parse(text)
				in.in, in.site.In = append(in.in, t), append(in.site.In, t.Schema)
			}
			if _, ok := op.(operators.Probe); ok {
				s.behind(in, ex.Behind)
			}
			in.out, _ = op.Check(in.site)
			s.role(in)
		})
	}
	h := sha256.Sum256([]byte(strings.Join(s.sums, "\n")))
	return hex.EncodeToString(h[:8])
}

// relational runs the operator as a step of a pipeline, by the engine, and compares ways to run it.
func (s *suite) relational(in *instance) (out mem.Table, ok bool) {
	run := func(op operators.Op, opt exec.Options, size int, cols ...string) (mem.Table, error) {
		p := mem.New("laws")
		p.Task = taskOf(in.site.Task)
		var from []string
		for i, t := range in.in {
			id := fmt.Sprintf("in%d", i)
			if t.Part != nil {
				p.Source(id+"_rows", mem.Of(mem.Tagged(t, "_tag"), size)).Step(id, mem.Split("_tag", batch.AllRows), id+"_rows")
			} else {
				p.Source(id, mem.Of(t, size))
			}
			from = append(from, id)
		}
		return p.Step("op", op, from...).Rows("op", opt, cols...)
	}
	out, err := run(in.op, exec.Options{Workers: 1}, 1<<20)
	if err != nil {
		return out, s.blamed(in, err)
	}
	for i, f := range out.Fields {
		if out.Cols[i].Type != f.Type {
			s.breaks(Promise, "%q is %s, said to be %s", f.Name, out.Cols[i].Type, f.Type)
			return out, false
		}
		if n := out.Cols[i].Nulls(); n > 0 && !f.Nullable {
			s.breaks(Promise, "%q has %d nulls, said to have none", f.Name, n)
			return out, false
		}
	}
	other, err := run(in.op, exec.Options{Workers: 3, MorselRows: 64, Shuffle: 7, Poison: true}, 50)
	if err != nil {
		s.breaks(Cuts, "on three workers: %v", err)
		return out, false
	}
	if a, b := out.String(), other.String(); a != b {
		s.breaks(Cuts, "on three workers:\n%s\non one:\n%s", b, a)
		return out, false
	}
	for _, f := range out.Fields {
		less, err := run(in.op, exec.Options{Workers: 1}, 1<<20, f.Name)
		if err != nil {
			s.breaks(Narrow, "to %q: %v", f.Name, err)
			return out, false
		}
		for i := range out.N {
			if less.N != out.N || !same(&less.Cols[0], i, out.Column(f.Name), i) {
				s.breaks(Narrow, "narrowed to %q, row %d is another", f.Name, i)
				return out, false
			}
		}
	}
	if in.shown {
		s.digest([]byte(out.String()))
	}
	return out, true
}
