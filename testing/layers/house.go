package layers

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// The words are put together here, so that this file holds neither.
var unfinished = regexp.MustCompile(`\b(` + "TO" + "DO|FIX" + `ME)\b`)

// Unfinished returns the places in the text files of fsys that say something is left to do: what is not done is not
// committed, and what is wanted next is written where work is planned. Test data may say what it likes.
func Unfinished(fsys fs.FS) ([]string, error) {
	var places []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch {
			case name == "bin", name == "build", name == "data", name == "dist", d.Name() == "testdata", d.Name() == "node_modules",
				name != "." && strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci":
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(name) {
		case ".test", ".prof", ".pprof", ".out":
			return nil // built, not written
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			return nil // no text
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if word := unfinished.Find(line); word != nil {
				places = append(places, fmt.Sprintf("%s:%d: says %s", name, i+1, word))
			}
		}
		return nil
	})
	return places, err
}

// Goroutines returns the places in operators that start one: they ask env.Parallel, which knows how many cores the run
// may use and gives the same result for any number.
func Goroutines(fsys fs.FS, files []File) ([]string, error) {
	var places []string
	for _, f := range files {
		if first(f.Dir()) != "operators" || f.Test() {
			continue
		}
		src, err := fs.ReadFile(fsys, f.Name)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, f.Name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				places = append(places, fmt.Sprintf("%s: an operator starts a goroutine", set.Position(g.Pos())))
			}
			return true
		})
	}
	return places, nil
}
