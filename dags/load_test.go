package dags_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/expr"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics")

// TestGolden loads each file of testdata and compares what is said of it. The first lines of a file may give more:
//
//	# set: name=value
//	# overlay: file.yml
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			o := dags.LoadOptions{Files: []string{name}, RunDate: "2001-02-03", Set: map[string]string{}, WorkDir: "/somewhere"}
			for line := range strings.Lines(string(text)) {
				word, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
				if word == "# set" {
					k, v, _ := strings.Cut(rest, "=")
					o.Set[k] = v
				}
				if word == "# overlay" {
					o.Files = append(o.Files, filepath.Join("testdata", rest))
				}
			}
			_, l := dags.Load(o)
			got := dags.Render(l, false, 0)
			golden := strings.TrimSuffix(name, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, d := range l {
				if d.Place.File == "" {
					t.Errorf("%v has no place", d)
				}
			}
		})
	}
}

// text loads a DAG from text alone.
func text(s string, more ...string) (*dags.Pipeline, diag.List) {
	o := dags.LoadOptions{WorkDir: "/work", RunDate: "2001-02-03", ReadFile: func(name string) ([]byte, error) {
		return []byte(append([]string{s}, more...)[name[0]-'a']), nil
	}}
	for i := range len(more) + 1 {
		o.Files = append(o.Files, string(rune('a'+i))+".yaml")
	}
	return dags.Load(o)
}

func TestDesign(t *testing.T) {
	p, l := dags.Load(dags.LoadOptions{Files: []string{"testdata/design.yaml"}, Set: map[string]string{"path": "in/f.parquet"}, WorkDir: "/w"})
	for _, d := range l {
		if d.Code != diag.Idle {
			t.Fatal(dags.Render(l, false, 0))
		}
	}
	var ids []string
	for _, s := range p.Steps {
		ids = append(ids, s.ID)
		if s.Bad || s.Broken != nil {
			t.Errorf("%s is bad", s.ID)
		}
	}
	want := "labelled[0] labelled[1] split features[0] features[1] features[2] model report"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	m := p.Step("model")
	if g := m.Op.(*gbdt); g.Trees != 100 || g.Leaves != 63 || g.Rate != 0.1 || g.EarlyStop.Rounds != 20 {
		t.Errorf("%+v", g)
	}
	if m.Retry.Limit != 2 || m.Retry.Backoff != 30*time.Second || m.Timeout != 2*time.Hour || m.From[0].ID != "features[2]" {
		t.Errorf("%+v", m)
	}
	if f := p.Step("labelled[0]"); f.Op.(*filter).Where != "delay != nil and delay < 1440" || f.From[0].ID != "flights" || f.Last {
		t.Errorf("%+v", f)
	}
	d := p.Step("labelled[1]")
	if c := d.Op.(*derive).Columns; len(c) != 3 || c[0].Key != "late" || c[2].Value != expr.Source("weekday(date)") || c[1].KeyPlace.Line != 38 {
		t.Errorf("%+v", c)
	}
	s := p.Source("flights")
	if path := *s.Decoded.Locate(); path != "/w/in/f.parquet" || s.RowsMin != 1000 || len(s.Columns) != 5 || s.Format != "parquet" {
		t.Errorf("%+v", s)
	}
	if c := s.Columns[1]; c.Name != "delay" || *c.Type != batch.T(batch.Int64) || !c.Nullable || c.KnownAt != "arrival" {
		t.Errorf("%+v", c)
	}
	if p.Sinks[0].From.Part != "test" || p.Sinks[0].From.ID != "model" || *p.Sinks[0].Decoded.Locate() != "testdata/scored.parquet" {
		t.Errorf("%+v", p.Sinks[0])
	}
	if x := p.Tests[0]; x.First != "labelled[0]" || x.Step != "labelled[1]" || x.In.Items[0].Get("delay").Text != "16" {
		t.Errorf("%+v", x)
	}
	if p.Gates.From.ID != "report" || len(p.Gates.Require) != 2 || p.Publish.Model.ID != "model" || p.Schedule.Catchup != 48*time.Hour ||
		p.Resources.MemoryBytes != 8<<30 || p.Resources.Cores != 0 || p.Task.PredictAt != "scheduling" || p.Task.Label != "late" {
		t.Errorf("%+v %+v %+v", p.Gates, p.Publish, p.Schedule)
	}
	if len(p.Params) != 2 || !p.Params[0].Set || p.Params[1].Value != "100" {
		t.Errorf("%+v", p.Params)
	}
	// A finding of a check stands under its characters.
	out := dags.Render(p.Locate(p.Step("features[0]"), diag.List{diag.New(diag.NoColumn, diag.Option("columns", "0"), "no column %q", "orgin").WithHelp("did you mean?")}), false, 0)
	golden := `testdata/design.yaml:48:36: error[E0212]: step "features[0]": no column "orgin"
   48 |       - feature.encode: {columns: [origin, destination], method: target, cross_fit: 5, smoothing: 5…
      |                                    ^^^^^^
      = did you mean?
1 error
`
	if out != golden {
		t.Errorf("got\n%s\nwant\n%s", out, golden)
	}
}

const head = "version: 1\nname: a\nsources: {s: {parquet: x.parquet}}\nsteps:\n"

func TestOrderOfTheFileMeansNothing(t *testing.T) {
	steps := []string{"  b: {from: s, clean.keep: x}\n", "  a: {from: b, clean.keep: y}\n", "  c: {from: s, after: a, clean.keep: [z]}\n"}
	p, l := text(head + steps[0] + steps[1] + steps[2])
	q, m := text(head + "  # another order\n" + steps[2] + steps[1] + steps[0])
	if l != nil || m != nil {
		t.Fatal(dags.Render(append(l, m...), false, 0))
	}
	ids := func(p *dags.Pipeline) (s []string) {
		for _, x := range p.Steps {
			s = append(s, x.ID)
		}
		return s
	}
	if want := []string{"b", "a", "c"}; !reflect.DeepEqual(ids(p), want) || !reflect.DeepEqual(ids(q), want) {
		t.Error(ids(p), ids(q))
	}
	if p.Digest != q.Digest {
		t.Error("the digest depends on the order")
	}
	if p.Drawing().DOT() != q.Drawing().DOT() {
		t.Error("the drawing depends on the order")
	}
	for _, s := range []string{head + steps[0] + steps[1], strings.Replace(head, "x.p", "y.p", 1) + steps[0] + steps[1] + steps[2]} {
		if r, _ := text(s); r.Digest == p.Digest {
			t.Error("two DAGs with one digest")
		}
	}
	r, _ := text("doc: something\nresources: {cores: 3}\n" + head + steps[0] + steps[1] + steps[2])
	if r.Digest != p.Digest {
		t.Error("what changes no result changes the digest")
	}
}

func TestOverlay(t *testing.T) {
	base := head + "  m: {from: s, train.gbdt: {trees: 50, leaves: 7}}\n  k: {from: m, clean.keep: [a, b]}\n"
	p, l := text(base, "steps:\n  m: {train.gbdt: {trees: 60}}\n  k: {clean.keep: [c]}\nsinks: {o: {from: k, parquet: o.parquet}}\n")
	if l != nil {
		t.Fatal(dags.Render(l, false, 0))
	}
	if g := p.Step("m").Op.(*gbdt); g.Trees != 60 || g.Leaves != 7 {
		t.Errorf("%+v", g)
	}
	if k := p.Step("k").Op.(*columns); len(k.Columns) != 1 || k.Columns[0] != "c" {
		t.Errorf("%+v", k)
	}
	if _, l := text(base, "steps: {m: {train.gbdt: {trees: 0}}}"); len(l) != 1 || l[0].Place.File != "b.yaml" {
		t.Error("a mistake in an overlay stands in the overlay:", l)
	}
}

func TestParams(t *testing.T) {
	dag := `
version: 1
name: a
params:
  n: {type: int, default: 3}
  f: {type: float, default: 1e-3}
  b: {type: bool, default: "false"}
  s: {default: "007"}
  d: {type: date, default: 2001-01-01}
  p: {type: path, default: "in/*.parquet"}
sources:
  s: {parquet: {path: "${{ params.p }}"}}
steps:
  m: {from: s, train.gbdt: {trees: "${{ params.n * 10 }}", learning_rate: "${{ params.f }}"}}
  k: {from: s, clean.keep: ["x_${{ params.s }}_${{ run.date }}", "${{ params.d }}", "${{ run.id + '}}' }}"], cache: "${{ params.b }}"}
`
	load := func(set map[string]string, env map[string]string) (*dags.Pipeline, diag.List) {
		return dags.Load(dags.LoadOptions{Files: []string{"/dag/a.yaml"}, Set: set, WorkDir: "/w", RunDate: "2001-02-03", RunID: "r1",
			ReadFile: func(string) ([]byte, error) { return []byte(dag), nil },
			Env:      func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
	}
	p, l := load(nil, nil)
	if l != nil {
		t.Fatal(dags.Render(l, false, 0))
	}
	if g := p.Step("m").Op.(*gbdt); g.Trees != 30 || g.Rate != 0.001 {
		t.Errorf("%+v", g)
	}
	k := p.Step("k")
	if got := fmt.Sprint(k.Op.(*columns).Columns); got != "[x_007_2001-02-03 2001-01-01 r1}}]" || k.Cache == nil || *k.Cache {
		t.Error(got)
	}
	path := func(p *dags.Pipeline) string { return *p.Sources[0].Decoded.Locate() }
	if path(p) != "/dag/in/*.parquet" || p.Params[5].Value != "in/*.parquet" {
		t.Error(path(p), p.Params[5].Value)
	}
	q, l := load(map[string]string{"p": "x.parquet", "n": "5"}, map[string]string{"HEADRACE_PARAM_N": "6", "HEADRACE_PARAM_F": "0.5"})
	if g := q.Step("m").Op.(*gbdt); l != nil || path(q) != "/w/x.parquet" || g.Trees != 50 || g.Rate != 0.5 {
		t.Error(path(q), g, l)
	}
	for set, want := range map[string]string{"/abs/x": "/abs/x", "s3://b/x": "s3://b/x", "in/": "/w/in/", "../dag/in/x": "/dag/in/x"} {
		q, _ := load(map[string]string{"p": set}, nil)
		if path(q) != want {
			t.Errorf("%s: %s, want %s", set, path(q), want)
		}
	}
	_, l = load(map[string]string{"nn": "1", "n": "x"}, map[string]string{"HEADRACE_PARAM_B": "yes"})
	want := `--set n: error[E0107]: parameter "n": a whole number is asked for, not "x"
--set nn: error[E0203]: no parameter "nn"
      = did you mean "n"? parameters here: b, d, f, n, p, s
HEADRACE_PARAM_B: error[E0107]: parameter "b": true or false is asked for, not "yes"
3 errors
`
	if got := dags.Render(l, false, 0); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestInputs(t *testing.T) {
	two := "  a: {from: s, clean.keep: x}\n  b: {from: s, clean.keep: y}\n"
	for _, c := range []struct{ step, want string }{
		{"{from: [a, b], table.join: {}}", "left=a right=b"},
		{"{from: {right: a, left: b.test}, table.join: {}}", "left=b right=a"},
		{"{from: {test: a, train: b}, sample.parts: {}}", "train=b test=a"},
		{"{from: [a, b, s], table.zip: {}}", "=a =b =s"},
		{"{from: {x: b, y: a}, table.zip: }", "x=b y=a"},
		{"{from: a, do: [{clean.keep: x}, {from: {right: b}, table.join: {}}]}", "left=c[0] right=b"},
		{"{from: a, do: [{clean.keep: x}, {from: b, table.join: {}}]}", "left=c[0] right=b"},
		{"{from: a, table.join: {}}", "E0210"},
		{"{from: [a, b], clean.keep: x}", "E0210"},
		{"{from: {left: a}, table.join: {}}", "E0210"},
		{"{from: {left: a, rigth: b}, table.join: {}}", "E0104"},
		{"{from: {x: a}, clean.keep: x}", "E0210"},
		{"{from: [], clean.keep: x}", "E0105"},
		{"{from: a, do: [{clean.keep: x}, {from: {left: b}, table.join: {}}]}", "E0210"},
	} {
		p, l := text(head + two + "  c: " + c.step + "\n")
		if strings.HasPrefix(c.want, "E") {
			if len(l) == 0 || string(l[0].Code) != c.want {
				t.Errorf("%s: %v, want %s", c.step, l, c.want)
			}
			continue
		}
		var got []string
		for _, s := range p.Steps {
			if s.Name == "c" && s.Last {
				for _, r := range s.From {
					got = append(got, r.Input+"="+r.ID)
				}
			}
		}
		if l != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q\n%s", c.step, got, c.want, dags.Render(l, false, 0))
		}
	}
}

// TestLocate drops what a check says of an option that is mistaken, and moves into expressions of every style.
func TestLocate(t *testing.T) {
	p, _ := text(head + "  a: {from: s, feature.encode: {colums: [x], smoothing: no}}\n" +
		"  b:\n    from: s\n    clean.filter: |\n\n      é > 1 and\n        y < 2\n" +
		"  c: {from: s, clean.filter: 'x == ''q'' and y'}\n  d: {from: s, clean.filter: \"x == \\\"q\\\" and y\"}\n" +
		"  e:\n    from: s\n    clean.filter: >-\n      x > 1\n      and y\n" +
		"  f:\n    from: s\n    clean.filter: x > 1\n      and y\n" +
		"  g:\n    from: s\n    clean.filter: \"x > 1\n      and y\"\n")
	l := p.Locate(p.Step("a"), diag.List{diag.New(diag.NoColumns, diag.Option("columns"), "nothing"), diag.New(diag.OptionBound, diag.Option("smoothing"), "x"),
		diag.New(diag.NoColumn, diag.Option("method"), "another"), diag.New(diag.NoColumn, diag.At{}, "the operator")})
	if len(l) != 2 || l[0].Place.Line != 5 || l[0].Step != "a" || l[1].Place.Column != 16 {
		t.Errorf("%+v", l)
	}
	for _, c := range []struct {
		id                        string
		offset, width, line, from int
		want                      string
	}{{"b", 1, 1, 0, 0, "é"}, {"b", 13, 1, 0, 0, "y"}, {"c", 13, 1, 0, 0, "y"}, {"d", 13, 1, 0, 0, "y"}, {"e", 10, 1, 0, 0, "y"},
		{"f", 10, 1, 0, 0, "y"}, {"g", 10, 1, 0, 0, "y"}, {"g", 0, 1, 0, 0, "x"}, {"b", 17, 1, 0, 0, "2"}} {
		d := p.Locate(p.Step(c.id), diag.List{diag.New(diag.NoColumn, diag.At{Path: []string{"where"}, Offset: c.offset, Width: c.width}, "x")})[0]
		r := []rune(d.Source)
		if got := string(r[d.Place.Column-1 : d.Place.Column-1+d.Place.Width]); got != c.want {
			t.Errorf("%s %d: %q at %d:%d of %q, want %q", c.id, c.offset, got, d.Place.Line, d.Place.Column, d.Source, c.want)
		}
	}
}

func TestDrawing(t *testing.T) {
	p, _ := dags.Load(dags.LoadOptions{Files: []string{"testdata/design.yaml"}})
	for name, got := range map[string]string{"testdata/design.dot": p.Drawing().DOT(), "testdata/design.mmd": p.Drawing().Mermaid()} {
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

func TestTooManySteps(t *testing.T) {
	p, l := text(head + "  a: {from: s, do: [" + strings.Repeat("{clean.keep: x},", 3000) + "]}\n")
	if len(l) != 1 || l[0].Code != diag.YAMLSubset || len(p.Steps) != 1024 {
		t.Errorf("%d steps, %v", len(p.Steps), l)
	}
}

// TestMany holds that a file as large as it may be is refused, or read, in moments.
func TestMany(t *testing.T) {
	for name, f := range map[string]func(i int) string{
		"chain": func(i int) string {
			return fmt.Sprintf("  a%d: {from: %s, clean.keep: x}\n", i, map[bool]string{true: "s", false: fmt.Sprint("a", i-1)}[i == 0])
		},
		"star":    func(i int) string { return fmt.Sprintf("  a%d: {from: s, clean.keep: x}\n", i) },
		"ring":    func(i int) string { return fmt.Sprintf("  a%d: {from: a%d, clean.keep: x}\n", i, (i+1)%1000) },
		"unknown": func(i int) string { return fmt.Sprintf("  a%d: {from: b%d, clean.keep: x}\n", i, i) },
	} {
		var b strings.Builder
		b.WriteString(head)
		for i := range 1000 {
			b.WriteString(f(i))
		}
		start := time.Now()
		p, l := text(b.String())
		_ = dags.Render(l, false, 0)
		if d := time.Since(start); d > 10*time.Second || len(p.Steps) != 1000 {
			t.Errorf("%s: %v, %d steps", name, d, len(p.Steps))
		} else {
			t.Logf("%s: %v, %d findings", name, d, len(l))
		}
	}
}
