package diag

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	have := []string{"origin", "destination", "delay", "date", "distance", "naïve"}
	for _, c := range []struct{ name, want string }{
		{"orgin", "origin"},
		{"Origin", "origin"},
		{"roigin", "origin"}, // a transposition is one edit
		{"destnation", "destination"},
		{"dstnation", "destination"},
		{"dely", "delay"},
		{"naive", "naïve"},
		{"dete", "date"},
		{"weather", ""},
		{"", ""},
		{"origin", ""}, // the name itself is no help
	} {
		if got := Nearest(c.name, have); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
	if got := Nearest("ac", []string{"ab", "aa"}); got != "aa" {
		t.Errorf("of two as near it is %q, want the first by name", got)
	}
	if got := Nearest("", []string{"a"}); got != "" {
		t.Errorf("%q is near no name", got)
	}
	if got := Nearest("x", nil); got != "" {
		t.Errorf("of none it is %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"é", "e", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	var many []string
	for i := range 15 {
		many = append(many, fmt.Sprintf("c%02d", 14-i))
	}
	before := slices.Clone(many)
	for _, c := range []struct {
		name string
		have []string
		want string
	}{
		{"x", nil, "there are no columns here"},
		{"orgin", []string{"origin", "delay"}, `did you mean "origin"? columns here: delay, origin`},
		{"weather", []string{"origin"}, "columns here: origin"},
		{"weather", many[:12], "columns here: c03, c04, c05, c06, c07, c08, c09, c10, c11, c12, c13, c14"},
		{"weather", many, "columns here: c00, c01, c02, c03, c04, c05, c06, c07, c08, c09, c10, c11, and 3 more"},
	} {
		if got := DidYouMean(c.name, "columns", c.have); got != c.want {
			t.Errorf("%q of %v: %q, want %q", c.name, c.have, got, c.want)
		}
	}
	if !slices.Equal(many, before) {
		t.Error("the caller's names were put in another order")
	}
}

func at(line, column int, code Code, message string) Diagnostic {
	d := New(code, At{}, "%s", message)
	d.Place = Place{File: "f.yaml", Line: line, Column: column, Width: 3}
	return d
}

func TestSort(t *testing.T) {
	other := at(1, 1, NoColumn, "a")
	other.Place.File = "e.yaml"
	want := List{other, at(1, 2, NoColumn, "a"), at(2, 1, ColumnType, "a"), at(2, 1, ExprType, "a"), at(2, 1, ExprType, "b"), at(2, 3, NoColumn, "a"), at(10, 1, Leak, "a")}
	for shift := range want {
		in := append(slices.Clone(want[shift:]), want[:shift]...)
		in = append(in, want[shift]) // twice
		slices.Reverse(in)
		before := slices.Clone(in)
		got := in.Sort()
		if !equal(got, want) {
			t.Fatalf("sorted\n%v\nwant\n%v", got.Err(), want.Err())
		}
		if !equal(in, before) {
			t.Fatal("Sort changed the list it was given")
		}
	}
}

func equal(a, b List) bool {
	return slices.EqualFunc(a, b, func(x, y Diagnostic) bool { return x.Place == y.Place && x.Code == y.Code && x.Message == y.Message })
}

// What is there twice is found twice at one place: other places between two of one mistake keep neither.
func TestSortTwiceOfOtherWidths(t *testing.T) {
	wide := at(1, 1, NoColumn, "a")
	wide.Place.Width = 9
	if got := (List{at(1, 1, NoColumn, "a"), wide, at(1, 1, NoColumn, "a")}).Sort(); len(got) != 2 {
		t.Errorf("%d findings, want 2", len(got))
	}
}

// Findings that no file's place is known of are the same only where step and option are.
func TestSortWithoutPlaces(t *testing.T) {
	step := func(id string, path ...string) Diagnostic {
		d := New(NoColumn, Option(path...), "no column")
		d.Step = id
		return d
	}
	got := List{step("b"), step("a", "columns", "1"), step("a", "columns", "0"), step("b"), step("a", "columns", "1")}.Sort()
	if len(got) != 3 {
		t.Fatalf("%d findings, want 3: %v", len(got), got)
	}
	if got[0].Step != "a" || got[0].At.Path[1] != "0" || got[1].At.Path[1] != "1" || got[2].Step != "b" {
		t.Errorf("%v", got)
	}
}

func TestUnder(t *testing.T) {
	path := []string{"columns", "0"}
	l := List{New(NoColumn, Option(path...), "x"), New(NoColumn, At{Offset: 3, Width: 2, Key: true}, "y")}
	got := l.Under("steps", "1")
	if p := got[0].At.Path; !slices.Equal(p, []string{"steps", "1", "columns", "0"}) {
		t.Errorf("%v", p)
	}
	if a := got[1].At; !slices.Equal(a.Path, []string{"steps", "1"}) || a.Offset != 3 || a.Width != 2 || !a.Key {
		t.Errorf("%+v", a)
	}
	if !slices.Equal(l[0].At.Path, path) || l[1].At.Path != nil {
		t.Error("Under changed the list it was given")
	}
	// two paths made of one prefix do not share memory
	prefix := make([]string, 1, 8)
	prefix[0] = "p"
	a, b := Option("a").Under(prefix...), Option("b").Under(prefix...)
	if a.Path[1] != "a" || b.Path[1] != "b" {
		t.Errorf("%v %v", a.Path, b.Path)
	}
}

func TestErr(t *testing.T) {
	warning := New(UnusedStep, At{}, "nothing uses it")
	if l := (List{warning}); l.Failed() || l.Err() != nil || l.Errors() != 0 || (List{}).Err() != nil {
		t.Error("a warning failed")
	}
	d := at(3, 7, NoColumn, `no column "x"`)
	d.Step = "features[0]"
	l := List{warning, d}
	err := fmt.Errorf("check: %w", l.Err())
	if !l.Failed() || l.Errors() != 1 || err.Error() != "check: warning[W0201]: nothing uses it\nf.yaml:3:7: error[E0212]: step \"features[0]\": no column \"x\"" {
		t.Errorf("%v", err)
	}
	if got, ok := From(err); !ok || len(got) != 2 || got[1].Step != "features[0]" {
		t.Errorf("%v %v", got, ok)
	}
	if _, ok := From(errors.New("x")); ok {
		t.Error("findings of an error that has none")
	}
	if _, ok := From(nil); ok {
		t.Error("findings of no error")
	}
	if help := d.WithHelp("%d", 5); help.Help != "5" || d.Help != "" {
		t.Error("WithHelp")
	}
}

// declared are the constants of codes.go: name to value.
func declared(t *testing.T) map[string]Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]Code{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, n := range v.Names {
				text, err := strconv.Unquote(v.Values[i].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes[n.Name] = Code(text)
			}
		}
	}
	return codes
}

func TestCodes(t *testing.T) {
	codes := declared(t)
	if len(codes) < 50 {
		t.Fatalf("only %d codes were found", len(codes))
	}
	rule := regexp.MustCompile(`^[EW]0[1-6]\d\d$`)
	seen := map[Code]string{}
	for name, c := range codes {
		if Summaries[c] == "" {
			t.Errorf("%s (%s) has no summary", name, c)
		}
		if seen[c] != "" {
			t.Errorf("%s and %s are both %s", name, seen[c], c)
		}
		seen[c] = name
		if !rule.MatchString(string(c)) {
			t.Errorf("%s is %q", name, c)
		}
		if want := c[0] == 'W'; (c.Severity() == Warning) != want {
			t.Errorf("%s is a %s", c, c.Severity())
		}
	}
	for c, s := range Summaries {
		if seen[c] == "" {
			t.Errorf("a summary of %s, which is no code", c)
		}
		if s != strings.TrimSpace(s) || strings.HasSuffix(s, ".") {
			t.Errorf("%s: summary %q", c, s)
		}
	}
	if Code("").Severity() != Error {
		t.Error("no code is a warning")
	}
}

// Every code that the repository writes out, as a word of a test's table or as a conversion, is one. (Of a constant the compiler
// says so.)
func TestCodesInUse(t *testing.T) {
	rule := regexp.MustCompile(`^[EW]\d{4}\b`)
	seen := 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || d.Name() == "diag_test.go":
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil // the compiler says so
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				if c := rule.FindString(text); c != "" {
					seen++
					if Summaries[Code(c)] == "" {
						t.Errorf("%s: there is no code %s", files.Position(lit.Pos()), c)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d uses were found", seen)
	}
}
