package kernels_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoFusing: Go may fuse x*y+z into one rounding, across statements too, and does so on arm64 and under GOAMD64=v3. In
// the packages whose bits are promised, every product of floats is therefore the operand of a conversion, which forbids it.
func TestNoFusing(t *testing.T) {
	for _, dir := range []string{"elem", "exact", "fmath", "hash", "reduce"} {
		fset := token.NewFileSet()
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: no files: %v", dir, err)
		}
		var files []*ast.File
		for _, p := range paths {
			if strings.HasSuffix(p, "_test.go") || strings.HasSuffix(p, "_amd64.go") {
				continue
			}
			f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		for _, at := range products(fset, dir, files) {
			t.Errorf("%s: a product of floats outside float64(…)", fset.Position(at))
		}
	}
}

// TestNoFusingCatches: the check sees what it is for.
func TestNoFusingCatches(t *testing.T) {
	const src = `package p
func f[T ~float64](x, y, z float64, a, b T, i int) float64 {
	p := x * y
	x *= z
	q := a * b
	const c = 2.0 * 3
	return float64(x*y) + p + float64(q) + T2(i*i) + c + float64(T(a*b))
}
func T2(i int) float64 { return float64(i) }`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, at := range products(fset, "p", []*ast.File{f}) {
		lines = append(lines, fset.Position(at).Line)
	}
	if len(lines) != 3 || lines[0] != 3 || lines[1] != 4 || lines[2] != 5 {
		t.Errorf("found at lines %v, want 3, 4, 5", lines)
	}
}

func products(fset *token.FileSet, dir string, files []*ast.File) (at []token.Pos) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil), Error: func(error) {}}
	config.Check(dir, fset, files, info) // our own imports may be missing; what is float is known without them
	float := func(e ast.Expr) bool {
		tv, ok := info.Types[e]
		if !ok || tv.Value != nil || tv.Type == nil {
			return false
		}
		if p, ok := tv.Type.(*types.TypeParam); ok {
			return hasFloat(p.Constraint().Underlying())
		}
		return hasFloat(tv.Type.Underlying())
	}
	for _, f := range files {
		rounded := map[ast.Expr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if tv := info.Types[n.Fun]; tv.IsType() && len(n.Args) == 1 {
					rounded[n.Args[0]] = true
				}
			case *ast.BinaryExpr:
				if n.Op == token.MUL && float(n) && !rounded[n] {
					at = append(at, n.OpPos)
				}
			case *ast.AssignStmt:
				if n.Tok == token.MUL_ASSIGN && float(n.Lhs[0]) {
					at = append(at, n.TokPos)
				}
			}
			return true
		})
	}
	return at
}

func hasFloat(t types.Type) bool {
	switch t := t.(type) {
	case *types.Basic:
		return t.Info()&types.IsFloat != 0
	case *types.Interface:
		for i := range t.NumEmbeddeds() {
			if hasFloat(t.EmbeddedType(i).Underlying()) {
				return true
			}
		}
	case *types.Union:
		for i := range t.Len() {
			if hasFloat(t.Term(i).Type().Underlying()) {
				return true
			}
		}
	}
	return false
}
