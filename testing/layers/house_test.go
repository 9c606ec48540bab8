package layers

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestNothingUnfinished(t *testing.T) {
	places, err := Unfinished(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		t.Error(p)
	}
}

func TestUnfinishedFinds(t *testing.T) {
	word := "TO" + "DO"
	got, err := Unfinished(fstest.MapFS{
		"a/a.go":            {Data: []byte("package a\n// " + word + ": all of it\n")},
		"README.md":         {Data: []byte("FIX" + "ME")},
		".ci/run":           {Data: []byte("# " + word)},
		"a/b.go":            {Data: []byte("package a\n// m" + word + " and autodoc\n")},
		"a/testdata/in.txt": {Data: []byte(word)},
		"x.parquet":         {Data: []byte("PAR1\x00 " + word)},
		".git/note":         {Data: []byte(word)},
	})
	want := []string{".ci/run:1: says " + word, "README.md:1: says FIX" + "ME", "a/a.go:2: says " + word}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, error %v; want %q", got, err, want)
	}
}

func TestOperatorsStartNoGoroutines(t *testing.T) {
	files, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	places, err := Goroutines(root, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		t.Error(p)
	}
}

func TestGoroutinesFinds(t *testing.T) {
	src := &fstest.MapFile{Data: []byte("package x\n\nfunc f() {\n\tgo f()\n}\n")}
	tree := fstest.MapFS{"operators/clean/x.go": src, "operators/clean/x_test.go": src, "engine/exec/x.go": src}
	files, err := Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Goroutines(tree, files)
	if want := []string{"operators/clean/x.go:4:2: an operator starts a goroutine"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, error %v; want %q", got, err, want)
	}
}
