package dags

import (
	"slices"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/param"
)

// Whatever key an editor offers in a DAG file, the reference has it, and says what it is.
func TestReference(t *testing.T) {
	have := map[string]bool{}
	var walk func(prefix string, opts []param.Option)
	walk = func(prefix string, opts []param.Option) {
		for _, o := range opts {
			if o.Doc == "" || o.Leaf.Doc == "" {
				t.Errorf("%s%s: %q of a type %q", prefix, o.Name, o.Doc, o.Leaf.Doc)
			}
			for name := range strings.SplitSeq(o.Name, ", ") {
				have[prefix+name] = true
			}
			walk(prefix+o.Name+".", o.Sub)
		}
	}
	titles := map[string]string{"The keys of a file": ""}
	for _, b := range Reference() {
		prefix, there := titles[b.Title]
		if !there {
			prefix = b.Title + "."
		}
		walk(prefix, b.Options)
	}
	schema := JSONSchema()
	defs := schema["$defs"].(map[string]any)
	var keys func(path string, s any)
	keys = func(path string, s any) {
		m, _ := s.(map[string]any)
		properties, _ := m["properties"].(map[string]any)
		for k, v := range properties {
			if at := path + k; !strings.Contains(k, ".") && !have[at] {
				t.Errorf("the reference lacks %s", at)
			}
			if !slices.Contains([]string{"parquet", "csv", "arrow"}, k) {
				keys(path+k+".", v)
			}
		}
		switch more := m["additionalProperties"].(type) {
		case map[string]any:
			if to, ok := more["$ref"].(string); ok {
				more = defs[strings.TrimPrefix(to, "#/$defs/")].(map[string]any)
			}
			name := "NAME."
			if strings.HasSuffix(path, "columns.") {
				name = "COLUMN."
			}
			keys(path+name, more)
		}
		if items, ok := m["items"].(map[string]any); ok {
			keys(path, items)
		}
	}
	keys("", schema)
	if len(have) < 60 {
		t.Errorf("%d keys only", len(have))
	}
}
