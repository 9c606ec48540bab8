// Package layers holds the house's rules of layout as code.
package layers

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A File is one Go file, as far as the layout is concerned.
type File struct {
	Name    string // slash-separated path from the module's root
	Imports []Import
}

// An Import is one import declaration.
type Import struct {
	Path string
	Line int
}

// Dir returns the folder of f, "." for the module's root.
func (f File) Dir() string { return path.Dir(f.Name) }

// Test says whether the Go tool compiles f for tests only.
func (f File) Test() bool { return strings.HasSuffix(f.Name, "_test.go") }

// Read returns every Go file of the module in fsys, in the order of their names, whatever its build constraints. It leaves
// out what the Go tool leaves out: folders that start with a dot or an underscore, testdata, and modules of their own.
func Read(fsys fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && apart(fsys, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") {
			return nil
		}
		f, err := readFile(fsys, name)
		files = append(files, f)
		return err
	})
	return files, err
}

func apart(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if base[0] == '.' || base[0] == '_' || base == "testdata" || base == "node_modules" || base == "vendor" {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func readFile(fsys fs.FS, name string) (File, error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return File{}, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, src, parser.ImportsOnly)
	if err != nil {
		return File{}, err
	}
	f := File{Name: name}
	for _, spec := range tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return File{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		f.Imports = append(f.Imports, Import{p, set.Position(spec.Pos()).Line})
	}
	return f, nil
}

// floors are the house's floors; a folder at the module's root that is not here holds no Go file. Nothing imports scripts.
var floors = map[string]int{"cmd": 5, "examples": 5, "scripts": 5, "engine": 4, "dags": 3, "connectors": 2, "operators": 1, "kernels": 0}

// Check returns what breaks the layout, one sentence each with its place, in the order of files. Tests are checked for
// nothing but cgo: whatever they import, the product does not.
func Check(module string, files []File) []string {
	var wrong []string
	for _, f := range files {
		top := first(f.Dir())
		if _, ok := floors[top]; !ok && top != "testing" {
			wrong = append(wrong, fmt.Sprintf("%s: %q is no floor of the house", f.Name, top))
			continue
		}
		for _, imp := range f.Imports {
			for _, why := range judge(module, f, imp.Path) {
				wrong = append(wrong, fmt.Sprintf("%s:%d: imports %s: %s", f.Name, imp.Line, imp.Path, why))
			}
		}
	}
	return wrong
}

// judge returns why f must not import to.
func judge(module string, f File, to string) (wrong []string) {
	say := func(bad bool, why string) {
		if bad {
			wrong = append(wrong, why)
		}
	}
	say(to == "C", "the product is one static binary, without cgo")
	from := f.Dir()
	if f.Test() || first(from) == "testing" {
		return wrong
	}
	say(within(to, "github.com/apache/arrow") && from != "operators/batch" && from != "connectors/arrowipc",
		"only operators/batch and connectors/arrowipc know Arrow's library")

	to, ours := strings.CutPrefix(to, module+"/")
	if !ours {
		return wrong
	}
	if first(to) == "testing" {
		return append(wrong, "only tests import testing")
	}
	say(floors[first(from)] < floors[first(to)], fmt.Sprintf("%s lies below %s", first(from), first(to)))
	say(from == "operators/diag", "operators/diag imports nothing of ours")
	say(from == "operators/batch" && first(to) != "kernels", "operators/batch imports kernels only")
	say(first(to) == "scripts", "a script is a command")
	say(concreteOperator(to) && from != "operators/all", "only operators/all names a concrete operator")
	say(concreteConnector(to) && from != "connectors/all", "only connectors/all names a concrete connector")
	say(within(to, "engine/beam") && from != "cmd/headrace-beam" && !within(from, "engine/beam"), "only cmd/headrace-beam imports the Beam runner")
	return wrong
}

var families = []string{"table", "clean", "sample", "feature", "evaluate", "train"}

// concreteOperator says whether dir holds operators rather than what they stand on. An internal folder is shared by its
// family, and the compiler keeps others out.
func concreteOperator(dir string) bool {
	parts := strings.Split(dir, "/")
	return len(parts) > 1 && parts[0] == "operators" && slices.Contains(families, parts[1]) && !slices.Contains(parts, "internal")
}

func concreteConnector(dir string) bool {
	parts := strings.Split(dir, "/")
	return len(parts) > 1 && parts[0] == "connectors" && parts[1] != "files" && parts[1] != "all" && !slices.Contains(parts, "internal")
}

func first(dir string) string {
	top, _, _ := strings.Cut(dir, "/")
	return top
}

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
