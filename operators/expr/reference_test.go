package expr

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/diag"
)

// What the reference shows of the language checks, and it leaves out no operator that the checker knows.
func TestOperators(t *testing.T) {
	in := operators.Of(operators.Field{Name: "x", Type: intType, Nullable: true}, operators.Field{Name: "y", Type: intType},
		operators.Field{Name: "b", Type: boolType}, operators.Field{Name: "s", Type: stringType}, operators.Field{Name: "t", Type: stringType},
		operators.Field{Name: "a name", Type: intType}, operators.Field{Name: "date", Type: dateType})
	var all []string
	code := regexp.MustCompile("`([^`]+)`")
	for _, f := range Operators() {
		all = append(all, "`"+f.Signature+"` "+f.Doc)
		if _, l := Check(f.Signature, in, diag.At{}); l.Failed() || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: %s: %v", f.Signature, f.Doc, l)
		}
	}
	shown := map[string]bool{}
	for _, text := range append(Rules(), all...) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			for _, token := range regexp.MustCompile(`[A-Za-z]+|[^A-Za-z0-9 "()\[\]]+`).FindAllString(m[1], -1) {
				shown[token] = true
			}
			if !strings.Contains(m[1], " ") || strings.HasSuffix(m[1], "nil") && len(m[1]) < 7 {
				continue // an operator by its name
			}
			if _, l := Check(m[1], in, diag.At{}); l.Failed() {
				t.Errorf("%s: %v", m[1], l)
			}
		}
	}
	source, err := os.ReadFile("check.go")
	if err != nil {
		t.Fatal(err)
	}
	_, binary, _ := strings.Cut(string(source), "func (c *checker) unary(")
	binary, _, _ = strings.Cut(binary, "// equal is ==")
	var known []string
	for _, line := range regexp.MustCompile(`case ("[^:]+):`).FindAllStringSubmatch(binary, -1) {
		for _, q := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(line[1], -1) {
			known = append(known, q[1])
		}
	}
	if len(known) < 20 {
		t.Fatalf("the checker's operators are not found: %q", known)
	}
	slices.Sort(known)
	for _, op := range slices.Compact(known) {
		if !shown[op] {
			t.Errorf("the reference lacks %s", op)
		}
	}
}
