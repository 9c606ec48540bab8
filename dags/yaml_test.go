package dags_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headrace/headrace/dags"
	"github.com/headrace/headrace/operators/diag"
	"github.com/headrace/headrace/operators/param"
)

func TestScalarsAreText(t *testing.T) {
	n, l := dags.Read("x.yaml", []byte("\ufeffa: NO\nb: 007\nc: 2001-01-01\nd: ~\ne: null\nf:\ng: \"\"\nh: 1.20\r\ni: 'it''s'\n"))
	if l != nil {
		t.Fatal(l)
	}
	want := `{"a":"NO","b":"007","c":"2001-01-01","d":"~","e":"null","f":~,"g":"","h":"1.20","i":"it's"}`
	if got := n.Canonical(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestPlaces holds that every scalar stands where its place says, in characters.
func TestPlaces(t *testing.T) {
	text := "é: [ä, \"ö\", 'ü']\nlist:\n  - {k: v, 日本: x}\n  - |\n    block\n"
	n, l := dags.Read("x.yaml", []byte(text))
	if l != nil {
		t.Fatal(l)
	}
	lines := strings.Split(text, "\n")
	var walk func(n *param.Node)
	count := 0
	walk = func(n *param.Node) {
		for _, k := range n.Keys {
			walk(k)
		}
		for _, it := range n.Items {
			walk(it)
		}
		if n.Kind != param.Scalar || n.Text == "block\n" {
			return
		}
		count++
		r := []rune(lines[n.Place.Line-1])
		if got := strings.Trim(string(r[n.Place.Column-1:n.Place.Column-1+n.Place.Width]), `"'`); got != n.Text || n.Line != lines[n.Place.Line-1] {
			t.Errorf("%q stands where %q is", n.Text, got)
		}
	}
	walk(n)
	if count != 9 {
		t.Errorf("%d scalars", count)
	}
}

func TestLimits(t *testing.T) {
	deep := func(n int) string { return "a: " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	if _, l := dags.Read("x", []byte(deep(60))); l != nil {
		t.Error(l)
	}
	for name, text := range map[string]string{"flow": deep(70), "block": strings.Repeat("- ", 70) + "a", "deeper": strings.Repeat("[", 100000),
		"long": "a: " + strings.Repeat("x", 4<<20), "wide": strings.Repeat("*a ", 1000)} {
		start := time.Now()
		_, l := dags.Read("x", []byte(text))
		if !l.Failed() || time.Since(start) > time.Second {
			t.Errorf("%s: %v after %v", name, l, time.Since(start))
		}
	}
	// The depth itself is the limit, however it is written.
	for n := 50; n < 80; n++ {
		_, flow := dags.Read("x", []byte(strings.Repeat("[", n)+strings.Repeat("]", n)))
		_, block := dags.Read("x", []byte(strings.Repeat("- ", n)+"a"))
		if flow.Failed() != block.Failed() || flow.Failed() != (n > 64) {
			t.Errorf("depth %d: flow %v, block %v", n, flow, block)
		}
	}
}

func corpus(t testing.TB, name string) string {
	root := os.Getenv("HEADRACE_CORPORA")
	if root == "" {
		t.Skip("HEADRACE_CORPORA is not set")
	}
	return filepath.Join(root, name)
}

// TestSuite holds that what YAML refuses is refused, and that nothing panics.
func TestSuite(t *testing.T) {
	root := corpus(t, "yaml-test-suite")
	refused, cases := 0, 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Name() != "in.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		cases++
		_, l := dags.Read(path, text)
		for _, x := range l {
			if x.Place.Line < 1 || x.Place.Column < 1 {
				t.Errorf("%s: %v has no place", path, x)
			}
		}
		_ = dags.Render(l, true, 0)
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "error")); err != nil {
			return nil
		}
		id, err := filepath.Rel(root, filepath.Dir(path))
		if l.Failed() {
			refused++
		} else if !slices.Contains(lenient, filepath.ToSlash(id)) {
			t.Errorf("%s is no YAML, and is taken", id)
		}
		return err
	})
	if err != nil || cases < 300 || refused < 80 {
		t.Fatalf("%v: %d cases, %d refused", err, cases, refused)
	}
}

// lenient are invalid files of the suite that the parser takes.
var lenient = []string{"data/9C9N", "data/DK95/01", "data/QB6E", "data/S98Z", "data/Y79Y/003"}

func TestHandmade(t *testing.T) {
	root := corpus(t, "handmade")
	for name, want := range map[string]string{"yaml_billion_laughs": "E0102", "yaml_deep_block": "E0102", "yaml_deep_flow": "E0102",
		"yaml_dup_keys": "E0103", "yaml_merge_bomb": "E0102", "yaml_multi_doc": "E0102", "yaml_self_alias": "E0102", "yaml_norway": ""} {
		text, err := os.ReadFile(filepath.Join(root, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, l := dags.Read(name, text)
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("%s takes %v", name, d)
		}
		if want == "" && l != nil || want != "" && (len(l) == 0 || string(l[0].Code) != want) {
			t.Errorf("%s: %v, want %s", name, l, want)
		}
	}
}

func TestRender(t *testing.T) {
	long := strings.Repeat("x", 150) + "HERE" + strings.Repeat("y", 150)
	l := diag.List{
		{Code: "E0101", Place: diag.Place{File: "a", Line: 7, Column: 151, Width: 4}, Source: long, Message: "far"},
		{Code: "E0101", Place: diag.Place{File: "a", Line: 12345, Column: 3, Width: 2}, Source: "\t日本 \x1b[31m", Message: "wide\n\x1b", Help: "h\u202e"},
		{Code: "W0202", Severity: diag.Warning, Place: diag.Place{File: "a", Line: 1, Column: 90, Width: 1}, Source: "short", Message: "behind the end"},
		{Code: "W0202", Severity: diag.Warning, Place: diag.Place{File: "--set x"}, Message: "no line"},
	}
	got := dags.Render(l, false, 0)
	want := "a:7:151: error[E0101]: far\n" +
		"    7 | …" + strings.Repeat("x", 33) + "HERE" + strings.Repeat("y", 61) + "…\n" +
		"      | " + strings.Repeat(" ", 34) + "^^^^\n" +
		"a:12345:3: error[E0101]: wide\\n\\u001b\n12345 |  日本 \\u001b[31m\n      |    ^^^\n      = h\\u202e\n" +
		"a:1:90: warning[W0202]: behind the end\n    1 | short\n      |      ^\n" +
		"--set x: warning[W0202]: no line\n2 errors, 2 warnings\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if c := dags.Render(l, true, 0); !strings.Contains(c, "\x1b[1;31merror[E0101]\x1b[0m") || strings.Contains(c, "\x1b[31m") {
		t.Errorf("%q", c)
	}
	if dags.Render(nil, true, 0) != "" {
		t.Error("nothing")
	}
}

func TestJSONSchema(t *testing.T) {
	a, err := json.MarshalIndent(dags.JSONSchema(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.MarshalIndent(dags.JSONSchema(), "", " "); string(a) != string(b) {
		t.Error("the schema differs from call to call")
	}
	var s map[string]any
	if err := json.Unmarshal(a, &s); err != nil {
		t.Fatal(err)
	}
	// Every reference leads somewhere, and every operator and connector is there.
	defs := s["$defs"].(map[string]any)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if r, ok := v["$ref"].(string); ok && defs[strings.TrimPrefix(r, "#/$defs/")] == nil {
				t.Errorf("%s leads nowhere", r)
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(s)
	step := defs["step"].(map[string]any)["properties"].(map[string]any)
	for _, name := range []string{"from", "do", "after", "train.gbdt", "clean.filter", "cache"} {
		if step[name] == nil {
			t.Errorf("a step has no %s", name)
		}
	}
	for _, name := range []string{"only", "from"} {
		if defs["item"].(map[string]any)["properties"].(map[string]any)[name] == nil {
			t.Errorf("an item has no %s", name)
		}
	}
	if defs["source"].(map[string]any)["properties"].(map[string]any)["sql"] == nil {
		t.Error("a source has no sql")
	}
	if p := s["properties"].(map[string]any); len(p) != 14 {
		t.Errorf("%d keys", len(p))
	}
}

// FuzzLoad holds that no file, parameter or overlay panics, hangs or is reported outside of itself.
func FuzzLoad(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "x")
	}
	f.Add([]byte(head+"  a: {from: [a, b.c], do: [{}, []]}\n"), "\x00")
	f.Fuzz(func(t *testing.T, file []byte, set string) {
		for _, o := range []dags.LoadOptions{{Files: []string{"a"}, Set: map[string]string{"path": set, set: "x"}}, {Files: []string{"a", "a"}}} {
			o.ReadFile = func(string) ([]byte, error) { return file, nil }
			p, l := dags.Load(o)
			_ = dags.Render(l, false, 0)
			lines := strings.Count(string(file), "\n") + 1
			for _, d := range l {
				if d.Place.Line > lines || d.Place.Line > 0 && d.Place.Column < 1 {
					t.Errorf("%v stands outside of the file", d)
				}
			}
			if p == nil {
				if !l.Failed() {
					t.Error("no pipeline, and no error")
				}
				continue
			}
			_ = p.Drawing().DOT() + p.Drawing().Mermaid()
			seen := map[string]bool{}
			for _, s := range p.Steps {
				for _, r := range s.From {
					if r.ID != "" && !s.Bad && p.Source(r.ID) == nil && !seen[r.ID] {
						t.Errorf("%s stands before %s", s.ID, r.ID)
					}
				}
				seen[s.ID] = true
				if !s.Bad && s.Op == nil {
					t.Errorf("%s has no operator and is not bad", s.ID)
				}
			}
			for _, d := range p.Locate(&dags.Step{}, diag.List{diag.New("E0101", diag.Option("x"), "x")}) {
				_ = fmt.Sprint(d)
			}
		}
	})
}
