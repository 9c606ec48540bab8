package command

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/headrace/headrace/operators/diag"
)

// Links of the reference lead to pages and headings that there are, and every type that an option has is explained.
func TestReferenceLinks(t *testing.T) {
	dir := t.TempDir()
	if err := writeDocs(dir); err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	var pages []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text[page] = string(data)
		headings[page] = true
		for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text[page], -1) {
			headings[page+"#"+anchor(strings.ToLower(m[1]))] = true
		}
	}
	headings[filepath.Join(dir, "schema.json")] = true
	links := 0
	for _, page := range pages {
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text[page], -1) {
			links++
			if strings.Contains(m[1], "://") {
				continue
			}
			if to := filepath.Join(filepath.Dir(page), m[1]); !headings[to] {
				t.Errorf("%s: %s leads nowhere", page, m[1])
			}
		}
	}
	if links < 200 {
		t.Errorf("%d links only", links)
	}
	for c := range diag.Summaries {
		if codeHead(c) == "" {
			t.Errorf("codes as %s have no head", c)
		}
	}
	for _, typ := range optionTypes() {
		if !strings.HasSuffix(typ.Doc, ".") {
			t.Errorf("type %q is not explained: %q", typ.Name, typ.Doc)
		}
	}
}
