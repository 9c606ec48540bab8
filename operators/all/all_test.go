package all

import (
	"strings"
	"testing"

	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/param"
)

// Every operator says what it does, shows itself, and has a main option that is one.
func TestCatalogue(t *testing.T) {
	for _, s := range operators.Catalogue() {
		if !strings.HasSuffix(s.Doc, ".") {
			t.Errorf("%s: the doc is no sentence: %q", s.Name, s.Doc)
		}
		// headrace ops shows the first sentence alone: a stop within brackets would cut it.
		if first, _, _ := strings.Cut(s.Doc, ". "); strings.Count(first, "(") != strings.Count(first, ")") {
			t.Errorf("%s: the first sentence ends within brackets: %q", s.Name, first)
		}
		if len(s.Example) == 0 {
			t.Errorf("%s shows no example", s.Name)
		}
		for _, e := range s.Example {
			for _, text := range append([]string{e.Out}, e.In...) {
				if _, _, err := operators.ParseRows(text); err != nil {
					t.Errorf("%s: %s: %v", s.Name, e.Doc, err)
				}
			}
		}
		if opts := param.Describe(s.New()); len(opts) > 12 { // too many to be read in one table
			for _, o := range opts {
				if o.Group == "" {
					t.Errorf("%s: option %s is in no group", s.Name, o.Name)
				}
			}
		}
		if s.Main == "" {
			continue
		}
		n := &param.Node{Kind: param.Map, Keys: []*param.Node{param.Value(s.Main)}, Items: []*param.Node{{Unknown: true}}}
		if l := param.Decode(n, s.New()); len(l) > 0 {
			t.Errorf("%s: main option %q: %v", s.Name, s.Main, l)
		}
	}
}
