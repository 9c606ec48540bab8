package command

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/headrace/headrace/operators"
)

// A screen of 80 columns has room for any number of classes of any names; what is not shown is told.
func TestClassesTable(t *testing.T) {
	results := []operators.ModelResult{{}, {Name: "champion"}}
	for i := range 100 {
		c := operators.ClassResult{Name: fmt.Sprintf("%d%s\x1b[31m", i, strings.Repeat(" long name", i%7)), Rows: int64(1e9 + i*37%100), Precision: 0.125, Recall: math.NaN(), F1: 1,
			Unknown: i%10 == 0}
		results[0].Classes = append(results[0].Classes, c)
	}
	results[1].Classes = results[0].Classes[:99]
	for _, models := range [][]operators.ModelResult{results[:1], results} {
		var b bytes.Buffer
		classesTable(&b, models)
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 1+classesShown+2 {
			t.Errorf("%d lines\n%s", len(lines), b.String())
		}
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > 80 || strings.Contains(l, "\x1b") {
				t.Errorf("%d characters: %q", n, l)
			}
		}
		for _, want := range []string{"\n  and 90 more, with fewer rows: metrics.json has them\n", "in no train row: 0", " and 8 more\n"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q in\n%s", want, b.String())
			}
		}
	}
	var b bytes.Buffer
	if classesTable(&b, []operators.ModelResult{{}}); b.Len() > 0 {
		t.Errorf("no classes: %q", b.String())
	}
}
